// RUN: sinter-opt %s -split-input-file -sinter-stream-widen-floats | FileCheck %s

// Tests that other types stay as they are.

// CHECK-LABEL: func.func @main
// CHECK-NOT: f32
// CHECK: sinter.elementwise add({{.*}}) : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
// CHECK-NOT: f32
// CHECK: return
func.func @main(%m: tensor<3xi64> {sinter.name = "m"}, %x: tensor<3xf64> {sinter.name = "x"})
    -> (tensor<3xf64> {sinter.name = "y"}) {
  %f = sinter.cast %m : tensor<3xi64> -> tensor<3xf64>
  %y = sinter.elementwise add(%f, %x) : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  return %y : tensor<3xf64>
}
