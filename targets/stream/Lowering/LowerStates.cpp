//===- LowerStates.cpp - What lasts from run to run -----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A state of keys or values lies in memory as attention reads it, all of its positions,
// in both hemispheres. New rows are scattered into it as they are computed: each comes
// with a number, and the one strip that has a row of that number takes it. Values are
// dealt out to several strips, since they become columns of arrays; the number of row
// r is then
//
//   r mod strips * (words of a strip + 1) + r div strips
//
// so that a row behind the last has a number that no strip has. The host gives positions;
// the chip makes numbers of them. Whatever the positions are, the same cycles pass.
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

void GraphLowering::addStates() {
  auto module = function->getParentOfType<ModuleOp>();
  llvm::StringMap<UpdateStateOp> updates;
  function.walk([&](UpdateStateOp update) { updates[update.getState()] = update; });
  for (StateOp state : module.getOps<StateOp>())
    if (UpdateStateOp update = updates.lookup(state.getSymName()))
      addState(state, update);
}

void GraphLowering::addState(StateOp state, UpdateStateOp update) {
  auto type = cast<RankedTensorType>(state.getType());
  std::optional<HeadForm> form = findHeadForm(update.getResult());
  auto isOther = [&](OpOperand &use) {
    auto attention = dyn_cast<AttentionOp>(use.getOwner());
    return !attention || !isSameForm(*form, {attention, use.getOperandNumber()});
  };
  if (!form || form->operand == 0 || anyUse(update.getResult(), isOther))
    return refuse(update, "a state that is read by other ops than attention, or in several ways");
  if (type.getRank() != 4 || state.getAxis() != 1 || type.getDimSize(0) != 1 || !type.getElementType().isF32())
    return refuse(update, "a state that is not of f32 and sizes [1, positions, heads, head size]");
  if (!isa<BlockArgument>(update.getPositions()))
    return refuse(update, "a state whose positions the chip computes");
  ChipValue &chip = values[update.getResult()];
  chip.headForm = form;
  chip.matrix = {type.getDimSize(1), static_cast<unsigned>(type.getDimSize(2) * type.getDimSize(3))};
  chip.parts = layOutFor(*form);
  if (chip.parts.empty())
    return refuse(update, "a head of more than " + std::to_string(model.halfLanes()) + " elements");
  for (Hemisphere half : bothSides) {
    unsigned tensor =
        addTensor(StreamTensor::State, (state.getSymName() + (half == Hemisphere::East ? ".east" : ".west")).str(),
                  Element::Float16, chip.matrix.rows, chip.parts, half);
    chip.heads[static_cast<unsigned>(half)] = tensor;
    if (form->operand == 1)
      continue;
    program.tensors[tensor].shape.interleave = model.rowsPerLoad(/*isFloat16=*/true);
    program.tensors[tensor].isPadded = true;
  }
  const StreamTensor &tensor = program.tensors[*chip.heads[0]];
  unsigned words = tensor.shape.wordsPerStrip() + tensor.isPadded, strips = tensor.shape.interleave;
  if (words > model.wordsPerBank() || tensor.shape.firstNumber(strips) > unsigned(std::numeric_limits<int16_t>::max()))
    return refuse(update, "a state of " + std::to_string(chip.matrix.rows) + " positions; there is room for " +
                              std::to_string(model.wordsPerBank() - 1) + ", the words of a bank");
  if (!llvm::isPowerOf2_64(strips))
    return refuse(update, "a state of values on a chip that loads " + std::to_string(strips) +
                              " columns at once, which is no power of 2");
}

void GraphLowering::addUpdates(UpdateStateOp op, std::vector<Written> &results) {
  updated.insert(op);
  auto found = values.find(op.getResult());
  if (found == values.end()) // it was refused
    return;
  for (std::optional<unsigned> state : found->second.heads) {
    results.push_back({*state, Element::Float16});
    results.back().numbers = addNumbers(op, program.tensors[*state]);
  }
}

unsigned GraphLowering::addNumbers(UpdateStateOp op, const StreamTensor &state) {
  auto argument = cast<BlockArgument>(op.getPositions());
  Hemisphere from = opposite(state.side);
  int64_t rows = cast<RankedTensorType>(argument.getType()).getNumElements();
  unsigned strips = state.shape.interleave, step = state.shape.firstNumber(1);
  unsigned positions = addIndices(argument, rows, from);
  if (strips == 1)
    return positions;
  auto [known, isNew] = numbers.try_emplace({argument.getArgNumber(), from, step});
  if (!isNew)
    return known->second;
  unsigned made = addTensor(StreamTensor::Temporary, getNodeName(op), Element::Int16, rows,
                            TensorShape::denseParts(model.lanes(), model), from);
  auto function = std::make_shared<VectorProgram>();
  VectorOperand r = VectorOperand::input(function->addInput(Element::Int16));
  r = function->convert(Element::Int16, Element::Int32, r);
  auto with = [&](AluOp kind, VectorOperand x, uint32_t number) {
    return function->add(kind, Element::Int32, x, VectorOperand::constant(number));
  };
  VectorOperand strip = with(AluOp::Mul, with(AluOp::And, r, strips - 1), step);
  VectorOperand word = with(AluOp::ShiftRight, r, llvm::Log2_32(strips));
  VectorOperand number = function->add(AluOp::Add, Element::Int32, strip, word);
  function->results = {function->convert(Element::Int32, Element::Int16, number).index};
  program.tasks.push_back({false, {}, rows, function, {{positions, 0, 0, 1}}, {{made, 0, 0, 1}}, getNodeName(op)});
  return known->second = made;
}

/// Rows are written with the value that they are, or else from memory.
void GraphLowering::lowerUpdateState(UpdateStateOp op) {
  std::optional<HeadForm> form = findHeadForm(op.getResult());
  if (!form || updated.contains(op))
    return;
  ChipValue chip = layOutHeadsOf(op.getRows(), *form);
  std::vector<Written> results;
  addUpdates(op, results);
  addForms(chip, results, getNodeName(op));
}
