//===- QuantizationRoundingTest.cpp - Tests of scales and codes ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/BlockProducts.h"
#include "lib/Quantization/Rounding.h"

#include <gtest/gtest.h>
#include <random>

using namespace sinter;

namespace {

// Tests that halves round to even codes, that codes are clamped, and that 0 and NaN as a scale give the zero point.
TEST(QuantizationRounding, codes) {
  CodeRange bytes = CodeRange::ofSigned(8), nibbles = CodeRange::ofUnsigned(4);
  EXPECT_EQ(quantizeValue(1.25f, {0.5f, 0}, bytes), 2);
  EXPECT_EQ(quantizeValue(1.75f, {0.5f, 0}, bytes), 4);
  EXPECT_EQ(quantizeValue(-1.25f, {0.5f, 0}, bytes), -2);
  EXPECT_EQ(quantizeValue(1e30f, {0.5f, 0}, bytes), 127);
  EXPECT_EQ(quantizeValue(-INFINITY, {0.5f, 0}, bytes), -128);
  EXPECT_EQ(quantizeValue(100, {0.5f, 3}, nibbles), 15);
  EXPECT_EQ(quantizeValue(-100, {0.5f, 3}, nibbles), 0);
  EXPECT_EQ(quantizeValue(1, {0, 3}, nibbles), 3);
  EXPECT_EQ(quantizeValue(NAN, {1, 3}, nibbles), 3);
  EXPECT_EQ(quantizeValue(1, {NAN, 3}, nibbles), 3);
  EXPECT_EQ(dequantizeValue(5, {0.5f, 3}), 1.0f);
}

// Tests scales of given ranges: 127 and 7 steps to the largest magnitude, or 2^bits - 1 from the least value to the
// greatest, with 0 among the codes.
TEST(QuantizationRounding, scales) {
  EXPECT_EQ(chooseSymmetric({-2.54f, 1}, 8).scale, 2.54f / 127);
  EXPECT_EQ(chooseSymmetric({-7, 1}, 4).scale, 1);
  EXPECT_EQ(chooseSymmetric({0, 0}, 4).scale, 0);
  ScaleAndZero affine = chooseAffine(-1.0f, 2.0f, 4); // 3 / 15
  EXPECT_EQ(affine.scale, 0.2f);
  EXPECT_EQ(affine.zero, 5);
  // A range that does not hold 0 is widened to it.
  EXPECT_EQ(chooseAffine(1, 3, 4).scale, 0.2f);
  EXPECT_EQ(chooseAffine(1, 3, 4).zero, 0);
  EXPECT_EQ(chooseAffine(-3, -1, 4).zero, 15);
  EXPECT_EQ(chooseAffine(0, 0, 8).scale, 0);
  EXPECT_FALSE(std::isinf(chooseAffine(-3e38f, 3e38f, 4).scale));
}

template <typename T> void checkProduct(int64_t m, int64_t n, int64_t depth) {
  std::mt19937 random(7);
  std::uniform_real_distribution<T> uniform(-1, 1);
  std::vector<T> a(m * depth), b(depth * n);
  for (std::vector<T> *matrix : {&a, &b})
    for (T &value : *matrix)
      value = uniform(random);
  std::vector<double> c(m * n, 0.5);
  // a is given by columns.
  addProduct(c.data(), n, StridedMatrix<T>{a.data(), 1, m}, StridedMatrix<T>{b.data(), n}, m, n, depth);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      T sum = 0;
      for (int64_t k = 0; k < depth; ++k) {
        volatile T product = a[k * m + i] * b[k * n + j]; // rounded apart from the addition
        sum += product;
      }
      ASSERT_EQ(c[i * n + j], 0.5 + sum) << i << " " << j;
    }
}

// Tests that block products are the sums of a plain loop, to the bit, also where nothing fills a block.
TEST(QuantizationBlockProducts, equalPlainLoops) {
  checkProduct<float>(4, 32, 10);
  checkProduct<float>(7, 77, 33);
  checkProduct<double>(9, 45, 20);
  checkProduct<double>(1, 1, 1);
}

} // namespace
