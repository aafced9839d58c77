//===- RuntimeTestDevice.h - A device for tests ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Its schedules are texts: "sum 7" adds to each byte of each output all inputs'
// bytes of the same position and the weights' first byte, and takes 7 cycles;
// "count 7" writes how often it was executed in this session; "stop why" fails;
// "refuse why" cannot be opened.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_RUNTIMETESTDEVICE_H
#define SINTER_TEST_UNIT_RUNTIMETESTDEVICE_H

#include "sinter-rt/sinter.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How many handles are open. */
extern int runtimeTestDeviceHandles;
/* The schedules that were given to the last `open`, and the size of the first one's chip description. */
extern uint32_t runtimeTestDeviceSchedules;
extern uint64_t runtimeTestDeviceChipSize;

const sinter_device *runtimeTestDevice(void);

#ifdef __cplusplus
}
#endif

#endif /* SINTER_TEST_UNIT_RUNTIMETESTDEVICE_H */
