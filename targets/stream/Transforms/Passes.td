//===- Passes.td - From the transformer graph to a chip's part of it ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_TRANSFORMS_PASSES_TD
#define SINTER_TARGETS_STREAM_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def WidenFloatsPass : Pass<"sinter-stream-widen-floats", "::mlir::ModuleOp"> {
  let summary = "Compute models of f16 and bf16 in f32";
  let description = [{
    Requires phase `quantized`. The chip has f32 between its products, whose operands it rounds to f16: what a model computes in f16 or bf16 is of f32
    afterwards. Weights, constants and inputs are converted where they are read, and results of the model where they are given out.

    Before and after:

    ```mlir
    %0 = sinter.elementwise exp(%x) : (tensor<3xf16>) -> tensor<3xf16>

    %0 = sinter.cast %x : tensor<3xf16> -> tensor<3xf32>
    %1 = sinter.elementwise exp(%0) : (tensor<3xf32>) -> tensor<3xf32>
    %2 = sinter.cast %1 : tensor<3xf32> -> tensor<3xf16>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numWidened", "widened", "Values that are of f32 afterwards">];
}

def DecomposeOpsPass : Pass<"sinter-stream-decompose-ops", "::mlir::ModuleOp"> {
  let summary = "Write ops that the chip lacks as ops that it has";
  let description = [{
    Requires phase `quantized`; comes before `sinter.numerics` is chosen, so that the interpreter follows what is made here. What stays as it is
    is refused later. Whoever reads only some columns of a product by weights gets a product by those columns of the weights: the bits are the same.

    - A convolution whose windows lie side by side is a product of windows by filters; one of each channel by itself is a sum of
      products, one for each element of the window; any other of one group a sum of products by as many matrices of weights.
    - `softmax` is made of reductions and functions.
    - Weights on the left of a product go to the right.
    - `softplus` is `max(x, 0) + log(1 + e^-|x|)`, the logarithm a polynomial.

    Before and after:

    ```mlir
    %0 = sinter.matmul %x, %w : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
    %1 = sinter.slice %0 starts <"0", "2"> steps <"1", "1"> : tensor<3x6xf32> -> tensor<3x2xf32>

    %0 = sinter.slice %w starts <"0", "2"> steps <"1", "1"> : tensor<4x6xf32> -> tensor<4x2xf32>
    %1 = sinter.matmul %x, %0 : (tensor<3x4xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
}

def ChooseNumericsPass : Pass<"sinter-stream-choose-numerics", "::mlir::ModuleOp"> {
  let summary = "Write down how the chip computes";
  let description = [{
    Requires phase `quantized`. Puts `sinter.numerics` on each op that computes floats on the chip, so that the interpreter has the
    chip's bits (docs/decisions/numerics.md); codes are made with the reciprocal of their scale. The host's part and what follows from weights alone stay as they are. Refuses dimensions
    that are left open, and ops that are not among those of that page, all at once.

    Before and after:

    ```mlir
    %0 = sinter.matmul %x, %w : (tensor<2x384xf32>, tensor<384x8xf32>) -> tensor<2x8xf32>

    %0 = sinter.matmul %x, %w {sinter.numerics = #sinter.numerics<operands f16, tile 160, chains 4>}
        : (tensor<2x384xf32>, tensor<384x8xf32>) -> tensor<2x8xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let options = [Option<"chip", "chip", "std::string", /*default=*/"\"tsp1\"", "the chip, or the file of its description">];
  let statistics = [Statistic<"numChosen", "chosen", "Ops that the chip computes">];
}

def SplitHostPass : Pass<"sinter-stream-split-host", "::mlir::ModuleOp"> {
  let summary = "Make kernels of the host's part and of the chip's";
  let description = [{
    Requires phase `sparse`. Arithmetic of integers and masks that follows from inputs of integers and truth values becomes a kernel `host`,
    all else that is not made of weights a kernel `chip`. Positions by which the chip gathers go through a kernel `indices` each, as i32,
    where the host checks them: the chip would read zeros. Refuses other tensors of integers that the chip would read.

    Before and after:

    ```mlir
    %0 = sinter.gather %table[%ids] axis 0 : (tensor<50x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>

    %0 = sinter.kernel "indices" (%ids) {rows = 50 : i64} : (tensor<3xi64>) -> tensor<3xi32> {
    ^bb0(%arg: tensor<3xi64>):
      %2 = sinter.cast %arg : tensor<3xi64> -> tensor<3xi32>
      sinter.yield %2 : tensor<3xi32>
    }
    %1 = sinter.kernel "chip" (%table, %0) : (tensor<50x8xf32>, tensor<3xi32>) -> tensor<3x8xf32> {
    ^bb0(%arg: tensor<50x8xf32>, %arg_0: tensor<3xi32>):
      %2 = sinter.gather %arg[%arg_0] axis 0 : (tensor<50x8xf32>, tensor<3xi32>) -> tensor<3x8xf32>
      sinter.yield %2 : tensor<3x8xf32>
    }
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numOfHost", "host", "Ops of the host's part">];
}

def CheckLoweringPass : Pass<"sinter-stream-check-lowering", "::mlir::ModuleOp"> {
  let summary = "Refuse what the chip lacks";
  let description = [{
    Requires phase `fused`. Lowers the chip's part, and refuses what cannot be lowered, all at once, and more constants than the chip has memory for. Of weights it reads scales and zero
    points of codes. The module stays as it is: tasks have no text.

    Refused:

    ```mlir
    %0 = sinter.matmul %q, %k : (tensor<2x384xf32>, tensor<384x8xf32>) -> tensor<2x8xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let options = [Option<"chip", "chip", "std::string", /*default=*/"\"tsp1\"", "the chip, or the file of its description">,
                 Option<"folder", "folder", "std::string", /*default=*/"\"\"",
                        "where the files of the weights lie; empty: nothing is read, and scales are taken as 1">,
                 Option<"calibration", "calibration", "std::string", /*default=*/"\"\"",
                        "the calibration.json whose arrays recipes may read">];
}

def VerifyPartsPass : Pass<"sinter-stream-verify-parts", "::mlir::ModuleOp"> {
  let summary = "Verify that the module is a host's part and a chip's";
  let description = [{
    Checks phases `lowered` and `placed`:

    - V1: there is one kernel `chip`, behind all others, and at most one kernel `host`, before all others; the others are `indices`.
    - V2: what goes into and out of the kernel `chip` is of f32 or f16, but for its weights and indices of i32, and of known size.

    Example:

    ```mlir
    %1 = sinter.kernel "chip" (%x) : (tensor<3xf32>) -> tensor<3xf32> {
    ^bb0(%arg: tensor<3xf32>):
      %2 = sinter.elementwise exp(%arg) : (tensor<3xf32>) -> tensor<3xf32>
      sinter.yield %2 : tensor<3xf32>
    }
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
}

#endif // SINTER_TARGETS_STREAM_TRANSFORMS_PASSES_TD
