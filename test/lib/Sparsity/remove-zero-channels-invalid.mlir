// RUN: rm -rf %t && mkdir %t
// RUN: printf 'AAAA\0\0\0\0AAAAAAAAAAAA\0\0\0\0AAAAAAAA' > %t/weights
// RUN: printf 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' >> %t/weights
// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-remove-zero-channels=folder=%t | FileCheck %s

// Tests that a channel stays that is zero only before a function that makes something of 0, and channels that something else
// reads, that nothing is left of their masks, and that a weight that is not there is an error.

// CHECK-NOT: sinter.{{compress|reduce}}

module attributes {sinter.files = ["weights"]} {
  sinter.weight @up raw 0 at 0 length 32 : tensor<2x4xf32>
  sinter.weight @down raw 0 at 32 length 32 : tensor<4x2xf32>
  func.func @main(%x: tensor<3x2xf32> {sinter.name = "x"}) -> (tensor<3x2xf32> {sinter.name = "y"}) {
    %up = sinter.parameter @up : tensor<2x4xf32>
    %down = sinter.parameter @down : tensor<4x2xf32>
    %0 = sinter.matmul %x, %up : (tensor<3x2xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
    %1 = sinter.elementwise sigmoid(%0) : (tensor<3x4xf32>) -> tensor<3x4xf32>
    %2 = sinter.matmul %1, %down : (tensor<3x4xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
    return %2 : tensor<3x2xf32>
  }
}

// -----

module attributes {sinter.files = ["weights"]} {
  sinter.weight @up raw 0 at 0 length 32 : tensor<2x4xf32>
  sinter.weight @down raw 0 at 32 length 32 : tensor<4x2xf32>
  func.func @main(%x: tensor<3x2xf32> {sinter.name = "x"})
      -> (tensor<3x2xf32> {sinter.name = "y"}, tensor<3x4xf32> {sinter.name = "h"}) {
    %up = sinter.parameter @up : tensor<2x4xf32>
    %down = sinter.parameter @down : tensor<4x2xf32>
    %0 = sinter.matmul %x, %up : (tensor<3x2xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
    %1 = sinter.elementwise relu(%0) : (tensor<3x4xf32>) -> tensor<3x4xf32>
    %2 = sinter.matmul %1, %down : (tensor<3x4xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
    return %2, %1 : tensor<3x2xf32>, tensor<3x4xf32>
  }
}

// -----

// expected-error @+1 {{unusable: weight 'w' has 64 bytes at 1048576 of file}}
module attributes {sinter.files = ["weights"]} {
  sinter.weight @up raw 0 at 0 length 32 : tensor<2x4xf32>
  sinter.weight @w raw 0 at 1048576 length 64 : tensor<4x4xf32>
  func.func @main(%x: tensor<3x2xf32> {sinter.name = "x"}) -> (tensor<3x4xf32> {sinter.name = "y"}) {
    %up = sinter.parameter @up : tensor<2x4xf32>
    %w = sinter.parameter @w : tensor<4x4xf32>
    %0 = sinter.matmul %x, %up : (tensor<3x2xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
    %1 = sinter.matmul %0, %w : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
    return %1 : tensor<3x4xf32>
  }
}

// -----

// expected-error @+1 {{unusable: weight 'w' is an array of a calibration, and none was given}}
module attributes {sinter.files = ["weights", "sinter:calibration.npz"]} {
  sinter.weight @w raw 1 at 0 length 32 : tensor<2x4xf32>
  func.func @main(%x: tensor<3x2xf32> {sinter.name = "x"}) -> (tensor<3x4xf32> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<2x4xf32>
    %0 = sinter.matmul %x, %w : (tensor<3x2xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
    return %0 : tensor<3x4xf32>
  }
}
