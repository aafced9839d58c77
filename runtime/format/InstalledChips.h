//===- InstalledChips.h - The chips that Sinter knows ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The descriptions of runtime/format/chips, as texts.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_FORMAT_INSTALLEDCHIPS_H
#define SINTER_RUNTIME_FORMAT_INSTALLEDCHIPS_H

#include <string_view>
#include <vector>

namespace sinter::format {

/// Their names, of all kinds of chips.
std::vector<std::string_view> installedChips();
/// A chip's description in JSON; empty where there is no such chip.
std::string_view installedChip(std::string_view name);

} // namespace sinter::format

#endif // SINTER_RUNTIME_FORMAT_INSTALLEDCHIPS_H
