//===- CriticalChain.cpp - What determines a schedule's cycles ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Profile/CriticalChain.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <deque>
#include <map>

using namespace sinter;
using namespace sinter::profile;
using Issue = StreamReplay::Issue;

namespace {

constexpr Issue none = StreamReplay::none;

/// What keeps a group from being earlier by more than `slack` cycles.
struct Pin {
  Wait wait = Wait::Start;
  Issue entry = none, before = none;
  int64_t slack = 0;
  /// From `before` to `entry`, without the slack.
  Spending offset;

  bool isBetterThan(const Pin &other) const {
    return std::pair(slack, wait == Wait::Start) < std::pair(other.slack, other.wait == Wait::Start);
  }
};

class ChainFinder {
public:
  explicit ChainFinder(const StreamReplay &replay);

  std::vector<ChainStep> find();

private:
  static constexpr unsigned numDirections = 2;

  /// What one group takes, cycle by cycle.
  struct GroupUse {
    int64_t begin = 0, end = 0;
    std::vector<unsigned> alus;
    std::vector<std::vector<uint16_t>> registers; // by cycle: direction and position
    unsigned alusAt(int64_t cycle) const { return cycle >= begin && cycle < end ? alus[cycle - begin] : 0; }
  };

  const Burst &burst(unsigned number) const { return replay.bursts.bursts[number]; }
  const verify::Queue &queueOf(unsigned number) const { return replay.bursts.queues[burst(number).queue].queue; }
  unsigned groupOf(Issue issue) const { return replay.groups[replay.burstOf(issue)]; }
  int64_t cycleOf(Issue issue) const { return replay.cycleOf(issue); }
  size_t place(unsigned direction, int x) const { return direction * numPositions + x + edge; }

  void countUse();
  template <typename Call> void forEachRegister(const StreamReplay::Value &value, Call call) const;
  GroupUse useOf(unsigned group) const;

  Pin findPin(unsigned group) const;
  void findOrders(unsigned group, Pin &best) const;
  bool goTogether(const Burst &a, const Burst &b) const;
  void findQueues(unsigned group, Pin &best) const;
  void findAlus(unsigned group, const GroupUse &use, Pin &best) const;
  void findStreams(unsigned group, const GroupUse &use, Pin &best) const;
  bool mayFollow(unsigned group, Issue before) const {
    unsigned other = groupOf(before);
    return other != group && !visited[other];
  }
  void propose(Pin &best, unsigned group, Wait wait, Issue entry, Issue before, Spent spent, int64_t cycles) const;

  Spending spend(Issue entry, Issue exit) const;
  std::optional<Spending> follow(unsigned group, unsigned from, unsigned to, bool alsoBack) const;

  const StreamReplay &replay;
  int edge;
  size_t numPositions;
  int64_t numCycles;
  std::vector<std::vector<unsigned>> groupBursts, groupLinks, groupValues;
  std::vector<bool> visited;
  std::vector<uint8_t> alus;                          // by cycle: how many are issued
  std::vector<std::vector<uint16_t>> registers;       // by direction and position, then cycle: how many are taken
  std::vector<uint16_t> mostRegisters[numDirections]; // by cycle: the most of any position
};

ChainFinder::ChainFinder(const StreamReplay &replay)
    : replay(replay), edge(replay.machine.edge()), numPositions(2 * edge + 1), numCycles(replay.complete + 1),
      groupBursts(replay.numGroups), groupLinks(replay.numGroups), groupValues(replay.numGroups),
      visited(replay.numGroups, false) {
  for (unsigned i = 0; i < replay.groups.size(); ++i)
    groupBursts[replay.groups[i]].push_back(i);
  for (unsigned i = 0; i < replay.links.size(); ++i)
    groupLinks[replay.groups[replay.links[i].driver]].push_back(i);
  for (unsigned i = 0; i < replay.values.size(); ++i)
    groupValues[groupOf(replay.values[i].issue)].push_back(i);
  countUse();
}

template <typename Call> void ChainFinder::forEachRegister(const StreamReplay::Value &value, Call call) const {
  int step = value.from < value.to ? 1 : -1;
  int64_t cycle = value.driven;
  for (int x = value.from; x != value.to;) {
    x += step;
    if (++cycle < numCycles)
      call(place(value.direction, x), cycle);
  }
}

void ChainFinder::countUse() {
  alus.resize(numCycles);
  for (const Burst &burst : replay.bursts.bursts)
    if (burst.instruction->has_alu())
      for (uint64_t i = 0; i < burst.count; ++i)
        ++alus[burst.cycle(i)];
  registers.assign(numDirections * numPositions, std::vector<uint16_t>(numCycles));
  for (std::vector<uint16_t> &most : mostRegisters)
    most.resize(numCycles);
  for (const StreamReplay::Value &value : replay.values)
    forEachRegister(value, [&](size_t place, int64_t cycle) {
      uint16_t now = ++registers[place][cycle];
      uint16_t &most = mostRegisters[value.direction][cycle];
      most = std::max(most, now);
    });
}

ChainFinder::GroupUse ChainFinder::useOf(unsigned group) const {
  GroupUse use;
  use.begin = numCycles;
  for (unsigned number : groupBursts[group]) {
    use.begin = std::min<int64_t>(use.begin, burst(number).first);
    use.end = std::max<int64_t>(use.end, burst(number).last() + 1);
  }
  for (unsigned number : groupValues[group]) {
    const StreamReplay::Value &value = replay.values[number];
    use.end = std::max<int64_t>(use.end, value.driven + value.hops() + 1);
  }
  use.end = std::min(use.end, numCycles);
  use.alus.resize(use.end - use.begin);
  use.registers.assign(use.end - use.begin, std::vector<uint16_t>(numDirections * numPositions));
  for (unsigned number : groupBursts[group])
    if (burst(number).instruction->has_alu())
      for (uint64_t i = 0; i < burst(number).count; ++i)
        ++use.alus[burst(number).cycle(i) - use.begin];
  for (unsigned number : groupValues[group])
    forEachRegister(replay.values[number],
                    [&](size_t place, int64_t cycle) { ++use.registers[cycle - use.begin][place]; });
  return use;
}

void ChainFinder::propose(Pin &best, unsigned group, Wait wait, Issue entry, Issue before, Spent spent,
                          int64_t cycles) const {
  if (before == none || !mayFollow(group, before))
    return;
  Pin pin{wait, entry, before, cycleOf(entry) - cycleOf(before) - cycles, {}};
  pin.offset[spent] = cycles;
  if (pin.slack >= 0 && pin.isBetterThan(best))
    best = pin;
}

/// Memory, and arrays of weights.
void ChainFinder::findOrders(unsigned group, Pin &best) const {
  for (unsigned number : groupBursts[group]) {
    const Burst &own = burst(number);
    bool isMemory = own.instruction->has_memory();
    for (uint64_t i = 0; i < own.count; ++i) {
      Issue entry = own.firstIssue + i;
      propose(best, group, isMemory ? Wait::Data : Wait::Array, entry, replay.sources[entry],
              isMemory ? Spent::WriteLatency : Spent::Turns, isMemory ? replay.machine.writeLatency : 1);
    }
  }
  for (unsigned number : groupBursts[group]) {
    const Burst &own = burst(number);
    bool isMemory = own.instruction->has_memory();
    for (uint64_t i = 0; i < own.count; ++i) {
      Issue entry = own.firstIssue + i;
      propose(best, group, isMemory ? Wait::Memory : Wait::Buffer, entry, replay.hazards[entry], Spent::Turns,
              isMemory ? 1 : 0);
    }
  }
}

/// Whether a queue could issue two bursts in one cycle: a read and a write in different banks.
bool ChainFinder::goTogether(const Burst &a, const Burst &b) const {
  const Burst &read = a.read ? a : b, &write = a.read ? b : a;
  if (!read.read || !write.write || read.read->has_indirect() || write.write->has_indirect())
    return false;
  uint32_t bankWords = replay.machine.wordsPerSlice / replay.machine.banksPerSlice;
  return read.read->address() / bankWords != write.write->address() / bankWords;
}

/// What is issued before in the queues that the group uses. ALUs can be chosen.
void ChainFinder::findQueues(unsigned group, Pin &best) const {
  for (unsigned number : groupBursts[group]) {
    const Burst &own = burst(number);
    if (own.instruction->has_alu())
      continue;
    unsigned first = replay.bursts.queues[own.queue].firstBurst;
    for (unsigned before = number; before-- > first;) {
      const Burst &other = burst(before);
      if (static_cast<int64_t>(own.first) - static_cast<int64_t>(other.last()) - 1 > best.slack)
        break;
      if (replay.groups[before] == group || other.last() >= own.first || goTogether(own, other))
        continue;
      propose(best, group, Wait::Queue, own.firstIssue, other.firstIssue + other.count - 1, Spent::Turns, 1);
      break;
    }
  }
}

/// By how little earlier there would be too few ALUs.
void ChainFinder::findAlus(unsigned group, const GroupUse &use, Pin &best) const {
  for (int64_t earlier = 1; earlier <= best.slack; ++earlier)
    for (int64_t cycle = std::max(use.begin, earlier); cycle < use.end; ++cycle) {
      int64_t there = cycle - earlier;
      unsigned own = use.alus[cycle - use.begin];
      if (!own || alus[there] - use.alusAt(there) + own <= replay.machine.alus)
        continue;
      // An issue of the group in that cycle, and the one of another group in its way that goes on longest.
      Pin pin{Wait::Alus, none, none, earlier - 1, {}};
      pin.offset[Spent::Turns] = 1;
      uint64_t longest = 0;
      for (const QueueBursts &queue : replay.bursts.queues) {
        if (queue.queue.unit != format::VXM)
          continue;
        auto bursts = llvm::ArrayRef(replay.bursts.bursts).slice(queue.firstBurst, queue.numBursts);
        auto issueAt = [&](int64_t at) -> const Burst * {
          auto after = llvm::upper_bound(
              bursts, at, [](int64_t value, const Burst &b) { return value < static_cast<int64_t>(b.first); });
          if (after == bursts.begin())
            return nullptr;
          const Burst &found = *std::prev(after);
          bool isIssued = at <= static_cast<int64_t>(found.last()) && (at - found.first) % found.interval == 0;
          return isIssued ? &found : nullptr;
        };
        auto groupOfBurst = [&](const Burst *b) { return replay.groups[b - replay.bursts.bursts.data()]; };
        if (const Burst *found = issueAt(cycle); found && pin.entry == none && groupOfBurst(found) == group)
          pin.entry = found->firstIssue + (cycle - found->first) / found->interval;
        const Burst *other = issueAt(there);
        if (!other || groupOfBurst(other) == group || visited[groupOfBurst(other)] || other->last() < longest)
          continue;
        longest = other->last();
        pin.before = other->firstIssue + (there - other->first) / other->interval;
      }
      if (pin.entry != none && pin.before != none) {
        best = pin;
        return;
      }
    }
}

/// By how little earlier there would be too few streams at some position.
void ChainFinder::findStreams(unsigned group, const GroupUse &use, Pin &best) const {
  unsigned streams = replay.machine.streamsPerDirection;
  auto own = [&](size_t place, int64_t cycle) -> unsigned {
    return cycle >= use.begin && cycle < use.end ? use.registers[cycle - use.begin][place] : 0;
  };
  std::vector<std::array<uint16_t, numDirections>> most(use.end - use.begin);
  for (int64_t cycle = use.begin; cycle < use.end; ++cycle)
    for (unsigned direction = 0; direction < numDirections; ++direction)
      for (size_t position = 0; position < numPositions; ++position)
        most[cycle - use.begin][direction] =
            std::max<uint16_t>(most[cycle - use.begin][direction], own(direction * numPositions + position, cycle));
  /// The value of the group, or of another one, in a register.
  auto valueAt = [&](size_t at, int64_t cycle, bool isOwn) -> const StreamReplay::Value * {
    auto first = llvm::lower_bound(replay.values, cycle - 2 * edge, [](const StreamReplay::Value &value, int64_t from) {
      return static_cast<int64_t>(value.driven) < from;
    });
    for (; first != replay.values.end() && static_cast<int64_t>(first->driven) <= cycle; ++first) {
      unsigned of = groupOf(first->issue);
      if (isOwn ? of != group : of == group || visited[of])
        continue;
      bool isThere = false;
      forEachRegister(*first, [&](size_t place, int64_t when) { isThere |= place == at && when == cycle; });
      if (isThere)
        return &*first;
    }
    return nullptr;
  };
  for (int64_t earlier = 1; earlier <= best.slack; ++earlier)
    for (int64_t cycle = std::max(use.begin, earlier); cycle < use.end; ++cycle)
      for (unsigned direction = 0; direction < numDirections; ++direction) {
        int64_t there = cycle - earlier;
        unsigned wanted = most[cycle - use.begin][direction];
        if (!wanted || mostRegisters[direction][there] + wanted <= streams)
          continue;
        for (size_t at = direction * numPositions; at < (direction + 1) * numPositions; ++at) {
          if (!own(at, cycle) || registers[at][there] - own(at, there) + own(at, cycle) <= streams)
            continue;
          const StreamReplay::Value *value = valueAt(at, cycle, true), *other = valueAt(at, there, false);
          if (!value || !other)
            continue;
          Pin pin{Wait::Streams, value->issue, other->issue, earlier - 1, {}};
          // Both ways to the register.
          auto add = [&](const StreamReplay::Value &of, int64_t when, int sign) {
            const Burst &driver = burst(replay.burstOf(of.issue));
            pin.offset[replay.latencyKind(driver)] += sign * int64_t(replay.latencyOf(driver));
            pin.offset[Spent::Transit] += sign * (when - int64_t(of.driven));
          };
          add(*other, there, 1);
          add(*value, cycle, -1);
          pin.offset[Spent::Turns] += 1;
          best = pin;
          return;
        }
      }
}

Pin ChainFinder::findPin(unsigned group) const {
  Pin best;
  for (unsigned number : groupBursts[group])
    if (best.entry == none || burst(number).first < replay.cycleOf(best.entry))
      best.entry = burst(number).firstIssue;
  best.slack = cycleOf(best.entry);
  findOrders(group, best);
  findQueues(group, best);
  if (best.slack == 0)
    return best;
  GroupUse use = useOf(group);
  findAlus(group, use, best);
  findStreams(group, use, best);
  return best;
}

/// Along links from one burst to another; none where there is no way. The vectors in between are left out.
std::optional<Spending> ChainFinder::follow(unsigned group, unsigned from, unsigned to, bool alsoBack) const {
  struct Way {
    unsigned link;
    bool isBack;
  };
  std::map<unsigned, std::vector<std::pair<unsigned, Way>>> ways; // by burst: where to
  for (unsigned number : groupLinks[group]) {
    const StreamReplay::Link &link = replay.links[number];
    ways[link.driver].push_back({link.sampler, {number, false}});
    if (alsoBack)
      ways[link.sampler].push_back({link.driver, {number, true}});
  }
  std::deque<unsigned> open = {from};
  std::map<unsigned, Way> reached; // by burst: how
  while (!open.empty() && !reached.count(to)) {
    for (auto [end, way] : ways[open.front()])
      if (end != from && reached.try_emplace(end, way).second)
        open.push_back(end);
    open.pop_front();
  }
  if (!reached.count(to))
    return std::nullopt;
  Spending spent;
  for (unsigned here = to; here != from;) {
    auto [number, isBack] = reached.at(here);
    const StreamReplay::Link &link = replay.links[number];
    int sign = isBack ? -1 : 1;
    spent[link.spent] += sign * int64_t(link.latency);
    spent[Spent::Transit] += sign * int64_t(link.hops);
    here = isBack ? link.sampler : link.driver;
  }
  return spent;
}

/// On what the cycles between two issues of a group are spent.
Spending ChainFinder::spend(Issue entry, Issue exit) const {
  unsigned from = replay.burstOf(entry), to = replay.burstOf(exit), group = replay.groups[from];
  Spending spent;
  if (from != to) {
    std::optional<Spending> way = follow(group, from, to, false);
    if (!way)
      way = follow(group, from, to, true);
    if (way)
      spent = *way;
  }
  bool isLoad =
      llvm::any_of(groupBursts[group], [&](unsigned number) { return burst(number).instruction->has_load(); });
  spent[isLoad ? Spent::Weights : Spent::Vectors] += cycleOf(exit) - cycleOf(entry) - spent.sum();
  return spent;
}

std::vector<ChainStep> ChainFinder::find() {
  std::vector<ChainStep> chain;
  Issue exit = replay.last;
  const Burst &last = burst(replay.burstOf(exit));
  int64_t end = replay.complete + replay.machine.superlanes;
  Spending behind; // the exit
  behind[replay.latencyKind(last)] = replay.latencyOf(last);
  behind[Spent::Superlanes] = replay.machine.superlanes;
  while (exit != none) {
    unsigned group = groupOf(exit);
    visited[group] = true;
    Pin pin = findPin(group);
    ChainStep step;
    step.begin = cycleOf(pin.entry) - pin.slack;
    step.end = end;
    step.entry = pin.entry;
    step.before = pin.before;
    step.wait = pin.wait;
    step.exit = exit;
    step.spent = spend(pin.entry, exit);
    step.spent += behind;
    step.spent[Spent::Spare] += pin.slack;
    chain.push_back(step);
    behind = pin.offset;
    exit = pin.before;
    end = step.begin;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

} // namespace

std::vector<ChainStep> profile::findCriticalChain(const StreamReplay &replay) {
  if (replay.last == none)
    return {};
  return ChainFinder(replay).find();
}
