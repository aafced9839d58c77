//===- CutProgram.cpp - Long chains of ALUs in pieces ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/CutProgram.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace sinter::stream;

namespace {

class Cutter {
public:
  Cutter(const VectorProgram &program, const TargetModel &model) : program(program), model(model) {
    lastUse.resize(program.operations.size(), 0);
    for (auto [user, operation] : llvm::enumerate(program.operations))
      for (const VectorOperand &operand : operation.operands)
        if (operand.kind == VectorOperand::Operation)
          lastUse[operand.index] = user;
  }

  std::vector<ProgramPiece> run() {
    // Shortest paths from the beginning to each operation.
    struct Path {
      unsigned cost, from;
    };
    size_t count = program.operations.size();
    std::vector<std::optional<Path>> paths(count + 1);
    paths[0] = Path{0, 0};
    for (unsigned end = 1; end <= count; ++end)
      for (unsigned begin = end > model.alus ? end - model.alus : 0; begin < end; ++begin) {
        std::optional<unsigned> cost = paths[begin] ? costOf(begin, end) : std::nullopt;
        if (cost && (!paths[end] || paths[begin]->cost + *cost < paths[end]->cost))
          paths[end] = Path{paths[begin]->cost + *cost, begin};
      }
    std::vector<ProgramPiece> pieces;
    for (unsigned end = count; end > 0 && paths[end]; end = paths[end]->from)
      pieces.push_back(*makePiece(paths[end]->from, end));
    std::reverse(pieces.begin(), pieces.end());
    return pieces;
  }

private:
  /// In ALUs, for as many cycles as there are vectors: a value's way to or from memory counts as one. None where it
  /// does not fit, or begins behind the product's sums and takes them.
  std::optional<unsigned> costOf(unsigned begin, unsigned end) const {
    std::optional<ProgramPiece> piece = makePiece(begin, end);
    std::optional<VectorTiming> timing = piece ? layOut(piece->program, model) : std::nullopt;
    if (!timing)
      return std::nullopt;
    return timing->steps.size() + piece->sources.size() + piece->written.size();
  }

  std::optional<ProgramPiece> makePiece(unsigned begin, unsigned end) const {
    ProgramPiece piece;
    bool takesProduct = program.takesProduct && begin == 0;
    piece.program.takesProduct = takesProduct;
    if (takesProduct) {
      piece.program.addInput(program.inputs[0]);
      piece.sources.push_back({false, 0});
    }
    auto takeInput = [&](bool isOperation, unsigned index, Element type) {
      for (auto [i, source] : llvm::enumerate(piece.sources))
        if (source.isOperation == isOperation && source.index == index)
          return VectorOperand::input(i);
      piece.sources.push_back({isOperation, index});
      return VectorOperand::input(piece.program.addInput(type));
    };
    for (unsigned i = begin; i < end; ++i) {
      VectorOperation operation = program.operations[i];
      for (VectorOperand &operand : operation.operands) {
        if (operand.kind == VectorOperand::Input) {
          if (program.takesProduct && operand.index == 0 && !takesProduct)
            return std::nullopt;
          operand = takeInput(false, operand.index, program.inputs[operand.index]);
        } else if (operand.kind == VectorOperand::Operation && operand.index >= begin) {
          operand.index -= begin;
        } else if (operand.kind == VectorOperand::Operation) {
          operand = takeInput(true, operand.index, program.operations[operand.index].to);
        }
      }
      piece.program.operations.push_back(operation);
      if (lastUse[i] >= end || llvm::is_contained(program.results, i)) {
        piece.program.results.push_back(i - begin);
        piece.written.push_back(i);
      }
    }
    return piece;
  }

  const VectorProgram &program;
  const TargetModel &model;
  std::vector<unsigned> lastUse; // by operation, of other operations
};

} // namespace

std::vector<ProgramPiece> sinter::stream::cutProgram(const VectorProgram &program, const TargetModel &model) {
  return Cutter(program, model).run();
}
