//===- CriticalChain.h - What determines a schedule's cycles --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the instruction that is complete last back to cycle 0: why is its group
// (StreamReplay.h) not earlier? Something is in the way if the group is moved: a word
// is not written yet, an array not loaded, a queue is taken. Of all that, what is met
// first is the reason, and the group that it belongs to is asked next. The steps have
// all cycles of the schedule between them, and each cycle is spent on one thing.
//
// ALUs are alike, and so are streams: they are in the way only where all are taken, or
// all that there are at a position. Words and slices are as they were chosen. A step's
// spare cycles are those by which its group could have been earlier: then others were
// chosen than would have been free.
//
// Example: rows that are read, multiplied, and written, and read by the next:
//
//   0..9      load weights    nothing was waited for
//   9..77     products        waits for the array; 8 rows, 40 cycles of the plane, ...
//   77..100   functions       waits for a word of MEM slice 7 east
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_PROFILE_CRITICALCHAIN_H
#define SINTER_SCHEDULE_PROFILE_CRITICALCHAIN_H

#include "lib/Schedule/Profile/StreamReplay.h"

namespace sinter::profile {

/// What kept a group from being earlier.
enum class Wait : uint8_t {
  Start,   // cycle 0
  Data,    // a word that had to be written
  Array,   // weights that had to be loaded
  Buffer,  // the buffer for weights, whose last content had to be swapped in
  Memory,  // the words it writes, which were still read
  Queue,   // a queue that was taken
  Alus,    // all ALUs were taken
  Streams, // all streams were taken at a position
};

struct ChainStep {
  /// Its cycles; a step may end before it begins, where only the first rows of a group were waited for that itself
  /// waited for the last rows of another.
  int64_t begin = 0, end = 0;
  /// What had to wait, and for what; the previous step's exit. None: Start.
  StreamReplay::Issue entry = 0, before = StreamReplay::none;
  Wait wait = Wait::Start;
  /// The issue for which the next step waited, or the last.
  StreamReplay::Issue exit = 0;
  /// end - begin in all.
  Spending spent;
};

/// In the order of time. Empty for a schedule that issues nothing.
std::vector<ChainStep> findCriticalChain(const StreamReplay &replay);

} // namespace sinter::profile

#endif // SINTER_SCHEDULE_PROFILE_CRITICALCHAIN_H
