//===- StreamLoweringTest.cpp - Graphs on the streaming chip ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Graphs are lowered, placed, encoded and executed by the simulator: every bit of
// the outputs is the interpreter's under sinter.numerics, and the cycles are those
// that the schedule promises.
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamGraphs.h"

using namespace sinter;
using namespace sinter::stream;
using namespace sinter::testing;

namespace {

TEST(StreamLowering, TwoLayersOfAnMlp) {
  Graph graph({{"w1", {384, 500}}, {"b1", {500}}, {"w2", {500, 384}}, {"b2", {384}}}, {{"x", {2, 9, 384}}}, R"(
    %0 = sinter.matmul %x, %w1 NUM : (tensor<2x9x384xf32>, tensor<384x500xf32>) -> tensor<2x9x500xf32>
    %1 = sinter.elementwise add(%0, %b1) NUM : (tensor<2x9x500xf32>, tensor<500xf32>) -> tensor<2x9x500xf32>
    %2 = sinter.elementwise gelu(%1) NUM : (tensor<2x9x500xf32>) -> tensor<2x9x500xf32>
    %3 = sinter.matmul %2, %w2 NUM : (tensor<2x9x500xf32>, tensor<500x384xf32>) -> tensor<2x9x384xf32>
    %4 = sinter.elementwise add(%3, %b2) NUM : (tensor<2x9x384xf32>, tensor<384xf32>) -> tensor<2x9x384xf32>
    %y = sinter.elementwise add(%4, %x) NUM : (tensor<2x9x384xf32>, tensor<2x9x384xf32>) -> tensor<2x9x384xf32>)",
              {2, 9, 384});
  compare(graph);
}

TEST(StreamLowering, RowsOfATable) {
  // 9,000 rows are three pieces, in both hemispheres.
  Graph graph({{"t", {9000, 384}}, {"u", {3, 384}}, {"w", {384, 16}}}, {{"a", {6}}, {"b", {6}}}, R"(
    %0 = sinter.gather %t[%a] axis 0 : (tensor<9000x384xf32>, tensor<6xi64>) -> tensor<6x384xf32>
    %1 = sinter.gather %u[%b] axis 0 : (tensor<3x384xf32>, tensor<6xi64>) -> tensor<6x384xf32>
    %2 = sinter.elementwise add(%0, %1) NUM : (tensor<6x384xf32>, tensor<6x384xf32>) -> tensor<6x384xf32>
    %y = sinter.matmul %2, %w NUM : (tensor<6x384xf32>, tensor<384x16xf32>) -> tensor<6x16xf32>)",
              {6, 16}, /*hasIndices=*/true);
  graph.inputs = {i64({6}, {0, 8999, 4095, 4096, 8192, 17}), i64({6}, {2, 0, 1, 1, 2, 0})};
  compare(graph);
}

TEST(StreamLowering, Codes) { compare(makeCodes(21, 500, 340, 30, "i8", 0)); }
TEST(StreamLowering, CodesAroundAZeroPoint) {
  compare(makeCodes(50, 500, 340, 30, "ui8", 107));
  compare(makeCodes(3, 500, 340, 30, "i8", -13));
}

TEST(StreamLowering, FewRowsAndColumns) {
  Graph graph({{"w1", {32, 48}}, {"b1", {48}}, {"w2", {48, 16}}}, {{"x", {5, 32}}}, R"(
    %0 = sinter.matmul %x, %w1 NUM : (tensor<5x32xf32>, tensor<32x48xf32>) -> tensor<5x48xf32>
    %1 = sinter.elementwise add(%0, %b1) NUM : (tensor<5x48xf32>, tensor<48xf32>) -> tensor<5x48xf32>
    %2 = sinter.elementwise relu(%1) NUM : (tensor<5x48xf32>) -> tensor<5x48xf32>
    %y = sinter.matmul %2, %w2 NUM : (tensor<5x48xf32>, tensor<48x16xf32>) -> tensor<5x16xf32>)",
              {5, 16});
  compare(graph);
}

TEST(StreamLowering, Norms) {
  Graph graph({{"s", {700}}, {"b", {700}}, {"w", {700, 40}}}, {{"x", {50, 700}}}, R"(
    %0 = sinter.layer_norm %x scale %s bias %b axis 1 epsilon 1.0e-5 NUM : (tensor<50x700xf32>, tensor<700xf32>, tensor<700xf32>) -> tensor<50x700xf32>
    %1 = sinter.rms_norm %0 scale %s axis 1 epsilon 1.0e-6 NUM : (tensor<50x700xf32>, tensor<700xf32>) -> tensor<50x700xf32>
    %y = sinter.matmul %1, %w NUM : (tensor<50x700xf32>, tensor<700x40xf32>) -> tensor<50x40xf32>)",
              {50, 40});
  compare(graph);
}

TEST(StreamLowering, Functions) {
  Graph graph({{"c", {9}}}, {{"x", {3, 9}}, {"z", {3, 9}}}, R"(
    %0 = sinter.elementwise silu(%x) NUM : (tensor<3x9xf32>) -> tensor<3x9xf32>
    %1 = sinter.elementwise div(%0, %z) NUM : (tensor<3x9xf32>, tensor<3x9xf32>) -> tensor<3x9xf32>
    %2 = sinter.elementwise sigmoid(%1) NUM : (tensor<3x9xf32>) -> tensor<3x9xf32>
    %3 = sinter.elementwise sqrt(%2) NUM : (tensor<3x9xf32>) -> tensor<3x9xf32>
    %4 = sinter.elementwise min(%3, %c) NUM : (tensor<3x9xf32>, tensor<9xf32>) -> tensor<3x9xf32>
    %5 = sinter.elementwise gelu_tanh(%4) NUM : (tensor<3x9xf32>) -> tensor<3x9xf32>
    %y = sinter.elementwise sub(%5, %0) NUM : (tensor<3x9xf32>, tensor<3x9xf32>) -> tensor<3x9xf32>)",
              {3, 9});
  compare(graph);
}

TEST(StreamLowering, Attention) { compare(makeAttention({1, 24, 24, 4, 4, 32, 32})); }
TEST(StreamLowering, AttentionOfOneQuery) { compare(makeAttention({1, 1, 3, 2, 2, 16, 16})); }
TEST(StreamLowering, AttentionWithBias) { compare(makeAttention({2, 9, 21, 3, 3, 32, 48, true})); }
TEST(StreamLowering, AttentionWithMaskOfTheHost) { compare(makeAttention({2, 9, 21, 3, 3, 32, 48, true, true})); }
TEST(StreamLowering, AttentionOfGroups) { compare(makeAttention({1, 13, 17, 8, 2, 20, 20, true})); }
TEST(StreamLowering, AttentionOfManyKeys) { compare(makeAttention({1, 20, 350, 2, 1, 32, 32})); }

// The bounds are a little above what was reached (2,237, 2,285, 4,830), so that a worse placement is seen.
TEST(StreamLowering, EncoderLayer) { EXPECT_LT(compare(makeLayer({16})), 2350); }
TEST(StreamLowering, EncoderLayerOfCodes) { EXPECT_LT(compare(makeLayer({16, true})), 2400); }
TEST(StreamLowering, EncoderLayerOfCodesAndManyRows) { EXPECT_LT(compare(makeLayer({128, true})), 5100); }

} // namespace
