//===- BundleBuilder.h - What a bundle for a streaming chip says -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bundle's steps are those of the host's part, as target cpu describes them, checks
// of positions, and one that executes the schedule. What the host makes for the chip
// lies in the arena behind what target cpu has there.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_EMIT_BUNDLEBUILDER_H
#define SINTER_TARGETS_STREAM_EMIT_BUNDLEBUILDER_H

#include "include/sinter/Target.h"
#include "lib/Weights/WeightFiles.h"
#include "targets/stream/Placement/StreamProgram.h"
#include "targets/stream/Transforms/ExtractParts.h"

#include "llvm/ADT/DenseMap.h"

namespace sinter::stream {

/// The cycles that the products of a graph take at least, whatever the schedule: by their multiplications, and by the
/// arrays of weights that must be loaded.
uint64_t countLimitCycles(mlir::func::FuncOp chip, const TargetModel &model);

/// Must live until the bundle is written.
class BundleBuilder {
public:
  /// `chipFile` is the description that the bundle keeps; empty for a chip that devices know.
  BundleBuilder(mlir::ModuleOp module, const TargetModel &model, std::string chipFile, const EmitRequest &request)
      : module(module), model(model), chipFile(std::move(chipFile)), request(request) {}

  llvm::Expected<BundleDescription> build();

private:
  llvm::Error describeValues();
  llvm::Error describeHost();
  llvm::Error checkResults();
  llvm::Error describeChip();
  /// Has the host make an input of the schedule; returns where it lies.
  BundleSchedule::Tensor makeInput(const StreamTensor &tensor);
  BundleStep checkIndices(KernelOp kernel, int64_t copies);
  BundleStep arrange(mlir::Value value, const StreamTensor &tensor);
  /// Where a value of the module lies that the chip or a check of indices reads.
  BundleArgument placeOf(mlir::Value value) const;
  BundleArgument giveArena(int64_t bytes);

  mlir::ModuleOp module;
  const TargetModel &model;
  std::string chipFile;
  const EmitRequest &request;

  std::unique_ptr<WeightFiles> weights;
  ChipPart chip;
  std::optional<HostPart> host;
  StreamProgram program;
  BundleDescription bundle;
  llvm::DenseMap<mlir::Value, BundleArgument> places;  // of the host's results
  llvm::DenseMap<mlir::Value, BundleArgument> checked; // of indices that were checked
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_EMIT_BUNDLEBUILDER_H
