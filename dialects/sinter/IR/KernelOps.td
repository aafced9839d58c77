//===- KernelOps.td - What one launch of a target computes ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_KERNELOPS_TD
#define SINTER_KERNELOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"

def Sinter_KernelOp : Sinter_Op<"kernel", [IsolatedFromAbove, Pure, SingleBlock]> {
  let summary = "What one launch of the target computes.";
  let description = [{
    The body computes the results from the operands, which are whole tensors in memory; values inside of it never are, as far as
    the template that `kind` names allows. Phase `fused` leaves nothing but kernels, weights and constants in a program.

    Constraints:
    - C1: the body's arguments have the operands' types.
    - C2: what the body yields has the results' types.

    Example:

    ```mlir
    %0 = sinter.kernel "loop" (%a, %b) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32> {
    ^bb0(%x: tensor<2x3xf32>, %y: tensor<3xf32>):
      %1 = sinter.elementwise add(%x, %y) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
      sinter.yield %1 : tensor<2x3xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$kind, Variadic<Sinter_AnyTensor>:$inputs);
  let results = (outs Variadic<Sinter_AnyTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$kind `(` $inputs `)` attr-dict `:` functional-type($inputs, $results) $body";
  let hasVerifier = 1;
}

def Sinter_YieldOp : Sinter_Op<"yield", [Pure, Terminator]> {
  let summary = "The results of a region.";
  let description = [{
    Ends the body of a kernel, or of another op whose body computes tensors.

    Example:

    ```mlir
    sinter.yield %0 : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Variadic<Sinter_AnyTensor>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

#endif // SINTER_KERNELOPS_TD
