// RUN: sinter-opt %s -verify-diagnostics -split-input-file

// Tests that each numbered constraint of the ops of QuantizationOps.td is checked, and the rules of their type.

// expected-error @+1 {{codes are integers of 16, 8, 4 or 2 bits or floats of at most 8, not 'i32'}}
func.func private @storage(%x: tensor<4x!sinter.quantized<i32:f32>>)

// -----

// expected-error @+1 {{codes stand for f32, f16 or bf16, not 'f64'}}
func.func private @expressed(%x: tensor<4x!sinter.quantized<i8:f64>>)

// -----

// expected-error @+1 {{the length of a block is not negative}}
func.func private @blocks(%x: tensor<4x!sinter.quantized<i8:f32, blocks [-1]>>)

// -----

// quantize C1
func.func @quantize_sizes(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<5x!sinter.quantized<i8:f32>> {
  // expected-error @+1 {{C1: from 'tensor<4xf32>' to}}
  %0 = sinter.quantize %x scale %s : (tensor<4xf32>, tensor<f32>) -> tensor<5x!sinter.quantized<i8:f32>>
  return %0 : tensor<5x!sinter.quantized<i8:f32>>
}

// -----

// quantize C2
func.func @quantize_scale(%x: tensor<4x8xf32>, %s: tensor<8xf32>) -> tensor<4x8x!sinter.quantized<i8:f32, blocks [0, 1]>> {
  // expected-error @+1 {{C2: scales 'tensor<8xf32>' for}}
  %0 = sinter.quantize %x scale %s : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8x!sinter.quantized<i8:f32, blocks [0, 1]>>
  return %0 : tensor<4x8x!sinter.quantized<i8:f32, blocks [0, 1]>>
}

// -----

// quantize C3
func.func @quantize_zero(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4x!sinter.quantized<ui8:f32, zero_points>> {
  // expected-error @+1 {{C3: zero points that do not belong to}}
  %0 = sinter.quantize %x scale %s zero_point %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4x!sinter.quantized<ui8:f32, zero_points>>
  return %0 : tensor<4x!sinter.quantized<ui8:f32, zero_points>>
}

// -----

// dequantize C1
func.func @dequantize_scale(%q: tensor<4x!sinter.quantized<i8:f32, blocks [2]>>, %s: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+2 {{C1: scales 'tensor<4xf32>' for}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.dequantize %q scale %s : (tensor<4x!sinter.quantized<i8:f32, blocks [2]>>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// dequantize C2
func.func @dequantize_zero(%q: tensor<4x!sinter.quantized<i8:f32, zero_points>>, %s: tensor<f32>) -> tensor<4xf32> {
  // expected-error @+2 {{C2: zero points that do not belong to}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.dequantize %q scale %s : (tensor<4x!sinter.quantized<i8:f32, zero_points>>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// storage_cast C1
func.func @storage_cast_type(%x: tensor<4xi8>) -> tensor<4x!sinter.quantized<ui8:f32>> {
  // expected-error @+1 {{C1: from 'tensor<4xi8>' to}}
  %0 = sinter.storage_cast %x : tensor<4xi8> -> tensor<4x!sinter.quantized<ui8:f32>>
  return %0 : tensor<4x!sinter.quantized<ui8:f32>>
}

// -----

// choose_scale C1
func.func @choose_scale_sizes(%x: tensor<4x8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{C1: scales 'tensor<8xf32>' of 'tensor<4x8xf32>' for}}
  %0 = sinter.choose_scale %x for !sinter.quantized<i8:f32, blocks [0, 1]> : tensor<4x8xf32> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// choose_scale C2
func.func @choose_scale_floats(%x: tensor<4xf32>) -> tensor<f32> {
  // expected-error @+1 {{C2: no such scales are known for}}
  %0 = sinter.choose_scale %x for !sinter.quantized<f8E4M3FN:f32> : tensor<4xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// choose_scale C3
func.func @choose_scale_zero(%x: tensor<4xf32>) -> tensor<f32> {
  // expected-error @+1 {{C3: zero point 255 for}}
  %0 = sinter.choose_scale %x for !sinter.quantized<ui8:f32, zero_points> {zero = 255 : i64} : tensor<4xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// choose_zero_point C1
func.func @choose_zero_point_none(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<i8> {
  // expected-error @+1 {{C1: zero points 'tensor<i8>' of 'tensor<4xf32>' for}}
  %0 = sinter.choose_zero_point %x scale %s for !sinter.quantized<i8:f32> : (tensor<4xf32>, tensor<f32>) -> tensor<i8>
  return %0 : tensor<i8>
}

// -----

// gptq C1
func.func @gptq_blocks(%w: tensor<4x8xf32>, %h: tensor<4x4xf32>, %s: tensor<2x1xf32>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 0]>> {
  // expected-error @+1 {{C1: from 'tensor<4x8xf32>' to}}
  %0 = sinter.gptq %w moments %h scale %s : (tensor<4x8xf32>, tensor<4x4xf32>, tensor<2x1xf32>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 0]>>
  return %0 : tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 0]>>
}

// -----

// gptq C2
func.func @gptq_scale(%w: tensor<4x8xf32>, %h: tensor<4x4xf32>, %s: tensor<1x8xf32>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>> {
  // expected-error @+1 {{C2: scales 'tensor<1x8xf32>' for}}
  %0 = sinter.gptq %w moments %h scale %s : (tensor<4x8xf32>, tensor<4x4xf32>, tensor<1x8xf32>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
  return %0 : tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
}

// -----

// gptq C3
func.func @gptq_zero(%w: tensor<4x8xf32>, %h: tensor<4x4xf32>, %s: tensor<2x8xf32>, %z: tensor<2x8xi4>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>> {
  // expected-error @+1 {{C3: zero points that do not belong to}}
  %0 = sinter.gptq %w moments %h scale %s zero_point %z : (tensor<4x8xf32>, tensor<4x4xf32>, tensor<2x8xf32>, tensor<2x8xi4>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
  return %0 : tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
}

// -----

// gptq C4
func.func @gptq_moments(%w: tensor<4x8xf32>, %h: tensor<8x8xf32>, %s: tensor<2x8xf32>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>> {
  // expected-error @+1 {{C4: moments 'tensor<8x8xf32>' for}}
  %0 = sinter.gptq %w moments %h scale %s : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<2x8xf32>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
  return %0 : tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
}

// -----

// quantized_matmul C1
func.func @product_bits(%a: tensor<2x8x!sinter.quantized<i4:f32>>, %s: tensor<f32>, %b: tensor<8x4x!sinter.quantized<i8:f32>>) -> tensor<2x4xf32> {
  // expected-error @+2 {{C1: codes}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.quantized_matmul %a scale %s, %b scale %s
      : (tensor<2x8x!sinter.quantized<i4:f32>>, tensor<f32>, tensor<8x4x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// quantized_matmul C2
func.func @product_sizes(%a: tensor<2x8x!sinter.quantized<i8:f32>>, %s: tensor<f32>, %b: tensor<7x4x!sinter.quantized<i8:f32>>) -> tensor<2x4xf32> {
  // expected-error @+2 {{C2: sizes [2, 8] and [7, 4]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.quantized_matmul %a scale %s, %b scale %s
      : (tensor<2x8x!sinter.quantized<i8:f32>>, tensor<f32>, tensor<7x4x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// quantized_matmul C3
func.func @product_blocks(%a: tensor<2x8x!sinter.quantized<i8:f32, blocks [1, 4]>>, %as: tensor<2x2xf32>, %s: tensor<f32>, %b: tensor<8x4x!sinter.quantized<i8:f32>>) -> tensor<2x4xf32> {
  // expected-error @+2 {{C3: blocks of}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.quantized_matmul %a scale %as, %b scale %s
      : (tensor<2x8x!sinter.quantized<i8:f32, blocks [1, 4]>>, tensor<2x2xf32>, tensor<8x4x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// quantized_matmul C4
func.func @product_scales(%a: tensor<2x8x!sinter.quantized<i8:f32, blocks [1, 0]>>, %s: tensor<f32>, %b: tensor<8x4x!sinter.quantized<i8:f32>>) -> tensor<2x4xf32> {
  // expected-error @+2 {{C4: scales or zero points that do not belong to}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.quantized_matmul %a scale %s, %b scale %s
      : (tensor<2x8x!sinter.quantized<i8:f32, blocks [1, 0]>>, tensor<f32>, tensor<8x4x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
