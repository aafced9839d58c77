//===- StreamUnits.cpp - Stream registers and planes ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/sim/StreamUnits.h"

#include "runtime/sim/StreamArithmetic.h"

#include <algorithm>
#include <cstring>

namespace sinter::sim {

StreamRegisters::StreamRegisters(const format::StreamMachine &machine, VectorPool &pool)
    : pool(pool), edge(static_cast<int32_t>(machine.edge())) {
  // Values that are in registers at t have phi from t - edge to t + edge; phi = t - edge - 1 leaves.
  uint64_t size = 1;
  while (size < 2 * uint64_t(edge) + 2)
    size *= 2;
  mask = size - 1;
  bias = size;
  for (std::vector<Slot> &direction : slots)
    direction.resize(size);
}

void StreamRegisters::clear() {
  for (std::vector<Slot> &direction : slots)
    for (Slot &slot : direction)
      slot.full = slot.sampled = 0;
  values = 0;
}

std::optional<StreamRegisters::Lost> StreamRegisters::advance(uint64_t cycle) {
  std::optional<Lost> lost;
  for (format::Direction direction : {format::EAST, format::WEST}) {
    int32_t beyond = direction == format::EAST ? edge + 1 : -edge - 1;
    Slot &leaving = slot(cycle, beyond, direction);
    if (uint32_t unsampled = leaving.full & ~leaving.sampled; unsampled && !lost)
      lost = Lost{direction, static_cast<uint32_t>(__builtin_ctz(unsampled)), beyond};
    for (uint32_t left = leaving.full; left; left &= left - 1) {
      pool.give(leaving.vectors[__builtin_ctz(left)]);
      --values;
    }
    leaving.full = leaving.sampled = 0;
  }
  return lost;
}

const uint8_t *StreamRegisters::sample(uint64_t cycle, int32_t x, format::Direction direction, uint32_t stream) {
  Slot &here = slot(cycle, x, direction);
  if (!(here.full >> stream & 1))
    return nullptr;
  here.sampled |= uint32_t(1) << stream;
  return pool.at(here.vectors[stream]);
}

std::optional<StreamStopKind> StreamRegisters::drive(uint64_t cycle, int32_t x, format::Direction direction,
                                                     uint32_t stream, uint32_t vector) {
  Slot &here = slot(cycle, x, direction);
  uint32_t bit = uint32_t(1) << stream;
  if (here.full & bit) {
    if (here.driven[stream] == cycle)
      return StreamStopKind::DoubleDrive;
    if (!(here.sampled & bit))
      return StreamStopKind::LostValue;
    pool.give(here.vectors[stream]);
    --values;
  }
  here.full |= bit;
  here.sampled &= ~bit;
  here.vectors[stream] = vector;
  here.driven[stream] = cycle;
  ++values;
  return std::nullopt;
}

Plane::Plane(const format::StreamMachine &machine)
    : lanes(machine.lanes()), columns(machine.planeColumns), array(lanes, columns), buffer(lanes, columns),
      accumulators(size_t(machine.accumulatorRows) * columns), rowTypes(machine.accumulatorRows, Type::None),
      wideRow(lanes), wholeSums(columns), floatSums(columns) {}

void Plane::reset() {
  array.type = buffer.type = Type::None;
  std::fill(rowTypes.begin(), rowTypes.end(), Type::None);
}

void Plane::clear(Weights &weights, Type type) {
  weights.type = type;
  if (type == Type::Int8)
    weights.int8.assign(lanes * columns, 0);
  else
    weights.float16.clear();
}

bool Plane::beginLoad(Type type) {
  if (buffer.type == Type::None)
    clear(buffer, type);
  return buffer.type == type;
}

void Plane::loadInt8(uint32_t column, const uint8_t *from) {
  int16_t *to = buffer.int8.data() + column * lanes;
  for (size_t k = 0; k < lanes; ++k)
    to[k] = static_cast<int8_t>(from[k]);
}

void Plane::loadFloat16(uint32_t column, const uint16_t *bits) { buffer.float16.setColumn(column, bits); }

bool Plane::swap(Type type) {
  if (buffer.type == Type::None)
    clear(buffer, type);
  if (buffer.type != type)
    return false;
  std::swap(array, buffer);
  buffer.type = Type::None;
  return true;
}

bool Plane::multiplyInt8(uint32_t row, bool add, const uint8_t *from) {
  if (add && rowTypes[row] != Type::Int8)
    return false;
  for (size_t k = 0; k < lanes; ++k)
    wideRow[k] = static_cast<int8_t>(from[k]);
  sim::multiplyInt8(array.int8.data(), wideRow.data(), lanes, columns, wholeSums.data());
  uint32_t *to = accumulators.data() + size_t(row) * columns;
  for (size_t j = 0; j < columns; ++j)
    to[j] = (add ? to[j] : 0) + static_cast<uint32_t>(wholeSums[j]);
  rowTypes[row] = Type::Int8;
  return true;
}

bool Plane::multiplyFloat16(uint32_t row, bool add, const uint16_t *bits) {
  if (add && rowTypes[row] != Type::Float16)
    return false;
  array.float16.multiply(bits, floatSums.data());
  uint32_t *to = accumulators.data() + size_t(row) * columns;
  if (add)
    for (size_t j = 0; j < columns; ++j) {
      float held;
      std::memcpy(&held, to + j, 4);
      floatSums[j] = canonical(held + floatSums[j]);
    }
  std::memcpy(to, floatSums.data(), columns * 4);
  rowTypes[row] = Type::Float16;
  return true;
}

} // namespace sinter::sim
