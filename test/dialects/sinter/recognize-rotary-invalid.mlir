// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-recognize-rotary | FileCheck %s

// Tests that what only looks like a rotation stays as it is.

// The two halves of the cosines may differ.
// CHECK-LABEL: func.func @unknown_halves(
// CHECK-NOT: sinter.rotary
func.func @unknown_halves(%x: tensor<7x4xf32>, %c: tensor<7x4xf32>, %s: tensor<7x4xf32>) -> tensor<7x4xf32> {
  %0 = sinter.elementwise mul(%x, %c) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %1 = sinter.slice %x starts <"0", "0"> steps <"1", "1"> : tensor<7x4xf32> -> tensor<7x2xf32>
  %2 = sinter.slice %x starts <"0", "2"> steps <"1", "1"> : tensor<7x4xf32> -> tensor<7x2xf32>
  %3 = sinter.elementwise neg(%2) : (tensor<7x2xf32>) -> tensor<7x2xf32>
  %4 = sinter.concat 1 (%3, %1) : (tensor<7x2xf32>, tensor<7x2xf32>) -> tensor<7x4xf32>
  %5 = sinter.elementwise mul(%4, %s) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %6 = sinter.elementwise add(%0, %5) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  return %6 : tensor<7x4xf32>
}

// -----

// The halves change places without a sign.
// CHECK-LABEL: func.func @no_sign(
// CHECK-NOT: sinter.rotary
func.func @no_sign(%x: tensor<7x4xf32>, %f: tensor<7x2xf32>) -> tensor<7x4xf32> {
  %c = sinter.concat 1 (%f, %f) : (tensor<7x2xf32>, tensor<7x2xf32>) -> tensor<7x4xf32>
  %0 = sinter.elementwise mul(%x, %c) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %1 = sinter.slice %x starts <"0", "0"> steps <"1", "1"> : tensor<7x4xf32> -> tensor<7x2xf32>
  %2 = sinter.slice %x starts <"0", "2"> steps <"1", "1"> : tensor<7x4xf32> -> tensor<7x2xf32>
  %3 = sinter.concat 1 (%2, %1) : (tensor<7x2xf32>, tensor<7x2xf32>) -> tensor<7x4xf32>
  %4 = sinter.elementwise mul(%3, %c) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %5 = sinter.elementwise add(%0, %4) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  return %5 : tensor<7x4xf32>
}

// -----

// The parts come from the wrong places.
// CHECK-LABEL: func.func @wrong_parts(
// CHECK-NOT: sinter.rotary
func.func @wrong_parts(%x: tensor<7x4xf32>, %f: tensor<7x2xf32>) -> tensor<7x4xf32> {
  %c = sinter.concat 1 (%f, %f) : (tensor<7x2xf32>, tensor<7x2xf32>) -> tensor<7x4xf32>
  %0 = sinter.elementwise mul(%x, %c) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %1 = sinter.slice %x starts <"0", "2"> steps <"1", "1"> : tensor<7x4xf32> -> tensor<7x2xf32>
  %2 = sinter.slice %x starts <"0", "0"> steps <"1", "1"> : tensor<7x4xf32> -> tensor<7x2xf32>
  %3 = sinter.elementwise neg(%2) : (tensor<7x2xf32>) -> tensor<7x2xf32>
  %4 = sinter.concat 1 (%3, %1) : (tensor<7x2xf32>, tensor<7x2xf32>) -> tensor<7x4xf32>
  %5 = sinter.elementwise mul(%4, %c) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %6 = sinter.elementwise add(%0, %5) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  return %6 : tensor<7x4xf32>
}
