//===- PlainNumbers.h - Numbers in the text of ops, without their types ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_IR_PLAINNUMBERS_H
#define SINTER_DIALECTS_SINTER_IR_PLAINNUMBERS_H

#include "mlir/IR/OpImplementation.h"

namespace sinter {

inline mlir::ParseResult parsePlainInteger(mlir::OpAsmParser &parser, mlir::IntegerAttr &attr) {
  int64_t value;
  if (parser.parseInteger(value))
    return mlir::failure();
  attr = parser.getBuilder().getI64IntegerAttr(value);
  return mlir::success();
}

inline void printPlainInteger(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::IntegerAttr attr) {
  printer << attr.getInt();
}

inline mlir::ParseResult parsePlainFloat(mlir::OpAsmParser &parser, mlir::FloatAttr &attr) {
  return parser.parseAttribute(attr, parser.getBuilder().getF64Type());
}

inline void printPlainFloat(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::FloatAttr attr) {
  printer.printAttributeWithoutType(attr);
}

/// `2`, or `2 of 4`.
inline mlir::ParseResult parseKeep(mlir::OpAsmParser &parser, mlir::IntegerAttr &keep, mlir::IntegerAttr &of) {
  if (parsePlainInteger(parser, keep))
    return mlir::failure();
  if (mlir::succeeded(parser.parseOptionalKeyword("of")))
    return parsePlainInteger(parser, of);
  of = parser.getBuilder().getI64IntegerAttr(0);
  return mlir::success();
}

inline void printKeep(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::IntegerAttr keep, mlir::IntegerAttr of) {
  printer << keep.getInt();
  if (of.getInt())
    printer << " of " << of.getInt();
}

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_IR_PLAINNUMBERS_H
