//===- StreamSimulatorTest.cpp - Tests of the streaming chip's simulator --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamSimulatorHarness.h"

#include <cmath>
#include <cstring>
#include <gmock/gmock.h>

using namespace sinter;
using namespace sinter::format;
using namespace sinter::test;
using sinter::sim::StreamSimulator;
using sinter::sim::StreamStop;
using testing::ElementsAre;

namespace {

using StreamSimulatorTest = StreamSimulatorHarness;

// A word from slice 4 (x = -2) to slice 40 east (x = 11): driven at 6, sampled 13 positions and cycles later.
TEST_F(StreamSimulatorTest, AWordIsMoved) {
  builder.input("a", INT8, 1, lanes, WEST, 4, 100);
  builder.output("b", INT8, 1, lanes, EAST, 40, 8191);
  builder.memory(0, WEST, 4, read(100, EAST, 31));
  builder.memory(19, EAST, 40, write(8191, EAST, 31));
  start();
  set("a", counted(lanes, 7));
  run();
  EXPECT_EQ(get<uint8_t>("b"), counted(lanes, 7));
  EXPECT_EQ(simulator->cycles(), 19u + 6 + 20);
  EXPECT_EQ(simulator->issues(), 2u);
}

// Rows 3, 2, 1 and 0 are read every other cycle, and the queue goes on in the cycle after the last.
TEST_F(StreamSimulatorTest, RepetitionsStep) {
  builder.input("a", INT8, 5, 4, WEST, 0, 10);
  builder.output("b", INT8, 5, 4, EAST, 0, 20);
  builder.memory(0, WEST, 0, read(13, EAST, 0), {3, 2, -1});
  builder.memory(7, WEST, 0, read(14, EAST, 0));
  builder.memory(8, EAST, 0, write(20, EAST, 0), {3, 2, 1});
  builder.memory(15, EAST, 0, write(24, EAST, 0));
  start();
  set("a", counted(20));
  run();
  EXPECT_THAT(get<uint8_t>("b"), ElementsAre(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 16, 17, 18, 19));
}

// Rows 0, 2, 4 in slice 0, and 1, 3 in slice 1.
TEST_F(StreamSimulatorTest, RowsAreDealtOut) {
  for (auto *list : {&builder.input("a", INT8, 5, 4, WEST, 0, 10), &builder.output("b", INT8, 5, 4, WEST, 0, 10)}) {
    list->set_interleave(2);
    Strip &odd = *list->add_strips();
    odd = list->strips(0);
    odd.set_slice(1);
    odd.set_residue(1);
  }
  builder.output("even", INT8, 3, 4, WEST, 0, 10);
  builder.output("odd", INT8, 2, 4, WEST, 1, 10);
  start();
  set("a", counted(20));
  run();
  EXPECT_EQ(get<uint8_t>("b"), counted(20));
  EXPECT_THAT(get<uint8_t>("even"), ElementsAre(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19));
  EXPECT_THAT(get<uint8_t>("odd"), ElementsAre(4, 5, 6, 7, 12, 13, 14, 15));
}

TEST_F(StreamSimulatorTest, SuperlanesAreMasked) {
  builder.input("a", INT8, 1, lanes, WEST, 0, 0);
  builder.input("old", INT8, 1, lanes, EAST, 0, 0);
  builder.output("b", INT8, 1, lanes, EAST, 0, 0);
  builder.memory(0, WEST, 0, read(0, EAST, 0, 0b0011));
  builder.memory(8, EAST, 0, write(0, EAST, 0, 0b0110));
  start();
  set("a", counted(lanes, 0, 1));
  set("old", counted(lanes, 0, 2));
  run();
  std::vector<uint8_t> b = get<uint8_t>("b");
  EXPECT_EQ(b[15], 2); // not written
  EXPECT_EQ(b[16], 1); // read and written
  EXPECT_EQ(b[32], 0); // not read
  EXPECT_EQ(b[48], 2);
}

TEST_F(StreamSimulatorTest, GathersAndScattersBySuperlane) {
  builder.input("table", INT8, 4, lanes, WEST, 8, 50);
  builder.input("row", INT16, 1, lanes, WEST, 12, 0); // slices 12 and 13, x = -4
  builder.output("b", INT8, 1, lanes, EAST, 0, 0);
  builder.output("cache", INT8, 4, lanes, EAST, 8, 70);
  // The numbers reach x = -3 at 7, and x = 3 at 13; what is gathered leaves x = -3 at 17.
  builder.memory(0, WEST, 12, read(0, EAST, 2), {1, 10, 0});
  builder.memory(0, WEST, 13, read(0, EAST, 3), {1, 10, 0});
  Instruction gather = read(50, EAST, 0);
  Indirect &from = *gather.mutable_memory()->mutable_read()->mutable_indirect();
  *from.mutable_values() = group(EAST, 2);
  from.set_first(1000);
  from.set_count(4);
  builder.memory(7, WEST, 8, gather);
  builder.memory(21, EAST, 0, write(0, EAST, 0));
  Instruction scatter = write(70, EAST, 0);
  *scatter.mutable_memory()->mutable_write()->mutable_indirect() = from;
  builder.memory(23, EAST, 8, scatter);
  start();
  set("table", counted(4 * lanes, 3));
  std::vector<uint16_t> rows(lanes);
  for (size_t s = 0; s < 20; ++s)
    rows[16 * s] = static_cast<uint16_t>(998 + s % 7); // 998, 999 and 1004 are outside
  set("row", rows);
  run();
  std::vector<uint8_t> b = get<uint8_t>("b"), cache = get<uint8_t>("cache");
  for (size_t i = 0; i < lanes; ++i) {
    int row = static_cast<int>(i / 16 % 7) - 2;
    bool inside = row >= 0 && row < 4;
    uint8_t expected = inside ? static_cast<uint8_t>((row * lanes + i) * 3) : 0;
    ASSERT_EQ(b[i], expected) << i;
    for (int other = 0; other < 4; ++other)
      ASSERT_EQ(cache[other * lanes + i], other == row ? expected : 0) << i;
  }
}

/// One operation of an ALU on up to three vectors of 32 bits; the result as bits.
std::vector<uint32_t> compute(Alu::Operation operation, ElementType type, const std::vector<uint32_t> &a,
                              const std::vector<uint32_t> &b = {}, const std::vector<uint32_t> &c = {},
                              ElementType to = INT8) {
  StreamScheduleBuilder builder;
  std::vector<Operand> operands;
  uint32_t bytes = type == INT8 ? 1 : type == INT16 || type == FLOAT16 ? 2 : 4;
  const std::vector<uint32_t> *all[] = {&a, &b, &c};
  for (uint32_t i = 0; i < 3 && !all[i]->empty(); ++i) {
    builder.input(std::string(1, static_cast<char>('a' + i)), INT32, 1, static_cast<uint32_t>(all[i]->size()), WEST,
                  4 * i, 0);
    for (uint32_t byte = 0; byte < bytes; ++byte)
      builder.memory(2 - i, WEST, 4 * i + byte, read(0, EAST, 4 * i + byte));
    operands.push_back(onStream(EAST, 4 * i));
  }
  // All arrive at 9.
  ElementType result = operation == Alu::CONVERT ? to : type;
  uint32_t latency = operation == Alu::EXP || operation == Alu::TANH || operation == Alu::RSQRT ? 8 : 4;
  builder.vxm(9, 3, alu(operation, type, operands, group(WEST, 12), to));
  uint32_t outBytes = result == INT8 ? 1 : result == INT16 || result == FLOAT16 ? 2 : 4;
  for (uint32_t byte = 0; byte < outBytes; ++byte)
    builder.memory(9 + latency + 5, WEST, 16 + byte, write(7, WEST, 12 + byte));
  builder.output("y", INT32, 1, static_cast<uint32_t>(a.size()), WEST, 16, 7);
  std::string error;
  auto simulator = StreamSimulator::create(builder.build(), tsp1(), nullptr, 0, error);
  if (!simulator)
    throw std::runtime_error(error);
  for (uint32_t i = 0; i < operands.size(); ++i)
    simulator->setInput(std::string(1, static_cast<char>('a' + i)), all[i]->data(), all[i]->size() * 4, error);
  if (std::optional<StreamStop> stop = simulator->run())
    throw std::runtime_error(stop->text());
  return numbersOf<uint32_t>(*simulator->output("y"));
}

std::vector<uint32_t> floats(const std::vector<float> &values) {
  std::vector<uint32_t> bits;
  for (float value : values)
    bits.push_back(bitsOf(value));
  return bits;
}

const float inf = HUGE_VALF;
constexpr uint32_t nan = 0x7fc00000, negativeZero = 0x80000000;

TEST(StreamArithmetic, Floats) {
  std::vector<uint32_t> a = floats({1.5f, 16777216, 0x1p-149f, inf, 3e38f, -0.0f});
  std::vector<uint32_t> b = floats({2.25f, 1, 0x1p-149f, -inf, 3e38f, 0.0f});
  EXPECT_EQ(compute(Alu::ADD, FLOAT32, a, b),
            (std::vector<uint32_t>{bitsOf(3.75f), bitsOf(16777216), 2, nan, bitsOf(inf), 0}));
  EXPECT_EQ(compute(Alu::SUB, FLOAT32, a, b),
            (std::vector<uint32_t>{bitsOf(-0.75f), bitsOf(16777215), 0, bitsOf(inf), 0, negativeZero}));
  EXPECT_EQ(compute(Alu::MUL, FLOAT32, a, b),
            (std::vector<uint32_t>{bitsOf(3.375f), bitsOf(16777216), 0, bitsOf(-inf), bitsOf(inf), negativeZero}));
}

TEST(StreamArithmetic, OrderOfFloats) {
  std::vector<uint32_t> a = {bitsOf(1), nan, negativeZero, 0, bitsOf(-3), 0x7f800001};
  std::vector<uint32_t> b = {bitsOf(2), bitsOf(1), 0, negativeZero, bitsOf(-4), bitsOf(inf)};
  EXPECT_EQ(compute(Alu::MAX, FLOAT32, a, b), (std::vector<uint32_t>{bitsOf(2), nan, 0, 0, bitsOf(-3), nan}));
  EXPECT_EQ(compute(Alu::MIN, FLOAT32, a, b),
            (std::vector<uint32_t>{bitsOf(1), nan, negativeZero, negativeZero, bitsOf(-4), nan}));
  EXPECT_EQ(compute(Alu::LESS, FLOAT32, a, b), (std::vector<uint32_t>{~0u, 0, 0, 0, 0, 0}));
  EXPECT_EQ(compute(Alu::EQUAL, FLOAT32, a, b), (std::vector<uint32_t>{0, 0, ~0u, ~0u, 0, 0}));
  EXPECT_EQ(compute(Alu::RELU, FLOAT32, a), (std::vector<uint32_t>{bitsOf(1), nan, 0, 0, 0, nan}));
  // Bits are moved, whatever they are.
  EXPECT_EQ(compute(Alu::COPY, FLOAT32, a), a);
  EXPECT_EQ(compute(Alu::SELECT, FLOAT32, a, b, {negativeZero, 0, 1, 0, 0, ~0u}),
            (std::vector<uint32_t>{a[0], b[1], a[2], b[3], b[4], a[5]}));
}

TEST(StreamArithmetic, Integers) {
  std::vector<uint32_t> a = {5, 0x7fffffff, 0x80000000, 0xfffffff0}, b = {7, 1, 0xffffffff, 33};
  EXPECT_EQ(compute(Alu::ADD, INT32, a, b), (std::vector<uint32_t>{12, 0x80000000, 0x7fffffff, 17}));
  EXPECT_EQ(compute(Alu::SUB, INT32, a, b), (std::vector<uint32_t>{0xfffffffe, 0x7ffffffe, 0x80000001, 0xffffffcf}));
  EXPECT_EQ(compute(Alu::MUL, INT32, a, b), (std::vector<uint32_t>{35, 0x7fffffff, 0x80000000, 0xfffffdf0}));
  EXPECT_EQ(compute(Alu::MAX, INT32, a, b), (std::vector<uint32_t>{7, 0x7fffffff, 0xffffffff, 33}));
  EXPECT_EQ(compute(Alu::MIN, INT32, a, b), (std::vector<uint32_t>{5, 1, 0x80000000, 0xfffffff0}));
  EXPECT_EQ(compute(Alu::LESS, INT32, a, b), (std::vector<uint32_t>{~0u, 0, ~0u, ~0u}));
  EXPECT_EQ(compute(Alu::RELU, INT32, a), (std::vector<uint32_t>{5, 0x7fffffff, 0, 0}));
  EXPECT_EQ(compute(Alu::AND, INT32, a, b), (std::vector<uint32_t>{5, 1, 0x80000000, 32}));
  EXPECT_EQ(compute(Alu::OR, INT32, a, b), (std::vector<uint32_t>{7, 0x7fffffff, 0xffffffff, 0xfffffff1}));
  EXPECT_EQ(compute(Alu::XOR, INT32, a, b), (std::vector<uint32_t>{2, 0x7ffffffe, 0x7fffffff, 0xffffffd1}));
  EXPECT_EQ(compute(Alu::SHIFT_LEFT, INT32, a, b), (std::vector<uint32_t>{640, 0xfffffffe, 0, 0xffffffe0}));
  EXPECT_EQ(compute(Alu::SHIFT_RIGHT, INT32, a, b), (std::vector<uint32_t>{0, 0x3fffffff, 0xffffffff, 0xfffffff8}));
}

// The expected bits are those of Python's decimal arithmetic with 60 digits, rounded once; the first of each come
// closest to the middle of two floats among 60,000.
TEST(StreamArithmetic, TranscendentalsAreCorrectlyRounded) {
  EXPECT_EQ(compute(Alu::EXP, FLOAT32,
                    {0x42385c10, 0xc2861af6, 0x41988182, 0xc23d9e8f, 0xc010511e, 0x3f800000, 0xbf800000, 0xc2c80000,
                     0xc2ce0000, 0x42b10000, 0, bitsOf(100), bitsOf(-inf), 0xffc00001}),
            (std::vector<uint32_t>{0x60b43a4b, 0x0f19a547, 0x4d355346, 0x1d434321, 0x3dd6caa3, 0x402df854, 0x3ebc5ab2,
                                   0x1b, 1, 0x7f4cdcc4, bitsOf(1), bitsOf(inf), 0, nan}));
  EXPECT_EQ(compute(Alu::TANH, FLOAT32,
                    {0xc10762bf, 0x40564226, 0x406f5fb2, 0x40da7023, 0x3f1d3818, 0x3f800000, 0x3c23d70a, 0xc1180000,
                     negativeZero, bitsOf(inf), nan}),
            (std::vector<uint32_t>{0xbf7fffff, 0x3f7f5e25, 0x3f7fb61e, 0x3f7fffd8, 0x3f0c0a57, 0x3f42f7d6, 0x3c23d5a4,
                                   0xbf800000, negativeZero, bitsOf(1), nan}));
  EXPECT_EQ(compute(Alu::RSQRT, FLOAT32,
                    {0x49117a3b, 0x491d50db, 0x480f169b, 0x492b2ea9, 0x40000000, 0x000116c2, 0x40400000, bitsOf(4), 0,
                     negativeZero, bitsOf(-1), bitsOf(inf), nan}),
            (std::vector<uint32_t>{0x3aa9cc3e, 0x3aa348b7, 0x3b2b35a3, 0x3a9c87f4, 0x3f3504f3, 0x60ad790a, 0x3f13cd3a,
                                   bitsOf(0.5f), bitsOf(inf), bitsOf(-inf), nan, 0, nan}));
}

TEST(StreamArithmetic, Conversions) {
  std::vector<uint32_t> a = floats({0.5f, 1.5f, 2.5f, -2.5f, 127.5f, 300, -300, 1e10f, -inf});
  a.push_back(nan);
  EXPECT_EQ(compute(Alu::CONVERT, FLOAT32, a, {}, {}, INT8),
            (std::vector<uint32_t>{0, 2, 2, 0xfe, 127, 127, 0x80, 127, 0x80, 0}));
  EXPECT_EQ(compute(Alu::CONVERT, FLOAT32, a, {}, {}, INT16),
            (std::vector<uint32_t>{0, 2, 2, 0xfffe, 128, 300, 0xfed4, 0x7fff, 0x8000, 0}));
  EXPECT_EQ(compute(Alu::CONVERT, FLOAT32, a, {}, {}, INT32),
            (std::vector<uint32_t>{0, 2, 2, 0xfffffffe, 128, 300, 0xfffffed4, 0x7fffffff, 0x80000000, 0}));
  // 1 + 2^-11 is between two halves, 65519 rounds to the greatest, 2^-25 to zero, 3 x 2^-25 to 2^-23.
  EXPECT_EQ(compute(Alu::CONVERT, FLOAT32,
                    {bitsOf(1.00048828125f), bitsOf(1.00146484375f), bitsOf(65519), bitsOf(65520), bitsOf(-inf), nan,
                     bitsOf(0x1p-25f), bitsOf(0x3p-25f), bitsOf(-0x1.ffep-15f), bitsOf(0x1.fffp-15f)},
                    {}, {}, FLOAT16),
            (std::vector<uint32_t>{0x3c00, 0x3c02, 0x7bff, 0x7bff, 0xfbff, 0x7e00, 0, 2, 0x8400, 0x0400}));
  EXPECT_EQ(
      compute(Alu::CONVERT, FLOAT16, {0x3c00, 0xc000, 1, 0x83ff, 0x7bff, 0xfc00, 0x7c01, 0x8000}, {}, {}, FLOAT32),
      (std::vector<uint32_t>{bitsOf(1), bitsOf(-2), bitsOf(0x1p-24f), bitsOf(-0x3ffp-24f), bitsOf(65504), bitsOf(-inf),
                             nan, negativeZero}));
  EXPECT_EQ(compute(Alu::CONVERT, INT8, {0x80, 0x7f, 0xff}, {}, {}, FLOAT32), floats({-128, 127, -1}));
  EXPECT_EQ(compute(Alu::CONVERT, INT8, {0x80, 0x7f, 0xff}, {}, {}, INT32),
            (std::vector<uint32_t>{0xffffff80, 127, ~0u}));
  EXPECT_EQ(compute(Alu::CONVERT, INT32, {16777217, 16777219, 0x80000000}, {}, {}, FLOAT32),
            floats({16777216, 16777220, -2147483648.0f}));
  EXPECT_EQ(compute(Alu::CONVERT, INT32, {300, 0xfffffed4, 5}, {}, {}, INT8), (std::vector<uint32_t>{127, 0x80, 5}));
  EXPECT_EQ(compute(Alu::CONVERT, INT16, {0x8000, 5}, {}, {}, INT32), (std::vector<uint32_t>{0xffff8000, 5}));
}

// exp(a) arrives at ALU 1 with 8 cycles, the sum at ALU 2 with 4, and only ALU 2 drives anything: (exp(a) + 1) * 3.
TEST_F(StreamSimulatorTest, AlusFeedEachOther) {
  builder.input("a", FLOAT32, 1, 2, WEST, 0, 0);
  builder.output("y", FLOAT32, 1, 2, EAST, 0, 0);
  for (uint32_t byte = 0; byte < 4; ++byte) {
    builder.memory(0, WEST, byte, read(0, EAST, byte));
    builder.memory(7 + 8 + 4 + 4 + 1, EAST, byte, write(0, EAST, 16 + byte));
  }
  builder.vxm(7, 0, alu(Alu::EXP, FLOAT32, {onStream(EAST, 0)}, {}));
  builder.vxm(15, 1, alu(Alu::ADD, FLOAT32, {fromAlu(0), constant(bitsOf(1))}, {}));
  builder.vxm(19, 2, alu(Alu::MUL, FLOAT32, {fromAlu(1), constant(bitsOf(3))}, group(EAST, 16)));
  start();
  set("a", std::vector<float>{0, -inf});
  run();
  EXPECT_THAT(get<float>("y"), ElementsAre(6, 3));
}

// 16 x 16 blocks: lane i of stream j and lane j of stream i.
TEST_F(StreamSimulatorTest, TheSxmTransposes) {
  for (uint32_t i = 0; i < 16; ++i) {
    builder.input("a" + std::to_string(i), INT8, 1, lanes, EAST, i, 0);
    builder.output("b" + std::to_string(i), INT8, 1, lanes, EAST, i, 5);
    uint32_t x = 1 + i / 4;
    builder.memory(x, EAST, i, read(0, EAST, i)); // all at x = 12 at 18
    builder.memory(18 + 8 + 12 - x, EAST, i, write(5, WEST, 16 + i));
  }
  builder.at(18, TRANSPOSE, EAST, 0, exchange(Exchange::TRANSPOSE, group(EAST, 0), group(WEST, 16), 16));
  start();
  for (int i = 0; i < 16; ++i)
    set("a" + std::to_string(i), counted(lanes, 3, 31 * i));
  run();
  for (int i = 0; i < 16; ++i) {
    std::vector<uint8_t> b = get<uint8_t>("b" + std::to_string(i));
    for (int lane = 0; lane < 320; ++lane)
      ASSERT_EQ(b[lane], static_cast<uint8_t>((lane - lane % 16 + i) * 3 + 31 * (lane % 16))) << i << " " << lane;
  }
}

/// One instruction on two streams at the west SXM; `latency` is what it must take.
std::vector<std::vector<uint8_t>> move(Exchange exchange, const LaneMap &map, uint32_t latency) {
  StreamScheduleBuilder builder;
  *builder.schedule().add_lane_maps() = map;
  Instruction instruction;
  *instruction.mutable_exchange() = exchange;
  instruction.mutable_exchange()->set_streams(2);
  *instruction.mutable_exchange()->mutable_in() = group(WEST, 5);
  *instruction.mutable_exchange()->mutable_out() = group(EAST, 9);
  std::string error;
  for (uint32_t i = 0; i < 2; ++i) {
    builder.input("a" + std::to_string(i), INT8, 1, lanes, WEST, 40 + i, 0);
    builder.output("b" + std::to_string(i), INT8, 1, lanes, WEST, 40 + i, 4096);
    builder.memory(0, WEST, 40 + i, read(0, WEST, 5 + i));
    builder.memory(7 + latency + 1, WEST, 40 + i, write(4096, EAST, 9 + i));
  }
  bool first = exchange.operation() == Exchange::DISTRIBUTE;
  builder.at(7, first ? TRANSPOSE : PERMUTE, WEST, 0, instruction);
  auto simulator = StreamSimulator::create(builder.build(), tsp1(), nullptr, 0, error);
  if (!simulator)
    throw std::runtime_error(error);
  for (int i = 0; i < 2; ++i) {
    std::vector<uint8_t> bytes = counted(lanes, 1 + 2 * i, i);
    simulator->setInput("a" + std::to_string(i), bytes.data(), bytes.size(), error);
  }
  if (std::optional<StreamStop> stop = simulator->run())
    throw std::runtime_error(stop->text());
  return {*simulator->output("b0"), *simulator->output("b1")};
}

TEST(StreamExchange, DistributesPermutesAndShifts) {
  Exchange exchange;
  LaneMap map;
  exchange.set_operation(Exchange::DISTRIBUTE);
  for (uint32_t i = 0; i < 16; ++i)
    map.add_source(i < 8 ? 2 * i : 16);
  std::vector<std::vector<uint8_t>> b = move(exchange, map, 8);
  for (size_t i = 0; i < lanes; ++i) {
    size_t source = i - i % 16 + 2 * (i % 16);
    ASSERT_EQ(b[0][i], i % 16 < 8 ? static_cast<uint8_t>(source) : 0) << i;
    ASSERT_EQ(b[1][i], i % 16 < 8 ? static_cast<uint8_t>(3 * source + 1) : 0) << i;
  }

  exchange.set_operation(Exchange::PERMUTE);
  map.clear_source();
  for (uint32_t i = 0; i < 320; ++i)
    map.add_source(i % 5 == 0 ? 320 : 319 - i);
  b = move(exchange, map, 28);
  for (size_t i = 0; i < lanes; ++i)
    ASSERT_EQ(b[0][i], i % 5 == 0 ? 0 : static_cast<uint8_t>(319 - i)) << i;
  map.clear_source();
  for (uint32_t i = 0; i < 320; ++i)
    map.add_source(i ^ 1);
  EXPECT_EQ(move(exchange, map, 8)[0][2], 3); // within superlanes it is fast

  exchange.set_operation(Exchange::SHIFT);
  exchange.set_shift(17);
  b = move(exchange, map, 28);
  EXPECT_EQ(b[0][16], 0);
  EXPECT_EQ(b[1][17], 1);
  EXPECT_EQ(b[0][319], static_cast<uint8_t>(302));
  exchange.set_shift(-1);
  b = move(exchange, map, 28);
  EXPECT_EQ(b[0][0], 1);
  EXPECT_EQ(b[0][319], 0);
}

} // namespace
