//===- KnownWords.h - What a schedule says of its constants ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_EMIT_KNOWNWORDS_H
#define SINTER_TARGETS_STREAM_EMIT_KNOWNWORDS_H

#include "runtime/format/schedule.pb.h"
#include "targets/stream/Placement/StreamProgram.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/Error.h"

#include <utility>

namespace sinter::stream {

/// Writes into a Flow which superlanes of constants are zeros, and which words are the same as earlier ones.
class KnownWordsWriter {
public:
  KnownWordsWriter(const TargetModel &model, format::Flow &flow) : model(model), flow(flow) {}

  /// Words of all lanes, which lie at `offset` of the weights file, behind those that were added before.
  void add(uint64_t offset, llvm::ArrayRef<uint8_t> words);

private:
  void addWord(uint64_t offset, llvm::ArrayRef<uint8_t> word);

  const TargetModel &model;
  format::Flow &flow;
  /// Where bytes of this hash are first.
  llvm::DenseMap<std::pair<uint64_t, uint64_t>, uint64_t> firsts;
};

/// All constants of a program, whose bytes are made for it. `constants` is where they begin (layOutConstants); those
/// that begin at one place are the same.
llvm::Error encodeKnownWords(const StreamProgram &program, const TargetModel &model, llvm::ArrayRef<uint64_t> constants,
                             format::Flow &flow);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_EMIT_KNOWNWORDS_H
