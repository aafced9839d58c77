//===- Gather.cpp - Elements at positions that are data -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Importer.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

/// What it says about sizes that positions below `limit` lie in a dimension: a
/// table of 512 rows bounds a symbol; two symbols are one size, as in a mask of
/// s12 columns that is read at positions below s21.
static LogicalResult checkPositions(NodeContext &node, const std::optional<SizeExpr> &limit, const SizeExpr &size) {
  if (!limit || (size - *limit).isAtLeast(0))
    return success();
  if (std::optional<int64_t> number = size.constant()) {
    node.bound(*limit, *number);
    return success();
  }
  if (limit->asSymbol() && size.asSymbol() && !SizeExpr::isValueSymbol(*limit->asSymbol()))
    return node.unify(*limit, size, "positions below " + limit->str() + " in a dimension of " + size.str());
  return success();
}

static LogicalResult importGather(NodeContext &node) {
  Value data = node.operand(0), indices = node.operand(1);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", 0), getRank(data));
  if (failed(axis) || failed(checkPositions(node, node.getElementLimit(indices), getSize(data, *axis))))
    return failure();
  Value result = node.create<GatherOp>(data, indices, *axis);
  if (!result)
    return failure();
  // Numbers as positions in a vector of known integers: one size of a shape.
  std::optional<KnownIntegers> elements = node.getKnownIntegers(data);
  std::optional<SmallVector<int64_t>> positions = node.getConstantIntegers(indices);
  if (positions)
    for (int64_t position : *positions) {
      // No tensor is so long that the least or the greatest number is a position in it.
      int64_t needed = position < 0 ? -std::max(position, -INT64_MAX) : std::min(position, INT64_MAX - 1) + 1;
      if (std::optional<int64_t> size = getSize(data, *axis).constant(); size && needed > *size)
        return node.malformed("position " + Twine(position) + " of " + Twine(*size));
      node.boundBelow(getSize(data, *axis), needed);
    }
  if (elements && positions && getRank(data) == 1) {
    KnownIntegers chosen;
    int64_t length = elements->size();
    for (int64_t position : *positions) {
      chosen.push_back((*elements)[position < 0 ? position + length : position]);
    }
    result = node.setKnownIntegers(result, chosen);
  }
  if (std::optional<SizeExpr> limit = node.getElementLimit(data))
    node.setElementLimit(result, *limit);
  return node.setResult(0, result);
}

static LogicalResult importGatherElements(NodeContext &node) {
  Value data = node.operand(0), indices = node.operand(1);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", 0), getRank(data));
  if (failed(axis) || failed(checkPositions(node, node.getElementLimit(indices), getSize(data, *axis))))
    return failure();
  return node.setResult(0, node.create<GatherElementsOp>(data, indices, *axis));
}

static LogicalResult importGatherNd(NodeContext &node) {
  Value data = node.operand(0), indices = node.operand(1);
  int64_t shared = node.getInt("batch_dims", 0);
  Sizes sizes = getSizes(data), indexSizes = getSizes(indices);
  if (shared < 0 || shared >= static_cast<int64_t>(std::min(sizes.size(), indexSizes.size())))
    return node.malformed(Twine(shared) + " shared dimensions of ranks " + Twine(sizes.size()) + " and " +
                          Twine(indexSizes.size()));
  for (int64_t i = 0; i < shared; ++i)
    if (failed(node.unify(sizes[i], indexSizes[i], "shared dimension " + Twine(i))))
      return failure();
  std::optional<int64_t> length = indexSizes.back().constant();
  for (int64_t i = 0; length && i < *length && shared + i < static_cast<int64_t>(sizes.size()); ++i)
    if (failed(checkPositions(node, node.getElementLimit(indices, i), sizes[shared + i])))
      return failure();
  return node.setResult(0, node.create<GatherNdOp>(data, indices, shared));
}

static const OpRow rows[] = {
    {"Gather", 1, importGather, 2, 2},
    {"GatherElements", 11, importGatherElements, 2, 2},
    {"GatherND", 11, importGatherNd, 2, 2},
};

ArrayRef<OpRow> sinter::onnx::getGatherRows() { return rows; }
