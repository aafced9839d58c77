//===- StridedView.h - Values that are other values, read with other strides -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A transpose, a slice, a broadcast and most reshapes move nothing: element
// (i, j, ...) of the result is element offset + i * strides[0] + j * strides[1] ...
// of a tensor that is in memory already. Kernels read such operands in place.
//
//   %0 = reshape %x : [batch * seq, 384] -> [batch, seq, 12, 32]
//   %1 = transpose %0 [0, 2, 1, 3]
//   strides of %1 in %x: [384 * seq, 32, 384, 1]
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_TRANSFORMS_STRIDEDVIEW_H
#define SINTER_TARGETS_CPU_TRANSFORMS_STRIDEDVIEW_H

#include "dialects/sinter/IR/Sinter.h"

namespace sinter::cpu {

struct StridedView {
  mlir::Value base;
  /// In elements of the base, which is contiguous and row-major.
  SizeExpr offset;
  Sizes sizes, strides;

  static StridedView contiguous(mlir::Value base);
  bool isContiguous() const;
  /// The stride of dimensions [first, last) seen as one, where they can be; 1 if all have one element.
  std::optional<SizeExpr> collapse(size_t first, size_t last) const;
};

/// Whether the op only rearranges what is in memory already, as far as its type goes.
bool isViewOp(mlir::Operation *op);
/// `value` as a view of the first value up its chain of view ops for which `isBase` holds, or that no view op defines.
/// None where a reshape on the way needs a copy.
std::optional<StridedView> getStridedView(mlir::Value value, llvm::function_ref<bool(mlir::Value)> isBase);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_TRANSFORMS_STRIDEDVIEW_H
