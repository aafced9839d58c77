//===- StringKernels.cpp - Strings from and to numbers, and their equality -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// By the conversions of the C++ library, which are exact both ways. Floats of 16
// bits, which it does not have, are tried digit by digit.
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

using namespace sinter;

//===----------------------------------------------------------------------===//
// To strings
//===----------------------------------------------------------------------===//

namespace {
/// digits[0].digits[1]... * 10^exponent
struct Decimal {
  std::string digits;
  int exponent = 0;
};
} // namespace

/// Of what to_chars writes in scientific notation.
static Decimal readScientific(llvm::StringRef text) {
  Decimal decimal;
  auto [digits, exponent] = text.split('e');
  for (char c : digits)
    if (llvm::isDigit(c))
      decimal.digits += c;
  exponent.consume_front("+");
  exponent.getAsInteger(10, decimal.exponent);
  while (decimal.digits.size() > 1 && decimal.digits.back() == '0')
    decimal.digits.pop_back();
  return decimal;
}

template <typename Float> static Decimal shortest(Float magnitude) {
  char text[64];
  return readScientific(
      {text, size_t(std::to_chars(text, text + 64, magnitude, std::chars_format::scientific).ptr - text)});
}

/// The same for a float of 16 bits; `toBits` rounds to it. Of n digits, the nearest is tried first, then its
/// neighbours, since the gap below a power of two is half of that above.
static Decimal shortest16(double magnitude, uint16_t (*toBits)(double)) {
  for (int precision = 0;; ++precision) {
    char text[64];
    auto end = std::to_chars(text, text + 64, magnitude, std::chars_format::scientific, precision).ptr;
    Decimal nearest = readScientific({text, size_t(end - text)});
    nearest.digits.resize(size_t(precision) + 1, '0');
    int64_t number = 0;
    llvm::StringRef(nearest.digits).getAsInteger(10, number);
    auto valueOf = [&](int64_t digits) {
      std::string spelled = std::to_string(digits) + "e" + std::to_string(nearest.exponent - precision);
      double value = 0;
      std::from_chars(spelled.data(), spelled.data() + spelled.size(), value);
      return value;
    };
    for (int64_t candidate : {number, valueOf(number) < magnitude ? number + 1 : number - 1})
      if (toBits(valueOf(candidate)) == toBits(magnitude)) {
        std::string digits = std::to_string(candidate);
        return {digits, nearest.exponent + int(digits.size()) - 1 - precision};
      }
  }
}

static std::string spell(double value, ElementType type) {
  if (std::isnan(value))
    return "NaN";
  std::string sign = std::signbit(value) ? "-" : "";
  if (std::isinf(value))
    return sign + "INF";
  double magnitude = std::fabs(value);
  if (magnitude == 0)
    return sign + "0.0";
  Decimal decimal = type == ElementType::F64   ? shortest(magnitude)
                    : type == ElementType::F32 ? shortest(float(magnitude))
                    : type == ElementType::F16 ? shortest16(magnitude, doubleToHalf)
                                               : shortest16(magnitude, doubleToBfloat16);
  while (decimal.digits.size() > 1 && decimal.digits.back() == '0')
    decimal.digits.pop_back();
  const std::string &digits = decimal.digits;
  int exponent = decimal.exponent;
  if (exponent < -4 || exponent >= 16) {
    std::string power = std::to_string(std::abs(exponent));
    return sign + digits[0] + (digits.size() > 1 ? "." + digits.substr(1) : "") + (exponent < 0 ? "e-" : "e+") +
           (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0)
    return sign + "0." + std::string(size_t(-exponent - 1), '0') + digits;
  size_t before = size_t(exponent) + 1;
  if (digits.size() <= before)
    return sign + digits + std::string(before - digits.size(), '0') + ".0";
  return sign + digits.substr(0, before) + "." + digits.substr(before);
}

static HostTensor toStrings(const HostTensor &input) {
  std::vector<std::string> texts;
  if (isFloatType(input.type))
    for (double value : load<double>(input))
      texts.push_back(spell(value, input.type));
  else if (input.type == ElementType::Bool)
    for (uint64_t value : load<uint64_t>(input))
      texts.push_back(value ? "True" : "False");
  else
    withNumbers(input.type, [&](auto zero) {
      for (auto value : load<decltype(zero)>(input))
        texts.push_back(std::to_string(value));
    });
  return HostTensor::ofStrings(std::move(texts), input.dims);
}

//===----------------------------------------------------------------------===//
// From strings
//===----------------------------------------------------------------------===//

namespace {
enum class Parsed { Number, Infinity, NotANumber };
} // namespace

/// Takes the sign, and sees what is behind it; none where it is no number.
static std::optional<Parsed> classify(llvm::StringRef &text, bool &isNegative) {
  isNegative = text.starts_with("-");
  if (isNegative || text.starts_with("+"))
    text = text.drop_front();
  if (text.equals_insensitive("inf"))
    return Parsed::Infinity;
  if (text.equals_insensitive("nan"))
    return Parsed::NotANumber;
  llvm::StringRef rest = text;
  auto skipDigits = [&] {
    size_t count = rest.size();
    rest = rest.drop_while(llvm::isDigit);
    return count - rest.size();
  };
  size_t numDigits = skipDigits();
  if (rest.consume_front("."))
    numDigits += skipDigits();
  if (!numDigits)
    return std::nullopt;
  if (rest.consume_front_insensitive("e")) {
    if (!rest.consume_front("+"))
      rest.consume_front("-");
    if (!skipDigits())
      return std::nullopt;
  }
  return rest.empty() ? std::optional(Parsed::Number) : std::nullopt;
}

/// Of digits with or without point and exponent. No digits: zero.
static Decimal readDecimal(llvm::StringRef text) {
  llvm::StringRef mantissa = text.take_until([](char c) { return c == 'e' || c == 'E'; });
  llvm::StringRef power = text.drop_front(mantissa.size()).drop_front(mantissa.size() < text.size());
  power.consume_front("+");
  bool isNegative = power.consume_front("-");
  power = power.ltrim('0');
  constexpr int64_t beyond = 1 << 30; // all floats, and texts that fit memory
  int64_t exponent = beyond;
  if (power.empty() || (power.size() < 10 && power.getAsInteger(10, exponent)))
    exponent = 0;
  auto [whole, fraction] = mantissa.split('.');
  std::string digits = (whole + fraction).str();
  size_t leading = std::min(digits.find_first_not_of('0'), digits.size());
  exponent = (isNegative ? -exponent : exponent) + int64_t(whole.size()) - 1 - int64_t(leading);
  return {digits.substr(leading), int(std::clamp(exponent, -beyond, beyond))};
}

/// Less than, equal to or greater than 0, as the number is to the double, which is not negative.
static int compareExactly(const Decimal &decimal, double value) {
  std::string text(1200, 0); // more digits than any double has
  auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, 1100).ptr;
  Decimal other = readScientific({text.data(), size_t(end - text.data())});
  if (decimal.exponent != other.exponent)
    return decimal.exponent < other.exponent ? -1 : 1;
  return llvm::StringRef(decimal.digits).rtrim('0').compare(other.digits);
}

/// The nearest Float; beyond the greatest, infinity.
template <typename Float> static Float parseFloat(llvm::StringRef text) {
  Decimal decimal = readDecimal(text);
  if (decimal.digits.empty())
    return 0;
  Float value = 0;
  if (std::from_chars(text.begin(), text.end(), value).ec == std::errc::result_out_of_range)
    return decimal.exponent > 0 ? std::numeric_limits<Float>::infinity() : 0;
  return value;
}

/// A double that rounds to any float of 16 bits as the number does: cut off, its lowest bit says whether anything was.
static double parseSticky(llvm::StringRef text) {
  double value = parseFloat<double>(text);
  if (value == 0 || std::isinf(value))
    return value;
  int order = compareExactly(readDecimal(text), value);
  if (order < 0)
    value = std::nextafter(value, 0.0);
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  bits |= order != 0;
  std::memcpy(&value, &bits, sizeof(bits));
  return value;
}

/// The digits before the point; none where there are more than 20.
static std::optional<std::string> integerDigits(llvm::StringRef text) {
  Decimal decimal = readDecimal(text);
  if (decimal.digits.empty() || decimal.exponent < 0)
    return "0";
  if (decimal.exponent >= 20)
    return std::nullopt;
  decimal.digits.resize(size_t(decimal.exponent) + 1, '0');
  return decimal.digits;
}

/// False where the text is no number of the result's type.
static bool parseElement(llvm::StringRef text, HostTensor &result, size_t index) {
  text = text.trim(" \t\n\v\f\r");
  size_t size = elementSize(result.type);
  char *to = &result.data[index * size];
  bool isBool = result.type == ElementType::Bool, isNegative = false;
  if (isBool && (text.equals_insensitive("true") || text.equals_insensitive("false"))) {
    *to = text.size() == 4;
    return true;
  }
  std::optional<Parsed> parsed = classify(text, isNegative);
  if (!parsed)
    return false;
  if (isBool) {
    llvm::StringRef digits = text.take_until([](char c) { return c == 'e' || c == 'E'; });
    *to = *parsed != Parsed::Number || digits.find_first_of("123456789") != llvm::StringRef::npos;
    return true;
  }
  if (isFloatType(result.type)) {
    bool isNumber = *parsed == Parsed::Number;
    double special = *parsed == Parsed::Infinity ? HUGE_VAL : std::nan("");
    auto put = [&](auto value) { std::memcpy(to, &value, sizeof(value)); };
    double sign = isNegative ? -1 : 1;
    if (result.type == ElementType::F64)
      put(std::copysign(isNumber ? parseFloat<double>(text) : special, sign));
    else if (result.type == ElementType::F32)
      put(std::copysign(isNumber ? parseFloat<float>(text) : float(special), float(sign)));
    else
      put((result.type == ElementType::F16 ? doubleToHalf : doubleToBfloat16)(
          std::copysign(isNumber ? parseSticky(text) : special, sign)));
    return true;
  }
  std::optional<std::string> digits = *parsed == Parsed::Number ? integerDigits(text) : std::nullopt;
  if (!digits)
    return false;
  llvm::APInt value(128, *digits, 10);
  if (isNegative)
    value.negate();
  bool isSigned = isSignedType(result.type);
  unsigned bits = unsigned(8 * size);
  if (isSigned ? !value.isSignedIntN(bits) : value.isNegative() || !value.isIntN(bits))
    return false;
  uint64_t low = value.getRawData()[0];
  std::memcpy(to, &low, size); // little-endian
  return true;
}

llvm::Expected<HostTensor> sinter::castStrings(const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  if (frame.resultType == ElementType::String)
    return toStrings(input);
  HostTensor result = frame.makeResult();
  for (size_t i = 0, count = size_t(input.numElements()); i < count; ++i)
    if (!parseElement(input.getString(i), result, i))
      return frame.fail("element " + llvm::Twine(i) + " is '" + input.getString(i) + "', which is no number of type " +
                        elementTypeName(frame.resultType));
  return result;
}

//===----------------------------------------------------------------------===//
// Equality
//===----------------------------------------------------------------------===//

HostTensor sinter::compareStrings(const Frame &frame) {
  const HostTensor &a = frame.operand(0), &b = frame.operand(1);
  HostTensor result = frame.makeResult();
  char *to = result.data.data();
  forEachPosition(result.dims, {broadcastStrides(a.dims, result.dims), broadcastStrides(b.dims, result.dims)},
                  [&](llvm::ArrayRef<int64_t> offsets) {
                    *to++ = a.getString(size_t(offsets[0])) == b.getString(size_t(offsets[1]));
                  });
  return result;
}
