//===- Rounding.cpp - Scales, zero points and codes of quantized numbers -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Rounding.h"

#include <algorithm>

using namespace sinter;

ScaleAndZero sinter::chooseSymmetric(llvm::ArrayRef<float> values, unsigned bits) {
  float largest = 0;
  for (float value : values)
    largest = std::max(largest, std::fabs(value));
  return {largest / static_cast<float>((1 << (bits - 1)) - 1), 0};
}

ScaleAndZero sinter::chooseAffine(float low, float high, unsigned bits) {
  // In double: the range of f32 may be twice its largest number.
  double least = std::fmin(low, 0.0f), greatest = std::fmax(high, 0.0f);
  CodeRange codes = CodeRange::ofUnsigned(bits);
  ScaleAndZero result;
  result.scale = static_cast<float>((greatest - least) / codes.highest);
  if (result.scale > 0)
    result.zero = std::clamp(static_cast<int>(std::nearbyint(-least / result.scale)), codes.lowest, codes.highest);
  return result;
}
