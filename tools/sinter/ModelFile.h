//===- ModelFile.h - Models, bundles and outputs as the command line names them ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_MODELFILE_H
#define SINTER_TOOLS_SINTER_MODELFILE_H

#include "include/sinter/Target.h"
#include "tools/sinter/CompileOptions.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace sinter::tool {

/// A model that was named: its path, or a temporary file with what standard input held, for `-`.
class ModelFile {
public:
  explicit ModelFile(const std::string &name);
  ~ModelFile();
  ModelFile(const ModelFile &) = delete;
  const std::string &path() const { return file; }

private:
  std::string file;
  bool isTemporary = false;
};

/// Throws Stop if `out` is to be a bundle, exists, and is none of Sinter's, or the folder around it does not exist.
void checkOutput(llvm::StringRef out, EmitKind kind, bool force);

/// What a verb was given in the place of OUT|MODEL, as a bundle.
struct Bundle {
  std::string folder;
  /// The source model, where that is what was given.
  std::string model;
};

/// A bundle as it is; a model is compiled into the cache, for this machine unless --target says otherwise, and that is
/// said. `dimsAreSizes`: `--dim NAME=N` gives a run's size and fixes nothing.
Bundle findBundle(const std::string &name, const CompileOptions &options, bool dimsAreSizes);

std::string absolutePath(llvm::StringRef path);
std::string sha256OfFile(const std::string &path);

/// {"NAME": [LO, HI]} of a module's symbols; HI is null where nothing bounds it.
llvm::json::Object describeDims(mlir::ModuleOp module);
/// "batch 1.., seq 1..512".
std::string dimsInWords(mlir::ModuleOp module);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_MODELFILE_H
