//===- QuantizationOps.cpp - Numbers of few bits with scales -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"

using namespace mlir;
using namespace sinter;

static bool hasScaleSizes(Value scale, QuantizedType type, ArrayRef<SizeExpr> sizes) {
  return type.getScaleSizes(sizes) == getSizes(scale);
}

/// Whether zero points are there exactly if the type has them, and are right.
static bool hasRightZeroPoints(Value zeroPoints, Value scale, QuantizedType type) {
  if (!zeroPoints || !type.getZeroPoints())
    return !zeroPoints && !type.getZeroPoints();
  Sizes sizes = getSizes(zeroPoints);
  return getElementType(zeroPoints) == type.getStorage() && (sizes.empty() || sizes == getSizes(scale));
}

static QuantizedType getQuantizedType(Value value) { return cast<QuantizedType>(getElementType(value)); }

LogicalResult QuantizeOp::verify() {
  QuantizedType type = getQuantizedType(getResult());
  Sizes sizes = getSizes(getResult());
  // quantize C1
  if (sizes != getSizes(getInput()) || type.getExpressed() != sinter::getElementType(getInput()) ||
      isa<FloatType>(type.getStorage()))
    return emitOpError() << "C1: from " << getInput().getType() << " to " << getResult().getType();
  // quantize C2
  if (!hasScaleSizes(getScale(), type, sizes))
    return emitOpError() << "C2: scales " << getScale().getType() << " for " << getResult().getType();
  // quantize C3
  if (!hasRightZeroPoints(getZeroPoint(), getScale(), type))
    return emitOpError() << "C3: zero points that do not belong to " << getResult().getType();
  return success();
}

LogicalResult DequantizeOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  QuantizedType type = getQuantizedType(adaptor.getInput());
  Sizes sizes = getSizes(adaptor.getInput());
  // dequantize C1
  if (!hasScaleSizes(adaptor.getScale(), type, sizes))
    return emitOptionalError(loc, "C1: scales ", adaptor.getScale().getType(), " for ", adaptor.getInput().getType());
  // dequantize C2
  if (!hasRightZeroPoints(adaptor.getZeroPoint(), adaptor.getScale(), type))
    return emitOptionalError(loc, "C2: zero points that do not belong to ", adaptor.getInput().getType());
  types.push_back(getTensorType(sizes, type.getExpressed()));
  return success();
}

LogicalResult StorageCastOp::verify() {
  Type from = sinter::getElementType(getInput()), to = sinter::getElementType(getResult());
  auto isStorageOf = [](Type plain, Type codes) {
    auto type = dyn_cast<QuantizedType>(codes);
    return type && type.getStorage() == plain;
  };
  // storage_cast C1
  if (getSizes(getInput()) != getSizes(getResult()) || (!isStorageOf(from, to) && !isStorageOf(to, from)))
    return emitOpError() << "C1: from " << getInput().getType() << " to " << getResult().getType();
  return success();
}

OpFoldResult StorageCastOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<StorageCastOp>();
  return inner && inner.getInput().getType() == getType() ? inner.getInput() : Value();
}

LogicalResult ChooseScaleOp::verify() {
  auto type = cast<QuantizedType>(getQuantized());
  // choose_scale C1
  if (!hasScaleSizes(getResult(), type, getSizes(getInput())) ||
      sinter::getElementType(getResult()) != type.getExpressed() ||
      sinter::getElementType(getInput()) != type.getExpressed())
    return emitOpError() << "C1: scales " << getResult().getType() << " of " << getInput().getType() << " for " << type;
  // choose_scale C2
  if (isa<FloatType>(type.getStorage()) || (getSearch() && type.getZeroPoints()))
    return emitOpError() << "C2: no such scales are known for " << type;
  // choose_scale C3
  if (std::optional<int64_t> zero = getZero())
    if (!type.getZeroPoints() || *zero <= type.getRange().first || *zero >= type.getRange().second)
      return emitOpError() << "C3: zero point " << *zero << " for " << type;
  return success();
}

LogicalResult ChooseZeroPointOp::verify() {
  auto type = cast<QuantizedType>(getQuantized());
  // choose_zero_point C1
  if (!hasScaleSizes(getScale(), type, getSizes(getInput())) || !hasRightZeroPoints(getResult(), getScale(), type) ||
      getSizes(getResult()) != getSizes(getScale()) || isa<FloatType>(type.getStorage()))
    return emitOpError() << "C1: zero points " << getResult().getType() << " of " << getInput().getType() << " for "
                         << type;
  return success();
}

LogicalResult GptqOp::verify() {
  QuantizedType type = getQuantizedType(getResult());
  auto input = cast<RankedTensorType>(getInput().getType());
  // gptq C1
  if (input.getRank() != 2 || !input.getElementType().isF32() || !type.getExpressed().isF32() ||
      getSizes(getResult()) != getSizes(getInput()) || isa<FloatType>(type.getStorage()) || !type.hasColumnBlocks())
    return emitOpError() << "C1: from " << input << " to " << getResult().getType();
  // gptq C2
  if (!hasScaleSizes(getScale(), type, getSizes(getResult())))
    return emitOpError() << "C2: scales " << getScale().getType() << " for " << getResult().getType();
  // gptq C3
  if (!hasRightZeroPoints(getZeroPoint(), getScale(), type))
    return emitOpError() << "C3: zero points that do not belong to " << getResult().getType();
  // gptq C4
  Sizes moments = getSizes(getMoments());
  if (moments.size() != 2 || moments[0] != moments[1] || moments[0] != getSize(getInput(), 0) ||
      !sinter::getElementType(getMoments()).isF32())
    return emitOpError() << "C4: moments " << getMoments().getType() << " for " << input;
  return success();
}

LogicalResult QuantizedMatmulOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                                  SmallVectorImpl<Type> &types) {
  QuantizedType left = getQuantizedType(adaptor.getLhs()), right = getQuantizedType(adaptor.getRhs());
  Sizes lhs = getSizes(adaptor.getLhs()), rhs = getSizes(adaptor.getRhs());
  auto isIntegers = [](QuantizedType type) {
    return !isa<FloatType>(type.getStorage()) && type.getExpressed().isF32();
  };
  // quantized_matmul C1
  if (!isIntegers(left) || !isIntegers(right) || left.getBits() != 8 || right.getBits() > 8)
    return emitOptionalError(loc, "C1: codes ", left, " times ", right);
  // quantized_matmul C2
  if (lhs.empty() || rhs.size() != 2 || lhs.back() != rhs[0] || !rhs[0].constant() || !rhs[1].constant())
    return emitOptionalError(loc, "C2: sizes ", printSizes(lhs), " and ", printSizes(rhs));
  // quantized_matmul C3
  ArrayRef<int64_t> rows = left.getBlocks(), columns = right.getBlocks();
  bool isRows = rows.empty() || (rows.size() == lhs.size() && left.hasRowBlocks());
  bool isColumns = columns.empty() || (columns.size() == 2 && columns[1] <= 1);
  if (!isRows || !isColumns || right.getRowsPerBlock(*rhs[0].constant()) > maxGroup)
    return emitOptionalError(loc, "C3: blocks of ", left, " and ", right);
  // quantized_matmul C4
  if (!hasScaleSizes(adaptor.getLhsScale(), left, lhs) || !hasScaleSizes(adaptor.getRhsScale(), right, rhs) ||
      !hasRightZeroPoints(adaptor.getLhsZeroPoint(), adaptor.getLhsScale(), left) ||
      !hasRightZeroPoints(adaptor.getRhsZeroPoint(), adaptor.getRhsScale(), right))
    return emitOptionalError(loc, "C4: scales or zero points that do not belong to ", left, " and ", right);
  lhs.back() = rhs[1];
  types.push_back(getTensorType(lhs, left.getExpressed()));
  return success();
}
