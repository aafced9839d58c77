//===- WeightMatmuls.h - Products by weights, and what they are called -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_WEIGHTMATMULS_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_WEIGHTMATMULS_H

#include "dialects/sinter/IR/Sinter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace sinter {

/// Whether the value follows from weights and constants alone, so that it is the same in every run and can be computed
/// before: static, by ops without effects. Text does not: neither a weight nor a section of weights holds any.
bool isFromWeights(mlir::Value value);

/// A product of something that a run computes with a float matrix [K, N] that follows from weights.
struct WeightMatmul {
  MatmulOp matmul;
  /// What calibration calls it: the node's name in the source model, with `#2` and so on where several have it. Equal
  /// in every run over the same module.
  std::string name;
};

/// All of them, in the program's order.
std::vector<WeightMatmul> findWeightMatmuls(mlir::func::FuncOp main);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_WEIGHTMATMULS_H
