//===- StreamProfile.h - Where a streaming chip's cycles go ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a schedule says of a run before there is one, from the schedule and the chip's
// description alone: how busy each unit is over time, how much of each slice is in use,
// which steps determine the cycles, and what the nodes of the model take of all that.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_PROFILE_STREAMPROFILE_H
#define SINTER_SCHEDULE_PROFILE_STREAMPROFILE_H

#include "lib/Schedule/Profile/CriticalChain.h"

namespace sinter::profile {

/// A queue of the chip, also one without a program.
struct QueueUse {
  verify::Queue queue;
  uint64_t issues = 0;
  std::vector<uint32_t> byBucket;
};

struct SliceUse {
  verify::Queue queue;
  StreamReplay::SliceWords words;
};

/// What is issued for a node of the source model, and its part of the critical chain.
struct NodeUse {
  std::string name, op;
  uint64_t firstCycle = 0, lastCycle = 0;
  /// Issues by unit, as format::Unit numbers them.
  std::array<uint64_t, format::Unit_ARRAYSIZE> issues = {};
  unsigned chainSteps = 0;
  Spending chain;
};

/// A step of the chain in words.
struct StepDescription {
  /// Index in `nodes`.
  unsigned node = 0;
  /// What it does: "load weights", "products and functions".
  std::string work;
  /// For what it waits: "a word of MEM slice 3 west".
  std::string reason;
};

struct StreamProfile {
  static constexpr unsigned mostBuckets = 256;

  format::StreamMachine machine;
  uint64_t cycles = 0;
  /// Time in equal parts; the last one may be cut short.
  uint64_t bucketCycles = 1;
  unsigned numBuckets = 0;
  /// West to east; at one position by index.
  std::vector<QueueUse> queues;
  std::vector<SliceUse> slices;
  /// By direction (as format::Direction) and bucket: in how many registers there was a value that was still wanted,
  /// summed over cycles.
  std::vector<uint64_t> registers[2];
  /// In the order of their first cycle. What is issued for nothing that the schedule names is of a node without a name.
  std::vector<NodeUse> nodes;
  std::vector<ChainStep> chain;
  std::vector<StepDescription> steps;
  /// Of the whole chain: `cycles` in all.
  Spending spent;

  uint64_t cyclesOf(unsigned bucket) const { return std::min(bucketCycles, cycles - bucket * bucketCycles); }
  unsigned numRegisters() const { return machine.streamsPerDirection * (2 * machine.edge() + 1); }
};

/// What a cycle of the chain is spent on, in words, and its name: that of the constant in chip descriptions, or
/// "vectors".
const char *describe(Spent spent);
const char *nameOf(Spent spent);
/// "data", "array", ...
const char *nameOf(Wait wait);

/// A schedule that is damaged, of another chip, or too long, is a Failure (Unusable).
llvm::Expected<StreamProfile> profileSchedule(const format::StreamSchedule &schedule, const format::Chip &chip);

} // namespace sinter::profile

#endif // SINTER_SCHEDULE_PROFILE_STREAMPROFILE_H
