//===- FirstDifference.cpp - The first node that computes something else --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/FirstDifference.h"
#include "dialects/sinter/IR/Sinter.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "include/sinter/Compiler.h"
#include "lib/Pipeline/PhaseDriver.h"
#include "lib/Support/AtomicOutput.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace sinter;
using namespace sinter::tool;

/// Values above this many bytes in all are not looked into.
static const int64_t largestTrace = int64_t(4) << 30;

/// Makes every value that main computes an output of it; returns the nodes, in the order of the outputs.
static std::vector<std::string> exposeValues(mlir::ModuleOp module) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  mlir::Operation *end = main.getBody().front().getTerminator();
  std::vector<std::string> nodes;
  llvm::SmallVector<mlir::Value> values;
  // What follows from weights alone is the same in both. Codes have no type outside the program; what is made of them
  // has.
  for (mlir::Operation &op : main.getBody().front())
    if (op.getNumResults() == 1 && !isFromWeights(op.getResult(0)) &&
        !mlir::isa<QuantizedType>(getElementType(op.getResult(0)))) {
      values.push_back(op.getResult(0));
      nodes.push_back(getNodeName(&op));
    }
  end->setOperands(values);
  mlir::OpBuilder builder(module.getContext());
  llvm::SmallVector<mlir::Attribute> names;
  llvm::SmallVector<mlir::Type> types;
  for (size_t i = 0; i < values.size(); ++i) {
    names.push_back(builder.getDictionaryAttr(
        builder.getNamedAttr("sinter.name", builder.getStringAttr("value_" + std::to_string(i)))));
    types.push_back(values[i].getType());
  }
  main.setType(builder.getFunctionType(main.getArgumentTypes(), types));
  main.setResAttrsAttr(builder.getArrayAttr(names));
  return nodes;
}

std::optional<std::string> tool::findFirstDifference(Reference &reference, const std::string &target,
                                                     const std::string &variant, const std::vector<HostTensor> &inputs,
                                                     const VerifyOptions &options) {
  int64_t bytes = 0;
  reference.interpret(inputs, [&](mlir::Operation *, const HostTensor &value) {
    bytes += int64_t(value.data.size());
    return llvm::Error::success();
  });
  if (bytes > largestTrace)
    return std::nullopt;

  mlir::OwningOpRef<mlir::ModuleOp> exposed(reference.module().clone());
  std::vector<std::string> nodes = exposeValues(*exposed);
  TemporaryFolder temporary = orStop(TemporaryFolder::create());
  CompileRequest request;
  request.model = temporary.file("exposed.mlir");
  request.out = temporary.file("bundle");
  request.targets = {{target, {variant}}};
  request.calibration = reference.calibrationPath();
  setPhase(*exposed, Phase::Sparse);
  orStop(writeModule(*exposed, request.model, reference.weightsFolder()));
  orStop(compile(request, *exposed->getContext()));

  Program program(request.out);
  std::vector<HostTensor> actual = runOnce(program, inputs, options.numThreads);
  std::vector<HostTensor> expected = reference.interpretOther(*exposed, inputs);
  bool byCosine = reference.quantizesActivations();
  for (size_t i = 0; i < expected.size(); ++i)
    if (!compareOutput(actual[i], expected[i], options, byCosine).matches)
      return nodes[i];
  return std::nullopt;
}
