//===- RowBuilder.h - What kernels do with one row ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row of `length` elements is visited by vectors, four at a time, each of the
// four with its own accumulator; the rest one by one, the last perhaps partial. The
// order of additions depends on the length alone, known while building or not.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_ROWBUILDER_H
#define SINTER_TARGETS_CPU_KERNELS_ROWBUILDER_H

#include "targets/cpu/Kernels/KernelBuilder.h"

namespace sinter::cpu {

struct NormParameters {
  bool rms = false;
  float epsilon = 0;
  mlir::Value gamma, beta; // pointers; none: absent
};

class RowBuilder {
public:
  using Value = mlir::Value;
  /// Gives the row's vector at element `index`; lanes from `count` on are not of the row.
  using Source = llvm::function_ref<Value(Int index, Int count)>;

  RowBuilder(KernelBuilder &k, Int length) : k(k), length(length) {}

  /// combine(.. combine(combine(neutral, v0), v4) ..) and so on, the four of them
  /// as a tree: lanes are still apart. Absent lanes must be neutral in the source.
  Value reduce(double neutral, Source source, llvm::function_ref<Value(Value, Value)> combine);
  /// `neutral` in the lanes from `count` on.
  Value onlyPresent(Value vector, Int count, double neutral);
  Value lengthAsFloat();

  /// Normalizes the row that `source` gives into `destination`. The source is
  /// asked once for each vector. `stored` is where the row is in memory afterwards,
  /// or none; where it is none, `destination` holds it meanwhile.
  void norm(Source source, const NormParameters &parameters, Value destination, Value stored);

private:
  void normInRegisters(Source source, const NormParameters &parameters, Value destination);
  void normThroughMemory(Source source, const NormParameters &parameters, Value destination, Value stored);
  Value square(Value x, Value mean, Int count);
  Value inverseDeviation(Value sumOfSquares, float epsilon);
  Value finish(Value x, Value mean, Value factor, const NormParameters &parameters, Int index, Int count);

  KernelBuilder &k;
  Int length;
};

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_ROWBUILDER_H
