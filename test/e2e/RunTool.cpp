//===- RunTool.cpp - Runs the tool as its users do ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace sinter::e2e {

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), std::streamsize(bytes.size()));
}

bool isLong() {
#if __has_feature(address_sanitizer)
  return false; // a compile takes many times as long
#endif
  const char *text = std::getenv("SINTER_TEST_LONG");
  return text && *text && std::string(text) != "0";
}

std::string modelFolder() { return std::string(SINTER_SOURCE_ROOT) + "/.cache/models/all-MiniLM-L6-v2"; }
std::string modelFile() { return modelFolder() + "/all-MiniLM-L6-v2.onnx"; }

/// In the build folder, so that a test that is run by hand leaves nothing in the sources.
static fs::path outputFolder() {
  fs::path path = fs::path(SINTER_BIN_DIR).parent_path() / "test-output";
  fs::create_directories(path);
  return path;
}

std::string freshFolder(const std::string &name) {
  fs::path path = outputFolder() / name;
  fs::remove_all(path);
  fs::create_directories(path);
  return path.string();
}

Ended runSinter(const std::vector<std::string> &arguments, int killAfterMs, int killWith) {
  // Output goes to files, so that nothing waits for a reader. The name is the process's own: programs run side by side.
  std::string prefix = (outputFolder() / ("run-" + std::to_string(getpid()))).string();
  std::string outputFile = prefix + ".out", errorFile = prefix + ".err";
  std::string tool = std::string(SINTER_BIN_DIR) + "/sinter";
  std::vector<char *> words{const_cast<char *>(tool.c_str())};
  for (const std::string &argument : arguments)
    words.push_back(const_cast<char *>(argument.c_str()));
  words.push_back(nullptr);
  pid_t child = fork();
  if (child == 0) {
    int output = open(outputFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int errors = open(errorFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int input = open("/dev/null", O_RDONLY);
    dup2(input, 0);
    dup2(output, 1);
    dup2(errors, 2);
    execv(tool.c_str(), words.data());
    _exit(127);
  }
  int status = 0;
  if (killAfterMs >= 0) {
    usleep(useconds_t(killAfterMs) * 1000);
    // A process that has ended is still ours to wait for, so its number is not another's.
    kill(child, killWith);
  }
  waitpid(child, &status, 0);
  Ended ended;
  if (WIFEXITED(status))
    ended.status = WEXITSTATUS(status);
  else
    ended.signal = WTERMSIG(status);
  ended.output = readFile(outputFile);
  ended.errors = readFile(errorFile);
  fs::remove(outputFile);
  fs::remove(errorFile);
  return ended;
}

const std::string &compiledModel() {
  // Removed when the program ends; a child that a test forks ends without it.
  struct Bundle {
    std::string folder = freshFolder("minilm-" + std::to_string(getpid())), path = folder + "/minilm";
    Bundle() {
      Ended ended = runSinter({"compile", modelFile(), "-o", path});
      EXPECT_EQ(ended.status, 0) << ended.errors;
    }
    ~Bundle() {
      std::error_code ignored;
      fs::remove_all(folder, ignored);
    }
  };
  static const Bundle bundle;
  return bundle.path;
}

std::vector<std::pair<std::string, std::string>> filesIn(const std::string &folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const fs::directory_entry &entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files.emplace_back(fs::relative(entry.path(), folder).string(), readFile(entry.path().string()));
  std::sort(files.begin(), files.end());
  return files;
}

} // namespace sinter::e2e
