//===- NarrowElements.h - Elements of 8 bits and fewer --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The narrow element types of ONNX, on the host: what the interpreter and the
// tools compute with. The kernels convert by code of their own
// (targets/cpu/Emit/NarrowFloats.h), so that each checks the other.
//
// The floats, as sign, exponent and fraction bits:
//
//   f8e4m3fn     1 4 3   bias 7    no infinity, NaN is S.1111.111
//   f8e4m3fnuz   1 4 3   bias 8    no infinity, NaN is 1.0000.000, no -0
//   f8e5m2       1 5 2   bias 15   as IEEE 754
//   f8e5m2fnuz   1 5 2   bias 16   no infinity, NaN is 1.00000.00, no -0
//   f8e8m0       0 8 0   bias 127  powers of two from 2^-127 to 2^127; NaN is 255
//   f4e2m1       1 2 1   bias 1    0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_NARROWELEMENTS_H
#define SINTER_SUPPORT_NARROWELEMENTS_H

#include "lib/Support/HostTensor.h"

namespace sinter {

/// How a number becomes a power of two, f8e8m0; of a tie, `Nearest` takes the greater.
enum class PowerRounding { Up, Down, Nearest };

/// The rules of ONNX's Cast, version 28, for what a narrow float does not have.
struct NarrowRules {
  /// What is too great becomes the greatest number, infinity too. Otherwise it
  /// becomes infinity where the type has one, and NaN where it has none; for
  /// f8e8m0, what is too small is NaN, too. f4e2m1 has neither, and saturates always.
  bool saturate = true;
  PowerRounding rounding = PowerRounding::Up;
};

/// `type` must be a narrow float.
double narrowToDouble(uint8_t bits, ElementType type);
/// Rounds once, to nearest and ties to even (f8e8m0: as the rules say). NaN is 0 in
/// f4e2m1; in f8e8m0 a negative number is NaN.
uint8_t doubleToNarrow(double value, ElementType type, const NarrowRules &rules = {});

/// The low bits of `value` as an integer of this type is stored: i4, u4, i2, u2.
uint8_t wrapToNarrow(int64_t value, ElementType type);

/// Elements of fewer than 8 bits, of which a byte of `packed` holds several, the
/// first in its lowest bits. As many as `destination` has are taken.
void unpackElements(llvm::ArrayRef<char> packed, ElementType type, llvm::MutableArrayRef<char> destination);

} // namespace sinter

#endif // SINTER_SUPPORT_NARROWELEMENTS_H
