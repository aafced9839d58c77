//===- WeightMatrix.h - The zeros of weights -----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes need to know of the numbers in a weight: where it is zero. A weight
// that lies in its file as it is, or transposed, is looked at there; what a recipe
// makes of weights is computed by the interpreter, which takes long, where it
// concerns zeros.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_LIB_SPARSITY_WEIGHTMATRIX_H
#define SINTER_LIB_SPARSITY_WEIGHTMATRIX_H

#include "lib/Weights/WeightFiles.h"

#include <memory>
#include <optional>

namespace sinter {

/// A matrix of f32.
struct WeightMatrix {
  int64_t rows = 0, columns = 0, rowStride = 0, columnStride = 0;
  const float *data = nullptr;
  /// Where it was computed.
  std::shared_ptr<HostTensor> values;

  float at(int64_t row, int64_t column) const { return data[row * rowStride + column * columnStride]; }

  /// Blocks with something besides zeros; the last ones may be shorter.
  int64_t countBlocks(int64_t blockRows, int64_t blockColumns) const;
  /// Whether each `of` elements that follow one another in a column have at most `keep` that are not zero, and some
  /// element is zero; the last may be fewer.
  bool hasGroups(int64_t keep, int64_t of) const;
  bool hasZeroRow() const;
  bool hasZeroColumn() const;
};

class WeightReader {
public:
  /// `module` outlives it.
  static llvm::Expected<WeightReader> open(mlir::ModuleOp module, llvm::StringRef folder, llvm::StringRef calibration);

  /// A matrix of f32 that follows from weights; none where it is neither in a file nor made by `sinter.prune` or
  /// `sinter.compress`: what other recipes make of weights would take long to compute.
  llvm::Expected<std::optional<WeightMatrix>> readMatrix(mlir::Value value) const;
  /// Anything that follows from weights and constants.
  llvm::Expected<HostTensor> evaluate(mlir::Value value) const;

private:
  explicit WeightReader(WeightFiles files) : files(std::move(files)) {}

  WeightFiles files;
};

} // namespace sinter

#endif // SINTER_LIB_SPARSITY_WEIGHTMATRIX_H
