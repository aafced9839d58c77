//===- RunChecks.h - What a run's sizes must satisfy ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_RUNCHECKS_H
#define SINTER_TARGETS_CPU_EMIT_RUNCHECKS_H

#include "lib/Bundle/BundleDescription.h"

#include "mlir/IR/BuiltinOps.h"

namespace sinter::cpu {

/// Conditions on sizes that the graph needs and that no proof covers, because sizes come from elements of inputs: that
/// a reshape keeps the number of elements, that slices stay within their operand, that no size is negative. The runtime
/// refuses a run that breaks one, before any kernel reads beyond a buffer.
std::vector<BundleCheck> collectRunChecks(mlir::ModuleOp graph);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_RUNCHECKS_H
