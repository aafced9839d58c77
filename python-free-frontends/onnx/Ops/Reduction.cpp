//===- Reduction.cpp - Many elements to one, and running sums ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The axes of a reduction are an attribute, a constant, or, since version 13 of
// ReduceSum and 18 of the others, an input that a run decides. For the last case
// each dimension of size s is seen as two, of which one has size s and the other
// 1: the first stays, and the second is reduced. Which is which is an expression
// over the input's elements. For axes = [a] of a tensor of sizes [4, 5]:
//
//   [select(eq(a, 0), 1, 4), select(eq(a, 0), 4, 1),
//    select(eq(a, 1), 1, 5), select(eq(a, 1), 5, 1)], reduced over 1 and 3
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

using Kind = ElementwiseKind;

namespace {

/// The reductions of one node: all are over the same axes.
class Reducer {
public:
  /// A reduction of a tensor over some axes, which become 1 or go.
  using Function = function_ref<Value(Value x, ArrayRef<int64_t> axes, bool keepDims)>;

  explicit Reducer(NodeContext &node) : f(node), node(node) {}

  LogicalResult readAxesAttribute();
  LogicalResult readAxesInput();

  Value reduce(Value x, Function function);
  Value reduce(ReduceKind kind, Value x) {
    return reduce(x, [&](Value view, ArrayRef<int64_t> viewAxes, bool keeps) {
      return node.reduce(kind, view, viewAxes, keeps);
    });
  }
  /// The number of elements that become one.
  SizeExpr getCount();

  Formula f;

private:
  LogicalResult setAxes(std::optional<KnownIntegers> axes);
  /// Whether a run reduces this dimension: 1 or 0.
  SizeExpr isReduced(int64_t dimension);
  Value setSizes(Value x, ArrayRef<SizeExpr> sizes);

  NodeContext &node;
  bool keepDims = true;
  /// Increasing. Not used if there are dynamic ones.
  SmallVector<int64_t> axes;
  /// Where at least one axis is not a number: all of them, counted from the start.
  KnownIntegers dynamicAxes;
};

/// An axis of a tensor of that rank, counted from the start.
SizeExpr countFromStart(const SizeExpr &axis, int64_t rank) {
  return SizeExpr::select(SizeExpr::lt(axis, 0), axis + SizeExpr(rank), axis);
}

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
    int64_t count = given->size();
    if (count > rank)
      return node.malformed(Twine(count) + " axes of a tensor of rank " + Twine(rank));
    // As many as there are: all, in some order.
    if (count == rank)
      axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    else
      for (const SizeExpr &axis : *given)
        dynamicAxes.push_back(countFromStart(axis, rank));
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

SizeExpr Reducer::isReduced(int64_t dimension) {
  SizeExpr count = 0;
  for (const SizeExpr &axis : dynamicAxes)
    count = count + SizeExpr::eq(axis, dimension);
  return dynamicAxes.size() == 1 ? count : SizeExpr::lt(0, count);
}

SizeExpr Reducer::getCount() {
  Sizes sizes = getSizes(node.operand(0));
  SizeExpr count = 1;
  for (int64_t axis : axes)
    count = count * sizes[axis];
  if (!dynamicAxes.empty())
    for (auto [i, size] : llvm::enumerate(sizes))
      count = count * SizeExpr::select(isReduced(i), size, 1);
  return count;
}

Value Reducer::setSizes(Value x, ArrayRef<SizeExpr> sizes) {
  for (const SizeExpr &size : sizes)
    if (size.isTooLarge())
      return (void)node.fail("the sizes for " + Twine(dynamicAxes.size()) + " axes that a run decides are too long",
                             "export the model with constant axes"),
             Value();
  return node.createSized<ReshapeOp>(getTensorType(sizes, getElementType(x)), x);
}

Value Reducer::reduce(Value x, Function function) {
  if (!x || dynamicAxes.empty())
    return function(x, axes, keepDims);
  Sizes sizes = getSizes(x), pairs, kept;
  SmallVector<int64_t> second;
  for (auto [i, size] : llvm::enumerate(sizes)) {
    SizeExpr reduced = isReduced(i);
    kept.push_back(SizeExpr::select(reduced, 1, size));
    second.push_back(pairs.size() + 1);
    pairs.push_back(kept.back());
    pairs.push_back(SizeExpr::select(reduced, size, 1));
  }
  Value view = setSizes(x, pairs);
  Value result = view ? function(view, second, false) : Value();
  if (!result || keepDims)
    return result;
  // Dimension j of the result is the one that stays and has j before it that stay.
  Sizes removed(sizes.size() - dynamicAxes.size(), SizeExpr(0));
  for (auto [j, size] : llvm::enumerate(removed)) {
    SizeExpr numBefore = 0;
    SmallVector<SizeExpr> isIt;
    for (size_t i = 0; i < sizes.size(); ++i) {
      SizeExpr stays = SizeExpr(1) - isReduced(i);
      isIt.push_back(stays * SizeExpr::eq(numBefore, static_cast<int64_t>(j)));
      numBefore = numBefore + stays;
    }
    for (int64_t i = sizes.size() - 1; i >= 0; --i)
      size = SizeExpr::select(isIt[i], sizes[i], size);
  }
  return setSizes(result, removed);
}

/// m + log(sum(exp(x - m))) with m the greatest x, so that nothing overflows;
/// where that is infinite, x - m has no value, and m is 0.
static Value logSumExp(Formula &f, Value x, ArrayRef<int64_t> axes, bool keepDims) {
  NodeContext &node = f.node;
  Value greatest = node.reduce(ReduceKind::max, x, axes, true);
  Value shift = f.select(f.unary(Kind::is_inf, greatest), node.scalar(0, getElementType(x)), greatest);
  Value sum = node.reduce(ReduceKind::sum, f.unary(Kind::exp, f.sub(x, shift)), axes, keepDims);
  return sum && shift ? f.add(f.unary(Kind::log, sum), node.reshape(shift, getSizes(sum))) : Value();
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
  Value result = r.reduce(node.cast(x, getFloatType(r.f, x)), [&](Value view, ArrayRef<int64_t> axes, bool keepDims) {
    return logSumExp(r.f, view, axes, keepDims);
  });
  return node.cast(result, getElementType(x));
}

template <ArgReduceKind kind> static LogicalResult importArgReduce(NodeContext &node) {
  Value x = node.operand(0);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", 0), getRank(x));
  if (failed(axis))
    return failure();
  bool keepDims = node.getInt("keepdims", 1) != 0, last = node.getInt("select_last_index", 0) != 0;
  return node.setResult(0, node.create<ArgReduceOp>(kind, x, *axis, keepDims, last));
}

static Value cumulativeSum(NodeContext &node, Value x, int64_t axis, bool exclusive, bool reverse) {
  return node.create<CumulativeSumOp>(x, axis, exclusive, reverse);
}

/// result[i] = the product over k of x[k] where k is at most i, of 1 elsewhere.
static Value cumulativeProduct(NodeContext &node, Value x, int64_t axis, bool exclusive, bool reverse) {
  Formula f(node);
  if (!x)
    return {};
  Sizes sizes = getSizes(x), view = sizes;
  view.insert(view.begin() + axis, SizeExpr(1));
  int64_t rank = view.size();
  Value i = f.positions(sizes[axis], axis, rank), k = f.positions(sizes[axis], axis + 1, rank);
  Value isFactor = f.binary(exclusive ? Kind::less : Kind::less_equal, reverse ? i : k, reverse ? k : i);
  Value factors = f.select(isFactor, node.reshape(x, view), node.scalar(1, getElementType(x)));
  return node.reduce(ReduceKind::prod, factors, {axis + 1}, /*keepDims=*/false);
}

/// A running sum or product along an axis, which a run may decide.
template <Value accumulate(NodeContext &, Value, int64_t, bool, bool)>
static LogicalResult importCumulative(NodeContext &node) {
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
    return node.setResult(0, accumulate(node, x, *normalized, exclusive, reverse));
  }
  // Seen as [sizes before the axis, its own, sizes after it].
  Sizes sizes = getSizes(x);
  SizeExpr position = countFromStart(axis, sizes.size()), before = 0, length = 0, after = 0;
  for (int64_t i = 0, rank = sizes.size(); i < rank; ++i) {
    SizeExpr isAxis = SizeExpr::eq(position, i);
    before = SizeExpr::select(isAxis, SizeExpr::product(ArrayRef(sizes).take_front(i)), before);
    length = SizeExpr::select(isAxis, sizes[i], length);
    after = SizeExpr::select(isAxis, SizeExpr::product(ArrayRef(sizes).drop_front(i + 1)), after);
  }
  mlir::Type viewType = getTensorType({before, length, after}, getElementType(x));
  Value result = accumulate(node, node.createSized<ReshapeOp>(viewType, x), 1, exclusive, reverse);
  return node.setResult(0, result ? node.createSized<ReshapeOp>(x.getType(), result) : result);
}

/// Both forms of one reduction: axes as an attribute, then as an input.
template <Reduction reduction> static constexpr ImportFunction axesAttribute = importReduction<reduction, false>;
template <Reduction reduction> static constexpr ImportFunction axesInput = importReduction<reduction, true>;

static const OpRow rows[] = {
    {"ArgMax", 1, importArgReduce<ArgReduceKind::max>, 1, 1},
    {"ArgMin", 1, importArgReduce<ArgReduceKind::min>, 1, 1},
    {"CumProd", 26, importCumulative<cumulativeProduct>, 2, 2},
    {"CumSum", 11, importCumulative<cumulativeSum>, 2, 2},
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
