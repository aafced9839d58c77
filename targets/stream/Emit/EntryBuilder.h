//===- EntryBuilder.h - The steps for one of a program's sizes -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An entry's steps are: inputs are padded to its sizes; what the session knows is put
// where kernels read it; the host's part, as target cpu describes it; checks of
// positions; one that executes the schedule; outputs are cut to the actual sizes. What
// the host makes for the chip lies in the arena behind what target cpu has there.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_EMIT_ENTRYBUILDER_H
#define SINTER_TARGETS_STREAM_EMIT_ENTRYBUILDER_H

#include "include/sinter/Target.h"
#include "lib/Weights/WeightFiles.h"
#include "runtime/format/schedule.pb.h"
#include "targets/stream/Emit/SectionPool.h"
#include "targets/stream/Placement/StreamProgram.h"
#include "targets/stream/Transforms/ExtractParts.h"

#include "llvm/ADT/DenseMap.h"

namespace sinter::stream {

/// The cycles that the products of a graph take at least, whatever the schedule: by their multiplications, and by the
/// arrays of weights that must be loaded.
uint64_t countLimitCycles(mlir::func::FuncOp chip, const TargetModel &model);

/// The runtime's type for elements.
sinter_type getRuntimeType(mlir::Type elementType);
inline sinter_type getRuntimeType(mlir::Value value) { return getRuntimeType(getElementType(value)); }

/// Must live until the bundle is written.
class EntryBuilder {
public:
  /// `inputs` is, for each argument of the module's @main, the number of the program's input; none where it is the
  /// session's. `past` is the symbol of the positions that states hold.
  EntryBuilder(mlir::ModuleOp module, const BundleDescription &program, std::vector<std::optional<unsigned>> inputs,
               llvm::StringRef past, const TargetModel &model)
      : module(module), program(program), inputs(std::move(inputs)), past(past), model(model) {}

  /// Takes the module apart.
  llvm::Error prepare(const EmitRequest &request);
  /// The host's part, if there is one, in phase Sparse.
  mlir::ModuleOp getHost() const { return host ? *host->module : mlir::ModuleOp(); }
  /// Describes the steps. `described` is the host's part, of which its sections are in `sections`; null where there is
  /// none. Constants of the chip go into `constants`.
  llvm::Error describe(const BundleDescription *described, SectionPool &sections, SectionPool &constants);

  /// All steps; that of the schedule has these weights.
  std::vector<BundleStep> takeSteps(unsigned file, std::optional<unsigned> chipFile,
                                    std::optional<unsigned> firstSection, uint64_t weightsBytes);
  /// The bytes of the schedule's file.
  std::string takeSchedule() { return std::move(scheduleBytes); }
  int64_t getArenaBytes() const { return arenaBytes; }

private:
  llvm::Error checkResults();
  void padInputs();
  llvm::Error describeHost(const BundleDescription &described, SectionPool &sections);
  llvm::Error describeChip(SectionPool &sections, SectionPool &constants);
  /// Has the host make an input of the schedule; returns where it lies.
  llvm::Expected<BundleSchedule::Tensor> makeInput(const StreamTensor &tensor, SectionPool &sections);
  BundleStep checkIndices(KernelOp kernel, int64_t copies);
  llvm::Expected<BundleStep> arrange(mlir::Value value, const StreamTensor &tensor, SectionPool &sections);
  /// Where a value of the module lies that the chip or a check of indices reads.
  BundleArgument placeOf(mlir::Value value) const;
  BundleArgument giveArena(int64_t bytes);
  /// Where result `number` of the model is written: the program's output, or where it is cut from.
  BundleArgument giveOutput(unsigned number, mlir::Value value);
  /// The step that makes a tensor of `wanted` sizes of one of `given` sizes.
  static BundleStep resize(llvm::StringRef name, sinter_type type, BundleArgument from, BundleArgument to,
                           llvm::ArrayRef<SizeExpr> given, llvm::ArrayRef<SizeExpr> wanted);

  mlir::ModuleOp module;
  const BundleDescription &program;
  std::vector<std::optional<unsigned>> inputs;
  std::string past;
  const TargetModel &model;

  std::unique_ptr<WeightFiles> weights;
  ChipPart chip;
  std::optional<HostPart> host;
  StreamProgram tasks;
  std::vector<BundleStep> steps, cuts; // before and after the schedule's
  BundleSchedule schedule;
  std::string scheduleBytes;
  int64_t arenaBytes = 0;
  std::vector<BundleArgument> arguments;               // where each of the module's lies
  llvm::DenseMap<mlir::Value, BundleArgument> places;  // of the host's results
  llvm::DenseMap<mlir::Value, BundleArgument> checked; // of indices that were checked
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_EMIT_ENTRYBUILDER_H
