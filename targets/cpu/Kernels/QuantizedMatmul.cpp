//===- QuantizedMatmul.cpp - Matrix products of 8-bit integers ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/MatmulTile.h"

#include <algorithm>

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

SizeExpr QuantizedMatmulSpec::numTasks(const SizeExpr &rows) const {
  return numPanelTasks(packedShape().columns(), rows);
}

namespace {

class QuantizedMatmulBuilder {
public:
  QuantizedMatmulBuilder(KernelBuilder &k, const QuantizedMatmulSpec &spec) : k(k), spec(spec) {
    width = k.lanes();
    aRowStride = spec.aRowStride ? spec.aRowStride : spec.k;
    cRowStride = spec.cRowStride ? spec.cRowStride : spec.n;
    residualRowStride = spec.residualRowStride ? spec.residualRowStride : spec.n;
  }

  void build(StringRef name);

private:
  /// The columns of one tile: the first, from the panel's on, and how many lanes of each vector are columns of C.
  struct ColumnGroup {
    Int first = 0;
    SmallVector<int64_t> valid;
  };

  void buildPanel(Value panel, int64_t storedColumns, int64_t validColumns);
  void buildTiles(const ColumnGroup &group, Value panel, int64_t storedColumns);
  Values sumTile(Value aTile, Value bTile, int64_t rows, const ColumnGroup &group, int64_t storedColumns);
  void finishTile(const ColumnGroup &group, Int row, int64_t rows, Values sums);

  KernelBuilder &k;
  const QuantizedMatmulSpec &spec;
  int64_t width, aRowStride, cRowStride, residualRowStride;
  Values extras;
  Value a, b, start, rowScale, columnScale, bias, c, residual;
  Int taskRow = 0, taskRows = 0, panelColumn = 0;
};

void QuantizedMatmulBuilder::build(StringRef name) {
  using Spec = QuantizedMatmulSpec;
  k.beginKernel(name);
  a = k.pointerWord(Spec::A);
  b = k.pointerWord(Spec::B);
  start = k.pointerWord(Spec::Start);
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

  PackedBytesShape packed = spec.packedShape();
  int64_t panelBytes = packed.numGroups() * PackedShape::panelColumns * PackedBytesShape::rowsPerGroup;
  forPanelTasks(k, packed.columns(), numRows, [&](const PanelTask &task) {
    taskRow = task.row;
    taskRows = task.rows;
    panelColumn = task.column;
    buildPanel(k.offsetBytes(b, k.mul(task.panel, panelBytes)), task.storedColumns, task.validColumns);
  });
  k.endKernel();
}

void QuantizedMatmulBuilder::buildPanel(Value panel, int64_t storedColumns, int64_t validColumns) {
  int64_t groupColumns = k.getIsa().byteTileVectors * width;
  for (int64_t first = 0; first < validColumns; first += groupColumns) {
    ColumnGroup group;
    group.first = first;
    for (int64_t column = first; column < std::min(first + groupColumns, validColumns); column += width)
      group.valid.push_back(std::min(width, validColumns - column));
    buildTiles(group, panel, storedColumns);
  }
}

void QuantizedMatmulBuilder::buildTiles(const ColumnGroup &group, Value panel, int64_t storedColumns) {
  int64_t most = k.getIsa().byteTileRows;
  SmallVector<int64_t> cases{most};
  for (int64_t rows = 1; rows < most; ++rows)
    cases.push_back(rows);
  Value bTile = k.offsetBytes(panel, k.mul(group.first, PackedBytesShape::rowsPerGroup));
  k.loop(0, taskRows, most, [&](Int row) {
    Value aTile = k.offsetBytes(a, k.mul(k.add(taskRow, row), aRowStride));
    k.switchOn(k.min(k.sub(taskRows, row), most), cases,
               [&](int64_t rows) { finishTile(group, row, rows, sumTile(aTile, bTile, rows, group, storedColumns)); });
  });
}

Values QuantizedMatmulBuilder::sumTile(Value aTile, Value bTile, int64_t rows, const ColumnGroup &group,
                                       int64_t storedColumns) {
  int64_t vectors = group.valid.size(), parts = k.numDotParts();
  Type i32 = k.builder().getI32Type();
  // With parts, the first begins with what is added to a column, the others with nothing.
  Values sums(rows * vectors * parts, k.splatInt(0));
  Int column = k.add(panelColumn, group.first);
  if (parts == 1)
    for (int64_t v = 0; v < vectors; ++v) {
      Value first = k.loadIntsPartial(start, k.add(column, v * width), group.valid[v]);
      for (int64_t i = 0; i < rows; ++i)
        sums[i * vectors + v] = first;
    }
  int64_t groupBytes = storedColumns * PackedBytesShape::rowsPerGroup;
  auto step = [&](Int index, int64_t count, ValueSpan carried) {
    Values next(carried);
    for (int64_t u = 0; u < count; ++u) {
      Value bHere = k.offsetBytes(bTile, k.mul(k.add(index, u), groupBytes));
      Value aHere = k.offsetBytes(aTile, k.mul(k.add(index, u), PackedBytesShape::rowsPerGroup));
      k.prefetch(bHere, groupBytes * 12, 3);
      SmallVector<Values> columns;
      for (int64_t v = 0; v < vectors; ++v)
        columns.push_back(k.loadDotColumns(bHere, v * width * PackedBytesShape::rowsPerGroup));
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
  int64_t groups = spec.packedShape().numGroups(), even = groups / 2 * 2;
  sums = k.loop(0, even, 2, sums, [&](Int index, ValueSpan carried) { return step(index, 2, carried); });
  if (groups != even)
    sums = step(even, 1, sums);
  if (parts == 1)
    return sums;
  Values joined;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t v = 0; v < vectors; ++v) {
      Value sum = k.joinDotParts(ValueSpan(sums).slice((i * vectors + v) * parts, parts));
      joined.push_back(k.addInts(sum, k.loadIntsPartial(start, k.add(column, v * width), group.valid[v])));
    }
  return joined;
}

void QuantizedMatmulBuilder::finishTile(const ColumnGroup &group, Int row, int64_t rows, Values sums) {
  int64_t vectors = group.valid.size();
  Int column = k.add(panelColumn, group.first), firstRow = k.add(taskRow, row);
  for (int64_t v = 0; v < vectors; ++v) {
    Int here = k.add(column, v * width);
    Value scales = k.loadPartial(columnScale, here, group.valid[v]);
    Value addend = spec.hasBias ? k.loadPartial(bias, here, group.valid[v]) : Value();
    for (int64_t i = 0; i < rows; ++i) {
      Int at = k.add(firstRow, i);
      Value scale = k.broadcast(k.loadScalar(rowScale, spec.hasRowScales ? at : Int(0)));
      Value x = k.mulf(k.intsToFloats(sums[i * vectors + v]), k.mulf(scale, scales));
      if (addend)
        x = k.addf(x, addend);
      if (spec.hasResidual)
        x = k.addf(x, k.loadPartial(residual, k.add(k.mul(at, residualRowStride), here), group.valid[v]));
      if (spec.epilogue) {
        Values operands;
        for (auto [extra, pointer] : llvm::zip(spec.extras, extras))
          operands.push_back(k.loadPartial(pointer, k.add(k.mul(at, extra.rowStride), here), group.valid[v]));
        x = spec.epilogue(k, x, operands);
      }
      k.storePartial(x, c, k.add(k.mul(at, cRowStride), here), group.valid[v]);
    }
  }
}

} // namespace

void sinter::cpu::buildQuantizedMatmul(KernelBuilder &k, StringRef name, const QuantizedMatmulSpec &spec) {
  assert(spec.k <= QuantizedMatmulSpec::maxDepth && "sums fit into 32 bits");
  QuantizedMatmulBuilder(k, spec).build(name);
}

void sinter::cpu::packQuantizedWeights(const PackedBytesShape &shape, const int8_t *source, bool transposed,
                                       int8_t *destination) {
  PackedShape columns = shape.columns();
  constexpr int64_t rows = PackedBytesShape::rowsPerGroup;
  for (int64_t panel = 0; panel < columns.numPanels(); ++panel) {
    int64_t first = panel * PackedShape::panelColumns, stored = columns.columnsOf(panel);
    int8_t *group = destination + columns.panelStart(panel) * rows;
    for (int64_t g = 0; g < shape.numGroups(); ++g, group += stored * rows)
      for (int64_t column = 0; column < stored; ++column)
        for (int64_t i = 0; i < rows; ++i) {
          int64_t n = first + column, k = g * rows + i;
          bool inside = n < shape.n && k < shape.k;
          group[column * rows + i] = !inside ? 0 : transposed ? source[n * shape.k + k] : source[k * shape.n + n];
        }
  }
}
