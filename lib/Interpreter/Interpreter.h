//===- Interpreter.h - Runs a module of named ops, slowly ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference interpreter: the oracle for every target. One function per op,
// written after the formula in the op's description, and no code shared with
// anything that lowers or runs a compiled program.
//
// Arithmetic: floats of 16 and 32 bits are computed in double, sums in row-major
// order, and rounded once per op; f64 is computed in double; integers exactly, and
// they wrap where they are stored. In i1 the sum is "or" and the product "and".
// A result never depends on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_LIB_INTERPRETER_INTERPRETER_H
#define SINTER_LIB_INTERPRETER_INTERPRETER_H

#include "dialects/sinter/IR/Sinter.h"
#include "lib/Interpreter/Binding.h"
#include "lib/Support/HostTensor.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sinter {

/// What a session keeps, by the states' names; a state that is not there yet is zero.
using StateValues = std::map<std::string, HostTensor>;

struct InterpretOptions {
  /// Where `sinter.parameter` gets its value; a module without weights needs none.
  std::function<llvm::Expected<HostTensor>(WeightOp)> readWeight;
  /// Called after each op with its result. An error ends the run and is returned. What it leaves in
  /// the tensor is what later ops read.
  std::function<llvm::Error(mlir::Operation *, HostTensor &)> observe;
  /// The states of a session, which a run reads and changes; a module without states needs none.
  StateValues *states = nullptr;
  /// Of the few ops that are worth it.
  unsigned numThreads = 2;
};

/// Runs @main on inputs in the order of its arguments, and returns its results. A
/// `sinter.kernel` runs as the ops of its body, which is how passes that form
/// kernels are tested.
/// Inputs of a wrong type or size, a size outside its bounds and an index out of
/// range are Failures with status Unusable.
llvm::Expected<std::vector<HostTensor>> interpret(mlir::ModuleOp module, llvm::ArrayRef<HostTensor> inputs,
                                                  const InterpretOptions &options = {});

/// Runs one op of a function, for example to fold it. `operands` are its operands'
/// values; `symbols` may be empty where no size of the op has symbols.
llvm::Expected<HostTensor> interpretOp(mlir::Operation *op, llvm::ArrayRef<const HostTensor *> operands,
                                       const SymbolValues &symbols = {}, const InterpretOptions &options = {});

/// Whether the interpreter can run ops of this name ("sinter.matmul").
bool hasKernel(llvm::StringRef opName);

/// The name that the source model gave the node, else the op's name.
std::string getNodeName(mlir::Operation *op);

/// The value of what follows from weights and constants alone: a recipe.
llvm::Expected<HostTensor> interpretRecipe(mlir::Value value, const InterpretOptions &options);

} // namespace sinter

#endif // SINTER_LIB_INTERPRETER_INTERPRETER_H
