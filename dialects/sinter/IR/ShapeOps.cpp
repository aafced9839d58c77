//===- ShapeOps.cpp - Rearrangements of elements -------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/PlainNumbers.h"
#include "dialects/sinter/IR/Sinter.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sinter;

//===----------------------------------------------------------------------===//
// reshape
//===----------------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  // reshape C1
  if (getElementType(getInput()) != getElementType(getResult()))
    return emitOpError("C1: the element type changes");
  SizeExpr before = getNumElements(getInput().getType()), after = getNumElements(getResult().getType());
  if (SizeExpr::provedDifferent(before, after))
    return emitOpError() << "C1: " << before.str() << " elements cannot become " << after.str();
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  if (auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getInput()))
    if (getResult().getType().hasStaticShape())
      return elements.reshape(getResult().getType());
  return {};
}

namespace {
struct MergeReshapes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto first = op.getInput().getDefiningOp<ReshapeOp>();
    if (!first)
      return rewriter.notifyMatchFailure(op, "the operand is no reshape");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), first.getInput());
    return success();
  }
};
} // namespace

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<MergeReshapes>(context);
}

//===----------------------------------------------------------------------===//
// broadcast
//===----------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  // broadcast C1
  if (getElementType(getInput()) != getElementType(getResult()))
    return emitOpError("C1: the element type changes");
  Sizes from = getSizes(getInput()), to = getSizes(getResult());
  std::optional<Sizes> both = broadcastSizes(from, to);
  if (!both || *both != to)
    return emitOpError() << "C1: sizes " << printSizes(from) << " do not broadcast to " << printSizes(to);
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  if (auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getInput()))
    if (elements.isSplat() && getResult().getType().hasStaticShape())
      return elements.resizeSplat(getResult().getType());
  return {};
}

//===----------------------------------------------------------------------===//
// transpose
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  Sizes sizes = getSizes(adaptor.getInput()), result;
  // transpose C1
  ArrayRef<int64_t> permutation = adaptor.getPermutation();
  if (permutation.size() != sizes.size() || !isPermutationVector(permutation))
    return emitOptionalError(loc, "C1: not a permutation of ", sizes.size(), " dimensions");
  for (int64_t axis : permutation)
    result.push_back(sizes[axis]);
  types.push_back(getTensorType(result, getElementType(adaptor.getInput())));
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [i, axis] : llvm::enumerate(getPermutation()))
    if (static_cast<int64_t>(i) != axis)
      return {};
  return getInput();
}

namespace {
struct MergeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto first = op.getInput().getDefiningOp<TransposeOp>();
    if (!first)
      return rewriter.notifyMatchFailure(op, "the operand is no transpose");
    SmallVector<int64_t> permutation;
    for (int64_t axis : op.getPermutation())
      permutation.push_back(first.getPermutation()[axis]);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, first.getInput(), permutation);
    return success();
  }
};
} // namespace

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<MergeTransposes>(context);
}

//===----------------------------------------------------------------------===//
// concat
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  // concat C1
  ValueRange inputs = adaptor.getInputs();
  if (inputs.empty())
    return emitOptionalError(loc, "C1: nothing to join");
  Sizes sizes = getSizes(inputs[0]);
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= static_cast<int64_t>(sizes.size()))
    return emitOptionalError(loc, "C1: axis ", axis, " of a tensor of rank ", sizes.size());
  // concat C2
  for (Value input : inputs.drop_front()) {
    Sizes other = getSizes(input);
    if (getElementType(input) != getElementType(inputs[0]))
      return emitOptionalError(loc, "C2: element types ", getElementType(inputs[0]), " and ", getElementType(input),
                               " differ");
    if (other.size() != sizes.size())
      return emitOptionalError(loc, "C2: ranks ", sizes.size(), " and ", other.size(), " differ");
    for (size_t i = 0; i < sizes.size(); ++i)
      if (static_cast<int64_t>(i) != axis && sizes[i] != other[i])
        return emitOptionalError(loc, "C2: sizes ", sizes[i].str(), " and ", other[i].str(), " of dimension ", i,
                                 " differ");
    sizes[axis] = sizes[axis] + other[axis];
  }
  types.push_back(getTensorType(sizes, getElementType(inputs[0])));
  return success();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? OpFoldResult(getInputs()[0]) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// slice
//===----------------------------------------------------------------------===//

LogicalResult SliceOp::verify() {
  Sizes from = getSizes(getInput()), to = getSizes(getResult());
  SmallVector<SizeExpr> starts = getStarts().getSizes(), steps = getSteps().getSizes();
  // slice C1
  if (getElementType(getInput()) != getElementType(getResult()) || from.size() != to.size())
    return emitOpError("C1: element type and rank stay");
  if (starts.size() != from.size() || steps.size() != from.size())
    return emitOpError() << "C1: " << starts.size() << " starts and " << steps.size() << " steps for rank "
                         << from.size();
  // slice C2
  for (size_t i = 0; i < from.size(); ++i) {
    if (steps[i].isConstant(0))
      return emitOpError() << "C2: the step of dimension " << i << " is 0";
    std::optional<int64_t> start = starts[i].constant(), step = steps[i].constant(), size = to[i].constant(),
                           limit = from[i].constant();
    if (!start || !step || !size || !limit || *size == 0)
      continue;
    int64_t last;
    if (llvm::MulOverflow(*size - 1, *step, last) || llvm::AddOverflow(*start, last, last))
      return emitOpError() << "C2: " << *size << " elements by " << *step << " of " << *limit << " in dimension " << i;
    if (*start < 0 || *start >= *limit || last < 0 || last >= *limit)
      return emitOpError() << "C2: elements " << *start << " to " << last << " of " << *limit << " in dimension " << i;
  }
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getInput().getType() != getResult().getType())
    return {};
  for (const SizeExpr &start : getStarts().getSizes())
    if (!start.isConstant(0))
      return {};
  for (const SizeExpr &step : getSteps().getSizes())
    if (!step.isConstant(1))
      return {};
  return getInput();
}

//===----------------------------------------------------------------------===//
// pad and range
//===----------------------------------------------------------------------===//

LogicalResult PadOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  Sizes sizes = getSizes(adaptor.getInput());
  SmallVector<SizeExpr> low = adaptor.getLow().getSizes(), high = adaptor.getHigh().getSizes();
  // pad C1
  if (low.size() != sizes.size() || high.size() != sizes.size())
    return emitOptionalError(loc, "C1: ", low.size(), " low and ", high.size(), " high for rank ", sizes.size());
  // pad C2
  Type elementType = getElementType(adaptor.getInput());
  if (Value value = adaptor.getValue())
    if (adaptor.getMode() != PadMode::constant || value.getType() != RankedTensorType::get({}, elementType))
      return emitOptionalError(loc, "C2: a value is a scalar of type ", elementType, ", for mode constant");
  for (size_t i = 0; i < sizes.size(); ++i)
    sizes[i] = sizes[i] + low[i] + high[i];
  types.push_back(getTensorType(sizes, elementType));
  return success();
}

LogicalResult RangeOp::verify() {
  // range C1
  if (getRank(getStart()) != 0 || getRank(getDelta()) != 0 || getRank(getResult()) != 1 ||
      getElementType(getStart()) != getElementType(getResult()) ||
      getElementType(getDelta()) != getElementType(getResult()))
    return emitOpError("C1: scalars and a result of rank 1, of one element type");
  return success();
}
