//===- CompileOptions.cpp - The options of compile --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/CompileOptions.h"
#include "dialects/sinter/Transforms/SparsityPattern.h"
#include "include/sinter/Target.h"
#include "lib/Support/SizeExpr.h"
#include "tools/sinter/Console.h"

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"

#include <map>

using namespace sinter;
using namespace sinter::tool;

void tool::declareConsoleOptions(CLI::App &verb) {
  verb.add_option_function<std::string>(
          "--format", [](const std::string &value) { console().json = value == "json"; },
          "text, or json: objects for programs, errors too")
      ->check(CLI::IsMember({"text", "json"}));
  verb.add_flag("-q,--quiet", console().quiet, "no notes and no progress");
  verb.add_flag("-v,--verbose", console().verbose, "more notes");
  verb.add_option("--color", console().color, "auto (default), always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
}

CLI::App *tool::addVerb(CLI::App &app, const std::string &name, const std::string &description,
                        const std::string &example) {
  CLI::App *verb = app.add_subcommand(name, description);
  declareConsoleOptions(*verb);
  // An example says more than a list of options does, so it comes first.
  class ExampleFirst : public CLI::Formatter {
  public:
    explicit ExampleFirst(std::string example) : example(std::move(example)) {}
    std::string make_description(const CLI::App *verb) const override {
      return "Example: " + example + "\n\n" + verb->get_description() + ".\n";
    }

  private:
    std::string example;
  };
  verb->footer("");
  verb->formatter(std::make_shared<ExampleFirst>(example));
  return verb;
}

void CompileOptions::declare(CLI::App &app, bool withJobs, bool takesReport) {
  verb = &app;
  this->takesReport = takesReport;
  const char *group = "Compiling";
  auto list = [&](const char *option, std::vector<std::string> &values, const char *help) {
    app.add_option(option, values, help)->allow_extra_args(false)->group(group);
  };
  auto text = [&](const char *option, std::string &value, const char *help) {
    app.add_option(option, value, help)->group(group);
  };
  list("--target", targets, "T[:CHIP,...]: what to compile for (default: cpu); see `sinter targets`");
  list("--chip", chips, "C,...: chips of the --target before it");
  list("--dim", dims,
       "NAME=N, NAME=LO..HI, NAME=LO..HI:TYPICAL or A=B: fixes, bounds, tunes for or ties dimensions, by "
       "symbol or as INPUT.AXIS");
  text("--emit", emit, "bundle (default), shared, static, object or executable");
  text("--name", name, "prefix of the exported symbols (default: from the file's name)");
  text("--precision", precision, "f32, bf16, f16 or auto (default: the model's own type)");
  text("--quantize", quantize,
       "bits of weights and activations: w8a8, w8a8s (one scale), w8a8d (one a row), w8a16, w4a16g128, ...");
  text("--calibrate", calibrate, "samples to collect ranges from: a folder with an .npz for each, or one .npz");
  text("--calibration", calibration, "FILE.json that --calibrate wrote into a bundle");
  text("--sparsity", sparsity,
       "auto (default: what the weights have, where it is faster), none, or what to prune to: block16x16:80, 2:4, ...");
  text("--report", report, "FILE.html or FILE.json: where the predicted cycles and the memory go (target stream)");
  if (withJobs)
    app.add_option("-j,--jobs", jobs, "threads of the compiler (default: as many as the machine has)")->group(group);
}

std::vector<TargetSpec> CompileOptions::targetSpecs() const {
  // --chip belongs to the --target before it, so the order on the command line counts.
  std::vector<TargetSpec> specs;
  size_t nextTarget = 0, nextChips = 0;
  auto addChips = [&](llvm::StringRef list) {
    llvm::SmallVector<llvm::StringRef> names;
    list.split(names, ',');
    for (llvm::StringRef name : names) {
      if (name.empty())
        throw Stop{Failure(ExitStatus::Usage, "--target: a chip's name is missing in '" + list.str() + "'")};
      specs.back().chips.push_back(name.str());
    }
  };
  for (const CLI::Option *option : verb->parse_order()) {
    if (option->check_lname("target")) {
      auto [target, list] = llvm::StringRef(targets[nextTarget++]).split(':');
      specs.push_back({target.str(), {}});
      if (!list.empty())
        addChips(list);
    } else if (option->check_lname("chip")) {
      if (specs.empty())
        specs.push_back({"cpu", {}});
      addChips(chips[nextChips++]);
    }
  }
  return specs;
}

DimOption tool::parseDim(llvm::StringRef text) {
  auto wrong = [&]() {
    return Stop{Failure(ExitStatus::Usage,
                        "--dim=" + text.str() + ": it is NAME=N, NAME=LO..HI, NAME=LO..HI:TYPICAL, NAME=A|B|C or A=B")};
  };
  DimOption dim;
  auto [name, value] = text.split('=');
  if (name.empty() || value.empty())
    throw wrong();
  dim.name = name.str();
  auto number = [&](llvm::StringRef digits) {
    int64_t result;
    if (digits.getAsInteger(10, result) || result < 0)
      throw wrong();
    return result;
  };
  if (value.contains('|')) {
    llvm::SmallVector<llvm::StringRef> sizes;
    value.split(sizes, '|');
    for (llvm::StringRef size : sizes)
      dim.sizes.push_back(number(size));
  } else if (value.contains("..")) {
    auto [low, rest] = value.split("..");
    auto [high, typical] = rest.split(':');
    dim.low = number(low);
    dim.high = number(high);
    if (*dim.low > *dim.high)
      throw wrong();
    if (rest.contains(':')) {
      dim.typical = number(typical);
      if (*dim.typical < *dim.low || *dim.typical > *dim.high)
        throw wrong();
    }
  } else if (llvm::isDigit(value.front())) {
    dim.low = dim.high = number(value);
  } else {
    dim.tiedTo = value.str();
  }
  return dim;
}

std::vector<std::pair<std::string, int64_t>> CompileOptions::fixedDims() const {
  std::vector<std::pair<std::string, int64_t>> result;
  for (const std::string &text : dims) {
    DimOption dim = parseDim(text);
    if (!dim.low || dim.low != dim.high)
      throw Stop{Failure(ExitStatus::Usage, "--dim=" + text + ": here a dimension has one size: NAME=N")};
    result.push_back({dim.name, *dim.low});
  }
  return result;
}

std::string CompileOptions::text() const {
  std::string all;
  for (const CLI::Option *option : verb->get_options())
    if (option->get_group() == "Compiling" && !option->check_lname("jobs") && !option->check_lname("report"))
      for (const std::string &value : option->results())
        all += option->get_name() + "=" + value + "\n";
  return all;
}

std::vector<std::string> CompileOptions::calibrationFiles() const {
  std::vector<std::string> files;
  if (!calibration.empty())
    files.push_back(calibration);
  if (llvm::sys::fs::is_directory(calibrate)) {
    std::error_code failure; // whoever opens the folder says so
    for (llvm::sys::fs::directory_iterator it(calibrate, failure), end; it != end && !failure; it.increment(failure))
      files.push_back(it->path());
    llvm::sort(files);
  } else if (!calibrate.empty()) {
    files.push_back(calibrate);
  }
  return files;
}

std::string tool::precisionOf(llvm::StringRef name) {
  for (const auto &target : getTargets())
    if (target->getName() == name)
      return target->getPrecision().str();
  return "f32"; // a target that is refused elsewhere
}

CompileRequest CompileOptions::request(llvm::StringRef model) const {
  auto notYet = [](const std::string &option) {
    return Stop{Failure(ExitStatus::Unsupported, option + " is not supported yet")};
  };
  CompileRequest request;
  request.model = model.str();
  request.targets = targetSpecs();
  auto kind = llvm::StringSwitch<std::optional<EmitKind>>(emit)
                  .Case("bundle", EmitKind::Bundle)
                  .Case("shared", EmitKind::Shared)
                  .Case("static", EmitKind::Static)
                  .Case("object", EmitKind::Object)
                  .Case("executable", EmitKind::Executable)
                  .Default(std::nullopt);
  if (!kind)
    throw Stop{Failure(ExitStatus::Usage, "--emit=" + emit + ": it is bundle, shared, static, object or executable")};
  request.emit = *kind;
  if (!precision.empty() && !llvm::is_contained({"f32", "bf16", "f16", "auto"}, precision))
    throw Stop{Failure(ExitStatus::Usage, "--precision=" + precision + ": it is f32, bf16, f16 or auto")};
  // Each target has one type so far.
  if (request.targets.empty() && !precision.empty() && precision != precisionOf("cpu"))
    throw notYet("--precision=" + precision);
  for (const TargetSpec &spec : request.targets)
    if (!precision.empty() && precision != precisionOf(spec.target))
      throw notYet("--precision=" + precision + " for target " + spec.target);
  if (!report.empty() && !takesReport)
    throw notYet("--report=" + report);
  if (!sparsity.empty()) {
    orStop(parseSparsity(sparsity));
    request.sparsity = sparsity;
  }
  if (!quantize.empty())
    request.quantization = orStop(parseScheme(quantize));
  request.calibration = calibration;
  for (auto [option, value] : {std::pair("--calibrate", &calibrate), {"--calibration", &calibration}}) {
    // A module that was dumped may be quantized already, and name arrays of its calibration.
    bool isNamed = value == &calibration && model.ends_with(".mlir");
    if (!value->empty() && !usesCalibration(request) && !isNamed)
      throw Stop{Failure(ExitStatus::Usage, std::string(option) + "=" + *value +
                                                ": what it is for is missing, a scheme as in --quantize=w8a8 or a "
                                                "pattern as in --sparsity=2:4")};
  }
  if (!calibrate.empty() && !calibration.empty())
    throw Stop{Failure(ExitStatus::Usage, "--calibrate makes what --calibration gives: only one of them can be used")};
  request.name = name;
  request.jobs = jobs;
  for (const std::string &dim : dims)
    request.import.dims.push_back(parseDim(dim));
  request.progress = [](double part, llvm::StringRef what) { console().progress(part, what); };
  return request;
}
