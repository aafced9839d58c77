//===- LowerMovements.cpp - Elements that change their places -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Transposes, slices and the like are other layouts of what is in memory already.
// Where an op wants elements in other lanes, or in the order of its operand's
// dimensions, they are copied: rows of memory go through the SXM of their
// hemisphere to the ALUs, which put together what comes of several rows. What only
// moves elements of an input is the host's to do.
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"

#include "llvm/ADT/Hashing.h"

#include <numeric>

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

static ArrayRef<int64_t> getShape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

Layout GraphLowering::layoutOf(Value value) const {
  const ChipValue &chip = values.find(value)->second;
  return chip.layout ? *chip.layout : Layout::natural(getShape(value), chip.matrix.columns);
}

ChipValue GraphLowering::makeValue(const Layout &layout, std::vector<LanePart> parts, const std::string &node) {
  ChipValue chip;
  chip.matrix = {layout.numRows(), static_cast<unsigned>(layout.numColumns())};
  chip.parts = std::move(parts);
  chip.f32 = addTemporary(node, Element::Float32, chip, nextSide());
  return chip;
}

namespace {

/// A column's place.
struct ColumnPlace {
  unsigned vector, lane;
};

std::vector<ColumnPlace> placesOf(ArrayRef<LanePart> parts) {
  std::vector<ColumnPlace> places;
  for (const LanePart &part : parts)
    for (unsigned i = 0; i < part.columns; ++i) {
      places.resize(std::max<size_t>(places.size(), part.column + i + 1));
      places[part.column + i] = {part.vector, part.lane + i};
    }
  return places;
}

/// Calls with each position along some dimensions.
void forEachPosition(ArrayRef<int64_t> sizes, llvm::function_ref<void(ArrayRef<int64_t>)> call) {
  SmallVector<int64_t> position(sizes.size(), 0);
  while (true) {
    call(position);
    size_t i = sizes.size();
    while (i-- > 0) {
      if (++position[i] < sizes[i])
        break;
      position[i] = 0;
    }
    if (i == size_t(-1))
      return;
  }
}

} // namespace

void GraphLowering::copyElements(ArrayRef<CopiedElements> sources, const ChipValue &target, const std::string &node) {
  std::vector<ColumnPlace> targetPlaces = placesOf(target.parts);
  std::vector<std::vector<ColumnPlace>> sourcePlaces;
  for (const CopiedElements &source : sources)
    sourcePlaces.push_back(placesOf(source.value->parts));
  // All sources have their rows in the same rows of the target.
  RowWalk walk;
  SmallVector<size_t> rowDims;
  SmallVector<int64_t> firstRows = {sources.front().to.row};
  for (const CopiedElements &source : sources)
    firstRows.push_back(source.from.row);
  for (auto [d, dim] : llvm::enumerate(sources.front().to.dims)) {
    if (dim.isColumns)
      continue;
    SmallVector<int64_t> strides = {dim.stride};
    bool isFixed = false;
    for (const CopiedElements &source : sources) {
      const Layout::Dimension &from = source.from.dims[d];
      isFixed |= from.isColumns && from.size > 1;
      strides.push_back(from.isColumns ? 0 : from.stride);
    }
    walk.addDimension(dim.size, strides, isFixed);
    rowDims.push_back(d);
  }
  walk.forEachRun(firstRows, [&](const RowWalk::Run &run) {
    // What of each vector of the target comes from the same rows.
    std::vector<std::map<RowsOrder, LaneTable>> moved(countVectors(target.parts));
    for (auto [s, source] : llvm::enumerate(sources)) {
      int64_t base = source.from.column;
      for (auto [at, d] : llvm::zip_equal(run.position, rowDims))
        if (source.from.dims[d].isColumns)
          base += at * source.from.dims[d].stride;
      SmallVector<int64_t> sizes;
      SmallVector<size_t> columnDims;
      for (auto [d, dim] : llvm::enumerate(source.to.dims))
        if (dim.isColumns) {
          sizes.push_back(dim.size);
          columnDims.push_back(d);
        }
      forEachPosition(sizes, [&, s = s, &source = source](ArrayRef<int64_t> position) {
        int64_t to = source.to.column, from = base, row = run.rows[1 + s];
        for (auto [at, d] : llvm::zip_equal(position, columnDims)) {
          to += at * source.to.dims[d].stride;
          (source.from.dims[d].isColumns ? from : row) += at * source.from.dims[d].stride;
        }
        ColumnPlace place = targetPlaces[to], origin = sourcePlaces[s][from];
        LaneTable &table = moved[place.vector][{*source.value->f32, origin.vector, row, run.steps[1 + s]}];
        table.resize(model.lanes(), model.lanes());
        table[place.lane] = origin.lane;
      });
    }
    for (auto [vector, tables] : llvm::enumerate(moved))
      if (!tables.empty())
        joinRows(tables, run.count,
                 {*target.f32, static_cast<unsigned>(vector), run.rows[0], static_cast<int>(run.steps[0])}, node);
  });
}

void GraphLowering::joinRows(const std::map<RowsOrder, LaneTable> &tables, int64_t count, RowsOf target,
                             const std::string &node) {
  auto addTask = [&](ArrayRef<RowsOf> inputs, const LaneTable *table, RowsOf to) {
    VectorProgram function;
    VectorOperand x = VectorOperand::input(function.addInput(Element::Float32));
    if (inputs.size() == 1)
      x = function.add(AluOp::Copy, Element::Float32, x);
    for (size_t i = 1; i < inputs.size(); ++i)
      x = function.add(AluOp::Or, Element::Int32, x, VectorOperand::input(function.addInput(Element::Float32)));
    function.results = {x.index};
    Task task = {false, {}, count, std::make_shared<VectorProgram>(function), inputs.vec(), {to}, node};
    if (table)
      task.moves[0] = program.addLaneMap(*table);
    program.tasks.push_back(std::move(task));
  };
  auto addTemporaryRows = [&] {
    unsigned tensor = addTensor(StreamTensor::Temporary, node, Element::Float32, count,
                                TensorShape::denseParts(model.lanes(), model), nextSide());
    return RowsOf{tensor, 0, 0, 1};
  };
  bool isAlone = tables.size() == 1;
  std::vector<RowsOf> parts;
  for (auto &[rows, table] : tables) {
    RowsOf from = {rows.tensor, rows.vector, rows.row, static_cast<int>(rows.step)};
    // Lanes that nobody reads may hold anything, where nothing else comes to them.
    bool staysInPlace = llvm::all_of(llvm::enumerate(table), [&](auto entry) {
      return entry.value() == model.lanes() || entry.value() == entry.index();
    });
    parts.push_back(isAlone ? target : addTemporaryRows());
    addTask(from, isAlone && staysInPlace ? nullptr : &table, parts.back());
  }
  // What comes of several rows is put together; an SXM moves one row in a cycle, so that each has a task of its own.
  constexpr size_t mostInputs = 4;
  while (!isAlone && parts.size() > 1) {
    std::vector<RowsOf> joined;
    for (size_t i = 0; i < parts.size(); i += mostInputs) {
      ArrayRef<RowsOf> some = ArrayRef(parts).slice(i, std::min(mostInputs, parts.size() - i));
      joined.push_back(parts.size() <= mostInputs ? target : addTemporaryRows());
      addTask(some, nullptr, joined.back());
    }
    parts = std::move(joined);
  }
}

ChipValue &GraphLowering::inMemory(Value value) {
  if (auto found = arranged.find(value); found != arranged.end() && !values.count(value)) {
    // The host moves elements of an input.
    ChipValue &chip = values[value];
    chip.matrix = getMatrix(value);
    chip.parts = TensorShape::denseParts(chip.matrix.columns, model);
    unsigned number = found->second.argument;
    StringRef name = function.getArgAttrOfType<StringAttr>(number, "sinter.name").getValue();
    chip.f32 = addTensor(StreamTensor::Input, (name + "." + llvm::Twine(program.tensors.size())).str(),
                         Element::Float32, chip.matrix.rows, chip.parts, nextSide());
    program.tensors[*chip.f32].host = {number, StreamTensor::Chosen, found->second.elements};
  }
  ChipValue &chip = values.find(value)->second;
  if (!chip.f32)
    materialize(value);
  return chip;
}

void GraphLowering::makeNatural(Value value, bool hasOwnRows) {
  if (arranged.count(value))
    inMemory(value);
  auto found = values.find(value);
  if (found == values.end() || !(found->second.layout || (hasOwnRows && !(found->second.matrix == getMatrix(value)))))
    return;
  ChipValue old = inMemory(value);
  Layout to = Layout::natural(getShape(value), getMatrix(value).columns);
  std::string node = getNodeName(value.getDefiningOp());
  ChipValue chip = makeValue(to, TensorShape::denseParts(to.numColumns(), model), node);
  chip.matrix = getMatrix(value);
  copyElements({{&old, layoutOf(value), to}}, chip, node);
  found->second = chip;
}

GraphLowering::RowAccess GraphLowering::accessRows(Value value, Layout from, ArrayRef<bool> areColumns,
                                                   ArrayRef<LanePart> parts, bool mustCopy) {
  const ChipValue &chip = inMemory(value);
  SmallVector<int64_t> sizes = from.sizes(), own;
  Layout wanted = Layout::make(sizes, areColumns);
  bool isThere = !mustCopy && from.column == 0 && isSame(chip.parts, parts);
  for (auto [have, want] : llvm::zip_equal(from.dims, wanted.dims))
    isThere &= have.size == 1 || (have.isColumns == want.isColumns && (!want.isColumns || have.stride == want.stride));
  if (isThere)
    return {*chip.f32, from};
  // Along rows, what is repeated stays one.
  for (auto [have, isColumns] : llvm::zip_equal(from.dims, areColumns)) {
    bool isRepeated = !isColumns && !have.isColumns && have.stride == 0;
    own.push_back(isRepeated ? 1 : have.size);
    have.size = own.back();
  }
  Layout to = Layout::make(own, areColumns);
  std::string node = value.getDefiningOp() ? getNodeName(value.getDefiningOp()) : "input";
  ChipValue copy = makeValue(to, parts.vec(), node);
  copyElements({{&chip, from, to}}, copy, node);
  return {*copy.f32, to.broadcast(sizes)};
}

GraphLowering::RowAccess GraphLowering::accessConstant(Value value, const Layout &elements, ArrayRef<bool> areColumns,
                                                       ArrayRef<LanePart> parts) {
  SmallVector<int64_t> own, strides;
  for (auto [dim, isColumns] : llvm::zip_equal(elements.dims, areColumns)) {
    own.push_back(!isColumns && dim.stride == 0 ? 1 : dim.size);
    strides.push_back(dim.stride);
  }
  Layout layout = Layout::make(own, areColumns);
  auto chosen = [own, strides, columns = SmallVector<bool>(areColumns)](int64_t row, int64_t column) {
    int64_t element = 0;
    for (size_t i = own.size(); i-- > 0;) {
      int64_t &rest = columns[i] ? column : row;
      element += rest % own[i] * strides[i];
      rest /= own[i];
    }
    return element;
  };
  uint64_t key = llvm::hash_combine(llvm::hash_combine_range(own), llvm::hash_combine_range(strides),
                                    llvm::hash_combine_range(areColumns));
  return {constants.addElements(value, key, layout.numRows(), parts, chosen), layout.broadcast(elements.sizes())};
}

GraphLowering::RowAccess GraphLowering::accessOperand(Value value, llvm::function_ref<Layout(Layout)> align,
                                                      ArrayRef<bool> areColumns, ArrayRef<LanePart> parts,
                                                      ArrayRef<RowAccess> others) {
  if (isFromWeights(value)) // whose elements are counted like rows of one column
    return accessConstant(value, align(Layout::natural(getShape(value), 1)), areColumns, parts);
  inMemory(value);
  Layout layout = align(layoutOf(value));
  RowAccess access = accessRows(value, layout, areColumns, parts, /*mustCopy=*/false);
  // Other rows of what a task reads already would have to be read from the same slices in the same cycles.
  for (const RowAccess &other : others)
    if (other.tensor == access.tensor && !other.layout.isSame(access.layout))
      return accessRows(value, layout, areColumns, parts, /*mustCopy=*/true);
  return access;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

bool GraphLowering::keepsRows(ReshapeOp op, unsigned columns) {
  int64_t count = 1;
  for (int64_t size : llvm::reverse(getShape(op.getResult()))) {
    if (count >= columns)
      break;
    count *= size;
  }
  return count == columns;
}

static SmallVector<int64_t> getNumbers(DimsAttr dims) {
  SmallVector<int64_t> numbers;
  for (const SizeExpr &size : dims.getSizes())
    numbers.push_back(*size.constant());
  return numbers;
}

/// The layout of an op's result, if it is another one of its operand's elements.
static std::optional<Layout> moveLayout(Operation *op, const Layout &layout) {
  ArrayRef<int64_t> sizes = getShape(op->getResult(0));
  if (isa<ReshapeOp>(op))
    return layout.reshape(sizes);
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return layout.transpose(transpose.getPermutation());
  if (auto slice = dyn_cast<SliceOp>(op))
    return layout.slice(getNumbers(slice.getStarts()), getNumbers(slice.getSteps()), sizes);
  if (isa<BroadcastOp>(op))
    return layout.broadcast(sizes);
  return std::nullopt;
}

bool GraphLowering::isMovement(Operation *op) {
  return isa<ReshapeOp, TransposeOp, SliceOp, BroadcastOp, ConcatOp, PadOp>(op);
}

/// Which elements of an argument an op's result has that only moves them: those of its operand, `elements`.
static std::vector<int32_t> moveElements(Operation *op, ArrayRef<int32_t> elements) {
  Value input = op->getOperand(0);
  if (isa<ReshapeOp>(op))
    return elements.vec();
  if (auto pad = dyn_cast<PadOp>(op)) {
    SmallVector<int64_t> low = getNumbers(pad.getLow());
    std::vector<int32_t> padded;
    forEachPosition(getShape(pad.getResult()), [&](ArrayRef<int64_t> position) {
      int64_t element = 0;
      bool isInside = true;
      for (auto [at, before, size] : llvm::zip_equal(position, low, getShape(input))) {
        isInside &= at >= before && at - before < size;
        element = element * size + at - before;
      }
      padded.push_back(isInside ? elements[element] : -1); // a zero
    });
    return padded;
  }
  // As a layout of one column.
  std::optional<Layout> layout = moveLayout(op, Layout::natural(getShape(input), 1));
  std::vector<int32_t> moved;
  forEachPosition(getShape(op->getResult(0)), [&](ArrayRef<int64_t> position) {
    int64_t row = layout->row;
    for (auto [at, dim] : llvm::zip_equal(position, layout->dims))
      row += at * dim.stride;
    moved.push_back(elements[row]);
  });
  return moved;
}

bool GraphLowering::arrange(Operation *op) {
  auto pad = dyn_cast<PadOp>(op);
  if (!isa<ReshapeOp, TransposeOp, SliceOp, BroadcastOp>(op) && !(pad && isHostsMovement(op)))
    return false;
  Value input = op->getOperand(0);
  auto from = arranged.find(input);
  auto argument = dyn_cast<BlockArgument>(input);
  if (from == arranged.end() && !(argument && isHostsMovement(op)))
    return false;
  ArrangedElements made;
  if (from != arranged.end()) {
    made = from->second;
  } else {
    made.argument = argument.getArgNumber();
    made.elements.resize(cast<RankedTensorType>(input.getType()).getNumElements());
    std::iota(made.elements.begin(), made.elements.end(), 0);
  }
  made.elements = moveElements(op, made.elements);
  arranged[op->getResult(0)] = std::move(made);
  return true;
}

bool GraphLowering::isHostsMovement(Operation *op) {
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return !keepsRows(reshape, getMatrix(reshape.getInput()).columns);
  if (auto pad = dyn_cast<PadOp>(op))
    return pad.getMode() == PadMode::constant && !pad.getValue();
  return isa<TransposeOp, SliceOp, BroadcastOp>(op);
}

void GraphLowering::lowerMovement(Operation *op) {
  if (arrange(op))
    return;
  if (auto concat = dyn_cast<ConcatOp>(op))
    return lowerConcat(concat);
  if (auto pad = dyn_cast<PadOp>(op))
    return lowerPad(pad);
  Value input = op->getOperand(0), result = op->getResult(0);
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    // Rows stay rows: what is known of the value stays, if it is in memory or not.
    const ChipValue &chip = values.find(input)->second;
    if (!chip.layout && keepsRows(reshape, chip.matrix.columns)) {
      ChipValue same = chip;
      values[result] = same;
      return;
    }
  }
  ChipValue chip = inMemory(input);
  std::optional<Layout> layout = moveLayout(op, layoutOf(input));
  if (!layout) {
    // A reshape that joins or cuts rows and columns: along sizes of which those of both are made.
    auto common = findCommonSizes(getShape(input), getShape(result));
    std::optional<Layout> from = common ? layoutOf(input).reshape(*common) : std::nullopt;
    Layout natural = Layout::natural(getShape(result), getMatrix(result).columns);
    std::optional<Layout> to = common ? natural.reshape(*common) : std::nullopt;
    if (!from || !to)
      return refuse(op, "a reshape to sizes that do not divide the operand's");
    ChipValue copy = makeValue(natural, TensorShape::denseParts(natural.numColumns(), model), getNodeName(op));
    copyElements({{&chip, *from, *to}}, copy, getNodeName(op));
    values[result] = copy;
    return;
  }
  ChipValue moved;
  moved.matrix = chip.matrix;
  moved.parts = chip.parts;
  moved.f32 = chip.f32;
  setLayout(moved, result, *layout);
  values[result] = moved;
}

void GraphLowering::setLayout(ChipValue &chip, Value value, const Layout &layout) {
  bool isWhole = layout.numRows() == chip.matrix.rows && layout.numColumns() == chip.matrix.columns;
  if (isWhole && layout.isSame(Layout::natural(getShape(value), chip.matrix.columns)))
    chip.layout = std::nullopt;
  else
    chip.layout = layout;
}

SmallVector<bool> GraphLowering::chooseColumns(ArrayRef<int64_t> sizes, ValueRange operands) const {
  // Those of the largest operand, if the result has all of them.
  SmallVector<bool> best(sizes.size(), false);
  int64_t most = 0;
  for (Value operand : operands) {
    auto found = values.find(operand);
    if (found == values.end())
      continue;
    ArrayRef<int64_t> shape = getShape(operand);
    Layout layout = layoutOf(operand);
    SmallVector<bool> columns(sizes.size(), false);
    int64_t elements = 1, numColumns = 1;
    for (auto [i, dim] : llvm::enumerate(layout.dims)) {
      size_t at = sizes.size() - shape.size() + i;
      elements *= dim.size;
      if (!dim.isColumns || dim.size == 1)
        continue;
      columns[at] = true;
      numColumns *= dim.size;
    }
    if (numColumns > 1 && elements > most) {
      most = elements;
      best = columns;
    }
  }
  if (most)
    return best;
  for (size_t i = sizes.size(); i-- > 0;)
    if (sizes[i] > 1)
      return best[i] = true, best;
  return best;
}

void GraphLowering::lowerConcat(ConcatOp op) {
  ArrayRef<int64_t> sizes = getShape(op.getResult());
  std::string node = getNodeName(op);
  SmallVector<Value> computed;
  for (Value input : op.getInputs())
    if (!isFromWeights(input)) {
      inMemory(input);
      computed.push_back(input);
    }
  // Whole vectors are written: where the operands go one behind the other in columns, all of them at once.
  SmallVector<bool> columns = chooseColumns(sizes, computed);
  Layout layout = Layout::make(sizes, columns);
  ChipValue chip = makeValue(layout, TensorShape::denseParts(layout.numColumns(), model), node);
  std::vector<ChipValue> parts;
  std::vector<CopiedElements> sources;
  SmallVector<int64_t> starts(sizes.size(), 0), steps(sizes.size(), 1);
  for (Value input : op.getInputs()) {
    ArrayRef<int64_t> shape = getShape(input);
    if (isFromWeights(input)) {
      SmallVector<bool> own(columns);
      std::vector<LanePart> dense = TensorShape::denseParts(Layout::make(shape, own).numColumns(), model);
      RowAccess access = accessConstant(input, Layout::natural(shape, 1), own, dense);
      ChipValue part;
      part.matrix = {access.layout.numRows(), static_cast<unsigned>(access.layout.numColumns())};
      part.parts = dense;
      part.f32 = access.tensor;
      parts.push_back(part);
      sources.push_back({nullptr, access.layout, layout.slice(starts, steps, shape)});
    } else {
      parts.push_back(values.find(input)->second);
      sources.push_back({nullptr, layoutOf(input), layout.slice(starts, steps, shape)});
    }
    starts[op.getAxis()] += shape[op.getAxis()];
  }
  for (auto [source, part] : llvm::zip_equal(sources, parts))
    source.value = &part;
  if (columns[op.getAxis()])
    copyElements(sources, chip, node);
  else
    for (const CopiedElements &source : sources)
      copyElements(source, chip, node);
  setLayout(chip, op.getResult(), layout);
  values[op.getResult()] = chip;
}

void GraphLowering::lowerPad(PadOp op) {
  ArrayRef<int64_t> sizes = getShape(op.getResult()), shape = getShape(op.getInput());
  std::string node = getNodeName(op);
  float number = 0;
  if (op.getValue() && !isFromWeights(op.getValue()))
    return refuse(op, "elements around a tensor that a run computes");
  if (op.getMode() != PadMode::constant)
    return refuse(op, "elements around a tensor other than constants");
  if (op.getValue())
    number = static_cast<float>(readNumber(op, op.getValue()));
  SmallVector<int64_t> low = getNumbers(op.getLow()), high = getNumbers(op.getHigh()), steps(sizes.size(), 1);
  inMemory(op.getInput());
  // Along rows, so that a vector is all within or all without.
  SmallVector<bool> columns = chooseColumns(sizes, op.getInput());
  for (size_t i = 0; i < sizes.size(); ++i)
    columns[i] = columns[i] && low[i] == 0 && high[i] == 0;
  Layout layout = Layout::make(sizes, columns);
  ChipValue chip = makeValue(layout, TensorShape::denseParts(layout.numColumns(), model), node);
  const ChipValue &input = values.find(op.getInput())->second;
  // What of the operand is left, and where it begins in the result.
  SmallVector<int64_t> from, to, kept;
  for (size_t i = 0; i < sizes.size(); ++i) {
    from.push_back(std::max<int64_t>(-low[i], 0));
    to.push_back(std::max<int64_t>(low[i], 0));
    kept.push_back(shape[i] - from[i] - std::max<int64_t>(-high[i], 0));
  }
  copyElements({{&input, layoutOf(op.getInput()).slice(from, steps, kept), layout.slice(to, steps, kept)}}, chip, node);
  // Around it: along each dimension what lies before and after, of those before it only where the operand is.
  ChipValue filling;
  filling.parts = TensorShape::denseParts(model.lanes(), model);
  filling.matrix = {1, model.lanes()};
  filling.f32 = constants.addRow(std::vector<float>(model.lanes(), number));
  SmallVector<int64_t> start(sizes.size(), 0), extent(sizes);
  for (size_t i = 0; i < sizes.size(); ++i) {
    for (bool isAfter : {false, true}) {
      SmallVector<int64_t> at(start), size(extent);
      at[i] = isAfter ? to[i] + kept[i] : 0;
      size[i] = isAfter ? sizes[i] - at[i] : to[i];
      if (size[i] == 0)
        continue;
      for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector)
        fillRows(layout.slice(at, steps, size), *filling.f32, {*chip.f32, vector}, node);
    }
    start[i] = to[i];
    extent[i] = kept[i];
  }
  setLayout(chip, op.getResult(), layout);
  values[op.getResult()] = chip;
}

void GraphLowering::fillRows(const Layout &layout, unsigned row, RowsOf target, const std::string &node) {
  RowWalk walk;
  for (const Layout::Dimension &dim : layout.dims)
    if (!dim.isColumns)
      walk.addDimension(dim.size, dim.stride, /*isFixed=*/false);
  walk.forEachRun(layout.row, [&](const RowWalk::Run &run) {
    VectorProgram copy;
    VectorOperand x = VectorOperand::input(copy.addInput(Element::Float32));
    copy.results = {copy.add(AluOp::Copy, Element::Float32, x).index};
    program.tasks.push_back({false,
                             {},
                             run.count,
                             std::make_shared<VectorProgram>(copy),
                             {{row, 0, 0, 0}},
                             {{target.tensor, target.vector, run.rows[0], static_cast<int>(run.steps[0])}},
                             node});
  });
}
