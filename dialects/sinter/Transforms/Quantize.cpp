//===- Quantize.cpp - Products by weights in few bits ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Why these ways of rounding: a product's error is that of its weights and that of
// its activations. With 8 bits the nearest code of each weight is good enough. With
// 4 it is not, and what one code loses is made good by others (`sinter.gptq`), which
// needs the second moments of the activations. An activation's range differs from
// row to row (token to token), so that one scale for all rows (static) loses more
// than a scale for each (dynamic); it is faster, and is taken where calibration
// measured that it loses no more than `staticTolerance` times as much.
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/CalibrationArrays.h"
#include "dialects/sinter/Transforms/PassFailure.h"
#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Quantization/ActivationChoice.h"
#include "lib/Quantization/Calibration.h"
#include "lib/Quantization/Rounding.h"
#include "lib/Quantization/Scheme.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/MapVector.h"

namespace sinter {
#define GEN_PASS_DEF_QUANTIZEPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

/// A tensor as codes.
struct Codes {
  Value codes, scale, zeroPoint;
};

class Quantizer {
public:
  Quantizer(func::FuncOp main, const QuantizationScheme &scheme, const Calibration *calibration,
            const RecipeReader &readRecipe)
      : main(main), module(main->getParentOfType<ModuleOp>()), scheme(scheme), calibration(calibration),
        readRecipe(readRecipe) {}

  unsigned numMatmuls = 0, numStatic = 0, numDynamic = 0, numEqualized = 0;

  llvm::Error run() {
    hoistRecipes();
    llvm::MapVector<Value, SmallVector<WeightMatmul>> byInput;
    for (const WeightMatmul &product : findWeightMatmuls(main))
      byInput[product.matmul->getOperand(0)].push_back(product);
    for (auto &[input, products] : byInput)
      if (llvm::Error error = quantize(products))
        return error;
    return llvm::Error::success();
  }

private:
  /// What follows from weights may stand anywhere. Here it comes first, so that the first of several products that
  /// share an input can be equalized with the weights of all of them.
  void hoistRecipes() {
    Block &block = main.getBody().front();
    Block::iterator place = block.begin();
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (op.getNumResults() != 1 || !isFromWeights(op.getResult(0)))
        continue;
      if (place == op.getIterator())
        ++place;
      else
        op.moveBefore(&block, place);
    }
  }

  /// Products that read the same input.
  llvm::Error quantize(MutableArrayRef<WeightMatmul> products) {
    OpBuilder b(products.front().matmul);
    // Not what it was when the products were found: a product that it was the result of is another op now.
    Value input = products.front().matmul.getLhs();
    Location loc = products.front().matmul.getLoc();
    const ObservedTensor *observed = nullptr;
    if (calibration) {
      llvm::Expected<const ObservedTensor *> found = findInput(*calibration, products.front());
      if (!found)
        return found.takeError();
      observed = *found;
    }
    SmallVector<Value> weights;
    for (WeightMatmul &product : products)
      weights.push_back(toF32(b, product.matmul.getRhs()));
    Value lhs = toF32(b, input);
    Codes activation;
    if (scheme.quantizesActivations()) {
      llvm::Expected<ActivationChoice> choice = choose(observed, weights, products.front());
      if (!choice)
        return choice.takeError();
      if (choice->strength != 0) {
        lhs = equalize(b, lhs, weights, *observed, choice->strength, loc);
        ++numEqualized;
      }
      activation = quantizeActivation(b, lhs, *choice, loc);
    }
    for (auto [product, weight] : llvm::zip_equal(products, weights)) {
      MatmulOp matmul = product.matmul;
      b.setInsertionPoint(matmul);
      Codes codes = quantizeWeight(b, weight, observed, matmul.getLoc());
      Value result;
      if (scheme.quantizesActivations()) {
        result = QuantizedMatmulOp::create(b, matmul.getLoc(), activation.codes, activation.scale, activation.zeroPoint,
                                           codes.codes, codes.scale, codes.zeroPoint);
      } else {
        Value values = DequantizeOp::create(b, matmul.getLoc(), codes.codes, codes.scale, codes.zeroPoint);
        result = MatmulOp::create(b, matmul.getLoc(), lhs, values);
      }
      if (result.getType() != matmul.getType())
        result = CastOp::create(b, matmul.getLoc(), matmul.getType(), result);
      matmul.replaceAllUsesWith(result);
      matmul.erase();
      ++numMatmuls;
    }
    return llvm::Error::success();
  }

  static Value toF32(OpBuilder &b, Value value) {
    if (sinter::getElementType(value).isF32())
      return value;
    return CastOp::create(b, value.getLoc(), getTensorType(getSizes(value), b.getF32Type()), value);
  }

  static Value createScalar(OpBuilder &b, Location loc, Attribute value, Type type) {
    return ConstantOp::create(b, loc, DenseElementsAttr::get(RankedTensorType::get({}, type), value));
  }

  //===--------------------------------------------------------------------===//
  // Weights
  //===--------------------------------------------------------------------===//

  QuantizedType getWeightType(OpBuilder &b, int64_t k) {
    auto storage = IntegerType::get(b.getContext(), scheme.weightBits,
                                    scheme.zeroPoints ? IntegerType::Unsigned : IntegerType::Signless);
    int64_t group = scheme.group >= k ? 0 : scheme.group;
    // Sums of more rows do not fit 32 bits.
    if (scheme.quantizesActivations() && (group ? group : k) > QuantizedMatmulOp::maxGroup)
      group = 16384;
    return QuantizedType::get(b.getContext(), storage, b.getF32Type(), {group, 1}, scheme.zeroPoints);
  }

  Codes quantizeWeight(OpBuilder &b, Value weight, const ObservedTensor *observed, Location loc) {
    auto type = cast<RankedTensorType>(weight.getType());
    QuantizedType codeType = getWeightType(b, type.getDimSize(0));
    bool corrects = scheme.needsSecondMoments() && observed && !observed->secondMoments.empty();
    // The same weight may be multiplied by other activations.
    Codes &codes = weights[{weight, corrects ? observed : nullptr}];
    if (codes.codes)
      return codes;
    // Beside the weight, so that all who multiply by it find the codes above them.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfter(weight.getDefiningOp());
    auto scaleType = getTensorType(*codeType.getScaleSizes(getSizes(weight)), b.getF32Type());
    // With 4 bits and fewer a block's greatest weight takes too much from the others.
    bool search = scheme.weightBits <= 4 && !scheme.zeroPoints;
    codes.scale = ChooseScaleOp::create(b, loc, scaleType, weight, codeType, search, IntegerAttr());
    if (scheme.zeroPoints)
      codes.zeroPoint = ChooseZeroPointOp::create(b, loc, getTensorType(getSizes(codes.scale), codeType.getStorage()),
                                                  weight, codes.scale, codeType);
    auto resultType = getTensorType(getSizes(weight), codeType);
    if (corrects)
      codes.codes =
          GptqOp::create(b, loc, resultType, weight,
                         createCalibrationArray(b, module, "second_moments", *observed, observed->secondMoments,
                                                {observed->numChannels, observed->numChannels}, loc),
                         codes.scale, codes.zeroPoint);
    else
      codes.codes = QuantizeOp::create(b, loc, resultType, weight, codes.scale, codes.zeroPoint, /*reciprocal=*/false);
    return codes;
  }

  //===--------------------------------------------------------------------===//
  // Activations
  //===--------------------------------------------------------------------===//

  llvm::Expected<ActivationChoice> choose(const ObservedTensor *observed, ArrayRef<Value> weights,
                                          const WeightMatmul &product) {
    using Activations = QuantizationScheme::Activations;
    ActivationChoice choice;
    if (!observed) {
      if (scheme.activations == Activations::Static)
        return unusable("calibration has not seen the input of node '" + product.name + "', and " + scheme.str() +
                        " needs its range");
      return choice;
    }
    // Weights of fewer bits have no steps to spare. Without weights, what calibration measured of the input decides.
    if (scheme.weightBits < 8 || !readRecipe) {
      const StaticRange &range = observed->bestStatic();
      choice.isStatic =
          scheme.activations == Activations::Static ||
          (scheme.activations == Activations::Auto && range.error <= staticTolerance * observed->dynamicError);
      choice.low = range.low;
      choice.high = range.high;
      return choice;
    }
    llvm::Expected<HostTensor> all = readSideBySide(weights);
    if (!all)
      return all.takeError();
    return chooseActivation(*observed, all->as<float>(), all->dims[1], scheme.activations);
  }

  llvm::Expected<HostTensor> readSideBySide(ArrayRef<Value> weights) {
    int64_t numRows = *getSize(weights[0], 0).constant(), numColumns = 0, first = 0;
    for (Value weight : weights)
      numColumns += *getSize(weight, 1).constant();
    HostTensor all(ElementType::F32, {numRows, numColumns});
    for (Value weight : weights) {
      llvm::Expected<HostTensor> tensor = readRecipe(weight);
      if (!tensor)
        return tensor.takeError();
      int64_t columns = tensor->dims[1];
      for (int64_t row = 0; row < numRows; ++row)
        std::copy_n(tensor->as<float>().begin() + row * columns, columns,
                    all.as<float>().begin() + row * numColumns + first);
      first += columns;
    }
    return all;
  }

  /// Divides the input's channels by factors and multiplies the rows of `weights` by them (ActivationChoice.h).
  Value equalize(OpBuilder &b, Value input, MutableArrayRef<Value> weights, const ObservedTensor &observed,
                 double strength, Location loc) {
    auto apply = [&](ElementwiseKind kind, ValueRange operands) -> Value {
      return ElementwiseOp::create(b, loc, kind, operands, FloatAttr());
    };
    Type f32 = b.getF32Type();
    auto number = [&](double n) { return createScalar(b, loc, b.getF32FloatAttr(n), f32); };
    Value largest;
    for (Value weight : weights) {
      Value ofRows =
          ReduceOp::create(b, loc, ReduceKind::max, apply(ElementwiseKind::abs, weight), ArrayRef<int64_t>{1},
                           /*keep_dims=*/false);
      largest = largest ? apply(ElementwiseKind::max, {largest, ofRows}) : ofRows;
    }
    Value channels = createCalibrationArray(b, module, "channel_maximum", observed, observed.channelMaximum,
                                            {observed.numChannels}, loc);
    auto power = [&](Value values, double exponent) {
      return apply(ElementwiseKind::pow,
                   {apply(ElementwiseKind::max, {values, number(leastMagnitude)}), number(exponent)});
    };
    Value ofChannels = power(channels, strength), ofWeights = power(largest, 1 - strength);
    Value factors = apply(ElementwiseKind::div, {ofChannels, ofWeights});
    Value columns = ReshapeOp::create(b, loc, getTensorType({observed.numChannels, 1}, f32), factors);
    for (Value &weight : weights)
      weight = apply(ElementwiseKind::mul, {weight, columns});
    return apply(ElementwiseKind::mul, {input, apply(ElementwiseKind::div, {ofWeights, ofChannels})});
  }

  Codes quantizeActivation(OpBuilder &b, Value input, const ActivationChoice &choice, Location loc) {
    Codes codes;
    Type f32 = b.getF32Type();
    if (choice.isStatic) {
      ScaleAndZero chosen = chooseAffine(choice.low, choice.high, 8);
      Type storage = IntegerType::get(b.getContext(), 8, IntegerType::Unsigned);
      auto type = QuantizedType::get(b.getContext(), storage, f32, {}, /*zero_points=*/true);
      codes.scale = createScalar(b, loc, b.getF32FloatAttr(chosen.scale), f32);
      codes.zeroPoint = createScalar(b, loc, b.getIntegerAttr(storage, chosen.zero), storage);
      codes.codes = QuantizeOp::create(b, loc, getTensorType(getSizes(input), type), input, codes.scale,
                                       codes.zeroPoint, /*reciprocal=*/true);
      ++numStatic;
      return codes;
    }
    SmallVector<int64_t> blocks(sinter::getRank(input), 1);
    blocks.back() = 0;
    bool hasZero = choice.zeroPoint.has_value();
    Type storage = IntegerType::get(b.getContext(), 8, hasZero ? IntegerType::Unsigned : IntegerType::Signless);
    auto type = QuantizedType::get(b.getContext(), storage, f32, blocks, hasZero);
    auto scaleType = getTensorType(*type.getScaleSizes(getSizes(input)), f32);
    auto scale = ChooseScaleOp::create(b, loc, scaleType, input, type, /*search=*/false, IntegerAttr());
    if (hasZero) {
      scale.setZero(*choice.zeroPoint);
      codes.zeroPoint = createScalar(b, loc, b.getIntegerAttr(storage, *choice.zeroPoint), storage);
    }
    codes.scale = scale;
    codes.codes = QuantizeOp::create(b, loc, getTensorType(getSizes(input), type), input, codes.scale, codes.zeroPoint,
                                     /*reciprocal=*/true);
    ++numDynamic;
    return codes;
  }

  func::FuncOp main;
  ModuleOp module;
  const QuantizationScheme &scheme;
  const Calibration *calibration;
  const RecipeReader &readRecipe;
  DenseMap<std::pair<Value, const ObservedTensor *>, Codes> weights;
};

struct Quantize : sinter::impl::QuantizePassBase<Quantize> {
  using QuantizePassBase::QuantizePassBase;
  Quantize(const QuantizePassOptions &options, RecipeReader readRecipe)
      : QuantizePassBase(options), readRecipe(std::move(readRecipe)) {}

  void runOnOperation() override {
    if (scheme.empty())
      return;
    llvm::Expected<QuantizationScheme> parsed = parseScheme(scheme);
    if (!parsed)
      return fail(parsed.takeError());
    std::optional<Calibration> read;
    if (!calibration.empty()) {
      llvm::Expected<Calibration> result = readCalibration(calibration);
      if (!result)
        return fail(result.takeError());
      read = std::move(*result);
    }
    for (auto main : getOperation().getOps<func::FuncOp>()) {
      Quantizer quantizer(main, *parsed, read ? &*read : nullptr, readRecipe);
      if (llvm::Error error = quantizer.run())
        return fail(std::move(error));
      numMatmuls += quantizer.numMatmuls;
      numStatic += quantizer.numStatic;
      numDynamic += quantizer.numDynamic;
      numEqualized += quantizer.numEqualized;
    }
  }

  void fail(llvm::Error error) {
    emitFailure(getOperation(), std::move(error));
    signalPassFailure();
  }

  RecipeReader readRecipe;
};

} // namespace

std::unique_ptr<mlir::Pass> sinter::createQuantizePass(const QuantizePassOptions &options, RecipeReader readRecipe) {
  return std::make_unique<Quantize>(options, std::move(readRecipe));
}
