//===- NarrowFloats.h - Floats of 8 bits and fewer, in machine operations -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions between f32 or f64 and the bits of ONNX's narrow floats, on scalars
// and on vectors. No machine that we build for has them all, so they are integer
// arithmetic on the wide float's bits. Towards the narrow type, with m and F the
// fraction bits of the two and magnitudes as bits without the sign:
//
//   a normal result   bits + half a unit of the narrow fraction, less one, plus its
//                     lowest bit (ties to even); shifted right by F - m; less the
//                     difference of the biases, in the exponent. A carry out of the
//                     fraction goes into the exponent, as it should.
//   a subnormal one   is a multiple of the least number u. Adding 2^F * u lets the
//                     machine round to that multiple: what the sum's bits have more
//                     than those of 2^F * u is the result.
//
// Example, f32 0.3 to f8e4m3fn (m = 3, bias 7): 0x3e99999a is 1.2 * 2^-2, with
// 0x33 above the lowest 20 bits that go. The rounded bits are 0x3ea9..., of which
// 0x3ea >> 0 less (127 - 7) << 3 is 0x2a: 1.25 * 2^-2.
//
// lib/Support/NarrowElements.h does the same for the interpreter by other means.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_NARROWFLOATS_H
#define SINTER_TARGETS_CPU_EMIT_NARROWFLOATS_H

#include "dialects/sinter/IR/Sinter.h"
#include "targets/cpu/Kernels/KernelBuilder.h"

namespace sinter::cpu {

/// What a cast says besides its types (sinter.cast).
struct NarrowCast {
  bool saturate = true;
  RoundMode round = RoundMode::up;
};

/// The f32 of i8 bits; every value of `type` is one.
mlir::Value decodeNarrowFloat(KernelBuilder &k, mlir::Value bits, mlir::FloatType type);
/// The i8 bits of an f32 or f64, rounded once.
mlir::Value encodeNarrowFloat(KernelBuilder &k, mlir::Value x, mlir::FloatType type, const NarrowCast &cast);

/// An i64 that f64 holds, and which rounds to any narrow float as `x` does: where f64 would lose bits, those that it
/// loses are told by the lowest that it keeps.
mlir::Value keepSticky(KernelBuilder &k, mlir::Value x, bool isUnsigned);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_NARROWFLOATS_H
