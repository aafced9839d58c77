//===- SparseMatmul.h - Kernels of products with block-sparse weights -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   C[M, N] = epilogue(A[M, K] * B[K, N] + bias + residual)
//
// B is a weight of which only those blocks of 16 x 16 are stored that hold
// something besides zeros. What it multiplies is `elements` of f32, or bytes whose
// sums are exact (the formula is QuantizedMatmul.h's, with one group):
//
//   S[m, n] = sum over k of (A[m, k] - zero) * B[k, n]             32-bit integers
//   C[m, n] = epilogue((float(S) * columnScale[n]) * rowScale[m] + bias + residual),
//             or its bytes (ByteQuantizer.h)
//
// B is one section of the weights (SparseShape):
//
//   starts     i32 [segments][strips] + 1   where a strip's blocks begin; the last
//                                           is how many blocks there are
//   sums       i32 [N, rounded up to 16]    bytes only: the sum of each column
//   block rows i32 [blocks]                 counted from the segment's first on
//   blocks     from a multiple of 64 on     [blocks][16][16], f32, or
//                                           [blocks][4][16][4], bytes
//
// A strip is 16 columns; a segment is as much of K as one slice of A in the
// second-level cache covers (of bytes, all of K), so that the blocks are visited in
// the order in which they lie. Example, K = 48 and N = 32 in one segment, where
// blocks (0, 0), (2, 0) and (1, 1) are stored: starts 0 2 3, block rows 0 2 1.
//
// A task is some rows and some strips. The rows of A are copied into the scratch
// memory, four elements of 32 bits of each row of a tile side by side: in A itself
// the rows of a tile may all fall into one set of the cache. Tasks of the same rows
// that are run in one call share the copy. A tile is one strip wide and as many
// rows high as there are registers.
//
// Where a strip is a single vector of columns, such a tile takes as many loads as
// multiply-adds, and loads decide. Tiles of more than 24 rows are turned round then:
// the copy is [K][rows], a vector is 16 rows, and an element of B that is broadcast
// is used for three of them; half of the strip's columns are summed at a time.
//
// Each element sums the products of its stored blocks in the order of K, segment
// after segment, then bias, then residual; what the bits are depends on nothing
// else. A block that is not stored adds nothing, where A has no finite value either.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_SPARSEMATMUL_H
#define SINTER_TARGETS_CPU_KERNELS_SPARSEMATMUL_H

#include "lib/Support/SizeExpr.h"
#include "targets/cpu/Kernels/KernelBuilder.h"
#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/SparsePacking.h"

namespace sinter::cpu {

/// A's rows of bytes are readable up to a multiple of 4.
struct SparseMatmulSpec : ProductSpec {
  using Elements = SparseShape::Elements;
  Elements elements = Elements::F32;
  /// Of bytes: whether each row has a scale of its own; else one scale holds for all.
  bool hasRowScales = true;
  /// Of bytes only: their sums are complete when they are written.
  std::optional<BytesOutput> bytesOutput;

  /// The kernel's words. C overlaps no operand.
  enum Word : unsigned {
    A,           // pointer, f32 [M][K], or u8
    B,           // pointer, the section
    Bias,        // pointer, f32 [N]; any value where hasBias is false
    C,           // pointer, f32 [M][N], or u8 with a bytesOutput
    Residual,    // pointer, f32 [M][N]; any value where hasResidual is false
    Rows,        // integer, M
    AZero,       // pointer, u8 [1]: A's zero point } of bytes; else any value
    RowScale,    // pointer, f32 [M], or one        }
    ColumnScale, // pointer, f32 [N]                }
    OutputScale, // pointer, f32 [1] } of a bytesOutput; else any value
    OutputZero,  // pointer, u8 [1]  }
    Extra0       // pointers, one per extra operand
  };
  unsigned numWords() const { return Extra0 + extras.size(); }
  SparseShape shape() const { return {elements, n, k}; }
  SizeExpr numTasks(const SizeExpr &rows) const;
  int64_t scratchBytes() const;
};

void buildSparseMatmul(KernelBuilder &k, llvm::StringRef name, const SparseMatmulSpec &spec);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_SPARSEMATMUL_H
