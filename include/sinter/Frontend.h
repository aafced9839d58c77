//===- Frontend.h - Readers of model files -------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_FRONTEND_H
#define SINTER_FRONTEND_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sinter {

/// One `--dim`: what the user says of a dimension, named by its symbol or as INPUT.AXIS.
struct DimOption {
  std::string name;
  /// NAME=A|B|C: several sizes, for static targets.
  std::vector<int64_t> sizes;
  /// NAME=N (low == high), NAME=LO..HI.
  std::optional<int64_t> low, high;
  /// NAME=LO..HI:TYPICAL.
  std::optional<int64_t> typical;
  /// A=B: the two are one.
  std::optional<std::string> tiedTo;
};

struct ImportOptions {
  std::vector<DimOption> dims;
  /// Report all that would stop a compilation; reads no weights, and absent weight files are warnings.
  bool checkOnly = false;
};

struct ImportedModel {
  /// In phase `imported`. Its attribute `sinter.files` names the files that weights lie in, relative to `folder`.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string folder;
  std::vector<std::string> warnings;
};

/// A reader of one format. Errors are sinter::Failure (lib/Support/Failure.h), all unsupported nodes in one.
class Frontend {
public:
  virtual ~Frontend() = default;
  /// As in `sinter --version` and in messages: "onnx".
  virtual llvm::StringRef getName() const = 0;
  /// Whether the path looks like this format (its ending, or for a folder what it holds); opens nothing large.
  virtual bool accepts(llvm::StringRef path) const = 0;
  virtual llvm::Expected<ImportedModel> import(llvm::StringRef path, const ImportOptions &options,
                                               mlir::MLIRContext &context) const = 0;
};

/// All frontends of this build. CMake generates the list (lib/Pipeline/Registry.cpp.in).
const std::vector<std::unique_ptr<Frontend>> &getFrontends();

} // namespace sinter

#endif // SINTER_FRONTEND_H
