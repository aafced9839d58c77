//===- CpuKernelMathTest.cpp - Vector functions against double precision --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"

#include "targets/cpu/Kernels/VectorMath.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

using namespace sinter;
using namespace sinter::cpu;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float quietNan = std::numeric_limits<float>::quiet_NaN();

struct Function {
  const char *name;
  mlir::Value (*build)(KernelBuilder &, mlir::Value);
  double (*reference)(double);
  float low, high;
  /// The greatest error, in units in the last place of the result. `absolute` times the argument (or 1) is allowed
  /// besides: for results that would be denormal, and for GELU's left tail, a small difference of large numbers.
  double ulp, absolute;
  float atMinusInfinity, atInfinity;
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double silu(double x) { return x / (1 + std::exp(-x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
double geluErf(double x) { return x / 2 * (1 + std::erf(x * M_SQRT1_2)); }
double geluTanh(double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

const Function functions[] = {
    {"exp", buildExp, std::exp, -110, 95, 1.1, 0, 0, infinity},
    {"exp2", buildExp2, std::exp2, -155, 135, 1.1, 0, 0, infinity},
    {"exp2 of x <= 0", buildExp2NonPositive, std::exp2, -160, 0, 1.1, 1.2e-38, 0, quietNan},
    {"log", buildLog, std::log, 0, infinity, 1.6, 0, quietNan, infinity},
    {"log1p", buildLog1p, std::log1p, -1, infinity, 4, 0, quietNan, infinity},
    {"erf", buildErf, std::erf, -6, 6, 6, 0, -1, 1},
    {"tanh", buildTanh, std::tanh, -12, 12, 4, 0, -1, 1},
    {"sigmoid", buildSigmoid, sigmoid, -120, 120, 3, 1.2e-38, 0, 1},
    {"silu", buildSilu, silu, -120, 120, 3, 1.2e-36, quietNan, infinity},
    {"softplus", buildSoftplus, softplus, -120, 120, 3, 0, 0, infinity},
    {"gelu by erf", buildGeluErf, geluErf, -20, 20, 6, 2e-7, quietNan, infinity},
    {"gelu by tanh", buildGeluTanh, geluTanh, -20, 20, 5, 1e-7, quietNan, infinity},
};

/// Numbers of all magnitudes in [low, high]: steps through their bit patterns, and an even grid.
TestVector<float> arguments(float low, float high) {
  TestVector<float> xs;
  for (uint32_t bits = 0; bits < 0x7f800000; bits += 8191)
    for (uint32_t sign : {0u, 0x80000000u}) {
      uint32_t pattern = bits | sign;
      float x;
      std::memcpy(&x, &pattern, sizeof x);
      if (x >= low && x <= high)
        xs.push_back(x);
    }
  if (std::isfinite(high))
    for (int i = 0; i <= 200000; ++i)
      xs.push_back(low + (high - low) * (i / 200000.0f));
  return xs;
}

double ulpOf(double value) {
  float f = std::fmax(std::fabs(static_cast<float>(value)), std::numeric_limits<float>::min());
  if (std::isinf(f))
    f = std::numeric_limits<float>::max();
  return std::nextafter(f, infinity) == infinity ? f - std::nextafter(f, 0.0f) : std::nextafter(f, infinity) - f;
}

TestVector<float> applyTo(const LoadedKernel &kernel, const TestVector<float> &xs) {
  TestVector<float> ys(xs.size());
  kernel.run({word(xs.data()), word(ys.data()), static_cast<int64_t>(xs.size())}, 0, 1, 0);
  return ys;
}

// Tests each function over its range, and at the edges of the numbers.
TEST(CpuKernelMath, ErrorsInUnitsInTheLastPlace) {
  for (const Isa *isa : runnableIsas())
    for (const Function &function : functions) {
      LoadedKernel kernel(*isa, [&](KernelBuilder &k, llvm::StringRef name) {
        k.beginKernel(name);
        mlir::Value in = k.pointerWord(0), out = k.pointerWord(1);
        k.forVectors(0, k.integerWord(2), [&](Int i, Int count) {
          k.storePartial(function.build(k, k.loadPartial(in, i, count)), out, i, count);
        });
        k.endKernel();
      });
      TestVector<float> xs = arguments(function.low, function.high), ys = applyTo(kernel, xs);
      double worst = 0;
      float worstAt = 0;
      for (size_t i = 0; i < xs.size(); ++i) {
        double expected = function.reference(xs[i]);
        if (ys[i] == static_cast<float>(expected))
          continue;
        double error = std::fmax(std::fabs(ys[i] - expected) - function.absolute * std::fmax(1, std::fabs(xs[i])), 0) /
                       ulpOf(expected);
        if (!(error <= worst)) {
          worst = error;
          worstAt = xs[i];
        }
      }
      EXPECT_LE(worst, function.ulp) << isa->name.str() << " " << function.name << " at " << worstAt;
      RecordProperty((isa->name + " " + function.name).str(), std::to_string(worst));
      std::printf("%s %s: %.3f ulp at %g\n", isa->name.data(), function.name, worst, worstAt);

      TestVector<float> edges = applyTo(kernel, {quietNan, -infinity, infinity});
      EXPECT_TRUE(std::isnan(edges[0])) << function.name;
      auto same = [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); };
      EXPECT_TRUE(same(edges[1], function.atMinusInfinity)) << function.name << " gives " << edges[1];
      if (function.build != buildExp2NonPositive)
        EXPECT_TRUE(same(edges[2], function.atInfinity)) << function.name << " gives " << edges[2];
    }
}

} // namespace
