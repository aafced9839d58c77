//===- TabulatePositions.cpp - Angles of positions become tables -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decoder makes the angles of its rotary embedding of the positions of a run, which
// are known only then: cos(position * frequencies). But there are not more positions
// than its states hold. So what is computed of a position is a table with a row for
// each, which follows from weights, and the run takes rows of it.
//
// The table is what the ops give for all positions at once: each has one more
// dimension, the first, along which the positions lie, and a size of 1 where the run's
// positions were.
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Matching.h"
#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace sinter {
#define GEN_PASS_DEF_TABULATEPOSITIONSPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// Where in the sizes of a tensor the positions of a run lie: one dimension of their number, if that is not 1. None
/// where it is not clear which.
std::optional<std::optional<size_t>> findPositions(ArrayRef<SizeExpr> sizes, const SizeExpr &count) {
  std::optional<size_t> axis;
  if (count.isConstant(1))
    return axis;
  for (auto [i, size] : llvm::enumerate(sizes)) {
    if (size != count)
      continue;
    if (axis)
      return std::nullopt;
    axis = i;
  }
  return axis ? std::optional(axis) : std::nullopt;
}

/// What is made of positions: the same for `numPositions` of them, one after the other.
class Tabulator {
public:
  Tabulator(OpBuilder &builder, int64_t numPositions) : builder(builder), numPositions(numPositions) {}

  /// The table of a value, or none. After that `positions` is the tensor of integers that the value was made of.
  Value makeTable(Value value) {
    if (!findSource(value, 0) || !positions)
      return {};
    Sizes sizes = getSizes(positions);
    count = getNumElements(positions.getType());
    if (!findPositions(sizes, count))
      return {};
    return tabulate(value);
  }
  Value positions;
  SizeExpr count;

private:
  /// Whether the value follows from weights and the floats of one tensor of integers, by ops that can be tabulated.
  bool findSource(Value value, unsigned depth) {
    if (isFromWeights(value))
      return true;
    Operation *op = value.getDefiningOp();
    if (!op || depth > 16)
      return false;
    if (auto cast = dyn_cast<CastOp>(op); cast && isa<IntegerType>(getElementType(cast.getInput()))) {
      bool isSame = !positions || positions == cast.getInput();
      positions = cast.getInput();
      return isSame && isa<FloatType>(getElementType(value)) && !getElementType(positions).isInteger(1);
    }
    if (!isa<ElementwiseOp, MatmulOp, ReshapeOp, BroadcastOp, TransposeOp, CastOp>(op))
      return false;
    return llvm::all_of(op->getOperands(), [&](Value operand) { return findSource(operand, depth + 1); });
  }

  /// The sizes with all positions in front, and 1 where those of the run are. None where it is not clear where.
  std::optional<Sizes> widen(ArrayRef<SizeExpr> sizes) {
    std::optional<std::optional<size_t>> axis = findPositions(sizes, count);
    if (!axis)
      return std::nullopt;
    Sizes widened = {SizeExpr(numPositions)};
    widened.append(sizes.begin(), sizes.end());
    if (*axis)
      widened[**axis + 1] = 1;
    return widened;
  }

  Value tabulate(Value value) {
    if (isFromWeights(value))
      return value;
    Value &made = known[value];
    if (made)
      return made;
    Operation *op = value.getDefiningOp();
    Location loc = op->getLoc();
    std::optional<Sizes> sizes = widen(getSizes(value));
    if (!sizes)
      return {};
    if (auto cast = dyn_cast<CastOp>(op); cast && cast.getInput() == positions) {
      Type type = getElementType(positions);
      Value all = RangeOp::create(builder, loc, getTensorType({SizeExpr(numPositions)}, type),
                                  makeScalar(builder, loc, type, 0), makeScalar(builder, loc, type, 1));
      return made = CastOp::create(builder, loc, getTensorType(*sizes, getElementType(value)),
                                   makeReshape(builder, loc, all, *sizes), cast.getUnsaturated(), cast.getRoundMode());
    }
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(tabulate(operand));
      if (!operands.back())
        return {};
    }
    // What broadcasts to the result has as many dimensions behind the first.
    auto withRankOf = [&](Value table, Value of) -> Value {
      Sizes from = getSizes(table);
      if (isFromWeights(of))
        return table;
      Sizes aligned = {from.front()};
      aligned.append(sizes->size() - from.size(), SizeExpr(1));
      aligned.append(from.begin() + 1, from.end());
      return makeReshape(builder, loc, table, aligned);
    };
    Value result =
        llvm::TypeSwitch<Operation *, Value>(op)
            .Case([&](ElementwiseOp function) {
              for (auto [table, of] : llvm::zip_equal(operands, function.getOperands()))
                table = withRankOf(table, of);
              return ElementwiseOp::create(builder, loc, function.getKind(), operands, function.getAlphaAttr());
            })
            .Case([&](MatmulOp) -> Value {
              // Sums over positions are none of each.
              Sizes lhs = getSizes(operands[0]), rhs = getSizes(operands[1]);
              if (lhs.size() < 2 || rhs.size() < 2 || lhs.back() != rhs[rhs.size() - 2])
                return {};
              return MatmulOp::create(builder, loc, withRankOf(operands[0], op->getOperand(0)),
                                      withRankOf(operands[1], op->getOperand(1)));
            })
            .Case([&](ReshapeOp) { return makeReshape(builder, loc, operands[0], *sizes); })
            .Case([&](BroadcastOp) {
              return makeBroadcast(builder, loc, withRankOf(operands[0], op->getOperand(0)), *sizes);
            })
            .Case([&](TransposeOp transpose) {
              SmallVector<int64_t> permutation = {0};
              for (int64_t axis : transpose.getPermutation())
                permutation.push_back(axis + 1);
              return makeTranspose(builder, loc, operands[0], permutation);
            })
            .Case([&](CastOp cast) {
              return CastOp::create(builder, loc, getTensorType(*sizes, getElementType(value)), operands[0],
                                    cast.getUnsaturated(), cast.getRoundMode());
            });
    if (!result || getSizes(result) != *sizes)
      return {};
    return known[value] = result;
  }

  OpBuilder &builder;
  int64_t numPositions;
  DenseMap<Value, Value> known;
};

/// Takes rows of a table instead of computing angles; false, and nothing is changed, where they are none of positions.
bool tabulate(ElementwiseOp op, int64_t numPositions) {
  OpBuilder builder(op);
  Operation *before = op->getPrevNode();
  Tabulator tabulator(builder, numPositions);
  Value table = tabulator.makeTable(op.getResult());
  if (!table) {
    for (Operation *made = op->getPrevNode(); made != before; made = op->getPrevNode())
      made->erase();
    return false;
  }
  Location loc = op.getLoc();
  // [positions, elements], of which the run takes rows.
  Sizes sizes = getSizes(op.getResult()), widened = getSizes(table);
  ArrayRef<SizeExpr> rest = ArrayRef(widened).drop_front();
  Value rows = GatherOp::create(builder, loc, makeReshape(builder, loc, table, {numPositions, SizeExpr::product(rest)}),
                                makeReshape(builder, loc, tabulator.positions, {tabulator.count}), 0);
  // Their dimension goes where it was.
  SmallVector<int64_t> permutation;
  std::optional<size_t> axis = *findPositions(sizes, tabulator.count);
  Sizes split = {tabulator.count};
  for (auto [i, size] : llvm::enumerate(rest)) {
    permutation.push_back(axis == i ? 0 : static_cast<int64_t>(split.size()));
    if (axis != i)
      split.push_back(size);
  }
  if (axis)
    rows = makeTranspose(builder, loc, makeReshape(builder, loc, rows, split), permutation);
  op.replaceAllUsesWith(makeReshape(builder, loc, rows, sizes));
  op.erase();
  return true;
}

class TabulatePositionsPass : public sinter::impl::TabulatePositionsPassBase<TabulatePositionsPass> {
  void runOnOperation() override {
    std::optional<int64_t> capacity;
    for (StateOp state : getOperation().getOps<StateOp>()) {
      int64_t size = cast<RankedTensorType>(state.getType()).getDimSize(state.getAxis());
      capacity = std::min(capacity.value_or(size), size);
    }
    if (!capacity)
      return;
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    for (ElementwiseOp op : llvm::make_early_inc_range(main.getOps<ElementwiseOp>()))
      if ((op.getKind() == ElementwiseKind::cos || op.getKind() == ElementwiseKind::sin) &&
          !isFromWeights(op.getResult()))
        numTables += tabulate(op, *capacity);
  }
};

} // namespace
