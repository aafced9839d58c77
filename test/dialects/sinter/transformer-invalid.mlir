// RUN: sinter-opt %s -verify-diagnostics -split-input-file

// Tests that each numbered constraint of the ops of TransformerOps.td is checked.

// matmul C1
func.func @matmul_rank(%a: tensor<2xf32>, %b: tensor<2x3xf32>) -> tensor<3xf32> {
  // expected-error @+2 {{C1: operands 'tensor<2xf32>' and 'tensor<2x3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.matmul %a, %b : (tensor<2xf32>, tensor<2x3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// matmul C1
func.func @matmul_types(%a: tensor<1x2xf32>, %b: tensor<2x3xf16>) -> tensor<1x3xf32> {
  // expected-error @+2 {{C1: operands 'tensor<1x2xf32>' and 'tensor<2x3xf16>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.matmul %a, %b : (tensor<1x2xf32>, tensor<2x3xf16>) -> tensor<1x3xf32>
  return %0 : tensor<1x3xf32>
}

// -----

// matmul C2
func.func @matmul_k(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C2: 3 columns times 2 rows}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.matmul %a, %b : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// matmul C3
func.func @matmul_leading(%a: tensor<2x1x1xf32>, %b: tensor<3x1x1xf32>) -> tensor<2x1x1xf32> {
  // expected-error @+2 {{C3: leading sizes of [2, 1, 1] and [3, 1, 1] do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.matmul %a, %b : (tensor<2x1x1xf32>, tensor<3x1x1xf32>) -> tensor<2x1x1xf32>
  return %0 : tensor<2x1x1xf32>
}

// -----

// conv C1
func.func @conv_strides(%x: tensor<1x3x8xf32>, %w: tensor<4x3x2xf32>) -> tensor<1x4x7xf32> {
  // expected-error @+2 {{C1: ranks, types or numbers for each spatial dimension do not fit}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.conv %x, %w strides [1, 1] dilations [1] low [0] high [0] groups 1
      : (tensor<1x3x8xf32>, tensor<4x3x2xf32>) -> tensor<1x4x7xf32>
  return %0 : tensor<1x4x7xf32>
}

// -----

// conv C1
func.func @conv_zero(%x: tensor<1x3x8xf32>, %w: tensor<4x3x2xf32>) -> tensor<1x4x7xf32> {
  // expected-error @+2 {{C1: ranks, types or numbers for each spatial dimension do not fit}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.conv %x, %w strides [0] dilations [1] low [0] high [0] groups 1
      : (tensor<1x3x8xf32>, tensor<4x3x2xf32>) -> tensor<1x4x7xf32>
  return %0 : tensor<1x4x7xf32>
}

// -----

// conv C2
func.func @conv_channels(%x: tensor<1x3x8xf32>, %w: tensor<4x2x2xf32>) -> tensor<1x4x7xf32> {
  // expected-error @+2 {{C2: 3 channels, filters [4, 2, 2] in 1 groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.conv %x, %w strides [1] dilations [1] low [0] high [0] groups 1
      : (tensor<1x3x8xf32>, tensor<4x2x2xf32>) -> tensor<1x4x7xf32>
  return %0 : tensor<1x4x7xf32>
}

// -----

// conv C2
func.func @conv_groups(%x: tensor<1x4x8xf32>, %w: tensor<3x2x2xf32>) -> tensor<1x3x7xf32> {
  // expected-error @+2 {{C2: 4 channels, filters [3, 2, 2] in 2 groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.conv %x, %w strides [1] dilations [1] low [0] high [0] groups 2
      : (tensor<1x4x8xf32>, tensor<3x2x2xf32>) -> tensor<1x3x7xf32>
  return %0 : tensor<1x3x7xf32>
}

// -----

// conv C3
func.func @conv_bias(%x: tensor<1x3x8xf32>, %w: tensor<4x3x2xf32>, %b: tensor<3xf32>) -> tensor<1x4x7xf32> {
  // expected-error @+2 {{C3: a bias of type 'tensor<3xf32>' for 4 filters}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.conv %x, %w bias %b strides [1] dilations [1] low [0] high [0] groups 1
      : (tensor<1x3x8xf32>, tensor<4x3x2xf32>, tensor<3xf32>) -> tensor<1x4x7xf32>
  return %0 : tensor<1x4x7xf32>
}

// -----

// conv C4
func.func @conv_window(%x: tensor<1x3x2xf32>, %w: tensor<4x3x2xf32>) -> tensor<1x4x1xf32> {
  // expected-error @+2 {{C4: the window of dimension 2 is larger than the padded input}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.conv %x, %w strides [1] dilations [3] low [0] high [1] groups 1
      : (tensor<1x3x2xf32>, tensor<4x3x2xf32>) -> tensor<1x4x1xf32>
  return %0 : tensor<1x4x1xf32>
}

// -----

// layer_norm C1
func.func @layer_norm_axis(%x: tensor<2x8xf32>, %s: tensor<8xf32>) -> tensor<2x8xf32> {
  // expected-error @+2 {{C1: axis 2 of a tensor of rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.layer_norm %x scale %s axis 2 epsilon 1.0e-5 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// layer_norm C2
func.func @layer_norm_scale(%x: tensor<2x8xf32>, %s: tensor<2x8xf32>) -> tensor<2x8xf32> {
  // expected-error @+2 {{C2: scale or bias 'tensor<2x8xf32>' for 'tensor<2x8xf32>' from axis 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.layer_norm %x scale %s axis 1 epsilon 1.0e-5 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// layer_norm C2
func.func @layer_norm_bias(%x: tensor<2x8xf32>, %s: tensor<8xf32>, %b: tensor<8xf64>) -> tensor<2x8xf32> {
  // expected-error @+2 {{C2: scale or bias 'tensor<8xf64>' for 'tensor<2x8xf32>' from axis 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.layer_norm %x scale %s bias %b axis 1 epsilon 1.0e-5
      : (tensor<2x8xf32>, tensor<8xf32>, tensor<8xf64>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// rms_norm C1
func.func @rms_norm_axis(%x: tensor<2x8xf32>, %s: tensor<8xf32>) -> tensor<2x8xf32> {
  // expected-error @+2 {{C1: axis -1 of a tensor of rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.rms_norm %x scale %s axis -1 epsilon 1.0e-5 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// rms_norm C2
func.func @rms_norm_scale(%x: tensor<2x8xf32>, %s: tensor<2xf32>) -> tensor<2x8xf32> {
  // expected-error @+2 {{C2: scale 'tensor<2xf32>' for 'tensor<2x8xf32>' from axis 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.rms_norm %x scale %s axis 1 epsilon 1.0e-5 : (tensor<2x8xf32>, tensor<2xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// rotary C1
func.func @rotary_angles(%x: tensor<2x8xf32>, %c: tensor<4xf32>, %s: tensor<2x4xf32>) -> tensor<2x8xf32> {
  // expected-error @+2 {{C1: input 'tensor<2x8xf32>', cos 'tensor<4xf32>', sin 'tensor<2x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.rotary %x cos %c sin %s : (tensor<2x8xf32>, tensor<4xf32>, tensor<2x4xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// rotary C2
func.func @rotary_size(%x: tensor<2x6xf32>, %c: tensor<4xf32>, %s: tensor<4xf32>) -> tensor<2x6xf32> {
  // expected-error @+2 {{C2: angles of sizes [4] for input of sizes [2, 6]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.rotary %x cos %c sin %s : (tensor<2x6xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x6xf32>
  return %0 : tensor<2x6xf32>
}

// -----

// rotary C2
func.func @rotary_leading(%x: tensor<2x8xf32>, %c: tensor<3x4xf32>, %s: tensor<3x4xf32>) -> tensor<2x8xf32> {
  // expected-error @+2 {{C2: angles of sizes [3, 4] for input of sizes [2, 8]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.rotary %x cos %c sin %s : (tensor<2x8xf32>, tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

// attention C1
func.func @attention_rank(%q: tensor<2x7x16xf32>) -> tensor<2x7x16xf32> {
  // expected-error @+2 {{C1: an operand of type 'tensor<2x7x16xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.attention %q, %q, %q scale 0.25
      : (tensor<2x7x16xf32>, tensor<2x7x16xf32>, tensor<2x7x16xf32>) -> tensor<2x7x16xf32>
  return %0 : tensor<2x7x16xf32>
}

// -----

// attention C2
func.func @attention_groups(%q: tensor<2x7x4x16xf32>, %k: tensor<2x7x3x16xf32>) -> tensor<2x7x4x16xf32> {
  // expected-error @+2 {{C2: query [2, 7, 4, 16], key [2, 7, 3, 16], value [2, 7, 3, 16]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.attention %q, %k, %k scale 0.25
      : (tensor<2x7x4x16xf32>, tensor<2x7x3x16xf32>, tensor<2x7x3x16xf32>) -> tensor<2x7x4x16xf32>
  return %0 : tensor<2x7x4x16xf32>
}

// -----

// attention C2
func.func @attention_size(%q: tensor<2x7x4x16xf32>, %k: tensor<2x7x4x8xf32>) -> tensor<2x7x4x8xf32> {
  // expected-error @+2 {{C2: query [2, 7, 4, 16], key [2, 7, 4, 8], value [2, 7, 4, 8]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.attention %q, %k, %k scale 0.25
      : (tensor<2x7x4x16xf32>, tensor<2x7x4x8xf32>, tensor<2x7x4x8xf32>) -> tensor<2x7x4x8xf32>
  return %0 : tensor<2x7x4x8xf32>
}

// -----

// attention C3
func.func @attention_bias(%q: tensor<2x7x4x16xf32>, %m: tensor<2x1x7x1xf32>, %n: tensor<2x4x1x6xf32>)
    -> tensor<2x7x4x16xf32> {
  // expected-error @+2 {{C3: bias 'tensor<2x4x1x6xf32>' for query [2, 7, 4, 16] and key [2, 7, 4, 16]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.attention %q, %q, %q bias %n scale 0.25
      : (tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x4x1x6xf32>) -> tensor<2x7x4x16xf32>
  return %0 : tensor<2x7x4x16xf32>
}

// -----

// attention C4
func.func @attention_past(%q: tensor<2x7x4x16xf32>, %p: tensor<1xi64>) -> tensor<2x7x4x16xf32> {
  // expected-error @+2 {{C4: past 'tensor<1xi64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.attention %q, %q, %q past %p scale 0.25
      : (tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<1xi64>) -> tensor<2x7x4x16xf32>
  return %0 : tensor<2x7x4x16xf32>
}

// -----

// expected-error@+2 {{the operands of products are floats of at most 32 bits, not 'i8'}}
func.func @numerics_c1_operands(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>) -> tensor<2x2xf32> {
  %0 = sinter.matmul %a, %b {sinter.numerics = #sinter.numerics<operands i8, tile 4, chains 1>} : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

// expected-error@+2 {{a tile has at least one element, and a sum at least one chain}}
func.func @numerics_c1_tile(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>) -> tensor<2x2xf32> {
  %0 = sinter.matmul %a, %b {sinter.numerics = #sinter.numerics<operands f16, tile 0, chains 1>} : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}
