// RUN: sinter-opt %s -sinter-verify-graph=phase=canonical | FileCheck %s

// Tests that a graph that keeps what phase canonical promises passes unchanged, with sizes and numbers that a run decides.

module attributes {sinter.files = ["model.onnx"]} {
  // CHECK: sinter.symbol @seq axis "ids" 1
  sinter.symbol @seq axis "ids" 1 {low = 1 : i64}
  sinter.symbol @"shape[0]" element "shape" 0 {low = -1 : i64}
  sinter.check "mask" 0 declared "s1" size <"seq">
  sinter.weight @table raw 0 at 64 length 24 : tensor<2x3xf32>
  // CHECK: func.func @main
  func.func @main(%ids: tensor<2x?xf32, #sinter.dims<"2", "seq">> {sinter.name = "ids"},
                  %mask: tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "mask"},
                  %shape: tensor<1xi64> {sinter.name = "shape"})
      -> (tensor<2x?xf32, #sinter.dims<"2", "seq">> {sinter.name = "out"}) {
    // CHECK: %[[SUM:.*]] = sinter.elementwise add
    %0 = sinter.elementwise add(%ids, %mask) : (tensor<2x?xf32, #sinter.dims<"2", "seq">>, tensor<?xf32, #sinter.dims<"seq">>)
        -> tensor<2x?xf32, #sinter.dims<"2", "seq">>
    // CHECK: return %[[SUM]]
    return %0 : tensor<2x?xf32, #sinter.dims<"2", "seq">>
  }
}
