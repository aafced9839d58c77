//===- Cpu.cpp - Programs of kernels for the CPU target ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/cpu/IR/Cpu.h"
#include "dialects/sinter/IR/PlainNumbers.h"

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

RankedTensorType SectionOp::getTensorType() { return cast<RankedTensorType>(getYielded()[0].getType()); }

ValueRange SectionOp::getYielded() { return cast<YieldOp>(getBody().front().back()).getValues(); }

bool SectionOp::hasQuantizedPanels() {
  return getLayout() == Layout::quantized_panels || getLayout() == Layout::quantized_panels_transposed;
}

LogicalResult SectionOp::verify() {
  // section C1
  auto yield = dyn_cast<YieldOp>(getBody().front().back());
  bool isRowMajor = getLayout() == Layout::row_major, isQuantized = hasQuantizedPanels();
  if (!yield || yield.getValues().empty() || yield.getValues().size() > (isQuantized ? 2 : 1))
    return emitOpError("C1: the body yields one tensor");
  RankedTensorType type = getTensorType();
  if (getLayout() == Layout::blocks) {
    if (type.getRank() != 2 || !getYielded()[0].getDefiningOp<EncodeOp>())
      return emitOpError() << "C1: " << type << " cannot lie as blocks";
    return success();
  }
  bool fits = isQuantized ? isa<QuantizedType>(type.getElementType()) : type.getElementType().isF32();
  if (!type.hasStaticShape() || (!isRowMajor && (type.getRank() != 2 || !fits)))
    return emitOpError() << "C1: " << type << " cannot lie as " << stringifyLayout(getLayout());
  // section C2
  ElementType element = toElementType(type.getElementType());
  int64_t bytes = type.getNumElements() * (isRowMajor ? 8 * elementSize(element) : elementBits(element)) / 8;
  int64_t length = getBytes();
  if (isRowMajor ? length != bytes : length < bytes)
    return emitOpError() << "C2: " << length << " bytes for " << type << " as " << stringifyLayout(getLayout());
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
