// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-verify-graph=phase=fused

// Tests that after phase fused nothing but what follows from weights is computed outside of kernels.

module {
  func.func @main(%a: tensor<2xf32> {sinter.name = "a"}) -> (tensor<2xf32> {sinter.name = "b"}) {
    %0 = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %1 = sinter.elementwise exp(%0) : (tensor<2xf32>) -> tensor<2xf32>
    // expected-error @below {{P7: computes from the program's inputs outside of a kernel}}
    %2 = sinter.elementwise add(%a, %1) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    return %2 : tensor<2xf32>
  }
}

// -----

module {
  func.func @main(%a: tensor<2xf32> {sinter.name = "a"}) -> (tensor<2xf32> {sinter.name = "b"}) {
    %0 = sinter.kernel "loop" (%a) : (tensor<2xf32>) -> tensor<2xf32> {
    ^bb0(%x: tensor<2xf32>):
      %2 = sinter.elementwise exp(%x) : (tensor<2xf32>) -> tensor<2xf32>
      sinter.yield %2 : tensor<2xf32>
    }
    // expected-error @below {{P7: computes from the program's inputs outside of a kernel}}
    %1 = sinter.elementwise neg(%0) : (tensor<2xf32>) -> tensor<2xf32>
    return %1 : tensor<2xf32>
  }
}
