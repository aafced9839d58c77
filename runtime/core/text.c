//===- text.c - Numbers as text, and back ----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both ways compare fractions of long integers and never round on the way.
// Formatting is Steele and White's free-format algorithm ("How to print
// floating-point numbers accurately", 1990), parsing a long division that yields
// the significand bit by bit. Neither is fast; both are short.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/text.h"

#include <string.h>

//===----------------------------------------------------------------------===//
// Long integers
//===----------------------------------------------------------------------===//

/* Digits of a text that are looked at. What lies behind them can only say that the
   number is a little greater, since no boundary between two doubles has more. */
#define MOST_DIGITS 800
/* Decimal exponents beyond which every float is 0 or infinite. */
#define GREATEST_EXPONENT 400

/* The longest: 10^(MOST_DIGITS + GREATEST_EXPONENT), 3,987 bits, below a quotient of 54. */
#define MOST_WORDS 144

/* A natural number; words[count - 1] is not 0. */
typedef struct Natural {
  uint32_t count;
  uint32_t words[MOST_WORDS];
} Natural;

static void set(Natural *x, uint64_t value) {
  x->count = 0;
  for (; value; value >>= 32)
    x->words[x->count++] = (uint32_t)value;
}

/* x * factor + addend */
static void multiplyAdd(Natural *x, uint32_t factor, uint32_t addend) {
  uint64_t carry = addend;
  for (uint32_t i = 0; i < x->count; ++i) {
    carry += (uint64_t)x->words[i] * factor;
    x->words[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry)
    x->words[x->count++] = (uint32_t)carry;
}

static void multiplyPowerOfTen(Natural *x, int32_t power) {
  for (; power >= 9; power -= 9)
    multiplyAdd(x, 1000000000, 0);
  for (; power > 0; --power)
    multiplyAdd(x, 10, 0);
}

static void shiftLeft(Natural *x, uint32_t bits) {
  if (x->count == 0)
    return;
  const uint32_t words = bits / 32;
  memmove(x->words + words, x->words, x->count * sizeof(uint32_t));
  memset(x->words, 0, words * sizeof(uint32_t));
  x->count += words;
  if (bits % 32)
    multiplyAdd(x, UINT32_C(1) << bits % 32, 0);
}

static uint32_t countBits(const Natural *x) {
  return x->count ? 32 * x->count - (uint32_t)__builtin_clz(x->words[x->count - 1]) : 0;
}

/* Less than, equal to or greater than 0, as x is to y. */
static int compare(const Natural *x, const Natural *y) {
  if (x->count != y->count)
    return x->count < y->count ? -1 : 1;
  for (uint32_t i = x->count; i-- > 0;)
    if (x->words[i] != y->words[i])
      return x->words[i] < y->words[i] ? -1 : 1;
  return 0;
}

/* x + y against z */
static int compareSum(const Natural *x, const Natural *y, const Natural *z) {
  Natural sum = *x;
  uint64_t carry = 0;
  for (uint32_t i = 0; i < y->count || carry; ++i) {
    if (i == sum.count)
      sum.words[sum.count++] = 0;
    carry += (uint64_t)sum.words[i] + (i < y->count ? y->words[i] : 0);
    sum.words[i] = (uint32_t)carry;
    carry >>= 32;
  }
  return compare(&sum, z);
}

/* x - y, which is at least 0 */
static void subtract(Natural *x, const Natural *y) {
  int64_t borrow = 0;
  for (uint32_t i = 0; i < x->count; ++i) {
    borrow += (int64_t)x->words[i] - (i < y->count ? y->words[i] : 0);
    x->words[i] = (uint32_t)borrow;
    borrow >>= 32;
  }
  while (x->count && x->words[x->count - 1] == 0)
    --x->count;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/* A float's value is significand * 2^exponent, the significand below
   2^significandBits, the exponent at least leastExponent. */
typedef struct Format {
  uint32_t totalBits, significandBits;
  int32_t leastExponent;
} Format;

static const Format *formatOf(uint32_t type) {
  static const Format f16 = {16, 11, -24}, bf16 = {16, 8, -133}, f32 = {32, 24, -149}, f64 = {64, 53, -1074};
  switch (type) {
  case SINTER_F16:
    return &f16;
  case SINTER_BF16:
    return &bf16;
  case SINTER_F32:
    return &f32;
  case SINTER_F64:
    return &f64;
  default:
    return NULL;
  }
}

static bool isSigned(uint32_t type) { return type >= SINTER_I8 && type <= SINTER_I64; }

static uint64_t infinityOf(const Format *format) {
  return ((UINT64_C(1) << (format->totalBits - format->significandBits)) - 1) << (format->significandBits - 1);
}

/* Little-endian: the low bytes are the element. */
static uint64_t loadBits(const void *number, uint32_t type) {
  uint64_t bits = 0;
  memcpy(&bits, number, sinter_type_size(type));
  return bits;
}
static void storeBits(void *number, uint32_t type, uint64_t bits) { memcpy(number, &bits, sinter_type_size(type)); }

//===----------------------------------------------------------------------===//
// To text
//===----------------------------------------------------------------------===//

static uint32_t copyText(char *text, const char *from) {
  uint32_t length = (uint32_t)strlen(from);
  memcpy(text, from, length);
  return length;
}

static uint32_t formatNatural(uint64_t value, char *text) {
  char reversed[20];
  uint32_t length = 0;
  do
    reversed[length++] = (char)('0' + value % 10);
  while (value /= 10);
  for (uint32_t i = 0; i < length; ++i)
    text[i] = reversed[length - 1 - i];
  return length;
}

/* The shortest digits d[0] d[1] ... for which 0.d[0]d[1]... * 10^point reads back as
   significand * 2^exponent. `isPower`: the gap to the float below is half of the one
   above. Returns how many there are. */
static uint32_t shortestDigits(uint64_t significand, int32_t exponent, bool isPower, char digits[20], int32_t *point) {
  /* The number is rest / whole; half the gaps above and below are above / whole and below / whole. A float with an
     even significand is also what the middle of a gap is read as. */
  Natural rest, whole, above, below;
  const bool isEven = significand % 2 == 0;
  set(&rest, significand);
  set(&whole, 1);
  set(&above, 1);
  set(&below, 1);
  shiftLeft(&rest, 1 + isPower);
  shiftLeft(&whole, 1 + isPower);
  shiftLeft(&above, isPower);
  if (exponent > 0) {
    shiftLeft(&rest, (uint32_t)exponent);
    shiftLeft(&above, (uint32_t)exponent);
    shiftLeft(&below, (uint32_t)exponent);
  } else {
    shiftLeft(&whole, (uint32_t)-exponent);
  }
  /* log10(2) is 0.30103; an estimate that is at most 1 too great or small is mended below. */
  const int32_t topBit = exponent + 63 - __builtin_clzll(significand);
  int32_t scale = topBit * 30103 / 100000;
  if (scale >= 0) {
    multiplyPowerOfTen(&whole, scale);
  } else {
    multiplyPowerOfTen(&rest, -scale);
    multiplyPowerOfTen(&above, -scale);
    multiplyPowerOfTen(&below, -scale);
  }
  /* Until the upper end of what reads back lies below 1, and not below 1/10. */
  while (compareSum(&rest, &above, &whole) >= (isEven ? 0 : 1)) {
    multiplyAdd(&whole, 10, 0);
    ++scale;
  }
  for (;;) {
    Natural tenfold = rest, tenfoldAbove = above;
    multiplyAdd(&tenfold, 10, 0);
    multiplyAdd(&tenfoldAbove, 10, 0);
    if (compareSum(&tenfold, &tenfoldAbove, &whole) >= (isEven ? 0 : 1))
      break;
    rest = tenfold;
    above = tenfoldAbove;
    multiplyAdd(&below, 10, 0);
    --scale;
  }
  *point = scale;
  for (uint32_t count = 0;;) {
    multiplyAdd(&rest, 10, 0);
    multiplyAdd(&above, 10, 0);
    multiplyAdd(&below, 10, 0);
    char digit = 0;
    while (compare(&rest, &whole) >= 0) {
      subtract(&rest, &whole);
      ++digit;
    }
    bool mayEnd = compare(&rest, &below) < (isEven ? 1 : 0);
    bool mayEndAbove = compareSum(&rest, &above, &whole) >= (isEven ? 0 : 1);
    if (mayEnd || mayEndAbove) {
      /* Of two digits that both read back, the nearer; in the middle the even one. */
      int half = compareSum(&rest, &rest, &whole);
      if (mayEndAbove && (!mayEnd || half > 0 || (half == 0 && digit % 2)))
        ++digit;
      digits[count++] = (char)('0' + digit);
      return count;
    }
    digits[count++] = (char)('0' + digit);
  }
}

static uint32_t formatFloat(uint64_t bits, const Format *format, char *text) {
  const uint64_t infinity = infinityOf(format), magnitude = bits & ((UINT64_C(1) << (format->totalBits - 1)) - 1);
  uint32_t length = 0;
  if (magnitude > infinity)
    return copyText(text, "NaN");
  if (magnitude != bits)
    text[length++] = '-';
  if (magnitude == infinity)
    return length + copyText(text + length, "INF");
  if (magnitude == 0)
    return length + copyText(text + length, "0.0");

  const uint32_t fractionBits = format->significandBits - 1;
  const uint64_t implicit = UINT64_C(1) << fractionBits, fraction = magnitude & (implicit - 1);
  const int32_t field = (int32_t)(magnitude >> fractionBits);
  char digits[20];
  int32_t point;
  uint32_t count =
      shortestDigits(field ? fraction | implicit : fraction, format->leastExponent + (field ? field - 1 : 0),
                     fraction == 0 && field > 1, digits, &point);
  const int32_t exponent = point - 1;
  if (exponent < -4 || exponent >= 16) {
    text[length++] = digits[0];
    if (count > 1) {
      text[length++] = '.';
      memcpy(text + length, digits + 1, count - 1);
      length += count - 1;
    }
    text[length++] = 'e';
    text[length++] = exponent < 0 ? '-' : '+';
    const uint32_t size = (uint32_t)(exponent < 0 ? -exponent : exponent);
    if (size < 10)
      text[length++] = '0';
    return length + formatNatural(size, text + length);
  }
  if (point <= 0) {
    length += copyText(text + length, "0.");
    for (; point < 0; ++point)
      text[length++] = '0';
    memcpy(text + length, digits, count);
    return length + count;
  }
  for (int32_t i = 0; i < point || i < (int32_t)count; ++i) {
    if (i == point)
      text[length++] = '.';
    text[length++] = i < (int32_t)count ? digits[i] : '0';
  }
  if (point >= (int32_t)count)
    length += copyText(text + length, ".0");
  return length;
}

uint32_t sinter_internal_format_number(const void *number, uint32_t type, char *text) {
  uint64_t bits = loadBits(number, type);
  const Format *format = formatOf(type);
  if (format)
    return formatFloat(bits, format, text);
  if (type == SINTER_BOOL)
    return copyText(text, bits ? "True" : "False");
  const uint32_t unused = 64 - 8 * sinter_type_size(type);
  if (!isSigned(type) || (int64_t)(bits << unused) >= 0)
    return formatNatural(bits, text);
  text[0] = '-';
  return 1 + formatNatural(0 - (uint64_t)((int64_t)(bits << unused) >> unused), text + 1);
}

//===----------------------------------------------------------------------===//
// From text
//===----------------------------------------------------------------------===//

/* What a text says: digits * 10^exponent. */
typedef struct Decimal {
  bool isNegative;
  enum { DECIMAL_NUMBER, DECIMAL_INFINITY, DECIMAL_NAN, DECIMAL_TRUE, DECIMAL_FALSE } kind;
  uint32_t count;   /* of digits; the first is not 0 */
  bool isMore;      /* digits behind those were left out, and not all are 0 */
  int64_t exponent; /* of the last digit */
  char digits[MOST_DIGITS];
} Decimal;

static bool isBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool isDigit(char c) { return c >= '0' && c <= '9'; }

/* Whether the text is `word`, which has small letters, in any case. */
static bool isWord(const char *text, const char *end, const char *word) {
  for (; text != end && *word; ++text, ++word)
    if ((*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text) != *word)
      return false;
  return text == end && !*word;
}

static bool readDecimal(const char *text, uint64_t size, Decimal *decimal) {
  const char *end = text + size;
  while (text != end && isBlank(*text))
    ++text;
  while (text != end && isBlank(end[-1]))
    --end;
  decimal->isNegative = false;
  decimal->kind = DECIMAL_NUMBER;
  decimal->count = 0;
  decimal->isMore = false;
  decimal->exponent = 0;
  if (isWord(text, end, "true") || isWord(text, end, "false")) {
    decimal->kind = end - text == 4 ? DECIMAL_TRUE : DECIMAL_FALSE;
    return true;
  }
  if (text != end && (*text == '+' || *text == '-'))
    decimal->isNegative = *text++ == '-';
  if (isWord(text, end, "inf") || isWord(text, end, "nan")) {
    decimal->kind = *text == 'i' || *text == 'I' ? DECIMAL_INFINITY : DECIMAL_NAN;
    return true;
  }
  bool hasDigit = false, isFraction = false;
  for (; text != end; ++text) {
    if (*text == '.' && !isFraction) {
      isFraction = true;
      continue;
    }
    if (!isDigit(*text))
      break;
    hasDigit = true;
    if (decimal->count == 0 && *text == '0') {
      decimal->exponent -= isFraction;
    } else if (decimal->count < MOST_DIGITS) {
      decimal->digits[decimal->count++] = *text;
      decimal->exponent -= isFraction;
    } else {
      decimal->isMore |= *text != '0';
      decimal->exponent += !isFraction;
    }
  }
  if (!hasDigit)
    return false;
  if (text != end && (*text == 'e' || *text == 'E')) {
    bool isNegative = false;
    if (++text != end && (*text == '+' || *text == '-'))
      isNegative = *text++ == '-';
    if (text == end)
      return false;
    /* Beyond any text's length it does not matter what the exponent is. */
    int64_t exponent = 0;
    for (; text != end && isDigit(*text); ++text)
      if (exponent < INT64_MAX / 100)
        exponent = 10 * exponent + (*text - '0');
    decimal->exponent += isNegative ? -exponent : exponent;
  }
  return text == end;
}

/* The bits of the float without its sign. */
static uint64_t roundToFloat(const Decimal *decimal, const Format *format) {
  const int64_t scale = decimal->exponent + decimal->count; /* it is below 10^scale */
  if (decimal->count == 0 || scale < -GREATEST_EXPONENT)
    return 0;
  if (scale > GREATEST_EXPONENT)
    return infinityOf(format);
  /* rest / divisor */
  Natural rest, divisor;
  set(&rest, 0);
  set(&divisor, 1);
  for (uint32_t i = 0; i < decimal->count; ++i)
    multiplyAdd(&rest, 10, (uint32_t)(decimal->digits[i] - '0'));
  int32_t exponent10 = (int32_t)decimal->exponent;
  if (decimal->isMore) { /* a little more, which is on the same side of every boundary */
    multiplyAdd(&rest, 10, 1);
    --exponent10;
  }
  if (exponent10 >= 0)
    multiplyPowerOfTen(&rest, exponent10);
  else
    multiplyPowerOfTen(&divisor, -exponent10);
  /* The power of two below it or at it, as a bit of the quotient. */
  int32_t topBit = (int32_t)countBits(&rest) - (int32_t)countBits(&divisor);
  Natural scaled = topBit < 0 ? rest : divisor;
  shiftLeft(&scaled, (uint32_t)(topBit < 0 ? -topBit : topBit));
  if ((topBit < 0 ? compare(&scaled, &divisor) : compare(&rest, &scaled)) < 0)
    --topBit;
  /* The significand is the quotient, once the last bit that counts is its lowest. */
  const int32_t bits = (int32_t)format->significandBits;
  int32_t exponent = topBit - (bits - 1);
  if (exponent < format->leastExponent)
    exponent = format->leastExponent;
  if (exponent < 0)
    shiftLeft(&rest, (uint32_t)-exponent);
  else
    shiftLeft(&divisor, (uint32_t)exponent);
  uint64_t significand = 0;
  shiftLeft(&divisor, (uint32_t)bits);
  for (int32_t i = 0; i < bits; ++i) {
    shiftLeft(&rest, 1);
    significand <<= 1;
    if (compare(&rest, &divisor) >= 0) {
      subtract(&rest, &divisor);
      significand |= 1;
    }
  }
  int half = compareSum(&rest, &rest, &divisor);
  if (half > 0 || (half == 0 && significand % 2))
    ++significand;
  /* The significand's leading bit, or a carry, adds to the exponent's field. */
  uint64_t result = ((uint64_t)(exponent - format->leastExponent) << (bits - 1)) + significand;
  return result < infinityOf(format) ? result : infinityOf(format);
}

/* The decimal without its fraction, as a natural number below 2^64. */
static bool truncateToNatural(const Decimal *decimal, uint64_t *value) {
  *value = 0;
  const int64_t length = decimal->count ? decimal->exponent + decimal->count : 0;
  if (length > 20)
    return false;
  for (int64_t i = 0; i < length; ++i) {
    uint64_t digit = i < decimal->count ? (uint64_t)(decimal->digits[i] - '0') : 0;
    if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, digit, value))
      return false;
  }
  return true;
}

bool sinter_internal_parse_number(const char *text, uint64_t size, uint32_t type, void *number) {
  Decimal decimal;
  if (size == 0 || !readDecimal(text, size, &decimal))
    return false;
  const Format *format = formatOf(type);
  if (type == SINTER_BOOL) {
    bool isZero = decimal.kind == DECIMAL_FALSE || (decimal.kind == DECIMAL_NUMBER && decimal.count == 0);
    storeBits(number, type, !isZero);
    return true;
  }
  if (decimal.kind == DECIMAL_TRUE || decimal.kind == DECIMAL_FALSE)
    return false;
  if (format) {
    uint64_t bits = infinityOf(format);
    if (decimal.kind == DECIMAL_NAN)
      bits |= UINT64_C(1) << (format->significandBits - 2); /* quiet */
    else if (decimal.kind == DECIMAL_NUMBER)
      bits = roundToFloat(&decimal, format);
    storeBits(number, type, bits | (uint64_t)decimal.isNegative << (format->totalBits - 1));
    return true;
  }
  uint64_t value;
  if (decimal.kind != DECIMAL_NUMBER || !truncateToNatural(&decimal, &value))
    return false;
  uint64_t greatest = UINT64_MAX >> (64 - 8 * sinter_type_size(type) + isSigned(type));
  if (decimal.isNegative)
    greatest = isSigned(type) ? greatest + 1 : 0;
  if (value > greatest)
    return false;
  storeBits(number, type, decimal.isNegative ? 0 - value : value);
  return true;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

int64_t sinter_internal_format_numbers(const int64_t *words, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  const unsigned char *numbers = (const unsigned char *)(uintptr_t)words[0];
  sinter_string *strings = (sinter_string *)(uintptr_t)words[1];
  char *text = (char *)(uintptr_t)words[2];
  const uint32_t type = (uint32_t)words[3], size = sinter_type_size(type);
  for (int64_t i = begin; i < end; ++i) {
    strings[i].data = text + i * SINTER_TEXT_BYTES;
    strings[i].size = sinter_internal_format_number(numbers + i * size, type, text + i * SINTER_TEXT_BYTES);
  }
  return 0;
}

int64_t sinter_internal_parse_numbers(const int64_t *words, int64_t begin, int64_t end, void *scratch) {
  (void)scratch;
  const sinter_string *strings = (const sinter_string *)(uintptr_t)words[0];
  unsigned char *numbers = (unsigned char *)(uintptr_t)words[1];
  const uint32_t type = (uint32_t)words[2], size = sinter_type_size(type);
  for (int64_t i = begin; i < end; ++i)
    if (!sinter_internal_parse_number(strings[i].data, strings[i].size, type, numbers + i * size))
      return 1 + i;
  return 0;
}
