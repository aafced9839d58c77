// RUN: rm -rf %t && mkdir %t
// RUN: printf AAAA > %t/weights && head -c 4156 /dev/zero >> %t/weights
// RUN: printf AAAA >> %t/weights && head -c 8316 /dev/zero >> %t/weights
// RUN: printf AAAA >> %t/weights && head -c 3900 /dev/zero >> %t/weights
// RUN: sinter-opt %s -sinter-cpu-choose-sparsity="folder=%t variants=x86-64-v4,x86-64-v3" | FileCheck %s
// RUN: sinter-opt %s -sinter-cpu-choose-sparsity="folder=%t variants=x86-64-v4,x86-64-v3" -sinter-cpu-fuse-kernels -sinter-cpu-lower-kernels | FileCheck %s --check-prefix=LOWERED
// RUN: sinter-opt %s -sinter-cpu-choose-sparsity="variants=x86-64-v3" | FileCheck %s --check-prefix=UNREAD

// Tests that a weight of which 3 of 16 blocks are not zero is encoded, once for all its readers and for products of codes,
// and lies as blocks: starts of four strips, three block rows, three blocks behind 64 bytes (SparseMatmul.h); for codes 4 x 16
// sums of columns are between. Where nothing may be read nothing changes.

// CHECK-NOT: sinter.refused
// UNREAD-NOT: sinter.encode
// LOWERED-DAG: cpu.section @{{.*}} blocks bytes 3136 {
// LOWERED-DAG: cpu.section @{{.*}} blocks bytes 1088 {
// LOWERED-DAG: cpu.code @sparse_matmul_0 "sparse_matmul"
// LOWERED-DAG: cpu.code @sparse_matmul_1 "sparse_matmul"
module attributes {sinter.files = ["weights"]} {
  sinter.weight @w raw 0 at 0 length 16384 : tensor<64x64xf32>
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<7x64xf32> {sinter.name = "x"},
                  %a: tensor<7x64xui8> {sinter.name = "a"}, %s: tensor<7x1xf32> {sinter.name = "s"})
      -> (tensor<7x64xf32> {sinter.name = "y"}, tensor<7x64xf32> {sinter.name = "z"}, tensor<7x64xf32> {sinter.name = "q"}) {
    // CHECK: %[[W:.*]] = sinter.parameter @w
    %w = sinter.parameter @w : tensor<64x64xf32>
    // CHECK: %[[E:.*]] = sinter.encode %[[W]] stored 3 : tensor<64x64xf32> -> tensor<64x64xf32, #sinter.sparse<block[16, 16]>>
    // CHECK: %[[Q:.*]] = sinter.quantize %[[W]]
    // CHECK: %[[F:.*]] = sinter.encode %[[Q]] stored 3
    // CHECK: %[[Y:.*]] = sinter.matmul %{{.*}}, %[[E]]
    // CHECK: sinter.matmul %[[Y]], %[[E]]
    // CHECK: sinter.quantized_matmul %{{.*}}, %[[F]]
    %t = sinter.choose_scale %w for !sinter.quantized<i8:f32, blocks [0, 1]> : tensor<64x64xf32> -> tensor<1x64xf32>
    %q = sinter.quantize %w scale %t
        : (tensor<64x64xf32>, tensor<1x64xf32>) -> tensor<64x64x!sinter.quantized<i8:f32, blocks [0, 1]>>
    %y = sinter.matmul %x, %w : (tensor<7x64xf32>, tensor<64x64xf32>) -> tensor<7x64xf32>
    %z = sinter.matmul %y, %w : (tensor<7x64xf32>, tensor<64x64xf32>) -> tensor<7x64xf32>
    %zero = sinter.constant dense<128> : tensor<ui8>
    %c = sinter.storage_cast %a : tensor<7x64xui8> -> tensor<7x64x!sinter.quantized<ui8:f32, blocks [1, 0], zero_points>>
    %p = sinter.quantized_matmul %c scale %s zero_point %zero, %q scale %t
        : (tensor<7x64x!sinter.quantized<ui8:f32, blocks [1, 0], zero_points>>, tensor<7x1xf32>, tensor<ui8>,
           tensor<64x64x!sinter.quantized<i8:f32, blocks [0, 1]>>, tensor<1x64xf32>) -> tensor<7x64xf32>
    return %y, %z, %p : tensor<7x64xf32>, tensor<7x64xf32>, tensor<7x64xf32>
  }
}
