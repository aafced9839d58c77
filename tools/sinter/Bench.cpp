//===- Bench.cpp - sinter bench ---------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/CompileOptions.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/MadeInputs.h"
#include "tools/sinter/ModelFile.h"
#include "tools/sinter/Profile.h"
#include "tools/sinter/Reference.h"
#include "tools/sinter/StreamReport.h"
#include "tools/sinter/TensorArguments.h"
#include "tools/sinter/Verbs.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>

using namespace sinter;
using namespace sinter::tool;

namespace {

struct Options {
  CompileOptions compile;
  std::string what, entry, variant, profile, against, tolerance = "5%", device, fallback;
  std::vector<std::string> inputs;
  unsigned numThreads = 0, numSessions = 1;
  double seconds = 3;
  uint64_t warmup = 10, seed = 0;
};

double parseTolerance(llvm::StringRef text) {
  double value;
  bool percent = text.consume_back("%");
  if (text.getAsDouble(value) || value < 0)
    throw Stop{Failure(ExitStatus::Usage, "--tolerance=" + text.str() + ": it is a share, as 5% or 0.05")};
  return percent ? value / 100 : value;
}

/// The value below which `part` of the sorted samples lie (nearest rank).
double percentile(const std::vector<double> &sorted, double part) {
  size_t rank = size_t(std::max(1.0, std::ceil(part * double(sorted.size()))));
  return sorted[std::min(rank, sorted.size()) - 1];
}

llvm::json::Object readBase(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    throw Stop{Failure(ExitStatus::Unusable, "cannot read '" + path + "': " + file.getError().message())};
  llvm::Expected<llvm::json::Value> value = llvm::json::parse((*file)->getBuffer());
  llvm::json::Object *object = value ? value->getAsObject() : nullptr;
  if (!value)
    llvm::consumeError(value.takeError());
  if (!object || !object->getNumber("p50_ms"))
    throw Stop{Failure(ExitStatus::Unusable, "'" + path + "' is no result of sinter bench --format=json")};
  return std::move(*object);
}

/// The exit status of --against.
int compareWithBase(const Options &options, const std::optional<llvm::json::Object> &base,
                    const llvm::json::Object &dims, double p50) {
  if (!base)
    return 0;
  double tolerance = parseTolerance(options.tolerance);
  if (const llvm::json::Object *baseDims = base->getObject("dims"); baseDims && *baseDims != dims)
    throw Stop{Failure(ExitStatus::Usage, "--against=" + options.against + ": it was measured at other sizes")};
  double before = *base->getNumber("p50_ms");
  if (p50 <= before * (1 + tolerance))
    return 0;
  Failure failure(ExitStatus::CheckFailed, "the median is worse than that of '" + options.against + "'");
  failure.actual = llvm::formatv("{0:f3} ms", p50);
  failure.required = llvm::formatv("at most {0:f3} ms", before * (1 + tolerance));
  return console().fail(failure);
}

/// How long a chip takes, in cycles.
struct Timing {
  uint64_t cycles = 0;
  std::optional<uint64_t> limitCycles;
  double clockGhz = 1;

  double milliseconds() const { return double(cycles) / clockGhz / 1e6; }
};

/// Of a run of an entry in which devices took `cycles`.
Timing timingOf(const Program &program, std::optional<unsigned> entry, uint64_t cycles) {
  Timing timing{cycles, 0, program.schedules().front().clockGhz};
  for (const ProgramSchedule &schedule : program.schedulesOf(entry))
    timing.limitCycles = timing.limitCycles && schedule.limitCycles
                             ? std::optional<uint64_t>(*timing.limitCycles + *schedule.limitCycles)
                             : std::nullopt;
  return timing;
}

/// As the schedules say themselves.
Timing predictedTiming(const Program &program, std::optional<unsigned> entry) {
  uint64_t cycles = 0;
  for (const ProgramSchedule &schedule : program.schedulesOf(entry))
    cycles += schedule.cycles;
  return timingOf(program, entry, cycles);
}

/// The entry of --entry, else the one that runs with these sizes take.
std::optional<unsigned> chooseEntry(const Program &program, const std::string &name, const SymbolSizes &sizes) {
  return name.empty() ? program.entryFor(sizes) : std::optional<unsigned>(program.findEntry(name));
}

/// Of a target whose cycles are known: says them, predicted or simulated. All samples are alike.
int reportCycles(const Options &options, const Program &program, const SymbolSizes &sizes, unsigned numThreads,
                 uint64_t numSamples, llvm::StringRef kind, const Timing &timing, double loadSeconds,
                 const std::optional<llvm::json::Object> &base, const StreamRun &view) {
  llvm::json::Object dims;
  for (const auto &[name, value] : sizes)
    dims[name] = value;
  double ms = timing.milliseconds();
  if (console().json)
    console().printJson(llvm::json::Object{
        {"model", program.info().name},
        {"target", program.info().target},
        {"chip", program.chip()},
        {"dims", llvm::json::Value(llvm::json::Object(dims))},
        {"threads", numThreads},
        {"sessions", options.numSessions},
        {"samples", numSamples},
        {"warmup", numSamples ? options.warmup : 0},
        {"kind", kind},
        {"min_ms", ms},
        {"p50_ms", ms},
        {"p90_ms", ms},
        {"p99_ms", numSamples >= 1000 || !numSamples ? llvm::json::Value(ms) : llvm::json::Value(nullptr)},
        {"inferences_per_s", 1e3 / ms},
        {"load_ms", loadSeconds * 1e3},
        {"peak_rss_bytes", peakResidentBytes()},
        {"version", version()},
        {"cycles", timing.cycles},
        {"limit_cycles", timing.limitCycles ? llvm::json::Value(*timing.limitCycles) : llvm::json::Value(nullptr)},
        {"clock_ghz", timing.clockGhz}});
  else
    console().print(
        llvm::formatv(
            "{0} on {1} ({2}), {3}: {4} cycles, {5:f3} us at {6} GHz{7}\n", program.info().name, program.info().target,
            program.chip(), numSamples ? "cycles measured in the simulator" : "predicted by the schedule",
            timing.cycles, ms * 1e3, formatNumber(timing.clockGhz),
            timing.limitCycles ? "; the chip's limit is " + std::to_string(*timing.limitCycles) + " cycles" : "")
            .str());
  if (llvm::StringRef(options.profile).ends_with(".html"))
    writeStreamReport(options.profile, view);
  else if (!options.profile.empty())
    writeStreamTrace(options.profile, view);
  return compareWithBase(options, base, dims, ms);
}

int run(const Options &options) {
  parseTolerance(options.tolerance);
  std::optional<llvm::json::Object> base;
  if (!options.against.empty())
    base = readBase(options.against);
  if (!options.profile.empty())
    checkReportFile("--profile", options.profile);

  ModelFile model(options.what);
  Bundle bundle = findBundle(model.path(), options.compile, /*dimsAreSizes=*/true);
  double beginLoad = now();
  Program program(bundle.folder, options.variant);
  double loadSeconds = now() - beginLoad;
  program.checkDevice(options.device);
  // An entry that was named is for its own sizes, where nothing else is said.
  auto chooseDims = [&] {
    return chooseSizes(program, options.compile.fixedDims(), [&](const ProgramSymbol &symbol) {
      if (options.entry.empty())
        return typicalSize(symbol);
      const SymbolSizes &limits = program.entries()[program.findEntry(options.entry)].limits;
      auto limit = limits.find(symbol.name);
      return limit == limits.end() ? typicalSize(symbol) : limit->second;
    });
  };
  if (!options.entry.empty())
    program.findEntry(options.entry);
  if (!program.schedules().empty() && options.device.empty()) {
    SymbolSizes sizes = chooseDims();
    return reportCycles(options, program, sizes, options.numThreads, /*numSamples=*/0, "predicted",
                        predictedTiming(program, chooseEntry(program, options.entry, sizes)), loadSeconds, base,
                        {program, bundle.folder, std::nullopt});
  }

  // Given inputs say the sizes; others are made.
  std::vector<HostTensor> inputs;
  SymbolSizes sizes;
  if (!options.inputs.empty()) {
    inputs = readAllInputs(program, options.inputs);
    sizes = program.sizesOf(inputs);
  } else {
    Reference reference(bundle.folder);
    sizes = chooseDims();
    inputs = makeInputs(program, findUses(reference.module(), program), sizes, {options.seed, /*onesInMasks=*/true});
  }

  unsigned numSessions = options.numSessions;
  std::vector<std::unique_ptr<Session>> sessions;
  for (unsigned i = 0; i < numSessions; ++i) {
    sessions.push_back(std::make_unique<Session>(program, sizes, options.numThreads));
    sessions.back()->setInputs(inputs);
    if (!program.entries().empty())
      sessions.back()->setEntry(chooseEntry(program, options.entry, sizes));
  }
  unsigned numThreads = sinter_session_threads(sessions.front()->get());

  std::vector<std::vector<double>> samples(numSessions);
  std::mutex mutex;
  std::optional<Stop> stop;
  double begin = 0, end = 0;
  auto work = [&](unsigned index) {
    try {
      double until = now() + options.seconds;
      do {
        if (!program.states().empty())
          sessions[index]->reset(); // each run is the first
        double start = now();
        sessions[index]->run();
        double stopped = now();
        samples[index].push_back((stopped - start) * 1e3);
      } while (now() < until);
    } catch (const Stop &failed) {
      std::lock_guard<std::mutex> lock(mutex);
      stop = failed;
    }
  };
  for (auto &session : sessions)
    for (uint64_t i = 0; i < options.warmup; ++i) {
      if (!program.states().empty())
        session->reset();
      session->run();
    }
  begin = now();
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < numSessions; ++i)
    workers.emplace_back(work, i);
  work(0);
  for (std::thread &worker : workers)
    worker.join();
  end = now();
  if (stop)
    throw *stop;

  // A simulator's own time says nothing of the chip, whose runs take as many cycles each.
  if (!program.schedules().empty()) {
    uint64_t numSamples = 0;
    for (const std::vector<double> &list : samples)
      numSamples += list.size();
    uint64_t cycles = sessions.front()->cycles();
    return reportCycles(options, program, sizes, numThreads, numSamples, "measured",
                        timingOf(program, sessions.front()->entry(), cycles), loadSeconds, base,
                        {program, bundle.folder, cycles});
  }
  std::vector<double> sorted;
  for (const std::vector<double> &list : samples)
    sorted.insert(sorted.end(), list.begin(), list.end());
  std::sort(sorted.begin(), sorted.end());
  llvm::json::Object dims;
  std::string dimsText;
  for (const auto &[name, value] : sizes) {
    dims[name] = value;
    dimsText += (dimsText.empty() ? "" : " ") + name + "=" + std::to_string(value);
  }
  double p50 = percentile(sorted, 0.5);
  llvm::json::Value p99 = nullptr;
  if (sorted.size() >= 1000)
    p99 = percentile(sorted, 0.99);
  llvm::json::Object result{{"model", program.info().name},
                            {"target", program.info().target},
                            {"chip", program.chip()},
                            {"dims", llvm::json::Value(llvm::json::Object(dims))},
                            {"threads", numThreads},
                            {"sessions", numSessions},
                            {"samples", sorted.size()},
                            {"warmup", options.warmup},
                            {"kind", "measured"},
                            {"min_ms", sorted.front()},
                            {"p50_ms", p50},
                            {"p90_ms", percentile(sorted, 0.9)},
                            {"p99_ms", std::move(p99)},
                            {"inferences_per_s", double(sorted.size()) / (end - begin)},
                            {"load_ms", loadSeconds * 1e3},
                            {"peak_rss_bytes", peakResidentBytes()},
                            {"version", version()}};
  if (console().json)
    console().printJson(llvm::json::Value(llvm::json::Object(result)));
  else
    console().print(
        llvm::formatv("{0} on {1} ({2}), {3}{4}{5} thread(s), {6} session(s), measured, {7} samples:\n"
                      "  min {8:f3} ms, median {9:f3} ms, 90 % within {10:f3} ms, {11:f1} inferences per second\n"
                      "  loaded in {12:f1} ms, peak memory {13}\n",
                      program.info().name, program.info().target, program.chip(), dimsText,
                      dimsText.empty() ? "" : ", ", numThreads, numSessions, sorted.size(), sorted.front(), p50,
                      percentile(sorted, 0.9), double(sorted.size()) / (end - begin), loadSeconds * 1e3,
                      formatBytes(peakResidentBytes()))
            .str());
  if (!options.profile.empty()) {
    std::string title = std::string(program.info().name) + " on " + program.info().target + " (" + program.chip() +
                        ") " + dimsText + ", " + std::to_string(numThreads) + " thread(s)";
    writeProfile(options.profile, title, profile(program, *sessions.front(), 10));
  }
  return compareWithBase(options, base, dims, p50);
}

} // namespace

Verb tool::declareBench(CLI::App &app) {
  CLI::App *verb = addVerb(app, "bench", "Measures how fast a bundle runs, or a model that it compiles first",
                           "sinter bench model --dim batch=1 --dim seq=128 --threads 2");
  auto options = std::make_shared<Options>();
  verb->add_option("OUT|MODEL", options->what, "a bundle, or a model to compile into the cache")->required();
  verb->add_option("--entry", options->entry, "the entry to run (default: the smallest that fits)");
  verb->add_option("--threads", options->numThreads, "threads of each session (default: as many as the machine has)");
  verb->add_option("--sessions", options->numSessions, "sessions at work at once (default: 1)")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--seconds", options->seconds, "how long to measure (default: 3)")->check(CLI::Range(0.0, 1e6));
  verb->add_option("--warmup", options->warmup, "runs before that (default: 10)");
  verb->add_option("--input", options->inputs, "as run has it; else inputs are made")->allow_extra_args(false);
  verb->add_option("--seed", options->seed, "of the inputs that are made");
  verb->add_option("--variant", options->variant,
                   "the instruction set to use (default: the best that this machine has)");
  verb->add_option("--profile", options->profile,
                   "FILE.json (a trace for Perfetto or Chrome) or FILE.html: where the time goes");
  verb->add_option("--against", options->against,
                   "a result of --format=json to compare with; the status is 1 if slower");
  verb->add_option("--tolerance", options->tolerance, "how much slower is allowed (default: 5%)");
  verb->add_option("--device", options->device,
                   "how a target is executed: hw, or sim; dataflow chips' cycles are predicted without it");
  verb->add_option("--fallback", options->fallback,
                   "a target that may stand in for one that this machine does not have");
  options->compile.declare(*verb, /*withJobs=*/false);
  return {verb, [options]() { return run(*options); }};
}
