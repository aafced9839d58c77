//===- TaskOrder.h - In which order tasks get their cycles ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_PLACEMENT_TASKORDER_H
#define SINTER_TARGETS_STREAM_PLACEMENT_TASKORDER_H

#include "targets/stream/Placement/StreamProgram.h"

#include "llvm/ADT/ArrayRef.h"

namespace sinter::stream {

/// The tasks of a program by `keys`, one for each, as far as tasks that access the same rows, and do not all read them,
/// keep their order.
std::vector<size_t> orderTasks(const StreamProgram &program, llvm::ArrayRef<int64_t> keys);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_TASKORDER_H
