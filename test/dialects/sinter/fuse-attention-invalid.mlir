// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-fuse-attention | FileCheck %s

// Tests that what attention would compute differently stays as it is.

// A mask by -10000 does not give the scores up.
// CHECK-LABEL: func.func @small_mask(
// CHECK-NOT: sinter.attention
func.func @small_mask(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x5xf32>, %v: tensor<2x4x5x16xf32>, %m: tensor<7x5xi1>)
    -> tensor<2x4x7x16xf32> {
  %low = sinter.constant dense<-1.0e4> : tensor<f32>
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %1 = sinter.elementwise select(%m, %0, %low) : (tensor<7x5xi1>, tensor<2x4x7x5xf32>, tensor<f32>) -> tensor<2x4x7x5xf32>
  %2 = sinter.softmax %1 axis 3 : tensor<2x4x7x5xf32>
  %3 = sinter.matmul %2, %v : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  return %3 : tensor<2x4x7x16xf32>
}

// -----

// A row that sees no key is 0 here, and NaN in attention.
// CHECK-LABEL: func.func @guard_that_matters(
// CHECK-NOT: sinter.attention
func.func @guard_that_matters(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x5xf32>, %v: tensor<2x4x5x16xf32>,
                              %m: tensor<2x1x1x5xi1>) -> tensor<2x4x7x16xf32> {
  %zero = sinter.constant dense<0.0> : tensor<f32>
  %low = sinter.constant dense<0xFF800000> : tensor<f32>
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %1 = sinter.elementwise select(%m, %zero, %low) : (tensor<2x1x1x5xi1>, tensor<f32>, tensor<f32>) -> tensor<2x1x1x5xf32>
  %2 = sinter.elementwise add(%0, %1) : (tensor<2x4x7x5xf32>, tensor<2x1x1x5xf32>) -> tensor<2x4x7x5xf32>
  %3 = sinter.softmax %2 axis 3 : tensor<2x4x7x5xf32>
  %4 = sinter.elementwise is_nan(%3) : (tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xi1>
  %5 = sinter.elementwise select(%4, %zero, %3) : (tensor<2x4x7x5xi1>, tensor<f32>, tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xf32>
  %6 = sinter.matmul %5, %v : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  return %6 : tensor<2x4x7x16xf32>
}

// -----

// CHECK-LABEL: func.func @other_axis(
// CHECK-NOT: sinter.attention
func.func @other_axis(%q: tensor<2x4x5x16xf32>, %k: tensor<2x4x16x5xf32>, %v: tensor<2x4x5x16xf32>) -> tensor<2x4x5x16xf32> {
  %0 = sinter.matmul %q, %k : (tensor<2x4x5x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x5x5xf32>
  %1 = sinter.softmax %0 axis 2 : tensor<2x4x5x5xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x4x5x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x5x16xf32>
  return %2 : tensor<2x4x5x16xf32>
}

// -----

// CHECK-LABEL: func.func @shared_keys(
// CHECK-NOT: sinter.attention
func.func @shared_keys(%q: tensor<2x4x7x16xf32>, %k: tensor<1x4x16x5xf32>, %v: tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32> {
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<1x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %1 = sinter.softmax %0 axis 3 : tensor<2x4x7x5xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  return %2 : tensor<2x4x7x16xf32>
}

// -----

// CHECK-LABEL: func.func @scaled_by_a_tensor(
// CHECK-NOT: sinter.attention
func.func @scaled_by_a_tensor(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x5xf32>, %v: tensor<2x4x5x16xf32>, %s: tensor<f32>)
    -> tensor<2x4x7x16xf32> {
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %1 = sinter.elementwise mul(%0, %s) : (tensor<2x4x7x5xf32>, tensor<f32>) -> tensor<2x4x7x5xf32>
  %2 = sinter.softmax %1 axis 3 : tensor<2x4x7x5xf32>
  %3 = sinter.matmul %2, %v : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  return %3 : tensor<2x4x7x16xf32>
}

// -----

// The probabilities are a result, too: they have to be in memory anyway.
// CHECK-LABEL: func.func @probabilities_returned(
// CHECK-NOT: sinter.attention
func.func @probabilities_returned(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x5xf32>, %v: tensor<2x4x5x16xf32>)
    -> (tensor<2x4x7x16xf32>, tensor<2x4x7x5xf32>) {
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %1 = sinter.softmax %0 axis 3 : tensor<2x4x7x5xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  return %2, %1 : tensor<2x4x7x16xf32>, tensor<2x4x7x5xf32>
}

// -----

// A bias of f32 does not fit into f16: -3.4e38 would become -infinity, and a row of it NaN.
// CHECK-LABEL: func.func @bias_of_another_type(
// CHECK-NOT: sinter.attention
func.func @bias_of_another_type(%q: tensor<2x4x7x16xf16>, %k: tensor<2x4x16x5xf16>, %v: tensor<2x4x5x16xf16>,
                                %m: tensor<1x1x7x5xf32>) -> tensor<2x4x7x16xf16> {
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf16>, tensor<2x4x16x5xf16>) -> tensor<2x4x7x5xf16>
  %1 = sinter.cast %0 : tensor<2x4x7x5xf16> -> tensor<2x4x7x5xf32>
  %2 = sinter.elementwise add(%1, %m) : (tensor<2x4x7x5xf32>, tensor<1x1x7x5xf32>) -> tensor<2x4x7x5xf32>
  %3 = sinter.softmax %2 axis 3 : tensor<2x4x7x5xf32>
  %4 = sinter.cast %3 : tensor<2x4x7x5xf32> -> tensor<2x4x7x5xf16>
  %5 = sinter.matmul %4, %v : (tensor<2x4x7x5xf16>, tensor<2x4x5x16xf16>) -> tensor<2x4x7x16xf16>
  return %5 : tensor<2x4x7x16xf16>
}
