//===- TrapAllocation.cpp - Ends the process at the next allocation -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/e2e/TrapAllocation.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>

volatile bool sinter::e2e::trapAllocation = false;

#if !__has_feature(address_sanitizer)

// The program's own definitions come before those of the C library, for everything that is linked into it or loaded by
// it.
extern "C" {
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static void check() {
  if (sinter::e2e::trapAllocation)
    abort();
}

void *malloc(size_t bytes) {
  check();
  return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
  check();
  return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes) {
  check();
  return __libc_realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
  check();
  return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  check();
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  check();
  *memory = __libc_memalign(alignment, bytes);
  return *memory ? 0 : ENOMEM;
}
}

#endif
