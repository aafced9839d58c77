//===- SlicePlan.h - Which slice each strip should lie in -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A slice reads one word in a cycle, and tensors that are read at the same time have
// to lie in different slices, or one burst waits for the other. What is read when is
// known only when tasks have their cycles; and these depend on where the tensors lie.
// So a program is placed several times: first with slices that never are busy, which
// shows what would be read and written when; then with the slices that a plan gives to
// strips by what was seen the time before.
//
// The plan is a coloring of intervals: large constants, then strips one after the
// other, by when they are first accessed, each in the slice and bank where its accesses meet the least others.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_PLACEMENT_SLICEPLAN_H
#define SINTER_TARGETS_STREAM_PLACEMENT_SLICEPLAN_H

#include "targets/stream/Placement/ChipMemory.h"

#include "llvm/ADT/ArrayRef.h"

#include <map>
#include <optional>
#include <set>

namespace sinter::stream {

/// A vector of a tensor.
using VectorKey = std::pair<unsigned, unsigned>;

/// Cycles [first, last] in which words of a strip are read or written.
struct StripAccess {
  unsigned tensor, strip;
  int64_t first, last;
  bool reads, writes; // both: nothing else can be done in the slice
  bool isIndirect;    // both banks
};

class SlicePlan {
public:
  struct Place {
    unsigned slice, bank;
  };

  /// `partners` are vectors whose strips must lie in different slices.
  SlicePlan(const TargetModel &model, llvm::ArrayRef<ChipTensor> tensors, llvm::ArrayRef<StripAccess> accesses,
            const std::map<VectorKey, std::set<VectorKey>> &partners);

  /// None for what is never accessed.
  std::optional<Place> find(unsigned tensor, unsigned strip) const {
    auto found = places.find({groups[tensor], strip});
    return found == places.end() ? std::nullopt : std::optional<Place>(found->second);
  }

private:
  std::vector<unsigned> groups; // by tensor
  std::map<std::pair<unsigned, unsigned>, Place> places;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_SLICEPLAN_H
