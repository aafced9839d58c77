//===- RuntimeEntriesTest.cpp - Tests of entries and states ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/format/hash.h"
#include "sinter-rt/sim.h"
#include "test/unit/RuntimeTestDevice.h"
#include "test/unit/RuntimeTestEntries.h"
#include "test/unit/StreamScheduleBuilder.h"

#include <gmock/gmock.h>
#include <random>

using namespace sinter;
using namespace sinter::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

using Argument = BundleArgument;

/// Runs with rows 1, 2, ..., each twice.
sinter_status runWith(sinter_session *session, int64_t rows) {
  Bytes x;
  for (int64_t i = 0; i < rows; ++i)
    x.insert(x.end(), {uint8_t(i + 1), uint8_t(i + 1)});
  int64_t dims[] = {rows, 2};
  sinter_status status = sinter_session_set_input(session, 0, x.data(), SINTER_U8, dims, 2);
  return status ? status : sinter_session_run(session);
}

int64_t pastOf(const sinter_session *session) {
  int64_t past;
  std::memcpy(&past, outputOf(session, 2).data(), sizeof past);
  return past;
}

// Tests that a run takes the first entry that its sizes fit into, that inputs are padded with what they have last, and
// that outputs have the actual sizes.
TEST(RuntimeEntriesTest, TheSmallestThatFits) {
  Opened opened(entriesProgram(), runtimeTestDevice());
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  for (uint32_t threads : {1u, 3u}) {
    OpenSession session(opened.program, {}, threads);
    ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
    EXPECT_EQ(sinter_session_entry(session.session), SINTER_NO_INDEX);
    ASSERT_EQ(runWith(session.session, 3), SINTER_OK) << session.message();
    EXPECT_EQ(sinter_session_entry(session.session), 0u);
    EXPECT_EQ(sinter_session_cycles(session.session), 4u);
    EXPECT_THAT(outputOf(session.session, 0), ElementsAre(101, 101, 102, 102, 103, 103));
    EXPECT_THAT(outputOf(session.session, 1),
                ElementsAre(1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3));
    ASSERT_EQ(runWith(session.session, 5), SINTER_OK) << session.message();
    EXPECT_EQ(sinter_session_entry(session.session), 1u);
    EXPECT_EQ(sinter_session_cycles(session.session), 8u);
    EXPECT_THAT(outputOf(session.session, 0), ElementsAre(101, 101, 102, 102, 103, 103, 104, 104, 105, 105));
    // The same sizes by another entry, and back.
    sinter_session_reset(session.session);
    ASSERT_EQ(runWith(session.session, 3), SINTER_OK);
    ASSERT_EQ(sinter_session_set_entry(session.session, 1), SINTER_OK);
    ASSERT_EQ(runWith(session.session, 3), SINTER_OK);
    EXPECT_EQ(sinter_session_cycles(session.session), 8u);
    EXPECT_THAT(outputOf(session.session, 0), ElementsAre(101, 101, 102, 102, 103, 103));
    ASSERT_EQ(sinter_session_set_entry(session.session, SINTER_NO_INDEX), SINTER_OK);
    ASSERT_EQ(runWith(session.session, 3), SINTER_OK);
    EXPECT_EQ(sinter_session_cycles(session.session), 4u);
  }
}

// Tests that sizes that an entry, or the program, is not for are refused with both numbers, and that the session can be
// used again.
TEST(RuntimeEntriesTest, Refusals) {
  Opened opened(entriesProgram(), runtimeTestDevice());
  OpenSession session(opened.program, {}, 1);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  EXPECT_EQ(sinter_session_set_entry(session.session, 2), SINTER_WRONG_CALL);
  EXPECT_EQ(session.message(), "program 'sized' has 2 entries; there is no entry 2");
  ASSERT_EQ(sinter_session_set_entry(session.session, 0), SINTER_OK);
  EXPECT_EQ(runWith(session.session, 5), SINTER_TOO_LARGE);
  EXPECT_EQ(session.message(), "the size of input 'x' along axis 0 ('seq') is 5; entry 'seq=4' takes at most 4");
  EXPECT_EQ(runWith(session.session, 9), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "the size of input 'x' along axis 0 ('seq') is 9; at most 8 is allowed");
  EXPECT_EQ(runWith(session.session, 4), SINTER_OK) << session.message();

  BundleDescription outside = entriesProgram();
  outside.entries[0].numSteps = 11;
  TestFolder folder;
  EXPECT_THAT(llvm::toString(writeBundle(outside, (folder / "outside").string())),
              HasSubstr("entry 'seq=4' is there twice, or has steps that are not there"));
  BundleDescription elsewhere = entriesProgram();
  elsewhere.steps[0].arguments[1] = Argument::arena(121); // 8 bytes, of which 7 are in the arena
  Opened malformed(elsewhere, runtimeTestDevice());
  OpenSession other(malformed.program, {}, 1);
  EXPECT_EQ(runWith(other.session, 4), SINTER_UNUSABLE);
  EXPECT_EQ(other.message(), "the program is malformed: step 'resize' is for a tensor that is not there");
}

// Tests that the session counts what its states hold, that a run beyond their room is refused before it is begun, and
// that a session can begin anew.
TEST(RuntimeEntriesTest, States) {
  Opened opened(entriesProgram(), runtimeTestDevice());
  OpenSession session(opened.program, {}, 1), second(opened.program, {}, 1);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  EXPECT_EQ(sinter_session_past(session.session), 0);
  ASSERT_EQ(runWith(session.session, 5), SINTER_OK) << session.message();
  EXPECT_EQ(pastOf(session.session), 0);
  ASSERT_EQ(runWith(session.session, 3), SINTER_OK) << session.message();
  EXPECT_EQ(pastOf(session.session), 5);
  EXPECT_EQ(sinter_session_past(session.session), 8);
  EXPECT_EQ(runWith(session.session, 3), SINTER_TOO_LARGE);
  EXPECT_EQ(session.message(), "state 'cache' has room for 10 positions; it holds 8, and the run adds 3");
  EXPECT_EQ(sinter_session_past(session.session), 8);
  ASSERT_EQ(runWith(session.session, 2), SINTER_OK) << session.message();
  EXPECT_EQ(sinter_session_past(session.session), 10);
  EXPECT_EQ(runWith(session.session, 1), SINTER_TOO_LARGE);
  EXPECT_EQ(sinter_session_past(second.session), 0);
  sinter_session_reset(session.session);
  EXPECT_EQ(sinter_session_past(session.session), 0);
  ASSERT_EQ(runWith(session.session, 1), SINTER_OK) << session.message();
  EXPECT_EQ(pastOf(session.session), 0);

  // A run that fails adds nothing.
  BundleDescription stopping = entriesProgram();
  stopping.files[0].bytes = std::string("stop here\0", 10);
  Opened failing(stopping, runtimeTestDevice());
  OpenSession failed(failing.program, {}, 1);
  EXPECT_EQ(runWith(failed.session, 2), SINTER_UNUSABLE);
  EXPECT_EQ(sinter_session_past(failed.session), 0);
  EXPECT_EQ(runWith(failed.session, 8), SINTER_OK) << failed.message();
  EXPECT_EQ(pastOf(failed.session), 0);
}

// Tests that a device that was made before there were states is told apart from one that keeps them.
TEST(RuntimeEntriesTest, DevicesWithoutStates) {
  sinter_device old = *runtimeTestDevice();
  old.struct_bytes = offsetof(sinter_device, reset);
  Opened refused(entriesProgram(), &old);
  EXPECT_EQ(refused.status, SINTER_UNSUPPORTED);
  EXPECT_STREQ(refused.error.message, "program 'sized' has states ('cache'), and the device for chip 'toy' keeps none");
  BundleDescription without = entriesProgram();
  without.states.clear();
  EXPECT_EQ(Opened(without, &old).status, SINTER_OK);
}

// Tests what a program says of its entries and states, and that the manifest says the same.
TEST(RuntimeEntriesTest, SaysWhatItIs) {
  Opened opened(entriesProgram(), runtimeTestDevice());
  sinter_program_info info;
  sinter_program_get_info(opened.program, &info);
  EXPECT_EQ(info.entry_count, 2u);
  EXPECT_EQ(info.state_count, 1u);
  EXPECT_STREQ(info.advance_formula, "seq");
  uint32_t index;
  ASSERT_EQ(sinter_program_find_entry(opened.program, "seq=8", &index), SINTER_OK);
  EXPECT_EQ(index, 1u);
  EXPECT_EQ(sinter_program_find_entry(opened.program, "seq=5", &index), SINTER_WRONG_CALL);
  sinter_entry_info entry;
  ASSERT_EQ(sinter_program_get_entry(opened.program, 1, &entry), SINTER_OK);
  EXPECT_STREQ(entry.name, "seq=8");
  EXPECT_EQ(entry.first_step, 5u);
  EXPECT_EQ(entry.step_count, 5u);
  ASSERT_EQ(entry.limit_count, 1u);
  sinter_size limit;
  ASSERT_EQ(sinter_program_get_limit(opened.program, 1, 0, &limit), SINTER_OK);
  EXPECT_STREQ(limit.symbol, "seq");
  EXPECT_EQ(limit.value, 8);
  EXPECT_EQ(sinter_program_get_entry(opened.program, 2, &entry), SINTER_WRONG_CALL);
  EXPECT_EQ(sinter_program_get_limit(opened.program, 1, 1, &limit), SINTER_WRONG_CALL);
  sinter_schedule_info schedule;
  ASSERT_EQ(sinter_program_get_schedule(opened.program, 1, &schedule), SINTER_OK);
  EXPECT_EQ(schedule.entry, 1u);
  sinter_state_info state;
  ASSERT_EQ(sinter_program_get_state(opened.program, 0, &state), SINTER_OK);
  EXPECT_STREQ(state.name, "cache");
  EXPECT_EQ(state.type, SINTER_F32);
  EXPECT_EQ(state.rank, 2u);
  EXPECT_EQ(state.axis, 1u);
  EXPECT_STREQ(state.dims[1], "10");
  EXPECT_EQ(sinter_program_get_state(opened.program, 1, &state), SINTER_WRONG_CALL);
  sinter_symbol_info symbol;
  ASSERT_EQ(sinter_program_get_symbol(opened.program, 1, &symbol), SINTER_OK);
  EXPECT_EQ(symbol.source, uint32_t(SINTER_FROM_SESSION));
  EXPECT_EQ(symbol.input, SINTER_NO_INDEX);
  std::string manifest = readFile(opened.folder / "program" / "manifest.json");
  EXPECT_THAT(manifest, HasSubstr("\"version\": 4,"));
  EXPECT_THAT(manifest, HasSubstr("\"name\": \"seq=8\""));
  EXPECT_THAT(manifest, HasSubstr("\"session\": \"past\""));
  EXPECT_THAT(manifest, HasSubstr("\"advance\": \"seq\""));
}

// Tests that tables that are wrong although their checksum is right are refused, or can be walked and run without
// leaving their memory (under the sanitizers), and that each record of entries and states is checked.
TEST(RuntimeEntriesTest, MalformedTables) {
  Written written(entriesProgram());
  const std::filesystem::path path = written.folder / "program" / "program.bin";
  const std::string bytes = readFile(path);
  sinter_program_header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  ASSERT_EQ(header.header_bytes, sizeof header);
  auto openWith = [&](std::string damaged) {
    const size_t field = offsetof(sinter_program_header, checksum);
    std::memset(damaged.data() + field, 0, 8);
    uint64_t checksum = sinter_hash_bytes(damaged.data(), damaged.size());
    std::memcpy(damaged.data() + field, &checksum, 8);
    writeFile(path, damaged);
    return OpenWithDevice(written.folder / "program", runtimeTestDevice());
  };
  auto refusalOf = [&](uint64_t offset, uint32_t value) {
    std::string damaged = bytes;
    std::memcpy(damaged.data() + offset, &value, sizeof value);
    OpenWithDevice opened = openWith(damaged);
    return std::string(opened.status ? opened.error.message : "");
  };
  auto entryAt = [&](size_t field) { return header.entries.offset + field; };
  auto stateAt = [&](size_t field) { return header.states.offset + field; };
  EXPECT_EQ(refusalOf(entryAt(offsetof(sinter_entry_record, steps.count)), 4), "");
  EXPECT_THAT(refusalOf(entryAt(offsetof(sinter_entry_record, steps.count)), 11),
              HasSubstr("a range of its entries lies outside its table"));
  EXPECT_THAT(refusalOf(entryAt(offsetof(sinter_entry_record, limits.count)), 1),
              HasSubstr("an entry's limits end within one"));
  EXPECT_THAT(refusalOf(stateAt(offsetof(sinter_state_record, axis)), 2),
              HasSubstr("an index of its states is 2, of 2"));
  EXPECT_THAT(refusalOf(stateAt(offsetof(sinter_state_record, type)), 99), HasSubstr("states has an unknown type"));
  EXPECT_THAT(refusalOf(offsetof(sinter_program_header, advance), 10000), HasSubstr("an index of its header is 10000"));
  EXPECT_THAT(refusalOf(offsetof(sinter_program_header, header_bytes), sizeof header - 32),
              HasSubstr("its header is not of version"));

  std::mt19937 random(11);
  int opened = 0, refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes;
    // Not the files' names and sizes, which are refused in other ways.
    const sinter_table tables[] = {header.entries, header.states, header.arguments, header.symbols, header.words};
    const size_t records[] = {sizeof(sinter_entry_record), sizeof(sinter_state_record), sizeof(sinter_argument_record),
                              sizeof(sinter_symbol_record), 8};
    const size_t table = random() % 5;
    const char values[] = {0, 1, -1, 127, static_cast<char>(random())};
    damaged[tables[table].offset + random() % (tables[table].count * records[table])] = values[random() % 5];
    OpenWithDevice program = openWith(damaged);
    (program.status ? refused : opened)++;
    if (program.status)
      continue;
    OpenSession session(program.program, {}, 1);
    if (!session.status)
      runWith(session.session, 1 + random() % 8);
  }
  EXPECT_GT(opened, 100);
  EXPECT_GT(refused, 100);
}

/// A word that is moved from one place to another takes 45 cycles (StreamSimulatorTest's AWordIsMoved).
StreamScheduleBuilder wordMover() {
  StreamScheduleBuilder builder;
  builder.memory(0, format::WEST, 4, read(100, format::EAST, 31));
  builder.memory(19, format::EAST, 40, write(8191, format::EAST, 31));
  return builder;
}

/// `which` has one element where x is to be kept, and two where what was kept is to be y. The two schedules have the
/// state in different places.
BundleDescription keepingProgram() {
  StreamScheduleBuilder keep = wordMover(), give = wordMover();
  keep.input("x", format::INT8, 1, 4, format::WEST, 4, 100);
  *keep.schedule().add_states() = keep.output("cache", format::INT8, 1, 4, format::EAST, 40, 8191);
  keep.schedule().clear_outputs();
  *give.schedule().add_states() = give.input("cache", format::INT8, 1, 4, format::WEST, 4, 100);
  give.schedule().clear_inputs();
  give.output("y", format::INT8, 1, 4, format::EAST, 40, 8191);
  BundleDescription bundle;
  bundle.name = "keeping";
  bundle.target = "stream";
  bundle.inputs = {{"x", SINTER_U8, {4}, {}}, {"which", SINTER_U8, {SizeExpr::symbol("which")}, {}}};
  bundle.outputs = {{"y", SINTER_U8, {4}, {}}};
  bundle.symbols = {{"which", SymbolSource::axis(1, 0), 1, 2, std::nullopt}};
  bundle.states = {{"cache", SINTER_U8, {9, 4}, 0}};
  bundle.advance = 1;
  BundleSchedule first, second;
  first.chip = second.chip = "tsp1";
  first.inputs = {{Argument::input(0), 4}};
  second.file = 1;
  second.outputs = {{Argument::output(0), 4}};
  bundle.files = {{"keep.pb", keep.build().SerializeAsString()}, {"give.pb", give.build().SerializeAsString()}};
  bundle.steps = {first.step(), second.step()};
  bundle.entries = {{"keep", 0, 1, {{"which", 1}}}, {"give", 1, 1, {{"which", 2}}}};
  return bundle;
}

// Tests that the simulator keeps a state from run to run and from one schedule to another, for each session by itself,
// until the session is reset.
TEST(RuntimeEntriesTest, SimulatedStates) {
  Opened opened(keepingProgram(), sinter_simulator_device());
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  OpenSession session(opened.program, {}, 1), second(opened.program, {}, 1);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  auto runEntry = [](sinter_session *session, Bytes x, int64_t which) {
    Bytes none = {0, 0};
    int64_t dims[] = {4};
    EXPECT_EQ(sinter_session_set_input(session, 0, x.data(), SINTER_U8, dims, 1), SINTER_OK);
    EXPECT_EQ(sinter_session_set_input(session, 1, none.data(), SINTER_U8, &which, 1), SINTER_OK);
    EXPECT_EQ(sinter_session_run(session), SINTER_OK) << sinter_session_message(session);
    EXPECT_EQ(sinter_session_cycles(session), 45u);
    return outputOf(session, 0);
  };
  EXPECT_THAT(runEntry(session.session, {9, 9, 9, 9}, 2), ElementsAre(0, 0, 0, 0));
  runEntry(session.session, {1, 2, 3, 4}, 1);
  EXPECT_THAT(runEntry(session.session, {9, 9, 9, 9}, 2), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(runEntry(session.session, {9, 9, 9, 9}, 2), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(runEntry(second.session, {9, 9, 9, 9}, 2), ElementsAre(0, 0, 0, 0));
  runEntry(session.session, {5, 6, 7, 8}, 1);
  EXPECT_THAT(runEntry(session.session, {9, 9, 9, 9}, 2), ElementsAre(5, 6, 7, 8));
  sinter_session_reset(session.session);
  EXPECT_THAT(runEntry(session.session, {9, 9, 9, 9}, 2), ElementsAre(0, 0, 0, 0));

  BundleDescription other = keepingProgram();
  format::StreamSchedule schedule;
  ASSERT_TRUE(schedule.ParseFromString(other.files[1].bytes));
  schedule.mutable_states(0)->set_columns(3);
  schedule.mutable_states(0)->mutable_strips(0)->set_columns(3);
  other.files[1].bytes = schedule.SerializeAsString();
  Opened differing(other, sinter_simulator_device());
  OpenSession refused(differing.program, {}, 1);
  EXPECT_EQ(refused.status, SINTER_UNUSABLE);
  EXPECT_STREQ(refused.error.message, "two schedules of the program have a state 'cache' of another type or size");
}

} // namespace
