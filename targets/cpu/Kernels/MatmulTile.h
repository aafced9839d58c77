//===- MatmulTile.h - The inner loop of matrix products -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile of the product is held in registers while it sums over K: `vectors`
// vectors of columns for each of `rows` rows. Per step of K it loads one row of B's
// vectors and broadcasts one element per row of A.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_MATMULTILE_H
#define SINTER_TARGETS_CPU_KERNELS_MATMULTILE_H

#include "lib/Support/SizeExpr.h"
#include "targets/cpu/Kernels/KernelBuilder.h"
#include "targets/cpu/Kernels/Packing.h"

namespace sinter::cpu {

struct MatmulTile {
  unsigned rows = 0, vectors = 0;
  /// The tile's first elements; strides in elements.
  mlir::Value a;
  Int aRowStride = 0, aColumnStride = 1;
  mlir::Value b;
  Int bRowStride = 0;
  /// How many products are summed.
  Int depth = 0;
  bool depthIsEven = false;
  /// Rows of B that are fetched ahead into the first-level cache; 0: none.
  int64_t prefetchRows = 0;
  /// Where set, each two steps of K fetch the next `prefetchLines` lines of 64 bytes from here on into the second-level
  /// cache.
  mlir::Value prefetchNext;
  int64_t prefetchLines = 1;
};

/// The sums of A's rows times B's columns, `vectors` per row, each from zero in
/// the order of K.
KernelBuilder::Values buildTile(KernelBuilder &k, const MatmulTile &tile);

/// What one task of a product with packed weights computes.
struct PanelTask {
  Int row = 0, rows = 0;     ///< the first of its rows, and how many it has
  Int panel = 0, column = 0; ///< its panel, and the panel's first column
  int64_t storedColumns = 0, validColumns = 0;
};

/// How many rows a task has: fewer where there are few panels, so that a short batch gives two threads something to do.
int64_t rowsPerPanelTask(const PackedShape &shape);
SizeExpr numPanelTasks(const PackedShape &shape, const SizeExpr &rows);
/// Runs body for each of the kernel's tasks. It is built once for whole panels and once for a last one of fewer
/// columns.
void forPanelTasks(KernelBuilder &k, const PackedShape &shape, Int numRows,
                   llvm::function_ref<void(const PanelTask &task)> body);

/// Runs body(rows) for the tiles of at most `most` rows that cover rows [0, count):
/// `index` is a tile's first row, `rows` how many it has, known while building. Then
/// runs after(index, rows), where present, with their number known only at run time.
void forTilesOfRows(KernelBuilder &k, Int count, int64_t most, llvm::function_ref<void(Int index, int64_t rows)> body,
                    llvm::function_ref<void(Int index, Int rows)> after = {});
/// The same, and tells the body whether there are at most `few` rows in all, where
/// the tile has all its rows; a tile of fewer counts as one of few.
void forTilesOfRows(KernelBuilder &k, Int count, int64_t most, int64_t few,
                    llvm::function_ref<void(Int index, int64_t rows, bool isFew)> body,
                    llvm::function_ref<void(Int index, Int rows)> after = {});

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_MATMULTILE_H
