// RUN: sinter-opt %s -split-input-file -verify-each -sinter-stream-prepare-positions -canonicalize -cse | FileCheck %s

// Tests that a mask by the session's number is a bias that the host computes, one for all layers, beside the bias that there is, and that
// a position beyond a state is its end.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x2x16xf32> {{.*}}, %{{.*}}: tensor<1x1x1x4xi64> {{.*}}, %[[PAST:.*]]: tensor<i64>
// CHECK-DAG: %[[NEVER:.*]] = sinter.constant dense<0xFF800000> : tensor<f32>
// CHECK-DAG: %[[SHOWN:.*]] = sinter.constant dense<0.000000e+00> : tensor<f32>
// CHECK-DAG: %[[END:.*]] = sinter.constant dense<4> : tensor<i64>
// CHECK: %[[AT:.*]] = sinter.elementwise min(%{{.*}}, %[[END]]) : (tensor<2xi64>, tensor<i64>) -> tensor<2xi64>
// CHECK: %[[STATE:.*]] = sinter.update_state @s[%[[AT]]], %[[X]]
// CHECK: %[[QUERIES:.*]] = sinter.reshape %{{.*}} : tensor<2xi64> -> tensor<1x1x2x1xi64>
// CHECK: %[[LAST:.*]] = sinter.elementwise add(%[[PAST]], %[[QUERIES]])
// CHECK: %[[KEYS:.*]] = sinter.reshape %{{.*}} : tensor<4xi64> -> tensor<1x1x1x4xi64>
// CHECK: %[[SEEN:.*]] = sinter.elementwise less_equal(%[[KEYS]], %[[LAST]]) : (tensor<1x1x1x4xi64>, tensor<1x1x2x1xi64>) -> tensor<1x1x2x4xi1>
// CHECK: %[[MASK:.*]] = sinter.elementwise select(%[[SEEN]], %[[SHOWN]], %[[NEVER]]) : {{.*}} -> tensor<1x1x2x4xf32>
// CHECK: %[[A:.*]] = sinter.attention %[[X]], %[[STATE]], %[[STATE]] bias %[[MASK]] scale 2.500000e-01 :
// CHECK-NOT: less_equal
// CHECK: sinter.attention %[[A]], %[[STATE]], %[[STATE]] bias %[[MASK]] scale 2.500000e-01 :
// CHECK: %[[ALL:.*]] = sinter.elementwise add(%[[PAST]], %{{.*}}) : (tensor<i64>, tensor<i64>) -> tensor<i64>
// CHECK: %[[HELD:.*]] = sinter.elementwise less_equal(%[[KEYS]], %[[ALL]]) : (tensor<1x1x1x4xi64>, tensor<i64>) -> tensor<1x1x1x4xi1>
// CHECK: %[[BOTH:.*]] = sinter.elementwise select(%[[HELD]], %{{.*}}, %[[NEVER]]) : {{.*}} -> tensor<1x1x1x4xf32>
// CHECK: sinter.attention %[[X]], %[[STATE]], %[[STATE]] bias %[[BOTH]] scale 2.500000e-01 :
module {
  sinter.state @s axis 1 : tensor<1x4x2x16xf32>
  func.func @main(%x: tensor<1x2x2x16xf32> {sinter.name = "x"}, %m: tensor<1x1x1x4xi64> {sinter.name = "m"}, %past: tensor<i64> {sinter.name = "past"})
      -> (tensor<1x2x2x16xf32> {sinter.name = "a"}, tensor<1x2x2x16xf32> {sinter.name = "b"}, tensor<1x2x2x16xf32> {sinter.name = "c"}) {
    %one = sinter.constant dense<1> : tensor<i64>
    %at = sinter.range %past, %one : (tensor<i64>, tensor<i64>) -> tensor<2xi64>
    %s = sinter.update_state @s[%at], %x : (tensor<2xi64>, tensor<1x2x2x16xf32>) -> tensor<1x4x2x16xf32>
    %a = sinter.attention %x, %s, %s past %past scale 0.25 {causal}
        : (tensor<1x2x2x16xf32>, tensor<1x4x2x16xf32>, tensor<1x4x2x16xf32>, tensor<i64>) -> tensor<1x2x2x16xf32>
    %b = sinter.attention %a, %s, %s past %past scale 0.25 {causal}
        : (tensor<1x2x2x16xf32>, tensor<1x4x2x16xf32>, tensor<1x4x2x16xf32>, tensor<i64>) -> tensor<1x2x2x16xf32>
    %f = sinter.cast %m : tensor<1x1x1x4xi64> -> tensor<1x1x1x4xf32>
    %c = sinter.attention %x, %s, %s bias %f past %past scale 0.25
        : (tensor<1x2x2x16xf32>, tensor<1x4x2x16xf32>, tensor<1x4x2x16xf32>, tensor<1x1x1x4xf32>, tensor<i64>) -> tensor<1x2x2x16xf32>
    return %a, %b, %c : tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>
  }
}

// -----

// Tests that a causal mask without states follows from constants.

// CHECK-LABEL: func.func @main
// CHECK-NOT: sinter.range %arg
// CHECK: %[[MASK:.*]] = sinter.elementwise select({{.*}}) : {{.*}} -> tensor<1x1x2x2xf32>
// CHECK: sinter.attention %{{.*}}, %{{.*}}, %{{.*}} bias %[[MASK]] scale 2.500000e-01 :
module {
  func.func @main(%x: tensor<1x2x2x16xf32> {sinter.name = "x"}) -> (tensor<1x2x2x16xf32> {sinter.name = "a"}) {
    %a = sinter.attention %x, %x, %x scale 0.25 {causal}
        : (tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>) -> tensor<1x2x2x16xf32>
    return %a : tensor<1x2x2x16xf32>
  }
}
