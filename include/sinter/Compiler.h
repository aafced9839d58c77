//===- Compiler.h - Compiles a model -------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_COMPILER_H
#define SINTER_COMPILER_H

#include "include/sinter/Frontend.h"
#include "include/sinter/Target.h"
#include "lib/Quantization/Scheme.h"

namespace sinter {

/// `sinter compile`: what the command line of docs/cli.md says, field by field.
struct CompileRequest {
  std::string model;
  std::string out;
  std::vector<TargetSpec> targets; // empty: cpu:portable
  EmitKind emit = EmitKind::Bundle;
  std::string name; // empty: from the file's name
  ImportOptions import;
  std::optional<Phase> compileTo, compileFrom;
  std::string dumpPhasesTo;
  bool force = false;
  /// `--quantize`.
  std::optional<QuantizationScheme> quantization;
  /// What quantization and pruning know of activations, or, of a module in which both are done, the arrays that it may
  /// name: the path of a calibration.json, which the bundle keeps, with its archive. Empty: there is none.
  std::string calibration;
  /// As in TargetSpec, for all targets.
  std::string sparsity = "auto";
  /// For calibration: the program's results are followed by what products by weights read (ObserveActivationsPass).
  bool observesActivations = false;
  unsigned jobs = 0; // 0: as many as the machine has
  std::function<void(double, llvm::StringRef)> progress;
};

struct CompiledTarget {
  TargetSpec spec;
  EmitResult result;
};

/// A transformation that was not applied to some part of the model, and why.
struct Refusal {
  std::string what, reason;
};

struct CompileResult {
  std::vector<std::string> warnings;
  std::vector<Refusal> refused;
  std::vector<CompiledTarget> targets;
  /// The module at the last phase that was reached (for --compile-to and inspect).
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string folder;
  /// With observesActivations: for each result behind the model's own the names of the products that read it.
  std::vector<std::vector<std::string>> observed;
};

/// Whether something is asked for that calibration makes better: quantization, or pruning.
bool usesCalibration(const CompileRequest &request);

/// Whether the targets execute the request's scheme; Failure (exit status 4) that says what they execute. `compile`
/// asks, too; apart, so that a refusal need not wait for calibration.
llvm::Error checkSchemes(const CompileRequest &request);

/// Registers every dialect that the phases of all targets use.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Reads a model (or a .mlir of --dump-phases-to) and takes it through the phases. Diagnostics of MLIR do not reach the
/// user: a pass that fails is an internal error, with a reproducer written. Errors are sinter::Failure.
llvm::Expected<CompileResult> compile(const CompileRequest &request, mlir::MLIRContext &context);

} // namespace sinter

#endif // SINTER_COMPILER_H
