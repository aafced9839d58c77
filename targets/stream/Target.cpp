//===- Target.cpp - The streaming chip --------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Target.h"

#include "dialects/sinter/IR/Sinter.h"
#include "dialects/sinter/Transforms/Passes.h"
#include "lib/Bundle/BundleSource.h"
#include "lib/Bundle/WriteBundle.h"
#include "lib/Quantization/Calibration.h"
#include "lib/Support/Failure.h"
#include "lib/Support/Hash.h"
#include "targets/stream/Emit/BundleBuilder.h"
#include "targets/stream/TargetModel.h"
#include "targets/stream/Transforms/Passes.h"

#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

std::string getChip(const TargetSpec &spec) { return spec.chips.empty() ? "tsp1" : spec.chips.front(); }

class StreamTarget : public Target {
public:
  StringRef getName() const override { return "stream"; }
  StringRef getDescription() const override {
    return "Cycle-exact schedules for deterministic streaming chips, which a simulator executes.";
  }
  std::vector<std::string> getChips() const override { return TargetModel::getNames(); }
  std::optional<std::string> getChipDescription(StringRef chip) const override {
    return TargetModel::getDescription(chip).str();
  }
  bool runsHere(std::string &) const override { return true; }
  bool executes(const QuantizationScheme &scheme) const override {
    return scheme.weightBits == 8 && scheme.activationBits == 8 && scheme.group == 0 && !scheme.zeroPoints &&
           scheme.activations == QuantizationScheme::Activations::Static;
  }
  std::string getSchemes() const override { return "w8a8s"; }
  void registerDialects(DialectRegistry &) const override {}
  void registerPasses() const override { registerSinterStreamPasses(); }

  void addPasses(Phase phase, const TargetSpec &spec, OpPassManager &passes) const override {
    switch (phase) {
    case Phase::Sparse:
      passes.addPass(createWidenFloatsPass());
      passes.addPass(createDecomposeOpsPass());
      passes.addPass(createChooseNumericsPass({getChip(spec)}));
      break;
    case Phase::Fused:
      passes.addPass(createSplitHostPass());
      break;
    case Phase::Lowered:
      passes.addPass(createCheckLoweringPass({getChip(spec), spec.folder, spec.calibration}));
      break;
    default:
      break;
    }
  }
  void addVerifyingPasses(Phase, OpPassManager &passes) const override {
    passes.addPass(createVerifyGraphPass({stringifyPhase(Phase::Fused).str()}));
    passes.addPass(createVerifyPartsPass());
  }

  bool needsFixedSizes() const override { return true; }
  llvm::Expected<EmitResult> emit(ModuleOp module, ModuleOp reference, const EmitRequest &request) const override {
    return emitAll(module, {{"", module, reference, {}}}, request);
  }
  llvm::Expected<EmitResult> emitEntries(ModuleOp program, llvm::ArrayRef<ProgramEntry> entries,
                                         const EmitRequest &request) const override {
    return emitAll(program, entries, request);
  }

private:
  llvm::Expected<EmitResult> emitAll(ModuleOp program, llvm::ArrayRef<ProgramEntry> entries,
                                     const EmitRequest &request) const;
};

/// The chip of a request, and its description where devices do not know it.
llvm::Expected<TargetModel> findModel(const TargetSpec &spec, std::string &chipFile) {
  if (spec.chips.size() > 1)
    return usage("target stream compiles for one chip at a time; --chip has " + llvm::join(spec.chips, ", "));
  std::string chip = getChip(spec);
  llvm::Expected<TargetModel> model = TargetModel::find(chip);
  if (!model || llvm::is_contained(TargetModel::getNames(), chip))
    return model;
  if (llvm::is_contained(TargetModel::getNames(), model->name)) {
    llvm::Expected<TargetModel> known = TargetModel::find(model->name);
    if (!known)
      return known.takeError();
    if (format::chipHash(known->description) != format::chipHash(model->description))
      return unusable("'" + chip + "' describes a chip that it calls '" + model->name +
                      "', which is another one of this build's: give it a name of its own");
    return model;
  }
  auto file = llvm::MemoryBuffer::getFile(chip, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return unusable("cannot read '" + chip + "': " + file.getError().message());
  chipFile = (*file)->getBuffer().str();
  return model;
}

llvm::Expected<EmitResult> StreamTarget::emitAll(ModuleOp program, llvm::ArrayRef<ProgramEntry> entries,
                                                 const EmitRequest &request) const {
  if (request.kind != EmitKind::Bundle)
    return unsupported("target stream writes bundles only: their schedule is a file");
  std::string chipFile;
  llvm::Expected<TargetModel> model = findModel(request.spec, chipFile);
  if (!model)
    return model.takeError();
  auto report = [&](double done, StringRef what) {
    if (request.progress)
      request.progress(done, what);
  };
  report(0.1, "scheduling");
  BundleBuilder builder(program, *model, chipFile, request);
  llvm::Expected<BundleDescription> bundle = builder.build(entries);
  if (!bundle)
    return bundle.takeError();
  describeSource(*bundle, request.name, request.modelPath);
  // Of several entries, the program for what it is, and each entry's for what it computes.
  ModuleOp kept = entries.front().name.empty() ? entries.front().reference : program;
  if (llvm::Error error = addKeptFiles(*bundle, kept, Calibration::getFiles(request.calibration)))
    return std::move(error);
  for (const ProgramEntry &entry : entries)
    if (!entry.name.empty())
      addReference(*bundle, "reference-" + entry.name + ".mlir", entry.reference);

  EmitResult result;
  for (const BundleVariant &variant : bundle->variants)
    result.codeBytes += variant.code.size();
  for (const BundleSection &section : bundle->sections)
    result.weightsBytes += section.bytes;
  result.arenaFormula = bundle->arenaBytes.str();
  result.arenaBytes = bundle->arenaBytes.constant();
  // One thread: tiles of one weight are filled one after the other from one copy of it.
  WriteOptions options;
  options.force = request.force;
  options.progress = [&](uint64_t done, uint64_t total) {
    report(0.5 + 0.5 * (total ? static_cast<double>(done) / total : 1.0), "packing weights");
  };
  BundleSummary summary;
  if (llvm::Error error = writeBundle(*bundle, request.out, options, &summary))
    return std::move(error);
  result.sha256 = summary.sha256;
  return result;
}

} // namespace

namespace sinter {
std::unique_ptr<Target> createStreamTarget() { return std::make_unique<StreamTarget>(); }
} // namespace sinter
