//===- Target.cpp - The CPU target ---------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Target.h"

#include "dialects/cpu/IR/Cpu.h"
#include "dialects/sinter/Transforms/Refusals.h"
#include "lib/Bundle/BundleSource.h"
#include "lib/Bundle/LinkedProgram.h"
#include "lib/Bundle/WriteBundle.h"
#include "lib/Quantization/Calibration.h"
#include "lib/Sparsity/Passes.h"
#include "lib/Support/Failure.h"
#include "lib/Support/Hash.h"
#include "targets/cpu/Codegen/Codegen.h"
#include "targets/cpu/Emit/CompileVariants.h"
#include "targets/cpu/Emit/EmitProgram.h"
#include "targets/cpu/Emit/KernelTemplates.h"
#include "targets/cpu/Emit/RunChecks.h"
#include "targets/cpu/Kernels/KernelBuilder.h"
#include "targets/cpu/Kernels/QuantizedPacking.h"
#include "targets/cpu/Transforms/Passes.h"

#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

struct Chip {
  StringRef name;
  /// The variants that its artifact carries, best first.
  SmallVector<const Isa *, 2> isas;
};

std::vector<Chip> getAllChips() {
  std::vector<Chip> chips = {{"portable", {}}, {"native", {}}};
  for (StringRef name : {"x86-64-v4-amx", "x86-64-v4-vnni", "x86-64-v4", "x86-64-v3"})
    chips[0].isas.push_back(findIsa(name));
  for (const Isa &isa : allIsas()) {
    chips.push_back({isa.name, {&isa}});
    if (hostRuns(isa))
      chips[1].isas.push_back(&isa);
  }
  return chips;
}

uint64_t getFeatures(const Isa &isa) {
  if (isa.name.starts_with("aarch64"))
    return 0;
  uint64_t features = SINTER_FEATURE_X86_64_V3;
  if (isa.lanes == 16)
    features |= SINTER_FEATURE_X86_64_V4;
  if (isa.dotProduct == DotProduct::Vnni)
    features |= SINTER_FEATURE_AVX512_VNNI;
  if (isa.hasTiles)
    features |= SINTER_FEATURE_AMX_TILE | SINTER_FEATURE_AMX_INT8;
  return features;
}

/// What of a module's kernels variants may differ in.
struct KernelUses {
  bool bytes = true; // are multiplied
  bool tiles = true; // where there are some

  static KernelUses of(ModuleOp module) {
    KernelUses uses{false, false};
    for (CodeOp code : module.getOps<CodeOp>()) {
      uses.bytes |= multipliesBytes(code.getKind(), code.getBody().front());
      uses.tiles |= multipliesInTiles(code.getKind(), code.getBody().front());
    }
    return uses;
  }
  /// Whether the kernels for `isa` are others than those of the variants after it.
  bool tellApart(const Isa &isa) const { return isa.hasTiles ? tiles : isa.dotProduct != DotProduct::Vnni || bytes; }
};

SmallVector<std::string> getVariantNames(const TargetSpec &spec);

class CpuTarget : public Target {
public:
  StringRef getName() const override { return "cpu"; }
  StringRef getDescription() const override {
    return "SIMD code for x86-64 (AVX2, AVX-512, VNNI, AMX) and AArch64 (NEON).";
  }
  std::vector<std::string> getChips() const override {
    std::vector<std::string> names;
    for (const Chip &chip : getAllChips())
      names.push_back(chip.name.str());
    return names;
  }
  bool runsHere(std::string &reason) const override {
    if (llvm::any_of(allIsas(), [](const Isa &isa) { return hostRuns(isa); }))
      return true;
    reason = "this machine has none of the instruction sets that code is made for";
    return false;
  }
  void registerDialects(DialectRegistry &registry) const override { registry.insert<CpuDialect>(); }

  void registerPasses() const override { registerSinterCpuPasses(); }

  void addPasses(Phase phase, const TargetSpec &spec, OpPassManager &passes) const override {
    switch (phase) {
    case Phase::Sparse:
      if (spec.sparsity == "none")
        break;
      // Channels that came as zeros are gone since phase quantized; these are pruning's.
      passes.addPass(createRemoveZeroChannelsPass({spec.folder, spec.calibration}));
      passes.addPass(mlir::createCSEPass()); // two weights' mask is one
      passes.addPass(createChooseSparsityPass({spec.folder, spec.calibration, getVariantNames(spec)}));
      break;
    case Phase::Fused:
      passes.addPass(createLegalizePass());
      passes.addPass(mlir::createCSEPass()); // so that products of one value have one operand
      passes.addPass(createMergeMatmulsPass());
      passes.addPass(mlir::createCanonicalizerPass());
      passes.addPass(createFuseKernelsPass());
      break;
    case Phase::Lowered:
      passes.addPass(createLowerKernelsPass());
      break;
    case Phase::Placed:
      passes.addPass(createPlaceBuffersPass());
      break;
    default:
      break;
    }
  }

  bool executes(const QuantizationScheme &scheme) const override {
    bool hasWeights = scheme.weightBits == 8 || scheme.weightBits == 4;
    bool hasActivations = scheme.activationBits == 8 || scheme.activationBits == 16;
    // What is taken at once: four rows of bytes, or, where codes become floats, a word of eight.
    int64_t rows = scheme.weightBits == 4 && !scheme.quantizesActivations() ? 8 : 4;
    return hasWeights && hasActivations && scheme.group % rows == 0;
  }
  std::string getSchemes() const override {
    return "w8a8, w4a8, w8a16 and w4a16, with groups of a multiple of 8 rows (w4a16g128; w4a8 of 4) or none, with z "
           "for zero "
           "points "
           "of weights, and a8 with s (static) or d (dynamic)";
  }

  void addVerifyingPasses(Phase phase, OpPassManager &passes) const override {
    passes.addPass(createVerifyProgramPass({/*placed=*/phase == Phase::Placed}));
  }

  llvm::Expected<EmitResult> emit(ModuleOp module, ModuleOp reference, const EmitRequest &request) const override;
  llvm::Expected<std::vector<BundleDescription>> describe(llvm::ArrayRef<ModuleOp> modules,
                                                          const EmitRequest &request) const override;
};

/// The value of a formula where every symbol in it is bounded above.
std::optional<int64_t> getLargest(const SizeExpr &formula, llvm::ArrayRef<BundleSymbol> symbols) {
  return formula.evaluate([&](StringRef name) -> std::optional<int64_t> {
    for (const BundleSymbol &symbol : symbols)
      if (symbol.name == name)
        return symbol.highest;
    return std::nullopt;
  });
}

/// The variants of an artifact, without those that would be the same as another.
llvm::Expected<SmallVector<const Isa *>> chooseIsas(const TargetSpec &spec, const KernelUses &uses = {}) {
  SmallVector<const Isa *> isas;
  std::vector<Chip> chips = getAllChips();
  std::vector<std::string> wanted = spec.chips.empty() ? std::vector<std::string>{"portable"} : spec.chips;
  for (const std::string &name : wanted) {
    auto chip = llvm::find_if(chips, [&](const Chip &c) { return c.name == name; });
    if (chip == chips.end() || chip->isas.empty())
      return usage("target cpu has no chip '" + name + "' here; `sinter targets` lists them");
    for (const Isa *isa : chip->isas) {
      bool isSame = !uses.tellApart(*isa) && chip->isas.size() > 1;
      if (isSame || llvm::is_contained(isas, isa))
        continue;
      isas.push_back(isa);
      if (name == "native") // the best of what it runs
        break;
    }
  }
  return isas;
}

/// For passes, which find out only later whether the chips exist.
SmallVector<std::string> getVariantNames(const TargetSpec &spec) {
  llvm::Expected<SmallVector<const Isa *>> isas = chooseIsas(spec);
  SmallVector<std::string> names;
  if (!isas) {
    llvm::consumeError(isas.takeError());
    return names;
  }
  for (const Isa *isa : *isas)
    names.push_back(isa->name.str());
  return names;
}

/// How an artifact that is not a bundle is linked; none for a bundle.
std::optional<LinkedForm> getLinkedForm(EmitKind kind) {
  switch (kind) {
  case EmitKind::Object:
    return LinkedForm::Object;
  case EmitKind::Static:
    return LinkedForm::Static;
  case EmitKind::Shared:
    return LinkedForm::Shared;
  default:
    return std::nullopt;
  }
}

llvm::Error writeText(const std::string &path, StringRef text) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (!error) {
    file << text;
    file.close();
    error = file.error();
  }
  return error ? ioFailure("cannot write '" + path + "': " + error.message()) : llvm::Error::success();
}

/// Says so where bytes bring no speed, on no machine that the artifact is for.
void refuseSpeedOfBytes(ModuleOp module, llvm::ArrayRef<const Isa *> isas) {
  if (llvm::any_of(isas, [](const Isa *isa) { return isa->dotProduct != DotProduct::Widen; }))
    return;
  auto names = llvm::map_range(isas, [](const Isa *isa) { return isa->name.str(); });
  addRefusal(module, "faster products of bytes",
             "no instruction of " + llvm::join(names, ", ") +
                 " multiplies bytes: products take about as long as in f32, and what is gained is memory");
}

void report(const EmitRequest &request, double done, StringRef what) {
  if (request.progress)
    request.progress(done, what);
}

/// The kernels for each instruction set: the code of a bundle's variants, or, of a program that is linked in, the names
/// of the kernels in the compiler's objects.
llvm::Error compileVariants(VariantCompiler &compiler, llvm::ArrayRef<const Isa *> isas, bool isLinked,
                            const EmitRequest &request, BundleDescription &bundle) {
  for (auto [i, isa] : llvm::enumerate(isas)) {
    report(request, 0.1 + 0.4 * i / isas.size(), "compiling kernels");
    llvm::Expected<VariantCompiler::Variant> compiled = compiler.compile(*isa);
    if (!compiled)
      return compiled.takeError();
    if (!request.dumpFolder.empty())
      if (llvm::Error error = writeText(request.dumpFolder + "/code-" + isa->name.str() + ".s", compiled->assembly))
        return error;
    BundleVariant variant;
    variant.name = isa->name.str();
    variant.architecture = isa->triple.starts_with("aarch64") ? SINTER_AARCH64 : SINTER_X86_64;
    variant.features = getFeatures(*isa);
    if (isLinked) {
      for (auto [kernel, symbol] : llvm::zip_equal(bundle.kernels, compiled->symbols))
        kernel.symbols.push_back(symbol);
    } else {
      llvm::Expected<SmallVector<char, 0>> code = linkSharedObject(compiled->objects, compiled->symbols, *isa);
      if (!code)
        return code.takeError();
      variant.code.assign(code->begin(), code->end());
    }
    bundle.variants.push_back(std::move(variant));
  }
  return llvm::Error::success();
}

/// The kernels of several programs in one module, each once: `numbers` has, for each program's kernels, those of the
/// module.
OwningOpRef<ModuleOp> mergeKernels(llvm::ArrayRef<ModuleOp> modules, std::vector<std::vector<unsigned>> &numbers) {
  ModuleOp front = modules.front();
  OwningOpRef<ModuleOp> merged(ModuleOp::create(UnknownLoc::get(front.getContext())));
  llvm::StringMap<unsigned> known;
  llvm::StringSet<> names;
  for (ModuleOp module : modules) {
    numbers.emplace_back();
    for (CodeOp kernel : module.getOps<CodeOp>()) {
      if (getRuntimeKernel(kernel.getKind()))
        continue;
      OwningOpRef<CodeOp> copy(kernel.clone());
      copy->setSymName("kernel"); // not a part of what it computes
      std::string text;
      llvm::raw_string_ostream(text) << *copy;
      auto [found, isNew] = known.try_emplace(text, known.size());
      numbers.back().push_back(found->second);
      if (!isNew)
        continue;
      std::string name = kernel.getSymName().str();
      for (unsigned i = 2; !names.insert(name).second; ++i)
        name = (kernel.getSymName() + "_" + llvm::Twine(i)).str();
      copy->setSymName(name);
      merged->push_back(copy.release());
    }
  }
  return merged;
}

llvm::Expected<std::vector<BundleDescription>> CpuTarget::describe(llvm::ArrayRef<ModuleOp> modules,
                                                                   const EmitRequest &request) const {
  std::vector<std::vector<unsigned>> numbers;
  OwningOpRef<ModuleOp> kernels = mergeKernels(modules, numbers);
  llvm::Expected<SmallVector<const Isa *>> isas = chooseIsas(request.spec, KernelUses::of(*kernels));
  if (!isas)
    return isas.takeError();
  std::vector<BundleDescription> bundles;
  for (auto [module, own] : llvm::zip_equal(modules, numbers)) {
    llvm::Expected<WeightFiles> opened = WeightFiles::open(module, request.folder, request.calibration);
    if (!opened)
      return opened.takeError();
    auto weights = std::make_shared<WeightFiles>(std::move(*opened));
    llvm::Expected<BundleDescription> bundle = describeProgram(module, *weights);
    if (!bundle)
      return bundle.takeError();
    for (BundleSection &section : bundle->sections)
      section.fill = [fill = std::move(section.fill), weights](llvm::MutableArrayRef<char> destination) {
        return fill(destination);
      };
    for (BundleStep &step : bundle->steps)
      if (!sinter_runtime_kernel_name(step.kernel))
        step.kernel = own[step.kernel];
    bundle->kernels.clear();
    bundles.push_back(std::move(*bundle));
  }
  BundleDescription &first = bundles.front();
  for (CodeOp kernel : kernels->getOps<CodeOp>())
    first.kernels.push_back({kernel.getSymName().str(), {}});
  if (first.kernels.empty())
    return bundles;
  VariantCompiler compiler(*kernels, "", !request.dumpFolder.empty());
  if (llvm::Error error = compileVariants(compiler, *isas, /*isLinked=*/false, request, first))
    return std::move(error);
  return bundles;
}

llvm::Expected<EmitResult> CpuTarget::emit(ModuleOp module, ModuleOp reference, const EmitRequest &request) const {
  KernelUses uses = KernelUses::of(module);
  llvm::Expected<SmallVector<const Isa *>> isas = chooseIsas(request.spec, uses);
  if (!isas)
    return isas.takeError();
  if (uses.bytes)
    refuseSpeedOfBytes(module, *isas);
  std::optional<LinkedForm> form = getLinkedForm(request.kind);
  if (!form && request.kind != EmitKind::Bundle)
    return unsupported("target cpu does not write executables yet; --emit=object and a main of 40 lines make one");
  llvm::Expected<WeightFiles> weights = WeightFiles::open(module, request.folder, request.calibration);
  if (!weights)
    return weights.takeError();
  llvm::Expected<BundleDescription> bundle = describeProgram(module, *weights);
  if (!bundle)
    return bundle.takeError();
  llvm::append_range(bundle->checks, collectRunChecks(reference));
  describeSource(*bundle, request.name, request.modelPath);

  VariantCompiler compiler(module, form ? request.name : "", !request.dumpFolder.empty());
  if (llvm::Error error = compileVariants(compiler, *isas, form.has_value(), request, *bundle))
    return std::move(error);
  EmitResult result;
  for (const BundleVariant &variant : bundle->variants)
    result.codeBytes += variant.code.size();
  for (const BundleSection &section : bundle->sections)
    result.weightsBytes += section.bytes;
  result.arenaFormula = bundle->arenaBytes.str();
  result.arenaBytes = getLargest(bundle->arenaBytes, bundle->symbols);

  WriteOptions options;
  options.force = request.force;
  options.threads = request.jobs;
  options.progress = [&](uint64_t done, uint64_t total) {
    report(request, 0.5 + 0.5 * (total ? static_cast<double>(done) / total : 1.0), "packing weights");
  };
  BundleSummary summary;
  if (form) {
    SmallVector<StringRef> objects = compiler.objects();
    for (StringRef object : objects)
      result.codeBytes += object.size();
    LinkedOptions linked;
    linked.form = *form;
    linked.name = request.name;
    linked.triple = isas->front()->triple.str();
    linked.write = options;
    if (llvm::Error error = writeLinkedProgram(*bundle, objects, request.out, linked, &summary))
      return std::move(error);
  } else {
    if (llvm::Error error = addKeptFiles(*bundle, reference, Calibration::getFiles(request.calibration)))
      return std::move(error);
    if (llvm::Error error = writeBundle(*bundle, request.out, options, &summary))
      return std::move(error);
  }
  result.sha256 = summary.sha256;
  return result;
}

} // namespace

namespace sinter {
std::unique_ptr<Target> createCpuTarget() { return std::make_unique<CpuTarget>(); }
} // namespace sinter
