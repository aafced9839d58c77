//===- StreamVerifierTest.cpp - Right schedules are told from wrong ones --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "runtime/sim/StreamSimulator.h"
#include "test/unit/StreamMutations.h"
#include "test/unit/StreamPrograms.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <map>
#include <random>

using namespace sinter;
using namespace sinter::format;
using namespace sinter::test;
using sinter::verify::Fault;
using sinter::verify::Rejection;
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

/// What two executions come to; empty where the machine stops or the schedule is refused.
std::vector<std::vector<uint8_t>> execute(const StreamSchedule &schedule, const StreamProgram &program) {
  std::string error;
  auto simulator =
      sim::StreamSimulator::create(schedule, tsp1(), program.weights.data(), program.weights.size(), error);
  if (!simulator)
    return {};
  std::vector<std::vector<uint8_t>> all;
  for (uint32_t seed = 1; seed <= 2; ++seed) {
    for (const Placement &input : program.schedule.inputs()) {
      std::vector<uint8_t> bytes = drawInput(input, seed);
      if (!simulator->setInput(input.name(), bytes.data(), bytes.size(), error))
        return {};
    }
    if (simulator->run())
      return {};
    for (const Placement &output : program.schedule.outputs()) {
      const std::vector<uint8_t> *bytes = simulator->output(output.name());
      if (!bytes)
        return {};
      all.push_back(*bytes);
    }
    for (const Placement &state : program.schedule.states()) {
      const std::vector<uint8_t> *bytes = simulator->state(state.name());
      if (!bytes)
        return {};
      all.push_back(*bytes);
    }
  }
  return all;
}

TEST(StreamVerifier, RightSchedulesAreAccepted) {
  for (const StreamProgram &program : programs()) {
    std::optional<Rejection> rejection = verifyStreamSchedule(program.schedule, tsp1());
    EXPECT_FALSE(rejection) << program.name << ": " << rejection->text();
    EXPECT_FALSE(execute(program.schedule, program).empty()) << program.name;
  }
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
      {"reusedBuffer", [](StreamSchedule &s) { s.set_cycles(s.cycles() + 1); }, Fault::Cycles, {}, "promises"},
      {"reusedBuffer", [](StreamSchedule &s) { s.clear_flow(); }, Fault::Flow, {}, "no Flow"},
      {"reusedBuffer",
       [](StreamSchedule &s) { s.mutable_flow()->mutable_results()->RemoveLast(); },
       Fault::Flow,
       {},
       "tensor 'y1'"},
      {"reusedBuffer",
       [](StreamSchedule &s) { s.mutable_inputs(1)->mutable_strips(0)->set_slice(0); },
       Fault::Tensor,
       {},
       "tensor 'b'"},
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

// Whatever makes the machine stop or its results other is refused, with a place; what changes nothing is seldom
// refused.
TEST(StreamVerifier, MutatedSchedules) {
  const char *more = std::getenv("SINTER_STREAM_MUTATIONS");
  int rounds = more ? std::atoi(more) : 30;
  std::map<std::string, std::vector<std::vector<uint8_t>>> expected;
  for (const StreamProgram &program : programs())
    expected[program.name] = execute(program.schedule, program);
  int wrongOfAll = 0, total = 0, right = 0, rightRefused = 0;
  std::string report;
  for (const StreamMutation &mutation : streamMutations()) {
    std::mt19937 random(42);
    size_t next = 0;
    int done = 0, wrong = 0, refusedWrongly = 0;
    for (int round = 0; round < rounds; ++round) {
      // The next of the schedules that can be changed in this way.
      StreamSchedule schedule;
      bool changed = false;
      for (size_t tries = 0; tries < programs().size() && !changed; ++tries, ++next) {
        schedule = programs()[next % programs().size()].schedule;
        changed = mutation.apply(schedule, random);
      }
      ASSERT_TRUE(changed) << mutation.name;
      const StreamProgram &program = programs()[(next - 1) % programs().size()];
      ++done;
      bool isRight = execute(schedule, program) == expected[program.name];
      wrong += !isRight;
      std::optional<Rejection> rejection = verifyStreamSchedule(schedule, tsp1());
      if (isRight && rejection) {
        ++refusedWrongly;
        if (more)
          printf("refused: %s, %s, %d: %s\n", mutation.name.c_str(), program.name.c_str(), round,
                 rejection->text().c_str());
      }
      if (!isRight && !rejection)
        ADD_FAILURE() << mutation.name << ", " << program.name << ", round " << round << " is accepted";
      if (!isRight && rejection && rejection->place.empty() && rejection->fault != Fault::Cycles)
        ADD_FAILURE() << "no place: " << rejection->text();
    }
    report += mutation.name + ": " + std::to_string(done) + ", wrong " + std::to_string(wrong) +
              ", right but refused " + std::to_string(refusedWrongly) + "\n";
    total += done;
    wrongOfAll += wrong;
    right += done - wrong;
    rightRefused += refusedWrongly;
  }
  EXPECT_GE(wrongOfAll * 3, total) << report;
  EXPECT_LE(rightRefused * 10, right) << report;
  if (more)
    printf("%s%d of %d are wrong; of %d right ones %d are refused\n", report.c_str(), wrongOfAll, total, right,
           rightRefused);
}

} // namespace
