//===- QuantizationCollectorTest.cpp - Tests of statistics of activations -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Collector.h"
#include "lib/Quantization/Rounding.h"
#include "lib/Support/Failure.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace sinter;

namespace {

Calibration collect(int64_t numChannels, const std::vector<std::vector<float>> &samples, bool moments = true) {
  Collector collector({{{"node"}, numChannels}}, moments);
  for (const std::vector<float> &sample : samples)
    EXPECT_FALSE(bool(collector.add(0, sample, "sample")));
  llvm::Expected<Calibration> calibration = collector.finish(int64_t(samples.size()));
  EXPECT_TRUE(bool(calibration));
  return std::move(*calibration);
}

double staticError(const std::vector<float> &values, const StaticRange &range) {
  ScaleAndZero parameters = chooseAffine(range.low, range.high, 8);
  double sum = 0;
  for (float value : values) {
    double code = quantizeValue(value, parameters, CodeRange::ofUnsigned(8));
    double difference = value - (code - parameters.zero) * parameters.scale;
    sum += difference * difference;
  }
  return sum / static_cast<double>(values.size());
}

// Tests the statistics of three rows that were computed by hand.
TEST(QuantizationCollector, smallByHand) {
  Calibration calibration = collect(2, {{1, 2, -3, 0}, {2, -1}});
  const ObservedTensor &tensor = *calibration.find("node");
  EXPECT_EQ(calibration.find("other"), nullptr);
  EXPECT_EQ(calibration.numSamples, 2);
  EXPECT_EQ(tensor.numRows, 3);
  EXPECT_EQ(tensor.numChannels, 2);
  EXPECT_EQ(tensor.minMax.low, -3);
  EXPECT_EQ(tensor.minMax.high, 2);
  EXPECT_DOUBLE_EQ(tensor.meanSquare, 19.0 / 6);
  EXPECT_EQ(tensor.channelMaximum.values, (llvm::ArrayRef<float>{3, 2}));
  EXPECT_EQ(tensor.channelMeanSquare.values[0], 14.0f / 3);
  EXPECT_EQ(tensor.channelMeanSquare.values[1], 5.0f / 3);
  // Sums of x x^T: [1 + 9 + 4, 2 + 0 - 2; ..., 4 + 0 + 1].
  EXPECT_EQ(tensor.secondMoments.values, (llvm::ArrayRef<float>{14.0f / 3, 0, 0, 5.0f / 3}));
  // Codes of 1 in the row (1, 2): 63.5 of 127 steps, so half a step of 2 / 127 is lost, and likewise for -1 in (2, -1);
  // the other values are ends of ranges, or 0.
  EXPECT_NEAR(tensor.dynamicError, 2 * std::pow(1.0 / 127, 2) / 6, 1e-9);
}

// Tests that errors and percentiles that come from counts are those of the values themselves.
TEST(QuantizationCollector, errorsOfManyValues) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0.2f, 1);
  std::vector<float> values(64 * 3000);
  for (float &value : values)
    value = normal(random);
  values[1234] = 40;
  values[99999] = -25;
  Calibration calibration = collect(64, {values}, false);
  const ObservedTensor &tensor = calibration.tensors[0];
  EXPECT_TRUE(tensor.secondMoments.empty());
  EXPECT_EQ(tensor.minMax.low, -25);
  EXPECT_EQ(tensor.minMax.high, 40);
  for (const StaticRange *range : {&tensor.minMax, &tensor.percentile, &tensor.leastSquares}) {
    double expected = staticError(values, *range);
    EXPECT_NEAR(range->error, expected, 0.01 * expected);
  }
  std::vector<float> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  // 192,000 values: 1.92 of them on either side.
  EXPECT_NEAR(tensor.percentile.low, sorted[1], 1e-3 * std::fabs(sorted[1]));
  EXPECT_NEAR(tensor.percentile.high, sorted[sorted.size() - 2], 1e-3 * sorted[sorted.size() - 2]);
  // Two outliers must not cost all others their precision.
  EXPECT_LT(tensor.leastSquares.error, 0.7 * tensor.minMax.error);
  EXPECT_LE(tensor.leastSquares.error, tensor.percentile.error);
  EXPECT_EQ(&tensor.bestStatic(), &tensor.leastSquares);

  double dynamic = 0;
  for (int64_t row = 0; row < 3000; ++row) {
    llvm::ArrayRef<float> own = llvm::ArrayRef<float>(values).slice(row * 64, 64);
    ScaleAndZero parameters = chooseSymmetric(own, 8);
    for (float value : own) {
      double difference = value - double(quantizeValue(value, parameters, CodeRange::ofSigned(8))) * parameters.scale;
      dynamic += difference * difference;
    }
  }
  EXPECT_NEAR(tensor.dynamicError, dynamic / double(values.size()), 1e-4 * tensor.dynamicError);
}

// Tests second moments over more rows than are summed at once, in pieces of any size.
TEST(QuantizationCollector, secondMoments) {
  const int64_t numChannels = 37, numRows = 700;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> values(numRows * numChannels);
  for (float &value : values)
    value = normal(random);
  std::vector<std::vector<float>> samples;
  for (int64_t row = 0, length = 1; row < numRows; row += length, length = length * 3 % 101) {
    int64_t end = std::min(row + length, numRows);
    samples.emplace_back(values.begin() + row * numChannels, values.begin() + end * numChannels);
  }
  Calibration calibration = collect(numChannels, samples);
  llvm::ArrayRef<float> moments = calibration.tensors[0].secondMoments.values;
  for (int64_t i = 0; i < numChannels; ++i)
    for (int64_t j = 0; j < numChannels; ++j) {
      double sum = 0;
      for (int64_t row = 0; row < numRows; ++row)
        sum += double(values[row * numChannels + i]) * values[row * numChannels + j];
      ASSERT_NEAR(moments[i * numChannels + j], sum / numRows, 1e-5) << i << " " << j;
      ASSERT_EQ(moments[i * numChannels + j], moments[j * numChannels + i]);
    }
}

// Tests tensors with nothing to quantize: zeros, and values of one sign.
TEST(QuantizationCollector, degenerate) {
  Calibration zeros = collect(2, {{0, -0.0f}});
  EXPECT_EQ(zeros.tensors[0].minMax.error, 0);
  EXPECT_EQ(zeros.tensors[0].dynamicError, 0);
  EXPECT_EQ(zeros.tensors[0].bestStatic().high, 0);
  Calibration positive = collect(1, {{5, 5, 7}});
  EXPECT_EQ(positive.tensors[0].minMax.low, 5);
  EXPECT_LT(positive.tensors[0].minMax.error, std::pow(7.0 / 255, 2));
}

// Tests that of values of one sign the best range is none that ends before it begins: its scale would be 0, and 1 a
// whole number of steps.
TEST(QuantizationCollector, rangesOfOneSign) {
  for (float sign : {1.0f, -1.0f}) {
    std::vector<float> values{10 * sign, sign, sign, sign};
    Calibration calibration = collect(4, {values});
    const StaticRange &range = calibration.find("node")->leastSquares;
    EXPECT_LE(range.low, range.high);
    EXPECT_GE(std::max(std::fabs(range.low), std::fabs(range.high)), 9);
    EXPECT_NEAR(range.error, staticError(values, range), 1e-4);
  }
}

// Tests that infinity and NaN are refused by the node and the sample.
TEST(QuantizationCollector, notFinite) {
  for (auto [value, word] : {std::pair(NAN, "NaN"), {-INFINITY, "infinity"}}) {
    Collector collector({{{"/layer.3/MatMul"}, 3}}, false);
    Failure failure = takeFailure(collector.add(0, {1, 2, 3, 4, 5, value}, "17.npz"));
    EXPECT_EQ(failure.status, ExitStatus::Unusable);
    EXPECT_EQ(failure.message, "calibration: sample '17.npz' gives " + std::string(word) +
                                   " in what node '/layer.3/MatMul' reads (row 1, channel 2)");
  }
  Collector collector({{{"/layer.3/MatMul"}, 3}}, false);
  EXPECT_NE(takeFailure(collector.finish(0).takeError()).message.find("give no row to node '/layer.3/MatMul'"),
            std::string::npos);
}

} // namespace
