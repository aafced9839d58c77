//===- DecomposeOps.cpp - Ops that the chip lacks, of those that it has ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/stream/Transforms/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <numeric>

namespace sinter::stream {
#define GEN_PASS_DEF_DECOMPOSEOPSPASS
#include "targets/stream/Transforms/Passes.h.inc"
} // namespace sinter::stream

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

ArrayRef<int64_t> getShape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
bool isStatic(Value value) { return cast<RankedTensorType>(value.getType()).hasStaticShape(); }

Sizes toSizes(ArrayRef<int64_t> numbers) { return Sizes(numbers.begin(), numbers.end()); }

Value makeSlice(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> starts, ArrayRef<int64_t> steps,
                ArrayRef<int64_t> sizes) {
  if (sizes == getShape(value))
    return value;
  MLIRContext *context = builder.getContext();
  return SliceOp::create(builder, loc, getTensorType(toSizes(sizes), getElementType(value)), value,
                         DimsAttr::get(context, toSizes(starts)), DimsAttr::get(context, toSizes(steps)));
}

std::optional<SmallVector<int64_t>> getNumbers(DimsAttr dims) {
  SmallVector<int64_t> numbers;
  for (const SizeExpr &size : dims.getSizes()) {
    if (!size.constant())
      return std::nullopt;
    numbers.push_back(*size.constant());
  }
  return numbers;
}

//===----------------------------------------------------------------------===//
// Columns of products
//===----------------------------------------------------------------------===//

/// Some of the columns of a matrix: the last dimension is cut into `cut`, and sliced.
struct Columns {
  SmallVector<int64_t> cut, starts, steps, sizes;

  Value choose(OpBuilder &builder, Location loc, Value value) const {
    SmallVector<int64_t> leading(getShape(value).drop_back()), whole = leading, first(leading.size(), 0),
                                                               step(leading.size(), 1), some = leading;
    whole.append(cut.begin(), cut.end());
    first.append(starts.begin(), starts.end());
    step.append(steps.begin(), steps.end());
    some.append(sizes.begin(), sizes.end());
    leading.push_back(count());
    Value sliced = makeSlice(builder, loc, makeReshape(builder, loc, value, toSizes(whole)), first, step, some);
    return makeReshape(builder, loc, sliced, toSizes(leading));
  }
  int64_t count() const { return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<>()); }
};

/// Whether columns of the value can be had by computing only them: it is a product by weights, or functions of one.
bool hasColumns(Value value) {
  if (auto matmul = value.getDefiningOp<MatmulOp>())
    return isFromWeights(matmul.getRhs()) && !isFromWeights(matmul.getLhs()) && getRank(matmul.getRhs()) == 2;
  auto function = value.getDefiningOp<ElementwiseOp>();
  if (!function || isFromWeights(value))
    return false;
  bool hasProduct = false;
  for (Value operand : function.getOperands()) {
    if (isFromWeights(operand) || getRank(operand) == 0 || getShape(operand).back() == 1)
      continue;
    if (!operand.hasOneUse() || !hasColumns(operand))
      return false;
    hasProduct = true;
  }
  return hasProduct;
}

Value computeColumns(OpBuilder &builder, Value value, const Columns &columns) {
  Location loc = value.getDefiningOp()->getLoc();
  if (auto matmul = value.getDefiningOp<MatmulOp>())
    return MatmulOp::create(builder, loc, matmul.getLhs(), columns.choose(builder, loc, matmul.getRhs()));
  auto function = value.getDefiningOp<ElementwiseOp>();
  SmallVector<Value> operands;
  for (Value operand : function.getOperands()) {
    bool isRepeated = getRank(operand) == 0 || getShape(operand).back() == 1;
    operands.push_back(isRepeated               ? operand
                       : isFromWeights(operand) ? columns.choose(builder, loc, operand)
                                                : computeColumns(builder, operand, columns));
  }
  return ElementwiseOp::create(builder, loc, function.getKind(), operands, function.getAlphaAttr());
}

bool isOnlySliced(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) { return isa<SliceOp>(user); });
}

/// What is sliced into columns, as fused projections are, is computed by columns: a product by some of the weights'
/// columns has the same bits.
struct SliceProduct : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    Value input = op.getInput();
    auto starts = getNumbers(op.getStarts()), steps = getNumbers(op.getSteps());
    if (!starts || !steps || !isStatic(input) || !isOnlySliced(input))
      return rewriter.notifyMatchFailure(op, "not only slices of known sizes read the operand");
    ArrayRef<int64_t> from = getShape(input), to = getShape(op.getResult());
    size_t leading = from.size() - 1;
    Value whole = input;
    if (auto reshape = input.getDefiningOp<ReshapeOp>()) {
      whole = reshape.getInput();
      if (!isStatic(whole) || !whole.hasOneUse())
        return rewriter.notifyMatchFailure(op, "others read what was reshaped");
      // Which dimensions were the last one: where there are several such splits, the dimensions of size 1 are its.
      leading = getRank(whole) - 1;
      if (getRank(whole) == 0 || from.size() <= leading || from.take_front(leading) != getShape(whole).drop_back())
        return rewriter.notifyMatchFailure(op, "the reshape changes more than the last dimension");
    }
    if (from.empty() || from.take_front(leading) != to.take_front(leading))
      return rewriter.notifyMatchFailure(op, "rows are left out");
    if (!hasColumns(whole))
      return rewriter.notifyMatchFailure(op, "the operand is no product by weights");
    auto tail = [&](ArrayRef<int64_t> numbers) { return SmallVector<int64_t>(numbers.drop_front(leading)); };
    Columns columns = {tail(from), tail(*starts), tail(*steps), tail(to)};
    Value computed = computeColumns(rewriter, whole, columns);
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), computed, toSizes(to)));
    return success();
  }
};

/// A slice of what was transposed is a slice first.
struct SliceBeforeTranspose : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getInput().getDefiningOp<TransposeOp>();
    auto starts = getNumbers(op.getStarts()), steps = getNumbers(op.getSteps());
    if (!transpose || !starts || !steps || !isOnlySliced(op.getInput()) || !transpose.getInput().hasOneUse() ||
        !hasColumns(transpose.getInput()))
      return rewriter.notifyMatchFailure(op, "the operand is no transpose of a product");
    ArrayRef<int64_t> permutation = transpose.getPermutation(), sizes = getShape(op.getResult());
    SmallVector<int64_t> first(sizes.size()), step(sizes.size()), some(sizes.size());
    for (auto [i, axis] : llvm::enumerate(permutation)) {
      first[axis] = (*starts)[i];
      step[axis] = (*steps)[i];
      some[axis] = sizes[i];
    }
    Value sliced = makeSlice(rewriter, op.getLoc(), transpose.getInput(), first, step, some);
    rewriter.replaceOp(op, makeTranspose(rewriter, transpose.getLoc(), sliced, permutation));
    return success();
  }
};

/// Weights times activations is the transpose of activations times weights: sums of the same products.
struct WeightsOnTheRight : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    Value weights = op.getLhs(), activations = op.getRhs();
    if (!isFromWeights(weights) || isFromWeights(activations) || getRank(weights) != 2 || getRank(activations) < 2)
      return rewriter.notifyMatchFailure(op, "no matrix of weights is on the left");
    auto turn = [&](Value value) {
      SmallVector<int64_t> permutation(getRank(value));
      std::iota(permutation.begin(), permutation.end(), 0);
      std::swap(permutation.back(), permutation[permutation.size() - 2]);
      return makeTranspose(rewriter, op.getLoc(), value, permutation);
    };
    Value product = MatmulOp::create(rewriter, op.getLoc(), turn(activations), turn(weights));
    rewriter.replaceOp(op, turn(product));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

Value addBias(OpBuilder &builder, ConvOp op, Value value) {
  if (!op.getBias())
    return value;
  SmallVector<int64_t> sizes(getRank(value) - 1, 1);
  sizes[0] = getShape(op.getBias())[0];
  Value bias = makeReshape(builder, op.getLoc(), op.getBias(), toSizes(sizes));
  return makeElementwise(builder, op.getLoc(), ElementwiseKind::add, {value, bias});
}

/// A convolution whose windows lie side by side, as patch embeddings have them, is a product of the windows by the
/// filters.
struct WindowsAreRows : OpRewritePattern<ConvOp> {
  explicit WindowsAreRows(MLIRContext *context) : OpRewritePattern<ConvOp>(context, /*benefit=*/1) {}

  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    Value input = op.getInput(), filter = op.getFilter();
    if (!isStatic(input) || !isFromWeights(filter) || op.getGroups() != 1)
      return rewriter.notifyMatchFailure(op, "not one group of filters of weights");
    ArrayRef<int64_t> sizes = getShape(input), window = getShape(filter).drop_front(2);
    ArrayRef<int64_t> places = getShape(op.getResult()).drop_front(2);
    auto isAll = [](ArrayRef<int64_t> numbers, int64_t number) {
      return llvm::all_of(numbers, [=](int64_t n) { return n == number; });
    };
    if (ArrayRef<int64_t>(op.getStrides()) != window || !isAll(op.getDilations(), 1) || !isAll(op.getLow(), 0) ||
        !isAll(op.getHigh(), 0))
      return rewriter.notifyMatchFailure(op, "windows overlap, have gaps, or reach over the edge");
    // [n, c, p * w, ...] to [n, p, ..., c, w, ...]; what no window reaches is left out.
    size_t spatial = window.size();
    SmallVector<int64_t> kept = {sizes[0], sizes[1]}, split = kept, order = {0}, rows = {sizes[0]};
    int64_t length = sizes[1], numPlaces = 1;
    for (size_t i = 0; i < spatial; ++i) {
      kept.push_back(places[i] * window[i]);
      split.append({places[i], window[i]});
      order.push_back(2 + 2 * i);
      length *= window[i];
      numPlaces *= places[i];
    }
    order.push_back(1);
    for (size_t i = 0; i < spatial; ++i)
      order.push_back(3 + 2 * i);
    rows.append({numPlaces, length});
    Location loc = op.getLoc();
    SmallVector<int64_t> zeros(sizes.size(), 0), ones(sizes.size(), 1);
    Value windows = makeReshape(rewriter, loc, makeSlice(rewriter, loc, input, zeros, ones, kept), toSizes(split));
    windows = makeReshape(rewriter, loc, makeTranspose(rewriter, loc, windows, order), toSizes(rows));
    int64_t filters = getShape(filter)[0];
    Value weights =
        makeTranspose(rewriter, loc, makeReshape(rewriter, loc, filter, toSizes({filters, length})), {1, 0});
    Value product = MatmulOp::create(rewriter, loc, windows, weights);
    if (op.getBias())
      product = makeElementwise(rewriter, loc, ElementwiseKind::add, {product, op.getBias()});
    product = makeTranspose(rewriter, loc, product, {0, 2, 1});
    rewriter.replaceOp(op, makeReshape(rewriter, loc, product, toSizes(getShape(op.getResult()))));
    return success();
  }
};

/// A convolution of each channel by itself is a sum of a product for each element of the window.
struct WindowsAreSums : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    Value input = op.getInput(), filter = op.getFilter();
    ArrayRef<int64_t> window = getShape(filter);
    if (!isStatic(input) || !isFromWeights(filter) || int64_t(op.getGroups()) != getShape(input)[1] || window[1] != 1 ||
        window[0] != getShape(input)[1] || window.size() != 3)
      return rewriter.notifyMatchFailure(op, "not a filter for each channel of sequences");
    Location loc = op.getLoc();
    int64_t channels = window[0], stride = op.getStrides()[0], dilation = op.getDilations()[0];
    ArrayRef<int64_t> sizes = getShape(op.getResult());
    Value padded = input;
    if (int64_t low = op.getLow()[0], high = op.getHigh()[0]; low || high) {
      MLIRContext *context = rewriter.getContext();
      padded =
          PadOp::create(rewriter, loc, PadMode::constant, input, Value(), DimsAttr::get(context, toSizes({0, 0, low})),
                        DimsAttr::get(context, toSizes({0, 0, high})));
    }
    Value sum;
    for (int64_t i = 0; i < window[2]; ++i) {
      Value taken = makeSlice(rewriter, loc, padded, {0, 0, i * dilation}, {1, 1, stride}, sizes);
      Value factor = makeSlice(rewriter, loc, filter, {0, 0, i}, {1, 1, 1}, {channels, 1, 1});
      Value factors = makeReshape(rewriter, loc, factor, toSizes({channels, 1}));
      Value product = makeElementwise(rewriter, loc, ElementwiseKind::mul, {taken, factors});
      sum = sum ? makeElementwise(rewriter, loc, ElementwiseKind::add, {sum, product}) : product;
    }
    rewriter.replaceOp(op, addBias(rewriter, op, sum));
    return success();
  }
};

/// Any other convolution of one group: for each element of the window a product of what it meets by its filters.
struct WindowsAreProducts : OpRewritePattern<ConvOp> {
  explicit WindowsAreProducts(MLIRContext *context) : OpRewritePattern<ConvOp>(context, /*benefit=*/0) {}

  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    Value input = op.getInput(), filter = op.getFilter();
    if (!isStatic(input) || !isFromWeights(filter) || op.getGroups() != 1)
      return rewriter.notifyMatchFailure(op, "not one group of filters of weights");
    Location loc = op.getLoc();
    ArrayRef<int64_t> window = getShape(filter).drop_front(2), sizes = getShape(op.getResult());
    int64_t filters = getShape(filter)[0], channels = getShape(filter)[1];
    size_t spatial = window.size();
    SmallVector<int64_t> low = {0, 0}, high = {0, 0}, steps = {1, 1}, taken = {sizes[0], channels}, last = {0},
                         first = {0, static_cast<int64_t>(spatial) + 1}, ones(spatial + 2, 1),
                         one = {filters, channels};
    for (size_t i = 0; i < spatial; ++i) {
      low.push_back(op.getLow()[i]);
      high.push_back(op.getHigh()[i]);
      steps.push_back(op.getStrides()[i]);
      taken.push_back(sizes[2 + i]);
      last.push_back(2 + i);
      first.push_back(1 + i);
      one.push_back(1);
    }
    last.push_back(1); // [n, p..., c]
    Value padded = input;
    if (llvm::any_of(llvm::concat<int64_t>(low, high), [](int64_t size) { return size != 0; }))
      padded = PadOp::create(rewriter, loc, PadMode::constant, input, Value(),
                             DimsAttr::get(rewriter.getContext(), toSizes(low)),
                             DimsAttr::get(rewriter.getContext(), toSizes(high)));
    Value sum;
    SmallVector<int64_t> at(spatial, 0);
    while (true) {
      SmallVector<int64_t> start = {0, 0}, element = {0, 0};
      for (size_t i = 0; i < spatial; ++i) {
        start.push_back(at[i] * op.getDilations()[i]);
        element.push_back(at[i]);
      }
      Value met = makeTranspose(rewriter, loc, makeSlice(rewriter, loc, padded, start, steps, taken), last);
      Value own = makeReshape(rewriter, loc, makeSlice(rewriter, loc, filter, element, ones, one),
                              toSizes({filters, channels}));
      Value product = MatmulOp::create(rewriter, loc, met, makeTranspose(rewriter, loc, own, {1, 0}));
      sum = sum ? makeElementwise(rewriter, loc, ElementwiseKind::add, {sum, product}) : product;
      size_t i = spatial;
      while (i-- > 0) {
        if (++at[i] < window[i])
          break;
        at[i] = 0;
      }
      if (i == size_t(-1))
        break;
    }
    if (op.getBias())
      sum = makeElementwise(rewriter, loc, ElementwiseKind::add, {sum, op.getBias()});
    rewriter.replaceOp(op, makeTranspose(rewriter, loc, sum, first));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// e^(x - m) times the reciprocal of its sum, m being the greatest x.
struct SoftmaxOfReductions : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SoftmaxOp op, PatternRewriter &rewriter) const override {
    if (op.getLog() || isFromWeights(op.getResult()))
      return rewriter.notifyMatchFailure(op, "a logarithm, or of weights");
    Location loc = op.getLoc();
    int64_t axis = op.getAxis();
    auto reduce = [&](ReduceKind kind, Value value) {
      return ReduceOp::create(rewriter, loc, kind, value, axis, /*keep_dims=*/true).getResult();
    };
    auto make = [&](ElementwiseKind kind, ValueRange operands) {
      return makeElementwise(rewriter, loc, kind, operands);
    };
    Value most = reduce(ReduceKind::max, op.getInput());
    Value e = make(ElementwiseKind::exp, make(ElementwiseKind::sub, {op.getInput(), most}));
    Value factor = make(ElementwiseKind::reciprocal, reduce(ReduceKind::sum, e));
    rewriter.replaceOp(op, make(ElementwiseKind::mul, {e, factor}));
    return success();
  }
};

/// log(1 + e^x) = max(x, 0) + log(1 + u), u = e^-|x| in (0, 1]; the logarithm is a polynomial.
struct SoftplusOfExp : OpRewritePattern<ElementwiseOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ElementwiseOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ElementwiseKind::softplus || isFromWeights(op.getResult()))
      return rewriter.notifyMatchFailure(op, "no softplus that a run computes");
    Location loc = op.getLoc();
    Value x = op.getOperand(0);
    Type type = getElementType(x);
    auto number = [&](double value) { return makeScalar(rewriter, loc, type, value); };
    auto make = [&](ElementwiseKind kind, ValueRange operands) {
      return makeElementwise(rewriter, loc, kind, operands);
    };
    Value opposite = make(ElementwiseKind::mul, {x, number(-1)});
    Value u = make(ElementwiseKind::exp, {make(ElementwiseKind::min, {x, opposite})});
    // Coefficients of u, u^2, ...: the interpolation of log(1 + u) / u at the Chebyshev nodes of [0, 1]; its error
    // relative to log(1 + u) is below 1.5e-6.
    static constexpr double coefficients[] = {0.999998574, -0.499858994,  0.330975258, -0.234545201,
                                              0.148294134, -0.0655903064, 0.0138744845};
    Value sum = number(coefficients[std::size(coefficients) - 1]);
    for (size_t i = std::size(coefficients) - 1; i-- > 0;)
      sum = make(ElementwiseKind::add, {make(ElementwiseKind::mul, {u, sum}), number(coefficients[i])});
    Value logarithm = make(ElementwiseKind::mul, {sum, u});
    rewriter.replaceOp(op, make(ElementwiseKind::add, {make(ElementwiseKind::relu, {x}), logarithm}));
    return success();
  }
};

class DecomposeOpsPass : public sinter::stream::impl::DecomposeOpsPassBase<DecomposeOpsPass> {
public:
  using DecomposeOpsPassBase::DecomposeOpsPassBase;

private:
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SliceProduct, SliceBeforeTranspose, WeightsOnTheRight, WindowsAreRows, WindowsAreSums,
                 WindowsAreProducts, SoftplusOfExp, SoftmaxOfReductions>(&getContext());
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace
