//===- LowerFunctions.cpp - Functions as chains of ALUs -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/stream/Lowering/Functions.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

VectorOperand GraphLowering::addInput(Chain &chain, const RowsOf &rows) {
  for (auto [i, input] : llvm::enumerate(chain.inputs))
    if (!(chain.program.takesProduct && i == 0) && input.tensor == rows.tensor && input.vector == rows.vector)
      return VectorOperand::input(i);
  chain.inputs.push_back(rows);
  return VectorOperand::input(chain.program.addInput(Element::Float32));
}

Value GraphLowering::findProduct(Value value) const {
  auto found = values.find(value);
  if (found == values.end() || found->second.f32)
    return {};
  if (found->second.product)
    return value;
  for (Value operand : value.getDefiningOp()->getOperands())
    if (Value product = findProduct(operand))
      return product;
  return {};
}

Value GraphLowering::findSecondProduct(Value value, Value first) const {
  auto found = values.find(value);
  if (found == values.end() || found->second.f32 || value == first)
    return {};
  if (found->second.product)
    return value;
  for (Value operand : value.getDefiningOp()->getOperands())
    if (Value product = findSecondProduct(operand, first))
      return product;
  return {};
}

VectorOperand GraphLowering::addValue(Chain &chain, Value value, unsigned vector, const Matrix &matrix,
                                      ArrayRef<LanePart> parts) {
  if (auto known = chain.known.find(value); known != chain.known.end())
    return known->second;
  if (std::optional<float> number = getSplat(value))
    return VectorOperand::constant(*number);
  if (isFromWeights(value)) {
    bool isRow = cast<RankedTensorType>(value.getType()).getNumElements() == matrix.columns;
    return addInput(chain, {constants.addRows(value, isRow ? 1 : matrix.rows, parts), vector, 0, isRow ? 0 : 1});
  }
  const ChipValue &chip = values.find(value)->second;
  VectorOperand operand;
  if (chip.f32) {
    if (!isSame(chip.parts, parts))
      isMixed = true;
    operand = addInput(chain, {*chip.f32, vector, 0, chip.matrix.rows == 1 ? 0 : 1});
  } else {
    auto op = cast<ElementwiseOp>(value.getDefiningOp());
    SmallVector<VectorOperand, 3> operands;
    for (Value from : op.getOperands())
      operands.push_back(addValue(chain, from, vector, matrix, parts));
    operand = *addFunction(chain.program, op.getKind(), operands);
  }
  chain.known[value] = operand;
  return operand;
}

std::optional<float> GraphLowering::getSplat(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || !elements.isSplat() || !elements.getElementType().isF32())
    return std::nullopt;
  return elements.getSplatValue<float>();
}

GraphLowering::Chain GraphLowering::beginChain(Value product, unsigned vector, ArrayRef<LanePart> columns) {
  Chain chain;
  if (!product)
    return chain;
  chain.product = &values.find(product)->second;
  QuantizedMatmulOp codes = chain.product->product->codes;
  chain.program.takesProduct = true;
  chain.program.addInput(codes ? Element::Int32 : Element::Float32);
  chain.inputs.push_back({});
  VectorOperand sum = VectorOperand::input(0);
  if (codes) {
    // The steps of sinter.quantized_matmul.
    if (int32_t zeroPoint = chain.product->product->zeroPoint) {
      chain.inputs.push_back({constants.addColumnSums(codes.getRhs(), -zeroPoint, columns), vector, 0, 0});
      VectorOperand sums = VectorOperand::input(chain.program.addInput(Element::Int32));
      sum = chain.program.add(AluOp::Add, Element::Int32, sum, sums);
    }
    sum = chain.program.convert(Element::Int32, Element::Float32, sum);
    Value scales = codes.getRhsScale();
    VectorOperand scale = addInput(chain, {constants.addRows(scales, 1, columns), vector, 0, 0});
    sum = chain.program.add(AluOp::Mul, Element::Float32, sum, scale);
    sum = chain.program.add(AluOp::Mul, Element::Float32, sum, VectorOperand::constant(chain.product->product->scale));
  }
  chain.known[product] = sum;
  return chain;
}

void GraphLowering::materialize(Value value) {
  ChipValue &chip = values.find(value)->second;
  Operation *op = value.getDefiningOp();
  chip.parts = chooseParts(value);
  if (chip.parts.empty())
    return refuse(op, "a head of more than " + std::to_string(model.halfLanes()) + " elements");
  // One product begins a chain: others, as that by which a gate is multiplied, go to memory first.
  while (Value second = findSecondProduct(value, findProduct(value)))
    materialize(second);
  Value product = findProduct(value);
  std::vector<Chain> chains;
  for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector) {
    chains.push_back(beginChain(product, vector, chip.parts));
    chains.back().value = addValue(chains.back(), value, vector, chip.matrix, chip.parts);
  }
  std::string node = getNodeName(op);
  std::vector<Written> results = addResults(value, chip);
  size_t first = program.tasks.size();
  for (auto [vector, chain] : llvm::enumerate(chains)) {
    std::vector<RowsOf> targets;
    addWrites(chain, chain.value, vector, results, targets);
    addTasks(chain, chip.matrix, vector, chip.parts, targets, node);
  }
  cutRows(first);
  chip.product = std::nullopt;
  if (std::exchange(isMixed, false))
    refuse(op, "a function of tensors whose heads lie differently");
}

void GraphLowering::lowerElementwise(ElementwiseOp op) {
  Matrix matrix = getMatrix(op.getResult());
  SmallVector<VectorOperand, 3> operands(op.getNumOperands());
  VectorProgram scratch;
  if (!addFunction(scratch, op.getKind(), operands))
    return refuse(op, "function '" + stringifyElementwiseKind(op.getKind()) + "' is not among the chip's");
  if (wantsRows(op))
    return lowerByRows(op);
  ChipValue value;
  value.matrix = matrix;
  values[op.getResult()] = value;
  finish(op.getResult());
}

void GraphLowering::addByVectors(Operation *op, const ChipValue &x, const ChipValue *product, const std::string &node,
                                 llvm::function_ref<void(Chain &, unsigned, unsigned, std::vector<RowsOf> &)> build) {
  unsigned numVectors = countVectors(x.parts);
  for (unsigned first = 0; first < numVectors;) {
    unsigned last = numVectors;
    for (; last > first; --last) {
      Chain chain;
      if (product) {
        chain.program.takesProduct = true;
        chain.program.addInput(Element::Float32);
        chain.inputs.push_back({});
        chain.product = product;
      }
      std::vector<RowsOf> targets;
      build(chain, first, last, targets);
      if (!layOut(chain.program, model))
        continue;
      addTasks(chain, x.matrix, first, x.parts, targets, node);
      break;
    }
    if (last == first)
      return refuse(op, "it takes more than the " + std::to_string(model.alus) + " ALUs that there are");
    first = last;
  }
}
