// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-cpu-verify-program=placed=true

// Tests that each promise of phase placed, broken, is found and said by its number, at sizes other than the least, too.

// expected-error @below {{A1: has no cpu.arena}}
module {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    %1 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"-1">}
        : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module attributes {cpu.arena = #sinter.dims<"0">} {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{A1: has no place for each result}}
    %1 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module attributes {cpu.arena = #sinter.dims<"64">} {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{A2: result #0 does not lie in its output}}
    %1 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"0">}
        : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module attributes {cpu.arena = #sinter.dims<"64">} {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{A3: result #0 lies at 64 with 64 bytes in an arena of 64}}
    %0 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"64">}
        : (tensor<16xf32>) -> tensor<16xf32>
    %1 = cpu.launch @exp(%0) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"-1">}
        : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module attributes {cpu.arena = #sinter.dims<"128">} {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    // expected-error @below {{A3: result #0 lies at 32 with 64 bytes in an arena of 128}}
    %0 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"32">}
        : (tensor<16xf32>) -> tensor<16xf32>
    %1 = cpu.launch @exp(%0) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"-1">}
        : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module attributes {cpu.arena = #sinter.dims<"64">} {
  sinter.symbol @seq axis "a" 0 {low = 1 : i64, high = 512 : i64}
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<?xf32, #sinter.dims<"seq">>):
    %0 = sinter.elementwise exp(%x) : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    sinter.yield %0 : tensor<?xf32, #sinter.dims<"seq">>
  }
  func.func @main(%a: tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "a"})
      -> (tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "b"}) {
    // expected-error @below {{A3: result #0 lies at 0 with 2048 bytes in an arena of 64}}
    %0 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"0">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    %1 = cpu.launch @exp(%0) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"-1">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    return %1 : tensor<?xf32, #sinter.dims<"seq">>
  }
}

// -----

module attributes {cpu.arena = #sinter.dims<"128">} {
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  func.func @main(%a: tensor<16xf32> {sinter.name = "a"}) -> (tensor<16xf32> {sinter.name = "b"}) {
    %0 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"0">}
        : (tensor<16xf32>) -> tensor<16xf32>
    %2 = cpu.launch @exp(%0) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"64">}
        : (tensor<16xf32>) -> tensor<16xf32>
    // expected-error @below {{A4: result #0 lies on the result of another launch that is still read}}
    %3 = cpu.launch @exp(%2) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"64">}
        : (tensor<16xf32>) -> tensor<16xf32>
    %1 = cpu.launch @exp(%3) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"-1">}
        : (tensor<16xf32>) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

// -----

module attributes {cpu.arena = #sinter.dims<"64 * seq + 64">} {
  sinter.symbol @seq axis "a" 0 {low = 1 : i64, high = 512 : i64}
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<?xf32, #sinter.dims<"seq">>):
    %0 = sinter.elementwise exp(%x) : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    sinter.yield %0 : tensor<?xf32, #sinter.dims<"seq">>
  }
  func.func @main(%a: tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "a"})
      -> (tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "b"}) {
    %0 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"0">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    // expected-error @below {{A4: result #0 lies on the result of another launch that is still read}}
    %2 = cpu.launch @exp(%0) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"64">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    %1 = cpu.launch @exp(%2) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"-1">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    return %1 : tensor<?xf32, #sinter.dims<"seq">>
  }
}
