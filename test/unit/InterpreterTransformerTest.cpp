//===- InterpreterTransformerTest.cpp - Products, norms, attention ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small cases are worked by hand; larger ones are compared with the op's formula
// written once more, element by element, in long double.
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"

#include <cmath>
#include <optional>

using namespace sinter;
using namespace sinter::testing;

namespace {

HostTensor noise(std::vector<int64_t> dims, uint32_t seed) {
  int64_t count = *countElements(dims);
  return f32(std::move(dims), makeNoise(count, seed));
}

TEST(InterpreterMatmul, ByHand) {
  HostTensor a = f32({2, 3}, {1, 2, 3, 4, 5, 6}), b = f32({3, 2}, {1, 0, 0, 1, 1, 1});
  expectElements<float>(evaluate("matmul %0, %1", {a, b}, "tensor<2x2xf32>"), {4, 5, 10, 11});
  HostTensor none = f32({2, 0}, {}), left = f32({0, 3}, {});
  expectElements<float>(evaluate("matmul %0, %1", {none, left}, "tensor<2x3xf32>"), {0, 0, 0, 0, 0, 0});
}

TEST(InterpreterMatmul, LeadingDimensionsAreRepeated) {
  HostTensor a = f32({2, 1, 1, 2}, {1, 2, 3, 4}), b = f32({2, 2, 1}, {1, 1, 10, 100});
  // Matrices [1 2], [3 4] times columns (1 1), (10 100).
  expectElements<float>(evaluate("matmul %0, %1", {a, b}, "tensor<2x2x1x1xf32>"), {3, 210, 7, 430});
  HostTensor c = i32({2, 1, 2}, {1, 2, 3, 4}), d = i32({2, 1}, {1, 1});
  expectElements<int32_t>(evaluate("matmul %0, %1", {c, d}, "tensor<2x1x1xi32>"), {3, 7});
}

TEST(InterpreterMatmul, IntegersWrapAndFloatsRoundOnce) {
  HostTensor a = makeTensor<uint8_t>(ElementType::U8, {1, 2}, {200, 100});
  HostTensor b = makeTensor<uint8_t>(ElementType::U8, {2, 1}, {2, 1});
  expectElements<uint8_t>(evaluate("matmul %0, %1", {a, b}, "tensor<1x1xui8>"), {uint8_t(500)});
  HostTensor large = f32({1, 3}, {0x1p24f, 1, 1}), ones = f32({3, 1}, {1, 1, 1});
  expectElements<float>(evaluate("matmul %0, %1", {large, ones}, "tensor<1x1xf32>"), {0x1p24f + 2});
  // 2048 + 1 is 2048 in f16; the sum of all is 2050.
  HostTensor h = makeTensor<uint16_t>(ElementType::F16, {1, 3}, {0x6800, 0x3c00, 0x3c00});
  HostTensor o = makeTensor<uint16_t>(ElementType::F16, {3, 1}, {0x3c00, 0x3c00, 0x3c00});
  expectElements<uint16_t>(evaluate("matmul %0, %1", {h, o}, "tensor<1x1xf16>"), {0x6801});
}

TEST(InterpreterMatmul, LargerOnesFollowTheFormula) {
  int64_t m = 17, k = 33, n = 21;
  HostTensor a = noise({m, k}, 1), b = noise({k, n}, 2);
  std::vector<double> expected;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      long double sum = 0;
      for (int64_t l = 0; l < k; ++l)
        sum += static_cast<long double>(a.as<float>()[i * k + l]) * b.as<float>()[l * n + j];
      expected.push_back(static_cast<float>(sum));
    }
  expectNear(evaluate("matmul %0, %1", {a, b}, "tensor<17x21xf32>"), expected, 1e-7);
}

TEST(InterpreterConv, OneDimensionByHand) {
  HostTensor x = f32({1, 1, 5}, {1, 2, 3, 4, 5}), w = f32({1, 1, 3}, {1, 0, -1}), b = f32({1}, {10});
  auto conv = [&](const char *rest, const char *type) {
    return evaluate(std::string("conv %0, %1 bias %2 ") + rest + " groups 1", {x, w, b}, type);
  };
  expectElements<float>(conv("strides [1] dilations [1] low [0] high [0]", "tensor<1x1x3xf32>"), {8, 8, 8});
  expectElements<float>(conv("strides [1] dilations [1] low [1] high [1]", "tensor<1x1x5xf32>"), {8, 8, 8, 8, 14});
  expectElements<float>(conv("strides [2] dilations [1] low [0] high [1]", "tensor<1x1x2xf32>"), {8, 8});
  expectElements<float>(conv("strides [1] dilations [2] low [0] high [0]", "tensor<1x1x1xf32>"), {6});
}

TEST(InterpreterConv, GroupsSeeTheirChannelsOnly) {
  // Depthwise: two channels, one filter each.
  HostTensor x = f32({1, 2, 2}, {1, 2, 3, 4}), w = f32({2, 1, 2}, {1, 1, 1, -1});
  expectElements<float>(
      evaluate("conv %0, %1 strides [1] dilations [1] low [0] high [0] groups 2", {x, w}, "tensor<1x2x1xf32>"),
      {3, -1});
}

TEST(InterpreterConv, TwoDimensionsFollowTheFormula) {
  int64_t images = 2, channels = 4, height = 7, width = 6, filters = 6, groups = 2;
  HostTensor x = noise({images, channels, height, width}, 3), w = noise({filters, 2, 3, 2}, 4), b = noise({filters}, 5);
  // strides [2, 1], dilations [1, 3], low [1, 2], high [2, 0]: output (7 + 3 - 3) / 2 + 1 = 4, (6 + 2 - 4) + 1 = 5.
  std::vector<double> expected;
  for (int64_t n = 0; n < images; ++n)
    for (int64_t o = 0; o < filters; ++o)
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t j = 0; j < 5; ++j) {
          long double sum = b.as<float>()[o];
          for (int64_t c = 0; c < 2; ++c)
            for (int64_t p = 0; p < 3; ++p)
              for (int64_t q = 0; q < 2; ++q) {
                int64_t row = i * 2 + p - 1, column = j + q * 3 - 2, channel = o / (filters / groups) * 2 + c;
                if (row >= 0 && row < height && column >= 0 && column < width)
                  sum += static_cast<long double>(w.as<float>()[((o * 2 + c) * 3 + p) * 2 + q]) *
                         x.as<float>()[((n * channels + channel) * height + row) * width + column];
              }
          expected.push_back(static_cast<float>(sum));
        }
  expectNear(evaluate("conv %0, %1 bias %2 strides [2, 1] dilations [1, 3] low [1, 2] high [2, 0] groups 2", {x, w, b},
                      "tensor<2x6x4x5xf32>"),
             expected, 1e-6);
}

TEST(InterpreterConv, ThreeDimensionsSumTheWindow) {
  HostTensor x = f32({1, 1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), w = f32({1, 1, 2, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 1});
  expectElements<float>(
      evaluate("conv %0, %1 strides [1, 1, 1] dilations [1, 1, 1] low [0, 0, 0] high [0, 0, 1] groups 1", {x, w},
               "tensor<1x1x1x1x2xf32>"),
      {36, 2 + 4 + 6 + 8});
}

TEST(InterpreterLayerNorm, ByHand) {
  // Mean 2, variance 1: with epsilon 3 the divisor is 2.
  HostTensor x = f32({2, 2}, {1, 3, 1, 3}), s = f32({2}, {4, 6}), b = f32({2}, {10, 20});
  expectElements<float>(evaluate("layer_norm %0 scale %1 bias %2 axis 1 epsilon 3.0", {x, s, b}, "tensor<2x2xf32>"),
                        {8, 23, 8, 23});
  HostTensor one = f32({1}, {2});
  expectElements<float>(evaluate("layer_norm %0 scale %1 axis 1 epsilon 3.0", {x, one}, "tensor<2x2xf32>"),
                        {-1, 1, -1, 1});
  expectElements<float>(
      evaluate("layer_norm %0 scale %1 axis 0 epsilon 3.0", {x, f32({2, 1}, {2, 20})}, "tensor<2x2xf32>"),
      {-1, 1, -10, 10});
}

TEST(InterpreterLayerNorm, KeepsItsDigitsBesideALargeMean) {
  // In f32 the mean of squares would swallow a variance of 1 beside a mean of 10000.
  HostTensor x = f32({1, 2}, {9999, 10001}), s = f32({2}, {1, 1});
  expectNear(evaluate("layer_norm %0 scale %1 axis 1 epsilon 0.0", {x, s}, "tensor<1x2xf32>"), {-1, 1}, 1e-7);
}

TEST(InterpreterRmsNorm, ByHand) {
  // The mean of 9 and 27 is 18, and with 18 more the root is 6.
  HostTensor x = f32({1, 2}, {3, std::sqrt(27.0f)}), s = f32({2}, {2, 4});
  expectNear(evaluate("rms_norm %0 scale %1 axis 1 epsilon 18.0", {x, s}, "tensor<1x2xf32>"),
             {1, 4 * std::sqrt(27.0) / 6});
}

TEST(InterpreterRotary, PairsOfHalvesAndNeighbours) {
  // A quarter turn takes (a, b) to (-b, a); no turn leaves it.
  HostTensor x = f32({1, 5}, {1, 2, 3, 4, 5}), c = f32({2}, {0, 1}), s = f32({2}, {1, 0});
  expectElements<float>(evaluate("rotary %0 cos %1 sin %2", {x, c, s}, "tensor<1x5xf32>"), {-3, 2, 1, 4, 5});
  expectElements<float>(evaluate("rotary %0 cos %1 sin %2 {interleaved}", {x, c, s}, "tensor<1x5xf32>"),
                        {-2, 1, 3, 4, 5});
}

TEST(InterpreterRotary, AnglesAreRepeatedOverHeads) {
  HostTensor x = f32({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}); // [position, head, 2]
  HostTensor c = f32({2, 1, 1}, {1, 0}), s = f32({2, 1, 1}, {0, 1});
  expectElements<float>(evaluate("rotary %0 cos %1 sin %2", {x, c, s}, "tensor<2x2x2xf32>"),
                        {1, 2, 3, 4, -6, 5, -8, 7});
}

TEST(InterpreterAttention, ByHand) {
  // Scores 0 and log(3): weights 1/4 and 3/4.
  HostTensor q = f32({1, 1, 1, 1}, {1}), k = f32({1, 2, 1, 1}, {0, 2 * std::log(3.0f)});
  HostTensor v = f32({1, 2, 1, 2}, {4, 8, 0, 4});
  expectNear(evaluate("attention %0, %1, %2 scale 0.5", {q, k, v}, "tensor<1x1x1x2xf32>"), {1, 5});
  HostTensor bias = f32({1, 1, 1, 2}, {0, -INFINITY});
  expectNear(evaluate("attention %0, %1, %2 bias %3 scale 0.5", {q, k, v, bias}, "tensor<1x1x1x2xf32>"), {4, 8});
}

struct AttentionCase {
  int64_t batches, queries, keys, heads, groups, size, valueSize;
  bool causal;
  std::vector<int64_t> biasDims;
  /// Keys of earlier runs; what lies behind those of this one does not count.
  std::optional<int64_t> past = std::nullopt;
};

void expectFormula(const AttentionCase &c) {
  HostTensor q = noise({c.batches, c.queries, c.heads, c.size}, 6), k = noise({c.batches, c.keys, c.groups, c.size}, 7);
  HostTensor v = noise({c.batches, c.keys, c.groups, c.valueSize}, 8), bias = noise(c.biasDims, 9);
  int64_t used = c.past ? *c.past + c.queries : c.keys;
  std::vector<double> expected;
  for (int64_t b = 0; b < c.batches; ++b)
    for (int64_t i = 0; i < c.queries; ++i)
      for (int64_t h = 0; h < c.heads; ++h) {
        int64_t g = h / (c.heads / c.groups);
        std::vector<long double> weights;
        long double total = 0;
        for (int64_t j = 0; j < c.keys; ++j) {
          long double score = 0;
          for (int64_t d = 0; d < c.size; ++d)
            score += static_cast<long double>(q.as<float>()[((b * c.queries + i) * c.heads + h) * c.size + d]) *
                     k.as<float>()[((b * c.keys + j) * c.groups + g) * c.size + d];
          auto at = [&](size_t axis, int64_t index) { return c.biasDims[axis] == 1 ? 0 : index; };
          int64_t offset =
              ((at(0, b) * c.biasDims[1] + at(1, h)) * c.biasDims[2] + at(2, i)) * c.biasDims[3] + at(3, j);
          score = 0.25L * score + bias.as<float>()[offset];
          weights.push_back(j >= used || (c.causal && j > i + used - c.queries) ? 0 : std::exp(score));
          total += weights.back();
        }
        for (int64_t e = 0; e < c.valueSize; ++e) {
          long double sum = 0;
          for (int64_t j = 0; j < c.keys; ++j)
            sum += weights[j] / total * v.as<float>()[((b * c.keys + j) * c.groups + g) * c.valueSize + e];
          expected.push_back(static_cast<double>(sum));
        }
      }
  HostTensor shape(ElementType::F32, {c.batches, c.queries, c.heads, c.valueSize});
  std::vector<HostTensor> operands = {q, k, v, bias};
  if (c.past)
    operands.push_back(i64({}, {*c.past}));
  expectNear(evaluate(std::string("attention %0, %1, %2 bias %3") + (c.past ? " past %4" : "") + " scale 0.25" +
                          (c.causal ? " {causal}" : ""),
                      operands, typeText(shape)),
             expected, 1e-6);
}

TEST(InterpreterAttention, FollowsTheFormula) {
  expectFormula({2, 5, 7, 4, 2, 8, 6, false, {2, 4, 5, 7}});
  expectFormula({2, 5, 7, 4, 4, 8, 8, true, {1, 1, 1, 7}});
  expectFormula({1, 4, 4, 6, 2, 3, 5, true, {1, 6, 4, 1}});
  expectFormula({3, 1, 9, 2, 1, 4, 4, false, {3, 1, 1, 9}});
}

TEST(InterpreterAttention, LeavesOutWhatAStateDoesNotHoldYet) {
  expectFormula({1, 2, 9, 4, 2, 8, 6, false, {1, 1, 1, 9}, 3});
  expectFormula({1, 2, 9, 4, 2, 8, 6, true, {1, 4, 2, 9}, 3});
  expectFormula({2, 4, 9, 2, 2, 3, 5, true, {1, 1, 1, 1}, 0});
  // Queries behind the last key see all of them.
  expectFormula({1, 4, 5, 2, 1, 4, 4, true, {1, 1, 1, 5}, 3});
}

TEST(InterpreterAttention, AMaskOfLargeNumbersIsAnAverage) {
  // Exporters mask with -3.4e38: where all keys are masked, all weigh the same.
  HostTensor q = f32({1, 1, 1, 1}, {1}), k = f32({1, 2, 1, 1}, {1, 2}), v = f32({1, 2, 1, 1}, {10, 20});
  HostTensor bias = f32({1, 1, 1, 2}, {-3.4028235e38f, -3.4028235e38f});
  HostTensor result = evaluate("attention %0, %1, %2 bias %3 scale 1.0", {q, k, v, bias}, "tensor<1x1x1x1xf32>");
  // In double -3.4e38 + 1 is -3.4e38 too.
  expectNear(result, {15});
}

TEST(InterpreterAttention, AQueryThatSeesNothingIsNan) {
  HostTensor q = f32({1, 2, 1, 1}, {1, 1}), k = f32({1, 1, 1, 1}, {1}), v = f32({1, 1, 1, 1}, {3});
  expectNear(evaluate("attention %0, %1, %2 scale 1.0 {causal}", {q, k, v}, "tensor<1x2x1x1xf32>"), {NAN, 3});
}

} // namespace
