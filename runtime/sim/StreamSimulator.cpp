//===- StreamSimulator.cpp - A streaming chip, cycle by cycle -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/sim/StreamSimulator.h"

#include "runtime/format/ChipDescription.h"
#include "runtime/format/ScheduleFile.h"
#include "runtime/sim/StreamArithmetic.h"
#include "runtime/sim/StreamPrograms.h"
#include "runtime/sim/StreamTensors.h"
#include "runtime/sim/StreamUnits.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace sinter::sim {

using namespace format;

namespace {

const char *kindName(StreamStopKind kind) {
  switch (kind) {
  case StreamStopKind::EmptyRegister:
    return "an empty register is sampled";
  case StreamStopKind::DoubleDrive:
    return "two values are driven into one register";
  case StreamStopKind::LostValue:
    return "a value is lost";
  case StreamStopKind::BankClash:
    return "two accesses meet in a bank";
  case StreamStopKind::EarlyRead:
    return "a word is read before it is written";
  case StreamStopKind::BadAddress:
    return "an address is out of range";
  case StreamStopKind::NoArray:
    return "a product has no array";
  case StreamStopKind::WrongBuffer:
    return "weights of two types meet in a buffer";
  case StreamStopKind::NoAccumulator:
    return "a sum was never begun";
  case StreamStopKind::NoResult:
    return "an ALU has no result";
  case StreamStopKind::TwoResults:
    return "an ALU has two results";
  case StreamStopKind::BadInstruction:
    return "an instruction is none";
  }
  return "";
}

std::string streamName(Direction direction, uint32_t stream) {
  return (direction == EAST ? "eastward stream " : "westward stream ") + std::to_string(stream);
}

} // namespace

std::string StreamStop::text() const {
  return "cycle " + std::to_string(cycle) + ", " + placeName(unit, hemisphere, index) + ", x = " + std::to_string(x) +
         ": " + kindName(kind) + (detail.empty() ? "" : ": " + detail);
}

class StreamSimulator::Machine {
public:
  Machine(const StreamSchedule &schedule, const StreamMachine &machine, ReadWeights readWeights)
      : schedule(schedule), m(machine), readWeights(std::move(readWeights)), memory(machine), pool(machine.lanes()),
        results(machine.lanes() * 4), registers(m, pool) {
    latest = std::max({m.readLatency, m.writeLatency, m.gatherLatency, m.aluLatency, m.transcendentalLatency,
                       m.sxmLatency, m.sxmFarLatency, m.mxmLatency});
    wheelMask = 1;
    while (wheelMask < latest + 1)
      wheelMask *= 2;
    --wheelMask;
  }

  bool prepare(std::string &error);
  std::optional<StreamStop> run();

  StreamSchedule schedule;
  StreamMachine m;
  ReadWeights readWeights;
  StreamMemory memory;
  std::map<std::string, std::vector<uint8_t>, std::less<>> inputs, outputs, states;
  uint64_t cycles = 0, issues = 0;

private:
  /// What is driven into a register later on.
  struct Drive {
    uint32_t queue;
    Direction direction;
    uint32_t stream;
    uint32_t vector;
  };
  /// A result that an ALU makes available to others.
  struct Result {
    uint64_t cycle = ~uint64_t(0);
    uint32_t vector = 0;
    uint32_t bytes = 0;
  };
  struct Write {
    uint64_t cycle = 0;
    uint32_t address = 0, count = 0; // of words; 0: nothing
    uint32_t superlanes = 0;
  };
  struct Cursor {
    uint32_t burst = 0;
    uint64_t done = 0; // of the burst
  };

  bool fillImage(const Image &image, bool onlyWritten, std::string &error);
  bool begin();
  std::optional<StreamStop> execute();
  bool issue(uint32_t queueIndex, const StreamBurst &burst, uint64_t repetition);
  bool memoryAccess(const Memory &memory, int64_t offset);
  bool checkRead(size_t slice, uint32_t address, uint32_t count, uint32_t superlanes);
  bool gather(const Access &access, uint32_t address, size_t slice, bool scatter);
  bool alu(const Alu &alu);
  bool operand(const Operand &operand, ElementType type, uint32_t *lanes);
  bool load(const LoadWeights &load, int64_t offset);
  bool multiply(const Multiply &multiply, int64_t offset, bool first);
  bool exchange(const Exchange &exchange);

  const uint8_t *sample(Direction direction, uint32_t stream) {
    const uint8_t *lanes = registers.sample(cycle, queue->x, direction, stream);
    if (!lanes)
      fail(StreamStopKind::EmptyRegister, streamName(direction, stream));
    return lanes;
  }
  /// A vector that will be driven `latency` cycles from now.
  uint8_t *drive(uint32_t latency, Direction direction, uint32_t stream) {
    uint32_t vector = pool.take();
    wheel[(cycle + latency) & wheelMask].push_back({queueIndex, direction, stream, vector});
    ++pending;
    return pool.at(vector);
  }
  bool fail(StreamStopKind kind, const std::string &detail = "") {
    if (!stop)
      stop = StreamStop{kind, cycle, queue->unit, queue->hemisphere, queue->index, queue->x, detail};
    return false;
  }
  Plane &plane(const StreamQueue &of, uint32_t index) {
    return planes[(of.hemisphere == WEST ? 0 : m.planesPerHemisphere) + index];
  }

  VectorPool pool, results;
  StreamRegisters registers;
  std::vector<StreamQueue> queues;
  std::vector<Plane> planes;

  uint32_t latest = 0;
  uint64_t wheelMask = 0;
  std::vector<std::vector<Drive>> wheel;
  uint64_t pending = 0;
  std::vector<Result> aluResults; // [alu][cycle & wheelMask]
  std::vector<Write> writes;      // [slice][cycle % writeLatency]
  std::vector<uint64_t> nextIssue;
  std::vector<Cursor> cursors;
  std::vector<uint32_t> operandLanes[3];
  std::vector<uint16_t> halves;

  uint64_t cycle = 0;
  uint32_t queueIndex = 0;
  const StreamQueue *queue = nullptr;
  std::optional<StreamStop> stop;
};

bool StreamSimulator::Machine::prepare(std::string &error) {
  if (!memory.good()) {
    error = "there is not enough memory for the chip's";
    return false;
  }
  std::optional<std::vector<StreamQueue>> read = readStreamPrograms(schedule, m, error);
  if (!read)
    return false;
  queues = std::move(*read);

  uint64_t words = uint64_t(2) * m.slicesPerHemisphere * m.wordsPerSlice, imageWords = 0, tensorBytes = 0;
  for (const Image &image : schedule.images()) {
    if (!checkImage(image, m, error))
      return false;
    imageWords += image.words();
  }
  std::set<std::string> names;
  for (auto *list : {&schedule.inputs(), &schedule.outputs(), &schedule.states()})
    for (const Placement &placement : *list) {
      if (!checkPlacement(placement, m, error))
        return false;
      // An output may be named like an input, and be the same tensor.
      if (!names.insert((list == &schedule.outputs() ? "out " : "in ") + placement.name()).second) {
        error = "the schedule is damaged: tensor '" + placement.name() + "' is there twice";
        return false;
      }
      for (const Strip &strip : placement.strips())
        tensorBytes += uint64_t(strip.columns()) * rowsOf(placement, strip);
    }
  if (imageWords > words || tensorBytes > 2 * words * m.lanes()) {
    error = "the schedule is damaged: its constants and tensors are larger than the memory";
    return false;
  }
  for (const Image &image : schedule.images())
    if (!fillImage(image, false, error))
      return false;
  for (const Placement &placement : schedule.inputs())
    inputs[placement.name()].assign(bytesOf(placement), 0);
  return true;
}

bool StreamSimulator::Machine::fillImage(const Image &image, bool onlyWritten, std::string &error) {
  size_t slice = memory.slice(image.hemisphere(), image.slice());
  for (uint32_t i = 0; i < image.words(); ++i) {
    if (onlyWritten && !memory.isWritten(slice, image.address() + i))
      continue;
    uint64_t offset = image.offset() + uint64_t(i) * image.word_bytes();
    uint8_t *word = memory.fill(slice, image.address() + i);
    std::memset(word + image.word_bytes(), 0, m.lanes() - image.word_bytes());
    if (image.word_bytes() && !readWeights(offset, image.word_bytes(), word)) {
      error = "the schedule wants bytes " + std::to_string(offset) + " to " +
              std::to_string(offset + image.word_bytes()) + " of the weights, which are not there";
      return false;
    }
  }
  return true;
}

/// The chip as it is before cycle 0.
bool StreamSimulator::Machine::begin() {
  // Images that something was written over, then the tensors.
  std::vector<std::pair<size_t, uint32_t>> lost;
  for (const Image &image : schedule.images()) {
    size_t slice = memory.slice(image.hemisphere(), image.slice());
    for (uint32_t i = 0; i < image.words(); ++i)
      if (memory.isWritten(slice, image.address() + i))
        lost.emplace_back(slice, image.address() + i);
  }
  memory.clearWritten();
  if (!lost.empty()) {
    for (const auto &[slice, address] : lost)
      memory.change(slice, address);
    std::string error;
    for (const Image &image : schedule.images())
      if (!fillImage(image, true, error))
        return false;
  }
  for (const Placement &placement : schedule.inputs())
    storeTensor(placement, inputs[placement.name()].data(), memory);
  for (const Placement &placement : schedule.states())
    if (auto found = states.find(placement.name()); found != states.end())
      storeStrips(placement, found->second, memory);

  pool = VectorPool(m.lanes());
  results = VectorPool(size_t(m.lanes()) * 4);
  registers.clear();
  planes.resize(2 * m.planesPerHemisphere, Plane(m));
  for (Plane &plane : planes)
    plane.reset();
  wheel.assign(wheelMask + 1, {});
  pending = 0;
  aluResults.assign(size_t(m.alus) * (wheelMask + 1), {});
  writes.assign(memory.slices() * m.writeLatency, {});
  nextIssue.clear();
  for (const StreamQueue &queue : queues)
    nextIssue.push_back(queue.bursts.front().first);
  cursors.assign(queues.size(), {});
  for (std::vector<uint32_t> &lanes : operandLanes)
    lanes.resize(m.lanes());
  halves.resize(m.lanes());
  stop.reset();
  cycle = cycles = issues = 0;
  return true;
}

std::optional<StreamStop> StreamSimulator::Machine::run() {
  outputs.clear();
  if (!begin())
    return StreamStop{StreamStopKind::BadAddress, 0, MEM, EAST, 0, 0, "the weights can no longer be read"};
  if (std::optional<StreamStop> stopped = execute())
    return stopped;
  cycles += m.superlanes;
  for (const Placement &placement : schedule.outputs()) {
    std::vector<uint8_t> &bytes = outputs[placement.name()];
    bytes.resize(bytesOf(placement));
    loadTensor(placement, memory, bytes.data());
  }
  for (const Placement &placement : schedule.states())
    states[placement.name()] = loadStrips(placement, memory);
  return std::nullopt;
}

std::optional<StreamStop> StreamSimulator::Machine::execute() {
  constexpr uint64_t never = ~uint64_t(0);
  while (true) {
    uint64_t next = never;
    for (uint64_t issueAt : nextIssue)
      next = std::min(next, issueAt);
    if (pending == 0 && registers.empty()) {
      if (next == never)
        return std::nullopt;
      cycle = next;
    }

    if (std::optional<StreamRegisters::Lost> lost = registers.advance(cycle)) {
      // The place is the edge: the unit there.
      Direction side = lost->direction == EAST ? EAST : WEST;
      return StreamStop{StreamStopKind::LostValue,
                        cycle,
                        MULTIPLY,
                        side,
                        m.planesPerHemisphere - 1,
                        lost->x,
                        streamName(lost->direction, lost->stream) + " left the chip and nobody had sampled it"};
    }

    if (next == cycle)
      for (queueIndex = 0; queueIndex < queues.size(); ++queueIndex) {
        if (nextIssue[queueIndex] != cycle)
          continue;
        queue = &queues[queueIndex];
        Cursor &cursor = cursors[queueIndex];
        const StreamBurst &burst = queue->bursts[cursor.burst];
        ++issues;
        cycles = std::max(cycles, cycle + latencyOf(*burst.instruction, m, schedule));
        if (!issue(queueIndex, burst, cursor.done))
          return stop;
        if (++cursor.done == burst.count) {
          cursor.done = 0;
          ++cursor.burst;
          nextIssue[queueIndex] = cursor.burst == queue->bursts.size() ? never : queue->bursts[cursor.burst].first;
        } else {
          nextIssue[queueIndex] = cycle + burst.interval;
        }
      }

    std::vector<Drive> &drives = wheel[cycle & wheelMask];
    for (const Drive &drive : drives) {
      const StreamQueue &from = queues[drive.queue];
      if (std::optional<StreamStopKind> wrong =
              registers.drive(cycle, from.x, drive.direction, drive.stream, drive.vector)) {
        queue = &from;
        fail(*wrong, streamName(drive.direction, drive.stream));
        return stop;
      }
    }
    pending -= drives.size();
    drives.clear();
    for (uint32_t alu = 0; alu < m.alus; ++alu)
      if (Result &result = aluResults[alu * (wheelMask + 1) + (cycle & wheelMask)]; result.cycle == cycle) {
        results.give(result.vector);
        result.cycle = never;
        --pending;
      }
    ++cycle;
  }
}

bool StreamSimulator::Machine::issue(uint32_t, const StreamBurst &burst, uint64_t repetition) {
  int64_t offset = burst.step * static_cast<int64_t>(repetition);
  const Instruction &instruction = *burst.instruction;
  switch (instruction.operation_case()) {
  case Instruction::kMemory:
    return memoryAccess(instruction.memory(), offset);
  case Instruction::kAlu:
    return alu(instruction.alu());
  case Instruction::kLoad:
    return load(instruction.load(), offset);
  case Instruction::kMultiply:
    return multiply(instruction.multiply(), offset, repetition == 0);
  default:
    return exchange(instruction.exchange());
  }
}

bool StreamSimulator::Machine::checkRead(size_t slice, uint32_t address, uint32_t count, uint32_t superlanes) {
  for (uint32_t i = 0; i < m.writeLatency; ++i) {
    const Write &write = writes[slice * m.writeLatency + i];
    if (write.count && write.cycle + m.writeLatency > cycle && write.cycle < cycle && write.address < address + count &&
        address < write.address + write.count && (write.superlanes & superlanes))
      return fail(StreamStopKind::EarlyRead, "address " + std::to_string(std::max(address, write.address)) +
                                                 ", written at cycle " + std::to_string(write.cycle));
  }
  return true;
}

bool StreamSimulator::Machine::memoryAccess(const Memory &instruction, int64_t offset) {
  size_t slice = memory.slice(queue->hemisphere, queue->index);
  auto place = [&](const Access &access, uint32_t &address) {
    int64_t at = access.address() + offset, count = access.has_indirect() ? access.indirect().count() : 1;
    if (at < 0 || at + count > m.wordsPerSlice)
      return fail(StreamStopKind::BadAddress,
                  "address " + std::to_string(at) + (count == 1 ? "" : ", " + std::to_string(count) + " words"));
    address = static_cast<uint32_t>(at);
    return true;
  };
  uint32_t readAt = 0, writeAt = 0;
  if ((instruction.has_read() && !place(instruction.read(), readAt)) ||
      (instruction.has_write() && !place(instruction.write(), writeAt)))
    return false;
  uint32_t bankWords = m.wordsPerSlice / m.banksPerSlice;
  if (instruction.has_read() && instruction.has_write() && readAt / bankWords == writeAt / bankWords)
    return fail(StreamStopKind::BankClash, "addresses " + std::to_string(readAt) + " and " + std::to_string(writeAt));
  if (instruction.has_read()) {
    const Access &read = instruction.read();
    uint32_t count = read.has_indirect() ? read.indirect().count() : 1;
    if (!checkRead(slice, readAt, count, read.superlanes()))
      return false;
    if (read.has_indirect()) {
      if (!gather(read, readAt, slice, false))
        return false;
    } else {
      uint8_t *to = drive(m.readLatency, read.stream().direction(), read.stream().first());
      const uint8_t *word = memory.word(slice, readAt);
      for (uint32_t s = 0; s < m.superlanes; ++s)
        if (read.superlanes() >> s & 1)
          std::memcpy(to + s * m.lanesPerSuperlane, word + s * m.lanesPerSuperlane, m.lanesPerSuperlane);
        else
          std::memset(to + s * m.lanesPerSuperlane, 0, m.lanesPerSuperlane);
    }
  }
  if (!instruction.has_write())
    return true;
  const Access &write = instruction.write();
  writes[slice * m.writeLatency + cycle % m.writeLatency] = {
      cycle, writeAt, write.has_indirect() ? write.indirect().count() : 1, write.superlanes()};
  if (write.has_indirect())
    return gather(write, writeAt, slice, true);
  const uint8_t *from = sample(write.stream().direction(), write.stream().first());
  if (!from)
    return false;
  uint8_t *word = memory.change(slice, writeAt);
  for (uint32_t s = 0; s < m.superlanes; ++s)
    if (write.superlanes() >> s & 1)
      std::memcpy(word + s * m.lanesPerSuperlane, from + s * m.lanesPerSuperlane, m.lanesPerSuperlane);
  return true;
}

bool StreamSimulator::Machine::gather(const Access &access, uint32_t address, size_t slice, bool scatter) {
  const Indirect &indirect = access.indirect();
  const uint8_t *low = sample(indirect.values().direction(), indirect.values().first());
  const uint8_t *high = low ? sample(indirect.values().direction(), indirect.values().first() + 1) : nullptr;
  if (!high)
    return false;
  const uint8_t *from = nullptr;
  uint8_t *to = nullptr;
  if (scatter) {
    from = sample(access.stream().direction(), access.stream().first());
    if (!from)
      return false;
  } else {
    to = drive(m.gatherLatency, access.stream().direction(), access.stream().first());
    std::memset(to, 0, m.lanes());
  }
  for (uint32_t s = 0; s < m.superlanes; ++s) {
    uint32_t lane = s * m.lanesPerSuperlane;
    uint32_t value = low[lane] | uint32_t(high[lane]) << 8;
    if (!(access.superlanes() >> s & 1) || value < indirect.first() || value - indirect.first() >= indirect.count())
      continue;
    uint32_t at = address + (value - indirect.first());
    if (scatter)
      std::memcpy(memory.change(slice, at) + lane, from + lane, m.lanesPerSuperlane);
    else
      std::memcpy(to + lane, memory.word(slice, at) + lane, m.lanesPerSuperlane);
  }
  return true;
}

bool StreamSimulator::Machine::operand(const Operand &operand, ElementType type, uint32_t *lanes) {
  uint32_t bytes = static_cast<uint32_t>(bytesOf(type)), count = m.lanes();
  switch (operand.source_case()) {
  case Operand::kConstant:
    std::fill(lanes, lanes + count, operand.constant());
    return true;
  case Operand::kAlu: {
    const Result &result = aluResults[operand.alu() * (wheelMask + 1) + (cycle & wheelMask)];
    if (result.cycle != cycle)
      return fail(StreamStopKind::NoResult, "ALU " + std::to_string(operand.alu()) + " makes none available");
    if (result.bytes != bytes)
      return fail(StreamStopKind::NoResult, "ALU " + std::to_string(operand.alu()) + " makes one of " +
                                                std::to_string(result.bytes) + " bytes available, and " +
                                                std::to_string(bytes) + " are wanted");
    std::memcpy(lanes, results.at(result.vector), size_t(count) * 4);
    return true;
  }
  default:
    std::fill(lanes, lanes + count, 0);
    for (uint32_t b = 0; b < bytes; ++b) {
      const uint8_t *from = sample(operand.stream().direction(), operand.stream().first() + b);
      if (!from)
        return false;
      for (uint32_t i = 0; i < count; ++i)
        lanes[i] |= static_cast<uint32_t>(from[i]) << 8 * b;
    }
    return true;
  }
}

bool StreamSimulator::Machine::alu(const Alu &alu) {
  size_t operands = operandsOf(alu.operation());
  const Operand *all[] = {&alu.a(), &alu.b(), &alu.c()};
  for (size_t i = 0; i < operands; ++i)
    if (!operand(*all[i], alu.type(), operandLanes[i].data()))
      return false;
  bool slow = alu.operation() == Alu::EXP || alu.operation() == Alu::TANH || alu.operation() == Alu::RSQRT;
  uint32_t latency = slow ? m.transcendentalLatency : m.aluLatency;
  Result &result = aluResults[queue->index * (wheelMask + 1) + ((cycle + latency) & wheelMask)];
  if (result.cycle == cycle + latency)
    return fail(StreamStopKind::TwoResults, "at cycle " + std::to_string(cycle + latency));
  ElementType type = alu.operation() == Alu::CONVERT ? alu.to() : alu.type();
  result = {cycle + latency, results.take(), static_cast<uint32_t>(bytesOf(type))};
  ++pending;
  uint32_t *lanes = reinterpret_cast<uint32_t *>(results.at(result.vector));
  compute(alu.operation(), alu.type(), alu.to(), operandLanes[0].data(), operandLanes[1].data(), operandLanes[2].data(),
          m.lanes(), lanes);
  if (!alu.has_out())
    return true;
  for (uint32_t b = 0; b < result.bytes; ++b) {
    uint8_t *to = drive(latency, alu.out().direction(), alu.out().first() + b);
    for (uint32_t i = 0; i < m.lanes(); ++i)
      to[i] = static_cast<uint8_t>(lanes[i] >> 8 * b);
  }
  return true;
}

bool StreamSimulator::Machine::load(const LoadWeights &load, int64_t offset) {
  uint32_t streams = m.loadStreams();
  Direction outward = queue->hemisphere;
  int64_t first = load.column() + offset;
  int64_t count = load.float16() && load.half() != BOTH ? streams / 2 : streams;
  if (first < 0 || first + count > m.planeColumns)
    return fail(StreamStopKind::BadAddress,
                "columns " + std::to_string(first) + " to " + std::to_string(first + count));
  Plane &to = plane(*queue, queue->index);
  if (queue->index % 2 == 1)
    if (Plane &pair = plane(*queue, queue->index - 1); pair.arrayType() == Plane::Type::Float16)
      pair.loseArray();
  if (!to.beginLoad(load.float16() ? Plane::Type::Float16 : Plane::Type::Int8))
    return fail(StreamStopKind::WrongBuffer);
  uint32_t column = static_cast<uint32_t>(first);
  for (uint32_t i = 0; i < streams; ++i) {
    const uint8_t *low = sample(outward, load.first_stream() + i);
    if (!low)
      return false;
    if (!load.float16()) {
      to.loadInt8(column++, low);
      continue;
    }
    const uint8_t *high = sample(outward, load.first_stream() + ++i);
    if (!high)
      return false;
    for (uint32_t k = 0; k < m.lanes(); ++k)
      halves[k] = static_cast<uint16_t>(low[k] | high[k] << 8);
    if (load.half() != HIGH)
      to.loadFloat16(column++, halves.data());
    if (load.half() != LOW)
      to.loadFloat16(column++, halves.data() + m.lanes() / 2);
  }
  return true;
}

bool StreamSimulator::Machine::multiply(const Multiply &multiply, int64_t offset, bool first) {
  Direction outward = queue->hemisphere;
  int64_t row = multiply.row() + offset;
  if (row < 0 || row >= m.accumulatorRows)
    return fail(StreamStopKind::BadAddress, "row " + std::to_string(row) + " of the accumulators");
  Plane::Type type = multiply.float16() ? Plane::Type::Float16 : Plane::Type::Int8;
  Plane &unit = plane(*queue, queue->index);
  if (queue->index % 2 == 1)
    if (Plane &pair = plane(*queue, queue->index - 1); pair.arrayType() == Plane::Type::Float16)
      pair.loseArray();
  if (multiply.swap() && first) {
    if (!unit.swap(type))
      return fail(StreamStopKind::WrongBuffer, "it is swapped in for a product of another type");
    if (multiply.float16())
      plane(*queue, queue->index + 1).reset();
  }
  if (unit.arrayType() != type)
    return fail(StreamStopKind::NoArray,
                unit.arrayType() == Plane::Type::None ? "none has been swapped in" : "it is of another type");
  const uint8_t *low = sample(outward, multiply.stream());
  const uint8_t *high = low && multiply.float16() ? sample(outward, multiply.stream() + 1) : nullptr;
  if (!low || (multiply.float16() && !high))
    return false;
  bool begun;
  if (multiply.float16()) {
    uint32_t start = multiply.half() == HIGH ? m.lanes() / 2 : 0;
    for (uint32_t k = 0; k < m.lanes() / 2; ++k)
      halves[k] = static_cast<uint16_t>(low[start + k] | high[start + k] << 8);
    begun = unit.multiplyFloat16(static_cast<uint32_t>(row), multiply.add(), halves.data());
  } else {
    begun = unit.multiplyInt8(static_cast<uint32_t>(row), multiply.add(), low);
  }
  if (!begun)
    return fail(StreamStopKind::NoAccumulator, "row " + std::to_string(row));
  if (!multiply.has_out())
    return true;
  const uint32_t *sums = unit.sums(static_cast<uint32_t>(row));
  for (uint32_t b = 0; b < 4; ++b) {
    uint8_t *to = drive(m.mxmLatency, multiply.out().direction(), multiply.out().first() + b);
    for (uint32_t j = 0; j < m.planeColumns; ++j)
      to[j] = static_cast<uint8_t>(sums[j] >> 8 * b);
  }
  return true;
}

bool StreamSimulator::Machine::exchange(const Exchange &exchange) {
  uint32_t latency = crossesSuperlanes(exchange, m, schedule) ? m.sxmFarLatency : m.sxmLatency;
  uint32_t number = exchange.streams(), side = m.lanesPerSuperlane, lanes = m.lanes();
  const uint8_t *from[16];
  uint8_t *to[16];
  for (uint32_t i = 0; i < number; ++i) {
    from[i] = sample(exchange.in().direction(), exchange.in().first() + i);
    if (!from[i])
      return false;
  }
  for (uint32_t i = 0; i < number; ++i)
    to[i] = drive(latency, exchange.out().direction(), exchange.out().first() + i);
  if (exchange.operation() == Exchange::TRANSPOSE) {
    for (uint32_t base = 0; base < lanes; base += side)
      for (uint32_t j = 0; j < side; ++j)
        for (uint32_t i = 0; i < side; ++i)
          to[i][base + j] = from[j][base + i];
    return true;
  }
  const google::protobuf::RepeatedField<uint32_t> *sources = nullptr;
  if (exchange.operation() != Exchange::SHIFT)
    sources = &schedule.lane_maps(static_cast<int>(exchange.lane_map())).source();
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    // `lanes` where the lane becomes zero.
    int64_t source = lanes;
    if (exchange.operation() == Exchange::SHIFT) {
      source = int64_t(lane) - exchange.shift();
    } else if (exchange.operation() == Exchange::PERMUTE) {
      source = sources->Get(static_cast<int>(lane));
    } else {
      uint32_t within = sources->Get(static_cast<int>(lane % side));
      source = within == side ? lanes : lane - lane % side + within;
    }
    for (uint32_t i = 0; i < number; ++i)
      to[i][lane] = source >= 0 && source < lanes ? from[i][source] : 0;
  }
  return true;
}

StreamSimulator::StreamSimulator(std::unique_ptr<Machine> machine) : machine(std::move(machine)) {}
StreamSimulator::~StreamSimulator() = default;

std::unique_ptr<StreamSimulator> StreamSimulator::create(const StreamSchedule &schedule, const Chip &chip,
                                                         ReadWeights readWeights, std::string &error) {
  std::optional<StreamMachine> numbers = readStreamMachine(chip, error);
  if (!numbers || !isScheduleFor(schedule, chip, error))
    return nullptr;
  auto machine = std::make_unique<Machine>(schedule, *numbers, std::move(readWeights));
  if (!machine->prepare(error))
    return nullptr;
  return std::unique_ptr<StreamSimulator>(new StreamSimulator(std::move(machine)));
}

std::unique_ptr<StreamSimulator> StreamSimulator::create(const StreamSchedule &schedule, const Chip &chip,
                                                         const uint8_t *weights, size_t size, std::string &error) {
  auto read = [weights, size](uint64_t offset, size_t count, uint8_t *to) {
    if (offset > size || count > size - offset)
      return false;
    std::memcpy(to, weights + offset, count);
    return true;
  };
  return create(schedule, chip, read, error);
}

bool StreamSimulator::setInput(std::string_view name, const void *bytes, size_t size, std::string &error) {
  auto found = machine->inputs.find(name);
  if (found == machine->inputs.end()) {
    error = "the schedule has no input '" + std::string(name) + "'";
    return false;
  }
  if (found->second.size() != size) {
    error = "input '" + std::string(name) + "' has " + std::to_string(size) + " bytes, and must have " +
            std::to_string(found->second.size());
    return false;
  }
  if (size)
    std::memcpy(found->second.data(), bytes, size);
  return true;
}

std::optional<StreamStop> StreamSimulator::run() { return machine->run(); }

const std::vector<uint8_t> *StreamSimulator::output(std::string_view name) const {
  auto found = machine->outputs.find(name);
  return found == machine->outputs.end() ? nullptr : &found->second;
}

const std::vector<uint8_t> *StreamSimulator::state(std::string_view name) const {
  auto found = machine->states.find(name);
  return found == machine->states.end() ? nullptr : &found->second;
}

std::optional<std::vector<uint8_t>> StreamSimulator::stateTensor(std::string_view name) const {
  const std::vector<uint8_t> *strips = state(name);
  for (const Placement &placement : machine->schedule.states())
    if (strips && placement.name() == name)
      return joinStrips(placement, *strips);
  return std::nullopt;
}

bool StreamSimulator::setStateTensor(std::string_view name, const std::vector<uint8_t> &bytes) {
  for (const Placement &placement : machine->schedule.states())
    if (placement.name() == name && bytesOf(placement) == bytes.size()) {
      machine->states[placement.name()] = splitStrips(placement, bytes);
      return true;
    }
  return false;
}

uint64_t StreamSimulator::cycles() const { return machine->cycles; }
uint64_t StreamSimulator::issues() const { return machine->issues; }
void StreamSimulator::resetStates() { machine->states.clear(); }

} // namespace sinter::sim
