//===- WeightProducts.h - Products by a weight, from region to launch ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// matmul, quantized_matmul and sparse_matmul (KernelTemplates.h) have one way to read the rows on the left, the weight
// and what is computed on the tiles, and differ in how the weight lies.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_WEIGHTPRODUCTS_H
#define SINTER_TARGETS_CPU_EMIT_WEIGHTPRODUCTS_H

#include "targets/cpu/Emit/KernelTemplates.h"

namespace sinter::cpu {

/// Whether this is one of the kinds.
bool isWeightProduct(llvm::StringRef kind);
/// The argument that a `matmul` takes for its weight, if the region is one.
std::optional<unsigned> findMatmulWeight(mlir::Block &body);
/// Whether the region is a `sparse_matmul`.
bool isSparseMatmul(mlir::Block &body);

/// As planLaunch and buildKernel, for these kinds.
mlir::FailureOr<LaunchPlan> planWeightProduct(llvm::StringRef kind, mlir::Block &body);
void buildWeightProduct(KernelBuilder &k, llvm::StringRef name, llvm::StringRef kind, mlir::Block &body);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_WEIGHTPRODUCTS_H
