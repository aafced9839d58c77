//===- MaskPaddingTest.cpp - Padding may hold anything ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models of the sample, with inputs whose padding is garbage, are held against the
// interpreter on the model as it was imported, with inputs that have no padding.
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Passes.h"
#include "include/sinter/Compiler.h"
#include "lib/Weights/WeightFiles.h"
#include "test/unit/InterpreterHarness.h"

#include "mlir/Transforms/Passes.h"

using namespace sinter;
using namespace sinter::testing;

namespace {

constexpr int64_t paddedLength = 12;

struct Sample {
  const char *name;
  std::vector<std::pair<const char *, int64_t>> fixed; ///< other dimensions
  const char *length;
  std::vector<const char *> tied; ///< dimensions that are that one
};

class MaskPaddingTest : public ::testing::TestWithParam<Sample> {
protected:
  MaskPaddingTest() {
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  mlir::DialectRegistry registry;
  mlir::MLIRContext context;
};

std::vector<HostTensor> run(mlir::ModuleOp module, const std::vector<HostTensor> &inputs,
                            const InterpretOptions &options) {
  llvm::Expected<std::vector<HostTensor>> results = interpret(module, inputs, options);
  if (results)
    return std::move(*results);
  ADD_FAILURE() << llvm::toString(results.takeError());
  return {};
}

/// One row of tokens or mask: real ones first, then garbage, another for each seed.
HostTensor makeInput(bool isMask, int64_t real, int64_t length, uint32_t seed) {
  HostTensor tensor(ElementType::I64, {1, length});
  std::vector<float> noise = makeNoise(length, seed);
  for (int64_t i = 0; i < length; ++i) {
    int64_t garbage = static_cast<int64_t>((noise[i] + 1) * 127);
    tensor.as<int64_t>()[i] = isMask ? (i < real ? i % 3 != 1 : garbage % 2) : (i < real ? 5 + 17 * i % 200 : garbage);
  }
  return tensor;
}

TEST_P(MaskPaddingTest, GarbageDoesNotMatter) {
  const Sample &sample = GetParam();
  std::string path = std::string(SINTER_SOURCE_ROOT) + "/test/data/zoo-sample/" + sample.name + "/model.onnx";
  ImportOptions import;
  for (auto [name, size] : sample.fixed)
    import.dims.push_back({name, {}, size, size, std::nullopt, std::nullopt});
  import.dims.push_back({sample.length, {}, 1, paddedLength, std::nullopt, std::nullopt});
  for (const char *name : sample.tied)
    import.dims.push_back({name, {}, std::nullopt, std::nullopt, std::nullopt, sample.length});
  std::optional<llvm::Expected<ImportedModel>> model;
  for (const std::unique_ptr<Frontend> &frontend : getFrontends())
    if (frontend->accepts(path))
      model.emplace(frontend->import(path, import, context));
  ASSERT_TRUE(model);
  ASSERT_TRUE(bool(*model)) << llvm::toString(model->takeError());
  mlir::OwningOpRef<mlir::ModuleOp> imported((*model)->module->clone());
  llvm::Expected<WeightFiles> weights = WeightFiles::open(*imported, (*model)->folder);
  ASSERT_TRUE(bool(weights)) << llvm::toString(weights.takeError());
  InterpretOptions options;
  options.readWeight = [&](WeightOp weight) { return weights->read(weight); };

  mlir::ModuleOp module = *(*model)->module;
  mlir::PassManager passes(&context);
  addCanonicalPasses(passes);
  MaskPaddingPassOptions mask;
  mask.dims.push_back(sample.length);
  passes.addPass(createMaskPaddingPass(mask));
  FixSizesPassOptions fix;
  fix.sizes.push_back(std::string(sample.length) + "=" + std::to_string(paddedLength));
  passes.addPass(createFixSizesPass(fix));
  passes.addPass(mlir::createCanonicalizerPass());
  passes.addPass(createVerifyGraphPass({"canonical"}));
  ASSERT_TRUE(mlir::succeeded(passes.run(module)));

  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  for (int64_t real : {int64_t(1), int64_t(5), paddedLength}) {
    std::vector<HostTensor> exact;
    std::vector<std::vector<HostTensor>> padded(2);
    for (unsigned i = 0; i < main.getNumArguments(); ++i) {
      if (main.getArgAttr(i, "sinter.session")) {
        for (std::vector<HostTensor> &inputs : padded) {
          inputs.emplace_back(ElementType::I64, std::vector<int64_t>());
          inputs.back().as<int64_t>()[0] = real;
        }
        continue;
      }
      bool isMask = main.getArgAttrOfType<mlir::StringAttr>(i, "sinter.name").getValue().contains("mask");
      exact.push_back(makeInput(isMask, real, real, 1));
      for (uint32_t seed : {0, 1})
        padded[seed].push_back(makeInput(isMask, real, paddedLength, 11 * i + seed));
    }
    std::vector<HostTensor> expected = run(*imported, exact, options), first = run(module, padded[0], options),
                            second = run(module, padded[1], options);
    ASSERT_EQ(first.size(), expected.size());
    ASSERT_EQ(second.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(expected[i].dims[1], real);
      int64_t count = expected[i].numElements();
      for (int64_t e = 0; e < count; ++e) {
        ASSERT_EQ(first[i].as<float>()[e], second[i].as<float>()[e]) << "element " << e << " of result " << i;
        ASSERT_NEAR(first[i].as<float>()[e], expected[i].as<float>()[e],
                    1e-5 * (1 + std::abs(expected[i].as<float>()[e])))
            << "element " << e << " of result " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, MaskPaddingTest,
                         ::testing::Values(Sample{"bert_torchscript", {{"d0", 1}}, "d1", {}},
                                           Sample{"gpt2_dynamo", {{"s10", 1}, {"s86", 1}}, "s21", {"s12"}},
                                           Sample{"llama_dynamo", {{"s10", 1}, {"s86", 1}}, "s21", {"s12"}}),
                         [](const ::testing::TestParamInfo<Sample> &info) { return info.param.name; });

} // namespace
