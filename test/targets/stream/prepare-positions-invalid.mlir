// RUN: sinter-opt %s -split-input-file -verify-diagnostics -sinter-stream-prepare-positions

// Tests that a mask by position is refused beside a bias that only the chip has.

func.func @main(%x: tensor<1x2x2x16xf32> {sinter.name = "x"}, %m: tensor<1x1x1x2xf32> {sinter.name = "m"})
    -> (tensor<1x2x2x16xf32> {sinter.name = "a"}, tensor<1x2x2x16xf32> {sinter.name = "b"}) {
  %t = sinter.elementwise tanh(%m) : (tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32>
  // expected-error @+1 {{unsupported: attention with a mask by position and a bias that the chip computes}}
  %a = sinter.attention %x, %x, %x bias %t scale 0.25 {causal}
      : (tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>, tensor<1x1x1x2xf32>) -> tensor<1x2x2x16xf32>
  // expected-error @+1 {{unsupported: attention with a mask by position and a bias that the chip computes}}
  %b = sinter.attention %x, %x, %x bias %m scale 0.25 {causal}
      : (tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>, tensor<1x1x1x2xf32>) -> tensor<1x2x2x16xf32>
  return %a, %b : tensor<1x2x2x16xf32>, tensor<1x2x2x16xf32>
}
