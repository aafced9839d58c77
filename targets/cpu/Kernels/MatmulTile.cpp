//===- MatmulTile.cpp - The inner loop of matrix products -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/MatmulTile.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

Values sinter::cpu::buildTile(KernelBuilder &k, const MatmulTile &tile) {
  int64_t width = k.lanes();
  // One register for A where the rows' distance is a constant, which then is part of each address.
  bool constantRows = tile.aRowStride.constant() && tile.aColumnStride.is(1);
  Values rowStarts;
  for (unsigned i = 0; i < tile.rows && !constantRows; ++i)
    rowStarts.push_back(k.offset(tile.a, k.mul(tile.aRowStride, i)));

  auto step = [&](Int index, int64_t count, ValueSpan sums) {
    Values next(sums);
    Value aHere = constantRows ? k.offset(tile.a, index) : Value();
    for (int64_t u = 0; u < count; ++u) {
      Value bHere = k.offset(tile.b, k.mul(k.add(index, u), tile.bRowStride));
      for (int64_t byte = 0; tile.prefetchRows && byte < tile.vectors * width * 4; byte += 64)
        k.prefetch(bHere, k.add(k.mul(tile.bRowStride, tile.prefetchRows * 4), byte), 3);
      Values columns;
      for (unsigned v = 0; v < tile.vectors; ++v)
        columns.push_back(k.load(bHere, v * width));
      for (unsigned i = 0; i < tile.rows; ++i) {
        Value element = constantRows ? k.loadScalar(aHere, k.add(k.mul(tile.aRowStride, i), u))
                                     : k.loadScalar(rowStarts[i], k.mul(k.add(index, u), tile.aColumnStride));
        Value factor = k.broadcast(element);
        for (unsigned v = 0; v < tile.vectors; ++v)
          next[i * tile.vectors + v] = k.fma(factor, columns[v], next[i * tile.vectors + v]);
      }
    }
    return next;
  };

  Values sums(tile.rows * tile.vectors, k.splat(0.0));
  Int even = k.sub(tile.depth, tile.depthIsEven ? Int(0) : k.rem(tile.depth, 2));
  sums = k.loop(0, even, 2, sums, [&](Int index, ValueSpan carried) {
    for (int64_t line = 0; tile.prefetchNext && line < tile.prefetchLines; ++line)
      k.prefetch(tile.prefetchNext, k.add(k.mul(index, 32 * tile.prefetchLines), line * 64), 2);
    return step(index, 2, carried);
  });
  if (tile.depthIsEven)
    return sums;
  if (tile.depth.constant())
    return *tile.depth.constant() % 2 ? step(even, 1, sums) : sums;
  return k.ifThenElse(
      k.less(even, tile.depth), ValueRange(sums).getTypes(), [&] { return step(even, 1, sums); }, [&] { return sums; });
}

int64_t sinter::cpu::rowsPerPanelTask(const PackedShape &shape) {
  int64_t panels = shape.numPanels();
  return panels >= 4 ? 64 : panels >= 2 ? 32 : 16;
}

SizeExpr sinter::cpu::numPanelTasks(const PackedShape &shape, const SizeExpr &rows) {
  return SizeExpr::ceilDiv(rows, rowsPerPanelTask(shape)) * shape.numPanels();
}

void sinter::cpu::forPanelTasks(KernelBuilder &k, const PackedShape &shape, Int numRows,
                                llvm::function_ref<void(const PanelTask &)> body) {
  constexpr int64_t width = PackedShape::panelColumns;
  int64_t panels = shape.numPanels(), wholePanels = shape.n / width, rowsPerTask = rowsPerPanelTask(shape);
  k.loop(k.begin(), k.end(), 1, [&](Int number) {
    // The panels of a block of rows follow one another: its rows of A stay in the second-level cache.
    PanelTask task;
    task.panel = k.rem(number, panels);
    task.row = k.mul(k.div(number, panels), rowsPerTask);
    task.rows = k.min(rowsPerTask, k.sub(numRows, task.row));
    task.column = k.mul(task.panel, width);
    auto run = [&](int64_t storedColumns, int64_t validColumns) {
      task.storedColumns = storedColumns;
      task.validColumns = validColumns;
      body(task);
    };
    auto whole = [&] { run(width, width); };
    auto last = [&] { run(shape.columnsOf(panels - 1), shape.n - wholePanels * width); };
    if (wholePanels == panels)
      whole();
    else if (wholePanels == 0)
      last();
    else
      k.ifThenElse(k.less(task.panel, wholePanels), whole, last);
  });
}

static void forTiles(KernelBuilder &k, Int count, int64_t most, std::optional<int64_t> few,
                     llvm::function_ref<void(Int, int64_t, bool)> body, llvm::function_ref<void(Int, Int)> after) {
  llvm::SmallVector<int64_t> cases{most};
  for (int64_t rows = 1; rows < most; ++rows)
    cases.push_back(rows);
  // A whole tile among few has a number of its own.
  if (few)
    cases.push_back(most + 1);
  k.loop(0, count, most, [&](Int index) {
    Int rows = k.min(k.sub(count, index), most), selector = rows;
    if (few)
      selector = k.select(k.less(*few, count), rows, k.select(k.equal(rows, most), most + 1, rows));
    k.switchOn(selector, cases, [&](int64_t rows) { body(index, std::min(rows, most), rows != most); });
    if (after)
      after(index, rows);
  });
}

void sinter::cpu::forTilesOfRows(KernelBuilder &k, Int count, int64_t most, llvm::function_ref<void(Int, int64_t)> body,
                                 llvm::function_ref<void(Int, Int)> after) {
  forTiles(k, count, most, std::nullopt, [&](Int index, int64_t rows, bool) { body(index, rows); }, after);
}

void sinter::cpu::forTilesOfRows(KernelBuilder &k, Int count, int64_t most, int64_t few,
                                 llvm::function_ref<void(Int, int64_t, bool)> body,
                                 llvm::function_ref<void(Int, Int)> after) {
  forTiles(k, count, most, few, body, after);
}
