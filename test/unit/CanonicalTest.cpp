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
    ++counts[elementwise ? stringifyElementwiseKind(elementwise.getKind()).str() : op->getName().stripDialect().str()];
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
    dims.push_back(
        *size.evaluate([&](llvm::StringRef symbol) -> std::optional<int64_t> { return symbols.lookup(symbol); }));
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
    symbols[symbol.getSymName()] = symbol.getPosition() == 0 ? 3 : symbol.getInput().contains("decoder") ? 5 : 9;
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

//===----------------------------------------------------------------------===//
// Spellings of exporters
//===----------------------------------------------------------------------===//

/// Runs the module before and after the passes, and compares.
std::map<std::string, int> expectSame(const std::string &text, const std::vector<HostTensor> &inputs) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(text);
  if (!module)
    return {};
  std::vector<HostTensor> expected = run(*module, inputs);
  makeCanonical(*module);
  expectClose(run(*module, inputs), expected);
  return countOps(*module);
}

HostTensor noise(std::vector<int64_t> dims, uint32_t seed) { return f32(dims, makeNoise(*countElements(dims), seed)); }

/// torch.export: the mask is read at computed coordinates, the scores are scaled.
TEST(CanonicalTest, DynamoAttentionWithPaddingAndCausalMask) {
  std::string text = R"mlir(
    sinter.symbol @b axis "q" 0 {low = 1 : i64}
    sinter.symbol @s axis "q" 1 {low = 1 : i64}
    func.func @main(%q: tensor<?x?x4x8xf32, #sinter.dims<"b", "s", "4", "8">> {sinter.name = "q"},
                    %mask: tensor<?x?xi64, #sinter.dims<"b", "s">> {sinter.name = "mask"})
        -> (tensor<?x?x32xf32, #sinter.dims<"b", "s", "32">> {sinter.name = "out"}) {
      %zero = sinter.constant dense<0> : tensor<i64>
      %one = sinter.constant dense<1> : tensor<i64>
      %m = sinter.cast %mask : tensor<?x?xi64, #sinter.dims<"b", "s">> -> tensor<?x?xi1, #sinter.dims<"b", "s">>
      %bs = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"b">>
      %ss = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"s">>
      %i0 = sinter.reshape %bs : tensor<?xi64, #sinter.dims<"b">> -> tensor<?x1x1x1x1xi64, #sinter.dims<"b", "1", "1", "1", "1">>
      %i1 = sinter.broadcast %i0 : tensor<?x1x1x1x1xi64, #sinter.dims<"b", "1", "1", "1", "1">> -> tensor<?x1x1x?x1xi64, #sinter.dims<"b", "1", "1", "s", "1">>
      %j0 = sinter.reshape %ss : tensor<?xi64, #sinter.dims<"s">> -> tensor<1x1x1x?x1xi64, #sinter.dims<"1", "1", "1", "s", "1">>
      %j1 = sinter.broadcast %j0 : tensor<1x1x1x?x1xi64, #sinter.dims<"1", "1", "1", "s", "1">> -> tensor<?x1x1x?x1xi64, #sinter.dims<"b", "1", "1", "s", "1">>
      %ij = sinter.concat 4 (%i1, %j1) : (tensor<?x1x1x?x1xi64, #sinter.dims<"b", "1", "1", "s", "1">>, tensor<?x1x1x?x1xi64, #sinter.dims<"b", "1", "1", "s", "1">>) -> tensor<?x1x1x?x2xi64, #sinter.dims<"b", "1", "1", "s", "2">>
      %read = sinter.gather_nd %m[%ij] batch_dims 0 : (tensor<?x?xi1, #sinter.dims<"b", "s">>, tensor<?x1x1x?x2xi64, #sinter.dims<"b", "1", "1", "s", "2">>) -> tensor<?x1x1x?xi1, #sinter.dims<"b", "1", "1", "s">>
      %rows = sinter.reshape %ss : tensor<?xi64, #sinter.dims<"s">> -> tensor<?x1xi64, #sinter.dims<"s", "1">>
      %causal = sinter.elementwise less_equal(%ss, %rows) : (tensor<?xi64, #sinter.dims<"s">>, tensor<?x1xi64, #sinter.dims<"s", "1">>) -> tensor<?x?xi1, #sinter.dims<"s", "s">>
      %seen = sinter.elementwise logical_and(%causal, %read) : (tensor<?x?xi1, #sinter.dims<"s", "s">>, tensor<?x1x1x?xi1, #sinter.dims<"b", "1", "1", "s">>) -> tensor<?x1x?x?xi1, #sinter.dims<"b", "1", "s", "s">>
      %keep = sinter.constant dense<0.0> : tensor<f32>
      %low = sinter.constant dense<-3.40282347E+38> : tensor<f32>
      %bias = sinter.elementwise select(%seen, %keep, %low) : (tensor<?x1x?x?xi1, #sinter.dims<"b", "1", "s", "s">>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32, #sinter.dims<"b", "1", "s", "s">>
      %qt = sinter.transpose %q [0, 2, 1, 3] : tensor<?x?x4x8xf32, #sinter.dims<"b", "s", "4", "8">> -> tensor<?x4x?x8xf32, #sinter.dims<"b", "4", "s", "8">>
      %kt = sinter.transpose %q [0, 2, 3, 1] : tensor<?x?x4x8xf32, #sinter.dims<"b", "s", "4", "8">> -> tensor<?x4x8x?xf32, #sinter.dims<"b", "4", "8", "s">>
      %p = sinter.matmul %qt, %kt : (tensor<?x4x?x8xf32, #sinter.dims<"b", "4", "s", "8">>, tensor<?x4x8x?xf32, #sinter.dims<"b", "4", "8", "s">>) -> tensor<?x4x?x?xf32, #sinter.dims<"b", "4", "s", "s">>
      %scale = sinter.constant dense<0.353553> : tensor<f32>
      %scaled = sinter.elementwise mul(%p, %scale) : (tensor<?x4x?x?xf32, #sinter.dims<"b", "4", "s", "s">>, tensor<f32>) -> tensor<?x4x?x?xf32, #sinter.dims<"b", "4", "s", "s">>
      %masked = sinter.elementwise add(%scaled, %bias) : (tensor<?x4x?x?xf32, #sinter.dims<"b", "4", "s", "s">>, tensor<?x1x?x?xf32, #sinter.dims<"b", "1", "s", "s">>) -> tensor<?x4x?x?xf32, #sinter.dims<"b", "4", "s", "s">>
      %soft = sinter.softmax %masked axis 3 : tensor<?x4x?x?xf32, #sinter.dims<"b", "4", "s", "s">>
      %mix = sinter.matmul %soft, %qt : (tensor<?x4x?x?xf32, #sinter.dims<"b", "4", "s", "s">>, tensor<?x4x?x8xf32, #sinter.dims<"b", "4", "s", "8">>) -> tensor<?x4x?x8xf32, #sinter.dims<"b", "4", "s", "8">>
      %back = sinter.transpose %mix [0, 2, 1, 3] : tensor<?x4x?x8xf32, #sinter.dims<"b", "4", "s", "8">> -> tensor<?x?x4x8xf32, #sinter.dims<"b", "s", "4", "8">>
      %out = sinter.reshape %back : tensor<?x?x4x8xf32, #sinter.dims<"b", "s", "4", "8">> -> tensor<?x?x32xf32, #sinter.dims<"b", "s", "32">>
      return %out : tensor<?x?x32xf32, #sinter.dims<"b", "s", "32">>
    })mlir";
  // A row without padding, one padded at its end, one at its beginning, one masked altogether.
  HostTensor mask = i64({4, 5}, {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0});
  std::map<std::string, int> counts = expectSame(text, {noise({4, 5, 4, 8}, 1), mask});
  EXPECT_EQ(counts["attention"], 1);
  EXPECT_EQ(counts["transpose"], 0);
  EXPECT_EQ(counts["gather_nd"], 0);
  // The sizes at which dimensions are 1.
  expectSame(text, {noise({1, 1, 4, 8}, 2), i64({1, 1}, {1})});
  expectSame(text, {noise({1, 3, 4, 8}, 3), i64({1, 3}, {0, 0, 0})});
}

/// torchscript: grouped queries are repeated, query and key scaled each, the mask replaces scores.
TEST(CanonicalTest, TorchscriptAttentionOfGroupedQueries) {
  std::string text = R"mlir(
    func.func @main(%q: tensor<2x7x6x4xf32> {sinter.name = "q"}, %k: tensor<2x5x2x4xf32> {sinter.name = "k"},
                    %v: tensor<2x5x2x3xf32> {sinter.name = "v"}, %mask: tensor<2x5xi64> {sinter.name = "mask"})
        -> (tensor<2x6x7x3xf32> {sinter.name = "out"}) {
      %root = sinter.constant dense<0.7> : tensor<f32>
      %zero = sinter.constant dense<0> : tensor<i64>
      %low = sinter.constant dense<-3.0e+38> : tensor<f32>
      %q1 = sinter.transpose %q [0, 2, 1, 3] : tensor<2x7x6x4xf32> -> tensor<2x6x7x4xf32>
      %q2 = sinter.elementwise mul(%q1, %root) : (tensor<2x6x7x4xf32>, tensor<f32>) -> tensor<2x6x7x4xf32>
      %k1 = sinter.transpose %k [0, 2, 1, 3] : tensor<2x5x2x4xf32> -> tensor<2x2x5x4xf32>
      %k2 = sinter.reshape %k1 : tensor<2x2x5x4xf32> -> tensor<2x2x1x5x4xf32>
      %k3 = sinter.broadcast %k2 : tensor<2x2x1x5x4xf32> -> tensor<2x2x3x5x4xf32>
      %k4 = sinter.reshape %k3 : tensor<2x2x3x5x4xf32> -> tensor<2x6x5x4xf32>
      %k5 = sinter.transpose %k4 [0, 1, 3, 2] : tensor<2x6x5x4xf32> -> tensor<2x6x4x5xf32>
      %k6 = sinter.elementwise mul(%k5, %root) : (tensor<2x6x4x5xf32>, tensor<f32>) -> tensor<2x6x4x5xf32>
      %v1 = sinter.transpose %v [0, 2, 1, 3] : tensor<2x5x2x3xf32> -> tensor<2x2x5x3xf32>
      %v2 = sinter.reshape %v1 : tensor<2x2x5x3xf32> -> tensor<2x2x1x5x3xf32>
      %v3 = sinter.broadcast %v2 : tensor<2x2x1x5x3xf32> -> tensor<2x2x3x5x3xf32>
      %v4 = sinter.reshape %v3 : tensor<2x2x3x5x3xf32> -> tensor<2x6x5x3xf32>
      %m1 = sinter.reshape %mask : tensor<2x5xi64> -> tensor<2x1x1x5xi64>
      %m2 = sinter.elementwise equal(%m1, %zero) : (tensor<2x1x1x5xi64>, tensor<i64>) -> tensor<2x1x1x5xi1>
      %m3 = sinter.broadcast %m2 : tensor<2x1x1x5xi1> -> tensor<2x6x7x5xi1>
      %s1 = sinter.matmul %q2, %k6 : (tensor<2x6x7x4xf32>, tensor<2x6x4x5xf32>) -> tensor<2x6x7x5xf32>
      %s2 = sinter.elementwise select(%m3, %low, %s1) : (tensor<2x6x7x5xi1>, tensor<f32>, tensor<2x6x7x5xf32>) -> tensor<2x6x7x5xf32>
      %s3 = sinter.softmax %s2 axis 3 : tensor<2x6x7x5xf32>
      %out = sinter.matmul %s3, %v4 : (tensor<2x6x7x5xf32>, tensor<2x6x5x3xf32>) -> tensor<2x6x7x3xf32>
      return %out : tensor<2x6x7x3xf32>
    })mlir";
  std::map<std::string, int> counts =
      expectSame(text, {noise({2, 7, 6, 4}, 4), noise({2, 5, 2, 4}, 5), noise({2, 5, 2, 3}, 6),
                        i64({2, 5}, {1, 0, 1, 1, 0, 0, 0, 0, 0, 0})});
  EXPECT_EQ(counts["attention"], 1);
  EXPECT_EQ(counts["broadcast"], 0);
}

/// A guard against rows that see no key gives 0 for them, before and after.
TEST(CanonicalTest, GuardedSoftmaxKeepsItsZeros) {
  expectSame(R"mlir(
    func.func @main(%q: tensor<2x2x3x4xf32> {sinter.name = "q"}, %k: tensor<2x2x4x3xf32> {sinter.name = "k"},
                    %mask: tensor<2x1x1x3xi1> {sinter.name = "mask"}) -> (tensor<2x2x3x4xf32> {sinter.name = "out"}) {
      %zero = sinter.constant dense<0.0> : tensor<f32>
      %low = sinter.constant dense<0xFF800000> : tensor<f32>
      %0 = sinter.matmul %q, %k : (tensor<2x2x3x4xf32>, tensor<2x2x4x3xf32>) -> tensor<2x2x3x3xf32>
      %1 = sinter.elementwise select(%mask, %0, %low) : (tensor<2x1x1x3xi1>, tensor<2x2x3x3xf32>, tensor<f32>) -> tensor<2x2x3x3xf32>
      %2 = sinter.softmax %1 axis 3 : tensor<2x2x3x3xf32>
      %3 = sinter.elementwise is_nan(%2) : (tensor<2x2x3x3xf32>) -> tensor<2x2x3x3xi1>
      %4 = sinter.elementwise select(%3, %zero, %2) : (tensor<2x2x3x3xi1>, tensor<f32>, tensor<2x2x3x3xf32>) -> tensor<2x2x3x3xf32>
      %5 = sinter.matmul %4, %q : (tensor<2x2x3x3xf32>, tensor<2x2x3x4xf32>) -> tensor<2x2x3x4xf32>
      return %5 : tensor<2x2x3x4xf32>
    })mlir",
             {noise({2, 2, 3, 4}, 7), noise({2, 2, 4, 3}, 8), bools({2, 1, 1, 3}, {1, 0, 1, 0, 0, 0})});
}

/// Older exports multiply many matrices with batch and heads in one dimension, and split it only to add the mask.
TEST(CanonicalTest, AttentionOfMergedBatchAndHeads) {
  std::map<std::string, int> counts =
      expectSame(R"mlir(
    func.func @main(%x: tensor<2x5x12xf32> {sinter.name = "x"}, %wq: tensor<12x12xf32> {sinter.name = "wq"},
                    %wk: tensor<12x12xf32> {sinter.name = "wk"}, %mask: tensor<2x1x5x5xf32> {sinter.name = "mask"})
        -> (tensor<2x5x12xf32> {sinter.name = "out"}) {
      %half = sinter.constant dense<0.5> : tensor<f32>
      %q0 = sinter.matmul %x, %wq : (tensor<2x5x12xf32>, tensor<12x12xf32>) -> tensor<2x5x12xf32>
      %q1 = sinter.elementwise mul(%q0, %half) : (tensor<2x5x12xf32>, tensor<f32>) -> tensor<2x5x12xf32>
      %q2 = sinter.reshape %q1 : tensor<2x5x12xf32> -> tensor<2x5x3x4xf32>
      %q3 = sinter.transpose %q2 [0, 2, 1, 3] : tensor<2x5x3x4xf32> -> tensor<2x3x5x4xf32>
      %q = sinter.reshape %q3 : tensor<2x3x5x4xf32> -> tensor<6x5x4xf32>
      %k0 = sinter.matmul %x, %wk : (tensor<2x5x12xf32>, tensor<12x12xf32>) -> tensor<2x5x12xf32>
      %k1 = sinter.reshape %k0 : tensor<2x5x12xf32> -> tensor<2x5x3x4xf32>
      %k2 = sinter.transpose %k1 [0, 2, 1, 3] : tensor<2x5x3x4xf32> -> tensor<2x3x5x4xf32>
      %k = sinter.reshape %k2 : tensor<2x3x5x4xf32> -> tensor<6x5x4xf32>
      %kt = sinter.transpose %k [0, 2, 1] : tensor<6x5x4xf32> -> tensor<6x4x5xf32>
      %s0 = sinter.matmul %q, %kt : (tensor<6x5x4xf32>, tensor<6x4x5xf32>) -> tensor<6x5x5xf32>
      %s1 = sinter.reshape %s0 : tensor<6x5x5xf32> -> tensor<2x3x5x5xf32>
      %s2 = sinter.elementwise add(%s1, %mask) : (tensor<2x3x5x5xf32>, tensor<2x1x5x5xf32>) -> tensor<2x3x5x5xf32>
      %s3 = sinter.reshape %s2 : tensor<2x3x5x5xf32> -> tensor<6x5x5xf32>
      %p = sinter.softmax %s3 axis 2 : tensor<6x5x5xf32>
      %a0 = sinter.matmul %p, %k : (tensor<6x5x5xf32>, tensor<6x5x4xf32>) -> tensor<6x5x4xf32>
      %a1 = sinter.reshape %a0 : tensor<6x5x4xf32> -> tensor<2x3x5x4xf32>
      %a2 = sinter.transpose %a1 [0, 2, 1, 3] : tensor<2x3x5x4xf32> -> tensor<2x5x3x4xf32>
      %out = sinter.reshape %a2 : tensor<2x5x3x4xf32> -> tensor<2x5x12xf32>
      return %out : tensor<2x5x12xf32>
    })mlir",
                 {noise({2, 5, 12}, 13), noise({12, 12}, 14), noise({12, 12}, 15), noise({2, 1, 5, 5}, 16)});
  EXPECT_EQ(counts["attention"], 1);
  EXPECT_EQ(counts["transpose"], 0);
}

/// A causal mask alone needs no bias.
TEST(CanonicalTest, CausalMaskOfReplacedScores) {
  std::string text = R"mlir(
    sinter.symbol @s axis "q" 2 {low = 1 : i64}
    func.func @main(%q: tensor<1x2x?x4xf32, #sinter.dims<"1", "2", "s", "4">> {sinter.name = "q"})
        -> (tensor<1x2x?x4xf32, #sinter.dims<"1", "2", "s", "4">> {sinter.name = "out"}) {
      %zero = sinter.constant dense<0> : tensor<i64>
      %one = sinter.constant dense<1> : tensor<i64>
      %low = sinter.constant dense<-3.0e+38> : tensor<f32>
      %k = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"s">>
      %r0 = sinter.elementwise add(%k, %one) : (tensor<?xi64, #sinter.dims<"s">>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"s">>
      %r = sinter.reshape %r0 : tensor<?xi64, #sinter.dims<"s">> -> tensor<?x1xi64, #sinter.dims<"s", "1">>
      %m = sinter.elementwise less(%k, %r) : (tensor<?xi64, #sinter.dims<"s">>, tensor<?x1xi64, #sinter.dims<"s", "1">>) -> tensor<?x?xi1, #sinter.dims<"s", "s">>
      %t = sinter.transpose %q [0, 1, 3, 2] : tensor<1x2x?x4xf32, #sinter.dims<"1", "2", "s", "4">> -> tensor<1x2x4x?xf32, #sinter.dims<"1", "2", "4", "s">>
      %0 = sinter.matmul %q, %t : (tensor<1x2x?x4xf32, #sinter.dims<"1", "2", "s", "4">>, tensor<1x2x4x?xf32, #sinter.dims<"1", "2", "4", "s">>) -> tensor<1x2x?x?xf32, #sinter.dims<"1", "2", "s", "s">>
      %1 = sinter.elementwise select(%m, %0, %low) : (tensor<?x?xi1, #sinter.dims<"s", "s">>, tensor<1x2x?x?xf32, #sinter.dims<"1", "2", "s", "s">>, tensor<f32>) -> tensor<1x2x?x?xf32, #sinter.dims<"1", "2", "s", "s">>
      %2 = sinter.softmax %1 axis 3 : tensor<1x2x?x?xf32, #sinter.dims<"1", "2", "s", "s">>
      %3 = sinter.matmul %2, %q : (tensor<1x2x?x?xf32, #sinter.dims<"1", "2", "s", "s">>, tensor<1x2x?x4xf32, #sinter.dims<"1", "2", "s", "4">>) -> tensor<1x2x?x4xf32, #sinter.dims<"1", "2", "s", "4">>
      return %3 : tensor<1x2x?x4xf32, #sinter.dims<"1", "2", "s", "4">>
    })mlir";
  for (int64_t length : {1, 2, 6}) {
    std::map<std::string, int> counts = expectSame(text, {noise({1, 2, length, 4}, 12)});
    EXPECT_EQ(counts["attention"], 1);
    EXPECT_EQ(counts["less"] + counts["select"], 0);
  }
}

/// A decoder's first steps: table of positions, RMS norm, rotation of part of a head, gate.
TEST(CanonicalTest, PositionsNormsRotationAndGate) {
  std::string text = R"mlir(
    sinter.symbol @s axis "x" 1 {low = 1 : i64, high = 16 : i64}
    func.func @main(%x: tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">> {sinter.name = "x"},
                    %table: tensor<18x8xf32> {sinter.name = "table"}, %scale: tensor<8xf32> {sinter.name = "scale"})
        -> (tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">> {sinter.name = "out"}) {
      %zero = sinter.constant dense<0> : tensor<i64>
      %one = sinter.constant dense<1> : tensor<i64>
      %two = sinter.constant dense<2> : tensor<i64>
      %r = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"s">>
      %r2 = sinter.elementwise add(%r, %two) : (tensor<?xi64, #sinter.dims<"s">>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"s">>
      %r3 = sinter.broadcast %r2 : tensor<?xi64, #sinter.dims<"s">> -> tensor<2x?xi64, #sinter.dims<"2", "s">>
      %t = sinter.gather %table[%r3] axis 0 : (tensor<18x8xf32>, tensor<2x?xi64, #sinter.dims<"2", "s">>) -> tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
      %x1 = sinter.elementwise add(%x, %t) : (tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>, tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>) -> tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
      %p = sinter.constant dense<2.0> : tensor<f32>
      %e = sinter.constant dense<1.0e-6> : tensor<f32>
      %f1 = sinter.constant dense<1.0> : tensor<f32>
      %n1 = sinter.elementwise pow(%x1, %p) : (tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>, tensor<f32>) -> tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
      %n2 = sinter.reduce mean %n1 [2] {keep_dims} : tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">> -> tensor<2x?x1xf32, #sinter.dims<"2", "s", "1">>
      %n3 = sinter.elementwise add(%n2, %e) : (tensor<2x?x1xf32, #sinter.dims<"2", "s", "1">>, tensor<f32>) -> tensor<2x?x1xf32, #sinter.dims<"2", "s", "1">>
      %n4 = sinter.elementwise sqrt(%n3) : (tensor<2x?x1xf32, #sinter.dims<"2", "s", "1">>) -> tensor<2x?x1xf32, #sinter.dims<"2", "s", "1">>
      %n5 = sinter.elementwise div(%f1, %n4) : (tensor<f32>, tensor<2x?x1xf32, #sinter.dims<"2", "s", "1">>) -> tensor<2x?x1xf32, #sinter.dims<"2", "s", "1">>
      %n6 = sinter.elementwise mul(%x1, %n5) : (tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>, tensor<2x?x1xf32, #sinter.dims<"2", "s", "1">>) -> tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
      %n = sinter.elementwise mul(%scale, %n6) : (tensor<8xf32>, tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>) -> tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
      %fr = sinter.constant dense<[1.0, 0.1]> : tensor<2xf32>
      %a0 = sinter.cast %r : tensor<?xi64, #sinter.dims<"s">> -> tensor<?xf32, #sinter.dims<"s">>
      %a1 = sinter.reshape %a0 : tensor<?xf32, #sinter.dims<"s">> -> tensor<?x1xf32, #sinter.dims<"s", "1">>
      %a2 = sinter.elementwise mul(%a1, %fr) : (tensor<?x1xf32, #sinter.dims<"s", "1">>, tensor<2xf32>) -> tensor<?x2xf32, #sinter.dims<"s", "2">>
      %a3 = sinter.concat 1 (%a2, %a2) : (tensor<?x2xf32, #sinter.dims<"s", "2">>, tensor<?x2xf32, #sinter.dims<"s", "2">>) -> tensor<?x4xf32, #sinter.dims<"s", "4">>
      %cos = sinter.elementwise cos(%a3) : (tensor<?x4xf32, #sinter.dims<"s", "4">>) -> tensor<?x4xf32, #sinter.dims<"s", "4">>
      %sin = sinter.elementwise sin(%a3) : (tensor<?x4xf32, #sinter.dims<"s", "4">>) -> tensor<?x4xf32, #sinter.dims<"s", "4">>
      %h = sinter.slice %n starts <"0", "0", "0"> steps <"1", "1", "1"> : tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">> -> tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>
      %rest = sinter.slice %n starts <"0", "0", "4"> steps <"1", "1", "1"> : tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">> -> tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>
      %h1 = sinter.slice %h starts <"0", "0", "0"> steps <"1", "1", "1"> : tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">> -> tensor<2x?x2xf32, #sinter.dims<"2", "s", "2">>
      %h2 = sinter.slice %h starts <"0", "0", "2"> steps <"1", "1", "1"> : tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">> -> tensor<2x?x2xf32, #sinter.dims<"2", "s", "2">>
      %h3 = sinter.elementwise neg(%h2) : (tensor<2x?x2xf32, #sinter.dims<"2", "s", "2">>) -> tensor<2x?x2xf32, #sinter.dims<"2", "s", "2">>
      %h4 = sinter.concat 2 (%h3, %h1) : (tensor<2x?x2xf32, #sinter.dims<"2", "s", "2">>, tensor<2x?x2xf32, #sinter.dims<"2", "s", "2">>) -> tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>
      %h5 = sinter.elementwise mul(%h, %cos) : (tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>, tensor<?x4xf32, #sinter.dims<"s", "4">>) -> tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>
      %h6 = sinter.elementwise mul(%h4, %sin) : (tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>, tensor<?x4xf32, #sinter.dims<"s", "4">>) -> tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>
      %h7 = sinter.elementwise add(%h5, %h6) : (tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>, tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>) -> tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>
      %y = sinter.concat 2 (%h7, %rest) : (tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>, tensor<2x?x4xf32, #sinter.dims<"2", "s", "4">>) -> tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
      %g = sinter.elementwise sigmoid(%y) : (tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>) -> tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
      %out = sinter.elementwise mul(%g, %y) : (tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>, tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>) -> tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
      return %out : tensor<2x?x8xf32, #sinter.dims<"2", "s", "8">>
    })mlir";
  for (int64_t length : {1, 5, 16}) {
    std::map<std::string, int> counts =
        expectSame(text, {noise({2, length, 8}, 9), noise({18, 8}, 10), noise({8}, 11)});
    EXPECT_EQ(counts["rms_norm"], 1);
    EXPECT_EQ(counts["rotary"], 1);
    EXPECT_EQ(counts["silu"], 1);
    EXPECT_EQ(counts["gather"], 0);
    EXPECT_EQ(counts["concat"], 0);
  }
}

} // namespace
