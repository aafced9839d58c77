//===- MergeMatmuls.cpp - Merge matmuls of one operand whose results attention reads -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/Passes.h"

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

/// A product by a weight and the bias added to it, if there is one.
struct Product {
  MatmulOp matmul;
  Value bias;   // a constant vector, or none
  Value result; // of the matmul or of the addition
};

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

Product readProduct(MatmulOp matmul) {
  Product product{matmul, Value(), matmul.getResult()};
  if (!matmul.getResult().hasOneUse())
    return product;
  auto add = dyn_cast<ElementwiseOp>(*matmul.getResult().getUsers().begin());
  if (!add || add.getKind() != ElementwiseKind::add || add.getType() != matmul.getType())
    return product;
  Value other = add.getOperands_()[add.getOperands_()[0] == matmul.getResult() ? 1 : 0];
  if (sinter::getRank(other) == 1 && isConstantValue(other) && !isSplatConstant(other) &&
      getSize(other, 0) == getSize(matmul.getRhs(), 1))
    product = {matmul, other, add.getResult()};
  return product;
}

struct MergeMatmuls : cpu::impl::MergeMatmulsPassBase<MergeMatmuls> {
  void runOnOperation() override {
    llvm::MapVector<std::pair<Value, int>, SmallVector<Product>> groups;
    getOperation().walk([&](MatmulOp matmul) {
      if (sinter::getRank(matmul.getRhs()) != 2 || !sinter::getElementType(matmul.getRhs()).isF32() ||
          !isConstantValue(matmul.getRhs()) || isConstantValue(matmul.getLhs()))
        return;
      Product product = readProduct(matmul);
      if (isReadByAttention(product.result))
        groups[{matmul.getLhs(), static_cast<bool>(product.bias)}].push_back(product);
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
    SmallVector<Value> weights, biases;
    SmallVector<Location> locations;
    for (Product &product : products) {
      weights.push_back(product.matmul.getRhs());
      if (product.bias)
        biases.push_back(product.bias);
      locations.push_back(product.matmul.getLoc());
    }
    Location loc = b.getFusedLoc(locations);
    Value merged = MatmulOp::create(b, loc, products[0].matmul.getLhs(), ConcatOp::create(b, loc, 1, weights));
    if (!biases.empty())
      merged = ElementwiseOp::create(b, loc, ElementwiseKind::add,
                                     ValueRange{merged, ConcatOp::create(b, loc, 0, biases)}, FloatAttr());
    SizeExpr start = 0;
    for (Product &product : products) {
      SmallVector<SizeExpr> starts(sinter::getRank(merged), 0), steps(starts.size(), 1);
      starts.back() = start;
      Value slice = SliceOp::create(b, product.result.getLoc(), product.result.getType(), merged,
                                    DimsAttr::get(context, starts), DimsAttr::get(context, steps));
      start = start + getSize(product.matmul.getRhs(), 1);
      product.result.replaceAllUsesWith(slice);
      ++numMerged;
    }
    // Readers of a result may stand between the products: bring them behind the slices.
    moveReadersBehind(b);
    for (Product &product : products) {
      Operation *op = product.result.getDefiningOp();
      op->erase();
      if (op != product.matmul.getOperation())
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
