//===- FoldedWeights.cpp - What follows from weights, computed once for many runs -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/FoldedWeights.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Interpreter/Interpreter.h"
#include "tools/sinter/Console.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace sinter;
using namespace sinter::tool;

FoldedWeights::FoldedWeights(mlir::ModuleOp module, ReadWeight read) : readOther(std::move(read)) {
  InterpretOptions options;
  options.readWeight = readOther;
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  mlir::Block &body = main.getBody().front();
  auto outer = mlir::OpBuilder::atBlockBegin(module.getBody());

  llvm::DenseMap<mlir::Value, HostTensor> values; // of what follows from weights
  llvm::SmallVector<mlir::Operation *> recipes;
  for (mlir::Operation &op : llvm::make_early_inc_range(body.without_terminator())) {
    if (op.getNumResults() != 1 || !isFromWeights(op.getResult(0)))
      continue;
    std::vector<const HostTensor *> operands;
    for (mlir::Value operand : op.getOperands())
      operands.push_back(&values.find(operand)->second);
    values[op.getResult(0)] = orStop(interpretOp(&op, operands, {}, options));
    recipes.push_back(&op);
  }
  llvm::SmallPtrSet<mlir::Operation *, 32> isRecipe(recipes.begin(), recipes.end());
  for (mlir::Operation *op : recipes) {
    bool isRead = llvm::any_of(op->getUsers(), [&](mlir::Operation *user) { return !isRecipe.contains(user); });
    if (!isRead || mlir::isa<ParameterOp, ConstantOp>(op))
      continue;
    std::string name = "folded/" + std::to_string(folded.size());
    mlir::Value result = op->getResult(0);
    auto weight = WeightOp::create(outer, op->getLoc(), name, WeightEncoding::raw, uint64_t(0), uint64_t(0),
                                   uint64_t(0), mlir::cast<mlir::RankedTensorType>(result.getType()));
    mlir::OpBuilder inner(op);
    auto parameter = ParameterOp::create(inner, op->getLoc(), result.getType(), weight.getSymName());
    folded[name] = std::move(values.find(result)->second);
    result.replaceUsesWithIf(parameter.getResult(),
                             [&](mlir::OpOperand &use) { return !isRecipe.contains(use.getOwner()); });
  }
  for (mlir::Operation *op : llvm::reverse(recipes))
    if (op->use_empty())
      op->erase();
}

llvm::Expected<HostTensor> FoldedWeights::read(WeightOp weight) const {
  auto found = folded.find(weight.getSymName());
  if (found != folded.end())
    return found->second;
  return readOther(weight);
}
