//===- Matmul.cpp - Products of matrices ----------------------------------===//
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

static LogicalResult importMatmul(NodeContext &node) {
  Value lhs = node.operand(0), rhs = node.operand(1);
  Sizes left = getSizes(lhs), right = getSizes(rhs);
  if (left.empty() || right.empty())
    return node.malformed("a product with a scalar");
  // A vector is a row on the left and a column on the right; that dimension goes afterwards.
  bool isRow = left.size() == 1, isColumn = right.size() == 1;
  if (isRow)
    lhs = node.reshape(lhs, left = Sizes{1, left[0]});
  if (isColumn)
    rhs = node.reshape(rhs, right = Sizes{right[0], 1});
  if (failed(node.unify(left.back(), right[right.size() - 2], "the product's inner sizes")))
    return failure();
  ArrayRef<SizeExpr> leftAll = left, rightAll = right;
  FailureOr<Sizes> sizes = node.broadcast(leftAll.drop_back(2), rightAll.drop_back(2));
  if (failed(sizes))
    return failure();
  Value result = node.create<MatmulOp>(lhs, rhs);
  if (isRow || isColumn) {
    if (!isRow)
      sizes->push_back(left[left.size() - 2]);
    if (!isColumn)
      sizes->push_back(right.back());
    result = node.reshape(result, *sizes);
  }
  return node.setResult(0, result);
}

/// alpha * A' * B' + beta * C, where ' is an optional transposition.
static LogicalResult importGemm(NodeContext &node) {
  Value a = node.operand(0), b = node.operand(1), c = node.operand(2);
  double alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  bool transA = node.getInt("transA", 0), transB = node.getInt("transB", 0);
  if (getRank(a) != 2 || getRank(b) != 2)
    return node.malformed("ranks " + Twine(getRank(a)) + " and " + Twine(getRank(b)) + ", required 2");
  mlir::Type elementType = getElementType(a);
  if ((alpha != 1 || (c && beta != 1)) && !isa<FloatType>(elementType))
    return node.fail("integers scaled by alpha or beta");
  if (transA)
    a = node.transpose(a, {1, 0});
  if (transB)
    b = node.transpose(b, {1, 0});
  if (!a || !b || failed(node.unify(getSize(a, 1), getSize(b, 0), "the product's inner sizes")))
    return failure();
  Value result = node.create<MatmulOp>(a, b);
  if (alpha != 1)
    result = node.elementwise(ElementwiseKind::mul, result, alpha);
  if (!c || !result)
    return node.setResult(0, result);
  if (getRank(c) > 2)
    return node.malformed("C has rank " + Twine(getRank(c)) + ", required at most 2");
  if (beta != 1)
    c = node.elementwise(ElementwiseKind::mul, c, beta);
  return node.setResult(0, node.elementwise(ElementwiseKind::add, {result, c}));
}

static const OpRow rows[] = {
    {"Gemm", 7, importGemm, 2, 3},
    {"MatMul", 1, importMatmul, 2, 2},
};

ArrayRef<OpRow> sinter::onnx::getMatmulRows() { return rows; }
