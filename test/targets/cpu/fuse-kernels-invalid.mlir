// RUN: sinter-opt %s -split-input-file -verify-each -sinter-cpu-fuse-kernels | FileCheck %s

// Tests that an elementwise op whose result is also read elsewhere is not hidden in one kernel: the program still returns it.

// CHECK-LABEL: func.func @main
// CHECK: %[[R:.*]] = sinter.kernel
// CHECK: sinter.elementwise exp
// CHECK: %[[S:.*]] = sinter.kernel "softmax"(%[[R]])
// CHECK: return %[[R]], %[[S]]
func.func @main(%a: tensor<2x3xf32> {sinter.name = "a"})
    -> (tensor<2x3xf32> {sinter.name = "b"}, tensor<2x3xf32> {sinter.name = "c"}) {
  %0 = sinter.elementwise exp(%a) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = sinter.softmax %0 axis 1 : tensor<2x3xf32>
  return %0, %1 : tensor<2x3xf32>, tensor<2x3xf32>
}
