//===- CpuKernelMatmulTest.cpp - Matrix products against double precision -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"

#include "targets/cpu/Kernels/Matmul.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace sinter;
using namespace sinter::cpu;

namespace {

int64_t evaluate(const SizeExpr &e) { return *e.constant(); }

struct Shape {
  int64_t n, k;
  bool bias, residual;
  unsigned extras;
};

// Multiplies by the first extra operand and adds the second; doubles where there is none.
mlir::Value testEpilogue(KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value> extras) {
  if (extras.empty())
    return k.mulf(x, k.splat(2.0));
  x = k.mulf(x, extras[0]);
  return extras.size() > 1 ? k.addf(x, extras[1]) : x;
}

class Problem {
public:
  Problem(const Shape &shape, int64_t m, bool epilogue)
      : shape(shape), m(m), a(randomFloats(m * shape.k, 1)), b(shape.n * shape.k), bias(randomFloats(shape.n, 3)),
        residual(randomFloats(m * shape.n, 4)), perColumn(randomFloats(shape.n, 5)),
        tensor(randomFloats(m * shape.n, 6)), c(m * shape.n, 12345.0f), epilogue(epilogue) {
    TestVector<float> plain = randomFloats(shape.n * shape.k, 2);
    PackedShape packed{shape.n, shape.k};
    b = GuardedBuffer(packed.numElements());
    packMatmulWeights(packed, plain.data(), false, b.data());
    std::vector<double> sums(shape.n);
    for (int64_t i = 0; i < m; ++i) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t kk = 0; kk < shape.k; ++kk)
        for (int64_t j = 0; j < shape.n; ++j)
          sums[j] += double(a[i * shape.k + kk]) * plain[kk * shape.n + j];
      for (int64_t j = 0; j < shape.n; ++j) {
        double x = sums[j] + (shape.bias ? bias[j] : 0.0) + (shape.residual ? residual[i * shape.n + j] : 0.0);
        if (epilogue && !shape.extras)
          x *= 2;
        if (epilogue && shape.extras >= 1)
          x *= perColumn[j];
        if (epilogue && shape.extras >= 2)
          x += tensor[i * shape.n + j];
        expected.push_back(x);
      }
    }
  }
  MatmulSpec spec() const {
    MatmulSpec spec;
    spec.n = shape.n;
    spec.k = shape.k;
    spec.hasBias = shape.bias;
    spec.hasResidual = shape.residual;
    if (shape.extras >= 1)
      spec.extras.push_back({0});
    if (shape.extras >= 2)
      spec.extras.push_back({shape.n});
    if (epilogue)
      spec.epilogue = testEpilogue;
    return spec;
  }
  std::vector<int64_t> words(int64_t rows, int64_t firstRow = 0) {
    return {word(a.data() + firstRow * shape.k),
            word(b.data()),
            word(bias.data()),
            word(c.data() + firstRow * shape.n),
            word(residual.data() + firstRow * shape.n),
            rows,
            0,
            0,
            word(perColumn.data()),
            word(tensor.data() + firstRow * shape.n)};
  }
  void check(const std::string &what) {
    ASSERT_TRUE(c.isGuardWhole()) << what;
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(c[i], expected[i], 2e-6 * shape.k + 1e-5) << what << " at " << i / shape.n << ", " << i % shape.n;
  }

  Shape shape;
  int64_t m;
  GuardedBuffer a, b, bias, residual, perColumn, tensor, c;
  bool epilogue;
  std::vector<double> expected;
};

const Shape shapes[] = {{48, 16, false, false, 0}, {96, 384, true, false, 0},   {1, 1, true, true, 0},
                        {5, 7, false, true, 1},    {17, 33, true, true, 2},     {50, 385, true, false, 2},
                        {144, 800, true, true, 0}, {63, 1155, false, false, 1}, {192, 2, true, false, 0}};

// Tests that every shape, ragged or not, agrees with sums in double precision for all numbers of rows.
TEST(CpuKernelMatmul, AgreesWithDoublePrecision) {
  for (const Isa *isa : runnableIsas())
    for (const Shape &shape : shapes)
      for (bool epilogue : {false, true}) {
        MatmulSpec spec = Problem(shape, 1, epilogue).spec();
        LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildMatmul(k, name, spec); });
        for (int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 63, 64, 65, 130}) {
          Problem problem(shape, m, epilogue);
          int64_t tasks = evaluate(spec.numTasks(m));
          ASSERT_EQ(kernel.runAll(problem.words(m), tasks, spec.scratchBytes()), 0);
          problem.check(
              (isa->name + " n " + llvm::Twine(shape.n) + " k " + llvm::Twine(shape.k) + " m " + llvm::Twine(m)).str());
          if (HasFatalFailure())
            return;
        }
      }
}

// Tests that a row's bits are the same alone, in a batch, and with each task run apart.
TEST(CpuKernelMatmul, BitsDependOnTheRowAlone) {
  for (const Isa *isa : runnableIsas()) {
    Shape shape{147, 801, true, true, 2};
    int64_t m = 77;
    Problem together(shape, m, true), apart(shape, m, true), alone(shape, m, true);
    MatmulSpec spec = together.spec();
    LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildMatmul(k, name, spec); });
    kernel.runAll(together.words(m), evaluate(spec.numTasks(m)), 0);
    kernel.runAll(apart.words(m), evaluate(spec.numTasks(m)), 0, /*apart=*/true);
    for (int64_t row = 0; row < m; ++row)
      kernel.runAll(alone.words(1, row), evaluate(spec.numTasks(1)), 0);
    EXPECT_TRUE(sameBits(together.c.values(), apart.c.values())) << isa->name.str();
    EXPECT_TRUE(sameBits(together.c.values(), alone.c.values())) << isa->name.str();
  }
}

// Tests that rows may lie apart, and that what is between them is left alone.
TEST(CpuKernelMatmul, StridedRows) {
  for (const Isa *isa : runnableIsas()) {
    int64_t m = 11, n = 50, k = 9;
    MatmulSpec spec;
    spec.n = n;
    spec.k = k;
    spec.aRowStride = 13;
    spec.cRowStride = 60;
    TestVector<float> a = randomFloats(m * 13, 1), plain = randomFloats(n * k, 2),
                      packed(spec.packedShape().numElements());
    packMatmulWeights(spec.packedShape(), plain.data(), /*transposed=*/true, packed.data());
    GuardedBuffer c(m * 60, -7.0f);
    LoadedKernel kernel(*isa, [&](KernelBuilder &b, llvm::StringRef name) { buildMatmul(b, name, spec); });
    kernel.runAll({word(a.data()), word(packed.data()), 0, word(c.data()), 0, m}, evaluate(spec.numTasks(m)), 0);
    EXPECT_TRUE(c.isGuardWhole());
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < 60; ++j) {
        double expected = j < n ? 0.0 : -7.0;
        for (int64_t kk = 0; kk < k && j < n; ++kk)
          expected += double(a[i * 13 + kk]) * plain[j * k + kk];
        EXPECT_NEAR(c[i * 60 + j], expected, 1e-5);
      }
  }
}

struct Batched {
  int64_t m, n, k;
  bool aTransposed, bTransposed, bStrided;
};

// Tests products of two computed matrices: all orders of both, broadcast batches, ragged sizes, and no K at all.
TEST(CpuKernelMatmul, BatchedOfAnyStrides) {
  const Batched sizes[] = {{1, 1, 1, false, false, false},    {16, 48, 32, false, false, false},
                           {9, 96, 300, false, false, false}, {70, 50, 600, false, false, false},
                           {13, 17, 5, true, false, false},   {130, 100, 77, false, true, false},
                           {3, 49, 513, true, true, false},   {20, 61, 40, false, false, true},
                           {5, 6, 0, false, false, false},    {12, 144, 257, false, false, false}};
  for (const Isa *isa : runnableIsas())
    for (bool extras : {false, true}) {
      BatchedMatmulSpec spec;
      spec.numBatchDims = 2;
      spec.hasBias = extras;
      if (extras)
        spec.epilogue = testEpilogue;
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildBatchedMatmul(k, name, spec); });
      for (const Batched &size : sizes) {
        // The batch is 2 x 3; A has no second dimension, B no first.
        int64_t m = size.m, n = size.n, k = size.k, spread = size.bStrided ? 2 : 1;
        GuardedBuffer a(randomFloats(2 * m * k, 1)), b(randomFloats(3 * k * n * spread, 2)), bias(randomFloats(n, 3)),
            c(6 * m * n, 99.0f);
        int64_t aRow = size.aTransposed ? 1 : k, aColumn = size.aTransposed ? m : 1;
        int64_t bRow = size.bTransposed ? 1 : n * spread, bColumn = size.bTransposed ? k : spread;
        std::vector<int64_t> words = {word(a.data()),
                                      word(b.data()),
                                      word(bias.data()),
                                      word(c.data()),
                                      m,
                                      n,
                                      k,
                                      aRow,
                                      aColumn,
                                      bRow,
                                      bColumn,
                                      n,
                                      2,
                                      m * k,
                                      0,
                                      3 * m * n,
                                      3,
                                      0,
                                      k * n * spread,
                                      m * n};
        ASSERT_EQ(words.size(), spec.numWords());
        int64_t tasks = evaluate(spec.numTasks(6, m, n));
        ASSERT_EQ(kernel.runAll(words, tasks, spec.scratchBytes(), /*apart=*/m == 13), 0);
        ASSERT_TRUE(c.isGuardWhole());
        for (int64_t batch = 0; batch < 6; ++batch)
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j) {
              double sum = extras ? bias[j] : 0.0;
              for (int64_t kk = 0; kk < k; ++kk)
                sum += double(a[batch / 3 * m * k + i * aRow + kk * aColumn]) *
                       b[batch % 3 * k * n * spread + kk * bRow + j * bColumn];
              ASSERT_NEAR(c[(batch * m + i) * n + j], extras ? 2 * sum : sum, 4e-6 * k + 1e-5)
                  << isa->name.str() << " " << m << "x" << n << "x" << k << " at " << i << ", " << j;
            }
      }
    }
}

// Tests that both orders of the source give the same packed weights, with zeros behind the last column.
TEST(CpuKernelMatmul, Packing) {
  for (int64_t n : {1, 16, 47, 48, 49, 100})
    for (int64_t k : {1, 5, 40}) {
      PackedShape shape{n, k};
      TestVector<float> rows = randomFloats(n * k, 7), columns(n * k), a(shape.numElements()), b(shape.numElements());
      for (int64_t i = 0; i < k; ++i)
        for (int64_t j = 0; j < n; ++j)
          columns[j * k + i] = rows[i * n + j];
      packMatmulWeights(shape, rows.data(), false, a.data());
      packMatmulWeights(shape, columns.data(), true, b.data());
      EXPECT_TRUE(sameBits(a, b));
      for (int64_t panel = 0; panel < shape.numPanels(); ++panel)
        for (int64_t i = 0; i < k; ++i)
          for (int64_t j = 0; j < shape.columnsOf(panel); ++j) {
            int64_t column = panel * 48 + j;
            EXPECT_EQ(a[shape.panelStart(panel) + i * shape.columnsOf(panel) + j],
                      column < n ? rows[i * n + column] : 0.0f);
          }
    }
}

// Tests that B in codes of 8 and 4 bits gives the bits that it gives in f32: per column and in groups, with and without
// zero points, K that ends within a word and within a group.
TEST(CpuKernelMatmul, CodesGiveTheBitsOfFloats) {
  struct Case {
    Shape shape;
    int bits;
    int64_t group;
    bool zeroPoints, isUnsigned;
  };
  const Case cases[] = {{{50, 385, true, false, 2}, 8, 0, false, false},
                        {{17, 33, true, true, 0}, 8, 4, true, true},
                        {{144, 800, true, true, 0}, 4, 0, false, false},
                        {{5, 7, false, true, 1}, 4, 0, true, false},
                        {{63, 1155, false, false, 1}, 4, 32, true, true}};
  for (const Isa *isa : runnableIsas())
    for (const Case &test : cases) {
      int64_t n = test.shape.n, depth = test.shape.k;
      MatmulSpec floats = Problem(test.shape, 1, true).spec(), spec = floats;
      spec.codes = CodesOfB{test.bits, test.group, test.zeroPoints};
      PackedQuantizedShape packed = spec.codesShape();
      std::mt19937 random(7);
      int lowest = test.isUnsigned ? 0 : -(1 << (test.bits - 1)), count = 1 << test.bits;
      std::vector<int8_t> codes(n * depth), zeros(n * packed.numGroups());
      for (int8_t &code : codes)
        code = lowest + int(random() % count);
      for (int8_t &zero : zeros)
        zero = test.zeroPoints ? lowest + int(random() % count) : 0;
      TestVector<float> scales = randomFloats(n * packed.numGroups(), 8, 0.02f), packedScales(packed.numScales());
      QuantizedSource source;
      source.codes = codes.data();
      source.bits = test.bits;
      source.isUnsigned = test.isUnsigned;
      source.zeroPoints = test.zeroPoints ? zeros.data() : nullptr;
      TestVector<char> section(packed.numBytes());
      packQuantizedWeights(packed, source, section.data());
      packQuantizedScales(packed, scales.data(), packedScales.data());
      auto number = [&](int8_t code) { return test.isUnsigned ? int(uint8_t(code)) : int(code); };
      std::vector<float> plain(n * depth);
      for (int64_t i = 0; i < depth; ++i)
        for (int64_t j = 0; j < n; ++j) {
          int64_t place = i / packed.rowsPerGroup() * n + j;
          plain[i * n + j] = float(number(codes[i * n + j]) - number(zeros[place])) * scales[place];
        }
      LoadedKernel reference(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildMatmul(k, name, floats); });
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildMatmul(k, name, spec); });
      for (int64_t m : {1, 3, 4, 5, 13, 65}) {
        Problem problem(test.shape, m, true);
        packMatmulWeights(floats.packedShape(), plain.data(), false, problem.b.data());
        std::vector<int64_t> words = problem.words(m);
        ASSERT_EQ(reference.runAll(words, evaluate(spec.numTasks(m)), 0), 0);
        TestVector<float> expected = problem.c.values();
        problem.c = GuardedBuffer(m * n, 12345.0f);
        words[MatmulSpec::C] = word(problem.c.data());
        words[MatmulSpec::B] = word(section.data() + packed.panelsOffset());
        words[MatmulSpec::BScale] = word(packedScales.data());
        words[MatmulSpec::BZero] = word(section.data() + packed.zeroPointsOffset());
        ASSERT_EQ(kernel.runAll(words, evaluate(spec.numTasks(m)), spec.scratchBytes(), /*apart=*/m % 2), 0);
        ASSERT_TRUE(problem.c.isGuardWhole());
        ASSERT_TRUE(sameBits(problem.c.values(), expected))
            << isa->name.str() << " n " << n << " k " << depth << " bits " << test.bits << " group " << test.group
            << " m " << m;
      }
    }
}

} // namespace
