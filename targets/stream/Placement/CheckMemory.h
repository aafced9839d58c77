//===- CheckMemory.h - Whether a program's constants fit a chip ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_PLACEMENT_CHECKMEMORY_H
#define SINTER_TARGETS_STREAM_PLACEMENT_CHECKMEMORY_H

#include "targets/stream/Placement/StreamProgram.h"

namespace sinter::stream {

/// Failure (DoesNotFit), with both numbers and how many chips would hold them, where constants alone are more than the
/// chip's memory. What comes and goes during a run may still find no place: placement says so.
llvm::Error checkMemory(const StreamProgram &program, const TargetModel &model);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_CHECKMEMORY_H
