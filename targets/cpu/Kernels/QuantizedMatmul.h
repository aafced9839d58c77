//===- QuantizedMatmul.h - Matrix products of integers of few bits --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A holds unsigned bytes; B holds codes of 8 or 4 bits with a scale for each column,
// or for each column and group of rows, and perhaps zero points, packed as in
// QuantizedPacking.h.
//
//   S[g, m, n] = sum over the k of group g of (A[m, k] - aZero) * (B[k, n] - bZero[g, n])
//
// in 32-bit integers, exactly. With one group r = f32(S) * columnScale[n], with more
//
//   r = 0;  for each g in order:  r = fma(f32(S[g]), columnScale[g, n], r)
//
//   x[m, n] = r * rowScale[m] + bias + residual
//   C[m, n] = epilogue(x), or its bytes (ByteQuantizer.h)
//
// with each operation on f32 rounded. What aZero contributes is the column's sum
// times -aZero, where the sums of the products of bytes start. Zero points of 4 bits
// are subtracted when codes become bytes; those of 8 bits, whose differences are no
// bytes, are multiplied by the row's sum, which an accumulator of its own takes.
//
// The sums are the same integers in every variant, whichever instruction makes
// them, and what follows is the same f32 operations in the same order: all variants
// give the same bits.
//
// Where the instruction set has tiles (TileProduct.h), they take all tasks but those of few rows, which are held up by
// reading B and not by multiplying. Groups must fill tiles: those of 32 rows would take longer to leave them than to be
// multiplied.
//
// A task is what it is for MatmulSpec: some rows and one panel. What is multiplied is
// bytes or, where no instruction does that, their widened even and odd ones. It is
// made of the codes in registers where rows are few; else the panel is written into
// the scratch memory once, and each tile's rows of A before it. A tile of sums, added
// up over the groups, goes to the scratch memory, too, and from there row by row
// through all that follows, so that the epilogue takes no registers from the sums and
// is there once, not once per number of rows.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_QUANTIZEDMATMUL_H
#define SINTER_TARGETS_CPU_KERNELS_QUANTIZEDMATMUL_H

#include "lib/Support/SizeExpr.h"
#include "targets/cpu/Kernels/KernelBuilder.h"
#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/QuantizedPacking.h"

#include <optional>

namespace sinter::cpu {

/// C holds unsigned bytes, quantized by one scale and zero point.
struct BytesOutput {
  /// By division, else by multiplication with the scale's reciprocal.
  bool divides = false;
};

/// A's rows are readable up to a multiple of 4 bytes; what is read there beyond K has no effect.
struct QuantizedMatmulSpec : ProductSpec {
  /// Rows of a group: beyond, 255 * 255 times as many could exceed 31 bits.
  static constexpr int64_t maxDepth = 0x7fffffff / (255 * 255);
  /// As in PackedQuantizedShape.
  int bits = 8;
  int64_t group = 0;
  bool hasZeroPoints = false;
  /// Whether each row has a scale of its own; else one scale holds for all.
  bool hasRowScales = true;
  std::optional<BytesOutput> bytesOutput;

  /// The kernel's words; those of absent operands may be anything. C overlaps no operand, the residual included.
  enum Word : unsigned {
    A,           // pointer, u8 [M][aRowStride]
    AZero,       // pointer, u8 [1]
    B,           // pointer, the packed panels
    ColumnSums,  // pointer, the packed column sums
    BZero,       // pointer, the packed zero points
    RowScale,    // pointer, f32 [M], or one
    ColumnScale, // pointer, packed by packQuantizedScales; with one group f32 [N]
    Bias,        // pointer, f32 [N]
    C,           // pointer, f32 [M][N], or u8 with a bytesOutput
    Residual,    // pointer, f32 [M][N]
    OutputScale, // pointer, f32 [1]
    OutputZero,  // pointer, u8 [1]
    Rows,        // integer, M
    Extra0       // pointers, one per extra operand
  };
  unsigned numWords() const { return Extra0 + extras.size(); }
  PackedQuantizedShape packedShape() const { return {n, k, bits, group, hasZeroPoints}; }
  /// Whether AMX's tiles are used where there are some.
  bool suitsTiles() const;
  SizeExpr numTasks(const SizeExpr &rows) const;
  int64_t scratchBytes() const;
};

void buildQuantizedMatmul(KernelBuilder &k, llvm::StringRef name, const QuantizedMatmulSpec &spec);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_QUANTIZEDMATMUL_H
