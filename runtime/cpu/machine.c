//===- machine.c - What this machine can run ------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All of the runtime's code that knows an instruction set. Features follow the
// Intel manual (volume 2, CPUID; volume 1, chapter 13 for XCR0) and the x86-64
// psABI's levels; for AArch64, Linux's HWCAP bits.
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include "runtime/core/internal.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xmmintrin.h>

uint32_t sinter_internal_architecture(void) { return SINTER_X86_64; }

static uint64_t readXcr0(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static bool has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

uint64_t sinter_internal_features(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return 0;
  const uint32_t osxsave = 1u << 27;
  /* SSE3, SSSE3, FMA, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, OSXSAVE, AVX, F16C */
  const uint32_t v3Leaf1 = 1u << 0 | 1u << 9 | 1u << 12 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 22 | 1u << 23 |
                           osxsave | 1u << 28 | 1u << 29;
  if (!has(c, v3Leaf1))
    return 0;
  const uint64_t state = readXcr0();
  const uint64_t avxState = 1u << 1 | 1u << 2, avx512State = avxState | 7u << 5, amxState = 3u << 17;
  if ((state & avxState) != avxState)
    return 0;

  uint32_t a7 = 0, b7 = 0, c7 = 0, d7 = 0, a71 = 0, ignored;
  __get_cpuid_count(7, 0, &a7, &b7, &c7, &d7);
  if (a7 >= 1)
    __get_cpuid_count(7, 1, &a71, &ignored, &ignored, &ignored);
  uint32_t c81 = 0;
  __get_cpuid(0x80000001u, &ignored, &ignored, &c81, &ignored);

  uint64_t features = 0;
  /* BMI1, AVX2, BMI2; LAHF, LZCNT */
  if (!has(b7, 1u << 3 | 1u << 5 | 1u << 8) || !has(c81, 1u << 0 | 1u << 5))
    return 0;
  features |= SINTER_FEATURE_X86_64_V3;
  if (has(a71, 1u << 4))
    features |= SINTER_FEATURE_AVX_VNNI;
  /* AVX-512 F, DQ, CD, BW, VL */
  if ((state & avx512State) == avx512State && has(b7, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31)) {
    features |= SINTER_FEATURE_X86_64_V4;
    if (has(c7, 1u << 11))
      features |= SINTER_FEATURE_AVX512_VNNI;
    if (has(a71, 1u << 5))
      features |= SINTER_FEATURE_AVX512_BF16;
    if (has(d7, 1u << 23))
      features |= SINTER_FEATURE_AVX512_FP16;
  }
  if ((state & amxState) == amxState && has(d7, 1u << 24)) {
    features |= SINTER_FEATURE_AMX_TILE;
    if (has(d7, 1u << 25))
      features |= SINTER_FEATURE_AMX_INT8;
    if (has(d7, 1u << 22))
      features |= SINTER_FEATURE_AMX_BF16;
  }
  return features;
}

bool sinter_internal_enable(uint64_t features) {
  if (!(features & (SINTER_FEATURE_AMX_TILE | SINTER_FEATURE_AMX_INT8 | SINTER_FEATURE_AMX_BF16)))
    return true;
#if defined(__linux__)
  const long requestPermission = 0x1023, tileData = 18; /* arch_prctl(ARCH_REQ_XCOMP_PERM) */
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
#else
  return false;
#endif
}

uint64_t sinter_internal_float_begin(void) {
  uint64_t saved = _mm_getcsr();
  _mm_setcsr(0x1F80); /* every exception masked, round to nearest, gradual underflow */
  return saved;
}

void sinter_internal_float_end(uint64_t saved) { _mm_setcsr((unsigned)saved); }

#elif defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
#endif

uint32_t sinter_internal_architecture(void) { return SINTER_AARCH64; }

uint64_t sinter_internal_features(void) {
  uint64_t features = 0;
#if defined(__linux__)
  unsigned long first = getauxval(AT_HWCAP), second = getauxval(26 /* AT_HWCAP2 */);
  if (first & 1ul << 20) /* ASIMDDP */
    features |= SINTER_FEATURE_ARM_DOTPROD;
  if (first & 1ul << 10) /* ASIMDHP */
    features |= SINTER_FEATURE_ARM_FP16;
  if (second & 1ul << 13)
    features |= SINTER_FEATURE_ARM_I8MM;
  if (second & 1ul << 14)
    features |= SINTER_FEATURE_ARM_BF16;
#endif
  return features;
}

bool sinter_internal_enable(uint64_t features) {
  (void)features;
  return true;
}

uint64_t sinter_internal_float_begin(void) {
  uint64_t saved, standard = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
  __asm__ volatile("msr fpcr, %0" : : "r"(standard));
  return saved;
}

void sinter_internal_float_end(uint64_t saved) { __asm__ volatile("msr fpcr, %0" : : "r"(saved)); }

#else

uint32_t sinter_internal_architecture(void) { return 0; }
uint64_t sinter_internal_features(void) { return 0; }
bool sinter_internal_enable(uint64_t features) {
  (void)features;
  return true;
}
uint64_t sinter_internal_float_begin(void) { return 0; }
void sinter_internal_float_end(uint64_t saved) { (void)saved; }

#endif
