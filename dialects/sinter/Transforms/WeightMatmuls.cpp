//===- WeightMatmuls.cpp - Products by weights, and what they are called --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/WeightMatmuls.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace sinter;

namespace {

/// Remembers what it found: recipes share their operands.
class Origins {
public:
  bool isFromWeights(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || isa<StringType>(sinter::getElementType(value)))
      return false;
    if (isa<ParameterOp, ConstantOp>(op))
      return true;
    auto [place, isNew] = known.try_emplace(op, false);
    if (!isNew)
      return place->second;
    bool result = op->getNumOperands() > 0 && op->getNumRegions() == 0 && isPure(op) &&
                  cast<RankedTensorType>(value.getType()).hasStaticShape() &&
                  llvm::all_of(op->getOperands(), [&](Value operand) { return isFromWeights(operand); });
    return known[op] = result;
  }

private:
  DenseMap<Operation *, bool> known;
};

} // namespace

bool sinter::isFromWeights(Value value) { return Origins().isFromWeights(value); }

std::vector<WeightMatmul> sinter::findWeightMatmuls(func::FuncOp main) {
  std::vector<WeightMatmul> found;
  Origins origins;
  llvm::StringMap<unsigned> uses;
  main.walk([&](MatmulOp matmul) {
    Value rhs = matmul.getRhs();
    if (!isa<FloatType>(getElementType(rhs)) || getRank(rhs) != 2 || !origins.isFromWeights(rhs) ||
        origins.isFromWeights(matmul.getLhs()))
      return;
    auto location = matmul.getLoc()->findInstanceOf<NameLoc>();
    std::string name = location ? location.getName().str() : matmul->getName().getStringRef().str();
    unsigned use = ++uses[name];
    found.push_back({matmul, use == 1 ? name : name + "#" + std::to_string(use)});
  });
  return found;
}
