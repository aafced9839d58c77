//===- ProductKernels.cpp - Products of matrices, and convolutions ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"

#include <algorithm>

using namespace mlir;
using namespace sinter;

//===----------------------------------------------------------------------===//
// matmul
//===----------------------------------------------------------------------===//

/// Rows [begin, end) of result[m, n] = sum over k of lhs[m, k] * rhs[k, n]. The
/// innermost loop runs along rows in memory, and a few rows at a time share what
/// they read of `rhs`; each sum still grows in order of k.
template <typename Number>
static void multiplyRows(const Number *lhs, const Number *rhs, Number *result, int64_t begin, int64_t end, int64_t k,
                         int64_t n) {
  constexpr int64_t rowsAtOnce = 8;
  std::fill(result + begin * n, result + end * n, Number(0));
  for (int64_t first = begin; first < end; first += rowsAtOnce)
    for (int64_t i = 0; i < k; ++i)
      for (int64_t row = first; row < std::min(end, first + rowsAtOnce); ++row) {
        Number factor = lhs[row * k + i];
        const Number *line = rhs + i * n;
        Number *sums = result + row * n;
        for (int64_t column = 0; column < n; ++column)
          sums[column] = add(sums[column], multiply(factor, line[column]));
      }
}

static llvm::Expected<HostTensor> runMatmul(MatmulOp op, const Frame &frame) {
  const HostTensor &lhs = frame.operand(0), &rhs = frame.operand(1);
  HostTensor result = frame.makeResult();
  llvm::ArrayRef<int64_t> leading = llvm::ArrayRef(result.dims).drop_back(2);
  int64_t m = result.dims[result.dims.size() - 2], n = result.dims.back(), k = lhs.dims.back();
  Strides left = broadcastStrides(llvm::ArrayRef(lhs.dims).drop_back(2), leading);
  Strides right = broadcastStrides(llvm::ArrayRef(rhs.dims).drop_back(2), leading);
  withNumbers(result.type, [&](auto zero) {
    using Number = decltype(zero);
    std::vector<Number> a = load<Number>(lhs), b = load<Number>(rhs), values(result.numElements());
    int64_t matrix = 0;
    forEachPosition(leading, {left, right}, [&](llvm::ArrayRef<int64_t> offsets) {
      const Number *aMatrix = a.data() + offsets[0] * m * k, *bMatrix = b.data() + offsets[1] * k * n;
      Number *resultMatrix = values.data() + matrix++ * m * n;
      unsigned numThreads = m * n * k > 100000 ? frame.options.numThreads : 1;
      runInParallel(m, numThreads, [&](int64_t begin, int64_t end) {
        multiplyRows(aMatrix, bMatrix, resultMatrix, begin, end, k, n);
      });
    });
    store<Number>(values, result);
  });
  return result;
}

//===----------------------------------------------------------------------===//
// conv
//===----------------------------------------------------------------------===//

namespace {

/// A convolution in double. The positions of the window and of the output are
/// vectors, so that one text serves one, two and three spatial dimensions.
struct Convolution {
  ConvOp op;
  llvm::ArrayRef<int64_t> inputDims, filterDims, resultDims;
  std::vector<double> input, filter, bias;

  /// The offset in an image of one channel of what the window shows at `window`,
  /// where the output is at `position`; -1 outside.
  int64_t getSource(llvm::ArrayRef<int64_t> position, llvm::ArrayRef<int64_t> window) {
    int64_t offset = 0;
    for (size_t i = 0; i < position.size(); ++i) {
      int64_t at = position[i] * op.getStrides()[i] + window[i] * op.getDilations()[i] - op.getLow()[i];
      if (at < 0 || at >= inputDims[i + 2])
        return -1;
      offset = offset * inputDims[i + 2] + at;
    }
    return offset;
  }

  /// The output of one filter on one image, for all positions.
  void run(int64_t image, int64_t output, double *results) {
    llvm::ArrayRef<int64_t> positions = resultDims.drop_front(2), windows = filterDims.drop_front(2);
    int64_t channels = filterDims[1], group = output / (filterDims[0] / static_cast<int64_t>(op.getGroups()));
    int64_t imageSize = *countElements(inputDims.drop_front(2)), windowSize = *countElements(windows);
    const double *firstChannel = input.data() + (image * inputDims[1] + group * channels) * imageSize;
    const double *weights = filter.data() + output * channels * windowSize;
    int64_t count = *countElements(positions);
    std::vector<int64_t> sources(windowSize);
    for (int64_t linear = 0; linear < count; ++linear) {
      std::vector<int64_t> position = unflatten(linear, positions);
      for (int64_t w = 0; w < windowSize; ++w)
        sources[w] = getSource(position, unflatten(w, windows));
      double sum = 0;
      for (int64_t channel = 0; channel < channels; ++channel)
        for (int64_t w = 0; w < windowSize; ++w)
          if (sources[w] >= 0)
            sum += weights[channel * windowSize + w] * firstChannel[channel * imageSize + sources[w]];
      results[linear] = sum + (bias.empty() ? 0 : bias[output]);
    }
  }

  static std::vector<int64_t> unflatten(int64_t linear, llvm::ArrayRef<int64_t> dims) {
    std::vector<int64_t> position(dims.size());
    for (size_t i = dims.size(); i-- > 0; linear /= dims[i])
      position[i] = linear % dims[i];
    return position;
  }
};

} // namespace

static llvm::Expected<HostTensor> runConv(ConvOp op, const Frame &frame) {
  HostTensor result = frame.makeResult();
  Convolution convolution{op,
                          frame.operand(0).dims,
                          frame.operand(1).dims,
                          result.dims,
                          load<double>(frame.operand(0)),
                          load<double>(frame.operand(1)),
                          op.getBias() ? load<double>(frame.operand(2)) : std::vector<double>()};
  std::vector<double> values(result.numElements());
  int64_t numOutputs = result.dims[1], planes = values.empty() ? 0 : result.dims[0] * numOutputs;
  int64_t planeSize = planes ? values.size() / planes : 0;
  runInParallel(planes, frame.options.numThreads, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane)
      convolution.run(plane / numOutputs, plane % numOutputs, values.data() + plane * planeSize);
  });
  store<double>(values, result);
  return result;
}

void sinter::addProductKernels(KernelTable &table) {
  table.add(runMatmul);
  table.add(runConv);
}
