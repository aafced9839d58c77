//===- VerifyCases.cpp - sinter verify --case and --suite -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Compiler.h"
#include "lib/Support/AtomicOutput.h"
#include "python-free-frontends/onnx/Model.h"
#include "tools/sinter/ModelFile.h"
#include "tools/sinter/Program.h"
#include "tools/sinter/Quality.h"
#include "tools/sinter/TensorArguments.h"
#include "tools/sinter/Verification.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace sinter;
using namespace sinter::tool;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

Tolerance tool::toleranceFor(ElementType type, const VerifyOptions &options) {
  if (isNarrowFloat(type)) // its neighbours are far from each other
    return {options.rtol.value_or(0), options.atol.value_or(0)};
  bool isShort = type == ElementType::F16 || type == ElementType::BF16;
  return {options.rtol.value_or(isShort ? 1e-2 : 1e-3), options.atol.value_or(isShort ? 1e-3 : 1e-5)};
}

Comparison tool::compareOutput(const HostTensor &actual, const HostTensor &expected, const VerifyOptions &options,
                               bool quantized) {
  Tolerance tolerance = toleranceFor(expected.type, options);
  Comparison comparison = compare(actual, expected, tolerance.rtol, tolerance.atol);
  bool byCosine = quantized && isFloatType(expected.type) && !options.rtol && !options.atol;
  if (!byCosine || comparison.matches || actual.type != expected.type || actual.dims != expected.dims)
    return comparison;
  Deviation deviation;
  deviation.add(actual, expected);
  comparison.matches = deviation.isFinite() && deviation.cosine() >= leastCosine;
  comparison.reason = llvm::formatv("its cosine with the reference's is {0:f6}, required {1}{2}", deviation.cosine(),
                                    formatNumber(leastCosine), deviation.isFinite() ? "" : "; not all is finite");
  return comparison;
}

llvm::json::Value tool::finiteOrNull(double value) {
  return std::isfinite(value) ? llvm::json::Value(value) : llvm::json::Value(nullptr);
}

llvm::json::Object CaseResult::toJson() const {
  auto text = [](const std::string &value) { return value.empty() ? llvm::json::Value(nullptr) : value; };
  llvm::json::Object object{{"case", name},
                            {"ran", text(ran)},
                            {"status", status},
                            {"reason", text(reason)},
                            {"max_abs", ran.empty() ? llvm::json::Value(nullptr) : finiteOrNull(maxAbsolute)},
                            {"max_rel", ran.empty() ? llvm::json::Value(nullptr) : finiteOrNull(maxRelative)}};
  if (!unsupported.empty())
    object["unsupported"] = llvm::json::Array(unsupported);
  return object;
}

std::optional<CaseResult> CaseResult::fromJson(llvm::StringRef line) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(line);
  if (!value) {
    llvm::consumeError(value.takeError());
    return std::nullopt;
  }
  const llvm::json::Object *object = value->getAsObject();
  if (!object || !object->getString("case") || !object->getString("status"))
    return std::nullopt;
  CaseResult result;
  result.name = object->getString("case")->str();
  result.status = object->getString("status")->str();
  result.ran = object->getString("ran").value_or("").str();
  result.reason = object->getString("reason").value_or("").str();
  result.maxAbsolute = object->getNumber("max_abs").value_or(NAN);
  result.maxRelative = object->getNumber("max_rel").value_or(NAN);
  if (const llvm::json::Array *list = object->getArray("unsupported"))
    result.unsupported = *list;
  return result;
}

namespace {

/// The folders test_data_set_N of a case, in the order of their numbers.
std::vector<std::string> dataSets(const std::string &folder) {
  std::vector<std::pair<unsigned, std::string>> sets;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    llvm::StringRef name = path::filename(entry->path());
    unsigned number;
    if (name.consume_front("test_data_set_") && !name.getAsInteger(10, number))
      sets.push_back({number, entry->path()});
  }
  std::sort(sets.begin(), sets.end());
  std::vector<std::string> result;
  for (auto &set : sets)
    result.push_back(std::move(set.second));
  return result;
}

/// input_0.pb, input_1.pb, ... as long as there are any.
std::vector<HostTensor> readSet(const std::string &set, const std::string &kind) {
  std::vector<HostTensor> tensors;
  for (unsigned i = 0;; ++i) {
    llvm::SmallString<128> file(set);
    path::append(file, kind + "_" + std::to_string(i) + ".pb");
    if (!fs::exists(file))
      return tensors;
    tensors.push_back(orStop(onnx::readTensorProto(file)));
  }
}

std::string countText(size_t count, const char *what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// One set of data: the result becomes `wrong` at the first output that is off.
void runSet(const Program &program, const std::string &set, const VerifyOptions &options, CaseResult &result) {
  std::vector<HostTensor> inputs = readSet(set, "input"), expected = readSet(set, "output");
  if (inputs.size() != program.inputs().size() || expected.size() != program.outputs().size())
    throw Stop{Failure(ExitStatus::Unusable, "the case has " + countText(inputs.size(), "input") + " and " +
                                                 countText(expected.size(), "output") + ", the model " +
                                                 countText(program.inputs().size(), "input") + " and " +
                                                 countText(program.outputs().size(), "output"))};
  for (size_t i = 0; i < inputs.size(); ++i)
    takeBits(inputs[i], program.inputs()[i].type);
  for (size_t i = 0; i < expected.size(); ++i)
    takeBits(expected[i], program.outputs()[i].type);
  // Some published cases contradict their own model; to refuse such data is right, and says nothing about the model.
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!program.inputs()[i].anyShape && inputs[i].dims.size() != program.inputs()[i].dims.size())
      throw Stop{Failure(ExitStatus::Unusable, "the case contradicts its model: input '" + program.inputs()[i].name +
                                                   "' is " + formatDims(inputs[i].dims) + ", declared with " +
                                                   countText(program.inputs()[i].dims.size(), "dimension"))};
  std::vector<HostTensor> outputs;
  result.ran = program.info().target;
  auto wrong = [&](const std::string &reason) {
    result.status = "wrong";
    if (result.reason.empty())
      result.reason = path::filename(set).str() + ": " + reason;
  };
  try {
    outputs = runOnce(program, inputs, options.numThreads);
  } catch (const Stop &stop) {
    // The case's inputs are right, so to refuse them is wrong.
    return wrong("the run was refused: " + failureText(stop.failure));
  }
  for (unsigned i = 0; i < outputs.size(); ++i) {
    // Products of 16 bits cannot give more than such a type holds.
    bool isShort = llvm::StringRef(program.info().precision) == "f16" && expected[i].type == ElementType::F32;
    Tolerance tolerance = toleranceFor(isShort ? ElementType::F16 : expected[i].type, options);
    Comparison comparison = compare(outputs[i], expected[i], tolerance.rtol, tolerance.atol);
    result.maxAbsolute = std::max(result.maxAbsolute, comparison.maxAbsolute);
    result.maxRelative = std::max(result.maxRelative, comparison.maxRelative);
    if (!comparison.matches)
      wrong("output '" + program.outputs()[i].name + "': " + comparison.reason);
  }
}

} // namespace

CaseResult tool::runCase(const std::string &folder, const VerifyOptions &options) {
  CaseResult result;
  llvm::StringRef trimmed = llvm::StringRef(folder).rtrim('/');
  result.name = path::filename(trimmed).str();
  result.status = "pass";
  try {
    llvm::SmallString<128> model(folder);
    path::append(model, "model.onnx");
    std::vector<std::string> sets = dataSets(folder);
    if (!fs::exists(model) || sets.empty())
      throw Stop{Failure(ExitStatus::Unusable, "'" + folder + "' is no case: it has no " +
                                                   (sets.empty() ? "test_data_set_0" : "model.onnx"))};
    TemporaryFolder temporary = orStop(TemporaryFolder::create());
    CompileRequest request = options.compile.request(model);
    request.progress = nullptr;
    if (request.targets.empty())
      request.targets.push_back({"cpu", {"native"}});
    request.jobs = 1;
    request.name = "model";
    request.out = temporary.file("bundle");
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    // A case is small, and a process is made for each: threads would cost more than they give.
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    orStop(compile(request, context));
    Program program(request.out);
    for (const std::string &set : sets)
      runSet(program, set, options, result);
  } catch (const Stop &stop) {
    result.exitStatus = int(stop.failure.status);
    bool refused = stop.failure.status == ExitStatus::Unsupported || stop.failure.status == ExitStatus::Unusable ||
                   stop.failure.status == ExitStatus::DoesNotFit;
    result.status = refused ? "refused" : "crash";
    result.reason = stop.failure.message;
    if (!stop.failure.unsupportedNodes.empty()) {
      llvm::json::Object described = describeFailure(stop.failure);
      result.unsupported = std::move(*described.getArray("unsupported"));
    } else {
      result.reason = failureText(stop.failure);
    }
  }
  return result;
}

namespace {

/// A refusal's nodes in words: "Foo (version 3) at 'n1': reason; ...".
std::string unsupportedInWords(const llvm::json::Array &unsupported) {
  std::string text;
  for (const llvm::json::Value &value : unsupported) {
    const llvm::json::Object &node = *value.getAsObject();
    std::string domain = node.getString("domain").value_or("").str();
    text += (text.empty() ? "" : "; ") + (domain.empty() ? "" : domain + ".") +
            node.getString("op").value_or("").str() + " (version " +
            std::to_string(node.getInteger("version").value_or(0)) + ") at node '" +
            node.getString("node").value_or("").str() + "': " + node.getString("reason").value_or("").str();
  }
  return text;
}

void report(const CaseResult &result) {
  if (console().json)
    return console().printJson(result.toJson());
  std::string line = result.status + " " + result.name;
  if (!result.ran.empty())
    line += llvm::formatv(" on {0}, largest differences {1} and {2} (relative)", result.ran,
                          formatNumber(result.maxAbsolute), formatNumber(result.maxRelative));
  if (!result.unsupported.empty())
    line += ": " + unsupportedInWords(result.unsupported);
  else if (!result.reason.empty())
    line += ": " + result.reason;
  console().print(line + "\n");
}

} // namespace

int tool::verifyCase(const VerifyOptions &options) {
  CaseResult result = runCase(options.caseFolder, options);
  report(result);
  if (result.status == "pass")
    return 0;
  return result.status == "wrong" ? int(ExitStatus::CheckFailed) : result.exitStatus;
}

//===----------------------------------------------------------------------===//
// Suites
//===----------------------------------------------------------------------===//

namespace {

/// A case at work in a process of its own.
struct Child {
  std::string name;
  pid_t process = -1;
  int pipe = -1;
  double deadline = 0;
  std::string output;
};

Child start(const std::string &folder, const VerifyOptions &options) {
  Child child;
  child.name = path::filename(folder).str();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw Stop{Failure(ExitStatus::Io, "cannot make a pipe: " + std::string(std::strerror(errno)))};
  llvm::outs().flush();
  child.process = fork();
  if (child.process < 0)
    throw Stop{Failure(ExitStatus::Io, "cannot make a process: " + std::string(std::strerror(errno)))};
  if (child.process == 0) {
    close(ends[0]);
    // The parent tells how a case ended by its signal.
    for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
      signal(number, SIG_DFL);
    // What a crash prints about itself is no part of the report.
    if (!console().verbose)
      if (int nowhere = open("/dev/null", O_WRONLY); nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    std::string line;
    {
      CaseResult result = runCase(folder, options);
      llvm::raw_string_ostream(line) << llvm::json::Value(result.toJson());
    }
    for (llvm::StringRef rest = line; !rest.empty();) {
      ssize_t written = write(ends[1], rest.data(), rest.size());
      if (written <= 0)
        break;
      rest = rest.drop_front(size_t(written));
    }
    _exit(0);
  }
  close(ends[1]);
  child.pipe = ends[0];
  child.deadline = now() + options.timeout;
  return child;
}

CaseResult finish(Child &child, bool timedOut, const VerifyOptions &options) {
  if (timedOut)
    kill(child.process, SIGKILL);
  int status = 0;
  while (waitpid(child.process, &status, 0) < 0 && errno == EINTR) {
  }
  close(child.pipe);
  CaseResult result;
  result.name = child.name;
  if (timedOut) {
    result.status = "timeout";
    result.reason = llvm::formatv("did not end within {0} s", formatNumber(options.timeout));
    return result;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    if (std::optional<CaseResult> reported = CaseResult::fromJson(child.output))
      return std::move(*reported);
  result.status = "crash";
  result.reason = WIFSIGNALED(status)
                      ? "ended by signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")"
                      : "ended with status " + std::to_string(WEXITSTATUS(status)) + " and no result";
  return result;
}

std::vector<std::string> casesIn(const std::string &folder) {
  std::vector<std::string> cases;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    llvm::SmallString<128> model(entry->path());
    path::append(model, "model.onnx");
    if (fs::exists(model))
      cases.push_back(entry->path());
  }
  if (error)
    throw Stop{Failure(ExitStatus::Unusable, "cannot read the folder '" + folder + "': " + error.message())};
  if (cases.empty())
    throw Stop{Failure(ExitStatus::Unusable, "'" + folder + "' holds no cases (folders with a model.onnx)")};
  std::sort(cases.begin(), cases.end());
  return cases;
}

} // namespace

int tool::verifySuite(const VerifyOptions &options) {
  std::vector<std::string> cases = casesIn(options.suiteFolder);
  unsigned numJobs = options.jobs ? options.jobs : std::max(1u, std::thread::hardware_concurrency());
  std::map<std::string, int64_t> counts = {{"pass", 0}, {"wrong", 0}, {"refused", 0}, {"crash", 0}, {"timeout", 0}};
  // A refused option is one failure, not one for each case.
  options.compile.request("");

  std::vector<Child> running;
  std::map<size_t, CaseResult> finished; // by position, so that the report keeps the cases' order
  std::vector<size_t> positions;         // of those that run
  size_t next = 0, reported = 0;
  while (reported < cases.size()) {
    while (next < cases.size() && running.size() < numJobs) {
      running.push_back(start(cases[next], options));
      positions.push_back(next++);
    }
    std::vector<pollfd> polled;
    double earliest = running.front().deadline;
    for (const Child &child : running) {
      polled.push_back({child.pipe, POLLIN, 0});
      earliest = std::min(earliest, child.deadline);
    }
    poll(polled.data(), polled.size(), std::max(0, int((earliest - now()) * 1000) + 1));
    for (size_t i = running.size(); i-- > 0;) {
      bool ended = false;
      if (polled[i].revents) {
        char buffer[4096];
        ssize_t bytes = read(running[i].pipe, buffer, sizeof buffer);
        if (bytes > 0)
          running[i].output.append(buffer, size_t(bytes));
        else
          ended = bytes == 0 || errno != EINTR;
      }
      bool timedOut = !ended && now() >= running[i].deadline;
      if (!ended && !timedOut)
        continue;
      finished.emplace(positions[i], finish(running[i], timedOut, options));
      running.erase(running.begin() + i);
      positions.erase(positions.begin() + i);
    }
    for (auto found = finished.find(reported); found != finished.end(); found = finished.find(reported)) {
      ++counts[found->second.status];
      report(found->second);
      finished.erase(found);
      console().progress(double(++reported) / double(cases.size()), "cases");
    }
  }
  if (console().json)
    console().printJson(llvm::json::Object{{"pass", counts["pass"]},
                                           {"wrong", counts["wrong"]},
                                           {"refused", counts["refused"]},
                                           {"crash", counts["crash"]},
                                           {"timeout", counts["timeout"]}});
  else
    console().print(
        llvm::formatv("{0} pass, {1} wrong, {2} refused, {3} crash, {4} timeout (tolerance {5} relative, {6} "
                      "absolute for f32)\n",
                      counts["pass"], counts["wrong"], counts["refused"], counts["crash"], counts["timeout"],
                      formatNumber(toleranceFor(ElementType::F32, options).rtol),
                      formatNumber(toleranceFor(ElementType::F32, options).atol))
            .str());
  bool failed = counts["wrong"] || counts["crash"] || counts["timeout"] || (options.strict && counts["refused"]);
  return failed ? int(ExitStatus::CheckFailed) : 0;
}
