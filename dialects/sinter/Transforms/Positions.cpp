//===- Positions.cpp - Integers that follow from where they stand ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Positions.h"

using namespace mlir;
using namespace sinter;

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

SymbolBounds::SymbolBounds(ModuleOp module) {
  for (auto symbol : module.getOps<SymbolOp>()) {
    std::optional<int64_t> high;
    if (std::optional<uint64_t> declared = symbol.getHigh())
      high = static_cast<int64_t>(*declared);
    bounds[symbol.getSymName()] = {static_cast<int64_t>(symbol.getLow()), high};
  }
}

std::optional<SymbolBounds::Bounds> SymbolBounds::lookup(StringRef symbol) const {
  auto found = bounds.find(symbol);
  if (found == bounds.end())
    return std::nullopt;
  return found->second;
}

/// No input's element is called so: an input's name is a name of the model, followed by brackets.
static constexpr StringLiteral coordinatePrefix = "c$";

static SizeExpr coordinateSymbol(unsigned axis) {
  return SizeExpr::symbol((coordinatePrefix + Twine(axis) + "[]").str());
}

static std::optional<unsigned> asCoordinate(StringRef symbol) {
  unsigned axis;
  if (!symbol.consume_front(coordinatePrefix) || !symbol.consume_back("[]") || symbol.getAsInteger(10, axis))
    return std::nullopt;
  return axis;
}

/// The expression with the symbol replaced.
static SizeExpr replace(const SizeExpr &expression, StringRef symbol, const SizeExpr &by) {
  return expression.substitute(
      [&](StringRef name) { return name == symbol ? std::optional<SizeExpr>(by) : std::nullopt; });
}

/// What the symbol is multiplied by, where the expression is linear in it.
static std::optional<SizeExpr> coefficientOf(const SizeExpr &expression, StringRef symbol) {
  for (const auto &[monomial, number] : expression.getTerms()) {
    unsigned degree = 0;
    for (const SizeExpr::Atom &atom : monomial) {
      if (!atom.function) {
        degree += atom.text == symbol;
        continue;
      }
      bool inside = false;
      for (const SizeExpr &argument : atom.args)
        argument.forEachSymbol([&](StringRef name) { inside |= name == symbol; });
      if (inside)
        return std::nullopt;
    }
    if (degree > 1)
      return std::nullopt;
  }
  return replace(expression, symbol, 1) - replace(expression, symbol, 0);
}

Positions::Positions(const SymbolBounds &bounds, ArrayRef<SizeExpr> extents)
    : bounds(bounds), extents(extents.begin(), extents.end()) {}

SizeExpr Positions::coordinate(unsigned axis) const {
  return extents[axis].isConstant(1) ? SizeExpr(0) : coordinateSymbol(axis);
}

SmallVector<SizeExpr> Positions::getCoordinates() const {
  SmallVector<SizeExpr> result;
  for (unsigned axis = 0; axis < extents.size(); ++axis)
    result.push_back(coordinate(axis));
  return result;
}

bool Positions::isFixed(const SizeExpr &expression) {
  bool fixed = true;
  expression.forEachSymbol([&](StringRef name) { fixed &= !asCoordinate(name); });
  return fixed;
}

bool Positions::isAtLeast(SizeExpr expression, int64_t bound) const {
  // A linear expression is least at a corner of the box: each coordinate at one of its ends, by the sign of its
  // coefficient.
  for (unsigned axis = 0; axis < extents.size(); ++axis) {
    std::string symbol = coordinateSymbol(axis).str();
    std::optional<SizeExpr> coefficient = coefficientOf(expression, symbol);
    if (!coefficient)
      return false;
    if (coefficient->isConstant(0))
      continue;
    if (coefficient->isAtLeast(0))
      expression = replace(expression, symbol, 0);
    else if ((SizeExpr(0) - *coefficient).isAtLeast(0))
      expression = replace(expression, symbol, extents[axis] - SizeExpr(1));
    else
      return false;
  }
  if (expression.isAtLeast(bound))
    return true;
  std::vector<std::string> symbols;
  expression.forEachSymbol([&](StringRef name) { symbols.push_back(name.str()); });
  for (const std::string &symbol : symbols) {
    std::optional<SizeExpr> coefficient = coefficientOf(expression, symbol);
    std::optional<SymbolBounds::Bounds> known = bounds.lookup(symbol);
    if (!coefficient || !known)
      return false;
    if (coefficient->isConstant(0))
      continue;
    if (coefficient->isAtLeast(0))
      expression = replace(expression, symbol, known->low);
    else if ((SizeExpr(0) - *coefficient).isAtLeast(0) && known->high)
      expression = replace(expression, symbol, *known->high);
    else
      return false;
  }
  return expression.isAtLeast(bound);
}

bool Positions::isWithin(const SizeExpr &expression, const SizeExpr &size) const {
  return isAtLeast(expression, 0) && isAtLeast(size - expression, 1);
}

std::optional<Positions::Line> Positions::asLine(const SizeExpr &expression) const {
  std::optional<unsigned> axis;
  bool several = false;
  expression.forEachSymbol([&](StringRef name) {
    if (std::optional<unsigned> found = asCoordinate(name)) {
      several |= axis && *axis != *found;
      axis = found;
    }
  });
  if (!axis || several)
    return std::nullopt;
  std::string symbol = coordinateSymbol(*axis).str();
  std::optional<SizeExpr> coefficient = coefficientOf(expression, symbol);
  if (!coefficient || !coefficient->constant())
    return std::nullopt;
  return Line{*axis, *coefficient->constant(), replace(expression, symbol, 0)};
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

std::optional<SmallVector<SizeExpr>> Positions::reshape(ArrayRef<SizeExpr> at, ArrayRef<SizeExpr> from,
                                                        ArrayRef<SizeExpr> to) const {
  SizeExpr position;
  for (size_t i = 0; i < from.size(); ++i)
    position = position * from[i] + at[i];
  SmallVector<SizeExpr> result(to.size(), SizeExpr(0));
  for (size_t i = to.size(); i-- > 0;) {
    if (to[i].isConstant(1))
      continue;
    // position = quotient * to[i] + remainder, which is unique if the remainder is within [0, to[i]).
    SizeExpr quotient, remainder;
    for (const auto &[monomial, number] : position.getTerms()) {
      SizeExpr term(number);
      for (const SizeExpr::Atom &atom : monomial)
        term = term * (atom.function ? SizeExpr::apply(*atom.function, atom.args) : SizeExpr::symbol(atom.text));
      if (std::optional<SizeExpr> divided = SizeExpr::exactDiv(term, to[i]))
        quotient = quotient + *divided;
      else
        remainder = remainder + term;
    }
    if (i > 0 && !isWithin(remainder, to[i])) {
      // All dimensions before it have size 1: nothing to divide.
      if (!llvm::all_of(to.take_front(i), [](const SizeExpr &size) { return size.isConstant(1); }))
        return std::nullopt;
      quotient = 0;
      remainder = position;
    } else if (i == 0) {
      quotient = 0;
      remainder = position;
    }
    result[i] = remainder;
    position = quotient;
  }
  if (!position.isConstant(0))
    return std::nullopt;
  return result;
}

std::optional<int64_t> sinter::findStep(ArrayRef<SizeExpr> sizes) {
  if (sizes.empty())
    return std::nullopt;
  std::optional<int64_t> step = sizes.size() == 1 ? 0 : (sizes[1] - sizes[0]).constant();
  for (size_t i = 1; step && i < sizes.size(); ++i)
    if (sizes[i] - sizes[i - 1] != SizeExpr(*step))
      return std::nullopt;
  return step;
}

std::optional<SizeExpr> Positions::elementAt(Value tensor, ArrayRef<SizeExpr> at) { return find(tensor, at, 0); }

std::optional<SizeExpr> Positions::findConstant(DenseElementsAttr elements, ArrayRef<SizeExpr> at) {
  if (!isa<IntegerType>(elements.getElementType()) || elements.getNumElements() == 0)
    return std::nullopt;
  bool truth = elements.getElementType().isInteger(1);
  auto asNumber = [&](const APInt &value) {
    return truth ? static_cast<int64_t>(!value.isZero()) : value.getSExtValue();
  };
  // What stands for "no limit" would overflow in arithmetic.
  auto isLarge = [](int64_t number) { return number > (int64_t(1) << 40) || number < -(int64_t(1) << 40); };
  if (elements.isSplat()) {
    int64_t number = asNumber(elements.getSplatValue<APInt>());
    return isLarge(number) ? std::nullopt : std::optional<SizeExpr>(number);
  }
  SmallVector<int64_t> numbers;
  for (const APInt &value : elements.getValues<APInt>())
    numbers.push_back(asNumber(value));
  if (llvm::any_of(numbers, isLarge))
    return std::nullopt;
  ArrayRef<int64_t> shape = elements.getType().getShape();
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  // The table as numbers[0] + sum of slopes[i] * at[i], if it is one.
  SmallVector<int64_t> slopes(shape.size(), 0);
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] > 1)
      slopes[i] = numbers[strides[i]] - numbers[0];
  bool linear = true, fixed = true;
  for (size_t n = 0; n < numbers.size() && linear; ++n) {
    int64_t expected = numbers[0];
    for (size_t i = 0; i < shape.size(); ++i)
      expected += slopes[i] * (static_cast<int64_t>(n) / strides[i] % shape[i]);
    linear = expected == numbers[n];
  }
  SizeExpr result(numbers[0]);
  int64_t position = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!isWithin(at[i], shape[i]))
      return std::nullopt;
    result = result + SizeExpr(slopes[i]) * at[i];
    fixed = fixed && at[i].constant();
    if (fixed)
      position += strides[i] * *at[i].constant();
  }
  if (linear)
    return result;
  return fixed ? std::optional<SizeExpr>(numbers[position]) : std::nullopt;
}

/// The coordinates of an operand that is broadcast to a result of rank `at.size()`.
static SmallVector<SizeExpr> broadcastAt(Value operand, ArrayRef<SizeExpr> at) {
  Sizes sizes = getSizes(operand);
  SmallVector<SizeExpr> result(at.take_back(sizes.size()));
  for (size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i].isConstant(1))
      result[i] = 0;
  return result;
}

std::optional<SizeExpr> Positions::findElementwise(ElementwiseOp op, ArrayRef<SizeExpr> at, unsigned depth) {
  SmallVector<std::optional<SizeExpr>> x;
  for (Value operand : op.getOperands_())
    x.push_back(find(operand, broadcastAt(operand, at), depth + 1));
  auto truth = [&](const SizeExpr &difference) -> std::optional<SizeExpr> { // difference > 0
    if (isAtLeast(difference, 1))
      return SizeExpr(1);
    if (isAtLeast(SizeExpr(0) - difference, 0))
      return SizeExpr(0);
    return SizeExpr::lt(0, difference);
  };
  auto opposite = [](std::optional<SizeExpr> value) { return value ? std::optional(SizeExpr(1) - *value) : value; };
  ElementwiseKind kind = op.getKind();
  // What one operand alone may decide.
  if (kind == ElementwiseKind::logical_and || kind == ElementwiseKind::logical_or) {
    int64_t decides = kind == ElementwiseKind::logical_or;
    if ((x[0] && x[0]->isConstant(decides)) || (x[1] && x[1]->isConstant(decides)))
      return SizeExpr(decides);
    if (x[0] && x[0]->isConstant(1 - decides))
      return x[1];
    if (x[1] && x[1]->isConstant(1 - decides))
      return x[0];
    return std::nullopt;
  }
  if (kind == ElementwiseKind::select) {
    if (x[0] && x[0]->constant())
      return *x[0]->constant() ? x[1] : x[2];
    return x[1] && x[2] && *x[1] == *x[2] ? x[1] : std::nullopt;
  }
  for (const std::optional<SizeExpr> &operand : x)
    if (!operand)
      return std::nullopt;
  switch (kind) {
  case ElementwiseKind::add:
    return *x[0] + *x[1];
  case ElementwiseKind::sub:
    return *x[0] - *x[1];
  case ElementwiseKind::mul:
    return *x[0] * *x[1];
  case ElementwiseKind::neg:
    return SizeExpr(0) - *x[0];
  case ElementwiseKind::abs:
    if (isAtLeast(*x[0], 0))
      return x[0];
    if (isAtLeast(SizeExpr(0) - *x[0], 0))
      return SizeExpr(0) - *x[0];
    return std::nullopt;
  case ElementwiseKind::min:
  case ElementwiseKind::max: {
    if (std::optional<SizeExpr> greater = truth(*x[0] - *x[1]); greater && greater->constant())
      return greater->isConstant(1) == (kind == ElementwiseKind::max) ? x[0] : x[1];
    return std::nullopt;
  }
  case ElementwiseKind::greater:
    return truth(*x[0] - *x[1]);
  case ElementwiseKind::less:
    return truth(*x[1] - *x[0]);
  case ElementwiseKind::less_equal:
    return opposite(truth(*x[0] - *x[1]));
  case ElementwiseKind::greater_equal:
    return opposite(truth(*x[1] - *x[0]));
  case ElementwiseKind::equal:
    if (*x[0] == *x[1])
      return SizeExpr(1);
    if (isAtLeast(*x[0] - *x[1], 1) || isAtLeast(*x[1] - *x[0], 1))
      return SizeExpr(0);
    return std::nullopt;
  case ElementwiseKind::logical_not:
    return SizeExpr(1) - *x[0];
  default:
    return std::nullopt;
  }
}

std::optional<SizeExpr> Positions::find(Value tensor, ArrayRef<SizeExpr> at, unsigned depth) {
  Type type = getElementType(tensor);
  // Narrower integers could wrap, and unsigned ones below 0 too.
  if (!type.isSignlessInteger(64) && !type.isSignlessInteger(32) && !type.isInteger(1))
    return std::nullopt;
  Operation *op = tensor.getDefiningOp();
  if (!op || depth > 48 || budget == 0)
    return std::nullopt;
  --budget;
  if (auto constant = dyn_cast<ConstantOp>(op)) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    return elements ? findConstant(elements, at) : std::nullopt;
  }
  if (auto sizes = dyn_cast<SizesOp>(op)) {
    SmallVector<SizeExpr> values = sizes.getSizes().getSizes();
    if (sizes.getScalar())
      return values[0];
    if (std::optional<int64_t> step = findStep(values); step && isWithin(at[0], values.size()))
      return values[0] + SizeExpr(*step) * at[0];
    std::optional<int64_t> position = at[0].constant();
    return position && *position >= 0 && *position < static_cast<int64_t>(values.size())
               ? std::optional(values[*position])
               : std::nullopt;
  }
  if (auto range = dyn_cast<RangeOp>(op)) {
    std::optional<SizeExpr> start = find(range.getStart(), {}, depth + 1),
                            delta = find(range.getDelta(), {}, depth + 1);
    return start && delta ? std::optional(*start + *delta * at[0]) : std::nullopt;
  }
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    auto before = this->reshape(at, getSizes(tensor), getSizes(reshape.getInput()));
    return before ? find(reshape.getInput(), *before, depth + 1) : std::nullopt;
  }
  if (auto broadcast = dyn_cast<BroadcastOp>(op))
    return find(broadcast.getInput(), broadcastAt(broadcast.getInput(), at), depth + 1);
  if (auto transpose = dyn_cast<TransposeOp>(op)) {
    SmallVector<SizeExpr> before(at.size());
    for (auto [i, axis] : llvm::enumerate(transpose.getPermutation()))
      before[axis] = at[i];
    return find(transpose.getInput(), before, depth + 1);
  }
  if (auto slice = dyn_cast<SliceOp>(op)) {
    SmallVector<SizeExpr> before;
    for (auto [start, step, position] : llvm::zip(slice.getStarts().getSizes(), slice.getSteps().getSizes(), at))
      before.push_back(start + step * position);
    return find(slice.getInput(), before, depth + 1);
  }
  if (auto concat = dyn_cast<ConcatOp>(op)) {
    SmallVector<SizeExpr> before(at);
    SizeExpr &along = before[concat.getAxis()];
    for (Value input : concat.getInputs()) {
      SizeExpr size = getSize(input, concat.getAxis());
      if (isWithin(along, size))
        return find(input, before, depth + 1);
      if (!isAtLeast(along - size, 0))
        return std::nullopt;
      along = along - size;
    }
    return std::nullopt;
  }
  if (auto cast = dyn_cast<CastOp>(op)) {
    Type from = getElementType(cast.getInput());
    if (!from.isIntOrFloat())
      return std::nullopt;
    std::optional<SizeExpr> value = find(cast.getInput(), at, depth + 1);
    if (!value)
      return std::nullopt;
    if (type.isInteger(1) && !from.isInteger(1)) {
      if (isAtLeast(*value, 1) || isAtLeast(SizeExpr(0) - *value, 1))
        return SizeExpr(1);
      return value->isConstant(0) ? value : std::nullopt;
    }
    if (type.getIntOrFloatBitWidth() < from.getIntOrFloatBitWidth() &&
        !(isAtLeast(*value, 0) && isAtLeast(SizeExpr(INT32_MAX) - *value, 0)))
      return std::nullopt;
    return value;
  }
  if (auto gather = dyn_cast<GatherElementsOp>(op)) {
    SmallVector<SizeExpr> before(at);
    std::optional<SizeExpr> index = find(gather.getIndices(), at, depth + 1);
    SizeExpr size = getSize(gather.getData(), gather.getAxis());
    if (!index || !isWithin(*index, size))
      return std::nullopt;
    before[gather.getAxis()] = *index;
    return find(gather.getData(), before, depth + 1);
  }
  if (auto gather = dyn_cast<GatherOp>(op)) {
    size_t axis = gather.getAxis(), indexRank = getRank(gather.getIndices());
    std::optional<SizeExpr> index = find(gather.getIndices(), at.slice(axis, indexRank), depth + 1);
    if (!index || !isWithin(*index, getSize(gather.getData(), axis)))
      return std::nullopt;
    SmallVector<SizeExpr> before(at.take_front(axis));
    before.push_back(*index);
    llvm::append_range(before, at.drop_front(axis + indexRank));
    return find(gather.getData(), before, depth + 1);
  }
  if (auto elementwise = dyn_cast<ElementwiseOp>(op))
    return findElementwise(elementwise, at, depth);
  return std::nullopt;
}
