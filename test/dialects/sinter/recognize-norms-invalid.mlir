// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-recognize-norms | FileCheck %s

// Tests that what only looks like a norm stays as it is.

// CHECK-LABEL: func.func @first_dimension(
// CHECK-NOT: norm %
func.func @first_dimension(%x: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %e = sinter.constant dense<1.0e-6> : tensor<f32>
  %0 = sinter.elementwise mul(%x, %x) : (tensor<8x2xf32>, tensor<8x2xf32>) -> tensor<8x2xf32>
  %1 = sinter.reduce mean %0 [0] {keep_dims} : tensor<8x2xf32> -> tensor<1x2xf32>
  %2 = sinter.elementwise add(%1, %e) : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xf32>
  %3 = sinter.elementwise rsqrt(%2) : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %4 = sinter.elementwise mul(%x, %3) : (tensor<8x2xf32>, tensor<1x2xf32>) -> tensor<8x2xf32>
  return %4 : tensor<8x2xf32>
}

// -----

// CHECK-LABEL: func.func @no_epsilon(
// CHECK-NOT: norm %
func.func @no_epsilon(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = sinter.elementwise mul(%x, %x) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = sinter.reduce mean %0 [1] {keep_dims} : tensor<2x8xf32> -> tensor<2x1xf32>
  %2 = sinter.elementwise rsqrt(%1) : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %3 = sinter.elementwise mul(%x, %2) : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %3 : tensor<2x8xf32>
}

// -----

// The mean square of another tensor.
// CHECK-LABEL: func.func @another_tensor(
// CHECK-NOT: norm %
func.func @another_tensor(%x: tensor<2x8xf32>, %y: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %e = sinter.constant dense<1.0e-6> : tensor<f32>
  %0 = sinter.elementwise mul(%y, %y) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = sinter.reduce mean %0 [1] {keep_dims} : tensor<2x8xf32> -> tensor<2x1xf32>
  %2 = sinter.elementwise add(%1, %e) : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %3 = sinter.elementwise rsqrt(%2) : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %4 = sinter.elementwise mul(%x, %3) : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %4 : tensor<2x8xf32>
}

// -----

// A sum divided by another number than there are elements is no mean.
// CHECK-LABEL: func.func @not_the_mean(
// CHECK-NOT: norm %
func.func @not_the_mean(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %e = sinter.constant dense<1.0e-6> : tensor<f32>
  %n = sinter.constant dense<7.0> : tensor<f32>
  %0 = sinter.elementwise mul(%x, %x) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = sinter.reduce sum %0 [1] {keep_dims} : tensor<2x8xf32> -> tensor<2x1xf32>
  %2 = sinter.elementwise div(%1, %n) : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %3 = sinter.elementwise add(%2, %e) : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %4 = sinter.elementwise rsqrt(%3) : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %5 = sinter.elementwise mul(%x, %4) : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %5 : tensor<2x8xf32>
}

// -----

// What is taken away is the mean of another tensor.
// CHECK-LABEL: func.func @another_mean(
// CHECK-NOT: norm %
func.func @another_mean(%x: tensor<2x8xf32>, %y: tensor<2x8xf32>, %s: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<2x8xf32> {
  %e = sinter.constant dense<1.0e-5> : tensor<f32>
  %0 = sinter.reduce mean %x [1] {keep_dims} : tensor<2x8xf32> -> tensor<2x1xf32>
  %m = sinter.reduce mean %y [1] {keep_dims} : tensor<2x8xf32> -> tensor<2x1xf32>
  %1 = sinter.elementwise sub(%x, %0) : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise mul(%1, %1) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = sinter.reduce mean %2 [1] {keep_dims} : tensor<2x8xf32> -> tensor<2x1xf32>
  %4 = sinter.elementwise add(%3, %e) : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %5 = sinter.elementwise rsqrt(%4) : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %6 = sinter.elementwise mul(%5, %s) : (tensor<2x1xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %7 = sinter.elementwise mul(%x, %6) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %8 = sinter.elementwise mul(%m, %6) : (tensor<2x1xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %9 = sinter.elementwise sub(%b, %8) : (tensor<8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %10 = sinter.elementwise add(%7, %9) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %10 : tensor<2x8xf32>
}
