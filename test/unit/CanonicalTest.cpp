//===- CanonicalTest.cpp - Phase canonical keeps what models compute ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle is the interpreter on the module before the passes. How often a form
// is recognized is counted too: values alone would not show that nothing was.
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Passes.h"
#include "include/sinter/Compiler.h"
#include "lib/Weights/WeightFiles.h"
#include "test/unit/InterpreterHarness.h"

using namespace sinter;
using namespace sinter::testing;

namespace {

void makeCanonical(mlir::ModuleOp module) {
  mlir::PassManager passes(module.getContext());
  addCanonicalPasses(passes);
  VerifyGraphPassOptions options;
  options.phase = "canonical";
  passes.addPass(createVerifyGraphPass(options));
  ASSERT_TRUE(mlir::succeeded(passes.run(module)));
}

/// How many ops have each name; elementwise ones by their kind.
std::map<std::string, int> countOps(mlir::ModuleOp module) {
  std::map<std::string, int> counts;
  module.walk([&](mlir::Operation *op) {
    auto elementwise = mlir::dyn_cast<ElementwiseOp>(op);
    ++counts[elementwise ? stringifyElementwiseKind(elementwise.getKind()).str()
                         : op->getName().stripDialect().str()];
  });
  return counts;
}

void expectClose(const std::vector<HostTensor> &actual, const std::vector<HostTensor> &expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    Comparison comparison = compare(actual[i], expected[i], 1e-5, 1e-5);
    EXPECT_TRUE(comparison.matches) << "result " << i << ": " << comparison.reason;
  }
}

std::vector<HostTensor> run(mlir::ModuleOp module, const std::vector<HostTensor> &inputs,
                            const InterpretOptions &options = {}) {
  llvm::Expected<std::vector<HostTensor>> results = interpret(module, inputs, options);
  if (results)
    return std::move(*results);
  ADD_FAILURE() << llvm::toString(results.takeError());
  return {};
}

//===----------------------------------------------------------------------===//
// Exported models
//===----------------------------------------------------------------------===//

struct Sample {
  const char *name;
  std::map<std::string, int> counts; // after canonical
};

class CanonicalSampleTest : public ::testing::TestWithParam<Sample> {};

/// Token ids below 200, masks with a row that is padded at its end and one that is masked altogether, noise.
HostTensor makeInput(llvm::StringRef name, mlir::Type type, const llvm::StringMap<int64_t> &symbols, uint32_t seed) {
  std::vector<int64_t> dims;
  for (const SizeExpr &size : getSizes(type))
    dims.push_back(*size.evaluate([&](llvm::StringRef symbol) -> std::optional<int64_t> { return symbols.lookup(symbol); }));
  HostTensor tensor(toElementType(mlir::cast<mlir::RankedTensorType>(type).getElementType()), dims);
  std::vector<float> noise = makeNoise(tensor.numElements(), seed);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    int64_t row = i / dims.back(), column = i % dims.back();
    if (tensor.type == ElementType::F32)
      tensor.as<float>()[i] = noise[i];
    else if (name.contains("mask"))
      tensor.as<int64_t>()[i] = row == 0 ? column + 2 < dims.back() : row == 1 ? 0 : column % 2;
    else
      tensor.as<int64_t>()[i] = static_cast<int64_t>((noise[i] + 1) * 100);
  }
  return tensor;
}

TEST_P(CanonicalSampleTest, ComputesTheSame) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  std::string path = std::string(SINTER_SOURCE_ROOT) + "/test/data/zoo-sample/" + GetParam().name + "/model.onnx";
  std::optional<llvm::Expected<ImportedModel>> model;
  for (const std::unique_ptr<Frontend> &frontend : getFrontends())
    if (frontend->accepts(path))
      model.emplace(frontend->import(path, {}, context));
  ASSERT_TRUE(model);
  ASSERT_TRUE(bool(*model)) << llvm::toString(model->takeError());
  mlir::ModuleOp module = *(*model)->module;

  // Sizes that differ from each other, and from those of the export; Mamba's are fixed.
  llvm::StringMap<int64_t> symbols;
  for (auto symbol : module.getOps<SymbolOp>())
    symbols[symbol.getSymName()] = symbol.getPosition() == 0                 ? 3
                                   : symbol.getInput().contains("decoder") ? 5
                                                                           : 9;
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  std::vector<HostTensor> inputs;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    inputs.push_back(makeInput(main.getArgAttrOfType<mlir::StringAttr>(i, "sinter.name").getValue(),
                               main.getArgument(i).getType(), symbols, 7 + i));
  llvm::Expected<WeightFiles> weights = WeightFiles::open(module, (*model)->folder);
  ASSERT_TRUE(bool(weights)) << llvm::toString(weights.takeError());
  InterpretOptions options;
  options.readWeight = [&](WeightOp weight) { return weights->read(weight); };

  std::vector<HostTensor> expected = run(module, inputs, options);
  makeCanonical(module);
  expectClose(run(module, inputs, options), expected);
  std::map<std::string, int> counts = countOps(module);
  for (const auto &[name, count] : GetParam().counts)
    EXPECT_EQ(counts[name], count) << name;
}

INSTANTIATE_TEST_SUITE_P(
    Zoo, CanonicalSampleTest,
    ::testing::Values(Sample{"bert_torchscript",
                             {{"attention", 2}, {"softmax", 0}, {"layer_norm", 5}, {"gelu", 2}, {"gather", 1}}},
                      Sample{"gpt2_dynamo",
                             {{"attention", 2}, {"softmax", 0}, {"layer_norm", 5}, {"gelu_tanh", 2}, {"gather_nd", 0}}},
                      Sample{"llama_dynamo",
                             {{"attention", 2},
                              {"softmax", 0},
                              {"rms_norm", 5},
                              {"rotary", 4},
                              {"silu", 2},
                              {"gather_nd", 0},
                              {"transpose", 0}}},
                      Sample{"mamba_dynamo", {{"rms_norm", 3}, {"silu", 4}, {"softplus", 2}, {"gather", 1}}},
                      Sample{"t5_torchscript", {{"attention", 6}, {"softmax", 0}, {"rms_norm", 12}}},
                      Sample{"vit_dynamo", {{"attention", 2}, {"layer_norm", 5}, {"gelu", 2}, {"select", 0}}}),
    [](const auto &info) { return std::string(info.param.name); });

} // namespace
