//===- Calibrate.cpp - Runs samples to see what activations look like ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Calibrate.h"
#include "lib/Quantization/Calibration.h"
#include "lib/Quantization/Collector.h"
#include "lib/Quantization/Dataset.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/ModelFile.h"
#include "tools/sinter/Program.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace sinter;
using namespace sinter::tool;

std::vector<DatasetInput> tool::datasetInputs(const Program &program) {
  std::vector<DatasetInput> inputs;
  for (const ProgramValue &value : program.inputs()) {
    DatasetInput input;
    input.name = value.name;
    input.type = value.type;
    input.anyShape = value.anyShape;
    for (const std::string &dim : value.dims) {
      int64_t size;
      input.dims.push_back(llvm::StringRef(dim).getAsInteger(10, size) ? std::nullopt : std::optional(size));
      input.dimNames.push_back(dim);
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

namespace {

/// The rows of a tensor in f32; other floats have been narrower, or are f64.
std::vector<float> toFloats(const HostTensor &tensor) {
  if (tensor.type == ElementType::F32)
    return tensor.as<float>().vec();
  std::vector<float> values(tensor.numElements());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(tensor.getDouble(i));
  return values;
}

/// One entry per tensor that is observed, which are the program's last outputs.
std::vector<Collector::Subject> subjectsOf(const Program &program,
                                           const std::vector<std::vector<std::string>> &observed) {
  std::vector<Collector::Subject> subjects;
  size_t first = program.outputs().size() - observed.size();
  for (size_t i = 0; i < observed.size(); ++i) {
    int64_t numChannels;
    if (llvm::StringRef(program.outputs()[first + i].dims.back()).getAsInteger(10, numChannels))
      throw Stop{Failure(ExitStatus::Internal, "what node '" + observed[i].front() + "' reads has no fixed width")};
    subjects.push_back({observed[i], numChannels});
  }
  return subjects;
}

Calibration runSamples(const Program &program, const Dataset &data,
                       const std::vector<std::vector<std::string>> &observed, bool wantsSecondMoments) {
  Collector collector(subjectsOf(program, observed), wantsSecondMoments);
  size_t first = program.outputs().size() - observed.size();
  std::unique_ptr<Session> session;
  SymbolSizes sizes;
  for (size_t sample = 0; sample < data.size(); ++sample) {
    console().progress(static_cast<double>(sample) / static_cast<double>(data.size()),
                       llvm::formatv("calibrating: sample {0} of {1}", sample + 1, data.size()).str());
    std::vector<HostTensor> inputs = orStop(data.read(sample)), outputs;
    try {
      if (SymbolSizes wanted = program.sizesOf(inputs); !session || wanted != sizes) {
        session = std::make_unique<Session>(program, wanted, /*numThreads=*/0);
        sizes = std::move(wanted);
      }
      session->setInputs(inputs);
      session->run();
      outputs = session->outputs();
    } catch (Stop &stop) {
      stop.failure.message = "'" + data.name(sample) + "': " + stop.failure.message;
      throw;
    }
    for (size_t i = 0; i < observed.size(); ++i)
      orStop(collector.add(unsigned(i), toFloats(outputs[first + i]), data.name(sample)));
  }
  console().progress(1, "calibrating");
  return orStop(collector.finish(int64_t(data.size())));
}

bool needsSecondMoments(const CompileRequest &request) {
  return request.quantization && request.quantization->needsSecondMoments();
}

/// Compiles the model so that its program shows what products by weights read, and runs the samples.
Calibration calibrate(const CompileRequest &request, const std::string &dataPath, const TemporaryFolder &folder) {
  CompileRequest instrumented;
  instrumented.model = request.model;
  instrumented.out = folder.file("instrumented");
  instrumented.targets = {{"cpu", {"native"}}};
  instrumented.import = request.import;
  instrumented.compileFrom = request.compileFrom;
  instrumented.jobs = request.jobs;
  instrumented.observesActivations = true;
  if (request.sparsity == "none")
    instrumented.sparsity = "none"; // else channels of zeros are gone in both
  instrumented.progress = [](double part, llvm::StringRef what) {
    console().progress(part, "for calibration: " + what.str());
  };
  std::vector<std::vector<std::string>> observed;
  {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    mlir::MLIRContext context(registry);
    observed = orStop(compile(instrumented, context)).observed;
  }
  if (observed.empty())
    throw Stop{Failure(ExitStatus::Unusable, "'" + request.model +
                                                 "' has no product of activations by weights: there is nothing to " +
                                                 (request.quantization ? "quantize" : "prune"))};
  Program program(instrumented.out);
  Dataset data = orStop(Dataset::open(dataPath, datasetInputs(program)));
  Calibration calibration = runSamples(program, data, observed, needsSecondMoments(request));
  calibration.modelSha256 = sha256OfFile(request.model);
  return calibration;
}

/// A calibration that was given has to be of this model, and to have what the scheme needs.
void checkGiven(const Calibration &calibration, const CompileRequest &request, const std::string &path) {
  // Of a module that was dumped, the model is not known.
  if (!llvm::StringRef(request.model).ends_with(".mlir") && !calibration.modelSha256.empty()) {
    std::string actual = sha256OfFile(request.model);
    if (actual != calibration.modelSha256) {
      Failure failure(ExitStatus::Unusable,
                      "'" + path + "' is the calibration of another model than '" + request.model + "': the SHA-256");
      failure.actual = actual;
      failure.required = calibration.modelSha256;
      throw Stop{failure};
    }
  }
  for (const ObservedTensor &tensor : calibration.tensors)
    if (needsSecondMoments(request) && tensor.secondMoments.empty())
      throw Stop{Failure(ExitStatus::Unusable, "'" + path + "' has no second moments (node '" + tensor.readers.front() +
                                                   "'), which " + request.quantization->str() +
                                                   " needs: calibrate again, with --quantize=" +
                                                   request.quantization->str() + " --calibrate=DATA")};
}

} // namespace

std::optional<TemporaryFolder> tool::prepareCalibration(CompileRequest &request, const CompileOptions &options) {
  if (!usesCalibration(request))
    return std::nullopt;
  orStop(checkSchemes(request));
  std::string &path = request.calibration;
  if (path.empty() && options.calibrationData().empty())
    return std::nullopt;
  if (path.empty() && request.import.checkOnly) {
    // Samples are not run, and nothing is missing without their ranges.
    if (request.quantization && request.quantization->activations == QuantizationScheme::Activations::Static)
      request.quantization->activations = QuantizationScheme::Activations::Auto;
    return std::nullopt;
  }
  double begin = now();
  TemporaryFolder folder = orStop(TemporaryFolder::create());
  Calibration calibration;
  if (path.empty()) {
    calibration = calibrate(request, options.calibrationData(), folder);
    console().note(llvm::formatv("calibrated {0} tensors on {1} samples in {2:f1} s", calibration.tensors.size(),
                                 calibration.numSamples, now() - begin)
                       .str());
  } else {
    calibration = orStop(readCalibration(path));
    checkGiven(calibration, request, path);
  }
  // Of a file that was given, too: in a bundle both have these names.
  path = folder.file(Calibration::jsonName);
  orStop(writeCalibration(calibration, path));
  return folder;
}
