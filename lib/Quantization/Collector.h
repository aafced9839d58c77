//===- Collector.h - Collects what activations look like -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Takes the values of observed tensors, sample by sample, and makes a Calibration
// of them in one pass. Values are counted in buckets by their sign, exponent and
// upper eleven bits of the mantissa, which need no range known beforehand and no
// second pass: a bucket is at most 1/8 of an 8-bit step wide wherever the range
// ends, so that percentiles and errors of any range are had from counts. Counts do
// not depend on the order of the values; sums do, and are taken in the order of
// samples and rows. What comes out does not depend on threads.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATION_COLLECTOR_H
#define SINTER_QUANTIZATION_COLLECTOR_H

#include "lib/Quantization/Calibration.h"

namespace sinter {

class Collector {
public:
  /// A tensor that will be observed; see ObservedTensor::readers.
  struct Subject {
    std::vector<std::string> readers;
    int64_t numChannels;
  };
  Collector(std::vector<Subject> subjects, bool wantsSecondMoments);
  ~Collector();
  Collector(const Collector &) = delete;

  /// Adds rows [rows][channels] of tensor `subject`. `sample` names where they come from: what is infinite or NaN is a
  /// Failure with the exit status 3 that names the reader and the sample.
  llvm::Error add(unsigned subject, llvm::ArrayRef<float> rows, llvm::StringRef sample);

  /// Once, after all samples. Failure where a tensor has no rows.
  llvm::Expected<Calibration> finish(int64_t numSamples);

private:
  class Statistics;
  std::vector<std::unique_ptr<Statistics>> statistics;
};

} // namespace sinter

#endif // SINTER_QUANTIZATION_COLLECTOR_H
