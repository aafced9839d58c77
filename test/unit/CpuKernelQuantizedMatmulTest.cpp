//===- CpuKernelQuantizedMatmulTest.cpp - Products of bytes, exactly ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"

#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/RowKernels.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>

using namespace sinter;
using namespace sinter::cpu;

namespace {

struct Shape {
  int64_t n, k;
  bool bias, residual, rowScales, epilogue;

  PackedBytesShape packed() const { return {n, k}; }
};

class Problem {
public:
  Problem(const Shape &shape, int64_t m, bool extreme)
      : shape(shape), m(m), rowStride((shape.k + 3) / 4 * 4), a(m * rowStride), b(shape.packed().numBytes()),
        start(shape.n), rowScale(randomFloats(m, 1)), columnScale(randomFloats(shape.n, 2)),
        bias(randomFloats(shape.n, 3)), residual(randomFloats(m * shape.n, 4)), c(m * shape.n, 12345.0f) {
    std::mt19937 random(5);
    std::vector<int8_t> plain(shape.n * shape.k);
    // Extreme bytes are those that overflow where products are summed in 16 bits.
    for (int8_t &x : plain)
      x = extreme ? (random() % 2 ? 127 : -128) : int8_t(random());
    for (uint8_t &x : a)
      x = extreme ? 255 : uint8_t(random());
    packQuantizedWeights(shape.packed(), plain.data(), false, b.data());
    for (int64_t j = 0; j < shape.n; ++j)
      start[j] = int32_t(random() % 100000) - 50000;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < shape.n; ++j) {
        int64_t sum = start[j];
        for (int64_t kk = 0; kk < shape.k; ++kk)
          sum += int64_t(a[i * rowStride + kk]) * plain[kk * shape.n + j];
        // The order of the f32 operations is part of the kernel's contract.
        // Volatile, so that no multiplication and addition become one.
        volatile float x = rowScale[shape.rowScales ? i : 0] * columnScale[j];
        x = float(int32_t(sum)) * x;
        if (shape.bias)
          x = x + bias[j];
        if (shape.residual)
          x = x + residual[i * shape.n + j];
        if (shape.epilogue)
          x = x * 3.0f;
        expected.push_back(float(x));
      }
  }
  QuantizedMatmulSpec spec() const {
    QuantizedMatmulSpec spec;
    spec.n = shape.n;
    spec.k = shape.k;
    spec.aRowStride = rowStride;
    spec.hasBias = shape.bias;
    spec.hasResidual = shape.residual;
    spec.hasRowScales = shape.rowScales;
    if (shape.epilogue)
      spec.epilogue = [](KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value>) {
        return k.mulf(x, k.splat(3.0));
      };
    return spec;
  }
  std::vector<int64_t> words() {
    return {word(a.data()),        word(b.data()),           word(start.data()),
            word(rowScale.data()), word(columnScale.data()), word(bias.data()),
            word(c.data()),        word(residual.data()),    m};
  }

  Shape shape;
  int64_t m, rowStride;
  TestVector<uint8_t> a;
  TestVector<int8_t> b;
  TestVector<int32_t> start;
  TestVector<float> rowScale, columnScale, bias, residual;
  GuardedBuffer c;
  TestVector<float> expected;
};

} // namespace

// Tests that every variant gives the bits of sums in 64-bit integers and of the f32 operations in their order, for
// ragged shapes and for the bytes that overflow in 16 bits.
TEST(CpuKernelQuantizedMatmul, IsExactInEveryVariant) {
  const Shape shapes[] = {{48, 16, false, false, true, false}, {96, 384, true, false, true, true},
                          {1, 1, true, true, false, false},    {5, 7, false, true, true, false},
                          {17, 33, true, true, true, true},    {50, 386, true, false, false, false},
                          {144, 800, true, true, true, false}, {63, 1155, false, false, true, true}};
  for (const Isa *isa : runnableIsas())
    for (const Shape &shape : shapes) {
      QuantizedMatmulSpec spec = Problem(shape, 1, false).spec();
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildQuantizedMatmul(k, name, spec); });
      for (bool extreme : {false, true})
        for (int64_t m : {1, 2, 3, 4, 5, 7, 8, 9, 17, 64, 65}) {
          Problem problem(shape, m, extreme);
          ASSERT_EQ(kernel.runAll(problem.words(), *spec.numTasks(m).constant(), 0, /*apart=*/m % 2), 0);
          ASSERT_TRUE(problem.c.isGuardWhole());
          ASSERT_TRUE(sameBits(problem.c.values(), problem.expected))
              << isa->name.str() << " n " << shape.n << " k " << shape.k << " m " << m;
        }
    }
}

// Tests that rows become the bytes and scales of the formula in every variant, with zeros, ties, NaN and infinity among
// them.
TEST(CpuKernelQuantizedMatmul, RowsAreQuantizedByTheFormula) {
  for (const Isa *isa : runnableIsas())
    for (int64_t length : {1, 5, 16, 37, 384, 1536}) {
      QuantizeRowsSpec spec;
      spec.length = length;
      spec.yRowStride = (length + 3) / 4 * 4 + 4;
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildQuantizeRows(k, name, spec); });
      int64_t m = 7;
      TestVector<float> x = randomFloats(m * length, 8, 3.0f), scales(m);
      std::fill(x.begin(), x.begin() + length, 0.0f);
      for (int64_t i = 0; i < length; ++i)
        x[length + i] = i % 2 ? 127.0f : 0.5f * (i % 7); // factor 1 where a 127 is there: halves are ties
      x[3 * length - 1] = NAN;
      x[4 * length - 1] = -INFINITY;
      TestVector<uint8_t> y(m * spec.yRowStride, 77);
      std::vector<int64_t> words{word(x.data()), word(y.data()), word(scales.data()), m};
      ASSERT_EQ(kernel.runAll(words, *spec.numTasks(m).constant(), 0), 0);
      for (int64_t row = 0; row < m; ++row) {
        float greatest = 0;
        bool hasNan = false;
        for (int64_t i = 0; i < length; ++i) {
          greatest = std::max(greatest, std::fabs(x[row * length + i]));
          hasNan |= std::isnan(x[row * length + i]);
        }
        std::string what = (isa->name + " length " + llvm::Twine(length) + " row " + llvm::Twine(row)).str();
        if (hasNan) {
          EXPECT_TRUE(std::isnan(scales[row])) << what;
          continue;
        }
        EXPECT_EQ(scales[row], greatest / 127.0f) << what;
        for (int64_t i = 0; i < spec.yRowStride; ++i) {
          int expected = 77;
          if (i < length) {
            float scaled = greatest > 0 ? x[row * length + i] * (127.0f / greatest) : 0.0f;
            expected = std::isnan(scaled) ? 1 : 128 + int(std::nearbyint(std::clamp(scaled, -127.0f, 127.0f)));
          }
          ASSERT_EQ(int(y[row * spec.yRowStride + i]), expected) << what << " at " << i;
        }
      }
    }
}
