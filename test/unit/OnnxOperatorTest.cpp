//===- OnnxOperatorTest.cpp - Tests of ONNX's operators on tensors -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Positions, scatters, einsum, convolutions, norms and attention: what differs
// between versions, attributes and types. Expected values are ONNX's own reference
// implementation's (1.23.2), or follow from the specification.
//
//===----------------------------------------------------------------------===//

#include "test/unit/OnnxOperator.h"

using namespace sinter;
using namespace sinter::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

const HostTensor square = tensor<float>({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});

// Tests which triangle stays, with a diagonal that a run decides, for truth values too.
TEST(OnnxPosition, trilu) {
  EXPECT_THAT(Operator("Trilu", 14).input(square).result(), is<float>({3, 3}, {1, 2, 3, 0, 5, 6, 0, 0, 9}));
  EXPECT_THAT(Operator("Trilu", 14).input(square).input(tensor<int64_t>({}, {1})).attribute("upper", 0).result(),
              is<float>({3, 3}, {1, 2, 0, 4, 5, 6, 7, 8, 9}));
  EXPECT_THAT(Operator("Trilu", 14).input(square).input(tensor<int64_t>({}, {INT64_MAX})).result(),
              is<float>({3, 3}, {0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_THAT(Operator("Trilu", 14)
                  .input(tensor<bool>({1, 2, 2}, {true, true, true, true}))
                  .initializer(tensor<int64_t>({1}, {-1}))
                  .attribute("upper", 0)
                  .result(),
              is<bool>({1, 2, 2}, {false, false, true, false}));
}

// Tests the diagonal of ones, in the input's type or another.
TEST(OnnxPosition, eyeLike) {
  HostTensor x = tensor<int32_t>({2, 3}, {9, 9, 9, 9, 9, 9});
  EXPECT_THAT(Operator("EyeLike", 9).input(x).result(), is<int32_t>({2, 3}, {1, 0, 0, 0, 1, 0}));
  EXPECT_THAT(Operator("EyeLike", 22).input(x).attribute("k", 1).attribute("dtype", 1).result(),
              is<float>({2, 3}, {0, 1, 0, 0, 0, 1}));
  EXPECT_THAT(Operator("EyeLike", 9).input(x).attribute("k", -1).attribute("dtype", 9).result(),
              is<bool>({2, 3}, {false, false, false, true, false, false}));
}

// Tests that indices count from the end since version 11 only, and that depth may be of any type and given by a run.
TEST(OnnxPosition, oneHot) {
  HostTensor indices = tensor<int64_t>({3}, {1, -1, 3}), values = tensor<int32_t>({2}, {5, 7});
  for (bool given : {false, true})
    for (const HostTensor &depth : {tensor<int64_t>({}, {3}), tensor<float>({1}, {3.75})}) {
      auto make = [&](int64_t version) {
        Operator op("OneHot", version);
        op.input(indices);
        if (given)
          op.input(depth);
        else
          op.initializer(depth);
        op.input(values);
        return op;
      };
      EXPECT_THAT(make(9).result(), is<int32_t>({3, 3}, {5, 7, 5, 5, 5, 5, 5, 5, 5}));
      EXPECT_THAT(make(11).attribute("axis", 0).result(), is<int32_t>({3, 3}, {5, 5, 5, 7, 5, 5, 5, 7, 5}));
    }
}

// Tests where updates of a cache go, at the start, at positions of each batch, and around its end.
TEST(OnnxScatter, tensorScatter) {
  HostTensor cache = tensor<float>({2, 3, 1}, {1, 2, 3, 4, 5, 6}), update = tensor<float>({2, 2, 1}, {-1, -2, -3, -4});
  EXPECT_THAT(Operator("TensorScatter", 24).input(cache).input(update).result(),
              is<float>({2, 3, 1}, {-1, -2, 3, -3, -4, 6}));
  EXPECT_THAT(Operator("TensorScatter", 24).input(cache).input(update).input(tensor<int64_t>({2}, {1, 0})).result(),
              is<float>({2, 3, 1}, {1, -1, -2, -3, -4, 6}));
  EXPECT_THAT(Operator("TensorScatter", 24)
                  .input(cache)
                  .input(update)
                  .input(tensor<int64_t>({2}, {2, 4}))
                  .attribute("mode", "circular")
                  .attribute("axis", 1)
                  .result(),
              is<float>({2, 3, 1}, {-2, 2, -1, 4, -3, -4}));
  EXPECT_THROW(Operator("TensorScatter", 24).input(cache).input(update).input(tensor<int64_t>({2}, {2, 0})).run(),
               std::runtime_error);
  EXPECT_THAT(Operator("TensorScatter", 24).input(cache).input(update).attribute("axis", 0).refusal(),
              HasSubstr("axis 0 is that of the batch"));
}

// Tests what each reduction does with indices that come twice, and with truth values.
TEST(OnnxScatter, elements) {
  HostTensor x = tensor<float>({1, 4}, {1, 2, 3, 4}), indices = tensor<int64_t>({1, 3}, {1, -3, 0});
  HostTensor updates = tensor<float>({1, 3}, {5, 7, -1});
  auto scatter = [&](const char *reduction) {
    return Operator("ScatterElements", 18)
        .input(x)
        .input(indices)
        .input(updates)
        .attribute("axis", 1)
        .attribute("reduction", reduction)
        .result();
  };
  EXPECT_THAT(scatter("add"), is<float>({1, 4}, {0, 14, 3, 4}));
  EXPECT_THAT(scatter("mul"), is<float>({1, 4}, {-1, 70, 3, 4}));
  EXPECT_THAT(scatter("max"), is<float>({1, 4}, {1, 7, 3, 4}));
  EXPECT_THAT(scatter("min"), is<float>({1, 4}, {-1, 2, 3, 4}));
  EXPECT_THAT(Operator("Scatter", 9)
                  .input(tensor<float>({2, 2}, {1, 2, 3, 4}))
                  .input(tensor<int32_t>({1, 2}, {1, 0}))
                  .input(tensor<float>({1, 2}, {8, 9}))
                  .result(),
              is<float>({2, 2}, {1, 9, 8, 4}));
  EXPECT_THAT(Operator("ScatterElements", 18)
                  .input(tensor<bool>({3}, {true, false, false}))
                  .input(tensor<int64_t>({3}, {0, 1, 1}))
                  .input(tensor<bool>({3}, {false, false, true}))
                  .attribute("reduction", "add")
                  .result(),
              is<bool>({3}, {true, true, false}));
}

TEST(OnnxScatter, slices) {
  HostTensor x = tensor<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(Operator("ScatterND", 11)
                  .input(x)
                  .input(tensor<int64_t>({2, 1}, {2, 0}))
                  .input(tensor<float>({2, 2}, {10, 20, 30, 40}))
                  .result(),
              is<float>({3, 2}, {30, 40, 3, 4, 10, 20}));
  EXPECT_THAT(Operator("ScatterND", 18)
                  .input(x)
                  .input(tensor<int64_t>({2, 2}, {1, 1, 1, 1}))
                  .input(tensor<float>({2}, {10, 20}))
                  .attribute("reduction", "max")
                  .result(),
              is<float>({3, 2}, {1, 2, 3, 20, 5, 6}));
  EXPECT_THAT(Operator("ScatterND", 18)
                  .input(x)
                  .input(tensor<int64_t>({2, 1}, {2, 0}))
                  .input(tensor<float>({2, 2}, {1, 1, 1, 1}))
                  .attribute("reduction", "mean")
                  .refusal(),
              HasSubstr("reduction is 'mean', required none, add, mul, max or min"));
}

// Tests each thing that an equation can say.
TEST(OnnxEinsum, equations) {
  auto einsum = [](const char *equation, std::vector<HostTensor> inputs) {
    Operator op("Einsum", 12);
    for (HostTensor &input : inputs)
      op.input(input);
    return op.attribute("equation", equation);
  };
  HostTensor a = tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6}), b = tensor<float>({3, 2}, {1, 0, -1, 2, 0, 1});
  HostTensor ones = tensor<float>({3}, {1, 1, 1});
  EXPECT_THAT(einsum("ij,jk->ik", {a, b}).result(), is<float>({2, 2}, {-1, 7, -1, 16}));
  EXPECT_THAT(einsum(" ij , jk ", {a, b}).result(), is<float>({2, 2}, {-1, 7, -1, 16}));
  // Without an output the letters are sorted: here the transposed product.
  EXPECT_THAT(einsum("kj,ji", {a, b}).result(), is<float>({2, 2}, {-1, -1, 7, 16}));
  EXPECT_THAT(einsum("ij->j", {a}).result(), is<float>({3}, {5, 7, 9}));
  EXPECT_THAT(einsum("ij->", {a}).result(), is<float>({}, {21}));
  EXPECT_THAT(einsum("ii->i", {square}).result(), is<float>({3}, {1, 5, 9}));
  EXPECT_THAT(einsum("ii", {square}).result(), is<float>({}, {15}));
  EXPECT_THAT(einsum("i,j->ij", {ones, tensor<float>({2}, {2, 3})}).result(), is<float>({3, 2}, {2, 3, 2, 3, 2, 3}));
  // A sum that only one input has, and three inputs.
  EXPECT_THAT(einsum("ij,k->i", {a, ones}).result(), is<float>({2}, {18, 45}));
  EXPECT_THAT(einsum("ij,jk,j->ki", {a, b, tensor<float>({3}, {1, 2, 1})}).result(),
              is<float>({2, 2}, {-3, -6, 11, 26}));
  // Leading dimensions without letters broadcast; so does a size of 1.
  HostTensor batch = tensor<float>({2, 1, 3}, {1, 1, 1, 2, 2, 2});
  EXPECT_THAT(einsum("...ij,...jk->...ik", {batch, b}).result(), is<float>({2, 1, 2}, {0, 3, 0, 6}));
  EXPECT_THAT(einsum("bij,ij->bj", {batch, a}).result(), is<float>({2, 3}, {5, 7, 9, 10, 14, 18}));
  EXPECT_THAT(einsum("...j->...", {batch}).result(), is<float>({2, 1}, {3, 6}));
  EXPECT_THAT(einsum("ij,jk->ix", {a, b}).refusal(), HasSubstr("a letter of the equation's output is in no input"));
  EXPECT_THAT(einsum("ijk->i", {a}).refusal(), HasSubstr("'ijk' in the equation for an input of rank 2"));
  EXPECT_THAT(einsum("ij,ij", {a}).refusal(), HasSubstr("the equation has 2 inputs, the node 1"));
  EXPECT_THAT(einsum("ij,kj->ik", {a, b}).refusal(), HasSubstr("sizes of one letter"));
}

// Tests where padding goes, and that windows may be spread and channels grouped.
TEST(OnnxConvolution, attributes) {
  HostTensor image = tensor<float>({1, 1, 4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  HostTensor filter = tensor<float>({1, 1, 3, 3}, {1, 0, -1, 2, 1, 0, 0, 1, 3});
  auto pad = [&](const char *kind) {
    Operator op("Conv", 11);
    op.input(image).input(filter).attribute("auto_pad", kind).attribute("strides", std::vector<int64_t>{2, 2});
    return op;
  };
  EXPECT_THAT(pad("SAME_UPPER").result(), is<float>({1, 1, 2, 2}, {57, 37, 38, 57}));
  EXPECT_THAT(pad("SAME_LOWER").result(), is<float>({1, 1, 2, 2}, {24, 38, 58, 92}));
  EXPECT_THAT(pad("VALID").result(), is<float>({1, 1, 1, 1}, {57}));
  EXPECT_THAT(pad("SAME").refusal(), HasSubstr("auto_pad is 'SAME'"));
  EXPECT_THAT(Operator("Conv", 11)
                  .input(image)
                  .input(tensor<float>({1, 1, 2, 2}, {1, 0, 2, 1}))
                  .attribute("pads", std::vector<int64_t>{1, 0, 0, 1})
                  .attribute("dilations", std::vector<int64_t>{2, 1})
                  .attribute("strides", std::vector<int64_t>{2, 1})
                  .attribute("kernel_shape", std::vector<int64_t>{2, 2})
                  .result(),
              is<float>({1, 1, 2, 4}, {16, 19, 22, 16, 45, 49, 53, 40}));
  EXPECT_THAT(Operator("Conv", 22)
                  .input(tensor<float>({1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}))
                  .input(tensor<float>({2, 1, 2}, {1, 2, -1, 1}))
                  .input(tensor<float>({2}, {10, 20}))
                  .attribute("group", 2)
                  .result(),
              is<float>({1, 2, 3}, {15, 18, 21, 21, 21, 21}));
}

// Tests the three results of layer normalization, and parameters with leading sizes of 1.
TEST(OnnxNormalization, layer) {
  HostTensor x = tensor<float>({2, 4}, {1, 2, 3, 4, 0, 0, 4, 0});
  HostTensor expected = tensor<float>(
      {2, 4}, {-1.3363062, -0.89087081, 1.4454354, 1.3363062, -0.57639039, -1.1527808, 2.7291713, -0.57639039});
  for (std::vector<int64_t> sizes :
       {std::vector<int64_t>{4}, std::vector<int64_t>{1, 4}, std::vector<int64_t>{1, 1, 4}}) {
    HostTensor scale = tensor<float>(sizes, {1, 2, 1, 1}), bias = tensor<float>(sizes, {0, 0, 1, 0});
    if (sizes.size() == 3)
      EXPECT_THAT(
          Operator("LayerNormalization", 17).input(x).input(scale).input(bias).attribute("epsilon", 0.01).result(),
          is(expected));
    else
      EXPECT_THAT(
          Operator("LayerNormalization", 17, 3).input(x).input(scale).input(bias).attribute("epsilon", 0.01).run(),
          ElementsAre(is(expected), is<float>({2, 1}, {2.5, 1}), is<float>({2, 1}, {0.89087081, 0.57639039})));
  }
}

// Tests that RMS normalization has the type of the scale, and a scale for more than the normalized dimensions.
TEST(OnnxNormalization, rms) {
  HostTensor x = halves({1, 4}, {1, 2, 3, 4}), scale = tensor<float>({4}, {1, 0.5, 1, 2});
  HostTensor result = Operator("RMSNormalization", 23).input(x).input(scale).attribute("epsilon", 0.01).result();
  // sqrt(7.5 + 0.01) divides.
  EXPECT_THAT(result, is<float>({1, 4}, {0.36490518, 0.36490518, 1.0947155, 2.9192415}));
  EXPECT_THAT(Operator("RMSNormalization", 23)
                  .input(tensor<float>({2, 2}, {3, 4, 1, 1}))
                  .input(tensor<float>({2, 1}, {5, 7}))
                  .attribute("epsilon", 0.0)
                  .result(),
              is<float>({2, 2}, {4.2426407, 5.6568542, 7, 7}));
}

TEST(OnnxNormalization, ofChannels) {
  HostTensor x = tensor<float>({1, 2, 2}, {1, 3, 2, 6});
  HostTensor scale = tensor<float>({2}, {1, 2}), bias = tensor<float>({2}, {0, 10});
  EXPECT_THAT(Operator("InstanceNormalization", 7).input(x).input(scale).input(bias).attribute("epsilon", 0.0).result(),
              is<float>({1, 2, 2}, {-1, 1, 8, 12}));
  EXPECT_THAT(Operator("GroupNormalization", 21)
                  .input(x)
                  .input(scale)
                  .input(bias)
                  .attribute("num_groups", 1)
                  .attribute("epsilon", 0.5)
                  .result(),
              is<float>({1, 2, 2}, {-1, 0, 9, 13}));
  auto batch = [&](int training) {
    Operator op("BatchNormalization", 15);
    op.input(x).input(scale).input(bias).input(tensor<float>({2}, {1, 2})).input(tensor<float>({2}, {3, 0}));
    return op.attribute("epsilon", 1.0).attribute("training_mode", training);
  };
  EXPECT_THAT(batch(0).result(), is<float>({1, 2, 2}, {0, 1, 10, 18}));
  EXPECT_THAT(batch(1).refusal(), HasSubstr("training"));
  EXPECT_THAT(Operator("LpNormalization", 22).input(tensor<float>({2, 2}, {3, 4, 0, 0})).result(),
              is<float>({2, 2}, {0.6, 0.8, 0, 0}));
}

const HostTensor query = tensor<float>({1, 1, 3, 2}, {1, 0, 0, 1, 1, 1});
const HostTensor key = tensor<float>({1, 1, 3, 2}, {1, 2, 3, -1, 0, 1});
const HostTensor value = tensor<float>({1, 1, 3, 2}, {1, 0, 0, 2, 4, 4});

// Tests that a query that may see no key gives zeros.
TEST(OnnxAttention, masks) {
  HostTensor mask = tensor<bool>({3, 3}, {true, false, true, false, false, false, true, true, true});
  EXPECT_THAT(Operator("Attention", 24).input(query).input(key).input(value).input(mask).result(),
              is<float>({1, 1, 3, 2}, {1.9907151, 1.3209536, 0, 0, 1.1360922, 1.1281077}));
  EXPECT_THAT(Operator("Attention", 23).input(query).input(key).input(value).attribute("is_causal", 1).result(),
              is<float>({1, 1, 3, 2}, {1, 0, 0.89295816, 0.21408357, 1.1360922, 1.1281077}));
}

// Tests the other results: what past and new keys make, and the scores, capped.
TEST(OnnxAttention, otherResults) {
  EXPECT_THAT(Operator("Attention", 24, 4)
                  .input(query)
                  .input(key)
                  .input(value)
                  .attribute("is_causal", 1)
                  .attribute("softcap", 2.0)
                  .attribute("qk_matmul_output_mode", 1)
                  .run(),
              ElementsAre(is<float>({1, 1, 3, 2}, {1, 0, 0.86952496, 0.26095006, 1.249487, 1.4406433}), is(key),
                          is(value),
                          is<float>({1, 1, 3, 3}, {0.67904627, 1.5718329, 0, 1.2177188, -0.67904627, 0.67904627,
                                                   1.5718329, 1.2177188, 0.67904627})));
}

// Tests a rotation of a part of each head, of halves and of neighbours.
TEST(OnnxAttention, rotaryEmbedding) {
  HostTensor x = tensor<float>({1, 1, 1, 6}, {1, 2, 3, 4, 5, 6});
  HostTensor cosine = tensor<float>({1, 1, 2}, {0.5, 0.25}), sine = tensor<float>({1, 1, 2}, {0.75, -0.5});
  auto rotate = [&](int interleaved) {
    Operator op("RotaryEmbedding", 23);
    op.input(x).input(cosine).input(sine).attribute("rotary_embedding_dim", 4);
    return op.attribute("interleaved", interleaved).result();
  };
  EXPECT_THAT(rotate(0), is<float>({1, 1, 1, 6}, {-1.75, 2.5, 2.25, 0, 5, 6}));
  EXPECT_THAT(rotate(1), is<float>({1, 1, 1, 6}, {-1, 1.75, 2.75, -0.5, 5, 6}));
}

} // namespace
