//===- OpKind.h - What people call an op ----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_IR_OPKIND_H
#define SINTER_DIALECTS_SINTER_IR_OPKIND_H

#include "mlir/IR/Operation.h"

#include <string>

namespace sinter {

/// An op's kind as people count it: matmul, elementwise add, reduce sum.
std::string getOpKind(mlir::Operation *op);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_IR_OPKIND_H
