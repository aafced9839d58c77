//===- MaskPadding.cpp - Results that do not depend on padding --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program for a few sizes of a dimension is run with inputs that are padded to one
// of them. An element is real if in each dimension whose size depends on a padded one
// its index is below what that size is for the actual sizes. What is kept true, value
// by value, is: real elements are what they would be without padding. So an op may be
// used if its real elements follow from real elements alone, at the same indices:
//
//   layer_norm over the last axis of [1, seq, 384]   row by row: yes
//   reduce mean over axis 1 of [1, seq, 384]         padding is summed up: no
//   slice of the first position of [1, seq, 384]     which is real: yes
//   slice of the last position                       which is padding: no
//
// Attention reads all keys. Of those that are padding the bias becomes -infinity, and
// so their weight zero; which ones they are follows from the actual size, an argument
// that the session gives. A query that is causal sees no keys behind it anyway.
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "dialects/sinter/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>
#include <set>

namespace sinter {
#define GEN_PASS_DEF_MASKPADDINGPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

constexpr llvm::StringLiteral none = "";
constexpr llvm::StringLiteral mixes = "it computes with all positions of a padded dimension, the padding among them";

/// A padded dimension plus a number, which is not negative.
struct PaddedSize {
  std::string dim;
  int64_t more;
};

class PaddingMasker {
public:
  PaddingMasker(func::FuncOp main, ArrayRef<std::string> dims) : main(main), padded(dims.begin(), dims.end()) {}

  /// How many ops of attention have a mask now; a failure was reported.
  FailureOr<unsigned> run() {
    bool refused = false;
    SmallVector<Operation *> ops;
    for (Operation &op : main.getBody().front().without_terminator())
      ops.push_back(&op);
    for (Operation *op : ops)
      if (std::string reason = findRefusal(op); !reason.empty()) {
        op->emitOpError("unsupported: ") << reason << "; compile for one size of " << llvm::join(padded, ", ")
                                         << " at a time, which needs no padding";
        refused = true;
      }
    if (refused)
      return failure();
    unsigned numMasks = 0;
    for (Operation *op : ops) {
      if (auto sizes = dyn_cast<SizesOp>(op); sizes && isPadded(sizes.getSizes().getSizes()))
        replaceSizes(sizes);
      if (auto attention = dyn_cast<AttentionOp>(op); attention && needsMask(attention)) {
        addMask(attention);
        ++numMasks;
      }
    }
    return numMasks;
  }

private:
  //===--------------------------------------------------------------------===//
  // Sizes
  //===--------------------------------------------------------------------===//

  bool isPadded(const SizeExpr &size) const {
    bool found = false;
    size.forEachSymbol([&](StringRef name) { found |= padded.count(name.str()) != 0; });
    return found;
  }
  bool isPadded(ArrayRef<SizeExpr> sizes) const {
    return llvm::any_of(sizes, [&](const SizeExpr &size) { return isPadded(size); });
  }
  bool isPadded(Value value) const { return isPadded(sinter::getSizes(value)); }
  bool isPadded(Value value, int64_t axis) const { return isPadded(getSize(value, axis)); }
  bool isPaddedFrom(Value value, int64_t axis) const {
    return isPadded(ArrayRef<SizeExpr>(sinter::getSizes(value)).drop_front(axis));
  }

  std::optional<PaddedSize> asPaddedSize(const SizeExpr &size) const {
    std::string dim;
    size.forEachSymbol([&](StringRef name) { dim = name.str(); });
    if (!padded.count(dim))
      return std::nullopt;
    std::optional<int64_t> more = (size - SizeExpr::symbol(dim)).constant();
    if (!more || *more < 0)
      return std::nullopt;
    return PaddedSize{dim, *more};
  }

  //===--------------------------------------------------------------------===//
  // What is refused
  //===--------------------------------------------------------------------===//

  /// Why real elements of the op's results may depend on padding; empty where they don't.
  std::string findRefusal(Operation *op) const {
    auto refuseIf = [](bool refuses) { return std::string(refuses ? mixes : none); };
    return llvm::TypeSwitch<Operation *, std::string>(op)
        // One element of the result for each element, or row by row.
        .Case<ElementwiseOp, CastOp, TransposeOp, BroadcastOp, RangeOp, QuantizeOp, DequantizeOp, StorageCastOp,
              ConstantOp, ParameterOp>([](Operation *) { return none.str(); })
        .Case([&](RotaryOp rotary) { return refuseIf(isPadded(rotary.getInput(), getRank(rotary.getInput()) - 1)); })
        .Case([&](LayerNormOp norm) { return refuseIf(isPaddedFrom(norm.getInput(), norm.getAxis())); })
        .Case([&](RmsNormOp norm) { return refuseIf(isPaddedFrom(norm.getInput(), norm.getAxis())); })
        .Case([&](SoftmaxOp softmax) { return refuseIf(isPadded(softmax.getInput(), softmax.getAxis())); })
        .Case([&](MatmulOp matmul) { return refuseIf(isPadded(matmul.getLhs(), getRank(matmul.getLhs()) - 1)); })
        .Case(
            [&](QuantizedMatmulOp matmul) { return refuseIf(isPadded(matmul.getLhs(), getRank(matmul.getLhs()) - 1)); })
        .Case([&](ReduceOp reduce) {
          return refuseIf(
              llvm::any_of(reduce.getAxes(), [&](int64_t axis) { return isPadded(reduce.getInput(), axis); }));
        })
        .Case([&](ArgReduceOp reduce) { return refuseIf(isPadded(reduce.getInput(), reduce.getAxis())); })
        .Case(
            [&](CumulativeSumOp sum) { return refuseIf(sum.getReverse() && isPadded(sum.getInput(), sum.getAxis())); })
        .Case([&](ReshapeOp reshape) { return findReshapeRefusal(reshape); })
        .Case([&](ConcatOp concat) {
          // What comes behind padding is not where it would be.
          ValueRange inputs = concat.getInputs();
          return llvm::any_of(inputs.drop_back(), [&](Value input) { return isPadded(input, concat.getAxis()); })
                     ? "it appends to a padded dimension"
                     : none.str();
        })
        .Case([&](SliceOp slice) { return findSliceRefusal(slice); })
        .Case([&](PadOp pad) { return findPadRefusal(pad); })
        .Case([&](GatherOp gather) { return findGatherRefusal(gather); })
        .Case([&](AttentionOp attention) { return findAttentionRefusal(attention); })
        // Padding is written behind what is real, where the next run's positions will be.
        .Case([](UpdateStateOp) { return none.str(); })
        .Case([&](SizesOp sizes) {
          SmallVector<SizeExpr> all = sizes.getSizes().getSizes();
          return isPadded(all) && (all.size() != 1 || !asPaddedSize(all[0]))
                     ? "it computes with the size of a padded dimension"
                     : none.str();
        })
        .Default([&](Operation *other) {
          bool isFree = llvm::none_of(llvm::concat<Value>(other->getOperands(), other->getResults()),
                                      [&](Value value) { return isPadded(value); });
          return refuseIf(!isFree);
        });
  }

  /// A padded dimension stays one, between dimensions of the same number of elements.
  std::string findReshapeRefusal(ReshapeOp reshape) const {
    Sizes from = sinter::getSizes(reshape.getInput()), to = sinter::getSizes(reshape.getResult());
    if (!isPadded(from) && !isPadded(to))
      return "";
    auto isOne = [](const SizeExpr &size) { return size.isConstant(1); };
    llvm::erase_if(from, isOne);
    llvm::erase_if(to, isOne);
    size_t i = 0, j = 0;
    while (i < from.size() && j < to.size()) {
      if (from[i] == to[j]) {
        ++i, ++j;
        continue;
      }
      // Numbers whose products are equal.
      SizeExpr left = from[i++], right = to[j++];
      while (left != right) {
        std::optional<int64_t> a = left.constant(), b = right.constant();
        if (!a || !b || (*a < *b ? i == from.size() : j == to.size()))
          return "it splits a padded dimension, or joins it with others";
        *a < *b ? left = left * from[i++] : right = right * to[j++];
      }
    }
    return i == from.size() && j == to.size() ? "" : "it splits a padded dimension, or joins it with others";
  }

  std::string findSliceRefusal(SliceOp slice) const {
    SmallVector<SizeExpr> starts = slice.getStarts().getSizes(), steps = slice.getSteps().getSizes();
    for (auto [axis, start, step] : llvm::enumerate(starts, steps)) {
      std::optional<int64_t> stride = step.constant();
      if (isPadded(start) || isPadded(step) || (isPadded(slice.getInput(), axis) && (!stride || *stride < 0)))
        return "it takes positions that are counted from the end of a padded dimension";
    }
    return "";
  }

  std::string findPadRefusal(PadOp pad) const {
    SmallVector<SizeExpr> low = pad.getLow().getSizes(), high = pad.getHigh().getSizes();
    for (auto [axis, before, after] : llvm::enumerate(low, high)) {
      if (isPadded(before) || isPadded(after))
        return "it computes with the size of a padded dimension";
      if (!isPadded(pad.getInput(), axis) || (before.isConstant(0) && after.isConstant(0)))
        continue;
      std::optional<int64_t> behind = after.constant();
      if (pad.getMode() != PadMode::constant || !behind || *behind > 0)
        return "it appends to a padded dimension";
    }
    return "";
  }

  std::string findGatherRefusal(GatherOp gather) const {
    if (!isPadded(gather.getData(), gather.getAxis()))
      return "";
    int64_t least = getSize(gather.getData(), gather.getAxis()).lowerBound().value_or(0);
    auto indices = gather.getIndices().getDefiningOp<ConstantOp>();
    auto elements = indices ? dyn_cast<DenseIntElementsAttr>(indices.getValue()) : DenseIntElementsAttr();
    bool areReal = elements && llvm::all_of(elements.getValues<APInt>(), [&](const APInt &index) {
                     return index.getSExtValue() >= 0 && index.getSExtValue() < least;
                   });
    return areReal ? "" : "it takes positions of a padded dimension, which may be padding";
  }

  std::string findAttentionRefusal(AttentionOp op) const {
    if (isPadded(op.getQuery(), 3) || isPadded(op.getValue(), 3) || isPadded(op.getQuery(), 2))
      return mixes.str();
    SizeExpr queries = getSize(op.getQuery(), 1), keys = getSize(op.getKey(), 1);
    if (op.getPast())
      return needsMask(op) && !asPaddedSize(queries)
                 ? "the number of its queries is " + queries.str() + ", and not a padded dimension plus a number"
                 : none.str();
    if (op.getCausal() && !(keys - queries).constant() && (isPadded(queries) || isPadded(keys)))
      return "it is causal, and the number of keys is not that of queries plus a number";
    if (needsMask(op) && !asPaddedSize(keys))
      return "the number of its keys is " + keys.str() + ", and not a padded dimension plus a number";
    return "";
  }

  /// Of a state the new positions are as many as the queries.
  bool needsMask(AttentionOp op) const {
    return isPadded(op.getPast() ? op.getQuery() : op.getKey(), 1) && !op.getCausal();
  }

  //===--------------------------------------------------------------------===//
  // What is added
  //===--------------------------------------------------------------------===//

  /// The actual size of a dimension, which the session gives.
  Value getActualSize(OpBuilder &builder, const PaddedSize &size) {
    Value &argument = actualSizes[size.dim];
    Type i64 = builder.getI64Type();
    if (!argument) {
      std::string name = "session.size." + size.dim;
      while (isInput(name))
        name += "'";
      auto attributes = builder.getDictionaryAttr(
          {builder.getNamedAttr("sinter.name", builder.getStringAttr(name)),
           builder.getNamedAttr("sinter.session", builder.getStringAttr("size:" + size.dim))});
      unsigned number = main.getNumArguments();
      (void)main.insertArgument(number, RankedTensorType::get({}, i64), attributes,
                                NameLoc::get(builder.getStringAttr(name)));
      argument = main.getArgument(number);
    }
    if (!size.more)
      return argument;
    return makeElementwise(builder, argument.getLoc(), ElementwiseKind::add,
                           {argument, makeScalar(builder, argument.getLoc(), i64, static_cast<double>(size.more))});
  }

  bool isInput(StringRef name) {
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      if (auto known = main.getArgAttrOfType<StringAttr>(i, "sinter.name"); known && known.getValue() == name)
        return true;
    return false;
  }

  void replaceSizes(SizesOp op) {
    OpBuilder builder(op);
    Value size = getActualSize(builder, *asPaddedSize(op.getSizes().getSizes()[0]));
    Type wanted = getElementType(op.getResult());
    if (wanted != builder.getI64Type())
      size = CastOp::create(builder, op.getLoc(), RankedTensorType::get({}, wanted), size);
    op.getResult().replaceAllUsesWith(makeReshape(builder, op.getLoc(), size, sinter::getSizes(op.getResult())));
    op.erase();
  }

  /// Which keys are real: [1, 1, 1, keys].
  Value findReal(OpBuilder &builder, AttentionOp op) {
    SizeExpr keys = getSize(op.getKey(), 1), size = op.getPast() ? getSize(op.getQuery(), 1) : keys;
    Value &real = reals[(op.getPast() ? "past " : "") + keys.str() + " " + size.str()];
    if (real)
      return real;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&main.getBody().front());
    Location loc = op.getLoc();
    Type i64 = builder.getI64Type();
    Value range = RangeOp::create(builder, loc, getTensorType({keys}, i64), makeScalar(builder, loc, i64, 0),
                                  makeScalar(builder, loc, i64, 1));
    range = makeReshape(builder, loc, range, {1, 1, 1, keys});
    Value count = getActualSize(builder, *asPaddedSize(size));
    if (op.getPast())
      count = makeElementwise(builder, loc, ElementwiseKind::add, {op.getPast(), count});
    return real = makeElementwise(builder, loc, ElementwiseKind::less, {range, count});
  }

  void addMask(AttentionOp op) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    Type type = getElementType(op.getKey());
    Value shown = op.getBias() ? op.getBias() : makeScalar(builder, loc, type, 0);
    Value never = makeScalar(builder, loc, type, -std::numeric_limits<double>::infinity());
    op.getBiasMutable().assign(
        makeElementwise(builder, loc, ElementwiseKind::select, {findReal(builder, op), shown, never}));
  }

  func::FuncOp main;
  std::set<std::string> padded;
  llvm::StringMap<Value> actualSizes, reals;
};

class MaskPaddingPass : public sinter::impl::MaskPaddingPassBase<MaskPaddingPass> {
public:
  using MaskPaddingPassBase::MaskPaddingPassBase;

private:
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    SmallVector<std::string> names(dims.begin(), dims.end());
    FailureOr<unsigned> made = PaddingMasker(main, names).run();
    if (failed(made))
      return signalPassFailure();
    numMasks = *made;
  }
};

} // namespace
