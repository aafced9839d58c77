//===- StridedView.cpp - Values that are other values, read with other strides -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/StridedView.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

StridedView StridedView::contiguous(Value base) {
  StridedView view{base, 0, getSizes(base), {}};
  view.strides.assign(view.sizes.size(), 1);
  for (size_t i = view.sizes.size(); i-- > 1;)
    view.strides[i - 1] = view.strides[i] * view.sizes[i];
  return view;
}

std::optional<SizeExpr> StridedView::collapse(size_t first, size_t last) const {
  std::optional<SizeExpr> stride;
  SizeExpr expected;
  for (size_t i = last; i-- > first;) {
    if (sizes[i].isConstant(1))
      continue;
    if (!stride)
      stride = strides[i];
    else if (strides[i] != expected)
      return std::nullopt;
    expected = strides[i] * sizes[i];
  }
  return stride.value_or(SizeExpr(1));
}

bool StridedView::isContiguous() const { return offset.isConstant(0) && collapse(0, sizes.size()) == SizeExpr(1); }

bool cpu::isViewOp(Operation *op) { return isa<ReshapeOp, TransposeOp, BroadcastOp, SliceOp, StorageCastOp>(op); }

/// The strides of the same elements under other sizes.
static std::optional<Sizes> reshapeStrides(const StridedView &view, ArrayRef<SizeExpr> to) {
  // Runs of dimensions that lie as one, outermost first.
  struct Run {
    SizeExpr size, stride;
  };
  SmallVector<Run> runs;
  for (auto [size, stride] : llvm::zip_equal(view.sizes, view.strides)) {
    if (size.isConstant(1))
      continue;
    if (!runs.empty() && runs.back().stride == stride * size)
      runs.back() = {runs.back().size * size, stride};
    else
      runs.push_back({size, stride});
  }
  Sizes strides(to.size(), 0);
  size_t j = to.size();
  for (const Run &run : llvm::reverse(runs)) {
    SizeExpr left = run.size, stride = run.stride;
    while (!left.isConstant(1)) {
      while (j > 0 && to[j - 1].isConstant(1))
        --j;
      if (j == 0)
        return std::nullopt;
      std::optional<SizeExpr> rest = SizeExpr::exactDiv(left, to[j - 1]);
      if (!rest)
        return std::nullopt;
      strides[--j] = stride;
      stride = stride * to[j];
      left = *rest;
    }
  }
  while (j > 0)
    if (!to[--j].isConstant(1))
      return std::nullopt;
  return strides;
}

std::optional<StridedView> cpu::getStridedView(Value value, llvm::function_ref<bool(Value)> isBase) {
  Operation *op = value.getDefiningOp();
  if (!op || isBase(value) || !isViewOp(op))
    return StridedView::contiguous(value);
  std::optional<StridedView> view = getStridedView(op->getOperand(0), isBase);
  if (!view)
    return std::nullopt;
  StridedView result{view->base, view->offset, getSizes(value), {}};
  if (auto transpose = dyn_cast<TransposeOp>(op)) {
    for (int64_t axis : transpose.getPermutation())
      result.strides.push_back(view->strides[axis]);
  } else if (auto slice = dyn_cast<SliceOp>(op)) {
    for (auto [stride, start, step] :
         llvm::zip_equal(view->strides, slice.getStarts().getSizes(), slice.getSteps().getSizes())) {
      result.offset = result.offset + start * stride;
      result.strides.push_back(stride * step);
    }
  } else if (isa<BroadcastOp>(op)) {
    size_t added = result.sizes.size() - view->sizes.size();
    result.strides.assign(added, 0);
    for (auto [i, stride] : llvm::enumerate(view->strides))
      result.strides.push_back(view->sizes[i] == result.sizes[added + i] ? stride : SizeExpr(0));
  } else if (isa<StorageCastOp>(op)) {
    result.strides = view->strides;
  } else {
    std::optional<Sizes> strides = reshapeStrides(*view, result.sizes);
    if (!strides)
      return std::nullopt;
    result.strides = *strides;
  }
  return result;
}
