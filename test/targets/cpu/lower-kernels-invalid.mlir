// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-cpu-lower-kernels

// Tests that a kernel whose template does not take its body is refused.

func.func @main(%a: tensor<2x3xf32> {sinter.name = "a"}) -> (tensor<2x3xf32> {sinter.name = "b"}) {
  // expected-error @+1 {{is no region for template 'attention'}}
  %0 = sinter.kernel "attention" (%a) : (tensor<2x3xf32>) -> tensor<2x3xf32> {
  ^bb0(%x: tensor<2x3xf32>):
    %1 = sinter.elementwise exp(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
    sinter.yield %1 : tensor<2x3xf32>
  }
  return %0 : tensor<2x3xf32>
}
