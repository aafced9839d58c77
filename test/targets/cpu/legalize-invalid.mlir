// RUN: sinter-opt %s -split-input-file -verify-each -sinter-cpu-legalize | FileCheck %s

// Tests that what has a kernel's form already stays as it is.

// CHECK-LABEL: func.func @rows
// CHECK-SAME: (%[[A:.*]]: tensor<2x3xf32>)
// CHECK-NEXT: %[[S:.*]] = sinter.softmax %[[A]] axis 1 : tensor<2x3xf32>
// CHECK-NEXT: return %[[S]]
func.func @rows(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = sinter.softmax %a axis 1 : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @matmul
// CHECK-NEXT: sinter.matmul
// CHECK-NEXT: return
func.func @matmul(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %0 = sinter.matmul %a, %b : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
