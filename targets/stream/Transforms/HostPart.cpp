//===- HostPart.cpp - What of a model the host computes -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Transforms/HostPart.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

/// Masks are made by these; all other functions of floats are the chip's matter.
static bool isMaskFunction(ElementwiseKind kind) {
  switch (kind) {
  case ElementwiseKind::abs:
  case ElementwiseKind::neg:
  case ElementwiseKind::add:
  case ElementwiseKind::sub:
  case ElementwiseKind::mul:
  case ElementwiseKind::div:
  case ElementwiseKind::min:
  case ElementwiseKind::max:
  case ElementwiseKind::equal:
  case ElementwiseKind::less:
  case ElementwiseKind::less_equal:
  case ElementwiseKind::greater:
  case ElementwiseKind::greater_equal:
  case ElementwiseKind::select:
  case ElementwiseKind::logical_not:
  case ElementwiseKind::logical_and:
  case ElementwiseKind::logical_or:
  case ElementwiseKind::logical_xor:
    return true;
  default:
    return false;
  }
}

static bool isOfIntegers(Value value) { return isa<IntegerType>(getElementType(value)); }

/// Whether the host may compute an op whose operands it has.
static bool isHostOp(Operation &op) {
  if (isa<CastOp, ReshapeOp, BroadcastOp, TransposeOp, ConcatOp, SliceOp, PadOp>(op))
    return true;
  bool hasFloats = !llvm::all_of(op.getOperands(), isOfIntegers) || !llvm::all_of(op.getResults(), isOfIntegers);
  if (auto function = dyn_cast<ElementwiseOp>(op))
    return !hasFloats || isMaskFunction(function.getKind());
  return !hasFloats && isa<RangeOp, SizesOp, GatherOp, GatherElementsOp, GatherNdOp, ReduceOp, CumulativeSumOp>(op);
}

Parts::Parts(func::FuncOp main) {
  for (Operation &op : main.getBody().front().without_terminator()) {
    if (llvm::all_of(op.getResults(), [](Value result) { return isFromWeights(result); })) {
      recipes.insert(&op);
      continue;
    }
    bool isKnown = llvm::all_of(op.getOperands(), [&](Value operand) {
      return isRecipe(operand) || isHost(operand) || (isa<BlockArgument>(operand) && isOfIntegers(operand));
    });
    if (isKnown && isHostOp(op))
      host.insert(&op);
  }
}
