//===- RecognizeNorms.cpp - Normalizations from their formulas ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "dialects/sinter/Transforms/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <cmath>

namespace sinter {
#define GEN_PASS_DEF_RECOGNIZENORMSPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// The mean of a tensor over its dimensions from `axis` on, which stay with size 1.
struct Mean {
  Value input;
  int64_t axis;
};

std::optional<Mean> matchMean(Value value) {
  Sizes sizes = getSizes(value);
  // A reduction that dropped the dimensions, which a reshape brings back.
  if (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  std::optional<double> divisor;
  if (auto divided = matchWithConstant(value, ElementwiseKind::div, false)) {
    divisor = divided->constant;
    value = divided->value;
  } else if (auto multiplied = matchWithConstant(value, ElementwiseKind::mul, true)) {
    divisor = 1 / multiplied->constant;
    value = multiplied->value;
  }
  auto reduce = value.getDefiningOp<ReduceOp>();
  if (!reduce || reduce.getAxes().empty() || reduce.getKind() != (divisor ? ReduceKind::sum : ReduceKind::mean))
    return std::nullopt;
  Sizes input = getSizes(reduce.getInput()), kept = input;
  int64_t rank = input.size(), axis = rank - reduce.getAxes().size();
  for (int64_t i = axis; i < rank; ++i) {
    if (reduce.getAxes()[i - axis] != i)
      return std::nullopt;
    kept[i] = 1;
  }
  if (sizes != kept)
    return std::nullopt;
  if (divisor) {
    std::optional<int64_t> count = SizeExpr::product(ArrayRef(input).drop_front(axis)).constant();
    if (!count || std::fabs(*divisor - *count) > 1e-6 * *count)
      return std::nullopt;
  }
  return Mean{reduce.getInput(), axis};
}

/// value = mean of centered * centered + epsilon, for the given centered values.
std::optional<double> matchVariance(Value value, Value centered, int64_t &axis) {
  auto sum = matchWithConstant(value, ElementwiseKind::add, true);
  std::optional<Mean> mean = sum ? matchMean(sum->value) : std::nullopt;
  ElementwiseOp square = mean ? getElementwise(mean->input, ElementwiseKind::mul) : ElementwiseOp();
  if (!square || square.getOperands_()[0] != centered || square.getOperands_()[1] != centered || sum->constant < 0)
    return std::nullopt;
  axis = mean->axis;
  return sum->constant;
}

/// x / sqrt(mean(x * x) + epsilon), in either spelling; with x = y - mean(y) it is the layer norm of y.
struct RecognizeNorm : OpRewritePattern<ElementwiseOp> {
  RecognizeNorm(MLIRContext *context, Pass::Statistic &numLayerNorms, Pass::Statistic &numRmsNorms)
      : OpRewritePattern<ElementwiseOp>(context), numLayerNorms(numLayerNorms), numRmsNorms(numRmsNorms) {}

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    bool divides = op.getKind() == ElementwiseKind::div;
    if (!divides && op.getKind() != ElementwiseKind::mul)
      return rewriter.notifyMatchFailure(op, "neither a quotient nor a product");
    for (unsigned i = 0; i < (divides ? 1u : 2u); ++i) {
      Value x = op.getOperands_()[i];
      ElementwiseOp root =
          getElementwise(op.getOperands_()[1 - i], divides ? ElementwiseKind::sqrt : ElementwiseKind::rsqrt);
      int64_t axis;
      std::optional<double> epsilon = root ? matchVariance(root.getOperands_()[0], x, axis) : std::nullopt;
      if (!epsilon || x.getType() != op.getType())
        continue;
      Sizes sizes = getSizes(x);
      Value scale =
          makeSplat(rewriter, op.getLoc(), getTensorType(ArrayRef(sizes).drop_front(axis), getElementType(x)), 1);
      ElementwiseOp difference = getElementwise(x, ElementwiseKind::sub);
      std::optional<Mean> mean = difference ? matchMean(difference.getOperands_()[1]) : std::nullopt;
      if (mean && mean->input == difference.getOperands_()[0] && mean->axis == axis) {
        rewriter.replaceOpWithNewOp<LayerNormOp>(op, mean->input, scale, Value(), rewriter.getI64IntegerAttr(axis),
                                                 rewriter.getF64FloatAttr(*epsilon));
        ++numLayerNorms;
      } else {
        rewriter.replaceOpWithNewOp<RmsNormOp>(op, x, scale, rewriter.getI64IntegerAttr(axis),
                                               rewriter.getF64FloatAttr(*epsilon));
        ++numRmsNorms;
      }
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no quotient of a tensor and the root of its mean square");
  }

  Pass::Statistic &numLayerNorms, &numRmsNorms;
};

/// Whether the value can be scale or bias of a norm of `x` from `axis` on: one number for each position there.
bool isParameter(Value value, Value x, int64_t axis) {
  Sizes sizes = getSizes(value), own = getSizes(x);
  ArrayRef<SizeExpr> normalized = ArrayRef(own).drop_front(axis);
  return sizes.size() >= normalized.size() && sizes.size() <= own.size() &&
         ArrayRef(sizes).take_back(normalized.size()) == normalized &&
         llvm::all_of(ArrayRef(sizes).drop_back(normalized.size()),
                      [](const SizeExpr &size) { return size.isConstant(1); });
}

/// It, without dimensions of size 1 in front.
Value asParameter(PatternRewriter &rewriter, Value value, Value x, int64_t axis) {
  Sizes own = getSizes(x);
  return makeReshape(rewriter, value.getLoc(), value, ArrayRef(own).drop_front(axis));
}

/// norm(x) * scale, for a norm without bias whose scale is 1 yet.
template <typename NormOp> struct TakeScale : OpRewritePattern<ElementwiseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ElementwiseKind::mul)
      return rewriter.notifyMatchFailure(op, "no product");
    for (unsigned i = 0; i < 2; ++i) {
      auto norm = op.getOperands_()[i].template getDefiningOp<NormOp>();
      if (!norm || !norm->hasOneUse() || getSplat(norm.getScale()) != 1.0 || norm->getNumOperands() != 2)
        continue;
      Value scale = op.getOperands_()[1 - i];
      if (!isParameter(scale, norm.getInput(), norm.getAxis()))
        continue;
      scale = asParameter(rewriter, scale, norm.getInput(), norm.getAxis());
      auto scaled = cast<NormOp>(rewriter.clone(*norm));
      scaled->setLoc(op.getLoc());
      scaled.getScaleMutable().assign(scale);
      rewriter.replaceOp(op, scaled.getResult());
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no norm times a scale");
  }
};

/// layer_norm(x) + bias.
struct TakeBias : OpRewritePattern<ElementwiseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ElementwiseKind::add)
      return rewriter.notifyMatchFailure(op, "no sum");
    for (unsigned i = 0; i < 2; ++i) {
      auto norm = op.getOperands_()[i].getDefiningOp<LayerNormOp>();
      if (!norm || !norm->hasOneUse() || norm.getBias())
        continue;
      Value bias = op.getOperands_()[1 - i];
      if (!isParameter(bias, norm.getInput(), norm.getAxis()))
        continue;
      bias = asParameter(rewriter, bias, norm.getInput(), norm.getAxis());
      rewriter.replaceOpWithNewOp<LayerNormOp>(op, norm.getInput(), norm.getScale(), bias, norm.getAxisAttr(),
                                               norm.getEpsilonAttr());
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no layer norm plus a bias");
  }
};

/// x * m + (bias - mean * m) with m = scale / sqrt(variance + epsilon): TensorFlow's layer norm.
struct RecognizeMergedNorm : OpRewritePattern<ElementwiseOp> {
  RecognizeMergedNorm(MLIRContext *context, Pass::Statistic &numLayerNorms)
      : OpRewritePattern<ElementwiseOp>(context), numLayerNorms(numLayerNorms) {}

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ElementwiseKind::add)
      return rewriter.notifyMatchFailure(op, "no sum");
    for (unsigned i = 0; i < 2; ++i) {
      ElementwiseOp scaled = getElementwise(op.getOperands_()[i], ElementwiseKind::mul),
                    shift = getElementwise(op.getOperands_()[1 - i], ElementwiseKind::sub);
      ElementwiseOp shiftedMean =
          shift ? getElementwise(shift.getOperands_()[1], ElementwiseKind::mul) : ElementwiseOp();
      for (unsigned j = 0; scaled && shiftedMean && j < 2; ++j) {
        Value x = scaled.getOperands_()[j], factor = scaled.getOperands_()[1 - j];
        Value mean = shiftedMean.getOperands_()[shiftedMean.getOperands_()[0] == factor ? 1 : 0];
        std::optional<Mean> found = matchMean(mean);
        if (!found || found->input != x || x.getType() != op.getType() ||
            !llvm::is_contained(shiftedMean.getOperands_(), factor))
          continue;
        std::optional<double> epsilon;
        Value scale = matchFactor(factor, x, mean, found->axis, epsilon), bias = shift.getOperands_()[0];
        if (!scale || !isParameter(bias, x, found->axis))
          continue;
        scale = asParameter(rewriter, scale, x, found->axis);
        bias = asParameter(rewriter, bias, x, found->axis);
        rewriter.replaceOpWithNewOp<LayerNormOp>(op, x, scale, bias, rewriter.getI64IntegerAttr(found->axis),
                                                 rewriter.getF64FloatAttr(*epsilon));
        ++numLayerNorms;
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "not a tensor times a factor, less its mean times that factor");
  }

private:
  /// The scale of factor = rsqrt(variance + epsilon) * scale; null where the factor is something else.
  static Value matchFactor(Value factor, Value x, Value mean, int64_t axis, std::optional<double> &epsilon) {
    ElementwiseOp product = getElementwise(factor, ElementwiseKind::mul);
    for (unsigned i = 0; product && i < 2; ++i) {
      ElementwiseOp root = getElementwise(product.getOperands_()[i], ElementwiseKind::rsqrt);
      auto sum = root ? matchWithConstant(root.getOperands_()[0], ElementwiseKind::add, true) : std::nullopt;
      std::optional<Mean> squares = sum ? matchMean(sum->value) : std::nullopt;
      ElementwiseOp square = squares ? getElementwise(squares->input, ElementwiseKind::mul) : ElementwiseOp();
      ElementwiseOp centered =
          square ? getElementwise(square.getOperands_()[0], ElementwiseKind::sub) : ElementwiseOp();
      int64_t varianceAxis;
      if (!centered || centered.getOperands_()[0] != x || centered.getOperands_()[1] != mean)
        continue;
      epsilon = matchVariance(root.getOperands_()[0], centered.getResult(), varianceAxis);
      if (epsilon && varianceAxis == axis && isParameter(product.getOperands_()[1 - i], x, axis))
        return product.getOperands_()[1 - i];
    }
    return {};
  }

  Pass::Statistic &numLayerNorms;
};

class RecognizeNormsPass : public sinter::impl::RecognizeNormsPassBase<RecognizeNormsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RecognizeNorm>(&getContext(), numLayerNorms, numRmsNorms);
    patterns.add<RecognizeMergedNorm>(&getContext(), numLayerNorms);
    patterns.add<TakeScale<LayerNormOp>, TakeScale<RmsNormOp>, TakeBias>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};

} // namespace
