//===- StreamReplay.cpp - Who waits for whom in a schedule ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Profile/StreamReplay.h"

#include "lib/Schedule/Verify/VectorNames.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace sinter;
using namespace sinter::profile;
using format::Alu;
using format::Instruction;

int64_t Spending::sum() const {
  int64_t all = 0;
  for (int64_t part : cycles)
    all += part;
  return all;
}

Spending &Spending::operator+=(const Spending &other) {
  for (unsigned i = 0; i < numSpent; ++i)
    cycles[i] += other.cycles[i];
  return *this;
}

unsigned StreamReplay::burstOf(Issue issue) const {
  auto after =
      llvm::upper_bound(bursts.bursts, issue, [](Issue value, const Burst &burst) { return value < burst.firstIssue; });
  return after - bursts.bursts.begin() - 1;
}

uint64_t StreamReplay::cycleOf(Issue issue) const {
  const Burst &burst = bursts.bursts[burstOf(issue)];
  return burst.cycle(issue - burst.firstIssue);
}

Spent StreamReplay::latencyKind(const Burst &burst) const {
  const Instruction &instruction = *burst.instruction;
  switch (instruction.operation_case()) {
  case Instruction::kMemory:
    if (burst.write)
      return Spent::WriteLatency;
    return burst.read->has_indirect() ? Spent::GatherLatency : Spent::ReadLatency;
  case Instruction::kAlu: {
    Alu::Operation operation = instruction.alu().operation();
    bool isSlow = operation == Alu::EXP || operation == Alu::TANH || operation == Alu::RSQRT;
    return isSlow ? Spent::TranscendentalLatency : Spent::AluLatency;
  }
  case Instruction::kLoad:
    return Spent::Turns;
  case Instruction::kMultiply:
    return Spent::MxmLatency;
  default: {
    const format::Exchange &exchange = instruction.exchange();
    bool isFar = exchange.operation() == format::Exchange::SHIFT && exchange.shift() != 0;
    if (exchange.operation() == format::Exchange::PERMUTE)
      for (auto [lane, source] : llvm::enumerate(schedule.lane_maps(exchange.lane_map()).source()))
        isFar |= source < machine.lanes() && source / machine.lanesPerSuperlane != lane / machine.lanesPerSuperlane;
    return isFar ? Spent::SxmFarLatency : Spent::SxmLatency;
  }
  }
}

uint32_t StreamReplay::latencyOf(const Burst &burst) const {
  switch (latencyKind(burst)) {
  case Spent::ReadLatency:
    return machine.readLatency;
  case Spent::WriteLatency:
    return machine.writeLatency;
  case Spent::GatherLatency:
    return machine.gatherLatency;
  case Spent::AluLatency:
    return machine.aluLatency;
  case Spent::TranscendentalLatency:
    return machine.transcendentalLatency;
  case Spent::SxmLatency:
    return machine.sxmLatency;
  case Spent::SxmFarLatency:
    return machine.sxmFarLatency;
  case Spent::MxmLatency:
    return machine.mxmLatency;
  default:
    return 1;
  }
}

/// The state of the chip while a schedule is run without values.
class StreamReplay::Machine {
public:
  Machine(const format::StreamSchedule &schedule, StreamReplay &replay)
      : replay(replay), m(replay.machine), schedule(schedule), together(replay.bursts.bursts.size()) {}

  void run();

private:
  /// A value that is driven later on.
  struct Drive {
    Issue issue;
    uint8_t direction, stream;
    int16_t x;
    unsigned burst;
  };
  /// What the registers of one phase of a stream hold: the value that was driven last.
  struct Phase {
    int64_t phase = std::numeric_limits<int64_t>::min();
    uint32_t value = 0;
    unsigned burst = 0;
  };
  struct Result {
    uint64_t cycle = ~uint64_t(0);
    unsigned burst = 0;
  };
  struct Plane {
    Issue lastLoad = none, lastSwap = none;
  };
  struct Word {
    Issue lastWrite = none, lastAccess = none;
    /// What it holds now, which began at cycle `begin` and was last read at `read`, in these superlanes.
    uint32_t begin = 0, read = 0, superlanes = 0;
    bool isKept = false; // of a constant, input, output or state
  };
  struct Gathered {
    uint32_t address, count;
    Issue last;
  };
  struct Slice {
    std::vector<Word> words;
    std::vector<Gathered> gathered;
    bool isWritten = false;
    /// By how much the number of temporaries changes, and when.
    std::vector<std::pair<uint32_t, int>> changes;
  };

  void beginMemory();
  void endMemory();
  void issue(unsigned burstNumber, uint64_t repetition);
  void read(const format::Access &access, int64_t offset, Issue issue);
  void write(const format::Access &access, int64_t offset, Issue issue);
  void alu(const Alu &alu);
  void operand(const format::Operand &operand, unsigned width);
  void sample(format::Direction direction, uint32_t first, uint32_t count);
  void drive(const format::StreamGroup &group, unsigned count, Issue issue);
  void addDriven(const Drive &drive);
  void link(unsigned driver, uint32_t hops);
  void endVersion(Slice &slice, Word &word);

  int64_t phaseOf(unsigned direction, int x) const { return int64_t(cycle) + (direction == format::EAST ? -x : x); }
  Phase &phase(unsigned direction, unsigned stream, int64_t phase) {
    return phases[(direction * m.streamsPerDirection + stream) * (phaseMask + 1) + (uint64_t(phase) & phaseMask)];
  }

  StreamReplay &replay;
  const format::StreamMachine &m;
  const format::StreamSchedule &schedule;
  llvm::IntEqClasses together;
  llvm::DenseSet<uint64_t> known; // links
  std::vector<Phase> phases;
  uint64_t phaseMask = 1, wheelMask = 1;
  std::vector<std::vector<Drive>> wheel;
  std::vector<Result> results; // [alu][cycle & wheelMask]
  std::vector<Plane> planes;
  std::vector<Slice> memory[2];
  uint64_t cycle = 0;
  unsigned current = 0; // burst
  int x = 0;            // of its unit
};

void StreamReplay::Machine::run() {
  while (phaseMask + 1 < 2 * m.edge() + 2)
    phaseMask = 2 * phaseMask + 1;
  phases.resize(2 * m.streamsPerDirection * (phaseMask + 1));
  uint32_t latest = std::max({m.readLatency, m.gatherLatency, m.aluLatency, m.transcendentalLatency, m.sxmLatency,
                              m.sxmFarLatency, m.mxmLatency});
  while (wheelMask < latest)
    wheelMask = 2 * wheelMask + 1;
  wheel.resize(wheelMask + 1);
  results.resize(m.alus * (wheelMask + 1));
  planes.resize(2 * m.planesPerHemisphere);
  beginMemory();

  // In one cycle, products take effect before loads of weights.
  const StreamBursts &bursts = replay.bursts;
  std::vector<unsigned> order;
  for (bool isLoad : {false, true})
    for (unsigned i = 0; i < bursts.queues.size(); ++i)
      if ((bursts.queues[i].queue.unit == format::LOAD) == isLoad)
        order.push_back(i);
  constexpr uint64_t never = ~uint64_t(0);
  struct Cursor {
    unsigned burst;
    uint64_t repetition, next;
  };
  std::vector<Cursor> cursors;
  for (unsigned queue : order) {
    const QueueBursts &own = bursts.queues[queue];
    cursors.push_back({own.firstBurst, 0, own.numBursts ? bursts.bursts[own.firstBurst].first : never});
  }
  uint64_t end = 0;
  for (const Burst &burst : bursts.bursts)
    end = std::max(end, burst.last() + 1);
  for (cycle = 0; cycle < end; ++cycle) {
    for (auto [queue, cursor] : llvm::zip_equal(order, cursors)) {
      if (cursor.next != cycle)
        continue;
      const QueueBursts &own = bursts.queues[queue];
      const Burst &burst = bursts.bursts[cursor.burst];
      unsigned behind = cursor.burst + 1, last = own.firstBurst + own.numBursts;
      behind += behind < last && bursts.bursts[behind].isBeside();
      x = own.queue.x;
      for (current = cursor.burst; current < behind; ++current) {
        issue(current, cursor.repetition);
        const Burst &part = bursts.bursts[current];
        if (uint64_t done = cycle + replay.latencyOf(part); done > replay.complete) {
          replay.complete = done;
          replay.last = part.firstIssue + cursor.repetition;
        }
      }
      if (++cursor.repetition < burst.count) {
        cursor.next += burst.interval;
        continue;
      }
      cursor.repetition = 0;
      cursor.burst = behind;
      cursor.next = behind == last ? never : bursts.bursts[behind].first;
    }
    std::vector<Drive> &drives = wheel[cycle & wheelMask];
    for (const Drive &drive : drives)
      addDriven(drive);
    drives.clear();
  }
  endMemory();
  llvm::erase_if(replay.values, [](const Value &value) { return value.from == value.to; });

  together.compress();
  replay.numGroups = together.getNumClasses();
  for (unsigned burst = 0; burst < bursts.bursts.size(); ++burst)
    replay.groups.push_back(together[burst]);
}

void StreamReplay::Machine::issue(unsigned burstNumber, uint64_t repetition) {
  const Burst &burst = replay.bursts.bursts[burstNumber];
  const verify::Queue &queue = replay.bursts.queues[burst.queue].queue;
  const Instruction &instruction = *burst.instruction;
  Issue number = burst.firstIssue + repetition;
  format::Direction outward = queue.hemisphere;
  unsigned side = static_cast<unsigned>(queue.hemisphere) * m.planesPerHemisphere;
  switch (instruction.operation_case()) {
  case Instruction::kMemory:
    if (int64_t offset = burst.step * static_cast<int64_t>(repetition); burst.read)
      read(*burst.read, offset, number);
    else
      write(*burst.write, offset, number);
    return;
  case Instruction::kAlu:
    alu(instruction.alu());
    if (instruction.alu().has_out())
      drive(instruction.alu().out(),
            verify::resultWidth(instruction.alu().operation(), instruction.alu().type(), instruction.alu().to()),
            number);
    return;
  case Instruction::kLoad: {
    Plane &plane = planes[side + queue.index];
    sample(outward, instruction.load().first_stream(), m.loadStreams());
    replay.hazards[number] = plane.lastSwap;
    plane.lastLoad = number;
    return;
  }
  case Instruction::kMultiply: {
    const format::Multiply &multiply = instruction.multiply();
    Plane &plane = planes[side + queue.index];
    sample(outward, multiply.stream(), multiply.float16() ? 2 : 1);
    if (multiply.swap() && repetition == 0) {
      replay.sources[number] = plane.lastLoad;
      plane = {none, number};
    }
    if (multiply.has_out())
      drive(multiply.out(), 4, number);
    return;
  }
  default: {
    const format::Exchange &exchange = instruction.exchange();
    sample(exchange.in().direction(), exchange.in().first(), exchange.streams());
    drive(exchange.out(), exchange.streams(), number);
    return;
  }
  }
}

void StreamReplay::Machine::alu(const Alu &alu) {
  unsigned width = verify::widthOf(alu.type()), arity = verify::arityOf(alu.operation());
  const format::Operand *operands[] = {&alu.a(), &alu.b(), &alu.c()};
  for (unsigned i = 0; i < arity; ++i)
    operand(*operands[i], width);
  const Burst &burst = replay.bursts.bursts[current];
  uint64_t there = cycle + replay.latencyOf(burst);
  unsigned number = replay.bursts.queues[burst.queue].queue.index;
  results[number * (wheelMask + 1) + (there & wheelMask)] = {there, current};
}

void StreamReplay::Machine::operand(const format::Operand &operand, unsigned width) {
  if (operand.has_stream())
    return sample(operand.stream().direction(), operand.stream().first(), width);
  if (operand.source_case() != format::Operand::kAlu)
    return;
  const Result &result = results[operand.alu() * (wheelMask + 1) + (cycle & wheelMask)];
  if (result.cycle == cycle)
    link(result.burst, 0);
}

void StreamReplay::Machine::sample(format::Direction direction, uint32_t first, uint32_t count) {
  for (uint32_t stream = first; stream < first + count; ++stream) {
    int64_t here = phaseOf(direction, x);
    const Phase &held = phase(direction, stream, here);
    if (held.phase != here)
      continue;
    Value &value = replay.values[held.value];
    value.to = x;
    link(held.burst, value.hops());
  }
}

void StreamReplay::Machine::drive(const format::StreamGroup &group, unsigned count, Issue issue) {
  uint64_t at = cycle + replay.latencyOf(replay.bursts.bursts[current]);
  for (unsigned i = 0; i < count; ++i)
    wheel[at & wheelMask].push_back({issue, static_cast<uint8_t>(group.direction()),
                                     static_cast<uint8_t>(group.first() + i), static_cast<int16_t>(x), current});
}

void StreamReplay::Machine::addDriven(const Drive &drive) {
  int64_t at = phaseOf(drive.direction, drive.x);
  phase(drive.direction, drive.stream, at) = {at, static_cast<uint32_t>(replay.values.size()), drive.burst};
  replay.values.push_back({drive.issue, static_cast<uint32_t>(cycle), drive.x, drive.x, drive.direction});
}

void StreamReplay::Machine::link(unsigned driver, uint32_t hops) {
  if (driver == current || !known.insert(uint64_t(driver) << 32 | current).second)
    return;
  const Burst &from = replay.bursts.bursts[driver];
  replay.links.push_back({driver, current, replay.latencyKind(from), replay.latencyOf(from), hops});
  together.join(driver, current);
}

void StreamReplay::Machine::beginMemory() {
  for (unsigned side = 0; side < 2; ++side) {
    memory[side].resize(m.slicesPerHemisphere);
    replay.slices[side].resize(m.slicesPerHemisphere);
    for (Slice &slice : memory[side])
      slice.words.resize(m.wordsPerSlice);
  }
  auto keep = [&](format::Direction side, uint32_t slice, uint32_t address, uint64_t words, bool isConstant) {
    if (slice >= m.slicesPerHemisphere || address > m.wordsPerSlice || words > m.wordsPerSlice - address)
      return;
    SliceWords &count = replay.slices[side][slice];
    for (uint64_t i = address; i < address + words; ++i)
      if (Word &word = memory[side][slice].words[i]; !word.isKept) {
        word.isKept = true;
        ++(isConstant ? count.constants : count.tensors);
      }
  };
  for (const format::Image &image : schedule.images())
    keep(image.hemisphere(), image.slice(), image.address(), image.words(), true);
  for (auto *list : {&schedule.inputs(), &schedule.outputs(), &schedule.states()})
    for (const format::Placement &placement : *list)
      for (const format::Strip &strip : placement.strips()) {
        uint32_t interleave = std::max(placement.interleave(), 1u);
        uint64_t rows = placement.rows() > strip.residue()
                            ? llvm::divideCeil(uint64_t(placement.rows()) - strip.residue(), interleave)
                            : 0;
        keep(strip.hemisphere(), strip.slice(), strip.address(), rows, false);
      }
}

void StreamReplay::Machine::read(const format::Access &access, int64_t offset, Issue issue) {
  const verify::Queue &queue = replay.bursts.queues[replay.bursts.bursts[current].queue].queue;
  Slice &slice = memory[queue.hemisphere][queue.index];
  int64_t address = access.address() + offset, count = 1;
  if (access.has_indirect()) {
    count = access.indirect().count();
    sample(access.indirect().values().direction(), access.indirect().values().first(), 2);
  }
  drive(access.stream(), 1, issue);
  if (address < 0 || address + count > m.wordsPerSlice)
    return;
  if (access.has_indirect()) {
    auto found = llvm::find_if(slice.gathered,
                               [&](const Gathered &range) { return range.address == address && range.count == count; });
    if (found == slice.gathered.end())
      found = slice.gathered.insert(found, {static_cast<uint32_t>(address), static_cast<uint32_t>(count), none});
    found->last = issue;
  }
  if (access.has_indirect() && !slice.isWritten)
    return; // a table of constants: nothing was written that it could get
  Issue source = none;
  for (Word &word : llvm::MutableArrayRef(slice.words).slice(address, count)) {
    if (word.lastWrite != none && (source == none || replay.cycleOf(word.lastWrite) > replay.cycleOf(source)))
      source = word.lastWrite;
    word.lastAccess = issue;
    word.read = cycle + 1;
  }
  replay.sources[issue] = source;
}

void StreamReplay::Machine::write(const format::Access &access, int64_t offset, Issue issue) {
  const verify::Queue &queue = replay.bursts.queues[replay.bursts.bursts[current].queue].queue;
  Slice &slice = memory[queue.hemisphere][queue.index];
  int64_t address = access.address() + offset, count = 1;
  if (access.has_indirect()) {
    count = access.indirect().count();
    sample(access.indirect().values().direction(), access.indirect().values().first(), 2);
  }
  sample(access.stream().direction(), access.stream().first(), 1);
  if (address < 0 || address + count > m.wordsPerSlice)
    return;
  slice.isWritten = true;
  Issue before = none;
  auto isLater = [&](Issue other) {
    return other != none && (before == none || replay.cycleOf(other) > replay.cycleOf(before));
  };
  for (Word &word : llvm::MutableArrayRef(slice.words).slice(address, count)) {
    if (isLater(word.lastAccess))
      before = word.lastAccess;
    // Other superlanes of what is there: one more piece of it.
    if (word.superlanes & access.superlanes()) {
      endVersion(slice, word);
      word.superlanes = 0;
    }
    if (!word.superlanes)
      word.begin = word.read = cycle;
    word.superlanes |= access.superlanes();
    word.read = std::max<uint32_t>(word.read, cycle + 1);
    word.lastWrite = word.lastAccess = issue;
  }
  for (const Gathered &range : slice.gathered)
    if (range.address < address + count && address < range.address + range.count && isLater(range.last))
      before = range.last;
  replay.hazards[issue] = before;
}

void StreamReplay::Machine::endVersion(Slice &slice, Word &word) {
  if (word.isKept || !word.superlanes)
    return;
  slice.changes.push_back({word.begin, 1});
  slice.changes.push_back({word.read, -1});
}

void StreamReplay::Machine::endMemory() {
  for (unsigned side = 0; side < 2; ++side)
    for (auto [slice, count] : llvm::zip_equal(memory[side], replay.slices[side])) {
      for (Word &word : slice.words)
        endVersion(slice, word);
      // Where one ends and another begins in a cycle, that is one word.
      llvm::sort(slice.changes);
      int now = 0;
      for (auto [at, change] : slice.changes) {
        now += change;
        count.temporaries = std::max<uint32_t>(count.temporaries, std::max(now, 0));
      }
    }
}

StreamReplay::StreamReplay(const format::StreamSchedule &schedule, const format::StreamMachine &machine,
                           const StreamBursts &bursts)
    : bursts(bursts), machine(machine), schedule(schedule) {
  sources.resize(bursts.numIssues, none);
  hazards.resize(bursts.numIssues, none);
  Machine(schedule, *this).run();
}
