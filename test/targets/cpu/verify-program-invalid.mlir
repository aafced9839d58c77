// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-cpu-verify-program

// Tests that each promise of phase lowered, broken, is found and said by its number.

module {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{L1: is neither a launch nor weights}}
    %1 = sinter.elementwise exp(%a) : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

// expected-error @below {{L1: has no function main with a body}}
module {
}

// -----

module {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{L2: there is no cpu.code of that name}}
    %1 = cpu.launch @other(%a) words [] tasks <"1"> scratch <"0"> : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{L2: its code has other numbers of operands or results}}
    %1 = cpu.launch @exp(%a, %a) words [] tasks <"1"> scratch <"0">
        : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    %0 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> : (tensor<16xf32>) -> tensor<16xi64>
    // expected-error @below {{L2: its code reads other element types}}
    %1 = cpu.launch @exp(%0) words [] tasks <"1"> scratch <"0"> : (tensor<16xi64>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{L3: there is no section of that name and type}}
    %1 = cpu.weights @w : tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{L4: symbol 'seq' is not declared}}
    %1 = cpu.launch @exp(%a) words [] tasks <"seq"> scratch <"0"> : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}
