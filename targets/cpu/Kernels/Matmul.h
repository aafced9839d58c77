//===- Matmul.h - Kernels of matrix products ------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MatmulSpec: B is a weight, packed as in Packing.h.
//
//   C[M, N] = epilogue(A[M, K] * B + bias + residual)
//
// B is in f32, or in codes of 8 or 4 bits that stand for (code - zero) * scale,
// packed as in QuantizedPacking.h. Codes become f32 in registers where rows are few,
// else a block of the panel is written into the scratch memory; then they are
// multiplied as if they had been f32, and the bits are the same.
//
// A task is 64 rows (fewer where N is small) and one panel of 48 columns. It cuts
// K into blocks whose panel of B stays in the second-level cache, and within a
// block runs tiles of isa.tileRows rows; the epilogue runs on the stored tile in
// the first-level cache, so that it takes no registers from the accumulators.
//
// Each element sums its K products in order within a block, then the blocks in
// order, then bias, then residual. Nothing of that depends on M, on the row's
// place, on tasks or on threads, and neither do its bits.
//
// BatchedMatmulSpec: both operands are computed at run time, any strides; a block
// of B is packed into the scratch memory first.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_MATMUL_H
#define SINTER_TARGETS_CPU_KERNELS_MATMUL_H

#include "lib/Support/SizeExpr.h"
#include "targets/cpu/Kernels/KernelBuilder.h"
#include "targets/cpu/Kernels/QuantizedPacking.h"

#include <optional>

namespace sinter::cpu {

/// An operand of the epilogue: an f32 tensor of M x N whose rows are `rowStride`
/// elements apart, or a vector of N that holds for every row (`rowStride` 0).
struct ExtraOperand {
  int64_t rowStride = 0;
};

/// What all products by a packed weight have.
struct ProductSpec {
  int64_t n = 0, k = 0;
  /// In elements; 0 stands for contiguous rows.
  int64_t aRowStride = 0, cRowStride = 0, residualRowStride = 0;
  bool hasBias = false, hasResidual = false;
  llvm::SmallVector<ExtraOperand, 4> extras; // at most 4
  /// Absent: the sum itself.
  Epilogue epilogue;

  int64_t getARowStride() const { return aRowStride ? aRowStride : k; }
  int64_t getCRowStride() const { return cRowStride ? cRowStride : n; }
  int64_t getResidualRowStride() const { return residualRowStride ? residualRowStride : n; }
};

/// B is stored in codes. Groups are a multiple of the rows of a word: 4, or 8 with 4 bits.
struct CodesOfB {
  int bits = 8; // or 4
  int64_t group = 0;
  bool hasZeroPoints = false;
};

struct MatmulSpec : ProductSpec {
  std::optional<CodesOfB> codes;

  /// The kernel's words. C overlaps no operand, the residual included.
  enum Word : unsigned {
    A,        // pointer, f32 [M][K]
    B,        // pointer, packed weights, or packed panels of codes
    Bias,     // pointer, f32 [N]; any value where hasBias is false
    C,        // pointer, f32 [M][N]
    Residual, // pointer, f32 [M][N]; any value where hasResidual is false
    Rows,     // integer, M
    BScale,   // pointer, of codes: packed by packQuantizedScales
    BZero,    // pointer, of codes with zero points: packed ones
    Extra0    // pointers, one per extra operand
  };
  unsigned numWords() const { return Extra0 + extras.size(); }
  PackedShape packedShape() const { return {n, k}; } // of f32
  PackedQuantizedShape codesShape() const { return {n, k, codes->bits, codes->group, codes->hasZeroPoints}; }
  SizeExpr numTasks(const SizeExpr &rows) const;
  int64_t scratchBytes() const;
};

void buildMatmul(KernelBuilder &k, llvm::StringRef name, const MatmulSpec &spec);

/// C[.., M, N] = epilogue(A[.., M, K] * B[.., K, N] + bias), all sizes and strides
/// given at run time. A batch stride of 0 broadcasts.
struct BatchedMatmulSpec {
  unsigned numBatchDims = 0;
  bool hasBias = false;
  /// Gets no extra operands.
  Epilogue epilogue;

  enum Word : unsigned {
    A,
    B,
    Bias,
    C, // pointers; Bias is f32 [N]
    M,
    N,
    K, // integers
    ARowStride,
    AColumnStride, // integers, in elements
    BRowStride,
    BColumnStride, // of K and of N
    CRowStride,    // C's columns are contiguous
    Batch0         // per batch dimension, outermost first: size, A's, B's and C's stride
  };
  unsigned numWords() const { return Batch0 + 4 * numBatchDims; }
  static constexpr int64_t rowsPerTask = 64;
  SizeExpr numTasks(const SizeExpr &batch, const SizeExpr &m, const SizeExpr &n) const;
  int64_t scratchBytes() const;
};

void buildBatchedMatmul(KernelBuilder &k, llvm::StringRef name, const BatchedMatmulSpec &spec);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_MATMUL_H
