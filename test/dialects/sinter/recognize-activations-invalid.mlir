// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-recognize-activations | FileCheck %s

// Tests that formulas with other numbers or operands stay as they are.

// CHECK-LABEL: func.func @quick_gelu(
// CHECK-NOT: silu
func.func @quick_gelu(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %a = sinter.constant dense<1.702> : tensor<f32>
  %0 = sinter.elementwise mul(%x, %a) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise sigmoid(%0) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise mul(%x, %1) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %2 : tensor<2x8xf32>
}

// -----

// CHECK-LABEL: func.func @another_slope(
// CHECK-NOT: gelu
func.func @another_slope(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %root = sinter.constant dense<1.5> : tensor<f32>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.elementwise div(%x, %root) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise erf(%0) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise add(%1, %one) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise mul(%x, %2) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = sinter.elementwise mul(%3, %half) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  return %4 : tensor<2x8xf32>
}

// -----

// erf of one tensor times another one.
// CHECK-LABEL: func.func @two_tensors(
// CHECK-NOT: gelu
func.func @two_tensors(%x: tensor<2x8xf32>, %y: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %root = sinter.constant dense<1.41421354> : tensor<f32>
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.elementwise div(%y, %root) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise erf(%0) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise mul(%1, %half) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise add(%2, %half) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %4 = sinter.elementwise mul(%x, %3) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %4 : tensor<2x8xf32>
}

// -----

// Without the factor 1/2 it is twice the function.
// CHECK-LABEL: func.func @twice(
// CHECK-NOT: gelu
func.func @twice(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %root = sinter.constant dense<1.41421354> : tensor<f32>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %0 = sinter.elementwise div(%x, %root) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise erf(%0) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise add(%1, %one) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise mul(%x, %2) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %3 : tensor<2x8xf32>
}
