//===- BundleSource.h - What a bundle keeps of where it came from ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_BUNDLE_BUNDLESOURCE_H
#define SINTER_BUNDLE_BUNDLESOURCE_H

#include "lib/Bundle/BundleDescription.h"

#include "mlir/IR/BuiltinOps.h"

namespace sinter {

/// The bundle's name, the compiler's, and the source model's file and hash.
void describeSource(BundleDescription &bundle, llvm::StringRef name, llvm::StringRef modelPath);

/// A module as a file of that name.
void addReference(BundleDescription &bundle, std::string name, mlir::ModuleOp reference);

/// Files that the runtime does not read: `reference`, which `verify` interprets, and copies of others, under their
/// names. One that cannot be opened is a Failure.
llvm::Error addKeptFiles(BundleDescription &bundle, mlir::ModuleOp reference, llvm::ArrayRef<std::string> paths);

} // namespace sinter

#endif // SINTER_BUNDLE_BUNDLESOURCE_H
