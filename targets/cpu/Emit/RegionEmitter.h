//===- RegionEmitter.h - Tensor expressions, computed one element at a time -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel's region is a graph of tensor ops whose inner values are never stored.
// The emitter computes any value of it at given coordinates, recursively: a
// transpose permutes the coordinates, a slice adds its start, a gather computes an
// index first, a reduction is a loop. What comes out is one element, or a vector
// of isa.lanes elements that differ in one coordinate, the lane axis, where
// `canVectorize` allows it.
//
//   elementwise add(transpose(%x), %b) at (i, j)  =  load x[j][i] + load b[j]
//
// Sizes that are not numbers are computed once, at the head of the kernel, from
// the symbols that the kernel is given as words.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_REGIONEMITTER_H
#define SINTER_TARGETS_CPU_EMIT_REGIONEMITTER_H

#include "targets/cpu/Emit/ElementwiseEmitter.h"

#include "llvm/ADT/StringMap.h"

namespace sinter::cpu {

class RegionEmitter {
public:
  using Coordinates = llvm::SmallVector<Int, 6>;
  static constexpr int64_t noLanes = -1;

  /// Between beginKernel and endKernel of `k`. `symbols` are the words from `firstSymbolWord` on, behind them the index
  /// words of `indexArguments`; arguments of the region are the words from 0 on.
  RegionEmitter(KernelBuilder &k, mlir::Block &body, llvm::ArrayRef<std::string> symbols, unsigned firstSymbolWord,
                llvm::ArrayRef<unsigned> indexArguments);
  /// The argument of the region, or of the function, that a tensor of indices is computed from, if it is one.
  static std::optional<unsigned> findIndexArgument(mlir::Value indices);

  /// The value at `coordinates` as its compute type: a scalar, or a vector whose lanes have the coordinate of
  /// `laneAxis` one greater each. What does not depend on that coordinate is a scalar always.
  mlir::Value emit(mlir::Value value, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  /// Whether the value can be computed for several places of `laneAxis` at once.
  static bool canVectorize(mlir::Value value, int64_t laneAxis);

  Int size(const SizeExpr &expression);
  /// Row-major, of a tensor of these sizes.
  Int linearize(llvm::ArrayRef<Int> coordinates, llvm::ArrayRef<SizeExpr> sizes);
  Coordinates delinearize(Int index, llvm::ArrayRef<SizeExpr> sizes);
  /// An element of an index tensor, as a position below `limit`: counted from the end if negative, noted as an error
  /// (and 0) if outside.
  Int position(mlir::Value indices, llvm::ArrayRef<Int> coordinates, const SizeExpr &limit);
  /// 0, or what a kernel returns for an index out of range.
  Int result();
  ElementwiseEmitter &elements() { return elementwise; }

  /// Values computed within `body` are not used outside of it.
  template <typename F> auto scoped(F body) {
    memos.emplace_back();
    auto done = body();
    memos.pop_back();
    return done;
  }

private:
  mlir::Value compute(mlir::Value value, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Value load(mlir::BlockArgument argument, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Value emitAligned(mlir::Value operand, llvm::ArrayRef<SizeExpr> sizes, llvm::ArrayRef<Int> coordinates,
                          int64_t laneAxis);
  mlir::Value emitSizes(SizesOp op, llvm::ArrayRef<Int> coordinates);
  mlir::Value emitReshape(ReshapeOp op, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Value emitConcat(ConcatOp op, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Value emitPad(PadOp op, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Value emitRange(RangeOp op, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Value emitReduce(ReduceOp op, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Value emitArgReduce(ArgReduceOp op, llvm::ArrayRef<Int> coordinates);
  mlir::Value emitMatmul(MatmulOp op, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Value emitConv(ConvOp op, llvm::ArrayRef<Int> coordinates);
  mlir::Value emitRotary(RotaryOp op, llvm::ArrayRef<Int> coordinates);
  mlir::Value emitGatherNd(GatherNdOp op, llvm::ArrayRef<Int> coordinates, int64_t laneAxis);
  mlir::Type resultType(mlir::Value value, bool vector);
  Int fromAtom(const SizeExpr::Atom &atom);
  Int evaluate(const SizeExpr &expression);

  KernelBuilder &k;
  ElementwiseEmitter elementwise;
  llvm::StringMap<Int> symbols, sizes;
  /// Sizes are computed before this op, at the head of the kernel.
  mlir::Operation *head;
  bool checksIndices = false;
  /// By argument: what marks an index out of range as from that argument's input.
  llvm::DenseMap<unsigned, Int> indexWords;
  /// What is computed already, innermost scope last. The key is the value, the coordinates and the lane axis.
  using Key = std::vector<const void *>;
  std::vector<std::map<Key, mlir::Value>> memos;
};

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_REGIONEMITTER_H
