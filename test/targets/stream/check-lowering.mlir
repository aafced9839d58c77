// RUN: sinter-opt %s -verify-each -sinter-stream-check-lowering | FileCheck %s

// Tests that what can be lowered stays as it is, though the weights' file is not there.

// CHECK: sinter.kernel "chip"
// CHECK: sinter.matmul
module attributes {sinter.files = ["there-is-none.onnx"]} {
  sinter.weight @w raw 0 at 0 length 96 : tensor<8x3xf32>
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"})
      -> (tensor<2x3xf32> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<8x3xf32>
    %y = sinter.kernel "chip"(%x, %w) : (tensor<2x8xf32>, tensor<8x3xf32>) -> tensor<2x3xf32> {
    ^bb0(%a: tensor<2x8xf32>, %b: tensor<8x3xf32>):
      %0 = sinter.matmul %a, %b : (tensor<2x8xf32>, tensor<8x3xf32>) -> tensor<2x3xf32>
      sinter.yield %0 : tensor<2x3xf32>
    }
    return %y : tensor<2x3xf32>
  }
}
