//===- InstructionRules.h - What an instruction may say -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_VERIFY_INSTRUCTIONRULES_H
#define SINTER_SCHEDULE_VERIFY_INSTRUCTIONRULES_H

#include "runtime/format/ChipDescription.h"
#include "runtime/format/schedule.pb.h"

#include <optional>
#include <string>

namespace sinter::verify {

/// A queue of the chip.
struct Queue {
  format::Unit unit = format::MEM;
  format::Direction hemisphere = format::WEST;
  uint32_t index = 0;
  int x = 0;

  std::string name() const;
};

/// The queue of a program, if the chip has it.
std::optional<Queue> queueOf(const format::QueueProgram &program, const format::StreamMachine &machine);

/// What is wrong with an instruction of a queue, as the predicate of a sentence, without its repetitions; empty if
/// nothing is. It is none of `nop` and `repeat`.
std::string faultOf(const format::Instruction &instruction, const Queue &queue, const format::StreamSchedule &schedule,
                    const format::StreamMachine &machine);

} // namespace sinter::verify

#endif // SINTER_SCHEDULE_VERIFY_INSTRUCTIONRULES_H
