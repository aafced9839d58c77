//===- Run.cpp - sinter run -------------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Npy.h"
#include "tools/sinter/CompileOptions.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/ModelFile.h"
#include "tools/sinter/Padding.h"
#include "tools/sinter/Steps.h"
#include "tools/sinter/TensorArguments.h"
#include "tools/sinter/Verbs.h"

#include "llvm/Support/FormatVariadic.h"

using namespace sinter;
using namespace sinter::tool;

namespace {

struct Options {
  CompileOptions compile;
  std::string what, variant, device;
  std::vector<std::string> inputs, outputs, feeds, entries;
  unsigned numThreads = 0;
  uint64_t steps = 1;
};

/// Where each output goes: NAME=@FILE, or NAME=@- for standard output. Empty: nowhere.
std::vector<std::string> outputFiles(const Program &program, const std::vector<std::string> &arguments) {
  std::vector<std::string> files(program.outputs().size());
  for (llvm::StringRef argument : arguments) {
    auto [name, file] = argument.split('=');
    if (!file.consume_front("@") || name.empty() || file.empty())
      throw Stop{Failure(ExitStatus::Usage, "--output " + argument.str() + ": it is NAME=@y.npy")};
    files[program.findOutput(name)] = file.str();
  }
  return files;
}

/// The entries that the steps take, one after the other, the last one for all further steps. Empty: any.
std::vector<unsigned> findEntries(const Program &program, const std::vector<std::string> &names) {
  std::vector<unsigned> entries;
  for (const std::string &name : names)
    if (!program.entries().empty() || name != "main")
      entries.push_back(program.findEntry(name));
  return entries;
}

int run(const Options &options) {
  ModelFile model(options.what);
  Bundle bundle = findBundle(model.path(), options.compile, /*dimsAreSizes=*/false);
  Program program(bundle.folder, options.variant);
  program.checkDevice(options.device);
  std::vector<HostTensor> inputs = readAllInputs(program, options.inputs);
  std::vector<std::string> files = outputFiles(program, options.outputs);
  std::vector<unsigned> entries = findEntries(program, options.entries);
  std::vector<std::pair<unsigned, unsigned>> feeds;
  for (llvm::StringRef argument : options.feeds) {
    auto [output, input] = argument.split('=');
    feeds.push_back({program.findOutput(output), program.findInput(input)});
  }

  // One session, for the greatest sizes, where it keeps something or sizes are listed; else as large as a step needs.
  const bool hasStates = !program.states().empty(), isOneSession = hasStates || !program.entries().empty();
  Steps source(program, std::move(inputs), feeds);
  std::unique_ptr<Session> session;
  SymbolSizes sizes;
  std::vector<HostTensor> outputs;
  std::vector<std::vector<HostTensor>> allOutputs;
  llvm::json::Array describedSteps;
  double seconds = 0;
  uint64_t cycles = 0;
  if (isOneSession)
    session = std::make_unique<Session>(program, sizes, options.numThreads);
  for (uint64_t step = 0; step < options.steps; ++step) {
    std::optional<unsigned> entry;
    if (!entries.empty())
      entry = entries[std::min<size_t>(step, entries.size() - 1)];
    std::vector<HostTensor> given = source.next(entry, session ? session->past() : 0, outputs);
    if (SymbolSizes wanted = program.sizesOf(given); !isOneSession && (!session || wanted != sizes)) {
      session = std::make_unique<Session>(program, wanted, options.numThreads);
      sizes = std::move(wanted);
    }
    session->setEntry(entry);
    session->setInputs(given);
    double begin = now();
    session->run();
    seconds += now() - begin;
    cycles += session->cycles();
    outputs = session->outputs();
    if (hasStates)
      allOutputs.push_back(outputs);
    describedSteps.push_back(llvm::json::Object{
        {"entry", session->entry() ? llvm::json::Value(program.entries()[*session->entry()].name) : nullptr},
        {"cycles", session->cycles()}});
  }

  llvm::json::Array described;
  std::string text;
  bool dataOnOutput = false;
  for (unsigned i = 0; i < outputs.size(); ++i) {
    const std::string &name = program.outputs()[i].name;
    if (!files[i].empty()) {
      // Of a program with states all steps' positions.
      std::vector<HostTensor> parts;
      std::optional<unsigned> axis = source.axisOfOutput(i);
      for (std::vector<HostTensor> &step : allOutputs)
        if (axis)
          parts.push_back(std::move(step[i]));
      if (!parts.empty())
        outputs[i] = joinPositions(parts, *axis);
      orStop(writeNpy(files[i], outputs[i]));
    }
    dataOnOutput |= files[i] == "-";
    described.push_back(llvm::json::Object{{"name", name},
                                           {"shape", llvm::json::Array(outputs[i].dims)},
                                           {"type", elementTypeName(outputs[i].type)},
                                           {"file", files[i].empty() ? llvm::json::Value(nullptr) : files[i]}});
    if (files[i].empty())
      text += name + ": " + summarize(outputs[i]) + "\n";
  }
  // What is an output's data is not mixed with words about it.
  if (dataOnOutput)
    return 0;
  bool isSimulated = !program.schedules().empty();
  if (console().json) {
    llvm::json::Object result{{"ran", program.info().target},
                              {"outputs", std::move(described)},
                              {"ms", seconds * 1e3},
                              {"cycles", isSimulated ? llvm::json::Value(cycles) : nullptr}};
    if (isSimulated)
      result["steps"] = std::move(describedSteps);
    console().printJson(std::move(result));
  } else {
    console().print(text);
  }
  if (isSimulated)
    console().note(llvm::formatv("simulated {0} ({1}) in {2:f1} s: {3} cycles, {4:f3} us at {5} GHz",
                                 program.info().target, program.chip(), seconds, cycles,
                                 double(cycles) / program.schedules().front().clockGhz / 1e3,
                                 formatNumber(program.schedules().front().clockGhz))
                       .str());
  else
    console().detail(
        llvm::formatv("ran on {0} ({1}), {2:f3} ms", program.info().target, program.chip(), seconds * 1e3).str());
  return 0;
}

} // namespace

Verb tool::declareRun(CLI::App &app) {
  CLI::App *verb = addVerb(app, "run", "Runs a bundle, or a model that it compiles first",
                           "sinter run model --input ids=@ids.npy --input mask=1x7xi64=1 --output embedding=@y.npy");
  auto options = std::make_shared<Options>();
  verb->add_option("OUT|MODEL", options->what, "a bundle, or a model to compile into the cache")->required();
  verb->add_option("--input", options->inputs, "NAME=@x.npy, NAME=@x.pb, @x.npz or NAME=2x7xi64=1")
      ->allow_extra_args(false);
  verb->add_option("--output", options->outputs, "NAME=@y.npy; without it, shapes and first values are printed")
      ->allow_extra_args(false);
  verb->add_option("--threads", options->numThreads, "threads of the program (default: as many as the machine has)");
  verb->add_option("--variant", options->variant,
                   "the instruction set to use (default: the best that this machine has)");
  verb->add_option("--device", options->device, "how a target is executed: hw, or sim for dataflow chips");
  verb->add_option("--entry", options->entries,
                   "the entry to run; of several the first step takes the first, and so on (default: the smallest that "
                   "fits)")
      ->allow_extra_args(false);
  verb->add_option("--steps", options->steps, "how often to run; with states each step takes the next positions")
      ->check(CLI::Range(1, 1 << 30));
  verb->add_option("--feed", options->feeds,
                   "OUTPUT=INPUT: an output that is the next step's input, of a program with states its last positions")
      ->allow_extra_args(false);
  options->compile.declare(*verb);
  return {verb, [options]() { return run(*options); }};
}
