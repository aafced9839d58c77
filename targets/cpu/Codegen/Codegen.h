//===- Codegen.h - From kernels to object code ----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module of kernels (KernelBuilder.h) goes through MLIR's own conversions to
// LLVM IR and through LLVM's code generator; there is no middle end, since the
// templates already are what should run. No function attribute allows the
// reassociation of floating-point arithmetic, and loops never become calls of
// memset or memcpy.
//
// All functions may be called from several threads at once, with a module (and,
// for parallel building, a context) of each thread's own. The same module gives
// the same bytes.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_CODEGEN_CODEGEN_H
#define SINTER_TARGETS_CPU_CODEGEN_CODEGEN_H

#include "targets/cpu/Kernels/Isa.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <string>

namespace sinter::cpu {

/// An ELF object of the kernels in `kernels`, which is lowered in place. Each
/// kernel is a global symbol of its own name.
llvm::Expected<llvm::SmallVector<char, 0>> compileToObject(mlir::ModuleOp kernels, const Isa &isa);
/// The same as assembly text, for people.
llvm::Expected<std::string> assemblyText(mlir::ModuleOp kernels, const Isa &isa);

/// Links objects into an ELF shared object that exports `exportedSymbols` and
/// nothing else, in process. Where the objects leave symbols undefined (functions of
/// libm), the need of libm.so.6 is recorded.
llvm::Expected<llvm::SmallVector<char, 0>> linkSharedObject(llvm::ArrayRef<llvm::ArrayRef<char>> objects,
                                                            llvm::ArrayRef<std::string> exportedSymbols,
                                                            const Isa &isa);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_CODEGEN_CODEGEN_H
