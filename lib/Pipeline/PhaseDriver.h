//===- PhaseDriver.h - Takes a module from phase to phase -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PIPELINE_PHASEDRIVER_H
#define SINTER_PIPELINE_PHASEDRIVER_H

#include "dialects/sinter/Transforms/Passes.h"
#include "include/sinter/Compiler.h"

#include <string>

namespace sinter {

/// The phase that the module's attribute `sinter.phase` names.
std::optional<Phase> getPhase(mlir::ModuleOp module);
void setPhase(mlir::ModuleOp module, Phase phase);

/// Carries out the phases of one target. Diagnostics of passes do not reach the user: a pass that fails is an internal
/// error whose message holds them, the file that reproduces it and the line to run again.
class PhaseDriver {
public:
  /// `target` may be null as long as no phase after canonical is reached.
  PhaseDriver(const Target *target, TargetSpec spec, std::string dumpFolder)
      : target(target), spec(std::move(spec)), dumpFolder(std::move(dumpFolder)) {}

  /// See CompileRequest.
  std::optional<QuantizationScheme> quantization;
  bool observesActivations = false;
  /// Where the weights of `sinter.files` lie, for what is decided by their values; empty: nothing is.
  std::optional<std::string> weightsFolder;

  /// Takes `module` from the phase that it is in to `last`, which is at most Placed, dumping it after each phase.
  /// Nothing is done where it is there already. `folder`: see dumpPhase.
  llvm::Error run(mlir::ModuleOp module, Phase last, llvm::StringRef folder);
  /// Carries out passes that lead to no other phase; `what` they are is for messages: "padding".
  llvm::Error transform(mlir::ModuleOp module, llvm::function_ref<void(mlir::OpPassManager &)> addPasses,
                        llvm::StringRef what);
  /// Checks what the module's phase promises.
  llvm::Error verify(mlir::ModuleOp module);
  /// Writes the module as <n>-<phase>.mlir, with the attribute `sinter.folder`: where the files of `sinter.files` lie,
  /// so that --compile-from finds them. Nothing is done where no folder for dumps was given.
  llvm::Error dump(mlir::ModuleOp module, llvm::StringRef folder);

  /// The module as it stood after phase Sparse; null where the run did not pass that phase.
  mlir::OwningOpRef<mlir::ModuleOp> takeReference() { return std::move(reference); }

private:
  RecipeReader makeRecipeReader(mlir::ModuleOp module) const;
  void addPasses(mlir::ModuleOp module, Phase phase, bool verifying, mlir::OpPassManager &passes);

  const Target *target;
  TargetSpec spec;
  std::string dumpFolder;
  mlir::OwningOpRef<mlir::ModuleOp> reference;
};

/// Writes `module` to `path` as text, with locations; `-` is standard output. `folder`, if not empty, becomes the
/// attribute `sinter.folder`.
llvm::Error writeModule(mlir::ModuleOp module, llvm::StringRef path, llvm::StringRef folder);

/// The name of a phase's dump: 0-imported.mlir.
std::string dumpName(Phase phase);

} // namespace sinter

#endif // SINTER_PIPELINE_PHASEDRIVER_H
