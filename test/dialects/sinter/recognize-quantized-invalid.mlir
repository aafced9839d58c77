// RUN: sinter-opt %s -split-input-file -sinter-recognize-quantized | FileCheck %s

// Tests that other products stay as they are: of two activations, scales along the summed dimension of the left side, and codes of 4 bits there.

// CHECK-NOT: quantized_matmul
// CHECK-COUNT-3: sinter.matmul
func.func @activations(%a: tensor<2x8x!sinter.quantized<i8:f32>>, %b: tensor<8x4x!sinter.quantized<i8:f32>>, %s: tensor<f32>) -> tensor<2x4xf32> {
  %0 = sinter.dequantize %a scale %s : (tensor<2x8x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x8xf32>
  %1 = sinter.dequantize %b scale %s : (tensor<8x4x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<8x4xf32>
  %2 = sinter.matmul %0, %1 : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// -----

func.func @columns(%a: tensor<1x2x!sinter.quantized<i8:f32, blocks [0, 1]>>, %s: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %c = sinter.constant dense<1> : tensor<2x1xi8>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %b = sinter.storage_cast %c : tensor<2x1xi8> -> tensor<2x1x!sinter.quantized<i8:f32>>
  %0 = sinter.dequantize %a scale %s : (tensor<1x2x!sinter.quantized<i8:f32, blocks [0, 1]>>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = sinter.dequantize %b scale %one : (tensor<2x1x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x1xf32>
  %2 = sinter.matmul %0, %1 : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// -----

func.func @bits(%a: tensor<1x2x!sinter.quantized<i4:f32>>, %s: tensor<f32>) -> tensor<1x1xf32> {
  %c = sinter.constant dense<1> : tensor<2x1xi8>
  %b = sinter.storage_cast %c : tensor<2x1xi8> -> tensor<2x1x!sinter.quantized<i8:f32>>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %0 = sinter.dequantize %a scale %s : (tensor<1x2x!sinter.quantized<i4:f32>>, tensor<f32>) -> tensor<1x2xf32>
  %1 = sinter.dequantize %b scale %one : (tensor<2x1x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x1xf32>
  %2 = sinter.matmul %0, %1 : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}
