// RUN: sinter-opt %s -split-input-file -sinter-recognize-norms -canonicalize | FileCheck %s

// Tests that layer and RMS norms are one op in each spelling, with their scale and bias.

// CHECK-LABEL: func.func @rms_norm(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x7x8xf32>, %[[S:[a-z0-9]+]]: tensor<8xf32>
func.func @rms_norm(%x: tensor<2x7x8xf32>, %s: tensor<8xf32>) -> tensor<2x7x8xf32> {
  %e = sinter.constant dense<1.0e-6> : tensor<f32>
  %0 = sinter.elementwise mul(%x, %x) : (tensor<2x7x8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  %1 = sinter.reduce mean %0 [2] {keep_dims} : tensor<2x7x8xf32> -> tensor<2x7x1xf32>
  %2 = sinter.elementwise add(%1, %e) : (tensor<2x7x1xf32>, tensor<f32>) -> tensor<2x7x1xf32>
  %3 = sinter.elementwise rsqrt(%2) : (tensor<2x7x1xf32>) -> tensor<2x7x1xf32>
  %4 = sinter.elementwise mul(%x, %3) : (tensor<2x7x8xf32>, tensor<2x7x1xf32>) -> tensor<2x7x8xf32>
  %5 = sinter.elementwise mul(%s, %4) : (tensor<8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  // CHECK-NEXT: %[[R:.*]] = sinter.rms_norm %[[X]] scale %[[S]] axis 2 epsilon 9.9999999{{[0-9]*}}E-7
  // CHECK-NEXT: return %[[R]]
  return %5 : tensor<2x7x8xf32>
}

// -----

// The scale has dimensions of size 1 in front, the mean is a sum divided by their number, the root divides.
// CHECK-LABEL: func.func @layer_norm(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x7x8xf32>, %[[S:[a-z0-9]+]]: tensor<1x1x8xf32>, %[[B:[a-z0-9]+]]: tensor<8xf32>
func.func @layer_norm(%x: tensor<2x7x8xf32>, %s: tensor<1x1x8xf32>, %b: tensor<8xf32>) -> tensor<2x7x8xf32> {
  %e = sinter.constant dense<1.0e-5> : tensor<f32>
  %n = sinter.constant dense<8.0> : tensor<f32>
  %0 = sinter.reduce sum %x [2] : tensor<2x7x8xf32> -> tensor<2x7xf32>
  %1 = sinter.elementwise div(%0, %n) : (tensor<2x7xf32>, tensor<f32>) -> tensor<2x7xf32>
  %2 = sinter.reshape %1 : tensor<2x7xf32> -> tensor<2x7x1xf32>
  %3 = sinter.elementwise sub(%x, %2) : (tensor<2x7x8xf32>, tensor<2x7x1xf32>) -> tensor<2x7x8xf32>
  %4 = sinter.elementwise mul(%3, %3) : (tensor<2x7x8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  %5 = sinter.reduce mean %4 [2] {keep_dims} : tensor<2x7x8xf32> -> tensor<2x7x1xf32>
  %6 = sinter.elementwise add(%e, %5) : (tensor<f32>, tensor<2x7x1xf32>) -> tensor<2x7x1xf32>
  %7 = sinter.elementwise sqrt(%6) : (tensor<2x7x1xf32>) -> tensor<2x7x1xf32>
  %8 = sinter.elementwise div(%3, %7) : (tensor<2x7x8xf32>, tensor<2x7x1xf32>) -> tensor<2x7x8xf32>
  %9 = sinter.elementwise mul(%8, %s) : (tensor<2x7x8xf32>, tensor<1x1x8xf32>) -> tensor<2x7x8xf32>
  %10 = sinter.elementwise add(%b, %9) : (tensor<8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  // CHECK-NEXT: %[[S1:.*]] = sinter.reshape %[[S]] {{.*}} -> tensor<8xf32>
  // CHECK-NEXT: %[[R:.*]] = sinter.layer_norm %[[X]] scale %[[S1]] bias %[[B]] axis 2 epsilon 9.9999997{{[0-9]*}}E-6
  // CHECK-NEXT: return %[[R]]
  return %10 : tensor<2x7x8xf32>
}

// -----

// A residual that is added behind a norm is no bias, and a number is no scale.
// CHECK-LABEL: func.func @what_stays_outside(
func.func @what_stays_outside(%x: tensor<2x8xf32>, %r: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %e = sinter.constant dense<1.0e-6> : tensor<f32>
  %half = sinter.constant dense<0.5> : tensor<f32>
  %one = sinter.constant dense<1.0> : tensor<8xf32>
  %0 = sinter.layer_norm %x scale %one axis 1 epsilon 1.0e-5 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise mul(%0, %half) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise add(%1, %r) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK: sinter.layer_norm
  // CHECK-NEXT: sinter.elementwise mul
  // CHECK-NEXT: sinter.elementwise add
  return %2 : tensor<2x8xf32>
}

// -----

// TensorFlow multiplies scale and root first.
// CHECK-LABEL: func.func @tensorflow(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x7x8xf32>, %[[S:[a-z0-9]+]]: tensor<8xf32>, %[[B:[a-z0-9]+]]: tensor<8xf32>
func.func @tensorflow(%x: tensor<2x7x8xf32>, %s: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<2x7x8xf32> {
  %e = sinter.constant dense<1.0e-5> : tensor<f32>
  %0 = sinter.reduce mean %x [2] {keep_dims} : tensor<2x7x8xf32> -> tensor<2x7x1xf32>
  %1 = sinter.elementwise sub(%x, %0) : (tensor<2x7x8xf32>, tensor<2x7x1xf32>) -> tensor<2x7x8xf32>
  %2 = sinter.elementwise mul(%1, %1) : (tensor<2x7x8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  %3 = sinter.reduce mean %2 [2] {keep_dims} : tensor<2x7x8xf32> -> tensor<2x7x1xf32>
  %4 = sinter.elementwise add(%3, %e) : (tensor<2x7x1xf32>, tensor<f32>) -> tensor<2x7x1xf32>
  %5 = sinter.elementwise rsqrt(%4) : (tensor<2x7x1xf32>) -> tensor<2x7x1xf32>
  %6 = sinter.elementwise mul(%5, %s) : (tensor<2x7x1xf32>, tensor<8xf32>) -> tensor<2x7x8xf32>
  %7 = sinter.elementwise mul(%6, %x) : (tensor<2x7x8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  %8 = sinter.elementwise mul(%0, %6) : (tensor<2x7x1xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  %9 = sinter.elementwise sub(%b, %8) : (tensor<8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  %10 = sinter.elementwise add(%7, %9) : (tensor<2x7x8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>
  // CHECK-NEXT: %[[R:.*]] = sinter.layer_norm %[[X]] scale %[[S]] bias %[[B]] axis 2
  // CHECK-NEXT: return %[[R]]
  return %10 : tensor<2x7x8xf32>
}
