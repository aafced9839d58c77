//===- EmitProgram.h - From a placed module to what an artifact says -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_EMITPROGRAM_H
#define SINTER_TARGETS_CPU_EMIT_EMITPROGRAM_H

#include "include/sinter/Target.h"
#include "lib/Bundle/BundleDescription.h"
#include "lib/Weights/WeightFiles.h"

namespace sinter::cpu {

/// What the artifact of a module in phase `placed` says, without code. Sections are filled from `weights`, which must
/// live until the artifact is written, as must the module.
llvm::Expected<BundleDescription> describeProgram(mlir::ModuleOp module, const WeightFiles &weights);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_EMITPROGRAM_H
