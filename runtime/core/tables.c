//===- tables.c - Checks a program's tables -------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After this, every offset, index and text of the tables can be used without
// another check. The checksum comes first, so that what the rest finds is a
// mistake of whoever wrote the program, not damage.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/internal.h"

#include "runtime/format/hash.h"

#include <stdarg.h>
#include <stdio.h>

/* What is being checked; `reason` is set by the first check that fails. */
typedef struct Reader {
  sinter_program *program;
  uint64_t size;
  char reason[160];
} Reader;

__attribute__((format(printf, 2, 3))) static bool refuse(Reader *reader, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reader->reason, sizeof reader->reason, format, arguments);
  va_end(arguments);
  return false;
}

static const void *tableOf(Reader *reader, sinter_table table, uint64_t record_bytes, const char *name) {
  if (table.offset % 8 != 0 || table.offset > reader->size ||
      table.count > (reader->size - table.offset) / record_bytes || table.count >= SINTER_NO_INDEX) {
    if (!reader->reason[0])
      refuse(reader, "its table of %s lies outside the file", name);
    return NULL;
  }
  return reader->program->bytes + table.offset;
}

static bool checkText(Reader *reader, sinter_text text, const char *of) {
  uint64_t end = (uint64_t)text.offset + text.length;
  if (end >= reader->program->header->strings.count || reader->program->strings[end] != 0)
    return refuse(reader, "a text of its %s lies outside the table of strings", of);
  return true;
}

static bool checkIndex(Reader *reader, uint64_t index, uint64_t count, const char *of) {
  if (index >= count)
    return refuse(reader, "an index of its %s is %llu, of %llu", of, (unsigned long long)index,
                  (unsigned long long)count);
  return true;
}

static bool checkExpression(Reader *reader, uint32_t index, const char *of) {
  return checkIndex(reader, index, reader->program->header->expressions.count, of);
}

static bool checkRange(Reader *reader, sinter_range range, uint64_t count, const char *of) {
  if ((uint64_t)range.first + range.count > count)
    return refuse(reader, "a range of its %s lies outside its table", of);
  return true;
}

static bool checkCode(Reader *reader, sinter_range code) {
  const sinter_program_header *header = reader->program->header;
  if (!checkRange(reader, code, header->words.count, "expressions"))
    return false;
  const int64_t *words = reader->program->words + code.first;
  uint32_t depth = 0;
  for (uint32_t i = 0; i < code.count; ++i) {
    int64_t instruction = words[i];
    if (instruction == SINTER_PUSH_CONSTANT || instruction == SINTER_PUSH_SYMBOL) {
      if (++i == code.count)
        return refuse(reader, "an expression ends within an instruction");
      if (instruction == SINTER_PUSH_SYMBOL &&
          !checkIndex(reader, (uint64_t)words[i], header->symbols.count, "expressions"))
        return false;
      if (++depth > SINTER_MAX_EXPRESSION_DEPTH)
        return refuse(reader, "an expression is nested too deeply");
      continue;
    }
    if (instruction < SINTER_ADD || instruction > SINTER_SELECT)
      return refuse(reader, "an expression has an unknown instruction");
    uint32_t operands = instruction == SINTER_SELECT ? 3 : 2;
    if (depth < operands)
      return refuse(reader, "an expression lacks an operand");
    depth -= operands - 1;
  }
  return depth == 1 || refuse(reader, "an expression leaves %u values", depth);
}

static bool checkValue(Reader *reader, const sinter_value_record *value, const char *of) {
  if (sinter_type_size(value->type) == 0)
    return refuse(reader, "one of its %s has the unknown type %u", of, value->type);
  if (value->flags & ~(uint32_t)SINTER_VALUE_ANY_SHAPE)
    return refuse(reader, "one of its %s has unknown flags", of);
  if (value->flags & SINTER_VALUE_ANY_SHAPE && value->dims.count)
    return refuse(reader, "one of its %s has any shape and dimensions", of);
  if (value->dims.count > SINTER_MAX_RANK)
    return refuse(reader, "one of its %s has %u dimensions", of, value->dims.count);
  return checkText(reader, value->name, of) && checkRange(reader, value->dims, reader->program->header->dims.count, of);
}

static bool checkSymbol(Reader *reader, const sinter_symbol_record *symbol) {
  const sinter_program *program = reader->program;
  if (symbol->source == SINTER_FROM_SESSION && program->header->version >= 4) {
    if (symbol->input != SINTER_NO_INDEX || symbol->position != 0)
      return refuse(reader, "a symbol of the session's is of an input");
    if (symbol->lowest < 0 || symbol->lowest > symbol->highest)
      return refuse(reader, "a symbol's bounds are empty");
    return checkText(reader, symbol->name, "symbols");
  }
  if (!checkText(reader, symbol->name, "symbols") ||
      !checkIndex(reader, symbol->input, program->header->inputs.count, "symbols"))
    return false;
  const sinter_value_record *input = &program->inputs[symbol->input];
  if (input->flags & SINTER_VALUE_ANY_SHAPE)
    return refuse(reader, "a symbol is of an input of any shape");
  switch (symbol->source) {
  case SINTER_FROM_AXIS:
    if (!checkIndex(reader, symbol->position, input->dims.count, "symbols"))
      return false;
    if (symbol->lowest < 0)
      return refuse(reader, "a size may be negative");
    break;
  case SINTER_FROM_ELEMENT:
    if (input->type == SINTER_STRING)
      return refuse(reader, "a symbol is an element of strings");
    break;
  case SINTER_FROM_RANGE: {
    uint64_t words = program->header->words.count;
    if (symbol->position >= words || words - symbol->position < 6)
      return refuse(reader, "a range lies outside the table of words");
    for (uint32_t i = 0; i < 6; i += 2) {
      int64_t operand = program->words[symbol->position + i];
      if (operand != -1 && !checkIndex(reader, (uint64_t)operand, program->header->inputs.count, "symbols"))
        return false;
      if (operand != -1 && (program->inputs[operand].type != input->type || program->inputs[operand].flags))
        return refuse(reader, "a range is of several types");
    }
    if (input->type > SINTER_BF16)
      return refuse(reader, "a range is of no floats");
    break;
  }
  default:
    return refuse(reader, "a symbol has the unknown source %u", symbol->source);
  }
  return symbol->lowest <= symbol->highest || refuse(reader, "a symbol's bounds are empty");
}

static bool checkCheck(Reader *reader, const sinter_check_record *check) {
  const sinter_program *program = reader->program;
  if (!checkText(reader, check->text, "checks") || !checkExpression(reader, check->right, "checks"))
    return false;
  switch (check->kind) {
  case SINTER_CHECK_SIZE:
    return checkIndex(reader, check->input, program->header->inputs.count, "checks") &&
           checkIndex(reader, check->axis, program->inputs[check->input].dims.count, "checks");
  case SINTER_CHECK_EQUAL:
  case SINTER_CHECK_AT_LEAST:
    return checkExpression(reader, check->left, "checks");
  default:
    return refuse(reader, "a check has the unknown kind %u", check->kind);
  }
}

static bool checkArgument(Reader *reader, const sinter_argument_record *argument) {
  const sinter_program_header *header = reader->program->header;
  switch (argument->kind) {
  case SINTER_ARGUMENT_ARENA:
  case SINTER_ARGUMENT_INTEGER:
    return checkExpression(reader, argument->index, "arguments");
  case SINTER_ARGUMENT_WEIGHTS:
    return (argument->value >= 0 && (uint64_t)argument->value <= header->weights_bytes) ||
           refuse(reader, "an argument points outside the weights");
  case SINTER_ARGUMENT_INPUT:
    return checkIndex(reader, argument->index, header->inputs.count, "arguments");
  case SINTER_ARGUMENT_OUTPUT:
    return checkIndex(reader, argument->index, header->outputs.count, "arguments");
  case SINTER_ARGUMENT_CONSTANT:
    return true;
  default:
    return refuse(reader, "an argument has the unknown kind %u", argument->kind);
  }
}

/* Of a runtime kernel that has a fixed number of arguments. */
static bool checkCount(Reader *reader, const sinter_step_record *step, uint32_t required) {
  return step->arguments.count == required ||
         refuse(reader, "a step of the runtime's own has %u arguments", step->arguments.count);
}

static bool checkSchedule(Reader *reader, const sinter_step_record *step) {
  const sinter_program *program = reader->program;
  const sinter_argument_record *arguments = &program->arguments[step->arguments.first];
  const uint32_t count = step->arguments.count;
  if (count < SINTER_SCHEDULE_WORDS || (count - SINTER_SCHEDULE_WORDS) % 2 != 0)
    return checkCount(reader, step, SINTER_SCHEDULE_WORDS);
  const uint32_t tensors = (count - SINTER_SCHEDULE_WORDS) / 2;
  for (uint32_t i = 0; i < SINTER_SCHEDULE_WORDS; ++i)
    if (arguments[i].kind != SINTER_ARGUMENT_CONSTANT &&
        !(i == SINTER_SCHEDULE_WEIGHTS && arguments[i].kind == SINTER_ARGUMENT_WEIGHTS))
      return refuse(reader, "word %u of a schedule's is no constant", i);
  const int64_t kind = arguments[SINTER_SCHEDULE_DEVICE].value, chip = arguments[SINTER_SCHEDULE_CHIP].value;
  const int64_t inputs = arguments[SINTER_SCHEDULE_INPUTS].value;
  const int64_t weights = arguments[SINTER_SCHEDULE_WEIGHTS].value;
  const int64_t bytes = arguments[SINTER_SCHEDULE_WEIGHTS_BYTES].value;
  if (kind < 0 || kind > UINT32_MAX || !sinter_device_kind_name((uint32_t)kind))
    return refuse(reader, "a schedule is for the unknown kind of device %lld", (long long)kind);
  if (!checkIndex(reader, (uint64_t)arguments[SINTER_SCHEDULE_FILE].value, program->header->files.count, "schedules") ||
      (chip != -1 && !checkIndex(reader, (uint64_t)chip, program->header->files.count, "schedules")))
    return false;
  const bool hasWeights = arguments[SINTER_SCHEDULE_WEIGHTS].kind == SINTER_ARGUMENT_WEIGHTS;
  if (hasWeights ? bytes < 0 || (uint64_t)bytes > program->header->weights_bytes - (uint64_t)weights
                 : bytes != 0 || weights != 0)
    return refuse(reader, "a schedule's weights lie outside the weights");
  if (inputs < 0 || inputs > tensors)
    return refuse(reader, "a schedule of %u tensors has %lld inputs", tensors, (long long)inputs);
  for (uint32_t i = 0; i < tensors; ++i) {
    const sinter_argument_record *tensor = &arguments[SINTER_SCHEDULE_WORDS + 2 * i];
    const uint32_t own = i < inputs ? SINTER_ARGUMENT_INPUT : SINTER_ARGUMENT_OUTPUT;
    if ((tensor[0].kind != SINTER_ARGUMENT_ARENA && tensor[0].kind != own) ||
        tensor[1].kind != SINTER_ARGUMENT_CONSTANT || tensor[1].value < 0)
      return refuse(reader, "a schedule's tensor %u has no place", i);
  }
  return true;
}

static bool checkResize(Reader *reader, const sinter_step_record *step) {
  const sinter_argument_record *arguments = &reader->program->arguments[step->arguments.first];
  if (step->arguments.count < 4 || step->arguments.count % 2 != 0 || step->arguments.count > 4 + 2 * SINTER_MAX_RANK)
    return checkCount(reader, step, 4);
  if ((arguments[0].kind != SINTER_ARGUMENT_INPUT && arguments[0].kind != SINTER_ARGUMENT_ARENA) ||
      (arguments[1].kind != SINTER_ARGUMENT_OUTPUT && arguments[1].kind != SINTER_ARGUMENT_ARENA))
    return refuse(reader, "a tensor that is resized has no place");
  const int64_t rank = (step->arguments.count - 4) / 2;
  if (arguments[2].kind != SINTER_ARGUMENT_CONSTANT || arguments[2].value < 1 || arguments[2].value > 16 ||
      arguments[3].kind != SINTER_ARGUMENT_CONSTANT || arguments[3].value != rank)
    return refuse(reader, "a tensor that is resized has no elements or another rank");
  for (uint32_t i = 4; i < step->arguments.count; ++i)
    if (arguments[i].kind != SINTER_ARGUMENT_CONSTANT && arguments[i].kind != SINTER_ARGUMENT_INTEGER)
      return refuse(reader, "a tensor that is resized has no sizes");
  return true;
}

static bool checkStore(Reader *reader, const sinter_step_record *step) {
  const sinter_argument_record *arguments = &reader->program->arguments[step->arguments.first];
  if (step->arguments.count != 2)
    return checkCount(reader, step, 2);
  if ((arguments[0].kind != SINTER_ARGUMENT_OUTPUT && arguments[0].kind != SINTER_ARGUMENT_ARENA) ||
      (arguments[1].kind != SINTER_ARGUMENT_CONSTANT && arguments[1].kind != SINTER_ARGUMENT_INTEGER))
    return refuse(reader, "a number that is stored has no place");
  return true;
}

static bool checkOwnKernel(Reader *reader, const sinter_step_record *step) {
  switch (step->kernel) {
  case SINTER_EXECUTE_SCHEDULE:
    return checkSchedule(reader, step);
  case SINTER_PARSE_NUMBERS:
    return checkCount(reader, step, 3);
  case SINTER_CHECK_INDICES:
  case SINTER_ARRANGE:
    return checkCount(reader, step, 5);
  case SINTER_RESIZE:
    return checkResize(reader, step);
  case SINTER_STORE:
    return checkStore(reader, step);
  default:
    return checkCount(reader, step, 4);
  }
}

static bool checkStep(Reader *reader, const sinter_step_record *step) {
  const sinter_program_header *header = reader->program->header;
  if (step->arguments.count > SINTER_MAX_ARGUMENTS)
    return refuse(reader, "a step has %u arguments", step->arguments.count);
  const bool isOwn = sinter_runtime_kernel_name(step->kernel) != NULL;
  return checkText(reader, step->name, "steps") &&
         checkRange(reader, step->arguments, header->arguments.count, "steps") &&
         (isOwn ? checkOwnKernel(reader, step) : checkIndex(reader, step->kernel, header->kernels.count, "steps")) &&
         checkExpression(reader, step->tasks, "steps") && checkExpression(reader, step->scratch_bytes, "steps") &&
         (step->index_input == SINTER_NO_INDEX || checkIndex(reader, step->index_input, header->inputs.count, "steps"));
}

static bool checkSections(Reader *reader) {
  const sinter_program *program = reader->program;
  uint64_t end = 0;
  for (uint64_t i = 0; i < program->header->sections.count; ++i) {
    const sinter_section_record *section = &program->sections[i];
    if (!checkText(reader, section->name, "sections"))
      return false;
    if (section->offset % SINTER_ALIGNMENT != 0 || section->offset < end ||
        section->bytes > program->header->weights_bytes ||
        section->offset > program->header->weights_bytes - section->bytes)
      return refuse(reader, "a section of weights lies outside the weights or in another one");
    end = section->offset + section->bytes;
  }
  return true;
}

static bool checkEntry(Reader *reader, const sinter_entry_record *entry) {
  const sinter_program_header *header = reader->program->header;
  if (!checkText(reader, entry->name, "entries") || !checkRange(reader, entry->steps, header->steps.count, "entries") ||
      !checkRange(reader, entry->limits, header->words.count, "entries"))
    return false;
  if (entry->limits.count % 2 != 0)
    return refuse(reader, "an entry's limits end within one");
  const int64_t *limits = reader->program->words + entry->limits.first;
  for (uint32_t i = 0; i < entry->limits.count; i += 2)
    if (!checkIndex(reader, (uint64_t)limits[i], header->symbols.count, "entries"))
      return false;
  return true;
}

static bool checkState(Reader *reader, const sinter_state_record *state) {
  if (sinter_type_size(state->type) == 0 || state->dims.count > SINTER_MAX_RANK)
    return refuse(reader, "one of its states has an unknown type or too many dimensions");
  return checkText(reader, state->name, "states") &&
         checkRange(reader, state->dims, reader->program->header->dims.count, "states") &&
         checkIndex(reader, state->axis, state->dims.count, "states");
}

/* What only later versions have; for others it is empty. */
static bool readLaterTables(Reader *reader) {
  sinter_program *program = reader->program;
  const sinter_program_header *header = program->header;
  program->entry_count = program->state_count = 0;
  if (header->version < 4)
    return true;
  program->entries = tableOf(reader, header->entries, sizeof(sinter_entry_record), "entries");
  program->states = tableOf(reader, header->states, sizeof(sinter_state_record), "states");
  if (reader->reason[0])
    return false;
  program->entry_count = (uint32_t)header->entries.count;
  program->state_count = (uint32_t)header->states.count;
  for (uint32_t i = 0; i < program->entry_count; ++i)
    if (!checkEntry(reader, &program->entries[i]))
      return false;
  for (uint32_t i = 0; i < program->state_count; ++i)
    if (!checkState(reader, &program->states[i]))
      return false;
  return program->state_count == 0 || checkExpression(reader, header->advance, "header");
}

static bool checkRecords(Reader *reader) {
  sinter_program *program = reader->program;
  const sinter_program_header *header = program->header;

#define TABLE(field, type) program->field = (const type *)tableOf(reader, header->field, sizeof(type), #field)
  TABLE(strings, char);
  TABLE(words, int64_t);
  TABLE(expressions, sinter_expression_record);
  TABLE(symbols, sinter_symbol_record);
  TABLE(checks, sinter_check_record);
  TABLE(dims, sinter_dim_record);
  TABLE(inputs, sinter_value_record);
  TABLE(outputs, sinter_value_record);
  TABLE(variants, sinter_variant_record);
  TABLE(kernel_symbols, sinter_text);
  TABLE(kernels, sinter_kernel_record);
  TABLE(arguments, sinter_argument_record);
  TABLE(steps, sinter_step_record);
  TABLE(sections, sinter_section_record);
  TABLE(files, sinter_file_record);
#undef TABLE
  if (reader->reason[0])
    return false;
  if (header->variants.count == 0 && header->kernels.count != 0)
    return refuse(reader, "it has kernels and no variants");

  if (!checkText(reader, header->name, "header") || !checkText(reader, header->compiler, "header") ||
      !checkText(reader, header->target, "header") || !checkText(reader, header->precision, "header") ||
      !checkText(reader, header->source_file, "header") || !checkText(reader, header->source_sha256, "header") ||
      !checkExpression(reader, header->arena_bytes, "header"))
    return false;
  for (uint64_t i = 0; i < header->expressions.count; ++i)
    if (!checkCode(reader, program->expressions[i].code) ||
        !checkText(reader, program->expressions[i].formula, "expressions"))
      return false;
  for (uint64_t i = 0; i < header->dims.count; ++i)
    if (!checkExpression(reader, program->dims[i].size, "dimensions") ||
        !checkText(reader, program->dims[i].name, "dimensions"))
      return false;
  for (uint64_t i = 0; i < header->inputs.count; ++i)
    if (!checkValue(reader, &program->inputs[i], "inputs"))
      return false;
  for (uint64_t i = 0; i < header->outputs.count; ++i)
    if (!checkValue(reader, &program->outputs[i], "outputs"))
      return false;
  for (uint64_t i = 0; i < header->symbols.count; ++i)
    if (!checkSymbol(reader, &program->symbols[i]))
      return false;
  for (uint64_t i = 0; i < header->checks.count; ++i)
    if (!checkCheck(reader, &program->checks[i]))
      return false;
  for (uint64_t i = 0; i < header->variants.count; ++i)
    if (!checkText(reader, program->variants[i].name, "variants") ||
        !checkText(reader, program->variants[i].file, "variants"))
      return false;
  for (uint64_t i = 0; i < header->kernel_symbols.count; ++i)
    if (!checkText(reader, program->kernel_symbols[i], "kernels"))
      return false;
  for (uint64_t i = 0; i < header->kernels.count; ++i) {
    const sinter_kernel_record *kernel = &program->kernels[i];
    if (!checkText(reader, kernel->name, "kernels") ||
        !checkRange(reader, kernel->symbols, header->kernel_symbols.count, "kernels"))
      return false;
    if (kernel->symbols.count != header->variants.count)
      return refuse(reader, "a kernel is missing in a variant");
  }
  for (uint64_t i = 0; i < header->arguments.count; ++i)
    if (!checkArgument(reader, &program->arguments[i]))
      return false;
  for (uint64_t i = 0; i < header->steps.count; ++i)
    if (!checkStep(reader, &program->steps[i]))
      return false;
  for (uint64_t i = 0; i < header->files.count; ++i)
    if (!checkText(reader, program->files[i].name, "files"))
      return false;
  return checkSections(reader) && readLaterTables(reader);
}

/* The hash of the file with the field for it as zero. */
static uint64_t checksumOf(const unsigned char *bytes, uint64_t size) {
  static const unsigned char zero[8] = {0};
  const uint64_t field = offsetof(sinter_program_header, checksum);
  sinter_hash_state state;
  sinter_hash_begin(&state);
  sinter_hash_add(&state, bytes, field);
  sinter_hash_add(&state, zero, 8);
  sinter_hash_add(&state, bytes + field + 8, size - field - 8);
  return sinter_hash_end(&state);
}

sinter_status sinter_internal_read_tables(sinter_program *program, const void *bytes, uint64_t size, const char *what,
                                          sinter_error *error) {
  /* Every version begins alike, up to the checksum, so that damage is not taken for a later version. */
  const sinter_program_header *header = (const sinter_program_header *)bytes;
  if (size < offsetof(sinter_program_header, checksum) + 8 || memcmp(bytes, SINTER_PROGRAM_MAGIC, 8) != 0)
    return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is not a program of Sinter's, or it is damaged", what);
  if (header->file_bytes != size)
    return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is damaged: it has %llu bytes, %llu are required", what,
                                (unsigned long long)size, (unsigned long long)header->file_bytes);
  if (checksumOf((const unsigned char *)bytes, size) != header->checksum)
    return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is damaged: its checksum is wrong", what);
  if (header->version > SINTER_PROGRAM_VERSION)
    return sinter_internal_fail(error, SINTER_UNSUPPORTED,
                                "'%s' has version %u of the format; this runtime (%s) reads versions up to %u", what,
                                header->version, sinter_runtime_version(), SINTER_PROGRAM_VERSION);
  const uint32_t headerBytes = sinter_header_bytes(header->version);
  if (header->version < 1 || header->header_bytes != headerBytes || size < headerBytes)
    return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is damaged: its header is not of version %u", what,
                                SINTER_PROGRAM_VERSION);

  Reader reader = {program, size, ""};
  program->bytes = (const unsigned char *)bytes;
  program->header = header;
  if (!checkRecords(&reader))
    return sinter_internal_fail(error, SINTER_UNUSABLE, "'%s' is malformed: %s", what, reader.reason);
  return SINTER_OK;
}
