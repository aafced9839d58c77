//===- ReductionKernels.cpp - Many elements to one -------------------------===//
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

//===----------------------------------------------------------------------===//
// reduce
//===----------------------------------------------------------------------===//

/// The least or greatest value of an element type, infinity for a float.
template <typename Number> static Number getExtreme(ElementType type, bool greatest) {
  if constexpr (std::is_same_v<Number, double>) {
    return greatest ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
  } else {
    if (type == ElementType::Bool)
      return greatest;
    Number most = std::numeric_limits<Number>::max() >> (64 - 8 * elementSize(type));
    return greatest ? most : std::is_signed_v<Number> ? -most - 1 : 0;
  }
}

template <typename Number> static Number getStart(ReduceKind kind, ElementType type) {
  switch (kind) {
  case ReduceKind::max:
    return getExtreme<Number>(type, /*greatest=*/false);
  case ReduceKind::min:
    return getExtreme<Number>(type, /*greatest=*/true);
  case ReduceKind::prod:
    return 1;
  default:
    return 0;
  }
}

template <typename Number> static Number combine(ReduceKind kind, Number sum, Number x) {
  switch (kind) {
  case ReduceKind::sum:
  case ReduceKind::mean:
    return add(sum, x);
  case ReduceKind::max:
    return greater(sum, x);
  case ReduceKind::min:
    return lesser(sum, x);
  case ReduceKind::prod:
    return multiply(sum, x);
  case ReduceKind::sum_squares:
    return add(sum, multiply(x, x));
  case ReduceKind::sum_abs:
    return x < 0 ? subtract(sum, x) : add(sum, x);
  }
  llvm_unreachable("a kind of reduction");
}

static llvm::Expected<HostTensor> runReduce(ReduceOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  HostTensor result = frame.makeResult();
  // The result's element for each element of the input: reduced dimensions do not move it.
  std::vector<int64_t> kept = input.dims;
  int64_t count = 1;
  for (int64_t axis : op.getAxes()) {
    count *= kept[axis];
    kept[axis] = 1;
  }
  Strides strides = broadcastStrides(kept, input.dims);
  withNumbers(input.type, [&](auto zero) {
    using Number = decltype(zero);
    std::vector<Number> values = load<Number>(input);
    std::vector<Number> sums(result.numElements(), getStart<Number>(op.getKind(), input.type));
    auto next = values.begin();
    forEachPosition(input.dims, {strides}, [&](llvm::ArrayRef<int64_t> offsets) {
      Number &sum = sums[offsets[0]];
      sum = combine(op.getKind(), sum, *next++);
    });
    if (op.getKind() == ReduceKind::mean)
      for (Number &sum : sums)
        sum = std::is_same_v<Number, double> || count ? sum / static_cast<Number>(count) : 0;
    store<Number>(sums, result);
  });
  return result;
}

//===----------------------------------------------------------------------===//
// Along one dimension
//===----------------------------------------------------------------------===//

/// Whether `x` takes the place of `best` as the extreme. NaN is more extreme than
/// any number.
template <typename Number> static bool isBetter(ArgReduceKind kind, bool last, Number x, Number best) {
  if (x != x || best != best)
    return x != x && (best == best || last);
  if (x == best)
    return last;
  return kind == ArgReduceKind::max ? x > best : x < best;
}

static llvm::Expected<HostTensor> runArgReduce(ArgReduceOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  AxisView view(input.dims, op.getAxis());
  HostTensor result = frame.makeResult();
  if (view.size == 0 && !result.data.empty())
    return frame.fail("axis " + llvm::Twine(op.getAxis()) + " has no element whose position could be taken");
  withNumbers(input.type, [&](auto zero) {
    using Number = decltype(zero);
    std::vector<Number> values = load<Number>(input);
    for (int64_t outer = 0; outer < view.outer; ++outer)
      for (int64_t inner = 0; inner < view.inner; ++inner) {
        const Number *line = values.data() + outer * view.size * view.inner + inner;
        int64_t best = 0;
        for (int64_t i = 1; i < view.size; ++i)
          if (isBetter(op.getKind(), op.getLast(), line[i * view.inner], line[best * view.inner]))
            best = i;
        result.as<int64_t>()[outer * view.inner + inner] = best;
      }
  });
  return result;
}

static llvm::Expected<HostTensor> runCumulativeSum(CumulativeSumOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  AxisView view(input.dims, op.getAxis());
  HostTensor result = frame.makeResult();
  withNumbers(input.type, [&](auto zero) {
    using Number = decltype(zero);
    std::vector<Number> values = load<Number>(input);
    for (int64_t outer = 0; outer < view.outer; ++outer)
      for (int64_t inner = 0; inner < view.inner; ++inner) {
        Number *line = values.data() + outer * view.size * view.inner + inner;
        Number sum = 0;
        for (int64_t i = 0; i < view.size; ++i) {
          Number &element = line[(op.getReverse() ? view.size - 1 - i : i) * view.inner];
          Number next = add(sum, element);
          element = op.getExclusive() ? sum : next;
          sum = next;
        }
      }
    store<Number>(values, result);
  });
  return result;
}

static llvm::Expected<HostTensor> runSoftmax(SoftmaxOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  AxisView view(input.dims, op.getAxis());
  std::vector<double> values = load<double>(input);
  for (int64_t outer = 0; outer < view.outer; ++outer)
    for (int64_t inner = 0; inner < view.inner; ++inner) {
      double *line = values.data() + outer * view.size * view.inner + inner;
      double most = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t i = 0; i < view.size; ++i)
        most = greater(most, line[i * view.inner]);
      for (int64_t i = 0; i < view.size; ++i)
        sum += std::exp(line[i * view.inner] - most);
      for (int64_t i = 0; i < view.size; ++i) {
        double &x = line[i * view.inner];
        x = op.getLog() ? x - most - std::log(sum) : std::exp(x - most) / sum;
      }
    }
  HostTensor result = frame.makeResult();
  store<double>(values, result);
  return result;
}

void sinter::addReductionKernels(KernelTable &table) {
  table.add(runReduce);
  table.add(runArgReduce);
  table.add(runCumulativeSum);
  table.add(runSoftmax);
}
