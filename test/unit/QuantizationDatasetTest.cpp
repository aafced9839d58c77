//===- QuantizationDatasetTest.cpp - Tests of samples of inputs ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Dataset.h"
#include "lib/Support/Failure.h"
#include "lib/Support/Npy.h"
#include "test/unit/StoredNpz.h"

#include "llvm/Support/FileSystem.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>

#include <unistd.h>

using namespace sinter;
using sinter::test::writeNpz;

namespace {

std::string folder() {
  std::string name = testing::TempDir() + "sinter-dataset-test-" + std::to_string(getpid()) + "-" +
                     testing::UnitTest::GetInstance()->current_test_info()->name();
  llvm::sys::fs::remove_directories(name);
  EXPECT_FALSE(llvm::sys::fs::create_directories(name));
  return name;
}

template <typename T> HostTensor tensor(ElementType type, std::vector<int64_t> dims, std::vector<T> values) {
  HostTensor result(type, std::move(dims));
  std::copy(values.begin(), values.end(), result.as<T>().begin());
  return result;
}

const std::vector<DatasetInput> inputs = {
    {"ids", ElementType::I64, {std::nullopt, std::nullopt}, {"batch", "seq"}},
    {"x", ElementType::F32, {2}, {"2"}},
};
const std::string expected = "; expected are one array for each input: ids (i64 batch x seq), x (f32 2)";

NamedTensor ids(int64_t length) {
  return {"ids", tensor<int64_t>(ElementType::I64, {1, length}, std::vector<int64_t>(length, length))};
}
NamedTensor x(float a, float b) { return {"x", tensor<float>(ElementType::F32, {2}, {a, b})}; }

std::string reasonOf(const std::string &path, size_t sample = 0) {
  llvm::Expected<Dataset> data = Dataset::open(path, inputs);
  Failure failure(ExitStatus::Done, "");
  if (!data) {
    failure = takeFailure(data.takeError());
  } else {
    llvm::Expected<std::vector<HostTensor>> tensors = data->read(sample);
    if (tensors)
      return "it was read";
    failure = takeFailure(tensors.takeError());
  }
  EXPECT_EQ(failure.status, ExitStatus::Unusable);
  return failure.message;
}

// Tests a folder: one sample for each .npz, by their names, arrays in the order of the inputs.
TEST(Dataset, folder) {
  std::string path = folder();
  writeNpz(path + "/b.npz", {x(3, 4), ids(7)});
  writeNpz(path + "/a.npz", {ids(5), x(1, 2)});
  std::ofstream(path + "/README.md") << "not a sample";
  llvm::Expected<Dataset> data = Dataset::open(path, inputs);
  ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
  ASSERT_EQ(data->size(), 2u);
  EXPECT_EQ(data->name(1), "b.npz");
  llvm::Expected<std::vector<HostTensor>> tensors = data->read(1);
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  EXPECT_EQ((*tensors)[0].dims, (std::vector<int64_t>{1, 7}));
  EXPECT_EQ((*tensors)[1].as<float>(), (llvm::ArrayRef<float>{3, 4}));
}

// Tests one file with the samples along the first axis.
TEST(Dataset, oneFile) {
  std::string path = folder() + "/data.npz";
  writeNpz(path, {{"x", tensor<float>(ElementType::F32, {3, 2}, {1, 2, 3, 4, 5, 6})},
                  {"ids", tensor<int64_t>(ElementType::I64, {3, 1, 2}, {1, 2, 3, 4, 5, 6})}});
  llvm::Expected<Dataset> data = Dataset::open(path, inputs);
  ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
  ASSERT_EQ(data->size(), 3u);
  EXPECT_EQ(data->name(2), "sample 2 of data.npz");
  llvm::Expected<std::vector<HostTensor>> tensors = data->read(2);
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  EXPECT_EQ((*tensors)[0].dims, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ((*tensors)[0].as<int64_t>(), (llvm::ArrayRef<int64_t>{5, 6}));
  EXPECT_EQ((*tensors)[1].as<float>(), (llvm::ArrayRef<float>{5, 6}));
}

// Tests that data that do not fit are one message that says what is expected.
TEST(Dataset, refusals) {
  std::string path = folder(), file = path + "/a.npz";
  EXPECT_EQ(reasonOf(path), "'" + path +
                                "' is empty: it holds no .npz; expected is one for each sample, with ids (i64 "
                                "batch x seq), x (f32 2)");
  EXPECT_EQ(reasonOf("absent"), "there is no data 'absent'; it is a folder with one .npz for each sample, or one .npz");
  writeNpz(file, {ids(5)});
  EXPECT_EQ(reasonOf(path), "'" + file + "' has no array 'x'" + expected);
  writeNpz(file, {ids(5), x(1, 2), {"mask", x(1, 2).tensor}});
  EXPECT_EQ(reasonOf(path), "'" + file + "' has an array 'mask', which is no input of the model" + expected);
  writeNpz(file, {{"ids", tensor<int32_t>(ElementType::I32, {1, 2}, {1, 2})}, x(1, 2)});
  EXPECT_EQ(reasonOf(path), "'a.npz': input 'ids' is i32, expected ids (i64 batch x seq)");
  writeNpz(file, {{"ids", tensor<int64_t>(ElementType::I64, {2}, {1, 2})}, x(1, 2)});
  EXPECT_EQ(reasonOf(path), "'a.npz': input 'ids' has the shape 2, expected ids (i64 batch x seq)");
  writeNpz(file, {ids(0), x(1, 2)});
  EXPECT_EQ(reasonOf(path), "'a.npz': input 'ids' has the shape 1x0, expected ids (i64 batch x seq)");
  writeNpz(file, {ids(5), {"x", tensor<float>(ElementType::F32, {3}, {1, 2, 3})}});
  EXPECT_EQ(reasonOf(path), "'a.npz': input 'x' has the shape 3, expected x (f32 2)");
  writeNpz(file, {ids(5), x(1, NAN)});
  EXPECT_EQ(reasonOf(path), "'a.npz': input 'x' has NaN among its values, expected x (f32 2)");
  std::ofstream(file) << "PK";
  EXPECT_NE(reasonOf(path).find("is not a .npz file"), std::string::npos);

  // One file.
  writeNpz(file, {ids(5), x(1, 2)});
  EXPECT_EQ(reasonOf(file), "'" + file +
                                "': array 'ids' has the shape 1x5; expected are the samples along the first "
                                "axis, and behind it ids (i64 batch x seq)");
  writeNpz(file, {{"ids", HostTensor(ElementType::I64, {0, 1, 2})}, {"x", HostTensor(ElementType::F32, {0, 2})}});
  EXPECT_EQ(reasonOf(file), "'" + file +
                                "': array 'ids' is empty: it has the shape 0x1x2; expected are the samples "
                                "along the first axis, and behind it ids (i64 batch x seq)");
  writeNpz(file, {{"ids", HostTensor(ElementType::I64, {3, 1, 2})}, {"x", HostTensor(ElementType::F32, {4, 2})}});
  EXPECT_EQ(reasonOf(file), "'" + file + "': array 'x' has 4 samples, and 'ids' has 3");
}

} // namespace
