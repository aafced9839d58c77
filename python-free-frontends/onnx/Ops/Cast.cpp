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

static LogicalResult castTo(NodeContext &node, mlir::Type type) {
  bool saturate = node.getInt("saturate", 1) != 0;
  std::string text = node.getString("round_mode", "up");
  std::optional<RoundMode> mode = symbolizeRoundMode(text);
  if (!mode)
    return node.malformed("attribute round_mode is '" + text + "', not up, down or nearest");
  // By way of a wider type a number would be rounded twice.
  mlir::Type from = node.operandElementType(0);
  if (from && type && ((isNarrow(from) && isa<StringType>(type)) || (isNarrow(type) && isa<StringType>(from))))
    return node.fail("from " + Twine(elementTypeName(toElementType(from))) + " to " +
                     elementTypeName(toElementType(type)));
  // Each is about its types only; of others a model may say anything.
  bool isFloat8 = type && isa<FloatType>(type) && type.getIntOrFloatBitWidth() == 8;
  return node.setResult(0, node.cast(node.operand(0), type, saturate || !isFloat8,
                                     type && isa<Float8E8M0FNUType>(type) ? *mode : RoundMode::up));
}

static LogicalResult importCast(NodeContext &node) {
  return castTo(node, node.getElementTypeAttribute("to", DataType::Undefined));
}

static LogicalResult importCastLike(NodeContext &node) { return castTo(node, node.operandElementType(1)); }

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
