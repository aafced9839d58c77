//===- QuantizationKernels.cpp - Numbers of few bits with scales -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Unlike elsewhere, floats are computed with in f32: the ops' formulas say where
// each step is rounded, and a target's codes are to be the same.
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"
#include "lib/Quantization/Gptq.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace sinter;

namespace {

/// Which element of the scales each element of a tensor has.
class Blocks {
public:
  Blocks(llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<int64_t> lengths) : dims(dims), lengths(lengths) {}

  /// Calls function(element, scale) for all elements in order.
  template <typename Function> void forEach(Function function) const {
    int64_t element = 0;
    visit(0, 0, element, function);
  }

private:
  template <typename Function> void visit(size_t axis, int64_t scale, int64_t &element, Function &function) const {
    if (axis == dims.size())
      return function(element++, scale);
    int64_t length = lengths.empty() ? 0 : lengths[axis];
    int64_t count = length == 0 ? 1 : (dims[axis] + length - 1) / length;
    for (int64_t i = 0; i < dims[axis]; ++i)
      visit(axis + 1, scale * count + (length == 0 ? 0 : i / length), element, function);
  }

  llvm::ArrayRef<int64_t> dims, lengths;
};

std::vector<float> loadFloats(const HostTensor &tensor) {
  std::vector<double> values = load<double>(tensor);
  return {values.begin(), values.end()};
}

std::vector<int32_t> loadCodes(const HostTensor &tensor) {
  return withNumbers(tensor.type, [&](auto zero) {
    std::vector<decltype(zero)> values = load<decltype(zero)>(tensor);
    std::vector<int32_t> codes(values.size());
    std::transform(values.begin(), values.end(), codes.begin(), [](auto value) { return static_cast<int32_t>(value); });
    return codes;
  });
}

void storeCodes(llvm::ArrayRef<int32_t> codes, HostTensor &tensor) {
  withNumbers(tensor.type, [&](auto zero) {
    store<decltype(zero)>(std::vector<decltype(zero)>(codes.begin(), codes.end()), tensor);
  });
}

/// Zero points, one for each of `count` scales; zeros where there is no tensor.
std::vector<int32_t> loadZeroPoints(const HostTensor *tensor, size_t count) {
  if (!tensor)
    return std::vector<int32_t>(count, 0);
  std::vector<int32_t> zeroPoints = loadCodes(*tensor);
  if (zeroPoints.size() != count)
    zeroPoints.assign(count, zeroPoints[0]);
  return zeroPoints;
}

QuantizedType getQuantizedType(Value value) { return cast<QuantizedType>(getElementType(value)); }

int32_t clampCode(float rounded, int64_t zeroPoint, std::pair<int64_t, int64_t> range) {
  // Beyond 2^20 either way all are clamped alike, and the sum is exact.
  float bounded = std::clamp(rounded, -1048576.0f, 1048576.0f);
  return static_cast<int32_t>(
      std::clamp<int64_t>(static_cast<int64_t>(bounded) + zeroPoint, range.first, range.second));
}

} // namespace

static llvm::Expected<HostTensor> runQuantize(QuantizeOp op, const Frame &frame) {
  QuantizedType type = getQuantizedType(op.getResult());
  HostTensor result = frame.makeResult();
  std::vector<float> values = loadFloats(frame.operand(0)), scales = loadFloats(frame.operand(1));
  std::vector<int32_t> zeroPoints = loadZeroPoints(op.getZeroPoint() ? &frame.operand(2) : nullptr, scales.size());
  std::vector<int32_t> codes(values.size());
  std::pair<int64_t, int64_t> range = type.getRange();
  Blocks(result.dims, type.getBlocks()).forEach([&](int64_t i, int64_t s) {
    float scale = scales[s];
    float quotient = op.getReciprocal() ? values[i] * (1.0f / scale) : values[i] / scale;
    bool isZero = !(scale > 0) || std::isnan(quotient);
    codes[i] = clampCode(isZero ? 0.0f : std::nearbyint(quotient), zeroPoints[s], range);
  });
  storeCodes(codes, result);
  return result;
}

static llvm::Expected<HostTensor> runDequantize(DequantizeOp op, const Frame &frame) {
  QuantizedType type = getQuantizedType(op.getInput());
  HostTensor result = frame.makeResult();
  bool isFloat = isFloatType(frame.operand(0).type);
  std::vector<double> codes = isFloat ? load<double>(frame.operand(0)) : std::vector<double>();
  if (!isFloat) {
    std::vector<int32_t> integers = loadCodes(frame.operand(0));
    codes.assign(integers.begin(), integers.end());
  }
  std::vector<double> scales = load<double>(frame.operand(1));
  std::vector<int32_t> zeroPoints = loadZeroPoints(op.getZeroPoint() ? &frame.operand(2) : nullptr, scales.size());
  Blocks(result.dims, type.getBlocks()).forEach([&](int64_t i, int64_t s) {
    codes[i] = (codes[i] - zeroPoints[s]) * scales[s];
  });
  store<double>(codes, result);
  return result;
}

static llvm::Expected<HostTensor> runStorageCast(StorageCastOp op, const Frame &frame) {
  HostTensor result = frame.makeResult();
  result.data = frame.operand(0).data;
  return result;
}

//===----------------------------------------------------------------------===//
// choose_scale, choose_zero_point
//===----------------------------------------------------------------------===//

namespace {
/// The least and greatest of a block, and 0; NaN where it has one.
struct Extremes {
  std::vector<float> least, greatest;

  Extremes(const HostTensor &input, llvm::ArrayRef<int64_t> lengths, size_t count) : least(count), greatest(count) {
    std::vector<float> values = loadFloats(input);
    Blocks(input.dims, lengths).forEach([&](int64_t i, int64_t s) {
      if (!(values[i] >= least[s]) && !std::isnan(least[s]))
        least[s] = values[i];
      if (!(values[i] <= greatest[s]) && !std::isnan(greatest[s]))
        greatest[s] = values[i];
    });
  }
};
} // namespace

static llvm::Expected<HostTensor> runChooseScale(ChooseScaleOp op, const Frame &frame) {
  auto type = cast<QuantizedType>(op.getQuantized());
  HostTensor result = frame.makeResult();
  int64_t lowest = type.getRange().first, highest = type.getRange().second;
  size_t count = result.numElements();
  Extremes extremes(frame.operand(0), type.getBlocks(), count);
  std::vector<float> scales(count);
  if (std::optional<int64_t> zero = op.getZero())
    for (size_t s = 0; s < count; ++s) {
      float above = extremes.greatest[s] / static_cast<float>(highest - *zero);
      float below = -extremes.least[s] / static_cast<float>(*zero - lowest);
      scales[s] = above > below || std::isnan(above) ? above : below;
    }
  else
    for (size_t s = 0; s < count; ++s)
      scales[s] =
          type.getZeroPoints()
              ? (extremes.greatest[s] - extremes.least[s]) / static_cast<float>(highest - lowest)
              : (extremes.greatest[s] > -extremes.least[s] || std::isnan(extremes.greatest[s]) ? extremes.greatest[s]
                                                                                               : -extremes.least[s]) /
                    static_cast<float>(highest);
  if (op.getSearch()) {
    std::vector<float> values = loadFloats(frame.operand(0)), best = scales;
    std::vector<double> least(count, std::numeric_limits<double>::infinity());
    for (int percent = 100; percent >= 60; percent -= 2) {
      std::vector<float> tried(count);
      for (size_t s = 0; s < count; ++s)
        tried[s] = scales[s] * (static_cast<float>(percent) / 100.0f);
      std::vector<double> errors(count);
      Blocks(frame.operand(0).dims, type.getBlocks()).forEach([&](int64_t i, int64_t s) {
        if (!(tried[s] > 0))
          return;
        double difference =
            double(clampCode(std::nearbyint(values[i] / tried[s]), 0, {lowest, highest})) * tried[s] - values[i];
        errors[s] += difference * difference;
      });
      for (size_t s = 0; s < count; ++s)
        if (errors[s] < least[s]) {
          least[s] = errors[s];
          best[s] = tried[s];
        }
    }
    scales = best;
  }
  store<double>(std::vector<double>(scales.begin(), scales.end()), result);
  return result;
}

static llvm::Expected<HostTensor> runChooseZeroPoint(ChooseZeroPointOp op, const Frame &frame) {
  auto type = cast<QuantizedType>(op.getQuantized());
  HostTensor result = frame.makeResult();
  std::pair<int64_t, int64_t> range = type.getRange();
  std::vector<float> scales = loadFloats(frame.operand(1));
  Extremes extremes(frame.operand(0), type.getBlocks(), scales.size());
  std::vector<int32_t> zeroPoints(scales.size());
  for (size_t s = 0; s < scales.size(); ++s) {
    float shift = extremes.least[s] / scales[s];
    bool isZero = !(scales[s] > 0) || std::isnan(shift);
    zeroPoints[s] = isZero ? std::clamp<int64_t>(0, range.first, range.second)
                           : clampCode(std::nearbyint(static_cast<float>(range.first) - shift), 0, range);
  }
  storeCodes(zeroPoints, result);
  return result;
}

static llvm::Expected<HostTensor> runGptq(GptqOp op, const Frame &frame) {
  QuantizedType type = getQuantizedType(op.getResult());
  const HostTensor &input = frame.operand(0);
  HostTensor result = frame.makeResult();
  std::vector<float> scales = loadFloats(frame.operand(2));
  std::vector<int32_t> zeros = loadZeroPoints(op.getZeroPoint() ? &frame.operand(3) : nullptr, scales.size());
  std::vector<int16_t> zeroPoints(zeros.begin(), zeros.end());
  WeightToRound weight;
  weight.numRows = input.dims[0];
  weight.numColumns = input.dims[1];
  weight.values = input.as<float>();
  weight.group = type.getBlocks()[0];
  weight.scales = scales;
  weight.zeroPoints = zeroPoints;
  weight.codes = {static_cast<int>(type.getRange().first), static_cast<int>(type.getRange().second)};
  GptqOptions options;
  options.numThreads = frame.options.numThreads;
  llvm::Expected<std::vector<int16_t>> codes = roundByGptq(weight, frame.operand(1).as<float>(), options);
  if (!codes)
    return codes.takeError();
  storeCodes(std::vector<int32_t>(codes->begin(), codes->end()), result);
  return result;
}

//===----------------------------------------------------------------------===//
// quantized_matmul
//===----------------------------------------------------------------------===//

static llvm::Expected<HostTensor> runQuantizedMatmul(QuantizedMatmulOp op, const Frame &frame) {
  unsigned next = 0;
  auto take = [&](Value operand) { return operand ? &frame.operand(next++) : nullptr; };
  const HostTensor &lhs = *take(op.getLhs()), &lhsScale = *take(op.getLhsScale());
  const HostTensor *lhsZero = take(op.getLhsZeroPoint());
  const HostTensor &rhs = *take(op.getRhs()), &rhsScale = *take(op.getRhsScale());
  const HostTensor *rhsZero = take(op.getRhsZeroPoint());
  HostTensor result = frame.makeResult();
  int64_t k = rhs.dims[0], n = rhs.dims[1], m = k ? lhs.numElements() / k : 0;
  QuantizedType rhsType = getQuantizedType(op.getRhs());
  int64_t group = rhsType.getRowsPerBlock(k);
  // Centred: what a code stands for, as a multiple of its scale.
  std::vector<int32_t> a = loadCodes(lhs), b = loadCodes(rhs);
  std::vector<float> aScales = loadFloats(lhsScale), bScales = loadFloats(rhsScale);
  std::vector<int32_t> aZero = loadZeroPoints(lhsZero, aScales.size());
  std::vector<int32_t> bZero = loadZeroPoints(rhsZero, bScales.size());
  Blocks(lhs.dims, getQuantizedType(op.getLhs()).getBlocks()).forEach([&](int64_t i, int64_t s) { a[i] -= aZero[s]; });
  std::vector<int32_t> scaleOf(b.size());
  Blocks(rhs.dims, rhsType.getBlocks()).forEach([&](int64_t i, int64_t s) {
    b[i] -= bZero[s];
    scaleOf[i] = static_cast<int32_t>(s);
  });
  llvm::MutableArrayRef<float> values = result.as<float>();
  runInParallel(m, m * n * k > 100000 ? frame.options.numThreads : 1, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> sums(n);
    for (int64_t row = begin; row < end; ++row) {
      float *line = values.data() + row * n;
      std::fill(line, line + n, 0.0f);
      for (int64_t first = 0; first < k; first += group) {
        std::fill(sums.begin(), sums.end(), 0);
        for (int64_t i = first; i < std::min(first + group, k); ++i) {
          int32_t factor = a[row * k + i];
          const int32_t *codes = b.data() + i * n;
          for (int64_t column = 0; column < n; ++column)
            sums[column] += factor * codes[column];
        }
        for (int64_t column = 0; column < n; ++column)
          line[column] = std::fma(static_cast<float>(sums[column]), bScales[scaleOf[first * n + column]], line[column]);
      }
      float scale = aScales.size() == 1 ? aScales[0] : aScales[row];
      for (int64_t column = 0; column < n; ++column)
        line[column] *= scale;
    }
  });
  return result;
}

void sinter::addQuantizationKernels(KernelTable &table) {
  table.add(runQuantize);
  table.add(runDequantize);
  table.add(runStorageCast);
  table.add(runChooseScale);
  table.add(runChooseZeroPoint);
  table.add(runGptq);
  table.add(runQuantizedMatmul);
}
