//===- RemoveZeroChannels.cpp - Channels between products that are zero --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each product by a weight the ops that compute its left-hand side are followed
// up to other products by weights. Going up, a recipe is written for the mask of
// channels that may be something besides zero (`alive`); with the rows of the weight
// that are not zero it says which channels are kept. The mask is computed once here,
// to count them. Then the ops are built again with fewer channels.
//
// Between attention and the product behind it, whole heads are channels.
//
// Example: relu(x * W1 + b) * W2 has
//
//   kept = ((sum of |W1| over its rows) != 0 or b != 0) and (sum of |W2| over its columns) != 0
//
//===----------------------------------------------------------------------===//

#include "lib/Sparsity/Passes.h"

#include "dialects/sinter/Transforms/PassFailure.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Sparsity/WeightMatrix.h"
#include "lib/Support/Failure.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <algorithm>

namespace sinter {
#define GEN_PASS_DEF_REMOVEZEROCHANNELSPASS
#include "lib/Sparsity/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// Whether f(0) is 0.
bool keepsZero(ElementwiseKind kind) {
  using K = ElementwiseKind;
  switch (kind) {
  case K::abs:
  case K::neg:
  case K::sqrt:
  case K::floor:
  case K::ceil:
  case K::round:
  case K::sign:
  case K::sin:
  case K::tan:
  case K::asin:
  case K::atan:
  case K::sinh:
  case K::asinh:
  case K::atanh:
  case K::tanh:
  case K::erf:
  case K::relu:
  case K::gelu:
  case K::gelu_tanh:
  case K::silu:
  case K::elu:
  case K::leaky_relu:
    return true;
  default:
    return false;
  }
}

/// Whether the last dimension of `value` has `channels` elements, or 1 (or it has none): then all channels have the
/// same.
bool isSharedByChannels(Value value) {
  Sizes sizes = getSizes(value);
  return sizes.empty() || sizes.back().isConstant(1);
}

/// The ops between two products, from the second on upward.
class Channels {
public:
  /// `replaced` gets the products that are built in the place of others.
  Channels(Value lhs, int64_t count, DenseMap<Operation *, MatmulOp> &replaced)
      : lhs(lhs), count(count), replaced(replaced) {}

  /// Whether the channels can be taken out of all that computes the left-hand side.
  bool isRemovable() { return isRemovable(lhs); }
  /// Whether a weight on the way has a column of zeros.
  llvm::Expected<bool> hasZeroColumn(const WeightReader &reader) const {
    for (Value weight : weights) {
      llvm::Expected<std::optional<WeightMatrix>> matrix = reader.readMatrix(weight);
      if (!matrix)
        return matrix.takeError();
      if (*matrix && (*matrix)->hasZeroColumn())
        return true;
    }
    return false;
  }
  /// The recipe of a mask: which channels may be something besides zero. Null: all.
  Value buildAlive(OpBuilder &b) { return buildAlive(b, lhs); }
  /// The left-hand side with `kept` channels.
  Value rebuild(OpBuilder &b, Value mask, int64_t kept) { return rebuild(b, lhs, mask, kept); }

private:
  bool isRemovable(Value value);
  Value buildAlive(OpBuilder &b, Value value);
  Value rebuild(OpBuilder &b, Value value, Value mask, int64_t kept);

  Value lhs;
  int64_t count;
  DenseMap<Operation *, MatmulOp> &replaced;
  SmallVector<Value> weights;
};

bool isWeightProduct(MatmulOp matmul) {
  Value weight = matmul.getRhs();
  return sinter::getRank(weight) == 2 && sinter::getElementType(weight).isF32() && isFromWeights(weight) &&
         !cast<RankedTensorType>(weight.getType()).getEncoding() && !isFromWeights(matmul.getLhs());
}

bool Channels::isRemovable(Value value) {
  if (isFromWeights(value))
    return isSharedByChannels(value) || getSizes(value).back().isConstant(count);
  Operation *op = value.getDefiningOp();
  if (isSharedByChannels(value))
    return true;
  // Whatever else reads it gets all channels.
  if (!op || !value.hasOneUse() || !getSizes(value).back().isConstant(count))
    return false;
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    if (!isWeightProduct(matmul))
      return false;
    weights.push_back(matmul.getRhs());
    return true;
  }
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    Sizes before = getSizes(reshape.getInput());
    return !before.empty() && before.back().isConstant(count) && isRemovable(reshape.getInput());
  }
  if (!isa<ElementwiseOp>(op))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) { return isRemovable(operand); });
}

Value buildOr(OpBuilder &b, Location loc, Value x, Value y, ElementwiseKind kind) {
  return ElementwiseOp::create(b, loc, kind, ValueRange{x, y}, FloatAttr());
}

/// Which indices of the last dimension (or, of a matrix, of `axis`) have something besides zero.
Value buildNonzero(OpBuilder &b, Value weight, int64_t axis) {
  SmallVector<int64_t> others;
  for (int64_t i = 0; i < sinter::getRank(weight); ++i)
    if (i != axis)
      others.push_back(i);
  Value sums = ReduceOp::create(b, weight.getLoc(), ReduceKind::sum_abs, weight, others, /*keep_dims=*/false);
  return CastOp::create(b, weight.getLoc(), getTensorType({getSize(weight, axis)}, b.getI1Type()), sums);
}

Value Channels::buildAlive(OpBuilder &b, Value value) {
  if (isFromWeights(value))
    return isSharedByChannels(value) ? Value() : buildNonzero(b, value, sinter::getRank(value) - 1);
  Operation *op = value.getDefiningOp();
  if (isSharedByChannels(value))
    return Value();
  if (auto matmul = dyn_cast<MatmulOp>(op))
    return buildNonzero(b, matmul.getRhs(), 1);
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return buildAlive(b, reshape.getInput());
  auto elementwise = cast<ElementwiseOp>(op);
  SmallVector<Value> alive;
  for (Value operand : elementwise.getOperands_())
    alive.push_back(buildAlive(b, operand));
  bool isBinary = alive.size() == 2;
  switch (elementwise.getKind()) {
  case ElementwiseKind::add:
  case ElementwiseKind::sub:
    return alive[0] && alive[1] ? buildOr(b, op->getLoc(), alive[0], alive[1], ElementwiseKind::logical_or) : Value();
  case ElementwiseKind::mul:
    if (alive[0] && alive[1])
      return buildOr(b, op->getLoc(), alive[0], alive[1], ElementwiseKind::logical_and);
    return alive[0] ? alive[0] : alive[1];
  case ElementwiseKind::div: {
    // Zero divided by a number that is not zero.
    bool isNumber = isBinary && elementwise.getOperands_()[1].getDefiningOp<ConstantOp>();
    return isNumber ? alive[0] : Value();
  }
  default:
    return alive.size() == 1 && keepsZero(elementwise.getKind()) ? alive[0] : Value();
  }
}

Value buildCompressed(OpBuilder &b, Value value, int64_t axis, Value mask, int64_t kept) {
  Sizes sizes = getSizes(value);
  sizes[axis] = kept;
  return CompressOp::create(b, value.getLoc(), getTensorType(sizes, sinter::getElementType(value)), value, mask, axis);
}

Value Channels::rebuild(OpBuilder &b, Value value, Value mask, int64_t kept) {
  if (isSharedByChannels(value))
    return value;
  if (isFromWeights(value))
    return buildCompressed(b, value, sinter::getRank(value) - 1, mask, kept);
  Operation *op = value.getDefiningOp();
  if (auto matmul = dyn_cast<MatmulOp>(op))
    return replaced[op] =
               MatmulOp::create(b, op->getLoc(), matmul.getLhs(), buildCompressed(b, matmul.getRhs(), 1, mask, kept));
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    Sizes sizes = getSizes(value);
    sizes.back() = kept;
    return ReshapeOp::create(b, op->getLoc(), getTensorType(sizes, sinter::getElementType(value)),
                             rebuild(b, reshape.getInput(), mask, kept));
  }
  auto elementwise = cast<ElementwiseOp>(op);
  SmallVector<Value> operands;
  for (Value operand : elementwise.getOperands_())
    operands.push_back(rebuild(b, operand, mask, kept));
  return ElementwiseOp::create(b, op->getLoc(), elementwise.getKind(), operands, elementwise.getAlphaAttr());
}

/// Attention whose result a product reads, heads side by side.
class Heads {
public:
  /// Of a product's left-hand side.
  static std::optional<Heads> match(Value lhs, DenseMap<Operation *, MatmulOp> &replaced);

  llvm::Expected<bool> hasZeroColumn(const WeightReader &reader) const { return value.channels.hasZeroColumn(reader); }
  int64_t getCount() const { return count; }
  /// Which heads may be something besides zero, and are read by the rows of `weight`.
  Value buildAlive(OpBuilder &b, Value weight);
  Value rebuild(OpBuilder &b, Value mask, int64_t kept);
  /// A mask of heads for channels, `size` in each head.
  Value spread(OpBuilder &b, Value mask, int64_t size);
  int64_t getValueSize() const { return value.size; }

private:
  /// Query, key or value: the channels that are cut into heads, and what happens to the heads.
  struct Operand {
    Channels channels;
    int64_t size;
    ReshapeOp cut;
    SmallVector<RotaryOp, 1> rotary; // the last first
  };
  Heads(AttentionOp attention, ReshapeOp joined, Operand query, Operand key, Operand value, int64_t count)
      : attention(attention), joined(joined), query(std::move(query)), key(std::move(key)), value(std::move(value)),
        count(count) {}
  static std::optional<Operand> matchOperand(Value value, int64_t count, DenseMap<Operation *, MatmulOp> &replaced);
  Value rebuildOperand(OpBuilder &b, Operand &operand, Value mask, int64_t kept);

  AttentionOp attention;
  ReshapeOp joined;
  Operand query, key, value;
  int64_t count;
};

std::optional<Heads::Operand> Heads::matchOperand(Value value, int64_t count,
                                                  DenseMap<Operation *, MatmulOp> &replaced) {
  SmallVector<RotaryOp, 1> rotary;
  while (value.hasOneUse()) {
    auto op = value.getDefiningOp<RotaryOp>();
    if (!op)
      break;
    Sizes angles = getSizes(op.getCos());
    if (angles.size() >= 2 && !angles[angles.size() - 2].isConstant(1))
      return std::nullopt; // they differ by head
    rotary.push_back(op);
    value = op.getInput();
  }
  auto cut = value.getDefiningOp<ReshapeOp>();
  Sizes sizes = getSizes(value);
  if (!cut || !value.hasOneUse() || sizes.size() != 4 || !sizes[2].isConstant(count) || !sizes[3].constant())
    return std::nullopt;
  int64_t size = *sizes[3].constant();
  Channels channels(cut.getInput(), count * size, replaced);
  Sizes before = getSizes(cut.getInput());
  if (before.empty() || !before.back().isConstant(count * size) || !channels.isRemovable())
    return std::nullopt;
  return Operand{channels, size, cut, rotary};
}

std::optional<Heads> Heads::match(Value lhs, DenseMap<Operation *, MatmulOp> &replaced) {
  auto joined = lhs.getDefiningOp<ReshapeOp>();
  auto attention = joined ? joined.getInput().getDefiningOp<AttentionOp>() : AttentionOp();
  if (!attention || !lhs.hasOneUse() || !attention.getResult().hasOneUse() || !sinter::getElementType(lhs).isF32())
    return std::nullopt;
  std::optional<int64_t> count = getSize(attention.getQuery(), 2).constant();
  if (!count || !getSize(attention.getKey(), 2).isConstant(*count) ||
      (attention.getBias() && !getSize(attention.getBias(), 1).isConstant(1)))
    return std::nullopt;
  std::optional<Operand> query = matchOperand(attention.getQuery(), *count, replaced),
                         key = matchOperand(attention.getKey(), *count, replaced),
                         value = matchOperand(attention.getValue(), *count, replaced);
  if (!query || !key || !value || !getSizes(lhs).back().isConstant(*count * value->size))
    return std::nullopt;
  return Heads(attention, joined, std::move(*query), std::move(*key), std::move(*value), *count);
}

Value Heads::buildAlive(OpBuilder &b, Value weight) {
  Location loc = attention.getLoc();
  auto anyOfHead = [&](Value channels) {
    Value numbers = CastOp::create(b, loc, getTensorType(getSizes(channels), b.getF32Type()), channels);
    return buildNonzero(b, ReshapeOp::create(b, loc, getTensorType({count, value.size}, b.getF32Type()), numbers), 0);
  };
  Value read = anyOfHead(buildNonzero(b, weight, 0)), made = value.channels.buildAlive(b);
  return made ? buildOr(b, loc, read, anyOfHead(made), ElementwiseKind::logical_and) : read;
}

Value Heads::spread(OpBuilder &b, Value mask, int64_t size) {
  Location loc = attention.getLoc();
  Type i1 = b.getI1Type();
  Value column = ReshapeOp::create(b, loc, getTensorType({count, 1}, i1), mask);
  Value square = BroadcastOp::create(b, loc, getTensorType({count, size}, i1), column);
  return ReshapeOp::create(b, loc, getTensorType({count * size}, i1), square);
}

Value Heads::rebuildOperand(OpBuilder &b, Operand &operand, Value mask, int64_t kept) {
  Value channels = operand.channels.rebuild(b, spread(b, mask, operand.size), kept * operand.size);
  Sizes sizes = getSizes(operand.cut.getResult());
  sizes[2] = kept;
  Value heads = ReshapeOp::create(b, operand.cut.getLoc(),
                                  getTensorType(sizes, sinter::getElementType(operand.cut.getResult())), channels);
  for (RotaryOp op : llvm::reverse(operand.rotary))
    heads = RotaryOp::create(b, op.getLoc(), heads, op.getCos(), op.getSin(), op.getInterleaved());
  return heads;
}

Value Heads::rebuild(OpBuilder &b, Value mask, int64_t kept) {
  Value q = rebuildOperand(b, query, mask, kept), k = rebuildOperand(b, key, mask, kept),
        v = rebuildOperand(b, value, mask, kept);
  Value result = AttentionOp::create(b, attention.getLoc(), q, k, v, attention.getBias(), attention.getPast(),
                                     attention.getScaleAttr(), attention.getCausalAttr());
  Sizes sizes = getSizes(joined.getResult());
  sizes.back() = kept * value.size;
  return ReshapeOp::create(b, joined.getLoc(), getTensorType(sizes, sinter::getElementType(result)), result);
}

struct RemoveZeroChannels : sinter::impl::RemoveZeroChannelsPassBase<RemoveZeroChannels> {
  using RemoveZeroChannelsPassBase::RemoveZeroChannelsPassBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (folder.empty() || !main)
      return;
    llvm::Expected<WeightReader> reader = WeightReader::open(getOperation(), folder, calibration);
    if (!reader) {
      emitFailure(getOperation(), reader.takeError());
      return signalPassFailure();
    }
    // What comes last first: where it has fewer inputs, what comes before has fewer outputs.
    std::vector<WeightMatmul> products = findWeightMatmuls(main);
    for (WeightMatmul &product : llvm::reverse(products)) {
      MatmulOp later = replaced.lookup(product.matmul.getOperation());
      if (llvm::Error error = shrink(later ? later : product.matmul, *reader)) {
        emitFailure(getOperation(), std::move(error));
        return signalPassFailure();
      }
    }
    // Masks that took nothing out, and parts of masks that came to an op that makes something of zeros.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

private:
  void eraseDead(Operation *op) {
    if (!op || !isOpTriviallyDead(op))
      return;
    SmallVector<Value> operands(op->getOperands());
    op->erase();
    for (Value operand : operands)
      eraseDead(operand.getDefiningOp());
  }

  llvm::Error shrink(MatmulOp matmul, const WeightReader &reader) {
    if (!isWeightProduct(matmul))
      return llvm::Error::success();
    Value weight = matmul.getRhs();
    int64_t count = *getSize(weight, 0).constant();
    std::optional<Heads> heads = Heads::match(matmul.getLhs(), replaced);
    Channels channels(matmul.getLhs(), count, replaced);
    if (!heads && !channels.isRemovable())
      return llvm::Error::success();
    // Most models have nothing of the kind: a look at the first elements shows it.
    llvm::Expected<std::optional<WeightMatrix>> matrix = reader.readMatrix(weight);
    if (!matrix)
      return matrix.takeError();
    llvm::Expected<bool> hasZeroColumn = heads ? heads->hasZeroColumn(reader) : channels.hasZeroColumn(reader);
    if (!hasZeroColumn)
      return hasZeroColumn.takeError();
    if (!(*matrix && (*matrix)->hasZeroRow()) && !*hasZeroColumn)
      return llvm::Error::success();

    OpBuilder b(matmul);
    Value mask;
    if (heads) {
      mask = heads->buildAlive(b, weight);
      count = heads->getCount();
    } else {
      Value alive = channels.buildAlive(b);
      mask = buildNonzero(b, weight, 0);
      if (alive)
        mask = buildOr(b, matmul.getLoc(), mask, alive, ElementwiseKind::logical_and);
    }
    llvm::Expected<HostTensor> values = reader.evaluate(mask);
    if (!values)
      return values.takeError();
    llvm::ArrayRef<uint8_t> flags = values->as<uint8_t>();
    int64_t kept = count - std::count(flags.begin(), flags.end(), 0);
    // Tensors have at least one element along a dimension.
    if (kept == count || kept == 0)
      return llvm::Error::success();
    Value lhs = heads ? heads->rebuild(b, mask, kept) : channels.rebuild(b, mask, kept);
    int64_t size = heads ? heads->getValueSize() : 1;
    Value rows = heads ? heads->spread(b, mask, size) : mask;
    Value smaller = MatmulOp::create(b, matmul.getLoc(), lhs, buildCompressed(b, weight, 0, rows, kept * size));
    matmul.getResult().replaceAllUsesWith(smaller);
    eraseDead(matmul);
    (heads ? numHeads : numChannels) += count - kept;
    return llvm::Error::success();
  }

  DenseMap<Operation *, MatmulOp> replaced;
};

} // namespace
