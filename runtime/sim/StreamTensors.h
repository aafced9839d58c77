//===- StreamTensors.h - The memory of a streaming chip, and tensors in it ===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_SIM_STREAMTENSORS_H
#define SINTER_RUNTIME_SIM_STREAMTENSORS_H

#include "runtime/format/ChipDescription.h"
#include "runtime/format/schedule.pb.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace sinter::sim {

/// The words of all slices, zero at first.
class StreamMemory {
public:
  /// Empty where there is not enough memory; see `good`.
  explicit StreamMemory(const format::StreamMachine &machine);

  bool good() const { return all != nullptr; }
  size_t slices() const { return count; }
  /// A slice's place among all.
  size_t slice(format::Direction hemisphere, uint32_t index) const {
    return (hemisphere == format::WEST ? 0 : count / 2) + index;
  }
  const uint8_t *word(size_t slice, uint32_t address) const { return all.get() + (slice * words + address) * lanes; }
  /// For what is there before anything is executed.
  uint8_t *fill(size_t slice, uint32_t address) { return all.get() + (slice * words + address) * lanes; }
  bool isWritten(size_t slice, uint32_t address) const { return written[slice * words + address]; }
  /// For writing: `clearWritten` will make it zero again.
  uint8_t *change(size_t slice, uint32_t address) {
    written[slice * words + address] = 1;
    return fill(slice, address);
  }
  /// All words that were changed become zero.
  void clearWritten();

private:
  struct Free {
    void operator()(uint8_t *bytes) const { std::free(bytes); }
  };

  size_t lanes, words, count;
  // In one piece, of which the system gives what is touched.
  std::unique_ptr<uint8_t, Free> all;
  std::vector<uint8_t> written; // by slice and address
};

/// Whether all bytes of all elements have a place in the machine; a sentence in `error`.
bool checkPlacement(const format::Placement &placement, const format::StreamMachine &machine, std::string &error);
bool checkImage(const format::Image &image, const format::StreamMachine &machine, std::string &error);

/// How many rows, and so words, a strip has.
uint32_t rowsOf(const format::Placement &placement, const format::Strip &strip);
/// Bytes of a tensor, as a matrix of its rows.
size_t bytesOf(const format::Placement &placement);
/// Into memory, all strips; what else is in their words becomes zero unless a strip stored it since `clearWritten`.
void storeTensor(const format::Placement &placement, const uint8_t *bytes, StreamMemory &memory);
void loadTensor(const format::Placement &placement, const StreamMemory &memory, uint8_t *bytes);
/// Strip by strip, for states, whose copies may differ.
void storeStrips(const format::Placement &placement, const std::vector<uint8_t> &bytes, StreamMemory &memory);
std::vector<uint8_t> loadStrips(const format::Placement &placement, const StreamMemory &memory);
/// The tensor of what strips hold, and back.
std::vector<uint8_t> joinStrips(const format::Placement &placement, const std::vector<uint8_t> &strips);
std::vector<uint8_t> splitStrips(const format::Placement &placement, const std::vector<uint8_t> &tensor);

} // namespace sinter::sim

#endif // SINTER_RUNTIME_SIM_STREAMTENSORS_H
