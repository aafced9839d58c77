//===- Collector.cpp - Collects what activations look like ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Collector.h"
#include "lib/Quantization/BlockProducts.h"
#include "lib/Quantization/Rounding.h"
#include "lib/Support/Failure.h"

#include <algorithm>
#include <array>
#include <cstring>

using namespace sinter;

namespace {

constexpr unsigned mantissaBits = 23, keptBits = 11;
constexpr size_t bucketsPerExponent = 1 << keptBits;
/// Rows whose second moments are summed in f32 before they are added up.
constexpr int64_t blockRows = 256;
/// What lies outside is outliers: 0.001 % on either side.
constexpr double outliers = 1e-5;
/// leastSquares looks for the ends of a range among so many parts of the greatest and least value.
constexpr int numParts = 50;

/// Values that fell into one bucket: taken as `count` values evenly spread over it.
struct Bucket {
  double center, width, count;
};

/// Counts of values by sign, exponent and the upper bits of the mantissa.
class Buckets {
public:
  /// False where the value is infinite or NaN.
  bool add(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    unsigned exponent = bits >> mantissaBits & 0xff;
    if (exponent == 0xff)
      return false;
    std::unique_ptr<Counts> &counts = bySignAndExponent[bits >> mantissaBits];
    if (!counts)
      counts = std::make_unique<Counts>();
    ++(*counts)[bits >> (mantissaBits - keptBits) & (bucketsPerExponent - 1)];
    return true;
  }

  /// In increasing order.
  std::vector<Bucket> list() const {
    std::vector<Bucket> result;
    for (bool isNegative : {true, false})
      for (unsigned i = 0; i < 256; ++i) {
        unsigned exponent = isNegative ? 255 - i : i;
        const std::unique_ptr<Counts> &counts = bySignAndExponent[(isNegative ? 256 : 0) + exponent];
        if (!counts)
          continue;
        for (size_t j = 0; j < bucketsPerExponent; ++j) {
          size_t index = isNegative ? bucketsPerExponent - 1 - j : j;
          if (!(*counts)[index])
            continue;
          // Zero and denormals.
          Bucket bucket{0, 0, static_cast<double>((*counts)[index])};
          if (exponent != 0) {
            bucket.width = std::ldexp(1.0, int(exponent) - 127 - int(keptBits));
            bucket.center = (static_cast<double>(bucketsPerExponent + index) + 0.5) * bucket.width;
          }
          if (isNegative)
            bucket.center = -bucket.center;
          result.push_back(bucket);
        }
      }
    return result;
  }

private:
  using Counts = std::array<uint64_t, bucketsPerExponent>;
  std::array<std::unique_ptr<Counts>, 512> bySignAndExponent;
};

/// The mean squared error of the buckets' values with one scale and zero point for the range.
double staticError(llvm::ArrayRef<Bucket> buckets, double low, double high, double count) {
  ScaleAndZero parameters = chooseAffine(static_cast<float>(low), static_cast<float>(high), 8);
  CodeRange codes = CodeRange::ofUnsigned(8);
  double lowest = codes.lowest - parameters.zero, highest = codes.highest - parameters.zero;
  double scale = parameters.scale, sum = 0;
  if (!(scale > 0)) {
    scale = 1;
    lowest = highest = 0; // the range is 0 alone
  }
  constexpr double rounder = 0x1.8p52;
  for (const Bucket &bucket : buckets) {
    double steps = std::min(std::max(bucket.center / scale, lowest), highest) + rounder - rounder;
    double difference = bucket.center - steps * scale;
    sum += bucket.count * (difference * difference + bucket.width * bucket.width / 12);
  }
  return sum / count;
}

/// The value below which `part` of all values lie, to the width of a bucket, on the bucket's outer side.
double quantile(llvm::ArrayRef<Bucket> buckets, double part, double count) {
  double below = 0;
  for (const Bucket &bucket : buckets) {
    below += bucket.count;
    if (below > part * count)
      return bucket.center + (part < 0.5 ? -0.5 : 0.5) * bucket.width;
  }
  return buckets.back().center;
}

} // namespace

class Collector::Statistics {
public:
  Statistics(Subject subject, bool wantsSecondMoments)
      : subject(std::move(subject)), maxima(this->subject.numChannels), squares(this->subject.numChannels),
        wantsSecondMoments(wantsSecondMoments) {}

  llvm::Error add(llvm::ArrayRef<float> rows, llvm::StringRef sample) {
    int64_t numChannels = subject.numChannels;
    for (int64_t row = 0; row < int64_t(rows.size()) / numChannels; ++row) {
      llvm::ArrayRef<float> values = rows.slice(row * numChannels, numChannels);
      for (int64_t channel = 0; channel < numChannels; ++channel)
        if (!buckets.add(values[channel]))
          return unusable("calibration: sample '" + sample + "' gives " +
                          (std::isnan(values[channel]) ? "NaN" : "infinity") + " in what node '" +
                          subject.readers.front() + "' reads (row " + llvm::Twine(row) + ", channel " +
                          llvm::Twine(channel) + ")");
      addRow(values);
    }
    if (wantsSecondMoments)
      addMoments(rows);
    return llvm::Error::success();
  }

  llvm::Expected<ObservedTensor> finish(std::vector<std::shared_ptr<const void>> &storage) {
    if (numRows == 0)
      return unusable("calibration: the samples give no row to node '" + subject.readers.front() + "'");
    ObservedTensor tensor;
    tensor.readers = subject.readers;
    tensor.numRows = numRows;
    tensor.numChannels = subject.numChannels;
    double count = static_cast<double>(numRows) * static_cast<double>(subject.numChannels);
    double sum = 0;
    for (double square : squares)
      sum += square;
    tensor.meanSquare = sum / count;
    tensor.dynamicError = dynamicError / count;
    findRanges(tensor, count);

    auto keep = [&](std::vector<float> values) {
      auto owned = std::make_shared<const std::vector<float>>(std::move(values));
      storage.push_back(owned);
      return CalibrationArray{*owned};
    };
    tensor.channelMaximum = keep(maxima);
    std::vector<float> means;
    for (double square : squares)
      means.push_back(static_cast<float>(square / static_cast<double>(numRows)));
    tensor.channelMeanSquare = keep(std::move(means));
    tensor.sampledRows = keep(std::move(sampled));
    if (wantsSecondMoments)
      tensor.secondMoments = keep(takeMoments());
    return tensor;
  }

private:
  void addRow(llvm::ArrayRef<float> values) {
    float largest = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      float magnitude = std::fabs(values[i]);
      largest = std::max(largest, magnitude);
      maxima[i] = std::max(maxima[i], magnitude);
      squares[i] += static_cast<double>(values[i]) * values[i];
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
    }
    sampleRow(values);
    ++numRows;
    float scale = largest / 127;
    if (!(scale > 0))
      return;
    // Rounds by adding a number whose last bit is 1; no code is beyond 127.
    constexpr float rounder = 0x1.8p23f;
    for (float value : values) {
      float code = value / scale + rounder - rounder;
      double difference = static_cast<double>(value) - static_cast<double>(code) * scale;
      dynamicError += difference * difference;
    }
  }

  /// Keeps every sampleStride-th row; where these become too many, every second of them.
  void sampleRow(llvm::ArrayRef<float> values) {
    if (numRows % sampleStride)
      return;
    if (sampled.size() == ObservedTensor::mostSampledRows * values.size()) {
      for (int64_t row = 1; row < ObservedTensor::mostSampledRows / 2; ++row)
        std::copy_n(sampled.begin() + 2 * row * values.size(), values.size(), sampled.begin() + row * values.size());
      sampled.resize(sampled.size() / 2);
      sampleStride *= 2;
    }
    if (numRows % sampleStride == 0)
      sampled.insert(sampled.end(), values.begin(), values.end());
  }

  void addMoments(llvm::ArrayRef<float> rows) {
    moments.resize(subject.numChannels * subject.numChannels);
    while (!rows.empty()) {
      size_t room = blockRows * subject.numChannels - pending.size(), taken = std::min(room, rows.size());
      llvm::append_range(pending, rows.take_front(taken));
      rows = rows.drop_front(taken);
      if (taken == room)
        sumPending();
    }
  }

  /// Adds the pending rows' products to the lower triangle.
  void sumPending() {
    int64_t size = subject.numChannels, depth = int64_t(pending.size()) / size, strip = 64;
    for (int64_t i = 0; i < size; i += strip) {
      int64_t rows = std::min(strip, size - i);
      addProduct(&moments[i * size], size, StridedMatrix<float>{pending.data() + i, 1, size},
                 StridedMatrix<float>{pending.data(), size}, rows, i + rows, depth);
    }
    pending.clear();
  }

  std::vector<float> takeMoments() {
    sumPending();
    int64_t size = subject.numChannels;
    std::vector<float> result(size * size);
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j <= i; ++j)
        result[i * size + j] = result[j * size + i] =
            static_cast<float>(moments[i * size + j] / static_cast<double>(numRows));
    moments = {};
    return result;
  }

  void findRanges(ObservedTensor &tensor, double count) const {
    std::vector<Bucket> list = buckets.list();
    auto rangeOf = [&](double from, double to) {
      return StaticRange{static_cast<float>(from), static_cast<float>(to), staticError(list, from, to, count)};
    };
    tensor.minMax = rangeOf(low, high);
    auto within = [&](double value) { return std::clamp<double>(value, low, high); };
    tensor.percentile = rangeOf(within(quantile(list, outliers, count)), within(quantile(list, 1 - outliers, count)));

    // Both ends shrink together first; then each finds its own place.
    StaticRange best = tensor.minMax;
    auto tryRange = [&](double from, double to) {
      if (from > to)
        return; // of values that are all positive, or all negative
      StaticRange range = rangeOf(from, to);
      if (range.error < best.error)
        best = range;
    };
    for (int part = numParts - 1; part > 0; --part)
      tryRange(low * part / numParts, high * part / numParts);
    for (int part = numParts; part >= 0; --part)
      tryRange(low * part / numParts, best.high);
    for (int part = numParts; part >= 0; --part)
      tryRange(best.low, high * part / numParts);
    tensor.leastSquares = best;
  }

  Subject subject;
  Buckets buckets;
  int64_t numRows = 0;
  float low = INFINITY, high = -INFINITY;
  double dynamicError = 0;
  std::vector<float> maxima;
  std::vector<double> squares;
  std::vector<float> sampled;
  int64_t sampleStride = 1;
  bool wantsSecondMoments;
  std::vector<float> pending; // at most blockRows rows
  std::vector<double> moments;
};

Collector::Collector(std::vector<Subject> subjects, bool wantsSecondMoments) {
  for (Subject &subject : subjects)
    statistics.push_back(std::make_unique<Statistics>(std::move(subject), wantsSecondMoments));
}

Collector::~Collector() = default;

llvm::Error Collector::add(unsigned subject, llvm::ArrayRef<float> rows, llvm::StringRef sample) {
  return statistics[subject]->add(rows, sample);
}

llvm::Expected<Calibration> Collector::finish(int64_t numSamples) {
  Calibration calibration;
  calibration.numSamples = numSamples;
  for (std::unique_ptr<Statistics> &entry : statistics) {
    llvm::Expected<ObservedTensor> tensor = entry->finish(calibration.storage);
    if (!tensor)
      return tensor.takeError();
    calibration.tensors.push_back(std::move(*tensor));
    entry.reset();
  }
  return calibration;
}
