//===- Kernel.h - What the interpreter's functions of one op are given -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each op has one function, registered with its family:
//
//   static llvm::Expected<HostTensor> runTranspose(TransposeOp op, const Frame &frame);
//   void sinter::addShapeKernels(KernelTable &table) { table.add(runTranspose); ... }
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_LIB_INTERPRETER_KERNEL_H
#define SINTER_LIB_INTERPRETER_KERNEL_H

#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"

namespace sinter {

/// What an op is run with.
struct Frame {
  mlir::Operation *op;
  llvm::ArrayRef<const HostTensor *> operands;
  const SymbolValues &symbols;
  const InterpretOptions &options;
  /// The result's type and sizes at this run.
  ElementType resultType;
  std::vector<int64_t> resultDims;

  const HostTensor &operand(size_t i) const { return *operands[i]; }
  /// Zeros, for a kernel to fill.
  HostTensor makeResult() const { return HostTensor(resultType, resultDims); }
  llvm::Expected<std::vector<int64_t>> evaluate(llvm::ArrayRef<SizeExpr> sizes) const;
  /// A Failure (Unusable) that names the node.
  llvm::Error fail(const llvm::Twine &message) const;
};

class KernelTable {
public:
  using Function = std::function<llvm::Expected<HostTensor>(const Frame &)>;

  template <typename Op> void add(llvm::Expected<HostTensor> (*function)(Op, const Frame &)) {
    functions[Op::getOperationName()] = [function](const Frame &frame) {
      return function(llvm::cast<Op>(frame.op), frame);
    };
  }
  /// Null where the op has none.
  const Function *find(llvm::StringRef opName) const {
    auto it = functions.find(opName);
    return it == functions.end() ? nullptr : &it->second;
  }

private:
  llvm::StringMap<Function> functions;
};

void addElementwiseKernels(KernelTable &table);
void addIndexingKernels(KernelTable &table);
void addProductKernels(KernelTable &table);
void addProgramKernels(KernelTable &table);
void addQuantizationKernels(KernelTable &table);
void addReductionKernels(KernelTable &table);
void addShapeKernels(KernelTable &table);
void addSparsityKernels(KernelTable &table);
void addTransformerKernels(KernelTable &table);

/// Ops with `sinter.numerics`, by the steps of docs/decisions/numerics.md.
void addNumericsKernels(KernelTable &table);

/// Casts from and to strings, and their equality (StringKernels.cpp).
llvm::Expected<HostTensor> castStrings(const Frame &frame);
HostTensor compareStrings(const Frame &frame);

} // namespace sinter

#endif // SINTER_LIB_INTERPRETER_KERNEL_H
