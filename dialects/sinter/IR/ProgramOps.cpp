//===- ProgramOps.cpp - Symbols, weights and constants of a program ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/PlainNumbers.h"
#include "dialects/sinter/IR/Sinter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sinter;

LogicalResult SymbolOp::verify() {
  // symbol C1
  if (!SizeExpr::isSymbolName(getSymName()) || SizeExpr::isValueSymbol(getSymName()) != getElement())
    return emitOpError() << "C1: '" << getSymName() << "' is not the name of such a symbol";
  // symbol C2
  int64_t low = getLow();
  if (!getElement() && low < 1)
    return emitOpError() << "C2: the least size of a dimension is " << low << ", required at least 1";
  if (getHigh() && static_cast<int64_t>(*getHigh()) < low)
    return emitOpError() << "C2: bounds " << low << " to " << *getHigh() << " hold no value";
  // symbol C3
  if (std::optional<int64_t> typical = getTypical())
    if (*typical < low || (getHigh() && *typical > static_cast<int64_t>(*getHigh())))
      return emitOpError() << "C3: the typical value " << *typical << " is outside the bounds";
  // symbol C4
  if (ArrayAttr range = getRangeAttr()) {
    bool isRight = getElement() && range.size() == 3;
    for (Attribute operand : range)
      isRight &= isa<StringAttr>(operand) || (isa<FloatAttr>(operand) && cast<FloatAttr>(operand).getType().isF64());
    if (!isRight)
      return emitOpError("C4: a range is of an element, and has three operands that are inputs or numbers");
  }
  return success();
}

LogicalResult CheckOp::verify() {
  // check C1
  if (getSize().getTexts().size() != 1)
    return emitOpError() << "C1: one size is required, not " << getSize().getTexts().size();
  return success();
}

LogicalResult WeightOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  // weight C1
  if (!type.hasStaticShape())
    return emitOpError("C1: a weight has static sizes");
  // weight C2
  int64_t offset = getOffset(), length = getLength();
  if (offset < 0 || length < 0)
    return emitOpError("C2: offset and length are not negative");
  std::optional<int64_t> count = countElements(type.getShape());
  int64_t bytes;
  ElementType element = toElementType(type.getElementType());
  if (!count || llvm::MulOverflow<int64_t>(*count, elementSize(element), bytes))
    return emitOpError("C2: the elements are more than 63 bits count");
  bool isPacked = elementBits(element) < 8;
  if (getEncoding() != WeightEncoding::varint && isPacked != (getEncoding() == WeightEncoding::packed))
    return emitOpError() << "C2: elements of type " << type.getElementType() << " are not "
                         << stringifyWeightEncoding(getEncoding());
  if (isPacked)
    bytes = llvm::divideCeil(bytes, 8 / elementBits(element));
  if (getEncoding() != WeightEncoding::varint && length != bytes)
    return emitOpError() << "C2: " << length << " bytes for a type of " << bytes;
  return success();
}

LogicalResult ParameterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // parameter C1
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError() << "C1: no weight is named '" << getWeight() << "'";
  if (weight.getType() != getResult().getType())
    return emitOpError() << "C1: the weight's type is " << weight.getType();
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ConstantOp::verify() {
  // constant C1
  if (!getValue().isSplat() && getValue().getNumElements() > 1024)
    return emitOpError() << "C1: " << getValue().getNumElements() << " elements; more than 1024 are a weight";
  return success();
}

LogicalResult SizesOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  Type i64 = IntegerType::get(context, 64);
  int64_t count = adaptor.getSizes().getTexts().size();
  // sizes C1
  if (adaptor.getScalar() && count != 1)
    return emitOptionalError(loc, "C1: a scalar needs one size, not ", count);
  types.push_back(adaptor.getScalar() ? RankedTensorType::get({}, i64) : RankedTensorType::get({count}, i64));
  return success();
}
