//===- FuseKernels.cpp - Group ops into kernels --------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// First it is decided which values lie in memory; then each of them becomes a
// kernel that computes it from others.
//
//  - What a template computes (a matmul, attention, a norm, softmax, a reduction,
//    a scatter) lies in memory. A matmul takes the elementwise ops behind it: then
//    the last of these lies in memory, and not the product.
//  - An elementwise op, a cast or a gather does not, if a single op reads it that
//    is computed element by element too, and not more often than it has elements.
//  - Codes of a quantize, and the scales that are found for them, are computed with
//    the norm or the product that they are of, or by a kernel of their own.
//  - A rearrangement does not, if its readers can read its operand through
//    strides. Readers that need an operand in memory decide (requireView).
//
// Example, where * marks what lies in memory:
//
//   %m = matmul %x, %w      %b = add(%m, %bias)      *%g = gelu(%b)
//   %r = reshape %g         *%n = layer_norm %r
//
//===----------------------------------------------------------------------===//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/Passes.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/cpu/Emit/KernelTemplates.h"
#include "targets/cpu/Transforms/StridedView.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace sinter::cpu {
#define GEN_PASS_DEF_FUSEKERNELSPASS
#include "targets/cpu/Transforms/Passes.h.inc"
} // namespace sinter::cpu

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

bool cpu::isSplatConstant(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<BroadcastOp, ReshapeOp>(op))
    return isSplatConstant(op->getOperand(0));
  auto constant = dyn_cast<ConstantOp>(op);
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return elements && elements.isSplat();
}

namespace {

/// Ops that RegionEmitter computes element by element from element by element operands.
bool isElementByElement(Operation *op) {
  return !isTextCast(op) && isa<ElementwiseOp, CastOp, GatherOp, GatherElementsOp, GatherNdOp, ReduceOp, ArgReduceOp,
                                ConcatOp, PadOp, RangeOp, ScatterElementsOp, ScatterNdOp>(op);
}

/// Whether a product's kernel can read the weight in codes, which then never lies in memory in floats.
bool isWeightInCodes(Value value) {
  auto dequantize = value.getDefiningOp<DequantizeOp>();
  if (!dequantize || !isFromWeights(value) || sinter::getRank(value) != 2 || !sinter::getElementType(value).isF32())
    return false;
  auto type = cast<QuantizedType>(sinter::getElementType(dequantize.getInput()));
  PackedQuantizedShape packed = getPackedShape(type, *getSize(value, 0).constant(), *getSize(value, 1).constant());
  Value zeroPoint = dequantize.getZeroPoint();
  return !isa<FloatType>(type.getStorage()) && type.getBits() <= 8 && type.hasColumnBlocks() &&
         packed.group % packed.rowsPerWord() == 0 &&
         (!zeroPoint || getSizes(zeroPoint) == getSizes(dequantize.getScale()));
}

/// Those of them that need not lie in memory themselves.
bool isInlined(Operation *op) {
  return !isTextCast(op) && isa<ElementwiseOp, CastOp, GatherOp, GatherElementsOp, GatherNdOp, RangeOp, SizesOp>(op);
}

class Fuser {
public:
  explicit Fuser(func::FuncOp function) : function(function) {}

  unsigned run() {
    hoistConstants();
    for (Operation &op : function.getBody().front())
      if (!op.hasTrait<OpTrait::IsTerminator>() && !isFromWeights(op.getResult(0)))
        ops.push_back(&op);
    takeEpilogues();
    for (Operation *op : llvm::reverse(ops)) // readers decide before what they read
      decide(op);
    for (Value returned : function.getBody().front().getTerminator()->getOperands())
      materialize(returned);
    sinkReshapes();
    return buildKernels();
  }

private:
  /// Kernels stand where the first of their results does, and may read constants that stood later.
  void hoistConstants() {
    Block &block = function.getBody().front();
    Operation *last = nullptr;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (op.hasTrait<OpTrait::IsTerminator>() || !isFromWeights(op.getResult(0)))
        continue;
      if (last)
        op.moveAfter(last);
      else
        op.moveBefore(&block, block.begin());
      last = &op;
    }
  }

  //===--------------------------------------------------------------------===//
  // What lies in memory
  //===--------------------------------------------------------------------===//

  bool isInMemory(Value value) {
    return isa<BlockArgument>(value) || materialized.contains(value) || isFromWeights(value);
  }

  void materialize(Value value) {
    if (!isa<BlockArgument>(value) && !isFromWeights(value))
      materialized.insert(value);
  }

  /// `value` is read in place through strides where `accepts` them, or lies in memory itself.
  void requireView(Value value, llvm::function_ref<bool(const StridedView &)> accepts) {
    if (isFromWeights(value))
      return;
    auto isBase = [&](Value v) { return materialized.contains(v); };
    std::optional<StridedView> view = getStridedView(value, isBase);
    // Only the arena has offsets that depend on sizes.
    bool isOutside = view && (isa<BlockArgument>(view->base) || isReturned(view->base));
    if (view && accepts(*view) && (!isOutside || view->offset.isConstant(0)))
      materialize(view->base);
    else
      materialize(value);
  }
  static bool isReturned(Value value) {
    return llvm::any_of(value.getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::IsTerminator>(); });
  }
  void requireContiguous(Value value) {
    requireView(value, [](const StridedView &view) { return view.isContiguous(); });
  }

  /// The ops that compute with a value, seen through rearrangements; the return is one.
  void findReaders(Value value, llvm::SmallSetVector<Operation *, 4> &readers) {
    for (Operation *user : value.getUsers()) {
      if (isViewOp(user))
        findReaders(user->getResult(0), readers);
      else
        readers.insert(user);
    }
  }

  /// Whether `reader` can compute `value` where it needs it, without computing an element of floats twice.
  bool canInline(Value value, Operation *reader) {
    if (!isElementByElement(reader) || inTile.contains(reader))
      return false;
    Value read = isa<ReduceOp, ArgReduceOp>(reader) ? reader->getOperand(0) : reader->getResult(0);
    if (getNumElements(value.getType()) == getNumElements(read.getType()))
      return true;
    // Positions and masks are cheap, and so is what concat, pad and gather take of an operand.
    return isa<IntegerType>(sinter::getElementType(value)) || isa<ConcatOp, PadOp, GatherOp, GatherNdOp>(reader);
  }

  /// Elementwise ops behind a matmul are computed on its tiles.
  void takeEpilogues() {
    for (Operation *op : ops) {
      if (!isa<MatmulOp, QuantizedMatmulOp>(op) || !sinter::getElementType(op->getResult(0)).isF32())
        continue;
      auto matmul = dyn_cast<MatmulOp>(op);
      bool isWeight = !matmul || (sinter::getRank(matmul.getRhs()) == 2 && isFromWeights(matmul.getRhs()));
      Value product = op->getResult(0), value = product, end = value;
      unsigned numExtras = 0;
      while (!value.use_empty() && llvm::all_equal(value.getUsers())) {
        Operation *user = *value.getUsers().begin();
        if (auto reshape = dyn_cast<ReshapeOp>(user)) {
          if (getSizes(reshape.getResult()).empty() || getSizes(value).back() != getSizes(reshape.getResult()).back())
            break;
          value = reshape.getResult();
          continue;
        }
        // A product of two matmuls (a gate) is computed on the tiles of the first.
        if (inTile.contains(user))
          break;
        if (!matmul && isByteQuantize(user) && user->getOperand(0) == value) {
          end = user->getResult(0);
          inTile.insert(user);
          requireScales(cast<QuantizeOp>(user));
          break;
        }
        if (!isTileEpilogue(user, value))
          break;
        SmallVector<Value> others;
        for (Value operand : user->getOperands())
          if (operand != value && !isSplatConstant(operand))
            others.push_back(operand);
        // Only a bias that is a constant vector is sure to be the template's own.
        auto elementwise = cast<ElementwiseOp>(user);
        bool isBias = value == product && elementwise.getKind() == ElementwiseKind::add && others.size() == 1 &&
                      isFromWeights(others[0]) && sinter::getRank(others[0]) == 1;
        if (!isBias && !isWeight && !others.empty())
          break;
        numExtras += isBias ? 0 : others.size();
        if (numExtras > 4)
          break;
        for (Value other : others)
          requireContiguous(other);
        value = end = user->getResult(0);
        inTile.insert(user);
      }
      tileEnd[op] = end;
    }
  }

  void decide(Operation *op) {
    Value result = op->getResult(0);
    if (inTile.contains(op) || isViewOp(op) || companions.contains(result))
      return;
    if (isInlined(op)) {
      llvm::SmallSetVector<Operation *, 4> readers;
      findReaders(result, readers);
      if (readers.size() != 1 || !canInline(result, readers[0]))
        if (!isa<SizesOp>(op))
          materialize(result);
      return;
    }
    auto anyStrides = [](const StridedView &) { return true; };
    auto unitRows = [](const StridedView &view) {
      return view.strides.back().isConstant(1) || view.sizes.back().isConstant(1);
    };
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      materialize(tileEnd.lookup(matmul) ? tileEnd.lookup(matmul) : result);
      bool isTemplate = sinter::getElementType(result).isF32();
      bool isWeight = isTemplate && sinter::getRank(matmul.getRhs()) == 2 && isFromWeights(matmul.getRhs());
      requireView(matmul.getLhs(), [&](const StridedView &view) {
        if (!isWeight)
          return true;
        std::optional<SizeExpr> stride = view.collapse(0, view.sizes.size() - 1);
        return unitRows(view) && stride && stride->constant();
      });
      requireView(matmul.getRhs(), anyStrides);
      return;
    }
    if (auto matmul = dyn_cast<QuantizedMatmulOp>(op)) {
      materialize(tileEnd.lookup(matmul));
      requireView(matmul.getLhs(), [&](const StridedView &view) {
        std::optional<SizeExpr> stride = view.collapse(0, view.sizes.size() - 1);
        // Rows are read in steps of 4 bytes; behind what is not ours there may be nothing.
        bool isOurs = materialized.contains(view.base) && !isReturned(view.base);
        return unitRows(view) && stride && stride->constant() &&
               (isOurs || SizeExpr::exactDiv(view.sizes.back(), 4).has_value());
      });
      requireContiguous(matmul.getLhsScale());
      if (Value zeroPoint = matmul.getLhsZeroPoint())
        requireContiguous(zeroPoint);
      return;
    }
    if (isByteQuantize(op) || isRowQuantize(op)) {
      decideQuantize(cast<QuantizeOp>(op));
      return;
    }
    // All that read it may get it as codes from the same kernel.
    if (isa<LayerNormOp, RmsNormOp>(op) && isOnlyQuantized(op)) {
      for (Value operand : op->getOperands())
        requireContiguous(operand);
      return;
    }
    materialize(result);
    if (auto attention = dyn_cast<AttentionOp>(op)) {
      for (Value operand : {attention.getQuery(), attention.getKey(), attention.getValue()})
        requireView(operand, unitRows);
      if (attention.getBias())
        requireView(attention.getBias(), anyStrides);
    } else if (isa<SoftmaxOp, LayerNormOp, RmsNormOp>(op) || isTextCast(op)) {
      for (Value operand : op->getOperands())
        requireContiguous(operand);
    } else if (isa<ConvOp, RotaryOp, CumulativeSumOp>(op)) {
      // An element of an operand is read many times: it is not computed each time.
      for (Value operand : op->getOperands())
        requireView(operand, anyStrides);
    }
  }

  /// What codes are made with is read from memory, but for scales that the kernel itself finds.
  void requireScales(QuantizeOp quantize) {
    if (isRowQuantize(quantize))
      return;
    requireContiguous(quantize.getScale());
    if (Value zeroPoint = quantize.getZeroPoint())
      requireContiguous(zeroPoint);
  }

  /// The codes, and with scales of their own the scales, are results of the kernel of the norm that they are of, or of
  /// one kernel.
  void decideQuantize(QuantizeOp quantize) {
    materialize(quantize.getResult());
    requireScales(quantize);
    Value input = quantize.getInput();
    if (std::optional<ScaledColumns> scaled = getScaledColumns(quantize);
        scaled && isFromWeights(scaled->factors) && !inTile.contains(scaled->product)) {
      companions.insert(input); // read by nothing else, so that no kernel yields it
      input = scaled->values;
    }
    Operation *source = input.getDefiningOp();
    // Scales that are computed of the norm's result come after its kernel.
    bool isKnown =
        isRowQuantize(quantize) || (isFromWeights(quantize.getScale()) && isFromWeights(quantize.getZeroPoint()));
    bool isNorm = isKnown && source && isa<LayerNormOp, RmsNormOp>(source) && getSizes(input).back().constant() &&
                  !quantized.contains(source);
    SmallVector<Value> results;
    if (isRowQuantize(quantize))
      results.push_back(quantize.getScale());
    for (Value result : results)
      companions.insert(result);
    if (isNorm) {
      quantized.insert(source);
      companions.insert(quantize.getResult());
      results.insert(results.begin(), quantize.getResult());
      companionsOf[source] = results;
    } else {
      requireContiguous(input);
      companionsOf[quantize] = results;
    }
  }

  /// Whether nothing reads a norm but what its kernel quantizes.
  bool isOnlyQuantized(Operation *norm) {
    return quantized.contains(norm) && llvm::all_of(norm->getResult(0).getUsers(), [&](Operation *user) {
             return user->getNumResults() > 0 && companions.contains(user->getResult(0));
           });
  }

  /// A value in memory that is only regrouped lies there under its last sizes.
  void sinkReshapes() {
    SmallVector<Value> values(materialized.begin(), materialized.end());
    for (Value value : values) {
      Value last = value;
      while (last.hasOneUse() && isa<ReshapeOp>(*last.getUsers().begin()))
        last = (*last.getUsers().begin())->getResult(0);
      if (last == value)
        continue;
      materialized.remove(value);
      materialized.insert(last);
    }
  }

  //===--------------------------------------------------------------------===//
  // Kernels
  //===--------------------------------------------------------------------===//

  unsigned buildKernels() {
    unsigned count = 0;
    for (Operation *op : ops)
      if ((materialized.contains(op->getResult(0)) && !companions.contains(op->getResult(0))) ||
          (quantized.contains(op) && !materialized.contains(op->getResult(0)) && isOnlyQuantized(op))) {
        buildKernel(op->getResult(0));
        ++count;
      }
    // A returned argument or weight is copied, and so is what is returned a second time.
    Operation *terminator = function.getBody().front().getTerminator();
    DenseSet<Value> returned;
    for (OpOperand &operand : terminator->getOpOperands()) {
      Value value = kernelResults.lookup(operand.get());
      if (!value || !returned.insert(value).second) {
        value = buildCopy(operand.get(), terminator);
        ++count;
      }
      operand.set(value);
    }
    for (Operation *op : llvm::reverse(ops))
      op->erase();
    // Weights that no kernel reads any more.
    SmallVector<Operation *> rest;
    for (Operation &op : function.getBody().front())
      rest.push_back(&op);
    for (Operation *op : llvm::reverse(rest))
      if (isOpTriviallyDead(op))
        op->erase();
    return count;
  }

  /// The operands that a region reads, as its arguments, and the values that it computes for others.
  struct Region {
    Block *body;
    SmallVector<Value> results;
    IRMapping mapping;
    SmallVector<Value> operands;
    SmallVector<Location> locations;
  };

  Value argument(Region &region, Value value) {
    Value outside = kernelResults.lookup(value);
    region.operands.push_back(outside ? outside : value);
    Value argument = region.body->addArgument(value.getType(), value.getLoc());
    region.mapping.map(value, argument);
    return argument;
  }

  Value clone(Region &region, OpBuilder &b, Value value, bool isRoot) {
    if (Value done = region.mapping.lookupOrNull(value))
      return done;
    bool inside = isSplatConstant(value) || !isInMemory(value) || isRoot || llvm::is_contained(region.results, value);
    bool isArgument = isFromWeights(value) && !isSplatConstant(value) && !(isRoot && isWeightInCodes(value));
    if (isa<BlockArgument>(value) || isArgument || !inside)
      return argument(region, value);
    Operation *op = value.getDefiningOp();
    // Templates read their operands from memory, numbers that are the same everywhere too.
    bool isTemplate =
        isa<MatmulOp, QuantizedMatmulOp, QuantizeOp, AttentionOp, LayerNormOp, RmsNormOp, SoftmaxOp>(op) ||
        isTextCast(op);
    // The zero point of rows with scales of their own is the template's.
    isTemplate = isTemplate && !isRowQuantize(op);
    for (Value operand : op->getOperands()) {
      if (isTemplate && isSplatConstant(operand) && !region.mapping.contains(operand))
        argument(region, operand);
      else if (isa<MatmulOp>(op) && isWeightInCodes(operand))
        clone(region, b, operand, /*isRoot=*/true);
      else
        clone(region, b, operand, /*isRoot=*/false);
    }
    Operation *cloned = b.clone(*op, region.mapping);
    if (!isa<ConstantOp, SizesOp>(op) && !isViewOp(op))
      region.locations.push_back(op->getLoc());
    return cloned->getResult(0);
  }

  ResultRange finish(Region &region, OpBuilder &b, Operation *before, Location loc, ValueRange yielded) {
    YieldOp::create(b, loc, yielded);
    OpBuilder outer(before);
    StringRef kind = chooseKind(*region.body, [&](unsigned i) { return isFromWeights(region.operands[i]); });
    auto kernel = KernelOp::create(outer, loc, yielded.getTypes(), outer.getStringAttr(kind), region.operands);
    kernel.getBody().push_back(region.body);
    return kernel.getResults();
  }

  void buildKernel(Value value) {
    Region region;
    region.body = new Block();
    OpBuilder b(function.getContext());
    b.setInsertionPointToEnd(region.body);
    // The kernel's results: the value, unless it is read as codes only, and its companions.
    if (materialized.contains(value))
      region.results.push_back(value);
    Value source = value;
    while (auto reshape = source.getDefiningOp<ReshapeOp>())
      source = reshape.getInput();
    if (Operation *op = source.getDefiningOp())
      region.results.append(companionsOf.lookup(op));
    SmallVector<Value> yielded;
    for (Value result : region.results)
      yielded.push_back(clone(region, b, result, /*isRoot=*/true));
    Location loc = region.locations.empty() ? value.getLoc() : b.getFusedLoc(region.locations);
    ResultRange results = finish(region, b, value.getDefiningOp(), loc, yielded);
    for (auto [result, kernelResult] : llvm::zip_equal(region.results, results))
      kernelResults[result] = kernelResult;
  }

  Value buildCopy(Value value, Operation *before) {
    Region region;
    region.body = new Block();
    OpBuilder b(function.getContext());
    b.setInsertionPointToEnd(region.body);
    Value yielded = isSplatConstant(value) ? clone(region, b, value, /*isRoot=*/true) : argument(region, value);
    return finish(region, b, before, value.getLoc(), yielded)[0];
  }

  func::FuncOp function;
  SmallVector<Operation *> ops;
  llvm::SetVector<Value> materialized;
  DenseSet<Operation *> inTile;
  DenseMap<Operation *, Value> tileEnd;
  /// Norms whose kernel quantizes them.
  DenseSet<Operation *> quantized;
  /// Codes and scales that are further results of the kernel of the op that companionsOf says.
  DenseSet<Value> companions;
  DenseMap<Operation *, SmallVector<Value>> companionsOf;
  DenseMap<Value, Value> kernelResults;
};

struct FuseKernels : cpu::impl::FuseKernelsPassBase<FuseKernels> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      numKernels += Fuser(function).run();
  }
};

} // namespace
