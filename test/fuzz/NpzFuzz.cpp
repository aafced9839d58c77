//===- NpzFuzz.cpp - Any bytes as an archive of NumPy's -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Npy.h"

using namespace sinter;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::consumeError(parseNpz({reinterpret_cast<const char *>(data), size}, "fuzz").takeError());
  return 0;
}
