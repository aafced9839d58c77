//===- Shape.cpp - Sizes, and tensors made from sizes ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Importer.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

static LogicalResult importShape(NodeContext &node) {
  Sizes sizes = getSizes(node.operand(0));
  int64_t rank = sizes.size();
  auto clamp = [&](int64_t axis) { return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank); };
  int64_t start = clamp(node.getInt("start", 0)), end = std::max(clamp(node.getInt("end", rank)), start);
  ArrayRef<SizeExpr> chosen = ArrayRef<SizeExpr>(sizes).slice(start, end - start);
  return node.setResult(0, node.createIntegers(chosen, {end - start}, node.getBuilder().getI64Type()));
}

static LogicalResult importSize(NodeContext &node) {
  SizeExpr count = getNumElements(node.operand(0).getType());
  return node.setResult(0, node.createIntegers(count, {}, node.getBuilder().getI64Type()));
}

static LogicalResult importConstantOfShape(NodeContext &node) {
  const Tensor *tensor = node.getTensor("value");
  Value value = tensor ? node.reshape(node.tensor(*tensor), {}) : node.scalar(0, node.getBuilder().getF32Type());
  std::optional<KnownIntegers> sizes = node.getKnownIntegers(node.operand(0));
  if (!sizes)
    return node.fail("its shape is computed from data");
  return node.setResult(0, node.broadcastTo(value, *sizes));
}

//===----------------------------------------------------------------------===//
// Range
//===----------------------------------------------------------------------===//

/// A scalar's number, where it is a constant.
static std::optional<double> getConstantNumber(NodeContext &node, Value value) {
  if (std::optional<SmallVector<int64_t>> integers = node.getConstantIntegers(value))
    return integers->front();
  auto constant = value.getDefiningOp<ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || elements.getNumElements() != 1 || !isa<FloatType>(elements.getElementType()))
    return std::nullopt;
  APFloat number = *elements.getValues<APFloat>().begin();
  bool losesInfo;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

/// A scalar's value as an expression: an integer, or a float that holds one.
static std::optional<SizeExpr> getKnownNumber(NodeContext &node, Value value) {
  if (std::optional<KnownIntegers> integers = node.getKnownIntegers(value))
    return integers->front();
  if (auto cast = value.getDefiningOp<CastOp>())
    if (isa<IntegerType>(getElementType(cast.getInput())))
      return getKnownNumber(node, cast.getInput());
  if (std::optional<double> number = getConstantNumber(node, value))
    if (std::abs(*number) < 1e15 && *number == std::trunc(*number))
      return SizeExpr(static_cast<int64_t>(*number));
  return std::nullopt;
}

static LogicalResult importRange(NodeContext &node) {
  Value scalars[3];
  for (unsigned i = 0; i < 3; ++i)
    // ONNX asks for scalars; exporters also give vectors of length 1.
    if (!(scalars[i] = node.reshape(node.operand(i), {})))
      return failure();
  auto [start, limit, delta] = scalars;
  mlir::Type elementType = getElementType(start);
  if (getElementType(limit) != elementType || getElementType(delta) != elementType)
    return node.malformed("element types differ");
  std::optional<SizeExpr> from = getKnownNumber(node, start), to = getKnownNumber(node, limit),
                          by = getKnownNumber(node, delta);
  SizeExpr count;
  if (from && to && by) {
    if (by->isConstant(0))
      return node.malformed("its step is 0");
    count = node.makeSize(SizeExpr::ceilDiv(*to - *from, *by));
  } else {
    std::optional<SizeExpr> length = node.getRangeLength(start, limit, delta);
    if (!length)
      return node.fail("its length is computed from data");
    count = *length;
  }
  Value result = node.createSized<RangeOp>(getTensorType(count, elementType), start, delta);
  if (!result || !isa<IntegerType>(elementType) || !from || !to || !by)
    return node.setResult(0, result);
  std::optional<int64_t> length = count.constant();
  if (length && *length <= 64) {
    KnownIntegers elements;
    for (int64_t i = 0; i < *length; ++i)
      elements.push_back(*from + SizeExpr(i) * *by);
    result = node.setKnownIntegers(result, elements);
  }
  if (by->isAtLeast(1) && from->isAtLeast(0))
    node.setElementLimit(result, *to);
  return node.setResult(0, result);
}

static const OpRow rows[] = {
    {"ConstantOfShape", 9, importConstantOfShape, 1, 1},
    {"Range", 11, importRange, 3, 3},
    {"Shape", 1, importShape, 1, 1},
    {"Size", 1, importSize, 1, 1},
};

ArrayRef<OpRow> sinter::onnx::getShapeRows() { return rows; }
