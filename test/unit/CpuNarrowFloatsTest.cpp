//===- CpuNarrowFloatsTest.cpp - Conversions that kernels are emitted with -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"
#include "NarrowFormats.h"

#include "targets/cpu/Emit/ElementwiseEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include "gtest/gtest.h"

using namespace sinter;
using namespace sinter::cpu;
using namespace sinter::test;

namespace {

struct Conversion {
  ElementType to;
  NarrowCast cast;
};

/// The results of several conversions, in one kernel: by vectors, and what is left one by one.
template <typename To, typename From>
std::vector<TestVector<To>> convertAll(const Isa &isa, const TestVector<From> &values, ElementType from,
                                       const std::vector<Conversion> &conversions) {
  LoadedKernel kernel(isa, [&](KernelBuilder &k, llvm::StringRef name) {
    mlir::MLIRContext *context = k.builder().getContext();
    context->loadDialect<SinterDialect>();
    mlir::Type fromType = fromElementType(context, from), storage = getStorageType(fromType);
    k.beginKernel(name);
    ElementwiseEmitter emitter(k);
    mlir::Value in = k.pointerWord(0);
    Int count = k.integerWord(1), lanes = k.lanes(), whole = k.mul(k.div(count, lanes), lanes);
    for (size_t number = 0; number < conversions.size(); ++number) {
      const auto &conversion = conversions[number];
      mlir::Value out = k.pointerWord(2 + number);
      mlir::Type toType = fromElementType(context, conversion.to);
      auto convertOne = [&](mlir::Value x) {
        mlir::Value computed = emitter.fromStorage(x, fromType);
        return emitter.toStorage(emitter.convert(computed, fromType, toType, conversion.cast), toType);
      };
      k.loop(0, whole, k.lanes(), [&](Int i) {
        mlir::Value vector = mlir::LLVM::LoadOp::create(k.builder(), k.loc(), k.vectorOf(storage),
                                                        k.offset(in, i, storage), sizeof(From));
        k.store(convertOne(vector), k.offset(out, i, getStorageType(toType)));
      });
      k.loop(whole, count, 1, [&](Int i) { k.storeScalar(convertOne(k.loadScalar(in, i, storage)), out, i); });
    }
    k.endKernel(0);
  });
  std::vector<TestVector<To>> results(conversions.size(), TestVector<To>(values.size()));
  std::vector<int64_t> words = {word(values.data()), static_cast<int64_t>(values.size())};
  for (TestVector<To> &result : results)
    words.push_back(word(result.data()));
  kernel.run(words, 0, 1, 0);
  return results;
}

template <typename To, typename From>
TestVector<To> convert(const Isa &isa, const TestVector<From> &values, ElementType from, ElementType to) {
  return convertAll<To>(isa, values, from, {{to, {}}}).front();
}

constexpr std::pair<RoundMode, PowerRounding> roundings[] = {{RoundMode::up, PowerRounding::Up},
                                                             {RoundMode::down, PowerRounding::Down},
                                                             {RoundMode::nearest, PowerRounding::Nearest}};

/// That all values are rounded as the definition says.
template <typename From> void expectRounded(const Isa &isa, const TestVector<From> &values, ElementType from) {
  std::vector<Conversion> conversions;
  for (bool saturate : {true, false}) {
    for (const NarrowFormat &format : narrowFormats)
      conversions.push_back({format.type, {saturate, RoundMode::up}});
    for (auto [mode, rounding] : roundings)
      conversions.push_back({ElementType::F8E8M0, {saturate, mode}});
  }
  std::vector<TestVector<uint8_t>> results = convertAll<uint8_t>(isa, values, from, conversions);
  auto result = results.begin();
  for (bool saturate : {true, false}) {
    for (const NarrowFormat &format : narrowFormats) {
      for (size_t i = 0; i < values.size(); ++i)
        ASSERT_TRUE(isSameNarrow(format, (*result)[i], encodeByDefinition(format, values[i], saturate)))
            << isa.name.str() << " " << format.name << " of " << values[i] << " is " << int((*result)[i]);
      ++result;
    }
    for (auto [mode, rounding] : roundings) {
      for (size_t i = 0; i < values.size(); ++i)
        ASSERT_EQ((*result)[i], encodePowerByDefinition(values[i], saturate, rounding))
            << isa.name.str() << " f8E8M0FNU of " << values[i];
      ++result;
    }
  }
}

template <typename T> TestVector<T> numbersAs() {
  TestVector<T> values;
  for (double number : interestingNumbers())
    values.push_back(static_cast<T>(number));
  return values;
}

// Tests every pattern of every format.
TEST(CpuNarrowFloats, EveryPattern) {
  for (const Isa *isa : runnableIsas()) {
    for (const NarrowFormat &format : narrowFormats) {
      TestVector<uint8_t> patterns;
      for (int bits = 0; bits < 1 << elementBits(format.type); ++bits)
        patterns.push_back(bits);
      patterns.push_back(1); // a last one that is alone
      TestVector<float> results = convert<float>(*isa, patterns, format.type, ElementType::F32);
      for (size_t i = 0; i < patterns.size(); ++i) {
        double expected = decodeByDefinition(format, patterns[i]);
        EXPECT_TRUE(std::isnan(expected) ? std::isnan(results[i])
                                         : results[i] == expected && std::signbit(results[i]) == std::signbit(expected))
            << format.name << " " << int(patterns[i]) << " is " << results[i];
      }
    }
    TestVector<uint8_t> patterns(255);
    for (int bits = 0; bits < 255; ++bits)
      patterns[bits] = bits;
    TestVector<double> results = convert<double>(*isa, patterns, ElementType::F8E8M0, ElementType::F64);
    for (int bits = 0; bits < 255; ++bits)
      EXPECT_EQ(results[bits], std::ldexp(1.0, bits - 127));
    TestVector<float> nan = convert<float>(*isa, TestVector<uint8_t>{255}, ElementType::F8E8M0, ElementType::F32);
    EXPECT_TRUE(std::isnan(nan[0]));
  }
}

// Tests rounding of f32, and of f64 and 64-bit integers, which must not be rounded to f32 or f64 before.
TEST(CpuNarrowFloats, Rounding) {
  TestVector<int64_t> integers = {0, 1, -1, 464, 465, -465, INT64_MAX, INT64_MIN};
  TestVector<uint64_t> naturals = {0, 17, UINT64_MAX, uint64_t(1) << 63};
  for (int power = 1; power < 63; ++power)
    for (int64_t offset : {-1, 0, 1}) {
      int64_t whole = (int64_t(1) << power) + offset, tie = (int64_t(3) << power >> 1) + offset;
      integers.insert(integers.end(), {whole, -whole, tie, -tie});
      naturals.insert(naturals.end(), {uint64_t(whole), uint64_t(tie) << 1, (uint64_t(1) << 63) + whole});
    }
  for (const Isa *isa : runnableIsas()) {
    expectRounded(*isa, numbersAs<float>(), ElementType::F32);
    expectRounded(*isa, numbersAs<double>(), ElementType::F64);
    expectRounded(*isa, integers, ElementType::I64);
    expectRounded(*isa, naturals, ElementType::U64);
    TestVector<int8_t> bytes;
    for (int i = -128; i < 128; ++i)
      bytes.push_back(i);
    expectRounded(*isa, bytes, ElementType::I8);
  }
}

// Tests that integers of 4 and 2 bits keep the low bits, with their sign, and that other bits of the input do not
// count.
TEST(CpuNarrowFloats, Integers) {
  for (const Isa *isa : runnableIsas())
    for (ElementType type : {ElementType::I4, ElementType::U4, ElementType::I2, ElementType::U2}) {
      TestVector<int32_t> values;
      TestVector<uint8_t> dirty;
      for (int i = -40; i < 41; ++i) {
        values.push_back(i);
        dirty.push_back(static_cast<uint8_t>(i));
      }
      TestVector<float> floats(values.begin(), values.end());
      int range = 1 << elementBits(type);
      auto wrap = [&](int i) {
        int low = ((i % range) + range) % range;
        return isSignedType(type) && low >= range / 2 ? low - range : low;
      };
      TestVector<int8_t> fromIntegers = convert<int8_t>(*isa, values, ElementType::I32, type);
      TestVector<int8_t> fromFloats = convert<int8_t>(*isa, floats, ElementType::F32, type);
      TestVector<int64_t> widened = convert<int64_t>(*isa, dirty, type, ElementType::I64);
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(fromIntegers[i], wrap(values[i]));
        EXPECT_EQ(fromFloats[i], wrap(values[i]));
        EXPECT_EQ(widened[i], wrap(values[i]));
      }
    }
}

} // namespace
