//===- Quantization.cpp - Numbers of few bits with scales -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX has codes as plain integers; here they are that on both sides of an operator,
// and in between have a type that says how they stand for floats.
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Importer.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

namespace {

/// Scales and zero points of a tensor as the dialect has them.
struct Scales {
  QuantizedType type;
  Value scale, zeroPoint;
};

bool isCodeStorage(mlir::Type type) {
  return type && (type.isInteger(16) || type.isInteger(8) || type.isInteger(4) || type.isInteger(2));
}

/// Whether it is known to be zeros.
bool isZero(NodeContext &node, Value value) {
  std::optional<SmallVector<int64_t>> numbers = node.getConstantIntegers(value);
  return numbers && llvm::all_of(*numbers, [](int64_t n) { return n == 0; });
}

/// One scale, one for each index of `axis`, or, with `blockSize`, one for each so many along it.
FailureOr<Scales> readScales(NodeContext &node, ArrayRef<SizeExpr> sizes, mlir::Type storage, Value scale,
                             Value zeroPoint, int64_t axis, int64_t blockSize) {
  if (!scale)
    return failure();
  if (zeroPoint && isZero(node, zeroPoint))
    zeroPoint = {};
  Sizes given = getSizes(scale), wanted;
  SmallVector<int64_t> blocks;
  bool isOne = llvm::all_of(given, [](const SizeExpr &size) { return size.isConstant(1); });
  if (blockSize > 0) {
    FailureOr<int64_t> along = node.normalizeAxis(axis, sizes.size());
    if (failed(along))
      return failure();
    blocks.assign(sizes.size(), 1);
    blocks[*along] = blockSize;
    wanted.assign(sizes.begin(), sizes.end());
    wanted[*along] = SizeExpr::ceilDiv(sizes[*along], blockSize);
    if (failed(node.unify(given, wanted, "the scale's sizes")))
      return failure();
  } else if (!isOne) {
    FailureOr<int64_t> along = node.normalizeAxis(axis, sizes.size());
    if (failed(along))
      return failure();
    if (given.size() != 1)
      return node.malformed("a scale of rank " + Twine(given.size()) + " without block_size");
    if (failed(node.unify(given[0], sizes[*along], "the scale and the axis that it belongs to")))
      return failure();
    blocks.assign(sizes.size(), 0);
    blocks[*along] = 1;
    wanted.assign(sizes.size(), 1);
    wanted[*along] = sizes[*along];
  }
  Scales result;
  auto isSingle = [](Value value) {
    return llvm::all_of(getSizes(value), [](const SizeExpr &size) { return size.isConstant(1); });
  };
  if (zeroPoint && !(isOne && isSingle(zeroPoint)) &&
      failed(node.unify(getSizes(zeroPoint), given, "the zero point's and the scale's sizes")))
    return failure();
  result.scale = node.reshape(scale, wanted);
  result.zeroPoint = zeroPoint ? node.reshape(zeroPoint, wanted) : Value();
  if (!result.scale || node.hasFailed())
    return failure();
  result.type = QuantizedType::get(node.getContext(), storage, getElementType(scale), blocks, bool(zeroPoint));
  return result;
}

Value toStorage(NodeContext &node, Value codes) {
  if (!codes)
    return {};
  mlir::Type storage = cast<QuantizedType>(getElementType(codes)).getStorage();
  return node.createSized<StorageCastOp>(getTensorType(getSizes(codes), storage), codes);
}

Value quantize(NodeContext &node, Value x, const Scales &scales) {
  Value codes = node.createSized<QuantizeOp>(getTensorType(getSizes(x), scales.type), x, scales.scale, scales.zeroPoint,
                                             /*reciprocal=*/UnitAttr());
  return toStorage(node, codes);
}

Value dequantize(NodeContext &node, Value codes, const Scales &scales) {
  Value typed = node.createSized<StorageCastOp>(getTensorType(getSizes(codes), scales.type), codes);
  return typed ? node.create<DequantizeOp>(typed, scales.scale, scales.zeroPoint) : Value();
}

/// The scale along `axis` as what broadcasts to a tensor of rank `rank`, for types that have no codes.
Value alignScale(NodeContext &node, Value scale, int64_t axis, int64_t rank) {
  if (getRank(scale) != 1 || getSize(scale, 0).isConstant(1))
    return getRank(scale) == 1 ? node.reshape(scale, {}) : scale;
  FailureOr<int64_t> along = node.normalizeAxis(axis, rank);
  if (failed(along))
    return {};
  Sizes sizes(rank, 1);
  sizes[*along] = getSize(scale, 0);
  return node.reshape(scale, sizes);
}

} // namespace

static LogicalResult importQuantizeLinear(NodeContext &node) {
  Value x = node.operand(0), scale = node.operand(1), zeroPoint = node.operand(2);
  int64_t axis = node.getInt("axis", 1), blockSize = node.getInt("block_size", 0);
  bool saturate = node.getInt("saturate", 1) != 0;
  mlir::Type given;
  if (node.getInt("output_dtype", 0) != 0)
    given = node.getElementTypeAttribute("output_dtype", DataType::Undefined);
  if (node.getInt("precision", 0) != 0)
    return node.fail("attribute precision");
  if (!x || !scale || node.hasFailed())
    return failure();
  mlir::Type storage = zeroPoint ? getElementType(zeroPoint) : given;
  if (!storage)
    storage = IntegerType::get(node.getContext(), 8, IntegerType::Unsigned);
  if (given && given != storage)
    return node.malformed("output_dtype is not the zero point's type");
  x = node.cast(x, getElementType(scale));
  if (!x)
    return failure();
  if (isa<FloatType>(storage) && blockSize == 0) {
    // To floats of few bits: divided and rounded; their zero points are 0.
    Value aligned = alignScale(node, scale, axis, getRank(x));
    Value quotient = aligned ? node.elementwise(ElementwiseKind::div, {x, aligned}) : Value();
    return node.setResult(0, quotient ? node.cast(quotient, storage, saturate) : Value());
  }
  if (!isCodeStorage(storage))
    return node.fail("to " + Twine(elementTypeName(toElementType(storage))));
  if (getElementType(scale).isF64())
    return node.fail("scales of type f64");
  FailureOr<Scales> scales = readScales(node, getSizes(x), storage, scale, zeroPoint, axis, blockSize);
  return failed(scales) ? failure() : node.setResult(0, quantize(node, x, *scales));
}

static LogicalResult importDequantizeLinear(NodeContext &node) {
  Value x = node.operand(0), scale = node.operand(1), zeroPoint = node.operand(2);
  int64_t axis = node.getInt("axis", 1), blockSize = node.getInt("block_size", 0);
  mlir::Type given;
  if (node.getInt("output_dtype", 0) != 0)
    given = node.getElementTypeAttribute("output_dtype", DataType::Undefined);
  if (!x || !scale || node.hasFailed())
    return failure();
  mlir::Type storage = getElementType(x), expressed = getElementType(scale);
  Value result;
  if (isCodeStorage(storage) && !expressed.isF64()) {
    FailureOr<Scales> scales = readScales(node, getSizes(x), storage, scale, zeroPoint, axis, blockSize);
    if (failed(scales))
      return failure();
    result = dequantize(node, x, *scales);
  } else {
    if (blockSize != 0)
      return node.fail("blocks of type " + Twine(elementTypeName(toElementType(storage))));
    Value values = node.cast(x, expressed), aligned = alignScale(node, scale, axis, getRank(x));
    if (zeroPoint && !isa<FloatType>(storage) && !isZero(node, zeroPoint)) {
      Value zero = alignScale(node, node.cast(zeroPoint, expressed), axis, getRank(x));
      values = zero ? node.elementwise(ElementwiseKind::sub, {values, zero}) : Value();
    }
    result = values && aligned ? node.elementwise(ElementwiseKind::mul, {values, aligned}) : Value();
  }
  return node.setResult(0, result && given ? node.cast(result, given) : result);
}

/// One scale for all, found at each run, that covers 0.
static LogicalResult importDynamicQuantizeLinear(NodeContext &node) {
  Value x = node.operand(0);
  if (!x)
    return failure();
  mlir::Type f32 = node.getBuilder().getF32Type();
  mlir::Type storage = IntegerType::get(node.getContext(), 8, IntegerType::Unsigned);
  auto type = QuantizedType::get(node.getContext(), storage, f32, {}, /*zero_points=*/true);
  Value scale =
      node.createSized<ChooseScaleOp>(getTensorType({}, f32), x, TypeAttr::get(type), UnitAttr(), IntegerAttr());
  Value zeroPoint =
      scale ? node.createSized<ChooseZeroPointOp>(getTensorType({}, storage), x, scale, TypeAttr::get(type)) : Value();
  if (!zeroPoint)
    return failure();
  if (node.hasResult(0) && failed(node.setResult(0, quantize(node, x, {type, scale, zeroPoint}))))
    return failure();
  if (node.hasResult(1) && failed(node.setResult(1, scale)))
    return failure();
  return node.hasResult(2) ? node.setResult(2, zeroPoint) : success();
}

/// The product of what the codes stand for, as codes again.
static LogicalResult importQLinearMatMul(NodeContext &node) {
  SmallVector<Value> x;
  for (unsigned i = 0; i < 8; ++i)
    x.push_back(node.operand(i));
  if (llvm::is_contained(x, Value()))
    return failure();
  int64_t rows = getRank(x[0]) - 2, columns = getRank(x[3]) - 1;
  if (getRank(x[0]) < 2 || getRank(x[3]) < 2)
    return node.fail("operands of rank below 2");
  for (Value codes : {x[0], x[3], x[7]})
    if (!isCodeStorage(getElementType(codes)))
      return node.fail("codes of type " + Twine(elementTypeName(toElementType(getElementType(codes)))));
  // A scale for each row of a, for each column of b.
  FailureOr<Scales> a = readScales(node, getSizes(x[0]), getElementType(x[0]), x[1], x[2], rows, 0);
  FailureOr<Scales> b = readScales(node, getSizes(x[3]), getElementType(x[3]), x[4], x[5], columns, 0);
  if (failed(a) || failed(b))
    return failure();
  Value lhs = dequantize(node, x[0], *a), rhs = dequantize(node, x[3], *b);
  if (!lhs || !rhs ||
      failed(node.unify(getSizes(lhs).back(), getSizes(rhs)[columns - 1], "the product's inner sizes")) ||
      failed(node.broadcast(ArrayRef<SizeExpr>(getSizes(lhs)).drop_back(2),
                            ArrayRef<SizeExpr>(getSizes(rhs)).drop_back(2))))
    return failure();
  Value product = node.create<MatmulOp>(lhs, rhs);
  if (!product)
    return failure();
  FailureOr<Scales> y = readScales(node, getSizes(product), getElementType(x[7]), x[6], x[7], rows, 0);
  return failed(y) ? failure() : node.setResult(0, quantize(node, product, *y));
}

/// Products of integers minus their zero points, in 32 bits.
static LogicalResult importMatMulInteger(NodeContext &node) {
  mlir::Type i32 = node.getBuilder().getI32Type();
  auto centered = [&](unsigned operand, unsigned zero, int64_t axisFromEnd) -> Value {
    Value x = node.operand(operand), zeroPoint = node.operand(zero);
    if (!x)
      return {};
    Value wide = node.cast(x, i32);
    if (!zeroPoint || isZero(node, zeroPoint))
      return wide;
    Value aligned = alignScale(node, node.cast(zeroPoint, i32), -axisFromEnd, getRank(x));
    return aligned ? node.elementwise(ElementwiseKind::sub, {wide, aligned}) : Value();
  };
  Value a = centered(0, 2, 2), b = centered(1, 3, 1);
  if (!a || !b)
    return failure();
  if (getRank(a) < 2 || getRank(b) < 2)
    return node.fail("operands of rank below 2");
  if (failed(node.unify(getSizes(a).back(), getSizes(b)[getRank(b) - 2], "the product's inner sizes")) ||
      failed(
          node.broadcast(ArrayRef<SizeExpr>(getSizes(a)).drop_back(2), ArrayRef<SizeExpr>(getSizes(b)).drop_back(2))))
    return failure();
  return node.setResult(0, node.create<MatmulOp>(a, b));
}

static const OpRow rows[] = {
    {"DequantizeLinear", 10, importDequantizeLinear, 2, 3},
    {"DynamicQuantizeLinear", 11, importDynamicQuantizeLinear, 1, 1},
    {"MatMulInteger", 10, importMatMulInteger, 2, 4},
    {"QLinearMatMul", 10, importQLinearMatMul, 8, 8},
    {"QuantizeLinear", 10, importQuantizeLinear, 2, 3},
};

ArrayRef<OpRow> sinter::onnx::getQuantizationRows() { return rows; }
