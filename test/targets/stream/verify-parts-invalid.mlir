// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-stream-verify-parts

// Tests that each rule of a module that is a host's part and a chip's is checked.

func.func @main(%x: tensor<3xf32> {sinter.name = "x"}) -> (tensor<3xf32> {sinter.name = "y"}) {
  // expected-error @+1 {{V1: is of no kind that is a part}}
  %y = sinter.kernel "op"(%x) : (tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%a: tensor<3xf32>):
    %0 = sinter.elementwise exp(%a) : (tensor<3xf32>) -> tensor<3xf32>
    sinter.yield %0 : tensor<3xf32>
  }
  return %y : tensor<3xf32>
}

// -----

func.func @main(%x: tensor<3xf32> {sinter.name = "x"}) -> (tensor<3xf32> {sinter.name = "y"}) {
  %y = sinter.kernel "chip"(%x) : (tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%a: tensor<3xf32>):
    %0 = sinter.elementwise exp(%a) : (tensor<3xf32>) -> tensor<3xf32>
    sinter.yield %0 : tensor<3xf32>
  }
  // expected-error @+1 {{V1: is behind the chip's}}
  %z = sinter.kernel "chip"(%y) : (tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%a: tensor<3xf32>):
    %0 = sinter.elementwise exp(%a) : (tensor<3xf32>) -> tensor<3xf32>
    sinter.yield %0 : tensor<3xf32>
  }
  return %z : tensor<3xf32>
}

// -----

// expected-error @+1 {{V1: has no kernel for the chip}}
func.func @main(%x: tensor<3xf32> {sinter.name = "x"}) -> (tensor<3xf32> {sinter.name = "y"}) {
  return %x : tensor<3xf32>
}

// -----

func.func @main(%x: tensor<3xi64> {sinter.name = "x"}) -> (tensor<3xf32> {sinter.name = "y"}) {
  // expected-error @+1 {{V2: reads or makes a tensor of 'tensor<3xi64>'}}
  %y = sinter.kernel "chip"(%x) : (tensor<3xi64>) -> tensor<3xf32> {
  ^bb0(%a: tensor<3xi64>):
    %0 = sinter.cast %a : tensor<3xi64> -> tensor<3xf32>
    sinter.yield %0 : tensor<3xf32>
  }
  return %y : tensor<3xf32>
}
