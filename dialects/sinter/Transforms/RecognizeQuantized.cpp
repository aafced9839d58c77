//===- RecognizeQuantized.cpp - Products of dequantized values -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace sinter {
#define GEN_PASS_DEF_RECOGNIZEQUANTIZEDPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

QuantizedType getCodeType(Value value) { return cast<QuantizedType>(getElementType(value)); }

/// A conversion of a weight moves over the transpose that follows it.
struct TransposeCodes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto dequantize = op.getInput().getDefiningOp<DequantizeOp>();
    if (!dequantize || !isFromWeights(dequantize.getResult()))
      return rewriter.notifyMatchFailure(op, "not of a weight in codes");
    QuantizedType type = getCodeType(dequantize.getInput());
    ArrayRef<int64_t> permutation = op.getPermutation();
    SmallVector<int64_t> blocks;
    if (!type.getBlocks().empty())
      for (int64_t axis : permutation)
        blocks.push_back(type.getBlocks()[axis]);
    auto transpose = [&](Value value) -> Value {
      if (!value || getRank(value) == 0)
        return value;
      return TransposeOp::create(rewriter, op.getLoc(), value, permutation);
    };
    auto moved = QuantizedType::get(getContext(), type.getStorage(), type.getExpressed(), blocks, type.getZeroPoints());
    Value plain =
        StorageCastOp::create(rewriter, op.getLoc(), getTensorType(getSizes(dequantize.getInput()), type.getStorage()),
                              dequantize.getInput());
    Value codes =
        StorageCastOp::create(rewriter, op.getLoc(), getTensorType(getSizes(op.getResult()), moved), transpose(plain));
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, codes, transpose(dequantize.getScale()),
                                              transpose(dequantize.getZeroPoint()));
    return success();
  }
};

/// A conversion by one scale moves over the reshape that follows it.
struct ReshapeCodes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto dequantize = op.getInput().getDefiningOp<DequantizeOp>();
    if (!dequantize || !getCodeType(dequantize.getInput()).getBlocks().empty())
      return rewriter.notifyMatchFailure(op, "not of codes with one scale");
    QuantizedType type = getCodeType(dequantize.getInput());
    Value codes =
        ReshapeOp::create(rewriter, op.getLoc(), getTensorType(getSizes(op.getResult()), type), dequantize.getInput());
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, codes, dequantize.getScale(), dequantize.getZeroPoint());
    return success();
  }
};

bool isInteger(QuantizedType type, unsigned most) {
  return !isa<FloatType>(type.getStorage()) && type.getBits() <= most && type.getExpressed().isF32();
}

struct MultiplyCodes : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    auto lhs = op.getLhs().getDefiningOp<DequantizeOp>(), rhs = op.getRhs().getDefiningOp<DequantizeOp>();
    if (!lhs || !rhs || getRank(rhs.getResult()) != 2 || !isFromWeights(rhs.getResult()) ||
        isFromWeights(lhs.getResult()))
      return rewriter.notifyMatchFailure(op, "no product of codes by a weight");
    QuantizedType left = getCodeType(lhs.getInput()), right = getCodeType(rhs.getInput());
    ArrayRef<int64_t> columns = right.getBlocks();
    std::optional<int64_t> depth = getSize(rhs.getResult(), 0).constant();
    if (!isInteger(left, 8) || left.getBits() != 8 || !isInteger(right, 8) ||
        !(left.getBlocks().empty() || left.hasRowBlocks()) || (!columns.empty() && columns[1] > 1) || !depth ||
        right.getRowsPerBlock(*depth) > QuantizedMatmulOp::maxGroup ||
        (lhs.getZeroPoint() && getRank(lhs.getZeroPoint()) != 0))
      return rewriter.notifyMatchFailure(op, "codes or scales that no product has");
    rewriter.replaceOpWithNewOp<QuantizedMatmulOp>(op, lhs.getInput(), lhs.getScale(), lhs.getZeroPoint(),
                                                   rhs.getInput(), rhs.getScale(), rhs.getZeroPoint());
    return success();
  }
};

/// Bytes as i32, minus a zero point that holds for all of them.
struct Centered {
  Value bytes, zeroPoint;
};
std::optional<Centered> readCentered(Value value) {
  Centered result;
  if (auto sub = value.getDefiningOp<ElementwiseOp>()) {
    if (sub.getKind() != ElementwiseKind::sub || getSizes(sub.getOperands_()[0]) != getSizes(value))
      return std::nullopt;
    auto zero = sub.getOperands_()[1].getDefiningOp<CastOp>();
    if (!zero || getRank(zero.getInput()) != 0)
      return std::nullopt;
    result.zeroPoint = zero.getInput();
    value = sub.getOperands_()[0];
  }
  auto cast = value.getDefiningOp<CastOp>();
  if (!cast || !getElementType(cast.getInput()).isInteger(8))
    return std::nullopt;
  result.bytes = cast.getInput();
  if (result.zeroPoint && getElementType(result.zeroPoint) != getElementType(result.bytes))
    return std::nullopt;
  return result;
}

/// A product of integers that becomes f32: the sums are rounded as those of codes with scales of 1 are.
struct MultiplyIntegers : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    auto matmul = op.getInput().getDefiningOp<MatmulOp>();
    if (!matmul || !getElementType(op.getResult()).isF32() || !getElementType(matmul.getResult()).isInteger(32) ||
        getRank(matmul.getRhs()) != 2 || !isFromWeights(matmul.getRhs()) || isFromWeights(matmul.getLhs()))
      return rewriter.notifyMatchFailure(op, "no product of integers by a weight");
    std::optional<Centered> left = readCentered(matmul.getLhs()), right = readCentered(matmul.getRhs());
    std::optional<int64_t> depth = getSize(matmul.getRhs(), 0).constant();
    if (!left || !right || !depth || *depth > QuantizedMatmulOp::maxGroup)
      return rewriter.notifyMatchFailure(op, "not of bytes");
    Location loc = matmul.getLoc();
    Type f32 = rewriter.getF32Type();
    Value one = ConstantOp::create(rewriter, loc,
                                   DenseElementsAttr::get(RankedTensorType::get({}, f32), rewriter.getF32FloatAttr(1)));
    auto codes = [&](const Centered &side) -> Value {
      auto type =
          QuantizedType::get(getContext(), getElementType(side.bytes), f32, {}, static_cast<bool>(side.zeroPoint));
      return StorageCastOp::create(rewriter, loc, getTensorType(getSizes(side.bytes), type), side.bytes);
    };
    rewriter.replaceOpWithNewOp<QuantizedMatmulOp>(op, codes(*left), one, left->zeroPoint, codes(*right), one,
                                                   right->zeroPoint);
    return success();
  }
};

struct RecognizeQuantized : sinter::impl::RecognizeQuantizedPassBase<RecognizeQuantized> {
  void runOnOperation() override {
    auto count = [&] {
      unsigned products = 0;
      getOperation().walk([&](QuantizedMatmulOp) { ++products; });
      return products;
    };
    unsigned before = count();
    RewritePatternSet patterns(&getContext());
    patterns.add<TransposeCodes, ReshapeCodes, MultiplyCodes, MultiplyIntegers>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numRecognized += count() - before;
  }
};

} // namespace
