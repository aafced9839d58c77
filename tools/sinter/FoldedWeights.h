//===- FoldedWeights.h - What follows from weights, computed once for many runs -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_FOLDEDWEIGHTS_H
#define SINTER_TOOLS_SINTER_FOLDEDWEIGHTS_H

#include "dialects/sinter/IR/Sinter.h"
#include "lib/Support/HostTensor.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <functional>

namespace sinter::tool {

using ReadWeight = std::function<llvm::Expected<HostTensor>(WeightOp)>;

/// The interpreter computes recipes of weights at every run, and rounding a model's weights to 4 bits takes seconds.
/// This computes them once, and replaces what comes out in the module by weights of its own. Throws Stop.
class FoldedWeights {
public:
  /// Changes `module`, which must live as long as this and read its weights by `read`.
  FoldedWeights(mlir::ModuleOp module, ReadWeight read);

  llvm::Expected<HostTensor> read(WeightOp weight) const;

private:
  ReadWeight readOther;
  llvm::StringMap<HostTensor> folded;
};

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_FOLDEDWEIGHTS_H
