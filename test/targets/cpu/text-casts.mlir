// RUN: sinter-opt %s -verify-each -sinter-cpu-fuse-kernels -sinter-cpu-lower-kernels -sinter-cpu-place-buffers | FileCheck %s

// Tests that casts from and to strings become steps of the runtime's own, never part of another kernel; that a constant is cast by each
// run, since a section holds no text; and that the text which strings point into is a second result, in a place that nothing else
// takes before the end.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4x4xf32>
// CHECK: %[[ABS:.*]] = cpu.launch @loop_0(%[[X]])
// CHECK: %[[TEXT:.*]]:2 = cpu.launch @[[FORMAT:format_.*]](%[[ABS]]) words [#cpu.word<operand, 0, "0">, #cpu.word<result, 0, "0">, #cpu.word<result, 1, "0">, #cpu.word<size, 0, "1">] tasks <"16">
// CHECK-SAME: {offsets = #sinter.dims<"128", "384">} : (tensor<16xf32>) -> (tensor<16x!sinter.string>, tensor<16x24xi8>)
// CHECK: %[[BACK:.*]] = cpu.launch @[[PARSE:parse_.*]](%[[TEXT]]#0) words [#cpu.word<operand, 0, "0">, #cpu.word<result, 0, "0">, #cpu.word<size, 0, "2">] tasks <"16">
// CHECK-SAME: {offsets = #sinter.dims<"0">}
// CHECK: cpu.launch @loop_1(%[[BACK]])
// CHECK: %[[C:.*]] = cpu.weights
// CHECK: cpu.launch @format_{{.*}}(%[[C]])
// CHECK-SAME: {offsets = #sinter.dims<"-2", "0">} : (tensor<2xi64>) -> (tensor<2x!sinter.string>, tensor<2x24xi8>)
// CHECK: cpu.code @[[FORMAT]] "format"
// CHECK: cpu.code @[[PARSE]] "parse"
module attributes {sinter.files = []} {
  func.func @main(%x: tensor<4x4xf32> {sinter.name = "x"})
      -> (tensor<16xf64> {sinter.name = "y"}, tensor<2x!sinter.string> {sinter.name = "z"}) {
    %abs = sinter.elementwise abs(%x) : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %flat = sinter.reshape %abs : tensor<4x4xf32> -> tensor<16xf32>
    %text = sinter.cast %flat : tensor<16xf32> -> tensor<16x!sinter.string>
    %back = sinter.cast %text : tensor<16x!sinter.string> -> tensor<16xf64>
    %y = sinter.elementwise neg(%back) : (tensor<16xf64>) -> tensor<16xf64>
    %c = sinter.constant dense<[1, 2]> : tensor<2xi64>
    %z = sinter.cast %c : tensor<2xi64> -> tensor<2x!sinter.string>
    return %y, %z : tensor<16xf64>, tensor<2x!sinter.string>
  }
}
