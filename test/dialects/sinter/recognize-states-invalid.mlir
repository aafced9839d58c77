// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-recognize-states

// Tests that what a state cannot be is refused by name: lengths without bound, ops that would read what is not in use, and inputs and
// outputs whose sizes depend on the length.

// A length that nothing bounds.
// expected-error @unknown {{unsupported: input 'past.k' becomes a state, whose capacity is not given: --dim past=0..CAPACITY}}
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    return %all : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
  }
}

// -----

// A state that is too short for one run.
// expected-error @unknown {{unsupported: input 'past.k' becomes a state with a capacity of 1 positions, and one run adds 2}}
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 1 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    return %all : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
  }
}

// -----

// Positions that are not in use would be added up.
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<8xf32> {sinter.name = "y"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    // expected-error @+1 {{unsupported: it mixes positions of a state beyond those in use; of such ops only attention is supported}}
    %y = sinter.reduce sum %all [0] : tensor<?x8xf32, #sinter.dims<"past + 2", "8">> -> tensor<8xf32>
    return %all, %y : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<8xf32>
  }
}

// -----

// A product over the positions is no attention.
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<8x8xf32> {sinter.name = "y"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    %t = sinter.transpose %all [1, 0] : tensor<?x8xf32, #sinter.dims<"past + 2", "8">> -> tensor<8x?xf32, #sinter.dims<"8", "past + 2">>
    // expected-error @+1 {{unsupported: it mixes positions of a state beyond those in use; of such ops only attention is supported}}
    %y = sinter.matmul %t, %all : (tensor<8x?xf32, #sinter.dims<"8", "past + 2">>, tensor<?x8xf32, #sinter.dims<"past + 2", "8">>) -> tensor<8x8xf32>
    return %all, %y : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<8x8xf32>
  }
}

// -----

// An output that is as long.
// expected-error @unknown {{unsupported: output 'y' has the length of the states}}
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "y"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    %y = sinter.elementwise exp(%all) : (tensor<?x8xf32, #sinter.dims<"past + 2", "8">>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    return %all, %y : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
  }
}

// -----

// Positions before the new ones.
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<1x8xf32> {sinter.name = "y"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    // expected-error @+1 {{unsupported: it takes some of the positions of a state, which has those that are in use and others}}
    %y = sinter.slice %all starts <"1", "0"> steps <"1", "1"> : tensor<?x8xf32, #sinter.dims<"past + 2", "8">> -> tensor<1x8xf32>
    return %all, %y : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<1x8xf32>
  }
}

// -----

// A size that is no multiple of the length.
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<i64> {sinter.name = "y"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    // expected-error @+1 {{unsupported: it computes a size that is no multiple of the states' length 'past'}}
    %y = sinter.sizes scalar <"past * past"> : tensor<i64>
    return %all, %y : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<i64>
  }
}

// -----

// A table that ends before the state does.
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"}, %t: tensor<10x8xf32> {sinter.name = "t"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<1x2x1x8xf32> {sinter.name = "y"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    // expected-error @+1 {{unsupported: it takes positions of a table of 10, and a state has 9}}
    %p = sinter.slice %t starts <"2", "0"> steps <"1", "1"> : tensor<10x8xf32> -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    %q = sinter.reshape %x : tensor<2x8xf32> -> tensor<1x2x1x8xf32>
    %k = sinter.reshape %p : tensor<?x8xf32, #sinter.dims<"past + 2", "8">> -> tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>
    %y = sinter.attention %q, %k, %k scale 1.0 : (tensor<1x2x1x8xf32>, tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>, tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>) -> tensor<1x2x1x8xf32>
    return %all, %y : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<1x2x1x8xf32>
  }
}

// -----

// Queries that are not the new positions.
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"}, %q: tensor<1x3x1x8xf32> {sinter.name = "q"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<1x3x1x8xf32> {sinter.name = "y"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    %k = sinter.reshape %all : tensor<?x8xf32, #sinter.dims<"past + 2", "8">> -> tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>
    // expected-error @+1 {{unsupported: it has 3 queries, and a run adds 2 positions to the keys}}
    %y = sinter.attention %q, %k, %k scale 1.0 : (tensor<1x3x1x8xf32>, tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>, tensor<1x?x1x8xf32, #sinter.dims<"1", "past + 2", "1", "8">>) -> tensor<1x3x1x8xf32>
    return %all, %y : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<1x3x1x8xf32>
  }
}

// -----

// An input as long as the past alone.
// expected-error @unknown {{unsupported: input 'ids' has a size of past, where 'past' is the length of states}}
// expected-error @unknown {{unsupported: output 'z' has the length of the states}}
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"}, %ids: tensor<?xi64, #sinter.dims<"past">> {sinter.name = "ids"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<?xi64, #sinter.dims<"past">> {sinter.name = "z"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    // expected-error @+1 {{unsupported: it makes a tensor with a size of past, where 'past' is the length of states}}
    %z = sinter.elementwise abs(%ids) : (tensor<?xi64, #sinter.dims<"past">>) -> tensor<?xi64, #sinter.dims<"past">>
    return %all, %z : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<?xi64, #sinter.dims<"past">>
  }
}

// -----

// Pasts of two lengths.
// expected-error @unknown {{unsupported: input 'past.v' has other positions and gets 2, where another state has past and gets 2}}
module {
  sinter.symbol @past axis "past.k" 0 {low = 1 : i64, high = 9 : i64}
  sinter.symbol @other axis "past.v" 0 {low = 1 : i64, high = 9 : i64}
  func.func @main(%x: tensor<2x8xf32> {sinter.name = "x"}, %pk: tensor<?x8xf32, #sinter.dims<"past", "8">> {sinter.name = "past.k"}, %pv: tensor<?x8xf32, #sinter.dims<"other", "8">> {sinter.name = "past.v"})
      -> (tensor<?x8xf32, #sinter.dims<"past + 2", "8">> {sinter.name = "present.k"}, tensor<?x8xf32, #sinter.dims<"other + 2", "8">> {sinter.name = "v"}) {
    %all = sinter.concat 0 (%pk, %x) : (tensor<?x8xf32, #sinter.dims<"past", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"past + 2", "8">>
    %v = sinter.concat 0 (%pv, %x) : (tensor<?x8xf32, #sinter.dims<"other", "8">>, tensor<2x8xf32>) -> tensor<?x8xf32, #sinter.dims<"other + 2", "8">>
    return %all, %v : tensor<?x8xf32, #sinter.dims<"past + 2", "8">>, tensor<?x8xf32, #sinter.dims<"other + 2", "8">>
  }
}
