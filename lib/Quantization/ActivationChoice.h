//===- ActivationChoice.h - How the input of products is quantized -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an activation loses in 8 bits depends on its channels: a few large ones take
// the steps from all the others. Equalization (Xiao et al. 2022, "SmoothQuant")
// divides each channel by a factor and multiplies the weight's row by it,
//
//   x W = (x / f) (f W),   f[k] = max |x[k]|^a / max |W[k]|^(1 - a)
//
// so that weights, which have steps to spare, take a part of the range. How strong
// (a), and whether one scale holds for all rows (static) or each row has its own
// (dynamic, symmetric or around a zero point that holds for all rows), is decided by the squared error of the products
// on rows that calibration kept.
//
// An example, two channels with maxima 16 and 1, weights' rows with maxima 1 and 1,
// a = 0.5: f = [4, 1], and the activations' maxima become 4 and 1.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATION_ACTIVATIONCHOICE_H
#define SINTER_QUANTIZATION_ACTIVATIONCHOICE_H

#include "lib/Quantization/Calibration.h"
#include "lib/Quantization/Scheme.h"

#include <optional>

namespace sinter {

struct ActivationChoice {
  bool isStatic = false;
  /// The exponent `a`; 0: channels stay as they are.
  double strength = 0;
  /// The range for a static scale, of the equalized values.
  float low = 0, high = 0;
  /// The zero point of dynamic scales, unsigned; none: symmetric ones.
  std::optional<int> zeroPoint;
  /// The mean squared error of the products, and of the best static and the best dynamic way; infinite where there is
  /// none.
  double error = 0, staticError = 0, dynamicError = 0;
};

/// Below, a channel or a row of a weight counts as zero, and as this large.
inline constexpr float leastMagnitude = 1e-5f;

/// The factors [channels]: `maxima` are those of the channels, `weights` is [channels][numColumns].
std::vector<float> equalizationFactors(llvm::ArrayRef<float> maxima, llvm::ArrayRef<float> weights, int64_t numColumns,
                                       double strength);

/// The choice of the least error for a tensor that a product by `weights` [channels][numColumns] reads, whose columns
/// get 8 bits and a scale each. Static scales are taken where the scheme leaves it open and they lose at most
/// `staticTolerance` times as much: they are faster.
ActivationChoice chooseActivation(const ObservedTensor &tensor, llvm::ArrayRef<float> weights, int64_t numColumns,
                                  QuantizationScheme::Activations allowed);
inline constexpr double staticTolerance = 1.1;

} // namespace sinter

#endif // SINTER_QUANTIZATION_ACTIVATIONCHOICE_H
