//===- QuantizeTest.cpp - Calibration, and what compression cost, by the tool -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Npy.h"
#include "test/e2e/RunTool.h"
#include "test/e2e/Sentences.h"
#include "test/unit/StoredNpz.h"

#include "llvm/Support/JSON.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <filesystem>

using namespace sinter;
using namespace sinter::e2e;
using sinter::test::writeNpz;
using testing::HasSubstr;

namespace {

llvm::json::Object jsonOf(const std::string &text) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  EXPECT_TRUE(bool(value)) << text;
  llvm::json::Object *object = value ? value->getAsObject() : nullptr;
  return object ? std::move(*object) : llvm::json::Object();
}

/// relu(x w) v, with weights that the test makes: node "first" reads x, "second" what is left of its product.
constexpr char graph[] = R"(
module attributes {sinter.files = ["weights.bin"], sinter.phase = "canonical"} {
  sinter.symbol @n axis "x" 0 {low = 1 : i64, high = 64 : i64}
  sinter.weight @w raw 0 at 0 length 512 : tensor<8x16xf32>
  sinter.weight @v raw 0 at 512 length 192 : tensor<16x3xf32>
  func.func @main(%x: tensor<?x8xf32, #sinter.dims<"n", "8">> {sinter.name = "x"})
      -> (tensor<?x3xf32, #sinter.dims<"n", "3">> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<8x16xf32>
    %v = sinter.parameter @v : tensor<16x3xf32>
    %zero = sinter.constant dense<0.0> : tensor<f32>
    %0 = sinter.matmul %x, %w : (tensor<?x8xf32, #sinter.dims<"n", "8">>, tensor<8x16xf32>) -> tensor<?x16xf32, #sinter.dims<"n", "16">> loc("first")
    %1 = sinter.elementwise max(%0, %zero) : (tensor<?x16xf32, #sinter.dims<"n", "16">>, tensor<f32>) -> tensor<?x16xf32, #sinter.dims<"n", "16">> loc("relu")
    %2 = sinter.matmul %1, %v : (tensor<?x16xf32, #sinter.dims<"n", "16">>, tensor<16x3xf32>) -> tensor<?x3xf32, #sinter.dims<"n", "3">> loc("second")
    return %2 : tensor<?x3xf32, #sinter.dims<"n", "3">>
  }
}
)";

class Quantize : public testing::Test {
protected:
  void SetUp() override {
    folder = freshFolder("quantize");
    data = folder + "/data";
    freshFolder("quantize/data");
    writeFile(folder + "/model.mlir", graph);
    HostTensor weights(ElementType::F32, {176});
    for (int64_t i = 0; i < 176; ++i)
      weights.as<float>()[i] = std::sin(1.7f * float(i) + 0.3f);
    writeFile(folder + "/weights.bin", std::string(weights.data.begin(), weights.data.end()));
  }

  NamedTensor x(int64_t rows, float first) const {
    HostTensor values(ElementType::F32, {rows, 8});
    for (int64_t i = 0; i < rows * 8; ++i)
      values.as<float>()[i] = i ? std::cos(float(i)) : first;
    return {"x", values};
  }

  Ended compile(const std::string &out, const std::vector<std::string> &options) const {
    std::vector<std::string> arguments = {"compile", folder + "/model.mlir", "-o", folder + "/" + out};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return runSinter(arguments);
  }

  /// The message of a compile with these data, which has the status of an input that cannot be used.
  std::string refusal(const std::string &given) const {
    Ended ended = compile("refused", {"--quantize=w8a8", "--calibrate=" + given});
    EXPECT_EQ(ended.status, 3) << ended.errors;
    EXPECT_FALSE(std::filesystem::exists(folder + "/refused"));
    return ended.errors;
  }

  std::string folder, data;
};

// Tests that a bundle has the variants that differ: VNNI's where bytes are multiplied, and AMX's where its tiles do it,
// which small groups are left out of.
TEST_F(Quantize, variants) {
  auto variants = [&](const std::vector<std::string> &options) {
    Ended ended = compile("variants", options);
    EXPECT_EQ(ended.status, 0) << ended.errors;
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(folder + "/variants")) {
      std::string file = entry.path().filename().string();
      if (llvm::StringRef name = file; name.consume_front("code-"))
        names.push_back(name.drop_back(3).str()); // .so
    }
    std::sort(names.begin(), names.end());
    std::filesystem::remove_all(folder + "/variants");
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(variants({}), (Names{"x86-64-v3", "x86-64-v4"}));
  EXPECT_EQ(variants({"--quantize=w8a8d"}), (Names{"x86-64-v3", "x86-64-v4", "x86-64-v4-amx", "x86-64-v4-vnni"}));
  EXPECT_EQ(variants({"--quantize=w4a8dg4"}), (Names{"x86-64-v3", "x86-64-v4", "x86-64-v4-vnni"}));
  EXPECT_EQ(variants({"--target=cpu:x86-64-v4-amx"}), (Names{"x86-64-v4-amx"}));
}

// Tests that it is said where no variant of an artifact is faster in bytes, and only there.
TEST_F(Quantize, noSpeedInBytes) {
  auto said = [&](const std::vector<std::string> &options) {
    Ended ended = compile("speed", options);
    EXPECT_EQ(ended.status, 0) << ended.errors;
    std::filesystem::remove_all(folder + "/speed");
    EXPECT_THAT(ended.errors, HasSubstr("compiled "));
    return ended.errors;
  };
  EXPECT_THAT(
      said({"--quantize=w8a8d", "--target=cpu:x86-64-v4,x86-64-v3"}),
      HasSubstr("not applied: faster products of bytes: no instruction of x86-64-v4, x86-64-v3 multiplies bytes: "
                "products take about as long as in f32, and what is gained is memory"));
  for (const std::vector<std::string> &options : {std::vector<std::string>{"--quantize=w8a8d"},
                                                  {"--target=cpu:x86-64-v4"},
                                                  {"--quantize=w8a16", "--target=cpu:x86-64-v4"},
                                                  {"--quantize=w8a8d", "--target=cpu:x86-64-v4-vnni"}})
    EXPECT_EQ(said(options).find("not applied"), std::string::npos);
}

// Tests that data which do not fit are one message that says what is expected, and that nothing is left of the output.
TEST_F(Quantize, dataThatDoNotFit) {
  EXPECT_THAT(refusal(data),
              HasSubstr("is empty: it holds no .npz; expected is one for each sample, with x (f32 n x 8)"));
  EXPECT_THAT(refusal(folder + "/absent"), HasSubstr("it is a folder with one .npz for each sample, or one .npz"));
  std::string file = data + "/0.npz";
  writeNpz(file, {{"x", tensor<float>(ElementType::F32, {2, 7}, std::vector<float>(14))}});
  EXPECT_THAT(refusal(data), HasSubstr("'0.npz': input 'x' has the shape 2x7, expected x (f32 n x 8)"));
  writeNpz(file, {{"x", tensor<int64_t>(ElementType::I64, {2, 8}, std::vector<int64_t>(16))}});
  EXPECT_THAT(refusal(data), HasSubstr("'0.npz': input 'x' is i64, expected x (f32 n x 8)"));
  writeNpz(file, {x(3, NAN)});
  EXPECT_THAT(refusal(data), HasSubstr("'0.npz': input 'x' has NaN among its values, expected x (f32 n x 8)"));
  writeNpz(file, {x(3, INFINITY)});
  EXPECT_THAT(refusal(data), HasSubstr("sample '0.npz' gives infinity in what node 'first' reads (row 0, channel 0)"));
  writeNpz(file, {x(65, 1)});
  EXPECT_THAT(refusal(data), HasSubstr("'0.npz': "));
  writeNpz(file, {x(3, 1), {"y", x(3, 1).tensor}});
  EXPECT_THAT(refusal(data), HasSubstr("has an array 'y', which is no input of the model"));
  writeNpz(file, {{"z", x(3, 1).tensor}});
  EXPECT_THAT(refusal(data), HasSubstr("expected are one array for each input: x (f32 n x 8)"));
  writeFile(file, "no archive");
  EXPECT_THAT(refusal(data), HasSubstr("0.npz"));
}

// Tests that a wrong scheme, one that the target does not execute, and options without a scheme are refused before data
// are looked at.
TEST_F(Quantize, schemesThatAreRefused) {
  Ended ended = compile("out", {"--quantize=int8", "--calibrate=absent"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.errors, HasSubstr("--quantize=int8: a scheme is w, the bits of weights"));
  ended = compile("out", {"--quantize=w3a16", "--calibrate=absent"});
  EXPECT_EQ(ended.status, 4);
  EXPECT_THAT(ended.errors, HasSubstr("--quantize=w3a16: target cpu does not execute it; it executes w8a8"));
  ended = compile("out", {"--calibrate=absent"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.errors, HasSubstr("--calibrate=absent: what it is for is missing"));
  ended = compile("out", {"--quantize=w8a8", "--calibrate=absent", "--calibration=absent"});
  EXPECT_EQ(ended.status, 2);
  ended = compile("out", {"--quantize=w8a8", "--calibration=absent.json"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.errors, HasSubstr("absent.json"));
}

// Tests a calibration: what it sees, that it is kept in the bundle and can be used again, with the same bytes.
TEST_F(Quantize, calibration) {
  writeNpz(data + "/0.npz", {x(3, 1)});
  writeNpz(data + "/1.npz", {x(5, -6)});
  Ended ended = compile("out", {"--quantize=w8a8", "--calibrate=" + data});
  ASSERT_EQ(ended.status, 0) << ended.errors;
  EXPECT_THAT(ended.errors, HasSubstr("calibrated 2 tensors on 2 samples"));
  llvm::json::Object json = jsonOf(readFile(folder + "/out/calibration.json"));
  EXPECT_EQ(json.getInteger("samples"), 2);
  ASSERT_EQ(json.getArray("tensors")->size(), 2u);
  const llvm::json::Object &first = *(*json.getArray("tensors"))[0].getAsObject();
  EXPECT_EQ((*first.getArray("readers"))[0].getAsString(), llvm::StringRef("first"));
  EXPECT_EQ(first.getInteger("rows"), 8);
  EXPECT_EQ(first.getInteger("channels"), 8);
  EXPECT_EQ(first.getObject("min_max")->getNumber("low"), -6.0);
  EXPECT_EQ(first.getObject("min_max")->getNumber("high"), 1.0);
  EXPECT_EQ(first.getObject("second_moments"), nullptr);
  // Behind relu nothing is negative.
  const llvm::json::Object &second = *(*json.getArray("tensors"))[1].getAsObject();
  EXPECT_EQ((*second.getArray("readers"))[0].getAsString(), llvm::StringRef("second"));
  EXPECT_EQ(second.getObject("min_max")->getNumber("low"), 0.0);

  Ended again = compile("again", {"--quantize=w8a8", "--calibration=" + folder + "/out/calibration.json"});
  ASSERT_EQ(again.status, 0) << again.errors;
  EXPECT_EQ(filesIn(folder + "/again"), filesIn(folder + "/out"));

  // The same samples in one file.
  HostTensor both(ElementType::F32, {2, 3, 8});
  NamedTensor sample = x(3, 1);
  std::copy_n(sample.tensor.data.begin(), 96, both.data.begin());
  std::copy_n(sample.tensor.data.begin(), 96, both.data.begin() + 96);
  writeNpz(folder + "/both.npz", {{"x", both}});
  ended = compile("one", {"--quantize=w8a8", "--calibrate=" + folder + "/both.npz"});
  ASSERT_EQ(ended.status, 0) << ended.errors;

  // Second moments are for weights of 4 bits, and not there for others.
  ended = compile("few", {"--quantize=w4a8g4", "--calibration=" + folder + "/out/calibration.json"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.errors, HasSubstr("has no second moments (node 'first'), which w4a8g4 needs: calibrate again"));
  ended = compile("few", {"--quantize=w4a8g4", "--calibrate=" + data});
  EXPECT_EQ(ended.status, 0) << ended.errors;

  // A damaged one.
  writeFile(folder + "/out/calibration.npz", "");
  ended = compile("again", {"--quantize=w8a8", "--calibration=" + folder + "/out/calibration.json"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.errors, HasSubstr("calibration.npz"));
}

// Tests --quality: nothing is lost without compression; with it outputs and layers have errors that are small, named by
// the source's nodes, worst first; and the page holds all in one file.
TEST_F(Quantize, quality) {
  writeNpz(data + "/0.npz", {x(3, 1)});
  writeNpz(data + "/1.npz", {x(5, -2)});
  std::vector<std::string> verify = {"verify",    folder + "/out",  "--model=" + folder + "/model.mlir",
                                     "--quality", "--data=" + data, "--format=json"};
  ASSERT_EQ(compile("out", {}).status, 0);
  Ended ended = runSinter(verify);
  ASSERT_EQ(ended.status, 0) << ended.errors;
  llvm::json::Object json = jsonOf(ended.output);
  EXPECT_EQ(json.getInteger("samples"), 2);
  const llvm::json::Object *output = (*json.getArray("outputs"))[0].getAsObject();
  EXPECT_LT(*output->getNumber("relative"), 1e-6);
  for (const llvm::json::Value &layer : *json.getArray("layers"))
    EXPECT_EQ(layer.getAsObject()->getNumber("max_abs"), 0.0);

  ASSERT_EQ(compile("out", {"--quantize=w8a8", "--calibrate=" + data}).status, 0);
  verify.push_back("--report=" + folder + "/quality.html");
  ended = runSinter(verify);
  ASSERT_EQ(ended.status, 0) << ended.errors;
  json = jsonOf(ended.output);
  output = (*json.getArray("outputs"))[0].getAsObject();
  EXPECT_EQ(output->getString("name"), llvm::StringRef("y"));
  EXPECT_GT(*output->getNumber("relative"), 1e-5);
  EXPECT_LT(*output->getNumber("relative"), 0.03);
  EXPECT_GT(*output->getNumber("cosine_worst"), 0.999);
  std::vector<std::string> nodes;
  double last = INFINITY;
  for (const llvm::json::Value &layer : *json.getArray("layers")) {
    nodes.push_back(layer.getAsObject()->getString("node")->str());
    double relative = *layer.getAsObject()->getNumber("relative");
    EXPECT_LE(relative, last);
    last = relative;
  }
  EXPECT_THAT(nodes, testing::UnorderedElementsAre("first", "relu", "second"));
  std::string page = readFile(folder + "/quality.html");
  EXPECT_THAT(page, testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("<td>second</td>"));
  EXPECT_THAT(page, HasSubstr("<svg"));
  // One file: nothing is fetched.
  EXPECT_THAT(page, testing::Not(HasSubstr("src=")));
  EXPECT_THAT(page, testing::Not(HasSubstr("http")));

  // Words.
  verify.erase(verify.end() - 2);
  ended = runSinter(verify);
  EXPECT_THAT(ended.output, HasSubstr("output 'y': cosine 0.99"));
  EXPECT_THAT(ended.output, HasSubstr("layers, worst first:"));

  // Made inputs, and what does not go together.
  EXPECT_EQ(runSinter({"verify", folder + "/out", "--model=" + folder + "/model.mlir", "--quality"}).status, 0);
  EXPECT_EQ(runSinter({"verify", folder + "/out", "--model=" + folder + "/model.mlir", "--data=" + data}).status, 2);
  EXPECT_EQ(runSinter({"verify", folder + "/out", "--report=x.html"}).status, 2);
}

// Tests weights that stand behind the first product of their input, and a product that reads another one's result as it
// is.
TEST_F(Quantize, orderOfWeights) {
  writeFile(folder + "/model.mlir", R"(
module attributes {sinter.files = ["weights.bin"], sinter.phase = "canonical"} {
  sinter.weight @w raw 0 at 0 length 256 : tensor<8x8xf32>
  sinter.weight @u raw 0 at 256 length 256 : tensor<8x8xf32>
  sinter.weight @v raw 0 at 384 length 256 : tensor<8x8xf32>
  func.func @main(%x: tensor<3x8xf32> {sinter.name = "x"}) -> (tensor<3x8xf32> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<8x8xf32>
    %0 = sinter.matmul %x, %w : (tensor<3x8xf32>, tensor<8x8xf32>) -> tensor<3x8xf32> loc("first")
    %u = sinter.parameter @u : tensor<8x8xf32>
    %t = sinter.transpose %u [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
    %1 = sinter.matmul %x, %t : (tensor<3x8xf32>, tensor<8x8xf32>) -> tensor<3x8xf32> loc("second")
    %v = sinter.parameter @v : tensor<8x8xf32>
    %2 = sinter.matmul %0, %v : (tensor<3x8xf32>, tensor<8x8xf32>) -> tensor<3x8xf32> loc("third")
    %3 = sinter.elementwise add(%1, %2) : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32> loc("sum")
    return %3 : tensor<3x8xf32>
  }
}
)");
  // One channel is far larger than the others, so that equalizing pays.
  writeNpz(data + "/0.npz", {x(3, 60)});
  for (const char *scheme : {"w8a8", "w4a8g4"}) {
    Ended ended = compile("out", {"--quantize=" + std::string(scheme), "--calibrate=" + data});
    ASSERT_EQ(ended.status, 0) << ended.errors;
    std::string model = "--model=" + folder + "/model.mlir";
    EXPECT_EQ(runSinter({"verify", folder + "/out", model}).status, 0);
    ended = runSinter({"verify", folder + "/out", model, "--quality", "--data=" + data, "--format=json"});
    const llvm::json::Object json = jsonOf(ended.output);
    EXPECT_GT(*(*json.getArray("outputs"))[0].getAsObject()->getNumber("cosine"), scheme[1] == '8' ? 0.9999 : 0.98);
    EXPECT_EQ(json.getArray("layers")->size(), 4u);
  }
}

// Tests that pruning with calibration takes the norms of channels into the recipes, that samples need no scheme for it,
// and that a calibration that has not seen a product's input is refused.
TEST_F(Quantize, pruning) {
  writeNpz(data + "/0.npz", {x(3, 1)});
  Ended ended = compile("out", {"--sparsity=2:4", "--calibrate=" + data, "--dump-phases-to=" + folder + "/phases"});
  ASSERT_EQ(ended.status, 0) << ended.errors;
  EXPECT_THAT(ended.errors, HasSubstr("calibrated 2 tensors on 1 samples"));
  std::string dump = readFile(folder + "/phases/2-quantized.mlir");
  for (const char *text : {"sinter.weight @\"channel_mean_square/first\" raw", ": tensor<8xf32>",
                           "sinter.weight @\"channel_mean_square/second\" raw", ": tensor<16xf32>",
                           "sinter.elementwise sqrt", "keep 2 of 4 magnitudes"})
    EXPECT_THAT(dump, HasSubstr(text));
  ended = runSinter({"verify", folder + "/out", "--model=" + folder + "/model.mlir"});
  EXPECT_EQ(ended.status, 0) << ended.errors;
  std::string given = "--calibration=" + folder + "/out/calibration.json";
  ended = compile("again", {"--sparsity=2:4", given});
  ASSERT_EQ(ended.status, 0) << ended.errors;
  EXPECT_EQ(filesIn(folder + "/again"), filesIn(folder + "/out"));

  std::string other = graph;
  other.replace(other.find("loc(\"second\")"), 13, "loc(\"third\")");
  writeFile(folder + "/model.mlir", other);
  ended = compile("other", {"--sparsity=2:4", given});
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.errors,
              HasSubstr("calibration has not seen the input of node 'third': pruning by it needs the norms"));

  ended = runSinter({"compile", folder + "/phases/2-quantized.mlir", "-o", folder + "/late", "--sparsity=2:4"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.errors, HasSubstr("is in phase quantized, in which weights are pruned already or not at all"));
}

// Tests that a weight that two products multiply with different inputs is pruned once, by the norms over the rows of
// both: 1 * (10 * 10 + 3 * 1) is less than 1.75 * 1.75 * (1 + 3 * 4 * 4), and more than with each input counted the
// same.
TEST_F(Quantize, pruningByTwoInputs) {
  writeFile(folder + "/model.mlir", R"(
module attributes {sinter.files = ["weights.bin"], sinter.phase = "canonical"} {
  sinter.weight @w raw 0 at 0 length 16 : tensor<4x1xf32>
  func.func @main(%x: tensor<1x4xf32> {sinter.name = "x"}, %y: tensor<3x4xf32> {sinter.name = "y"})
      -> (tensor<1x1xf32> {sinter.name = "a"}, tensor<3x1xf32> {sinter.name = "b"}) {
    %w = sinter.parameter @w : tensor<4x1xf32>
    %0 = sinter.matmul %x, %w : (tensor<1x4xf32>, tensor<4x1xf32>) -> tensor<1x1xf32> loc("first")
    %1 = sinter.matmul %y, %w : (tensor<3x4xf32>, tensor<4x1xf32>) -> tensor<3x1xf32> loc("second")
    return %0, %1 : tensor<1x1xf32>, tensor<3x1xf32>
  }
}
)");
  HostTensor w = tensor<float>(ElementType::F32, {4}, {1, 0.125f, 0.125f, 1.75f});
  writeFile(folder + "/weights.bin", std::string(w.data.begin(), w.data.end()));
  writeNpz(data + "/0.npz", {{"x", tensor<float>(ElementType::F32, {1, 4}, {10, 1, 1, 1})},
                             {"y", tensor<float>(ElementType::F32, {3, 4}, {1, 1, 1, 4, 1, 1, 1, 4, 1, 1, 1, 4})}});
  Ended ended = compile("out", {"--sparsity=1:4", "--calibrate=" + data});
  ASSERT_EQ(ended.status, 0) << ended.errors;
  std::string packed = readFile(folder + "/out/weights.bin");
  EXPECT_NE(packed.find(std::string(w.data.begin() + 12, w.data.end())), std::string::npos);
  EXPECT_EQ(packed.find(std::string(w.data.begin(), w.data.begin() + 4)), std::string::npos);
}

// Tests that a quantized bundle is verified by cosine, that of a reference that says something else the node is named,
// and that a dumped module finds its second moments.
TEST_F(Quantize, verification) {
  writeNpz(data + "/0.npz", {x(3, 1)});
  writeNpz(data + "/1.npz", {x(5, -2)});
  std::string model = "--model=" + folder + "/model.mlir";
  for (const char *scheme : {"w8a8", "w8a8s", "w8a8d", "w4a8g4"}) {
    ASSERT_EQ(compile("out", {"--quantize=" + std::string(scheme), "--calibrate=" + data,
                              "--dump-phases-to=" + folder + "/phases"})
                  .status,
              0)
        << scheme;
    Ended ended = runSinter({"verify", folder + "/out", model});
    EXPECT_EQ(ended.status, 0) << scheme << ended.errors;
    EXPECT_THAT(ended.output, HasSubstr("outputs are compared by cosine: ")) << scheme;
  }

  // The last was of 4 bits.
  std::vector<std::string> dumped = {"compile", folder + "/phases/3-sparse.mlir", "-o", folder + "/again"};
  EXPECT_EQ(runSinter(dumped).status, 3);
  dumped.push_back("--calibration=" + folder + "/out/calibration.json");
  Ended ended = runSinter(dumped);
  ASSERT_EQ(ended.status, 0) << ended.errors;
  EXPECT_EQ(readFile(folder + "/again/weights.bin"), readFile(folder + "/out/weights.bin"));

  std::string reference = readFile(folder + "/out/reference.mlir");
  size_t at = reference.find("sinter.elementwise max");
  ASSERT_NE(at, std::string::npos);
  writeFile(folder + "/out/reference.mlir", reference.replace(at, 22, "sinter.elementwise min"));
  // The inputs that show it are left in the current folder.
  std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  ended = runSinter({"verify", folder + "/out", model, "--format=json"});
  std::filesystem::current_path(before);
  EXPECT_EQ(ended.status, 1) << ended.errors;
  EXPECT_TRUE(std::filesystem::exists(folder + "/sinter-mismatch-0"));
  EXPECT_EQ(jsonOf(ended.output).getString("node"), llvm::StringRef("second"));
}

// Tests MiniLM on the sentences of test/data: all of its products by weights are seen, and the whole takes seconds.
TEST(QuantizeMiniLm, calibration) {
  std::string folder = freshFolder("quantize-minilm"), data = freshFolder("quantize-minilm-data");
  int64_t numTokens = writeSentences("calibration", data);
  Ended ended = runSinter({"compile", modelFile(), "-o", folder + "/out", "--quantize=w8a8", "--calibrate=" + data});
  ASSERT_EQ(ended.status, 0) << ended.errors;
  llvm::json::Object json = jsonOf(readFile(folder + "/out/calibration.json"));
  // Four tensors a layer are read by six products: queries, keys and values read one.
  ASSERT_EQ(json.getArray("tensors")->size(), 24u);
  size_t numReaders = 0;
  for (const llvm::json::Value &value : *json.getArray("tensors")) {
    const llvm::json::Object &entry = *value.getAsObject();
    numReaders += entry.getArray("readers")->size();
    EXPECT_EQ(entry.getInteger("rows"), numTokens);
    double dynamic = *entry.getNumber("dynamic_error"), meanSquare = *entry.getNumber("mean_square");
    EXPECT_GT(dynamic, 0);
    EXPECT_LT(dynamic, 1e-2 * meanSquare);
    double best = *entry.getObject("least_squares")->getNumber("error");
    EXPECT_LE(best, *entry.getObject("min_max")->getNumber("error"));
  }
  EXPECT_EQ(numReaders, 36u);
}

} // namespace
