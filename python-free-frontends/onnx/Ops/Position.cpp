//===- Position.cpp - Tensors that depend on the positions of their elements ===//
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

/// column - row of each element of a matrix: nothing is added to what a model gives, which might not fit 64 bits.
static Value getDiagonal(Formula &f, const SizeExpr &rows, const SizeExpr &columns) {
  return f.sub(f.positions(columns, 1, 2), f.positions(rows, 0, 2));
}

/// Keeps the upper or lower triangle of the last two dimensions: column - row
/// is at least, or at most, `k`, which a run may decide.
static LogicalResult importTrilu(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  int64_t rank = getRank(x);
  if (rank < 2)
    return node.malformed("the input has rank " + Twine(rank) + ", required at least 2");
  bool upper = node.getInt("upper", 1) != 0;
  Value diagonal = getDiagonal(f, getSize(x, rank - 2), getSize(x, rank - 1));
  Value k = node.operand(1);
  k = k ? node.cast(f.asScalar(k, "k"), f.i64()) : node.integerScalar(0, f.i64());
  Value stays = f.binary(upper ? Kind::greater_equal : Kind::less_equal, diagonal, k);
  return f.finish(f.select(stays, x, node.scalar(0, getElementType(x))));
}

static LogicalResult importEyeLike(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  if (getRank(x) != 2)
    return node.malformed("the input has rank " + Twine(getRank(x)) + ", required 2");
  mlir::Type type = getElementType(x);
  if (node.hasAttribute("dtype"))
    type = node.getElementTypeAttribute("dtype", DataType::Float);
  if (!type)
    return failure();
  Value diagonal = getDiagonal(f, getSize(x, 0), getSize(x, 1));
  Value isOne = f.binary(Kind::equal, diagonal, node.integerScalar(node.getInt("k", 0), f.i64()));
  return f.finish(node.cast(isOne, type));
}

/// `values` holds what is off and what is on. Indices of any type become
/// integers; since version 11 they may count from the end.
template <bool countsFromEnd> static LogicalResult importOneHot(NodeContext &node) {
  Formula f(node);
  Value indices = node.operand(0), values = node.operand(2);
  int64_t rank = getRank(indices);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", -1), rank + 1);
  if (failed(axis) || failed(node.unify(getSizes(values), SizeExpr(2), "values, which are off and on")))
    return failure();
  std::optional<KnownIntegers> known = node.getKnownTruncated(node.operand(1));
  if (!known || known->size() != 1)
    return node.fail("depth is computed at run time", "export the model with a constant depth");
  SizeExpr depth = known->front();

  Value wanted = node.cast(indices, f.i64());
  if (countsFromEnd)
    wanted = f.select(f.binary(Kind::less, wanted, node.integerScalar(0, f.i64())),
                      f.add(wanted, f.size(depth, f.i64())), wanted);
  Sizes sizes = getSizes(indices);
  sizes.insert(sizes.begin() + *axis, SizeExpr(1));
  Value isOn = f.binary(Kind::equal, f.positions(depth, *axis, rank + 1), node.reshape(wanted, sizes));
  Value off = node.reshape(node.slice(values, 0, 0, 1), {}), on = node.reshape(node.slice(values, 0, 1, 1), {});
  return f.finish(f.select(isOn, on, off));
}

static const OpRow rows[] = {
    {"EyeLike", 9, importEyeLike, 1, 1},
    {"OneHot", 9, importOneHot<false>, 3, 3},
    {"OneHot", 11, importOneHot<true>, 3, 3},
    {"Trilu", 14, importTrilu, 1, 2},
};

ArrayRef<OpRow> sinter::onnx::getPositionRows() { return rows; }
