//===- QuantizationOps.td - Numbers of few bits with scales --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantized tensor is its codes, numbers of few bits, whose type
// (`!sinter.quantized`) says how they stand for floats; the scales, and zero points
// if there are any, are operands of the ops that convert or multiply.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATIONOPS_TD
#define SINTER_QUANTIZATIONOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "dialects/sinter/IR/SinterEnums.td"

def Sinter_QuantizeOp : Sinter_SizedOp<"quantize"> {
  let summary = "Floats to codes.";
  let description = [{
    `q = clamp(round(x / s) + z)` with the block's scale s and zero point z (0 without), halves to even, clamped to the range of
    the storage; quotient in f32. With `reciprocal` the quotient is `x * (1 / s)`, both rounded to f32. Where s is not above 0, or
    x is NaN, q is z.

    Constraints:
    - C1: the result has the input's sizes and expresses its element type; its storage is an integer.
    - C2: the scale has the sizes of the result's blocks.
    - C3: there are zero points exactly if the result's type has them, of its storage, with the scale's sizes or one for all.

    Example:

    ```mlir
    %0 = sinter.quantize %x scale %s
        : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8x!sinter.quantized<i8:f32, blocks [0, 1]>>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$scale, Optional<Sinter_IntegerTensor>:$zero_point,
                   UnitAttr:$reciprocal);
  let results = (outs Sinter_QuantizedTensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`zero_point` $zero_point^)? attr-dict `:` functional-type(operands, $result)
  }];
}

def Sinter_DequantizeOp : Sinter_InferredOp<"dequantize"> {
  let summary = "Codes to floats.";
  let description = [{
    `x = (q - z) * s` with the block's scale s and zero point z (0 without), rounded once.

    Constraints:
    - C1: the scale has the sizes of the input's blocks.
    - C2: there are zero points exactly if the input's type has them, of its storage, with the scale's sizes or one for all.

    Example:

    ```mlir
    %0 = sinter.dequantize %q scale %s zero_point %z
        : (tensor<4x8x!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>>, tensor<2x8xf32>, tensor<2x8xui4>) -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Sinter_QuantizedTensor:$input, Sinter_FloatTensor:$scale,
                   Optional<Sinter_IntegerTensor>:$zero_point);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`zero_point` $zero_point^)? attr-dict `:` functional-type(operands, $result)
  }];
}

def Sinter_StorageCastOp : Sinter_SizedOp<"storage_cast"> {
  let summary = "Codes as plain numbers, or plain numbers as codes.";
  let description = [{
    The same bits: between a quantized tensor and one of its storage type.

    Constraints:
    - C1: one side is quantized, the other has its storage type, and their sizes are equal.

    Example:

    ```mlir
    %0 = sinter.storage_cast %a : tensor<4x8xui8> -> tensor<4x8x!sinter.quantized<ui8:f32, zero_points>>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$input);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def Sinter_ChooseScaleOp : Sinter_SizedOp<"choose_scale"> {
  let summary = "Scales that cover what is in the blocks.";
  let description = [{
    The scales that a tensor is quantized to type `quantized` with. Without zero points `max |x| / q`, over a block, where q is the
    storage's greatest value (127 for i8, 7 for i4). With zero points `(max(x, 0) - min(x, 0)) / r`, where r is the storage's
    greatest value minus its least. With a given `zero` for the zero point of all blocks, the least that covers a block:
    `max(max(x, 0) / (greatest - zero), max(-x, 0) / (zero - least))`. In f32. NaN in a block makes its scale NaN.

    With `search`, that times the factor among 1, 0.98, 0.96, ... 0.6 whose codes have the least sum of squared errors (of the
    first, where several have it).

    Constraints:
    - C1: the result has the sizes of that type's blocks, and the input's element type, which it expresses.
    - C2: the storage is an integer, and `search` is of a type without zero points.
    - C3: `zero` is of a type with zero points, and between its storage's least and greatest value.

    Example:

    ```mlir
    %0 = sinter.choose_scale %x for !sinter.quantized<i8:f32, blocks [0, 1]> : tensor<4x8xf32> -> tensor<1x8xf32>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, TypeAttrOf<Sinter_QuantizedType>:$quantized, UnitAttr:$search,
                   OptionalAttr<I64Attr>:$zero);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = "$input `for` $quantized attr-dict `:` type($input) `->` type($result)";
}

def Sinter_ChooseZeroPointOp : Sinter_SizedOp<"choose_zero_point"> {
  let summary = "Zero points that belong to chosen scales.";
  let description = [{
    `clamp(round(least - min(x, 0) / s))` with the storage's least value and the minimum over a block; halves to even, in f32.
    Where s is not above 0 it is the value nearest to 0 of the storage.

    Constraints:
    - C1: the scale has the sizes of the type's blocks, the result too, with the storage as its type; it has zero points.

    Example:

    ```mlir
    %0 = sinter.choose_zero_point %x scale %s for !sinter.quantized<ui4:f32, blocks [0, 1], zero_points>
        : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<1x8xui4>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$scale, TypeAttrOf<Sinter_QuantizedType>:$quantized);
  let results = (outs Sinter_IntegerTensor:$result);
  let assemblyFormat = "$input `scale` $scale `for` $quantized attr-dict `:` functional-type(operands, $result)";
}

def Sinter_GptqOp : Sinter_SizedOp<"gptq"> {
  let summary = "Weights to codes that make good each other's errors.";
  let description = [{
    Codes q of a weight w [K, N] whose dequantized values w' have a small error of the product, `trace((w - w')^T H (w - w'))`
    with the second moments H [K, K] of its input, not above that of the nearest codes in any column (Frantar et al.: GPTQ, 2022;
    lib/Quantization/Gptq.h says the steps). Scales and zero points are given, as for `quantize`.

    Constraints:
    - C1: w is an f32 matrix, the result has its sizes and expresses f32 by integers of at most 8 bits, in blocks of one column.
    - C2: the scale has the sizes of the result's blocks.
    - C3: there are zero points exactly if the result's type has them, of its storage, with the scale's sizes or one for all.
    - C4: the moments are an f32 matrix [K, K].

    Example:

    ```mlir
    %0 = sinter.gptq %w moments %h scale %s : (tensor<4x8xf32>, tensor<4x4xf32>, tensor<2x8xf32>)
        -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Sinter_FloatTensor:$moments, Sinter_FloatTensor:$scale,
                   Optional<Sinter_IntegerTensor>:$zero_point);
  let results = (outs Sinter_QuantizedTensor:$result);
  let assemblyFormat = [{
    $input `moments` $moments `scale` $scale (`zero_point` $zero_point^)? attr-dict `:` functional-type(operands, $result)
  }];
}

def Sinter_QuantizedMatmulOp : Sinter_InferredOp<"quantized_matmul", [AttrSizedOperandSegments]> {
  let summary = "Products of matrices of codes.";
  let description = [{
    lhs [..., K] has one scale, or one for each row; rhs [K, N] has scales for each column, or one, and perhaps for each group of
    rows. With the exact sum over the k of a group `S[g, m, n] = sum of (lhs[m, k] - lhs_zero_point) * (rhs[k, n] - rhs_zero_point[g, n])`:

    `r = 0; for each g in order: r = fma(f32(S[g, m, n]), rhs_scale[g, n], r); result[m, n] = r * lhs_scale[m]`

    where each step is rounded to f32 (Jacob et al.: Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, 2018, with scales in f32).

    Constraints:
    - C1: both express f32, lhs in 8 bits and rhs in 8, 4 or 2 bits of integers.
    - C2: rhs has rank 2 and the sizes of k are equal numbers.
    - C3: the blocks of lhs are whole rows or all of it; those of rhs one column or all of them, and any rows. A group has at most
      33025 rows, so that its sums fit 32 bits.
    - C4: scales have the sizes of blocks; there are zero points exactly if the type has them, of its storage, with the scale's
      sizes or one for all.

    Example:

    ```mlir
    %0 = sinter.quantized_matmul %a scale %as, %b scale %bs
        : (tensor<2x8x!sinter.quantized<i8:f32, blocks [1, 0]>>, tensor<2x1xf32>,
           tensor<8x4x!sinter.quantized<i8:f32, blocks [0, 1]>>, tensor<1x4xf32>) -> tensor<2x4xf32>
    ```
  }];
  let arguments = (ins Sinter_QuantizedTensor:$lhs, Sinter_FloatTensor:$lhs_scale,
                   Optional<Sinter_IntegerTensor>:$lhs_zero_point, Sinter_QuantizedTensor:$rhs,
                   Sinter_FloatTensor:$rhs_scale, Optional<Sinter_IntegerTensor>:$rhs_zero_point);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = [{
    $lhs `scale` $lhs_scale (`zero_point` $lhs_zero_point^)? `,` $rhs `scale` $rhs_scale (`zero_point` $rhs_zero_point^)?
    attr-dict `:` functional-type(operands, $result)
  }];
  let extraClassDeclaration = [{
    /// 255 * 255 times as many fit 31 bits.
    static constexpr int64_t maxGroup = 33025;
  }];
}

#endif // SINTER_QUANTIZATIONOPS_TD
