// RUN: sinter-opt %s -split-input-file -sinter-recognize-activations | FileCheck %s

// Tests that activations are one function in each spelling.

// CHECK-LABEL: func.func @gelu_torchscript(
// CHECK-SAME: %[[X:[a-z0-9]+]]
func.func @gelu_torchscript(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %root = sinter.constant dense<1.41421354> : tensor<f32>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.elementwise div(%x, %root) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise erf(%0) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise add(%1, %one) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise mul(%x, %2) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = sinter.elementwise mul(%3, %half) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  // CHECK-NEXT: %[[R:.*]] = sinter.elementwise gelu(%[[X]])
  // CHECK-NEXT: return %[[R]]
  return %4 : tensor<2x8xf32>
}

// -----

// CHECK-LABEL: func.func @gelu_halved_inside(
func.func @gelu_halved_inside(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %root = sinter.constant dense<0.70710678> : tensor<f32>
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.elementwise mul(%root, %x) : (tensor<f32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise erf(%0) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise mul(%1, %half) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise add(%half, %2) : (tensor<f32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = sinter.elementwise mul(%3, %x) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK-NEXT: sinter.elementwise gelu(
  // CHECK-NEXT: return
  return %4 : tensor<2x8xf32>
}

// -----

// GPT-2's: half of x first, the cube a power.
// CHECK-LABEL: func.func @gelu_tanh_power(
func.func @gelu_tanh_power(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %half = sinter.constant dense<0.5> : tensor<f32>
  %three = sinter.constant dense<3.0> : tensor<f32>
  %a = sinter.constant dense<0.044715> : tensor<f32>
  %b = sinter.constant dense<0.797884583> : tensor<f32>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %0 = sinter.elementwise mul(%x, %half) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise pow(%x, %three) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise mul(%1, %a) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise add(%x, %2) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = sinter.elementwise mul(%3, %b) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %5 = sinter.elementwise tanh(%4) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %6 = sinter.elementwise add(%5, %one) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %7 = sinter.elementwise mul(%0, %6) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK-NEXT: sinter.elementwise gelu_tanh(
  // CHECK-NEXT: return
  return %7 : tensor<2x8xf32>
}

// -----

// The same polynomial, multiplied out otherwise: x b (1 + a x x).
// CHECK-LABEL: func.func @gelu_tanh_product(
func.func @gelu_tanh_product(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %half = sinter.constant dense<0.5> : tensor<f32>
  %a = sinter.constant dense<0.044715> : tensor<f32>
  %b = sinter.constant dense<0.7978845608> : tensor<f32>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %0 = sinter.elementwise mul(%x, %b) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise mul(%a, %x) : (tensor<f32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise mul(%1, %x) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise add(%one, %2) : (tensor<f32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = sinter.elementwise mul(%0, %3) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %5 = sinter.elementwise tanh(%4) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %6 = sinter.elementwise add(%one, %5) : (tensor<f32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %7 = sinter.elementwise mul(%half, %x) : (tensor<f32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %8 = sinter.elementwise mul(%7, %6) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK-NEXT: sinter.elementwise gelu_tanh(
  // CHECK-NEXT: return
  return %8 : tensor<2x8xf32>
}

// -----

// A gate stays a product.
// CHECK-LABEL: func.func @gated_silu(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x8xf32>, %[[UP:[a-z0-9]+]]: tensor<2x8xf32>
func.func @gated_silu(%x: tensor<2x8xf32>, %up: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %one = sinter.constant dense<1.0> : tensor<f32>
  %0 = sinter.elementwise neg(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise exp(%0) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise add(%1, %one) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise div(%x, %2) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = sinter.elementwise mul(%3, %up) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK-NEXT: %[[S:.*]] = sinter.elementwise silu(%[[X]])
  // CHECK-NEXT: sinter.elementwise mul(%[[S]], %[[UP]])
  return %4 : tensor<2x8xf32>
}
