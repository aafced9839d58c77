//===- RowKernels.cpp - Kernels that work on one row at a time ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/RowKernels.h"
#include "targets/cpu/Kernels/ByteQuantizer.h"
#include "targets/cpu/Kernels/RowBuilder.h"
#include "targets/cpu/Kernels/VectorMath.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;

int64_t sinter::cpu::rowsPerTask(int64_t length) {
  // Tasks of about 2,048 elements: enough to hide their overhead, few enough for two threads to share 16 rows.
  return length ? std::clamp<int64_t>(2048 / length, 1, 64) : 1;
}
SizeExpr sinter::cpu::numRowTasks(int64_t length, const SizeExpr &rows) {
  return SizeExpr::ceilDiv(rows, rowsPerTask(length));
}

/// Runs body(row) for the rows of the kernel's tasks.
static void forRows(KernelBuilder &k, Int numRows, int64_t length, llvm::function_ref<void(Int)> body) {
  int64_t each = rowsPerTask(length);
  k.loop(k.mul(k.begin(), each), k.min(k.mul(k.end(), each), numRows), 1, body);
}

namespace {
/// Stores rows in bytes, and their scales where these are not given.
class RowQuantizer {
public:
  /// All words but the rows' own; `zero` is read with a given scale only.
  RowQuantizer(KernelBuilder &k, const QuantizedRows &spec, unsigned bytesWord, unsigned scaleWord, unsigned zeroWord,
               unsigned factorsWord)
      : k(k), spec(spec), bytes(k.pointerWord(bytesWord)), scale(k.pointerWord(scaleWord)) {
    if (spec.hasFactors)
      factors = k.pointerWord(factorsWord);
    if (spec.isScaleGiven)
      given.emplace(k, k.loadScalar(scale), k.loadByteAsInts(k.pointerWord(zeroWord)), spec.divides);
  }

  void store(Value x, Int length, Int row) {
    ByteQuantizer quantizer = given ? *given : chooseScale(x, length, row);
    Value y = k.offsetBytes(bytes, k.mul(row, spec.rowStride));
    k.forVectors(0, length,
                 [&](Int i, Int count) { k.storeBytesPartial(quantizer.quantize(load(x, i, count)), y, i, count); });
  }

private:
  Value load(Value x, Int i, Int count) {
    Value value = k.loadPartial(x, i, count);
    return factors ? k.mulf(value, k.loadPartial(factors, i, count)) : value;
  }

  ByteQuantizer chooseScale(Value x, Int length, Int row) {
    auto extreme = [&](llvm::function_ref<Value(Value)> side) {
      return k.horizontalMax(RowBuilder(k, length).reduce(
          0.0, [&](Int i, Int count) { return side(load(x, i, count)); },
          [&](Value total, Value value) { return k.maximum(total, value); }));
    };
    Value chosen;
    if (spec.zeroPoint == QuantizeRowsSpec::zeroPoint) {
      chosen = k.divf(extreme([&](Value value) { return k.absf(value); }), k.splat(127.0));
    } else {
      Value above = k.divf(extreme([](Value value) { return value; }), k.splat(255 - spec.zeroPoint));
      Value below = k.divf(extreme([&](Value value) { return k.subf(k.splat(0.0), value); }), k.splat(spec.zeroPoint));
      chosen = k.maximum(above, below);
    }
    k.storeScalar(k.extract(chosen, 0), scale, row);
    return {k, chosen, k.splatInt(spec.zeroPoint), /*divides=*/false};
  }

  KernelBuilder &k;
  const QuantizedRows &spec;
  Value bytes, scale, factors;
  std::optional<ByteQuantizer> given;
};
} // namespace

void sinter::cpu::buildNorm(KernelBuilder &k, StringRef name, const NormSpec &spec) {
  k.beginKernel(name);
  Value x = k.pointerWord(NormSpec::X), y = k.pointerWord(NormSpec::Y), residual, sum;
  NormParameters parameters{spec.rms, spec.epsilon, Value(), Value()};
  if (spec.hasResidual)
    residual = k.pointerWord(NormSpec::Residual);
  if (spec.writesSum)
    sum = k.pointerWord(NormSpec::Sum);
  if (spec.hasGamma)
    parameters.gamma = k.pointerWord(NormSpec::Gamma);
  if (spec.hasBeta)
    parameters.beta = k.pointerWord(NormSpec::Beta);
  Int numRows = k.integerWord(NormSpec::Rows);
  Int length = spec.length ? Int(spec.length) : k.integerWord(NormSpec::Length);
  assert((spec.length || spec.writesFloats) && "the scratch memory for a row has a known size");
  std::optional<RowQuantizer> quantizer;
  if (spec.quantized)
    quantizer.emplace(k, *spec.quantized, NormSpec::Bytes, NormSpec::Scale, NormSpec::Zero, NormSpec::Factors);
  RowBuilder rows(k, length);
  forRows(k, numRows, spec.length, [&](Int row) {
    Int start = k.mul(row, length);
    Value xRow = k.offset(x, start), yRow = spec.writesFloats ? k.offset(y, start) : k.scratch();
    Value residualRow = residual ? k.offset(residual, start) : Value();
    Value sumRow = sum ? k.offset(sum, start) : Value();
    rows.norm(
        [&](Int i, Int count) {
          Value value = k.loadPartial(xRow, i, count);
          if (residualRow)
            value = k.addf(value, k.loadPartial(residualRow, i, count));
          if (sumRow)
            k.storePartial(value, sumRow, i, count);
          return value;
        },
        parameters, yRow, !residualRow ? xRow : sumRow);
    if (quantizer)
      quantizer->store(yRow, length, row);
  });
  k.endKernel();
}

void sinter::cpu::buildSoftmax(KernelBuilder &k, StringRef name, const SoftmaxSpec &spec) {
  constexpr double log2e = 1.4426950408889634;
  k.beginKernel(name);
  Value x = k.pointerWord(SoftmaxSpec::X), y = k.pointerWord(SoftmaxSpec::Y);
  Int numRows = k.integerWord(SoftmaxSpec::Rows);
  Int length = spec.length ? Int(spec.length) : k.integerWord(SoftmaxSpec::Length);
  RowBuilder rows(k, length);
  double infinity = std::numeric_limits<double>::infinity();
  forRows(k, numRows, spec.length, [&](Int row) {
    Int start = k.mul(row, length);
    Value xRow = k.offset(x, start), yRow = k.offset(y, start);
    Value greatest = k.horizontalMax(rows.reduce(
        -infinity, [&](Int i, Int count) { return k.loadPartial(xRow, i, count, -infinity); },
        [&](Value total, Value value) { return k.maximum(total, value); }));
    Value sum = k.horizontalSum(rows.reduce(
        0.0,
        [&](Int i, Int count) {
          Value difference = k.subf(k.loadPartial(xRow, i, count), greatest);
          Value power = buildExp2NonPositive(k, k.mulf(difference, k.splat(log2e)));
          k.storePartial(spec.logarithm ? difference : power, yRow, i, count);
          return rows.onlyPresent(power, count, 0.0);
        },
        [&](Value total, Value value) { return k.addf(total, value); }));
    if (spec.logarithm) {
      Value logarithm = buildLog(k, sum);
      k.forVectors(0, length, [&](Int i, Int count) {
        k.storePartial(k.subf(k.loadPartial(yRow, i, count), logarithm), yRow, i, count);
      });
      return;
    }
    Value inverse = k.divf(k.splat(1.0), sum);
    k.forVectors(0, length, [&](Int i, Int count) {
      k.storePartial(k.mulf(k.loadPartial(yRow, i, count), inverse), yRow, i, count);
    });
  });
  k.endKernel();
}

void sinter::cpu::buildReduce(KernelBuilder &k, StringRef name, const ReduceSpec &spec) {
  using Kind = ReduceSpec::Kind;
  k.beginKernel(name);
  Value x = k.pointerWord(ReduceSpec::X), y = k.pointerWord(ReduceSpec::Y);
  Int numRows = k.integerWord(ReduceSpec::Rows);
  Int length = spec.length ? Int(spec.length) : k.integerWord(ReduceSpec::Length);
  RowBuilder rows(k, length);
  double infinity = std::numeric_limits<double>::infinity();
  double neutral = spec.kind == Kind::Max       ? -infinity
                   : spec.kind == Kind::Min     ? infinity
                   : spec.kind == Kind::Product ? 1.0
                                                : 0.0;
  auto combine = [&](Value total, Value value) {
    switch (spec.kind) {
    case Kind::Max:
      return k.maximum(total, value);
    case Kind::Min:
      return k.minimum(total, value);
    case Kind::Product:
      return k.mulf(total, value);
    case Kind::Sum:
    case Kind::Mean:
      break;
    }
    return k.addf(total, value);
  };
  forRows(k, numRows, spec.length, [&](Int row) {
    Value xRow = k.offset(x, k.mul(row, length));
    Value total = rows.reduce(
        neutral,
        [&](Int i, Int count) {
          Value value = k.loadPartial(xRow, i, count, neutral);
          return spec.element ? rows.onlyPresent(spec.element(k, value, {}), count, neutral) : value;
        },
        combine);
    switch (spec.kind) {
    case Kind::Max:
      total = k.horizontalMax(total);
      break;
    case Kind::Min:
      total = k.horizontalMin(total);
      break;
    case Kind::Product:
      total = k.horizontalProduct(total);
      break;
    case Kind::Mean:
      total = k.divf(k.horizontalSum(total), rows.lengthAsFloat());
      break;
    case Kind::Sum:
      total = k.horizontalSum(total);
      break;
    }
    if (spec.finish)
      total = spec.finish(k, total, {});
    k.storeScalar(k.extract(total, 0), y, row);
  });
  k.endKernel();
}

void sinter::cpu::buildQuantizeRows(KernelBuilder &k, StringRef name, const QuantizeRowsSpec &spec) {
  using Spec = QuantizeRowsSpec;
  k.beginKernel(name);
  Value x = k.pointerWord(Spec::X);
  RowQuantizer quantizer(k, spec.quantized, Spec::Y, Spec::Scale, Spec::Zero, Spec::Factors);
  forRows(k, k.integerWord(Spec::Rows), spec.length,
          [&](Int row) { quantizer.store(k.offset(x, k.mul(row, spec.length)), spec.length, row); });
  k.endKernel();
}
