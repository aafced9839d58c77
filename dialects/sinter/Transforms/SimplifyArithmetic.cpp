//===- SimplifyArithmetic.cpp - Arithmetic with known results ----------===//
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
#define GEN_PASS_DEF_SIMPLIFYARITHMETICPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// Larger constants are weights.
constexpr int64_t maxFoldedElements = 1024;

/// kind(x...) of floats, in double; none for kinds that constants of models do not use.
std::optional<double> evaluate(ElementwiseKind kind, ArrayRef<double> x) {
  switch (kind) {
  case ElementwiseKind::abs:
    return std::fabs(x[0]);
  case ElementwiseKind::neg:
    return -x[0];
  case ElementwiseKind::exp:
    return std::exp(x[0]);
  case ElementwiseKind::log:
    return std::log(x[0]);
  case ElementwiseKind::sqrt:
    return std::sqrt(x[0]);
  case ElementwiseKind::reciprocal:
    return 1 / x[0];
  case ElementwiseKind::rsqrt:
    return 1 / std::sqrt(x[0]);
  case ElementwiseKind::floor:
    return std::floor(x[0]);
  case ElementwiseKind::ceil:
    return std::ceil(x[0]);
  case ElementwiseKind::sin:
    return std::sin(x[0]);
  case ElementwiseKind::cos:
    return std::cos(x[0]);
  case ElementwiseKind::tanh:
    return std::tanh(x[0]);
  case ElementwiseKind::erf:
    return std::erf(x[0]);
  case ElementwiseKind::sigmoid:
    return 1 / (1 + std::exp(-x[0]));
  case ElementwiseKind::relu:
    return std::isnan(x[0]) || x[0] > 0 ? x[0] : 0;
  case ElementwiseKind::add:
    return x[0] + x[1];
  case ElementwiseKind::sub:
    return x[0] - x[1];
  case ElementwiseKind::mul:
    return x[0] * x[1];
  case ElementwiseKind::div:
    return x[0] / x[1];
  case ElementwiseKind::pow:
    return std::pow(x[0], x[1]);
  default:
    return std::nullopt;
  }
}

/// The elements of a constant of floats.
std::optional<SmallVector<double>> getFloats(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto elements = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue()) : DenseFPElementsAttr();
  if (!elements || elements.getNumElements() > maxFoldedElements)
    return std::nullopt;
  SmallVector<double> numbers;
  for (APFloat number : elements.getValues<APFloat>()) {
    bool lost;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    numbers.push_back(number.convertToDouble());
  }
  return numbers;
}

APFloat toFloat(double number, FloatType type) {
  APFloat value(number);
  bool lost;
  value.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  return value;
}

/// The result of elementwise functions of small constants, computed in double and rounded once.
struct FoldElementwise : OpRewritePattern<ElementwiseOp> {
  FoldElementwise(MLIRContext *context, Pass::Statistic &numFolded)
      : OpRewritePattern<ElementwiseOp>(context), numFolded(numFolded) {}

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = cast<RankedTensorType>(op.getType());
    auto floatType = dyn_cast<FloatType>(type.getElementType());
    if (!floatType || !type.hasStaticShape() || type.getNumElements() > maxFoldedElements)
      return rewriter.notifyMatchFailure(op, "not a small tensor of floats");
    SmallVector<SmallVector<double>> operands;
    for (Value operand : op.getOperands_()) {
      std::optional<SmallVector<double>> numbers = getFloats(operand);
      if (!numbers)
        return rewriter.notifyMatchFailure(op, "an operand is no small constant");
      operands.push_back(std::move(*numbers));
    }
    SmallVector<APFloat> results;
    for (int64_t position = 0; position < type.getNumElements(); ++position) {
      SmallVector<double> x;
      for (auto [operand, numbers] : llvm::zip(op.getOperands_(), operands))
        x.push_back(numbers[positionIn(operand, type.getShape(), position)]);
      std::optional<double> result = evaluate(op.getKind(), x);
      if (!result)
        return rewriter.notifyMatchFailure(op, "a kind that is not folded");
      results.push_back(toFloat(*result, floatType));
    }
    rewriter.replaceOpWithNewOp<ConstantOp>(op, DenseElementsAttr::get(type, results));
    ++numFolded;
    return success();
  }

private:
  Pass::Statistic &numFolded;

  /// Where an operand that is repeated to `shape` has the element at a position of the result.
  static int64_t positionIn(Value operand, ArrayRef<int64_t> shape, int64_t position) {
    ArrayRef<int64_t> sizes = cast<RankedTensorType>(operand.getType()).getShape();
    int64_t result = 0, stride = 1;
    for (size_t i = shape.size(), j = sizes.size(); j > 0; --i, --j) {
      if (sizes[j - 1] != 1)
        result += position % shape[i - 1] * stride;
      stride *= sizes[j - 1];
      position /= shape[i - 1];
    }
    return result;
  }
};

/// Casts of constants of one value, and casts that lose nothing and are undone.
struct SimplifyCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    if (op.getInput().getType() == op.getType()) {
      rewriter.replaceOp(op, op.getInput());
      return success();
    }
    Type to = getElementType(op.getResult());
    if (auto first = op.getInput().getDefiningOp<CastOp>()) {
      Type from = getElementType(first.getInput()), between = getElementType(op.getInput());
      // To a narrow float even what the type has may change: an infinity saturates.
      if (from == to && !isNarrowFloat(from) && !isNarrowFloat(between) && keepsAll(from, between)) {
        rewriter.replaceOp(op, first.getInput());
        return success();
      }
    }
    if (auto constant = op.getInput().getDefiningOp<ConstantOp>())
      if (std::optional<double> number = getSplat(constant))
        if (!isNarrow(to) && (isa<FloatType>(to) || (std::fabs(*number) < 1e9 && to.isIntOrFloat() &&
                                                     !to.isInteger(1) && to.getIntOrFloatBitWidth() >= 32))) {
          rewriter.replaceOp(
              op, makeSplat(rewriter, op.getLoc(), op.getType(),
                            std::trunc(*number) == *number || isa<FloatType>(to) ? *number : std::trunc(*number)));
          return success();
        }
    return rewriter.notifyMatchFailure(op, "the cast changes something");
  }

private:
  static bool isNarrowFloat(Type type) { return isa<FloatType>(type) && isNarrow(type); }
  static bool keepsAll(Type from, Type between) {
    if (!from.isIntOrFloat() || !between.isIntOrFloat())
      return false; // what reads text is not merged with what wrote it
    if (from.isInteger(1))
      return true;
    if (isa<FloatType>(from))
      return between.isF64() || (between.isF32() && !from.isF64());
    return !between.isInteger(1) && isa<IntegerType>(between) && !between.isUnsignedInteger() &&
           !from.isUnsignedInteger() && between.getIntOrFloatBitWidth() >= from.getIntOrFloatBitWidth();
  }
};

//===----------------------------------------------------------------------===//
// Identities
//===----------------------------------------------------------------------===//

/// The operand that alone is the result, because another one is 0, 1, true or false.
Value findNeutral(ElementwiseOp op) {
  ValueRange x = op.getOperands_();
  auto is = [&](unsigned i, double number) { return getSplat(x[i]) == number; };
  switch (op.getKind()) {
  case ElementwiseKind::add:
    return is(1, 0) ? x[0] : is(0, 0) ? x[1] : Value();
  case ElementwiseKind::sub:
    return is(1, 0) ? x[0] : Value();
  case ElementwiseKind::mul:
    return is(1, 1) ? x[0] : is(0, 1) ? x[1] : Value();
  case ElementwiseKind::div:
  case ElementwiseKind::pow:
    return is(1, 1) ? x[0] : Value();
  case ElementwiseKind::logical_and:
    return is(1, 1) || is(0, 0) ? x[0] : is(0, 1) || is(1, 0) ? x[1] : Value();
  case ElementwiseKind::logical_or:
    return is(1, 0) || is(0, 1) ? x[0] : is(0, 0) || is(1, 1) ? x[1] : Value();
  case ElementwiseKind::select:
    return x[1] == x[2] || is(0, 1) ? x[1] : is(0, 0) ? x[2] : Value();
  default:
    return {};
  }
}

struct DropNeutral : OpRewritePattern<ElementwiseOp> {
  DropNeutral(MLIRContext *context, Pass::Statistic &numDropped)
      : OpRewritePattern<ElementwiseOp>(context), numDropped(numDropped) {}

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    Value value = findNeutral(op);
    if (!value)
      return rewriter.notifyMatchFailure(op, "no operand is neutral");
    rewriter.replaceOp(op, makeBroadcast(rewriter, op.getLoc(), value, getSizes(op.getResult())));
    ++numDropped;
    return success();
  }

  Pass::Statistic &numDropped;
};

/// Functions that are others of fewer operands or steps.
struct SimplifyFunction : OpRewritePattern<ElementwiseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    ValueRange x = op.getOperands_();
    auto become = [&](ElementwiseKind kind, ValueRange operands) {
      rewriter.replaceOp(op, makeElementwise(rewriter, op.getLoc(), kind, operands));
      return success();
    };
    auto shaped = [&](Value value) { return value.getType() == op.getType(); };
    switch (op.getKind()) {
    case ElementwiseKind::pow: {
      if (!shaped(x[0]) || !isa<FloatType>(getElementType(x[0])))
        break;
      std::optional<double> power = getSplat(x[1]);
      if (power == 2.0)
        return become(ElementwiseKind::mul, {x[0], x[0]});
      if (power == 0.5)
        return become(ElementwiseKind::sqrt, x[0]);
      if (power == -0.5)
        return become(ElementwiseKind::rsqrt, x[0]);
      if (power == -1.0)
        return become(ElementwiseKind::reciprocal, x[0]);
      break;
    }
    case ElementwiseKind::div: {
      if (!isa<FloatType>(getElementType(x[0])))
        break;
      if (getSplat(x[0]) == 1.0 && shaped(x[1]))
        return become(ElementwiseKind::reciprocal, x[1]);
      // Exact for powers of two only.
      int exponent;
      std::optional<double> divisor = getSplat(x[1]);
      if (divisor && std::fabs(std::frexp(*divisor, &exponent)) == 0.5 && std::abs(exponent) < 14)
        return become(ElementwiseKind::mul,
                      {x[0], makeScalar(rewriter, op.getLoc(), getElementType(x[0]), 1 / *divisor)});
      break;
    }
    case ElementwiseKind::reciprocal:
      if (ElementwiseOp root = getElementwise(x[0], ElementwiseKind::sqrt))
        return become(ElementwiseKind::rsqrt, root.getOperands_());
      break;
    case ElementwiseKind::logical_not:
      if (ElementwiseOp inner = getElementwise(x[0], ElementwiseKind::logical_not)) {
        rewriter.replaceOp(op, inner.getOperands_()[0]);
        return success();
      }
      break;
    case ElementwiseKind::select: {
      if (ElementwiseOp inner = getElementwise(x[0], ElementwiseKind::logical_not))
        return become(ElementwiseKind::select, {inner.getOperands_()[0], x[2], x[1]});
      // Beyond 17, softplus(x) is x in f32: exp(-17) is less than half of x's last bit.
      ElementwiseOp greater = getElementwise(x[0], ElementwiseKind::greater),
                    softplus = getElementwise(x[2], ElementwiseKind::softplus);
      std::optional<double> threshold = greater ? getSplat(greater.getOperands_()[1]) : std::nullopt;
      if (softplus && threshold && *threshold >= 17 && greater.getOperands_()[0] == x[1] &&
          softplus.getOperands_()[0] == x[1] && !getElementType(x[1]).isF64() && shaped(x[2])) {
        rewriter.replaceOp(op, x[2]);
        return success();
      }
      break;
    }
    default:
      break;
    }
    return rewriter.notifyMatchFailure(op, "nothing simpler");
  }
};

class SimplifyArithmeticPass : public sinter::impl::SimplifyArithmeticPassBase<SimplifyArithmeticPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldElementwise>(&getContext(), numFolded);
    patterns.add<DropNeutral>(&getContext(), numDropped);
    patterns.add<SimplifyCast, SimplifyFunction>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};

} // namespace
