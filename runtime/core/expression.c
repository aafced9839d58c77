//===- expression.c - Evaluates size expressions --------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code has been checked when the tables were read: it never under- or
// overflows the stack and leaves one value.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/internal.h"

static int64_t floorDivide(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a % b < 0) != (b < 0));
}

static bool divides(int64_t a, int64_t b) { return b != 0 && !(a == INT64_MIN && b == -1); }

bool sinter_internal_evaluate(const sinter_program *program, uint32_t expression, const int64_t *values,
                              int64_t *result) {
  const sinter_expression_record *record = &program->expressions[expression];
  const int64_t *word = program->words + record->code.first, *end = word + record->code.count;
  int64_t stack[SINTER_MAX_EXPRESSION_DEPTH + 2];
  int64_t *top = stack; /* one above the last value */
  while (word < end) {
    int64_t instruction = *word++;
    if (instruction == SINTER_PUSH_CONSTANT) {
      *top++ = *word++;
      continue;
    }
    if (instruction == SINTER_PUSH_SYMBOL) {
      *top++ = values[*word++];
      continue;
    }
    if (instruction == SINTER_SELECT) {
      top -= 2;
      top[-1] = top[-1] ? top[0] : top[1];
      continue;
    }
    --top;
    int64_t a = top[-1], b = top[0], value = 0;
    switch (instruction) {
    case SINTER_ADD:
      if (__builtin_add_overflow(a, b, &value))
        return false;
      break;
    case SINTER_MULTIPLY:
      if (__builtin_mul_overflow(a, b, &value))
        return false;
      break;
    case SINTER_FLOOR_DIVIDE:
      if (!divides(a, b))
        return false;
      value = floorDivide(a, b);
      break;
    case SINTER_CEIL_DIVIDE:
      if (!divides(a, b))
        return false;
      value = floorDivide(a, b) + (a % b != 0);
      break;
    case SINTER_MODULO:
      if (!divides(a, b))
        return false;
      value = a - floorDivide(a, b) * b;
      break;
    case SINTER_MINIMUM:
      value = a < b ? a : b;
      break;
    case SINTER_MAXIMUM:
      value = a > b ? a : b;
      break;
    case SINTER_EQUAL:
      value = a == b;
      break;
    case SINTER_LESS:
      value = a < b;
      break;
    }
    top[-1] = value;
  }
  *result = stack[0];
  return true;
}

typedef struct Range {
  int64_t low;
  int64_t high;
} Range;

/* Sums and products that stop at the ends of int64_t, which stand for no bound. */
static int64_t addSaturating(int64_t a, int64_t b) {
  int64_t value;
  if (!__builtin_add_overflow(a, b, &value))
    return value;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t multiplySaturating(int64_t a, int64_t b) {
  int64_t value;
  if (!__builtin_mul_overflow(a, b, &value))
    return value;
  return (a < 0) != (b < 0) ? INT64_MIN : INT64_MAX;
}

static int64_t divideSaturating(int64_t a, int64_t b, bool up) {
  if (a == INT64_MIN || a == INT64_MAX) /* no bound, whatever it is divided by */
    return (a < 0) != (b < 0) ? INT64_MIN : INT64_MAX;
  return floorDivide(a, b) + (up && a % b != 0);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

static Range spanOf(int64_t a, int64_t b, int64_t c, int64_t d) {
  Range range = {smaller(smaller(a, b), smaller(c, d)), greater(greater(a, b), greater(c, d))};
  return range;
}

static int64_t magnitude(Range range) {
  int64_t low = range.low == INT64_MIN ? INT64_MAX : range.low < 0 ? -range.low : range.low;
  int64_t high = range.high == INT64_MIN ? INT64_MAX : range.high < 0 ? -range.high : range.high;
  return greater(low, high);
}

static Range divideRange(Range a, Range b, bool up) {
  if (b.low >= 1 || b.high <= -1) /* else 0, or both signs, lie within */
    return spanOf(divideSaturating(a.low, b.low, up), divideSaturating(a.low, b.high, up),
                  divideSaturating(a.high, b.low, up), divideSaturating(a.high, b.high, up));
  int64_t limit = magnitude(a);
  Range range = {limit == INT64_MAX ? INT64_MIN : -limit, limit};
  return range;
}

static Range moduloRange(Range a, Range b) {
  if (b.low >= 1) {
    int64_t limit = b.high == INT64_MAX ? INT64_MAX : b.high - 1;
    Range range = {0, a.low >= 0 ? smaller(limit, a.high) : limit};
    return range;
  }
  int64_t limit = magnitude(b);
  Range range = {limit == INT64_MAX ? INT64_MIN : -limit, limit};
  return range;
}

void sinter_internal_evaluate_range(const sinter_program *program, uint32_t expression, const int64_t *lowest,
                                    const int64_t *highest, int64_t *low, int64_t *high) {
  const sinter_expression_record *record = &program->expressions[expression];
  const int64_t *word = program->words + record->code.first, *end = word + record->code.count;
  Range stack[SINTER_MAX_EXPRESSION_DEPTH + 2];
  Range *top = stack;
  while (word < end) {
    int64_t instruction = *word++;
    if (instruction == SINTER_PUSH_CONSTANT) {
      top->low = top->high = *word++;
      ++top;
      continue;
    }
    if (instruction == SINTER_PUSH_SYMBOL) {
      top->low = lowest[*word];
      top->high = highest[*word++];
      ++top;
      continue;
    }
    if (instruction == SINTER_SELECT) {
      top -= 2;
      Range condition = top[-1], yes = top[0], no = top[1];
      if (condition.low > 0 || condition.high < 0)
        top[-1] = yes;
      else if (condition.low == 0 && condition.high == 0)
        top[-1] = no;
      else
        top[-1] = spanOf(yes.low, yes.high, no.low, no.high);
      continue;
    }
    --top;
    Range a = top[-1], b = top[0], range = {0, 1}; /* as EQUAL and LESS have it */
    switch (instruction) {
    case SINTER_ADD:
      range.low = addSaturating(a.low, b.low);
      range.high = addSaturating(a.high, b.high);
      /* No bound plus a number is no bound. */
      if (a.low == INT64_MIN || b.low == INT64_MIN)
        range.low = INT64_MIN;
      if (a.high == INT64_MAX || b.high == INT64_MAX)
        range.high = INT64_MAX;
      break;
    case SINTER_MULTIPLY:
      range = spanOf(multiplySaturating(a.low, b.low), multiplySaturating(a.low, b.high),
                     multiplySaturating(a.high, b.low), multiplySaturating(a.high, b.high));
      break;
    case SINTER_FLOOR_DIVIDE:
      range = divideRange(a, b, false);
      break;
    case SINTER_CEIL_DIVIDE:
      range = divideRange(a, b, true);
      break;
    case SINTER_MODULO:
      range = moduloRange(a, b);
      break;
    case SINTER_MINIMUM:
      range.low = smaller(a.low, b.low);
      range.high = smaller(a.high, b.high);
      break;
    case SINTER_MAXIMUM:
      range.low = greater(a.low, b.low);
      range.high = greater(a.high, b.high);
      break;
    }
    top[-1] = range;
  }
  *low = stack[0].low;
  *high = stack[0].high;
}

bool sinter_internal_depends(const sinter_program *program, uint32_t expression, const unsigned char *marked,
                             uint32_t *symbol) {
  const sinter_expression_record *record = &program->expressions[expression];
  const int64_t *word = program->words + record->code.first, *end = word + record->code.count;
  while (word < end) {
    int64_t instruction = *word++;
    if (instruction == SINTER_PUSH_SYMBOL && marked[*word]) {
      *symbol = (uint32_t)*word;
      return true;
    }
    if (instruction == SINTER_PUSH_CONSTANT || instruction == SINTER_PUSH_SYMBOL)
      ++word;
  }
  return false;
}
