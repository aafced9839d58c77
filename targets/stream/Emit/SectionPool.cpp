//===- SectionPool.cpp - Sections that entries share -----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Emit/SectionPool.h"

#include "lib/Support/Hash.h"

#include "llvm/Support/MathExtras.h"

using namespace sinter;
using namespace sinter::stream;

llvm::Expected<unsigned> SectionPool::add(std::string name, uint64_t bytes, BundleSection::Fill fill) {
  if (isShared) {
    std::vector<char> contents(bytes);
    if (llvm::Error error = fill(contents))
      return std::move(error);
    auto [found, isNew] = known.try_emplace({bytes, sha256Hex({contents.data(), contents.size()})}, sections.size());
    if (!isNew)
      return found->second;
  }
  offsets.push_back(llvm::alignTo(end, SINTER_ALIGNMENT)); // as they lie in the file
  end = offsets.back() + bytes;
  sections.push_back({std::move(name), bytes, std::move(fill)});
  return sections.size() - 1;
}
