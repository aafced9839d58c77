//===- CpuKernelCall.h - What a test and an emulated process share --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_CPUKERNELCALL_H
#define SINTER_TEST_UNIT_CPUKERNELCALL_H

#include <stdint.h>

// Where both map the memory that they share, and how much of it there is.
#define SINTER_TEST_MEMORY 0x200000000000
#define SINTER_TEST_MEMORY_BYTES 0x10000000

struct CpuKernelCall {
  const int64_t *words;
  int64_t begin, end;
  void *scratch;
  int64_t result;
};

#endif // SINTER_TEST_UNIT_CPUKERNELCALL_H
