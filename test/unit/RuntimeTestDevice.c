//===- RuntimeTestDevice.c - A device for tests ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/RuntimeTestDevice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int runtimeTestDeviceHandles;
uint32_t runtimeTestDeviceSchedules;
uint64_t runtimeTestDeviceChipSize;

typedef struct Handle {
  const sinter_schedule *schedules[4];
  unsigned char executed;
} Handle;

static sinter_status fail(sinter_error *error, const char *message) {
  snprintf(error->message, sizeof error->message, "%s", message);
  return SINTER_UNUSABLE;
}

static sinter_status openDevice(void *context, const sinter_schedule *const *schedules, uint32_t count, void **result,
                                sinter_error *error) {
  *result = NULL;
  if (context != &runtimeTestDeviceHandles || count > 4)
    return fail(error, "the test's device was opened wrongly");
  runtimeTestDeviceSchedules = count;
  runtimeTestDeviceChipSize = schedules[0]->chip_size;
  Handle *handle = calloc(1, sizeof *handle);
  for (uint32_t i = 0; i < count; ++i) {
    handle->schedules[i] = schedules[i];
    if (strncmp(schedules[i]->bytes, "refuse ", 7) == 0) {
      free(handle);
      return fail(error, (const char *)schedules[i]->bytes + 7);
    }
  }
  ++runtimeTestDeviceHandles;
  *result = handle;
  return SINTER_OK;
}

static sinter_status execute(void *opaque, uint32_t number, const void *const *inputs, void *const *outputs,
                             uint64_t *cycles, sinter_error *error) {
  Handle *handle = opaque;
  const sinter_schedule *schedule = handle->schedules[number];
  const char *text = schedule->bytes;
  ++handle->executed;
  if (strncmp(text, "stop ", 5) == 0)
    return fail(error, text + 5);
  if (strncmp(text, "silent", 6) == 0)
    return SINTER_UNUSABLE;
  const int counts = strncmp(text, "count ", 6) == 0;
  *cycles = strtoull(text + (counts ? 6 : 4), NULL, 10);
  for (uint32_t o = 0; o < schedule->output_count; ++o)
    for (uint64_t i = 0; i < schedule->output_bytes[o]; ++i) {
      unsigned sum = schedule->weights_bytes ? *(const unsigned char *)schedule->weights : 0;
      for (uint32_t j = 0; j < schedule->input_count; ++j)
        sum += i < schedule->input_bytes[j] ? ((const unsigned char *)inputs[j])[i] : 0;
      ((unsigned char *)outputs[o])[i] = (unsigned char)(counts ? handle->executed : sum);
    }
  return SINTER_OK;
}

static void closeDevice(void *opaque) {
  --runtimeTestDeviceHandles;
  free(opaque);
}

static void reset(void *opaque) { ((Handle *)opaque)->executed = 0; }

const sinter_device *runtimeTestDevice(void) {
  static const sinter_device device = {
      sizeof(sinter_device), SINTER_DEVICE_STREAM, &runtimeTestDeviceHandles, openDevice, execute, closeDevice, reset};
  return &device;
}
