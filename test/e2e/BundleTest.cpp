//===- BundleTest.cpp - Writing bundles: the same bytes, whole or not at all ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"

#include "sinter-rt/sinter.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace sinter::e2e;

namespace {

/// What opening a bundle says; with `integrity`, every byte of its weights is read too.
sinter_status openBundle(const std::string &folder, bool integrity, std::string *message = nullptr) {
  sinter_error error = {};
  sinter_program *program = nullptr;
  sinter_status status = sinter_program_open(folder.c_str(), nullptr, &program, &error);
  if (status == SINTER_OK && integrity)
    status = sinter_program_check_integrity(program, &error);
  sinter_program_close(program);
  if (message)
    *message = error.message;
  return status;
}

TEST(Bundle, IsTheSameBytesInAnotherFolderWithOtherThreads) {
  std::string folder = freshFolder("deterministic");
  Ended again = runSinter({"compile", modelFile(), "-o", folder + "/elsewhere", "-j", "1"});
  ASSERT_EQ(again.status, 0) << again.errors;
  auto first = filesIn(compiledModel()), second = filesIn(folder + "/elsewhere");
  ASSERT_EQ(first.size(), second.size());
  ASSERT_GE(first.size(), 3u);
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].first, second[i].first);
    EXPECT_TRUE(first[i].second == second[i].second) << first[i].first << " differs";
  }
}

TEST(Bundle, DamagedInAnyByteIsRefused) {
  std::string folder = freshFolder("damaged") + "/minilm";
  fs::copy(compiledModel(), folder);
  ASSERT_EQ(openBundle(folder, true), SINTER_OK);
  std::mt19937 random(1);
  int trials = isLong() ? 1000 : 25;
  for (const auto &[name, bytes] : filesIn(folder)) {
    if (bytes.empty())
      continue;
    // What a run does not need at once is checked by `verify --integrity` only.
    bool weights = name == "weights.bin" || name == "reference.mlir";
    for (int trial = 0; trial < (weights ? trials / 8 : trials); ++trial) {
      size_t position = random() % bytes.size();
      FILE *file = fopen((folder + "/" + name).c_str(), "r+b");
      ASSERT_NE(file, nullptr);
      fseek(file, long(position), SEEK_SET);
      fputc(bytes[position] ^ (1 << random() % 8), file);
      fclose(file);
      std::string message;
      sinter_status status = openBundle(folder, weights, &message);
      EXPECT_EQ(status, SINTER_UNUSABLE) << name << ", byte " << position << ": " << message;
      EXPECT_FALSE(message.empty());
      file = fopen((folder + "/" + name).c_str(), "r+b");
      fseek(file, long(position), SEEK_SET);
      fputc(bytes[position], file);
      fclose(file);
    }
    fs::resize_file(folder + "/" + name, bytes.size() - 1);
    EXPECT_EQ(openBundle(folder, weights), SINTER_UNUSABLE) << name << " is short";
    writeFile(folder + "/" + name, bytes);
  }
  EXPECT_EQ(openBundle(folder, true), SINTER_OK);
}

TEST(Bundle, AKilledCompileLeavesTheOldOneOrNone) {
  std::string folder = freshFolder("killed"), out = folder + "/minilm";
  auto expected = filesIn(compiledModel());
  // Moments over all of a compile, and a little beyond its end.
  auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(runSinter({"compile", modelFile(), "-o", out}).status, 0);
  auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
  std::mt19937 random(2);
  for (int trial = 0; trial < (isLong() ? 50 : 8); ++trial) {
    bool old = trial % 2;
    fs::remove_all(out);
    if (old)
      fs::copy(compiledModel(), out);
    Ended ended = runSinter({"compile", modelFile(), "-o", out}, 1 + random() % (whole + whole / 4), SIGKILL);
    if (old || ended.signal == 0)
      EXPECT_TRUE(fs::exists(out));
    if (fs::exists(out))
      EXPECT_TRUE(filesIn(out) == expected) << "trial " << trial;
  }
  fs::remove_all(folder);
}

TEST(Bundle, AnInterruptedCompileLeavesNothingBehind) {
  std::string folder = freshFolder("interrupted");
  for (int signal : {SIGINT, SIGTERM})
    for (int after : {30, 150, 400}) {
      Ended ended = runSinter({"compile", modelFile(), "-o", folder + "/minilm"}, after, signal);
      if (ended.signal == 0 && ended.status == 0)
        fs::remove_all(folder + "/minilm");
      else if (signal == SIGINT && after >= 150)
        EXPECT_EQ(ended.status, 130) << ended.errors;
      EXPECT_TRUE(fs::is_empty(folder)) << "after signal " << signal << " at " << after << " ms";
    }
}

TEST(Bundle, AFullDiskIsOneMessage) {
  std::string folder = freshFolder("full");
  pid_t child = fork();
  if (child == 0) {
    // Exit statuses: 0 as it should be, 1 not, 2 no file system of 1 MB can be made here.
    // Within a chroot "/" is no mount that could be made private: what is mounted is therefore unmounted, too.
    if (unshare(CLONE_NEWNS) != 0)
      _exit(2);
    (void)mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=1m") != 0)
      _exit(2);
    Ended ended = runSinter({"compile", modelFile(), "-o", folder + "/minilm"});
    bool good = ended.status == 6 && !ended.errors.empty() && fs::is_empty(folder);
    if (!good)
      fprintf(stderr, "status %d, signal %d, errors: %s\n", ended.status, ended.signal, ended.errors.c_str());
    umount(folder.c_str());
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
    GTEST_SKIP() << "a file system of 1 MB needs root";
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Bundle, WhatIsNoBundleIsNotReplaced) {
  std::string folder = freshFolder("kept");
  fs::create_directories(folder + "/mine");
  writeFile(folder + "/mine/notes.txt", "keep me");
  Ended ended = runSinter({"compile", modelFile(), "-o", folder + "/mine"});
  EXPECT_NE(ended.status, 0);
  EXPECT_THAT(ended.errors, testing::HasSubstr("mine"));
  EXPECT_EQ(readFile(folder + "/mine/notes.txt"), "keep me");
}

} // namespace
