//===- TargetModel.h - The numbers of a streaming chip ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A chip as the passes ask about it. The numbers are those of its description
// (runtime/format/chip.proto), where each has its source; docs/targets/stream.md
// says what they mean. Positions are west to east, the VXM at 0.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_TARGETMODEL_H
#define SINTER_TARGETS_STREAM_TARGETMODEL_H

#include "runtime/format/ChipDescription.h"

#include "llvm/Support/Error.h"

namespace sinter::stream {

enum class Hemisphere : uint8_t { East = 0, West = 1 };
inline Hemisphere opposite(Hemisphere side) { return side == Hemisphere::East ? Hemisphere::West : Hemisphere::East; }

/// The instruction queues of a unit.
enum class UnitKind : uint8_t { Mem, Vxm, Load, Multiply, Transpose, Permute };

struct TargetModel {
  std::string name;
  format::Chip description;
  double clockGhz;
  unsigned superlanes, lanesPerSuperlane, streamsPerDirection;
  unsigned slicesPerHemisphere, slicesPerPosition, wordsPerSlice, banksPerSlice;
  int sxmPosition, mxmPosition;
  unsigned planesPerHemisphere, planeColumns, accumulatorRows, planeLoadCycles;
  unsigned alus, instructionMemory;
  int readLatency, writeLatency, gatherLatency, aluLatency, transcendentalLatency, sxmLatency, sxmFarLatency,
      mxmLatency;

  /// Reads and checks a description in JSON. A number that makes no machine, or one that the compiler cannot plan with,
  /// is a Failure (Unusable) that names it.
  static llvm::Expected<TargetModel> parse(llvm::StringRef json);
  /// A chip of this build (`tsp1`), or the description in a file (`*.json`).
  static llvm::Expected<TargetModel> find(llvm::StringRef chip);
  /// The chips of this build.
  static std::vector<std::string> getNames();
  /// The description of one of them, as it is in runtime/format/chips.
  static llvm::StringRef getDescription(llvm::StringRef name);

  unsigned lanes() const { return superlanes * lanesPerSuperlane; }
  /// Values of fp16 that one array of weights multiplies at once.
  unsigned halfLanes() const { return lanes() / 2; }
  unsigned columnsPerLoad() const { return planeColumns / planeLoadCycles; }
  /// Streams that a LOAD samples; one for each column of int8.
  unsigned loadStreams() const { return columnsPerLoad(); }
  /// Rows of a tensor that one LOAD makes columns of.
  unsigned rowsPerLoad(bool isFloat16) const { return loadStreams() / (isFloat16 ? 2 : 1); }
  unsigned wordsPerBank() const { return wordsPerSlice / banksPerSlice; }
  uint64_t memoryBytes() const { return uint64_t(2) * slicesPerHemisphere * wordsPerSlice * lanes(); }

  int slicePosition(Hemisphere side, unsigned slice) const { return towards(side, 1 + slice / slicesPerPosition); }
  int planePosition(Hemisphere side, unsigned plane) const { return towards(side, mxmPosition + plane); }
  int exchangePosition(Hemisphere side) const { return towards(side, sxmPosition); }
  /// The greatest distance of a unit from the VXM.
  int reach() const { return mxmPosition + planesPerHemisphere - 1; }

  // Queues are numbered: slices, ALUs, planes (LOAD and MULTIPLY), SXMs.
  unsigned sliceQueue(Hemisphere side, unsigned slice) const {
    return static_cast<unsigned>(side) * slicesPerHemisphere + slice;
  }
  unsigned aluQueue(unsigned alu) const { return 2 * slicesPerHemisphere + alu; }
  unsigned loadQueue(Hemisphere side, unsigned plane) const { return planeQueue(side, plane); }
  unsigned multiplyQueue(Hemisphere side, unsigned plane) const { return planeQueue(side, plane) + 1; }
  unsigned permuteQueue(Hemisphere side) const {
    return planeQueue(Hemisphere::West, planesPerHemisphere) + 2 * static_cast<unsigned>(side) + 1;
  }
  unsigned numQueues() const { return 2 * slicesPerHemisphere + alus + 4 * planesPerHemisphere + 4; }

private:
  static int towards(Hemisphere side, int distance) { return side == Hemisphere::East ? distance : -distance; }
  unsigned planeQueue(Hemisphere side, unsigned plane) const {
    return 2 * slicesPerHemisphere + alus + 2 * (static_cast<unsigned>(side) * planesPerHemisphere + plane);
  }
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_TARGETMODEL_H
