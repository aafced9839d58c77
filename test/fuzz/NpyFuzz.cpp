//===- NpyFuzz.cpp - Any bytes as an array of NumPy's ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Npy.h"

#include <cstdlib>

using namespace sinter;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::Expected<HostTensor> tensor = parseNpy({reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!tensor) {
    llvm::consumeError(tensor.takeError());
    return 0;
  }
  // What was read is written so that it reads the same.
  std::string file = formatNpy(*tensor);
  llvm::Expected<HostTensor> again = parseNpy({file.data(), file.size()}, "fuzz");
  if (!again || !compare(*again, *tensor, 0, 0).matches)
    std::abort();
  return 0;
}
