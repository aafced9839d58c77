//===- program.h - The format of program.bin ------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bundle is a folder:
//
//   manifest.json       what the bundle is, for people and scripts
//   program.bin         the same for the runtime: this format
//   weights.bin         sections of bytes, each at a multiple of 64
//   code-<variant>.so   the kernels, once per instruction set
//   other files         listed; schedules are read, others not (the module for verify)
//
// program.bin is a header and tables of fixed records, little-endian, each table
// at a multiple of 8, found by offset and count. Records refer to each other by
// index and to texts by offset and length in the table of strings. A reader
// checks every one of these before it uses any; a program that passes the checks
// is safe to walk without further ones.
//
// Hashes are XXH64 (hash.h). header.checksum is taken over the whole file with
// the field itself as zero, and the file holds the hashes of the manifest, of
// each code file and of each section of weights, so that one damaged byte
// anywhere is found. What a program that is linked into an application
// (--emit=object, shared, static) has instead of files comes as a sinter_model.
//
// A run
//   takes the symbols' values from its inputs' sizes and elements, checks their
//   bounds and the checks, evaluates the expressions, then carries out the steps
//   in order. A step calls its kernel for tasks [0, tasks), split among threads
//   in any way: results may not depend on the split. All of a step's tasks end
//   before the next step begins.
//
// A program may have entries: runs of steps of which a run carries out one, and
// for each the greatest values of symbols that it is for. A run takes the first
// that its sizes fit into, so the compiler lists smaller ones first; steps of the
// entry pad inputs and cut outputs (SINTER_RESIZE). All entries have the same
// inputs, outputs, weights and states. What states hold lasts from run to run: the
// session counts how many positions they have, `advance` more after each run.
//
// Expressions are postfix code over int64, each with its formula as text.
// Arithmetic is checked: overflow and division by zero end the run with a
// status. Nothing is lazy: select evaluates both of its values.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_FORMAT_PROGRAM_H
#define SINTER_RUNTIME_FORMAT_PROGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SINTER_PROGRAM_MAGIC "SINTRPRG"
/* Readers refuse a greater version, and versions below those that they name. A
   program has the least version that says all of it:
     2  lengths of ranges of floats as symbols; inputs of any shape
     3  schedules of devices, checked indices, elements in other orders; no variants where there are no kernels
     4  entries, states, what the session knows as symbols, tensors of other sizes, numbers for kernels; a longer header
 */
#define SINTER_PROGRAM_VERSION 4

#define SINTER_PROGRAM_FILE "program.bin"
#define SINTER_MANIFEST_FILE "manifest.json"
#define SINTER_WEIGHTS_FILE "weights.bin"

/* Alignment of sections of weights, of the arena's base and of scratch. */
#define SINTER_ALIGNMENT 64
/* Limits that let readers work without allocating. */
#define SINTER_MAX_RANK 16
#define SINTER_MAX_EXPRESSION_DEPTH 64
#define SINTER_MAX_ARGUMENTS 256

#define SINTER_NO_INDEX UINT32_MAX
#define SINTER_UNBOUNDED INT64_MAX
#define SINTER_NO_TYPICAL INT64_MIN

/* What the tasks of a step run. `args` are the step's argument words: pointers
   and integers, in the order of the kernel's own convention. Runs tasks
   [begin, end) with `scratch` (64-byte aligned, the step's scratch bytes, only
   this thread's). Returns 0, or 1 + the position, in the step's index source, of
   an index that lies outside what it indexes; then nothing outside was accessed.
   A kernel with indices from several inputs adds (1 + the input's number) <<
   SINTER_INDEX_INPUT_SHIFT, which takes the place of the step's index source. */
#define SINTER_INDEX_INPUT_SHIFT 48
typedef int64_t (*sinter_kernel)(const int64_t *args, int64_t begin, int64_t end, void *scratch);

/* Element types; the numbers are part of the format. */
typedef enum sinter_type {
  SINTER_F32 = 1,
  SINTER_F64 = 2,
  SINTER_F16 = 3,
  SINTER_BF16 = 4,
  SINTER_I8 = 5,
  SINTER_I16 = 6,
  SINTER_I32 = 7,
  SINTER_I64 = 8,
  SINTER_U8 = 9,
  SINTER_U16 = 10,
  SINTER_U32 = 11,
  SINTER_U64 = 12,
  SINTER_BOOL = 13,   /* one byte, 0 or 1 */
  SINTER_STRING = 14, /* sinter_string */
  /* Floats of 8 bits, by the names of ONNX: e is for exponent, m for fraction. */
  SINTER_F8E4M3FN = 15,
  SINTER_F8E4M3FNUZ = 16,
  SINTER_F8E5M2 = 17,
  SINTER_F8E5M2FNUZ = 18,
  SINTER_F8E8M0 = 19,
  /* Of fewer bits than a byte has: one element takes one byte, in whose low bits it
     is; the others copy the sign in I4 and I2, and are 0 in the rest. */
  SINTER_F4E2M1 = 20,
  SINTER_I4 = 21,
  SINTER_U4 = 22,
  SINTER_I2 = 23,
  SINTER_U2 = 24
} sinter_type;

/* An element of type SINTER_STRING: `size` bytes of UTF-8 at `data`, without a zero
   byte behind them. `data` may be NULL where `size` is 0. */
typedef struct sinter_string {
  const char *data;
  uint64_t size;
} sinter_string;

/* Bytes of one element; 0 for a number that is no type. */
static inline uint32_t sinter_type_size(uint32_t type) {
  switch (type) {
  case SINTER_STRING:
    return 16;
  case SINTER_F64:
  case SINTER_I64:
  case SINTER_U64:
    return 8;
  case SINTER_F32:
  case SINTER_I32:
  case SINTER_U32:
    return 4;
  case SINTER_F16:
  case SINTER_BF16:
  case SINTER_I16:
  case SINTER_U16:
    return 2;
  case SINTER_I8:
  case SINTER_U8:
  case SINTER_BOOL:
    return 1;
  default:
    return type >= SINTER_F8E4M3FN && type <= SINTER_U2 ? 1 : 0;
  }
}

/* What a pointer to elements is a multiple of. */
static inline uint32_t sinter_type_alignment(uint32_t type) {
  return type == SINTER_STRING ? 8 : sinter_type_size(type);
}

static inline const char *sinter_type_name(uint32_t type) {
  static const char *const names[] = {"none",   "f32",      "f64",        "f16",    "bf16",       "i8",     "i16",
                                      "i32",    "i64",      "u8",         "u16",    "u32",        "u64",    "bool",
                                      "string", "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f8e8m0", "f4e2m1",
                                      "i4",     "u4",       "i2",         "u2"};
  return type <= SINTER_U2 ? names[type] : "none";
}

enum sinter_architecture { SINTER_X86_64 = 1, SINTER_AARCH64 = 2 };

/* What a variant's code needs of the machine, beyond its architecture. The
   operating system must have enabled the registers, too. */
enum sinter_feature {
  SINTER_FEATURE_X86_64_V3 = 1 << 0, /* AVX2, FMA, F16C, BMI, ... */
  SINTER_FEATURE_X86_64_V4 = 1 << 1, /* AVX-512 F, BW, CD, DQ, VL */
  SINTER_FEATURE_AVX_VNNI = 1 << 2,
  SINTER_FEATURE_AVX512_VNNI = 1 << 3,
  SINTER_FEATURE_AVX512_BF16 = 1 << 4,
  SINTER_FEATURE_AVX512_FP16 = 1 << 5,
  SINTER_FEATURE_AMX_TILE = 1 << 6,
  SINTER_FEATURE_AMX_INT8 = 1 << 7,
  SINTER_FEATURE_AMX_BF16 = 1 << 8,
  SINTER_FEATURE_ARM_DOTPROD = 1 << 16,
  SINTER_FEATURE_ARM_I8MM = 1 << 17,
  SINTER_FEATURE_ARM_BF16 = 1 << 18,
  SINTER_FEATURE_ARM_FP16 = 1 << 19
};

/* A text: `length` bytes of the table of strings, followed there by a zero byte. */
typedef struct sinter_text {
  uint32_t offset;
  uint32_t length;
} sinter_text;

/* A table: `count` records beginning `offset` bytes into the file. */
typedef struct sinter_table {
  uint64_t offset;
  uint64_t count;
} sinter_table;

/* A run of consecutive records of another table. */
typedef struct sinter_range {
  uint32_t first;
  uint32_t count;
} sinter_range;

/* The words of an expression: one instruction, and an operand after the first two. */
enum sinter_instruction {
  SINTER_PUSH_CONSTANT = 1, /* next word: the value */
  SINTER_PUSH_SYMBOL = 2,   /* next word: the symbol's index */
  SINTER_ADD = 3,
  SINTER_MULTIPLY = 4,
  SINTER_FLOOR_DIVIDE = 5,
  SINTER_CEIL_DIVIDE = 6,
  SINTER_MODULO = 7, /* of the sign of the divisor */
  SINTER_MINIMUM = 8,
  SINTER_MAXIMUM = 9,
  SINTER_EQUAL = 10,
  SINTER_LESS = 11,
  SINTER_SELECT = 12 /* condition, value if not zero, value if zero */
};

typedef struct sinter_expression_record {
  sinter_range code; /* of the table of words; leaves exactly one value */
  sinter_text formula;
} sinter_expression_record;

enum sinter_symbol_source {
  SINTER_FROM_AXIS = 1,    /* the size of input `input` along axis `position` */
  SINTER_FROM_ELEMENT = 2, /* element `position` of input `input`, in row-major order, without its fraction */
  /* The length of a range of floats, max(ceil((limit - start) / delta), 0): the
     difference in the inputs' type, the quotient in f64 for f64 and else in f32.
     `position` is the first of six words, two each for start, limit and delta: an
     input, of which it is the first element, and 0; or -1, and the bits of an f64.
     `input` is the first input among them. All are of one type of floats. */
  SINTER_FROM_RANGE = 3,
  /* How many positions the states hold before the run. `input` is SINTER_NO_INDEX,
     `position` 0. */
  SINTER_FROM_SESSION = 4
};

typedef struct sinter_symbol_record {
  sinter_text name;
  uint32_t source; /* sinter_symbol_source */
  uint32_t input;
  uint64_t position;
  int64_t lowest;
  int64_t highest; /* SINTER_UNBOUNDED: no limit */
  int64_t typical; /* SINTER_NO_TYPICAL: not known */
} sinter_symbol_record;

enum sinter_check_kind {
  SINTER_CHECK_SIZE = 1,    /* the size of `input` along `axis` equals `right` */
  SINTER_CHECK_EQUAL = 2,   /* `left` equals `right` */
  SINTER_CHECK_AT_LEAST = 3 /* `left` is at least `right` */
};

/* What must hold for a run, else it is refused with both numbers. */
typedef struct sinter_check_record {
  uint32_t kind;  /* sinter_check_kind */
  uint32_t input; /* SINTER_CHECK_SIZE only, else SINTER_NO_INDEX */
  uint32_t axis;  /* likewise */
  uint32_t left;  /* expression; SINTER_NO_INDEX for SINTER_CHECK_SIZE */
  uint32_t right; /* expression */
  uint32_t reserved;
  sinter_text text; /* a declared dimension's name, or what states the condition; may be empty */
} sinter_check_record;

enum sinter_value_flag {
  SINTER_VALUE_ANY_SHAPE = 1 << 0 /* an input that nothing reads: of any rank and sizes; it has no dimensions here */
};

/* An input or output. Sizes of inputs are checked against their expressions. */
typedef struct sinter_value_record {
  sinter_text name;
  uint32_t type;
  uint32_t flags;    /* of sinter_value_flag */
  sinter_range dims; /* of the table of dimensions; the count is the rank */
} sinter_value_record;

typedef struct sinter_dim_record {
  uint32_t size; /* expression */
  uint32_t reserved;
  sinter_text name; /* the dimension's name in the model; may be empty */
} sinter_dim_record;

typedef struct sinter_variant_record {
  sinter_text name;      /* x86-64-v4 */
  sinter_text file;      /* code-x86-64-v4.so; empty if linked in */
  uint32_t architecture; /* sinter_architecture */
  uint32_t reserved;
  uint64_t features; /* of sinter_feature: all are needed */
  uint64_t bytes;
  uint64_t hash;
} sinter_variant_record;

typedef struct sinter_kernel_record {
  sinter_text name;
  /* Of the table of kernel symbols: one text per variant, in the variants' order. */
  sinter_range symbols;
} sinter_kernel_record;

enum sinter_argument_kind {
  SINTER_ARGUMENT_ARENA = 1,   /* pointer: arena + expression `index` */
  SINTER_ARGUMENT_WEIGHTS = 2, /* pointer: weights + `value` */
  SINTER_ARGUMENT_INPUT = 3,   /* pointer: data of input `index` */
  SINTER_ARGUMENT_OUTPUT = 4,  /* pointer: data of output `index` */
  SINTER_ARGUMENT_INTEGER = 5, /* expression `index` */
  SINTER_ARGUMENT_CONSTANT = 6 /* `value` */
};

typedef struct sinter_argument_record {
  uint32_t kind;
  uint32_t index; /* SINTER_NO_INDEX where the kind has none */
  int64_t value;
} sinter_argument_record;

/* Steps that the runtime carries out itself have one of these in the place of a
   kernel's number: what takes more code than is put into each program. A task is an
   element. Types are sinter_type. */
#define SINTER_RUNTIME_KERNELS 0x40000000
enum sinter_runtime_kernel {
  /* Numbers as text. Words: the numbers, the strings that are made, their text
     (SINTER_TEXT_BYTES for each), the numbers' type. */
  SINTER_FORMAT_NUMBERS = SINTER_RUNTIME_KERNELS,
  /* Numbers from text. Words: the strings, the numbers that are made, their type.
     Fails with the position of a string that is no number of that type. */
  SINTER_PARSE_NUMBERS = SINTER_RUNTIME_KERNELS + 1,
  /* A schedule, by a device. The step's name is the chip's; it has one task, or none
     in runs that are not for it. Words: those of sinter_schedule_word, then for each
     tensor, inputs before outputs, a pointer and a constant, its bytes. Inputs lie in
     the arena or are the program's inputs, outputs lie in the arena or are the
     program's outputs. */
  SINTER_EXECUTE_SCHEDULE = SINTER_RUNTIME_KERNELS + 2,
  /* Indices, for what cannot refuse them. Words: the indices, what is made of them
     (U16, each as often as the last word says, one after the other; negative ones count
     from the end), the indices' type (SINTER_I32 or SINTER_I64), how many things they
     choose from, at most 65,536, and how often. Fails with the position of an index
     that chooses none of them. */
  SINTER_CHECK_INDICES = SINTER_RUNTIME_KERNELS + 3,
  /* Elements in another order. Words: the elements, what is made of them, a table of
     I32 with the position of each element that is made, an element's bytes (1, 2, 4 or
     8), how many elements there are. Positions where none is give 0. */
  SINTER_ARRANGE = SINTER_RUNTIME_KERNELS + 4,
  /* A tensor of other sizes: along each axis the first elements, and where there are
     too few the last one again. Words: the tensor, what is made of it, an element's
     bytes, the rank, the tensor's sizes, the sizes of what is made. A task is a row:
     one of the last axis. */
  SINTER_RESIZE = SINTER_RUNTIME_KERNELS + 5,
  /* A number that kernels read. Words: where it goes (I64), the number. One task. */
  SINTER_STORE = SINTER_RUNTIME_KERNELS + 6
};
/* The longest text of a number: that of -2.2250738585072014e-308. */
#define SINTER_TEXT_BYTES 24

/* NULL for a number that is no such kernel. */
static inline const char *sinter_runtime_kernel_name(uint32_t kernel) {
  return kernel == SINTER_FORMAT_NUMBERS     ? "format_numbers"
         : kernel == SINTER_PARSE_NUMBERS    ? "parse_numbers"
         : kernel == SINTER_EXECUTE_SCHEDULE ? "execute_schedule"
         : kernel == SINTER_CHECK_INDICES    ? "check_indices"
         : kernel == SINTER_ARRANGE          ? "arrange"
         : kernel == SINTER_RESIZE           ? "resize"
         : kernel == SINTER_STORE            ? "store"
                                             : (const char *)0;
}

/* The first words of a step that executes a schedule, all constants but for the
   pointer to weights. */
enum sinter_schedule_word {
  SINTER_SCHEDULE_DEVICE = 0,  /* sinter_device_kind */
  SINTER_SCHEDULE_FILE = 1,    /* the schedule: an index of the table of files */
  SINTER_SCHEDULE_CHIP = 2,    /* the chip's description, likewise; -1: devices know the chip */
  SINTER_SCHEDULE_CYCLES = 3,  /* that it takes */
  SINTER_SCHEDULE_LIMIT = 4,   /* that the chip would take at least; 0: not known */
  SINTER_SCHEDULE_CLOCK = 5,   /* Hz */
  SINTER_SCHEDULE_WEIGHTS = 6, /* pointer; 0 where there are none */
  SINTER_SCHEDULE_WEIGHTS_BYTES = 7,
  SINTER_SCHEDULE_INPUTS = 8, /* how many tensors are inputs */
  SINTER_SCHEDULE_WORDS = 9
};

/* What executes schedules, by whose schedules it executes. */
enum sinter_device_kind { SINTER_DEVICE_STREAM = 1 };
#define SINTER_DEVICE_KINDS 1

/* NULL for a number that is no kind. */
static inline const char *sinter_device_kind_name(uint32_t kind) {
  return kind == SINTER_DEVICE_STREAM ? "stream" : (const char *)0;
}

typedef struct sinter_step_record {
  sinter_text name;       /* of the model's node, for profiles */
  uint32_t kernel;        /* of the table of kernels, or a sinter_runtime_kernel */
  uint32_t tasks;         /* expression */
  uint32_t scratch_bytes; /* expression, per thread */
  uint32_t index_input;   /* the input whose elements it uses as indices, or SINTER_NO_INDEX */
  sinter_range arguments;
} sinter_step_record;

/* Symbols that are not among `limits` may have any value. */
typedef struct sinter_entry_record {
  sinter_text name;
  sinter_range steps;
  sinter_range limits; /* of the table of words: two each, a symbol and the greatest value that it may have */
} sinter_entry_record;

/* A tensor that a device keeps in a session, which it knows by this name; zero at
   first. It is as long along `axis` as there is room for positions. */
typedef struct sinter_state_record {
  sinter_text name;
  uint32_t type;
  uint32_t axis;
  sinter_range dims; /* of the table of dimensions; the sizes are constants */
} sinter_state_record;

typedef struct sinter_section_record {
  sinter_text name;
  uint64_t offset; /* in the weights, a multiple of SINTER_ALIGNMENT; sections ascend, gaps are zero */
  uint64_t bytes;
  uint64_t hash;
} sinter_section_record;

/* A file that the runtime reads only where a step names it. */
typedef struct sinter_file_record {
  sinter_text name;
  uint64_t bytes;
  uint64_t hash;
} sinter_file_record;

typedef struct sinter_program_header {
  /* Up to the checksum the same in every version. */
  char magic[8]; /* SINTER_PROGRAM_MAGIC, without its zero */
  uint32_t version;
  uint32_t header_bytes;
  uint64_t file_bytes;
  uint64_t checksum;       /* of the file, this field taken as zero */
  uint64_t manifest_bytes; /* 0: no manifest, the program is linked in */
  uint64_t manifest_hash;
  uint64_t weights_bytes;
  sinter_text name;            /* of the model */
  sinter_text compiler;        /* Sinter's version */
  sinter_text target;          /* cpu, stream */
  sinter_text precision;       /* f32, f16 */
  sinter_text source_file;     /* file name of the model, without folders */
  sinter_text source_sha256;   /* 64 hexadecimal digits, or empty */
  uint32_t arena_bytes;        /* expression */
  uint32_t advance;            /* expression: the positions that a run adds to states; SINTER_NO_INDEX without states.
                                  Before version 4: 0, and means nothing */
  sinter_table strings;        /* of bytes */
  sinter_table words;          /* of int64_t */
  sinter_table expressions;    /* of sinter_expression_record */
  sinter_table symbols;        /* of sinter_symbol_record */
  sinter_table checks;         /* of sinter_check_record */
  sinter_table dims;           /* of sinter_dim_record */
  sinter_table inputs;         /* of sinter_value_record */
  sinter_table outputs;        /* of sinter_value_record */
  sinter_table variants;       /* of sinter_variant_record, best first */
  sinter_table kernel_symbols; /* of sinter_text */
  sinter_table kernels;        /* of sinter_kernel_record */
  sinter_table arguments;      /* of sinter_argument_record */
  sinter_table steps;          /* of sinter_step_record */
  sinter_table sections;       /* of sinter_section_record */
  sinter_table files;          /* of sinter_file_record */
  /* From version 4 on. */
  sinter_table entries; /* of sinter_entry_record; none: one entry, of all steps */
  sinter_table states;  /* of sinter_state_record */
} sinter_program_header;

/* The bytes of the header in a program of that version. */
static inline uint32_t sinter_header_bytes(uint32_t version) {
  const uint32_t bytes = (uint32_t)sizeof(sinter_program_header);
  return version < 4 ? bytes - 2 * (uint32_t)sizeof(sinter_table) : bytes;
}

#define SINTER_MODEL_VERSION 1

/* A program that is linked into an application: what `<name>_query(max_version)`
   returns, or NULL where it cannot give that version or a lower one. All of it is
   constant and lives as long as the application. */
typedef struct sinter_model {
  uint32_t version; /* of this struct: SINTER_MODEL_VERSION, at most max_version */
  uint32_t bytes;   /* of this struct */
  const void *program;
  uint64_t program_bytes;
  const void *weights; /* 64-byte aligned; NULL where they are a file beside the application */
  uint64_t weights_bytes;
  /* variant_count tables, in the order of the program's variants, each with one
     function per kernel of the program. */
  const sinter_kernel *const *kernels;
  uint64_t variant_count;
} sinter_model;

#ifdef __cplusplus
}
#endif

#endif /* SINTER_RUNTIME_FORMAT_PROGRAM_H */
