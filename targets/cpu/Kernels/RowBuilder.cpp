//===- RowBuilder.cpp - What kernels do with one row ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/RowBuilder.h"

using namespace mlir;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

static constexpr int64_t unroll = 4;

Value RowBuilder::onlyPresent(Value vector, Int count, double neutral) {
  if (count.constant() && *count.constant() >= static_cast<int64_t>(k.lanes()))
    return vector;
  return k.selectLanes(k.laneMask(count), vector, k.splat(neutral));
}

Value RowBuilder::lengthAsFloat() {
  if (auto number = length.constant())
    return k.splat(*number);
  return k.broadcast(arith::SIToFPOp::create(k.builder(), k.loc(), k.f32(), length.getValue()));
}

Value RowBuilder::reduce(double neutral, Source source, llvm::function_ref<Value(Value, Value)> combine) {
  int64_t width = k.lanes(), step = unroll * width;
  Values totals(unroll, k.splat(neutral));
  Int whole = k.mul(k.div(length, step), step);
  if (!whole.is(0))
    totals = k.loop(0, whole, step, totals, [&](Int index, ValueSpan carried) {
      Values next;
      for (int64_t u = 0; u < unroll; ++u)
        next.push_back(combine(carried[u], source(k.add(index, u * width), width)));
      return next;
    });
  // What is left goes to the accumulators in the same turn as if the loop went on.
  for (int64_t u = 0; u < unroll; ++u) {
    Int index = k.add(whole, u * width), left = k.sub(length, index);
    if (auto number = left.constant()) {
      if (*number > 0)
        totals[u] = combine(totals[u], source(index, std::min(*number, width)));
      continue;
    }
    totals[u] = k.ifThenElse(
        k.less(0, left), totals[u].getType(),
        [&] { return Values{combine(totals[u], source(index, k.min(left, width)))}; },
        [&] { return Values{totals[u]}; })[0];
  }
  return k.reduceTree(totals, combine);
}

Value RowBuilder::square(Value x, Value mean, Int count) {
  if (mean)
    x = onlyPresent(k.subf(x, mean), count, 0.0);
  return k.mulf(x, x);
}

Value RowBuilder::inverseDeviation(Value sumOfSquares, float epsilon) {
  Value variance = k.divf(k.horizontalSum(sumOfSquares), lengthAsFloat());
  return k.divf(k.splat(1.0), k.sqrt(k.addf(variance, k.splat(epsilon))));
}

Value RowBuilder::finish(Value x, Value mean, Value factor, const NormParameters &parameters, Int index, Int count) {
  Value y = k.mulf(mean ? k.subf(x, mean) : x, factor);
  Value gamma = parameters.gamma ? k.loadPartial(parameters.gamma, index, count) : Value();
  Value beta = parameters.beta ? k.loadPartial(parameters.beta, index, count) : Value();
  if (gamma && beta)
    return k.fma(y, gamma, beta);
  if (gamma)
    return k.mulf(y, gamma);
  return beta ? k.addf(y, beta) : y;
}

void RowBuilder::norm(Source source, const NormParameters &parameters, Value destination, Value stored) {
  // A row of which all vectors fit into the registers, with some to spare, is read once.
  auto number = length.constant();
  int64_t vectors = number ? (*number + k.lanes() - 1) / k.lanes() : 0;
  if (number && vectors + 8 <= static_cast<int64_t>(k.getIsa().numVectorRegisters))
    normInRegisters(source, parameters, destination);
  else
    normThroughMemory(source, parameters, destination, stored);
}

void RowBuilder::normInRegisters(Source source, const NormParameters &parameters, Value destination) {
  int64_t width = k.lanes(), count = *length.constant();
  Values xs;
  for (int64_t i = 0; i < count; i += width)
    xs.push_back(source(i, std::min(width, count - i)));
  auto vectorAt = [&](Int index, Int) { return xs[*index.constant() / width]; };
  auto add = [&](Value total, Value value) { return k.addf(total, value); };
  // The same order of additions as through memory: four accumulators in turn.
  auto sum = [&](Source term) {
    Values totals(unroll, k.splat(0.0));
    for (int64_t i = 0; i < static_cast<int64_t>(xs.size()); ++i)
      totals[i % unroll] = k.addf(totals[i % unroll], term(i * width, std::min(width, count - i * width)));
    return k.reduceTree(totals, add);
  };
  Value mean = parameters.rms ? Value() : k.divf(k.horizontalSum(sum(vectorAt)), lengthAsFloat());
  Value factor = inverseDeviation(
      sum([&](Int index, Int present) { return square(vectorAt(index, present), mean, present); }), parameters.epsilon);
  for (int64_t i = 0; i < count; i += width) {
    int64_t present = std::min(width, count - i);
    k.storePartial(finish(xs[i / width], mean, factor, parameters, i, present), destination, i, present);
  }
}

void RowBuilder::normThroughMemory(Source source, const NormParameters &parameters, Value destination, Value stored) {
  auto add = [&](Value total, Value value) { return k.addf(total, value); };
  auto first = [&](Int index, Int count) {
    Value x = source(index, count);
    if (!stored)
      k.storePartial(x, destination, index, count);
    return x;
  };
  Value from = stored ? stored : destination, mean, squares;
  if (parameters.rms) {
    squares = reduce(0.0, [&](Int index, Int count) { return square(first(index, count), Value(), count); }, add);
  } else {
    mean = k.divf(k.horizontalSum(reduce(0.0, first, add)), lengthAsFloat());
    squares =
        reduce(0.0, [&](Int index, Int count) { return square(k.loadPartial(from, index, count), mean, count); }, add);
  }
  Value factor = inverseDeviation(squares, parameters.epsilon);
  k.forVectors(0, length, [&](Int index, Int count) {
    Value y = finish(k.loadPartial(from, index, count), mean, factor, parameters, index, count);
    k.storePartial(y, destination, index, count);
  });
}
