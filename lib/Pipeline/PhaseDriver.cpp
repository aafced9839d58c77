//===- PhaseDriver.cpp - Takes a module from phase to phase -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Pipeline/PhaseDriver.h"

#include "dialects/sinter/Transforms/PassFailure.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Sparsity/Passes.h"
#include "lib/Support/AtomicOutput.h"
#include "lib/Support/Failure.h"
#include "lib/Weights/WeightFiles.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace sinter;

std::optional<Phase> sinter::getPhase(mlir::ModuleOp module) {
  auto name = module->getAttrOfType<mlir::StringAttr>("sinter.phase");
  return name ? parsePhase(name.getValue()) : std::nullopt;
}

void sinter::setPhase(mlir::ModuleOp module, Phase phase) {
  module->setAttr("sinter.phase", mlir::StringAttr::get(module.getContext(), stringifyPhase(phase)));
}

std::string sinter::dumpName(Phase phase) {
  return std::to_string(int(phase)) + "-" + stringifyPhase(phase).str() + ".mlir";
}

llvm::Error sinter::writeModule(mlir::ModuleOp module, llvm::StringRef path, llvm::StringRef folder) {
  if (!folder.empty())
    module->setAttr("sinter.folder", mlir::StringAttr::get(module.getContext(), folder));
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, mlir::OpPrintingFlags().enableDebugInfo());
  stream << '\n';
  module->removeAttr("sinter.folder");
  if (path == "-") {
    llvm::outs() << text; // the tool sees to errors of standard output
    return llvm::Error::success();
  }
  llvm::Expected<AtomicOutput> output = AtomicOutput::file(path);
  if (!output)
    return output.takeError();
  if (llvm::Error error = output->write("", text))
    return error;
  return output->commit();
}

llvm::Error PhaseDriver::dump(mlir::ModuleOp module, llvm::StringRef folder) {
  if (dumpFolder.empty())
    return llvm::Error::success();
  if (std::error_code error = llvm::sys::fs::create_directories(dumpFolder))
    return ioFailure("cannot make the folder '" + dumpFolder + "': " + error.message());
  llvm::SmallString<128> path(dumpFolder);
  llvm::sys::path::append(path, dumpName(*getPhase(module)));
  return writeModule(module, path, folder);
}

namespace {

/// Where a reproducer of a failing pass goes: a new file in the folder for temporary files.
std::string reproducerPath() {
  llvm::SmallString<128> folder, path;
  llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/true, folder);
  llvm::sys::path::append(folder, "sinter-reproducer-%%%%%%%%.mlir");
  llvm::sys::fs::createUniquePath(folder, path, /*MakeAbsolute=*/false);
  return path.str().str();
}

/// Takes an error of the form "'sinter.conv' op unsupported: reason" as the refusal of a node; false for other errors.
bool addRefusal(llvm::StringRef text, const std::string &node, std::vector<UnsupportedNode> &refused) {
  auto [head, reason] = text.split("unsupported: ");
  if (reason.empty() || !(head.empty() || head.ends_with("op ")))
    return false;
  std::string op = head.split('\'').second.split('\'').first.str();
  for (UnsupportedNode &entry : refused)
    if (entry.op == op && entry.reason == reason) {
      ++entry.count;
      return true;
    }
  UnsupportedNode entry;
  entry.node = node;
  entry.op = op;
  entry.reason = reason.str();
  refused.push_back(std::move(entry));
  return true;
}

} // namespace

RecipeReader PhaseDriver::makeRecipeReader(mlir::ModuleOp module) const {
  if (!weightsFolder)
    return {};
  // Opened when the first value is asked for, and kept as long as the pass.
  auto files = std::make_shared<std::optional<WeightFiles>>();
  return [module, files, folder = *weightsFolder,
          calibration = spec.calibration](mlir::Value value) -> llvm::Expected<HostTensor> {
    if (!*files) {
      llvm::Expected<WeightFiles> opened = WeightFiles::open(module, folder, calibration);
      if (!opened)
        return opened.takeError();
      *files = std::move(*opened);
    }
    InterpretOptions options;
    options.readWeight = [&](WeightOp weight) { return (*files)->read(weight); };
    return interpretRecipe(value, options);
  };
}

void PhaseDriver::addPasses(mlir::ModuleOp module, Phase phase, bool verifying, mlir::OpPassManager &passes) {
  if (!verifying) {
    if (phase == Phase::Canonical)
      addCanonicalPasses(passes);
    // Before all that calibration knows by its size, so that products of codes have fewer channels, too.
    if (phase == Phase::Quantized && spec.sparsity != "none" && !spec.folder.empty()) {
      passes.addPass(createRemoveZeroChannelsPass({spec.folder, spec.calibration}));
      passes.addPass(mlir::createCSEPass()); // two weights' mask is one
    }
    if (phase == Phase::Quantized)
      passes.addPass(createPruneWeightsPass({spec.sparsity, spec.calibration}));
    if (phase == Phase::Quantized && quantization)
      passes.addPass(createQuantizePass({quantization->str(), spec.calibration}, makeRecipeReader(module)));
    if (phase == Phase::Quantized)
      passes.addPass(createRecognizeQuantizedPass());
    if (phase != Phase::Canonical)
      target->addPasses(phase, spec, passes);
    if (phase == Phase::Quantized && observesActivations)
      passes.addPass(createObserveActivationsPass());
  }
  if (phase <= Phase::Fused)
    passes.addPass(createVerifyGraphPass({stringifyPhase(phase).str()}));
  else
    target->addVerifyingPasses(phase, passes);
}

llvm::Error PhaseDriver::transform(mlir::ModuleOp module, llvm::function_ref<void(mlir::OpPassManager &)> addPasses,
                                   llvm::StringRef what) {
  mlir::PassManager passes(module.getContext(), mlir::ModuleOp::getOperationName());
  // Our LLVM has no assertions: what a pass breaks is found by verifiers or not at all.
  passes.enableVerifier(true);
  addPasses(passes);
  std::string reproducer = reproducerPath();
  passes.enableCrashReproducerGeneration(reproducer);

  std::string diagnostics;
  std::vector<UnsupportedNode> refused;
  bool allRefused = true;
  std::string unusableInput, tooLarge;
  mlir::ScopedDiagnosticHandler handler(module.getContext(), [&](mlir::Diagnostic &diagnostic) {
    std::string text = diagnostic.str();
    // The line about the reproducer is MLIR's way to say what our message says.
    if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error ||
        llvm::StringRef(text).contains("reproducer generated at") ||
        llvm::StringRef(text).starts_with("Failures have been detected while processing"))
      return mlir::success();
    auto name = diagnostic.getLocation()->findInstanceOf<mlir::NameLoc>();
    std::string node = name ? name.getName().str() : "";
    if (llvm::StringRef message = text; unusableInput.empty() && message.consume_front(unusablePrefix))
      unusableInput = message.str();
    if (llvm::StringRef message = text; tooLarge.empty() && message.consume_front(doesNotFitPrefix))
      tooLarge = message.str();
    if (!addRefusal(text, node, refused))
      allRefused = false;
    if (!diagnostics.empty())
      diagnostics += "; ";
    if (!node.empty())
      diagnostics += "node '" + node + "': ";
    diagnostics += text;
    return mlir::success();
  });
  if (mlir::succeeded(passes.run(module)))
    return llvm::Error::success();
  if (!unusableInput.empty()) {
    llvm::sys::fs::remove(reproducer);
    return unusable(unusableInput);
  }
  if (!tooLarge.empty()) {
    llvm::sys::fs::remove(reproducer);
    return doesNotFit(tooLarge);
  }
  if (!refused.empty() && allRefused) {
    llvm::sys::fs::remove(reproducer);
    return unsupported(std::move(refused));
  }
  std::string message = (what + " failed").str();
  if (!diagnostics.empty())
    message += ": " + diagnostics;
  if (!llvm::sys::fs::exists(reproducer))
    return internalError(message);
  return Failure::make(ExitStatus::Internal, message)
      .hint("this is a defect of Sinter; a reproducer was written, run it again with: sinter-opt --run-reproducer " +
            reproducer);
}

static std::string describePhase(Phase phase) { return ("phase " + stringifyPhase(phase)).str(); }

llvm::Error PhaseDriver::verify(mlir::ModuleOp module) {
  Phase phase = *getPhase(module);
  auto add = [&](mlir::OpPassManager &passes) { addPasses(module, phase, /*verifying=*/true, passes); };
  return transform(module, add, describePhase(phase));
}

llvm::Error PhaseDriver::run(mlir::ModuleOp module, Phase last, llvm::StringRef folder) {
  for (Phase phase : allPhases) {
    std::optional<Phase> current = getPhase(module);
    if (phase > last || phase == Phase::Emitted)
      break;
    if (current && phase <= *current)
      continue;
    auto add = [&, phase = phase](mlir::OpPassManager &passes) {
      addPasses(module, phase, /*verifying=*/false, passes);
    };
    if (llvm::Error error = transform(module, add, describePhase(phase)))
      return error;
    setPhase(module, phase);
    if (llvm::Error error = dump(module, folder))
      return error;
    if (phase == Phase::Sparse)
      reference = mlir::OwningOpRef<mlir::ModuleOp>(module.clone());
  }
  return llvm::Error::success();
}
