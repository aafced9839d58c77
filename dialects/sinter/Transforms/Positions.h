//===- Positions.h - Integers that follow from where they stand --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters write indices as tensors: a range, reshaped, repeated, added to other
// ranges, joined to coordinates, compared. The element of such a tensor at given
// coordinates is an expression of the coordinates and of sizes, found by walking
// up from the tensor. For ranges b of n and s of m, with sizes [n, 1] and [1, m],
//
//   add(mul(b, m), s)  is  m * c0 + c1  at the coordinates [c0, c1]
//
// and reading a [n, m] tensor as [n * m] there gives back the coordinates [c0, c1].
//
// Coordinates are symbols of which SizeExpr assumes nothing; what is known of them
// (0 <= c < extent) and the bounds of the program's symbols are used here.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_POSITIONS_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_POSITIONS_H

#include "dialects/sinter/IR/Sinter.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace sinter {

/// The bounds that a module declares of its symbols.
class SymbolBounds {
public:
  explicit SymbolBounds(mlir::ModuleOp module);
  struct Bounds {
    int64_t low;
    std::optional<int64_t> high;
  };
  std::optional<Bounds> lookup(llvm::StringRef symbol) const;

private:
  llvm::StringMap<Bounds> bounds;
};

/// What the sizes rise by from one to the next, where that is one number for all; of one size, 0.
std::optional<int64_t> findStep(llvm::ArrayRef<SizeExpr> sizes);

/// Answers for coordinates that run over a box of the given extents.
class Positions {
public:
  Positions(const SymbolBounds &bounds, llvm::ArrayRef<SizeExpr> extents);

  /// Coordinate number `axis` of the box; 0 where its extent is 1.
  SizeExpr coordinate(unsigned axis) const;
  llvm::SmallVector<SizeExpr> getCoordinates() const;
  /// Whether the expression contains a coordinate.
  static bool isFixed(const SizeExpr &expression);

  /// The element of a tensor of i64, i32 or i1 (as 0 or 1) at these coordinates of it; none where it is not known.
  std::optional<SizeExpr> elementAt(mlir::Value tensor, llvm::ArrayRef<SizeExpr> at);
  /// The coordinates in a tensor of sizes `to` of the element that is at `at` in a tensor of sizes `from` with the same
  /// elements in the same order.
  std::optional<llvm::SmallVector<SizeExpr>> reshape(llvm::ArrayRef<SizeExpr> at, llvm::ArrayRef<SizeExpr> from,
                                                     llvm::ArrayRef<SizeExpr> to) const;
  /// Whether the expression is at least `bound` for all coordinates and sizes, as far as that can be shown.
  bool isAtLeast(SizeExpr expression, int64_t bound) const;
  /// Whether it is one of 0, ..., size - 1.
  bool isWithin(const SizeExpr &expression, const SizeExpr &size) const;
  /// The expression as `step` times one coordinate plus `start`, which has none.
  struct Line {
    unsigned axis;
    int64_t step;
    SizeExpr start;
  };
  std::optional<Line> asLine(const SizeExpr &expression) const;

private:
  std::optional<SizeExpr> find(mlir::Value tensor, llvm::ArrayRef<SizeExpr> at, unsigned depth);
  std::optional<SizeExpr> findElementwise(ElementwiseOp op, llvm::ArrayRef<SizeExpr> at, unsigned depth);
  std::optional<SizeExpr> findConstant(mlir::DenseElementsAttr elements, llvm::ArrayRef<SizeExpr> at);

  const SymbolBounds &bounds;
  llvm::SmallVector<SizeExpr> extents;
  /// Steps left: what is shared in a graph would be walked once per path otherwise.
  unsigned budget = 4096;
};

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_POSITIONS_H
