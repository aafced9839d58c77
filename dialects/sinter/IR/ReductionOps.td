//===- ReductionOps.td - Many elements to one ----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_REDUCTIONOPS_TD
#define SINTER_REDUCTIONOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "dialects/sinter/IR/SinterEnums.td"

def Sinter_ReduceOp : Sinter_InferredOp<"reduce"> {
  let summary = "One element from all elements along some dimensions.";
  let description = [{
    The sum, mean, greatest, least, product, sum of squares or sum of absolute values over `axes`, which stay with size 1 if
    `keep_dims`. `max` and `min` give NaN if an element is NaN. Without elements: 0, NaN for a mean, the type's extreme or
    infinity for `max` and `min`, 1 for a product.

    Constraints:
    - C1: `axes` are dimensions of the operand, increasing.

    Example:

    ```mlir
    %0 = sinter.reduce mean %a [1] {keep_dims} : tensor<2x3xf32> -> tensor<2x1xf32>
    ```
  }];
  let arguments = (ins Sinter_ReduceKind:$kind, Sinter_NumberTensor:$input, DenseI64ArrayAttr:$axes, UnitAttr:$keep_dims);
  let results = (outs Sinter_NumberTensor:$result);
  let assemblyFormat = "$kind $input $axes attr-dict `:` type($input) `->` type($result)";
}

def Sinter_ArgReduceOp : Sinter_InferredOp<"arg_reduce"> {
  let summary = "The position of the greatest or least element along a dimension.";
  let description = [{
    The first such position, or the last with `last`; as i64. NaN is more extreme than any number.

    Constraints:
    - C1: `axis` is a dimension of the operand.

    Example:

    ```mlir
    %0 = sinter.arg_reduce max %a axis 1 {keep_dims} : tensor<2x3xf32> -> tensor<2x1xi64>
    ```
  }];
  let arguments = (ins Sinter_ArgReduceKind:$kind, Sinter_NumberTensor:$input, I64Attr:$axis, UnitAttr:$keep_dims, UnitAttr:$last);
  let results = (outs Sinter_NumberTensor:$result);
  let assemblyFormat = "$kind $input `axis` custom<PlainInteger>($axis) attr-dict `:` type($input) `->` type($result)";
}

def Sinter_CumulativeSumOp : Sinter_InferredOp<"cumulative_sum"> {
  let summary = "Running sums along a dimension.";
  let description = [{
    `result[i] = sum over j <= i of input[j]` along `axis`; `exclusive` has j < i, and `reverse` runs from the end.

    Constraints:
    - C1: `axis` is a dimension of the operand.

    Example:

    ```mlir
    %0 = sinter.cumulative_sum %a axis 0 {exclusive} : tensor<5xf32>
    ```
  }];
  let arguments = (ins Sinter_NumberTensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Sinter_NumberTensor:$result);
  let assemblyFormat = "$input `axis` custom<PlainInteger>($axis) attr-dict `:` type($input)";
}

def Sinter_SoftmaxOp : Sinter_InferredOp<"softmax"> {
  let summary = "Exponentials that sum to 1 along a dimension.";
  let description = [{
    `exp(x - m) / sum(exp(x - m))` with m the greatest x along `axis`; with `log`, `x - m - log(sum(exp(x - m)))`.

    Constraints:
    - C1: `axis` is a dimension of the operand.

    Example:

    ```mlir
    %0 = sinter.softmax %a axis 1 : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, I64Attr:$axis, UnitAttr:$log);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = "$input `axis` custom<PlainInteger>($axis) attr-dict `:` type($input)";
}

#endif // SINTER_REDUCTIONOPS_TD
