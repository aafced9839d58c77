//===- Compiler.cpp - Compiles a model --------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Compiler.h"
#include "dialects/sinter/IR/Sinter.h"
#include "dialects/sinter/Transforms/Refusals.h"
#include "dialects/sinter/Transforms/SparsityPattern.h"
#include "lib/Pipeline/Entries.h"
#include "lib/Support/Failure.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <thread>

using namespace sinter;

namespace {

struct Source {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// For a module that is past phase Sparse: what it was then.
  mlir::OwningOpRef<mlir::ModuleOp> reference;
  std::string folder;
  std::vector<std::string> warnings;
};

struct ResolvedTarget {
  const Target *target;
  TargetSpec spec;
};

template <typename Range> std::string joinNames(const Range &range) {
  return llvm::join(llvm::map_range(range, [](const auto &entry) { return entry->getName().str(); }), ", ");
}

llvm::Expected<std::vector<ResolvedTarget>> resolveTargets(llvm::ArrayRef<TargetSpec> specs) {
  std::vector<TargetSpec> wanted(specs.begin(), specs.end());
  if (wanted.empty())
    wanted.push_back({"cpu", {}});
  std::vector<ResolvedTarget> result;
  for (TargetSpec &spec : wanted) {
    auto known = llvm::find_if(getTargets(), [&](const auto &target) { return target->getName() == spec.target; });
    if (known == getTargets().end())
      return usage("there is no target '" + spec.target + "' in this build; it has: " + joinNames(getTargets()));
    auto same = llvm::find_if(result, [&](const ResolvedTarget &other) { return other.target == known->get(); });
    if (same != result.end()) {
      llvm::append_range(same->spec.chips, spec.chips);
      continue;
    }
    result.push_back({known->get(), std::move(spec)});
  }
  for (ResolvedTarget &entry : result)
    if (std::vector<std::string> chips = entry.target->getChips(); entry.spec.chips.empty() && !chips.empty())
      entry.spec.chips.push_back(chips.front());
  return result;
}

/// Reads a .mlir that --dump-phases-to or --compile-to wrote.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> parseModule(llvm::StringRef path, mlir::MLIRContext &context) {
  std::string diagnostics;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (diagnostics.empty()) {
      if (auto place = diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>())
        diagnostics = std::to_string(place.getLine()) + ":" + std::to_string(place.getColumn()) + ": ";
      diagnostics += diagnostic.str();
    }
    return mlir::success();
  });
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
  if (!module)
    return unusable("'" + path + "' is no module of Sinter: " + diagnostics);
  if (!getPhase(*module))
    return unusable("'" + path + "' does not say in which phase it is (sinter.phase): it was not written by Sinter");
  return module;
}

llvm::Expected<Source> readDump(const CompileRequest &request, mlir::MLIRContext &context) {
  auto module = parseModule(request.model, context);
  if (!module)
    return module.takeError();
  Source source;
  source.module = std::move(*module);
  // Of a folder for all dumps, the file says where the model lay.
  llvm::StringRef beside = llvm::sys::path::parent_path(request.model);
  source.folder = beside.empty() ? "." : beside.str();
  if (auto folder = (*source.module)->getAttrOfType<mlir::StringAttr>("sinter.folder")) {
    source.folder = folder.str();
    (*source.module)->removeAttr("sinter.folder");
  }
  Phase phase = *getPhase(*source.module);
  if (request.compileFrom && *request.compileFrom != phase)
    return usage("--compile-from=" + stringifyPhase(*request.compileFrom) + ": '" + request.model + "' is in phase " +
                 stringifyPhase(phase));
  if (phase > Phase::Sparse && (!request.compileTo || *request.compileTo == Phase::Emitted)) {
    llvm::SmallString<128> path(beside);
    llvm::sys::path::append(path, dumpName(Phase::Sparse));
    auto reference = parseModule(path, context);
    if (!reference) {
      llvm::consumeError(reference.takeError());
      return unusable("a bundle keeps the program as it stood after phase sparse, and beside '" + request.model +
                      "' there is no usable " + dumpName(Phase::Sparse));
    }
    source.reference = std::move(*reference);
    (*source.reference)->removeAttr("sinter.folder");
  }
  return source;
}

llvm::Expected<Source> readModelFile(const CompileRequest &request, mlir::MLIRContext &context) {
  if (request.compileFrom)
    return usage("--compile-from takes a .mlir that --dump-phases-to wrote, and the model is '" + request.model + "'");
  auto frontend = llvm::find_if(getFrontends(), [&](const auto &entry) { return entry->accepts(request.model); });
  if (frontend == getFrontends().end())
    return unusable("'" + request.model + "' is no model that this build can read; it reads: " +
                    joinNames(getFrontends()) + ", and .mlir files of --dump-phases-to");
  auto imported = (*frontend)->import(request.model, request.import, context);
  if (!imported)
    return imported.takeError();
  Source source;
  source.module = std::move(imported->module);
  source.folder = std::move(imported->folder);
  source.warnings = std::move(imported->warnings);
  if (source.folder.empty())
    source.folder = ".";
  setPhase(*source.module, Phase::Imported);
  return source;
}

std::string absoluteFolder(llvm::StringRef folder) {
  llvm::SmallString<128> path(folder);
  llvm::sys::fs::make_absolute(path);
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/false);
  return path.str().str();
}

/// The prefix of exported symbols for a model's file name: a C identifier that is not the runtime's.
std::string symbolPrefix(llvm::StringRef model) {
  std::string name;
  for (char c : llvm::sys::path::stem(model))
    name += llvm::isAlnum(c) ? c : '_';
  if (name.empty() || llvm::isDigit(name.front()) || llvm::StringRef(name).starts_with("sinter_"))
    name = "model_" + name;
  return name;
}

llvm::Error checkName(llvm::StringRef name) {
  bool identifier = !name.empty() && !llvm::isDigit(name.front()) &&
                    llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  if (!identifier)
    return usage("--name=" + name + ": it becomes part of C identifiers, so it has letters, digits and _ only");
  if (name.starts_with("sinter_"))
    return usage("--name=" + name + ": names that begin with sinter_ are the runtime's");
  return llvm::Error::success();
}

llvm::Error checkScheme(const QuantizationScheme &scheme, const Target &target) {
  if (target.executes(scheme))
    return llvm::Error::success();
  std::string schemes = target.getSchemes();
  return unsupported("--quantize=" + scheme.str() + ": target " + target.getName() + " does not execute it; " +
                     (schemes.empty() ? "it executes no quantized products" : "it executes " + schemes));
}

} // namespace

void sinter::registerAllDialects(mlir::DialectRegistry &registry) {
  registry.insert<SinterDialect, mlir::func::FuncDialect>();
  for (const auto &target : getTargets())
    target->registerDialects(registry);
}

bool sinter::usesCalibration(const CompileRequest &request) {
  if (request.quantization)
    return true;
  llvm::Expected<SparsityPattern> pattern = parseSparsity(request.sparsity);
  if (pattern)
    return pattern->prunes();
  llvm::consumeError(pattern.takeError()); // `compile` says what is wrong with it
  return false;
}

llvm::Error sinter::checkSchemes(const CompileRequest &request) {
  if (!request.quantization)
    return llvm::Error::success();
  auto targets = resolveTargets(request.targets);
  if (!targets)
    return targets.takeError();
  for (const ResolvedTarget &resolved : *targets)
    if (llvm::Error error = checkScheme(*request.quantization, *resolved.target))
      return error;
  return llvm::Error::success();
}

llvm::Expected<CompileResult> sinter::compile(const CompileRequest &given, mlir::MLIRContext &context) {
  CompileRequest request = given;
  auto report = [&](double part, llvm::StringRef what) {
    if (request.progress)
      request.progress(part, what);
  };
  // What is not there is said before what could be done with it.
  if (!llvm::sys::fs::exists(request.model))
    return unusable("there is no file '" + request.model + "'");
  Phase last = request.compileTo.value_or(Phase::Emitted);
  auto targets = resolveTargets(request.targets);
  // Up to canonical no target is asked for anything, so that a build without the default one can still look at models.
  if (!targets && (last > Phase::Canonical || !request.targets.empty()))
    return targets.takeError();
  if (!targets) {
    llvm::consumeError(targets.takeError());
    targets = std::vector<ResolvedTarget>();
  }
  if (targets->size() > 1)
    return unsupported("several targets in one bundle are not supported yet: " + (*targets)[0].spec.target + " and " +
                       (*targets)[1].spec.target);
  if (!request.name.empty())
    if (llvm::Error error = checkName(request.name))
      return error;

  if (llvm::Error error = checkSchemes(request))
    return error;
  std::vector<ListedDim> listed;
  if (!targets->empty() && targets->front().target->needsFixedSizes())
    listed = takeListedDims(request.import.dims);

  report(0, "reading " + request.model);
  bool isDump = llvm::StringRef(request.model).ends_with(".mlir");
  auto source = isDump ? readDump(request, context) : readModelFile(request, context);
  if (!source)
    return source.takeError();
  Phase first = *getPhase(*source->module);
  if (last < first)
    return usage("--compile-to=" + stringifyPhase(last) + ": '" + request.model + "' is in phase " +
                 stringifyPhase(first) + " already");

  CompileResult result;
  result.warnings = std::move(source->warnings);
  result.folder = source->folder;
  const Target *target = targets->empty() ? nullptr : targets->front().target;
  TargetSpec spec = targets->empty() ? TargetSpec() : targets->front().spec;
  if ((request.quantization || request.observesActivations) && first >= Phase::Quantized)
    return usage((request.quantization ? "--quantize: '" : "--calibrate: '") + request.model + "' is in phase " +
                 stringifyPhase(first) + ", in which element types are decided already");
  auto pattern = parseSparsity(request.sparsity);
  if (!pattern)
    return pattern.takeError();
  if (pattern->prunes() && first >= Phase::Quantized)
    return usage("--sparsity=" + request.sparsity + ": '" + request.model + "' is in phase " + stringifyPhase(first) +
                 ", in which weights are pruned already or not at all");
  spec.sparsity = request.sparsity;
  spec.calibration = request.calibration;
  if (!request.import.checkOnly)
    spec.folder = source->folder;
  PhaseDriver driver(target, spec, request.dumpPhasesTo);
  driver.quantization = request.quantization;
  driver.observesActivations = request.observesActivations;
  if (!request.import.checkOnly)
    driver.weightsFolder = source->folder;
  std::string folder = absoluteFolder(source->folder);
  if (llvm::Error error = driver.verify(*source->module))
    return error;
  if (first == Phase::Sparse)
    source->reference = mlir::OwningOpRef<mlir::ModuleOp>(source->module->clone());
  if (llvm::Error error = driver.dump(*source->module, folder))
    return error;
  report(0.1, "transforming the graph");
  const bool hasEntries = !listed.empty() && last > Phase::Quantized;
  if (hasEntries && first > Phase::Quantized)
    return usage("--dim " + listed.front().name + ": '" + request.model + "' is in phase " + stringifyPhase(first) +
                 ", in which sizes are fixed");
  if (hasEntries && request.compileTo && *request.compileTo != Phase::Emitted && !request.import.checkOnly)
    return usage("--compile-to=" + stringifyPhase(last) + ": from phase " + stringifyPhase(Phase::Sparse) +
                 " on there is a module for each size of " + listed.front().name +
                 "; name one, or see --dump-phases-to");
  if (llvm::Error error = driver.run(*source->module, hasEntries ? Phase::Quantized : last, folder))
    return error;
  std::vector<CompiledEntry> entries;
  if (hasEntries) {
    auto makeDriver = [&](llvm::StringRef entry) {
      llvm::SmallString<128> dumps(request.dumpPhasesTo);
      if (!dumps.empty())
        llvm::sys::path::append(dumps, entry);
      PhaseDriver own(target, spec, dumps.str().str());
      if (!request.import.checkOnly)
        own.weightsFolder = source->folder;
      return own;
    };
    auto made = makeEntries(*source->module, listed, last, folder, makeDriver);
    if (!made)
      return made.takeError();
    entries = std::move(*made);
  }

  if (last == Phase::Emitted && !request.import.checkOnly) {
    mlir::OwningOpRef<mlir::ModuleOp> reference = driver.takeReference();
    if (!reference && source->reference)
      reference = std::move(source->reference);
    EmitRequest emit;
    emit.spec = spec;
    emit.kind = request.emit;
    emit.out = request.out;
    emit.name = request.name.empty() ? symbolPrefix(request.model) : request.name;
    emit.folder = source->folder;
    emit.modelPath = request.model;
    emit.calibration = request.calibration;
    emit.force = request.force;
    emit.jobs = request.jobs ? request.jobs : std::max(1u, std::thread::hardware_concurrency());
    emit.dumpFolder = request.dumpPhasesTo;
    emit.progress = [&](double part, llvm::StringRef what) { report(0.2 + 0.8 * part, what); };
    std::vector<ProgramEntry> views;
    for (CompiledEntry &entry : entries)
      views.push_back({entry.name, *entry.module, *entry.reference, entry.sizes});
    auto emitted = hasEntries ? target->emitEntries(*source->module, views, emit)
                              : target->emit(*source->module, *reference, emit);
    if (!emitted)
      return emitted.takeError();
    result.targets.push_back({spec, std::move(*emitted)});
  }
  for (auto &[what, reason] : getRefusals(*source->module))
    result.refused.push_back({what, reason});
  if (auto observed = (*source->module)->getAttrOfType<mlir::ArrayAttr>("sinter.observed"))
    for (auto readers : observed.getAsRange<mlir::ArrayAttr>()) {
      result.observed.emplace_back();
      for (auto name : readers.getAsRange<mlir::StringAttr>())
        result.observed.back().push_back(name.str());
    }
  result.module = std::move(source->module);
  report(1, "done");
  return result;
}
