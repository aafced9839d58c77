//===- VerifyParts.cpp - Verifies that a module is a host's and a chip's --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/stream/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sinter::stream {
#define GEN_PASS_DEF_VERIFYPARTSPASS
#include "targets/stream/Transforms/Passes.h.inc"
} // namespace sinter::stream

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

class VerifyPartsPass : public sinter::stream::impl::VerifyPartsPassBase<VerifyPartsPass> {
public:
  using VerifyPartsPassBase::VerifyPartsPassBase;

private:
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(verify(getOperation().lookupSymbol<func::FuncOp>("main"))))
      signalPassFailure();
  }

  LogicalResult verify(func::FuncOp main) {
    KernelOp last;
    for (KernelOp kernel : main.getOps<KernelOp>()) {
      if (last && last.getKind() == "chip")
        return kernel.emitOpError("V1: is behind the chip's");
      if (kernel.getKind() == "host" && last)
        return kernel.emitOpError("V1: is the host's, and not the first");
      if (kernel.getKind() != "host" && kernel.getKind() != "indices" && kernel.getKind() != "chip")
        return kernel.emitOpError("V1: is of no kind that is a part");
      last = kernel;
    }
    if (!last || last.getKind() != "chip")
      return main.emitOpError("V1: has no kernel for the chip");
    for (Value value : llvm::concat<Value>(last.getInputs(), last.getResults())) {
      if (isFromWeights(value))
        continue;
      auto type = cast<RankedTensorType>(value.getType());
      auto made = value.getDefiningOp<KernelOp>();
      bool isIndices = made && made.getKind() == "indices" && type.getElementType().isInteger(32);
      if (!type.hasStaticShape() || !(type.getElementType().isF32() || type.getElementType().isF16() || isIndices))
        return last.emitOpError("V2: reads or makes a tensor of ") << type;
    }
    return success();
  }
};

} // namespace
