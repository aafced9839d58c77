//===- device.c - Schedules, and the devices that execute them ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a schedule says is the device's matter. Here it is seen to that each
// schedule finds its device, and that the tensors which a device reads and writes
// have as many bytes as it was told.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TENSORS ((SINTER_MAX_ARGUMENTS - SINTER_SCHEDULE_WORDS) / 2)

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/* The device for a kind among those that the application gave; NULL if none is. */
static const sinter_device *findDevice(const sinter_program_options *options, uint32_t kind) {
  for (uint32_t i = 0; i < options->device_count; ++i) {
    const sinter_device *device = options->devices[i];
    if (device && device->struct_bytes >= offsetof(sinter_device, reset) && device->kind == kind)
      return device;
  }
  return NULL;
}

/* Devices that were made before there were states have no `reset`. */
static bool keepsStates(const sinter_device *device) {
  return device->struct_bytes >= sizeof(sinter_device) && device->reset != NULL;
}

/* The tensors' sizes, and how many of them are inputs. */
static bool describeTensors(const sinter_program *program, const sinter_step_record *step, sinter_schedule *given) {
  const uint32_t tensors = (step->arguments.count - SINTER_SCHEDULE_WORDS) / 2;
  uint64_t *sizes = calloc(tensors ? tensors : 1, sizeof(uint64_t));
  given->input_bytes = sizes;
  if (!sizes)
    return false;
  for (uint32_t i = 0; i < tensors; ++i)
    sizes[i] = (uint64_t)sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_WORDS + 2 * i + 1);
  given->input_count = (uint32_t)sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_INPUTS);
  given->output_count = tensors - given->input_count;
  given->output_bytes = sizes + given->input_count;
  return true;
}

static sinter_status describeSchedule(sinter_program *program, sinter_internal_schedule *schedule,
                                      sinter_internal_file_reader read, sinter_error *error) {
  const sinter_step_record *step = &program->steps[schedule->step];
  sinter_schedule *given = &schedule->given;
  given->struct_bytes = sizeof *given;
  unsigned char *bytes;
  sinter_status status = read(program, (uint32_t)sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_FILE),
                              &bytes, &given->size, error);
  given->bytes = bytes;
  const int64_t chip = sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_CHIP);
  if (!status && chip != -1) {
    status = read(program, (uint32_t)chip, &bytes, &given->chip_size, error);
    given->chip = bytes;
  }
  given->weights_bytes = (uint64_t)sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_WEIGHTS_BYTES);
  if (given->weights_bytes)
    given->weights = program->weights + sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_WEIGHTS);
  if (!status && !describeTensors(program, step, given))
    status = sinter_internal_fail(error, SINTER_NO_MEMORY, "no memory for a program");
  return status;
}

sinter_status sinter_internal_find_schedules(sinter_program *program, const sinter_program_options *options,
                                             sinter_internal_file_reader read, sinter_error *error) {
  uint32_t count = 0, ofKind[SINTER_DEVICE_KINDS + 1] = {0};
  for (uint32_t i = 0; i < program->header->steps.count; ++i)
    count += program->steps[i].kernel == SINTER_EXECUTE_SCHEDULE;
  if (!count)
    return SINTER_OK;
  const char *name = sinter_internal_text(program, program->header->name);
  if (!read)
    return sinter_internal_fail(error, SINTER_UNSUPPORTED,
                                "the linked-in program '%s' has schedules, which only bundles can have", name);
  program->schedules = calloc(count, sizeof *program->schedules);
  if (!program->schedules)
    return sinter_internal_fail(error, SINTER_NO_MEMORY, "no memory for a program");
  for (uint32_t i = 0; i < program->header->steps.count; ++i) {
    const sinter_step_record *step = &program->steps[i];
    if (step->kernel != SINTER_EXECUTE_SCHEDULE)
      continue;
    const uint32_t kind = (uint32_t)sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_DEVICE);
    sinter_internal_schedule *schedule = &program->schedules[program->schedule_count++];
    schedule->step = i;
    schedule->number = ofKind[kind]++;
    schedule->device = findDevice(options, kind);
    if (!schedule->device)
      return sinter_internal_fail(error, SINTER_UNSUPPORTED,
                                  "program '%s' is for the %s chip '%s', and no device was given that executes its "
                                  "schedule (the devices of sinter_program_options)",
                                  name, sinter_device_kind_name(kind), sinter_internal_text(program, step->name));
    if (program->state_count && !keepsStates(schedule->device))
      return sinter_internal_fail(
          error, SINTER_UNSUPPORTED, "program '%s' has states ('%s'), and the device for chip '%s' keeps none", name,
          sinter_internal_text(program, program->states[0].name), sinter_internal_text(program, step->name));
    sinter_status status = describeSchedule(program, schedule, read, error);
    if (status)
      return status;
  }
  return SINTER_OK;
}

void sinter_internal_release_schedules(sinter_program *program) {
  for (uint32_t i = 0; i < program->schedule_count; ++i) {
    const sinter_schedule *given = &program->schedules[i].given;
    free((void *)(uintptr_t)given->bytes);
    free((void *)(uintptr_t)given->chip);
    free((void *)(uintptr_t)given->input_bytes);
  }
  free(program->schedules);
}

sinter_status sinter_program_get_schedule(const sinter_program *program, uint32_t index, sinter_schedule_info *info) {
  memset(info, 0, sizeof *info);
  if (index >= program->schedule_count)
    return SINTER_WRONG_CALL;
  const sinter_step_record *step = &program->steps[program->schedules[index].step];
  const int64_t file = sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_FILE);
  info->device = sinter_device_kind_name(program->schedules[index].device->kind);
  info->chip = sinter_internal_text(program, step->name);
  info->file = sinter_internal_text(program, program->files[file].name);
  info->step = program->schedules[index].step;
  info->cycles = (uint64_t)sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_CYCLES);
  info->limit_cycles = (uint64_t)sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_LIMIT);
  info->entry = SINTER_NO_INDEX;
  for (uint32_t i = 0; i < program->entry_count; ++i)
    if (info->step - program->entries[i].steps.first < program->entries[i].steps.count)
      info->entry = i;
  info->clock_hz = (uint64_t)sinter_internal_schedule_word(program, step, SINTER_SCHEDULE_CLOCK);
  info->weights = program->schedules[index].given.weights;
  info->weights_bytes = program->schedules[index].given.weights_bytes;
  return SINTER_OK;
}

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

/* What a device said; one that said nothing is not believed to have failed well. */
static sinter_status complete(sinter_error *error, sinter_status status) {
  if (status && !error->message[0])
    sinter_internal_fail(error, status, "the device failed, and did not say why");
  if (status)
    error->status = status;
  return status;
}

sinter_status sinter_internal_open_devices(sinter_session *session, sinter_error *error) {
  const sinter_program *program = session->program;
  for (uint32_t i = 0; i < program->schedule_count; ++i) {
    session->executions[i].session = session;
    session->executions[i].schedule = i;
  }
  for (uint32_t i = 0; i < program->schedule_count; ++i) {
    const sinter_device *device = program->schedules[i].device;
    if (session->opened[device->kind])
      continue;
    const sinter_schedule **schedules = calloc(program->schedule_count, sizeof *schedules);
    sinter_error said = {SINTER_OK, ""};
    sinter_status status = SINTER_NO_MEMORY;
    uint32_t count = 0;
    if (schedules) {
      for (uint32_t j = i; j < program->schedule_count; ++j)
        if (program->schedules[j].device == device)
          schedules[count++] = &program->schedules[j].given;
      status = device->open(device->context, schedules, count, &session->handles[device->kind], &said);
    } else {
      sinter_internal_fail(&said, status, "no memory for a session");
    }
    free(schedules);
    if (complete(&said, status)) {
      sinter_internal_close_devices(session);
      return sinter_internal_fail(error, status, "%s", said.message);
    }
    session->opened[device->kind] = true;
  }
  return SINTER_OK;
}

void sinter_internal_close_devices(sinter_session *session) {
  const sinter_program *program = session->program;
  for (uint32_t i = 0; i < program->schedule_count; ++i) {
    const sinter_device *device = program->schedules[i].device;
    if (!session->opened[device->kind])
      continue;
    device->close(session->handles[device->kind]);
    session->opened[device->kind] = false;
  }
}

void sinter_internal_reset_devices(sinter_session *session) {
  const sinter_program *program = session->program;
  bool done[SINTER_DEVICE_KINDS + 1] = {false};
  for (uint32_t i = 0; i < program->schedule_count; ++i) {
    const sinter_device *device = program->schedules[i].device;
    if (!done[device->kind] && keepsStates(device))
      device->reset(session->handles[device->kind]);
    done[device->kind] = true;
  }
}

sinter_status sinter_internal_check_execution(sinter_session *session, const sinter_step_record *step,
                                              const int64_t *words) {
  const sinter_program *program = session->program;
  for (uint32_t i = SINTER_SCHEDULE_WORDS; i < step->arguments.count; i += 2) {
    const sinter_argument_record *argument = &program->arguments[step->arguments.first + i];
    const uint64_t bytes = (uint64_t)words[i + 1];
    const uint64_t room = sinter_internal_room(session, argument);
    if (bytes > room || (argument->kind != SINTER_ARGUMENT_ARENA && bytes != room))
      return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                                  "the program is malformed: tensor %u of a schedule has %llu bytes, and room for %llu",
                                  (i - SINTER_SCHEDULE_WORDS) / 2, (unsigned long long)bytes, (unsigned long long)room);
  }
  return SINTER_OK;
}

int64_t sinter_internal_execute_schedule(const int64_t *words, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  sinter_internal_execution *execution = (sinter_internal_execution *)(uintptr_t)words[SINTER_SCHEDULE_DEVICE];
  const sinter_internal_schedule *schedule = &execution->session->program->schedules[execution->schedule];
  const void *inputs[MAX_TENSORS];
  void *outputs[MAX_TENSORS];
  if (begin == end)
    return 0;
  words += SINTER_SCHEDULE_WORDS;
  for (uint32_t i = 0; i < schedule->given.input_count; ++i, words += 2)
    inputs[i] = (const void *)(uintptr_t)words[0];
  for (uint32_t i = 0; i < schedule->given.output_count; ++i, words += 2)
    outputs[i] = (void *)(uintptr_t)words[0];
  memset(&execution->error, 0, sizeof execution->error);
  execution->cycles = 0;
  const sinter_status status =
      schedule->device->execute(execution->session->handles[schedule->device->kind], schedule->number, inputs, outputs,
                                &execution->cycles, &execution->error);
  return complete(&execution->error, status) ? 1 : 0;
}
