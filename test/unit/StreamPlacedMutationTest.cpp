//===- StreamPlacedMutationTest.cpp - Mutated schedules of the compiler ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small programs are placed by the compiler, and their schedules changed: those that
// the simulator finds wrong must be refused by the verifier, which sees neither
// weights nor inputs.
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "runtime/sim/StreamSimulator.h"
#include "targets/stream/Emit/EncodeSchedule.h"
#include "test/unit/StreamMutations.h"
#include "test/unit/StreamTesting.h"

#include "llvm/Support/Error.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <random>

using namespace sinter;
using namespace sinter::stream;
using namespace sinter::test;

namespace {

struct Placed {
  std::string name;
  format::StreamSchedule schedule;
  std::vector<uint8_t> weights;
};

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
  Placed place(const std::string &name) {
    std::unique_ptr<Placer> placer = must(Placer::place(program, model));
    format::StreamSchedule schedule = must(encodeSchedule(program, *placer, model));
    std::vector<uint8_t> weights(layOutConstants(program, model).back());
    std::mt19937 random(9);
    for (uint8_t &weight : weights)
      weight = static_cast<uint8_t>(random()) & 0xbb; // never infinite as float16
    return {name, schedule, weights};
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

std::vector<Placed> placedPrograms() {
  std::vector<Placed> all;
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

/// The outputs for two sets of inputs; empty where the machine stops.
std::vector<std::vector<uint8_t>> execute(const format::StreamSchedule &schedule, const Placed &placed,
                                          const format::Chip &chip) {
  std::string error;
  auto simulator = sim::StreamSimulator::create(schedule, chip, placed.weights.data(), placed.weights.size(), error);
  if (!simulator)
    return {};
  std::vector<std::vector<uint8_t>> all;
  for (uint32_t seed : {1u, 2u}) {
    for (const format::Placement &input : placed.schedule.inputs()) {
      std::vector<uint8_t> bytes = drawBytes(input, seed);
      if (!simulator->setInput(input.name(), bytes.data(), bytes.size(), error))
        return {};
    }
    if (simulator->run() || !simulator->output("y"))
      return {};
    all.push_back(*simulator->output("y"));
  }
  return all;
}

TEST(StreamPlacedMutation, WrongSchedulesAreRefused) {
  const format::Chip chip = must(TargetModel::find("tsp1")).description;
  const char *more = std::getenv("SINTER_STREAM_MUTATIONS");
  int rounds = more ? std::atoi(more) : 30;
  std::vector<Placed> programs = placedPrograms();
  ASSERT_GE(programs.size(), 10u);
  std::vector<std::vector<std::vector<uint8_t>>> expected;
  for (const Placed &placed : programs) {
    std::optional<verify::Rejection> rejection = verify::verifyStreamSchedule(placed.schedule, chip);
    EXPECT_FALSE(rejection) << placed.name << ": " << rejection->text();
    expected.push_back(execute(placed.schedule, placed, chip));
    EXPECT_FALSE(expected.back().empty()) << placed.name;
  }
  int total = 0, wrong = 0, rightRefused = 0, kinds = 0;
  std::string report;
  for (const StreamMutation &mutation : streamMutations()) {
    std::mt19937 random(7);
    int done = 0, wrongHere = 0, refusedHere = 0;
    for (int round = 0; round < rounds; ++round) {
      size_t which = static_cast<size_t>(round) % programs.size();
      format::StreamSchedule schedule = programs[which].schedule;
      if (!mutation.apply(schedule, random))
        continue;
      // What is verified is what is written and read again.
      std::string bytes = schedule.SerializeAsString();
      ASSERT_TRUE(schedule.ParseFromString(bytes));
      ++done;
      bool isRight = execute(schedule, programs[which], chip) == expected[which];
      std::optional<verify::Rejection> rejection = verify::verifyStreamSchedule(schedule, chip);
      wrongHere += !isRight;
      refusedHere += isRight && rejection;
      if (isRight && rejection && more)
        printf("refused: %s, %s: %s\n", mutation.name.c_str(), programs[which].name.c_str(), rejection->text().c_str());
      EXPECT_TRUE(isRight || rejection) << mutation.name << ", " << programs[which].name << ", round " << round;
    }
    kinds += done > 0;
    total += done;
    wrong += wrongHere;
    rightRefused += refusedHere;
    report += mutation.name + ": " + std::to_string(done) + ", wrong " + std::to_string(wrongHere) +
              ", right but refused " + std::to_string(refusedHere) + "\n";
  }
  EXPECT_GE(kinds, 8);
  EXPECT_GE(wrong * 3, total) << report;
  EXPECT_LE(rightRefused * 10, total - wrong) << report;
  if (more)
    printf("%s%d of %d are wrong; of %d right ones %d are refused\n", report.c_str(), wrong, total, total - wrong,
           rightRefused);
}

} // namespace
