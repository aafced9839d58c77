//===- QuantizedMiniLmTest.cpp - What 8 and 4 bits cost a real model -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Passes.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Quantization/Calibration.h"
#include "lib/Support/Npy.h"
#include "lib/Weights/WeightFiles.h"
#include "runtime/include/sinter-rt/sinter.h"
#include "test/e2e/RunTool.h"
#include "test/e2e/Sentences.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <cmath>
#include <filesystem>

using namespace sinter;
using namespace sinter::e2e;

namespace {

/// A compiled program.
class Program {
public:
  explicit Program(const std::string &folder) {
    sinter_error error;
    EXPECT_EQ(sinter_program_open(folder.c_str(), nullptr, &program, &error), SINTER_OK) << error.message;
  }
  ~Program() { sinter_program_close(program); }

  /// All outputs of a run, as bytes.
  std::vector<std::vector<char>> run(const std::vector<NamedTensor> &inputs) const {
    int64_t length = inputs[0].tensor.dims[1];
    sinter_size sizes[] = {{"batch", 1}, {"seq", length}};
    sinter_session_options options = {};
    options.struct_bytes = sizeof options;
    options.sizes = sizes;
    options.size_count = 2;
    options.threads = 2;
    sinter_session *session;
    sinter_error error;
    EXPECT_EQ(sinter_session_create(program, &options, &session, &error), SINTER_OK) << error.message;
    for (const NamedTensor &input : inputs) {
      uint32_t index = 0;
      EXPECT_EQ(sinter_program_find_input(program, input.name.c_str(), &index), SINTER_OK);
      EXPECT_EQ(
          sinter_session_set_input(session, index, input.tensor.data.data(), SINTER_I64, input.tensor.dims.data(), 2),
          SINTER_OK);
    }
    EXPECT_EQ(sinter_session_run(session), SINTER_OK) << sinter_session_message(session);
    std::vector<std::vector<char>> outputs;
    sinter_tensor output;
    for (uint32_t i = 0; sinter_session_get_output(session, i, &output) == SINTER_OK; ++i) {
      size_t bytes = sinter_type_size(output.type);
      for (uint32_t axis = 0; axis < output.rank; ++axis)
        bytes *= output.dims[axis];
      outputs.emplace_back(static_cast<const char *>(output.data), static_cast<const char *>(output.data) + bytes);
    }
    sinter_session_destroy(session);
    return outputs;
  }

  /// The mean of the hidden states over the tokens.
  std::vector<double> embed(const std::vector<NamedTensor> &inputs) const {
    constexpr int64_t width = 384;
    std::vector<char> bytes = run(inputs)[0];
    const auto *hidden = reinterpret_cast<const float *>(bytes.data());
    std::vector<double> mean(width);
    int64_t numTokens = bytes.size() / sizeof(float) / width;
    for (int64_t i = 0; i < numTokens * width; ++i)
      mean[i % width] += hidden[i] / static_cast<double>(numTokens);
    return mean;
  }

private:
  sinter_program *program = nullptr;
};

double cosine(const std::vector<double> &a, const std::vector<double> &b) {
  double product = 0, left = 0, right = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += a[i] * b[i];
    left += a[i] * a[i];
    right += b[i] * b[i];
  }
  return product / std::sqrt(left * right);
}

std::vector<std::vector<NamedTensor>> readSentences(const std::string &name) {
  std::string folder = freshFolder("quantized-minilm-" + name);
  writeSentences(name, folder);
  std::vector<std::string> files;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::vector<NamedTensor>> sentences;
  for (const std::string &file : files) {
    llvm::Expected<std::vector<NamedTensor>> arrays = readNpz(file);
    EXPECT_TRUE(bool(arrays));
    sentences.push_back(std::move(*arrays));
  }
  return sentences;
}

/// MiniLM in a scheme, calibrated on the 100 sentences; once per scheme.
std::string compileQuantized(const std::string &scheme) {
  static std::map<std::string, std::string> known;
  std::string &out = known[scheme];
  if (out.empty()) {
    std::string data = freshFolder("quantized-minilm-data");
    writeSentences("calibration", data);
    out = freshFolder("quantized-minilm-" + scheme) + "/out";
    Ended ended = runSinter({"compile", modelFile(), "-o", out, "--quantize=" + scheme, "--calibrate=" + data});
    EXPECT_EQ(ended.status, 0) << ended.errors;
  }
  return out;
}

/// The cosines of the embeddings of the 200 other sentences with those in f32: mean and least.
std::pair<double, double> compareEmbeddings(const std::string &scheme) {
  Program exact(compiledModel()), quantized(compileQuantized(scheme));
  double sum = 0, least = 1;
  std::vector<std::vector<NamedTensor>> sentences = readSentences("evaluation");
  EXPECT_EQ(sentences.size(), 200u);
  for (const std::vector<NamedTensor> &sentence : sentences) {
    double alike = cosine(exact.embed(sentence), quantized.embed(sentence));
    sum += alike;
    least = std::min(least, alike);
  }
  return {sum / static_cast<double>(sentences.size()), least};
}

// Tests that MiniLM in 8 bits gives embeddings like those in f32, for sentences that calibration has not seen.
TEST(QuantizedMiniLm, embeddingsIn8Bits) {
  auto [mean, least] = compareEmbeddings("w8a8");
  RecordProperty("mean", std::to_string(mean));
  RecordProperty("least", std::to_string(least));
  EXPECT_GT(mean, 0.996);
  EXPECT_GT(least, 0.99);
}

TEST(QuantizedMiniLm, embeddingsIn4Bits) {
  auto [mean, least] = compareEmbeddings("w4a8g32");
  RecordProperty("mean", std::to_string(mean));
  RecordProperty("least", std::to_string(least));
  EXPECT_GT(mean, 0.975);
}

// Tests that no product by weights is left in f32.
TEST(QuantizedMiniLm, noProductStaysInFloats) {
  Ended ended = runSinter({"inspect", compileQuantized("w8a8"), "--format=json"});
  ASSERT_EQ(ended.status, 0) << ended.errors;
  llvm::Expected<llvm::json::Value> json = llvm::json::parse(ended.output);
  ASSERT_TRUE(bool(json));
  const llvm::json::Object *ops = json->getAsObject()->getObject("ops");
  ASSERT_TRUE(ops) << ended.output;
  EXPECT_EQ(ops->getInteger("quantized_matmul"), 36);
  EXPECT_EQ(ops->getInteger("matmul"), std::nullopt);
}

// Tests that the codes of all activations are those of the interpreter, but for values that lie between two codes. Such
// a value moves all that follow from it, so the interpreter goes on with the program's own codes after each comparison.
TEST(QuantizedMiniLm, codesAreTheInterpreters) {
  std::string bundle = compileQuantized("w8a8"), folder = freshFolder("quantized-minilm-observed");
  mlir::DialectRegistry registry;
  registry.insert<SinterDialect, mlir::func::FuncDialect>();
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(bundle + "/reference.mlir", &context);
  ASSERT_TRUE(bool(module));
  mlir::PassManager passes(&context);
  passes.addPass(createObserveActivationsPass());
  ASSERT_TRUE(mlir::succeeded(passes.run(*module)));
  (*module)->setAttr("sinter.folder", mlir::StringAttr::get(&context, modelFolder()));
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, mlir::OpPrintingFlags().enableDebugInfo());
  writeFile(folder + "/observed.mlir", text);
  Ended ended = runSinter(
      {"compile", folder + "/observed.mlir", "-o", folder + "/out", "--calibration=" + bundle + "/calibration.json"});
  ASSERT_EQ(ended.status, 0) << ended.errors;

  llvm::Expected<WeightFiles> weights = WeightFiles::open(*module, modelFolder(), bundle + "/calibration.json");
  ASSERT_TRUE(bool(weights)) << llvm::toString(weights.takeError());
  InterpretOptions options;
  options.readWeight = [&](WeightOp weight) { return weights->read(weight); };
  options.numThreads = 2;
  Program program(folder + "/out");
  // Which output shows the codes that an op makes.
  auto main = mlir::cast<mlir::func::FuncOp>(module->lookupSymbol("main"));
  llvm::DenseMap<mlir::Operation *, size_t> outputOf;
  for (auto [i, output] : llvm::enumerate(main.getBody().front().getTerminator()->getOperands()))
    if (auto plain = output.getDefiningOp<StorageCastOp>())
      outputOf[plain.getInput().getDefiningOp()] = i;
  std::vector<std::vector<NamedTensor>> sentences = readSentences("evaluation");
  size_t numSentences = isLong() ? 20 : 2, numCodes = 0, numDifferent = 0;
  int greatest = 0;
  for (size_t sentence = 0; sentence < numSentences; ++sentence) {
    std::vector<HostTensor> inputs;
    for (unsigned i = 0; i < 3; ++i) {
      auto name = main.getArgAttrOfType<mlir::StringAttr>(i, "sinter.name");
      for (const NamedTensor &input : sentences[sentence])
        if (input.name == name.getValue())
          inputs.push_back(input.tensor);
    }
    std::vector<std::vector<char>> actual = program.run(sentences[sentence]);
    ASSERT_EQ(actual.size(), 25u);
    options.observe = [&](mlir::Operation *op, HostTensor &codes) {
      auto observed = outputOf.find(op);
      if (observed == outputOf.end())
        return llvm::Error::success();
      const std::vector<char> &own = actual[observed->second];
      EXPECT_EQ(own.size(), codes.data.size());
      for (size_t i = 0; i < own.size(); ++i) {
        bool isUnsigned = codes.type == ElementType::U8;
        int difference = isUnsigned ? int(uint8_t(own[i])) - int(uint8_t(codes.data[i]))
                                    : int(int8_t(own[i])) - int(int8_t(codes.data[i]));
        numDifferent += difference != 0;
        greatest = std::max(greatest, std::abs(difference));
      }
      numCodes += own.size();
      std::copy(own.begin(), own.end(), codes.data.begin());
      return llvm::Error::success();
    };
    llvm::Expected<std::vector<HostTensor>> results = interpret(*module, inputs, options);
    ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  }
  RecordProperty("codes", std::to_string(numCodes));
  RecordProperty("different", std::to_string(numDifferent));
  EXPECT_GT(numCodes, 100000u * numSentences);
  EXPECT_LE(numDifferent * 1000, numCodes);
  EXPECT_LE(greatest, 1);
}

} // namespace
