//===- Timetable.h - Which cycles of which resources are taken -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a scheduler looks up and writes down while it gives operations their
// cycles. There are two kinds of resources:
//
// - a slot is taken for single cycles: an instruction queue, a port;
// - a conveyor carries values along a row of positions, one position a cycle, and
//   none can stop: a stream of registers. A value that is put on at position x in
//   cycle t is at x + 1 in t + 1 (on a descending conveyor at x - 1), so that it
//   keeps the phase t - x (t + x), and two values meet only if they have the same
//   phase and their stretches of positions overlap.
//
// Claims are made one after the other and can be taken back together:
//
//   Timetable::Mark mark = table.mark();
//   if (!table.claimSlot(queue, {100, 64, 1}) || !table.claimConveyor(stream, {106, 64, 1}, 3, 13))
//     table.rollback(mark); // and try another cycle
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_LIB_SCHEDULE_TIMETABLE_H
#define SINTER_LIB_SCHEDULE_TIMETABLE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sinter::schedule {

/// Cycles first, first + interval, ..., `count` of them.
struct Cycles {
  int64_t first = 0;
  int64_t count = 1;
  int64_t interval = 1;

  int64_t last() const { return first + (count - 1) * interval; }
  int64_t operator[](int64_t i) const { return first + i * interval; }
  Cycles operator+(int64_t delay) const { return {first + delay, count, interval}; }
};

class Timetable {
public:
  /// Positions of conveyors are [-reach, reach], reach <= 31; conveyors below `numAscending` ascend, the others
  /// descend.
  Timetable(unsigned numSlots, unsigned numAscending, unsigned numDescending, int reach);

  void addSlots(unsigned count) { slots.resize(slots.size() + count); }
  bool isFree(unsigned slot, const Cycles &cycles) const;
  /// The number of cycles by which `cycles` must move for the slot to be free; 0: it is.
  int64_t delayUntilFree(unsigned slot, const Cycles &cycles) const;
  /// How many cycles of the slot are taken, from `cycle` on.
  int64_t countTaken(unsigned slot, int64_t cycle) const;
  /// Takes the cycles; false, and nothing is changed, where one is taken.
  bool claimSlot(unsigned slot, const Cycles &cycles);

  /// Takes the conveyor for values that are put on at position `from` in these cycles and carried to `to`, where they
  /// are last wanted, and where another value may be put on in the same cycle; false, and nothing is changed, where
  /// another value is in the way.
  bool claimConveyor(unsigned conveyor, const Cycles &cycles, int from, int to);

  using Mark = size_t;
  Mark mark() const { return log.size(); }
  /// Takes back all claims since `mark`.
  void rollback(Mark mark);

private:
  struct Claim {
    bool isConveyor;
    unsigned index;
    Cycles cycles; // of phases, where it is a conveyor
    uint64_t positions;
  };
  void flip(const Claim &claim);
  uint64_t positionsBetween(int from, int to) const;

  unsigned numAscending;
  int reach;
  std::vector<std::vector<uint64_t>> slots;     // a bit for each cycle
  std::vector<std::vector<uint64_t>> conveyors; // by phase + reach: a bit for each position
  std::vector<Claim> log;
};

} // namespace sinter::schedule

#endif // SINTER_LIB_SCHEDULE_TIMETABLE_H
