//===- QuantizedPacking.h - How quantized weights lie in a bundle ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// B, of K rows and N columns of signed bytes, is one section of the weights:
//
//   column sums    i32 [N, padded with zeros to a multiple of 16]
//   panels         from a multiple of 64 bytes on
//
// The panels are those of Packing.h, with four rows side by side, since four
// products are summed by one instruction:
//
//   [N / 48][K / 4][48][4]        K padded with zeros to a multiple of 4
//
// A column's sum over K is what a zero point of the other operand is multiplied by.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_QUANTIZEDPACKING_H
#define SINTER_TARGETS_CPU_KERNELS_QUANTIZEDPACKING_H

#include "targets/cpu/Kernels/Packing.h"

namespace sinter::cpu {

struct PackedQuantizedShape {
  /// Rows that lie side by side.
  static constexpr int64_t rowsPerStep = 4;
  int64_t n = 0, k = 0;

  int64_t numSteps() const { return (k + rowsPerStep - 1) / rowsPerStep; }
  PackedShape columns() const { return {n, numSteps()}; }
  /// Where the parts of the section start, and how long it is, in bytes.
  int64_t columnSumsOffset() const { return 0; }
  int64_t panelsOffset() const;
  int64_t numBytes() const { return panelsOffset() + columns().numElements() * rowsPerStep; }
};

/// Packs `source`, [K][N] or, where `transposed`, [N][K]; `destination` has shape.numBytes() bytes.
void packQuantizedWeights(const PackedQuantizedShape &shape, const int8_t *source, bool transposed, void *destination);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_QUANTIZEDPACKING_H
