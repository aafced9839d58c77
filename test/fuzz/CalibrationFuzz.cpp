//===- CalibrationFuzz.cpp - Any bytes as a calibration ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Calibration.h"

#include "llvm/ADT/STLExtras.h"

#include <cstdlib>
#include <cstring>
#include <vector>

using namespace sinter;

/// The text, a zero, and the archive's bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef input(reinterpret_cast<const char *>(data), size);
  auto [json, rest] = input.split('\0');
  // Aligned as a mapped file is.
  std::vector<float> aligned(rest.size() / sizeof(float) + 1);
  if (!rest.empty())
    std::memcpy(aligned.data(), rest.data(), rest.size());
  llvm::ArrayRef<char> archive(reinterpret_cast<const char *>(aligned.data()), rest.size());
  llvm::Expected<Calibration> read = parseCalibration(json, archive, "fuzz.json", "fuzz.npz");
  if (!read) {
    llvm::consumeError(read.takeError());
    return 0;
  }
  for (const ObservedTensor &tensor : read->tensors) {
    double sum = tensor.bestStatic().error;
    for (const CalibrationArray *array : {&tensor.channelMaximum, &tensor.channelMeanSquare, &tensor.secondMoments})
      for (float value : array->values)
        sum += value;
    if (read->find(tensor.readers.front()) != &tensor || sum < 0)
      if (tensor.secondMoments.empty())
        std::abort();
  }
  return 0;
}
