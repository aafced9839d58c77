//===- WriteBundle.h - Writes bundles -------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_BUNDLE_WRITEBUNDLE_H
#define SINTER_BUNDLE_WRITEBUNDLE_H

#include "lib/Bundle/BundleDescription.h"

namespace sinter {

struct WriteOptions {
  /// Replace whatever lies at the output's path, not only a bundle of Sinter's.
  bool force = false;
  /// Sections of weights are filled by this many threads. Peak memory is the
  /// largest section, or 64 MB where that is more.
  unsigned threads = 1;
  /// Called after each section, from one thread at a time: bytes so far, of all.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

/// What was written.
struct BundleSummary {
  std::string sha256; // of program.bin, which holds the hashes of all else
  uint64_t weightsBytes = 0;
  uint64_t codeBytes = 0; // of all variants
  uint64_t totalBytes = 0;
};

/// Writes `bundle` as the folder `out`: into a temporary folder beside it, synced,
/// then exchanged in one step, so that an interruption at any time leaves what was
/// at `out` before, or nothing. The same description gives the same bytes.
///
/// What lies at `out` is replaced if it is a bundle of Sinter's with nothing else
/// in it, or an empty folder, or with `force`.
llvm::Error writeBundle(const BundleDescription &bundle, llvm::StringRef out, const WriteOptions &options = {},
                        BundleSummary *summary = nullptr);

/// For --emit=object, shared and static: writes the sections of weights to the file
/// `weightsFile` (atomically, too) and returns the bytes of program.bin that go into
/// a sinter_model. The variants' code is not used; kernels and variants keep their
/// order. The linked-in weights are the bytes of that file, aligned to 64.
llvm::Expected<std::string> encodeProgram(const BundleDescription &bundle, llvm::StringRef weightsFile,
                                          const WriteOptions &options = {});

/// Whether `path` is a folder that Sinter wrote as a bundle.
bool isBundle(llvm::StringRef path);

} // namespace sinter

#endif // SINTER_BUNDLE_WRITEBUNDLE_H
