//===- TransformerOps.td - Constructs of the literature ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TRANSFORMEROPS_TD
#define SINTER_TRANSFORMEROPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "dialects/sinter/IR/SinterEnums.td"

def Sinter_MatmulOp : Sinter_InferredOp<"matmul"> {
  let summary = "Products of matrices.";
  let description = [{
    `result[..., m, n] = sum over k of lhs[..., m, k] * rhs[..., k, n]`, the leading dimensions broadcast as NumPy does. Floats
    of 16 bits are summed in f32.

    Constraints:
    - C1: both have at least rank 2, and one element type.
    - C2: the sizes of k are equal.
    - C3: leading sizes are equal or 1.

    Example:

    ```mlir
    %0 = sinter.matmul %a, %b : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
    ```
  }];
  let arguments = (ins Sinter_NumberTensor:$lhs, Sinter_NumberTensor:$rhs);
  let results = (outs Sinter_NumberTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, $result)";
}

def Sinter_ConvOp : Sinter_InferredOp<"conv"> {
  let summary = "Convolution of images, sequences or volumes.";
  let description = [{
    Input [N, C, spatial...], filter [O, C / groups, window...], bias [O] if given:
    `result[n, o, p...] = bias[o] + sum over c, w... of filter[o, c, w...] * input[n, g c, p * stride + w * dilation - low...]`
    where c runs over the channels of o's group and elements outside the input are 0.

    Constraints:
    - C1: input and filter have one element type and one rank, at least 3; strides, dilations, low and high have one number for
      each spatial dimension, strides and dilations positive.
    - C2: channels are the filter's times `groups`, and `groups` divides the filters.
    - C3: the bias has rank 1 and one element for each filter.
    - C4: the window fits into the padded input.

    Example:

    ```mlir
    %0 = sinter.conv %x, %w strides [2, 2] dilations [1, 1] low [0, 0] high [0, 0] groups 1
        : (tensor<1x3x8x8xf32>, tensor<16x3x2x2xf32>) -> tensor<1x16x4x4xf32>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$filter, Optional<Sinter_FloatTensor>:$bias,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$low,
                   DenseI64ArrayAttr:$high, I64Attr:$groups);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $filter (`bias` $bias^)? `strides` $strides `dilations` $dilations `low` $low `high` $high
    `groups` custom<PlainInteger>($groups) attr-dict `:` functional-type(operands, $result)
  }];
}

def Sinter_LayerNormOp : Sinter_InferredOp<"layer_norm"> {
  let summary = "Layer normalization.";
  let description = [{
    With mean and variance over the dimensions from `axis` on: `(x - mean) / sqrt(variance + epsilon) * scale + bias`
    (Ba, Kiros, Hinton: Layer Normalization, 2016).

    Constraints:
    - C1: `axis` is a dimension of the operand.
    - C2: scale and bias have the operand's element type and broadcast to its dimensions from `axis` on.

    Example:

    ```mlir
    %0 = sinter.layer_norm %x scale %s bias %b axis 1 epsilon 1.0e-5
        : (tensor<2x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$scale, Optional<Sinter_FloatTensor>:$bias,
                   I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`bias` $bias^)? `axis` custom<PlainInteger>($axis) `epsilon` custom<PlainFloat>($epsilon) attr-dict
    `:` functional-type(operands, $result)
  }];
}

def Sinter_RmsNormOp : Sinter_InferredOp<"rms_norm"> {
  let summary = "Root mean square normalization.";
  let description = [{
    With the mean over the dimensions from `axis` on: `x / sqrt(mean(x * x) + epsilon) * scale`
    (Zhang, Sennrich: Root Mean Square Layer Normalization, 2019).

    Constraints:
    - C1: `axis` is a dimension of the operand.
    - C2: the scale has the operand's element type and broadcasts to its dimensions from `axis` on.

    Example:

    ```mlir
    %0 = sinter.rms_norm %x scale %s axis 1 epsilon 1.0e-6 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$scale, I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale `axis` custom<PlainInteger>($axis) `epsilon` custom<PlainFloat>($epsilon) attr-dict
    `:` functional-type(operands, $result)
  }];
}

def Sinter_RotaryOp : Sinter_InferredOp<"rotary"> {
  let summary = "Rotary position embedding.";
  let description = [{
    Rotates pairs of the first R elements of the last dimension by angles whose cosines and sines are given (Su et al.: RoFormer,
    2021); the other elements stay. The pairs are (i, i + R/2), or (2i, 2i + 1) if `interleaved`:
    `(a, b) -> (a * cos - b * sin, b * cos + a * sin)`. `cos` and `sin` have R/2 elements last and broadcast to the leading
    dimensions of the input.

    Constraints:
    - C1: one element type; `cos` and `sin` have the same sizes, the last a number.
    - C2: R is at most the last size of the input, and leading sizes broadcast to the input's.

    Example:

    ```mlir
    %0 = sinter.rotary %x cos %c sin %s
        : (tensor<2x7x4x8xf32>, tensor<7x1x4xf32>, tensor<7x1x4xf32>) -> tensor<2x7x4x8xf32>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$cos, Sinter_FloatTensor:$sin, UnitAttr:$interleaved);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = "$input `cos` $cos `sin` $sin attr-dict `:` functional-type(operands, $result)";
}

def Sinter_AttentionOp : Sinter_InferredOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "Scaled dot-product attention of several heads.";
  let description = [{
    Query [B, Q, H, D], key [B, K, G, D], value [B, K, G, E]; head h of the query uses head h / (H / G) of key and value
    (grouped queries). With `p = softmax over k of (scale * sum over d of query[b, q, h, d] * key[b, k, g, d] + bias[b, h, q, k])`,
    `result[b, q, h, e] = sum over k of p[k] * value[b, k, g, e]` (Vaswani et al.: Attention Is All You Need, 2017). The
    bias broadcasts to [B, H, Q, K]. With `causal`, a query q sees only keys k <= q + K - Q;
    where it sees none, the result is NaN.

    Keys and values may be states, of which only a part is in use: with `past`, the first query is at position `past`, and
    a query sees only keys k < past + Q, or k <= past + q if `causal`. What the others hold does not matter as long as it is
    finite.

    Constraints:
    - C1: all have rank 4 and one element type.
    - C2: B, K, G and D agree, and G divides H.
    - C3: the bias has rank 4, and each size is 1 or that of [B, H, Q, K].
    - C4: `past` is a scalar of i64.

    Example:

    ```mlir
    %0 = sinter.attention %q, %k, %v bias %m scale 0.25
        : (tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x1x1x7xf32>) -> tensor<2x7x4x16xf32>
    %1 = sinter.attention %step, %keys, %values past %past scale 0.25 {causal}
        : (tensor<1x2x8x16xf32>, tensor<1x64x2x16xf32>, tensor<1x64x2x16xf32>, tensor<i64>) -> tensor<1x2x8x16xf32>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$query, Sinter_FloatTensor:$key, Sinter_FloatTensor:$value,
                   Optional<Sinter_FloatTensor>:$bias, Optional<Sinter_IndexTensor>:$past, F64Attr:$scale,
                   UnitAttr:$causal);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`bias` $bias^)? (`past` $past^)? `scale` custom<PlainFloat>($scale) attr-dict
    `:` functional-type(operands, $result)
  }];
}

#endif // SINTER_TRANSFORMEROPS_TD
