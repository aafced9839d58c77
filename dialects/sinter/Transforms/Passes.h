//===- Passes.h - Passes on the transformer graph ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_PASSES_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace sinter {

#define GEN_PASS_DECL
#include "dialects/sinter/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "dialects/sinter/Transforms/Passes.h.inc"

/// The passes that lead from phase imported to phase canonical.
void addCanonicalPasses(mlir::OpPassManager &passes);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_PASSES_H
