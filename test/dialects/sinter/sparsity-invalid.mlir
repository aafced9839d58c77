// RUN: sinter-opt %s -verify-diagnostics -split-input-file

// Tests that each numbered constraint of the ops of SparsityOps.td is checked, and the rules of their encoding.

// expected-error @+1 {{#sinter.sparse has a block of rank 1 for a tensor of rank 2}}
func.func private @rank(%x: tensor<4x4xf32, #sinter.sparse<block [16]>>)

// -----

// expected-error @+1 {{a tensor with an encoding #sinter.sparse has static sizes}}
func.func private @dynamic(%x: tensor<?x4xf32, #sinter.sparse<block[16, 16]>>)

// -----

// expected-error @+1 {{the length of a block is positive}}
func.func private @length(%x: tensor<4x4xf32, #sinter.sparse<block [16, 0]>>)

// -----

// prune C1
func.func @prune_block(%w: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @+1 {{C1: a block of [16] for 'tensor<4x4xf32>'}}
  %0 = sinter.prune %w block [16] keep 1 : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// prune C2
func.func @prune_keep(%w: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @+1 {{C2: 5 of 4 blocks are kept}}
  %0 = sinter.prune %w block [2, 2] keep 5 : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// prune C3
func.func @prune_magnitudes(%w: tensor<4x8xf32>, %m: tensor<8xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{C3: magnitudes 'tensor<8xf32>' for 'tensor<4x8xf32>'}}
  %0 = sinter.prune %w block [1, 1] keep 2 of 4 magnitudes %m : tensor<4x8xf32>, tensor<8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// compress C1
func.func @compress_mask(%w: tensor<4x8xf32>, %m: tensor<4xi1>) -> tensor<4x6xf32> {
  // expected-error @+1 {{C1: mask 'tensor<4xi1>' for axis 1 of 'tensor<4x8xf32>'}}
  %0 = sinter.compress %w axis 1 mask %m : (tensor<4x8xf32>, tensor<4xi1>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// compress C2
func.func @compress_result(%w: tensor<4x8xf32>, %m: tensor<8xi1>) -> tensor<4x9xf32> {
  // expected-error @+1 {{C2: from 'tensor<4x8xf32>' to 'tensor<4x9xf32>'}}
  %0 = sinter.compress %w axis 1 mask %m : (tensor<4x8xf32>, tensor<8xi1>) -> tensor<4x9xf32>
  return %0 : tensor<4x9xf32>
}

// -----

// encode C1
func.func @encode_dense(%w: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{C1: from 'tensor<4x8xf32>' to 'tensor<4x8xf32>'}}
  %0 = sinter.encode %w stored 1 : tensor<4x8xf32> -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// encode C2
func.func @encode_stored(%w: tensor<40x8xf32>) -> tensor<40x8xf32, #sinter.sparse<block[16, 16]>> {
  // expected-error @+1 {{C2: 4 of 3 blocks are stored}}
  %0 = sinter.encode %w stored 4 : tensor<40x8xf32> -> tensor<40x8xf32, #sinter.sparse<block[16, 16]>>
  return %0 : tensor<40x8xf32, #sinter.sparse<block[16, 16]>>
}
