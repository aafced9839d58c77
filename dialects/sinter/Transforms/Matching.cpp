//===- Matching.cpp - What patterns on the graph look for --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"

#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace sinter;

std::optional<double> sinter::getSplat(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!elements || elements.getNumElements() == 0 || !elements.isSplat())
        return std::nullopt;
      if (isa<FloatType>(elements.getElementType())) {
        bool lost;
        APFloat number = elements.getSplatValue<APFloat>();
        number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
        return number.convertToDouble();
      }
      if (elements.getElementType().isInteger(1))
        return elements.getSplatValue<bool>();
      APInt number = elements.getSplatValue<APInt>();
      double result =
          elements.getElementType().isUnsignedInteger() ? number.roundToDouble(false) : number.roundToDouble(true);
      if (std::fabs(result) > 9007199254740992.0)
        return std::nullopt;
      return result;
    }
    if (isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp>(op)) {
      value = op->getOperand(0);
      continue;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

bool sinter::isSplatOf(Value value, double number) {
  std::optional<double> splat = getSplat(value);
  return splat && std::fabs(*splat - number) <= 2e-6 * std::fabs(number);
}

ElementwiseOp sinter::getElementwise(Value value, ElementwiseKind kind) {
  auto op = value.getDefiningOp<ElementwiseOp>();
  return op && op.getKind() == kind ? op : ElementwiseOp();
}

std::optional<WithConstant> sinter::matchWithConstant(Value value, ElementwiseKind kind, bool commutative) {
  ElementwiseOp op = getElementwise(value, kind);
  if (!op || op.getOperands_().size() != 2)
    return std::nullopt;
  Value a = op.getOperands_()[0], b = op.getOperands_()[1];
  std::optional<double> constant = getSplat(b);
  if (!constant && commutative) {
    std::swap(a, b);
    constant = getSplat(b);
  }
  if (!constant || a.getType() != op.getType())
    return std::nullopt;
  return WithConstant{a, *constant};
}

static DenseElementsAttr makeElements(RankedTensorType type, double number) {
  Type elementType = type.getElementType();
  if (auto floatType = dyn_cast<FloatType>(elementType)) {
    APFloat value(number);
    bool lost;
    value.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return DenseElementsAttr::get(type, value);
  }
  APInt value(elementType.getIntOrFloatBitWidth(), static_cast<uint64_t>(static_cast<int64_t>(number)), true, true);
  return DenseElementsAttr::get(type, value);
}

Value sinter::makeScalar(OpBuilder &builder, Location loc, Type elementType, double number) {
  return ConstantOp::create(builder, loc, makeElements(RankedTensorType::get({}, elementType), number));
}

Value sinter::makeSplat(OpBuilder &builder, Location loc, RankedTensorType type, double number) {
  if (type.hasStaticShape())
    return ConstantOp::create(builder, loc, makeElements(type, number));
  return makeBroadcast(builder, loc, makeScalar(builder, loc, type.getElementType(), number), getSizes(type));
}

Value sinter::makeElementwise(OpBuilder &builder, Location loc, ElementwiseKind kind, ValueRange operands) {
  return ElementwiseOp::create(builder, loc, kind, operands, FloatAttr());
}

Value sinter::makeReshape(OpBuilder &builder, Location loc, Value value, ArrayRef<SizeExpr> sizes) {
  RankedTensorType type = getTensorType(sizes, getElementType(value));
  return type == value.getType() ? value : ReshapeOp::create(builder, loc, type, value);
}

Value sinter::makeBroadcast(OpBuilder &builder, Location loc, Value value, ArrayRef<SizeExpr> sizes) {
  RankedTensorType type = getTensorType(sizes, getElementType(value));
  return type == value.getType() ? value : BroadcastOp::create(builder, loc, type, value);
}

Value sinter::makeTranspose(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> merged(permutation);
  while (auto op = value.getDefiningOp<TransposeOp>()) {
    for (int64_t &axis : merged)
      axis = op.getPermutation()[axis];
    value = op.getInput();
  }
  for (auto [i, axis] : llvm::enumerate(merged))
    if (axis != static_cast<int64_t>(i))
      return TransposeOp::create(builder, loc, value, merged);
  return value;
}

Sizes sinter::withRank(ArrayRef<SizeExpr> sizes, size_t rank) {
  Sizes result(rank - sizes.size(), SizeExpr(1));
  llvm::append_range(result, sizes);
  return result;
}

Value sinter::makeRank(OpBuilder &builder, Location loc, Value value, int64_t rank) {
  return getRank(value) > rank ? Value() : makeReshape(builder, loc, value, withRank(getSizes(value), rank));
}
