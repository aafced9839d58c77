//===- CreateOps.cpp - Ops that rewrites spell formulas with --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/CreateOps.h"

using namespace mlir;
using namespace sinter;

Value cpu::createScalar(OpBuilder &b, Location loc, Type elementType, double number) {
  Attribute value = isa<FloatType>(elementType)
                        ? Attribute(b.getFloatAttr(elementType, number))
                        : Attribute(b.getIntegerAttr(elementType, static_cast<int64_t>(number)));
  return ConstantOp::create(b, loc, DenseElementsAttr::get(RankedTensorType::get({}, elementType), value));
}

Value cpu::createElementwise(OpBuilder &b, Location loc, ElementwiseKind kind, ValueRange operands) {
  return ElementwiseOp::create(b, loc, kind, operands, FloatAttr());
}

Value cpu::createCast(OpBuilder &b, Location loc, Value value, Type elementType) {
  if (sinter::getElementType(value) == elementType)
    return value;
  return CastOp::create(b, loc, getTensorType(getSizes(value), elementType), value);
}
