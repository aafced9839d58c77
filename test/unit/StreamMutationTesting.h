//===- StreamMutationTesting.h - Mutated schedules must be refused ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thing is changed in a right schedule. Where the simulator then stops, or comes to
// other outputs, the verifier must refuse the schedule, with kind, cycle and place,
// though it sees neither weights nor inputs; and it may refuse few of those that the simulator finds right.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STREAMMUTATIONTESTING_H
#define SINTER_TEST_UNIT_STREAMMUTATIONTESTING_H

#include "runtime/format/chip.pb.h"
#include "runtime/format/schedule.pb.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sinter::test {

/// A right schedule, and what it is executed with.
struct MutationSubject {
  std::string name;
  format::StreamSchedule schedule;
  std::vector<uint8_t> weights;
  /// The bytes of each input by its name; once for each execution.
  std::vector<std::map<std::string, std::vector<uint8_t>>> inputs;
};

/// As many mutations of each kind as the long form of the tests makes, or a sample, or what SINTER_STREAM_MUTATIONS
/// says; of the subjects in turn. Fails where the verifier's judgement is not what it has to be; with
/// SINTER_STREAM_MUTATIONS it prints what it counts.
void checkMutations(const std::vector<MutationSubject> &subjects, const format::Chip &chip);

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_STREAMMUTATIONTESTING_H
