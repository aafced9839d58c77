// RUN: sinter-opt %s -split-input-file -sinter-mask-padding=dims=seq | FileCheck %s

// Tests that attention leaves out keys that are padding, that sizes are the actual ones, and that ops which treat each position by
// itself stay as they are.

sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<1x1x1x?xf32, #sinter.dims<"1", "1", "1", "seq">>
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<i64> {sinter.name = "session.size.seq", sinter.session = "size:seq"}
func.func @main(%x: tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">> {sinter.name = "x"},
                %m: tensor<1x1x1x?xf32, #sinter.dims<"1", "1", "1", "seq">> {sinter.name = "m"})
    -> (tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">> {sinter.name = "masked"},
        tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">> {sinter.name = "plain"},
        tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">> {sinter.name = "causal"},
        tensor<1xi64> {sinter.name = "size"}) {
  // CHECK: %[[R:.*]] = sinter.range
  // CHECK: %[[K:.*]] = sinter.reshape %[[R]] : {{.*}} -> tensor<1x1x1x?xi64, #sinter.dims<"1", "1", "1", "seq">>
  // CHECK: %[[L:.*]] = sinter.elementwise less(%[[K]], %[[S]])
  // CHECK: %[[N:.*]] = sinter.constant dense<0xFF800000> : tensor<f32>
  // CHECK: %[[B:.*]] = sinter.elementwise select(%[[L]], %[[M]], %[[N]])
  // CHECK: sinter.attention %[[X]], %[[X]], %[[X]] bias %[[B]] scale
  %0 = sinter.attention %x, %x, %x bias %m scale 0.5
      : (tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x1x1x?xf32, #sinter.dims<"1", "1", "1", "seq">>)
      -> tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>
  // CHECK: %[[Z:.*]] = sinter.constant dense<0.000000e+00> : tensor<f32>
  // CHECK: %[[P:.*]] = sinter.elementwise select(%[[L]], %[[Z]],
  // CHECK: sinter.attention %[[X]], %[[X]], %[[X]] bias %[[P]] scale
  %1 = sinter.attention %x, %x, %x scale 0.5
      : (tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>)
      -> tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>
  // A causal query sees no key behind it.
  // CHECK: sinter.attention %[[X]], %[[X]], %[[X]] scale 5.000000e-01 {causal}
  %2 = sinter.attention %x, %x, %x scale 0.5 {causal}
      : (tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>)
      -> tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>
  // CHECK: %[[V:.*]] = sinter.reshape %[[S]] : tensor<i64> -> tensor<1xi64>
  // CHECK: return {{.*}}, %[[V]]
  %3 = sinter.sizes <"seq"> : tensor<1xi64>
  return %0, %1, %2, %3 : tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1x?x2x4xf32, #sinter.dims<"1", "seq", "2", "4">>, tensor<1xi64>
}

// -----

// Row by row, the first position, what comes before, and what is counted from the beginning.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
// CHECK-LABEL: func.func @main(
// CHECK-NOT: sinter.session
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %w: tensor<12xf32> {sinter.name = "w"},
                %c: tensor<1x1x12xf32> {sinter.name = "c"})
    -> (tensor<1x?x3x4xf32, #sinter.dims<"1", "seq", "3", "4">> {sinter.name = "rows"}, tensor<1x12xf32> {sinter.name = "first"},
        tensor<1x?x12xf32, #sinter.dims<"1", "seq + 1", "12">> {sinter.name = "behind"},
        tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "sums"}) {
  %0 = sinter.rms_norm %x scale %w axis 2 epsilon 1.0e-6
      : (tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>, tensor<12xf32>) -> tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>
  %1 = sinter.reshape %0 : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> -> tensor<1x?x3x4xf32, #sinter.dims<"1", "seq", "3", "4">>
  %2 = sinter.slice %x starts <"0", "0", "0"> steps <"1", "1", "1"> : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> -> tensor<1x1x12xf32>
  %3 = sinter.reshape %2 : tensor<1x1x12xf32> -> tensor<1x12xf32>
  %4 = sinter.concat 1 (%c, %x) : (tensor<1x1x12xf32>, tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>) -> tensor<1x?x12xf32, #sinter.dims<"1", "seq + 1", "12">>
  %5 = sinter.cumulative_sum %x axis 1 : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>
  return %1, %3, %4, %5 : tensor<1x?x3x4xf32, #sinter.dims<"1", "seq", "3", "4">>, tensor<1x12xf32>, tensor<1x?x12xf32, #sinter.dims<"1", "seq + 1", "12">>, tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>
}
