// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-simplify-indices | FileCheck %s

// Tests that positions which may lie outside, or which are data, stay a gather.

module {
  sinter.symbol @batch axis "x" 0 {low = 1 : i64}
  sinter.symbol @seq axis "x" 1 {low = 1 : i64}

  // Nothing bounds the sequence: a run must find out.
  // CHECK-LABEL: func.func @unbounded(
  func.func @unbounded(%t: tensor<512x8xf32>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">> {
    %zero = sinter.constant dense<0> : tensor<i64>
    %one = sinter.constant dense<1> : tensor<i64>
    %r = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"seq">>
    // CHECK: sinter.gather
    %0 = sinter.gather %t[%r] axis 0 : (tensor<512x8xf32>, tensor<?xi64, #sinter.dims<"seq">>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    return %0 : tensor<?x8xf32, #sinter.dims<"seq", "8">>
  }

  // CHECK-LABEL: func.func @beyond(
  func.func @beyond(%t: tensor<5x8xf32>) -> tensor<5x8xf32> {
    %r = sinter.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi64>
    // CHECK: sinter.gather
    %0 = sinter.gather %t[%r] axis 0 : (tensor<5x8xf32>, tensor<5xi64>) -> tensor<5x8xf32>
    return %0 : tensor<5x8xf32>
  }

  // CHECK-LABEL: func.func @no_pattern(
  func.func @no_pattern(%t: tensor<5x8xf32>) -> tensor<3x8xf32> {
    %r = sinter.constant dense<[0, 3, 1]> : tensor<3xi64>
    // CHECK: sinter.gather
    %0 = sinter.gather %t[%r] axis 0 : (tensor<5x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>
    return %0 : tensor<3x8xf32>
  }

  // CHECK-LABEL: func.func @data(
  func.func @data(%t: tensor<5x8xf32>, %i: tensor<3xi64>) -> tensor<3x8xf32> {
    // CHECK: sinter.gather
    %0 = sinter.gather %t[%i] axis 0 : (tensor<5x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>
    return %0 : tensor<3x8xf32>
  }

  // A diagonal runs along one dimension of the result in two of the data.
  // CHECK-LABEL: func.func @diagonal(
  func.func @diagonal(%t: tensor<5x5xf32>) -> tensor<5xf32> {
    %r = sinter.constant dense<[[0, 0], [1, 1], [2, 2], [3, 3], [4, 4]]> : tensor<5x2xi64>
    // CHECK: sinter.gather_nd
    %0 = sinter.gather_nd %t[%r] batch_dims 0 : (tensor<5x5xf32>, tensor<5x2xi64>) -> tensor<5xf32>
    return %0 : tensor<5xf32>
  }

  // True below the diagonal only; and small integers may wrap.
  // CHECK-LABEL: func.func @not_always(
  func.func @not_always() -> (tensor<?x?xi1, #sinter.dims<"seq", "seq">>, tensor<?xi1, #sinter.dims<"seq">>) {
    %zero = sinter.constant dense<0> : tensor<i64>
    %one = sinter.constant dense<1> : tensor<i64>
    %r = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"seq">>
    %q = sinter.reshape %r : tensor<?xi64, #sinter.dims<"seq">> -> tensor<?x1xi64, #sinter.dims<"seq", "1">>
    // CHECK: sinter.elementwise less_equal
    %0 = sinter.elementwise less_equal(%r, %q) : (tensor<?xi64, #sinter.dims<"seq">>, tensor<?x1xi64, #sinter.dims<"seq", "1">>) -> tensor<?x?xi1, #sinter.dims<"seq", "seq">>
    %1 = sinter.cast %r : tensor<?xi64, #sinter.dims<"seq">> -> tensor<?xi8, #sinter.dims<"seq">>
    %z = sinter.constant dense<0> : tensor<i8>
    // CHECK: sinter.elementwise greater_equal
    %2 = sinter.elementwise greater_equal(%1, %z) : (tensor<?xi8, #sinter.dims<"seq">>, tensor<i8>) -> tensor<?xi1, #sinter.dims<"seq">>
    return %0, %2 : tensor<?x?xi1, #sinter.dims<"seq", "seq">>, tensor<?xi1, #sinter.dims<"seq">>
  }
}
