//===- InterpreterShapeTest.cpp - Rearrangements and indexing --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"

using namespace sinter;
using namespace sinter::testing;

namespace {

HostTensor count(std::vector<int64_t> dims) {
  HostTensor tensor(ElementType::F32, std::move(dims));
  std::iota(tensor.as<float>().begin(), tensor.as<float>().end(), 0.0f);
  return tensor;
}

HostTensor rearrange(const std::string &op, const HostTensor &input, const std::string &result) {
  return evaluate(op, {input}, result, typeText(input) + " -> " + result);
}

TEST(InterpreterShape, ReshapeKeepsTheOrder) {
  expectElements<float>(rearrange("reshape %0", count({2, 3}), "tensor<3x1x2xf32>"), {0, 1, 2, 3, 4, 5});
}

TEST(InterpreterShape, ReshapeChecksSizesOfTheRun) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    sinter.symbol @n axis "x" 0 {low = 1 : i64}
    func.func @main(%x: tensor<?xf32, #sinter.dims<"n">> {sinter.name = "x"})
        -> tensor<2x?xf32, #sinter.dims<"2", "floordiv(n, 2)">> {
      %0 = sinter.reshape %x : tensor<?xf32, #sinter.dims<"n">>
          -> tensor<2x?xf32, #sinter.dims<"2", "floordiv(n, 2)">> loc("halve")
      return %0 : tensor<2x?xf32, #sinter.dims<"2", "floordiv(n, 2)">>
    })mlir");
  EXPECT_EQ(messageOf(interpret(*module, {count({6})})), "no error");
  EXPECT_EQ(messageOf(interpret(*module, {count({5})})), "node 'halve': a tensor of sizes 5 cannot become 2x2");
}

TEST(InterpreterShape, Broadcast) {
  expectElements<float>(rearrange("broadcast %0", count({3, 1}), "tensor<2x3x2xf32>"),
                        {0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2});
  expectElements<float>(rearrange("broadcast %0", f32({}, {7}), "tensor<3xf32>"), {7, 7, 7});
  expectElements<float>(rearrange("broadcast %0", f32({1}, {7}), "tensor<0xf32>"), {});
}

TEST(InterpreterShape, Transpose) {
  expectElements<float>(rearrange("transpose %0 [1, 0]", count({2, 3}), "tensor<3x2xf32>"), {0, 3, 1, 4, 2, 5});
  // result[i][j][k] = input[k][i][j]: the offset of input is 6 k + 2 i + j.
  HostTensor result = rearrange("transpose %0 [1, 2, 0]", count({2, 3, 2}), "tensor<3x2x2xf32>");
  expectElements<float>(result, {0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11});
}

TEST(InterpreterShape, Concat) {
  HostTensor a = count({2, 2}), b = f32({2, 1}, {10, 20}), none = f32({2, 0}, {});
  expectElements<float>(evaluate("concat 1 (%0, %1, %2)", {a, none, b}, "tensor<2x3xf32>"), {0, 1, 10, 2, 3, 20});
  expectElements<float>(evaluate("concat 0 (%0, %1)", {a, a}, "tensor<4x2xf32>"), {0, 1, 2, 3, 0, 1, 2, 3});
}

TEST(InterpreterShape, Slice) {
  HostTensor x = count({3, 4});
  expectElements<float>(rearrange("slice %0 starts <\"1\", \"0\"> steps <\"1\", \"2\">", x, "tensor<2x2xf32>"),
                        {4, 6, 8, 10});
  expectElements<float>(rearrange("slice %0 starts <\"2\", \"3\"> steps <\"-2\", \"-1\">", x, "tensor<2x4xf32>"),
                        {11, 10, 9, 8, 3, 2, 1, 0});
  expectElements<float>(rearrange("slice %0 starts <\"3\", \"0\"> steps <\"1\", \"1\">", x, "tensor<0x4xf32>"), {});
}

TEST(InterpreterShape, SliceStaysInside) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    sinter.symbol @"at[]" element "at" 0 {low = -100 : i64}
    func.func @main(%x: tensor<4xf32> {sinter.name = "x"}, %at: tensor<i64> {sinter.name = "at"}) -> tensor<2xf32> {
      %0 = sinter.slice %x starts <"at[]"> steps <"1"> : tensor<4xf32> -> tensor<2xf32> loc("cut")
      return %0 : tensor<2xf32>
    })mlir");
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, {count({4}), i64({}, {2})});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectElements<float>((*results)[0], {2, 3});
  EXPECT_EQ(messageOf(interpret(*module, {count({4}), i64({}, {3})})),
            "node 'cut': axis 0 has size 4, and 2 elements from 3 by 1 leave it");
  EXPECT_EQ(messageOf(interpret(*module, {count({4}), i64({}, {-1})})),
            "node 'cut': axis 0 has size 4, and 2 elements from -1 by 1 leave it");
}

TEST(InterpreterShape, PadFills) {
  HostTensor x = count({2, 2}), nine = f32({}, {9});
  expectElements<float>(
      evaluate("pad constant %0 value %1 low <\"0\", \"1\"> high <\"1\", \"0\">", {x, nine}, "tensor<3x3xf32>"),
      {9, 0, 1, 9, 2, 3, 9, 9, 9});
  expectElements<float>(evaluate("pad constant %0 low <\"0\", \"-1\"> high <\"0\", \"2\">", {x}, "tensor<2x3xf32>"),
                        {1, 0, 0, 3, 0, 0});
  HostTensor none = i64({0}, {}), seven = i64({}, {7});
  expectElements<int64_t>(evaluate("pad constant %0 value %1 low <\"1\"> high <\"1\">", {none, seven}, "tensor<2xi64>"),
                          {7, 7});
}

TEST(InterpreterShape, PadModes) {
  HostTensor x = count({3});
  auto pad = [&](const char *mode, int low, int high) {
    return evaluate(std::string("pad ") + mode + " %0 low <\"" + std::to_string(low) + "\"> high <\"" +
                        std::to_string(high) + "\">",
                    {x}, "tensor<" + std::to_string(3 + low + high) + "xf32>");
  };
  expectElements<float>(pad("edge", 2, 1), {0, 0, 0, 1, 2, 2});
  expectElements<float>(pad("reflect", 2, 2), {2, 1, 0, 1, 2, 1, 0});
  expectElements<float>(pad("reflect", 5, 0), {1, 0, 1, 2, 1, 0, 1, 2}); // goes there and back
  expectElements<float>(pad("wrap", 4, 2), {2, 0, 1, 2, 0, 1, 2, 0, 1});
  expectElements<float>(pad("edge", -1, 1), {1, 2, 2});
  expectElements<float>(evaluate("pad reflect %0 low <\"1\"> high <\"2\">", {f32({1}, {5})}, "tensor<4xf32>"),
                        {5, 5, 5, 5});
  EXPECT_EQ(messageOf(tryEvaluate("pad edge %0 low <\"1\"> high <\"0\">", {f32({0}, {})}, "tensor<1xf32>")),
            "node 'tested': there is no element to pad with");
}

TEST(InterpreterShape, Range) {
  expectElements<int64_t>(evaluate("range %0, %1", {i64({}, {5}), i64({}, {-2})}, "tensor<4xi64>"), {5, 3, 1, -1});
  expectNear(evaluate("range %0, %1", {f32({}, {1}), f32({}, {0.5})}, "tensor<3xf32>"), {1, 1.5, 2});
  expectElements<int32_t>(evaluate("range %0, %1", {i32({}, {0}), i32({}, {1})}, "tensor<0xi32>"), {});
}

//===----------------------------------------------------------------------===//
// Indexing
//===----------------------------------------------------------------------===//

TEST(InterpreterIndexing, GatherAlongEachAxis) {
  HostTensor x = count({3, 2}), rows = i64({2, 2}, {2, -1, 0, -3}), columns = i32({1}, {1});
  expectElements<float>(evaluate("gather %0[%1] axis 0", {x, rows}, "tensor<2x2x2xf32>"), {4, 5, 4, 5, 0, 1, 0, 1});
  expectElements<float>(evaluate("gather %0[%1] axis 1", {x, columns}, "tensor<3x1xf32>"), {1, 3, 5});
  expectElements<float>(evaluate("gather %0[%1] axis 0", {x, i64({}, {1})}, "tensor<2xf32>"), {2, 3});
  expectElements<float>(evaluate("gather %0[%1] axis 0", {x, i64({0}, {})}, "tensor<0x2xf32>"), {});
}

TEST(InterpreterIndexing, RefusesIndicesOutOfRange) {
  HostTensor x = count({3, 2});
  EXPECT_EQ(messageOf(tryEvaluate("gather %0[%1] axis 0", {x, i64({3}, {0, 1, 3})}, "tensor<3x2xf32>")),
            "node 'tested': element 2 of the indices is 3, outside a dimension of size 3");
  EXPECT_EQ(messageOf(tryEvaluate("gather %0[%1] axis 0", {x, i64({1}, {-4})}, "tensor<1x2xf32>")),
            "node 'tested': element 0 of the indices is -4, outside a dimension of size 3");
  EXPECT_EQ(messageOf(tryEvaluate("gather_elements %0[%1] axis 1", {x, i64({1, 2}, {0, 2})}, "tensor<1x2xf32>")),
            "node 'tested': element 1 of the indices is 2, outside a dimension of size 2");
  EXPECT_EQ(messageOf(tryEvaluate("gather_elements %0[%1] axis 1", {x, i64({4, 1}, {0, 0, 0, 0})}, "tensor<4x1xf32>")),
            "node 'tested': indices of sizes 4x1 reach beyond data of sizes 3x2");
  EXPECT_EQ(messageOf(tryEvaluate("gather_nd %0[%1] batch_dims 0", {x, i64({1, 2}, {2, 2})}, "tensor<1xf32>")),
            "node 'tested': element 1 of the indices is 2, outside a dimension of size 2");
  EXPECT_EQ(messageOf(tryEvaluate("scatter_nd add %0[%1], %2", {x, i64({1, 1}, {3}), f32({1, 2}, {0, 0})},
                                  "tensor<3x2xf32>")),
            "node 'tested': element 0 of the indices is 3, outside a dimension of size 3");
  EXPECT_EQ(messageOf(tryEvaluate("scatter_elements replace %0[%1], %2 axis 0",
                                  {x, i64({1, 1}, {-4}), f32({1, 1}, {0})}, "tensor<3x2xf32>")),
            "node 'tested': element 0 of the indices is -4, outside a dimension of size 3");
}

TEST(InterpreterIndexing, GatherElements) {
  HostTensor x = count({3, 3});
  expectElements<float>(
      evaluate("gather_elements %0[%1] axis 0", {x, i64({2, 3}, {1, 2, 0, -1, 0, 0})}, "tensor<2x3xf32>"),
      {3, 7, 2, 6, 1, 2});
  expectElements<float>(evaluate("gather_elements %0[%1] axis 1", {x, i64({2, 1}, {2, -2})}, "tensor<2x1xf32>"),
                        {2, 4});
}

TEST(InterpreterIndexing, GatherNd) {
  HostTensor x = count({2, 2, 2});
  expectElements<float>(evaluate("gather_nd %0[%1] batch_dims 0", {x, i64({2, 2}, {0, 1, 1, -2})}, "tensor<2x2xf32>"),
                        {2, 3, 4, 5});
  expectElements<float>(evaluate("gather_nd %0[%1] batch_dims 1", {x, i64({2, 1}, {1, 0})}, "tensor<2x2xf32>"),
                        {2, 3, 4, 5});
  expectElements<float>(
      evaluate("gather_nd %0[%1] batch_dims 1", {x, i64({2, 2, 2}, {0, 0, 1, 1, 0, 1, 1, 0})}, "tensor<2x2xf32>"),
      {0, 3, 5, 6});
}

TEST(InterpreterIndexing, ScatterElementsInOrder) {
  HostTensor x = f32({1, 4}, {1, 2, 3, 4}), at = i64({1, 3}, {1, 3, 1}), news = f32({1, 3}, {10, 20, 30});
  auto scatter = [&](const char *kind) {
    return evaluate(std::string("scatter_elements ") + kind + " %0[%1], %2 axis 1", {x, at, news}, "tensor<1x4xf32>");
  };
  expectElements<float>(scatter("replace"), {1, 30, 3, 20});
  expectElements<float>(scatter("add"), {1, 42, 3, 24});
  expectElements<float>(scatter("mul"), {1, 600, 3, 80});
  expectElements<float>(scatter("max"), {1, 30, 3, 20});
  expectElements<float>(scatter("min"), {1, 2, 3, 4});
  HostTensor y = count({2, 2});
  expectElements<float>(evaluate("scatter_elements replace %0[%1], %2 axis 0",
                                 {y, i64({1, 2}, {1, -2}), f32({1, 2}, {-1, -2})}, "tensor<2x2xf32>"),
                        {0, -2, -1, 3});
}

TEST(InterpreterIndexing, ScatterNdOfElementsAndSlices) {
  HostTensor x = i64({4}, {1, 2, 3, 4});
  expectElements<int64_t>(
      evaluate("scatter_nd add %0[%1], %2", {x, i64({3, 1}, {1, -1, 1}), i64({3}, {10, 20, 30})}, "tensor<4xi64>"),
      {1, 42, 3, 24});
  HostTensor y = count({2, 2});
  expectElements<float>(
      evaluate("scatter_nd replace %0[%1], %2", {y, i64({1, 1}, {1}), f32({1, 2}, {8, 9})}, "tensor<2x2xf32>"),
      {0, 1, 8, 9});
  expectElements<float>(
      evaluate("scatter_nd max %0[%1], %2", {y, i64({1, 2}, {1, 0}), f32({1}, {1})}, "tensor<2x2xf32>"), {0, 1, 2, 3});
}

} // namespace
