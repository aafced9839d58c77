//===- WeightProducts.cpp - Products by a weight, from region to launch --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/WeightProducts.h"

#include "targets/cpu/Emit/RegionReader.h"
#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/SparseMatmul.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

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
  int64_t group = type.getRowsPerBlock(k);
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
  if (!region.codes || !region.scale || !type.hasColumnBlocks() || isa<FloatType>(type.getStorage()) ||
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
  spec.epilogue = emitEpilogue(*epilogue);
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
// By kind
//===----------------------------------------------------------------------===//

static constexpr StringLiteral matmulKind = "matmul", quantizedKind = "quantized_matmul", sparseKind = "sparse_matmul";

bool cpu::isWeightProduct(StringRef kind) { return kind == matmulKind || kind == quantizedKind || kind == sparseKind; }

std::optional<unsigned> cpu::findMatmulWeight(Block &body) {
  FailureOr<MatmulRegion> region = readMatmul(body);
  return succeeded(region) ? std::optional<unsigned>(region->weight.getArgNumber()) : std::nullopt;
}

bool cpu::isSparseMatmul(Block &body) { return succeeded(readSparseMatmul(body)); }

bool cpu::multipliesBytes(StringRef kind, Block &body) {
  return isWeightProduct(kind) && findOp<QuantizedMatmulOp>(body);
}

bool cpu::multipliesInTiles(StringRef kind, Block &body) {
  return kind == quantizedKind && readQuantizedMatmul(body)->spec.suitsTiles();
}

FailureOr<LaunchPlan> cpu::planWeightProduct(StringRef kind, Block &body) {
  if (kind == matmulKind)
    return planMatmul(body);
  return kind == quantizedKind ? planQuantizedMatmul(body) : planSparseMatmul(body);
}

void cpu::buildWeightProduct(KernelBuilder &k, StringRef name, StringRef kind, Block &body) {
  if (kind == matmulKind)
    return buildMatmul(k, name, readMatmul(body)->spec);
  if (kind == quantizedKind)
    return buildQuantizedMatmul(k, name, readQuantizedMatmul(body)->spec);
  buildSparseMatmul(k, name, readSparseMatmul(body)->spec);
}
