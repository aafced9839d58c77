//===- EncodeSchedule.cpp - Placed instructions as a schedule --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Emit/EncodeSchedule.h"

#include "lib/Support/Failure.h"
#include "runtime/format/ScheduleFile.h"

#include <algorithm>
#include <cassert>

using namespace sinter;
using namespace sinter::stream;

namespace {

format::Direction encode(Hemisphere side) { return side == Hemisphere::East ? format::EAST : format::WEST; }

format::ElementType encode(Element type) {
  switch (type) {
  case Element::Int8:
    return format::INT8;
  case Element::Int16:
    return format::INT16;
  case Element::Int32:
    return format::INT32;
  case Element::Float16:
    return format::FLOAT16;
  case Element::Float32:
    return format::FLOAT32;
  }
  llvm_unreachable("an element");
}

format::Half encode(Half half) {
  return half == Half::Low ? format::LOW : half == Half::High ? format::HIGH : format::BOTH;
}

void encode(const StreamGroup &group, format::StreamGroup &to) {
  to.set_direction(encode(group.direction));
  to.set_first(group.first);
}

// The operations are numbered alike.
static_assert(static_cast<int>(AluOp::Rsqrt) == static_cast<int>(format::Alu::RSQRT) &&
              static_cast<int>(AluOp::Select) == static_cast<int>(format::Alu::SELECT) &&
              static_cast<int>(AluOp::Convert) == static_cast<int>(format::Alu::CONVERT));

void encode(const AluOperand &operand, format::Operand *to) {
  if (operand.kind == AluOperand::Stream)
    encode(operand.stream, *to->mutable_stream());
  else if (operand.kind == AluOperand::Constant)
    to->set_constant(operand.bits);
  else
    to->set_alu(operand.alu);
}

/// One instruction, by its kind.
struct Encoder {
  format::Instruction &to;

  void operator()(const ReadInstruction &read) { access(*to.mutable_memory()->mutable_read(), read, read.to); }
  void operator()(const WriteInstruction &write) { access(*to.mutable_memory()->mutable_write(), write, write.from); }
  template <typename Instruction>
  void access(format::Access &access, const Instruction &from, const StreamGroup &stream) {
    access.set_address(from.address);
    access.set_superlanes(from.superlanes);
    encode(stream, *access.mutable_stream());
  }
  void operator()(const AluInstruction &alu) {
    format::Alu &made = *to.mutable_alu();
    made.set_operation(static_cast<format::Alu::Operation>(alu.op));
    made.set_type(encode(alu.type));
    if (alu.op == AluOp::Convert)
      made.set_to(encode(alu.to));
    if (alu.operands[0].kind != AluOperand::None)
      encode(alu.operands[0], made.mutable_a());
    if (alu.operands[1].kind != AluOperand::None)
      encode(alu.operands[1], made.mutable_b());
    if (alu.operands[2].kind != AluOperand::None)
      encode(alu.operands[2], made.mutable_c());
    if (alu.out)
      encode(*alu.out, *made.mutable_out());
  }
  void operator()(const LoadInstruction &load) {
    format::LoadWeights &made = *to.mutable_load();
    made.set_float16(load.isFloat16);
    made.set_first_stream(load.firstStream);
    made.set_column(load.column);
    if (load.isFloat16)
      made.set_half(encode(load.half));
  }
  void operator()(const MultiplyInstruction &multiply) {
    format::Multiply &made = *to.mutable_multiply();
    made.set_float16(multiply.isFloat16);
    made.set_stream(multiply.stream);
    if (multiply.isFloat16)
      made.set_half(encode(multiply.half));
    made.set_row(multiply.row);
    made.set_add(multiply.adds);
    made.set_swap(multiply.swaps);
    if (multiply.out)
      encode(*multiply.out, *made.mutable_out());
  }
};

/// Which queue a number is (TargetModel).
void nameQueue(unsigned queue, const TargetModel &model, format::QueueProgram &program) {
  auto sided = [&](format::Unit unit, unsigned number, unsigned perSide) {
    program.set_unit(unit);
    program.set_hemisphere(number / perSide ? format::WEST : format::EAST);
    program.set_index(number % perSide);
  };
  if (queue < 2 * model.slicesPerHemisphere)
    return sided(format::MEM, queue, model.slicesPerHemisphere);
  queue -= 2 * model.slicesPerHemisphere;
  if (queue < model.alus) {
    program.set_unit(format::VXM);
    program.set_hemisphere(format::WEST);
    return program.set_index(queue);
  }
  queue -= model.alus;
  assert(queue < 4 * model.planesPerHemisphere && "no instruction of an SXM is placed");
  sided(queue % 2 ? format::MULTIPLY : format::LOAD, queue / 2, model.planesPerHemisphere);
}

} // namespace

llvm::Expected<format::StreamSchedule> sinter::stream::encodeSchedule(const Placer &placer, const TargetModel &model) {
  format::StreamSchedule schedule;
  schedule.set_version(format::scheduleVersion);
  schedule.set_chip(model.name);
  schedule.set_chip_sha256(format::chipHash(model.description));
  schedule.set_cycles(placer.cycles());

  std::vector<std::vector<Issue>> queues(model.numQueues());
  for (const Issue &issue : placer.issues())
    queues[issue.queue].push_back(issue);
  for (unsigned queue = 0; queue < queues.size(); ++queue) {
    std::vector<Issue> &bursts = queues[queue];
    if (bursts.empty())
      continue;
    std::sort(bursts.begin(), bursts.end(),
              [](const Issue &a, const Issue &b) { return a.cycles.first < b.cycles.first; });
    format::QueueProgram &program = *schedule.add_programs();
    nameQueue(queue, model, program);
    int64_t now = 0;
    for (const Issue &burst : bursts) {
      assert(burst.cycles.first >= now && "bursts of one queue take turns");
      if (burst.cycles.first > now)
        program.add_instructions()->set_nop(burst.cycles.first - now);
      std::visit(Encoder{*program.add_instructions()}, burst.instruction);
      now = burst.cycles.first + 1;
      if (burst.cycles.count > 1) {
        format::Repeat &repeat = *program.add_instructions()->mutable_repeat();
        repeat.set_count(burst.cycles.count - 1);
        repeat.set_interval(burst.cycles.interval);
        repeat.set_step(burst.step);
        now = burst.cycles.last() + 1;
      }
    }
    if (static_cast<unsigned>(program.instructions_size()) > model.instructionMemory)
      return doesNotFit("a program of chip " + model.name + " takes " + std::to_string(program.instructions_size()) +
                        " instructions (" + format::Unit_Name(program.unit()) + " " + std::to_string(program.index()) +
                        "); a queue holds " + std::to_string(model.instructionMemory));
  }
  return schedule;
}

format::Placement sinter::stream::encodePlacement(const ChipTensor &tensor) {
  assert(tensor.shape.interleave == 1 && "the host knows rows one after the other");
  format::Placement placement;
  placement.set_name(tensor.name);
  placement.set_type(encode(tensor.shape.type));
  placement.set_rows(tensor.shape.rows);
  unsigned bytes = getBytes(tensor.shape.type);
  for (const LanePart &part : tensor.shape.parts) {
    placement.set_columns(std::max(placement.columns(), part.column + part.columns));
    for (unsigned byte = 0; byte < bytes; ++byte) {
      const WordRange &range = tensor.strips[part.vector * bytes + byte];
      format::Strip &strip = *placement.add_strips();
      strip.set_column(part.column);
      strip.set_columns(part.columns);
      strip.set_first_lane(part.lane);
      strip.set_byte(byte);
      strip.set_hemisphere(encode(range.side));
      strip.set_slice(range.slice);
      strip.set_address(range.address);
    }
  }
  return placement;
}
