// RUN: sinter-opt %s -sinter-fix-sizes=sizes=seq=16,batch=2 | FileCheck %s

// Tests that sizes become numbers in types and attributes, that formulas of them are worked out, and that other symbols stay.

// CHECK-NOT: sinter.symbol @batch
// CHECK-NOT: sinter.symbol @seq
// CHECK: sinter.symbol @past axis "m" 1
sinter.symbol @batch axis "x" 0 {low = 1 : i64}
sinter.symbol @seq axis "x" 1 {low = 1 : i64}
sinter.symbol @past axis "m" 1 {low = 1 : i64}
// CHECK: sinter.check "m" 0 declared "n" size <"32">
sinter.check "m" 0 declared "n" size <"batch * seq">
// CHECK-LABEL: func.func @main(
// CHECK-SAME: tensor<2x16x4xf32> {sinter.name = "x", sinter.sizes = #sinter.dims<"2", "past + 16", "4">}
// CHECK-SAME: tensor<32x?xi64, #sinter.dims<"32", "past + 16">> {sinter.name = "m"}
func.func @main(%x: tensor<?x?x4xf32, #sinter.dims<"batch", "seq", "4">> {sinter.name = "x", sinter.sizes = #sinter.dims<"batch", "past + seq", "4">},
                %m: tensor<?x?xi64, #sinter.dims<"batch * seq", "past + seq">> {sinter.name = "m"})
    -> (tensor<?x4xf32, #sinter.dims<"batch * seq", "4">> {sinter.name = "y"}, tensor<2xi64> {sinter.name = "s"}) {
  // CHECK: sinter.reshape %{{.*}} : tensor<2x16x4xf32> -> tensor<32x4xf32>
  %0 = sinter.reshape %x : tensor<?x?x4xf32, #sinter.dims<"batch", "seq", "4">> -> tensor<?x4xf32, #sinter.dims<"batch * seq", "4">>
  // CHECK: sinter.sizes <"2", "past + 18">
  %1 = sinter.sizes <"batch", "batch + past + seq"> : tensor<2xi64>
  // CHECK: return %{{.*}} : tensor<32x4xf32>, tensor<2xi64>
  return %0, %1 : tensor<?x4xf32, #sinter.dims<"batch * seq", "4">>, tensor<2xi64>
}
