//===- StringsTest.cpp - Strings through the runtime's C interface --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"
#include "test/e2e/TrapAllocation.h"

#include "sinter-rt/sinter.h"

#include "gtest/gtest.h"

#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

using namespace sinter::e2e;

namespace {

// Strings are moved, compared, read, and written twice; what is written first is still there when all has run.
constexpr char graph[] = R"(
module attributes {sinter.files = [], sinter.phase = "canonical"} {
  sinter.symbol @n axis "words" 0 {low = 1 : i64, high = 64 : i64}
  func.func @main(%words: tensor<?x!sinter.string, #sinter.dims<"n">> {sinter.name = "words"},
                  %others: tensor<?x!sinter.string, #sinter.dims<"n">> {sinter.name = "others"},
                  %numbers: tensor<?xf32, #sinter.dims<"n">> {sinter.name = "numbers"})
      -> (tensor<?x!sinter.string, #sinter.dims<"2 * n">> {sinter.name = "written"},
          tensor<?xf64, #sinter.dims<"n">> {sinter.name = "read"},
          tensor<?xi1, #sinter.dims<"n">> {sinter.name = "same"},
          tensor<?x!sinter.string, #sinter.dims<"n">> {sinter.name = "chosen"},
          tensor<?x!sinter.string, #sinter.dims<"n">> {sinter.name = "products"}) {
    %first = sinter.cast %numbers : tensor<?xf32, #sinter.dims<"n">> -> tensor<?x!sinter.string, #sinter.dims<"n">>
    %written = sinter.concat 0 (%first, %words) : (tensor<?x!sinter.string, #sinter.dims<"n">>, tensor<?x!sinter.string, #sinter.dims<"n">>) -> tensor<?x!sinter.string, #sinter.dims<"2 * n">>
    %read = sinter.cast %others : tensor<?x!sinter.string, #sinter.dims<"n">> -> tensor<?xf64, #sinter.dims<"n">>
    %same = sinter.elementwise equal(%words, %others) : (tensor<?x!sinter.string, #sinter.dims<"n">>, tensor<?x!sinter.string, #sinter.dims<"n">>) -> tensor<?xi1, #sinter.dims<"n">>
    %squares = sinter.elementwise mul(%read, %read) : (tensor<?xf64, #sinter.dims<"n">>, tensor<?xf64, #sinter.dims<"n">>) -> tensor<?xf64, #sinter.dims<"n">>
    %products = sinter.cast %squares : tensor<?xf64, #sinter.dims<"n">> -> tensor<?x!sinter.string, #sinter.dims<"n">>
    %chosen = sinter.elementwise select(%same, %first, %words) : (tensor<?xi1, #sinter.dims<"n">>, tensor<?x!sinter.string, #sinter.dims<"n">>, tensor<?x!sinter.string, #sinter.dims<"n">>) -> tensor<?x!sinter.string, #sinter.dims<"n">>
    return %written, %read, %same, %chosen, %products : tensor<?x!sinter.string, #sinter.dims<"2 * n">>, tensor<?xf64, #sinter.dims<"n">>, tensor<?xi1, #sinter.dims<"n">>, tensor<?x!sinter.string, #sinter.dims<"n">>, tensor<?x!sinter.string, #sinter.dims<"n">>
  }
}
)";

sinter_string stringOf(const char *text) { return {text, std::strlen(text)}; }

class Strings : public testing::Test {
protected:
  void SetUp() override {
    std::string folder = freshFolder("strings");
    writeFile(folder + "/graph.mlir", graph);
    Ended compiled = runSinter({"compile", folder + "/graph.mlir", "--compile-from=canonical", "-o", folder + "/out"});
    ASSERT_EQ(compiled.status, 0) << compiled.errors;
    sinter_error error = {};
    ASSERT_EQ(sinter_program_open((folder + "/out").c_str(), nullptr, &program, &error), SINTER_OK) << error.message;
    sinter_session_options options = {};
    options.struct_bytes = sizeof options;
    options.threads = 2;
    ASSERT_EQ(sinter_session_create(program, &options, &session, &error), SINTER_OK) << error.message;
  }
  void TearDown() override {
    sinter_session_destroy(session);
    sinter_program_close(program);
  }

  void setInputs(int64_t count) {
    sinter_session_set_input(session, 0, words, SINTER_STRING, &count, 1);
    sinter_session_set_input(session, 1, others, SINTER_STRING, &count, 1);
    sinter_session_set_input(session, 2, numbers, SINTER_F32, &count, 1);
  }
  std::string text(uint32_t output, size_t index) {
    sinter_tensor tensor;
    EXPECT_EQ(sinter_session_get_output(session, output, &tensor), SINTER_OK);
    EXPECT_EQ(tensor.type, SINTER_STRING);
    const auto &element = static_cast<const sinter_string *>(tensor.data)[index];
    return {element.data, size_t(element.size)};
  }

  sinter_program *program = nullptr;
  sinter_session *session = nullptr;
  sinter_string words[4] = {stringOf("1.5"), stringOf("zwölf"), {nullptr, 0}, stringOf("1.50")};
  sinter_string others[4] = {stringOf("1.5"), stringOf("-2e3"), stringOf("0"), stringOf("1.5")};
  float numbers[4] = {0.1f, -3, 1e-10f, 16777216};
};

TEST_F(Strings, areMovedComparedReadAndWritten) {
  setInputs(4);
  ASSERT_EQ(sinter_session_run(session), SINTER_OK) << sinter_session_message(session);
  const char *written[] = {"0.1", "-3.0", "1e-10", "16777216.0", "1.5", "zwölf", "", "1.50"};
  for (size_t i = 0; i < 8; ++i)
    EXPECT_EQ(text(0, i), written[i]);
  sinter_tensor tensor;
  sinter_session_get_output(session, 1, &tensor);
  const double read[] = {1.5, -2000, 0, 1.5};
  EXPECT_EQ(std::memcmp(tensor.data, read, sizeof read), 0);
  sinter_session_get_output(session, 2, &tensor);
  EXPECT_EQ(std::memcmp(tensor.data, "\1\0\0\0", 4), 0);
  const char *chosen[] = {"0.1", "zwölf", "", "1.50"}, *products[] = {"2.25", "4000000.0", "0.0", "2.25"};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(text(3, i), chosen[i]);
    EXPECT_EQ(text(4, i), products[i]);
  }
}

TEST_F(Strings, thatAreNoNumbersAreRefusedByTheInputsName) {
  others[2] = stringOf("Hello World!");
  setInputs(4);
  EXPECT_EQ(sinter_session_run(session), SINTER_UNUSABLE);
  EXPECT_STREQ(sinter_session_message(session), "input 'others': element 2 is no number of type f64");
  setInputs(2);
  EXPECT_EQ(sinter_session_run(session), SINTER_OK) << sinter_session_message(session);
}

TEST_F(Strings, ofOtherTypeOrAlignmentAreRefused) {
  int64_t count = 2;
  EXPECT_EQ(sinter_session_set_input(session, 0, numbers, SINTER_F32, &count, 1), SINTER_UNUSABLE);
  EXPECT_STREQ(sinter_session_message(session), "input 'words' has type f32; string is required");
  EXPECT_EQ(sinter_session_set_input(session, 0, reinterpret_cast<char *>(words) + 4, SINTER_STRING, &count, 1),
            SINTER_WRONG_CALL);
  // Eight bytes are enough.
  alignas(16) char bytes[8 + sizeof words];
  std::memcpy(bytes + 8, words, sizeof words);
  EXPECT_EQ(sinter_session_set_input(session, 0, bytes + 8, SINTER_STRING, &count, 1), SINTER_OK);
}

TEST_F(Strings, areMadeWithoutAllocation) {
  pid_t child = fork();
  if (child == 0) {
    // Threads do not survive a fork.
    sinter_session_options options = {};
    options.struct_bytes = sizeof options;
    options.threads = 2;
    if (sinter_session_create(program, &options, &session, nullptr))
      _exit(1);
    setInputs(4);
    trapAllocation = true;
    for (int run = 0; run < 2; ++run)
      if (sinter_session_run(session))
        _exit(1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_FALSE(WIFSIGNALED(status)) << "a run called malloc or a relative";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

} // namespace
