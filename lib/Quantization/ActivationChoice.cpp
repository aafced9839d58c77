//===- ActivationChoice.cpp - How the input of products is quantized -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/ActivationChoice.h"
#include "lib/Quantization/BlockProducts.h"
#include "lib/Quantization/Rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace sinter;

namespace {

/// No equalization, as strong for weights as for activations, and stronger.
constexpr double strengths[] = {0, 0.5, 0.65};

/// Each column of [rows][columns] in 8 bits and back.
void roundColumns(std::vector<float> &values, int64_t columns) {
  int64_t rows = values.size() / columns;
  std::vector<float> largest(columns);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      largest[column] = std::max(largest[column], std::fabs(values[row * columns + column]));
  for (float &value : largest)
    value /= 127;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      ScaleAndZero scale{largest[column], 0};
      float &value = values[row * columns + column];
      value = dequantizeValue(quantizeValue(value, scale, CodeRange::ofSigned(8)), scale);
    }
}

class Trials {
public:
  Trials(const ObservedTensor &tensor, llvm::ArrayRef<float> weights, int64_t numColumns)
      : tensor(tensor), rows(tensor.sampledRows.values), weights(weights), numColumns(numColumns),
        numChannels(tensor.numChannels), numRows(rows.size() / tensor.numChannels),
        exact(multiply(rows.data(), weights.data())) {}

  /// The rows and the weights, equalized.
  void setStrength(double strength) {
    inputs.assign(rows.begin(), rows.end());
    rounded.assign(weights.begin(), weights.end());
    factors.assign(numChannels, 1);
    if (strength != 0) {
      factors = equalizationFactors(tensor.channelMaximum.values, weights, numColumns, strength);
      for (size_t i = 0; i < inputs.size(); ++i)
        inputs[i] /= factors[i % numChannels];
      for (size_t i = 0; i < rounded.size(); ++i)
        rounded[i] *= factors[i / numColumns];
    }
    roundColumns(rounded, numColumns);
  }

  double dynamicError(std::optional<int> zeroPoint) const {
    std::vector<float> codes(inputs.size());
    for (int64_t row = 0; row < numRows; ++row) {
      llvm::ArrayRef<float> values(inputs.data() + row * numChannels, numChannels);
      ScaleAndZero scale = chooseSymmetric(values, 8);
      CodeRange range = CodeRange::ofSigned(8);
      if (zeroPoint) {
        auto [least, greatest] = std::minmax_element(values.begin(), values.end());
        range = CodeRange::ofUnsigned(8);
        scale.zero = *zeroPoint;
        scale.scale = std::max({0.0f, *greatest / static_cast<float>(range.highest - *zeroPoint),
                                -*least / static_cast<float>(*zeroPoint)});
      }
      for (int64_t i = 0; i < numChannels; ++i)
        codes[row * numChannels + i] = dequantizeValue(quantizeValue(values[i], scale, range), scale);
    }
    return errorOf(codes);
  }

  /// A zero point for rows whose values lie about it as all of them do: none where that is the middle.
  std::optional<int> zeroPoint() const {
    auto [least, greatest] = std::minmax_element(inputs.begin(), inputs.end());
    int zero = std::clamp(chooseAffine(*least, *greatest, 8).zero, 1, 254);
    return std::abs(zero - 128) < 8 ? std::nullopt : std::optional(zero);
  }

  double staticError(float low, float high) const {
    ScaleAndZero scale = chooseAffine(low, high, 8);
    std::vector<float> codes(inputs.size());
    std::transform(inputs.begin(), inputs.end(), codes.begin(), [&](float value) {
      return dequantizeValue(quantizeValue(value, scale, CodeRange::ofUnsigned(8)), scale);
    });
    return errorOf(codes);
  }

  /// What was seen of the equalized values: the rows' range and a quarter more, within what the channels' maxima allow.
  std::pair<float, float> range() const {
    float bound = 0;
    for (int64_t i = 0; i < numChannels; ++i)
      bound = std::max(bound, tensor.channelMaximum.values[i] / factors[i]);
    auto [least, greatest] = std::minmax_element(inputs.begin(), inputs.end());
    return {std::max(-bound, 1.25f * std::min(*least, 0.0f)), std::min(bound, 1.25f * std::max(*greatest, 0.0f))};
  }

private:
  std::vector<double> multiply(const float *left, const float *right) const {
    std::vector<double> products(numRows * numColumns);
    addProduct(products.data(), numColumns, StridedMatrix<float>{left, numChannels},
               StridedMatrix<float>{right, numColumns}, numRows, numColumns, numChannels);
    return products;
  }

  double errorOf(const std::vector<float> &codes) const {
    std::vector<double> products = multiply(codes.data(), rounded.data());
    double sum = 0;
    for (size_t i = 0; i < products.size(); ++i)
      sum += (products[i] - exact[i]) * (products[i] - exact[i]);
    return sum / static_cast<double>(products.size());
  }

  const ObservedTensor &tensor;
  llvm::ArrayRef<float> rows, weights;
  int64_t numColumns, numChannels, numRows;
  std::vector<double> exact;
  std::vector<float> inputs, rounded, factors;
};

} // namespace

std::vector<float> sinter::equalizationFactors(llvm::ArrayRef<float> maxima, llvm::ArrayRef<float> weights,
                                               int64_t numColumns, double strength) {
  std::vector<float> factors(maxima.size());
  for (size_t channel = 0; channel < maxima.size(); ++channel) {
    float largest = leastMagnitude;
    for (float weight : weights.slice(channel * numColumns, numColumns))
      largest = std::max(largest, std::fabs(weight));
    factors[channel] = static_cast<float>(std::pow(std::max(maxima[channel], leastMagnitude), strength) /
                                          std::pow(largest, 1 - strength));
  }
  return factors;
}

ActivationChoice sinter::chooseActivation(const ObservedTensor &tensor, llvm::ArrayRef<float> weights,
                                          int64_t numColumns, QuantizationScheme::Activations allowed) {
  using Activations = QuantizationScheme::Activations;
  ActivationChoice fixed, dynamic;
  fixed.error = dynamic.error = std::numeric_limits<double>::infinity();
  fixed.isStatic = true;
  Trials trials(tensor, weights, numColumns);
  for (double strength : strengths) {
    trials.setStrength(strength);
    if (allowed != Activations::Dynamic) {
      const StaticRange &seen = tensor.bestStatic();
      auto [low, high] = strength == 0 ? std::pair(seen.low, seen.high) : trials.range();
      double error = trials.staticError(low, high);
      if (error < fixed.error)
        fixed = {true, strength, low, high, std::nullopt, error};
    }
    if (allowed == Activations::Static)
      continue;
    for (std::optional<int> zeroPoint : {std::optional<int>(), trials.zeroPoint()})
      if (double error = trials.dynamicError(zeroPoint); error < dynamic.error)
        dynamic = {false, strength, 0, 0, zeroPoint, error};
  }
  bool isStatic = allowed == Activations::Static ||
                  (allowed == Activations::Auto && fixed.error <= staticTolerance * dynamic.error);
  ActivationChoice choice = isStatic ? fixed : dynamic;
  choice.staticError = fixed.error;
  choice.dynamicError = dynamic.error;
  return choice;
}
