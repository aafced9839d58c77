//===- EncodeFlow.h - What a schedule says that it computes ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The Flow of docs/targets/stream.md, from a program that knows neither time nor
// place: the placer's work is held against it.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_EMIT_ENCODEFLOW_H
#define SINTER_TARGETS_STREAM_EMIT_ENCODEFLOW_H

#include "runtime/format/schedule.pb.h"
#include "targets/stream/Placement/StreamProgram.h"

#include "llvm/ADT/ArrayRef.h"

namespace sinter::stream {

/// The element type as schedules have it.
format::ElementType encodeElement(Element type);

/// `constants` is where the words of each constant begin in the weights file (layOutConstants).
format::Flow encodeFlow(const StreamProgram &program, llvm::ArrayRef<uint64_t> constants, const TargetModel &model);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_EMIT_ENCODEFLOW_H
