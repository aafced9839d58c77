// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-verify-graph=phase=canonical

// Tests that each promise of a graph, broken, is found and said by its number.

// expected-error @below {{P1: has no function main with a body}}
module {
}

// -----

module {
  // expected-error @below {{P1: argument #0 has no sinter.name}}
  func.func @main(%a: tensor<2xf32>) -> (tensor<2xf32> {sinter.name = "b"}) {
    return %a : tensor<2xf32>
  }
}

// -----

module {
  // expected-error @below {{P1: two results are named 'b'}}
  func.func @main(%a: tensor<2xf32> {sinter.name = "a"})
      -> (tensor<2xf32> {sinter.name = "b"}, tensor<2xf32> {sinter.name = "b"}) {
    return %a, %a : tensor<2xf32>, tensor<2xf32>
  }
}

// -----

module {
  // expected-error @below {{P1: input #0 may have any shape, and is used or has sizes}}
  func.func @main(%a: tensor<f32> {sinter.any_shape, sinter.name = "a"}) -> (tensor<f32> {sinter.name = "b"}) {
    return %a : tensor<f32>
  }
}

// -----

module {
  func.func @main(%a: tensor<2xf32> {sinter.name = "a"}) -> (tensor<2xf32> {sinter.name = "b"}) {
    // expected-error @below {{P2: is not of the sinter dialect}}
    %0 = func.call @other(%a) : (tensor<2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  }
  func.func private @other(tensor<2xf32>) -> tensor<2xf32>
}

// -----

module {
  // expected-error @below {{P3: symbol 'seq' is not declared}}
  func.func @main(%a: tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "a"})
      -> (tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "b"}) {
    return %a : tensor<?xf32, #sinter.dims<"seq">>
  }
}

// -----

module {
  // expected-error @below {{P3: input 'a' has no axis 1}}
  sinter.symbol @seq axis "a" 1 {low = 1 : i64}
  func.func @main(%a: tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "a"})
      -> (tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "b"}) {
    return %a : tensor<?xf32, #sinter.dims<"seq">>
  }
}

// -----

module {
  // expected-error @below {{P4: there is no input 'c' with axis 0}}
  sinter.check "c" 0 declared "s1" size <"2">
  func.func @main(%a: tensor<2xf32> {sinter.name = "a"}) -> (tensor<2xf32> {sinter.name = "b"}) {
    return %a : tensor<2xf32>
  }
}

// -----

module attributes {sinter.files = ["model.onnx"]} {
  // expected-error @below {{P5: there is no file 1 in sinter.files}}
  sinter.weight @w raw 1 at 0 length 8 : tensor<2xf32>
  func.func @main(%a: tensor<2xf32> {sinter.name = "a"}) -> (tensor<2xf32> {sinter.name = "b"}) {
    return %a : tensor<2xf32>
  }
}

// -----

module {
  func.func @main(%a: tensor<2xf32> {sinter.name = "a"}) -> (tensor<2xf32> {sinter.name = "b"}) {
    // expected-error @below {{P6: is not used}}
    %0 = sinter.elementwise abs(%a) : (tensor<2xf32>) -> tensor<2xf32>
    return %a : tensor<2xf32>
  }
}

// -----

module {
  // expected-error @below {{P1: input #0 is the session's, and no scalar of i64}}
  func.func @main(%a: tensor<i32> {sinter.name = "a", sinter.session = "past"}) -> (tensor<i32> {sinter.name = "b"}) {
    return %a : tensor<i32>
  }
}

// -----

module {
  sinter.state @s axis 0 : tensor<4x8xf32>
  func.func @main(%p: tensor<2xi64> {sinter.name = "p"}, %x: tensor<2x8xf32> {sinter.name = "x"})
      -> (tensor<4x8xf32> {sinter.name = "y"}, tensor<4x8xf32> {sinter.name = "z"}) {
    %0 = sinter.update_state @s[%p], %x : (tensor<2xi64>, tensor<2x8xf32>) -> tensor<4x8xf32>
    // expected-error @below {{P8: updates state 's' for the second time}}
    %1 = sinter.update_state @s[%p], %x : (tensor<2xi64>, tensor<2x8xf32>) -> tensor<4x8xf32>
    return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
  }
}
