//===- PruneWeights.cpp - Zeros in the weights of products ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A small weight that a large channel is multiplied with matters more than a large
// one on a channel that is nearly always 0. So with calibration a weight's score is
// its magnitude times the norm of its channel over all rows that were seen (Sun et
// al.: A Simple and Effective Pruning Approach for Large Language Models, 2023):
//
//   channels of 1, 100     [[5], [1]]: magnitudes keep 5, scores of 5 and 100 keep 1
//
// The paper compares scores within an output, and so do N:M groups here; blocks
// compete in the whole matrix. It looks at activations again after each layer was
// pruned, and here all are those of the model as it came: one calibration serves
// quantization and pruning.
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/CalibrationArrays.h"
#include "dialects/sinter/Transforms/PassFailure.h"
#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/SparsityPattern.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Quantization/Calibration.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/MapVector.h"

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
    if (!parsed)
      return fail(parsed.takeError());
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!parsed->prunes() || !main)
      return;
    std::optional<Calibration> read;
    if (!calibration.empty()) {
      llvm::Expected<Calibration> result = readCalibration(calibration);
      if (!result)
        return fail(result.takeError());
      read = std::move(*result);
    }
    llvm::MapVector<Value, SmallVector<WeightMatmul>> products;
    for (WeightMatmul &product : findWeightMatmuls(main))
      products[product.matmul.getRhs()].push_back(product);
    for (auto &[weight, readers] : products) {
      SmallVector<const ObservedTensor *> inputs;
      if (read)
        if (llvm::Error error = findInputs(*read, readers, inputs))
          return fail(std::move(error));
      Value pruned = prune(*parsed, weight, inputs);
      for (WeightMatmul &product : readers)
        product.matmul.getRhsMutable().assign(pruned);
    }
  }

private:
  void fail(llvm::Error error) {
    emitFailure(getOperation(), std::move(error));
    signalPassFailure();
  }

  /// What the products of one weight read, each once.
  llvm::Error findInputs(const Calibration &calibration, ArrayRef<WeightMatmul> readers,
                         SmallVector<const ObservedTensor *> &inputs) {
    for (const WeightMatmul &product : readers) {
      llvm::Expected<const ObservedTensor *> found = findInput(calibration, product);
      if (!found)
        return found.takeError();
      const ObservedTensor *input = *found;
      if (!input)
        return unusable("calibration has not seen the input of node '" + product.name +
                        "': pruning by it needs the norms of its channels");
      if (!llvm::is_contained(inputs, input))
        inputs.push_back(input);
    }
    return llvm::Error::success();
  }

  /// The norms of channels, but for a factor that all have in common.
  Value createNorms(OpBuilder &b, ArrayRef<const ObservedTensor *> inputs, Location loc) {
    double numRows = 0;
    for (const ObservedTensor *input : inputs)
      numRows += static_cast<double>(input->numRows);
    Value sum;
    for (const ObservedTensor *input : inputs) {
      Value squares = createCalibrationArray(b, getOperation(), "channel_mean_square", *input, input->channelMeanSquare,
                                             {input->numChannels}, loc);
      if (inputs.size() > 1) {
        auto type = RankedTensorType::get({}, b.getF32Type());
        Attribute part = b.getF32FloatAttr(static_cast<float>(static_cast<double>(input->numRows) / numRows));
        Value factor = ConstantOp::create(b, loc, DenseElementsAttr::get(type, part));
        squares = ElementwiseOp::create(b, loc, ElementwiseKind::mul, ValueRange{squares, factor}, FloatAttr());
      }
      sum = sum ? ElementwiseOp::create(b, loc, ElementwiseKind::add, ValueRange{sum, squares}, FloatAttr()).getResult()
                : squares;
    }
    return ElementwiseOp::create(b, loc, ElementwiseKind::sqrt, sum, FloatAttr());
  }

  Value prune(const SparsityPattern &pattern, Value weight, ArrayRef<const ObservedTensor *> inputs) {
    bool isBlocks = pattern.kind == SparsityPattern::Kind::Blocks;
    SmallVector<int64_t> block{isBlocks ? pattern.rows : 1, isBlocks ? pattern.columns : 1};
    ArrayRef<int64_t> shape = cast<RankedTensorType>(weight.getType()).getShape();
    int64_t numBlocks = SparseAttr::get(&getContext(), block).getNumBlocks(shape);
    OpBuilder b(&getContext());
    b.setInsertionPointAfterValue(weight);
    Value norms = inputs.empty() ? Value() : createNorms(b, inputs, weight.getLoc());
    ++numPruned;
    numByNorms += !inputs.empty();
    return PruneOp::create(b, weight.getLoc(), weight.getType(), weight, norms, block,
                           isBlocks ? pattern.numKept(numBlocks) : pattern.keep, isBlocks ? 0 : pattern.of);
  }
};

} // namespace
