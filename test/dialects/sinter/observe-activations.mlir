// RUN: sinter-opt %s -sinter-observe-activations | FileCheck %s

// Tests that what products by weights read becomes results of @main: each tensor once, with the names of all products that
// read it, of which two have the same.

// CHECK: module attributes {
// CHECK-SAME{LITERAL}: sinter.observed = [["query", "key"], ["query#2"]]
module attributes {sinter.files = ["model.onnx"]} {
  sinter.weight @w raw 0 at 0 length 128 : tensor<4x8xf32>
  // CHECK: func.func @main(%[[X:.*]]: tensor<2x8xf32> {sinter.name = "x"})
  // CHECK-SAME: -> (tensor<2x4xf32> {sinter.name = "a"}, tensor<2x4xf32> {sinter.name = "b"},
  // CHECK-SAME:     tensor<2x8xf32> {sinter.name = "observed/0"}, tensor<2x4xf32> {sinter.name = "observed/1"})
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"})
      -> (tensor<2x4xf32> {sinter.name = "a"}, tensor<2x4xf32> {sinter.name = "b"}) {
    %w = sinter.parameter @w : tensor<4x8xf32>
    %t = sinter.transpose %w [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
    // CHECK: %[[Q:.*]] = sinter.matmul %[[X]], %{{.*}}
    %0 = sinter.matmul %x, %t : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32> loc("query")
    %1 = sinter.matmul %x, %t : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32> loc("key")
    // Neither a product of two activations nor one of two weights is observed.
    %2 = sinter.matmul %0, %w : (tensor<2x4xf32>, tensor<4x8xf32>) -> tensor<2x8xf32> loc("query")
    %3 = sinter.transpose %2 [1, 0] : tensor<2x8xf32> -> tensor<8x2xf32>
    %4 = sinter.matmul %2, %3 : (tensor<2x8xf32>, tensor<8x2xf32>) -> tensor<2x2xf32> loc("scores")
    %5 = sinter.matmul %4, %1 : (tensor<2x2xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> loc("values")
    // CHECK: return %{{.*}}, %{{.*}}, %[[X]], %[[Q]] :
    return %5, %1 : tensor<2x4xf32>, tensor<2x4xf32>
  }
}
