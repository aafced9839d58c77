//===- ProgramCursor.h - A program, instruction by instruction ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_VERIFY_PROGRAMCURSOR_H
#define SINTER_SCHEDULE_VERIFY_PROGRAMCURSOR_H

#include "lib/Schedule/Verify/InstructionRules.h"

namespace sinter::verify {

/// A program, instruction by instruction, with the cycles at which they are issued.
class ProgramCursor {
public:
  ProgramCursor(const format::QueueProgram &program, const Queue &queue) : queue(queue), program(program) {}

  const Queue queue;
  /// Of the current instruction.
  const format::Instruction *instruction = nullptr;
  uint64_t cycle = 0;
  int64_t offset = 0;
  bool isFirst = true;

  /// On to the next; false at the end, or where `fault` says what is wrong.
  bool next(const format::StreamSchedule &schedule, const format::StreamMachine &machine, std::string &fault);

private:
  const format::QueueProgram &program;
  int at = 0;
  uint64_t left = 0, interval = 0;
  int64_t step = 0;
  bool passed = false;
};

} // namespace sinter::verify

#endif // SINTER_SCHEDULE_VERIFY_PROGRAMCURSOR_H
