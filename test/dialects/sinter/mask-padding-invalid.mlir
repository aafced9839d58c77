// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-mask-padding=dims=seq

// Tests that ops whose results would depend on padding are refused, each with what it does.

// The mean over all positions.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x12xf32> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it computes with all positions of a padded dimension, the padding among them; compile for one size of seq at a time}}
  %0 = sinter.reduce mean %x [1] : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> -> tensor<1x12xf32>
  return %0 : tensor<1x12xf32>
}

// -----

// A softmax over the positions.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it computes with all positions of a padded dimension}}
  %0 = sinter.softmax %x axis 1 : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>
  return %0 : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>
}

// -----

// The last position.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x1x12xf32> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it takes positions that are counted from the end of a padded dimension}}
  %0 = sinter.slice %x starts <"0", "seq - 1", "0"> steps <"1", "1", "1"> : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> -> tensor<1x1x12xf32>
  return %0 : tensor<1x1x12xf32>
}

// -----

// Positions that a run chooses.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x1x12xf32> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it takes positions of a padded dimension, which may be padding}}
  %0 = sinter.gather %x[%i] axis 1 : (tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>, tensor<1xi64>) -> tensor<1x1x12xf32>
  return %0 : tensor<1x1x12xf32>
}

// -----

// Something behind the last position.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x?x12xf32, #sinter.dims<"1", "2 * seq", "12">> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it appends to a padded dimension}}
  %0 = sinter.concat 1 (%x, %x) : (tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>, tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>) -> tensor<1x?x12xf32, #sinter.dims<"1", "2 * seq", "12">>
  return %0 : tensor<1x?x12xf32, #sinter.dims<"1", "2 * seq", "12">>
}

// -----

// Zeros behind the last position.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x?x12xf32, #sinter.dims<"1", "seq + 2", "12">> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it appends to a padded dimension}}
  %0 = sinter.pad constant %x low <"0", "0", "0"> high <"0", "2", "0"> : (tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>) -> tensor<1x?x12xf32, #sinter.dims<"1", "seq + 2", "12">>
  return %0 : tensor<1x?x12xf32, #sinter.dims<"1", "seq + 2", "12">>
}

// -----

// Positions and features in one dimension.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x?xf32, #sinter.dims<"1", "12 * seq">> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it splits a padded dimension, or joins it with others}}
  %0 = sinter.reshape %x : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> -> tensor<1x?xf32, #sinter.dims<"1", "12 * seq">>
  return %0 : tensor<1x?xf32, #sinter.dims<"1", "12 * seq">>
}

// -----

// Sums that run from the end.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it computes with all positions of a padded dimension}}
  %0 = sinter.cumulative_sum %x axis 1 {reverse} : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>
  return %0 : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>
}

// -----

// A product over the positions.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1x12x12xf32> {sinter.name = "y"}) {
  %t = sinter.transpose %x [0, 2, 1] : tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> -> tensor<1x12x?xf32, #sinter.dims<"1", "12", "seq">>
  // expected-error @+1 {{unsupported: it computes with all positions of a padded dimension}}
  %0 = sinter.matmul %t, %x : (tensor<1x12x?xf32, #sinter.dims<"1", "12", "seq">>, tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">>) -> tensor<1x12x12xf32>
  return %0 : tensor<1x12x12xf32>
}

// -----

// A number that grows with the size.
sinter.symbol @seq axis "x" 1 {low = 1 : i64, high = 64 : i64}
func.func @main(%x: tensor<1x?x12xf32, #sinter.dims<"1", "seq", "12">> {sinter.name = "x"}, %i: tensor<1xi64> {sinter.name = "i"})
    -> (tensor<1xi64> {sinter.name = "y"}) {
  // expected-error @+1 {{unsupported: it computes with the size of a padded dimension}}
  %0 = sinter.sizes <"2 * seq"> : tensor<1xi64>
  return %0 : tensor<1xi64>
}
