//===- OnnxElementwiseTest.cpp - Tests of ONNX's elementwise operators ---===//
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

#include <cmath>
#include <limits>

using namespace sinter;
using namespace sinter::test;
using testing::HasSubstr;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
const HostTensor sample = tensor<float>({5}, {-2, -0.5, 0, 0.5, 3});

// Tests that Clip's limits are attributes before version 11, with the greatest floats where they are left out.
TEST(OnnxElementwise, clipByAttributes) {
  EXPECT_THAT(Operator("Clip", 7).input(sample).attribute("min", -1.0).attribute("max", 1.0).result(),
              is<float>({5}, {-1, -0.5, 0, 0.5, 1}));
  EXPECT_THAT(Operator("Clip", 10).input(tensor<float>({2}, {-infinity, 4})).attribute("max", 3.0).result(),
              is<float>({2}, {-std::numeric_limits<float>::max(), 3}));
  EXPECT_THAT(Operator("Clip", 10).input(halves({2}, {-infinity, 4})).attribute("max", 3.0).result(),
              is(halves({2}, {-infinity, 3})));
}

// Tests what the first versions did otherwise: no limits where none are given, slopes for channels, rounded constants.
TEST(OnnxElementwise, firstVersions) {
  EXPECT_THAT(Operator("Clip", 5).input(tensor<float>({2}, {-infinity, 4})).attribute("max", 3.0).result(),
              is<float>({2}, {-infinity, 3}));
  EXPECT_THAT(Operator("PRelu", 6)
                  .input(tensor<float>({1, 2, 2}, {-2, 1, 4, -8}))
                  .input(tensor<float>({2}, {0.5, 0.25}))
                  .result(),
              is<float>({1, 2, 2}, {-1, 1, 4, -2}));
  EXPECT_THAT(Operator("Selu", 5).input(tensor<float>({1}, {1})).result(), is<float>({1}, {1.0507}));
  EXPECT_THAT(Operator("Add", 6).input(sample).input(sample).refusal(), HasSubstr("supported from version 7 on"));
}

// Tests that Clip's limits are inputs since version 11, that either may be left out, and that the upper one wins.
TEST(OnnxElementwise, clipByInputs) {
  EXPECT_THAT(Operator("Clip", 13).input(sample).noInput().input(tensor<float>({}, {0.25})).result(),
              is<float>({5}, {-2, -0.5, 0, 0.25, 0.25}));
  EXPECT_THAT(Operator("Clip", 12)
                  .input(tensor<int32_t>({3}, {-7, 5, 50}))
                  .input(tensor<int32_t>({1}, {10}))
                  .initializer(tensor<int32_t>({}, {4}))
                  .result(),
              is<int32_t>({3}, {4, 4, 4}));
  EXPECT_THAT(Operator("Clip", 13).input(tensor<float>({2}, {nan, 2})).input(tensor<float>({}, {3})).result(),
              is<float>({2}, {nan, 3}));
}

// Tests that the two remainders take the sign of the divisor and of the dividend.
TEST(OnnxElementwise, mod) {
  HostTensor dividends = tensor<int32_t>({4}, {-7, 7, -7, 7}), divisors = tensor<int32_t>({4}, {3, -3, -3, 3});
  EXPECT_THAT(Operator("Mod", 13).input(dividends).input(divisors).result(), is<int32_t>({4}, {2, -2, -1, 1}));
  EXPECT_THAT(Operator("Mod", 13).input(dividends).input(divisors).attribute("fmod", 1).result(),
              is<int32_t>({4}, {-1, 1, -1, 1}));
  HostTensor floats = tensor<float>({2}, {-5.5, 5.5}), divisor = tensor<float>({}, {2});
  EXPECT_THAT(Operator("Mod", 13).input(floats).input(divisor).attribute("fmod", 1).result(),
              is<float>({2}, {-1.5, 1.5}));
  EXPECT_THAT(Operator("Mod", 28).input(floats).input(divisor).result(), is<float>({2}, {0.5, 1.5}));
}

// Tests that a power has the base's type, whatever the exponent's is.
TEST(OnnxElementwise, powOfTwoTypes) {
  EXPECT_THAT(Operator("Pow", 12).input(tensor<float>({2}, {-2, 3})).input(tensor<int64_t>({2}, {3, 2})).result(),
              is<float>({2}, {-8, 9}));
  // The exponent is odd, which a float of 32 bits would not keep.
  EXPECT_THAT(Operator("Pow", 15).input(tensor<float>({}, {-1})).input(tensor<int64_t>({}, {16777217})).result(),
              is<float>({}, {-1}));
  EXPECT_THAT(Operator("Pow", 15).input(tensor<float>({2}, {-2, 3})).initializer(tensor<int32_t>({1}, {2})).result(),
              is<float>({2}, {4, 9}));
  EXPECT_THAT(Operator("Pow", 13).input(tensor<int32_t>({2}, {2, 9})).input(tensor<float>({2}, {1.5, 0.5})).result(),
              is<int32_t>({2}, {2, 3}));
  EXPECT_THAT(Operator("Pow", 13).input(tensor<int64_t>({1}, {3})).input(tensor<int32_t>({1}, {20})).result(),
              is<int64_t>({1}, {3486784401}));
}

// Tests that shifts go where the attribute says, and that another direction is refused.
TEST(OnnxElementwise, bitShift) {
  HostTensor x = tensor<uint8_t>({3}, {16, 4, 200}), amounts = tensor<uint8_t>({3}, {1, 2, 3});
  EXPECT_THAT(Operator("BitShift", 11).input(x).input(amounts).attribute("direction", "RIGHT").result(),
              is<uint8_t>({3}, {8, 1, 25}));
  EXPECT_THAT(Operator("BitShift", 11).input(x).input(amounts).attribute("direction", "LEFT").result(),
              is<uint8_t>({3}, {32, 16, 64}));
  EXPECT_THAT(Operator("BitShift", 11).input(x).input(amounts).attribute("direction", "UP").refusal(),
              HasSubstr("direction is 'UP', required LEFT or RIGHT"));
}

// Tests that a signed number that is shifted right by its width or more, or by a negative number, leaves its sign.
TEST(OnnxElementwise, bitShiftOfSigned) {
  HostTensor x = tensor<int8_t>({6}, {-128, -7, 7, -1, 100, -100}),
             amounts = tensor<int8_t>({6}, {7, 8, 8, -1, -1, 100});
  EXPECT_THAT(Operator("BitShift", 28).input(x).input(amounts).attribute("direction", "RIGHT").result(),
              is<int8_t>({6}, {-1, -1, 0, -1, 0, -1}));
  EXPECT_THAT(Operator("BitShift", 28).input(x).input(amounts).attribute("direction", "LEFT").result(),
              is<int8_t>({6}, {0, 0, 0, 0, 0, 0}));
}

// Tests that infinities are found by their sign.
TEST(OnnxElementwise, isInf) {
  HostTensor x = tensor<float>({4}, {-infinity, infinity, nan, 1});
  EXPECT_THAT(Operator("IsInf", 10).input(x).result(), is<bool>({4}, {true, true, false, false}));
  EXPECT_THAT(Operator("IsInf", 10).input(x).attribute("detect_negative", 0).result(),
              is<bool>({4}, {false, true, false, false}));
  EXPECT_THAT(Operator("IsInf", 20).input(x).attribute("detect_positive", 0).result(),
              is<bool>({4}, {true, false, false, false}));
  EXPECT_THAT(Operator("IsInf", 20).input(x).attribute("detect_positive", 0).attribute("detect_negative", 0).result(),
              is<bool>({4}, {false, false, false, false}));
}

// Tests that operators of any number of inputs broadcast them all, and that one input is the result.
TEST(OnnxElementwise, variadic) {
  HostTensor row = tensor<float>({1, 2}, {1, 5}), column = tensor<float>({2, 1}, {2, 4}), one = tensor<float>({}, {3});
  EXPECT_THAT(Operator("Max", 8).input(row).input(column).input(one).result(), is<float>({2, 2}, {3, 5, 4, 5}));
  EXPECT_THAT(Operator("Min", 13).input(row).input(column).input(one).result(), is<float>({2, 2}, {1, 2, 1, 3}));
  EXPECT_THAT(Operator("Sum", 13).input(row).input(column).input(one).result(), is<float>({2, 2}, {6, 10, 8, 12}));
  EXPECT_THAT(Operator("Mean", 13).input(row).input(column).input(one).result(),
              is<float>({2, 2}, {2, 10.0f / 3, 8.0f / 3, 4}));
  EXPECT_THAT(Operator("Mean", 13).input(row).result(), is(row));
}

// Tests that Erf takes integers in version 9 and cuts what it computes.
TEST(OnnxElementwise, erfOfIntegers) {
  EXPECT_THAT(Operator("Erf", 9).input(tensor<int32_t>({4}, {-30, 0, 1, 30})).result(),
              is<int32_t>({4}, {-1, 0, 0, 1}));
  EXPECT_THAT(Operator("Erf", 13).input(tensor<int32_t>({1}, {1})).refusal(), HasSubstr("Erf"));
}

// Tests activation functions that several ops make up, with the numbers that their attributes have where they are left
// out.
TEST(OnnxActivation, formulas) {
  EXPECT_THAT(Operator("Selu", 7).input(sample).result(),
              is<float>({5}, {-1.5201665, -0.69175822, 0, 0.52535051, 3.1521029}));
  EXPECT_THAT(Operator("Celu", 12).input(sample).attribute("alpha", 2.0).result(),
              is<float>({5}, {-1.2642411, -0.44239843, 0, 0.5, 3}));
  EXPECT_THAT(Operator("Elu", 7).input(sample).attribute("alpha", 0.5).result(),
              is<float>({5}, {-0.43233237, -0.19673467, 0, 0.5, 3}));
  EXPECT_THAT(Operator("LeakyRelu", 16).input(sample).result(), is<float>({5}, {-0.02, -0.005, 0, 0.5, 3}));
  EXPECT_THAT(Operator("HardSigmoid", 7).input(sample).result(), is<float>({5}, {0.1, 0.4, 0.5, 0.6, 1}));
  EXPECT_THAT(Operator("HardSwish", 14).input(sample).result(),
              is<float>({5}, {-0.33333331, -0.20833333, 0, 0.29166666, 3}));
  EXPECT_THAT(Operator("ThresholdedRelu", 10).input(sample).result(), is<float>({5}, {0, 0, 0, 0, 3}));
  EXPECT_THAT(Operator("Softsign", 7).input(sample).result(),
              is<float>({5}, {-0.66666669, -0.33333334, 0, 0.33333334, 0.75}));
  EXPECT_THAT(Operator("Mish", 18).input(sample).result(),
              is<float>({5}, {-0.25250146, -0.22074378, 0, 0.37524518, 2.9865351}));
  EXPECT_THAT(Operator("Swish", 24).input(sample).attribute("alpha", 0.5).result(),
              is<float>({5}, {-0.5378828, -0.21891172, 0, 0.28108826, 2.4527235}));
  EXPECT_THAT(Operator("Gelu", 20).input(sample).result(),
              is<float>({5}, {-0.045500278, -0.15426877, 0, 0.34573123, 2.9959502}));
  EXPECT_THAT(Operator("Gelu", 20).input(sample).attribute("approximate", "tanh").result(),
              is<float>({5}, {-0.045402348, -0.154286, 0, 0.345714, 2.9963627}));
  EXPECT_THAT(Operator("PRelu", 16)
                  .input(tensor<float>({2, 2}, {-2, 1, 4, -8}))
                  .input(tensor<float>({2}, {0.5, 0.25}))
                  .result(),
              is<float>({2, 2}, {-1, 1, 4, -2}));
}

// Tests that Shrink of integers is computed in floats and cut.
TEST(OnnxActivation, shrink) {
  EXPECT_THAT(Operator("Shrink", 9).input(sample).attribute("lambd", 1.0).attribute("bias", 0.25).result(),
              is<float>({5}, {-1.75, 0, 0, 0, 2.75}));
  EXPECT_THAT(Operator("Shrink", 9)
                  .input(tensor<int32_t>({5}, {-3, -1, 0, 1, 3}))
                  .attribute("lambd", 1.5)
                  .attribute("bias", 0.5)
                  .result(),
              is<int32_t>({5}, {-2, 0, 0, 0, 2}));
}

// Tests that an operator is refused in versions before its first, and an attribute that it does not have.
TEST(OnnxElementwise, refusals) {
  EXPECT_THAT(Operator("Gelu", 19).input(sample).refusal(), HasSubstr("Gelu"));
  EXPECT_THAT(Operator("Relu", 14).input(sample).attribute("slope", 1.0).refusal(), HasSubstr("slope"));
  EXPECT_THAT(Operator("Gelu", 20).input(sample).attribute("approximate", "fast").refusal(),
              HasSubstr("approximate is 'fast', required none or tanh"));
}

// Tests the gate with and without a slope: a / (1 + exp(-alpha a)) * b.
TEST(OnnxElementwise, swiGlu) {
  HostTensor gate = tensor<float>({3}, {0, 1, -2}), x = tensor<float>({3}, {5, 2, 3});
  EXPECT_THAT(Operator("SwiGLU", 28).input(gate).input(x).result(), is<float>({3}, {0, 1.46211716f, -0.71521753f}));
  EXPECT_THAT(Operator("SwiGLU", 28).input(gate).input(x).attribute("alpha", 0.0).result(), is<float>({3}, {0, 1, -3}));
  EXPECT_THAT(Operator("SwiGLU", 28).input(gate).input(tensor<float>({1}, {5})).refusal(), HasSubstr("gate and input"));
}

} // namespace
