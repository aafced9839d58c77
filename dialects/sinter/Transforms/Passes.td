//===- Passes.td - Passes on the transformer graph --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TRANSFORMS_PASSES_TD
#define SINTER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyGraphPass : Pass<"sinter-verify-graph", "::mlir::ModuleOp"> {
  let summary = "Checks what a phase up to sparse promises of the graph.";
  let description = [{
    Ends each phase in which the program is a graph of `sinter` ops; `phase` says which. Changes nothing; what does not hold
    is an error. From phase `imported` on:

    - P1: there is one function `main`, with a body, and its arguments and results have names (`sinter.name`);
    - P2: every op in it is of the `sinter` dialect;
    - P3: every symbol of a size is declared by a `sinter.symbol`, whose input exists and has that axis or is of integers;
    - P4: every `sinter.check` names an input and an axis that exist;
    - P5: every `sinter.weight` lies in a file of `sinter.files`.

    From phase `canonical` on, too:

    - P6: every value is used: what nothing reads was removed.

    Example:

    ```mlir
    module attributes {sinter.files = ["model.onnx"], sinter.phase = "imported"} {
      sinter.symbol @seq axis "ids" 0 {low = 1 : i64}
      func.func @main(%ids: tensor<?xi64, #sinter.dims<"seq">> {sinter.name = "ids"})
          -> (tensor<?xi64, #sinter.dims<"seq">> {sinter.name = "out"}) {
        return %ids : tensor<?xi64, #sinter.dims<"seq">>
      }
    }
    ```
  }];
  let options = [Option<"phase", "phase", "std::string", /*default=*/"\"imported\"",
                        "the phase that ends: imported, canonical, quantized or sparse">];
}

#endif // SINTER_TRANSFORMS_PASSES_TD
