//===- InterpreterTest.cpp - Whole programs in the interpreter -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"

using namespace sinter;
using namespace sinter::testing;

namespace {

TEST(Interpreter, EveryOpHasAKernel) {
  unsigned count = 0;
  for (mlir::RegisteredOperationName name : getContext().getRegisteredOperations()) {
    llvm::StringRef op = name.getStringRef();
    // What declares something at the top of a module computes nothing, and a kernel is run as its body.
    if (name.getDialectNamespace() != "sinter" || op == "sinter.symbol" || op == "sinter.check" ||
        op == "sinter.weight" || op == "sinter.state" || op == "sinter.kernel" || op == "sinter.yield")
      continue;
    EXPECT_TRUE(hasKernel(op)) << op.str();
    ++count;
  }
  EXPECT_GT(count, 20u);
  EXPECT_FALSE(hasKernel("sinter.symbol"));
}

const char *dynamicProgram = R"mlir(
  sinter.symbol @s21 axis "input_ids" 1 {low = 1 : i64, high = 8 : i64}
  sinter.symbol @"count[1]" element "count" 1 {low = 0 : i64}
  sinter.check "attention_mask" 1 declared "s12" size <"s21">
  func.func @main(%ids: tensor<2x?xi64, #sinter.dims<"2", "s21">> {sinter.name = "input_ids"},
                  %mask: tensor<2x?xi64, #sinter.dims<"2", "s21">> {sinter.name = "attention_mask"},
                  %count: tensor<2xi32> {sinter.name = "count"})
      -> (tensor<2x?xi64, #sinter.dims<"2", "s21">>, tensor<2xi64>) {
    %0 = sinter.elementwise add(%ids, %mask) : (tensor<2x?xi64, #sinter.dims<"2", "s21">>,
        tensor<2x?xi64, #sinter.dims<"2", "s21">>) -> tensor<2x?xi64, #sinter.dims<"2", "s21">>
    %1 = sinter.sizes <"2 * s21 + 1", "count[1]"> : tensor<2xi64>
    return %0, %1 : tensor<2x?xi64, #sinter.dims<"2", "s21">>, tensor<2xi64>
  }
)mlir";

TEST(Interpreter, SizesComeFromTheInputs) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(dynamicProgram);
  llvm::Expected<std::vector<HostTensor>> results =
      interpret(*module, {i64({2, 3}, {1, 2, 3, 4, 5, 6}), i64({2, 3}, {10, 20, 30, 40, 50, 60}), i32({2}, {7, 9})});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectElements<int64_t>((*results)[0], {11, 22, 33, 44, 55, 66});
  EXPECT_EQ((*results)[0].dims, (std::vector<int64_t>{2, 3}));
  expectElements<int64_t>((*results)[1], {7, 9});
}

TEST(Interpreter, RefusesInputsByName) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(dynamicProgram);
  HostTensor ids = i64({2, 3}, {1, 2, 3, 4, 5, 6}), count = i32({2}, {7, 9});
  auto run = [&](const std::vector<HostTensor> &inputs) { return messageOf(interpret(*module, inputs)); };

  EXPECT_EQ(run({ids, i64({2, 5}, std::vector<int64_t>(10)), count}),
            "input 'attention_mask': axis 1 (s12) has size 5, required s21 = 3");
  EXPECT_EQ(run({i64({2, 9}, std::vector<int64_t>(18)), ids, count}),
            "input 'input_ids': axis 1 has size 9, required s21 from 1 to 8");
  EXPECT_EQ(run({i64({2, 0}, {}), i64({2, 0}, {}), count}),
            "input 'input_ids': axis 1 has size 0, required s21 from 1 to 8");
  EXPECT_EQ(run({i64({3, 2}, std::vector<int64_t>(6)), i64({2, 2}, std::vector<int64_t>(4)), count}),
            "input 'input_ids': axis 0 has size 3, required 2");
  EXPECT_EQ(run({ids, ids, i32({2}, {7, -1})}), "input 'count': element 1 is -1, required count[1] of at least 0");
  EXPECT_EQ(run({ids, ids, i64({2}, {7, 9})}), "input 'count' has elements of type i64, required i32");
  EXPECT_EQ(run({ids, i64({6}, std::vector<int64_t>(6)), count}), "input 'attention_mask' has rank 1, required 2");
  EXPECT_EQ(run({ids, ids}), "2 inputs are given, required 3");
}

TEST(Interpreter, RefusalsHaveTheStatusOfUnusableInput) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(dynamicProgram);
  Failure failure = takeFailure(interpret(*module, {}).takeError());
  EXPECT_EQ(failure.status, ExitStatus::Unusable);
}

TEST(Interpreter, TheObserverSeesEachResultAndCanStop) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    func.func @main(%a: tensor<2xf32>) -> tensor<2xf32> {
      %0 = sinter.elementwise neg(%a) : (tensor<2xf32>) -> tensor<2xf32> loc("first")
      %1 = sinter.elementwise abs(%0) : (tensor<2xf32>) -> tensor<2xf32> loc(fused["second", "third"])
      return %1 : tensor<2xf32>
    })mlir");
  std::vector<std::string> seen;
  InterpretOptions options;
  options.observe = [&](mlir::Operation *op, const HostTensor &result) -> llvm::Error {
    seen.push_back(getNodeName(op) + " " + std::to_string(result.as<float>()[0]));
    return seen.size() == 2 ? unusable("enough") : llvm::Error::success();
  };
  EXPECT_EQ(messageOf(interpret(*module, {f32({2}, {1, 2})}, options)), "enough");
  EXPECT_EQ(seen, (std::vector<std::string>{"first -1.000000", "second 1.000000"}));
}

TEST(Interpreter, ParametersAreReadByTheCaller) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    module attributes {sinter.files = ["w"]} {
    sinter.weight @table raw 0 at 0 length 16 : tensor<2x2xf32>
    func.func @main() -> tensor<2x2xf32> {
      %0 = sinter.parameter @table : tensor<2x2xf32> loc("embedding")
      return %0 : tensor<2x2xf32>
    }})mlir");
  EXPECT_EQ(messageOf(interpret(*module, {})), "node 'embedding': nothing reads the weight 'table'");
  InterpretOptions options;
  options.readWeight = [](WeightOp weight) -> llvm::Expected<HostTensor> { return f32({2, 2}, {1, 2, 3, 4}); };
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, {}, options);
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectElements<float>((*results)[0], {1, 2, 3, 4});
  options.readWeight = [](WeightOp weight) -> llvm::Expected<HostTensor> { return f32({4}, {1, 2, 3, 4}); };
  EXPECT_EQ(messageOf(interpret(*module, {}, options)),
            "node 'embedding': the weight 'table' is read with another type or sizes than it declares");
}

TEST(Interpreter, AKernelRunsAsItsBody) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    func.func @main(%a: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
      %0:2 = sinter.kernel "loop" (%a) : (tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
      ^bb0(%x: tensor<2xf32>):
        %1 = sinter.elementwise neg(%x) : (tensor<2xf32>) -> tensor<2xf32>
        %2 = sinter.elementwise abs(%1) : (tensor<2xf32>) -> tensor<2xf32>
        sinter.yield %1, %2 : tensor<2xf32>, tensor<2xf32>
      }
      return %0#0, %0#1 : tensor<2xf32>, tensor<2xf32>
    })mlir");
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, {f32({2}, {1, -2})});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectElements<float>((*results)[0], {-1, 2});
  expectElements<float>((*results)[1], {1, 2});
}

TEST(Interpreter, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(messageOf(interpret(*parse("func.func @other() { return }"), {})),
            "the module has no function @main of one block");
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    func.func private @other(tensor<1xf32>) -> tensor<1xf32>
    func.func @main(%a: tensor<1xf32>) -> tensor<1xf32> {
      %0 = func.call @other(%a) : (tensor<1xf32>) -> tensor<1xf32> loc("caller")
      return %0 : tensor<1xf32>
    })mlir");
  Failure failure = takeFailure(interpret(*module, {f32({1}, {1})}).takeError());
  EXPECT_EQ(failure.message, "the interpreter does not run 'func.call' (node 'caller')");
  EXPECT_EQ(failure.status, ExitStatus::Unsupported);
}

TEST(Interpreter, SizesFromElementsOfInputs) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    sinter.symbol @"scale[1]" element "scale" 1 {low = 1 : i64}
    func.func @main(%a: tensor<?xf32, #sinter.dims<"n">> {sinter.name = "scale"}) -> tensor<1xi64> {
      %0 = sinter.sizes <"scale[1]"> : tensor<1xi64>
      return %0 : tensor<1xi64>
    }
    sinter.symbol @n axis "scale" 0 {low = 1 : i64})mlir");
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, {f32({2}, {1, 2.75})});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectElements<int64_t>((*results)[0], {2});
  EXPECT_EQ(messageOf(interpret(*module, {f32({1}, {3})})),
            "input 'scale': element 1 is needed as the size 'scale[1]', and it has 1 of type f32");
}

TEST(Interpreter, SizesWithoutAValueAreRefused) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    sinter.symbol @n axis "x" 0 {low = 1 : i64}
    func.func @main(%a: tensor<?xf32, #sinter.dims<"n">> {sinter.name = "x"})
        -> tensor<?xf32, #sinter.dims<"n - 2">> {
      %0 = sinter.pad constant %a low <"0"> high <"-2"> : (tensor<?xf32, #sinter.dims<"n">>)
          -> tensor<?xf32, #sinter.dims<"n - 2">> loc("shorten")
      %1 = sinter.sizes <"floordiv(6, n - 4)"> : tensor<1xi64> loc("divide")
      %2 = sinter.gather %0[%1] axis 0 : (tensor<?xf32, #sinter.dims<"n - 2">>, tensor<1xi64>) -> tensor<1xf32>
      return %0 : tensor<?xf32, #sinter.dims<"n - 2">>
    })mlir");
  EXPECT_EQ(messageOf(interpret(*module, {f32({1}, {1})})), "node 'shorten': a size of the result, n - 2, is -1");
  EXPECT_EQ(messageOf(interpret(*module, {f32({4}, {1, 2, 3, 4})})),
            "node 'divide': 'floordiv(6, n - 4)' has no value at these sizes");
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, {f32({10}, std::vector<float>(10, 1))});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  EXPECT_EQ((*results)[0].dims, std::vector<int64_t>{8});
}

TEST(Interpreter, ResultsMayBeInputsAndComeTwice) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    func.func @main(%a: tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>) {
      return %a, %a : tensor<1xf32>, tensor<1xf32>
    })mlir");
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, {f32({1}, {3})});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectElements<float>((*results)[1], {3});
}

TEST(Interpreter, ConstantsOfEveryType) {
  struct Case {
    const char *text, *type;
    std::vector<double> expected;
  };
  for (const Case &c : std::vector<Case>{{"dense<[1.5, -2.0]>", "tensor<2xf16>", {1.5, -2}},
                                         {"dense<[1.5, -2.0]>", "tensor<2xbf16>", {1.5, -2}},
                                         {"dense<[1.5, -2.0]>", "tensor<2xf64>", {1.5, -2}},
                                         {"dense<[true, false, true]>", "tensor<3xi1>", {1, 0, 1}},
                                         {"dense<true>", "tensor<3xi1>", {1, 1, 1}},
                                         {"dense<[-128, 127]>", "tensor<2xi8>", {-128, 127}},
                                         {"dense<[255, 1]>", "tensor<2xui8>", {255, 1}},
                                         {"dense<-7>", "tensor<2x2xi16>", {-7, -7, -7, -7}},
                                         {"dense<4000000000>", "tensor<ui32>", {4e9}},
                                         {"dense<[]>", "tensor<0xi64>", {}}}) {
    HostTensor result = evaluate("constant " + std::string(c.text), {}, c.type, c.type);
    expectNear(result, c.expected, 0);
  }
}

TEST(Interpreter, StatesLastFromRunToRun) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    sinter.state @s axis 1 : tensor<2x3x2xi32>
    func.func @main(%p: tensor<2xi64>, %x: tensor<2x2x2xi32>) -> tensor<2x3x2xi32> {
      %0 = sinter.update_state @s[%p], %x : (tensor<2xi64>, tensor<2x2x2xi32>) -> tensor<2x3x2xi32>
      return %0 : tensor<2x3x2xi32>
    })mlir");
  HostTensor a = i32({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), b = i32({2, 2, 2}, {-1, -2, -3, -4, -5, -6, -7, -8});
  StateValues states;
  InterpretOptions options;
  options.states = &states;
  auto run = [&](const std::vector<int64_t> &positions, const HostTensor &rows) {
    return llvm::cantFail(interpret(*module, {i64({2}, positions), rows}, options))[0];
  };
  expectElements<int32_t>(run({0, 2}, a), {1, 2, 0, 0, 3, 4, 5, 6, 0, 0, 7, 8});
  // What is not there is not written, and of two rows the later one stays.
  expectElements<int32_t>(run({3, -1}, b), {1, 2, 0, 0, 3, 4, 5, 6, 0, 0, 7, 8});
  expectElements<int32_t>(run({1, 1}, b), {1, 2, -3, -4, 3, 4, 5, 6, -7, -8, 7, 8});
  states.clear();
  expectElements<int32_t>(run({0, 3}, b), {-1, -2, 0, 0, 0, 0, -5, -6, 0, 0, 0, 0});

  states["s"] = i32({6}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(messageOf(interpret(*module, {i64({2}, {0, 1}), a}, options)),
            "node 'sinter.update_state': the state 's' is kept with another type or sizes than it declares");
  EXPECT_EQ(messageOf(interpret(*module, {i64({2}, {0, 1}), a})),
            "node 'sinter.update_state': nothing keeps the state 's'");
}

TEST(Interpreter, LargeProductsDoNotDependOnThreads) {
  HostTensor a = f32({3, 65, 70}, makeNoise(3 * 65 * 70, 1)), b = f32({70, 90}, makeNoise(70 * 90, 2));
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    func.func @main(%a: tensor<3x65x70xf32>, %b: tensor<70x90xf32>) -> tensor<3x65x90xf32> {
      %0 = sinter.matmul %a, %b : (tensor<3x65x70xf32>, tensor<70x90xf32>) -> tensor<3x65x90xf32>
      return %0 : tensor<3x65x90xf32>
    })mlir");
  InterpretOptions one, seven;
  one.numThreads = 1;
  seven.numThreads = 7;
  EXPECT_EQ(llvm::cantFail(interpret(*module, {a, b}, one))[0].data,
            llvm::cantFail(interpret(*module, {a, b}, seven))[0].data);
}

} // namespace
