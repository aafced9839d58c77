//===- LinkerTestCode.c - Code that needs libm, or does not ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#if NEEDS_LIBM
double sin(double);
double tested(double x) { return 2 * sin(x); }
#else
double tested(double x) { return 2 * x; }
#endif
