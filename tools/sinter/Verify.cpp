//===- Verify.cpp - sinter verify -------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Npy.h"
#include "tools/sinter/Calibrate.h"
#include "tools/sinter/FirstDifference.h"
#include "tools/sinter/MadeInputs.h"
#include "tools/sinter/ModelFile.h"
#include "tools/sinter/Program.h"
#include "tools/sinter/Quality.h"
#include "tools/sinter/Reference.h"
#include "tools/sinter/TensorArguments.h"
#include "tools/sinter/Verbs.h"
#include "tools/sinter/Verification.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

using namespace sinter;
using namespace sinter::tool;

namespace {

struct Outcome {
  bool matches = true;
  std::string output, node, reason, inputsFolder;
  double maxAbsolute = 0, maxRelative = 0, cosine = 1;
};

/// The node that computes an output, by the reference.
std::string nodeOf(mlir::ModuleOp module, unsigned output) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  mlir::Operation *end = main ? main.getBody().front().getTerminator() : nullptr;
  mlir::Operation *op = end && output < end->getNumOperands() ? end->getOperand(output).getDefiningOp() : nullptr;
  return op ? getNodeName(op) : "";
}

std::string sizesText(const SymbolSizes &sizes) {
  std::string text;
  for (const auto &[name, value] : sizes)
    text += (text.empty() ? "" : " ") + name + "=" + std::to_string(value);
  return text;
}

/// Keeps the inputs of a run that went wrong, as files that --input takes.
std::string writeInputs(const Program &program, const std::vector<HostTensor> &inputs) {
  llvm::SmallString<128> folder;
  for (unsigned number = 0; folder.empty() || llvm::sys::fs::exists(folder); ++number)
    folder = "sinter-mismatch-" + std::to_string(number);
  if (std::error_code error = llvm::sys::fs::create_directory(folder))
    throw Stop{Failure(ExitStatus::Io, "cannot make the folder '" + folder.str().str() + "': " + error.message())};
  for (unsigned i = 0; i < inputs.size(); ++i) {
    std::string file;
    for (char c : program.inputs()[i].name)
      file += llvm::isAlnum(c) || c == '-' || c == '.' ? c : '_';
    orStop(writeNpy((folder + "/" + llvm::Twine(i) + "-" + file + ".npy").str(), inputs[i]));
  }
  return folder.str().str();
}

/// What the entries of a program are held against; of a program without entries there is one.
class References {
public:
  References(const Program &program, std::string folder, std::string model)
      : program(program), folder(std::move(folder)), model(std::move(model)) {}

  /// That of the entry that a run with these sizes takes.
  Reference &of(const SymbolSizes &sizes) {
    std::optional<unsigned> entry = program.entryFor(sizes);
    std::unique_ptr<Reference> &reference = known[entry];
    if (!reference) {
      reference = std::make_unique<Reference>(folder, entry ? program.entries()[*entry].name : "");
      reference->openWeights(program, folder, model);
    }
    return *reference;
  }

private:
  const Program &program;
  std::string folder, model;
  std::map<std::optional<unsigned>, std::unique_ptr<Reference>> known;
};

void compareOutputs(const Program &program, References &references, const std::vector<HostTensor> &inputs,
                    const VerifyOptions &options, Outcome &outcome) {
  Reference &reference = references.of(program.sizesOf(inputs));
  std::vector<HostTensor> expected = reference.interpretRun(program, inputs);
  std::vector<HostTensor> actual = runOnce(program, inputs, options.numThreads);
  for (unsigned i = 0; i < expected.size(); ++i) {
    Comparison comparison = compareOutput(actual[i], expected[i], options, reference.quantizesActivations());
    Deviation deviation;
    if (expected[i].type != ElementType::String && actual[i].dims == expected[i].dims)
      deviation.add(actual[i], expected[i]);
    outcome.cosine = std::min(outcome.cosine, deviation.cosine());
    outcome.maxAbsolute = std::max(outcome.maxAbsolute, comparison.maxAbsolute);
    outcome.maxRelative = std::max(outcome.maxRelative, comparison.maxRelative);
    if (comparison.matches || !outcome.matches)
      continue;
    outcome.matches = false;
    outcome.output = program.outputs()[i].name;
    outcome.node = nodeOf(reference.module(), i);
    outcome.reason = comparison.reason;
  }
  if (outcome.matches)
    return;
  outcome.inputsFolder = writeInputs(program, inputs);
  // Nodes are looked for in a program of one size whose runs begin with empty states.
  if (!program.entries().empty() || !program.states().empty())
    return;
  console().note("output '" + outcome.output + "' differs; looking for the first node that does");
  try {
    if (std::optional<std::string> first =
            findFirstDifference(reference, program.info().target, program.chip(), inputs, options))
      outcome.node = *first;
  } catch (const Stop &stop) {
    console().note("the first node that differs is not known: " + failureText(stop.failure));
  }
}

/// The sizes to try: those that --dim gives, and for the others first what is typical, then small ones that differ from
/// each other, then single ones.
std::vector<SymbolSizes> sizesToTry(const Program &program, const VerifyOptions &options) {
  std::vector<std::pair<std::string, int64_t>> given = options.compile.fixedDims();
  std::vector<SymbolSizes> trials = {chooseSizes(program, given, typicalSize)};
  // Of several sizes each, full and with padding.
  for (const EntryInfo &entry : program.entries())
    for (bool isFull : {true, false}) {
      SymbolSizes sizes = chooseSizes(program, given, [&](const ProgramSymbol &symbol) {
        auto limit = entry.limits.find(symbol.name);
        int64_t size = limit == entry.limits.end() ? typicalSize(symbol) : limit->second;
        return isFull ? size : std::max(symbol.lowest, size - size / 4);
      });
      if (llvm::find(trials, sizes) == trials.end())
        trials.push_back(sizes);
    }
  if (!program.entries().empty())
    return trials;
  auto add = [&](llvm::function_ref<int64_t()> nextSize) {
    SymbolSizes sizes = chooseSizes(program, given, [&](const ProgramSymbol &symbol) {
      return symbol.fromElement ? typicalSize(symbol)
                                : std::clamp(nextSize(), symbol.lowest, symbol.highest.value_or(INT64_MAX));
    });
    if (llvm::find(trials, sizes) == trials.end())
      trials.push_back(sizes);
  };
  int64_t prime = 1;
  const int64_t primes[] = {3, 7, 5, 11, 13};
  add([&] { return primes[prime++ % 5]; });
  add([] { return int64_t(1); });
  return trials;
}

/// The samples of --data, evenly chosen among them, else of --input, else made ones.
std::vector<Sample> findSamples(const Program &program, Reference &reference, const VerifyOptions &options) {
  std::vector<Sample> samples;
  if (!options.data.empty()) {
    Dataset data = orStop(Dataset::open(options.data, datasetInputs(program)));
    size_t count = std::min<size_t>(data.size(), options.samples);
    for (size_t i = 0; i < count; ++i) {
      size_t sample = i * data.size() / count;
      samples.push_back({data.name(sample), orStop(data.read(sample))});
    }
  } else if (!options.inputs.empty()) {
    samples.push_back({"--input", readAllInputs(program, options.inputs)});
  } else {
    std::vector<InputUse> uses = findUses(reference.module(), program);
    for (const SymbolSizes &sizes : sizesToTry(program, options)) {
      std::string text = sizesText(sizes);
      samples.push_back({"made" + (text.empty() ? "" : " at " + text),
                         makeInputs(program, uses, sizes, {options.seed, /*onesInMasks=*/samples.empty()})});
    }
  }
  return samples;
}

int verifyQuality(const Program &program, Reference &reference, const VerifyOptions &options) {
  Quality quality = measureQuality(program, reference, findSamples(program, reference, options), options);
  reportQuality(quality, options.compile.reportFile());
  bool isFinite =
      llvm::all_of(quality.outputs, [](const OutputQuality &output) { return output.deviation.isFinite(); });
  return isFinite ? 0 : int(ExitStatus::CheckFailed);
}

int verifyArtifact(VerifyOptions options) {
  ModelFile file(options.what);
  Bundle bundle = findBundle(file.path(), options.compile, /*dimsAreSizes=*/true);
  Program program(bundle.folder);
  if (options.schedule) {
    if (program.schedules().empty())
      throw Stop{Failure(ExitStatus::Unsupported, "--schedule: the bundle is for no dataflow target")};
    int status = 0;
    for (const ProgramSchedule &schedule : program.schedules())
      status = std::max(status, verifySchedule(bundle.folder, schedule));
    return status;
  }
  if (options.integrity) {
    sinter_error error;
    if (sinter_status status = sinter_program_check_integrity(program.get(), &error))
      throw Stop{Failure(status == SINTER_IO ? ExitStatus::Io : ExitStatus::Unusable, error.message)};
    if (console().json)
      console().printJson(llvm::json::Object{{"status", "pass"}});
    else
      console().print("pass: every byte of '" + bundle.folder + "' is as it was written\n");
    return 0;
  }
  std::string model = options.model.empty() ? bundle.model : options.model;
  if (options.quality) {
    if (!program.entries().empty())
      throw Stop{Failure(ExitStatus::Unsupported, "--quality: the bundle is for several sizes; compile for one")};
    Reference whole(bundle.folder);
    whole.openWeights(program, bundle.folder, model);
    return verifyQuality(program, whole, options);
  }
  References references(program, bundle.folder, model);
  std::vector<HostTensor> given;
  if (!options.inputs.empty())
    given = readAllInputs(program, options.inputs);
  Reference &reference = references.of(given.empty() ? SymbolSizes() : program.sizesOf(given));
  if (reference.followsNumerics() && !options.rtol && !options.atol)
    options.rtol = options.atol = 0;

  Outcome outcome;
  unsigned numTrials = 0;
  std::string lastSizes;
  if (!options.inputs.empty()) {
    lastSizes = sizesText(program.sizesOf(given));
    compareOutputs(program, references, given, options, outcome);
    ++numTrials;
  } else {
    std::vector<InputUse> uses = findUses(reference.module(), program);
    std::optional<Stop> refused;
    for (const SymbolSizes &sizes : sizesToTry(program, options)) {
      std::vector<HostTensor> inputs = makeInputs(program, uses, sizes, {options.seed, /*onesInMasks=*/numTrials == 0});
      try {
        compareOutputs(program, references, inputs, options, outcome);
      } catch (const Stop &stop) {
        // Sizes that were made up need not fit the model; those of --dim do.
        if (stop.failure.status != ExitStatus::Unusable)
          throw;
        refused = stop;
        continue;
      }
      lastSizes = sizesText(sizes);
      console().detail("compared at " + llvm::Twine(lastSizes.empty() ? "the model's fixed sizes" : lastSizes));
      ++numTrials;
      if (!outcome.matches)
        break;
    }
    if (!numTrials)
      throw *refused;
  }

  Tolerance tolerance = toleranceFor(ElementType::F32, options);
  if (console().json) {
    auto text = [](const std::string &value) { return value.empty() ? llvm::json::Value(nullptr) : value; };
    console().printJson(llvm::json::Object{{"status", outcome.matches ? "pass" : "wrong"},
                                           {"node", text(outcome.node)},
                                           {"output", text(outcome.output)},
                                           {"max_abs", finiteOrNull(outcome.maxAbsolute)},
                                           {"max_rel", finiteOrNull(outcome.maxRelative)},
                                           {"rtol", tolerance.rtol},
                                           {"atol", tolerance.atol},
                                           {"seed", options.seed},
                                           {"cosine", outcome.cosine},
                                           {"reason", text(outcome.reason)},
                                           {"inputs", text(outcome.inputsFolder)}});
  } else if (outcome.matches && reference.quantizesActivations() && !options.rtol && !options.atol) {
    console().print(
        llvm::formatv(
            "pass: {0} agrees with the reference interpreter at {1} size(s): activations are quantized, so that "
            "a value between two codes may be either, and outputs are compared by cosine: {2:f6}, required {3}; "
            "largest difference {4}, seed {5}\n",
            options.what, numTrials, outcome.cosine, formatNumber(leastCosine), formatNumber(outcome.maxAbsolute),
            options.seed)
            .str());
  } else if (outcome.matches) {
    console().print(
        llvm::formatv("pass: {0} agrees with the reference interpreter at {1} size(s), largest differences {2} and "
                      "{3} (relative); tolerance {4} relative, {5} absolute, seed {6}\n",
                      options.what, numTrials, formatNumber(outcome.maxAbsolute), formatNumber(outcome.maxRelative),
                      formatNumber(tolerance.rtol), formatNumber(tolerance.atol), options.seed)
            .str());
  } else {
    console().print(llvm::formatv("wrong: output '{0}' (node '{1}') at {2}: {3}; the inputs are in {4}\n",
                                  outcome.output, outcome.node, lastSizes.empty() ? "fixed sizes" : lastSizes,
                                  outcome.reason, outcome.inputsFolder)
                        .str());
  }
  return outcome.matches ? 0 : int(ExitStatus::CheckFailed);
}

int run(const VerifyOptions &options) {
  int kinds = !options.what.empty() + !options.caseFolder.empty() + !options.suiteFolder.empty();
  for (auto [option, isGiven] :
       {std::pair("--data", !options.data.empty()), {"--report", !options.compile.reportFile().empty()}})
    if (isGiven && !options.quality)
      throw Stop{Failure(ExitStatus::Usage, std::string(option) + " goes with --quality")};
  if (!options.data.empty() && !options.inputs.empty())
    throw Stop{Failure(ExitStatus::Usage, "--data and --input both say what to run: only one of them can be used")};
  if (kinds != 1)
    throw Stop{Failure(ExitStatus::Usage, "verify takes one of OUT|MODEL, --case DIR and --suite DIR")};
  if (!options.caseFolder.empty())
    return verifyCase(options);
  if (!options.suiteFolder.empty())
    return verifySuite(options);
  return verifyArtifact(options);
}

} // namespace

Verb tool::declareVerify(CLI::App &app) {
  CLI::App *verb = addVerb(app, "verify", "Compares what a compiled program computes with the reference",
                           "sinter verify model --model model.onnx --dim seq=16");
  auto options = std::make_shared<VerifyOptions>();
  verb->add_option("OUT|MODEL", options->what, "a bundle, or a model to compile into the cache");
  verb->add_option("--model", options->model, "the source model of OUT, for its weights");
  verb->add_option("--input", options->inputs, "as run has it; else inputs are made")->allow_extra_args(false);
  verb->add_option("--seed", options->seed, "of the inputs that are made");
  verb->add_option("--threads", options->numThreads, "threads of the program (default: as many as the machine has)");
  verb->add_option("--rtol", options->rtol, "relative tolerance (default: 1e-3, for 16-bit types 1e-2)");
  verb->add_option("--atol", options->atol, "absolute tolerance (default: 1e-5, for 16-bit types 1e-3)");
  verb->add_flag("--integrity", options->integrity, "check every byte of the bundle instead");
  verb->add_flag("--quality", options->quality, "error of each layer against the uncompressed model");
  verb->add_option("--data", options->data, "with --quality: samples, as compile's --calibrate has them");
  verb->add_option("--samples", options->samples, "with --data: at most so many, evenly chosen (default: 32)")
      ->check(CLI::Range(1, 1 << 30));
  verb->add_flag("--schedule", options->schedule, "re-check a dataflow bundle's schedule only");
  verb->add_option("--case", options->caseFolder, "a case of ONNX's backend tests: model.onnx and test_data_set_N/");
  verb->add_option("--suite", options->suiteFolder, "a folder of such cases, one process each");
  verb->add_option("-j,--jobs", options->jobs, "how many cases at once (default: as many as the machine has CPUs)");
  verb->add_option("--timeout", options->timeout, "seconds for a case (default: 120)")->check(CLI::Range(0.001, 1e6));
  verb->add_flag("--strict", options->strict, "a case that is refused is a failure, too");
  options->compile.declare(*verb, /*withJobs=*/false, /*takesReport=*/true);
  return {verb, [options]() { return run(*options); }};
}
