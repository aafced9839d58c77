// RUN: sinter-opt %s -sinter-quantize=scheme=w8a8 | FileCheck %s --check-prefix=BYTES
// RUN: sinter-opt %s -sinter-quantize=scheme=w4a16g2z | FileCheck %s --check-prefix=GROUPS
// RUN: sinter-opt %s -sinter-quantize | FileCheck %s --check-prefix=NONE

// Tests that every product by a weight becomes one of the scheme's bits, that products of one input share its codes, and that
// products of two activations stay.

module attributes {sinter.files = ["model"]} {
  sinter.weight @w raw 0 at 0 length 128 : tensor<8x4xf32>
  sinter.weight @v raw 0 at 128 length 64 : tensor<8x4xf16>

  // BYTES-LABEL: func.func @main(
  // BYTES-SAME: %[[X:[^:]*]]: tensor<7x8xf32>, %[[Y:[^:]*]]: tensor<4x7xf32>
  // BYTES-DAG: %[[W:.*]] = sinter.parameter @w
  // BYTES-DAG: %[[WS:.*]] = sinter.choose_scale %[[W]] for !sinter.quantized<i8:f32, blocks [0, 1]> : tensor<8x4xf32> -> tensor<1x4xf32>
  // BYTES-DAG: %[[WQ:.*]] = sinter.quantize %[[W]] scale %[[WS]] :
  // BYTES: %[[XS:.*]] = sinter.choose_scale %[[X]] for !sinter.quantized<i8:f32, blocks [1, 0]> : tensor<7x8xf32> -> tensor<7x1xf32>
  // BYTES: %[[XQ:.*]] = sinter.quantize %[[X]] scale %[[XS]] {reciprocal}
  // BYTES: %[[A:.*]] = sinter.quantized_matmul %[[XQ]] scale %[[XS]], %[[WQ]] scale %[[WS]]
  // BYTES-NOT: choose_scale %[[X]]
  // BYTES: sinter.quantized_matmul %[[XQ]] scale %[[XS]],
  // BYTES: sinter.matmul %[[Y]], %[[A]]

  // GROUPS-LABEL: func.func @main(
  // GROUPS: %[[W:.*]] = sinter.parameter @w
  // GROUPS: %[[S:.*]] = sinter.choose_scale %[[W]] for ![[TYPE:.*]] : tensor<8x4xf32> -> tensor<4x4xf32>
  // GROUPS: %[[Z:.*]] = sinter.choose_zero_point %[[W]] scale %[[S]] for ![[TYPE]] : (tensor<8x4xf32>, tensor<4x4xf32>) -> tensor<4x4xui4>
  // GROUPS: %[[Q:.*]] = sinter.quantize %[[W]] scale %[[S]] zero_point %[[Z]] {{.*}}!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>>
  // GROUPS: %[[D:.*]] = sinter.dequantize %[[Q]] scale %[[S]] zero_point %[[Z]]
  // GROUPS: sinter.matmul %{{.*}}, %[[D]]

  // NONE-NOT: quantized
  func.func @main(%x: tensor<7x8xf32>, %y: tensor<4x7xf32>) -> (tensor<4x4xf32>, tensor<7x4xf32>) {
    %w = sinter.parameter @w : tensor<8x4xf32>
    %h = sinter.parameter @v : tensor<8x4xf16>
    %v = sinter.cast %h : tensor<8x4xf16> -> tensor<8x4xf32>
    %0 = sinter.matmul %x, %w : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32> loc("first")
    %1 = sinter.matmul %x, %v : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32> loc("second")
    %2 = sinter.matmul %y, %0 : (tensor<4x7xf32>, tensor<7x4xf32>) -> tensor<4x4xf32>
    return %2, %1 : tensor<4x4xf32>, tensor<7x4xf32>
  }
}
