//===- SparsePacking.h - How block-sparse weights lie in a bundle ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout that SparseMatmul.h describes, without MLIR: the writer of bundles
// packs weights with it.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_SPARSEPACKING_H
#define SINTER_TARGETS_CPU_KERNELS_SPARSEPACKING_H

#include <algorithm>
#include <cstdint>

namespace sinter::cpu {

struct SparseShape {
  enum class Elements { F32, Bytes };
  static constexpr int64_t blockRows = 16, blockColumns = 16;
  /// Rows of a segment of f32, a multiple of blockRows.
  static constexpr int64_t segmentRows = 1024;

  Elements elements = Elements::F32;
  int64_t n = 0, k = 0;

  int64_t elementBytes() const { return elements == Elements::F32 ? 4 : 1; }
  int64_t numStrips() const { return (n + blockColumns - 1) / blockColumns; }
  int64_t numBlockRows() const { return (k + blockRows - 1) / blockRows; }
  /// Sums of bytes are not stored between segments, so there is one.
  int64_t blockRowsPerSegment() const {
    return elements == Elements::F32 ? std::min(numBlockRows(), segmentRows / blockRows) : numBlockRows();
  }
  int64_t numSegments() const { return (numBlockRows() + blockRowsPerSegment() - 1) / blockRowsPerSegment(); }
  int64_t numStarts() const { return numSegments() * numStrips() + 1; }

  int64_t sumsOffset() const { return 4 * numStarts(); }
  int64_t blockRowsOffset() const {
    return sumsOffset() + (elements == Elements::Bytes ? 4 * blockColumns * numStrips() : 0);
  }
  int64_t blocksOffset(int64_t numBlocks) const { return (blockRowsOffset() + 4 * numBlocks + 63) / 64 * 64; }
  int64_t blockBytes() const { return blockRows * blockColumns * elementBytes(); }
  int64_t numBytes(int64_t numBlocks) const { return blocksOffset(numBlocks) + numBlocks * blockBytes(); }
};

/// How many blocks of `source` ([K][N], or [N][K] where `transposed`; f32 or signed bytes) are not all zero.
int64_t countBlocks(const SparseShape &shape, const void *source, bool transposed);

/// Packs `source`, which has at most `numBlocks` such blocks; false, and nothing of use in `destination`, if it has
/// more. Where it has fewer, blocks of zeros follow. `destination` has shape.numBytes(numBlocks) bytes, aligned to 4.
bool packSparseWeights(const SparseShape &shape, const void *source, bool transposed, int64_t numBlocks,
                       char *destination);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_SPARSEPACKING_H
