//===- StreamMachineTest.cpp - Planes, stops and damaged schedules --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/format/ChipDescription.h"
#include "test/unit/StreamSimulatorHarness.h"

#include <cmath>
#include <gmock/gmock.h>
#include <random>

using namespace sinter;
using namespace sinter::format;
using namespace sinter::test;
using sinter::sim::StreamSimulator;
using sinter::sim::StreamStop;
using sinter::sim::StreamStopKind;
using testing::HasSubstr;

namespace {

//===----------------------------------------------------------------------===//
// The MXM
//===----------------------------------------------------------------------===//

class StreamPlaneTest : public StreamSimulatorHarness {
protected:
  /// The weights file as words of slices 0 to 15 of the west, 20 each, which arrive at plane 0 on westward streams 0 to
  /// 15 from cycle 18 on.
  void bringWeights() {
    for (uint32_t slice = 0; slice < 16; ++slice) {
      Image &image = *builder.schedule().add_images();
      image.set_offset(slice * 20 * lanes);
      image.set_hemisphere(WEST);
      image.set_slice(slice);
      image.set_words(20);
      image.set_word_bytes(lanes);
      builder.memory(slice / 4, WEST, slice, read(0, WEST, slice), {19, 1, 1});
    }
  }
  uint8_t &weight(size_t slice, size_t word, size_t lane) { return weights[(slice * 20 + word) * lanes + lane]; }

  /// Rows from slice 20 + `byte` (x = -6) arrive on stream 16 + `byte` at cycle 38 + i.
  void bringRows(uint32_t rows, uint32_t bytes) {
    for (uint32_t byte = 0; byte < bytes; ++byte)
      builder.memory(25, WEST, 20 + byte, read(0, WEST, 16 + byte), {rows - 1, 1, 1});
  }
  /// The sums that leave plane 0 on eastward streams 4 to 7 from `cycle` on, as output "y" in slices 24 to 27 (x = -7).
  void keepSums(uint64_t cycle, ElementType type, uint32_t rows) {
    builder.output("y", type, rows, lanes, WEST, 24, 0);
    for (uint32_t byte = 0; byte < 4; ++byte)
      builder.memory(cycle + 6, WEST, 24 + byte, write(0, EAST, 4 + byte), {rows - 1, 1, 1});
  }
};

TEST_F(StreamPlaneTest, SumsOfInt8) {
  std::mt19937 random(1);
  weights.resize(16 * 20 * lanes);
  for (uint8_t &weight : weights)
    weight = static_cast<uint8_t>(random());
  bringWeights();
  builder.input("a", INT8, 6, lanes, WEST, 20, 0);
  bringRows(6, 1);
  builder.at(18, LOAD, WEST, 0, loadWeights(0, 0), {19, 1, 16});
  builder.at(38, MULTIPLY, WEST, 0, multiply(16, 100), {2, 1, 1}).mutable_multiply()->set_swap(true);
  Multiply &second = *builder.at(41, MULTIPLY, WEST, 0, multiply(16, 100), {2, 1, 1}).mutable_multiply();
  second.set_add(true);
  *second.mutable_out() = group(EAST, 4);
  keepSums(81, INT32, 3);
  start();
  std::vector<uint8_t> a(6 * lanes);
  for (uint8_t &element : a)
    element = static_cast<uint8_t>(random());
  set("a", a);
  run();
  std::vector<int32_t> y = get<int32_t>("y");
  for (size_t row = 0; row < 3; ++row)
    for (size_t column = 0; column < lanes; ++column) {
      int32_t expected = 0;
      for (size_t k = 0; k < lanes; ++k)
        expected += static_cast<int8_t>(weight(column % 16, column / 16, k)) *
                    (static_cast<int8_t>(a[row * lanes + k]) + static_cast<int8_t>(a[(row + 3) * lanes + k]));
      ASSERT_EQ(y[row * lanes + column], expected) << row << " " << column;
    }
  EXPECT_EQ(simulator->cycles(), 87 + 2 + 6 + 20u);
}

// Two arrays, of which the second is loaded while the first is in use; columns that are not loaded are zeros.
TEST_F(StreamPlaneTest, TheBufferIsEmptyAfterASwap) {
  weights.assign(16 * 20 * lanes, 1);
  bringWeights();
  builder.input("a", INT8, 3, lanes, WEST, 20, 0);
  bringRows(3, 1);
  builder.at(18, LOAD, WEST, 0, loadWeights(0, 0), {15, 1, 16});
  builder.at(38 - 4, LOAD, WEST, 0, loadWeights(0, 0)); // 16 columns again
  for (uint64_t cycle = 35; cycle < 38; ++cycle)
    builder.at(cycle, LOAD, WEST, 0, loadWeights(0, 304));
  for (uint64_t row = 0; row < 3; ++row) {
    Multiply &product = *builder.at(38 + row, MULTIPLY, WEST, 0, multiply(16, 7)).mutable_multiply();
    product.set_swap(true);
    *product.mutable_out() = group(EAST, 4);
  }
  keepSums(78, INT32, 3);
  start();
  set("a", std::vector<uint8_t>(3 * lanes, 2));
  run();
  std::vector<int32_t> y = get<int32_t>("y");
  EXPECT_EQ(y[255], 640);
  EXPECT_EQ(y[256], 0);
  EXPECT_EQ(y[304], 640);
  EXPECT_EQ(y[lanes], 0); // the second swap finds nothing
  EXPECT_EQ(y[2 * lanes + 3], 0);
}

/// The number that a float16 stands for, as a multiple of 2^-24.
int64_t wholeOf(uint16_t half) {
  int64_t fraction = half & 1023, exponent = half >> 10 & 31;
  int64_t magnitude = exponent == 0 ? fraction : (fraction | 1024) << (exponent - 1);
  return half & 0x8000 ? -magnitude : magnitude;
}

/// A float that is a multiple of 2^-48, as such.
__int128 wholeOf(float value) {
  int exponent;
  double fraction = std::frexp(static_cast<double>(value), &exponent);
  __int128 whole = static_cast<__int128>(std::ldexp(fraction, 53));
  int shift = exponent - 53 + 48;
  __int128 power = static_cast<__int128>(1) << std::abs(shift);
  return shift >= 0 ? whole * power : whole / power;
}

__int128 distance(__int128 a, __int128 b) { return a < b ? b - a : a - b; }

/// Whether `value` is the float nearest to `exact` x 2^-48, the even one of two.
bool isNearest(float value, __int128 exact) {
  __int128 error = distance(wholeOf(value), exact);
  for (float other : {std::nextafterf(value, HUGE_VALF), std::nextafterf(value, -HUGE_VALF)}) {
    if (std::fabs(other) < 0x1p-24f)
      continue;
    __int128 otherError = distance(wholeOf(other), exact);
    if (otherError < error || (otherError == error && error != 0 && bitsOf(value) & 1))
      return false;
  }
  return error == 0 || std::fabs(value) >= 0x1p-24f;
}

struct Float16Case {
  const char *name;
  uint32_t weightMask, rowMask; // of the bits of float16, for random ones
  uint32_t weightBits, rowBits; // set in all of them
};

class StreamFloat16Test : public StreamPlaneTest, public testing::WithParamInterface<Float16Case> {};

TEST_P(StreamFloat16Test, SumsAreRoundedOnce) {
  const Float16Case &which = GetParam();
  std::mt19937 random(7);
  auto draw = [&](uint32_t mask, uint32_t bits) {
    uint16_t half = static_cast<uint16_t>((random() & mask) | bits);
    return static_cast<uint16_t>((half & 0x7c00) == 0x7c00 ? half & 0xfbff : half);
  };
  // Column c in half h of pair p of word w: with BOTH, c = 16 w + 2 p + h.
  std::vector<std::vector<uint16_t>> columns(320, std::vector<uint16_t>(160));
  weights.resize(16 * 20 * lanes);
  for (size_t c = 0; c < 320; ++c)
    for (size_t k = 0; k < 160; ++k) {
      uint16_t half = columns[c][k] = draw(which.weightMask, which.weightBits);
      size_t pair = c % 16 / 2, lane = c % 2 * 160 + k;
      weight(2 * pair, c / 16, lane) = static_cast<uint8_t>(half);
      weight(2 * pair + 1, c / 16, lane) = static_cast<uint8_t>(half >> 8);
    }
  bringWeights();
  builder.input("a", FLOAT16, 4, lanes, WEST, 20, 0);
  bringRows(4, 2);
  builder.at(18, LOAD, WEST, 0, loadWeights(0, 0, BOTH), {19, 1, 16});
  for (uint64_t row = 0; row < 4; ++row) {
    Multiply &product =
        *builder.at(38 + row, MULTIPLY, WEST, 0, multiply(16, 0, row < 2 ? LOW : HIGH)).mutable_multiply();
    product.set_swap(row == 0);
    product.set_add(row == 3);
    *product.mutable_out() = group(EAST, 4);
  }
  keepSums(78, FLOAT32, 4);
  start();
  std::vector<uint16_t> a(4 * lanes);
  for (uint16_t &element : a)
    element = draw(which.rowMask, which.rowBits);
  set("a", a);
  run();
  std::vector<float> y = get<float>("y");
  for (size_t row = 0; row < 4; ++row)
    for (size_t c = 0; c < 320; ++c) {
      __int128 exact = 0;
      for (size_t k = 0; k < 160; ++k)
        exact += static_cast<__int128>(wholeOf(columns[c][k])) * wholeOf(a[row * lanes + (row < 2 ? 0 : 160) + k]);
      float sum = y[row * lanes + c];
      if (row < 3) {
        ASSERT_TRUE(isNearest(sum, exact)) << which.name << " " << row << " " << c << " " << sum;
        continue;
      }
      // The last row adds to the one before; its own sum is the difference's rounding only where that is exact.
      float first = y[2 * lanes + c];
      if (exact == 0)
        ASSERT_EQ(bitsOf(sum), bitsOf(first + 0.0f));
    }
}

INSTANTIATE_TEST_SUITE_P(Ranges, StreamFloat16Test,
                         testing::Values(Float16Case{"modest", 0x8fff, 0x8fff, 0x2c00, 0x2c00},
                                         Float16Case{"wide", 0xbfff, 0xbfff, 0, 0},
                                         Float16Case{"all", 0xffff, 0xffff, 0, 0},
                                         Float16Case{"great and small", 0x83ff, 0xffff, 0x7800, 0},
                                         Float16Case{"subnormal", 0x83ff, 0x83ff, 0, 0}),
                         [](const auto &info) {
                           std::string name = info.param.name;
                           for (char &c : name)
                             c = c == ' ' ? '_' : c;
                           return name;
                         });

TEST_F(StreamPlaneTest, InfinitiesAndNaN) {
  weights.assign(16 * 20 * lanes, 0);
  // With HIGH: column 8 w + p is lanes 160 and on of pair p. Column 0: infinity and 0; column 1: 1; column 9: NaN.
  weight(1, 0, 160) = 0x7c;
  weight(3, 0, 160) = 0x3c;
  weight(3, 1, 170) = 0x7e;
  bringWeights();
  builder.input("a", FLOAT16, 3, lanes, WEST, 20, 0);
  bringRows(3, 2);
  builder.at(18, LOAD, WEST, 0, loadWeights(0, 0, HIGH), {19, 1, 8});
  Multiply &product = *builder.at(38, MULTIPLY, WEST, 0, multiply(16, 0, LOW), {2, 1, 1}).mutable_multiply();
  product.set_swap(true);
  *product.mutable_out() = group(EAST, 4);
  keepSums(78, FLOAT32, 3);
  start();
  std::vector<uint16_t> a(3 * lanes);
  a[0] = 0xbc00;         // -1
  a[lanes] = 0;          // infinity times 0
  a[2 * lanes] = 0xfc00; // -infinity
  set("a", a);
  run();
  std::vector<uint32_t> y = get<uint32_t>("y");
  EXPECT_EQ(y[0], 0xff800000);
  EXPECT_EQ(y[1], bitsOf(-1.0f));
  EXPECT_EQ(y[9], 0x7fc00000u);
  EXPECT_EQ(y[2], 0u); // +0, although -1 x 0 is -0
  EXPECT_EQ(y[lanes], 0x7fc00000u);
  EXPECT_EQ(y[2 * lanes], 0xff800000);
  EXPECT_EQ(y[2 * lanes + 1], 0xff800000);
  EXPECT_EQ(y[2 * lanes + 2], 0x7fc00000u);
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

// A state counts: it is read, one is added, and it is written again; an image is restored.
TEST_F(StreamSimulatorHarness, StatesAreKept) {
  builder.input("n", INT32, 1, 4, WEST, 0, 0);
  *builder.schedule().add_states() = builder.schedule().inputs(0);
  builder.schedule().clear_inputs();
  *builder.schedule().add_outputs() = builder.schedule().states(0);
  weights.assign(1, 5);
  Image &image = *builder.schedule().add_images();
  image.set_hemisphere(WEST);
  image.set_slice(8);
  image.set_words(1);
  image.set_word_bytes(1);
  builder.output("constant", INT8, 1, 2, WEST, 12, 0);
  for (uint32_t byte = 0; byte < 4; ++byte) {
    builder.memory(0, WEST, byte, read(0, EAST, byte));
    builder.memory(12, WEST, byte, write(0, WEST, byte));
  }
  builder.vxm(7, 0, alu(Alu::ADD, INT32, {onStream(EAST, 0), constant(1)}, group(WEST, 0)));
  builder.memory(1, WEST, 8, read(0, WEST, 9)); // at x = -3 at 7
  builder.memory(8, WEST, 12, write(0, WEST, 9));
  builder.memory(14, WEST, 8, write(0, WEST, 0));
  start();
  for (uint32_t step = 1; step <= 3; ++step) {
    run();
    EXPECT_THAT(get<uint32_t>("n"), testing::Each(step));
    EXPECT_EQ(get<uint8_t>("constant"), (std::vector<uint8_t>{5, 0}));
  }
  simulator->resetStates();
  run();
  EXPECT_THAT(get<uint32_t>("n"), testing::Each(1u));
}

//===----------------------------------------------------------------------===//
// Stops
//===----------------------------------------------------------------------===//

class StreamStopTest : public StreamPlaneTest {
protected:
  void expectStop(StreamStopKind kind, uint64_t cycle, const std::string &place) {
    StreamStop stop = stopOf();
    EXPECT_EQ(stop.kind, kind) << stop.text();
    EXPECT_EQ(stop.cycle, cycle) << stop.text();
    EXPECT_THAT(stop.text(), HasSubstr(place));
  }
};

TEST_F(StreamStopTest, AnEmptyRegister) {
  builder.memory(0, WEST, 4, read(0, EAST, 3));
  builder.memory(10, EAST, 4, write(0, EAST, 4)); // stream 3 is there
  expectStop(StreamStopKind::EmptyRegister, 10,
             "cycle 10, MEM slice 4 east, x = 2: an empty register is sampled: eastward stream 4");
}

// A value driven at x can be sampled at x + 1 a cycle later, and not before; at x itself never.
TEST_F(StreamStopTest, AValueThatHasNotArrived) {
  builder.memory(0, WEST, 4, read(0, EAST, 3));
  builder.memory(6, WEST, 5, write(0, EAST, 3)); // both at x = -2
  expectStop(StreamStopKind::EmptyRegister, 6, "MEM slice 5 west");
}

TEST_F(StreamStopTest, TwoValuesInOneCycle) {
  builder.memory(0, WEST, 4, read(0, WEST, 3));
  builder.memory(0, WEST, 5, read(0, WEST, 3));
  expectStop(StreamStopKind::DoubleDrive, 6, "MEM slice 5 west, x = -2");
}

TEST_F(StreamStopTest, AValueIsReplaced) {
  builder.memory(0, WEST, 4, read(0, EAST, 3));
  builder.memory(1, WEST, 0, read(0, EAST, 3)); // at x = -1 at 7, as the other
  expectStop(StreamStopKind::LostValue, 7, "MEM slice 0 west, x = -1");
}

TEST_F(StreamStopTest, AValueThatWasSampledMayBeReplaced) {
  builder.memory(0, WEST, 4, read(0, EAST, 3));
  builder.memory(7, WEST, 1, write(9, EAST, 3));
  builder.memory(1, WEST, 0, read(0, EAST, 3));
  builder.memory(9, EAST, 0, write(0, EAST, 3));
  start();
  run();
}

TEST_F(StreamStopTest, AValueLeaves) {
  builder.memory(0, EAST, 40, read(0, EAST, 3)); // at x = 11 at 6, beyond 14 at 10
  expectStop(StreamStopKind::LostValue, 10, "eastward stream 3 left the chip");
}

TEST_F(StreamStopTest, TwoAccessesOfABank) {
  builder.memory(0, WEST, 0, read(0, EAST, 0));
  Instruction both = read(4095, EAST, 1);
  *both.mutable_memory()->mutable_write() = write(0, EAST, 0).memory().write();
  builder.memory(8, EAST, 0, both);
  expectStop(StreamStopKind::BankClash, 8, "MEM slice 0 east");
}

TEST_F(StreamStopTest, AWordThatIsNotWrittenYet) {
  builder.memory(0, WEST, 0, read(0, EAST, 0));
  builder.memory(8, EAST, 0, write(77, EAST, 0));
  builder.memory(13, EAST, 0, read(77, EAST, 0));
  expectStop(StreamStopKind::EarlyRead, 13, "address 77, written at cycle 8");
}

TEST_F(StreamStopTest, AWordWhoseOtherSuperlanesAreWritten) {
  builder.memory(0, WEST, 0, read(0, EAST, 0));
  builder.memory(8, EAST, 0, write(77, EAST, 0, 1));
  builder.memory(13, EAST, 0, read(77, EAST, 0, 2));
  builder.memory(20, EAST, 1, write(0, EAST, 0));
  expectStop(StreamStopKind::EmptyRegister, 20, "MEM slice 1 east"); // but not because of the read
}

TEST_F(StreamStopTest, AddressesThatStepOutside) {
  builder.memory(0, WEST, 0, read(8190, EAST, 0), {2, 5, 1});
  builder.memory(8, EAST, 0, write(0, EAST, 0), {2, 5, 1});
  expectStop(StreamStopKind::BadAddress, 10, "address 8192");
}

TEST_F(StreamStopTest, ProductsWithoutAnArray) {
  bringRows(1, 1);
  builder.at(38, MULTIPLY, WEST, 0, multiply(16, 0));
  expectStop(StreamStopKind::NoArray, 38, "MXM MULTIPLY of plane 0 west, x = -13");
}

TEST_F(StreamStopTest, ProductsOfAnotherType) {
  bringRows(2, 2);
  builder.at(38, MULTIPLY, WEST, 0, multiply(16, 0, LOW)).mutable_multiply()->set_swap(true);
  builder.at(39, MULTIPLY, WEST, 0, multiply(16, 0));
  expectStop(StreamStopKind::NoArray, 39, "another type");
}

TEST_F(StreamStopTest, WeightsOfTwoTypes) {
  weights.assign(16 * 20 * lanes, 0);
  bringWeights();
  builder.at(18, LOAD, WEST, 0, loadWeights(0, 0));
  builder.at(19, LOAD, WEST, 0, loadWeights(0, 0, LOW));
  expectStop(StreamStopKind::WrongBuffer, 19, "MXM LOAD of plane 0 west");
}

TEST_F(StreamStopTest, Plane1EndsFloat16) {
  bringRows(2, 2);
  builder.at(38, MULTIPLY, WEST, 0, multiply(16, 0, LOW)).mutable_multiply()->set_swap(true);
  builder.at(39, MULTIPLY, WEST, 1, multiply(16, 0)).mutable_multiply()->set_swap(true);
  builder.at(39, MULTIPLY, WEST, 0, multiply(16, 0, LOW));
  builder.at(40, MULTIPLY, WEST, 0, multiply(16, 0, LOW));
  expectStop(StreamStopKind::NoArray, 40, "none has been swapped in");
}

TEST_F(StreamStopTest, SumsThatWereNotBegun) {
  bringRows(2, 2);
  builder.at(38, MULTIPLY, WEST, 0, multiply(16, 0)).mutable_multiply()->set_swap(true);
  builder.at(39, MULTIPLY, WEST, 0, multiply(16, 1)).mutable_multiply()->set_add(true);
  expectStop(StreamStopKind::NoAccumulator, 39, "row 1");
}

TEST_F(StreamStopTest, RowsBeyondTheAccumulators) {
  bringRows(2, 2);
  builder.at(38, MULTIPLY, WEST, 0, multiply(16, 319), {1, 1, 1}).mutable_multiply()->set_swap(true);
  expectStop(StreamStopKind::BadAddress, 39, "row 320");
}

TEST_F(StreamStopTest, ColumnsBeyondTheArray) {
  weights.assign(16 * 20 * lanes, 0);
  bringWeights();
  builder.at(18, LOAD, WEST, 0, loadWeights(0, 300), {1, 1, 16});
  expectStop(StreamStopKind::BadAddress, 19, "columns 316 to 332");
}

TEST_F(StreamStopTest, AResultThatIsNotThere) {
  builder.vxm(0, 1, alu(Alu::ADD, INT32, {constant(1), constant(2)}, {}));
  builder.vxm(5, 2, alu(Alu::COPY, INT32, {fromAlu(1)}, {}));
  expectStop(StreamStopKind::NoResult, 5, "VXM ALU 2");
}

TEST_F(StreamStopTest, AResultOfAnotherWidth) {
  builder.vxm(0, 1, alu(Alu::CONVERT, INT32, {constant(1)}, {}, INT8));
  builder.vxm(4, 2, alu(Alu::COPY, INT32, {fromAlu(1)}, {}));
  expectStop(StreamStopKind::NoResult, 4, "1 bytes");
}

TEST_F(StreamStopTest, TwoResultsOfAnAlu) {
  builder.vxm(0, 1, alu(Alu::EXP, FLOAT32, {constant(1)}, {}));
  builder.vxm(4, 1, alu(Alu::COPY, INT32, {constant(1)}, {}));
  expectStop(StreamStopKind::TwoResults, 4, "VXM ALU 1, x = 0");
}

//===----------------------------------------------------------------------===//
// What is no schedule
//===----------------------------------------------------------------------===//

using StreamDamageTest = StreamSimulatorHarness;

TEST_F(StreamDamageTest, ProgramsAreChecked) {
  struct Case {
    Instruction instruction;
    Unit unit;
    const char *message;
  };
  Instruction empty, wide = read(0, EAST, 32), masked = read(0, EAST, 0, 1 << 20), repeat, nop;
  repeat.mutable_repeat()->set_count(1);
  nop.set_nop(3);
  Instruction unaligned = alu(Alu::COPY, INT32, {onStream(EAST, 2)}, {});
  Instruction table = exchange(Exchange::PERMUTE, group(EAST, 0), group(EAST, 0), 1);
  Instruction outward = multiply(0, 0);
  *outward.mutable_multiply()->mutable_out() = group(WEST, 0);
  const Case cases[] = {
      {empty, MEM, "program of MEM slice 0 west has instruction 0, which says nothing"},
      {wide, MEM, "streams 32"},
      {masked, MEM, "superlanes"},
      {read(8192, EAST, 0), MEM, "address 8192"},
      {repeat, MEM, "repeats nothing"},
      {read(0, EAST, 0), VXM, "which this queue does not execute"},
      {unaligned, VXM, "no multiple"},
      {alu(Alu::ADD, INT32, {constant(0)}, {}), VXM, "lacks an operand"},
      {alu(Alu::EXP, INT32, {constant(0)}, {}), VXM, "do not have"},
      {alu(Alu::CONVERT, INT8, {constant(0)}, {}, FLOAT16), VXM, "do not have"},
      {alu(Alu::COPY, INT32, {fromAlu(16)}, {}), VXM, "ALU 16 of 16"},
      {loadWeights(8, 0), LOAD, "no multiple"},
      {multiply(0, 0, BOTH), MULTIPLY, "half"},
      {outward, MULTIPLY, "outward"},
      {table, PERMUTE, "table 0 of 0"},
      {table, TRANSPOSE, "which this queue does not execute"},
      {exchange(Exchange::TRANSPOSE, group(EAST, 0), group(EAST, 17), 16), TRANSPOSE, "streams 17"},
  };
  for (const Case &which : cases) {
    StreamSchedule schedule = builder.build();
    QueueProgram &program = *schedule.add_programs();
    program.set_unit(which.unit);
    program.set_hemisphere(WEST);
    *program.add_instructions() = which.instruction;
    EXPECT_THAT(refusalOf(schedule), HasSubstr(which.message));
  }
}

TEST_F(StreamDamageTest, QueuesAndRepetitionsAreChecked) {
  StreamSchedule schedule = builder.build();
  QueueProgram &program = *schedule.add_programs();
  program.set_hemisphere(WEST);
  program.set_index(44);
  EXPECT_THAT(refusalOf(schedule), HasSubstr("does not have"));
  program.set_index(43);
  *schedule.add_programs() = program;
  EXPECT_THAT(refusalOf(schedule), HasSubstr("twice"));
  schedule.mutable_programs()->RemoveLast();
  for (int i = 0; i < 4097; ++i)
    *schedule.mutable_programs(0)->add_instructions() = read(0, EAST, 0);
  EXPECT_THAT(refusalOf(schedule), HasSubstr("4097 instructions"));
  schedule.mutable_programs(0)->mutable_instructions()->DeleteSubrange(1, 4096);
  Repeat &repeat = *schedule.mutable_programs(0)->add_instructions()->mutable_repeat();
  repeat.set_count(1);
  EXPECT_THAT(refusalOf(schedule), HasSubstr("two instructions in one cycle"));
  repeat.set_count(~0u);
  repeat.set_interval(~0u);
  EXPECT_THAT(refusalOf(schedule), HasSubstr("more cycles"));
}

TEST_F(StreamDamageTest, TensorsAndImagesAreChecked) {
  builder.input("a", INT16, 10, 8, WEST, 0, 0);
  StreamSchedule good = builder.build();
  auto refused = [&](auto change) {
    StreamSchedule bad = good;
    change(bad);
    return refusalOf(bad);
  };
  EXPECT_THAT(refused([](StreamSchedule &s) { s.mutable_inputs(0)->mutable_strips(1)->set_slice(44); }),
              HasSubstr("tensor 'a' lies in a slice"));
  EXPECT_THAT(refused([](StreamSchedule &s) { s.mutable_inputs(0)->mutable_strips()->RemoveLast(); }),
              HasSubstr("no place for column 0"));
  EXPECT_THAT(refused([](StreamSchedule &s) { s.mutable_inputs(0)->mutable_strips(0)->set_columns(7); }),
              HasSubstr("no place for column 7"));
  EXPECT_THAT(refused([](StreamSchedule &s) { s.mutable_inputs(0)->mutable_strips(0)->set_first_lane(313); }),
              HasSubstr("wider than a word"));
  EXPECT_THAT(refused([](StreamSchedule &s) { s.mutable_inputs(0)->set_rows(~0u); }), HasSubstr("beyond its slice"));
  EXPECT_THAT(refused([](StreamSchedule &s) { *s.add_states() = s.inputs(0); }), HasSubstr("twice"));
  EXPECT_THAT(refused([](StreamSchedule &s) { s.add_images()->set_words(8193); }), HasSubstr("beyond the memory"));
  EXPECT_THAT(refused([](StreamSchedule &s) {
                Image &image = *s.add_images();
                image.set_words(1);
                image.set_word_bytes(4);
                image.set_offset(100);
              }),
              HasSubstr("bytes 100 to 104 of the weights"));
  EXPECT_THAT(refused([](StreamSchedule &s) { s.set_version(2); }), HasSubstr("version 2"));
  EXPECT_THAT(refused([](StreamSchedule &s) { s.set_chip_sha256("0"); }), HasSubstr("another chip"));
}

TEST_F(StreamDamageTest, InputsMustFit) {
  builder.input("a", INT16, 10, 8, WEST, 0, 0);
  start();
  std::string error;
  uint8_t byte = 0;
  EXPECT_FALSE(simulator->setInput("b", &byte, 1, error));
  EXPECT_THAT(error, HasSubstr("no input 'b'"));
  EXPECT_FALSE(simulator->setInput("a", &byte, 1, error));
  EXPECT_THAT(error, HasSubstr("1 bytes, and must have 160"));
  EXPECT_EQ(simulator->output("a"), nullptr);
}

//===----------------------------------------------------------------------===//
// Chip descriptions
//===----------------------------------------------------------------------===//

TEST(ChipDescription, Tsp1IsAMachine) {
  std::string error;
  std::optional<StreamMachine> machine = readStreamMachine(tsp1(), error);
  ASSERT_TRUE(machine) << error;
  EXPECT_EQ(machine->lanes(), 320u);
  EXPECT_EQ(machine->loadStreams(), 16u);
  EXPECT_EQ(machine->edge(), 14u);
  // `sha256sum` of the values as lines, clock_ghz=0.9 first.
  EXPECT_EQ(chipHash(tsp1()), "f6fdc672cc5b89a60da92f66b4bed21206a610f7ec5631e6ab07797e014327fb");
}

TEST(ChipDescription, ImpossibleNumbersAreRefusedByName) {
  std::string error;
  auto refused = [&](Constant *(StreamChip::*constant)(), double value) {
    Chip chip = tsp1();
    (chip.mutable_stream()->*constant)()->set_value(value);
    error.clear();
    EXPECT_FALSE(readStreamMachine(chip, error));
    return error;
  };
  EXPECT_THAT(refused(&StreamChip::mutable_superlanes, 0), HasSubstr("chip 'tsp1': superlanes is 0"));
  EXPECT_THAT(refused(&StreamChip::mutable_superlanes, 20.5), HasSubstr("whole number"));
  EXPECT_THAT(refused(&StreamChip::mutable_words_per_slice, 1e300), HasSubstr("words_per_slice is 1e+300"));
  EXPECT_THAT(refused(&StreamChip::mutable_read_latency, std::nan("")), HasSubstr("read_latency is no number"));
  EXPECT_THAT(refused(&StreamChip::mutable_sxm_position, 11), HasSubstr("sxm_position must be beyond"));
  EXPECT_THAT(refused(&StreamChip::mutable_mxm_position, 12), HasSubstr("mxm_position must be beyond"));
  EXPECT_THAT(refused(&StreamChip::mutable_plane_load_cycles, 3), HasSubstr("plane_load_cycles"));
  EXPECT_THAT(refused(&StreamChip::mutable_plane_columns, 160), HasSubstr("plane_columns must be"));
  Chip chip = tsp1();
  chip.mutable_stream()->clear_alus();
  EXPECT_FALSE(readStreamMachine(chip, error));
  EXPECT_THAT(error, HasSubstr("alus is missing"));
}

TEST(ChipDescription, DamagedTextIsRefused) {
  std::string error;
  EXPECT_FALSE(readChip("{\"name\": \"x\"", error));
  EXPECT_FALSE(readChip("{\"name\": \"x\", \"wafer\": 3}", error));
  EXPECT_FALSE(readChip("{}", error));
  EXPECT_FALSE(readChip(std::string(2 << 20, ' '), error));
  EXPECT_THAT(error, HasSubstr("1 MiB"));
}

} // namespace
