// RUN: sinter-opt %s -verify-each -sinter-cpu-fuse-kernels -sinter-cpu-lower-kernels | FileCheck %s

// Tests that each kernel becomes a launch with its tasks as an expression, that its body becomes shared code, and that the matmul's
// weight becomes a section in panels.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32
// CHECK-NOT: sinter.kernel
// CHECK: %[[W:.*]] = cpu.weights @[[SECTION:.*]] : tensor<8x8xf32>
// CHECK: %[[P:.*]] = cpu.launch @[[MATMUL:.*]](%[[X]], %[[W]]) words {{.*}}#cpu.word<size, 0, "seq">{{.*}} tasks <"{{.*}}seq{{.*}}">
// CHECK: cpu.launch @[[SOFTMAX:.*]](%[[P]])
// CHECK: cpu.section @[[SECTION]] panels bytes 512 {
// CHECK-NEXT: sinter.parameter @w
// CHECK: cpu.code @[[MATMUL]] "matmul"
// CHECK: sinter.elementwise relu
// CHECK: cpu.code @[[SOFTMAX]] "softmax"
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
