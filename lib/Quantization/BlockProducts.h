//===- BlockProducts.h - Matrix products for the statistics of weights and activations -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What GPTQ and second moments spend their time in. Each element is summed in the order
// of k, by products and additions that are rounded apart, so that the result is the
// same whatever vectors the machine has.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATION_BLOCKPRODUCTS_H
#define SINTER_QUANTIZATION_BLOCKPRODUCTS_H

#include <cstdint>

namespace sinter {

/// A matrix whose element (i, j) is data[i * rowStride + j * columnStride].
template <typename T> struct StridedMatrix {
  const T *data;
  int64_t rowStride, columnStride = 1;
};

/// c[i * cStride + j] += sum over k of a(i, k) * b(k, j), for m x n elements; b's columnStride is 1. The sum is taken
/// in the operands' type, from 0, and then added.
void addProduct(double *c, int64_t cStride, StridedMatrix<float> a, StridedMatrix<float> b, int64_t m, int64_t n,
                int64_t depth);
void addProduct(double *c, int64_t cStride, StridedMatrix<double> a, StridedMatrix<double> b, int64_t m, int64_t n,
                int64_t depth);

} // namespace sinter

#endif // SINTER_QUANTIZATION_BLOCKPRODUCTS_H
