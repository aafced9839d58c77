//===- LinkedProgram.h - Programs that are linked into applications -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// --emit=object, static and shared: one file that holds a program's tables, its
// kernels for each variant and its weights, and a header for C and C++ beside it:
//
//   const sinter_model *minilm_query(uint32_t max_version);
//
// which is the only symbol that an application sees, and the one that a shared
// object exports. All others begin with the name and are hidden, so that several
// programs link into one application. Nothing runs before main.
//
// The weights lie in a read-only section of their own, which on x86-64 is one of
// the large ones, so that gigabytes of them disturb nobody's code.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_BUNDLE_LINKEDPROGRAM_H
#define SINTER_BUNDLE_LINKEDPROGRAM_H

#include "lib/Bundle/WriteBundle.h"

namespace sinter {

enum class LinkedForm { Object, Static, Shared };

struct LinkedOptions {
  LinkedForm form = LinkedForm::Object;
  /// What the symbols begin with.
  std::string name;
  /// LLVM's name of the machine, "x86_64-unknown-linux-gnu"; its code generator must have been initialized.
  std::string triple;
  WriteOptions write;
};

/// A name for symbols from a file's: "all-MiniLM-L6-v2.onnx" gives "all_MiniLM_L6_v2".
std::string symbolNameFrom(llvm::StringRef file);
/// Refuses names that C cannot have, and those of the runtime (sinter_...).
llvm::Error checkSymbolName(llvm::StringRef name);

/// Writes `out` and, beside it, NAME.h, each whole or not at all. `objects` are ELF objects with the kernels of the
/// bundle's variants, which may share some. In them, kernel k of variant v is the global symbol
/// bundle.kernels[k].symbols[v], which begins with the name (where the bundle has one variant, `symbols` may be empty,
/// for the kernel's own name).
///
/// An existing file is replaced if a Sinter wrote it, or with options.write.force.
llvm::Error writeLinkedProgram(const BundleDescription &bundle, llvm::ArrayRef<llvm::StringRef> objects,
                               llvm::StringRef out, const LinkedOptions &options, BundleSummary *summary = nullptr);

} // namespace sinter

#endif // SINTER_BUNDLE_LINKEDPROGRAM_H
