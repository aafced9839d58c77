//===- StreamZooTest.cpp - Models of several exporters on the streaming chip ===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sample of the model zoo, in f16: what the simulator gives out has the
// interpreter's bits, the schedule's verifier accepts each schedule, and the outputs
// are in the direction of those that come with the models, which another
// implementation computed in f32.
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"

#include "lib/Support/Npy.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace sinter;
using namespace sinter::e2e;

namespace {

struct ZooModel {
  std::string name;
  std::vector<std::string> inputs;              ///< in the order of the data set's files
  std::vector<std::string> dims;                ///< the sizes of the data set
  std::vector<std::vector<std::string>> others; ///< other sizes
};

std::ostream &operator<<(std::ostream &out, const ZooModel &model) { return out << model.name; }

/// The elements of a TensorProto of floats: its field 9, raw data.
std::vector<float> readTensor(const std::string &path) {
  std::string bytes = readFile(path);
  size_t at = 0;
  auto readNumber = [&] {
    uint64_t number = 0;
    for (unsigned shift = 0; at < bytes.size(); shift += 7) {
      uint8_t byte = bytes[at++];
      number |= uint64_t(byte & 127) << shift;
      if (byte < 128)
        break;
    }
    return number;
  };
  while (at < bytes.size()) {
    uint64_t key = readNumber(), value = readNumber();
    if (key % 8 != 2)
      continue;
    if (key / 8 == 9) {
      std::vector<float> elements(value / sizeof(float));
      std::memcpy(elements.data(), bytes.data() + at, elements.size() * sizeof(float));
      return elements;
    }
    at += value;
  }
  return {};
}

class StreamZoo : public ::testing::TestWithParam<ZooModel> {
protected:
  std::string folder() const { return SINTER_SOURCE_ROOT "/test/data/zoo-sample/" + GetParam().name; }
  std::string model() const { return folder() + "/model.onnx"; }

  /// Compiles for these sizes, and compares with the interpreter bit for bit.
  void compile(const std::vector<std::string> &dims, const std::string &out) const {
    std::vector<std::string> arguments = {"compile", model(), "--target=stream", "-q", "-o", out};
    for (const std::string &dim : dims)
      arguments.push_back("--dim=" + dim);
    Ended compiled = runSinter(arguments);
    ASSERT_EQ(compiled.status, 0) << compiled.errors;
    Ended compared = runSinter({"verify", out, "--model=" + model(), "--format=json"});
    EXPECT_EQ(compared.status, 0) << compared.output << compared.errors;
    EXPECT_NE(compared.output.find("\"atol\":0,"), std::string::npos) << compared.output;
    EXPECT_NE(compared.output.find("\"rtol\":0,"), std::string::npos) << compared.output;
    Ended accepted = runSinter({"verify", out, "--schedule"});
    EXPECT_EQ(accepted.status, 0) << accepted.output << accepted.errors;
  }
};

TEST_P(StreamZoo, HasTheInterpretersBitsAndTheExpectedOutputs) {
  std::string out = freshFolder("stream-zoo-" + GetParam().name);
  ASSERT_NO_FATAL_FAILURE(compile(GetParam().dims, out + "/bundle"));
  std::vector<std::string> arguments = {"run", out + "/bundle", "-q", "--output", "out=@" + out + "/out.npy"};
  for (size_t i = 0; i < GetParam().inputs.size(); ++i) {
    arguments.push_back("--input");
    arguments.push_back(GetParam().inputs[i] + "=@" + folder() + "/test_data_set_0/input_" + std::to_string(i) + ".pb");
  }
  Ended ran = runSinter(arguments);
  ASSERT_EQ(ran.status, 0) << ran.errors;
  llvm::Expected<HostTensor> read = readNpy(out + "/out.npy");
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  llvm::ArrayRef<float> got = read->as<float>();
  std::vector<float> expected = readTensor(folder() + "/test_data_set_0/output_0.pb");
  ASSERT_EQ(got.size(), expected.size());
  ASSERT_FALSE(expected.empty());
  double product = 0, a = 0, b = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    product += double(got[i]) * expected[i];
    a += double(got[i]) * got[i];
    b += double(expected[i]) * expected[i];
  }
  EXPECT_GT(product / std::sqrt(a * b), 0.999);
}

TEST_P(StreamZoo, HasTheInterpretersBitsAtOtherSizes) {
  for (const std::vector<std::string> &dims : GetParam().others)
    compile(dims, freshFolder("stream-zoo-sizes-" + GetParam().name) + "/bundle");
}

INSTANTIATE_TEST_SUITE_P(
    Sample, StreamZoo,
    ::testing::Values(
        ZooModel{"bert_torchscript", {"input_ids", "attention_mask"}, {"d0=2", "d1=7"}, {{"d0=1", "d1=21"}}},
        ZooModel{"gpt2_dynamo",
                 {"input_ids", "attention_mask"},
                 {"s10=2", "s21=7", "s86=2", "s12=7"},
                 {{"s10=3", "s21=5", "s86=3", "s12=5"}}},
        ZooModel{"llama_dynamo",
                 {"input_ids", "attention_mask"},
                 {"s10=2", "s21=7", "s86=2", "s12=7"},
                 {{"s10=1", "s21=19", "s86=1", "s12=19"}, {"s10=1", "s21=1", "s86=1", "s12=1"}}},
        ZooModel{"vit_dynamo", {"pixel_values"}, {"s10=2"}, {{"s10=1"}}},
        ZooModel{"t5_torchscript",
                 {"input_ids", "attention_mask", "decoder_input_ids"},
                 {"batch=2", "input_ids_length=7", "decoder_input_ids_length=5"},
                 {{"batch=1", "input_ids_length=12", "decoder_input_ids_length=18"}}},
        ZooModel{"mamba_dynamo", {"input_ids"}, {"s10=2"}, {{"s10=3"}}}),
    [](const ::testing::TestParamInfo<ZooModel> &info) { return info.param.name; });

} // namespace
