//===- Passes.h - Passes that look at the zeros of weights ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_LIB_SPARSITY_PASSES_H
#define SINTER_LIB_SPARSITY_PASSES_H

#include "mlir/Pass/Pass.h"

namespace sinter {

#define GEN_PASS_DECL
#include "lib/Sparsity/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lib/Sparsity/Passes.h.inc"

} // namespace sinter

#endif // SINTER_LIB_SPARSITY_PASSES_H
