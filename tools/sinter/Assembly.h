//===- Assembly.h - Kernels' code as text -----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_ASSEMBLY_H
#define SINTER_TOOLS_SINTER_ASSEMBLY_H

#include <string>

namespace sinter::tool {

/// The functions of a shared object, disassembled: each one's name, then one instruction per line with its address.
/// Throws Stop for a file that is none.
std::string disassemble(const std::string &path);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_ASSEMBLY_H
