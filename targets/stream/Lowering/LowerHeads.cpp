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
    const ChipValue &chip = values.find(operand)->second;
    if (!chip.heads[0])
      return refuse(op, "attention of an input, or of a value that another attention reads");
    for (unsigned side = 0; side < 2; ++side)
      (*forms[i])[side] = *chip.heads[side];
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
                 });
}
