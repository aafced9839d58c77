// RUN: sinter-opt %s -verify-each | sinter-opt -verify-each | FileCheck %s

// Tests that the example of each op is read, verified and printed as it was.

module attributes {sinter.files = ["model.onnx", "model.safetensors"]} {

// CHECK: sinter.symbol @seq axis "input_ids" 1 {high = 512 : i64, low = 1 : i64}
sinter.symbol @seq axis "input_ids" 1 {low = 1 : i64, high = 512 : i64}

// CHECK: sinter.symbol @"shape[0]" element "shape" 0 {low = -1 : i64}
sinter.symbol @"shape[0]" element "shape" 0 {low = -1 : i64}

// CHECK: sinter.check "attention_mask" 1 declared "s12" size <"s21">
sinter.check "attention_mask" 1 declared "s12" size <"s21">

// CHECK: sinter.weight @query raw 1 at 4096 length 589824 : tensor<384x384xf32>
sinter.weight @query raw 1 at 4096 length 589824 : tensor<384x384xf32>

// CHECK: sinter.state @key.0 axis 1 : tensor<1x64x2x16xf32>
sinter.state @key.0 axis 1 : tensor<1x64x2x16xf32>

// CHECK-LABEL: func.func @values
func.func @values() -> (tensor<384x384xf32>, tensor<f32>, tensor<2xi64>, tensor<i64>) {
  // CHECK: sinter.parameter @query : tensor<384x384xf32>
  %0 = sinter.parameter @query : tensor<384x384xf32>
  // CHECK: sinter.constant dense<1.000000e+00> : tensor<f32>
  %1 = sinter.constant dense<1.0> : tensor<f32>
  // CHECK: sinter.sizes <"batch", "2 * seq"> : tensor<2xi64>
  %2 = sinter.sizes <"batch", "2 * seq"> : tensor<2xi64>
  // CHECK: sinter.sizes scalar <"batch"> : tensor<i64>
  %3 = sinter.sizes scalar <"batch"> : tensor<i64>
  return %0, %1, %2, %3 : tensor<384x384xf32>, tensor<f32>, tensor<2xi64>, tensor<i64>
}

// CHECK-LABEL: func.func @dynamic
func.func @dynamic(%a: tensor<?x?x384xf32, #sinter.dims<"batch", "seq", "384">>, %b: tensor<384xf32>)
    -> tensor<?x384xf32, #sinter.dims<"batch * seq", "384">> {
  // CHECK: sinter.elementwise add({{.*}}) : (tensor<?x?x384xf32, #sinter.dims<"batch", "seq", "384">>, tensor<384xf32>) -> tensor<?x?x384xf32, #sinter.dims<"batch", "seq", "384">>
  %0 = sinter.elementwise add(%a, %b) : (tensor<?x?x384xf32, #sinter.dims<"batch", "seq", "384">>, tensor<384xf32>)
      -> tensor<?x?x384xf32, #sinter.dims<"batch", "seq", "384">>
  %1 = sinter.reshape %0 : tensor<?x?x384xf32, #sinter.dims<"batch", "seq", "384">>
      -> tensor<?x384xf32, #sinter.dims<"batch * seq", "384">>
  return %1 : tensor<?x384xf32, #sinter.dims<"batch * seq", "384">>
}

// CHECK-LABEL: func.func @elementwise(
func.func @elementwise(%a: tensor<2x3xf32>, %b: tensor<3xf32>) -> tensor<2x3xf32> {
  // CHECK: sinter.elementwise add({{.*}}, {{.*}}) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %0 = sinter.elementwise add(%a, %b) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  
  return %0 : tensor<2x3xf32>
}

// CHECK: sinter.weight @packed packed 0 at 8 length 2 : tensor<3xi4>
sinter.weight @packed packed 0 at 8 length 2 : tensor<3xi4>

// CHECK-LABEL: func.func @cast_to_power(
func.func @cast_to_power(%a: tensor<2xf32>) -> tensor<2xf8E8M0FNU> {
  // CHECK: sinter.cast {{.*}} unsaturated round nearest : tensor<2xf32> -> tensor<2xf8E8M0FNU>
  %0 = sinter.cast %a unsaturated round nearest : tensor<2xf32> -> tensor<2xf8E8M0FNU>
  return %0 : tensor<2xf8E8M0FNU>
}

// Narrow elements are moved and selected.
// CHECK-LABEL: func.func @narrow(
func.func @narrow(%a: tensor<2x3xf4E2M1FN>, %c: tensor<2x3xi1>) -> tensor<3x2xf4E2M1FN> {
  // CHECK: sinter.elementwise select
  %0 = sinter.elementwise select(%c, %a, %a) : (tensor<2x3xi1>, tensor<2x3xf4E2M1FN>, tensor<2x3xf4E2M1FN>) -> tensor<2x3xf4E2M1FN>
  // CHECK: sinter.transpose {{.*}} -> tensor<3x2xf4E2M1FN>
  %1 = sinter.transpose %0 [1, 0] : tensor<2x3xf4E2M1FN> -> tensor<3x2xf4E2M1FN>
  return %1 : tensor<3x2xf4E2M1FN>
}

// CHECK-LABEL: func.func @cast(
func.func @cast(%a: tensor<2x3xi64>) -> tensor<2x3xf32> {
  // CHECK: sinter.cast {{.*}} : tensor<2x3xi64> -> tensor<2x3xf32>
  %0 = sinter.cast %a : tensor<2x3xi64> -> tensor<2x3xf32>
  
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @cast_to_string(
func.func @cast_to_string(%a: tensor<2x3xi64>) -> tensor<2x3x!sinter.string> {
  // CHECK: sinter.cast {{.*}} : tensor<2x3xi64> -> tensor<2x3x!sinter.string>
  %0 = sinter.cast %a : tensor<2x3xi64> -> tensor<2x3x!sinter.string>
  return %0 : tensor<2x3x!sinter.string>
}

// CHECK-LABEL: func.func @reshape(
func.func @reshape(%a: tensor<2x6xf32>) -> tensor<2x3x2xf32> {
  // CHECK: sinter.reshape {{.*}} : tensor<2x6xf32> -> tensor<2x3x2xf32>
  %0 = sinter.reshape %a : tensor<2x6xf32> -> tensor<2x3x2xf32>
  
  return %0 : tensor<2x3x2xf32>
}

// CHECK-LABEL: func.func @broadcast(
func.func @broadcast(%a: tensor<3x1xf32>) -> tensor<2x3x4xf32> {
  // CHECK: sinter.broadcast {{.*}} : tensor<3x1xf32> -> tensor<2x3x4xf32>
  %0 = sinter.broadcast %a : tensor<3x1xf32> -> tensor<2x3x4xf32>
  
  return %0 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @transpose(
func.func @transpose(%a: tensor<2x3xf32>) -> tensor<3x2xf32> {
  // CHECK: sinter.transpose {{.*}} [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %0 = sinter.transpose %a [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  
  return %0 : tensor<3x2xf32>
}

// CHECK-LABEL: func.func @concat(
func.func @concat(%a: tensor<2x3xf32>, %b: tensor<2x1xf32>) -> tensor<2x4xf32> {
  // CHECK: sinter.concat 1({{.*}}, {{.*}}) : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %0 = sinter.concat 1 (%a, %b) : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @slice(
func.func @slice(%a: tensor<2x3xf32>) -> tensor<2x2xf32> {
  // CHECK: sinter.slice {{.*}} starts <"0", "1"> steps <"1", "1"> : tensor<2x3xf32> -> tensor<2x2xf32>
  %0 = sinter.slice %a starts <"0", "1"> steps <"1", "1"> : tensor<2x3xf32> -> tensor<2x2xf32>
  
  return %0 : tensor<2x2xf32>
}

// CHECK-LABEL: func.func @pad(
func.func @pad(%a: tensor<2x3xf32>) -> tensor<2x6xf32> {
  // CHECK: sinter.pad constant {{.*}} low <"0", "1"> high <"0", "2"> : (tensor<2x3xf32>) -> tensor<2x6xf32>
  %0 = sinter.pad constant %a low <"0", "1"> high <"0", "2"> : (tensor<2x3xf32>) -> tensor<2x6xf32>
  
  return %0 : tensor<2x6xf32>
}

// CHECK-LABEL: func.func @range(
func.func @range(%start: tensor<i64>, %delta: tensor<i64>) -> tensor<7xi64> {
  // CHECK: sinter.range {{.*}}, {{.*}} : (tensor<i64>, tensor<i64>) -> tensor<7xi64>
  %0 = sinter.range %start, %delta : (tensor<i64>, tensor<i64>) -> tensor<7xi64>
  
  return %0 : tensor<7xi64>
}

// CHECK-LABEL: func.func @gather(
func.func @gather(%data: tensor<10x4xf32>, %indices: tensor<2x3xi64>) -> tensor<2x3x4xf32> {
  // CHECK: sinter.gather {{.*}}{{.*}} axis 0 : (tensor<10x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
  %0 = sinter.gather %data[%indices] axis 0 : (tensor<10x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
  
  return %0 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @gather_elements(
func.func @gather_elements(%data: tensor<2x5xf32>, %indices: tensor<2x3xi64>) -> tensor<2x3xf32> {
  // CHECK: sinter.gather_elements {{.*}}{{.*}} axis 1 : (tensor<2x5xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
  %0 = sinter.gather_elements %data[%indices] axis 1 : (tensor<2x5xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
  
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @gather_nd(
func.func @gather_nd(%data: tensor<4x5xf32>, %indices: tensor<3x2xi64>) -> tensor<3xf32> {
  // CHECK: sinter.gather_nd {{.*}}{{.*}} batch_dims 0 : (tensor<4x5xf32>, tensor<3x2xi64>) -> tensor<3xf32>
  %0 = sinter.gather_nd %data[%indices] batch_dims 0 : (tensor<4x5xf32>, tensor<3x2xi64>) -> tensor<3xf32>
  
  return %0 : tensor<3xf32>
}

// CHECK-LABEL: func.func @scatter_elements(
func.func @scatter_elements(%data: tensor<1x5xf32>, %indices: tensor<1x2xi64>, %updates: tensor<1x2xf32>) -> tensor<1x5xf32> {
  // CHECK: sinter.scatter_elements replace {{.*}}{{.*}}, {{.*}} axis 1 : (tensor<1x5xf32>, tensor<1x2xi64>, tensor<1x2xf32>) -> tensor<1x5xf32>
  %0 = sinter.scatter_elements replace %data[%indices], %updates axis 1
      : (tensor<1x5xf32>, tensor<1x2xi64>, tensor<1x2xf32>) -> tensor<1x5xf32>
  
  return %0 : tensor<1x5xf32>
}

// CHECK-LABEL: func.func @scatter_nd(
func.func @scatter_nd(%data: tensor<8xf32>, %indices: tensor<4x1xi64>, %updates: tensor<4xf32>) -> tensor<8xf32> {
  // CHECK: sinter.scatter_nd add {{.*}}{{.*}}, {{.*}} : (tensor<8xf32>, tensor<4x1xi64>, tensor<4xf32>) -> tensor<8xf32>
  %0 = sinter.scatter_nd add %data[%indices], %updates
      : (tensor<8xf32>, tensor<4x1xi64>, tensor<4xf32>) -> tensor<8xf32>
  
  return %0 : tensor<8xf32>
}

// CHECK-LABEL: func.func @reduce(
func.func @reduce(%a: tensor<2x3xf32>) -> tensor<2x1xf32> {
  // CHECK: sinter.reduce mean {{.*}} [1] {keep_dims} : tensor<2x3xf32> -> tensor<2x1xf32>
  %0 = sinter.reduce mean %a [1] {keep_dims} : tensor<2x3xf32> -> tensor<2x1xf32>
  
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: func.func @arg_reduce(
func.func @arg_reduce(%a: tensor<2x3xf32>) -> tensor<2x1xi64> {
  // CHECK: sinter.arg_reduce max {{.*}} axis 1 {keep_dims} : tensor<2x3xf32> -> tensor<2x1xi64>
  %0 = sinter.arg_reduce max %a axis 1 {keep_dims} : tensor<2x3xf32> -> tensor<2x1xi64>
  
  return %0 : tensor<2x1xi64>
}

// CHECK-LABEL: func.func @cumulative_sum(
func.func @cumulative_sum(%a: tensor<5xf32>) -> tensor<5xf32> {
  // CHECK: sinter.cumulative_sum {{.*}} axis 0 {exclusive} : tensor<5xf32>
  %0 = sinter.cumulative_sum %a axis 0 {exclusive} : tensor<5xf32>
  
  return %0 : tensor<5xf32>
}

// CHECK-LABEL: func.func @softmax(
func.func @softmax(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: sinter.softmax {{.*}} axis 1 : tensor<2x3xf32>
  %0 = sinter.softmax %a axis 1 : tensor<2x3xf32>
  
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @matmul(
func.func @matmul(%a: tensor<2x3x4xf32>, %b: tensor<4x5xf32>) -> tensor<2x3x5xf32> {
  // CHECK: sinter.matmul {{.*}}, {{.*}} : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
  %0 = sinter.matmul %a, %b : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
  
  return %0 : tensor<2x3x5xf32>
}

// CHECK-LABEL: func.func @conv(
func.func @conv(%x: tensor<1x3x8x8xf32>, %w: tensor<16x3x2x2xf32>) -> tensor<1x16x4x4xf32> {
  // CHECK: sinter.conv {{.*}}, {{.*}} strides [2, 2] dilations [1, 1] low [0, 0] high [0, 0] groups 1 : (tensor<1x3x8x8xf32>, tensor<16x3x2x2xf32>) -> tensor<1x16x4x4xf32>
  %0 = sinter.conv %x, %w strides [2, 2] dilations [1, 1] low [0, 0] high [0, 0] groups 1
      : (tensor<1x3x8x8xf32>, tensor<16x3x2x2xf32>) -> tensor<1x16x4x4xf32>
  
  return %0 : tensor<1x16x4x4xf32>
}

// CHECK-LABEL: func.func @layer_norm(
func.func @layer_norm(%x: tensor<2x8xf32>, %s: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<2x8xf32> {
  // CHECK: sinter.layer_norm {{.*}} scale {{.*}} bias {{.*}} axis 1 epsilon 1.000000e-05 : (tensor<2x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %0 = sinter.layer_norm %x scale %s bias %b axis 1 epsilon 1.0e-5
      : (tensor<2x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  
  return %0 : tensor<2x8xf32>
}

// CHECK-LABEL: func.func @rms_norm(
func.func @rms_norm(%x: tensor<2x8xf32>, %s: tensor<8xf32>) -> tensor<2x8xf32> {
  // CHECK: sinter.rms_norm {{.*}} scale {{.*}} axis 1 epsilon {{.*}} : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %0 = sinter.rms_norm %x scale %s axis 1 epsilon 1.0e-6 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  
  return %0 : tensor<2x8xf32>
}

// CHECK-LABEL: func.func @rotary(
func.func @rotary(%x: tensor<2x7x4x8xf32>, %c: tensor<7x1x4xf32>, %s: tensor<7x1x4xf32>) -> tensor<2x7x4x8xf32> {
  // CHECK: sinter.rotary {{.*}} cos {{.*}} sin {{.*}} : (tensor<2x7x4x8xf32>, tensor<7x1x4xf32>, tensor<7x1x4xf32>) -> tensor<2x7x4x8xf32>
  %0 = sinter.rotary %x cos %c sin %s
      : (tensor<2x7x4x8xf32>, tensor<7x1x4xf32>, tensor<7x1x4xf32>) -> tensor<2x7x4x8xf32>
  
  return %0 : tensor<2x7x4x8xf32>
}

// CHECK-LABEL: func.func @attention(
func.func @attention(%q: tensor<2x7x4x16xf32>, %k: tensor<2x7x4x16xf32>, %v: tensor<2x7x4x16xf32>, %m: tensor<2x1x1x7xf32>) -> tensor<2x7x4x16xf32> {
  // CHECK: sinter.attention {{.*}}, {{.*}}, {{.*}} bias {{.*}} scale 2.500000e-01 : (tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x1x1x7xf32>) -> tensor<2x7x4x16xf32>
  %0 = sinter.attention %q, %k, %v bias %m scale 0.25
      : (tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x1x1x7xf32>) -> tensor<2x7x4x16xf32>
  
  return %0 : tensor<2x7x4x16xf32>
}

// CHECK-LABEL: func.func @quantize(
func.func @quantize(%x: tensor<4x8xf32>, %s: tensor<1x8xf32>) -> tensor<4x8x!sinter.quantized<i8:f32, blocks [0, 1]>> {
  // CHECK: sinter.quantize {{.*}} scale {{.*}} : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8x!sinter.quantized<i8:f32, blocks [0, 1]>>
  %0 = sinter.quantize %x scale %s
      : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8x!sinter.quantized<i8:f32, blocks [0, 1]>>

  return %0 : tensor<4x8x!sinter.quantized<i8:f32, blocks [0, 1]>>
}

// CHECK-LABEL: func.func @dequantize(
func.func @dequantize(%q: tensor<4x8x!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>>, %s: tensor<2x8xf32>, %z: tensor<2x8xui4>) -> tensor<4x8xf32> {
  // CHECK: sinter.dequantize {{.*}} scale {{.*}} zero_point {{.*}} : (tensor<4x8x!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>>, tensor<2x8xf32>, tensor<2x8xui4>) -> tensor<4x8xf32>
  %0 = sinter.dequantize %q scale %s zero_point %z
      : (tensor<4x8x!sinter.quantized<ui4:f32, blocks [2, 1], zero_points>>, tensor<2x8xf32>, tensor<2x8xui4>) -> tensor<4x8xf32>

  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @storage_cast(
func.func @storage_cast(%a: tensor<4x8xui8>) -> tensor<4x8x!sinter.quantized<ui8:f32, zero_points>> {
  // CHECK: sinter.storage_cast {{.*}} : tensor<4x8xui8> -> tensor<4x8x!sinter.quantized<ui8:f32, zero_points>>
  %0 = sinter.storage_cast %a : tensor<4x8xui8> -> tensor<4x8x!sinter.quantized<ui8:f32, zero_points>>

  return %0 : tensor<4x8x!sinter.quantized<ui8:f32, zero_points>>
}

// CHECK-LABEL: func.func @choose_scale(
func.func @choose_scale(%x: tensor<4x8xf32>) -> tensor<1x8xf32> {
  // CHECK: sinter.choose_scale {{.*}} for !sinter.quantized<i8:f32, blocks [0, 1]> : tensor<4x8xf32> -> tensor<1x8xf32>
  %0 = sinter.choose_scale %x for !sinter.quantized<i8:f32, blocks [0, 1]> : tensor<4x8xf32> -> tensor<1x8xf32>

  return %0 : tensor<1x8xf32>
}

// CHECK-LABEL: func.func @choose_zero_point(
func.func @choose_zero_point(%x: tensor<4x8xf32>, %s: tensor<1x8xf32>) -> tensor<1x8xui4> {
  // CHECK: sinter.choose_zero_point {{.*}} scale {{.*}} for !sinter.quantized<ui4:f32, blocks [0, 1], zero_points> : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<1x8xui4>
  %0 = sinter.choose_zero_point %x scale %s for !sinter.quantized<ui4:f32, blocks [0, 1], zero_points>
      : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<1x8xui4>

  return %0 : tensor<1x8xui4>
}

// CHECK-LABEL: func.func @gptq(
func.func @gptq(%w: tensor<4x8xf32>, %h: tensor<4x4xf32>, %s: tensor<2x8xf32>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>> {
  // CHECK: sinter.gptq {{.*}} moments {{.*}} scale {{.*}} : (tensor<4x8xf32>, tensor<4x4xf32>, tensor<2x8xf32>) -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
  %0 = sinter.gptq %w moments %h scale %s : (tensor<4x8xf32>, tensor<4x4xf32>, tensor<2x8xf32>)
      -> tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>

  return %0 : tensor<4x8x!sinter.quantized<i4:f32, blocks [2, 1]>>
}

// CHECK-LABEL: func.func @quantized_matmul(
func.func @quantized_matmul(%a: tensor<2x8x!sinter.quantized<i8:f32, blocks [1, 0]>>, %as: tensor<2x1xf32>, %b: tensor<8x4x!sinter.quantized<i8:f32, blocks [0, 1]>>, %bs: tensor<1x4xf32>) -> tensor<2x4xf32> {
  // CHECK: sinter.quantized_matmul {{.*}} scale {{.*}}, {{.*}} scale {{.*}} : (tensor<2x8x!sinter.quantized<i8:f32, blocks [1, 0]>>, tensor<2x1xf32>, tensor<8x4x!sinter.quantized<i8:f32, blocks [0, 1]>>, tensor<1x4xf32>) -> tensor<2x4xf32>
  %0 = sinter.quantized_matmul %a scale %as, %b scale %bs
      : (tensor<2x8x!sinter.quantized<i8:f32, blocks [1, 0]>>, tensor<2x1xf32>,
         tensor<8x4x!sinter.quantized<i8:f32, blocks [0, 1]>>, tensor<1x4xf32>) -> tensor<2x4xf32>

  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @prune(
func.func @prune(%w: tensor<64x32xf32>, %m: tensor<64xf32>) -> (tensor<64x32xf32>, tensor<64x32xf32>) {
  // CHECK: sinter.prune {{.*}} block [16, 16] keep 2 : tensor<64x32xf32>
  %0 = sinter.prune %w block [16, 16] keep 2 : tensor<64x32xf32>
  // CHECK: sinter.prune {{.*}} block [1, 1] keep 2 of 4 magnitudes {{.*}} : tensor<64x32xf32>, tensor<64xf32>
  %1 = sinter.prune %w block [1, 1] keep 2 of 4 magnitudes %m : tensor<64x32xf32>, tensor<64xf32>

  return %0, %1 : tensor<64x32xf32>, tensor<64x32xf32>
}

// CHECK-LABEL: func.func @compress(
func.func @compress(%w: tensor<384x1536xf32>, %m: tensor<1536xi1>) -> tensor<384x1200xf32> {
  // CHECK: sinter.compress {{.*}} axis 1 mask {{.*}} : (tensor<384x1536xf32>, tensor<1536xi1>) -> tensor<384x1200xf32>
  %0 = sinter.compress %w axis 1 mask %m : (tensor<384x1536xf32>, tensor<1536xi1>) -> tensor<384x1200xf32>

  return %0 : tensor<384x1200xf32>
}

// CHECK-LABEL: func.func @encode(
func.func @encode(%w: tensor<384x1536xf32>) -> tensor<384x1536xf32, #sinter.sparse<block[16, 16]>> {
  // CHECK: sinter.encode {{.*}} stored 480 : tensor<384x1536xf32> -> tensor<384x1536xf32, #sinter.sparse<block[16, 16]>>
  %0 = sinter.encode %w stored 480 : tensor<384x1536xf32> -> tensor<384x1536xf32, #sinter.sparse<block[16, 16]>>

  return %0 : tensor<384x1536xf32, #sinter.sparse<block[16, 16]>>
}

// CHECK-LABEL: func.func @states(
func.func @states(%positions: tensor<2xi64>, %rows: tensor<1x2x2x16xf32>, %step: tensor<1x2x8x16xf32>,
                  %past: tensor<i64>) -> tensor<1x2x8x16xf32> {
  // CHECK: sinter.update_state @key.0[%{{.*}}], %{{.*}} : (tensor<2xi64>, tensor<1x2x2x16xf32>) -> tensor<1x64x2x16xf32>
  %0 = sinter.update_state @key.0[%positions], %rows : (tensor<2xi64>, tensor<1x2x2x16xf32>) -> tensor<1x64x2x16xf32>
  // CHECK: sinter.attention %{{.*}}, %{{.*}}, %{{.*}} past %{{.*}} scale 2.500000e-01 {causal} : (tensor<1x2x8x16xf32>, tensor<1x64x2x16xf32>, tensor<1x64x2x16xf32>, tensor<i64>) -> tensor<1x2x8x16xf32>
  %1 = sinter.attention %step, %0, %0 past %past scale 0.25 {causal}
      : (tensor<1x2x8x16xf32>, tensor<1x64x2x16xf32>, tensor<1x64x2x16xf32>, tensor<i64>) -> tensor<1x2x8x16xf32>
  return %1 : tensor<1x2x8x16xf32>
}

} // module
