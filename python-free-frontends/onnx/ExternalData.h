//===- ExternalData.h - Data files beside an ONNX model -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor of an ONNX model may lie in a file of its own, named relative to the
// model's folder. The name comes from the model, hence from a stranger, so that
// a model must not be able to read any file that its folder does not hold:
//
//   location := component { "/" component }      relative, not empty
//   component:  "..", "", and NUL bytes are refused; "." is dropped
//
// Symbolic links are followed only where they stay inside the folder; the system
// checks that while it opens the file (openat2 with RESOLVE_BENEATH), so there is
// no moment between check and use. Where the system lacks that call, the file is
// opened and then asked where it is.
//
//   offset, length := decimal digits             within 64 bits, their sum too
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PYTHON_FREE_FRONTENDS_ONNX_EXTERNALDATA_H
#define SINTER_PYTHON_FREE_FRONTENDS_ONNX_EXTERNALDATA_H

#include "lib/Support/MappedFile.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sinter::onnx {

/// The data files of one model.
class ExternalData {
public:
  /// `folder` holds the model; where it is empty every location is refused.
  ExternalData(llvm::StringRef folder, uint64_t maxFiles) : folder(folder.str()), maxFiles(maxFiles) {}

  /// The file at `location`, mapped once however often it is asked for. A null
  /// pointer: there is no such file, and `allowAbsent` permits that.
  llvm::Expected<std::shared_ptr<const MappedFile>> open(llvm::StringRef location, bool allowAbsent);

  /// In the order in which they were first asked for.
  const std::vector<std::shared_ptr<const MappedFile>> &files() const { return opened; }

  /// The location without "." and doubled slashes; a failure for one that is
  /// refused whatever the file system holds.
  static llvm::Expected<std::string> normalize(llvm::StringRef location);
  /// None for anything but one or more digits whose number fits 64 bits.
  static std::optional<uint64_t> parseNumber(llvm::StringRef digits);

private:
  std::string folder;
  uint64_t maxFiles;
  llvm::StringMap<std::shared_ptr<const MappedFile>> byLocation;
  std::vector<std::shared_ptr<const MappedFile>> opened;
};

} // namespace sinter::onnx

#endif // SINTER_PYTHON_FREE_FRONTENDS_ONNX_EXTERNALDATA_H
