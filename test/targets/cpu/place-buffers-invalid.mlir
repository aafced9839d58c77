// RUN: sinter-opt %s -split-input-file -verify-each -sinter-cpu-fuse-kernels -sinter-cpu-lower-kernels -sinter-cpu-place-buffers | FileCheck %s

// Tests that two results that live at once do not share a place, and that a program without intermediate results has no arena.

// CHECK-LABEL: func.func @main
// CHECK: cpu.launch {{.*}} {offsets = #sinter.dims<"0">}
// CHECK: cpu.launch {{.*}} {offsets = #sinter.dims<"64">}
// CHECK: cpu.launch {{.*}} {offsets = #sinter.dims<"-1">}
func.func @main(%a: tensor<2x3xf32> {sinter.name = "a"}, %b: tensor<2x3xf32> {sinter.name = "b"})
    -> (tensor<2x2xf32> {sinter.name = "c"}) {
  %0 = sinter.softmax %a axis 1 : tensor<2x3xf32>
  %1 = sinter.softmax %b axis 1 : tensor<2x3xf32>
  %2 = sinter.transpose %1 [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %3 = sinter.matmul %0, %2 : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  return %3 : tensor<2x2xf32>
}

// -----

// CHECK: module attributes {cpu.arena = #sinter.dims<"0">
// CHECK: cpu.launch {{.*}} {offsets = #sinter.dims<"-1">}
func.func @main(%a: tensor<2x3xf32> {sinter.name = "a"}) -> (tensor<2x3xf32> {sinter.name = "b"}) {
  %0 = sinter.softmax %a axis 1 : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
