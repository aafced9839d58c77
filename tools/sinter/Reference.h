//===- Reference.h - The program that a bundle keeps for checking -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_REFERENCE_H
#define SINTER_TOOLS_SINTER_REFERENCE_H

#include "lib/Interpreter/Interpreter.h"
#include "lib/Weights/WeightFiles.h"
#include "tools/sinter/FoldedWeights.h"
#include "tools/sinter/ModelFile.h"
#include "tools/sinter/Program.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace sinter::tool {

/// The module as it stood after phase sparse, in a context of its own.
class Reference {
public:
  /// Reads it from a bundle; throws Stop where there is none. Of a program with entries it is that of the entry, or,
  /// without a name, the program in which sizes are symbols still, which says what the program is.
  explicit Reference(const std::string &bundleFolder, const std::string &entry = "");

  mlir::ModuleOp module() { return *owned; }

  /// Finds the source model, for its weights: `given`, or the file that the bundle names, looked for beside the bundle
  /// and in the current folder. Its hash is checked. Throws Stop with status 3 where there is none.
  void openWeights(const Program &program, const std::string &bundleFolder, const std::string &given);

  /// The reference's outputs. `observe` may be empty.
  std::vector<HostTensor> interpret(const std::vector<HostTensor> &inputs,
                                    std::function<llvm::Error(mlir::Operation *, const HostTensor &)> observe = {});

  /// The outputs of a run with empty states, whose inputs may be smaller than the module's: they are padded, the
  /// session's numbers are given, and outputs are cut to what the program says for these sizes.
  std::vector<HostTensor> interpretRun(const Program &program, const std::vector<HostTensor> &inputs);

  /// The same as `interpret` for a module that was made of this one, with its weights.
  std::vector<HostTensor> interpretOther(mlir::ModuleOp other, const std::vector<HostTensor> &inputs);

  /// The source model that openWeights found.
  const std::string &modelPath() const { return model; }
  /// Reads weights of the module; after openWeights.
  std::function<llvm::Expected<HostTensor>(WeightOp)> readWeight() const {
    return [this](WeightOp weight) { return weights->read(weight); };
  }

  /// Whether activations are rounded to codes at run time. Then two correct programs differ by a whole step where a
  /// value lies between two codes, and what is behind it differs, too.
  bool quantizesActivations();
  /// Whether ops say how the target computes them: then it has the interpreter's bits.
  bool followsNumerics();

  /// The bundle's calibration.json; empty where it has none.
  const std::string &calibrationPath() const { return calibration; }
  /// Where the weights' files lie; empty before openWeights.
  const std::string &weightsFolder() const { return folder; }

  ~Reference();

private:
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> owned;
  std::unique_ptr<WeightFiles> weights;
  std::string folder, model, calibration;
  /// The module to interpret: this one, or a copy in which recipes that take long are carried out.
  mlir::OwningOpRef<mlir::ModuleOp> folded;
  std::unique_ptr<FoldedWeights> foldedWeights;
};

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_REFERENCE_H
