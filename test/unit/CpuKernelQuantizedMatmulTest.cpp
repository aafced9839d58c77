//===- CpuKernelQuantizedMatmulTest.cpp - Products of bytes, exactly ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"
#include "TileEmulator.h"

#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/RowKernels.h"
#include "test/unit/InterpreterHarness.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace sinter;
using namespace sinter::cpu;

namespace {

/// What ByteQuantizer.h says, in double where f32 rounds nothing.
int quantized(float x, float scale, int zero, bool divides) {
  volatile float inverse = 1.0f / scale; // volatile: rounded on its own
  volatile float scaled = divides ? x / scale : x * inverse;
  if (!(scale > 0) || std::isnan(scaled))
    return zero;
  return int(std::clamp(std::nearbyint(double(scaled)) + zero, 0.0, 255.0));
}

struct Shape {
  int64_t n, k;
  bool bias, residual, rowScales, epilogue;
  int bits = 8;
  int64_t group = 0;
  enum ZeroPoints { None, Signed, Unsigned } zeroPoints = None;
};

class Problem {
public:
  Problem(const Shape &shape, int64_t m, bool extreme)
      : shape(shape), m(m), rowStride((shape.k + 3) / 4 * 4), a(m * rowStride), aZero(1, extreme ? 0 : 117),
        rowScale(randomFloats(m, 1)), columnScale(spec().packedShape().numScales()), bias(randomFloats(shape.n, 3)),
        residual(randomFloats(m * shape.n, 4)), extra(randomFloats(shape.n, 6)), c(m * shape.n, 12345.0f),
        section(spec().packedShape().numBytes()) {
    std::mt19937 random(5);
    int64_t groupRows = shape.group ? shape.group : shape.k, numGroups = (shape.k + groupRows - 1) / groupRows;
    bool isUnsigned = shape.zeroPoints == Shape::Unsigned;
    int lowest = isUnsigned ? 0 : -(1 << (shape.bits - 1)), span = (1 << shape.bits) - 1;
    plain.resize(shape.n * shape.k);
    zeros.resize(shape.n * numGroups);
    // Extreme codes are those that overflow where products are summed in 16 bits.
    for (int8_t &x : plain)
      x = lowest + (extreme ? (random() % 2 ? span : 0) : int(random() % (span + 1)));
    for (int8_t &x : zeros)
      x = shape.zeroPoints == Shape::None ? 0 : lowest + int(random() % (span + 1));
    // Also beyond K, up to the row's stride.
    for (uint8_t &x : a)
      x = extreme ? 255 : uint8_t(random());
    scales = randomFloats(shape.n * numGroups, 2);
    QuantizedSource source;
    source.codes = plain.data();
    source.bits = shape.bits;
    source.isUnsigned = isUnsigned;
    source.zeroPoints = shape.zeroPoints == Shape::None ? nullptr : zeros.data();
    packQuantizedWeights(spec().packedShape(), source, section.data());
    packQuantizedScales(spec().packedShape(), scales.data(), columnScale.data());
    auto number = [&](int8_t code) { return isUnsigned ? int(uint8_t(code)) : int(code); };
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < shape.n; ++j) {
        // The order of the f32 operations is part of the kernel's contract.
        // Volatile, so that no multiplication and addition become one.
        volatile float x = 0;
        for (int64_t g = 0; g < numGroups; ++g) {
          int64_t sum = 0, zero = number(zeros[g * shape.n + j]);
          for (int64_t kk = g * groupRows; kk < std::min((g + 1) * groupRows, shape.k); ++kk)
            sum += (int64_t(a[i * rowStride + kk]) - aZero[0]) * (number(plain[kk * shape.n + j]) - zero);
          float scale = scales[g * shape.n + j];
          x = numGroups == 1 ? float(sum) * scale : std::fma(float(sum), scale, x);
        }
        x = x * rowScale[shape.rowScales ? i : 0];
        if (shape.bias)
          x = x + bias[j];
        if (shape.residual)
          x = x + residual[i * shape.n + j];
        if (shape.epilogue)
          x = x * extra[j];
        expected.push_back(float(x));
      }
  }
  QuantizedMatmulSpec spec() const {
    QuantizedMatmulSpec spec;
    spec.n = shape.n;
    spec.k = shape.k;
    spec.bits = shape.bits;
    spec.group = shape.group;
    spec.hasZeroPoints = shape.zeroPoints != Shape::None;
    spec.aRowStride = rowStride;
    spec.hasBias = shape.bias;
    spec.hasResidual = shape.residual;
    spec.hasRowScales = shape.rowScales;
    if (shape.epilogue) {
      spec.extras.push_back({0});
      spec.epilogue = [](KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value> extras) {
        return k.mulf(x, extras[0]);
      };
    }
    return spec;
  }
  std::vector<int64_t> words() {
    using Spec = QuantizedMatmulSpec;
    std::vector<int64_t> words(spec().numWords());
    words[Spec::A] = word(a.data());
    words[Spec::AZero] = word(aZero.data());
    words[Spec::B] = word(section.data() + spec().packedShape().panelsOffset());
    words[Spec::ColumnSums] = word(section.data() + spec().packedShape().columnSumsOffset());
    words[Spec::BZero] = word(section.data() + spec().packedShape().zeroPointsOffset());
    words[Spec::RowScale] = word(rowScale.data());
    words[Spec::ColumnScale] = word(columnScale.data());
    words[Spec::Bias] = word(bias.data());
    words[Spec::C] = word(c.data());
    words[Spec::Residual] = word(residual.data());
    words[Spec::Rows] = m;
    if (shape.epilogue)
      words[Spec::Extra0] = word(extra.data());
    return words;
  }

  Shape shape;
  int64_t m, rowStride;
  TestVector<uint8_t> a, aZero;
  TestVector<float> rowScale, columnScale, bias, residual, extra;
  GuardedBuffer c;
  TestVector<char> section;
  std::vector<int8_t> plain, zeros; // codes of B and zero points, as they are
  TestVector<float> scales, expected;
};

/// What the interpreter makes of the problem: the floats, or their bytes by `scale` and zero point 131.
HostTensor interpretProblem(const Problem &problem, std::optional<float> scale) {
  using namespace sinter::testing;
  const Shape &shape = problem.shape;
  int64_t m = problem.m, n = shape.n, k = shape.k;
  bool isUnsigned = shape.zeroPoints == Shape::Unsigned, hasZeros = shape.zeroPoints != Shape::None;
  int64_t numGroups = problem.scales.size() / n;
  ElementType storage = shape.bits == 8 ? (isUnsigned ? ElementType::U8 : ElementType::I8)
                                        : (isUnsigned ? ElementType::U4 : ElementType::I4);
  std::vector<uint8_t> rows;
  for (int64_t row = 0; row < m; ++row)
    rows.insert(rows.end(), problem.a.begin() + row * problem.rowStride,
                problem.a.begin() + row * problem.rowStride + k);
  auto floats = [](std::vector<int64_t> dims, const auto &values) {
    return f32(std::move(dims), std::vector<float>(values.begin(), values.end()));
  };
  TestVector<float> rowScale(problem.rowScale.begin(), problem.rowScale.begin() + (shape.rowScales ? m : 1));
  std::vector<HostTensor> inputs = {
      makeTensor<uint8_t>(ElementType::U8, {m, k}, rows),
      floats(shape.rowScales ? std::vector<int64_t>{m, 1} : std::vector<int64_t>{}, rowScale),
      makeTensor<uint8_t>(ElementType::U8, {}, {problem.aZero[0]}),
      makeTensor<int8_t>(storage, {k, n}, problem.plain),
      floats({numGroups, n}, problem.scales),
      makeTensor<int8_t>(storage, {numGroups, n}, problem.zeros),
      floats({n}, problem.bias),
      floats({m, n}, problem.residual),
      floats({n}, problem.extra),
      f32({}, {scale.value_or(1)}),
      makeTensor<uint8_t>(ElementType::U8, {}, {131})};
  auto tensor = [&](size_t i) { return typeText(inputs[i]); };
  std::string element = typeText(HostTensor(storage, {}));
  element = element.substr(7, element.size() - 8);
  std::string codes = "!sinter.quantized<" + element + ":f32, blocks [" +
                      std::to_string(numGroups > 1 ? shape.group : 0) + ", 1]" + (hasZeros ? ", zero_points>" : ">");
  std::string left =
      std::string("!sinter.quantized<ui8:f32") + (shape.rowScales ? ", blocks [1, 0]" : "") + ", zero_points>";
  std::string size = std::to_string(m) + "x", lhs = "tensor<" + size + std::to_string(k) + "x" + left + ">";
  std::string rhs = "tensor<" + std::to_string(k) + "x" + std::to_string(n) + "x" + codes + ">";
  std::string result = "tensor<" + size + std::to_string(n) + "xf32>", body, value = "%p";
  body += "%a = sinter.storage_cast %0 : " + tensor(0) + " -> " + lhs + "\n";
  body += "%b = sinter.storage_cast %3 : " + tensor(3) + " -> " + rhs + "\n";
  body += std::string("%p = sinter.quantized_matmul %a scale %1 zero_point %2, %b scale %4") +
          (hasZeros ? " zero_point %5" : "") + " : (" + lhs + ", " + tensor(1) + ", " + tensor(2) + ", " + rhs + ", " +
          tensor(4) + (hasZeros ? ", " + tensor(5) : "") + ") -> " + result + "\n";
  auto apply = [&](bool wanted, const char *name, const char *kind, size_t operand) {
    if (!wanted)
      return;
    body += std::string("%") + name + " = sinter.elementwise " + kind + "(" + value + ", %" + std::to_string(operand) +
            ") : (" + result + ", " + tensor(operand) + ") -> " + result + "\n";
    value = std::string("%") + name;
  };
  apply(shape.bias, "biased", "add", 6);
  apply(shape.residual, "sum", "add", 7);
  apply(shape.epilogue, "scaled", "mul", 8);
  if (scale) {
    std::string bytes = "tensor<" + size + std::to_string(n) + "x!sinter.quantized<ui8:f32, zero_points>>";
    body += "%q = sinter.quantize " + value + " scale %9 zero_point %10 {reciprocal} : (" + result + ", " + tensor(9) +
            ", " + tensor(10) + ") -> " + bytes + "\n";
    result = "tensor<" + size + std::to_string(n) + "xui8>";
    body += "%u = sinter.storage_cast %q : " + bytes + " -> " + result + "\n";
    value = "%u";
  }
  std::string arguments;
  for (size_t i = 0; i < inputs.size(); ++i)
    arguments += (i ? ", %" : "%") + std::to_string(i) + ": " + tensor(i);
  auto module = parse("func.func @main(" + arguments + ") -> " + result + " {\n" + body + "return " + value + " : " +
                      result + "\n}\n");
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, inputs);
  EXPECT_TRUE(bool(results)) << llvm::toString(results.takeError());
  return results ? std::move(results->front()) : HostTensor();
}

const Shape shapes[] = {{48, 16, false, false, true, false}, {96, 384, true, false, true, true},
                        {1, 1, true, true, false, false},    {5, 7, false, true, true, false},
                        {17, 33, true, true, true, true},    {50, 386, true, false, false, false},
                        {144, 800, true, true, true, false}, {63, 1155, false, false, true, true}};

constexpr auto None = Shape::None, Signed = Shape::Signed, Unsigned = Shape::Unsigned;
// With groups of every remainder of a word, with a last group that is shorter and of one row, and with zero points.
const Shape groupShapes[] = {
    {48, 128, true, false, true, false, 8, 32, None},      {50, 100, false, true, true, true, 8, 32, Signed},
    {17, 33, false, false, true, false, 8, 0, Unsigned},   {5, 386, true, false, false, false, 8, 64, Unsigned},
    {96, 384, true, false, true, true, 4, 0, None},        {1, 1, false, false, true, false, 4, 0, None},
    {63, 7, false, false, true, false, 4, 4, None},        {50, 386, true, true, true, false, 4, 32, None},
    {144, 260, false, false, true, false, 4, 128, Signed}, {17, 97, true, false, true, true, 4, 12, Unsigned},
    {48, 75, false, false, false, false, 4, 0, Unsigned}};

void expectExact(llvm::ArrayRef<Shape> shapes) {
  for (const Isa *isa : runnableIsas())
    for (const Shape &shape : shapes) {
      QuantizedMatmulSpec spec = Problem(shape, 1, false).spec();
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildQuantizedMatmul(k, name, spec); });
      for (bool extreme : {false, true})
        for (int64_t m : {1, 2, 3, 4, 5, 7, 8, 9, 17, 64, 65}) {
          Problem problem(shape, m, extreme);
          ASSERT_EQ(kernel.runAll(problem.words(), *spec.numTasks(m).constant(), spec.scratchBytes(), /*apart=*/m % 2),
                    0);
          ASSERT_TRUE(problem.c.isGuardWhole());
          ASSERT_TRUE(sameBits(problem.c.values(), problem.expected))
              << isa->name.str() << " n " << shape.n << " k " << shape.k << " m " << m << " bits " << shape.bits
              << " group " << shape.group << " zero points " << shape.zeroPoints << " extreme " << extreme;
        }
    }
}

} // namespace

// Tests that every variant gives the bits of sums in 64-bit integers and of the f32 operations in their order, for
// ragged shapes and for the bytes that overflow in 16 bits.
TEST(CpuKernelQuantizedMatmul, IsExactInEveryVariant) { expectExact(shapes); }

// Tests the same for codes of 8 and 4 bits in groups of rows, with and without zero points.
TEST(CpuKernelQuantizedMatmul, GroupsAreExactInEveryVariant) { expectExact(groupShapes); }

// Tests AMX's tiles, emulated also where there are real ones, with every number of rows up to more than a task's: that
// the bits are those of the other variants, that tiles are used from 5 rows on, and that a call configures them once.
// In one call and task by task, with tasks of 64 rows and of fewer; K is no multiple of 64, nor of 4, or less than 64,
// and N has panels of 16, 32 and 48 columns.
TEST(CpuKernelQuantizedMatmul, TilesAreExactWithAnyRows) {
  const Isa &isa = *findIsa("x86-64-v4-amx");
  if (!hostRuns(*findIsa("x86-64-v4-vnni")))
    GTEST_SKIP() << "what is not a tile is compiled for AVX512-VNNI, which this machine does not have";
  const Shape tileShapes[] = {
      {192, 64, false, false, true, false},
      {160, 386, true, true, true, true},
      {177, 7, true, false, false, false},
      {31, 131, false, true, true, false},
      {200, 193, false, false, true, false, 8, 0, Signed},
      {200, 258, true, false, true, false, 8, 128, Unsigned},
      {150, 140, false, false, true, false, 8, 64, None},
      {50, 65, false, false, true, false, 8, 64, Signed},
      {200, 97, false, true, true, false, 4, 0, Unsigned},
      {161, 300, true, false, true, true, 4, 64, Signed},
  };
  for (const Shape &shape : tileShapes) {
    QuantizedMatmulSpec spec = Problem(shape, 1, false).spec();
    auto build = [&](KernelBuilder &k, llvm::StringRef name) { buildQuantizedMatmul(k, name, spec); };
    for (bool calls : {true, false}) {
      LoadedKernel kernel(isa, build, calls);
      for (int64_t m = 1; m <= 70; ++m) {
        Problem problem(shape, m, /*extreme=*/m % 3 == 0);
        tileInstructionCounts() = TileInstructionCounts();
        ASSERT_EQ(kernel.runAll(problem.words(), *spec.numTasks(m).constant(), spec.scratchBytes(), /*apart=*/m % 2),
                  0);
        ASSERT_TRUE(problem.c.isGuardWhole());
        ASSERT_TRUE(sameBits(problem.c.values(), problem.expected))
            << "n " << shape.n << " k " << shape.k << " m " << m << " bits " << shape.bits << " group " << shape.group
            << " calls " << calls;
        if (!calls && hostRuns(isa)) // then nothing is counted
          continue;
        ASSERT_EQ(tileInstructionCounts().products > 0, m > 4) << m;
        if (m % 2 == 0) {
          ASSERT_EQ(tileInstructionCounts().configurations, m > 4 ? 1 : 0) << m;
        }
      }
    }
  }
}

// Tests that groups which do not fill tiles are left to vectors.
TEST(CpuKernelQuantizedMatmul, TilesAreForGroupsThatFillThem) {
  for (int64_t group : {0, 4, 32, 60, 64, 96, 128}) {
    QuantizedMatmulSpec spec;
    spec.n = 48;
    spec.k = 1024;
    spec.group = group;
    EXPECT_EQ(spec.suitsTiles(), group % 64 == 0) << group;
  }
}

// Tests that the interpreter, given the same codes, scales and operands, has the bits that the variants are held to, in
// floats and in bytes.
TEST(CpuKernelQuantizedMatmul, TheInterpreterHasTheSameBits) {
  for (llvm::ArrayRef<Shape> list : {llvm::ArrayRef<Shape>(shapes), llvm::ArrayRef<Shape>(groupShapes)})
    for (const Shape &shape : list)
      for (bool extreme : {false, true}) {
        Problem problem(shape, 9, extreme);
        HostTensor floats = interpretProblem(problem, std::nullopt), bytes = interpretProblem(problem, 0.37f);
        ASSERT_EQ(floats.as<float>().size(), problem.expected.size());
        for (size_t i = 0; i < problem.expected.size(); ++i) {
          ASSERT_EQ(floats.as<float>()[i], problem.expected[i]) << "n " << shape.n << " k " << shape.k << " at " << i;
          ASSERT_EQ(int(bytes.as<uint8_t>()[i]), quantized(problem.expected[i], 0.37f, 131, /*divides=*/false));
        }
      }
}

// Tests that the greatest depth fits 32 bits at the extremes, where row sums are multiplied by zero points, too.
TEST(CpuKernelQuantizedMatmul, GreatestDepth) {
  for (const Isa *isa : runnableIsas()) {
    QuantizedMatmulSpec spec;
    spec.n = 1;
    spec.k = QuantizedMatmulSpec::maxDepth;
    spec.aRowStride = (spec.k + 3) / 4 * 4;
    spec.hasZeroPoints = true;
    LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildQuantizedMatmul(k, name, spec); });
    for (int code : {0, 255})
      for (int aCode : {0, 255}) {
        int64_t m = 9;
        TestVector<uint8_t> a(m * spec.aRowStride, aCode), aZero(1, 255 - aCode), codes(spec.k, code),
            zeros(1, 255 - code);
        TestVector<char> section(spec.packedShape().numBytes());
        QuantizedSource source;
        source.codes = codes.data();
        source.isUnsigned = true;
        source.zeroPoints = zeros.data();
        packQuantizedWeights(spec.packedShape(), source, section.data());
        TestVector<float> ones(m, 1.0f), c(m);
        using Spec = QuantizedMatmulSpec;
        std::vector<int64_t> words(spec.numWords());
        words[Spec::A] = word(a.data());
        words[Spec::AZero] = word(aZero.data());
        words[Spec::B] = word(section.data() + spec.packedShape().panelsOffset());
        words[Spec::ColumnSums] = word(section.data() + spec.packedShape().columnSumsOffset());
        words[Spec::BZero] = word(section.data() + spec.packedShape().zeroPointsOffset());
        words[Spec::RowScale] = words[Spec::ColumnScale] = word(ones.data());
        words[Spec::C] = word(c.data());
        words[Spec::Rows] = m;
        ASSERT_EQ(kernel.runAll(words, *spec.numTasks(m).constant(), spec.scratchBytes()), 0);
        for (float x : c)
          EXPECT_EQ(x, float(int64_t(2 * aCode - 255) * (2 * code - 255) * spec.k)) << isa->name.str();
      }
  }
}

// Tests the words of codes of 4 bits and their sums against the example of QuantizedPacking.h and a shorter group.
TEST(CpuKernelQuantizedMatmul, Packing) {
  const int8_t codes[] = {-8, 0, 1, 2, 3, 4, 5, 7, -1, 6};
  PackedQuantizedShape shape{1, 10, 4, 8, false};
  EXPECT_EQ(shape.numScales(), 32);
  std::vector<uint8_t> section(shape.numBytes());
  QuantizedSource source;
  source.codes = codes;
  source.bits = 4;
  packQuantizedWeights(shape, source, section.data());
  const uint8_t *words = section.data() + shape.panelsOffset();
  const auto *sums = reinterpret_cast<const int32_t *>(section.data() + shape.columnSumsOffset());
  EXPECT_EQ(std::vector<uint8_t>(words, words + 4), (std::vector<uint8_t>{0xb0, 0xc8, 0xd9, 0xfa}));
  EXPECT_EQ(std::vector<uint8_t>(words + 64, words + 68), (std::vector<uint8_t>{0x87, 0x8e, 0x88, 0x88}));
  EXPECT_EQ(sums[0], 14);
  EXPECT_EQ(sums[16], 5);
}

// Tests results in bytes: both ways of scaling, a scale of 0, ties, NaN and infinity, and that bytes between rows are
// left alone.
TEST(CpuKernelQuantizedMatmul, ResultsAsBytes) {
  for (const Isa *isa : runnableIsas())
    for (const Shape &shape : {shapes[1], shapes[2], shapes[4], shapes[7]})
      for (bool divides : {false, true}) {
        QuantizedMatmulSpec spec = Problem(shape, 1, false).spec();
        spec.bytesOutput = BytesOutput{divides};
        spec.cRowStride = shape.n + 3;
        LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildQuantizedMatmul(k, name, spec); });
        for (float scale : {0.37f, 123.0f, 4e3f, 0.0f, -2.0f, 1e-42f})
          for (int64_t m : {1, 7, 18}) {
            Problem problem(shape, m, false);
            TestVector<uint8_t> c(m * spec.cRowStride, 77), zero(1, 131);
            TestVector<float> scales(1, scale);
            std::vector<int64_t> words = problem.words();
            words[QuantizedMatmulSpec::C] = word(c.data());
            words[QuantizedMatmulSpec::OutputScale] = word(scales.data());
            words[QuantizedMatmulSpec::OutputZero] = word(zero.data());
            if (shape.bias && shape.n > 4) {
              auto set = [&](int64_t j, float value) {
                problem.bias[j] = value;
                for (int64_t i = 0; i < m; ++i)
                  problem.expected[i * shape.n + j] = value * (shape.epilogue ? problem.extra[j] : 1);
              };
              set(1, NAN);
              set(2, std::numeric_limits<float>::infinity());
            }
            ASSERT_EQ(kernel.runAll(words, *spec.numTasks(m).constant(), spec.scratchBytes()), 0);
            for (int64_t i = 0; i < m; ++i)
              for (int64_t j = 0; j < spec.cRowStride; ++j) {
                int wanted = j < shape.n ? quantized(problem.expected[i * shape.n + j], scale, 131, divides) : 77;
                ASSERT_EQ(int(c[i * spec.cRowStride + j]), wanted)
                    << isa->name.str() << " n " << shape.n << " scale " << scale << " at " << i << ", " << j;
              }
          }
      }
}

// Tests that rows become the bytes and scales of the formula in every variant, with zeros, ties, NaN and infinity among
// them; with scales of their own and with a given one.
TEST(CpuKernelQuantizedMatmul, RowsAreQuantizedByTheFormula) {
  for (const Isa *isa : runnableIsas())
    for (int64_t length : {1, 5, 16, 37, 384, 1536})
      for (bool given : {false, true}) {
        QuantizeRowsSpec spec;
        spec.length = length;
        spec.quantized.rowStride = (length + 3) / 4 * 4 + 4;
        spec.quantized.isScaleGiven = given;
        spec.quantized.divides = true; // of a given one only
        LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildQuantizeRows(k, name, spec); });
        int64_t m = 8, stride = spec.quantized.rowStride;
        TestVector<float> x = randomFloats(m * length, 8, 3.0f), scales(m, 0.02f);
        std::fill(x.begin(), x.begin() + length, 0.0f);
        for (int64_t i = 0; i < length; ++i)
          x[length + i] = i % 2 ? 127.0f : 0.5f * (i % 7); // scale 1 where a 127 is there: halves are ties
        x[3 * length - 1] = NAN;
        x[4 * length - 1] = -INFINITY;
        for (int64_t i = 0; i < length; ++i)
          x[4 * length + i] *= 1e-42f; // the reciprocal of the scale is infinite
        TestVector<uint8_t> y(m * stride, 77), zero(1, 3);
        std::vector<int64_t> words{word(x.data()), word(y.data()), word(scales.data()), word(zero.data()), m};
        ASSERT_EQ(kernel.runAll(words, *spec.numTasks(m).constant(), 0), 0);
        for (int64_t row = 0; row < m; ++row) {
          float greatest = 0;
          for (int64_t i = 0; i < length; ++i)
            if (float magnitude = std::fabs(x[row * length + i]); !(magnitude <= greatest) && !std::isnan(greatest))
              greatest = magnitude;
          std::string what = (isa->name + " length " + llvm::Twine(length) + " row " + llvm::Twine(row)).str();
          float scale = given ? 0.02f : greatest / 127.0f;
          EXPECT_TRUE(scales[row] == scale || (std::isnan(scale) && std::isnan(scales[row]))) << what;
          for (int64_t i = 0; i < stride; ++i) {
            int expected = i >= length ? 77 : quantized(x[row * length + i], scale, given ? 3 : 128, given);
            ASSERT_EQ(int(y[row * stride + i]), expected) << what << " at " << i;
          }
        }
      }
}

// Tests that a norm's row in bytes is what quantizing its row in f32 gives, with and without that row in memory.
TEST(CpuKernelQuantizedMatmul, NormsGiveBytes) {
  for (const Isa *isa : runnableIsas())
    for (int64_t length : {7, 384, 1000})
      for (bool given : {false, true})
        for (bool writesFloats : {false, true}) {
          NormSpec spec;
          spec.length = length;
          spec.hasResidual = true;
          spec.writesFloats = writesFloats;
          spec.quantized = QuantizedRows{given, /*divides=*/false, length + 1};
          NormSpec plain = spec;
          plain.quantized = std::nullopt;
          plain.writesFloats = true;
          LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildNorm(k, name, spec); });
          LoadedKernel reference(*isa, [&](KernelBuilder &k, llvm::StringRef name) { buildNorm(k, name, plain); });
          int64_t m = 5, tasks = *spec.numTasks(m).constant();
          TestVector<float> x = randomFloats(m * length, 1), residual = randomFloats(m * length, 2),
                            gamma = randomFloats(length, 3), beta = randomFloats(length, 4), y(m * length, 55.0f),
                            expected(m * length), scales(m, 0.02f);
          TestVector<uint8_t> bytes(m * (length + 1), 77), zero(1, 120);
          std::vector<int64_t> words{
              word(x.data()),     word(residual.data()), word(gamma.data()), word(beta.data()), 0, word(y.data()), m, 0,
              word(bytes.data()), word(scales.data()),   word(zero.data())};
          ASSERT_EQ(kernel.runAll(words, tasks, spec.scratchBytes()), 0);
          words[NormSpec::Y] = word(expected.data());
          ASSERT_EQ(reference.runAll(words, tasks, 0), 0);
          EXPECT_TRUE(sameBits(y, writesFloats ? expected : TestVector<float>(m * length, 55.0f)));
          for (int64_t row = 0; row < m; ++row) {
            float greatest = 0;
            for (int64_t i = 0; i < length; ++i)
              greatest = std::max(greatest, std::fabs(expected[row * length + i]));
            float scale = given ? 0.02f : greatest / 127.0f;
            EXPECT_EQ(scales[row], scale);
            for (int64_t i = 0; i <= length; ++i)
              ASSERT_EQ(int(bytes[row * (length + 1) + i]),
                        i == length ? 77 : quantized(expected[row * length + i], scale, given ? 120 : 128, false))
                  << isa->name.str() << " length " << length << " row " << row << " at " << i;
          }
        }
}
