//===- Hash.h - Hashes of bytes and files ---------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SHA-256 names a model and what is in a manifest, as other tools print it. The
// hash that finds damage in a bundle is runtime/format/hash.h.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_HASH_H
#define SINTER_SUPPORT_HASH_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace sinter {

/// The SHA-256 of `bytes`, as 64 lower-case hexadecimal digits.
std::string sha256Hex(llvm::StringRef bytes);

} // namespace sinter

#endif // SINTER_SUPPORT_HASH_H
