//===- LowerRotary.cpp - Pairs of lanes that are rotated ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each element times the cosine of its pair, plus the pair's other element, which the
// SXM moves there, times the sine, whose sign is that of the place: rows of factors
// for all lanes. What is not rotated has the factors 1 and 0.
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"

#include "llvm/ADT/Hashing.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

static ArrayRef<int64_t> getShape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

namespace {

/// Which element of the last dimension is rotated with which.
struct Pairs {
  int64_t size, rotated;
  bool isInterleaved;

  explicit Pairs(RotaryOp op)
      : size(getShape(op.getInput()).back()), rotated(2 * getShape(op.getCos()).back()),
        isInterleaved(op.getInterleaved()) {}
  bool isRotated(int64_t i) const { return i < rotated; }
  bool isFirst(int64_t i) const { return isInterleaved ? i % 2 == 0 : i < rotated / 2; }
  int64_t otherOf(int64_t i) const {
    int64_t distance = isInterleaved ? 1 : rotated / 2;
    return isFirst(i) ? i + distance : i - distance;
  }
  int64_t pairOf(int64_t i) const { return isInterleaved ? i / 2 : i % (rotated / 2); }
};

} // namespace

void GraphLowering::lowerRotary(RotaryOp op) {
  Value input = op.getInput(), result = op.getResult();
  std::string node = getNodeName(op);
  if (isFromWeights(op.getCos()) != isFromWeights(op.getSin()))
    return refuse(op, "a rotation of which only the sines or only the cosines follow from weights");
  Pairs pairs(op);
  ArrayRef<int64_t> sizes = getShape(result);
  // Heads lie as the attention wants them that reads the result.
  ChipValue chip;
  std::optional<HeadForm> form = findHeadForm(result);
  chip.matrix = getMatrix(result);
  chip.parts = form ? layOutFor(*form) : TensorShape::denseParts(chip.matrix.columns, model);
  if (chip.parts.empty())
    return refuse(op, "a head of more than " + std::to_string(model.halfLanes()) + " elements");
  unsigned numColumns = chip.parts.back().column + chip.parts.back().columns;
  chip.matrix = {chip.matrix.rows * chip.matrix.columns / numColumns, numColumns};
  Layout layout = Layout::natural(sizes, chip.matrix.columns);
  SmallVector<bool> columns = layout.columnDims();
  inMemory(input);
  RowAccess x = accessRows(input, layoutOf(input), columns, chip.parts, /*mustCopy=*/false);

  // The other element of each pair: a head lies within a vector.
  unsigned numVectors = countVectors(chip.parts);
  unsigned others =
      addTensor(StreamTensor::Temporary, node, Element::Float32, chip.matrix.rows, chip.parts, nextSide());
  std::vector<LaneTable> tables(numVectors, LaneTable(model.lanes(), model.lanes()));
  std::vector<std::pair<unsigned, unsigned>> placeOf(chip.matrix.columns);
  for (const LanePart &part : chip.parts)
    for (unsigned i = 0; i < part.columns; ++i)
      placeOf[part.column + i] = {part.vector, part.lane + i};
  for (unsigned column = 0; column < chip.matrix.columns; ++column) {
    int64_t i = column % pairs.size;
    if (!pairs.isRotated(i))
      continue;
    auto [vector, lane] = placeOf[column];
    auto [otherVector, otherLane] = placeOf[column - i + pairs.otherOf(i)];
    if (otherVector != vector)
      return refuse(op, "pairs of elements that are " + std::to_string(std::abs(pairs.otherOf(i) - i)) +
                            " apart, in several vectors");
    tables[vector][lane] = otherLane;
  }
  for (unsigned vector = 0; vector < numVectors; ++vector) {
    VectorProgram copy;
    VectorOperand moved = VectorOperand::input(copy.addInput(Element::Float32));
    copy.results = {copy.add(AluOp::Copy, Element::Float32, moved).index};
    RowWalk walk;
    for (auto [d, dim] : llvm::enumerate(layout.dims))
      if (!dim.isColumns)
        walk.addDimension(dim.size, {dim.stride, x.layout.dims[d].stride}, /*isFixed=*/false);
    walk.forEachRun({0, x.layout.row}, [&](const RowWalk::Run &run) {
      Task task = {false,
                   {},
                   run.count,
                   std::make_shared<VectorProgram>(copy),
                   {{x.tensor, vector, run.rows[1], static_cast<int>(run.steps[1])}},
                   {{others, vector, run.rows[0], static_cast<int>(run.steps[0])}},
                   node};
      task.moves[0] = program.addLaneMap(tables[vector]);
      program.tasks.push_back(std::move(task));
    });
  }

  RowAccess cosines = isFromWeights(op.getCos()) ? accessAngles(op, op.getCos(), layout, chip.parts, false)
                                                 : computeAngles(op, op.getCos(), layout, chip.parts, false);
  RowAccess sines = isFromWeights(op.getSin()) ? accessAngles(op, op.getSin(), layout, chip.parts, true)
                                               : computeAngles(op, op.getSin(), layout, chip.parts, true);
  std::vector<Written> results = addResults(result, chip);
  RowAccess operands[] = {x, {others, layout}, cosines, sines};
  RowWalk walk;
  SmallVector<int64_t> firstRows = {0};
  for (const RowAccess &operand : operands)
    firstRows.push_back(operand.layout.row);
  for (auto [d, dim] : llvm::enumerate(layout.dims)) {
    if (dim.isColumns)
      continue;
    SmallVector<int64_t> strides = {dim.stride};
    for (const RowAccess &operand : operands)
      strides.push_back(operand.layout.dims[d].stride);
    walk.addDimension(dim.size, strides, /*isFixed=*/false);
  }
  walk.forEachRun(firstRows, [&](const RowWalk::Run &run) {
    for (unsigned vector = 0; vector < numVectors; ++vector) {
      Chain chain;
      VectorOperand taken[4];
      for (unsigned k = 0; k < 4; ++k)
        taken[k] = addInput(chain, {operands[k].tensor, vector, run.rows[k + 1], static_cast<int>(run.steps[k + 1])});
      VectorOperand a = chain.program.add(AluOp::Mul, Element::Float32, taken[0], taken[2]),
                    b = chain.program.add(AluOp::Mul, Element::Float32, taken[1], taken[3]),
                    y = chain.program.add(AluOp::Add, Element::Float32, a, b);
      std::vector<RowsOf> targets;
      addWrites(chain, y, vector, results, targets);
      for (RowsOf &target : targets) {
        target.row = run.rows[0];
        target.step = run.steps[0];
      }
      program.tasks.push_back(
          {false, {}, run.count, std::make_shared<VectorProgram>(chain.program), chain.inputs, targets, node});
    }
  });
  values[result] = chip;
}

GraphLowering::RowAccess GraphLowering::accessAngles(RotaryOp op, Value angles, const Layout &layout,
                                                     ArrayRef<LanePart> parts, bool areSines) {
  // A row of factors for each position along the dimensions of the angles: [leading..., size].
  Pairs pairs(op);
  ArrayRef<int64_t> sizes = getShape(op.getResult()), shape = getShape(angles);
  SmallVector<int64_t> own(sizes.begin(), sizes.end()), strides(sizes.size(), 0);
  int64_t stride = 1;
  for (size_t i = sizes.size(), k = shape.size(); i-- > 0;) {
    int64_t size = k == 0 ? 1 : shape[--k];
    strides[i] = size == 1 && i + 1 < sizes.size() ? 0 : stride;
    stride *= size;
    if (!layout.dims[i].isColumns)
      own[i] = size;
  }
  SmallVector<bool> columns = layout.columnDims();
  Layout made = Layout::make(own, columns);
  uint64_t key = llvm::hash_combine(llvm::hash_combine_range(own), llvm::hash_combine_range(columns), areSines,
                                    pairs.isInterleaved, pairs.size);
  for (const LanePart &part : parts)
    key = llvm::hash_combine(key, part.column, part.vector, part.lane);
  std::vector<std::vector<int64_t>> columnOf(countVectors(parts), std::vector<int64_t>(model.lanes(), -1));
  for (const LanePart &part : parts)
    for (unsigned i = 0; i < part.columns; ++i)
      columnOf[part.vector][part.lane + i] = part.column + i;
  auto element = [=](const HostTensor &tensor, unsigned vector, int64_t row, unsigned lane) {
    int64_t column = columnOf[vector][lane], index = 0;
    if (column < 0)
      return 0.0f;
    int64_t last = column % own.back();
    if (!pairs.isRotated(last))
      return areSines ? 0.0f : 1.0f;
    for (size_t i = own.size(); i-- > 0;) {
      int64_t &rest = columns[i] ? column : row;
      int64_t at = rest % own[i];
      index += (i + 1 == own.size() ? pairs.pairOf(at) : at) * strides[i];
      rest /= own[i];
    }
    float value = tensor.as<float>()[index];
    return areSines && pairs.isFirst(last) ? value * -1.0f : value;
  };
  Hemisphere half = nextSide();
  return {constants.addMade(angles, key, made.numRows(), countVectors(parts), half, element), made.broadcast(sizes)};
}

GraphLowering::RowAccess GraphLowering::computeAngles(RotaryOp op, Value angles, const Layout &layout,
                                                      ArrayRef<LanePart> parts, bool areSines) {
  Pairs pairs(op);
  ArrayRef<int64_t> sizes = getShape(op.getResult());
  std::string node = getNodeName(op);
  const ChipValue &source = inMemory(angles);
  // [leading..., pairs] goes to both elements of each pair.
  SmallVector<int64_t> own, leading(sizes.drop_back());
  SmallVector<bool> columns = layout.columnDims();
  leading.push_back(pairs.rotated / 2);
  Layout spread = layoutOf(angles).broadcast(leading);
  for (size_t i = 0; i < sizes.size(); ++i) {
    bool isRepeated = !columns[i] && !spread.dims[i].isColumns && spread.dims[i].stride == 0;
    own.push_back(isRepeated ? 1 : sizes[i]);
    if (isRepeated)
      spread.dims[i].size = 1;
  }
  Layout target = Layout::make(own, columns);
  Layout::Dimension repeated = {2, 0, false};
  spread.dims.insert(pairs.isInterleaved ? spread.dims.end() : spread.dims.end() - 1, repeated);
  SmallVector<int64_t> starts(own.size(), 0), steps(own.size(), 1), some(own);
  some.back() = pairs.rotated;
  Layout to = target.slice(starts, steps, some);
  int64_t stride = to.dims.back().stride;
  to.dims.pop_back();
  if (pairs.isInterleaved)
    to.dims.append({{pairs.rotated / 2, 2 * stride, true}, {2, stride, true}});
  else
    to.dims.append({{2, pairs.rotated / 2 * stride, true}, {pairs.rotated / 2, stride, true}});
  ChipValue copy = makeValue(target, std::vector<LanePart>(parts), node);
  copyElements({{&source, spread, to}}, copy, node);
  // Signs of the sines; ones where nothing is rotated: there the copy has zeros.
  std::vector<float> row(countVectors(parts) * model.lanes(), 0);
  for (const LanePart &part : parts)
    for (unsigned i = 0; i < part.columns; ++i) {
      int64_t last = (part.column + i) % pairs.size;
      bool isNegative = pairs.isRotated(last) && pairs.isFirst(last);
      row[part.vector * model.lanes() + part.lane + i] =
          areSines ? (isNegative ? -1.0f : 1.0f) : (pairs.isRotated(last) ? 0.0f : 1.0f);
    }
  VectorProgram function;
  VectorOperand x = VectorOperand::input(function.addInput(Element::Float32)),
                factor = VectorOperand::input(function.addInput(Element::Float32));
  x = areSines ? function.add(AluOp::Mul, Element::Float32, x, factor)
               : function.add(AluOp::Or, Element::Int32, x, factor);
  function.results = {x.index};
  ChipValue signedCopy = makeValue(target, std::vector<LanePart>(parts), node);
  Layout one = target;
  for (Layout::Dimension &dim : one.dims)
    if (!dim.isColumns)
      dim.stride = 0;
  addRowTasks(function, {{*copy.f32, target}, {constants.addRow(row), one}}, {*signedCopy.f32, target},
              countVectors(parts), node);
  return {*signedCopy.f32, target.broadcast(sizes)};
}
