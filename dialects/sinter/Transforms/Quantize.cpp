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

#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Quantization/Calibration.h"
#include "lib/Quantization/Rounding.h"
#include "lib/Quantization/Scheme.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/DenseMap.h"

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
  Quantizer(func::FuncOp main, const QuantizationScheme &scheme, const Calibration *calibration)
      : main(main), module(main->getParentOfType<ModuleOp>()), scheme(scheme), calibration(calibration) {}

  unsigned numMatmuls = 0, numStatic = 0, numDynamic = 0;

  LogicalResult run() {
    for (const WeightMatmul &product : findWeightMatmuls(main)) {
      MatmulOp matmul = product.matmul;
      OpBuilder b(matmul);
      const ObservedTensor *observed = calibration ? calibration->find(product.name) : nullptr;
      Value lhs = toF32(b, matmul.getLhs()), rhs = toF32(b, matmul.getRhs());
      Codes weight = quantizeWeight(b, rhs, observed, matmul.getLoc());
      Value result;
      if (scheme.quantizesActivations()) {
        FailureOr<Codes> activation = quantizeActivation(b, lhs, observed, product);
        if (failed(activation))
          return failure();
        result = QuantizedMatmulOp::create(b, matmul.getLoc(), activation->codes, activation->scale,
                                           activation->zeroPoint, weight.codes, weight.scale, weight.zeroPoint);
      } else {
        Value values =
            DequantizeOp::create(b, matmul.getLoc(), weight.codes, weight.scale, weight.zeroPoint).getResult();
        result = MatmulOp::create(b, matmul.getLoc(), lhs, values);
      }
      if (result.getType() != matmul.getType())
        result = CastOp::create(b, matmul.getLoc(), matmul.getType(), result);
      matmul.replaceAllUsesWith(result);
      matmul.erase();
      ++numMatmuls;
    }
    return success();
  }

private:
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
    OpBuilder::InsertionGuard guard(b);
    if (Operation *op = weight.getDefiningOp())
      b.setInsertionPointAfter(op);
    auto scaleType = getTensorType(*codeType.getScaleSizes(getSizes(weight)), b.getF32Type());
    // With 4 bits and fewer a block's greatest weight takes too much from the others.
    bool search = scheme.weightBits <= 4 && !scheme.zeroPoints;
    codes.scale = ChooseScaleOp::create(b, loc, scaleType, weight, codeType, search);
    if (scheme.zeroPoints)
      codes.zeroPoint = ChooseZeroPointOp::create(b, loc, getTensorType(getSizes(codes.scale), codeType.getStorage()),
                                                  weight, codes.scale, codeType);
    auto resultType = getTensorType(getSizes(weight), codeType);
    if (corrects)
      codes.codes =
          GptqOp::create(b, loc, resultType, weight, getSecondMoments(b, *observed, loc), codes.scale, codes.zeroPoint);
    else
      codes.codes = QuantizeOp::create(b, loc, resultType, weight, codes.scale, codes.zeroPoint, /*reciprocal=*/false);
    return codes;
  }

  /// The number of the calibration's arrays among the module's files.
  int64_t getArraysFile() {
    Builder b(module.getContext());
    SmallVector<Attribute> files(module->getAttrOfType<ArrayAttr>("sinter.files").getValue());
    Attribute name = b.getStringAttr(Calibration::moduleFileName);
    auto known = llvm::find(files, name);
    if (known != files.end())
      return known - files.begin();
    files.push_back(name);
    module->setAttr("sinter.files", b.getArrayAttr(files));
    return files.size() - 1;
  }

  Value getSecondMoments(OpBuilder &b, const ObservedTensor &observed, Location loc) {
    auto type = RankedTensorType::get({observed.numChannels, observed.numChannels}, b.getF32Type());
    std::string name = "second_moments/" + observed.readers.front();
    if (!module.lookupSymbol(name)) {
      OpBuilder outer = OpBuilder::atBlockBegin(module.getBody());
      WeightOp::create(outer, loc, name, WeightEncoding::raw, getArraysFile(), observed.secondMoments.offset,
                       observed.secondMoments.length(), type);
    }
    return ParameterOp::create(b, loc, type, name);
  }

  //===--------------------------------------------------------------------===//
  // Activations
  //===--------------------------------------------------------------------===//

  FailureOr<Codes> quantizeActivation(OpBuilder &b, Value input, const ObservedTensor *observed,
                                      const WeightMatmul &product) {
    using Activations = QuantizationScheme::Activations;
    Codes &codes = activations[input];
    if (codes.codes)
      return codes;
    if (scheme.activations == Activations::Static && !observed)
      return MatmulOp(product.matmul)->emitOpError() << "unsupported: calibration has not seen the input of '"
                                                     << product.name << "', and " << scheme.str() << " needs its range";
    bool isStatic = scheme.activations == Activations::Static;
    if (scheme.activations == Activations::Auto && observed)
      isStatic = observed->bestStatic().error <= staticTolerance * observed->dynamicError;
    MatmulOp matmul = product.matmul;
    Location loc = matmul.getLoc();
    Type f32 = b.getF32Type();
    if (isStatic) {
      const StaticRange &range = observed->bestStatic();
      ScaleAndZero chosen = chooseAffine(range.low, range.high, 8);
      Type storage = IntegerType::get(b.getContext(), 8, IntegerType::Unsigned);
      auto type = QuantizedType::get(b.getContext(), storage, f32, {}, /*zero_points=*/true);
      codes.scale = createScalar(b, loc, b.getF32FloatAttr(chosen.scale), f32);
      codes.zeroPoint = createScalar(b, loc, b.getIntegerAttr(storage, chosen.zero), storage);
      codes.codes = QuantizeOp::create(b, loc, getTensorType(getSizes(input), type), input, codes.scale,
                                       codes.zeroPoint, /*reciprocal=*/true);
      ++numStatic;
    } else {
      SmallVector<int64_t> blocks(sinter::getRank(input), 1);
      blocks.back() = 0;
      auto type = QuantizedType::get(b.getContext(), b.getI8Type(), f32, blocks, /*zero_points=*/false);
      auto scaleType = getTensorType(*type.getScaleSizes(getSizes(input)), f32);
      codes.scale = ChooseScaleOp::create(b, loc, scaleType, input, type, /*search=*/false);
      codes.codes = QuantizeOp::create(b, loc, getTensorType(getSizes(input), type), input, codes.scale, Value(),
                                       /*reciprocal=*/true);
      ++numDynamic;
    }
    return codes;
  }

  /// A static scale is taken where its mean squared error is at most so many times that of dynamic ones.
  static constexpr double staticTolerance = 1.0;

  func::FuncOp main;
  ModuleOp module;
  const QuantizationScheme &scheme;
  const Calibration *calibration;
  DenseMap<std::pair<Value, const ObservedTensor *>, Codes> weights;
  DenseMap<Value, Codes> activations;
};

struct Quantize : sinter::impl::QuantizePassBase<Quantize> {
  using QuantizePassBase::QuantizePassBase;
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
      Quantizer quantizer(main, *parsed, read ? &*read : nullptr);
      if (failed(quantizer.run()))
        return signalPassFailure();
      numMatmuls += quantizer.numMatmuls;
      numStatic += quantizer.numStatic;
      numDynamic += quantizer.numDynamic;
    }
  }

  void fail(llvm::Error error) {
    getOperation().emitError() << takeFailure(std::move(error)).message;
    signalPassFailure();
  }
};

} // namespace
