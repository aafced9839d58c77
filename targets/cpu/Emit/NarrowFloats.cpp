//===- NarrowFloats.cpp - Floats of 8 bits and fewer, in machine operations -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/NarrowFloats.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <cmath>

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

/// A narrow float with a sign.
struct Format {
  unsigned fractionBits;
  int bias;
  unsigned signBit;
  uint8_t greatest;     // finite
  uint8_t overflow;     // for what is greater, where nothing saturates
  uint8_t nan;          // of fnuz types the one; of others with the sign to add
  bool hasNegativeZero; // fnuz types have NaN instead

  bool hasNan() const { return nan != 0; }
  bool hasInfinity() const { return hasNan() && overflow != nan; }
};

Format formatOf(FloatType type) {
  if (isa<Float8E4M3FNType>(type))
    return {3, 7, 7, 0x7e, 0x7f, 0x7f, true};
  if (isa<Float8E4M3FNUZType>(type))
    return {3, 8, 7, 0x7f, 0x80, 0x80, false};
  if (isa<Float8E5M2Type>(type))
    return {2, 15, 7, 0x7b, 0x7c, 0x7e, true};
  if (isa<Float8E5M2FNUZType>(type))
    return {2, 16, 7, 0x7f, 0x80, 0x80, false};
  assert(isa<Float4E2M1FNType>(type) && "a narrow float");
  return {1, 1, 3, 0x07, 0x07, 0x00, true};
}

/// Integer operations on scalars or vectors of one width, that of a wide float's bits.
class Bits {
public:
  Bits(KernelBuilder &k, Value like, unsigned width) : b(k.builder()), loc(k.loc()), like(like), width(width) {}

  Type shaped(Type element) const {
    auto vector = dyn_cast<VectorType>(like.getType());
    return vector ? Type(vector.clone(element)) : element;
  }
  Type integer(unsigned bits) const { return shaped(b.getIntegerType(bits)); }
  Type floating() const { return shaped(width == 64 ? Type(b.getF64Type()) : Type(b.getF32Type())); }

  Value splat(TypedAttr number) {
    Value scalar = arith::ConstantOp::create(b, loc, number);
    return isa<VectorType>(like.getType())
               ? Value(vector::BroadcastOp::create(b, loc, shaped(scalar.getType()), scalar))
               : scalar;
  }
  Value number(uint64_t n) { return splat(b.getIntegerAttr(b.getIntegerType(width), APInt(width, n))); }
  Value real(double n) { return splat(b.getFloatAttr(width == 64 ? Type(b.getF64Type()) : Type(b.getF32Type()), n)); }

  Value of(Value x) { return arith::BitcastOp::create(b, loc, integer(width), x); }
  Value toFloat(Value bits) { return arith::BitcastOp::create(b, loc, floating(), bits); }
  Value widen(Value narrow) { return arith::ExtUIOp::create(b, loc, integer(width), narrow); }
  Value narrow(Value wide) { return arith::TruncIOp::create(b, loc, integer(8), wide); }

  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value band(Value x, uint64_t mask) { return arith::AndIOp::create(b, loc, x, number(mask)); }
  Value bor(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value shl(Value x, unsigned by) { return arith::ShLIOp::create(b, loc, x, number(by)); }
  Value shr(Value x, unsigned by) { return arith::ShRUIOp::create(b, loc, x, number(by)); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, loc, condition, x, y); }
  Value is(Value x, uint64_t n) { return compare(arith::CmpIPredicate::eq, x, n); }
  Value isBelow(Value x, uint64_t n) { return compare(arith::CmpIPredicate::ult, x, n); }
  Value isAbove(Value x, uint64_t n) { return compare(arith::CmpIPredicate::ugt, x, n); }

private:
  Value compare(arith::CmpIPredicate predicate, Value x, uint64_t n) {
    return arith::CmpIOp::create(b, loc, predicate, x, number(n));
  }

  OpBuilder &b;
  Location loc;
  Value like;
  unsigned width;
};

constexpr uint64_t quietNan32 = 0x7fc00000;

} // namespace

//===----------------------------------------------------------------------===//
// From narrow
//===----------------------------------------------------------------------===//

Value cpu::decodeNarrowFloat(KernelBuilder &k, Value bits, FloatType type) {
  Bits f32(k, bits, 32);
  Value code = f32.widen(bits);
  if (isa<Float8E8M0FNUType>(type)) {
    // The exponent is all there is. The least one is subnormal in f32.
    Value power = f32.select(f32.is(code, 0), f32.number(0x00400000), f32.shl(code, 23));
    return f32.toFloat(f32.select(f32.is(code, 0xff), f32.number(quietNan32), power));
  }
  const Format format = formatOf(type);
  const uint64_t mask = (uint64_t(1) << format.signBit) - 1;
  Value magnitude = f32.band(code, mask);
  Value sign = f32.shl(f32.band(code, uint64_t(1) << format.signBit), 31 - format.signBit);

  Value normal = f32.add(f32.shl(magnitude, 23 - format.fractionBits), f32.number(uint64_t(127 - format.bias) << 23));
  // A subnormal is its fraction times the least number.
  Value count = arith::UIToFPOp::create(k.builder(), k.loc(), f32.floating(), magnitude);
  double least = std::ldexp(1.0, 1 - format.bias - int(format.fractionBits));
  Value subnormal = f32.of(arith::MulFOp::create(k.builder(), k.loc(), count, f32.real(least)));
  Value result = f32.select(f32.isBelow(magnitude, uint64_t(1) << format.fractionBits), subnormal, normal);

  if (format.hasInfinity())
    result = f32.select(f32.is(magnitude, format.overflow), f32.number(0x7f800000), result);
  result = f32.bor(result, sign);
  if (!format.hasNegativeZero)
    result = f32.select(f32.is(code, format.nan), f32.number(quietNan32), result);
  else if (format.hasNan())
    result = f32.select(f32.isAbove(magnitude, format.hasInfinity() ? format.overflow : format.greatest),
                        f32.bor(f32.number(quietNan32), sign), result);
  return f32.toFloat(result);
}

//===----------------------------------------------------------------------===//
// To narrow
//===----------------------------------------------------------------------===//

/// Powers of two, from f64: there all of them are normal.
static Value encodePower(KernelBuilder &k, Value x, const NarrowCast &cast) {
  Bits f64(k, x, 64);
  const auto exponentBits = [](int exponent) { return uint64_t(exponent + 1023) << 52; };
  // Negative numbers, whose bits are above all others, become NaN; -0 is 0.
  Value bits = f64.of(x);
  bits = f64.select(f64.is(bits, uint64_t(1) << 63), f64.number(0), bits);
  const uint64_t half = uint64_t(1) << 51, one = uint64_t(1) << 52;
  Value rounded = cast.round == RoundMode::up     ? f64.add(bits, f64.number(one - 1))
                  : cast.round == RoundMode::down ? bits
                                                  : f64.add(bits, f64.number(half));
  Value code = f64.sub(f64.shr(rounded, 52), f64.number(1023 - 127));
  code = f64.select(f64.isBelow(bits, exponentBits(-127)), f64.number(cast.saturate ? 0x00 : 0xff), code);
  code = f64.select(f64.isAbove(bits, exponentBits(127)), f64.number(cast.saturate ? 0xfe : 0xff), code);
  code = f64.select(f64.isAbove(bits, uint64_t(0x7ff) << 52), f64.number(0xff), code);
  return f64.narrow(code);
}

Value cpu::encodeNarrowFloat(KernelBuilder &k, Value x, FloatType type, const NarrowCast &cast) {
  const bool isDouble = getElementTypeOrSelf(x.getType()).isF64();
  if (isa<Float8E8M0FNUType>(type)) {
    if (!isDouble)
      x = arith::ExtFOp::create(k.builder(), k.loc(), Bits(k, x, 64).floating(), x);
    return encodePower(k, x, cast);
  }

  const Format format = formatOf(type);
  const unsigned width = isDouble ? 64 : 32, fractionBits = isDouble ? 52 : 23,
                 shift = fractionBits - format.fractionBits;
  const int bias = isDouble ? 1023 : 127;
  const uint64_t infinity = uint64_t(2 * bias + 1) << fractionBits;
  Bits wide(k, x, width);
  Value bits = wide.of(x);
  Value sign = wide.shr(bits, width - 1);
  Value magnitude = wide.band(bits, (uint64_t(1) << (width - 1)) - 1);

  Value halfLess = wide.add(wide.number((uint64_t(1) << (shift - 1)) - 1), wide.band(wide.shr(magnitude, shift), 1));
  Value normal = wide.sub(wide.shr(wide.add(magnitude, halfLess), shift),
                          wide.number(uint64_t(bias - format.bias) << format.fractionBits));
  Value anchor = wide.real(std::ldexp(1.0, 1 - format.bias - int(format.fractionBits) + int(fractionBits)));
  Value sum = arith::AddFOp::create(k.builder(), k.loc(), wide.toFloat(magnitude), anchor);
  Value subnormal = wide.sub(wide.of(sum), wide.of(anchor));
  const uint64_t leastNormal = uint64_t(1 - format.bias + bias) << fractionBits;
  Value code = wide.select(wide.isBelow(magnitude, leastNormal), subnormal, normal);

  // What is rounded to more than the greatest number; so are infinity and NaN.
  Value tooGreat = wide.number(cast.saturate ? format.greatest : format.overflow);
  code = wide.select(wide.isAbove(code, format.greatest), tooGreat, code);
  code = wide.select(wide.isAbove(magnitude, infinity), wide.number(format.nan), code);
  Value signedCode = wide.bor(code, wide.shl(sign, format.signBit));
  if (format.hasNegativeZero)
    code = format.hasNan() ? signedCode : wide.select(wide.isAbove(magnitude, infinity), wide.number(0), signedCode);
  else
    code = wide.select(wide.is(code, 0), code, signedCode); // NaN has that bit already
  return wide.narrow(code);
}

Value cpu::keepSticky(KernelBuilder &k, Value x, bool isUnsigned) {
  Bits i64(k, x, 64);
  // The 53 bits that a number of 64 has above its lowest 11.
  Value dropped = i64.band(x, 0x7ff);
  Value sticky = i64.select(i64.is(dropped, 0), i64.number(0), i64.number(0x800));
  Value odd = i64.bor(i64.band(x, ~uint64_t(0x7ff)), sticky);
  const uint64_t exact = uint64_t(1) << 53;
  Value isLarge = isUnsigned ? i64.isAbove(x, exact) : i64.isAbove(i64.add(x, i64.number(exact)), 2 * exact);
  return i64.select(isLarge, odd, x);
}
