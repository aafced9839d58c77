//===- CpuKernelGuest.c - Calls a kernel in an emulated AArch64 process ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The test's buffers lie in a file that both processes map at one address, so that
// pointers mean the same in both; a call stands at its beginning. No C library:
// nothing but a compiler is needed to build this.
//
//===----------------------------------------------------------------------===//

#include "CpuKernelCall.h"

int64_t kernel(const int64_t *words, int64_t begin, int64_t end, void *scratch);

static long systemCall(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

/// The stack at entry holds argc, argv[0], argv[1].
__attribute__((used)) static void start(long *stack) {
  enum { openat = 56, mmap = 222, exitGroup = 94, atCurrentFolder = -100, readWrite = 2 };
  long file = systemCall(openat, atCurrentFolder, stack[2], readWrite, 0, 0, 0);
  long wanted = SINTER_TEST_MEMORY;
  if (file < 0 || systemCall(mmap, wanted, SINTER_TEST_MEMORY_BYTES, 3, 0x11, file, 0) != wanted)
    systemCall(exitGroup, 1, 0, 0, 0, 0, 0);
  struct CpuKernelCall *call = (struct CpuKernelCall *)wanted;
  call->result = kernel(call->words, call->begin, call->end, call->scratch);
  systemCall(exitGroup, 0, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n  mov x0, sp\n  b start\n");
