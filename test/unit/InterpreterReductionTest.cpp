//===- InterpreterReductionTest.cpp - Reductions, sums and softmax ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"

#include <cmath>

using namespace sinter;
using namespace sinter::testing;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

HostTensor along(const std::string &op, const HostTensor &input, const std::string &result) {
  return evaluate(op, {input}, result, typeText(input) + " -> " + result);
}

TEST(InterpreterReduce, EachKind) {
  HostTensor x = f32({2, 3}, {1, -2, 3, 4, 5, -6});
  expectElements<float>(along("reduce sum %0 [1]", x, "tensor<2xf32>"), {2, 3});
  expectElements<float>(along("reduce mean %0 [0]", x, "tensor<3xf32>"), {2.5, 1.5, -1.5});
  expectElements<float>(along("reduce max %0 [1] {keep_dims}", x, "tensor<2x1xf32>"), {3, 5});
  expectElements<float>(along("reduce min %0 [0, 1]", x, "tensor<f32>"), {-6});
  expectElements<float>(along("reduce prod %0 [1]", x, "tensor<2xf32>"), {-6, -120});
  expectElements<float>(along("reduce sum_squares %0 [1]", x, "tensor<2xf32>"), {14, 77});
  expectElements<float>(along("reduce sum_abs %0 [0, 1] {keep_dims}", x, "tensor<1x1xf32>"), {21});
  expectElements<float>(along("reduce sum %0 []", x, "tensor<2x3xf32>"), {1, -2, 3, 4, 5, -6});
}

TEST(InterpreterReduce, AxesThatAreNotNeighbours) {
  HostTensor x = i64({2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  expectElements<int64_t>(along("reduce sum %0 [0, 2]", x, "tensor<2xi64>"), {1 + 2 + 3 + 7 + 8 + 9, 4 + 5 + 6 + 33});
  expectElements<int64_t>(along("reduce max %0 [0, 2] {keep_dims}", x, "tensor<1x2x1xi64>"), {9, 12});
}

TEST(InterpreterReduce, IntegersWrapAndMeansTruncate) {
  HostTensor x = makeTensor<int8_t>(ElementType::I8, {3}, {100, 100, -1});
  expectElements<int8_t>(along("reduce sum %0 [0]", x, "tensor<i8>"), {-57}); // 199 - 256
  expectElements<int8_t>(along("reduce mean %0 [0]", x, "tensor<i8>"), {66});
  expectElements<int64_t>(along("reduce mean %0 [0]", i64({2}, {-4, -3}), "tensor<i64>"), {-3});
  HostTensor u = makeTensor<uint64_t>(ElementType::U64, {2}, {UINT64_MAX, 2});
  expectElements<uint64_t>(along("reduce sum %0 [0]", u, "tensor<ui64>"), {1});
  expectElements<uint64_t>(along("reduce max %0 [0]", u, "tensor<ui64>"), {UINT64_MAX});
}

TEST(InterpreterReduce, WithoutElements) {
  HostTensor f = f32({2, 0}, {});
  expectNear(along("reduce sum %0 [1]", f, "tensor<2xf32>"), {0, 0});
  expectNear(along("reduce mean %0 [1]", f, "tensor<2xf32>"), {nan, nan});
  expectNear(along("reduce max %0 [1]", f, "tensor<2xf32>"), {-inf, -inf});
  expectNear(along("reduce min %0 [1]", f, "tensor<2xf32>"), {inf, inf});
  expectNear(along("reduce prod %0 [1]", f, "tensor<2xf32>"), {1, 1});
  expectElements<int32_t>(along("reduce max %0 [0]", i32({0}, {}), "tensor<i32>"), {INT32_MIN});
  expectElements<int32_t>(along("reduce min %0 [0]", i32({0}, {}), "tensor<i32>"), {INT32_MAX});
  expectElements<int64_t>(along("reduce min %0 [0]", i64({0}, {}), "tensor<i64>"), {INT64_MAX});
  HostTensor u = makeTensor<uint8_t>(ElementType::U8, {0}, {});
  expectElements<uint8_t>(along("reduce max %0 [0]", u, "tensor<ui8>"), {0});
  expectElements<uint8_t>(along("reduce min %0 [0]", u, "tensor<ui8>"), {255});
  expectElements<uint8_t>(along("reduce min %0 [0]", bools({0}, {}), "tensor<i1>"), {1});
}

TEST(InterpreterReduce, NanWinsAndBoolsAreOrAndAnd) {
  HostTensor x = f32({3}, {1, NAN, 3});
  expectNear(along("reduce max %0 [0]", x, "tensor<f32>"), {nan});
  expectNear(along("reduce min %0 [0]", x, "tensor<f32>"), {nan});
  HostTensor p = bools({2, 2}, {1, 1, 0, 1});
  expectElements<uint8_t>(along("reduce max %0 [0]", p, "tensor<2xi1>"), {1, 1});
  expectElements<uint8_t>(along("reduce min %0 [1]", p, "tensor<2xi1>"), {1, 0});
}

TEST(InterpreterReduce, SumsAreRoundedOnce) {
  // In f32 each addition would be lost: 2^24 + 1 is 2^24.
  HostTensor x = f32({5}, {0x1p24f, 1, 1, 1, 1});
  expectElements<float>(along("reduce sum %0 [0]", x, "tensor<f32>"), {0x1p24f + 4});
}

TEST(InterpreterArgReduce, FirstLastAndNan) {
  HostTensor x = f32({2, 4}, {1, 3, 3, 2, -1, -1, 5, -1});
  expectElements<int64_t>(along("arg_reduce max %0 axis 1", x, "tensor<2xi64>"), {1, 2});
  expectElements<int64_t>(along("arg_reduce max %0 axis 1 {last}", x, "tensor<2xi64>"), {2, 2});
  expectElements<int64_t>(along("arg_reduce min %0 axis 1 {keep_dims}", x, "tensor<2x1xi64>"), {0, 0});
  expectElements<int64_t>(along("arg_reduce min %0 axis 1 {last}", x, "tensor<2xi64>"), {0, 3});
  expectElements<int64_t>(along("arg_reduce max %0 axis 0", x, "tensor<4xi64>"), {0, 0, 1, 0});
  HostTensor y = f32({4}, {1, NAN, NAN, 9});
  expectElements<int64_t>(along("arg_reduce max %0 axis 0", y, "tensor<i64>"), {1});
  expectElements<int64_t>(along("arg_reduce min %0 axis 0 {last}", y, "tensor<i64>"), {2});
  HostTensor u = makeTensor<uint64_t>(ElementType::U64, {2}, {1, UINT64_MAX});
  expectElements<int64_t>(along("arg_reduce max %0 axis 0", u, "tensor<i64>"), {1});
  HostTensor none = f32({2, 0}, {});
  EXPECT_EQ(
      messageOf(tryEvaluate("arg_reduce max %0 axis 1", {none}, "tensor<2xi64>", "tensor<2x0xf32> -> tensor<2xi64>")),
      "node 'tested': axis 1 has no element whose position could be taken");
}

TEST(InterpreterCumulativeSum, Directions) {
  HostTensor x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  auto run = [&](const char *text) {
    return evaluate(std::string("cumulative_sum %0 ") + text, {x}, "tensor<2x3xf32>", "tensor<2x3xf32>");
  };
  expectElements<float>(run("axis 1"), {1, 3, 6, 4, 9, 15});
  expectElements<float>(run("axis 0"), {1, 2, 3, 5, 7, 9});
  expectElements<float>(run("axis 1 {exclusive}"), {0, 1, 3, 0, 4, 9});
  expectElements<float>(run("axis 1 {reverse}"), {6, 5, 3, 15, 11, 6});
  expectElements<float>(run("axis 1 {exclusive, reverse}"), {5, 3, 0, 11, 6, 0});
  expectElements<int32_t>(
      evaluate("cumulative_sum %0 axis 0", {i32({2}, {INT32_MAX, 1})}, "tensor<2xi32>", "tensor<2xi32>"),
      {INT32_MAX, INT32_MIN});
}

TEST(InterpreterSoftmax, ShiftedExponentials) {
  HostTensor x = f32({2, 3}, {0, std::log(2.0f), std::log(5.0f), 1000, 1000, -INFINITY});
  auto run = [&](const char *text) {
    return evaluate(std::string("softmax %0 ") + text, {x}, "tensor<2x3xf32>", "tensor<2x3xf32>");
  };
  expectNear(run("axis 1"), {0.125, 0.25, 0.625, 0.5, 0.5, 0});
  expectNear(run("axis 1 {log}"), {-std::log(8), std::log(0.25), std::log(0.625), -std::log(2), -std::log(2), -inf});
  HostTensor y = f32({2, 2}, {0, 0, 0, std::log(3.0f)});
  expectNear(evaluate("softmax %0 axis 0", {y}, "tensor<2x2xf32>", "tensor<2x2xf32>"), {0.5, 0.25, 0.5, 0.75});
}

} // namespace
