//===- Refusals.h - What was not applied, and why ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A transformation that would not make the model faster is not applied, and the
// user is told so, as of one that was asked for and does not. A pass notes it in the module's attribute `sinter.refused`, pairs
// of what and why, where the compiler finds it:
//
//   module attributes {sinter.refused = [["block sparsity of 'ffn/up'", "..."]]}
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_REFUSALS_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_REFUSALS_H

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <utility>
#include <vector>

namespace sinter {

void addRefusal(mlir::ModuleOp module, llvm::StringRef what, llvm::StringRef reason);
std::vector<std::pair<std::string, std::string>> getRefusals(mlir::ModuleOp module);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_REFUSALS_H
