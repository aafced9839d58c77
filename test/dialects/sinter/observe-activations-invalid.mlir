// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-observe-activations | FileCheck %s

// Tests that a module without a product by a weight gets no results and an empty list.

// CHECK: module attributes {sinter.observed = []}
module {
  // CHECK: func.func @main(%{{.*}}) -> (tensor<2x2xf32> {sinter.name = "y"}) {
  func.func @main(%x: tensor<2x2xf32> {sinter.name = "x"}) -> (tensor<2x2xf32> {sinter.name = "y"}) {
    %0 = sinter.matmul %x, %x : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
    return %0 : tensor<2x2xf32>
  }
}

// -----

// CHECK: module attributes {sinter.observed = []}
module {
}
