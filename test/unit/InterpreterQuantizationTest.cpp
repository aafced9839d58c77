//===- InterpreterQuantizationTest.cpp - Numbers of few bits with scales ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All expected values are worked by hand.
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"

#include <cmath>

using namespace sinter;
using namespace sinter::testing;

namespace {

const float nan = std::nanf("");

/// Runs the ops of `body` on the inputs %0, %1, ...; %r is the result.
HostTensor run(const std::vector<HostTensor> &inputs, const std::string &resultType, const std::string &body) {
  std::string arguments;
  for (size_t i = 0; i < inputs.size(); ++i)
    arguments += (i ? ", %" : "%") + std::to_string(i) + ": " + typeText(inputs[i]);
  mlir::OwningOpRef<mlir::ModuleOp> module = parse("func.func @main(" + arguments + ") -> " + resultType + " {\n" +
                                                   body + "\n  return %r : " + resultType + "\n}\n");
  if (!module)
    return HostTensor();
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, inputs);
  if (results)
    return std::move(results->front());
  ADD_FAILURE() << llvm::toString(results.takeError());
  return HostTensor();
}

HostTensor i8(std::vector<int64_t> dims, const std::vector<int8_t> &elements) {
  return makeTensor<int8_t>(ElementType::I8, std::move(dims), elements);
}
HostTensor u8(std::vector<int64_t> dims, const std::vector<uint8_t> &elements) {
  return makeTensor<uint8_t>(ElementType::U8, std::move(dims), elements);
}

TEST(InterpreterQuantize, RoundsHalvesToEvenAndClamps) {
  HostTensor x = f32({8}, {0.25f, 0.75f, 1.25f, -0.25f, 200, -200, nan, 0}), s = f32({}, {0.5f});
  HostTensor codes = run({x, s}, "tensor<8xi8>", R"(
  %q = sinter.quantize %0 scale %1 : (tensor<8xf32>, tensor<f32>) -> tensor<8x!sinter.quantized<i8:f32>>
  %r = sinter.storage_cast %q : tensor<8x!sinter.quantized<i8:f32>> -> tensor<8xi8>)");
  // 0.5, 1.5, 2.5, -0.5 are ties.
  expectElements<int8_t>(codes, {0, 2, 2, 0, 127, -128, 0, 0});
}

TEST(InterpreterQuantize, ZeroPointsOfEachColumnAndGroup) {
  // Groups of two rows in each of two columns; zero points 8 and 0, then 15 and 1.
  HostTensor x = f32({4, 2}, {1, 1, -1, 2, 3, 0, -40, 7}), s = f32({2, 2}, {1, 0.5f, 2, 0});
  HostTensor z = makeTensor<uint8_t>(ElementType::U4, {2, 2}, {8, 0, 15, 1});
  HostTensor codes = run({x, s, z}, "tensor<4x2xui4>", R"(
  %q = sinter.quantize %0 scale %1 zero_point %2 : (tensor<4x2xf32>, tensor<2x2xf32>, tensor<2x2xui4>)
      -> tensor<4x2x!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>>
  %r = sinter.storage_cast %q : tensor<4x2x!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>> -> tensor<4x2xui4>)");
  // A scale of 0 gives the zero point.
  expectElements<uint8_t>(codes, {9, 2, 7, 4, 15, 1, 0, 1});
}

TEST(InterpreterQuantize, ReciprocalsAreRoundedToo) {
  // 1 / 49 in f32 is a little above 1/49: 24.5 becomes a hair more than half.
  HostTensor x = f32({1}, {49 * 2.5f}), s = f32({}, {49});
  auto codes =
      [&](const char *how) {
        return run({x, s}, "tensor<1xi8>", std::string(R"(
  %q = sinter.quantize %0 scale %1 )") + how + R"( : (tensor<1xf32>, tensor<f32>) -> tensor<1x!sinter.quantized<i8:f32>>
  %r = sinter.storage_cast %q : tensor<1x!sinter.quantized<i8:f32>> -> tensor<1xi8>)")
            .as<int8_t>()[0];
      };
  EXPECT_EQ(codes(""), 2);
  EXPECT_EQ(codes("{reciprocal}"), 49 * 2.5f * (1.0f / 49) > 2.5f ? 3 : 2);
}

TEST(InterpreterDequantize, ByHand) {
  HostTensor q = u8({2, 2}, {130, 128, 0, 255}), s = f32({2, 1}, {0.5f, 2}), z = u8({2, 1}, {128, 3});
  expectElements<float>(run({q, s, z}, "tensor<2x2xf32>", R"(
  %q = sinter.storage_cast %0 : tensor<2x2xui8> -> tensor<2x2x!sinter.quantized<ui8:f32, blocks [1, 0], zero_points>>
  %r = sinter.dequantize %q scale %1 zero_point %2
      : (tensor<2x2x!sinter.quantized<ui8:f32, blocks [1, 0], zero_points>>, tensor<2x1xf32>, tensor<2x1xui8>) -> tensor<2x2xf32>)"),
                        {1, 0, -6, 504});
}

TEST(InterpreterChooseScale, CoversEachBlock) {
  HostTensor x = f32({2, 2}, {-254, 1, 127, -12.7f});
  expectElements<float>(run({x}, "tensor<1x2xf32>", R"(
  %r = sinter.choose_scale %0 for !sinter.quantized<i8:f32, blocks [0, 1]> : tensor<2x2xf32> -> tensor<1x2xf32>)"),
                        {2, 12.7f / 127});
  // 0 is always covered: [1, 16] needs [0, 16], [-15, -3] needs [-15, 0].
  HostTensor y = f32({2, 2}, {1, 15, -15, -3});
  expectElements<float>(run({y}, "tensor<2x1xf32>", R"(
  %r = sinter.choose_scale %0 for !sinter.quantized<ui4:f32, blocks [1, 0], zero_points> : tensor<2x2xf32> -> tensor<2x1xf32>)"),
                        {1, 1});
  HostTensor s = f32({2, 1}, {1, 1});
  expectElements<uint8_t>(run({y, s}, "tensor<2x1xui4>", R"(
  %r = sinter.choose_zero_point %0 scale %1 for !sinter.quantized<ui4:f32, blocks [1, 0], zero_points>
      : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x1xui4>)"),
                          {0, 15});
}

TEST(InterpreterChooseScale, CoversBothSidesOfAGivenZeroPoint) {
  // Codes 0 to 255 around 55: 55 below, 200 above. 400 / 200 against 55 / 55, then 0 against 110 / 55.
  HostTensor x = f32({2, 2}, {400, -55, -110, -1});
  expectElements<float>(run({x}, "tensor<2x1xf32>", R"(
  %r = sinter.choose_scale %0 for !sinter.quantized<ui8:f32, blocks [1, 0], zero_points> {zero = 55 : i64}
      : tensor<2x2xf32> -> tensor<2x1xf32>)"),
                        {2, 2});
}

TEST(InterpreterChooseScale, SearchGivesUpTheGreatestForTheMany) {
  // Codes of i4 are -8 to 7. With scale 1 the 0.8s become 1: an error of 0.04 each, 0 for the 7. A little less fits
  // them better and loses less at the 7, down to 0.86: 49 * 0.04 = 1.96 becomes 49 * 0.0036 + (7 - 6.02)^2 = 1.1368.
  std::vector<float> values(50, 0.8f);
  values[0] = 7;
  HostTensor x = f32({50}, values);
  HostTensor scale = run({x}, "tensor<f32>", R"(
  %r = sinter.choose_scale %0 for !sinter.quantized<i4:f32> {search} : tensor<50xf32> -> tensor<f32>)");
  float found = scale.as<float>()[0];
  double least = 1e9, best = 0;
  for (int percent = 100; percent >= 60; percent -= 2) {
    double s = percent / 100.0, first = std::min(7.0, std::nearbyint(7 / s)) * s - 7,
           others = std::nearbyint(0.8 / s) * s - 0.8;
    double error = first * first + 49 * others * others;
    if (error < least) {
      least = error;
      best = s;
    }
  }
  EXPECT_FLOAT_EQ(found, best);
  EXPECT_LT(found, 1);
}

TEST(InterpreterGptq, ByHand) {
  // Both inputs are nearly the same: 0.4 is rounded to 0 once, and what that loses is put into the other, 0.4 + 0.4 *
  // 0.9.
  HostTensor w = f32({2, 1}, {0.4f, 0.4f}), h = f32({2, 2}, {1, 0.9f, 0.9f, 1}), s = f32({1, 1}, {1});
  expectElements<int8_t>(run({w, h, s}, "tensor<2x1xi4>", R"(
  %q = sinter.gptq %0 moments %1 scale %2 : (tensor<2x1xf32>, tensor<2x2xf32>, tensor<1x1xf32>)
      -> tensor<2x1x!sinter.quantized<i4:f32, blocks [0, 1]>>
  %r = sinter.storage_cast %q : tensor<2x1x!sinter.quantized<i4:f32, blocks [0, 1]>> -> tensor<2x1xi4>)"),
                         {0, 1});
}

TEST(InterpreterQuantizedMatmul, ByHand) {
  // Row scales 1 and 0.5, zero point 1; columns' scales 2 and 4.
  HostTensor a = u8({2, 2}, {2, 3, 0, 1}), as = f32({2, 1}, {1, 0.5f}), az = u8({}, {1});
  HostTensor b = i8({2, 2}, {1, -1, 10, 5}), bs = f32({1, 2}, {2, 4});
  expectElements<float>(run({a, as, az, b, bs}, "tensor<2x2xf32>", R"(
  %a = sinter.storage_cast %0 : tensor<2x2xui8> -> tensor<2x2x!sinter.quantized<ui8:f32, blocks [1, 0], zero_points>>
  %b = sinter.storage_cast %3 : tensor<2x2xi8> -> tensor<2x2x!sinter.quantized<i8:f32, blocks [0, 1]>>
  %r = sinter.quantized_matmul %a scale %1 zero_point %2, %b scale %4
      : (tensor<2x2x!sinter.quantized<ui8:f32, blocks [1, 0], zero_points>>, tensor<2x1xf32>, tensor<ui8>,
         tensor<2x2x!sinter.quantized<i8:f32, blocks [0, 1]>>, tensor<1x2xf32>) -> tensor<2x2xf32>)"),
                        // [1 2; -1 0] times [1 -1; 10 5] is [21 9; -1 1].
                        {42, 36, -1, 2});
}

TEST(InterpreterQuantizedMatmul, GroupsAreAddedInOrder) {
  // Groups of two of three rows; zero points 1 and 2. (3-1)*1 + (4-1)*2 = 8, (5-2)*3 = 9: 8 * 0.5 + 9 * 10 = 94.
  HostTensor a = i8({1, 3}, {1, 2, 3}), one = f32({}, {1});
  HostTensor b = makeTensor<uint8_t>(ElementType::U4, {3, 1}, {3, 4, 5}), bs = f32({2, 1}, {0.5f, 10});
  HostTensor bz = makeTensor<uint8_t>(ElementType::U4, {2, 1}, {1, 2});
  expectElements<float>(run({a, one, b, bs, bz}, "tensor<1x1xf32>", R"(
  %a = sinter.storage_cast %0 : tensor<1x3xi8> -> tensor<1x3x!sinter.quantized<i8:f32>>
  %b = sinter.storage_cast %2 : tensor<3x1xui4> -> tensor<3x1x!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>>
  %r = sinter.quantized_matmul %a scale %1, %b scale %3 zero_point %4
      : (tensor<1x3x!sinter.quantized<i8:f32>>, tensor<f32>, tensor<3x1x!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>>,
         tensor<2x1xf32>, tensor<2x1xui4>) -> tensor<1x1xf32>)"),
                        {94});
}

} // namespace
