//===- LegalizeQuantized.cpp - Codes in the forms that CPU kernels have --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernel of quantized products has unsigned bytes on the left: what is signed
// moves up by 128 with its zero point. Every conversion that no kernel does is
// written out in elementwise ops.
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/LegalizeQuantized.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/cpu/Emit/KernelTemplates.h"
#include "targets/cpu/Transforms/CreateOps.h"
#include "targets/cpu/Transforms/Passes.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

QuantizedType getCodeType(Value value) { return cast<QuantizedType>(sinter::getElementType(value)); }

Value createStorageCast(OpBuilder &b, Location loc, Value value, Type elementType) {
  return b.createOrFold<StorageCastOp>(loc, getTensorType(getSizes(value), elementType), value);
}

/// Plain bytes plus a number, as `to`.
Value createShifted(OpBuilder &b, Location loc, Value bytes, int64_t by, Type to) {
  if (auto constant = bytes.getDefiningOp<ConstantOp>())
    if (auto elements = dyn_cast<DenseElementsAttr>(constant.getValue()); elements && elements.isSplat()) {
      APInt bits = elements.getSplatValue<APInt>();
      bool isSigned = !elements.getElementType().isUnsignedInteger();
      int64_t number = (isSigned ? bits.getSExtValue() : static_cast<int64_t>(bits.getZExtValue())) + by;
      auto type = cast<RankedTensorType>(elements.getType()).clone(to);
      return ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getIntegerAttr(to, number)));
    }
  Type i32 = b.getI32Type();
  Value sum =
      createElementwise(b, loc, ElementwiseKind::add, {createCast(b, loc, bytes, i32), createScalar(b, loc, i32, by)});
  return createCast(b, loc, sum, to);
}

/// What is multiplied is unsigned: signed bytes are moved by 128 with their zero points.
struct UnsignedLeft : OpRewritePattern<QuantizedMatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  static Value toCodes(OpBuilder &b, Location loc, Value plain, QuantizedType like, bool hasZeroPoints) {
    auto type = QuantizedType::get(b.getContext(), sinter::getElementType(plain), like.getExpressed(), like.getBlocks(),
                                   hasZeroPoints);
    return createStorageCast(b, loc, plain, type);
  }

  static void multiply(PatternRewriter &rewriter, QuantizedMatmulOp op, Value codes, Value zeroPoint) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    rewriter.replaceOpWithNewOp<QuantizedMatmulOp>(op, codes, op.getLhsScale(), zeroPoint, op.getRhs(),
                                                   op.getRhsScale(), op.getRhsZeroPoint());
  }

  LogicalResult matchAndRewrite(QuantizedMatmulOp op, PatternRewriter &rewriter) const override {
    QuantizedType type = getCodeType(op.getLhs());
    Location loc = op.getLoc();
    bool isUnsigned = type.getStorage().isUnsignedInteger();
    if (isUnsigned && type.getZeroPoints())
      return rewriter.notifyMatchFailure(op, "unsigned already");
    if (auto quantize = op.getLhs().getDefiningOp<QuantizeOp>(); quantize && !isUnsigned) {
      moveConversion(rewriter, quantize, op.getLhsZeroPoint());
      return success();
    }
    Value plain = createStorageCast(rewriter, loc, op.getLhs(), type.getStorage());
    Type storage = IntegerType::get(getContext(), 8, IntegerType::Unsigned);
    Value zeroPoint = op.getLhsZeroPoint();
    if (!isUnsigned)
      plain = createShifted(rewriter, loc, plain, 128, storage);
    if (!zeroPoint)
      zeroPoint = createScalar(rewriter, loc, storage, isUnsigned ? 0 : 128);
    else
      zeroPoint = createShifted(rewriter, loc, zeroPoint, 128, storage);
    multiply(rewriter, op, toCodes(rewriter, loc, plain, type, /*hasZeroPoints=*/true), zeroPoint);
    return success();
  }

  /// The conversion itself gives unsigned codes, to all products; who else reads the codes gets them moved back.
  static void moveConversion(PatternRewriter &rewriter, QuantizeOp quantize, Value zeroPoint) {
    QuantizedType type = getCodeType(quantize.getResult());
    Location loc = quantize.getLoc();
    Type storage = IntegerType::get(rewriter.getContext(), 8, IntegerType::Unsigned);
    auto moved = QuantizedType::get(rewriter.getContext(), storage, type.getExpressed(), type.getBlocks(), true);
    rewriter.setInsertionPoint(quantize);
    zeroPoint =
        zeroPoint ? createShifted(rewriter, loc, zeroPoint, 128, storage) : createScalar(rewriter, loc, storage, 128);
    Value codes = QuantizeOp::create(rewriter, loc, getTensorType(getSizes(quantize.getResult()), moved),
                                     quantize.getInput(), quantize.getScale(), zeroPoint, quantize.getReciprocal());
    SmallVector<QuantizedMatmulOp> products;
    for (Operation *user : quantize->getUsers())
      if (auto product = dyn_cast<QuantizedMatmulOp>(user); product && product.getLhs() == quantize.getResult())
        products.push_back(product);
    for (QuantizedMatmulOp product : products)
      multiply(rewriter, product, codes, zeroPoint);
    rewriter.setInsertionPoint(quantize);
    if (quantize.use_empty())
      return rewriter.eraseOp(quantize);
    Value plain =
        createShifted(rewriter, loc, createStorageCast(rewriter, loc, codes, storage), -128, type.getStorage());
    rewriter.replaceOp(quantize, toCodes(rewriter, loc, plain, type, type.getZeroPoints()));
  }
};

/// Weights have a scale for each column at least, and a zero point for each scale, if any.
struct SpreadScales : OpRewritePattern<QuantizedMatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizedMatmulOp op, PatternRewriter &rewriter) const override {
    QuantizedType type = getCodeType(op.getRhs());
    Location loc = op.getLoc();
    bool isSpread = type.hasColumnBlocks();
    Value zeroPoint = op.getRhsZeroPoint();
    if (isSpread && (!zeroPoint || getSizes(zeroPoint) == getSizes(op.getRhsScale())))
      return rewriter.notifyMatchFailure(op, "has its form already");
    int64_t rows = type.getBlocks().empty() ? 0 : type.getBlocks()[0];
    auto columns = QuantizedType::get(getContext(), type.getStorage(), type.getExpressed(), {rows, 1},
                                      static_cast<bool>(zeroPoint));
    Value codes = op.getRhs();
    if (columns != type)
      codes = createStorageCast(rewriter, loc, createStorageCast(rewriter, loc, codes, type.getStorage()), columns);
    auto spread = [&](Value value) -> Value {
      Type to = getTensorType(*columns.getScaleSizes(getSizes(codes)), sinter::getElementType(value));
      return value.getType() == to ? value : BroadcastOp::create(rewriter, loc, to, value).getResult();
    };
    rewriter.replaceOpWithNewOp<QuantizedMatmulOp>(op, op.getLhs(), op.getLhsScale(), op.getLhsZeroPoint(), codes,
                                                   spread(op.getRhsScale()), zeroPoint ? spread(zeroPoint) : Value());
    return success();
  }
};

/// Whether the scale of a block is found by NumPy's broadcasting.
bool broadcasts(QuantizedType type) {
  return llvm::all_of(type.getBlocks(), [](int64_t length) { return length <= 1; });
}

/// Whether that holds once scales are repeated over their blocks.
bool canRepeat(QuantizedType type, ArrayRef<SizeExpr> sizes) {
  for (auto [axis, length] : llvm::enumerate(type.getBlocks()))
    if (length > 1 && !SizeExpr::exactDiv(sizes[axis], length))
      return false;
  return true;
}

/// Scales or zero points with an element for each element of a dimension whose blocks are longer than 1.
Value createRepeated(OpBuilder &b, Location loc, Value value, QuantizedType type) {
  if (!value || sinter::getRank(value) == 0 || broadcasts(type))
    return value;
  Sizes split, repeated, joined;
  for (auto [size, length] : llvm::zip_equal(getSizes(value), type.getBlocks())) {
    int64_t times = std::max<int64_t>(length, 1);
    split.append({size, 1});
    repeated.append({size, times});
    joined.push_back(size * SizeExpr(times));
  }
  Type element = sinter::getElementType(value);
  value = ReshapeOp::create(b, loc, getTensorType(split, element), value);
  value = BroadcastOp::create(b, loc, getTensorType(repeated, element), value);
  return ReshapeOp::create(b, loc, getTensorType(joined, element), value);
}

bool isMultiplied(Value codes) {
  return llvm::any_of(codes.getUsers(), [](Operation *user) { return isa<QuantizedMatmulOp>(user); });
}

/// Plain codes of f32 numbers: rounded, 0 where the scale is not above 0 or the number is NaN, plus a zero point if
/// there is one, clamped to the range of `type`.
Value createCodes(OpBuilder &b, Location loc, Value numbers, Value scale, Value zeroPoint, QuantizedType type) {
  Type f32 = b.getF32Type();
  auto number = [&](int64_t n) { return createScalar(b, loc, f32, static_cast<double>(n)); };
  auto apply = [&](ElementwiseKind kind, ValueRange operands) { return createElementwise(b, loc, kind, operands); };
  Value rounded = apply(ElementwiseKind::round, numbers);
  Value isNumber = apply(ElementwiseKind::logical_and,
                         {apply(ElementwiseKind::greater, {scale, number(0)}),
                          apply(ElementwiseKind::logical_not, apply(ElementwiseKind::is_nan, numbers))});
  rounded = apply(ElementwiseKind::select, {isNumber, rounded, number(0)});
  if (zeroPoint)
    rounded = apply(ElementwiseKind::add, {rounded, createCast(b, loc, zeroPoint, f32)});
  auto [least, greatest] = type.getRange();
  Value clamped =
      apply(ElementwiseKind::min, {apply(ElementwiseKind::max, {rounded, number(least)}), number(greatest)});
  return createCast(b, loc, clamped, type.getStorage());
}

/// The greatest or least element of each block, and 0.
Value createExtreme(PatternRewriter &rewriter, Location loc, ReduceKind kind, Value x, ArrayRef<int64_t> blocks) {
  SmallVector<int64_t> axes;
  for (int64_t axis = 0; axis < sinter::getRank(x); ++axis)
    if (blocks.empty() || blocks[axis] == 0)
      axes.push_back(axis);
  Value extreme = axes.empty() ? x : Value(ReduceOp::create(rewriter, loc, kind, x, axes, !blocks.empty()));
  auto function = kind == ReduceKind::max ? ElementwiseKind::max : ElementwiseKind::min;
  return createElementwise(rewriter, loc, function, {extreme, createScalar(rewriter, loc, rewriter.getF32Type(), 0)});
}

/// Scales that no kernel finds while it quantizes, as their formula.
struct ExpandChooseScale : OpRewritePattern<ChooseScaleOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ChooseScaleOp op, PatternRewriter &rewriter) const override {
    auto type = cast<QuantizedType>(op.getQuantized());
    bool isKernels = llvm::any_of(op->getUsers(), [](Operation *user) {
      auto quantize = dyn_cast<QuantizeOp>(user);
      // A product may still turn a signed conversion into a kernel's.
      return quantize && isMultiplied(quantize.getResult()) &&
             (isRowQuantize(quantize) || !getCodeType(quantize.getResult()).getStorage().isUnsignedInteger());
    });
    if (isFromWeights(op.getResult()) || !broadcasts(type) || isKernels || op.getSearch() ||
        !sinter::getElementType(op.getInput()).isF32())
      return rewriter.notifyMatchFailure(op, "a kernel or a recipe has it");
    Location loc = op.getLoc();
    auto number = [&](double n) { return createScalar(rewriter, loc, rewriter.getF32Type(), n); };
    auto apply = [&](ElementwiseKind kind, ValueRange operands) {
      return createElementwise(rewriter, loc, kind, operands);
    };
    Value greatest = createExtreme(rewriter, loc, ReduceKind::max, op.getInput(), type.getBlocks());
    Value least = createExtreme(rewriter, loc, ReduceKind::min, op.getInput(), type.getBlocks());
    auto [lowest, highest] = type.getRange();
    int64_t zero = op.getZero().value_or(0);
    Value scale;
    if (type.getZeroPoints() && !op.getZero())
      scale = apply(ElementwiseKind::div,
                    {apply(ElementwiseKind::sub, {greatest, least}), number(static_cast<double>(highest - lowest))});
    else if (op.getZero())
      scale = apply(ElementwiseKind::max,
                    {apply(ElementwiseKind::div, {greatest, number(static_cast<double>(highest - zero))}),
                     apply(ElementwiseKind::div,
                           {apply(ElementwiseKind::neg, least), number(static_cast<double>(zero - lowest))})});
    else
      scale = apply(ElementwiseKind::div, {apply(ElementwiseKind::max, {greatest, apply(ElementwiseKind::neg, least)}),
                                           number(static_cast<double>(highest))});
    rewriter.replaceOp(op, scale);
    return success();
  }
};

struct ExpandChooseZeroPoint : OpRewritePattern<ChooseZeroPointOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ChooseZeroPointOp op, PatternRewriter &rewriter) const override {
    auto type = cast<QuantizedType>(op.getQuantized());
    if (isFromWeights(op.getResult()) || !broadcasts(type) || !sinter::getElementType(op.getInput()).isF32())
      return rewriter.notifyMatchFailure(op, "a recipe has it");
    Location loc = op.getLoc();
    Value least = createExtreme(rewriter, loc, ReduceKind::min, op.getInput(), type.getBlocks());
    Value shift = createElementwise(rewriter, loc, ElementwiseKind::div, {least, op.getScale()});
    Value numbers =
        createElementwise(rewriter, loc, ElementwiseKind::sub,
                          {createScalar(rewriter, loc, rewriter.getF32Type(), type.getRange().first), shift});
    rewriter.replaceOp(op, createCodes(rewriter, loc, numbers, op.getScale(), Value(), type));
    return success();
  }
};

/// A conversion that is no template's, as its formula.
struct ExpandQuantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    QuantizedType type = getCodeType(op.getResult());
    bool isRead = isMultiplied(op.getResult());
    if (isFromWeights(op.getResult()) || !canRepeat(type, getSizes(op.getResult())) ||
        (isRead && (isByteQuantize(op) || isRowQuantize(op))))
      return rewriter.notifyMatchFailure(op, "a kernel or a recipe has it");
    // Products may still turn it into what is a template's.
    if (isRead && !type.getStorage().isUnsignedInteger())
      return rewriter.notifyMatchFailure(op, "is to be unsigned");
    Location loc = op.getLoc();
    Type f32 = rewriter.getF32Type();
    auto number = [&](double n) { return createScalar(rewriter, loc, f32, n); };
    auto apply = [&](ElementwiseKind kind, ValueRange operands) {
      return createElementwise(rewriter, loc, kind, operands);
    };
    Value x = createCast(rewriter, loc, op.getInput(), f32),
          scale = createCast(rewriter, loc, createRepeated(rewriter, loc, op.getScale(), type), f32);
    Value quotient = op.getReciprocal()
                         ? apply(ElementwiseKind::mul, {x, apply(ElementwiseKind::div, {number(1), scale})})
                         : apply(ElementwiseKind::div, {x, scale});
    Value codes =
        createCodes(rewriter, loc, quotient, scale, createRepeated(rewriter, loc, op.getZeroPoint(), type), type);
    rewriter.replaceOp(op, createStorageCast(rewriter, loc, codes, type));
    return success();
  }
};

struct ExpandDequantize : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    QuantizedType type = getCodeType(op.getInput());
    if (isFromWeights(op.getResult()) || !canRepeat(type, getSizes(op.getResult())))
      return rewriter.notifyMatchFailure(op, "a kernel or a recipe has it");
    Location loc = op.getLoc();
    Type f32 = rewriter.getF32Type();
    Value codes = createStorageCast(rewriter, loc, op.getInput(), type.getStorage());
    Value x = createCast(rewriter, loc, codes, f32);
    if (Value zeroPoint = createRepeated(rewriter, loc, op.getZeroPoint(), type))
      x = createElementwise(rewriter, loc, ElementwiseKind::sub, {x, createCast(rewriter, loc, zeroPoint, f32)});
    x = createElementwise(rewriter, loc, ElementwiseKind::mul,
                          {x, createCast(rewriter, loc, createRepeated(rewriter, loc, op.getScale(), type), f32)});
    rewriter.replaceOp(op, createCast(rewriter, loc, x, type.getExpressed()));
    return success();
  }
};

} // namespace

void cpu::addLegalizeQuantizedPatterns(RewritePatternSet &patterns) {
  patterns.add<UnsignedLeft, SpreadScales, ExpandChooseScale, ExpandChooseZeroPoint, ExpandQuantize, ExpandDequantize>(
      patterns.getContext());
}

LogicalResult cpu::verifyQuantizedForms(ModuleOp module) {
  bool allKnown = true;
  auto refuse = [&](Operation *op, const llvm::Twine &reason) {
    op->emitOpError() << "unsupported: " << reason;
    allKnown = false;
  };
  module.walk([&](Operation *op) {
    if (op->getNumResults() != 1 || isFromWeights(op->getResult(0)))
      return;
    if (auto product = dyn_cast<QuantizedMatmulOp>(op)) {
      if (!isFromWeights(product.getRhs()) || !isFromWeights(product.getRhsScale()))
        refuse(op, "a product of codes by what is no weight");
      else if (Value zeroPoint = product.getLhsZeroPoint(); zeroPoint && sinter::getRank(zeroPoint) != 0)
        refuse(op, "zero points of rows");
      else if (QuantizedType type = getCodeType(product.getRhs());
               getPackedShape(type, *getSize(product.getRhs(), 0).constant(), *getSize(product.getRhs(), 1).constant())
                       .group %
                   PackedQuantizedShape::rowsPerStep !=
               0)
        refuse(op, "groups of " + llvm::Twine(type.getBlocks()[0]) + " rows, which is no multiple of 4");
    } else if (auto quantize = dyn_cast<QuantizeOp>(op)) {
      if (!isByteQuantize(quantize) && !isRowQuantize(quantize))
        refuse(op, "blocks of activations other than rows");
    } else if (isa<DequantizeOp, ChooseZeroPointOp, GptqOp>(op)) {
      refuse(op, "of activations in such blocks");
    } else if (auto scale = dyn_cast<ChooseScaleOp>(op)) {
      if (!llvm::any_of(scale->getUsers(), [](Operation *user) { return isRowQuantize(user); }))
        refuse(op, "of activations in such blocks");
    }
  });
  return success(allKnown);
}
