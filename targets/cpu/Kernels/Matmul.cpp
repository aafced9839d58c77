//===- Matmul.cpp - Kernels of matrix products with packed weights --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/MatmulTile.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

SizeExpr MatmulSpec::numTasks(const SizeExpr &rows) const { return numPanelTasks(packedShape(), rows); }

namespace {

/// The columns of one tile.
struct ColumnGroup {
  Int first = 0;                    // from the panel's first column on
  llvm::SmallVector<int64_t> valid; // per vector, how many of its lanes are columns of C
};

class MatmulBuilder {
public:
  MatmulBuilder(KernelBuilder &k, const MatmulSpec &spec) : k(k), spec(spec) {
    width = k.lanes();
    aRowStride = spec.aRowStride ? spec.aRowStride : spec.k;
    cRowStride = spec.cRowStride ? spec.cRowStride : spec.n;
    residualRowStride = spec.residualRowStride ? spec.residualRowStride : spec.n;
    // Blocks of K of about 384 rows, all alike where K allows it; even, so that only the last can end in a single step.
    constexpr int64_t most = 384;
    numBlocks = llvm::divideCeil(spec.k, most);
    blockDepth = numBlocks == 1 ? spec.k : llvm::alignTo(llvm::divideCeil(spec.k, numBlocks), 2);
    numBlocks = llvm::divideCeil(spec.k, blockDepth);
  }

  void build(StringRef name);

private:
  void buildPanel(Value panel, int64_t storedColumns, int64_t validColumns);
  void buildGroup(const ColumnGroup &group, Int depth, Value notFirst, Value last, Value blockOfA, Value blockOfB,
                  int64_t storedColumns, Int groupIndex);
  void finishTile(const ColumnGroup &group, Int row, int64_t rows, Values sums, Value notFirst, Value last);
  void applyEpilogue(const ColumnGroup &group, Int row, Int rows);

  KernelBuilder &k;
  const MatmulSpec &spec;
  int64_t width, aRowStride, cRowStride, residualRowStride, numBlocks, blockDepth;
  Values extras;
  Value a, b, bias, c, residual;
  /// Of the task at hand: its first row, how many it has, and the panel's first column.
  Int taskRow = 0, taskRows = 0, panelColumn = 0;
};

void MatmulBuilder::build(StringRef name) {
  k.beginKernel(name);
  a = k.pointerWord(MatmulSpec::A);
  b = k.pointerWord(MatmulSpec::B);
  c = k.pointerWord(MatmulSpec::C);
  if (spec.hasBias)
    bias = k.pointerWord(MatmulSpec::Bias);
  if (spec.hasResidual)
    residual = k.pointerWord(MatmulSpec::Residual);
  for (unsigned i = 0; i < spec.extras.size(); ++i)
    extras.push_back(k.pointerWord(MatmulSpec::Extra0 + i));
  Int numRows = k.integerWord(MatmulSpec::Rows);

  PackedShape shape = spec.packedShape();
  forPanelTasks(k, shape, numRows, [&](const PanelTask &task) {
    taskRow = task.row;
    taskRows = task.rows;
    panelColumn = task.column;
    buildPanel(k.offset(b, k.mul(task.panel, shape.k * PackedShape::panelColumns)), task.storedColumns,
               task.validColumns);
  });
  k.endKernel();
}

void MatmulBuilder::buildPanel(Value panel, int64_t storedColumns, int64_t validColumns) {
  int64_t groupColumns = k.getIsa().tileColumns();
  auto block = [&](Int blockStart, Int depth, Value notFirst, Value last) {
    Value blockOfA = k.offset(a, k.add(k.mul(taskRow, aRowStride), blockStart));
    Value blockOfB = k.offset(panel, k.mul(blockStart, storedColumns));
    int64_t wholeGroups = validColumns / groupColumns;
    ColumnGroup group;
    if (wholeGroups) {
      group.valid.assign(k.getIsa().tileVectors, width);
      auto body = [&](Int g) {
        group.first = k.mul(g, groupColumns);
        buildGroup(group, depth, notFirst, last, blockOfA, blockOfB, storedColumns, g);
      };
      if (wholeGroups == 1)
        body(0);
      else
        k.loop(0, wholeGroups, 1, body);
    }
    int64_t left = validColumns - wholeGroups * groupColumns;
    if (!left)
      return;
    group.first = wholeGroups * groupColumns;
    group.valid.clear();
    for (; left > 0; left -= width)
      group.valid.push_back(std::min(left, width));
    buildGroup(group, depth, notFirst, last, blockOfA, blockOfB, storedColumns, wholeGroups);
  };
  if (numBlocks == 1)
    return block(0, spec.k, Value(), Value());
  k.loop(0, numBlocks, 1, [&](Int index) {
    Int start = k.mul(index, blockDepth);
    Int depth = spec.k % blockDepth == 0 ? Int(blockDepth) : k.min(blockDepth, k.sub(spec.k, start));
    block(start, depth, k.less(0, index), k.equal(index, numBlocks - 1));
  });
}

void MatmulBuilder::buildGroup(const ColumnGroup &group, Int depth, Value notFirst, Value last, Value blockOfA,
                               Value blockOfB, int64_t storedColumns, Int groupIndex) {
  int64_t tileRows = k.getIsa().tileRows;
  int64_t blockBytes = blockDepth * storedColumns * 4;
  int64_t groupsPerPanel = PackedShape::panelColumns / k.getIsa().tileColumns();
  Int numTiles = k.ceilDiv(taskRows, tileRows);
  auto sumTile = [&](Int row, int64_t rows, bool isFew) {
    MatmulTile tile;
    tile.rows = rows;
    tile.vectors = group.valid.size();
    tile.a = k.offset(blockOfA, k.mul(row, aRowStride));
    tile.aRowStride = aRowStride;
    tile.b = k.offset(blockOfB, group.first);
    tile.bRowStride = storedColumns;
    tile.depth = depth;
    tile.depthIsEven = spec.k % 2 == 0;
    tile.prefetchRows = 16;
    // Each tile fetches its share of the block that comes next, which lies right behind this one. Where tiles are few,
    // and reading B takes as long as multiplying, the shares are larger.
    tile.prefetchLines = isFew ? llvm::divideCeil(rows == tileRows ? 3 : 6, groupsPerPanel) : 1;
    int64_t tileBytes = blockDepth / 2 * 64 * tile.prefetchLines;
    Int tileIndex = k.add(k.mul(groupIndex, numTiles), k.div(row, tileRows));
    Int share = k.min(k.mul(tileIndex, tileBytes), std::max<int64_t>(blockBytes - tileBytes, 0));
    if (tileBytes)
      tile.prefetchNext = k.offsetBytes(k.offsetBytes(blockOfB, blockBytes), share);
    finishTile(group, row, rows, buildTile(k, tile), notFirst, last);
  };
  forTilesOfRows(k, taskRows, tileRows, /*few=*/3 * tileRows, sumTile, [&](Int row, Int rows) {
    if (spec.epilogue && last)
      k.ifThen(last, [&] { applyEpilogue(group, row, rows); });
    else if (spec.epilogue)
      applyEpilogue(group, row, rows);
  });
}

void MatmulBuilder::finishTile(const ColumnGroup &group, Int row, int64_t rows, Values sums, Value notFirst,
                               Value last) {
  unsigned vectors = group.valid.size();
  Int column = k.add(panelColumn, group.first), firstRow = k.add(taskRow, row);
  Value cTile = k.offset(c, k.add(k.mul(firstRow, cRowStride), column));

  auto addEarlierBlocks = [&] {
    Values total = sums;
    for (int64_t i = 0; i < rows; ++i)
      for (unsigned v = 0; v < vectors; ++v) {
        Value earlier = k.loadPartial(cTile, i * cRowStride + v * width, group.valid[v]);
        total[i * vectors + v] = k.addf(earlier, sums[i * vectors + v]);
      }
    return total;
  };
  auto addOperands = [&] {
    Values total = sums;
    if (spec.hasBias)
      for (unsigned v = 0; v < vectors; ++v) {
        Value addend = k.loadPartial(bias, k.add(column, v * width), group.valid[v]);
        for (int64_t i = 0; i < rows; ++i)
          total[i * vectors + v] = k.addf(total[i * vectors + v], addend);
      }
    if (spec.hasResidual) {
      Value tile = k.offset(residual, k.add(k.mul(firstRow, residualRowStride), column));
      for (int64_t i = 0; i < rows; ++i)
        for (unsigned v = 0; v < vectors; ++v) {
          Value addend = k.loadPartial(tile, i * residualRowStride + v * width, group.valid[v]);
          total[i * vectors + v] = k.addf(total[i * vectors + v], addend);
        }
    }
    return total;
  };

  auto same = [&] { return sums; };
  SmallVector<Type> types(sums.size(), k.vectorType());
  if (notFirst)
    sums = k.ifThenElse(notFirst, types, addEarlierBlocks, same);
  if (spec.hasBias || spec.hasResidual)
    sums = last ? k.ifThenElse(last, types, addOperands, same) : addOperands();
  for (int64_t i = 0; i < rows; ++i)
    for (unsigned v = 0; v < vectors; ++v)
      k.storePartial(sums[i * vectors + v], cTile, i * cRowStride + v * width, group.valid[v]);
}

void MatmulBuilder::applyEpilogue(const ColumnGroup &group, Int row, Int rows) {
  Int column = k.add(panelColumn, group.first);
  k.loop(0, rows, 1, [&](Int i) {
    Int here = k.add(k.add(taskRow, row), i);
    Value cRow = k.offset(c, k.add(k.mul(here, cRowStride), column));
    for (unsigned v = 0; v < group.valid.size(); ++v) {
      Values operands;
      for (auto [extra, pointer] : llvm::zip(spec.extras, extras)) {
        Value start = k.offset(pointer, k.add(k.mul(here, extra.rowStride), column));
        operands.push_back(k.loadPartial(start, v * width, group.valid[v]));
      }
      Value x = k.loadPartial(cRow, v * width, group.valid[v]);
      k.storePartial(spec.epilogue(k, x, operands), cRow, v * width, group.valid[v]);
    }
  });
}

} // namespace

void sinter::cpu::buildMatmul(KernelBuilder &k, StringRef name, const MatmulSpec &spec) {
  MatmulBuilder(k, spec).build(name);
}
