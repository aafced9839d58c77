// RUN: sinter-opt %s -split-input-file -verify-each -sinter-tabulate-positions -canonicalize -cse | FileCheck %s

// Tests that angles of positions, in the order in which exporters compute them, become rows of a table of as many as the state holds.

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[POSITIONS:[a-z0-9]+]]: tensor<1x4xi64>
// CHECK-DAG: %[[FREQUENCIES:.*]] = sinter.parameter @frequencies
// CHECK-DAG: %[[ALL:.*]] = sinter.range %{{.*}}, %{{.*}} : (tensor<i64>, tensor<i64>) -> tensor<64xi64>
// CHECK: %[[COLUMN:.*]] = sinter.reshape %[[ALL]] : tensor<64xi64> -> tensor<64x1x1x1xi64>
// CHECK: %[[FLOATS:.*]] = sinter.cast %[[COLUMN]] : tensor<64x1x1x1xi64> -> tensor<64x1x1x1xf32>
// CHECK: %[[PRODUCT:.*]] = sinter.matmul %[[FREQUENCIES]], %[[FLOATS]] : (tensor<1x8x1xf32>, tensor<64x1x1x1xf32>) -> tensor<64x1x8x1xf32>
// CHECK: %[[TURNED:.*]] = sinter.transpose %[[PRODUCT]] [0, 1, 3, 2]
// CHECK: %[[COSINES:.*]] = sinter.elementwise cos(%[[TURNED]])
// CHECK: %[[TABLE:.*]] = sinter.reshape %[[COSINES]] : tensor<64x1x1x8xf32> -> tensor<64x8xf32>
// CHECK: %[[ROWS:.*]] = sinter.reshape %[[POSITIONS]] : tensor<1x4xi64> -> tensor<4xi64>
// CHECK: %[[TAKEN:.*]] = sinter.gather %[[TABLE]][%[[ROWS]]] axis 0 : (tensor<64x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
// CHECK: sinter.transpose %{{.*}} : {{.*}} -> tensor<1x4x8xf32>
// CHECK: sinter.gather {{.*}}[%[[ROWS]]]
// CHECK: return %{{.*}}, %{{.*}}, %{{.*}} :
module attributes {sinter.files = ["w"]} {
  sinter.weight @frequencies raw 0 at 0 length 32 : tensor<1x8x1xf32>
  sinter.state @s axis 0 : tensor<64x2xf32>
  func.func @main(%positions: tensor<1x4xi64> {sinter.name = "positions"}, %x: tensor<4x2xf32> {sinter.name = "x"})
      -> (tensor<1x4x8xf32> {sinter.name = "cos"}, tensor<1x4x8xf32> {sinter.name = "sin"}, tensor<64x2xf32> {sinter.name = "s"}) {
    %frequencies = sinter.parameter @frequencies : tensor<1x8x1xf32>
    %row = sinter.reshape %positions : tensor<1x4xi64> -> tensor<1x1x4xi64>
    %floats = sinter.cast %row : tensor<1x1x4xi64> -> tensor<1x1x4xf32>
    %product = sinter.matmul %frequencies, %floats : (tensor<1x8x1xf32>, tensor<1x1x4xf32>) -> tensor<1x8x4xf32>
    %angles = sinter.transpose %product [0, 2, 1] : tensor<1x8x4xf32> -> tensor<1x4x8xf32>
    %cos = sinter.elementwise cos(%angles) : (tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
    %sin = sinter.elementwise sin(%angles) : (tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
    %at = sinter.reshape %positions : tensor<1x4xi64> -> tensor<4xi64>
    %s = sinter.update_state @s[%at], %x : (tensor<4xi64>, tensor<4x2xf32>) -> tensor<64x2xf32>
    return %cos, %sin, %s : tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<64x2xf32>
  }
}

// -----

// Tests the same of a number of positions that is open still, and without a product.

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[POSITIONS:[a-z0-9]+]]: tensor<?xi64
// CHECK: %[[TABLE:.*]] = sinter.reshape %{{.*}} : tensor<64x1x8xf32> -> tensor<64x8xf32>
// CHECK: %[[TAKEN:.*]] = sinter.gather %[[TABLE]][%[[POSITIONS]]] axis 0
// CHECK: return %[[TAKEN]]
module attributes {sinter.files = ["w"]} {
  sinter.symbol @seq axis "positions" 0 {low = 1 : i64}
  sinter.weight @frequencies raw 0 at 0 length 32 : tensor<8xf32>
  sinter.state @s axis 0 : tensor<64x2xf32>
  func.func @main(%positions: tensor<?xi64, #sinter.dims<"seq">> {sinter.name = "positions"})
      -> (tensor<?x8xf32, #sinter.dims<"seq", "8">> {sinter.name = "sin"}) {
    %frequencies = sinter.parameter @frequencies : tensor<8xf32>
    %floats = sinter.cast %positions : tensor<?xi64, #sinter.dims<"seq">> -> tensor<?xf32, #sinter.dims<"seq">>
    %column = sinter.reshape %floats : tensor<?xf32, #sinter.dims<"seq">> -> tensor<?x1xf32, #sinter.dims<"seq", "1">>
    %angles = sinter.elementwise mul(%column, %frequencies) : (tensor<?x1xf32, #sinter.dims<"seq", "1">>, tensor<8xf32>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    %sin = sinter.elementwise sin(%angles) : (tensor<?x8xf32, #sinter.dims<"seq", "8">>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    return %sin : tensor<?x8xf32, #sinter.dims<"seq", "8">>
  }
}
