//===- ExtractParts.h - A part of a model as a program of its own ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a module of kernels `host`, `indices` and `chip` (SplitHostPass) modules whose
// @main is one part alone, of ops and not of kernels. What is said of values is said
// of those of the module of kernels.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_TRANSFORMS_EXTRACTPARTS_H
#define SINTER_TARGETS_STREAM_TRANSFORMS_EXTRACTPARTS_H

#include "dialects/sinter/IR/Sinter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>

namespace sinter::stream {

struct ChipPart {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// What each argument of its @main is: an argument of the model's, a result of `host` or of `indices`.
  llvm::SmallVector<mlir::Value> arguments;
  /// What each result is: the number of the model's.
  llvm::SmallVector<unsigned> results;
};

struct HostPart {
  /// In phase `sparse`, with the model's inputs.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// What each result is: one of the kernel's, and for whom: the model's result of that number, or, where there is
  /// none, the other kernels.
  struct Result {
    mlir::Value value;
    std::optional<unsigned> result;
  };
  llvm::SmallVector<Result> results;
};

/// The kernels of that kind, in their order.
llvm::SmallVector<KernelOp> findKernels(mlir::ModuleOp module, llvm::StringRef kind);

ChipPart extractChip(mlir::ModuleOp module);
/// None where there is no kernel `host`.
std::optional<HostPart> extractHost(mlir::ModuleOp module);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_TRANSFORMS_EXTRACTPARTS_H
