// RUN: sinter-opt %s -split-input-file -verify-diagnostics

// Tests that each constraint of states, broken, is found and said by its number.

// state C1
// expected-error @+1 {{C1: axis 2 of 'tensor<4x8xf32>'}}
sinter.state @s axis 2 : tensor<4x8xf32>

// -----

// state C1
// expected-error @+1 {{C1: axis 0 of}}
sinter.state @s axis 0 : tensor<?x8xf32, #sinter.dims<"n", "8">>

// -----

// update_state C1
func.func @nothing(%p: tensor<2xi64>, %x: tensor<2x8xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{C1: no state is named 's'}}
  %0 = sinter.update_state @s[%p], %x : (tensor<2xi64>, tensor<2x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// update_state C1
sinter.state @s axis 0 : tensor<4x8xf32>
func.func @other_type(%p: tensor<2xi64>, %x: tensor<2x8xf32>) -> tensor<5x8xf32> {
  // expected-error @+1 {{C1: the state's type is 'tensor<4x8xf32>'}}
  %0 = sinter.update_state @s[%p], %x : (tensor<2xi64>, tensor<2x8xf32>) -> tensor<5x8xf32>
  return %0 : tensor<5x8xf32>
}

// -----

// update_state C2
sinter.state @s axis 0 : tensor<4x8xf32>
func.func @other_rows(%p: tensor<2xi64>, %x: tensor<2x7xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{C2: rows 'tensor<2x7xf32>' of a state 'tensor<4x8xf32>' along axis 0}}
  %0 = sinter.update_state @s[%p], %x : (tensor<2xi64>, tensor<2x7xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// update_state C2
sinter.state @s axis 0 : tensor<4x8xf32>
func.func @other_elements(%p: tensor<2xi64>, %x: tensor<2x8xf16>) -> tensor<4x8xf32> {
  // expected-error @+1 {{C2: rows 'tensor<2x8xf16>' of a state 'tensor<4x8xf32>' along axis 0}}
  %0 = sinter.update_state @s[%p], %x : (tensor<2xi64>, tensor<2x8xf16>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// update_state C3
sinter.state @s axis 0 : tensor<4x8xf32>
func.func @other_positions(%p: tensor<3xi64>, %x: tensor<2x8xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{C3: positions 'tensor<3xi64>' for rows 'tensor<2x8xf32>'}}
  %0 = sinter.update_state @s[%p], %x : (tensor<3xi64>, tensor<2x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
