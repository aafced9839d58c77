//===- ScheduleText.cpp - Schedules as text ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/ScheduleText.h"
#include "tools/sinter/StoredSchedule.h"

#include "llvm/Support/FormatVariadic.h"

using namespace sinter;
using namespace sinter::tool;

namespace {

std::string lower(const std::string &name) { return llvm::StringRef(name).lower(); }

std::string groupText(const format::StreamGroup &group) {
  return (group.direction() == format::EAST ? "e" : "w") + std::to_string(group.first());
}

std::string operandText(const format::Operand &operand) {
  switch (operand.source_case()) {
  case format::Operand::kStream:
    return groupText(operand.stream());
  case format::Operand::kConstant:
    return llvm::formatv("{0:x8}", operand.constant()).str();
  case format::Operand::kAlu:
    return "alu" + std::to_string(operand.alu());
  case format::Operand::SOURCE_NOT_SET:
    break;
  }
  return "?";
}

std::string accessText(const char *name, const format::Access &access, const char *arrow) {
  std::string text = llvm::formatv("{0} {1} {2} {3}", name, access.address(), arrow, groupText(access.stream())).str();
  if (access.superlanes() != (1u << 20) - 1)
    text += llvm::formatv(" superlanes {0:x}", access.superlanes()).str();
  if (access.has_indirect())
    text += llvm::formatv(" by {0}, {1} from {2}", groupText(access.indirect().values()), access.indirect().count(),
                          access.indirect().first())
                .str();
  return text;
}

std::string halfText(format::Half half) { return " " + lower(format::Half_Name(half)); }

std::string aluText(const format::Alu &alu) {
  std::string text =
      lower(format::Alu::Operation_Name(alu.operation())) + "." + lower(format::ElementType_Name(alu.type()));
  if (alu.operation() == format::Alu::CONVERT)
    text += "." + lower(format::ElementType_Name(alu.to()));
  const char *separator = " ";
  auto add = [&](bool has, const format::Operand &operand) {
    if (!has)
      return;
    text += separator + operandText(operand);
    separator = ", ";
  };
  add(alu.has_a(), alu.a());
  add(alu.has_b(), alu.b());
  add(alu.has_c(), alu.c());
  return alu.has_out() ? text + " -> " + groupText(alu.out()) : text;
}

} // namespace

std::string tool::instructionText(const format::Instruction &instruction) {
  switch (instruction.operation_case()) {
  case format::Instruction::kMemory: {
    const format::Memory &memory = instruction.memory();
    std::string text;
    if (memory.has_read())
      text = accessText("read", memory.read(), "->");
    if (memory.has_write())
      text += (text.empty() ? "" : "; ") + accessText("write", memory.write(), "<-");
    return text;
  }
  case format::Instruction::kAlu:
    return aluText(instruction.alu());
  case format::Instruction::kLoad: {
    const format::LoadWeights &load = instruction.load();
    return llvm::formatv("load{0} column {1} <- {2}{3}", load.float16() ? ".float16" : ".int8", load.column(),
                         load.first_stream(), load.float16() ? halfText(load.half()) : "")
        .str();
  }
  case format::Instruction::kMultiply: {
    const format::Multiply &multiply = instruction.multiply();
    return llvm::formatv("multiply{0} row {1} <- {2}{3}{4}{5}{6}", multiply.float16() ? ".float16" : ".int8",
                         multiply.row(), multiply.stream(), multiply.float16() ? halfText(multiply.half()) : "",
                         multiply.add() ? " add" : "", multiply.swap() ? " swap" : "",
                         multiply.has_out() ? " -> " + groupText(multiply.out()) : "")
        .str();
  }
  case format::Instruction::kExchange: {
    const format::Exchange &exchange = instruction.exchange();
    return llvm::formatv("{0} {1} x{2} -> {3}", lower(format::Exchange::Operation_Name(exchange.operation())),
                         groupText(exchange.in()), exchange.streams(), groupText(exchange.out()))
        .str();
  }
  default:
    return "?";
  }
}

static std::string programText(const format::QueueProgram &program) {
  std::string text = lower(format::Unit_Name(program.unit()));
  if (program.unit() != format::VXM)
    text += " " + lower(format::Direction_Name(program.hemisphere()));
  text += " " + std::to_string(program.index()) + ":\n";
  uint64_t cycle = 0;
  for (const format::Instruction &instruction : program.instructions()) {
    if (instruction.has_nop()) {
      cycle += instruction.nop();
    } else if (instruction.has_repeat()) {
      const format::Repeat &repeat = instruction.repeat();
      text.pop_back();
      text += llvm::formatv(", {0} more every {1}", repeat.count(), repeat.interval()).str();
      text += (repeat.step() ? " by " + std::to_string(repeat.step()) : "") + "\n";
      cycle += uint64_t(repeat.count()) * repeat.interval(); // from the cycle behind the first to that behind the last
    } else {
      text += llvm::formatv("{0,8}  {1}\n", cycle, instructionText(instruction)).str();
      ++cycle;
    }
  }
  return text;
}

std::string tool::writeScheduleText(const std::string &path) {
  format::StreamSchedule schedule = readScheduleFile(path);
  std::string text =
      llvm::formatv("chip {0}, {1} cycles, {2} queues\n", schedule.chip(), schedule.cycles(), schedule.programs_size())
          .str();
  for (const format::QueueProgram &program : schedule.programs())
    text += programText(program);
  return text;
}
