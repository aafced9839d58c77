//===- Attention.cpp - Kernels of attention -------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Attention.h"
#include "targets/cpu/Kernels/VectorMath.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

// Keys whose scores are held at a time, a multiple of every tile's rows (8 and 6) and of every vector's lanes.
static constexpr int64_t keyBlock = 192;

SizeExpr AttentionSpec::numTasks(const SizeExpr &batch, const SizeExpr &queryLength) const {
  return batch * numHeads * SizeExpr::ceilDiv(queryLength, queriesPerTask);
}

int64_t AttentionSpec::scratchBytes() const {
  // Q^T, O^T, the scores of a block, and one row for the sums' inverses.
  return (headSize + valueHeadSize + keyBlock + 1) * queriesPerTask * 4;
}

namespace {

/// One operand of a task: where its head begins, and the distance of its rows.
struct Rows {
  Value start;
  Int stride = 0;
};

class AttentionBuilder {
public:
  AttentionBuilder(KernelBuilder &k, const AttentionSpec &spec)
      : k(k), spec(spec), width(k.lanes()), tileRows(k.getIsa().tileRows), tileVectors(k.getIsa().tileVectors) {}

  void build(StringRef name);

private:
  Rows operand(AttentionSpec::Word pointer, AttentionSpec::Word batchStride, int64_t rowStride, Int batch, Int head);
  void buildQueries(int64_t vectors);
  void transposeQueries(int64_t vectors);
  void fillBias(int64_t vectors, Int blockStart, Int numKeys);
  Values scoreTile(int64_t vectors, Int blockStart, Int tileStart, ValueSpan greatest);
  Values exponentials(int64_t vectors, Int numKeys, ValueSpan greatest, ValueSpan sums);
  void addValues(int64_t vectors, Int blockStart, Int numKeys, ValueSpan factors);
  void storeOutput(int64_t vectors);

  /// Runs body(first, rows) for [0, count) in tiles of `step`, of which the last may have fewer rows.
  void forTiles(int64_t count, int64_t step, llvm::function_ref<void(Int first, int64_t rows)> body);
  Int query(Int lane) { return k.min(k.add(firstQuery, lane), k.sub(queryLength, 1)); }
  Int clampKey(Int key) { return k.min(key, k.sub(keyLength, 1)); }

  KernelBuilder &k;
  const AttentionSpec &spec;
  int64_t width, tileRows, tileVectors;

  Int queryLength = 0, keyLength = 0, causalOffset = 0;
  Int biasQueryStride = 0, biasKeyStride = 0;
  // Of the task at hand.
  Rows q, keys, values, out;
  Value bias;
  Int firstQuery = 0, numQueries = 0;
  // Scratch memory; each is rows of `vectors` vectors.
  Value queriesT, outputT, scores, inverses;
};

void AttentionBuilder::forTiles(int64_t count, int64_t step, llvm::function_ref<void(Int, int64_t)> body) {
  int64_t whole = count / step * step;
  if (whole == step)
    body(0, step);
  else if (whole)
    k.loop(0, whole, step, [&](Int first) { body(first, step); });
  if (whole < count)
    body(whole, count - whole);
}

Rows AttentionBuilder::operand(AttentionSpec::Word pointer, AttentionSpec::Word batchStride, int64_t rowStride,
                               Int batch, Int head) {
  // The words of an operand's strides follow one another: batch, head, row.
  Int start = k.add(k.mul(batch, k.integerWord(batchStride)), k.mul(head, k.integerWord(batchStride + 1)));
  return {k.offset(k.pointerWord(pointer), start), rowStride ? Int(rowStride) : k.integerWord(batchStride + 2)};
}

void AttentionBuilder::build(StringRef name) {
  using Spec = AttentionSpec;
  k.beginKernel(name);
  queryLength = k.integerWord(Spec::QueryLength);
  keyLength = k.integerWord(Spec::KeyLength);
  if (spec.causal)
    causalOffset = k.integerWord(Spec::CausalOffset);
  if (spec.bias != Spec::Bias::None)
    biasKeyStride = k.integerWord(Spec::BiasKeyStride);
  if (spec.bias == Spec::Bias::PerQuery)
    biasQueryStride = k.integerWord(Spec::BiasQueryStride);

  int64_t columns = tileVectors * width;
  queriesT = k.scratch();
  outputT = k.offset(queriesT, spec.headSize * columns);
  scores = k.offset(outputT, spec.valueHeadSize * columns);
  inverses = k.offset(scores, keyBlock * columns);

  Int blocks = k.ceilDiv(queryLength, Spec::queriesPerTask);
  k.loop(k.begin(), k.end(), 1, [&](Int task) {
    Int block = k.rem(task, blocks), batchAndHead = k.div(task, blocks);
    Int head = k.rem(batchAndHead, spec.numHeads), batch = k.div(batchAndHead, spec.numHeads);
    Int kvHead = k.div(head, spec.numHeads / spec.numKvHeads);
    q = operand(Spec::Q, Spec::QBatchStride, spec.qRowStride, batch, head);
    keys = operand(Spec::K, Spec::KBatchStride, spec.kRowStride, batch, kvHead);
    values = operand(Spec::V, Spec::VBatchStride, spec.vRowStride, batch, kvHead);
    out = operand(Spec::Out, Spec::OutBatchStride, spec.outRowStride, batch, head);
    if (spec.bias != Spec::Bias::None) {
      Int start =
          k.add(k.mul(batch, k.integerWord(Spec::BiasBatchStride)), k.mul(head, k.integerWord(Spec::BiasHeadStride)));
      bias = k.offset(k.pointerWord(Spec::BiasData), start);
    }
    Int from = k.mul(block, Spec::queriesPerTask), to = k.min(k.add(from, Spec::queriesPerTask), queryLength);
    auto tile = [&](Int first) {
      firstQuery = first;
      numQueries = k.min(columns, k.sub(to, first));
      llvm::SmallVector<int64_t> cases;
      for (int64_t vectors = tileVectors; vectors > 0; --vectors)
        cases.push_back(vectors);
      k.switchOn(k.ceilDiv(numQueries, width), cases, [&](int64_t vectors) { buildQueries(vectors); });
    };
    if (columns == Spec::queriesPerTask)
      tile(from);
    else
      k.loop(from, to, columns, tile);
  });
  k.endKernel();
}

void AttentionBuilder::buildQueries(int64_t vectors) {
  transposeQueries(vectors);
  k.loop(0, spec.valueHeadSize * vectors, 1, [&](Int i) { k.store(k.splat(0.0), outputT, k.mul(i, width)); });

  Int visible = keyLength;
  if (spec.causal) {
    Int last = k.add(k.add(firstQuery, numQueries), causalOffset);
    visible = k.max(k.min(keyLength, last), 0);
  }
  // Carried: the greatest score so far, never below the lowest finite number, so that a block of which all is masked
  // with -infinity gives differences of -infinity and not NaN; and the sum of the exponentials.
  Values state(vectors, k.splat(std::numeric_limits<float>::lowest()));
  state.append(vectors, k.splat(0.0));
  state = k.loop(0, visible, keyBlock, state, [&](Int blockStart, ValueSpan carried) {
    ValueSpan before = carried.take_front(vectors), sums = carried.drop_front(vectors);
    Int numKeys = k.min(keyBlock, k.sub(visible, blockStart));
    if (spec.bias == AttentionSpec::Bias::PerQuery)
      fillBias(vectors, blockStart, numKeys);
    Values greatest = k.loop(0, numKeys, tileRows, before, [&](Int tileStart, ValueSpan here) {
      return scoreTile(vectors, blockStart, tileStart, here);
    });
    Values factors, scaledSums;
    for (int64_t v = 0; v < vectors; ++v) {
      Value difference = k.mulf(k.subf(before[v], greatest[v]), k.splat(1.4426950408889634));
      factors.push_back(buildExp2NonPositive(k, difference));
      scaledSums.push_back(k.mulf(sums[v], factors[v]));
    }
    scaledSums = exponentials(vectors, numKeys, greatest, scaledSums);
    addValues(vectors, blockStart, numKeys, factors);
    Values next = greatest;
    next.append(scaledSums);
    return next;
  });
  for (int64_t v = 0; v < vectors; ++v)
    k.store(k.divf(k.splat(1.0), state[vectors + v]), inverses, v * width);
  storeOutput(vectors);
}

void AttentionBuilder::transposeQueries(int64_t vectors) {
  int64_t row = vectors * width;
  Value factor = k.splat(spec.scale);
  k.loop(0, row, width, [&](Int group) {
    Values rows;
    for (int64_t i = 0; i < width; ++i)
      rows.push_back(k.offset(q.start, k.mul(query(k.add(group, i)), q.stride)));
    forTiles(spec.headSize, width, [&](Int element, int64_t count) {
      Values square;
      for (Value start : rows)
        square.push_back(k.mulf(k.loadPartial(start, element, count), factor));
      square = k.transpose(square);
      for (int64_t i = 0; i < count; ++i)
        k.store(square[i], queriesT, k.add(k.mul(k.add(element, i), row), group));
    });
  });
}

void AttentionBuilder::fillBias(int64_t vectors, Int blockStart, Int numKeys) {
  // The biases of a block of scores, transposed into the scores' place; tiles add their sums to them. Tiles reach over
  // the last key, so rows up to there are filled too.
  int64_t row = vectors * width;
  Int needed = k.mul(k.ceilDiv(numKeys, tileRows), tileRows);
  Value start = k.offset(bias, k.mul(blockStart, biasKeyStride));
  Int inside = k.mul(k.div(numKeys, width), width);
  inside = k.select(k.equal(biasKeyStride, 1), inside, 0);
  k.loop(0, row, width, [&](Int group) {
    Values rows;
    for (int64_t i = 0; i < width; ++i)
      rows.push_back(k.offset(start, k.mul(query(k.add(group, i)), biasQueryStride)));
    Value destination = k.offset(scores, group);
    k.loop(0, inside, width, [&](Int key) {
      Values square;
      for (Value from : rows)
        square.push_back(k.load(from, key));
      square = k.transpose(square);
      for (int64_t i = 0; i < width; ++i)
        k.store(square[i], destination, k.mul(k.add(key, i), row));
    });
    k.loop(inside, needed, 1, [&](Int key) {
      Int place = k.mul(k.sub(clampKey(k.add(blockStart, key)), blockStart), biasKeyStride);
      Value here = k.offset(destination, k.mul(key, row));
      for (int64_t i = 0; i < width; ++i)
        k.storeScalar(k.loadScalar(rows[i], place), here, i);
    });
  });
}

Values AttentionBuilder::scoreTile(int64_t vectors, Int blockStart, Int tileStart, ValueSpan greatest) {
  int64_t row = vectors * width;
  Int firstKey = k.add(blockStart, tileStart);
  Values keyRows;
  // Behind the last key stand duplicates of it: they change no maximum, and nothing reads them later.
  for (int64_t i = 0; i < tileRows; ++i)
    keyRows.push_back(k.offset(keys.start, k.mul(clampKey(k.add(firstKey, i)), keys.stride)));

  // Rows that lie far apart are beyond the hardware's prefetching.
  for (Value start : keyRows)
    for (int64_t byte = 0; byte < spec.headSize * 4; byte += 64)
      k.prefetch(start, k.add(k.mul(keys.stride, 4 * tileRows), byte), 3);

  Values sums(tileRows * vectors, k.splat(0.0));
  auto steps = [&](Int element, int64_t count, ValueSpan carried) {
    Values next(carried);
    Value queriesHere = k.offset(queriesT, k.mul(element, row));
    for (int64_t u = 0; u < count; ++u) {
      Values columns;
      for (int64_t v = 0; v < vectors; ++v)
        columns.push_back(k.load(queriesHere, u * row + v * width));
      for (int64_t i = 0; i < tileRows; ++i) {
        Value factor = k.broadcast(k.loadScalar(keyRows[i], k.add(element, u)));
        for (int64_t v = 0; v < vectors; ++v)
          next[i * vectors + v] = k.fma(factor, columns[v], next[i * vectors + v]);
      }
    }
    return next;
  };
  constexpr int64_t unroll = 4;
  int64_t whole = spec.headSize / unroll * unroll;
  if (whole)
    sums =
        k.loop(0, whole, unroll, sums, [&](Int element, ValueSpan carried) { return steps(element, unroll, carried); });
  if (whole < spec.headSize)
    sums = steps(whole, spec.headSize - whole, sums);

  Value scoresHere = k.offset(scores, k.mul(tileStart, row));
  for (int64_t i = 0; i < tileRows; ++i) {
    Value addend;
    if (spec.bias == AttentionSpec::Bias::PerKey)
      addend = k.broadcast(k.loadScalar(bias, k.mul(clampKey(k.add(firstKey, i)), biasKeyStride)));
    for (int64_t v = 0; v < vectors && spec.bias != AttentionSpec::Bias::None; ++v) {
      Value here = addend ? addend : k.load(scoresHere, i * row + v * width);
      sums[i * vectors + v] = k.addf(sums[i * vectors + v], here);
    }
  }
  if (spec.causal) {
    // Query lane sees key where key <= firstQuery + lane + offset; only tiles on the diagonal hide some.
    Int greatestForAll = k.add(firstQuery, causalOffset);
    SmallVector<Type> types(sums.size(), k.vectorType());
    auto hide = [&] {
      Values hidden = sums;
      for (int64_t i = 0; i < tileRows; ++i)
        for (int64_t v = 0; v < vectors; ++v) {
          // Lanes below this one do not see the key.
          Int first = k.sub(k.sub(k.add(firstKey, i), greatestForAll), v * width);
          first = k.max(k.min(first, width), 0);
          Value &score = hidden[i * vectors + v];
          score = k.selectLanes(k.laneMask(first), k.splat(-std::numeric_limits<float>::infinity()), score);
        }
      return hidden;
    };
    sums = k.ifThenElse(k.less(greatestForAll, k.add(firstKey, tileRows - 1)), types, hide, [&] { return sums; });
  }
  Values next;
  for (int64_t v = 0; v < vectors; ++v) {
    Values column;
    for (int64_t i = 0; i < tileRows; ++i) {
      k.store(sums[i * vectors + v], scoresHere, i * row + v * width);
      column.push_back(sums[i * vectors + v]);
    }
    next.push_back(k.maxf(k.reduceTree(column, [&](Value x, Value y) { return k.maxf(x, y); }), greatest[v]));
  }
  return next;
}

Values AttentionBuilder::exponentials(int64_t vectors, Int numKeys, ValueSpan greatest, ValueSpan sums) {
  return k.loop(0, numKeys, 1, sums, [&](Int key, ValueSpan carried) {
    Value here = k.offset(scores, k.mul(key, vectors * width));
    Values next;
    for (int64_t v = 0; v < vectors; ++v) {
      Value difference = k.subf(k.load(here, v * width), greatest[v]);
      Value power = buildExp2NonPositive(k, k.mulf(difference, k.splat(1.4426950408889634)));
      k.store(power, here, v * width);
      next.push_back(k.addf(carried[v], power));
    }
    return next;
  });
}

void AttentionBuilder::addValues(int64_t vectors, Int blockStart, Int numKeys, ValueSpan factors) {
  int64_t row = vectors * width;
  Value blockOfValues = k.offset(values.start, k.mul(blockStart, values.stride));
  forTiles(spec.valueHeadSize, tileRows, [&](Int element, int64_t rows) {
    Value outputHere = k.offset(outputT, k.mul(element, row)), valuesHere = k.offset(blockOfValues, element);
    Values sums;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t v = 0; v < vectors; ++v)
        sums.push_back(k.mulf(k.load(outputHere, i * row + v * width), factors[v]));
    auto addKeys = [&](Int key, int64_t count, ValueSpan carried) {
      Values next(carried);
      Value weights = k.offset(scores, k.mul(key, row));
      for (int64_t u = 0; u < count; ++u) {
        Value valueRow = k.offset(valuesHere, k.mul(k.add(key, u), values.stride));
        k.prefetch(valueRow, k.mul(values.stride, 4 * 16), 3);
        Values columns;
        for (int64_t v = 0; v < vectors; ++v)
          columns.push_back(k.load(weights, u * row + v * width));
        for (int64_t i = 0; i < rows; ++i) {
          Value factor = k.broadcast(k.loadScalar(valueRow, i));
          for (int64_t v = 0; v < vectors; ++v)
            next[i * vectors + v] = k.fma(factor, columns[v], next[i * vectors + v]);
        }
      }
      return next;
    };
    Int even = k.sub(numKeys, k.rem(numKeys, 2));
    sums = k.loop(0, even, 2, sums, [&](Int key, ValueSpan carried) { return addKeys(key, 2, carried); });
    sums = k.ifThenElse(
        k.less(even, numKeys), ValueRange(sums).getTypes(), [&] { return addKeys(even, 1, sums); },
        [&] { return sums; });
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t v = 0; v < vectors; ++v)
        k.store(sums[i * vectors + v], outputHere, i * row + v * width);
  });
}

void AttentionBuilder::storeOutput(int64_t vectors) {
  int64_t row = vectors * width;
  k.loop(0, row, width, [&](Int group) {
    Value inverse = k.load(inverses, group);
    Values rows;
    // Lanes behind the last query hold duplicates of it and store the same bits to the same place.
    for (int64_t i = 0; i < width; ++i)
      rows.push_back(k.offset(out.start, k.mul(query(k.add(group, i)), out.stride)));
    forTiles(spec.valueHeadSize, width, [&](Int element, int64_t count) {
      Values square;
      for (int64_t i = 0; i < width; ++i)
        square.push_back(i < count ? k.mulf(k.load(outputT, k.add(k.mul(k.add(element, i), row), group)), inverse)
                                   : k.splat(0.0));
      square = k.transpose(square);
      for (int64_t i = 0; i < width; ++i)
        k.storePartial(square[i], rows[i], element, count);
    });
  });
}

} // namespace

void sinter::cpu::buildAttention(KernelBuilder &k, StringRef name, const AttentionSpec &spec) {
  AttentionBuilder(k, spec).build(name);
}
