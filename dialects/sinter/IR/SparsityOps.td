//===- SparsityOps.td - Weights with patterns of zeros -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which elements of a weight are zero is never in the IR: these ops are parts of the
// recipes that are carried out when the artifact is written, and how many elements
// or blocks are left is all that a type or an attribute says.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SPARSITYOPS_TD
#define SINTER_SPARSITYOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"

def Sinter_SparseAttr
    : AttrDef<Sinter_Dialect, "Sparse", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "sparse";
  let summary = "Only blocks with something besides zeros are stored.";
  let description = [{
    The encoding of a tensor with static sizes that follows from weights: it is cut into blocks, `block` long along each dimension
    (the last may be shorter), of which those that are zero everywhere are not stored. Where they are is not part of the type.

    ```mlir
    tensor<384x1536xf32, #sinter.sparse<block[16, 16]>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$block);
  let assemblyFormat = "`<` `block` `[` $block `]` `>`";
  let extraClassDeclaration = [{
    /// How many blocks a tensor of this shape has.
    int64_t getNumBlocks(::llvm::ArrayRef<int64_t> shape) const;
  }];
}

def Sinter_PruneOp : Sinter_Op<"prune", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "Zeros in the place of what matters least.";
  let description = [{
    The input is cut into blocks. A block's score is the sum of the squares of its elements, each times the magnitude of its index
    along dimension 0 if `magnitudes` are given (Sun et al.: A Simple and Effective Pruning Approach for Large Language Models, 2023,
    where they are the norms of the channels that the weight is multiplied with). The `keep` blocks with the greatest scores keep
    their elements (of equal ones, the first), the others become 0. With `of`, which is 0 where it is not written, so many of
    each `of` blocks that follow one another along dimension 0; the last may be fewer.

    Constraints:
    - C1: the block has a positive length for each dimension.
    - C2: `keep` is not negative and not above the number of blocks, or `of`.
    - C3: there is one magnitude for each index of dimension 0.

    Example:

    ```mlir
    %0 = sinter.prune %w block [16, 16] keep 2 : tensor<64x32xf32>
    %1 = sinter.prune %w block [1, 1] keep 2 of 4 magnitudes %m : tensor<64x32xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins Sinter_FloatTensor:$input, Optional<Sinter_FloatTensor>:$magnitudes, DenseI64ArrayAttr:$block,
                   I64Attr:$keep, I64Attr:$of);
  let results = (outs Sinter_FloatTensor:$result);
  let assemblyFormat = [{
    $input `block` $block `keep` custom<Keep>($keep, $of) (`magnitudes` $magnitudes^)? attr-dict `:` type($input) (`,` type($magnitudes)^)?
  }];
  let hasVerifier = 1;
}

def Sinter_CompressOp : Sinter_SizedOp<"compress"> {
  let summary = "The slices along a dimension that a mask selects.";
  let description = [{
    Keeps index i of dimension `axis` exactly if `mask[i]`, in order. How many there are is a size of the result; it is an
    error if the mask has another number.

    Constraints:
    - C1: the axis is a dimension of the input, and the mask has one truth value for each of its indices.
    - C2: the result has the input's element type and sizes, but along the axis, where it has at most as many.

    Example:

    ```mlir
    %0 = sinter.compress %w axis 1 mask %m : (tensor<384x1536xf32>, tensor<1536xi1>) -> tensor<384x1200xf32>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$input, Sinter_TensorOf<[I1]>:$mask, I64Attr:$axis);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = [{
    $input `axis` custom<PlainInteger>($axis) `mask` $mask attr-dict `:` functional-type(operands, $result)
  }];
}

def Sinter_EncodeOp : Sinter_SizedOp<"encode"> {
  let summary = "A weight in a sparse encoding.";
  let description = [{
    The same values. At most `stored` blocks of the encoding have something besides zeros; it is an error if there are more.

    Constraints:
    - C1: the result is the input with an encoding `#sinter.sparse`, the input has static sizes and none.
    - C2: `stored` is not negative and not above the number of blocks.

    Example:

    ```mlir
    %0 = sinter.encode %w stored 480 : tensor<384x1536xf32> -> tensor<384x1536xf32, #sinter.sparse<block[16, 16]>>
    ```
  }];
  let arguments = (ins Sinter_AnyTensor:$input, I64Attr:$stored);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = [{
    $input `stored` custom<PlainInteger>($stored) attr-dict `:` type($input) `->` type($result)
  }];
}

#endif // SINTER_SPARSITYOPS_TD
