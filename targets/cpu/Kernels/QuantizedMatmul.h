//===- QuantizedMatmul.h - Matrix products of 8-bit integers --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   S[M, N] = sum over k of A[M, K] * B[K, N] + start[N]            32-bit integers, exact
//   C[M, N] = epilogue(float(S) * (rowScale[M] * columnScale[N]) + bias + residual)
//
// A holds unsigned bytes, B signed ones. An activation x is a = x / rowScale + zero;
// what the zero point adds to the sums depends on the column alone, and `start`
// takes it away: start[n] = -zero * (sum over k of B[k, n]).
//
// B lies in panels of 48 columns as the weights of a matmul in f32 do (Packing.h),
// with four rows side by side, since four products are summed by one instruction:
//
//   [N / 48][K / 4][48][4]        K padded with zeros to a multiple of 4
//
// The sums are the same integers in every variant, whichever instruction makes
// them, and what follows is the same f32 operations in the same order: all variants
// give the same bits.
//
// A task is what it is for MatmulSpec: some rows and one panel. A panel is summed
// over all of K at once.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_QUANTIZEDMATMUL_H
#define SINTER_TARGETS_CPU_KERNELS_QUANTIZEDMATMUL_H

#include "lib/Support/SizeExpr.h"
#include "targets/cpu/Kernels/KernelBuilder.h"
#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/Packing.h"

namespace sinter::cpu {

/// Where the bytes of B lie.
struct PackedBytesShape {
  static constexpr int64_t rowsPerGroup = 4;
  int64_t n = 0, k = 0;

  int64_t numGroups() const { return (k + rowsPerGroup - 1) / rowsPerGroup; }
  PackedShape columns() const { return {n, numGroups()}; }
  int64_t numBytes() const { return columns().numElements() * rowsPerGroup; }
};

/// Packs `source`, [K][N] or, where `transposed`, [N][K]; `destination` has shape.numBytes() bytes.
void packQuantizedWeights(const PackedBytesShape &shape, const int8_t *source, bool transposed, int8_t *destination);

struct QuantizedMatmulSpec {
  /// K is at most 66,051: beyond, 255 * 127 * K could exceed 31 bits.
  static constexpr int64_t maxDepth = 0x7fffffff / (255 * 127);
  int64_t n = 0, k = 0;
  /// In elements; 0 stands for contiguous rows. A's rows are readable up to a multiple of 4 bytes.
  int64_t aRowStride = 0, cRowStride = 0, residualRowStride = 0;
  /// Whether each row has a scale of its own; else one scale holds for all.
  bool hasRowScales = true;
  bool hasBias = false, hasResidual = false;
  llvm::SmallVector<ExtraOperand, 4> extras; // at most 4
  Epilogue epilogue;

  enum Word : unsigned {
    A,           // pointer, u8 [M][aRowStride]
    B,           // pointer, packed bytes
    Start,       // pointer, i32 [N]
    RowScale,    // pointer, f32 [M], or one
    ColumnScale, // pointer, f32 [N]
    Bias,        // pointer, f32 [N]; any value where hasBias is false
    C,           // pointer, f32 [M][N]
    Residual,    // pointer, f32 [M][N]; any value where hasResidual is false
    Rows,        // integer, M
    Extra0       // pointers, one per extra operand
  };
  unsigned numWords() const { return Extra0 + extras.size(); }
  PackedBytesShape packedShape() const { return {n, k}; }
  SizeExpr numTasks(const SizeExpr &rows) const;
};

void buildQuantizedMatmul(KernelBuilder &k, llvm::StringRef name, const QuantizedMatmulSpec &spec);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_QUANTIZEDMATMUL_H
