//===- Packing.h - How the weights of a matmul lie in a bundle ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// B, of K rows and N columns, is cut into panels of 48 columns; the last is of
// 16, 32 or 48, padded with zeros. A panel holds its K rows one after another:
//
//   [N / 48][K][48]        the last panel [K][16 | 32 | 48]
//
// 48 is what three vectors of AVX-512, six of AVX2 and twelve of NEON hold, so
// that every variant of a bundle reads the same weights. Panel p starts at
// element p * K * 48.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_PACKING_H
#define SINTER_TARGETS_CPU_KERNELS_PACKING_H

#include <cstdint>

namespace sinter::cpu {

struct PackedShape {
  static constexpr int64_t panelColumns = 48, columnMultiple = 16;
  int64_t n = 0, k = 0;

  int64_t numPanels() const { return (n + panelColumns - 1) / panelColumns; }
  /// Columns that panel `p` stores: 48, or for the last 16, 32 or 48.
  int64_t columnsOf(int64_t p) const {
    int64_t left = n - p * panelColumns;
    return left >= panelColumns ? panelColumns : (left + columnMultiple - 1) / columnMultiple * columnMultiple;
  }
  int64_t panelStart(int64_t p) const { return p * k * panelColumns; }
  int64_t numElements() const { return (n + columnMultiple - 1) / columnMultiple * columnMultiple * k; }
};

/// Packs `source`, f32 and row-major: [K][N], or [N][K] where `transposed`.
/// `destination` has shape.numElements() elements. One panel at a time, so that
/// either may be a mapped file.
void packMatmulWeights(const PackedShape &shape, const float *source, bool transposed, float *destination);
/// The same of one panel only; `destination` is where that panel starts.
void packMatmulPanel(const PackedShape &shape, int64_t panel, const float *source, bool transposed, float *destination);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_PACKING_H
