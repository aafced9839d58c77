//===- QuantizedMatmul.cpp - Matrix products of integers of few bits ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/ByteQuantizer.h"
#include "targets/cpu/Kernels/MatmulTile.h"
#include "targets/cpu/Kernels/TileProduct.h"

#include <algorithm>

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

static constexpr int64_t stepRows = PackedQuantizedShape::rowsPerStep;
static constexpr int64_t wordBytes = PackedQuantizedShape::bytesPerWord;
/// Of a tile in registers: as many as any variant's has.
static constexpr int64_t mostTileRows = 8;
/// What is summed in tiles before it is finished: all rows of a task.
static constexpr int64_t mostRowsInTiles = 64;
/// Of sums in the scratch memory.
static constexpr int64_t sumsRowBytes = PackedShape::panelColumns * static_cast<int64_t>(sizeof(float));
/// Where no instruction multiplies bytes, those of a row are in two operands.
static constexpr int64_t mostOperands = 2;
/// So that the last vector of a row's words is whole.
static constexpr int64_t wordsMultiple = 16;

static int64_t numSteps(int64_t depth) { return (depth + stepRows - 1) / stepRows; }
/// Of a row of A, with what whole vectors write behind it.
static int64_t rowOperands(int64_t depth) {
  return (numSteps(depth) + wordsMultiple - 1) / wordsMultiple * wordsMultiple * mostOperands;
}

namespace {
/// The parts of the scratch memory, in bytes. One variant uses one set of them, and all take as much as the largest.
struct ScratchLayout {
  // Of tiles in AMX; rows that a tile computes again lie in front of the sums, and of the rows' sums.
  int64_t sums = TileProduct::tileRows * sumsRowBytes, totals = 0, rowSums = 0, starts = 0, ones = 0, onesTail = 0,
          aTail = 0, bTail = 0, configuration = 0;
  // The panel and the tile's rows of A, as operands.
  int64_t panel = 0, rows = 0;
  int64_t end = 0;

  explicit ScratchLayout(const QuantizedMatmulSpec &spec) {
    bool suitsTiles = spec.suitsTiles(), hasRowSums = spec.hasZeroPoints && spec.bits == 8;
    bool isAdjusted = spec.packedShape().numGroups() > 1 || hasRowSums;
    int64_t at = sums;
    auto take = [&](int64_t bytes, bool isWanted = true) {
      int64_t here = at;
      at += isWanted ? bytes : 0;
      return here;
    };
    take((suitsTiles ? mostRowsInTiles : mostTileRows) * sumsRowBytes);
    totals = take(mostRowsInTiles * sumsRowBytes, suitsTiles && isAdjusted);
    constexpr int64_t tileRows = TileProduct::tileRows, rowBytes = TileProduct::rowBytes;
    rowSums = tileRows * rowBytes + take((tileRows + mostRowsInTiles) * rowBytes, suitsTiles && hasRowSums);
    starts = take(sumsRowBytes, suitsTiles);
    ones = take(2 * rowBytes, suitsTiles && hasRowSums); // and zeros
    onesTail = take(TileProduct::tileBytes, suitsTiles && hasRowSums);
    aTail = take(mostRowsInTiles * rowBytes, suitsTiles);
    bTail = take(TileProduct::words * sumsRowBytes, suitsTiles);
    configuration = take(rowBytes, suitsTiles);
    panel = take(numSteps(spec.k) * mostOperands * PackedShape::panelColumns * wordBytes);
    rows = take(mostTileRows * rowOperands(spec.k) * wordBytes);
    end = at;
  }
};
} // namespace

bool QuantizedMatmulSpec::suitsTiles() const {
  return packedShape().numGroups() == 1 || group % (TileProduct::words * stepRows) == 0;
}
SizeExpr QuantizedMatmulSpec::numTasks(const SizeExpr &rows) const {
  return numPanelTasks(packedShape().columns(), rows);
}
int64_t QuantizedMatmulSpec::scratchBytes() const { return ScratchLayout(*this).end; }

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
      : k(k), spec(spec), shape(spec.packedShape()), layout(spec) {
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
    usesTiles = k.getIsa().hasTiles && spec.suitsTiles();
  }

  void build(StringRef name);

private:
  void buildPanel();
  Values forGroups(ValueSpan carried, llvm::function_ref<Values(const RowGroup &, ValueSpan)> body);
  Value writeOperands(Value panel);
  Value writeRows(Value rows, int64_t count);
  Values loadZeros(const RowGroup &group, Int first, ArrayRef<int64_t> valid);
  void buildTiles(const TileColumns &columns, const PanelWords &b, int64_t mostRows, bool areFew);
  TileRows tileOfRows(const TileColumns &columns, Int row, int64_t rows, int64_t mostRows, bool isFew);
  Values sumTile(const TileRows &tile, const PanelWords &b, const TileColumns &columns, const RowGroup &group);
  Values subtractRowSums(ValueSpan sums, ValueSpan rowSums, const TileColumns &columns, const RowGroup &group);
  Values addGroup(ValueSpan sums, ValueSpan totals, const TileColumns &columns, const RowGroup &group);
  void finishRows(Value results, const TileColumns &columns, Int row, Int rows);

  // In tiles of AMX.
  void configureTiles();
  void buildTaskInTiles(const PanelWords &b);
  void sumInTiles(const PanelWords &b, const RowGroup &group);
  void adjustSums(const TileColumns &columns, const RowGroup &group);

  /// Of what is by groups and columns: the element of the panel's column `first`.
  Int perGroupIndex(const RowGroup &group, Int first) {
    Int panelStart = k.mul(task.column, shape.numGroups());
    return k.add(panelStart, k.add(k.mul(group.index, task.storedColumns), first));
  }
  Value scratchAt(int64_t bytes) { return k.offsetBytes(k.scratch(), bytes); }
  Value tileAddress(int64_t row, int64_t vector) {
    return k.offset(scratchAt(layout.sums), row * tileColumns + vector * width);
  }

  KernelBuilder &k;
  const QuantizedMatmulSpec &spec;
  PackedQuantizedShape shape;
  ScratchLayout layout;
  int64_t width, tileColumns, tileRows, aRowStride, cRowStride, residualRowStride;
  bool needsRowSums, usesTiles;
  int64_t numOperands;
  /// Up to so many rows, what is multiplied is made of the codes in registers.
  int64_t fewRows;
  Values extras;
  Value a, b, columnSums, zeroPoints, rowScale, columnScale, bias, c, residual;
  Value minusZero; // of A, in all lanes
  Int numRows = 0;
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
  numRows = k.integerWord(Spec::Rows);
  minusZero = k.subInts(k.splatInt(0), k.loadByteAsInts(k.pointerWord(Spec::AZero)));
  if (spec.bytesOutput) {
    Value scale = k.loadScalar(k.pointerWord(Spec::OutputScale));
    quantizer.emplace(k, scale, k.loadByteAsInts(k.pointerWord(Spec::OutputZero)), spec.bytesOutput->divides);
  }
  Value hasTilesToDo = usesTiles ? k.less(fewRows, numRows) : Value();
  if (usesTiles)
    k.ifThen(hasTilesToDo, [&] { configureTiles(); });
  forPanelTasks(k, shape.columns(), numRows, [&](const PanelTask &next) {
    task = next;
    buildPanel();
  });
  if (usesTiles)
    k.ifThen(hasTilesToDo, [&] { k.releaseTiles(); });
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
  auto build = [&](const PanelWords &bytes, bool areFew) {
    int64_t mostRows = areFew ? fewRows : tileRows;
    int64_t whole = task.validColumns / tileColumns, left = task.validColumns % tileColumns;
    TileColumns columns;
    columns.valid.assign(k.getIsa().byteTileVectors, width);
    auto body = [&](Int tile) {
      columns.first = k.mul(tile, tileColumns);
      buildTiles(columns, bytes, mostRows, areFew);
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
    buildTiles(columns, bytes, mostRows, areFew);
  };
  PanelWords packed{spec.bits == 4 ? PanelWords::Nibbles : PanelWords::Bytes, panel, shape.wordsPerGroup()};
  // Bytes that an instruction multiplies need no preparation.
  bool isReady = packed.kind == PanelWords::Bytes && numOperands == 1;
  if (isReady && !usesTiles)
    return build(packed, /*areFew=*/false);
  auto prepared = [&] {
    int64_t rowsOfGroup = shape.rowsPerGroup() / stepRows * numOperands;
    PanelWords words = isReady ? packed : PanelWords{PanelWords::Operands, writeOperands(panel), rowsOfGroup};
    if (usesTiles)
      buildTaskInTiles(words);
    else
      build(words, /*areFew=*/false);
  };
  k.ifThenElse(k.less(fewRows, task.rows), prepared, [&] { build(packed, /*areFew=*/true); });
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
  Value operands = scratchAt(layout.panel);
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
  Value operands = scratchAt(layout.rows);
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

/// With `areFew` there are no more than `mostRows`.
void QuantizedMatmulBuilder::buildTiles(const TileColumns &columns, const PanelWords &b, int64_t mostRows,
                                        bool areFew) {
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
  auto finish = [&](Int row, Int rows) { finishRows(scratchAt(layout.sums), columns, row, rows); };
  if (areFew)
    forTilesOfRows(k, task.rows, mostRows, [&](Int row, int64_t rows) { sum(row, rows, /*isFew=*/true); }, finish);
  else
    forTilesOfRows(k, task.rows, mostRows, /*few=*/3 * mostRows, sum, finish);
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

/// What is left to do with `rows` rows of `results`, which are sums in the scratch memory; `row` is the first.
void QuantizedMatmulBuilder::finishRows(Value results, const TileColumns &columns, Int row, Int rows) {
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
    Value sums = k.offset(results, k.mul(i, tileColumns));
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

//===----------------------------------------------------------------------===//
// In tiles of AMX
//===----------------------------------------------------------------------===//

/// Once for a call: a tile has 16 rows, or all that there are.
void QuantizedMatmulBuilder::configureTiles() {
  configureTilesOfProducts(k, k.min(numRows, TileProduct::tileRows), scratchAt(layout.configuration));
  if (!needsRowSums)
    return;
  k.store(k.splatInt(0x01010101), scratchAt(layout.ones));
  k.store(k.splatInt(0), scratchAt(layout.ones + TileProduct::rowBytes));
  // What stands behind K in its last word of a row of A counts for nothing.
  int64_t tail = numSteps(spec.k) % TileProduct::words, left = spec.k % stepRows;
  for (int64_t word = 0; left && word < tail; ++word)
    k.store(k.splatInt(word + 1 < tail ? 0x01010101 : 0x01010101 >> (stepRows - left) * 8),
            scratchAt(layout.onesTail + word * TileProduct::rowBytes));
}

/// All rows of a task and all columns of its panel: sums of a group, what is to be done with them, and the next group.
void QuantizedMatmulBuilder::buildTaskInTiles(const PanelWords &b) {
  TileColumns columns;
  for (int64_t left = task.validColumns; left > 0; left -= width)
    columns.valid.push_back(std::min(left, width));
  int64_t vectors = columns.valid.size(), wholeWords = numSteps(spec.k) / TileProduct::words * TileProduct::words;
  for (int64_t word = wholeWords; word < numSteps(spec.k); ++word)
    for (int64_t v = 0; v < vectors; ++v)
      k.store(k.load(b.start, word * task.storedColumns + v * width, k.builder().getI32Type()),
              scratchAt(layout.bTail + (word - wholeWords) * sumsRowBytes + v * TileProduct::rowBytes));
  bool isOne = shape.numGroups() == 1;
  if (!isOne)
    k.loop(0, task.rows, 1, [&](Int row) {
      for (int64_t v = 0; v < vectors; ++v)
        k.store(k.splat(0.0), scratchAt(layout.totals), k.add(k.mul(row, tileColumns), v * width));
    });
  forGroups({}, [&](const RowGroup &group, ValueSpan) {
    for (int64_t v = 0; v < vectors; ++v)
      k.store(k.mulInts(minusZero, k.load(columnSums, perGroupIndex(group, v * width), k.builder().getI32Type())),
              scratchAt(layout.starts), v * width);
    sumInTiles(b, group);
    if (!isOne || needsRowSums)
      adjustSums(columns, group);
    return Values();
  });
  finishRows(scratchAt(isOne && !needsRowSums ? layout.sums : layout.totals), columns, 0, task.rows);
}

/// The group's sums of all rows and columns, and of A's rows, go to the scratch memory.
void QuantizedMatmulBuilder::sumInTiles(const PanelWords &b, const RowGroup &group) {
  using P = TileProduct;
  int64_t strips = task.storedColumns / width, tail = group.steps % P::words;
  Value aGroup = k.offsetBytes(a, k.mul(group.index, shape.rowsPerGroup()));
  Value bGroup = k.offset(b.start, k.mul(group.index, b.rowsOfGroup * task.storedColumns));
  P common;
  common.aRowBytes = aRowStride;
  common.depth = group.steps;

  auto copyTail = [&](Int start, Int rows) {
    if (tail)
      k.loop(0, rows, 1, [&](Int row) {
        Value from = k.offsetBytes(aGroup, k.mul(k.add(start, row), aRowStride));
        k.store(k.loadIntsPartial(from, group.steps - tail, tail), scratchAt(layout.aTail),
                k.mul(row, P::rowBytes / wordBytes));
      });
  };
  // `start` is the first row in A, `inTail` its place among those whose tail is copied.
  auto product = [&](int64_t rowTiles, Int start, Int inTail) {
    P product = common;
    product.rowTiles = rowTiles;
    product.a = k.offsetBytes(aGroup, k.mul(start, aRowStride));
    product.aTail = k.offsetBytes(scratchAt(layout.aTail), k.mul(inTail, P::rowBytes));
    return product;
  };
  auto multiply = [&](P product, Int start, int64_t firstStrip, int64_t numStrips, std::optional<Int> half) {
    int64_t first = firstStrip * P::rowBytes;
    product.strips = numStrips;
    product.b = k.offsetBytes(bGroup, first);
    product.bRowBytes = task.storedColumns * wordBytes;
    product.bTail = scratchAt(layout.bTail + first);
    product.bTailRowBytes = sumsRowBytes;
    product.starts = scratchAt(layout.starts + first);
    product.sums = k.offsetBytes(scratchAt(layout.sums + first), k.mul(k.sub(start, task.row), sumsRowBytes));
    product.sumsRowBytes = sumsRowBytes;
    // The panel that comes next lies right behind this one.
    int64_t steps = numSteps(spec.k) / P::words, lines = shape.numWords() * task.storedColumns * wordBytes / 64;
    if (half && steps && task.storedColumns == PackedShape::panelColumns) {
      product.fetchLines = lines / (2 * steps);
      Int line = k.add(k.mul(*half, lines / 2), k.mul(group.index, group.steps / P::words * product.fetchLines));
      Value next = k.offsetBytes(this->b, k.mul(k.add(task.panel, 1), shape.columns().panelStart(1) * wordBytes));
      product.fetch = k.offsetBytes(next, k.mul(line, 64));
    }
    buildTileProduct(k, product);
  };
  auto sumRows = [&](P product, Int start) {
    if (!needsRowSums)
      return;
    product.strips = 1;
    product.b = scratchAt(layout.ones);
    product.bTail = spec.k % stepRows ? scratchAt(layout.onesTail) : product.b;
    product.bTailRowBytes = spec.k % stepRows ? P::rowBytes : 0;
    product.starts = scratchAt(layout.ones + P::rowBytes);
    product.sums = k.offsetBytes(scratchAt(layout.rowSums), k.mul(k.sub(start, task.row), P::rowBytes));
    product.sumsRowBytes = P::rowBytes;
    buildTileProduct(k, product);
  };

  auto whole = [&] {
    copyTail(task.row, mostRowsInTiles);
    sumRows(product(4, task.row, 0), task.row);
    if (strips > 1)
      k.loop(0, 2, 1, [&](Int half) {
        Int row = k.mul(half, 2 * P::tileRows), start = k.add(task.row, row);
        multiply(product(2, start, row), start, 0, 2, half);
      });
    if (strips != 2)
      multiply(product(4, task.row, 0), task.row, strips - 1, 1, std::nullopt);
  };
  auto parts = [&] {
    k.loop(0, task.rows, P::tileRows, [&](Int row) {
      // The last tile may begin in rows of the tile or the task before it; where there are none, it has fewer rows.
      Int start = k.max(k.min(k.add(task.row, row), k.sub(numRows, P::tileRows)), 0);
      copyTail(start, k.min(numRows, P::tileRows));
      sumRows(product(1, start, 0), start);
      multiply(product(1, start, 0), start, 0, strips, k.rem(k.div(row, P::tileRows), 2));
    });
  };
  if (rowsPerPanelTask(shape.columns()) == mostRowsInTiles)
    k.ifThenElse(k.equal(task.rows, mostRowsInTiles), whole, parts);
  else
    parts();
}

/// What is subtracted from a group's sums for its zero points, and the totals of many groups.
void QuantizedMatmulBuilder::adjustSums(const TileColumns &columns, const RowGroup &group) {
  bool isOne = shape.numGroups() == 1;
  Type i32 = k.builder().getI32Type();
  k.loop(0, task.rows, 1, [&](Int row) {
    Int place = k.mul(row, tileColumns);
    Values sums, totals;
    for (size_t v = 0; v < columns.valid.size(); ++v) {
      sums.push_back(k.load(scratchAt(layout.sums), k.add(place, v * width), i32));
      if (!isOne)
        totals.push_back(k.load(scratchAt(layout.totals), k.add(place, v * width)));
    }
    if (needsRowSums) {
      Value rowSum = k.load(scratchAt(layout.rowSums), k.mul(row, TileProduct::words), i32);
      sums = subtractRowSums(sums, {rowSum}, columns, group);
    }
    if (!isOne)
      sums = addGroup(sums, totals, columns, group);
    for (auto [v, sum] : llvm::enumerate(sums))
      k.store(sum, scratchAt(layout.totals), k.add(place, v * width));
  });
}

} // namespace

void sinter::cpu::buildQuantizedMatmul(KernelBuilder &k, StringRef name, const QuantizedMatmulSpec &spec) {
  assert(spec.packedShape().rowsPerGroup() <= QuantizedMatmulSpec::maxDepth && "sums fit into 32 bits");
  assert((spec.bits == 8 || spec.bits == 4) && spec.group % PackedQuantizedShape::rowsPerStep == 0);
  QuantizedMatmulBuilder(k, spec).build(name);
}
