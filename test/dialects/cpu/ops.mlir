// RUN: sinter-opt %s -verify-each | sinter-opt -verify-each | FileCheck %s

// Tests that the example of each op is read, verified and printed as it was.

module {

sinter.weight @query_weight raw 0 at 4096 length 589824 : tensor<384x384xf32>

// CHECK: cpu.section @query panels_transposed bytes 589824 {
// CHECK-NEXT: %[[W:.*]] = sinter.parameter @query_weight : tensor<384x384xf32>
// CHECK-NEXT: sinter.yield %[[W]] : tensor<384x384xf32>
cpu.section @query panels_transposed bytes 589824 {
  %0 = sinter.parameter @query_weight : tensor<384x384xf32>
  sinter.yield %0 : tensor<384x384xf32>
}

// CHECK: cpu.code @loop_0 "loop" {
// CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<2x3xf32>):
// CHECK-NEXT: %[[Y:.*]] = sinter.elementwise exp(%[[X]]) : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT: sinter.yield %[[Y]] : tensor<2x3xf32>
cpu.code @loop_0 "loop" {
^bb0(%x: tensor<2x3xf32>):
  %0 = sinter.elementwise exp(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  sinter.yield %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @weights
func.func @weights() -> tensor<384x384xf32> {
  // CHECK: cpu.weights @query : tensor<384x384xf32>
  %0 = cpu.weights @query : tensor<384x384xf32>
  return %0 : tensor<384x384xf32>
}

// CHECK-LABEL: func.func @launch
// CHECK-SAME: (%[[A:.*]]: tensor<2x3xf32>)
func.func @launch(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: cpu.launch @loop_0(%[[A]]) words [#cpu.word<operand, 0, "0">, #cpu.word<result, 0, "0">] tasks <"1"> scratch <"64"> : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %0 = cpu.launch @loop_0(%a) words [#cpu.word<operand, 0, "0">, #cpu.word<result, 0, "0">] tasks <"1"> scratch <"64">
      : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

} // module
