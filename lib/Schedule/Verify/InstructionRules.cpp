//===- InstructionRules.cpp - What an instruction may say -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/InstructionRules.h"

#include "lib/Schedule/Verify/VectorNames.h"

namespace sinter::verify {

using namespace format;

namespace {

/// A group of `width` streams that begins at a multiple of `multiple`.
std::string streamFault(uint32_t direction, uint32_t first, uint32_t width, uint32_t multiple,
                        const StreamMachine &machine) {
  if (direction > 1)
    return "has a stream of no direction";
  if (uint64_t(first) + width > machine.streamsPerDirection)
    return "has a stream beyond the last one";
  if (first % multiple != 0)
    return "has a group of " + std::to_string(width) + " streams that begins at " + std::to_string(first);
  return "";
}

std::string accessFault(const Access &access, const StreamMachine &machine) {
  if (std::string fault = streamFault(access.stream().direction(), access.stream().first(), 1, 1, machine);
      !fault.empty())
    return fault;
  if (access.address() >= machine.wordsPerSlice)
    return "has address " + std::to_string(access.address()) + ", beyond the slice";
  if (uint64_t(access.superlanes()) >> machine.superlanes)
    return "has a superlane beyond the last one";
  if (!access.has_indirect())
    return "";
  if (access.indirect().count() == 0)
    return "looks up in a range without words";
  return streamFault(access.indirect().values().direction(), access.indirect().values().first(), 2, 2, machine);
}

std::string memoryFault(const Memory &memory, const StreamMachine &machine) {
  if (!memory.has_read() && !memory.has_write())
    return "accesses nothing";
  for (const Access *access :
       {memory.has_read() ? &memory.read() : nullptr, memory.has_write() ? &memory.write() : nullptr}) {
    if (!access)
      continue;
    if (std::string fault = accessFault(*access, machine); !fault.empty())
      return fault;
    if (access->has_indirect() && memory.has_read() && memory.has_write())
      return "is a gather or scatter with a second access";
  }
  return "";
}

std::string aluFault(const Alu &alu, const StreamMachine &machine) {
  unsigned width = widthOf(alu.type()), toWidth = widthOf(alu.to());
  if (!Alu::Operation_IsValid(alu.operation()) || width == 0 || toWidth == 0)
    return "is no operation on a type";
  bool wide = alu.type() == INT32 || alu.type() == FLOAT32;
  switch (alu.operation()) {
  case Alu::CONVERT: {
    // float16 only from and to float32.
    bool ofHalf = alu.type() == FLOAT16 || alu.to() == FLOAT16;
    if (alu.type() == alu.to() || (ofHalf && alu.type() != FLOAT32 && alu.to() != FLOAT32))
      return "is a conversion that there is not";
    break;
  }
  case Alu::EXP:
  case Alu::TANH:
  case Alu::RSQRT:
    if (alu.type() != FLOAT32)
      return "is a function of float32 only";
    break;
  case Alu::AND:
  case Alu::OR:
  case Alu::XOR:
  case Alu::SHIFT_LEFT:
  case Alu::SHIFT_RIGHT:
    if (alu.type() != INT32)
      return "is an operation on int32 only";
    break;
  default:
    if (!wide)
      return "is an operation on 32 bits only";
  }
  const bool present[] = {alu.has_a(), alu.has_b(), alu.has_c()};
  const Operand *operands[] = {&alu.a(), &alu.b(), &alu.c()};
  for (unsigned k = 0; k < 3; ++k) {
    if (present[k] != (k < arityOf(alu.operation())))
      return "has another number of operands than its operation";
    if (!present[k])
      continue;
    const Operand &operand = *operands[k];
    std::string fault;
    if (operand.source_case() == Operand::kStream)
      fault = streamFault(operand.stream().direction(), operand.stream().first(), width, width, machine);
    else if (operand.source_case() == Operand::kAlu && operand.alu() >= machine.alus)
      fault = "takes the result of an ALU that there is not";
    else if (operand.source_case() == Operand::SOURCE_NOT_SET)
      fault = "has an empty operand";
    if (!fault.empty())
      return fault;
  }
  if (!alu.has_out())
    return "";
  unsigned out = resultWidth(alu.operation(), alu.type(), alu.to());
  return streamFault(alu.out().direction(), alu.out().first(), out, out, machine);
}

std::string loadFault(const LoadWeights &load, const Queue &queue, const StreamMachine &machine) {
  if (load.float16() ? (load.half() < LOW || load.half() > BOTH || queue.index % 2 != 0) : load.half() != LOW)
    return "has a half or a plane that does not go with its type";
  return streamFault(queue.hemisphere, load.first_stream(), machine.loadStreams(), machine.loadStreams(), machine);
}

std::string multiplyFault(const Multiply &multiply, const Queue &queue, const StreamMachine &machine) {
  if (multiply.float16() ? (multiply.half() != LOW && multiply.half() != HIGH) || queue.index % 2 != 0
                         : multiply.half() != LOW)
    return "has a half or a plane that does not go with its type";
  unsigned width = multiply.float16() ? 2 : 1;
  std::string fault = streamFault(queue.hemisphere, multiply.stream(), width, width, machine);
  if (!fault.empty() || !multiply.has_out())
    return fault;
  if (multiply.out().direction() == queue.hemisphere)
    return "drives outward";
  return streamFault(multiply.out().direction(), multiply.out().first(), 4, 4, machine);
}

std::string exchangeFault(const Exchange &exchange, const Queue &queue, const StreamSchedule &schedule,
                          const StreamMachine &machine) {
  uint32_t side = machine.lanesPerSuperlane, tableSize = 0;
  Unit wanted = PERMUTE;
  switch (exchange.operation()) {
  case Exchange::TRANSPOSE:
    wanted = TRANSPOSE;
    if (exchange.streams() != side)
      return "transposes another number of streams than 16";
    break;
  case Exchange::DISTRIBUTE:
    wanted = TRANSPOSE;
    tableSize = side;
    break;
  case Exchange::PERMUTE:
    tableSize = machine.lanes();
    break;
  case Exchange::SHIFT:
    if (std::abs(int64_t(exchange.shift())) >= machine.lanes())
      return "shifts by all lanes";
    break;
  default:
    return "is no operation of the SXM";
  }
  if (wanted != queue.unit)
    return "is of the other queue of the SXM";
  if (exchange.streams() == 0 || exchange.streams() > side)
    return "moves no streams or too many";
  for (const StreamGroup *group : {&exchange.in(), &exchange.out()})
    if (std::string fault = streamFault(group->direction(), group->first(), exchange.streams(), 1, machine);
        !fault.empty())
      return fault;
  if (tableSize == 0)
    return "";
  if (exchange.lane_map() >= static_cast<uint32_t>(schedule.lane_maps_size()))
    return "names a table that there is not";
  const auto &sources = schedule.lane_maps(static_cast<int>(exchange.lane_map())).source();
  if (static_cast<uint32_t>(sources.size()) != tableSize)
    return "names a table of another size than it needs";
  for (uint32_t source : sources)
    if (source > tableSize)
      return "names a table with a lane that there is not";
  return "";
}

} // namespace

std::string Queue::name() const {
  static const char *const units[] = {"MEM slice",     "VXM ALU",    "MXM LOAD of plane", "MXM MULTIPLY of plane",
                                      "SXM TRANSPOSE", "SXM PERMUTE"};
  std::string text = units[unit];
  if (unit != TRANSPOSE && unit != PERMUTE)
    text += " " + std::to_string(index);
  if (unit != VXM)
    text += hemisphere == WEST ? " west" : " east";
  return text;
}

std::optional<Queue> queueOf(const QueueProgram &program, const StreamMachine &machine) {
  Queue queue{program.unit(), program.hemisphere(), program.index(), 0};
  uint32_t limit = 1, distance = 0;
  switch (program.unit()) {
  case MEM:
    limit = machine.slicesPerHemisphere;
    distance = 1 + program.index() / machine.slicesPerPosition;
    break;
  case VXM:
    limit = program.hemisphere() == WEST ? machine.alus : 0;
    break;
  case LOAD:
  case MULTIPLY:
    limit = machine.planesPerHemisphere;
    distance = machine.mxmPosition + program.index();
    break;
  case TRANSPOSE:
  case PERMUTE:
    distance = machine.sxmPosition;
    break;
  default:
    limit = 0;
  }
  if (program.index() >= limit || (program.hemisphere() != EAST && program.hemisphere() != WEST))
    return std::nullopt;
  queue.x = program.hemisphere() == WEST ? -static_cast<int>(distance) : static_cast<int>(distance);
  return queue;
}

std::string faultOf(const Instruction &instruction, const Queue &queue, const StreamSchedule &schedule,
                    const StreamMachine &machine) {
  switch (instruction.operation_case()) {
  case Instruction::kMemory:
    return queue.unit == MEM ? memoryFault(instruction.memory(), machine) : "is of memory";
  case Instruction::kAlu:
    return queue.unit == VXM ? aluFault(instruction.alu(), machine) : "is of an ALU";
  case Instruction::kLoad:
    return queue.unit == LOAD ? loadFault(instruction.load(), queue, machine) : "is a LOAD";
  case Instruction::kMultiply:
    return queue.unit == MULTIPLY ? multiplyFault(instruction.multiply(), queue, machine) : "is a MULTIPLY";
  case Instruction::kExchange:
    return exchangeFault(instruction.exchange(), queue, schedule, machine);
  default:
    return "is empty";
  }
}

} // namespace sinter::verify
