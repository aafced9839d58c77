// RUN: sinter-opt %s -split-input-file -verify-each -sinter-stream-split-host -sinter-verify-graph="phase=fused" -sinter-stream-verify-parts | FileCheck %s

// Tests that a mask is the host's, and that token ids, which the chip gathers by, are checked by the host.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[IDS:.*]]: tensor<3xi64> {{.*}}, %[[M:.*]]: tensor<3xi1>
// CHECK: %[[TABLE:.*]] = sinter.parameter @table
// CHECK: %[[MASK:.*]] = sinter.kernel "host"(%[[M]], %{{.*}}, %{{.*}}) : (tensor<3xi1>, tensor<f32>, tensor<f32>) -> tensor<3x1xf32>
// CHECK: sinter.elementwise select
// CHECK: sinter.reshape
// CHECK: %[[POSITIONS:.*]] = sinter.kernel "indices"(%[[IDS]]) {rows = 50 : i64} : (tensor<3xi64>) -> tensor<3xi32>
// CHECK: sinter.cast
// CHECK: sinter.kernel "chip"(%[[TABLE]], %[[POSITIONS]], %[[MASK]])
// CHECK: sinter.gather %{{.*}}[%{{.*}}] axis 0 : (tensor<50x8xf32>, tensor<3xi32>) -> tensor<3x8xf32>
// CHECK: sinter.elementwise add
module attributes {sinter.files = ["m.onnx"]} {
  sinter.weight @table raw 0 at 0 length 1600 : tensor<50x8xf32>
  func.func @main(%ids: tensor<3xi64> {sinter.name = "ids"}, %m: tensor<3xi1> {sinter.name = "m"})
      -> (tensor<3x8xf32> {sinter.name = "y"}) {
    %zero = sinter.constant dense<0.0> : tensor<f32>
    %low = sinter.constant dense<-100.0> : tensor<f32>
    %s = sinter.elementwise select(%m, %zero, %low) : (tensor<3xi1>, tensor<f32>, tensor<f32>) -> tensor<3xf32>
    %table = sinter.parameter @table : tensor<50x8xf32>
    %g = sinter.gather %table[%ids] axis 0 : (tensor<50x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>
    %r = sinter.reshape %s : tensor<3xf32> -> tensor<3x1xf32>
    %y = sinter.elementwise add(%g, %r) : (tensor<3x8xf32>, tensor<3x1xf32>) -> tensor<3x8xf32>
    return %y : tensor<3x8xf32>
  }
}

// -----

// Tests that functions of what follows from integers, and all that follows from floats, are the chip's.

// CHECK-LABEL: func.func @main
// CHECK: sinter.kernel "host"
// CHECK: sinter.cast
// CHECK-NOT: exp
// CHECK: sinter.kernel "chip"
// CHECK: sinter.elementwise exp
// CHECK: sinter.elementwise mul
func.func @main(%m: tensor<3xi64> {sinter.name = "m"}, %x: tensor<3xf32> {sinter.name = "x"})
    -> (tensor<3xf32> {sinter.name = "y"}) {
  %f = sinter.cast %m : tensor<3xi64> -> tensor<3xf32>
  %e = sinter.elementwise exp(%f) : (tensor<3xf32>) -> tensor<3xf32>
  %y = sinter.elementwise mul(%e, %x) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

// Tests that positions at which states are written are checked by the host, and may be the state's end; that two states share them.

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[PAST:[a-z0-9]+]]: tensor<i64>
// CHECK: %[[AT:.*]] = sinter.kernel "host"(%[[PAST]]
// CHECK: sinter.range
// CHECK: %[[CHECKED:.*]] = sinter.kernel "indices"(%[[AT]]) {rows = 5 : i64} : (tensor<2xi64>) -> tensor<2xi32>
// CHECK-NOT: "indices"
// CHECK: sinter.kernel "chip"({{.*}}%[[CHECKED]]
// CHECK: sinter.update_state @s[%[[I:.*]]], %{{.*}} : (tensor<2xi32>, tensor<1x2x2x16xf32>) -> tensor<1x4x2x16xf32>
// CHECK: sinter.update_state @t[%[[I]]]
module {
  sinter.state @s axis 1 : tensor<1x4x2x16xf32>
  sinter.state @t axis 1 : tensor<1x4x2x16xf32>
  func.func @main(%x: tensor<1x2x2x16xf32> {sinter.name = "x"}, %past: tensor<i64> {sinter.name = "past", sinter.session = "past"})
      -> (tensor<1x2x2x16xf32> {sinter.name = "y"}) {
    %one = sinter.constant dense<1> : tensor<i64>
    %at = sinter.range %past, %one : (tensor<i64>, tensor<i64>) -> tensor<2xi64>
    %e = sinter.elementwise exp(%x) : (tensor<1x2x2x16xf32>) -> tensor<1x2x2x16xf32>
    %s = sinter.update_state @s[%at], %e : (tensor<2xi64>, tensor<1x2x2x16xf32>) -> tensor<1x4x2x16xf32>
    %t = sinter.update_state @t[%at], %e : (tensor<2xi64>, tensor<1x2x2x16xf32>) -> tensor<1x4x2x16xf32>
    %y = sinter.attention %x, %s, %t scale 0.25
        : (tensor<1x2x2x16xf32>, tensor<1x4x2x16xf32>, tensor<1x4x2x16xf32>) -> tensor<1x2x2x16xf32>
    return %y : tensor<1x2x2x16xf32>
  }
}
