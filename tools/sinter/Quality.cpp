//===- Quality.cpp - What compression cost -------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Quality.h"
#include "include/sinter/Compiler.h"
#include "tools/sinter/FoldedWeights.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

using namespace sinter;
using namespace sinter::tool;

void Deviation::add(const HostTensor &actual, const HostTensor &expected) {
  for (int64_t i = 0, size = expected.numElements(); i < size; ++i) {
    double a = actual.getDouble(i), e = expected.getDouble(i);
    if (!std::isfinite(a) || !std::isfinite(e)) {
      finite &= a == e || (std::isnan(a) && std::isnan(e));
      continue;
    }
    double difference = std::fabs(a - e);
    greatest = std::max(greatest, difference);
    sum += difference;
    squaredError += difference * difference;
    squaredExpected += e * e;
    squaredActual += a * a;
    products += a * e;
    ++count;
  }
}

void Deviation::add(const Deviation &other) {
  greatest = std::max(greatest, other.greatest);
  for (double Deviation::*part : {&Deviation::sum, &Deviation::squaredError, &Deviation::squaredExpected,
                                  &Deviation::squaredActual, &Deviation::products, &Deviation::count})
    this->*part += other.*part;
  finite &= other.finite;
}

double Deviation::cosine() const {
  if (squaredError == 0)
    return 1;
  double lengths = std::sqrt(squaredExpected) * std::sqrt(squaredActual);
  return lengths > 0 ? products / lengths : 0;
}

double Deviation::relative() const {
  if (squaredError == 0)
    return 0;
  return squaredExpected > 0 ? std::sqrt(squaredError / squaredExpected) : INFINITY;
}

double Deviation::signalToNoise() const { return -20 * std::log10(relative()); }

std::vector<size_t> Quality::worstFirst() const {
  std::vector<size_t> order(layers.size());
  std::iota(order.begin(), order.end(), size_t(0));
  auto badness = [&](size_t i) { return layers[i].deviation.isFinite() ? layers[i].deviation.relative() : INFINITY; };
  llvm::sort(order, [&](size_t a, size_t b) { return badness(a) != badness(b) ? badness(a) > badness(b) : a < b; });
  return order;
}

namespace {

/// The source model as it is before anything is compressed, with its weights.
class Source {
public:
  Source(const std::string &model, const VerifyOptions &options) {
    registerAllDialects(registry);
    context = std::make_unique<mlir::MLIRContext>(registry);
    CompileRequest request = options.compile.request(model);
    request.quantization.reset();
    request.calibration.clear();
    request.sparsity = "none";
    request.compileTo = Phase::Canonical;
    // What --dim fixes is the size of a run here.
    llvm::erase_if(request.import.dims, [](const DimOption &dim) { return dim.low && dim.low == dim.high; });
    request.progress = nullptr;
    CompileResult result = orStop(compile(request, *context));
    owned = std::move(result.module);
    weights = std::make_unique<WeightFiles>(orStop(WeightFiles::open(*owned, result.folder)));
  }

  mlir::ModuleOp module() { return *owned; }
  ReadWeight readWeight() {
    return [this](WeightOp weight) { return weights->read(weight); };
  }

private:
  mlir::DialectRegistry registry;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> owned;
  std::unique_ptr<WeightFiles> weights;
};

/// Whether a value is a layer's: floats that a run computes, by a node of the source. What only rearranges is not.
bool isLayer(mlir::Operation &op) {
  if (op.getNumResults() != 1 || mlir::isa<ParameterOp, ConstantOp, ReshapeOp, TransposeOp, BroadcastOp, SliceOp>(op))
    return false;
  auto type = mlir::dyn_cast<mlir::RankedTensorType>(op.getResult(0).getType());
  return type && mlir::isa<mlir::FloatType>(type.getElementType()) && op.getLoc()->findInstanceOf<mlir::NameLoc>();
}

/// What a node's last op computes is what the node does.
std::map<std::string, mlir::Operation *> findLayers(mlir::ModuleOp module, std::vector<std::string> *order) {
  std::map<std::string, mlir::Operation *> layers;
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  for (mlir::Operation &op : main.getBody().front().without_terminator()) {
    if (!isLayer(op))
      continue;
    auto [place, isNew] = layers.insert_or_assign(getNodeName(&op), &op);
    if (isNew && order)
      order->push_back(place->first);
  }
  return layers;
}

std::vector<HostTensor> interpretWith(mlir::ModuleOp module, const FoldedWeights &weights,
                                      const std::vector<HostTensor> &inputs,
                                      std::function<void(mlir::Operation *, const HostTensor &)> observe) {
  InterpretOptions options;
  options.readWeight = [&](WeightOp weight) { return weights.read(weight); };
  options.observe = [&](mlir::Operation *op, const HostTensor &value) {
    observe(op, value);
    return llvm::Error::success();
  };
  return orStop(interpret(module, inputs, options));
}

} // namespace

Quality tool::measureQuality(const Program &program, Reference &reference, const std::vector<Sample> &samples,
                             const VerifyOptions &options) {
  Quality quality;
  quality.artifact = options.what;
  quality.model = reference.modelPath();
  quality.numSamples = samples.size();
  Source source(reference.modelPath(), options);
  console().progress(0, "the weights of both programs");
  FoldedWeights sourceWeights(source.module(), source.readWeight());
  FoldedWeights compressedWeights(reference.module(), reference.readWeight());

  std::vector<std::string> order;
  std::map<std::string, mlir::Operation *> sourceLayers = findLayers(source.module(), &order);
  std::map<std::string, mlir::Operation *> compressedLayers = findLayers(reference.module(), nullptr);
  std::map<mlir::Operation *, std::string> names; // of those in both
  std::map<std::string, Deviation> deviations;
  for (const auto &[name, op] : sourceLayers)
    if (auto other = compressedLayers.find(name); other != compressedLayers.end()) {
      names[op] = name;
      names[other->second] = name;
    }
  for (const ProgramValue &output : program.outputs()) {
    quality.outputs.emplace_back();
    quality.outputs.back().name = output.name;
  }

  for (size_t i = 0; i < samples.size(); ++i) {
    const Sample &sample = samples[i];
    console().progress(static_cast<double>(i) / static_cast<double>(samples.size()),
                       llvm::formatv("comparing: sample {0} of {1}", i + 1, samples.size()).str());
    std::map<std::string, HostTensor> values;
    std::vector<HostTensor> expected =
        interpretWith(source.module(), sourceWeights, sample.inputs, [&](mlir::Operation *op, const HostTensor &value) {
          if (auto name = names.find(op); name != names.end())
            values[name->second] = value;
        });
    interpretWith(reference.module(), compressedWeights, sample.inputs,
                  [&](mlir::Operation *op, const HostTensor &value) {
                    auto name = names.find(op);
                    if (name == names.end())
                      return;
                    const HostTensor &whole = values[name->second];
                    // Where structure was removed there is nothing to compare.
                    if (whole.dims == value.dims)
                      deviations[name->second].add(value, whole);
                  });
    std::vector<HostTensor> actual = runOnce(program, sample.inputs, options.numThreads);
    for (size_t output = 0; output < expected.size() && output < quality.outputs.size(); ++output) {
      if (expected[output].type == ElementType::String)
        continue;
      Deviation own;
      own.add(actual[output], expected[output]);
      OutputQuality &entry = quality.outputs[output];
      entry.deviation.add(own);
      entry.meanCosine += own.cosine() / static_cast<double>(samples.size());
      if (entry.worstSample.empty() || own.cosine() < entry.worstCosine) {
        entry.worstCosine = own.cosine();
        entry.worstSample = sample.name;
      }
    }
  }
  console().progress(1, "comparing");
  for (const std::string &name : order)
    if (auto found = deviations.find(name); found != deviations.end())
      quality.layers.push_back({name, sourceLayers[name]->getName().stripDialect().str(), found->second});
  return quality;
}
