//===- sim.h - Executes schedules without the chip ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A device for programs whose schedules are for a streaming chip: it simulates the
// chip, cycle by cycle and bit by bit.
//
//   const sinter_device *devices[] = {sinter_simulator_device()};
//   sinter_program_options options = {.struct_bytes = sizeof options, .devices = devices, .device_count = 1};
//
// Where the machine stops, the run fails with the cycle and the place. C; the
// library is C++ and needs protobuf.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RT_SIM_H
#define SINTER_RT_SIM_H

#include "sinter-rt/sinter.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Knows the chips of Sinter's, and others by the description that the program has. Lives as long as the application.
SINTER_API const sinter_device *sinter_simulator_device(void);

#ifdef __cplusplus
}
#endif

#endif /* SINTER_RT_SIM_H */
