//===- SinterBase.td - The transformer graph: dialect and types -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_BASE_TD
#define SINTER_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Sinter_Dialect : Dialect {
  let name = "sinter";
  let summary = "The transformer graph, in the terms of the field.";
  let description = [{
    Tensor semantics, no side effects but on states, dynamic dimensions with names. A tensor whose sizes are not all numbers carries its
    sizes as expressions in its encoding (`#sinter.dims`), so that a pass reads everything about a value from its type.
    Elementwise functions share one op with a kind, reductions another; a construct of the literature (attention, layer
    norm, rotary embedding) is one named op. Weights are symbols that name bytes of a file and are never in the IR.
  }];
  let cppNamespace = "::sinter";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let hasConstantMaterializer = 1;
}

/// The element types: signless integers are signed; `ui` are unsigned; i1 is a truth value. Narrow ones are only moved,
/// selected and converted.
def Sinter_FloatType : AnyTypeOf<[F16, BF16, F32, F64], "floating-point element", "::mlir::FloatType">;
def Sinter_NumberType
    : AnyTypeOf<[F16, BF16, F32, F64, I1, I8, I16, I32, I64, UI8, UI16, UI32, UI64], "number">;
def Sinter_NarrowType
    : AnyTypeOf<[F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0FNU, F4E2M1FN, I<4>, UI<4>, I<2>, UI<2>],
                "narrow element">;
def Sinter_ElementType : AnyTypeOf<[Sinter_NumberType, Sinter_NarrowType], "number or narrow element">;
class Sinter_TensorOf<list<Type> elementTypes>
    : ConfinedType<RankedTensorOf<elementTypes>, [CPred<"::sinter::hasSizes($_self)">],
                   RankedTensorOf<elementTypes>.summary # " whose dynamic sizes are in #sinter.dims",
                   "::mlir::RankedTensorType">;
def Sinter_Tensor : Sinter_TensorOf<[Sinter_ElementType]>;

def Sinter_StringType : TypeDef<Sinter_Dialect, "String"> {
  let mnemonic = "string";
  let summary = "An element that is a text.";
  let description = [{
    UTF-8 of any length. Strings are moved, compared for equality, and cast from and to numbers; no op has them as constants
    or weights.

    ```mlir
    tensor<2x3x!sinter.string>
    ```
  }];
}

def Sinter_QuantizedType : TypeDef<Sinter_Dialect, "Quantized"> {
  let mnemonic = "quantized";
  let summary = "A code of few bits that stands for a float.";
  let description = [{
    A code of type `storage` stands for `(code - zero point) * scale` of type `expressed`. The numbers are not part of the type:
    scales and zero points are operands of the ops that convert and multiply. A tensor is cut into blocks that share a scale:
    `blocks` has the length of a block along each dimension, 0 for the whole of it, and the scales are a tensor with as many
    elements along dimension i as blocks are there (the last may be shorter). Without `blocks` one scale, a scalar, holds for
    everything. `zero_points`: there are zero points, of type `storage`; else they are 0.

    ```mlir
    tensor<384x1536x!sinter.quantized<i8:f32, blocks [0, 1]>>                // weights, a scale for each column
    tensor<384x1536x!sinter.quantized<ui4:f32, blocks [32, 1], zero_points>> // groups of 32 rows in each column
    tensor<7x384x!sinter.quantized<i8:f32, blocks [1, 0]>>                   // activations, a scale for each row
    tensor<7x384x!sinter.quantized<ui8:f32, zero_points>>                    // one scale and zero point
    ```

    A format whose scales are themselves codes is the same type with scales of that element type.
  }];
  let parameters = (ins "::mlir::Type":$storage, "::mlir::Type":$expressed, ArrayRefParameter<"int64_t">:$blocks,
                    "bool":$zero_points);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The sizes of the scales of a tensor with these sizes and elements; none where the ranks do not fit.
    std::optional<::llvm::SmallVector<SizeExpr, 6>> getScaleSizes(::llvm::ArrayRef<SizeExpr> sizes) const;
    /// The least and greatest code, of storage that is an integer.
    std::pair<int64_t, int64_t> getRange() const;
    unsigned getBits() const { return getStorage().getIntOrFloatBitWidth(); }
    /// Whether a block is a whole row, along the last dimension.
    bool hasRowBlocks() const;
    /// Whether a block is a column of a matrix, or some rows of one.
    bool hasColumnBlocks() const;
    /// Of a matrix with so many rows: how many that follow one another share a scale.
    int64_t getRowsPerBlock(int64_t numRows) const;
  }];
}
def Sinter_QuantizedTensor : Sinter_TensorOf<[Sinter_QuantizedType]>;
def Sinter_IntegerTensor : Sinter_TensorOf<[I8, I16, I32, I64, UI8, UI16, UI32, UI64, I<4>, UI<4>, I<2>, UI<2>]>;

/// For ops that only move elements, too.
def Sinter_AnyTensor
    : Sinter_TensorOf<[AnyTypeOf<[Sinter_ElementType, Sinter_StringType, Sinter_QuantizedType], "element of a tensor">]>;
def Sinter_NumberTensor : Sinter_TensorOf<[Sinter_NumberType]>;
def Sinter_FloatTensor : Sinter_TensorOf<[Sinter_FloatType]>;
def Sinter_IndexTensor : Sinter_TensorOf<[I32, I64]>;

class Sinter_Op<string mnemonic, list<Trait> traits = []> : Op<Sinter_Dialect, mnemonic, traits>;

/// An op that computes tensors from tensors and whose result type follows from its operands and attributes.
class Sinter_InferredOp<string mnemonic, list<Trait> traits = []>
    : Sinter_Op<mnemonic, traits # [Pure, InferTypeOpAdaptor]>;

/// An op whose result type says the sizes: they cannot be found from the operands alone.
class Sinter_SizedOp<string mnemonic, list<Trait> traits = []> : Sinter_Op<mnemonic, traits # [Pure]> {
  let hasVerifier = 1;
}

#endif // SINTER_BASE_TD
