//===- text.h - Numbers as text, and back ----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exact, by integers of a fixed length on the stack: nothing here allocates,
// depends on the locale or on the modes of the floating-point unit.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_CORE_TEXT_H
#define SINTER_RUNTIME_CORE_TEXT_H

#include "sinter-rt/program.h"

#include <stdbool.h>

/* Writes the number of the given sinter_type at `number` to `text`, which has room
   for SINTER_TEXT_BYTES; returns the length.

   Integers in decimal; truth values as True and False; floats by the fewest digits
   that read back as the same value of their type, and of these the nearest: plain
   from 1e-4 to below 1e16 ("0.25", "100.0"), else with an exponent of at least two
   digits ("1e-05", "6.02e+23"); "INF", "-INF", "NaN". */
uint32_t sinter_internal_format_number(const void *number, uint32_t type, char *text);

/* Reads all of the text, blanks around it apart, as a number of the given type and
   writes it to `number`. False: it is no number, or lies outside the type's range.

   [+-] digits [. digits] [e [+-] digits] or INF or NaN, letters in any case; at
   least one digit before the exponent. To the nearest float, ties to even, beyond
   the largest to infinity. To an integer the fraction is dropped, and neither
   infinities nor NaN are in range. To a truth value: whether it is not 0; also
   True and False. */
bool sinter_internal_parse_number(const char *text, uint64_t size, uint32_t type, void *number);

/* The kernels SINTER_FORMAT_NUMBERS and SINTER_PARSE_NUMBERS. */
int64_t sinter_internal_format_numbers(const int64_t *words, int64_t begin, int64_t end, void *scratch);
int64_t sinter_internal_parse_numbers(const int64_t *words, int64_t begin, int64_t end, void *scratch);

#endif /* SINTER_RUNTIME_CORE_TEXT_H */
