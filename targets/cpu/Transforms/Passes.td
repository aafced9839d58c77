//===- Passes.td - From the transformer graph to CPU kernels --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_TRANSFORMS_PASSES_TD
#define SINTER_TARGETS_CPU_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def LegalizePass : Pass<"sinter-cpu-legalize", "::mlir::ModuleOp"> {
  let summary = "Rewrite ops into the forms that CPU kernels have";
  let description = [{
    Requires phase `sparse`. Ensures that softmax, norms and attention are f32 along the last dimension with operands of full
    rank, and that products of codes have unsigned bytes on the left and a scale for each column of weights: others are transposed, reshaped, computed in f32 (16-bit floats) or spelt out as elementwise ops and reductions (f64). A
    convolution whose stride is its window becomes a matmul. Conversions to and from codes that no kernel does are spelt out.
    Refuses products of codes by what is no weight, and activations in blocks other than rows.

    Before and after:

    ```mlir
    %0 = sinter.softmax %a axis 0 : tensor<2x3xf32>

    %0 = sinter.transpose %a [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    %1 = sinter.softmax %0 axis 1 : tensor<3x2xf32>
    %2 = sinter.transpose %1 [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
}

def ChooseSparsityPass : Pass<"sinter-cpu-choose-sparsity", "::mlir::ModuleOp"> {
  let summary = "Store only the blocks of weights that are not zero, where that is faster";
  let description = [{
    Requires phase `quantized`. Looks at the weights of products in f32, and of products of signed codes of 8 bits without zero
    points and groups. Where blocks of 16x16 are zero and the sparse product is predicted to be faster on each of `variants`, from what
    was measured of both (targets/cpu/SparsityCosts.cpp), the weight gets the encoding `#sinter.sparse`. Refuses the others, and
    N:M patterns, in the module's attribute `sinter.refused`.

    Before and after, where 3 of 16 blocks are not zero:

    ```mlir
    %0 = sinter.matmul %x, %w : (tensor<7x64xf32>, tensor<64x64xf32>) -> tensor<7x64xf32>

    %e = sinter.encode %w stored 3 : tensor<64x64xf32> -> tensor<64x64xf32, #sinter.sparse<block[16, 16]>>
    %0 = sinter.matmul %x, %e : (tensor<7x64xf32>, tensor<64x64xf32, #sinter.sparse<block[16, 16]>>) -> tensor<7x64xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let options = [Option<"folder", "folder", "std::string", /*default=*/"\"\"",
                        "where the files of the weights lie; empty: nothing is read and nothing changes">,
                 Option<"calibration", "calibration", "std::string", /*default=*/"\"\"",
                        "the calibration.json whose arrays recipes may read">,
                 ListOption<"variants", "variants", "std::string", "the instruction sets that code is made for">];
  let statistics = [Statistic<"numApplied", "applied", "Products with sparse weights">,
                    Statistic<"numRefused", "refused", "Products with blocks of zeros that are faster dense">];
}

def MergeMatmulsPass : Pass<"sinter-cpu-merge-matmuls", "::mlir::ModuleOp"> {
  let summary = "Merge matmuls of one operand whose results attention reads";
  let description = [{
    Requires phase `sparse`. The products of one tensor with several weights (query, key and value) become one product with the
    weights side by side, and slices of it, which attention reads in place; those of codes, too, with their scales. Sparse weights
    are merged with sparse ones, block by block. Refuses (leaves as they are) products whose results are read by anything but
    attention or rotary embedding, and sparse weights that end within a block.

    Before and after:

    ```mlir
    %q = sinter.matmul %x, %wq : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
    %k = sinter.matmul %x, %wk : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32>

    %w = sinter.concat 1(%wq, %wk) : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x12xf32>
    %m = sinter.matmul %x, %w : (tensor<7x8xf32>, tensor<8x12xf32>) -> tensor<7x12xf32>
    %q = sinter.slice %m starts <"0", "0"> steps <"1", "1"> : tensor<7x12xf32> -> tensor<7x8xf32>
    %k = sinter.slice %m starts <"0", "8"> steps <"1", "1"> : tensor<7x12xf32> -> tensor<7x4xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numMerged", "merged", "Matmuls that became part of another">];
}

def FuseKernelsPass : Pass<"sinter-cpu-fuse-kernels", "::mlir::ModuleOp"> {
  let summary = "Group ops into kernels";
  let description = [{
    Requires the forms of `sinter-cpu-legalize`. Ensures that `@main` holds nothing but kernels, weights, constants and what is
    computed from weights alone. A matmul takes the elementwise ops behind it (bias, activation, residual); other elementwise
    ops, gathers and rearrangements are computed where they are read, if one kernel reads them; rearrangements that only change
    strides are read in place. Refuses nothing.

    Before and after:

    ```mlir
    %0 = sinter.matmul %x, %w : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
    %1 = sinter.elementwise relu(%0) : (tensor<7x8xf32>) -> tensor<7x8xf32>

    %0 = sinter.kernel "matmul"(%x, %w) : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32> {
    ^bb0(%a: tensor<7x8xf32>, %b: tensor<8x8xf32>):
      %1 = sinter.matmul %a, %b : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
      %2 = sinter.elementwise relu(%1) : (tensor<7x8xf32>) -> tensor<7x8xf32>
      sinter.yield %2 : tensor<7x8xf32>
    }
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numKernels", "kernels", "Kernels in the program">];
}

def LowerKernelsPass : Pass<"sinter-cpu-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn kernels into launches and weights into sections";
  let description = [{
    Requires phase `fused`. Equal kernels become one `cpu.code`; each launch has its words, number of tasks and scratch memory
    as expressions; what is computed from weights alone becomes a `cpu.section` in the layout that its kernel reads. Refuses
    a kernel whose template does not take its body (an internal error).

    Before and after:

    ```mlir
    %0 = sinter.kernel "softmax"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32> { ... }

    %0 = cpu.launch @softmax_0(%x) words [#cpu.word<operand, 0, "0">, #cpu.word<result, 0, "0">, #cpu.word<size, 0, "2">,
        #cpu.word<size, 0, "3">] tasks <"1"> scratch <"0"> : (tensor<2x3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect", "::sinter::cpu::CpuDialect"];
}

def PlaceBuffersPass : Pass<"sinter-cpu-place-buffers", "::mlir::ModuleOp"> {
  let summary = "Give every result a place in the arena";
  let description = [{
    Requires phase `lowered`. Results that live at the same time get disjoint places, for all sizes: buffers are grouped by the
    expression of their size, and an offset is a sum of such expressions. Results that the program returns lie in the outputs.
    The module's `cpu.arena` is the arena's size in bytes. Refuses nothing.

    Before and after:

    ```mlir
    %0 = cpu.launch @softmax_0(%x) words [...] tasks <"1"> scratch <"0"> : (tensor<2x3xf32>) -> tensor<2x3xf32>

    %0 = cpu.launch @softmax_0(%x) words [...] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"64">}
        : (tensor<2x3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let dependentDialects = ["::sinter::cpu::CpuDialect"];
}

def VerifyProgramPass : Pass<"sinter-cpu-verify-program", "::mlir::ModuleOp"> {
  let summary = "Checks what phases lowered and placed promise of the program.";
  let description = [{
    Ends the two phases in which the program is launches of kernels. Changes nothing; what does not hold is an error:

    - L1: `main` holds launches, weights and constants, and nothing else;
    - L2: every launch names a `cpu.code` with as many operands and results, of the same element types;
    - L3: every `cpu.weights` names a section of its type;
    - L4: every symbol of a launch's words, tasks and scratch is declared.

    With `placed`, too:

    - A1: the module has an arena (`cpu.arena`), and every launch a place for each result;
    - A2: what the program returns lies in its output;
    - A3: every other result lies in the arena, at a multiple of 64 bytes;
    - A4: results that are still read do not overlap.

    A3 and A4 are checked at eight choices of sizes within the symbols' bounds.

    Example:

    ```mlir
    module attributes {cpu.arena = #sinter.dims<"0">} {
      func.func @main(%a: tensor<2x3xf32> {sinter.name = "a"}) -> (tensor<2x3xf32> {sinter.name = "b"}) {
        %0 = cpu.launch @softmax_0(%a) words [#cpu.word<operand, 0, "0">, #cpu.word<result, 0, "0">, #cpu.word<size, 0, "2">]
            tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"-1">} : (tensor<2x3xf32>) -> tensor<2x3xf32>
        return %0 : tensor<2x3xf32>
      }
      cpu.code @softmax_0 "softmax" {
      ^bb0(%x: tensor<2x3xf32>):
        %0 = sinter.softmax %x axis 1 : tensor<2x3xf32>
        sinter.yield %0 : tensor<2x3xf32>
      }
    }
    ```
  }];
  let dependentDialects = ["::sinter::cpu::CpuDialect"];
  let options = [Option<"placed", "placed", "bool", /*default=*/"false", "whether places were given">];
}

#endif // SINTER_TARGETS_CPU_TRANSFORMS_PASSES_TD
