//===- MiniLmTest.cpp - all-MiniLM-L6-v2, compiled and run by the runtime ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"
#include "test/e2e/TrapAllocation.h"

#include "sinter-rt/sinter.h"

#include "llvm/Support/JSON.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <random>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace sinter::e2e;
using testing::HasSubstr;

namespace {

constexpr int64_t width = 384, vocabulary = 30522;

/// Token ids and a mask, as rows of one batch.
struct Batch {
  int64_t rows, length;
  std::vector<int64_t> ids, mask, types;

  Batch(int64_t rows, int64_t length)
      : rows(rows), length(length), ids(rows * length), mask(rows * length, 1), types(rows * length) {}

  static Batch random(int64_t rows, int64_t length, unsigned seed) {
    Batch batch(rows, length);
    std::mt19937 generator(seed);
    for (int64_t &id : batch.ids)
      id = generator() % vocabulary;
    // Every row but the first is padded: at the right, or at the left.
    for (int64_t row = 1; row < rows; ++row) {
      int64_t padding = generator() % length;
      for (int64_t i = 0; i < padding; ++i)
        batch.mask[row * length + (row % 2 ? length - 1 - i : i)] = 0;
    }
    return batch;
  }

  Batch row(int64_t index) const {
    Batch one(1, length);
    std::copy_n(ids.begin() + index * length, length, one.ids.begin());
    std::copy_n(mask.begin() + index * length, length, one.mask.begin());
    return one;
  }
};

class Program {
public:
  Program() {
    sinter_error error;
    EXPECT_EQ(sinter_program_open(compiledModel().c_str(), nullptr, &program, &error), SINTER_OK) << error.message;
  }
  ~Program() { sinter_program_close(program); }
  sinter_program *get() const { return program; }

private:
  sinter_program *program = nullptr;
};

const Program &program() {
  static const Program only;
  return only;
}

class Session {
public:
  Session(int64_t rows, int64_t length, uint32_t threads) {
    sinter_size sizes[] = {{"batch", rows}, {"seq", length}};
    sinter_session_options options = {};
    options.struct_bytes = sizeof options;
    options.sizes = sizes;
    options.size_count = 2;
    options.threads = threads;
    status = sinter_session_create(program().get(), &options, &session, &error);
  }
  ~Session() { sinter_session_destroy(session); }

  sinter_status run(const Batch &batch) {
    const std::pair<const char *, const std::vector<int64_t> *> inputs[] = {
        {"input_ids", &batch.ids}, {"attention_mask", &batch.mask}, {"token_type_ids", &batch.types}};
    const int64_t dims[] = {batch.rows, batch.length};
    for (auto [name, values] : inputs) {
      uint32_t index = 0;
      if (sinter_program_find_input(program().get(), name, &index) != SINTER_OK)
        return SINTER_WRONG_CALL;
      if (sinter_status bad = sinter_session_set_input(session, index, values->data(), SINTER_I64, dims, 2))
        return bad;
    }
    return sinter_session_run(session);
  }

  /// The hidden states of a run, which has to succeed.
  std::vector<float> hidden(const Batch &batch) {
    EXPECT_EQ(run(batch), SINTER_OK) << message();
    sinter_tensor tensor = {};
    EXPECT_EQ(sinter_session_get_output(session, 0, &tensor), SINTER_OK) << message();
    EXPECT_EQ(tensor.bytes, uint64_t(batch.rows * batch.length * width * 4));
    const float *data = static_cast<const float *>(tensor.data);
    return std::vector<float>(data, data + tensor.bytes / 4);
  }

  std::string message() const { return sinter_session_message(session); }

  sinter_session *session = nullptr;
  sinter_status status;
  sinter_error error = {};
};

std::vector<float> hiddenOf(const Batch &batch, uint32_t threads = 2) {
  Session session(batch.rows, batch.length, threads);
  EXPECT_EQ(session.status, SINTER_OK) << session.error.message;
  return session.hidden(batch);
}

bool sameBits(const float *a, const float *b, size_t count) { return std::memcmp(a, b, count * sizeof(float)) == 0; }

std::vector<double> numbers(const llvm::json::Object &object, llvm::StringRef key) {
  std::vector<double> result;
  for (const llvm::json::Value &value : *object.getArray(key))
    result.push_back(*value.getAsNumber());
  return result;
}

/// The greatest difference of a sentence's embedding and first hidden state from the reference's.
void expectReference(const llvm::json::Object &sentence, const float *hidden, int64_t length) {
  std::vector<double> pooled(width), expected = numbers(sentence, "mean_pooled_normalised");
  double squares = 0;
  for (int64_t i = 0; i < width; ++i) {
    for (int64_t token = 0; token < length; ++token)
      pooled[i] += hidden[token * width + i];
    squares += pooled[i] * pooled[i];
  }
  ASSERT_EQ(expected.size(), size_t(width));
  for (int64_t i = 0; i < width; ++i)
    ASSERT_NEAR(pooled[i] / std::sqrt(squares), expected[i], 5e-6) << "element " << i << " of the embedding";
  std::vector<double> first = numbers(sentence, "last_hidden_state_first_token_first_8");
  for (size_t i = 0; i < first.size(); ++i)
    ASSERT_NEAR(hidden[i], first[i], 2.5e-5) << "element " << i << " of the first token's hidden state";
}

TEST(MiniLm, AgreesWithThePyTorchReference) {
  std::string text = readFile(std::string(SINTER_SOURCE_ROOT) + "/test/data/all-MiniLM-L6-v2-reference.json");
  llvm::Expected<llvm::json::Value> reference = llvm::json::parse(text);
  ASSERT_TRUE(bool(reference));
  const llvm::json::Array &sentences = *reference->getAsObject()->getArray("cases");
  ASSERT_EQ(sentences.size(), 5u);
  int64_t longest = 0;
  for (const llvm::json::Value &sentence : sentences)
    longest = std::max<int64_t>(longest, sentence.getAsObject()->getArray("input_ids")->size());
  Batch batch(sentences.size(), longest);
  std::fill(batch.mask.begin(), batch.mask.end(), 0);
  for (size_t row = 0; row < sentences.size(); ++row) {
    std::vector<double> ids = numbers(*sentences[row].getAsObject(), "input_ids");
    Batch alone(1, ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      alone.ids[i] = batch.ids[row * longest + i] = int64_t(ids[i]);
      batch.mask[row * longest + i] = 1;
    }
    SCOPED_TRACE("sentence " + std::to_string(row) + " alone");
    expectReference(*sentences[row].getAsObject(), hiddenOf(alone).data(), alone.length);
  }
  std::vector<float> hidden = hiddenOf(batch);
  for (size_t row = 0; row < sentences.size(); ++row) {
    SCOPED_TRACE("sentence " + std::to_string(row) + " in a padded batch");
    int64_t length = sentences[row].getAsObject()->getArray("input_ids")->size();
    expectReference(*sentences[row].getAsObject(), hidden.data() + row * longest * width, length);
  }
}

TEST(MiniLm, ABatchIsItsRowsBitForBit) {
  Batch batch = Batch::random(8, 512, 1);
  std::vector<float> together = hiddenOf(batch);
  Session single(1, 512, 2);
  for (int64_t row = 0; row < batch.rows; ++row)
    EXPECT_TRUE(sameBits(single.hidden(batch.row(row)).data(), together.data() + row * 512 * width, 512 * width))
        << "row " << row;
}

TEST(MiniLm, ThreadsDoNotChangeABit) {
  for (auto [rows, length] : {std::pair<int64_t, int64_t>{1, 1}, {3, 37}, {8, 128}, {2, 512}}) {
    Batch batch = Batch::random(rows, length, 2);
    std::vector<float> one = hiddenOf(batch, 1);
    for (uint32_t threads : {2u, 3u})
      EXPECT_TRUE(sameBits(one.data(), hiddenOf(batch, threads).data(), one.size()))
          << rows << "x" << length << " with " << threads << " threads";
  }
}

TEST(MiniLm, ARowThatIsMaskedEntirelyHurtsNoOther) {
  Batch batch = Batch::random(3, 37, 3);
  std::vector<float> before = hiddenOf(batch);
  std::fill_n(batch.mask.begin() + 37, 37, 0);
  std::vector<float> after = hiddenOf(batch);
  for (float value : after)
    ASSERT_TRUE(std::isfinite(value));
  EXPECT_TRUE(sameBits(before.data(), after.data(), 37 * width));
  EXPECT_TRUE(sameBits(before.data() + 2 * 37 * width, after.data() + 2 * 37 * width, 37 * width));
  EXPECT_FALSE(sameBits(before.data() + 37 * width, after.data() + 37 * width, 37 * width));
}

TEST(MiniLm, SizesBeyondTheModelOrTheSessionAreRefusedWithBothNumbers) {
  Session tooLong(1, 513, 1);
  EXPECT_NE(tooLong.status, SINTER_OK);
  EXPECT_THAT(tooLong.error.message, testing::AllOf(HasSubstr("513"), HasSubstr("512")));
  Session small(2, 16, 1);
  ASSERT_EQ(small.status, SINTER_OK);
  EXPECT_EQ(small.run(Batch(2, 17)), SINTER_TOO_LARGE);
  EXPECT_THAT(small.message(), testing::AllOf(HasSubstr("17"), HasSubstr("16")));
  EXPECT_EQ(small.run(Batch(3, 16)), SINTER_TOO_LARGE);
  EXPECT_THAT(small.message(), testing::AllOf(HasSubstr("3"), HasSubstr("2")));
  EXPECT_EQ(small.run(Batch(2, 16)), SINTER_OK) << "the session can be used again";
}

TEST(MiniLm, ATokenOutsideTheVocabularyIsAStatus) {
  Session session(2, 16, 2);
  for (int64_t id : {vocabulary, int64_t(INT64_MAX), int64_t(INT64_MIN), -vocabulary - 1}) {
    Batch batch = Batch::random(2, 16, 4);
    batch.ids[21] = id;
    EXPECT_EQ(session.run(batch), SINTER_UNUSABLE) << id;
    EXPECT_THAT(session.message(), HasSubstr("input_ids")) << id;
  }
}

TEST(MiniLm, ATokenTypeOutsideItsTableIsAStatusThatNamesIt) {
  Session session(2, 16, 2);
  Batch batch = Batch::random(2, 16, 4);
  batch.types[3] = 2;
  EXPECT_EQ(session.run(batch), SINTER_UNUSABLE);
  EXPECT_THAT(session.message(), HasSubstr("token_type_ids"));
  batch.types[3] = 1;
  EXPECT_EQ(session.run(batch), SINTER_OK) << session.message();
}

/// From here on the calls that take memory or make threads end this process, in all its threads.
bool forbidAllocation() {
#define FORBID(name)                                                                                                   \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      FORBID(mmap),
      FORBID(mremap),
      FORBID(brk),
      FORBID(clone),
      FORBID(clone3),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
#undef FORBID
  sock_fprog filter = {sizeof rules / sizeof *rules, rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

TEST(MiniLm, NoRunAllocatesOrMakesThreads) {
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "the sanitizer takes memory of its own";
#endif
  compiledModel();
  pid_t child = fork();
  if (child == 0) {
    // Exit statuses: 0 all runs succeeded, 1 one failed, 2 the filter cannot be set here.
    Session session(4, 128, 2);
    std::vector<Batch> batches;
    for (auto [rows, length] : {std::pair<int64_t, int64_t>{1, 7}, {4, 128}, {1, 1}, {3, 37}, {4, 128}})
      batches.push_back(Batch::random(rows, length, 5));
    if (session.status != SINTER_OK)
      _exit(1);
    if (!forbidAllocation())
      _exit(2);
    trapAllocation = true;
    for (const Batch &batch : batches)
      if (session.run(batch) != SINTER_OK)
        _exit(1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
    GTEST_SKIP() << "this system has no seccomp filters";
  EXPECT_FALSE(WIFSIGNALED(status)) << "a run called malloc, mmap, mremap, brk or clone";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(MiniLm, IsFused) {
  auto arena = [](int64_t rows, int64_t length) {
    sinter_size sizes[] = {{"batch", rows}, {"seq", length}};
    sinter_memory memory = {};
    sinter_error error;
    EXPECT_EQ(sinter_program_get_memory(program().get(), sizes, 2, &memory, &error), SINTER_OK) << error.message;
    return memory.arena_bytes;
  };
  // One layer's scores alone would be 12 * 512 * 512 floats.
  EXPECT_LT(arena(1, 512), uint64_t(12) * 512 * 512 * 4);
  EXPECT_LT(arena(8, 512), uint64_t(64) << 20);
  sinter_program_info info = {};
  ASSERT_EQ(sinter_program_get_info(program().get(), &info), SINTER_OK);
  EXPECT_LE(info.step_count, 6u * 8 + 4) << "at most 8 per layer, and some before the first";
}

} // namespace
