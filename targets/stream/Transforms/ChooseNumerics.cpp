//===- ChooseNumerics.cpp - Writes down how the chip computes -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/PassFailure.h"
#include "lib/Support/Failure.h"
#include "targets/stream/Lowering/Functions.h"
#include "targets/stream/Lowering/LowerGraph.h"
#include "targets/stream/Transforms/HostPart.h"
#include "targets/stream/Transforms/Passes.h"

namespace sinter::stream {
#define GEN_PASS_DEF_CHOOSENUMERICSPASS
#include "targets/stream/Transforms/Passes.h.inc"
} // namespace sinter::stream

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

class ChooseNumericsPass : public sinter::stream::impl::ChooseNumericsPassBase<ChooseNumericsPass> {
public:
  using ChooseNumericsPassBase::ChooseNumericsPassBase;

private:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::Expected<TargetModel> model = TargetModel::find(chip);
    if (!model) {
      // It is what the user asked for that is wrong, whatever else it is for.
      module.emitError() << unusablePrefix << takeFailure(model.takeError()).message;
      return signalPassFailure();
    }
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (failed(checkDimensions(module, main)))
      return signalPassFailure();
    Parts parts(main);
    bool refused = false;
    for (Operation &op : main.getBody().front().without_terminator()) {
      if (!parts.isChip(&op) || isMovement(op))
        continue;
      if (auto quantize = dyn_cast<QuantizeOp>(op)) {
        quantize.setReciprocal(true); // the chip does not divide
        ++numChosen;
        continue;
      }
      if (isa<QuantizedMatmulOp>(op))
        continue; // exact, and its scales are factors in the order that the op says
      if (std::string reason = findRefusal(op); !reason.empty()) {
        op.emitOpError("unsupported: ") << reason;
        refused = true;
        continue;
      }
      int64_t tile = getProductTile(&op, *model);
      Type operands = tile == 1 ? Type(Float32Type::get(&getContext())) : Type(Float16Type::get(&getContext()));
      op.setAttr("sinter.numerics", NumericsAttr::get(&getContext(), operands, tile, model->aluLatency));
      ++numChosen;
    }
    if (refused)
      signalPassFailure();
  }

  /// The cycles of a schedule are those of its sizes.
  LogicalResult checkDimensions(ModuleOp module, func::FuncOp main) {
    bool isOpen = false;
    for (SymbolOp symbol : module.getOps<SymbolOp>()) {
      emitError(NameLoc::get(StringAttr::get(&getContext(), symbol.getInput())))
          << "unsupported: dimension '" << symbol.getSymName() << "' of input '" << symbol.getInput()
          << "' is left open, and target stream needs each fixed: --dim " << symbol.getSymName() << "=N";
      isOpen = true;
    }
    return failure(isOpen);
  }

  static bool isMovement(Operation &op) {
    return isa<ReshapeOp, BroadcastOp, TransposeOp, ConcatOp, SliceOp, PadOp, GatherOp>(op);
  }

  static std::string findRefusal(Operation &op) {
    if (!isa<MatmulOp, ElementwiseOp, LayerNormOp, RmsNormOp, AttentionOp, RotaryOp, CastOp, ReduceOp>(op))
      return "target stream does not have it";
    // What is of f16 is so where it comes in or goes out.
    if (isa<CastOp>(op) && getElementType(op.getOperand(0)).isF16() && getElementType(op.getResult(0)).isF32())
      return "";
    if (isa<CastOp>(op) && getElementType(op.getOperand(0)).isF32() && getElementType(op.getResult(0)).isF16())
      return "";
    for (Value value : llvm::concat<Value>(op.getOperands(), op.getResults()))
      if (!getElementType(value).isF32()) {
        std::string text;
        llvm::raw_string_ostream(text) << getElementType(value);
        return "target stream computes in f32, and this is of " + text;
      }
    auto function = dyn_cast<ElementwiseOp>(op);
    VectorProgram scratch;
    llvm::SmallVector<VectorOperand, 3> operands(op.getNumOperands());
    if (function && !addFunction(scratch, function.getKind(), operands))
      return "target stream has no function '" + stringifyElementwiseKind(function.getKind()).str() + "'";
    return "";
  }
};

} // namespace
