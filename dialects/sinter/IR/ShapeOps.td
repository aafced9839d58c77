//===- ShapeOps.td - Rearrangements of elements --------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SHAPEOPS_TD
#define SINTER_SHAPEOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "dialects/sinter/IR/SinterEnums.td"

def Sinter_ReshapeOp : Sinter_SizedOp<"reshape"> {
  let summary = "The same elements, in row-major order, with other sizes.";
  let description = [{
    Constraints:
    - C1: the element type stays, and the number of elements is not proved to differ.

    Example:

    ```mlir
    %0 = sinter.reshape %a : tensor<2x6xf32> -> tensor<2x3x2xf32>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$input);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Sinter_BroadcastOp : Sinter_SizedOp<"broadcast"> {
  let summary = "Elements repeated along dimensions of size 1 and new leading dimensions.";
  let description = [{
    Constraints:
    - C1: the element type stays; aligned at the last dimension, each size of the operand is 1 or the result's.

    Example:

    ```mlir
    %0 = sinter.broadcast %a : tensor<3x1xf32> -> tensor<2x3x4xf32>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$input);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def Sinter_TransposeOp : Sinter_InferredOp<"transpose"> {
  let summary = "Dimensions in another order.";
  let description = [{
    Dimension i of the result is dimension `permutation[i]` of the operand.

    Constraints:
    - C1: `permutation` is one of the operand's dimensions.

    Example:

    ```mlir
    %0 = sinter.transpose %a [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$input $permutation attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Sinter_ConcatOp : Sinter_InferredOp<"concat"> {
  let summary = "Tensors one after the other along a dimension.";
  let description = [{
    Constraints:
    - C1: at least one operand, and `axis` is a dimension.
    - C2: element types, ranks and all other sizes are equal.

    Example:

    ```mlir
    %0 = sinter.concat 1 (%a, %b) : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
    ```
  }];
  let arguments = (ins I64Attr:$axis, Variadic<Sinter_AnyTensor>:$inputs);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "custom<PlainInteger>($axis) `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)";
  let hasFolder = 1;
}

def Sinter_SliceOp : Sinter_SizedOp<"slice"> {
  let summary = "Every step-th element from a start, in each dimension.";
  let description = [{
    `result[i, j, ...] = input[starts[0] + i * steps[0], ...]`. Starts are not negative; a step may be.

    Constraints:
    - C1: the element type and the rank stay, with one start and one step for each dimension.
    - C2: a step is not 0; where start, step and size are numbers they stay within the operand.

    Example:

    ```mlir
    %0 = sinter.slice %a starts <"0", "1"> steps <"1", "1"> : tensor<2x3xf32> -> tensor<2x2xf32>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$input, Sinter_DimsAttr:$starts, Sinter_DimsAttr:$steps);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$input `starts` $starts `steps` $steps attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def Sinter_PadOp : Sinter_InferredOp<"pad"> {
  let summary = "Elements added or removed at the ends of dimensions.";
  let description = [{
    `low` and `high` elements are added before and after each dimension; negative numbers remove. `constant` fills with `value`
    (zero without it), `edge` repeats the last element, `reflect` mirrors without repeating it, `wrap` goes round.

    Constraints:
    - C1: one `low` and one `high` for each dimension.
    - C2: `value` is a scalar of the operand's element type, for mode `constant` only.

    Example:

    ```mlir
    %0 = sinter.pad constant %a low <"0", "1"> high <"0", "2"> : (tensor<2x3xf32>) -> tensor<2x6xf32>
    ```
  }];
  let arguments = (ins Sinter_PadMode:$mode, Sinter_AnyTensor:$input, Optional<Sinter_AnyTensor>:$value, Sinter_DimsAttr:$low,
                   Sinter_DimsAttr:$high);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = [{
    $mode $input (`value` $value^)? `low` $low `high` $high attr-dict `:` functional-type(operands, $result)
  }];
}

def Sinter_RangeOp : Sinter_SizedOp<"range"> {
  let summary = "Equally spaced numbers.";
  let description = [{
    `result[i] = start + i * delta`.

    Constraints:
    - C1: the operands are scalars, the result has rank 1, and all have one element type.

    Example:

    ```mlir
    %0 = sinter.range %start, %delta : (tensor<i64>, tensor<i64>) -> tensor<7xi64>
    ```
  }];
  let arguments = (ins Sinter_NumberTensor:$start, Sinter_NumberTensor:$delta);
  let results = (outs Sinter_NumberTensor:$result);
  let assemblyFormat = "$start `,` $delta attr-dict `:` functional-type(operands, $result)";
}

#endif // SINTER_SHAPEOPS_TD
