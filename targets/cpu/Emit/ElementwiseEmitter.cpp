//===- ElementwiseEmitter.cpp - Elementwise functions as machine operations -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/ElementwiseEmitter.h"

#include "targets/cpu/Kernels/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

static bool isUnsigned(Type type) { return type.isUnsignedInteger(); }

static bool isNarrowFloatType(Type type) { return isa<FloatType>(type) && isNarrow(type); }

/// Codes are computed with as what they are stored as.
static Type getPlainType(Type type) {
  auto codes = dyn_cast<QuantizedType>(type);
  return codes ? codes.getStorage() : type;
}

Type cpu::getComputeType(Type type) {
  type = getPlainType(type);
  if (isNarrow(type))
    return IntegerType::get(type.getContext(), 8);
  if (type.isF16() || type.isBF16())
    return Float32Type::get(type.getContext());
  if (auto integer = dyn_cast<IntegerType>(type))
    return IntegerType::get(type.getContext(), integer.getWidth());
  if (isa<StringType>(type))
    return IntegerType::get(type.getContext(), 128);
  return type;
}

Type cpu::getStorageType(Type type) {
  type = getPlainType(type);
  if (isNarrow(type))
    return IntegerType::get(type.getContext(), 8);
  if (type.isBF16()) // moved as bits: converting is ours
    return IntegerType::get(type.getContext(), 16);
  if (auto integer = dyn_cast<IntegerType>(type))
    return IntegerType::get(type.getContext(), std::max(8u, integer.getWidth()));
  if (isa<StringType>(type))
    return IntegerType::get(type.getContext(), 128);
  return type;
}

Type ElementwiseEmitter::shaped(Type element, Value like) {
  auto vector = dyn_cast<VectorType>(like.getType());
  return vector ? Type(vector.clone(element)) : element;
}

Value ElementwiseEmitter::splatLike(Value scalar, Value like) {
  if (!isa<VectorType>(like.getType()) || isa<VectorType>(scalar.getType()))
    return scalar;
  return vector::BroadcastOp::create(k.builder(), k.loc(), shaped(scalar.getType(), like), scalar);
}

Value ElementwiseEmitter::constant(Attribute number, Type type) {
  if (isNarrow(type)) {
    APInt bits = isNarrowFloatType(type) ? cast<FloatAttr>(number).getValue().bitcastToAPInt()
                                         : cast<IntegerAttr>(number).getValue();
    bits = isNarrowFloatType(type) || isUnsigned(type) ? bits.zextOrTrunc(8) : bits.sextOrTrunc(8);
    return arith::ConstantOp::create(k.builder(), k.loc(), IntegerAttr::get(getComputeType(type), bits));
  }
  if (isa<FloatType>(type)) {
    APFloat value = cast<FloatAttr>(number).getValue();
    bool losesInfo;
    auto compute = cast<FloatType>(getComputeType(type));
    value.convert(compute.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return arith::ConstantOp::create(k.builder(), k.loc(), FloatAttr::get(compute, value));
  }
  return arith::ConstantOp::create(k.builder(), k.loc(),
                                   IntegerAttr::get(getComputeType(type), cast<IntegerAttr>(number).getValue()));
}

Value ElementwiseEmitter::constant(double number, Type type) {
  Type compute = getComputeType(type);
  if (isa<FloatType>(compute))
    return arith::ConstantOp::create(k.builder(), k.loc(), k.builder().getFloatAttr(compute, number));
  return arith::ConstantOp::create(k.builder(), k.loc(),
                                   k.builder().getIntegerAttr(compute, static_cast<int64_t>(number)));
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// The bits of bf16 nearest to x, a float; ties to even, NaN stays NaN.
static Value toBfloatBits(KernelBuilder &k, Value x, Type i32, Type i16, llvm::function_ref<Value(int64_t)> number) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  Value bits = arith::BitcastOp::create(b, loc, i32, x);
  Value odd = arith::AndIOp::create(b, loc, arith::ShRUIOp::create(b, loc, bits, number(16)), number(1));
  Value rounded = arith::AddIOp::create(b, loc, bits, arith::AddIOp::create(b, loc, odd, number(0x7fff)));
  Value isNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
  Value quiet = arith::OrIOp::create(b, loc, bits, number(0x400000));
  Value chosen = arith::SelectOp::create(b, loc, isNan, quiet, rounded);
  return arith::TruncIOp::create(b, loc, i16, arith::ShRUIOp::create(b, loc, chosen, number(16)));
}

Value ElementwiseEmitter::fromStorage(Value x, Type type) {
  type = getPlainType(type);
  OpBuilder &b = k.builder();
  if (type.isF16())
    return arith::ExtFOp::create(b, k.loc(), shaped(b.getF32Type(), x), x);
  if (type.isBF16()) {
    Type i32 = shaped(b.getI32Type(), x);
    Value wide = arith::ExtUIOp::create(b, k.loc(), i32, x);
    Value sixteen = splatLike(arith::ConstantOp::create(b, k.loc(), b.getI32IntegerAttr(16)), x);
    return arith::BitcastOp::create(b, k.loc(), shaped(b.getF32Type(), x),
                                    arith::ShLIOp::create(b, k.loc(), wide, sixteen));
  }
  if (type.isInteger(1)) {
    Value zero = splatLike(arith::ConstantOp::create(b, k.loc(), b.getI8IntegerAttr(0)), x);
    return arith::CmpIOp::create(b, k.loc(), arith::CmpIPredicate::ne, x, zero);
  }
  // Whoever gave the element may have left something in the bits that do not count.
  return wrapToNarrow(x, type);
}

Value ElementwiseEmitter::toStorage(Value x, Type type) {
  type = getPlainType(type);
  OpBuilder &b = k.builder();
  if (type.isF16())
    return arith::TruncFOp::create(b, k.loc(), shaped(b.getF16Type(), x), x);
  if (type.isBF16()) {
    auto number = [&](int64_t n) {
      return splatLike(arith::ConstantOp::create(b, k.loc(), b.getI32IntegerAttr(n)), x);
    };
    return toBfloatBits(k, x, shaped(b.getI32Type(), x), shaped(b.getI16Type(), x), number);
  }
  if (type.isInteger(1))
    return arith::ExtUIOp::create(b, k.loc(), shaped(b.getI8Type(), x), x);
  return x;
}

Value ElementwiseEmitter::round(Value x, Type type) {
  return type.isF16() || type.isBF16() ? fromStorage(toStorage(x, type), type) : x;
}

/// An i8 as an integer of 4 or 2 bits or f4E2M1FN is held; of other types `x` itself.
Value ElementwiseEmitter::wrapToNarrow(Value x, Type type) {
  if (!isNarrow(type) || type.getIntOrFloatBitWidth() == 8)
    return x;
  OpBuilder &b = k.builder();
  auto number = [&](int64_t n) { return splatLike(arith::ConstantOp::create(b, k.loc(), b.getI8IntegerAttr(n)), x); };
  unsigned width = type.getIntOrFloatBitWidth();
  if (isUnsigned(type) || isa<FloatType>(type))
    return arith::AndIOp::create(b, k.loc(), x, number((1 << width) - 1));
  Value unused = number(8 - width);
  return arith::ShRSIOp::create(b, k.loc(), arith::ShLIOp::create(b, k.loc(), x, unused), unused);
}

Value ElementwiseEmitter::convertToNarrowFloat(Value x, Type from, FloatType to, const NarrowCast &rules) {
  OpBuilder &b = k.builder();
  auto integer = dyn_cast<IntegerType>(from);
  if (integer && integer.getWidth() == 64)
    x = keepSticky(k, x, isUnsigned(from));
  // Rounding comes once, at the end: what goes before is exact.
  bool isExactInF32 = integer ? integer.getWidth() <= 16 : !from.isF64();
  Type wide = isExactInF32 ? Type(b.getF32Type()) : Type(b.getF64Type());
  return encodeNarrowFloat(k, convert(x, from, wide), to, rules);
}

Value ElementwiseEmitter::convert(Value x, Type from, Type to, const NarrowCast &rules) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  if (from == to)
    return x;
  if (isNarrowFloatType(from)) {
    Value decoded = decodeNarrowFloat(k, x, cast<FloatType>(from));
    return convert(decoded, b.getF32Type(), to, rules);
  }
  if (isNarrowFloatType(to))
    return convertToNarrowFloat(x, from, cast<FloatType>(to), rules);
  if (isNarrow(to)) {
    // The low bits, also of what a float is truncated to.
    Type through = isa<FloatType>(from) ? b.getI32Type() : b.getI8Type();
    x = convert(x, from, through);
    return wrapToNarrow(convert(x, through, b.getI8Type()), to);
  }
  Type fromCompute = getComputeType(from), toCompute = getComputeType(to);
  if (to.isInteger(1)) {
    Value zero = splatLike(constant(0.0, from), x);
    if (isa<FloatType>(from))
      return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, x, zero);
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, x, zero);
  }
  if (isa<FloatType>(from) && isa<FloatType>(to)) {
    if (fromCompute.isF32() && toCompute.isF64())
      x = arith::ExtFOp::create(b, loc, shaped(toCompute, x), x);
    else if (fromCompute.isF64() && toCompute.isF32())
      x = arith::TruncFOp::create(b, loc, shaped(toCompute, x), x);
    return round(x, to);
  }
  if (isa<FloatType>(from)) {
    Type result = shaped(toCompute, x);
    // Saturating, where `arith` leaves the result open.
    StringAttr intrinsic = b.getStringAttr(isUnsigned(to) ? "llvm.fptoui.sat" : "llvm.fptosi.sat");
    return LLVM::CallIntrinsicOp::create(b, loc, result, intrinsic, ValueRange{x}).getResult(0);
  }
  if (isa<FloatType>(to)) {
    // Through f64 where f32 would round twice.
    Type wide = to.isF64() || to.isF32() ? toCompute : Type(b.getF64Type());
    Value result = isUnsigned(from) || from.isInteger(1) ? Value(arith::UIToFPOp::create(b, loc, shaped(wide, x), x))
                                                         : Value(arith::SIToFPOp::create(b, loc, shaped(wide, x), x));
    if (wide != toCompute)
      result = arith::TruncFOp::create(b, loc, shaped(toCompute, x), result);
    return round(result, to);
  }
  unsigned fromWidth = fromCompute.getIntOrFloatBitWidth(), toWidth = toCompute.getIntOrFloatBitWidth();
  if (fromWidth > toWidth)
    return arith::TruncIOp::create(b, loc, shaped(toCompute, x), x);
  if (fromWidth == toWidth)
    return x;
  if (isUnsigned(from) || from.isInteger(1))
    return arith::ExtUIOp::create(b, loc, shaped(toCompute, x), x);
  return arith::ExtSIOp::create(b, loc, shaped(toCompute, x), x);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Value ElementwiseEmitter::applyVectorFunction(Value x, llvm::function_ref<Value(Value)> f) {
  if (isa<VectorType>(x.getType()))
    return f(x);
  return k.extract(f(k.broadcast(x)), 0);
}

/// Computes a function that has no vector form of ours in f64, by the C library, and rounds once.
Value ElementwiseEmitter::throughDouble(Value x, llvm::function_ref<Value(Value)> f) {
  OpBuilder &b = k.builder();
  Type type = x.getType();
  bool isDouble = getElementTypeOrSelf(type).isF64();
  if (!isDouble)
    x = arith::ExtFOp::create(b, k.loc(), shaped(b.getF64Type(), x), x);
  Value result;
  if (auto vector = dyn_cast<VectorType>(x.getType())) {
    // The library has scalar functions only.
    result = x;
    for (int64_t lane = 0; lane < vector.getNumElements(); ++lane)
      result = vector::InsertOp::create(b, k.loc(), f(vector::ExtractOp::create(b, k.loc(), x, lane)), result, lane);
  } else {
    result = f(x);
  }
  return isDouble ? result : Value(arith::TruncFOp::create(b, k.loc(), type, result));
}

Value ElementwiseEmitter::add(Value x, Value y, Type type) {
  if (isa<FloatType>(type))
    return round(arith::AddFOp::create(k.builder(), k.loc(), x, y), type);
  return arith::AddIOp::create(k.builder(), k.loc(), x, y);
}

Value ElementwiseEmitter::multiply(Value x, Value y, Type type) {
  if (isa<FloatType>(type))
    return round(arith::MulFOp::create(k.builder(), k.loc(), x, y), type);
  return arith::MulIOp::create(k.builder(), k.loc(), x, y);
}

Value ElementwiseEmitter::minimumOrMaximum(bool maximum, Value x, Value y, Type type) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  if (isa<FloatType>(type)) {
    auto predicate = maximum ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
    Value better = arith::CmpFOp::create(b, loc, predicate, x, y);
    Value xIsNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
    return arith::SelectOp::create(b, loc, arith::OrIOp::create(b, loc, better, xIsNan), x, y);
  }
  if (isUnsigned(type) || type.isInteger(1))
    return maximum ? Value(arith::MaxUIOp::create(b, loc, x, y)) : Value(arith::MinUIOp::create(b, loc, x, y));
  return maximum ? Value(arith::MaxSIOp::create(b, loc, x, y)) : Value(arith::MinSIOp::create(b, loc, x, y));
}

/// Whether two strings (the address in the lower half of 128 bits, the length in the upper) have the same bytes.
static Value equalStrings(KernelBuilder &k, Value x, Value y) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  Type i64 = b.getI64Type(), i8 = b.getI8Type();
  auto lowerHalf = [&](Value string) -> Value { return arith::TruncIOp::create(b, loc, i64, string); };
  Value half = arith::ConstantOp::create(b, loc, b.getIntegerAttr(x.getType(), 64));
  auto lengthOf = [&](Value string) { return lowerHalf(arith::ShRUIOp::create(b, loc, string, half)); };
  auto addressOf = [&](Value string) -> Value {
    return LLVM::IntToPtrOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext()), lowerHalf(string));
  };
  Value length = lengthOf(x), sameLength = k.equal(length, lengthOf(y)), from = addressOf(x), to = addressOf(y);
  return k.loop(0, k.select(sameLength, length, 0), 1, {sameLength}, [&](Int i, ArrayRef<Value> carried) {
    Value same =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, k.loadScalar(from, i, i8), k.loadScalar(to, i, i8));
    return KernelBuilder::Values{arith::AndIOp::create(b, loc, carried[0], same)};
  })[0];
}

Value ElementwiseEmitter::compare(ElementwiseKind kind, Value x, Value y, Type type) {
  if (isa<StringType>(type))
    return equalStrings(k, x, y);
  struct Row {
    ElementwiseKind kind;
    arith::CmpFPredicate floats;
    arith::CmpIPredicate integers, unsignedIntegers;
  };
  static constexpr Row rows[] = {
      {ElementwiseKind::equal, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, arith::CmpIPredicate::eq},
      {ElementwiseKind::less, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, arith::CmpIPredicate::ult},
      {ElementwiseKind::less_equal, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle, arith::CmpIPredicate::ule},
      {ElementwiseKind::greater, arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt, arith::CmpIPredicate::ugt},
      {ElementwiseKind::greater_equal, arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge, arith::CmpIPredicate::uge},
  };
  for (const Row &row : rows) {
    if (row.kind != kind)
      continue;
    if (isa<FloatType>(type))
      return arith::CmpFOp::create(k.builder(), k.loc(), row.floats, x, y);
    return arith::CmpIOp::create(k.builder(), k.loc(),
                                 isUnsigned(type) || type.isInteger(1) ? row.unsignedIntegers : row.integers, x, y);
  }
  llvm_unreachable("a comparison");
}

Value ElementwiseEmitter::emit(ElementwiseOp op, ArrayRef<Value> operands) {
  ElementwiseKind kind = op.getKind();
  if (kind == ElementwiseKind::select)
    return arith::SelectOp::create(k.builder(), k.loc(), operands[0], operands[1], operands[2]);
  Type type = sinter::getElementType(op.getOperands_()[0]);
  if (kind >= ElementwiseKind::equal && kind <= ElementwiseKind::greater_equal)
    return compare(kind, operands[0], operands[1], type);
  if (isa<FloatType>(type)) {
    Value result = emitFloat(op, operands, type);
    return ElementwiseOp::isPredicate(kind) ? result : round(result, type);
  }
  if (kind == ElementwiseKind::pow)
    return power(op, operands[0], operands[1], type);
  return emitInteger(kind, operands, cast<IntegerType>(type));
}

/// The number that an operand is everywhere.
static std::optional<double> getSplatNumber(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (isa<BroadcastOp, ReshapeOp>(op)) {
      value = op->getOperand(0);
      continue;
    }
    auto constant = dyn_cast<ConstantOp>(op);
    auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
    if (!elements || !elements.isSplat())
      return std::nullopt;
    if (isa<FloatType>(elements.getElementType()))
      return elements.getSplatValue<APFloat>().convertToDouble();
    return static_cast<double>(elements.getSplatValue<APInt>().getSExtValue());
  }
  return std::nullopt;
}

Value ElementwiseEmitter::power(ElementwiseOp op, Value x, Value y, Type type) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  std::optional<double> exponent = getSplatNumber(op.getOperands_()[1]);
  if (exponent == 2.0)
    return multiply(x, x, type);
  if (exponent == 3.0)
    return multiply(multiply(x, x, type), x, type);
  if (exponent == 1.0)
    return x;
  if (exponent == 0.5 && isa<FloatType>(type))
    return math::SqrtOp::create(b, loc, x);
  Type f64 = b.getF64Type();
  Value result = math::PowFOp::create(b, loc, convert(x, type, f64), convert(y, type, f64));
  return convert(result, f64, type);
}

Value ElementwiseEmitter::emitFloat(ElementwiseOp op, ArrayRef<Value> x, Type type) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  Value a = x[0];
  bool isDouble = type.isF64();
  auto number = [&](double n) { return splatLike(constant(n, getComputeType(type)), a); };
  // A function with a vector form for f32 (VectorMath.h) and a library function for f64.
  auto either = [&](Value (*vectorForm)(KernelBuilder &, Value), llvm::function_ref<Value(Value)> doubleForm) {
    if (isDouble)
      return doubleForm(a);
    return applyVectorFunction(a, [&](Value v) { return vectorForm(k, v); });
  };
#define LIBRARY(OP) throughDouble(a, [&](Value v) -> Value { return OP::create(b, loc, v); })
  auto exp = [&](Value v) -> Value { return math::ExpOp::create(b, loc, v); };
  auto one = [&] { return number(1.0); };

  switch (op.getKind()) {
  case ElementwiseKind::abs:
    return math::AbsFOp::create(b, loc, a);
  case ElementwiseKind::neg:
    return arith::NegFOp::create(b, loc, a);
  case ElementwiseKind::exp:
    return either(buildExp, exp);
  case ElementwiseKind::log:
    return either(buildLog, [&](Value v) -> Value { return math::LogOp::create(b, loc, v); });
  case ElementwiseKind::sqrt:
    return math::SqrtOp::create(b, loc, a);
  case ElementwiseKind::reciprocal:
    return arith::DivFOp::create(b, loc, one(), a);
  case ElementwiseKind::rsqrt:
    return arith::DivFOp::create(b, loc, one(), math::SqrtOp::create(b, loc, a));
  case ElementwiseKind::floor:
    return math::FloorOp::create(b, loc, a);
  case ElementwiseKind::ceil:
    return math::CeilOp::create(b, loc, a);
  case ElementwiseKind::round:
    return math::RoundEvenOp::create(b, loc, a);
  case ElementwiseKind::sign: {
    Value zero = number(0.0);
    Value positive = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, a, zero);
    Value negative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, a, zero);
    Value rest = arith::SelectOp::create(b, loc, negative, number(-1.0), a); // zero and NaN stay
    return arith::SelectOp::create(b, loc, positive, one(), rest);
  }
  case ElementwiseKind::sin:
    return LIBRARY(math::SinOp);
  case ElementwiseKind::cos:
    return LIBRARY(math::CosOp);
  case ElementwiseKind::tan:
    return LIBRARY(math::TanOp);
  case ElementwiseKind::asin:
    return LIBRARY(math::AsinOp);
  case ElementwiseKind::acos:
    return LIBRARY(math::AcosOp);
  case ElementwiseKind::atan:
    return LIBRARY(math::AtanOp);
  case ElementwiseKind::sinh:
    return LIBRARY(math::SinhOp);
  case ElementwiseKind::cosh:
    return LIBRARY(math::CoshOp);
  case ElementwiseKind::asinh:
    return LIBRARY(math::AsinhOp);
  case ElementwiseKind::acosh:
    return LIBRARY(math::AcoshOp);
  case ElementwiseKind::atanh:
    return LIBRARY(math::AtanhOp);
  case ElementwiseKind::tanh:
    return either(buildTanh, [&](Value v) -> Value { return math::TanhOp::create(b, loc, v); });
  case ElementwiseKind::erf:
    return either(buildErf, [&](Value v) -> Value { return math::ErfOp::create(b, loc, v); });
  case ElementwiseKind::sigmoid:
    return either(buildSigmoid, [&](Value v) -> Value {
      return arith::DivFOp::create(b, loc, one(),
                                   arith::AddFOp::create(b, loc, one(), exp(arith::NegFOp::create(b, loc, v))));
    });
  case ElementwiseKind::silu:
    return either(buildSilu, [&](Value v) -> Value {
      return arith::DivFOp::create(b, loc, v,
                                   arith::AddFOp::create(b, loc, one(), exp(arith::NegFOp::create(b, loc, v))));
    });
  case ElementwiseKind::softplus:
    return either(buildSoftplus, [&](Value v) -> Value {
      Value low = math::Log1pOp::create(b, loc, exp(arith::NegFOp::create(b, loc, math::AbsFOp::create(b, loc, v))));
      return arith::AddFOp::create(b, loc, minimumOrMaximum(true, v, number(0.0), type), low);
    });
  case ElementwiseKind::relu:
    return minimumOrMaximum(true, a, number(0.0), type);
  case ElementwiseKind::gelu:
    return either(buildGeluErf, [&](Value v) -> Value {
      Value erf = math::ErfOp::create(b, loc, arith::MulFOp::create(b, loc, v, number(0.70710678118654752440)));
      return arith::MulFOp::create(b, loc, arith::MulFOp::create(b, loc, v, number(0.5)),
                                   arith::AddFOp::create(b, loc, one(), erf));
    });
  case ElementwiseKind::gelu_tanh:
    return either(buildGeluTanh, [&](Value v) -> Value {
      Value cube = arith::MulFOp::create(b, loc, arith::MulFOp::create(b, loc, v, v), v);
      Value inner = arith::AddFOp::create(b, loc, v, arith::MulFOp::create(b, loc, number(0.044715), cube));
      Value tanh = math::TanhOp::create(b, loc, arith::MulFOp::create(b, loc, number(0.79788456080286535588), inner));
      return arith::MulFOp::create(b, loc, arith::MulFOp::create(b, loc, v, number(0.5)),
                                   arith::AddFOp::create(b, loc, one(), tanh));
    });
  case ElementwiseKind::elu: {
    // exp(x) - 1 loses digits near 0, where f64 has enough of them to lose.
    Value below = throughDouble(a, [&](Value v) -> Value { return math::ExpM1Op::create(b, loc, v); });
    below = arith::MulFOp::create(b, loc, number(op.getAlpha() ? op.getAlpha()->convertToDouble() : 1.0), below);
    Value negative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, a, number(0.0));
    return arith::SelectOp::create(b, loc, negative, below, a);
  }
  case ElementwiseKind::leaky_relu: {
    Value negative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, a, number(0.0));
    double slope = op.getAlpha() ? op.getAlpha()->convertToDouble() : 0.01;
    return arith::SelectOp::create(b, loc, negative, arith::MulFOp::create(b, loc, a, number(slope)), a);
  }
  case ElementwiseKind::is_nan:
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, a, a);
  case ElementwiseKind::is_inf: {
    double which = op.getAlpha() ? op.getAlpha()->convertToDouble() : 0.0;
    Value magnitude = which > 0   ? a
                      : which < 0 ? Value(arith::NegFOp::create(b, loc, a))
                                  : Value(math::AbsFOp::create(b, loc, a));
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, magnitude,
                                 number(std::numeric_limits<double>::infinity()));
  }
  case ElementwiseKind::add:
    return arith::AddFOp::create(b, loc, a, x[1]);
  case ElementwiseKind::sub:
    return arith::SubFOp::create(b, loc, a, x[1]);
  case ElementwiseKind::mul:
    return arith::MulFOp::create(b, loc, a, x[1]);
  case ElementwiseKind::div:
    return arith::DivFOp::create(b, loc, a, x[1]);
  case ElementwiseKind::min:
  case ElementwiseKind::max:
    return minimumOrMaximum(op.getKind() == ElementwiseKind::max, a, x[1], type);
  case ElementwiseKind::pow:
    return power(op, a, x[1], getComputeType(type));
  case ElementwiseKind::mod:
  case ElementwiseKind::fmod: {
    Type compute = getComputeType(type), f64 = b.getF64Type();
    // Exact in f64, and representable in the type of the operands.
    Value y = convert(x[1], compute, f64);
    Value rest = arith::RemFOp::create(b, loc, convert(a, compute, f64), y);
    if (op.getKind() == ElementwiseKind::mod) {
      Value zero = splatLike(constant(0.0, f64), a);
      Value negative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, rest, zero);
      Value divisorNegative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, y, zero);
      Value nonZero = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, rest, zero);
      Value differ = arith::XOrIOp::create(b, loc, negative, divisorNegative);
      Value adjusted = arith::AddFOp::create(b, loc, rest, y);
      rest = arith::SelectOp::create(b, loc, arith::AndIOp::create(b, loc, nonZero, differ), adjusted, rest);
    }
    return convert(rest, f64, compute);
  }
  default:
    llvm_unreachable("the verifier refuses other kinds for floats");
  }
#undef LIBRARY
}

Value ElementwiseEmitter::emitIntegerDivision(ElementwiseKind kind, Value x, Value y, IntegerType type) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  auto number = [&](int64_t n) {
    return splatLike(arith::ConstantOp::create(b, loc, b.getIntegerAttr(getComputeType(type), n)), x);
  };
  auto equals = [&](Value v, int64_t n) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, v, number(n));
  };
  // The machine traps on a division by zero and on the least number by -1: neither may take a process down.
  Value byZero = equals(y, 0);
  if (isUnsigned(type)) {
    Value safe = arith::SelectOp::create(b, loc, byZero, number(1), y);
    if (kind == ElementwiseKind::div)
      return arith::SelectOp::create(b, loc, byZero, number(0), arith::DivUIOp::create(b, loc, x, safe));
    return arith::RemUIOp::create(b, loc, x, safe);
  }
  Value byMinusOne = equals(y, -1);
  Value safe = arith::SelectOp::create(b, loc, arith::OrIOp::create(b, loc, byZero, byMinusOne), number(1), y);
  if (kind == ElementwiseKind::div) {
    Value quotient = arith::DivSIOp::create(b, loc, x, safe);
    quotient = arith::SelectOp::create(b, loc, byMinusOne, arith::SubIOp::create(b, loc, number(0), x), quotient);
    return arith::SelectOp::create(b, loc, byZero, number(0), quotient);
  }
  Value rest = arith::RemSIOp::create(b, loc, x, safe);
  if (kind == ElementwiseKind::fmod)
    return rest;
  Value signs = arith::XOrIOp::create(b, loc, rest, y);
  Value differ = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, signs, number(0));
  Value nonZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, rest, number(0));
  return arith::SelectOp::create(b, loc, arith::AndIOp::create(b, loc, differ, nonZero),
                                 arith::AddIOp::create(b, loc, rest, y), rest);
}

Value ElementwiseEmitter::emitInteger(ElementwiseKind kind, ArrayRef<Value> x, IntegerType type) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  Value a = x[0];
  auto number = [&](int64_t n) {
    return splatLike(arith::ConstantOp::create(b, loc, b.getIntegerAttr(getComputeType(type), n)), a);
  };
  auto negative = [&]() -> Value { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, a, number(0)); };
  auto negated = [&]() -> Value { return arith::SubIOp::create(b, loc, number(0), a); };
  switch (kind) {
  case ElementwiseKind::abs:
    return isUnsigned(type) ? a : Value(arith::SelectOp::create(b, loc, negative(), negated(), a));
  case ElementwiseKind::neg:
    return negated();
  case ElementwiseKind::sign: {
    Value nonZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, a, number(0));
    Value positive = arith::SelectOp::create(b, loc, nonZero, number(1), number(0));
    return isUnsigned(type) ? positive : Value(arith::SelectOp::create(b, loc, negative(), number(-1), positive));
  }
  case ElementwiseKind::relu:
    return minimumOrMaximum(true, a, number(0), type);
  case ElementwiseKind::logical_not:
    return arith::XOrIOp::create(b, loc, a, number(1));
  case ElementwiseKind::bitwise_not:
    return arith::XOrIOp::create(b, loc, a, number(-1));
  case ElementwiseKind::add:
    return arith::AddIOp::create(b, loc, a, x[1]);
  case ElementwiseKind::sub:
    return arith::SubIOp::create(b, loc, a, x[1]);
  case ElementwiseKind::mul:
    return arith::MulIOp::create(b, loc, a, x[1]);
  case ElementwiseKind::div:
  case ElementwiseKind::mod:
  case ElementwiseKind::fmod:
    return emitIntegerDivision(kind, a, x[1], type);
  case ElementwiseKind::min:
  case ElementwiseKind::max:
    return minimumOrMaximum(kind == ElementwiseKind::max, a, x[1], type);
  case ElementwiseKind::logical_and:
  case ElementwiseKind::bitwise_and:
    return arith::AndIOp::create(b, loc, a, x[1]);
  case ElementwiseKind::logical_or:
  case ElementwiseKind::bitwise_or:
    return arith::OrIOp::create(b, loc, a, x[1]);
  case ElementwiseKind::logical_xor:
  case ElementwiseKind::bitwise_xor:
    return arith::XOrIOp::create(b, loc, a, x[1]);
  case ElementwiseKind::shift_left:
  case ElementwiseKind::shift_right: {
    // A shift by the width or more, or by a negative number, leaves the sign only.
    unsigned width = type.getWidth();
    Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x[1], number(width));
    if (kind == ElementwiseKind::shift_right && !isUnsigned(type))
      return arith::ShRSIOp::create(b, loc, a, arith::SelectOp::create(b, loc, inside, x[1], number(width - 1)));
    Value amount = arith::SelectOp::create(b, loc, inside, x[1], number(0));
    Value shifted = kind == ElementwiseKind::shift_left ? Value(arith::ShLIOp::create(b, loc, a, amount))
                                                        : Value(arith::ShRUIOp::create(b, loc, a, amount));
    return arith::SelectOp::create(b, loc, inside, shifted, number(0));
  }
  default:
    llvm_unreachable("the verifier refuses other kinds for integers");
  }
}
