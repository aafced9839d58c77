//===- HostTensor.cpp - A tensor's values in the compiler's own memory ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/HostTensor.h"

#include "lib/Support/NarrowElements.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace sinter;

namespace {

struct TypeRow {
  ElementType type;
  llvm::StringLiteral name;
  size_t size;
  unsigned bits = 0; // that count, where they are not all
};

constexpr TypeRow typeRows[] = {
    {ElementType::F16, "f16", 2},
    {ElementType::BF16, "bf16", 2},
    {ElementType::F32, "f32", 4},
    {ElementType::F64, "f64", 8},
    {ElementType::I8, "i8", 1},
    {ElementType::I16, "i16", 2},
    {ElementType::I32, "i32", 4},
    {ElementType::I64, "i64", 8},
    {ElementType::U8, "u8", 1},
    {ElementType::U16, "u16", 2},
    {ElementType::U32, "u32", 4},
    {ElementType::U64, "u64", 8},
    {ElementType::Bool, "bool", 1},
    {ElementType::String, "string", sizeof(StringElement)},
    {ElementType::F8E4M3FN, "f8e4m3fn", 1},
    {ElementType::F8E4M3FNUZ, "f8e4m3fnuz", 1},
    {ElementType::F8E5M2, "f8e5m2", 1},
    {ElementType::F8E5M2FNUZ, "f8e5m2fnuz", 1},
    {ElementType::F8E8M0, "f8e8m0", 1},
    {ElementType::F4E2M1, "f4e2m1", 1, 4},
    {ElementType::I4, "i4", 1, 4},
    {ElementType::U4, "u4", 1, 4},
    {ElementType::I2, "i2", 1, 2},
    {ElementType::U2, "u2", 1, 2},
};

const TypeRow &rowOf(ElementType type) { return typeRows[static_cast<size_t>(type)]; }

template <typename To, typename From> To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

/// The bits of a binary float with the given fields that is nearest to `value`,
/// ties to the even one.
uint16_t roundToBits(double value, unsigned exponentBits, unsigned fractionBits) {
  constexpr unsigned doubleFractionBits = 52;
  constexpr int doubleBias = 1023;
  const int bias = (1 << (exponentBits - 1)) - 1;
  const uint64_t infinity = ((uint64_t(1) << exponentBits) - 1) << fractionBits;

  uint64_t bits = bitCast<uint64_t>(value);
  uint64_t sign = (bits >> 63) << (exponentBits + fractionBits);
  int exponent = static_cast<int>(bits >> doubleFractionBits & 0x7ff);
  uint64_t fraction = bits & ((uint64_t(1) << doubleFractionBits) - 1);
  if (exponent == 0x7ff) {
    if (!fraction)
      return static_cast<uint16_t>(sign | infinity);
    uint64_t quiet = uint64_t(1) << (fractionBits - 1);
    return static_cast<uint16_t>(sign | infinity | quiet | fraction >> (doubleFractionBits - fractionBits));
  }
  if (exponent == 0) // the subnormal doubles are far below both formats' smallest
    return static_cast<uint16_t>(sign);

  exponent -= doubleBias;
  uint64_t significand = fraction | uint64_t(1) << doubleFractionBits;
  const int smallestNormal = 1 - bias;
  unsigned shift = doubleFractionBits - fractionBits;
  uint64_t biased = 0;
  if (exponent >= smallestNormal) {
    if (exponent > bias)
      return static_cast<uint16_t>(sign | infinity);
    // The significand's leading 1 adds the last unit to the exponent.
    biased = static_cast<uint64_t>(exponent + bias - 1);
  } else {
    int extra = smallestNormal - exponent;
    if (extra > static_cast<int>(fractionBits) + 2)
      return static_cast<uint16_t>(sign);
    shift += static_cast<unsigned>(extra);
  }
  uint64_t kept = significand >> shift;
  uint64_t dropped = significand & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  if (dropped > half || (dropped == half && (kept & 1)))
    ++kept; // a carry goes into the exponent, and from the greatest value to infinity, as it should
  return static_cast<uint16_t>(sign | ((biased << fractionBits) + kept));
}

template <typename T> T load(const char *data, size_t index) {
  T value;
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}

int64_t truncateToInt(double value) {
  if (std::isnan(value))
    return 0;
  // 2^63 is a double; the greatest int64_t is not.
  if (value >= 0x1p63)
    return std::numeric_limits<int64_t>::max();
  if (value < -0x1p63)
    return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

std::string formatElement(const HostTensor &tensor, size_t index) {
  if (tensor.type == ElementType::String)
    return '"' + tensor.getString(index).str() + '"';
  if (isFloatType(tensor.type)) {
    double value = tensor.getDouble(index);
    int digits = tensor.type == ElementType::F64 ? 17 : tensor.type == ElementType::F32 ? 9 : 5;
    char text[40];
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
    return text;
  }
  if (tensor.type == ElementType::U64)
    return std::to_string(load<uint64_t>(tensor.data.data(), index));
  return std::to_string(tensor.getInt(index));
}

std::string formatPosition(llvm::ArrayRef<int64_t> dims, int64_t index) {
  std::vector<int64_t> position(dims.size());
  for (size_t axis = dims.size(); axis-- > 0;) {
    position[axis] = index % dims[axis];
    index /= dims[axis];
  }
  std::string text = "[";
  for (size_t axis = 0; axis < dims.size(); ++axis)
    text += (axis ? "," : "") + std::to_string(position[axis]);
  return text + "]";
}

} // namespace

llvm::StringRef sinter::elementTypeName(ElementType type) { return rowOf(type).name; }

std::optional<ElementType> sinter::parseElementType(llvm::StringRef name) {
  for (const TypeRow &row : typeRows)
    if (row.name == name)
      return row.type;
  return std::nullopt;
}

size_t sinter::elementSize(ElementType type) { return rowOf(type).size; }

unsigned sinter::elementBits(ElementType type) {
  const TypeRow &row = rowOf(type);
  return row.bits ? row.bits : 8 * row.size;
}

bool sinter::isFloatType(ElementType type) { return type <= ElementType::F64 || isNarrowFloat(type); }

bool sinter::isSignedType(ElementType type) {
  return (type >= ElementType::I8 && type <= ElementType::I64) || type == ElementType::I4 || type == ElementType::I2;
}

bool sinter::isUnsignedType(ElementType type) {
  return (type >= ElementType::U8 && type <= ElementType::U64) || type == ElementType::U4 || type == ElementType::U2;
}

bool sinter::isNarrowFloat(ElementType type) { return type >= ElementType::F8E4M3FN && type <= ElementType::F4E2M1; }

float sinter::halfToFloat(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = bits >> 10 & 0x1f;
  uint32_t fraction = bits & 0x3ff;
  if (exponent == 0x1f)
    return bitCast<float>(sign | 0x7f800000 | fraction << 13);
  if (exponent == 0) {
    float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return bitCast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t sinter::doubleToHalf(double value) { return roundToBits(value, 5, 10); }

std::optional<int64_t> sinter::rangeLength(ElementType type, double start, double limit, double delta) {
  if (!std::isfinite(start) || !std::isfinite(limit) || !std::isfinite(delta) || delta == 0)
    return std::nullopt;
  double difference = limit - start;
  if (type == ElementType::F16)
    difference = halfToFloat(doubleToHalf(difference));
  else if (type == ElementType::BF16)
    difference = bfloat16ToFloat(doubleToBfloat16(difference));
  else if (type == ElementType::F32)
    difference = static_cast<float>(difference);
  double quotient =
      type == ElementType::F64 ? difference / delta : static_cast<float>(difference) / static_cast<float>(delta);
  if (quotient <= 0)
    return std::isfinite(difference) ? std::optional<int64_t>(0) : std::nullopt;
  if (!(quotient < 9.2e18))
    return std::nullopt;
  return static_cast<int64_t>(std::ceil(quotient));
}

uint16_t sinter::floatToHalf(float value) { return doubleToHalf(value); }

float sinter::bfloat16ToFloat(uint16_t bits) { return bitCast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t sinter::doubleToBfloat16(double value) { return roundToBits(value, 8, 7); }

uint16_t sinter::floatToBfloat16(float value) { return doubleToBfloat16(value); }

std::optional<int64_t> sinter::countElements(llvm::ArrayRef<int64_t> dims) {
  if (llvm::any_of(dims, [](int64_t size) { return size < 0; }))
    return std::nullopt;
  if (llvm::is_contained(dims, 0))
    return 0;
  int64_t count = 1;
  for (int64_t size : dims)
    if (__builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  return count;
}

std::string sinter::formatDims(llvm::ArrayRef<int64_t> dims) {
  if (dims.empty())
    return "scalar";
  return llvm::join(llvm::map_range(dims, [](int64_t size) { return std::to_string(size); }), "x");
}

HostTensor::HostTensor(ElementType type, std::vector<int64_t> dims) : type(type), dims(std::move(dims)) {
  data.resize(static_cast<size_t>(numElements()) * elementSize(type));
}

HostTensor HostTensor::ofStrings(std::vector<std::string> strings, std::vector<int64_t> dims) {
  HostTensor result(ElementType::String, std::move(dims));
  auto texts = std::make_shared<const std::vector<std::string>>(std::move(strings));
  for (auto [element, text] : llvm::zip_equal(result.as<StringElement>(), *texts))
    element = {text.data(), text.size()};
  result.texts.push_back(std::move(texts));
  return result;
}

void HostTensor::shareTexts(const HostTensor &other) {
  for (const Texts &text : other.texts)
    if (!llvm::is_contained(texts, text))
      texts.push_back(text);
}

double HostTensor::getDouble(size_t index) const {
  if (isNarrowFloat(type))
    return narrowToDouble(load<uint8_t>(data.data(), index), type);
  switch (type) {
  case ElementType::F16:
    return halfToFloat(load<uint16_t>(data.data(), index));
  case ElementType::BF16:
    return bfloat16ToFloat(load<uint16_t>(data.data(), index));
  case ElementType::F32:
    return load<float>(data.data(), index);
  case ElementType::F64:
    return load<double>(data.data(), index);
  case ElementType::U64:
    return static_cast<double>(load<uint64_t>(data.data(), index));
  default:
    return static_cast<double>(getInt(index));
  }
}

int64_t HostTensor::getInt(size_t index) const {
  if (isFloatType(type))
    return truncateToInt(getDouble(index));
  switch (type) {
  case ElementType::I8:
  case ElementType::I4:
  case ElementType::I2:
    return load<int8_t>(data.data(), index);
  case ElementType::I16:
    return load<int16_t>(data.data(), index);
  case ElementType::I32:
    return load<int32_t>(data.data(), index);
  case ElementType::I64:
    return load<int64_t>(data.data(), index);
  case ElementType::U8:
  case ElementType::U4:
  case ElementType::U2:
    return load<uint8_t>(data.data(), index);
  case ElementType::U16:
    return load<uint16_t>(data.data(), index);
  case ElementType::U32:
    return load<uint32_t>(data.data(), index);
  case ElementType::U64: {
    uint64_t value = load<uint64_t>(data.data(), index);
    return value > INT64_MAX ? INT64_MAX : static_cast<int64_t>(value);
  }
  case ElementType::Bool:
    return load<uint8_t>(data.data(), index) != 0;
  default:
    return 0;
  }
}

Comparison sinter::compare(const HostTensor &actual, const HostTensor &expected, double rtol, double atol) {
  Comparison result;
  if (actual.type != expected.type) {
    result.reason = llvm::formatv("the element type is {0}, expected {1}", elementTypeName(actual.type),
                                  elementTypeName(expected.type));
    return result;
  }
  if (actual.dims != expected.dims) {
    result.reason = llvm::formatv("the shape is {0}, expected {1}", formatDims(actual.dims), formatDims(expected.dims));
    return result;
  }

  const size_t size = elementSize(actual.type);
  const bool isFloat = isFloatType(actual.type);
  const size_t count = static_cast<size_t>(actual.numElements());
  for (size_t i = 0; i < count && actual.type == ElementType::String; ++i)
    if (actual.getString(i) != expected.getString(i) && result.numBad++ == 0)
      result.firstBad = static_cast<int64_t>(i);
  for (size_t i = 0; i < count && actual.type != ElementType::String; ++i) {
    double a = actual.getDouble(i), e = expected.getDouble(i);
    bool good;
    if (!isFloat) {
      good = actual.type == ElementType::Bool
                 ? a == e
                 : std::memcmp(&actual.data[i * size], &expected.data[i * size], size) == 0;
    } else if (!std::isfinite(a) || !std::isfinite(e)) {
      good = a == e || (std::isnan(a) && std::isnan(e));
    } else {
      good = std::abs(a - e) <= atol + rtol * std::abs(e);
    }
    if (std::isfinite(a) && std::isfinite(e)) {
      double difference = std::abs(a - e);
      // Neighbours beyond 2^53 are one double.
      if (difference == 0 && !good)
        difference = 1;
      result.maxAbsolute = std::max(result.maxAbsolute, difference);
      if (e != 0)
        result.maxRelative = std::max(result.maxRelative, difference / std::abs(e));
    }
    if (!good && result.numBad++ == 0)
      result.firstBad = static_cast<int64_t>(i);
  }
  result.matches = result.numBad == 0;
  if (!result.matches)
    result.reason = llvm::formatv("{0} of {1} elements differ; the first at {2} is {3}, expected {4}", result.numBad,
                                  count, formatPosition(actual.dims, *result.firstBad),
                                  formatElement(actual, static_cast<size_t>(*result.firstBad)),
                                  formatElement(expected, static_cast<size_t>(*result.firstBad)));
  return result;
}
