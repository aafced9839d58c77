//===- open.c - Opens programs, linked in or from a folder ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include "runtime/core/internal.h"

#include "runtime/format/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static sinter_status failErrno(sinter_error *error, const char *path, const char *what) {
  sinter_status status = errno == ENOENT || errno == ENOTDIR ? SINTER_UNUSABLE
                         : errno == ENOMEM                   ? SINTER_NO_MEMORY
                                                             : SINTER_IO;
  char buffer[128];
  /* strerror_r has two forms; this one is POSIX's or GNU's, and either leaves a text. */
  const char *text = buffer;
  buffer[0] = 0;
#if defined(__GLIBC__)
  text = strerror_r(errno, buffer, sizeof buffer);
#else
  strerror_r(errno, buffer, sizeof buffer);
#endif
  return sinter_internal_fail(error, status, "'%s' cannot be %s: %s", path, what, text);
}

/* Opens a regular file to read. */
static sinter_status openFile(const char *path, int *descriptor, uint64_t *size, sinter_error *error) {
  *descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (*descriptor < 0)
    return failErrno(error, path, "opened");
  struct stat status;
  if (fstat(*descriptor, &status) != 0) {
    sinter_status result = failErrno(error, path, "read");
    close(*descriptor);
    return result;
  }
  if (!S_ISREG(status.st_mode)) {
    close(*descriptor);
    return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is not a file", path);
  }
  *size = (uint64_t)status.st_size;
  return SINTER_OK;
}

/* Reads all of `size` bytes; a file that became shorter is an error. */
static sinter_status readAll(int descriptor, unsigned char *bytes, uint64_t size, const char *path,
                             sinter_error *error) {
  for (uint64_t done = 0; done < size;) {
    uint64_t left = size - done;
    ssize_t count = read(descriptor, bytes + done, left < (1u << 30) ? (size_t)left : (size_t)1 << 30);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return failErrno(error, path, "read");
    if (count == 0)
      return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' became shorter while it was read", path);
    done += (uint64_t)count;
  }
  return SINTER_OK;
}

sinter_status sinter_internal_read_file(const char *path, unsigned char **bytes, uint64_t *size, sinter_error *error) {
  int descriptor;
  *bytes = NULL;
  sinter_status status = openFile(path, &descriptor, size, error);
  if (status)
    return status;
  *bytes = malloc(*size ? (size_t)*size : 1);
  status = *bytes ? readAll(descriptor, *bytes, *size, path, error)
                  : sinter_internal_fail(error, SINTER_NO_MEMORY, "no memory for the %llu bytes of '%s'",
                                         (unsigned long long)*size, path);
  if (status) {
    free(*bytes);
    *bytes = NULL;
  }
  close(descriptor);
  return status;
}

sinter_status sinter_internal_load_weights(sinter_program *program, const char *path, bool copy, sinter_error *error) {
  uint64_t required = program->header->weights_bytes, size;
  if (required == 0)
    return SINTER_OK;
  int descriptor;
  sinter_status status = openFile(path, &descriptor, &size, error);
  if (status)
    return status;
  if (size != required) {
    close(descriptor);
    return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' has %llu bytes, %llu are required", path,
                                (unsigned long long)size, (unsigned long long)required);
  }
  const uint64_t huge = 2u << 20;
  const bool align = copy && size >= huge;
  /* Memory for huge pages begins at a multiple of theirs. */
  program->weights_mapping_bytes = align ? size + huge : size;
  program->weights_mapping =
      copy ? mmap(NULL, program->weights_mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
           : mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (program->weights_mapping == MAP_FAILED) {
    program->weights_mapping = NULL;
    status = failErrno(error, path, "mapped");
  } else {
    uintptr_t base = (uintptr_t)program->weights_mapping;
    if (align)
      base = (base + huge - 1) / huge * huge;
    program->weights = (const unsigned char *)base;
    if (copy) {
#ifdef MADV_HUGEPAGE
      if (align)
        madvise((void *)base, size, MADV_HUGEPAGE); /* only a hint */
#endif
      status = readAll(descriptor, (unsigned char *)base, size, path, error);
      if (!status)
        mprotect(program->weights_mapping, program->weights_mapping_bytes, PROT_READ);
    }
  }
  close(descriptor);
  return status;
}

void sinter_program_close(sinter_program *program) {
  if (!program)
    return;
  if (program->library)
    program->close_library(program->library);
  sinter_internal_release_schedules(program);
  if (program->weights_mapping)
    munmap(program->weights_mapping, program->weights_mapping_bytes);
  free(program->owned_functions);
  free(program->owned_bytes);
  free(program->folder);
  free(program);
}

sinter_status sinter_program_open_model(const sinter_model *model, const sinter_program_options *given,
                                        sinter_program **result, sinter_error *error) {
  *result = NULL;
  if (!model)
    return sinter_internal_fail(error, SINTER_UNSUPPORTED,
                                "the linked-in program was compiled by a Sinter that does not fit this runtime (%s)",
                                sinter_runtime_version());
  if (model->version < 1 || model->version > SINTER_MODEL_VERSION || model->bytes < sizeof(sinter_model))
    return sinter_internal_fail(error, SINTER_UNSUPPORTED,
                                "the linked-in program has version %u; this runtime reads %u", model->version,
                                SINTER_MODEL_VERSION);
  sinter_program_options options;
  sinter_status status = sinter_internal_copy_options(&options, sizeof options, given, error);
  if (status)
    return status;
  sinter_program *program = calloc(1, sizeof *program);
  if (!program)
    return sinter_internal_fail(error, SINTER_NO_MEMORY, "no memory for a program");
  if ((uintptr_t)model->program % 8 != 0 || (uintptr_t)model->weights % SINTER_ALIGNMENT != 0)
    status = sinter_internal_fail(error, SINTER_UNUSABLE, "the linked-in program's tables or weights are not aligned");
  else
    status = sinter_internal_read_tables(program, model->program, model->program_bytes, "the linked-in program", error);
  if (!status && model->variant_count != program->header->variants.count)
    status = sinter_internal_fail(
        error, SINTER_UNUSABLE, "the linked-in program has %llu variants, its tables name %llu",
        (unsigned long long)model->variant_count, (unsigned long long)program->header->variants.count);
  if (!status)
    status = sinter_internal_choose_variant(program, options.variant, &program->variant, error);
  /* Schedules are files, which an application does not hold. */
  if (!status)
    status = sinter_internal_find_schedules(program, &options, NULL, error);
  if (!status) {
    program->functions = program->variant == SINTER_NO_INDEX ? NULL : model->kernels[program->variant];
    if (model->weights) {
      program->weights = model->weights;
      if (model->weights_bytes != program->header->weights_bytes)
        status = sinter_internal_fail(
            error, SINTER_UNUSABLE, "the linked-in weights have %llu bytes, %llu are required",
            (unsigned long long)model->weights_bytes, (unsigned long long)program->header->weights_bytes);
    } else if (options.weights_file) {
      status = sinter_internal_load_weights(program, options.weights_file, options.copy_weights != 0, error);
    } else if (program->header->weights_bytes) {
      status = sinter_internal_fail(error, SINTER_WRONG_CALL,
                                    "the weights of the linked-in program are a file: give its path as weights_file");
    }
  }
  if (status) {
    sinter_program_close(program);
    return status;
  }
  *result = program;
  return SINTER_OK;
}

sinter_status sinter_program_check_integrity(const sinter_program *program, sinter_error *error) {
  const sinter_program_header *header = program->header;
  uint64_t end = 0;
  for (uint64_t i = 0; i <= header->sections.count; ++i) {
    const sinter_section_record *section = &program->sections[i];
    const bool last = i == header->sections.count;
    for (uint64_t begin = last ? header->weights_bytes : section->offset; end < begin; ++end)
      if (program->weights[end])
        return sinter_internal_fail(error, SINTER_UNUSABLE,
                                    "the weights are damaged: byte %llu, between sections, is not 0",
                                    (unsigned long long)end);
    if (last)
      break;
    end = section->offset + section->bytes;
    if (sinter_hash_bytes(program->weights + section->offset, section->bytes) != section->hash)
      return sinter_internal_fail(error, SINTER_UNUSABLE,
                                  "the weights are damaged: the checksum of section '%s' is wrong",
                                  sinter_internal_text(program, section->name));
  }
  for (uint64_t i = 0; program->folder && i < header->files.count; ++i) {
    const sinter_file_record *file = &program->files[i];
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", program->folder, sinter_internal_text(program, file->name)) >=
        (int)sizeof path)
      return sinter_internal_fail(error, SINTER_UNUSABLE, "the path of '%s' is too long",
                                  sinter_internal_text(program, file->name));
    unsigned char *bytes;
    uint64_t size;
    sinter_status status = sinter_internal_read_file(path, &bytes, &size, error);
    if (status)
      return status;
    bool right = size == file->bytes && sinter_hash_bytes(bytes, size) == file->hash;
    free(bytes);
    if (!right)
      return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is damaged: its size or checksum is wrong", path);
  }
  return SINTER_OK;
}
