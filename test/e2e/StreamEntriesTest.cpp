//===- StreamEntriesTest.cpp - Several lengths in one streaming bundle -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The models of the zoo's sample, compiled for two lengths at once. For lengths between
// them and at them, with and without masked tokens, outputs are held against what
// target cpu, which needs no padding, computes in f32; at the lengths that were asked
// for they are what a bundle for that length alone gives out. `verify` pads with other
// elements than runs do, and demands the same bits.
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"

#include "lib/Support/Npy.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace sinter;
using namespace sinter::e2e;

namespace {

struct SizedModel {
  std::string name;
  std::vector<std::string> fixed;   ///< --dim of other dimensions
  std::vector<std::string> lengths; ///< the dimensions that are the length
  std::vector<std::string> ids, masks;
  unsigned tokens; ///< in the vocabulary
};

std::ostream &operator<<(std::ostream &out, const SizedModel &model) { return out << model.name; }

class StreamEntries : public ::testing::TestWithParam<SizedModel> {
protected:
  std::string model() const { return SINTER_SOURCE_ROOT "/test/data/zoo-sample/" + GetParam().name + "/model.onnx"; }

  void compile(const std::string &target, const std::string &sizes, const std::string &out) const {
    std::vector<std::string> arguments = {"compile", model(), "--target=" + target, "-q", "-o", out};
    for (const std::string &dim : GetParam().fixed)
      arguments.push_back("--dim=" + dim);
    if (!sizes.empty())
      arguments.push_back("--dim=" + GetParam().lengths[0] + "=" + sizes);
    // The others are the same length.
    for (size_t i = 1; i < GetParam().lengths.size(); ++i)
      arguments.push_back("--dim=" + GetParam().lengths[i] + "=" + GetParam().lengths[0]);
    Ended compiled = runSinter(arguments);
    ASSERT_EQ(compiled.status, 0) << compiled.errors;
  }

  /// Runs with `length` tokens, of which every third is masked where `isMasked`.
  std::vector<float> run(const std::string &bundle, unsigned length, bool isMasked) const {
    std::string tokens, mask, shape = "1x" + std::to_string(length) + "xi64=";
    for (unsigned i = 0; i < length; ++i) {
      tokens += (i ? "," : "") + std::to_string((i * i * 7 + 3 * i + 11) % GetParam().tokens);
      mask += std::string(i ? "," : "") + (isMasked && i % 3 == 1 ? "0" : "1");
    }
    std::string file = bundle + "-out.npy";
    std::vector<std::string> arguments = {"run", bundle, "-q", "--output", "out=@" + file};
    for (const std::string &name : GetParam().ids)
      arguments.insert(arguments.end(), {"--input", name + "=" + shape + tokens});
    for (const std::string &name : GetParam().masks)
      arguments.insert(arguments.end(), {"--input", name + "=" + shape + mask});
    Ended ran = runSinter(arguments);
    EXPECT_EQ(ran.status, 0) << ran.errors;
    llvm::Expected<HostTensor> read = readNpy(file);
    if (!read) {
      ADD_FAILURE() << llvm::toString(read.takeError());
      return {};
    }
    EXPECT_EQ(read->dims[1], int64_t(length));
    llvm::ArrayRef<float> elements = read->as<float>();
    return {elements.begin(), elements.end()};
  }
};

double cosineOf(llvm::ArrayRef<float> a, llvm::ArrayRef<float> b) {
  double product = 0, squares = 0, others = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += double(a[i]) * b[i];
    squares += double(a[i]) * a[i];
    others += double(b[i]) * b[i];
  }
  return product / std::sqrt(squares * others);
}

TEST_P(StreamEntries, ComputeWhatOneSizeDoes) {
  std::string out = freshFolder("stream-entries-" + GetParam().name);
  ASSERT_NO_FATAL_FAILURE(compile("stream", "16|64", out + "/both"));
  ASSERT_NO_FATAL_FAILURE(compile("stream", "16", out + "/small"));
  ASSERT_NO_FATAL_FAILURE(compile("stream", "64", out + "/large"));
  ASSERT_NO_FATAL_FAILURE(compile("cpu", "", out + "/cpu"));
  for (bool isMasked : {false, true}) {
    if (isMasked && GetParam().masks.empty())
      break;
    for (unsigned length : {1, 5, 16, 17, 64}) {
      std::vector<float> got = run(out + "/both", length, isMasked), expected = run(out + "/cpu", length, isMasked);
      ASSERT_EQ(got.size(), expected.size());
      // Each position by itself: a mistake at one of them would not be seen in all.
      size_t width = expected.size() / length;
      for (unsigned i = 0; i < length; ++i)
        EXPECT_GT(
            cosineOf(llvm::ArrayRef(got).slice(i * width, width), llvm::ArrayRef(expected).slice(i * width, width)),
            0.999)
            << "position " << i << " of " << length << (isMasked ? ", masked" : "");
      if (length == 16 || length == 64) {
        EXPECT_EQ(got, run(out + (length == 16 ? "/small" : "/large"), length, isMasked)) << length;
      }
    }
  }
  Ended compared = runSinter({"verify", out + "/both", "--model=" + model(), "--format=json"});
  EXPECT_EQ(compared.status, 0) << compared.output << compared.errors;
  EXPECT_NE(compared.output.find("\"atol\":0,"), std::string::npos) << compared.output;
  Ended accepted = runSinter({"verify", out + "/both", "--schedule"});
  EXPECT_EQ(accepted.status, 0) << accepted.output << accepted.errors;
}

INSTANTIATE_TEST_SUITE_P(
    Sample, StreamEntries,
    ::testing::Values(
        SizedModel{"bert_torchscript", {"d0=1"}, {"d1"}, {"input_ids"}, {"attention_mask"}, 256},
        SizedModel{"gpt2_dynamo", {"s10=1", "s86=1"}, {"s21", "s12"}, {"input_ids"}, {"attention_mask"}, 256},
        SizedModel{"llama_dynamo", {"s10=1", "s86=1"}, {"s21", "s12"}, {"input_ids"}, {"attention_mask"}, 256}),
    [](const ::testing::TestParamInfo<SizedModel> &info) { return info.param.name; });

} // namespace
