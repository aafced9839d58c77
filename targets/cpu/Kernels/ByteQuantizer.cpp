//===- ByteQuantizer.cpp - Vectors of f32 become bytes --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/ByteQuantizer.h"

#include <limits>

using namespace mlir;
using namespace sinter::cpu;

ByteQuantizer::ByteQuantizer(KernelBuilder &k, Value scale, Value zero, bool divides)
    : k(k), zero(zero), divides(divides) {
  if (!isa<VectorType>(scale.getType()))
    scale = k.broadcast(scale);
  // Any other scale makes every quotient a NaN, and every product 0 or a NaN.
  Value isPositive = k.compare(arith::CmpFPredicate::OGT, scale, k.splat(0.0));
  if (divides)
    factor = k.selectLanes(isPositive, scale, k.splat(std::numeric_limits<double>::quiet_NaN()));
  else
    factor = k.selectLanes(isPositive, k.divf(k.splat(1.0), scale), k.splat(0.0));
  least = k.intsToFloats(k.subInts(k.splatInt(0), zero));
  greatest = k.intsToFloats(k.subInts(k.splatInt(255), zero));
}

Value ByteQuantizer::quantize(Value x) {
  Value scaled = divides ? k.divf(x, factor) : k.mulf(x, factor);
  scaled = k.selectLanes(k.compare(arith::CmpFPredicate::ORD, scaled, scaled), scaled, k.splat(0.0));
  Value bounded = k.minf(k.maxf(scaled, least), greatest);
  // Behind 1.5 * 2^23 the last bit of an f32 is worth one: the addition rounds, halves to even, and the integer is in
  // the lowest bits.
  Value rounded = k.bitcast(k.addf(bounded, k.splat(12582912.0)), k.builder().getI32Type());
  return k.truncateToBytes(k.addInts(rounded, zero));
}
