//===- KernelTemplates.cpp - What launches a fused region ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/KernelTemplates.h"

#include "targets/cpu/Emit/ElementwiseEmitter.h"
#include "targets/cpu/Emit/LoopKernels.h"
#include "targets/cpu/Kernels/Attention.h"
#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/RowKernels.h"
#include "targets/cpu/Kernels/SparseMatmul.h"
#include "targets/cpu/Transforms/Passes.h"
#include "targets/cpu/Transforms/StridedView.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

//===----------------------------------------------------------------------===//
// Reading regions
//===----------------------------------------------------------------------===//

static Value getYielded(Block &body) { return cast<YieldOp>(body.back()).getValues()[0]; }

/// Which of the values that the region yields is `value`, regrouped at most.
static std::optional<unsigned> findYielded(Block &body, Value value) {
  for (auto [i, yielded] : llvm::enumerate(cast<YieldOp>(body.back()).getValues())) {
    Value source = yielded;
    while (auto reshape = source.getDefiningOp<ReshapeOp>())
      source = reshape.getInput();
    if (source == value)
      return i;
  }
  return std::nullopt;
}

template <typename OpType> static OpType findOp(Block &body) {
  auto ops = body.getOps<OpType>();
  return ops.empty() ? OpType() : *ops.begin();
}

static std::optional<StridedView> viewOf(Value value) {
  std::optional<StridedView> view = getStridedView(value, [](Value) { return false; });
  return view && isa<BlockArgument>(view->base) ? view : std::nullopt;
}

static int64_t elementBytes(Value value) { return elementSize(toElementType(sinter::getElementType(value))); }

namespace {

/// The words of a launch, by position.
class Words {
public:
  Words(MLIRContext *context, unsigned count) : context(context), words(count, WordAttr::getInteger(context, 0)) {}
  void operand(unsigned word, BlockArgument argument, const SizeExpr &elements = 0) {
    words[word] = WordAttr::getOperand(context, argument.getArgNumber(), elements * SizeExpr(elementBytes(argument)));
  }
  void view(unsigned word, const StridedView &view) { operand(word, cast<BlockArgument>(view.base), view.offset); }
  void result(unsigned word, unsigned index = 0) { words[word] = WordAttr::getResult(context, index); }
  void integer(unsigned word, const SizeExpr &size) { words[word] = WordAttr::getInteger(context, size); }
  SmallVector<WordAttr> take() { return std::move(words); }

private:
  MLIRContext *context;
  SmallVector<WordAttr> words;
};

/// The elementwise ops behind a matmul: bias and residual by the template, the rest as its epilogue.
struct TileEpilogue {
  BlockArgument bias, residual;
  SmallVector<BlockArgument> extras;
  SmallVector<ElementwiseOp> ops;
  /// What the result is quantized by, where it is.
  QuantizeOp quantize;
};

} // namespace

/// One value per column of a matrix with `columns` columns.
static bool isColumnVector(Value value, const SizeExpr &columns) {
  Sizes sizes = getSizes(value);
  if (sizes.empty() || sizes.back() != columns)
    return false;
  return llvm::all_of(ArrayRef(sizes).drop_back(), [](const SizeExpr &size) { return size.isConstant(1); });
}

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

static bool isScalarTensor(Value value) { return value && sinter::getRank(value) == 0; }

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
  ArrayRef<int64_t> blocks = type.getBlocks();
  bool isRows = !blocks.empty() && blocks.back() == 0 &&
                llvm::all_of(blocks.drop_back(), [](int64_t length) { return length == 1; });
  // A scale for signed bytes is one for unsigned ones whose zero point is 128.
  bool isSymmetric = scaleType.getStorage().isSignlessInteger(8) && !scaleType.getZeroPoints();
  bool isGiven = scaleType == type && scale.getZero();
  int64_t zero = isGiven ? static_cast<int64_t>(*scale.getZero()) : QuantizeRowsSpec::zeroPoint;
  return isRows && (isSymmetric || isGiven) && scaleType.getBlocks() == blocks &&
         type.getStorage().isUnsignedInteger(8) && getZeroConstant(quantize) == zero &&
         getSizes(quantize.getInput()).back().constant();
}

/// The tensor in memory that an epilogue's operand is: an argument, or a reshape of one.
static BlockArgument getWholeArgument(Value value) {
  std::optional<StridedView> view = viewOf(value);
  return view && view->isContiguous() ? cast<BlockArgument>(view->base) : BlockArgument();
}

static FailureOr<TileEpilogue> readEpilogue(Value product, Value yielded, bool isBatched) {
  TileEpilogue epilogue;
  Value value = product;
  while (value != yielded) {
    if (value.use_empty() || !llvm::all_equal(value.getUsers()))
      return failure();
    Operation *user = *value.getUsers().begin();
    if (auto reshape = dyn_cast<ReshapeOp>(user)) {
      // Rows may be regrouped; columns stay.
      value = reshape.getResult();
      continue;
    }
    if (isByteQuantize(user) && user->getOperand(0) == value && user->getResult(0) == yielded && !isBatched) {
      epilogue.quantize = cast<QuantizeOp>(user);
      break;
    }
    if (!isTileEpilogue(user, value))
      return failure();
    auto op = cast<ElementwiseOp>(user);
    SmallVector<Value> others;
    for (Value operand : op.getOperands_())
      if (operand != value && !isSplatConstant(operand))
        others.push_back(operand);
    bool isSum = op.getKind() == ElementwiseKind::add && others.size() == 1 && op.getOperands_().size() == 2;
    value = op.getResult();
    if (isSum && epilogue.ops.empty()) {
      BlockArgument argument = getWholeArgument(others[0]);
      if (!argument)
        return failure();
      bool isColumns = isColumnVector(others[0], getSizes(value).back());
      if (isColumns && !epilogue.bias && !epilogue.residual) {
        epilogue.bias = argument;
        continue;
      }
      if (!isColumns && !isBatched && !epilogue.residual) {
        epilogue.residual = argument;
        continue;
      }
    }
    for (Value other : others) {
      BlockArgument argument = getWholeArgument(other);
      if (!argument || isBatched)
        return failure();
      epilogue.extras.push_back(argument);
    }
    epilogue.ops.push_back(op);
  }
  if (epilogue.extras.size() > 4)
    return failure();
  return epilogue;
}

static Epilogue emitEpilogue(const TileEpilogue &epilogue, Value product) {
  if (epilogue.ops.empty())
    return {};
  return [epilogue](KernelBuilder &k, Value x, ArrayRef<Value> extras) {
    ElementwiseEmitter emitter(k);
    unsigned nextExtra = 0;
    for (ElementwiseOp op : epilogue.ops) {
      // The chain's own value is the operand that is neither a number nor an argument.
      SmallVector<Value> operands;
      for (Value operand : op.getOperands_()) {
        if (isSplatConstant(operand)) {
          while (!operand.getDefiningOp<ConstantOp>())
            operand = operand.getDefiningOp()->getOperand(0);
          auto elements = cast<DenseElementsAttr>(operand.getDefiningOp<ConstantOp>().getValue());
          Value number = emitter.constant(elements.getSplatValue<Attribute>(), elements.getElementType());
          operands.push_back(emitter.splatLike(number, x));
        } else if (getWholeArgument(operand)) {
          operands.push_back(extras[nextExtra++]);
        } else {
          operands.push_back(x);
        }
      }
      x = emitter.emit(op, operands);
    }
    return x;
  };
}

//===----------------------------------------------------------------------===//
// matmul: a value times a weight
//===----------------------------------------------------------------------===//

namespace {
/// A weight in codes, as arguments of a region.
struct CodesRegion {
  BlockArgument codes, scale, zeroPoint;
  PackedQuantizedShape packed;
};

/// What all products by a weight have: the rows on the left, and what is computed on their tiles.
struct ProductRegion {
  StridedView lhs;
  TileEpilogue epilogue;
  SizeExpr rows;
};

struct MatmulRegion : ProductRegion {
  MatmulOp op;
  BlockArgument weight; // its codes, where it is in codes
  std::optional<CodesRegion> codes;
  MatmulSpec spec;
};
} // namespace

PackedQuantizedShape cpu::getPackedShape(QuantizedType type, int64_t k, int64_t n) {
  int64_t group = type.getBlocks().empty() ? 0 : type.getBlocks()[0];
  // Unsigned codes without zero points have zero points of 0 in the kernel's terms.
  bool hasZeroPoints = type.getZeroPoints() || type.getStorage().isUnsignedInteger();
  return {n, k, type.getBits() == 8 ? 8 : 4, group >= k ? 0 : group, hasZeroPoints};
}

/// Fails where the codes or their scales do not lie as the kernels read them.
static FailureOr<CodesRegion> readCodes(Value codes, Value scale, Value zeroPoint) {
  CodesRegion region;
  region.codes = dyn_cast<BlockArgument>(codes);
  region.scale = getWholeArgument(scale);
  region.zeroPoint = zeroPoint ? dyn_cast<BlockArgument>(zeroPoint) : nullptr;
  auto type = cast<QuantizedType>(sinter::getElementType(codes));
  ArrayRef<int64_t> blocks = type.getBlocks();
  if (!region.codes || !region.scale || blocks.size() != 2 || blocks[1] != 1 || isa<FloatType>(type.getStorage()) ||
      type.getBits() > 8 || !type.getExpressed().isF32() ||
      (zeroPoint && (!region.zeroPoint || getSizes(zeroPoint) != getSizes(scale))))
    return failure();
  std::optional<int64_t> k = getSize(codes, 0).constant(), n = getSize(codes, 1).constant();
  if (!k || !n || *k < 1 || *n < 1)
    return failure();
  region.packed = getPackedShape(type, *k, *n);
  if (region.packed.group % PackedQuantizedShape::rowsPerStep)
    return failure();
  return region;
}

/// Elements of all parts of a section of codes count as one byte.
static void addCodes(Words &words, const CodesRegion &region, unsigned panels, unsigned zeroPoints, unsigned scales) {
  words.operand(panels, region.codes, region.packed.panelsOffset());
  if (region.packed.hasZeroPoints)
    words.operand(zeroPoints, region.codes, region.packed.zeroPointsOffset());
  words.operand(scales, region.scale);
}

static void packCodes(LaunchPlan &plan, const CodesRegion &region) {
  LaunchPlan::PackedArgument codes{region.codes.getArgNumber(), Layout::quantized_panels, region.packed.numBytes()};
  if (region.zeroPoint)
    codes.with = region.zeroPoint.getArgNumber();
  plan.packedArguments.push_back(codes);
  if (region.packed.numGroups() > 1)
    plan.packedArguments.push_back({region.scale.getArgNumber(), Layout::quantized_scales,
                                    region.packed.numScales() * static_cast<int64_t>(sizeof(float))});
}

/// The rows of `lhs` times a weight [k][n], which give `product`, and all that the region computes of it.
static LogicalResult readProduct(Block &body, Value lhs, Value product, int64_t n, int64_t k, ProductRegion &region,
                                 ProductSpec &spec) {
  std::optional<StridedView> view = viewOf(lhs);
  std::optional<SizeExpr> rowStride = view ? view->collapse(0, view->sizes.size() - 1) : std::nullopt;
  if (!rowStride || !rowStride->constant() || (k != 1 && !view->strides.back().isConstant(1)))
    return failure();
  FailureOr<TileEpilogue> epilogue = readEpilogue(product, getYielded(body), /*isBatched=*/false);
  if (failed(epilogue))
    return failure();
  region.lhs = *view;
  region.epilogue = *epilogue;
  region.rows = SizeExpr::product(ArrayRef(view->sizes).drop_back());
  spec.n = n;
  spec.k = k;
  // One row has no distance to the next.
  spec.aRowStride = region.rows.isConstant(1) ? k : *rowStride->constant();
  spec.hasBias = static_cast<bool>(epilogue->bias);
  spec.hasResidual = static_cast<bool>(epilogue->residual);
  for (BlockArgument extra : epilogue->extras)
    spec.extras.push_back({isColumnVector(extra, n) ? 0 : n});
  spec.epilogue = emitEpilogue(*epilogue, product);
  return success();
}

/// The words of what makes bytes of a product's results, if something does.
template <typename Spec> static LogicalResult addBytesOutput(Words &words, const ProductRegion &region) {
  QuantizeOp quantize = region.epilogue.quantize;
  if (!quantize)
    return success();
  BlockArgument scale = getWholeArgument(quantize.getScale()), zero = getWholeArgument(quantize.getZeroPoint());
  if (!scale || !zero)
    return failure();
  words.operand(Spec::OutputScale, scale);
  words.operand(Spec::OutputZero, zero);
  return success();
}

/// The words of these that all products have.
template <typename Spec> static void addProduct(Words &words, const ProductRegion &region) {
  words.view(Spec::A, region.lhs);
  if (region.epilogue.bias)
    words.operand(Spec::Bias, region.epilogue.bias);
  words.result(Spec::C);
  if (region.epilogue.residual)
    words.operand(Spec::Residual, region.epilogue.residual);
  words.integer(Spec::Rows, region.rows);
  for (auto [i, extra] : llvm::enumerate(region.epilogue.extras))
    words.operand(Spec::Extra0 + i, extra);
}

static FailureOr<MatmulRegion> readMatmul(Block &body) {
  MatmulRegion region;
  region.op = findOp<MatmulOp>(body);
  if (!region.op || !sinter::getElementType(region.op.getResult()).isF32())
    return failure();
  region.weight = dyn_cast<BlockArgument>(region.op.getRhs());
  if (auto dequantize = region.op.getRhs().getDefiningOp<DequantizeOp>()) {
    FailureOr<CodesRegion> codes = readCodes(dequantize.getInput(), dequantize.getScale(), dequantize.getZeroPoint());
    if (failed(codes))
      return failure();
    region.codes = *codes;
    region.weight = codes->codes;
  }
  if (!region.weight || sinter::getRank(region.weight) != 2)
    return failure();
  // A word of codes of 4 bits holds eight rows.
  if (region.codes && region.codes->packed.group % region.codes->packed.rowsPerWord())
    return failure();
  std::optional<int64_t> k = getSize(region.weight, 0).constant(), n = getSize(region.weight, 1).constant();
  if (!k || !n || *k < 1 || *n < 1 ||
      failed(readProduct(body, region.op.getLhs(), region.op.getResult(), *n, *k, region, region.spec)) ||
      region.epilogue.quantize)
    return failure();
  if (region.codes)
    region.spec.codes =
        CodesOfB{region.codes->packed.bits, region.codes->packed.group, region.codes->packed.hasZeroPoints};
  return region;
}

static FailureOr<LaunchPlan> planMatmul(Block &body) {
  FailureOr<MatmulRegion> region = readMatmul(body);
  if (failed(region))
    return failure();
  Words words(region->op.getContext(), region->spec.numWords());
  addProduct<MatmulSpec>(words, *region);
  if (region->codes)
    addCodes(words, *region->codes, MatmulSpec::B, MatmulSpec::BZero, MatmulSpec::BScale);
  else
    words.operand(MatmulSpec::B, region->weight);
  LaunchPlan plan{words.take(), region->spec.numTasks(region->rows), region->spec.scratchBytes(), {}};
  if (region->codes)
    packCodes(plan, *region->codes);
  else
    plan.packedArguments.push_back({region->weight.getArgNumber(), Layout::panels,
                                    region->spec.packedShape().numElements() * static_cast<int64_t>(sizeof(float))});
  return plan;
}

//===----------------------------------------------------------------------===//
// quantized_matmul: a value in bytes times a weight in bytes
//===----------------------------------------------------------------------===//

namespace {
struct QuantizedMatmulRegion : ProductRegion {
  QuantizedMatmulOp op;
  BlockArgument lhsScale, lhsZero;
  CodesRegion weight;
  QuantizedMatmulSpec spec;
};
} // namespace

static FailureOr<QuantizedMatmulRegion> readQuantizedMatmul(Block &body) {
  QuantizedMatmulRegion region;
  QuantizedMatmulOp op = region.op = findOp<QuantizedMatmulOp>(body);
  if (!op)
    return failure();
  auto lhsType = cast<QuantizedType>(sinter::getElementType(op.getLhs()));
  FailureOr<CodesRegion> weight = readCodes(op.getRhs(), op.getRhsScale(), op.getRhsZeroPoint());
  region.lhsScale = getWholeArgument(op.getLhsScale());
  region.lhsZero = op.getLhsZeroPoint() ? getWholeArgument(op.getLhsZeroPoint()) : BlockArgument();
  if (failed(weight) || !region.lhsScale || !region.lhsZero || !isScalarTensor(region.lhsZero) ||
      !lhsType.getStorage().isUnsignedInteger(8) || weight->packed.rowsPerGroup() > QuantizedMatmulSpec::maxDepth)
    return failure();
  region.weight = *weight;
  const PackedQuantizedShape &packed = weight->packed;
  QuantizedMatmulSpec &spec = region.spec;
  if (failed(readProduct(body, op.getLhs(), op.getResult(), packed.n, packed.k, region, spec)))
    return failure();
  spec.bits = packed.bits;
  spec.group = packed.group;
  spec.hasZeroPoints = packed.hasZeroPoints;
  spec.hasRowScales = !lhsType.getBlocks().empty();
  if (QuantizeOp quantize = region.epilogue.quantize)
    spec.bytesOutput = BytesOutput{!quantize.getReciprocal()};
  return region;
}

static FailureOr<LaunchPlan> planQuantizedMatmul(Block &body) {
  using Spec = QuantizedMatmulSpec;
  FailureOr<QuantizedMatmulRegion> region = readQuantizedMatmul(body);
  if (failed(region))
    return failure();
  Words words(region->op.getContext(), region->spec.numWords());
  addProduct<Spec>(words, *region);
  words.operand(Spec::AZero, region->lhsZero);
  addCodes(words, region->weight, Spec::B, Spec::BZero, Spec::ColumnScale);
  words.operand(Spec::ColumnSums, region->weight.codes, region->weight.packed.columnSumsOffset());
  words.operand(Spec::RowScale, region->lhsScale);
  if (failed(addBytesOutput<Spec>(words, *region)))
    return failure();
  LaunchPlan plan{words.take(), region->spec.numTasks(region->rows), region->spec.scratchBytes(), {}};
  packCodes(plan, region->weight);
  return plan;
}

//===----------------------------------------------------------------------===//
// sparse_matmul: either of them, times a weight of which not all blocks are stored
//===----------------------------------------------------------------------===//

namespace {
struct SparseMatmulRegion : ProductRegion {
  BlockArgument lhsScale, lhsZero, weight, weightScale;
  SparseMatmulSpec spec;
};
} // namespace

static bool isSparse(Value weight) {
  auto encoding = dyn_cast_or_null<SparseAttr>(cast<RankedTensorType>(weight.getType()).getEncoding());
  return encoding && encoding.getBlock() == ArrayRef<int64_t>{SparseShape::blockRows, SparseShape::blockColumns};
}

SparseShape cpu::getSparseShape(RankedTensorType type) {
  bool isFloats = type.getElementType().isF32();
  return {isFloats ? SparseShape::Elements::F32 : SparseShape::Elements::Bytes, type.getDimSize(1), type.getDimSize(0)};
}

static FailureOr<SparseMatmulRegion> readSparseMatmul(Block &body) {
  SparseMatmulRegion sparse;
  auto take = [&](const auto &dense, BlockArgument weight) {
    if (!isSparse(weight))
      return failure();
    static_cast<ProductRegion &>(sparse) = *dense;
    static_cast<ProductSpec &>(sparse.spec) = dense->spec;
    sparse.weight = weight;
    return success();
  };
  if (!findOp<QuantizedMatmulOp>(body)) {
    FailureOr<MatmulRegion> dense = readMatmul(body);
    if (failed(dense) || dense->codes || failed(take(dense, dense->weight)))
      return failure();
    return sparse;
  }
  FailureOr<QuantizedMatmulRegion> dense = readQuantizedMatmul(body);
  if (failed(dense) || failed(take(dense, dense->weight.codes)) || dense->spec.bits != 8 || dense->spec.group ||
      dense->spec.hasZeroPoints)
    return failure();
  sparse.lhsScale = dense->lhsScale;
  sparse.lhsZero = dense->lhsZero;
  sparse.weightScale = dense->weight.scale;
  sparse.spec.elements = SparseShape::Elements::Bytes;
  sparse.spec.hasRowScales = dense->spec.hasRowScales;
  sparse.spec.bytesOutput = dense->spec.bytesOutput;
  return sparse;
}

static FailureOr<LaunchPlan> planSparseMatmul(Block &body) {
  using Spec = SparseMatmulSpec;
  FailureOr<SparseMatmulRegion> region = readSparseMatmul(body);
  if (failed(region))
    return failure();
  Words words(region->weight.getContext(), region->spec.numWords());
  addProduct<Spec>(words, *region);
  words.operand(Spec::B, region->weight);
  if (region->spec.elements == SparseShape::Elements::Bytes) {
    words.operand(Spec::AZero, region->lhsZero);
    words.operand(Spec::RowScale, region->lhsScale);
    words.operand(Spec::ColumnScale, region->weightScale);
    if (failed(addBytesOutput<Spec>(words, *region)))
      return failure();
  }
  // How many blocks are stored is the recipe's to say.
  return LaunchPlan{words.take(),
                    region->spec.numTasks(region->rows),
                    region->spec.scratchBytes(),
                    {{region->weight.getArgNumber(), Layout::blocks, 0}}};
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
  region.spec.epilogue = emitEpilogue(*epilogue, region.op.getResult());
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

bool cpu::multipliesBytes(StringRef kind, Block &body) {
  return (kind == "quantized_matmul" || kind == "sparse_matmul") && findOp<QuantizedMatmulOp>(body);
}
bool cpu::multipliesInTiles(StringRef kind, Block &body) {
  return kind == "quantized_matmul" && readQuantizedMatmul(body)->spec.suitsTiles();
}

StringRef cpu::chooseKind(Block &body, llvm::function_ref<bool(unsigned)> isWeight) {
  for (Operation &op : body) {
    if (isa<AttentionOp>(op))
      return "attention";
    if (isa<LayerNormOp, RmsNormOp>(op))
      return "norm";
    if (isa<MatmulOp, QuantizedMatmulOp>(op) && succeeded(readSparseMatmul(body)))
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
      if (FailureOr<MatmulRegion> region = readMatmul(body);
          succeeded(region) && isWeight(region->weight.getArgNumber()))
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
  if (kind == "matmul")
    return planMatmul(body);
  if (kind == "quantized_matmul")
    return planQuantizedMatmul(body);
  if (kind == "sparse_matmul")
    return planSparseMatmul(body);
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
  if (kind == "matmul")
    return buildMatmul(k, name, readMatmul(body)->spec);
  if (kind == "quantized_matmul")
    return buildQuantizedMatmul(k, name, readQuantizedMatmul(body)->spec);
  if (kind == "sparse_matmul")
    return buildSparseMatmul(k, name, readSparseMatmul(body)->spec);
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
