//===- BlockProducts.cpp - Matrix products for the statistics of weights and activations -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/BlockProducts.h"

#include <cstring>

using namespace sinter;

#pragma clang fp contract(off)

namespace {

constexpr int64_t vectorBytes = 64, numVectors = 2;

/// `rows` x (2 vectors) sums, in registers.
template <int rows, typename T>
[[gnu::always_inline]] inline void addTile(double *c, int64_t cStride, StridedMatrix<T> a, StridedMatrix<T> b,
                                           int64_t depth) {
  constexpr int64_t lanes = vectorBytes / sizeof(T);
  typedef T Vector __attribute__((vector_size(vectorBytes)));
  Vector sums[rows][numVectors] = {};
  for (int64_t k = 0; k < depth; ++k) {
    Vector right[numVectors];
    std::memcpy(right, b.data + k * b.rowStride, sizeof right);
    for (int i = 0; i < rows; ++i) {
      T left = a.data[i * a.rowStride + k * a.columnStride];
      for (int v = 0; v < numVectors; ++v)
        sums[i][v] += left * right[v];
    }
  }
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < numVectors; ++v)
      for (int64_t lane = 0; lane < lanes; ++lane)
        c[i * cStride + v * lanes + lane] += sums[i][v][lane];
}

template <typename T>
[[gnu::always_inline]] inline void addProductBody(double *c, int64_t cStride, StridedMatrix<T> a, StridedMatrix<T> b,
                                                  int64_t m, int64_t n, int64_t depth) {
  constexpr int64_t width = numVectors * vectorBytes / sizeof(T);
  int64_t j = 0;
  for (; j + width <= n; j += width) {
    StridedMatrix<T> right{b.data + j, b.rowStride};
    int64_t i = 0;
    for (; i + 4 <= m; i += 4)
      addTile<4>(c + i * cStride + j, cStride, {a.data + i * a.rowStride, a.rowStride, a.columnStride}, right, depth);
    for (; i < m; ++i)
      addTile<1>(c + i * cStride + j, cStride, {a.data + i * a.rowStride, a.rowStride, a.columnStride}, right, depth);
  }
  for (; j < n; ++j)
    for (int64_t i = 0; i < m; ++i) {
      T sum = 0;
      for (int64_t k = 0; k < depth; ++k)
        sum += a.data[i * a.rowStride + k * a.columnStride] * b.data[k * b.rowStride + j];
      c[i * cStride + j] += sum;
    }
}

template <typename T>
using Product = void (*)(double *, int64_t, StridedMatrix<T>, StridedMatrix<T>, int64_t, int64_t, int64_t);

template <typename T>
void addProductPlain(double *c, int64_t cStride, StridedMatrix<T> a, StridedMatrix<T> b, int64_t m, int64_t n,
                     int64_t depth) {
  addProductBody(c, cStride, a, b, m, n, depth);
}

#ifdef __x86_64__
template <typename T>
[[gnu::target("avx2")]] void addProductAvx2(double *c, int64_t cStride, StridedMatrix<T> a, StridedMatrix<T> b,
                                            int64_t m, int64_t n, int64_t depth) {
  addProductBody(c, cStride, a, b, m, n, depth);
}

template <typename T>
[[gnu::target("avx512f")]] void addProductAvx512(double *c, int64_t cStride, StridedMatrix<T> a, StridedMatrix<T> b,
                                                 int64_t m, int64_t n, int64_t depth) {
  addProductBody(c, cStride, a, b, m, n, depth);
}
#endif

template <typename T> Product<T> chooseProduct() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f"))
    return addProductAvx512<T>;
  if (__builtin_cpu_supports("avx2"))
    return addProductAvx2<T>;
#endif
  return addProductPlain<T>;
}

} // namespace

void sinter::addProduct(double *c, int64_t cStride, StridedMatrix<float> a, StridedMatrix<float> b, int64_t m,
                        int64_t n, int64_t depth) {
  static const Product<float> product = chooseProduct<float>();
  product(c, cStride, a, b, m, n, depth);
}

void sinter::addProduct(double *c, int64_t cStride, StridedMatrix<double> a, StridedMatrix<double> b, int64_t m,
                        int64_t n, int64_t depth) {
  static const Product<double> product = chooseProduct<double>();
  product(c, cStride, a, b, m, n, depth);
}
