//===- SparsityCosts.h - When block-sparse products are faster -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What was measured of products with block-sparse weights and of dense ones, from
// which the compiler predicts which is faster. It times nothing itself: the same
// model gives the same program on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_SPARSITYCOSTS_H
#define SINTER_TARGETS_CPU_SPARSITYCOSTS_H

#include "targets/cpu/Kernels/Isa.h"
#include "targets/cpu/Kernels/SparsePacking.h"

namespace sinter::cpu {

struct PredictedProduct {
  /// Milliseconds of a product of `rows` rows on one thread of the machine that was measured.
  double denseMs = 0, sparseMs = 0;
  int64_t rows = 0;

  double speedup() const { return denseMs / sparseMs; }
};

/// A product of [rows][K] by a weight of this shape of which `density`, 0 to 1, is stored: at the number of rows at
/// which sparsity gains least.
PredictedProduct predictProduct(const Isa &isa, const SparseShape &shape, double density);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_SPARSITYCOSTS_H
