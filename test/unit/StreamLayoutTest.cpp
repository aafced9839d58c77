//===- StreamLayoutTest.cpp - Where the elements of a value lie ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/Layout.h"

#include "gtest/gtest.h"

#include <array>

using namespace sinter::stream;

namespace {

using Place = std::pair<int64_t, int64_t>; // row and column

Place placeOf(const Layout &layout, llvm::ArrayRef<int64_t> position) {
  Place place = {layout.row, layout.column};
  for (size_t i = 0; i < position.size(); ++i)
    (layout.dims[i].isColumns ? place.second : place.first) += position[i] * layout.dims[i].stride;
  return place;
}

TEST(StreamLayout, RowsAndColumnsOfARowMajorTensor) {
  Layout layout = Layout::natural({2, 7, 4, 16}, 64);
  EXPECT_EQ(placeOf(layout, {1, 3, 2, 5}), Place(10, 37));
  EXPECT_EQ(layout.numRows(), 14);
  EXPECT_EQ(layout.numColumns(), 64);
}

TEST(StreamLayout, TransposesAndSlices) {
  Layout layout = Layout::natural({2, 7, 64}, 64).transpose({0, 2, 1}).slice({0, 10, 3}, {1, 2, 1}, {2, 4, 2});
  EXPECT_EQ(placeOf(layout, {1, 3, 1}), Place(11, 16));
}

TEST(StreamLayout, ReshapesOfWhatIsTransposed) {
  Layout layout = Layout::natural({2, 3, 8}, 8).transpose({0, 2, 1});
  // [2, 8, 3] to [2, 2, 4, 3, 1]: a dimension is cut.
  std::optional<Layout> cut = layout.reshape({2, 2, 4, 3, 1});
  ASSERT_TRUE(cut);
  EXPECT_EQ(placeOf(*cut, {1, 1, 2, 2, 0}), Place(5, 6));
  // Joined again, and rows with columns, for which elements would have to move.
  EXPECT_TRUE(cut->reshape({2, 8, 3}));
  EXPECT_FALSE(layout.reshape({2, 24}));
  EXPECT_FALSE(layout.reshape({16, 3}));
  EXPECT_FALSE(layout.reshape({2, 8, 4}));
}

TEST(StreamLayout, WhatIsRepeatedStays) {
  Layout layout = Layout::natural({7, 1}, 1).broadcast({2, 7, 5});
  EXPECT_EQ(placeOf(layout, {1, 4, 3}), Place(4, 0));
}

TEST(StreamLayout, SizesOfWhichBothAreMade) {
  using Sizes = llvm::SmallVector<int64_t>;
  EXPECT_EQ(findCommonSizes({2, 12}, {4, 6}), Sizes({2, 2, 6}));
  EXPECT_EQ(findCommonSizes({24}, {2, 1, 3, 4}), Sizes({2, 3, 4}));
  EXPECT_FALSE(findCommonSizes({2, 3}, {3, 2}));
  EXPECT_FALSE(findCommonSizes({4}, {8}));
}

TEST(StreamLayout, RunsCoverEachPositionOnce) {
  // [2, 3, 4] of which the middle is fixed, in a matrix with gaps and in one where the first is repeated.
  RowWalk walk;
  walk.addDimension(2, {24, 0}, false);
  walk.addDimension(3, {8, 4}, true);
  walk.addDimension(4, {2, 1}, false);
  std::vector<std::pair<int64_t, int64_t>> visited, expected;
  int runs = 0;
  walk.forEachRun({5, 1}, [&](const RowWalk::Run &run) {
    EXPECT_EQ(run.count, 4);
    ++runs;
    for (int64_t i = 0; i < run.count; ++i)
      visited.push_back({run.rows[0] + i * run.steps[0], run.rows[1] + i * run.steps[1]});
  });
  for (int64_t a = 0; a < 2; ++a)
    for (int64_t b = 0; b < 3; ++b)
      for (int64_t c = 0; c < 4; ++c)
        expected.push_back({5 + 24 * a + 8 * b + 2 * c, 1 + 4 * b + c});
  EXPECT_EQ(runs, 6);
  EXPECT_EQ(visited, expected);
}

TEST(StreamLayout, NeighboursAreOneRun) {
  RowWalk walk;
  walk.addDimension(2, {12, 12}, false);
  walk.addDimension(1, {0, 7}, false);
  walk.addDimension(3, {4, 4}, false);
  walk.addDimension(4, {1, 1}, false);
  int runs = 0;
  walk.forEachRun({0, 3}, [&](const RowWalk::Run &run) {
    EXPECT_EQ(run.count, 24);
    EXPECT_EQ(run.rows[1], 3);
    EXPECT_EQ(run.steps[1], 1);
    ++runs;
  });
  EXPECT_EQ(runs, 1);
}

} // namespace
