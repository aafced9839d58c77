//===- Passes.h - From the transformer graph to CPU kernels --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_TRANSFORMS_PASSES_H
#define SINTER_TARGETS_CPU_TRANSFORMS_PASSES_H

#include "dialects/cpu/IR/Cpu.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace sinter::cpu {

#define GEN_PASS_DECL
#include "targets/cpu/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "targets/cpu/Transforms/Passes.h.inc"

/// Whether the value is one number everywhere, written in the program.
bool isSplatConstant(mlir::Value value);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_TRANSFORMS_PASSES_H
