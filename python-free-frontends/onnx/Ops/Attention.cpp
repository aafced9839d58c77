//===- Attention.cpp - Attention and rotary position embedding -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX's Attention (versions 23 to 25) is sinter.attention, whose bias holds all
// that masks: a mask, the causal frontier, a sliding window, the number of keys
// that are not padding. It is spelled out as matrix products and a softmax only
// where a soft cap or the scores as a result ask for what that op does not have.
//
// A query that may see no key gives zeros in ONNX; a softmax of nothing but
// -infinity has no value. Such rows are those whose bias is -infinity everywhere.
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

using Kind = ElementwiseKind;

static constexpr double minusInfinity = -std::numeric_limits<double>::infinity();

namespace {

class Attention {
public:
  explicit Attention(NodeContext &node) : f(node), node(node) {}
  LogicalResult import();

private:
  LogicalResult readOperands();
  LogicalResult splitHeads(Value &tensor, StringRef attribute);
  LogicalResult appendToPast(Value &tensor, unsigned pastOperand, unsigned presentResult);
  /// The condition under which a query sees a key, by its position; null: always.
  Value getFrontier();
  Value getBias();
  /// Spelled out. The result has the heads before the positions.
  Value computePlainly(Value bias);
  Value expandHeads(Value scores);
  /// Zero where a query sees no key. `value` has the queries last but one.
  Value zeroWhereBlind(Value value, Value bias);

  SizeExpr numQueries() { return getSize(query, 2); }
  SizeExpr numKeys() { return getSize(key, 2); }

  Formula f;
  NodeContext &node;
  // [batch, heads, positions, head size].
  Value query, key, value;
  /// The number of keys before the first of this run.
  SizeExpr pastLength = 0;
  bool isMatrix = false; // operands of rank 3
  bool isCausal = false;
  int64_t leftWindow = -1, rightWindow = -1;
  double scale = 0, softCap = 0;
};

/// [batch, positions, heads * head size] to [batch, heads, positions, head size].
LogicalResult Attention::splitHeads(Value &tensor, StringRef attribute) {
  if (getRank(tensor) == 4)
    return success();
  if (getRank(tensor) != 3)
    return node.malformed("an operand of rank " + Twine(getRank(tensor)) + ", required 3 or 4");
  isMatrix = true;
  int64_t heads = node.getInt(attribute, 0);
  Sizes sizes = getSizes(tensor);
  std::optional<SizeExpr> headSize = heads < 1 ? std::nullopt : SizeExpr::exactDiv(sizes[2], heads);
  if (!headSize)
    return node.malformed(attribute + " is " + Twine(heads) + " for operands of size " + sizes[2].str());
  tensor = node.transpose(node.reshape(tensor, {sizes[0], sizes[1], heads, *headSize}), {0, 2, 1, 3});
  return success(tensor != nullptr);
}

LogicalResult Attention::appendToPast(Value &tensor, unsigned pastOperand, unsigned presentResult) {
  if (Value past = node.operand(pastOperand)) {
    if (getRank(past) != 4)
      return node.malformed("the past has rank " + Twine(getRank(past)) + ", required 4");
    pastLength = getSize(past, 2);
    tensor = node.concat({past, tensor}, 2);
  }
  if (!tensor)
    return failure();
  return node.hasResult(presentResult) ? node.setResult(presentResult, tensor) : success();
}

LogicalResult Attention::readOperands() {
  query = node.operand(0);
  key = node.operand(1);
  value = node.operand(2);
  // Also where they are not needed: they are no error beside operands of rank 4.
  node.ignoreAttribute("q_num_heads");
  node.ignoreAttribute("kv_num_heads");
  // Sinter's softmax is computed in f32 or better.
  node.ignoreAttribute("softmax_precision");
  if (failed(splitHeads(query, "q_num_heads")) || failed(splitHeads(key, "kv_num_heads")) ||
      failed(splitHeads(value, "kv_num_heads")))
    return failure();
  Sizes q = getSizes(query), k = getSizes(key), v = getSizes(value);
  if (failed(node.unify(k[0], q[0], "batches of key and query")) ||
      failed(node.unify(v[0], q[0], "batches of value and query")) ||
      failed(node.unify(k[1], v[1], "heads of key and value")) ||
      failed(node.unify(k[2], v[2], "positions of key and value")) ||
      failed(node.unify(k[3], q[3], "head sizes of key and query")))
    return failure();
  if (!SizeExpr::exactDiv(q[1], k[1]))
    return node.malformed(q[1].str() + " heads of the query for " + k[1].str() + " of the key");
  if (failed(appendToPast(key, 4, 1)) || failed(appendToPast(value, 5, 2)))
    return failure();

  isCausal = node.getInt("is_causal", 0) != 0;
  leftWindow = node.getInt("left_window_size", -1);
  // Further than any position is; more would not fit 64 bits when it is added to one.
  rightWindow = std::min(node.getInt("right_window_size", -1), int64_t(1) << 40);
  softCap = node.getFloat("softcap", 0);
  if (node.hasAttribute("scale")) {
    scale = node.getFloat("scale", 1);
  } else if (std::optional<int64_t> headSize = q[3].constant()) {
    scale = 1 / std::sqrt(static_cast<double>(*headSize));
  } else {
    return node.fail("the head size " + q[3].str() + " is not a number", "give the attribute scale");
  }
  return success();
}

Value Attention::getFrontier() {
  Value length = node.operand(6);
  bool isBounded = isCausal || leftWindow >= 0 || rightWindow >= 0;
  if (!length && !isBounded)
    return {};
  Value keys = f.positions(numKeys(), 3, 4), condition;
  auto require = [&](Value other) { condition = condition ? f.binary(Kind::logical_and, condition, other) : other; };
  Value offset = f.size(pastLength, f.i64());
  if (length) {
    length = node.reshape(node.cast(length, f.i64()), {getSize(query, 0), 1, 1, 1});
    require(f.binary(Kind::less, keys, length));
    if (!node.operand(4))
      offset = f.sub(length, f.size(numQueries(), f.i64()));
  }
  if (!isBounded)
    return condition;
  Value queries = f.add(f.positions(numQueries(), 2, 4), offset);
  if (isCausal)
    require(f.binary(Kind::less_equal, keys, queries));
  if (leftWindow >= 0)
    require(f.binary(Kind::greater_equal, keys, f.sub(queries, node.integerScalar(leftWindow, f.i64()))));
  if (rightWindow >= 0)
    require(f.binary(Kind::less_equal, keys, f.add(queries, node.integerScalar(rightWindow, f.i64()))));
  return condition;
}

/// What is added to the scores, of rank 4; null where nothing is.
Value Attention::getBias() {
  mlir::Type type = getElementType(query);
  Value zero = node.scalar(0, type), never = node.scalar(minusInfinity, type), bias;
  if (Value mask = node.operand(3)) {
    // Of lower rank it broadcasts; shorter than the keys it hides those that it lacks.
    int64_t rank = getRank(mask);
    if (rank < 1 || rank > 4) {
      (void)node.malformed("the mask has rank " + Twine(rank) + ", required 1 to 4");
      return {};
    }
    Sizes sizes(4 - rank, SizeExpr(1));
    sizes.append(getSizes(mask));
    mask = node.reshape(mask, sizes);
    bias = getElementType(mask).isInteger(1) ? f.select(mask, zero, never) : node.cast(mask, type);
    SizeExpr missing = numKeys() - sizes[3];
    if (!sizes[3].isConstant(1) && missing.isAtLeast(1)) {
      Sizes none(4, SizeExpr(0)), high(4, SizeExpr(0));
      high[3] = missing;
      MLIRContext *context = node.getContext();
      bias = node.create<PadOp>(PadMode::constant, bias, never, DimsAttr::get(context, none),
                                DimsAttr::get(context, high));
    }
  }
  if (Value frontier = getFrontier()) {
    Value hidden = f.select(frontier, zero, never);
    bias = bias ? f.add(bias, hidden) : hidden;
  }
  if (bias && failed(node.broadcast(getSizes(bias), {getSize(query, 0), getSize(query, 1), numQueries(), numKeys()})))
    return {};
  return bias;
}

Value Attention::zeroWhereBlind(Value result, Value bias) {
  if (!result || !bias)
    return bias ? Value() : result;
  Value best = node.reduce(ReduceKind::max, bias, 3, true);
  mlir::Type type = getElementType(result);
  return f.select(f.binary(Kind::equal, best, minusInfinity), node.scalar(0, type), result);
}

/// One product for all query heads that share a key head.
Value Attention::computePlainly(Value bias) {
  Sizes q = getSizes(query), k = getSizes(key);
  SizeExpr shared = *SizeExpr::exactDiv(q[1], k[1]);
  Value grouped = node.reshape(query, {q[0], k[1], shared * q[2], q[3]});
  Value scores = f.mul(node.create<MatmulOp>(grouped, node.transpose(key, {0, 1, 3, 2})), scale);
  scores = node.reshape(scores, {q[0], q[1], q[2], k[2]});
  Value capped = softCap == 0 ? scores : f.mul(f.unary(Kind::tanh, f.div(scores, softCap)), softCap);
  Value biased = bias ? f.add(capped, bias) : capped;
  Value probabilities = zeroWhereBlind(node.create<SoftmaxOp>(biased, 3, /*log=*/false), bias);
  if (!probabilities)
    return {};
  if (node.hasResult(3)) {
    int64_t mode = node.getInt("qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3) {
      (void)node.malformed("qk_matmul_output_mode is " + Twine(mode) + ", required 0 to 3");
      return {};
    }
    Value stages[] = {scores, capped, biased, probabilities};
    if (failed(node.setResult(3, stages[mode])))
      return {};
  }
  Value result = node.create<MatmulOp>(node.reshape(probabilities, {q[0], k[1], shared * q[2], k[2]}), value);
  return node.reshape(result, {q[0], q[1], q[2], getSize(value, 3)});
}

LogicalResult Attention::import() {
  if (failed(readOperands()))
    return failure();
  Value result;
  node.ignoreAttribute("qk_matmul_output_mode");
  bool isPlain = softCap != 0 || node.hasResult(3);
  // What sinter.attention calls causal, and nothing else that masks: no row is without a key.
  bool isSimplyCausal = isCausal && !node.operand(3) && !node.operand(6) && leftWindow < 0 && rightWindow < 0 &&
                        pastLength + numQueries() == numKeys() && !isPlain;
  Value bias = isSimplyCausal ? Value() : getBias();
  if (node.hasFailed())
    return failure();
  if (isPlain) {
    result = computePlainly(bias);
  } else {
    auto positionsFirst = [&](Value tensor) { return node.transpose(tensor, {0, 2, 1, 3}); };
    result = node.create<AttentionOp>(positionsFirst(query), positionsFirst(key), positionsFirst(value), bias, Value(),
                                      APFloat(scale), isSimplyCausal);
    result = zeroWhereBlind(positionsFirst(result), bias);
  }
  if (!result)
    return failure();
  if (isMatrix) {
    Sizes sizes = getSizes(result);
    result = node.reshape(node.transpose(result, {0, 2, 1, 3}), {sizes[0], sizes[2], sizes[1] * sizes[3]});
  }
  return node.setResult(0, result);
}

} // namespace

static LogicalResult importAttention(NodeContext &node) { return Attention(node).import(); }

/// Angles as [batch, positions, half]: rows of a table, or given so.
static LogicalResult importRotaryEmbedding(NodeContext &node) {
  Value x = node.operand(0), cosine = node.operand(1), sine = node.operand(2), positions = node.operand(3);
  Sizes sizes = getSizes(x);
  int64_t heads = node.getInt("num_heads", 0), rotated = node.getInt("rotary_embedding_dim", 0);
  bool interleaved = node.getInt("interleaved", 0) != 0;
  if (sizes.size() != 3 && sizes.size() != 4)
    return node.malformed("the input has rank " + Twine(sizes.size()) + ", required 3 or 4");
  Value view = x;
  if (sizes.size() == 3) {
    std::optional<SizeExpr> headSize = heads < 1 ? std::nullopt : SizeExpr::exactDiv(sizes[2], heads);
    if (!headSize)
      return node.malformed("num_heads is " + Twine(heads) + " for an input of size " + sizes[2].str());
    view = node.reshape(x, {sizes[0], sizes[1], heads, *headSize});
  }
  if (positions) {
    cosine = node.create<GatherOp>(cosine, positions, 0);
    sine = node.create<GatherOp>(sine, positions, 0);
  }
  if (!view || !cosine || !sine)
    return failure();
  SizeExpr half = SizeExpr::floorDiv(rotated == 0 ? getSizes(view).back() : SizeExpr(rotated), 2);
  int64_t positionAxis = sizes.size() == 3 ? 1 : 2;
  for (Value *angles : {&cosine, &sine}) {
    Sizes angleSizes = getSizes(*angles);
    if (angleSizes.size() != 3)
      return node.malformed("the angles have rank " + Twine(angleSizes.size()) + ", required 3");
    if (failed(node.unify(angleSizes[1], sizes[positionAxis], "positions of angles and input")) ||
        failed(node.unify(angleSizes[2], half, "angles and half of what is rotated")))
      return failure();
    angleSizes.insert(angleSizes.begin() + (sizes.size() == 3 ? 2 : 1), SizeExpr(1));
    *angles = node.reshape(*angles, angleSizes);
  }
  return node.setResult(0, node.reshape(node.create<RotaryOp>(view, cosine, sine, interleaved), sizes));
}

static const OpRow rows[] = {
    {"Attention", 23, importAttention, 3, 7},
    {"RotaryEmbedding", 23, importRotaryEmbedding, 3, 4},
};

ArrayRef<OpRow> sinter::onnx::getAttentionRows() { return rows; }
