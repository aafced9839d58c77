//===- HostTensorTest.cpp - Tests of tensors in memory --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/HostTensor.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace sinter;

namespace {

template <typename To, typename From> To bitsOf(From from) {
  To to;
  static_assert(sizeof(to) == sizeof(from));
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

template <typename T> HostTensor tensorOf(ElementType type, std::vector<int64_t> dims, std::vector<T> values) {
  HostTensor tensor(type, std::move(dims));
  EXPECT_EQ(tensor.data.size(), values.size() * sizeof(T));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

// Doubles around every rounding boundary of 16-bit floats, and random ones of every exponent.
std::vector<double> interestingDoubles() {
  std::vector<double> values = {0.0,       -0.0,    INFINITY,  -INFINITY, 65504,   65519.999,      65520,
                                1e300,     -1e-300, 0x1p-1074, 0x1p-24,   0x1p-25, 0x1.000001p-25, 0x1p-26,
                                3.3895e38, 3.4e38,  0x1p-133,  0x1p-134};
  std::mt19937_64 random(7);
  for (int exponent = -160; exponent < 140; ++exponent)
    for (int i = 0; i < 20; ++i) {
      uint64_t fraction = random() >> 12;
      if (i % 4 == 1)
        fraction &= ~((uint64_t(1) << 41) - 1); // ties of binary16
      if (i % 4 == 2)
        fraction &= ~((uint64_t(1) << 44) - 1); // ties of bfloat16
      if (i % 4 == 3)
        fraction = (fraction & ~((uint64_t(1) << 41) - 1)) | 1; // just above a tie
      values.push_back(bitsOf<double>((random() & uint64_t(1) << 63) | uint64_t(exponent + 1023) << 52 | fraction));
    }
  return values;
}

// Tests that every 16-bit pattern becomes the float that the compiler's own type has.
TEST(HostTensor, halvesToFloats) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    float expected = static_cast<float>(bitsOf<_Float16>(half));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(halfToFloat(half)));
      EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(halfToFloat(half)))));
    } else {
      EXPECT_EQ(bitsOf<uint32_t>(halfToFloat(half)), bitsOf<uint32_t>(expected));
      EXPECT_EQ(floatToHalf(expected), half);
    }
    EXPECT_EQ(bitsOf<uint32_t>(bfloat16ToFloat(half)), bits << 16);
  }
}

// Tests that doubles are rounded once, to nearest and ties to even, as the compiler's own type does.
TEST(HostTensor, doublesToHalves) {
  for (double value : interestingDoubles()) {
    EXPECT_EQ(doubleToHalf(value), bitsOf<uint16_t>(static_cast<_Float16>(value))) << value;
    // The lower half of a float decides: its distance to the halfway point, then evenness.
    float single = static_cast<float>(value);
    uint32_t bits = bitsOf<uint32_t>(single);
    uint32_t expected = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    EXPECT_EQ(floatToBfloat16(single), expected) << single;
  }
  EXPECT_EQ(doubleToBfloat16(1 + 0x1p-8), 0x3f80);           // a tie, to even
  EXPECT_EQ(doubleToBfloat16(1 + 0x1p-8 + 0x1p-40), 0x3f81); // above it; by way of float it would be the tie
  EXPECT_TRUE(std::isnan(halfToFloat(doubleToHalf(NAN))));
  EXPECT_TRUE(std::isnan(bfloat16ToFloat(doubleToBfloat16(-NAN))));
}

// Tests the names of element types both ways, and their sizes.
TEST(HostTensor, elementTypes) {
  const std::pair<const char *, size_t> table[] = {
      {"f16", 2},    {"bf16", 2},     {"f32", 4},        {"f64", 8},    {"i8", 1},         {"i16", 2},
      {"i32", 4},    {"i64", 8},      {"u8", 1},         {"u16", 2},    {"u32", 4},        {"u64", 8},
      {"bool", 1},   {"f8e4m3fn", 1}, {"f8e4m3fnuz", 1}, {"f8e5m2", 1}, {"f8e5m2fnuz", 1}, {"f8e8m0", 1},
      {"f4e2m1", 1}, {"i4", 1},       {"u4", 1},         {"i2", 1},     {"u2", 1}};
  for (auto [name, size] : table) {
    std::optional<ElementType> type = parseElementType(name);
    ASSERT_TRUE(type) << name;
    EXPECT_EQ(elementTypeName(*type), name);
    EXPECT_EQ(elementSize(*type), size);
    EXPECT_EQ(isFloatType(*type), name[0] == 'f' || std::string(name) == "bf16");
    EXPECT_EQ(isSignedType(*type), name[0] == 'i');
    EXPECT_EQ(isUnsignedType(*type), name[0] == 'u');
  }
  EXPECT_FALSE(parseElementType("float"));
  EXPECT_FALSE(parseElementType(""));
}

// Tests that products that do not fit, and negative sizes, have no count, and that one size of 0 makes it 0.
TEST(HostTensor, countElements) {
  EXPECT_EQ(countElements({}), 1);
  EXPECT_EQ(countElements({2, 3, 4}), 24);
  EXPECT_EQ(countElements({INT64_MAX, INT64_MAX, 0}), 0);
  EXPECT_EQ(countElements({INT64_MAX, 1}), INT64_MAX);
  EXPECT_FALSE(countElements({INT64_MAX, 2}));
  EXPECT_FALSE(countElements({int64_t(1) << 32, int64_t(1) << 32}));
  EXPECT_FALSE(countElements({0, -1}));
  EXPECT_EQ(formatDims({2, 7, 384}), "2x7x384");
  EXPECT_EQ(formatDims({}), "scalar");
}

// Tests that the values of a tensor lie at a multiple of 64, where vector loads want them.
TEST(HostTensor, alignment) {
  for (int64_t count : {1, 3, 1000})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(HostTensor(ElementType::F32, {count}).data.data()) % 64, 0u);
}

// Tests that elements of every type are read as numbers, and that what does not fit an integer saturates.
TEST(HostTensor, elementsAsNumbers) {
  EXPECT_EQ(tensorOf<int8_t>(ElementType::I8, {1}, {-3}).getDouble(0), -3);
  EXPECT_EQ(tensorOf<uint8_t>(ElementType::U8, {1}, {253}).getInt(0), 253);
  EXPECT_EQ(tensorOf<int16_t>(ElementType::I16, {2}, {1, -300}).getInt(1), -300);
  EXPECT_EQ(tensorOf<uint16_t>(ElementType::U16, {1}, {65000}).getInt(0), 65000);
  EXPECT_EQ(tensorOf<uint32_t>(ElementType::U32, {1}, {4000000000u}).getInt(0), 4000000000);
  EXPECT_EQ(tensorOf<uint64_t>(ElementType::U64, {1}, {UINT64_MAX}).getInt(0), INT64_MAX);
  EXPECT_EQ(tensorOf<uint64_t>(ElementType::U64, {1}, {UINT64_MAX}).getDouble(0), 0x1p64);
  EXPECT_EQ(tensorOf<uint16_t>(ElementType::F16, {1}, {0xc000}).getDouble(0), -2);
  EXPECT_EQ(tensorOf<uint16_t>(ElementType::BF16, {1}, {0xc040}).getDouble(0), -3);
  HostTensor floats = tensorOf<double>(ElementType::F64, {5}, {-2.9, 1e300, -1e300, NAN, 0x1p63});
  EXPECT_EQ(floats.getInt(0), -2);
  EXPECT_EQ(floats.getInt(1), INT64_MAX);
  EXPECT_EQ(floats.getInt(2), INT64_MIN);
  EXPECT_EQ(floats.getInt(3), 0);
  EXPECT_EQ(floats.getInt(4), INT64_MAX);
}

// Tests the tolerance's formula at its edge, and the figures that are reported.
TEST(HostTensor, compareWithinTolerance) {
  HostTensor expected = tensorOf<float>(ElementType::F32, {2, 2}, {1, -8, 0, 100});
  HostTensor actual = tensorOf<float>(ElementType::F32, {2, 2}, {1.25f, -10, 0, 100});
  EXPECT_TRUE(compare(actual, expected, 0.25, 0).matches);
  EXPECT_TRUE(compare(actual, expected, 0, 2).matches);
  Comparison result = compare(actual, expected, 0.2, 0);
  EXPECT_FALSE(result.matches);
  EXPECT_EQ(result.maxAbsolute, 2);
  EXPECT_EQ(result.maxRelative, 0.25);
  EXPECT_EQ(result.firstBad, 0);
  EXPECT_EQ(result.numBad, 2);
  EXPECT_EQ(result.reason, "2 of 4 elements differ; the first at [0,0] is 1.25, expected 1");
  // The expected value scales the tolerance, not the actual one.
  EXPECT_FALSE(
      compare(tensorOf<float>(ElementType::F32, {}, {2}), tensorOf<float>(ElementType::F32, {}, {1}), 0.5, 0).matches);
}

// Tests that NaN equals NaN and nothing else, and an infinity only itself.
TEST(HostTensor, compareNotFinite) {
  auto matches = [](double actual, double expected) {
    return compare(tensorOf<double>(ElementType::F64, {}, {actual}), tensorOf<double>(ElementType::F64, {}, {expected}),
                   1, 1e9)
        .matches;
  };
  EXPECT_TRUE(matches(NAN, NAN));
  EXPECT_TRUE(matches(INFINITY, INFINITY));
  EXPECT_FALSE(matches(INFINITY, -INFINITY));
  EXPECT_FALSE(matches(1, NAN));
  EXPECT_FALSE(matches(NAN, 1));
  EXPECT_FALSE(matches(1, INFINITY));
  EXPECT_FALSE(matches(INFINITY, 1));
}

// Tests that integers must be equal whatever the tolerance, also where doubles cannot tell them apart.
TEST(HostTensor, compareIntegers) {
  HostTensor big = tensorOf<int64_t>(ElementType::I64, {2}, {1, (int64_t(1) << 60) + 1});
  HostTensor neighbour = tensorOf<int64_t>(ElementType::I64, {2}, {1, int64_t(1) << 60});
  Comparison result = compare(big, neighbour, 1, 1e18);
  EXPECT_FALSE(result.matches);
  EXPECT_EQ(result.firstBad, 1);
  EXPECT_GT(result.maxAbsolute, 0);
  EXPECT_TRUE(compare(big, big, 0, 0).matches);
}

// Tests that strings are compared by their bytes, and live as long as any tensor with elements that point to them.
TEST(HostTensor, strings) {
  HostTensor copy(ElementType::String, {2});
  {
    HostTensor original = HostTensor::ofStrings({"a text that is longer than a short one", ""}, {2});
    copy.data = original.data;
    copy.shareTexts(original);
    copy.shareTexts(original);
  }
  EXPECT_EQ(copy.texts.size(), 1u);
  EXPECT_EQ(copy.getString(0), "a text that is longer than a short one");
  EXPECT_TRUE(compare(copy, HostTensor::ofStrings({copy.getString(0).str(), ""}, {2}), 0, 0).matches);
  EXPECT_EQ(compare(HostTensor::ofStrings({"a", "b"}, {1, 2}), HostTensor::ofStrings({"a", "c"}, {1, 2}), 0, 0).reason,
            "1 of 2 elements differ; the first at [0,1] is \"b\", expected \"c\"");
  EXPECT_EQ(HostTensor(ElementType::String, {1}).getString(0), "");
}

// Tests that types and shapes must be the same, also where the elements are.
TEST(HostTensor, compareTypesAndShapes) {
  HostTensor one = tensorOf<int32_t>(ElementType::I32, {2, 1}, {1, 2});
  EXPECT_EQ(compare(one, tensorOf<int32_t>(ElementType::I32, {1, 2}, {1, 2}), 0, 0).reason,
            "the shape is 2x1, expected 1x2");
  EXPECT_EQ(compare(one, tensorOf<uint32_t>(ElementType::U32, {2, 1}, {1, 2}), 0, 0).reason,
            "the element type is i32, expected u32");
  EXPECT_TRUE(compare(HostTensor(ElementType::F32, {0, 3}), HostTensor(ElementType::F32, {0, 3}), 0, 0).matches);
  EXPECT_FALSE(compare(HostTensor(ElementType::F32, {0, 3}), HostTensor(ElementType::F32, {3, 0}), 0, 0).matches);
}

} // namespace
