//===- Timetable.cpp - Which cycles of which resources are taken -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Timetable.h"

#include <algorithm>
#include <cassert>

using namespace sinter::schedule;

Timetable::Timetable(unsigned numSlots, unsigned numAscending, unsigned numDescending, int reach)
    : numAscending(numAscending), reach(reach), slots(numSlots), conveyors(numAscending + numDescending) {
  assert(reach >= 0 && 2 * reach + 1 <= 64 && "positions are the bits of a word");
}

int64_t Timetable::delayUntilFree(unsigned slot, const Cycles &cycles) const {
  assert(cycles.first >= 0 && "before the first cycle");
  const std::vector<uint64_t> &taken = slots[slot];
  int64_t end = static_cast<int64_t>(taken.size()) * 64;
  for (int64_t i = cycles.count - 1; i >= 0; --i) {
    int64_t cycle = cycles[i];
    if (cycle >= end || !(taken[cycle / 64] >> (cycle % 64) & 1))
      continue;
    // Behind what is taken without a gap: cycles between are of no use to the one that met it.
    int64_t free = cycle + 1;
    while (free < end && (taken[free / 64] >> (free % 64) & 1))
      ++free;
    return free - cycle;
  }
  return 0;
}

int64_t Timetable::countTaken(unsigned slot, int64_t cycle) const {
  const std::vector<uint64_t> &taken = slots[slot];
  int64_t count = 0;
  for (size_t word = cycle / 64; word < taken.size(); ++word)
    count += __builtin_popcountll(word == static_cast<size_t>(cycle / 64) ? taken[word] >> (cycle % 64) << (cycle % 64)
                                                                         : taken[word]);
  return count;
}

bool Timetable::isFree(unsigned slot, const Cycles &cycles) const { return delayUntilFree(slot, cycles) == 0; }

bool Timetable::claimSlot(unsigned slot, const Cycles &cycles) {
  if (!isFree(slot, cycles))
    return false;
  Claim claim = {false, slot, cycles, 0};
  flip(claim);
  log.push_back(claim);
  return true;
}

bool Timetable::claimConveyor(unsigned conveyor, const Cycles &cycles, int from, int to) {
  bool ascends = conveyor < numAscending;
  assert((ascends ? from < to : from > to) && "values do not move that way");
  Cycles phases = cycles + (ascends ? -from : from);
  uint64_t positions = ascends ? positionsBetween(from, to - 1) : positionsBetween(to + 1, from);
  const std::vector<uint64_t> &taken = conveyors[conveyor];
  for (int64_t i = 0; i < phases.count; ++i) {
    int64_t index = phases[i] + reach;
    if (index < static_cast<int64_t>(taken.size()) && (taken[index] & positions))
      return false;
  }
  Claim claim = {true, conveyor, phases, positions};
  flip(claim);
  log.push_back(claim);
  return true;
}

void Timetable::rollback(Mark mark) {
  for (; log.size() > mark; log.pop_back())
    flip(log.back());
}

void Timetable::flip(const Claim &claim) {
  std::vector<uint64_t> &words = claim.isConveyor ? conveyors[claim.index] : slots[claim.index];
  int64_t last = claim.isConveyor ? claim.cycles.last() + reach : claim.cycles.last() / 64;
  if (last >= static_cast<int64_t>(words.size()))
    words.resize(std::max<size_t>(last + 1, words.size() * 2));
  for (int64_t i = 0; i < claim.cycles.count; ++i) {
    int64_t at = claim.cycles[i];
    if (claim.isConveyor)
      words[at + reach] ^= claim.positions;
    else
      words[at / 64] ^= uint64_t(1) << (at % 64);
  }
}

uint64_t Timetable::positionsBetween(int from, int to) const {
  uint64_t upTo = to + reach == 63 ? ~uint64_t(0) : (uint64_t(1) << (to + reach + 1)) - 1;
  return upTo & ~((uint64_t(1) << (from + reach)) - 1);
}
