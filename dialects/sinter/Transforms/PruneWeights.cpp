//===- PruneWeights.cpp - Zeros in the weights of products ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/SparsityPattern.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Support/Failure.h"

namespace sinter {
#define GEN_PASS_DEF_PRUNEWEIGHTSPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

struct PruneWeights : sinter::impl::PruneWeightsPassBase<PruneWeights> {
  using PruneWeightsPassBase::PruneWeightsPassBase;

  void runOnOperation() override {
    llvm::Expected<SparsityPattern> parsed = parseSparsity(pattern);
    if (!parsed) {
      getOperation().emitError() << takeFailure(parsed.takeError()).message;
      return signalPassFailure();
    }
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!parsed->prunes() || !main)
      return;
    DenseMap<Value, Value> pruned;
    for (WeightMatmul &product : findWeightMatmuls(main)) {
      Value weight = product.matmul.getRhs();
      Value &replacement = pruned[weight];
      if (!replacement)
        replacement = prune(*parsed, weight);
      product.matmul.getRhsMutable().assign(replacement);
    }
  }

private:
  Value prune(const SparsityPattern &pattern, Value weight) {
    bool isBlocks = pattern.kind == SparsityPattern::Kind::Blocks;
    SmallVector<int64_t> block{isBlocks ? pattern.rows : 1, isBlocks ? pattern.columns : 1};
    ArrayRef<int64_t> shape = cast<RankedTensorType>(weight.getType()).getShape();
    int64_t numBlocks = SparseAttr::get(&getContext(), block).getNumBlocks(shape);
    OpBuilder b(&getContext());
    b.setInsertionPointAfterValue(weight);
    ++numPruned;
    return PruneOp::create(b, weight.getLoc(), weight.getType(), weight, /*magnitudes=*/Value(), block,
                           isBlocks ? pattern.numKept(numBlocks) : pattern.keep, isBlocks ? 0 : pattern.of);
  }
};

} // namespace
