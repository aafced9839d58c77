//===- Target.cpp - A target that compiles to nothing -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Target.h"
#include "dialects/sinter/IR/Sinter.h"
#include "dialects/sinter/Transforms/Passes.h"
#include "lib/Support/Failure.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

using namespace sinter;

namespace {

/// The least that phase fused asks for: each op is a kernel of its own. Weights and constants stay outside.
class WrapOpsPass : public mlir::PassWrapper<WrapOpsPass, mlir::OperationPass<mlir::ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(WrapOpsPass)
  llvm::StringRef getArgument() const override { return "null-wrap-ops"; }
  llvm::StringRef getDescription() const override { return "Makes a kernel of each op."; }

private:
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<mlir::func::FuncOp>("main");
    for (mlir::Operation &op : llvm::make_early_inc_range(main.getBody().front()))
      if (!mlir::isa<ParameterOp, ConstantOp, KernelOp, mlir::func::ReturnOp>(op))
        wrap(&op);
  }

  void wrap(mlir::Operation *op) {
    mlir::OpBuilder builder(op);
    auto kernel =
        KernelOp::create(builder, op->getLoc(), op->getResultTypes(), builder.getStringAttr("op"), op->getOperands());
    mlir::Block *body = builder.createBlock(&kernel.getBody());
    for (mlir::Value operand : op->getOperands())
      body->addArgument(operand.getType(), operand.getLoc());
    op->replaceAllUsesWith(kernel.getResults());
    op->moveBefore(body, body->end());
    op->setOperands(body->getArguments());
    builder.setInsertionPointToEnd(body);
    YieldOp::create(builder, op->getLoc(), op->getResults());
  }
};

class NullTarget : public Target {
public:
  llvm::StringRef getName() const override { return "null"; }
  llvm::StringRef getDescription() const override { return "Takes a model through the phases and writes nothing."; }
  std::vector<std::string> getChips() const override { return {"none"}; }
  bool runsHere(std::string &reason) const override {
    reason = "there is nothing to run: it is the skeleton that new targets begin with";
    return false;
  }
  /// A target's own dialects go here: `registry.insert<MyDialect>()`.
  void registerDialects(mlir::DialectRegistry &registry) const override {}
  /// A target's own passes go here, phase by phase; they are declared in a Passes.td of the target.
  void addPasses(Phase phase, const TargetSpec &spec, mlir::OpPassManager &passes) const override {
    if (phase == Phase::Fused)
      passes.addPass(std::make_unique<WrapOpsPass>());
  }
  /// A target's own checks of phases lowered and placed go here; this one leaves the graph of kernels as it is.
  void addVerifyingPasses(Phase phase, mlir::OpPassManager &passes) const override {
    passes.addPass(createVerifyGraphPass({stringifyPhase(Phase::Fused).str()}));
  }
  void registerPasses() const override { mlir::PassRegistration<WrapOpsPass>(); }
  /// A target's artifact is written here (lib/Bundle/WriteBundle.h).
  llvm::Expected<EmitResult> emit(mlir::ModuleOp module, mlir::ModuleOp reference,
                                  const EmitRequest &request) const override {
    return unsupported("target null writes nothing: it ends at phase placed (--compile-to=placed)");
  }
};

} // namespace

namespace sinter {
std::unique_ptr<Target> createNullTarget() { return std::make_unique<NullTarget>(); }
} // namespace sinter
