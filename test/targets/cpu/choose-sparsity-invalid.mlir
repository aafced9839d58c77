// RUN: rm -rf %t && mkdir %t
// RUN: head -c 15360 /dev/zero | tr '\0' A > %t/weights && head -c 1024 /dev/zero >> %t/weights
// RUN: printf 'AAAAAAAA\0\0\0\0\0\0\0\0AAAA\0\0\0\0AAAA\0\0\0\0' >> %t/weights
// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-cpu-choose-sparsity="folder=%t variants=x86-64-v4,x86-64-v3" | FileCheck %s

// Tests that a weight with one block of zeros among 16 stays dense, which is said with both figures, and that two of four is
// said to have no kernel. A weight that is not there is an error.

// CHECK: sinter.refused = [
// CHECK-SAME: ["block sparsity of 'rows'", "15 of 16 blocks of 16x16 are not zero: on x86-64-v
// CHECK-SAME: ms are predicted for the sparse product and {{[0-9.]+}} ms for the dense one"]
// CHECK-SAME: ["2:4 sparsity of 'groups'", "target cpu has kernels for blocks of 16x16 only"]]
// CHECK-NOT: sinter.encode
module attributes {sinter.files = ["weights"]} {
  sinter.weight @rows raw 0 at 0 length 16384 : tensor<256x16xf32>
  sinter.weight @groups raw 0 at 16384 length 32 : tensor<8x1xf32>
  func.func @main(%x: tensor<7x256xf32> {sinter.name = "x"}, %z: tensor<7x8xf32> {sinter.name = "z"})
      -> (tensor<7x16xf32> {sinter.name = "a"}, tensor<7x1xf32> {sinter.name = "b"}) {
    %rows = sinter.parameter @rows : tensor<256x16xf32>
    %groups = sinter.parameter @groups : tensor<8x1xf32>
    %0 = sinter.matmul %x, %rows : (tensor<7x256xf32>, tensor<256x16xf32>) -> tensor<7x16xf32> loc("rows")
    %1 = sinter.matmul %z, %groups : (tensor<7x8xf32>, tensor<8x1xf32>) -> tensor<7x1xf32> loc("groups")
    return %0, %1 : tensor<7x16xf32>, tensor<7x1xf32>
  }
}

// -----

// expected-error @+1 {{unusable: weight 'w' has 64 bytes at 1048576 of file}}
module attributes {sinter.files = ["weights"]} {
  sinter.weight @w raw 0 at 1048576 length 64 : tensor<4x4xf32>
  func.func @main(%x: tensor<3x4xf32> {sinter.name = "x"}) -> (tensor<3x4xf32> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<4x4xf32>
    %0 = sinter.matmul %x, %w : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
    return %0 : tensor<3x4xf32>
  }
}
