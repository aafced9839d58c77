//===- QuantizedPacking.cpp - How quantized weights lie in a bundle -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/QuantizedPacking.h"

#include <cstring>

using namespace sinter::cpu;

static int64_t alignSection(int64_t bytes) { return (bytes + 63) / 64 * 64; }

int64_t PackedQuantizedShape::zeroPointsOffset() const {
  return alignSection(perGroup().numElements() * static_cast<int64_t>(sizeof(int32_t)));
}
int64_t PackedQuantizedShape::panelsOffset() const {
  return zeroPointsOffset() + (hasZeroPoints ? alignSection(perGroup().numElements()) : 0);
}

namespace {

/// Packs one panel.
class PanelPacker {
public:
  PanelPacker(const PackedQuantizedShape &shape, const QuantizedSource &source, int64_t panel, char *section)
      : shape(shape), source(source), first(panel * PackedShape::panelColumns),
        stored(shape.columns().columnsOf(panel)) {
    int64_t perGroup = shape.perGroup().panelStart(panel);
    sums = reinterpret_cast<int32_t *>(section + shape.columnSumsOffset()) + perGroup;
    zeros = shape.hasZeroPoints ? section + shape.zeroPointsOffset() + perGroup : nullptr;
    words = section + shape.panelsOffset() + shape.columns().panelStart(panel) * PackedQuantizedShape::bytesPerWord;
  }

  void run() {
    for (int64_t group = 0; group < shape.numGroups(); ++group)
      packGroup(group);
  }

private:
  int codeAt(const void *codes, int64_t index) const {
    unsigned code = static_cast<const uint8_t *>(codes)[index] & ((1u << source.bits) - 1);
    unsigned sign = source.isUnsigned ? 0 : 1u << (source.bits - 1);
    return static_cast<int>(code ^ sign) - static_cast<int>(sign);
  }

  void packGroup(int64_t group) {
    int64_t begin = group * shape.rowsPerGroup(), end = std::min(begin + shape.rowsPerGroup(), shape.k);
    int64_t valid = std::min(stored, shape.n - first), rows = shape.rowsPerWord();
    // What is added where codes are stored unsigned, or subtracted where unsigned ones are stored signed.
    int shift = shape.bits == 4 ? (source.isUnsigned ? 0 : 8) : source.isUnsigned ? -128 : 0;
    unsigned mask = shape.bits == 4 ? 0xf : 0xff;
    int zero[PackedShape::panelColumns] = {};
    for (int64_t column = 0; column < valid && source.zeroPoints; ++column)
      zero[column] = codeAt(source.zeroPoints, group * shape.n + first + column);
    for (int64_t column = 0; column < stored && zeros; ++column)
      zeros[group * stored + column] = static_cast<char>(zero[column] + shift);

    // Stores to the section may change anything that is in memory: what the loop reads of the shape is local.
    int32_t sum[PackedShape::panelColumns] = {};
    int64_t numStored = stored, rowStride = source.transposed ? 1 : shape.n,
            columnStride = source.transposed ? shape.k : 1;
    int64_t firstCode = first * columnStride;
    bool isNibbles = shape.bits == 4;
    char *word = words + group * shape.wordsPerGroup() * stored * PackedQuantizedShape::bytesPerWord;
    // Row by row of words, so that the lines of the source that these need stay in the cache, transposed or not.
    for (int64_t row = begin; row < end; row += rows)
      for (int64_t column = 0; column < numStored; ++column, word += PackedQuantizedShape::bytesPerWord) {
        int64_t present = column < valid ? std::min(rows, end - row) : 0, place = firstCode + column * columnStride;
        uint32_t value = 0;
        for (int64_t i = 0; i < rows; ++i) {
          // What is missing has no effect: 4 bits come with their zero point subtracted, 8 bits as they are.
          int stands = isNibbles ? zero[column] + shift : 0;
          if (i < present) {
            int code = codeAt(source.codes, place + (row + i) * rowStride);
            sum[column] += code - zero[column];
            stands = code + shift;
          }
          value |= (static_cast<uint32_t>(stands) & mask) << (i % 4 * 8 + i / 4 * 4);
        }
        // Its lowest byte is the first, whatever the machine.
        const uint8_t bytes[] = {static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8),
                                 static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 24)};
        std::memcpy(word, bytes, sizeof(bytes));
      }
    std::copy(sum, sum + stored, sums + group * stored);
  }

  const PackedQuantizedShape &shape;
  const QuantizedSource &source;
  int64_t first, stored;
  int32_t *sums;
  char *zeros, *words;
};

} // namespace

void sinter::cpu::packQuantizedWeights(const PackedQuantizedShape &shape, const QuantizedSource &source,
                                       void *destination) {
  auto *section = static_cast<char *>(destination);
  std::memset(section, 0, shape.panelsOffset());
  for (int64_t panel = 0; panel < shape.columns().numPanels(); ++panel)
    PanelPacker(shape, source, panel, section).run();
}

void sinter::cpu::packQuantizedScales(const PackedQuantizedShape &shape, const float *source, float *destination) {
  if (shape.numGroups() == 1) {
    std::memcpy(destination, source, shape.n * sizeof(float));
    return;
  }
  PackedShape perGroup = shape.perGroup();
  for (int64_t panel = 0; panel < perGroup.numPanels(); ++panel)
    packMatmulPanel(perGroup, panel, source, /*transposed=*/false, destination + perGroup.panelStart(panel));
}
