//===- KernelOps.cpp - What one launch of a target computes --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"

using namespace mlir;
using namespace sinter;

LogicalResult KernelOp::verify() {
  Block &body = getBody().front();
  // kernel C1
  if (body.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("C1: the body's arguments do not have the operands' types");
  // kernel C2
  auto yield = body.empty() ? YieldOp() : dyn_cast<YieldOp>(body.back());
  if (!yield || yield.getValues().getTypes() != getResults().getTypes())
    return emitOpError("C2: the body does not yield the results' types");
  return success();
}
