//===- ElementwiseOps.cpp - Functions of one element ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"

using namespace mlir;
using namespace sinter;

unsigned ElementwiseOp::getArity(ElementwiseKind kind) {
  if (kind == ElementwiseKind::select)
    return 3;
  return kind < ElementwiseKind::add ? 1 : 2;
}

bool ElementwiseOp::isPredicate(ElementwiseKind kind) {
  return kind == ElementwiseKind::is_nan || kind == ElementwiseKind::is_inf ||
         (kind >= ElementwiseKind::equal && kind <= ElementwiseKind::greater_equal);
}

namespace {
enum class Elements { Any, Comparable, Number, Float, Integer, Bool };
} // namespace

/// The element types that a kind takes.
static Elements getElements(ElementwiseKind kind) {
  switch (kind) {
  case ElementwiseKind::abs:
  case ElementwiseKind::neg:
  case ElementwiseKind::sign:
  case ElementwiseKind::relu:
  case ElementwiseKind::add:
  case ElementwiseKind::sub:
  case ElementwiseKind::mul:
  case ElementwiseKind::div:
  case ElementwiseKind::pow:
  case ElementwiseKind::min:
  case ElementwiseKind::max:
  case ElementwiseKind::mod:
  case ElementwiseKind::fmod:
  case ElementwiseKind::less:
  case ElementwiseKind::less_equal:
  case ElementwiseKind::greater:
  case ElementwiseKind::greater_equal:
    return Elements::Number;
  case ElementwiseKind::equal:
    return Elements::Comparable;
  case ElementwiseKind::select:
    return Elements::Any;
  case ElementwiseKind::logical_not:
  case ElementwiseKind::logical_and:
  case ElementwiseKind::logical_or:
  case ElementwiseKind::logical_xor:
    return Elements::Bool;
  case ElementwiseKind::bitwise_not:
  case ElementwiseKind::bitwise_and:
  case ElementwiseKind::bitwise_or:
  case ElementwiseKind::bitwise_xor:
  case ElementwiseKind::shift_left:
  case ElementwiseKind::shift_right:
    return Elements::Integer;
  default:
    return Elements::Float;
  }
}

static bool accepts(Elements elements, Type type) {
  switch (elements) {
  case Elements::Any:
    return true;
  case Elements::Comparable:
    return !isNarrow(type);
  case Elements::Number:
    return type.isIntOrFloat() && !isNarrow(type) && !type.isInteger(1);
  case Elements::Float:
    return !isNarrow(type) && isa<FloatType>(type);
  case Elements::Integer:
    return !isNarrow(type) && isa<IntegerType>(type) && !type.isInteger(1);
  case Elements::Bool:
    return type.isInteger(1);
  }
  llvm_unreachable("kinds of elements");
}

LogicalResult ElementwiseOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                              SmallVectorImpl<Type> &types) {
  ElementwiseKind kind = adaptor.getKind();
  ValueRange operands = adaptor.getOperands_();
  // elementwise C1
  if (operands.size() != getArity(kind))
    return emitOptionalError(loc, "C1: ", stringifyElementwiseKind(kind), " takes ", getArity(kind), " operands, not ",
                             operands.size());
  // elementwise C2
  Value first = operands[0];
  if (kind == ElementwiseKind::select) {
    if (!getElementType(first).isInteger(1))
      return emitOptionalError(loc, "C2: the condition of select is i1, not ", getElementType(first));
    first = operands[1];
  }
  Type type = getElementType(first);
  if (!accepts(getElements(kind), type))
    return emitOptionalError(loc, "C2: ", stringifyElementwiseKind(kind), " of elements of type ", type);
  for (Value operand : operands.drop_front(kind == ElementwiseKind::select))
    if (getElementType(operand) != type)
      return emitOptionalError(loc, "C2: element types ", type, " and ", getElementType(operand), " differ");
  // elementwise C3
  Sizes sizes = getSizes(operands[0]);
  for (Value operand : operands.drop_front()) {
    std::optional<Sizes> both = broadcastSizes(sizes, getSizes(operand));
    if (!both)
      return emitOptionalError(loc, "C3: sizes ", printSizes(sizes), " and ", printSizes(getSizes(operand)),
                               " do not broadcast");
    sizes = *both;
  }
  // elementwise C4
  if ((kind == ElementwiseKind::elu || kind == ElementwiseKind::leaky_relu) && !adaptor.getAlpha())
    return emitOptionalError(loc, "C4: ", stringifyElementwiseKind(kind), " without alpha");
  types.push_back(getTensorType(sizes, isPredicate(kind) ? IntegerType::get(context, 1) : type));
  return success();
}

LogicalResult CastOp::verify() {
  // cast C1
  if (getSizes(getInput()) != getSizes(getResult()))
    return emitOpError() << "C1: sizes " << printSizes(getSizes(getInput())) << " and "
                         << printSizes(getSizes(getResult())) << " differ";
  // cast C2
  if (isa<StringType>(getElementType(getInput())) && isa<StringType>(getElementType(getResult())))
    return emitOpError("C2: from a string to a string");
  Type from = getElementType(getInput()), type = getElementType(getResult());
  if ((isa<StringType>(from) && isNarrow(type)) || (isa<StringType>(type) && isNarrow(from)))
    return emitOpError() << "C2: from " << from << " to " << type;
  // cast C3
  if (getUnsaturated() && !(isNarrow(type) && isa<FloatType>(type) && type.getIntOrFloatBitWidth() == 8))
    return emitOpError() << "C3: unsaturated to " << type;
  if (getRoundMode() != RoundMode::up && !isa<Float8E8M0FNUType>(type))
    return emitOpError() << "C3: round " << stringifyRoundMode(getRoundMode()) << " to " << type;
  return success();
}
