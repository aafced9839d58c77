// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-stream-split-host

// Tests that tensors of integers which the chip would read are refused, and a model of which nothing is the chip's.

func.func @main(%m: tensor<3xi64> {sinter.name = "m"}, %x: tensor<3xf32> {sinter.name = "x"})
    -> (tensor<3xf32> {sinter.name = "y"}) {
  %zero = sinter.constant dense<0> : tensor<i64>
  %c = sinter.elementwise less(%m, %zero) : (tensor<3xi64>, tensor<i64>) -> tensor<3xi1>
  // expected-error @+1 {{unsupported: target stream would read a tensor of i1 from its host}}
  %y = sinter.elementwise select(%c, %x, %x) : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

// expected-error @+1 {{unsupported: nothing of the model is for a chip}}
func.func @main(%m: tensor<3xi64> {sinter.name = "m"}) -> (tensor<3xi64> {sinter.name = "y"}) {
  %y = sinter.elementwise add(%m, %m) : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
  return %y : tensor<3xi64>
}
