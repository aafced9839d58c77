//===- StreamBursts.h - The programs of a schedule, burst by burst --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_PROFILE_STREAMBURSTS_H
#define SINTER_SCHEDULE_PROFILE_STREAMBURSTS_H

#include "lib/Schedule/Verify/InstructionRules.h"

#include "llvm/Support/Error.h"

#include <vector>

namespace sinter::profile {

/// An instruction with its repetitions, and when they are issued. One that reads and writes is two bursts: what it
/// reads may have nothing to do with what it writes.
struct Burst {
  const format::Instruction *instruction = nullptr;
  /// Of an instruction of memory, what it is; none of others.
  const format::Access *read = nullptr, *write = nullptr;
  unsigned queue = 0;
  uint64_t first = 0, count = 1, interval = 1;
  int64_t step = 0;
  /// The number of its first issue; those of the others follow.
  uint64_t firstIssue = 0;

  uint64_t cycle(uint64_t repetition) const { return first + repetition * interval; }
  uint64_t last() const { return cycle(count - 1); }
  /// Whether it is the write beside a read, so that the queue issues one instruction for both.
  bool isBeside() const { return write && instruction->memory().has_read(); }
  /// As Instruction.span.
  uint32_t span() const { return isBeside() ? instruction->write_span() : instruction->span(); }
};

/// A queue of the chip, and its bursts in the list of all: in the order of time, one after the other; but a write that
/// is beside a read stands behind it.
struct QueueBursts {
  verify::Queue queue;
  unsigned firstBurst = 0, numBursts = 0;
};

/// What a schedule issues and when.
struct StreamBursts {
  /// What is longer is not looked at: 2^22 cycles are about 5 ms.
  static constexpr uint64_t greatestCycles = uint64_t(1) << 22, greatestIssues = uint64_t(1) << 27;

  std::vector<QueueBursts> queues;
  std::vector<Burst> bursts;
  /// Of all bursts: one that reads and writes counts twice.
  uint64_t numIssues = 0;

  /// `schedule` must hold out as long as the bursts. A program or an instruction that the machine does not have, and a
  /// schedule that is too long, are Failures (Unusable).
  static llvm::Expected<StreamBursts> read(const format::StreamSchedule &schedule,
                                           const format::StreamMachine &machine);
};

} // namespace sinter::profile

#endif // SINTER_SCHEDULE_PROFILE_STREAMBURSTS_H
