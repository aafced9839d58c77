//===- QuantizationCalibrationTest.cpp - Tests of calibration.json and calibration.npz -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Calibration.h"
#include "lib/Quantization/Collector.h"
#include "lib/Support/Failure.h"
#include "lib/Support/Npy.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

#include <unistd.h>

using namespace sinter;

namespace {

std::string contents(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

/// A folder of its own for each test.
std::string folder() {
  std::string name = testing::TempDir() + "sinter-calibration-test-" + std::to_string(getpid()) + "-" +
                     testing::UnitTest::GetInstance()->current_test_info()->name();
  EXPECT_FALSE(llvm::sys::fs::create_directories(name));
  return name + "/";
}

Calibration example() {
  Collector collector({{{"/q/MatMul", "/k/MatMul"}, 3}, {{"/out/MatMul"}, 2}}, true);
  EXPECT_FALSE(bool(collector.add(0, {1, 2.5f, -3, 0, 1e-3f, 7}, "a")));
  EXPECT_FALSE(bool(collector.add(1, {0.1f, 0.2f}, "a")));
  Calibration calibration = std::move(*collector.finish(1));
  calibration.modelSha256 = std::string(64, 'a');
  return calibration;
}

void expectEqual(const StaticRange &a, const StaticRange &b) {
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_EQ(a.error, b.error);
}

// Tests that what was written is read with every bit, and that the places are those of the elements.
TEST(Calibration, roundTrip) {
  std::string path = folder() + "calibration.json";
  Calibration written = example();
  ASSERT_FALSE(bool(writeCalibration(written, path)));
  llvm::Expected<Calibration> read = readCalibration(path);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->modelSha256, written.modelSha256);
  EXPECT_EQ(read->numSamples, 1);
  EXPECT_EQ(read->arraysPath, written.arraysPath);
  ASSERT_EQ(read->tensors.size(), 2u);
  std::string archive = contents(read->arraysPath);
  for (size_t i = 0; i < 2; ++i) {
    const ObservedTensor &a = read->tensors[i], &b = written.tensors[i];
    EXPECT_EQ(a.readers, b.readers);
    EXPECT_EQ(a.numRows, b.numRows);
    EXPECT_EQ(a.numChannels, b.numChannels);
    EXPECT_EQ(a.meanSquare, b.meanSquare);
    EXPECT_EQ(a.dynamicError, b.dynamicError);
    expectEqual(a.minMax, b.minMax);
    expectEqual(a.percentile, b.percentile);
    expectEqual(a.leastSquares, b.leastSquares);
    for (auto array : {&ObservedTensor::channelMaximum, &ObservedTensor::channelMeanSquare,
                       &ObservedTensor::sampledRows, &ObservedTensor::secondMoments}) {
      EXPECT_EQ((a.*array).values, (b.*array).values);
      EXPECT_EQ((a.*array).offset, (b.*array).offset);
      EXPECT_EQ((a.*array).offset % 64, 0u);
      EXPECT_EQ(archive.substr((a.*array).offset, (a.*array).length()),
                std::string(reinterpret_cast<const char *>((b.*array).values.data()), (b.*array).length()));
    }
  }
  EXPECT_EQ(read->find("/k/MatMul"), &read->tensors[0]);

  // Again: the same bytes.
  std::string json = contents(path);
  Calibration again = example();
  ASSERT_FALSE(bool(writeCalibration(again, path)));
  EXPECT_EQ(contents(path), json);
  EXPECT_EQ(contents(again.arraysPath), archive);
}

// Tests that the archive is one that NumPy's readers take: names, shapes, checksums.
TEST(Calibration, archive) {
  std::string path = folder() + "given.json";
  Calibration written = example();
  ASSERT_FALSE(bool(writeCalibration(written, path)));
  EXPECT_TRUE(llvm::StringRef(written.arraysPath).ends_with("given.npz"));
  llvm::Expected<std::vector<NamedTensor>> arrays = readNpz(written.arraysPath);
  ASSERT_TRUE(bool(arrays)) << llvm::toString(arrays.takeError());
  ASSERT_EQ(arrays->size(), 8u);
  EXPECT_EQ((*arrays)[0].name, "0/channel_maximum");
  EXPECT_EQ((*arrays)[0].tensor.dims, (std::vector<int64_t>{3}));
  EXPECT_EQ((*arrays)[7].name, "1/second_moments");
  EXPECT_EQ((*arrays)[7].tensor.dims, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ((*arrays)[7].tensor.as<float>(), written.tensors[1].secondMoments.values);
}

// Tests that each damage is one message that names the file, with the status of an input that cannot be used.
TEST(Calibration, damage) {
  std::string path = folder() + "calibration.json";
  Calibration written = example();
  ASSERT_FALSE(bool(writeCalibration(written, path)));
  std::string json = contents(path), archive = contents(written.arraysPath);
  auto reasonOf = [&]() {
    llvm::Expected<Calibration> read = readCalibration(path);
    if (read)
      return std::string("it was read");
    Failure failure = takeFailure(read.takeError());
    EXPECT_EQ(failure.status, ExitStatus::Unusable);
    return failure.message;
  };
  auto withText = [&](const std::string &from, const std::string &to) {
    std::string changed = json;
    size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    changed.replace(at, from.size(), to);
    std::ofstream(path) << changed;
    return reasonOf();
  };
  struct {
    std::string from, to, reason;
  } cases[] = {
      {"{", "", "is damaged: "},
      {"sinter-calibration", "other", "is no calibration of Sinter's"},
      {"\"version\": 1", "\"version\": 2", "has version 2, and this Sinter reads version 1"},
      {"\"version\": 1", "\"version\": \"1\"", "version is missing or wrong, required a number"},
      {std::string(64, 'a'), "../x", "model_sha256 is missing or wrong"},
      {"\"samples\": 1", "\"samples\": 0", "samples is missing or wrong, required a positive number"},
      {"\"file\": \"", "\"file\": \"../", "arrays.file is missing or wrong"},
      {"calibration.npz", "absent.npz", "absent.npz"},
      {"\"/k/MatMul\"", "\"/q/MatMul\"", "node '/q/MatMul' is in it twice"},
      {"\"/k/MatMul\"", "7", "tensors[0].readers is missing or wrong, required names of nodes"},
      {"\"rows\": 2", "\"rows\": -2", "tensors[0].rows is missing or wrong"},
      {"\"channels\": 3", "\"channels\": 3.5", "tensors[0].channels is missing or wrong"},
      {"\"channels\": 3", "\"channels\": 4", "tensors[0].channel_maximum is missing or wrong"},
      {"\"low\": -3", "\"low\": 1e39", "tensors[0].min_max is missing or wrong"},
      {"\"low\": -3", "\"low\": 100", "tensors[0].min_max is missing or wrong"},
      {"\"length\": 12", "\"length\": 16", "tensors[0].channel_maximum is missing or wrong"},
      {"\"length\": 36", "\"length\": 9223372036854775807", "tensors[0].second_moments is missing or wrong"},
      {"\"offset\": ", "\"offset\": -", "tensors[0].channel_maximum is missing or wrong"},
      {"\"offset\": ", "\"offset\": 6400000000", "which has " + std::to_string(archive.size())},
      {"\"tensors\": [", "\"tensors\": [], \"x\": [", "tensors is missing or wrong"},
      {"\"tensors\": [", "\"tensors\": [1,", "tensors[0] is missing or wrong, required an object"},
      {"\"samples\"", "\"x\": " + std::string(100000, '[') + ", \"samples\"", "is nested deeper than 16 levels"},
  };
  for (const auto &entry : cases) {
    std::string reason = withText(entry.from, entry.to);
    EXPECT_NE(reason.find(entry.reason), std::string::npos) << entry.from << " -> " << entry.to << ": " << reason;
    EXPECT_NE(reason.find("-damage/"), std::string::npos) << reason;
  }
  for (size_t length = 0; length < json.size(); length += 97) {
    std::ofstream(path) << json.substr(0, length);
    EXPECT_NE(reasonOf().find("calibration.json"), std::string::npos);
  }
  std::ofstream(path) << json;
  for (size_t at : {size_t(0), archive.size() / 2, archive.size() - 1}) {
    std::string changed = archive;
    changed[at] ^= 1;
    std::ofstream(written.arraysPath) << changed;
    EXPECT_NE(reasonOf().find("is not the archive that"), std::string::npos);
  }
  std::ofstream(written.arraysPath) << "";
  EXPECT_NE(reasonOf().find("calibration.npz"), std::string::npos);
}

// Tests values that no calibration gives, in an archive without its hash.
TEST(Calibration, valuesOfArrays) {
  std::string path = folder() + "calibration.json";
  Calibration written = example();
  ASSERT_FALSE(bool(writeCalibration(written, path)));
  std::string json = contents(path), archive = contents(written.arraysPath);
  auto parse = [&](const std::string &bytes) {
    llvm::Expected<Calibration> read = parseCalibration(json, {bytes.data(), bytes.size()}, "c.json", "c.npz");
    return read ? "it was read" : takeFailure(read.takeError()).message;
  };
  EXPECT_EQ(parse(archive), "it was read");
  for (float value : {-1.0f, NAN, INFINITY}) {
    std::string changed = archive;
    std::memcpy(&changed[written.tensors[1].channelMaximum.offset + 4], &value, 4);
    EXPECT_EQ(parse(changed), "'c.npz' is damaged: channel_maximum of '/out/MatMul' has a number that is negative, "
                              "infinite or none");
  }
}

// Tests that a place that cannot be written is an I/O failure.
TEST(Calibration, unwritable) {
  Calibration calibration = example();
  Failure failure = takeFailure(writeCalibration(calibration, "no/such/folder/calibration.json"));
  EXPECT_EQ(failure.status, ExitStatus::Io);
}

} // namespace
