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

/// Writes `bundle` as the folder `out`: into a temporary folder beside it, synced,
/// then exchanged in one step, so that an interruption at any time leaves what was
/// at `out` before, or nothing. The same description gives the same bytes.
llvm::Error writeBundle(const BundleDescription &bundle, llvm::StringRef out, const WriteOptions &options = {});

/// The parts of a program that is linked into an application.
struct EncodedProgram {
  std::string program; // the bytes of program.bin, without manifest and files
  std::string weights; // all sections
};
/// For --emit=object, shared and static. `sectionHashes` are taken by filling each
/// section once; the whole of the weights is held in memory.
llvm::Expected<EncodedProgram> encodeProgram(const BundleDescription &bundle, const WriteOptions &options = {});

/// Whether `path` is a folder that Sinter wrote as a bundle.
bool isBundle(llvm::StringRef path);

} // namespace sinter

#endif // SINTER_BUNDLE_WRITEBUNDLE_H
