//===- StreamPrograms.h - Small schedules with what they compute ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written by hand: at least one for each unit of a streaming chip, with Flow, so that
// the simulator executes them and the verifier accepts them.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STREAMPROGRAMS_H
#define SINTER_TEST_UNIT_STREAMPROGRAMS_H

#include "test/unit/StreamScheduleBuilder.h"

#include <string>
#include <vector>

namespace sinter::test {

struct StreamProgram {
  std::string name;
  format::StreamSchedule schedule;
  std::vector<uint8_t> weights;
};

/// All of them; `cycles` is what the simulator counts.
std::vector<StreamProgram> streamPrograms();

/// Bytes for an input, which are numbers that make sense for its type; others for another seed.
std::vector<uint8_t> drawInput(const format::Placement &placement, uint32_t seed);

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_STREAMPROGRAMS_H
