//===- internal.h - What the runtime's files share ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program is its checked tables plus functions and weights. A session is laid
// out in one piece of memory, by layoutSession:
//
//   arena | scratch, one per thread | outputs | struct and its arrays | pool
//
// Names begin with sinter_internal_ because a static library shares the
// application's names; nothing here is visible outside of it otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_CORE_INTERNAL_H
#define SINTER_RUNTIME_CORE_INTERNAL_H

#include "sinter-rt/sinter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "programs are little-endian tables, used in place"
#endif

#define SINTER_CACHE_LINE 64

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

/* Fills `error`, if there is one, and returns `status`. */
sinter_status sinter_internal_fail(sinter_error *error, sinter_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/* A step that executes a schedule. */
typedef struct sinter_internal_schedule {
  sinter_schedule given; /* what its device is told; bytes, chip and sizes are of malloc's */
  const sinter_device *device;
  uint32_t step;
  uint32_t number; /* among those of its kind of device */
} sinter_internal_schedule;

struct sinter_program {
  /* The tables, in the file's bytes. */
  const unsigned char *bytes;
  const sinter_program_header *header;
  const char *strings;
  const int64_t *words;
  const sinter_expression_record *expressions;
  const sinter_symbol_record *symbols;
  const sinter_check_record *checks;
  const sinter_dim_record *dims;
  const sinter_value_record *inputs;
  const sinter_value_record *outputs;
  const sinter_variant_record *variants;
  const sinter_text *kernel_symbols;
  const sinter_kernel_record *kernels;
  const sinter_argument_record *arguments;
  const sinter_step_record *steps;
  const sinter_section_record *sections;
  const sinter_file_record *files;
  /* Of a header that may be too short to have them. */
  const sinter_entry_record *entries;
  const sinter_state_record *states;
  uint32_t entry_count, state_count;

  uint32_t variant;               /* SINTER_NO_INDEX: there are none */
  const sinter_kernel *functions; /* one per kernel */
  const unsigned char *weights;

  /* What sinter_program_close releases; NULL or 0 where there is nothing. */
  sinter_internal_schedule *schedules;
  uint32_t schedule_count;
  void *owned_bytes;
  sinter_kernel *owned_functions;
  char *folder;
  void *weights_mapping;
  uint64_t weights_mapping_bytes;
  void *library;
  void (*close_library)(void *library);
};

static inline const char *sinter_internal_text(const sinter_program *program, sinter_text text) {
  return program->strings + text.offset;
}
static inline const char *sinter_internal_formula(const sinter_program *program, uint32_t expression) {
  return sinter_internal_text(program, program->expressions[expression].formula);
}

/* Checks all of `bytes` (aligned to 8) as a program's tables and fills the
   tables of `program`. `what` names the program in messages. */
sinter_status sinter_internal_read_tables(sinter_program *program, const void *bytes, uint64_t size, const char *what,
                                          sinter_error *error);

/* The variant to load: the one that is asked for by name, or the best that the
   machine can run; SINTER_NO_INDEX for a program that has none. */
sinter_status sinter_internal_choose_variant(const sinter_program *program, const char *name, uint32_t *variant,
                                             sinter_error *error);

/* Maps or reads the weights of `program` from the file `path`. */
sinter_status sinter_internal_load_weights(sinter_program *program, const char *path, bool copy, sinter_error *error);

/* The variant's name, or "". */
const char *sinter_internal_variant_name(const sinter_program *program);

/* The contents of a file, in memory of malloc's. */
sinter_status sinter_internal_read_file(const char *path, unsigned char **bytes, uint64_t *size, sinter_error *error);

/* Options as the caller gave them, whatever version of the struct that was; NULL
   means the defaults. Refused where struct_bytes was forgotten. */
sinter_status sinter_internal_copy_options(void *to, uint32_t to_bytes, const void *from, sinter_error *error);

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

/* A constant argument of a step that executes a schedule, by its word. */
static inline int64_t sinter_internal_schedule_word(const sinter_program *program, const sinter_step_record *step,
                                                    uint32_t word) {
  return program->arguments[step->arguments.first + word].value;
}

/* Lists the steps that execute schedules, which are read by `read`, and finds the
   device of each among those of the options. */
typedef sinter_status (*sinter_internal_file_reader)(const sinter_program *program, uint32_t file,
                                                     unsigned char **bytes, uint64_t *size, sinter_error *error);
sinter_status sinter_internal_find_schedules(sinter_program *program, const sinter_program_options *options,
                                             sinter_internal_file_reader read, sinter_error *error);
void sinter_internal_release_schedules(sinter_program *program);

/* What a session keeps of a schedule. */
typedef struct sinter_internal_execution {
  sinter_session *session;
  uint32_t schedule;
  uint64_t cycles;
  sinter_error error;
} sinter_internal_execution;

/* Opens the devices of the session's program, one handle for each kind. */
sinter_status sinter_internal_open_devices(sinter_session *session, sinter_error *error);
void sinter_internal_close_devices(sinter_session *session);
/* Whether the pointers of a step's words have the bytes behind them that it says. */
sinter_status sinter_internal_check_execution(sinter_session *session, const sinter_step_record *step,
                                              const int64_t *words);
/* The kernel SINTER_EXECUTE_SCHEDULE, whose first word a run replaces by a pointer
   to the sinter_internal_execution. */
int64_t sinter_internal_execute_schedule(const int64_t *words, int64_t begin, int64_t end, void *scratch);
/* All devices of the session forget what their states hold. */
void sinter_internal_reset_devices(sinter_session *session);

//===----------------------------------------------------------------------===//
// Kernels of the runtime's own (kernels.c)
//===----------------------------------------------------------------------===//

int64_t sinter_internal_check_indices(const int64_t *words, int64_t begin, int64_t end, void *scratch);
int64_t sinter_internal_arrange(const int64_t *words, int64_t begin, int64_t end, void *scratch);
int64_t sinter_internal_resize(const int64_t *words, int64_t begin, int64_t end, void *scratch);
int64_t sinter_internal_store(const int64_t *words, int64_t begin, int64_t end, void *scratch);
/* Whether what a SINTER_RESIZE or SINTER_STORE reads and writes lies within what it is part of. */
sinter_status sinter_internal_check_room(sinter_session *session, const sinter_step_record *step, const int64_t *words,
                                         int64_t tasks);

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/* The value of `expression` for the symbols' `values`. False: it overflows or
   divides by zero. */
bool sinter_internal_evaluate(const sinter_program *program, uint32_t expression, const int64_t *values,
                              int64_t *result);

/* The range in which the values of `expression` lie for symbols within
   [lowest, highest]; INT64_MIN and INT64_MAX stand for no bound. */
void sinter_internal_evaluate_range(const sinter_program *program, uint32_t expression, const int64_t *lowest,
                                    const int64_t *highest, int64_t *low, int64_t *high);

/* Whether `expression` depends on a symbol for which `marked` is set; its index
   is stored in `symbol`. */
bool sinter_internal_depends(const sinter_program *program, uint32_t expression, const unsigned char *marked,
                             uint32_t *symbol);

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/* Tasks [next, end) that a participant has yet to do, in one word so that the
   owner can take from the front and others from the back. Counted in units of
   sinter_internal_work.unit tasks. Two, used by turns: while one step's is in use,
   each participant prepares its own for the next. */
typedef struct sinter_internal_slot {
  _Alignas(SINTER_CACHE_LINE) _Atomic uint64_t ranges[2];
} sinter_internal_slot;

/* A step as a run carries it out. */
typedef struct sinter_internal_work {
  sinter_kernel function;
  const int64_t *arguments;
  int64_t tasks;
  int64_t unit;   /* tasks per unit of a slot */
  uint32_t units; /* 0: nothing to do */
  uint32_t step;
} sinter_internal_work;

typedef struct sinter_internal_pool {
  _Alignas(SINTER_CACHE_LINE) atomic_uint arrived; /* at the barrier */
  _Alignas(SINTER_CACHE_LINE) atomic_uint generation;
  _Alignas(SINTER_CACHE_LINE) atomic_uint epoch; /* runs begun */
  atomic_uint sleepers;
  atomic_bool quit;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  uint32_t started;
  int64_t spin_nanoseconds;
} sinter_internal_pool;

typedef struct sinter_internal_worker {
  sinter_session *session;
  uint32_t participant;
  pthread_t thread;
} sinter_internal_worker;

/* Starts the threads besides the caller's. */
sinter_status sinter_internal_start_pool(sinter_session *session, sinter_error *error);
void sinter_internal_stop_pool(sinter_session *session);
/* Carries out session->work. Returns the work that failed and where, or
   session->work_count. */
uint32_t sinter_internal_execute(sinter_session *session, int64_t *position);

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

typedef struct sinter_internal_input {
  const void *data;
  int64_t dims[SINTER_MAX_RANK];
  bool given;
} sinter_internal_input;

typedef struct sinter_internal_output {
  unsigned char *own; /* in the session's memory */
  uint64_t own_bytes;
  unsigned char *data; /* where the next run writes */
  uint64_t capacity;
  uint64_t bytes; /* of the last run */
  int64_t dims[SINTER_MAX_RANK];
} sinter_internal_output;

struct sinter_session {
  const sinter_program *program;
  uint32_t threads;
  bool ran;       /* outputs are those of the last run */
  bool evaluated; /* values and expressions belong to sizes that passed every check */
  bool resolved;  /* work belongs to these sizes and to the present pointers */
  bool sizes_changed;

  unsigned char *arena;
  uint64_t arena_bytes;
  unsigned char *scratch; /* scratch_bytes for each participant */
  uint64_t scratch_bytes;

  int64_t *greatest;    /* per symbol; SINTER_UNBOUNDED: no limit */
  int64_t *values;      /* per symbol, of the last run */
  int64_t *expressions; /* values */
  sinter_internal_input *inputs;
  sinter_internal_output *outputs;
  int64_t *arguments; /* words of all steps */
  sinter_internal_work *work;
  uint32_t work_count;
  sinter_internal_slot *slots;
  sinter_internal_worker *workers;
  sinter_internal_pool *pool; /* NULL: no threads of ours */
  /* The least position of an index out of range, by turns as the slots. */
  _Atomic int64_t failed[2];

  sinter_parallel_for parallel_for;
  void *parallel_for_context;
  sinter_log log;
  void *log_context;
  sinter_clock clock;
  void *clock_context;
  uint64_t *ticks;

  sinter_internal_execution *executions;  /* one per schedule */
  void *handles[SINTER_DEVICE_KINDS + 1]; /* by sinter_device_kind; NULL: not opened */
  bool opened[SINTER_DEVICE_KINDS + 1];
  uint64_t cycles; /* of the last run */

  uint32_t wanted_entry; /* SINTER_NO_INDEX: the first that the sizes fit into */
  uint32_t entry;        /* of the last run; SINTER_NO_INDEX: the program has none */
  int64_t past;          /* positions that the states hold */

  void *memory;
  uint64_t memory_bytes;
  sinter_release release; /* NULL: the memory is the caller's */
  void *memory_context;
  sinter_error error;
};

/* Everything that a run needs before its first step: symbols, checks,
   expressions, arguments. */
sinter_status sinter_internal_prepare(sinter_session *session);

/* How many bytes lie at the pointer of an argument of the arena, an input or an
   output, where sizes and expressions are the run's. */
uint64_t sinter_internal_room(const sinter_session *session, const sinter_argument_record *argument);

//===----------------------------------------------------------------------===//
// The machine (runtime/cpu)
//===----------------------------------------------------------------------===//

/* This machine's architecture, and which of sinter_feature it can run. */
uint32_t sinter_internal_architecture(void);
uint64_t sinter_internal_features(void);
/* Registers that the operating system gives only on request (AMX). */
bool sinter_internal_enable(uint64_t features);
/* Rounding to nearest and gradual underflow, whatever the host program has set,
   so that results do not depend on the thread. */
uint64_t sinter_internal_float_begin(void);
void sinter_internal_float_end(uint64_t saved);
/* A hint that this thread waits for another. */
static inline void sinter_internal_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif /* SINTER_RUNTIME_CORE_INTERNAL_H */
