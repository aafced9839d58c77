//===- Constants.cpp - Values that are given, forwarded or chosen ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Importer.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

/// A constant of rank 1 of the attribute's numbers.
template <typename T> static Value makeVector(NodeContext &node, ArrayRef<T> numbers, mlir::Type elementType) {
  auto type = RankedTensorType::get({static_cast<int64_t>(numbers.size())}, elementType);
  if (numbers.size() > 1024)
    return (void)node.fail("more than 1024 numbers as an attribute", "give them as a tensor"), Value();
  return node.createSized<ConstantOp>(type, DenseElementsAttr::get(type, numbers));
}

static LogicalResult importConstant(NodeContext &node) {
  OpBuilder &builder = node.getBuilder();
  if (const Tensor *tensor = node.getTensor("value"))
    return node.setResult(0, node.tensor(*tensor));
  for (StringRef name : {"sparse_value", "value_string", "value_strings"})
    if (node.hasAttribute(name))
      return node.fail("attribute '" + name + "'");
  if (node.hasAttribute("value_float"))
    return node.setResult(0, node.scalar(node.getFloat("value_float", 0), builder.getF32Type()));
  if (node.hasAttribute("value_int"))
    return node.setResult(0, node.integerScalar(node.getInt("value_int", 0), builder.getI64Type()));
  if (std::optional<SmallVector<int64_t>> numbers = node.getInts("value_ints"))
    return node.setResult(0, makeVector<int64_t>(node, *numbers, builder.getI64Type()));
  if (std::optional<SmallVector<double>> numbers = node.getFloats("value_floats")) {
    SmallVector<float> floats(numbers->begin(), numbers->end());
    return node.setResult(0, makeVector<float>(node, floats, builder.getF32Type()));
  }
  return node.malformed("a constant without a value");
}

static LogicalResult importIdentity(NodeContext &node) { return node.setResult(0, node.operand(0)); }

/// Inference only: the input, and a mask that keeps everything.
static LogicalResult importDropout(NodeContext &node) {
  node.ignoreAttribute("ratio");
  node.ignoreAttribute("seed");
  if (Value training = node.operand(2)) {
    std::optional<SmallVector<int64_t>> mode = node.getConstantIntegers(training);
    if (!mode || mode->size() != 1)
      return node.fail("its training mode is not a constant", "export the model for inference");
    if (mode->front())
      return node.fail("training", "export the model for inference");
  }
  Value input = node.operand(0);
  if (node.hasResult(1)) {
    mlir::Type maskType = node.getVersion() < 10 ? getElementType(input) : node.getBuilder().getI1Type();
    if (failed(node.setResult(1, node.broadcastTo(node.scalar(1, maskType), getSizes(input)))))
      return failure();
  }
  return node.setResult(0, input);
}

/// The branch that a constant condition chooses, in place of the node.
static LogicalResult importIf(NodeContext &node) {
  const Graph *thenBranch = node.getGraph("then_branch"), *elseBranch = node.getGraph("else_branch");
  if (!thenBranch || !elseBranch)
    return node.malformed("a branch is missing");
  std::optional<SmallVector<int64_t>> condition = node.getConstantIntegers(node.operand(0));
  if (!condition || condition->size() != 1)
    return node.fail("a branch that is chosen at run time");
  FailureOr<SmallVector<Value>> results = node.inlineGraph(condition->front() ? *thenBranch : *elseBranch);
  if (failed(results))
    return failure();
  if (results->size() < node.getNumResults())
    return node.malformed("a branch with " + Twine(results->size()) + " outputs, required " +
                          Twine(node.getNumResults()));
  for (unsigned i = 0; i < node.getNumResults(); ++i)
    if (failed(node.setResult(i, (*results)[i])))
      return failure();
  return success();
}

static const OpRow rows[] = {
    {"Constant", 1, importConstant, 0, 0}, {"Dropout", 7, importDropout, 1, 1}, {"Dropout", 12, importDropout, 1, 3},
    {"Identity", 1, importIdentity, 1, 1}, {"If", 1, importIf, 1, 1},
};

ArrayRef<OpRow> sinter::onnx::getConstantRows() { return rows; }
