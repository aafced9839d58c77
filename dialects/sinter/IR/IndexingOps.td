//===- IndexingOps.td - Elements at positions that are data --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_INDEXINGOPS_TD
#define SINTER_INDEXINGOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "dialects/sinter/IR/SinterEnums.td"

def Sinter_GatherOp : Sinter_InferredOp<"gather"> {
  let summary = "Slices of a tensor at given positions of one dimension.";
  let description = [{
    `result[a..., i..., b...] = data[a..., indices[i...], b...]`, where `a` has `axis` dimensions. A negative index counts from
    the end. An embedding is the gather of rows of a weight.

    Constraints:
    - C1: `axis` is a dimension of the data.

    Example:

    ```mlir
    %0 = sinter.gather %data[%indices] axis 0 : (tensor<10x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$data, Sinter_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$data `[` $indices `]` `axis` custom<PlainInteger>($axis) attr-dict `:` functional-type(operands, $result)";
}

def Sinter_GatherElementsOp : Sinter_InferredOp<"gather_elements"> {
  let summary = "Elements at given positions of one dimension.";
  let description = [{
    `result[i, j, k] = data[i, indices[i, j, k], k]` for `axis` 1. A negative index counts from the end.

    Constraints:
    - C1: data and indices have one rank, and `axis` is a dimension.

    Example:

    ```mlir
    %0 = sinter.gather_elements %data[%indices] axis 1 : (tensor<2x5xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$data, Sinter_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$data `[` $indices `]` `axis` custom<PlainInteger>($axis) attr-dict `:` functional-type(operands, $result)";
}

def Sinter_GatherNdOp : Sinter_InferredOp<"gather_nd"> {
  let summary = "Slices of a tensor at positions of several dimensions.";
  let description = [{
    With b = `batch_dims`: `result[a..., i..., s...] = data[a..., indices[a..., i..., :]..., s...]`, where `a` are the b
    dimensions that data and indices share.

    Constraints:
    - C1: the last size of the indices is a number, at most the data's rank less b.
    - C2: the first b sizes are equal, and b is below both ranks.

    Example:

    ```mlir
    %0 = sinter.gather_nd %data[%indices] batch_dims 0 : (tensor<4x5xf32>, tensor<3x2xi64>) -> tensor<3xf32>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$data, Sinter_IndexTensor:$indices, I64Attr:$batch_dims);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = [{
    $data `[` $indices `]` `batch_dims` custom<PlainInteger>($batch_dims) attr-dict `:` functional-type(operands, $result)
  }];
}

def Sinter_ScatterElementsOp : Sinter_InferredOp<"scatter_elements"> {
  let summary = "A copy of a tensor with some elements replaced or combined.";
  let description = [{
    A copy of `data`, where for each position of `updates`, in row-major order, `result[i, indices[i, j, k], k]` (for `axis`
    1) is replaced by `updates[i, j, k]` or combined with it as `kind` says.

    Constraints:
    - C1: data, indices and updates have one rank, `axis` is a dimension.
    - C2: indices and updates have the same sizes; updates have the data's element type.
    - C3: strings and narrow elements are replaced only.

    Example:

    ```mlir
    %0 = sinter.scatter_elements replace %data[%indices], %updates axis 1
        : (tensor<1x5xf32>, tensor<1x2xi64>, tensor<1x2xf32>) -> tensor<1x5xf32>
    ```
  }];
  let arguments = (ins Sinter_ScatterKind:$kind, Sinter_AnyTensor:$data, Sinter_IndexTensor:$indices, Sinter_AnyTensor:$updates,
                   I64Attr:$axis);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = [{
    $kind $data `[` $indices `]` `,` $updates `axis` custom<PlainInteger>($axis) attr-dict `:`
    functional-type(operands, $result)
  }];
}

def Sinter_ScatterNdOp : Sinter_InferredOp<"scatter_nd"> {
  let summary = "A copy of a tensor with some slices replaced or combined.";
  let description = [{
    A copy of `data`, where for each position of the indices, in row-major order, the slice
    `result[indices[i..., :]..., s...]` is replaced by `updates[i..., s...]` or combined with it as `kind` says.

    Constraints:
    - C1: the last size of the indices is a number, at most the data's rank.
    - C2: updates have the data's element type and the indices' leading sizes, then the slice's.
    - C3: strings and narrow elements are replaced only.

    Example:

    ```mlir
    %0 = sinter.scatter_nd add %data[%indices], %updates
        : (tensor<8xf32>, tensor<4x1xi64>, tensor<4xf32>) -> tensor<8xf32>
    ```
  }];
  let arguments = (ins Sinter_ScatterKind:$kind, Sinter_AnyTensor:$data, Sinter_IndexTensor:$indices, Sinter_AnyTensor:$updates);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$kind $data `[` $indices `]` `,` $updates attr-dict `:` functional-type(operands, $result)";
}

#endif // SINTER_INDEXINGOPS_TD
