//===- MadeInputs.h - Inputs for programs that nobody gave inputs for -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_MADEINPUTS_H
#define SINTER_TOOLS_SINTER_MADEINPUTS_H

#include "tools/sinter/Program.h"

#include "mlir/IR/BuiltinOps.h"

namespace sinter::tool {

/// What an input's integers are used for.
struct InputUse {
  /// Positions in a table: they stay below its length, where that is a number.
  bool isIndex = false;
  std::optional<int64_t> tableLength;
  /// Elements that are sizes, with the symbols' names.
  std::vector<std::pair<uint64_t, std::string>> sizes;
};

/// One entry per input, found by following the inputs to the ops that take positions.
std::vector<InputUse> findUses(mlir::ModuleOp reference, const Program &program);

struct MakeOptions {
  uint64_t seed = 0;
  /// Masks of ones, else of 0 and 1.
  bool onesInMasks = true;
};

/// Inputs whose sizes are `sizes` (all symbols have a value): floats are normally distributed, positions lie inside
/// their table, other integers and booleans are masks.
std::vector<HostTensor> makeInputs(const Program &program, const std::vector<InputUse> &uses, const SymbolSizes &sizes,
                                   const MakeOptions &options);

/// Values for all symbols of the program: those given, else `choose`'s.
SymbolSizes chooseSizes(const Program &program, const std::vector<std::pair<std::string, int64_t>> &given,
                        llvm::function_ref<int64_t(const ProgramSymbol &)> choose);

/// A symbol's typical value, else the least that is not negative.
int64_t typicalSize(const ProgramSymbol &symbol);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_MADEINPUTS_H
