//===- VerifyGraph.cpp - Checks what a phase promises of the graph ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"
#include "dialects/sinter/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

namespace sinter {
#define GEN_PASS_DEF_VERIFYGRAPHPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace sinter;

namespace {

class GraphVerifier {
public:
  GraphVerifier(mlir::ModuleOp module, bool canonical, bool fused)
      : module(module), canonical(canonical), fused(fused) {}

  mlir::LogicalResult run() {
    main = module.lookupSymbol<mlir::func::FuncOp>("main");
    if (!main || main.isExternal())
      return module.emitOpError("P1: has no function main with a body");
    if (mlir::failed(verifyNames()) || mlir::failed(verifyProgram()))
      return mlir::failure();
    mlir::WalkResult result = main.walk([&](mlir::Operation *op) {
      return mlir::failed(verifyOp(op)) ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
    });
    return mlir::failure(result.wasInterrupted());
  }

private:
  mlir::LogicalResult verifyNames() {
    for (unsigned i = 0; i < main.getNumArguments(); ++i) {
      auto name = main.getArgAttrOfType<mlir::StringAttr>(i, "sinter.name");
      if (!name)
        return main.emitOpError("P1: argument #") << i << " has no sinter.name";
      if (!inputs.try_emplace(name.getValue(), i).second)
        return main.emitOpError("P1: two arguments are named '") << name.getValue() << "'";
    }
    llvm::StringSet<> outputs;
    for (unsigned i = 0; i < main.getNumResults(); ++i) {
      auto name = main.getResultAttrOfType<mlir::StringAttr>(i, "sinter.name");
      if (!name)
        return main.emitOpError("P1: result #") << i << " has no sinter.name";
      if (!outputs.insert(name.getValue()).second)
        return main.emitOpError("P1: two results are named '") << name.getValue() << "'";
    }
    return mlir::success();
  }

  /// The type of the input of that name; null where there is none.
  mlir::RankedTensorType inputType(llvm::StringRef name) {
    auto found = inputs.find(name);
    if (found == inputs.end())
      return {};
    return mlir::dyn_cast<mlir::RankedTensorType>(main.getArgument(found->second).getType());
  }

  mlir::LogicalResult verifyProgram() {
    auto files = module->getAttrOfType<mlir::ArrayAttr>("sinter.files");
    int64_t numFiles = files ? files.size() : 0;
    for (mlir::Operation &op : module.getOps()) {
      if (auto symbol = mlir::dyn_cast<SymbolOp>(op)) {
        mlir::RankedTensorType type = inputType(symbol.getInput());
        if (!type)
          return symbol.emitOpError("P3: there is no input '") << symbol.getInput() << "'";
        int64_t position = symbol.getPosition();
        if (position < 0 || (!symbol.getElement() && position >= type.getRank()))
          return symbol.emitOpError("P3: input '")
                 << symbol.getInput() << "' has no " << (symbol.getElement() ? "element " : "axis ") << position;
        symbols.insert(symbol.getSymName());
      } else if (auto check = mlir::dyn_cast<CheckOp>(op)) {
        mlir::RankedTensorType type = inputType(check.getInput());
        if (!type || check.getAxis() < 0 || int64_t(check.getAxis()) >= type.getRank())
          return check.emitOpError("P4: there is no input '") << check.getInput() << "' with axis " << check.getAxis();
      } else if (auto weight = mlir::dyn_cast<WeightOp>(op)) {
        if (weight.getFile() < 0 || int64_t(weight.getFile()) >= numFiles)
          return weight.emitOpError("P5: there is no file ") << weight.getFile() << " in sinter.files";
      }
    }
    for (mlir::BlockArgument argument : main.getArguments()) {
      if (mlir::failed(verifySizes(main, argument.getType())))
        return mlir::failure();
      if (main.getArgAttr(argument.getArgNumber(), "sinter.any_shape") &&
          (!argument.use_empty() || !hasSizes(argument.getType()) || getRank(argument) != 0))
        return main.emitOpError("P1: input #")
               << argument.getArgNumber() << " may have any shape, and is used or has sizes";
      if (main.getArgAttr(argument.getArgNumber(), "sinter.session") &&
          argument.getType() != mlir::RankedTensorType::get({}, mlir::IntegerType::get(module.getContext(), 64)))
        return main.emitOpError("P1: input #") << argument.getArgNumber() << " is the session's, and no scalar of i64";
    }
    return mlir::success();
  }

  mlir::LogicalResult verifySizes(mlir::Operation *op, mlir::Type type) {
    if (!hasSizes(type))
      return mlir::success();
    std::string unknown;
    for (const SizeExpr &size : getSizes(type))
      size.forEachSymbol([&](llvm::StringRef name) {
        if (!symbols.contains(name))
          unknown = name.str();
      });
    if (!unknown.empty())
      return op->emitOpError("P3: symbol '") << unknown << "' is not declared";
    return mlir::success();
  }

  mlir::LogicalResult verifyOp(mlir::Operation *op) {
    if (mlir::isa<mlir::func::FuncOp, mlir::func::ReturnOp>(op))
      return mlir::success();
    if (op->getName().getDialectNamespace() != "sinter")
      return op->emitOpError("P2: is not of the sinter dialect");
    for (mlir::Type type : op->getResultTypes())
      if (mlir::failed(verifySizes(op, type)))
        return mlir::failure();
    if (fused && op->getParentOp() == main && mlir::failed(verifyFused(op)))
      return mlir::failure();
    if (auto update = mlir::dyn_cast<UpdateStateOp>(op); update && !updated.insert(update.getState()).second)
      return op->emitOpError("P8: updates state '") << update.getState() << "' for the second time";
    if (canonical && op->getNumResults() && op->use_empty() && mlir::isMemoryEffectFree(op))
      return op->emitOpError("P6: is not used");
    return mlir::success();
  }

  /// What is made of weights alone stays as it is: it is computed when the artifact is written.
  mlir::LogicalResult verifyFused(mlir::Operation *op) {
    if (mlir::isa<KernelOp>(op))
      return mlir::success();
    for (mlir::Value operand : op->getOperands())
      if (!ofWeights.contains(operand))
        return op->emitOpError("P7: computes from the program's inputs outside of a kernel");
    ofWeights.insert(op->result_begin(), op->result_end());
    return mlir::success();
  }

  mlir::ModuleOp module;
  bool canonical, fused;
  llvm::DenseSet<mlir::Value> ofWeights;
  mlir::func::FuncOp main;
  llvm::StringMap<unsigned> inputs;
  llvm::StringSet<> symbols, updated;
};

class VerifyGraphPass : public sinter::impl::VerifyGraphPassBase<VerifyGraphPass> {
public:
  using VerifyGraphPassBase::VerifyGraphPassBase;

private:
  void runOnOperation() override {
    // Of element types and sparsity the graph's own verifiers say all that there is to say.
    auto canonical = llvm::StringSwitch<std::optional<bool>>(phase)
                         .Case("imported", false)
                         .Cases({"canonical", "quantized", "sparse", "fused"}, true)
                         .Default(std::nullopt);
    if (!canonical) {
      getOperation().emitOpError("is no graph in phase '") << phase << "'";
      return signalPassFailure();
    }
    if (mlir::failed(GraphVerifier(getOperation(), *canonical, phase == "fused").run()))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
