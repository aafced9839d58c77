// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-fix-sizes=sizes=seq=16

// Tests that a size that there is not is refused.

// expected-error @+1 {{there is no size 'seq=16' to fix}}
module {
  sinter.symbol @length axis "x" 0 {low = 1 : i64}
  func.func @main(%x: tensor<?xf32, #sinter.dims<"length">> {sinter.name = "x"}) -> (tensor<?xf32, #sinter.dims<"length">> {sinter.name = "y"}) {
    return %x : tensor<?xf32, #sinter.dims<"length">>
  }
}
