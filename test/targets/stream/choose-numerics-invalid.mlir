// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-stream-choose-numerics
// RUN: not sinter-opt %s -split-input-file -sinter-stream-choose-numerics="chip=nowhere" 2>&1 | FileCheck %s
// CHECK: unusable: target stream has no chip 'nowhere'; it has tsp1, and takes a description in a file, NAME.json

// Tests that all that the chip does not compute is refused at once, and what sizes are left open.

func.func @main(%x: tensor<2x3xf32> {sinter.name = "x"}, %h: tensor<2x3xf16> {sinter.name = "h"})
    -> (tensor<2x3xf32> {sinter.name = "y"}, tensor<2x3xf16> {sinter.name = "z"}) {
  // expected-error @+1 {{unsupported: target stream has no function 'log'}}
  %a = sinter.elementwise log(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // expected-error @+1 {{unsupported: target stream does not have it}}
  %y = sinter.cumulative_sum %a axis 1 : tensor<2x3xf32>
  // expected-error @+1 {{unsupported: target stream computes in f32, and this is of f16}}
  %z = sinter.elementwise exp(%h) : (tensor<2x3xf16>) -> tensor<2x3xf16>
  return %y, %z : tensor<2x3xf32>, tensor<2x3xf16>
}

// -----

// expected-error @unknown {{unsupported: dimension 'n' of input 'x' is left open, and target stream needs each fixed: --dim n=N}}
module {
  sinter.symbol @n axis "x" 0 {low = 1 : i64}
  func.func @main(%x: tensor<?x3xf32, #sinter.dims<"n", "3">> {sinter.name = "x"})
      -> (tensor<?x3xf32, #sinter.dims<"n", "3">> {sinter.name = "y"}) {
    %y = sinter.elementwise exp(%x) : (tensor<?x3xf32, #sinter.dims<"n", "3">>) -> tensor<?x3xf32, #sinter.dims<"n", "3">>
    return %y : tensor<?x3xf32, #sinter.dims<"n", "3">>
  }
}
