// RUN: sinter-opt %s -verify-each | sinter-opt -verify-each | FileCheck %s

// Tests that a kernel and what ends its body are read, verified and printed as they were.

// CHECK-LABEL: func.func @kernel
// CHECK-SAME: (%[[A:.*]]: tensor<2x3xf32>, %[[B:.*]]: tensor<3xf32>)
func.func @kernel(%a: tensor<2x3xf32>, %b: tensor<3xf32>) -> tensor<2x3xf32> {
  // CHECK: sinter.kernel "loop"(%[[A]], %[[B]]) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32> {
  // CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<2x3xf32>, %[[Y:.*]]: tensor<3xf32>):
  // CHECK-NEXT: %[[SUM:.*]] = sinter.elementwise add(%[[X]], %[[Y]])
  // CHECK-NEXT: sinter.yield %[[SUM]] : tensor<2x3xf32>
  %0 = sinter.kernel "loop" (%a, %b) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32> {
  ^bb0(%x: tensor<2x3xf32>, %y: tensor<3xf32>):
    %1 = sinter.elementwise add(%x, %y) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    sinter.yield %1 : tensor<2x3xf32>
  }
  return %0 : tensor<2x3xf32>
}
