//===- CheckLowering.cpp - Refuses what the chip lacks --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/PassFailure.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"
#include "lib/Weights/WeightFiles.h"
#include "targets/stream/Lowering/LowerGraph.h"
#include "targets/stream/Placement/CheckMemory.h"
#include "targets/stream/Transforms/ExtractParts.h"
#include "targets/stream/Transforms/Passes.h"

namespace sinter::stream {
#define GEN_PASS_DEF_CHECKLOWERINGPASS
#include "targets/stream/Transforms/Passes.h.inc"
} // namespace sinter::stream

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

class CheckLoweringPass : public sinter::stream::impl::CheckLoweringPassBase<CheckLoweringPass> {
public:
  using CheckLoweringPassBase::CheckLoweringPassBase;

private:
  void runOnOperation() override {
    markAllAnalysesPreserved();
    llvm::Expected<TargetModel> model = TargetModel::find(chip);
    if (!model)
      return refuse(model.takeError());
    ChipPart part = extractChip(getOperation());
    std::optional<WeightFiles> files;
    auto read = [&](Value value) -> llvm::Expected<HostTensor> {
      if (folder.empty())
        return standIn(value);
      if (!files) {
        llvm::Expected<WeightFiles> opened = WeightFiles::open(*part.module, folder, calibration);
        if (!opened)
          return opened.takeError();
        files = std::move(*opened);
      }
      InterpretOptions options;
      options.readWeight = [&](WeightOp weight) { return files->read(weight); };
      return interpretRecipe(value, options);
    };
    llvm::Expected<StreamProgram> program = lowerGraph(part.module->lookupSymbol<func::FuncOp>("main"), *model, read);
    if (!program)
      return refuse(program.takeError());
    if (llvm::Error error = checkMemory(*program, *model))
      refuse(std::move(error));
  }

  /// For scales and zero points, of weights that are not to be read.
  static HostTensor standIn(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    HostTensor tensor(toElementType(type.getElementType()), type.getShape().vec());
    if (type.getElementType().isF32())
      for (float &element : tensor.as<float>())
        element = 1;
    return tensor;
  }

  void refuse(llvm::Error error) {
    signalPassFailure();
    error = llvm::handleErrors(std::move(error), [&](std::unique_ptr<Failure> failure) -> llvm::Error {
      if (failure->unsupportedNodes.empty())
        return llvm::Error(std::move(failure));
      for (const UnsupportedNode &node : failure->unsupportedNodes)
        emitError(NameLoc::get(StringAttr::get(&getContext(), node.node)))
            << "'" << node.op << "' op unsupported: " << node.reason;
      return llvm::Error::success();
    });
    if (error)
      emitFailure(getOperation(), std::move(error));
  }
};

} // namespace
