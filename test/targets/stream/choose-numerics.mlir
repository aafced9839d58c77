// RUN: sinter-opt %s -verify-each -sinter-stream-choose-numerics | FileCheck %s

// Tests that what the chip computes gets its numerics, and that the host's part, movements and recipes of weights do not.

// CHECK-LABEL: func.func @main
// CHECK: sinter.cast {{[^{]*}} : tensor<2x3xi64> -> tensor<2x3xf32>
// CHECK-NOT: numerics
// CHECK: sinter.elementwise mul({{[^{]*}} : (tensor<2x3xf32>, tensor<f32>)
// CHECK: sinter.elementwise exp({{[^{]*}} : (tensor<4x3xf32>)
// CHECK: sinter.reshape
// CHECK: sinter.matmul {{.*}} {sinter.numerics = #sinter.numerics<operands f16, tile 160, chains 4>} : (tensor<2x4xf32>
// CHECK: sinter.elementwise add({{.*}} {sinter.numerics = #sinter.numerics<operands f16, tile 160, chains 4>}
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @w raw 0 at 0 length 48 : tensor<4x3xf32>
  func.func @main(%x: tensor<2x2x2xf32> {sinter.name = "x"}, %m: tensor<2x3xi64> {sinter.name = "m"})
      -> (tensor<2x3xf32> {sinter.name = "y"}) {
    %c = sinter.constant dense<-1000.0> : tensor<f32>
    %w = sinter.parameter @w : tensor<4x3xf32>
    %f = sinter.cast %m : tensor<2x3xi64> -> tensor<2x3xf32>
    %mask = sinter.elementwise mul(%f, %c) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
    %e = sinter.elementwise exp(%w) : (tensor<4x3xf32>) -> tensor<4x3xf32>
    %r = sinter.reshape %x : tensor<2x2x2xf32> -> tensor<2x4xf32>
    %p = sinter.matmul %r, %e : (tensor<2x4xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
    %y = sinter.elementwise add(%p, %mask) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    return %y : tensor<2x3xf32>
  }
}
