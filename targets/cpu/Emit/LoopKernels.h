//===- LoopKernels.h - Kernels that are loops over elements --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_LOOPKERNELS_H
#define SINTER_TARGETS_CPU_EMIT_LOOPKERNELS_H

#include "targets/cpu/Emit/KernelTemplates.h"

namespace sinter::cpu {

/// Kinds loop, scatter and cumulative_sum. The words are the region's arguments, the result, and the symbols that its
/// sizes are computed from, by name.
mlir::FailureOr<LaunchPlan> planLoopKernel(llvm::StringRef kind, mlir::Block &body);
void buildLoopKernel(KernelBuilder &k, llvm::StringRef name, llvm::StringRef kind, mlir::Block &body);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_LOOPKERNELS_H
