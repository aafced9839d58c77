//===- Reference.cpp - The program that a bundle keeps for checking ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Reference.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "include/sinter/Compiler.h"
#include "lib/Quantization/Calibration.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/Padding.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

using namespace sinter;
using namespace sinter::tool;

Reference::~Reference() = default;

Reference::Reference(const std::string &bundleFolder, const std::string &entry) {
  std::string file = entry.empty() ? "reference.mlir" : "reference-" + entry + ".mlir";
  llvm::SmallString<128> path(bundleFolder);
  llvm::sys::path::append(path, file);
  if (!llvm::sys::fs::exists(path))
    throw Stop{Failure(ExitStatus::Unusable,
                       "bundle '" + bundleFolder + "' has no " + file + ", which is what it is checked against")};
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  context = std::make_unique<mlir::MLIRContext>(registry);
  std::string first;
  mlir::ScopedDiagnosticHandler handler(context.get(), [&](mlir::Diagnostic &diagnostic) {
    if (first.empty())
      first = diagnostic.str();
    return mlir::success();
  });
  owned = mlir::parseSourceFile<mlir::ModuleOp>(path, context.get());
  if (!owned)
    throw Stop{Failure(ExitStatus::Unusable, "bundle '" + bundleFolder + "': " + file + " is damaged: " + first)};
}

void Reference::openWeights(const Program &program, const std::string &bundleFolder, const std::string &given) {
  model = given;
  std::string name = program.info().source_file;
  if (model.empty()) {
    llvm::SmallString<128> beside(absolutePath(bundleFolder));
    while (!beside.empty() && llvm::sys::path::is_separator(beside.back()))
      beside.pop_back();
    llvm::sys::path::remove_filename(beside);
    llvm::sys::path::append(beside, name);
    for (const std::string &candidate : {beside.str().str(), name})
      if (model.empty() && !name.empty() && llvm::sys::fs::exists(candidate))
        model = candidate;
    if (model.empty())
      throw Stop{
          Failure(ExitStatus::Unusable, "the source model '" + name + "' is neither beside '" + bundleFolder +
                                            "' nor in the current folder; its weights are needed: give it by --model")};
  } else if (!llvm::sys::fs::exists(model)) {
    throw Stop{Failure(ExitStatus::Unusable, "there is no file '" + model + "'")};
  }
  if (llvm::StringRef expected = program.info().source_sha256; !expected.empty()) {
    std::string actual = sha256OfFile(model);
    if (expected != actual) {
      Failure failure(ExitStatus::Unusable,
                      "'" + model + "' is not the model that '" + bundleFolder + "' was compiled from: its SHA-256");
      failure.actual = actual;
      failure.required = expected.str();
      throw Stop{failure};
    }
  }
  folder = llvm::sys::path::parent_path(absolutePath(model)).str();
  llvm::SmallString<128> json(bundleFolder);
  llvm::sys::path::append(json, Calibration::jsonName);
  if (llvm::sys::fs::exists(json))
    calibration = json.str().str();
  weights = std::make_unique<WeightFiles>(orStop(WeightFiles::open(*owned, folder, calibration)));
}

std::vector<HostTensor>
Reference::interpret(const std::vector<HostTensor> &inputs,
                     std::function<llvm::Error(mlir::Operation *, const HostTensor &)> observe) {
  InterpretOptions options;
  StateValues states; // each run is the first
  options.states = &states;
  if (weights)
    options.readWeight = readWeight();
  options.observe = std::move(observe);
  // Rounding and pruning weights takes long, so it is done once for all runs.
  bool hasRecipes = false;
  owned->walk([&](mlir::Operation *op) {
    hasRecipes |= mlir::isa<ChooseScaleOp, PruneOp>(op) && isFromWeights(op->getOperand(0));
  });
  if (!weights || !hasRecipes)
    return orStop(sinter::interpret(*owned, inputs, options));
  if (!foldedWeights) {
    folded = mlir::OwningOpRef<mlir::ModuleOp>(owned->clone());
    foldedWeights = std::make_unique<FoldedWeights>(*folded, readWeight());
  }
  options.readWeight = [this](WeightOp weight) { return foldedWeights->read(weight); };
  return orStop(sinter::interpret(*folded, inputs, options));
}

std::vector<HostTensor> Reference::interpretRun(const Program &program, const std::vector<HostTensor> &inputs) {
  SymbolSizes sizes = program.sizesOf(inputs);
  auto main = owned->lookupSymbol<mlir::func::FuncOp>("main");
  std::vector<HostTensor> padded;
  auto next = inputs.begin();
  for (mlir::BlockArgument argument : main.getArguments()) {
    auto session = main.getArgAttrOfType<mlir::StringAttr>(argument.getArgNumber(), "sinter.session");
    if (session) {
      llvm::StringRef known = session.getValue();
      int64_t value = known.consume_front("size:") ? sizes.at(known.str()) : 0;
      padded.emplace_back(ElementType::I64, std::vector<int64_t>());
      std::memcpy(padded.back().data.data(), &value, sizeof value);
      continue;
    }
    auto type = mlir::cast<mlir::RankedTensorType>(argument.getType());
    bool isSized = type.hasStaticShape() && next->numElements() > 0 && next->type != ElementType::String &&
                   int64_t(next->dims.size()) == type.getRank() && type.getShape() != llvm::ArrayRef(next->dims);
    padded.push_back(isSized ? resizeTensor(*next, type.getShape()) : *next);
    ++next;
  }
  std::vector<HostTensor> outputs = interpret(padded);
  for (auto [output, value] : llvm::zip_equal(outputs, program.outputs())) {
    std::vector<int64_t> dims;
    for (auto [size, formula] : llvm::zip(output.dims, value.dims))
      dims.push_back(program.evaluate(formula, sizes).value_or(size));
    if (dims != output.dims)
      output = resizeTensor(output, dims);
  }
  return outputs;
}

bool Reference::followsNumerics() {
  return owned
      ->walk([](mlir::Operation *op) {
        return NumericsAttr::of(op) ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
      })
      .wasInterrupted();
}

bool Reference::quantizesActivations() {
  bool found = false;
  owned->walk([&](QuantizeOp op) { found |= !isFromWeights(op.getInput()); });
  return found;
}

std::vector<HostTensor> Reference::interpretOther(mlir::ModuleOp other, const std::vector<HostTensor> &inputs) {
  InterpretOptions options;
  if (weights)
    options.readWeight = [this](WeightOp weight) { return weights->read(weight); };
  return orStop(sinter::interpret(other, inputs, options));
}
