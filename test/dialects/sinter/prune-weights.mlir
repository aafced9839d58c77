// RUN: sinter-opt %s -split-input-file -sinter-prune-weights=pattern=block16x16:75 | FileCheck %s --check-prefix=BLOCKS
// RUN: sinter-opt %s -split-input-file -sinter-prune-weights=pattern=2:4 | FileCheck %s --check-prefix=GROUPS
// RUN: sinter-opt %s -split-input-file -sinter-prune-weights | FileCheck %s --check-prefix=AUTO

// Tests that a weight gets the zeros that were asked for once, whatever reads it, that a quarter of 4 x 3 blocks is three, and
// that nothing happens where nothing was asked for.

module attributes {sinter.files = ["model.onnx"]} {
  sinter.weight @w raw 0 at 0 length 10240 : tensor<40x64xf32>
  // BLOCKS-LABEL: func.func @main
  // GROUPS-LABEL: func.func @main
  // AUTO-LABEL: func.func @main
  // AUTO-NOT: sinter.prune
  func.func @main(%x: tensor<2x64xf32> {sinter.name = "x"}, %y: tensor<2x64xf32> {sinter.name = "y"})
      -> (tensor<2x40xf32> {sinter.name = "a"}, tensor<2x40xf32> {sinter.name = "b"}) {
    %w = sinter.parameter @w : tensor<40x64xf32>
    // BLOCKS: %[[T:.*]] = sinter.transpose
    // GROUPS: %[[T:.*]] = sinter.transpose
    %t = sinter.transpose %w [1, 0] : tensor<40x64xf32> -> tensor<64x40xf32>
    // BLOCKS: %[[P:.*]] = sinter.prune %[[T]] block [16, 16] keep 3 : tensor<64x40xf32>
    // BLOCKS-NOT: sinter.prune
    // GROUPS: %[[P:.*]] = sinter.prune %[[T]] block [1, 1] keep 2 of 4 : tensor<64x40xf32>
    // GROUPS-NOT: sinter.prune
    // BLOCKS-COUNT-2: sinter.matmul %{{.*}}, %[[P]]
    // GROUPS-COUNT-2: sinter.matmul %{{.*}}, %[[P]]
    %0 = sinter.matmul %x, %t : (tensor<2x64xf32>, tensor<64x40xf32>) -> tensor<2x40xf32>
    %1 = sinter.matmul %y, %t : (tensor<2x64xf32>, tensor<64x40xf32>) -> tensor<2x40xf32>
    return %0, %1 : tensor<2x40xf32>, tensor<2x40xf32>
  }
}
