//===- TileEmulatorTest.cpp - The emulated tiles themselves ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileEmulator.h"
#include "CpuKernelRunner.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <numeric>

using namespace sinter::cpu;

namespace {

/// Palette 1 with the tiles' rows and bytes of a row.
TestVector<unsigned char> configuration(std::initializer_list<std::pair<int, int>> tiles) {
  TestVector<unsigned char> bytes(64);
  bytes[0] = 1;
  int tile = 0;
  for (auto [rows, rowBytes] : tiles) {
    bytes[16 + 2 * tile] = rowBytes;
    bytes[48 + tile++] = rows;
  }
  return bytes;
}

/// What the emulator finds wrong.
std::string complaint(llvm::function_ref<void()> instructions) {
  try {
    instructions();
    checkTileEmulator();
  } catch (const std::runtime_error &error) {
    return error.what();
  }
  return "";
}

} // namespace

// Tests a product of 1x4 bytes by 4x2 that is computed by hand: 1*1 + 2*2 + 255*(-3) + 4*4, and 5 more; rows and bytes
// that are not configured stay zero.
TEST(TileEmulator, AProductByHand) {
  TestVector<unsigned char> config = configuration({{1, 8}, {1, 4}, {1, 8}});
  TestVector<char> a{1, 2, char(255), 4}, b{1, 2, -3, 4, 0, 0, 1, -128};
  TestVector<int32_t> sums{5, 7, 111};
  EXPECT_EQ(complaint([&] {
              emulateConfigure(config.data());
              emulateLoad(0, reinterpret_cast<char *>(sums.data()), 8);
              emulateLoad(1, a.data(), 4);
              emulateLoad(2, b.data(), 8);
              emulateDot(0, 1, 2);
              emulateStore(0, reinterpret_cast<char *>(sums.data()), 8);
              emulateRelease();
            }),
            "");
  EXPECT_EQ(sums[0], 5 + 1 + 4 - 765 + 16);
  EXPECT_EQ(sums[1], 7 + 255 - 512);
  EXPECT_EQ(sums[2], 111);
}

// Tests that what the manual forbids is found: palettes, reserved bytes, sizes, tiles that are not configured or do not
// fit, and that memory and a state left behind are seen.
TEST(TileEmulator, WhatIsForbiddenIsFound) {
  TestVector<char> memory(64);
  auto configured = [&](
                        TestVector<unsigned char> bytes, llvm::function_ref<void()> then = [] {}) {
    return complaint([&] {
      emulateConfigure(bytes.data());
      then();
      emulateRelease();
    });
  };
  auto changed = [](unsigned at, int value) {
    TestVector<unsigned char> bytes = configuration({{16, 64}});
    bytes[at] = value;
    return bytes;
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(configured(changed(0, 2)), HasSubstr("no palette 2"));
  for (unsigned reserved : {1, 2, 15, 32, 47, 56, 63})
    EXPECT_THAT(configured(changed(reserved, 1)), HasSubstr("reserved")) << reserved;
  EXPECT_THAT(configured(changed(48, 17)), HasSubstr("17 rows"));
  EXPECT_THAT(configured(changed(16, 65)), HasSubstr("65 bytes"));
  EXPECT_THAT(configured(changed(49, 1)), HasSubstr("tile 1 has 1 rows of 0 bytes"));
  EXPECT_THAT(configured(configuration({{16, 64}}), [&] { emulateLoad(1, memory.data(), 64); }),
              HasSubstr("tile 1 is not configured"));
  EXPECT_THAT(configured(configuration({{2, 64}}), [&] { emulateLoad(0, memory.data(), 64); }),
              HasSubstr("row 1 lies beyond"));
  EXPECT_THAT(configured(configuration({{2, 64}}), [&] { emulateStore(0, memory.data(), 64); }),
              HasSubstr("row 1 lies beyond"));
  EXPECT_EQ(configured(configuration({{2, 64}}), [&] { emulateLoad(0, memory.data(), 0); }), "");
  auto dot = [] { emulateDot(0, 1, 2); };
  EXPECT_EQ(configured(configuration({{3, 16}, {3, 8}, {2, 16}}), dot), "");
  EXPECT_THAT(configured(configuration({{3, 16}, {4, 8}, {2, 16}}), dot), HasSubstr("fit together"));
  EXPECT_THAT(configured(configuration({{3, 16}, {3, 8}, {3, 16}}), dot), HasSubstr("fit together"));
  EXPECT_THAT(configured(configuration({{3, 16}, {3, 8}, {2, 12}}), dot), HasSubstr("fit together"));
  EXPECT_THAT(configured(configuration({{3, 6}, {3, 8}, {2, 6}}), dot), HasSubstr("fit together"));
  EXPECT_THAT(configured(configuration({{3, 16}}), [] { emulateDot(0, 0, 0); }), HasSubstr("not three"));
  TestVector<unsigned char> bytes = configuration({{16, 64}});
  EXPECT_THAT(complaint([&] { emulateConfigure(bytes.data()); }), HasSubstr("not released"));
}
