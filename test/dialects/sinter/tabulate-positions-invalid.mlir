// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-tabulate-positions | FileCheck %s

// Tests that angles that follow from more than positions, and programs without states, stay as they are.

// CHECK-LABEL: func.func @main
// CHECK-NOT: sinter.gather
// CHECK-NOT: sinter.range
// CHECK: sinter.elementwise cos
module {
  sinter.state @s axis 0 : tensor<64x2xf32>
  func.func @main(%positions: tensor<4xi64> {sinter.name = "positions"}, %scale: tensor<f32> {sinter.name = "scale"}) -> (tensor<4xf32> {sinter.name = "cos"}) {
    %floats = sinter.cast %positions : tensor<4xi64> -> tensor<4xf32>
    %angles = sinter.elementwise mul(%floats, %scale) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %cos = sinter.elementwise cos(%angles) : (tensor<4xf32>) -> tensor<4xf32>
    return %cos : tensor<4xf32>
  }
}

// -----

// CHECK-LABEL: func.func @main
// CHECK-NOT: sinter.gather
// CHECK: sinter.elementwise sin
module {
  func.func @main(%positions: tensor<4xi64> {sinter.name = "positions"}) -> (tensor<4xf32> {sinter.name = "sin"}) {
    %floats = sinter.cast %positions : tensor<4xi64> -> tensor<4xf32>
    %sin = sinter.elementwise sin(%floats) : (tensor<4xf32>) -> tensor<4xf32>
    return %sin : tensor<4xf32>
  }
}
