//===- StreamVerifierTest.cpp - Right schedules are told from wrong ones --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "runtime/format/ScheduleFile.h"
#include "runtime/sim/StreamSimulator.h"
#include "test/unit/StreamMutationTesting.h"
#include "test/unit/StreamPrograms.h"

#include <gmock/gmock.h>
#include <random>

using namespace sinter;
using namespace sinter::format;
using namespace sinter::test;
using sinter::verify::Fault;
using sinter::verify::Rejection;
using sinter::verify::verifyKnownWords;
using sinter::verify::verifyStreamSchedule;
using testing::HasSubstr;

namespace {

const std::vector<StreamProgram> &programs() {
  static const std::vector<StreamProgram> all = streamPrograms();
  return all;
}

const StreamProgram &programOf(const std::string &name) {
  for (const StreamProgram &program : programs())
    if (program.name == name)
      return program;
  throw std::logic_error(name);
}

/// What is said of a right schedule after a change.
Rejection rejectionOf(const std::string &name, void (*change)(StreamSchedule &)) {
  StreamSchedule schedule = programOf(name).schedule;
  change(schedule);
  std::optional<Rejection> rejection = verifyStreamSchedule(schedule, tsp1());
  EXPECT_TRUE(rejection) << name << " is accepted";
  return rejection.value_or(Rejection{Fault::Header, {}, "", ""});
}

/// The first instruction of the first program of a unit that does something.
Instruction &firstOf(StreamSchedule &schedule, Unit unit, int skip = 0) {
  for (QueueProgram &program : *schedule.mutable_programs())
    if (program.unit() == unit && skip-- == 0)
      for (Instruction &instruction : *program.mutable_instructions())
        if (!instruction.has_nop())
          return instruction;
  throw std::logic_error("no such instruction");
}

QueueProgram &programOf(StreamSchedule &schedule, Unit unit, uint32_t index) {
  for (QueueProgram &program : *schedule.mutable_programs())
    if (program.unit() == unit && program.index() == index)
      return program;
  throw std::logic_error("no such program");
}

TEST(StreamVerifier, FaultsHaveAKindACycleAndAPlace) {
  struct Case {
    const char *program;
    void (*change)(StreamSchedule &);
    Fault fault;
    std::optional<uint64_t> cycle;
    const char *text;
  };
  const Case cases[] = {
      // The read of "move" is at 30 - 6 - 12; each value is driven at x = -4 six cycles later and taken at x = 8.
      {"move", [](StreamSchedule &s) { programOf(s, MEM, 13).mutable_instructions(0)->set_nop(13); },
       Fault::EmptyRegister, 30, "cycle 30, MEM slice 30 east, x = 8: an empty register is sampled: eastward stream 7"},
      {"move", [](StreamSchedule &s) { programOf(s, MEM, 30).mutable_instructions()->RemoveLast(); }, Fault::LostValue,
       18 + 1 + 14 + 5, "MEM slice 13 west"},
      {"move", [](StreamSchedule &s) { firstOf(s, MEM, 1).mutable_memory()->mutable_read()->set_address(4); },
       Fault::Address, 12 + 5, "address -1"},
      {"move", [](StreamSchedule &s) { firstOf(s, MEM, 1).mutable_memory()->mutable_read()->set_address(44); },
       Fault::WrongResult, 30, "tensor 'b', MEM slice 30 east"},
      {"move",
       [](StreamSchedule &s) {
         Memory &memory = *firstOf(s, MEM).mutable_memory();
         *memory.mutable_read() = memory.write();
         memory.mutable_read()->set_address(10);
       },
       Fault::BankClash, 30, "MEM slice 30 east"},
      {"chain", [](StreamSchedule &s) { firstOf(s, VXM).mutable_alu()->mutable_out()->set_first(0); }, Fault::LostValue,
       39, "eastward stream"},
      {"chain", [](StreamSchedule &s) { firstOf(s, VXM).mutable_alu()->set_operation(Alu::SUB); }, Fault::ForeignVector,
       20, "cycle 20, VXM ALU 2, x = 0"},
      {"chain", [](StreamSchedule &s) { firstOf(s, VXM, 1).mutable_alu()->mutable_a()->set_alu(3); }, Fault::AluResult,
       24, "ALU 3 has none"},
      {"chain", [](StreamSchedule &s) { firstOf(s, VXM, 1).mutable_alu()->mutable_b()->set_constant(1); },
       Fault::ForeignVector, 24, "VXM ALU 5"},
      {"matmulInt8", [](StreamSchedule &s) { firstOf(s, MULTIPLY).mutable_multiply()->set_swap(false); }, Fault::Array,
       50, "MXM MULTIPLY of plane 0 west, x = -13"},
      {"matmulInt8", [](StreamSchedule &s) { firstOf(s, MULTIPLY).mutable_multiply()->set_row(6); }, Fault::Accumulator,
       72, "row 5"},
      {"matmulInt8", [](StreamSchedule &s) { firstOf(s, LOAD).mutable_load()->set_column(1); }, Fault::Address, 49,
       "MXM LOAD of plane 0 west"},
      {"matmulInt8", [](StreamSchedule &s) { firstOf(s, MULTIPLY).mutable_multiply()->set_add(true); },
       Fault::Accumulator, 50, "row 5"},
      {"matmulInt8",
       [](StreamSchedule &s) { firstOf(s, VXM).mutable_alu()->set_type(INT16); },
       Fault::LostValue,
       {},
       ""},
      {"matmulFloat16", [](StreamSchedule &s) { firstOf(s, LOAD).mutable_load()->set_half(HIGH); },
       Fault::ForeignVector, 50, "it sums products that Flow does not have"},
      {"matmulFloat16", [](StreamSchedule &s) { s.mutable_images(3)->set_offset(1); }, Fault::ForeignVector, 50, ""},
      {"cache",
       [](StreamSchedule &s) {
         QueueProgram &program = programOf(s, MEM, 8);
         program.mutable_instructions(3)->set_nop(program.instructions(3).nop() - 1);
       },
       Fault::EarlyRead, 26, "written at cycle 21"},
      {"movedLanes", [](StreamSchedule &s) { s.mutable_lane_maps(0)->set_source(0, 1); }, Fault::ForeignVector, 70,
       "SXM PERMUTE east, x = 12"},
      {"movedLanes", [](StreamSchedule &s) { s.mutable_lane_maps(0)->set_source(0, 321); }, Fault::Program, 70,
       "a lane that there is not"},
      // The last row is written at 28 + 4 + 2 + 4; 6 cycles and 20 superlanes later all is done.
      {"chain", [](StreamSchedule &s) { s.set_cycles(s.cycles() + 1); }, Fault::Cycles, 64,
       "cycle 64, MEM slice 4 east: the number of cycles is another: what ends last does so then: it takes 64, and "
       "promises 65"},
      {"reusedBuffer", [](StreamSchedule &s) { s.clear_flow(); }, Fault::Flow, {}, "no Flow"},
      {"reusedBuffer",
       [](StreamSchedule &s) { s.mutable_flow()->mutable_results()->RemoveLast(); },
       Fault::Flow,
       {},
       "tensor 'y1', MEM slice"},
      {"reusedBuffer", [](StreamSchedule &s) { s.mutable_inputs(1)->mutable_strips(0)->set_slice(0); }, Fault::Tensor,
       0, "cycle 0, tensor 'b': a tensor has no place: something else lies in MEM slice 0"},
      {"matmulInt8", [](StreamSchedule &s) { s.mutable_images(0)->set_address(8192); }, Fault::Tensor, 0,
       "address 8192: a tensor has no place: constants lie beyond the memory"},
      {"reusedBuffer", [](StreamSchedule &s) { s.mutable_programs(0)->set_index(44); }, Fault::Program, 0,
       "cycle 0, unit 0, index 44: a program is none of this chip: there is no such queue"},
      {"reusedBuffer", [](StreamSchedule &s) { *s.add_programs() = s.programs(0); }, Fault::Program, 0, "two programs"},
      {"reusedBuffer", [](StreamSchedule &s) { s.set_chip_sha256(""); }, Fault::Header, {}, "another chip"},
  };
  for (const Case &which : cases) {
    Rejection rejection = rejectionOf(which.program, which.change);
    EXPECT_EQ(rejection.fault, which.fault) << rejection.text();
    if (which.cycle)
      EXPECT_EQ(rejection.cycle, which.cycle) << rejection.text();
    EXPECT_THAT(rejection.text(), HasSubstr(which.text));
  }
}

// Reads may leave out superlanes of constants that are zeros, if Flow says so and the weights are so.
TEST(StreamVerifier, WhatIsKnownOfConstants) {
  StreamProgram program = programOf("matmulInt8");
  const Image image = program.schedule.images(0);
  for (QueueProgram &queue : *program.schedule.mutable_programs())
    for (Instruction &instruction : *queue.mutable_instructions())
      if (queue.unit() == MEM && queue.hemisphere() == image.hemisphere() && queue.index() == image.slice() &&
          instruction.memory().has_read() && instruction.memory().read().address() - image.address() < image.words())
        instruction.mutable_memory()->mutable_read()->set_superlanes(0xfffff & ~(1u << 3));
  EXPECT_TRUE(verifyStreamSchedule(program.schedule, tsp1()));
  KnownWords &known = *program.schedule.mutable_flow()->add_known();
  known.set_offset(image.offset());
  known.set_count(image.words());
  known.set_bytes(image.word_bytes());
  known.set_superlanes(0xfffff & ~(1u << 3));
  std::optional<Rejection> rejection = verifyStreamSchedule(program.schedule, tsp1());
  EXPECT_FALSE(rejection) << rejection->text();

  // The second word is not so; then, it is.
  std::vector<uint8_t> weights = program.weights;
  for (uint32_t i = 0; i < image.words(); ++i)
    std::fill_n(weights.begin() + image.offset() + i * image.word_bytes() + 3 * 16, 16, 0);
  uint64_t second = image.offset() + image.word_bytes();
  weights[second + 3 * 16 + 5] = 1;
  rejection = verifyKnownWords(program.schedule, tsp1(), weights);
  ASSERT_TRUE(rejection);
  EXPECT_EQ(rejection->text(), "cycle 0, weights, offset " + std::to_string(second) +
                                   ": a constant is not what it is said to be: superlane 3 is not zeros");
  weights[second + 3 * 16 + 5] = 0;
  EXPECT_FALSE(verifyKnownWords(program.schedule, tsp1(), weights));

  // Alike with itself, and with another.
  known.set_like(image.offset());
  known.set_like_stride(image.word_bytes());
  EXPECT_FALSE(verifyKnownWords(program.schedule, tsp1(), weights));
  known.set_like(second);
  rejection = verifyKnownWords(program.schedule, tsp1(), weights);
  ASSERT_TRUE(rejection);
  EXPECT_THAT(rejection->text(), HasSubstr("it is not the same as the word at " + std::to_string(second)));
  known.clear_like();
  known.set_halves_alike(true);
  rejection = verifyKnownWords(program.schedule, tsp1(), weights);
  ASSERT_TRUE(rejection);
  EXPECT_THAT(rejection->text(), HasSubstr("its halves are not the same"));
  known.set_halves_alike(false);
  weights.resize(image.offset() + image.word_bytes());
  rejection = verifyKnownWords(program.schedule, tsp1(), weights);
  ASSERT_TRUE(rejection);
  EXPECT_THAT(rejection->text(), HasSubstr("the weights end before it"));
}

// Counts that would keep a verifier busy for hours, or fill the memory.
TEST(StreamVerifier, HugeCountsAreRefusedAtOnce) {
  const std::pair<void (*)(StreamSchedule &), const char *> cases[] = {
      {[](StreamSchedule &s) {
         QueueProgram &program = programOf(s, VXM, 2);
         program.mutable_instructions(program.instructions_size() - 1)->mutable_repeat()->set_count(~0u);
       },
       "cycle 0, VXM ALU 2: a program is none of this chip: no schedule has so many instructions"},
      {[](StreamSchedule &s) {
         QueueProgram &program = programOf(s, VXM, 2);
         program.mutable_instructions(program.instructions_size() - 1)->mutable_repeat()->set_interval(~0u);
       },
       "ALU 2 has none"},
      {[](StreamSchedule &s) {
         QueueProgram &program = programOf(s, VXM, 9);
         for (int i = 0; i < 4000; ++i)
           program.add_instructions()->set_nop(~0u);
         *program.add_instructions() = program.instructions(1);
       },
       "no schedule takes so long"},
      {[](StreamSchedule &s) { s.mutable_inputs(0)->set_rows(~0u); }, "lies beyond the memory"},
      {[](StreamSchedule &s) { s.mutable_inputs(0)->set_interleave(~0u); }, "too many strips"},
      {[](StreamSchedule &s) {
         s.mutable_inputs(0)->set_rows(8192 * 60);
         s.mutable_inputs(0)->set_interleave(60);
         const Strip strip = s.inputs(0).strips(0);
         for (int i = 0; i < 1000; ++i)
           *s.mutable_inputs(0)->add_strips() = strip;
       },
       "cycle 0, tensor 'a'"},
      {[](StreamSchedule &s) {
         for (int i = 0; i < 100000; ++i)
           s.add_images()->set_words(8192);
       },
       "constants are larger than the memory"},
      {[](StreamSchedule &s) { s.mutable_flow()->mutable_sequences(0)->set_count(~0u); }, "larger than any"},
      {[](StreamSchedule &s) {
         KnownWords &known = *s.mutable_flow()->add_known();
         known.set_bytes(320);
         known.set_count(~0u);
       },
       "is of no words"},
  };
  for (const auto &[change, message] : cases) {
    Rejection rejection = rejectionOf("chain", change);
    EXPECT_THAT(rejection.text(), HasSubstr(message));
  }
}

// A file that was cut short or has other bytes is refused by the reader or the verifier; where it is accepted, it was
// no damage to what is executed.
TEST(StreamVerifier, DamagedFiles) {
  std::mt19937 random(5);
  for (const StreamProgram &program : programs()) {
    std::string whole = program.schedule.SerializeAsString(), error;
    auto judge = [&](const std::string &bytes) {
      std::optional<StreamSchedule> read = readSchedule(bytes, error);
      if (!read) {
        EXPECT_EQ(error, "the schedule is damaged: it is no StreamSchedule");
        return;
      }
      if (verifyStreamSchedule(*read, tsp1()))
        return;
      auto simulator =
          sim::StreamSimulator::create(*read, tsp1(), [](uint64_t, size_t, uint8_t *) { return true; }, error);
      ASSERT_TRUE(simulator) << error;
      std::optional<sim::StreamStop> stop = simulator->run();
      EXPECT_FALSE(stop) << stop->text();
      EXPECT_EQ(simulator->cycles(), program.schedule.cycles());
    };
    for (size_t size = 0; size < whole.size(); size += 1 + whole.size() / 100) {
      std::optional<StreamSchedule> read = readSchedule(std::string_view(whole).substr(0, size), error);
      EXPECT_TRUE(!read || verifyStreamSchedule(*read, tsp1())) << program.name << " of " << size << " bytes";
    }
    for (int i = 0; i < 150; ++i) {
      std::string bytes = whole;
      bytes[random() % bytes.size()] ^= 1 << random() % 8;
      judge(bytes);
    }
  }
}

// What is written down to damage a verifier, not to describe a schedule.
TEST(StreamVerifier, DamagedFlowsAreRefused) {
  const std::pair<void (*)(Flow &), const char *> cases[] = {
      {[](Flow &f) { f.mutable_sequences(0)->set_count(~0u); }, "larger than any"},
      {[](Flow &f) { f.mutable_sequences(0)->clear_formula(); }, "sequence 0 has no formula"},
      {[](Flow &f) {
         Segment &segment = *f.add_sequences()->mutable_join()->add_segments();
         segment.set_count(100);
         f.mutable_sequences(f.sequences_size() - 1)->set_count(1);
       },
       "joins more vectors"},
      {[](Flow &f) {
         Use &use = *f.add_sequences()->mutable_lanes()->mutable_from();
         f.mutable_sequences(f.sequences_size() - 1)->set_count(1);
         use.set_sequence(static_cast<uint32_t>(f.sequences_size()) - 1);
         f.mutable_sequences(f.sequences_size() - 1)->mutable_lanes()->set_shift(1);
       },
       "does not come before it"},
      {[](Flow &f) {
         Sequence &sequence = *f.add_sequences();
         sequence.set_count(2);
         sequence.mutable_lanes()->set_shift(1);
         sequence.mutable_lanes()->mutable_from()->set_step(-1);
       },
       "uses vector -1"},
      {[](Flow &f) { f.mutable_tiles(0)->mutable_columns(0)->set_count(~0u); }, "columns or halves"},
      {[](Flow &f) { f.mutable_results(0)->mutable_use()->set_sequence(~0u); }, "a sequence that there is not"},
      {[](Flow &f) { f.add_known()->set_count(1); }, "is of no words"},
      {[](Flow &f) {
         for (uint64_t offset : {320, 600}) {
           KnownWords &known = *f.add_known();
           known.set_offset(offset);
           known.set_bytes(320);
           known.set_count(1);
         }
       },
       "constants at 600 is of no words, or meets others"},
  };
  for (const auto &[change, message] : cases) {
    StreamSchedule schedule = programOf("matmulInt8").schedule;
    change(*schedule.mutable_flow());
    std::optional<Rejection> rejection = verifyStreamSchedule(schedule, tsp1());
    ASSERT_TRUE(rejection);
    EXPECT_EQ(rejection->fault, Fault::Flow) << rejection->text();
    EXPECT_THAT(rejection->text(), HasSubstr(message));
  }
}

TEST(StreamVerifier, MutatedSchedules) {
  std::vector<MutationSubject> subjects;
  for (const StreamProgram &program : programs()) {
    subjects.push_back({program.name, program.schedule, program.weights, {}});
    for (uint32_t seed : {1u, 2u}) {
      auto &inputs = subjects.back().inputs.emplace_back();
      for (const Placement &input : program.schedule.inputs())
        inputs[input.name()] = drawInput(input, seed);
    }
  }
  checkMutations(subjects, tsp1());
}

} // namespace
