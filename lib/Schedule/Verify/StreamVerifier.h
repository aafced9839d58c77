//===- StreamVerifier.h - Whether a streaming chip's schedule is right ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decides from a schedule and the chip's description alone, without weights and
// inputs, that
//
// - the machine of docs/targets/stream.md executes it without stopping, in the cycles
//   that it promises;
// - outputs and states come to what its `Flow` says, for all weights and inputs.
//
// For the second, programs are executed with names in place of values. A name stands
// for a formula ("the sum of these two vectors", "word 7 of the weights"), and is a
// hash of it, so that two vectors have one name where they are computed alike from the
// same things, wherever and whenever. Flow is read to names in the same way, without
// time and place; then the names of all output words must be the same. What was
// computed first that has no name in Flow tells where a schedule goes wrong.
//
// Flow also says what is known of constants: which of their superlanes are zeros, and
// which words are alike. Names use it, so that for a schedule alone it is an assumption;
// where the weights are at hand, verifyKnownWords holds them against it.
//
// That two formulas have one hash by accident has a chance of about n^2 / 2^65, for n
// vectors.
//
// No code is shared with the scheduler or the simulator: only the messages of
// runtime/format and the chip's description.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_VERIFY_STREAMVERIFIER_H
#define SINTER_SCHEDULE_VERIFY_STREAMVERIFIER_H

#include "runtime/format/chip.pb.h"
#include "runtime/format/schedule.pb.h"

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace sinter::verify {

enum class Fault {
  Header,        // another version, chip or description
  Program,       // a program or an instruction that the chip does not have
  Tensor,        // tensors or constants that do not fit, or meet in one place
  EmptyRegister, // the rest is as in docs/targets/stream.md
  DoubleDrive,
  LostValue,
  BankClash,
  EarlyRead,
  Address,
  Array,
  Buffer,
  Accumulator,
  AluResult,
  Cycles,        // the schedule promises another number of cycles
  Flow,          // Flow is damaged or missing
  KnownWords,    // a constant is not what Flow says of it
  ForeignVector, // something is computed that Flow does not have, and outputs are not what they should be
  WrongResult,   // a word of an output or a state is not what Flow says
};

/// Why a schedule is refused.
struct Rejection {
  Fault fault;
  /// 0 for what is wrong before the first one; none where the schedule is none of this chip's, or Flow is damaged.
  std::optional<uint64_t> cycle;
  /// A queue, a slice or a tensor; empty where there is no cycle.
  std::string place;
  std::string detail;

  /// "cycle 12, MEM slice 3 west: an empty register is sampled: ..."
  std::string text() const;
};

/// A word for each fault, as in text().
const char *nameOf(Fault fault);

/// None: the schedule is right.
std::optional<Rejection> verifyStreamSchedule(const format::StreamSchedule &schedule, const format::Chip &chip);

/// Whether `weights` are what a schedule's Flow says of its constants (KnownWords), on which the verification above
/// relies. None: they are.
std::optional<Rejection> verifyKnownWords(const format::StreamSchedule &schedule, const format::Chip &chip,
                                          llvm::ArrayRef<uint8_t> weights);

} // namespace sinter::verify

#endif // SINTER_SCHEDULE_VERIFY_STREAMVERIFIER_H
