// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-simplify-arithmetic | FileCheck %s

// Tests that what would change a value stays as it is.

// CHECK-LABEL: func.func @stays(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x8xf32>
func.func @stays(%x: tensor<2x8xf32>, %i: tensor<2x8xi64>) -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xi64>) {
  %zero = sinter.constant dense<0.0> : tensor<f32>
  %three = sinter.constant dense<3.0> : tensor<f32>
  %five = sinter.constant dense<5.0> : tensor<f32>
  %two = sinter.constant dense<2> : tensor<i64>
  // CHECK-DAG: sinter.elementwise div(%[[X]],
  %0 = sinter.elementwise div(%x, %three) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  // 0 times infinity is not 0.
  // CHECK-DAG: sinter.elementwise mul(%[[X]],
  %1 = sinter.elementwise mul(%x, %zero) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  // Below 17, softplus(x) is not x.
  // CHECK-DAG: sinter.elementwise select
  %2 = sinter.elementwise softplus(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise greater(%x, %five) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xi1>
  %4 = sinter.elementwise select(%3, %x, %2) : (tensor<2x8xi1>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  // An integer division truncates.
  // CHECK-DAG: sinter.elementwise div({{.*}}) : (tensor<2x8xi64>
  %5 = sinter.elementwise div(%i, %two) : (tensor<2x8xi64>, tensor<i64>) -> tensor<2x8xi64>
  return %0, %1, %4, %5 : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xi64>
}

// -----

// A cast that loses something is not undone by another one.
// CHECK-LABEL: func.func @casts(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2xf32>
func.func @casts(%x: tensor<2xf32>, %i: tensor<2xi64>) -> (tensor<2xf32>, tensor<2xi64>) {
  // CHECK-COUNT-4: sinter.cast
  %0 = sinter.cast %x : tensor<2xf32> -> tensor<2xf16>
  %1 = sinter.cast %0 : tensor<2xf16> -> tensor<2xf32>
  %2 = sinter.cast %i : tensor<2xi64> -> tensor<2xi1>
  %3 = sinter.cast %2 : tensor<2xi1> -> tensor<2xi64>
  return %1, %3 : tensor<2xf32>, tensor<2xi64>
}

// -----

// Narrow floats saturate, and have no number of every constant.
// CHECK-LABEL: func.func @narrow_casts(
func.func @narrow_casts(%x: tensor<2xf8E5M2>) -> (tensor<2xf8E5M2>, tensor<f8E4M3FN>) {
  // CHECK-COUNT-3: sinter.cast
  %0 = sinter.cast %x : tensor<2xf8E5M2> -> tensor<2xf32>
  %1 = sinter.cast %0 : tensor<2xf32> -> tensor<2xf8E5M2>
  %2 = sinter.constant dense<1.0e9> : tensor<f32>
  %3 = sinter.cast %2 : tensor<f32> -> tensor<f8E4M3FN>
  return %1, %3 : tensor<2xf8E5M2>, tensor<f8E4M3FN>
}

// -----

// Large constants are not folded: they are weights.
// CHECK-LABEL: func.func @large(
func.func @large() -> tensor<2048xf32> {
  %a = sinter.constant dense<1.5> : tensor<2048xf32>
  // CHECK: sinter.elementwise exp
  %0 = sinter.elementwise exp(%a) : (tensor<2048xf32>) -> tensor<2048xf32>
  return %0 : tensor<2048xf32>
}
