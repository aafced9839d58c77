//===- LowerHeads.cpp - Attention, from values to heads -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

void GraphLowering::lowerOp(AttentionOp op) {
  auto mask = dyn_cast_if_present<BlockArgument>(op.getBias());
  if (op.getCausal() || (op.getBias() && !mask && !isFromWeights(op.getBias())))
    return refuse(op, "attention with a mask that the chip computes");
  StringRef maskName;
  if (mask)
    maskName = function.getArgAttrOfType<StringAttr>(mask.getArgNumber(), "sinter.name").getValue();
  AttentionSizes sizes = sizesOf(op);
  AttentionTensors tensors;
  unsigned (*forms[])[2] = {&tensors.query, &tensors.key, &tensors.value};
  for (auto [i, operand] : llvm::enumerate(op.getOperands().take_front(3))) {
    HeadForm form = {op, static_cast<unsigned>(i)};
    if (layOutFor(form).empty())
      return refuse(op, "a head of more than " + std::to_string(model.halfLanes()) + " elements");
    const ChipValue &chip = values.find(operand)->second;
    bool isThere = chip.heads[0] && isSameForm(*chip.headForm, form);
    std::array<unsigned, 2> heads =
        isThere ? std::array<unsigned, 2>{*chip.heads[0], *chip.heads[1]} : makeHeads(operand, form);
    llvm::copy(heads, *forms[i]);
  }
  std::optional<std::vector<LanePart>> parts = layOutHeads(sizes.heads, sizes.valueSize, 1, model);
  if (!parts)
    return refuse(op, "a head of more than " + std::to_string(model.halfLanes()) + " elements");
  ChipValue &chip = values[op.getResult()];
  chip.matrix = {sizes.batches * sizes.queries, sizes.heads * sizes.valueSize};
  chip.parts = *parts;
  std::vector<Written> results = addResults(op.getResult(), chip);
  std::string node = getNodeName(op);
  lowerAttention(program, constants, model, sizes, tensors, op.getBias(), maskName, node,
                 [&](unsigned vector, int64_t row, int64_t rows, std::vector<ProductTile> tiles) {
                   Chain chain;
                   chain.program.takesProduct = true;
                   chain.inputs.push_back({});
                   VectorOperand x = VectorOperand::input(chain.program.addInput(Element::Float32));
                   std::vector<RowsOf> targets;
                   addWrites(chain, x, vector, results, targets);
                   program.tasks.push_back({true, std::move(tiles), rows,
                                            std::make_shared<VectorProgram>(chain.program), chain.inputs,
                                            moveRows(targets, row), node});
                   program.tasks.back().scatters = moveScatters(chain.scatters, row);
                 });
}

ChipValue GraphLowering::layOutHeadsOf(Value value, const HeadForm &form) {
  std::vector<LanePart> parts = layOutFor(form);
  inMemory(value);
  Layout from = layoutOf(value), to = Layout::make(from.sizes(), {false, false, true, true});
  ChipValue chip = values.find(value)->second;
  if (isSame(chip.parts, parts) && from.isSame(to))
    return chip;
  ChipValue copy = makeValue(to, parts, "heads");
  copyElements({{&chip, from, to}}, copy, "heads");
  return copy;
}

std::array<unsigned, 2> GraphLowering::makeHeads(Value value, const HeadForm &form) {
  ChipValue chip = layOutHeadsOf(value, form);
  std::vector<Written> results = addHeads(chip, form, "heads");
  addForms(chip, results, "heads");
  return {*chip.heads[0], *chip.heads[1]};
}

std::vector<Written> GraphLowering::addHeads(ChipValue &chip, const HeadForm &form, const std::string &name) {
  std::vector<Written> results;
  chip.headForm = form;
  for (Hemisphere half : bothSides) {
    unsigned index = static_cast<unsigned>(half);
    chip.heads[index] = addTemporary(name, Element::Float16, chip, half);
    StreamTensor &tensor = program.tensors[*chip.heads[index]];
    if (form.operand != 1) { // what becomes columns
      tensor.shape.interleave = model.rowsPerLoad(/*isFloat16=*/true);
      AttentionRuns runs(sizesOf(form.op), model);
      tensor.shape.run = form.operand == 0 ? runs.queries : runs.keys;
      tensor.isPadded = tensor.shape.run == 1; // longer ones are whole
    }
    results.push_back({*chip.heads[index], Element::Float16});
    if (form.operand == 0)
      results.back().scale = static_cast<float>(AttentionOp(form.op).getScale().convertToDouble());
  }
  return results;
}
