//===- InstalledChips.cpp - The chips that Sinter knows -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/format/InstalledChips.h"

namespace sinter::format {

namespace {

struct Installed {
  std::string_view name, description;
};

const Installed chips[] = {
#include "runtime/format/Chips.inc"
};

} // namespace

std::vector<std::string_view> installedChips() {
  std::vector<std::string_view> names;
  for (const Installed &chip : chips)
    names.push_back(chip.name);
  return names;
}

std::string_view installedChip(std::string_view name) {
  for (const Installed &chip : chips)
    if (chip.name == name)
      return chip.description;
  return {};
}

} // namespace sinter::format
