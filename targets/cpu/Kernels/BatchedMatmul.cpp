//===- BatchedMatmul.cpp - Kernels of products of computed matrices -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A task is one batch element, 64 rows and 48 columns. It packs a block of B, of at
// most 256 rows of K, into the scratch memory, as weights are packed ahead of time,
// and runs the same tiles over it. For few rows that would cost more than it
// saves: B is then read in place where its columns lie side by side.
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/MatmulTile.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

static constexpr int64_t blockDepth = 256, panelColumns = PackedShape::panelColumns, fewRows = 12;

SizeExpr BatchedMatmulSpec::numTasks(const SizeExpr &batch, const SizeExpr &m, const SizeExpr &n) const {
  return batch * SizeExpr::ceilDiv(m, rowsPerTask) * SizeExpr::ceilDiv(n, panelColumns);
}

int64_t BatchedMatmulSpec::scratchBytes() const { return blockDepth * panelColumns * 4; }

namespace {

class BatchedMatmulBuilder {
public:
  BatchedMatmulBuilder(KernelBuilder &k, const BatchedMatmulSpec &spec) : k(k), spec(spec), width(k.lanes()) {}
  void build(StringRef name);

private:
  void buildTask(Int rowBlock, Int panel);
  void packBlock(Int blockStart, Int depth);
  void packByRows(Value block, Int depth);
  void packByColumns(Value block, Int depth);
  void packByElements(Value block, Int depth, Int from);
  void multiplyBlock(Int blockStart, Int depth, Value blockOfB, Int bRowStride, bool wholePanel, Value notFirst,
                     Value last);

  KernelBuilder &k;
  const BatchedMatmulSpec &spec;
  int64_t width;
  Value bias;
  Int m = 0, n = 0, depthOfAll = 0;
  Int aRowStride = 0, aColumnStride = 0, bRowStride = 0, bColumnStride = 0, cRowStride = 0;
  // Of the task at hand: the batch element's matrices, and the place in them.
  Value a, b, c;
  Int firstRow = 0, numRows = 0, firstColumn = 0, numColumns = 0;
};

void BatchedMatmulBuilder::build(StringRef name) {
  using Spec = BatchedMatmulSpec;
  k.beginKernel(name);
  m = k.integerWord(Spec::M);
  n = k.integerWord(Spec::N);
  depthOfAll = k.integerWord(Spec::K);
  aRowStride = k.integerWord(Spec::ARowStride);
  aColumnStride = k.integerWord(Spec::AColumnStride);
  bRowStride = k.integerWord(Spec::BRowStride);
  bColumnStride = k.integerWord(Spec::BColumnStride);
  cRowStride = k.integerWord(Spec::CRowStride);
  if (spec.hasBias)
    bias = k.pointerWord(Spec::Bias);
  Int panels = k.ceilDiv(n, panelColumns), rowBlocks = k.ceilDiv(m, Spec::rowsPerTask);
  k.loop(k.begin(), k.end(), 1, [&](Int task) {
    // Rows innermost: consecutive tasks pack the same panel of B from the cache.
    Int rowBlock = k.rem(task, rowBlocks), rest = k.div(task, rowBlocks);
    Int panel = k.rem(rest, panels), batch = k.div(rest, panels);
    Int aStart = 0, bStart = 0, cStart = 0;
    for (unsigned i = spec.numBatchDims; i-- > 0;) {
      unsigned first = Spec::Batch0 + 4 * i;
      Int size = k.integerWord(first), place = k.rem(batch, size);
      batch = k.div(batch, size);
      aStart = k.add(aStart, k.mul(place, k.integerWord(first + 1)));
      bStart = k.add(bStart, k.mul(place, k.integerWord(first + 2)));
      cStart = k.add(cStart, k.mul(place, k.integerWord(first + 3)));
    }
    a = k.offset(k.pointerWord(Spec::A), aStart);
    b = k.offset(k.pointerWord(Spec::B), bStart);
    c = k.offset(k.pointerWord(Spec::C), cStart);
    buildTask(rowBlock, panel);
  });
  k.endKernel();
}

void BatchedMatmulBuilder::buildTask(Int rowBlock, Int panel) {
  firstRow = k.mul(rowBlock, BatchedMatmulSpec::rowsPerTask);
  numRows = k.min(BatchedMatmulSpec::rowsPerTask, k.sub(m, firstRow));
  firstColumn = k.mul(panel, panelColumns);
  numColumns = k.min(panelColumns, k.sub(n, firstColumn));
  Value isWhole = k.equal(numColumns, panelColumns);
  Value isInPlace =
      arith::AndIOp::create(k.builder(), k.loc(), k.equal(bColumnStride, 1), k.less(numRows, fewRows + 1));
  isInPlace = arith::AndIOp::create(k.builder(), k.loc(), isInPlace, isWhole);
  // One block even where K is 0: the product of nothing is zeros.
  Int numBlocks = k.max(k.ceilDiv(depthOfAll, blockDepth), 1);
  k.loop(0, numBlocks, 1, [&](Int block) {
    Int start = k.mul(block, blockDepth), depth = k.min(blockDepth, k.sub(depthOfAll, start));
    Value notFirst = k.less(0, block), last = k.equal(block, k.sub(numBlocks, 1));
    k.ifThenElse(
        isInPlace,
        [&] {
          Value place = k.offset(b, k.add(k.mul(start, bRowStride), firstColumn));
          multiplyBlock(start, depth, place, bRowStride, /*wholePanel=*/true, notFirst, last);
        },
        [&] {
          packBlock(start, depth);
          auto multiply = [&](bool whole) {
            multiplyBlock(start, depth, k.scratch(), panelColumns, whole, notFirst, last);
          };
          k.ifThenElse(isWhole, [&] { multiply(true); }, [&] { multiply(false); });
        });
  });
}

void BatchedMatmulBuilder::packBlock(Int blockStart, Int depth) {
  Value block = k.offset(b, k.add(k.mul(blockStart, bRowStride), k.mul(firstColumn, bColumnStride)));
  k.ifThenElse(
      k.equal(bColumnStride, 1), [&] { packByRows(block, depth); },
      [&] {
        k.ifThenElse(
            k.equal(bRowStride, 1), [&] { packByColumns(block, depth); }, [&] { packByElements(block, depth, 0); });
      });
}

void BatchedMatmulBuilder::packByRows(Value block, Int depth) {
  k.loop(0, depth, 1, [&](Int row) {
    Value from = k.offset(block, k.mul(row, bRowStride)), to = k.offset(k.scratch(), k.mul(row, panelColumns));
    k.forVectors(0, numColumns, [&](Int column, Int count) {
      // Lanes behind the last column become zeros in the panel.
      k.store(k.loadPartial(from, column, count), to, column);
    });
  });
}

void BatchedMatmulBuilder::packByColumns(Value block, Int depth) {
  Int whole = k.mul(k.div(depth, width), width);
  k.loop(0, numColumns, width, [&](Int group) {
    Values columns;
    // Behind the last column stand duplicates of it, which are multiplied but not stored.
    for (int64_t i = 0; i < width; ++i)
      columns.push_back(k.offset(block, k.mul(k.min(k.add(group, i), k.sub(numColumns, 1)), bColumnStride)));
    k.loop(0, whole, width, [&](Int row) {
      Values square;
      for (Value column : columns)
        square.push_back(k.load(column, row));
      square = k.transpose(square);
      for (int64_t i = 0; i < width; ++i)
        k.store(square[i], k.scratch(), k.add(k.mul(k.add(row, i), panelColumns), group));
    });
  });
  packByElements(block, depth, whole);
}

void BatchedMatmulBuilder::packByElements(Value block, Int depth, Int from) {
  k.loop(from, depth, 1, [&](Int row) {
    Value rowStart = k.offset(block, k.mul(row, bRowStride)), to = k.offset(k.scratch(), k.mul(row, panelColumns));
    k.loop(0, numColumns, 1,
           [&](Int column) { k.storeScalar(k.loadScalar(rowStart, k.mul(column, bColumnStride)), to, column); });
    // The rest of the last vector is multiplied, though not stored: it must at least be numbers of ours.
    k.loop(numColumns, k.mul(k.ceilDiv(numColumns, width), width), 1,
           [&](Int column) { k.storeScalar(k.scalar(0.0), to, column); });
  });
}

void BatchedMatmulBuilder::multiplyBlock(Int blockStart, Int depth, Value blockOfB, Int bRowElements, bool wholePanel,
                                         Value notFirst, Value last) {
  int64_t tileColumns = k.getIsa().tileColumns(), vectors = k.getIsa().tileVectors;
  // A panel of all columns is cut as for packed weights; of a ragged one the tiles are a single vector wide, whose last
  // is stored in part.
  if (!wholePanel) {
    tileColumns = width;
    vectors = 1;
  }
  k.loop(0, numColumns, tileColumns, [&](Int group) {
    Int count = wholePanel ? Int(width) : k.min(width, k.sub(numColumns, group));
    Int column = k.add(firstColumn, group);
    auto cAt = [&](Int row) { return k.offset(c, k.add(k.mul(k.add(firstRow, row), cRowStride), column)); };
    auto sumTile = [&](Int row, int64_t rows) {
      MatmulTile tile;
      tile.rows = rows;
      tile.vectors = vectors;
      tile.a = k.offset(a, k.add(k.mul(k.add(firstRow, row), aRowStride), k.mul(blockStart, aColumnStride)));
      tile.aRowStride = aRowStride;
      tile.aColumnStride = aColumnStride;
      tile.b = k.offset(blockOfB, group);
      tile.bRowStride = bRowElements;
      tile.depth = depth;
      Values sums = buildTile(k, tile);
      SmallVector<Type> types(sums.size(), k.vectorType());
      sums = k.ifThenElse(
          notFirst, types,
          [&] {
            Values total = sums;
            for (int64_t i = 0; i < rows; ++i)
              for (int64_t v = 0; v < vectors; ++v) {
                Value &sum = total[i * vectors + v];
                sum = k.addf(k.loadPartial(cAt(k.add(row, i)), v * width, count), sum);
              }
            return total;
          },
          [&] { return sums; });
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t v = 0; v < vectors; ++v)
          k.storePartial(sums[i * vectors + v], cAt(k.add(row, i)), v * width, count);
    };
    forTilesOfRows(k, numRows, k.getIsa().tileRows, sumTile, [&](Int row, Int rows) {
      if (!spec.hasBias && !spec.epilogue)
        return;
      k.ifThen(last, [&] {
        k.loop(row, k.add(row, rows), 1, [&](Int i) {
          for (int64_t v = 0; v < vectors; ++v) {
            Value x = k.loadPartial(cAt(i), v * width, count);
            if (spec.hasBias)
              x = k.addf(x, k.loadPartial(k.offset(bias, column), v * width, count));
            if (spec.epilogue)
              x = spec.epilogue(k, x, {});
            k.storePartial(x, cAt(i), v * width, count);
          }
        });
      });
    });
  });
}

} // namespace

void sinter::cpu::buildBatchedMatmul(KernelBuilder &k, StringRef name, const BatchedMatmulSpec &spec) {
  BatchedMatmulBuilder(k, spec).build(name);
}
