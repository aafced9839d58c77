// RUN: sinter-opt %s -verify-each -sinter-cpu-fuse-kernels | FileCheck %s

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
