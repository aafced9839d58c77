//===- RuntimeTextTest.cpp - Tests of numbers as text ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against the C library (strtod, strtof, printf) and the shortest digits of the
// C++ library (to_chars).
//
//===----------------------------------------------------------------------===//

extern "C" {
#include "runtime/core/text.h"
}

#include <charconv>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <string>

namespace {

template <typename T, typename From> T bitsOf(From from) {
  static_assert(sizeof(T) == sizeof(From));
  T to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <typename T> std::string format(T number, sinter_type type) {
  char text[SINTER_TEXT_BYTES + 8];
  std::memset(text, '#', sizeof text);
  uint32_t length = sinter_internal_format_number(&number, type, text);
  EXPECT_LE(length, uint32_t(SINTER_TEXT_BYTES));
  EXPECT_EQ(text[SINTER_TEXT_BYTES], '#') << "it writes no more than it may";
  return {text, length};
}

template <typename T> std::optional<T> parse(const std::string &text, sinter_type type) {
  T number{};
  if (!sinter_internal_parse_number(text.data(), text.size(), type, &number))
    return std::nullopt;
  return number;
}

/// The digits that count, without sign, point, exponent and zeros around them.
std::string digitsOf(std::string text) {
  text = text.substr(0, text.find('e'));
  std::string digits;
  for (char c : text)
    if (c >= '0' && c <= '9' && !(digits.empty() && c == '0'))
      digits += c;
  while (!digits.empty() && digits.back() == '0')
    digits.pop_back();
  return digits;
}

template <typename Float> std::string shortestDigits(Float value) {
  char text[64];
  return digitsOf({text, size_t(std::to_chars(text, text + 64, value, std::chars_format::scientific).ptr - text)});
}

template <typename Float> void expectShortest(Float value, sinter_type type, Float (*read)(const char *, char **)) {
  std::string text = format(value, type);
  Float back = read(text.c_str(), nullptr);
  EXPECT_EQ(std::memcmp(&back, &value, sizeof value), 0) << text;
  EXPECT_EQ(digitsOf(text), shortestDigits(std::fabs(value))) << text;
  EXPECT_EQ(parse<Float>(text, type), value);
}

// Tests that floats are written by the fewest digits that read back, for random bits and next to powers of two and ten.
TEST(RuntimeText, floatsAreWrittenByTheShortestDigits) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 40000; ++i) {
    if (double value = bitsOf<double>(random()); std::isfinite(value) && value != 0)
      expectShortest(value, SINTER_F64, std::strtod);
    if (float value = bitsOf<float>(uint32_t(random())); std::isfinite(value) && value != 0)
      expectShortest(value, SINTER_F32, std::strtof);
  }
  for (int exponent = -1074; exponent < 1024; ++exponent)
    for (double direction : {-double(INFINITY), 0.0, double(INFINITY)}) {
      double power = std::ldexp(1.0, exponent);
      if (double value = direction == 0 ? power : std::nextafter(power, direction); value != 0 && std::isfinite(value))
        expectShortest(value, SINTER_F64, std::strtod);
      float narrow = float(power);
      if (float value = direction == 0 ? narrow : std::nextafter(narrow, float(direction));
          value != 0 && std::isfinite(value))
        expectShortest(value, SINTER_F32, std::strtof);
    }
  for (int power = -323; power <= 308; ++power)
    expectShortest(std::strtod(("1e" + std::to_string(power)).c_str(), nullptr), SINTER_F64, std::strtod);
}

// Tests all floats of 16 bits: what is written reads back, and with one digit less nothing would.
TEST(RuntimeText, everyFloatOf16BitsReadsBack) {
  auto toFloat = [](uint16_t bits, sinter_type type) {
    return type == SINTER_F16 ? float(bitsOf<_Float16>(bits)) : bitsOf<float>(uint32_t(bits) << 16);
  };
  for (sinter_type type : {SINTER_F16, SINTER_BF16})
    for (uint32_t bits = 0; bits < 0x8000; ++bits) {
      float value = toFloat(uint16_t(bits), type);
      if (!std::isfinite(value))
        continue;
      std::string text = format(uint16_t(bits), type);
      ASSERT_EQ(parse<uint16_t>(text, type), bits) << text;
      // Halfway to its neighbours, by the C library.
      double written = std::strtod(text.c_str(), nullptr);
      double above = (double(value) + toFloat(uint16_t(bits + 1), type)) / 2;
      double below = bits ? (double(value) + toFloat(uint16_t(bits - 1), type)) / 2 : 0;
      if (std::isfinite(above)) {
        ASSERT_LE(written, above) << text;
      }
      ASSERT_GE(written, below) << text;
      size_t digits = digitsOf(text).size();
      if (digits <= 1 || !std::isfinite(above))
        continue;
      char nearest[32];
      std::snprintf(nearest, sizeof nearest, "%.*e", int(digits) - 2, double(value));
      double shorter = std::strtod(nearest, nullptr);
      double step = std::pow(10.0, std::floor(std::log10(value)) - double(digits - 2));
      for (double candidate : {shorter - step, shorter, shorter + step}) {
        bool inside = bits % 2 ? candidate > below * (1 + 1e-12) && candidate < above * (1 - 1e-12)
                               : candidate > below * (1 - 1e-12) && candidate < above * (1 + 1e-12);
        // An even significand takes the middle itself, which no shorter number is.
        ASSERT_FALSE(inside && candidate != below && candidate != above) << text << " and " << candidate;
      }
    }
}

// Tests the forms of text: plain, with an exponent, and what is no number.
TEST(RuntimeText, formsOfNumbers) {
  EXPECT_EQ(format(0.25f, SINTER_F32), "0.25");
  EXPECT_EQ(format(100.0f, SINTER_F32), "100.0");
  EXPECT_EQ(format(-0.0, SINTER_F64), "-0.0");
  EXPECT_EQ(format(314.15926, SINTER_F64), "314.15926");
  EXPECT_EQ(format(0.0001, SINTER_F64), "0.0001");
  EXPECT_EQ(format(0.00001, SINTER_F64), "1e-05");
  EXPECT_EQ(format(1234567890123456.0, SINTER_F64), "1234567890123456.0");
  EXPECT_EQ(format(12345678901234567.0, SINTER_F64), "1.2345678901234568e+16");
  EXPECT_EQ(format(-2.2250738585072014e-308, SINTER_F64), "-2.2250738585072014e-308");
  EXPECT_EQ(format(float(INFINITY), SINTER_F32), "INF");
  EXPECT_EQ(format(-double(INFINITY), SINTER_F64), "-INF");
  EXPECT_EQ(format(double(NAN), SINTER_F64), "NaN");
  EXPECT_EQ(format(uint8_t(1), SINTER_BOOL), "True");
  EXPECT_EQ(format(uint8_t(0), SINTER_BOOL), "False");
  EXPECT_EQ(format(INT64_MIN, SINTER_I64), "-9223372036854775808");
  EXPECT_EQ(format(UINT64_MAX, SINTER_U64), "18446744073709551615");
  EXPECT_EQ(format(int8_t(-128), SINTER_I8), "-128");
  EXPECT_EQ(format(int16_t(-1), SINTER_I16), "-1");
  EXPECT_EQ(format(uint32_t(4000000000), SINTER_U32), "4000000000");
}

/// Reads `text` as both floats, as the C library does.
void expectAsLibrary(const std::string &text) {
  auto wide = parse<double>(text, SINTER_F64);
  ASSERT_TRUE(wide) << text;
  EXPECT_EQ(bitsOf<uint64_t>(*wide), bitsOf<uint64_t>(std::strtod(text.c_str(), nullptr))) << text;
  auto narrow = parse<float>(text, SINTER_F32);
  ASSERT_TRUE(narrow) << text;
  EXPECT_EQ(bitsOf<uint32_t>(*narrow), bitsOf<uint32_t>(std::strtof(text.c_str(), nullptr))) << text;
}

// Tests that numbers are read as the C library reads them: random digits, the middles between floats and what is a
// little beside them, very long ones, and exponents out of any range.
TEST(RuntimeText, floatsAreReadToTheNearest) {
  std::mt19937_64 random(2);
  auto randomDigits = [&](size_t most) {
    std::string digits;
    for (size_t i = random() % most; i > 0; --i)
      digits += char('0' + random() % 10);
    return digits;
  };
  for (int i = 0; i < 20000; ++i) {
    std::string text = random() % 2 ? "-" : random() % 2 ? "+" : "";
    text += randomDigits(30) + char('0' + random() % 10);
    if (random() % 2)
      text += "." + randomDigits(30);
    if (random() % 2)
      text += (random() % 2 ? "e" : "E") + std::to_string(int(random() % 700) - 350);
    expectAsLibrary(text);
  }
  std::string text(1300, 0);
  for (int i = 0; i < 3000; ++i) {
    double value = bitsOf<double>(random() & ~(uint64_t(1) << 63));
    if (!std::isfinite(value))
      continue;
    // Exact: long double has 11 bits more, and no smaller exponents are needed than it has.
    long double middle = ((long double)value + (long double)std::nextafter(value, INFINITY)) / 2;
    int length = std::snprintf(text.data(), text.size(), "%.1100Le", middle);
    std::string exact = text.substr(0, size_t(length));
    expectAsLibrary(exact);
    size_t end = exact.find('e');
    expectAsLibrary(exact.substr(0, end) + "0000001" + exact.substr(end));
    expectAsLibrary(exact.substr(0, end) + std::string(2000, '0') + "1" + exact.substr(end));
    std::snprintf(text.data(), text.size(), "%.20Le", middle);
    expectAsLibrary(text.c_str());
  }
  for (int i = 0; i < 3000; ++i) {
    float value = bitsOf<float>(uint32_t(random()) & 0x7fffffff);
    if (!std::isfinite(value))
      continue;
    double middle = (double(value) + double(std::nextafter(value, INFINITY))) / 2;
    int length = std::snprintf(text.data(), text.size(), "%.200e", middle);
    expectAsLibrary(text.substr(0, size_t(length)));
  }
  for (const char *edge : {"0", "0e999999999999999999999", "1e999999999999999999999", "1e-999999999999999999999",
                           "4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623157e308",
                           "1.7976931348623158e308", "1.7976931348623159e308", "3.4028235677973366e38", "1.", ".5",
                           "2.2250738585072011e-308", "9007199254740993", "7.0064923216240854e-46", "00000001.5"})
    expectAsLibrary(edge);
  expectAsLibrary("1" + std::string(5000, '0') + "e-5000");
  expectAsLibrary("0." + std::string(5000, '0') + "123e5001");
  expectAsLibrary(std::string(5000, '9') + "e-4990");
}

// Tests the words for infinities and NaN, in any case, and blanks around a number.
TEST(RuntimeText, wordsAndBlanks) {
  for (const char *text : {"INF", "+INF", "inf", "+Inf"})
    EXPECT_EQ(parse<float>(text, SINTER_F32), float(INFINITY)) << text;
  EXPECT_EQ(parse<double>("-iNf", SINTER_F64), -double(INFINITY));
  for (const char *text : {"NaN", "nan", "NAN", "+nan", "-nan"})
    EXPECT_TRUE(std::isnan(*parse<double>(text, SINTER_F64))) << text;
  EXPECT_EQ(*parse<uint16_t>("nan", SINTER_F16), 0x7e00);
  EXPECT_EQ(*parse<uint16_t>("-inf", SINTER_BF16), 0xff80);
  EXPECT_EQ(parse<double>(" \t3.5\r\n", SINTER_F64), 3.5);
  for (const char *text : {"true", "TRUE", "1", "-0.5", "nan"})
    EXPECT_EQ(*parse<uint8_t>(text, SINTER_BOOL), 1) << text;
  for (const char *text : {"False", "0", "0.000e7", "-0"})
    EXPECT_EQ(*parse<uint8_t>(text, SINTER_BOOL), 0) << text;
}

// Tests integers at the ends of their types, fractions that are dropped, and exponents.
TEST(RuntimeText, integers) {
  EXPECT_EQ(parse<int8_t>("-128", SINTER_I8), -128);
  EXPECT_EQ(parse<int8_t>("127.99", SINTER_I8), 127);
  EXPECT_FALSE(parse<int8_t>("128", SINTER_I8));
  EXPECT_FALSE(parse<int8_t>("-129", SINTER_I8));
  EXPECT_EQ(parse<int32_t>("100.5", SINTER_I32), 100);
  EXPECT_EQ(parse<int32_t>("-1.5e2", SINTER_I32), -150);
  EXPECT_EQ(parse<uint8_t>("-0.9", SINTER_U8), 0);
  EXPECT_FALSE(parse<uint8_t>("-1", SINTER_U8));
  EXPECT_EQ(parse<int64_t>("-9223372036854775808", SINTER_I64), INT64_MIN);
  EXPECT_FALSE(parse<int64_t>("9223372036854775808", SINTER_I64));
  EXPECT_EQ(parse<uint64_t>("18446744073709551615", SINTER_U64), UINT64_MAX);
  EXPECT_FALSE(parse<uint64_t>("18446744073709551616", SINTER_U64));
  EXPECT_FALSE(parse<uint64_t>("1e20", SINTER_U64));
  EXPECT_EQ(parse<uint64_t>("1e19", SINTER_U64), uint64_t(10000000000000000000u));
  EXPECT_EQ(parse<int64_t>("1e-9999999999999999999999", SINTER_I64), 0);
  EXPECT_EQ(parse<int64_t>("0e9999999999999999999999", SINTER_I64), 0);
  EXPECT_FALSE(parse<int64_t>("nan", SINTER_I64));
  EXPECT_FALSE(parse<int64_t>("inf", SINTER_I64));
}

// Tests that what is no number is refused.
TEST(RuntimeText, whatIsNoNumberIsRefused) {
  for (std::string text :
       {"",      " ",        "+",  "-",  ".",   "e5",  "1e", "1e+",          "1 2", "0x10", "1,5",
        "1.2.3", "infinity", "in", "na", "--1", "+-1", "1f", "Hello World!", "+ 1", "true", "\xef\xbc\x91"})
    EXPECT_FALSE(parse<float>(text, SINTER_F32)) << text;
  EXPECT_FALSE(parse<float>(std::string("1\0", 2), SINTER_F32));
  EXPECT_FALSE(parse<uint8_t>("yes", SINTER_BOOL));
  EXPECT_FALSE(parse<float>("+true", SINTER_F32));
  EXPECT_FALSE(sinter_internal_parse_number(nullptr, 0, SINTER_F32, nullptr));
}

} // namespace
