//===- PassFailure.h - Passes that fail for what they were given ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pass that fails is a defect of Sinter, but for passes that read files: a weight
// that cannot be read is its owner's to mend. Their diagnostics begin with
// "unusable: ", or "does not fit: " for what is too large for a target, by which the
// compiler tells them from others, as it tells what is not supported by "unsupported: ".
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_PASSFAILURE_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_PASSFAILURE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace sinter {

constexpr llvm::StringLiteral unusablePrefix = "unusable: ";
constexpr llvm::StringLiteral doesNotFitPrefix = "does not fit: ";

/// Says at the module what `error` says.
void emitFailure(mlir::ModuleOp module, llvm::Error error);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_PASSFAILURE_H
