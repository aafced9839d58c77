//===- ExtractParts.cpp - A part of a model as a program of its own -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Transforms/ExtractParts.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "include/sinter/Phases.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

static func::FuncOp mainOf(ModuleOp module) { return module.lookupSymbol<func::FuncOp>("main"); }

SmallVector<KernelOp> sinter::stream::findKernels(ModuleOp module, StringRef kind) {
  SmallVector<KernelOp> found;
  for (KernelOp kernel : mainOf(module).getOps<KernelOp>())
    if (kernel.getKind() == kind)
      found.push_back(kernel);
  return found;
}

/// Puts a kernel's ops in its place; returns what its results are.
static SmallVector<Value> inlineKernel(KernelOp kernel) {
  Block &body = kernel.getBody().front();
  for (auto [argument, operand] : llvm::zip_equal(body.getArguments(), kernel.getInputs()))
    argument.replaceAllUsesWith(operand);
  Operation *yield = body.getTerminator();
  SmallVector<Value> results(yield->getOperands());
  for (Operation &op : llvm::make_early_inc_range(body.without_terminator()))
    op.moveBefore(kernel);
  return results;
}

/// Makes `results` what @main returns, and removes what they do not need.
static void setResults(func::FuncOp main, ArrayRef<Value> results, ArrayRef<Attribute> resultAttributes,
                       ArrayRef<Attribute> argumentAttributes) {
  Block &body = main.getBody().front();
  body.getTerminator()->setOperands(results);
  SmallVector<Operation *> ops;
  for (Operation &op : body.without_terminator())
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty())
      op->erase();
  Builder builder(main.getContext());
  main.setType(builder.getFunctionType(body.getArgumentTypes(), ValueRange(results).getTypes()));
  main.setArgAttrsAttr(builder.getArrayAttr(argumentAttributes));
  main.setResAttrsAttr(builder.getArrayAttr(resultAttributes));
}

static Attribute nameAttributes(Builder &builder, StringRef name) {
  return builder.getDictionaryAttr(builder.getNamedAttr("sinter.name", builder.getStringAttr(name)));
}

ChipPart sinter::stream::extractChip(ModuleOp module) {
  ChipPart part;
  part.module = OwningOpRef<ModuleOp>(module.clone());
  func::FuncOp original = mainOf(module), main = mainOf(*part.module);
  KernelOp originalKernel = findKernels(module, "chip").front(), kernel = findKernels(*part.module, "chip").front();
  Block &body = main.getBody().front();
  Builder builder(main.getContext());
  llvm::StringSet<> names;
  for (unsigned i = 0; i < original.getNumArguments(); ++i)
    names.insert(original.getArgAttrOfType<StringAttr>(i, "sinter.name").getValue());

  unsigned oldArguments = main.getNumArguments();
  SmallVector<Attribute> arguments, resultNames;
  for (auto [i, value] : llvm::enumerate(originalKernel.getInputs())) {
    if (isFromWeights(value))
      continue;
    std::string name;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      name = original.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "sinter.name").str();
    } else {
      name = "host." + std::to_string(part.arguments.size());
      while (!names.insert(name).second)
        name += "'";
    }
    arguments.push_back(nameAttributes(builder, name));
    kernel->setOperand(i, body.addArgument(value.getType(), value.getLoc()));
    part.arguments.push_back(value);
  }
  SmallVector<Value> made = inlineKernel(kernel), results;
  for (auto [i, value] : llvm::enumerate(original.getBody().front().getTerminator()->getOperands()))
    if (value.getDefiningOp() == originalKernel) {
      part.results.push_back(i);
      results.push_back(made[cast<OpResult>(value).getResultNumber()]);
      resultNames.push_back(
          nameAttributes(builder, original.getResultAttrOfType<StringAttr>(i, "sinter.name").getValue()));
    }
  setResults(main, results, resultNames, SmallVector<Attribute>(body.getNumArguments(), builder.getDictionaryAttr({})));
  body.eraseArguments(0, oldArguments);
  main.setType(builder.getFunctionType(body.getArgumentTypes(), main.getResultTypes()));
  main.setArgAttrsAttr(builder.getArrayAttr(arguments));
  return part;
}

std::optional<HostPart> sinter::stream::extractHost(ModuleOp module) {
  if (findKernels(module, "host").empty())
    return std::nullopt;
  HostPart part;
  part.module = OwningOpRef<ModuleOp>(module.clone());
  func::FuncOp main = mainOf(*part.module);
  KernelOp originalKernel = findKernels(module, "host").front(), kernel = findKernels(*part.module, "host").front();
  SmallVector<Value> made = inlineKernel(kernel), results;
  Builder builder(main.getContext());
  SmallVector<Attribute> resultNames, arguments;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    arguments.push_back(main.getArgAttrDict(i));
  for (auto [result, value] : llvm::zip_equal(originalKernel.getResults(), made)) {
    auto add = [&, result = result, value = value](std::optional<unsigned> number) {
      part.results.push_back({result, number});
      results.push_back(value);
      resultNames.push_back(nameAttributes(builder, "host." + std::to_string(resultNames.size())));
    };
    bool isRead = false;
    for (OpOperand &use : result.getUses()) {
      if (isa<func::ReturnOp>(use.getOwner()))
        add(use.getOperandNumber());
      else
        isRead = true;
    }
    if (isRead)
      add(std::nullopt);
  }
  setResults(main, results, resultNames, arguments);
  for (StateOp state : llvm::make_early_inc_range(part.module->getOps<StateOp>()))
    state.erase(); // the chip's
  (*part.module)->setAttr("sinter.phase", builder.getStringAttr(stringifyPhase(Phase::Sparse)));
  return part;
}
