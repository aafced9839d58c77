// RUN: sinter-opt %s -verify-each -split-input-file -sinter-cpu-fuse-kernels | FileCheck %s

// Tests that a matmul takes the activation behind it, and that the program is kernels and weights afterwards.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32
// CHECK: %[[W:.*]] = sinter.parameter @w
// CHECK-NEXT: %[[K:.*]] = sinter.kernel "matmul"(%[[X]], %[[W]])
// CHECK: %[[P:.*]] = sinter.matmul
// CHECK-NEXT: %[[R:.*]] = sinter.elementwise relu(%[[P]])
// CHECK-NEXT: sinter.yield %[[R]]
// CHECK: %[[S:.*]] = sinter.kernel "softmax"(%[[K]])
// CHECK: return %[[S]]
module attributes {sinter.files = ["m.onnx"]} {
  sinter.symbol @seq axis "x" 0 {low = 1 : i64, high = 512 : i64}
  sinter.weight @w raw 0 at 0 length 256 : tensor<8x8xf32>
  func.func @main(%x: tensor<?x8xf32, #sinter.dims<"seq", "8">> {sinter.name = "x"})
      -> (tensor<?x8xf32, #sinter.dims<"seq", "8">> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<8x8xf32>
    %0 = sinter.matmul %x, %w
        : (tensor<?x8xf32, #sinter.dims<"seq", "8">>, tensor<8x8xf32>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    %1 = sinter.elementwise relu(%0)
        : (tensor<?x8xf32, #sinter.dims<"seq", "8">>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    %2 = sinter.softmax %1 axis 1 : tensor<?x8xf32, #sinter.dims<"seq", "8">>
    return %2 : tensor<?x8xf32, #sinter.dims<"seq", "8">>
  }
}

// -----

// A gate: the product of two matmuls is computed on the tiles of the first, and the second is a kernel of its own before.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>
// CHECK-DAG: %[[G:.*]] = sinter.parameter @gate
// CHECK-DAG: %[[U:.*]] = sinter.parameter @up
// CHECK: %[[UP:.*]] = sinter.kernel "matmul"(%[[X]], %[[U]])
// CHECK: %[[K:.*]] = sinter.kernel "matmul"(%[[X]], %[[G]], %[[UP]])
// CHECK-NEXT: ^bb0({{.*}}, %[[OTHER:.*]]: tensor<4x8xf32>{{.*}}):
// CHECK-NEXT: %[[P:.*]] = sinter.matmul
// CHECK-NEXT: %[[S:.*]] = sinter.elementwise silu(%[[P]])
// CHECK-NEXT: %[[R:.*]] = sinter.elementwise mul(%[[S]], %[[OTHER]])
// CHECK-NEXT: sinter.yield %[[R]]
// CHECK-NOT: sinter.kernel
// CHECK: return %[[K]]
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @gate raw 0 at 0 length 256 : tensor<8x8xf32>
  sinter.weight @up raw 0 at 256 length 256 : tensor<8x8xf32>
  func.func @main(%x: tensor<4x8xf32> {sinter.name = "x"}) -> (tensor<4x8xf32> {sinter.name = "y"}) {
    %g = sinter.parameter @gate : tensor<8x8xf32>
    %u = sinter.parameter @up : tensor<8x8xf32>
    %0 = sinter.matmul %x, %g : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %1 = sinter.elementwise silu(%0) : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %2 = sinter.matmul %x, %u : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %3 = sinter.elementwise mul(%1, %2) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    return %3 : tensor<4x8xf32>
  }
}
