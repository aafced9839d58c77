//===- ChooseSparsity.cpp - Weights whose blocks of zeros are not stored -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/Passes.h"

#include "dialects/sinter/Transforms/PassFailure.h"
#include "dialects/sinter/Transforms/Refusals.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Sparsity/WeightMatrix.h"
#include "lib/Support/Failure.h"
#include "targets/cpu/SparsityCosts.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FormatVariadic.h"

namespace sinter::cpu {
#define GEN_PASS_DEF_CHOOSESPARSITYPASS
#include "targets/cpu/Transforms/Passes.h.inc"
} // namespace sinter::cpu

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

/// What the weight of a product is made of, and how it is multiplied.
struct Weight {
  Value value;  // the product's operand
  Value floats; // the f32 whose zeros are zeros of `value`
  SparseShape shape;
};

/// What is multiplied by factors of rows, as quantization does to equalize channels: where it is zero the product is,
/// too.
Value skipFactors(Value value) {
  while (auto mul = value.getDefiningOp<ElementwiseOp>()) {
    if (mul.getKind() != ElementwiseKind::mul)
      break;
    ValueRange operands = mul.getOperands_();
    bool isFirst = operands[0].getType() == value.getType();
    Value factors = operands[isFirst ? 1 : 0];
    if (operands[isFirst ? 0 : 1].getType() != value.getType() || factors.getType() == value.getType())
      break;
    value = operands[isFirst ? 0 : 1];
  }
  return value;
}

/// Of products whose template has a sparse sibling.
std::optional<Weight> readWeight(Operation *op) {
  Weight weight;
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    weight.value = weight.floats = matmul.getRhs();
    weight.shape.elements = SparseShape::Elements::F32;
    // A weight in codes takes less memory than its blocks in f32.
    if (isFromWeights(matmul.getLhs()) || weight.value.getDefiningOp<DequantizeOp>())
      return std::nullopt;
  } else if (auto matmul = dyn_cast<QuantizedMatmulOp>(op)) {
    weight.value = matmul.getRhs();
    weight.shape.elements = SparseShape::Elements::Bytes;
    // Codes of 0 stand for 0 where there are no zero points.
    auto type = cast<QuantizedType>(sinter::getElementType(weight.value));
    auto quantize = weight.value.getDefiningOp<QuantizeOp>();
    if (!quantize || !type.getStorage().isSignlessInteger(8) || type.getZeroPoints() || !type.hasColumnBlocks() ||
        type.getBlocks()[0] != 0)
      return std::nullopt;
    weight.floats = skipFactors(quantize.getInput());
  } else {
    return std::nullopt;
  }
  auto type = cast<RankedTensorType>(weight.floats.getType());
  if (type.getRank() != 2 || !type.hasStaticShape() || !type.getElementType().isF32() || type.getEncoding() ||
      !isFromWeights(weight.value) || type.getNumElements() == 0)
    return std::nullopt;
  weight.shape.k = type.getDimSize(0);
  weight.shape.n = type.getDimSize(1);
  return weight;
}

struct ChooseSparsity : cpu::impl::ChooseSparsityPassBase<ChooseSparsity> {
  using ChooseSparsityPassBase::ChooseSparsityPassBase;

  void runOnOperation() override {
    if (folder.empty())
      return;
    SmallVector<const Isa *> isas;
    for (const std::string &name : variants) {
      const Isa *isa = findIsa(name);
      if (!isa) {
        getOperation().emitError() << "there is no variant '" << name << "'";
        return signalPassFailure();
      }
      isas.push_back(isa);
    }
    llvm::Expected<WeightReader> reader = WeightReader::open(getOperation(), folder, calibration);
    if (!reader) {
      emitFailure(getOperation(), reader.takeError());
      return signalPassFailure();
    }
    SmallVector<Operation *> products;
    getOperation().walk([&](Operation *op) {
      if (isa<MatmulOp, QuantizedMatmulOp>(op))
        products.push_back(op);
    });
    for (Operation *op : products)
      if (std::optional<Weight> weight = readWeight(op))
        if (llvm::Error error = choose(op, *weight, *reader, isas)) {
          emitFailure(getOperation(), std::move(error));
          return signalPassFailure();
        }
  }

private:
  struct Zeros {
    int64_t blocks; // that are not zero
    std::string groups;
  };

  /// Nothing where the weight is not looked at.
  llvm::Expected<std::optional<Zeros>> findZeros(const Weight &weight, const WeightReader &reader) {
    auto [place, isNew] = known.try_emplace(weight.floats, std::nullopt);
    if (!isNew)
      return place->second;
    llvm::Expected<std::optional<WeightMatrix>> matrix = reader.readMatrix(weight.floats);
    if (!matrix)
      return matrix.takeError();
    if (!*matrix)
      return std::nullopt;
    Zeros zeros{(*matrix)->countBlocks(SparseShape::blockRows, SparseShape::blockColumns), ""};
    for (auto [keep, of] : {std::pair(1, 4), {2, 4}, {4, 8}})
      if (zeros.groups.empty() && (*matrix)->hasGroups(keep, of))
        zeros.groups = std::to_string(keep) + ":" + std::to_string(of);
    place->second = std::move(zeros);
    return place->second;
  }

  llvm::Error choose(Operation *op, const Weight &weight, const WeightReader &reader, ArrayRef<const Isa *> isas) {
    llvm::Expected<std::optional<Zeros>> found = findZeros(weight, reader);
    if (!found)
      return found.takeError();
    const std::optional<Zeros> &zeros = *found;
    if (!zeros)
      return llvm::Error::success();
    int64_t all = weight.shape.numBlockRows() * weight.shape.numStrips(), stored = zeros->blocks;
    std::string node = "'" + getNodeName(op) + "'";
    if (stored == all) {
      if (!zeros->groups.empty())
        addRefusal(getOperation(), zeros->groups + " sparsity of " + node,
                   "target cpu has kernels for blocks of 16x16 only");
      return llvm::Error::success();
    }
    double density = static_cast<double>(stored) / all;
    std::string what = "block sparsity of " + node;
    for (const Isa *isa : isas) {
      PredictedProduct predicted = predictProduct(*isa, weight.shape, density);
      if (predicted.speedup() <= 1) {
        addRefusal(
            getOperation(), what,
            llvm::formatv("{0} of {1} blocks of 16x16 are not zero: on {2} at {3} rows {4:f3} ms are predicted for "
                          "the sparse product and {5:f3} ms for the dense one",
                          stored, all, isa->name, predicted.rows, predicted.sparseMs, predicted.denseMs)
                .str());
        ++numRefused;
        return llvm::Error::success();
      }
    }
    encode(op, weight, stored);
    ++numApplied;
    return llvm::Error::success();
  }

  void encode(Operation *op, const Weight &weight, int64_t stored) {
    Value &encoded = encodings[weight.value];
    if (!encoded) {
      OpBuilder b(&getContext());
      b.setInsertionPointAfterValue(weight.value);
      auto encoding = SparseAttr::get(&getContext(), {SparseShape::blockRows, SparseShape::blockColumns});
      Type type = cast<RankedTensorType>(weight.value.getType()).cloneWithEncoding(encoding);
      encoded = EncodeOp::create(b, weight.value.getLoc(), type, weight.value, stored);
    }
    for (OpOperand &operand : op->getOpOperands())
      if (operand.get() == weight.value)
        operand.set(encoded);
  }

  DenseMap<Value, std::optional<Zeros>> known;
  DenseMap<Value, Value> encodings;
};

} // namespace
