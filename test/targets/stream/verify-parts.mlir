// RUN: sinter-opt %s -verify-each -sinter-stream-verify-parts | FileCheck %s

// Tests that kernels of a host's part, of positions and of a chip's part are accepted in this order.

// CHECK: sinter.kernel "host"
// CHECK: sinter.kernel "indices"
// CHECK: sinter.kernel "chip"
func.func @main(%ids: tensor<3xi64> {sinter.name = "ids"}, %x: tensor<5x4xf32> {sinter.name = "x"})
    -> (tensor<3x4xf32> {sinter.name = "y"}) {
  %f = sinter.kernel "host"(%ids) : (tensor<3xi64>) -> tensor<3xf32> {
  ^bb0(%a: tensor<3xi64>):
    %0 = sinter.cast %a : tensor<3xi64> -> tensor<3xf32>
    sinter.yield %0 : tensor<3xf32>
  }
  %i = sinter.kernel "indices"(%ids) {rows = 5 : i64} : (tensor<3xi64>) -> tensor<3xi32> {
  ^bb0(%a: tensor<3xi64>):
    %0 = sinter.cast %a : tensor<3xi64> -> tensor<3xi32>
    sinter.yield %0 : tensor<3xi32>
  }
  %y = sinter.kernel "chip"(%x, %f, %i) : (tensor<5x4xf32>, tensor<3xf32>, tensor<3xi32>) -> tensor<3x4xf32> {
  ^bb0(%a: tensor<5x4xf32>, %b: tensor<3xf32>, %c: tensor<3xi32>):
    %0 = sinter.gather %a[%c] axis 0 : (tensor<5x4xf32>, tensor<3xi32>) -> tensor<3x4xf32>
    %1 = sinter.reshape %b : tensor<3xf32> -> tensor<3x1xf32>
    %2 = sinter.elementwise mul(%0, %1) : (tensor<3x4xf32>, tensor<3x1xf32>) -> tensor<3x4xf32>
    sinter.yield %2 : tensor<3x4xf32>
  }
  return %y : tensor<3x4xf32>
}
