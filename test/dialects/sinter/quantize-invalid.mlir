// RUN: not sinter-opt %s -sinter-quantize=scheme=w8a8s 2>&1 | FileCheck %s
// RUN: not sinter-opt %s -sinter-quantize=scheme=w9 2>&1 | FileCheck %s --check-prefix=SCHEME

// Tests what the pass refuses: a static scale of what no calibration has seen, and what is no scheme.

// CHECK: error: calibration has not seen the input of node 'query', and w8a8s needs its range
// SCHEME: error: {{.*}}w9
module attributes {sinter.files = ["model"]} {
  sinter.weight @w raw 0 at 0 length 128 : tensor<8x4xf32>
  func.func @main(%x: tensor<7x8xf32>) -> tensor<7x4xf32> {
    %w = sinter.parameter @w : tensor<8x4xf32>
    %0 = sinter.matmul %x, %w : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32> loc("query")
    return %0 : tensor<7x4xf32>
  }
}
