//===- Passes.h - Passes on the transformer graph ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_PASSES_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_PASSES_H

#include "lib/Support/HostTensor.h"

#include "mlir/IR/Value.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <memory>

namespace sinter {

#define GEN_PASS_DECL
#include "dialects/sinter/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "dialects/sinter/Transforms/Passes.h.inc"

/// Computes what follows from weights alone.
using RecipeReader = std::function<llvm::Expected<HostTensor>(mlir::Value)>;
/// With `readRecipe`, the choice of scales and of equalization is made by errors of products, else by errors of
/// activations, and nothing is equalized.
std::unique_ptr<mlir::Pass> createQuantizePass(const QuantizePassOptions &options, RecipeReader readRecipe);

/// The passes that lead from phase imported to phase canonical.
void addCanonicalPasses(mlir::OpPassManager &passes);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_PASSES_H
