//===- sinter.h - Runs programs that Sinter compiled ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C11. A program is immutable and may be used by any number of threads at once.
// A session is one use of it: made for greatest sizes, it takes all of its memory
// then, refuses larger inputs by name, and no run within these sizes allocates
// anything. One session belongs to one thread at a time.
//
//   sinter_program *program;
//   sinter_error error;
//   if (sinter_program_open("minilm", NULL, &program, &error))
//     die(error.message);
//
//   sinter_size sizes[] = {{"batch", 8}, {"seq", 128}};
//   sinter_session_options options = {.struct_bytes = sizeof options, .sizes = sizes, .size_count = 2, .threads = 2};
//   sinter_session *session;
//   if (sinter_session_create(program, &options, &session, &error))
//     die(error.message);
//
//   int64_t dims[] = {1, 7};
//   sinter_session_set_input(session, 0, ids, SINTER_I64, dims, 2);
//   if (sinter_session_run(session))
//     die(sinter_session_message(session));
//   sinter_tensor out;
//   sinter_session_get_output(session, 0, &out);
//
// Every function returns a status, 0 where all is well, and says what is wrong in
// a text: in the sinter_error that it was given (which may be NULL), or in
// sinter_session_message. Outputs of a function that fails are NULL or zero.
// Structs that may grow begin with their size, struct_bytes; a NULL for options
// means the defaults, and so does a zero in any field.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RT_SINTER_H
#define SINTER_RT_SINTER_H

#include "sinter-rt/program.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SINTER_API __attribute__((visibility("default")))
#else
#define SINTER_API
#endif

/// The statuses; those up to 6 are also the exit statuses of the tool `sinter`.
typedef enum sinter_status {
  SINTER_OK = 0,
  SINTER_WRONG_CALL = 2,  ///< a function was used against its description
  SINTER_UNUSABLE = 3,    ///< a bundle or an input is missing, damaged, of wrong type or size, or out of bounds
  SINTER_UNSUPPORTED = 4, ///< this machine or this runtime cannot run the program
  SINTER_TOO_LARGE = 5,   ///< larger than what the session, or the caller's buffer, was made for
  SINTER_IO = 6,          ///< reading a file failed
  SINTER_NO_MEMORY = 7,   ///< memory or threads could not be had
} sinter_status;

/// What went wrong, with a sentence that ends with a zero byte.
typedef struct sinter_error {
  sinter_status status;
  char message[508];
} sinter_error;

typedef struct sinter_program sinter_program;
typedef struct sinter_session sinter_session;
typedef struct sinter_device sinter_device;

/// The version of this runtime, as "0.1.0".
SINTER_API const char *sinter_runtime_version(void);

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

typedef struct sinter_program_options {
  uint32_t struct_bytes;
  /// Nonzero: weights are read into memory (in huge pages where the system has them) instead of being mapped.
  uint32_t copy_weights;
  /// The variant to use, as "x86-64-v3"; NULL: the best that this machine can run.
  const char *variant;
  /// For a linked-in program whose weights are a file: its path.
  const char *weights_file;
  /// What executes schedules, for programs that have some (below). Borrowed until the program is closed.
  const sinter_device *const *devices;
  uint32_t device_count;
  uint32_t reserved;
} sinter_program_options;

/// Opens the bundle in `folder`: reads and checks its tables, its manifest and the code of every variant, each by its
/// hash, maps its weights (whose bytes only sinter_program_check_integrity reads) and loads the code of one variant. Of
/// a program with schedules it reads these, and refuses it where no device is given that executes them.
SINTER_API sinter_status sinter_program_open(const char *folder, const sinter_program_options *options,
                                             sinter_program **program, sinter_error *error);

/// Opens a program that is linked into the application: `model` is what its `<name>_query(SINTER_MODEL_VERSION)`
/// returned.
SINTER_API sinter_status sinter_program_open_model(const sinter_model *model, const sinter_program_options *options,
                                                   sinter_program **program, sinter_error *error);

/// Releases a program. Its sessions must have been destroyed. NULL is allowed.
SINTER_API void sinter_program_close(sinter_program *program);

/// Reads every byte of the weights and of the bundle's other files, and compares the hashes.
SINTER_API sinter_status sinter_program_check_integrity(const sinter_program *program, sinter_error *error);

/// Texts in the structs below belong to the program, and live as long as it does.
typedef struct sinter_program_info {
  const char *name;            ///< of the model
  const char *compiler;        ///< version of Sinter that compiled it
  const char *target;          ///< "cpu", "stream"
  const char *precision;       ///< of products: "f32", "f16"
  const char *source_file;     ///< the model's file name
  const char *source_sha256;   ///< 64 digits, or empty
  const char *variant;         ///< the variant that was loaded; empty where there is none
  const char *arena_formula;   ///< bytes of the arena
  const char *advance_formula; ///< positions that a run adds to the states; empty where there are none
  uint64_t weights_bytes;
  uint64_t code_bytes; ///< of the loaded variant; 0 where linked in
  uint32_t input_count, output_count, symbol_count, check_count, kernel_count, step_count, variant_count, section_count,
      file_count, schedule_count, entry_count, state_count;
} sinter_program_info;
SINTER_API sinter_status sinter_program_get_info(const sinter_program *program, sinter_program_info *info);

/// An input or output.
typedef struct sinter_value_info {
  const char *name;
  sinter_type type;
  uint32_t rank;
  const char *dims[SINTER_MAX_RANK];      ///< each size as a formula: "384", "seq", "2 * batch"
  const char *dim_names[SINTER_MAX_RANK]; ///< as declared in the model; may be empty
  uint32_t any_shape;                     ///< 1: an input that nothing reads, which may have any rank and sizes; else 0
} sinter_value_info;
SINTER_API sinter_status sinter_program_get_input(const sinter_program *program, uint32_t index,
                                                  sinter_value_info *info);
SINTER_API sinter_status sinter_program_get_output(const sinter_program *program, uint32_t index,
                                                   sinter_value_info *info);
/// The index of the input or output called `name`; SINTER_WRONG_CALL if there is none.
SINTER_API sinter_status sinter_program_find_input(const sinter_program *program, const char *name, uint32_t *index);
SINTER_API sinter_status sinter_program_find_output(const sinter_program *program, const char *name, uint32_t *index);

/// A symbol of the formulas: a size that a run takes from an axis of an input, a number from an element of one, or the
/// length of a range of floats; or how many positions the session's states hold.
typedef struct sinter_symbol_info {
  const char *name;
  uint32_t source;   ///< SINTER_FROM_AXIS, SINTER_FROM_ELEMENT, SINTER_FROM_RANGE or SINTER_FROM_SESSION
  uint32_t input;    ///< SINTER_NO_INDEX with SINTER_FROM_SESSION
  uint64_t position; ///< the axis, or the element
  int64_t lowest;
  int64_t highest; ///< SINTER_UNBOUNDED: no limit
  int64_t typical; ///< SINTER_NO_TYPICAL: not known
  /// SINTER_FROM_RANGE: start, limit and delta, each the first element of an input, or a number where the input is
  /// SINTER_NO_INDEX.
  uint32_t range_inputs[3];
  double range_numbers[3];
} sinter_symbol_info;
SINTER_API sinter_status sinter_program_get_symbol(const sinter_program *program, uint32_t index,
                                                   sinter_symbol_info *info);

/// What must hold for a run besides the inputs' own formulas.
typedef struct sinter_check_info {
  uint32_t kind;     ///< sinter_check_kind
  uint32_t input;    ///< SINTER_CHECK_SIZE: the input
  uint32_t axis;     ///< and its axis
  const char *left;  ///< a formula; empty for SINTER_CHECK_SIZE
  const char *right; ///< a formula
  const char *text;  ///< what wants it
} sinter_check_info;
SINTER_API sinter_status sinter_program_get_check(const sinter_program *program, uint32_t index,
                                                  sinter_check_info *info);

typedef struct sinter_step_info {
  const char *name;          ///< of the model's node
  const char *kernel;        ///< the kernel's name
  const char *tasks;         ///< a formula
  const char *scratch_bytes; ///< a formula, per thread
} sinter_step_info;
SINTER_API sinter_status sinter_program_get_step(const sinter_program *program, uint32_t index, sinter_step_info *info);

/// The name of a kernel; NULL where `index` is too great.
SINTER_API const char *sinter_program_kernel_name(const sinter_program *program, uint32_t index);

typedef struct sinter_variant_info {
  const char *name;
  const char *file;      ///< in the bundle; empty where linked in
  uint32_t architecture; ///< sinter_architecture
  uint32_t runs_here;    ///< 1: this machine can run it
  uint64_t features;     ///< of sinter_feature
  uint64_t bytes;
  uint64_t hash;
} sinter_variant_info;
SINTER_API sinter_status sinter_program_get_variant(const sinter_program *program, uint32_t index,
                                                    sinter_variant_info *info);

/// A section of the weights, or another file of the bundle (whose offset is 0).
typedef struct sinter_section_info {
  const char *name;
  uint64_t offset;
  uint64_t bytes;
  uint64_t hash;
} sinter_section_info;
SINTER_API sinter_status sinter_program_get_section(const sinter_program *program, uint32_t index,
                                                    sinter_section_info *info);
SINTER_API sinter_status sinter_program_get_file(const sinter_program *program, uint32_t index,
                                                 sinter_section_info *info);

/// A step that executes a schedule, and what the compiler knows of it; nothing of this is measured.
typedef struct sinter_schedule_info {
  const char *device; ///< which kind of device executes it: "stream"
  const char *chip;   ///< for which it was made
  const char *file;   ///< in the bundle
  uint32_t step;
  uint32_t entry;        ///< whose step that is; SINTER_NO_INDEX where the program has no entries
  uint64_t cycles;       ///< that it takes
  uint64_t limit_cycles; ///< that the chip would take at least; 0: not known
  uint64_t clock_hz;
  const void *weights; ///< its constants, from which it counts their offsets; NULL where there are none
  uint64_t weights_bytes;
} sinter_schedule_info;
SINTER_API sinter_status sinter_program_get_schedule(const sinter_program *program, uint32_t index,
                                                     sinter_schedule_info *info);

/// A value for a symbol: its greatest, where a session is made.
typedef struct sinter_size {
  const char *symbol;
  int64_t value;
} sinter_size;

/// One of several sizes that a program was compiled for, with its own steps, the smaller ones first. A run takes the
/// first whose limits its sizes do not exceed, unless sinter_session_set_entry says which. A program without entries
/// has one size, or works for all.
typedef struct sinter_entry_info {
  const char *name; ///< "seq=16"
  uint32_t first_step, step_count;
  uint32_t limit_count;
  uint32_t reserved;
} sinter_entry_info;
SINTER_API sinter_status sinter_program_get_entry(const sinter_program *program, uint32_t index,
                                                  sinter_entry_info *info);
/// The index of the entry called `name`; SINTER_WRONG_CALL if there is none.
SINTER_API sinter_status sinter_program_find_entry(const sinter_program *program, const char *name, uint32_t *index);
/// The greatest value that a symbol may have in a run of an entry.
SINTER_API sinter_status sinter_program_get_limit(const sinter_program *program, uint32_t entry, uint32_t index,
                                                  sinter_size *limit);

/// A tensor that a session keeps from run to run, in its devices: the keys or values of a decoder, say. It is zero at
/// first, and each run adds positions along `axis`, whose size is the room for them.
typedef struct sinter_state_info {
  const char *name;
  sinter_type type;
  uint32_t rank;
  uint32_t axis;
  uint32_t reserved;
  const char *dims[SINTER_MAX_RANK];
} sinter_state_info;
SINTER_API sinter_status sinter_program_get_state(const sinter_program *program, uint32_t index,
                                                  sinter_state_info *info);

/// The memory of a session for given greatest sizes, in bytes.
typedef struct sinter_memory {
  uint64_t arena_bytes;
  uint64_t output_bytes;
  uint64_t scratch_bytes; ///< per thread
} sinter_memory;
/// Symbols that are not given have their upper bound; SINTER_WRONG_CALL where one has none and memory depends on it.
SINTER_API sinter_status sinter_program_get_memory(const sinter_program *program, const sinter_size *sizes,
                                                   uint32_t size_count, sinter_memory *memory, sinter_error *error);

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

/// A schedule of a program. Tensors are matrices of elements as the schedule says, row after row, little-endian, in the
/// schedule's order.
typedef struct sinter_schedule {
  uint32_t struct_bytes;
  uint32_t input_count, output_count;
  uint32_t reserved;
  const void *bytes; ///< what the compiler wrote
  uint64_t size;
  const void *chip; ///< the chip's description, where the program has it; else NULL
  uint64_t chip_size;
  const void *weights;
  uint64_t weights_bytes;
  const uint64_t *input_bytes, *output_bytes; ///< of each tensor; what lies at its pointer in `execute`
} sinter_schedule;

/// A device, or what stands in for one. `context` goes to `open`. Devices may be used by several sessions at once, a
/// handle by one thread at a time. A function that fails says why, as those of this header do.
struct sinter_device {
  uint32_t struct_bytes;
  uint32_t kind; ///< sinter_device_kind
  void *context;
  /// Makes ready all schedules of a program that are for this kind of device. Called once for each session, for which
  /// the handle keeps what lasts from one run to the next. Schedules, weights and sizes are there until it is closed.
  sinter_status (*open)(void *context, const sinter_schedule *const *schedules, uint32_t count, void **handle,
                        sinter_error *error);
  /// Executes one of them, of which it says how many cycles that took.
  sinter_status (*execute)(void *handle, uint32_t schedule, const void *const *inputs, void *const *outputs,
                           uint64_t *cycles, sinter_error *error);
  void (*close)(void *handle);
  /// Has the states of all schedules be zero again. Schedules of one program share states that have one name. A device
  /// that keeps no states may have NULL here, or a struct_bytes that ends before it.
  void (*reset)(void *handle);
};

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

/// Runs `body(data, i)` once for each i below `count`, in any threads and order, and returns when all have returned.
/// Called several times in each run; runs on the caller's own threads, so that nothing of Sinter's waits actively.
typedef void (*sinter_parallel_for)(void *context, uint32_t count, void (*body)(void *data, uint32_t index),
                                    void *data);
/// Returns `bytes` bytes aligned to `alignment`, or NULL. Called only while a session is made.
typedef void *(*sinter_allocate)(void *context, uint64_t bytes, uint64_t alignment);
typedef void (*sinter_release)(void *context, void *memory, uint64_t bytes);
/// `message` ends with a zero byte, without a line's end.
typedef void (*sinter_log)(void *context, const char *message);
/// A time in ticks of any length, which does not go back.
typedef uint64_t (*sinter_clock)(void *context);

typedef struct sinter_session_options {
  uint32_t struct_bytes;
  /// How many threads compute, the caller's included; 0: as many as the CPUs that this thread may use. With a
  /// parallel_for, the `count` that it is called with.
  uint32_t threads;
  /// The greatest value of each symbol; symbols that are missing have the program's upper bound.
  const sinter_size *sizes;
  uint32_t size_count;
  /// Nonzero: the session holds no memory for outputs, sinter_session_set_output is called for each.
  uint32_t external_outputs;
  /// How long our own threads wait actively after a run for the next one, in microseconds; 0: 200; negative: not at
  /// all.
  int32_t spin_microseconds;
  uint32_t reserved;
  sinter_parallel_for parallel_for;
  void *parallel_for_context;
  sinter_allocate allocate;
  sinter_release release;
  void *memory_context;
  /// The memory to use, of sinter_session_bytes, instead of allocating any.
  void *memory;
  uint64_t memory_bytes;
  sinter_log log;
  void *log_context;
  sinter_clock clock; ///< default: nanoseconds of the monotonic clock
  void *clock_context;
} sinter_session_options;

/// How many bytes a session with these options takes, threads' stacks apart. At 64-byte alignment.
SINTER_API sinter_status sinter_session_bytes(const sinter_program *program, const sinter_session_options *options,
                                              uint64_t *bytes, sinter_error *error);

/// Makes a session; everything that it will ever need is allocated here.
SINTER_API sinter_status sinter_session_create(const sinter_program *program, const sinter_session_options *options,
                                               sinter_session **session, sinter_error *error);

/// Ends the session's threads and releases its memory. NULL is allowed.
SINTER_API void sinter_session_destroy(sinter_session *session);

/// runs; it must be aligned to its element (strings: to 8 bytes). An element of any type below 16 bits takes one byte;
/// one of 4 or 2 bits lies in the low bits, with the sign copied to the others if its type is signed, and they are 0 if
/// not. `dims` has `rank` sizes and is copied. Type and rank are checked here, sizes by the run. The text of strings is
/// borrowed, too, until the outputs of the last run were read, which may point into it.
SINTER_API sinter_status sinter_session_set_input(sinter_session *session, uint32_t index, const void *data,
                                                  sinter_type type, const int64_t *dims, uint32_t rank);

/// Has output `index` written to `data`, which has room for `capacity` bytes; NULL: back to the session's own memory.
SINTER_API sinter_status sinter_session_set_output(sinter_session *session, uint32_t index, void *data,
                                                   uint64_t capacity);

/// Which entry later runs take; SINTER_NO_INDEX: the first that their sizes fit into, as at first.
SINTER_API sinter_status sinter_session_set_entry(sinter_session *session, uint32_t entry);

/// Runs the program once. Allocates nothing (what devices do is their own matter). After a failure the outputs'
/// contents are undefined, the states have the positions that they had, and the session can be used again. A run that
/// would add more positions to the states than they have room for is refused with SINTER_TOO_LARGE before anything is
/// done.
SINTER_API sinter_status sinter_session_run(sinter_session *session);

/// The entry of the last run; SINTER_NO_INDEX where the program has none, or before the first run.
SINTER_API uint32_t sinter_session_entry(const sinter_session *session);

/// How many positions the states hold: those of all runs since the session was made, or was reset.
SINTER_API int64_t sinter_session_past(const sinter_session *session);

/// Begins anew: the states are empty, and zero.
SINTER_API void sinter_session_reset(sinter_session *session);

/// How many cycles devices took in the last run; 0 if it failed, or no device took part.
SINTER_API uint64_t sinter_session_cycles(const sinter_session *session);

/// An output of the last run.
typedef struct sinter_tensor {
  void *data; ///< the session's until the next run, or what sinter_session_set_output gave; the text of strings is an
              ///< input's, or the session's until the next run
  uint64_t bytes;
  sinter_type type;
  uint32_t rank;
  int64_t dims[SINTER_MAX_RANK];
} sinter_tensor;
SINTER_API sinter_status sinter_session_get_output(const sinter_session *session, uint32_t index,
                                                   sinter_tensor *tensor);

/// What the last function of this session that failed had to say; "" if none did. Never NULL.
SINTER_API const char *sinter_session_message(const sinter_session *session);

/// From the next run on, writes into ticks[i] how long step i took in the last run, in the clock's ticks. `count` is at
/// least the program's steps; `ticks` is borrowed; NULL ends it.
SINTER_API sinter_status sinter_session_set_profile(sinter_session *session, uint64_t *ticks, uint32_t count);

/// How many threads compute, and the bytes that the session holds.
SINTER_API uint32_t sinter_session_threads(const sinter_session *session);
SINTER_API uint64_t sinter_session_memory(const sinter_session *session);

#ifdef __cplusplus
}
#endif

#endif /* SINTER_RT_SINTER_H */
