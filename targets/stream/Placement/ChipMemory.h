//===- ChipMemory.h - Tensors in the slices of a streaming chip ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor lies in memory as a matrix: its last dimension along the lanes, all others
// as rows. A row of more columns than there are lanes is several vectors, and an
// element of several bytes has its bytes in as many slices, since a slice gives one
// byte a lane in a cycle. The rows of one byte of one vector are a strip: words one
// after the other in a slice, so that one instruction and a repetition read them.
//
// Where several rows are wanted in the same cycle, as columns of weights are, the rows
// are dealt out to several strips: one to each in turn, or a run of neighbours to each,
// so that a burst that writes them is busy with a strip for a short time only.
//
// Memory is given and taken back along with time: words whose last reader is known
// can be written anew after it.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_PLACEMENT_CHIPMEMORY_H
#define SINTER_TARGETS_STREAM_PLACEMENT_CHIPMEMORY_H

#include "targets/stream/Placement/StreamProgram.h"

#include <optional>

namespace sinter::stream {

struct WordRange {
  Hemisphere side = Hemisphere::East;
  unsigned slice = 0, address = 0, words = 0;
};

/// A tensor's place.
struct ChipTensor {
  std::string name;
  TensorShape shape;
  /// By (vector * bytes + byte) * interleave + strip of the row; words == 0: not given yet.
  std::vector<WordRange> strips;
  /// By vector * rows + row: from when it can be read. 0 for what is there from the beginning.
  std::vector<int64_t> ready;
  /// By vector: from when its words are its own.
  std::vector<int64_t> givenFrom;
  /// When the last read that was placed is issued.
  int64_t lastRead = -1;
  /// The first of the arrays of weights that one plane loads one after the other: strips with one number lie in one
  /// slice, so that a LOAD need not wait for the one before.
  std::optional<unsigned> group;
  /// Where its words are, or will be; of every second vector in the other one, if it `alternates`.
  Hemisphere side = Hemisphere::East;
  bool alternates = false;
  bool isConstant = false, isState = false, isPadded = false, isOutermost = false, isTable = false;

  Hemisphere sideOf(unsigned vector) const { return alternates && vector % 2 ? opposite(side) : side; }
  unsigned stripNumber(unsigned vector, unsigned byte, unsigned residue) const {
    return (vector * getBytes(shape.type) + byte) * shape.interleave + residue;
  }
  /// LOADs that begin between two multiples of the interleave end a word behind the last row's.
  unsigned wordsOfStrip() const { return shape.wordsPerStrip() + isPadded; }
  /// Tables lie nearer to the VXM than the numbers of rows by which they are looked up.
  bool mayLieIn(unsigned slice, const TargetModel &model) const {
    bool isLast = slice / model.slicesPerPosition == (model.slicesPerHemisphere - 1) / model.slicesPerPosition;
    return isOutermost ? isLast : !isTable || !isLast;
  }
  int64_t &readyAt(unsigned vector, int64_t row) { return ready[vector * shape.rows + row]; }
};

/// Which words are taken, until when.
class ChipMemory {
public:
  explicit ChipMemory(const TargetModel &model);

  /// Whether `words` words of a bank of the slice are free from `cycle` on; `address` is the first.
  bool find(Hemisphere side, unsigned slice, unsigned bank, unsigned words, int64_t cycle, unsigned &address) const;
  void take(const WordRange &range);
  /// The words may be written from `cycle` on.
  void release(const WordRange &range, int64_t cycle);

private:
  struct Free {
    unsigned begin, end;
    int64_t from;
  };
  std::vector<Free> &slice(Hemisphere side, unsigned slice) {
    return free[static_cast<unsigned>(side) * slicesPerHemisphere + slice];
  }

  unsigned slicesPerHemisphere, wordsPerBank;
  std::vector<std::vector<Free>> free; // by slice, ascending, never across banks
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_CHIPMEMORY_H
