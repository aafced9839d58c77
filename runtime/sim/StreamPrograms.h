//===- StreamPrograms.h - The programs of the queues, decoded -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program as bursts: an instruction, when it is issued first, how often and how
// far apart. What can be said of an instruction without executing it is checked here
// (streams, operands, tables, types); what steps with repetitions is checked when it
// is issued.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_SIM_STREAMPROGRAMS_H
#define SINTER_RUNTIME_SIM_STREAMPROGRAMS_H

#include "runtime/format/ChipDescription.h"
#include "runtime/format/schedule.pb.h"

#include <optional>
#include <string>
#include <vector>

namespace sinter::sim {

struct StreamBurst {
  const format::Instruction *instruction = nullptr;
  uint64_t first = 0;
  uint64_t count = 1;
  uint64_t interval = 1;
  int64_t step = 0;
};

struct StreamQueue {
  format::Unit unit = format::MEM;
  format::Direction hemisphere = format::WEST;
  uint32_t index = 0;
  int32_t x = 0;
  std::vector<StreamBurst> bursts;

  std::string name() const;
};

/// "MEM slice 3 west", ...
std::string placeName(format::Unit unit, format::Direction hemisphere, uint32_t index);

/// The queues of `schedule` in the order in which instructions of one cycle take effect (MULTIPLY before LOAD, plane 0
/// before plane 1; nothing else depends on it). `schedule` must hold out as long as they. None, and a sentence in
/// `error`, where a program is none of this machine.
std::optional<std::vector<StreamQueue>> readStreamPrograms(const format::StreamSchedule &schedule,
                                                           const format::StreamMachine &machine, std::string &error);

/// How long after its issue an instruction's effect is complete in superlane 0.
uint32_t latencyOf(const format::Instruction &instruction, const format::StreamMachine &machine,
                   const format::StreamSchedule &schedule);

/// Whether any lane comes from another superlane.
bool crossesSuperlanes(const format::Exchange &exchange, const format::StreamMachine &machine,
                       const format::StreamSchedule &schedule);

} // namespace sinter::sim

#endif // SINTER_RUNTIME_SIM_STREAMPROGRAMS_H
