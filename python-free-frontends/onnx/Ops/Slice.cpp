//===- Slice.cpp - Parts of tensors, and tensors of parts -----------------===//
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

static SizeExpr negate(const SizeExpr &size) { return SizeExpr(0) - size; }

//===----------------------------------------------------------------------===//
// Slice
//===----------------------------------------------------------------------===//

/// A position that may count from the end, as one from `low` to `high`.
///
/// A limit within a dimension that is a number, as in a table of 512 positions
/// of which the first seq are taken: seq is bounded by 512, so that all sizes
/// that depend on it stay plain, and a longer run is refused.
static SizeExpr clampPosition(NodeContext &node, const SizeExpr &position, const SizeExpr &size, const SizeExpr &low,
                              const SizeExpr &high) {
  // Exporters write "to the end" as the greatest number of 32 or 64 bits.
  if (std::optional<int64_t> number = position.constant(); number && *number >= INT32_MAX)
    return high;
  // max(position + size, low) without a sum that overflows for the least number there is.
  SizeExpr fromEnd = size + SizeExpr::max(position, low - size);
  if (negate(position).isAtLeast(1))
    return fromEnd;
  SizeExpr fromStart = SizeExpr::min(position, high);
  if (!position.isAtLeast(0))
    return SizeExpr::select(SizeExpr::lt(position, 0), SizeExpr::min(fromEnd, high), fromStart);
  if (!position.constant())
    if (std::optional<int64_t> limit = high.constant(); limit && node.bound(position, *limit))
      return position;
  return fromStart;
}

/// One axis of a Slice: `size` elements from `start`.
struct AxisSlice {
  SizeExpr start, size, step;
};

static AxisSlice sliceAxis(NodeContext &node, const SizeExpr &size, const SizeExpr &start, const SizeExpr &end,
                           const SizeExpr &step) {
  AxisSlice forward, backward;
  SizeExpr last;
  bool mayGoForward = !negate(step).isAtLeast(1), mayGoBackward = !step.isAtLeast(1);
  if (mayGoForward) {
    forward.start = clampPosition(node, start, size, 0, size);
    last = clampPosition(node, end, size, 0, size);
    forward.size = node.makeSize(SizeExpr::ceilDiv(last - forward.start, step));
  }
  if (mayGoBackward) {
    backward.start = clampPosition(node, start, size, 0, size - SizeExpr(1));
    last = clampPosition(node, end, size, -1, size - SizeExpr(1));
    backward.size = node.makeSize(SizeExpr::ceilDiv(last - backward.start, step));
  }
  if (!mayGoBackward)
    return {forward.start, forward.size, step};
  if (!mayGoForward)
    return {backward.start, backward.size, step};
  SizeExpr isBackward = SizeExpr::lt(step, 0);
  return {SizeExpr::select(isBackward, backward.start, forward.start),
          SizeExpr::select(isBackward, backward.size, forward.size), step};
}

static LogicalResult sliceBy(NodeContext &node, ArrayRef<SizeExpr> starts, ArrayRef<SizeExpr> ends,
                             ArrayRef<SizeExpr> axes, ArrayRef<SizeExpr> steps) {
  Value value = node.operand(0);
  Sizes sizes = getSizes(value);
  int64_t rank = sizes.size();
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return node.malformed(Twine(starts.size()) + " starts, " + Twine(ends.size()) + " ends, " + Twine(axes.size()) +
                          " axes and " + Twine(steps.size()) + " steps");
  for (const SizeExpr &step : steps)
    if (step.isConstant(0))
      return node.malformed("a step of 0");
  bool axesAreNumbers = llvm::all_of(axes, [](const SizeExpr &axis) { return axis.constant().has_value(); });
  if (axesAreNumbers) {
    for (auto [start, end, axis, step] : llvm::zip_equal(starts, ends, axes, steps)) {
      FailureOr<int64_t> d = node.normalizeAxis(*axis.constant(), rank);
      if (failed(d))
        return failure();
      AxisSlice part = sliceAxis(node, sizes[*d], start, end, step);
      value = node.slice(value, *d, part.start, part.size, part.step);
    }
    return node.setResult(0, value);
  }
  // Which axes are meant is known at run time: every axis is sliced, by what is given for it if anything is.
  for (int64_t d = 0; d < rank; ++d) {
    SizeExpr start = 0, end = sizes[d], step = 1;
    for (size_t i = 0; i < starts.size(); ++i) {
      SizeExpr axis = SizeExpr::select(SizeExpr::lt(axes[i], 0), axes[i] + SizeExpr(rank), axes[i]);
      SizeExpr isMeant = SizeExpr::eq(axis, d);
      start = SizeExpr::select(isMeant, starts[i], start);
      end = SizeExpr::select(isMeant, ends[i], end);
      step = SizeExpr::select(isMeant, steps[i], step);
    }
    AxisSlice part = sliceAxis(node, sizes[d], start, end, step);
    value = node.slice(value, d, part.start, part.size, part.step);
  }
  return node.setResult(0, value);
}

static KnownIntegers toExpressions(ArrayRef<int64_t> numbers) { return KnownIntegers(numbers.begin(), numbers.end()); }

static KnownIntegers firstAxes(size_t count) {
  KnownIntegers axes;
  for (size_t i = 0; i < count; ++i)
    axes.push_back(static_cast<int64_t>(i));
  return axes;
}

static LogicalResult importSliceByAttributes(NodeContext &node) {
  std::optional<SmallVector<int64_t>> starts = node.getInts("starts"), ends = node.getInts("ends"),
                                      axes = node.getInts("axes");
  if (!starts || !ends)
    return node.malformed("it has no starts or ends");
  return sliceBy(node, toExpressions(*starts), toExpressions(*ends),
                 axes ? toExpressions(*axes) : firstAxes(starts->size()), KnownIntegers(starts->size(), 1));
}

static LogicalResult importSlice(NodeContext &node) {
  std::optional<KnownIntegers> parts[5]; // by operand, from 1
  for (unsigned i = 1; i < 5; ++i)
    if (node.operand(i) && !(parts[i] = node.getKnownIntegers(node.operand(i))))
      return node.fail("its positions are computed from data");
  size_t count = parts[1]->size();
  return sliceBy(node, *parts[1], *parts[2], parts[3] ? *parts[3] : firstAxes(count),
                 parts[4] ? *parts[4] : KnownIntegers(count, 1));
}

//===----------------------------------------------------------------------===//
// Split and Concat
//===----------------------------------------------------------------------===//

static LogicalResult importSplit(NodeContext &node) {
  Value input = node.operand(0);
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", 0), getRank(input));
  if (failed(axis))
    return failure();
  SizeExpr whole = getSize(input, *axis);
  std::optional<KnownIntegers> parts;
  if (node.getVersion() < 13) {
    if (std::optional<SmallVector<int64_t>> numbers = node.getInts("split"))
      parts = toExpressions(*numbers);
  } else if (node.operand(1)) {
    if (!(parts = node.getKnownIntegers(node.operand(1))))
      return node.fail("its parts are computed from data");
  }
  int64_t count = node.getInt("num_outputs", node.getNumResults());
  if (count != static_cast<int64_t>(node.getNumResults()) || count == 0)
    return node.malformed(Twine(count) + " parts for " + Twine(node.getNumResults()) + " outputs");
  if (!parts) {
    parts.emplace();
    std::optional<SizeExpr> part = SizeExpr::exactDiv(whole, count);
    std::optional<int64_t> number = whole.constant();
    if (!part && !number)
      return node.fail("size " + whole.str() + " in " + Twine(count) + " equal parts", "fix the size with --dim");
    if (!part && node.getVersion() < 18)
      return node.malformed("size " + Twine(*number) + " in " + Twine(count) + " equal parts");
    // From version 18 on the last part may be smaller.
    int64_t chunk = part ? 0 : (*number + count - 1) / count;
    for (int64_t i = 0; i < count; ++i)
      parts->push_back(part ? *part : SizeExpr(std::clamp<int64_t>(*number - i * chunk, 0, chunk)));
  }
  if (static_cast<int64_t>(parts->size()) != count)
    return node.malformed(Twine(parts->size()) + " parts for " + Twine(count) + " outputs");
  SizeExpr start;
  for (auto [i, size] : llvm::enumerate(*parts)) {
    if (node.hasResult(i) && failed(node.setResult(i, node.slice(input, *axis, start, size))))
      return failure();
    start = start + size;
  }
  bool dependsOnValues = false;
  start.forEachSymbol([&](StringRef name) { dependsOnValues |= SizeExpr::isValueSymbol(name); });
  return dependsOnValues ? success() : node.unify(start, whole, "the parts of axis " + Twine(*axis));
}

static LogicalResult importConcat(NodeContext &node) {
  if (!node.hasAttribute("axis"))
    return node.malformed("it has no axis");
  FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", 0), getRank(node.operand(0)));
  if (failed(axis))
    return failure();
  return node.setResult(0, node.concat(node.operands(), *axis));
}

//===----------------------------------------------------------------------===//
// Pad
//===----------------------------------------------------------------------===//

static LogicalResult padBy(NodeContext &node, ArrayRef<SizeExpr> pads, ArrayRef<SizeExpr> axes, Value value) {
  Value input = node.operand(0);
  int64_t rank = getRank(input);
  std::string modeName = node.getString("mode", "constant");
  std::optional<PadMode> mode = symbolizePadMode(modeName);
  if (!mode)
    return node.malformed("mode '" + modeName + "'");
  if (pads.size() != 2 * axes.size())
    return node.malformed(Twine(pads.size()) + " pads for " + Twine(axes.size()) + " axes");
  if (*mode != PadMode::constant)
    value = Value();
  SmallVector<SizeExpr> low(rank), high(rank);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (std::optional<int64_t> number = axis.constant()) {
      FailureOr<int64_t> d = node.normalizeAxis(*number, rank);
      if (failed(d))
        return failure();
      low[*d] = pads[i];
      high[*d] = pads[axes.size() + i];
      continue;
    }
    for (int64_t d = 0; d < rank; ++d) {
      SizeExpr isMeant = SizeExpr::eq(SizeExpr::select(SizeExpr::lt(axis, 0), axis + SizeExpr(rank), axis), d);
      low[d] = SizeExpr::select(isMeant, pads[i], low[d]);
      high[d] = SizeExpr::select(isMeant, pads[axes.size() + i], high[d]);
    }
  }
  for (int64_t d = 0; d < rank; ++d)
    if (negate(getSize(input, d) + low[d] + high[d]).isAtLeast(1))
      return node.malformed("padding " + low[d].str() + " and " + high[d].str() + " of a size of " +
                            getSize(input, d).str());
  if (llvm::all_of(llvm::concat<const SizeExpr>(low, high), [](const SizeExpr &pad) { return pad.isConstant(0); }))
    return node.setResult(0, input);
  if (value)
    value = node.reshape(value, {});
  return node.setResult(0, node.create<PadOp>(*mode, input, value, DimsAttr::get(node.getContext(), low),
                                              DimsAttr::get(node.getContext(), high)));
}

static LogicalResult importPadByAttributes(NodeContext &node) {
  std::optional<SmallVector<int64_t>> pads = node.getInts("pads");
  if (!pads)
    return node.malformed("it has no pads");
  Value value = node.scalar(node.getFloat("value", 0), getElementType(node.operand(0)));
  return padBy(node, toExpressions(*pads), firstAxes(getRank(node.operand(0))), value);
}

static LogicalResult importPad(NodeContext &node) {
  std::optional<KnownIntegers> pads = node.getKnownIntegers(node.operand(1)), axes;
  if (!pads)
    return node.fail("its pads are computed from data");
  if (!node.operand(3))
    axes = firstAxes(getRank(node.operand(0)));
  else if (!(axes = node.getKnownIntegers(node.operand(3))))
    return node.fail("its axes are computed from data");
  return padBy(node, *pads, *axes, node.operand(2));
}

static const OpRow rows[] = {
    {"Concat", 4, importConcat, 1, OpRow::unlimited},
    {"Pad", 2, importPadByAttributes, 1, 1},
    {"Pad", 11, importPad, 2, 3},
    {"Pad", 18, importPad, 2, 4},
    {"Slice", 1, importSliceByAttributes, 1, 1},
    {"Slice", 10, importSlice, 3, 5},
    {"Split", 2, importSplit, 1, 1},
    {"Split", 13, importSplit, 1, 2},
};

ArrayRef<OpRow> sinter::onnx::getSliceRows() { return rows; }
