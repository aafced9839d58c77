//===- Embedding.cpp - Kernels that gather and add rows -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Embedding.h"
#include "targets/cpu/Kernels/RowBuilder.h"
#include "targets/cpu/Kernels/RowKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

SizeExpr EmbeddingSpec::numTasks(const SizeExpr &batch, const SizeExpr &rows) const {
  return numRowTasks(hiddenSize, batch * rows);
}

namespace {
struct LoadedSource {
  EmbeddingSpec::Source kind;
  Value data, indices;
  Int tableRows = 0, batchStride = 0, rowStride = 0;
};
} // namespace

void sinter::cpu::buildEmbedding(KernelBuilder &k, StringRef name, const EmbeddingSpec &spec) {
  using Source = EmbeddingSpec::Source;
  k.beginKernel(name);
  Value y = k.pointerWord(EmbeddingSpec::Y);
  NormParameters parameters{/*rms=*/false, spec.epsilon, Value(), Value()};
  if (spec.hasNorm && spec.hasGamma)
    parameters.gamma = k.pointerWord(EmbeddingSpec::Gamma);
  if (spec.hasNorm && spec.hasBeta)
    parameters.beta = k.pointerWord(EmbeddingSpec::Beta);
  Int numRows = k.integerWord(EmbeddingSpec::NumRows), total = k.mul(k.integerWord(EmbeddingSpec::Batch), numRows);
  llvm::SmallVector<LoadedSource, 4> sources;
  for (auto [i, kind] : llvm::enumerate(spec.sources)) {
    unsigned first = EmbeddingSpec::Source0 + EmbeddingSpec::WordsPerSource * i;
    LoadedSource source{kind, k.pointerWord(first + EmbeddingSpec::Data), Value()};
    source.batchStride = k.integerWord(first + EmbeddingSpec::BatchStride);
    source.rowStride = k.integerWord(first + EmbeddingSpec::RowStride);
    if (kind != Source::Rows) {
      source.indices = k.pointerWord(first + EmbeddingSpec::Indices);
      source.tableRows = k.integerWord(first + EmbeddingSpec::TableRows);
    }
    sources.push_back(source);
  }

  RowBuilder rows(k, spec.hiddenSize);
  int64_t each = rowsPerTask(spec.hiddenSize);
  Int from = k.mul(k.begin(), each), to = k.min(k.mul(k.end(), each), total);
  // Carried: what the kernel returns, the first index that is out of range.
  Values result = k.loop(from, to, 1, k.materialize(0), [&](Int position, ValueSpan carried) {
    Int batch = k.div(position, numRows), row = k.rem(position, numRows);
    Value failed = carried[0];
    Values starts;
    for (const LoadedSource &source : sources) {
      Int place = k.add(k.mul(batch, source.batchStride), k.mul(row, source.rowStride));
      if (source.kind == Source::Rows) {
        starts.push_back(k.offset(source.data, place));
        continue;
      }
      OpBuilder &b = k.builder();
      Value raw =
          k.loadScalar(source.indices, place, source.kind == Source::TableByI32 ? b.getI32Type() : b.getI64Type());
      if (source.kind == Source::TableByI32)
        raw = arith::ExtSIOp::create(b, k.loc(), b.getI64Type(), raw);
      Int index = k.select(k.less(raw, 0), k.add(raw, source.tableRows), raw);
      Value isOutside = k.compare(arith::CmpIPredicate::uge, index, source.tableRows);
      Value isNew = arith::AndIOp::create(b, k.loc(), isOutside, k.equal(failed, 0));
      failed = k.materialize(k.select(isNew, k.add(place, 1), failed));
      starts.push_back(k.offset(source.data, k.mul(index, spec.hiddenSize)));
    }
    // Rows after a failure are left alone too: the whole run is refused.
    k.ifThen(k.equal(failed, 0), [&] {
      Value destination = k.offset(y, k.mul(position, spec.hiddenSize));
      auto sum = [&](Int index, Int count) {
        Values terms;
        for (Value start : starts)
          terms.push_back(k.loadPartial(start, index, count));
        Value value = terms.front();
        for (Value term : llvm::drop_begin(terms))
          value = k.addf(value, term);
        return value;
      };
      if (spec.hasNorm)
        rows.norm(sum, parameters, destination, Value());
      else
        k.forVectors(0, spec.hiddenSize,
                     [&](Int index, Int count) { k.storePartial(sum(index, count), destination, index, count); });
    });
    return Values{failed};
  });
  k.endKernel(result[0]);
}
