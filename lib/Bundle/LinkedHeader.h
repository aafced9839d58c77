//===- LinkedHeader.h - The header of a linked-in program -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_BUNDLE_LINKEDHEADER_H
#define SINTER_BUNDLE_LINKEDHEADER_H

#include "lib/Bundle/BundleDescription.h"

namespace sinter {

/// The text by which a header of ours is known.
inline constexpr char linkedHeaderMark[] = "Written by Sinter";

/// NAME.h: the query function, and the indices of inputs and outputs by name.
std::string encodeLinkedHeader(const BundleDescription &bundle, llvm::StringRef name);

} // namespace sinter

#endif // SINTER_BUNDLE_LINKEDHEADER_H
