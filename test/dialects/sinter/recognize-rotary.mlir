// RUN: sinter-opt %s -split-input-file -sinter-recognize-rotary -canonicalize | FileCheck %s

// Tests that rotary embeddings are one op with half the cosines and sines, whole or in part.

// CHECK-LABEL: func.func @rotary(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x4x7x8xf32>, %[[F:[a-z0-9]+]]: tensor<1x7x4xf32>
func.func @rotary(%x: tensor<2x4x7x8xf32>, %f: tensor<1x7x4xf32>) -> tensor<2x4x7x8xf32> {
  %0 = sinter.concat 2 (%f, %f) : (tensor<1x7x4xf32>, tensor<1x7x4xf32>) -> tensor<1x7x8xf32>
  %1 = sinter.elementwise cos(%0) : (tensor<1x7x8xf32>) -> tensor<1x7x8xf32>
  %2 = sinter.elementwise sin(%0) : (tensor<1x7x8xf32>) -> tensor<1x7x8xf32>
  %3 = sinter.reshape %1 : tensor<1x7x8xf32> -> tensor<1x1x7x8xf32>
  %4 = sinter.reshape %2 : tensor<1x7x8xf32> -> tensor<1x1x7x8xf32>
  %5 = sinter.elementwise mul(%x, %3) : (tensor<2x4x7x8xf32>, tensor<1x1x7x8xf32>) -> tensor<2x4x7x8xf32>
  %6 = sinter.slice %x starts <"0", "0", "0", "0"> steps <"1", "1", "1", "1"> : tensor<2x4x7x8xf32> -> tensor<2x4x7x4xf32>
  %7 = sinter.slice %x starts <"0", "0", "0", "4"> steps <"1", "1", "1", "1"> : tensor<2x4x7x8xf32> -> tensor<2x4x7x4xf32>
  %8 = sinter.elementwise neg(%7) : (tensor<2x4x7x4xf32>) -> tensor<2x4x7x4xf32>
  %9 = sinter.concat 3 (%8, %6) : (tensor<2x4x7x4xf32>, tensor<2x4x7x4xf32>) -> tensor<2x4x7x8xf32>
  %10 = sinter.elementwise mul(%9, %4) : (tensor<2x4x7x8xf32>, tensor<1x1x7x8xf32>) -> tensor<2x4x7x8xf32>
  %11 = sinter.elementwise add(%5, %10) : (tensor<2x4x7x8xf32>, tensor<2x4x7x8xf32>) -> tensor<2x4x7x8xf32>
  // CHECK: %[[C0:.*]] = sinter.elementwise cos(%[[F]]) : (tensor<1x7x4xf32>)
  // CHECK: %[[C:.*]] = sinter.reshape %[[C0]]
  // CHECK: %[[S0:.*]] = sinter.elementwise sin(%[[F]]) : (tensor<1x7x4xf32>)
  // CHECK: %[[S:.*]] = sinter.reshape %[[S0]]
  // CHECK: %[[R:.*]] = sinter.rotary %[[X]] cos %[[C]] sin %[[S]]
  // CHECK-SAME: tensor<1x1x7x4xf32>
  // CHECK-NEXT: return %[[R]]
  return %11 : tensor<2x4x7x8xf32>
}

// -----

// Only the first half of each head turns.
// CHECK-LABEL: func.func @partial(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<7x8xf32>, %[[C:[a-z0-9]+]]: tensor<7x2xf32>, %[[S:[a-z0-9]+]]: tensor<7x2xf32>
func.func @partial(%x: tensor<7x8xf32>, %c0: tensor<7x2xf32>, %s0: tensor<7x2xf32>) -> tensor<7x8xf32> {
  %c = sinter.concat 1 (%c0, %c0) : (tensor<7x2xf32>, tensor<7x2xf32>) -> tensor<7x4xf32>
  %s = sinter.concat 1 (%s0, %s0) : (tensor<7x2xf32>, tensor<7x2xf32>) -> tensor<7x4xf32>
  %0 = sinter.slice %x starts <"0", "0"> steps <"1", "1"> : tensor<7x8xf32> -> tensor<7x4xf32>
  %1 = sinter.slice %x starts <"0", "4"> steps <"1", "1"> : tensor<7x8xf32> -> tensor<7x4xf32>
  %2 = sinter.elementwise mul(%c, %0) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %3 = sinter.slice %0 starts <"0", "0"> steps <"1", "1"> : tensor<7x4xf32> -> tensor<7x2xf32>
  %4 = sinter.slice %0 starts <"0", "2"> steps <"1", "1"> : tensor<7x4xf32> -> tensor<7x2xf32>
  %5 = sinter.elementwise neg(%4) : (tensor<7x2xf32>) -> tensor<7x2xf32>
  %6 = sinter.concat 1 (%5, %3) : (tensor<7x2xf32>, tensor<7x2xf32>) -> tensor<7x4xf32>
  %7 = sinter.elementwise mul(%6, %s) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %8 = sinter.elementwise add(%7, %2) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %9 = sinter.concat 1 (%8, %1) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x8xf32>
  // CHECK-NEXT: %[[R:.*]] = sinter.rotary %[[X]] cos %[[C]] sin %[[S]]
  // CHECK-NEXT: return %[[R]]
  return %9 : tensor<7x8xf32>
}
