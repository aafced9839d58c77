//===- ProgramOps.td - Symbols, weights and constants of a program -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PROGRAMOPS_TD
#define SINTER_PROGRAMOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "dialects/sinter/IR/SinterEnums.td"

def Sinter_SymbolOp : Sinter_Op<"symbol", [Symbol]> {
  let summary = "A size of the program that a run decides.";
  let description = [{
    Declares a symbol of the program's size expressions and where a run takes its value from: dimension `position` of an
    input (`axis`), or element `position` of an input, without its fraction (`element`). `low` and `high` bound it; no `high`
    means that nothing bounds it. `typical` is the value that code is tuned for.

    With `range` the value is the length of a range of floats, max(ceil((limit - start) / delta), 0): three operands, each a
    number or the name of an input, of which the first element is meant. `input` is the first input among them. The difference
    is rounded to the inputs' type, the quotient to f64 for f64 and else to f32. A run in which it is not finite is refused.

    Constraints:
    - C1: the name is a symbol's name (`SizeExpr::isSymbolName`).
    - C2: `low` is at least 1 for an axis, and not above `high`.
    - C3: `typical` lies within the bounds.
    - C4: `range` has three operands and is of an `element`.

    Example:

    ```mlir
    sinter.symbol @seq axis "input_ids" 1 {low = 1 : i64, high = 512 : i64}
    sinter.symbol @"range/$0:limit:$0.5[]" element "limit" 0 {low = 0 : i64, range = [0.0, "limit", 5.000000e-01]}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, UnitAttr:$element, StrAttr:$input, I64Attr:$position, I64Attr:$low,
                   OptionalAttr<I64Attr>:$high, OptionalAttr<I64Attr>:$typical, OptionalAttr<ArrayAttr>:$range);
  let assemblyFormat = "$sym_name (`element` $element^):(`axis`)? $input custom<PlainInteger>($position) attr-dict";
  let hasVerifier = 1;
}

def Sinter_CheckOp : Sinter_Op<"check"> {
  let summary = "A size of an input that the graph fixes or ties.";
  let description = [{
    Dimension `axis` of `input` must equal `size` at every run: the graph was seen to hold for no other value. The symbol
    that the file gave the dimension is `declared`.

    Constraints:
    - C1: `size` is one expression.

    Example:

    ```mlir
    sinter.check "attention_mask" 1 declared "s12" size <"s21">
    ```
  }];
  let arguments = (ins StrAttr:$input, I64Attr:$axis, StrAttr:$declared, Sinter_DimsAttr:$size);
  let assemblyFormat = "$input custom<PlainInteger>($axis) `declared` $declared `size` $size attr-dict";
  let hasVerifier = 1;
}

def Sinter_WeightOp : Sinter_Op<"weight", [Symbol]> {
  let summary = "Bytes of a file that are a trained tensor.";
  let description = [{
    Names a tensor that the program reads: `length` bytes at `offset` of file number `file` of the module's `sinter.files`.
    The elements are never in the IR. `raw` bytes are little-endian elements in row-major order; `varint` ones are protobuf's
    packed variable-length integers. Elements of fewer than 8 bits are `packed`, several to a byte with the first in the
    lowest bits, or their bytes are `varint`.

    Constraints:
    - C1: the type is static.
    - C2: offset and length are not negative, and the length of `raw` and `packed` bytes is that of the type,
      which is below 8 bits for no `raw` and every `packed` one.

    Example:

    ```mlir
    sinter.weight @query raw 1 at 4096 length 589824 : tensor<384x384xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Sinter_WeightEncoding:$encoding, I64Attr:$file, I64Attr:$offset,
                   I64Attr:$length, TypeAttrOf<Sinter_Tensor>:$type);
  let assemblyFormat = [{
    $sym_name $encoding custom<PlainInteger>($file) `at` custom<PlainInteger>($offset)
    `length` custom<PlainInteger>($length) attr-dict `:` $type
  }];
  let hasVerifier = 1;
}

def Sinter_ParameterOp : Sinter_Op<"parameter", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a weight.";
  let description = [{
    Constraints:
    - C1: `weight` names a `sinter.weight` of the module, and the result has its type.

    Example:

    ```mlir
    %0 = sinter.parameter @query : tensor<384x384xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs Sinter_Tensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def Sinter_ConstantOp : Sinter_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "A small tensor of numbers.";
  let description = [{
    Scalars, shapes, short tables; everything larger than 1024 elements is a weight.

    Constraints:
    - C1: at most 1024 elements, or one value for all.

    Example:

    ```mlir
    %0 = sinter.constant dense<1.0> : tensor<f32>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Sinter_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Sinter_SizesOp : Sinter_InferredOp<"sizes"> {
  let summary = "Sizes as a tensor of integers.";
  let description = [{
    `result[i] = sizes[i]`; with `scalar`, the one size as a tensor of rank 0. What ONNX's Shape and the arithmetic behind it
    become where a tensor of sizes is really needed.

    Constraints:
    - C1: a scalar has exactly one size.

    Example:

    ```mlir
    %0 = sinter.sizes <"batch", "2 * seq"> : tensor<2xi64>
    ```
  }];
  let arguments = (ins Sinter_DimsAttr:$sizes, UnitAttr:$scalar);
  let results = (outs Sinter_Tensor:$result);
  let assemblyFormat = "(`scalar` $scalar^)? $sizes attr-dict `:` type($result)";
}

#endif // SINTER_PROGRAMOPS_TD
