//===- RecognizeRotary.cpp - Rotary position embedding from its formula ===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "dialects/sinter/Transforms/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace sinter {
#define GEN_PASS_DEF_RECOGNIZEROTARYPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// The slice that takes all of every dimension but the last, and there `size` elements from `start`.
bool isPart(Value value, Value whole, int64_t start, int64_t size) {
  auto slice = value.getDefiningOp<SliceOp>();
  if (!slice || slice.getInput() != whole)
    return false;
  Sizes sizes = getSizes(whole);
  sizes.back() = size;
  SmallVector<SizeExpr> starts = slice.getStarts().getSizes();
  if (getSizes(value) != sizes || !starts.back().isConstant(start))
    return false;
  return llvm::all_of(ArrayRef(starts).drop_back(), [](const SizeExpr &start) { return start.isConstant(0); }) &&
         llvm::all_of(slice.getSteps().getSizes(), [](const SizeExpr &step) { return step.isConstant(1); });
}

/// concat(-x[half:], x[:half]): what the sines are multiplied by. Null where the value is not that; else x.
Value matchRotatedHalf(Value value) {
  auto concat = value.getDefiningOp<ConcatOp>();
  if (!concat || concat.getInputs().size() != 2 || static_cast<int64_t>(concat.getAxis()) != getRank(value) - 1)
    return {};
  ElementwiseOp negated = getElementwise(concat.getInputs()[0], ElementwiseKind::neg);
  auto first = concat.getInputs()[1].getDefiningOp<SliceOp>();
  std::optional<int64_t> size = getSizes(value).back().constant();
  if (!negated || !first || !size || *size % 2 != 0)
    return {};
  Value x = first.getInput();
  return x.getType() == value.getType() && isPart(first, x, 0, *size / 2) &&
                 isPart(negated.getOperands_()[0], x, *size / 2, *size / 2)
             ? x
             : Value();
}

/// Whether a slice takes all of the last dimension.
bool takesWholeRows(SliceOp slice) {
  return getSizes(slice.getInput()).back() == getSizes(slice.getResult()).back() &&
         slice.getStarts().getSizes().back().isConstant(0) && slice.getSteps().getSizes().back().isConstant(1);
}

bool endsWith(Value value, int64_t size) { return getRank(value) > 0 && getSizes(value).back().isConstant(size); }

/// Whether both halves of the last dimension of a value, which has `size` elements, are shown to be equal.
bool hasEqualHalves(Value value, int64_t size, unsigned depth = 0) {
  Operation *op = value.getDefiningOp();
  if (!op || depth > 16 || size % 2 != 0 || !endsWith(value, size))
    return false;
  int64_t last = getRank(value) - 1;
  auto halves = [&](Value operand) { return hasEqualHalves(operand, size, depth + 1); };
  auto isRepeated = [&](Value operand) { return getRank(operand) == 0 || endsWith(operand, 1); };
  if (auto concat = dyn_cast<ConcatOp>(op))
    return static_cast<int64_t>(concat.getAxis()) == last && concat.getInputs().size() == 2 &&
           concat.getInputs()[0] == concat.getInputs()[1];
  if (auto elementwise = dyn_cast<ElementwiseOp>(op))
    return llvm::all_of(elementwise.getOperands_(),
                        [&](Value operand) { return isRepeated(operand) || halves(operand); });
  if (auto broadcast = dyn_cast<BroadcastOp>(op))
    return isRepeated(broadcast.getInput()) || halves(broadcast.getInput());
  if (isa<CastOp, ReshapeOp, SliceOp>(op))
    return halves(op->getOperand(0)) && (!isa<SliceOp>(op) || takesWholeRows(cast<SliceOp>(op)));
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return transpose.getPermutation().back() == last && halves(transpose.getInput());
  if (auto gather = dyn_cast<GatherOp>(op))
    return static_cast<int64_t>(gather.getAxis()) != getRank(gather.getData()) - 1 && halves(gather.getData());
  auto constant = dyn_cast<ConstantOp>(op);
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || elements.getNumElements() > 1024)
    return false;
  auto values = llvm::to_vector(elements.getValues<Attribute>());
  for (size_t row = 0; row < values.size(); row += size)
    for (int64_t i = 0; i < size / 2; ++i)
      if (values[row + i] != values[row + i + size / 2])
        return false;
  return true;
}

/// The first half of the last dimension of a value of which hasEqualHalves holds; what is repeated along it already
/// comes back as it is.
Value takeHalf(PatternRewriter &rewriter, Value value, int64_t size) {
  if (!endsWith(value, size))
    return value;
  Operation *op = value.getDefiningOp();
  Sizes sizes = getSizes(value);
  sizes.back() = size / 2;
  Location loc = op->getLoc();
  RankedTensorType type = getTensorType(sizes, getElementType(value));
  auto half = [&](Value operand) { return takeHalf(rewriter, operand, size); };
  if (auto concat = dyn_cast<ConcatOp>(op))
    return concat.getInputs()[0];
  if (auto elementwise = dyn_cast<ElementwiseOp>(op)) {
    SmallVector<Value> operands = llvm::map_to_vector(elementwise.getOperands_(), half);
    return ElementwiseOp::create(rewriter, loc, elementwise.getKind(), operands, elementwise.getAlphaAttr());
  }
  if (auto cast = dyn_cast<CastOp>(op))
    return CastOp::create(rewriter, loc, type, half(cast.getInput()), cast.getUnsaturated(), cast.getRoundMode());
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return makeReshape(rewriter, loc, half(reshape.getInput()), sizes);
  if (auto broadcast = dyn_cast<BroadcastOp>(op))
    return makeBroadcast(rewriter, loc, half(broadcast.getInput()), sizes);
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return makeTranspose(rewriter, loc, half(transpose.getInput()), transpose.getPermutation());
  if (auto slice = dyn_cast<SliceOp>(op))
    return SliceOp::create(rewriter, loc, type, half(slice.getInput()), slice.getStarts(), slice.getSteps());
  if (auto gather = dyn_cast<GatherOp>(op))
    return GatherOp::create(rewriter, loc, half(gather.getData()), gather.getIndices(), gather.getAxis());
  auto elements = llvm::cast<DenseElementsAttr>(llvm::cast<ConstantOp>(op).getValue());
  auto values = llvm::to_vector(elements.getValues<Attribute>());
  SmallVector<Attribute> first;
  for (size_t row = 0; row < values.size(); row += size)
    first.append(values.begin() + row, values.begin() + row + size / 2);
  return ConstantOp::create(rewriter, loc, DenseElementsAttr::get(type, first));
}

/// x * cos + rotate_half(x) * sin, where cos and sin are the same for both halves.
struct RecognizeRotary : OpRewritePattern<ElementwiseOp> {
  RecognizeRotary(MLIRContext *context, Pass::Statistic &numRecognized)
      : OpRewritePattern<ElementwiseOp>(context), numRecognized(numRecognized) {}

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ElementwiseKind::add)
      return rewriter.notifyMatchFailure(op, "no sum");
    for (unsigned i = 0; i < 2; ++i) {
      ElementwiseOp plain = getElementwise(op.getOperands_()[i], ElementwiseKind::mul),
                    rotated = getElementwise(op.getOperands_()[1 - i], ElementwiseKind::mul);
      if (!plain || !rotated || plain.getType() != op.getType() || rotated.getType() != op.getType())
        continue;
      for (unsigned j = 0; j < 2; ++j) {
        Value x = matchRotatedHalf(rotated.getOperands_()[j]);
        if (!x || x.getType() != op.getType())
          continue;
        Value sin = rotated.getOperands_()[1 - j], cos;
        if (plain.getOperands_()[0] == x)
          cos = plain.getOperands_()[1];
        else if (plain.getOperands_()[1] == x)
          cos = plain.getOperands_()[0];
        if (!cos || cos.getType() != sin.getType())
          continue;
        int64_t size = *getSizes(x).back().constant();
        if (!hasEqualHalves(cos, size) || !hasEqualHalves(sin, size))
          continue;
        rewriter.replaceOpWithNewOp<RotaryOp>(op, x, takeHalf(rewriter, cos, size), takeHalf(rewriter, sin, size),
                                              UnitAttr());
        ++numRecognized;
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "not the formula, or angles whose halves are not shown to be equal");
  }

  Pass::Statistic &numRecognized;
};

/// concat(rotary(x[:r]), x[r:]): the op itself leaves what lies behind the angles.
struct TakeRest : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    int64_t last = getRank(op.getResult()) - 1;
    auto rotary = op.getInputs().size() == 2 ? op.getInputs()[0].getDefiningOp<RotaryOp>() : RotaryOp();
    auto part = rotary ? rotary.getInput().getDefiningOp<SliceOp>() : SliceOp();
    if (!part || static_cast<int64_t>(op.getAxis()) != last)
      return rewriter.notifyMatchFailure(op, "no rotated part of a tensor");
    Value x = part.getInput();
    std::optional<int64_t> rotated = getSizes(rotary.getInput()).back().constant(), all = getSizes(x).back().constant();
    if (x.getType() != op.getType() || !rotated || !all || getSizes(rotary.getCos()).back() != SizeExpr(*rotated / 2) ||
        !isPart(part, x, 0, *rotated) || !isPart(op.getInputs()[1], x, *rotated, *all - *rotated))
      return rewriter.notifyMatchFailure(op, "the parts are not those of one tensor");
    rewriter.replaceOpWithNewOp<RotaryOp>(op, x, rotary.getCos(), rotary.getSin(), rotary.getInterleavedAttr());
    return success();
  }
};

class RecognizeRotaryPass : public sinter::impl::RecognizeRotaryPassBase<RecognizeRotaryPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RecognizeRotary>(&getContext(), numRecognized);
    patterns.add<TakeRest>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};

} // namespace
