// RUN: sinter-opt %s -split-input-file -verify-each -sinter-stream-decompose-ops | FileCheck %s

// Tests that columns of a product by weights, of a fused projection with its bias, are products by columns of the weights.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<3x4xf32>
// CHECK-DAG: %[[W:.*]] = sinter.parameter @w
// CHECK-DAG: %[[B:.*]] = sinter.parameter @b
// CHECK: %[[W1:.*]] = sinter.slice %[[W]] starts <"0", "2"> steps <"1", "1"> : tensor<4x6xf32> -> tensor<4x2xf32>
// CHECK: %[[P1:.*]] = sinter.matmul %[[X]], %[[W1]] : (tensor<3x4xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
// CHECK: %[[B1:.*]] = sinter.slice %[[B]] starts <"2"> steps <"1"> : tensor<6xf32> -> tensor<2xf32>
// CHECK: sinter.elementwise add(%[[P1]], %[[B1]])
// CHECK-NOT: tensor<3x6xf32>
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @w raw 0 at 0 length 96 : tensor<4x6xf32>
  sinter.weight @b raw 0 at 96 length 24 : tensor<6xf32>
  func.func @main(%x: tensor<3x4xf32> {sinter.name = "x"})
      -> (tensor<3x2xf32> {sinter.name = "y"}, tensor<3x4xf32> {sinter.name = "z"}) {
    %w = sinter.parameter @w : tensor<4x6xf32>
    %b = sinter.parameter @b : tensor<6xf32>
    %p = sinter.matmul %x, %w : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
    %a = sinter.elementwise add(%p, %b) : (tensor<3x6xf32>, tensor<6xf32>) -> tensor<3x6xf32>
    %y = sinter.slice %a starts <"0", "2"> steps <"1", "1"> : tensor<3x6xf32> -> tensor<3x2xf32>
    %z = sinter.slice %a starts <"0", "0"> steps <"1", "1"> : tensor<3x6xf32> -> tensor<3x4xf32>
    return %y, %z : tensor<3x2xf32>, tensor<3x4xf32>
  }
}

// -----

// Tests the same where the columns were cut into heads and kinds first, and where they were transposed.

// CHECK-LABEL: func.func @main
// CHECK: %[[CUT:.*]] = sinter.reshape %{{.*}} : tensor<4x12xf32> -> tensor<4x2x3x2xf32>
// CHECK: %[[W:.*]] = sinter.slice %[[CUT]] starts <"0", "0", "1", "0"> steps <"1", "1", "1", "1"> : tensor<4x2x3x2xf32> -> tensor<4x2x1x2xf32>
// CHECK: %[[FLAT:.*]] = sinter.reshape %[[W]] : tensor<4x2x1x2xf32> -> tensor<4x4xf32>
// CHECK: sinter.matmul %{{.*}}, %[[FLAT]] : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
// CHECK: %[[T:.*]] = sinter.matmul %{{.*}} : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>
// CHECK: sinter.transpose %[[T]] [1, 0] : tensor<3x5xf32> -> tensor<5x3xf32>
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @w raw 0 at 0 length 192 : tensor<4x12xf32>
  func.func @main(%x: tensor<3x4xf32> {sinter.name = "x"})
      -> (tensor<3x2x1x2xf32> {sinter.name = "y"}, tensor<5x3xf32> {sinter.name = "z"}) {
    %w = sinter.parameter @w : tensor<4x12xf32>
    %p = sinter.matmul %x, %w : (tensor<3x4xf32>, tensor<4x12xf32>) -> tensor<3x12xf32>
    %r = sinter.reshape %p : tensor<3x12xf32> -> tensor<3x2x3x2xf32>
    %y = sinter.slice %r starts <"0", "0", "1", "0"> steps <"1", "1", "1", "1"> : tensor<3x2x3x2xf32> -> tensor<3x2x1x2xf32>
    %q = sinter.matmul %x, %w : (tensor<3x4xf32>, tensor<4x12xf32>) -> tensor<3x12xf32>
    %t = sinter.transpose %q [1, 0] : tensor<3x12xf32> -> tensor<12x3xf32>
    %z = sinter.slice %t starts <"7", "0"> steps <"1", "1"> : tensor<12x3xf32> -> tensor<5x3xf32>
    return %y, %z : tensor<3x2x1x2xf32>, tensor<5x3xf32>
  }
}

// -----

// Tests that a patch embedding is a product of windows, whatever no window reaches being left out.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x9x8xf32>
// CHECK: %[[KEPT:.*]] = sinter.slice %[[X]] starts <"0", "0", "0", "0"> steps <"1", "1", "1", "1"> : tensor<2x3x9x8xf32> -> tensor<2x3x8x8xf32>
// CHECK: %[[SPLIT:.*]] = sinter.reshape %[[KEPT]] : tensor<2x3x8x8xf32> -> tensor<2x3x2x4x2x4xf32>
// CHECK: %[[TURNED:.*]] = sinter.transpose %[[SPLIT]] [0, 2, 4, 1, 3, 5]
// CHECK: %[[ROWS:.*]] = sinter.reshape %[[TURNED]] : tensor<2x2x2x3x4x4xf32> -> tensor<2x4x48xf32>
// CHECK: %[[P:.*]] = sinter.matmul %[[ROWS]], %{{.*}} : (tensor<2x4x48xf32>, tensor<48x5xf32>) -> tensor<2x4x5xf32>
// CHECK: %[[B:.*]] = sinter.elementwise add(%[[P]], %{{.*}}) : (tensor<2x4x5xf32>, tensor<5xf32>)
// CHECK: %[[T:.*]] = sinter.transpose %[[B]] [0, 2, 1]
// CHECK: sinter.reshape %[[T]] : tensor<2x5x4xf32> -> tensor<2x5x2x2xf32>
// CHECK-NOT: sinter.conv
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @f raw 0 at 0 length 960 : tensor<5x3x4x4xf32>
  sinter.weight @b raw 0 at 960 length 20 : tensor<5xf32>
  func.func @main(%x: tensor<2x3x9x8xf32> {sinter.name = "x"}) -> (tensor<2x5x2x2xf32> {sinter.name = "y"}) {
    %f = sinter.parameter @f : tensor<5x3x4x4xf32>
    %b = sinter.parameter @b : tensor<5xf32>
    %y = sinter.conv %x, %f bias %b strides [4, 4] dilations [1, 1] low [0, 0] high [0, 0] groups 1
        : (tensor<2x3x9x8xf32>, tensor<5x3x4x4xf32>, tensor<5xf32>) -> tensor<2x5x2x2xf32>
    return %y : tensor<2x5x2x2xf32>
  }
}

// -----

// Tests that a causal convolution of each channel is a sum over its window, and that softplus has steps.

// CHECK-LABEL: func.func @main
// CHECK: %[[P:.*]] = sinter.pad constant %{{.*}} low <"0", "0", "1"> high <"0", "0", "0"> : (tensor<2x4x6xf32>) -> tensor<2x4x7xf32>
// CHECK: %[[S0:.*]] = sinter.slice %[[P]] starts <"0", "0", "0"> steps <"1", "1", "1"> : tensor<2x4x7xf32> -> tensor<2x4x6xf32>
// CHECK: %[[M0:.*]] = sinter.elementwise mul(%[[S0]], %{{.*}}) : (tensor<2x4x6xf32>, tensor<4x1xf32>)
// CHECK: %[[S1:.*]] = sinter.slice %[[P]] starts <"0", "0", "1">
// CHECK: %[[M1:.*]] = sinter.elementwise mul(%[[S1]], %{{.*}}) : (tensor<2x4x6xf32>, tensor<4x1xf32>)
// CHECK: %[[A:.*]] = sinter.elementwise add(%[[M0]], %[[M1]])
// CHECK: %[[C:.*]] = sinter.elementwise add(%[[A]], %{{.*}}) : (tensor<2x4x6xf32>, tensor<4x1xf32>)
// CHECK-NOT: softplus
// CHECK: sinter.elementwise exp
// CHECK: %[[Z:.*]] = sinter.elementwise relu(%[[C]])
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @f raw 0 at 0 length 32 : tensor<4x1x2xf32>
  sinter.weight @b raw 0 at 32 length 16 : tensor<4xf32>
  func.func @main(%x: tensor<2x4x6xf32> {sinter.name = "x"}) -> (tensor<2x4x6xf32> {sinter.name = "y"}) {
    %f = sinter.parameter @f : tensor<4x1x2xf32>
    %b = sinter.parameter @b : tensor<4xf32>
    %c = sinter.conv %x, %f bias %b strides [1] dilations [1] low [1] high [0] groups 4
        : (tensor<2x4x6xf32>, tensor<4x1x2xf32>, tensor<4xf32>) -> tensor<2x4x6xf32>
    %y = sinter.elementwise softplus(%c) : (tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
    return %y : tensor<2x4x6xf32>
  }
}

// -----

// Tests that weights go to the right of a product.

// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[W:.*]] = sinter.transpose %{{.*}} [1, 0] : tensor<5x4xf32> -> tensor<4x5xf32>
// CHECK-DAG: %[[X:.*]] = sinter.transpose %{{.*}} [0, 2, 1] : tensor<2x4x3xf32> -> tensor<2x3x4xf32>
// CHECK: %[[P:.*]] = sinter.matmul %[[X]], %[[W]] : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
// CHECK: sinter.transpose %[[P]] [0, 2, 1] : tensor<2x3x5xf32> -> tensor<2x5x3xf32>
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @w raw 0 at 0 length 80 : tensor<5x4xf32>
  func.func @main(%x: tensor<2x4x3xf32> {sinter.name = "x"}) -> (tensor<2x5x3xf32> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<5x4xf32>
    %y = sinter.matmul %w, %x : (tensor<5x4xf32>, tensor<2x4x3xf32>) -> tensor<2x5x3xf32>
    return %y : tensor<2x5x3xf32>
  }
}

// -----

// Tests that a convolution whose windows overlap is a product for each of their elements, and a softmax reductions and functions.

// CHECK-LABEL: func.func @main
// CHECK: %[[P:.*]] = sinter.pad constant %{{.*}} low <"0", "0", "1"> high <"0", "0", "1"> : (tensor<2x4x6xf32>) -> tensor<2x4x8xf32>
// CHECK: %[[S0:.*]] = sinter.slice %[[P]] starts <"0", "0", "0"> steps <"1", "1", "2"> : tensor<2x4x8xf32> -> tensor<2x4x3xf32>
// CHECK: %[[T0:.*]] = sinter.transpose %[[S0]] [0, 2, 1] : tensor<2x4x3xf32> -> tensor<2x3x4xf32>
// CHECK: %[[M0:.*]] = sinter.matmul %[[T0]], %{{.*}} : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
// CHECK: sinter.slice %[[P]] starts <"0", "0", "1"> steps <"1", "1", "2">
// CHECK: %[[M1:.*]] = sinter.matmul
// CHECK: %[[A:.*]] = sinter.elementwise add(%[[M0]], %[[M1]])
// CHECK: %[[M2:.*]] = sinter.matmul
// CHECK: %[[B:.*]] = sinter.elementwise add(%[[A]], %[[M2]])
// CHECK: %[[Y:.*]] = sinter.transpose %[[B]] [0, 2, 1] : tensor<2x3x5xf32> -> tensor<2x5x3xf32>
// CHECK: %[[MAX:.*]] = sinter.reduce max %[[Y]] [1] {keep_dims}
// CHECK: %[[D:.*]] = sinter.elementwise sub(%[[Y]], %[[MAX]])
// CHECK: %[[E:.*]] = sinter.elementwise exp(%[[D]])
// CHECK: %[[SUM:.*]] = sinter.reduce sum %[[E]] [1] {keep_dims}
// CHECK: %[[R:.*]] = sinter.elementwise reciprocal(%[[SUM]])
// CHECK: sinter.elementwise mul(%[[E]], %[[R]])
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @f raw 0 at 0 length 240 : tensor<5x4x3xf32>
  func.func @main(%x: tensor<2x4x6xf32> {sinter.name = "x"}) -> (tensor<2x5x3xf32> {sinter.name = "y"}) {
    %f = sinter.parameter @f : tensor<5x4x3xf32>
    %c = sinter.conv %x, %f strides [2] dilations [1] low [1] high [1] groups 1
        : (tensor<2x4x6xf32>, tensor<5x4x3xf32>) -> tensor<2x5x3xf32>
    %y = sinter.softmax %c axis 1 : tensor<2x5x3xf32>
    return %y : tensor<2x5x3xf32>
  }
}
