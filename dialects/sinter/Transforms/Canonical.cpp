//===- Canonical.cpp - The passes of phase canonical ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Passes.h"

#include "mlir/Transforms/Passes.h"

using namespace sinter;

void sinter::addCanonicalPasses(mlir::OpPassManager &passes) {
  // Exporters repeat subgraphs (masks, positions) for every layer: one copy is enough, and patterns match it once.
  auto clean = [&] {
    passes.addPass(mlir::createCanonicalizerPass());
    passes.addPass(mlir::createCSEPass());
  };
  clean();
  // Indices first: what they show to be constant, arithmetic drops; what is then equal along a dimension, shapes
  // narrow.
  passes.addPass(createSimplifyIndicesPass());
  passes.addPass(createSimplifyArithmeticPass());
  passes.addPass(createSimplifyShapesPass());
  clean();
  passes.addPass(createRecognizeNormsPass());
  passes.addPass(createRecognizeActivationsPass());
  passes.addPass(createRecognizeRotaryPass());
  // Rotary embeddings give way to the transposes of heads.
  passes.addPass(createSimplifyShapesPass());
  clean();
  passes.addPass(createFuseAttentionPass());
  // Transposes around attention meet those of the model.
  passes.addPass(createSimplifyShapesPass());
  clean();
}
