//===- Reshape.cpp - The same elements with other sizes -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Importer.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

//===----------------------------------------------------------------------===//
// Reshape
//===----------------------------------------------------------------------===//

static bool dependsOnValues(const SizeExpr &size) {
  bool found = false;
  size.forEachSymbol([&](StringRef name) { found |= SizeExpr::isValueSymbol(name); });
  return found;
}

/// The size for -1: what is left of `count` elements by the other sizes. Where
/// it is not an exact quotient, sizes at the same place that are two symbols are
/// taken for one: [s86, s12] reshaped to [s10, -1] says that s86 is s10.
static FailureOr<SizeExpr> inferSize(NodeContext &node, ArrayRef<SizeExpr> from, ArrayRef<SizeExpr> to,
                                     size_t inferred) {
  SizeExpr count = SizeExpr::product(from), others = 1;
  for (auto [i, size] : llvm::enumerate(to))
    if (i != inferred)
      others = others * size;
  if (others.isConstant(0))
    return node.malformed("-1 beside a size of 0");
  if (std::optional<SizeExpr> quotient = SizeExpr::exactDiv(count, others))
    return *quotient;
  std::string what = "reshape of " + printSizes(from) + " to " + others.str() + " elements times what is left";
  for (size_t i = 0; i < to.size() && i < from.size(); ++i)
    if (i != inferred && to[i] != from[i] && to[i].asSymbol() && from[i].asSymbol())
      return (void)node.unify(from[i], to[i], what), failure();
  if (count.constant() && others.constant())
    return node.malformed(what);
  return node.fail(what + ": it is not known to divide", "fix the sizes with --dim");
}

static LogicalResult reshapeTo(NodeContext &node, ArrayRef<SizeExpr> shape, bool allowZero) {
  Value input = node.operand(0);
  Sizes from = getSizes(input), to;
  std::optional<size_t> inferred;
  bool isDynamic = false;
  for (auto [i, size] : llvm::enumerate(shape)) {
    std::optional<int64_t> number = size.constant();
    if (number && *number < -1)
      return node.malformed("size " + Twine(*number) + " in its shape");
    if (number && *number == -1) {
      if (inferred)
        return node.malformed("-1 twice in its shape");
      inferred = i;
      to.push_back(1);
    } else if (number && *number == 0 && !allowZero) {
      if (i >= from.size())
        return node.malformed("0 in its shape at position " + Twine(i) + " of an input of rank " + Twine(from.size()));
      to.push_back(from[i]);
    } else {
      isDynamic |= dependsOnValues(size);
      to.push_back(size);
    }
  }
  if (!isDynamic) {
    if (inferred) {
      FailureOr<SizeExpr> rest = inferSize(node, from, to, *inferred);
      if (failed(rest))
        return failure();
      to[*inferred] = *rest;
    }
    return node.setResult(0, node.reshape(input, to));
  }

  // Elements of an input: 0 and -1 have their meaning at run time.
  for (auto [i, size] : llvm::enumerate(shape))
    if (dependsOnValues(size) && !allowZero && i < from.size())
      to[i] = SizeExpr::select(SizeExpr::eq(size, 0), from[i], size);
  Sizes result = to;
  SizeExpr count = SizeExpr::product(from);
  for (auto [i, size] : llvm::enumerate(shape)) {
    if (!dependsOnValues(size) && inferred != i)
      continue;
    SizeExpr others = 1;
    for (auto [j, other] : llvm::enumerate(to))
      if (j != i)
        others = others * other;
    // At least 1, so that the quotient exists where it is not chosen.
    SizeExpr rest = SizeExpr::floorDiv(count, SizeExpr::max(others, 1));
    result[i] = inferred == i ? rest : SizeExpr::select(SizeExpr::eq(size, -1), rest, to[i]);
  }
  return node.setResult(0, node.reshape(input, result));
}

static LogicalResult importReshape(NodeContext &node) {
  bool allowZero = node.getInt("allowzero", 0);
  std::optional<KnownIntegers> shape = node.getKnownIntegers(node.operand(1));
  if (!shape)
    return node.fail("its shape is computed from data");
  return reshapeTo(node, *shape, allowZero);
}

static LogicalResult importFlatten(NodeContext &node) {
  Sizes sizes = getSizes(node.operand(0));
  int64_t rank = sizes.size(), axis = node.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return node.malformed("axis " + Twine(axis) + " of a tensor of rank " + Twine(rank));
  axis = axis < 0 ? axis + rank : axis;
  ArrayRef<SizeExpr> all = sizes;
  return node.setResult(0, node.reshape(node.operand(0), {SizeExpr::product(all.take_front(axis)),
                                                          SizeExpr::product(all.drop_front(axis))}));
}

//===----------------------------------------------------------------------===//
// Squeeze and Unsqueeze
//===----------------------------------------------------------------------===//

/// The axes: an attribute before version 13, then an input. Empty and `given`
/// false where there are none.
static FailureOr<KnownIntegers> getAxes(NodeContext &node, bool &given) {
  KnownIntegers axes;
  given = true;
  if (node.getVersion() < 13) {
    std::optional<SmallVector<int64_t>> numbers = node.getInts("axes");
    given = numbers.has_value();
    if (numbers)
      axes.append(numbers->begin(), numbers->end());
    return axes;
  }
  if (!node.operand(1)) {
    given = false;
    return axes;
  }
  std::optional<KnownIntegers> known = node.getKnownIntegers(node.operand(1));
  if (!known)
    return node.fail("its axes are computed from data");
  return *known;
}

static std::optional<SmallVector<int64_t>> getNumbers(ArrayRef<SizeExpr> expressions) {
  SmallVector<int64_t> numbers;
  for (const SizeExpr &expression : expressions) {
    if (!expression.constant())
      return std::nullopt;
    numbers.push_back(*expression.constant());
  }
  return numbers;
}

/// Axes that a run decides: not negative, and increasing.
static KnownIntegers sortAxes(ArrayRef<SizeExpr> axes, int64_t rank) {
  KnownIntegers sorted;
  for (const SizeExpr &axis : axes)
    sorted.push_back(SizeExpr::select(SizeExpr::lt(axis, 0), axis + SizeExpr(rank), axis));
  for (size_t i = 0; i < sorted.size(); ++i)
    for (size_t j = 0; j + 1 < sorted.size() - i; ++j) {
      SizeExpr low = SizeExpr::min(sorted[j], sorted[j + 1]), high = SizeExpr::max(sorted[j], sorted[j + 1]);
      sorted[j] = low;
      sorted[j + 1] = high;
    }
  return sorted;
}

static LogicalResult importSqueeze(NodeContext &node) {
  Value input = node.operand(0);
  Sizes from = getSizes(input), to;
  int64_t rank = from.size();
  bool given;
  FailureOr<KnownIntegers> axes = getAxes(node, given);
  if (failed(axes))
    return failure();
  std::optional<SmallVector<int64_t>> numbers = getNumbers(*axes);
  if (!given) {
    for (const SizeExpr &size : from) {
      if (!size.constant())
        return node.fail("without axes, and size " + size.str() + " may be 1 or not", "give axes");
      if (!size.isConstant(1))
        to.push_back(size);
    }
  } else if (numbers) {
    FailureOr<SmallVector<int64_t>> removed = node.normalizeAxes(*numbers, rank);
    if (failed(removed))
      return failure();
    for (int64_t i = 0; i < rank; ++i) {
      if (!llvm::is_contained(*removed, i))
        to.push_back(from[i]);
      else if (failed(node.unify(from[i], 1, "removing axis " + Twine(i))))
        return failure();
    }
  } else {
    // Which axes go is known at run time: from the last to the first, what is behind each moves up by one.
    to = from;
    KnownIntegers sorted = sortAxes(*axes, rank);
    for (const SizeExpr &axis : llvm::reverse(sorted)) {
      for (size_t i = 0; i + 1 < to.size(); ++i)
        to[i] = SizeExpr::select(SizeExpr::lt(static_cast<int64_t>(i), axis), to[i], to[i + 1]);
      to.pop_back();
    }
  }
  return node.setResult(0, node.reshape(input, to));
}

static LogicalResult importUnsqueeze(NodeContext &node) {
  Value input = node.operand(0);
  Sizes from = getSizes(input), to;
  bool given;
  FailureOr<KnownIntegers> axes = getAxes(node, given);
  if (failed(axes))
    return failure();
  if (!given)
    return node.malformed("it has no axes");
  int64_t rank = from.size() + axes->size();
  if (std::optional<SmallVector<int64_t>> numbers = getNumbers(*axes)) {
    FailureOr<SmallVector<int64_t>> added = node.normalizeAxes(*numbers, rank);
    if (failed(added))
      return failure();
    auto next = from.begin();
    for (int64_t i = 0; i < rank; ++i)
      to.push_back(llvm::is_contained(*added, i) ? SizeExpr(1) : *next++);
  } else {
    // From the first to the last, what is behind each moves down by one.
    to = from;
    for (const SizeExpr &axis : sortAxes(*axes, rank)) {
      Sizes wider;
      for (int64_t i = 0; i <= static_cast<int64_t>(to.size()); ++i) {
        SizeExpr behind = i == 0 ? SizeExpr(1) : SizeExpr::select(SizeExpr::eq(axis, i), 1, to[i - 1]);
        wider.push_back(i == static_cast<int64_t>(to.size()) ? behind
                                                             : SizeExpr::select(SizeExpr::lt(i, axis), to[i], behind));
      }
      to = wider;
    }
  }
  return node.setResult(0, node.reshape(input, to));
}

//===----------------------------------------------------------------------===//
// Expand, Tile, Transpose
//===----------------------------------------------------------------------===//

static LogicalResult importExpand(NodeContext &node) {
  Value input = node.operand(0);
  std::optional<KnownIntegers> shape = node.getKnownIntegers(node.operand(1));
  if (!shape)
    return node.fail("its shape is computed from data");
  Sizes from = getSizes(input), wanted(shape->begin(), shape->end());
  // An element of an input may be 1 or the size that is there already; where that is 1, any size. What it promises
  // is said by axis of the result.
  Sizes promised(std::max(from.size(), wanted.size()));
  bool isPromised = false;
  for (size_t i = 0; i < from.size() && i < wanted.size(); ++i) {
    SizeExpr &size = wanted[wanted.size() - 1 - i];
    const SizeExpr &own = from[from.size() - 1 - i];
    if (!dependsOnValues(size) || own.isConstant(1))
      continue;
    promised[promised.size() - 1 - i] = SizeExpr::select(SizeExpr::eq(size, 1), own, size);
    isPromised = true;
    size = own;
  }
  FailureOr<Sizes> sizes = node.broadcast(from, wanted);
  if (failed(sizes))
    return failure();
  Value result = node.broadcastTo(input, *sizes);
  if (!isPromised)
    return node.setResult(0, result);
  // That it is one of the two is for a run to check: all elements from the difference on lie inside only where that
  // is 0.
  for (auto [axis, size] : llvm::enumerate(promised)) {
    if (size.isConstant(0))
      continue;
    result = node.slice(result, axis, size - (*sizes)[axis], (*sizes)[axis]);
    (*sizes)[axis] = size;
  }
  return node.setResult(0, node.reshape(result, *sizes));
}

static LogicalResult importTile(NodeContext &node) {
  Value input = node.operand(0);
  std::optional<KnownIntegers> repeats = node.getKnownIntegers(node.operand(1));
  if (!repeats)
    return node.fail("its repeats are computed from data");
  Sizes sizes = getSizes(input), apart, repeated, result;
  if (repeats->size() != sizes.size())
    return node.malformed(Twine(repeats->size()) + " repeats of a tensor of rank " + Twine(sizes.size()));
  for (auto [size, count] : llvm::zip_equal(sizes, *repeats)) {
    if (count.constant().value_or(0) < 0)
      return node.malformed("repeated " + count.str() + " times");
    result.push_back(size * count);
    if (!count.isConstant(1)) {
      apart.push_back(1);
      repeated.push_back(count);
    }
    apart.push_back(size);
    repeated.push_back(size);
  }
  return node.setResult(0, node.reshape(node.broadcastTo(node.reshape(input, apart), repeated), result));
}

static LogicalResult importTranspose(NodeContext &node) {
  Value input = node.operand(0);
  SmallVector<int64_t> reversed = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, getRank(input))));
  return node.setResult(0, node.transpose(input, node.getInts("perm").value_or(reversed)));
}

static const OpRow rows[] = {
    {"Expand", 8, importExpand, 2, 2},        {"Flatten", 1, importFlatten, 1, 1},
    {"Reshape", 5, importReshape, 2, 2},      {"Squeeze", 1, importSqueeze, 1, 1},
    {"Squeeze", 13, importSqueeze, 1, 2},     {"Tile", 6, importTile, 2, 2},
    {"Transpose", 1, importTranspose, 1, 1},  {"Unsqueeze", 1, importUnsqueeze, 1, 1},
    {"Unsqueeze", 13, importUnsqueeze, 2, 2},
};

ArrayRef<OpRow> sinter::onnx::getReshapeRows() { return rows; }
