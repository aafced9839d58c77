//===- SinterOpt.cpp - Runs passes on IR in a file -----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/cpu/IR/Cpu.h"
#include "dialects/sinter/Transforms/Passes.h"
#include "include/sinter/Compiler.h"
#include "lib/Sparsity/Passes.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<sinter::cpu::CpuDialect>();
  sinter::registerAllDialects(registry);
  mlir::registerTransformsPasses();
  sinter::registerSinterPasses();
  sinter::registerSinterSparsityPasses();
  for (const auto &target : sinter::getTargets())
    target->registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Sinter's passes\n", registry));
}
