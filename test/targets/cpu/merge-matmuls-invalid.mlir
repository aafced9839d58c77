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

// -----

// Tests that sparse weights stay apart that end within a block: the blocks behind them would be others.

// CHECK-LABEL: func.func @main
// CHECK-NOT: sinter.concat
// CHECK-COUNT-3: sinter.matmul
// CHECK-NOT: sinter.slice
#sparse = #sinter.sparse<block[16, 16]>
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @w raw 0 at 0 length 4608 : tensor<48x24xf32>
  func.func @main(%x: tensor<7x48xf32> {sinter.name = "x"}) -> (tensor<1x7x2x12xf32> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<48x24xf32>
    %e = sinter.encode %w stored 3 : tensor<48x24xf32> -> tensor<48x24xf32, #sparse>
    %q = sinter.matmul %x, %e : (tensor<7x48xf32>, tensor<48x24xf32, #sparse>) -> tensor<7x24xf32>
    %k = sinter.matmul %x, %e : (tensor<7x48xf32>, tensor<48x24xf32, #sparse>) -> tensor<7x24xf32>
    %v = sinter.matmul %x, %e : (tensor<7x48xf32>, tensor<48x24xf32, #sparse>) -> tensor<7x24xf32>
    %q4 = sinter.reshape %q : tensor<7x24xf32> -> tensor<1x7x2x12xf32>
    %k4 = sinter.reshape %k : tensor<7x24xf32> -> tensor<1x7x2x12xf32>
    %v4 = sinter.reshape %v : tensor<7x24xf32> -> tensor<1x7x2x12xf32>
    %0 = sinter.attention %q4, %k4, %v4 scale 0.5
        : (tensor<1x7x2x12xf32>, tensor<1x7x2x12xf32>, tensor<1x7x2x12xf32>) -> tensor<1x7x2x12xf32>
    return %0 : tensor<1x7x2x12xf32>
  }
}
