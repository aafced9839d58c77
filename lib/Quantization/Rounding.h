//===- Rounding.h - Scales, zero points and codes of quantized numbers ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A number x is kept as a code q: q = clamp(roundHalfEven(x / scale) + zero), and
// x' = (q - zero) * scale is what is left of it. These functions choose scales and
// zero points where values are known before a run: weights, and activations by
// their calibrated ranges.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATION_ROUNDING_H
#define SINTER_QUANTIZATION_ROUNDING_H

#include "llvm/ADT/ArrayRef.h"

#include <cmath>
#include <cstdint>

namespace sinter {

/// The codes that a storage type has.
struct CodeRange {
  int lowest, highest;

  /// -128..127, -8..7: without zero points.
  static CodeRange ofSigned(unsigned bits) { return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1}; }
  /// 0..255, 0..15: with zero points.
  static CodeRange ofUnsigned(unsigned bits) { return {0, (1 << bits) - 1}; }
};

struct ScaleAndZero {
  float scale = 0; // 0: every value of the block is 0
  int zero = 0;
};

/// A scale of 0, or NaN, gives the zero point.
inline int quantizeValue(float value, ScaleAndZero parameters, CodeRange codes) {
  float quotient = value / parameters.scale;
  if (!(parameters.scale > 0) || std::isnan(quotient))
    return parameters.zero;
  // Clamped before it becomes an integer, so that any value is safe.
  double rounded = static_cast<double>(std::nearbyint(quotient)) + parameters.zero;
  return static_cast<int>(std::fmin(std::fmax(rounded, codes.lowest), codes.highest));
}
inline float dequantizeValue(int code, ScaleAndZero parameters) {
  return static_cast<float>(code - parameters.zero) * parameters.scale;
}

/// scale = max |x| / (2^(bits-1) - 1), rounded to f32.
ScaleAndZero chooseSymmetric(llvm::ArrayRef<float> values, unsigned bits);
/// For unsigned codes: scale = (max(high, 0) - min(low, 0)) / (2^bits - 1), and the zero point is the code of 0, so
/// that 0 stays 0.
ScaleAndZero chooseAffine(float low, float high, unsigned bits);

} // namespace sinter

#endif // SINTER_QUANTIZATION_ROUNDING_H
