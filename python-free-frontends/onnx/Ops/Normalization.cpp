//===- Normalization.cpp - Layer, RMS, batch and other normalizations ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

using Kind = ElementwiseKind;

static SmallVector<int64_t> axesFrom(int64_t axis, int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(axis, rank));
}

/// A scale or bias for the dimensions from `axis` on, in the form that the norms
/// of sinter take: files also write leading sizes of 1. Null where it is scaled by
/// more than those dimensions.
static Value asNormParameter(Formula &f, Value parameter, Value x, int64_t axis) {
  Sizes sizes = getSizes(parameter);
  int64_t rank = sizes.size(), extra = rank - (getRank(x) - axis);
  if (extra <= 0)
    return parameter;
  for (int64_t i = 0; i < extra; ++i)
    if (!sizes[i].isConstant(1))
      return {};
  return f.node.reshape(parameter, ArrayRef(sizes).drop_front(extra));
}

/// Mean and 1 / standard deviation over `axes`, which keep size 1.
static std::pair<Value, Value> getMoments(Formula &f, Value x, ArrayRef<int64_t> axes, double epsilon) {
  Value mean = f.node.reduce(ReduceKind::mean, x, axes, true);
  Value centred = f.sub(x, mean);
  Value variance = f.node.reduce(ReduceKind::mean, f.mul(centred, centred), axes, true);
  return {mean, f.unary(Kind::rsqrt, f.add(variance, epsilon))};
}

static LogicalResult importLayerNormalization(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0), scale = node.operand(1), bias = node.operand(2);
  int64_t rank = getRank(x);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", -1), rank);
  if (failed(axis))
    return failure();
  double epsilon = node.getFloat("epsilon", 1e-5f);
  mlir::Type type = getElementType(x);
  // Sinter computes in at least this precision; it is the type of the other two results, too.
  mlir::Type stashType = node.getElementTypeAttribute("stash_type", DataType::Float);
  if (!stashType)
    return failure();

  Value normScale = asNormParameter(f, scale, x, *axis);
  Value normBias = bias ? asNormParameter(f, bias, x, *axis) : Value();
  if (node.hasFailed())
    return failure();
  Value result;
  if (normScale && (normBias || !bias)) {
    Sizes sizes = getSizes(x);
    ArrayRef<SizeExpr> inner = ArrayRef(sizes).drop_front(*axis);
    for (Value parameter : {normScale, normBias})
      if (parameter && failed(node.broadcast(inner, getSizes(parameter))))
        return failure();
    result = node.create<LayerNormOp>(x, normScale, normBias, *axis, APFloat(epsilon));
  } else {
    result = node.create<LayerNormOp>(x, node.scalar(1, type), Value(), *axis, APFloat(epsilon));
    result = f.mul(result, scale);
    result = bias ? f.add(result, bias) : result;
  }
  if (failed(node.setResult(0, result)))
    return failure();
  if (!node.hasResult(1) && !node.hasResult(2))
    return success();
  auto [mean, inverse] = getMoments(f, node.cast(x, f.widened(type)), axesFrom(*axis, rank), epsilon);
  if (node.hasResult(1) && failed(node.setResult(1, node.cast(mean, stashType))))
    return failure();
  return node.hasResult(2) ? node.setResult(2, node.cast(inverse, stashType)) : success();
}

/// The result has the type of the scale.
static LogicalResult importRmsNormalization(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0), scale = node.operand(1);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", -1), getRank(x));
  if (failed(axis))
    return failure();
  double epsilon = node.getFloat("epsilon", 1e-5f);
  // Sinter computes in at least this precision.
  if (!node.getElementTypeAttribute("stash_type", DataType::Float))
    return failure();
  mlir::Type type = getElementType(x), resultType = getElementType(scale), common = type;
  if (type != resultType)
    common = type.isF64() || resultType.isF64() ? f.f64() : f.f32();
  Value wide = node.cast(x, common);
  Value normScale = asNormParameter(f, node.cast(scale, common), x, *axis);
  if (node.hasFailed())
    return failure();
  Value result;
  if (normScale) {
    Sizes sizes = getSizes(x);
    ArrayRef<SizeExpr> inner = ArrayRef(sizes).drop_front(*axis);
    if (failed(node.broadcast(inner, getSizes(normScale))))
      return failure();
    result = node.create<RmsNormOp>(wide, normScale, *axis, APFloat(epsilon));
  } else {
    result = node.create<RmsNormOp>(wide, node.scalar(1, common), *axis, APFloat(epsilon));
    result = f.mul(result, node.cast(scale, common));
  }
  return f.finish(node.cast(result, resultType));
}

static LogicalResult importMeanVarianceNormalization(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  FailureOr<SmallVector<int64_t>> axes =
      node.normalizeAxes(node.getInts("axes").value_or(SmallVector<int64_t>{0, 2, 3}), getRank(x));
  if (failed(axes))
    return failure();
  mlir::Type type = getElementType(x);
  Value wide = node.cast(x, f.widened(type));
  Value centred = f.sub(wide, node.reduce(ReduceKind::mean, wide, *axes, true));
  Value variance = node.reduce(ReduceKind::mean, f.mul(centred, centred), *axes, true);
  return f.finish(node.cast(f.div(centred, f.add(f.unary(Kind::sqrt, variance), 1e-9)), type));
}

/// Zero where the norm is zero.
static LogicalResult importLpNormalization(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", -1), getRank(x));
  if (failed(axis))
    return failure();
  int64_t p = node.getInt("p", 2);
  if (p != 1 && p != 2)
    return node.malformed("p is " + Twine(p) + ", required 1 or 2");
  mlir::Type type = getElementType(x), wide = f.widened(type);
  Value input = node.cast(x, wide);
  Value norm = node.reduce(p == 1 ? ReduceKind::sum_abs : ReduceKind::sum_squares, input, *axis, true);
  if (p == 2)
    norm = f.unary(Kind::sqrt, norm);
  Value result = f.select(f.binary(Kind::equal, norm, 0), node.scalar(0, wide), f.div(input, norm));
  return f.finish(node.cast(result, type));
}

/// A vector with one element for each channel, which broadcasts to [N, C, ...].
static Value perChannel(Formula &f, Value vector, Value x) {
  if (failed(f.node.unify(getSizes(vector), getSize(x, 1), "one element for each channel")))
    return {};
  Sizes sizes(getRank(x) - 1, SizeExpr(1));
  sizes[0] = getSize(x, 1);
  return f.node.reshape(f.node.cast(vector, f.widened(getElementType(x))), sizes);
}

static LogicalResult importBatchNormalization(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  if (getRank(x) < 2)
    return node.malformed("the input has rank " + Twine(getRank(x)) + ", required at least 2");
  bool training = node.getInt("training_mode", 0) != 0;
  for (unsigned i = 1; i < node.getNumResults(); ++i)
    training = training || node.hasResult(i);
  if (training)
    return node.fail("training", "export the model for inference");
  if (node.getInt("spatial", 1) == 0)
    return node.fail("statistics for each position of the image");
  node.ignoreAttribute("momentum");
  mlir::Type type = getElementType(x);
  Value scale = perChannel(f, node.operand(1), x), bias = perChannel(f, node.operand(2), x);
  Value mean = perChannel(f, node.operand(3), x), variance = perChannel(f, node.operand(4), x);
  Value factor = f.mul(scale, f.unary(Kind::rsqrt, f.add(variance, node.getFloat("epsilon", 1e-5f))));
  Value centred = f.sub(node.cast(x, f.widened(type)), mean);
  return f.finish(node.cast(f.add(f.mul(centred, factor), bias), type));
}

static LogicalResult importInstanceNormalization(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  if (getRank(x) < 3)
    return node.malformed("the input has rank " + Twine(getRank(x)) + ", required at least 3");
  mlir::Type type = getElementType(x);
  Value wide = node.cast(x, f.widened(type));
  auto [mean, inverse] = getMoments(f, wide, axesFrom(2, getRank(x)), node.getFloat("epsilon", 1e-5f));
  Value normal = f.mul(f.sub(wide, mean), inverse);
  Value scaled = f.mul(normal, perChannel(f, node.operand(1), x));
  return f.finish(node.cast(f.add(scaled, perChannel(f, node.operand(2), x)), type));
}

/// Scale and bias have one element for each group in version 18, for each channel since 21.
template <bool perGroup> static LogicalResult importGroupNormalization(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  int64_t groups = node.getInt("num_groups", 0);
  if (getRank(x) < 2 || groups < 1)
    return node.malformed("an input of rank " + Twine(getRank(x)) + " in " + Twine(groups) + " groups");
  node.ignoreAttribute("stash_type");
  mlir::Type type = getElementType(x), wide = f.widened(type);
  Sizes sizes = getSizes(x);
  std::optional<SizeExpr> channels = SizeExpr::exactDiv(sizes[1], groups);
  if (!channels)
    return node.malformed(sizes[1].str() + " channels in " + Twine(groups) + " groups");
  Sizes grouped = {sizes[0], groups, *channels};
  grouped.append(sizes.begin() + 2, sizes.end());
  Value view = node.reshape(node.cast(x, wide), grouped);
  auto [mean, inverse] = getMoments(f, view, axesFrom(2, grouped.size()), node.getFloat("epsilon", 1e-5f));
  Value result = f.mul(f.sub(view, mean), inverse);
  if (!result)
    return failure();
  SmallVector<Value> parameters;
  for (Value parameter : {node.operand(1), node.operand(2)}) {
    Sizes parameterSizes(grouped.size() - 1, SizeExpr(1));
    parameterSizes[0] = groups;
    if (!perGroup)
      parameterSizes[1] = *channels;
    parameters.push_back(node.reshape(node.cast(parameter, wide), parameterSizes));
  }
  result = f.add(f.mul(result, parameters[0]), parameters[1]);
  return f.finish(node.cast(node.reshape(result, sizes), type));
}

static const OpRow rows[] = {
    {"BatchNormalization", 7, importBatchNormalization, 5, 5},
    {"GroupNormalization", 18, importGroupNormalization<true>, 3, 3},
    {"GroupNormalization", 21, importGroupNormalization<false>, 3, 3},
    {"InstanceNormalization", 1, importInstanceNormalization, 3, 3},
    {"LayerNormalization", 17, importLayerNormalization, 2, 3},
    {"LpNormalization", 1, importLpNormalization, 1, 1},
    {"MeanVarianceNormalization", 9, importMeanVarianceNormalization, 1, 1},
    {"RMSNormalization", 23, importRmsNormalization, 2, 2},
};

ArrayRef<OpRow> sinter::onnx::getNormalizationRows() { return rows; }
