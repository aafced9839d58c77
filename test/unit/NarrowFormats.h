//===- NarrowFormats.h - The narrow floats by their definitions -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What tests compare conversions with: each number from its fields, and rounding
// by a search among all of a type's numbers, in long double, which holds every
// argument exactly. Nothing of it is shared with Sinter.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_NARROWFORMATS_H
#define SINTER_TEST_UNIT_NARROWFORMATS_H

#include "lib/Support/NarrowElements.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace sinter::test {

struct NarrowFormat {
  ElementType type;
  const char *name; // of MLIR
  int exponentBits, fractionBits, bias;
  int greatest, overflow, nan;
  bool hasNegativeZero;
};

/// From the papers: OCP's "8-bit Floating Point Specification" and "Microscaling Formats", and arXiv 2206.02915 (fnuz).
inline const NarrowFormat narrowFormats[] = {
    {ElementType::F8E4M3FN, "f8E4M3FN", 4, 3, 7, 0x7e, 0x7f, 0x7f, true},
    {ElementType::F8E4M3FNUZ, "f8E4M3FNUZ", 4, 3, 8, 0x7f, 0x80, 0x80, false},
    {ElementType::F8E5M2, "f8E5M2", 5, 2, 15, 0x7b, 0x7c, 0x7e, true},
    {ElementType::F8E5M2FNUZ, "f8E5M2FNUZ", 5, 2, 16, 0x7f, 0x80, 0x80, false},
    {ElementType::F4E2M1, "f4E2M1FN", 2, 1, 1, 0x07, 0x07, -1, true},
};

/// The number of a magnitude's bits, as if none were special.
inline double magnitudeOf(const NarrowFormat &format, int bits) {
  int exponent = bits >> format.fractionBits, fraction = bits & ((1 << format.fractionBits) - 1);
  if (exponent == 0)
    return std::ldexp(fraction, 1 - format.bias - format.fractionBits);
  return std::ldexp(fraction + (1 << format.fractionBits), exponent - format.bias - format.fractionBits);
}

inline double decodeByDefinition(const NarrowFormat &format, int bits) {
  int signBit = 1 << (format.exponentBits + format.fractionBits), magnitude = bits & (signBit - 1);
  bool isNegative = bits & signBit;
  double value = magnitudeOf(format, magnitude);
  if (!format.hasNegativeZero && bits == format.nan)
    value = std::nan("");
  else if (magnitude > format.greatest)
    value = format.overflow != format.nan && magnitude == format.overflow ? std::numeric_limits<double>::infinity()
                                                                          : std::nan("");
  return isNegative ? -value : value;
}

/// The table of ONNX's Cast, version 28.
inline int encodeByDefinition(const NarrowFormat &format, long double x, bool saturate) {
  int sign = std::signbit(x) ? 1 << (format.exponentBits + format.fractionBits) : 0;
  auto withSign = [&](int bits) {
    return format.hasNegativeZero ? bits | sign : bits == 0 || bits == 0x80 ? bits : bits | sign;
  };
  if (std::isnan(x))
    return format.nan < 0 ? 0 : withSign(format.nan);
  long double magnitude = std::fabs(x);
  int best = 0;
  while (best <= format.greatest && magnitudeOf(format, best + 1) <= magnitude)
    ++best;
  if (best <= format.greatest) {
    long double middle = ((long double)magnitudeOf(format, best) + magnitudeOf(format, best + 1)) / 2;
    if (magnitude > middle || (magnitude == middle && best % 2 == 1))
      ++best;
  }
  if (best > format.greatest)
    best = saturate ? format.greatest : format.overflow;
  return withSign(best);
}

inline int encodePowerByDefinition(long double x, bool saturate, PowerRounding rounding) {
  if (std::isnan(x) || x < 0)
    return 255;
  if (x < 0x1p-127L)
    return saturate ? 0 : 255;
  if (x > 0x1p127L)
    return saturate ? 254 : 255;
  int power = -127;
  while (std::ldexp(1.0L, power + 1) <= x)
    ++power;
  long double low = std::ldexp(1.0L, power);
  bool up = rounding == PowerRounding::Up ? x > low : rounding == PowerRounding::Nearest && x - low >= low / 2;
  return power + up + 127;
}

/// Numbers of all magnitudes, of which many lie at, just above and just below the middles between narrow ones.
inline std::vector<double> interestingNumbers() {
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> numbers = {0.0, -0.0, infinity, -infinity, std::nan(""), -std::nan(""), 1e300, -1e300, 0x1p-1074};
  for (const NarrowFormat &format : narrowFormats)
    for (int bits = 0; bits <= format.greatest + 1; ++bits) {
      double a = magnitudeOf(format, bits), middle = (a + magnitudeOf(format, bits + 1)) / 2;
      for (double x : {a, middle})
        for (double y : {x, std::nextafter(x, 0.0), std::nextafter(x, infinity), x * (1 + 0x1p-23), x * (1 - 0x1p-23)})
          numbers.insert(numbers.end(), {y, -y});
    }
  std::mt19937_64 random(11);
  for (int exponent = -140; exponent <= 135; ++exponent)
    for (double factor :
         {1.0, 1 + 0x1p-23, 1.5 - 0x1p-23, 1.5, 1.75, 2 - 0x1p-23, 1 + double(random() >> 11) * 0x1p-53})
      numbers.insert(numbers.end(), {std::ldexp(factor, exponent), -std::ldexp(factor, exponent)});
  return numbers;
}

/// Equal, or both NaN: signs of NaN are free where the table says nothing of them.
inline bool isSameNarrow(const NarrowFormat &format, int a, int b) {
  return a == b || (std::isnan(decodeByDefinition(format, a)) && std::isnan(decodeByDefinition(format, b)));
}

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_NARROWFORMATS_H
