//===- Values.cpp - Values as tensors of a streaming chip -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

Matrix GraphLowering::getMatrix(Value value) {
  llvm::ArrayRef<int64_t> shape = cast<RankedTensorType>(value.getType()).getShape();
  Matrix matrix = {1, shape.empty() ? 1u : static_cast<unsigned>(shape.back())};
  for (int64_t size : shape.drop_back(shape.empty() ? 0 : 1))
    matrix.rows *= size;
  return matrix;
}

unsigned GraphLowering::addTensor(StreamTensor::Kind kind, std::string name, Element type, int64_t rows,
                                  std::vector<LanePart> parts, Hemisphere side) {
  StreamTensor tensor;
  tensor.kind = kind;
  tensor.name = std::move(name);
  tensor.side = side;
  tensor.shape = {type, rows, std::move(parts), 1};
  return program.add(std::move(tensor));
}

unsigned GraphLowering::addTemporary(const std::string &name, Element type, const ChipValue &chip, Hemisphere side) {
  return addTensor(StreamTensor::Temporary, name, type, chip.matrix.rows, chip.parts, side);
}

std::vector<LanePart> GraphLowering::partsOf(ArrayRef<LanePart> parts, unsigned vector) {
  std::vector<LanePart> chosen;
  llvm::copy_if(parts, std::back_inserter(chosen), [&](const LanePart &part) { return part.vector == vector; });
  return chosen;
}

bool GraphLowering::anyUse(Value value, llvm::function_ref<bool(OpOperand &)> call) const {
  auto found = values.find(value);
  unsigned columns = found == values.end() ? getMatrix(value).columns : found->second.matrix.columns;
  std::function<bool(Value)> visit = [&](Value of) {
    return llvm::any_of(of.getUses(), [&](OpOperand &use) {
      auto reshape = dyn_cast<ReshapeOp>(use.getOwner());
      return reshape && keepsRows(reshape, columns) ? visit(reshape.getResult()) : call(use);
    });
  };
  return visit(value);
}

bool GraphLowering::isProductOf(OpOperand &use) {
  auto matmul = dyn_cast<MatmulOp>(use.getOwner());
  return use.getOperandNumber() == 0 && (matmul ? !isDot(matmul) : isa<LayerNormOp, RmsNormOp>(use.getOwner()));
}

bool GraphLowering::isMultiplied(Value value) const { return anyUse(value, isProductOf); }

bool GraphLowering::isReadInF32(Value value) const {
  std::optional<HeadForm> form = findHeadForm(value);
  return anyUse(value, [&](OpOperand &use) {
    if (auto attention = dyn_cast<AttentionOp>(use.getOwner()))
      return !form || !isSameForm(*form, {attention, use.getOperandNumber()});
    auto matmul = dyn_cast<MatmulOp>(use.getOwner());
    return matmul ? isDot(matmul) : !isa<QuantizeOp>(use.getOwner());
  });
}

std::optional<HeadForm> GraphLowering::findHeadForm(Value value) const {
  std::optional<HeadForm> form;
  anyUse(value, [&](OpOperand &use) {
    if (auto attention = dyn_cast<AttentionOp>(use.getOwner()); attention && use.getOperandNumber() < 3)
      form = HeadForm{attention, use.getOperandNumber()};
    return form.has_value();
  });
  // Products that read the value, too, may have promised other tiles.
  if (form && anyUse(value, [&](OpOperand &use) {
        NumericsAttr numerics = NumericsAttr::of(use.getOwner());
        return isProductOf(use) && numerics && !hasTiles(layOutFor(*form), numerics.getTile());
      }))
    return std::nullopt;
  return form;
}

bool GraphLowering::hasTiles(ArrayRef<LanePart> parts, unsigned tile) const {
  return llvm::all_of(parts, [&](const LanePart &part) {
    for (unsigned i = 0; i < part.columns; ++i)
      if ((part.column + i) / tile != (part.vector * model.lanes() + part.lane + i) / model.halfLanes())
        return false;
    return true;
  });
}

std::optional<HeadForm> GraphLowering::findHeadLayout(Value value) const {
  std::optional<HeadForm> form = findHeadForm(value);
  anyUse(value, [&](OpOperand &use) {
    if (auto rotary = dyn_cast<RotaryOp>(use.getOwner()); rotary && !form && use.getOperandNumber() == 0)
      form = findHeadForm(rotary.getResult());
    return form.has_value();
  });
  return form;
}

bool GraphLowering::isSameForm(const HeadForm &a, const HeadForm &b) const {
  if (a.operand != b.operand || !isSame(layOutFor(a), layOutFor(b)))
    return false;
  AttentionRuns runsOfA(sizesOf(a.op), model), runsOfB(sizesOf(b.op), model);
  if (a.operand != 0)
    return runsOfA.keys == runsOfB.keys;
  return runsOfA.queries == runsOfB.queries && AttentionOp(a.op).getScale() == AttentionOp(b.op).getScale();
}

AttentionSizes GraphLowering::sizesOf(AttentionOp op) {
  auto dims = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
  ArrayRef<int64_t> query = dims(op.getQuery()), value = dims(op.getValue());
  return {query[0],
          query[1],
          value[1],
          static_cast<unsigned>(query[2]),
          static_cast<unsigned>(value[2]),
          static_cast<unsigned>(query[3]),
          static_cast<unsigned>(value[3])};
}

std::vector<LanePart> GraphLowering::layOutFor(const HeadForm &form) const {
  AttentionSizes sizes = sizesOf(form.op);
  std::optional<std::vector<LanePart>> parts;
  if (form.operand == 0)
    parts = layOutHeads(sizes.heads, sizes.size, sizes.heads / sizes.groups, model);
  else
    parts = layOutHeads(sizes.groups, form.operand == 1 ? sizes.size : sizes.valueSize, 1, model);
  return parts.value_or(std::vector<LanePart>());
}

std::vector<LanePart> GraphLowering::chooseParts(Value value) const {
  if (std::optional<HeadForm> form = findHeadLayout(value))
    return layOutFor(*form);
  if (const ChipValue *other = findInMemory(value))
    return other->parts;
  return TensorShape::denseParts(values.find(value)->second.matrix.columns, model);
}

const ChipValue *GraphLowering::findInMemory(Value value) const {
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<ElementwiseOp>(op))
    return nullptr;
  for (Value operand : op->getOperands()) {
    auto found = values.find(operand);
    if (found == values.end())
      continue;
    if (found->second.f32)
      return &found->second;
    if (const ChipValue *other = findInMemory(operand))
      return other;
  }
  return nullptr;
}

bool GraphLowering::isPartOfFunction(Value value) {
  return value.hasOneUse() && isa<ElementwiseOp>(*value.user_begin()) &&
         getMatrix(value) == getMatrix(value.user_begin()->getResult(0));
}

bool GraphLowering::isSame(ArrayRef<LanePart> a, ArrayRef<LanePart> b) {
  return llvm::equal(a, b, [](const LanePart &x, const LanePart &y) {
    return x.column == y.column && x.columns == y.columns && x.vector == y.vector && x.lane == y.lane;
  });
}

void GraphLowering::forEachQuantize(Value value, llvm::function_ref<void(QuantizeOp)> call) const {
  anyUse(value, [&](OpOperand &use) {
    if (auto quantize = dyn_cast<QuantizeOp>(use.getOwner()))
      call(quantize);
    return false;
  });
}

double GraphLowering::readNumber(Operation *op, Value value) {
  llvm::Expected<double> number = constants.readNumber(value);
  if (number)
    return *number;
  refuse(op, llvm::toString(number.takeError()));
  return 0;
}

int32_t GraphLowering::getZeroPoint(Operation *op, Value zeroPoint, Type type) {
  int32_t zero = zeroPoint ? static_cast<int32_t>(readNumber(op, zeroPoint)) : 0;
  return cast<QuantizedType>(cast<RankedTensorType>(type).getElementType()).getStorage().isUnsignedInteger()
             ? zero - 128
             : zero;
}

void GraphLowering::addCodes(QuantizeOp op, const ChipValue &chip, std::vector<Written> &results) {
  ChipValue &codes = values[op.getResult()];
  if (codes.codes[0])
    return;
  codes.matrix = chip.matrix;
  codes.parts = chip.parts;
  float scale = static_cast<float>(readNumber(op, op.getScale()));
  int32_t zeroPoint = getZeroPoint(op, op.getZeroPoint(), op.getResult().getType());
  for (Hemisphere half : bothSides) {
    codes.codes[static_cast<unsigned>(half)] = addTemporary(getNodeName(op), Element::Int8, codes, half);
    results.push_back({*codes.codes[static_cast<unsigned>(half)], Element::Int8, 1.0f / scale, zeroPoint});
  }
}

std::vector<Written> GraphLowering::addResults(Value value, ChipValue &chip) {
  std::vector<Written> results;
  std::string name = value.getDefiningOp() ? getNodeName(value.getDefiningOp()) : "input";
  if (isReadInF32(value) && !chip.f32) {
    chip.f32 = addTemporary(name, Element::Float32, chip, nextSide());
    results.push_back({*chip.f32, Element::Float32});
  }
  forEachQuantize(value, [&](QuantizeOp quantize) { addCodes(quantize, chip, results); });
  for (Hemisphere half : bothSides) {
    unsigned index = static_cast<unsigned>(half);
    if (isMultiplied(value) && !chip.f16[index]) {
      chip.f16[index] = addTemporary(name, Element::Float16, chip, half);
      results.push_back({*chip.f16[index], Element::Float16});
    }
  }
  if (std::optional<HeadForm> form = findHeadForm(value); form && !chip.heads[0])
    llvm::append_range(results, addHeads(chip, *form, name));
  return results;
}

void GraphLowering::addWrites(Chain &chain, VectorOperand x, unsigned vector, ArrayRef<Written> results,
                              std::vector<RowsOf> &targets) {
  bool isWritten = false;
  // What two hemispheres get is the same but for its last step.
  const Written *last = nullptr;
  VectorOperand prepared;
  for (const Written &result : results) {
    if (!last || last->type != result.type || last->scale != result.scale || last->zeroPoint != result.zeroPoint)
      prepared = prepare(chain, x, result);
    last = &result;
    VectorOperand written = prepared;
    // An operation's result goes one way; an input or a result that goes another way already is passed on.
    if (result.type != Element::Float32)
      written = chain.program.convert(result.zeroPoint ? Element::Int32 : Element::Float32, result.type, prepared);
    else if (x.kind != VectorOperand::Operation || isWritten)
      written = chain.program.add(AluOp::Copy, Element::Float32, x);
    isWritten |= result.type == Element::Float32;
    chain.program.results.push_back(written.index);
    targets.push_back({result.tensor, vector, 0, 1});
  }
}

VectorOperand GraphLowering::prepare(Chain &chain, VectorOperand x, const Written &result) {
  if (result.scale)
    x = chain.program.add(AluOp::Mul, Element::Float32, x, VectorOperand::constant(*result.scale));
  if (!result.zeroPoint)
    return x;
  x = chain.program.convert(Element::Float32, Element::Int32, x);
  return chain.program.add(AluOp::Add, Element::Int32, x,
                           VectorOperand::constant(static_cast<uint32_t>(result.zeroPoint)));
}

unsigned GraphLowering::countVectors(ArrayRef<LanePart> parts) {
  unsigned count = 0;
  for (const LanePart &part : parts)
    count = std::max(count, part.vector + 1);
  return count;
}

void GraphLowering::addForms(const ChipValue &chip, ArrayRef<Written> results, const std::string &node) {
  size_t first = program.tasks.size();
  for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector) {
    Chain chain;
    std::vector<RowsOf> targets;
    addWrites(chain, addInput(chain, {*chip.f32, vector, 0, 1}), vector, results, targets);
    addTasks(chain, chip.matrix, vector, chip.parts, targets, node);
  }
  cutRows(first);
}

void GraphLowering::cutRows(size_t first) {
  llvm::ArrayRef<Task> whole = llvm::ArrayRef(program.tasks).drop_front(first);
  int64_t rows = whole.empty() ? 0 : whole.front().rows, length = model.accumulatorRows;
  if (rows <= length || !llvm::all_of(whole, [&](const Task &task) {
        return task.tiles.empty() && task.rows == rows && task.lookups.empty() &&
               llvm::none_of(task.program->operations, [](const VectorOperation &step) { return step.isRunning; });
      }))
    return;
  std::vector<Task> parts;
  for (int64_t row = 0; row < rows; row += length)
    for (const Task &task : whole) {
      parts.push_back(task);
      parts.back().rows = std::min(length, rows - row);
      parts.back().inputs = moveRows(task.inputs, row);
      parts.back().results = moveRows(task.results, row);
    }
  program.tasks.resize(first);
  llvm::move(parts, std::back_inserter(program.tasks));
}

std::vector<RowsOf> GraphLowering::moveRows(ArrayRef<RowsOf> rows, int64_t by) {
  std::vector<RowsOf> moved = rows.vec();
  for (RowsOf &row : moved)
    row.row += by * row.step;
  return moved;
}

void GraphLowering::finish(Value value) {
  if (!isPartOfFunction(value))
    materialize(value);
}

void GraphLowering::ensureForms(Value value, Operation *op) {
  ChipValue &chip = values.find(value)->second;
  // Where a sum is cut, and so its bits, is what the op says.
  NumericsAttr numerics = NumericsAttr::of(op);
  if (unsigned tile = numerics ? numerics.getTile() : model.halfLanes(); !hasTiles(chip.parts, tile)) {
    std::vector<LanePart> parts;
    for (unsigned column = 0; column < chip.matrix.columns; column += tile) {
      unsigned half = column / tile;
      parts.push_back({column, std::min(tile, chip.matrix.columns - column), half / 2, half % 2 * model.halfLanes()});
    }
    Layout rows = Layout::make({chip.matrix.rows, chip.matrix.columns}, {false, true});
    ChipValue copy = makeValue(rows, parts, getNodeName(op));
    copyElements({{&inMemory(value), rows, rows}}, copy, getNodeName(op));
    chip = copy;
  }
  if (chip.f16[0])
    return;
  std::vector<Written> results;
  for (Hemisphere half : bothSides) {
    unsigned index = static_cast<unsigned>(half);
    chip.f16[index] = addTemporary("input", Element::Float16, chip, half);
    results.push_back({*chip.f16[index], Element::Float16});
  }
  addForms(chip, results, "input");
}
