//===- StreamVerifier.cpp - Whether a streaming chip's schedule is right --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/StreamVerifier.h"

#include "lib/Schedule/Verify/FlowReader.h"
#include "lib/Schedule/Verify/InstructionRules.h"
#include "lib/Schedule/Verify/ProgramCursor.h"
#include "lib/Schedule/Verify/VectorNames.h"
#include "runtime/format/ChipDescription.h"
#include "runtime/format/ScheduleFile.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <deque>
#include <map>
#include <queue>
#include <set>

namespace sinter::verify {

using namespace format;

const char *nameOf(Fault fault) {
  switch (fault) {
  case Fault::Header:
    return "the schedule is not for this chip";
  case Fault::Program:
    return "a program is none of this chip";
  case Fault::Tensor:
    return "a tensor has no place";
  case Fault::EmptyRegister:
    return "an empty register is sampled";
  case Fault::DoubleDrive:
    return "two values are driven into one register";
  case Fault::LostValue:
    return "a value is lost";
  case Fault::BankClash:
    return "two accesses meet in a bank";
  case Fault::EarlyRead:
    return "a word is read before it is written";
  case Fault::Address:
    return "an address is out of range";
  case Fault::Array:
    return "a product has no array of its type";
  case Fault::Buffer:
    return "weights of two types meet in a buffer";
  case Fault::Accumulator:
    return "a sum was never begun";
  case Fault::AluResult:
    return "an ALU has no result, or two";
  case Fault::Cycles:
    return "the number of cycles is another";
  case Fault::Flow:
    return "what is to be computed is not said";
  case Fault::KnownWords:
    return "a constant is not what it is said to be";
  case Fault::ForeignVector:
    return "something else is computed than is to be";
  case Fault::WrongResult:
    return "a result is not what it is to be";
  }
  return "";
}

std::string Rejection::text() const {
  std::string where = cycle ? "cycle " + std::to_string(*cycle) : "";
  if (!place.empty())
    where += (where.empty() ? "" : ", ") + place;
  return where + (where.empty() ? "" : ": ") + nameOf(fault) + (detail.empty() ? "" : ": " + detail);
}

namespace {

/// What no schedule of a model comes near to, and a verifier need not sit through.
constexpr uint64_t greatestCycle = uint64_t(1) << 40, greatestIssues = uint64_t(1) << 26,
                   greatestWork = uint64_t(1) << 28, greatestNames = uint64_t(1) << 23,
                   greatestStripRows = uint64_t(1) << 22;

class StreamVerifier {
public:
  StreamVerifier(const StreamSchedule &schedule, const StreamMachine &machine)
      : schedule(schedule), m(machine), names(machine), flow(schedule.flow(), machine, names),
        slices(2 * machine.slicesPerHemisphere), results(machine.alus), units(2 * machine.planesPerHemisphere) {
    lineSize = 1;
    while (lineSize < 2 * uint64_t(m.edge()) + 3)
      lineSize *= 2;
    lines.resize(2 * m.streamsPerDirection * lineSize);
  }

  std::optional<Rejection> verify() {
    if (readFlow() && readTensors() && execute() && flushLines())
      checkResults();
    return rejection;
  }

private:
  /// A value on a stream, in the place that all values of its phase have, one after the other.
  struct Line {
    bool used = false, sampled = false;
    int64_t phase = 0;
    uint64_t driven = 0;
    Name name = zeros;
    const Queue *from = nullptr;
  };
  struct Drive {
    const Queue *from;
    StreamGroup stream;
    Name name;
  };
  struct Result {
    uint64_t cycle;
    Parts bytes;
  };
  struct RecentWrite {
    uint64_t cycle;
    uint32_t first, count, superlanes;
  };
  struct Slice {
    // Empty: all zeros.
    std::vector<Name> words;
    std::vector<uint64_t> written; // the cycle after the last write
    std::deque<RecentWrite> recent;
    // The name of the words that were looked up last, until one of them is written.
    uint32_t tableFirst = 0, tableCount = 0;
    Name table = zeros;
  };
  enum class Held : uint8_t { Nothing, Int8, Float16 };
  struct Sum {
    Held type = Held::Nothing;
    Name name = zeros;
  };
  struct PlaneState {
    Held arrayType = Held::Nothing, bufferType = Held::Nothing;
    Name array = zeros;
    std::vector<Name> buffer;
    std::map<uint32_t, Sum> sums;
  };

  // Each returns false when the schedule is refused.
  bool readFlow();
  bool readTensors();
  bool readTensor(const Placement &placement, bool isThere);
  bool readImage(const Image &image);
  bool execute();
  bool flushLines();
  bool checkResults();
  bool checkResult(const Placement &placement);

  bool executeMemory(const Memory &memory);
  bool executeAlu(const Alu &alu);
  bool executeLoad(const LoadWeights &load);
  bool executeMultiply(const Multiply &multiply);
  bool executeExchange(const Exchange &exchange);
  bool driveUntil(uint64_t end);
  bool putOn(uint64_t cycle, const Drive &drive);
  bool sample(Direction direction, uint32_t stream, Name &name);
  bool sampleGroup(const StreamGroup &group, unsigned width, Parts &parts);
  bool takeOperand(const Operand &operand, unsigned width, Parts &bytes);
  bool checkAccess(const Access &access, uint32_t &address);

  bool refuse(Fault fault, std::optional<uint64_t> cycle, const std::string &place, const std::string &detail) {
    if (!rejection)
      rejection = Rejection{fault, cycle, place, detail + stageAt(cycle)};
    return false;
  }
  bool refuseHere(Fault fault, const std::string &detail) {
    return refuse(fault, now, current->name() + ", x = " + std::to_string(current->x), detail);
  }
  std::string stageAt(std::optional<uint64_t> cycle) const {
    for (const Span &span : schedule.spans())
      if (cycle && !span.name().empty() && span.first() <= *cycle && *cycle <= span.last())
        return std::string(" (in '") + span.name() + "')";
    return "";
  }
  /// The effect of the current instruction is complete so many cycles after it.
  void takes(uint32_t latency) {
    if (now + latency > last || !lastQueue)
      lastQueue = current;
    last = std::max(last, now + latency);
  }
  void drive(uint32_t latency, Direction direction, uint32_t stream, Name name) {
    Drive drive{current, {}, name};
    drive.stream.set_direction(direction);
    drive.stream.set_first(stream);
    drives[now + latency].push_back(drive);
  }
  void computes(Name name, const char *what) {
    if (!foreign && !flow.computes(name))
      foreign = Rejection{Fault::ForeignVector, now, current->name() + ", x = " + std::to_string(current->x),
                          std::string(what) + " that Flow does not have" + stageAt(now)};
  }
  Slice &slice(Direction hemisphere, uint32_t index) {
    Slice &slice = slices[(hemisphere == WEST ? 0 : m.slicesPerHemisphere) + index];
    if (slice.words.empty()) {
      slice.words.resize(m.wordsPerSlice, zeros);
      slice.written.resize(m.wordsPerSlice, 0);
    }
    return slice;
  }
  PlaneState &plane(uint32_t index) {
    PlaneState &plane = units[(current->hemisphere == WEST ? 0 : m.planesPerHemisphere) + index];
    plane.buffer.resize(m.planeColumns, zeros);
    return plane;
  }
  Line &line(Direction direction, uint32_t stream, int64_t phase) {
    uint64_t place = static_cast<uint64_t>(phase) & (lineSize - 1);
    return lines[(uint64_t(direction) * m.streamsPerDirection + stream) * lineSize + place];
  }
  static int64_t phaseOf(uint64_t cycle, int x, Direction direction) {
    return static_cast<int64_t>(cycle) + (direction == EAST ? -x : x);
  }
  bool refuseLost(const Line &line, Direction direction, uint32_t stream, uint64_t cycle) {
    return refuse(Fault::LostValue, cycle, line.from->name(),
                  nameOfStream(direction, stream) + ", driven at cycle " + std::to_string(line.driven) +
                      ", and sampled by nobody");
  }
  static std::string placeOf(Direction hemisphere, uint32_t slice, std::optional<uint32_t> address = {}) {
    return "MEM slice " + std::to_string(slice) + (hemisphere == WEST ? " west" : " east") +
           (address ? ", address " + std::to_string(*address) : "");
  }
  static std::string nameOfStream(Direction direction, uint32_t stream) {
    return (direction == EAST ? "eastward stream " : "westward stream ") + std::to_string(stream);
  }

  const StreamSchedule &schedule;
  const StreamMachine &m;
  VectorNames names;
  FlowReader flow;
  std::vector<Slice> slices;
  std::map<std::pair<const Slice *, uint32_t>, std::vector<VectorNames::StripRow>> tensorWords;
  std::set<std::pair<const Slice *, uint32_t>> imageWords;
  uint64_t numImageWords = 0, numStripRows = 0;

  uint64_t lineSize = 1;
  std::vector<Line> lines;
  std::map<uint64_t, std::vector<Drive>> drives;
  std::vector<std::vector<Result>> results;
  std::vector<PlaneState> units;

  std::vector<ProgramCursor> cursors;
  const Queue *current = nullptr;
  const ProgramCursor *cursor = nullptr;
  uint64_t now = 0, last = 0, work = 0;
  const Queue *lastQueue = nullptr; // whose instruction ends last
  std::optional<Rejection> rejection, foreign;
};

bool StreamVerifier::readFlow() {
  if (!schedule.has_flow())
    return refuse(Fault::Flow, {}, "", "the schedule has no Flow");
  std::string error;
  return flow.read(error) || refuse(Fault::Flow, {}, "", error);
}

bool StreamVerifier::readImage(const Image &image) {
  auto wrong = [&](const std::string &detail) {
    return refuse(Fault::Tensor, 0, placeOf(image.hemisphere(), image.slice(), image.address()), "constants " + detail);
  };
  if (image.hemisphere() > WEST || image.hemisphere() < EAST || image.slice() >= m.slicesPerHemisphere ||
      uint64_t(image.address()) + image.words() > m.wordsPerSlice || image.word_bytes() > m.lanes())
    return wrong("lie beyond the memory");
  numImageWords += image.words();
  if (numImageWords > uint64_t(m.wordsPerSlice) * 2 * m.slicesPerHemisphere)
    return wrong("are larger than the memory");
  Slice &in = slice(image.hemisphere(), image.slice());
  for (uint32_t i = 0; i < image.words(); ++i) {
    imageWords.insert({&in, image.address() + i});
    in.words[image.address() + i] =
        names.weights(image.offset() + uint64_t(i) * image.word_bytes(), image.word_bytes());
  }
  return true;
}

bool StreamVerifier::readTensor(const Placement &placement, bool isThere) {
  auto wrong = [&](const std::string &detail) {
    return refuse(Fault::Tensor, 0, "tensor '" + placement.name() + "'", detail);
  };
  unsigned width = widthOf(placement.type());
  uint64_t interleave = std::max(placement.interleave(), 1u);
  if (width == 0 || placement.rows() == 0 || placement.columns() == 0 || interleave > placement.rows() ||
      interleave > 64)
    return wrong("it has no type, no elements or too many strips");
  // By residue and byte: the columns that have a place.
  std::map<std::pair<uint32_t, uint32_t>, std::vector<std::pair<uint64_t, uint64_t>>> columns;
  for (const Strip &strip : placement.strips()) {
    uint64_t rows =
        (uint64_t(placement.rows()) - std::min(strip.residue(), placement.rows()) + interleave - 1) / interleave;
    if (strip.hemisphere() > WEST || strip.hemisphere() < EAST || strip.slice() >= m.slicesPerHemisphere ||
        strip.address() + rows > m.wordsPerSlice || strip.columns() == 0 ||
        uint64_t(strip.first_lane()) + strip.columns() > m.lanes() ||
        uint64_t(strip.column()) + strip.columns() > placement.columns() || strip.byte() >= width ||
        strip.residue() >= interleave)
      return wrong("its strip at " + placeOf(strip.hemisphere(), strip.slice(), strip.address()) +
                   " lies beyond the memory or the tensor");
    columns[{strip.residue(), strip.byte()}].emplace_back(strip.column(), uint64_t(strip.column()) + strip.columns());
    if (!isThere)
      continue;
    Slice &in = slice(strip.hemisphere(), strip.slice());
    for (uint32_t i = 0; i < rows; ++i) {
      std::pair<const Slice *, uint32_t> word{&in, strip.address() + i};
      std::vector<VectorNames::StripRow> &others = tensorWords[word];
      if (++numStripRows > greatestStripRows)
        return wrong("there are more tensors than any schedule has");
      bool meets = imageWords.count(word) || llvm::any_of(others, [&](const VectorNames::StripRow &other) {
                     return strip.first_lane() < other.firstLane + other.columns &&
                            other.firstLane < strip.first_lane() + strip.columns();
                   });
      if (meets)
        return wrong("something else lies in " + placeOf(strip.hemisphere(), strip.slice(), word.second));
      others.push_back({placement.name(), strip.column(), strip.columns(), strip.first_lane(), strip.byte(),
                        strip.residue() + i * static_cast<uint32_t>(interleave)});
    }
  }
  for (uint32_t residue = 0; residue < interleave; ++residue)
    for (uint32_t byte = 0; byte < width; ++byte) {
      auto &pieces = columns[{residue, byte}];
      llvm::sort(pieces);
      uint64_t end = 0;
      for (const auto &[first, after] : pieces)
        if (first <= end)
          end = std::max(end, after);
      if (end != placement.columns())
        return wrong("column " + std::to_string(end) + " lies nowhere");
    }
  return true;
}

bool StreamVerifier::readTensors() {
  for (const Image &image : schedule.images())
    if (!readImage(image))
      return false;
  std::set<std::string> before, after;
  for (auto *list : {&schedule.inputs(), &schedule.states()})
    for (const Placement &placement : *list) {
      if (!before.insert(placement.name()).second)
        return refuse(Fault::Tensor, 0, "tensor '" + placement.name() + "'", "it is there twice");
      if (!readTensor(placement, true))
        return false;
    }
  for (const Placement &placement : schedule.outputs()) {
    if (!after.insert(placement.name()).second)
      return refuse(Fault::Tensor, 0, "tensor '" + placement.name() + "'", "it is there twice");
    if (!readTensor(placement, false))
      return false;
  }
  for (auto &[word, rows] : tensorWords) {
    llvm::sort(rows, [](const auto &a, const auto &b) { return a.firstLane < b.firstLane; });
    const_cast<Slice *>(word.first)->words[word.second] = names.word(rows);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

bool StreamVerifier::putOn(uint64_t cycle, const Drive &drive) {
  Direction direction = drive.stream.direction();
  uint32_t stream = drive.stream.first();
  int64_t phase = phaseOf(cycle, drive.from->x, direction);
  Line &line = this->line(direction, stream, phase);
  if (line.used) {
    if (line.phase == phase && line.driven == cycle)
      return refuse(Fault::DoubleDrive, cycle, drive.from->name() + ", x = " + std::to_string(drive.from->x),
                    nameOfStream(direction, stream));
    // Of the same phase it is replaced here; of an earlier one it has left by now.
    if (!line.sampled)
      return refuseLost(line, direction, stream,
                        line.phase == phase ? cycle : static_cast<uint64_t>(line.phase + m.edge() + 1));
  }
  line = {true, false, phase, cycle, drive.name, drive.from};
  return true;
}

/// What is driven before cycle `end` is on its stream.
bool StreamVerifier::driveUntil(uint64_t end) {
  while (!drives.empty() && drives.begin()->first < end) {
    for (const Drive &drive : drives.begin()->second)
      if (!putOn(drives.begin()->first, drive))
        return false;
    drives.erase(drives.begin());
  }
  return true;
}

bool StreamVerifier::flushLines() {
  if (!driveUntil(~uint64_t(0)))
    return false;
  for (Direction direction : {EAST, WEST})
    for (uint32_t stream = 0; stream < m.streamsPerDirection; ++stream)
      for (uint64_t phase = 0; phase < lineSize; ++phase) {
        const Line &left = line(direction, stream, static_cast<int64_t>(phase));
        if (left.used && !left.sampled)
          return refuseLost(left, direction, stream, static_cast<uint64_t>(left.phase + m.edge() + 1));
      }
  if (last + m.superlanes != schedule.cycles())
    return refuse(Fault::Cycles, last + m.superlanes, lastQueue ? lastQueue->name() : "no queue",
                  "what ends last does so then: it takes " + std::to_string(last + m.superlanes) + ", and promises " +
                      std::to_string(schedule.cycles()));
  return true;
}

bool StreamVerifier::sample(Direction direction, uint32_t stream, Name &name) {
  int64_t phase = phaseOf(now, current->x, direction);
  Line &line = this->line(direction, stream, phase);
  if (!line.used || line.phase != phase)
    return refuseHere(Fault::EmptyRegister, nameOfStream(direction, stream));
  line.sampled = true;
  name = line.name;
  return true;
}

bool StreamVerifier::sampleGroup(const StreamGroup &group, unsigned width, Parts &parts) {
  for (unsigned i = 0; i < width; ++i)
    if (!sample(group.direction(), group.first() + i, parts.emplace_back()))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

bool StreamVerifier::checkAccess(const Access &access, uint32_t &address) {
  int64_t first = int64_t(access.address()) + cursor->offset;
  int64_t count = access.has_indirect() ? access.indirect().count() : 1;
  if (first < 0 || first + count > m.wordsPerSlice)
    return refuseHere(Fault::Address, "address " + std::to_string(first));
  address = static_cast<uint32_t>(first);
  return true;
}

bool StreamVerifier::executeMemory(const Memory &memory) {
  Slice &in = slice(current->hemisphere, current->index);
  while (!in.recent.empty() && in.recent.front().cycle + m.writeLatency <= now)
    in.recent.pop_front();
  uint32_t from = 0, to = 0;
  if ((memory.has_read() && !checkAccess(memory.read(), from)) ||
      (memory.has_write() && !checkAccess(memory.write(), to)))
    return false;
  uint32_t bank = m.wordsPerSlice / m.banksPerSlice;
  if (memory.has_read() && memory.has_write() && from / bank == to / bank)
    return refuseHere(Fault::BankClash, "addresses " + std::to_string(from) + " and " + std::to_string(to));
  if (memory.has_read()) {
    const Access &read = memory.read();
    uint32_t count = read.has_indirect() ? read.indirect().count() : 1;
    for (const RecentWrite &write : in.recent)
      if (write.first < from + count && from < write.first + write.count && (write.superlanes & read.superlanes()))
        return refuseHere(Fault::EarlyRead, "address " + std::to_string(std::max(write.first, from)) +
                                                ", written at cycle " + std::to_string(write.cycle));
    Name name = in.words[from];
    if (read.has_indirect()) {
      work += count;
      Parts values;
      if (!sampleGroup(read.indirect().values(), 2, values))
        return false;
      if (in.tableFirst != from || in.tableCount != count) {
        in.table = names.table(llvm::ArrayRef<Name>(in.words).slice(from, count));
        in.tableFirst = from;
        in.tableCount = count;
      }
      name = names.gathered(in.table, values, read.indirect().first());
    }
    name = names.mix(name, zeros, read.superlanes());
    if (read.has_indirect())
      computes(name, "it gathers words");
    uint32_t latency = read.has_indirect() ? m.gatherLatency : m.readLatency;
    drive(latency, read.stream().direction(), read.stream().first(), name);
    takes(latency);
  }
  if (!memory.has_write())
    return true;
  const Access &write = memory.write();
  uint32_t count = write.has_indirect() ? write.indirect().count() : 1;
  work += count;
  Name data;
  Parts values;
  if (!sample(write.stream().direction(), write.stream().first(), data) ||
      (write.has_indirect() && !sampleGroup(write.indirect().values(), 2, values)))
    return false;
  if (to < in.tableFirst + in.tableCount && in.tableFirst < to + count)
    in.tableCount = 0;
  for (uint32_t i = 0; i < count; ++i) {
    Name &word = in.words[to + i];
    Name value = write.has_indirect() ? names.scattered(word, write.indirect().first() + i, values, data) : data;
    word = names.mix(value, word, write.superlanes());
    in.written[to + i] = now + 1;
  }
  in.recent.push_back({now, to, count, write.superlanes()});
  takes(m.writeLatency);
  return true;
}

bool StreamVerifier::takeOperand(const Operand &operand, unsigned width, Parts &bytes) {
  if (operand.source_case() == Operand::kConstant) {
    bytes = names.constant(operand.constant(), width);
    return true;
  }
  if (operand.source_case() == Operand::kStream)
    return sampleGroup(operand.stream(), width, bytes);
  const Result *found = nullptr;
  for (const Result &result : results[operand.alu()])
    if (result.cycle == now)
      found = &result;
  if (!found || found->bytes.size() != width)
    return refuseHere(Fault::AluResult,
                      "ALU " + std::to_string(operand.alu()) + (found ? " has one of another width" : " has none"));
  bytes = found->bytes;
  return true;
}

bool StreamVerifier::executeAlu(const Alu &alu) {
  unsigned width = widthOf(alu.type());
  const Operand *operands[] = {&alu.a(), &alu.b(), &alu.c()};
  llvm::SmallVector<Parts, 3> all(arityOf(alu.operation()));
  for (auto [k, bytes] : llvm::enumerate(all))
    if (!takeOperand(*operands[k], width, bytes))
      return false;
  Parts bytes = all[0];
  if (alu.operation() != Alu::COPY) {
    Name whole = names.alu(alu.operation(), alu.type(), alu.to(), all);
    computes(whole, "it computes a vector");
    bytes.clear();
    for (unsigned i = 0; i < resultWidth(alu.operation(), alu.type(), alu.to()); ++i)
      bytes.push_back(names.part(whole, i));
  }
  uint32_t latency = alu.operation() == Alu::EXP || alu.operation() == Alu::TANH || alu.operation() == Alu::RSQRT
                         ? m.transcendentalLatency
                         : m.aluLatency;
  std::vector<Result> &mine = results[current->index];
  llvm::erase_if(mine, [&](const Result &result) { return result.cycle < now; });
  if (llvm::any_of(mine, [&](const Result &result) { return result.cycle == now + latency; }))
    return refuseHere(Fault::AluResult, "it would have two at cycle " + std::to_string(now + latency));
  mine.push_back({now + latency, bytes});
  if (alu.has_out())
    for (auto [i, name] : llvm::enumerate(bytes))
      drive(latency, alu.out().direction(), alu.out().first() + static_cast<uint32_t>(i), name);
  takes(latency);
  return true;
}

bool StreamVerifier::executeLoad(const LoadWeights &load) {
  int64_t first = int64_t(load.column()) + cursor->offset;
  uint32_t streams = m.loadStreams();
  uint32_t count = load.float16() && load.half() != BOTH ? streams / 2 : streams;
  if (first < 0 || first + count > m.planeColumns)
    return refuseHere(Fault::Address, "column " + std::to_string(first));
  if (current->index % 2 == 1)
    if (PlaneState &pair = plane(current->index - 1); pair.arrayType == Held::Float16)
      pair.arrayType = Held::Nothing;
  PlaneState &to = plane(current->index);
  Held type = load.float16() ? Held::Float16 : Held::Int8;
  if (to.bufferType != Held::Nothing && to.bufferType != type)
    return refuseHere(Fault::Buffer, "");
  to.bufferType = type;
  Parts bytes;
  StreamGroup group;
  group.set_direction(current->hemisphere);
  group.set_first(load.first_stream());
  if (!sampleGroup(group, streams, bytes))
    return false;
  for (uint32_t i = 0; i < count; ++i) {
    Name &column = to.buffer[static_cast<size_t>(first) + i];
    llvm::ArrayRef<Name> all(bytes);
    if (!load.float16())
      column = names.column(false, all.slice(i, 1), LOW);
    else if (load.half() == BOTH)
      column = names.column(true, all.slice(i / 2 * 2, 2), i % 2 == 0 ? LOW : HIGH);
    else
      column = names.column(true, all.slice(2 * i, 2), load.half());
  }
  takes(1);
  return true;
}

bool StreamVerifier::executeMultiply(const Multiply &multiply) {
  int64_t row = int64_t(multiply.row()) + cursor->offset;
  if (row < 0 || row >= m.accumulatorRows)
    return refuseHere(Fault::Address, "accumulator row " + std::to_string(row));
  Held type = multiply.float16() ? Held::Float16 : Held::Int8;
  if (current->index % 2 == 1)
    if (PlaneState &pair = plane(current->index - 1); pair.arrayType == Held::Float16)
      pair.arrayType = Held::Nothing;
  PlaneState &unit = plane(current->index);
  if (multiply.swap() && cursor->isFirst) {
    if (unit.bufferType != Held::Nothing && unit.bufferType != type)
      return refuseHere(Fault::Buffer, "the buffer is of another type than the product");
    unit.arrayType = type;
    unit.array = names.array(multiply.float16(), unit.buffer);
    unit.bufferType = Held::Nothing;
    unit.buffer.assign(m.planeColumns, zeros);
    if (multiply.float16())
      plane(current->index + 1) = PlaneState();
  }
  if (unit.arrayType != type)
    return refuseHere(Fault::Array, "");
  StreamGroup group;
  group.set_direction(current->hemisphere);
  group.set_first(multiply.stream());
  Parts bytes;
  if (!sampleGroup(group, multiply.float16() ? 2 : 1, bytes))
    return false;
  Sum &sum = unit.sums[static_cast<uint32_t>(row)];
  if (multiply.add() && sum.type != type)
    return refuseHere(Fault::Accumulator, "row " + std::to_string(row));
  Name product = names.product(multiply.float16(), unit.array, bytes, multiply.half());
  sum = {type, multiply.add() ? names.sum(multiply.float16(), sum.name, product) : product};
  computes(sum.name, "it sums products");
  if (multiply.has_out())
    for (unsigned i = 0; i < 4; ++i)
      drive(m.mxmLatency, multiply.out().direction(), multiply.out().first() + i, names.part(sum.name, i));
  takes(m.mxmLatency);
  return true;
}

bool StreamVerifier::executeExchange(const Exchange &exchange) {
  Parts in;
  if (!sampleGroup(exchange.in(), exchange.streams(), in))
    return false;
  if (exchange.operation() == Exchange::TRANSPOSE) {
    Name whole = names.transposition(in);
    computes(whole, "it transposes vectors");
    for (uint32_t i = 0; i < exchange.streams(); ++i)
      drive(m.sxmLatency, exchange.out().direction(), exchange.out().first() + i, names.part(whole, i));
    takes(m.sxmLatency);
    return true;
  }
  // As a table of all lanes.
  work += uint64_t(m.superlanes) * (1 + in.size());
  uint32_t lanes = m.lanes(), side = m.lanesPerSuperlane;
  std::vector<uint32_t> sources;
  bool isFar = false;
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    int64_t source;
    if (exchange.operation() == Exchange::SHIFT) {
      source = int64_t(lane) - exchange.shift();
    } else {
      const LaneMap &map = schedule.lane_maps(static_cast<int>(exchange.lane_map()));
      source = map.source(static_cast<int>(exchange.operation() == Exchange::PERMUTE ? lane : lane % side));
      if (exchange.operation() == Exchange::DISTRIBUTE)
        source = source == side ? lanes : lane / side * side + source;
    }
    bool isLane = source >= 0 && source < lanes;
    sources.push_back(isLane ? static_cast<uint32_t>(source) : lanes);
    isFar |= isLane && source / side != lane / side;
  }
  uint32_t latency = isFar ? m.sxmFarLatency : m.sxmLatency;
  for (auto [i, name] : llvm::enumerate(in)) {
    Name moved = names.lanes(name, sources);
    if (moved != name)
      computes(moved, "it moves lanes and makes a vector");
    drive(latency, exchange.out().direction(), exchange.out().first() + static_cast<uint32_t>(i), moved);
  }
  takes(latency);
  return true;
}

//===----------------------------------------------------------------------===//
// All programs
//===----------------------------------------------------------------------===//

bool StreamVerifier::execute() {
  std::set<std::tuple<int, int, uint32_t>> seen;
  for (const QueueProgram &program : schedule.programs()) {
    std::optional<Queue> queue = queueOf(program, m);
    if (!queue)
      return refuse(Fault::Program, 0,
                    "unit " + std::to_string(program.unit()) + ", index " + std::to_string(program.index()),
                    "there is no such queue");
    if (!seen.insert({program.unit(), program.hemisphere(), program.index()}).second)
      return refuse(Fault::Program, 0, queue->name(), "it has two programs");
    if (static_cast<uint32_t>(program.instructions_size()) > m.instructionMemory)
      return refuse(Fault::Program, 0, queue->name(),
                    std::to_string(program.instructions_size()) + " instructions, and there is memory for " +
                        std::to_string(m.instructionMemory));
    uint64_t issues = 0;
    for (const Instruction &instruction : program.instructions())
      issues += instruction.has_repeat() ? instruction.repeat().count() : 1;
    work += issues;
    if (work > greatestIssues)
      return refuse(Fault::Program, 0, queue->name(), "no schedule has so many instructions");
    cursors.emplace_back(program, *queue);
  }
  // In one cycle MULTIPLY comes before LOAD, and plane 0 before plane 1.
  auto rank = [](const Queue &queue) {
    return queue.unit == LOAD ? 1000 + queue.index : queue.unit == MULTIPLY ? queue.index : 500u;
  };
  using Entry = std::tuple<uint64_t, uint32_t, size_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queued;
  auto advance = [&](size_t index) {
    ProgramCursor &of = cursors[index];
    std::string fault;
    if (of.next(schedule, m, fault)) {
      if (of.cycle > greatestCycle)
        return refuse(Fault::Program, of.cycle, of.queue.name(), "no schedule takes so long");
      queued.push({of.cycle, rank(of.queue), index});
      return true;
    }
    return fault.empty() || refuse(Fault::Program, of.cycle, of.queue.name(), fault);
  };
  for (size_t i = 0; i < cursors.size(); ++i)
    if (!advance(i))
      return false;
  while (!queued.empty()) {
    auto [cycle, ignored, index] = queued.top();
    queued.pop();
    cursor = &cursors[index];
    current = &cursor->queue;
    now = cycle;
    if (work > greatestWork || names.size() > greatestNames)
      return refuseHere(Fault::Program, "no schedule takes so much to follow");
    if (!driveUntil(now))
      return false;
    const Instruction &instruction = *cursor->instruction;
    bool good = instruction.has_memory()     ? executeMemory(instruction.memory())
                : instruction.has_alu()      ? executeAlu(instruction.alu())
                : instruction.has_load()     ? executeLoad(instruction.load())
                : instruction.has_multiply() ? executeMultiply(instruction.multiply())
                                             : executeExchange(instruction.exchange());
    if (!good || !advance(index))
      return false;
  }
  return true;
}

bool StreamVerifier::checkResult(const Placement &placement) {
  for (const Strip &strip : placement.strips()) {
    std::optional<std::vector<Name>> expected = flow.resultOf(placement, strip);
    std::string place = "tensor '" + placement.name() + "', " + placeOf(strip.hemisphere(), strip.slice());
    if (!expected)
      return refuse(Fault::Flow, last, place, "Flow does not say what this strip is to hold");
    const Slice &in = slice(strip.hemisphere(), strip.slice());
    for (auto [i, name] : llvm::enumerate(*expected)) {
      uint32_t address = strip.address() + static_cast<uint32_t>(i);
      if (names.areEqual(in.words[address], name, names.superlanesOf(strip.first_lane(), strip.columns())))
        continue;
      if (foreign) {
        rejection = foreign;
        return false;
      }
      uint64_t written = in.written[address];
      return refuse(Fault::WrongResult, written ? std::optional<uint64_t>(written - 1) : 0, place,
                    "address " + std::to_string(address) +
                        (written ? ", last written in that cycle, holds another vector" : " is never written"));
    }
  }
  return true;
}

bool StreamVerifier::checkResults() {
  for (auto *list : {&schedule.outputs(), &schedule.states()})
    for (const Placement &placement : *list)
      if (!checkResult(placement))
        return false;
  return true;
}

} // namespace

std::optional<Rejection> verifyStreamSchedule(const StreamSchedule &schedule, const Chip &chip) {
  std::string error;
  std::optional<StreamMachine> machine = readStreamMachine(chip, error);
  if (!machine || !isScheduleFor(schedule, chip, error))
    return Rejection{Fault::Header, {}, "", error};
  return StreamVerifier(schedule, *machine).verify();
}

} // namespace sinter::verify
