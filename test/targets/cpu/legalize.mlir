// RUN: sinter-opt %s -split-input-file -verify-each -sinter-cpu-legalize | FileCheck %s

// Tests that softmax along another dimension is transposed, that one of 16-bit floats is computed in f32 and one of f64 is spelt
// out, and that a convolution whose stride is its window becomes a matmul.

// CHECK-LABEL: func.func @columns
// CHECK-SAME: (%[[A:.*]]: tensor<2x3xf32>)
func.func @columns(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: %[[T:.*]] = sinter.transpose %[[A]] [1, 0]
  // CHECK: %[[S:.*]] = sinter.softmax %[[T]] axis 1
  // CHECK: %[[R:.*]] = sinter.transpose %[[S]] [1, 0]
  // CHECK: return %[[R]]
  %0 = sinter.softmax %a axis 0 : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @half
// CHECK-SAME: (%[[A:.*]]: tensor<2x3xf16>)
func.func @half(%a: tensor<2x3xf16>) -> tensor<2x3xf16> {
  // CHECK: %[[WIDE:.*]] = sinter.cast %[[A]] : tensor<2x3xf16> -> tensor<2x3xf32>
  // CHECK: %[[S:.*]] = sinter.softmax %[[WIDE]] axis 1 : tensor<2x3xf32>
  // CHECK: sinter.cast %[[S]] : tensor<2x3xf32> -> tensor<2x3xf16>
  %0 = sinter.softmax %a axis 1 : tensor<2x3xf16>
  return %0 : tensor<2x3xf16>
}

// -----

// CHECK-LABEL: func.func @double
// CHECK-SAME: (%[[A:.*]]: tensor<2x3xf64>)
func.func @double(%a: tensor<2x3xf64>) -> tensor<2x3xf64> {
  // CHECK-NOT: sinter.softmax
  // CHECK: %[[MAX:.*]] = sinter.reduce max %[[A]] [1] {keep_dims}
  // CHECK: %[[LESS:.*]] = sinter.elementwise sub(%[[A]], %[[MAX]])
  // CHECK: %[[EXP:.*]] = sinter.elementwise exp(%[[LESS]])
  // CHECK: %[[SUM:.*]] = sinter.reduce sum %[[EXP]] [1] {keep_dims}
  // CHECK: sinter.elementwise div(%[[EXP]], %[[SUM]])
  %0 = sinter.softmax %a axis 1 : tensor<2x3xf64>
  return %0 : tensor<2x3xf64>
}

// -----

// CHECK-LABEL: func.func @patches
func.func @patches(%x: tensor<1x3x8x8xf32>, %w: tensor<16x3x2x2xf32>) -> tensor<1x16x4x4xf32> {
  // CHECK-NOT: sinter.conv
  // CHECK: sinter.matmul {{.*}} : (tensor<1x4x4x12xf32>, tensor<12x16xf32>) -> tensor<1x4x4x16xf32>
  %0 = sinter.conv %x, %w strides [2, 2] dilations [1, 1] low [0, 0] high [0, 0] groups 1
      : (tensor<1x3x8x8xf32>, tensor<16x3x2x2xf32>) -> tensor<1x16x4x4xf32>
  return %0 : tensor<1x16x4x4xf32>
}
