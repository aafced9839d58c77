//===- Target.cpp - A target that compiles to nothing -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Target.h"
#include "lib/Support/Failure.h"

using namespace sinter;

namespace {

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
  /// A target's own passes go here, phase by phase: `case Phase::Fused: passes.addPass(createFuseKernelsPass());`.
  void addPasses(Phase phase, const TargetSpec &spec, mlir::OpPassManager &passes) const override {}
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
