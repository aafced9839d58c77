//===- InterpreterSparsityTest.cpp - Weights with patterns of zeros --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All expected values are worked by hand.
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"

using namespace sinter;
using namespace sinter::testing;

namespace {

TEST(InterpreterPrune, KeepsTheBlocksWithTheGreatestSquares) {
  // Blocks of 2 x 2 of a 4 x 3 tensor: squares 4, 9 (one column), 3, 9 (one column).
  HostTensor w = f32({4, 3}, {2, 0, 3, 0, 0, 0, 1, 1, 3, 1, 0, 0});
  expectElements<float>(evaluate("prune %0 block [2, 2] keep 1", {w}, "tensor<4x3xf32>", "tensor<4x3xf32>"),
                        {0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}); // the first of two with 9
  expectElements<float>(evaluate("prune %0 block [2, 2] keep 3", {w}, "tensor<4x3xf32>", "tensor<4x3xf32>"),
                        {2, 0, 3, 0, 0, 0, 0, 0, 3, 0, 0, 0});
  expectElements<float>(evaluate("prune %0 block [2, 2] keep 0", {w}, "tensor<4x3xf32>", "tensor<4x3xf32>"),
                        std::vector<float>(12, 0.0f));
}

TEST(InterpreterPrune, KeepsTwoOfFourInEachColumn) {
  // Six rows: a group of four and one of two, which keeps both.
  HostTensor w = f32({6, 2}, {1, -5, 2, 4, -3, 3, 4, -4, 9, 0, 8, 7});
  expectElements<float>(evaluate("prune %0 block [1, 1] keep 2 of 4", {w}, "tensor<6x2xf32>", "tensor<6x2xf32>"),
                        {0, -5, 0, 4, -3, 0, 4, 0, 9, 0, 8, 7});
}

TEST(InterpreterPrune, MagnitudesOfTheChannelsCount) {
  // Scores 2 * 3, 4 * 1, 3 * 1, 1 * 5.
  HostTensor w = f32({4, 1}, {2, 4, -3, 1}), m = f32({4}, {3, 1, 1, 5});
  expectElements<float>(evaluate("prune %0 block [1, 1] keep 2 of 4 magnitudes %1", {w, m}, "tensor<4x1xf32>",
                                 "tensor<4x1xf32>, tensor<4xf32>"),
                        {2, 0, 0, 1});
}

TEST(InterpreterPrune, MagnitudesCountInBlocks) {
  // Two blocks of 2 x 2 above each other: squares 8 and 32; with magnitudes 4 * (1 + 1) + 4 * (9 + 9) = 80 and 32.
  HostTensor w = f32({4, 2}, {2, 2, 2, 2, 4, 0, 0, 4}), m = f32({4}, {1, 3, 1, 1});
  expectElements<float>(evaluate("prune %0 block [2, 2] keep 1", {w}, "tensor<4x2xf32>", "tensor<4x2xf32>"),
                        {0, 0, 0, 0, 4, 0, 0, 4});
  expectElements<float>(evaluate("prune %0 block [2, 2] keep 1 magnitudes %1", {w, m}, "tensor<4x2xf32>",
                                 "tensor<4x2xf32>, tensor<4xf32>"),
                        {2, 2, 2, 2, 0, 0, 0, 0});
}

TEST(InterpreterCompress, TakesTheSlicesThatTheMaskSelects) {
  HostTensor w = f32({2, 3, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  expectElements<float>(evaluate("compress %0 axis 1 mask %1", {w, bools({3}, {1, 0, 1})}, "tensor<2x2x2xf32>"),
                        {1, 2, 5, 6, 7, 8, 11, 12});
  expectElements<float>(evaluate("compress %0 axis 0 mask %1", {w, bools({2}, {0, 1})}, "tensor<1x3x2xf32>"),
                        {7, 8, 9, 10, 11, 12});
  EXPECT_EQ(messageOf(tryEvaluate("compress %0 axis 0 mask %1", {w, bools({2}, {1, 1})}, "tensor<1x3x2xf32>")),
            "node 'tested': the mask selects 2 slices, and the program was made for 1");
}

TEST(InterpreterEncode, ChangesNothingAndCountsTheBlocks) {
  HostTensor w = f32({3, 3}, {0, 0, 1, 0, 0, 0, 0, 0, 2}); // blocks (0, 1) and (1, 1) of four
  auto run = [&](int64_t stored) {
    mlir::OwningOpRef<mlir::ModuleOp> module =
        parse(R"(
func.func @main(%0: tensor<3x3xf32>) -> tensor<3x3xf32, #sinter.sparse<block [2, 2]>> {
  %r = sinter.encode %0 stored )" +
              std::to_string(stored) +
              R"( : tensor<3x3xf32> -> tensor<3x3xf32, #sinter.sparse<block [2, 2]>>
  return %r : tensor<3x3xf32, #sinter.sparse<block [2, 2]>>
})");
    return interpret(*module, {w});
  };
  llvm::Expected<std::vector<HostTensor>> result = run(2);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(result->front().data, w.data);
  EXPECT_NE(messageOf(run(1)).find("the weight has 2 blocks that are not zero, and the program was made for 1"),
            std::string::npos);
}

} // namespace
