//===- SizeExprFuzz.cpp - Any text as a size ------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/SizeExpr.h"

#include <cstdlib>

using namespace sinter;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::optional<SizeExpr> expression = SizeExpr::parse({reinterpret_cast<const char *>(data), size});
  if (!expression)
    return 0;
  // What is kept can be written and read again, as the same expression with the same value.
  std::optional<SizeExpr> again = SizeExpr::parse(expression->str());
  if (!again || *again != *expression)
    std::abort();
  auto lookup = [](llvm::StringRef name) -> std::optional<int64_t> { return int64_t(name.size()) * 3 + 1; };
  std::optional<int64_t> value = expression->evaluate(lookup);
  if (value != again->evaluate(lookup))
    std::abort();
  // A proof about all sizes holds for these.
  std::optional<int64_t> bound = expression->lowerBound();
  if (value && bound && *value < *bound)
    std::abort();
  // Symbols replaced by numbers leave a number, and no other one.
  SizeExpr replaced = expression->substitute([&](llvm::StringRef name) { return SizeExpr(*lookup(name)); });
  if (value && replaced.constant() && *replaced.constant() != *value)
    std::abort();
  return 0;
}
