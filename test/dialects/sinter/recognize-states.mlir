// RUN: sinter-opt %s -split-input-file -verify-each -sinter-recognize-states -canonicalize -sinter-verify-graph=phase=canonical | FileCheck %s

// Tests that keys and values that a decoder is given and gives out again become states, in the order of dimensions in which attention
// reads them, that the mask by position stays with attention, and that an input as long as they are says so.

// CHECK: module
// CHECK: sinter.check "x" 0 declared "batch" size <"1">
// CHECK-NOT: sinter.check
// CHECK-NOT: sinter.symbol
// CHECK: sinter.state @past.k axis 1 : tensor<1x64x2x16xf32>
// CHECK: sinter.state @past.v axis 1 : tensor<1x64x2x16xf32>
// CHECK: func.func @main(%[[X:.*]]: tensor<1x4x8x16xf32> {sinter.name = "x"}, %[[MASK:.*]]: tensor<1x64xi64> {sinter.name = "mask", sinter.sizes = #sinter.dims<"1", "past + 4">}, %[[PAST:.*]]: tensor<i64> {sinter.name = "session.past", sinter.session = "past"}) -> (tensor<1x4x8x16xf32> {sinter.name = "y"})
// CHECK-DAG: %[[ONE:.*]] = sinter.constant dense<1> : tensor<i64>
// CHECK-DAG: %[[POSITIONS:.*]] = sinter.range %[[PAST]], %[[ONE]] : (tensor<i64>, tensor<i64>) -> tensor<4xi64>
// CHECK: %[[K:.*]] = sinter.slice %[[X]]
// CHECK: %[[KEYS:.*]] = sinter.update_state @past.k[%[[POSITIONS]]], %[[K]] : (tensor<4xi64>, tensor<1x4x2x16xf32>) -> tensor<1x64x2x16xf32>
// CHECK: %[[VALUES:.*]] = sinter.update_state @past.v[%[[POSITIONS]]], %[[K]]
// CHECK: %[[BIAS:.*]] = sinter.cast %{{.*}} : tensor<1x1x1x64xi64> -> tensor<1x1x1x64xf32>
// CHECK: %[[Y:.*]] = sinter.attention %[[X]], %[[KEYS]], %[[VALUES]] bias %[[BIAS]] past %[[PAST]] scale 2.500000e-01 {causal}
// CHECK: return %[[Y]] : tensor<1x4x8x16xf32>
module {
  sinter.symbol @past axis "past.k" 2 {low = 1 : i64, high = 64 : i64}
  sinter.check "x" 0 declared "batch" size <"1">
  sinter.check "past.v" 2 declared "past_v" size <"past">
  sinter.check "mask" 1 declared "total" size <"past + 4">
  func.func @main(%x: tensor<1x4x8x16xf32> {sinter.name = "x"}, %pk: tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past", "16">> {sinter.name = "past.k"}, %pv: tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past", "16">> {sinter.name = "past.v"},
                  %mask: tensor<1x?xi64, #sinter.dims<"1", "past + 4">> {sinter.name = "mask"})
      -> (tensor<1x4x8x16xf32> {sinter.name = "y"}, tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past + 4", "16">> {sinter.name = "present.k"}, tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past + 4", "16">> {sinter.name = "present.v"}) {
    %k = sinter.slice %x starts <"0", "0", "0", "0"> steps <"1", "1", "1", "1"> : tensor<1x4x8x16xf32> -> tensor<1x4x2x16xf32>
    %kt = sinter.transpose %k [0, 2, 1, 3] : tensor<1x4x2x16xf32> -> tensor<1x2x4x16xf32>
    %ak = sinter.concat 2 (%pk, %kt) : (tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past", "16">>, tensor<1x2x4x16xf32>) -> tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past + 4", "16">>
    %av = sinter.concat 2 (%pv, %kt) : (tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past", "16">>, tensor<1x2x4x16xf32>) -> tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past + 4", "16">>
    %keys = sinter.transpose %ak [0, 2, 1, 3] : tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past + 4", "16">> -> tensor<1x?x2x16xf32, #sinter.dims<"1", "past + 4", "2", "16">>
    %values = sinter.transpose %av [0, 2, 1, 3] : tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past + 4", "16">> -> tensor<1x?x2x16xf32, #sinter.dims<"1", "past + 4", "2", "16">>
    %m = sinter.reshape %mask : tensor<1x?xi64, #sinter.dims<"1", "past + 4">> -> tensor<1x1x1x?xi64, #sinter.dims<"1", "1", "1", "past + 4">>
    %b = sinter.cast %m : tensor<1x1x1x?xi64, #sinter.dims<"1", "1", "1", "past + 4">> -> tensor<1x1x1x?xf32, #sinter.dims<"1", "1", "1", "past + 4">>
    %y = sinter.attention %x, %keys, %values bias %b scale 0.25 {causal} : (tensor<1x4x8x16xf32>, tensor<1x?x2x16xf32, #sinter.dims<"1", "past + 4", "2", "16">>, tensor<1x?x2x16xf32, #sinter.dims<"1", "past + 4", "2", "16">>, tensor<1x1x1x?xf32, #sinter.dims<"1", "1", "1", "past + 4">>) -> tensor<1x4x8x16xf32>
    return %y, %ak, %av : tensor<1x4x8x16xf32>, tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past + 4", "16">>, tensor<1x2x?x16xf32, #sinter.dims<"1", "2", "past + 4", "16">>
  }
}

// -----

// Tests that what is computed from the length is computed from the session's number: sizes, ranges, and the rows of a table that
// lie from there on.

// CHECK: module
// CHECK: sinter.state @past.k axis 0 : tensor<9x8xf32>
// CHECK: func.func @main(%[[X:.*]]: tensor<2x8xf32> {{.*}}, %[[PAST:.*]]: tensor<i64>
// CHECK-DAG: %[[ONE:.*]] = sinter.constant dense<1> : tensor<i64>
// CHECK-DAG: %[[TWO:.*]] = sinter.constant dense<2> : tensor<i64>
// CHECK-DAG: %[[FOUR:.*]] = sinter.constant dense<4> : tensor<i64>
// CHECK-DAG: %[[TABLE:.*]] = sinter.parameter @table
// CHECK-DAG: %[[POSITIONS:.*]] = sinter.range %[[PAST]], %[[ONE]]
// CHECK: sinter.update_state @past.k[%[[POSITIONS]]], %[[X]]
// CHECK: %[[DOUBLE:.*]] = sinter.elementwise mul(%[[PAST]], %[[TWO]])
// CHECK: %[[SIZE:.*]] = sinter.elementwise add(%[[DOUBLE]], %[[FOUR]])
// CHECK: %[[NEXT:.*]] = sinter.elementwise add(%[[PAST]], %[[ONE]])
// CHECK: %[[ROWS:.*]] = sinter.range %[[NEXT]], %[[ONE]] : (tensor<i64>, tensor<i64>) -> tensor<2xi64>
// CHECK: %[[TAKEN:.*]] = sinter.gather %[[TABLE]][%[[ROWS]]] axis 0
// CHECK: sinter.slice %[[TAKEN]] starts <"0", "0"> steps <"1", "2"> : tensor<2x8xf32> -> tensor<2x4xf32>
// CHECK: sinter.slice %[[TABLE]] starts <"1", "0"> steps <"1", "1"> : tensor<20x8xf32> -> tensor<9x8xf32>
module attributes {sinter.files = ["w"]} {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  sinter.weight @table raw 0 at 0 length 640 : tensor<20x8xf32>
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<i64> {sinter.name = "size"},
          tensor<2x4xf32> {sinter.name = "angles"}, tensor<2x8xf32> {sinter.name = "y"}) {
    %table = sinter.parameter @table : tensor<20x8xf32>
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    %size = sinter.sizes scalar <"2 * past + 4"> : tensor<i64>
    %angles = sinter.slice %table starts <"past + 1", "0"> steps <"1", "2"> : tensor<20x8xf32> -> tensor<2x4xf32>
    %first = sinter.slice %table starts <"1", "0"> steps <"1", "1"> : tensor<20x8xf32> -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    %sum = sinter.elementwise add(%all, %first) : (tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<?x8xf32, #sinter.dims<"past + 2", "8">>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    %q = sinter.reshape %x : tensor<2x8xf32> -> tensor<1x2x1x8xf32>
    %k = sinter.reshape %sum : tensor<?x8xf32, #sinter.dims<"past + 2", "8">> -> tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>
    %a = sinter.attention %q, %k, %k scale 1.0 : (tensor<1x2x1x8xf32>, tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>, tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>) -> tensor<1x2x1x8xf32>
    %y = sinter.reshape %a : tensor<1x2x1x8xf32> -> tensor<2x8xf32>
    return %all, %size, %angles, %y : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<i64>, tensor<2x4xf32>, tensor<2x8xf32>
  }
}

// -----

// Tests that a program without states stays as it is: this input is joined, and not given out.

// CHECK: module
// CHECK: sinter.symbol @n
// CHECK: sinter.concat
// CHECK-NOT: sinter.update_state
// CHECK: return
module {
  sinter.symbol @n axis "a" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%a: tensor<?x8xf32, #sinter.dims<"n", "8">> {sinter.name = "a"}, %b: tensor<2x8xf32> {sinter.name = "b"})
      -> (tensor<?x8xf32, #sinter.dims<"n + 2", "8">> {sinter.name = "y"}) {
    %0 = sinter.concat 0 (%a, %b) : (tensor<?x8xf32, #sinter.dims<"n", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"n + 2", "8">>
    %1 = sinter.elementwise exp(%0) : (tensor<?x8xf32, #sinter.dims<"n + 2", "8">>) -> tensor<?x8xf32, #sinter.dims<"n + 2", "8">>
    return %1 : tensor<?x8xf32, #sinter.dims<"n + 2", "8">>
  }
}
