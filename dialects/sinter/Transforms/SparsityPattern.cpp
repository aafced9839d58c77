//===- SparsityPattern.cpp - What --sparsity asks for --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/SparsityPattern.h"

#include "lib/Support/Failure.h"

using namespace sinter;

static bool parseNumber(llvm::StringRef text, int64_t low, int64_t high, int64_t &number) {
  return !text.getAsInteger(10, number) && number >= low && number <= high;
}

llvm::Expected<SparsityPattern> sinter::parseSparsity(llvm::StringRef text) {
  SparsityPattern pattern;
  if (text == "auto")
    return pattern;
  if (text == "none") {
    pattern.kind = SparsityPattern::Kind::None;
    return pattern;
  }
  auto [left, right] = text.split(':');
  constexpr int64_t greatest = 1024;
  if (left.consume_front("block")) {
    pattern.kind = SparsityPattern::Kind::Blocks;
    auto [rows, columns] = left.split('x');
    if (parseNumber(rows, 1, greatest, pattern.rows) && parseNumber(columns, 1, greatest, pattern.columns) &&
        parseNumber(right, 0, 99, pattern.percent))
      return pattern;
  } else {
    pattern.kind = SparsityPattern::Kind::Groups;
    if (parseNumber(right, 2, greatest, pattern.of) && parseNumber(left, 1, pattern.of - 1, pattern.keep))
      return pattern;
  }
  return usage("--sparsity=" + text +
               ": it is auto, none, blockRxC:PERCENT (block16x16:80 makes 80 % of the blocks zero) or N:M (2:4)");
}
