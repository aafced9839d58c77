//===- StreamArithmetic.h - What the ALUs of a streaming chip compute -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lanes are numbers of 32 bits, whose meaning is the operation's (docs/targets/
// stream.md, VXM); narrower ones lie in the low bits. exp, tanh and rsqrt are
// correctly rounded, which the C library's are not: its result in double is taken
// where no other float is within its error, and a finer one where one is.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_SIM_STREAMARITHMETIC_H
#define SINTER_RUNTIME_SIM_STREAMARITHMETIC_H

#include "runtime/format/schedule.pb.h"

#include <cstddef>
#include <cstdint>

namespace sinter::sim {

float floatOfHalf(uint16_t bits);
/// Half to even; what is beyond the range becomes the greatest finite number, NaN 0x7e00.
uint16_t halfOfFloat(float value);
/// `value`, or 0x7fc00000 for any NaN.
float canonical(float value);

float expRounded(float value);
float tanhRounded(float value);
float rsqrtRounded(float value);

/// The number of streams that an element takes.
size_t bytesOf(format::ElementType type);

/// What an operation asks of its operands; how many there are.
size_t operandsOf(format::Alu::Operation operation);
/// Whether an ALU does this (`to` is of importance for CONVERT only).
bool isSupported(format::Alu::Operation operation, format::ElementType type, format::ElementType to);

/// results[i] for i < lanes. `isSupported` holds; operands that it does not have may be null.
void compute(format::Alu::Operation operation, format::ElementType type, format::ElementType to, const uint32_t *a,
             const uint32_t *b, const uint32_t *c, size_t lanes, uint32_t *results);

} // namespace sinter::sim

#endif // SINTER_RUNTIME_SIM_STREAMARITHMETIC_H
