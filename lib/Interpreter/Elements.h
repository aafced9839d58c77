//===- Elements.h - Elements as the interpreter computes with them ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All element types are computed with in three: every float as double, signed
// integers as int64_t, unsigned ones and truth values as uint64_t. `load` makes
// them of a tensor, `store` rounds or wraps back; `withNumbers` picks one of the
// three for a tensor:
//
//   return withNumbers(input.type, [&](auto zero) {
//     using Number = decltype(zero);
//     std::vector<Number> values = load<Number>(input);
//     ...
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_LIB_INTERPRETER_ELEMENTS_H
#define SINTER_LIB_INTERPRETER_ELEMENTS_H

#include "lib/Support/NarrowElements.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <type_traits>
#include <vector>

namespace sinter {

template <typename Function> auto withNumbers(ElementType type, Function function) {
  if (isFloatType(type))
    return function(double(0));
  if (isSignedType(type))
    return function(int64_t(0));
  return function(uint64_t(0));
}

/// All elements; Number is double for floats, int64_t for signed integers, and
/// uint64_t for the others.
template <typename Number> std::vector<Number> load(const HostTensor &tensor);
/// Rounds to nearest even, or keeps the low bits; to bool: whether it is not 0; to
/// narrow floats: by the rules.
template <typename Number> void store(llvm::ArrayRef<Number> values, HostTensor &tensor, const NarrowRules &rules = {});

/// Addition and so on, which wrap for integers.
inline double add(double a, double b) { return a + b; }
inline double subtract(double a, double b) { return a - b; }
inline double multiply(double a, double b) { return a * b; }
inline uint64_t add(uint64_t a, uint64_t b) { return a + b; }
inline uint64_t subtract(uint64_t a, uint64_t b) { return a - b; }
inline uint64_t multiply(uint64_t a, uint64_t b) { return a * b; }
inline int64_t add(int64_t a, int64_t b) { return static_cast<int64_t>(add(uint64_t(a), uint64_t(b))); }
inline int64_t subtract(int64_t a, int64_t b) { return static_cast<int64_t>(subtract(uint64_t(a), uint64_t(b))); }
inline int64_t multiply(int64_t a, int64_t b) { return static_cast<int64_t>(multiply(uint64_t(a), uint64_t(b))); }

/// The greater and the lesser; NaN if either is NaN.
template <typename Number> Number greater(Number a, Number b) { return a > b || a != a ? a : b; }
template <typename Number> Number lesser(Number a, Number b) { return a < b || a != a ? a : b; }

using Strides = llvm::SmallVector<int64_t, 6>;

/// How far apart neighbours of each dimension are, in elements, in row-major order.
Strides rowMajorStrides(llvm::ArrayRef<int64_t> dims);
/// The strides of a tensor of sizes `from` when it is repeated, as NumPy does, to
/// sizes `to`: 0 where it is repeated.
Strides broadcastStrides(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

/// Calls `visit` for each position of a shape in row-major order, with the offset
/// of that position under each of `strides`.
void forEachPosition(llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<Strides> strides,
                     llvm::function_ref<void(llvm::ArrayRef<int64_t> offsets)> visit);

/// A tensor seen as [outer, size of `axis`, inner].
struct AxisView {
  int64_t outer = 1, size = 1, inner = 1;
  AxisView(llvm::ArrayRef<int64_t> dims, int64_t axis);
};

/// Calls `run` for contiguous parts of [0, count) that together are all of it, on
/// several threads. What it computes must not depend on the parts.
void runInParallel(int64_t count, unsigned numThreads, llvm::function_ref<void(int64_t begin, int64_t end)> run);

} // namespace sinter

#endif // SINTER_LIB_INTERPRETER_ELEMENTS_H
