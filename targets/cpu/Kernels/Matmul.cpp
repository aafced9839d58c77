//===- Matmul.cpp - Kernels of matrix products with packed weights --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/Dequantizer.h"
#include "targets/cpu/Kernels/MatmulTile.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

/// Up to so many rows, codes of B become f32 in registers.
static constexpr int64_t fewRows = 4;

/// Blocks of K of about 384 rows, all alike where K allows it; multiples of 8, so that only the last can end in a
/// single step or in the middle of a word of codes.
static int64_t chooseBlockDepth(int64_t k) {
  constexpr int64_t most = 384;
  int64_t numBlocks = llvm::divideCeil(k, most);
  return numBlocks == 1 ? k : llvm::alignTo(llvm::divideCeil(k, numBlocks), 8);
}

SizeExpr MatmulSpec::numTasks(const SizeExpr &rows) const { return numPanelTasks(packedShape(), rows); }
int64_t MatmulSpec::scratchBytes() const {
  return codes ? chooseBlockDepth(k) * PackedShape::panelColumns * static_cast<int64_t>(sizeof(float)) : 0;
}

namespace {

/// The columns of one tile.
struct ColumnGroup {
  Int first = 0;                    // from the panel's first column on
  llvm::SmallVector<int64_t> valid; // per vector, how many of its lanes are columns of C
};

/// A block of K of the panel at hand.
struct Block {
  Int start = 0, depth = 0;
  Value notFirst, last; // none where there is only one
  Value a, b;           // b: f32, or none where codes are read
};

class MatmulBuilder {
public:
  MatmulBuilder(KernelBuilder &k, const MatmulSpec &spec) : k(k), spec(spec) {
    width = k.lanes();
    aRowStride = spec.getARowStride();
    cRowStride = spec.getCRowStride();
    residualRowStride = spec.getResidualRowStride();
    blockDepth = chooseBlockDepth(spec.k);
    numBlocks = llvm::divideCeil(spec.k, blockDepth);
    if (spec.codes)
      codesShape = spec.codesShape();
  }

  void build(StringRef name);

private:
  void buildPanel();
  void buildBlocks(Value panel, bool readsCodes);
  void buildBlock(const Block &block);
  void buildGroup(const ColumnGroup &group, const Block &block, Int groupIndex);
  Values buildFloatTile(const ColumnGroup &group, const Block &block, Int groupIndex, Int row, int64_t rows,
                        bool isFew);
  Values buildCodesTile(const ColumnGroup &group, const Block &block, Int row, int64_t rows);
  void writeFloats(const Block &block);
  Values forWords(const Block &block, ValueSpan carried,
                  llvm::function_ref<Values(Int word, int64_t rows, ValueSpan carried)> body);
  void finishTile(const ColumnGroup &group, Int row, int64_t rows, Values sums, Value notFirst, Value last);
  void applyEpilogue(const ColumnGroup &group, Int row, Int rows);

  KernelBuilder &k;
  const MatmulSpec &spec;
  int64_t width, aRowStride, cRowStride, residualRowStride, numBlocks, blockDepth;
  Values extras;
  Value a, b, bScale, bZero, bias, c, residual;
  PackedQuantizedShape codesShape;
  PanelTask task; // at hand
  std::optional<Dequantizer> dequantizer;
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
  if (spec.codes)
    bScale = k.pointerWord(MatmulSpec::BScale);
  if (spec.codes && spec.codes->hasZeroPoints)
    bZero = k.pointerWord(MatmulSpec::BZero);
  for (unsigned i = 0; i < spec.extras.size(); ++i)
    extras.push_back(k.pointerWord(MatmulSpec::Extra0 + i));
  Int numRows = k.integerWord(MatmulSpec::Rows);

  forPanelTasks(k, spec.packedShape(), numRows, [&](const PanelTask &next) {
    task = next;
    buildPanel();
  });
  k.endKernel();
}

void MatmulBuilder::buildPanel() {
  if (!spec.codes)
    return buildBlocks(k.offset(b, k.mul(task.panel, spec.packedShape().panelStart(1))), /*readsCodes=*/false);
  dequantizer.emplace(k, codesShape, Dequantizer::Pointers{b, bScale, bZero}, task);
  k.ifThenElse(
      k.less(fewRows, task.rows), [&] { buildBlocks(Value(), /*readsCodes=*/false); },
      [&] { buildBlocks(Value(), /*readsCodes=*/true); });
}

/// `panel` is none where B is in codes.
void MatmulBuilder::buildBlocks(Value panel, bool readsCodes) {
  auto build = [&](Block block) {
    block.a = k.offset(a, k.add(k.mul(task.row, aRowStride), block.start));
    if (panel)
      block.b = k.offset(panel, k.mul(block.start, task.storedColumns));
    else if (!readsCodes)
      block.b = k.scratch();
    if (!panel && !readsCodes)
      writeFloats(block);
    buildBlock(block);
  };
  Block block;
  if (numBlocks == 1) {
    block.depth = spec.k;
    return build(block);
  }
  k.loop(0, numBlocks, 1, [&](Int index) {
    block.start = k.mul(index, blockDepth);
    block.depth = spec.k % blockDepth == 0 ? Int(blockDepth) : k.min(blockDepth, k.sub(spec.k, block.start));
    block.notFirst = k.less(0, index);
    block.last = k.equal(index, numBlocks - 1);
    build(block);
  });
}

void MatmulBuilder::buildBlock(const Block &block) {
  int64_t groupColumns = k.getIsa().tileColumns();
  int64_t wholeGroups = task.validColumns / groupColumns;
  ColumnGroup group;
  if (wholeGroups) {
    group.valid.assign(k.getIsa().tileVectors, width);
    auto body = [&](Int g) {
      group.first = k.mul(g, groupColumns);
      buildGroup(group, block, g);
    };
    if (wholeGroups == 1)
      body(0);
    else
      k.loop(0, wholeGroups, 1, body);
  }
  int64_t left = task.validColumns - wholeGroups * groupColumns;
  if (!left)
    return;
  group.first = wholeGroups * groupColumns;
  group.valid.clear();
  for (; left > 0; left -= width)
    group.valid.push_back(std::min(left, width));
  buildGroup(group, block, wholeGroups);
}

void MatmulBuilder::buildGroup(const ColumnGroup &group, const Block &block, Int groupIndex) {
  int64_t tileRows = k.getIsa().tileRows;
  auto after = [&](Int row, Int rows) {
    if (spec.epilogue && block.last)
      k.ifThen(block.last, [&] { applyEpilogue(group, row, rows); });
    else if (spec.epilogue)
      applyEpilogue(group, row, rows);
  };
  if (!block.b)
    return forTilesOfRows(
        k, task.rows, std::min(fewRows, tileRows),
        [&](Int row, int64_t rows) {
          finishTile(group, row, rows, buildCodesTile(group, block, row, rows), block.notFirst, block.last);
        },
        after);
  forTilesOfRows(
      k, task.rows, tileRows, /*few=*/3 * tileRows,
      [&](Int row, int64_t rows, bool isFew) {
        Values sums = buildFloatTile(group, block, groupIndex, row, rows, isFew);
        finishTile(group, row, rows, sums, block.notFirst, block.last);
      },
      after);
}

Values MatmulBuilder::buildFloatTile(const ColumnGroup &group, const Block &block, Int groupIndex, Int row,
                                     int64_t rows, bool isFew) {
  int64_t tileRows = k.getIsa().tileRows;
  MatmulTile tile;
  tile.rows = rows;
  tile.vectors = group.valid.size();
  tile.a = k.offset(block.a, k.mul(row, aRowStride));
  tile.aRowStride = aRowStride;
  tile.b = k.offset(block.b, group.first);
  tile.bRowStride = task.storedColumns;
  tile.depth = block.depth;
  tile.depthIsEven = spec.k % 2 == 0;
  tile.prefetchRows = 16;
  if (spec.codes)
    return buildTile(k, tile);
  // Each tile fetches its share of the block that comes next, which lies right behind this one. Where tiles are few,
  // and reading B takes as long as multiplying, the shares are larger.
  int64_t blockBytes = blockDepth * task.storedColumns * 4;
  int64_t groupsPerPanel = PackedShape::panelColumns / k.getIsa().tileColumns();
  tile.prefetchLines = isFew ? llvm::divideCeil(rows == tileRows ? 3 : 6, groupsPerPanel) : 1;
  int64_t tileBytes = blockDepth / 2 * 64 * tile.prefetchLines;
  Int numTiles = k.ceilDiv(task.rows, tileRows);
  Int tileIndex = k.add(k.mul(groupIndex, numTiles), k.div(row, tileRows));
  Int share = k.min(k.mul(tileIndex, tileBytes), std::max<int64_t>(blockBytes - tileBytes, 0));
  if (tileBytes)
    tile.prefetchNext = k.offsetBytes(k.offsetBytes(block.b, blockBytes), share);
  return buildTile(k, tile);
}

/// Runs body for the words of the block in their order; the last of all may hold fewer rows of B than the others.
Values MatmulBuilder::forWords(const Block &block, ValueSpan carried,
                               llvm::function_ref<Values(Int word, int64_t rows, ValueSpan carried)> body) {
  int64_t rowsPerWord = codesShape.rowsPerWord(), left = spec.k % rowsPerWord;
  Int first = k.div(block.start, rowsPerWord), end = k.add(first, k.div(block.depth, rowsPerWord));
  Values values =
      k.loop(first, end, 1, carried, [&](Int word, ValueSpan inside) { return body(word, rowsPerWord, inside); });
  if (!left)
    return values;
  if (!block.last)
    return body(end, left, values);
  return k.ifThenElse(
      block.last, ValueRange(values).getTypes(), [&] { return body(end, left, values); }, [&] { return values; });
}

/// Writes the block in f32 into the scratch memory.
void MatmulBuilder::writeFloats(const Block &block) {
  SmallVector<int64_t> valid;
  for (int64_t column = 0; column < task.storedColumns; column += width)
    valid.push_back(std::clamp<int64_t>(task.validColumns - column, 0, width));
  forWords(block, {}, [&](Int word, int64_t rows, ValueSpan) {
    Int firstRow = k.sub(k.mul(word, codesShape.rowsPerWord()), block.start);
    Value to = k.offset(k.scratch(), k.mul(firstRow, task.storedColumns));
    dequantizer->forRowsOfWord(word, 0, valid, rows, [&](int64_t row, ValueSpan columns) {
      for (auto [v, vector] : llvm::enumerate(columns))
        k.store(vector, to, row * task.storedColumns + v * width);
    });
    return Values();
  });
}

Values MatmulBuilder::buildCodesTile(const ColumnGroup &group, const Block &block, Int row, int64_t rows) {
  int64_t vectors = group.valid.size();
  Value aTile = k.offset(a, k.mul(k.add(task.row, row), aRowStride));
  Values sums(rows * vectors, k.splat(0.0));
  return forWords(block, sums, [&](Int word, int64_t rowsOfB, ValueSpan carried) {
    Values next(carried);
    Value aHere = k.offset(aTile, k.mul(word, codesShape.rowsPerWord()));
    dequantizer->forRowsOfWord(word, group.first, group.valid, rowsOfB, [&](int64_t rowOfB, ValueSpan columns) {
      for (int64_t i = 0; i < rows; ++i) {
        Value factor = k.broadcast(k.loadScalar(aHere, i * aRowStride + rowOfB));
        for (int64_t v = 0; v < vectors; ++v)
          next[i * vectors + v] = k.fma(factor, columns[v], next[i * vectors + v]);
      }
    });
    return next;
  });
}

void MatmulBuilder::finishTile(const ColumnGroup &group, Int row, int64_t rows, Values sums, Value notFirst,
                               Value last) {
  unsigned vectors = group.valid.size();
  Int column = k.add(task.column, group.first), firstRow = k.add(task.row, row);
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
  Int column = k.add(task.column, group.first);
  k.loop(0, rows, 1, [&](Int i) {
    Int here = k.add(k.add(task.row, row), i);
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
