//===- LowerRows.cpp - Functions and sums along rows of any layout --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where operands are repeated, transposed or slices of others, a function is computed
// for runs of rows that all of them share, from what is in memory, into memory.
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/stream/Lowering/Functions.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

static ArrayRef<int64_t> getShape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

void GraphLowering::addRowTasks(const VectorProgram &steps, ArrayRef<RowAccess> operands, const RowAccess &result,
                                unsigned numVectors, const std::string &node) {
  RowWalk walk;
  SmallVector<int64_t> firstRows = {result.layout.row};
  for (const RowAccess &operand : operands)
    firstRows.push_back(operand.layout.row);
  for (auto [d, dim] : llvm::enumerate(result.layout.dims)) {
    if (dim.isColumns)
      continue;
    SmallVector<int64_t> strides = {dim.stride};
    for (const RowAccess &operand : operands)
      strides.push_back(operand.layout.dims[d].stride);
    walk.addDimension(dim.size, strides, /*isFixed=*/false);
  }
  auto shared = std::make_shared<VectorProgram>(steps);
  walk.forEachRun(firstRows, [&](const RowWalk::Run &run) {
    for (unsigned vector = 0; vector < numVectors; ++vector) {
      std::vector<RowsOf> inputs;
      for (auto [k, operand] : llvm::enumerate(operands))
        inputs.push_back({operand.tensor, vector, run.rows[k + 1], static_cast<int>(run.steps[k + 1])});
      RowsOf to = {result.tensor, vector, run.rows[0], static_cast<int>(run.steps[0])};
      program.tasks.push_back({false, {}, run.count, shared, inputs, {to}, node});
    }
  });
}

bool GraphLowering::wantsRows(ElementwiseOp op) {
  Matrix matrix = getMatrix(op.getResult());
  const ChipValue *first = nullptr;
  for (Value operand : op.getOperands()) {
    if (getSplat(operand))
      continue;
    Matrix other = getMatrix(operand);
    bool isRow = other.rows == 1 && other.columns == matrix.columns;
    if (isFromWeights(operand)) {
      // Rows of constants are repeated where they are made.
      ArrayRef<int64_t> sizes = getShape(operand), all = getShape(op.getResult());
      while (!sizes.empty() && sizes.front() == 1)
        sizes = sizes.drop_front();
      if (sizes.size() > all.size() || sizes != all.take_back(sizes.size()))
        return true;
      continue;
    }
    if (!(other == matrix) && !isRow)
      return true;
    auto found = values.find(operand);
    if (found == values.end() || found->second.layout || !(found->second.matrix == other))
      return true;
    if (!found->second.f32)
      continue;
    if (first && !isSame(first->parts, found->second.parts))
      return true;
    first = &found->second;
  }
  return false;
}

void GraphLowering::lowerByRows(ElementwiseOp op) {
  ArrayRef<int64_t> sizes = getShape(op.getResult());
  std::string node = getNodeName(op);
  for (Value operand : op.getOperands())
    if (!isFromWeights(operand))
      inMemory(operand);
  SmallVector<bool> columns = chooseColumns(sizes, op.getOperands());
  Layout layout = Layout::make(sizes, columns);
  std::vector<LanePart> parts = TensorShape::denseParts(layout.numColumns(), model);
  VectorProgram steps;
  std::vector<RowAccess> accesses;
  SmallVector<VectorOperand, 3> operands;
  for (Value operand : op.getOperands()) {
    if (std::optional<float> number = getSplat(operand)) {
      operands.push_back(VectorOperand::constant(*number));
      continue;
    }
    RowAccess access =
        accessOperand(operand, [&](const Layout &own) { return own.broadcast(sizes); }, columns, parts, accesses);
    auto same = llvm::find_if(accesses, [&](const RowAccess &other) {
      return other.tensor == access.tensor && other.layout.isSame(access.layout);
    });
    if (same != accesses.end()) {
      operands.push_back(VectorOperand::input(same - accesses.begin()));
      continue;
    }
    accesses.push_back(access);
    operands.push_back(VectorOperand::input(steps.addInput(Element::Float32)));
  }
  VectorOperand y = *addFunction(steps, op.getKind(), operands);
  steps.results = {y.index};
  if (!layOut(steps, model))
    return refuse(op, "the function takes more than the " + std::to_string(model.alus) + " ALUs that there are");
  ChipValue chip = makeValue(layout, parts, node);
  addRowTasks(steps, accesses, {*chip.f32, layout}, countVectors(parts), node);
  setLayout(chip, op.getResult(), layout);
  values[op.getResult()] = chip;
}

void GraphLowering::lowerDot(MatmulOp op) {
  // [..., m, n] of [..., m, k] and [..., k, n], all along dimensions [..., m, n].
  ArrayRef<int64_t> sizes = getShape(op.getResult());
  std::string node = getNodeName(op);
  Value factors[] = {op.getLhs(), op.getRhs()};
  int64_t length = getShape(op.getLhs()).back();
  size_t rank = sizes.size();
  for (Value factor : factors)
    if (!isFromWeights(factor))
      inMemory(factor);
  // A factor has all dimensions but one of the result's: its columns are the result's, if they are not the summed ones.
  SmallVector<bool> columns(rank, false);
  auto hasColumns = [&](Value factor, size_t dim) {
    if (isFromWeights(factor))
      return false;
    Layout layout = layoutOf(factor);
    return layout.dims[layout.dims.size() - 2 + dim].isColumns && layout.dims[layout.dims.size() - 2 + dim].size > 1;
  };
  if (hasColumns(op.getLhs(), 0))
    columns[rank - 2] = true;
  else if (hasColumns(op.getRhs(), 1) || sizes[rank - 1] >= sizes[rank - 2])
    columns[rank - 1] = true;
  else
    columns[rank - 2] = true;
  Layout layout = Layout::make(sizes, columns);
  std::vector<LanePart> parts = TensorShape::denseParts(layout.numColumns(), model);
  // With the summed dimension as rows, in front.
  SmallVector<int64_t> all = {length};
  all.append(sizes.begin(), sizes.end());
  SmallVector<bool> allColumns = {false};
  allColumns.append(columns.begin(), columns.end());
  std::vector<RowAccess> access;
  for (unsigned i = 0; i < 2; ++i) {
    // [..., m, k] becomes [k, ..., m, 1], and [..., k, n] becomes [k, ..., 1, n].
    ArrayRef<int64_t> shape = getShape(factors[i]);
    size_t own = shape.size(), summed = i == 0 ? own - 1 : own - 2;
    SmallVector<int64_t> order = {static_cast<int64_t>(summed)}, aligned = {length};
    for (size_t d = 0; d < own; ++d)
      if (d != summed)
        order.push_back(d);
    aligned.append(rank - own, 1);
    for (size_t d = 0; d + 2 < own; ++d)
      aligned.push_back(shape[d]);
    aligned.append({i == 0 ? shape[own - 2] : 1, i == 0 ? 1 : shape[own - 1]});
    auto align = [&](const Layout &layout) { return layout.transpose(order).reshape(aligned)->broadcast(all); };
    access.push_back(accessOperand(factors[i], align, allColumns, parts, access));
  }
  ChipValue chip = makeValue(layout, parts, node);
  unsigned sum = 0;
  for (int64_t k = 0; k < length; ++k) {
    // sum = sum + a * b; each step rounds.
    VectorProgram steps;
    VectorOperand a = VectorOperand::input(steps.addInput(Element::Float32)),
                  b = VectorOperand::input(steps.addInput(Element::Float32));
    VectorOperand x = steps.add(AluOp::Mul, Element::Float32, a, b);
    if (k > 0)
      x = steps.add(AluOp::Add, Element::Float32, VectorOperand::input(steps.addInput(Element::Float32)), x);
    steps.results = {x.index};
    std::vector<RowAccess> inputs;
    for (const RowAccess &factor : access) {
      Layout row = factor.layout;
      row.row += k * row.dims.front().stride;
      row.dims.erase(row.dims.begin());
      inputs.push_back({factor.tensor, row});
    }
    if (k > 0)
      inputs.push_back({sum, layout});
    bool isLast = k + 1 == length;
    unsigned next = isLast ? *chip.f32 : *makeValue(layout, parts, node).f32;
    addRowTasks(steps, inputs, {next, layout}, countVectors(parts), node);
    sum = next;
  }
  setLayout(chip, op.getResult(), layout);
  values[op.getResult()] = chip;
}

GraphLowering::RowAccess GraphLowering::joinHalves(RowAccess x, unsigned dim, AluOp join, ArrayRef<bool> areColumns,
                                                   ArrayRef<LanePart> parts, const std::string &node) {
  VectorProgram copy, both;
  VectorOperand a = VectorOperand::input(copy.addInput(Element::Float32));
  copy.results = {copy.add(AluOp::Copy, Element::Float32, a).index};
  a = VectorOperand::input(both.addInput(Element::Float32));
  VectorOperand b = VectorOperand::input(both.addInput(Element::Float32));
  both.results = {both.add(join, Element::Float32, a, b).index};
  unsigned numVectors = countVectors(parts);
  // Positions [from, to) along the dimension.
  auto cut = [&](Layout layout, int64_t from, int64_t to) {
    layout.row += from * layout.dims[dim].stride;
    layout.dims[dim].size = to - from;
    return layout;
  };
  auto make = [&](int64_t count) {
    SmallVector<int64_t> own = x.layout.sizes();
    own[dim] = count;
    Layout layout = Layout::make(own, areColumns);
    return RowAccess{*makeValue(layout, parts.vec(), node).f32, layout};
  };
  // Two rows of one tensor lie in the same slices, so that a task cannot take both: each half is a tensor.
  int64_t count = x.layout.dims[dim].size;
  if (count == 1)
    return x;
  int64_t half = (count + 1) / 2;
  RowAccess low = {x.tensor, cut(x.layout, 0, half)}, high = make(count - half);
  addRowTasks(copy, RowAccess{x.tensor, cut(x.layout, half, count)}, high, numVectors, node);
  while (count > 1) {
    // x[i] = x[i] join x[i + half]; the one in the middle of an odd number stays.
    int64_t pairs = count - half, nextHalf = (half + 1) / 2;
    RowAccess next[] = {make(nextHalf), half > nextHalf ? make(half - nextHalf) : RowAccess{}};
    auto addPart = [&](int64_t from, int64_t to) {
      if (from >= to)
        return;
      bool isHigh = from >= nextHalf;
      int64_t begin = isHigh ? nextHalf : 0;
      RowAccess result = {next[isHigh].tensor, cut(next[isHigh].layout, from - begin, to - begin)};
      RowAccess a = {low.tensor, cut(low.layout, from, to)};
      if (from < pairs)
        addRowTasks(both, {a, {high.tensor, cut(high.layout, from, to)}}, result, numVectors, node);
      else
        addRowTasks(copy, a, result, numVectors, node);
    };
    addPart(0, std::min(pairs, nextHalf));
    addPart(nextHalf, pairs);
    addPart(pairs, half); // none or one
    low = next[0];
    high = next[1];
    count = half;
    half = nextHalf;
  }
  return low;
}

void GraphLowering::lowerReduce(ReduceOp op) {
  Value input = op.getInput();
  ArrayRef<int64_t> sizes = getShape(input);
  std::string node = getNodeName(op);
  AluOp join;
  switch (op.getKind()) {
  case ReduceKind::sum:
  case ReduceKind::mean:
    join = AluOp::Add;
    break;
  case ReduceKind::max:
    join = AluOp::Max;
    break;
  case ReduceKind::min:
    join = AluOp::Min;
    break;
  default:
    return refuse(op, "a reduction other than sum, mean, max and min");
  }
  if (llvm::is_contained(sizes, 0))
    return refuse(op, "a reduction of no elements");
  // Along rows: columns are others of the operand's, or the longest of the rest.
  inMemory(input);
  SmallVector<bool> columns = chooseColumns(sizes, input);
  SmallVector<int64_t> rest(sizes), kept;
  int64_t number = 1;
  for (int64_t axis : op.getAxes()) {
    columns[axis] = false;
    rest[axis] = 1;
    number *= sizes[axis];
  }
  if (!llvm::is_contained(columns, true))
    if (auto longest = llvm::max_element(rest); longest != rest.end() && *longest > 1)
      columns[longest - rest.begin()] = true;
  std::vector<LanePart> parts = TensorShape::denseParts(Layout::make(sizes, columns).numColumns(), model);
  RowAccess x = accessRows(input, layoutOf(input), columns, parts, /*mustCopy=*/false);
  for (int64_t axis : op.getAxes())
    x = joinHalves(x, axis, join, columns, parts, node);
  VectorProgram last;
  VectorOperand y = VectorOperand::input(last.addInput(Element::Float32));
  y = op.getKind() == ReduceKind::mean
          ? last.add(AluOp::Mul, Element::Float32, y, VectorOperand::constant(static_cast<float>(1.0 / number)))
          : last.add(AluOp::Copy, Element::Float32, y);
  last.results = {y.index};
  Layout layout = Layout::make(rest, columns);
  ChipValue chip = makeValue(layout, parts, node);
  addRowTasks(last, x, {*chip.f32, layout}, countVectors(parts), node);
  if (!op.getKeepDims())
    for (int64_t axis : llvm::reverse(op.getAxes()))
      layout.dims.erase(layout.dims.begin() + axis);
  setLayout(chip, op.getResult(), layout);
  values[op.getResult()] = chip;
}
