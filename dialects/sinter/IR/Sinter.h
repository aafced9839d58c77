//===- Sinter.h - The transformer graph -----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The `sinter` dialect: see SinterBase.td for what it is and the other .td files
// for its ops. Every tensor's sizes are SizeExprs: numbers, or expressions over
// the symbols that the module declares (`sinter.symbol`).
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_IR_SINTER_H
#define SINTER_DIALECTS_SINTER_IR_SINTER_H

#include "lib/Support/HostTensor.h"
#include "lib/Support/SizeExpr.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace sinter {

using Sizes = llvm::SmallVector<SizeExpr, 6>;

/// Whether the sizes of a ranked tensor are known: static, or in its encoding.
bool hasSizes(mlir::Type type);
/// The sizes of a tensor, one for each dimension.
Sizes getSizes(mlir::Type type);
inline Sizes getSizes(mlir::Value value) { return getSizes(value.getType()); }
SizeExpr getSize(mlir::Value value, int64_t axis);
/// The tensor type with these sizes, dynamic where a size is not a number.
mlir::RankedTensorType getTensorType(llvm::ArrayRef<SizeExpr> sizes, mlir::Type elementType);
mlir::Type getElementType(mlir::Value value);
int64_t getRank(mlir::Value value);
/// The element type as values outside the IR have it; `type` must be one that a tensor of the dialect may have.
ElementType toElementType(mlir::Type type);
mlir::Type fromElementType(mlir::MLIRContext *context, ElementType type);
/// Whether elements of this type are only moved, selected and converted: floats of 8 bits and fewer, integers of 4
/// and 2.
bool isNarrow(mlir::Type type);
/// The number of elements.
SizeExpr getNumElements(mlir::Type type);
/// NumPy's broadcasting; none where two sizes are neither equal nor 1.
std::optional<Sizes> broadcastSizes(llvm::ArrayRef<SizeExpr> a, llvm::ArrayRef<SizeExpr> b);
/// Sizes as people write them: [batch, seq, 384].
std::string printSizes(llvm::ArrayRef<SizeExpr> sizes);

} // namespace sinter

#include "dialects/sinter/IR/SinterEnums.h.inc"

#include "dialects/sinter/IR/SinterDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/sinter/IR/SinterAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/sinter/IR/SinterTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/sinter/IR/SinterOps.h.inc"

#endif // SINTER_DIALECTS_SINTER_IR_SINTER_H
