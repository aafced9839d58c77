// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-stream-check-lowering

// Tests that all that cannot be lowered is refused at once, by the names of nodes.

// expected-error @unknown {{'sinter.pad' op unsupported: elements around a tensor other than constants}}
// expected-error @unknown {{'sinter.rms_norm' op unsupported: a norm over more than the last dimension}}
module attributes {sinter.files = ["there-is-none.onnx"]} {
  sinter.weight @w raw 0 at 0 length 32 : tensor<8xf32>
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"})
      -> (tensor<2x8xf32> {sinter.name = "y"}, tensor<4x8xf32> {sinter.name = "z"}) {
    %w = sinter.parameter @w : tensor<8xf32>
    %y, %z = sinter.kernel "chip"(%x, %w) : (tensor<2x8xf32>, tensor<8xf32>) -> (tensor<2x8xf32>, tensor<4x8xf32>) {
    ^bb0(%a: tensor<2x8xf32>, %b: tensor<8xf32>):
      %0 = sinter.rms_norm %a scale %b axis 0 epsilon 1.0e-6 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
      %1 = sinter.pad edge %a low <"1", "0"> high <"1", "0"> : (tensor<2x8xf32>) -> tensor<4x8xf32>
      sinter.yield %0, %1 : tensor<2x8xf32>, tensor<4x8xf32>
    }
    return %y, %z : tensor<2x8xf32>, tensor<4x8xf32>
  }
}
