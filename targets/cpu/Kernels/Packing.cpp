//===- Packing.cpp - How the weights of a matmul lie in a bundle ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Packing.h"

#include <algorithm>
#include <cstring>

using namespace sinter::cpu;

void sinter::cpu::packMatmulPanel(const PackedShape &shape, int64_t panel, const float *source, bool transposed,
                                  float *destination) {
  int64_t first = panel * PackedShape::panelColumns, width = shape.columnsOf(panel);
  int64_t valid = std::min(width, shape.n - first);
  if (!transposed) {
    for (int64_t row = 0; row < shape.k; ++row, destination += width) {
      std::memcpy(destination, source + row * shape.n + first, valid * sizeof(float));
      std::fill(destination + valid, destination + width, 0.0f);
    }
    return;
  }
  // Blocks of rows, so that the lines of `source` that a block touches stay in the cache while its columns are visited.
  constexpr int64_t block = 16;
  for (int64_t begin = 0; begin < shape.k; begin += block) {
    int64_t end = std::min(begin + block, shape.k);
    for (int64_t column = 0; column < width; ++column)
      for (int64_t row = begin; row < end; ++row)
        destination[row * width + column] = column < valid ? source[(first + column) * shape.k + row] : 0.0f;
  }
}

void sinter::cpu::packMatmulWeights(const PackedShape &shape, const float *source, bool transposed,
                                    float *destination) {
  for (int64_t panel = 0; panel < shape.numPanels(); ++panel)
    packMatmulPanel(shape, panel, source, transposed, destination + shape.panelStart(panel));
}
