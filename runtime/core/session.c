//===- session.c - Makes sessions -----------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How much memory greatest sizes need: expressions for memory nearly always grow
// with their symbols, but nothing forces them to (seq - cached, mod(seq, 64)). So
// the bound is taken from interval arithmetic, which covers every run within the
// sizes, unless that overshoots the value at the greatest sizes by far, as it may
// where a formula subtracts; then it is that value, and a run that needs more
// after all is refused with both numbers.
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include "runtime/core/internal.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* More than any address space: where a bound lies beyond, there is none. */
#define LARGEST_BYTES ((int64_t)1 << 56)

/* The sizes that memory is for. */
typedef struct Bounds {
  const sinter_program *program;
  int64_t *lowest;
  int64_t *greatest;        /* SINTER_UNBOUNDED: no limit */
  unsigned char *unbounded; /* per symbol */
} Bounds;

static void releaseBounds(Bounds *bounds) { free(bounds->lowest); }

static sinter_status makeBounds(const sinter_program *program, const sinter_size *sizes, uint32_t count, Bounds *bounds,
                                sinter_error *error) {
  const uint64_t symbols = program->header->symbols.count;
  bounds->program = program;
  bounds->lowest = calloc(symbols + 1, 2 * sizeof(int64_t) + 1);
  if (!bounds->lowest)
    return sinter_internal_fail(error, SINTER_NO_MEMORY, "no memory for a session");
  bounds->greatest = bounds->lowest + symbols + 1;
  bounds->unbounded = (unsigned char *)(bounds->greatest + symbols + 1);
  for (uint64_t i = 0; i < symbols; ++i) {
    bounds->lowest[i] = program->symbols[i].lowest;
    bounds->greatest[i] = program->symbols[i].highest;
  }
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t s = 0;
    while (s < symbols &&
           (!sizes[i].symbol || strcmp(sizes[i].symbol, sinter_internal_text(program, program->symbols[s].name)) != 0))
      ++s;
    const char *name = sizes[i].symbol ? sizes[i].symbol : "";
    const char *refusal = NULL;
    int64_t limit = 0;
    if (s == symbols) {
      releaseBounds(bounds);
      return sinter_internal_fail(error, SINTER_WRONG_CALL, "program '%s' has no size '%s'",
                                  sinter_internal_text(program, program->header->name), name);
    }
    if (sizes[i].value < program->symbols[s].lowest) {
      refusal = "at least";
      limit = program->symbols[s].lowest;
    } else if (sizes[i].value > program->symbols[s].highest) {
      refusal = "at most";
      limit = program->symbols[s].highest;
    }
    if (refusal) {
      releaseBounds(bounds);
      return sinter_internal_fail(error, SINTER_UNUSABLE, "size '%s' cannot be %lld: it is %s %lld", name,
                                  (long long)sizes[i].value, refusal, (long long)limit);
    }
    bounds->greatest[s] = sizes[i].value;
  }
  for (uint64_t i = 0; i < symbols; ++i)
    bounds->unbounded[i] = bounds->greatest[i] == SINTER_UNBOUNDED;
  return SINTER_OK;
}

/* The greatest value that `expression` is allowed to have. */
static sinter_status boundOf(const Bounds *bounds, uint32_t expression, const char *what, int64_t *result,
                             sinter_error *error) {
  const sinter_program *program = bounds->program;
  int64_t low, high, point = 0;
  uint32_t symbol;
  sinter_internal_evaluate_range(program, expression, bounds->lowest, bounds->greatest, &low, &high);
  bool depends = sinter_internal_depends(program, expression, bounds->unbounded, &symbol);
  bool hasPoint = !depends && sinter_internal_evaluate(program, expression, bounds->greatest, &point) && point >= 0;
  if (hasPoint && (high < 0 || high - point > (point / 8 > (1 << 20) ? point / 8 : 1 << 20)))
    high = point;
  *result = high < 0 ? 0 : high;
  if (*result <= LARGEST_BYTES)
    return SINTER_OK;
  if (depends)
    return sinter_internal_fail(
        error, SINTER_WRONG_CALL,
        "size '%s' has no upper bound, and %s depends on it (%s): give the session its greatest value",
        sinter_internal_text(program, program->symbols[symbol].name), what,
        sinter_internal_formula(program, expression));
  return sinter_internal_fail(error, SINTER_TOO_LARGE, "%s (%s) is larger than any memory at the greatest sizes", what,
                              sinter_internal_formula(program, expression));
}

static uint64_t roundUp(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

/* Bytes of output `index` at most. */
static sinter_status boundOfOutput(const Bounds *bounds, uint32_t index, uint64_t *bytes, sinter_error *error) {
  const sinter_program *program = bounds->program;
  const sinter_value_record *value = &program->outputs[index];
  int64_t total = sinter_type_size(value->type);
  for (uint32_t axis = 0; axis < value->dims.count; ++axis) {
    int64_t size;
    sinter_status status =
        boundOf(bounds, program->dims[value->dims.first + axis].size, "the size of an output", &size, error);
    if (status)
      return status;
    if (__builtin_mul_overflow(total, size, &total) || total > LARGEST_BYTES)
      return sinter_internal_fail(error, SINTER_TOO_LARGE,
                                  "output '%s' is larger than any memory at the greatest sizes",
                                  sinter_internal_text(program, value->name));
  }
  *bytes = (uint64_t)total;
  return SINTER_OK;
}

static sinter_status measure(const Bounds *bounds, sinter_memory *memory, sinter_error *error) {
  const sinter_program *program = bounds->program;
  int64_t bytes;
  memset(memory, 0, sizeof *memory);
  sinter_status status = boundOf(bounds, program->header->arena_bytes, "the arena", &bytes, error);
  if (status)
    return status;
  memory->arena_bytes = (uint64_t)bytes;
  for (uint64_t i = 0; i < program->header->steps.count; ++i) {
    if ((status = boundOf(bounds, program->steps[i].scratch_bytes, "a step's scratch", &bytes, error)))
      return status;
    if ((uint64_t)bytes > memory->scratch_bytes)
      memory->scratch_bytes = (uint64_t)bytes;
  }
  for (uint32_t i = 0; i < program->header->outputs.count; ++i) {
    uint64_t output;
    if ((status = boundOfOutput(bounds, i, &output, error)))
      return status;
    memory->output_bytes += roundUp(output, SINTER_ALIGNMENT);
  }
  return SINTER_OK;
}

sinter_status sinter_program_get_memory(const sinter_program *program, const sinter_size *sizes, uint32_t size_count,
                                        sinter_memory *memory, sinter_error *error) {
  Bounds bounds;
  memset(memory, 0, sizeof *memory);
  sinter_status status = makeBounds(program, sizes, size_count, &bounds, error);
  if (status)
    return status;
  status = measure(&bounds, memory, error);
  if (status)
    memset(memory, 0, sizeof *memory);
  releaseBounds(&bounds);
  return status;
}

static uint64_t monotonicNanoseconds(void *context) {
  (void)context;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t availableThreads(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    return (uint32_t)CPU_COUNT(&set);
#endif
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? (uint32_t)count : 1;
}

/* Where the parts of a session lie in its memory. */
typedef struct Layout {
  uint64_t arena, scratch, outputs, session, greatest, values, expressions, inputs, output_records, arguments, work,
      executions, slots, workers, pool, total;
} Layout;

static uint64_t place(uint64_t *end, uint64_t count, uint64_t bytes) {
  uint64_t offset = roundUp(*end, SINTER_ALIGNMENT);
  *end = offset + count * bytes;
  return offset;
}

static Layout layoutSession(const sinter_program *program, const sinter_session_options *options, uint32_t threads,
                            const sinter_memory *memory) {
  const sinter_program_header *header = program->header;
  Layout layout;
  uint64_t end = 0, words = 0;
  for (uint64_t i = 0; i < header->steps.count; ++i)
    words += program->steps[i].arguments.count;
  layout.arena = place(&end, 1, memory->arena_bytes);
  layout.scratch = place(&end, threads, memory->scratch_bytes);
  layout.outputs = place(&end, 1, options->external_outputs ? 0 : memory->output_bytes);
  layout.session = place(&end, 1, sizeof(sinter_session));
  layout.greatest = place(&end, header->symbols.count, sizeof(int64_t));
  layout.values = place(&end, header->symbols.count, sizeof(int64_t));
  layout.expressions = place(&end, header->expressions.count, sizeof(int64_t));
  layout.inputs = place(&end, header->inputs.count, sizeof(sinter_internal_input));
  layout.output_records = place(&end, header->outputs.count, sizeof(sinter_internal_output));
  layout.arguments = place(&end, words, sizeof(int64_t));
  layout.work = place(&end, header->steps.count, sizeof(sinter_internal_work));
  layout.executions = place(&end, program->schedule_count, sizeof(sinter_internal_execution));
  layout.slots = place(&end, threads, sizeof(sinter_internal_slot));
  layout.workers = place(&end, threads, sizeof(sinter_internal_worker));
  layout.pool = place(&end, 1, sizeof(sinter_internal_pool));
  layout.total = roundUp(end, SINTER_ALIGNMENT);
  return layout;
}

/* Everything that is known before memory is taken. */
typedef struct Plan {
  sinter_session_options options;
  uint32_t threads;
  Bounds bounds;
  sinter_memory memory;
  Layout layout;
} Plan;

static sinter_status planSession(const sinter_program *program, const sinter_session_options *given, Plan *plan,
                                 sinter_error *error) {
  sinter_status status = sinter_internal_copy_options(&plan->options, sizeof plan->options, given, error);
  if (status)
    return status;
  const sinter_session_options *options = &plan->options;
  plan->threads = options->threads ? options->threads : availableThreads();
  if (plan->threads > 4096)
    return sinter_internal_fail(error, SINTER_WRONG_CALL, "%u threads are too many; at most 4096 are allowed",
                                plan->threads);
  if ((options->allocate == NULL) != (options->release == NULL))
    return sinter_internal_fail(error, SINTER_WRONG_CALL, "allocate and release must be given together");
  if ((status = makeBounds(program, options->sizes, options->size_count, &plan->bounds, error)))
    return status;
  status = measure(&plan->bounds, &plan->memory, error);
  plan->memory.scratch_bytes = roundUp(plan->memory.scratch_bytes, SINTER_ALIGNMENT);
  if (status)
    releaseBounds(&plan->bounds);
  else
    plan->layout = layoutSession(program, options, plan->threads, &plan->memory);
  return status;
}

sinter_status sinter_session_bytes(const sinter_program *program, const sinter_session_options *options,
                                   uint64_t *bytes, sinter_error *error) {
  Plan plan;
  *bytes = 0;
  sinter_status status = planSession(program, options, &plan, error);
  if (status)
    return status;
  *bytes = plan.layout.total;
  releaseBounds(&plan.bounds);
  return SINTER_OK;
}

/* The default memory: pages of the system's, huge ones where it has them. */
static void releasePages(void *context, void *memory, uint64_t bytes) {
  (void)context;
  munmap(memory, bytes);
}

static void *allocatePages(void *context, uint64_t bytes, uint64_t alignment) {
  (void)context;
  (void)alignment; /* a page's is greater */
  const uint64_t huge = 2u << 20;
  if (bytes < huge) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
  }
  /* Takes more, and gives back what lies before the first multiple and behind. */
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  bytes = roundUp(bytes, page);
  unsigned char *memory = mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return NULL;
  uint64_t before = roundUp((uintptr_t)memory, huge) - (uintptr_t)memory;
  if (before)
    munmap(memory, before);
  munmap(memory + before + bytes, huge - before);
#ifdef MADV_HUGEPAGE
  madvise(memory + before, bytes, MADV_HUGEPAGE); /* only a hint */
#endif
  return memory + before;
}

static sinter_session *buildSession(const sinter_program *program, const Plan *plan, unsigned char *memory) {
  const sinter_session_options *options = &plan->options;
  const Layout *layout = &plan->layout;
  memset(memory + layout->session, 0, layout->total - layout->session);
  sinter_session *session = (sinter_session *)(void *)(memory + layout->session);
  session->program = program;
  session->entry = session->wanted_entry = SINTER_NO_INDEX;
  session->threads = plan->threads;
  session->arena = memory + layout->arena;
  session->arena_bytes = plan->memory.arena_bytes;
  session->scratch = memory + layout->scratch;
  session->scratch_bytes = plan->memory.scratch_bytes;
  session->greatest = (int64_t *)(void *)(memory + layout->greatest);
  session->values = (int64_t *)(void *)(memory + layout->values);
  session->expressions = (int64_t *)(void *)(memory + layout->expressions);
  session->inputs = (sinter_internal_input *)(void *)(memory + layout->inputs);
  session->outputs = (sinter_internal_output *)(void *)(memory + layout->output_records);
  session->arguments = (int64_t *)(void *)(memory + layout->arguments);
  session->work = (sinter_internal_work *)(void *)(memory + layout->work);
  session->executions = (sinter_internal_execution *)(void *)(memory + layout->executions);
  session->slots = (sinter_internal_slot *)(void *)(memory + layout->slots);
  session->workers = (sinter_internal_worker *)(void *)(memory + layout->workers);
  session->parallel_for = options->parallel_for;
  session->parallel_for_context = options->parallel_for_context;
  session->log = options->log;
  session->log_context = options->log_context;
  session->clock = options->clock ? options->clock : monotonicNanoseconds;
  session->clock_context = options->clock_context;
  session->memory = memory;
  session->memory_bytes = layout->total;
  if (program->header->symbols.count)
    memcpy(session->greatest, plan->bounds.greatest, program->header->symbols.count * sizeof(int64_t));
  unsigned char *next = memory + layout->outputs;
  for (uint32_t i = 0; i < program->header->outputs.count; ++i) {
    uint64_t bytes = 0;
    if (!options->external_outputs) {
      boundOfOutput(&plan->bounds, i, &bytes, NULL); /* succeeded before */
      session->outputs[i].own = next;
      next += roundUp(bytes, SINTER_ALIGNMENT);
    }
    session->outputs[i].own_bytes = session->outputs[i].capacity = bytes;
    session->outputs[i].data = session->outputs[i].own;
  }
  if (plan->threads > 1 && !options->parallel_for) {
    session->pool = (sinter_internal_pool *)(void *)(memory + layout->pool);
    int64_t microseconds = options->spin_microseconds ? options->spin_microseconds : 200;
    session->pool->spin_nanoseconds = microseconds < 0 ? 0 : microseconds * 1000;
  }
  return session;
}

static void logLine(const sinter_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

sinter_status sinter_session_create(const sinter_program *program, const sinter_session_options *given,
                                    sinter_session **result, sinter_error *error) {
  Plan plan;
  *result = NULL;
  sinter_status status = planSession(program, given, &plan, error);
  if (status)
    return status;
  const sinter_session_options *options = &plan.options;
  const uint64_t bytes = plan.layout.total;
  sinter_release release = NULL;
  unsigned char *memory = NULL;
  if (options->memory) {
    if ((uintptr_t)options->memory % SINTER_ALIGNMENT != 0)
      status = sinter_internal_fail(error, SINTER_WRONG_CALL, "the session's memory is not aligned to %d bytes",
                                    SINTER_ALIGNMENT);
    else if (options->memory_bytes < bytes)
      status = sinter_internal_fail(error, SINTER_TOO_LARGE, "the session's memory has %llu bytes, %llu are required",
                                    (unsigned long long)options->memory_bytes, (unsigned long long)bytes);
    memory = options->memory;
  } else {
    release = options->release ? options->release : releasePages;
    memory = (options->allocate ? options->allocate : allocatePages)(options->memory_context, bytes, SINTER_ALIGNMENT);
    if (!memory)
      status = sinter_internal_fail(error, SINTER_NO_MEMORY, "no memory for the %llu bytes of a session",
                                    (unsigned long long)bytes);
  }
  sinter_session *session = NULL;
  if (!status) {
    session = buildSession(program, &plan, memory);
    session->release = release;
    session->memory_context = options->memory_context;
    status = sinter_internal_open_devices(session, error);
    if (!status && session->pool && (status = sinter_internal_start_pool(session, error)))
      sinter_internal_close_devices(session);
    if (status && release)
      release(options->memory_context, memory, bytes);
  }
  releaseBounds(&plan.bounds);
  if (status)
    return status;
  logLine(session, "session of '%s' (%s): arena %llu bytes, outputs %llu, scratch %llu for each of %u threads",
          sinter_internal_text(program, program->header->name), sinter_internal_variant_name(program),
          (unsigned long long)plan.memory.arena_bytes, (unsigned long long)plan.memory.output_bytes,
          (unsigned long long)plan.memory.scratch_bytes, plan.threads);
  *result = session;
  return SINTER_OK;
}

void sinter_session_destroy(sinter_session *session) {
  if (!session)
    return;
  if (session->pool)
    sinter_internal_stop_pool(session);
  sinter_internal_close_devices(session);
  if (session->release)
    session->release(session->memory_context, session->memory, session->memory_bytes);
}

uint32_t sinter_session_threads(const sinter_session *session) { return session->threads; }
uint64_t sinter_session_memory(const sinter_session *session) { return session->memory_bytes; }
const char *sinter_session_message(const sinter_session *session) { return session->error.message; }

#include <stdarg.h>
#include <stdio.h>

static void logLine(const sinter_session *session, const char *format, ...) {
  if (!session->log)
    return;
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  session->log(session->log_context, line);
}
