//===- StreamMovementTest.cpp - Elements that change their places ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Transposes, slices, joins and rotations on the streaming chip, and functions and
// products of what they give: bit for bit the interpreter's.
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamGraphs.h"

using namespace sinter;
using namespace sinter::stream;
using namespace sinter::testing;

namespace {

TEST(StreamMovement, FunctionsOfTransposedSlices) {
  Graph graph({{"c", {5, 1}}, {"d", {9, 340}}}, {{"x", {2, 9, 340}}}, R"(
    %0 = sinter.elementwise tanh(%x) NUM : (tensor<2x9x340xf32>) -> tensor<2x9x340xf32>
    %1 = sinter.transpose %0 [0, 2, 1] : tensor<2x9x340xf32> -> tensor<2x340x9xf32>
    %2 = sinter.slice %1 starts <"0", "0", "1"> steps <"1", "1", "2"> : tensor<2x340x9xf32> -> tensor<2x340x4xf32>
    %3 = sinter.slice %1 starts <"0", "0", "2"> steps <"1", "1", "1"> : tensor<2x340x9xf32> -> tensor<2x340x4xf32>
    %4 = sinter.elementwise sub(%2, %3) NUM : (tensor<2x340x4xf32>, tensor<2x340x4xf32>) -> tensor<2x340x4xf32>
    %y = sinter.transpose %4 [2, 0, 1] : tensor<2x340x4xf32> -> tensor<4x2x340xf32>)",
              {4, 2, 340});
  compare(graph);
}

TEST(StreamMovement, EverySecondOfManyRows) {
  // In runs of rows that are not neighbours.
  Graph graph({}, {{"x", {131, 20}}}, R"(
    %0 = sinter.elementwise tanh(%x) NUM : (tensor<131x20xf32>) -> tensor<131x20xf32>
    %1 = sinter.slice %0 starts <"1", "0"> steps <"2", "1"> : tensor<131x20xf32> -> tensor<65x20xf32>
    %2 = sinter.slice %0 starts <"0", "0"> steps <"2", "1"> : tensor<131x20xf32> -> tensor<65x20xf32>
    %y = sinter.elementwise sub(%1, %2) NUM : (tensor<65x20xf32>, tensor<65x20xf32>) -> tensor<65x20xf32>)",
              {65, 20});
  compare(graph);
}

TEST(StreamMovement, ColumnsAreRepeatedAlongTheResult) {
  // Each element of %b goes to all lanes, each row of %a to several rows.
  Graph graph({{"w", {6, 3}}, {"c", {1, 7, 1, 3}}}, {{"a", {2, 7, 5}}, {"x", {2, 5, 6}}}, R"(
    %0 = sinter.elementwise tanh(%a) NUM : (tensor<2x7x5xf32>) -> tensor<2x7x5xf32>
    %1 = sinter.transpose %0 [0, 1, 2] : tensor<2x7x5xf32> -> tensor<2x7x5xf32>
    %2 = sinter.reshape %1 : tensor<2x7x5xf32> -> tensor<2x7x5x1xf32>
    %3 = sinter.matmul %x, %w NUM : (tensor<2x5x6xf32>, tensor<6x3xf32>) -> tensor<2x5x3xf32>
    %4 = sinter.reshape %3 : tensor<2x5x3xf32> -> tensor<2x1x5x3xf32>
    %5 = sinter.elementwise mul(%2, %4) NUM : (tensor<2x7x5x1xf32>, tensor<2x1x5x3xf32>) -> tensor<2x7x5x3xf32>
    %y = sinter.elementwise add(%c, %5) NUM : (tensor<1x7x1x3xf32>, tensor<2x7x5x3xf32>) -> tensor<2x7x5x3xf32>)",
              {2, 7, 5, 3});
  compare(graph);
}

TEST(StreamMovement, TensorsOneBehindTheOther) {
  // Along rows with a constant, and along columns across the end of a vector.
  Graph graph({{"c", {2, 1, 300}}}, {{"x", {2, 3, 300}}, {"z", {2, 4, 90}}}, R"(
    %0 = sinter.elementwise tanh(%x) NUM : (tensor<2x3x300xf32>) -> tensor<2x3x300xf32>
    %1 = sinter.concat 1 (%c, %0) : (tensor<2x1x300xf32>, tensor<2x3x300xf32>) -> tensor<2x4x300xf32>
    %y = sinter.concat 2 (%1, %z) : (tensor<2x4x300xf32>, tensor<2x4x90xf32>) -> tensor<2x4x390xf32>)",
              {2, 4, 390});
  compare(graph);
}

TEST(StreamMovement, ElementsAround) {
  Graph graph({}, {{"x", {2, 3, 20}}}, R"(
    %0 = sinter.elementwise tanh(%x) NUM : (tensor<2x3x20xf32>) -> tensor<2x3x20xf32>
    %v = sinter.constant dense<1.0> : tensor<f32>
    %1 = sinter.pad constant %0 value %v low <"1", "2", "0"> high <"0", "-1", "0"> : (tensor<2x3x20xf32>, tensor<f32>) -> tensor<3x4x20xf32>
    %y = sinter.pad constant %1 low <"0", "0", "3"> high <"0", "1", "2"> : (tensor<3x4x20xf32>) -> tensor<3x5x25xf32>)",
              {3, 5, 25});
  compare(graph);
}

TEST(StreamMovement, RowsAreJoinedAndCut) {
  Graph graph({{"w", {16, 8}}}, {{"x", {6, 8}}}, R"(
    %0 = sinter.elementwise tanh(%x) NUM : (tensor<6x8xf32>) -> tensor<6x8xf32>
    %1 = sinter.reshape %0 : tensor<6x8xf32> -> tensor<3x16xf32>
    %2 = sinter.matmul %1, %w NUM : (tensor<3x16xf32>, tensor<16x8xf32>) -> tensor<3x8xf32>
    %y = sinter.reshape %2 : tensor<3x8xf32> -> tensor<12x2xf32>)",
              {12, 2});
  compare(graph);
}

TEST(StreamMovement, TheHostMovesElementsOfInputs) {
  Graph graph({{"w", {12, 5}}}, {{"x", {2, 3, 4, 4}}}, R"(
    %0 = sinter.slice %x starts <"0", "0", "0", "0"> steps <"1", "1", "1", "1"> : tensor<2x3x4x4xf32> -> tensor<2x3x4x2xf32>
    %1 = sinter.reshape %0 : tensor<2x3x4x2xf32> -> tensor<2x3x2x2x1x2xf32>
    %2 = sinter.transpose %1 [0, 2, 4, 1, 3, 5] : tensor<2x3x2x2x1x2xf32> -> tensor<2x2x1x3x2x2xf32>
    %3 = sinter.reshape %2 : tensor<2x2x1x3x2x2xf32> -> tensor<2x2x12xf32>
    %y = sinter.matmul %3, %w NUM : (tensor<2x2x12xf32>, tensor<12x5xf32>) -> tensor<2x2x5xf32>)",
              {2, 2, 5});
  compare(graph);
}

TEST(StreamMovement, ProductsOfComputedTensors) {
  Graph graph({{"w", {2, 4, 6}}}, {{"a", {2, 3, 5}}, {"b", {2, 5, 4}}}, R"(
    %0 = sinter.matmul %a, %b DOT : (tensor<2x3x5xf32>, tensor<2x5x4xf32>) -> tensor<2x3x4xf32>
    %1 = sinter.matmul %0, %w DOT : (tensor<2x3x4xf32>, tensor<2x4x6xf32>) -> tensor<2x3x6xf32>
    %2 = sinter.transpose %1 [0, 2, 1] : tensor<2x3x6xf32> -> tensor<2x6x3xf32>
    %y = sinter.matmul %2, %1 DOT : (tensor<2x6x3xf32>, tensor<2x3x6xf32>) -> tensor<2x6x6xf32>)",
              {2, 6, 6});
  compare(graph);
}

TEST(StreamMovement, TwoProductsOfAGate) {
  Graph graph({{"v", {20, 330}}, {"w", {20, 330}}}, {{"x", {7, 20}}}, R"(
    %0 = sinter.matmul %x, %v NUM : (tensor<7x20xf32>, tensor<20x330xf32>) -> tensor<7x330xf32>
    %1 = sinter.elementwise silu(%0) NUM : (tensor<7x330xf32>) -> tensor<7x330xf32>
    %2 = sinter.matmul %x, %w NUM : (tensor<7x20xf32>, tensor<20x330xf32>) -> tensor<7x330xf32>
    %y = sinter.elementwise mul(%1, %2) NUM : (tensor<7x330xf32>, tensor<7x330xf32>) -> tensor<7x330xf32>)",
              {7, 330});
  compare(graph);
}

TEST(StreamMovement, FunctionsAndNormsOfHeads) {
  // Rows of the operands are those of heads, not of all columns that a product gave.
  Graph graph({{"w", {20, 48}}, {"s", {16}}, {"b", {1, 1, 3, 16}}, {"v", {16, 5}}}, {{"x", {2, 7, 20}}}, R"(
    %0 = sinter.matmul %x, %w NUM : (tensor<2x7x20xf32>, tensor<20x48xf32>) -> tensor<2x7x48xf32>
    %1 = sinter.reshape %0 : tensor<2x7x48xf32> -> tensor<2x7x3x16xf32>
    %2 = sinter.elementwise mul(%1, %b) NUM : (tensor<2x7x3x16xf32>, tensor<1x1x3x16xf32>) -> tensor<2x7x3x16xf32>
    %3 = sinter.rms_norm %2 scale %s axis 3 epsilon 1.0e-6 NUM : (tensor<2x7x3x16xf32>, tensor<16xf32>) -> tensor<2x7x3x16xf32>
    %4 = sinter.matmul %3, %v NUM : (tensor<2x7x3x16xf32>, tensor<16x5xf32>) -> tensor<2x7x3x5xf32>
    %y = sinter.reshape %4 : tensor<2x7x3x5xf32> -> tensor<2x7x15xf32>)",
              {2, 7, 15});
  compare(graph);
}

TEST(StreamMovement, Reductions) {
  // Along rows, along columns, and along both, with an odd number of elements and one.
  for (std::string kind : {"sum", "mean", "max", "min"}) {
    Graph graph(
        {}, {{"x", {2, 7, 24}}},
        R"(
    %0 = sinter.elementwise tanh(%x) NUM : (tensor<2x7x24xf32>) -> tensor<2x7x24xf32>
    %1 = sinter.reduce )" +
            kind +
            R"( %0 [1] {keep_dims, sinter.numerics = #sinter.numerics<operands f16, tile 160, chains 4>} : tensor<2x7x24xf32> -> tensor<2x1x24xf32>
    %2 = sinter.elementwise sub(%0, %1) NUM : (tensor<2x7x24xf32>, tensor<2x1x24xf32>) -> tensor<2x7x24xf32>
    %3 = sinter.reduce )" +
            kind + R"( %2 [2] NUM : tensor<2x7x24xf32> -> tensor<2x7xf32>
    %4 = sinter.reshape %3 : tensor<2x7xf32> -> tensor<2x7x1xf32>
    %5 = sinter.elementwise mul(%4, %0) NUM : (tensor<2x7x1xf32>, tensor<2x7x24xf32>) -> tensor<2x7x24xf32>
    %6 = sinter.reduce )" +
            kind + R"( %5 [0, 1] NUM : tensor<2x7x24xf32> -> tensor<24xf32>
    %y = sinter.reshape %6 : tensor<24xf32> -> tensor<1x24xf32>)",
        {1, 24});
    compare(graph);
  }
}

TEST(StreamMovement, TheHostAddsZerosAroundInputs) {
  Graph graph({{"w", {3, 5}}}, {{"x", {2, 3, 4}}}, R"(
    %0 = sinter.pad constant %x low <"0", "0", "2"> high <"0", "0", "1"> : (tensor<2x3x4xf32>) -> tensor<2x3x7xf32>
    %1 = sinter.transpose %0 [0, 2, 1] : tensor<2x3x7xf32> -> tensor<2x7x3xf32>
    %y = sinter.matmul %1, %w NUM : (tensor<2x7x3xf32>, tensor<3x5xf32>) -> tensor<2x7x5xf32>)",
              {2, 7, 5});
  compare(graph);
}

//===----------------------------------------------------------------------===//
// Rotary
//===----------------------------------------------------------------------===//

/// Queries of 4 heads and keys of 2, of 24 elements each, are rotated before an attention; `isComputed`: by angles that
/// are inputs.
void compareRotary(int64_t length, int64_t pairs, bool isInterleaved, bool isComputed) {
  std::string body;
  auto add = [&](std::string line, const std::vector<std::pair<std::string, std::string>> &words) {
    for (auto &[word, text] : words)
      for (size_t at; (at = line.find(word)) != std::string::npos;)
        line.replace(at, word.size(), text);
    body += line;
  };
  std::string angles = "tensor<" + std::to_string(length) + "x1x" + std::to_string(pairs) + "xf32>",
              flags = isInterleaved ? "{interleaved, " : "{", l = std::to_string(length);
  for (std::string name : {"q", "k"})
    add(R"(
    %@0 = sinter.matmul %x, %w@ NUM : (tensor<2x#x30xf32>, tensor<30x$xf32>) -> tensor<2x#x$xf32>
    %@1 = sinter.reshape %@0 : tensor<2x#x$xf32> -> tensor<2x#x!x24xf32>
    %@ = sinter.rotary %@1 cos %c sin %s ~STEPS} : (tensor<2x#x!x24xf32>, &, &) -> tensor<2x#x!x24xf32>)",
        {{"@", name},
         {"#", l},
         {"$", name == "q" ? "96" : "48"},
         {"!", name == "q" ? "4" : "2"},
         {"~", flags},
         {"&", angles},
         {"STEPS", numerics(160).substr(1, numerics(160).size() - 2)}});
  add(R"(
    %v0 = sinter.matmul %x, %wv NUM : (tensor<2x@x30xf32>, tensor<30x48xf32>) -> tensor<2x@x48xf32>
    %v = sinter.reshape %v0 : tensor<2x@x48xf32> -> tensor<2x@x2x24xf32>
    %y = sinter.attention %q, %k, %v scale 0.3 NUM : (tensor<2x@x4x24xf32>, tensor<2x@x2x24xf32>, tensor<2x@x2x24xf32>) -> tensor<2x@x4x24xf32>)",
      {{"@", l}});
  std::vector<std::pair<std::string, std::vector<int64_t>>> weights = {
      {"wq", {30, 96}}, {"wk", {30, 48}}, {"wv", {30, 48}}};
  std::vector<std::pair<std::string, std::vector<int64_t>>> arguments = {{"x", {2, length, 30}}};
  for (std::string name : {"c", "s"})
    (isComputed ? arguments : weights).push_back({name, {length, 1, pairs}});
  compare(Graph(weights, arguments, body, {2, length, 4, 24}));
}

TEST(StreamMovement, Rotary) { compareRotary(5, 12, false, false); }
TEST(StreamMovement, RotaryOfManyRows) { compareRotary(19, 12, false, false); }
TEST(StreamMovement, RotaryOfNeighbours) { compareRotary(5, 12, true, false); }
TEST(StreamMovement, RotaryOfSomeElements) {
  compareRotary(5, 4, false, false);
  compareRotary(5, 4, true, false);
}
TEST(StreamMovement, RotaryByComputedAngles) {
  compareRotary(5, 12, false, true);
  compareRotary(5, 5, true, true);
}

TEST(StreamMovement, RotaryOfAnInputAcrossSuperlanes) {
  Graph graph({{"c", {3, 1, 80}}, {"s", {3, 1, 80}}}, {{"x", {3, 2, 160}}}, R"(
    %y = sinter.rotary %x cos %c sin %s NUM : (tensor<3x2x160xf32>, tensor<3x1x80xf32>, tensor<3x1x80xf32>) -> tensor<3x2x160xf32>)",
              {3, 2, 160});
  compare(graph);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

TEST(StreamMovement, AttentionsOfOneValue) {
  // %x is all of the first, with one head, and queries of the second, scaled otherwise.
  Graph graph({{"w", {32, 64}}}, {{"x", {1, 6, 32}}}, R"(
    %h = sinter.reshape %x : tensor<1x6x32xf32> -> tensor<1x6x1x32xf32>
    %0 = sinter.attention %h, %h, %h scale 0.2 NUM : (tensor<1x6x1x32xf32>, tensor<1x6x1x32xf32>, tensor<1x6x1x32xf32>) -> tensor<1x6x1x32xf32>
    %1 = sinter.elementwise add(%0, %h) NUM : (tensor<1x6x1x32xf32>, tensor<1x6x1x32xf32>) -> tensor<1x6x1x32xf32>
    %2 = sinter.reshape %1 : tensor<1x6x1x32xf32> -> tensor<1x6x2x16xf32>
    %g = sinter.reshape %x : tensor<1x6x32xf32> -> tensor<1x6x2x16xf32>
    %y = sinter.attention %g, %2, %2 scale 0.3 NUM : (tensor<1x6x2x16xf32>, tensor<1x6x2x16xf32>, tensor<1x6x2x16xf32>) -> tensor<1x6x2x16xf32>)",
              {1, 6, 2, 16});
  compare(graph);
}

TEST(StreamMovement, TilesAreWhatProductsSay) {
  // Heads of 24 lie six to a half, and a product by weights takes 160 columns: of what an attention reads, too, and of
  // the sum of an attention's result and something else.
  Graph graph({{"w", {192, 192}}, {"v", {192, 24}}}, {{"x", {1, 6, 192}}}, R"(
    %0 = sinter.matmul %x, %w NUM : (tensor<1x6x192xf32>, tensor<192x192xf32>) -> tensor<1x6x192xf32>
    %1 = sinter.reshape %0 : tensor<1x6x192xf32> -> tensor<1x6x8x24xf32>
    %2 = sinter.matmul %0, %w NUM : (tensor<1x6x192xf32>, tensor<192x192xf32>) -> tensor<1x6x192xf32>
    %3 = sinter.attention %1, %1, %1 scale 0.2 NUM : (tensor<1x6x8x24xf32>, tensor<1x6x8x24xf32>, tensor<1x6x8x24xf32>) -> tensor<1x6x8x24xf32>
    %4 = sinter.reshape %3 : tensor<1x6x8x24xf32> -> tensor<1x6x192xf32>
    %5 = sinter.elementwise tanh(%2) NUM : (tensor<1x6x192xf32>) -> tensor<1x6x192xf32>
    %6 = sinter.transpose %5 [0, 1, 2] : tensor<1x6x192xf32> -> tensor<1x6x192xf32>
    %7 = sinter.elementwise add(%6, %4) NUM : (tensor<1x6x192xf32>, tensor<1x6x192xf32>) -> tensor<1x6x192xf32>
    %y = sinter.matmul %7, %v {sinter.numerics = #sinter.numerics<operands f16, tile 96, chains 4>} : (tensor<1x6x192xf32>, tensor<192x24xf32>) -> tensor<1x6x24xf32>)",
              {1, 6, 24});
  compare(graph);
}

TEST(StreamMovement, AttentionOfTransposedHeads) {
  Graph graph({}, {{"q", {2, 3, 5, 16}}, {"k", {2, 3, 7, 16}}}, R"(
    %0 = sinter.elementwise tanh(%q) NUM : (tensor<2x3x5x16xf32>) -> tensor<2x3x5x16xf32>
    %1 = sinter.elementwise tanh(%k) NUM : (tensor<2x3x7x16xf32>) -> tensor<2x3x7x16xf32>
    %2 = sinter.transpose %0 [0, 2, 1, 3] : tensor<2x3x5x16xf32> -> tensor<2x5x3x16xf32>
    %3 = sinter.transpose %1 [0, 2, 1, 3] : tensor<2x3x7x16xf32> -> tensor<2x7x3x16xf32>
    %4 = sinter.attention %2, %3, %3 scale 0.25 NUM : (tensor<2x5x3x16xf32>, tensor<2x7x3x16xf32>, tensor<2x7x3x16xf32>) -> tensor<2x5x3x16xf32>
    %y = sinter.transpose %4 [0, 2, 1, 3] : tensor<2x5x3x16xf32> -> tensor<2x3x5x16xf32>)",
              {2, 3, 5, 16});
  compare(graph);
}

} // namespace
