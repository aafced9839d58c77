//===- Entries.h - One program for several sizes ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For a target that needs each size fixed, `--dim 'seq=16|64'` makes a program with
// two entries. Up to phase Quantized they are one module, in which the size is a
// symbol, so that what is decided about weights is decided once. Then results are made
// independent of padding, and each entry is a copy with its numbers.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PIPELINE_ENTRIES_H
#define SINTER_PIPELINE_ENTRIES_H

#include "lib/Pipeline/PhaseDriver.h"

namespace sinter {

/// A dimension for which several sizes are wanted.
struct ListedDim {
  std::string name; // as the user has it
  std::vector<int64_t> sizes;
};

/// Takes the lists out of options: to the frontend, such a dimension is any up to the greatest size.
std::vector<ListedDim> takeListedDims(std::vector<DimOption> &dims);

struct CompiledEntry {
  std::string name; // seq=16
  mlir::OwningOpRef<mlir::ModuleOp> module, reference;
  std::vector<std::pair<std::string, int64_t>> sizes; // by symbol
};

/// The entries of a module in phase Quantized, one for each combination of sizes, the smaller ones first, each taken to
/// `last`. `program` becomes independent of padding. `makeDriver` has a driver for the entry of that name. `folder`:
/// see PhaseDriver::run.
llvm::Expected<std::vector<CompiledEntry>> makeEntries(mlir::ModuleOp program, llvm::ArrayRef<ListedDim> dims,
                                                       Phase last, llvm::StringRef folder,
                                                       llvm::function_ref<PhaseDriver(llvm::StringRef)> makeDriver);

} // namespace sinter

#endif // SINTER_PIPELINE_ENTRIES_H
