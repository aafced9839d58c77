//===- OnnxReductionTest.cpp - Tests of ONNX's reductions and softmaxes --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What differs between versions, attributes and types. Expected values are ONNX's
// own reference implementation's (1.23.2), or follow from the specification.
//
//===----------------------------------------------------------------------===//

#include "test/unit/OnnxOperator.h"

#include <limits>

using namespace sinter;
using namespace sinter::test;
using testing::HasSubstr;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
const HostTensor cube = tensor<float>({2, 3, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});

HostTensor axes(std::vector<int64_t> values) { return tensor<int64_t>({static_cast<int64_t>(values.size())}, values); }

// Tests axes as an attribute, which may count from the end, and all axes where it is left out.
TEST(OnnxReduction, axesAttribute) {
  EXPECT_THAT(Operator("ReduceSum", 11).input(cube).attribute("axes", std::vector<int64_t>{-2}).result(),
              is<float>({2, 1, 2}, {9, 12, 27, 30}));
  EXPECT_THAT(Operator("ReduceMax", 11)
                  .input(cube)
                  .attribute("axes", std::vector<int64_t>{2, 0})
                  .attribute("keepdims", 0)
                  .result(),
              is<float>({3}, {8, 10, 12}));
  EXPECT_THAT(Operator("ReduceMean", 17).input(cube).result(), is<float>({1, 1, 1}, {6.5}));
}

// Tests axes as an input: a constant, or one that each run decides, with and without the dimensions that are reduced.
TEST(OnnxReduction, axesInput) {
  for (int64_t axis : {1, -2}) {
    Operator constant("ReduceSum", 13), dynamic("ReduceSum", 13);
    EXPECT_THAT(constant.input(cube).initializer(axes({axis})).result(), is<float>({2, 1, 2}, {9, 12, 27, 30}));
    EXPECT_THAT(dynamic.input(cube).input(axes({axis})).result(), is<float>({2, 1, 2}, {9, 12, 27, 30}));
  }
  EXPECT_THAT(Operator("ReduceMean", 18).input(cube).input(axes({2, 0})).attribute("keepdims", 0).result(),
              is<float>({3}, {4.5, 6.5, 8.5}));
  EXPECT_THAT(Operator("ReduceSumSquare", 18).input(cube).input(axes({-1, 1})).attribute("keepdims", 0).result(),
              is<float>({2}, {91, 559}));
  EXPECT_THAT(Operator("ReduceL1", 18).input(cube).input(axes({0})).attribute("keepdims", 0).result(),
              is<float>({3, 2}, {8, 10, 12, 14, 16, 18}));
  EXPECT_THAT(Operator("ReduceProd", 18).input(cube).input(axes({1})).attribute("keepdims", 0).result(),
              is<float>({2, 2}, {15, 48, 693, 960}));
}

// Tests three axes of four that a run decides.
TEST(OnnxReduction, manyAxesInput) {
  HostTensor x = tensor<float>({2, 1, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  EXPECT_THAT(Operator("ReduceSum", 13).input(x).input(axes({3, 0, -3})).attribute("keepdims", 0).result(),
              is<float>({2}, {30, 48}));
}

// Tests that without axes all are reduced, or none, where the square is still taken.
TEST(OnnxReduction, emptyAxes) {
  HostTensor x = tensor<float>({2}, {3, 4});
  for (bool given : {false, true}) {
    auto make = [&](const char *name) {
      Operator op(name, 18);
      op.input(x);
      if (given)
        op.input(axes({}));
      return op;
    };
    EXPECT_THAT(make("ReduceSum").result(), is<float>({1}, {7}));
    EXPECT_THAT(make("ReduceSum").attribute("noop_with_empty_axes", 1).result(), is(x));
    EXPECT_THAT(make("ReduceSumSquare").attribute("noop_with_empty_axes", 1).result(), is<float>({2}, {9, 16}));
    EXPECT_THAT(make("ReduceL2").attribute("noop_with_empty_axes", 1).attribute("keepdims", 0).result(), is(x));
  }
}

// Tests that means, roots and logarithms of integers are cut to integers.
TEST(OnnxReduction, integers) {
  HostTensor x = tensor<int32_t>({2, 2}, {-3, -4, 6, 9});
  std::vector<int64_t> last = {1};
  EXPECT_THAT(Operator("ReduceMean", 13).input(x).attribute("axes", last).attribute("keepdims", 0).result(),
              is<int32_t>({2}, {-3, 7}));
  EXPECT_THAT(Operator("ReduceL2", 13).input(x).attribute("axes", last).attribute("keepdims", 0).result(),
              is<int32_t>({2}, {5, 10}));
  EXPECT_THAT(Operator("ReduceL1", 13).input(x).attribute("axes", last).attribute("keepdims", 0).result(),
              is<int32_t>({2}, {7, 15}));
  EXPECT_THAT(Operator("ReduceLogSum", 13).input(tensor<int64_t>({2}, {60, 40})).result(), is<int64_t>({1}, {4}));
}

// Tests that the greatest and least of truth values are "or" and "and".
TEST(OnnxReduction, truthValues) {
  HostTensor x = tensor<bool>({2, 2}, {true, false, true, true});
  EXPECT_THAT(Operator("ReduceMax", 20).input(x).input(axes({0})).attribute("keepdims", 0).result(),
              is<bool>({2}, {true, true}));
  EXPECT_THAT(Operator("ReduceMin", 20).input(x).initializer(axes({0})).attribute("keepdims", 0).result(),
              is<bool>({2}, {true, false}));
}

// Tests that sums of exponentials do not overflow, nor become NaN where all are zero or one is infinite.
TEST(OnnxReduction, logSumExp) {
  HostTensor x = tensor<float>({4, 3}, {1000, 1001, -1, 0, -1, 2, -infinity, -infinity, -infinity, 0, infinity, 1});
  HostTensor expected = tensor<float>({4}, {1001.3133, 2.1698461, -infinity, infinity});
  EXPECT_THAT(Operator("ReduceLogSumExp", 18).input(x).initializer(axes({1})).attribute("keepdims", 0).result(),
              is(expected));
  EXPECT_THAT(Operator("ReduceLogSumExp", 18).input(x).input(axes({-1})).attribute("keepdims", 0).result(),
              is(expected));
  EXPECT_THAT(Operator("ReduceLogSumExp", 18).input(cube).input(axes({2, 0})).result(),
              is<float>({1, 3, 1}, {8.3157377, 10.315737, 12.315738}));
}

// Tests which of several equal elements is taken.
TEST(OnnxReduction, argMax) {
  HostTensor x = tensor<float>({2, 3}, {2, 2, 1, 0, 5, 5});
  EXPECT_THAT(Operator("ArgMax", 11).input(x).attribute("axis", 1).attribute("keepdims", 0).result(),
              is<int64_t>({2}, {0, 1}));
  EXPECT_THAT(Operator("ArgMax", 12).input(x).attribute("axis", -1).attribute("select_last_index", 1).result(),
              is<int64_t>({2, 1}, {1, 2}));
  EXPECT_THAT(Operator("ArgMin", 13).input(x).result(), is<int64_t>({1, 3}, {1, 0, 0}));
}

// Tests running sums in both directions, along an axis that is constant or not.
TEST(OnnxReduction, cumSum) {
  HostTensor x = tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6}), last = tensor<int32_t>({}, {-1});
  EXPECT_THAT(Operator("CumSum", 14).input(x).initializer(last).result(), is<float>({2, 3}, {1, 3, 6, 4, 9, 15}));
  EXPECT_THAT(Operator("CumSum", 14).input(x).input(last).attribute("exclusive", 1).result(),
              is<float>({2, 3}, {0, 1, 3, 0, 4, 9}));
  EXPECT_THAT(Operator("CumSum", 11).input(x).input(last).attribute("exclusive", 1).attribute("reverse", 1).result(),
              is<float>({2, 3}, {5, 3, 0, 11, 6, 0}));
  EXPECT_THAT(Operator("CumSum", 11).input(x).input(tensor<int64_t>({1}, {0})).result(),
              is<float>({2, 3}, {1, 2, 3, 5, 7, 9}));
}

// Tests that a softmax sees a matrix before version 13, and one axis since.
TEST(OnnxSoftmax, versions) {
  HostTensor x = tensor<float>({2, 2, 2}, {1, 2, 3, 4, 0, -1, 2, 5});
  HostTensor rows = tensor<float>({2, 2, 2}, {0.032058604, 0.087144323, 0.23688281, 0.64391428, 0.0063625337,
                                              0.0023406453, 0.047013119, 0.94428378});
  EXPECT_THAT(Operator("Softmax", 11).input(x).result(), is(rows));
  EXPECT_THAT(Operator("Softmax", 12).input(x).attribute("axis", -2).result(), is(rows));
  EXPECT_THAT(Operator("Softmax", 13).input(x).attribute("axis", 1).result(),
              is<float>({2, 2, 2}, {0.11920292, 0.11920292, 0.88079703, 0.88079703, 0.11920292, 0.002472623, 0.88079703,
                                    0.99752742}));
  // The sums of -log of each row's elements, from the values above.
  HostTensor logarithms = Operator("LogSoftmax", 7).input(x).result();
  EXPECT_NEAR(logarithms.as<float>()[3], -0.44018970, 1e-6);
  EXPECT_NEAR(logarithms.as<float>()[4], -5.0573287, 1e-5);
  EXPECT_THAT(Operator("Softmax", 13).input(x).attribute("axis", 3).refusal(), HasSubstr("axis 3"));
}

// Tests that the first of several greatest elements is one, in the matrix or along the axis.
TEST(OnnxSoftmax, hardmax) {
  HostTensor x = tensor<float>({1, 2, 2}, {3, 3, 1, 3});
  EXPECT_THAT(Operator("Hardmax", 11).input(x).result(), is<float>({1, 2, 2}, {1, 0, 0, 0}));
  EXPECT_THAT(Operator("Hardmax", 13).input(x).result(), is<float>({1, 2, 2}, {1, 0, 0, 1}));
}

// Tests running products in both directions, with and without the element itself, along an axis that a run may give.
TEST(OnnxReduction, cumulativeProduct) {
  HostTensor x = tensor<int32_t>({2, 3}, {1, 2, 3, -4, 5, 6});
  auto product = [&](int exclusive, int reverse) {
    return Operator("CumProd", 26)
        .input(x)
        .initializer(tensor<int64_t>({}, {-1}))
        .attribute("exclusive", exclusive)
        .attribute("reverse", reverse)
        .result();
  };
  EXPECT_THAT(product(0, 0), is<int32_t>({2, 3}, {1, 2, 6, -4, -20, -120}));
  EXPECT_THAT(product(1, 0), is<int32_t>({2, 3}, {1, 1, 2, 1, -4, -20}));
  EXPECT_THAT(product(0, 1), is<int32_t>({2, 3}, {6, 6, 3, -120, 30, 6}));
  EXPECT_THAT(product(1, 1), is<int32_t>({2, 3}, {6, 3, 1, 30, 6, 1}));
  EXPECT_THAT(Operator("CumProd", 26).input(x).input(tensor<int32_t>({}, {0})).result(),
              is<int32_t>({2, 3}, {1, 2, 3, -4, 10, 18}));
}

} // namespace
