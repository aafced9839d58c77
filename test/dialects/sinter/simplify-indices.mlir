// RUN: sinter-opt %s -split-input-file -sinter-simplify-indices -canonicalize | FileCheck %s

// Tests that index arithmetic, of which exporters write much, becomes slices and constants.

module {
  sinter.symbol @batch axis "mask" 0 {low = 1 : i64}
  sinter.symbol @seq axis "mask" 1 {low = 1 : i64, high = 512 : i64}

  // torch's dynamo reads a mask at [b, k] to give it the dimensions of scores.
  // CHECK-LABEL: func.func @dynamo_mask(
  // CHECK-SAME: %[[M:[a-z0-9]+]]: tensor
  func.func @dynamo_mask(%m: tensor<?x?xi1, #sinter.dims<"batch", "seq">>) -> tensor<?x1x1x?xi1, #sinter.dims<"batch", "1", "1", "seq">> {
    %zero = sinter.constant dense<0> : tensor<i64>
    %one = sinter.constant dense<1> : tensor<i64>
    %b = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"batch">>
    %k = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"seq">>
    %0 = sinter.reshape %b : tensor<?xi64, #sinter.dims<"batch">> -> tensor<?x1x1x1xi64, #sinter.dims<"batch", "1", "1", "1">>
    %1 = sinter.broadcast %0 : tensor<?x1x1x1xi64, #sinter.dims<"batch", "1", "1", "1">> -> tensor<?x1x1x?xi64, #sinter.dims<"batch", "1", "1", "seq">>
    %2 = sinter.reshape %1 : tensor<?x1x1x?xi64, #sinter.dims<"batch", "1", "1", "seq">> -> tensor<?x1x1x?x1xi64, #sinter.dims<"batch", "1", "1", "seq", "1">>
    %3 = sinter.broadcast %k : tensor<?xi64, #sinter.dims<"seq">> -> tensor<?x1x1x?xi64, #sinter.dims<"batch", "1", "1", "seq">>
    %4 = sinter.reshape %3 : tensor<?x1x1x?xi64, #sinter.dims<"batch", "1", "1", "seq">> -> tensor<?x1x1x?x1xi64, #sinter.dims<"batch", "1", "1", "seq", "1">>
    %5 = sinter.concat 4 (%2, %4) : (tensor<?x1x1x?x1xi64, #sinter.dims<"batch", "1", "1", "seq", "1">>, tensor<?x1x1x?x1xi64, #sinter.dims<"batch", "1", "1", "seq", "1">>) -> tensor<?x1x1x?x2xi64, #sinter.dims<"batch", "1", "1", "seq", "2">>
    %6 = sinter.gather_nd %m[%5] batch_dims 0 : (tensor<?x?xi1, #sinter.dims<"batch", "seq">>, tensor<?x1x1x?x2xi64, #sinter.dims<"batch", "1", "1", "seq", "2">>) -> tensor<?x1x1x?xi1, #sinter.dims<"batch", "1", "1", "seq">>
    // CHECK-NEXT: %[[R:.*]] = sinter.reshape %[[M]]
    // CHECK-NEXT: return %[[R]]
    return %6 : tensor<?x1x1x?xi1, #sinter.dims<"batch", "1", "1", "seq">>
  }

  // torchscript reads it as one row, at b * seq + k.
  // CHECK-LABEL: func.func @torchscript_mask(
  // CHECK-SAME: %[[M:[a-z0-9]+]]: tensor
  func.func @torchscript_mask(%m: tensor<?x?xi1, #sinter.dims<"batch", "seq">>) -> tensor<?x?xi1, #sinter.dims<"batch", "seq">> {
    %zero = sinter.constant dense<0> : tensor<i64>
    %one = sinter.constant dense<1> : tensor<i64>
    %b = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"batch">>
    %k = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"seq">>
    %n = sinter.sizes <"seq"> : tensor<1xi64>
    %0 = sinter.reshape %b : tensor<?xi64, #sinter.dims<"batch">> -> tensor<?x1xi64, #sinter.dims<"batch", "1">>
    %1 = sinter.elementwise mul(%0, %n) : (tensor<?x1xi64, #sinter.dims<"batch", "1">>, tensor<1xi64>) -> tensor<?x1xi64, #sinter.dims<"batch", "1">>
    %2 = sinter.elementwise add(%1, %k) : (tensor<?x1xi64, #sinter.dims<"batch", "1">>, tensor<?xi64, #sinter.dims<"seq">>) -> tensor<?x?xi64, #sinter.dims<"batch", "seq">>
    %3 = sinter.reshape %m : tensor<?x?xi1, #sinter.dims<"batch", "seq">> -> tensor<?xi1, #sinter.dims<"batch * seq">>
    %4 = sinter.gather %3[%2] axis 0 : (tensor<?xi1, #sinter.dims<"batch * seq">>, tensor<?x?xi64, #sinter.dims<"batch", "seq">>) -> tensor<?x?xi1, #sinter.dims<"batch", "seq">>
    // CHECK-NEXT: return %[[M]]
    return %4 : tensor<?x?xi1, #sinter.dims<"batch", "seq">>
  }

  // Positions of a table that reaches as far as the sequence may.
  // CHECK-LABEL: func.func @positions(
  // CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<514x8xf32>
  func.func @positions(%t: tensor<514x8xf32>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">> {
    %two = sinter.constant dense<2> : tensor<i64>
    %one = sinter.constant dense<1> : tensor<i64>
    %r = sinter.range %two, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"seq">>
    %0 = sinter.gather %t[%r] axis 0 : (tensor<514x8xf32>, tensor<?xi64, #sinter.dims<"seq">>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    // CHECK-NEXT: %[[R:.*]] = sinter.slice %[[T]] starts <"2", "0"> steps <"1", "1">
    // CHECK-NEXT: return %[[R]]
    return %0 : tensor<?x8xf32, #sinter.dims<"seq", "8">>
  }

  // Every position is at least 0, and below the length.
  // CHECK-LABEL: func.func @always(
  func.func @always(%x: tensor<?xi1, #sinter.dims<"seq">>) -> (tensor<?xi1, #sinter.dims<"seq">>, tensor<?xi1, #sinter.dims<"seq">>) {
    %zero = sinter.constant dense<0> : tensor<i64>
    %one = sinter.constant dense<1> : tensor<i64>
    %n = sinter.sizes scalar <"seq"> : tensor<i64>
    %r = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"seq">>
    %0 = sinter.elementwise greater_equal(%r, %zero) : (tensor<?xi64, #sinter.dims<"seq">>, tensor<i64>) -> tensor<?xi1, #sinter.dims<"seq">>
    %1 = sinter.elementwise less(%r, %n) : (tensor<?xi64, #sinter.dims<"seq">>, tensor<i64>) -> tensor<?xi1, #sinter.dims<"seq">>
    // CHECK: %[[T:.*]] = sinter.constant dense<true> : tensor<i1>
    // CHECK-NOT: sinter.elementwise
    // CHECK: %[[A:.*]] = sinter.broadcast %[[T]]
    // CHECK: %[[B:.*]] = sinter.broadcast %[[T]]
    // CHECK: return %[[A]], %[[B]]
    return %0, %1 : tensor<?xi1, #sinter.dims<"seq">>, tensor<?xi1, #sinter.dims<"seq">>
  }

  // One row, the last one, counted from the end; elements in reverse.
  // CHECK-LABEL: func.func @fixed(
  // CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<5x3xf32>
  func.func @fixed(%x: tensor<5x3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>) {
    %last = sinter.constant dense<-1> : tensor<i64>
    %down = sinter.constant dense<[4, 3, 2, 1, 0]> : tensor<5xi64>
    // CHECK-DAG: sinter.slice %[[X]] starts <"4", "0"> steps <"1", "1"> : tensor<5x3xf32> -> tensor<1x3xf32>
    %0 = sinter.gather %x[%last] axis 0 : (tensor<5x3xf32>, tensor<i64>) -> tensor<3xf32>
    // CHECK-DAG: sinter.slice %[[X]] starts <"4", "0"> steps <"-1", "1">
    %1 = sinter.gather %x[%down] axis 0 : (tensor<5x3xf32>, tensor<5xi64>) -> tensor<5x3xf32>
    return %0, %1 : tensor<3xf32>, tensor<5x3xf32>
  }
}
