//===- Calibration.cpp - What was seen of a model's activations ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Calibration.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Path.h"

using namespace sinter;

std::vector<std::string> Calibration::getFiles(llvm::StringRef path) {
  if (path.empty())
    return {};
  std::string folder = (llvm::sys::path::parent_path(path) + "/").str();
  return {folder + jsonName.str(), folder + arraysName.str()};
}

const StaticRange &ObservedTensor::bestStatic() const {
  const StaticRange *best = &minMax;
  for (const StaticRange *other : {&percentile, &leastSquares})
    if (other->error < best->error)
      best = other;
  return *best;
}

const ObservedTensor *Calibration::find(llvm::StringRef reader) const {
  for (const ObservedTensor &tensor : tensors)
    if (llvm::is_contained(tensor.readers, reader))
      return &tensor;
  return nullptr;
}
