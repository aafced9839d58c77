//===- SimplifyIndices.cpp - Index arithmetic becomes rearrangements ---===//
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

namespace sinter {
#define GEN_PASS_DEF_SIMPLIFYINDICESPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// An integer or truth value that is the same everywhere: one constant, repeated.
struct FoldPositions : RewritePattern {
  FoldPositions(MLIRContext *context, const SymbolBounds &bounds, Pass::Statistic &numFolded)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context), bounds(bounds), numFolded(numFolded) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa<ElementwiseOp, CastOp, GatherOp, GatherElementsOp, SliceOp, ConcatOp>(op))
      return rewriter.notifyMatchFailure(op, "not an op whose elements follow from positions");
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (!isa<IntegerType>(type.getElementType()))
      return rewriter.notifyMatchFailure(op, "no integers");
    Positions positions(bounds, getSizes(type));
    std::optional<SizeExpr> element = positions.elementAt(op->getResult(0), positions.getCoordinates());
    if (!element || !element->constant())
      return rewriter.notifyMatchFailure(op, "the elements are not known to be one number");
    rewriter.replaceOp(op, makeSplat(rewriter, op->getLoc(), type, static_cast<double>(*element->constant())));
    ++numFolded;
    return success();
  }

  const SymbolBounds &bounds;
  Pass::Statistic &numFolded;
};

/// Reads a tensor at coordinates that are each a line along one dimension of the result, or fixed: a slice, with its
/// dimensions in another order and repeated. Null where the coordinates are not such, or not known to be within the
/// tensor.
Value readAt(PatternRewriter &rewriter, Location loc, Value data, ArrayRef<SizeExpr> at, ArrayRef<SizeExpr> sizes,
             const Positions &positions) {
  Sizes from = getSizes(data), sliced;
  SmallVector<SizeExpr> starts, steps;
  SmallVector<int64_t> axes; // of the result, for each dimension of the data that stays
  Sizes kept;
  for (size_t i = 0; i < from.size(); ++i) {
    if (!positions.isWithin(at[i], from[i]))
      return {};
    if (Positions::isFixed(at[i])) {
      starts.push_back(at[i]);
      steps.push_back(1);
      sliced.push_back(1);
      continue;
    }
    std::optional<Positions::Line> line = positions.asLine(at[i]);
    if (!line || llvm::is_contained(axes, line->axis) || !positions.isAtLeast(line->start, 0))
      return {};
    starts.push_back(line->start);
    steps.push_back(line->step);
    sliced.push_back(sizes[line->axis]);
    axes.push_back(line->axis);
    kept.push_back(sizes[line->axis]);
  }
  Value value = data;
  bool whole = sliced == from && llvm::all_of(starts, [](const SizeExpr &start) { return start.isConstant(0); }) &&
               llvm::all_of(steps, [](const SizeExpr &step) { return step.isConstant(1); });
  if (!whole)
    value = SliceOp::create(rewriter, loc, getTensorType(sliced, getElementType(data)), data,
                            DimsAttr::get(rewriter.getContext(), starts), DimsAttr::get(rewriter.getContext(), steps));
  value = makeReshape(rewriter, loc, value, kept);
  SmallVector<int64_t> order(axes.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  llvm::sort(order, [&](int64_t a, int64_t b) { return axes[a] < axes[b]; });
  value = makeTranspose(rewriter, loc, value, order);
  Sizes spread(sizes.size(), SizeExpr(1));
  for (int64_t axis : axes)
    spread[axis] = sizes[axis];
  return makeBroadcast(rewriter, loc, makeReshape(rewriter, loc, value, spread), sizes);
}

/// What a gather reads, and where, for the result's coordinates; data that was reshaped is read before that.
LogicalResult rewriteGather(PatternRewriter &rewriter, Operation *op, Value data, SmallVector<SizeExpr> at,
                            const Positions &positions) {
  Sizes sizes = getSizes(op->getResult(0));
  Value value = readAt(rewriter, op->getLoc(), data, at, sizes, positions);
  auto reshape = data.getDefiningOp<ReshapeOp>();
  if (!value && reshape)
    if (auto before = positions.reshape(at, getSizes(data), getSizes(reshape.getInput())))
      value = readAt(rewriter, op->getLoc(), reshape.getInput(), *before, sizes, positions);
  if (!value)
    return rewriter.notifyMatchFailure(op, "the positions are no slice of the data");
  rewriter.replaceOp(op, value);
  return success();
}

/// The coordinates in the data that a gather reads for the result's coordinates; none where its indices are not known.
std::optional<SmallVector<SizeExpr>> getDataCoordinates(GatherOp op, Positions &positions) {
  SmallVector<SizeExpr> coordinates = positions.getCoordinates(), at;
  size_t axis = op.getAxis(), indexRank = getRank(op.getIndices());
  std::optional<SizeExpr> index = positions.elementAt(op.getIndices(), ArrayRef(coordinates).slice(axis, indexRank));
  if (!index)
    return std::nullopt;
  at.append(coordinates.begin(), coordinates.begin() + axis);
  // A fixed index may count from the end.
  at.push_back(index->constant() && *index->constant() < 0 ? *index + getSize(op.getData(), axis) : *index);
  at.append(coordinates.begin() + axis + indexRank, coordinates.end());
  return at;
}

std::optional<SmallVector<SizeExpr>> getDataCoordinates(GatherElementsOp op, Positions &positions) {
  SmallVector<SizeExpr> at = positions.getCoordinates();
  std::optional<SizeExpr> index = positions.elementAt(op.getIndices(), at);
  if (!index)
    return std::nullopt;
  at[op.getAxis()] = *index;
  return at;
}

std::optional<SmallVector<SizeExpr>> getDataCoordinates(GatherNdOp op, Positions &positions) {
  SmallVector<SizeExpr> coordinates = positions.getCoordinates(), at;
  size_t batch = op.getBatchDims(), indexRank = getRank(op.getIndices());
  int64_t numIndices = *getSize(op.getIndices(), indexRank - 1).constant();
  at.append(coordinates.begin(), coordinates.begin() + batch);
  SmallVector<SizeExpr> where(coordinates.begin(), coordinates.begin() + indexRank - 1);
  for (int64_t i = 0; i < numIndices; ++i) {
    where.push_back(i);
    std::optional<SizeExpr> index = positions.elementAt(op.getIndices(), where);
    if (!index)
      return std::nullopt;
    at.push_back(*index);
    where.pop_back();
  }
  at.append(coordinates.begin() + indexRank - 1, coordinates.end());
  return at;
}

/// A gather whose indices follow from positions: a slice of its data.
template <typename Op> struct RewriteGather : OpRewritePattern<Op> {
  RewriteGather(MLIRContext *context, const SymbolBounds &bounds, Pass::Statistic &numGathers)
      : OpRewritePattern<Op>(context), bounds(bounds), numGathers(numGathers) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Positions positions(bounds, getSizes(op.getResult()));
    std::optional<SmallVector<SizeExpr>> at = getDataCoordinates(op, positions);
    if (!at)
      return rewriter.notifyMatchFailure(op, "the indices are not known");
    if (failed(rewriteGather(rewriter, op, op.getData(), *at, positions)))
      return failure();
    ++numGathers;
    return success();
  }

  const SymbolBounds &bounds;
  Pass::Statistic &numGathers;
};

class SimplifyIndicesPass : public sinter::impl::SimplifyIndicesPassBase<SimplifyIndicesPass> {
  void runOnOperation() override {
    SymbolBounds bounds(getOperation());
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldPositions>(&getContext(), bounds, numFolded);
    patterns.add<RewriteGather<GatherOp>, RewriteGather<GatherElementsOp>, RewriteGather<GatherNdOp>>(
        &getContext(), bounds, numGathers);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};

} // namespace
