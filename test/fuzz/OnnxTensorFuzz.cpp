//===- OnnxTensorFuzz.cpp - Any bytes as an ONNX tensor's file ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Model.h"

using namespace sinter;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = MappedFile::fromMemory({reinterpret_cast<const char *>(data), size}, "fuzz");
  llvm::Expected<onnx::Tensor> tensor = onnx::readTensorFile(file);
  if (!tensor) {
    llvm::consumeError(tensor.takeError());
    return 0;
  }
  std::vector<char> values(tensor->numBytes());
  llvm::consumeError(tensor->read(values));
  llvm::consumeError(tensor->toHostTensor().takeError());
  return 0;
}
