//===- Softmax.cpp - Softmax and its relatives ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Before version 13 the input is seen as a matrix: the dimensions before `axis`
// are its rows, those from `axis` on its columns.
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

/// A function of a tensor along one of its dimensions.
using AlongAxis = Value (*)(Formula &f, Value x, int64_t axis);

template <AlongAxis function> static LogicalResult importAlongAxis(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", -1), getRank(x));
  return failed(axis) ? failure() : f.finish(function(f, x, *axis));
}

template <AlongAxis function> static LogicalResult importAlongColumns(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", 1), getRank(x));
  if (failed(axis))
    return failure();
  Sizes sizes = getSizes(x);
  Sizes joined(sizes.begin(), sizes.begin() + *axis);
  joined.push_back(SizeExpr::product(ArrayRef(sizes).drop_front(*axis)));
  if (joined.size() == sizes.size())
    return f.finish(function(f, x, *axis));
  return f.finish(node.reshape(function(f, node.reshape(x, joined), *axis), sizes));
}

template <bool log> static Value softmax(Formula &f, Value x, int64_t axis) {
  return f.node.create<SoftmaxOp>(x, axis, log);
}

/// 1 at the first greatest element, else 0.
static Value hardmax(Formula &f, Value x, int64_t axis) {
  if (!x)
    return {};
  Value greatest = f.node.create<ArgReduceOp>(ArgReduceKind::max, x, axis, /*keep_dims=*/true, /*last=*/false);
  Value positions = f.positions(getSize(x, axis), axis, getRank(x));
  return f.node.cast(f.binary(ElementwiseKind::equal, positions, greatest), getElementType(x));
}

static const OpRow rows[] = {
    {"Hardmax", 1, importAlongColumns<hardmax>, 1, 1},
    {"Hardmax", 13, importAlongAxis<hardmax>, 1, 1},
    {"LogSoftmax", 1, importAlongColumns<softmax<true>>, 1, 1},
    {"LogSoftmax", 13, importAlongAxis<softmax<true>>, 1, 1},
    {"Softmax", 1, importAlongColumns<softmax<false>>, 1, 1},
    {"Softmax", 13, importAlongAxis<softmax<false>>, 1, 1},
};

ArrayRef<OpRow> sinter::onnx::getSoftmaxRows() { return rows; }
