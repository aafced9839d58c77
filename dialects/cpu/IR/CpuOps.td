//===- CpuOps.td - Programs of kernels for the CPU target ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_CPU_OPS_TD
#define SINTER_CPU_OPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Cpu_Dialect : Dialect {
  let name = "cpu";
  let summary = "A program as launches of kernels over buffers and sections of weights.";
  let description = [{
    What the CPU target lowers kernels to: `cpu.section` says what lies in the file of weights and how it is made, `cpu.code`
    what a kernel computes, `cpu.launch` which words a kernel is given, how many tasks it has and, once placed, where its results
    lie. Code is generated from these when the artifact is written, once for each instruction set.
  }];
  let cppNamespace = "::sinter::cpu";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::sinter::SinterDialect"];
}

class Cpu_Op<string mnemonic, list<Trait> traits = []> : Op<Cpu_Dialect, mnemonic, traits>;

def Cpu_WordKind : I32EnumAttr<"WordKind", "what a word of a kernel's arguments is", [
    I32EnumAttrCase<"operand", 0>, I32EnumAttrCase<"result", 1>, I32EnumAttrCase<"size", 2>]> {
  let cppNamespace = "::sinter::cpu";
}

def Cpu_WordAttr : AttrDef<Cpu_Dialect, "Word"> {
  let mnemonic = "word";
  let summary = "A 64-bit word that a kernel is given.";
  let description = [{
    The address of the operand or result `index`, `size` bytes on; or the integer `size`, an expression over the symbols.

    ```mlir
    #cpu.word<operand, 0, "1536">
    ```
  }];
  let parameters = (ins "::sinter::cpu::WordKind":$kind, "unsigned":$index, "::mlir::StringAttr":$size);
  let assemblyFormat = "`<` $kind `,` $index `,` $size `>`";
  let extraClassDeclaration = [{
    static WordAttr getOperand(::mlir::MLIRContext *context, unsigned index, const SizeExpr &byteOffset = 0);
    static WordAttr getResult(::mlir::MLIRContext *context, unsigned index);
    static WordAttr getInteger(::mlir::MLIRContext *context, const SizeExpr &size);
    SizeExpr getExpression() const;
  }];
}
def Cpu_WordArrayAttr : TypedArrayAttrBase<Cpu_WordAttr, "words of a kernel's arguments">;

def Cpu_LayoutKind : I32EnumAttr<"Layout", "how a section's elements lie", [
    I32EnumAttrCase<"row_major", 0>, I32EnumAttrCase<"panels", 1>, I32EnumAttrCase<"panels_transposed", 2>,
    I32EnumAttrCase<"quantized_panels", 3>, I32EnumAttrCase<"quantized_panels_transposed", 4>,
    I32EnumAttrCase<"quantized_scales", 5>, I32EnumAttrCase<"blocks", 6>]> {
  let cppNamespace = "::sinter::cpu";
}

def Cpu_SectionOp : Cpu_Op<"section", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "A section of the file of weights and how it is made.";
  let description = [{
    The body computes a tensor from weights alone, when the artifact is written; its elements then lie row-major, or packed as
    panels of a matmul's right-hand side [K][N] (`panels_transposed`: the tensor is [N][K]). Quantized panels are of the codes and
    of their zero points, if the body yields any; `quantized_scales` are scales [groups][N] that belong to them. `blocks` are those of a
    sparse encoding that are stored. `bytes` is the section's length in
    the file: how panels are padded, and what stands in front of them, is the packing's to say.

    Constraints:
    - C1: the body yields one tensor with static sizes, of rank 2 and f32 for panels and quantized scales, of rank 2 and codes
      for quantized panels, which may be followed by a second, and of rank 2 and what `sinter.encode` gives for blocks.
    - C2: `bytes` is the length of the elements for row-major ones, and at least that for panels and scales.

    Example:

    ```mlir
    cpu.section @query panels_transposed bytes 589824 {
      %0 = sinter.parameter @query_weight : tensor<384x384xf32>
      sinter.yield %0 : tensor<384x384xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Cpu_LayoutKind:$layout, I64Attr:$bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name $layout `bytes` custom<PlainInteger>($bytes) attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Of what is packed: of quantized panels, the codes.
    ::mlir::RankedTensorType getTensorType();
    ::mlir::ValueRange getYielded();
    bool hasQuantizedPanels();
  }];
}

def Cpu_WeightsOp : Cpu_Op<"weights", [Pure]> {
  let summary = "A tensor of a section.";
  let description = [{
    One of those that the section's body yields.

    Example:

    ```mlir
    %0 = cpu.weights @query : tensor<384x384xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$section);
  let results = (outs Sinter_AnyTensor:$result);
  let assemblyFormat = "$section attr-dict `:` type($result)";
}

def Cpu_CodeOp : Cpu_Op<"code", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "What a kernel's code computes.";
  let description = [{
    The template `kind` and the body that it is instantiated for; launches share it. The body's arguments are the launch's
    operands.

    Example:

    ```mlir
    cpu.code @loop_0 "loop" {
    ^bb0(%x: tensor<2x3xf32>):
      %0 = sinter.elementwise exp(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
      sinter.yield %0 : tensor<2x3xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$kind);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name $kind attr-dict-with-keyword $body";
}

def Cpu_LaunchOp : Cpu_Op<"launch", [Pure]> {
  let summary = "One launch of a kernel.";
  let description = [{
    Runs `tasks` tasks of the kernel with `words` as its arguments; each thread has `scratch` bytes of its own. `offsets` are
    where the results lie in the arena, in bytes, or, for a result that the program returns, -1 - the number of that output;
    phase `placed` sets them. A second result is text that the strings of the first point into: it lives until the next run.

    Constraints:
    - C1: tasks and scratch are one expression each.
    - C2: a word's operand or result exists.

    Example:

    ```mlir
    %0 = cpu.launch @loop_0(%a) words [#cpu.word<operand, 0, "0">, #cpu.word<result, 0, "0">] tasks <"1"> scratch <"64">
        : (tensor<2x3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Sinter_AnyTensor>:$inputs, Cpu_WordArrayAttr:$words,
                   Sinter_DimsAttr:$tasks, Sinter_DimsAttr:$scratch,
                   OptionalAttr<Sinter_DimsAttr>:$offsets);
  let results = (outs Variadic<Sinter_AnyTensor>:$results);
  let assemblyFormat = [{
    $kernel `(` $inputs `)` `words` $words `tasks` $tasks `scratch` $scratch attr-dict `:` functional-type($inputs, $results)
  }];
  let hasVerifier = 1;
}

#endif // SINTER_CPU_OPS_TD
