//===- MergeMatmuls.cpp - Merge matmuls of one operand whose results attention reads -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/Passes.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/cpu/Transforms/StridedView.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

namespace sinter::cpu {
#define GEN_PASS_DEF_MERGEMATMULSPASS
#include "targets/cpu/Transforms/Passes.h.inc"
} // namespace sinter::cpu

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

/// A product by a weight, of floats or of codes, and the bias added to it, if there is one.
struct Product {
  Operation *matmul;
  Value weight;
  Value bias;   // a constant vector, or none
  Value result; // of the matmul or of the addition
};

Value getWeight(Operation *matmul) {
  if (auto quantized = dyn_cast<QuantizedMatmulOp>(matmul))
    return quantized.getRhs();
  return cast<MatmulOp>(matmul).getRhs();
}

/// Whether attention reads `value`, through rearrangements and rotary embedding at most.
bool isReadByAttention(Value value) {
  return !value.use_empty() && llvm::all_of(value.getUsers(), [](Operation *user) {
    if (isViewOp(user))
      return isReadByAttention(user->getResult(0));
    if (auto rotary = dyn_cast<RotaryOp>(user))
      return isReadByAttention(rotary.getResult());
    return isa<AttentionOp>(user);
  });
}

Product readProduct(Operation *matmul) {
  Value result = matmul->getResult(0), weight = getWeight(matmul);
  Product product{matmul, weight, Value(), result};
  if (!result.hasOneUse())
    return product;
  auto add = dyn_cast<ElementwiseOp>(*result.getUsers().begin());
  if (!add || add.getKind() != ElementwiseKind::add || add.getType() != result.getType())
    return product;
  Value other = add.getOperands_()[add.getOperands_()[0] == result ? 1 : 0];
  if (sinter::getRank(other) == 1 && isFromWeights(other) && !isSplatConstant(other) &&
      getSize(other, 0) == getSize(weight, 1))
    product = {matmul, weight, other, add.getResult()};
  return product;
}

/// Side by side, along the columns.
Value concatColumns(OpBuilder &b, Location loc, ArrayRef<Value> values) {
  return ConcatOp::create(b, loc, sinter::getRank(values[0]) - 1, values);
}

SparseAttr getEncoding(Value weight) {
  return dyn_cast_or_null<SparseAttr>(cast<RankedTensorType>(weight.getType()).getEncoding());
}

/// Whether the weight is dense, or its blocks stay blocks where others lie beside it.
bool keepsBlocks(Value weight) {
  SparseAttr encoding = getEncoding(weight);
  if (!encoding)
    return true;
  return weight.getDefiningOp<EncodeOp>() && *getSize(weight, 1).constant() % encoding.getBlock()[1] == 0;
}

/// Weights of one encoding side by side. Sparse ones store the blocks that each of them stores.
Value concatWeights(OpBuilder &b, Location loc, ArrayRef<Value> weights) {
  SparseAttr encoding = getEncoding(weights[0]);
  if (!encoding)
    return concatColumns(b, loc, weights);
  SmallVector<Value> values;
  uint64_t stored = 0;
  for (Value weight : weights) {
    auto encode = weight.getDefiningOp<EncodeOp>();
    values.push_back(encode.getInput());
    stored += encode.getStored();
  }
  Value all = concatColumns(b, loc, values);
  return EncodeOp::create(b, loc, cast<RankedTensorType>(all.getType()).cloneWithEncoding(encoding), all, stored);
}

struct MergeMatmuls : cpu::impl::MergeMatmulsPassBase<MergeMatmuls> {
  void runOnOperation() override {
    // Products by weights of one element type (of codes: one scheme) and one encoding that have the same operands but
    // for the weight. A sparse one was predicted to be faster than a dense one of its columns alone, and in the
    // predictions as many times as many columns take so much longer: so it is not made dense to be merged with others.
    using Key = std::tuple<Value, Value, Type, Attribute, int>;
    llvm::MapVector<Key, SmallVector<Product>> groups;
    auto add = [&](Operation *op, Value scale) {
      Product product = readProduct(op);
      if (isReadByAttention(product.result))
        groups[Key(op->getOperand(0), scale, sinter::getElementType(product.weight), getEncoding(product.weight),
                   static_cast<bool>(product.bias))]
            .push_back(product);
    };
    getOperation().walk([&](Operation *op) {
      if (auto matmul = dyn_cast<MatmulOp>(op)) {
        // A weight in codes is read as such by a product with floats: it is not to become floats here.
        Value weight = matmul.getRhs();
        if (sinter::getRank(weight) == 2 && sinter::getElementType(weight).isF32() && isFromWeights(weight) &&
            keepsBlocks(weight) && !weight.getDefiningOp<DequantizeOp>() && !isFromWeights(matmul.getLhs()))
          add(op, Value());
      } else if (auto quantized = dyn_cast<QuantizedMatmulOp>(op)) {
        // A scale and zero point for each column: they lie side by side like the columns.
        auto type = cast<QuantizedType>(sinter::getElementType(quantized.getRhs()));
        Value zeroPoint = quantized.getRhsZeroPoint();
        if (isFromWeights(quantized.getRhs()) && keepsBlocks(quantized.getRhs()) && type.hasColumnBlocks() &&
            (!zeroPoint || getSizes(zeroPoint) == getSizes(quantized.getRhsScale())))
          add(op, quantized.getLhsScale());
      }
    });
    for (auto &[key, products] : groups)
      if (products.size() > 1)
        merge(products);
  }

  void merge(MutableArrayRef<Product> products) {
    // Everything that it needs (weights may stand anywhere) comes first.
    Operation *last = products[0].matmul;
    for (Product &product : products)
      if (last->isBeforeInBlock(product.result.getDefiningOp()))
        last = product.result.getDefiningOp();
    MLIRContext *context = &getContext();
    OpBuilder b(last);
    b.setInsertionPointAfter(last);
    SmallVector<Value> weights, scales, zeroPoints, biases;
    SmallVector<Location> locations;
    for (Product &product : products) {
      weights.push_back(product.weight);
      if (auto quantized = dyn_cast<QuantizedMatmulOp>(product.matmul)) {
        scales.push_back(quantized.getRhsScale());
        if (Value zeroPoint = quantized.getRhsZeroPoint())
          zeroPoints.push_back(zeroPoint);
      }
      if (product.bias)
        biases.push_back(product.bias);
      locations.push_back(product.matmul->getLoc());
    }
    Location loc = b.getFusedLoc(locations);
    Value weight = concatWeights(b, loc, weights), merged;
    if (auto first = dyn_cast<QuantizedMatmulOp>(products[0].matmul))
      merged = QuantizedMatmulOp::create(b, loc, first.getLhs(), first.getLhsScale(), first.getLhsZeroPoint(), weight,
                                         concatColumns(b, loc, scales),
                                         zeroPoints.empty() ? Value() : concatColumns(b, loc, zeroPoints));
    else
      merged = MatmulOp::create(b, loc, products[0].matmul->getOperand(0), weight);
    if (!biases.empty())
      merged = ElementwiseOp::create(b, loc, ElementwiseKind::add, ValueRange{merged, concatColumns(b, loc, biases)},
                                     FloatAttr());
    SizeExpr start = 0;
    for (Product &product : products) {
      SmallVector<SizeExpr> starts(sinter::getRank(merged), 0), steps(starts.size(), 1);
      starts.back() = start;
      Value slice = SliceOp::create(b, product.result.getLoc(), product.result.getType(), merged,
                                    DimsAttr::get(context, starts), DimsAttr::get(context, steps));
      start = start + getSize(product.weight, 1);
      product.result.replaceAllUsesWith(slice);
      ++numMerged;
    }
    // Readers of a result may stand between the products: bring them behind the slices.
    moveReadersBehind(b);
    for (Product &product : products) {
      Operation *op = product.result.getDefiningOp();
      op->erase();
      if (op != product.matmul)
        product.matmul->erase();
    }
  }

  void moveReadersBehind(OpBuilder &b) {
    Operation *anchor = b.getInsertionPoint() == b.getInsertionBlock()->end() ? nullptr : &*b.getInsertionPoint();
    if (!anchor)
      return;
    // Ops before the anchor that read something defined at or behind it, in order.
    Block *block = anchor->getBlock();
    SmallVector<Operation *> late;
    DenseSet<Operation *> isLate;
    for (Operation &op : *block) {
      if (&op == anchor)
        break;
      bool readsLate = llvm::any_of(op.getOperands(), [&](Value operand) {
        Operation *def = operand.getDefiningOp();
        return def && (isLate.contains(def) || !def->isBeforeInBlock(&op));
      });
      if (readsLate) {
        late.push_back(&op);
        isLate.insert(&op);
      }
    }
    for (Operation *op : late)
      op->moveBefore(anchor);
  }
};

} // namespace
