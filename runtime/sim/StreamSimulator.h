//===- StreamSimulator.h - A streaming chip, cycle by cycle ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Executes a schedule on the machine of docs/targets/stream.md, from the schedule and
// the chip's description alone. Results are exact, and a machine that stops does so
// with the cycle and the place:
//
//   std::string error;
//   auto simulator = StreamSimulator::create(schedule, chip, readWeights, error);
//   simulator->setInput("ids", bytes, size, error);
//   if (std::optional<StreamStop> stop = simulator->run())
//     puts(stop->text().c_str());
//   const std::vector<uint8_t> *y = simulator->output("y");
//
// Tensors are matrices of the elements that their placements say, row after row,
// little-endian. States begin as zeros and are kept from one run to the next; all
// else begins anew.
//
// How it works. A value on an eastward stream keeps phi = t - x, one on a westward
// stream t + x: values are not moved, but found by phi in a ring. What an instruction
// computes is computed when it is issued and kept until it is driven. Cycles in
// which no queue issues and no value is under way are skipped.
//
// The schedule may come from anyone: all of it is checked, here or when it is
// executed, and no size in it makes an allocation beyond the chip's memory.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_SIM_STREAMSIMULATOR_H
#define SINTER_RUNTIME_SIM_STREAMSIMULATOR_H

#include "runtime/format/chip.pb.h"
#include "runtime/format/schedule.pb.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sinter::sim {

enum class StreamStopKind {
  EmptyRegister,  // sampled, and holds nothing
  DoubleDrive,    // two values into one register in one cycle
  LostValue,      // replaced, or beyond the edge, and sampled by nobody
  BankClash,      // a read and a write in one bank
  EarlyRead,      // of a word that a write has not reached yet
  BadAddress,     // beyond the slice, the columns or the accumulators
  NoArray,        // MULTIPLY without an array of its type
  WrongBuffer,    // weights of two types in one buffer
  NoAccumulator,  // `add` to a row that was never begun, or with the other type
  NoResult,       // an operand names an ALU that has no such result
  TwoResults,     // of one ALU in one cycle
  BadInstruction, // one that no machine has
};

/// Why and where the machine stopped.
struct StreamStop {
  StreamStopKind kind;
  uint64_t cycle = 0;
  format::Unit unit = format::MEM;
  format::Direction hemisphere = format::EAST;
  uint32_t index = 0;
  int32_t x = 0;
  std::string detail;

  /// One sentence: kind, cycle, place.
  std::string text() const;
};

/// What `create` refuses to simulate: more than this is no schedule of a model.
constexpr uint64_t greatestCycles = uint64_t(1) << 40;
constexpr uint64_t greatestIssues = uint64_t(1) << 30;

class StreamSimulator {
public:
  /// Copies `size` bytes of the weights file from `offset`; false where there are none.
  using ReadWeights = std::function<bool(uint64_t offset, size_t size, uint8_t *to)>;

  /// None, and a sentence in `error`, where the schedule is damaged or for another chip. `readWeights` must hold out
  /// as long as the simulator.
  static std::unique_ptr<StreamSimulator> create(const format::StreamSchedule &schedule, const format::Chip &chip,
                                                 ReadWeights readWeights, std::string &error);
  /// The same, with the weights in memory.
  static std::unique_ptr<StreamSimulator> create(const format::StreamSchedule &schedule, const format::Chip &chip,
                                                 const uint8_t *weights, size_t size, std::string &error);
  ~StreamSimulator();

  /// The input is kept for all runs until it is set again. All are zero at first.
  bool setInput(std::string_view name, const void *bytes, size_t size, std::string &error);
  /// None: the schedule has been executed to its end.
  std::optional<StreamStop> run();
  /// Of the last run. Null where there is no such output.
  const std::vector<uint8_t> *output(std::string_view name) const;
  /// Of the last run, which ended. By when the last effect was complete; what the schedule promises is in its `cycles`.
  uint64_t cycles() const;
  /// How many instructions the last run issued.
  uint64_t issues() const;

  /// What the strips of a state hold, one after the other. Null where it is zero still.
  const std::vector<uint8_t> *state(std::string_view name) const;
  /// The same as a tensor; none where it is zero still, or there is no such state.
  std::optional<std::vector<uint8_t>> stateTensor(std::string_view name) const;
  /// Has a state hold a tensor, which another schedule left, say. False where there is no state of that size.
  bool setStateTensor(std::string_view name, const std::vector<uint8_t> &bytes);
  /// All states become zero.
  void resetStates();

private:
  class Machine;
  explicit StreamSimulator(std::unique_ptr<Machine> machine);
  std::unique_ptr<Machine> machine;
};

} // namespace sinter::sim

#endif // SINTER_RUNTIME_SIM_STREAMSIMULATOR_H
