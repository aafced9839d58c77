// RUN: sinter-opt %s -split-input-file -sinter-simplify-shapes -canonicalize | FileCheck %s

// Tests that broadcasts sink below what they would only make larger, and that rearrangements meet and vanish.

// CHECK-LABEL: func.func @mask(
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<2x1x1x7xi64>, %[[X:[a-z0-9]+]]: tensor<2x4x7x7xf32>
func.func @mask(%m: tensor<2x1x1x7xi64>, %x: tensor<2x4x7x7xf32>, %zero: tensor<f32>, %low: tensor<f32>) -> tensor<2x4x7x7xf32> {
  %0 = sinter.broadcast %m : tensor<2x1x1x7xi64> -> tensor<2x1x7x7xi64>
  %1 = sinter.cast %0 : tensor<2x1x7x7xi64> -> tensor<2x1x7x7xi1>
  %2 = sinter.elementwise select(%1, %zero, %low) : (tensor<2x1x7x7xi1>, tensor<f32>, tensor<f32>) -> tensor<2x1x7x7xf32>
  %3 = sinter.elementwise add(%x, %2) : (tensor<2x4x7x7xf32>, tensor<2x1x7x7xf32>) -> tensor<2x4x7x7xf32>
  // CHECK-NEXT: %[[C:.*]] = sinter.cast %[[M]]
  // CHECK-NEXT: %[[S:.*]] = sinter.elementwise select(%[[C]], {{.*}} -> tensor<2x1x1x7xf32>
  // CHECK-NEXT: %[[R:.*]] = sinter.elementwise add(%[[X]], %[[S]])
  // CHECK-NEXT: return %[[R]]
  return %3 : tensor<2x4x7x7xf32>
}

// -----

// The result of a smaller function is repeated where it is used.
// CHECK-LABEL: func.func @narrowed(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<3x1xf32>
func.func @narrowed(%a: tensor<3x1xf32>) -> tensor<4x5x3xf32> {
  %0 = sinter.broadcast %a : tensor<3x1xf32> -> tensor<1x3x4xf32>
  %1 = sinter.elementwise exp(%0) : (tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  %2 = sinter.transpose %1 [2, 0, 1] : tensor<1x3x4xf32> -> tensor<4x1x3xf32>
  %3 = sinter.broadcast %2 : tensor<4x1x3xf32> -> tensor<4x5x3xf32>
  // CHECK-NEXT: %[[E:.*]] = sinter.elementwise exp(%[[A]]) : (tensor<3x1xf32>) -> tensor<3x1xf32>
  // CHECK-NEXT: %[[T:.*]] = sinter.reshape %[[E]] : tensor<3x1xf32> -> tensor<1x1x3xf32>
  // CHECK-NEXT: %[[B:.*]] = sinter.broadcast %[[T]] : tensor<1x1x3xf32> -> tensor<4x5x3xf32>
  // CHECK-NEXT: return %[[B]]
  return %3 : tensor<4x5x3xf32>
}

// -----

// Rows that all batches share are read once.
// CHECK-LABEL: func.func @shared_rows(
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<9x8xf32>, %[[I:[a-z0-9]+]]: tensor<1x7xi64>
func.func @shared_rows(%t: tensor<9x8xf32>, %i: tensor<1x7xi64>) -> tensor<2x7x8xf32> {
  %0 = sinter.broadcast %i : tensor<1x7xi64> -> tensor<2x7xi64>
  %1 = sinter.gather %t[%0] axis 0 : (tensor<9x8xf32>, tensor<2x7xi64>) -> tensor<2x7x8xf32>
  // CHECK-NEXT: %[[G:.*]] = sinter.gather %[[T]][%[[I]]] axis 0 {{.*}} -> tensor<1x7x8xf32>
  // CHECK-NEXT: %[[B:.*]] = sinter.broadcast %[[G]]
  // CHECK-NEXT: return %[[B]]
  return %1 : tensor<2x7x8xf32>
}

// -----

// ONNX's Gemm has two dimensions only: exporters reshape around it.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x7x8xf32>, %[[W:[a-z0-9]+]]: tensor<8x9xf32>, %[[B:[a-z0-9]+]]: tensor<9xf32>
func.func @rows(%x: tensor<2x7x8xf32>, %w: tensor<8x9xf32>, %b: tensor<9xf32>) -> tensor<2x7x9xf32> {
  %0 = sinter.reshape %x : tensor<2x7x8xf32> -> tensor<14x8xf32>
  %1 = sinter.matmul %0, %w : (tensor<14x8xf32>, tensor<8x9xf32>) -> tensor<14x9xf32>
  %2 = sinter.elementwise add(%1, %b) : (tensor<14x9xf32>, tensor<9xf32>) -> tensor<14x9xf32>
  %3 = sinter.reshape %2 : tensor<14x9xf32> -> tensor<2x7x9xf32>
  // CHECK-NEXT: %[[P:.*]] = sinter.matmul %[[X]], %[[W]]
  // CHECK-NEXT: %[[R:.*]] = sinter.elementwise add(%[[P]], %[[B]])
  // CHECK-NEXT: return %[[R]]
  return %3 : tensor<2x7x9xf32>
}

// -----

// Positions are rotated before the heads come first.
// CHECK-LABEL: func.func @rotary(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x7x4x8xf32>, %[[C:[a-z0-9]+]]: tensor<7x4xf32>, %[[S:[a-z0-9]+]]: tensor<7x4xf32>
func.func @rotary(%x: tensor<2x7x4x8xf32>, %c: tensor<7x4xf32>, %s: tensor<7x4xf32>) -> tensor<2x7x4x8xf32> {
  %0 = sinter.transpose %x [0, 2, 1, 3] : tensor<2x7x4x8xf32> -> tensor<2x4x7x8xf32>
  %1 = sinter.rotary %0 cos %c sin %s : (tensor<2x4x7x8xf32>, tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<2x4x7x8xf32>
  %2 = sinter.transpose %1 [0, 2, 1, 3] : tensor<2x4x7x8xf32> -> tensor<2x7x4x8xf32>
  // CHECK-NOT: transpose
  // CHECK-DAG: %[[C1:.*]] = sinter.reshape %[[C]] : tensor<7x4xf32> -> tensor<1x7x1x4xf32>
  // CHECK-DAG: %[[S1:.*]] = sinter.reshape %[[S]] : tensor<7x4xf32> -> tensor<1x7x1x4xf32>
  // CHECK: %[[R:.*]] = sinter.rotary %[[X]] cos %[[C1]] sin %[[S1]]
  // CHECK-NEXT: return %[[R]]
  return %2 : tensor<2x7x4x8xf32>
}

// -----

// Of one position the transposes are reshapes.
// CHECK-LABEL: func.func @rotary_of_one_position(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x1x32xf32>, %[[C:[a-z0-9]+]]: tensor<1x1x4xf32>, %[[S:[a-z0-9]+]]: tensor<1x1x4xf32>
func.func @rotary_of_one_position(%x: tensor<2x1x32xf32>, %c: tensor<1x1x4xf32>, %s: tensor<1x1x4xf32>) -> tensor<2x1x4x8xf32> {
  %0 = sinter.reshape %x : tensor<2x1x32xf32> -> tensor<2x4x1x8xf32>
  %1 = sinter.rotary %0 cos %c sin %s : (tensor<2x4x1x8xf32>, tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<2x4x1x8xf32>
  %2 = sinter.transpose %1 [0, 2, 1, 3] : tensor<2x4x1x8xf32> -> tensor<2x1x4x8xf32>
  // CHECK-NEXT: %[[R:.*]] = sinter.reshape %[[X]] : tensor<2x1x32xf32> -> tensor<2x1x4x8xf32>
  // CHECK-NEXT: %[[Y:.*]] = sinter.rotary %[[R]] cos %[[C]] sin %[[S]]
  // CHECK-NEXT: return %[[Y]]
  return %2 : tensor<2x1x4x8xf32>
}

// -----

// Products of many matrices (bmm) with batch and heads in one dimension: both come apart, and the masks fit the scores.
// CHECK-LABEL: func.func @merged_heads(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x4x7x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x4x5x8xf32>, %[[M:[a-z0-9]+]]: tensor<2x1x7x5xf32>
func.func @merged_heads(%q: tensor<2x4x7x8xf32>, %k: tensor<2x4x5x8xf32>, %m: tensor<2x1x7x5xf32>) -> tensor<2x4x7x8xf32> {
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.reshape %q : tensor<2x4x7x8xf32> -> tensor<8x7x8xf32>
  %1 = sinter.elementwise mul(%0, %half) : (tensor<8x7x8xf32>, tensor<f32>) -> tensor<8x7x8xf32>
  %2 = sinter.reshape %k : tensor<2x4x5x8xf32> -> tensor<8x5x8xf32>
  %3 = sinter.transpose %2 [0, 2, 1] : tensor<8x5x8xf32> -> tensor<8x8x5xf32>
  %4 = sinter.matmul %1, %3 : (tensor<8x7x8xf32>, tensor<8x8x5xf32>) -> tensor<8x7x5xf32>
  %5 = sinter.reshape %4 : tensor<8x7x5xf32> -> tensor<2x4x7x5xf32>
  %6 = sinter.elementwise add(%5, %m) : (tensor<2x4x7x5xf32>, tensor<2x1x7x5xf32>) -> tensor<2x4x7x5xf32>
  %7 = sinter.reshape %6 : tensor<2x4x7x5xf32> -> tensor<8x7x5xf32>
  %8 = sinter.softmax %7 axis 2 : tensor<8x7x5xf32>
  %9 = sinter.matmul %8, %2 : (tensor<8x7x5xf32>, tensor<8x5x8xf32>) -> tensor<8x7x8xf32>
  %10 = sinter.reshape %9 : tensor<8x7x8xf32> -> tensor<2x4x7x8xf32>
  // CHECK: %[[H:.*]] = sinter.constant
  // CHECK-NEXT: %[[Q1:.*]] = sinter.elementwise mul(%[[Q]], %[[H]])
  // CHECK-NEXT: %[[K1:.*]] = sinter.transpose %[[K]] [0, 1, 3, 2]
  // CHECK-NEXT: %[[S:.*]] = sinter.matmul %[[Q1]], %[[K1]]
  // CHECK-NEXT: %[[B:.*]] = sinter.elementwise add(%[[S]], %[[M]])
  // CHECK-NEXT: %[[P:.*]] = sinter.softmax %[[B]] axis 3
  // CHECK-NEXT: %[[R:.*]] = sinter.matmul %[[P]], %[[K]]
  // CHECK-NEXT: return %[[R]]
  return %10 : tensor<2x4x7x8xf32>
}
