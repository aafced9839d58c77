//===- GptqTest.cpp - GPTQ on a real model's weights ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Gptq.h"
#include "dialects/sinter/IR/Sinter.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Quantization/Calibration.h"
#include "lib/Weights/WeightFiles.h"
#include "test/e2e/RunTool.h"
#include "test/e2e/Sentences.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace sinter;
using namespace sinter::e2e;

namespace {

/// What follows from weights, by the interpreter.
HostTensor evaluate(mlir::Value value, const WeightFiles &weights) {
  InterpretOptions options;
  options.readWeight = [&](WeightOp weight) { return weights.read(weight); };
  llvm::Expected<HostTensor> result = interpretRecipe(value, options);
  EXPECT_TRUE(bool(result)) << llvm::toString(result.takeError());
  return result ? std::move(*result) : HostTensor();
}

// Tests that MiniLM in 4 bits loses less, in every product's outputs on the activations of calibration, than if each
// weight were rounded to nearest.
TEST(GptqMiniLm, lessErrorThanNearestInEachLayer) {
  std::string folder = freshFolder("gptq"), data = freshFolder("gptq-data");
  writeSentences("calibration", data);
  Ended ended = runSinter({"compile", modelFile(), "-o", folder + "/out", "--quantize=w4a8g32", "--calibrate=" + data});
  ASSERT_EQ(ended.status, 0) << ended.errors;

  mlir::DialectRegistry registry;
  registry.insert<SinterDialect, mlir::func::FuncDialect>();
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(folder + "/out/reference.mlir", &context);
  ASSERT_TRUE(bool(module));
  llvm::Expected<WeightFiles> weights = WeightFiles::open(*module, modelFolder(), folder + "/out/calibration.json");
  ASSERT_TRUE(bool(weights)) << llvm::toString(weights.takeError());

  unsigned numProducts = 0, numSeen = 0;
  double nearest = 0, compensated = 0;
  module->walk([&](GptqOp op) {
    // In the short form a sample of them, which has products of all shapes.
    ++numProducts;
    if (!isLong() && numProducts % 5 != 1)
      return;
    HostTensor values = evaluate(op.getInput(), *weights), moments = evaluate(op.getMoments(), *weights);
    HostTensor scales = evaluate(op.getScale(), *weights), codes = evaluate(op.getResult(), *weights);
    WeightToRound weight;
    weight.numRows = values.dims[0];
    weight.numColumns = values.dims[1];
    weight.values = values.as<float>();
    weight.group = 32;
    weight.scales = scales.as<float>();
    ASSERT_EQ(scales.dims[0], weight.numRows / 32);
    std::vector<int16_t> own;
    for (int64_t i = 0; i < codes.numElements(); ++i)
      own.push_back(int16_t(codes.getInt(i)));
    double error = outputError(weight, own, moments.as<float>());
    double plain = outputError(weight, roundToNearest(weight), moments.as<float>());
    EXPECT_LT(error, plain) << getNodeName(op);
    nearest += plain;
    compensated += error;
    ++numSeen;
  });
  EXPECT_EQ(numProducts, 36u);
  EXPECT_EQ(numSeen, isLong() ? 36u : 8u);
  RecordProperty("part_of_the_error_that_is_left", std::to_string(compensated / nearest));
  EXPECT_LT(compensated, 0.7 * nearest);
}

} // namespace
