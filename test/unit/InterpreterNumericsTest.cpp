//===- InterpreterNumericsTest.cpp - Ops by the steps of a target ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Expected values are worked by hand where the steps make a difference, and are
// those of the exact formula, within what fp16 loses, elsewhere.
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"

#include <cmath>

using namespace sinter;
using namespace sinter::testing;

namespace {

std::string numerics(int tile, int chains = 4) {
  return " {sinter.numerics = #sinter.numerics<operands f16, tile " + std::to_string(tile) + ", chains " +
         std::to_string(chains) + ">}";
}

float product(const std::vector<float> &a, const std::vector<float> &b, int tile) {
  int64_t k = a.size();
  HostTensor result = evaluate("matmul %0, %1" + numerics(tile), {f32({1, k}, a), f32({k, 1}, b)}, "tensor<1x1xf32>");
  return result.as<float>()[0];
}

TEST(InterpreterNumerics, TilesAreExactAndAddedInOrder) {
  float small = 0x1p-12f; // its square is half of what follows 1 in f32
  // Alone, each square is lost beside 1; together they are not.
  EXPECT_EQ(product({1, small, small}, {1, small, small}, 1), 1.0f);
  EXPECT_EQ(product({1, small, small}, {1, small, small}, 3), 1.0f + 0x1p-23f);
  EXPECT_EQ(product({small, small, 1}, {small, small, 1}, 2), 1.0f + 0x1p-23f);
  // Half a unit is rounded to even, a little more than half up.
  EXPECT_EQ(product({1, small, 0x1p-24f}, {1, small, 0x1p-24f}, 3), 1.0f + 0x1p-23f);
  EXPECT_EQ(product({60000, 60000, 0x1p-24f}, {60000, -60000, 0x1p-24f}, 3), 0x1p-48f);
  EXPECT_EQ(product({60000, 60000, 0x1p-24f}, {-60000, 60000, -0x1p-24f}, 3), -0x1p-48f);
}

TEST(InterpreterNumerics, OperandsAreRoundedAndSaturate) {
  EXPECT_EQ(product({1 + 0x1p-11f}, {1}, 4), 1.0f);               // halfway, to even
  EXPECT_EQ(product({1 + 0x1.8p-10f}, {1}, 4), 1 + 0x1p-9f);      // halfway, to even
  EXPECT_EQ(product({1 + 0x1.02p-11f}, {1}, 4), 1.0f + 0x1p-10f); // a little more
  EXPECT_EQ(product({-3.4e38f}, {1}, 4), -65504.0f);
  EXPECT_EQ(product({1e-9f}, {1}, 4), 0.0f);
  EXPECT_TRUE(std::isnan(product({NAN}, {1}, 4)));
}

TEST(InterpreterNumerics, FunctionsAreCloseToWhatTheyStandFor) {
  std::vector<float> x;
  for (int i = -800; i <= 800; ++i)
    x.push_back(i / 100.0f);
  auto expectClose = [&](const char *kind, double (*exact)(double), double bound) {
    HostTensor y = evaluate(std::string("elementwise ") + kind + "(%0)" + numerics(160),
                            {f32({static_cast<int64_t>(x.size())}, x)}, "tensor<1601xf32>");
    for (size_t i = 0; i < x.size(); ++i)
      if (double value = exact(x[i]); value != y.as<float>()[i]) // 1 / 0, too
        EXPECT_NEAR(y.as<float>()[i], value, bound) << kind << " " << x[i];
  };
  expectClose("gelu", [](double v) { return 0.5 * v * (1 + std::erf(v * std::sqrt(0.5))); }, 2.8e-4);
  expectClose(
      "gelu_tanh", [](double v) { return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))); },
      2e-6);
  expectClose("silu", [](double v) { return v / (1 + std::exp(-v)); }, 2e-6);
  expectClose("sigmoid", [](double v) { return 1 / (1 + std::exp(-v)); }, 2e-7);
  expectClose("abs", [](double v) { return std::fabs(v); }, 0);
  expectClose("neg", [](double v) { return -v; }, 0);
  expectClose("reciprocal", [](double v) { return 1 / v; }, 3e-5);
}

TEST(InterpreterNumerics, NormsFollowTheirFormula) {
  HostTensor x = f32({2, 8}, {3, -1, 2, 0.5, 100, -7, 2, 9, 1, 2, 3, 4, 5, 6, 7, 8});
  HostTensor scale = f32({8}, {1, 2, 1, 1, 1, 1, 1, -1}), bias = f32({8}, {0, 0, 0, 5, 0, 0, 0, 0});
  HostTensor y = evaluate("layer_norm %0 scale %1 bias %2 axis 1 epsilon 1.0e-5" + numerics(3), {x, scale, bias},
                          "tensor<2x8xf32>");
  HostTensor z = evaluate("rms_norm %0 scale %1 axis 1 epsilon 1.0e-5" + numerics(3), {x, scale}, "tensor<2x8xf32>");
  for (int row = 0; row < 2; ++row) {
    const float *v = &x.as<float>()[row * 8];
    double mean = 0, squares = 0, variance = 0;
    for (int i = 0; i < 8; ++i)
      mean += v[i] / 8, squares += v[i] * v[i] / 8;
    for (int i = 0; i < 8; ++i)
      variance += (v[i] - mean) * (v[i] - mean) / 8;
    for (int i = 0; i < 8; ++i) {
      double s = scale.as<float>()[i];
      EXPECT_NEAR(y.as<float>()[row * 8 + i], (v[i] - mean) / std::sqrt(variance + 1e-5) * s + bias.as<float>()[i],
                  4e-3);
      EXPECT_NEAR(z.as<float>()[row * 8 + i], v[i] / std::sqrt(squares + 1e-5) * s, 4e-3);
    }
  }
}

TEST(InterpreterNumerics, AttentionOfOneKeyIsItsValue) {
  HostTensor q = f32({1, 1, 1, 2}, {3, -2}), k = f32({1, 1, 1, 2}, {5, 7}), v = f32({1, 1, 1, 2}, {1 + 0x1p-11f, -9});
  expectElements<float>(evaluate("attention %0, %1, %2 scale 0.5" + numerics(160), {q, k, v}, "tensor<1x1x1x2xf32>"),
                        {1, -9});
}

TEST(InterpreterNumerics, AttentionAddsItsKeysInChains) {
  // Scores are 0 for all keys, weights 1/5 rounded to fp16, which is 0x3266: 0.199951171875.
  HostTensor q = f32({1, 1, 1, 1}, {0}), k = f32({1, 5, 1, 1}, {1, 2, 3, 4, 5}), v = f32({1, 5, 1, 1}, {1, 1, 1, 1, 0});
  expectElements<float>(evaluate("attention %0, %1, %2 scale 1.0" + numerics(160), {q, k, v}, "tensor<1x1x1x1xf32>"),
                        {0.7998046875f});
  // With a bias of [0, -1000]: exactly the first.
  HostTensor bias = f32({1, 1, 1, 5}, {-1000, 0, -1000, -1000, -1000}), w = f32({1, 5, 1, 1}, {1, 2, 3, 4, 5});
  expectElements<float>(
      evaluate("attention %0, %1, %2 bias %3 scale 1.0" + numerics(160), {q, k, w, bias}, "tensor<1x1x1x1xf32>"), {2});
}

TEST(InterpreterNumerics, ProductsOfComputedTensorsRoundEachStep) {
  std::string steps = " {sinter.numerics = #sinter.numerics<operands f32, tile 1, chains 4>}";
  // (1 + 2^-12)^2 - 1 is 2^-11 + 2^-24, whose last part is lost with the product; operands are not rounded to halves.
  HostTensor a = f32({1, 2}, {1, 1 + 0x1p-12f}), b = f32({2, 1}, {-1, 1 + 0x1p-12f});
  expectElements<float>(evaluate("matmul %0, %1" + steps, {a, b}, "tensor<1x1xf32>"), {0x1p-11f});
}

TEST(InterpreterNumerics, RotaryRoundsEachStep) {
  // Of the pair (1 + 2^-12, 1) by a cosine of 1 + 2^-12 and a sine of 1: the same loss in the first; then an element
  // that is not rotated.
  HostTensor x = f32({1, 3}, {1 + 0x1p-12f, 1, -0.0f}), c = f32({1, 1}, {1 + 0x1p-12f}), s = f32({1, 1}, {1});
  HostTensor y = evaluate("rotary %0 cos %1 sin %2" + numerics(160), {x, c, s}, "tensor<1x3xf32>");
  expectElements<float>(y, {0x1p-11f, 2 + 0x1p-11f, 0});
  EXPECT_FALSE(std::signbit(y.as<float>()[2]));
  HostTensor z = evaluate("rotary %0 cos %1 sin %2 {interleaved, sinter.numerics = #sinter.numerics<operands f16, tile "
                          "160, chains 4>}",
                          {f32({1, 4}, {1, 2, 3, 4}), f32({1, 2}, {1, 0}), f32({1, 2}, {0, 1})}, "tensor<1x4xf32>");
  expectElements<float>(z, {1, 2, -4, 3});
}

TEST(InterpreterNumerics, ReductionsJoinHalves) {
  // The first and the last, which are lost beside 1 one by one, are added first.
  HostTensor x = f32({1, 3}, {0x1p-24f, 1, 0x1p-24f}), z = f32({2, 2}, {1, 2, 3, 6});
  auto reduce = [&](const std::string &op, const HostTensor &of, const std::string &type) {
    return evaluate("reduce " + op + numerics(160), {of}, type, typeText(of) + " -> " + type);
  };
  expectElements<float>(reduce("sum %0 [1]", x, "tensor<1xf32>"), {1 + 0x1p-23f});
  expectElements<float>(reduce("max %0 [1]", x, "tensor<1xf32>"), {1});
  expectElements<float>(reduce("mean %0 [0, 1]", z, "tensor<f32>"), {3});
}

TEST(InterpreterNumerics, CastsSaturate) {
  HostTensor x = f32({3}, {1e6f, -3e5f, 1 + 0x1p-11f});
  HostTensor y = evaluate("cast %0" + numerics(160), {x}, "tensor<3xf16>", typeText(x) + " -> tensor<3xf16>");
  llvm::ArrayRef<uint16_t> bits = y.as<uint16_t>();
  EXPECT_EQ(std::vector<uint16_t>(bits.begin(), bits.end()), (std::vector<uint16_t>{0x7bff, 0xfbff, 0x3c00}));
}

TEST(InterpreterNumerics, WhatHasNoStepsIsRefused) {
  llvm::Expected<HostTensor> result =
      tryEvaluate("elementwise log(%0)" + numerics(160), {f32({1}, {1})}, "tensor<1xf32>");
  ASSERT_FALSE(bool(result));
  EXPECT_NE(takeFailure(result.takeError()).message.find("'log' has no steps"), std::string::npos);
}

} // namespace
