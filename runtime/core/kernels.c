//===- kernels.c - Steps that the runtime carries out itself --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Those of numbers as text are in text.c, that of schedules is in device.c.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/internal.h"

#include <string.h>

int64_t sinter_internal_check_indices(const int64_t *words, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  const int64_t things = words[3], copies = words[4];
  uint16_t *to = (uint16_t *)(uintptr_t)words[1] + begin * copies;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t index =
        words[2] == SINTER_I64 ? ((const int64_t *)(uintptr_t)words[0])[i] : ((const int32_t *)(uintptr_t)words[0])[i];
    if (index < -things || index >= things)
      return 1 + i;
    for (int64_t copy = 0; copy < copies; ++copy)
      *to++ = (uint16_t)(index < 0 ? index + things : index);
  }
  return 0;
}

int64_t sinter_internal_arrange(const int64_t *words, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  const unsigned char *from = (const unsigned char *)(uintptr_t)words[0];
  unsigned char *to = (unsigned char *)(uintptr_t)words[1];
  const int32_t *table = (const int32_t *)(uintptr_t)words[2];
  const size_t bytes = (size_t)words[3];
  for (int64_t i = begin; i < end; ++i) {
    if (table[i] >= 0 && table[i] < words[4])
      memcpy(to + (size_t)i * bytes, from + (size_t)table[i] * bytes, bytes);
    else
      memset(to + (size_t)i * bytes, 0, bytes);
  }
  return 0;
}

/* The words of SINTER_RESIZE. */
enum { RESIZE_FROM = 0, RESIZE_TO = 1, RESIZE_BYTES = 2, RESIZE_RANK = 3, RESIZE_SIZES = 4 };

int64_t sinter_internal_resize(const int64_t *words, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  const unsigned char *from = (const unsigned char *)(uintptr_t)words[RESIZE_FROM];
  const size_t bytes = (size_t)words[RESIZE_BYTES];
  const int64_t rank = words[RESIZE_RANK], *given = words + RESIZE_SIZES, *wanted = given + rank;
  const int64_t width = rank ? wanted[rank - 1] : 1, known = rank ? given[rank - 1] : 1;
  const int64_t copied = width < known ? width : known;
  unsigned char *to = (unsigned char *)(uintptr_t)words[RESIZE_TO] + (size_t)begin * (size_t)width * bytes;
  for (int64_t row = begin; row < end; ++row) {
    int64_t source = 0, stride = 1;
    for (int64_t axis = rank - 2, left = row; axis >= 0; --axis) {
      const int64_t position = left % wanted[axis];
      left /= wanted[axis];
      source += stride * (position < given[axis] ? position : given[axis] - 1);
      stride *= given[axis];
    }
    const unsigned char *start = from + (size_t)source * (size_t)known * bytes;
    memcpy(to, start, (size_t)copied * bytes);
    to += (size_t)copied * bytes;
    for (int64_t i = copied; i < width; ++i, to += bytes)
      memcpy(to, start + (size_t)(known - 1) * bytes, bytes);
  }
  return 0;
}

int64_t sinter_internal_store(const int64_t *words, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  if (begin != end)
    memcpy((void *)(uintptr_t)words[0], &words[1], sizeof words[1]);
  return 0;
}

/* Bytes of a tensor of these sizes; false: one is negative, or they are too many. */
static bool measure(const int64_t *sizes, int64_t rank, int64_t bytes, uint64_t *total) {
  for (int64_t axis = 0; axis < rank; ++axis)
    if (sizes[axis] < 0 || __builtin_mul_overflow(bytes, sizes[axis], &bytes))
      return false;
  *total = (uint64_t)bytes;
  return true;
}

static bool isRoomToResize(const sinter_session *session, const sinter_argument_record *arguments, const int64_t *words,
                           int64_t tasks) {
  const int64_t rank = words[RESIZE_RANK], *sizes = words + RESIZE_SIZES;
  uint64_t from, to, row;
  if (!measure(sizes, rank, words[RESIZE_BYTES], &from) || !measure(sizes + rank, rank, words[RESIZE_BYTES], &to) ||
      !measure(sizes + 2 * rank - (rank > 0), rank > 0, words[RESIZE_BYTES], &row))
    return false;
  return from <= sinter_internal_room(session, &arguments[RESIZE_FROM]) &&
         to <= sinter_internal_room(session, &arguments[RESIZE_TO]) && (from || !to) &&
         (!to || (uint64_t)tasks == to / row);
}

sinter_status sinter_internal_check_room(sinter_session *session, const sinter_step_record *step, const int64_t *words,
                                         int64_t tasks) {
  const sinter_argument_record *arguments = &session->program->arguments[step->arguments.first];
  const bool isRoom = step->kernel == SINTER_RESIZE ? isRoomToResize(session, arguments, words, tasks)
                                                    : sinter_internal_room(session, &arguments[0]) >= sizeof(int64_t);
  if (isRoom)
    return SINTER_OK;
  return sinter_internal_fail(&session->error, SINTER_UNUSABLE,
                              "the program is malformed: step '%s' is for a tensor that is not there",
                              sinter_internal_text(session->program, step->name));
}
