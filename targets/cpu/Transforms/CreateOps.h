//===- CreateOps.h - Ops that rewrites spell formulas with ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_TRANSFORMS_CREATEOPS_H
#define SINTER_TARGETS_CPU_TRANSFORMS_CREATEOPS_H

#include "dialects/sinter/IR/Sinter.h"

namespace sinter::cpu {

/// A number of that type, as a tensor of rank 0.
mlir::Value createScalar(mlir::OpBuilder &b, mlir::Location loc, mlir::Type elementType, double number);
mlir::Value createElementwise(mlir::OpBuilder &b, mlir::Location loc, ElementwiseKind kind, mlir::ValueRange operands);
/// `value` itself where it has that element type.
mlir::Value createCast(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type elementType);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_TRANSFORMS_CREATEOPS_H
