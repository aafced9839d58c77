//===- StreamProfile.cpp - Where a streaming chip's cycles go -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Profile/StreamProfile.h"

#include "lib/Support/Failure.h"
#include "runtime/format/ScheduleFile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <map>
#include <tuple>

using namespace sinter;
using namespace sinter::profile;

const char *profile::describe(Spent spent) {
  switch (spent) {
  case Spent::ReadLatency:
    return "reads of memory";
  case Spent::WriteLatency:
    return "writes to memory";
  case Spent::GatherLatency:
    return "gathers from tables";
  case Spent::AluLatency:
    return "ALU operations";
  case Spent::TranscendentalLatency:
    return "exp, tanh and rsqrt";
  case Spent::SxmLatency:
    return "SXM within superlanes";
  case Spent::SxmFarLatency:
    return "SXM across superlanes";
  case Spent::MxmLatency:
    return "results of the MXM";
  case Spent::Transit:
    return "values on their way";
  case Spent::Vectors:
    return "one vector after the other";
  case Spent::Weights:
    return "loading weights";
  case Spent::Turns:
    return "turns of queues and arrays";
  case Spent::Spare:
    return "spare: nothing was waited for";
  case Spent::Superlanes:
    return "the last superlane";
  }
  llvm_unreachable("all are named");
}

const char *profile::nameOf(Spent spent) {
  static const char *const names[] = {
      "readLatency", "writeLatency",  "gatherLatency", "aluLatency", "transcendentalLatency",
      "sxmLatency",  "sxmFarLatency", "mxmLatency",    "transit",    "vectors",
      "weights",     "turns",         "spare",         "superlanes"};
  static_assert(std::size(names) == numSpent);
  return names[static_cast<unsigned>(spent)];
}

const char *profile::nameOf(Wait wait) {
  static const char *const names[] = {"start", "data", "array", "buffer", "memory", "queue", "alus", "streams"};
  return names[static_cast<unsigned>(wait)];
}

namespace {

class Profiler {
public:
  Profiler(const format::StreamSchedule &schedule, const format::StreamMachine &machine, const StreamBursts &bursts)
      : schedule(schedule), bursts(bursts), replay(schedule, machine, bursts) {
    profile.machine = machine;
  }

  llvm::Expected<StreamProfile> run();

private:
  void countQueues();
  void countRegisters();
  void countNodes();
  void describeChain();
  unsigned nodeOf(const Burst &burst);
  const Burst &burstOf(StreamReplay::Issue issue) const { return bursts.bursts[replay.burstOf(issue)]; }
  std::string workOf(unsigned group) const;
  std::string reasonOf(const ChainStep &step) const;

  const format::StreamSchedule &schedule;
  const StreamBursts &bursts;
  StreamReplay replay;
  StreamProfile profile;
  std::map<std::pair<std::string, std::string>, unsigned> nodeNumbers;
};

llvm::Expected<StreamProfile> Profiler::run() {
  profile.cycles = replay.complete + replay.machine.superlanes;
  if (profile.cycles != schedule.cycles())
    return unusable("the schedule is damaged: it promises " + std::to_string(schedule.cycles()) +
                    " cycles, and its programs take " + std::to_string(profile.cycles));
  profile.bucketCycles = llvm::divideCeil(profile.cycles, StreamProfile::mostBuckets);
  profile.numBuckets = llvm::divideCeil(profile.cycles, profile.bucketCycles);
  countQueues();
  countRegisters();
  countNodes();
  profile.chain = findCriticalChain(replay);
  describeChain();
  return std::move(profile);
}

void Profiler::countQueues() {
  const format::StreamMachine &m = replay.machine;
  auto add = [&](format::Unit unit, format::Direction side, uint32_t index) {
    format::QueueProgram program;
    program.set_unit(unit);
    program.set_hemisphere(side);
    program.set_index(index);
    profile.queues.push_back({*verify::queueOf(program, m), 0, std::vector<uint32_t>(profile.numBuckets)});
  };
  for (format::Direction side : {format::WEST, format::EAST}) {
    for (uint32_t i = 0; i < m.slicesPerHemisphere; ++i)
      add(format::MEM, side, i);
    for (uint32_t i = 0; i < m.planesPerHemisphere; ++i)
      for (format::Unit unit : {format::LOAD, format::MULTIPLY})
        add(unit, side, i);
    add(format::TRANSPOSE, side, 0);
    add(format::PERMUTE, side, 0);
  }
  for (uint32_t i = 0; i < m.alus; ++i)
    add(format::VXM, format::WEST, i);
  llvm::sort(profile.queues, [](const QueueUse &a, const QueueUse &b) {
    return std::tuple(a.queue.x, a.queue.unit, a.queue.index) < std::tuple(b.queue.x, b.queue.unit, b.queue.index);
  });
  for (const QueueBursts &own : bursts.queues) {
    auto use = llvm::find_if(profile.queues, [&](const QueueUse &use) {
      return use.queue.unit == own.queue.unit && use.queue.hemisphere == own.queue.hemisphere &&
             use.queue.index == own.queue.index;
    });
    for (const Burst &burst : llvm::ArrayRef(bursts.bursts).slice(own.firstBurst, own.numBursts)) {
      if (burst.isBeside())
        continue;
      use->issues += burst.count;
      for (uint64_t i = 0; i < burst.count; ++i)
        ++use->byBucket[burst.cycle(i) / profile.bucketCycles];
    }
  }
  for (const QueueUse &use : profile.queues)
    if (use.queue.unit == format::MEM)
      profile.slices.push_back({use.queue, replay.slices[use.queue.hemisphere][use.queue.index]});
}

void Profiler::countRegisters() {
  for (std::vector<uint64_t> &counts : profile.registers)
    counts.resize(profile.numBuckets);
  for (const StreamReplay::Value &value : replay.values)
    for (uint64_t cycle = value.driven + 1; cycle <= value.driven + value.hops(); ++cycle)
      if (cycle < profile.cycles)
        ++profile.registers[value.direction][cycle / profile.bucketCycles];
}

unsigned Profiler::nodeOf(const Burst &burst) {
  std::string name, op;
  if (burst.span() > 0 && burst.span() <= static_cast<uint32_t>(schedule.spans_size())) {
    const format::Span &span = schedule.spans(burst.span() - 1);
    name = span.name();
    op = span.op();
  }
  auto [found, isNew] = nodeNumbers.try_emplace({name, op}, profile.nodes.size());
  if (isNew) {
    profile.nodes.push_back({});
    profile.nodes.back().name = name;
    profile.nodes.back().op = op;
  }
  return found->second;
}

void Profiler::countNodes() {
  std::vector<const Burst *> inTime;
  for (const Burst &burst : bursts.bursts)
    inTime.push_back(&burst);
  llvm::sort(inTime, [](const Burst *a, const Burst *b) { return std::pair(a->first, a) < std::pair(b->first, b); });
  for (const Burst *burst : inTime) {
    size_t known = profile.nodes.size();
    NodeUse &node = profile.nodes[nodeOf(*burst)];
    if (profile.nodes.size() > known)
      node.firstCycle = burst->first;
    node.lastCycle = std::max(node.lastCycle, burst->last());
    node.issues[bursts.queues[burst->queue].queue.unit] += burst->count;
  }
}

std::string Profiler::workOf(unsigned group) const {
  bool has[format::Unit_ARRAYSIZE] = {}, looksUp = false;
  for (auto [burst, of] : llvm::zip_equal(bursts.bursts, replay.groups))
    if (of == group) {
      has[bursts.queues[burst.queue].queue.unit] = true;
      looksUp |= burst.read && burst.read->has_indirect();
    }
  std::string work;
  auto add = [&](bool is, const char *what) {
    if (is)
      work += (work.empty() ? "" : " and ") + std::string(what);
  };
  add(looksUp, "look-up");
  add(has[format::LOAD], "loading of weights");
  add(has[format::MULTIPLY], "products");
  add(has[format::VXM], "functions");
  add(has[format::TRANSPOSE] || has[format::PERMUTE], "exchange of lanes");
  return work.empty() ? "moves" : work;
}

std::string Profiler::reasonOf(const ChainStep &step) const {
  std::string place = bursts.queues[burstOf(step.entry).queue].queue.name();
  switch (step.wait) {
  case Wait::Start:
    return "starts when the chip does";
  case Wait::Data:
    return "a word of " + place + " had to be written";
  case Wait::Array:
    return "weights of " + place + " had to be loaded";
  case Wait::Buffer:
    return "the buffer of " + place + " had to be free";
  case Wait::Memory:
    return "words of " + place + " were still read";
  case Wait::Queue:
    return place + " was taken";
  case Wait::Alus:
    return "all " + std::to_string(profile.machine.alus) + " ALUs were taken";
  case Wait::Streams:
    return "all " + std::to_string(profile.machine.streamsPerDirection) + " streams were taken at a position";
  }
  llvm_unreachable("all are named");
}

void Profiler::describeChain() {
  for (const ChainStep &step : profile.chain) {
    const Burst &exit = burstOf(step.exit);
    unsigned node = nodeOf(exit);
    profile.steps.push_back({node, workOf(replay.groups[replay.burstOf(step.exit)]), reasonOf(step)});
    ++profile.nodes[node].chainSteps;
    profile.nodes[node].chain += step.spent;
    profile.spent += step.spent;
  }
}

} // namespace

llvm::Expected<StreamProfile> profile::profileSchedule(const format::StreamSchedule &schedule,
                                                       const format::Chip &chip) {
  std::string error;
  std::optional<format::StreamMachine> machine = format::readStreamMachine(chip, error);
  if (!machine || !format::isScheduleFor(schedule, chip, error))
    return unusable(error);
  llvm::Expected<StreamBursts> bursts = StreamBursts::read(schedule, *machine);
  if (!bursts)
    return bursts.takeError();
  return Profiler(schedule, *machine, *bursts).run();
}
