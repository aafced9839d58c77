//===- StreamTensors.cpp - The memory of a streaming chip, and tensors ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/sim/StreamTensors.h"

#include "runtime/sim/StreamArithmetic.h"

#include <algorithm>
#include <cstring>

namespace sinter::sim {

using namespace format;

StreamMemory::StreamMemory(const StreamMachine &machine)
    : lanes(machine.lanes()), words(machine.wordsPerSlice), count(2 * machine.slicesPerHemisphere),
      all(static_cast<uint8_t *>(std::calloc(count * words, lanes))), written(count * words, 0) {}

void StreamMemory::clearWritten() {
  for (size_t word = 0; word < count * words; ++word)
    if (written[word]) {
      std::memset(all.get() + word * lanes, 0, lanes);
      written[word] = 0;
    }
}

uint32_t rowsOf(const Placement &placement, const Strip &strip) {
  uint32_t interleave = std::max(placement.interleave(), 1u);
  return static_cast<uint32_t>((uint64_t(placement.rows()) - strip.residue() + interleave - 1) / interleave);
}

namespace {
constexpr uint32_t greatestInterleave = 64;
} // namespace

bool checkPlacement(const Placement &placement, const StreamMachine &machine, std::string &error) {
  auto refuse = [&](const std::string &sentence) {
    error = "the schedule is damaged: tensor '" + placement.name() + "' " + sentence;
    return false;
  };
  if (!ElementType_IsValid(placement.type()))
    return refuse("is of a type that there is not");
  if (placement.rows() == 0 || placement.columns() == 0)
    return refuse("has no elements");
  uint32_t elementBytes = static_cast<uint32_t>(bytesOf(placement.type()));
  uint32_t interleave = std::max(placement.interleave(), 1u);
  if (interleave > greatestInterleave || interleave > placement.rows())
    return refuse("is dealt out to " + std::to_string(interleave) + " strips");
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> covered(interleave * elementBytes);
  for (const Strip &strip : placement.strips()) {
    if (!Direction_IsValid(strip.hemisphere()) || strip.slice() >= machine.slicesPerHemisphere)
      return refuse("lies in a slice that the chip does not have");
    if (strip.byte() >= elementBytes || strip.columns() == 0 || strip.column() >= placement.columns() ||
        strip.columns() > placement.columns() - strip.column())
      return refuse("has a strip of columns or bytes that it does not have");
    if (strip.first_lane() >= machine.lanes() || strip.columns() > machine.lanes() - strip.first_lane())
      return refuse("has a strip that is wider than a word");
    if (strip.residue() >= interleave)
      return refuse("has a strip of rows that it does not have");
    if (strip.address() >= machine.wordsPerSlice || rowsOf(placement, strip) > machine.wordsPerSlice - strip.address())
      return refuse("has a strip that ends beyond its slice");
    covered[strip.residue() * elementBytes + strip.byte()].emplace_back(strip.column(),
                                                                        strip.column() + strip.columns());
  }
  for (auto &pieces : covered) {
    std::sort(pieces.begin(), pieces.end());
    uint32_t end = 0;
    for (const auto &[first, last] : pieces) {
      if (first > end)
        break;
      end = std::max(end, last);
    }
    if (end < placement.columns())
      return refuse("has no place for column " + std::to_string(end));
  }
  return true;
}

bool checkImage(const Image &image, const StreamMachine &machine, std::string &error) {
  if (!Direction_IsValid(image.hemisphere()) || image.slice() >= machine.slicesPerHemisphere ||
      image.address() >= machine.wordsPerSlice || image.words() > machine.wordsPerSlice - image.address() ||
      image.word_bytes() > machine.lanes() || image.offset() > UINT64_MAX / 2) {
    error = "the schedule is damaged: constants at slice " + std::to_string(image.slice()) + ", address " +
            std::to_string(image.address()) + " lie beyond the memory";
    return false;
  }
  return true;
}

size_t bytesOf(const Placement &placement) {
  return size_t(placement.rows()) * placement.columns() * bytesOf(placement.type());
}

namespace {

/// visit(strip, row of the tensor, word of the strip, place among all bytes of all strips)
template <typename Visit> void forEachStripRow(const Placement &placement, Visit visit) {
  size_t at = 0;
  uint32_t interleave = std::max(placement.interleave(), 1u);
  for (const Strip &strip : placement.strips())
    for (uint32_t i = 0; i < rowsOf(placement, strip); ++i) {
      visit(strip, strip.residue() + i * interleave, strip.address() + i, at);
      at += strip.columns();
    }
}

size_t elementAt(const Placement &placement, const Strip &strip, uint32_t row) {
  return (size_t(row) * placement.columns() + strip.column()) * bytesOf(placement.type()) + strip.byte();
}

} // namespace

void storeTensor(const Placement &placement, const uint8_t *bytes, StreamMemory &memory) {
  size_t stride = bytesOf(placement.type());
  forEachStripRow(placement, [&](const Strip &strip, uint32_t row, uint32_t address, size_t) {
    uint8_t *word = memory.change(memory.slice(strip.hemisphere(), strip.slice()), address);
    const uint8_t *from = bytes + elementAt(placement, strip, row);
    for (uint32_t lane = 0; lane < strip.columns(); ++lane)
      word[strip.first_lane() + lane] = from[lane * stride];
  });
}

void loadTensor(const Placement &placement, const StreamMemory &memory, uint8_t *bytes) {
  size_t stride = bytesOf(placement.type());
  forEachStripRow(placement, [&](const Strip &strip, uint32_t row, uint32_t address, size_t) {
    const uint8_t *word = memory.word(memory.slice(strip.hemisphere(), strip.slice()), address);
    uint8_t *to = bytes + elementAt(placement, strip, row);
    for (uint32_t lane = 0; lane < strip.columns(); ++lane)
      to[lane * stride] = word[strip.first_lane() + lane];
  });
}

void storeStrips(const Placement &placement, const std::vector<uint8_t> &bytes, StreamMemory &memory) {
  forEachStripRow(placement, [&](const Strip &strip, uint32_t, uint32_t address, size_t at) {
    uint8_t *word = memory.change(memory.slice(strip.hemisphere(), strip.slice()), address);
    std::memcpy(word + strip.first_lane(), bytes.data() + at, strip.columns());
  });
}

static size_t bytesOfStrips(const Placement &placement) {
  size_t size = 0;
  for (const Strip &strip : placement.strips())
    size += size_t(strip.columns()) * rowsOf(placement, strip);
  return size;
}

std::vector<uint8_t> joinStrips(const Placement &placement, const std::vector<uint8_t> &strips) {
  std::vector<uint8_t> tensor(bytesOf(placement));
  size_t stride = bytesOf(placement.type());
  forEachStripRow(placement, [&](const Strip &strip, uint32_t row, uint32_t, size_t at) {
    for (uint32_t lane = 0; lane < strip.columns(); ++lane)
      tensor[elementAt(placement, strip, row) + lane * stride] = strips[at + lane];
  });
  return tensor;
}

std::vector<uint8_t> splitStrips(const Placement &placement, const std::vector<uint8_t> &tensor) {
  std::vector<uint8_t> strips(bytesOfStrips(placement));
  size_t stride = bytesOf(placement.type());
  forEachStripRow(placement, [&](const Strip &strip, uint32_t row, uint32_t, size_t at) {
    for (uint32_t lane = 0; lane < strip.columns(); ++lane)
      strips[at + lane] = tensor[elementAt(placement, strip, row) + lane * stride];
  });
  return strips;
}

std::vector<uint8_t> loadStrips(const Placement &placement, const StreamMemory &memory) {
  std::vector<uint8_t> bytes(bytesOfStrips(placement));
  forEachStripRow(placement, [&](const Strip &strip, uint32_t, uint32_t address, size_t at) {
    const uint8_t *word = memory.word(memory.slice(strip.hemisphere(), strip.slice()), address);
    std::memcpy(bytes.data() + at, word + strip.first_lane(), strip.columns());
  });
  return bytes;
}

} // namespace sinter::sim
