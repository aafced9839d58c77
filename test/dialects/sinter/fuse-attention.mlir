// RUN: sinter-opt %s -split-input-file -sinter-fuse-attention -canonicalize | FileCheck %s

// Tests that attention is one op, wherever its scale is and however its mask is added, on operands whose heads come third.

// CHECK-LABEL: func.func @scaled_scores(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x7x4x16xf32>, %[[K:[a-z0-9]+]]: tensor<2x5x4x16xf32>, %[[V:[a-z0-9]+]]: tensor<2x5x4x16xf32>, %[[M:[a-z0-9]+]]: tensor<2x1x1x5xf32>
func.func @scaled_scores(%q: tensor<2x7x4x16xf32>, %k: tensor<2x5x4x16xf32>, %v: tensor<2x5x4x16xf32>,
                         %m: tensor<2x1x1x5xf32>) -> tensor<2x7x64xf32> {
  %0 = sinter.transpose %q [0, 2, 1, 3] : tensor<2x7x4x16xf32> -> tensor<2x4x7x16xf32>
  %1 = sinter.transpose %k [0, 2, 3, 1] : tensor<2x5x4x16xf32> -> tensor<2x4x16x5xf32>
  %2 = sinter.transpose %v [0, 2, 1, 3] : tensor<2x5x4x16xf32> -> tensor<2x4x5x16xf32>
  %3 = sinter.matmul %0, %1 : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %c = sinter.constant dense<4.0> : tensor<f32>
  %4 = sinter.elementwise div(%3, %c) : (tensor<2x4x7x5xf32>, tensor<f32>) -> tensor<2x4x7x5xf32>
  %5 = sinter.elementwise add(%4, %m) : (tensor<2x4x7x5xf32>, tensor<2x1x1x5xf32>) -> tensor<2x4x7x5xf32>
  %6 = sinter.softmax %5 axis 3 : tensor<2x4x7x5xf32>
  %7 = sinter.matmul %6, %2 : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  %8 = sinter.transpose %7 [0, 2, 1, 3] : tensor<2x4x7x16xf32> -> tensor<2x7x4x16xf32>
  %9 = sinter.reshape %8 : tensor<2x7x4x16xf32> -> tensor<2x7x64xf32>
  // CHECK-NOT: sinter.transpose
  // CHECK: %[[A:.*]] = sinter.attention %[[Q]], %[[K]], %[[V]] bias %[[M]] scale 2.500000e-01
  // CHECK-NOT: sinter.transpose
  // CHECK: %[[R:.*]] = sinter.reshape %[[A]]
  // CHECK: return %[[R]]
  return %9 : tensor<2x7x64xf32>
}

// -----

// torch's export of scaled_dot_product_attention multiplies query and key by the root of the scale, and repeats the heads of
// grouped queries.
// CHECK-LABEL: func.func @grouped_queries(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x7x4x16xf32>, %[[K:[a-z0-9]+]]: tensor<2x5x2x16xf32>, %[[V:[a-z0-9]+]]: tensor<2x5x2x16xf32>
func.func @grouped_queries(%q: tensor<2x7x4x16xf32>, %k: tensor<2x5x2x16xf32>, %v: tensor<2x5x2x16xf32>)
    -> tensor<2x7x4x16xf32> {
  %root = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.transpose %q [0, 2, 1, 3] : tensor<2x7x4x16xf32> -> tensor<2x4x7x16xf32>
  %1 = sinter.elementwise mul(%0, %root) : (tensor<2x4x7x16xf32>, tensor<f32>) -> tensor<2x4x7x16xf32>
  %2 = sinter.transpose %k [0, 2, 1, 3] : tensor<2x5x2x16xf32> -> tensor<2x2x5x16xf32>
  %3 = sinter.reshape %2 : tensor<2x2x5x16xf32> -> tensor<2x2x1x5x16xf32>
  %4 = sinter.broadcast %3 : tensor<2x2x1x5x16xf32> -> tensor<2x2x2x5x16xf32>
  %5 = sinter.reshape %4 : tensor<2x2x2x5x16xf32> -> tensor<2x4x5x16xf32>
  %6 = sinter.transpose %5 [0, 1, 3, 2] : tensor<2x4x5x16xf32> -> tensor<2x4x16x5xf32>
  %7 = sinter.elementwise mul(%6, %root) : (tensor<2x4x16x5xf32>, tensor<f32>) -> tensor<2x4x16x5xf32>
  %8 = sinter.transpose %v [0, 2, 1, 3] : tensor<2x5x2x16xf32> -> tensor<2x2x5x16xf32>
  %9 = sinter.reshape %8 : tensor<2x2x5x16xf32> -> tensor<2x2x1x5x16xf32>
  %10 = sinter.broadcast %9 : tensor<2x2x1x5x16xf32> -> tensor<2x2x2x5x16xf32>
  %11 = sinter.reshape %10 : tensor<2x2x2x5x16xf32> -> tensor<2x4x5x16xf32>
  %12 = sinter.matmul %1, %7 : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %13 = sinter.softmax %12 axis 3 : tensor<2x4x7x5xf32>
  %14 = sinter.matmul %13, %11 : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  %15 = sinter.transpose %14 [0, 2, 1, 3] : tensor<2x4x7x16xf32> -> tensor<2x7x4x16xf32>
  // CHECK: %[[A:.*]] = sinter.attention %[[Q]], %[[K]], %[[V]] scale 2.500000e-01
  // CHECK-NEXT: return %[[A]]
  return %15 : tensor<2x7x4x16xf32>
}

// -----

// A mask that replaces scores by a number that no score comes near is a bias; of rank 2 it has two dimensions of size 1 more.
// CHECK-LABEL: func.func @masked(
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<7x5xi1>
func.func @masked(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x5xf32>, %v: tensor<2x4x5x16xf32>, %m: tensor<7x5xi1>)
    -> tensor<2x4x7x16xf32> {
  %low = sinter.constant dense<-3.40282347E+38> : tensor<f32>
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %1 = sinter.elementwise select(%m, %0, %low) : (tensor<7x5xi1>, tensor<2x4x7x5xf32>, tensor<f32>) -> tensor<2x4x7x5xf32>
  %2 = sinter.softmax %1 axis 3 : tensor<2x4x7x5xf32>
  %3 = sinter.matmul %2, %v : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  // CHECK-DAG: %[[LOW:.*]] = sinter.constant dense<-3.40282347E+38>
  // CHECK-DAG: %[[ZERO:.*]] = sinter.constant dense<0.0
  // CHECK: %[[S:.*]] = sinter.elementwise select(%[[M]], %[[ZERO]], %[[LOW]]) {{.*}} -> tensor<7x5xf32>
  // CHECK: %[[B:.*]] = sinter.reshape %[[S]] {{.*}} -> tensor<1x1x7x5xf32>
  // CHECK: sinter.attention {{.*}} bias %[[B]] scale 1.0
  return %3 : tensor<2x4x7x16xf32>
}

// -----

// The guard against rows without any key goes where no score can become -infinity.
// CHECK-LABEL: func.func @guarded(
func.func @guarded(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x5xf32>, %v: tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32> {
  %zero = sinter.constant dense<0.0> : tensor<f32>
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %1 = sinter.softmax %0 axis 3 : tensor<2x4x7x5xf32>
  %2 = sinter.elementwise is_nan(%1) : (tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xi1>
  %3 = sinter.elementwise select(%2, %zero, %1) : (tensor<2x4x7x5xi1>, tensor<f32>, tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xf32>
  %4 = sinter.matmul %3, %v : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  // CHECK-NOT: is_nan
  // CHECK: sinter.attention
  return %4 : tensor<2x4x7x16xf32>
}

// -----

// Without a dimension for heads there is one.
// CHECK-LABEL: func.func @one_head(
func.func @one_head(%q: tensor<2x7x16xf32>, %k: tensor<2x16x5xf32>, %v: tensor<2x5x16xf32>) -> tensor<2x7x16xf32> {
  %0 = sinter.matmul %q, %k : (tensor<2x7x16xf32>, tensor<2x16x5xf32>) -> tensor<2x7x5xf32>
  %1 = sinter.softmax %0 axis 2 : tensor<2x7x5xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x7x5xf32>, tensor<2x5x16xf32>) -> tensor<2x7x16xf32>
  // CHECK: sinter.attention {{.*}} : (tensor<2x7x1x16xf32>, tensor<2x5x1x16xf32>, tensor<2x5x1x16xf32>)
  return %2 : tensor<2x7x16xf32>
}

// -----

// What was added before a scale is scaled.
// CHECK-LABEL: func.func @scaled_bias(
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<1x4x7x5xf32>
func.func @scaled_bias(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x5xf32>, %v: tensor<2x4x5x16xf32>,
                       %m: tensor<1x4x7x5xf32>) -> tensor<2x4x7x16xf32> {
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x7x5xf32>
  %1 = sinter.elementwise add(%m, %0) : (tensor<1x4x7x5xf32>, tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xf32>
  %2 = sinter.elementwise mul(%half, %1) : (tensor<f32>, tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xf32>
  %3 = sinter.softmax %2 axis 3 : tensor<2x4x7x5xf32>
  %4 = sinter.matmul %3, %v : (tensor<2x4x7x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x7x16xf32>
  // CHECK: %[[H:.*]] = sinter.constant dense<5.0
  // CHECK: %[[B:.*]] = sinter.elementwise mul(%[[M]], %[[H]])
  // CHECK: sinter.attention {{.*}} bias %[[B]] scale 5.0
  return %4 : tensor<2x4x7x16xf32>
}

// -----

// A mask of the keys after each query, and nothing else, needs no bias; rows then always see a key, and the guard goes.
// CHECK-LABEL: func.func @causal(
func.func @causal(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x7xf32>, %v: tensor<2x4x7x16xf32>) -> tensor<2x4x7x16xf32> {
  %i = sinter.constant dense<[0, 1, 2, 3, 4, 5, 6]> : tensor<7xi64>
  %j = sinter.reshape %i : tensor<7xi64> -> tensor<7x1xi64>
  %later = sinter.elementwise greater(%i, %j) : (tensor<7xi64>, tensor<7x1xi64>) -> tensor<7x7xi1>
  %zero = sinter.constant dense<0.0> : tensor<f32>
  %low = sinter.constant dense<0xFF800000> : tensor<f32>
  %mask = sinter.elementwise select(%later, %low, %zero) : (tensor<7x7xi1>, tensor<f32>, tensor<f32>) -> tensor<7x7xf32>
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x7xf32>) -> tensor<2x4x7x7xf32>
  %1 = sinter.elementwise add(%0, %mask) : (tensor<2x4x7x7xf32>, tensor<7x7xf32>) -> tensor<2x4x7x7xf32>
  %2 = sinter.softmax %1 axis 3 : tensor<2x4x7x7xf32>
  %3 = sinter.elementwise is_nan(%2) : (tensor<2x4x7x7xf32>) -> tensor<2x4x7x7xi1>
  %4 = sinter.elementwise select(%3, %zero, %2) : (tensor<2x4x7x7xi1>, tensor<f32>, tensor<2x4x7x7xf32>) -> tensor<2x4x7x7xf32>
  %5 = sinter.matmul %4, %v : (tensor<2x4x7x7xf32>, tensor<2x4x7x16xf32>) -> tensor<2x4x7x16xf32>
  // CHECK-NOT: bias
  // CHECK: sinter.attention {{.*}} scale 1.0{{.*}} {causal}
  return %5 : tensor<2x4x7x16xf32>
}

// -----

// The same with keys of earlier runs before them: the last query is at the last key. The positions come as sizes.
module {
  sinter.symbol @past axis "k" 3 {low = 1 : i64, high = 64 : i64}
  // CHECK-LABEL: func.func @causal_with_past(
  func.func @causal_with_past(%q: tensor<2x4x3x16xf32>, %k: tensor<2x4x16x?xf32, #sinter.dims<"2", "4", "16", "past + 3">>,
                              %v: tensor<2x4x?x16xf32, #sinter.dims<"2", "4", "past + 3", "16">>) -> tensor<2x4x3x16xf32> {
    %zero = sinter.constant dense<0> : tensor<i64>
    %one = sinter.constant dense<1> : tensor<i64>
    %i = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"past + 3">>
    %p = sinter.sizes <"past", "past + 1", "past + 2"> : tensor<3xi64>
    %j = sinter.reshape %p : tensor<3xi64> -> tensor<3x1xi64>
    %seen = sinter.elementwise less_equal(%i, %j) : (tensor<?xi64, #sinter.dims<"past + 3">>, tensor<3x1xi64>) -> tensor<3x?xi1, #sinter.dims<"3", "past + 3">>
    %low = sinter.constant dense<-3.40282347E+38> : tensor<f32>
    %0 = sinter.matmul %q, %k : (tensor<2x4x3x16xf32>, tensor<2x4x16x?xf32, #sinter.dims<"2", "4", "16", "past + 3">>) -> tensor<2x4x3x?xf32, #sinter.dims<"2", "4", "3", "past + 3">>
    %1 = sinter.elementwise select(%seen, %0, %low) : (tensor<3x?xi1, #sinter.dims<"3", "past + 3">>, tensor<2x4x3x?xf32, #sinter.dims<"2", "4", "3", "past + 3">>, tensor<f32>) -> tensor<2x4x3x?xf32, #sinter.dims<"2", "4", "3", "past + 3">>
    %2 = sinter.softmax %1 axis 3 : tensor<2x4x3x?xf32, #sinter.dims<"2", "4", "3", "past + 3">>
    %3 = sinter.matmul %2, %v : (tensor<2x4x3x?xf32, #sinter.dims<"2", "4", "3", "past + 3">>, tensor<2x4x?x16xf32, #sinter.dims<"2", "4", "past + 3", "16">>) -> tensor<2x4x3x16xf32>
    // CHECK-NOT: bias
    // CHECK: sinter.attention {{.*}} scale 1.0{{.*}} {causal}
    return %3 : tensor<2x4x3x16xf32>
  }
}

// -----

// One key fewer than that, or one more, is a bias.
// CHECK-LABEL: func.func @almost_causal(
func.func @almost_causal(%q: tensor<2x4x7x16xf32>, %k: tensor<2x4x16x7xf32>, %v: tensor<2x4x7x16xf32>) -> tensor<2x4x7x16xf32> {
  %i = sinter.constant dense<[0, 1, 2, 3, 4, 5, 6]> : tensor<7xi64>
  %j = sinter.constant dense<[[1], [2], [3], [4], [5], [6], [7]]> : tensor<7x1xi64>
  %seen = sinter.elementwise less_equal(%i, %j) : (tensor<7xi64>, tensor<7x1xi64>) -> tensor<7x7xi1>
  %low = sinter.constant dense<-3.40282347E+38> : tensor<f32>
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x7xf32>) -> tensor<2x4x7x7xf32>
  %1 = sinter.elementwise select(%seen, %0, %low) : (tensor<7x7xi1>, tensor<2x4x7x7xf32>, tensor<f32>) -> tensor<2x4x7x7xf32>
  %2 = sinter.softmax %1 axis 3 : tensor<2x4x7x7xf32>
  %3 = sinter.matmul %2, %v : (tensor<2x4x7x7xf32>, tensor<2x4x7x16xf32>) -> tensor<2x4x7x16xf32>
  // CHECK: sinter.attention {{.*}} bias
  // CHECK-NOT: causal
  return %3 : tensor<2x4x7x16xf32>
}

// -----

// Models of 16-bit floats compute the softmax in f32.
// CHECK-LABEL: func.func @softmax_in_f32(
func.func @softmax_in_f32(%q: tensor<2x4x7x16xf16>, %k: tensor<2x4x16x5xf16>, %v: tensor<2x4x5x16xf16>, %m: tensor<1x1x7x5xf16>)
    -> tensor<2x4x7x16xf16> {
  %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf16>, tensor<2x4x16x5xf16>) -> tensor<2x4x7x5xf16>
  %1 = sinter.elementwise add(%0, %m) : (tensor<2x4x7x5xf16>, tensor<1x1x7x5xf16>) -> tensor<2x4x7x5xf16>
  %2 = sinter.cast %1 : tensor<2x4x7x5xf16> -> tensor<2x4x7x5xf32>
  %3 = sinter.softmax %2 axis 3 : tensor<2x4x7x5xf32>
  %4 = sinter.cast %3 : tensor<2x4x7x5xf32> -> tensor<2x4x7x5xf16>
  %5 = sinter.matmul %4, %v : (tensor<2x4x7x5xf16>, tensor<2x4x5x16xf16>) -> tensor<2x4x7x16xf16>
  // CHECK-NOT: sinter.softmax
  // CHECK: sinter.attention {{.*}} bias {{.*}} -> tensor<2x7x4x16xf16>
  return %5 : tensor<2x4x7x16xf16>
}
