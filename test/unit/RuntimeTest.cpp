//===- RuntimeTest.cpp - Tests that programs run as their tables say ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/HostTensor.h"
#include "test/unit/RuntimeTestProgram.h"

#include "llvm/ADT/StringRef.h"

#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

using namespace sinter;
using namespace sinter::test;
using testing::HasSubstr;

namespace {

/// Inputs for the tiny program.
struct Inputs {
  std::vector<int64_t> ids;
  std::vector<float> mask;
  int64_t count = 3;
  int64_t batch, seq;

  Inputs(int64_t batch, int64_t seq) : batch(batch), seq(seq) {
    for (int64_t i = 0; i < batch * seq; ++i) {
      ids.push_back(i * 7 % tableRows);
      mask.push_back(i % 3 ? 1.0f : 0.25f);
    }
  }
  sinter_status set(sinter_session *session) const {
    int64_t dims[] = {batch, seq}, one[] = {1};
    if (sinter_status status = sinter_session_set_input(session, 0, ids.data(), SINTER_I64, dims, 2))
      return status;
    if (sinter_status status = sinter_session_set_input(session, 1, mask.data(), SINTER_F32, dims, 2))
      return status;
    return sinter_session_set_input(session, 2, &count, SINTER_I64, one, 1);
  }
  float hidden(int64_t row, int j) const { return (ids[row] * 10 + j) * mask[row] + (j + 0.5f); }
};

sinter_tensor output(const sinter_session *session, uint32_t index) {
  sinter_tensor tensor;
  EXPECT_EQ(sinter_session_get_output(session, index, &tensor), SINTER_OK);
  return tensor;
}

void expectOutputs(const sinter_session *session, const Inputs &inputs) {
  sinter_tensor hidden = output(session, 0);
  ASSERT_EQ(hidden.rank, 3u);
  EXPECT_EQ(hidden.dims[0], inputs.batch);
  EXPECT_EQ(hidden.dims[1], inputs.seq);
  EXPECT_EQ(hidden.dims[2], 4);
  float total = 0;
  for (int64_t row = 0; row < inputs.batch * inputs.seq; ++row)
    for (int j = 0; j < 4; ++j) {
      ASSERT_EQ(static_cast<float *>(hidden.data)[row * 4 + j], inputs.hidden(row, j)) << "row " << row;
      total += inputs.hidden(row, j);
    }
  sinter_tensor sum = output(session, 1);
  EXPECT_EQ(sum.rank, 0u);
  EXPECT_EQ(sum.bytes, 4u);
  EXPECT_EQ(*static_cast<float *>(sum.data), total);
  sinter_tensor numbers = output(session, 2);
  EXPECT_EQ(numbers.dims[0], inputs.count);
  for (int64_t i = 0; i < inputs.count; ++i)
    ASSERT_EQ(static_cast<int64_t *>(numbers.data)[i], i);
}

class RuntimeTest : public testing::Test {
protected:
  void SetUp() override {
    writeTestBundle(folder / "tiny", testProgram());
    opened.emplace(folder / "tiny");
    ASSERT_EQ(opened->status, SINTER_OK) << opened->error.message;
    program = opened->program;
  }
  TestFolder folder;
  std::optional<OpenProgram> opened;
  sinter_program *program = nullptr;
};

// Tests that a run gives the formula's values for all sizes within a session's, in any order and with any threads.
TEST_F(RuntimeTest, ComputesForEverySize) {
  for (uint32_t threads : {1u, 2u, 3u}) {
    OpenSession session(program, {{"batch", 3}, {"seq", 20}}, threads);
    ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
    EXPECT_EQ(sinter_session_threads(session.session), threads);
    for (auto [batch, seq] : std::initializer_list<std::pair<int, int>>{{1, 1}, {3, 20}, {2, 7}, {3, 20}, {1, 20}}) {
      Inputs inputs(batch, seq);
      inputs.count = batch * seq % 5;
      ASSERT_EQ(inputs.set(session.session), SINTER_OK) << session.message();
      ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
      expectOutputs(session.session, inputs);
    }
  }
}

// Tests that threads which are late to leave a run are not confused by the next one, which may fail where theirs did
// not.
TEST_F(RuntimeTest, GoodAndFailingRunsInTurnEnd) {
  OpenSession session(program, {{"batch", 3}, {"seq", 20}}, 4);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  Inputs good(1, 2), bad(1, 2);
  bad.ids[1] = tableRows;
  for (int run = 0; run < 500; ++run) {
    bool fails = run % 3 != 0;
    ASSERT_EQ((fails ? bad : good).set(session.session), SINTER_OK) << session.message();
    ASSERT_EQ(sinter_session_run(session.session), fails ? SINTER_UNUSABLE : SINTER_OK) << session.message();
  }
}

// Tests that inputs whose contents change in place are read anew, those that give sizes too.
TEST_F(RuntimeTest, ReadsBorrowedInputsInEachRun) {
  OpenSession session(program, {}, 2);
  Inputs inputs(2, 5);
  ASSERT_EQ(inputs.set(session.session), SINTER_OK);
  for (int round = 0; round < 5; ++round) {
    inputs.ids[3] = round;
    inputs.count = 10 - round;
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
    expectOutputs(session.session, inputs);
  }
}

// Tests that each refusal names what is wrong, with both numbers, and that the session works afterwards.
TEST_F(RuntimeTest, RefusesByName) {
  OpenSession session(program, {{"batch", 2}, {"seq", 20}}, 2);
  auto run = [&](const Inputs &inputs) {
    sinter_status status = inputs.set(session.session);
    return status ? status : sinter_session_run(session.session);
  };
  EXPECT_EQ(run(Inputs(3, 5)), SINTER_TOO_LARGE);
  EXPECT_EQ(session.message(),
            "the size of input 'ids' along axis 0 ('batch') is 3; the session was made for at most 2");
  EXPECT_EQ(run(Inputs(1, 33)), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "the size of input 'ids' along axis 1 ('seq') is 33; at most 32 is allowed");
  EXPECT_EQ(run(Inputs(1, 0)), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "the size of input 'ids' along axis 1 ('seq') is 0; at least 1 is required");

  Inputs good(2, 6);
  ASSERT_EQ(run(good), SINTER_OK) << session.message();
  int64_t tied[] = {2, 7};
  std::vector<float> mask(14);
  ASSERT_EQ(sinter_session_set_input(session.session, 1, mask.data(), SINTER_F32, tied, 2), SINTER_OK);
  EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "the size of input 'mask' along axis 1 ('sequence') is 7; 6 is required (seq)");
  sinter_tensor tensor;
  EXPECT_EQ(sinter_session_get_output(session.session, 0, &tensor), SINTER_WRONG_CALL);

  Inputs outside(2, 6);
  outside.ids[9] = tableRows;
  outside.ids[11] = -1;
  EXPECT_EQ(run(outside), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "input 'ids': element 9 is outside the table");
  Inputs many(2, 6);
  many.count = 101;
  EXPECT_EQ(run(many), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "element 0 of input 'count' is 101; at most 100 is allowed");

  int64_t dims[] = {2, 6};
  EXPECT_EQ(sinter_session_set_input(session.session, 1, mask.data(), SINTER_F64, dims, 2), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "input 'mask' has type f64; f32 is required");
  EXPECT_EQ(sinter_session_run(session.session), SINTER_WRONG_CALL);
  EXPECT_EQ(session.message(), "input 'mask' is not set");
  EXPECT_EQ(sinter_session_set_input(session.session, 1, mask.data(), SINTER_F32, dims, 1), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "input 'mask' has 1 dimensions; 2 are required");
  EXPECT_EQ(sinter_session_set_input(session.session, 7, mask.data(), SINTER_F32, dims, 1), SINTER_WRONG_CALL);
  EXPECT_EQ(session.message(), "program 'tiny' has 3 inputs; there is no input 7");
  EXPECT_EQ(
      sinter_session_set_input(session.session, 1, reinterpret_cast<char *>(mask.data()) + 2, SINTER_F32, dims, 2),
      SINTER_WRONG_CALL);
  ASSERT_EQ(run(good), SINTER_OK) << session.message();
  expectOutputs(session.session, good);
}

// Tests that a check that is not of one input is refused with both numbers.
TEST_F(RuntimeTest, RefusesByCheck) {
  OpenSession session(program, {}, 1);
  Inputs inputs(4, 26);
  ASSERT_EQ(inputs.set(session.session), SINTER_OK);
  EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
  EXPECT_EQ(session.message(), "node '/tiny': at most 100 rows: 100 must be at least batch * seq = 104");
}

// Tests that a session's greatest sizes are checked when it is made.
TEST_F(RuntimeTest, RefusesGreatestSizes) {
  OpenSession unknown(program, {{"heads", 3}}, 1);
  EXPECT_EQ(unknown.status, SINTER_WRONG_CALL);
  EXPECT_STREQ(unknown.error.message, "program 'tiny' has no size 'heads'");
  OpenSession large(program, {{"seq", 33}}, 1);
  EXPECT_EQ(large.status, SINTER_UNUSABLE);
  EXPECT_STREQ(large.error.message, "size 'seq' cannot be 33: it is at most 32");
  OpenSession small(program, {{"seq", 0}}, 1);
  EXPECT_EQ(small.status, SINTER_UNUSABLE);
  EXPECT_STREQ(small.error.message, "size 'seq' cannot be 0: it is at least 1");
}

// Tests that outputs go to the caller's memory, and that too little of it is refused.
TEST_F(RuntimeTest, WritesToTheCallersOutputs) {
  sinter_session_options options = {};
  options.external_outputs = 1;
  OpenSession session(program, {{"batch", 2}, {"seq", 6}}, 2, options);
  Inputs inputs(2, 6);
  ASSERT_EQ(inputs.set(session.session), SINTER_OK);
  std::vector<float> hidden(48, -1), total(1);
  std::vector<int64_t> numbers(3), variant(1);
  ASSERT_EQ(sinter_session_set_output(session.session, 0, hidden.data(), 47 * 4), SINTER_OK);
  ASSERT_EQ(sinter_session_set_output(session.session, 1, total.data(), 4), SINTER_OK);
  ASSERT_EQ(sinter_session_set_output(session.session, 2, numbers.data(), 24), SINTER_OK);
  ASSERT_EQ(sinter_session_set_output(session.session, 3, variant.data(), 8), SINTER_OK);
  EXPECT_EQ(sinter_session_run(session.session), SINTER_TOO_LARGE);
  EXPECT_EQ(session.message(), "output 'hidden' has 192 bytes; there is room for 188");
  ASSERT_EQ(sinter_session_set_output(session.session, 0, hidden.data(), 48 * 4), SINTER_OK);
  ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
  EXPECT_EQ(output(session.session, 0).data, hidden.data());
  expectOutputs(session.session, inputs);
}

// Tests that the session lives in the caller's memory, of exactly the size that it asked for.
TEST_F(RuntimeTest, UsesTheCallersMemory) {
  sinter_size sizes[] = {{"batch", 2}, {"seq", 6}};
  sinter_session_options options = {};
  options.struct_bytes = sizeof options;
  options.sizes = sizes;
  options.size_count = 2;
  options.threads = 2;
  uint64_t bytes;
  sinter_error error;
  ASSERT_EQ(sinter_session_bytes(program, &options, &bytes, &error), SINTER_OK) << error.message;
  void *memory = std::aligned_alloc(64, bytes);
  options.memory = memory;
  options.memory_bytes = bytes - 1;
  sinter_session *session;
  EXPECT_EQ(sinter_session_create(program, &options, &session, &error), SINTER_TOO_LARGE);
  EXPECT_EQ(std::string(error.message), "the session's memory has " + std::to_string(bytes - 1) + " bytes, " +
                                            std::to_string(bytes) + " are required");
  options.memory_bytes = bytes;
  ASSERT_EQ(sinter_session_create(program, &options, &session, &error), SINTER_OK) << error.message;
  Inputs inputs(2, 6);
  ASSERT_EQ(inputs.set(session), SINTER_OK);
  ASSERT_EQ(sinter_session_run(session), SINTER_OK) << sinter_session_message(session);
  expectOutputs(session, inputs);
  auto inside = [&](void *data) {
    return static_cast<char *>(data) >= memory && static_cast<char *>(data) < static_cast<char *>(memory) + bytes;
  };
  EXPECT_TRUE(inside(output(session, 0).data));
  EXPECT_TRUE(inside(session));
  sinter_session_destroy(session);
  std::free(memory);
}

// Tests that the caller's allocator is asked once, when the session is made, and gets its memory back.
TEST_F(RuntimeTest, UsesTheCallersAllocator) {
  struct Allocator {
    int allocations = 0, releases = 0;
    void *memory = nullptr;
  } allocator;
  sinter_session_options options = {};
  options.memory_context = &allocator;
  options.allocate = [](void *context, uint64_t bytes, uint64_t alignment) {
    auto *allocator = static_cast<Allocator *>(context);
    ++allocator->allocations;
    return allocator->memory = std::aligned_alloc(alignment, bytes);
  };
  options.release = [](void *context, void *memory, uint64_t) {
    auto *allocator = static_cast<Allocator *>(context);
    ++allocator->releases;
    EXPECT_EQ(memory, allocator->memory);
    std::free(memory);
  };
  {
    OpenSession session(program, {}, 2, options);
    Inputs inputs(2, 6);
    ASSERT_EQ(inputs.set(session.session), SINTER_OK);
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
    expectOutputs(session.session, inputs);
    EXPECT_EQ(allocator.allocations, 1);
  }
  EXPECT_EQ(allocator.releases, 1);
}

// Tests that the caller's parallel_for carries out the steps, one participant after another or on threads of its own.
TEST_F(RuntimeTest, UsesTheCallersThreads) {
  static int calls;
  calls = 0;
  sinter_session_options sequential = {};
  sequential.parallel_for = [](void *, uint32_t count, void (*body)(void *, uint32_t), void *data) {
    ++calls;
    EXPECT_EQ(count, 3u);
    for (uint32_t i = count; i-- > 0;)
      body(data, i);
  };
  sinter_session_options threaded = {};
  threaded.parallel_for = [](void *, uint32_t count, void (*body)(void *, uint32_t), void *data) {
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < count; ++i)
      threads.emplace_back(body, data, i);
    for (std::thread &thread : threads)
      thread.join();
  };
  for (const sinter_session_options &options : {sequential, threaded}) {
    OpenSession session(program, {}, 3, options);
    Inputs inputs(3, 9);
    ASSERT_EQ(inputs.set(session.session), SINTER_OK);
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
    expectOutputs(session.session, inputs);
    inputs.ids[20] = 1000;
    inputs.ids[5] = 1000;
    EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
    EXPECT_EQ(session.message(), "input 'ids': element 5 is outside the table");
  }
  EXPECT_EQ(calls, 3 + 1); // embed, scale and range in the first run; embed in the second
}

// Tests that a profile has each step's ticks, of the caller's clock.
TEST_F(RuntimeTest, ProfilesSteps) {
  for (uint32_t threads : {1u, 2u}) {
    sinter_session_options options = {};
    uint64_t now = 100;
    options.clock_context = &now;
    options.clock = [](void *context) { return *static_cast<uint64_t *>(context) += 10; };
    OpenSession session(program, {}, threads, options);
    Inputs inputs(1, 4);
    inputs.count = 0; // its step has nothing to do
    ASSERT_EQ(inputs.set(session.session), SINTER_OK);
    std::vector<uint64_t> ticks(5, 77);
    EXPECT_EQ(sinter_session_set_profile(session.session, ticks.data(), 4), SINTER_WRONG_CALL);
    ASSERT_EQ(sinter_session_set_profile(session.session, ticks.data(), 5), SINTER_OK);
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
    EXPECT_EQ(ticks, (std::vector<uint64_t>{10, 10, 10, 0, 10}));
  }
}

// Tests that the logger hears of the session.
TEST_F(RuntimeTest, Logs) {
  std::string log;
  sinter_session_options options = {};
  options.log_context = &log;
  options.log = [](void *context, const char *message) { *static_cast<std::string *>(context) += message; };
  OpenSession session(program, {}, 2, options);
  EXPECT_THAT(log, HasSubstr("session of 'tiny'"));
  EXPECT_THAT(log, HasSubstr("2 threads"));
}

// Tests that the best variant is taken, or the one that is asked for.
TEST_F(RuntimeTest, PicksTheVariant) {
  auto ran = [&](const char *variant) -> int64_t {
    OpenProgram forced(folder / "tiny", variant);
    EXPECT_EQ(forced.status, SINTER_OK) << forced.error.message;
    OpenSession session(forced.program, {}, 1);
    Inputs inputs(1, 2);
    inputs.set(session.session);
    EXPECT_EQ(sinter_session_run(session.session), SINTER_OK);
    return *static_cast<int64_t *>(output(session.session, 3).data);
  };
  sinter_variant_info better;
  ASSERT_EQ(sinter_program_get_variant(program, 0, &better), SINTER_OK);
  EXPECT_EQ(ran(nullptr), better.runs_here ? 2 : 1);
  EXPECT_EQ(ran("basic"), 1);
  OpenProgram missing(folder / "tiny", "arm-v9");
  EXPECT_EQ(missing.status, SINTER_WRONG_CALL);
  EXPECT_STREQ(missing.error.message, "program 'tiny' has no variant 'arm-v9'; it has 'better', 'basic'");

  BundleDescription foreign = testProgram();
  foreign.variants[0].features = foreign.variants[1].features = uint64_t(1) << 63;
  writeTestBundle(folder / "foreign", foreign);
  OpenProgram refused(folder / "foreign");
  EXPECT_EQ(refused.status, SINTER_UNSUPPORTED);
  EXPECT_STREQ(refused.error.message, "this machine can run none of the variants of program 'tiny': 'better', 'basic'");
}

// Tests that a variant for AMX is taken where the processor has it and Linux gives leave, and else the next.
TEST_F(RuntimeTest, TilesNeedLeave) {
  BundleDescription tiles = testProgram();
  tiles.variants[0].features = SINTER_FEATURE_AMX_TILE | SINTER_FEATURE_AMX_INT8;
  tiles.variants[1].features = 0;
  writeTestBundle(folder / "tiles", tiles);
  OpenProgram opened(folder / "tiles");
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  bool mayUse = false;
#if defined(__x86_64__)
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string flags{std::istreambuf_iterator<char>(cpuinfo), std::istreambuf_iterator<char>()};
  bool hasTiles = flags.find(" amx_tile") != std::string::npos && flags.find(" amx_int8") != std::string::npos;
  unsigned long granted = 0; // ARCH_GET_XCOMP_PERM; bit 18 are the tiles
  mayUse = hasTiles && syscall(SYS_arch_prctl, 0x1022, &granted) == 0 && granted & 1 << 18;
#endif
  sinter_variant_info variant;
  ASSERT_EQ(sinter_program_get_variant(opened.program, 0, &variant), SINTER_OK);
  EXPECT_EQ(variant.runs_here != 0, mayUse);
  sinter_program_info info;
  ASSERT_EQ(sinter_program_get_info(opened.program, &info), SINTER_OK);
  EXPECT_STREQ(info.variant, mayUse ? "better" : "basic");
}

// Tests that a size without an upper bound must be given where memory depends on it, and only there.
TEST(RuntimeBoundsTest, UnboundedSizes) {
  TestFolder folder;
  BundleDescription bundle = testProgram();
  bundle.symbols[1].highest = std::nullopt;
  bundle.checks.pop_back();
  writeTestBundle(folder / "tiny", bundle);
  OpenProgram opened(folder / "tiny");
  ASSERT_EQ(opened.status, SINTER_OK);
  OpenSession without(opened.program, {}, 1);
  EXPECT_EQ(without.status, SINTER_WRONG_CALL);
  EXPECT_THAT(without.error.message, HasSubstr("size 'seq' has no upper bound, and the arena depends on it"));
  OpenSession with(opened.program, {{"seq", 1000}}, 1);
  EXPECT_EQ(with.status, SINTER_OK) << with.error.message;
  Inputs inputs(4, 1000);
  ASSERT_EQ(inputs.set(with.session), SINTER_OK);
  EXPECT_EQ(sinter_session_run(with.session), SINTER_OK) << with.message();

  // A value that no memory depends on may be anything.
  bundle.symbols[2].highest = std::nullopt;
  bundle.outputs[2].dims = {SizeExpr::min(SizeExpr::symbol("count[0]"), 50)};
  bundle.steps[3].tasks = bundle.outputs[2].dims[0];
  writeTestBundle(folder / "tiny2", bundle);
  OpenProgram second(folder / "tiny2");
  ASSERT_EQ(second.status, SINTER_OK) << second.error.message;
  OpenSession session(second.program, {{"seq", 10}}, 1);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  Inputs large(1, 10);
  large.count = INT64_MAX;
  ASSERT_EQ(large.set(session.session), SINTER_OK);
  ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
  EXPECT_EQ(output(session.session, 2).dims[0], 50);
}

// Tests that memory whose formula shrinks as sizes grow is still enough for every size within the session's.
TEST(RuntimeBoundsTest, MemoryThatDoesNotGrow) {
  TestFolder folder;
  BundleDescription bundle = testProgram();
  SizeExpr seq = SizeExpr::symbol("seq");
  bundle.arenaBytes = bundle.arenaBytes + SizeExpr::mod(seq, 7) * 4096 + SizeExpr::max(20 - seq, 0) * 8192;
  writeTestBundle(folder / "tiny", bundle);
  OpenProgram opened(folder / "tiny");
  OpenSession session(opened.program, {{"batch", 1}, {"seq", 28}}, 1);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  for (int64_t size = 1; size <= 28; ++size) {
    Inputs inputs(1, size);
    ASSERT_EQ(inputs.set(session.session), SINTER_OK);
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
  }
}

/// A program that stores the values of `expressions`, of the elements a = v[0] and b = v[1] of its input.
BundleDescription expressionProgram(const std::vector<SizeExpr> &expressions) {
  BundleDescription bundle = testProgram();
  bundle.symbols = {{"v[0]", SymbolSource::element(0, 0), INT64_MIN, std::nullopt, std::nullopt},
                    {"v[1]", SymbolSource::element(0, 1), INT64_MIN, std::nullopt, std::nullopt}};
  bundle.inputs = {{"v", SINTER_I64, {2}, {}}};
  bundle.outputs = {{"out", SINTER_I64, {static_cast<int64_t>(expressions.size())}, {}}};
  bundle.checks.clear();
  bundle.kernels = {{"store_words", {}}};
  bundle.arenaBytes = 0;
  BundleStep step{"/store", 0, {BundleArgument::output(0)}, static_cast<int64_t>(expressions.size()), 0, std::nullopt};
  for (const SizeExpr &expression : expressions)
    step.arguments.push_back(BundleArgument::integer(expression));
  bundle.steps = {step};
  return bundle;
}

// Tests the lengths of ranges of floats of each type, given as inputs and as numbers, and that what has no length is
// said.
TEST(RuntimeInputTest, Lengths) {
  auto program = [](sinter_type type, bool deltaIsNumber) {
    BundleDescription bundle = expressionProgram({SizeExpr::symbol("r[]")});
    bundle.inputs = {{"start", type, {}, {}}, {"limit", type, {}, {}}};
    std::array<SymbolSource::Operand, 3> operands = {{{0, 0}, {1, 0}, {std::nullopt, 0.25}}};
    if (!deltaIsNumber) {
      bundle.inputs.push_back({"delta", type, {}, {}});
      operands[2] = {2, 0};
    }
    bundle.symbols = {{"r[]", SymbolSource::range(0, operands), 0, std::nullopt, std::nullopt}};
    return bundle;
  };
  auto measure = [&](sinter_type type, std::vector<double> numbers, bool deltaIsNumber) -> std::string {
    TestFolder folder;
    writeTestBundle(folder / "r", program(type, deltaIsNumber));
    OpenProgram opened(folder / "r");
    EXPECT_EQ(opened.status, SINTER_OK) << opened.error.message;
    OpenSession session(opened.program, {{"r[]", 100}}, 1);
    EXPECT_EQ(session.status, SINTER_OK) << session.error.message;
    std::array<std::array<char, 8>, 3> data = {};
    for (size_t i = 0; i < numbers.size(); ++i) {
      float f = static_cast<float>(numbers[i]);
      uint16_t half = type == SINTER_F16 ? floatToHalf(f) : floatToBfloat16(f);
      const void *from = type == SINTER_F64   ? static_cast<const void *>(&numbers[i])
                         : type == SINTER_F32 ? static_cast<const void *>(&f)
                                              : &half;
      std::memcpy(data[i].data(), from, sinter_type_size(type));
      EXPECT_EQ(sinter_session_set_input(session.session, i, data[i].data(), type, nullptr, 0), SINTER_OK);
    }
    if (sinter_session_run(session.session) != SINTER_OK)
      return session.message();
    return std::to_string(*static_cast<int64_t *>(output(session.session, 0).data));
  };
  double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (sinter_type type : {SINTER_F32, SINTER_F64, SINTER_F16, SINTER_BF16}) {
    EXPECT_EQ(measure(type, {1, 5, 2}, false), "2");
    EXPECT_EQ(measure(type, {1, 5.5, 2}, false), "3");
    EXPECT_EQ(measure(type, {10, 0, -3}, false), "4");
    EXPECT_EQ(measure(type, {0, 10, -3}, false), "0");
    EXPECT_EQ(measure(type, {4, 4, 1}, false), "0");
    EXPECT_EQ(measure(type, {-1, 1.125}, true), "9");
    for (std::vector<double> numbers : std::vector<std::vector<double>>{
             {0, 5, 0}, {0, 0, 0}, {0, infinity, 1}, {0, -infinity, 1}, {nan, 1, 1}, {0, 1, nan}, {0, 1, infinity}})
      EXPECT_THAT(measure(type, numbers, false), HasSubstr("has no finite length"));
    EXPECT_THAT(measure(type, {0, 1000, 1}, false), HasSubstr("the length of a range ('r[]') is 1000"));
  }
  // 0.3 / 0.1 is below 3 in f64, and 3 where it is rounded to f32; the float nearest to 0.3 is above.
  EXPECT_EQ(measure(SINTER_F64, {0, 0.3, 0.1}, false), "3");
  EXPECT_EQ(measure(SINTER_F32, {0, 0.3, 0.1}, false), "3");
}

// Tests that an input that nothing reads may have any rank and sizes.
TEST(RuntimeInputTest, InputOfAnyShape) {
  BundleDescription bundle = expressionProgram({SizeExpr::symbol("v[0]"), SizeExpr::symbol("v[1]")});
  bundle.inputs.push_back({"unused", SINTER_F32, {}, {}, /*anyShape=*/true});
  TestFolder folder;
  writeTestBundle(folder / "any", bundle);
  OpenProgram opened(folder / "any");
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  sinter_value_info info;
  ASSERT_EQ(sinter_program_get_input(opened.program, 0, &info), SINTER_OK);
  EXPECT_EQ(info.any_shape, 0u);
  ASSERT_EQ(sinter_program_get_input(opened.program, 1, &info), SINTER_OK);
  EXPECT_EQ(info.any_shape, 1u);
  OpenSession session(opened.program, {}, 1);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  int64_t v[2] = {3, 4}, dims[] = {2, 3, 1};
  float data[6] = {};
  ASSERT_EQ(sinter_session_set_input(session.session, 0, v, SINTER_I64, dims, 1), SINTER_OK);
  for (uint32_t rank : {0, 1, 2, 3}) {
    ASSERT_EQ(sinter_session_set_input(session.session, 1, data, SINTER_F32, dims, rank), SINTER_OK);
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
    EXPECT_EQ(static_cast<int64_t *>(output(session.session, 0).data)[1], 4);
  }
  EXPECT_EQ(sinter_session_set_input(session.session, 1, data, SINTER_I32, dims, 1), SINTER_UNUSABLE);
  EXPECT_EQ(sinter_session_set_input(session.session, 0, v, SINTER_I64, dims, 2), SINTER_UNUSABLE);
}

// Tests every function of sizes against C++'s own arithmetic, on negative numbers and at the ends of the range.
TEST(RuntimeExpressionTest, Values) {
  SizeExpr a = SizeExpr::symbol("v[0]"), b = SizeExpr::symbol("v[1]");
  auto floorOf = [](int64_t x, int64_t y) { return static_cast<int64_t>(std::floor(static_cast<double>(x) / y)); };
  auto ceilOf = [](int64_t x, int64_t y) { return static_cast<int64_t>(std::ceil(static_cast<double>(x) / y)); };
  std::vector<SizeExpr> expressions = {a + 3 * b - 7,
                                       a * a * b - 2 * a,
                                       SizeExpr::floorDiv(a, b),
                                       SizeExpr::ceilDiv(a, b),
                                       SizeExpr::mod(a, b),
                                       SizeExpr::min(a, b),
                                       SizeExpr::max(a, b),
                                       SizeExpr::eq(a, b),
                                       SizeExpr::lt(a, b),
                                       SizeExpr::select(SizeExpr::lt(a, b), a + 1, b * 2),
                                       SizeExpr::min(SizeExpr::floorDiv(a, 3) * 5 + b, SizeExpr::max(a * b, 9)) * a};
  TestFolder folder;
  writeTestBundle(folder / "e", expressionProgram(expressions));
  OpenProgram opened(folder / "e");
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  OpenSession session(opened.program, {}, 1);
  ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
  int64_t v[2], dims[] = {2};
  ASSERT_EQ(sinter_session_set_input(session.session, 0, v, SINTER_I64, dims, 1), SINTER_OK);
  for (int64_t x = -9; x <= 9; ++x)
    for (int64_t y = -9; y <= 9; ++y) {
      v[0] = x;
      v[1] = y;
      if (y == 0) {
        EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
        EXPECT_THAT(session.message(), HasSubstr("divides by zero"));
        continue;
      }
      ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
      auto *got = static_cast<int64_t *>(output(session.session, 0).data);
      std::vector<int64_t> expected = {x + 3 * y - 7,
                                       x * x * y - 2 * x,
                                       floorOf(x, y),
                                       ceilOf(x, y),
                                       x - floorOf(x, y) * y,
                                       std::min(x, y),
                                       std::max(x, y),
                                       x == y,
                                       x < y,
                                       x < y ? x + 1 : y * 2,
                                       std::min(floorOf(x, 3) * 5 + y, std::max(x * y, int64_t(9))) * x};
      ASSERT_EQ(std::vector<int64_t>(got, got + expected.size()), expected) << x << ", " << y;
    }
  v[0] = INT64_MAX;
  v[1] = 2;
  EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
  EXPECT_THAT(session.message(), HasSubstr("overflows 64 bits"));
  v[0] = INT64_MIN;
  v[1] = -1;
  EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE);
}

// Tests that a size may be an element of an input of any type, of a float without its fraction.
TEST(RuntimeExpressionTest, ElementsOfEveryType) {
  struct Case {
    sinter_type type;
    std::vector<unsigned char> bytes;
    std::optional<int64_t> expected;
  };
  auto bytesOf = [](auto value) {
    std::vector<unsigned char> bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  };
  const Case cases[] = {{SINTER_I8, bytesOf(int8_t(-5)), -5},
                        {SINTER_I16, bytesOf(int16_t(-30000)), -30000},
                        {SINTER_I32, bytesOf(int32_t(1 << 30)), 1 << 30},
                        {SINTER_U8, bytesOf(uint8_t(200)), 200},
                        {SINTER_U16, bytesOf(uint16_t(60000)), 60000},
                        {SINTER_U32, bytesOf(uint32_t(4000000000)), 4000000000},
                        {SINTER_U64, bytesOf(uint64_t(77)), 77},
                        {SINTER_U64, bytesOf(UINT64_MAX), std::nullopt},
                        {SINTER_BOOL, bytesOf(uint8_t(1)), 1},
                        {SINTER_F32, bytesOf(-2.75f), -2},
                        {SINTER_F32, bytesOf(NAN), std::nullopt},
                        {SINTER_F64, bytesOf(1e15), int64_t(1000000000000000)},
                        {SINTER_F64, bytesOf(1e19), std::nullopt},
                        // IEEE 754 binary16: 1.5, 65504, 2^-24, -7.5, infinity.
                        {SINTER_F16, bytesOf(uint16_t(0x3e00)), 1},
                        {SINTER_F16, bytesOf(uint16_t(0x7bff)), 65504},
                        {SINTER_F16, bytesOf(uint16_t(0x0001)), 0},
                        {SINTER_F16, bytesOf(uint16_t(0xc780)), -7},
                        {SINTER_F16, bytesOf(uint16_t(0x7c00)), std::nullopt},
                        // bfloat16, the upper half of binary32: 100, -3.140625.
                        {SINTER_BF16, bytesOf(uint16_t(0x42c8)), 100},
                        {SINTER_BF16, bytesOf(uint16_t(0xc049)), -3}};
  for (const Case &c : cases) {
    TestFolder folder;
    BundleDescription bundle = expressionProgram({SizeExpr::symbol("v[0]")});
    bundle.symbols.pop_back();
    bundle.inputs = {{"v", c.type, {}, {}}};
    writeTestBundle(folder / "e", bundle);
    OpenProgram opened(folder / "e");
    ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
    OpenSession session(opened.program, {}, 1);
    alignas(8) unsigned char data[8] = {};
    std::copy(c.bytes.begin(), c.bytes.end(), data);
    ASSERT_EQ(sinter_session_set_input(session.session, 0, data, c.type, nullptr, 0), SINTER_OK);
    if (!c.expected) {
      EXPECT_EQ(sinter_session_run(session.session), SINTER_UNUSABLE) << sinter_type_name(c.type);
      EXPECT_THAT(session.message(), HasSubstr("element 0 of input 'v'"));
      continue;
    }
    ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
    EXPECT_EQ(*static_cast<int64_t *>(output(session.session, 0).data), *c.expected) << sinter_type_name(c.type);
  }
}

// Tests that each task is done exactly once, whatever the number of tasks and threads.
TEST(RuntimeThreadsTest, EachTaskOnce) {
  TestFolder folder;
  BundleDescription bundle = expressionProgram({1});
  SizeExpr tasks = SizeExpr::symbol("v[0]");
  bundle.symbols[0].lowest = 0;
  bundle.kernels = {{"count_tasks", {}}};
  bundle.inputs.push_back({"counts", SINTER_I32, {SizeExpr::symbol("n")}, {}});
  bundle.symbols.push_back({"n", SymbolSource::axis(1, 0), 1, std::nullopt, std::nullopt});
  // Twice, so that one step's end is the next one's beginning.
  BundleStep step{"/count", 0, {BundleArgument::input(1), BundleArgument::integer(SizeExpr::symbol("v[1]"))},
                  tasks,    0, std::nullopt};
  bundle.steps = {step, step, step};
  writeTestBundle(folder / "count", bundle);
  OpenProgram opened(folder / "count");
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  for (uint32_t threads : {1u, 2u, 3u, 8u}) {
    sinter_session_options options = {};
    options.spin_microseconds = threads == 3 ? -1 : 0;
    OpenSession session(opened.program, {}, threads, options);
    ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
    std::vector<int32_t> counts(3000);
    int64_t v[2], two[] = {2}, dims[] = {3000};
    ASSERT_EQ(sinter_session_set_input(session.session, 0, v, SINTER_I64, two, 1), SINTER_OK);
    ASSERT_EQ(sinter_session_set_input(session.session, 1, counts.data(), SINTER_I32, dims, 1), SINTER_OK);
    for (int64_t tasks : {0, 1, 2, 3, 5, 7, 16, 97, 1000, 3000, 2, 1, 0, 64}) {
      for (int64_t factor : {0, 20}) {
        std::fill(counts.begin(), counts.end(), 0);
        v[0] = tasks;
        v[1] = factor;
        ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
        for (int64_t i = 0; i < 3000; ++i)
          ASSERT_EQ(counts[i], i < tasks ? 3 : 0) << "task " << i << " of " << tasks << ", " << threads << " threads";
      }
    }
  }
}

// Tests that a program says its names, formulas and memory.
TEST_F(RuntimeTest, IntrospectionNamesEverything) {
  sinter_program_info info;
  ASSERT_EQ(sinter_program_get_info(program, &info), SINTER_OK);
  EXPECT_STREQ(info.name, "tiny");
  EXPECT_STREQ(info.compiler, "0.1.0-test");
  EXPECT_STREQ(info.source_file, "tiny.onnx");
  EXPECT_EQ(info.weights_bytes, 50u * 16 + 32 + 16); // the second section begins at the next multiple of 64
  sinter_value_info value;
  ASSERT_EQ(sinter_program_get_output(program, 0, &value), SINTER_OK);
  EXPECT_STREQ(value.name, "hidden");
  EXPECT_STREQ(value.dims[1], "seq");
  EXPECT_STREQ(value.dim_names[1], "sequence");
  EXPECT_STREQ(value.dims[2], "4");
  EXPECT_EQ(sinter_program_get_output(program, 4, &value), SINTER_WRONG_CALL);
  uint32_t index;
  ASSERT_EQ(sinter_program_find_input(program, "mask", &index), SINTER_OK);
  EXPECT_EQ(index, 1u);
  EXPECT_EQ(sinter_program_find_input(program, "masks", &index), SINTER_WRONG_CALL);
  sinter_step_info step;
  ASSERT_EQ(sinter_program_get_step(program, 1, &step), SINTER_OK);
  EXPECT_STREQ(step.name, "/scale");
  EXPECT_STREQ(step.kernel, "scale_rows");
  EXPECT_STREQ(step.tasks, "batch * seq");
  sinter_memory memory;
  sinter_size sizes[] = {{"batch", 2}, {"seq", 6}};
  ASSERT_EQ(sinter_program_get_memory(program, sizes, 2, &memory, nullptr), SINTER_OK);
  EXPECT_EQ(memory.arena_bytes, 192u + 192u);
  EXPECT_EQ(memory.output_bytes, 192u + 64 + 832 + 64); // each rounded up to 64: 100 numbers are 800 bytes
  EXPECT_EQ(memory.scratch_bytes, 16u);
}

} // namespace
