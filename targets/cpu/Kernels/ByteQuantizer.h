//===- ByteQuantizer.h - Vectors of f32 become bytes ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   y = clamp(roundHalfEven(x * f32(1 / scale)) + zero, 0, 255)
//
// or, where it `divides`, with x / scale. NaN becomes `zero`, and so does everything
// where the scale is not above 0.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_BYTEQUANTIZER_H
#define SINTER_TARGETS_CPU_KERNELS_BYTEQUANTIZER_H

#include "targets/cpu/Kernels/KernelBuilder.h"

namespace sinter::cpu {

class ByteQuantizer {
public:
  /// `scale` is an f32 or a vector of them; `zero` a vector of i32.
  ByteQuantizer(KernelBuilder &k, mlir::Value scale, mlir::Value zero, bool divides);
  /// A vector of i8.
  mlir::Value quantize(mlir::Value x);

private:
  KernelBuilder &k;
  mlir::Value factor, zero, least, greatest;
  bool divides;
};

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_BYTEQUANTIZER_H
