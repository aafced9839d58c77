//===- CutProgram.h - Long chains of ALUs in pieces -----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A function of vectors that takes more ALUs than there are has to be cut: what an
// earlier piece made goes through memory to the next. A shorter one is cut where that
// takes fewer ALUs altogether: a value that is needed much later than it is there is
// passed on by copies, each an ALU, and read again from memory at no such cost.
//
// Operations stay in their order, so that pieces are intervals of it; which ones is a
// shortest path over the places of the cuts.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_LOWERING_CUTPROGRAM_H
#define SINTER_TARGETS_STREAM_LOWERING_CUTPROGRAM_H

#include "targets/stream/Placement/VectorProgram.h"

namespace sinter::stream {

struct ProgramPiece {
  VectorProgram program;
  /// What an input of the piece is: one of the whole program's, or the result of an operation of an earlier piece.
  struct Source {
    bool isOperation;
    unsigned index;
  };
  std::vector<Source> sources;
  /// The operations of the whole program whose results it writes, in the order of its own results.
  std::vector<unsigned> written;
};

/// The pieces of a program, one if it is short. A product's sums are taken by the first. Empty where an operation by
/// itself takes more ALUs than there are.
std::vector<ProgramPiece> cutProgram(const VectorProgram &program, const TargetModel &model);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_CUTPROGRAM_H
