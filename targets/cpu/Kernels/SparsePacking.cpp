//===- SparsePacking.cpp - How block-sparse weights lie in a bundle -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/SparsePacking.h"

#include <cstring>

using namespace sinter::cpu;

namespace {

template <typename T> class Blocks {
public:
  Blocks(const SparseShape &shape, const void *source, bool transposed)
      : shape(shape), source(static_cast<const T *>(source)), rowStride(transposed ? 1 : shape.n),
        columnStride(transposed ? shape.k : 1) {}

  bool isZero(int64_t blockRow, int64_t strip) const {
    bool zero = true;
    forElements(blockRow, strip, [&](int64_t, int64_t, T x) { zero = zero && x == T(0); });
    return zero;
  }
  int64_t count() const {
    int64_t total = 0;
    for (int64_t blockRow = 0; blockRow < shape.numBlockRows(); ++blockRow)
      for (int64_t strip = 0; strip < shape.numStrips(); ++strip)
        total += !isZero(blockRow, strip);
    return total;
  }

  bool pack(int64_t numBlocks, char *destination) const {
    auto *starts = reinterpret_cast<int32_t *>(destination);
    auto *blockRows = reinterpret_cast<int32_t *>(destination + shape.blockRowsOffset());
    char *blocks = destination + shape.blocksOffset(numBlocks);
    std::memset(destination, 0, blocks - destination);
    int64_t done = 0, perSegment = shape.blockRowsPerSegment();
    for (int64_t segment = 0; segment < shape.numSegments(); ++segment)
      for (int64_t strip = 0; strip < shape.numStrips(); ++strip) {
        *starts++ = int32_t(done);
        int64_t first = segment * perSegment, end = std::min(first + perSegment, shape.numBlockRows());
        for (int64_t blockRow = first; blockRow < end; ++blockRow) {
          if (isZero(blockRow, strip))
            continue;
          if (done == numBlocks)
            return false;
          blockRows[done] = int32_t(blockRow - first);
          auto *block = reinterpret_cast<T *>(blocks + done++ * shape.blockBytes());
          std::memset(block, 0, shape.blockBytes());
          forElements(blockRow, strip, [&](int64_t row, int64_t column, T x) {
            block[place(row, column)] = x;
            addToSum(destination, strip * SparseShape::blockColumns + column, x);
          });
        }
      }
    // Zeros times the last strip's first rows of A, as many as are missing.
    std::memset(blocks + done * shape.blockBytes(), 0, (numBlocks - done) * shape.blockBytes());
    *starts = int32_t(numBlocks);
    return true;
  }

private:
  /// Visits the elements of a block that lie in B: row and column within the block, and the value.
  template <typename Visit> void forElements(int64_t blockRow, int64_t strip, Visit visit) const {
    int64_t row0 = blockRow * SparseShape::blockRows, column0 = strip * SparseShape::blockColumns;
    int64_t rows = std::min(SparseShape::blockRows, shape.k - row0);
    int64_t columns = std::min(SparseShape::blockColumns, shape.n - column0);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        visit(row, column, source[(row0 + row) * rowStride + (column0 + column) * columnStride]);
  }
  static int64_t place(int64_t row, int64_t column) {
    // Four bytes of a column are multiplied at once.
    constexpr int64_t group = 4 / sizeof(T);
    return (row / group * SparseShape::blockColumns + column) * group + row % group;
  }
  void addToSum(char *destination, int64_t column, T x) const {
    if constexpr (sizeof(T) == 1)
      reinterpret_cast<int32_t *>(destination + shape.sumsOffset())[column] += x;
  }

  SparseShape shape;
  const T *source;
  int64_t rowStride, columnStride;
};

} // namespace

int64_t sinter::cpu::countBlocks(const SparseShape &shape, const void *source, bool transposed) {
  return shape.elements == SparseShape::Elements::F32 ? Blocks<float>(shape, source, transposed).count()
                                                      : Blocks<int8_t>(shape, source, transposed).count();
}

bool sinter::cpu::packSparseWeights(const SparseShape &shape, const void *source, bool transposed, int64_t numBlocks,
                                    char *destination) {
  return shape.elements == SparseShape::Elements::F32
             ? Blocks<float>(shape, source, transposed).pack(numBlocks, destination)
             : Blocks<int8_t>(shape, source, transposed).pack(numBlocks, destination);
}
