//===- VectorMath.h - Functions on vectors of f32 -------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each takes and gives vectors of f32 at native width. NaN gives NaN, infinities
// their limits. The errors stated are the largest found against double precision,
// in units in the last place (test/unit/CpuKernelMathTest.cpp measures them);
// denormal results may be flushed or off by one denormal step where noted.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_VECTORMATH_H
#define SINTER_TARGETS_CPU_KERNELS_VECTORMATH_H

#include "targets/cpu/Kernels/KernelBuilder.h"

namespace sinter::cpu {

mlir::Value buildExp(KernelBuilder &k, mlir::Value x);
mlir::Value buildExp2(KernelBuilder &k, mlir::Value x);
/// 2^x for x <= 0 (or NaN), as softmax needs it: below -126.5 the result is 0 or
/// less than 2^-126.
mlir::Value buildExp2NonPositive(KernelBuilder &k, mlir::Value x);
mlir::Value buildLog(KernelBuilder &k, mlir::Value x);
/// log(1 + x).
mlir::Value buildLog1p(KernelBuilder &k, mlir::Value x);
mlir::Value buildErf(KernelBuilder &k, mlir::Value x);
mlir::Value buildTanh(KernelBuilder &k, mlir::Value x);
mlir::Value buildSigmoid(KernelBuilder &k, mlir::Value x);
mlir::Value buildSilu(KernelBuilder &k, mlir::Value x);
/// log(1 + e^x).
mlir::Value buildSoftplus(KernelBuilder &k, mlir::Value x);
/// x / 2 * (1 + erf(x / sqrt 2)).
mlir::Value buildGeluErf(KernelBuilder &k, mlir::Value x);
/// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).
mlir::Value buildGeluTanh(KernelBuilder &k, mlir::Value x);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_VECTORMATH_H
