//===- Formula.cpp - ONNX operators as several sinter ops ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

Value Formula::positions(const SizeExpr &length, int64_t axis, int64_t rank) {
  Value range = node.createSized<RangeOp>(getTensorType(length, i64()), node.integerScalar(0, i64()),
                                          node.integerScalar(1, i64()));
  Sizes sizes(rank, SizeExpr(1));
  sizes[axis] = length;
  return node.reshape(range, sizes);
}

Value Formula::asScalar(Value x, StringRef what) {
  if (!x || getRank(x) == 0)
    return x;
  if (failed(node.unify(getNumElements(x.getType()), 1, what)))
    return {};
  return node.reshape(x, {});
}
