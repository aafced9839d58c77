//===- Legalize.cpp - Rewrite ops into the forms that CPU kernels have ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/CreateOps.h"
#include "targets/cpu/Transforms/LegalizeQuantized.h"
#include "targets/cpu/Transforms/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace sinter::cpu {
#define GEN_PASS_DEF_LEGALIZEPASS
#include "targets/cpu/Transforms/Passes.h.inc"
} // namespace sinter::cpu

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

Value createReshape(PatternRewriter &rewriter, Value value, ArrayRef<SizeExpr> sizes) {
  return rewriter.createOrFold<ReshapeOp>(value.getLoc(), getTensorType(sizes, sinter::getElementType(value)), value);
}

/// 16-bit floats: computed in f32, rounded once.
template <typename OpType> struct ComputeInF32 : OpRewritePattern<OpType> {
  using OpRewritePattern<OpType>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpType op, PatternRewriter &rewriter) const override {
    Type type = sinter::getElementType(op->getResult(0));
    if (!type.isF16() && !type.isBF16())
      return rewriter.notifyMatchFailure(op, "not a 16-bit float");
    IRMapping mapping;
    for (Value operand : op->getOperands())
      if (!mapping.contains(operand))
        mapping.map(operand, createCast(rewriter, operand.getLoc(), operand, rewriter.getF32Type()));
    Operation *wide = rewriter.clone(*op, mapping);
    wide->getResult(0).setType(getTensorType(getSizes(op->getResult(0)), rewriter.getF32Type()));
    rewriter.replaceOp(op, createCast(rewriter, wide->getLoc(), wide->getResult(0), type));
    return success();
  }
};

/// Softmax along another dimension than the last.
struct TransposeSoftmax : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SoftmaxOp op, PatternRewriter &rewriter) const override {
    int64_t rank = sinter::getRank(op.getInput()), axis = op.getAxis();
    if (axis == rank - 1 || !sinter::getElementType(op.getInput()).isF32())
      return rewriter.notifyMatchFailure(op, "along the last dimension");
    SmallVector<int64_t> swap = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::swap(swap[axis], swap[rank - 1]);
    Value first = TransposeOp::create(rewriter, op.getLoc(), op.getInput(), swap);
    Value softmax = SoftmaxOp::create(rewriter, op.getLoc(), first, rank - 1, op.getLog());
    rewriter.replaceOpWithNewOp<TransposeOp>(op, softmax, swap);
    return success();
  }
};

/// Softmax of f64, as its formula.
struct ExpandSoftmax : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SoftmaxOp op, PatternRewriter &rewriter) const override {
    if (!sinter::getElementType(op.getInput()).isF64())
      return rewriter.notifyMatchFailure(op, "has a kernel");
    Location loc = op.getLoc();
    int64_t axis = op.getAxis();
    Value x = op.getInput();
    Value greatest = ReduceOp::create(rewriter, loc, ReduceKind::max, x, axis, /*keep_dims=*/true);
    Value shifted = createElementwise(rewriter, loc, ElementwiseKind::sub, {x, greatest});
    Value exp = createElementwise(rewriter, loc, ElementwiseKind::exp, shifted);
    Value sum = ReduceOp::create(rewriter, loc, ReduceKind::sum, exp, axis, /*keep_dims=*/true);
    if (op.getLog()) {
      Value log = createElementwise(rewriter, loc, ElementwiseKind::log, sum);
      rewriter.replaceOp(op, createElementwise(rewriter, loc, ElementwiseKind::sub, {shifted, log}));
    } else {
      rewriter.replaceOp(op, createElementwise(rewriter, loc, ElementwiseKind::div, {exp, sum}));
    }
    return success();
  }
};

/// The normalized dimensions as one, the last; scale and bias as vectors of its length.
template <typename OpType> struct FlattenNorm : OpRewritePattern<OpType> {
  using OpRewritePattern<OpType>::OpRewritePattern;

  static Value flatten(PatternRewriter &rewriter, Value value, ArrayRef<SizeExpr> normalized) {
    RankedTensorType type = getTensorType(normalized, sinter::getElementType(value));
    if (value.getType() != type)
      value = rewriter.createOrFold<BroadcastOp>(value.getLoc(), type, value);
    return createReshape(rewriter, value, {SizeExpr::product(normalized)});
  }

  LogicalResult matchAndRewrite(OpType op, PatternRewriter &rewriter) const override {
    Sizes sizes = getSizes(op.getInput());
    int64_t axis = op.getAxis(), rank = sizes.size();
    SmallVector<SizeExpr> normalized(sizes.begin() + axis, sizes.end());
    Sizes vector = {SizeExpr::product(normalized)};
    auto isVector = [&](Value value) { return !value || getSizes(value) == vector; };
    Value bias = op->getNumOperands() > 2 ? op->getOperand(2) : Value();
    if (!sinter::getElementType(op.getInput()).isF32() ||
        (axis == rank - 1 && isVector(op.getScale()) && isVector(bias)))
      return rewriter.notifyMatchFailure(op, "has its form already");
    Sizes flat(sizes.begin(), sizes.begin() + axis);
    flat.push_back(vector[0]);
    SmallVector<Value> operands = {createReshape(rewriter, op.getInput(), flat),
                                   flatten(rewriter, op.getScale(), normalized)};
    if (bias)
      operands.push_back(flatten(rewriter, bias, normalized));
    auto flatNorm = cast<OpType>(rewriter.clone(*op.getOperation()));
    flatNorm->setOperands(operands);
    flatNorm.setAxis(axis);
    flatNorm.getResult().setType(cast<RankedTensorType>(operands[0].getType()));
    rewriter.replaceOp(op, createReshape(rewriter, flatNorm.getResult(), sizes));
    return success();
  }
};

/// Norms of f64, as their formulas.
template <typename OpType> struct ExpandNorm : OpRewritePattern<OpType> {
  using OpRewritePattern<OpType>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpType op, PatternRewriter &rewriter) const override {
    Type type = sinter::getElementType(op.getInput());
    if (!type.isF64())
      return rewriter.notifyMatchFailure(op, "has a kernel");
    Location loc = op.getLoc();
    Value x = op.getInput();
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(op.getAxis(), sinter::getRank(x)));
    if (isa<LayerNormOp>(op)) {
      Value mean = ReduceOp::create(rewriter, loc, ReduceKind::mean, x, axes, /*keep_dims=*/true);
      x = createElementwise(rewriter, loc, ElementwiseKind::sub, {x, mean});
    }
    Value square = createElementwise(rewriter, loc, ElementwiseKind::mul, {x, x});
    Value variance = ReduceOp::create(rewriter, loc, ReduceKind::mean, square, axes, /*keep_dims=*/true);
    Value epsilon = createScalar(rewriter, loc, type, op.getEpsilon().convertToDouble());
    Value root = createElementwise(rewriter, loc, ElementwiseKind::sqrt,
                                   createElementwise(rewriter, loc, ElementwiseKind::add, {variance, epsilon}));
    Value result = createElementwise(rewriter, loc, ElementwiseKind::div, {x, root});
    result = createElementwise(rewriter, loc, ElementwiseKind::mul, {result, op.getScale()});
    if (op->getNumOperands() > 2)
      result = createElementwise(rewriter, loc, ElementwiseKind::add, {result, op->getOperand(2)});
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Attention with sizes or types that its kernel does not have, as its formula.
struct ExpandAttention : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    Sizes query = getSizes(op.getQuery()), key = getSizes(op.getKey()), value = getSizes(op.getValue());
    Type type = sinter::getElementType(op.getQuery());
    bool isKernel =
        type.isF32() && query[2].constant() && key[2].constant() && query[3].constant() && value[3].constant();
    if (isKernel)
      return rewriter.notifyMatchFailure(op, "has a kernel");
    Location loc = op.getLoc();
    std::optional<SizeExpr> group = SizeExpr::exactDiv(query[2], key[2]);
    auto toHeads = [&](Value x, ArrayRef<int64_t> permutation) -> Value {
      Sizes sizes = getSizes(x);
      if (sizes[2] != query[2]) { // grouped queries: each head of keys serves several
        x = createReshape(rewriter, x, {sizes[0], sizes[1], sizes[2], 1, sizes[3]});
        x = BroadcastOp::create(rewriter, loc, getTensorType({sizes[0], sizes[1], sizes[2], *group, sizes[3]}, type),
                                x);
        x = createReshape(rewriter, x, {sizes[0], sizes[1], query[2], sizes[3]});
      }
      return TransposeOp::create(rewriter, loc, x, permutation);
    };
    Value scores =
        MatmulOp::create(rewriter, loc, toHeads(op.getQuery(), {0, 2, 1, 3}), toHeads(op.getKey(), {0, 2, 3, 1}));
    scores = createElementwise(rewriter, loc, ElementwiseKind::mul,
                               {scores, createScalar(rewriter, loc, type, op.getScale().convertToDouble())});
    if (op.getBias())
      scores = createElementwise(rewriter, loc, ElementwiseKind::add, {scores, op.getBias()});
    if (op.getCausal()) {
      auto positions = [&](const SizeExpr &count, const SizeExpr &first, ArrayRef<SizeExpr> sizes) -> Value {
        auto number = [&](const SizeExpr &n) -> Value {
          return SizesOp::create(rewriter, loc, DimsAttr::get(getContext(), {n}), /*scalar=*/true);
        };
        Value range =
            RangeOp::create(rewriter, loc, getTensorType({count}, rewriter.getI64Type()), number(first), number(1));
        return createReshape(rewriter, range, sizes);
      };
      Value queries = positions(query[1], key[1] - query[1], {query[1], 1});
      Value keys = positions(key[1], 0, {1, key[1]});
      Value visible = createElementwise(rewriter, loc, ElementwiseKind::less_equal, {keys, queries});
      Value never = createScalar(rewriter, loc, type, -std::numeric_limits<double>::infinity());
      scores = createElementwise(rewriter, loc, ElementwiseKind::select, {visible, scores, never});
    }
    Value weights = SoftmaxOp::create(rewriter, loc, scores, 3, /*log=*/false);
    Value result = MatmulOp::create(rewriter, loc, weights, toHeads(op.getValue(), {0, 2, 1, 3}));
    rewriter.replaceOpWithNewOp<TransposeOp>(op, result, ArrayRef<int64_t>{0, 2, 1, 3});
    return success();
  }
};

/// A convolution whose windows tile the input (a patch embedding) is a matmul of patches.
struct ConvToMatmul : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    Sizes input = getSizes(op.getInput()), filter = getSizes(op.getFilter()), result = getSizes(op.getResult());
    size_t spatial = input.size() - 2;
    bool tiles = op.getGroups() == 1;
    for (size_t i = 0; i < spatial; ++i)
      tiles = tiles && filter[i + 2].isConstant(op.getStrides()[i]) && op.getDilations()[i] == 1 &&
              op.getLow()[i] == 0 && op.getHigh()[i] == 0 && result[i + 2] * filter[i + 2] == input[i + 2];
    if (!tiles || !sinter::getElementType(op.getInput()).isF32())
      return rewriter.notifyMatchFailure(op, "windows overlap or leave elements out");
    Location loc = op.getLoc();
    // [N, C, P0 * W0, ...] -> [N, C, P0, W0, ...] -> [N, P0, ..., C, W0, ...] -> [N, P0 ..., C * W0 ...]
    Sizes split = {input[0], input[1]};
    SmallVector<int64_t> permutation = {0};
    for (size_t i = 0; i < spatial; ++i) {
      split.append({result[i + 2], filter[i + 2]});
      permutation.push_back(2 + 2 * i);
    }
    permutation.push_back(1);
    for (size_t i = 0; i < spatial; ++i)
      permutation.push_back(3 + 2 * i);
    Value patches = TransposeOp::create(rewriter, loc, createReshape(rewriter, op.getInput(), split), permutation);
    SizeExpr length = SizeExpr::product(ArrayRef(filter).drop_front());
    Sizes rows = {input[0]};
    rows.append(result.begin() + 2, result.end());
    rows.push_back(length);
    patches = createReshape(rewriter, patches, rows);
    Value weights = TransposeOp::create(rewriter, loc, createReshape(rewriter, op.getFilter(), {filter[0], length}),
                                        ArrayRef<int64_t>{1, 0});
    Value product = MatmulOp::create(rewriter, loc, patches, weights);
    if (op.getBias())
      product = createElementwise(rewriter, loc, ElementwiseKind::add, {product, op.getBias()});
    SmallVector<int64_t> channelsFirst = {0, static_cast<int64_t>(spatial) + 1};
    for (size_t i = 0; i < spatial; ++i)
      channelsFirst.push_back(i + 1);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, product, channelsFirst);
    return success();
  }
};

struct Legalize : cpu::impl::LegalizePassBase<Legalize> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns
        .add<ComputeInF32<SoftmaxOp>, ComputeInF32<LayerNormOp>, ComputeInF32<RmsNormOp>, ComputeInF32<AttentionOp>,
             ComputeInF32<MatmulOp>, ComputeInF32<ConvOp>, TransposeSoftmax, ExpandSoftmax, FlattenNorm<LayerNormOp>,
             FlattenNorm<RmsNormOp>, ExpandNorm<LayerNormOp>, ExpandNorm<RmsNormOp>, ExpandAttention, ConvToMatmul>(
            context);
    addLegalizeQuantizedPatterns(patterns);
    for (Dialect *dialect : context->getLoadedDialects())
      dialect->getCanonicalizationPatterns(patterns);
    ReshapeOp::getCanonicalizationPatterns(patterns, context);
    TransposeOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))) ||
        failed(verifyQuantizedForms(getOperation())))
      signalPassFailure();
  }
};

} // namespace
