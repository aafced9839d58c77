//===- bundle.c - Opens a bundle's folder ---------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Apart from open.c, so that an application with a linked-in program does not
// contain a call of dlopen.
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include "runtime/core/internal.h"

#include "runtime/format/hash.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of the bundle; `path` has room for 4096 bytes. */
static sinter_status pathOf(const sinter_program *program, const char *name, char *path, sinter_error *error) {
  /* Files lie in the folder itself; a name that leads elsewhere is not ours. */
  if (name[0] == 0 || name[0] == '.' || strchr(name, '/'))
    return sinter_internal_fail(error, SINTER_UNUSABLE, "bundle '%s' names a file '%s', which cannot be in it",
                                program->folder, name);
  if (snprintf(path, 4096, "%s/%s", program->folder, name) >= 4096)
    return sinter_internal_fail(error, SINTER_UNUSABLE, "the path of bundle '%s' is too long", program->folder);
  return SINTER_OK;
}

/* Reads a file of the bundle and compares its size and hash. */
static sinter_status readChecked(const sinter_program *program, const char *name, uint64_t bytes, uint64_t hash,
                                 unsigned char **contents, sinter_error *error) {
  char path[4096];
  uint64_t size;
  *contents = NULL;
  sinter_status status = pathOf(program, name, path, error);
  if (!status)
    status = sinter_internal_read_file(path, contents, &size, error);
  if (status)
    return status;
  if (size != bytes)
    status = sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is damaged: it has %llu bytes, %llu are required", path,
                                  (unsigned long long)size, (unsigned long long)bytes);
  else if (sinter_hash_bytes(*contents, size) != hash)
    status = sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is damaged: its checksum is wrong", path);
  if (status) {
    free(*contents);
    *contents = NULL;
  }
  return status;
}

static sinter_status checkFile(const sinter_program *program, const char *name, uint64_t bytes, uint64_t hash,
                               sinter_error *error) {
  unsigned char *contents;
  sinter_status status = readChecked(program, name, bytes, hash, &contents, error);
  free(contents);
  return status;
}

static sinter_status readListed(const sinter_program *program, uint32_t file, unsigned char **bytes, uint64_t *size,
                                sinter_error *error) {
  const sinter_file_record *record = &program->files[file];
  *size = record->bytes;
  return readChecked(program, sinter_internal_text(program, record->name), record->bytes, record->hash, bytes, error);
}

static void closeLibrary(void *library) { dlclose(library); }

static sinter_status loadCode(sinter_program *program, sinter_error *error) {
  if (program->variant == SINTER_NO_INDEX)
    return SINTER_OK;
  const sinter_variant_record *variant = &program->variants[program->variant];
  char path[4096];
  sinter_status status = pathOf(program, sinter_internal_text(program, variant->file), path, error);
  if (status)
    return status;
  program->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!program->library)
    return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' cannot be loaded: %s", path, dlerror());
  program->close_library = closeLibrary;
  uint64_t count = program->header->kernels.count;
  program->owned_functions = calloc(count ? count : 1, sizeof(sinter_kernel));
  if (!program->owned_functions)
    return sinter_internal_fail(error, SINTER_NO_MEMORY, "no memory for a program");
  for (uint64_t i = 0; i < count; ++i) {
    sinter_text text = program->kernel_symbols[program->kernels[i].symbols.first + program->variant];
    void *symbol = dlsym(program->library, sinter_internal_text(program, text));
    if (!symbol)
      return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' has no kernel '%s'", path,
                                  sinter_internal_text(program, text));
    memcpy(&program->owned_functions[i], &symbol, sizeof symbol);
  }
  program->functions = program->owned_functions;
  return SINTER_OK;
}

static sinter_status openBundle(sinter_program *program, const sinter_program_options *options, sinter_error *error) {
  char path[4096];
  uint64_t size;
  unsigned char *bytes;
  sinter_status status = pathOf(program, SINTER_PROGRAM_FILE, path, error);
  if (!status)
    status = sinter_internal_read_file(path, &bytes, &size, error);
  if (status)
    return status;
  program->owned_bytes = bytes;
  if ((status = sinter_internal_read_tables(program, bytes, size, path, error)))
    return status;

  const sinter_program_header *header = program->header;
  if ((status = checkFile(program, SINTER_MANIFEST_FILE, header->manifest_bytes, header->manifest_hash, error)))
    return status;
  for (uint64_t i = 0; i < header->variants.count; ++i) {
    const sinter_variant_record *variant = &program->variants[i];
    if ((status =
             checkFile(program, sinter_internal_text(program, variant->file), variant->bytes, variant->hash, error)))
      return status;
  }
  if ((status = sinter_internal_choose_variant(program, options->variant, &program->variant, error)) ||
      (status = pathOf(program, SINTER_WEIGHTS_FILE, path, error)) ||
      (status = sinter_internal_load_weights(program, path, options->copy_weights != 0, error)) ||
      (status = sinter_internal_find_schedules(program, options, readListed, error)))
    return status;
  return loadCode(program, error);
}

sinter_status sinter_program_open(const char *folder, const sinter_program_options *given, sinter_program **result,
                                  sinter_error *error) {
  *result = NULL;
  if (!folder || !folder[0])
    return sinter_internal_fail(error, SINTER_WRONG_CALL, "no folder is given");
  sinter_program_options options;
  sinter_status status = sinter_internal_copy_options(&options, sizeof options, given, error);
  if (status)
    return status;
  sinter_program *program = calloc(1, sizeof *program);
  size_t length = strlen(folder);
  if (program && (program->folder = malloc(length + 1)))
    memcpy(program->folder, folder, length + 1);
  status = program && program->folder ? openBundle(program, &options, error)
                                      : sinter_internal_fail(error, SINTER_NO_MEMORY, "no memory for a program");
  if (status) {
    sinter_program_close(program);
    return status;
  }
  *result = program;
  return SINTER_OK;
}
