// RUN: sinter-opt %s -verify-each -sinter-quantize=scheme=w8a8 -sinter-cpu-legalize -cse -sinter-cpu-merge-matmuls -sinter-cpu-fuse-kernels | FileCheck %s
// RUN: sinter-opt %s -verify-each -sinter-quantize=scheme=w4a8g4z -sinter-cpu-legalize -cse -sinter-cpu-merge-matmuls -sinter-cpu-fuse-kernels -sinter-cpu-lower-kernels | FileCheck %s --check-prefix=LOWERED

// Tests that a norm's kernel writes the codes of its rows, too, that products of codes take what is elementwise behind them,
// and that codes of groups are packed with their zero points, scales by groups.

// CHECK-LABEL: func.func @main
// CHECK: %[[N:.*]]:3 = sinter.kernel "norm"
// CHECK: sinter.yield %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32{{.*}}>, tensor<?x8x!sinter.quantized<ui8:f32, blocks [1, 0], zero_points>{{.*}}>, tensor<?x1xf32
// CHECK: %[[P:.*]] = sinter.kernel "quantized_matmul"(%[[N]]#1, %[[N]]#2,
// CHECK: sinter.elementwise relu
// CHECK: %[[Q:.*]]:2 = sinter.kernel "quantize"(%[[P]])
// CHECK: sinter.kernel "quantized_matmul"(%[[Q]]#0, %[[Q]]#1,

// LOWERED: cpu.section @{{.*}} quantized_panels bytes {{[0-9]+}} {
// LOWERED: sinter.yield %{{.*}}, %{{.*}} : tensor<8x16x!sinter.quantized<ui4:f32, blocks [4, 1], zero_points>>, tensor<2x16xui4>
// LOWERED: cpu.section @{{.*}} quantized_scales bytes 128 {
module attributes {sinter.files = ["m.onnx"]} {
  sinter.symbol @n axis "x" 0 {low = 1 : i64, high = 512 : i64}
  sinter.weight @w raw 0 at 0 length 512 : tensor<8x16xf32>
  sinter.weight @u raw 0 at 512 length 512 : tensor<16x8xf32>
  sinter.weight @v raw 0 at 1024 length 32 : tensor<8xf32>
  func.func @main(%x: tensor<?x8xf32, #sinter.dims<"n", "8">> {sinter.name = "x"})
      -> (tensor<?x8xf32, #sinter.dims<"n", "8">> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<8x16xf32>
    %u = sinter.parameter @u : tensor<16x8xf32>
    %v = sinter.parameter @v : tensor<8xf32>
    %0 = sinter.layer_norm %x scale %v bias %v axis 1 epsilon 1.0e-5
        : (tensor<?x8xf32, #sinter.dims<"n", "8">>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32, #sinter.dims<"n", "8">>
    %1 = sinter.matmul %0, %w : (tensor<?x8xf32, #sinter.dims<"n", "8">>, tensor<8x16xf32>) -> tensor<?x16xf32, #sinter.dims<"n", "16">>
    %2 = sinter.elementwise relu(%1) : (tensor<?x16xf32, #sinter.dims<"n", "16">>) -> tensor<?x16xf32, #sinter.dims<"n", "16">>
    %3 = sinter.matmul %2, %u : (tensor<?x16xf32, #sinter.dims<"n", "16">>, tensor<16x8xf32>) -> tensor<?x8xf32, #sinter.dims<"n", "8">>
    %4 = sinter.elementwise add(%3, %0)
        : (tensor<?x8xf32, #sinter.dims<"n", "8">>, tensor<?x8xf32, #sinter.dims<"n", "8">>) -> tensor<?x8xf32, #sinter.dims<"n", "8">>
    return %4 : tensor<?x8xf32, #sinter.dims<"n", "8">>
  }
}
