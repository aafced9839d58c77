//===- TileProduct.h - Sums of products of bytes in AMX's tiles -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// AMX has eight tiles of up to 16 rows of 64 bytes. TDPBUSD adds to a tile of 16 rows
// and 16 columns of sums the products of 16 rows of 64 unsigned bytes, of A, and 64
// rows of 16 columns of signed ones, of B, of which four rows of a column are a word:
// 16 rows of words of a panel (QuantizedPacking.h), just as they lie there. Its result
// wraps in 32 bits, as all other sums of bytes do, so that every order gives the same.
//
// A product takes up to four tiles of sums, 0 to 3, row by row, so that each has ended
// when its next step begins (52 cycles after 16); A's rows are in tiles 4 and 5, and
// strips of 16 columns of B in 6 and 7:
//
//   2 x 2   two rows of tiles, two strips     4 tiles are loaded for 4 products
//   4 x 1   four rows, one strip              5 for 4
//   1 x 3   one row, a panel's three strips   4 for 3
//
// One configuration serves a call of a kernel, whatever rows it has: 16 of them for
// each tile or, where C has fewer, all. The last tile of a task may so begin in the rows
// before it, and compute again what is there. What is left of K behind whole tiles
// comes from a copy, of A with zeros behind it, since nothing may be read there.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_TILEPRODUCT_H
#define SINTER_TARGETS_CPU_KERNELS_TILEPRODUCT_H

#include "targets/cpu/Kernels/KernelBuilder.h"

namespace sinter::cpu {

struct TileProduct {
  static constexpr int64_t tileRows = 16, rowBytes = 64, tileBytes = tileRows * rowBytes;
  /// Words of B, of four rows, that a tile holds of each column.
  static constexpr int64_t words = 16;

  int64_t rowTiles = 0, strips = 0;
  mlir::Value a;
  int64_t aRowBytes = 0;
  mlir::Value b; // words; of a column each `bRowBytes`
  int64_t bRowBytes = 0;
  /// Rows of words.
  int64_t depth = 0;
  /// Where depth is no multiple of `words`: whole tiles of what is left, of A with rows of `rowBytes`.
  mlir::Value aTail, bTail;
  int64_t bTailRowBytes = 0;
  /// i32, as many as the strips have columns: each row starts with them.
  mlir::Value starts;
  mlir::Value sums; // i32
  int64_t sumsRowBytes = 0;
  /// Where set, each step fetches so many lines of 64 bytes from here on into the second-level cache.
  mlir::Value fetch;
  int64_t fetchLines = 0;
};

/// Makes tiles 0 to 5 of `rows` rows, 1 to 16, and 6 and 7 of 16; `memory` has 64 bytes.
void configureTilesOfProducts(KernelBuilder &k, Int rows, mlir::Value memory);
/// The tiles are configured.
void buildTileProduct(KernelBuilder &k, const TileProduct &product);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_TILEPRODUCT_H
