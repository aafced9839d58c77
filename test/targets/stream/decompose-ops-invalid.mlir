// RUN: sinter-opt %s -split-input-file -sinter-stream-decompose-ops | FileCheck %s

// Tests that a product of which others read all columns stays whole, and so does one whose rows are sliced.

// CHECK-LABEL: func.func @main
// CHECK: %[[P:.*]] = sinter.matmul %{{.*}} : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
// CHECK: sinter.slice %[[P]]
// CHECK: %[[Q:.*]] = sinter.matmul %{{.*}} : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
// CHECK: sinter.slice %[[Q]]
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @w raw 0 at 0 length 96 : tensor<4x6xf32>
  func.func @main(%x: tensor<3x4xf32> {sinter.name = "x"})
      -> (tensor<3x2xf32> {sinter.name = "y"}, tensor<3x6xf32> {sinter.name = "z"}, tensor<2x6xf32> {sinter.name = "v"}) {
    %w = sinter.parameter @w : tensor<4x6xf32>
    %p = sinter.matmul %x, %w : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
    %y = sinter.slice %p starts <"0", "2"> steps <"1", "1"> : tensor<3x6xf32> -> tensor<3x2xf32>
    %q = sinter.matmul %x, %w : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
    %v = sinter.slice %q starts <"1", "0"> steps <"1", "1"> : tensor<3x6xf32> -> tensor<2x6xf32>
    return %y, %p, %v : tensor<3x2xf32>, tensor<3x6xf32>, tensor<2x6xf32>
  }
}

// -----

// Tests that a convolution of groups of several channels stays, and so does a softmax whose logarithm is wanted.

// CHECK-LABEL: func.func @main
// CHECK: sinter.conv
// CHECK: sinter.softmax
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @f raw 0 at 0 length 192 : tensor<6x2x4xf32>
  func.func @main(%x: tensor<2x4x8xf32> {sinter.name = "x"}) -> (tensor<2x6x5xf32> {sinter.name = "y"}) {
    %f = sinter.parameter @f : tensor<6x2x4xf32>
    %c = sinter.conv %x, %f strides [1] dilations [1] low [0] high [0] groups 2
        : (tensor<2x4x8xf32>, tensor<6x2x4xf32>) -> tensor<2x6x5xf32>
    %y = sinter.softmax %c axis 1 {log} : tensor<2x6x5xf32>
    return %y : tensor<2x6x5xf32>
  }
}
