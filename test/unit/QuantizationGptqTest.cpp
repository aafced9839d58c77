//===- QuantizationGptqTest.cpp - Tests of GPTQ --------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Gptq.h"
#include "lib/Support/Failure.h"

#include <gtest/gtest.h>
#include <random>

using namespace sinter;

namespace {

std::vector<int16_t> gptq(const WeightToRound &weight, llvm::ArrayRef<float> moments, const GptqOptions &options) {
  llvm::Expected<std::vector<int16_t>> codes = roundByGptq(weight, moments, options);
  EXPECT_TRUE(bool(codes)) << (codes ? "" : llvm::toString(codes.takeError()));
  return codes ? *codes : std::vector<int16_t>();
}

const GptqOptions asWritten = {/*damping=*/0, /*byDecreasingDiagonal=*/false, /*numThreads=*/1};

// Tests the example of the header, which was computed by hand.
TEST(Gptq, twoInputs) {
  float values[] = {0.4f, 0.4f}, scales[] = {1}, moments[] = {1, 0.9f, 0.9f, 1};
  WeightToRound weight{2, 1, values, 0, scales, {}, CodeRange::ofSigned(4)};
  EXPECT_EQ(roundToNearest(weight), (std::vector<int16_t>{0, 0}));
  EXPECT_NEAR(outputError(weight, {0, 0}, moments), 0.608, 1e-6);
  EXPECT_EQ(gptq(weight, moments, asWritten), (std::vector<int16_t>{0, 1}));
  EXPECT_NEAR(outputError(weight, {0, 1}, moments), 0.088, 1e-6);
}

// Tests that the row of the greatest second moment is rounded first: H = [[1, 1.5], [1.5, 4]], W = [0.4, 0.4]. Row 1 to
// 0, error 0.4; felt in row 0 by H[0][1] / H[0][0] = 1.5: 0.4 + 0.6 = 1. In the order of rows it is row 0 to 0, and
// 0.4 + 0.4 * 1.5 / 4 = 0.55 for row 1, which is 1.
TEST(Gptq, order) {
  float values[] = {0.4f, 0.4f}, scales[] = {1}, moments[] = {1, 1.5f, 1.5f, 4};
  WeightToRound weight{2, 1, values, 0, scales, {}, CodeRange::ofSigned(4)};
  EXPECT_EQ(gptq(weight, moments, {0, true, 1}), (std::vector<int16_t>{1, 0}));
  // [0, 1] costs 0.16 + 4 * 0.36 - 2 * 1.5 * 0.24 = 0.88 and the nearest [0, 0] 0.16 + 4 * 0.16 + 2 * 1.5 * 0.16
  // = 1.28.
  EXPECT_EQ(gptq(weight, moments, asWritten), (std::vector<int16_t>{0, 1}));
  EXPECT_NEAR(outputError(weight, {0, 1}, moments), 0.88, 1e-6);
}

// Tests scales per group and column, with zero points. Uncorrelated inputs have nothing to make good, so that codes are
// the nearest: rows 0 and 1 by the first scales, row 2 by the second.
TEST(Gptq, groupsWithZeroPoints) {
  float values[] = {1, -2, 2, 3, 0.6f, 9}, scales[] = {1, 2, 0.5f, 1}, moments[] = {1, 0, 0, 0, 2, 0, 0, 0, 3};
  int16_t zeros[] = {8, 7, 0, 8};
  WeightToRound weight{3, 2, values, 2, scales, zeros, CodeRange::ofUnsigned(4)};
  // 3 / 2 = 1.5 is 2 (even); 9 + 8 is clamped to 15.
  std::vector<int16_t> expected = {9, 6, 10, 9, 1, 15};
  EXPECT_EQ(roundToNearest(weight), expected);
  EXPECT_EQ(gptq(weight, moments, asWritten), expected);
  // Errors: row 1, column 1: 3 - 4; row 2: 0.6 - 0.5 and 9 - 7.
  EXPECT_NEAR(outputError(weight, expected, moments), 2 * 1 + 3 * 0.01 + 3 * 4, 1e-5);
}

// Tests that a row whose input is always 0 is rounded to nearest and disturbs nothing.
TEST(Gptq, deadInputs) {
  float values[] = {0.4f, 100, 0.4f}, scales[] = {1}, moments[] = {1, 0, 0.9f, 0, 0, 0, 0.9f, 0, 1};
  WeightToRound weight{3, 1, values, 0, scales, {}, CodeRange::ofSigned(8)};
  EXPECT_EQ(gptq(weight, moments, asWritten), (std::vector<int16_t>{0, 100, 1}));
  float none[9] = {};
  EXPECT_EQ(gptq(weight, none, GptqOptions()), (std::vector<int16_t>{0, 100, 0}));
}

struct Problem {
  int64_t rows, columns, group;
  std::vector<float> values, scales, moments;
  WeightToRound weight() const { return {rows, columns, values, group, scales, {}, CodeRange::ofSigned(4)}; }
};

/// Random weights, and inputs that are mixtures of a few.
Problem makeProblem(int64_t rows, int64_t columns, int64_t group, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Problem problem{rows, columns, group, {}, {}, std::vector<float>(rows * rows)};
  for (int64_t i = 0; i < rows * columns; ++i)
    problem.values.push_back(normal(random));
  int64_t length = group ? group : rows;
  for (int64_t first = 0; first < rows; first += length)
    for (int64_t j = 0; j < columns; ++j) {
      float largest = 0;
      for (int64_t i = first; i < std::min(first + length, rows); ++i)
        largest = std::max(largest, std::fabs(problem.values[i * columns + j]));
      problem.scales.push_back(largest / 7);
    }
  int64_t numCauses = rows / 3 + 1;
  std::vector<float> mixing(rows * numCauses);
  for (float &value : mixing)
    value = normal(random);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double sum = i == j ? 0.1 : 0;
      for (int64_t k = 0; k < numCauses; ++k)
        sum += mixing[i * numCauses + k] * mixing[j * numCauses + k];
      problem.moments[i * rows + j] = problem.moments[j * rows + i] = static_cast<float>(sum);
    }
  return problem;
}

/// GPTQ as its paper has it: the inverse of H, of which each step eliminates a row.
std::vector<int16_t> paperGptq(const Problem &problem, double damping) {
  int64_t size = problem.rows;
  double mean = 0;
  for (int64_t i = 0; i < size; ++i)
    mean += problem.moments[i * size + i] / static_cast<double>(size);
  std::vector<std::vector<double>> h(size, std::vector<double>(2 * size));
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j)
      h[i][j] = problem.moments[i * size + j];
    h[i][i] += damping * mean;
    h[i][size + i] = 1;
  }
  for (int64_t i = 0; i < size; ++i) { // Gauss and Jordan
    double pivot = h[i][i];
    for (double &value : h[i])
      value /= pivot;
    for (int64_t k = 0; k < size; ++k)
      if (double factor = h[k][i]; k != i)
        for (int64_t j = 0; j < 2 * size; ++j)
          h[k][j] -= factor * h[i][j];
  }
  std::vector<int16_t> codes(size * problem.columns);
  for (int64_t column = 0; column < problem.columns; ++column) {
    std::vector<std::vector<double>> inverse(size, std::vector<double>(size));
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < size; ++j)
        inverse[i][j] = h[i][size + j];
    std::vector<double> w(size);
    for (int64_t i = 0; i < size; ++i)
      w[i] = problem.values[i * problem.columns + column];
    for (int64_t i = 0; i < size; ++i) {
      float scale = problem.scales[(problem.group ? i / problem.group : 0) * problem.columns + column];
      double code = std::min(std::max(std::nearbyint(w[i] / scale), -8.0), 7.0);
      codes[i * problem.columns + column] = static_cast<int16_t>(code);
      double error = (w[i] - code * scale) / inverse[i][i];
      for (int64_t j = i + 1; j < size; ++j)
        w[j] -= error * inverse[i][j];
      for (int64_t j = size - 1; j > i; --j)
        for (int64_t k = size - 1; k > i; --k)
          inverse[j][k] -= inverse[j][i] * inverse[i][k] / inverse[i][i];
    }
  }
  return codes;
}

double columnError(const Problem &problem, const std::vector<int16_t> &codes, int64_t column) {
  Problem one{problem.rows, 1, problem.group, {}, {}, {}};
  std::vector<int16_t> own;
  for (int64_t i = 0; i < problem.rows; ++i) {
    one.values.push_back(problem.values[i * problem.columns + column]);
    own.push_back(codes[i * problem.columns + column]);
  }
  for (size_t g = 0; g < problem.scales.size() / problem.columns; ++g)
    one.scales.push_back(problem.scales[g * problem.columns + column]);
  return outputError(one.weight(), own, problem.moments);
}

// Tests that the codes are those of the paper's steps, which use the inverse of H, across blocks of rows and columns.
TEST(Gptq, sameAsThePaper) {
  for (auto [rows, columns, group] : {std::tuple<int64_t, int64_t, int64_t>(20, 5, 0), {150, 40, 32}, {129, 3, 64}}) {
    Problem problem = makeProblem(rows, columns, group, 1);
    std::vector<int16_t> expected = paperGptq(problem, 0.01), nearest = roundToNearest(problem.weight());
    std::vector<int16_t> actual = gptq(problem.weight(), problem.moments, {0.01, false, 2});
    int64_t numCompensated = 0;
    for (int64_t j = 0; j < columns; ++j) {
      // Where the nearest codes are better, they are taken.
      bool isBetter = columnError(problem, expected, j) <= columnError(problem, nearest, j);
      numCompensated += isBetter;
      for (int64_t i = 0; i < rows; ++i)
        ASSERT_EQ(actual[i * columns + j], (isBetter ? expected : nearest)[i * columns + j]) << i << " " << j;
    }
    EXPECT_GT(numCompensated, columns / 2);
  }
}

// Tests that the error is never above that of the nearest codes, and far below it where inputs are correlated.
TEST(Gptq, neverWorseThanNearest) {
  double sumNearest = 0, sum = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    Problem problem = makeProblem(5 + seed * 7, 1 + seed % 40, seed % 3 * 16, seed);
    std::vector<int16_t> codes = gptq(problem.weight(), problem.moments, GptqOptions());
    double error = outputError(problem.weight(), codes, problem.moments);
    double nearest = outputError(problem.weight(), roundToNearest(problem.weight()), problem.moments);
    EXPECT_LE(error, nearest * (1 + 1e-9)) << seed;
    sum += error;
    sumNearest += nearest;
  }
  EXPECT_LT(sum, 0.6 * sumNearest);
}

// Tests that threads change nothing.
TEST(Gptq, threads) {
  Problem problem = makeProblem(100, 200, 32, 3);
  EXPECT_EQ(gptq(problem.weight(), problem.moments, {0.01, true, 1}),
            gptq(problem.weight(), problem.moments, {0.01, true, 7}));
}

// Tests that what are no second moments is refused.
TEST(Gptq, refusals) {
  float values[] = {0.4f, 0.4f}, scales[] = {1};
  WeightToRound weight{2, 1, values, 0, scales, {}, CodeRange::ofSigned(4)};
  for (std::vector<float> moments : {std::vector<float>{1, NAN, NAN, 1}, {1, 5, 5, 1}, {INFINITY, 0, 0, 1}}) {
    llvm::Expected<std::vector<int16_t>> codes = roundByGptq(weight, moments);
    ASSERT_FALSE(bool(codes));
    Failure failure = takeFailure(codes.takeError());
    EXPECT_EQ(failure.status, ExitStatus::Unusable);
    EXPECT_NE(failure.message.find("second moments of activations are"), std::string::npos) << failure.message;
  }
  values[1] = NAN;
  float moments[] = {1, 0, 0, 1};
  EXPECT_FALSE(bool(llvm::expectedToOptional(roundByGptq(weight, moments))));
}

} // namespace
