//===- Matching.h - What patterns on the graph look for ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_MATCHING_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_MATCHING_H

#include "dialects/sinter/IR/Sinter.h"

namespace sinter {

/// The value that all elements have, where a constant says so; sees through rearrangements and casts between floats.
/// Integers and truth values come as doubles too, none if that would round.
std::optional<double> getSplat(mlir::Value value);
/// Whether all elements are `number`, to float's precision: an exporter writes sqrt(2) as 1.41421354.
bool isSplatOf(mlir::Value value, double number);

/// The elementwise op of that kind that defines the value; null where there is none.
ElementwiseOp getElementwise(mlir::Value value, ElementwiseKind kind);

/// The operand that is not a constant of one value, and that value, of an op of two operands that has the operand's
/// type.
struct WithConstant {
  mlir::Value value;
  double constant;
};
/// value = kind(x, c); with `commutative` also kind(c, x).
std::optional<WithConstant> matchWithConstant(mlir::Value value, ElementwiseKind kind, bool commutative);

/// A scalar constant; `number` is rounded to the element type.
mlir::Value makeScalar(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type elementType, double number);
/// Its elements, repeated to a type.
mlir::Value makeSplat(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, double number);

mlir::Value makeElementwise(mlir::OpBuilder &builder, mlir::Location loc, ElementwiseKind kind,
                            mlir::ValueRange operands);
/// The value itself where nothing changes.
mlir::Value makeReshape(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                        llvm::ArrayRef<SizeExpr> sizes);
mlir::Value makeBroadcast(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                          llvm::ArrayRef<SizeExpr> sizes);
mlir::Value makeTranspose(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                          llvm::ArrayRef<int64_t> permutation);

/// The sizes behind as many 1s as make up that rank, which is not below theirs.
Sizes withRank(llvm::ArrayRef<SizeExpr> sizes, size_t rank);
/// The value with leading dimensions of size 1, so that it has that rank; null where it has more.
mlir::Value makeRank(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, int64_t rank);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_MATCHING_H
