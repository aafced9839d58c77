//===- PlaneProducts.cpp - A row times the array of a plane ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/sim/PlaneProducts.h"

#include "runtime/sim/StreamArithmetic.h"

#include <algorithm>
#include <cmath>
#include <cstring>

// The same whole numbers and the same exact sums, whatever the machine has: so the instructions may be chosen at load
// time. (Not in sanitized builds, whose code cannot run that early.)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SINTER_SANITIZED
#endif
#endif
#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(SINTER_SANITIZED)
#define SINTER_FOR_EACH_MACHINE __attribute__((target_clones("default", "avx2", "avx512bw")))
#else
#define SINTER_FOR_EACH_MACHINE
#endif

namespace sinter::sim {
namespace {

SINTER_FOR_EACH_MACHINE
void multiplyWhole(const int16_t *weights, const int16_t *row, size_t depth, size_t columns, int32_t *sums) {
  for (size_t j = 0; j < columns; ++j) {
    const int16_t *column = weights + j * depth;
    int32_t sum = 0;
    for (size_t k = 0; k < depth; ++k)
      sum += static_cast<int32_t>(column[k]) * static_cast<int32_t>(row[k]);
    sums[j] = sum;
  }
}

/// A product of two float16 has 22 bits, and is exact in float, too.
SINTER_FOR_EACH_MACHINE
void multiplyFloats(const float *weights, const float *row, size_t depth, size_t columns, double *sums) {
  constexpr size_t block = 32;
  for (size_t first = 0; first < columns; first += block) {
    double partial[block] = {};
    size_t count = std::min(block, columns - first);
    if (count == block)
      for (size_t k = 0; k < depth; ++k) {
        const float *line = weights + k * columns + first;
        for (size_t j = 0; j < block; ++j)
          partial[j] += static_cast<double>(row[k] * line[j]);
      }
    else
      for (size_t k = 0; k < depth; ++k)
        for (size_t j = 0; j < count; ++j)
          partial[j] += static_cast<double>(row[k] * weights[k * columns + first + j]);
    for (size_t j = 0; j < count; ++j)
      sums[first + j] = partial[j];
  }
}

/// The greatest power of two that divides a finite float other than 0.
double quantum(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  int exponent = static_cast<int>(bits >> 23 & 255);
  uint32_t fraction = (bits & 0x7fffff) | (exponent ? 0x800000 : 0);
  return std::ldexp(1.0, std::max(exponent, 1) - 150 + __builtin_ctz(fraction));
}

/// a + b rounded once to float. Neither is so small that a float would be subnormal.
float addOnce(double a, double b) {
  double sum = a + b;
  double part = sum - a;
  double error = (a - (sum - part)) + (b - part);
  if (error != 0) {
    uint64_t bits;
    std::memcpy(&bits, &sum, 8);
    // Round to odd: of the two doubles around the exact sum, the one whose last bit is set.
    if (!(bits & 1))
      sum = std::nextafter(sum, error > 0 ? HUGE_VAL : -HUGE_VAL);
  }
  return static_cast<float>(sum);
}

/// A float16 as a multiple of 2^-24.
int64_t wholeOf(float value) { return static_cast<int64_t>(std::ldexp(static_cast<double>(value), 24)); }

/// A multiple of 2^-48, rounded once.
float roundWide(__int128 value) {
  bool negative = value < 0;
  unsigned __int128 magnitude =
      negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  int shift = 0;
  bool rest = false;
  while (magnitude >> 53) {
    rest |= magnitude & 1;
    magnitude >>= 1;
    ++shift;
  }
  uint64_t kept = static_cast<uint64_t>(magnitude) | (rest ? 1 : 0);
  float result = static_cast<float>(std::ldexp(static_cast<double>(kept), shift - 48));
  return negative ? -result : result;
}

constexpr double exactLimit = 9007199254740992.0; // 2^53

} // namespace

void multiplyInt8(const int16_t *weights, const int16_t *row, size_t depth, size_t columns, int32_t *sums) {
  multiplyWhole(weights, row, depth, columns, sums);
}

void Float16Array::clear() {
  weights.assign(depth * columns, 0.0f);
  measured = false;
}

void Float16Array::setColumn(size_t column, const uint16_t *bits) {
  for (size_t k = 0; k < depth; ++k)
    weights[k * columns + column] = floatOfHalf(bits[k]);
  measured = false;
}

void Float16Array::measure() {
  if (measured)
    return;
  measured = true;
  magnitudes.assign(columns, 0);
  plain.assign(columns, 1);
  greatest = 0;
  for (size_t j = 0; j < columns; ++j) {
    double sum = 0, least = HUGE_VAL;
    for (size_t k = 0; k < depth; ++k) {
      float value = weights[k * columns + j];
      if (value == 0)
        continue;
      if (!std::isfinite(value)) {
        plain[j] = 0;
        continue;
      }
      sum += std::fabs(value); // multiples of 2^-24 below 2^24: exact
      least = std::min(least, quantum(value));
    }
    magnitudes[j] = sum == 0 ? 0 : sum / least;
    greatest = std::max(greatest, magnitudes[j]);
  }
}

void Float16Array::multiply(const uint16_t *row, float *sums) {
  measure();
  high.resize(depth);
  low.resize(depth);
  highSums.resize(columns);
  lowSums.resize(columns);
  double most = 0, least = HUGE_VAL;
  bool finite = true;
  for (size_t k = 0; k < depth; ++k) {
    high[k] = floatOfHalf(row[k]);
    if (!std::isfinite(high[k])) {
      finite = false;
    } else if (high[k] != 0) {
      most = std::max(most, std::fabs(static_cast<double>(high[k])));
      least = std::min(least, quantum(high[k]));
    }
  }
  double limit = most == 0 || !finite ? HUGE_VAL : exactLimit * least / most;
  if (greatest <= limit) {
    multiplyFloats(weights.data(), high.data(), depth, columns, highSums.data());
    // Infinities and NaN come out alike in every order; the sum of zeros is +0, as the partial sums begin with it.
    for (size_t j = 0; j < columns; ++j)
      sums[j] = canonical(static_cast<float>(highSums[j]));
    return;
  }

  // High parts are multiples of `step`, low parts are smaller and multiples of `least`.
  double step = least * std::ldexp(1.0, (std::ilogb(most / least) + 2) / 2);
  std::vector<float> whole(high);
  double mostHigh = 0, mostLow = 0;
  for (size_t k = 0; k < depth; ++k) {
    high[k] = static_cast<float>(std::trunc(whole[k] / step) * step);
    low[k] = whole[k] - high[k];
    mostHigh = std::max(mostHigh, std::fabs(static_cast<double>(high[k])));
    mostLow = std::max(mostLow, std::fabs(static_cast<double>(low[k])));
  }
  double limitHigh = mostHigh == 0 ? HUGE_VAL : exactLimit * step / mostHigh;
  double limitLow = mostLow == 0 ? HUGE_VAL : exactLimit * least / mostLow;
  multiplyFloats(weights.data(), high.data(), depth, columns, highSums.data());
  multiplyFloats(weights.data(), low.data(), depth, columns, lowSums.data());
  for (size_t j = 0; j < columns; ++j) {
    if (!plain[j]) {
      double sum = 0;
      for (size_t k = 0; k < depth; ++k)
        sum += static_cast<double>(whole[k]) * static_cast<double>(weights[k * columns + j]);
      sums[j] = canonical(static_cast<float>(sum));
    } else if (magnitudes[j] <= limitHigh && magnitudes[j] <= limitLow) {
      sums[j] = addOnce(highSums[j], lowSums[j]);
    } else {
      __int128 sum = 0;
      for (size_t k = 0; k < depth; ++k)
        sum += static_cast<__int128>(wholeOf(whole[k])) * wholeOf(weights[k * columns + j]);
      sums[j] = roundWide(sum);
    }
  }
}

} // namespace sinter::sim
