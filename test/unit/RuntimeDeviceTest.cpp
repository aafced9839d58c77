//===- RuntimeDeviceTest.cpp - Tests of programs with schedules -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With a device of the test's own (RuntimeTestDevice.h), and with the simulator.
//
//===----------------------------------------------------------------------===//

#include "sinter-rt/sim.h"
#include "test/unit/RuntimeTestDevice.h"
#include "test/unit/RuntimeTestOpen.h"
#include "test/unit/StreamScheduleBuilder.h"

#include "runtime/format/ScheduleFile.h"
#include "runtime/format/hash.h"

#include <gmock/gmock.h>

using namespace sinter;
using namespace sinter::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

using Argument = BundleArgument;

/// A program without kernels: y[4] = what the schedules say of a[4] and b[4].
BundleDescription deviceProgram(const std::vector<std::string> &schedules) {
  BundleDescription bundle;
  bundle.name = "tiny";
  bundle.compiler = "test";
  bundle.target = "stream";
  bundle.inputs = {{"a", SINTER_U8, {4}, {}}, {"b", SINTER_U8, {4}, {}}};
  unsigned weights = bundle.addSection("constants", 3, [](llvm::MutableArrayRef<char> destination) {
    destination[0] = 100;
    return llvm::Error::success();
  });
  for (size_t i = 0; i < schedules.size(); ++i) {
    bundle.outputs.push_back({"y" + std::to_string(i), SINTER_U8, {4}, {}});
    bundle.files.push_back({"schedule-" + std::to_string(i) + ".pb", schedules[i] + '\0'});
    BundleSchedule schedule;
    schedule.chip = "toy";
    schedule.file = i;
    schedule.cycles = 40 + i;
    schedule.limitCycles = 30;
    schedule.clockHz = 900000000;
    schedule.firstSection = weights;
    schedule.weightsBytes = 3;
    schedule.inputs = {{Argument::input(0), 4}, {Argument::input(1), 4}};
    schedule.outputs = {{Argument::output(i), 4}};
    bundle.steps.push_back(schedule.step());
  }
  return bundle;
}

sinter_status setInputs(sinter_session *session, const Bytes &a, const Bytes &b) {
  int64_t dims[] = {static_cast<int64_t>(a.size())};
  sinter_status status = sinter_session_set_input(session, 0, a.data(), SINTER_U8, dims, 1);
  return status ? status : sinter_session_set_input(session, 1, b.data(), SINTER_U8, dims, 1);
}

// Tests that a program of schedules alone runs, with any number of threads, and says how many cycles that took.
TEST(RuntimeDeviceTest, Executes) {
  Opened opened(deviceProgram({"sum 7", "sum 5"}), runtimeTestDevice());
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  Bytes a = {1, 2, 3, 4}, b = {10, 20, 30, 40};
  for (uint32_t threads : {1u, 3u}) {
    OpenSession session(opened.program, {}, threads);
    ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
    EXPECT_EQ(runtimeTestDeviceSchedules, 2u);
    EXPECT_EQ(runtimeTestDeviceChipSize, 0u);
    ASSERT_EQ(setInputs(session.session, a, b), SINTER_OK);
    EXPECT_EQ(sinter_session_cycles(session.session), 0u);
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
    EXPECT_THAT(outputOf(session.session, 0), ElementsAre(111, 122, 133, 144));
    EXPECT_THAT(outputOf(session.session, 1), ElementsAre(111, 122, 133, 144));
    EXPECT_EQ(sinter_session_cycles(session.session), 12u);
  }
  EXPECT_EQ(runtimeTestDeviceHandles, 0);
}

// Tests that kernels and a schedule pass tensors on in the arena, and that indices are checked before the device gets
// them.
TEST(RuntimeDeviceTest, HostPart) {
  BundleDescription bundle = deviceProgram({"sum 7"});
  bundle.variants = testVariants();
  bundle.kernels = {{"iota", {}}};
  bundle.inputs.push_back({"ids", SINTER_I64, {2}, {}});
  bundle.outputs.push_back({"checked", SINTER_I32, {2}, {}});
  BundleSchedule schedule;
  schedule.chip = "toy";
  schedule.inputs = {{Argument::arena(64), 16}};
  schedule.outputs = {{Argument::arena(128), 8}};
  BundleSchedule second = schedule;
  second.inputs = {{Argument::arena(128), 8}};
  second.outputs = {{Argument::output(1), 8}};
  bundle.outputs[0] = {"y", SINTER_I64, {2}, {}};
  bundle.arenaBytes = 192;
  bundle.steps = {{"/range", 0, {Argument::arena(64)}, 2, 0, std::nullopt},
                  schedule.step(),
                  second.step(),
                  {"/ids",
                   SINTER_CHECK_INDICES,
                   {Argument::input(2), Argument::arena(0), Argument::integer(SINTER_I64), Argument::integer(50),
                    Argument::integer(2)},
                   2,
                   0,
                   2}};
  unsigned order = bundle.addSection("order", 16, [](llvm::MutableArrayRef<char> destination) {
    const int32_t positions[] = {-1, 4, 2, 1 << 30};
    std::memcpy(destination.data(), positions, sizeof positions);
    return llvm::Error::success();
  });
  bundle.outputs.push_back({"arranged", SINTER_U8, {4}, {}});
  bundle.steps.push_back(
      {"/order",
       SINTER_ARRANGE,
       {Argument::input(0), Argument::output(2), Argument::weights(order), Argument::integer(1), Argument::integer(4)},
       4,
       0,
       std::nullopt});
  second.inputs = {{Argument::arena(0), 8}};
  bundle.steps.push_back(second.step());
  second.inputs = {{Argument::arena(64), 16}};
  second.outputs = {{Argument::output(0), 16}};
  bundle.steps.push_back(second.step());
  Opened opened(bundle, runtimeTestDevice());
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  OpenSession session(opened.program, {}, 2);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  Bytes a = {1, 2, 3, 4}, b = {0, 0, 0, 0};
  ASSERT_EQ(setInputs(session.session, a, b), SINTER_OK);
  int64_t ids[] = {49, -50}, dims[] = {2};
  ASSERT_EQ(sinter_session_set_input(session.session, 2, ids, SINTER_I64, dims, 1), SINTER_OK);
  ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
  EXPECT_THAT(outputOf(session.session, 0), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(outputOf(session.session, 1), ElementsAre(49, 0, 49, 0, 0, 0, 0, 0));
  EXPECT_THAT(outputOf(session.session, 2), ElementsAre(0, 0, 3, 0));
  for (int64_t wrong : {int64_t(50), int64_t(-51), int64_t(1) << 40}) {
    ids[1] = wrong;
    EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
    EXPECT_EQ(session.message(), "input 'ids': element 1 is outside the table");
  }
}

// Tests that each session has a handle of its own, which lasts as long as the session.
TEST(RuntimeDeviceTest, SessionsKeepTheirState) {
  Opened opened(deviceProgram({"count 1"}), runtimeTestDevice());
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  {
    OpenSession first(opened.program, {}, 1), second(opened.program, {}, 1);
    EXPECT_EQ(runtimeTestDeviceHandles, 2);
    Bytes a = {1, 2, 3, 4};
    for (OpenSession *session : {&first, &first, &second})
      ASSERT_TRUE(!setInputs(session->session, a, a) && !sinter_session_run(session->session)) << session->message();
    EXPECT_EQ(outputOf(first.session, 0)[0], 2);
    EXPECT_EQ(outputOf(second.session, 0)[0], 1);
  }
  EXPECT_EQ(runtimeTestDeviceHandles, 0);
}

// Tests that what a device says is what the run says, and that the session can be used again.
TEST(RuntimeDeviceTest, Failures) {
  Bytes a = {1, 2, 3, 4};
  {
    Opened opened(deviceProgram({"sum 7", "stop in cycle 12"}), runtimeTestDevice());
    OpenSession session(opened.program, {}, 2);
    ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(setInputs(session.session, a, a), SINTER_OK);
      EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
      EXPECT_EQ(session.message(), "in cycle 12");
      EXPECT_EQ(sinter_session_cycles(session.session), 0u);
    }
  }
  {
    Opened opened(deviceProgram({"silent"}), runtimeTestDevice());
    OpenSession session(opened.program, {}, 1);
    ASSERT_EQ(setInputs(session.session, a, a), SINTER_OK);
    EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
    EXPECT_EQ(session.message(), "the device failed, and did not say why");
  }
  Opened opened(deviceProgram({"refuse for a chip of another kind"}), runtimeTestDevice());
  OpenSession session(opened.program, {}, 2);
  EXPECT_EQ(session.status, SINTER_UNUSABLE);
  EXPECT_STREQ(session.error.message, "for a chip of another kind");
  EXPECT_EQ(session.session, nullptr);
  EXPECT_EQ(runtimeTestDeviceHandles, 0);
}

// Tests what a program with schedules says of itself, and that the manifest says the same.
TEST(RuntimeDeviceTest, SaysWhatItIs) {
  BundleDescription bundle = deviceProgram({"sum 7", "sum 7"});
  bundle.files.push_back({"chip.json", "{}"});
  BundleSchedule own;
  own.chip = "my-chip";
  own.chipFile = 2;
  bundle.steps.insert(bundle.steps.begin(), own.step());
  Opened opened(bundle, runtimeTestDevice());
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  sinter_program_info info;
  sinter_program_get_info(opened.program, &info);
  EXPECT_STREQ(info.target, "stream");
  EXPECT_STREQ(info.variant, "");
  EXPECT_EQ(info.variant_count, 0u);
  EXPECT_EQ(info.code_bytes, 0u);
  ASSERT_EQ(info.schedule_count, 3u);
  sinter_schedule_info schedule;
  EXPECT_EQ(sinter_program_get_schedule(opened.program, 3, &schedule), SINTER_WRONG_CALL);
  ASSERT_EQ(sinter_program_get_schedule(opened.program, 2, &schedule), SINTER_OK);
  EXPECT_STREQ(schedule.device, "stream");
  EXPECT_STREQ(schedule.chip, "toy");
  EXPECT_STREQ(schedule.file, "schedule-1.pb");
  EXPECT_EQ(schedule.step, 2u);
  EXPECT_EQ(schedule.cycles, 41u);
  EXPECT_EQ(schedule.limit_cycles, 30u);
  EXPECT_EQ(schedule.clock_hz, 900000000u);
  {
    OpenSession session(opened.program, {}, 1);
    EXPECT_EQ(runtimeTestDeviceSchedules, 3u);
    EXPECT_EQ(runtimeTestDeviceChipSize, 2u);
  }
  std::string manifest = readFile(opened.folder / "program" / "manifest.json");
  EXPECT_THAT(manifest, HasSubstr("\"cycles\": 41,"));
  EXPECT_THAT(manifest, HasSubstr("\"limit_cycles\": 30"));
  EXPECT_THAT(manifest, HasSubstr("\"file\": \"schedule-1.pb\""));
  EXPECT_THAT(manifest, HasSubstr("\"chip_file\": \"chip.json\""));
  EXPECT_THAT(manifest, HasSubstr("\"limit_cycles\": null"));
  EXPECT_THAT(manifest, HasSubstr("\"version\": 3,"));
}

// Tests that a program is refused by name where its device is missing, a file of it is damaged, or a variant is asked
// of it.
TEST(RuntimeDeviceTest, Refusals) {
  Opened without(deviceProgram({"sum 7"}), nullptr);
  EXPECT_EQ(without.status, SINTER_UNSUPPORTED);
  EXPECT_THAT(without.error.message,
              HasSubstr("program 'tiny' is for the stream chip 'toy', and no device was given that executes its"));
  sinter_device other = *runtimeTestDevice();
  other.kind = 77;
  EXPECT_EQ(Opened(deviceProgram({"sum 7"}), &other).status, SINTER_UNSUPPORTED);

  Opened opened(deviceProgram({"sum 7"}), runtimeTestDevice(), "x86-64-v3");
  EXPECT_EQ(opened.status, SINTER_WRONG_CALL);
  EXPECT_STREQ(opened.error.message, "program 'tiny' has no variant 'x86-64-v3'; it has none");

  writeFile(opened.folder / "program" / "schedule-0.pb", std::string("sum 8\0", 6));
  OpenWithDevice damaged(opened.folder / "program", runtimeTestDevice());
  EXPECT_EQ(damaged.status, SINTER_UNUSABLE);
  EXPECT_THAT(damaged.error.message, HasSubstr("schedule-0.pb' is damaged: its checksum is wrong"));
}

// Tests that a schedule's tensors are held against what lies at their places, in each way in which a table can be
// wrong.
TEST(RuntimeDeviceTest, MalformedSchedules) {
  auto openWith = [](uint32_t word, sinter_argument_record changed) {
    Opened opened(deviceProgram({"sum 7"}), runtimeTestDevice());
    std::filesystem::path path = opened.folder / "program" / "program.bin";
    std::string bytes = readFile(path);
    sinter_program_header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    std::memcpy(bytes.data() + header.arguments.offset + word * sizeof changed, &changed, sizeof changed);
    header.checksum = 0;
    std::memcpy(bytes.data(), &header, sizeof header);
    header.checksum = sinter_hash_bytes(bytes.data(), bytes.size());
    std::memcpy(bytes.data(), &header, sizeof header);
    writeFile(path, bytes);
    OpenWithDevice again(opened.folder / "program", runtimeTestDevice());
    return std::string(again.status ? again.error.message : "");
  };
  auto number = [](int64_t value) { return sinter_argument_record{SINTER_ARGUMENT_CONSTANT, SINTER_NO_INDEX, value}; };
  EXPECT_EQ(openWith(SINTER_SCHEDULE_CYCLES, number(1)), "");
  EXPECT_THAT(openWith(SINTER_SCHEDULE_DEVICE, number(9)), HasSubstr("a schedule is for the unknown kind of device 9"));
  EXPECT_THAT(openWith(SINTER_SCHEDULE_FILE, number(4)), HasSubstr("an index of its schedules is 4, of 1"));
  EXPECT_THAT(openWith(SINTER_SCHEDULE_CHIP, number(1)), HasSubstr("an index of its schedules is 1, of 1"));
  EXPECT_THAT(openWith(SINTER_SCHEDULE_WEIGHTS_BYTES, number(4)),
              HasSubstr("a schedule's weights lie outside the weights"));
  EXPECT_THAT(openWith(SINTER_SCHEDULE_WEIGHTS, number(0)), HasSubstr("a schedule's weights lie outside the weights"));
  EXPECT_THAT(openWith(SINTER_SCHEDULE_INPUTS, number(4)), HasSubstr("a schedule of 3 tensors has 4 inputs"));
  EXPECT_THAT(openWith(SINTER_SCHEDULE_CYCLES, {SINTER_ARGUMENT_INPUT, 0, 0}),
              HasSubstr("word 3 of a schedule's is no constant"));
  EXPECT_THAT(openWith(SINTER_SCHEDULE_WORDS, {SINTER_ARGUMENT_OUTPUT, 0, 0}),
              HasSubstr("a schedule's tensor 0 has no place"));
  EXPECT_THAT(openWith(SINTER_SCHEDULE_WORDS + 1, number(-1)), HasSubstr("a schedule's tensor 0 has no place"));

  BundleDescription wrong = deviceProgram({"sum 7"});
  wrong.steps[0].arguments[SINTER_SCHEDULE_CHIP] = Argument::integer(1);
  TestFolder folder;
  EXPECT_THAT(llvm::toString(writeBundle(wrong, (folder / "wrong").string())),
              HasSubstr("step 'toy' is no schedule's"));

  auto runWith = [](Argument place, int64_t bytes, SizeExpr tasks) {
    BundleDescription bundle = deviceProgram({"sum 7"});
    bundle.arenaBytes = 64;
    bundle.steps[0].tasks = tasks;
    bundle.steps[0].arguments[SINTER_SCHEDULE_WORDS] = place;
    bundle.steps[0].arguments[SINTER_SCHEDULE_WORDS + 1] = Argument::integer(bytes);
    Opened opened(bundle, runtimeTestDevice());
    OpenSession session(opened.program, {}, 1);
    Bytes a = {1, 2, 3, 4};
    EXPECT_EQ(setInputs(session.session, a, a), SINTER_OK);
    return sinter_session_run(session.session) ? session.message() : "";
  };
  EXPECT_EQ(runWith(Argument::arena(60), 4, 1), "");
  EXPECT_THAT(runWith(Argument::arena(60), 5, 1), HasSubstr("tensor 0 of a schedule has 5 bytes, and room for 4"));
  EXPECT_THAT(runWith(Argument::input(0), 5, 1), HasSubstr("tensor 0 of a schedule has 5 bytes, and room for 4"));
  EXPECT_THAT(runWith(Argument::input(0), 3, 1), HasSubstr("tensor 0 of a schedule has 3 bytes, and room for 4"));
  EXPECT_EQ(runWith(Argument::input(0), 4, 0), "");
  EXPECT_THAT(runWith(Argument::input(0), 4, 2), HasSubstr("a schedule is to be executed 2 times"));
}

//===----------------------------------------------------------------------===//
// The simulator
//===----------------------------------------------------------------------===//

/// Moves a word, as StreamSimulatorTest's AWordIsMoved: it takes 45 cycles.
StreamScheduleBuilder wordMover() {
  StreamScheduleBuilder builder;
  builder.input("a", format::INT8, 1, 4, format::WEST, 4, 100);
  builder.output("b", format::INT8, 1, 4, format::EAST, 40, 8191);
  builder.memory(0, format::WEST, 4, read(100, format::EAST, 31));
  builder.memory(19, format::EAST, 40, write(8191, format::EAST, 31));
  return builder;
}

BundleDescription simulatedProgram(const format::StreamSchedule &schedule) {
  BundleDescription bundle;
  bundle.name = "moved";
  bundle.target = "stream";
  bundle.inputs = {{"x", SINTER_U8, {4}, {}}, {"unused", SINTER_U8, {4}, {}}};
  bundle.outputs = {{"y", SINTER_U8, {4}, {}}};
  bundle.files = {{"schedule.pb", schedule.SerializeAsString()}};
  BundleSchedule step;
  step.chip = "tsp1";
  step.inputs = {{Argument::input(0), 4}};
  step.outputs = {{Argument::output(0), 4}};
  bundle.steps = {step.step()};
  return bundle;
}

// Tests that the simulator executes a program's schedule, again and again.
TEST(RuntimeDeviceTest, Simulator) {
  Opened opened(simulatedProgram(wordMover().build()), sinter_simulator_device());
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  OpenSession session(opened.program, {}, 2);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  for (uint8_t i = 0; i < 3; ++i) {
    Bytes x = {i, 2, 3, 4};
    ASSERT_EQ(setInputs(session.session, x, x), SINTER_OK);
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
    EXPECT_EQ(outputOf(session.session, 0), x);
    EXPECT_EQ(sinter_session_cycles(session.session), 45u);
  }
}

// Tests that a machine that stops ends the run with the cycle and the place, and that schedules which do not fit the
// program or the chip are refused.
TEST(RuntimeDeviceTest, SimulatorRefuses) {
  StreamScheduleBuilder early = wordMover();
  early.memory(18, format::EAST, 36, write(0, format::EAST, 30));
  Opened stopping(simulatedProgram(early.build()), sinter_simulator_device());
  OpenSession session(stopping.program, {}, 1);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  Bytes x = {1, 2, 3, 4};
  ASSERT_EQ(setInputs(session.session, x, x), SINTER_OK);
  EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
  EXPECT_THAT(session.message(), HasSubstr("the simulated chip stopped: "));
  EXPECT_THAT(session.message(), HasSubstr("18"));

  auto refusalOf = [](const BundleDescription &bundle) {
    Opened opened(bundle, sinter_simulator_device());
    OpenSession refused(opened.program, {}, 1);
    EXPECT_EQ(refused.status, SINTER_UNUSABLE);
    return std::string(refused.error.message);
  };
  format::StreamSchedule schedule = wordMover().build();
  schedule.mutable_inputs(0)->set_rows(2);
  EXPECT_EQ(refusalOf(simulatedProgram(schedule)),
            "tensor 'a' of the schedule has 8 bytes, and the program gives it 4");
  schedule = wordMover().build();
  schedule.clear_outputs();
  EXPECT_EQ(refusalOf(simulatedProgram(schedule)), "the schedule has 0 outputs, and the program gives it 1");
  schedule = wordMover().build();
  schedule.set_chip("elsewhere");
  EXPECT_EQ(refusalOf(simulatedProgram(schedule)),
            "the schedule is for chip 'elsewhere', which this simulator does not know");
  schedule = wordMover().build();
  schedule.set_chip_sha256(std::string(64, '0'));
  EXPECT_THAT(refusalOf(simulatedProgram(schedule)), HasSubstr("made for another chip than 'tsp1'"));
  BundleDescription damaged = simulatedProgram(schedule);
  damaged.files[0].bytes = "\xff\xff";
  EXPECT_THAT(refusalOf(damaged), HasSubstr("the schedule is damaged"));
}

} // namespace
