//===- FlowReader.h - The vectors that a schedule says it computes --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_VERIFY_FLOWREADER_H
#define SINTER_SCHEDULE_VERIFY_FLOWREADER_H

#include "lib/Schedule/Verify/VectorNames.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"

#include <optional>
#include <string>
#include <vector>

namespace sinter::verify {

/// Gives all vectors of a Flow their names.
class FlowReader {
public:
  /// Flow may have at most so many vectors (in parts), and take so many steps to read.
  static constexpr uint64_t greatestSize = uint64_t(1) << 26;
  static constexpr uint64_t greatestWork = uint64_t(1) << 26;

  FlowReader(const format::Flow &flow, const format::StreamMachine &machine, VectorNames &names)
      : flow(flow), machine(machine), names(names) {}

  /// False, and a sentence in `error`, where Flow is damaged.
  bool read(std::string &error);

  /// Whether a vector of this name is computed (ALU results and sums as a whole).
  bool computes(Name name) const {
    return llvm::all_of(names.piecesOf(name), [&](const VectorNames::Piece &piece) {
      return piece.vector == zeros || computed.contains(piece.vector);
    });
  }
  /// What the words of a strip are to be in the end, row by row; none where Flow does not say.
  std::optional<std::vector<Name>> resultOf(const format::Placement &placement, const format::Strip &strip) const;

private:
  struct Vectors {
    uint32_t count = 0, parts = 1;
    std::vector<Name> all; // by vector and part
  };

  void compute(Name name) {
    for (const VectorNames::Piece &piece : names.piecesOf(name))
      computed.insert(piece.vector);
  }
  bool readKnown(std::string &error);
  bool fail(const std::string &sentence);
  bool spend(uint64_t steps);
  /// The parts that a use names of its vector i.
  bool take(const format::Use &use, uint64_t i, Parts &parts);
  bool takeOne(const format::Use &use, uint64_t i, Name &name);
  bool takeOperand(const format::FlowOperand &operand, uint64_t i, unsigned width, Parts &bytes);
  bool takeSegments(const google::protobuf::RepeatedPtrField<format::Segment> &segments, std::vector<Name> &words);
  bool readSequence(const format::Sequence &sequence, Vectors &to);
  bool readRows(const format::FlowRows &rows, Vectors &to);
  bool readAlu(const format::FlowAlu &alu, Vectors &to);
  bool readTranspose(const format::FlowTranspose &transpose, Vectors &to);
  bool readLanes(const format::FlowLanes &lanes, Vectors &to);
  bool readMix(const format::FlowMix &mix, Vectors &to);
  bool readGather(const format::FlowGather &gather, Vectors &to);
  bool readScatter(const format::FlowScatter &scatter, Vectors &to);
  bool readSums(const format::FlowSums &sums, Vectors &to);
  bool readTile(uint32_t index, Name &name);

  const format::Flow &flow;
  const format::StreamMachine &machine;
  VectorNames &names;
  std::vector<Vectors> sequences;
  std::vector<std::optional<Name>> tiles;
  llvm::DenseSet<Name> computed;
  uint64_t size = 0, work = 0;
  std::string problem;
};

} // namespace sinter::verify

#endif // SINTER_SCHEDULE_VERIFY_FLOWREADER_H
