//===- LegalizeQuantized.h - Codes in the forms that CPU kernels have ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_TRANSFORMS_LEGALIZEQUANTIZED_H
#define SINTER_TARGETS_CPU_TRANSFORMS_LEGALIZEQUANTIZED_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"

namespace sinter::cpu {

/// Part of `sinter-cpu-legalize`.
void addLegalizeQuantizedPatterns(mlir::RewritePatternSet &patterns);
/// Fails, with an error for each, where something about codes is left that no kernel does.
mlir::LogicalResult verifyQuantizedForms(mlir::ModuleOp module);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_TRANSFORMS_LEGALIZEQUANTIZED_H
