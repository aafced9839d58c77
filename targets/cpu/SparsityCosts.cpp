//===- SparsityCosts.cpp - When block-sparse products are faster ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/SparsityCosts.h"

#include "llvm/ADT/STLExtras.h"

#include <cassert>

using namespace sinter::cpu;

namespace {

constexpr double densities[] = {0.1, 0.2, 0.5, 0.8, 1.0};

/// Milliseconds of a product of [rows][4096] by [4096][4096] on one thread.
struct Measured {
  llvm::StringLiteral variant;
  SparseShape::Elements elements;
  int64_t rows;
  double dense;
  double sparse[std::size(densities)];
};

constexpr auto f32 = SparseShape::Elements::F32, bytes = SparseShape::Elements::Bytes;

// Measured on 2026-11-21 on an Intel Xeon of 2.80 GHz (2 cores, AVX-512 and VNNI) with `kernel-benchmark VARIANT
// x4096x4096`: the least of several rounds, x86-64-v4-vnni with little else at work (but for its dense bytes), the
// others in processor time while the machine built something. There is no machine with NEON or with AMX to measure:
// x86-64-v3 stands for the former, x86-64-v4-vnni, whose sparse kernels are the same, for the latter, whose dense ones
// should be faster than the table says.
constexpr Measured table[] = {
    {"x86-64-v4-vnni", f32, 512, 129.0, {21.5, 33.0, 76.3, 111.8, 148.8}},
    {"x86-64-v4-vnni", f32, 64, 14.98, {2.44, 6.06, 14.3, 19.9, 22.2}},
    {"x86-64-v4-vnni", f32, 1, 5.79, {0.229, 0.61, 3.09, 4.83, 5.97}},
    {"x86-64-v4-vnni", bytes, 512, 33.8, {4.95, 7.86, 20.5, 36.1, 41.1}},
    {"x86-64-v4-vnni", bytes, 64, 5.04, {0.73, 1.23, 3.15, 4.85, 5.67}},
    {"x86-64-v4-vnni", bytes, 1, 0.9, {0.065, 0.127, 0.281, 0.512, 0.865}},
    {"x86-64-v4", f32, 512, 160.7, {25.5, 36.8, 87.8, 130.0, 186.2}},
    {"x86-64-v4", bytes, 512, 139.1, {23.6, 45.9, 107.6, 142.8, 193.1}},
    {"x86-64-v3", f32, 512, 288.8, {26.4, 54.6, 126.1, 227.0, 265.4}},
    {"x86-64-v3", bytes, 512, 253.1, {32.8, 65.9, 149.5, 239.7, 300.7}},
};

} // namespace

/// The sparse time at `density`, on straight lines between what was measured.
static double interpolate(const Measured &measured, double density) {
  for (size_t i = 1; i < std::size(densities); ++i)
    if (density <= densities[i] || i + 1 == std::size(densities)) {
      double part = (density - densities[i - 1]) / (densities[i] - densities[i - 1]);
      double ms = measured.sparse[i - 1] + part * (measured.sparse[i] - measured.sparse[i - 1]);
      // Below the least density the line may end below 0: no product is free.
      return std::max(ms, measured.sparse[0] / 4);
    }
  return measured.sparse[0];
}

PredictedProduct sinter::cpu::predictProduct(const Isa &isa, const SparseShape &shape, double density) {
  llvm::StringRef variant = isa.hasTiles ? llvm::StringRef("x86-64-v4-vnni") : llvm::StringRef(isa.name);
  auto isOf = [&](const Measured &measured) {
    return measured.variant == variant && measured.elements == shape.elements;
  };
  if (llvm::none_of(table, isOf))
    variant = "x86-64-v3";
  double part = static_cast<double>(shape.n) * shape.k / (4096.0 * 4096.0);
  PredictedProduct worst;
  for (const Measured &measured : table) {
    if (!isOf(measured))
      continue;
    PredictedProduct product{measured.dense * part, interpolate(measured, density) * part, measured.rows};
    if (!worst.rows || product.speedup() < worst.speedup())
      worst = product;
  }
  assert(worst.rows && "the table has each kind of elements");
  return worst;
}
