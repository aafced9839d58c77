//===- StreamUnits.h - Stream registers and planes ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of a streaming chip that hold something: the registers of the streams
// and the planes of the MXM. They know the rules of what they hold; when something
// happens to them is said by the machine (StreamSimulator.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_SIM_STREAMUNITS_H
#define SINTER_RUNTIME_SIM_STREAMUNITS_H

#include "runtime/format/ChipDescription.h"
#include "runtime/format/schedule.pb.h"
#include "runtime/sim/PlaneProducts.h"
#include "runtime/sim/StreamSimulator.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sinter::sim {

/// Vectors of bytes, used again and again.
class VectorPool {
public:
  explicit VectorPool(size_t size) : size(size) {}

  uint32_t take() {
    if (free.empty()) {
      free.push_back(static_cast<uint32_t>(vectors.size()));
      vectors.emplace_back(size);
    }
    uint32_t index = free.back();
    free.pop_back();
    return index;
  }
  void give(uint32_t index) { free.push_back(index); }
  uint8_t *at(uint32_t index) { return vectors[index].data(); }

private:
  size_t size;
  std::vector<std::vector<uint8_t>> vectors;
  std::vector<uint32_t> free;
};

/// All stream registers. A value is found by what it keeps while it moves: phi = t - x eastward, t + x westward.
class StreamRegisters {
public:
  struct Lost {
    format::Direction direction;
    uint32_t stream;
    int32_t x;
  };

  StreamRegisters(const format::StreamMachine &machine, VectorPool &pool);

  /// To be called once for each cycle in which anything is under way, before anything else: what leaves at the edge.
  std::optional<Lost> advance(uint64_t cycle);
  /// The value at x, which now has been sampled; null where there is none.
  const uint8_t *sample(uint64_t cycle, int32_t x, format::Direction direction, uint32_t stream);
  /// Takes `vector` over, unless a rule forbids it.
  std::optional<StreamStopKind> drive(uint64_t cycle, int32_t x, format::Direction direction, uint32_t stream,
                                      uint32_t vector);
  bool empty() const { return values == 0; }
  /// Nothing is in any register; the pool is new.
  void clear();

private:
  struct Slot {
    uint32_t full = 0, sampled = 0; // bit s: stream s
    uint32_t vectors[32];
    uint64_t driven[32];
  };
  Slot &slot(uint64_t cycle, int32_t x, format::Direction direction) {
    uint64_t phi = cycle + bias + static_cast<uint64_t>(static_cast<int64_t>(direction == format::EAST ? -x : x));
    return slots[direction][phi & mask];
  }

  VectorPool &pool;
  uint64_t bias, mask;
  std::vector<Slot> slots[2];
  uint64_t values = 0;
  int32_t edge;
};

/// One plane of the MXM; plane 0 also as the unit of both planes with float16.
class Plane {
public:
  enum class Type : uint8_t { None, Int8, Float16 };

  explicit Plane(const format::StreamMachine &machine);

  /// As it is at cycle 0.
  void reset();
  Type arrayType() const { return array.type; }
  void loseArray() { array.type = Type::None; }

  /// Whether columns of this type may go into the buffer; then they may be put there.
  bool beginLoad(Type type);
  void loadInt8(uint32_t column, const uint8_t *lanes);
  void loadFloat16(uint32_t column, const uint16_t *bits);
  /// Whether the buffer may become the array of a product of this type; then it has become it.
  bool swap(Type type);
  /// Row `row` of the accumulators becomes the sum, or gains it. False where `add` finds no row of this type.
  bool multiplyInt8(uint32_t row, bool add, const uint8_t *lanes);
  bool multiplyFloat16(uint32_t row, bool add, const uint16_t *bits);
  /// The bits of a row's sums.
  const uint32_t *sums(uint32_t row) const { return accumulators.data() + size_t(row) * columns; }

private:
  struct Weights {
    Weights(size_t lanes, size_t columns) : float16(lanes / 2, columns) {}
    Type type = Type::None;
    std::vector<int16_t> int8; // [column][lane]
    Float16Array float16;
  };
  void clear(Weights &weights, Type type);

  size_t lanes, columns;
  Weights array, buffer;
  std::vector<uint32_t> accumulators;
  std::vector<Type> rowTypes;
  std::vector<int16_t> wideRow;
  std::vector<int32_t> wholeSums;
  std::vector<float> floatSums;
};

} // namespace sinter::sim

#endif // SINTER_RUNTIME_SIM_STREAMUNITS_H
