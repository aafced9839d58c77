//===- CpuKernelRowTest.cpp - Row kernels against double precision --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"

#include "targets/cpu/Kernels/Embedding.h"
#include "targets/cpu/Kernels/RowKernels.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace sinter;
using namespace sinter::cpu;

namespace {

int64_t evaluate(const SizeExpr &e) { return *e.constant(); }
constexpr float infinity = std::numeric_limits<float>::infinity();
const int64_t lengths[] = {1, 4, 7, 31, 64, 65, 384, 1000};

std::vector<double> normalized(std::vector<double> row, bool rms, double epsilon, const float *gamma,
                               const float *beta) {
  double mean = 0, squares = 0;
  for (double x : row)
    mean += x / row.size();
  for (double &x : row) {
    if (!rms)
      x -= mean;
    squares += x * x;
  }
  double factor = 1 / std::sqrt(squares / row.size() + epsilon);
  for (size_t i = 0; i < row.size(); ++i)
    row[i] = row[i] * factor * (gamma ? gamma[i] : 1) + (beta ? beta[i] : 0);
  return row;
}

// Tests layer and RMS normalization, with and without operands, at constant and dynamic lengths; both give the same
// bits.
TEST(CpuKernelRow, Norm) {
  int64_t rows = 9;
  for (const Isa *isa : runnableIsas())
    for (unsigned flags = 0; flags < 32; flags += 7) {
      NormSpec spec;
      spec.rms = flags & 1;
      spec.hasGamma = flags & 2;
      spec.hasBeta = flags & 4;
      spec.hasResidual = flags & 8;
      spec.writesSum = flags & 16;
      LoadedKernel other(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildNorm(k, name, spec); });
      int64_t otherTasks = evaluate(spec.numTasks(rows));
      for (int64_t length : lengths) {
        spec.length = length;
        GuardedBuffer x(randomFloats(rows * length, 1)), r(randomFloats(rows * length, 2)),
            gamma(randomFloats(length, 3)), beta(randomFloats(length, 4)), sum(rows * length), y(rows * length),
            y2(rows * length);
        auto words = [&](GuardedBuffer &out) {
          return std::vector<int64_t>{
              word(x.data()), word(r.data()), word(gamma.data()), word(beta.data()), word(sum.data()), word(out.data()),
              rows,           length};
        };
        LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildNorm(k, name, spec); });
        kernel.runAll(words(y), evaluate(spec.numTasks(rows)), 0);
        other.runAll(words(y2), otherTasks, 0, /*apart=*/hostRuns(*isa));
        ASSERT_TRUE(y.isGuardWhole() && y2.isGuardWhole() && sum.isGuardWhole());
        EXPECT_TRUE(sameBits(y.values(), y2.values())) << isa->name.str() << " length " << length << " flags " << flags;
        for (int64_t i = 0; i < rows; ++i) {
          std::vector<double> row(length);
          for (int64_t j = 0; j < length; ++j) {
            row[j] = double(x[i * length + j]) + (spec.hasResidual ? r[i * length + j] : 0.0);
            if (spec.writesSum) {
              ASSERT_NEAR(sum[i * length + j], row[j], 1e-6);
            }
          }
          row = normalized(row, spec.rms, spec.epsilon, spec.hasGamma ? gamma.data() : nullptr,
                           spec.hasBeta ? beta.data() : nullptr);
          // A row of few elements may be almost constant, and then its deviation has few digits.
          for (int64_t j = 0; j < length; ++j)
            ASSERT_NEAR(y[i * length + j], row[j], 4e-5)
                << isa->name.str() << " length " << length << " flags " << flags;
        }
      }
    }
}

// Tests softmax and its logarithm, among them rows with masked elements.
TEST(CpuKernelRow, Softmax) {
  int64_t rows = 6;
  for (const Isa *isa : runnableIsas())
    for (bool logarithm : {false, true})
      for (int64_t constant : {0, 7, 384}) {
        SoftmaxSpec spec;
        spec.length = constant;
        spec.logarithm = logarithm;
        LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildSoftmax(k, name, spec); });
        for (int64_t length : lengths) {
          if (constant && length != constant)
            continue;
          GuardedBuffer x(randomFloats(rows * length, 1, 5.0f)), y(rows * length);
          for (int64_t j = 0; j < length; ++j) {
            x[0 * length + j] = -std::numeric_limits<float>::max();
            x[1 * length + j] = j ? -infinity : 3.0f;
            x[2 * length + j] = -1e4f;
          }
          kernel.runAll({word(x.data()), word(y.data()), rows, length}, evaluate(spec.numTasks(rows)), 0);
          ASSERT_TRUE(y.isGuardWhole());
          for (int64_t i = 0; i < rows; ++i) {
            double greatest = -infinity, sum = 0;
            for (int64_t j = 0; j < length; ++j)
              greatest = std::fmax(greatest, x[i * length + j]);
            for (int64_t j = 0; j < length; ++j)
              sum += std::exp(x[i * length + j] - greatest);
            for (int64_t j = 0; j < length; ++j) {
              double difference = x[i * length + j] - greatest;
              double expected = logarithm ? difference - std::log(sum) : std::exp(difference) / sum;
              if (std::isinf(expected))
                ASSERT_EQ(y[i * length + j], expected);
              else
                ASSERT_NEAR(y[i * length + j], expected, logarithm ? 6e-6 : 1e-6) << length << " row " << i;
            }
          }
        }
      }
}

// Tests the reductions, a function of the elements, one of the result, and NaN.
TEST(CpuKernelRow, Reduce) {
  using Kind = ReduceSpec::Kind;
  int64_t rows = 4;
  for (const Isa *isa : runnableIsas())
    for (Kind kind : {Kind::Sum, Kind::Mean, Kind::Max, Kind::Min, Kind::Product})
      for (bool functions : {false, true}) {
        ReduceSpec spec;
        spec.kind = kind;
        if (functions) {
          spec.element = [](KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value>) {
            return k.addf(k.absf(x), k.splat(0.25));
          };
          spec.finish = [](KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value>) {
            return k.mulf(x, k.splat(0.5));
          };
        }
        LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildReduce(k, name, spec); });
        for (int64_t length : lengths) {
          GuardedBuffer x(randomFloats(rows * length, 1)), y(rows);
          x[length - 1] = std::numeric_limits<float>::quiet_NaN();
          kernel.runAll({word(x.data()), word(y.data()), rows, length}, evaluate(spec.numTasks(rows)), 0);
          ASSERT_TRUE(y.isGuardWhole());
          EXPECT_TRUE(std::isnan(y[0])) << isa->name.str() << " " << int(kind) << " length " << length;
          for (int64_t i = 1; i < rows; ++i) {
            double total = kind == Kind::Max ? -infinity : kind == Kind::Min ? infinity : kind == Kind::Product ? 1 : 0;
            for (int64_t j = 0; j < length; ++j) {
              double element = x[i * length + j];
              if (functions)
                element = std::fabs(element) + 0.25;
              total = kind == Kind::Max       ? std::fmax(total, element)
                      : kind == Kind::Min     ? std::fmin(total, element)
                      : kind == Kind::Product ? total * element
                                              : total + element;
            }
            if (kind == Kind::Mean)
              total /= length;
            if (functions)
              total /= 2;
            ASSERT_NEAR(y[i], total, 1e-5 * std::fmax(std::fabs(total), 1)) << int(kind) << " length " << length;
          }
        }
      }
}

// Tests sums of gathered rows with a norm, negative indices, and what an index out of range does.
TEST(CpuKernelRow, Embedding) {
  for (const Isa *isa : runnableIsas())
    for (int64_t hidden : {5, 32, 384, 1000})
      for (bool norm : {false, true}) {
        int64_t batch = 3, rows = 7, vocabulary = 11;
        EmbeddingSpec spec;
        spec.hiddenSize = hidden;
        spec.sources = {EmbeddingSpec::Source::TableByI64, EmbeddingSpec::Source::TableByI32,
                        EmbeddingSpec::Source::Rows};
        spec.hasNorm = norm;
        GuardedBuffer words(randomFloats(vocabulary * hidden, 1)), types(randomFloats(2 * hidden, 2)),
            positions(randomFloats(rows * hidden, 3)), gamma(randomFloats(hidden, 4)), beta(randomFloats(hidden, 5)),
            y(batch * rows * hidden);
        TestVector<int64_t> ids(batch * rows);
        TestVector<int32_t> kinds(batch);
        for (size_t i = 0; i < ids.size(); ++i)
          ids[i] = i % 5 == 4 ? -1 - int64_t(i) % vocabulary : i * 3 % vocabulary;
        kinds = {1, 0, -1};
        // The types have one index per batch element: its row stride is 0.
        std::vector<int64_t> args = {word(y.data()),
                                     word(gamma.data()),
                                     word(beta.data()),
                                     batch,
                                     rows,
                                     word(words.data()),
                                     word(ids.data()),
                                     vocabulary,
                                     rows,
                                     1,
                                     word(types.data()),
                                     word(kinds.data()),
                                     2,
                                     1,
                                     0,
                                     word(positions.data()),
                                     0,
                                     0,
                                     0,
                                     hidden};
        LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildEmbedding(k, name, spec); });
        int64_t tasks = evaluate(spec.numTasks(batch, rows));
        ASSERT_EQ(kernel.runAll(args, tasks, 0), 0);
        ASSERT_TRUE(y.isGuardWhole());
        for (int64_t i = 0; i < batch * rows; ++i) {
          std::vector<double> row(hidden);
          int64_t id = (ids[i] + vocabulary) % vocabulary, kind = (kinds[i / rows] + 2) % 2;
          for (int64_t j = 0; j < hidden; ++j)
            row[j] = double(words[id * hidden + j]) + types[kind * hidden + j] + positions[i % rows * hidden + j];
          if (norm)
            row = normalized(row, false, spec.epsilon, gamma.data(), beta.data());
          for (int64_t j = 0; j < hidden; ++j)
            ASSERT_NEAR(y[i * hidden + j], row[j], 2e-5);
        }
        for (int64_t bad : {vocabulary, -vocabulary - 1, INT64_MAX, INT64_MIN}) {
          ids[16] = bad;
          EXPECT_EQ(kernel.runAll(args, tasks, 0), 17);
        }
      }
}

} // namespace
