//===- SplitHost.cpp - Kernels of the host's part and of the chip's -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Transforms/HostPart.h"
#include "targets/stream/Transforms/Passes.h"

#include "llvm/ADT/SetVector.h"

namespace sinter::stream {
#define GEN_PASS_DEF_SPLITHOSTPASS
#include "targets/stream/Transforms/Passes.h.inc"
} // namespace sinter::stream

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

class SplitHostPass : public sinter::stream::impl::SplitHostPassBase<SplitHostPass> {
public:
  using SplitHostPassBase::SplitHostPassBase;

private:
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    Block &body = main.getBody().front();
    Parts parts(main);
    llvm::SmallVector<Operation *> host, chip, recipes;
    for (Operation &op : body.without_terminator()) {
      if (parts.isRecipe(&op))
        recipes.push_back(&op);
      else if (parts.isHost(&op))
        host.push_back(&op);
      else
        chip.push_back(&op);
    }
    numOfHost = host.size();
    if (chip.empty()) {
      main.emitError("unsupported: nothing of the model is for a chip: its outputs follow from constants, or by "
                     "arithmetic of integers");
      return signalPassFailure();
    }
    if (failed(checkOperands(chip, parts)))
      return signalPassFailure();
    // Recipes may stand anywhere; the parts find what they read before them.
    Operation *first = host.empty() ? chip.front() : firstOf(host.front(), chip.front());
    for (Operation *recipe : recipes)
      recipe->moveBefore(first);
    Operation *end = body.getTerminator();
    if (!host.empty())
      makeKernel("host", host, end);
    makeIndices(chip, end);
    makeKernel("chip", chip, end);
  }

  static Operation *firstOf(Operation *a, Operation *b) { return a->isBeforeInBlock(b) ? a : b; }

  /// The chip gathers by integers, and reads no others.
  LogicalResult checkOperands(ArrayRef<Operation *> chip, const Parts &parts) {
    bool refused = false;
    for (Operation *op : chip) {
      auto gather = dyn_cast<GatherOp>(op);
      for (Value operand : op->getOperands()) {
        bool comesIn = isa<BlockArgument>(operand) || parts.isHost(operand);
        bool isFloat = getElementType(operand).isF32() || getElementType(operand).isF16();
        if (!comesIn || isFloat || (gather && operand == gather.getIndices()))
          continue;
        std::string type;
        llvm::raw_string_ostream(type) << getElementType(operand);
        op->emitOpError("unsupported: target stream would read a tensor of ") << type << " from its host";
        refused = true;
      }
    }
    return failure(refused);
  }

  /// Moves the ops into one kernel before `end`.
  static KernelOp makeKernel(StringRef kind, ArrayRef<Operation *> ops, Operation *end) {
    llvm::DenseSet<Operation *> inside(ops.begin(), ops.end());
    llvm::SetVector<Value> inputs, results;
    for (Operation *op : ops) {
      for (Value operand : op->getOperands())
        if (!operand.getDefiningOp() || !inside.contains(operand.getDefiningOp()))
          inputs.insert(operand);
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !inside.contains(user); }))
          results.insert(result);
    }
    OpBuilder builder(end);
    auto name = NameLoc::get(builder.getStringAttr(kind));
    auto kernel = KernelOp::create(builder, name, TypeRange(ValueRange(results.getArrayRef())),
                                   builder.getStringAttr(kind), inputs.getArrayRef());
    Block *body = builder.createBlock(&kernel.getBody());
    for (Value input : inputs)
      body->addArgument(input.getType(), input.getLoc());
    for (auto [inner, outer] : llvm::zip_equal(results, kernel.getResults()))
      Value(inner).replaceUsesWithIf(outer, [&](OpOperand &use) { return !inside.contains(use.getOwner()); });
    for (Operation *op : ops) {
      op->moveBefore(body, body->end());
      for (OpOperand &operand : op->getOpOperands())
        if (auto found = llvm::find(inputs, operand.get()); found != inputs.end())
          operand.set(body->getArgument(found - inputs.begin()));
    }
    builder.setInsertionPointToEnd(body);
    YieldOp::create(builder, name, results.getArrayRef());
    return kernel;
  }

  /// A kernel for each tensor of positions by which the chip gathers from so many rows.
  static void makeIndices(ArrayRef<Operation *> chip, Operation *end) {
    llvm::DenseMap<std::pair<Value, int64_t>, Value> known;
    llvm::DenseSet<Operation *> inside(chip.begin(), chip.end());
    for (Operation *op : chip) {
      auto gather = dyn_cast<GatherOp>(op);
      if (!gather || (gather.getIndices().getDefiningOp() && inside.contains(gather.getIndices().getDefiningOp())))
        continue;
      Value indices = gather.getIndices();
      if (Operation *made = indices.getDefiningOp(); made && !isa<KernelOp>(made))
        continue; // a recipe
      int64_t rows = cast<RankedTensorType>(gather.getData().getType()).getDimSize(gather.getAxis());
      Value &checked = known[{indices, rows}];
      if (!checked) {
        OpBuilder builder(end);
        auto type = cast<RankedTensorType>(indices.getType());
        auto narrow = RankedTensorType::get(type.getShape(), builder.getI32Type());
        auto kernel =
            KernelOp::create(builder, op->getLoc(), TypeRange(narrow), builder.getStringAttr("indices"), indices);
        kernel->setAttr("rows", builder.getI64IntegerAttr(rows));
        Block *body = builder.createBlock(&kernel.getBody());
        Value yielded = body->addArgument(type, indices.getLoc());
        if (type != narrow)
          yielded = CastOp::create(builder, op->getLoc(), narrow, yielded);
        YieldOp::create(builder, op->getLoc(), yielded);
        checked = kernel.getResult(0);
      }
      gather.getIndicesMutable().assign(checked);
    }
  }
};

} // namespace
