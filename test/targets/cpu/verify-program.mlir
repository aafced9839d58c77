// RUN: sinter-opt %s -sinter-cpu-verify-program=placed=true | FileCheck %s

// Tests that a place may be taken again as soon as nothing reads what lay there, and that nothing is changed.

// CHECK: cpu.launch {{.*}} {offsets = #sinter.dims<"0">}
// CHECK: cpu.launch {{.*}} {offsets = #sinter.dims<"64 * ceildiv(seq, 16)">}
// CHECK: cpu.launch {{.*}} {offsets = #sinter.dims<"0">}
// CHECK: cpu.launch {{.*}} {offsets = #sinter.dims<"-1">}
module attributes {cpu.arena = #sinter.dims<"128 * ceildiv(seq, 16)">} {
  sinter.symbol @seq axis "a" 0 {low = 1 : i64, high = 512 : i64}
  cpu.code @exp "loop" {
  ^bb0(%x: tensor<?xf32, #sinter.dims<"seq">>):
    %0 = sinter.elementwise exp(%x) : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    sinter.yield %0 : tensor<?xf32, #sinter.dims<"seq">>
  }
  func.func @main(%a: tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "a"})
      -> (tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "b"}) {
    %0 = cpu.launch @exp(%a) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"0">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    %2 = cpu.launch @exp(%0) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"64 * ceildiv(seq, 16)">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    %3 = cpu.launch @exp(%2) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"0">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    %1 = cpu.launch @exp(%3) words [] tasks <"1"> scratch <"0"> {offsets = #sinter.dims<"-1">}
        : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>
    return %1 : tensor<?xf32, #sinter.dims<"seq">>
  }
}
