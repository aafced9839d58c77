//===- StreamPlacedMutationTest.cpp - Mutated schedules of the compiler ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small programs and graphs become schedules by the compiler, which are changed
// (StreamMutationTesting.h).
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamGraphs.h"
#include "test/unit/StreamMutationTesting.h"

#include "llvm/ADT/bit.h"

#include <algorithm>
#include <random>

using namespace sinter;
using namespace sinter::stream;
using namespace sinter::test;
using namespace sinter::testing;

namespace {

/// A program of tensors and tasks, whose constants and inputs are random.
struct Maker {
  TargetModel model = must(TargetModel::find("tsp1"));
  StreamProgram program;

  unsigned add(StreamTensor::Kind kind, const std::string &name, Element type, int64_t rows, unsigned columns,
               Hemisphere side = Hemisphere::East, unsigned interleave = 1) {
    StreamTensor tensor;
    tensor.kind = kind;
    tensor.name = name;
    tensor.shape = TensorShape::dense(type, rows, columns, model);
    tensor.shape.interleave = interleave;
    tensor.side = side;
    return program.add(std::move(tensor));
  }
  /// Results of a function of vectors of tensors, vector by vector.
  void map(const VectorProgram &function, int64_t rows, unsigned vectors, const std::vector<unsigned> &inputs,
           unsigned result, bool lastIsOneRow = false) {
    for (unsigned vector = 0; vector < vectors; ++vector) {
      Task task;
      task.rows = rows;
      task.program = std::make_shared<VectorProgram>(function);
      for (unsigned input : inputs)
        task.inputs.push_back({input, vector, 0, lastIsOneRow && input == inputs.back() ? 0 : 1});
      task.results = {{result, vector, 0, 1}};
      program.tasks.push_back(task);
    }
  }
  /// rows x [k][columns] of packed weights, in as many tiles of k as it takes, then a function of the sums.
  void product(bool isFloat16, unsigned activations, int64_t rows, unsigned k, unsigned columns,
               const VectorProgram &function, unsigned result) {
    Task task;
    task.isFloat16 = isFloat16;
    task.rows = rows;
    task.program = std::make_shared<VectorProgram>(function);
    unsigned depth = isFloat16 ? 160 : 320;
    for (unsigned first = 0; first < k; first += depth) {
      ProductTile tile;
      tile.activations = {activations, first / 320, 0, 1};
      tile.half = isFloat16 && first % 320 ? Half::High : Half::Low;
      tile.weights = add(StreamTensor::Constant, "w" + std::to_string(program.tensors.size()), Element::Int8,
                         (columns + 15) / 16, 16 * model.lanes());
      task.tiles.push_back(tile);
    }
    task.inputs = {{}};
    task.results = {{result, 0, 0, 1}};
    program.tasks.push_back(task);
  }
  MutationSubject place(const std::string &name) {
    std::unique_ptr<Placer> placer = must(Placer::place(program, model));
    format::StreamSchedule schedule = must(encodeSchedule(program, *placer, model));
    std::vector<uint8_t> weights(layOutConstants(program, model).back());
    std::mt19937 random(9);
    for (uint8_t &weight : weights)
      weight = static_cast<uint8_t>(random()) & 0xbb; // never infinite as float16
    return {name, schedule, weights, {}};
  }
};

VectorProgram addition(Element type) {
  VectorProgram function;
  VectorOperand a = VectorOperand::input(function.addInput(type)), b = VectorOperand::input(function.addInput(type));
  VectorOperand sum = function.add(AluOp::Add, type, a, b);
  function.results = {function.add(AluOp::Mul, type, sum, a).index};
  return function;
}

VectorProgram scaled(Element from, std::optional<Element> to) {
  VectorProgram function;
  function.takesProduct = true;
  VectorOperand value = VectorOperand::input(function.addInput(from));
  if (from == Element::Int32)
    value = function.convert(Element::Int32, Element::Float32, value);
  value = function.add(AluOp::Mul, Element::Float32, value, VectorOperand::constant(0.001f));
  if (to)
    value = function.convert(Element::Float32, *to, value);
  function.results = {value.index};
  return function;
}

std::vector<MutationSubject> placedPrograms() {
  std::vector<MutationSubject> all;
  struct Size {
    int64_t rows;
    unsigned columns;
  };
  for (Size size : {Size{3, 9}, Size{5, 500}, Size{20, 320}}) {
    Maker maker;
    unsigned a = maker.add(StreamTensor::Input, "a", Element::Float32, size.rows, size.columns);
    unsigned b = maker.add(StreamTensor::Input, "b", Element::Float32, size.rows, size.columns, Hemisphere::West);
    unsigned y = maker.add(StreamTensor::Output, "y", Element::Float32, size.rows, size.columns);
    maker.map(addition(Element::Float32), size.rows, (size.columns + 319) / 320, {a, b}, y);
    all.push_back(maker.place("sum of " + std::to_string(size.columns)));
  }
  {
    // In two steps, by way of a buffer, with a row for all.
    Maker maker;
    unsigned a = maker.add(StreamTensor::Input, "a", Element::Int32, 6, 100);
    unsigned b = maker.add(StreamTensor::Input, "b", Element::Int32, 6, 100);
    unsigned c = maker.add(StreamTensor::Input, "c", Element::Int32, 1, 100);
    unsigned t = maker.add(StreamTensor::Temporary, "t", Element::Int32, 6, 100, Hemisphere::West);
    unsigned y = maker.add(StreamTensor::Output, "y", Element::Int32, 6, 100);
    maker.map(addition(Element::Int32), 6, 1, {a, b}, t);
    maker.map(addition(Element::Int32), 6, 1, {t, c}, y, true);
    all.push_back(maker.place("two steps"));
  }
  for (Size size : {Size{4, 160}, Size{9, 300}, Size{24, 40}}) {
    Maker maker;
    unsigned x = maker.add(StreamTensor::Input, "x", Element::Float16, size.rows, 320);
    unsigned y = maker.add(StreamTensor::Output, "y", Element::Float32, size.rows, size.columns);
    maker.product(true, x, size.rows, 320, size.columns, scaled(Element::Float32, {}), y);
    all.push_back(maker.place("float16 product of " + std::to_string(size.columns)));
  }
  for (Size size : {Size{4, 320}, Size{30, 77}}) {
    Maker maker;
    unsigned x = maker.add(StreamTensor::Input, "x", Element::Int8, size.rows, 640);
    unsigned y = maker.add(StreamTensor::Output, "y", Element::Float32, size.rows, size.columns);
    maker.product(false, x, size.rows, 640, size.columns, scaled(Element::Int32, {}), y);
    all.push_back(maker.place("int8 product of " + std::to_string(size.columns)));
  }
  for (unsigned keys : {8u, 20u}) {
    // Rows that one product makes are the columns of another, as in attention; the last LOAD has more than there are.
    Maker maker;
    unsigned x = maker.add(StreamTensor::Input, "x", Element::Float16, keys, 320);
    unsigned rows = maker.add(StreamTensor::Temporary, "k", Element::Float16, keys, 160, Hemisphere::East, 8);
    maker.program.tensors[rows].isPadded = true;
    unsigned y = maker.add(StreamTensor::Output, "y", Element::Float32, 5, keys);
    maker.product(true, x, keys, 320, 160, scaled(Element::Float32, Element::Float16), rows);
    Task task;
    task.isFloat16 = true;
    task.rows = 5;
    task.program = std::make_shared<VectorProgram>(scaled(Element::Float32, {}));
    ProductTile tile;
    tile.activations = {x, 0, 0, 1};
    tile.loads.push_back({{rows, 0, 0, 1}, Half::Low, 0, keys, 0x3ff});
    task.tiles = {tile};
    task.inputs = {{}};
    task.results = {{y, 0, 0, 1}};
    maker.program.tasks.push_back(task);
    all.push_back(maker.place("rows as columns, " + std::to_string(keys)));
  }
  return all;
}

std::vector<uint8_t> drawBytes(const format::Placement &placement, uint32_t seed) {
  std::mt19937 random(seed * 31 + placement.name().front());
  std::vector<uint8_t> bytes;
  for (uint32_t i = 0; i < placement.rows() * placement.columns(); ++i) {
    uint32_t element = random();
    unsigned width = 4;
    if (placement.type() == format::FLOAT32)
      element = (element & 0x87ffffff) + 0x3c000000;
    else if (placement.type() == format::FLOAT16)
      element &= 0xb7ff, width = 2;
    else if (placement.type() == format::INT8)
      width = 1;
    for (unsigned byte = 0; byte < width; ++byte)
      bytes.push_back(static_cast<uint8_t>(element >> 8 * byte));
  }
  return bytes;
}

/// Of one schedule. Most mutations show in the first.
constexpr uint32_t numExecutions = 16;

TEST(StreamPlacedMutation, PlacedPrograms) {
  std::vector<MutationSubject> subjects = placedPrograms();
  for (MutationSubject &subject : subjects)
    for (uint32_t seed = 1; seed <= numExecutions; ++seed) {
      auto &inputs = subject.inputs.emplace_back();
      for (const format::Placement &input : subject.schedule.inputs())
        inputs[input.name()] = drawBytes(input, seed);
    }
  checkMutations(subjects, must(TargetModel::find("tsp1")).description);
}

/// Elements of all magnitudes from one execution to the next, some of which lie where rounding to fp16 turns.
HostTensor drawTensor(const HostTensor &like, uint32_t seed) {
  if (like.type != ElementType::F32) {
    HostTensor indices = like;
    int64_t count = *std::max_element(like.as<int64_t>().begin(), like.as<int64_t>().end()) + 1;
    std::mt19937 random(seed);
    for (int64_t &index : indices.as<int64_t>())
      index = random() % count;
    indices.as<int64_t>()[seed % indices.numElements()] = count - 1;
    return indices;
  }
  static const float factors[] = {1, 0x1p-10f, 6, 0x1p-5f, 64};
  std::vector<float> elements = makeNoise(*countElements(like.dims), seed * 31 + like.dims.front());
  for (size_t i = 0; i < elements.size(); ++i) {
    elements[i] *= factors[seed % std::size(factors)];
    if (seed % 2) // fp16 has 13 bits fewer
      elements[i] = llvm::bit_cast<float>((llvm::bit_cast<uint32_t>(elements[i]) & ~0x1fffu) + 0xfff + uint32_t(i % 3));
  }
  return f32(like.dims, elements);
}

MutationSubject lower(const std::string &name, const Graph &graph) {
  TargetModel model = must(TargetModel::find("tsp1"));
  StreamProgram program = must(graph.lower(model));
  EncodedProgram encoded(program, model);
  MutationSubject subject = {name, encoded.schedule, encoded.weights, {}};
  for (uint32_t seed = 0; seed < numExecutions; ++seed) {
    std::vector<HostTensor> inputs;
    for (const HostTensor &input : graph.inputs)
      inputs.push_back(drawTensor(input, seed));
    auto &bytes = subject.inputs.emplace_back();
    for (const StreamTensor &tensor : program.tensors)
      if (tensor.kind == StreamTensor::Input)
        bytes[tensor.name] = Graph::bytesOf(tensor, inputs, model);
  }
  return subject;
}

std::vector<MutationSubject> loweredGraphs() {
  std::vector<MutationSubject> all;
  all.push_back(lower("functions", Graph({{"c", {9}}}, {{"x", {3, 9}}, {"z", {3, 9}}}, R"(
    %0 = sinter.elementwise silu(%x) NUM : (tensor<3x9xf32>) -> tensor<3x9xf32>
    %1 = sinter.elementwise div(%0, %z) NUM : (tensor<3x9xf32>, tensor<3x9xf32>) -> tensor<3x9xf32>
    %2 = sinter.elementwise min(%1, %c) NUM : (tensor<3x9xf32>, tensor<9xf32>) -> tensor<3x9xf32>
    %3 = sinter.elementwise gelu_tanh(%2) NUM : (tensor<3x9xf32>) -> tensor<3x9xf32>
    %y = sinter.elementwise sub(%3, %0) NUM : (tensor<3x9xf32>, tensor<3x9xf32>) -> tensor<3x9xf32>)",
                                         {3, 9})));
  all.push_back(lower("few columns", Graph({{"w1", {32, 48}}, {"b1", {48}}, {"w2", {48, 16}}}, {{"x", {5, 32}}}, R"(
    %0 = sinter.matmul %x, %w1 NUM : (tensor<5x32xf32>, tensor<32x48xf32>) -> tensor<5x48xf32>
    %1 = sinter.elementwise add(%0, %b1) NUM : (tensor<5x48xf32>, tensor<48xf32>) -> tensor<5x48xf32>
    %2 = sinter.elementwise relu(%1) NUM : (tensor<5x48xf32>) -> tensor<5x48xf32>
    %y = sinter.matmul %2, %w2 NUM : (tensor<5x48xf32>, tensor<48x16xf32>) -> tensor<5x16xf32>)",
                                           {5, 16})));
  all.push_back(lower("float16 product", Graph({{"w", {400, 200}}, {"b", {200}}}, {{"x", {6, 400}}}, R"(
    %0 = sinter.matmul %x, %w NUM : (tensor<6x400xf32>, tensor<400x200xf32>) -> tensor<6x200xf32>
    %y = sinter.elementwise add(%0, %b) NUM : (tensor<6x200xf32>, tensor<200xf32>) -> tensor<6x200xf32>)",
                                               {6, 200})));
  all.push_back(lower("product of codes", makeCodes(30, 400, 50, 30, "i8", 0)));
  all.push_back(lower("product of codes around a zero point", makeCodes(40, 100, 90, 20, "ui8", 107)));
  all.push_back(lower("layer norm", Graph({{"s", {350}}, {"b", {350}}}, {{"x", {9, 350}}}, R"(
    %y = sinter.layer_norm %x scale %s bias %b axis 1 epsilon 1.0e-5 NUM : (tensor<9x350xf32>, tensor<350xf32>, tensor<350xf32>) -> tensor<9x350xf32>)",
                                          {9, 350})));
  all.push_back(lower("rms norm", Graph({{"s", {100}}, {"w", {100, 20}}}, {{"x", {6, 100}}}, R"(
    %0 = sinter.rms_norm %x scale %s axis 1 epsilon 1.0e-6 NUM : (tensor<6x100xf32>, tensor<100xf32>) -> tensor<6x100xf32>
    %y = sinter.matmul %0, %w NUM : (tensor<6x100xf32>, tensor<100x20xf32>) -> tensor<6x20xf32>)",
                                        {6, 20})));
  all.push_back(lower("attention", makeAttention({1, 10, 12, 2, 2, 16, 16})));
  all.push_back(lower("attention with a mask", makeAttention({1, 5, 9, 2, 2, 32, 16, true, true})));
  all.push_back(lower("attention of groups", makeAttention({1, 4, 7, 4, 2, 20, 20, true})));
  Graph table({{"t", {300, 100}}, {"u", {280, 100}}, {"w", {100, 16}}}, {{"a", {6}}, {"b", {6}}}, R"(
    %0 = sinter.gather %t[%a] axis 0 : (tensor<300x100xf32>, tensor<6xi64>) -> tensor<6x100xf32>
    %1 = sinter.gather %u[%b] axis 0 : (tensor<280x100xf32>, tensor<6xi64>) -> tensor<6x100xf32>
    %2 = sinter.elementwise add(%0, %1) NUM : (tensor<6x100xf32>, tensor<6x100xf32>) -> tensor<6x100xf32>
    %y = sinter.matmul %2, %w NUM : (tensor<6x100xf32>, tensor<100x16xf32>) -> tensor<6x16xf32>)",
              {6, 16}, /*hasIndices=*/true);
  table.inputs = {i64({6}, {0, 299, 5, 5, 21, 17}), i64({6}, {2, 0, 279, 1, 258, 0})};
  all.push_back(lower("rows of tables", table));
  all.push_back(lower("layer", makeLayer({8, false, 64, 2, 128, "1.0e-3"})));
  all.push_back(lower("layer of codes", makeLayer({8, true, 64, 2, 128, "1.0e-3"})));
  return all;
}

TEST(StreamPlacedMutation, LoweredGraphs) {
  checkMutations(loweredGraphs(), must(TargetModel::find("tsp1")).description);
}

} // namespace
