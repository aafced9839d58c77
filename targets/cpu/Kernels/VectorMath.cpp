//===- VectorMath.cpp - Functions on vectors of f32 -----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/VectorMath.h"

#include <cstring>
#include <limits>

using namespace mlir;
using namespace sinter::cpu;

// Adding 1.5 * 2^23 rounds to an integer, which then stands in the sum's low bits. Unlike a conversion it is defined
// for NaN.
static constexpr double roundingShift = 12582912.0;

static int32_t bitsOf(float number) {
  int32_t bits;
  std::memcpy(&bits, &number, sizeof bits);
  return bits;
}

/// Coefficients from the highest power down.
static Value polynomial(KernelBuilder &k, Value x, llvm::ArrayRef<double> coefficients) {
  Value sum = k.splat(coefficients.front());
  for (double coefficient : coefficients.drop_front())
    sum = k.fma(sum, x, k.splat(coefficient));
  return sum;
}

/// x * 2^n for n in [-252, 254], in two steps, so that results that are denormal or infinite are rounded once.
static Value scaleByPowerOfTwo(KernelBuilder &k, Value x, Value n) {
  Value half = k.shiftRightSigned(n, 1), rest = k.subInts(n, half);
  auto power = [&](Value exponent) {
    return k.bitcast(k.shiftLeft(k.addInts(exponent, k.splatInt(127)), 23), k.f32());
  };
  return k.mulf(k.mulf(x, power(half)), power(rest));
}

// e^x = 2^n e^r with |r| <= log(2) / 2; the polynomial is that of Cephes (expf).
Value sinter::cpu::buildExp(KernelBuilder &k, Value x) {
  x = k.minf(k.splat(89.0), k.maxf(k.splat(-104.0), x));
  Value shifted = k.fma(x, k.splat(1.4426950408889634), k.splat(roundingShift));
  Value n = k.subf(shifted, k.splat(roundingShift));
  // log 2 in two parts, of which the first has few enough bits for its product with n to be exact.
  Value r = k.fma(n, k.splat(-0.693145751953125), x);
  r = k.fma(n, k.splat(-1.428606765330187e-06), r);
  Value p = polynomial(
      k, r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
  p = k.addf(k.fma(p, k.mulf(r, r), r), k.splat(1.0));
  return scaleByPowerOfTwo(k, p,
                           k.subInts(k.bitcast(shifted, k.builder().getI32Type()), k.splatInt(bitsOf(roundingShift))));
}

/// 2^r for |r| <= 1/2, and the integer n (in `shifted`'s low bits) with x = n + r; the polynomial is that of Cephes
/// (exp2f).
static Value fractionOfExp2(KernelBuilder &k, Value x, Value &shifted) {
  shifted = k.addf(x, k.splat(roundingShift));
  Value r = k.subf(x, k.subf(shifted, k.splat(roundingShift)));
  return polynomial(k, r,
                    {1.535336188319500e-4, 1.339887440266574e-3, 9.618437357674640e-3, 5.550332471162809e-2,
                     2.402264791363012e-1, 6.931472028550421e-1, 1.0});
}

Value sinter::cpu::buildExp2(KernelBuilder &k, Value x) {
  Value shifted;
  Value p = fractionOfExp2(k, k.minf(k.splat(129.0), k.maxf(k.splat(-151.0), x)), shifted);
  return scaleByPowerOfTwo(k, p,
                           k.subInts(k.bitcast(shifted, k.builder().getI32Type()), k.splatInt(bitsOf(roundingShift))));
}

Value sinter::cpu::buildExp2NonPositive(KernelBuilder &k, Value x) {
  // At -127 the fraction is 1, whose exponent 127 the sum below makes 0: exactly zero. The shift drops all of the
  // rounding constant but the integer, and nothing of a NaN's bits comes through but its quiet payload of zeros.
  Value shifted;
  Value p = fractionOfExp2(k, k.maxf(k.splat(-127.0), x), shifted);
  Type i32 = k.builder().getI32Type();
  return k.bitcast(k.addInts(k.bitcast(p, i32), k.shiftLeft(k.bitcast(shifted, i32), 23)), k.f32());
}

// log x = e log 2 + log m with m in [sqrt(1/2), sqrt 2); the polynomial is that of Cephes (logf).
Value sinter::cpu::buildLog(KernelBuilder &k, Value x) {
  using Predicate = arith::CmpFPredicate;
  Type i32 = k.builder().getI32Type();
  float infinity = std::numeric_limits<float>::infinity();
  Value isDenormal = k.compare(Predicate::OLT, x, k.splat(std::numeric_limits<float>::min()));
  Value normal = k.selectLanes(isDenormal, k.mulf(x, k.splat(8388608.0)), x);
  Value bits = k.bitcast(normal, i32);
  Value exponent = k.shiftRightSigned(k.subInts(bits, k.splatInt(0x3f3504f3)), 23);
  Value f = k.subf(k.bitcast(k.subInts(bits, k.shiftLeft(exponent, 23)), k.f32()), k.splat(1.0));
  Value e = k.subf(k.intsToFloats(exponent), k.selectLanes(isDenormal, k.splat(23.0), k.splat(0.0)));
  Value square = k.mulf(f, f);
  Value p = polynomial(k, f,
                       {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  Value y = k.fma(e, k.splat(-2.12194440e-4), k.mulf(k.mulf(f, square), p));
  y = k.addf(f, k.fma(square, k.splat(-0.5), y));
  y = k.fma(e, k.splat(0.693359375), y);
  y = k.selectLanes(k.compare(Predicate::OEQ, x, k.splat(0.0)), k.splat(-infinity), y);
  y = k.selectLanes(k.compare(Predicate::OEQ, x, k.splat(infinity)), x, y);
  Value isNumber = k.compare(Predicate::OGE, x, k.splat(0.0));
  return k.selectLanes(isNumber, y, k.splat(std::numeric_limits<float>::quiet_NaN()));
}

// The rounding of 1 + x is undone by the quotient (Kahan).
Value sinter::cpu::buildLog1p(KernelBuilder &k, Value x) {
  using Predicate = arith::CmpFPredicate;
  Value sum = k.addf(x, k.splat(1.0));
  Value y = k.mulf(buildLog(k, sum), k.divf(x, k.subf(sum, k.splat(1.0))));
  y = k.selectLanes(k.compare(Predicate::OEQ, sum, k.splat(1.0)), x, y);
  Value isInfinite = k.compare(Predicate::OEQ, x, k.splat(std::numeric_limits<float>::infinity()));
  return k.selectLanes(isInfinite, x, y);
}

// A quotient of polynomials in x^2, times x, as XLA and Eigen use it.
Value sinter::cpu::buildErf(KernelBuilder &k, Value x) {
  x = k.maxf(k.splat(-4.0), k.minf(k.splat(4.0), x));
  Value y = k.mulf(x, x);
  Value numerator =
      polynomial(k, y,
                 {-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
                  -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02});
  Value denominator = polynomial(k, y,
                                 {-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03,
                                  -7.37332916720468e-03, -1.42647390514189e-02});
  return k.mulf(x, k.divf(numerator, denominator));
}

// Below 5/8 the polynomial of Cephes (tanhf), which keeps the relative error of small results; above 1 - 2 / (e^2|x| +
// 1).
Value sinter::cpu::buildTanh(KernelBuilder &k, Value x) {
  Value magnitude = k.absf(x), square = k.mulf(x, x);
  Value power = buildExp(k, k.addf(magnitude, magnitude));
  Value large = k.subf(k.splat(1.0), k.divf(k.splat(2.0), k.addf(power, k.splat(1.0))));
  Value p = polynomial(k, square,
                       {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1});
  Value small = k.fma(k.mulf(p, square), x, x);
  Value isLarge = k.compare(arith::CmpFPredicate::OGT, magnitude, k.splat(0.625));
  return k.selectLanes(isLarge, k.copySign(large, x), small);
}

Value sinter::cpu::buildSigmoid(KernelBuilder &k, Value x) {
  return k.divf(k.splat(1.0), k.addf(k.splat(1.0), buildExp(k, k.negf(x))));
}

Value sinter::cpu::buildSilu(KernelBuilder &k, Value x) {
  return k.divf(x, k.addf(k.splat(1.0), buildExp(k, k.negf(x))));
}

Value sinter::cpu::buildSoftplus(KernelBuilder &k, Value x) {
  return k.addf(k.maxf(k.splat(0.0), x), buildLog1p(k, buildExp(k, k.negf(k.absf(x)))));
}

Value sinter::cpu::buildGeluErf(KernelBuilder &k, Value x) {
  Value half = k.mulf(x, k.splat(0.5));
  return k.fma(half, buildErf(k, k.mulf(x, k.splat(0.70710678118654752))), half);
}

Value sinter::cpu::buildGeluTanh(KernelBuilder &k, Value x) {
  Value half = k.mulf(x, k.splat(0.5));
  Value inner = k.fma(k.mulf(k.mulf(x, x), x), k.splat(0.044715), x);
  return k.fma(half, buildTanh(k, k.mulf(inner, k.splat(0.79788456080286536))), half);
}
