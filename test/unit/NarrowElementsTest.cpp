//===- NarrowElementsTest.cpp - Elements of 8 bits and fewer, on the host -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NarrowFormats.h"

#include "gtest/gtest.h"

using namespace sinter;
using namespace sinter::test;

namespace {

// Tests every pattern of every format, and that each number becomes itself again.
TEST(NarrowElements, everyPattern) {
  for (const NarrowFormat &format : narrowFormats)
    for (int bits = 0; bits < 1 << elementBits(format.type); ++bits) {
      double expected = decodeByDefinition(format, bits), actual = narrowToDouble(bits, format.type);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(actual)) << format.name << " " << bits;
        continue;
      }
      EXPECT_EQ(actual, expected) << format.name << " " << bits;
      EXPECT_EQ(std::signbit(actual), std::signbit(expected)) << format.name << " " << bits;
      if (std::isfinite(expected))
        EXPECT_EQ(doubleToNarrow(expected, format.type), bits) << format.name;
    }
  for (int bits = 0; bits < 255; ++bits)
    EXPECT_EQ(narrowToDouble(bits, ElementType::F8E8M0), std::ldexp(1.0, bits - 127));
  EXPECT_TRUE(std::isnan(narrowToDouble(255, ElementType::F8E8M0)));
}

// Tests rounding, overflow, NaN and infinity against a search among all numbers of the format.
TEST(NarrowElements, rounding) {
  for (double x : interestingNumbers())
    for (bool saturate : {true, false}) {
      for (const NarrowFormat &format : narrowFormats)
        EXPECT_TRUE(isSameNarrow(format, doubleToNarrow(x, format.type, {saturate, PowerRounding::Up}),
                                 encodeByDefinition(format, x, saturate)))
            << format.name << " " << x;
      for (PowerRounding rounding : {PowerRounding::Up, PowerRounding::Down, PowerRounding::Nearest})
        EXPECT_EQ(doubleToNarrow(x, ElementType::F8E8M0, {saturate, rounding}),
                  encodePowerByDefinition(x, saturate, rounding))
            << x;
    }
}

// Tests rows of the tables in ONNX's specification of Cast, version 28, written by hand.
TEST(NarrowElements, tablesOfCast) {
  const double infinity = std::numeric_limits<double>::infinity();
  const NarrowRules rules{false, PowerRounding::Nearest};
  EXPECT_EQ(doubleToNarrow(infinity, ElementType::F8E4M3FN), 0x7e); // 448
  EXPECT_EQ(doubleToNarrow(-1e6, ElementType::F8E5M2), 0xfb);       // -57344
  EXPECT_EQ(doubleToNarrow(-infinity, ElementType::F8E4M3FNUZ), 0xff);
  EXPECT_EQ(doubleToNarrow(-0.0, ElementType::F8E4M3FN), 0x80);
  EXPECT_EQ(doubleToNarrow(-0.0, ElementType::F8E5M2FNUZ), 0);
  EXPECT_EQ(doubleToNarrow(-1e-9, ElementType::F8E5M2FNUZ), 0);
  EXPECT_EQ(doubleToNarrow(infinity, ElementType::F8E5M2, rules), 0x7c);
  EXPECT_EQ(doubleToNarrow(-1e6, ElementType::F8E4M3FN, rules), 0xff);
  EXPECT_EQ(doubleToNarrow(464, ElementType::F8E4M3FN, rules), 0x7e); // half way to 480, and 448 is even
  EXPECT_EQ(doubleToNarrow(464.001, ElementType::F8E4M3FN, rules), 0x7f);
  EXPECT_EQ(doubleToNarrow(infinity, ElementType::F8E5M2FNUZ, rules), 0x80);
  EXPECT_EQ(doubleToNarrow(0, ElementType::F8E8M0), 0);
  EXPECT_EQ(doubleToNarrow(0, ElementType::F8E8M0, rules), 255);
  EXPECT_EQ(doubleToNarrow(infinity, ElementType::F8E8M0), 254);
  EXPECT_EQ(doubleToNarrow(infinity, ElementType::F8E8M0, rules), 255);
  EXPECT_EQ(doubleToNarrow(3, ElementType::F8E8M0), 129);
  EXPECT_EQ(doubleToNarrow(3, ElementType::F8E8M0, {true, PowerRounding::Down}), 128);
  EXPECT_EQ(doubleToNarrow(3, ElementType::F8E8M0, rules), 129); // a tie goes up
  EXPECT_EQ(doubleToNarrow(-7, ElementType::F4E2M1, rules), 0x0f);
}

// Tests that integers keep their low bits, and that packed ones begin with the lowest bits of a byte.
TEST(NarrowElements, integers) {
  EXPECT_EQ(static_cast<int8_t>(wrapToNarrow(8, ElementType::I4)), -8);
  EXPECT_EQ(static_cast<int8_t>(wrapToNarrow(-9, ElementType::I4)), 7);
  EXPECT_EQ(wrapToNarrow(-9, ElementType::U4), 7);
  EXPECT_EQ(static_cast<int8_t>(wrapToNarrow(2, ElementType::I2)), -2);
  EXPECT_EQ(wrapToNarrow(-1, ElementType::U2), 3);
  HostTensor fours(ElementType::I4, {3});
  unpackElements({'\x21', '\xff'}, ElementType::I4, llvm::MutableArrayRef<char>(fours.data));
  EXPECT_EQ(fours.getInt(0), 1);
  EXPECT_EQ(fours.getInt(1), 2);
  EXPECT_EQ(fours.getDouble(2), -1);
  HostTensor twos(ElementType::U2, {5});
  unpackElements({'\x1b', '\x02'}, ElementType::U2, llvm::MutableArrayRef<char>(twos.data));
  for (auto [i, expected] : {std::pair{0, 3}, {1, 2}, {2, 1}, {3, 0}, {4, 2}})
    EXPECT_EQ(twos.getInt(i), expected);
  HostTensor floats(ElementType::F4E2M1, {2});
  unpackElements({'\x9f'}, ElementType::F4E2M1, llvm::MutableArrayRef<char>(floats.data));
  EXPECT_EQ(floats.getDouble(0), -6);
  EXPECT_EQ(floats.getDouble(1), -0.5);
}

} // namespace
