//===- WeightFiles.h - The files that a module's weights lie in -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A `sinter.weight` says where a tensor's bytes are, and the IR holds none of
// them. This maps the files of the module's `sinter.files`, and reads a weight
// from them when someone needs its values:
//
//   module attributes {sinter.files = ["model.onnx", "model.safetensors"]}
//   sinter.weight @query raw 1 at 4096 length 589824 : tensor<384x384xf32>
//
// A module may come from a stranger, so every number is checked against the file,
// and no file outside the folder is opened. The first file is the model itself,
// which the user named; it may be a link to elsewhere.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_LIB_WEIGHTS_WEIGHTFILES_H
#define SINTER_LIB_WEIGHTS_WEIGHTFILES_H

#include "dialects/sinter/IR/Sinter.h"
#include "lib/Support/HostTensor.h"
#include "lib/Support/MappedFile.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <vector>

namespace sinter {

class WeightFiles {
public:
  /// Maps those files that some weight of the module lies in. Their names are
  /// relative to `folder`; arrays of a calibration (Calibration::moduleFileName) lie
  /// in the archive beside `calibration`, the path of a calibration.json. A file
  /// that is missing or lies outside the folder is a Failure that names it.
  static llvm::Expected<WeightFiles> open(mlir::ModuleOp module, llvm::StringRef folder,
                                          llvm::StringRef calibration = "");

  /// Writes the elements, little-endian in row-major order, to `destination`,
  /// which must have exactly their size: `WeightFiles::sizeInBytes(weight)`.
  llvm::Error read(WeightOp weight, llvm::MutableArrayRef<char> destination) const;
  /// The same as a tensor.
  llvm::Expected<HostTensor> read(WeightOp weight) const;
  /// The bytes as they lie in the file; Failure for a weight whose encoding is not
  /// `raw`. They live as long as this object.
  llvm::Expected<llvm::ArrayRef<char>> view(WeightOp weight) const;

  /// Of the decoded elements.
  static int64_t sizeInBytes(WeightOp weight);

private:
  /// The weight's bytes, checked against the file.
  llvm::Expected<llvm::ArrayRef<char>> locate(WeightOp weight) const;

  std::vector<std::shared_ptr<const MappedFile>> files; // null: no weight lies there
};

} // namespace sinter

#endif // SINTER_LIB_WEIGHTS_WEIGHTFILES_H
