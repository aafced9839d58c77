//===- ElementwiseOps.td - Functions of one element ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_ELEMENTWISEOPS_TD
#define SINTER_ELEMENTWISEOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "dialects/sinter/IR/SinterEnums.td"

def Sinter_ElementwiseOp : Sinter_InferredOp<"elementwise"> {
  let summary = "A function of one element of each operand.";
  let description = [{
    `result[i] = kind(operands[0][i], ...)`, where an operand of lower rank or with a size of 1 is repeated (NumPy's
    broadcasting). Comparisons, `is_nan` and `is_inf` give i1; `select(c, a, b)` takes its type from `a`. `round` is to even;
    `mod` has the divisor's sign and `fmod` the dividend's; integer `div` truncates; `min` and `max` give NaN for NaN.
    Integers wrap; `div`, `mod` and `fmod` by zero give 0, as in NumPy. A shift by at least the width, or by a negative number,
    shifts all bits out; `shift_right` of signed integers copies the sign, and then leaves 0 or -1. `pow` of an integer to a negative power truncates
    the reciprocal. `alpha` is the slope or scale of `leaky_relu` and `elu`. `is_inf` takes `alpha` 1 for positive infinity only,
    -1 for negative only, and 0 or absence for both. `gelu` is x/2 (1 + erf(x / sqrt 2)); `gelu_tanh` is x/2 (1 + tanh(
    sqrt(2 / pi) (x + 0.044715 x^3))).

    Constraints:
    - C1: the number of operands is the kind's.
    - C2: the element types are those of the kind, and equal (except `select`'s condition, i1).
    - C3: sizes are equal or 1.
    - C4: `elu` and `leaky_relu` have an `alpha`.

    Example:

    ```mlir
    %0 = sinter.elementwise add(%a, %b) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Sinter_ElementwiseKind:$kind, Variadic<Sinter_AnyTensor>:$operands_, OptionalAttr<F64Attr>:$alpha);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$kind `(` $operands_ `)` attr-dict `:` functional-type($operands_, $result)";
  let extraClassDeclaration = [{
    /// The number of operands of a kind.
    static unsigned getArity(ElementwiseKind kind);
    /// Whether the result is i1 whatever the operands are.
    static bool isPredicate(ElementwiseKind kind);
  }];
}

def Sinter_CastOp : Sinter_SizedOp<"cast"> {
  let summary = "Elements as another type.";
  let description = [{
    To a narrower float rounds to nearest even, with overflow to infinity; from float to integer truncates toward zero and
    saturates (NaN becomes 0); between integers keeps the low bits; to i1 is `x != 0`. From float to an integer of fewer than
    8 bits goes by way of i32.

    To narrow floats the rules are those of ONNX's Cast, version 28: to nearest even, where what is greater than the greatest
    number becomes that number, infinity too; `unsaturated`, it becomes infinity in f8E5M2, and NaN in other floats of 8
    bits. f4E2M1FN saturates always, and makes 0 of NaN. To f8E8M0FNU, the powers of two, numbers are rounded as `round`
    says (`nearest` takes the greater one of a tie), what is less than the least one becomes the least, or NaN if
    `unsaturated`, and a negative number becomes NaN.

    To a string: integers in decimal, i1 as True or False, floats by the fewest digits that read back as the same element
    (plain from 1e-4 to below 1e16, else with an exponent of at least two digits; INF, -INF, NaN). From a string: decimal
    numbers with or without fraction and exponent, INF and NaN in any case, each with or without a sign, rounded to nearest
    even; to integers the fraction is dropped; to i1, True and False too. A run fails at a string that is no number, or none
    in the type's range.

    Constraints:
    - C1: the sizes are the operand's.
    - C2: not both are strings, and not one a string and the other narrow.
    - C3: only a result of a float of 8 bits is `unsaturated`, and only one of f8E8M0FNU has `round` other than `up`.

    Example:

    ```mlir
    %0 = sinter.cast %a : tensor<2x3xi64> -> tensor<2x3xf32>
    %1 = sinter.cast %0 unsaturated round nearest : tensor<2x3xf32> -> tensor<2x3xf8E8M0FNU>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$input, UnitAttr:$unsaturated,
                   DefaultValuedAttr<Sinter_RoundMode, "::sinter::RoundMode::up">:$round_mode);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = [{
    $input (`unsaturated` $unsaturated^)? (`round` $round_mode^)? attr-dict `:` type($input) `->` type($result)
  }];
}

#endif // SINTER_ELEMENTWISEOPS_TD
