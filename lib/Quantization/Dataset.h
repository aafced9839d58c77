//===- Dataset.h - Samples of a model's inputs ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   DATA := a folder with one .npz per sample, taken in the order of their names,
//             each with one array per input, named like it
//         | one .npz whose arrays have one more, leading axis: the samples
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATION_DATASET_H
#define SINTER_QUANTIZATION_DATASET_H

#include "lib/Support/HostTensor.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace sinter {

/// What a sample must have.
struct DatasetInput {
  std::string name;
  ElementType type = ElementType::F32;
  /// One entry per axis: its size where the model fixes it.
  std::vector<std::optional<int64_t>> dims;
  /// The sizes for messages: "batch", "384"; as many.
  std::vector<std::string> dimNames;
  bool anyShape = false; // an input that nothing reads
};

class Dataset {
public:
  /// Looks what is there. Failures of all functions have the exit status 3 and say in one sentence what is wrong with
  /// which sample and input, and what is expected.
  static llvm::Expected<Dataset> open(llvm::StringRef path, std::vector<DatasetInput> inputs);

  size_t size() const { return numSamples; }
  /// The file's name, or "sample 3 of calibration.npz".
  std::string name(size_t sample) const;
  /// The sample's inputs, in the order of `inputs`; checked.
  llvm::Expected<std::vector<HostTensor>> read(size_t sample) const;

private:
  Dataset() = default;
  llvm::Error check(const HostTensor &tensor, const DatasetInput &input, llvm::StringRef where) const;

  std::string path;
  std::vector<DatasetInput> inputs;
  std::vector<std::string> files;   // of a folder
  std::vector<HostTensor> together; // of one file: per input, all samples
  size_t numSamples = 0;
};

} // namespace sinter

#endif // SINTER_QUANTIZATION_DATASET_H
