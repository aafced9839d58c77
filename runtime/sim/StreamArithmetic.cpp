//===- StreamArithmetic.cpp - What the ALUs of a streaming chip compute ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/sim/StreamArithmetic.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sinter::sim {
namespace {

using format::Alu;
using format::ElementType;

float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

int32_t wholeOf(uint32_t bits) { return static_cast<int32_t>(bits); }

constexpr uint32_t nan = 0x7fc00000;

float greater(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return floatOf(nan);
  if (a == b)
    return std::signbit(a) ? b : a; // +0 is greater than -0
  return a > b ? a : b;
}

float lesser(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return floatOf(nan);
  if (a == b)
    return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

/// Half to even, saturating, NaN to 0.
int32_t roundToWhole(float value, int32_t low, int32_t high) {
  if (std::isnan(value))
    return 0;
  double rounded = std::nearbyint(static_cast<double>(value));
  return static_cast<int32_t>(std::min<double>(std::max<double>(rounded, low), high));
}

/// The float nearest to what `fine` approximates, where `rough` is the same in double: no float's boundary lies within
/// the rough error, or else the finer one decides.
template <typename Fine> float roundOnce(double rough, Fine fine) {
  double slack = std::fabs(rough) * 0x1p-50;
  float low = static_cast<float>(rough - slack), high = static_cast<float>(rough + slack);
  return bitsOf(low) == bitsOf(high) ? low : static_cast<float>(fine());
}

template <typename Function> void forLanes(size_t lanes, uint32_t *results, Function function) {
  for (size_t i = 0; i < lanes; ++i)
    results[i] = function(i);
}

template <typename Function>
void binaryFloats(const uint32_t *a, const uint32_t *b, size_t lanes, uint32_t *results, Function function) {
  forLanes(lanes, results, [&](size_t i) { return bitsOf(canonical(function(floatOf(a[i]), floatOf(b[i])))); });
}

int32_t fromStored(uint32_t bits, ElementType type) {
  switch (type) {
  case format::INT8:
    return static_cast<int8_t>(bits);
  case format::INT16:
    return static_cast<int16_t>(bits);
  default:
    return wholeOf(bits);
  }
}

uint32_t convertOne(uint32_t bits, ElementType type, ElementType to) {
  bool whole = type != format::FLOAT16 && type != format::FLOAT32;
  int32_t low = to == format::INT8 ? -128 : to == format::INT16 ? -32768 : INT32_MIN;
  int32_t high = to == format::INT8 ? 127 : to == format::INT16 ? 32767 : INT32_MAX;
  uint32_t mask = to == format::INT8 ? 0xff : to == format::INT16 ? 0xffff : 0xffffffff;
  if (whole) {
    int32_t value = fromStored(bits, type);
    if (to == format::FLOAT32)
      return bitsOf(static_cast<float>(value));
    return static_cast<uint32_t>(std::min(std::max(value, low), high)) & mask;
  }
  if (type == format::FLOAT16)
    return bitsOf(canonical(floatOfHalf(static_cast<uint16_t>(bits))));
  if (to == format::FLOAT16)
    return halfOfFloat(floatOf(bits));
  return static_cast<uint32_t>(roundToWhole(floatOf(bits), low, high)) & mask;
}

void computeFloats(Alu::Operation operation, const uint32_t *a, const uint32_t *b, size_t lanes, uint32_t *results) {
  switch (operation) {
  case Alu::ADD:
    return binaryFloats(a, b, lanes, results, [](float x, float y) { return x + y; });
  case Alu::SUB:
    return binaryFloats(a, b, lanes, results, [](float x, float y) { return x - y; });
  case Alu::MUL:
    return binaryFloats(a, b, lanes, results, [](float x, float y) { return x * y; });
  case Alu::MAX:
    return binaryFloats(a, b, lanes, results, greater);
  case Alu::MIN:
    return binaryFloats(a, b, lanes, results, lesser);
  case Alu::LESS:
    return forLanes(lanes, results, [&](size_t i) { return floatOf(a[i]) < floatOf(b[i]) ? ~0u : 0u; });
  case Alu::EQUAL:
    return forLanes(lanes, results, [&](size_t i) { return floatOf(a[i]) == floatOf(b[i]) ? ~0u : 0u; });
  case Alu::RELU:
    return forLanes(lanes, results, [&](size_t i) { return bitsOf(greater(floatOf(a[i]), 0.0f)); });
  case Alu::EXP:
    return forLanes(lanes, results, [&](size_t i) { return bitsOf(expRounded(floatOf(a[i]))); });
  case Alu::TANH:
    return forLanes(lanes, results, [&](size_t i) { return bitsOf(tanhRounded(floatOf(a[i]))); });
  default:
    return forLanes(lanes, results, [&](size_t i) { return bitsOf(rsqrtRounded(floatOf(a[i]))); });
  }
}

void computeWhole(Alu::Operation operation, const uint32_t *a, const uint32_t *b, size_t lanes, uint32_t *results) {
  switch (operation) {
  case Alu::ADD:
    return forLanes(lanes, results, [&](size_t i) { return a[i] + b[i]; });
  case Alu::SUB:
    return forLanes(lanes, results, [&](size_t i) { return a[i] - b[i]; });
  case Alu::MUL:
    return forLanes(lanes, results, [&](size_t i) { return a[i] * b[i]; });
  case Alu::MAX:
    return forLanes(lanes, results, [&](size_t i) { return wholeOf(a[i]) > wholeOf(b[i]) ? a[i] : b[i]; });
  case Alu::MIN:
    return forLanes(lanes, results, [&](size_t i) { return wholeOf(a[i]) < wholeOf(b[i]) ? a[i] : b[i]; });
  case Alu::LESS:
    return forLanes(lanes, results, [&](size_t i) { return wholeOf(a[i]) < wholeOf(b[i]) ? ~0u : 0u; });
  case Alu::EQUAL:
    return forLanes(lanes, results, [&](size_t i) { return a[i] == b[i] ? ~0u : 0u; });
  case Alu::AND:
    return forLanes(lanes, results, [&](size_t i) { return a[i] & b[i]; });
  case Alu::OR:
    return forLanes(lanes, results, [&](size_t i) { return a[i] | b[i]; });
  case Alu::XOR:
    return forLanes(lanes, results, [&](size_t i) { return a[i] ^ b[i]; });
  case Alu::SHIFT_LEFT:
    return forLanes(lanes, results, [&](size_t i) { return a[i] << (b[i] & 31); });
  case Alu::SHIFT_RIGHT:
    return forLanes(lanes, results, [&](size_t i) { return static_cast<uint32_t>(wholeOf(a[i]) >> (b[i] & 31)); });
  default: // RELU
    return forLanes(lanes, results, [&](size_t i) { return wholeOf(a[i]) > 0 ? a[i] : 0u; });
  }
}

} // namespace

float canonical(float value) { return std::isnan(value) ? floatOf(nan) : value; }

float floatOfHalf(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 31)
    return floatOf(sign | 0x7f800000 | fraction << 13);
  if (exponent == 0) {
    float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return floatOf(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t halfOfFloat(float value) {
  uint32_t bits = bitsOf(value);
  uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (std::isnan(value))
    return 0x7e00;
  float magnitude = std::fabs(value);
  if (magnitude >= 65520.0f)
    return sign | 0x7bff;
  if (magnitude < 0x1p-14f) // in steps of 2^-24; one that rounds up to 1024 is the least normal number
    return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f));
  uint32_t kept = bits & 0x7fffffff;
  kept += 0xfff + (kept >> 13 & 1);
  return sign | static_cast<uint16_t>((kept >> 13) - (112 << 10));
}

float expRounded(float value) {
  if (std::isnan(value))
    return floatOf(nan);
  return roundOnce(std::exp(static_cast<double>(value)), [&] { return std::exp(static_cast<long double>(value)); });
}

float tanhRounded(float value) {
  if (std::isnan(value))
    return floatOf(nan);
  if (value == 0)
    return value;
  return roundOnce(std::tanh(static_cast<double>(value)), [&] { return std::tanh(static_cast<long double>(value)); });
}

float rsqrtRounded(float value) {
  if (std::isnan(value) || value < 0)
    return floatOf(nan);
  if (value == 0)
    return std::signbit(value) ? -HUGE_VALF : HUGE_VALF;
  return roundOnce(1 / std::sqrt(static_cast<double>(value)),
                   [&] { return 1 / std::sqrt(static_cast<long double>(value)); });
}

size_t bytesOf(ElementType type) {
  switch (type) {
  case format::INT8:
    return 1;
  case format::INT16:
  case format::FLOAT16:
    return 2;
  default:
    return 4;
  }
}

size_t operandsOf(Alu::Operation operation) {
  switch (operation) {
  case Alu::COPY:
  case Alu::CONVERT:
  case Alu::RELU:
  case Alu::EXP:
  case Alu::TANH:
  case Alu::RSQRT:
    return 1;
  case Alu::SELECT:
    return 3;
  default:
    return 2;
  }
}

bool isSupported(Alu::Operation operation, ElementType type, ElementType to) {
  if (!Alu::Operation_IsValid(operation) || !format::ElementType_IsValid(type) || !format::ElementType_IsValid(to))
    return false;
  bool half = type == format::FLOAT16 || to == format::FLOAT16;
  switch (operation) {
  case Alu::CONVERT:
    return type != to && (!half || type == format::FLOAT32 || to == format::FLOAT32);
  case Alu::AND:
  case Alu::OR:
  case Alu::XOR:
  case Alu::SHIFT_LEFT:
  case Alu::SHIFT_RIGHT:
    return type == format::INT32;
  case Alu::EXP:
  case Alu::TANH:
  case Alu::RSQRT:
    return type == format::FLOAT32;
  default:
    return type == format::INT32 || type == format::FLOAT32;
  }
}

void compute(Alu::Operation operation, ElementType type, ElementType to, const uint32_t *a, const uint32_t *b,
             const uint32_t *c, size_t lanes, uint32_t *results) {
  switch (operation) {
  case Alu::COPY:
    std::copy(a, a + lanes, results);
    return;
  case Alu::SELECT:
    return forLanes(lanes, results, [&](size_t i) { return c[i] ? a[i] : b[i]; });
  case Alu::CONVERT:
    return forLanes(lanes, results, [&](size_t i) { return convertOne(a[i], type, to); });
  default:
    return type == format::FLOAT32 ? computeFloats(operation, a, b, lanes, results)
                                   : computeWhole(operation, a, b, lanes, results);
  }
}

} // namespace sinter::sim
