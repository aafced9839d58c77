//===- OpKind.cpp - What people call an op --------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/OpKind.h"

#include "dialects/sinter/IR/Sinter.h"

using namespace sinter;

std::string sinter::getOpKind(mlir::Operation *op) {
  std::string name = op->getName().stripDialect().str();
  if (auto elementwise = mlir::dyn_cast<ElementwiseOp>(op))
    name += " " + stringifyElementwiseKind(elementwise.getKind()).str();
  else if (auto reduce = mlir::dyn_cast<ReduceOp>(op))
    name += " " + stringifyReduceKind(reduce.getKind()).str();
  return name;
}
