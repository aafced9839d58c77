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
      for (int64_t column = 0; column < stored; ++column)
        packColumn(group, column);
  }

private:
  int codeAt(const void *codes, int64_t index) const {
    unsigned code = static_cast<const uint8_t *>(codes)[index] & ((1u << source.bits) - 1),
             sign = 1u << (source.bits - 1);
    return source.isUnsigned ? static_cast<int>(code) : static_cast<int>(code ^ sign) - static_cast<int>(sign);
  }

  void packColumn(int64_t group, int64_t column) {
    int64_t n = first + column, begin = group * shape.rowsPerGroup();
    int64_t end = std::min(begin + shape.rowsPerGroup(), shape.k);
    bool inside = n < shape.n;
    // What is added where codes are stored unsigned, or subtracted where unsigned ones are stored signed.
    int shift = shape.bits == 4 ? (source.isUnsigned ? 0 : 8) : source.isUnsigned ? -128 : 0;
    int zero = inside && source.zeroPoints ? codeAt(source.zeroPoints, group * shape.n + n) : 0;
    int64_t rows = shape.rowsPerWord(), numWords = (end - begin + rows - 1) / rows;
    char *word = words + (group * shape.wordsPerGroup() * stored + column) * PackedQuantizedShape::bytesPerWord;
    int32_t sum = 0;
    for (int64_t row = begin; numWords--; word += stored * PackedQuantizedShape::bytesPerWord) {
      uint8_t bytes[PackedQuantizedShape::bytesPerWord] = {};
      for (int64_t i = 0; i < rows; ++i, ++row) {
        // What is missing has no effect: 4 bits come with their zero point subtracted, 8 bits as they are.
        int value = shape.bits == 4 ? zero + shift : 0;
        if (inside && row < end) {
          int code = codeAt(source.codes, source.transposed ? n * shape.k + row : row * shape.n + n);
          sum += code - zero;
          value = code + shift;
        }
        bytes[i % 4] |= (static_cast<unsigned>(value) & (shape.bits == 4 ? 0xf : 0xff)) << (i / 4 * 4);
      }
      std::memcpy(word, bytes, sizeof(bytes));
    }
    sums[group * stored + column] = sum;
    if (zeros)
      zeros[group * stored + column] = static_cast<char>(zero + shift);
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
