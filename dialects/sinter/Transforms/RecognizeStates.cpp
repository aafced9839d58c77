//===- RecognizeStates.cpp - Pasts and presents become states ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decoder without states is given what earlier runs computed, `past` positions of
// it, joins its own to that, and gives out both:
//
//   present = concat(past, rows)      [.., past, ..], [.., Q, ..] -> [.., past + Q, ..]
//
// As a state of capacity N it is a tensor of N positions, of which the first past + Q
// are in use. So every dimension of past + Q becomes N, and what lies behind the part in
// use is padding, which may hold anything finite: an op may be on such a dimension only if
// it treats each position by itself. The positions are mixed in attention alone, which is
// told `past` and leaves the padding out.
//
// What the graph computes from the size `past` is computed from the session's number
// instead, which is an argument.
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/Positions.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace sinter {
#define GEN_PASS_DEF_RECOGNIZESTATESPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// A past and what is made of it.
struct Pair {
  BlockArgument past;
  ConcatOp present;
  unsigned axis;
};

/// The join of the argument with new positions that is a result, if it is that and nothing else.
std::optional<Pair> matchPair(BlockArgument past) {
  if (!past.hasOneUse())
    return std::nullopt;
  auto present = dyn_cast<ConcatOp>(*past.user_begin());
  if (!present || present.getInputs().size() != 2 || present.getInputs()[0] != past ||
      llvm::none_of(present->getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); }))
    return std::nullopt;
  unsigned axis = present.getAxis();
  for (auto [i, size] : llvm::enumerate(getSizes(past)))
    if (i == axis ? !size.asSymbol() : !size.constant())
      return std::nullopt;
  return Pair{past, present, axis};
}

/// Linear in the symbol: `factor` times it, and `rest`.
struct Linear {
  int64_t factor;
  SizeExpr rest;
};

class StateMaker {
public:
  StateMaker(ModuleOp module, func::FuncOp main) : module(module), main(main), builder(module.getContext()) {}

  /// How many states there are now; a failure was reported.
  FailureOr<unsigned> run() {
    for (BlockArgument argument : main.getArguments())
      if (std::optional<Pair> pair = matchPair(argument))
        pairs.push_back(*pair);
    if (pairs.empty())
      return 0;
    if (failed(findLengths()) || failed(checkGraph()))
      return failure();
    addSession();
    for (Pair &pair : pairs)
      makeState(pair);
    removePasts();
    for (Operation &op : llvm::make_early_inc_range(main.getBody().front()))
      rewrite(op);
    for (BlockArgument argument : main.getArguments())
      retype(argument);
    main.setType(builder.getFunctionType(main.getBody().front().getArgumentTypes(),
                                         main.getBody().front().getTerminator()->getOperandTypes()));
    return pairs.size();
  }

private:
  //===--------------------------------------------------------------------===//
  // Sizes
  //===--------------------------------------------------------------------===//

  /// All pairs have one length and as many new positions; the module says how long they may become.
  LogicalResult findLengths() {
    symbol = getSize(pairs.front().past, pairs.front().axis).asSymbol()->str();
    count = getSize(pairs.front().present.getInputs()[1], pairs.front().axis);
    for (Pair &pair : pairs)
      if (getSize(pair.past, pair.axis) != SizeExpr::symbol(symbol) ||
          getSize(pair.present.getInputs()[1], pair.axis) != count)
        return refuse(pair.past, "has " + getSize(pair.past, pair.axis).str() + " positions and gets " +
                                     getSize(pair.present.getInputs()[1], pair.axis).str() +
                                     ", where another state has " + symbol + " and gets " + count.str());
    auto declared = module.lookupSymbol<SymbolOp>(symbol);
    if (!declared || !declared.getHigh())
      return refuse(pairs.front().past,
                    "becomes a state, whose capacity is not given: --dim " + symbol + "=0..CAPACITY");
    capacity = static_cast<int64_t>(*declared.getHigh());
    if (std::optional<int64_t> number = count.constant(); number && *number > capacity)
      return refuse(pairs.front().past, "becomes a state with a capacity of " + std::to_string(capacity) +
                                            " positions, and one run adds " + std::to_string(*number));
    return success();
  }

  bool hasLength(const SizeExpr &size) const {
    bool found = false;
    size.forEachSymbol([&](StringRef name) { found |= name == symbol; });
    return found;
  }
  bool hasLength(ArrayRef<SizeExpr> sizes) const {
    return llvm::any_of(sizes, [&](const SizeExpr &size) { return hasLength(size); });
  }
  bool isPadded(const SizeExpr &size) const { return size == SizeExpr::symbol(symbol) + count; }
  /// What a size is when past + Q positions are N.
  SizeExpr replace(const SizeExpr &size) const {
    return size.substitute([&](StringRef name) {
      return name == symbol ? std::optional<SizeExpr>(SizeExpr(capacity) - count) : std::nullopt;
    });
  }
  std::optional<Linear> asLinear(const SizeExpr &size) const {
    auto at = [&](int64_t number) {
      return size.substitute(
          [&](StringRef name) { return name == symbol ? std::optional<SizeExpr>(number) : std::nullopt; });
    };
    std::optional<int64_t> factor = (at(1) - at(0)).constant();
    if (!factor || SizeExpr(*factor) * SizeExpr::symbol(symbol) + at(0) != size)
      return std::nullopt;
    return Linear{*factor, at(0)};
  }

  //===--------------------------------------------------------------------===//
  // What may be
  //===--------------------------------------------------------------------===//

  LogicalResult refuse(BlockArgument input, const llvm::Twine &what) {
    auto name = main.getArgAttrOfType<StringAttr>(input.getArgNumber(), "sinter.name");
    return emitError(NameLoc::get(name)) << "unsupported: input '" << name.getValue() << "' " << what;
  }

  LogicalResult checkGraph() {
    bool refused = false;
    llvm::DenseSet<Operation *> presents;
    for (Pair &pair : pairs)
      presents.insert(pair.present);
    for (BlockArgument argument : main.getArguments()) {
      if (llvm::any_of(pairs, [&](Pair &pair) { return pair.past == argument; }))
        continue;
      for (const SizeExpr &size : getSizes(argument))
        if (hasLength(size) && !isPadded(size)) {
          refused = true;
          (void)refuse(argument, "has a size of " + size.str() + ", where '" + symbol + "' is the length of states");
        }
    }
    for (auto [i, value] : llvm::enumerate(main.getBody().front().getTerminator()->getOperands())) {
      if (!hasLength(getSizes(value)) || presents.contains(value.getDefiningOp()))
        continue;
      auto name = main.getResultAttrOfType<StringAttr>(i, "sinter.name");
      refused = true;
      emitError(NameLoc::get(name)) << "unsupported: output '" << name.getValue() << "' has the length of the states";
    }
    for (Operation &op : main.getBody().front()) {
      if (auto attention = dyn_cast<AttentionOp>(op); attention && isPadded(getSize(attention.getKey(), 1)))
        overStates.insert(attention);
      if (presents.contains(&op))
        continue;
      if (std::string reason = findRefusal(op); !reason.empty()) {
        op.emitOpError("unsupported: ") << reason;
        refused = true;
      }
    }
    return failure(refused);
  }

  /// Why an op cannot be on tensors of which the end is padding; empty: it can.
  std::string findRefusal(Operation &op) {
    std::string mixes = "it mixes positions of a state beyond those in use; of such ops only attention is supported";
    for (Value result : op.getResults())
      for (const SizeExpr &size : getSizes(result))
        if (hasLength(size) && !isPadded(size))
          return "it makes a tensor with a size of " + size.str() + ", where '" + symbol + "' is the length of states";
    auto isAlong = [&](Value value, int64_t axis) { return isPadded(getSize(value, axis)); };
    auto isAnyLength = [&](ValueRange values) {
      return llvm::any_of(values, [&](Value value) { return hasLength(getSizes(value)); });
    };
    std::string none;
    return llvm::TypeSwitch<Operation *, std::string>(&op)
        .Case<func::ReturnOp, ElementwiseOp, CastOp, BroadcastOp, TransposeOp, RangeOp, ConstantOp, ParameterOp>(
            [&](auto) { return none; })
        .Case([&](SizesOp sizes) {
          return llvm::all_of(sizes.getSizes().getSizes(), [&](const SizeExpr &size) { return asLinear(size); })
                     ? none
                     : "it computes a size that is no multiple of the states' length '" + symbol + "'";
        })
        .Case([&](ReshapeOp reshape) {
          Sizes from = getSizes(reshape.getInput()), to = getSizes(reshape.getResult());
          auto isOne = [](const SizeExpr &size) { return size.isConstant(1); };
          if (!hasLength(from) && !hasLength(to))
            return none;
          llvm::erase_if(from, isOne);
          llvm::erase_if(to, isOne);
          return from == to ? none : mixes;
        })
        .Case([&](ConcatOp concat) {
          return llvm::any_of(concat.getInputs(), [&](Value input) { return isAlong(input, concat.getAxis()); }) ? mixes
                                                                                                                 : none;
        })
        .Case([&](GatherOp gather) {
          return isAlong(gather.getData(), gather.getAxis()) || isAnyLength(gather.getIndices()) ? mixes : none;
        })
        .Case([&](CumulativeSumOp sum) {
          return isAlong(sum.getInput(), sum.getAxis()) && sum.getReverse() ? mixes : none;
        })
        .Case([&](SliceOp slice) { return findRefusal(slice); })
        .Case([&](AttentionOp attention) {
          bool hasKeys = isAlong(attention.getKey(), 1);
          Value bias = attention.getBias();
          if (isAnyLength(attention.getQuery()) ||
              (bias && (hasLength(ArrayRef(getSizes(bias)).take_front(3)) || (!hasKeys && isAlong(bias, 3)))))
            return mixes;
          if (hasKeys && getSize(attention.getQuery(), 1) != count)
            return "it has " + getSize(attention.getQuery(), 1).str() + " queries, and a run adds " + count.str() +
                   " positions to the keys";
          return none;
        })
        .Default([&](Operation *other) {
          if (isAnyLength(other->getOperands()) || isAnyLength(other->getResults()))
            return mixes;
          bool hasSizesOfIt = false;
          AttrTypeWalker walker;
          walker.addWalk([&](DimsAttr dims) { hasSizesOfIt |= hasLength(dims.getSizes()); });
          walker.walk(other->getAttrDictionary());
          return hasSizesOfIt ? "it computes with the states' length '" + symbol + "'" : none;
        });
  }

  /// A slice takes all positions, or some from a position that follows from `past` on: then it is a gather. Of a table,
  /// the first positions, as many as a state has.
  std::string findRefusal(SliceOp slice) {
    Sizes from = getSizes(slice.getInput()), to = getSizes(slice.getResult());
    SmallVector<SizeExpr> starts = slice.getStarts().getSizes(), steps = slice.getSteps().getSizes();
    for (size_t i = 0; i < from.size(); ++i) {
      if (hasLength(starts[i])) {
        std::optional<Linear> start = asLinear(starts[i]);
        if (hasLength(to[i]) || !start || start->factor != 1 || !start->rest.constant() || !steps[i].isConstant(1))
          return "it takes positions from " + starts[i].str() + " on, where '" + symbol +
                 "' is the length of states: only as many as are new, one after the other, can be taken so";
        continue;
      }
      if (!hasLength(to[i]) && !hasLength(from[i]))
        continue;
      std::optional<int64_t> start = starts[i].constant(), size = from[i].constant();
      if (!start || !steps[i].isConstant(1) || !hasLength(to[i]) || (!size && *start != 0))
        return "it takes some of the positions of a state, which has those that are in use and others";
      if (size && *start + capacity > *size)
        return "it takes positions of a table of " + std::to_string(*size) + ", and a state has " +
               std::to_string(capacity);
    }
    return "";
  }

  //===--------------------------------------------------------------------===//
  // The rewriting
  //===--------------------------------------------------------------------===//

  /// The argument that says how many positions the states hold, and the positions of the new ones.
  void addSession() {
    std::string name = "session.past";
    auto isTaken = [&] {
      for (unsigned i = 0; i < main.getNumArguments(); ++i)
        if (main.getArgAttrOfType<StringAttr>(i, "sinter.name").getValue() == name)
          return true;
      return false;
    };
    while (isTaken())
      name += "'";
    auto scalar = RankedTensorType::get({}, builder.getI64Type());
    auto attributes =
        builder.getDictionaryAttr({builder.getNamedAttr("sinter.name", builder.getStringAttr(name)),
                                   builder.getNamedAttr("sinter.session", builder.getStringAttr("past"))});
    Location loc = NameLoc::get(builder.getStringAttr(name));
    (void)main.insertArgument(main.getNumArguments(), scalar, attributes, loc);
    past = main.getArguments().back();
    builder.setInsertionPointToStart(&main.getBody().front());
    positions = makeRange(loc, SizeExpr::symbol(symbol), 1, count);
  }

  static std::string stateName(ModuleOp module, StringRef input) {
    std::string name = input.str();
    while (module.lookupSymbol(name))
      name += "'";
    return name;
  }

  /// A present becomes the state after its rows are written, in the layout that its readers want.
  void makeState(Pair &pair) {
    Location loc = pair.present.getLoc();
    auto input = main.getArgAttrOfType<StringAttr>(pair.past.getArgNumber(), "sinter.name");
    std::string name = stateName(module, input.getValue());
    Value rows = pair.present.getInputs()[1];
    Sizes sizes = getSizes(pair.past);
    unsigned axis = pair.axis;
    // What is read in another order by all is kept in that order.
    SmallVector<int64_t> permutation = findPermutation(pair.present);
    builder.setInsertionPoint(pair.present);
    if (!permutation.empty()) {
      Sizes permuted;
      for (int64_t from : permutation)
        permuted.push_back(sizes[from]);
      sizes = permuted;
      axis = llvm::find(permutation, static_cast<int64_t>(axis)) - permutation.begin();
      rows = makeTranspose(builder, loc, rows, permutation);
    }
    sizes[axis] = capacity;
    RankedTensorType type = getTensorType(sizes, getElementType(pair.past));
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPoint(main);
      StateOp::create(builder, NameLoc::get(input), builder.getStringAttr(name), builder.getI64IntegerAttr(axis),
                      TypeAttr::get(type));
    }
    Value state =
        UpdateStateOp::create(builder, loc, type, FlatSymbolRefAttr::get(builder.getContext(), name), positions, rows);
    for (Operation *user : llvm::make_early_inc_range(pair.present->getUsers())) {
      if (isa<func::ReturnOp>(user))
        continue;
      if (permutation.empty()) {
        user->replaceUsesOfWith(pair.present.getResult(), state);
        continue;
      }
      user->getResult(0).replaceAllUsesWith(state);
      user->erase();
    }
    presents.push_back(pair.present);
  }

  /// The one order of dimensions in which all readers but the results want the present; empty where there is none.
  static SmallVector<int64_t> findPermutation(ConcatOp present) {
    SmallVector<int64_t> permutation;
    for (Operation *user : present->getUsers()) {
      if (isa<func::ReturnOp>(user))
        continue;
      SmallVector<int64_t> wanted = permutationOf(user);
      if (wanted.empty() || (!permutation.empty() && wanted != permutation))
        return {};
      permutation = wanted;
    }
    return permutation;
  }

  /// In which order a transpose, or a reshape that moves a size of 1, puts dimensions; empty: in no other.
  static SmallVector<int64_t> permutationOf(Operation *op) {
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return llvm::to_vector(transpose.getPermutation());
    auto reshape = dyn_cast<ReshapeOp>(op);
    if (!reshape || getRank(reshape.getInput()) != getRank(reshape.getResult()))
      return {};
    SmallVector<int64_t> permutation;
    Sizes from = getSizes(reshape.getInput());
    llvm::BitVector isUsed(from.size());
    for (const SizeExpr &size : getSizes(reshape.getResult())) {
      auto at = llvm::find_if(llvm::seq(from.size()), [&](size_t i) { return !isUsed[i] && from[i] == size; });
      if (at == llvm::seq(from.size()).end())
        return {};
      isUsed.set(*at);
      permutation.push_back(*at);
    }
    return permutation;
  }

  void removePasts() {
    Operation *end = main.getBody().front().getTerminator();
    llvm::BitVector results(main.getNumResults()), arguments(main.getNumArguments());
    for (auto [i, value] : llvm::enumerate(end->getOperands()))
      if (llvm::is_contained(presents, value.getDefiningOp()))
        results.set(i);
    end->eraseOperands(results);
    (void)main.eraseResults(results);
    for (Operation *present : presents)
      present->erase();
    llvm::StringSet<> inputs;
    for (Pair &pair : pairs) {
      arguments.set(pair.past.getArgNumber());
      inputs.insert(main.getArgAttrOfType<StringAttr>(pair.past.getArgNumber(), "sinter.name").getValue());
    }
    (void)main.eraseArguments(arguments);
    // What ties sizes to the length is the session's matter: it gives the length.
    for (Operation &op : llvm::make_early_inc_range(module.getOps())) {
      auto declared = dyn_cast<SymbolOp>(op);
      auto check = dyn_cast<CheckOp>(op);
      if ((declared && declared.getSymName() == symbol) ||
          (check && (inputs.contains(check.getInput()) || hasLength(check.getSize().getSizes()))))
        op.erase();
    }
  }

  void retype(Value value) {
    if (Sizes sizes = getSizes(value); hasLength(sizes)) {
      if (auto argument = dyn_cast<BlockArgument>(value))
        cast<func::FuncOp>(argument.getOwner()->getParentOp())
            .setArgAttr(argument.getArgNumber(), "sinter.sizes", DimsAttr::get(module.getContext(), sizes));
      for (SizeExpr &size : sizes)
        size = replace(size);
      value.setType(getTensorType(sizes, getElementType(value)));
    }
  }

  void rewrite(Operation &op) {
    builder.setInsertionPoint(&op);
    if (auto sizes = dyn_cast<SizesOp>(op); sizes && hasLength(sizes.getSizes().getSizes()))
      return rewriteSizes(sizes);
    if (auto slice = dyn_cast<SliceOp>(op); slice && hasLength(slice.getStarts().getSizes()))
      return rewriteSlice(slice);
    if (overStates.contains(&op))
      cast<AttentionOp>(op).getPastMutable().assign(past);
    for (Value result : op.getResults())
      retype(result);
  }

  /// factor * past + rest.
  Value makeSize(Location loc, const Linear &linear) {
    Type i64 = builder.getI64Type();
    Value value = past;
    if (linear.factor != 1)
      value = makeElementwise(builder, loc, ElementwiseKind::mul,
                              {value, makeScalar(builder, loc, i64, static_cast<double>(linear.factor))});
    if (linear.rest.isConstant(0))
      return value;
    Value rest = linear.rest.constant()
                     ? makeScalar(builder, loc, i64, static_cast<double>(*linear.rest.constant()))
                     : Value(SizesOp::create(builder, loc, DimsAttr::get(module.getContext(), {linear.rest}), true));
    return makeElementwise(builder, loc, ElementwiseKind::add, {value, rest});
  }

  void rewriteSizes(SizesOp op) {
    Location loc = op.getLoc();
    SmallVector<SizeExpr> sizes = op.getSizes().getSizes();
    Value result;
    if (std::optional<int64_t> step = findStep(sizes); step && sizes.size() > 1) {
      result = makeRange(loc, sizes.front(), *step, sizes.size());
    } else {
      SmallVector<Value> numbers;
      for (const SizeExpr &size : sizes) {
        Value number = makeSize(loc, *asLinear(size));
        numbers.push_back(op.getScalar() ? number : makeReshape(builder, loc, number, {1}));
      }
      result = numbers.size() == 1 ? numbers.front() : Value(ConcatOp::create(builder, loc, 0, numbers));
    }
    op.replaceAllUsesWith(result);
    op.erase();
  }

  Value makeRange(Location loc, const SizeExpr &first, int64_t step, const SizeExpr &size) {
    Type i64 = builder.getI64Type();
    return RangeOp::create(builder, loc, getTensorType({size}, i64), makeSize(loc, *asLinear(first)),
                           makeScalar(builder, loc, i64, static_cast<double>(step)));
  }

  /// Positions from `past` on are gathered; the other dimensions are sliced as before.
  void rewriteSlice(SliceOp op) {
    Location loc = op.getLoc();
    Sizes sizes = getSizes(op.getResult());
    SmallVector<SizeExpr> starts = op.getStarts().getSizes();
    Value value = op.getInput();
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (!hasLength(starts[i]))
        continue;
      value = GatherOp::create(builder, loc, value, makeRange(loc, starts[i], 1, sizes[i]), i);
      starts[i] = 0;
    }
    for (SizeExpr &size : sizes)
      size = replace(size);
    if (sizes != getSizes(value))
      value = SliceOp::create(builder, loc, getTensorType(sizes, getElementType(value)), value,
                              DimsAttr::get(module.getContext(), starts), op.getSteps());
    op.replaceAllUsesWith(value);
    op.erase();
  }

  ModuleOp module;
  func::FuncOp main;
  OpBuilder builder;
  SmallVector<Pair> pairs;
  SmallVector<Operation *> presents;
  llvm::DenseSet<Operation *> overStates; // attention
  /// The length of all pasts, how many positions a run adds, and how many a state has.
  std::string symbol;
  SizeExpr count;
  int64_t capacity = 0;
  Value past, positions;
};

class RecognizeStatesPass : public sinter::impl::RecognizeStatesPassBase<RecognizeStatesPass> {
  void runOnOperation() override {
    FailureOr<unsigned> made = StateMaker(getOperation(), getOperation().lookupSymbol<func::FuncOp>("main")).run();
    if (failed(made))
      return signalPassFailure();
    numStates += *made;
  }
};

} // namespace
