//===- Target.h - What a target gives to the compiler --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGET_H
#define SINTER_TARGET_H

#include "include/sinter/Phases.h"

#include "lib/Bundle/BundleDescription.h"
#include "lib/Quantization/Scheme.h"
#include "lib/Support/Failure.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sinter {

/// One `--target=T[:CHIP,...]`.
struct TargetSpec {
  std::string target;
  std::vector<std::string> chips;
  /// `--sparsity` (dialects/sinter/Transforms/SparsityPattern.h).
  std::string sparsity = "auto";
  /// Where the files of `sinter.files` lie, for passes that read weights; empty: they are not to be read.
  std::string folder = {};
  /// The calibration.json whose arrays `sinter.files` may name; empty: there is none.
  std::string calibration = {};
};

/// What an artifact is written as.
enum class EmitKind { Bundle, Shared, Static, Object, Executable };

struct EmitRequest {
  TargetSpec spec;
  EmitKind kind = EmitKind::Bundle;
  std::string out;
  /// The prefix of exported symbols, and the model's name.
  std::string name;
  /// Where the files of `sinter.files` lie, and the source model as the user named it.
  std::string folder, modelPath;
  /// A calibration.json that a bundle keeps, with its archive beside it (Calibration::jsonName, arraysName); empty:
  /// none.
  std::string calibration;
  bool force = false;
  unsigned jobs = 1;
  /// Called with 0..1 and what is being done; may be empty.
  std::function<void(double, llvm::StringRef)> progress;
  /// Where the target's text (.s) of each phase goes; empty: nowhere.
  std::string dumpFolder;
};

/// One of the sizes that a program is compiled for.
struct ProgramEntry {
  std::string name;
  /// In phase Placed, and as it stood after phase Sparse.
  mlir::ModuleOp module, reference;
  /// The sizes that are fixed in it, by their symbols.
  std::vector<std::pair<std::string, int64_t>> sizes;
};

struct EmitResult {
  std::string sha256;
  uint64_t weightsBytes = 0, codeBytes = 0;
  /// A formula, and its value where all sizes are bounded.
  std::string arenaFormula;
  std::optional<int64_t> arenaBytes;
};

class Target {
public:
  virtual ~Target() = default;
  virtual llvm::StringRef getName() const = 0;
  /// One sentence.
  virtual llvm::StringRef getDescription() const = 0;
  /// The chips that `--target=NAME:CHIP` takes; the first is the default.
  virtual std::vector<std::string> getChips() const = 0;
  /// What `--chip=FILE.json` would hold to describe that chip, which is one of getChips; none where the target takes no
  /// descriptions.
  virtual std::optional<std::string> getChipDescription(llvm::StringRef) const { return std::nullopt; }
  /// Whether this machine can run its artifacts; if not, `reason` says why.
  virtual bool runsHere(std::string &reason) const = 0;
  /// Whether it executes products by weights in that scheme.
  virtual bool executes(const QuantizationScheme &) const { return false; }
  /// The schemes that it executes, for the message that refuses another: "w8a8 and w8a16"; empty: none.
  virtual std::string getSchemes() const { return ""; }
  /// In which type it computes products, as --precision names it.
  virtual llvm::StringRef getPrecision() const { return "f32"; }
  /// Registers the dialects that its phases use.
  virtual void registerDialects(mlir::DialectRegistry &registry) const = 0;
  /// Registers its passes by name, for sinter-opt and reproducers.
  virtual void registerPasses() const {}
  /// Adds the passes that lead from the phase before to `phase` (Quantized to Placed), the phase's verifying pass
  /// excluded. A pass refuses what the target does not have by an error whose text begins with "unsupported: "; where
  /// all errors of a phase are such, the user is told all of them with exit status 4. Any other error is a defect.
  virtual void addPasses(Phase phase, const TargetSpec &spec, mlir::OpPassManager &passes) const = 0;
  /// Adds the pass that states what holds after `phase`, Lowered or Placed; the phases before have one for all targets.
  virtual void addVerifyingPasses(Phase phase, mlir::OpPassManager &passes) const = 0;
  /// Writes the artifact of a module in phase Placed. `reference` is the module as it stood after phase Sparse, which
  /// the bundle keeps for `verify`.
  virtual llvm::Expected<EmitResult> emit(mlir::ModuleOp module, mlir::ModuleOp reference,
                                          const EmitRequest &request) const = 0;
  /// Whether each size of a program must be fixed when it is compiled. Then a dimension for which several are wanted
  /// makes entries.
  virtual bool needsFixedSizes() const { return false; }
  /// Writes one artifact for several sizes, the smaller ones first. `program` is the module in phase Quantized, in
  /// which the sizes that entries fix are symbols still; inputs that are smaller than an entry's sizes are padded.
  virtual llvm::Expected<EmitResult> emitEntries(mlir::ModuleOp, llvm::ArrayRef<ProgramEntry>,
                                                 const EmitRequest &) const {
    return unsupported("target " + getName() + " makes one program for all sizes");
  }
  /// What runs of modules in phase Placed are, with their code, for a target whose artifacts do a part of their work
  /// on this one: steps, kernels, variants, sections, the arena, inputs and outputs. What says whose program it is, is
  /// left out. All have the same kernels and variants, which only the first lists. The modules must outlive the
  /// descriptions.
  virtual llvm::Expected<std::vector<BundleDescription>> describe(llvm::ArrayRef<mlir::ModuleOp>,
                                                                  const EmitRequest &) const {
    return unsupported("target " + getName() + " does no part of another target's work");
  }
};

/// All targets of this build. CMake generates the list (lib/Pipeline/Registry.cpp.in).
const std::vector<std::unique_ptr<Target>> &getTargets();

} // namespace sinter

#endif // SINTER_TARGET_H
