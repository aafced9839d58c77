//===- Layout.h - Where the elements of a value lie ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor of the chip is a matrix. An element's row and column are those of the
// first one and, for each dimension, its position times a number of rows, or a
// number of columns. So most ops that only move elements are other layouts of the
// same matrix:
//
//   x: 2x7x64                    rows 7, 1        columns 1
//   transpose to 2x64x7          rows 7           columns 1     rows 1
//   its elements [:, :, 3:5]     the same, from row 3 on
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_LOWERING_LAYOUT_H
#define SINTER_TARGETS_STREAM_LOWERING_LAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace sinter::stream {

struct Layout {
  struct Dimension {
    int64_t size = 1;
    /// From one position to the next: so many columns, or rows.
    int64_t stride = 0;
    bool isColumns = false;
  };

  llvm::SmallVector<Dimension> dims;
  /// Of the first element.
  int64_t row = 0, column = 0;

  /// Row-major, the dimensions that are marked being columns.
  static Layout make(llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<bool> areColumns);
  /// Row-major, the last dimensions being columns: as many as make up that number of columns.
  static Layout natural(llvm::ArrayRef<int64_t> sizes, int64_t columns);

  llvm::SmallVector<int64_t> sizes() const;
  /// Which dimensions are columns.
  llvm::SmallVector<bool> columnDims() const;
  int64_t numColumns() const;
  int64_t numRows() const;
  /// Elements are where they are in `other`, a layout of the same sizes.
  bool isSame(const Layout &other) const;

  Layout transpose(llvm::ArrayRef<int64_t> permutation) const;
  Layout slice(llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> steps, llvm::ArrayRef<int64_t> sizes) const;
  /// Aligned at the last dimension.
  Layout broadcast(llvm::ArrayRef<int64_t> sizes) const;
  /// None where elements would have to move.
  std::optional<Layout> reshape(llvm::ArrayRef<int64_t> sizes) const;
};

/// Sizes of which both can be made by joining neighbours; none if there are none.
std::optional<llvm::SmallVector<int64_t>> findCommonSizes(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);

/// Rows of several matrices, which follow the same dimensions.
class RowWalk {
public:
  /// `isFixed`: each position is gone to by itself, as where columns depend on it.
  void addDimension(int64_t size, llvm::ArrayRef<int64_t> strides, bool isFixed);

  struct Run {
    /// By matrix: the first row, and how many rows on the next one is.
    llvm::SmallVector<int64_t> rows, steps;
    int64_t count;
    /// By dimension, where the run begins.
    llvm::ArrayRef<int64_t> position;
  };
  /// Covers all positions by runs, as long as can be.
  void forEachRun(llvm::ArrayRef<int64_t> firstRows, llvm::function_ref<void(const Run &)> call) const;

private:
  struct Dimension {
    int64_t size;
    llvm::SmallVector<int64_t> strides;
    bool isFixed;
  };
  llvm::SmallVector<Dimension> dims;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_LAYOUT_H
