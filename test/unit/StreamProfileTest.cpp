//===- StreamProfileTest.cpp - Where a streaming chip's cycles go ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Schedules written by hand for tsp1, whose figures were counted by hand with the
// latencies of docs/targets/stream.md: reads and writes 6, ALUs 4, the MXM 40, a
// cycle for each position on the way, 20 superlanes. The simulator says that each can
// be run, and in how many cycles.
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Profile/StreamProfile.h"
#include "lib/Support/Failure.h"
#include "test/unit/StreamSimulatorHarness.h"

#include <numeric>

namespace sinter {
namespace {

using namespace format;
using namespace profile;
using namespace test;

class StreamProfileTest : public StreamSimulatorHarness {
protected:
  /// Of the schedule, which is simulated first.
  StreamProfile profileOf(uint64_t cycles) {
    builder.schedule().set_cycles(cycles);
    start();
    run();
    EXPECT_EQ(simulator->cycles(), cycles);
    llvm::Expected<StreamProfile> profile = profileSchedule(builder.build(), tsp1());
    EXPECT_TRUE(static_cast<bool>(profile)) << (profile ? "" : llvm::toString(profile.takeError()));
    StreamProfile result = profile ? std::move(*profile) : StreamProfile();
    EXPECT_EQ(result.cycles, cycles);
    EXPECT_EQ(result.spent.sum(), static_cast<int64_t>(cycles));
    for (size_t i = 0; i < result.chain.size(); ++i) {
      EXPECT_EQ(result.chain[i].spent.sum(), result.chain[i].end - result.chain[i].begin);
      EXPECT_EQ(result.chain[i].begin, i ? result.chain[i - 1].end : 0);
    }
    return result;
  }
  std::string failureOf(const StreamSchedule &schedule) {
    llvm::Expected<StreamProfile> profile = profileSchedule(schedule, tsp1());
    EXPECT_FALSE(static_cast<bool>(profile));
    return profile ? "" : llvm::toString(profile.takeError());
  }
  static void name(Instruction &instruction, uint32_t span) { instruction.set_span(span + 1); }
  void addSpan(const std::string &node, const std::string &op) {
    Span &span = *builder.schedule().add_spans();
    span.set_name(node);
    span.set_op(op);
  }

  /// Three rows move from slice 0 to slice 4: read at 0, 1, 2, on their way for 1 cycle, written at 7, 8, 9.
  void moveFirst() {
    builder.input("a", INT8, 3, 320, EAST, 0, 0);
    name(builder.memory(0, EAST, 0, read(0, EAST, 3), {2, 1, 1}), 0);
    name(builder.memory(7, EAST, 4, write(10, EAST, 3), {2, 1, 1}), 0);
  }
  /// And on to slice 8, where they are the output.
  void moveOn(uint64_t cycle) {
    builder.output("b", INT8, 3, 320, EAST, 8, 0);
    name(builder.memory(cycle, EAST, 4, read(10, EAST, 3), {2, 1, 1}), 1);
    name(builder.memory(cycle + 7, EAST, 8, write(0, EAST, 3), {2, 1, 1}), 1);
  }
};

using Cycles = std::map<Spent, int64_t>;
Cycles cyclesOf(const Spending &spent) {
  Cycles cycles;
  for (unsigned i = 0; i < numSpent; ++i)
    if (spent.cycles[i])
      cycles[Spent(i)] = spent.cycles[i];
  return cycles;
}

TEST_F(StreamProfileTest, ChainThroughAWordOfMemory) {
  moveFirst();
  moveOn(13);
  // The last write is at 22; 6 and 20 cycles later it is complete.
  StreamProfile profile = profileOf(48);
  ASSERT_EQ(profile.chain.size(), 2u);
  // Row 0: read, one position, written and readable 13 cycles after the beginning.
  EXPECT_EQ(profile.chain[0].wait, Wait::Start);
  EXPECT_EQ(profile.chain[0].end, 13);
  EXPECT_EQ(cyclesOf(profile.chain[0].spent),
            (Cycles{{Spent::ReadLatency, 6}, {Spent::Transit, 1}, {Spent::WriteLatency, 6}}));
  // Then until row 2 is written in all superlanes.
  EXPECT_EQ(profile.chain[1].wait, Wait::Data);
  EXPECT_EQ(profile.steps[1].reason, "a word of MEM slice 4 east had to be written");
  EXPECT_EQ(cyclesOf(profile.chain[1].spent), (Cycles{{Spent::ReadLatency, 6},
                                                      {Spent::Transit, 1},
                                                      {Spent::Vectors, 2},
                                                      {Spent::WriteLatency, 6},
                                                      {Spent::Superlanes, 20}}));
}

TEST_F(StreamProfileTest, CyclesThatNothingWasWaitedForAreSpare) {
  moveFirst();
  moveOn(18);
  StreamProfile profile = profileOf(53);
  ASSERT_EQ(profile.chain.size(), 2u);
  EXPECT_EQ(profile.chain[1].wait, Wait::Data);
  EXPECT_EQ(profile.chain[1].begin, 13);
  EXPECT_EQ(profile.chain[1].spent[Spent::Spare], 5);
}

TEST_F(StreamProfileTest, ChainThroughAQueue) {
  weights = counted(5 * 320);
  moveFirst();
  // Five constants leave slice 4 from cycle 13 on, so that the rows do from 18 on.
  Image &image = *builder.schedule().add_images();
  image.set_hemisphere(EAST);
  image.set_slice(4);
  image.set_address(100);
  image.set_words(5);
  image.set_word_bytes(320);
  builder.memory(13, EAST, 4, read(100, EAST, 9), {4, 1, 1});
  builder.memory(21, EAST, 12, write(7, EAST, 9), {4, 1, 1});
  moveOn(18);
  StreamProfile profile = profileOf(53);
  ASSERT_EQ(profile.chain.size(), 3u);
  // The constants could have been read from 10 on, when slice 4 had written.
  EXPECT_EQ(profile.chain[1].wait, Wait::Queue);
  EXPECT_EQ(profile.chain[1].begin, 10);
  EXPECT_EQ(cyclesOf(profile.chain[1].spent), (Cycles{{Spent::Vectors, 4}, {Spent::Turns, 1}, {Spent::Spare, 3}}));
  EXPECT_EQ(profile.chain[2].wait, Wait::Queue);
  EXPECT_EQ(profile.chain[2].begin, 18);
  EXPECT_EQ(profile.steps[2].reason, "MEM slice 4 east was taken");
  // Instructions that no span is named for are of a node without a name.
  EXPECT_EQ(profile.nodes[profile.steps[1].node].name, "");
}

TEST_F(StreamProfileTest, WhatOneInstructionReadsAndWritesIsApart) {
  weights = counted(3 * 320);
  addSpan("/first", "gather");
  addSpan("/second", "gather");
  addSpan("/constants", "gather");
  Image &image = *builder.schedule().add_images();
  image.set_hemisphere(EAST);
  image.set_slice(4);
  image.set_address(5000); // the other bank
  image.set_words(3);
  image.set_word_bytes(320);
  builder.input("a", INT8, 3, 320, EAST, 0, 0);
  name(builder.memory(0, EAST, 0, read(0, EAST, 3), {2, 1, 1}), 0);
  Instruction both = read(5000, EAST, 9);
  *both.mutable_memory()->mutable_write() = write(10, EAST, 3).memory().write();
  Instruction &issued = builder.memory(7, EAST, 4, both, {2, 1, 1});
  issued.set_span(3);
  issued.set_write_span(1);
  name(builder.memory(15, EAST, 12, write(7, EAST, 9), {2, 1, 1}), 2);
  moveOn(13);
  StreamProfile profile = profileOf(48);
  // As without the constants.
  ASSERT_EQ(profile.chain.size(), 2u);
  EXPECT_EQ(profile.chain[1].wait, Wait::Data);
  EXPECT_EQ(cyclesOf(profile.chain[0].spent),
            (Cycles{{Spent::ReadLatency, 6}, {Spent::Transit, 1}, {Spent::WriteLatency, 6}}));
  for (const QueueUse &use : profile.queues)
    if (use.queue.name() == "MEM slice 4 east")
      EXPECT_EQ(use.issues, 6u);
  for (const NodeUse &node : profile.nodes)
    EXPECT_EQ(node.issues[MEM], 6u) << node.name;
}

TEST_F(StreamProfileTest, ChainThroughAWordThatIsWrittenAnew) {
  builder.input("a", INT8, 2, 320, EAST, 0, 0);
  builder.memory(0, EAST, 0, read(0, EAST, 3));
  builder.memory(7, EAST, 4, write(10, EAST, 3));
  builder.memory(13, EAST, 4, read(10, EAST, 3));
  builder.memory(20, EAST, 8, write(0, EAST, 3));
  // The word is free from 14 on.
  builder.memory(7, EAST, 0, read(1, EAST, 3));
  builder.memory(14, EAST, 4, write(10, EAST, 3));
  builder.memory(20, EAST, 4, read(10, EAST, 3));
  builder.memory(27, EAST, 8, write(1, EAST, 3));
  StreamProfile profile = profileOf(53);
  ASSERT_EQ(profile.chain.size(), 4u);
  EXPECT_EQ(profile.chain[1].wait, Wait::Data);
  EXPECT_EQ(profile.chain[2].wait, Wait::Memory);
  EXPECT_EQ(profile.chain[2].begin, 14);
  EXPECT_EQ(profile.steps[2].reason, "words of MEM slice 4 east were still read");
  EXPECT_EQ(profile.chain[3].wait, Wait::Data);
  EXPECT_EQ(profile.chain[3].begin, 20);
}

TEST_F(StreamProfileTest, LatenciesOfGathersAndOfTheSxm) {
  // Numbers of rows leave slices 40 and 41 (x = 11) westward; slice 36 (x = 10) looks up, slice 32 (x = 9) writes.
  builder.memory(0, EAST, 40, read(0, WEST, 0));
  builder.memory(0, EAST, 41, read(0, WEST, 1));
  Instruction gather = read(0, WEST, 2);
  Indirect &indirect = *gather.mutable_memory()->mutable_read()->mutable_indirect();
  *indirect.mutable_values() = group(WEST, 0);
  indirect.set_count(16);
  builder.memory(7, EAST, 36, gather);
  builder.memory(18, EAST, 32, write(0, WEST, 2));
  StreamProfile gathered = profileOf(18 + 6 + 20);
  EXPECT_EQ(gathered.steps.back().work, "look-up");
  EXPECT_EQ(cyclesOf(gathered.spent), (Cycles{{Spent::ReadLatency, 6},
                                              {Spent::GatherLatency, 10},
                                              {Spent::Transit, 2},
                                              {Spent::WriteLatency, 6},
                                              {Spent::Superlanes, 20}}));

  // A vector of slice 0 (x = 1) is shifted at x = 12, and written in slice 40 (x = 11).
  builder = StreamScheduleBuilder();
  builder.memory(0, EAST, 0, read(0, EAST, 0));
  Instruction shift = exchange(Exchange::SHIFT, group(EAST, 0), group(WEST, 0), 1);
  shift.mutable_exchange()->set_shift(1);
  builder.at(17, PERMUTE, EAST, 0, shift);
  builder.memory(46, EAST, 40, write(0, WEST, 0));
  StreamProfile shifted = profileOf(46 + 6 + 20);
  EXPECT_EQ(cyclesOf(shifted.spent), (Cycles{{Spent::ReadLatency, 6},
                                             {Spent::SxmFarLatency, 28},
                                             {Spent::Transit, 12},
                                             {Spent::WriteLatency, 6},
                                             {Spent::Superlanes, 20}}));
}

TEST_F(StreamProfileTest, UnitsMemoryAndNodes) {
  addSpan("/first", "gather");
  addSpan("/second", "elementwise add");
  moveFirst();
  moveOn(13);
  StreamProfile profile = profileOf(48);
  EXPECT_EQ(profile.bucketCycles, 1u);
  ASSERT_EQ(profile.numBuckets, 48u);
  // 88 slices, 16 ALUs, 4 planes with two queues, 2 SXMs with two.
  ASSERT_EQ(profile.queues.size(), 116u);
  EXPECT_EQ(profile.queues.front().queue.x, -14);
  EXPECT_EQ(profile.queues.back().queue.x, 14);
  for (const QueueUse &use : profile.queues) {
    bool isEast = use.queue.unit == MEM && use.queue.hemisphere == EAST;
    uint64_t issues = isEast && use.queue.index == 4                               ? 6
                      : isEast && use.queue.index % 8 == 0 && use.queue.index < 16 ? 3
                                                                                   : 0;
    EXPECT_EQ(use.issues, issues) << use.queue.name();
    EXPECT_EQ(std::accumulate(use.byBucket.begin(), use.byBucket.end(), 0u), issues);
    if (isEast && use.queue.index == 4)
      for (unsigned cycle : {7, 8, 9, 13, 14, 15})
        EXPECT_EQ(use.byBucket[cycle], 1u);
  }
  // Each value is in one register, that of the slice that writes it, in the cycle in which it does.
  for (unsigned cycle = 0; cycle < 48; ++cycle)
    EXPECT_EQ(profile.registers[EAST][cycle], (cycle >= 7 && cycle < 10) || (cycle >= 20 && cycle < 23) ? 1u : 0u);
  EXPECT_EQ(std::accumulate(profile.registers[WEST].begin(), profile.registers[WEST].end(), uint64_t(0)), 0u);

  for (const SliceUse &use : profile.slices) {
    bool isEast = use.queue.hemisphere == EAST;
    EXPECT_EQ(use.words.tensors, isEast && (use.queue.index == 0 || use.queue.index == 8) ? 3u : 0u);
    // Row 0 is written at 7 and read at 13, when rows 1 and 2 are there, too.
    EXPECT_EQ(use.words.temporaries, isEast && use.queue.index == 4 ? 3u : 0u);
    EXPECT_EQ(use.words.constants, 0u);
  }

  ASSERT_EQ(profile.nodes.size(), 2u);
  EXPECT_EQ(profile.nodes[0].name, "/first");
  EXPECT_EQ(profile.nodes[0].op, "gather");
  EXPECT_EQ(profile.nodes[0].issues[MEM], 6u);
  EXPECT_EQ(profile.nodes[0].firstCycle, 0u);
  EXPECT_EQ(profile.nodes[0].lastCycle, 9u);
  EXPECT_EQ(profile.nodes[0].chain.sum(), 13);
  EXPECT_EQ(profile.nodes[1].name, "/second");
  EXPECT_EQ(profile.nodes[1].firstCycle, 13u);
  EXPECT_EQ(profile.nodes[1].lastCycle, 22u);
  EXPECT_EQ(profile.nodes[1].chain.sum(), 35);
  EXPECT_EQ(profile.steps[0].work, "moves");
}

TEST_F(StreamProfileTest, TemporariesShareWordsOverTime) {
  // Two words of slice 4, the second written when the first was read for the last time; then the first one anew.
  builder.input("a", INT8, 3, 320, EAST, 0, 0);
  builder.memory(0, EAST, 0, read(0, EAST, 3));
  builder.memory(7, EAST, 4, write(10, EAST, 3));
  builder.memory(13, EAST, 4, read(10, EAST, 3));
  builder.memory(20, EAST, 8, write(0, EAST, 3));
  builder.memory(7, EAST, 0, read(1, EAST, 3));
  builder.memory(14, EAST, 4, write(11, EAST, 3));
  builder.memory(20, EAST, 4, read(11, EAST, 3));
  builder.memory(27, EAST, 8, write(1, EAST, 3));
  builder.memory(20, EAST, 0, read(2, EAST, 3));
  builder.memory(27, EAST, 4, write(10, EAST, 3));
  StreamProfile profile = profileOf(53);
  for (const SliceUse &use : profile.slices)
    if (use.queue.hemisphere == EAST && use.queue.index == 4)
      EXPECT_EQ(use.words.temporaries, 1u);
}

TEST_F(StreamProfileTest, ChainThroughAnArrayOfWeights) {
  // A LOAD of 16 columns at 18 (x = 13), of what slices 0 to 15 give so that it arrives there together.
  for (uint32_t slice = 0; slice < 16; ++slice)
    builder.memory(slice / 4, EAST, slice, read(0, EAST, slice));
  builder.at(18, LOAD, EAST, 0, loadWeights(0, 0));
  // Two rows of activations, of slice 40 (x = 11), are multiplied from 19 on; the sums go to slices 36 to 39 (x = 10).
  Instruction product = multiply(16, 0);
  product.mutable_multiply()->set_swap(true);
  *product.mutable_multiply()->mutable_out() = group(WEST, 0);
  builder.memory(11, EAST, 40, read(0, EAST, 16), {1, 1, 1});
  builder.at(19, MULTIPLY, EAST, 0, product, {1, 1, 1});
  for (uint32_t slice = 36; slice < 40; ++slice)
    builder.memory(62, EAST, slice, write(0, WEST, slice - 36), {1, 1, 1});
  StreamProfile profile = profileOf(63 + 6 + 20);
  ASSERT_EQ(profile.chain.size(), 2u);
  EXPECT_EQ(profile.steps[0].work, "loading of weights");
  EXPECT_EQ(profile.chain[0].wait, Wait::Start);
  EXPECT_EQ(cyclesOf(profile.chain[0].spent),
            (Cycles{{Spent::ReadLatency, 6}, {Spent::Transit, 12}, {Spent::Turns, 1}}));
  EXPECT_EQ(profile.steps[1].work, "products");
  EXPECT_EQ(profile.chain[1].wait, Wait::Array);
  EXPECT_EQ(cyclesOf(profile.chain[1].spent), (Cycles{{Spent::MxmLatency, 40},
                                                      {Spent::Transit, 3},
                                                      {Spent::Vectors, 1},
                                                      {Spent::WriteLatency, 6},
                                                      {Spent::Superlanes, 20}}));
}

TEST_F(StreamProfileTest, ALoadWaitsForTheBuffer) {
  for (uint32_t slice = 0; slice < 16; ++slice)
    for (uint64_t at : {0, 10})
      builder.memory(at + slice / 4, EAST, slice, read(0, EAST, slice));
  builder.at(18, LOAD, EAST, 0, loadWeights(0, 0));
  Instruction product = multiply(16, 0);
  product.mutable_multiply()->set_swap(true);
  builder.memory(20, EAST, 40, read(0, EAST, 16));
  builder.at(28, MULTIPLY, EAST, 0, product);
  builder.at(28, LOAD, EAST, 0, loadWeights(0, 0)); // in the cycle of the swap
  // A second swap shows that the second load is complete.
  *product.mutable_multiply()->mutable_out() = group(WEST, 0);
  builder.memory(21, EAST, 40, read(0, EAST, 16));
  builder.at(29, MULTIPLY, EAST, 0, product);
  for (uint32_t slice = 36; slice < 40; ++slice)
    builder.memory(72, EAST, slice, write(0, WEST, slice - 36));
  StreamProfile profile = profileOf(72 + 6 + 20);
  // Backwards: the second product, its LOAD, the first product that freed the buffer, and that one's LOAD.
  ASSERT_EQ(profile.chain.size(), 4u);
  EXPECT_EQ(profile.chain[3].wait, Wait::Array);
  EXPECT_EQ(profile.chain[2].wait, Wait::Buffer);
  EXPECT_EQ(profile.chain[2].begin, 28);
  EXPECT_EQ(profile.chain[1].wait, Wait::Array);
  EXPECT_EQ(profile.chain[1].begin, 19);
  EXPECT_EQ(profile.chain[1].spent[Spent::Spare], 9);
  EXPECT_EQ(profile.chain[0].wait, Wait::Start);
}

TEST_F(StreamProfileTest, AlusAreInTheWayOnlyIfAllAreTaken) {
  for (uint32_t numTaken : {16, 15}) {
    builder = StreamScheduleBuilder();
    for (uint32_t i = 0; i < numTaken; ++i)
      builder.vxm(0, i, alu(Alu::COPY, INT32, {constant(1)}, std::nullopt), {9});
    builder.vxm(10, 0, alu(Alu::COPY, INT32, {constant(1)}, group(EAST, 0)));
    for (uint32_t slice = 0; slice < 4; ++slice)
      builder.memory(15, EAST, slice, write(0, EAST, slice));
    StreamProfile profile = profileOf(15 + 6 + 20);
    Cycles own = {{Spent::AluLatency, 4}, {Spent::Transit, 1}, {Spent::WriteLatency, 6}, {Spent::Superlanes, 20}};
    if (numTaken == 16) {
      ASSERT_EQ(profile.chain.size(), 2u);
      EXPECT_EQ(cyclesOf(profile.chain[0].spent), (Cycles{{Spent::Vectors, 9}, {Spent::Turns, 1}}));
      EXPECT_EQ(profile.chain[1].wait, Wait::Alus);
    } else {
      // ALU 0 was taken, but the last one was not.
      ASSERT_EQ(profile.chain.size(), 1u);
      EXPECT_EQ(profile.chain[0].wait, Wait::Start);
      own[Spent::Spare] = 10;
    }
    EXPECT_EQ(cyclesOf(profile.chain.back().spent), own);
  }
}

TEST_F(StreamProfileTest, StreamsAreInTheWayOnlyIfAllAreTaken) {
  for (uint32_t numTaken : {32, 16}) {
    builder = StreamScheduleBuilder();
    // Slices 0 to 31 drive streams that move side by side to both planes' LOADs, at 20 (x = 13) and 21 (x = 14).
    for (uint32_t slice = 0; slice < numTaken; ++slice)
      builder.memory(2 + slice / 4, EAST, slice, read(0, EAST, slice));
    for (uint32_t plane = 0; plane < numTaken / 16; ++plane)
      builder.at(20 + plane, LOAD, EAST, plane, loadWeights(16 * plane, 0));
    // They are at x = 11 in 18; a value of slice 36 (x = 10) is there in 19.
    builder.memory(12, EAST, 36, read(0, EAST, 0));
    builder.memory(19, EAST, 40, write(0, EAST, 0));
    StreamProfile profile = profileOf(19 + 6 + 20);
    ASSERT_FALSE(profile.chain.empty());
    EXPECT_EQ(profile.chain.back().wait, numTaken == 32 ? Wait::Streams : Wait::Start);
    EXPECT_EQ(profile.chain.back().spent[Spent::Spare], numTaken == 32 ? 0 : 12);
    if (numTaken == 32) {
      // The value in its way was driven at x = 1 in 8, and is at x = 11 ten cycles later.
      ASSERT_EQ(profile.chain.size(), 2u);
      EXPECT_EQ(cyclesOf(profile.chain[0].spent), (Cycles{{Spent::Transit, 9}, {Spent::Turns, 1}, {Spent::Spare, 2}}));
    }
  }
}

TEST_F(StreamProfileTest, DamagedSchedulesAreRefused) {
  moveFirst();
  moveOn(13);
  builder.schedule().set_cycles(49);
  StreamSchedule schedule = builder.build();
  EXPECT_EQ(failureOf(schedule), "the schedule is damaged: it promises 49 cycles, and its programs take 48");
  schedule.set_cycles(48);

  StreamSchedule other = schedule;
  other.set_chip_sha256("0");
  EXPECT_EQ(failureOf(other), "the schedule was made for another chip than 'tsp1', or for another description of it");
  other = schedule;
  other.mutable_programs(0)->set_index(44);
  EXPECT_EQ(failureOf(other), "the schedule is damaged: it has a program for a queue that the chip does not have");
  other = schedule;
  *other.add_programs() = other.programs(0);
  EXPECT_EQ(failureOf(other), "the schedule is damaged: the program of MEM slice 0 east is there twice");
  other = schedule;
  other.mutable_programs(0)->mutable_instructions(0)->mutable_repeat()->set_count(1);
  EXPECT_EQ(failureOf(other),
            "the schedule is damaged: the program of MEM slice 0 east has a repetition of nothing, or "
            "of two instructions in a cycle");
  other = schedule;
  other.mutable_programs(0)->mutable_instructions(1)->mutable_repeat()->set_count(uint32_t(1) << 31);
  EXPECT_EQ(failureOf(other), "the schedule takes more than 4194304 cycles or 134217728 instructions: it is too long "
                              "for a view");
  // What the machine would stop on is no concern of a view, which says what there is.
  other = schedule;
  other.mutable_programs(0)->mutable_instructions(0)->mutable_memory()->mutable_read()->mutable_stream()->set_first(4);
  EXPECT_TRUE(static_cast<bool>(profileSchedule(other, tsp1())));
}

} // namespace
} // namespace sinter
