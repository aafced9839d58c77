//===- ProgramFuzz.cpp - Any bytes as a program's tables ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Magic, version, length and checksum are put right, so that what is tested is
// the checks of the tables, and that what passes them can be walked.
//
//===----------------------------------------------------------------------===//

#include "runtime/format/hash.h"
#include "sinter-rt/sinter.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < sizeof(sinter_program_header))
    return 0;
  // In memory of the allocator's, aligned for the tables, so that a read beyond the end is found.
  std::unique_ptr<void, decltype(&free)> bytes(malloc(size), free);
  std::memcpy(bytes.get(), data, size);
  auto *header = static_cast<sinter_program_header *>(bytes.get());
  std::memcpy(header->magic, SINTER_PROGRAM_MAGIC, 8);
  header->version = SINTER_PROGRAM_VERSION;
  header->header_bytes = sizeof *header;
  header->file_bytes = size;
  header->checksum = 0;
  header->checksum = sinter_hash_bytes(bytes.get(), size);

  // As a program that is linked in: neither its code nor its weights are reached, since nothing is run.
  alignas(SINTER_ALIGNMENT) static const char weights[SINTER_ALIGNMENT] = {};
  std::vector<const sinter_kernel *> kernels(std::min<uint64_t>(header->variants.count, size));
  sinter_model model = {};
  model.version = SINTER_MODEL_VERSION;
  model.bytes = sizeof model;
  model.program = bytes.get();
  model.program_bytes = size;
  model.variant_count = header->variants.count;
  model.kernels = kernels.data();
  model.weights = weights;
  model.weights_bytes = header->weights_bytes;
  sinter_program *program = nullptr;
  sinter_error error;
  if (sinter_program_open_model(&model, nullptr, &program, &error))
    return 0;
  sinter_program_info info;
  sinter_program_get_info(program, &info);
  size_t lengths = 0;
  auto walk = [&](const sinter_value_info &value) {
    for (uint32_t axis = 0; axis < value.rank; ++axis)
      lengths += std::strlen(value.dims[axis]) + std::strlen(value.dim_names[axis]);
  };
  sinter_value_info value;
  for (uint32_t i = 0; i < info.input_count; ++i)
    if (!sinter_program_get_input(program, i, &value))
      walk(value);
  for (uint32_t i = 0; i < info.output_count; ++i)
    if (!sinter_program_get_output(program, i, &value))
      walk(value);
  sinter_memory memory;
  sinter_program_get_memory(program, nullptr, 0, &memory, nullptr);
  sinter_program_close(program);
  return lengths == SIZE_MAX;
}
