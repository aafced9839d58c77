// RUN: sinter-opt %s -canonicalize -split-input-file | FileCheck %s

// Tests that rearrangements that do nothing disappear, that two in a row become one, and that those of constants are
// done at once.

// CHECK-LABEL: func.func @nothing(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<?x3xf32, #sinter.dims<"n", "3">>
func.func @nothing(%a: tensor<?x3xf32, #sinter.dims<"n", "3">>) -> tensor<?x3xf32, #sinter.dims<"n", "3">> {
  %0 = sinter.reshape %a : tensor<?x3xf32, #sinter.dims<"n", "3">> -> tensor<?x3xf32, #sinter.dims<"n", "3">>
  %1 = sinter.broadcast %0 : tensor<?x3xf32, #sinter.dims<"n", "3">> -> tensor<?x3xf32, #sinter.dims<"n", "3">>
  %2 = sinter.transpose %1 [0, 1] : tensor<?x3xf32, #sinter.dims<"n", "3">> -> tensor<?x3xf32, #sinter.dims<"n", "3">>
  %3 = sinter.concat 1 (%2) : (tensor<?x3xf32, #sinter.dims<"n", "3">>) -> tensor<?x3xf32, #sinter.dims<"n", "3">>
  %4 = sinter.slice %3 starts <"0", "0"> steps <"1", "1">
      : tensor<?x3xf32, #sinter.dims<"n", "3">> -> tensor<?x3xf32, #sinter.dims<"n", "3">>
  // CHECK-NEXT: return %[[A]]
  return %4 : tensor<?x3xf32, #sinter.dims<"n", "3">>
}

// -----

// A slice that begins elsewhere, turns round, or shortens stays.
// CHECK-LABEL: func.func @slices(
func.func @slices(%a: tensor<3xf32>, %b: tensor<?xf32, #sinter.dims<"n">>)
    -> (tensor<3xf32>, tensor<2xf32>, tensor<?xf32, #sinter.dims<"n">>) {
  // CHECK: sinter.slice {{.*}} starts <"2"> steps <"-1">
  %0 = sinter.slice %a starts <"2"> steps <"-1"> : tensor<3xf32> -> tensor<3xf32>
  // CHECK: sinter.slice {{.*}} starts <"0"> steps <"1"> : tensor<3xf32> -> tensor<2xf32>
  %1 = sinter.slice %a starts <"0"> steps <"1"> : tensor<3xf32> -> tensor<2xf32>
  // CHECK: sinter.slice {{.*}} starts <"k[]"> steps <"1">
  %2 = sinter.slice %b starts <"k[]"> steps <"1"> : tensor<?xf32, #sinter.dims<"n">> -> tensor<?xf32, #sinter.dims<"n">>
  return %0, %1, %2 : tensor<3xf32>, tensor<2xf32>, tensor<?xf32, #sinter.dims<"n">>
}

// -----

// CHECK-LABEL: func.func @reshapes(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<?x6xf32
func.func @reshapes(%a: tensor<?x6xf32, #sinter.dims<"n", "6">>) -> tensor<?x2xf32, #sinter.dims<"3 * n", "2">> {
  // CHECK-NEXT: %[[R:.*]] = sinter.reshape %[[A]] : tensor<?x6xf32, #sinter.dims<"n", "6">> -> tensor<?x2xf32, #sinter.dims<"3 * n", "2">>
  %0 = sinter.reshape %a : tensor<?x6xf32, #sinter.dims<"n", "6">> -> tensor<?xf32, #sinter.dims<"6 * n">>
  %1 = sinter.reshape %0 : tensor<?xf32, #sinter.dims<"6 * n">> -> tensor<?x2xf32, #sinter.dims<"3 * n", "2">>
  // CHECK-NEXT: return %[[R]]
  return %1 : tensor<?x2xf32, #sinter.dims<"3 * n", "2">>
}

// -----

// CHECK-LABEL: func.func @there_and_back(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x3x4xf32>
func.func @there_and_back(%a: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %0 = sinter.transpose %a [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  %1 = sinter.transpose %0 [2, 0, 1] : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
  %2 = sinter.reshape %a : tensor<2x3x4xf32> -> tensor<24xf32>
  %3 = sinter.reshape %2 : tensor<24xf32> -> tensor<2x3x4xf32>
  // CHECK-NEXT: return %[[A]], %[[A]]
  return %1, %3 : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Dimension i of the result is dimension [1, 2, 0][[2, 1, 0][i]] of the operand.
// CHECK-LABEL: func.func @transposes(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x3x4xf32>
func.func @transposes(%a: tensor<2x3x4xf32>) -> tensor<2x4x3xf32> {
  // CHECK-NEXT: %[[T:.*]] = sinter.transpose %[[A]] [0, 2, 1] : tensor<2x3x4xf32> -> tensor<2x4x3xf32>
  %0 = sinter.transpose %a [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  %1 = sinter.transpose %0 [2, 1, 0] : tensor<3x4x2xf32> -> tensor<2x4x3xf32>
  // CHECK-NEXT: return %[[T]]
  return %1 : tensor<2x4x3xf32>
}

// -----

// CHECK-LABEL: func.func @constants(
func.func @constants() -> (tensor<3x2xi64>, tensor<2x3xf32>, tensor<2x2xi64>) {
  // CHECK-DAG: sinter.constant dense<{{\[}}[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi64>
  %0 = sinter.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi64>
  %1 = sinter.reshape %0 : tensor<2x3xi64> -> tensor<3x2xi64>
  // CHECK-DAG: sinter.constant dense<1.500000e+00> : tensor<2x3xf32>
  %2 = sinter.constant dense<1.5> : tensor<f32>
  %3 = sinter.broadcast %2 : tensor<f32> -> tensor<2x3xf32>
  // What is not one value for all would become larger.
  // CHECK-DAG: sinter.broadcast {{.*}} : tensor<2xi64> -> tensor<2x2xi64>
  %4 = sinter.constant dense<[7, 8]> : tensor<2xi64>
  %5 = sinter.broadcast %4 : tensor<2xi64> -> tensor<2x2xi64>
  return %1, %3, %5 : tensor<3x2xi64>, tensor<2x3xf32>, tensor<2x2xi64>
}

// -----

// One value for all may become a tensor of any number of elements, but not of a number that a run decides.
// CHECK-LABEL: func.func @dynamic_constant(
func.func @dynamic_constant() -> tensor<?xf32, #sinter.dims<"n">> {
  // CHECK: sinter.broadcast {{.*}} : tensor<f32> -> tensor<?xf32, #sinter.dims<"n">>
  %0 = sinter.constant dense<1.5> : tensor<f32>
  %1 = sinter.broadcast %0 : tensor<f32> -> tensor<?xf32, #sinter.dims<"n">>
  return %1 : tensor<?xf32, #sinter.dims<"n">>
}
