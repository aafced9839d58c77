// RUN: sinter-opt %s -split-input-file -verify-each -sinter-stream-choose-numerics | FileCheck %s

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

// -----

// Tests that codes of activations are made with the reciprocal of their scale, and that products of codes stay as they are.

// CHECK-LABEL: func.func @main
// CHECK: sinter.quantize %{{.*}} scale %{{.*}} {reciprocal}
// CHECK: sinter.quantize %{{.*}} scale %{{[^{]*}} : (tensor<4x3xf32>
// CHECK: sinter.quantized_matmul
// CHECK-NOT: numerics
// CHECK: return
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @w raw 0 at 0 length 48 : tensor<4x3xf32>
  func.func @main(%x: tensor<2x4xf32> {sinter.name = "x"}) -> (tensor<2x3xf32> {sinter.name = "y"}) {
    %s = sinter.constant dense<0.03> : tensor<f32>
    %t = sinter.constant dense<0.02> : tensor<1x3xf32>
    %w = sinter.parameter @w : tensor<4x3xf32>
    %a = sinter.quantize %x scale %s : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4x!sinter.quantized<i8:f32>>
    %b = sinter.quantize %w scale %t
        : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x3x!sinter.quantized<i8:f32, blocks [0, 1]>>
    %y = sinter.quantized_matmul %a scale %s, %b scale %t
        : (tensor<2x4x!sinter.quantized<i8:f32>>, tensor<f32>, tensor<4x3x!sinter.quantized<i8:f32, blocks [0, 1]>>, tensor<1x3xf32>)
        -> tensor<2x3xf32>
    return %y : tensor<2x3xf32>
  }
}
