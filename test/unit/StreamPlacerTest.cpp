//===- StreamPlacerTest.cpp - Placed tasks give the right values -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tasks are placed, encoded and executed by the simulator; values and cycles are
// compared with what the tasks mean, computed here in double.
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamTesting.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace sinter;
using namespace sinter::stream;

namespace {

TargetModel tsp1() { return must(TargetModel::find("tsp1")); }

/// A whole number below 2^11 as the bits of a half.
uint16_t half(int value) {
  if (value == 0)
    return 0;
  uint16_t sign = value < 0 ? 0x8000 : 0;
  unsigned magnitude = std::abs(value);
  int exponent = 31 - __builtin_clz(magnitude);
  return sign | (exponent + 15) << 10 | ((magnitude << (10 - exponent)) & 0x3ff);
}

struct Bench {
  TargetModel model = tsp1();
  StreamProgram program;
  std::vector<std::vector<uint8_t>> inputs; // by tensor
  std::map<std::string, std::vector<uint8_t>> results;
  int64_t cycles = 0;

  unsigned add(StreamTensor::Kind kind, std::string name, TensorShape shape, Hemisphere side = Hemisphere::East) {
    StreamTensor tensor;
    tensor.kind = kind;
    tensor.name = std::move(name);
    tensor.shape = std::move(shape);
    tensor.side = side;
    return program.add(std::move(tensor));
  }
  unsigned input(std::string name, TensorShape shape, const std::vector<uint8_t> &bytes) {
    unsigned tensor = add(StreamTensor::Input, std::move(name), std::move(shape));
    inputs.resize(tensor + 1);
    inputs[tensor] = bytes;
    return tensor;
  }
  /// Weights [k][n], whole numbers, of fp16, from row k0 and column n0 on, as a packed array.
  unsigned packHalves(const std::vector<int> &values, unsigned k, unsigned n, unsigned k0, unsigned n0,
                      Hemisphere side) {
    unsigned columns = std::min(n - n0, model.planeColumns), loads = (columns + 15) / 16;
    unsigned tensor =
        add(StreamTensor::Constant, "w", TensorShape::dense(Element::Int8, loads, 16 * model.lanes(), model), side);
    program.tensors[tensor].fill = [=](llvm::MutableArrayRef<uint8_t> words) {
      size_t next = 0;
      for (unsigned stream = 0; stream < 16; ++stream)
        for (unsigned load = 0; load < loads; ++load)
          for (unsigned lane = 0; lane < 320; ++lane) {
            unsigned column = n0 + load * 16 + stream / 2 * 2 + lane / 160, row = k0 + lane % 160;
            bool inside = column < n && column < n0 + columns && row < k;
            uint16_t bits = inside ? half(values[row * n + column]) : 0;
            words[next++] = stream % 2 ? bits >> 8 : bits & 255;
          }
      return llvm::Error::success();
    };
    return tensor;
  }
  void run() {
    SimulatedProgram simulated(program, model);
    auto &simulator = simulated.simulator;
    std::string error;
    ASSERT_TRUE(simulator);
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!inputs[i].empty())
        ASSERT_TRUE(simulator->setInput(program.tensors[i].name, inputs[i].data(), inputs[i].size(), error)) << error;
    std::optional<sim::StreamStop> stop = simulator->run();
    ASSERT_FALSE(stop) << stop->text();
    EXPECT_EQ(simulator->cycles(), simulated.schedule.cycles());
    cycles = simulated.schedule.cycles();
    for (const StreamTensor &tensor : program.tensors)
      if (tensor.kind == StreamTensor::Output)
        results[tensor.name] = *simulator->output(tensor.name);
  }
};

std::vector<uint8_t> bytesOf(const std::vector<float> &values) {
  std::vector<uint8_t> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
std::vector<float> floatsOf(const std::vector<uint8_t> &bytes) {
  std::vector<float> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

TEST(StreamPlacer, FunctionsOfVectors) {
  Bench bench;
  int64_t rows = 37, columns = 500;
  std::mt19937 random(1);
  std::vector<float> a, b, expected;
  for (int64_t i = 0; i < rows * columns; ++i) {
    a.push_back(int(random() % 2000) / 16.0f - 60);
    b.push_back(int(random() % 2000) / 16.0f - 60);
    float h = a.back() * 0.5f;
    float t = static_cast<float>(std::tanh(static_cast<double>(h)));
    float p = h * t;
    p = p + h;
    expected.push_back(p + b.back());
  }
  TensorShape shape = TensorShape::dense(Element::Float32, rows, columns, bench.model);
  unsigned x = bench.input("a", shape, bytesOf(a)), y = bench.input("b", shape, bytesOf(b)),
           z = bench.add(StreamTensor::Output, "z", shape);
  VectorProgram program;
  VectorOperand in = VectorOperand::input(program.addInput(Element::Float32));
  VectorOperand other = VectorOperand::input(program.addInput(Element::Float32));
  VectorOperand h = program.add(AluOp::Mul, Element::Float32, in, VectorOperand::constant(0.5f));
  VectorOperand t = program.add(AluOp::Tanh, Element::Float32, h);
  VectorOperand p = program.add(AluOp::Mul, Element::Float32, h, t);
  VectorOperand s = program.add(AluOp::Add, Element::Float32, p, h);
  program.results = {program.add(AluOp::Add, Element::Float32, s, other).index};
  for (unsigned vector = 0; vector < shape.numVectors(); ++vector) {
    Task task;
    task.rows = rows;
    task.program = std::make_shared<VectorProgram>(program);
    task.inputs = {{x, vector, 0, 1}, {y, vector, 0, 1}};
    task.results = {{z, vector, 0, 1}};
    bench.program.tasks.push_back(task);
  }
  bench.run();
  EXPECT_EQ(floatsOf(bench.results["z"]), expected);
}

TEST(StreamPlacer, ProductsOfHalves) {
  Bench bench;
  unsigned m = 50, k = 700, n = 500;
  std::mt19937 random(2);
  std::vector<int> a, w;
  std::vector<uint8_t> bytes;
  for (unsigned i = 0; i < m * k; ++i) {
    a.push_back(int(random() % 41) - 20);
    uint16_t bits = half(a.back());
    bytes.push_back(bits & 255);
    bytes.push_back(bits >> 8);
  }
  for (unsigned i = 0; i < k * n; ++i)
    w.push_back(int(random() % 41) - 20);
  unsigned x = bench.input("x", TensorShape::dense(Element::Float16, m, k, bench.model), bytes);
  std::vector<float> bias;
  for (unsigned j = 0; j < n; ++j)
    bias.push_back(j);
  unsigned c = bench.input("c", TensorShape::dense(Element::Float32, 1, n, bench.model), bytesOf(bias));
  unsigned y =
      bench.add(StreamTensor::Output, "y", TensorShape::dense(Element::Float32, m, n, bench.model), Hemisphere::West);
  VectorProgram program;
  program.takesProduct = true;
  VectorOperand product = VectorOperand::input(program.addInput(Element::Float32));
  VectorOperand added = VectorOperand::input(program.addInput(Element::Float32));
  program.results = {program.add(AluOp::Add, Element::Float32, product, added).index};
  for (unsigned n0 = 0; n0 < n; n0 += 320) {
    Task task;
    task.isFloat16 = true;
    task.rows = m;
    task.program = std::make_shared<VectorProgram>(program);
    for (unsigned k0 = 0; k0 < k; k0 += 160) {
      ProductTile tile;
      tile.activations = {x, k0 / 320, 0, 1};
      tile.half = k0 % 320 ? Half::High : Half::Low;
      tile.weights = bench.packHalves(w, k, n, k0, n0, n0 ? Hemisphere::West : Hemisphere::East);
      task.tiles.push_back(tile);
    }
    task.inputs = {{}, {c, n0 / 320, 0, 0}};
    task.results = {{y, n0 / 320, 0, 1}};
    bench.program.tasks.push_back(task);
  }
  bench.run();
  std::vector<float> got = floatsOf(bench.results["y"]);
  ASSERT_EQ(got.size(), m * n);
  for (unsigned i = 0; i < m; ++i)
    for (unsigned j = 0; j < n; ++j) {
      double sum = 0;
      for (unsigned l = 0; l < k; ++l)
        sum += a[i * k + l] * w[l * n + j];
      ASSERT_EQ(got[i * n + j], sum + bias[j]) << i << " " << j;
    }
  // Ten arrays on two units, which take turns at the first vector's slices: about seven times 50 rows, and one way
  // through the chip.
  EXPECT_LT(bench.cycles, 7 * 50 + 250);
}

} // namespace
