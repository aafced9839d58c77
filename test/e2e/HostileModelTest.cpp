//===- HostileModelTest.cpp - Models that are damaged or mean harm --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <filesystem>
#include <random>

namespace fs = std::filesystem;
using namespace sinter::e2e;

namespace {

/// The model in a folder of its own, with the weights beside it.
std::string modelIn(const std::string &folder, const std::string &bytes, bool weights = true) {
  writeFile(folder + "/model.onnx", bytes);
  if (weights && !fs::exists(folder + "/model.safetensors"))
    fs::create_hard_link(modelFolder() + "/model.safetensors", folder + "/model.safetensors");
  return folder + "/model.onnx";
}

/// The exit statuses for models: unusable, unsupported, does not fit. Never a crash, never an internal error.
void expectRefusal(const Ended &ended, const std::string &what) {
  EXPECT_EQ(ended.signal, 0) << what << ": " << ended.errors;
  EXPECT_THAT(ended.status, testing::AnyOf(3, 4, 5)) << what << ": " << ended.errors;
  EXPECT_FALSE(ended.errors.empty()) << what;
  EXPECT_THAT(ended.errors, testing::Not(testing::HasSubstr("Stack dump"))) << what;
  EXPECT_LE(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 40) << what << ": " << ended.errors;
}

Ended compile(const std::string &folder) {
  Ended ended = runSinter({"compile", folder + "/model.onnx", "-o", folder + "/out"});
  if (ended.status != 0)
    EXPECT_FALSE(fs::exists(folder + "/out"));
  fs::remove_all(folder + "/out");
  return ended;
}

TEST(HostileModel, EmptyRandomAndMissing) {
  std::string folder = freshFolder("hostile-plain");
  std::mt19937 random(1);
  std::string noise(4096, ' ');
  for (char &byte : noise)
    byte = char(random());
  for (const std::string &bytes : {std::string(), std::string("\0", 1), noise, std::string(100000, '\xff')}) {
    modelIn(folder, bytes);
    expectRefusal(compile(folder), std::to_string(bytes.size()) + " bytes that are no model");
  }
  fs::remove(folder + "/model.onnx");
  Ended missing = compile(folder);
  EXPECT_EQ(missing.signal, 0);
  EXPECT_THAT(missing.status, testing::AnyOf(3, 6));
  EXPECT_THAT(missing.errors, testing::HasSubstr("model.onnx"));
}

TEST(HostileModel, TruncatedAnywhere) {
  std::string folder = freshFolder("hostile-short"), bytes = readFile(modelFile());
  std::mt19937 random(2);
  for (int trial = 0; trial < (isLong() ? 300 : 12); ++trial) {
    size_t length = random() % bytes.size();
    modelIn(folder, bytes.substr(0, length));
    expectRefusal(compile(folder), "the first " + std::to_string(length) + " bytes");
  }
}

TEST(HostileModel, FlippedBytesNeverCrash) {
  std::string folder = freshFolder("hostile-flipped"), bytes = readFile(modelFile());
  std::mt19937 random(3);
  for (int trial = 0; trial < (isLong() ? 500 : 12); ++trial) {
    std::string damaged = bytes;
    size_t position = random() % bytes.size();
    damaged[position] ^= char(1 << random() % 8);
    modelIn(folder, damaged);
    // A flipped bit may leave a model: in a name, in an epsilon.
    if (Ended ended = compile(folder); ended.status != 0)
      expectRefusal(ended, "byte " + std::to_string(position));
  }
}

TEST(HostileModel, DataFilesThatAreMissingShortOrElsewhere) {
  std::string folder = freshFolder("hostile-data"), bytes = readFile(modelFile());
  modelIn(folder, bytes, /*weights=*/false);
  Ended missing = compile(folder);
  expectRefusal(missing, "no data file");
  EXPECT_EQ(missing.status, 3);
  EXPECT_THAT(missing.errors, testing::HasSubstr("model.safetensors"));

  writeFile(folder + "/model.safetensors", "short");
  Ended brief = compile(folder);
  expectRefusal(brief, "a data file of 5 bytes");
  EXPECT_EQ(brief.status, 3);
  EXPECT_THAT(brief.errors, testing::HasSubstr("model.safetensors"));
  fs::remove(folder + "/model.safetensors");

  fs::create_directories(folder + "/inner");
  fs::create_symlink(modelFolder() + "/model.safetensors", folder + "/model.safetensors");
  Ended link = compile(folder);
  expectRefusal(link, "a link that leaves the folder");
  EXPECT_EQ(link.status, 3);
  fs::remove(folder + "/model.safetensors");

  // Names of the same length as model.safetensors, so that nothing else of the file changes.
  for (const std::string &name : {std::string("/etc/hostname....."), std::string("../../../etc/pass")}) {
    std::string location = name.substr(0, 17), moved = bytes;
    for (size_t at = 0; (at = moved.find("model.safetensors", at)) != std::string::npos; at += location.size())
      moved.replace(at, location.size(), location);
    modelIn(folder, moved, /*weights=*/false);
    Ended ended = compile(folder);
    expectRefusal(ended, "data at " + location);
    EXPECT_EQ(ended.status, 3);
    EXPECT_THAT(ended.errors, testing::HasSubstr(location));
  }
}

} // namespace
