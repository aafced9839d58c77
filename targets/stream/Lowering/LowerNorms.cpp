//===- LowerNorms.cpp - Norms as sums of products and functions -----------===//
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

void GraphLowering::lowerNorm(Operation *op, Value input, Value scale, Value bias, int64_t axis, APFloat epsilon,
                              bool isCentered) {
  if (axis + 1 != getRank(input))
    return refuse(op, "a norm over more than the last dimension");
  if (!isFromWeights(scale) || (bias && !isFromWeights(bias)))
    return refuse(op, "a norm whose scale or bias a run computes");
  ensureForms(input, op);
  const ChipValue x = values.find(input)->second;
  std::string node = getNodeName(op);
  unsigned deviations = *x.f32;
  unsigned squares[2];
  for (Hemisphere half : bothSides)
    squares[static_cast<unsigned>(half)] = addTemporary(node, Element::Float16, x, half);
  std::vector<Written> squareResults = {{squares[0], Element::Float16}, {squares[1], Element::Float16}};
  auto addSquares = [&](Chain &chain, VectorOperand d, unsigned vector, std::vector<RowsOf> &targets) {
    VectorOperand e = chain.program.add(AluOp::Mul, Element::Float32, d, VectorOperand::constant(0.0625f));
    addWrites(chain, chain.program.add(AluOp::Mul, Element::Float32, e, e), vector, squareResults, targets);
  };
  ChipValue sums, squareSums;
  sums.product = Product{{}, {*x.f16[0], *x.f16[1]}, x.parts};
  squareSums.product = Product{{}, {squares[0], squares[1]}, x.parts};
  if (isCentered)
    deviations = addTemporary(node, Element::Float32, x, nextSide());
  addByVectors(op, x, isCentered ? &sums : nullptr, node,
               [&](Chain &chain, unsigned first, unsigned last, std::vector<RowsOf> &targets) {
                 VectorOperand mean;
                 if (isCentered)
                   mean = chain.program.add(AluOp::Mul, Element::Float32, VectorOperand::input(0),
                                            VectorOperand::constant(static_cast<float>(1.0 / x.matrix.columns)));
                 for (unsigned vector = first; vector < last; ++vector) {
                   VectorOperand d = addInput(chain, {*x.f32, vector, 0, 1});
                   if (isCentered) {
                     d = chain.program.add(AluOp::Sub, Element::Float32, d, mean);
                     chain.program.results.push_back(d.index);
                     targets.push_back({deviations, vector, 0, 1});
                   }
                   addSquares(chain, d, vector, targets);
                 }
               });
  Value result = op->getResult(0);
  ChipValue &y = values[result];
  y.matrix = x.matrix;
  y.parts = x.parts;
  std::vector<Written> results = addResults(result, y);
  addByVectors(
      op, x, &squareSums, node, [&](Chain &chain, unsigned first, unsigned last, std::vector<RowsOf> &targets) {
        VectorOperand v = chain.program.add(AluOp::Mul, Element::Float32, VectorOperand::input(0),
                                            VectorOperand::constant(static_cast<float>(256.0 / x.matrix.columns)));
        v = chain.program.add(AluOp::Add, Element::Float32, v,
                              VectorOperand::constant(static_cast<float>(epsilon.convertToDouble())));
        VectorOperand factor = chain.program.add(AluOp::Rsqrt, Element::Float32, v);
        for (unsigned vector = first; vector < last; ++vector) {
          VectorOperand d = addInput(chain, {deviations, vector, 0, 1});
          d = chain.program.add(AluOp::Mul, Element::Float32, d, factor);
          d = chain.program.add(AluOp::Mul, Element::Float32, d, addValue(chain, scale, vector, x.matrix, x.parts));
          if (bias)
            d = chain.program.add(AluOp::Add, Element::Float32, d, addValue(chain, bias, vector, x.matrix, x.parts));
          addWrites(chain, d, vector, results, targets);
        }
      });
}
