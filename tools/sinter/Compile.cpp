//===- Compile.cpp - sinter compile -----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"
#include "include/sinter/Compiler.h"
#include "lib/Pipeline/PhaseDriver.h"
#include "tools/sinter/Calibrate.h"
#include "tools/sinter/CompileOptions.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/ModelFile.h"
#include "tools/sinter/Program.h"
#include "tools/sinter/StreamReport.h"
#include "tools/sinter/Verbs.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace sinter;
using namespace sinter::tool;

namespace {

struct Options {
  CompileOptions compile;
  std::string model, out, compileTo, compileFrom, dumpPhasesTo;
  std::vector<std::string> inputs, outputs;
  bool check = false;
  bool force = false;
};

std::optional<Phase> phaseOption(const char *option, const std::string &name) {
  if (name.empty())
    return std::nullopt;
  if (std::optional<Phase> phase = parsePhase(name))
    return phase;
  std::string names;
  for (Phase phase : allPhases)
    names += (names.empty() ? "" : ", ") + stringifyPhase(phase).str();
  throw Stop{Failure(ExitStatus::Usage, std::string(option) + "=" + name + ": the phases are " + names)};
}

llvm::json::Object describe(const CompileResult &result, const Options &options, double seconds) {
  llvm::json::Array targets, refused;
  llvm::json::Value memory = nullptr, sha256 = nullptr;
  std::string precision = "f32";
  for (const CompiledTarget &target : result.targets) {
    precision = precisionOf(target.spec.target);
    targets.push_back(
        llvm::json::Object{{"target", target.spec.target}, {"chips", llvm::json::Array(target.spec.chips)}});
    sha256 = target.result.sha256;
    memory = llvm::json::Object{{"weights_bytes", target.result.weightsBytes},
                                {"code_bytes", target.result.codeBytes},
                                {"arena_bytes", target.result.arenaFormula},
                                {"arena_bytes_at_largest", target.result.arenaBytes
                                                               ? llvm::json::Value(*target.result.arenaBytes)
                                                               : llvm::json::Value(nullptr)}};
  }
  for (const std::string &warning : result.warnings)
    refused.push_back(llvm::json::Object{{"what", "model"}, {"reason", warning}});
  for (const Refusal &refusal : result.refused)
    refused.push_back(llvm::json::Object{{"what", refusal.what}, {"reason", refusal.reason}});
  return llvm::json::Object{
      {"out", options.out.empty() ? llvm::json::Value(nullptr) : options.out},
      {"sha256", std::move(sha256)},
      {"targets", std::move(targets)},
      {"dims", describeDims(*result.module)},
      {"precision", precision},
      {"quantize", options.compile.scheme().empty() ? llvm::json::Value(nullptr) : options.compile.scheme()},
      {"memory", std::move(memory)},
      {"seconds", seconds},
      {"peak_rss_bytes", peakResidentBytes()},
      {"refused", std::move(refused)}};
}

std::string describeInWords(const CompileResult &result, const Options &options, double seconds) {
  std::string text;
  for (const CompiledTarget &target : result.targets) {
    text += "compiled " + options.model + " for " + target.spec.target + " (" + llvm::join(target.spec.chips, ", ") +
            "), " + precisionOf(target.spec.target) +
            (options.compile.scheme().empty() ? "" : " and " + options.compile.scheme()) + ", into " + options.out +
            "\n";
    text += "weights " + formatBytes(target.result.weightsBytes) + ", code " + formatBytes(target.result.codeBytes) +
            ", memory of a run " + target.result.arenaFormula + " bytes";
    if (target.result.arenaBytes)
      text += " (at the largest sizes " + formatBytes(*target.result.arenaBytes) + ")";
    text += "\n";
  }
  for (const Refusal &refusal : result.refused)
    text += "not applied: " + refusal.what + ": " + refusal.reason + "\n";
  if (std::string dims = dimsInWords(*result.module); !dims.empty())
    text += "dimensions: " + dims + "\n";
  return text + llvm::formatv("{0:f2} s, peak memory {1}\n", seconds, formatBytes(peakResidentBytes())).str();
}

/// Only of chips that are described is it known before a run what it takes.
void checkReport(const std::string &file, const CompileRequest &request, bool writesBundle) {
  checkReportFile("--report", file);
  std::vector<TargetSpec> specs = request.targets;
  if (specs.empty())
    specs.push_back({"cpu", {}});
  for (const TargetSpec &spec : specs)
    for (const std::unique_ptr<Target> &target : getTargets())
      if (target->getName() == spec.target && !target->getChipDescription(target->getChips().front()))
        throw Stop{
            Failure(ExitStatus::Unsupported, "--report=" + file + ": target " + spec.target + " has no report yet")};
  if (!writesBundle)
    throw Stop{Failure(ExitStatus::Usage, "--report=" + file + ": it is of a bundle, which is not written here")};
}

int run(const Options &options) {
  double begin = now();
  ModelFile model(options.model);
  CompileRequest request = options.compile.request(model.path());
  request.compileTo = phaseOption("--compile-to", options.compileTo);
  request.compileFrom = phaseOption("--compile-from", options.compileFrom);
  request.dumpPhasesTo = options.dumpPhasesTo;
  request.out = options.out;
  request.force = options.force;
  request.import.checkOnly = options.check;
  if (!options.inputs.empty() || !options.outputs.empty())
    throw Stop{Failure(ExitStatus::Unsupported, "--input and --output go with --emit=executable, which is not "
                                                "supported yet")};
  bool writesModule = request.compileTo && *request.compileTo != Phase::Emitted;
  const std::string &report = options.compile.reportFile();
  if (!report.empty())
    checkReport(report, request, !writesModule && !options.check && request.emit == EmitKind::Bundle);
  if (options.check) {
    if (!request.compileTo)
      request.compileTo = Phase::Placed;
  } else if (!writesModule) {
    if (options.out.empty())
      throw Stop{Failure(ExitStatus::Usage, "compile: -o OUT is missing")};
    if (options.out == "-")
      throw Stop{Failure(ExitStatus::Usage, "compile: -o -: an artifact is a folder or a file, not a stream")};
    checkOutput(options.out, request.emit, options.force);
  }

  std::optional<TemporaryFolder> calibration = prepareCalibration(request, options.compile);
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  CompileResult result = orStop(compile(request, context));
  for (const std::string &warning : result.warnings)
    console().warn(warning);
  if (writesModule && !options.check) {
    orStop(writeModule(*result.module, options.out.empty() ? "-" : options.out, absolutePath(result.folder)));
    if (options.out.empty() || options.out == "-")
      return 0;
  }
  double seconds = now() - begin;
  if (!report.empty()) {
    Program program(options.out);
    writeStreamReport(report, {program, options.out, std::nullopt});
  }
  if (console().json)
    console().printJson(describe(result, options, seconds));
  else if (options.check)
    console().print(options.model + ": nothing stops a compile\n");
  else
    console().note(llvm::StringRef(describeInWords(result, options, seconds)).rtrim());
  return 0;
}

} // namespace

Verb tool::declareCompile(CLI::App &app) {
  CLI::App *verb = addVerb(app, "compile", "Compiles a model", "sinter compile model.onnx -o model");
  auto options = std::make_shared<Options>();
  verb->add_option("MODEL", options->model, "model.onnx, or a .mlir of --dump-phases-to; - is standard input")
      ->required();
  verb->add_option("-o,--out", options->out, "the artifact to write");
  options->compile.declare(*verb, /*withJobs=*/true, /*takesReport=*/true);
  verb->add_flag("--check", options->check, "report all that would stop the compile; reads no weights");
  verb->add_flag("--force", options->force, "replace OUT even if it is no artifact of Sinter's");
  verb->add_option("--compile-to", options->compileTo, "stop after this phase and write the program's text to OUT");
  verb->add_option("--compile-from", options->compileFrom, "the phase that the .mlir is in");
  verb->add_option("--dump-phases-to", options->dumpPhasesTo, "folder for the program's text after each phase");
  verb->add_option("--input", options->inputs, "for --emit=executable, as run has it")->allow_extra_args(false);
  verb->add_option("--output", options->outputs, "for --emit=executable, as run has it")->allow_extra_args(false);
  return {verb, [options]() { return run(*options); }};
}
