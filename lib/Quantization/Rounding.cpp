//===- Rounding.cpp - Scales, zero points and codes of quantized numbers -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Rounding.h"

#include <algorithm>
#include <utility>

using namespace sinter;

/// searchScale shrinks the range in so many steps of 2 %.
static const int numShrinks = 31;

static std::pair<float, float> rangeOf(llvm::ArrayRef<float> values) {
  float low = 0, high = 0;
  for (float value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return {low, high};
}

static ScaleAndZero symmetricFor(float largest, unsigned bits) {
  return {largest / static_cast<float>((1 << (bits - 1)) - 1), 0};
}

ScaleAndZero sinter::chooseSymmetric(llvm::ArrayRef<float> values, unsigned bits) {
  auto [low, high] = rangeOf(values);
  return symmetricFor(std::max(-low, high), bits);
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

ScaleAndZero sinter::chooseAffine(llvm::ArrayRef<float> values, unsigned bits) {
  auto [low, high] = rangeOf(values);
  return chooseAffine(low, high, bits);
}

ScaleAndZero sinter::searchScale(llvm::ArrayRef<float> values, unsigned bits, bool zeroPoints,
                                 llvm::ArrayRef<float> weights) {
  auto [low, high] = rangeOf(values);
  CodeRange codes = zeroPoints ? CodeRange::ofUnsigned(bits) : CodeRange::ofSigned(bits);
  ScaleAndZero best;
  double least = INFINITY;
  for (int i = 0; i < numShrinks; ++i) {
    float factor = static_cast<float>(1 - 0.02 * i);
    ScaleAndZero parameters = zeroPoints ? chooseAffine(low * factor, high * factor, bits)
                                         : symmetricFor(std::max(-low, high) * factor, bits);
    double error = 0;
    for (size_t j = 0; j < values.size() && error < least; ++j) {
      double difference = values[j] - dequantizeValue(quantizeValue(values[j], parameters, codes), parameters);
      error += difference * difference * (weights.empty() ? 1.0f : weights[j]);
    }
    if (error < least) {
      least = error;
      best = parameters;
    }
  }
  return best;
}
