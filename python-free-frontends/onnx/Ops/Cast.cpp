//===- Cast.cpp - Other element types -------------------------------------===//
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

static LogicalResult importCast(NodeContext &node) {
  // Both are about floats of 8 bits and below only.
  node.ignoreAttribute("saturate");
  node.ignoreAttribute("round_mode");
  return node.setResult(0, node.cast(node.operand(0), node.getElementTypeAttribute("to", DataType::Undefined)));
}

static LogicalResult importCastLike(NodeContext &node) {
  node.ignoreAttribute("saturate");
  node.ignoreAttribute("round_mode");
  return node.setResult(0, node.cast(node.operand(0), node.operandElementType(1)));
}

static LogicalResult importWhere(NodeContext &node) {
  return node.setResult(0, node.elementwise(ElementwiseKind::select, node.operands()));
}

// Before version 6 `to` was a string.
static const OpRow rows[] = {
    {"Cast", 6, importCast, 1, 1},
    {"CastLike", 15, importCastLike, 2, 2},
    {"Where", 9, importWhere, 3, 3},
};

ArrayRef<OpRow> sinter::onnx::getCastRows() { return rows; }
