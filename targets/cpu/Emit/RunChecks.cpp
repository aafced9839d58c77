//===- RunChecks.cpp - What a run's sizes must satisfy -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/RunChecks.h"

#include "dialects/sinter/IR/Sinter.h"
#include "lib/Interpreter/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <set>

using namespace mlir;
using namespace sinter;

namespace {

class Collector {
public:
  std::vector<BundleCheck> run(ModuleOp graph) {
    graph.walk([&](Operation *op) {
      for (Value result : op->getResults())
        if (hasSizes(result.getType()))
          for (const SizeExpr &size : getSizes(result))
            require(size, 0, op, "a size");
      if (auto reshape = dyn_cast<ReshapeOp>(op))
        requireEqual(getNumElements(reshape.getInput().getType()), getNumElements(reshape.getType()), op);
      if (auto slice = dyn_cast<SliceOp>(op))
        checkSlice(slice);
      if (auto pad = dyn_cast<PadOp>(op))
        checkPad(pad);
    });
    return std::move(checks);
  }

private:
  static std::string nameOf(Operation *op, StringRef what) { return "node '" + getNodeName(op) + "': " + what.str(); }

  /// Whether the two need no check: expressions of dimensions alone hold by what the importer proved.
  static bool hasValueSymbol(const SizeExpr &size) {
    bool found = false;
    size.forEachSymbol([&](StringRef name) { found |= SizeExpr::isValueSymbol(name); });
    return found;
  }

  void require(const SizeExpr &left, const SizeExpr &right, Operation *op, StringRef what) {
    SizeExpr difference = left - right;
    if (!hasValueSymbol(difference) || difference.isAtLeast(0))
      return;
    if (known.insert(left.str() + " >= " + right.str()).second)
      checks.push_back(BundleCheck::atLeast(left, right, nameOf(op, what)));
  }

  void requireEqual(const SizeExpr &left, const SizeExpr &right, Operation *op) {
    if (left != right && known.insert(left.str() + " == " + right.str()).second)
      checks.push_back(BundleCheck::equal(left, right, nameOf(op, "elements")));
  }

  void checkSlice(SliceOp slice) {
    Sizes from = getSizes(slice.getInput()), to = getSizes(slice.getResult());
    SmallVector<SizeExpr> starts = slice.getStarts().getSizes(), steps = slice.getSteps().getSizes();
    for (size_t i = 0; i < from.size(); ++i) {
      // Of no elements, none lies outside.
      SizeExpr isEmpty = SizeExpr::eq(to[i], 0);
      SizeExpr last = starts[i] + (to[i] - SizeExpr(1)) * steps[i];
      for (const SizeExpr &position : {starts[i], last}) {
        SizeExpr inside = SizeExpr::select(isEmpty, 0, position);
        require(inside, 0, slice, "the start of a slice");
        require(SizeExpr::max(from[i], 1) - SizeExpr(1), inside, slice, "the end of a slice");
      }
    }
  }

  /// A pad that removes elements removes no more than there are.
  void checkPad(PadOp pad) {
    Sizes from = getSizes(pad.getInput());
    SmallVector<SizeExpr> low = pad.getLow().getSizes(), high = pad.getHigh().getSizes();
    for (size_t i = 0; i < from.size(); ++i) {
      require(from[i] + low[i], 0, pad, "elements removed at the start");
      require(from[i] + high[i], 0, pad, "elements removed at the end");
    }
  }

  std::vector<BundleCheck> checks;
  std::set<std::string> known;
};

} // namespace

std::vector<BundleCheck> cpu::collectRunChecks(ModuleOp graph) { return Collector().run(graph); }
