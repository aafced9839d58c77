//===- Scatter.cpp - Copies with some elements replaced ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

using Kind = ElementwiseKind;

static FailureOr<ScatterKind> getKind(NodeContext &node) {
  std::string reduction = node.getString("reduction", "none");
  if (reduction == "none")
    return ScatterKind::replace;
  if (std::optional<ScatterKind> kind = symbolizeScatterKind(reduction))
    if (*kind != ScatterKind::replace)
      return *kind;
  return node.malformed("reduction is '" + reduction + "', required none, add, mul, max or min");
}

/// Calls `scatter` for a tensor whose elements can be combined: truth values are,
/// as the integers 0 and 1, combined by their maximum (or) and minimum (and).
static LogicalResult combine(NodeContext &node, ScatterKind kind,
                             function_ref<Value(ScatterKind kind, Value data, Value updates)> scatter) {
  Formula f(node);
  Value data = node.operand(0), updates = node.operand(2);
  mlir::Type type = getElementType(data);
  if (!type.isInteger(1) || kind == ScatterKind::replace)
    return f.finish(scatter(kind, data, updates));
  bool isOr = kind == ScatterKind::add || kind == ScatterKind::max;
  mlir::Type bytes = f.unsignedInteger(8);
  Value result = scatter(isOr ? ScatterKind::max : ScatterKind::min, node.cast(data, bytes), node.cast(updates, bytes));
  return f.finish(node.cast(result, type));
}

static LogicalResult importScatterElements(NodeContext &node) {
  Value indices = node.operand(1);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", 0), getRank(node.operand(0)));
  FailureOr<ScatterKind> kind = getKind(node);
  if (failed(axis) || failed(kind) ||
      failed(node.unify(getSizes(indices), getSizes(node.operand(2)), "indices and updates")))
    return failure();
  return combine(node, *kind, [&](ScatterKind kind, Value data, Value updates) {
    return node.create<ScatterElementsOp>(kind, data, indices, updates, *axis);
  });
}

static LogicalResult importScatterNd(NodeContext &node) {
  Value data = node.operand(0), indices = node.operand(1);
  Sizes dataSizes = getSizes(data), indexSizes = getSizes(indices);
  FailureOr<ScatterKind> kind = getKind(node);
  if (failed(kind))
    return failure();
  if (indexSizes.empty())
    return node.malformed("the indices have rank 0, required at least 1");
  std::optional<int64_t> length = indexSizes.back().constant();
  if (!length)
    return node.fail("the last size of the indices is " + indexSizes.back().str() + ", which is not a number");
  if (*length > static_cast<int64_t>(dataSizes.size()))
    return node.malformed("indices of length " + Twine(*length) + " into data of rank " + Twine(dataSizes.size()));
  Sizes expected(indexSizes.begin(), indexSizes.end() - 1);
  expected.append(dataSizes.begin() + *length, dataSizes.end());
  if (failed(node.unify(getSizes(node.operand(2)), expected, "updates")))
    return failure();
  return combine(node, *kind, [&](ScatterKind kind, Value data, Value updates) {
    return node.create<ScatterNdOp>(kind, data, indices, updates);
  });
}

/// Element i of each update goes to position `write_indices[batch] + i` along the axis, which wraps around in circular
/// mode. A position outside is found as every scatter finds it.
static LogicalResult importTensorScatter(NodeContext &node) {
  Formula f(node);
  Value cache = node.operand(0), update = node.operand(1), start = node.operand(2);
  std::string mode = node.getString("mode", "linear");
  int64_t rank = getRank(cache);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", -2), rank);
  if (failed(axis))
    return failure();
  if (mode != "linear" && mode != "circular")
    return node.malformed("mode is '" + mode + "', required linear or circular");
  if (*axis == 0)
    return node.malformed("axis 0 is that of the batch");
  Sizes sizes = getSizes(cache), updateSizes = getSizes(update);
  SizeExpr capacity = sizes[*axis], length = updateSizes.size() == sizes.size() ? updateSizes[*axis] : capacity;
  sizes[*axis] = length;
  if (failed(node.unify(updateSizes, sizes, "update and cache")))
    return failure();
  Value positions = f.positions(length, *axis, rank);
  if (start) {
    if (failed(node.unify(getSizes(start), sizes[0], "write indices")))
      return failure();
    Sizes column(rank, SizeExpr(1));
    column[0] = sizes[0];
    positions = f.add(node.reshape(start, column), positions);
  }
  if (mode == "circular")
    positions = f.binary(Kind::mod, positions, f.size(capacity, f.i64()));
  return f.finish(node.create<ScatterElementsOp>(ScatterKind::replace, cache, node.broadcastTo(positions, updateSizes),
                                                 update, *axis));
}

static const OpRow rows[] = {
    {"Scatter", 9, importScatterElements, 3, 3},
    {"ScatterElements", 11, importScatterElements, 3, 3},
    {"ScatterND", 11, importScatterNd, 3, 3},
    {"TensorScatter", 24, importTensorScatter, 2, 3},
};

ArrayRef<OpRow> sinter::onnx::getScatterRows() { return rows; }
