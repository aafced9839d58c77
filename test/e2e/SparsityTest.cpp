//===- SparsityTest.cpp - Weights with zeros, from the file to the run ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models of two products with a bias and a function between them, whose weights are
// made here, with zeros in them or none.
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"
#include "test/unit/StoredNpz.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>

using namespace sinter;
using namespace sinter::e2e;

namespace {

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

/// A message of protobuf as it is written.
class Message {
public:
  Message &number(unsigned field, uint64_t value) {
    varint(field << 3);
    varint(value);
    return *this;
  }
  Message &bytes(unsigned field, const std::string &value) {
    varint(field << 3 | 2);
    varint(value.size());
    text += value;
    return *this;
  }
  Message &message(unsigned field, const Message &value) { return bytes(field, value.text); }

  std::string text;

private:
  void varint(uint64_t value) {
    for (; value > 127; value >>= 7)
      text += char((value & 127) | 128);
    text += char(value);
  }
};

struct Matrix {
  Matrix(int64_t rows, int64_t columns, unsigned seed) : rows(rows), columns(columns), values(rows * columns) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 1.0f / std::sqrt(float(rows)));
    for (float &value : values)
      value = normal(random);
  }
  float &at(int64_t row, int64_t column) { return values[row * columns + column]; }
  /// Sets what `isZero` says to zero.
  void clear(const std::function<bool(int64_t row, int64_t column)> &isZero) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        if (isZero(row, column))
          at(row, column) = 0;
  }
  /// Leaves so many percent of the blocks of 16 x 16.
  void keepBlocks(unsigned percent, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<bool> keep((rows + 15) / 16 * ((columns + 15) / 16));
    for (size_t i = 0; i < keep.size(); ++i)
      keep[i] = random() % 100 < percent;
    clear([&](int64_t row, int64_t column) { return !keep[row / 16 * ((columns + 15) / 16) + column / 16]; });
  }

  int64_t rows, columns;
  std::vector<float> values;
};

Message tensor(const std::string &name, const std::vector<int64_t> &dims, const std::vector<float> &values) {
  Message message;
  for (int64_t size : dims)
    message.number(1, size);
  std::string raw(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
  return message.number(2, 1).bytes(8, name).bytes(9, raw);
}

Message value(const std::string &name, int64_t columns) {
  Message shape;
  shape.message(1, Message().bytes(2, "rows")).message(1, Message().number(1, columns));
  return Message().bytes(1, name).message(2, Message().message(1, Message().number(1, 1).message(2, shape)));
}

Message node(const std::string &type, const std::vector<std::string> &inputs, const std::string &output) {
  Message message;
  for (const std::string &input : inputs)
    message.bytes(1, input);
  return message.bytes(2, output).bytes(3, output).bytes(4, type);
}

/// y = relu(x * up + bias) * down
struct Model {
  Matrix up, down;
  std::vector<float> bias;

  Model(int64_t inputs, int64_t channels, int64_t outputs)
      : up(inputs, channels, 1), down(channels, outputs, 2), bias(channels) {
    for (int64_t i = 0; i < channels; ++i)
      bias[i] = 0.01f * (i % 7 - 3);
  }

  std::string write(const std::string &path) const {
    Message graph;
    graph.message(1, node("MatMul", {"x", "up"}, "up_product"))
        .message(1, node("Add", {"up_product", "bias"}, "sum"))
        .message(1, node("Relu", {"sum"}, "relu"))
        .message(1, node("MatMul", {"relu", "down"}, "y"))
        .bytes(2, "mlp")
        .message(5, tensor("up", {up.rows, up.columns}, up.values))
        .message(5, tensor("bias", {up.columns}, bias))
        .message(5, tensor("down", {down.rows, down.columns}, down.values))
        .message(11, value("x", up.rows))
        .message(12, value("y", down.columns));
    Message model;
    model.number(1, 8).message(7, graph).message(8, Message().bytes(1, "").number(2, 17));
    writeFile(path, model.text);
    return path;
  }

  /// In double. `hidden` gets what `down` is multiplied with.
  std::vector<float> run(const std::vector<float> &x, std::vector<double> *hidden = nullptr) {
    std::vector<float> y;
    for (size_t row = 0; row < x.size() / up.rows; ++row) {
      std::vector<double> channels(up.columns), sums(down.columns);
      for (int64_t k = 0; k < up.rows; ++k)
        for (int64_t j = 0; j < up.columns; ++j)
          channels[j] += double(x[row * up.rows + k]) * up.at(k, j);
      for (int64_t k = 0; k < down.rows; ++k) {
        double relu = std::max(channels[k] + bias[k], 0.0);
        if (hidden)
          hidden->push_back(relu);
        for (int64_t j = 0; j < down.columns; ++j)
          sums[j] += relu * down.at(k, j);
      }
      y.insert(y.end(), sums.begin(), sums.end());
    }
    return y;
  }
};

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

std::string npyHeader(int64_t rows, int64_t columns) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                       std::to_string(columns) + "), }";
  header.resize((10 + header.size() + 64) / 64 * 64 - 11, ' ');
  header += '\n';
  return std::string("\x93NUMPY\x01\x00", 8) + char(header.size() & 255) + char(header.size() >> 8) + header;
}

class Compiled {
public:
  Compiled(const std::string &name, const std::string &model, const std::vector<std::string> &options)
      : folder(freshFolder(name)), model(model), bundle(folder + "/bundle") {
    std::vector<std::string> arguments{"compile", model, "-o", bundle, "--format=json"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    Ended ended = runSinter(arguments);
    EXPECT_EQ(ended.status, 0) << ended.errors;
    said = ended.output;
  }

  /// Against the interpreter.
  void verify() const {
    Ended ended = runSinter({"verify", bundle, "--model", model, "--dim", "rows=70"});
    EXPECT_EQ(ended.status, 0) << ended.output << ended.errors;
    ended = runSinter({"verify", bundle, "--model", model, "--dim", "rows=1"});
    EXPECT_EQ(ended.status, 0) << ended.output << ended.errors;
  }

  std::vector<float> run(const std::vector<float> &x, int64_t columns) const {
    std::string input = folder + "/x.npy", output = folder + "/y.npy";
    writeFile(input, npyHeader(x.size() / columns, columns) +
                         std::string(reinterpret_cast<const char *>(x.data()), x.size() * sizeof(float)));
    Ended ended = runSinter({"run", bundle, "--input", "x=@" + input, "--output", "y=@" + output, "--threads", "2"});
    EXPECT_EQ(ended.status, 0) << ended.errors;
    std::string bytes = readFile(output);
    size_t start = bytes.find('\n') + 1;
    std::vector<float> y((bytes.size() - start) / sizeof(float));
    std::memcpy(y.data(), bytes.data() + start, y.size() * sizeof(float));
    return y;
  }

  int64_t weightsBytes() const {
    size_t at = said.find("\"weights_bytes\":");
    return at == std::string::npos ? -1 : std::stoll(said.substr(at + 16));
  }
  bool hasSparseKernel() const {
    return runSinter({"inspect", bundle}).output.find("sparse_matmul") != std::string::npos;
  }
  bool refuses(const std::string &text) const { return said.find(text) != std::string::npos; }

  std::string folder, model, bundle, said;
};

std::vector<float> makeInput(int64_t rows, int64_t columns) {
  Matrix x(rows, columns, 5);
  for (float &value : x.values)
    value *= std::sqrt(float(rows)); // each about 1
  return x.values;
}

/// Four of five blocks of 16 x 16 become 0, those with the least sum of squares, each weight times the norm of its row.
void pruneBlocks(Matrix &matrix, const std::vector<double> &norms) {
  int64_t perRow = matrix.columns / 16;
  std::vector<std::pair<double, int64_t>> scores(matrix.rows / 16 * perRow);
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t column = 0; column < matrix.columns; ++column) {
      auto &[score, block] = scores[row / 16 * perRow + column / 16];
      block = row / 16 * perRow + column / 16;
      score += std::pow(matrix.at(row, column) * norms[row], 2);
    }
  std::sort(scores.begin(), scores.end());
  std::vector<bool> zero(scores.size());
  for (size_t i = 0; i < scores.size() * 8 / 10; ++i)
    zero[scores[i].second] = true;
  matrix.clear([&](int64_t row, int64_t column) { return zero[row / 16 * perRow + column / 16]; });
}

/// Of each four weights of a column two become 0.
void pruneGroups(Matrix &matrix, const std::vector<double> &norms) {
  Matrix before = matrix;
  auto score = [&](int64_t row, int64_t column) { return std::fabs(before.at(row, column)) * norms[row]; };
  matrix.clear([&](int64_t row, int64_t column) {
    int greater = 0;
    for (int64_t other = row / 4 * 4; other < row / 4 * 4 + 4; ++other)
      greater += score(other, column) > score(row, column);
    return greater >= 2;
  });
}

/// Of the columns of rows that lie one after the other.
std::vector<double> normsOf(const std::vector<double> &rows, int64_t columns) {
  std::vector<double> norms(columns);
  for (size_t i = 0; i < rows.size(); ++i)
    norms[i % columns] += rows[i] * rows[i];
  for (double &norm : norms)
    norm = std::sqrt(norm);
  return norms;
}

double squaredDifference(const std::vector<float> &a, const std::vector<float> &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += std::pow(double(a[i]) - b[i], 2);
  return sum;
}

void expectNear(const std::vector<float> &actual, const std::vector<float> &expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], 2e-5) << i;
}

} // namespace

// Tests that blocks of zeros are found and not stored, that the results are those of the dense weights, and that the
// bundle keeps no more than it needs.
TEST(Sparsity, BlocksOfZerosAreNotStored) {
  Model model(500, 1030, 300);
  model.up.keepBlocks(20, 3);
  model.down.keepBlocks(20, 4);
  std::string file = model.write(freshFolder("sparsity-80") + "/mlp.onnx");
  Compiled compiled("sparsity-80-auto", file, {});
  EXPECT_TRUE(compiled.hasSparseKernel());
  EXPECT_FALSE(compiled.refuses("not zero")) << compiled.said;
  EXPECT_LT(compiled.weightsBytes(), (500 + 300) * 1030 * 4 * 3 / 10);
  compiled.verify();
  std::vector<float> x = makeInput(53, 500);
  expectNear(compiled.run(x, 500), model.run(x));

  Compiled dense("sparsity-80-none", file, {"--sparsity=none"});
  EXPECT_FALSE(dense.hasSparseKernel());
  EXPECT_GT(dense.weightsBytes(), (500 + 300) * 1030 * 4 - 1);
}

// Tests that at half the blocks either the sparse kernel is taken, or the user is told both figures.
TEST(Sparsity, HalfOfTheBlocksIsDecidedByTheTable) {
  Model model(512, 768, 256);
  model.up.keepBlocks(50, 3);
  Compiled compiled("sparsity-50-auto", model.write(freshFolder("sparsity-50") + "/mlp.onnx"), {});
  EXPECT_NE(compiled.hasSparseKernel(), compiled.refuses("ms are predicted for the sparse product and"))
      << compiled.said;
  compiled.verify();
  std::vector<float> x = makeInput(20, 512);
  expectNear(compiled.run(x, 512), model.run(x));
}

// Tests that weights are pruned on request, by the blocks' squares, and that other patterns are refused by name.
TEST(Sparsity, WeightsArePrunedOnRequest) {
  Model model(320, 640, 160);
  std::string file = model.write(freshFolder("sparsity-pruned") + "/mlp.onnx");
  std::vector<float> x = makeInput(33, 320);
  Compiled compiled("sparsity-pruned-blocks", file, {"--sparsity=block16x16:80"});
  EXPECT_TRUE(compiled.hasSparseKernel());
  compiled.verify();
  Model pruned = model;
  for (Matrix *matrix : {&pruned.up, &pruned.down})
    pruneBlocks(*matrix, std::vector<double>(matrix->rows, 1));
  expectNear(compiled.run(x, 320), pruned.run(x));

  Compiled groups("sparsity-pruned-groups", file, {"--sparsity=2:4"});
  EXPECT_FALSE(groups.hasSparseKernel());
  EXPECT_TRUE(groups.refuses("2:4 sparsity of")) << groups.said;
  groups.verify();

  Ended wrong = runSinter({"compile", file, "-o", groups.folder + "/wrong", "--sparsity=block16"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.errors.find("--sparsity=block16: it is auto, none, blockRxC:PERCENT"), std::string::npos)
      << wrong.errors;
}

// Tests that with calibration each weight counts as much as the channel that it is multiplied with, and that the
// outputs of the samples are nearer to those of the whole model than with weights pruned by magnitude alone.
TEST(Sparsity, CalibrationWeighsWhatIsPruned) {
  Model model(320, 640, 160);
  std::string folder = freshFolder("sparsity-wanda"), file = model.write(folder + "/mlp.onnx");
  std::vector<float> x = makeInput(48, 320);
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> sizes(320);
  for (float &size : sizes)
    size = std::exp(1.5f * normal(random));
  for (size_t i = 0; i < x.size(); ++i)
    x[i] *= sizes[i % 320];
  HostTensor sample(ElementType::F32, {48, 320});
  std::copy(x.begin(), x.end(), sample.as<float>().begin());
  freshFolder("sparsity-wanda/data");
  test::writeNpz(folder + "/data/0.npz", {{"x", sample}});

  std::vector<double> hidden;
  std::vector<float> whole = model.run(x, &hidden);
  std::vector<double> norms = normsOf({x.begin(), x.end()}, 320), hiddenNorms = normsOf(hidden, 640);
  for (bool isBlocks : {true, false}) {
    std::string pattern = isBlocks ? "--sparsity=block16x16:80" : "--sparsity=2:4";
    Model pruned = model;
    (isBlocks ? pruneBlocks : pruneGroups)(pruned.up, norms);
    (isBlocks ? pruneBlocks : pruneGroups)(pruned.down, hiddenNorms);
    Compiled calibrated("sparsity-wanda-calibrated", file, {pattern, "--calibrate=" + folder + "/data"});
    EXPECT_EQ(calibrated.hasSparseKernel(), isBlocks);
    calibrated.verify();
    std::vector<float> y = calibrated.run(x, 320), expected = pruned.run(x);
    double scale = 0;
    for (float value : expected)
      scale = std::max(scale, std::fabs(double(value)));
    ASSERT_EQ(y.size(), expected.size());
    for (size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(y[i], expected[i], 1e-5 * scale) << i;

    Compiled magnitudes("sparsity-wanda-magnitudes", file, {pattern});
    EXPECT_LT(squaredDifference(y, whole), 0.85 * squaredDifference(magnitudes.run(x, 320), whole)) << pattern;
  }

  // With codes: one calibration for both.
  Compiled quantized("sparsity-wanda-quantized", file,
                     {"--sparsity=block16x16:80", "--quantize=w8a8", "--calibrate=" + folder + "/data"});
  EXPECT_TRUE(quantized.hasSparseKernel());
  quantized.verify();
}

// Tests that weights that cannot be read are one error, which names the file.
TEST(Sparsity, WeightsThatCannotBeRead) {
  Model model(64, 32, 16);
  std::string folder = freshFolder("sparsity-unreadable"), file = model.write(folder + "/mlp.onnx");
  ASSERT_EQ(runSinter({"compile", file, "--compile-to=quantized", "-o", folder + "/mlp.mlir"}).status, 0);
  std::string bytes = readFile(file);
  writeFile(file, bytes.substr(0, bytes.size() / 2));
  Ended ended = runSinter({"compile", folder + "/mlp.mlir", "-o", folder + "/out"});
  EXPECT_EQ(ended.status, 3) << ended.errors;
  EXPECT_NE(ended.errors.find("of file '" + folder + "/mlp.onnx', which has"), std::string::npos) << ended.errors;
  EXPECT_EQ(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 1) << ended.errors;
  std::filesystem::remove(file);
  ended = runSinter({"compile", folder + "/mlp.mlir", "-o", folder + "/out"});
  EXPECT_EQ(ended.status, 3) << ended.errors;
  EXPECT_NE(ended.errors.find("mlp.onnx"), std::string::npos) << ended.errors;
  EXPECT_EQ(ended.errors.find("defect"), std::string::npos) << ended.errors;
  EXPECT_EQ(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 1) << ended.errors;
}

// Tests that channels that are zero, by their column or by their row, are taken out of both weights.
TEST(Sparsity, ZeroChannelsAreTakenOut) {
  Model model(96, 400, 64);
  auto isColumn = [](int64_t channel) { return channel % 4 == 1; };
  auto isRow = [](int64_t channel) { return channel % 10 == 2; };
  model.up.clear([&](int64_t, int64_t column) { return isColumn(column); });
  model.down.clear([&](int64_t row, int64_t) { return isRow(row); });
  int64_t kept = 0;
  for (int64_t i = 0; i < 400; ++i) {
    // The bias of a column of zeros is not always zero: then relu(bias) is what the channel adds.
    if (isColumn(i) && i % 8 == 1)
      model.bias[i] = 0;
    bool isZero = (isColumn(i) && model.bias[i] == 0) || isRow(i);
    kept += !isZero;
  }
  std::string file = model.write(freshFolder("sparsity-channels") + "/mlp.onnx");
  Compiled compiled("sparsity-channels-auto", file, {});
  // Panels of columns are padded to 16, and sections to 64 bytes.
  int64_t padded = (kept + 15) / 16 * 16;
  EXPECT_LE(compiled.weightsBytes(), (96 * padded + padded + padded * 64) * 4 + 3 * 64);
  EXPECT_GE(compiled.weightsBytes(), (96 * kept + kept + kept * 64) * 4);
  compiled.verify();
  std::vector<float> x = makeInput(9, 96);
  expectNear(compiled.run(x, 96), model.run(x));
}

// Tests that products of codes have no channels of zeros either, with what calibration saw of the others, and that a
// calibration of all channels is refused for some.
TEST(Sparsity, QuantizedZeroChannelsAreTakenOut) {
  Model model(96, 200, 64);
  model.up.clear([&](int64_t, int64_t column) { return column % 4 == 1; });
  for (int64_t i = 1; i < 200; i += 4)
    model.bias[i] = 0;
  std::string folder = freshFolder("sparsity-channels-quantized"), file = model.write(folder + "/mlp.onnx");
  std::vector<float> x = makeInput(40, 96);
  HostTensor sample(ElementType::F32, {40, 96});
  std::copy(x.begin(), x.end(), sample.as<float>().begin());
  freshFolder("sparsity-channels-quantized/data");
  test::writeNpz(folder + "/data/0.npz", {{"x", sample}});
  std::vector<float> expected = model.run(x);
  double square = squaredDifference(expected, std::vector<float>(expected.size()));
  for (std::string scheme : {"w8a8", "w4a8g4"}) {
    std::vector<std::string> options{"--quantize=" + scheme, "--calibrate=" + folder + "/data"};
    Compiled compiled("sparsity-channels-" + scheme, file, options);
    compiled.verify();
    double limit = scheme == "w8a8" ? 1e-3 : 1e-2;
    EXPECT_LT(squaredDifference(compiled.run(x, 96), expected), limit * square) << scheme;

    options.push_back("--sparsity=none");
    Compiled all("sparsity-channels-all", file, options);
    // 150 of 200 channels, padded.
    EXPECT_LT(compiled.weightsBytes(), 0.85 * all.weightsBytes()) << scheme;
    Ended ended = runSinter({"compile", file, "-o", folder + "/out", "--quantize=" + scheme,
                             "--calibration=" + all.bundle + "/calibration.json"});
    EXPECT_EQ(ended.status, 3);
    EXPECT_NE(ended.errors.find("calibration has seen 200 channels in the input of node 'y', which has 150"),
              std::string::npos)
        << ended.errors;
  }
}

// Tests that sparse products for query, key and value are one, whose results attention reads where they lie.
TEST(Sparsity, QueriesKeysAndValuesAreOneProduct) {
  std::string folder = freshFolder("sparsity-attention"), weights, product, parameters;
  for (unsigned i = 0; i < 3; ++i) {
    Matrix weight(256, 256, 11 + i);
    weight.keepBlocks(15, 20 + i);
    weights.append(reinterpret_cast<const char *>(weight.values.data()), weight.values.size() * sizeof(float));
    std::string name = "w" + std::to_string(i), n = std::to_string(i);
    parameters +=
        "sinter.weight @" + name + " raw 0 at " + std::to_string(i * 262144) + " length 262144 : tensor<256x256xf32>\n";
    product += "%" + name + " = sinter.parameter @" + name + " : tensor<256x256xf32>\n%" + n +
               " = sinter.matmul %x, %" + name +
               " : (tensor<10x256xf32>, tensor<256x256xf32>) -> tensor<10x256xf32> loc(\"product" + n + "\")\n%r" + n +
               " = sinter.reshape %" + n + " : tensor<10x256xf32> -> tensor<1x10x4x64xf32>\n";
  }
  writeFile(folder + "/weights.bin", weights);
  std::string file = folder + "/attention.mlir", type = "tensor<1x10x4x64xf32>";
  writeFile(file, "module attributes {sinter.files = [\"weights.bin\"], sinter.phase = \"canonical\"} {\n" +
                      parameters + "func.func @main(%x: tensor<10x256xf32> {sinter.name = \"x\"}) -> (" + type +
                      " {sinter.name = \"y\"}) {\n" + product + "%y = sinter.attention %r0, %r1, %r2 scale 0.125 : (" +
                      type + ", " + type + ", " + type + ") -> " + type + "\nreturn %y : " + type + "\n}\n}\n");
  for (std::vector<std::string> options : {std::vector<std::string>{}, {"--quantize=w8a8d"}}) {
    Compiled compiled("sparsity-attention-out", file, options);
    std::string kernels = runSinter({"inspect", compiled.bundle}).output;
    EXPECT_NE(kernels.find("\n  1 sparse_matmul_0\n"), std::string::npos) << kernels;
    EXPECT_EQ(kernels.find("matmul_1\n"), std::string::npos) << kernels;
    EXPECT_LT(compiled.weightsBytes(), 3 * 65536 * (options.empty() ? 4 : 1) / 4);
    Ended ended = runSinter({"verify", compiled.bundle, "--model", folder + "/attention.mlir"});
    EXPECT_EQ(ended.status, 0) << ended.output << ended.errors;
  }
}

// Tests that products of codes leave out the same blocks.
TEST(Sparsity, QuantizedBlocksOfZerosAreNotStored) {
  Model model(512, 1024, 256);
  model.up.keepBlocks(20, 3);
  model.down.keepBlocks(20, 4);
  std::string file = model.write(freshFolder("sparsity-quantized") + "/mlp.onnx");
  Compiled compiled("sparsity-quantized-auto", file, {"--quantize=w8a8d"});
  EXPECT_TRUE(compiled.hasSparseKernel());
  EXPECT_LT(compiled.weightsBytes(), (512 + 256) * 1024 * 3 / 10);
  compiled.verify();

  // With one scale for all rows the first product makes the bytes that the second reads.
  std::vector<float> x = makeInput(40, 512), expected = model.run(x);
  HostTensor sample(ElementType::F32, {1, 40, 512});
  std::copy(x.begin(), x.end(), sample.as<float>().begin());
  test::writeNpz(compiled.folder + "/x.npz", {{"x", sample}});
  Compiled bytes("sparsity-quantized-bytes", file, {"--quantize=w8a8s", "--calibrate=" + compiled.folder + "/x.npz"});
  std::string kernels = runSinter({"inspect", bytes.bundle}).output;
  EXPECT_NE(kernels.find("kernels: 3, run in 3 steps\n  1 quantize_0\n  1 sparse_matmul_0\n  1 sparse_matmul_1\n"),
            std::string::npos)
      << kernels;
  bytes.verify();
  double square = squaredDifference(expected, std::vector<float>(expected.size()));
  EXPECT_LT(squaredDifference(bytes.run(x, 512), expected), 1e-3 * square);
}
