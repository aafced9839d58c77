//===- StreamMutations.h - Schedules with one thing changed ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STREAMMUTATIONS_H
#define SINTER_TEST_UNIT_STREAMMUTATIONS_H

#include "runtime/format/schedule.pb.h"

#include <random>
#include <string>
#include <vector>

namespace sinter::test {

/// One way in which a scheduler may go wrong. Flow and `cycles` are left as they are.
struct StreamMutation {
  std::string name;
  /// False where the schedule has nothing to change in this way.
  bool (*apply)(format::StreamSchedule &schedule, std::mt19937 &random);
};

const std::vector<StreamMutation> &streamMutations();

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_STREAMMUTATIONS_H
