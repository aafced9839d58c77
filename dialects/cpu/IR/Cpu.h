//===- Cpu.h - Programs of kernels for the CPU target --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_CPU_IR_CPU_H
#define SINTER_DIALECTS_CPU_IR_CPU_H

#include "dialects/sinter/IR/Sinter.h"

#include "dialects/cpu/IR/CpuEnums.h.inc"

#include "dialects/cpu/IR/CpuDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/cpu/IR/CpuAttributes.h.inc"

#define GET_OP_CLASSES
#include "dialects/cpu/IR/CpuOps.h.inc"

#endif // SINTER_DIALECTS_CPU_IR_CPU_H
