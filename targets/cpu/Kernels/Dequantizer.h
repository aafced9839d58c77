//===- Dequantizer.h - Codes of weights become f32 in registers -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads a panel of codes as QuantizedPacking.h packs them: (code - zero) * scale,
// rounded once to f32.
//
// A code becomes a float without a conversion: put into the lowest bits of 2^23 it
// is 2^23 + code, from which 2^23 + zero is subtracted, exactly.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_DEQUANTIZER_H
#define SINTER_TARGETS_CPU_KERNELS_DEQUANTIZER_H

#include "targets/cpu/Kernels/KernelBuilder.h"
#include "targets/cpu/Kernels/MatmulTile.h"
#include "targets/cpu/Kernels/QuantizedPacking.h"

namespace sinter::cpu {

class Dequantizer {
public:
  /// Pointers to the packed panels, scales and zero points of the whole weight; groups of the shape are whole words.
  struct Pointers {
    mlir::Value panels, scales, zeroPoints;
  };
  Dequantizer(KernelBuilder &k, const PackedQuantizedShape &shape, const Pointers &pointers, const PanelTask &task);

  /// One row of words, from the column `first` of the panel on: vectors of columns for each of the `rows` rows of B
  /// that the words hold, the first one first. `valid` says how many lanes of each vector are columns of B.
  void forRowsOfWord(Int word, Int first, llvm::ArrayRef<int64_t> valid, int64_t rows,
                     llvm::function_ref<void(int64_t row, KernelBuilder::ValueSpan columns)> body);

private:
  KernelBuilder &k;
  const PackedQuantizedShape &shape;
  Pointers pointers; // of the panel
  int64_t storedColumns;
};

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_DEQUANTIZER_H
