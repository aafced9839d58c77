// RUN: sinter-opt %s -verify-each -sinter-cpu-fuse-kernels -sinter-cpu-lower-kernels -sinter-cpu-place-buffers | FileCheck %s

// Tests that an intermediate result lies at the arena's beginning, that the arena holds it for every length in whole lines of 64
// bytes, and that the program's result lies in output 0.

// CHECK: module attributes {cpu.arena = #sinter.dims<"64 * ceildiv(32 * seq, 64)">
// CHECK-LABEL: func.func @main
// CHECK: %[[P:.*]] = cpu.launch {{.*}} {offsets = #sinter.dims<"0">}
// CHECK: cpu.launch {{.*}}(%[[P]]) {{.*}} {offsets = #sinter.dims<"-1">}
module attributes {sinter.files = ["m.onnx"]} {
  sinter.symbol @seq axis "x" 0 {low = 1 : i64, high = 512 : i64}
  sinter.weight @w raw 0 at 0 length 256 : tensor<8x8xf32>
  func.func @main(%x: tensor<?x8xf32, #sinter.dims<"seq", "8">> {sinter.name = "x"})
      -> (tensor<?x8xf32, #sinter.dims<"seq", "8">> {sinter.name = "y"}) {
    %w = sinter.parameter @w : tensor<8x8xf32>
    %0 = sinter.matmul %x, %w
        : (tensor<?x8xf32, #sinter.dims<"seq", "8">>, tensor<8x8xf32>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    %1 = sinter.elementwise relu(%0)
        : (tensor<?x8xf32, #sinter.dims<"seq", "8">>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    %2 = sinter.softmax %1 axis 1 : tensor<?x8xf32, #sinter.dims<"seq", "8">>
    return %2 : tensor<?x8xf32, #sinter.dims<"seq", "8">>
  }
}
