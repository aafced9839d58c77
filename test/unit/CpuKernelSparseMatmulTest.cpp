//===- CpuKernelSparseMatmulTest.cpp - Products with block-sparse weights -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"

#include "targets/cpu/Kernels/SparseMatmul.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <optional>

using namespace sinter;
using namespace sinter::cpu;
using Elements = SparseShape::Elements;

namespace {

struct Case {
  int64_t n, k;
  /// How many of a hundred blocks are not zero.
  unsigned density;
  bool bias, residual, transposed;
  unsigned extras;
};

// Odd sizes, segments of K, strips without blocks, nothing but zeros.
const Case cases[] = {
    {16, 16, 100, false, false, false, 0}, {48, 64, 50, true, false, true, 0},    {1, 1, 100, true, true, false, 1},
    {5, 7, 100, false, false, true, 2},    {17, 33, 40, true, true, false, 0},    {50, 386, 0, true, false, false, 0},
    {144, 800, 20, true, true, true, 2},   {63, 1155, 30, false, true, false, 1}, {130, 2051, 10, true, false, true, 0},
    {200, 96, 3, false, false, false, 0},
};

mlir::Value testEpilogue(KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value> extras) {
  for (mlir::Value extra : extras)
    x = k.mulf(x, extra);
  return k.mulf(x, k.splat(3.0));
}

/// By the formula of ByteQuantizer.h, around 131.
int quantized(float x, float scale, bool divides) {
  float reciprocal = 1.0f / scale, scaled = divides ? x / scale : x * reciprocal;
  return int(std::clamp(std::nearbyint(scaled) + 131.0f, 0.0f, 255.0f));
}

/// Sets blocks to zero, so that strip 1 has none at all.
template <typename T> void dropBlocks(const Case &shape, TestVector<T> &plain, std::mt19937 &random) {
  std::vector<bool> keep;
  for (int64_t i = 0; i < (shape.k + 15) / 16 * ((shape.n + 15) / 16); ++i)
    keep.push_back(random() % 100 < shape.density);
  for (int64_t row = 0; row < shape.k; ++row)
    for (int64_t column = 0; column < shape.n; ++column)
      if (!keep[row / 16 * ((shape.n + 15) / 16) + column / 16] || (column / 16 == 1 && shape.density < 100))
        plain[row * shape.n + column] = 0;
}

template <typename T> TestVector<T> transpose(const Case &shape, const TestVector<T> &plain) {
  TestVector<T> result(plain.size());
  for (int64_t row = 0; row < shape.k; ++row)
    for (int64_t column = 0; column < shape.n; ++column)
      result[column * shape.k + row] = plain[row * shape.n + column];
  return result;
}

template <typename T> TestVector<char> pack(const Case &shape, Elements elements, const TestVector<T> &plain) {
  SparseShape sparse{elements, shape.n, shape.k};
  TestVector<T> source = shape.transposed ? transpose(shape, plain) : plain;
  int64_t blocks = countBlocks(sparse, source.data(), shape.transposed);
  TestVector<char> packed(sparse.numBytes(blocks), 99);
  EXPECT_TRUE(packSparseWeights(sparse, source.data(), shape.transposed, blocks, packed.data()));
  return packed;
}

SparseMatmulSpec makeSpec(const Case &shape, Elements elements) {
  SparseMatmulSpec spec;
  spec.elements = elements;
  spec.n = shape.n;
  spec.k = shape.k;
  spec.hasBias = shape.bias;
  spec.hasResidual = shape.residual;
  for (unsigned i = 0; i < shape.extras; ++i)
    spec.extras.push_back({i % 2 ? shape.n : 0});
  spec.epilogue = testEpilogue;
  return spec;
}

class Problem {
public:
  Problem(const Case &shape, int64_t m)
      : shape(shape), m(m), bias(randomFloats(shape.n, 3)), residual(randomFloats(m * shape.n, 4)),
        perColumn(randomFloats(shape.n, 5)), tensor(randomFloats(m * shape.n, 6)), c(m * shape.n, 12345.0f) {}

  std::vector<int64_t> words(const void *a, const void *b) {
    return {word(a),
            word(b),
            word(bias.data()),
            word(c.data()),
            word(residual.data()),
            m,
            word(zero.data()),
            word(rowScale.data()),
            word(columnScale.data()),
            word(outputScale.data()),
            word(zero.data()),
            word(perColumn.data()),
            word(tensor.data())};
  }
  /// The multiplications behind bias and residual, in double.
  double epilogue(double x, int64_t i, int64_t j) const {
    for (unsigned e = 0; e < shape.extras; ++e)
      x *= e % 2 ? tensor[i * shape.n + j] : perColumn[j];
    return 3 * x;
  }

  Case shape;
  int64_t m;
  TestVector<float> bias, residual, perColumn, tensor, rowScale, columnScale, outputScale;
  TestVector<uint8_t> zero;
  GuardedBuffer c;
};

} // namespace

// Tests that f32 products equal sums in double, and that what a row's bits are depends neither on the other rows nor on
// how the tasks are called.
TEST(CpuKernelSparseMatmul, FloatsMatchDouble) {
  for (const Isa *isa : runnableIsas())
    for (const Case &shape : cases) {
      std::mt19937 random(7);
      TestVector<float> plain = randomFloats(shape.k * shape.n, 2);
      dropBlocks(shape, plain, random);
      TestVector<char> packed = pack(shape, Elements::F32, plain);
      SparseMatmulSpec spec = makeSpec(shape, Elements::F32);
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildSparseMatmul(k, name, spec); });
      TestVector<float> single;
      for (int64_t m : {1, 5, 25, 34, 97}) {
        TestVector<float> a = randomFloats(m * shape.k, 1);
        Problem problem(shape, m);
        auto run = [&](bool apart) {
          ASSERT_EQ(kernel.runAll(problem.words(a.data(), packed.data()), *spec.numTasks(m).constant(),
                                  spec.scratchBytes(), apart),
                    0);
          ASSERT_TRUE(problem.c.isGuardWhole());
        };
        std::string what =
            (isa->name + " n " + llvm::Twine(shape.n) + " k " + llvm::Twine(shape.k) + " m " + llvm::Twine(m)).str();
        run(false);
        TestVector<float> together = problem.c.values();
        run(true);
        ASSERT_TRUE(sameBits(problem.c.values(), together)) << what;
        if (!shape.residual && shape.extras < 2) {
          TestVector<float> row(together.begin(), together.begin() + shape.n);
          if (m > 1)
            ASSERT_TRUE(sameBits(row, single)) << what;
          single = row;
        }
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < shape.n; ++j) {
            double sum = 0, magnitude = 1;
            for (int64_t kk = 0; kk < shape.k; ++kk) {
              sum += double(a[i * shape.k + kk]) * plain[kk * shape.n + j];
              magnitude += std::fabs(a[i * shape.k + kk] * plain[kk * shape.n + j]);
            }
            sum += (shape.bias ? problem.bias[j] : 0.0) + (shape.residual ? problem.residual[i * shape.n + j] : 0.0);
            double tolerance = std::fabs(problem.epilogue(1, i, j)) * magnitude * 1e-6 + 1e-9;
            ASSERT_NEAR(together[i * shape.n + j], problem.epilogue(sum, i, j), tolerance) << what;
          }
      }
    }
}

// Tests that every variant gives the bits of exact sums of bytes and of the f32 operations in their order, and the
// bytes that these are rounded to.
TEST(CpuKernelSparseMatmul, BytesAreExactInEveryVariant) {
  for (const Isa *isa : runnableIsas())
    for (const Case &shape : cases)
      for (bool extreme : {false, true}) {
        std::mt19937 random(9);
        TestVector<int8_t> plain(shape.k * shape.n);
        for (int8_t &x : plain)
          x = extreme ? (random() % 2 ? 127 : -128) : int8_t(random());
        dropBlocks(shape, plain, random);
        TestVector<char> packed = pack(shape, Elements::Bytes, plain);
        SparseMatmulSpec spec = makeSpec(shape, Elements::Bytes);
        spec.hasRowScales = !extreme;
        spec.aRowStride = (shape.k + 3) / 4 * 4;
        LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildSparseMatmul(k, name, spec); });
        SparseMatmulSpec inBytes = spec;
        inBytes.bytesOutput = BytesOutput{/*divides=*/extreme};
        inBytes.cRowStride = shape.n + 3;
        // The others differ in what comes before.
        std::optional<LoadedKernel> bytesKernel;
        if (shape.k < 100)
          bytesKernel.emplace(*isa,
                              [&](KernelBuilder &k, llvm::StringRef name) { buildSparseMatmul(k, name, inBytes); });
        for (int64_t m : {1, 3, 26, 97}) {
          Problem problem(shape, m);
          problem.rowScale = randomFloats(m, 11);
          problem.columnScale = randomFloats(shape.n, 12);
          problem.zero = TestVector<uint8_t>(1, 131);
          TestVector<uint8_t> a(m * spec.aRowStride);
          for (uint8_t &x : a)
            x = extreme ? 255 : uint8_t(random());
          ASSERT_EQ(kernel.runAll(problem.words(a.data(), packed.data()), *spec.numTasks(m).constant(),
                                  spec.scratchBytes(), /*apart=*/m % 2),
                    0);
          ASSERT_TRUE(problem.c.isGuardWhole());
          TestVector<float> expected;
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < shape.n; ++j) {
              int64_t sum = 0;
              for (int64_t kk = 0; kk < shape.k; ++kk)
                sum += (int64_t(a[i * spec.aRowStride + kk]) - 131) * plain[kk * shape.n + j];
              // Volatile, so that no multiplication and addition become one.
              volatile float x = float(int32_t(sum)) * problem.columnScale[j];
              x = x * problem.rowScale[spec.hasRowScales ? i : 0];
              if (shape.bias)
                x = x + problem.bias[j];
              if (shape.residual)
                x = x + problem.residual[i * shape.n + j];
              for (unsigned e = 0; e < shape.extras; ++e)
                x = x * (e % 2 ? problem.tensor[i * shape.n + j] : problem.perColumn[j]);
              expected.push_back(x * 3.0f);
            }
          std::string what = (isa->name + " n " + llvm::Twine(shape.n) + " k " + llvm::Twine(shape.k) + " m " +
                              llvm::Twine(m) + " extreme " + llvm::Twine(extreme))
                                 .str();
          ASSERT_TRUE(sameBits(problem.c.values(), expected)) << what;

          if (!bytesKernel)
            continue;
          problem.outputScale = TestVector<float>(1, extreme ? 777.0f : 12.3f);
          TestVector<uint8_t> c(m * inBytes.cRowStride, 77);
          std::vector<int64_t> words = problem.words(a.data(), packed.data());
          words[SparseMatmulSpec::C] = word(c.data());
          ASSERT_EQ(bytesKernel->runAll(words, *spec.numTasks(m).constant(), spec.scratchBytes(), /*apart=*/m % 2), 0);
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < inBytes.cRowStride; ++j) {
              int wanted = j < shape.n ? quantized(expected[i * shape.n + j], problem.outputScale[0], extreme) : 77;
              ASSERT_EQ(int(c[i * inBytes.cRowStride + j]), wanted) << what << " at " << i << ", " << j;
            }
        }
      }
}

// Tests the layout that SparseMatmul.h describes, by its example with one element in each stored block.
TEST(CpuKernelSparseMatmul, PacksTheExampleOfItsDescription) {
  SparseShape shape{Elements::Bytes, 32, 48};
  std::vector<int8_t> plain(48 * 32);
  plain[0 * 32 + 0] = 1;
  plain[33 * 32 + 2] = 2;
  plain[20 * 32 + 31] = -3;
  ASSERT_EQ(countBlocks(shape, plain.data(), false), 3);
  ASSERT_EQ(shape.numBytes(3), 192 + 3 * 256);
  std::vector<int32_t> packed(shape.numBytes(3) / 4);
  auto *bytes = reinterpret_cast<char *>(packed.data());
  ASSERT_TRUE(packSparseWeights(shape, plain.data(), false, 3, bytes));
  EXPECT_EQ(std::vector<int32_t>(packed.begin(), packed.begin() + 3), (std::vector<int32_t>{0, 2, 3}));
  EXPECT_EQ(packed[3 + 0], 1);
  EXPECT_EQ(packed[3 + 2], 2);
  EXPECT_EQ(packed[3 + 31], -3);
  EXPECT_EQ(std::vector<int32_t>(packed.begin() + 35, packed.begin() + 38), (std::vector<int32_t>{0, 2, 1}));
  EXPECT_EQ(bytes[192], 1);
  EXPECT_EQ(bytes[192 + 256 + 2 * 4 + 1], 2);
  EXPECT_EQ(bytes[192 + 512 + (1 * 16 + 15) * 4 + 0], -3);
  EXPECT_FALSE(packSparseWeights(shape, plain.data(), false, 2, bytes));
  // Two more than there are.
  std::vector<int32_t> longer(shape.numBytes(5) / 4, -1);
  ASSERT_TRUE(packSparseWeights(shape, plain.data(), false, 5, reinterpret_cast<char *>(longer.data())));
  EXPECT_EQ(std::vector<int32_t>(longer.begin(), longer.begin() + 3), (std::vector<int32_t>{0, 2, 5}));
  EXPECT_EQ(std::vector<int32_t>(longer.end() - 128, longer.end()), std::vector<int32_t>(128, 0));
}
