//===- BundleSource.cpp - What a bundle keeps of where it came from --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Bundle/BundleSource.h"

#include "lib/Support/Hash.h"

#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace sinter;

void sinter::describeSource(BundleDescription &bundle, llvm::StringRef name, llvm::StringRef modelPath) {
  bundle.name = name.str();
  bundle.compiler = "sinter";
  bundle.sourceFile = llvm::sys::path::filename(modelPath).str();
  if (auto source = llvm::MemoryBuffer::getFile(modelPath, /*IsText=*/false, /*RequiresNullTerminator=*/false))
    bundle.sourceSha256 = sha256Hex((*source)->getBuffer());
}

void sinter::addReference(BundleDescription &bundle, std::string name, mlir::ModuleOp reference) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  reference.print(stream, mlir::OpPrintingFlags().enableDebugInfo());
  bundle.files.push_back({std::move(name), text});
}

llvm::Error sinter::addKeptFiles(BundleDescription &bundle, mlir::ModuleOp reference,
                                 llvm::ArrayRef<std::string> paths) {
  addReference(bundle, "reference.mlir", reference);
  for (const std::string &path : paths) {
    llvm::Expected<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
    if (!file)
      return file.takeError();
    bundle.files.push_back({llvm::sys::path::filename(path).str(), "", *file});
  }
  return llvm::Error::success();
}
