//===- WidenFloats.cpp - Models of narrower floats, computed in f32 --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sinter::stream {
#define GEN_PASS_DEF_WIDENFLOATSPASS
#include "targets/stream/Transforms/Passes.h.inc"
} // namespace sinter::stream

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

bool isNarrow(Value value) {
  Type type = getElementType(value);
  return type.isF16() || type.isBF16();
}

class WidenFloatsPass : public sinter::stream::impl::WidenFloatsPassBase<WidenFloatsPass> {
public:
  using WidenFloatsPassBase::WidenFloatsPassBase;

private:
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    Block &body = main.getBody().front();
    Operation *end = body.getTerminator();
    SmallVector<Type> results(end->getOperandTypes());
    OpBuilder builder(&body, body.begin());
    for (BlockArgument argument : body.getArguments())
      if (isNarrow(argument))
        widen(builder, argument);
    for (Operation &op : llvm::make_early_inc_range(body.without_terminator())) {
      builder.setInsertionPointAfter(&op);
      if (auto cast = dyn_cast<CastOp>(op))
        widenCast(cast);
      else
        for (Value result : op.getResults())
          if (isNarrow(result))
            widenResult(builder, result);
    }
    // The model's results keep their types.
    builder.setInsertionPoint(end);
    for (auto [operand, type] : llvm::zip_equal(end->getOpOperands(), results))
      if (operand.get().getType() != type)
        operand.set(CastOp::create(builder, operand.get().getLoc(), type, operand.get(), false, RoundMode::up));
  }

  static RankedTensorType toF32(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.clone(Float32Type::get(value.getContext()));
  }

  /// What is stored in a narrower type is converted where it is read.
  void widen(OpBuilder &builder, Value value) {
    auto wide = CastOp::create(builder, value.getLoc(), toF32(value), value, false, RoundMode::up);
    value.replaceAllUsesExcept(wide, wide);
    ++numWidened;
  }

  void widenResult(OpBuilder &builder, Value result) {
    if (isa<ParameterOp, ConstantOp>(result.getDefiningOp()))
      return widen(builder, result);
    result.setType(toF32(result));
    ++numWidened;
  }

  /// Casts between floats fall away but for those of inputs.
  void widenCast(CastOp op) {
    if (isNarrow(op.getInput()))
      return; // made above
    if (isNarrow(op.getResult())) {
      op.getResult().setType(toF32(op.getResult()));
      ++numWidened;
    }
    if (op.getResult().getType() == op.getInput().getType()) {
      op.getResult().replaceAllUsesWith(op.getInput());
      op.erase();
    }
  }
};

} // namespace
