//===- EncodeSchedule.cpp - Placed instructions as a schedule --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Emit/EncodeSchedule.h"

#include "lib/Support/Failure.h"
#include "runtime/format/ScheduleFile.h"
#include "runtime/format/program.h"
#include "targets/stream/Emit/EncodeFlow.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cassert>

using namespace sinter;
using namespace sinter::stream;

namespace {

format::Direction encode(Hemisphere side) { return side == Hemisphere::East ? format::EAST : format::WEST; }

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
  void operator()(const ReadWriteInstruction &both) {
    to.set_write_span(both.writeTask + 1);
    (*this)(both.read);
    (*this)(both.write);
  }
  void operator()(const WriteInstruction &write) { access(*to.mutable_memory()->mutable_write(), write, write.from); }
  template <typename Instruction>
  void access(format::Access &access, const Instruction &from, const StreamGroup &stream) {
    access.set_address(from.address);
    access.set_superlanes(from.superlanes);
    encode(stream, *access.mutable_stream());
    if (!from.indirect)
      return;
    format::Indirect &indirect = *access.mutable_indirect();
    encode(from.indirect->values, *indirect.mutable_values());
    indirect.set_first(from.indirect->first);
    indirect.set_count(from.indirect->count);
  }
  void operator()(const AluInstruction &alu) {
    format::Alu &made = *to.mutable_alu();
    made.set_operation(static_cast<format::Alu::Operation>(alu.op));
    made.set_type(encodeElement(alu.type));
    if (alu.op == AluOp::Convert)
      made.set_to(encodeElement(alu.to));
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
  void operator()(const ExchangeInstruction &exchange) {
    format::Exchange &made = *to.mutable_exchange();
    made.set_operation(format::Exchange::PERMUTE);
    encode(exchange.from, *made.mutable_in());
    encode(exchange.to, *made.mutable_out());
    made.set_streams(exchange.streams);
    made.set_lane_map(exchange.laneMap);
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

/// The bursts of a queue, in the order in which they are issued, none of which overlaps another: a slice's queue has
/// reads and writes that do, and where they do, one instruction is both.
std::vector<Issue> separate(std::vector<Issue> bursts) {
  auto begins = [](const Issue &a, const Issue &b) { return a.cycles.first < b.cycles.first; };
  std::sort(bursts.begin(), bursts.end(), begins);
  auto isWrite = [](const Issue &burst) { return std::holds_alternative<WriteInstruction>(burst.instruction); };
  auto middle =
      std::stable_partition(bursts.begin(), bursts.end(), [&](const Issue &burst) { return !isWrite(burst); });
  std::vector<Issue> writes(middle, bursts.end()), made;
  bursts.erase(middle, bursts.end());
  // The first `count` of a burst; the burst is the rest.
  auto takeFirst = [](Issue &burst, int64_t count) {
    Issue first = burst;
    first.cycles.count = count;
    burst.cycles.first += count * burst.cycles.interval;
    burst.cycles.count -= count;
    if (auto *read = std::get_if<ReadInstruction>(&burst.instruction))
      read->address += static_cast<int>(count) * burst.step;
    else
      std::get<WriteInstruction>(burst.instruction).address += static_cast<int>(count) * burst.step;
    return first;
  };
  size_t read = 0, write = 0;
  while (read < bursts.size() && write < writes.size()) {
    Issue &a = bursts[read], &b = writes[write];
    bool readFirst = a.cycles.first < b.cycles.first;
    Issue &early = readFirst ? a : b, &late = readFirst ? b : a;
    if (a.cycles.first == b.cycles.first) {
      int64_t count = std::min(a.cycles.count, b.cycles.count);
      Issue both = takeFirst(a, count);
      Issue written = takeFirst(b, count);
      both.instruction = ReadWriteInstruction{std::get<ReadInstruction>(both.instruction),
                                              std::get<WriteInstruction>(written.instruction), written.task};
      made.push_back(both);
    } else if (early.cycles.last() < late.cycles.first) {
      made.push_back(takeFirst(early, early.cycles.count));
    } else {
      made.push_back(takeFirst(early, late.cycles.first - early.cycles.first));
    }
    read += a.cycles.count == 0;
    write += b.cycles.count == 0;
  }
  made.insert(made.end(), bursts.begin() + read, bursts.end());
  made.insert(made.end(), writes.begin() + write, writes.end());
  return made;
}

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
  if (queue >= 4 * model.planesPerHemisphere) {
    queue -= 4 * model.planesPerHemisphere;
    return sided(queue % 2 ? format::PERMUTE : format::TRANSPOSE, queue / 2, 1);
  }
  sided(queue % 2 ? format::MULTIPLY : format::LOAD, queue / 2, model.planesPerHemisphere);
}

/// A tensor that the host writes or reads, or a state.
void encodePlacement(const ChipTensor &tensor, format::Placement &placement) {
  placement.set_name(tensor.name);
  placement.set_type(encodeElement(tensor.shape.type));
  placement.set_rows(tensor.shape.rows);
  placement.set_columns(tensor.shape.numColumns());
  unsigned bytes = getBytes(tensor.shape.type), interleave = tensor.shape.interleave;
  if (interleave > 1)
    placement.set_interleave(interleave);
  for (const LanePart &part : tensor.shape.parts)
    for (unsigned byte = 0; byte < bytes; ++byte)
      for (unsigned residue = 0; residue < interleave; ++residue) {
        const WordRange &range = tensor.strips[(part.vector * bytes + byte) * interleave + residue];
        format::Strip &strip = *placement.add_strips();
        strip.set_column(part.column);
        strip.set_columns(part.columns);
        strip.set_first_lane(part.lane);
        strip.set_byte(byte);
        strip.set_hemisphere(encode(range.side));
        strip.set_slice(range.slice);
        strip.set_address(range.address);
        strip.set_residue(residue);
      }
}

void encodeImages(const ChipTensor &tensor, uint64_t offset, const TargetModel &model,
                  format::StreamSchedule &schedule) {
  for (const WordRange &strip : tensor.strips) {
    format::Image &image = *schedule.add_images();
    image.set_offset(offset);
    image.set_hemisphere(encode(strip.side));
    image.set_slice(strip.slice);
    image.set_address(strip.address);
    image.set_words(strip.words);
    image.set_word_bytes(model.lanes());
    offset += uint64_t(strip.words) * model.lanes();
  }
}

} // namespace

std::vector<uint64_t> sinter::stream::layOutConstants(const StreamProgram &program, const TargetModel &model) {
  std::vector<uint64_t> offsets;
  uint64_t end = 0;
  for (const StreamTensor &tensor : program.tensors) {
    bool isConstant = tensor.kind == StreamTensor::Constant;
    if (isConstant)
      end = llvm::alignTo(end, SINTER_ALIGNMENT); // each is a section of the bundle's weights
    offsets.push_back(isConstant ? end : 0);
    if (isConstant)
      end += uint64_t(tensor.shape.numStrips()) * tensor.shape.wordsPerStrip() * model.lanes();
  }
  offsets.push_back(end);
  return offsets;
}

llvm::Expected<format::StreamSchedule> sinter::stream::encodeSchedule(const StreamProgram &program,
                                                                      const Placer &placer, const TargetModel &model,
                                                                      const std::vector<uint64_t> &constants) {
  format::StreamSchedule schedule;
  schedule.set_version(format::scheduleVersion);
  schedule.set_chip(model.name);
  schedule.set_chip_sha256(format::chipHash(model.description));
  schedule.set_cycles(placer.cycles());
  for (auto [i, tensor] : llvm::enumerate(program.tensors)) {
    const ChipTensor &placed = placer.tensors()[i];
    if (tensor.kind == StreamTensor::Constant)
      encodeImages(placed, constants[i], model, schedule);
    else if (tensor.kind == StreamTensor::Input)
      encodePlacement(placed, *schedule.add_inputs());
    else if (tensor.kind == StreamTensor::Output)
      encodePlacement(placed, *schedule.add_outputs());
    else if (tensor.kind == StreamTensor::State)
      encodePlacement(placed, *schedule.add_states());
  }

  for (const std::vector<uint16_t> &map : program.laneMaps)
    schedule.add_lane_maps()->mutable_source()->Add(map.begin(), map.end());

  *schedule.mutable_flow() = encodeFlow(program, constants, model);

  for (auto [task, span] : llvm::zip_equal(program.tasks, placer.spans())) {
    format::Span &made = *schedule.add_spans();
    made.set_name(task.node);
    made.set_first(span.first);
    made.set_last(span.last);
  }

  std::vector<std::vector<Issue>> queues(model.numQueues());
  for (const Issue &issue : placer.issues())
    queues[issue.queue].push_back(issue);
  for (unsigned queue = 0; queue < queues.size(); ++queue) {
    std::vector<Issue> &bursts = queues[queue];
    if (bursts.empty())
      continue;
    bursts = separate(std::move(bursts));
    format::QueueProgram &queueProgram = *schedule.add_programs();
    nameQueue(queue, model, queueProgram);
    int64_t now = 0;
    for (const Issue &burst : bursts) {
      assert(burst.cycles.first >= now && "bursts of one queue take turns");
      if (burst.cycles.first > now)
        queueProgram.add_instructions()->set_nop(burst.cycles.first - now);
      format::Instruction &instruction = *queueProgram.add_instructions();
      std::visit(Encoder{instruction}, burst.instruction);
      instruction.set_span(burst.task + 1);
      now = burst.cycles.first + 1;
      if (burst.cycles.count > 1) {
        format::Repeat &repeat = *queueProgram.add_instructions()->mutable_repeat();
        repeat.set_count(burst.cycles.count - 1);
        repeat.set_interval(burst.cycles.interval);
        repeat.set_step(burst.step);
        now = burst.cycles.last() + 1;
      }
    }
    if (static_cast<unsigned>(queueProgram.instructions_size()) > model.instructionMemory)
      return doesNotFit("a program of chip " + model.name + " takes " +
                        std::to_string(queueProgram.instructions_size()) + " instructions (" +
                        format::Unit_Name(queueProgram.unit()) + " " + std::to_string(queueProgram.index()) +
                        "); a queue holds " + std::to_string(model.instructionMemory));
  }
  return schedule;
}
