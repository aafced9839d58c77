//===- QuantizedPacking.h - How quantized weights lie in a bundle ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// B, of K rows and N columns of codes of 8 or 4 bits, is one section of the weights:
//
//   column sums    i32 [groups][N], what the codes of a group stand for, code minus
//                  zero point, summed: what the other operand's zero point is times
//   zero points    one byte each [groups][N], if there are any
//   panels
//
// each from a multiple of 64 bytes on. A group is so many rows as have one scale and
// zero point per column; the last may have fewer. What is by groups and columns, the
// scales too, lies by panels as B does: [N / 48][groups][48], and the last panel has
// 16, 32 or 48 columns, padded with zeros (one group: simply [N]).
//
// The panels are those of Packing.h, of words of 32 bits:
//
//   [N / 48][words][48]
//
// A word holds four rows of a column, since four products are summed by one
// instruction: its lowest byte is the first. With 4 bits a word holds eight, the
// first four in the low halves of its bytes, the next four in the high halves. Each
// group starts a new word; rows that are missing count as zero.
//
// Codes of 8 bits are stored signed (unsigned ones minus 128, as their zero points).
// Codes of 4 bits are stored unsigned (signed ones plus 8, as their zero points), and
// without zero points that of all is 8. Example, a column of the signed codes of 4 bits
// -8 0 1 2 3 4 5 7: stored as 0 8 9 a b c d f, its word has the bytes b0 c8 d9 fa.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_QUANTIZEDPACKING_H
#define SINTER_TARGETS_CPU_KERNELS_QUANTIZEDPACKING_H

#include "targets/cpu/Kernels/Packing.h"

#include <algorithm>

namespace sinter::cpu {

struct PackedQuantizedShape {
  /// Rows whose products are summed at once.
  static constexpr int64_t rowsPerStep = 4;
  static constexpr int64_t bytesPerWord = 4;
  int64_t n = 0, k = 0;
  int bits = 8; // or 4
  /// Rows of a group, a multiple of 4; 0: all of them.
  int64_t group = 0;
  bool hasZeroPoints = false;

  int64_t rowsPerWord() const { return bits == 4 ? 8 : 4; }
  int64_t rowsPerGroup() const { return group ? std::min(group, k) : k; }
  int64_t numGroups() const { return (k + rowsPerGroup() - 1) / rowsPerGroup(); }
  /// Of one that is not the last.
  int64_t wordsPerGroup() const { return (rowsPerGroup() + rowsPerWord() - 1) / rowsPerWord(); }
  int64_t numWords() const {
    int64_t before = numGroups() - 1, left = k - before * rowsPerGroup();
    return before * wordsPerGroup() + (left + rowsPerWord() - 1) / rowsPerWord();
  }
  /// The panels, of words.
  PackedShape columns() const { return {n, numWords()}; }
  /// Arrays by groups and columns, of which each has an element.
  PackedShape perGroup() const { return {n, numGroups()}; }
  /// How many scales there are, with padding.
  int64_t numScales() const { return numGroups() == 1 ? n : perGroup().numElements(); }

  /// Where the parts of the section start, and how long it is, in bytes.
  int64_t columnSumsOffset() const { return 0; }
  int64_t zeroPointsOffset() const;
  int64_t panelsOffset() const;
  int64_t numBytes() const { return panelsOffset() + columns().numElements() * bytesPerWord; }
};

/// Codes, one in the low bits of each byte, and their zero points.
struct QuantizedSource {
  const void *codes = nullptr; ///< [K][N] or, where `transposed`, [N][K]
  bool transposed = false;
  int bits = 8; ///< of the codes; at most those of the shape
  bool isUnsigned = false;
  /// [groups][N], of the same storage; null: all are 0. Where the shape has none, they are all 0 and signed.
  const void *zeroPoints = nullptr;
};

/// `destination` has shape.numBytes() bytes.
void packQuantizedWeights(const PackedQuantizedShape &shape, const QuantizedSource &source, void *destination);
/// The same of signed codes of 8 bits without zero points.
inline void packQuantizedWeights(const PackedQuantizedShape &shape, const int8_t *codes, bool transposed,
                                 void *destination) {
  QuantizedSource source;
  source.codes = codes;
  source.transposed = transposed;
  packQuantizedWeights(shape, source, destination);
}
/// `source` is [groups][N]; `destination` has shape.numScales() elements.
void packQuantizedScales(const PackedQuantizedShape &shape, const float *source, float *destination);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_QUANTIZEDPACKING_H
