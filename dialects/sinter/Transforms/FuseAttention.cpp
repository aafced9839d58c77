//===- FuseAttention.cpp - Attention from its formula ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/Positions.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <cmath>

namespace sinter {
#define GEN_PASS_DEF_FUSEATTENTIONPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// What lies between the product of query and key and the softmax, from the softmax up: a scale, an additive bias, or a
/// mask that replaces scores.
struct Step {
  enum Kind { Scale, Bias, Mask } kind;
  double number = 1; // Scale: the factor; Mask: what masked scores become
  Value value;       // Bias: what is added; Mask: the condition
  bool keep = true;  // Mask: whether the scores stay where the condition is true
};

/// Numbers that no score comes near: adding one to a score gives the number itself.
bool dominates(double number) { return number == -INFINITY || number <= -1e30; }

/// Follows scores from the softmax up to the product of query and key.
MatmulOp findScores(Value value, SmallVectorImpl<Step> &steps) {
  for (int depth = 0; depth < 16; ++depth) {
    if (auto product = value.getDefiningOp<MatmulOp>())
      return product;
    auto op = value.getDefiningOp<ElementwiseOp>();
    if (!op)
      return {};
    ValueRange operands = op.getOperands_();
    if (auto scaled = matchWithConstant(value, ElementwiseKind::mul, true)) {
      steps.push_back({Step::Scale, scaled->constant, {}});
      value = scaled->value;
    } else if (auto scaled = matchWithConstant(value, ElementwiseKind::div, false)) {
      steps.push_back({Step::Scale, 1 / scaled->constant, {}});
      value = scaled->value;
    } else if (op.getKind() == ElementwiseKind::add) {
      // The scores are the operand that leads to a product; the other one may be computed by any ops.
      bool found = false;
      for (unsigned i = 0; i < 2 && !found; ++i) {
        if (operands[i].getType() != value.getType())
          continue;
        SmallVector<Step> rest;
        if (MatmulOp product = findScores(operands[i], rest)) {
          steps.push_back({Step::Bias, 1, operands[1 - i]});
          steps.append(rest);
          return product;
        }
      }
      return {};
    } else if (op.getKind() == ElementwiseKind::select) {
      bool keep = getSplat(operands[2]).has_value();
      Value scores = operands[keep ? 1 : 2];
      std::optional<double> masked = getSplat(operands[keep ? 2 : 1]);
      if (!masked || !dominates(*masked) || scores.getType() != value.getType())
        return {};
      steps.push_back({Step::Mask, *masked, operands[0], keep});
      value = scores;
    } else {
      return {};
    }
  }
  return {};
}

/// Whether the condition, of a box [.., queries, keys], is true (or false, where `visible` is not) for exactly those
/// keys that do not come after the query, where the last query is at the last key.
bool isCausal(const SymbolBounds &bounds, Value condition, ArrayRef<SizeExpr> box, bool visible) {
  size_t rank = box.size();
  Positions positions(bounds, box);
  SmallVector<SizeExpr> at = positions.getCoordinates();
  SizeExpr query = at[rank - 2] + box[rank - 1] - box[rank - 2], key = at[rank - 1];
  Sizes sizes = getSizes(condition);
  if (sizes.size() > rank)
    return false;
  at.erase(at.begin(), at.end() - sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i].isConstant(1))
      at[i] = 0;
  std::optional<SizeExpr> element = positions.elementAt(condition, at);
  if (!element)
    return false;
  if (!visible)
    element = SizeExpr(1) - *element;
  // key <= query, or not key > query.
  return *element == SizeExpr::lt(0, query - key + SizeExpr(1)) ||
         *element == SizeExpr(1) - SizeExpr::lt(0, key - query);
}

/// The condition of a mask that lets a score be where it is true (or false, if `visible` comes back so), and elsewhere
/// puts a number that no score comes near. Null where the step is no such mask.
Value matchMask(const Step &step, bool &visible) {
  if (step.kind == Step::Mask) {
    visible = step.keep;
    return step.value;
  }
  Value bias = step.kind == Step::Bias ? step.value : Value();
  auto reshape = bias ? bias.getDefiningOp<ReshapeOp>() : ReshapeOp();
  if (reshape && getRank(reshape.getInput()) <= getRank(bias) &&
      withRank(getSizes(reshape.getInput()), getRank(bias)) == getSizes(bias))
    bias = reshape.getInput();
  if (!bias)
    return {};
  ElementwiseOp select = getElementwise(bias, ElementwiseKind::select);
  if (!select)
    return {};
  std::optional<double> a = getSplat(select.getOperands_()[1]), b = getSplat(select.getOperands_()[2]);
  visible = a == 0.0;
  std::optional<double> masked = visible ? b : a;
  if (!a || !b || (visible ? *a : *b) != 0 || !dominates(*masked))
    return {};
  return select.getOperands_()[0];
}

/// Whether all that the steps add is finite, so that no row of scores can become nothing but -infinity.
bool staysFinite(ArrayRef<Step> steps) {
  for (const Step &step : steps) {
    if (step.kind == Step::Mask && std::isinf(step.number))
      return false;
    if (step.kind != Step::Bias)
      continue;
    if (ElementwiseOp select = getElementwise(step.value, ElementwiseKind::select)) {
      std::optional<double> a = getSplat(select.getOperands_()[1]), b = getSplat(select.getOperands_()[2]);
      if (a && b && std::isfinite(*a) && std::isfinite(*b))
        continue;
    }
    std::optional<double> splat = getSplat(step.value);
    if (!splat || !std::isfinite(*splat))
      return false;
  }
  return true;
}

/// The softmax whose probabilities `value` is: directly, or behind a guard that turns the NaN of rows without any
/// visible key into 0.
SoftmaxOp findSoftmax(Value value, bool &guarded) {
  guarded = false;
  // Models of 16-bit floats compute it in f32, as attention does anyway.
  if (auto cast = value.getDefiningOp<CastOp>();
      cast && getElementType(cast.getInput()).isF32() && cast.getInput().hasOneUse())
    value = cast.getInput();
  if (auto softmax = value.getDefiningOp<SoftmaxOp>())
    return softmax;
  ElementwiseOp select = getElementwise(value, ElementwiseKind::select);
  if (!select || getSplat(select.getOperands_()[1]) != 0.0)
    return {};
  Value probabilities = select.getOperands_()[2];
  ElementwiseOp isNan = getElementwise(select.getOperands_()[0], ElementwiseKind::is_nan);
  if (!isNan || isNan.getOperands_()[0] != probabilities)
    return {};
  guarded = true;
  return probabilities.getDefiningOp<SoftmaxOp>();
}

/// The value without a factor that is one number, which is multiplied into `scale`; sees through transposes.
Value takeScale(OpBuilder &builder, Value value, double &scale) {
  if (auto scaled = matchWithConstant(value, ElementwiseKind::mul, true)) {
    scale *= scaled->constant;
    return takeScale(builder, scaled->value, scale);
  }
  if (auto scaled = matchWithConstant(value, ElementwiseKind::div, false)) {
    scale /= scaled->constant;
    return takeScale(builder, scaled->value, scale);
  }
  if (auto transpose = value.getDefiningOp<TransposeOp>()) {
    Value input = takeScale(builder, transpose.getInput(), scale);
    return input == transpose.getInput()
               ? value
               : makeTranspose(builder, transpose.getLoc(), input, transpose.getPermutation());
  }
  return value;
}

/// Key or value of grouped queries, whose heads were repeated, before that: dimension `axis` holds the heads, and head
/// h of the result is head h / repeats.
Value takeRepeats(OpBuilder &builder, Value value, int64_t axis) {
  if (auto transpose = value.getDefiningOp<TransposeOp>()) {
    Value input = takeRepeats(builder, transpose.getInput(), transpose.getPermutation()[axis]);
    return input == transpose.getInput()
               ? value
               : makeTranspose(builder, transpose.getLoc(), input, transpose.getPermutation());
  }
  auto merge = value.getDefiningOp<ReshapeOp>();
  auto repeat = merge ? merge.getInput().getDefiningOp<BroadcastOp>() : BroadcastOp();
  if (!repeat)
    return value;
  Sizes merged = getSizes(value), repeated = getSizes(repeat), before = getSizes(repeat.getInput());
  if (repeated.size() != merged.size() + 1 || before.size() != repeated.size())
    return value;
  // [.., G, 1, ..] to [.., G, R, ..] to [.., G * R, ..], all other dimensions as they were.
  for (int64_t i = 0; i < static_cast<int64_t>(repeated.size()); ++i) {
    if (i == axis + 1 ? !before[i].isConstant(1) : before[i] != repeated[i])
      return value;
    if (i < axis ? merged[i] != repeated[i] : i > axis + 1 && merged[i - 1] != repeated[i])
      return value;
  }
  before.erase(before.begin() + axis + 1);
  return makeReshape(builder, repeat.getLoc(), repeat.getInput(), before);
}

struct FuseAttention : OpRewritePattern<MatmulOp> {
  FuseAttention(MLIRContext *context, const SymbolBounds &bounds, Pass::Statistic &numFused)
      : OpRewritePattern<MatmulOp>(context), bounds(bounds), numFused(numFused) {}

  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    bool guarded;
    SoftmaxOp softmax = findSoftmax(op.getLhs(), guarded);
    if (!softmax || softmax.getLog())
      return rewriter.notifyMatchFailure(op, "the left operand is no softmax");
    if (!op.getLhs().hasOneUse())
      return rewriter.notifyMatchFailure(op, "the probabilities are read elsewhere, too");
    int64_t rank = getRank(op.getResult());
    if ((rank != 3 && rank != 4) || getRank(softmax) != rank || getRank(op.getRhs()) != rank ||
        static_cast<int64_t>(softmax.getAxis()) != rank - 1)
      return rewriter.notifyMatchFailure(op, "the softmax is not along the last of three or four dimensions");
    Type type = getElementType(op.getResult());
    Value logits = softmax.getInput();
    if (auto cast = logits.getDefiningOp<CastOp>(); cast && getElementType(logits) != type)
      logits = cast.getInput();
    if (getElementType(logits) != type)
      return rewriter.notifyMatchFailure(op, "the scores are of another type than the values");
    SmallVector<Step> steps;
    MatmulOp scores = findScores(logits, steps);
    if (!scores || getRank(scores.getLhs()) != rank || getRank(scores.getRhs()) != rank)
      return rewriter.notifyMatchFailure(op, "the scores are no product of query and key with scales and biases");
    bool causal = takeCausalMask(steps, getSizes(scores.getResult()));
    if (guarded && !staysFinite(steps))
      return rewriter.notifyMatchFailure(op, "a row may see no key, for which the guard gives 0 and attention NaN");
    // Products that repeat a batch or a head are not attention's.
    Sizes query = getSizes(scores.getLhs()), key = getSizes(scores.getRhs()), value = getSizes(op.getRhs());
    for (int64_t i = 0; i < rank - 2; ++i)
      if (query[i] != key[i] || key[i] != value[i])
        return rewriter.notifyMatchFailure(op, "the leading sizes of query, key and value differ");

    Location loc = op.getLoc();
    double scale = 1;
    FailureOr<Value> bias = makeBias(rewriter, softmax.getLoc(), type, steps, rank, scale);
    if (failed(bias))
      return rewriter.notifyMatchFailure(op, "a bias or mask does not have the dimensions of scores");
    // Scales of query and key work on the product, before all steps, which did not change what comes with them.
    Value q = takeScale(rewriter, scores.getLhs(), scale), k = takeScale(rewriter, scores.getRhs(), scale),
          v = op.getRhs();
    if (rank == 4) {
      Value unscaledKey = k;
      q = makeTranspose(rewriter, loc, q, {0, 2, 1, 3});
      k = takeRepeats(rewriter, makeTranspose(rewriter, loc, k, {0, 3, 1, 2}), 2);
      v = takeRepeats(rewriter, makeTranspose(rewriter, loc, v, {0, 2, 1, 3}), 2);
      if (getSizes(k)[2] != getSizes(v)[2]) { // only one of them is repeated
        k = makeTranspose(rewriter, loc, unscaledKey, {0, 3, 1, 2});
        v = makeTranspose(rewriter, loc, op.getRhs(), {0, 2, 1, 3});
      }
    } else {
      q = withOneHead(rewriter, loc, q);
      k = withOneHead(rewriter, loc, makeTranspose(rewriter, loc, k, {0, 2, 1}));
      v = withOneHead(rewriter, loc, v);
    }
    Value result = AttentionOp::create(rewriter, loc, q, k, v, *bias, Value(), rewriter.getF64FloatAttr(scale),
                                       causal ? rewriter.getUnitAttr() : UnitAttr());
    result = rank == 4 ? makeTranspose(rewriter, loc, result, {0, 2, 1, 3})
                       : makeReshape(rewriter, loc, result, getSizes(op.getResult()));
    rewriter.replaceOp(op, result);
    ++numFused;
    return success();
  }

private:
  /// Removes the mask of attention to earlier positions, where it is the only one. Beside others it stays a bias: of a
  /// row that all of them mask, the softmax is uniform over all keys.
  bool takeCausalMask(SmallVectorImpl<Step> &steps, ArrayRef<SizeExpr> box) const {
    if (llvm::count_if(steps, [](const Step &step) { return step.kind != Step::Scale; }) != 1)
      return false;
    Step *step = llvm::find_if(steps, [](const Step &step) { return step.kind != Step::Scale; });
    bool visible;
    Value condition = matchMask(*step, visible);
    if (!condition || !isCausal(bounds, condition, box, visible))
      return false;
    steps.erase(step);
    return true;
  }

  static Value withOneHead(OpBuilder &builder, Location loc, Value value) {
    Sizes sizes = getSizes(value);
    sizes.insert(sizes.begin() + 2, SizeExpr(1));
    return makeReshape(builder, loc, value, sizes);
  }

  /// What the steps add to the scaled product: null for nothing. `scale` is multiplied by their scales.
  static FailureOr<Value> makeBias(OpBuilder &builder, Location loc, Type elementType, ArrayRef<Step> steps,
                                   int64_t rank, double &scale) {
    for (const Step &step : steps)
      if (step.value && getRank(step.value) > rank)
        return failure();
    Value bias;
    for (const Step &step : llvm::reverse(steps)) {
      switch (step.kind) {
      case Step::Scale:
        scale *= step.number;
        if (bias)
          bias = makeElementwise(builder, loc, ElementwiseKind::mul,
                                 {bias, makeScalar(builder, loc, elementType, step.number)});
        break;
      case Step::Bias:
        bias = bias ? makeElementwise(builder, loc, ElementwiseKind::add, {bias, step.value}) : step.value;
        break;
      case Step::Mask: {
        Value kept = bias ? bias : makeScalar(builder, loc, elementType, 0);
        Value masked = makeScalar(builder, loc, elementType, step.number);
        if (!step.keep)
          std::swap(kept, masked);
        bias = makeElementwise(builder, loc, ElementwiseKind::select, {step.value, kept, masked});
        break;
      }
      }
    }
    if (!bias)
      return bias;
    bias = makeRank(builder, loc, bias, rank);
    if (rank == 3) { // one head
      Sizes sizes = getSizes(bias);
      sizes.insert(sizes.begin() + 1, SizeExpr(1));
      bias = makeReshape(builder, loc, bias, sizes);
    }
    return bias;
  }

  const SymbolBounds &bounds;
  Pass::Statistic &numFused;
};

class FuseAttentionPass : public sinter::impl::FuseAttentionPassBase<FuseAttentionPass> {
  void runOnOperation() override {
    SymbolBounds bounds(getOperation());
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseAttention>(&getContext(), bounds, numFused);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};

} // namespace
