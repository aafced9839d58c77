//===- QuantizedMatmul.cpp - Matrix products of 8-bit integers ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/ByteQuantizer.h"
#include "targets/cpu/Kernels/MatmulTile.h"

#include <algorithm>

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

/// Of the tile in the scratch memory: as many as any variant's tile has.
static constexpr int64_t mostTileRows = 8;

SizeExpr QuantizedMatmulSpec::numTasks(const SizeExpr &rows) const {
  return numPanelTasks(packedShape().columns(), rows);
}
int64_t QuantizedMatmulSpec::scratchBytes() const {
  return mostTileRows * PackedShape::panelColumns * static_cast<int64_t>(sizeof(float));
}

namespace {

class QuantizedMatmulBuilder {
public:
  QuantizedMatmulBuilder(KernelBuilder &k, const QuantizedMatmulSpec &spec) : k(k), spec(spec) {
    width = k.lanes();
    groupColumns = k.getIsa().byteTileVectors * width;
    aRowStride = spec.aRowStride ? spec.aRowStride : spec.k;
    cRowStride = spec.cRowStride ? spec.cRowStride : spec.n;
    residualRowStride = spec.residualRowStride ? spec.residualRowStride : spec.n;
    assert(k.getIsa().byteTileRows <= mostTileRows);
  }

  void build(StringRef name);

private:
  /// The columns of one tile: the first, from the panel's on, and how many lanes of each vector are columns of C.
  struct ColumnGroup {
    Int first = 0;
    SmallVector<int64_t> valid;
  };

  void buildPanel(Value panel, int64_t storedColumns, int64_t validColumns);
  void buildGroup(const ColumnGroup &group, Value panel, int64_t storedColumns);
  Values sumTile(Value aTile, Value bTile, int64_t rows, const ColumnGroup &group, int64_t storedColumns);
  void finishRows(const ColumnGroup &group, Int row, Int rows);

  KernelBuilder &k;
  const QuantizedMatmulSpec &spec;
  int64_t width, groupColumns, aRowStride, cRowStride, residualRowStride;
  Values extras;
  Value a, b, columnSums, rowScale, columnScale, bias, c, residual;
  Value minusZero; // of A, in all lanes
  std::optional<ByteQuantizer> quantizer;
  Int taskRow = 0, taskRows = 0, panelColumn = 0;
};

void QuantizedMatmulBuilder::build(StringRef name) {
  using Spec = QuantizedMatmulSpec;
  k.beginKernel(name);
  a = k.pointerWord(Spec::A);
  b = k.pointerWord(Spec::B);
  columnSums = k.pointerWord(Spec::ColumnSums);
  rowScale = k.pointerWord(Spec::RowScale);
  columnScale = k.pointerWord(Spec::ColumnScale);
  c = k.pointerWord(Spec::C);
  if (spec.hasBias)
    bias = k.pointerWord(Spec::Bias);
  if (spec.hasResidual)
    residual = k.pointerWord(Spec::Residual);
  for (unsigned i = 0; i < spec.extras.size(); ++i)
    extras.push_back(k.pointerWord(Spec::Extra0 + i));
  Int numRows = k.integerWord(Spec::Rows);
  minusZero = k.subInts(k.splatInt(0), k.loadByteAsInts(k.pointerWord(Spec::AZero)));
  if (spec.bytesOutput) {
    Value scale = k.loadScalar(k.pointerWord(Spec::OutputScale));
    quantizer.emplace(k, scale, k.loadByteAsInts(k.pointerWord(Spec::OutputZero)), spec.bytesOutput->divides);
  }

  PackedQuantizedShape packed = spec.packedShape();
  int64_t panelBytes = packed.columns().panelStart(1) * PackedQuantizedShape::rowsPerStep;
  forPanelTasks(k, packed.columns(), numRows, [&](const PanelTask &task) {
    taskRow = task.row;
    taskRows = task.rows;
    panelColumn = task.column;
    buildPanel(k.offsetBytes(b, k.mul(task.panel, panelBytes)), task.storedColumns, task.validColumns);
  });
  k.endKernel();
}

void QuantizedMatmulBuilder::buildPanel(Value panel, int64_t storedColumns, int64_t validColumns) {
  int64_t wholeGroups = validColumns / groupColumns, left = validColumns % groupColumns;
  if (wholeGroups) {
    ColumnGroup group;
    group.valid.assign(k.getIsa().byteTileVectors, width);
    auto body = [&](Int g) {
      group.first = k.mul(g, groupColumns);
      buildGroup(group, panel, storedColumns);
    };
    if (wholeGroups == 1)
      body(0);
    else
      k.loop(0, wholeGroups, 1, body);
  }
  if (!left)
    return;
  ColumnGroup group;
  group.first = wholeGroups * groupColumns;
  for (; left > 0; left -= width)
    group.valid.push_back(std::min(left, width));
  buildGroup(group, panel, storedColumns);
}

void QuantizedMatmulBuilder::buildGroup(const ColumnGroup &group, Value panel, int64_t storedColumns) {
  int64_t vectors = group.valid.size();
  Value bTile = k.offsetBytes(panel, k.mul(group.first, PackedQuantizedShape::rowsPerStep));
  auto sum = [&](Int row, int64_t rows) {
    Value aTile = k.offsetBytes(a, k.mul(k.add(taskRow, row), aRowStride));
    Values sums = sumTile(aTile, bTile, rows, group, storedColumns);
    for (auto [i, vector] : llvm::enumerate(sums))
      k.store(vector, k.scratch(), i / vectors * groupColumns + i % vectors * width);
  };
  forTilesOfRows(k, taskRows, k.getIsa().byteTileRows, sum, [&](Int row, Int rows) { finishRows(group, row, rows); });
}

Values QuantizedMatmulBuilder::sumTile(Value aTile, Value bTile, int64_t rows, const ColumnGroup &group,
                                       int64_t storedColumns) {
  int64_t vectors = group.valid.size(), parts = k.numDotParts();
  Type i32 = k.builder().getI32Type();
  Values starts;
  for (int64_t v = 0; v < vectors; ++v)
    starts.push_back(k.mulInts(minusZero, k.load(columnSums, k.add(k.add(panelColumn, group.first), v * width), i32)));
  // With parts, the sums begin with nothing, and what is added to a column comes last.
  Values sums(rows * vectors * parts, k.splatInt(0));
  for (int64_t i = 0; i < rows * vectors && parts == 1; ++i)
    sums[i] = starts[i % vectors];
  int64_t stepBytes = storedColumns * PackedQuantizedShape::rowsPerStep;
  auto step = [&](Int index, int64_t count, ValueSpan carried) {
    Values next(carried);
    for (int64_t u = 0; u < count; ++u) {
      Value bHere = k.offsetBytes(bTile, k.mul(k.add(index, u), stepBytes));
      Value aHere = k.offsetBytes(aTile, k.mul(k.add(index, u), PackedQuantizedShape::rowsPerStep));
      k.prefetch(bHere, stepBytes * 12, 3);
      SmallVector<Values> columns;
      for (int64_t v = 0; v < vectors; ++v)
        columns.push_back(k.loadDotColumns(bHere, v * width * PackedQuantizedShape::rowsPerStep));
      for (int64_t i = 0; i < rows; ++i) {
        Value bytes = k.broadcastDotRow(k.loadScalar(k.offsetBytes(aHere, i * aRowStride), 0, i32));
        for (int64_t v = 0; v < vectors; ++v)
          for (int64_t p = 0; p < parts; ++p) {
            Value &sum = next[(i * vectors + v) * parts + p];
            sum = k.dotBytes(sum, bytes, columns[v][p]);
          }
      }
    }
    return next;
  };
  int64_t steps = spec.packedShape().numSteps(), even = steps / 2 * 2;
  sums = k.loop(0, even, 2, sums, [&](Int index, ValueSpan carried) { return step(index, 2, carried); });
  if (steps != even)
    sums = step(even, 1, sums);
  if (parts == 1)
    return sums;
  Values joined;
  for (int64_t i = 0; i < rows * vectors; ++i)
    joined.push_back(k.addInts(k.joinDotParts(ValueSpan(sums).slice(i * parts, parts)), starts[i % vectors]));
  return joined;
}

/// What is left to do with `rows` rows of sums in the scratch memory; `row` is the first.
void QuantizedMatmulBuilder::finishRows(const ColumnGroup &group, Int row, Int rows) {
  int64_t vectors = group.valid.size();
  Int column = k.add(panelColumn, group.first);
  Values scales, addends;
  for (int64_t v = 0; v < vectors; ++v) {
    scales.push_back(k.loadPartial(columnScale, k.add(column, v * width), group.valid[v]));
    if (spec.hasBias)
      addends.push_back(k.loadPartial(bias, k.add(column, v * width), group.valid[v]));
  }
  k.loop(0, rows, 1, [&](Int i) {
    Int at = k.add(k.add(taskRow, row), i);
    Value sums = k.offset(k.scratch(), k.mul(i, groupColumns));
    Value scale = k.broadcast(k.loadScalar(rowScale, spec.hasRowScales ? at : Int(0)));
    for (int64_t v = 0; v < vectors; ++v) {
      Int here = k.add(column, v * width);
      int64_t valid = group.valid[v];
      Value sum = k.intsToFloats(k.load(sums, v * width, k.builder().getI32Type()));
      Value x = k.mulf(k.mulf(sum, scales[v]), scale);
      if (spec.hasBias)
        x = k.addf(x, addends[v]);
      if (spec.hasResidual)
        x = k.addf(x, k.loadPartial(residual, k.add(k.mul(at, residualRowStride), here), valid));
      if (spec.epilogue) {
        Values operands;
        for (auto [extra, pointer] : llvm::zip(spec.extras, extras))
          operands.push_back(k.loadPartial(pointer, k.add(k.mul(at, extra.rowStride), here), valid));
        x = spec.epilogue(k, x, operands);
      }
      Int place = k.add(k.mul(at, cRowStride), here);
      if (quantizer)
        k.storeBytesPartial(quantizer->quantize(x), c, place, valid);
      else
        k.storePartial(x, c, place, valid);
    }
  });
}

} // namespace

void sinter::cpu::buildQuantizedMatmul(KernelBuilder &k, StringRef name, const QuantizedMatmulSpec &spec) {
  assert(spec.k <= QuantizedMatmulSpec::maxDepth && "sums fit into 32 bits");
  QuantizedMatmulBuilder(k, spec).build(name);
}
