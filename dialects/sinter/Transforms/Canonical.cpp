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
  passes.addPass(mlir::createCanonicalizerPass());
  passes.addPass(mlir::createCSEPass());
}
