//===- PlaneProducts.h - A row times the array of a plane -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nearly all of a simulation's arithmetic. Sums of int8 products are whole numbers.
// Sums of float16 products are computed exactly and rounded once, which is done in
// double where that is provably exact:
//
//   Every product is a whole multiple of q = q_row q_column, the greatest powers of
//   two that divide all elements of the row and all of the column. If the sum of the
//   magnitudes is at most 2^53 q, all partial sums are multiples of q that a double
//   holds, in any order. max |row| x sum |column| bounds the sum.
//
// Where that fails, the row is split in two at a power of two, each half is exact by
// the same argument, and their sum is rounded once (to odd in double, then to
// float). Where even that fails, whole numbers of 128 bits are used.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_SIM_PLANEPRODUCTS_H
#define SINTER_RUNTIME_SIM_PLANEPRODUCTS_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sinter::sim {

/// The weights of a plane with int8: column j is weights[j * depth, + depth).
void multiplyInt8(const int16_t *weights, const int16_t *row, size_t depth, size_t columns, int32_t *sums);

/// The weights of a plane with float16, and what their exact products need to know.
class Float16Array {
public:
  Float16Array(size_t depth, size_t columns) : depth(depth), columns(columns) {}

  void clear();
  /// Column `column` from float16 bits, `depth` of them.
  void setColumn(size_t column, const uint16_t *bits);
  /// sums[j]: column j times `row` (float16 bits), exactly, rounded once.
  void multiply(const uint16_t *row, float *sums);

private:
  void measure();

  size_t depth, columns;
  std::vector<float> weights;       // [depth][columns], so that columns lie side by side
  std::vector<double> magnitudes;   // of each column: the sum of |w| / q
  std::vector<unsigned char> plain; // whether all of the column is finite
  double greatest = 0;              // of the magnitudes
  bool measured = false;
  std::vector<float> high, low;
  std::vector<double> highSums, lowSums;
};

} // namespace sinter::sim

#endif // SINTER_RUNTIME_SIM_PLANEPRODUCTS_H
