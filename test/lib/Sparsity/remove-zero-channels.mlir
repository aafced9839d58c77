// RUN: rm -rf %t && mkdir %t
// RUN: printf 'AAAA\0\0\0\0AAAAAAAAAAAA\0\0\0\0AAAAAAAA' > %t/weights
// RUN: printf 'AAAAAAAAAAAAAAAAAAAAAAAA\0\0\0\0\0\0\0\0' >> %t/weights
// RUN: printf 'AAAA\0\0\0\0AAAAAAAA' >> %t/weights
// RUN: sinter-opt %s -split-input-file -sinter-remove-zero-channels=folder=%t | FileCheck %s
// RUN: sinter-opt %s -split-input-file -sinter-remove-zero-channels | FileCheck %s --check-prefix=UNREAD

// Tests that two of four channels are left, where the second is zero (its column of @up is, and its bias) and the fourth is
// read by nobody (its row of @down is zero). Where no weight may be read nothing changes.

// UNREAD-NOT: sinter.compress

module attributes {sinter.files = ["weights"]} {
  sinter.weight @up raw 0 at 0 length 32 : tensor<2x4xf32>
  sinter.weight @down raw 0 at 32 length 32 : tensor<4x2xf32>
  sinter.weight @bias raw 0 at 64 length 16 : tensor<4xf32>
  // CHECK-LABEL: func.func @main
  // CHECK-SAME: (%[[X:.*]]: tensor<3x2xf32>
  func.func @main(%x: tensor<3x2xf32> {sinter.name = "x"}) -> (tensor<3x2xf32> {sinter.name = "y"}) {
    // CHECK: %[[UP:.*]] = sinter.parameter @up
    // CHECK: %[[DOWN:.*]] = sinter.parameter @down
    // CHECK: %[[BIAS:.*]] = sinter.parameter @bias
    %up = sinter.parameter @up : tensor<2x4xf32>
    %down = sinter.parameter @down : tensor<4x2xf32>
    %bias = sinter.parameter @bias : tensor<4xf32>
    // CHECK: sinter.reduce sum_abs %[[UP]] [0]
    // CHECK: sinter.reduce sum_abs %[[DOWN]] [1]
    // CHECK: %[[MASK:.*]] = sinter.elementwise logical_and(
    // CHECK: %[[UP2:.*]] = sinter.compress %[[UP]] axis 1 mask %[[MASK]] : (tensor<2x4xf32>, tensor<4xi1>) -> tensor<2x2xf32>
    // CHECK: %[[H:.*]] = sinter.matmul %[[X]], %[[UP2]]
    // CHECK: %[[BIAS2:.*]] = sinter.compress %[[BIAS]] axis 0 mask %[[MASK]] : (tensor<4xf32>, tensor<4xi1>) -> tensor<2xf32>
    // CHECK: %[[S:.*]] = sinter.elementwise add(%[[H]], %[[BIAS2]])
    // CHECK: %[[R:.*]] = sinter.elementwise gelu(%[[S]])
    // CHECK: %[[DOWN2:.*]] = sinter.compress %[[DOWN]] axis 0 mask %[[MASK]] : (tensor<4x2xf32>, tensor<4xi1>) -> tensor<2x2xf32>
    // CHECK: %[[Y:.*]] = sinter.matmul %[[R]], %[[DOWN2]]
    // CHECK: return %[[Y]]
    %0 = sinter.matmul %x, %up : (tensor<3x2xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
    %1 = sinter.elementwise add(%0, %bias) : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
    %2 = sinter.elementwise gelu(%1) : (tensor<3x4xf32>) -> tensor<3x4xf32>
    %3 = sinter.matmul %2, %down : (tensor<3x4xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
    return %3 : tensor<3x2xf32>
  }
}

// -----

// A gated product: what is zero in either factor is zero; sigmoid(0) is not, but its factor is.

module attributes {sinter.files = ["weights"]} {
  sinter.weight @gate raw 0 at 0 length 32 : tensor<2x4xf32>
  sinter.weight @up raw 0 at 0 length 32 : tensor<2x4xf32>
  sinter.weight @down raw 0 at 32 length 32 : tensor<4x2xf32>
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<3x2xf32> {sinter.name = "x"}) -> (tensor<3x2xf32> {sinter.name = "y"}) {
    %gate = sinter.parameter @gate : tensor<2x4xf32>
    %up = sinter.parameter @up : tensor<2x4xf32>
    %down = sinter.parameter @down : tensor<4x2xf32>
    // CHECK: sinter.matmul {{.*}} -> tensor<3x2xf32>
    // CHECK: sinter.elementwise sigmoid({{.*}} -> tensor<3x2xf32>
    // CHECK: sinter.matmul {{.*}} -> tensor<3x2xf32>
    // CHECK: sinter.elementwise mul({{.*}} -> tensor<3x2xf32>
    %0 = sinter.matmul %x, %gate : (tensor<3x2xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
    %1 = sinter.elementwise sigmoid(%0) : (tensor<3x4xf32>) -> tensor<3x4xf32>
    %2 = sinter.matmul %x, %up : (tensor<3x2xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
    %3 = sinter.elementwise mul(%1, %2) : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
    %4 = sinter.matmul %3, %down : (tensor<3x4xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
    return %4 : tensor<3x2xf32>
  }
}

// -----

// Two heads of two channels: of the first one only the second channel is zero, so it stays; the rows of @narrow that read the
// second are zero, and it is taken out of query, key and value.

module attributes {sinter.files = ["weights"]} {
  sinter.weight @w raw 0 at 0 length 32 : tensor<2x4xf32>
  sinter.weight @narrow raw 0 at 48 length 16 : tensor<4x1xf32>
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<1x3x2xf32> {sinter.name = "x"}) -> (tensor<1x3x1xf32> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<2x4xf32>
    %narrow = sinter.parameter @narrow : tensor<4x1xf32>
    // CHECK: %[[Q:.*]] = sinter.matmul {{.*}} -> tensor<1x3x2xf32>
    // CHECK: sinter.reshape %[[Q]] : tensor<1x3x2xf32> -> tensor<1x3x1x2xf32>
    // CHECK: %[[A:.*]] = sinter.attention {{.*}} -> tensor<1x3x1x2xf32>
    // CHECK: %[[J:.*]] = sinter.reshape %[[A]] : tensor<1x3x1x2xf32> -> tensor<1x3x2xf32>
    // CHECK: %[[N:.*]] = sinter.compress %{{.*}} axis 0 mask %{{.*}} : (tensor<4x1xf32>, tensor<4xi1>) -> tensor<2x1xf32>
    // CHECK: sinter.matmul %[[J]], %[[N]]
    %0 = sinter.matmul %x, %w : (tensor<1x3x2xf32>, tensor<2x4xf32>) -> tensor<1x3x4xf32>
    %1 = sinter.matmul %x, %w : (tensor<1x3x2xf32>, tensor<2x4xf32>) -> tensor<1x3x4xf32>
    %2 = sinter.matmul %x, %w : (tensor<1x3x2xf32>, tensor<2x4xf32>) -> tensor<1x3x4xf32>
    %q = sinter.reshape %0 : tensor<1x3x4xf32> -> tensor<1x3x2x2xf32>
    %k = sinter.reshape %1 : tensor<1x3x4xf32> -> tensor<1x3x2x2xf32>
    %v = sinter.reshape %2 : tensor<1x3x4xf32> -> tensor<1x3x2x2xf32>
    %a = sinter.attention %q, %k, %v scale 0.5
        : (tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
    %j = sinter.reshape %a : tensor<1x3x2x2xf32> -> tensor<1x3x4xf32>
    %y = sinter.matmul %j, %narrow : (tensor<1x3x4xf32>, tensor<4x1xf32>) -> tensor<1x3x1xf32>
    return %y : tensor<1x3x1xf32>
  }
}
