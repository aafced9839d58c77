//===- EncodeSchedule.h - Placed instructions as a schedule ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_EMIT_ENCODESCHEDULE_H
#define SINTER_TARGETS_STREAM_EMIT_ENCODESCHEDULE_H

#include "runtime/format/schedule.pb.h"
#include "targets/stream/Placement/Placer.h"

namespace sinter::stream {

/// The programs, chip and cycles of a schedule. A program longer than a queue's memory is a Failure (DoesNotFit) that
/// names the queue.
llvm::Expected<format::StreamSchedule> encodeSchedule(const Placer &placer, const TargetModel &model);

/// A tensor that the host writes or reads, or that is kept. Its rows are not dealt out.
format::Placement encodePlacement(const ChipTensor &tensor);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_EMIT_ENCODESCHEDULE_H
