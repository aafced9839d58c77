//===- Linker.h - lld, in process -----------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_LINKER_H
#define SINTER_SUPPORT_LINKER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace sinter {

/// Runs `ld.lld` with `arguments` (without the program's name). lld keeps its state
/// in globals: calls from several threads follow each other.
llvm::Error runLinker(llvm::ArrayRef<std::string> arguments);

/// What to add to the arguments of a link of a shared object from the files `objects`
/// so that it finds its mathematical functions (sin, pow) wherever it is loaded: its
/// need of libm is recorded, without one here to link with. Nothing where the objects
/// leave nothing undefined. `folder` is for an intermediate file.
llvm::Expected<std::vector<std::string>> needsOf(llvm::ArrayRef<std::string> objects, llvm::StringRef folder,
                                                 bool aarch64);

/// The value of lld's -m for x86-64 or AArch64.
const char *linkerEmulation(bool aarch64);

} // namespace sinter

#endif // SINTER_SUPPORT_LINKER_H
