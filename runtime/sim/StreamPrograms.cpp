//===- StreamPrograms.cpp - The programs of the queues, decoded -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/sim/StreamPrograms.h"

#include "runtime/sim/StreamArithmetic.h"
#include "runtime/sim/StreamSimulator.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace sinter::sim {
namespace {

using namespace format;

/// Checks instructions of one queue; the first thing that is wrong is kept.
class Checker {
public:
  Checker(const StreamSchedule &schedule, const StreamMachine &machine, const StreamQueue &queue)
      : schedule(schedule), machine(machine), queue(queue) {}

  std::string check(const Instruction &instruction) {
    wrong.clear();
    switch (instruction.operation_case()) {
    case Instruction::kMemory:
      require(queue.unit == MEM, "a memory instruction");
      memory(instruction.memory());
      break;
    case Instruction::kAlu:
      require(queue.unit == VXM, "an ALU's instruction");
      alu(instruction.alu());
      break;
    case Instruction::kLoad:
      require(queue.unit == LOAD, "a load of weights");
      load(instruction.load());
      break;
    case Instruction::kMultiply:
      require(queue.unit == MULTIPLY, "a product");
      multiply(instruction.multiply());
      break;
    case Instruction::kExchange:
      require(queue.unit == TRANSPOSE || queue.unit == PERMUTE, "an instruction of the SXM");
      exchange(instruction.exchange());
      break;
    default:
      wrong = "says nothing";
    }
    return wrong;
  }

private:
  void refuse(const std::string &sentence) {
    if (wrong.empty())
      wrong = sentence;
  }
  void require(bool rightQueue, const char *what) {
    if (!rightQueue)
      refuse(std::string("is ") + what + ", which this queue does not execute");
  }

  void streams(const StreamGroup &group, uint32_t number, bool aligned = true) {
    if (!Direction_IsValid(group.direction()))
      refuse("names a direction that there is not");
    if (group.first() >= machine.streamsPerDirection || number > machine.streamsPerDirection - group.first())
      refuse("takes streams " + std::to_string(group.first()) + " and on, " + std::to_string(number) + " of " +
             std::to_string(machine.streamsPerDirection));
    else if (aligned && group.first() % number != 0)
      refuse("takes " + std::to_string(number) + " streams from " + std::to_string(group.first()) +
             ", which is no multiple of their number");
  }

  void access(const Access &access) {
    streams(access.stream(), 1);
    if (machine.superlanes < 32 && access.superlanes() >> machine.superlanes)
      refuse("names superlanes that there are not");
    if (access.address() >= machine.wordsPerSlice)
      refuse("has address " + std::to_string(access.address()) + " of " + std::to_string(machine.wordsPerSlice));
    if (access.has_indirect()) {
      streams(access.indirect().values(), 2);
      if (access.indirect().count() == 0)
        refuse("gathers or scatters nothing");
    }
  }

  void memory(const Memory &memory) {
    if (!memory.has_read() && !memory.has_write())
      refuse("neither reads nor writes");
    if (memory.has_read())
      access(memory.read());
    if (memory.has_write())
      access(memory.write());
    if (memory.has_read() && memory.has_write() && (memory.read().has_indirect() || memory.write().has_indirect()))
      refuse("gathers or scatters and does something else, too");
  }

  void operand(const Operand &operand, bool present, bool wanted, ElementType type) {
    if (present != wanted)
      return refuse(wanted ? "lacks an operand" : "has too many operands");
    if (!wanted)
      return;
    switch (operand.source_case()) {
    case Operand::kStream:
      return streams(operand.stream(), static_cast<uint32_t>(bytesOf(type)));
    case Operand::kConstant:
      return;
    case Operand::kAlu:
      if (operand.alu() >= machine.alus)
        refuse("takes the result of ALU " + std::to_string(operand.alu()) + " of " + std::to_string(machine.alus));
      return;
    default:
      refuse("has an operand that says nothing");
    }
  }

  void alu(const Alu &alu) {
    if (!isSupported(alu.operation(), alu.type(), alu.to()))
      return refuse("is an operation that the ALUs do not have");
    size_t wanted = operandsOf(alu.operation());
    operand(alu.a(), alu.has_a(), wanted >= 1, alu.type());
    operand(alu.b(), alu.has_b(), wanted >= 2, alu.type());
    operand(alu.c(), alu.has_c(), wanted >= 3, alu.type());
    if (alu.has_out())
      streams(alu.out(), static_cast<uint32_t>(bytesOf(alu.operation() == Alu::CONVERT ? alu.to() : alu.type())));
  }

  void half(bool float16, int half, bool both) {
    if (!Half_IsValid(half) || (!float16 && half != LOW) || (half == BOTH && !both))
      refuse("names a half that it cannot have");
    if (float16 && queue.index % 2 != 0)
      refuse("is of float16, which is for plane 0");
  }

  void load(const LoadWeights &load) {
    StreamGroup group;
    group.set_first(load.first_stream());
    streams(group, machine.loadStreams());
    half(load.float16(), load.half(), true);
  }

  void multiply(const Multiply &multiply) {
    StreamGroup group;
    group.set_first(multiply.stream());
    streams(group, multiply.float16() ? 2 : 1);
    half(multiply.float16(), multiply.half(), false);
    if (multiply.has_out()) {
      streams(multiply.out(), 4);
      if (multiply.out().direction() != (queue.hemisphere == WEST ? EAST : WEST))
        refuse("drives its sums outward");
    }
  }

  void exchange(const Exchange &exchange) {
    Exchange::Operation operation = exchange.operation();
    if (!Exchange::Operation_IsValid(operation))
      return refuse("is an operation that the SXM does not have");
    bool first = operation == Exchange::TRANSPOSE || operation == Exchange::DISTRIBUTE;
    require(first == (queue.unit == TRANSPOSE), first ? "a transposition or distribution" : "a permutation or shift");
    uint32_t number = exchange.streams();
    if (number < 1 || number > machine.lanesPerSuperlane ||
        (operation == Exchange::TRANSPOSE && number != machine.lanesPerSuperlane))
      return refuse("takes " + std::to_string(number) + " streams");
    streams(exchange.in(), number, false);
    streams(exchange.out(), number, false);
    int64_t lanes = machine.lanes();
    if (operation == Exchange::SHIFT && (exchange.shift() >= lanes || exchange.shift() <= -lanes))
      refuse("shifts by " + std::to_string(exchange.shift()) + " lanes of " + std::to_string(lanes));
    if (operation != Exchange::DISTRIBUTE && operation != Exchange::PERMUTE)
      return;
    if (exchange.lane_map() >= static_cast<uint32_t>(schedule.lane_maps_size()))
      return refuse("names table " + std::to_string(exchange.lane_map()) + " of " +
                    std::to_string(schedule.lane_maps_size()));
    const LaneMap &map = schedule.lane_maps(static_cast<int>(exchange.lane_map()));
    uint32_t size = operation == Exchange::DISTRIBUTE ? machine.lanesPerSuperlane : machine.lanes();
    if (static_cast<uint32_t>(map.source_size()) != size)
      return refuse("names a table of " + std::to_string(map.source_size()) + " lanes, and needs " +
                    std::to_string(size));
    for (uint32_t source : map.source())
      if (source > size)
        return refuse("names a table with lane " + std::to_string(source) + " of " + std::to_string(size));
  }

  const StreamSchedule &schedule;
  const StreamMachine &machine;
  const StreamQueue &queue;
  std::string wrong;
};

/// Where the unit is, or none where there is no such unit.
std::optional<int32_t> positionOf(const QueueProgram &program, const StreamMachine &machine) {
  if (!Direction_IsValid(program.hemisphere()))
    return std::nullopt;
  int32_t sign = program.hemisphere() == WEST ? -1 : 1;
  uint32_t index = program.index();
  switch (program.unit()) {
  case MEM:
    if (index >= machine.slicesPerHemisphere)
      return std::nullopt;
    return sign * static_cast<int32_t>(1 + index / machine.slicesPerPosition);
  case VXM:
    if (index >= machine.alus || program.hemisphere() != WEST)
      return std::nullopt;
    return 0;
  case LOAD:
  case MULTIPLY:
    if (index >= machine.planesPerHemisphere)
      return std::nullopt;
    return sign * static_cast<int32_t>(machine.mxmPosition + index);
  case TRANSPOSE:
  case PERMUTE:
    if (index != 0)
      return std::nullopt;
    return sign * static_cast<int32_t>(machine.sxmPosition);
  default:
    return std::nullopt;
  }
}

/// Whether repetitions of `instruction` have anything to step.
bool canStep(const Instruction &instruction) {
  return instruction.has_memory() || instruction.has_load() || instruction.has_multiply();
}

} // namespace

std::string placeName(Unit unit, Direction hemisphere, uint32_t index) {
  std::string side = hemisphere == WEST ? " west" : " east", number = std::to_string(index);
  switch (unit) {
  case MEM:
    return "MEM slice " + number + side;
  case VXM:
    return "VXM ALU " + number;
  case LOAD:
    return "MXM LOAD of plane " + number + side;
  case MULTIPLY:
    return "MXM MULTIPLY of plane " + number + side;
  case TRANSPOSE:
    return "SXM TRANSPOSE" + side;
  default:
    return "SXM PERMUTE" + side;
  }
}

std::string StreamQueue::name() const { return placeName(unit, hemisphere, index); }

bool crossesSuperlanes(const Exchange &exchange, const StreamMachine &machine, const StreamSchedule &schedule) {
  if (exchange.operation() == Exchange::SHIFT)
    return exchange.shift() != 0;
  if (exchange.operation() != Exchange::PERMUTE)
    return false;
  const LaneMap &map = schedule.lane_maps(static_cast<int>(exchange.lane_map()));
  for (uint32_t lane = 0; lane < machine.lanes(); ++lane) {
    uint32_t source = map.source(static_cast<int>(lane));
    if (source < machine.lanes() && source / machine.lanesPerSuperlane != lane / machine.lanesPerSuperlane)
      return true;
  }
  return false;
}

uint32_t latencyOf(const Instruction &instruction, const StreamMachine &machine, const StreamSchedule &schedule) {
  switch (instruction.operation_case()) {
  case Instruction::kMemory: {
    const Memory &memory = instruction.memory();
    uint32_t latency = memory.has_write() ? machine.writeLatency : 0;
    if (memory.has_read())
      latency = std::max(latency, memory.read().has_indirect() ? machine.gatherLatency : machine.readLatency);
    return latency;
  }
  case Instruction::kAlu: {
    Alu::Operation operation = instruction.alu().operation();
    bool slow = operation == Alu::EXP || operation == Alu::TANH || operation == Alu::RSQRT;
    return slow ? machine.transcendentalLatency : machine.aluLatency;
  }
  case Instruction::kLoad:
    return 1;
  case Instruction::kMultiply:
    return machine.mxmLatency;
  default:
    return crossesSuperlanes(instruction.exchange(), machine, schedule) ? machine.sxmFarLatency : machine.sxmLatency;
  }
}

std::optional<std::vector<StreamQueue>> readStreamPrograms(const StreamSchedule &schedule, const StreamMachine &machine,
                                                           std::string &error) {
  std::vector<StreamQueue> queues;
  std::set<std::tuple<int, int, uint32_t>> seen;
  uint64_t issues = 0;
  for (const QueueProgram &program : schedule.programs()) {
    StreamQueue queue;
    queue.unit = program.unit();
    queue.hemisphere = program.hemisphere();
    queue.index = program.index();
    std::optional<int32_t> x = positionOf(program, machine);
    auto refuse = [&](const std::string &sentence) {
      error = "the schedule is damaged: the program of " + queue.name() + " " + sentence;
      return std::nullopt;
    };
    if (!x)
      return refuse("is for a queue that the chip does not have");
    queue.x = *x;
    if (!seen.insert({program.unit(), program.hemisphere(), program.index()}).second)
      return refuse("is there twice: two instructions would be issued in one cycle");
    if (static_cast<uint32_t>(program.instructions_size()) > machine.instructionMemory)
      return refuse("has " + std::to_string(program.instructions_size()) +
                    " instructions, and the memory for them holds " + std::to_string(machine.instructionMemory));
    Checker checker(schedule, machine, queue);
    uint64_t cycle = 0;
    bool repeatable = false;
    for (int i = 0; i < program.instructions_size(); ++i) {
      const Instruction &instruction = program.instructions(i);
      std::string which = "has instruction " + std::to_string(i) + ", which ";
      if (instruction.operation_case() == Instruction::kNop) {
        repeatable = false;
        cycle += instruction.nop();
      } else if (instruction.operation_case() == Instruction::kRepeat) {
        const Repeat &repeat = instruction.repeat();
        if (!repeatable)
          return refuse(which + "repeats nothing");
        StreamBurst &burst = queue.bursts.back();
        if (repeat.interval() == 0)
          return refuse(which + "repeats with two instructions in one cycle");
        if (repeat.step() != 0 && !canStep(*burst.instruction))
          return refuse(which + "steps what has no address");
        burst.count += repeat.count();
        burst.interval = repeat.interval();
        burst.step = repeat.step();
        issues += repeat.count();
        // The queue goes on a cycle after the last repetition, or after the instruction if there is none.
        cycle += uint64_t(repeat.count()) * repeat.interval();
        repeatable = false;
      } else {
        std::string wrong = checker.check(instruction);
        if (!wrong.empty())
          return refuse(which + wrong);
        StreamBurst burst;
        burst.instruction = &instruction;
        burst.first = cycle++;
        queue.bursts.push_back(burst);
        ++issues;
        repeatable = true;
      }
      if (cycle > greatestCycles || issues > greatestIssues)
        return refuse("takes more cycles or issues more instructions than any schedule");
    }
    if (!queue.bursts.empty())
      queues.push_back(std::move(queue));
  }
  auto order = [](const StreamQueue &queue) {
    int unit = queue.unit == LOAD ? PERMUTE + 1 : queue.unit;
    return std::make_tuple(unit, static_cast<int>(queue.hemisphere), queue.index);
  };
  std::sort(queues.begin(), queues.end(),
            [&](const StreamQueue &a, const StreamQueue &b) { return order(a) < order(b); });
  return queues;
}

} // namespace sinter::sim
