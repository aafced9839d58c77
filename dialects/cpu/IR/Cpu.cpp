//===- Cpu.cpp - Programs of kernels for the CPU target ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/cpu/IR/Cpu.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

#include "dialects/cpu/IR/CpuDialect.cpp.inc"
#include "dialects/cpu/IR/CpuEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/cpu/IR/CpuAttributes.cpp.inc"

void CpuDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/cpu/IR/CpuAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/cpu/IR/CpuOps.cpp.inc"
      >();
}

WordAttr WordAttr::getOperand(MLIRContext *context, unsigned index, const SizeExpr &byteOffset) {
  return get(context, WordKind::operand, index, StringAttr::get(context, byteOffset.str()));
}

WordAttr WordAttr::getResult(MLIRContext *context, unsigned index) {
  return get(context, WordKind::result, index, StringAttr::get(context, "0"));
}

WordAttr WordAttr::getInteger(MLIRContext *context, const SizeExpr &size) {
  return get(context, WordKind::size, 0, StringAttr::get(context, size.str()));
}

SizeExpr WordAttr::getExpression() const { return SizeExpr::parse(getSize().getValue()).value_or(SizeExpr(0)); }

RankedTensorType SectionOp::getTensorType() {
  return cast<RankedTensorType>(cast<YieldOp>(getBody().front().back()).getValues()[0].getType());
}

uint64_t SectionOp::getNumBytes() {
  RankedTensorType type = getTensorType();
  uint64_t elementBytes = (type.getElementTypeBitWidth() + 7) / 8;
  if (getLayout() == Layout::row_major)
    return type.getNumElements() * elementBytes;
  // The last panel is padded to a multiple of 16 columns (targets/cpu/Kernels/Packing.h).
  bool transposed = getLayout() == Layout::panels_transposed;
  uint64_t n = type.getDimSize(transposed ? 0 : 1), k = type.getDimSize(transposed ? 1 : 0);
  return llvm::alignTo(n, 16) * k * elementBytes;
}

LogicalResult SectionOp::verify() {
  // section C1
  auto yield = dyn_cast<YieldOp>(getBody().front().back());
  if (!yield || yield.getValues().size() != 1)
    return emitOpError("C1: the body yields one tensor");
  RankedTensorType type = getTensorType();
  if (!type.hasStaticShape() ||
      (getLayout() != Layout::row_major && (type.getRank() != 2 || !type.getElementType().isF32())))
    return emitOpError() << "C1: " << type << " cannot lie as " << stringifyLayout(getLayout());
  return success();
}

LogicalResult LaunchOp::verify() {
  // launch C1
  if (getTasks().getTexts().size() != 1 || getScratch().getTexts().size() != 1)
    return emitOpError("C1: tasks and scratch are one expression each");
  // launch C2
  for (auto word : getWords().getAsRange<WordAttr>())
    if ((word.getKind() == WordKind::operand && word.getIndex() >= getInputs().size()) ||
        (word.getKind() == WordKind::result && word.getIndex() >= getResults().size()))
      return emitOpError() << "C2: there is no such value as " << word;
  return success();
}

#define GET_OP_CLASSES
#include "dialects/cpu/IR/CpuOps.cpp.inc"
