//===- Elementwise.cpp - Functions of one element ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Importer.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

/// An operator that is one kind, and has no attributes.
template <ElementwiseKind kind> static LogicalResult importSame(NodeContext &node) {
  return node.setResult(0, node.elementwise(kind, node.operands()));
}

// Before version 7 operators broadcast by attributes, which is refused with the opset.
static const OpRow rows[] = {
    {"Abs", 1, importSame<ElementwiseKind::abs>, 1, 1},
    {"Add", 7, importSame<ElementwiseKind::add>, 2, 2},
    {"Div", 7, importSame<ElementwiseKind::div>, 2, 2},
    {"Mul", 7, importSame<ElementwiseKind::mul>, 2, 2},
    {"Sub", 7, importSame<ElementwiseKind::sub>, 2, 2},
};

ArrayRef<OpRow> sinter::onnx::getElementwiseRows() { return rows; }
