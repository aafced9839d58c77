//===- RuntimeTestKernels.c - Kernels of a small program ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written by hand, and built into a shared object once per variant, with VARIANT
// as its number.
//
//===----------------------------------------------------------------------===//

#include <stdint.h>

#define POINTER(type, word) ((type *)(uintptr_t)(word))

// Rows of a table by index. Words: table, ids, out, rows of the table, row length. A task: one id.
int64_t gather(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
  const float *table = POINTER(const float, args[0]);
  const int64_t *ids = POINTER(const int64_t, args[1]);
  float *out = POINTER(float, args[2]);
  const int64_t rows = args[3], width = args[4];
  (void)scratch;
  for (int64_t i = begin; i < end; ++i) {
    if (ids[i] < 0 || ids[i] >= rows)
      return 1 + i;
    for (int64_t j = 0; j < width; ++j)
      out[i * width + j] = table[ids[i] * width + j];
  }
  return 0;
}

// out = x * mask + bias. Words: x, mask, bias, out, row length. A task: one row; through scratch, which must be its
// own.
int64_t scale_rows(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
  const float *x = POINTER(const float, args[0]), *mask = POINTER(const float, args[1]);
  const float *bias = POINTER(const float, args[2]);
  float *out = POINTER(float, args[3]), *row = scratch;
  const int64_t width = args[4];
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t j = 0; j < width; ++j)
      row[j] = x[i * width + j] * mask[i];
    for (int64_t j = 0; j < width; ++j)
      out[i * width + j] = row[j] + bias[j];
  }
  return 0;
}

// The sum of n numbers. Words: x, n, out. One task.
int64_t sum(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  if (begin < end) {
    float total = 0;
    for (int64_t i = 0; i < args[1]; ++i)
      total += POINTER(const float, args[0])[i];
    *POINTER(float, args[2]) = total;
  }
  return 0;
}

// Words: out. A task: writes its number.
int64_t iota(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  for (int64_t i = begin; i < end; ++i)
    POINTER(int64_t, args[0])[i] = i;
  return 0;
}

// Words: out. Writes which variant this is.
int64_t variant(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  if (begin < end)
    *POINTER(int64_t, args[0]) = VARIANT;
  return 0;
}

// Words: out, then values. A task: copies one of them.
int64_t store_words(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  for (int64_t i = begin; i < end; ++i)
    POINTER(int64_t, args[0])[i] = args[1 + i];
  return 0;
}

// Words: counts, factor. A task: counts itself, after work that differs from task to task.
int64_t count_tasks(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  for (int64_t i = begin; i < end; ++i) {
    volatile int64_t work = (i * 7919) % 13 * args[1];
    while (work > 0)
      work = work - 1;
    __atomic_fetch_add(&POINTER(int32_t, args[0])[i], 1, __ATOMIC_RELAXED);
  }
  return 0;
}
