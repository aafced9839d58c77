//===- QuantizedPacking.cpp - How quantized weights lie in a bundle -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/QuantizedPacking.h"

#include <cstring>

using namespace sinter::cpu;

static int64_t alignTo(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }

int64_t PackedQuantizedShape::panelsOffset() const {
  return alignTo(alignTo(n, PackedShape::columnMultiple) * sizeof(int32_t), 64);
}

void sinter::cpu::packQuantizedWeights(const PackedQuantizedShape &shape, const int8_t *source, bool transposed,
                                       void *destination) {
  PackedShape columns = shape.columns();
  constexpr int64_t rows = PackedQuantizedShape::rowsPerStep;
  auto *bytes = static_cast<char *>(destination);
  std::memset(bytes, 0, shape.panelsOffset());
  for (int64_t panel = 0; panel < columns.numPanels(); ++panel) {
    int64_t first = panel * PackedShape::panelColumns, stored = columns.columnsOf(panel);
    auto *step = reinterpret_cast<int8_t *>(bytes + shape.panelsOffset()) + columns.panelStart(panel) * rows;
    int32_t sums[PackedShape::panelColumns] = {};
    for (int64_t k = 0; k < columns.k * rows; k += rows, step += stored * rows)
      for (int64_t column = 0; column < stored; ++column)
        for (int64_t i = 0; i < rows; ++i) {
          int64_t n = first + column;
          bool inside = n < shape.n && k + i < shape.k;
          int8_t value = !inside ? 0 : transposed ? source[n * shape.k + k + i] : source[(k + i) * shape.n + n];
          step[column * rows + i] = value;
          sums[column] += value;
        }
    std::memcpy(bytes + shape.columnSumsOffset() + first * sizeof(int32_t), sums, stored * sizeof(int32_t));
  }
}
