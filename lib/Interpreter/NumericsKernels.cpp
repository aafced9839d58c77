//===- NumericsKernels.cpp - Ops as a target says that it computes them ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written after docs/decisions/numerics.md, step by step. Nothing here is shared
// with a lowering or a simulator.
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"

#include <cmath>
#include <limits>

#pragma STDC FP_CONTRACT OFF

using namespace mlir;
using namespace sinter;

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

static float greaterOf(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<float>::quiet_NaN();
  return a == b ? (std::signbit(a) ? b : a) : a > b ? a : b;
}
static float lesserOf(float a, float b) { return -greaterOf(-a, -b); }
static float stepExp(float x) { return static_cast<float>(std::exp(static_cast<double>(x))); }
static float stepTanh(float x) { return static_cast<float>(std::tanh(static_cast<double>(x))); }
static float stepRsqrt(float x) { return static_cast<float>(1 / std::sqrt(static_cast<double>(x))); }

static float stepReciprocal(float x) {
  float r = stepRsqrt(greaterOf(x, x * -1.0f));
  float q = r * r;
  return x < 0 ? q * -1.0f : q;
}

static float stepGelu(float x, float cubic, float linear) {
  float u = x * x;
  float w = u * cubic;
  float z = w + linear;
  z = z * x;
  float h = x * 0.5f;
  float p = stepTanh(z) * h;
  return p + h;
}

/// A function of one operand; none for a kind that has no steps.
static std::optional<float> applySteps(ElementwiseKind kind, float x) {
  switch (kind) {
  case ElementwiseKind::neg:
    return x * -1.0f;
  case ElementwiseKind::abs:
    return greaterOf(x, x * -1.0f);
  case ElementwiseKind::relu:
    return greaterOf(x, 0.0f);
  case ElementwiseKind::exp:
    return stepExp(x);
  case ElementwiseKind::tanh:
    return stepTanh(x);
  case ElementwiseKind::rsqrt:
    return stepRsqrt(x);
  case ElementwiseKind::sqrt:
    return x * stepRsqrt(greaterOf(x, std::numeric_limits<float>::min()));
  case ElementwiseKind::reciprocal:
    return stepReciprocal(x);
  case ElementwiseKind::sigmoid: {
    float t = stepTanh(x * 0.5f) * 0.5f;
    return t + 0.5f;
  }
  case ElementwiseKind::silu: {
    float h = x * 0.5f;
    float p = h * stepTanh(h);
    return p + h;
  }
  case ElementwiseKind::gelu:
    return stepGelu(x, 0.034700561f, 0.80015737f);
  case ElementwiseKind::gelu_tanh:
    return stepGelu(x, 0.035677407f, 0.79788458f);
  default:
    return std::nullopt;
  }
}

static std::optional<float> applySteps(ElementwiseKind kind, float a, float b) {
  switch (kind) {
  case ElementwiseKind::add:
    return a + b;
  case ElementwiseKind::sub:
    return a - b;
  case ElementwiseKind::mul:
    return a * b;
  case ElementwiseKind::div:
    return a * stepReciprocal(b);
  case ElementwiseKind::max:
    return greaterOf(a, b);
  case ElementwiseKind::min:
    return lesserOf(a, b);
  default:
    return std::nullopt;
  }
}

static std::vector<float> loadFloats(const HostTensor &tensor) {
  std::vector<double> values = load<double>(tensor);
  return std::vector<float>(values.begin(), values.end());
}

static HostTensor makeResult(const Frame &frame, llvm::ArrayRef<float> values) {
  HostTensor result = frame.makeResult();
  store<double>(std::vector<double>(values.begin(), values.end()), result);
  return result;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Operands of products, and the order in which products are added.
class Products {
public:
  explicit Products(NumericsAttr numerics) : numerics(numerics), semantics(semanticsOf(numerics)) {}

  double round(float x) const {
    if (&semantics == &llvm::APFloat::IEEEsingle())
      return x;
    llvm::APFloat value(x);
    bool losesInfo;
    value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    if (value.isInfinity())
      value = llvm::APFloat::getLargest(semantics, value.isNegative());
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    return value.convertToDouble();
  }
  std::vector<double> round(llvm::ArrayRef<float> values) const {
    std::vector<double> rounded;
    for (float value : values)
      rounded.push_back(round(value));
    return rounded;
  }

  /// The sum of products of rounded numbers, b's elements `stride` apart.
  float sum(const double *a, const double *b, int64_t length, int64_t stride) const {
    float sum = 0;
    for (int64_t begin = 0; begin < length; begin += numerics.getTile()) {
      // One product is exact in double; sums of several are so in fixed point, of halves.
      float tile = numerics.getTile() == 1
                       ? static_cast<float>(a[begin] * b[begin * stride])
                       : exactSum(a + begin, b + begin * stride, std::min(length - begin, numerics.getTile()), stride);
      sum = begin == 0 ? tile : sum + tile;
    }
    return sum;
  }
  /// Of a row by ones, numbers that are yet to be rounded.
  float sumRow(llvm::ArrayRef<float> row) const {
    static const double one = 1;
    return sum(round(row).data(), &one, row.size(), 0);
  }

private:
  static const llvm::fltSemantics &semanticsOf(NumericsAttr numerics) {
    return cast<FloatType>(numerics.getOperands()).getFloatSemantics();
  }

  /// Rounded once. The products of halves are whole multiples of 2^-48 below 2^32, which 128 bits hold, and so their
  /// sums.
  static float exactSum(const double *a, const double *b, int64_t length, int64_t stride) {
    __int128 sum = 0;
    for (int64_t i = 0; i < length; ++i) {
      double product = a[i] * b[i * stride];
      if (!std::isfinite(product))
        return sumOfInfinities(a, b, length, stride);
      double high = std::floor(product), low = product - high; // each below 2^53 units of its own
      sum += (static_cast<__int128>(static_cast<int64_t>(high)) << 48) + static_cast<int64_t>(std::ldexp(low, 48));
    }
    return roundOnce(sum);
  }

  static float sumOfInfinities(const double *a, const double *b, int64_t length, int64_t stride) {
    double sum = 0;
    for (int64_t i = 0; i < length; ++i)
      sum += a[i] * b[i * stride];
    return std::isnan(sum) ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(sum);
  }

  /// sum * 2^-48.
  static float roundOnce(__int128 sum) {
    bool isNegative = sum < 0;
    unsigned __int128 magnitude = isNegative ? -static_cast<unsigned __int128>(sum) : sum;
    int shift = 0;
    bool isInexact = false;
    for (; magnitude >> 53; ++shift) { // down to what a double holds, what is lost being remembered in the last bit
      isInexact |= magnitude & 1;
      magnitude >>= 1;
    }
    uint64_t digits = static_cast<uint64_t>(magnitude) | isInexact;
    float result = static_cast<float>(std::ldexp(static_cast<double>(digits), shift - 48));
    return isNegative ? -result : result;
  }

  NumericsAttr numerics;
  const llvm::fltSemantics &semantics;
};

static llvm::Expected<HostTensor> runMatmul(MatmulOp op, const Frame &frame) {
  Products products(NumericsAttr::of(op));
  const HostTensor &lhs = frame.operand(0), &rhs = frame.operand(1);
  llvm::ArrayRef<int64_t> leading = llvm::ArrayRef(frame.resultDims).drop_back(2);
  int64_t m = frame.resultDims[frame.resultDims.size() - 2], n = frame.resultDims.back(), k = lhs.dims.back();
  std::vector<double> a = products.round(loadFloats(lhs)), b = products.round(loadFloats(rhs));
  std::vector<float> values(*countElements(frame.resultDims));
  int64_t matrix = 0;
  forEachPosition(leading,
                  {broadcastStrides(llvm::ArrayRef(lhs.dims).drop_back(2), leading),
                   broadcastStrides(llvm::ArrayRef(rhs.dims).drop_back(2), leading)},
                  [&](llvm::ArrayRef<int64_t> offsets) {
                    const double *aMatrix = a.data() + offsets[0] * m * k, *bMatrix = b.data() + offsets[1] * k * n;
                    float *result = values.data() + matrix++ * m * n;
                    runInParallel(m, frame.options.numThreads, [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i)
                        for (int64_t j = 0; j < n; ++j)
                          result[i * n + j] = products.sum(aMatrix + i * k, bMatrix + j, k, n);
                    });
                  });
  return makeResult(frame, values);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static llvm::Expected<HostTensor> runElementwise(ElementwiseOp op, const Frame &frame) {
  std::vector<std::vector<float>> operands;
  std::vector<Strides> strides;
  for (const HostTensor *operand : frame.operands) {
    operands.push_back(loadFloats(*operand));
    strides.push_back(broadcastStrides(operand->dims, frame.resultDims));
  }
  std::vector<float> values;
  bool hasSteps = true;
  forEachPosition(frame.resultDims, strides, [&](llvm::ArrayRef<int64_t> offsets) {
    std::optional<float> value;
    if (operands.size() == 1)
      value = applySteps(op.getKind(), operands[0][offsets[0]]);
    else if (operands.size() == 2)
      value = applySteps(op.getKind(), operands[0][offsets[0]], operands[1][offsets[1]]);
    hasSteps &= value.has_value();
    values.push_back(value.value_or(0));
  });
  if (!hasSteps)
    return frame.fail("function '" + stringifyElementwiseKind(op.getKind()) + "' has no steps under sinter.numerics");
  return makeResult(frame, values);
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// y = (d / root of the mean of d's squares) * scale + bias for each row d of `values`, in place.
static void normalize(llvm::MutableArrayRef<float> row, const Products &products, double epsilon,
                      llvm::ArrayRef<float> scale, llvm::ArrayRef<float> bias) {
  std::vector<float> squares;
  for (float d : row) {
    float e = d * 0.0625f;
    squares.push_back(e * e);
  }
  float mean = products.sumRow(squares) * static_cast<float>(256.0 / row.size());
  float factor = stepRsqrt(mean + static_cast<float>(epsilon));
  for (auto [i, d] : llvm::enumerate(row)) {
    float y = d * factor;
    y = y * scale[i];
    d = bias.empty() ? y : y + bias[i];
  }
}

static std::vector<float> loadRow(const HostTensor &tensor, llvm::ArrayRef<int64_t> dims) {
  std::vector<float> values = loadFloats(tensor), row;
  forEachPosition(dims, {broadcastStrides(tensor.dims, dims)},
                  [&](llvm::ArrayRef<int64_t> offsets) { row.push_back(values[offsets[0]]); });
  return row;
}

static llvm::Expected<HostTensor> runLayerNorm(LayerNormOp op, const Frame &frame) {
  Products products(NumericsAttr::of(op));
  const HostTensor &input = frame.operand(0);
  llvm::ArrayRef<int64_t> normalized = llvm::ArrayRef(input.dims).drop_front(op.getAxis());
  std::vector<float> values = loadFloats(input), scale = loadRow(frame.operand(1), normalized), bias;
  if (op.getBias())
    bias = loadRow(frame.operand(2), normalized);
  size_t length = *countElements(normalized);
  for (size_t begin = 0; begin < values.size(); begin += length) {
    llvm::MutableArrayRef<float> row(&values[begin], length);
    float mean = products.sumRow(row) * static_cast<float>(1.0 / length);
    for (float &x : row)
      x = x - mean;
    normalize(row, products, op.getEpsilon().convertToDouble(), scale, bias);
  }
  return makeResult(frame, values);
}

static llvm::Expected<HostTensor> runRmsNorm(RmsNormOp op, const Frame &frame) {
  Products products(NumericsAttr::of(op));
  const HostTensor &input = frame.operand(0);
  llvm::ArrayRef<int64_t> normalized = llvm::ArrayRef(input.dims).drop_front(op.getAxis());
  std::vector<float> values = loadFloats(input), scale = loadRow(frame.operand(1), normalized);
  size_t length = *countElements(normalized);
  for (size_t begin = 0; begin < values.size(); begin += length)
    normalize({&values[begin], length}, products, op.getEpsilon().convertToDouble(), scale, {});
  return makeResult(frame, values);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Scores to weights. Returns the reciprocal of their sum.
static float applyExponentials(llvm::MutableArrayRef<float> row, int64_t numChains) {
  float most = row.front();
  for (float x : row.drop_front())
    most = greaterOf(most, x);
  std::vector<float> chains;
  for (auto [i, x] : llvm::enumerate(row)) {
    x = stepExp(x - most);
    if (static_cast<int64_t>(i) < numChains)
      chains.push_back(x);
    else
      chains[i % numChains] = chains[i % numChains] + x;
  }
  while (chains.size() > 1) {
    std::vector<float> sums;
    for (size_t i = 0; i + 1 < chains.size(); i += 2)
      sums.push_back(chains[i] + chains[i + 1]);
    if (chains.size() % 2)
      sums.push_back(chains.back());
    chains = std::move(sums);
  }
  float r = stepRsqrt(chains.front());
  return r * r;
}

static llvm::Expected<HostTensor> runAttention(AttentionOp op, const Frame &frame) {
  NumericsAttr numerics = NumericsAttr::of(op);
  Products products(numerics);
  const HostTensor &query = frame.operand(0), &key = frame.operand(1), &value = frame.operand(2);
  int64_t batches = query.dims[0], queries = query.dims[1], heads = query.dims[2], size = query.dims[3];
  int64_t keys = key.dims[1], groups = key.dims[2], valueSize = value.dims[3];
  float scale = static_cast<float>(op.getScale().convertToDouble());
  std::vector<float> scaled = loadFloats(query), bias;
  for (float &x : scaled)
    x = x * scale;
  std::vector<double> q = products.round(scaled), k = products.round(loadFloats(key)),
                      v = products.round(loadFloats(value));
  Strides biasStrides(4, 0);
  if (op.getBias()) {
    bias = loadFloats(frame.operand(3));
    biasStrides = broadcastStrides(frame.operand(3).dims, {batches, heads, queries, keys});
  }
  std::vector<float> values(*countElements(frame.resultDims));
  runInParallel(batches * queries, frame.options.numThreads, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t h = 0; h < heads; ++h) {
        int64_t b = row / queries, position = row % queries, g = h / (heads / groups);
        std::vector<float> scores(keys);
        for (int64_t i = 0; i < keys; ++i) {
          scores[i] = products.sum(&q[(row * heads + h) * size], &k[((b * keys + i) * groups + g) * size], size, 1);
          if (!bias.empty())
            scores[i] = scores[i] +
                        bias[b * biasStrides[0] + h * biasStrides[1] + position * biasStrides[2] + i * biasStrides[3]];
          if (op.getCausal() && i > position + keys - queries)
            scores[i] = -std::numeric_limits<float>::infinity();
        }
        float factor = applyExponentials(scores, numerics.getChains());
        std::vector<double> weights = products.round(scores);
        for (int64_t e = 0; e < valueSize; ++e) {
          float sum =
              products.sum(weights.data(), &v[(b * keys * groups + g) * valueSize + e], keys, groups * valueSize);
          values[(row * heads + h) * valueSize + e] = sum * factor;
        }
      }
  });
  // Results are turned around by products.
  std::vector<double> rounded = products.round(values);
  return makeResult(frame, std::vector<float>(rounded.begin(), rounded.end()));
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

static llvm::Expected<HostTensor> runReduce(ReduceOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  std::vector<float> x = loadFloats(input);
  auto join = [&](float a, float b) {
    return op.getKind() == ReduceKind::max ? greaterOf(a, b) : op.getKind() == ReduceKind::min ? lesserOf(a, b) : a + b;
  };
  std::vector<int64_t> dims = input.dims;
  int64_t number = 1;
  for (int64_t axis : op.getAxes()) {
    int64_t size = dims[axis], inner = 1;
    for (int64_t length : llvm::ArrayRef(dims).drop_front(axis + 1))
      inner *= length;
    std::vector<float> joined;
    for (size_t begin = 0; begin < x.size(); begin += size * inner)
      for (int64_t i = 0; i < inner; ++i) {
        std::vector<float> row;
        for (int64_t k = 0; k < size; ++k)
          row.push_back(x[begin + k * inner + i]);
        while (row.size() > 1) {
          size_t half = (row.size() + 1) / 2;
          for (size_t k = 0; k + half < row.size(); ++k)
            row[k] = join(row[k], row[k + half]);
          row.resize(half);
        }
        joined.push_back(row.front());
      }
    x = std::move(joined);
    dims[axis] = 1;
    number *= size;
  }
  if (op.getKind() == ReduceKind::mean)
    for (float &value : x)
      value = value * static_cast<float>(1.0 / number);
  return makeResult(frame, x);
}

//===----------------------------------------------------------------------===//
// Casts
//===----------------------------------------------------------------------===//

/// To a narrower float like an operand of a product; to a wider one as it is.
static llvm::Expected<HostTensor> runCast(CastOp op, const Frame &frame) {
  std::vector<float> values = loadFloats(frame.operand(0));
  if (getElementType(op.getResult()) == NumericsAttr::of(op).getOperands())
    for (float &x : values)
      x = static_cast<float>(Products(NumericsAttr::of(op)).round(x));
  return makeResult(frame, values);
}

//===----------------------------------------------------------------------===//
// Rotary
//===----------------------------------------------------------------------===//

static llvm::Expected<HostTensor> runRotary(RotaryOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0), &angles = frame.operand(1);
  int64_t size = input.dims.back(), pairs = angles.dims.back();
  std::vector<float> x = loadFloats(input), cosines = loadFloats(angles), sines = loadFloats(frame.operand(2)), values;
  llvm::ArrayRef<int64_t> leading = llvm::ArrayRef(input.dims).drop_back();
  const float *row = x.data();
  forEachPosition(leading, {broadcastStrides(llvm::ArrayRef(angles.dims).drop_back(), leading)},
                  [&](llvm::ArrayRef<int64_t> offsets) {
                    const float *cos = &cosines[offsets[0] * pairs], *sin = &sines[offsets[0] * pairs];
                    for (int64_t i = 0; i < size; ++i) {
                      if (i >= 2 * pairs) {
                        values.push_back(row[i] + 0.0f);
                        continue;
                      }
                      bool isFirst = op.getInterleaved() ? i % 2 == 0 : i < pairs;
                      int64_t pair = op.getInterleaved() ? i / 2 : i % pairs,
                              distance = op.getInterleaved() ? 1 : pairs;
                      float a = row[i] * cos[pair];
                      float b = row[isFirst ? i + distance : i - distance] * (isFirst ? sin[pair] * -1.0f : sin[pair]);
                      values.push_back(a + b);
                    }
                    row += size;
                  });
  return makeResult(frame, values);
}

void sinter::addNumericsKernels(KernelTable &table) {
  table.add(runMatmul);
  table.add(runElementwise);
  table.add(runLayerNorm);
  table.add(runRmsNorm);
  table.add(runAttention);
  table.add(runRotary);
  table.add(runCast);
  table.add(runReduce);
}
