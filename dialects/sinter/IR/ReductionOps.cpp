//===- ReductionOps.cpp - Many elements to one ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/PlainNumbers.h"
#include "dialects/sinter/IR/Sinter.h"

using namespace mlir;
using namespace sinter;

static Sizes removeAxes(Sizes sizes, ArrayRef<int64_t> axes, bool keepDims) {
  for (int64_t axis : llvm::reverse(axes)) {
    if (keepDims)
      sizes[axis] = 1;
    else
      sizes.erase(sizes.begin() + axis);
  }
  return sizes;
}

static bool isAxis(int64_t axis, Value tensor) { return axis >= 0 && axis < getRank(tensor); }

/// C1 of the ops that work along one axis.
static LogicalResult verifyAxis(std::optional<Location> loc, int64_t axis, Value tensor) {
  return isAxis(axis, tensor) ? success()
                              : emitOptionalError(loc, "C1: axis ", axis, " of a tensor of rank ", getRank(tensor));
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  // reduce C1
  ArrayRef<int64_t> axes = adaptor.getAxes();
  for (size_t i = 0; i < axes.size(); ++i)
    if (!isAxis(axes[i], adaptor.getInput()) || (i && axes[i] <= axes[i - 1]))
      return emitOptionalError(loc, "C1: axes of a tensor of rank ", getRank(adaptor.getInput()),
                               " that are not increasing dimensions");
  types.push_back(getTensorType(removeAxes(getSizes(adaptor.getInput()), axes, adaptor.getKeepDims()),
                                getElementType(adaptor.getInput())));
  return success();
}

LogicalResult ArgReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  // arg_reduce C1
  int64_t axis = adaptor.getAxis();
  if (failed(verifyAxis(loc, axis, adaptor.getInput())))
    return failure();
  types.push_back(getTensorType(removeAxes(getSizes(adaptor.getInput()), axis, adaptor.getKeepDims()),
                                IntegerType::get(context, 64)));
  return success();
}

LogicalResult CumulativeSumOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                                SmallVectorImpl<Type> &types) {
  // cumulative_sum C1
  if (failed(verifyAxis(loc, adaptor.getAxis(), adaptor.getInput())))
    return failure();
  types.push_back(adaptor.getInput().getType());
  return success();
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  // softmax C1
  if (failed(verifyAxis(loc, adaptor.getAxis(), adaptor.getInput())))
    return failure();
  types.push_back(adaptor.getInput().getType());
  return success();
}
