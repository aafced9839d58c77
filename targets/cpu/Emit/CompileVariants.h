//===- CompileVariants.h - The kernels of an artifact's variants ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Variants of one processor (x86-64-v4, with VNNI, with AMX) differ in how bytes are
// multiplied and in nothing else. Kernels that multiply none are compiled once, for
// what all these have, and are part of each.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_COMPILEVARIANTS_H
#define SINTER_TARGETS_CPU_EMIT_COMPILEVARIANTS_H

#include "targets/cpu/Kernels/Isa.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <list>
#include <string>

namespace sinter::cpu {

class VariantCompiler {
public:
  /// Symbols are the kernels' names; where `linkedName` is not empty, they begin with it and with the number of the
  /// variant that they were made for.
  VariantCompiler(mlir::ModuleOp module, std::string linkedName, bool wantsAssembly)
      : module(module), linkedName(std::move(linkedName)), wantsAssembly(wantsAssembly) {}

  struct Variant {
    llvm::SmallVector<llvm::ArrayRef<char>> objects;
    std::vector<std::string> symbols; // of each kernel that is not the runtime's own
    std::string assembly;
  };
  llvm::Expected<Variant> compile(const Isa &isa);

  /// All that were made, each once.
  llvm::SmallVector<llvm::StringRef> objects() const;

private:
  struct Part {
    const Isa *isa;
    bool multipliesBytes;
    std::string prefix;
    llvm::SmallVector<char, 0> object;
    std::string assembly;
  };
  llvm::Expected<const Part *> getPart(const Isa &isa, bool bytes);

  mlir::ModuleOp module;
  std::string linkedName;
  bool wantsAssembly;
  unsigned numVariants = 0;
  std::list<Part> parts; // which stay where they are
};

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_COMPILEVARIANTS_H
