//===- Gptq.h - Rounding weights so that errors make up for each other ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A weight W [K, N] is read by products x W. What rounding it to Q costs there is
//
//   E |x W - x Q|^2 = trace((W - Q)^T H (W - Q)),   H = E[x x^T], [K, K]
//
// and rounding each weight to its nearest code is not the least of it: the inputs
// are correlated, so an error of one row of W can be made good in rows that come
// later. GPTQ (Frantar et al. 2022, "GPTQ: Accurate Post-Training Quantization for
// Generative Pre-trained Transformers") goes through the rows in order, and spreads
// each rounding error over the rows that are not rounded yet. Its steps are computed
// here in the equivalent form of Chee et al. 2023 ("QuIP", theorem 6), which needs
// no inverse of H: with H = R R^T, R upper triangular,
//
//   q_i = round(w_i + sum over j < i of (w_j - q_j) R[j, i] / R[i, i])
//
// An example, K = 2, N = 1, H = [[1, 0.9], [0.9, 1]], scale 1, W = [0.4, 0.4]: the
// nearest codes are [0, 0], of error 0.4^2 (1 + 1 + 2 * 0.9) = 0.608. GPTQ rounds
// 0.4 to 0, and then 0.4 + 0.4 * 0.9 = 0.76 to 1: the error of [0, 1] is
// 0.16 + 0.36 - 2 * 0.9 * 0.24 = 0.088.
//
// Scales are given (static groups): they do not follow the corrected weights, so that
// they are values that a recipe can name, and are the same with and without GPTQ.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATION_GPTQ_H
#define SINTER_QUANTIZATION_GPTQ_H

#include "lib/Quantization/Rounding.h"

#include "llvm/Support/Error.h"

#include <vector>

namespace sinter {

/// A weight to be rounded. All arrays are row-major.
struct WeightToRound {
  int64_t numRows = 0, numColumns = 0; // K inputs, N outputs
  llvm::ArrayRef<float> values;        // [K, N]
  int64_t group = 0;                   // rows with one scale per column; 0: all; the last may be shorter
  llvm::ArrayRef<float> scales;        // [ceil(K / group), N]
  llvm::ArrayRef<int16_t> zeroPoints;  // the same, or empty: 0
  CodeRange codes = {-8, 7};

  int64_t numGroups() const { return group ? (numRows + group - 1) / group : 1; }
  ScaleAndZero parameters(int64_t row, int64_t column) const {
    int64_t index = (group ? row / group : 0) * numColumns + column;
    return {scales[index], zeroPoints.empty() ? 0 : zeroPoints[index]};
  }
};

struct GptqOptions {
  /// What is added to H's diagonal, as a part of its mean.
  double damping = 0.01;
  /// Rows in the order of decreasing H[i, i], so that those that matter most are rounded while the most rows are left.
  bool byDecreasingDiagonal = true;
  /// Columns are independent of each other; the result does not depend on this.
  unsigned numThreads = 1;
};

/// Each weight to its nearest code.
std::vector<int16_t> roundToNearest(const WeightToRound &weight);

/// The codes [K, N]. Rows whose input is always 0 (H[i, i] == 0) are rounded to nearest. Of the result and of
/// roundToNearest each column has the one with less error by `secondMoments` ([K, K], symmetric). Failure (exit status
/// 3) where H is no matrix of second moments: infinite, NaN, or not positive semidefinite even when damped.
llvm::Expected<std::vector<int16_t>> roundByGptq(const WeightToRound &weight, llvm::ArrayRef<float> secondMoments,
                                                 const GptqOptions &options = {});

/// trace((W - Q)^T H (W - Q)), Q the dequantized codes: the squared error of the product's outputs, per row of x.
double outputError(const WeightToRound &weight, llvm::ArrayRef<int16_t> codes, llvm::ArrayRef<float> secondMoments);

} // namespace sinter

#endif // SINTER_QUANTIZATION_GPTQ_H
