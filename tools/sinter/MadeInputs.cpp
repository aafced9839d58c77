//===- MadeInputs.cpp - Inputs for programs that nobody gave inputs for -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/MadeInputs.h"
#include "dialects/sinter/IR/Sinter.h"
#include "lib/Support/NarrowElements.h"
#include "tools/sinter/Console.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallPtrSet.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace sinter;
using namespace sinter::tool;

namespace {

/// Numbers that are the same on every machine (SplitMix64, Steele, Lea and Flood 2014).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  int64_t below(int64_t bound) { return int64_t(next() % uint64_t(bound)); }
  double normal() {
    double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * 3.14159265358979323846 * uniform());
  }

private:
  uint64_t state;
};

template <typename T> void put(HostTensor &tensor, size_t index, T value) {
  std::memcpy(tensor.data.data() + index * sizeof(T), &value, sizeof(T));
}

void putDouble(HostTensor &tensor, size_t index, double value) {
  if (isNarrowFloat(tensor.type)) // f8e8m0 has no negative numbers
    return put(tensor, index,
               doubleToNarrow(tensor.type == ElementType::F8E8M0 ? std::fabs(value) : value, tensor.type));
  switch (tensor.type) {
  case ElementType::F16:
    return put(tensor, index, doubleToHalf(value));
  case ElementType::BF16:
    return put(tensor, index, doubleToBfloat16(value));
  case ElementType::F32:
    return put(tensor, index, float(value));
  default:
    return put(tensor, index, value);
  }
}

void putInteger(HostTensor &tensor, size_t index, int64_t value) {
  if (elementBits(tensor.type) < 8)
    return put(tensor, index, wrapToNarrow(value, tensor.type));
  // Little-endian: the low bytes of the value are the element.
  std::memcpy(tensor.data.data() + index * elementSize(tensor.type), &value, elementSize(tensor.type));
}

/// The operand of an op that holds positions, and the op's operand and axis that they are positions of.
struct PositionUse {
  unsigned indices, data;
  int64_t axis;
};

std::optional<PositionUse> positionUse(mlir::Operation *op) {
  if (auto gather = mlir::dyn_cast<GatherOp>(op))
    return PositionUse{1, 0, int64_t(gather.getAxis())};
  if (auto gather = mlir::dyn_cast<GatherElementsOp>(op))
    return PositionUse{1, 0, int64_t(gather.getAxis())};
  if (auto gather = mlir::dyn_cast<GatherNdOp>(op))
    return PositionUse{1, 0, int64_t(gather.getBatchDims())};
  if (auto scatter = mlir::dyn_cast<ScatterElementsOp>(op))
    return PositionUse{1, 0, int64_t(scatter.getAxis())};
  if (mlir::isa<ScatterNdOp>(op))
    return PositionUse{1, 0, 0};
  return std::nullopt;
}

bool isInteger(mlir::Value value) {
  auto type = mlir::dyn_cast<mlir::RankedTensorType>(value.getType());
  return type && type.getElementType().isInteger() && !type.getElementType().isInteger(1);
}

void followInteger(mlir::Value value, InputUse &use, llvm::SmallPtrSetImpl<void *> &seen) {
  if (!isInteger(value) || !seen.insert(value.getAsOpaquePointer()).second)
    return;
  for (mlir::OpOperand &operand : value.getUses()) {
    mlir::Operation *op = operand.getOwner();
    if (std::optional<PositionUse> position = positionUse(op);
        position && operand.getOperandNumber() == position->indices) {
      use.isIndex = true;
      if (std::optional<int64_t> length = getSize(op->getOperand(position->data), position->axis).constant())
        use.tableLength = std::min(use.tableLength.value_or(*length), *length);
      continue;
    }
    for (mlir::Value result : op->getResults())
      followInteger(result, use, seen);
  }
}

/// Sets the inputs of a range of floats so that it has `length` elements, the last of which lies half a step before its
/// limit: no rounding changes their number.
void makeRange(llvm::ArrayRef<ProgramSymbol::RangeOperand> range, int64_t length, std::vector<HostTensor> &inputs) {
  double start = range[0].number, limit = range[1].number, delta = range[2].number, steps = double(length) - 0.5;
  if (range[2].input)
    delta = range[0].input || range[1].input ? 1 : (limit - start) / steps;
  if (range[1].input)
    limit = start + steps * delta;
  else if (range[0].input)
    start = limit - steps * delta;
  for (unsigned i = 0; i < 3; ++i)
    if (range[i].input && inputs[*range[i].input].numElements() > 0)
      putDouble(inputs[*range[i].input], 0, i == 0 ? start : i == 1 ? limit : delta);
}

} // namespace

std::vector<InputUse> tool::findUses(mlir::ModuleOp reference, const Program &program) {
  std::vector<InputUse> uses(program.inputs().size());
  if (auto main = reference.lookupSymbol<mlir::func::FuncOp>("main"))
    for (unsigned i = 0; i < std::min<unsigned>(uses.size(), main.getNumArguments()); ++i) {
      llvm::SmallPtrSet<void *, 16> seen;
      followInteger(main.getArgument(i), uses[i], seen);
    }
  for (const ProgramSymbol &symbol : program.symbols())
    if (symbol.fromElement && symbol.range.empty())
      uses[symbol.input].sizes.push_back({symbol.position, symbol.name});
  return uses;
}

std::vector<HostTensor> tool::makeInputs(const Program &program, const std::vector<InputUse> &uses,
                                         const SymbolSizes &sizes, const MakeOptions &options) {
  std::vector<HostTensor> inputs;
  for (unsigned i = 0; i < program.inputs().size(); ++i) {
    const ProgramValue &value = program.inputs()[i];
    std::vector<int64_t> dims;
    for (const std::string &formula : value.dims) {
      std::optional<int64_t> size = program.evaluate(formula, sizes);
      if (!size || *size < 0)
        throw Stop{Failure(ExitStatus::Unusable,
                           "input '" + value.name + "': its size " + formula + " has no value; give sizes by --dim")};
      dims.push_back(*size);
    }
    if (!countElements(dims) || *countElements(dims) > (int64_t(1) << 36))
      throw Stop{Failure(ExitStatus::Unusable, "input '" + value.name + "' is too large to be made")};
    HostTensor tensor(value.type, dims);
    Random random(options.seed * 1000003 + i);
    if (value.type == ElementType::String) {
      // Digits: what a cast can read, and short enough that some are equal.
      std::vector<std::string> texts;
      for (size_t e = 0, count = size_t(tensor.numElements()); e < count; ++e)
        texts.push_back(std::to_string(random.below(100)));
      inputs.push_back(HostTensor::ofStrings(std::move(texts), std::move(dims)));
      continue;
    }
    const InputUse &use = uses[i];
    for (size_t e = 0, count = size_t(tensor.numElements()); e < count; ++e) {
      if (isFloatType(value.type))
        putDouble(tensor, e, random.normal());
      else if (use.isIndex)
        putInteger(tensor, e,
                   random.below(std::max<int64_t>(1, std::min(use.tableLength.value_or(2), int64_t(1) << 31))));
      else
        putInteger(tensor, e, options.onesInMasks || random.below(4) != 0);
    }
    for (const auto &[position, name] : use.sizes)
      if (auto found = sizes.find(name); found != sizes.end() && position < uint64_t(tensor.numElements()))
        isFloatType(value.type) ? putDouble(tensor, position, double(found->second))
                                : putInteger(tensor, position, found->second);
    inputs.push_back(std::move(tensor));
  }
  for (const ProgramSymbol &symbol : program.symbols())
    if (auto found = sizes.find(symbol.name); found != sizes.end() && !symbol.range.empty())
      makeRange(symbol.range, found->second, inputs);
  return inputs;
}

int64_t tool::typicalSize(const ProgramSymbol &symbol) {
  return symbol.typical.value_or(std::max<int64_t>(symbol.lowest, symbol.fromElement ? 0 : 1));
}

SymbolSizes tool::chooseSizes(const Program &program, const std::vector<std::pair<std::string, int64_t>> &given,
                              llvm::function_ref<int64_t(const ProgramSymbol &)> choose) {
  SymbolSizes sizes;
  for (const auto &[name, value] : given) {
    const ProgramSymbol &symbol = program.findSymbol(name);
    if (value < symbol.lowest || (symbol.highest && value > *symbol.highest)) {
      Failure failure(ExitStatus::Unusable, "--dim: '" + name + "' cannot be " + std::to_string(value));
      failure.required =
          "from " + std::to_string(symbol.lowest) + (symbol.highest ? " to " + std::to_string(*symbol.highest) : " on");
      throw Stop{failure};
    }
    sizes[symbol.name] = value;
  }
  for (const ProgramSymbol &symbol : program.symbols())
    if (!symbol.ofSession && !sizes.count(symbol.name))
      sizes[symbol.name] = choose(symbol);
  return sizes;
}
