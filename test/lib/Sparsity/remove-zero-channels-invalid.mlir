// RUN: rm -rf %t && mkdir %t
// RUN: printf 'AAAA\0\0\0\0AAAAAAAAAAAA\0\0\0\0AAAAAAAA' > %t/weights
// RUN: printf 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' >> %t/weights
// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-remove-zero-channels=folder=%t | FileCheck %s

// Tests that a channel stays that is zero only before a function that makes something of 0, and channels that something else
// reads.

// CHECK-NOT: sinter.compress

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
