//===- LowerTables.cpp - Rows of tables, looked up ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

void GraphLowering::lowerGather(GatherOp op) {
  if (!isFromWeights(op.getData()) || op.getAxis() != 0 || getRank(op.getData()) != 2)
    return refuse(op, "a gather that is not rows of a table of weights");
  auto argument = dyn_cast<BlockArgument>(op.getIndices());
  if (!argument)
    return refuse(op, "a gather whose indices are computed");
  int64_t tableRows = cast<RankedTensorType>(op.getData().getType()).getDimSize(0);
  if (tableRows > std::numeric_limits<uint16_t>::max() + 1)
    return refuse(op, "a table of " + std::to_string(tableRows) + " rows; there are 16 bits for their numbers");
  std::string node = getNodeName(op);
  ChipValue &chip = values[op.getResult()];
  chip.matrix = getMatrix(op.getResult());
  chip.parts = TensorShape::denseParts(chip.matrix.columns, model);
  std::vector<Written> results = addResults(op.getResult(), chip);
  int64_t pieces = llvm::divideCeil(tableRows, model.wordsPerBank());
  for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector) {
    Chain chain;
    Task task;
    std::vector<VectorOperand> rows;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      Hemisphere half = bothSides[piece % 2];
      int64_t first = piece * model.wordsPerBank();
      unsigned table = constants.addTable(op.getData(), first,
                                          std::min<int64_t>(tableRows - first, model.wordsPerBank()), chip.parts, half);
      task.lookups[chain.inputs.size()] = {{addIndices(argument, chip.matrix.rows, half), 0, 0, 1},
                                           static_cast<unsigned>(first)};
      rows.push_back(VectorOperand::input(chain.program.addInput(Element::Float32)));
      chain.inputs.push_back({table, vector, 0, 1});
    }
    while (rows.size() > 1) {
      std::vector<VectorOperand> pairs;
      for (size_t i = 0; i + 1 < rows.size(); i += 2)
        pairs.push_back(chain.program.add(AluOp::Or, Element::Int32, rows[i], rows[i + 1]));
      if (rows.size() % 2) // one that came later would have to be looked up by numbers of its own
        pairs.push_back(chain.program.add(AluOp::Copy, Element::Int32, rows.back()));
      rows = std::move(pairs);
    }
    addWrites(chain, rows.front(), vector, results, task.results);
    task.rows = chip.matrix.rows;
    task.program = std::make_shared<VectorProgram>(chain.program);
    task.inputs = chain.inputs;
    task.scatters = chain.scatters;
    task.node = node;
    program.tasks.push_back(std::move(task));
  }
}

unsigned GraphLowering::addIndices(BlockArgument argument, int64_t rows, Hemisphere half) {
  auto [known, isNew] = indices.try_emplace({argument.getArgNumber(), half});
  if (!isNew)
    return known->second;
  StringRef name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "sinter.name").getValue();
  known->second = addTensor(StreamTensor::Input, (name + (half == Hemisphere::East ? ".east" : ".west")).str(),
                            Element::Int16, rows, TensorShape::denseParts(model.lanes(), model), half);
  program.tensors[known->second].isOutermost = true;
  program.tensors[known->second].host = {argument.getArgNumber(), StreamTensor::Indices};
  return known->second;
}
