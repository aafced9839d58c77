//===- SinterAttributes.td - Attributes of the transformer graph ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_ATTRIBUTES_TD
#define SINTER_ATTRIBUTES_TD

include "dialects/sinter/IR/SinterBase.td"

def Sinter_DimsAttr
    : AttrDef<Sinter_Dialect, "Dims", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "dims";
  let summary = "Sizes as expressions over the program's symbols.";
  let description = [{
    One expression for each size, in the canonical spelling of `lib/Support/SizeExpr.h`. As the encoding of a tensor type it
    has one entry per dimension, which is a number exactly where the dimension is static; a tensor whose dimensions are all
    static has no encoding.

    ```mlir
    tensor<?x?x384xf32, #sinter.dims<"batch", "seq", "384">>
    ```
  }];
  let parameters = (ins OptionalArrayRefParameter<"::mlir::StringAttr">:$texts);
  let assemblyFormat = "`` custom<SizeTexts>($texts)";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    static DimsAttr get(::mlir::MLIRContext *context, ::llvm::ArrayRef<SizeExpr> sizes);
    ::llvm::SmallVector<SizeExpr> getSizes() const;
  }];
}

def Sinter_NumericsAttr : AttrDef<Sinter_Dialect, "Numerics"> {
  let mnemonic = "numerics";
  let summary = "How a target computes an op of floats, step by step.";
  let description = [{
    As the discardable attribute `sinter.numerics` of an op of f32 it replaces "computed in double and rounded once": the interpreter
    carries out the steps that the target does, each rounded to f32, half to even, so that a target which follows it has the
    interpreter's bits. The steps of each op are listed in docs/decisions/numerics.md.

    - Products: both operands are rounded to `operands` (beyond its range to its greatest number); the products of `tile`
      consecutive elements of the summed dimension and their sum are exact and rounded to f32 once; the tiles' sums are
      added in f32 by rising index. Sums along rows are products by ones.
    - Sums along the keys of attention run in `chains` interleaved chains (element i in chain i mod `chains`), which are added pairwise.

    Constraints:
    - C1: `operands` is a float type of at most 32 bits, `tile` and `chains` are positive.

    ```mlir
    %0 = sinter.matmul %a, %b {sinter.numerics = #sinter.numerics<operands f16, tile 160, chains 4>}
        : (tensor<2x384xf32>, tensor<384x8xf32>) -> tensor<2x8xf32>
    ```
  }];
  let parameters = (ins "::mlir::Type":$operands, "int64_t":$tile, "int64_t":$chains);
  let assemblyFormat = "`<` `operands` $operands `,` `tile` $tile `,` `chains` $chains `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Of an op; null where it is computed in double.
    static NumericsAttr of(::mlir::Operation *op) {
      return op->getAttrOfType<NumericsAttr>("sinter.numerics");
    }
  }];
}

#endif // SINTER_ATTRIBUTES_TD
