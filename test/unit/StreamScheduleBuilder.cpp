//===- StreamScheduleBuilder.cpp - Schedules written by hand, for tests ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamScheduleBuilder.h"

#include "runtime/format/ChipDescription.h"
#include "runtime/format/ScheduleFile.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sinter::test {

using namespace format;

Chip tsp1() {
  std::ifstream file(SINTER_SOURCE_ROOT "/runtime/format/chips/tsp1.json");
  std::stringstream text;
  text << file.rdbuf();
  std::string error;
  std::optional<Chip> chip = readChip(text.str(), error);
  if (!chip)
    throw std::runtime_error(error);
  return *chip;
}

StreamGroup group(Direction direction, uint32_t first) {
  StreamGroup group;
  group.set_direction(direction);
  group.set_first(first);
  return group;
}

Operand onStream(Direction direction, uint32_t first) {
  Operand operand;
  *operand.mutable_stream() = group(direction, first);
  return operand;
}

Operand constant(uint32_t bits) {
  Operand operand;
  operand.set_constant(bits);
  return operand;
}

Operand fromAlu(uint32_t alu) {
  Operand operand;
  operand.set_alu(alu);
  return operand;
}

namespace {

void setAccess(Access &access, uint32_t address, Direction direction, uint32_t stream, uint32_t superlanes) {
  access.set_address(address);
  *access.mutable_stream() = group(direction, stream);
  access.set_superlanes(superlanes);
}

void place(Placement &placement, const std::string &name, ElementType type, uint32_t rows, uint32_t columns,
           Direction hemisphere, uint32_t slice, uint32_t address) {
  placement.set_name(name);
  placement.set_type(type);
  placement.set_rows(rows);
  placement.set_columns(columns);
  uint32_t bytes = type == INT8 ? 1 : type == INT16 || type == FLOAT16 ? 2 : 4;
  for (uint32_t byte = 0; byte < bytes; ++byte) {
    Strip &strip = *placement.add_strips();
    strip.set_columns(columns);
    strip.set_byte(byte);
    strip.set_hemisphere(hemisphere);
    strip.set_slice(slice + byte);
    strip.set_address(address);
  }
}

} // namespace

Instruction read(uint32_t address, Direction direction, uint32_t stream, uint32_t superlanes) {
  Instruction instruction;
  setAccess(*instruction.mutable_memory()->mutable_read(), address, direction, stream, superlanes);
  return instruction;
}

Instruction write(uint32_t address, Direction direction, uint32_t stream, uint32_t superlanes) {
  Instruction instruction;
  setAccess(*instruction.mutable_memory()->mutable_write(), address, direction, stream, superlanes);
  return instruction;
}

Instruction alu(Alu::Operation operation, ElementType type, const std::vector<Operand> &operands,
                std::optional<StreamGroup> out, ElementType to) {
  Instruction instruction;
  Alu &alu = *instruction.mutable_alu();
  alu.set_operation(operation);
  alu.set_type(type);
  alu.set_to(to);
  if (!operands.empty())
    *alu.mutable_a() = operands[0];
  if (operands.size() > 1)
    *alu.mutable_b() = operands[1];
  if (operands.size() > 2)
    *alu.mutable_c() = operands[2];
  if (out)
    *alu.mutable_out() = *out;
  return instruction;
}

Instruction loadWeights(uint32_t firstStream, uint32_t column, std::optional<Half> float16) {
  Instruction instruction;
  LoadWeights &load = *instruction.mutable_load();
  load.set_float16(float16.has_value());
  load.set_first_stream(firstStream);
  load.set_column(column);
  load.set_half(float16.value_or(LOW));
  return instruction;
}

Instruction multiply(uint32_t stream, uint32_t row, std::optional<Half> float16) {
  Instruction instruction;
  Multiply &multiply = *instruction.mutable_multiply();
  multiply.set_float16(float16.has_value());
  multiply.set_stream(stream);
  multiply.set_row(row);
  multiply.set_half(float16.value_or(LOW));
  return instruction;
}

Instruction exchange(Exchange::Operation operation, StreamGroup in, StreamGroup out, uint32_t streams) {
  Instruction instruction;
  Exchange &exchange = *instruction.mutable_exchange();
  exchange.set_operation(operation);
  *exchange.mutable_in() = in;
  *exchange.mutable_out() = out;
  exchange.set_streams(streams);
  return instruction;
}

StreamScheduleBuilder::StreamScheduleBuilder() {
  Chip chip = tsp1();
  result.set_version(scheduleVersion);
  result.set_chip(chip.name());
  result.set_chip_sha256(chipHash(chip));
}

Instruction &StreamScheduleBuilder::at(uint64_t cycle, Unit unit, Direction hemisphere, uint32_t index,
                                       Instruction instruction, Times times) {
  auto [entry, isNew] = queues[{unit, hemisphere, index}].insert({cycle, {std::move(instruction), times}});
  if (!isNew)
    throw std::logic_error("two instructions at one cycle of one queue");
  return entry->second.instruction;
}

Placement &StreamScheduleBuilder::input(const std::string &name, ElementType type, uint32_t rows, uint32_t columns,
                                        Direction hemisphere, uint32_t slice, uint32_t address) {
  place(*result.add_inputs(), name, type, rows, columns, hemisphere, slice, address);
  return *result.mutable_inputs(result.inputs_size() - 1);
}

Placement &StreamScheduleBuilder::output(const std::string &name, ElementType type, uint32_t rows, uint32_t columns,
                                         Direction hemisphere, uint32_t slice, uint32_t address) {
  place(*result.add_outputs(), name, type, rows, columns, hemisphere, slice, address);
  return *result.mutable_outputs(result.outputs_size() - 1);
}

StreamSchedule StreamScheduleBuilder::build() {
  result.clear_programs();
  for (const auto &[place, entries] : queues) {
    QueueProgram &program = *result.add_programs();
    program.set_unit(static_cast<Unit>(std::get<0>(place)));
    program.set_hemisphere(static_cast<Direction>(std::get<1>(place)));
    program.set_index(std::get<2>(place));
    uint64_t now = 0;
    for (const auto &[cycle, entry] : entries) {
      if (cycle < now)
        throw std::logic_error("a repetition reaches into the next instruction");
      if (cycle > now)
        program.add_instructions()->set_nop(static_cast<uint32_t>(cycle - now));
      *program.add_instructions() = entry.instruction;
      now = cycle + 1;
      if (entry.times.count) {
        Repeat &repeat = *program.add_instructions()->mutable_repeat();
        repeat.set_count(entry.times.count);
        repeat.set_interval(entry.times.interval);
        repeat.set_step(entry.times.step);
        now += uint64_t(entry.times.count) * entry.times.interval;
      }
    }
  }
  return result;
}

} // namespace sinter::test
