// RUN: sinter-opt %s -verify-diagnostics -split-input-file

// Tests that each constraint of each op is checked.

// section C1
// expected-error @+1 {{C1: the body yields one tensor}}
cpu.section @two row_major bytes 8 {
  %0 = sinter.constant dense<1.0> : tensor<2xf32>
  sinter.yield %0, %0 : tensor<2xf32>, tensor<2xf32>
}

// -----

// section C1
// expected-error @+1 {{C1: 'tensor<2xf32>' cannot lie as panels}}
cpu.section @vector panels bytes 8 {
  %0 = sinter.constant dense<1.0> : tensor<2xf32>
  sinter.yield %0 : tensor<2xf32>
}

// -----

// section C1
// expected-error @+1 {{C1: 'tensor<2x2xf64>' cannot lie as panels_transposed}}
cpu.section @wide panels_transposed bytes 32 {
  %0 = sinter.constant dense<1.0> : tensor<2x2xf64>
  sinter.yield %0 : tensor<2x2xf64>
}

// -----

// section C1
// expected-error @+1 {{C1: 'tensor<2x2xf32>' cannot lie as quantized_panels}}
cpu.section @floats quantized_panels bytes 32 {
  %0 = sinter.constant dense<1.0> : tensor<2x2xf32>
  sinter.yield %0 : tensor<2x2xf32>
}

// -----

// section C2
// expected-error @+1 {{C2: 12 bytes for 'tensor<2x2xf32>' as row_major}}
cpu.section @short row_major bytes 12 {
  %0 = sinter.constant dense<1.0> : tensor<2x2xf32>
  sinter.yield %0 : tensor<2x2xf32>
}

// -----

// section C2
// expected-error @+1 {{C2: 12 bytes for 'tensor<2x2xf32>' as panels}}
cpu.section @short_panels panels bytes 12 {
  %0 = sinter.constant dense<1.0> : tensor<2x2xf32>
  sinter.yield %0 : tensor<2x2xf32>
}

// -----

func.func @weights() {
  // expected-error @+1 {{invalid kind of type specified}}
  %0 = cpu.weights @query : index
  return
}

// -----

// expected-error @+1 {{expects region #0 to have 0 or 1 blocks}}
cpu.code @blocks "loop" {
^bb0(%x: tensor<2xf32>):
  sinter.yield %x : tensor<2xf32>
^bb1(%y: tensor<2xf32>):
  sinter.yield %y : tensor<2xf32>
}

// -----

func.func @launch(%a: tensor<2xf32>) -> tensor<2xf32> {
  // launch C1
  // expected-error @+1 {{C1: tasks and scratch are one expression each}}
  %0 = cpu.launch @loop(%a) words [] tasks <"1", "2"> scratch <"0"> : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @launch(%a: tensor<2xf32>) -> tensor<2xf32> {
  // launch C2
  // expected-error @+1 {{C2: there is no such value as #cpu.word<operand, 1, "0">}}
  %0 = cpu.launch @loop(%a) words [#cpu.word<operand, 1, "0">] tasks <"1"> scratch <"0"> : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @launch(%a: tensor<2xf32>) -> tensor<2xf32> {
  // launch C2
  // expected-error @+1 {{C2: there is no such value as #cpu.word<result, 7, "0">}}
  %0 = cpu.launch @loop(%a) words [#cpu.word<result, 7, "0">] tasks <"1"> scratch <"0"> : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// section C1
// expected-error @+1 {{C1: 'tensor<16x16xf32>' cannot lie as blocks}}
cpu.section @dense blocks bytes 1088 {
  %0 = sinter.constant dense<1.0> : tensor<16x16xf32>
  sinter.yield %0 : tensor<16x16xf32>
}
