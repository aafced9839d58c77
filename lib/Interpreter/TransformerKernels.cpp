//===- TransformerKernels.cpp - Constructs of the literature ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace sinter;

/// All elements of a tensor repeated to sizes `dims`.
static std::vector<double> loadBroadcast(const HostTensor &tensor, llvm::ArrayRef<int64_t> dims) {
  std::vector<double> values = load<double>(tensor), repeated;
  repeated.reserve(*countElements(dims));
  forEachPosition(dims, {broadcastStrides(tensor.dims, dims)},
                  [&](llvm::ArrayRef<int64_t> offsets) { repeated.push_back(values[offsets[0]]); });
  return repeated;
}

//===----------------------------------------------------------------------===//
// layer_norm and rms_norm
//===----------------------------------------------------------------------===//

static llvm::Expected<HostTensor> runLayerNorm(LayerNormOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  llvm::ArrayRef<int64_t> normalized = llvm::ArrayRef(input.dims).drop_front(op.getAxis());
  int64_t length = *countElements(normalized);
  double epsilon = op.getEpsilon().convertToDouble();
  std::vector<double> values = load<double>(input), scale = loadBroadcast(frame.operand(1), normalized), bias;
  bias = op.getBias() ? loadBroadcast(frame.operand(2), normalized) : std::vector<double>(length, 0);
  for (size_t row = 0; row < values.size(); row += length) {
    double *x = &values[row], mean = 0, variance = 0;
    for (int64_t i = 0; i < length; ++i)
      mean += x[i];
    mean /= length;
    for (int64_t i = 0; i < length; ++i)
      variance += (x[i] - mean) * (x[i] - mean);
    variance /= length;
    for (int64_t i = 0; i < length; ++i)
      x[i] = (x[i] - mean) / std::sqrt(variance + epsilon) * scale[i] + bias[i];
  }
  HostTensor result = frame.makeResult();
  store<double>(values, result);
  return result;
}

static llvm::Expected<HostTensor> runRmsNorm(RmsNormOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  llvm::ArrayRef<int64_t> normalized = llvm::ArrayRef(input.dims).drop_front(op.getAxis());
  int64_t length = *countElements(normalized);
  double epsilon = op.getEpsilon().convertToDouble();
  std::vector<double> values = load<double>(input), scale = loadBroadcast(frame.operand(1), normalized);
  for (size_t row = 0; row < values.size(); row += length) {
    double *x = &values[row], squares = 0;
    for (int64_t i = 0; i < length; ++i)
      squares += x[i] * x[i];
    for (int64_t i = 0; i < length; ++i)
      x[i] = x[i] / std::sqrt(squares / length + epsilon) * scale[i];
  }
  HostTensor result = frame.makeResult();
  store<double>(values, result);
  return result;
}

//===----------------------------------------------------------------------===//
// rotary
//===----------------------------------------------------------------------===//

static llvm::Expected<HostTensor> runRotary(RotaryOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  int64_t last = input.dims.back(), half = frame.operand(1).dims.back();
  std::vector<int64_t> angleDims = input.dims;
  angleDims.back() = half;
  std::vector<double> values = load<double>(input);
  std::vector<double> cos = loadBroadcast(frame.operand(1), angleDims),
                      sin = loadBroadcast(frame.operand(2), angleDims);
  int64_t rows = last ? values.size() / last : 0;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < half; ++i) {
      double &first = values[row * last + (op.getInterleaved() ? 2 * i : i)];
      double &second = values[row * last + (op.getInterleaved() ? 2 * i + 1 : i + half)];
      double a = first, b = second, c = cos[row * half + i], s = sin[row * half + i];
      first = a * c - b * s;
      second = b * c + a * s;
    }
  HostTensor result = frame.makeResult();
  store<double>(values, result);
  return result;
}

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

static llvm::Expected<HostTensor> runAttention(AttentionOp op, const Frame &frame) {
  const HostTensor &query = frame.operand(0), &key = frame.operand(1), &value = frame.operand(2);
  int64_t batches = query.dims[0], queries = query.dims[1], heads = query.dims[2], size = query.dims[3];
  int64_t keys = key.dims[1], groups = key.dims[2], valueSize = value.dims[3];
  double scale = op.getScale().convertToDouble();
  std::vector<double> q = load<double>(query), k = load<double>(key), v = load<double>(value), bias;
  Strides biasStrides(4, 0);
  if (op.getBias()) {
    bias = load<double>(frame.operand(3));
    biasStrides = broadcastStrides(frame.operand(3).dims, {batches, heads, queries, keys});
  }
  // Of a state only the first are in use.
  int64_t used = op.getPast() ? frame.operands.back()->getInt(0) + queries : keys;
  std::vector<double> values(*countElements(frame.resultDims), 0);

  // One query of one head.
  auto attend = [&](int64_t b, int64_t position, int64_t h, std::vector<double> &scores) {
    int64_t g = h / (heads / groups);
    int64_t visible = std::min(keys, op.getCausal() ? position + used - queries + 1 : used);
    const double *row = q.data() + ((b * queries + position) * heads + h) * size;
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < visible; ++i) {
      const double *other = k.data() + ((b * keys + i) * groups + g) * size;
      double product = 0;
      for (int64_t d = 0; d < size; ++d)
        product += row[d] * other[d];
      scores[i] = scale * product;
      if (!bias.empty())
        scores[i] += bias[b * biasStrides[0] + h * biasStrides[1] + position * biasStrides[2] + i * biasStrides[3]];
      most = greater(most, scores[i]);
    }
    double *result = values.data() + ((b * queries + position) * heads + h) * valueSize;
    for (int64_t i = 0; i < visible; ++i) {
      double p = std::exp(scores[i] - most);
      sum += p;
      for (int64_t e = 0; e < valueSize; ++e)
        result[e] += p * v[((b * keys + i) * groups + g) * valueSize + e];
    }
    for (int64_t e = 0; e < valueSize; ++e)
      result[e] /= sum; // NaN for a query that sees no key
  };
  runInParallel(batches * queries, frame.options.numThreads, [&](int64_t begin, int64_t end) {
    std::vector<double> scores(keys);
    for (int64_t row = begin; row < end; ++row)
      for (int64_t h = 0; h < heads; ++h)
        attend(row / queries, row % queries, h, scores);
  });
  HostTensor result = frame.makeResult();
  store<double>(values, result);
  return result;
}

void sinter::addTransformerKernels(KernelTable &table) {
  table.add(runLayerNorm);
  table.add(runRmsNorm);
  table.add(runRotary);
  table.add(runAttention);
}
