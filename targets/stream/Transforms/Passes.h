//===- Passes.h - From the transformer graph to a chip's part of it -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_TRANSFORMS_PASSES_H
#define SINTER_TARGETS_STREAM_TRANSFORMS_PASSES_H

#include "dialects/sinter/IR/Sinter.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace sinter::stream {

#define GEN_PASS_DECL
#include "targets/stream/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "targets/stream/Transforms/Passes.h.inc"

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_TRANSFORMS_PASSES_H
