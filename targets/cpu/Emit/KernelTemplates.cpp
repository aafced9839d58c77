//===- KernelTemplates.cpp - What launches a fused region ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/KernelTemplates.h"

#include "targets/cpu/Emit/LoopKernels.h"
#include "targets/cpu/Emit/RegionReader.h"
#include "targets/cpu/Emit/WeightProducts.h"
#include "targets/cpu/Kernels/Attention.h"
#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/RowKernels.h"
#include "targets/cpu/Transforms/Passes.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

//===----------------------------------------------------------------------===//
// Reading regions
//===----------------------------------------------------------------------===//

bool cpu::isTileEpilogue(Operation *op, Value value) {
  auto elementwise = dyn_cast<ElementwiseOp>(op);
  if (!elementwise || getSizes(elementwise.getResult()) != getSizes(value))
    return false;
  SizeExpr columns = getSizes(value).back();
  for (Value operand : elementwise.getOperands_()) {
    if (!sinter::getElementType(operand).isF32())
      return false;
    if (operand != value && !isSplatConstant(operand) && !isColumnVector(operand, columns) &&
        getSizes(operand) != getSizes(value))
      return false;
  }
  return sinter::getElementType(elementwise.getResult()).isF32();
}

bool cpu::isByteQuantize(Operation *op) {
  auto quantize = dyn_cast<QuantizeOp>(op);
  if (!quantize || !sinter::getElementType(quantize.getInput()).isF32())
    return false;
  auto type = cast<QuantizedType>(sinter::getElementType(quantize.getResult()));
  return type.getStorage().isUnsignedInteger(8) && isScalarTensor(quantize.getScale()) &&
         isScalarTensor(quantize.getZeroPoint());
}

/// The zero point, where it is a number that is known.
static std::optional<int64_t> getZeroConstant(QuantizeOp quantize) {
  auto zero = quantize.getZeroPoint() ? quantize.getZeroPoint().getDefiningOp<ConstantOp>() : ConstantOp();
  auto elements = zero ? dyn_cast<DenseElementsAttr>(zero.getValue()) : DenseElementsAttr();
  if (!elements || !elements.isSplat())
    return std::nullopt;
  return elements.getSplatValue<APInt>().getZExtValue();
}

std::optional<ScaledColumns> cpu::getScaledColumns(QuantizeOp quantize) {
  auto mul = quantize.getInput().getDefiningOp<ElementwiseOp>();
  if (!mul || mul.getKind() != ElementwiseKind::mul || getSizes(mul.getResult()).empty())
    return std::nullopt;
  // All that reads the product is the conversion and the search for its scales.
  for (Operation *user : mul->getUsers())
    if (user != quantize && user != quantize.getScale().getDefiningOp<ChooseScaleOp>())
      return std::nullopt;
  Value values = mul.getOperands_()[0], factors = mul.getOperands_()[1];
  SizeExpr columns = getSizes(mul.getResult()).back();
  if (getSizes(values) != getSizes(mul.getResult()) || sinter::getRank(factors) != 1 ||
      getSize(factors, 0) != columns || !sinter::getElementType(factors).isF32())
    return std::nullopt;
  return ScaledColumns{mul, values, factors};
}

bool cpu::isRowQuantize(Operation *op) {
  auto quantize = dyn_cast<QuantizeOp>(op);
  auto scale = quantize ? quantize.getScale().getDefiningOp<ChooseScaleOp>() : ChooseScaleOp();
  if (!scale || scale.getInput() != quantize.getInput() || scale.getSearch() || !quantize.getReciprocal() ||
      !sinter::getElementType(quantize.getInput()).isF32())
    return false;
  auto type = cast<QuantizedType>(sinter::getElementType(quantize.getResult()));
  auto scaleType = cast<QuantizedType>(scale.getQuantized());
  // A scale for signed bytes is one for unsigned ones whose zero point is 128.
  bool isSymmetric = scaleType.getStorage().isSignlessInteger(8) && !scaleType.getZeroPoints();
  bool isGiven = scaleType == type && scale.getZero();
  int64_t zero = isGiven ? static_cast<int64_t>(*scale.getZero()) : QuantizeRowsSpec::zeroPoint;
  return type.hasRowBlocks() && (isSymmetric || isGiven) && scaleType.getBlocks() == type.getBlocks() &&
         type.getStorage().isUnsignedInteger(8) && getZeroConstant(quantize) == zero &&
         getSizes(quantize.getInput()).back().constant();
}

//===----------------------------------------------------------------------===//
// batched_matmul: a value times a value
//===----------------------------------------------------------------------===//

namespace {
struct BatchedMatmulRegion {
  MatmulOp op;
  StridedView lhs, rhs;
  TileEpilogue epilogue;
  BatchedMatmulSpec spec;
};
} // namespace

static FailureOr<BatchedMatmulRegion> readBatchedMatmul(Block &body) {
  BatchedMatmulRegion region;
  region.op = findOp<MatmulOp>(body);
  if (!region.op || !sinter::getElementType(region.op.getResult()).isF32())
    return failure();
  std::optional<StridedView> lhs = viewOf(region.op.getLhs()), rhs = viewOf(region.op.getRhs());
  FailureOr<TileEpilogue> epilogue = readEpilogue(region.op.getResult(), getYielded(body), /*isBatched=*/true);
  if (!lhs || !rhs || failed(epilogue))
    return failure();
  region.lhs = *lhs;
  region.rhs = *rhs;
  region.epilogue = *epilogue;
  region.spec.numBatchDims = sinter::getRank(region.op.getResult()) - 2;
  region.spec.hasBias = static_cast<bool>(epilogue->bias);
  region.spec.epilogue = emitEpilogue(*epilogue);
  return region;
}

static FailureOr<LaunchPlan> planBatchedMatmul(Block &body) {
  FailureOr<BatchedMatmulRegion> region = readBatchedMatmul(body);
  if (failed(region))
    return failure();
  using Spec = BatchedMatmulSpec;
  const StridedView &lhs = region->lhs, &rhs = region->rhs;
  Sizes sizes = getSizes(region->op.getResult());
  size_t rank = sizes.size();
  SizeExpr m = sizes[rank - 2], n = sizes[rank - 1];
  Words words(region->op.getContext(), region->spec.numWords());
  words.view(Spec::A, lhs);
  words.view(Spec::B, rhs);
  if (region->epilogue.bias)
    words.operand(Spec::Bias, region->epilogue.bias);
  words.result(Spec::C);
  words.integer(Spec::M, m);
  words.integer(Spec::N, n);
  words.integer(Spec::K, lhs.sizes.back());
  words.integer(Spec::ARowStride, lhs.strides[lhs.strides.size() - 2]);
  words.integer(Spec::AColumnStride, lhs.strides.back());
  words.integer(Spec::BRowStride, rhs.strides[rhs.strides.size() - 2]);
  words.integer(Spec::BColumnStride, rhs.strides.back());
  words.integer(Spec::CRowStride, n);
  SizeExpr resultStride = m * n, batch = 1;
  auto strideOf = [&](const StridedView &view, size_t axis) -> SizeExpr {
    size_t skipped = rank - view.sizes.size();
    return axis < skipped || view.sizes[axis - skipped].isConstant(1) ? SizeExpr(0) : view.strides[axis - skipped];
  };
  for (size_t axis = rank - 2; axis-- > 0;) {
    unsigned word = Spec::Batch0 + 4 * axis;
    words.integer(word, sizes[axis]);
    words.integer(word + 1, strideOf(lhs, axis));
    words.integer(word + 2, strideOf(rhs, axis));
    words.integer(word + 3, resultStride);
    resultStride = resultStride * sizes[axis];
    batch = batch * sizes[axis];
  }
  return LaunchPlan{words.take(), region->spec.numTasks(batch, m, n), region->spec.scratchBytes(), {}};
}

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

namespace {
struct AttentionRegion {
  AttentionOp op;
  StridedView query, key, value;
  std::optional<StridedView> bias;
  AttentionSpec spec;
};
} // namespace

static FailureOr<AttentionRegion> readAttention(Block &body) {
  AttentionRegion region;
  region.op = findOp<AttentionOp>(body);
  if (!region.op || !sinter::getElementType(region.op.getResult()).isF32())
    return failure();
  std::optional<StridedView> query = viewOf(region.op.getQuery()), key = viewOf(region.op.getKey()),
                             value = viewOf(region.op.getValue());
  if (!query || !key || !value)
    return failure();
  for (const StridedView *view : {&*query, &*key, &*value})
    if (!view->strides[3].isConstant(1) && !view->sizes[3].isConstant(1))
      return failure();
  Value yielded = getYielded(body);
  while (auto reshape = yielded.getDefiningOp<ReshapeOp>())
    yielded = reshape.getInput();
  if (yielded != region.op.getResult())
    return failure();
  AttentionSpec &spec = region.spec;
  auto number = [](const SizeExpr &size) { return size.constant().value_or(0); };
  spec.numHeads = number(query->sizes[2]);
  spec.numKvHeads = number(key->sizes[2]);
  spec.headSize = number(query->sizes[3]);
  spec.valueHeadSize = number(value->sizes[3]);
  if (!spec.numHeads || !spec.numKvHeads || !spec.headSize || !spec.valueHeadSize)
    return failure();
  spec.scale = region.op.getScale().convertToDouble();
  spec.causal = region.op.getCausal();
  spec.qRowStride = number(query->strides[1]);
  spec.kRowStride = number(key->strides[1]);
  spec.vRowStride = number(value->strides[1]);
  spec.outRowStride = spec.numHeads * spec.valueHeadSize;
  if (Value bias = region.op.getBias()) {
    region.bias = viewOf(bias);
    if (!region.bias)
      return failure();
    spec.bias = region.bias->sizes[2].isConstant(1) ? AttentionSpec::Bias::PerKey : AttentionSpec::Bias::PerQuery;
  }
  region.query = *query;
  region.key = *key;
  region.value = *value;
  return region;
}

static FailureOr<LaunchPlan> planAttention(Block &body) {
  FailureOr<AttentionRegion> region = readAttention(body);
  if (failed(region))
    return failure();
  using Spec = AttentionSpec;
  Words words(region->op.getContext(), Spec::NumWords);
  words.view(Spec::Q, region->query);
  words.view(Spec::K, region->key);
  words.view(Spec::V, region->value);
  words.result(Spec::Out);
  SizeExpr queries = region->query.sizes[1], keys = region->key.sizes[1];
  words.integer(Spec::QueryLength, queries);
  words.integer(Spec::KeyLength, keys);
  words.integer(Spec::CausalOffset, keys - queries);
  auto strides = [&](unsigned word, const StridedView &view) { // batch, head, row
    words.integer(word, view.strides[0]);
    words.integer(word + 1, view.strides[2]);
    words.integer(word + 2, view.strides[1]);
  };
  strides(Spec::QBatchStride, region->query);
  strides(Spec::KBatchStride, region->key);
  strides(Spec::VBatchStride, region->value);
  strides(Spec::OutBatchStride, StridedView::contiguous(region->op.getResult()));
  if (region->bias) {
    words.view(Spec::BiasData, *region->bias);
    for (unsigned i = 0; i < 4; ++i)
      words.integer(Spec::BiasBatchStride + i,
                    region->bias->sizes[i].isConstant(1) ? SizeExpr(0) : region->bias->strides[i]);
  }
  return LaunchPlan{
      words.take(), region->spec.numTasks(region->query.sizes[0], queries), region->spec.scratchBytes(), {}};
}

//===----------------------------------------------------------------------===//
// norm and softmax
//===----------------------------------------------------------------------===//

/// Whether what the region yields is `result`, regrouped at most.
static bool yieldsOnly(Block &body, Value result) {
  return cast<YieldOp>(body.back()).getValues().size() == 1 && findYielded(body, result) == 0;
}

namespace {
/// What quantizes rows in a region: to which of the results, and for given scales by what.
struct RowQuantization {
  QuantizeOp op;
  std::optional<unsigned> codes, scales;
  BlockArgument scale, zero, factors;
  QuantizedRows spec;
};

struct NormRegion {
  BlockArgument input, scale, bias;
  SizeExpr rows, length;
  NormSpec spec;
  std::optional<unsigned> floats;
  std::optional<RowQuantization> quantization;
};
} // namespace

/// How the region quantizes `input`, whose rows have `length` elements.
static FailureOr<RowQuantization> readRowQuantization(Block &body, Value input, const SizeExpr &length) {
  RowQuantization result;
  result.op = findOp<QuantizeOp>(body);
  if (!result.op || !length.constant())
    return failure();
  if (std::optional<ScaledColumns> scaled = getScaledColumns(result.op)) {
    result.factors = getWholeArgument(scaled->factors);
    result.spec.hasFactors = true;
    if (scaled->values != input || !result.factors)
      return failure();
  } else if (result.op.getInput() != input) {
    return failure();
  }
  result.codes = findYielded(body, result.op.getResult());
  if (!result.codes)
    return failure();
  result.spec.rowStride = *length.constant();
  if (isRowQuantize(result.op)) {
    result.spec.zeroPoint = *getZeroConstant(result.op);
    result.scales = findYielded(body, result.op.getScale());
    if (!result.scales)
      return failure();
    return result;
  }
  if (!isByteQuantize(result.op))
    return failure();
  result.spec.isScaleGiven = true;
  result.spec.divides = !result.op.getReciprocal();
  result.scale = getWholeArgument(result.op.getScale());
  result.zero = getWholeArgument(result.op.getZeroPoint());
  if (!result.scale || !result.zero)
    return failure();
  return result;
}

static FailureOr<NormRegion> readNorm(Block &body) {
  NormRegion region;
  Value input, scale, bias, result;
  int64_t axis;
  if (auto norm = findOp<LayerNormOp>(body)) {
    std::tie(input, scale, bias, result) =
        std::tuple<Value, Value, Value, Value>(norm.getInput(), norm.getScale(), norm.getBias(), norm.getResult());
    axis = norm.getAxis();
    region.spec.epsilon = norm.getEpsilon().convertToDouble();
  } else if (auto norm = findOp<RmsNormOp>(body)) {
    std::tie(input, scale, result) =
        std::tuple<Value, Value, Value>(norm.getInput(), norm.getScale(), norm.getResult());
    axis = norm.getAxis();
    region.spec.epsilon = norm.getEpsilon().convertToDouble();
    region.spec.rms = true;
  } else {
    return failure();
  }
  Sizes sizes = getSizes(result);
  region.length = sizes.back();
  region.input = getWholeArgument(input);
  region.scale = getWholeArgument(scale);
  region.bias = bias ? getWholeArgument(bias) : BlockArgument();
  region.floats = findYielded(body, result);
  if (findOp<QuantizeOp>(body)) {
    FailureOr<RowQuantization> quantization = readRowQuantization(body, result, region.length);
    if (failed(quantization))
      return failure();
    region.quantization = *quantization;
    region.spec.quantized = quantization->spec;
    region.spec.writesFloats = region.floats.has_value();
  } else if (!yieldsOnly(body, result)) {
    return failure();
  }
  if (!sinter::getElementType(result).isF32() || axis != static_cast<int64_t>(sizes.size()) - 1 || !region.input ||
      !region.scale || !isColumnVector(scale, region.length) ||
      (bias && (!region.bias || !isColumnVector(bias, region.length))))
    return failure();
  region.rows = SizeExpr::product(ArrayRef(sizes).drop_back());
  region.spec.length = region.length.constant().value_or(0);
  region.spec.hasBeta = static_cast<bool>(bias);
  return region;
}

static FailureOr<LaunchPlan> planNorm(Block &body) {
  FailureOr<NormRegion> region = readNorm(body);
  if (failed(region))
    return failure();
  Words words(region->input.getContext(), NormSpec::NumWords);
  words.operand(NormSpec::X, region->input);
  words.operand(NormSpec::Gamma, region->scale);
  if (region->bias)
    words.operand(NormSpec::Beta, region->bias);
  if (region->floats)
    words.result(NormSpec::Y, *region->floats);
  if (const std::optional<RowQuantization> &quantization = region->quantization) {
    words.result(NormSpec::Bytes, *quantization->codes);
    if (quantization->factors)
      words.operand(NormSpec::Factors, quantization->factors);
    if (quantization->scales) {
      words.result(NormSpec::Scale, *quantization->scales);
    } else {
      words.operand(NormSpec::Scale, quantization->scale);
      words.operand(NormSpec::Zero, quantization->zero);
    }
  }
  words.integer(NormSpec::Rows, region->rows);
  words.integer(NormSpec::Length, region->length);
  return LaunchPlan{words.take(), region->spec.numTasks(region->rows), region->spec.scratchBytes(), {}};
}

static FailureOr<LaunchPlan> planSoftmax(Block &body, SoftmaxSpec &spec) {
  auto softmax = findOp<SoftmaxOp>(body);
  if (!softmax || !yieldsOnly(body, softmax.getResult()) || !sinter::getElementType(softmax.getResult()).isF32())
    return failure();
  Sizes sizes = getSizes(softmax.getResult());
  BlockArgument input = getWholeArgument(softmax.getInput());
  if (!input || static_cast<size_t>(softmax.getAxis()) + 1 != sizes.size())
    return failure();
  spec.length = sizes.back().constant().value_or(0);
  spec.logarithm = softmax.getLog();
  SizeExpr rows = SizeExpr::product(ArrayRef(sizes).drop_back());
  Words words(softmax.getContext(), SoftmaxSpec::NumWords);
  words.operand(SoftmaxSpec::X, input);
  words.result(SoftmaxSpec::Y);
  words.integer(SoftmaxSpec::Rows, rows);
  words.integer(SoftmaxSpec::Length, sizes.back());
  return LaunchPlan{words.take(), spec.numTasks(rows), spec.scratchBytes(), {}};
}

//===----------------------------------------------------------------------===//
// quantize
//===----------------------------------------------------------------------===//

static FailureOr<LaunchPlan> planQuantize(Block &body, QuantizeRowsSpec &spec) {
  auto quantize = findOp<QuantizeOp>(body);
  if (!quantize || getSizes(quantize.getInput()).empty())
    return failure();
  std::optional<ScaledColumns> scaled = getScaledColumns(quantize);
  Value values = scaled ? scaled->values : quantize.getInput();
  BlockArgument input = getWholeArgument(values);
  if (!input)
    return failure();
  Sizes sizes = getSizes(values);
  FailureOr<RowQuantization> quantization = readRowQuantization(body, values, sizes.back());
  if (failed(quantization))
    return failure();
  spec.length = *sizes.back().constant();
  spec.quantized = quantization->spec;
  SizeExpr rows = SizeExpr::product(ArrayRef(sizes).drop_back());
  Words words(quantize.getContext(), QuantizeRowsSpec::NumWords);
  words.operand(QuantizeRowsSpec::X, input);
  words.result(QuantizeRowsSpec::Y, *quantization->codes);
  if (quantization->scales) {
    words.result(QuantizeRowsSpec::Scale, *quantization->scales);
  } else {
    words.operand(QuantizeRowsSpec::Scale, quantization->scale);
    words.operand(QuantizeRowsSpec::Zero, quantization->zero);
  }
  words.integer(QuantizeRowsSpec::Rows, rows);
  if (quantization->factors)
    words.operand(QuantizeRowsSpec::Factors, quantization->factors);
  return LaunchPlan{words.take(), spec.numTasks(rows), 0, {}};
}

//===----------------------------------------------------------------------===//
// format, parse
//===----------------------------------------------------------------------===//

/// Steps of the runtime's own: the words are those of sinter_runtime_kernel (runtime/format/program.h).
static FailureOr<LaunchPlan> planTextCast(StringRef kind, Block &body) {
  auto cast = findOp<CastOp>(body);
  if (!cast || !yieldsOnly(body, cast.getResult()))
    return failure();
  BlockArgument input = getWholeArgument(cast.getInput());
  if (!input)
    return failure();
  bool isFormat = kind == formatKind;
  Type number = sinter::getElementType(isFormat ? cast.getInput() : cast.getResult());
  SizeExpr elements = getNumElements(cast.getType());
  Words words(cast.getContext(), isFormat ? 4 : 3);
  words.operand(0, input);
  words.result(1);
  if (isFormat)
    words.result(2, 1);
  words.integer(isFormat ? 3 : 2, getRuntimeType(number));
  LaunchPlan plan{words.take(), elements, 0, {}};
  if (isFormat)
    plan.textType = getTensorType({elements, SINTER_TEXT_BYTES}, IntegerType::get(cast.getContext(), 8));
  return plan;
}

//===----------------------------------------------------------------------===//
// By kind
//===----------------------------------------------------------------------===//

sinter_type cpu::getRuntimeType(Type type) {
  // Both sides name their types equally.
  llvm::StringRef name = elementTypeName(toElementType(type));
  for (uint32_t number = SINTER_F32; sinter_type_size(number) != 0; ++number)
    if (name == sinter_type_name(number))
      return sinter_type(number);
  llvm_unreachable("every element type is one of the runtime's");
}

bool cpu::isTextCast(Operation *op) {
  auto cast = dyn_cast<CastOp>(op);
  return cast && (isa<StringType>(sinter::getElementType(cast.getInput())) ||
                  isa<StringType>(sinter::getElementType(cast.getResult())));
}

std::optional<unsigned> cpu::getRuntimeKernel(StringRef kind) {
  if (kind == formatKind)
    return SINTER_FORMAT_NUMBERS;
  if (kind == parseKind)
    return SINTER_PARSE_NUMBERS;
  return std::nullopt;
}

StringRef cpu::chooseKind(Block &body, llvm::function_ref<bool(unsigned)> isWeight) {
  for (Operation &op : body) {
    if (isa<AttentionOp>(op))
      return "attention";
    if (isa<LayerNormOp, RmsNormOp>(op))
      return "norm";
    if (isa<MatmulOp, QuantizedMatmulOp>(op) && isSparseMatmul(body))
      return "sparse_matmul";
    if (isa<QuantizedMatmulOp>(op))
      return "quantized_matmul";
    if (isByteQuantize(&op) || isRowQuantize(&op))
      return "quantize";
    if (isa<SoftmaxOp>(op))
      return "softmax";
    if (isa<ScatterElementsOp, ScatterNdOp>(op))
      return "scatter";
    if (isa<CumulativeSumOp>(op))
      return "cumulative_sum";
    if (isTextCast(&op))
      return isa<StringType>(sinter::getElementType(op.getResult(0))) ? formatKind : parseKind;
    if (isa<MatmulOp>(op)) {
      if (std::optional<unsigned> weight = findMatmulWeight(body); weight && isWeight(*weight))
        return "matmul";
      if (succeeded(readBatchedMatmul(body)))
        return "batched_matmul";
    }
  }
  return "loop";
}

FailureOr<LaunchPlan> cpu::planLaunch(StringRef kind, Block &body) {
  SoftmaxSpec softmax;
  QuantizeRowsSpec quantize;
  if (isWeightProduct(kind))
    return planWeightProduct(kind, body);
  if (kind == "quantize")
    return planQuantize(body, quantize);
  if (kind == "batched_matmul")
    return planBatchedMatmul(body);
  if (kind == "attention")
    return planAttention(body);
  if (kind == "norm")
    return planNorm(body);
  if (kind == "softmax")
    return planSoftmax(body, softmax);
  if (getRuntimeKernel(kind))
    return planTextCast(kind, body);
  return planLoopKernel(kind, body);
}

void cpu::buildKernel(KernelBuilder &k, StringRef name, StringRef kind, Block &body) {
  SoftmaxSpec softmax;
  QuantizeRowsSpec quantize;
  if (isWeightProduct(kind))
    return buildWeightProduct(k, name, kind, body);
  if (kind == "quantize" && succeeded(planQuantize(body, quantize)))
    return buildQuantizeRows(k, name, quantize);
  if (kind == "batched_matmul")
    return buildBatchedMatmul(k, name, readBatchedMatmul(body)->spec);
  if (kind == "attention")
    return buildAttention(k, name, readAttention(body)->spec);
  if (kind == "norm")
    return buildNorm(k, name, readNorm(body)->spec);
  if (kind == "softmax" && succeeded(planSoftmax(body, softmax)))
    return buildSoftmax(k, name, softmax);
  buildLoopKernel(k, name, kind, body);
}
