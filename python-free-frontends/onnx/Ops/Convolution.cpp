//===- Convolution.cpp - Convolutions ------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

/// An attribute with one number for each spatial dimension, or `count` times it.
static FailureOr<SmallVector<int64_t>> getNumbers(NodeContext &node, StringRef name, size_t count, int64_t fallback,
                                                  int64_t least) {
  std::optional<SmallVector<int64_t>> numbers = node.getInts(name);
  if (!numbers)
    return SmallVector<int64_t>(count, fallback);
  if (numbers->size() != count)
    return node.malformed(name + " has " + Twine(numbers->size()) + " numbers, required " + Twine(count));
  for (int64_t number : *numbers)
    if (number < least)
      return node.malformed(name + " has the number " + Twine(number) + ", required at least " + Twine(least));
  return std::move(*numbers);
}

static LogicalResult importConv(NodeContext &node) {
  Value x = node.operand(0), filter = node.operand(1), bias = node.operand(2);
  Sizes sizes = getSizes(x), window = getSizes(filter);
  if (sizes.size() < 3 || window.size() != sizes.size())
    return node.malformed("input and filter have ranks " + Twine(sizes.size()) + " and " + Twine(window.size()) +
                          ", required the same, at least 3");
  size_t spatial = sizes.size() - 2;
  FailureOr<SmallVector<int64_t>> strides = getNumbers(node, "strides", spatial, 1, 1);
  FailureOr<SmallVector<int64_t>> dilations = getNumbers(node, "dilations", spatial, 1, 1);
  FailureOr<SmallVector<int64_t>> pads = getNumbers(node, "pads", 2 * spatial, 0, 0);
  FailureOr<SmallVector<int64_t>> kernel = getNumbers(node, "kernel_shape", spatial, 0, 1);
  int64_t groups = node.getInt("group", 1);
  std::string autoPad = node.getString("auto_pad", "NOTSET");
  if (failed(strides) || failed(dilations) || failed(pads) || failed(kernel))
    return failure();
  if (groups < 1)
    return node.malformed("group is " + Twine(groups) + ", required at least 1");
  if (autoPad != "NOTSET" && autoPad != "VALID" && autoPad != "SAME_UPPER" && autoPad != "SAME_LOWER")
    return node.malformed("auto_pad is '" + autoPad + "', required NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  if (failed(node.unify(sizes[1], window[1] * SizeExpr(groups), "channels of input and filter")))
    return failure();
  if (node.hasAttribute("kernel_shape"))
    for (size_t i = 0; i < spatial; ++i)
      if (failed(node.unify(window[i + 2], (*kernel)[i], "kernel_shape and the filter")))
        return failure();
  if (bias && failed(node.unify(getSizes(bias), window[0], "bias and filters")))
    return failure();

  Sizes low(sizes.size(), SizeExpr(0)), high(sizes.size(), SizeExpr(0));
  for (size_t i = 0; i < spatial; ++i) {
    if (autoPad == "NOTSET") {
      low[i + 2] = (*pads)[i];
      high[i + 2] = (*pads)[i + spatial];
    } else if (autoPad != "VALID") {
      // As many positions as strides fit into the input; what is missing is added on both sides.
      SizeExpr positions = SizeExpr::ceilDiv(sizes[i + 2], (*strides)[i]);
      SizeExpr covered = (positions - SizeExpr(1)) * SizeExpr((*strides)[i]) +
                         SizeExpr((*dilations)[i]) * (window[i + 2] - SizeExpr(1)) + SizeExpr(1);
      SizeExpr missing = SizeExpr::max(covered - sizes[i + 2], 0);
      SizeExpr less = SizeExpr::floorDiv(missing, 2);
      low[i + 2] = autoPad == "SAME_UPPER" ? less : missing - less;
      high[i + 2] = missing - low[i + 2];
    }
  }
  SmallVector<int64_t> lowNumbers(spatial, 0), highNumbers(spatial, 0);
  auto isNumber = [](const SizeExpr &size) { return size.constant().has_value(); };
  if (llvm::all_of(low, isNumber) && llvm::all_of(high, isNumber)) {
    for (size_t i = 0; i < spatial; ++i) {
      lowNumbers[i] = *low[i + 2].constant();
      highNumbers[i] = *high[i + 2].constant();
    }
  } else {
    MLIRContext *context = node.getContext();
    x = node.create<PadOp>(PadMode::constant, x, Value(), DimsAttr::get(context, low), DimsAttr::get(context, high));
  }
  return node.setResult(0, node.create<ConvOp>(x, filter, bias, *strides, *dilations, lowNumbers, highNumbers, groups));
}

static const OpRow rows[] = {
    {"Conv", 1, importConv, 2, 3},
};

ArrayRef<OpRow> sinter::onnx::getConvolutionRows() { return rows; }
