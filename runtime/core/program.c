//===- program.c - What a program says about itself -----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifndef SINTER_RUNTIME_VERSION
#define SINTER_RUNTIME_VERSION "0.1.0"
#endif

const char *sinter_runtime_version(void) { return SINTER_RUNTIME_VERSION; }

sinter_status sinter_internal_fail(sinter_error *error, sinter_status status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
  }
  return status;
}

sinter_status sinter_internal_copy_options(void *to, uint32_t to_bytes, const void *from, sinter_error *error) {
  memset(to, 0, to_bytes);
  if (!from)
    return SINTER_OK;
  uint32_t from_bytes;
  memcpy(&from_bytes, from, sizeof from_bytes);
  if (from_bytes < sizeof from_bytes)
    return sinter_internal_fail(error, SINTER_WRONG_CALL, "the options' struct_bytes is not set");
  memcpy(to, from, from_bytes < to_bytes ? from_bytes : to_bytes);
  return SINTER_OK;
}

static bool runsHere(const sinter_variant_record *variant) {
  return variant->architecture == sinter_internal_architecture() &&
         (variant->features & ~sinter_internal_features()) == 0 && sinter_internal_enable(variant->features);
}

sinter_status sinter_internal_choose_variant(const sinter_program *program, const char *name, uint32_t *variant,
                                             sinter_error *error) {
  for (uint32_t i = 0; i < program->header->variants.count; ++i) {
    const sinter_variant_record *record = &program->variants[i];
    if (name && strcmp(name, sinter_internal_text(program, record->name)) != 0)
      continue;
    if (runsHere(record)) {
      *variant = i;
      return SINTER_OK;
    }
    if (name)
      return sinter_internal_fail(error, SINTER_UNSUPPORTED, "this machine cannot run variant '%s' of program '%s'",
                                  name, sinter_internal_text(program, program->header->name));
  }
  if (!program->header->variants.count && !name) {
    *variant = SINTER_NO_INDEX;
    return SINTER_OK;
  }
  if (!program->header->variants.count)
    return sinter_internal_fail(error, SINTER_WRONG_CALL, "program '%s' has no variant '%s'; it has none",
                                sinter_internal_text(program, program->header->name), name);
  char list[256] = "";
  size_t used = 0;
  for (uint32_t i = 0; i < program->header->variants.count && used < sizeof list; ++i)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s'%s'", i ? ", " : "",
                             sinter_internal_text(program, program->variants[i].name));
  if (name)
    return sinter_internal_fail(error, SINTER_WRONG_CALL, "program '%s' has no variant '%s'; it has %s",
                                sinter_internal_text(program, program->header->name), name, list);
  return sinter_internal_fail(error, SINTER_UNSUPPORTED,
                              "this machine can run none of the variants of program '%s': %s",
                              sinter_internal_text(program, program->header->name), list);
}

const char *sinter_internal_variant_name(const sinter_program *program) {
  return program->variant == SINTER_NO_INDEX ? ""
                                             : sinter_internal_text(program, program->variants[program->variant].name);
}

sinter_status sinter_program_get_info(const sinter_program *program, sinter_program_info *info) {
  const sinter_program_header *header = program->header;
  memset(info, 0, sizeof *info);
  info->name = sinter_internal_text(program, header->name);
  info->compiler = sinter_internal_text(program, header->compiler);
  info->target = sinter_internal_text(program, header->target);
  info->precision = sinter_internal_text(program, header->precision);
  info->source_file = sinter_internal_text(program, header->source_file);
  info->source_sha256 = sinter_internal_text(program, header->source_sha256);
  info->variant = sinter_internal_variant_name(program);
  info->arena_formula = sinter_internal_formula(program, header->arena_bytes);
  info->advance_formula = program->state_count ? sinter_internal_formula(program, header->advance) : "";
  info->weights_bytes = header->weights_bytes;
  info->code_bytes = program->variant == SINTER_NO_INDEX ? 0 : program->variants[program->variant].bytes;
  info->input_count = (uint32_t)header->inputs.count;
  info->output_count = (uint32_t)header->outputs.count;
  info->symbol_count = (uint32_t)header->symbols.count;
  info->check_count = (uint32_t)header->checks.count;
  info->kernel_count = (uint32_t)header->kernels.count;
  info->step_count = (uint32_t)header->steps.count;
  info->variant_count = (uint32_t)header->variants.count;
  info->section_count = (uint32_t)header->sections.count;
  info->file_count = (uint32_t)header->files.count;
  info->schedule_count = program->schedule_count;
  info->entry_count = program->entry_count;
  info->state_count = program->state_count;
  return SINTER_OK;
}

static sinter_status getValue(const sinter_program *program, const sinter_value_record *values, uint64_t count,
                              uint32_t index, sinter_value_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= count)
    return SINTER_WRONG_CALL;
  const sinter_value_record *value = &values[index];
  info->name = sinter_internal_text(program, value->name);
  info->type = (sinter_type)value->type;
  info->rank = value->dims.count;
  info->any_shape = (value->flags & SINTER_VALUE_ANY_SHAPE) != 0;
  for (uint32_t axis = 0; axis < value->dims.count; ++axis) {
    const sinter_dim_record *dim = &program->dims[value->dims.first + axis];
    info->dims[axis] = sinter_internal_formula(program, dim->size);
    info->dim_names[axis] = sinter_internal_text(program, dim->name);
  }
  return SINTER_OK;
}

sinter_status sinter_program_get_input(const sinter_program *program, uint32_t index, sinter_value_info *info) {
  return getValue(program, program->inputs, program->header->inputs.count, index, info);
}

sinter_status sinter_program_get_output(const sinter_program *program, uint32_t index, sinter_value_info *info) {
  return getValue(program, program->outputs, program->header->outputs.count, index, info);
}

static sinter_status findValue(const sinter_program *program, const sinter_value_record *values, uint64_t count,
                               const char *name, uint32_t *index) {
  *index = 0;
  for (uint32_t i = 0; i < count; ++i)
    if (strcmp(sinter_internal_text(program, values[i].name), name) == 0) {
      *index = i;
      return SINTER_OK;
    }
  return SINTER_WRONG_CALL;
}

sinter_status sinter_program_find_input(const sinter_program *program, const char *name, uint32_t *index) {
  return findValue(program, program->inputs, program->header->inputs.count, name, index);
}

sinter_status sinter_program_find_output(const sinter_program *program, const char *name, uint32_t *index) {
  return findValue(program, program->outputs, program->header->outputs.count, name, index);
}

sinter_status sinter_program_get_symbol(const sinter_program *program, uint32_t index, sinter_symbol_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->header->symbols.count)
    return SINTER_WRONG_CALL;
  const sinter_symbol_record *symbol = &program->symbols[index];
  info->name = sinter_internal_text(program, symbol->name);
  info->source = symbol->source;
  info->input = symbol->input;
  info->position = symbol->position;
  info->lowest = symbol->lowest;
  info->highest = symbol->highest;
  info->typical = symbol->typical;
  if (symbol->source != SINTER_FROM_RANGE)
    return SINTER_OK;
  info->position = 0;
  for (uint32_t i = 0; i < 3; ++i) {
    const int64_t *words = &program->words[symbol->position + 2 * i];
    info->range_inputs[i] = words[0] == -1 ? SINTER_NO_INDEX : (uint32_t)words[0];
    if (words[0] == -1)
      memcpy(&info->range_numbers[i], &words[1], sizeof info->range_numbers[i]);
  }
  return SINTER_OK;
}

sinter_status sinter_program_get_check(const sinter_program *program, uint32_t index, sinter_check_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->header->checks.count)
    return SINTER_WRONG_CALL;
  const sinter_check_record *check = &program->checks[index];
  info->kind = check->kind;
  info->input = check->input;
  info->axis = check->axis;
  info->left = check->kind == SINTER_CHECK_SIZE ? "" : sinter_internal_formula(program, check->left);
  info->right = sinter_internal_formula(program, check->right);
  info->text = sinter_internal_text(program, check->text);
  return SINTER_OK;
}

sinter_status sinter_program_get_entry(const sinter_program *program, uint32_t index, sinter_entry_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->entry_count)
    return SINTER_WRONG_CALL;
  const sinter_entry_record *entry = &program->entries[index];
  info->name = sinter_internal_text(program, entry->name);
  info->first_step = entry->steps.first;
  info->step_count = entry->steps.count;
  info->limit_count = entry->limits.count / 2;
  return SINTER_OK;
}

sinter_status sinter_program_find_entry(const sinter_program *program, const char *name, uint32_t *index) {
  *index = 0;
  for (uint32_t i = 0; i < program->entry_count; ++i)
    if (strcmp(sinter_internal_text(program, program->entries[i].name), name) == 0) {
      *index = i;
      return SINTER_OK;
    }
  return SINTER_WRONG_CALL;
}

sinter_status sinter_program_get_limit(const sinter_program *program, uint32_t entry, uint32_t index,
                                       sinter_size *limit) {
  memset(limit, 0, sizeof *limit);
  if (entry >= program->entry_count || index >= program->entries[entry].limits.count / 2)
    return SINTER_WRONG_CALL;
  const int64_t *words = program->words + program->entries[entry].limits.first + 2 * index;
  limit->symbol = sinter_internal_text(program, program->symbols[words[0]].name);
  limit->value = words[1];
  return SINTER_OK;
}

sinter_status sinter_program_get_state(const sinter_program *program, uint32_t index, sinter_state_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->state_count)
    return SINTER_WRONG_CALL;
  const sinter_state_record *state = &program->states[index];
  info->name = sinter_internal_text(program, state->name);
  info->type = (sinter_type)state->type;
  info->rank = state->dims.count;
  info->axis = state->axis;
  for (uint32_t axis = 0; axis < state->dims.count; ++axis)
    info->dims[axis] = sinter_internal_formula(program, program->dims[state->dims.first + axis].size);
  return SINTER_OK;
}

sinter_status sinter_program_get_step(const sinter_program *program, uint32_t index, sinter_step_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->header->steps.count)
    return SINTER_WRONG_CALL;
  const sinter_step_record *step = &program->steps[index];
  info->name = sinter_internal_text(program, step->name);
  info->kernel = sinter_runtime_kernel_name(step->kernel);
  if (!info->kernel)
    info->kernel = sinter_internal_text(program, program->kernels[step->kernel].name);
  info->tasks = sinter_internal_formula(program, step->tasks);
  info->scratch_bytes = sinter_internal_formula(program, step->scratch_bytes);
  return SINTER_OK;
}

const char *sinter_program_kernel_name(const sinter_program *program, uint32_t index) {
  return index < program->header->kernels.count ? sinter_internal_text(program, program->kernels[index].name) : NULL;
}

sinter_status sinter_program_get_variant(const sinter_program *program, uint32_t index, sinter_variant_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->header->variants.count)
    return SINTER_WRONG_CALL;
  const sinter_variant_record *variant = &program->variants[index];
  info->name = sinter_internal_text(program, variant->name);
  info->file = sinter_internal_text(program, variant->file);
  info->architecture = variant->architecture;
  info->features = variant->features;
  info->runs_here = runsHere(variant);
  info->bytes = variant->bytes;
  info->hash = variant->hash;
  return SINTER_OK;
}

sinter_status sinter_program_get_section(const sinter_program *program, uint32_t index, sinter_section_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->header->sections.count)
    return SINTER_WRONG_CALL;
  const sinter_section_record *section = &program->sections[index];
  info->name = sinter_internal_text(program, section->name);
  info->offset = section->offset;
  info->bytes = section->bytes;
  info->hash = section->hash;
  return SINTER_OK;
}

sinter_status sinter_program_get_file(const sinter_program *program, uint32_t index, sinter_section_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->header->files.count)
    return SINTER_WRONG_CALL;
  const sinter_file_record *file = &program->files[index];
  info->name = sinter_internal_text(program, file->name);
  info->bytes = file->bytes;
  info->hash = file->hash;
  return SINTER_OK;
}
