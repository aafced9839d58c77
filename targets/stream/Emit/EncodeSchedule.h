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

/// Where the words of each constant begin in the weights file, by tensor (0 for others), and behind them the file's
/// size.
std::vector<uint64_t> layOutConstants(const StreamProgram &program, const TargetModel &model);

/// The schedule of a placed program, whose constants lie where `constants` says, as layOutConstants does. A queue's
/// program that is longer than the queue's memory is a Failure (DoesNotFit).
llvm::Expected<format::StreamSchedule> encodeSchedule(const StreamProgram &program, const Placer &placer,
                                                      const TargetModel &model, const std::vector<uint64_t> &constants);
inline llvm::Expected<format::StreamSchedule> encodeSchedule(const StreamProgram &program, const Placer &placer,
                                                             const TargetModel &model) {
  return encodeSchedule(program, placer, model, layOutConstants(program, model));
}

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_EMIT_ENCODESCHEDULE_H
