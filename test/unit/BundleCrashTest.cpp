//===- BundleCrashTest.cpp - Tests that a bundle survives its writer ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A child process writes; it is killed, interrupted or runs out of room.
//
//===----------------------------------------------------------------------===//

#include "test/unit/RuntimeTestProgram.h"

#include "lib/Support/AtomicOutput.h"
#include "lib/Support/Failure.h"

#include <chrono>
#include <csignal>
#include <functional>
#include <random>
#include <sys/resource.h>
#include <sys/wait.h>

using namespace sinter;
using namespace sinter::test;
namespace fs = std::filesystem;

namespace {

/// The tiny program with more weights, whose name and bytes tell which one it is.
BundleDescription namedBundle(const std::string &name, char byte) {
  BundleDescription bundle = testProgram();
  bundle.name = name;
  for (int i = 0; i < 24; ++i)
    bundle.addSection("w" + std::to_string(i), 64 << 10, [byte](llvm::MutableArrayRef<char> destination) {
      std::fill(destination.begin(), destination.end(), byte);
      return llvm::Error::success();
    });
  return bundle;
}

/// Runs `body` in a child, which ends with what it returns.
pid_t startChild(const std::function<int()> &body) {
  pid_t child = fork();
  if (child == 0)
    _exit(body());
  return child;
}

int statusOf(llvm::Error error) { return error ? static_cast<int>(takeFailure(std::move(error)).status) : 0; }

size_t entries(const fs::path &folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

std::string nameOf(const fs::path &path) {
  OpenProgram opened(path);
  if (opened.status)
    return opened.error.message;
  sinter_error error = {};
  if (sinter_program_check_integrity(opened.program, &error))
    return error.message;
  sinter_program_info info;
  sinter_program_get_info(opened.program, &info);
  return info.name;
}

// Tests that after a kill at any moment there is the old bundle or the new one, whole, and that the next writer cleans
// up.
TEST(BundleCrashTest, KilledWriterLeavesOldOrNew) {
  TestFolder folder;
  fs::path out = folder / "out";
  BundleDescription first = namedBundle("first", 'a'), second = namedBundle("second", 'b');
  writeTestBundle(out, first);
  std::mt19937 random(3);
  auto begin = std::chrono::steady_clock::now();
  writeTestBundle(out, second);
  int64_t whole =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count();

  std::string expected = "second";
  int changed = 0, leftovers = 0;
  for (int round = 0; round < 50; ++round) {
    const BundleDescription &next = expected == "first" ? second : first;
    pid_t child = startChild([&] { return statusOf(writeBundle(next, out.string())); });
    usleep(random() % (whole * 3 / 2));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    std::string now = nameOf(out);
    ASSERT_TRUE(now == expected || now == next.name) << "round " << round << ": " << now;
    changed += now != expected;
    leftovers += entries(folder.root) > 1;
    expected = now;
  }
  // Some were killed in the middle and some came to an end, or this test tests nothing.
  EXPECT_GT(leftovers, 0);
  EXPECT_GT(changed, 0);
  writeTestBundle(out, first);
  EXPECT_EQ(nameOf(out), "first");
  EXPECT_EQ(entries(folder.root), 1u);
}

// Tests that an interrupted writer ends with 130 and leaves nothing.
TEST(BundleCrashTest, InterruptLeavesNothing) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    TestFolder folder;
    std::string out = (folder / "out").string();
    BundleDescription bundle = namedBundle("first", 'a');
    bundle.addSection("slow", 64, [](llvm::MutableArrayRef<char>) {
      sleep(60);
      return llvm::Error::success();
    });
    pid_t child = startChild([&] {
      removeOnInterrupt();
      return statusOf(writeBundle(bundle, out));
    });
    auto isWriting = [&] {
      for (const fs::directory_entry &entry : fs::directory_iterator(folder.root))
        if (fs::exists(entry.path() / "weights.bin") && fs::file_size(entry.path() / "weights.bin") > 1000000)
          return true;
      return false;
    };
    for (int i = 0; i < 2000 && !isWriting(); ++i)
      usleep(1000);
    EXPECT_TRUE(isWriting());
    kill(child, signal);
    int status;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 130) << status;
    EXPECT_EQ(entries(folder.root), 0u);
  }
}

// Tests that a file that cannot grow is status 6 and leaves the old bundle and nothing else. (A limit of the process
// stands in for a full disk, which a test cannot make; the errors take the same way.)
TEST(BundleCrashTest, NoRoom) {
  TestFolder folder;
  std::string out = (folder / "out").string();
  writeTestBundle(out, testProgram());
  for (rlim_t limit : {rlim_t(0), rlim_t(1000), rlim_t(4096), rlim_t(1 << 20)}) {
    pid_t child = startChild([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      rlimit room = {limit, limit};
      setrlimit(RLIMIT_FSIZE, &room);
      return statusOf(writeBundle(namedBundle("second", 'b'), out));
    });
    int status;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 6) << status;
    EXPECT_EQ(nameOf(out), "tiny");
    EXPECT_EQ(entries(folder.root), 1u);
  }
}

// Tests that single files are written whole, too.
TEST(BundleCrashTest, Files) {
  TestFolder folder;
  fs::path out = folder / "model.o";
  writeFile(out, "old");
  {
    llvm::Expected<AtomicOutput> output = AtomicOutput::file(out.string());
    ASSERT_TRUE(static_cast<bool>(output));
    expectSuccess(output->write("", "unfinished"));
    EXPECT_EQ(readFile(out), "old");
  }
  EXPECT_EQ(entries(folder.root), 1u);
  llvm::Expected<AtomicOutput> output = AtomicOutput::file(out.string());
  ASSERT_TRUE(static_cast<bool>(output));
  expectSuccess(output->write("", "new"));
  expectSuccess(output->commit());
  EXPECT_EQ(readFile(out), "new");
  EXPECT_EQ(entries(folder.root), 1u);
}

} // namespace
