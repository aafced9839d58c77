//===- Binding.h - The values of a program's symbols in one run ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A run gives each `sinter.symbol` a value: the size of an input's dimension, or
// an element of an input, without its fraction. What the graph requires of them (bounds,
// `sinter.check`, the types of @main's arguments) is checked here, so that no op
// ever meets tensors that do not fit each other.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_LIB_INTERPRETER_BINDING_H
#define SINTER_LIB_INTERPRETER_BINDING_H

#include "lib/Support/HostTensor.h"
#include "lib/Support/SizeExpr.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <string>
#include <vector>

namespace sinter {

using SymbolValues = llvm::StringMap<int64_t>;

/// The function that a program runs; Failure where there is none.
llvm::Expected<mlir::func::FuncOp> getMain(mlir::ModuleOp module);

/// The names of @main's inputs, from its arguments' `sinter.name`; one without is
/// "input_0", and so on.
std::vector<std::string> getInputNames(mlir::func::FuncOp main);

/// Values for all symbols, or a Failure that names the input, what it has and what
/// is required: "input 'attention_mask': axis 1 has size 5, required s21 = 7".
llvm::Expected<SymbolValues> bindSymbols(mlir::ModuleOp module, llvm::ArrayRef<HostTensor> inputs);

/// None where a symbol has no value, a divisor is zero, or 64 bits overflow.
std::optional<int64_t> evaluateSize(const SizeExpr &size, const SymbolValues &symbols);

} // namespace sinter

#endif // SINTER_LIB_INTERPRETER_BINDING_H
