//===- PreparePositions.cpp - Positions are the host's matter -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "targets/stream/Transforms/HostPart.h"
#include "targets/stream/Transforms/Passes.h"

#include <limits>

namespace sinter::stream {
#define GEN_PASS_DEF_PREPAREPOSITIONSPASS
#include "targets/stream/Transforms/Passes.h.inc"
} // namespace sinter::stream

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

class PreparePositionsPass : public sinter::stream::impl::PreparePositionsPassBase<PreparePositionsPass> {
public:
  using PreparePositionsPassBase::PreparePositionsPassBase;

private:
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    Parts parts(main);
    bool refused = false;
    for (Operation &op : main.getBody().front()) {
      if (auto update = dyn_cast<UpdateStateOp>(op))
        boundPositions(update);
      auto attention = dyn_cast<AttentionOp>(op);
      if (!attention || (!attention.getCausal() && !attention.getPast()))
        continue;
      if (Value bias = attention.getBias(); bias && !parts.isHost(bias) && !parts.isRecipe(bias)) {
        op.emitOpError("unsupported: attention with a mask by position and a bias that the chip computes");
        refused = true;
        continue;
      }
      addMask(attention);
      ++numMasks;
    }
    if (refused)
      signalPassFailure();
  }

  /// 0, 1, ... along dimension `axis` of a tensor of rank 4.
  static Value makeRange(OpBuilder &builder, Location loc, int64_t count, unsigned axis) {
    Type i64 = builder.getI64Type();
    Value range = RangeOp::create(builder, loc, getTensorType({count}, i64), makeScalar(builder, loc, i64, 0),
                                  makeScalar(builder, loc, i64, 1));
    Sizes sizes(4, SizeExpr(1));
    sizes[axis] = count;
    return makeReshape(builder, loc, range, sizes);
  }

  static void addMask(AttentionOp op) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    int64_t numQueries = *getSize(op.getQuery(), 1).constant(), numKeys = *getSize(op.getKey(), 1).constant();
    Type i64 = builder.getI64Type(), f32 = builder.getF32Type();
    // The last key that each query sees.
    Value last = op.getPast() ? op.getPast() : makeScalar(builder, loc, i64, static_cast<double>(numKeys - numQueries));
    Value ahead = op.getCausal() ? makeRange(builder, loc, numQueries, 2)
                                 : makeScalar(builder, loc, i64, static_cast<double>(numQueries - 1));
    if (numQueries > 1)
      last = makeElementwise(builder, loc, ElementwiseKind::add, {last, ahead});
    Value isVisible =
        makeElementwise(builder, loc, ElementwiseKind::less_equal, {makeRange(builder, loc, numKeys, 3), last});
    Value never = makeScalar(builder, loc, f32, -std::numeric_limits<double>::infinity());
    Value shown = op.getBias() ? op.getBias() : makeScalar(builder, loc, f32, 0);
    op.getBiasMutable().assign(makeElementwise(builder, loc, ElementwiseKind::select, {isVisible, shown, never}));
    op.getPastMutable().clear();
    op.setCausal(false);
  }

  /// What the host checks is within the state, or its end.
  static void boundPositions(UpdateStateOp op) {
    auto state = SymbolTable::lookupNearestSymbolFrom<StateOp>(op, op.getStateAttr());
    OpBuilder builder(op);
    int64_t capacity = cast<RankedTensorType>(state.getType()).getDimSize(state.getAxis());
    Value positions = op.getPositions();
    op.getPositionsMutable().assign(makeElementwise(
        builder, op.getLoc(), ElementwiseKind::min,
        {positions, makeScalar(builder, op.getLoc(), getElementType(positions), static_cast<double>(capacity))}));
  }
};

} // namespace
