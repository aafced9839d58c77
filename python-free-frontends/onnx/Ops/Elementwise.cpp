//===- Elementwise.cpp - Functions of one element of each input ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

#include <limits>

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

using Kind = ElementwiseKind;

/// One function of the inputs, without attributes.
template <Kind kind> static LogicalResult importPlain(NodeContext &node) {
  return node.setResult(0, node.elementwise(kind, node.operands()));
}

/// The inputs, any number of them, combined from the first to the last.
template <Kind kind> static LogicalResult importVariadic(NodeContext &node) {
  Formula f(node);
  SmallVector<Value> operands = node.operands();
  Value result = operands[0];
  for (Value operand : ArrayRef(operands).drop_front())
    result = f.binary(kind, result, operand);
  return f.finish(result);
}

static LogicalResult importMean(NodeContext &node) {
  Formula f(node);
  SmallVector<Value> operands = node.operands();
  Value sum = operands[0];
  for (Value operand : ArrayRef(operands).drop_front())
    sum = f.add(sum, operand);
  return f.finish(operands.size() == 1 ? sum : f.div(sum, operands.size()));
}

/// min(max(x, low), high), in this order: where low is above high, all is high.
static LogicalResult importClip(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  if (Value low = node.operand(1))
    x = f.max(x, f.asScalar(low, "min"));
  if (Value high = node.operand(2))
    x = f.min(x, f.asScalar(high, "max"));
  return f.finish(x);
}

/// The limits are attributes. Since version 6 they are those of float where they
/// are left out, whatever the type.
template <bool hasDefaults> static LogicalResult importClipByAttributes(NodeContext &node) {
  constexpr double largest = std::numeric_limits<float>::max();
  Formula f(node);
  Value x = node.operand(0);
  // Floats of 16 bits have no number as large as the limits that are left out.
  bool isUnlimited = !hasDefaults || getElementType(x).isF16();
  if (!isUnlimited || node.hasAttribute("min"))
    x = f.max(x, node.getFloat("min", -largest));
  if (!isUnlimited || node.hasAttribute("max"))
    x = f.min(x, node.getFloat("max", largest));
  return f.finish(x);
}

/// Integers are computed as floats of 64 bits; the result is cut to an integer.
static LogicalResult importErf9(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  mlir::Type type = getElementType(x), wide = isa<FloatType>(type) ? type : f.f64();
  return f.finish(node.cast(f.unary(Kind::erf, node.cast(x, wide)), type));
}

static LogicalResult importMod(NodeContext &node) {
  Kind kind = node.getInt("fmod", 0) != 0 ? Kind::fmod : Kind::mod;
  return node.setResult(0, node.elementwise(kind, node.operands()));
}

static LogicalResult importBitShift(NodeContext &node) {
  std::string direction = node.getString("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    return node.malformed("direction is '" + direction + "', required LEFT or RIGHT");
  Kind kind = direction == "LEFT" ? Kind::shift_left : Kind::shift_right;
  return node.setResult(0, node.elementwise(kind, node.operands()));
}

/// Floats of 8 bits are tested as f32, which has all that they have.
static Value widenNarrow(NodeContext &node, Value x) {
  return isNarrow(getElementType(x)) ? node.cast(x, node.getBuilder().getF32Type()) : x;
}

static LogicalResult importIsNan(NodeContext &node) {
  return node.setResult(0, node.elementwise(Kind::is_nan, {widenNarrow(node, node.operand(0))}));
}

static LogicalResult importIsInf(NodeContext &node) {
  Formula f(node);
  Value x = widenNarrow(node, node.operand(0));
  bool negative = node.getInt("detect_negative", 1) != 0, positive = node.getInt("detect_positive", 1) != 0;
  if (negative && positive)
    return f.finish(f.unary(Kind::is_inf, x));
  Value result = f.unary(Kind::is_inf, x, positive ? 1 : -1);
  return f.finish(negative || positive ? result : f.binary(Kind::logical_and, result, node.integerScalar(0, f.i1())));
}

/// The type in which x to the power of y is computed, where their types differ.
/// It has all values of both: floats of 64 bits for a 32-bit integer beside a
/// float, since an exponent's last bit is the result's sign. Integers of two
/// kinds are computed in 64 bits, of which the result's type keeps the low ones.
static mlir::Type getPowerType(Formula &f, mlir::Type x, mlir::Type y) {
  auto isWide = [](mlir::Type type) {
    return type.isF64() || (isa<IntegerType>(type) && type.getIntOrFloatBitWidth() >= 32);
  };
  if (isa<FloatType>(x) || isa<FloatType>(y))
    return isWide(x) || isWide(y) ? f.f64() : f.f32();
  return x.isUnsignedInteger() && y.isUnsignedInteger() ? f.unsignedInteger(64) : f.i64();
}

static LogicalResult importPow(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0), y = node.operand(1);
  mlir::Type type = getElementType(x), exponentType = getElementType(y);
  if (type == exponentType)
    return f.finish(f.binary(Kind::pow, x, y));
  // Nearly always the exponent is a small integer, which floats hold exactly.
  if (std::optional<SmallVector<int64_t>> exponent = node.getConstantIntegers(y))
    if (isa<FloatType>(type) && exponent->size() == 1 && std::abs(exponent->front()) <= 256)
      return f.finish(f.binary(Kind::pow, x, node.reshape(node.scalar(exponent->front(), type), getSizes(y))));
  mlir::Type wide = getPowerType(f, type, exponentType);
  return f.finish(node.cast(f.binary(Kind::pow, node.cast(x, wide), node.cast(y, wide)), type));
}

// Before version 7 operators broadcast by attributes, which is refused with the opset.
static const OpRow rows[] = {
    {"Abs", 1, importPlain<Kind::abs>, 1, 1},
    {"Acos", 7, importPlain<Kind::acos>, 1, 1},
    {"Acosh", 9, importPlain<Kind::acosh>, 1, 1},
    {"Add", 7, importPlain<Kind::add>, 2, 2},
    {"And", 7, importPlain<Kind::logical_and>, 2, 2},
    {"Asin", 7, importPlain<Kind::asin>, 1, 1},
    {"Asinh", 9, importPlain<Kind::asinh>, 1, 1},
    {"Atan", 7, importPlain<Kind::atan>, 1, 1},
    {"Atanh", 9, importPlain<Kind::atanh>, 1, 1},
    {"BitShift", 11, importBitShift, 2, 2},
    {"BitwiseAnd", 18, importPlain<Kind::bitwise_and>, 2, 2},
    {"BitwiseNot", 18, importPlain<Kind::bitwise_not>, 1, 1},
    {"BitwiseOr", 18, importPlain<Kind::bitwise_or>, 2, 2},
    {"BitwiseXor", 18, importPlain<Kind::bitwise_xor>, 2, 2},
    {"Ceil", 1, importPlain<Kind::ceil>, 1, 1},
    {"Clip", 1, importClipByAttributes<false>, 1, 1},
    {"Clip", 6, importClipByAttributes<true>, 1, 1},
    {"Clip", 11, importClip, 1, 3},
    {"Cos", 7, importPlain<Kind::cos>, 1, 1},
    {"Cosh", 9, importPlain<Kind::cosh>, 1, 1},
    {"Div", 7, importPlain<Kind::div>, 2, 2},
    {"Equal", 7, importPlain<Kind::equal>, 2, 2},
    {"Erf", 9, importErf9, 1, 1},
    {"Erf", 13, importPlain<Kind::erf>, 1, 1},
    {"Exp", 1, importPlain<Kind::exp>, 1, 1},
    {"Floor", 1, importPlain<Kind::floor>, 1, 1},
    {"Greater", 7, importPlain<Kind::greater>, 2, 2},
    {"GreaterOrEqual", 12, importPlain<Kind::greater_equal>, 2, 2},
    {"IsInf", 10, importIsInf, 1, 1},
    {"IsNaN", 9, importIsNan, 1, 1},
    {"Less", 7, importPlain<Kind::less>, 2, 2},
    {"LessOrEqual", 12, importPlain<Kind::less_equal>, 2, 2},
    {"Log", 1, importPlain<Kind::log>, 1, 1},
    {"Max", 1, importVariadic<Kind::max>, 1, OpRow::unlimited},
    {"Mean", 1, importMean, 1, OpRow::unlimited},
    {"Min", 1, importVariadic<Kind::min>, 1, OpRow::unlimited},
    {"Mod", 10, importMod, 2, 2},
    {"Mul", 7, importPlain<Kind::mul>, 2, 2},
    {"Neg", 1, importPlain<Kind::neg>, 1, 1},
    {"Not", 1, importPlain<Kind::logical_not>, 1, 1},
    {"Or", 7, importPlain<Kind::logical_or>, 2, 2},
    {"Pow", 7, importPow, 2, 2},
    {"Reciprocal", 1, importPlain<Kind::reciprocal>, 1, 1},
    {"Round", 11, importPlain<Kind::round>, 1, 1},
    {"Sign", 9, importPlain<Kind::sign>, 1, 1},
    {"Sin", 7, importPlain<Kind::sin>, 1, 1},
    {"Sinh", 9, importPlain<Kind::sinh>, 1, 1},
    {"Sqrt", 1, importPlain<Kind::sqrt>, 1, 1},
    {"Sub", 7, importPlain<Kind::sub>, 2, 2},
    {"Sum", 1, importVariadic<Kind::add>, 1, OpRow::unlimited},
    {"Tan", 7, importPlain<Kind::tan>, 1, 1},
    {"Xor", 7, importPlain<Kind::logical_xor>, 2, 2},
};

ArrayRef<OpRow> sinter::onnx::getElementwiseRows() { return rows; }
