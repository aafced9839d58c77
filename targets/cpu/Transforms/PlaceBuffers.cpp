//===- PlaceBuffers.cpp - Give every result a place in the arena ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes are expressions, so places are found for all sizes at once: the arena is a
// row of slots, each as large as the largest buffer that ever lies in it, and a
// buffer takes a slot that is free while it lives. Which of two expressions is
// larger must be provable for all sizes; where it is not, the buffers get slots of
// their own. Activations of a transformer are a number of rows times constants,
// so that for them the order is complete and the plan as good as for fixed sizes.
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sinter::cpu {
#define GEN_PASS_DEF_PLACEBUFFERSPASS
#include "targets/cpu/Transforms/Passes.h.inc"
} // namespace sinter::cpu

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

/// In whole cache lines.
SizeExpr getBufferBytes(Value value) {
  int64_t elementBytes = elementSize(toElementType(sinter::getElementType(value)));
  return SizeExpr(64) * SizeExpr::ceilDiv(getNumElements(value.getType()) * SizeExpr(elementBytes), 64);
}

struct Slot {
  SizeExpr bytes;
  /// The last launch that reads what lies there.
  int64_t busyUntil = -1;
};

class Placement {
public:
  explicit Placement(func::FuncOp function) : function(function) {}

  void run(ModuleOp module) {
    Operation *terminator = function.getBody().front().getTerminator();
    for (auto [i, value] : llvm::enumerate(terminator->getOperands()))
      outputs[value] = i;
    int64_t time = 0;
    for (LaunchOp launch : function.getOps<LaunchOp>())
      times[launch] = time++;
    for (LaunchOp launch : function.getOps<LaunchOp>())
      for (Value result : launch.getResults())
        if (!outputs.contains(result))
          slotOf[result] = takeSlot(getBufferBytes(result), times[launch], lastReader(result));
    SmallVector<SizeExpr> starts;
    SizeExpr end = 0;
    for (const Slot &slot : slots) {
      starts.push_back(end);
      end = end + slot.bytes;
    }
    MLIRContext *context = module.getContext();
    for (LaunchOp launch : function.getOps<LaunchOp>()) {
      SmallVector<SizeExpr> offsets;
      for (Value result : launch.getResults())
        offsets.push_back(outputs.contains(result) ? SizeExpr(-1 - outputs[result]) : starts[slotOf[result]]);
      launch.setOffsetsAttr(DimsAttr::get(context, offsets));
    }
    module->setAttr("cpu.arena", DimsAttr::get(context, {end}));
  }

private:
  int64_t lastReader(Value value) {
    // Strings, which may be outputs, point into it.
    auto result = cast<OpResult>(value);
    if (result.getResultNumber() > 0 && isa<StringType>(sinter::getElementType(result.getOwner()->getResult(0))))
      return std::numeric_limits<int64_t>::max();
    int64_t last = times[value.getDefiningOp()];
    for (Operation *user : value.getUsers())
      if (auto launch = dyn_cast<LaunchOp>(user))
        last = std::max(last, times[launch]);
    return last;
  }

  unsigned takeSlot(const SizeExpr &bytes, int64_t from, int64_t until) {
    // The smallest free slot that is large enough; else the largest that must grow; else a new one.
    std::optional<unsigned> best;
    bool bestFits = false;
    for (auto [i, slot] : llvm::enumerate(slots)) {
      if (slot.busyUntil >= from)
        continue;
      bool fits = (slot.bytes - bytes).isAtLeast(0), grows = (bytes - slot.bytes).isAtLeast(0);
      if (!fits && !grows)
        continue;
      if (!best || (fits && !bestFits) ||
          (fits == bestFits &&
           (fits ? (slots[*best].bytes - slot.bytes).isAtLeast(1) : (slot.bytes - slots[*best].bytes).isAtLeast(1)))) {
        best = i;
        bestFits = fits;
      }
    }
    if (!best) {
      best = slots.size();
      slots.push_back({bytes, -1});
    } else if (!bestFits) {
      slots[*best].bytes = bytes;
    }
    slots[*best].busyUntil = until;
    return *best;
  }

  func::FuncOp function;
  SmallVector<Slot> slots;
  DenseMap<Value, unsigned> slotOf;
  DenseMap<Value, int64_t> outputs;
  DenseMap<Operation *, int64_t> times;
};

struct PlaceBuffers : cpu::impl::PlaceBuffersPassBase<PlaceBuffers> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      Placement(function).run(getOperation());
  }
};

} // namespace
