// RUN: sinter-opt %s -sinter-recognize-quantized | FileCheck %s

// Tests that products of dequantized values and of integers by weights become products of codes, over reshapes of activations
// and transposes of weights.

module attributes {sinter.files = ["model"]} {
  sinter.weight @w raw 0 at 0 length 32 : tensor<4x8xi8>
  sinter.weight @s raw 0 at 32 length 16 : tensor<4x1xf32>
  sinter.weight @t raw 0 at 48 length 4 : tensor<f32>

  // CHECK-LABEL: func.func @qdq(
  // CHECK-SAME: %[[A:[^:]*]]: tensor<2x3x8x!sinter.quantized<ui8:f32, zero_points>>
  // CHECK: %[[S:.*]] = sinter.parameter @s
  // CHECK: %[[T:.*]] = sinter.parameter @t
  // CHECK: %[[WT:.*]] = sinter.transpose %{{.*}} [1, 0] : tensor<4x8xi8> -> tensor<8x4xi8>
  // CHECK: %[[W:.*]] = sinter.storage_cast %[[WT]] : tensor<8x4xi8> -> tensor<8x4x!sinter.quantized<i8:f32, blocks [0, 1]>>
  // CHECK: %[[ST:.*]] = sinter.transpose %[[S]] [1, 0]
  // CHECK: %[[X:.*]] = sinter.reshape %[[A]] : {{.*}} -> tensor<6x8x!sinter.quantized<ui8:f32, zero_points>>
  // CHECK: %[[R:.*]] = sinter.quantized_matmul %[[X]] scale %[[T]] zero_point %{{.*}}, %[[W]] scale %[[ST]]
  // CHECK: return %[[R]]
  func.func @qdq(%a: tensor<2x3x8x!sinter.quantized<ui8:f32, zero_points>>, %z: tensor<ui8>) -> tensor<6x4xf32> {
    %w = sinter.parameter @w : tensor<4x8xi8>
    %s = sinter.parameter @s : tensor<4x1xf32>
    %t = sinter.parameter @t : tensor<f32>
    %c = sinter.storage_cast %w : tensor<4x8xi8> -> tensor<4x8x!sinter.quantized<i8:f32, blocks [1, 0]>>
    %0 = sinter.dequantize %c scale %s : (tensor<4x8x!sinter.quantized<i8:f32, blocks [1, 0]>>, tensor<4x1xf32>) -> tensor<4x8xf32>
    %1 = sinter.transpose %0 [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
    %2 = sinter.dequantize %a scale %t zero_point %z
        : (tensor<2x3x8x!sinter.quantized<ui8:f32, zero_points>>, tensor<f32>, tensor<ui8>) -> tensor<2x3x8xf32>
    %3 = sinter.reshape %2 : tensor<2x3x8xf32> -> tensor<6x8xf32>
    %4 = sinter.matmul %3, %1 : (tensor<6x8xf32>, tensor<8x4xf32>) -> tensor<6x4xf32>
    return %4 : tensor<6x4xf32>
  }

  // CHECK-LABEL: func.func @integers(
  // CHECK: %[[ONE:.*]] = sinter.constant dense<1.000000e+00>
  // CHECK: sinter.quantized_matmul %{{.*}} scale %[[ONE]] zero_point %{{.*}}, %{{.*}} scale %[[ONE]]
  // CHECK-NOT: sinter.matmul
  func.func @integers(%a: tensor<2x4xui8>, %z: tensor<ui8>) -> tensor<2x8xf32> {
    %w = sinter.parameter @w : tensor<4x8xi8>
    %0 = sinter.cast %a : tensor<2x4xui8> -> tensor<2x4xi32>
    %1 = sinter.cast %z : tensor<ui8> -> tensor<i32>
    %2 = sinter.elementwise sub(%0, %1) : (tensor<2x4xi32>, tensor<i32>) -> tensor<2x4xi32>
    %3 = sinter.cast %w : tensor<4x8xi8> -> tensor<4x8xi32>
    %4 = sinter.matmul %2, %3 : (tensor<2x4xi32>, tensor<4x8xi32>) -> tensor<2x8xi32>
    %5 = sinter.cast %4 : tensor<2x8xi32> -> tensor<2x8xf32>
    return %5 : tensor<2x8xf32>
  }
}
