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

#endif // SINTER_ATTRIBUTES_TD
