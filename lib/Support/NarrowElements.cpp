//===- NarrowElements.cpp - Elements of 8 bits and fewer ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/NarrowElements.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/ErrorHandling.h"

#include <cmath>

using namespace sinter;
using llvm::APFloat;

static const llvm::fltSemantics &semanticsOf(ElementType type) {
  switch (type) {
  case ElementType::F8E4M3FN:
    return APFloat::Float8E4M3FN();
  case ElementType::F8E4M3FNUZ:
    return APFloat::Float8E4M3FNUZ();
  case ElementType::F8E5M2:
    return APFloat::Float8E5M2();
  case ElementType::F8E5M2FNUZ:
    return APFloat::Float8E5M2FNUZ();
  case ElementType::F4E2M1:
    return APFloat::Float4E2M1FN();
  default:
    llvm_unreachable("a narrow float with a sign");
  }
}

static uint8_t bitsOf(const APFloat &value) { return static_cast<uint8_t>(value.bitcastToAPInt().getZExtValue()); }

double sinter::narrowToDouble(uint8_t bits, ElementType type) {
  if (type == ElementType::F8E8M0)
    return bits == 0xff ? std::nan("") : std::ldexp(1.0, bits - 127);
  unsigned width = elementBits(type);
  APFloat value(semanticsOf(type), llvm::APInt(width, bits & ((1u << width) - 1)));
  bool lost;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return value.convertToDouble();
}

static uint8_t doubleToPower(double value, const NarrowRules &rules) {
  constexpr uint8_t nan = 0xff, greatest = 0xfe, least = 0;
  if (std::isnan(value) || value < 0)
    return nan;
  if (value > 0x1p127)
    return rules.saturate ? greatest : nan;
  if (value < 0x1p-127)
    return rules.saturate ? least : nan;
  int exponent;
  double fraction = 2 * std::frexp(value, &exponent); // from 1 to 2, for 2^(exponent - 1)
  bool up = rules.rounding == PowerRounding::Up ? fraction > 1 : fraction >= 1.5;
  return static_cast<uint8_t>(exponent - 1 + 127 + (up && rules.rounding != PowerRounding::Down));
}

uint8_t sinter::doubleToNarrow(double value, ElementType type, const NarrowRules &rules) {
  if (type == ElementType::F8E8M0)
    return doubleToPower(value, rules);
  const llvm::fltSemantics &semantics = semanticsOf(type);
  bool isNegative = std::signbit(value), hasNan = type != ElementType::F4E2M1;
  if (std::isnan(value))
    return hasNan ? bitsOf(APFloat::getNaN(semantics, isNegative)) : 0;
  bool lost, isTooGreat = std::isinf(value);
  APFloat narrow(value);
  if (!isTooGreat)
    isTooGreat = narrow.convert(semantics, APFloat::rmNearestTiesToEven, &lost) & APFloat::opOverflow;
  if (!isTooGreat)
    return bitsOf(narrow);
  if (rules.saturate || !hasNan)
    return bitsOf(APFloat::getLargest(semantics, isNegative));
  return bitsOf(type == ElementType::F8E5M2 ? APFloat::getInf(semantics, isNegative)
                                            : APFloat::getNaN(semantics, isNegative));
}

uint8_t sinter::wrapToNarrow(int64_t value, ElementType type) {
  unsigned unused = 64 - elementBits(type);
  uint64_t high = static_cast<uint64_t>(value) << unused;
  return static_cast<uint8_t>(isSignedType(type) ? static_cast<int64_t>(high) >> unused
                                                 : static_cast<int64_t>(high >> unused));
}

void sinter::unpackElements(llvm::ArrayRef<char> packed, ElementType type, llvm::MutableArrayRef<char> destination) {
  unsigned bits = elementBits(type), perByte = 8 / bits;
  for (size_t i = 0; i < destination.size(); ++i) {
    auto byte = static_cast<uint8_t>(packed[i / perByte]);
    destination[i] = static_cast<char>(wrapToNarrow(byte >> (i % perByte * bits), type));
  }
}
