//===- Calibration.h - What was seen of a model's activations ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Running a model on samples of its users' data shows which range each activation
// has and what quantizing it would cost. That is kept in two files:
//
//   calibration.json   small, for people and passes: what is below, but for the arrays, whose places it says
//   calibration.npz    beside it: the arrays, stored (not deflated), each aligned to 64 bytes, so that a
//                      `sinter.weight` can name its bytes; an archive that NumPy reads
//
//   {"format": "sinter-calibration", "version": 1, "model_sha256": "...", "samples": 100,
//    "arrays": {"file": "calibration.npz", "sha256": "..."},
//    "tensors": [{"readers": ["/layer.0/query/MatMul", ...], "rows": 1520, "channels": 384, "mean_square": 0.3,
//                 "min_max": {"low": -8.1, "high": 7.5, "error": 3e-4}, "percentile": {...}, "least_squares": {...},
//                 "dynamic_error": 1e-4,
//                 "channel_maximum": {"name": "0/channel_maximum", "offset": 128, "length": 1536},
//                 "channel_mean_square": {...}, "sampled_rows": {...}, "second_moments": {...} or absent}, ...]}
//
// Equal contents give equal bytes. Both files may come from a stranger: every number
// is checked against the archive, which must have its hash.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATION_CALIBRATION_H
#define SINTER_QUANTIZATION_CALIBRATION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sinter {

/// Floats of a calibration. They live as long as the Calibration that they belong to.
struct CalibrationArray {
  llvm::ArrayRef<float> values; // empty: there is none
  /// Where the little-endian bytes lie in calibration.npz, in bytes; 0 before it was written.
  uint64_t offset = 0;

  bool empty() const { return values.empty(); }
  uint64_t length() const { return values.size() * sizeof(float); }
};

/// A range for one scale of 8 bits with a zero point (Rounding.h, chooseAffine), found in one of three ways, and the
/// mean squared error of quantizing the tensor so.
struct StaticRange {
  float low = 0, high = 0;
  double error = 0;
};

/// A tensor [..., channels] that one or several products by weights read.
struct ObservedTensor {
  /// The products' names: the source model's nodes, `#2` and so on behind a name that comes again. Not empty.
  std::vector<std::string> readers;
  int64_t numRows = 0; // of all samples
  int64_t numChannels = 0;
  double meanSquare = 0; // of the values

  StaticRange minMax;       // the least and the greatest value
  StaticRange percentile;   // 0.001 % and 99.999 %
  StaticRange leastSquares; // the least error
  /// The mean squared error of 8 bits with one scale per row, max |x| / 127.
  double dynamicError = 0;

  CalibrationArray channelMaximum;    // [channels], max |x|
  CalibrationArray channelMeanSquare; // [channels]
  CalibrationArray sampledRows;       // [getNumSampledRows()][channels], every so manieth row as it was seen
  CalibrationArray secondMoments;     // [channels][channels], the mean over rows of x x^T; may be empty

  /// At most so many rows are kept: every row, or every second, fourth, ...
  static constexpr int64_t mostSampledRows = 128;
  int64_t getNumSampledRows() const {
    int64_t stride = 1;
    while ((numRows + stride - 1) / stride > mostSampledRows)
      stride *= 2;
    return (numRows + stride - 1) / stride;
  }

  /// The one of the three with the least error; of equal ones the first.
  const StaticRange &bestStatic() const;
};

class Calibration {
public:
  static constexpr int64_t version = 1;
  static constexpr llvm::StringLiteral jsonName = "calibration.json", arraysName = "calibration.npz";
  /// What a module's `sinter.files` calls the archive, which does not lie beside the model.
  static constexpr llvm::StringLiteral moduleFileName = "sinter:calibration.npz";

  /// The two files of the calibration in whose folder `path` is; none where it is empty.
  static std::vector<std::string> getFiles(llvm::StringRef path);

  std::string modelSha256; // of the model that was run; empty where it is not known
  int64_t numSamples = 0;
  std::vector<ObservedTensor> tensors;
  /// The path of the archive; empty before it was written or read.
  std::string arraysPath;

  /// The tensor that the product of that name reads; null where none was seen.
  const ObservedTensor *find(llvm::StringRef reader) const;

  /// Keeps alive what the tensors' arrays view.
  std::vector<std::shared_ptr<const void>> storage;
};

/// Writes `jsonPath` and, beside it, the archive, whose name is that of `jsonPath` with .npz for .json. Sets the
/// arrays' places. Failures have the exit status 6.
llvm::Error writeCalibration(Calibration &calibration, llvm::StringRef jsonPath);

/// Reads `jsonPath`, and maps the archive beside it. Whatever is damaged is a Failure with the exit status 3 that names
/// the file and what is wrong with it.
llvm::Expected<Calibration> readCalibration(llvm::StringRef jsonPath);
/// The same for bytes in memory, without the archive's hash; for tests. The names stand for the paths in messages.
llvm::Expected<Calibration> parseCalibration(llvm::StringRef json, llvm::ArrayRef<char> archive,
                                             llvm::StringRef jsonName, llvm::StringRef arraysName);

} // namespace sinter

#endif // SINTER_QUANTIZATION_CALIBRATION_H
