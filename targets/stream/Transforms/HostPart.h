//===- HostPart.h - What of a model the host computes ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A chip without integers in memory leaves arithmetic of token ids, positions and
// masks to the host: what follows from inputs of integers and truth values alone, by
// ops that move, compare, select, or do sums and products element by element. Never a
// product of matrices, a norm, a softmax or an activation, and nothing that follows
// from an input of floats.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_TRANSFORMS_HOSTPART_H
#define SINTER_TARGETS_STREAM_TRANSFORMS_HOSTPART_H

#include "dialects/sinter/IR/Sinter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"

namespace sinter::stream {

/// Where each op of a program is computed.
class Parts {
public:
  explicit Parts(mlir::func::FuncOp main);

  /// Follows from weights and constants alone: computed when the artifact is written.
  bool isRecipe(mlir::Operation *op) const { return recipes.contains(op); }
  bool isRecipe(mlir::Value value) const { return value.getDefiningOp() && isRecipe(value.getDefiningOp()); }
  bool isHost(mlir::Operation *op) const { return host.contains(op); }
  bool isHost(mlir::Value value) const { return value.getDefiningOp() && isHost(value.getDefiningOp()); }
  bool isChip(mlir::Operation *op) const { return !isRecipe(op) && !isHost(op); }

private:
  llvm::DenseSet<mlir::Operation *> recipes, host;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_TRANSFORMS_HOSTPART_H
