//===- ChipDescription.h - Descriptions of chips, read and checked --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A chip is described by a message (chip.proto), which people write as JSON. A
// description may come from anyone, so what the rest computes with is a
// StreamMachine, whose numbers are whole, bounded, and together make the machine of
// docs/targets/stream.md; what makes none is refused by the name of its number.
//
// Used by the compiler, its verifier and the simulators: hence here, where nothing
// else of either is included. Errors are sentences, in `error`.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_FORMAT_CHIPDESCRIPTION_H
#define SINTER_RUNTIME_FORMAT_CHIPDESCRIPTION_H

#include "runtime/format/chip.pb.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sinter::format {

/// The numbers of a streaming chip, in the order of the schema. Lengths of time are in cycles.
struct StreamMachine {
  double clockGhz = 0;
  uint32_t superlanes = 0, lanesPerSuperlane = 0, streamsPerDirection = 0;
  uint32_t slicesPerHemisphere = 0, slicesPerPosition = 0, wordsPerSlice = 0, banksPerSlice = 0;
  uint32_t sxmPosition = 0, mxmPosition = 0;
  uint32_t planesPerHemisphere = 0, planeColumns = 0, accumulatorRows = 0, planeLoadCycles = 0;
  uint32_t alus = 0, instructionMemory = 0;
  uint32_t readLatency = 0, writeLatency = 0, gatherLatency = 0, aluLatency = 0, transcendentalLatency = 0;
  uint32_t sxmLatency = 0, sxmFarLatency = 0, mxmLatency = 0;

  /// Of a vector, and so the bytes of a word.
  uint32_t lanes() const { return superlanes * lanesPerSuperlane; }
  /// The number of streams that LOAD samples.
  uint32_t loadStreams() const { return planeColumns / planeLoadCycles; }
  /// The outermost position, of both hemispheres.
  uint32_t edge() const { return mxmPosition + planesPerHemisphere - 1; }
};

/// Reads a description in JSON, of at most 1 MiB.
std::optional<Chip> readChip(std::string_view json, std::string &error);

/// The numbers of `chip`, if it is a streaming chip and they make a machine.
std::optional<StreamMachine> readStreamMachine(const Chip &chip, std::string &error);

/// What `chip_sha256` of a schedule is: 64 hexadecimal digits. Empty where `chip` is of no kind.
std::string chipHash(const Chip &chip);

} // namespace sinter::format

#endif // SINTER_RUNTIME_FORMAT_CHIPDESCRIPTION_H
