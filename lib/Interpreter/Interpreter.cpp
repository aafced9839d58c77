//===- Interpreter.cpp - Runs a module of named ops, slowly ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Interpreter.h"

#include "lib/Interpreter/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace sinter;

static const KernelTable &getKernels() {
  static const KernelTable table = [] {
    KernelTable kernels;
    addElementwiseKernels(kernels);
    addIndexingKernels(kernels);
    addProductKernels(kernels);
    addProgramKernels(kernels);
    addQuantizationKernels(kernels);
    addReductionKernels(kernels);
    addShapeKernels(kernels);
    addSparsityKernels(kernels);
    addTransformerKernels(kernels);
    return kernels;
  }();
  return table;
}

static const KernelTable &getNumericsKernels() {
  static const KernelTable table = [] {
    KernelTable kernels;
    addNumericsKernels(kernels);
    return kernels;
  }();
  return table;
}

bool sinter::hasKernel(llvm::StringRef opName) { return getKernels().find(opName); }

/// The first name in a location; locations of fused nodes have several.
static StringAttr findName(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName();
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (StringAttr name = findName(part))
        return name;
  return {};
}

std::string sinter::getNodeName(Operation *op) {
  StringAttr name = findName(op->getLoc());
  return name ? name.str() : op->getName().getStringRef().str();
}

llvm::Error Frame::fail(const llvm::Twine &message) const {
  std::string node = getNodeName(op);
  return Failure::make(ExitStatus::Unusable, "node '" + node + "': " + message).node(node);
}

llvm::Expected<std::vector<int64_t>> Frame::evaluate(llvm::ArrayRef<SizeExpr> sizes) const {
  std::vector<int64_t> values;
  for (const SizeExpr &size : sizes) {
    std::optional<int64_t> value = evaluateSize(size, symbols);
    if (!value)
      return fail("'" + size.str() + "' has no value at these sizes");
    values.push_back(*value);
  }
  return values;
}

llvm::Expected<HostTensor> sinter::interpretOp(Operation *op, llvm::ArrayRef<const HostTensor *> operands,
                                               const SymbolValues &symbols, const InterpretOptions &options) {
  const KernelTable &kernels = NumericsAttr::of(op) ? getNumericsKernels() : getKernels();
  const KernelTable::Function *kernel = kernels.find(op->getName().getStringRef());
  if (!kernel || op->getNumResults() != 1 || !hasSizes(op->getResult(0).getType()))
    return unsupported("the interpreter does not run '" + op->getName().getStringRef() + "' (node '" + getNodeName(op) +
                       "')");
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Frame frame{op, operands, symbols, options, toElementType(type.getElementType()), {}};
  llvm::Expected<std::vector<int64_t>> dims = frame.evaluate(getSizes(type));
  if (!dims)
    return dims.takeError();
  frame.resultDims = std::move(*dims);
  for (auto [size, text] : llvm::zip_equal(frame.resultDims, getSizes(type)))
    if (size < 0)
      return frame.fail("a size of the result, " + text.str() + ", is " + llvm::Twine(size));
  if (!countElements(frame.resultDims))
    return frame.fail("the result of sizes " + formatDims(frame.resultDims) + " is too large");
  llvm::Expected<HostTensor> result = (*kernel)(frame);
  // Kernels move the elements of strings as bytes.
  if (result && result->type == ElementType::String)
    for (const HostTensor *operand : operands)
      result->shareTexts(*operand);
  return result;
}

using SharedTensor = std::shared_ptr<HostTensor>;

/// Values that are read twice are computed once; the others are gone when their reader has run.
static llvm::Expected<SharedTensor> interpretRecipe(Value value, const InterpretOptions &options,
                                                    llvm::DenseMap<Value, SharedTensor> &known) {
  if (SharedTensor tensor = known.lookup(value))
    return tensor;
  Operation *op = value.getDefiningOp();
  if (!op)
    return internalError("a recipe reads what a run computes");
  llvm::SmallVector<SharedTensor> operands;
  llvm::SmallVector<const HostTensor *> pointers;
  for (Value operand : op->getOperands()) {
    llvm::Expected<SharedTensor> tensor = interpretRecipe(operand, options, known);
    if (!tensor)
      return tensor.takeError();
    pointers.push_back(tensor->get());
    operands.push_back(std::move(*tensor));
  }
  llvm::Expected<HostTensor> result = interpretOp(op, pointers, {}, options);
  if (!result)
    return result.takeError();
  auto shared = std::make_shared<HostTensor>(std::move(*result));
  if (!value.hasOneUse())
    known[value] = shared;
  return SharedTensor(shared);
}

llvm::Expected<HostTensor> sinter::interpretRecipe(Value value, const InterpretOptions &options) {
  llvm::DenseMap<Value, SharedTensor> known;
  llvm::Expected<SharedTensor> result = ::interpretRecipe(value, options, known);
  if (!result)
    return result.takeError();
  known.clear();
  return std::move(**result); // nobody else has it any more
}

namespace {

/// The values of one run of a function; each lives until its last user has run.
class Values {
public:
  explicit Values(Block &block) {
    for (Operation &op : block)
      for (Value operand : op.getOperands())
        ++usesLeft[operand];
  }
  void set(Value value, HostTensor tensor) {
    if (usesLeft.lookup(value))
      tensors[value] = std::make_unique<HostTensor>(std::move(tensor));
  }
  llvm::SmallVector<const HostTensor *> getOperands(Operation &op) {
    llvm::SmallVector<const HostTensor *> operands;
    for (Value operand : op.getOperands())
      operands.push_back(tensors.find(operand)->second.get());
    return operands;
  }
  void releaseOperands(Operation &op) {
    for (Value operand : op.getOperands())
      if (--usesLeft[operand] == 0)
        tensors.erase(operand);
  }

private:
  llvm::DenseMap<Value, unsigned> usesLeft;
  llvm::DenseMap<Value, std::unique_ptr<HostTensor>> tensors;
};

} // namespace

/// Runs the ops of a block, and returns what its terminator is given.
static llvm::Expected<std::vector<HostTensor>> runBlock(Block &block, llvm::ArrayRef<const HostTensor *> inputs,
                                                        const SymbolValues &symbols, const InterpretOptions &options) {
  Values values(block);
  for (auto [argument, input] : llvm::zip_equal(block.getArguments(), inputs))
    values.set(argument, *input);
  for (Operation &op : block.without_terminator()) {
    llvm::SmallVector<const HostTensor *> operands = values.getOperands(op);
    std::vector<HostTensor> results;
    if (auto kernel = dyn_cast<KernelOp>(op)) {
      llvm::Expected<std::vector<HostTensor>> yielded = runBlock(kernel.getBody().front(), operands, symbols, options);
      if (!yielded)
        return yielded.takeError();
      results = std::move(*yielded);
    } else {
      llvm::Expected<HostTensor> result = interpretOp(&op, operands, symbols, options);
      if (!result)
        return result.takeError();
      if (options.observe)
        if (llvm::Error error = options.observe(&op, *result))
          return std::move(error);
      results.push_back(std::move(*result));
    }
    values.releaseOperands(op);
    for (auto [value, result] : llvm::zip_equal(op.getResults(), results))
      values.set(value, std::move(result));
  }
  std::vector<HostTensor> results;
  for (const HostTensor *result : values.getOperands(*block.getTerminator()))
    results.push_back(*result);
  return results;
}

llvm::Expected<std::vector<HostTensor>> sinter::interpret(ModuleOp module, llvm::ArrayRef<HostTensor> inputs,
                                                          const InterpretOptions &options) {
  llvm::Expected<func::FuncOp> main = getMain(module);
  if (!main)
    return main.takeError();
  llvm::Expected<SymbolValues> symbols = bindSymbols(module, inputs);
  if (!symbols)
    return symbols.takeError();
  llvm::SmallVector<const HostTensor *> pointers;
  for (const HostTensor &input : inputs)
    pointers.push_back(&input);
  return runBlock(main->getBody().front(), pointers, *symbols, options);
}
