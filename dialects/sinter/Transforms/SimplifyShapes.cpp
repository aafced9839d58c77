//===- SimplifyShapes.cpp - Rearrangements meet and vanish -------------===//
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
#define GEN_PASS_DEF_SIMPLIFYSHAPESPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

//===----------------------------------------------------------------------===//
// Broadcasts sink
//===----------------------------------------------------------------------===//

/// Elementwise ops repeat their operands themselves; what is the same along a dimension is computed once.
struct SinkThroughElementwise : OpRewritePattern<ElementwiseOp> {
  SinkThroughElementwise(MLIRContext *context, Pass::Statistic &numSunk)
      : OpRewritePattern<ElementwiseOp>(context), numSunk(numSunk) {}

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> operands(op.getOperands_());
    bool found = false;
    for (Value &operand : operands)
      if (auto broadcast = operand.getDefiningOp<BroadcastOp>()) {
        operand = broadcast.getInput();
        found = true;
      }
    if (!found)
      return rewriter.notifyMatchFailure(op, "no operand is a broadcast");
    Value result = ElementwiseOp::create(rewriter, op.getLoc(), op.getKind(), operands, op.getAlphaAttr());
    rewriter.replaceOp(op, makeBroadcast(rewriter, op.getLoc(), result, getSizes(op.getResult())));
    ++numSunk;
    return success();
  }

  Pass::Statistic &numSunk;
};

struct SinkThroughCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    auto broadcast = op.getInput().getDefiningOp<BroadcastOp>();
    if (!broadcast)
      return rewriter.notifyMatchFailure(op, "the operand is no broadcast");
    Type elementType = getElementType(op.getResult());
    Value result = CastOp::create(rewriter, op.getLoc(), getTensorType(getSizes(broadcast.getInput()), elementType),
                                  broadcast.getInput(), op.getUnsaturated(), op.getRoundMode());
    rewriter.replaceOp(op, makeBroadcast(rewriter, op.getLoc(), result, getSizes(op.getResult())));
    return success();
  }
};

struct MergeBroadcasts : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    auto first = op.getInput().getDefiningOp<BroadcastOp>();
    if (!first)
      return rewriter.notifyMatchFailure(op, "the operand is no broadcast");
    rewriter.replaceOp(op, makeBroadcast(rewriter, op.getLoc(), first.getInput(), getSizes(op.getResult())));
    return success();
  }
};

/// The sizes without those that are 1.
Sizes withoutOnes(ArrayRef<SizeExpr> sizes) {
  Sizes result;
  for (const SizeExpr &size : sizes)
    if (!size.isConstant(1))
      result.push_back(size);
  return result;
}

/// A reshape that only adds and removes dimensions of size 1 comes before the broadcast.
struct SinkThroughReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto broadcast = op.getInput().getDefiningOp<BroadcastOp>();
    if (!broadcast)
      return rewriter.notifyMatchFailure(op, "the operand is no broadcast");
    Sizes from = getSizes(broadcast.getResult()), to = getSizes(op.getResult());
    Sizes before = withRank(getSizes(broadcast.getInput()), from.size());
    if (withoutOnes(from) != withoutOnes(to))
      return rewriter.notifyMatchFailure(op, "the reshape merges or splits dimensions");
    Sizes after(to.size(), SizeExpr(1));
    for (size_t i = 0, j = 0; i < from.size(); ++i) {
      if (from[i].isConstant(1))
        continue;
      while (to[j].isConstant(1))
        ++j;
      after[j++] = before[i];
    }
    rewriter.replaceOp(
        op, makeBroadcast(rewriter, op.getLoc(), makeReshape(rewriter, op.getLoc(), broadcast.getInput(), after), to));
    return success();
  }
};

struct SinkThroughTranspose : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto broadcast = op.getInput().getDefiningOp<BroadcastOp>();
    if (!broadcast)
      return rewriter.notifyMatchFailure(op, "the operand is no broadcast");
    Value input = makeRank(rewriter, op.getLoc(), broadcast.getInput(), getRank(op.getResult()));
    rewriter.replaceOp(op, makeBroadcast(rewriter, op.getLoc(),
                                         makeTranspose(rewriter, op.getLoc(), input, op.getPermutation()),
                                         getSizes(op.getResult())));
    return success();
  }
};

/// Rows that many indices name alike are read once.
struct SinkThroughGather : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    auto broadcast = op.getIndices().getDefiningOp<BroadcastOp>();
    if (!broadcast)
      return rewriter.notifyMatchFailure(op, "the indices are no broadcast");
    Value indices = makeRank(rewriter, op.getLoc(), broadcast.getInput(), getRank(op.getIndices()));
    Value result = GatherOp::create(rewriter, op.getLoc(), op.getData(), indices, op.getAxis());
    rewriter.replaceOp(op, makeBroadcast(rewriter, op.getLoc(), result, getSizes(op.getResult())));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Transposes
//===----------------------------------------------------------------------===//

/// A transpose that only moves dimensions of size 1 is a reshape.
struct TransposeIsReshape : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    Sizes sizes = getSizes(op.getInput());
    int64_t previous = -1;
    for (int64_t axis : op.getPermutation()) {
      if (sizes[axis].isConstant(1))
        continue;
      if (axis < previous)
        return rewriter.notifyMatchFailure(op, "elements change places");
      previous = axis;
    }
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), op.getInput(), getSizes(op.getResult())));
    return success();
  }
};

/// Positions are rotated before the heads come first, so that attention finds [batch, sequence, heads, size].
struct SinkThroughRotary : OpRewritePattern<RotaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RotaryOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getInput().getDefiningOp<TransposeOp>();
    int64_t rank = getRank(op.getResult());
    if (!transpose || transpose.getPermutation().back() != rank - 1)
      return rewriter.notifyMatchFailure(op, "the operand is no transpose of other dimensions than the last");
    SmallVector<int64_t> inverse(rank);
    for (auto [i, axis] : llvm::enumerate(transpose.getPermutation()))
      inverse[axis] = i;
    auto turn = [&](Value angles) {
      return makeTranspose(rewriter, op.getLoc(), makeRank(rewriter, op.getLoc(), angles, rank), inverse);
    };
    Value result = RotaryOp::create(rewriter, op.getLoc(), transpose.getInput(), turn(op.getCos()), turn(op.getSin()),
                                    op.getInterleavedAttr());
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), result, transpose.getPermutation()));
    return success();
  }
};

/// The same of one position, whose transpose is a reshape and gone: [batch, heads, 1, size].
struct PutPositionBeforeHeads : OpRewritePattern<RotaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RotaryOp op, PatternRewriter &rewriter) const override {
    Sizes sizes = getSizes(op.getResult()), angles = getSizes(op.getCos());
    if (sizes.size() != 4 || sizes[1].isConstant(1) || !sizes[2].isConstant(1) ||
        !llvm::all_of(ArrayRef(angles).drop_back(), [](const SizeExpr &size) { return size.isConstant(1); }))
      return rewriter.notifyMatchFailure(op, "not heads of one position");
    Value input = makeReshape(rewriter, op.getLoc(), op.getInput(), {sizes[0], sizes[2], sizes[1], sizes[3]});
    Value result = RotaryOp::create(rewriter, op.getLoc(), input, op.getCos(), op.getSin(), op.getInterleavedAttr());
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), result, sizes));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Reshapes around a product of rows
//===----------------------------------------------------------------------===//

/// Whether the value leads, through ops that treat rows alike, to a product whose left operand was reshaped to rows.
bool leadsToRows(Value value) {
  if (!value.hasOneUse())
    return false;
  if (auto product = value.getDefiningOp<MatmulOp>())
    return getRank(product.getRhs()) == 2 && product.getLhs().getDefiningOp<ReshapeOp>();
  auto op = value.getDefiningOp<ElementwiseOp>();
  if (!op)
    return false;
  Value rows;
  for (Value operand : op.getOperands_()) {
    if (getRank(operand) <= 1)
      continue;
    if (rows || operand.getType() != value.getType())
      return false;
    rows = operand;
  }
  return rows && leadsToRows(rows);
}

/// reshape(matmul(reshape(x), w)), which exporters write for a product of x with several leading dimensions, and with a
/// bias or an activation between.
struct KeepLeadingDimensions : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    Sizes from = getSizes(op.getInput()), to = getSizes(op.getResult());
    if (from.size() != 2 || to.size() < 3 || from.back() != to.back() || !leadsToRows(op.getInput()))
      return rewriter.notifyMatchFailure(op, "no product of rows that have several leading dimensions");
    if (auto product = op.getInput().getDefiningOp<MatmulOp>()) {
      Sizes left = to;
      left.back() = getSizes(product.getLhs()).back();
      Value lhs = makeReshape(rewriter, op.getLoc(), product.getLhs().getDefiningOp<ReshapeOp>().getInput(), left);
      rewriter.replaceOpWithNewOp<MatmulOp>(op, lhs, product.getRhs());
      return success();
    }
    auto function = op.getInput().getDefiningOp<ElementwiseOp>();
    SmallVector<Value> operands;
    for (Value operand : function.getOperands_())
      operands.push_back(getRank(operand) <= 1 ? operand : makeReshape(rewriter, op.getLoc(), operand, to));
    rewriter.replaceOpWithNewOp<ElementwiseOp>(op, function.getKind(), operands, function.getAlphaAttr());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Batch and heads as one dimension
//===----------------------------------------------------------------------===//

/// The operand of a reshape that merges its first two dimensions and keeps all others: [a, b, ..] to [a * b, ..].
/// Exporters write it for products of many matrices (bmm), and split the dimensions again afterwards.
Value beforeMerge(Value value) {
  auto reshape = value.getDefiningOp<ReshapeOp>();
  if (!reshape || getRank(reshape.getInput()) != getRank(value) + 1 || getRank(value) < 2)
    return {};
  Sizes from = getSizes(reshape.getInput()), to = getSizes(value);
  bool merges = from[0] * from[1] == to[0] && ArrayRef(from).drop_front(2) == ArrayRef(to).drop_front(1);
  return merges ? reshape.getInput() : Value();
}

struct SplitMatmul : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    Value lhs = beforeMerge(op.getLhs()), rhs = beforeMerge(op.getRhs());
    if (!lhs || !rhs || getRank(lhs) != 4 || getRank(rhs) != 4 || getSize(lhs, 0) != getSize(rhs, 0) ||
        getSize(lhs, 1) != getSize(rhs, 1))
      return rewriter.notifyMatchFailure(op, "not two operands whose batch and heads were merged");
    Value result = MatmulOp::create(rewriter, op.getLoc(), lhs, rhs);
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), result, getSizes(op.getResult())));
    return success();
  }
};

struct SplitTranspose : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    Value input = beforeMerge(op.getInput());
    if (!input || op.getPermutation().front() != 0)
      return rewriter.notifyMatchFailure(op, "the merged dimension does not stay the first");
    SmallVector<int64_t> permutation = {0};
    for (int64_t axis : op.getPermutation())
      permutation.push_back(axis + 1);
    Value result = makeTranspose(rewriter, op.getLoc(), input, permutation);
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), result, getSizes(op.getResult())));
    return success();
  }
};

struct SplitSoftmax : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SoftmaxOp op, PatternRewriter &rewriter) const override {
    Value input = beforeMerge(op.getInput());
    if (!input || op.getAxis() == 0)
      return rewriter.notifyMatchFailure(op, "the dimension is one that was merged, or none was");
    Value result = SoftmaxOp::create(rewriter, op.getLoc(), input, op.getAxis() + 1, op.getLog());
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), result, getSizes(op.getResult())));
    return success();
  }
};

/// A function of the merged tensor and of numbers that are the same everywhere.
struct SplitElementwise : OpRewritePattern<ElementwiseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> operands;
    Value merged;
    for (Value operand : op.getOperands_()) {
      if (getRank(operand) == 0) {
        operands.push_back(operand);
        continue;
      }
      if (merged || !beforeMerge(operand) || getSizes(operand) != getSizes(op.getResult()))
        return rewriter.notifyMatchFailure(op, "not one tensor that was merged, and numbers");
      merged = beforeMerge(operand);
      operands.push_back(merged);
    }
    if (!merged)
      return rewriter.notifyMatchFailure(op, "numbers only");
    Value result = ElementwiseOp::create(rewriter, op.getLoc(), op.getKind(), operands, op.getAlphaAttr());
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), result, getSizes(op.getResult())));
    return success();
  }
};

class SimplifyShapesPass : public sinter::impl::SimplifyShapesPassBase<SimplifyShapesPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SinkThroughElementwise>(&getContext(), numSunk);
    patterns.add<SinkThroughCast, MergeBroadcasts, SinkThroughReshape, SinkThroughTranspose, SinkThroughGather,
                 TransposeIsReshape, SinkThroughRotary, PutPositionBeforeHeads, KeepLeadingDimensions, SplitMatmul,
                 SplitTranspose, SplitSoftmax, SplitElementwise>(&getContext());
    ReshapeOp::getCanonicalizationPatterns(patterns, &getContext());
    TransposeOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};

} // namespace
