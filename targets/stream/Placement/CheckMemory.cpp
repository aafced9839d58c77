//===- CheckMemory.cpp - Whether a program's constants fit a chip ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Placement/CheckMemory.h"

#include "lib/Support/Failure.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace sinter;
using namespace sinter::stream;

llvm::Error sinter::stream::checkMemory(const StreamProgram &program, const TargetModel &model) {
  uint64_t bytes = program.omittedBytes, room = model.memoryBytes();
  for (const StreamTensor &tensor : program.tensors)
    if (tensor.kind == StreamTensor::Constant)
      bytes += uint64_t(tensor.shape.numStrips()) * tensor.shape.wordsPerStrip() * model.lanes();
  if (bytes <= room)
    return llvm::Error::success();
  auto mebibytes = [](uint64_t count) { return llvm::formatv("{0:f1} MiB", count / 1048576.0).str(); };
  return doesNotFit("the model's weights take " + mebibytes(bytes) + " as chip " + model.name +
                    " stores them, and it has " + mebibytes(room) + ": " + mebibytes(bytes - room) + " too many; " +
                    std::to_string(llvm::divideCeil(bytes, room)) + " chips would hold them");
}
