//===- RowKernels.h - Kernels that work on one row at a time --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Normalizations, softmax and reductions over the last axis. Rows are contiguous,
// their length is a constant or read at run time. Vectors of a row are summed into
// four accumulators in turn, which are then added in a fixed order: the bits depend
// on the row alone (and on the instruction set's width).
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_ROWKERNELS_H
#define SINTER_TARGETS_CPU_KERNELS_ROWKERNELS_H

#include "lib/Support/SizeExpr.h"
#include "targets/cpu/Kernels/KernelBuilder.h"

#include <optional>

namespace sinter::cpu {

/// How rows are cut into tasks; `length` 0 is one known only at run time.
int64_t rowsPerTask(int64_t length);
SizeExpr numRowTasks(int64_t length, const SizeExpr &rows);

/// A row in bytes: with a scale that is computed from it as QuantizeRowsSpec says, or
/// with a scale and zero point that are given for all rows (ByteQuantizer.h).
struct QuantizedRows {
  bool isScaleGiven = false;
  /// Of a given scale: by division, else by multiplication with the reciprocal.
  bool divides = false;
  int64_t rowStride = 0; // in bytes; what lies between rows is not written
  /// Each element is multiplied by its column's factor first.
  bool hasFactors = false;
  /// Of scales that are computed: 128, or another from 1 to 254, whose scale is the least that covers the row.
  int zeroPoint = 128;
};

/// s = x + residual; y = (s - mean(s)) / sqrt(variance(s) + epsilon) * gamma + beta,
/// or for rms y = s / sqrt(mean(s^2) + epsilon) * gamma + beta. Y may be X, and so
/// may Sum.
struct NormSpec {
  int64_t length = 0; // 0: read from the words
  bool rms = false;
  float epsilon = 1e-5f;
  bool hasGamma = true, hasBeta = true, hasResidual = false;
  /// Stores s as well.
  bool writesSum = false;
  /// Stores y in bytes as well, or, where !writesFloats, instead.
  std::optional<QuantizedRows> quantized;
  bool writesFloats = true; // else length is not 0

  enum Word : unsigned {
    X,
    Residual,
    Gamma,
    Beta,
    Sum,
    Y,       // pointers; those of absent operands may be anything
    Rows,    // integers
    Length,  // read only where length is 0
    Bytes,   // pointer, u8 [Rows][rowStride]
    Scale,   // pointer, f32 [Rows], written; a given one is f32 [1]
    Zero,    // pointer, u8 [1]; read with a given scale
    Factors, // pointer, f32 [Length]
    NumWords
  };
  SizeExpr numTasks(const SizeExpr &rows) const { return numRowTasks(length, rows); }
  /// A row that is stored in bytes only is in f32 there meanwhile.
  int64_t scratchBytes() const { return writesFloats ? 0 : length * static_cast<int64_t>(sizeof(float)); }
};
void buildNorm(KernelBuilder &k, llvm::StringRef name, const NormSpec &spec);

/// y = softmax(x), or its logarithm. Y may be X.
struct SoftmaxSpec {
  int64_t length = 0;
  bool logarithm = false;

  enum Word : unsigned { X, Y, Rows, Length, NumWords };
  SizeExpr numTasks(const SizeExpr &rows) const { return numRowTasks(length, rows); }
  int64_t scratchBytes() const { return 0; }
};
void buildSoftmax(KernelBuilder &k, llvm::StringRef name, const SoftmaxSpec &spec);

/// y[row] = finish(combine over the row of element(x)). A row of no elements gives 0 for a sum, 1 for a product, NaN
/// for a mean, and -infinity or infinity for a maximum or minimum.
struct ReduceSpec {
  enum class Kind { Sum, Mean, Max, Min, Product };
  int64_t length = 0;
  Kind kind = Kind::Sum;
  Epilogue element, finish; // absent: the value itself; no extra operands

  enum Word : unsigned { X, Y, Rows, Length, NumWords };
  SizeExpr numTasks(const SizeExpr &rows) const { return numRowTasks(length, rows); }
  int64_t scratchBytes() const { return 0; }
};
void buildReduce(KernelBuilder &k, llvm::StringRef name, const ReduceSpec &spec);

/// Unsigned bytes of a row and its scale: with m the greatest magnitude in the row,
///
///   scale = m / 127,  y = clamp(roundHalfEven(x * f32(1 / scale)) + 128, 0, 255)
///
/// so that x is (y - 128) * scale to half a step. A row of zeros has scale 0 and bytes of 128. Where a row has a NaN,
/// its scale is one and all bytes are 128; where it has an infinity, its scale is infinite and all bytes are 128.
/// With another zero point z the scale is max(greatest / (255 - z), -least / z), the greatest and the least with 0.
/// Or with a scale and a zero point that are given. With factors x is the element times its column's factor.
struct QuantizeRowsSpec {
  static constexpr int zeroPoint = 128;
  int64_t length = 0;
  QuantizedRows quantized;

  enum Word : unsigned {
    X,       // pointer, f32 [Rows][Length]
    Y,       // pointer, u8 [Rows][rowStride]
    Scale,   // pointer, f32 [Rows], written; a given one is f32 [1]
    Zero,    // pointer, u8 [1]; read with a given scale
    Rows,    // integer
    Factors, // pointer, f32 [Length]
    NumWords
  };
  SizeExpr numTasks(const SizeExpr &rows) const { return numRowTasks(length, rows); }
};
void buildQuantizeRows(KernelBuilder &k, llvm::StringRef name, const QuantizeRowsSpec &spec);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_ROWKERNELS_H
