// RUN: sinter-opt %s -split-input-file -sinter-simplify-arithmetic | FileCheck %s

// Tests that constants are folded, rounded once, and that arithmetic which does nothing disappears.

// CHECK-LABEL: func.func @constants(
func.func @constants() -> (tensor<2x2xf32>, tensor<f32>, tensor<2xf16>) {
  %a = sinter.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %b = sinter.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %0 = sinter.elementwise add(%a, %b) : (tensor<2x1xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %c = sinter.constant dense<64.0> : tensor<f32>
  %1 = sinter.elementwise sqrt(%c) : (tensor<f32>) -> tensor<f32>
  %2 = sinter.elementwise reciprocal(%1) : (tensor<f32>) -> tensor<f32>
  %d = sinter.constant dense<[1.0, 2048.0]> : tensor<2xf16>
  %3 = sinter.elementwise add(%d, %d) : (tensor<2xf16>, tensor<2xf16>) -> tensor<2xf16>
  // CHECK-DAG: %[[A:.*]] = sinter.constant dense<{{\[}}[1.100000e+01, 2.100000e+01], [1.200000e+01, 2.200000e+01]]>
  // CHECK-DAG: %[[B:.*]] = sinter.constant dense<1.250000e-01> : tensor<f32>
  // CHECK-DAG: %[[C:.*]] = sinter.constant dense<[2.000000e+00, 4.096000e+03]> : tensor<2xf16>
  // CHECK: return %[[A]], %[[B]], %[[C]]
  return %0, %2, %3 : tensor<2x2xf32>, tensor<f32>, tensor<2xf16>
}

// -----

// CHECK-LABEL: func.func @neutral(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x8xf32>, %[[M:[a-z0-9]+]]: tensor<2x1xi1>, %[[Y:[a-z0-9]+]]: tensor<2x8xf32>
func.func @neutral(%x: tensor<2x8xf32>, %m: tensor<2x1xi1>, %y: tensor<2x8xf32>) -> (tensor<2x8xf32>, tensor<2x1xi1>, tensor<2x8xf32>) {
  %zero = sinter.constant dense<0.0> : tensor<8xf32>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %true = sinter.constant dense<true> : tensor<i1>
  %0 = sinter.elementwise add(%zero, %x) : (tensor<8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = sinter.elementwise mul(%0, %one) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise sub(%1, %zero) : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %3 = sinter.elementwise logical_and(%true, %m) : (tensor<i1>, tensor<2x1xi1>) -> tensor<2x1xi1>
  %4 = sinter.elementwise select(%true, %y, %x) : (tensor<i1>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK-NEXT: return %[[X]], %[[M]], %[[Y]]
  return %2, %3, %4 : tensor<2x8xf32>, tensor<2x1xi1>, tensor<2x8xf32>
}

// -----

// CHECK-LABEL: func.func @functions(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x8xf32>
func.func @functions(%x: tensor<2x8xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>) {
  %one = sinter.constant dense<1.0> : tensor<f32>
  %two = sinter.constant dense<2.0> : tensor<f32>
  %twenty = sinter.constant dense<20.0> : tensor<f32>
  // CHECK-DAG: sinter.elementwise mul(%[[X]], %[[X]])
  %0 = sinter.elementwise pow(%x, %two) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  // CHECK-DAG: sinter.elementwise rsqrt(%[[X]])
  %1 = sinter.elementwise sqrt(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = sinter.elementwise div(%one, %1) : (tensor<f32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK-DAG: %[[HALF:.*]] = sinter.constant dense<5.000000e-01>
  // CHECK-DAG: sinter.elementwise mul(%[[X]], %[[HALF]])
  %3 = sinter.elementwise div(%x, %two) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  // torch's softplus: above its threshold it is x itself.
  // CHECK-DAG: sinter.elementwise softplus(%[[X]])
  // CHECK-NOT: select
  %4 = sinter.elementwise softplus(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %5 = sinter.elementwise greater(%x, %twenty) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xi1>
  %6 = sinter.elementwise select(%5, %x, %4) : (tensor<2x8xi1>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %0, %2, %3, %6 : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>
}

// -----

// CHECK-LABEL: func.func @casts(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2xf16>
func.func @casts(%x: tensor<2xf16>) -> (tensor<2xf16>, tensor<f32>) {
  %0 = sinter.cast %x : tensor<2xf16> -> tensor<2xf32>
  %1 = sinter.cast %0 : tensor<2xf32> -> tensor<2xf16>
  %c = sinter.constant dense<3> : tensor<i64>
  // CHECK: %[[C:.*]] = sinter.constant dense<3.000000e+00> : tensor<f32>
  %2 = sinter.cast %c : tensor<i64> -> tensor<f32>
  // CHECK: return %[[X]], %[[C]]
  return %1, %2 : tensor<2xf16>, tensor<f32>
}
