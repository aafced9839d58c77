//===- SectionPool.h - Sections that entries share -------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sections of a bundle's weights, each once: entries for other sizes mostly have the
// same constants. Whether two are the same is seen from their bytes, which are computed
// for that where there is more than one entry.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_EMIT_SECTIONPOOL_H
#define SINTER_TARGETS_STREAM_EMIT_SECTIONPOOL_H

#include "lib/Bundle/BundleDescription.h"

#include <map>

namespace sinter::stream {

class SectionPool {
public:
  explicit SectionPool(bool isShared) : isShared(isShared) {}

  /// The number of the section with these bytes: a new one, or one that is there.
  llvm::Expected<unsigned> add(std::string name, uint64_t bytes, BundleSection::Fill fill);
  /// Where a section begins, behind the first one's first byte.
  uint64_t getOffset(unsigned section) const { return offsets[section]; }
  /// The bytes of all.
  uint64_t getBytes() const { return end; }
  unsigned size() const { return sections.size(); }
  std::vector<BundleSection> take() { return std::move(sections); }

private:
  bool isShared;
  std::vector<BundleSection> sections;
  std::vector<uint64_t> offsets;
  uint64_t end = 0;
  std::map<std::pair<uint64_t, std::string>, unsigned> known; // by size and hash
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_EMIT_SECTIONPOOL_H
