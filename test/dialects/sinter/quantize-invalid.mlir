// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-quantize=scheme=w8a8s

// Tests that a static scale is refused where no calibration has seen the activation.

// expected-error @+1 {{calibration has not seen the input of node 'query', and w8a8s needs its range}}
module attributes {sinter.files = ["model"]} {
  sinter.weight @w raw 0 at 0 length 128 : tensor<8x4xf32>
  func.func @main(%x: tensor<7x8xf32>) -> tensor<7x4xf32> {
    %w = sinter.parameter @w : tensor<8x4xf32>
    %0 = sinter.matmul %x, %w : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32> loc("query")
    return %0 : tensor<7x4xf32>
  }
}
