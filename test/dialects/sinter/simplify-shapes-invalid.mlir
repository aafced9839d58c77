// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-simplify-shapes | FileCheck %s

// Tests that rearrangements which move elements stay as they are.

// CHECK-LABEL: func.func @moves_elements(
func.func @moves_elements(%a: tensor<2x1x3xf32>, %b: tensor<2x1xf32>, %x: tensor<2x3xf32>) -> (tensor<3x1x2xf32>, tensor<6xf32>) {
  // CHECK: sinter.transpose
  %0 = sinter.transpose %a [2, 1, 0] : tensor<2x1x3xf32> -> tensor<3x1x2xf32>
  // Each element three times, one after the other.
  // CHECK: %[[B:.*]] = sinter.broadcast
  // CHECK: sinter.reshape %[[B]]
  %1 = sinter.broadcast %b : tensor<2x1xf32> -> tensor<2x3xf32>
  %2 = sinter.reshape %1 : tensor<2x3xf32> -> tensor<6xf32>
  return %0, %2 : tensor<3x1x2xf32>, tensor<6xf32>
}

// -----

// The product is used elsewhere with two dimensions.
// CHECK-LABEL: func.func @two_uses(
func.func @two_uses(%x: tensor<2x7x8xf32>, %w: tensor<8x9xf32>) -> (tensor<2x7x9xf32>, tensor<14x9xf32>) {
  // CHECK: sinter.matmul {{.*}} -> tensor<14x9xf32>
  %0 = sinter.reshape %x : tensor<2x7x8xf32> -> tensor<14x8xf32>
  %1 = sinter.matmul %0, %w : (tensor<14x8xf32>, tensor<8x9xf32>) -> tensor<14x9xf32>
  %2 = sinter.reshape %1 : tensor<14x9xf32> -> tensor<2x7x9xf32>
  return %2, %1 : tensor<2x7x9xf32>, tensor<14x9xf32>
}

// -----

// A rotation along the dimension that a transpose moved.
// CHECK-LABEL: func.func @rotary(
func.func @rotary(%x: tensor<8x7xf32>, %c: tensor<7x4xf32>, %s: tensor<7x4xf32>) -> tensor<7x8xf32> {
  // CHECK: %[[T:.*]] = sinter.transpose
  // CHECK: sinter.rotary %[[T]]
  %0 = sinter.transpose %x [1, 0] : tensor<8x7xf32> -> tensor<7x8xf32>
  %1 = sinter.rotary %0 cos %c sin %s : (tensor<7x8xf32>, tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x8xf32>
  return %1 : tensor<7x8xf32>
}
