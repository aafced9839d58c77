// RUN: sinter-opt %s -split-input-file -verify-each -sinter-cpu-merge-matmuls | FileCheck %s

// Tests that the products for query, key and value become one product with the weights side by side, and three slices of it.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<7x8xf32>
// CHECK-DAG: %[[WQ:.*]] = sinter.parameter @wq
// CHECK-DAG: %[[WK:.*]] = sinter.parameter @wk
// CHECK-DAG: %[[WV:.*]] = sinter.parameter @wv
// CHECK: %[[W:.*]] = sinter.concat 1(%[[WQ]], %[[WK]], %[[WV]]) {{.*}} -> tensor<8x24xf32>
// CHECK: %[[M:.*]] = sinter.matmul %[[X]], %[[W]] {{.*}} -> tensor<7x24xf32>
// CHECK-NOT: sinter.matmul
// CHECK-DAG: sinter.slice %[[M]] starts <"0", "0"> steps <"1", "1"> : tensor<7x24xf32> -> tensor<7x8xf32>
// CHECK-DAG: sinter.slice %[[M]] starts <"0", "8"> steps <"1", "1"> : tensor<7x24xf32> -> tensor<7x8xf32>
// CHECK-DAG: sinter.slice %[[M]] starts <"0", "16"> steps <"1", "1"> : tensor<7x24xf32> -> tensor<7x8xf32>
// CHECK: sinter.attention
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @wq raw 0 at 0 length 256 : tensor<8x8xf32>
  sinter.weight @wk raw 0 at 256 length 256 : tensor<8x8xf32>
  sinter.weight @wv raw 0 at 512 length 256 : tensor<8x8xf32>
  func.func @main(%x: tensor<7x8xf32> {sinter.name = "x"}) -> (tensor<1x7x2x4xf32> {sinter.name = "y"}) {
    %wq = sinter.parameter @wq : tensor<8x8xf32>
    %wk = sinter.parameter @wk : tensor<8x8xf32>
    %wv = sinter.parameter @wv : tensor<8x8xf32>
    %q = sinter.matmul %x, %wq : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
    %k = sinter.matmul %x, %wk : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
    %v = sinter.matmul %x, %wv : (tensor<7x8xf32>, tensor<8x8xf32>) -> tensor<7x8xf32>
    %q4 = sinter.reshape %q : tensor<7x8xf32> -> tensor<1x7x2x4xf32>
    %k4 = sinter.reshape %k : tensor<7x8xf32> -> tensor<1x7x2x4xf32>
    %v4 = sinter.reshape %v : tensor<7x8xf32> -> tensor<1x7x2x4xf32>
    %0 = sinter.attention %q4, %k4, %v4 scale 0.5
        : (tensor<1x7x2x4xf32>, tensor<1x7x2x4xf32>, tensor<1x7x2x4xf32>) -> tensor<1x7x2x4xf32>
    return %0 : tensor<1x7x2x4xf32>
  }
}

// -----

// Tests that sparse weights are merged with sparse ones, of whose blocks as many are stored as of each, and with no dense ones.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<7x48xf32>
// CHECK-DAG: %[[WQ:.*]] = sinter.parameter @wq
// CHECK-DAG: %[[WK:.*]] = sinter.parameter @wk
// CHECK-DAG: %[[WV:.*]] = sinter.parameter @wv
// CHECK: sinter.matmul %[[X]], %[[WK]] {{.*}} -> tensor<7x32xf32>
// CHECK: %[[W:.*]] = sinter.concat 1(%[[WQ]], %[[WV]]) {{.*}} -> tensor<48x64xf32>
// CHECK: %[[E:.*]] = sinter.encode %[[W]] stored 5 : tensor<48x64xf32> -> tensor<48x64xf32, #sinter.sparse<block[16, 16]>>
// CHECK: %[[M:.*]] = sinter.matmul %[[X]], %[[E]] {{.*}} -> tensor<7x64xf32>
// CHECK-DAG: sinter.slice %[[M]] starts <"0", "0"> steps <"1", "1"> : tensor<7x64xf32> -> tensor<7x32xf32>
// CHECK-DAG: sinter.slice %[[M]] starts <"0", "32"> steps <"1", "1"> : tensor<7x64xf32> -> tensor<7x32xf32>
// CHECK: sinter.attention
#sparse = #sinter.sparse<block[16, 16]>
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @wq raw 0 at 0 length 6144 : tensor<48x32xf32>
  sinter.weight @wk raw 0 at 6144 length 6144 : tensor<48x32xf32>
  sinter.weight @wv raw 0 at 12288 length 6144 : tensor<48x32xf32>
  func.func @main(%x: tensor<7x48xf32> {sinter.name = "x"}) -> (tensor<1x7x2x16xf32> {sinter.name = "y"}) {
    %wq = sinter.parameter @wq : tensor<48x32xf32>
    %wk = sinter.parameter @wk : tensor<48x32xf32>
    %wv = sinter.parameter @wv : tensor<48x32xf32>
    %eq = sinter.encode %wq stored 3 : tensor<48x32xf32> -> tensor<48x32xf32, #sparse>
    %ev = sinter.encode %wv stored 2 : tensor<48x32xf32> -> tensor<48x32xf32, #sparse>
    %q = sinter.matmul %x, %eq : (tensor<7x48xf32>, tensor<48x32xf32, #sparse>) -> tensor<7x32xf32>
    %k = sinter.matmul %x, %wk : (tensor<7x48xf32>, tensor<48x32xf32>) -> tensor<7x32xf32>
    %v = sinter.matmul %x, %ev : (tensor<7x48xf32>, tensor<48x32xf32, #sparse>) -> tensor<7x32xf32>
    %q4 = sinter.reshape %q : tensor<7x32xf32> -> tensor<1x7x2x16xf32>
    %k4 = sinter.reshape %k : tensor<7x32xf32> -> tensor<1x7x2x16xf32>
    %v4 = sinter.reshape %v : tensor<7x32xf32> -> tensor<1x7x2x16xf32>
    %0 = sinter.attention %q4, %k4, %v4 scale 0.5
        : (tensor<1x7x2x16xf32>, tensor<1x7x2x16xf32>, tensor<1x7x2x16xf32>) -> tensor<1x7x2x16xf32>
    return %0 : tensor<1x7x2x16xf32>
  }
}
