//===- KernelBenchmark.cpp - How fast the CPU's kernels are on one thread -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints GFLOP/s (the best of several rounds) and the fraction of what the same
// instructions reach on registers alone. "cold" rotates among so many copies of the
// weights that each comes from the last-level cache or memory, as in a model.
//
//   kernel-benchmark [variant] [text that a line's name must contain]
//
// The variants are those of a bundle: x86-64-v4-amx, x86-64-v4-vnni, x86-64-v4, x86-64-v3, aarch64.
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Attention.h"
#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/SparseMatmul.h"
#include "targets/cpu/Kernels/VectorMath.h"
#include "test/unit/CpuKernelRunner.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>

using namespace sinter;
using namespace sinter::cpu;

namespace {

/// Of the processor, in this thread: what else the machine does counts less.
double seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Seconds of one call, the best of rounds of about half a millisecond, in at most a second.
double best(llvm::function_ref<void()> call, unsigned rounds = 600) {
  call();
  double start = seconds();
  call();
  unsigned repeat = std::clamp(5e-4 / std::max(seconds() - start, 1e-9), 1.0, 10000.0);
  double least = 1e9, first = start;
  for (unsigned round = 0; round < rounds && (round < 5 || seconds() - first < 1); ++round) {
    start = seconds();
    for (unsigned i = 0; i < repeat; ++i)
      call();
    least = std::min(least, (seconds() - start) / repeat);
  }
  return least;
}

struct Benchmark {
  const Isa &isa;
  std::string filter;
  double peak = 0;

  bool wants(const std::string &name) const { return name.find(filter) != std::string::npos; }
  void report(const std::string &name, double flops, double time) const {
    std::printf("%-14s %-44s %8.1f GFLOP/s  %4.2f of peak  %9.1f us\n", isa.name.data(), name.c_str(),
                flops / time * 1e-9, flops / time / peak, time * 1e6);
    std::fflush(stdout);
  }

  void measurePeak() {
    // Enough independent sums to hide the latency of two units.
    constexpr int64_t sums = 10, steps = 20000;
    LoadedKernel kernel(isa, [&](KernelBuilder &k, llvm::StringRef name) {
      k.beginKernel(name);
      mlir::Value out = k.pointerWord(0), factor = k.load(out), addend = k.load(out, k.lanes());
      KernelBuilder::Values totals(sums, factor);
      totals = k.loop(0, steps, 1, totals, [&](Int, KernelBuilder::ValueSpan carried) {
        KernelBuilder::Values next;
        for (mlir::Value total : carried)
          next.push_back(k.fma(total, factor, addend));
        return next;
      });
      k.store(k.reduceTree(totals, [&](mlir::Value x, mlir::Value y) { return k.addf(x, y); }), out);
      k.endKernel();
    });
    std::vector<float> out(64, 0.5f);
    std::vector<int64_t> words{word(out.data())};
    double time = best([&] { kernel.call(words, 0, 1, nullptr); });
    peak = 2.0 * sums * steps * isa.lanes / time;
    report("multiply-add on registers", peak * time, time);
  }

  void matmul(int64_t m, int64_t n, int64_t k, bool gelu, bool residual, bool cold) {
    std::string name = "matmul " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) +
                       (gelu ? " gelu" : "") + (residual ? " residual" : "") + (cold ? " cold" : "");
    if (!wants(name))
      return;
    MatmulSpec spec;
    spec.n = n;
    spec.k = k;
    spec.hasBias = true;
    spec.hasResidual = residual;
    if (gelu)
      spec.epilogue = [](KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value>) { return buildGeluErf(k, x); };
    LoadedKernel kernel(isa, [&](KernelBuilder &b, llvm::StringRef name) { buildMatmul(b, name, spec); });
    int64_t size = (spec.packedShape().numElements() + 1023) / 1024 * 1024,
            copies = cold ? (40 << 20) / (size * 4) + 1 : 1;
    TestVector<float> a = randomFloats(m * k, 1), b(size * copies, 0.01f), bias = randomFloats(n, 3),
                      residuals = randomFloats(m * n, 4), c(m * n);
    int64_t tasks = *spec.numTasks(m).constant(), copy = 0;
    double time = best([&] {
      std::vector<int64_t> words{word(a.data()), word(b.data() + copy * size), word(bias.data()),
                                 word(c.data()), word(residuals.data()),       m};
      kernel.call(words, 0, tasks, nullptr);
      copy = (copy + 1) % copies;
    });
    report(name, 2.0 * m * n * k, time);
  }

  /// B in codes, multiplied in f32.
  void matmulOfCodes(int64_t m, int64_t n, int64_t k, int bits, int64_t group, bool cold) {
    std::string name = "matmul of codes " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) +
                       (bits == 4 ? " 4 bits" : "") + (group ? " groups of " + std::to_string(group) : "") +
                       (cold ? " cold" : "");
    if (!wants(name))
      return;
    MatmulSpec spec;
    spec.n = n;
    spec.k = k;
    spec.hasBias = true;
    spec.codes = CodesOfB{bits, group, false};
    LoadedKernel kernel(isa, [&](KernelBuilder &b, llvm::StringRef name) { buildMatmul(b, name, spec); });
    PackedQuantizedShape shape = spec.codesShape();
    int64_t size = (shape.numBytes() + 4095) / 4096 * 4096, copies = cold ? (40 << 20) / size + 1 : 1;
    TestVector<char> b(size * copies, 5);
    TestVector<float> a = randomFloats(m * k, 1), scales(shape.numScales() * copies, 0.01f), bias = randomFloats(n, 3),
                      c(m * n), scratch(spec.scratchBytes() / 4);
    int64_t tasks = *spec.numTasks(m).constant(), copy = 0;
    std::vector<int64_t> words(spec.numWords());
    words[MatmulSpec::A] = word(a.data());
    words[MatmulSpec::Bias] = word(bias.data());
    words[MatmulSpec::C] = word(c.data());
    words[MatmulSpec::Rows] = m;
    double time = best([&] {
      words[MatmulSpec::B] = word(b.data() + copy * size + shape.panelsOffset());
      words[MatmulSpec::BScale] = word(scales.data() + copy * shape.numScales());
      kernel.call(words, 0, tasks, scratch.data());
      copy = (copy + 1) % copies;
    });
    report(name, 2.0 * m * n * k, time);
  }

  /// Its operations are multiplications and additions of integers; the peak is that of f32.
  void quantizedMatmul(int64_t m, int64_t n, int64_t k, bool cold, int bits = 8, int64_t group = 0, bool gelu = false) {
    std::string name = "quantized matmul " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) +
                       (bits == 4 ? " 4 bits" : "") + (group ? " groups of " + std::to_string(group) : "") +
                       (gelu ? " gelu" : "") + (cold ? " cold" : "");
    if (!wants(name))
      return;
    using Spec = QuantizedMatmulSpec;
    Spec spec;
    spec.n = n;
    spec.k = k;
    spec.bits = bits;
    spec.group = group;
    spec.hasBias = true;
    if (gelu)
      spec.epilogue = [](KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value>) { return buildGeluErf(k, x); };
    LoadedKernel kernel(isa, [&](KernelBuilder &b, llvm::StringRef name) { buildQuantizedMatmul(b, name, spec); });
    PackedQuantizedShape shape = spec.packedShape();
    int64_t size = (shape.numBytes() + 4095) / 4096 * 4096, copies = cold ? (40 << 20) / size + 1 : 1;
    TestVector<uint8_t> a(m * k, 3), zero(1, 128);
    TestVector<int8_t> b(size * copies, 5);
    TestVector<float> rowScales = randomFloats(m, 1), columnScales(shape.numScales() * copies, 0.01f),
                      bias = randomFloats(n, 3), c(m * n * (cold ? 8 : 1)), scratch(spec.scratchBytes() / 4);
    int64_t tasks = *spec.numTasks(m).constant(), copy = 0;
    std::vector<int64_t> words(spec.numWords());
    words[Spec::A] = word(a.data());
    words[Spec::AZero] = word(zero.data());
    words[Spec::RowScale] = word(rowScales.data());
    words[Spec::Bias] = word(bias.data());
    words[Spec::C] = word(c.data());
    words[Spec::Rows] = m;
    double time = best([&] {
      const int8_t *section = b.data() + copy * size;
      words[Spec::B] = word(section + shape.panelsOffset());
      words[Spec::ColumnSums] = word(section + shape.columnSumsOffset());
      words[Spec::C] = word(c.data() + (cold ? copy % 8 * m * n : 0));
      words[Spec::ColumnScale] = word(columnScales.data() + copy * shape.numScales());
      kernel.call(words, 0, tasks, scratch.data());
      copy = (copy + 1) % copies;
    });
    report(name, 2.0 * m * n * k, time);
  }

  /// Its operations are those of the dense product, so that lines of equal sizes compare.
  void sparseMatmul(int64_t m, int64_t n, int64_t k, SparseShape::Elements elements, int64_t density) {
    bool isBytes = elements == SparseShape::Elements::Bytes;
    std::string name = std::string(isBytes ? "quantized sparse" : "sparse") + " matmul " + std::to_string(m) + "x" +
                       std::to_string(n) + "x" + std::to_string(k) + " of " + std::to_string(density) + " %";
    if (!wants(name))
      return;
    SparseMatmulSpec spec;
    spec.elements = elements;
    spec.n = n;
    spec.k = k;
    spec.hasBias = true;
    LoadedKernel kernel(isa, [&](KernelBuilder &b, llvm::StringRef name) { buildSparseMatmul(b, name, spec); });
    TestVector<char> plain(n * k * spec.shape().elementBytes());
    std::mt19937 random(1);
    int64_t rowBytes = n * spec.shape().elementBytes();
    for (int64_t row = 0; row < k; row += 16)
      for (int64_t column = 0; column < rowBytes; column += 16 * spec.shape().elementBytes())
        if (int64_t(random() % 100) < density) // a small positive number, as f32 and as a byte
          plain[row * rowBytes + column + spec.shape().elementBytes() - 1] = 60;
    int64_t blocks = countBlocks(spec.shape(), plain.data(), false);
    TestVector<char> b(spec.shape().numBytes(blocks));
    packSparseWeights(spec.shape(), plain.data(), false, blocks, b.data());
    TestVector<float> a = randomFloats(m * k, 1), rowScales = randomFloats(m, 2), columnScales = randomFloats(n, 3),
                      bias = randomFloats(n, 4), c(m * n);
    TestVector<uint8_t> zero(1, 128);
    std::vector<char> scratch(spec.scratchBytes() + 64);
    void *aligned = reinterpret_cast<void *>((word(scratch.data()) + 63) / 64 * 64);
    int64_t tasks = *spec.numTasks(m).constant();
    std::vector<int64_t> words{
        word(a.data()),    word(b.data()),         word(bias.data()),        word(c.data()), 0, m,
        word(zero.data()), word(rowScales.data()), word(columnScales.data())};
    double time = best([&] { kernel.call(words, 0, tasks, aligned); }, 30);
    report(name, 2.0 * m * n * k, time);
  }

  void attention(int64_t batch, int64_t heads, int64_t size, int64_t length, bool causal, bool masked,
                 int64_t queries = 0) {
    queries = queries ? queries : length;
    std::string name = "attention " + std::to_string(batch) + "x" + std::to_string(length) + " heads " +
                       std::to_string(heads) + "x" + std::to_string(size) + (causal ? " causal" : "") +
                       (masked ? " masked" : "") + (queries != length ? " queries " + std::to_string(queries) : "");
    if (!wants(name))
      return;
    using Spec = AttentionSpec;
    Spec spec;
    spec.numHeads = spec.numKvHeads = heads;
    spec.headSize = spec.valueHeadSize = size;
    spec.scale = 0.2f;
    spec.causal = causal;
    spec.bias = masked ? Spec::Bias::PerKey : Spec::Bias::None;
    int64_t hidden = heads * size;
    spec.qRowStride = spec.kRowStride = spec.vRowStride = 3 * hidden;
    spec.outRowStride = hidden;
    LoadedKernel kernel(isa, [&](KernelBuilder &k, llvm::StringRef name) { buildAttention(k, name, spec); });
    TestVector<float> qkv = randomFloats(batch * length * 3 * hidden, 1), out(batch * length * hidden),
                      bias(batch * length);
    std::vector<int64_t> w(Spec::NumWords);
    for (int64_t i = 0; i < 3; ++i) {
      w[Spec::Q + i] = word(qkv.data() + i * hidden);
      w[Spec::QBatchStride + 3 * i] = length * 3 * hidden;
      w[Spec::QHeadStride + 3 * i] = size;
      w[Spec::QRowStride + 3 * i] = 3 * hidden;
    }
    w[Spec::Out] = word(out.data());
    w[Spec::OutBatchStride] = length * hidden;
    w[Spec::OutHeadStride] = size;
    w[Spec::OutRowStride] = hidden;
    w[Spec::BiasData] = word(bias.data());
    w[Spec::BiasBatchStride] = length;
    w[Spec::BiasKeyStride] = 1;
    w[Spec::QueryLength] = queries;
    w[Spec::KeyLength] = length;
    w[Spec::CausalOffset] = length - queries;
    std::vector<float> scratch(spec.scratchBytes() / 4 + 16);
    void *aligned = reinterpret_cast<void *>((word(scratch.data()) + 63) / 64 * 64);
    int64_t tasks = *spec.numTasks(batch, queries).constant();
    double time = best([&] { kernel.call(w, 0, tasks, aligned); });
    report(name, 4.0 * batch * heads * size * queries * length * (causal && queries > 1 ? 0.5 : 1), time);
  }
};

} // namespace

int main(int argc, char **argv) {
  if (argc > 1 && (!findIsa(argv[1]) || !hostRuns(*findIsa(argv[1])))) {
    std::fprintf(stderr, "kernel-benchmark: %s '%s'\n",
                 findIsa(argv[1]) ? "this machine does not run variant" : "there is no variant", argv[1]);
    return 1;
  }
  for (const Isa &isa : allIsas()) {
    if (!hostRuns(isa) || (argc > 1 && isa.name != argv[1]))
      continue;
    Benchmark benchmark{isa, argc > 2 ? argv[2] : ""};
    benchmark.measurePeak();
    for (int64_t m : {128, 16, 1})
      for (bool cold : {false, true}) {
        benchmark.matmul(m, 1152, 384, false, false, cold);
        benchmark.matmul(m, 384, 384, false, true, cold);
        benchmark.matmul(m, 1536, 384, true, false, cold);
        benchmark.matmul(m, 384, 1536, false, true, cold);
        benchmark.quantizedMatmul(m, 1152, 384, cold);
        benchmark.quantizedMatmul(m, 1536, 384, cold, 8, 0, true);
        benchmark.quantizedMatmul(m, 384, 1536, cold);
      }
    for (int64_t m : {128, 1}) {
      benchmark.matmul(m, 4096, 4096, false, false, true);
      benchmark.quantizedMatmul(m, 4096, 4096, true);
      for (int64_t group : {0, 32, 128})
        benchmark.quantizedMatmul(m, 4096, 4096, true, 4, group);
      benchmark.matmulOfCodes(m, 4096, 4096, 8, 0, true);
      for (int64_t group : {32, 128})
        benchmark.matmulOfCodes(m, 4096, 4096, 4, group, true);
    }
    benchmark.quantizedMatmul(128, 384, 384, false);
    benchmark.quantizedMatmul(128, 1536, 384, false);
    for (int64_t group : {0, 32, 128}) {
      benchmark.quantizedMatmul(128, 1536, 384, false, 8, group);
      benchmark.quantizedMatmul(128, 1536, 384, false, 4, group);
      benchmark.matmulOfCodes(128, 1536, 384, 8, group, false);
      benchmark.matmulOfCodes(128, 1536, 384, 4, group, false);
    }
    benchmark.matmul(512, 512, 512, false, false, false);
    for (int64_t m : {512, 64, 1}) {
      benchmark.matmul(m, 4096, 4096, false, false, false);
      benchmark.quantizedMatmul(m, 4096, 4096, false);
      for (auto elements : {SparseShape::Elements::F32, SparseShape::Elements::Bytes})
        for (int64_t density : {10, 20, 50, 80, 100})
          benchmark.sparseMatmul(m, 4096, 4096, elements, density);
    }
    for (int64_t length : {16, 128, 384, 512}) {
      benchmark.attention(1, 12, 32, length, false, true);
      benchmark.attention(1, 12, 64, length, true, false);
    }
    for (int64_t queries : {1, 4, 8})
      benchmark.attention(1, 12, 64, 1024, true, false, queries);
  }
}
