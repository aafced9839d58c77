//===- Gptq.cpp - Rounding weights so that errors make up for each other -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Gptq.h"
#include "lib/Quantization/BlockProducts.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>

using namespace sinter;

namespace {

/// Rows that are worked on at once, in factoring and in rounding.
constexpr int64_t blockRows = 64;
/// Columns of a weight that are rounded together, so that their errors stay in the cache.
constexpr int64_t chunkColumns = 32;

/// A double as `quantizeValue` rounds it; the corrected weight is no f32.
int roundCode(double value, ScaleAndZero parameters, CodeRange codes) {
  if (!(parameters.scale > 0))
    return parameters.zero;
  double rounded = std::nearbyint(value / parameters.scale) + parameters.zero;
  return static_cast<int>(std::fmin(std::fmax(rounded, codes.lowest), codes.highest));
}

/// Overwrites the lower triangle of the symmetric matrix [size][size] by its Cholesky factor. False where it is not
/// positive definite.
bool factorCholesky(std::vector<double> &matrix, int64_t size) {
  std::vector<double> panel(blockRows * size); // of a block, negated and transposed: [block][rows below]
  for (int64_t begin = 0; begin < size; begin += blockRows) {
    int64_t end = std::min(begin + blockRows, size), rest = size - end;
    for (int64_t i = begin; i < size; ++i) {
      double *row = &matrix[i * size];
      for (int64_t j = begin; j < std::min(i + 1, end); ++j) {
        const double *other = &matrix[j * size];
        double sum = row[j];
        for (int64_t k = begin; k < j; ++k)
          sum -= row[k] * other[k];
        if (j < i)
          row[j] = sum / other[j];
        else if (sum > 0 && std::isfinite(sum))
          row[i] = std::sqrt(sum);
        else
          return false;
      }
    }
    for (int64_t i = end; i < size; ++i)
      for (int64_t k = begin; k < end; ++k)
        panel[(k - begin) * rest + i - end] = -matrix[i * size + k];
    // The part on and below the diagonal, in strips of rows.
    for (int64_t i = end; i < size; i += blockRows) {
      int64_t rows = std::min(blockRows, size - i);
      addProduct(&matrix[i * size + end], size, {&matrix[i * size + begin], size}, {panel.data(), rest}, rows,
                 i + rows - end, end - begin);
    }
  }
  return true;
}

/// The factor of a damped matrix of second moments, and the order in which rows are rounded.
///
/// H = R R^T with R upper triangular is Cholesky's L L^T of the matrix with rows and columns reversed: row 0 of
/// everything here is the row that is rounded last. `factor` has L's transpose in its upper triangle, so that
/// factor[b][a], a > b, is by how much the error of row a, rounded earlier, is felt in row b.
class RoundingOrder {
public:
  static llvm::Expected<RoundingOrder> create(const WeightToRound &weight, llvm::ArrayRef<float> secondMoments,
                                              const GptqOptions &options);

  int64_t size;
  std::vector<int64_t> rows; // of the weight
  std::vector<bool> isDead;  // by place in `rows`
  std::vector<double> factor;
  double damping;
};

llvm::Expected<RoundingOrder> RoundingOrder::create(const WeightToRound &weight, llvm::ArrayRef<float> secondMoments,
                                                    const GptqOptions &options) {
  RoundingOrder order;
  int64_t size = order.size = weight.numRows;
  if (!llvm::all_of(secondMoments, [](float value) { return std::isfinite(value); }))
    return unusable("second moments of activations are infinite or no numbers: calibrate again");
  auto diagonal = [&](int64_t i) { return secondMoments[i * size + i]; };
  double sum = 0;
  for (int64_t i = 0; i < size; ++i)
    sum += diagonal(i);
  order.damping = options.damping * sum / static_cast<double>(size);
  order.rows.resize(size);
  std::iota(order.rows.begin(), order.rows.end(), int64_t(0));
  if (options.byDecreasingDiagonal)
    llvm::sort(order.rows,
               [&](int64_t a, int64_t b) { return diagonal(a) != diagonal(b) ? diagonal(a) > diagonal(b) : a < b; });
  std::reverse(order.rows.begin(), order.rows.end());
  order.isDead.resize(size);
  for (int64_t i = 0; i < size; ++i)
    order.isDead[i] = diagonal(order.rows[i]) <= 0;

  order.factor.assign(size * size, 0);
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double value = order.isDead[i] || order.isDead[j] ? 0.0 : secondMoments[order.rows[i] * size + order.rows[j]];
      if (i == j)
        value = order.isDead[i] ? 1 : value + order.damping;
      order.factor[i * size + j] = value;
    }
  if (!factorCholesky(order.factor, size))
    return unusable("second moments of activations are no such: they are not positive semidefinite; calibrate again");
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < i; ++j)
      order.factor[j * size + i] = order.factor[i * size + j];
  return order;
}

/// Rounds columns [begin, begin + count) of a weight.
class ChunkRounding {
public:
  ChunkRounding(const WeightToRound &weight, const RoundingOrder &order, int64_t begin, int64_t count)
      : weight(weight), order(order), begin(begin), count(count), errors(weight.numRows * count),
        codes(weight.numRows * count), totals(count) {}

  /// By GPTQ, or each weight by itself; either way with the damped error of each column.
  void round(bool compensating) {
    int64_t size = order.size;
    std::fill(totals.begin(), totals.end(), 0);
    std::vector<double> felt(blockRows * count);
    for (int64_t end = size; end > 0;) {
      int64_t first = std::max<int64_t>(end - blockRows, 0);
      std::fill(felt.begin(), felt.end(), 0);
      addProduct(felt.data(), count, {&order.factor[first * size + end], size}, {&errors[end * count], count},
                 end - first, count, size - end);
      for (int64_t b = end - 1; b >= first; --b) {
        double *sums = &felt[(b - first) * count];
        const double *factors = &order.factor[b * size];
        for (int64_t a = b + 1; a < end; ++a)
          for (int64_t j = 0; j < count; ++j)
            sums[j] += factors[a] * errors[a * count + j];
        roundRow(b, sums, factors[b], compensating && !order.isDead[b]);
      }
      end = first;
    }
  }

  const WeightToRound &weight;
  const RoundingOrder &order;
  int64_t begin, count;
  std::vector<double> errors; // [place in order][column]
  std::vector<int16_t> codes; // the same
  std::vector<double> totals; // by column

private:
  void roundRow(int64_t place, const double *felt, double diagonal, bool compensating) {
    int64_t row = order.rows[place];
    for (int64_t j = 0; j < count; ++j) {
      float value = weight.values[row * weight.numColumns + begin + j];
      ScaleAndZero parameters = weight.parameters(row, begin + j);
      int code = compensating ? roundCode(value + felt[j] / diagonal, parameters, weight.codes)
                              : quantizeValue(value, parameters, weight.codes);
      double error = value - static_cast<double>(code - parameters.zero) * parameters.scale;
      double seen = diagonal * error + felt[j];
      codes[place * count + j] = static_cast<int16_t>(code);
      errors[place * count + j] = error;
      totals[j] += seen * seen - order.damping * error * error;
    }
  }
};

} // namespace

std::vector<int16_t> sinter::roundToNearest(const WeightToRound &weight) {
  std::vector<int16_t> codes(weight.numRows * weight.numColumns);
  for (int64_t i = 0; i < weight.numRows; ++i)
    for (int64_t j = 0; j < weight.numColumns; ++j) {
      int64_t at = i * weight.numColumns + j;
      codes[at] = static_cast<int16_t>(quantizeValue(weight.values[at], weight.parameters(i, j), weight.codes));
    }
  return codes;
}

llvm::Expected<std::vector<int16_t>>
sinter::roundByGptq(const WeightToRound &weight, llvm::ArrayRef<float> secondMoments, const GptqOptions &options) {
  if (!llvm::all_of(weight.values, [](float value) { return std::isfinite(value); }))
    return unusable("a weight is infinite or no number, and cannot be rounded");
  llvm::Expected<RoundingOrder> order = RoundingOrder::create(weight, secondMoments, options);
  if (!order)
    return order.takeError();

  std::vector<int16_t> codes(weight.numRows * weight.numColumns);
  int64_t numChunks = (weight.numColumns + chunkColumns - 1) / chunkColumns;
  std::atomic<int64_t> next{0};
  auto work = [&] {
    for (int64_t chunk; (chunk = next++) < numChunks;) {
      int64_t begin = chunk * chunkColumns, count = std::min(chunkColumns, weight.numColumns - begin);
      ChunkRounding plain(weight, *order, begin, count), compensated(weight, *order, begin, count);
      plain.round(/*compensating=*/false);
      compensated.round(/*compensating=*/true);
      for (int64_t j = 0; j < count; ++j) {
        const ChunkRounding &better = compensated.totals[j] <= plain.totals[j] ? compensated : plain;
        for (int64_t place = 0; place < weight.numRows; ++place)
          codes[order->rows[place] * weight.numColumns + begin + j] = better.codes[place * count + j];
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::min<int64_t>(options.numThreads, numChunks); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  return codes;
}

double sinter::outputError(const WeightToRound &weight, llvm::ArrayRef<int16_t> codes,
                           llvm::ArrayRef<float> secondMoments) {
  int64_t size = weight.numRows;
  std::vector<double> errors(size * chunkColumns), products(blockRows * chunkColumns), moments(blockRows * size);
  double total = 0;
  for (int64_t begin = 0; begin < weight.numColumns; begin += chunkColumns) {
    int64_t count = std::min(chunkColumns, weight.numColumns - begin);
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < count; ++j) {
        int64_t at = i * weight.numColumns + begin + j;
        ScaleAndZero parameters = weight.parameters(i, begin + j);
        errors[i * count + j] = weight.values[at] - static_cast<double>(codes[at] - parameters.zero) * parameters.scale;
      }
    for (int64_t row = 0; row < size; row += blockRows) {
      int64_t rows = std::min(blockRows, size - row);
      std::copy_n(secondMoments.begin() + row * size, rows * size, moments.begin());
      std::fill(products.begin(), products.end(), 0);
      addProduct(products.data(), count, {moments.data(), size}, {errors.data(), count}, rows, count, size);
      for (int64_t i = 0; i < rows * count; ++i)
        total += products[i] * errors[row * count + i];
    }
  }
  return total;
}
