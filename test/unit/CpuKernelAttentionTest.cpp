//===- CpuKernelAttentionTest.cpp - Attention against double precision ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"

#include "targets/cpu/Kernels/Attention.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace sinter;
using namespace sinter::cpu;

namespace {

using Spec = AttentionSpec;
constexpr float lowest = std::numeric_limits<float>::lowest(), infinity = std::numeric_limits<float>::infinity();

int64_t evaluate(const SizeExpr &e) { return *e.constant(); }

/// Q, K and V lie in the rows of a fused matmul: [batch][length][(heads + 2 kvHeads) * size].
class Problem {
public:
  Problem(const Spec &spec, int64_t batch, int64_t queryLength, int64_t keyLength, int64_t offset = 0)
      : spec(spec), batch(batch), queryLength(queryLength), keyLength(keyLength), offset(offset),
        rowOfQ(spec.numHeads * spec.headSize + 3), rowOfK(spec.numKvHeads * (spec.headSize + spec.valueHeadSize)),
        rowOfOut(spec.numHeads * spec.valueHeadSize), q(randomFloats(batch * queryLength * rowOfQ, 1, 2.0f)),
        kv(randomFloats(batch * keyLength * rowOfK, 2, 2.0f)), bias(0), out(batch * queryLength * rowOfOut, 777.0f) {
    if (spec.bias == Spec::Bias::PerKey)
      bias = GuardedBuffer(batch * keyLength);
    if (spec.bias == Spec::Bias::PerQuery)
      bias = GuardedBuffer(randomFloats(spec.numHeads * queryLength * keyLength, 3));
  }
  std::vector<int64_t> words(int64_t firstBatch, bool transposedBias = false) {
    std::vector<int64_t> w(Spec::NumWords);
    w[Spec::Q] = word(q.data() + firstBatch * queryLength * rowOfQ);
    w[Spec::K] = word(kv.data() + firstBatch * keyLength * rowOfK);
    w[Spec::V] = word(kv.data() + firstBatch * keyLength * rowOfK + spec.numKvHeads * spec.headSize);
    w[Spec::Out] = word(out.data() + firstBatch * queryLength * rowOfOut);
    w[Spec::BiasData] = word(bias.data() + (spec.bias == Spec::Bias::PerKey ? firstBatch * keyLength : 0));
    w[Spec::QueryLength] = queryLength;
    w[Spec::KeyLength] = keyLength;
    w[Spec::CausalOffset] = offset;
    w[Spec::QBatchStride] = queryLength * rowOfQ;
    w[Spec::QHeadStride] = spec.headSize;
    w[Spec::QRowStride] = rowOfQ;
    w[Spec::KBatchStride] = w[Spec::VBatchStride] = keyLength * rowOfK;
    w[Spec::KHeadStride] = spec.headSize;
    w[Spec::VHeadStride] = spec.valueHeadSize;
    w[Spec::KRowStride] = w[Spec::VRowStride] = rowOfK;
    w[Spec::OutBatchStride] = queryLength * rowOfOut;
    w[Spec::OutHeadStride] = spec.valueHeadSize;
    w[Spec::OutRowStride] = rowOfOut;
    w[Spec::BiasBatchStride] = spec.bias == Spec::Bias::PerKey ? keyLength : 0;
    w[Spec::BiasHeadStride] = spec.bias == Spec::Bias::PerQuery ? queryLength * keyLength : 0;
    w[Spec::BiasQueryStride] = spec.bias == Spec::Bias::PerKey ? 0 : transposedBias ? 1 : keyLength;
    w[Spec::BiasKeyStride] = transposedBias ? queryLength : 1;
    return w;
  }
  int64_t tasks(int64_t count) const { return evaluate(spec.numTasks(count, queryLength)); }

  void check(const std::string &what, bool transposedBias = false) {
    ASSERT_TRUE(out.isGuardWhole()) << what;
    std::vector<int64_t> w = words(0, transposedBias);
    std::vector<double> scores(keyLength);
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t h = 0; h < spec.numHeads; ++h)
        for (int64_t i = 0; i < queryLength; ++i) {
          int64_t kvHead = h / (spec.numHeads / spec.numKvHeads);
          const float *qRow = q.data() + (b * queryLength + i) * rowOfQ + h * spec.headSize;
          double greatest = -infinity, sum = 0;
          for (int64_t j = 0; j < keyLength; ++j) {
            const float *kRow = kv.data() + (b * keyLength + j) * rowOfK + kvHead * spec.headSize;
            double score = 0;
            for (int64_t d = 0; d < spec.headSize; ++d)
              score += double(qRow[d]) * kRow[d];
            score *= spec.scale;
            // The sum is rounded to f32: that is what makes a row of masks uniform.
            if (spec.bias != Spec::Bias::None)
              score = static_cast<float>(score + bias[b * w[Spec::BiasBatchStride] + h * w[Spec::BiasHeadStride] +
                                                      i * w[Spec::BiasQueryStride] + j * w[Spec::BiasKeyStride]]);
            if (spec.causal && j > i + offset)
              score = -infinity;
            scores[j] = score;
            greatest = std::fmax(greatest, score);
          }
          for (double &score : scores) {
            score = std::exp(score - greatest);
            sum += score;
          }
          for (int64_t d = 0; d < spec.valueHeadSize; ++d) {
            double expected = 0;
            for (int64_t j = 0; j < keyLength; ++j)
              expected +=
                  scores[j] / sum *
                  kv[(b * keyLength + j) * rowOfK + spec.numKvHeads * spec.headSize + kvHead * spec.valueHeadSize + d];
            float actual = out[(b * queryLength + i) * rowOfOut + h * spec.valueHeadSize + d];
            if (std::isnan(expected))
              ASSERT_TRUE(std::isnan(actual)) << what << " batch " << b << " head " << h << " query " << i;
            else
              ASSERT_NEAR(actual, expected, b == roundedBatch ? 2e-3 : 2e-5)
                  << what << " batch " << b << " head " << h << " query " << i;
          }
        }
  }

  Spec spec;
  int64_t batch, queryLength, keyLength, offset, rowOfQ, rowOfK, rowOfOut;
  GuardedBuffer q, kv, bias, out;
  /// A batch element whose scores are rounded to 1e-3 before they are compared, each sum in its own way.
  int64_t roundedBatch = -1;
};

Spec makeSpec(int64_t heads, int64_t kvHeads, int64_t size, int64_t valueSize) {
  Spec spec;
  spec.numHeads = heads;
  spec.numKvHeads = kvHeads;
  spec.headSize = size;
  spec.valueHeadSize = valueSize;
  spec.scale = 1 / std::sqrt(static_cast<float>(size));
  return spec;
}

struct Lengths {
  int64_t query, key;
};
const Lengths lengths[] = {{1, 1},    {1, 7},   {2, 200},  {7, 3},    {16, 16},
                           {17, 193}, {33, 50}, {48, 192}, {49, 385}, {128, 128}};

std::string describe(const Isa &isa, const Spec &spec, Lengths l) {
  return (isa.name + " size " + llvm::Twine(spec.headSize) + "/" + llvm::Twine(spec.valueHeadSize) + " lengths " +
          llvm::Twine(l.query) + ", " + llvm::Twine(l.key))
      .str();
}

// Tests head sizes of all remainders, grouped heads, and lengths of all remainders.
TEST(CpuKernelAttention, AgreesWithDoublePrecision) {
  const Spec specs[] = {makeSpec(2, 2, 32, 32), makeSpec(4, 2, 64, 64), makeSpec(3, 1, 16, 24),
                        makeSpec(2, 1, 5, 7),   makeSpec(1, 1, 1, 1),   makeSpec(2, 2, 80, 50)};
  for (const Isa *isa : runnableIsas())
    for (const Spec &spec : specs) {
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildAttention(k, name, spec); });
      for (Lengths l : lengths) {
        Problem problem(spec, 2, l.query, l.key);
        ASSERT_EQ(kernel.runAll(problem.words(0), problem.tasks(2), spec.scratchBytes()), 0);
        problem.check(describe(*isa, spec, l));
        if (HasFatalFailure())
          return;
      }
    }
}

// Tests masks by key: padding left and right, all keys masked with finite numbers or with -infinity, some with
// -infinity.
TEST(CpuKernelAttention, MasksByKey) {
  Spec spec = makeSpec(2, 2, 32, 32);
  spec.bias = Spec::Bias::PerKey;
  for (const Isa *isa : runnableIsas()) {
    LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildAttention(k, name, spec); });
    for (Lengths l : lengths) {
      Problem problem(spec, 8, l.query, l.key);
      for (int64_t j = 0; j < l.key; ++j) {
        bool early = j < l.key / 2;
        float masks[] = {
            0,         early ? lowest : 0,        early ? 0 : -1e4f, lowest, -1e4f, j == l.key - 1 ? 0 : -infinity,
            -infinity, early ? -infinity : lowest};
        for (int64_t b = 0; b < 8; ++b)
          problem.bias[b * l.key + j] = masks[b];
      }
      problem.roundedBatch = 4;
      ASSERT_EQ(kernel.runAll(problem.words(0), problem.tasks(8), spec.scratchBytes()), 0);
      problem.check(describe(*isa, spec, l));
      if (HasFatalFailure())
        return;
    }
  }
}

// Tests biases by head and query, read along the keys or across them.
TEST(CpuKernelAttention, BiasesByQuery) {
  for (const Isa *isa : runnableIsas())
    for (bool causal : {false, true}) {
      Spec spec = makeSpec(2, 1, 24, 8);
      spec.bias = Spec::Bias::PerQuery;
      spec.causal = causal;
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildAttention(k, name, spec); });
      for (Lengths l : lengths)
        for (bool transposed : {false, true}) {
          Problem problem(spec, 2, l.query, l.key, l.key - l.query);
          ASSERT_EQ(kernel.runAll(problem.words(0, transposed), problem.tasks(2), spec.scratchBytes()), 0);
          problem.check(describe(*isa, spec, l), transposed);
          if (HasFatalFailure())
            return;
        }
    }
}

// Tests causal attention at offsets that show all keys, some, and to some queries none.
TEST(CpuKernelAttention, Causal) {
  Spec spec = makeSpec(2, 2, 32, 32);
  spec.causal = true;
  for (const Isa *isa : runnableIsas()) {
    LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildAttention(k, name, spec); });
    for (Lengths l : lengths)
      for (int64_t offset : {int64_t(0), l.key - l.query, int64_t(5), int64_t(-20), int64_t(1000)}) {
        Problem problem(spec, 1, l.query, l.key, offset);
        ASSERT_EQ(kernel.runAll(problem.words(0), problem.tasks(1), spec.scratchBytes()), 0);
        problem.check(describe(*isa, spec, l));
        if (HasFatalFailure())
          return;
      }
  }
}

// Tests that a sequence has the same bits alone, in a batch, with each task apart, and with padding behind it.
TEST(CpuKernelAttention, BitsDependOnTheSequenceAlone) {
  Spec spec = makeSpec(3, 3, 32, 32);
  spec.bias = Spec::Bias::PerKey;
  int64_t batch = 3, length = 211;
  for (const Isa *isa : runnableIsas()) {
    LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildAttention(k, name, spec); });
    Problem together(spec, batch, length, length), apart(spec, batch, length, length),
        alone(spec, batch, length, length), padded(spec, 1, length + 60, length + 60);
    kernel.runAll(together.words(0), together.tasks(batch), spec.scratchBytes());
    kernel.runAll(apart.words(0), apart.tasks(batch), spec.scratchBytes(), /*apart=*/true);
    for (int64_t b = 0; b < batch; ++b)
      kernel.runAll(alone.words(b), alone.tasks(1), spec.scratchBytes());
    EXPECT_TRUE(sameBits(together.out.values(), apart.out.values())) << isa->name.str();
    EXPECT_TRUE(sameBits(together.out.values(), alone.out.values())) << isa->name.str();
    for (int64_t i = 0; i < length * padded.rowOfQ; ++i)
      padded.q[i] = together.q[i];
    for (int64_t i = 0; i < length * padded.rowOfK; ++i)
      padded.kv[i] = together.kv[i];
    for (int64_t j = length; j < length + 60; ++j)
      padded.bias[j] = lowest;
    kernel.runAll(padded.words(0), padded.tasks(1), spec.scratchBytes());
    TestVector<float> first = together.out.values(), other = padded.out.values();
    first.resize(length * together.rowOfOut);
    other.resize(first.size());
    EXPECT_TRUE(sameBits(first, other)) << isa->name.str();
  }
}

} // namespace
