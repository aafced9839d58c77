//===- ProgramCursor.cpp - A program, instruction by instruction ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/ProgramCursor.h"

namespace sinter::verify {

using namespace format;

bool ProgramCursor::next(const StreamSchedule &schedule, const StreamMachine &machine, std::string &fault) {
  if (instruction && left > 0) {
    --left;
    cycle += interval;
    offset += step;
    isFirst = false;
    return true;
  }
  // Since the instruction before: whether there was one, and no `nop` or `repeat` after it.
  bool repeatable = instruction != nullptr;
  uint64_t now = instruction ? cycle + 1 : 0;
  if (passed)
    repeatable = false;
  while (at < program.instructions_size()) {
    const Instruction &here = program.instructions(at++);
    std::string which = "instruction " + std::to_string(at - 1) + " ";
    if (here.has_repeat()) {
      const Repeat &repeat = here.repeat();
      if (!repeatable) {
        fault = which + "repeats no instruction";
        return false;
      }
      if (repeat.interval() == 0) {
        fault = which + "issues two in one cycle";
        return false;
      }
      bool steps = instruction->has_memory() || instruction->has_load() || instruction->has_multiply();
      if (repeat.step() != 0 && !steps) {
        fault = which + "steps what has no address";
        return false;
      }
      repeatable = false;
      passed = true;
      if (repeat.count() == 0)
        continue;
      left = repeat.count() - 1;
      interval = repeat.interval();
      step = repeat.step();
      cycle += interval;
      offset += step;
      isFirst = false;
      return true;
    }
    repeatable = false;
    if (here.operation_case() == Instruction::kNop) {
      passed = true;
      now += here.nop();
      continue;
    }
    if (std::string wrong = faultOf(here, queue, schedule, machine); !wrong.empty()) {
      cycle = now;
      fault = which + wrong;
      return false;
    }
    instruction = &here;
    cycle = now;
    offset = 0;
    isFirst = true;
    passed = false;
    return true;
  }
  return false;
}

} // namespace sinter::verify
