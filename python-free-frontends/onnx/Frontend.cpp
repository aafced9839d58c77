//===- Frontend.cpp - The ONNX frontend ----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Frontend.h"

#include "python-free-frontends/onnx/Importer.h"

#include "llvm/Support/FileSystem.h"

using namespace sinter;

namespace {
class OnnxFrontend : public Frontend {
public:
  llvm::StringRef getName() const override { return "onnx"; }
  bool accepts(llvm::StringRef path) const override { return path.ends_with(".onnx"); }
  llvm::Expected<ImportedModel> import(llvm::StringRef path, const ImportOptions &options,
                                       mlir::MLIRContext &context) const override {
    return onnx::importOnnx(path, options, context);
  }
};
} // namespace

namespace sinter {
std::unique_ptr<Frontend> createOnnxFrontend() { return std::make_unique<OnnxFrontend>(); }
} // namespace sinter
