//===- StateOps.td - What lasts from run to run ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_STATEOPS_TD
#define SINTER_STATEOPS_TD

include "dialects/sinter/IR/SinterAttributes.td"
include "dialects/sinter/IR/SinterEnums.td"

def Sinter_StateOp : Sinter_Op<"state", [Symbol]> {
  let summary = "A tensor that a session keeps from run to run.";
  let description = [{
    Names a tensor of zeros at first, of which each run changes a part: the keys or values of a decoder, say, whose positions lie
    along `axis`. Its size there is the capacity.

    Constraints:
    - C1: the type is static, and `axis` is one of its dimensions.

    Example:

    ```mlir
    sinter.state @key.0 axis 1 : tensor<1x64x2x16xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$axis, TypeAttrOf<Sinter_Tensor>:$type);
  let assemblyFormat = "$sym_name `axis` custom<PlainInteger>($axis) attr-dict `:` $type";
  let hasVerifier = 1;
}

def Sinter_UpdateStateOp : Sinter_Op<"update_state", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Writes positions of a state, and reads all of it.";
  let description = [{
    For an axis 1: `state[a, positions[i], b...] = rows[a, i, b...]`, where a position that the state does not have is not
    written; the result is the whole state after that.

    Constraints:
    - C1: `state` names a `sinter.state` of the module, and the result has its type.
    - C2: `rows` have the state's element type and sizes, but for the axis.
    - C3: there is a position for each of the rows.

    Example:

    ```mlir
    %0 = sinter.update_state @key.0[%positions], %rows : (tensor<2xi64>, tensor<1x2x2x16xf32>) -> tensor<1x64x2x16xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$state, Sinter_IndexTensor:$positions, Sinter_Tensor:$rows);
  let results = (outs Sinter_Tensor:$result);
  let assemblyFormat = "$state `[` $positions `]` `,` $rows attr-dict `:` functional-type(operands, $result)";
}

#endif // SINTER_STATEOPS_TD
