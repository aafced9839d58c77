// RUN: sinter-opt %s -split-input-file -verify-each -sinter-cpu-merge-matmuls | FileCheck %s

// Tests that products which something else than attention reads stay apart.

// CHECK-LABEL: func.func @main
// CHECK-NOT: sinter.concat
// CHECK-COUNT-2: sinter.matmul
// CHECK-NOT: sinter.slice
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @wq raw 0 at 0 length 256 : tensor<8x8xf32>
  sinter.weight @wk raw 0 at 256 length 256 : tensor<8x8xf32>
  func.func @main(%x: tensor<7x8xf32> {sinter.name = "x"}) -> (tensor<7x8xf32> {sinter.name = "y"}) {
    %wq = sinter.parameter @wq : tensor<8x8xf32>
    %wk = sinter.parameter @wk : tensor<8x8xf32>
    %q = sinter.matmul %x, %wq : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
    %k = sinter.matmul %x, %wk : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
    %0 = sinter.elementwise mul(%q, %k) : (tensor<7x8xf32>, tensor<7x8xf32>) -> tensor<7x8xf32>
    return %0 : tensor<7x8xf32>
  }
}
