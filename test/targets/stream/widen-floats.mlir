// RUN: sinter-opt %s -split-input-file -verify-each -sinter-stream-widen-floats | FileCheck %s

// Tests that a model of f16 is computed in f32 between its inputs, weights and results, and that casts between floats fall away.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2x4xf16> {{.*}}) -> (tensor<2x3xf16>
// CHECK-DAG: %[[WX:.*]] = sinter.cast %[[X]] : tensor<2x4xf16> -> tensor<2x4xf32>
// CHECK-DAG: %[[W:.*]] = sinter.parameter @w : tensor<4x3xf16>
// CHECK-DAG: %[[WW:.*]] = sinter.cast %[[W]] : tensor<4x3xf16> -> tensor<4x3xf32>
// CHECK: %[[P:.*]] = sinter.matmul %[[WX]], %[[WW]] : (tensor<2x4xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
// CHECK-NOT: sinter.cast
// CHECK: %[[E:.*]] = sinter.elementwise exp(%[[P]]) : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: %[[Y:.*]] = sinter.cast %[[E]] : tensor<2x3xf32> -> tensor<2x3xf16>
// CHECK: return %[[Y]]
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @w raw 0 at 0 length 24 : tensor<4x3xf16>
  func.func @main(%x: tensor<2x4xf16> {sinter.name = "x"}) -> (tensor<2x3xf16> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<4x3xf16>
    %p = sinter.matmul %x, %w : (tensor<2x4xf16>, tensor<4x3xf16>) -> tensor<2x3xf16>
    %f = sinter.cast %p : tensor<2x3xf16> -> tensor<2x3xf32>
    %e = sinter.elementwise exp(%f) : (tensor<2x3xf32>) -> tensor<2x3xf32>
    %y = sinter.cast %e : tensor<2x3xf32> -> tensor<2x3xf16>
    return %y : tensor<2x3xf16>
  }
}

// -----

// Tests that a mask of bf16 made of integers is of f32.

// CHECK-LABEL: func.func @main
// CHECK: sinter.cast %{{.*}} : tensor<3xi64> -> tensor<3xf32>
// CHECK: sinter.elementwise mul({{.*}}) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
func.func @main(%m: tensor<3xi64> {sinter.name = "m"}, %x: tensor<3xbf16> {sinter.name = "x"})
    -> (tensor<3xbf16> {sinter.name = "y"}) {
  %f = sinter.cast %m : tensor<3xi64> -> tensor<3xbf16>
  %y = sinter.elementwise mul(%f, %x) : (tensor<3xbf16>, tensor<3xbf16>) -> tensor<3xbf16>
  return %y : tensor<3xbf16>
}
