// RUN: sinter-opt %s -verify-diagnostics -split-input-file

// Tests that each numbered constraint of each op is checked. Those of TransformerOps.td are in
// transformer-invalid.mlir, those of kernels in kernel-invalid.mlir.

//===----------------------------------------------------------------------===//
// Types and attributes
//===----------------------------------------------------------------------===//

// A dynamic size needs a name.
func.func @unnamed(%a: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{operand #0 must be variadic of ranked tensor of element of a tensor values whose dynamic sizes are in #sinter.dims}}
  %0 = sinter.elementwise neg(%a) : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// An element type that no tensor of the dialect has.
func.func @element_type(%a: tensor<2xi24>) -> tensor<2xf32> {
  // expected-error @+1 {{operand #0 must be ranked tensor of element of a tensor values}}
  %0 = sinter.cast %a : tensor<2xi24> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// expected-error @+1 {{'seq +' is not an expression of sizes}}
func.func @malformed(%a: tensor<?xf32, #sinter.dims<"seq +">>) { return }

// -----

// expected-error @+1 {{'1 + seq' is not in canonical form, which is 'seq + 1'}}
func.func @not_canonical(%a: tensor<?xf32, #sinter.dims<"1 + seq">>) { return }

// -----

// expected-error @+1 {{#sinter.dims has 1 sizes for a tensor of rank 2}}
func.func @rank(%a: tensor<?x2xf32, #sinter.dims<"seq">>) { return }

// -----

// expected-error @+1 {{a tensor whose sizes are all numbers has no #sinter.dims}}
func.func @all_numbers(%a: tensor<2xf32, #sinter.dims<"2">>) { return }

// -----

// expected-error @+1 {{size '3' in #sinter.dims contradicts the tensor's shape}}
func.func @contradiction(%a: tensor<?x2xf32, #sinter.dims<"seq", "3">>) { return }

// -----

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

// symbol C1
// expected-error @+1 {{C1: '2nd' is not the name of such a symbol}}
sinter.symbol @"2nd" axis "x" 0 {low = 1 : i64}

// -----

// symbol C1: an element's name ends in brackets, and only that.
// expected-error @+1 {{C1: 'seq' is not the name of such a symbol}}
sinter.symbol @seq element "x" 0 {low = 1 : i64}

// -----

// symbol C1
// expected-error @+1 {{C1: 'x[0]' is not the name of such a symbol}}
sinter.symbol @"x[0]" axis "x" 0 {low = 1 : i64}

// -----

// symbol C2
// expected-error @+1 {{C2: the least size of a dimension is 0, required at least 1}}
sinter.symbol @seq axis "x" 0 {low = 0 : i64}

// -----

// symbol C2
// expected-error @+1 {{C2: bounds 9 to 8 hold no value}}
sinter.symbol @seq axis "x" 0 {low = 9 : i64, high = 8 : i64}

// -----

// symbol C3
// expected-error @+1 {{C3: the typical value 9 is outside the bounds}}
sinter.symbol @seq axis "x" 0 {low = 1 : i64, high = 8 : i64, typical = 9 : i64}

// -----

// symbol C3
// expected-error @+1 {{C3: the typical value 1 is outside the bounds}}
sinter.symbol @seq axis "x" 0 {low = 2 : i64, typical = 1 : i64}

// -----

// symbol C4
// expected-error @+1 {{C4: a range is of an element}}
sinter.symbol @seq axis "x" 0 {low = 1 : i64, range = [0.0, "x", 1.0]}

// -----

// symbol C4
// expected-error @+1 {{C4: a range is of an element}}
sinter.symbol @"r[]" element "x" 0 {low = 0 : i64, range = [0.0, "x"]}

// -----

// check C1
// expected-error @+1 {{C1: one size is required, not 2}}
sinter.check "x" 0 declared "s" size <"a", "b">

// -----

// weight C1
// expected-error @+1 {{C1: a weight has static sizes}}
sinter.weight @w raw 0 at 0 length 4 : tensor<?xf32, #sinter.dims<"n">>

// -----

// weight C2
// expected-error @+1 {{C2: 8 bytes for a type of 12}}
sinter.weight @w raw 0 at 0 length 8 : tensor<3xf32>

// -----

// weight C2
// expected-error @+1 {{C2: 3 bytes for a type of 2}}
sinter.weight @w packed 0 at 0 length 3 : tensor<3xi4>

// -----

// weight C2
// expected-error @+1 {{C2: elements of type 'ui2' are not raw}}
sinter.weight @w raw 0 at 0 length 3 : tensor<3xui2>

// -----

// weight C2
// expected-error @+1 {{C2: offset and length are not negative}}
sinter.weight @w raw 0 at -4 length 4 : tensor<f32>

// -----

// weight C2
// expected-error @+1 {{C2: offset and length are not negative}}
sinter.weight @w varint 0 at 0 length -1 : tensor<i64>

// -----

// weight C2
// expected-error @+1 {{C2: the elements are more than 63 bits count}}
sinter.weight @w varint 0 at 0 length 0 : tensor<4294967296x4294967296xi64>

// -----

// parameter C1
func.func @no_weight() -> tensor<f32> {
  // expected-error @+1 {{C1: no weight is named 'w'}}
  %0 = sinter.parameter @w : tensor<f32>
  return %0 : tensor<f32>
}

// -----

// parameter C1
sinter.weight @w raw 0 at 0 length 4 : tensor<f32>
func.func @other_type() -> tensor<1xf32> {
  // expected-error @+1 {{C1: the weight's type is 'tensor<f32>'}}
  %0 = sinter.parameter @w : tensor<1xf32>
  return %0 : tensor<1xf32>
}

// -----

// constant C1
func.func @large() -> tensor<1025xi8> {
  // expected-error @+1 {{C1: 1025 elements; more than 1024 are a weight}}
  %0 = sinter.constant dense<"0x000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708090A0B0C0D0E0F1011121314"> : tensor<1025xi8>
  return %0 : tensor<1025xi8>
}

// -----

// sizes C1
func.func @scalar_of_two() -> tensor<i64> {
  // expected-error @+2 {{C1: a scalar needs one size, not 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.sizes scalar <"a", "b"> : tensor<i64>
  return %0 : tensor<i64>
}

// -----

//===----------------------------------------------------------------------===//
// Elementwise functions
//===----------------------------------------------------------------------===//

// elementwise C1
func.func @arity(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{C1: add takes 2 operands, not 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise add(%a) : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// elementwise C2
func.func @float_function(%a: tensor<2xi32>) -> tensor<2xi32> {
  // expected-error @+2 {{C2: exp of elements of type 'i32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise exp(%a) : (tensor<2xi32>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// -----

// elementwise C2
func.func @number_function(%a: tensor<2xi1>) -> tensor<2xi1> {
  // expected-error @+2 {{C2: add of elements of type 'i1'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise add(%a, %a) : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>
  return %0 : tensor<2xi1>
}

// -----

// elementwise C2
func.func @integer_function(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{C2: bitwise_not of elements of type 'f32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise bitwise_not(%a) : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// elementwise C2
func.func @logical_function(%a: tensor<2xi8>) -> tensor<2xi8> {
  // expected-error @+2 {{C2: logical_not of elements of type 'i8'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise logical_not(%a) : (tensor<2xi8>) -> tensor<2xi8>
  return %0 : tensor<2xi8>
}

// -----

// elementwise C2
func.func @narrow_float(%a: tensor<2xf8E4M3FN>) -> tensor<2xf8E4M3FN> {
  // expected-error @+2 {{C2: neg of elements of type 'f8E4M3FN'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise neg(%a) : (tensor<2xf8E4M3FN>) -> tensor<2xf8E4M3FN>
  return %0 : tensor<2xf8E4M3FN>
}

// -----

// elementwise C2
func.func @narrow_equal(%a: tensor<2xui4>) -> tensor<2xi1> {
  // expected-error @+2 {{C2: equal of elements of type 'ui4'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise equal(%a, %a) : (tensor<2xui4>, tensor<2xui4>) -> tensor<2xi1>
  return %0 : tensor<2xi1>
}

// -----

// Narrow elements are not computed with.
func.func @narrow_sum(%a: tensor<2xi4>) -> tensor<i4> {
  // expected-error @+1 {{operand #0 must be ranked tensor of number values}}
  %0 = sinter.reduce sum %a [0] : tensor<2xi4> -> tensor<i4>
  return %0 : tensor<i4>
}

// -----

// elementwise C2
func.func @condition(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{C2: the condition of select is i1, not 'f32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise select(%a, %a, %a) : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// elementwise C2
func.func @mixed(%a: tensor<2xf32>, %b: tensor<2xf64>) -> tensor<2xf32> {
  // expected-error @+2 {{C2: element types 'f32' and 'f64' differ}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise add(%a, %b) : (tensor<2xf32>, tensor<2xf64>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// elementwise C3
func.func @sizes_differ(%a: tensor<2x3xf32>, %b: tensor<2xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C3: sizes [2, 3] and [2] do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise add(%a, %b) : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// elementwise C3: two symbols may be equal at a run, but are not known to be.
func.func @symbols_differ(%a: tensor<?xf32, #sinter.dims<"a">>, %b: tensor<?xf32, #sinter.dims<"b">>)
    -> tensor<?xf32, #sinter.dims<"a">> {
  // expected-error @+2 {{C3: sizes [a] and [b] do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise add(%a, %b) : (tensor<?xf32, #sinter.dims<"a">>, tensor<?xf32, #sinter.dims<"b">>)
      -> tensor<?xf32, #sinter.dims<"a">>
  return %0 : tensor<?xf32, #sinter.dims<"a">>
}

// -----

// elementwise C4
func.func @no_slope(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{C4: leaky_relu without alpha}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise leaky_relu(%a) : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// The result's type is the one that the operands give.
func.func @comparison(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{'sinter.elementwise' op inferred type(s) 'tensor<2xi1>' are incompatible with return type(s) of operation 'tensor<2xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise less(%a, %a) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// cast C1
func.func @cast_sizes(%a: tensor<2xf32>) -> tensor<3xf64> {
  // expected-error @+1 {{C1: sizes [2] and [3] differ}}
  %0 = sinter.cast %a : tensor<2xf32> -> tensor<3xf64>
  return %0 : tensor<3xf64>
}

// -----

// cast C2
func.func @cast_strings(%a: tensor<2x!sinter.string>) -> tensor<2x!sinter.string> {
  // expected-error @+1 {{C2: from a string to a string}}
  %0 = sinter.cast %a : tensor<2x!sinter.string> -> tensor<2x!sinter.string>
  return %0 : tensor<2x!sinter.string>
}

// -----

// cast C2
func.func @cast_narrow_string(%a: tensor<2x!sinter.string>) -> tensor<2xf8E5M2> {
  // expected-error @+1 {{C2: from '!sinter.string' to 'f8E5M2'}}
  %0 = sinter.cast %a : tensor<2x!sinter.string> -> tensor<2xf8E5M2>
  return %0 : tensor<2xf8E5M2>
}

// -----

// cast C3
func.func @cast_unsaturated(%a: tensor<2xf32>) -> tensor<2xf4E2M1FN> {
  // expected-error @+1 {{C3: unsaturated to 'f4E2M1FN'}}
  %0 = sinter.cast %a unsaturated : tensor<2xf32> -> tensor<2xf4E2M1FN>
  return %0 : tensor<2xf4E2M1FN>
}

// -----

// elementwise C2
func.func @strings_have_no_order(%a: tensor<2x!sinter.string>) -> tensor<2xi1> {
  // expected-error @+2 {{C2: less of elements of type '!sinter.string'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.elementwise less(%a, %a) : (tensor<2x!sinter.string>, tensor<2x!sinter.string>) -> tensor<2xi1>
  return %0 : tensor<2xi1>
}

// -----

// Strings are not reduced.
func.func @reduce_strings(%a: tensor<2x!sinter.string>) -> tensor<!sinter.string> {
  // expected-error @+1 {{operand #0 must be ranked tensor of number values}}
  %0 = sinter.reduce max %a [0] : tensor<2x!sinter.string> -> tensor<!sinter.string>
  return %0 : tensor<!sinter.string>
}

// -----

// cast C3
func.func @cast_round(%a: tensor<2xf32>) -> tensor<2xf8E5M2> {
  // expected-error @+1 {{C3: round down to 'f8E5M2'}}
  %0 = sinter.cast %a round down : tensor<2xf32> -> tensor<2xf8E5M2>
  return %0 : tensor<2xf8E5M2>
}

// -----

//===----------------------------------------------------------------------===//
// Rearrangements
//===----------------------------------------------------------------------===//

// reshape C1
func.func @reshape_type(%a: tensor<2xf32>) -> tensor<2xf64> {
  // expected-error @+1 {{C1: the element type changes}}
  %0 = sinter.reshape %a : tensor<2xf32> -> tensor<2xf64>
  return %0 : tensor<2xf64>
}

// -----

// reshape C1
func.func @reshape_count(%a: tensor<?x2xf32, #sinter.dims<"n", "2">>) -> tensor<?xf32, #sinter.dims<"2 * n + 1">> {
  // expected-error @+1 {{C1: 2 * n elements cannot become 2 * n + 1}}
  %0 = sinter.reshape %a : tensor<?x2xf32, #sinter.dims<"n", "2">> -> tensor<?xf32, #sinter.dims<"2 * n + 1">>
  return %0 : tensor<?xf32, #sinter.dims<"2 * n + 1">>
}

// -----

// broadcast C1
func.func @broadcast_type(%a: tensor<2xf32>) -> tensor<2xf64> {
  // expected-error @+1 {{C1: the element type changes}}
  %0 = sinter.broadcast %a : tensor<2xf32> -> tensor<2xf64>
  return %0 : tensor<2xf64>
}

// -----

// broadcast C1
func.func @broadcast_sizes(%a: tensor<2x1xf32>) -> tensor<3x4xf32> {
  // expected-error @+1 {{C1: sizes [2, 1] do not broadcast to [3, 4]}}
  %0 = sinter.broadcast %a : tensor<2x1xf32> -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// broadcast C1
func.func @broadcast_down(%a: tensor<2x3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{C1: sizes [2, 3] do not broadcast to [3]}}
  %0 = sinter.broadcast %a : tensor<2x3xf32> -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// transpose C1
func.func @permutation(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C1: not a permutation of 2 dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.transpose %a [0, 0] : tensor<2x3xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// transpose C1
func.func @permutation_length(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C1: not a permutation of 2 dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.transpose %a [1, 0, 2] : tensor<2x3xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// concat C1
func.func @concat_nothing() -> tensor<f32> {
  // expected-error @+2 {{C1: nothing to join}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.concat 0 () : () -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// concat C1
func.func @concat_axis(%a: tensor<2xf32>) -> tensor<4xf32> {
  // expected-error @+2 {{C1: axis 1 of a tensor of rank 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.concat 1 (%a, %a) : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// concat C2
func.func @concat_types(%a: tensor<2xf32>, %b: tensor<2xf64>) -> tensor<4xf32> {
  // expected-error @+2 {{C2: element types 'f32' and 'f64' differ}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.concat 0 (%a, %b) : (tensor<2xf32>, tensor<2xf64>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// concat C2
func.func @concat_ranks(%a: tensor<2xf32>, %b: tensor<2x1xf32>) -> tensor<4xf32> {
  // expected-error @+2 {{C2: ranks 1 and 2 differ}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.concat 0 (%a, %b) : (tensor<2xf32>, tensor<2x1xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// concat C2
func.func @concat_sizes(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) -> tensor<4x3xf32> {
  // expected-error @+2 {{C2: sizes 3 and 4 of dimension 1 differ}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.concat 0 (%a, %b) : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// -----

// slice C1
func.func @slice_rank(%a: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{C1: element type and rank stay}}
  %0 = sinter.slice %a starts <"0", "0"> steps <"1", "1"> : tensor<2x3xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// slice C1
func.func @slice_numbers(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{C1: 1 starts and 2 steps for rank 2}}
  %0 = sinter.slice %a starts <"0"> steps <"1", "1"> : tensor<2x3xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// slice C2
func.func @slice_step(%a: tensor<3xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{C2: the step of dimension 0 is 0}}
  %0 = sinter.slice %a starts <"0"> steps <"0"> : tensor<3xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// slice C2
func.func @slice_beyond(%a: tensor<3xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{C2: elements 1 to 3 of 3 in dimension 0}}
  %0 = sinter.slice %a starts <"1"> steps <"2"> : tensor<3xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// slice C2
func.func @slice_before(%a: tensor<3xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{C2: elements 0 to -1 of 3 in dimension 0}}
  %0 = sinter.slice %a starts <"0"> steps <"-1"> : tensor<3xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// slice C2: a number that wraps is no way inside.
func.func @slice_wraps(%a: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{C2: 3 elements by 9223372036854775807 of 3 in dimension 0}}
  %0 = sinter.slice %a starts <"0"> steps <"9223372036854775807"> : tensor<3xf32> -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// pad C1
func.func @pad_numbers(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C1: 2 low and 1 high for rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.pad constant %a low <"0", "0"> high <"0"> : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// pad C2
func.func @pad_value(%a: tensor<2xf32>, %b: tensor<1xf32>) -> tensor<3xf32> {
  // expected-error @+2 {{C2: a value is a scalar of type 'f32', for mode constant}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.pad constant %a value %b low <"0"> high <"1"> : (tensor<2xf32>, tensor<1xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// pad C2
func.func @pad_mode(%a: tensor<2xf32>, %b: tensor<f32>) -> tensor<3xf32> {
  // expected-error @+2 {{C2: a value is a scalar of type 'f32', for mode constant}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.pad edge %a value %b low <"0"> high <"1"> : (tensor<2xf32>, tensor<f32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// range C1
func.func @range_types(%a: tensor<i64>, %b: tensor<i32>) -> tensor<3xi64> {
  // expected-error @+1 {{C1: scalars and a result of rank 1, of one element type}}
  %0 = sinter.range %a, %b : (tensor<i64>, tensor<i32>) -> tensor<3xi64>
  return %0 : tensor<3xi64>
}

// -----

// range C1
func.func @range_ranks(%a: tensor<1xi64>, %b: tensor<i64>) -> tensor<3xi64> {
  // expected-error @+1 {{C1: scalars and a result of rank 1, of one element type}}
  %0 = sinter.range %a, %b : (tensor<1xi64>, tensor<i64>) -> tensor<3xi64>
  return %0 : tensor<3xi64>
}

// -----

//===----------------------------------------------------------------------===//
// Indexing
//===----------------------------------------------------------------------===//

// gather C1
func.func @gather_axis(%a: tensor<2x3xf32>, %i: tensor<1xi64>) -> tensor<1x3xf32> {
  // expected-error @+2 {{C1: axis 2 of data of rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.gather %a[%i] axis 2 : (tensor<2x3xf32>, tensor<1xi64>) -> tensor<1x3xf32>
  return %0 : tensor<1x3xf32>
}

// -----

// Indices are of i32 or i64.
func.func @gather_indices(%a: tensor<2x3xf32>, %i: tensor<1xi8>) -> tensor<1x3xf32> {
  // expected-error @+1 {{operand #1 must be ranked tensor of 32-bit signless integer or 64-bit signless integer values}}
  %0 = sinter.gather %a[%i] axis 0 : (tensor<2x3xf32>, tensor<1xi8>) -> tensor<1x3xf32>
  return %0 : tensor<1x3xf32>
}

// -----

// gather_elements C1
func.func @gather_elements_rank(%a: tensor<2x3xf32>, %i: tensor<2xi64>) -> tensor<2xf32> {
  // expected-error @+2 {{C1: axis 0 of data of rank 2 and indices of rank 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.gather_elements %a[%i] axis 0 : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// gather_nd C1
func.func @gather_nd_length(%a: tensor<2x3xf32>, %i: tensor<2x3xi64>) -> tensor<2xf32> {
  // expected-error @+2 {{C1: indices of length 3 into 2 dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.gather_nd %a[%i] batch_dims 0 : (tensor<2x3xf32>, tensor<2x3xi64>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// gather_nd C1
func.func @gather_nd_dynamic(%a: tensor<2x3xf32>, %i: tensor<2x?xi64, #sinter.dims<"2", "n">>) -> tensor<2xf32> {
  // expected-error @+2 {{C1: indices of length n into 2 dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.gather_nd %a[%i] batch_dims 0 : (tensor<2x3xf32>, tensor<2x?xi64, #sinter.dims<"2", "n">>)
      -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// gather_nd C2
func.func @gather_nd_shared(%a: tensor<2x3xf32>, %i: tensor<3x1xi64>) -> tensor<3xf32> {
  // expected-error @+2 {{C2: 1 shared dimensions of sizes [2, 3] and [3, 1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.gather_nd %a[%i] batch_dims 1 : (tensor<2x3xf32>, tensor<3x1xi64>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// gather_nd C2
func.func @gather_nd_all_shared(%a: tensor<2xf32>, %i: tensor<2x1xi64>) -> tensor<2xf32> {
  // expected-error @+2 {{C2: 1 shared dimensions of sizes [2] and [2, 1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.gather_nd %a[%i] batch_dims 1 : (tensor<2xf32>, tensor<2x1xi64>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// scatter_elements C1
func.func @scatter_elements_axis(%a: tensor<2x3xf32>, %i: tensor<1x1xi64>, %u: tensor<1x1xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C1: axis -1 of data of rank 2, indices of rank 2 and updates of rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_elements add %a[%i], %u axis -1
      : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<1x1xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// scatter_elements C2
func.func @scatter_elements_sizes(%a: tensor<2x3xf32>, %i: tensor<1x1xi64>, %u: tensor<1x2xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C2: updates 'tensor<1x2xf32>' for indices of sizes [1, 1] and data of type 'f32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_elements add %a[%i], %u axis 0
      : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<1x2xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// scatter_elements C2
func.func @scatter_elements_type(%a: tensor<2x3xf32>, %i: tensor<1x1xi64>, %u: tensor<1x1xf64>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C2: updates 'tensor<1x1xf64>' for indices of sizes [1, 1] and data of type 'f32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_elements add %a[%i], %u axis 0
      : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<1x1xf64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// scatter_elements C3
func.func @scatter_elements_strings(%a: tensor<2x!sinter.string>, %i: tensor<1xi64>, %u: tensor<1x!sinter.string>)
    -> tensor<2x!sinter.string> {
  // expected-error @+2 {{C3: strings are replaced only}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_elements max %a[%i], %u axis 0
      : (tensor<2x!sinter.string>, tensor<1xi64>, tensor<1x!sinter.string>) -> tensor<2x!sinter.string>
  return %0 : tensor<2x!sinter.string>
}

// -----

// scatter_nd C3
func.func @scatter_nd_strings(%a: tensor<2x!sinter.string>, %i: tensor<1x1xi64>, %u: tensor<1x!sinter.string>)
    -> tensor<2x!sinter.string> {
  // expected-error @+2 {{C3: strings are replaced only}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_nd add %a[%i], %u
      : (tensor<2x!sinter.string>, tensor<1x1xi64>, tensor<1x!sinter.string>) -> tensor<2x!sinter.string>
  return %0 : tensor<2x!sinter.string>
}

// -----

// scatter_elements C3
func.func @scatter_elements_narrow(%a: tensor<2xi4>, %i: tensor<1xi64>, %u: tensor<1xi4>) -> tensor<2xi4> {
  // expected-error @+2 {{C3: add of elements of type 'i4'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_elements add %a[%i], %u axis 0 : (tensor<2xi4>, tensor<1xi64>, tensor<1xi4>) -> tensor<2xi4>
  return %0 : tensor<2xi4>
}

// -----

// scatter_nd C1
func.func @scatter_nd_length(%a: tensor<2xf32>, %i: tensor<1x2xi64>, %u: tensor<1xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{C1: indices of sizes [1, 2] into 1 dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_nd add %a[%i], %u : (tensor<2xf32>, tensor<1x2xi64>, tensor<1xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// scatter_nd C1
func.func @scatter_nd_scalar(%a: tensor<2xf32>, %i: tensor<i64>, %u: tensor<f32>) -> tensor<2xf32> {
  // expected-error @+2 {{C1: indices of sizes [] into 1 dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_nd add %a[%i], %u : (tensor<2xf32>, tensor<i64>, tensor<f32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// scatter_nd C2
func.func @scatter_nd_updates(%a: tensor<2x3xf32>, %i: tensor<1x1xi64>, %u: tensor<1xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{C2: updates are 'tensor<1xf32>', required sizes [1, 3] and element type 'f32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_nd add %a[%i], %u : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<1xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// scatter_nd C3
func.func @scatter_nd_narrow(%a: tensor<2xf8E5M2>, %i: tensor<1x1xi64>, %u: tensor<1xf8E5M2>) -> tensor<2xf8E5M2> {
  // expected-error @+2 {{C3: max of elements of type 'f8E5M2'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.scatter_nd max %a[%i], %u : (tensor<2xf8E5M2>, tensor<1x1xi64>, tensor<1xf8E5M2>) -> tensor<2xf8E5M2>
  return %0 : tensor<2xf8E5M2>
}

// -----

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

// reduce C1
func.func @reduce_order(%a: tensor<2x3xf32>) -> tensor<f32> {
  // expected-error @+2 {{C1: axes of a tensor of rank 2 that are not increasing dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.reduce sum %a [1, 0] : tensor<2x3xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// reduce C1
func.func @reduce_axis(%a: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{C1: axes of a tensor of rank 2 that are not increasing dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.reduce sum %a [2] : tensor<2x3xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// arg_reduce C1
func.func @arg_reduce_axis(%a: tensor<2x3xf32>) -> tensor<2xi64> {
  // expected-error @+2 {{C1: axis 2 of a tensor of rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = sinter.arg_reduce max %a axis 2 : tensor<2x3xf32> -> tensor<2xi64>
  return %0 : tensor<2xi64>
}

// -----

// cumulative_sum C1
func.func @cumulative_sum_axis(%a: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{C1: axis 0 of a tensor of rank 0}}
  %0 = sinter.cumulative_sum %a axis 0 : tensor<f32>
  return %0 : tensor<f32>
}

// -----

// softmax C1
func.func @softmax_axis(%a: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{C1: axis -1 of a tensor of rank 1}}
  %0 = sinter.softmax %a axis -1 : tensor<2xf32>
  return %0 : tensor<2xf32>
}
