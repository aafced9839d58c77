//===- SparsityPattern.h - What --sparsity asks for ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The grammar of `--sparsity`:
//
//   auto                keep what the weights have, where it is faster
//   none                as if they had nothing
//   blockRxC:PERCENT    prune to blocks of R rows and C columns, PERCENT of them zero
//   N:M                 prune to N of each M weights along the rows
//
// What is pruned is then looked at as with `auto`.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_SPARSITYPATTERN_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_SPARSITYPATTERN_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>

namespace sinter {

struct SparsityPattern {
  enum class Kind { Auto, None, Blocks, Groups };
  Kind kind = Kind::Auto;
  /// Of Blocks: their size, and the percentage of zero blocks, 0 to 99.
  int64_t rows = 0, columns = 0, percent = 0;
  /// Of Groups: so many of each.
  int64_t keep = 0, of = 0;

  bool prunes() const { return kind == Kind::Blocks || kind == Kind::Groups; }
  /// Of the blocks of a weight, how many stay.
  int64_t numKept(int64_t numBlocks) const { return (numBlocks * (100 - percent) + 50) / 100; }
};

/// A Failure with status Usage that says the grammar.
llvm::Expected<SparsityPattern> parseSparsity(llvm::StringRef text);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_SPARSITYPATTERN_H
