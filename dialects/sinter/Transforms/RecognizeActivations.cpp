//===- RecognizeActivations.cpp - Activations from their formulas ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "dialects/sinter/Transforms/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <array>
#include <cmath>

namespace sinter {
#define GEN_PASS_DEF_RECOGNIZEACTIVATIONSPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// Coefficients of 1, x, x^2 and x^3.
using Polynomial = std::array<double, 4>;

std::optional<Polynomial> multiply(const Polynomial &a, const Polynomial &b) {
  Polynomial result = {};
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j) {
      if (a[i] == 0 || b[j] == 0)
        continue;
      if (i + j >= result.size())
        return std::nullopt;
      result[i + j] += a[i] * b[j];
    }
  return result;
}

/// The value as a polynomial in `x`: however an exporter orders products and sums, the coefficients are the formula's.
std::optional<Polynomial> asPolynomial(Value value, Value x, unsigned depth = 0) {
  if (value == x)
    return Polynomial{0, 1, 0, 0};
  if (std::optional<double> splat = getSplat(value))
    return Polynomial{*splat, 0, 0, 0};
  auto op = value.getDefiningOp<ElementwiseOp>();
  if (!op || depth > 8)
    return std::nullopt;
  ValueRange operands = op.getOperands_();
  std::optional<Polynomial> a = asPolynomial(operands[0], x, depth + 1);
  if (!a)
    return std::nullopt;
  if (op.getKind() == ElementwiseKind::neg)
    return multiply(*a, {-1, 0, 0, 0});
  if (operands.size() != 2)
    return std::nullopt;
  std::optional<Polynomial> b = asPolynomial(operands[1], x, depth + 1);
  if (!b)
    return std::nullopt;
  bool fixed = (*b)[1] == 0 && (*b)[2] == 0 && (*b)[3] == 0;
  switch (op.getKind()) {
  case ElementwiseKind::add:
  case ElementwiseKind::sub:
    for (size_t i = 0; i < a->size(); ++i)
      (*a)[i] += op.getKind() == ElementwiseKind::add ? (*b)[i] : -(*b)[i];
    return a;
  case ElementwiseKind::mul:
    return multiply(*a, *b);
  case ElementwiseKind::div:
    return fixed && (*b)[0] != 0 ? multiply(*a, {1 / (*b)[0], 0, 0, 0}) : std::nullopt;
  case ElementwiseKind::pow: {
    if (!fixed || ((*b)[0] != 2 && (*b)[0] != 3))
      return std::nullopt;
    std::optional<Polynomial> result = multiply(*a, *a);
    return result && (*b)[0] == 3 ? multiply(*result, *a) : result;
  }
  default:
    return std::nullopt;
  }
}

/// Equal to the precision that exporters write constants with.
bool isPolynomial(const std::optional<Polynomial> &actual, const Polynomial &expected) {
  if (!actual)
    return false;
  for (size_t i = 0; i < expected.size(); ++i)
    if (std::fabs((*actual)[i] - expected[i]) > 2e-6 * std::fabs(expected[i]))
      return false;
  return true;
}

/// The erf or tanh that the value is a sum and product of, with numbers.
ElementwiseOp findFunction(Value value) {
  for (unsigned depth = 0; depth < 4; ++depth) {
    auto op = value.getDefiningOp<ElementwiseOp>();
    if (!op)
      return {};
    if (op.getKind() == ElementwiseKind::erf || op.getKind() == ElementwiseKind::tanh)
      return op;
    if (op.getKind() != ElementwiseKind::add && op.getKind() != ElementwiseKind::mul)
      return {};
    value = op.getOperands_()[getSplat(op.getOperands_()[0]) ? 1 : 0];
  }
  return {};
}

/// A product's factors that are not numbers, and the product of those that are.
void collectFactors(Value value, SmallVectorImpl<Value> &factors, double &number, unsigned depth = 0) {
  ElementwiseOp op = getElementwise(value, ElementwiseKind::mul);
  if (std::optional<double> splat = getSplat(value)) {
    number *= *splat;
  } else if (op && depth < 3 && (depth == 0 || op->hasOneUse())) {
    collectFactors(op.getOperands_()[0], factors, number, depth + 1);
    collectFactors(op.getOperands_()[1], factors, number, depth + 1);
  } else if (auto divided = matchWithConstant(value, ElementwiseKind::div, false); divided && value.hasOneUse()) {
    number /= divided->constant;
    factors.push_back(divided->value);
  } else {
    factors.push_back(value);
  }
}

/// x/2 (1 + erf(x / sqrt 2)), or x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), the factors in any order.
struct RecognizeGelu : OpRewritePattern<ElementwiseOp> {
  RecognizeGelu(MLIRContext *context, Pass::Statistic &numGelus)
      : OpRewritePattern<ElementwiseOp>(context), numGelus(numGelus) {}

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ElementwiseKind::mul)
      return rewriter.notifyMatchFailure(op, "no product");
    SmallVector<Value> factors;
    double number = 1;
    collectFactors(op.getResult(), factors, number);
    if (factors.size() != 2)
      return rewriter.notifyMatchFailure(op, "not two factors besides numbers");
    for (unsigned i = 0; i < 2; ++i) {
      Value x = factors[i];
      ElementwiseOp function = findFunction(factors[1 - i]);
      if (!function || x.getType() != op.getType())
        continue;
      std::optional<Polynomial> outer = asPolynomial(factors[1 - i], function.getResult());
      if (!outer || !isPolynomial(multiply(*outer, {number, 0, 0, 0}), {0.5, 0.5, 0, 0}))
        continue;
      std::optional<Polynomial> inner = asPolynomial(function.getOperands_()[0], x);
      double slope = std::sqrt(2 / M_PI);
      std::optional<ElementwiseKind> kind;
      if (function.getKind() == ElementwiseKind::erf && isPolynomial(inner, {0, std::sqrt(0.5), 0, 0}))
        kind = ElementwiseKind::gelu;
      else if (function.getKind() == ElementwiseKind::tanh && isPolynomial(inner, {0, slope, 0, 0.044715 * slope}))
        kind = ElementwiseKind::gelu_tanh;
      if (!kind)
        continue;
      rewriter.replaceOp(op, makeElementwise(rewriter, op.getLoc(), *kind, x));
      ++numGelus;
      return success();
    }
    return rewriter.notifyMatchFailure(op, "not the formula of GELU");
  }

  Pass::Statistic &numGelus;
};

/// 1 / (1 + exp(-x)), which is what it is for all x: 0 where exp overflows.
struct RecognizeSigmoid : OpRewritePattern<ElementwiseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    Value denominator;
    if (op.getKind() == ElementwiseKind::reciprocal)
      denominator = op.getOperands_()[0];
    else if (op.getKind() == ElementwiseKind::div)
      denominator = op.getOperands_()[1];
    auto sum = denominator ? matchWithConstant(denominator, ElementwiseKind::add, true) : std::nullopt;
    ElementwiseOp power =
        sum && sum->constant == 1 ? getElementwise(sum->value, ElementwiseKind::exp) : ElementwiseOp();
    ElementwiseOp negated = power ? getElementwise(power.getOperands_()[0], ElementwiseKind::neg) : ElementwiseOp();
    if (!negated)
      return rewriter.notifyMatchFailure(op, "not divided by 1 + exp(-x)");
    Value result = makeElementwise(rewriter, op.getLoc(), ElementwiseKind::sigmoid, negated.getOperands_());
    if (op.getKind() == ElementwiseKind::div)
      result = makeElementwise(rewriter, op.getLoc(), ElementwiseKind::mul, {op.getOperands_()[0], result});
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// x sigmoid(x).
struct RecognizeSilu : OpRewritePattern<ElementwiseOp> {
  RecognizeSilu(MLIRContext *context, Pass::Statistic &numSilus)
      : OpRewritePattern<ElementwiseOp>(context), numSilus(numSilus) {}

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ElementwiseKind::mul)
      return rewriter.notifyMatchFailure(op, "no product");
    for (unsigned i = 0; i < 2; ++i) {
      Value x = op.getOperands_()[i];
      ElementwiseOp sigmoid = getElementwise(op.getOperands_()[1 - i], ElementwiseKind::sigmoid);
      if (!sigmoid || sigmoid.getOperands_()[0] != x)
        continue;
      rewriter.replaceOp(op, makeElementwise(rewriter, op.getLoc(), ElementwiseKind::silu, x));
      ++numSilus;
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no product of a tensor and its sigmoid");
  }

  Pass::Statistic &numSilus;
};

class RecognizeActivationsPass : public sinter::impl::RecognizeActivationsPassBase<RecognizeActivationsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RecognizeGelu>(&getContext(), numGelus);
    patterns.add<RecognizeSilu>(&getContext(), numSilus);
    patterns.add<RecognizeSigmoid>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};

} // namespace
