//===- Functions.h - Functions as steps of the ALUs ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_LOWERING_FUNCTIONS_H
#define SINTER_TARGETS_STREAM_LOWERING_FUNCTIONS_H

#include "dialects/sinter/IR/Sinter.h"
#include "targets/stream/Placement/VectorProgram.h"

namespace sinter::stream {

/// Adds the steps of a function of f32 (docs/decisions/numerics.md); none where it has none.
std::optional<VectorOperand> addFunction(VectorProgram &program, ElementwiseKind kind,
                                         llvm::ArrayRef<VectorOperand> operands);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_FUNCTIONS_H
