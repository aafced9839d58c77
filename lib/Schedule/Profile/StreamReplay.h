//===- StreamReplay.h - Who waits for whom in a schedule ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a schedule without values: which value each instruction samples and who drove
// it, which write a read gets, which arrays are loaded for which product. From that
// follow
//
// - links: burst B samples what burst A drove, always so many cycles later;
// - groups: bursts that hang together by links. A value on a stream cannot wait, so
//   that all of a group stands still in time or moves together. A load of weights is
//   a group (reads and LOAD), a product with the functions after it is another (reads,
//   MULTIPLY, ALUs, writes);
// - orders: a group has to come after another because of memory, or because of an
//   array of weights.
//
// Example, a read at cycle 0 in slice 0 (x = 1) that ALU 0 relays to a slice 4 (x = 2):
//
//   MEM 0 east   0: read 5 -> w0     drives x = 1 at 6
//   VXM 0        7: copy w0 -> e4    linked to it: 6 cycles of read and 1 on the way
//   MEM 4 east  13: write 9 <- e4    linked to the ALU: 4 cycles and 2 on the way
//   MEM 4 east  19: read 9           another group: it gets that word, from 13 + 6 on
//
// The schedule must be one that the machine executes; what is damaged beyond that
// leads to links and orders that are missing, to nothing worse.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_PROFILE_STREAMREPLAY_H
#define SINTER_SCHEDULE_PROFILE_STREAMREPLAY_H

#include "lib/Schedule/Profile/StreamBursts.h"

#include <array>
#include <limits>

namespace sinter::profile {

/// What a cycle is spent on. The names of the first are those of the chip's constants.
enum class Spent : uint8_t {
  ReadLatency,
  WriteLatency,
  GatherLatency,
  AluLatency,
  TranscendentalLatency,
  SxmLatency,
  SxmFarLatency,
  MxmLatency,
  Transit,    // values on their way from unit to unit
  Vectors,    // one vector after the other
  Weights,    // the same, of an array that is loaded
  Turns,      // one cycle for the next in a queue, for an array that is swapped in
  Spare,      // neither an operand nor a unit was waited for
  Superlanes, // until the last superlane has done what the first did
};
constexpr unsigned numSpent = static_cast<unsigned>(Spent::Superlanes) + 1;

/// Cycles by what they are spent on; negative where a way goes back in time.
struct Spending {
  std::array<int64_t, numSpent> cycles = {};

  int64_t &operator[](Spent what) { return cycles[static_cast<unsigned>(what)]; }
  int64_t operator[](Spent what) const { return cycles[static_cast<unsigned>(what)]; }
  int64_t sum() const;
  Spending &operator+=(const Spending &other);
};

class StreamReplay {
public:
  /// The number of an issue.
  using Issue = uint32_t;
  static constexpr Issue none = std::numeric_limits<Issue>::max();

  /// `driver`'s values are sampled by `sampler`: `spent` on `latency` cycles, and `hops` on the way.
  struct Link {
    unsigned driver, sampler;
    Spent spent;
    uint32_t latency, hops;
  };
  /// A byte vector on a stream: driven at position `from`, last sampled at `to`. Directions are numbered as
  /// format::Direction.
  struct Value {
    Issue issue;
    uint32_t driven; // cycle
    int16_t from, to;
    uint8_t direction;

    unsigned hops() const { return from < to ? to - from : from - to; }
  };
  /// Words of a slice over time.
  struct SliceWords {
    uint32_t constants = 0, tensors = 0;
    /// The greatest number of words, which are neither, that hold something that is still read.
    uint32_t temporaries = 0;
  };

  StreamReplay(const format::StreamSchedule &schedule, const format::StreamMachine &machine,
               const StreamBursts &bursts);

  unsigned burstOf(Issue issue) const;
  uint64_t cycleOf(Issue issue) const;
  /// What a burst drives or writes comes so many cycles after it, for that reason.
  Spent latencyKind(const Burst &burst) const;
  uint32_t latencyOf(const Burst &burst) const;

  const StreamBursts &bursts;
  const format::StreamMachine machine;
  std::vector<Link> links;
  /// By burst: the number of its group.
  std::vector<unsigned> groups;
  unsigned numGroups = 0;

  /// By issue: who has to come before it, or none.
  /// Of a read, the write of its word; of a swap, the last LOAD of the array.
  std::vector<Issue> sources;
  /// Of a write, who accessed the word before; of a LOAD, the swap that freed the buffer.
  std::vector<Issue> hazards;

  /// In the order in which they are driven; only those that are sampled.
  std::vector<Value> values;
  /// By hemisphere (as format::Direction) and slice.
  std::vector<SliceWords> slices[2];
  /// The issue whose effect is complete last, and when that is, in the first superlane.
  Issue last = none;
  uint64_t complete = 0;

private:
  class Machine;
  const format::StreamSchedule &schedule;
};

} // namespace sinter::profile

#endif // SINTER_SCHEDULE_PROFILE_STREAMREPLAY_H
