//===- run.c - Runs a program once ----------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A run with the sizes of the one before costs next to nothing here: symbols are
// read again, and where none changed, neither checks nor expressions nor the
// kernels' arguments are computed anew.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/internal.h"
#include "runtime/core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *nameOf(const sinter_program *program, const sinter_value_record *value) {
  return sinter_internal_text(program, value->name);
}

sinter_status sinter_session_set_input(sinter_session *session, uint32_t index, const void *data, sinter_type type,
                                       const int64_t *dims, uint32_t rank) {
  const sinter_program *program = session->program;
  sinter_error *error = &session->error;
  if (index >= program->header->inputs.count)
    return sinter_internal_fail(error, SINTER_WRONG_CALL, "program '%s' has %llu inputs; there is no input %u",
                                sinter_internal_text(program, program->header->name),
                                (unsigned long long)program->header->inputs.count, index);
  const sinter_value_record *value = &program->inputs[index];
  sinter_internal_input *input = &session->inputs[index];
  input->given = false;
  if (type != value->type)
    return sinter_internal_fail(error, SINTER_UNUSABLE, "input '%s' has type %s; %s is required",
                                nameOf(program, value), sinter_type_name(type), sinter_type_name(value->type));
  const bool anyShape = (value->flags & SINTER_VALUE_ANY_SHAPE) != 0;
  if (!anyShape && rank != value->dims.count)
    return sinter_internal_fail(error, SINTER_UNUSABLE, "input '%s' has %u dimensions; %u are required",
                                nameOf(program, value), rank, value->dims.count);
  int64_t elements = 1;
  for (uint32_t axis = 0; axis < rank; ++axis) {
    if (dims[axis] < 0)
      return sinter_internal_fail(error, SINTER_UNUSABLE, "input '%s' has the size %lld along axis %u",
                                  nameOf(program, value), (long long)dims[axis], axis);
    if (__builtin_mul_overflow(elements, dims[axis] ? dims[axis] : 1, &elements) ||
        elements > INT64_MAX / (int64_t)sizeof(sinter_string))
      return sinter_internal_fail(error, SINTER_UNUSABLE, "input '%s' has more elements than memory can hold",
                                  nameOf(program, value));
    if (anyShape)
      continue;
    if (dims[axis] != input->dims[axis])
      session->sizes_changed = true;
    input->dims[axis] = dims[axis];
  }
  for (uint32_t axis = 0; axis < rank; ++axis)
    elements = dims[axis] ? elements : 0;
  if (!data && elements)
    return sinter_internal_fail(error, SINTER_WRONG_CALL, "input '%s' has elements, but no data",
                                nameOf(program, value));
  if ((uintptr_t)data % sinter_type_alignment(type) != 0)
    return sinter_internal_fail(error, SINTER_WRONG_CALL,
                                "the data of input '%s' is not aligned to its elements' %u bytes",
                                nameOf(program, value), sinter_type_alignment(type));
  if (data != input->data)
    session->resolved = false;
  input->data = data;
  input->given = true;
  return SINTER_OK;
}

sinter_status sinter_session_set_output(sinter_session *session, uint32_t index, void *data, uint64_t capacity) {
  const sinter_program *program = session->program;
  if (index >= program->header->outputs.count)
    return sinter_internal_fail(&session->error, SINTER_WRONG_CALL,
                                "program '%s' has %llu outputs; there is no output %u",
                                sinter_internal_text(program, program->header->name),
                                (unsigned long long)program->header->outputs.count, index);
  const sinter_value_record *value = &program->outputs[index];
  if ((uintptr_t)data % sinter_type_alignment(value->type) != 0)
    return sinter_internal_fail(&session->error, SINTER_WRONG_CALL,
                                "the data for output '%s' is not aligned to its elements' %u bytes",
                                nameOf(program, value), sinter_type_alignment(value->type));
  sinter_internal_output *output = &session->outputs[index];
  output->data = data ? data : output->own;
  output->capacity = data ? capacity : output->own_bytes;
  session->resolved = false;
  session->ran = false;
  return SINTER_OK;
}

sinter_status sinter_session_set_profile(sinter_session *session, uint64_t *ticks, uint32_t count) {
  uint64_t steps = session->program->header->steps.count;
  if (ticks && count < steps)
    return sinter_internal_fail(&session->error, SINTER_WRONG_CALL,
                                "a profile of %u steps is given; the program has %llu", count,
                                (unsigned long long)steps);
  session->ticks = ticks;
  return SINTER_OK;
}

sinter_status sinter_session_get_output(const sinter_session *session, uint32_t index, sinter_tensor *tensor) {
  memset(tensor, 0, sizeof *tensor);
  const sinter_program *program = session->program;
  if (index >= program->header->outputs.count || !session->ran)
    return SINTER_WRONG_CALL;
  const sinter_internal_output *output = &session->outputs[index];
  const sinter_value_record *value = &program->outputs[index];
  tensor->data = output->data;
  tensor->bytes = output->bytes;
  tensor->type = (sinter_type)value->type;
  tensor->rank = value->dims.count;
  memcpy(tensor->dims, output->dims, value->dims.count * sizeof(int64_t));
  return SINTER_OK;
}

/* A float without its fraction. False: it does not fit 64 bits, or is no number. */
static bool truncate(double number, int64_t *result) {
  if (!(number > -9.2e18 && number < 9.2e18))
    return false;
  *result = (int64_t)number;
  return true;
}

/* A float of 16 bits, whose exponent has `exponentBits` (5: f16, 8: bf16). */
static double widen(uint16_t bits, int exponentBits) {
  const int fractionBits = 15 - exponentBits, bias = (1 << (exponentBits - 1)) - 1;
  const int exponent = bits >> fractionBits & ((1 << exponentBits) - 1);
  const int fraction = bits & ((1 << fractionBits) - 1);
  if (exponent == (1 << exponentBits) - 1)
    return HUGE_VAL; /* no number: truncate refuses it */
  double value = exponent ? (1 << fractionBits) + fraction : fraction;
  for (int power = (exponent ? exponent : 1) - bias - fractionBits; power; power += power < 0 ? 1 : -1)
    value = power < 0 ? value / 2 : value * 2;
  return bits & 0x8000 ? -value : value;
}

static double readFloat(const void *data, uint32_t type) {
  switch (type) {
  case SINTER_F32:
    return *(const float *)data;
  case SINTER_F64:
    return *(const double *)data;
  default:
    return widen(*(const uint16_t *)data, type == SINTER_F16 ? 5 : 8);
  }
}

/* The nearest float whose significand has `bits` bits, of two the even one. */
static float roundTo(float number, int bits) {
  const uint32_t dropped = 24 - (uint32_t)bits;
  uint32_t pattern;
  memcpy(&pattern, &number, sizeof pattern);
  pattern += (UINT32_C(1) << (dropped - 1)) - 1 + (pattern >> dropped & 1);
  pattern &= ~((UINT32_C(1) << dropped) - 1);
  memcpy(&number, &pattern, sizeof number);
  return number;
}

/* The length of a range of floats (program.h). False: it is not finite, or by 0. */
static bool measureRange(const double range[3], uint32_t type, int64_t *length) {
  const double start = range[0], limit = range[1], delta = range[2];
  double quotient;
  if (!isfinite(start) || !isfinite(limit) || !isfinite(delta) || delta == 0)
    return false;
  if (type == SINTER_F64) {
    quotient = (limit - start) / delta;
    if (!isfinite(limit - start))
      return false;
  } else {
    float difference = (float)limit - (float)start;
    if (type != SINTER_F32)
      difference = roundTo(difference, type == SINTER_F16 ? 11 : 8);
    if (!isfinite(difference) || (type == SINTER_F16 && fabsf(difference) > 65504))
      return false;
    quotient = difference / (float)delta;
  }
  *length = 0;
  if (!(quotient > 0))
    return true;
  if (!truncate(quotient, length))
    return false;
  *length += (double)*length < quotient; /* up to the next integer */
  return true;
}

/* Element `position` of an input, of a float without its fraction. False: it does not fit 64 bits. */
static bool readInteger(const void *data, uint32_t type, uint64_t position, int64_t *result) {
  switch (type) {
  case SINTER_F32:
    return truncate(((const float *)data)[position], result);
  case SINTER_F64:
    return truncate(((const double *)data)[position], result);
  case SINTER_F16:
    return truncate(widen(((const uint16_t *)data)[position], 5), result);
  case SINTER_BF16:
    return truncate(widen(((const uint16_t *)data)[position], 8), result);
  case SINTER_I8:
    *result = ((const int8_t *)data)[position];
    return true;
  case SINTER_I16:
    *result = ((const int16_t *)data)[position];
    return true;
  case SINTER_I32:
    *result = ((const int32_t *)data)[position];
    return true;
  case SINTER_I64:
    *result = ((const int64_t *)data)[position];
    return true;
  case SINTER_U8:
  case SINTER_BOOL:
    *result = ((const uint8_t *)data)[position];
    return true;
  case SINTER_U16:
    *result = ((const uint16_t *)data)[position];
    return true;
  case SINTER_U32:
    *result = ((const uint32_t *)data)[position];
    return true;
  case SINTER_U64:
    *result = (int64_t)((const uint64_t *)data)[position];
    return *result >= 0;
  default: /* sizes come as no narrow type */
    return false;
  }
}

/* "input 'ids' along axis 1 ('seq')", or "element 0 of input 'shape'". */
static const char *describeSymbol(const sinter_program *program, const sinter_symbol_record *symbol, char text[256]) {
  if (symbol->source == SINTER_FROM_SESSION) {
    snprintf(text, 256, "the number of positions in the states ('%s')", sinter_internal_text(program, symbol->name));
    return text;
  }
  const char *input = nameOf(program, &program->inputs[symbol->input]);
  if (symbol->source == SINTER_FROM_AXIS)
    snprintf(text, 256, "the size of input '%s' along axis %llu ('%s')", input, (unsigned long long)symbol->position,
             sinter_internal_text(program, symbol->name));
  else if (symbol->source == SINTER_FROM_RANGE)
    snprintf(text, 256, "the length of a range ('%s')", sinter_internal_text(program, symbol->name));
  else
    snprintf(text, 256, "element %llu of input '%s'", (unsigned long long)symbol->position, input);
  return text;
}

/* The elements of an input as it is given. */
static uint64_t countElements(const sinter_program *program, const sinter_session *session, uint32_t input) {
  uint64_t elements = 1;
  for (uint32_t axis = 0; axis < program->inputs[input].dims.count; ++axis)
    elements *= (uint64_t)session->inputs[input].dims[axis];
  return elements;
}

static sinter_status readRange(sinter_session *session, const sinter_symbol_record *symbol, int64_t *value) {
  const sinter_program *program = session->program;
  double range[3];
  for (uint32_t i = 0; i < 3; ++i) {
    const int64_t *words = &program->words[symbol->position + 2 * i];
    if (words[0] == -1) {
      memcpy(&range[i], &words[1], sizeof range[i]);
      continue;
    }
    const uint32_t input = (uint32_t)words[0];
    if (countElements(program, session, input) == 0)
      return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                  "input '%s' has no elements; at least 1 is required",
                                  nameOf(program, &program->inputs[input]));
    range[i] = readFloat(session->inputs[input].data, program->inputs[input].type);
  }
  if (!measureRange(range, program->inputs[symbol->input].type, value))
    return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                "the range from %g to %g by %g ('%s') has no finite length", range[0], range[1],
                                range[2], sinter_internal_text(program, symbol->name));
  return SINTER_OK;
}

/* Takes the symbols' values from the inputs. Sets `changed` where one differs
   from the run before. */
static sinter_status readSymbols(sinter_session *session, bool *changed) {
  const sinter_program *program = session->program;
  sinter_error *error = &session->error;
  char text[256];
  for (uint32_t i = 0; i < program->header->symbols.count; ++i) {
    const sinter_symbol_record *symbol = &program->symbols[i];
    const bool isOfSession = symbol->source == SINTER_FROM_SESSION;
    const sinter_internal_input *input = isOfSession ? NULL : &session->inputs[symbol->input];
    const sinter_value_record *record = isOfSession ? NULL : &program->inputs[symbol->input];
    int64_t value;
    if (isOfSession) {
      value = session->past;
    } else if (symbol->source == SINTER_FROM_AXIS) {
      value = input->dims[symbol->position];
    } else if (symbol->source == SINTER_FROM_RANGE) {
      const sinter_status status = readRange(session, symbol, &value);
      if (status)
        return status;
    } else {
      const uint64_t elements = countElements(program, session, symbol->input);
      if (symbol->position >= elements)
        return sinter_internal_fail(error, SINTER_UNUSABLE, "input '%s' has %llu elements; at least %llu are required",
                                    nameOf(program, record), (unsigned long long)elements,
                                    (unsigned long long)symbol->position + 1);
      if (!readInteger(input->data, record->type, symbol->position, &value))
        return sinter_internal_fail(error, SINTER_UNUSABLE, "%s does not fit 64 bits with a sign",
                                    describeSymbol(program, symbol, text));
    }
    if (value < symbol->lowest)
      return sinter_internal_fail(error, SINTER_UNUSABLE, "%s is %lld; at least %lld is required",
                                  describeSymbol(program, symbol, text), (long long)value, (long long)symbol->lowest);
    if (value > symbol->highest)
      return sinter_internal_fail(error, SINTER_UNUSABLE, "%s is %lld; at most %lld is allowed",
                                  describeSymbol(program, symbol, text), (long long)value, (long long)symbol->highest);
    if (value > session->greatest[i])
      return sinter_internal_fail(error, SINTER_TOO_LARGE, "%s is %lld; the session was made for at most %lld",
                                  describeSymbol(program, symbol, text), (long long)value,
                                  (long long)session->greatest[i]);
    if (value != session->values[i])
      *changed = true;
    session->values[i] = value;
  }
  return SINTER_OK;
}

static sinter_status evaluateAll(sinter_session *session) {
  const sinter_program *program = session->program;
  for (uint32_t i = 0; i < program->header->expressions.count; ++i)
    if (!sinter_internal_evaluate(program, i, session->values, &session->expressions[i]))
      return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                  "with these sizes, %s overflows 64 bits or divides by zero",
                                  sinter_internal_formula(program, i));
  return SINTER_OK;
}

static sinter_status checkSize(sinter_session *session, uint32_t input, uint32_t axis, uint32_t expression,
                               const char *name) {
  const sinter_program *program = session->program;
  int64_t actual = session->inputs[input].dims[axis], required = session->expressions[expression];
  if (actual == required)
    return SINTER_OK;
  const char *formula = sinter_internal_formula(program, expression);
  bool named = name[0] && strcmp(name, formula) != 0;
  return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                              "the size of input '%s' along axis %u%s%s%s is %lld; %lld is required (%s)",
                              nameOf(program, &program->inputs[input]), axis, named ? " ('" : "", named ? name : "",
                              named ? "')" : "", (long long)actual, (long long)required, formula);
}

/* "batch * seq = 12", or "12" where that is the formula. */
static const char *describeValue(const sinter_program *program, uint32_t expression, int64_t value, char text[128]) {
  char number[32];
  snprintf(number, sizeof number, "%lld", (long long)value);
  const char *formula = sinter_internal_formula(program, expression);
  if (strcmp(formula, number) == 0)
    snprintf(text, 128, "%s", number);
  else
    snprintf(text, 128, "%.90s = %s", formula, number);
  return text;
}

static sinter_status checkAll(sinter_session *session) {
  const sinter_program *program = session->program;
  sinter_status status;
  for (uint32_t i = 0; i < program->header->inputs.count; ++i) {
    sinter_range dims = program->inputs[i].dims;
    for (uint32_t axis = 0; axis < dims.count; ++axis) {
      const sinter_dim_record *dim = &program->dims[dims.first + axis];
      if ((status = checkSize(session, i, axis, dim->size, sinter_internal_text(program, dim->name))))
        return status;
    }
  }
  for (uint32_t i = 0; i < program->header->checks.count; ++i) {
    const sinter_check_record *check = &program->checks[i];
    const char *text = sinter_internal_text(program, check->text);
    if (check->kind == SINTER_CHECK_SIZE) {
      if ((status = checkSize(session, check->input, check->axis, check->right, text)))
        return status;
      continue;
    }
    int64_t left = session->expressions[check->left], right = session->expressions[check->right];
    bool equal = check->kind == SINTER_CHECK_EQUAL;
    if (equal ? left == right : left >= right)
      continue;
    char leftText[128], rightText[128];
    return sinter_internal_fail(&session->error, SINTER_UNUSABLE, "%s%s%s must %s %s", text, text[0] ? ": " : "",
                                describeValue(program, check->left, left, leftText), equal ? "equal" : "be at least",
                                describeValue(program, check->right, right, rightText));
  }
  return SINTER_OK;
}

/* The outputs' sizes; memory that these sizes need. */
static sinter_status measureRun(sinter_session *session) {
  const sinter_program *program = session->program;
  int64_t arena = session->expressions[program->header->arena_bytes];
  if (arena < 0 || (uint64_t)arena > session->arena_bytes)
    return sinter_internal_fail(&session->error, SINTER_TOO_LARGE,
                                "these sizes need an arena of %lld bytes; the session was made with %llu",
                                (long long)arena, (unsigned long long)session->arena_bytes);
  for (uint32_t i = 0; i < program->header->outputs.count; ++i) {
    const sinter_value_record *value = &program->outputs[i];
    sinter_internal_output *output = &session->outputs[i];
    int64_t bytes = sinter_type_size(value->type);
    for (uint32_t axis = 0; axis < value->dims.count; ++axis) {
      int64_t size = session->expressions[program->dims[value->dims.first + axis].size];
      if (size < 0)
        return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                    "with these sizes, output '%s' would have the size %lld along axis %u",
                                    nameOf(program, value), (long long)size, axis);
      if (__builtin_mul_overflow(bytes, size, &bytes))
        return sinter_internal_fail(&session->error, SINTER_TOO_LARGE, "output '%s' is larger than any memory",
                                    nameOf(program, value));
      output->dims[axis] = size;
    }
    output->bytes = (uint64_t)bytes;
  }
  return SINTER_OK;
}

/* The first symbol of which an entry takes no value as great as the run's; else the entry takes the run. */
static const int64_t *findExcess(const sinter_session *session, uint32_t entry) {
  const sinter_range limits = session->program->entries[entry].limits;
  const int64_t *words = session->program->words + limits.first, *end = words + limits.count;
  for (; words < end; words += 2)
    if (session->values[words[0]] > words[1])
      return words;
  return NULL;
}

/* Which entry carries out the run. */
static sinter_status chooseEntry(sinter_session *session) {
  const sinter_program *program = session->program;
  uint32_t entry = session->wanted_entry;
  if (entry == SINTER_NO_INDEX && program->entry_count)
    for (entry = 0; entry + 1 < program->entry_count && findExcess(session, entry); ++entry)
      ;
  if (entry != session->entry)
    session->resolved = false;
  session->entry = entry;
  if (entry == SINTER_NO_INDEX)
    return SINTER_OK;
  const int64_t *excess = findExcess(session, entry);
  if (!excess)
    return SINTER_OK;
  char text[256];
  return sinter_internal_fail(&session->error, SINTER_TOO_LARGE, "%s is %lld; entry '%s' takes at most %lld",
                              describeSymbol(program, &program->symbols[excess[0]], text),
                              (long long)session->values[excess[0]],
                              sinter_internal_text(program, program->entries[entry].name), (long long)excess[1]);
}

/* Whether there is room in the states for what the run adds to them. */
static sinter_status checkCapacity(sinter_session *session) {
  const sinter_program *program = session->program;
  for (uint32_t i = 0; i < program->state_count; ++i) {
    const sinter_state_record *state = &program->states[i];
    const int64_t capacity = session->expressions[program->dims[state->dims.first + state->axis].size];
    const int64_t added = session->expressions[program->header->advance];
    if (added < 0)
      return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                  "the program is malformed: a run adds %lld positions to its states",
                                  (long long)added);
    if (added > capacity || session->past > capacity - added)
      return sinter_internal_fail(&session->error, SINTER_TOO_LARGE,
                                  "state '%s' has room for %lld positions; it holds %lld, and the run adds %lld",
                                  sinter_internal_text(program, state->name), (long long)capacity,
                                  (long long)session->past, (long long)added);
  }
  return SINTER_OK;
}

uint64_t sinter_internal_room(const sinter_session *session, const sinter_argument_record *argument) {
  if (argument->kind == SINTER_ARGUMENT_ARENA)
    return session->arena_bytes - (uint64_t)session->expressions[argument->index];
  if (argument->kind == SINTER_ARGUMENT_OUTPUT)
    return session->outputs[argument->index].bytes;
  const sinter_value_record *value = &session->program->inputs[argument->index];
  uint64_t room = sinter_type_size(value->type);
  for (uint32_t axis = 0; axis < value->dims.count; ++axis)
    room *= (uint64_t)session->inputs[argument->index].dims[axis];
  return room;
}

/* The words of a step's arguments. */
static sinter_status resolveArguments(sinter_session *session, const sinter_step_record *step, int64_t *words) {
  const sinter_program *program = session->program;
  for (uint32_t i = 0; i < step->arguments.count; ++i) {
    const sinter_argument_record *argument = &program->arguments[step->arguments.first + i];
    switch (argument->kind) {
    case SINTER_ARGUMENT_ARENA: {
      int64_t offset = session->expressions[argument->index];
      if (offset < 0 || (uint64_t)offset > session->arena_bytes)
        return sinter_internal_fail(
            &session->error, SINTER_UNUSABLE, "the program is malformed: step '%s' uses byte %lld of an arena of %llu",
            sinter_internal_text(program, step->name), (long long)offset, (unsigned long long)session->arena_bytes);
      words[i] = (int64_t)(uintptr_t)(session->arena + offset);
      break;
    }
    case SINTER_ARGUMENT_WEIGHTS:
      words[i] = (int64_t)((uintptr_t)program->weights + (uint64_t)argument->value);
      break;
    case SINTER_ARGUMENT_INPUT:
      words[i] = (int64_t)(uintptr_t)session->inputs[argument->index].data;
      break;
    case SINTER_ARGUMENT_OUTPUT:
      words[i] = (int64_t)(uintptr_t)session->outputs[argument->index].data;
      break;
    case SINTER_ARGUMENT_INTEGER:
      words[i] = session->expressions[argument->index];
      break;
    default:
      words[i] = argument->value;
      break;
    }
  }
  return SINTER_OK;
}

static sinter_kernel functionOf(const sinter_program *program, const sinter_step_record *step) {
  switch (step->kernel) {
  case SINTER_FORMAT_NUMBERS:
    return sinter_internal_format_numbers;
  case SINTER_PARSE_NUMBERS:
    return sinter_internal_parse_numbers;
  case SINTER_EXECUTE_SCHEDULE:
    return sinter_internal_execute_schedule;
  case SINTER_CHECK_INDICES:
    return sinter_internal_check_indices;
  case SINTER_ARRANGE:
    return sinter_internal_arrange;
  case SINTER_RESIZE:
    return sinter_internal_resize;
  case SINTER_STORE:
    return sinter_internal_store;
  default:
    return program->functions[step->kernel];
  }
}

/* Has a step find its schedule's record: its first word becomes a pointer to it. */
static sinter_status resolveSchedule(sinter_session *session, uint32_t step, int64_t tasks, int64_t *words) {
  const sinter_program *program = session->program;
  if (tasks > 1)
    return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                "the program is malformed: a schedule is to be executed %lld times", (long long)tasks);
  sinter_status status = sinter_internal_check_execution(session, &program->steps[step], words);
  for (uint32_t i = 0; i < program->schedule_count; ++i)
    if (program->schedules[i].step == step)
      words[SINTER_SCHEDULE_DEVICE] = (int64_t)(uintptr_t)&session->executions[i];
  return status;
}

/* Fills the list of work from the steps that have something to do. */
static sinter_status resolve(sinter_session *session) {
  const sinter_program *program = session->program;
  for (uint32_t i = 0; i < program->header->outputs.count; ++i) {
    const sinter_internal_output *output = &session->outputs[i];
    if (output->bytes > output->capacity)
      return sinter_internal_fail(&session->error, SINTER_TOO_LARGE,
                                  "output '%s' has %llu bytes; there is room for %llu",
                                  nameOf(program, &program->outputs[i]), (unsigned long long)output->bytes,
                                  (unsigned long long)output->capacity);
  }
  int64_t *words = session->arguments;
  session->work_count = 0;
  sinter_range steps = {0, (uint32_t)program->header->steps.count};
  if (session->entry != SINTER_NO_INDEX)
    steps = program->entries[session->entry].steps;
  for (uint32_t i = steps.first; i < steps.first + steps.count; ++i) {
    const sinter_step_record *step = &program->steps[i];
    int64_t tasks = session->expressions[step->tasks], scratch = session->expressions[step->scratch_bytes];
    if (tasks < 0 || scratch < 0)
      return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                  "the program is malformed: step '%s' has %lld tasks",
                                  sinter_internal_text(program, step->name), (long long)tasks);
    if (tasks == 0)
      continue;
    if ((uint64_t)scratch > session->scratch_bytes)
      return sinter_internal_fail(&session->error, SINTER_TOO_LARGE,
                                  "step '%s' needs %lld bytes for each thread; the session was made with %llu",
                                  sinter_internal_text(program, step->name), (long long)scratch,
                                  (unsigned long long)session->scratch_bytes);
    sinter_status status = resolveArguments(session, step, words);
    if (!status && step->kernel == SINTER_EXECUTE_SCHEDULE)
      status = resolveSchedule(session, i, tasks, words);
    if (!status && (step->kernel == SINTER_RESIZE || step->kernel == SINTER_STORE))
      status = sinter_internal_check_room(session, step, words, tasks);
    if (status)
      return status;
    sinter_internal_work *work = &session->work[session->work_count++];
    const int64_t most = 1 << 30; /* units, that two fit a slot */
    work->function = functionOf(program, step);
    work->arguments = words;
    work->tasks = tasks;
    work->unit = (tasks - 1) / most + 1;
    work->units = (uint32_t)((tasks - 1) / work->unit + 1);
    work->step = i;
    words += step->arguments.count;
  }
  return SINTER_OK;
}

sinter_status sinter_internal_prepare(sinter_session *session) {
  const sinter_program *program = session->program;
  for (uint32_t i = 0; i < program->header->inputs.count; ++i)
    if (!session->inputs[i].given)
      return sinter_internal_fail(&session->error, SINTER_WRONG_CALL, "input '%s' is not set",
                                  nameOf(program, &program->inputs[i]));
  bool changed = session->sizes_changed || !session->evaluated;
  sinter_status status = readSymbols(session, &changed);
  if (status) {
    session->evaluated = false; /* some values are new, others are not */
    return status;
  }
  if (changed) {
    session->evaluated = session->resolved = false;
    if ((status = evaluateAll(session)) || (status = checkAll(session)) || (status = measureRun(session)))
      return status;
    session->evaluated = true;
    session->sizes_changed = false;
  }
  if ((status = chooseEntry(session)) || (status = checkCapacity(session)))
    return status;
  if (!session->resolved) {
    if ((status = resolve(session)))
      return status;
    session->resolved = true;
  }
  return SINTER_OK;
}

static const sinter_internal_execution *executionOf(const sinter_internal_work *work) {
  return (const sinter_internal_execution *)(uintptr_t)work->arguments[SINTER_SCHEDULE_DEVICE];
}

uint64_t sinter_session_cycles(const sinter_session *session) { return session->cycles; }
uint32_t sinter_session_entry(const sinter_session *session) { return session->entry; }
int64_t sinter_session_past(const sinter_session *session) { return session->past; }

sinter_status sinter_session_set_entry(sinter_session *session, uint32_t entry) {
  const sinter_program *program = session->program;
  if (entry != SINTER_NO_INDEX && entry >= program->entry_count)
    return sinter_internal_fail(&session->error, SINTER_WRONG_CALL, "program '%s' has %u entries; there is no entry %u",
                                sinter_internal_text(program, program->header->name), program->entry_count, entry);
  session->wanted_entry = entry;
  return SINTER_OK;
}

void sinter_session_reset(sinter_session *session) {
  session->past = 0;
  sinter_internal_reset_devices(session);
}

sinter_status sinter_session_run(sinter_session *session) {
  const sinter_program *program = session->program;
  session->ran = false;
  session->cycles = 0;
  sinter_status status = sinter_internal_prepare(session);
  if (status)
    return status;
  int64_t position = 0;
  uint32_t ended = sinter_internal_execute(session, &position);
  if (ended == session->work_count) {
    session->ran = true;
    if (program->state_count)
      session->past += session->expressions[program->header->advance];
    for (uint32_t i = 0; i < session->work_count; ++i)
      if (session->work[i].function == sinter_internal_execute_schedule)
        session->cycles += executionOf(&session->work[i])->cycles;
    return SINTER_OK;
  }
  const sinter_step_record *step = &program->steps[session->work[ended].step];
  if (step->kernel == SINTER_EXECUTE_SCHEDULE) {
    session->error = executionOf(&session->work[ended])->error;
    return session->error.status;
  }
  // A kernel that reads several inputs as indices says which it was.
  uint64_t said = (uint64_t)position >> SINTER_INDEX_INPUT_SHIFT;
  uint64_t input = said != 0 ? said - 1 : step->index_input;
  position = (int64_t)((uint64_t)position & ((UINT64_C(1) << SINTER_INDEX_INPUT_SHIFT) - 1));
  if (step->kernel == SINTER_PARSE_NUMBERS) {
    uint32_t type = (uint32_t)session->work[ended].arguments[2];
    if (input < program->header->inputs.count)
      return sinter_internal_fail(&session->error, SINTER_UNUSABLE, "input '%s': element %lld is no number of type %s",
                                  nameOf(program, &program->inputs[input]), (long long)position,
                                  sinter_type_name(type));
    return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                "node '%s': element %lld of its operand is no number of type %s",
                                sinter_internal_text(program, step->name), (long long)position, sinter_type_name(type));
  }
  if (input < program->header->inputs.count)
    return sinter_internal_fail(&session->error, SINTER_UNUSABLE, "input '%s': element %lld is outside the table",
                                nameOf(program, &program->inputs[input]), (long long)position);
  return sinter_internal_fail(&session->error, SINTER_UNUSABLE, "node '%s': index %lld is out of range",
                              sinter_internal_text(program, step->name), (long long)position);
}
