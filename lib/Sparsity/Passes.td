//===- Passes.td - Passes that look at the zeros of weights --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SPARSITY_PASSES_TD
#define SINTER_SPARSITY_PASSES_TD

include "mlir/Pass/PassBase.td"

def RemoveZeroChannelsPass : Pass<"sinter-remove-zero-channels", "::mlir::ModuleOp"> {
  let summary = "Take out channels between products that are zero";
  let description = [{
    Requires phase `canonical` or `quantized`. A channel between two products by weights, through elementwise functions, is taken out of both
    where it adds nothing: its row of the second weight is zero, or it is zero itself, by a column of zeros in the first weight and
    functions that keep zeros. The same for whole heads between the value of attention and the product behind it. Which
    channels these are stays a recipe; how many is found in the weights. Nothing changes in the results, for finite numbers.
    Refuses (leaves as it is) what anything else reads, products of codes, and attention with fewer heads of keys than of
    queries, or with a bias for each head.

    Before and after, where 3 of 8 channels are zero:

    ```mlir
    %0 = sinter.matmul %x, %w1 : (tensor<7x4xf32>, tensor<4x8xf32>) -> tensor<7x8xf32>
    %1 = sinter.elementwise relu(%0) : (tensor<7x8xf32>) -> tensor<7x8xf32>
    %2 = sinter.matmul %1, %w2 : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32>

    %m = ... // of %w1 and %w2: tensor<8xi1>
    %v1 = sinter.compress %w1 axis 1 mask %m : (tensor<4x8xf32>, tensor<8xi1>) -> tensor<4x5xf32>
    %0 = sinter.matmul %x, %v1 : (tensor<7x4xf32>, tensor<4x5xf32>) -> tensor<7x5xf32>
    %1 = sinter.elementwise relu(%0) : (tensor<7x5xf32>) -> tensor<7x5xf32>
    %v2 = sinter.compress %w2 axis 0 mask %m : (tensor<8x4xf32>, tensor<8xi1>) -> tensor<5x4xf32>
    %2 = sinter.matmul %1, %v2 : (tensor<7x5xf32>, tensor<5x4xf32>) -> tensor<7x4xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let options = [Option<"folder", "folder", "std::string", /*default=*/"\"\"",
                        "where the files of the weights lie; empty: nothing is read and nothing changes">,
                 Option<"calibration", "calibration", "std::string", /*default=*/"\"\"",
                        "the calibration.json whose arrays recipes may read">];
  let statistics = [Statistic<"numChannels", "channels", "Channels that were taken out">,
                    Statistic<"numHeads", "heads", "Heads of attention that were taken out">];
}

#endif // SINTER_SPARSITY_PASSES_TD
