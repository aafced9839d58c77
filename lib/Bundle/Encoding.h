//===- Encoding.h - From a description to bytes ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_BUNDLE_ENCODING_H
#define SINTER_BUNDLE_ENCODING_H

#include "lib/Bundle/BundleDescription.h"

namespace sinter {

/// Where a section lies in the weights, and its hash once it is written.
struct PlacedSection {
  uint64_t offset = 0;
  uint64_t hash = 0;
};

/// The sections in their order, each at the next multiple of SINTER_ALIGNMENT.
std::vector<PlacedSection> placeSections(const BundleDescription &bundle, uint64_t &weightsBytes);

/// Refuses what a program cannot hold; a description that contradicts itself is an
/// internal error.
llvm::Error checkDescription(const BundleDescription &bundle);

/// The least version of the format that says all of it.
uint32_t programVersion(const BundleDescription &bundle);

/// The name of a variant's code file.
std::string codeFileName(const BundleVariant &variant);

/// The bytes of program.bin, except for what sealProgram adds. `linkedIn`: without
/// code and other files. The description has been checked.
llvm::Expected<std::string> encodeTables(const BundleDescription &bundle, const std::vector<PlacedSection> &sections,
                                         uint64_t weightsBytes, bool linkedIn);
/// Enters the manifest's size and hash (none where it is empty) and the checksum.
void sealProgram(std::string &program, llvm::StringRef manifest);

/// The text of manifest.json for tables that are not sealed yet.
std::string encodeManifest(const BundleDescription &bundle, const std::vector<PlacedSection> &sections,
                           uint64_t weightsBytes, llvm::StringRef program);

} // namespace sinter

#endif // SINTER_BUNDLE_ENCODING_H
