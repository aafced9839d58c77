//===- Reduction.cpp - Many elements to one, and running sums ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The axes of a reduction are an attribute, a constant, or, since version 13 of
// ReduceSum and 18 of the others, an input that a run decides. For the last case
// sizes are expressions over the input's elements: an axis a that a run decides
// is reduced by seeing the tensor as [sizes before a, size a, sizes after a],
// where each of the three is a product of selections, and reducing the middle.
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

using Kind = ElementwiseKind;

namespace {

/// A tensor seen as three dimensions, the middle one an axis that a run decides.
struct AxisView {
  /// `axis` may count from the end.
  AxisView(const SizeExpr &axis, ArrayRef<SizeExpr> sizes);
  /// Whether dimension i is the axis: 1 or 0.
  SizeExpr isAxis(int64_t i) const { return SizeExpr::eq(axis, i); }

  SizeExpr axis, before = 1, length = 0, after = 1;
};

AxisView::AxisView(const SizeExpr &axisOrNegative, ArrayRef<SizeExpr> sizes)
    : axis(SizeExpr::select(SizeExpr::lt(axisOrNegative, 0), axisOrNegative + SizeExpr(sizes.size()), axisOrNegative)) {
  for (auto [i, size] : llvm::enumerate(sizes)) {
    SizeExpr dimension(static_cast<int64_t>(i));
    before = before * SizeExpr::select(SizeExpr::lt(dimension, axis), size, 1);
    length = length + isAxis(i) * size;
    after = after * SizeExpr::select(SizeExpr::lt(axis, dimension), size, 1);
  }
}

/// The reductions of one node: all are over the same axes.
class Reducer {
public:
  explicit Reducer(NodeContext &node) : f(node), node(node) {}

  LogicalResult readAxesAttribute();
  LogicalResult readAxesInput();

  Value reduce(ReduceKind kind, Value x);
  Value reduceLogSumExp(Value x);
  /// The number of elements that become one.
  SizeExpr getCount();

  Formula f;

private:
  LogicalResult setAxes(std::optional<KnownIntegers> axes);
  /// These keep the axes, with size 1.
  Value applyDynamic(ReduceKind kind, Value x);
  /// Calls `reduceMiddle` for each axis, which gets three dimensions and reduces the middle one to size 1.
  Value mapAxes(Value x, function_ref<Value(Value view)> reduceMiddle);
  Sizes getResultSizes(Value kept);
  Value setSizes(Value x, ArrayRef<SizeExpr> sizes) {
    return node.createSized<ReshapeOp>(getTensorType(sizes, getElementType(x)), x);
  }

  NodeContext &node;
  bool keepDims = true;
  /// Increasing. Not used if there are dynamic ones.
  SmallVector<int64_t> axes;
  /// Where at least one axis is not a number: all of them.
  KnownIntegers dynamicAxes;
};

LogicalResult Reducer::setAxes(std::optional<KnownIntegers> given) {
  int64_t rank = getRank(node.operand(0));
  keepDims = node.getInt("keepdims", 1) != 0;
  bool keepsAll = node.getInt("noop_with_empty_axes", 0) != 0;
  if (!given || given->empty()) {
    if (!keepsAll)
      axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    return success();
  }
  SmallVector<int64_t> numbers;
  for (const SizeExpr &axis : *given)
    if (axis.constant())
      numbers.push_back(*axis.constant());
  if (numbers.size() < given->size()) {
    if (static_cast<int64_t>(given->size()) > rank)
      return node.malformed(Twine(given->size()) + " axes of a tensor of rank " + Twine(rank));
    dynamicAxes = *given;
    return success();
  }
  FailureOr<SmallVector<int64_t>> normalized = node.normalizeAxes(numbers, rank);
  if (failed(normalized))
    return failure();
  axes = *normalized;
  return success();
}

LogicalResult Reducer::readAxesAttribute() {
  std::optional<SmallVector<int64_t>> attribute = node.getInts("axes");
  if (!attribute)
    return setAxes(std::nullopt);
  return setAxes(KnownIntegers(attribute->begin(), attribute->end()));
}

LogicalResult Reducer::readAxesInput() {
  Value input = node.operand(1);
  if (!input)
    return setAxes(std::nullopt);
  std::optional<KnownIntegers> known = node.getKnownIntegers(input);
  if (!known)
    return node.fail("axes are computed at run time", "export the model with constant axes");
  return setAxes(known);
}

SizeExpr Reducer::getCount() {
  Sizes sizes = getSizes(node.operand(0));
  SizeExpr count = 1;
  for (int64_t axis : axes)
    count = count * sizes[axis];
  for (const SizeExpr &axis : dynamicAxes)
    count = count * AxisView(axis, sizes).length;
  return count;
}

Value Reducer::reduce(ReduceKind kind, Value x) {
  if (!x)
    return {};
  if (dynamicAxes.empty())
    return node.reduce(kind, x, axes, keepDims);
  Value kept = applyDynamic(kind, x);
  return !kept || keepDims ? kept : setSizes(kept, getResultSizes(kept));
}

Value Reducer::applyDynamic(ReduceKind kind, Value x) {
  // One axis after the other: what is done to the elements comes before the first, a division after the last.
  switch (kind) {
  case ReduceKind::mean:
    return f.div(applyDynamic(ReduceKind::sum, x), f.size(getCount(), getElementType(x)));
  case ReduceKind::sum_squares:
    return applyDynamic(ReduceKind::sum, f.mul(x, x));
  case ReduceKind::sum_abs:
    return applyDynamic(ReduceKind::sum, f.unary(Kind::abs, x));
  default:
    return mapAxes(x, [&](Value view) { return node.reduce(kind, view, 1, true); });
  }
}

Value Reducer::mapAxes(Value x, function_ref<Value(Value view)> reduceMiddle) {
  for (const SizeExpr &axis : dynamicAxes) {
    if (!x)
      return {};
    Sizes sizes = getSizes(x);
    AxisView view(axis, sizes);
    x = reduceMiddle(setSizes(x, {view.before, view.length, view.after}));
    for (auto [i, size] : llvm::enumerate(sizes))
      size = SizeExpr::select(view.isAxis(i), 1, size);
    x = x ? setSizes(x, sizes) : x;
  }
  return x;
}

/// m + log(sum(exp(x - m))) with m the greatest x, so that nothing overflows;
/// where that is infinite, x - m has no value, and m is 0.
static Value logSumExp(Formula &f, Value x, ArrayRef<int64_t> axes, bool keepDims) {
  NodeContext &node = f.node;
  Value greatest = node.reduce(ReduceKind::max, x, axes, true);
  if (!greatest)
    return {};
  Value shift = f.select(f.unary(Kind::is_inf, greatest), node.scalar(0, getElementType(x)), greatest);
  Value sum = node.reduce(ReduceKind::sum, f.unary(Kind::exp, f.sub(x, shift)), axes, keepDims);
  return sum && shift ? f.add(f.unary(Kind::log, sum), node.reshape(shift, getSizes(sum))) : Value();
}

Value Reducer::reduceLogSumExp(Value x) {
  if (dynamicAxes.empty())
    return logSumExp(f, x, axes, keepDims);
  // The logarithm of a sum over two axes is that over the first of those over the second.
  Value kept = mapAxes(x, [&](Value view) { return logSumExp(f, view, 1, true); });
  return !kept || keepDims ? kept : setSizes(kept, getResultSizes(kept));
}

Sizes Reducer::getResultSizes(Value kept) {
  Sizes sizes = getSizes(kept), result;
  // Dimension j of the result is the one that stays and has j before it that stay.
  result.assign(sizes.size() - dynamicAxes.size(), 0);
  SizeExpr position = 0;
  for (auto [i, size] : llvm::enumerate(sizes)) {
    SizeExpr stays = 1;
    for (const SizeExpr &axis : dynamicAxes)
      stays = stays * (SizeExpr(1) - AxisView(axis, sizes).isAxis(i));
    for (auto [j, resultSize] : llvm::enumerate(result))
      resultSize = resultSize + stays * SizeExpr::eq(position, static_cast<int64_t>(j)) * size;
    position = position + stays;
  }
  return result;
}

} // namespace

using Reduction = Value (*)(Reducer &reducer, Value x);

template <Reduction reduction, bool axesAreInput> static LogicalResult importReduction(NodeContext &node) {
  Reducer reducer(node);
  if (failed(axesAreInput ? reducer.readAxesInput() : reducer.readAxesAttribute()))
    return failure();
  return node.setResult(0, reduction(reducer, node.operand(0)));
}

template <ReduceKind kind> static Value reducePlain(Reducer &r, Value x) { return r.reduce(kind, x); }

/// Of truth values: false is less than true.
template <ReduceKind kind> static Value reduceExtreme(Reducer &r, Value x) {
  mlir::Type type = getElementType(x);
  if (!type.isInteger(1))
    return r.reduce(kind, x);
  return r.f.node.cast(r.reduce(kind, r.f.node.cast(x, r.f.unsignedInteger(8))), type);
}

/// Of integers: the sum divided by the number, cut to an integer.
static Value reduceMean(Reducer &r, Value x) {
  mlir::Type type = getElementType(x);
  if (isa<FloatType>(type))
    return r.reduce(ReduceKind::mean, x);
  return r.f.div(r.reduce(ReduceKind::sum, x), r.f.size(r.getCount(), type));
}

/// The floats in which square roots and logarithms are computed; of integers they
/// are cut to integers again.
static mlir::Type getFloatType(Formula &f, Value x) {
  mlir::Type type = getElementType(x);
  return isa<FloatType>(type) ? f.widened(type) : f.f64();
}

static Value reduceL2(Reducer &r, Value x) {
  NodeContext &node = r.f.node;
  Value sum = r.reduce(ReduceKind::sum_squares, node.cast(x, getFloatType(r.f, x)));
  return node.cast(r.f.unary(Kind::sqrt, sum), getElementType(x));
}

static Value reduceLogSum(Reducer &r, Value x) {
  NodeContext &node = r.f.node;
  Value sum = r.reduce(ReduceKind::sum, node.cast(x, getFloatType(r.f, x)));
  return node.cast(r.f.unary(Kind::log, sum), getElementType(x));
}

static Value reduceLogSumExp(Reducer &r, Value x) {
  NodeContext &node = r.f.node;
  return node.cast(r.reduceLogSumExp(node.cast(x, getFloatType(r.f, x))), getElementType(x));
}

template <ArgReduceKind kind> static LogicalResult importArgReduce(NodeContext &node) {
  Value x = node.operand(0);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", 0), getRank(x));
  if (failed(axis))
    return failure();
  bool keepDims = node.getInt("keepdims", 1) != 0, last = node.getInt("select_last_index", 0) != 0;
  return node.setResult(0, node.create<ArgReduceOp>(kind, x, *axis, keepDims, last));
}

static LogicalResult importCumSum(NodeContext &node) {
  Value x = node.operand(0);
  bool exclusive = node.getInt("exclusive", 0) != 0, reverse = node.getInt("reverse", 0) != 0;
  std::optional<KnownIntegers> known = node.getKnownIntegers(node.operand(1));
  if (!known || known->size() != 1)
    return node.fail("the axis is computed at run time", "export the model with a constant axis");
  const SizeExpr &axis = known->front();
  if (std::optional<int64_t> number = axis.constant()) {
    FailureOr<int64_t> normalized = node.normalizeAxis(*number, getRank(x));
    if (failed(normalized))
      return failure();
    return node.setResult(0, node.create<CumulativeSumOp>(x, *normalized, exclusive, reverse));
  }
  AxisView view(axis, getSizes(x));
  mlir::Type viewType = getTensorType({view.before, view.length, view.after}, getElementType(x));
  Value sums = node.create<CumulativeSumOp>(node.createSized<ReshapeOp>(viewType, x), 1, exclusive, reverse);
  return node.setResult(0, sums ? node.createSized<ReshapeOp>(x.getType(), sums) : sums);
}

/// Both forms of one reduction: axes as an attribute, then as an input.
template <Reduction reduction> static constexpr ImportFunction axesAttribute = importReduction<reduction, false>;
template <Reduction reduction> static constexpr ImportFunction axesInput = importReduction<reduction, true>;

static const OpRow rows[] = {
    {"ArgMax", 1, importArgReduce<ArgReduceKind::max>, 1, 1},
    {"ArgMin", 1, importArgReduce<ArgReduceKind::min>, 1, 1},
    {"CumSum", 11, importCumSum, 2, 2},
    {"ReduceL1", 1, axesAttribute<reducePlain<ReduceKind::sum_abs>>, 1, 1},
    {"ReduceL1", 18, axesInput<reducePlain<ReduceKind::sum_abs>>, 1, 2},
    {"ReduceL2", 1, axesAttribute<reduceL2>, 1, 1},
    {"ReduceL2", 18, axesInput<reduceL2>, 1, 2},
    {"ReduceLogSum", 1, axesAttribute<reduceLogSum>, 1, 1},
    {"ReduceLogSum", 18, axesInput<reduceLogSum>, 1, 2},
    {"ReduceLogSumExp", 1, axesAttribute<reduceLogSumExp>, 1, 1},
    {"ReduceLogSumExp", 18, axesInput<reduceLogSumExp>, 1, 2},
    {"ReduceMax", 1, axesAttribute<reduceExtreme<ReduceKind::max>>, 1, 1},
    {"ReduceMax", 18, axesInput<reduceExtreme<ReduceKind::max>>, 1, 2},
    {"ReduceMean", 1, axesAttribute<reduceMean>, 1, 1},
    {"ReduceMean", 18, axesInput<reduceMean>, 1, 2},
    {"ReduceMin", 1, axesAttribute<reduceExtreme<ReduceKind::min>>, 1, 1},
    {"ReduceMin", 18, axesInput<reduceExtreme<ReduceKind::min>>, 1, 2},
    {"ReduceProd", 1, axesAttribute<reducePlain<ReduceKind::prod>>, 1, 1},
    {"ReduceProd", 18, axesInput<reducePlain<ReduceKind::prod>>, 1, 2},
    {"ReduceSum", 1, axesAttribute<reducePlain<ReduceKind::sum>>, 1, 1},
    {"ReduceSum", 13, axesInput<reducePlain<ReduceKind::sum>>, 1, 2},
    {"ReduceSumSquare", 1, axesAttribute<reducePlain<ReduceKind::sum_squares>>, 1, 1},
    {"ReduceSumSquare", 18, axesInput<reducePlain<ReduceKind::sum_squares>>, 1, 2},
};

ArrayRef<OpRow> sinter::onnx::getReductionRows() { return rows; }
