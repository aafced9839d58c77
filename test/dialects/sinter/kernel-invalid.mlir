// RUN: sinter-opt %s -verify-diagnostics -split-input-file

// Tests that a kernel's body agrees with its operands and results.

func.func @arguments(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // kernel C1
  // expected-error @+1 {{C1: the body's arguments do not have the operands' types}}
  %0 = sinter.kernel "loop" (%a) : (tensor<2x3xf32>) -> tensor<2x3xf32> {
  ^bb0(%x: tensor<3xf32>):
    %1 = sinter.constant dense<1.0> : tensor<2x3xf32>
    sinter.yield %1 : tensor<2x3xf32>
  }
  return %0 : tensor<2x3xf32>
}

// -----

func.func @results(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // kernel C2
  // expected-error @+1 {{C2: the body does not yield the results' types}}
  %0 = sinter.kernel "loop" (%a) : (tensor<2x3xf32>) -> tensor<2x3xf32> {
  ^bb0(%x: tensor<2x3xf32>):
    %1 = sinter.constant dense<1.0> : tensor<3xf32>
    sinter.yield %1 : tensor<3xf32>
  }
  return %0 : tensor<2x3xf32>
}

// -----

func.func @middle(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = sinter.kernel "loop" (%a) : (tensor<2x3xf32>) -> tensor<2x3xf32> {
  ^bb0(%x: tensor<2x3xf32>):
    // expected-error @+1 {{must be the last operation in the parent block}}
    sinter.yield %x : tensor<2x3xf32>
    sinter.yield %x : tensor<2x3xf32>
  }
  return %0 : tensor<2x3xf32>
}
