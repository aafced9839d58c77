//===- InterpreterElementwiseTest.cpp - Elementwise functions and casts ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"

#include <cmath>

using namespace sinter;
using namespace sinter::testing;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// One operand of type f64, so that the values below are not rounded to 24 bits.
void expectUnary(const std::string &kind, const std::vector<double> &x, const std::vector<double> &expected,
                 const std::string &attributes = "") {
  SCOPED_TRACE(kind);
  HostTensor input = f64({static_cast<int64_t>(x.size())}, x);
  expectNear(evaluate("elementwise " + kind + "(%0)" + attributes, {input}, typeText(input)), expected, 1e-12);
}

// Values of the functions to 13 digits or more, from tables (Abramowitz, Stegun: Handbook of Mathematical Functions)
// or worked by hand.
TEST(InterpreterElementwise, FunctionsOfOneFloat) {
  expectUnary("abs", {-2.5, 0, 3, -inf, nan}, {2.5, 0, 3, inf, nan});
  expectUnary("neg", {-2.5, 0, 3}, {2.5, 0, -3});
  expectUnary("exp", {0, 1, -1, -inf}, {1, 2.718281828459045, 0.36787944117144233, 0});
  expectUnary("log", {1, 10, 0, -1}, {0, 2.302585092994046, -inf, nan});
  expectUnary("sqrt", {4, 2, 0}, {2, 1.4142135623730951, 0});
  expectUnary("reciprocal", {4, -0.5, 0}, {0.25, -2, inf});
  expectUnary("rsqrt", {4, 0.25}, {0.5, 2});
  expectUnary("floor", {1.5, -1.5, 2}, {1, -2, 2});
  expectUnary("ceil", {1.5, -1.5, 2}, {2, -1, 2});
  expectUnary("round", {0.5, 1.5, 2.5, -0.5, -1.5, 2.4, nan}, {0, 2, 2, 0, -2, 2, nan});
  expectUnary("sign", {-3, 0, 5, -inf, nan}, {-1, 0, 1, -1, nan});
  expectUnary("sin", {0, 1}, {0, 0.8414709848078965});
  expectUnary("cos", {0, 1}, {1, 0.5403023058681398});
  expectUnary("tan", {0, 1}, {0, 1.5574077246549023});
  expectUnary("asin", {0, 1, 2}, {0, 1.5707963267948966, nan});
  expectUnary("acos", {1, 0, -1}, {0, 1.5707963267948966, 3.141592653589793});
  expectUnary("atan", {0, 1, inf}, {0, 0.7853981633974483, 1.5707963267948966});
  expectUnary("sinh", {0, 1}, {0, 1.1752011936438014});
  expectUnary("cosh", {0, 1}, {1, 1.5430806348152437});
  expectUnary("tanh", {0, 1, inf}, {0, 0.7615941559557649, 1});
  expectUnary("asinh", {0, 1}, {0, 0.881373587019543});
  expectUnary("acosh", {1, 2, 0}, {0, 1.3169578969248166, nan});
  expectUnary("atanh", {0, 0.5, 1}, {0, 0.5493061443340549, inf});
  expectUnary("erf", {0, 1, -1, 0.5}, {0, 0.8427007929497149, -0.8427007929497149, 0.5204998778130465});
  expectUnary("sigmoid", {0, 1, -1000, 1000}, {0.5, 0.7310585786300049, 0, 1});
  expectUnary("softplus", {0, 1000, -1000}, {0.6931471805599453, 1000, 0});
  expectUnary("relu", {-1, 0, 2, nan}, {0, 0, 2, nan});
  expectUnary("gelu", {0, 1, -1}, {0, 0.8413447460685429, -0.15865525393145707});
  // sqrt(2 / pi) * 1.044715 = 0.83356..., tanh of it 0.68238..., by series.
  expectUnary("gelu_tanh", {0, 1, -1}, {0, 0.841191990608276, -0.158808009391724});
  expectUnary("silu", {0, 1}, {0, 0.7310585786300049});
  expectUnary("elu", {1, -1, 0}, {1, 2 * (0.36787944117144233 - 1), 0}, " {alpha = 2.0 : f64}");
  expectUnary("leaky_relu", {1, -1}, {1, -0.25}, " {alpha = 0.25 : f64}");
}

TEST(InterpreterElementwise, TestsOfOneFloat) {
  HostTensor x = f32({4}, {1.0f, NAN, INFINITY, -INFINITY});
  expectElements<uint8_t>(evaluate("elementwise is_nan(%0)", {x}, "tensor<4xi1>"), {0, 1, 0, 0});
  expectElements<uint8_t>(evaluate("elementwise is_inf(%0)", {x}, "tensor<4xi1>"), {0, 0, 1, 1});
  expectElements<uint8_t>(evaluate("elementwise is_inf(%0) {alpha = 1.0 : f64}", {x}, "tensor<4xi1>"), {0, 0, 1, 0});
  expectElements<uint8_t>(evaluate("elementwise is_inf(%0) {alpha = -1.0 : f64}", {x}, "tensor<4xi1>"), {0, 0, 0, 1});
}

TEST(InterpreterElementwise, FunctionsOfTwoFloats) {
  HostTensor a = f32({4}, {5.5f, -5.5f, 5.5f, -5.5f}), b = f32({4}, {2, 2, -2, -2});
  auto run = [&](const char *kind) {
    return evaluate(std::string("elementwise ") + kind + "(%0, %1)", {a, b}, "tensor<4xf32>");
  };
  expectElements<float>(run("add"), {7.5, -3.5, 3.5, -7.5});
  expectElements<float>(run("sub"), {3.5, -7.5, 7.5, -3.5});
  expectElements<float>(run("mul"), {11, -11, -11, 11});
  expectElements<float>(run("div"), {2.75, -2.75, -2.75, 2.75});
  expectElements<float>(run("mod"), {1.5, 0.5, -0.5, -1.5});  // the divisor's sign
  expectElements<float>(run("fmod"), {1.5, -1.5, 1.5, -1.5}); // the dividend's sign
  expectElements<float>(run("min"), {2, -5.5, -2, -5.5});
  expectElements<float>(run("max"), {5.5, 2, 5.5, -2});
  expectNear(run("pow"), {30.25, 30.25, 0.03305785123966942, 0.03305785123966942});
  a = f32({4}, {NAN, 1, NAN, 0}), b = f32({4}, {1, NAN, NAN, 0});
  expectNear(run("min"), {nan, nan, nan, 0});
  expectNear(run("max"), {nan, nan, nan, 0});
  a = f32({4}, {2, 0, -8, 0}), b = f32({4}, {0.5, 0, 1.0f / 3, -1});
  expectNear(run("pow"), {1.4142135623730951, 1, nan, inf});
  expectNear(run("div"), {4, nan, -24, 0});
}

template <typename T> void testIntegers(ElementType type) {
  SCOPED_TRACE(elementTypeName(type).str());
  constexpr T least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  HostTensor a = makeTensor<T>(type, {6}, {7, 6, 0, most, least, 1});
  HostTensor b = makeTensor<T>(type, {6}, {2, 3, 5, 1, 1, 0});
  auto run = [&](const char *kind) {
    return evaluate(std::string("elementwise ") + kind + "(%0, %1)", {a, b}, typeText(a));
  };
  expectElements<T>(run("add"), {9, 9, 5, least, T(least + 1), 1});
  expectElements<T>(run("sub"), {5, 3, T(-5), T(most - 1), most, 1});
  expectElements<T>(run("mul"), {14, 18, 0, most, least, 0});
  expectElements<T>(run("div"), {3, 2, 0, most, least, 0});
  expectElements<T>(run("mod"), {1, 0, 0, 0, 0, 0});
  expectElements<T>(run("fmod"), {1, 0, 0, 0, 0, 0});
  expectElements<T>(run("min"), {2, 3, 0, 1, least, 0});
  expectElements<T>(run("max"), {7, 6, 5, most, 1, 1});
  expectElements<T>(run("bitwise_and"), {2, 2, 0, 1, 0, 0});
  expectElements<T>(run("bitwise_or"), {7, 7, 5, most, T(least + 1), 1});
  expectElements<T>(run("bitwise_xor"), {5, 5, 5, T(most - 1), T(least + 1), 1});
  a = makeTensor<T>(type, {6}, {2, 3, 0, 1, 5, most}), b = makeTensor<T>(type, {6}, {3, 4, 0, 100, 1, 2});
  expectElements<T>(run("pow"), {8, 81, 1, 1, 5, T(uint64_t(most) * uint64_t(most))});
  auto one = [&](const char *kind) { return evaluate(std::string("elementwise ") + kind + "(%0)", {a}, typeText(a)); };
  a = makeTensor<T>(type, {3}, {0, 5, most});
  expectElements<T>(one("abs"), {0, 5, most});
  expectElements<T>(one("neg"), {0, T(-5), T(-most)});
  expectElements<T>(one("sign"), {0, 1, 1});
  expectElements<T>(one("relu"), {0, 5, most});
  expectElements<T>(one("bitwise_not"), {T(-1), T(-6), T(~most)});
}

TEST(InterpreterElementwise, IntegersAreExactAndWrap) {
  testIntegers<int8_t>(ElementType::I8);
  testIntegers<int16_t>(ElementType::I16);
  testIntegers<int32_t>(ElementType::I32);
  testIntegers<int64_t>(ElementType::I64);
  testIntegers<uint8_t>(ElementType::U8);
  testIntegers<uint16_t>(ElementType::U16);
  testIntegers<uint32_t>(ElementType::U32);
  testIntegers<uint64_t>(ElementType::U64);
}

TEST(InterpreterElementwise, SignedDivision) {
  HostTensor a = i32({6}, {7, -7, 7, -7, INT32_MIN, 5}), b = i32({6}, {2, 2, -2, -2, -1, 0});
  auto run = [&](const char *kind) {
    return evaluate(std::string("elementwise ") + kind + "(%0, %1)", {a, b}, "tensor<6xi32>");
  };
  expectElements<int32_t>(run("div"), {3, -3, -3, 3, INT32_MIN, 0}); // by zero is 0
  expectElements<int32_t>(run("mod"), {1, 1, -1, -1, 0, 0});
  expectElements<int32_t>(run("fmod"), {1, -1, 1, -1, 0, 0});
  HostTensor x = i64({3}, {INT64_MIN, -1, INT64_MAX}), y = i64({3}, {-1, 0, -1});
  expectElements<int64_t>(evaluate("elementwise div(%0, %1)", {x, y}, "tensor<3xi64>"), {INT64_MIN, 0, -INT64_MAX});
  HostTensor base = i32({6}, {2, 1, -1, -1, 0, -2}), exponent = i32({6}, {-1, -5, -3, -2, -1, 3});
  expectElements<int32_t>(evaluate("elementwise pow(%0, %1)", {base, exponent}, "tensor<6xi32>"), {0, 1, -1, 1, 0, -8});
  HostTensor negative = i64({3}, {INT64_MIN, -3, 3});
  expectElements<int64_t>(evaluate("elementwise abs(%0)", {negative}, "tensor<3xi64>"), {INT64_MIN, 3, 3});
  expectElements<int64_t>(evaluate("elementwise relu(%0)", {negative}, "tensor<3xi64>"), {0, 0, 3});
  expectElements<int64_t>(evaluate("elementwise sign(%0)", {negative}, "tensor<3xi64>"), {-1, -1, 1});
}

TEST(InterpreterElementwise, Shifts) {
  HostTensor a = makeTensor<uint8_t>(ElementType::U8, {4}, {0x81, 0x81, 0x81, 0xff});
  HostTensor b = makeTensor<uint8_t>(ElementType::U8, {4}, {0, 1, 7, 8});
  expectElements<uint8_t>(evaluate("elementwise shift_left(%0, %1)", {a, b}, "tensor<4xui8>"), {0x81, 0x02, 0x80, 0});
  expectElements<uint8_t>(evaluate("elementwise shift_right(%0, %1)", {a, b}, "tensor<4xui8>"), {0x81, 0x40, 1, 0});
  HostTensor c = i32({4}, {-8, -8, 8, 1}), d = i32({4}, {1, 40, 40, 31});
  expectElements<int32_t>(evaluate("elementwise shift_right(%0, %1)", {c, d}, "tensor<4xi32>"), {-4, -1, 0, 0});
  expectElements<int32_t>(evaluate("elementwise shift_left(%0, %1)", {c, d}, "tensor<4xi32>"), {-16, 0, 0, INT32_MIN});
}

TEST(InterpreterElementwise, ComparisonsAndLogic) {
  HostTensor a = f32({4}, {1, 2, 3, NAN}), b = f32({4}, {2, 2, 2, NAN});
  auto compare = [&](const char *kind) {
    return evaluate(std::string("elementwise ") + kind + "(%0, %1)", {a, b}, "tensor<4xi1>");
  };
  expectElements<uint8_t>(compare("equal"), {0, 1, 0, 0});
  expectElements<uint8_t>(compare("less"), {1, 0, 0, 0});
  expectElements<uint8_t>(compare("less_equal"), {1, 1, 0, 0});
  expectElements<uint8_t>(compare("greater"), {0, 0, 1, 0});
  expectElements<uint8_t>(compare("greater_equal"), {0, 1, 1, 0});
  HostTensor big = makeTensor<uint64_t>(ElementType::U64, {2}, {UINT64_MAX, 0});
  HostTensor one = makeTensor<uint64_t>(ElementType::U64, {2}, {1, 1});
  expectElements<uint8_t>(evaluate("elementwise less(%0, %1)", {big, one}, "tensor<2xi1>"), {0, 1});
  HostTensor close = i64({2}, {(int64_t(1) << 53) + 1, -1}), to = i64({2}, {int64_t(1) << 53, 1});
  expectElements<uint8_t>(evaluate("elementwise equal(%0, %1)", {close, to}, "tensor<2xi1>"), {0, 0});
  expectElements<uint8_t>(evaluate("elementwise less(%0, %1)", {close, to}, "tensor<2xi1>"), {0, 1});

  HostTensor p = bools({4}, {0, 0, 1, 1}), q = bools({4}, {0, 1, 0, 1});
  expectElements<uint8_t>(evaluate("elementwise logical_and(%0, %1)", {p, q}, "tensor<4xi1>"), {0, 0, 0, 1});
  expectElements<uint8_t>(evaluate("elementwise logical_or(%0, %1)", {p, q}, "tensor<4xi1>"), {0, 1, 1, 1});
  expectElements<uint8_t>(evaluate("elementwise logical_xor(%0, %1)", {p, q}, "tensor<4xi1>"), {0, 1, 1, 0});
  expectElements<uint8_t>(evaluate("elementwise logical_not(%0)", {p}, "tensor<4xi1>"), {1, 1, 0, 0});
  expectElements<uint8_t>(evaluate("elementwise equal(%0, %1)", {p, q}, "tensor<4xi1>"), {1, 0, 0, 1});
}

TEST(InterpreterElementwise, OperandsAreRepeated) {
  HostTensor a = i32({2, 1, 3}, {1, 2, 3, 4, 5, 6}), b = i32({2, 1}, {10, 20}), scalar = i32({}, {100});
  expectElements<int32_t>(evaluate("elementwise add(%0, %1)", {a, b}, "tensor<2x2x3xi32>"),
                          {11, 12, 13, 21, 22, 23, 14, 15, 16, 24, 25, 26});
  expectElements<int32_t>(evaluate("elementwise sub(%0, %1)", {scalar, b}, "tensor<2x1xi32>"), {90, 80});
  HostTensor none = i32({0, 3}, {}), three = i32({3}, {1, 2, 3});
  expectElements<int32_t>(evaluate("elementwise add(%0, %1)", {none, three}, "tensor<0x3xi32>"), {});
}

TEST(InterpreterElementwise, SelectRepeatsAllOperands) {
  HostTensor c = bools({2, 1}, {1, 0}), a = i64({3}, {1, 2, 3}), b = i64({}, {-1});
  expectElements<int64_t>(evaluate("elementwise select(%0, %1, %2)", {c, a, b}, "tensor<2x3xi64>"),
                          {1, 2, 3, -1, -1, -1});
  // The one that is not selected does not matter.
  HostTensor x = f32({2}, {1, NAN}), y = f32({2}, {NAN, 2}), choose = bools({2}, {1, 0});
  expectElements<float>(evaluate("elementwise select(%0, %1, %2)", {choose, x, y}, "tensor<2xf32>"), {1, 2});
}

TEST(InterpreterElementwise, EachOpRoundsOnce) {
  // 1 + 2^-11 lies between 1 and the next f16 and goes to the even one, 1; 1 + 3 * 2^-11 goes up to 1 + 2^-9.
  HostTensor one = makeTensor<uint16_t>(ElementType::F16, {2}, {0x3c00, 0x3c01});
  HostTensor half = makeTensor<uint16_t>(ElementType::F16, {2}, {0x1000, 0x1000}); // 2^-11
  expectElements<uint16_t>(evaluate("elementwise add(%0, %1)", {one, half}, "tensor<2xf16>"), {0x3c00, 0x3c02});
  // 1 + 2^-8 in bfloat16, whose neighbours of 1 are 2^-7 away.
  HostTensor b = makeTensor<uint16_t>(ElementType::BF16, {2}, {0x3f80, 0x3f81});
  HostTensor c = makeTensor<uint16_t>(ElementType::BF16, {2}, {0x3b80, 0x3b80});
  expectElements<uint16_t>(evaluate("elementwise add(%0, %1)", {b, c}, "tensor<2xbf16>"), {0x3f80, 0x3f82});
  HostTensor f = f32({1}, {1}), g = f32({1}, {0x1p-24f});
  expectElements<float>(evaluate("elementwise add(%0, %1)", {f, g}, "tensor<1xf32>"), {1});
}

//===----------------------------------------------------------------------===//
// cast
//===----------------------------------------------------------------------===//

HostTensor cast(const HostTensor &input, const std::string &type) {
  std::string result = "tensor<" + std::to_string(input.numElements()) + "x" + type + ">";
  return evaluate("cast %0", {input}, result, typeText(input) + " -> " + result);
}

TEST(InterpreterCast, FloatsToIntegersTruncateAndSaturate) {
  HostTensor x = f64({8}, {1.9, -1.9, 1e30, -1e30, NAN, INFINITY, -0.5, 200});
  expectElements<int8_t>(cast(x, "i8"), {1, -1, 127, -128, 0, 127, 0, 127});
  expectElements<uint8_t>(cast(x, "ui8"), {1, 0, 255, 0, 0, 255, 0, 200});
  expectElements<int16_t>(cast(x, "i16"), {1, -1, 32767, -32768, 0, 32767, 0, 200});
  expectElements<uint16_t>(cast(x, "ui16"), {1, 0, 65535, 0, 0, 65535, 0, 200});
  expectElements<int32_t>(cast(x, "i32"), {1, -1, INT32_MAX, INT32_MIN, 0, INT32_MAX, 0, 200});
  expectElements<uint32_t>(cast(x, "ui32"), {1, 0, UINT32_MAX, 0, 0, UINT32_MAX, 0, 200});
  expectElements<int64_t>(cast(x, "i64"), {1, -1, INT64_MAX, INT64_MIN, 0, INT64_MAX, 0, 200});
  expectElements<uint64_t>(cast(x, "ui64"), {1, 0, UINT64_MAX, 0, 0, UINT64_MAX, 0, 200});
  HostTensor ends = f64({4}, {-128, -128.9, 127.9, 255.9});
  expectElements<int8_t>(cast(ends, "i8"), {-128, -128, 127, 127});
  expectElements<uint8_t>(cast(ends, "ui8"), {0, 0, 127, 255});
}

TEST(InterpreterCast, BetweenIntegersKeepsTheLowBits) {
  HostTensor x = i64({4}, {-1, 300, -129, (int64_t(1) << 32) + 5});
  expectElements<int8_t>(cast(x, "i8"), {-1, 44, 127, 5});
  expectElements<uint8_t>(cast(x, "ui8"), {255, 44, 127, 5});
  expectElements<int32_t>(cast(x, "i32"), {-1, 300, -129, 5});
  expectElements<uint64_t>(cast(x, "ui64"), {UINT64_MAX, 300, uint64_t(-129), (uint64_t(1) << 32) + 5});
  HostTensor u = makeTensor<uint8_t>(ElementType::U8, {2}, {255, 1});
  expectElements<int64_t>(cast(u, "i64"), {255, 1});
  expectElements<int8_t>(cast(u, "i8"), {-1, 1});
}

/// The elements of a tensor of strings.
static std::vector<std::string> stringsOf(const HostTensor &tensor) {
  std::vector<std::string> strings;
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    strings.push_back(tensor.getString(i).str());
  return strings;
}

TEST(InterpreterCast, ToStrings) {
  using Expected = std::vector<std::string>;
  auto written = [&](const HostTensor &tensor) {
    std::string type = "tensor<" + std::to_string(tensor.numElements()) + "x!sinter.string>";
    return stringsOf(evaluate("cast %0", {tensor}, type, typeText(tensor) + " -> " + type));
  };
  EXPECT_EQ(written(f32({5}, {0.1f, 100, -1e-10f, 16777216, 1e16f})),
            (Expected{"0.1", "100.0", "-1e-10", "16777216.0", "1e+16"}));
  EXPECT_EQ(written(f64({6}, {5e-324, 0.0001, -0.0, INFINITY, -INFINITY, NAN})),
            (Expected{"5e-324", "0.0001", "-0.0", "INF", "-INF", "NaN"}));
  EXPECT_EQ(written(i64({2}, {INT64_MIN, 7})), (Expected{"-9223372036854775808", "7"}));
  EXPECT_EQ(written(bools({2}, {1, 0})), (Expected{"True", "False"}));
  // The least and the greatest f16, the power of two 2^-14 and a third.
  EXPECT_EQ(written(makeTensor<uint16_t>(ElementType::F16, {4}, {0x0001, 0x7bff, 0x0400, 0x3555})),
            (Expected{"6e-08", "65500.0", "6.104e-05", "0.3333"}));
  EXPECT_EQ(written(makeTensor<uint16_t>(ElementType::BF16, {2}, {0x3dcd, 0x0001})), (Expected{"0.1", "9e-41"}));
}

TEST(InterpreterCast, FromStrings) {
  auto read = [&](std::vector<std::string> texts, const std::string &type) {
    int64_t count = texts.size();
    std::string result = "tensor<" + std::to_string(count) + "x" + type + ">";
    HostTensor input = HostTensor::ofStrings(std::move(texts), {count});
    return tryEvaluate("cast %0", {input}, result, typeText(input) + " -> " + result);
  };
  expectElements<float>(*read({"0.1", " 1E8 ", "+INF", "-inf", ".5", "1e999", "1e-999"}, "f32"),
                        {0.1f, 1e8f, INFINITY, -INFINITY, 0.5f, INFINITY, 0});
  // Halfway from 1 to the next f16, and a little beyond what a double holds of it.
  expectElements<uint16_t>(*read({"1.00048828125", "1.000488281250000000000000000000000001",
                                  "1.000488281249999999999999999999999999", "1.00146484375"},
                                 "f16"),
                           {0x3c00, 0x3c01, 0x3c00, 0x3c02});
  expectElements<int8_t>(*read({"-128", "127.9", "1.2e2"}, "i8"), {-128, 127, 120});
  expectElements<uint64_t>(*read({"18446744073709551615"}, "ui64"), {UINT64_MAX});
  expectElements<uint8_t>(*read({"True", "0", "-3", "false"}, "i1"), {1, 0, 1, 0});
  for (const char *text : {"", "x", "1e", "128", "nan"})
    EXPECT_EQ(messageOf(read({"1", text}, "i8")),
              std::string("node 'tested': element 1 is '") + text + "', which is no number of type i8");
}

TEST(InterpreterElementwise, EqualStrings) {
  HostTensor words = HostTensor::ofStrings({"a", "b", "", "ab"}, {2, 2});
  expectElements<uint8_t>(
      evaluate("elementwise equal(%0, %1)", {words, HostTensor::ofStrings({"b"}, {1})}, "tensor<2x2xi1>"),
      {0, 1, 0, 0});
}

TEST(InterpreterCast, TruthValues) {
  expectElements<uint8_t>(cast(f32({5}, {0, -0.0f, 0.5, NAN, -3}), "i1"), {0, 0, 1, 1, 1});
  expectElements<uint8_t>(cast(i64({3}, {0, 256, -1}), "i1"), {0, 1, 1});
  expectElements<float>(cast(bools({2}, {1, 0}), "f32"), {1, 0});
  expectElements<int64_t>(cast(bools({2}, {1, 0}), "i64"), {1, 0});
}

TEST(InterpreterCast, ToNarrowerFloatsRoundsOnce) {
  // 65519 rounds to the greatest f16 (65504), 65520 is half way to the next and overflows.
  expectElements<uint16_t>(cast(f64({4}, {65519, 65520, -1e9, 0x1p-25}), "f16"), {0x7bff, 0x7c00, 0xfc00, 0});
  // Just above the middle of two f16: through f32 it would become the middle, and then go to the even one.
  expectElements<uint16_t>(cast(f64({1}, {1 + 0x1p-11 + 0x1p-40}), "f16"), {0x3c01});
  expectElements<uint16_t>(cast(f64({2}, {1 + 0x1p-8 + 0x1p-40, 3.4e38}), "bf16"), {0x3f81, 0x7f80});
  // The same for integers of more bits than a double's.
  int64_t middle = (int64_t(1) << 62) + (int64_t(1) << 54);
  expectElements<uint16_t>(cast(i64({3}, {middle, middle + 1, -middle - 1}), "bf16"), {0x5e80, 0x5e81, 0xde81});
  int64_t middle32 = (int64_t(1) << 62) + (int64_t(1) << 38);
  expectElements<float>(cast(i64({2}, {middle32, middle32 + 1}), "f32"), {0x1p62f, 0x1p62f + 0x1p39f});
  expectElements<float>(cast(f64({2}, {1e300, 1 + 0x1p-25}), "f32"), {INFINITY, 1});
  expectElements<double>(cast(f32({2}, {0.1f, -INFINITY}), "f64"), {static_cast<double>(0.1f), -inf});
}

} // namespace
