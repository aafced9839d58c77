//===- SparseMatmul.cpp - Kernels of products with block-sparse weights ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/SparseMatmul.h"
#include "targets/cpu/Kernels/ByteQuantizer.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

namespace {

/// What A is copied by: elements of 32 bits, an f32 or four bytes; four of them are a quad.
constexpr int64_t unitBytes = 4, quadUnits = 4, quadBytes = quadUnits * unitBytes;
/// Of A, 64 bytes of a row.
constexpr int64_t lineUnits = 16;
/// The columns that a wide tile sums at once: of three vectors of rows, that is all that the registers hold.
constexpr int64_t wideColumns = 8;
/// One row of units of a block is 64 bytes of B, whatever they are.
constexpr int64_t columnsBytes = SparseShape::blockColumns * unitBytes;
/// No variant's tile has more rows; a task's rows are a multiple of each.
constexpr int64_t greatestTile = 48;

int64_t unitsOf(const SparseShape &shape) { return llvm::divideCeil(shape.k * shape.elementBytes(), unitBytes); }
int64_t quadsPerBlock(const SparseShape &shape) { return SparseShape::blockRows * shape.elementBytes() / quadBytes; }
int64_t segmentQuads(const SparseShape &shape) { return shape.blockRowsPerSegment() * quadsPerBlock(shape); }

/// So many that their slice of A takes about a third of a second-level cache.
int64_t rowsPerTask(const SparseShape &shape) {
  constexpr int64_t sliceBytes = 400 << 10;
  int64_t rows = sliceBytes / (segmentQuads(shape) * quadBytes) / greatestTile * greatestTile;
  return std::clamp<int64_t>(rows, greatestTile, 2 * greatestTile);
}
int64_t stripsPerTask(const SparseShape &shape) {
  // Eight tasks for each block of rows, of at least 8 strips.
  return std::max<int64_t>(8, llvm::divideCeil(shape.numStrips(), 8));
}
int64_t tasksPerRows(const SparseShape &shape) { return llvm::divideCeil(shape.numStrips(), stripsPerTask(shape)); }
int64_t sliceBytes(const SparseShape &shape) { return rowsPerTask(shape) * segmentQuads(shape) * quadBytes; }

class SparseMatmulBuilder {
public:
  SparseMatmulBuilder(KernelBuilder &k, const SparseMatmulSpec &spec) : k(k), spec(spec), shape(spec.shape()) {
    width = k.lanes();
    vectors = SparseShape::blockColumns / width;
    isBytes = spec.elements == SparseShape::Elements::Bytes;
    numOperands = isBytes ? k.numDotOperands() : 1;
    aRowBytes = spec.getARowStride() * shape.elementBytes();
    cRowStride = spec.getCRowStride();
    residualRowStride = spec.getResidualRowStride();
    // Beside the accumulators, a row of B and one factor are held, and a product where it is not summed at once.
    int64_t registers = k.getIsa().numVectorRegisters, held = vectors * numOperands + 2 * numOperands - 1;
    int64_t most = std::min<int64_t>(24, (registers - held) / vectors);
    // A vector of columns takes as many loads as multiply-adds; many rows are the vectors instead, and need half of
    // them.
    if (vectors == 1 && numOperands == 1)
      tileCases = {48, 32, 24};
    for (int64_t rows : {24, 16, 12, 8, 6, 4, 3, 2, 1})
      if (rows <= most && (tileCases.empty() || rows * 3 <= tileCases.back() * 2))
        tileCases.push_back(rows);
  }

  void build(StringRef name);

private:
  bool isWide(int64_t height) const { return height > 24; }
  void copyRows(Int segment, Int rows);
  void copyTile(Value source, Value tile, Int tileRow, Int rows, Int height, Int lines, Value isLast);
  void copyWideTile(Value source, Value tile, Int tileRow, Int rows, Int height, Int lines, Value isLast);
  void forLines(Int lines, Value isLast, llvm::function_ref<void(Int, int64_t, int64_t)> copy);
  void copyLine(Value source, Value destination, Int quadStride, int64_t units, int64_t padded);
  void buildStrip(Int segment, Int strip);
  Values forBlocks(Value tile, int64_t rows, Value firstBlock, Value lastBlock, ValueSpan sums,
                   llvm::function_ref<Values(Value, Value, ValueSpan)> step);
  Values sumTile(Value tile, int64_t rows, Value firstBlock, Value lastBlock);
  void sumWideTile(Value tile, int64_t rows, Value firstBlock, Value lastBlock);
  void finishTile(Int segment, Int strip, Int firstRow, Int rows, int64_t columns);
  Value finishVector(Value sums, Int row, Int column, int64_t valid, Value cRow, int64_t lane, Value notFirst,
                     Value last);
  Int tileRowsFor(Int rows);
  int64_t cElementBytes() const { return spec.bytesOutput ? 1 : 4; }
  Value cAt(Int row, Int column) {
    return k.offsetBytes(c, k.mul(k.add(k.mul(row, cRowStride), column), cElementBytes()));
  }
  Int loadInt(Value pointer, Int index);

  KernelBuilder &k;
  const SparseMatmulSpec &spec;
  SparseShape shape;
  int64_t width, vectors, numOperands, aRowBytes, cRowStride, residualRowStride;
  bool isBytes;
  SmallVector<int64_t> tileCases; // falling
  Values extras;
  Value a, b, bias, c, residual, rowScale, columnScale, negativeZero, blocks, tileSums, wideSums;
  std::optional<ByteQuantizer> quantizer;
  /// Of the task at hand.
  Int taskRow = 0, taskRows = 0;
};

Int SparseMatmulBuilder::loadInt(Value pointer, Int index) {
  Value number = k.loadScalar(pointer, index, k.builder().getI32Type());
  return arith::ExtSIOp::create(k.builder(), k.loc(), k.builder().getI64Type(), number).getResult();
}

/// The least height of a tile that takes so many rows.
Int SparseMatmulBuilder::tileRowsFor(Int rows) {
  Int chosen = tileCases.front();
  for (int64_t height : llvm::drop_begin(tileCases))
    chosen = k.select(k.less(height, rows), chosen, height);
  return chosen;
}

void SparseMatmulBuilder::build(StringRef name) {
  using Spec = SparseMatmulSpec;
  k.beginKernel(name);
  a = k.pointerWord(Spec::A);
  b = k.pointerWord(Spec::B);
  c = k.pointerWord(Spec::C);
  if (spec.hasBias)
    bias = k.pointerWord(Spec::Bias);
  if (spec.hasResidual)
    residual = k.pointerWord(Spec::Residual);
  if (isBytes) {
    rowScale = k.pointerWord(Spec::RowScale);
    columnScale = k.pointerWord(Spec::ColumnScale);
    negativeZero = k.subInts(k.splatInt(0), k.loadByteAsInts(k.pointerWord(Spec::AZero)));
  }
  if (spec.bytesOutput) {
    Value scale = k.loadScalar(k.pointerWord(Spec::OutputScale));
    quantizer.emplace(k, scale, k.loadByteAsInts(k.pointerWord(Spec::OutputZero)), spec.bytesOutput->divides);
  }
  for (unsigned i = 0; i < spec.extras.size(); ++i)
    extras.push_back(k.pointerWord(Spec::Extra0 + i));
  Int numRows = k.integerWord(Spec::Rows);
  Int numBlocks = loadInt(b, shape.numStarts() - 1);
  Int blocksStart = k.mul(k.ceilDiv(k.add(k.mul(numBlocks, 4), shape.blockRowsOffset()), 64), 64);
  blocks = k.offsetBytes(b, blocksStart);
  tileSums = k.offsetBytes(k.scratch(), sliceBytes(shape));
  wideSums = k.offsetBytes(tileSums, greatestTile * columnsBytes);

  int64_t perRows = tasksPerRows(shape), stripsOfTask = stripsPerTask(shape);
  k.loop(k.div(k.begin(), perRows), k.ceilDiv(k.end(), perRows), 1, [&](Int rowBlock) {
    Int firstTask = k.mul(rowBlock, perRows);
    Int firstStrip = k.mul(k.max(k.sub(k.begin(), firstTask), 0), stripsOfTask);
    Int endStrip = k.min(k.mul(k.min(k.sub(k.end(), firstTask), perRows), stripsOfTask), shape.numStrips());
    taskRow = k.mul(rowBlock, rowsPerTask(shape));
    taskRows = k.min(rowsPerTask(shape), k.sub(numRows, taskRow));
    k.loop(0, shape.numSegments(), 1, [&](Int segment) {
      copyRows(segment, taskRows);
      k.loop(firstStrip, endStrip, 1, [&](Int strip) { buildStrip(segment, strip); });
    });
  });
  k.endKernel();
}

/// Copies `units` units of a line of 16, four at a time, and zeros up to `padded`, a multiple of 4.
void SparseMatmulBuilder::copyLine(Value source, Value destination, Int quadStride, int64_t units, int64_t padded) {
  OpBuilder &builder = k.builder();
  Type i32 = builder.getI32Type(), quad = VectorType::get({quadUnits}, i32);
  for (int64_t first = 0; first < padded; first += quadUnits) {
    Value to = k.offsetBytes(destination, k.mul(quadStride, first / quadUnits));
    if (units - first >= quadUnits) {
      Value from = k.offset(source, first, i32);
      Value four = LLVM::LoadOp::create(builder, k.loc(), quad, from, /*alignment=*/isBytes ? 1 : 4);
      LLVM::StoreOp::create(builder, k.loc(), four, to, /*alignment=*/16);
      continue;
    }
    Value zero = arith::ConstantOp::create(builder, k.loc(), builder.getI32IntegerAttr(0));
    for (int64_t i = 0; i < quadUnits; ++i)
      k.storeScalar(first + i < units ? k.loadScalar(source, first + i, i32) : zero, to, i);
  }
}

/// The rows of the task in this segment, tile after tile. Rows that a tile has and the task has not are the last row
/// again.
void SparseMatmulBuilder::copyRows(Int segment, Int rows) {
  int64_t most = tileCases.front(), units = unitsOf(shape), perSegment = segmentQuads(shape) * quadUnits;
  Int firstUnit = k.mul(segment, perSegment);
  Int unitsHere = shape.numSegments() == 1 ? Int(units) : k.min(perSegment, k.sub(units, firstUnit));
  Int lines = k.div(unitsHere, lineUnits);
  Value isLast = shape.numSegments() == 1 ? Value() : k.equal(segment, shape.numSegments() - 1);
  Value source = k.offsetBytes(a, k.add(k.mul(taskRow, aRowBytes), k.mul(firstUnit, unitBytes)));
  k.loop(0, rows, most, [&](Int tileRow) {
    Int height = tileRowsFor(k.min(k.sub(rows, tileRow), most));
    Value tile = k.offsetBytes(k.scratch(), k.mul(tileRow, segmentQuads(shape) * quadBytes));
    if (isWide(most))
      k.ifThenElse(
          k.less(24, height), [&] { copyWideTile(source, tile, tileRow, rows, height, lines, isLast); },
          [&] { copyTile(source, tile, tileRow, rows, height, lines, isLast); });
    else
      copyTile(source, tile, tileRow, rows, height, lines, isLast);
  });
}

/// [quads][rows of the tile][4 units]
void SparseMatmulBuilder::copyTile(Value source, Value tile, Int tileRow, Int rows, Int height, Int lines,
                                   Value isLast) {
  Int quadStride = k.mul(height, quadBytes);
  auto copyLines = [&](Int line, int64_t units, int64_t padded) {
    Value lineStart = k.offsetBytes(tile, k.mul(line, k.mul(quadStride, lineUnits / quadUnits)));
    k.loop(0, height, 1, [&](Int row) {
      Int sourceRow = k.min(k.add(tileRow, row), k.sub(rows, 1));
      Value from = k.offsetBytes(source, k.add(k.mul(sourceRow, aRowBytes), k.mul(line, lineUnits * unitBytes)));
      copyLine(from, k.offsetBytes(lineStart, k.mul(row, quadBytes)), quadStride, units, padded);
    });
  };
  forLines(lines, isLast, copyLines);
}

/// [units][rows of the tile]
void SparseMatmulBuilder::copyWideTile(Value source, Value tile, Int tileRow, Int rows, Int height, Int lines,
                                       Value isLast) {
  auto copyLines = [&](Int line, int64_t units, int64_t padded) {
    k.loop(0, height, width, [&](Int firstRow) {
      Values square;
      for (int64_t i = 0; i < width; ++i) {
        Int sourceRow = k.min(k.add(k.add(tileRow, firstRow), i), k.sub(rows, 1));
        Value from = k.offsetBytes(source, k.add(k.mul(sourceRow, aRowBytes), k.mul(line, lineUnits * unitBytes)));
        square.push_back(k.loadPartial(from, 0, units)); // the units behind them are 0
      }
      square = k.transpose(square);
      for (int64_t unit = 0; unit < padded; ++unit)
        k.store(square[unit], tile, k.add(k.mul(k.add(k.mul(line, lineUnits), unit), height), firstRow));
    });
  };
  forLines(lines, isLast, copyLines);
}

/// Runs copy(line, units, padded) for the segment's whole lines of 16 units and, in the last segment, for what is left;
/// with that the last block, which may end beyond K, has zeros.
void SparseMatmulBuilder::forLines(Int lines, Value isLast, llvm::function_ref<void(Int, int64_t, int64_t)> copy) {
  k.loop(0, lines, 1, [&](Int line) { copy(line, lineUnits, lineUnits); });
  int64_t left = unitsOf(shape) % lineUnits;
  auto rest = [&] { copy(lines, left, llvm::alignTo(left, quadsPerBlock(shape) * quadUnits)); };
  if (left && isLast)
    k.ifThen(isLast, rest);
  else if (left)
    rest();
}

void SparseMatmulBuilder::buildStrip(Int segment, Int strip) {
  int64_t most = tileCases.front();
  Int start = k.add(k.mul(segment, shape.numStrips()), strip);
  Value firstBlock = k.materialize(loadInt(b, start)), lastBlock = k.materialize(loadInt(b, k.add(start, 1)));
  k.loop(0, taskRows, most, [&](Int tileRow) {
    Int rows = k.min(k.sub(taskRows, tileRow), most);
    Value tile = k.offsetBytes(k.scratch(), k.mul(tileRow, segmentQuads(shape) * quadBytes));
    // C is written, or added to, after the sums: it may come from afar.
    Value cTile = cAt(k.add(taskRow, tileRow), k.mul(strip, SparseShape::blockColumns));
    k.loop(0, rows, 1, [&](Int row) { k.prefetch(cTile, k.mul(row, cRowStride * cElementBytes()), 3); });
    k.switchOn(tileRowsFor(rows), tileCases, [&](int64_t height) {
      if (isWide(height))
        return sumWideTile(tile, height, firstBlock, lastBlock);
      Values sums = sumTile(tile, height, firstBlock, lastBlock);
      for (int64_t i = 0; i < height; ++i)
        for (int64_t v = 0; v < vectors; ++v)
          k.store(sums[i * vectors + v], k.offsetBytes(tileSums, i * columnsBytes + v * width * 4));
    });
    int64_t wholeStrips = spec.n / SparseShape::blockColumns, left = spec.n % SparseShape::blockColumns;
    auto finish = [&](int64_t columns) { finishTile(segment, strip, k.add(taskRow, tileRow), rows, columns); };
    if (!left)
      finish(SparseShape::blockColumns);
    else if (!wholeStrips)
      finish(left);
    else
      k.ifThenElse(
          k.less(strip, wholeStrips), [&] { finish(SparseShape::blockColumns); }, [&] { finish(left); });
  });
}

/// Carries sums through the blocks [firstBlock, lastBlock) of a strip, four units at a time.
Values SparseMatmulBuilder::forBlocks(Value tile, int64_t rows, Value firstBlock, Value lastBlock, ValueSpan sums,
                                      llvm::function_ref<Values(Value, Value, ValueSpan)> step) {
  int64_t quads = quadsPerBlock(shape);
  Value blockRows = k.offsetBytes(b, shape.blockRowsOffset());
  return k.loop(firstBlock, lastBlock, 1, sums, [&](Int block, ValueSpan carried) {
    Value aBlock = k.offsetBytes(tile, k.mul(loadInt(blockRows, block), quads * rows * quadBytes));
    Value bBlock = k.offsetBytes(blocks, k.mul(block, shape.blockBytes()));
    if (quads == 1)
      return step(aBlock, bBlock, carried);
    return k.loop(0, quads, 1, carried, [&](Int quad, ValueSpan inner) {
      return step(k.offsetBytes(aBlock, k.mul(quad, rows * quadBytes)),
                  k.offsetBytes(bBlock, k.mul(quad, quadUnits * columnsBytes)), inner);
    });
  });
}

Values SparseMatmulBuilder::sumTile(Value tile, int64_t rows, Value firstBlock, Value lastBlock) {
  Type i32 = k.builder().getI32Type();
  auto step = [&](Value aQuad, Value bQuad, ValueSpan sums) {
    Values next(sums);
    for (int64_t u = 0; u < quadUnits; ++u) {
      Value bHere = k.offsetBytes(bQuad, u * columnsBytes);
      SmallVector<Values> columns;
      for (int64_t v = 0; v < vectors; ++v)
        columns.push_back(isBytes ? k.dotOperands(k.load(bHere, v * width, i32), /*isSigned=*/true)
                                  : Values{k.load(bHere, v * width)});
      for (int64_t i = 0; i < rows; ++i) {
        Value from = k.offsetBytes(aQuad, i * quadBytes + u * unitBytes);
        Values factors = isBytes ? k.dotOperands(k.broadcast(k.loadScalar(from, 0, i32)), /*isSigned=*/false)
                                 : Values{k.broadcast(k.loadScalar(from))};
        for (int64_t v = 0; v < vectors; ++v)
          for (auto [factor, column] : llvm::zip(factors, columns[v])) {
            Value &sum = next[i * vectors + v];
            sum = isBytes ? k.dotBytes(sum, factor, column) : k.fma(factor, column, sum);
          }
      }
    }
    return next;
  };

  Values sums(rows * vectors, isBytes ? k.splatInt(0) : k.splat(0.0));
  return forBlocks(tile, rows, firstBlock, lastBlock, sums, step);
}

/// A few blocks at a time: the second half of their columns finds their rows of A in the first-level cache.
void SparseMatmulBuilder::sumWideTile(Value tile, int64_t rows, Value firstBlock, Value lastBlock) {
  int64_t groupBlocks = 32 / quadsPerBlock(shape); // of 48 rows about 24 KiB
  Type i32 = k.builder().getI32Type(), sumType = isBytes ? i32 : k.f32();
  auto bytesType = VectorType::get({4 * width}, k.builder().getI8Type());
  int64_t rowVectors = rows / width, numSums = wideColumns * rowVectors;
  k.loop(0, 2 * numSums, 1, [&](Int i) { k.store(k.splat(0.0), wideSums, k.mul(i, width)); });
  k.loop(firstBlock, lastBlock, groupBlocks, [&](Int block) {
    Value end = k.materialize(k.min(k.add(block, groupBlocks), lastBlock));
    for (int64_t firstColumn : {int64_t(0), wideColumns}) {
      auto step = [&](Value aQuad, Value bQuad, ValueSpan sums) {
        Values next(sums);
        for (int64_t u = 0; u < quadUnits; ++u) {
          Values rowsHere;
          for (int64_t v = 0; v < rowVectors; ++v) {
            Value from = k.offset(aQuad, u * rows + v * width);
            rowsHere.push_back(isBytes ? LLVM::LoadOp::create(k.builder(), k.loc(), bytesType, from, 4).getResult()
                                       : k.load(from));
          }
          for (int64_t column = 0; column < wideColumns; ++column) {
            Value from = k.offsetBytes(bQuad, u * columnsBytes + (firstColumn + column) * unitBytes);
            Value factor =
                isBytes ? k.asDotOperand(k.broadcast(k.loadScalar(from, 0, i32))) : k.broadcast(k.loadScalar(from));
            for (int64_t v = 0; v < rowVectors; ++v) {
              Value &sum = next[column * rowVectors + v];
              sum = isBytes ? k.dotBytes(sum, rowsHere[v], factor) : k.fma(rowsHere[v], factor, sum);
            }
          }
        }
        return next;
      };
      Value place = k.offset(wideSums, firstColumn * rows);
      Values sums;
      for (int64_t i = 0; i < numSums; ++i)
        sums.push_back(k.load(place, i * width, sumType));
      sums = forBlocks(tile, rows, k.materialize(block), end, sums, step);
      for (int64_t i = 0; i < numSums; ++i)
        k.store(sums[i], place, i * width);
    }
  });
  // From columns of `rows` to rows of 16 columns.
  k.loop(0, rows, width, [&](Int firstRow) {
    Values square;
    for (int64_t column = 0; column < SparseShape::blockColumns; ++column)
      square.push_back(k.load(wideSums, k.add(column * rows, firstRow)));
    square = k.transpose(square);
    for (int64_t i = 0; i < width; ++i)
      k.store(square[i], tileSums, k.mul(k.add(firstRow, i), SparseShape::blockColumns));
  });
}

void SparseMatmulBuilder::finishTile(Int segment, Int strip, Int firstRow, Int rows, int64_t columns) {
  Value notFirst, last;
  if (shape.numSegments() > 1) {
    notFirst = k.less(0, segment);
    last = k.equal(segment, shape.numSegments() - 1);
  }
  Int firstColumn = k.mul(strip, SparseShape::blockColumns);
  k.loop(0, rows, 1, [&](Int i) {
    Int row = k.add(firstRow, i);
    Value cRow = cAt(row, firstColumn);
    Value sumRow = k.offsetBytes(tileSums, k.mul(i, columnsBytes));
    for (int64_t lane = 0; lane < columns; lane += width) {
      int64_t valid = std::min(width, columns - lane);
      Value sums = isBytes ? k.load(sumRow, lane, k.builder().getI32Type()) : k.load(sumRow, lane);
      Value x = finishVector(sums, row, k.add(firstColumn, lane), valid, cRow, lane, notFirst, last);
      if (quantizer)
        k.storeBytesPartial(quantizer->quantize(x), cRow, lane, valid);
      else
        k.storePartial(x, cRow, lane, valid);
    }
  });
}

Value SparseMatmulBuilder::finishVector(Value sums, Int row, Int column, int64_t valid, Value cRow, int64_t lane,
                                        Value notFirst, Value last) {
  Type type = k.vectorType();
  Value x = sums;
  if (isBytes) {
    Value ofColumns = k.load(k.offsetBytes(b, shape.sumsOffset()), column, k.builder().getI32Type());
    Value exact = k.addInts(x, arith::MulIOp::create(k.builder(), k.loc(), ofColumns, negativeZero));
    Value scale = k.broadcast(k.loadScalar(rowScale, spec.hasRowScales ? row : Int(0)));
    x = k.mulf(k.mulf(k.intsToFloats(exact), k.loadPartial(columnScale, column, valid)), scale);
  }
  auto addEarlier = [&] { return Values{k.addf(k.loadPartial(cRow, lane, valid), sums)}; };
  if (notFirst)
    x = k.ifThenElse(notFirst, type, addEarlier, [&] { return Values{sums}; })[0];
  auto complete = [&] {
    Value y = x;
    if (spec.hasBias)
      y = k.addf(y, k.loadPartial(bias, column, valid));
    if (spec.hasResidual)
      y = k.addf(y, k.loadPartial(residual, k.add(k.mul(row, residualRowStride), column), valid));
    if (spec.epilogue) {
      Values operands;
      for (auto [extra, pointer] : llvm::zip(spec.extras, extras))
        operands.push_back(k.loadPartial(pointer, k.add(k.mul(row, extra.rowStride), column), valid));
      y = spec.epilogue(k, y, operands);
    }
    return Values{y};
  };
  return last ? k.ifThenElse(last, type, complete, [&] { return Values{x}; })[0] : complete()[0];
}

} // namespace

SizeExpr SparseMatmulSpec::numTasks(const SizeExpr &rows) const {
  return SizeExpr::ceilDiv(rows, rowsPerTask(shape())) * tasksPerRows(shape());
}

int64_t SparseMatmulSpec::scratchBytes() const { return sliceBytes(shape()) + 2 * greatestTile * columnsBytes; }

void sinter::cpu::buildSparseMatmul(KernelBuilder &k, StringRef name, const SparseMatmulSpec &spec) {
  assert((!spec.bytesOutput || spec.shape().numSegments() == 1) && "sums in bytes are complete at once");
  SparseMatmulBuilder(k, spec).build(name);
}
