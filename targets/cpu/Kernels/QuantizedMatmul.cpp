//===- QuantizedMatmul.cpp - Matrix products of integers of few bits ------===//
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

static constexpr int64_t stepRows = PackedQuantizedShape::rowsPerStep;
static constexpr int64_t wordBytes = PackedQuantizedShape::bytesPerWord;
/// Of the tile in the scratch memory: as many as any variant's tile has.
static constexpr int64_t mostTileRows = 8;
static constexpr int64_t tileBytes = mostTileRows * PackedShape::panelColumns * static_cast<int64_t>(sizeof(float));
/// Where no instruction multiplies bytes, those of a row are in two operands.
static constexpr int64_t mostOperands = 2;
/// So that the last vector of a row's words is whole.
static constexpr int64_t wordsMultiple = 16;

static int64_t numSteps(int64_t depth) { return (depth + stepRows - 1) / stepRows; }
/// Of a row of A, with what whole vectors write behind it.
static int64_t rowOperands(int64_t depth) {
  return (numSteps(depth) + wordsMultiple - 1) / wordsMultiple * wordsMultiple * mostOperands;
}

SizeExpr QuantizedMatmulSpec::numTasks(const SizeExpr &rows) const {
  return numPanelTasks(packedShape().columns(), rows);
}
int64_t QuantizedMatmulSpec::scratchBytes() const {
  // As much as the variant that takes most: the tile, the panel, the tile's rows of A.
  int64_t panelBytes = numSteps(k) * mostOperands * PackedShape::panelColumns * wordBytes;
  return tileBytes + panelBytes + mostTileRows * rowOperands(k) * wordBytes;
}

namespace {

/// The columns of one tile: the first, from the panel's on, and how many lanes of each vector are columns of C.
struct TileColumns {
  Int first = 0;
  SmallVector<int64_t> valid;
};

/// A group of rows of B: its number, and how many steps of four rows it has.
struct RowGroup {
  Int index = 0;
  int64_t steps = 0;
  bool isRagged = false; // the last step has fewer rows
};

/// Where a task reads B, and how: words of codes as they are packed, or operands of products in the scratch memory.
struct PanelWords {
  enum Kind { Bytes, Nibbles, Operands } kind;
  Value start;
  int64_t rowsOfGroup = 0; // rows of words from one group to the next
};

/// The rows of one tile.
struct TileRows {
  Value a; // its bytes, or operands of products in the scratch memory
  int64_t count = 0;
  /// Each two steps fetch so many lines of 64 bytes from here on into the second-level cache.
  Value fetch;
  int64_t fetchLines = 0;
};

class QuantizedMatmulBuilder {
public:
  QuantizedMatmulBuilder(KernelBuilder &k, const QuantizedMatmulSpec &spec)
      : k(k), spec(spec), shape(spec.packedShape()) {
    width = k.lanes();
    tileColumns = k.getIsa().byteTileVectors * width;
    aRowStride = spec.getARowStride();
    cRowStride = spec.getCRowStride();
    residualRowStride = spec.getResidualRowStride();
    needsRowSums = spec.hasZeroPoints && spec.bits == 8;
    // A row's sum takes an accumulator, too.
    tileRows = k.getIsa().byteTileRows;
    if (needsRowSums)
      tileRows = std::max<int64_t>(tileRows * 3 / 4, 1);
    // Many groups are summed in registers, too; of few, what is summed may leave them between two groups.
    if (shape.numGroups() > 1 && spec.group < 64)
      tileRows = std::max<int64_t>(tileRows / 2, 1);
    assert(tileRows <= mostTileRows);
    numOperands = k.numDotOperands();
    fewRows = std::min<int64_t>(tileRows, 4 / numOperands);
  }

  void build(StringRef name);

private:
  void buildPanel();
  Values forGroups(ValueSpan carried, llvm::function_ref<Values(const RowGroup &, ValueSpan)> body);
  Value writeOperands(Value panel);
  Value writeRows(Value rows, int64_t count);
  Values loadZeros(const RowGroup &group, Int first, ArrayRef<int64_t> valid);
  void buildTiles(const TileColumns &columns, const PanelWords &b, int64_t mostRows);
  TileRows tileOfRows(const TileColumns &columns, Int row, int64_t rows, int64_t mostRows, bool isFew);
  Values sumTile(const TileRows &tile, const PanelWords &b, const TileColumns &columns, const RowGroup &group);
  Values subtractRowSums(ValueSpan sums, ValueSpan rowSums, const TileColumns &columns, const RowGroup &group);
  Values addGroup(ValueSpan sums, ValueSpan totals, const TileColumns &columns, const RowGroup &group);
  void finishRows(const TileColumns &columns, Int row, Int rows);

  /// Of what is by groups and columns: the element of the panel's column `first`.
  Int perGroupIndex(const RowGroup &group, Int first) {
    Int panelStart = k.mul(task.column, shape.numGroups());
    return k.add(panelStart, k.add(k.mul(group.index, task.storedColumns), first));
  }
  Value tileAddress(int64_t row, int64_t vector) { return k.offset(k.scratch(), row * tileColumns + vector * width); }

  KernelBuilder &k;
  const QuantizedMatmulSpec &spec;
  PackedQuantizedShape shape;
  int64_t width, tileColumns, tileRows, aRowStride, cRowStride, residualRowStride;
  bool needsRowSums;
  int64_t numOperands;
  /// Up to so many rows, what is multiplied is made of the codes in registers.
  int64_t fewRows;
  Values extras;
  Value a, b, columnSums, zeroPoints, rowScale, columnScale, bias, c, residual;
  Value minusZero; // of A, in all lanes
  std::optional<ByteQuantizer> quantizer;
  PanelTask task; // at hand
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
  if (spec.hasZeroPoints)
    zeroPoints = k.pointerWord(Spec::BZero);
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
  forPanelTasks(k, shape.columns(), numRows, [&](const PanelTask &next) {
    task = next;
    buildPanel();
  });
  k.endKernel();
}

/// Runs body for the groups in their order; all whole ones are one loop.
Values QuantizedMatmulBuilder::forGroups(ValueSpan carried,
                                         llvm::function_ref<Values(const RowGroup &, ValueSpan)> body) {
  int64_t groupRows = shape.rowsPerGroup(), whole = spec.k / groupRows, left = spec.k % groupRows;
  auto run = [&](Int index, int64_t rows, ValueSpan values) {
    return body({index, (rows + stepRows - 1) / stepRows, rows % stepRows != 0}, values);
  };
  Values values(carried);
  if (whole == 1)
    values = run(0, groupRows, values);
  else
    values = k.loop(0, whole, 1, values, [&](Int index, ValueSpan inside) { return run(index, groupRows, inside); });
  return left ? run(whole, left, values) : values;
}

void QuantizedMatmulBuilder::buildPanel() {
  Value panel = k.offsetBytes(b, k.mul(task.panel, shape.columns().panelStart(1) * wordBytes));
  auto build = [&](const PanelWords &bytes, int64_t mostRows) {
    int64_t whole = task.validColumns / tileColumns, left = task.validColumns % tileColumns;
    TileColumns columns;
    columns.valid.assign(k.getIsa().byteTileVectors, width);
    auto body = [&](Int tile) {
      columns.first = k.mul(tile, tileColumns);
      buildTiles(columns, bytes, mostRows);
    };
    if (whole == 1)
      body(0);
    else if (whole)
      k.loop(0, whole, 1, body);
    if (!left)
      return;
    columns.first = whole * tileColumns;
    columns.valid.clear();
    for (; left > 0; left -= width)
      columns.valid.push_back(std::min(left, width));
    buildTiles(columns, bytes, mostRows);
  };
  PanelWords packed{spec.bits == 4 ? PanelWords::Nibbles : PanelWords::Bytes, panel, shape.wordsPerGroup()};
  // Bytes that an instruction multiplies need no preparation.
  if (packed.kind == PanelWords::Bytes && numOperands == 1)
    return build(packed, tileRows);
  auto prepared = [&] {
    int64_t rowsOfGroup = shape.rowsPerGroup() / stepRows * numOperands;
    build({PanelWords::Operands, writeOperands(panel), rowsOfGroup}, tileRows);
  };
  k.ifThenElse(k.less(fewRows, task.rows), prepared, [&] { build(packed, fewRows); });
}

/// What is subtracted from the bytes of codes of 4 bits, for vectors of columns from `first` on.
Values QuantizedMatmulBuilder::loadZeros(const RowGroup &group, Int first, ArrayRef<int64_t> valid) {
  Values zeros;
  for (size_t v = 0; v < valid.size(); ++v)
    zeros.push_back(k.repeatBytes(
        spec.hasZeroPoints ? k.loadBytesAsInts(zeroPoints, perGroupIndex(group, k.add(first, v * width)), false)
                           : k.splatInt(8)));
  return zeros;
}

/// Writes the panel into the scratch memory as operands of products: for each step a row of words per operand.
Value QuantizedMatmulBuilder::writeOperands(Value panel) {
  Value operands = k.offsetBytes(k.scratch(), tileBytes);
  int64_t vectors = task.storedColumns / width;
  bool isNibbles = spec.bits == 4;
  forGroups({}, [&](const RowGroup &group, ValueSpan) {
    Value from = k.offset(panel, k.mul(group.index, shape.wordsPerGroup() * task.storedColumns));
    int64_t groupWords = shape.rowsPerGroup() / stepRows * numOperands * task.storedColumns;
    Value to = k.offset(operands, k.mul(group.index, groupWords));
    Values zeros;
    if (isNibbles)
      zeros = loadZeros(group, 0, SmallVector<int64_t>(vectors, width));
    auto write = [&](Int wordRow, int64_t steps) {
      Value fromHere = k.offset(from, k.mul(wordRow, task.storedColumns));
      Value toHere = k.offset(to, k.mul(wordRow, shape.rowsPerWord() / stepRows * numOperands * task.storedColumns));
      for (int64_t v = 0; v < vectors; ++v) {
        Values words;
        if (isNibbles)
          llvm::append_range(words, k.loadNibbles(fromHere, v * width * wordBytes, zeros[v]));
        else
          words.push_back(k.load(fromHere, v * width, k.builder().getI32Type()));
        for (int64_t step = 0; step < steps; ++step)
          for (auto [p, operand] : llvm::enumerate(k.dotOperands(words[step], /*isSigned=*/true)))
            k.store(operand, k.offset(toHere, (step * numOperands + p) * task.storedColumns + v * width));
      }
    };
    int64_t stepsOfWord = shape.rowsPerWord() / stepRows, left = group.steps % stepsOfWord;
    k.loop(0, group.steps / stepsOfWord, 1, [&](Int wordRow) { write(wordRow, stepsOfWord); });
    if (left)
      write(group.steps / stepsOfWord, left);
    return Values();
  });
  return operands;
}

/// Writes a tile's rows of A into the scratch memory as operands of products: [rows][steps][2].
Value QuantizedMatmulBuilder::writeRows(Value rows, int64_t count) {
  int64_t steps = numSteps(spec.k);
  Value operands = k.offsetBytes(k.scratch(), tileBytes + steps * mostOperands * PackedShape::panelColumns * wordBytes);
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < width; ++i) {
    low.push_back(i / 2 + i % 2 * width);
    high.push_back((width + i) / 2 + i % 2 * width);
  }
  k.loop(0, count, 1, [&](Int row) {
    Value from = k.offsetBytes(rows, k.mul(row, aRowStride)), to = k.offset(operands, k.mul(row, rowOperands(spec.k)));
    k.forVectors(0, steps, [&](Int step, Int valid) {
      Values both = k.dotOperands(k.loadIntsPartial(from, step, valid), /*isSigned=*/false);
      Value even = k.operandAsWords(both[0]), odd = k.operandAsWords(both[1]);
      k.store(k.shuffle(even, odd, low), to, k.mul(step, 2));
      k.store(k.shuffle(even, odd, high), to, k.add(k.mul(step, 2), width));
    });
  });
  return operands;
}

/// Each tile fetches its share of the panel that comes next, which lies right behind this one. Where tiles are few, and
/// reading B takes as long as multiplying, the shares are larger; where there is only one of few rows, B is read in its
/// order as fast as can be, and nothing is gained.
TileRows QuantizedMatmulBuilder::tileOfRows(const TileColumns &columns, Int row, int64_t rows, int64_t mostRows,
                                            bool isFew) {
  int64_t rowBytes = task.storedColumns * wordBytes, panelBytes = shape.numWords() * rowBytes;
  int64_t steps = numSteps(spec.k), tilesPerPanel = PackedShape::panelColumns / tileColumns;
  // Whole, in two steps the panel has this many lines.
  int64_t lines = (2 * panelBytes / steps + 63) / 64;
  TileRows tile;
  tile.a = k.offsetBytes(a, k.mul(k.add(task.row, row), aRowStride));
  tile.count = rows;
  if (!isFew)
    tile.fetchLines = 1;
  else if (rows > fewRows)
    tile.fetchLines = (rows == mostRows ? (lines + 1) / 2 : lines) / tilesPerPanel;
  int64_t share = steps / 2 * 64 * tile.fetchLines;
  Int index = k.add(k.mul(k.div(columns.first, tileColumns), k.ceilDiv(task.rows, mostRows)), k.div(row, mostRows));
  Value next = k.offsetBytes(b, k.mul(k.add(task.panel, 1), shape.columns().panelStart(1) * wordBytes));
  tile.fetch = k.offsetBytes(next, k.min(k.mul(index, share), std::max<int64_t>(panelBytes - share, 0)));
  return tile;
}

void QuantizedMatmulBuilder::buildTiles(const TileColumns &columns, const PanelWords &b, int64_t mostRows) {
  int64_t vectors = columns.valid.size();
  auto sum = [&](Int row, int64_t rows, bool isFew) {
    TileRows tile = tileOfRows(columns, row, rows, mostRows, isFew);
    if (b.kind == PanelWords::Operands && numOperands > 1)
      tile.a = writeRows(tile.a, rows);
    bool isOne = shape.numGroups() == 1;
    Values totals(isOne ? 0 : rows * vectors, k.splat(0.0));
    totals = forGroups(totals, [&](const RowGroup &group, ValueSpan carried) {
      Values sums = sumTile(tile, b, columns, group);
      return isOne ? sums : addGroup(sums, carried, columns, group);
    });
    for (auto [i, vector] : llvm::enumerate(totals))
      k.store(vector, tileAddress(i / vectors, i % vectors));
  };
  forTilesOfRows(k, task.rows, mostRows, /*few=*/3 * mostRows, sum,
                 [&](Int row, Int rows) { finishRows(columns, row, rows); });
}

/// The group's sums of a tile, rows by vectors.
Values QuantizedMatmulBuilder::sumTile(const TileRows &tile, const PanelWords &b, const TileColumns &columns,
                                       const RowGroup &group) {
  int64_t rows = tile.count, vectors = columns.valid.size(), numSums = rows * vectors;
  Type i32 = k.builder().getI32Type();
  Values starts, zeros;
  for (int64_t v = 0; v < vectors; ++v) {
    Int place = perGroupIndex(group, k.add(columns.first, v * width));
    starts.push_back(k.mulInts(minusZero, k.load(columnSums, place, i32)));
  }
  if (b.kind == PanelWords::Nibbles)
    zeros = loadZeros(group, columns.first, columns.valid);
  // Sums of rows come last.
  Values sums;
  for (int64_t i = 0; i < numSums; ++i)
    sums.push_back(starts[i % vectors]);
  if (needsRowSums)
    sums.append(rows, k.splatInt(0));

  // What is added at once, a unit, is a step or, where it has two operands in the scratch memory, one of them.
  bool isPrepared = b.kind == PanelWords::Operands && numOperands > 1;
  int64_t units = isPrepared ? numOperands : 1; // of a step
  Int firstUnit = k.mul(group.index, shape.rowsPerGroup() / stepRows * units);
  Value aGroup = k.offset(tile.a, firstUnit);
  Value bGroup = k.offset(b.start, k.add(k.mul(group.index, b.rowsOfGroup * task.storedColumns), columns.first));
  int64_t fetchBytes = tile.fetchLines * 32 / units;
  Value fetchGroup = k.offsetBytes(tile.fetch, k.mul(firstUnit, fetchBytes));
  auto asOperands = [&](Value words, bool isSigned) {
    return b.kind == PanelWords::Operands ? Values{k.asDotOperand(words)} : k.dotOperands(words, isSigned);
  };
  auto addUnit = [&](Value aHere, ArrayRef<Values> ofB, ValueSpan ones, Values &next) {
    for (int64_t i = 0; i < rows; ++i) {
      Value word = isPrepared ? k.loadScalar(aHere, i * rowOperands(spec.k), i32)
                              : k.loadScalar(k.offsetBytes(aHere, i * aRowStride), 0, i32);
      for (auto [p, operand] : llvm::enumerate(asOperands(k.broadcast(word), /*isSigned=*/false))) {
        for (int64_t v = 0; v < vectors; ++v)
          next[i * vectors + v] = k.dotBytes(next[i * vectors + v], operand, ofB[v][p]);
        if (needsRowSums)
          next[numSums + i] = k.dotBytes(next[numSums + i], operand, ones[p]);
      }
    }
  };
  // Up to two units; two steps of 4 bits are one row of words.
  auto addUnits = [&](Int index, int64_t count, bool isRagged, ValueSpan carried) {
    Values next(carried), ones;
    if (needsRowSums)
      ones = k.dotOperands(k.splatInt(isRagged ? 0x01010101 >> (stepRows - spec.k % stepRows) * 8 : 0x01010101), true);
    SmallVector<Values> ofB[2];
    Value bHere = k.offset(bGroup, k.mul(b.kind == PanelWords::Nibbles ? k.div(index, 2) : index, task.storedColumns));
    k.prefetch(bHere, task.storedColumns * wordBytes * 12, 3);
    for (int64_t line = 0; line < count * tile.fetchLines; line += 2)
      k.prefetch(fetchGroup, k.add(k.mul(index, fetchBytes), line * 32), 2);
    for (int64_t v = 0; v < vectors; ++v) {
      if (b.kind == PanelWords::Nibbles) {
        auto nibbles = k.loadNibbles(bHere, v * width * wordBytes, zeros[v]);
        for (int64_t u = 0; u < count; ++u)
          ofB[u].push_back(k.dotOperands(nibbles[u], /*isSigned=*/true));
        continue;
      }
      for (int64_t u = 0; u < count; ++u)
        ofB[u].push_back(asOperands(k.load(bHere, u * task.storedColumns + v * width, i32), /*isSigned=*/true));
    }
    for (int64_t u = 0; u < count; ++u)
      addUnit(k.offset(aGroup, k.add(index, u)), ofB[u],
              isPrepared && needsRowSums ? ValueSpan(ones).slice(isRagged ? u : 0, 1) : ValueSpan(ones), next);
    return next;
  };
  // Two units a turn; of more, where products and sums are two instructions, LLVM would add up the products first and
  // run out of registers.
  constexpr int64_t each = 2;
  int64_t regular = (group.steps - (group.isRagged && needsRowSums)) * units;
  int64_t whole = regular / each * each;
  sums =
      k.loop(0, whole, each, sums, [&](Int index, ValueSpan carried) { return addUnits(index, each, false, carried); });
  if (regular != whole)
    sums = addUnits(whole, 1, false, sums);
  if (regular != group.steps * units)
    sums = addUnits(regular, units, true, sums);
  if (!needsRowSums)
    return sums;
  ValueSpan all(sums);
  return subtractRowSums(all.take_front(numSums), all.drop_front(numSums), columns, group);
}

/// Zero points of codes of 8 bits times the sums of A's rows.
Values QuantizedMatmulBuilder::subtractRowSums(ValueSpan sums, ValueSpan rowSums, const TileColumns &columns,
                                               const RowGroup &group) {
  int64_t vectors = columns.valid.size();
  Values zeros, results;
  for (int64_t v = 0; v < vectors; ++v)
    zeros.push_back(k.loadBytesAsInts(zeroPoints, perGroupIndex(group, k.add(columns.first, v * width)), true));
  for (auto [i, sum] : llvm::enumerate(sums))
    results.push_back(k.subInts(sum, k.mulInts(rowSums[i / vectors], zeros[i % vectors])));
  return results;
}

/// The totals of the groups before, plus this one's sums.
Values QuantizedMatmulBuilder::addGroup(ValueSpan sums, ValueSpan totals, const TileColumns &columns,
                                        const RowGroup &group) {
  int64_t vectors = columns.valid.size();
  Values scales, results;
  for (int64_t v = 0; v < vectors; ++v)
    scales.push_back(k.load(columnScale, perGroupIndex(group, k.add(columns.first, v * width))));
  for (auto [i, sum] : llvm::enumerate(sums))
    results.push_back(k.fma(k.intsToFloats(sum), scales[i % vectors], totals[i]));
  return results;
}

/// What is left to do with `rows` rows of sums in the scratch memory; `row` is the first.
void QuantizedMatmulBuilder::finishRows(const TileColumns &columns, Int row, Int rows) {
  int64_t vectors = columns.valid.size();
  Int column = k.add(task.column, columns.first);
  bool isOneGroup = shape.numGroups() == 1;
  Values scales, addends;
  for (int64_t v = 0; v < vectors; ++v) {
    if (isOneGroup)
      scales.push_back(k.loadPartial(columnScale, k.add(column, v * width), columns.valid[v]));
    if (spec.hasBias)
      addends.push_back(k.loadPartial(bias, k.add(column, v * width), columns.valid[v]));
  }
  k.loop(0, rows, 1, [&](Int i) {
    Int at = k.add(k.add(task.row, row), i);
    Value sums = k.offset(k.scratch(), k.mul(i, tileColumns));
    Value scale = k.broadcast(k.loadScalar(rowScale, spec.hasRowScales ? at : Int(0)));
    for (int64_t v = 0; v < vectors; ++v) {
      Int here = k.add(column, v * width);
      int64_t valid = columns.valid[v];
      Value x = isOneGroup ? k.mulf(k.intsToFloats(k.load(sums, v * width, k.builder().getI32Type())), scales[v])
                           : k.load(sums, v * width);
      x = k.mulf(x, scale);
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
  assert(spec.packedShape().rowsPerGroup() <= QuantizedMatmulSpec::maxDepth && "sums fit into 32 bits");
  assert((spec.bits == 8 || spec.bits == 4) && spec.group % PackedQuantizedShape::rowsPerStep == 0);
  QuantizedMatmulBuilder(k, spec).build(name);
}
