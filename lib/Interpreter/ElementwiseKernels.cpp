//===- ElementwiseKernels.cpp - Functions of one element -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir;
using namespace sinter;
using Kind = ElementwiseKind;

//===----------------------------------------------------------------------===//
// One operand
//===----------------------------------------------------------------------===//

static double applyToOne(Kind kind, double x, double alpha) {
  switch (kind) {
  case Kind::abs:
    return std::fabs(x);
  case Kind::neg:
    return -x;
  case Kind::exp:
    return std::exp(x);
  case Kind::log:
    return std::log(x);
  case Kind::sqrt:
    return std::sqrt(x);
  case Kind::reciprocal:
    return 1 / x;
  case Kind::rsqrt:
    return 1 / std::sqrt(x);
  case Kind::floor:
    return std::floor(x);
  case Kind::ceil:
    return std::ceil(x);
  case Kind::round:
    return std::nearbyint(x);
  case Kind::sign:
    return x > 0 ? 1 : x < 0 ? -1 : x; // keeps 0 and NaN
  case Kind::sin:
    return std::sin(x);
  case Kind::cos:
    return std::cos(x);
  case Kind::tan:
    return std::tan(x);
  case Kind::asin:
    return std::asin(x);
  case Kind::acos:
    return std::acos(x);
  case Kind::atan:
    return std::atan(x);
  case Kind::sinh:
    return std::sinh(x);
  case Kind::cosh:
    return std::cosh(x);
  case Kind::asinh:
    return std::asinh(x);
  case Kind::acosh:
    return std::acosh(x);
  case Kind::atanh:
    return std::atanh(x);
  case Kind::tanh:
    return std::tanh(x);
  case Kind::erf:
    return std::erf(x);
  case Kind::sigmoid:
    return 1 / (1 + std::exp(-x));
  case Kind::softplus: // log(1 + exp(x)), without overflow
    return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
  case Kind::relu:
    return greater(x, 0.0);
  case Kind::gelu: // 1 + erf(y) is erfc(-y), which keeps its digits where erf(y) is near -1
    return x / 2 * std::erfc(-x / std::sqrt(2.0));
  case Kind::gelu_tanh:
    return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case Kind::silu:
    return x / (1 + std::exp(-x));
  case Kind::elu:
    return x < 0 ? alpha * std::expm1(x) : x;
  case Kind::leaky_relu:
    return x < 0 ? alpha * x : x;
  default:
    llvm_unreachable("a function of one float");
  }
}

template <typename Integer> static Integer applyToOne(Kind kind, Integer x, double) {
  switch (kind) {
  case Kind::abs:
    return x < 0 ? subtract(Integer(0), x) : x;
  case Kind::neg:
    return subtract(Integer(0), x);
  case Kind::sign:
    return x > 0 ? 1 : x < 0 ? -1 : 0;
  case Kind::relu:
    return x < 0 ? 0 : x;
  case Kind::bitwise_not:
    return ~x;
  case Kind::logical_not:
    return !x;
  default:
    llvm_unreachable("a function of one integer");
  }
}

static bool testOne(Kind kind, double x, double alpha) {
  if (kind == Kind::is_nan)
    return std::isnan(x);
  return std::isinf(x) && (alpha == 0 || (alpha > 0) == (x > 0));
}

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

static double applyToTwo(Kind kind, double a, double b, unsigned) {
  switch (kind) {
  case Kind::add:
    return a + b;
  case Kind::sub:
    return a - b;
  case Kind::mul:
    return a * b;
  case Kind::div:
    return a / b;
  case Kind::pow:
    return std::pow(a, b);
  case Kind::min:
    return lesser(a, b);
  case Kind::max:
    return greater(a, b);
  case Kind::fmod:
    return std::fmod(a, b);
  case Kind::mod: {
    double remainder = std::fmod(a, b);
    if (remainder == 0)
      return std::copysign(0.0, b);
    return (remainder < 0) != (b < 0) ? remainder + b : remainder;
  }
  default:
    llvm_unreachable("a function of two floats");
  }
}

/// Truncates; by zero it is 0, as in NumPy. The least integer by -1 wraps.
template <typename Integer> static Integer divide(Integer a, Integer b) {
  if (b == 0)
    return 0;
  if (std::is_signed_v<Integer> && b == static_cast<Integer>(-1))
    return subtract(Integer(0), a);
  return a / b;
}

template <typename Integer> static Integer power(Integer base, Integer exponent) {
  if (exponent < 0) // the reciprocal, truncated
    return base == 1 ? 1 : base == static_cast<Integer>(-1) ? (exponent % 2 ? base : 1) : 0;
  Integer result = 1;
  for (; exponent; exponent = exponent / 2, base = multiply(base, base))
    if (exponent % 2)
      result = multiply(result, base);
  return result;
}

/// `bits`: the width of an element.
template <typename Integer> static Integer applyToTwo(Kind kind, Integer a, Integer b, unsigned bits) {
  switch (kind) {
  case Kind::add:
    return add(a, b);
  case Kind::sub:
    return subtract(a, b);
  case Kind::mul:
    return multiply(a, b);
  case Kind::div:
    return divide(a, b);
  case Kind::pow:
    return power(a, b);
  case Kind::min:
    return lesser(a, b);
  case Kind::max:
    return greater(a, b);
  case Kind::fmod:
    return b == 0 ? 0 : subtract(a, multiply(divide(a, b), b));
  case Kind::mod: {
    Integer remainder = b == 0 ? 0 : subtract(a, multiply(divide(a, b), b));
    return remainder != 0 && (remainder < 0) != (b < 0) ? add(remainder, b) : remainder;
  }
  case Kind::logical_and:
  case Kind::bitwise_and:
    return a & b;
  case Kind::logical_or:
  case Kind::bitwise_or:
    return a | b;
  case Kind::logical_xor:
  case Kind::bitwise_xor:
    return a ^ b;
  case Kind::shift_left:
    return static_cast<uint64_t>(b) < bits ? static_cast<Integer>(static_cast<uint64_t>(a) << b) : 0;
  case Kind::shift_right: // copies the sign
    return static_cast<uint64_t>(b) < bits ? a >> b : a < 0 ? -1 : 0;
  default:
    llvm_unreachable("a function of two integers");
  }
}

template <typename Number> static bool compareTwo(Kind kind, Number a, Number b) {
  switch (kind) {
  case Kind::equal:
    return a == b;
  case Kind::less:
    return a < b;
  case Kind::less_equal:
    return a <= b;
  case Kind::greater:
    return a > b;
  case Kind::greater_equal:
    return a >= b;
  default:
    llvm_unreachable("a comparison");
  }
}

//===----------------------------------------------------------------------===//
// elementwise
//===----------------------------------------------------------------------===//

static HostTensor runSelect(const Frame &frame) {
  HostTensor result = frame.makeResult();
  size_t size = elementSize(result.type);
  llvm::SmallVector<Strides, 3> strides;
  for (const HostTensor *operand : frame.operands)
    strides.push_back(broadcastStrides(operand->dims, result.dims));
  char *to = result.data.data();
  forEachPosition(result.dims, strides, [&](llvm::ArrayRef<int64_t> offsets) {
    unsigned chosen = frame.operand(0).data[offsets[0]] ? 1 : 2;
    std::memcpy(to, &frame.operand(chosen).data[offsets[chosen] * size], size);
    to += size;
  });
  return result;
}

template <typename Number> static void runOnNumbers(Kind kind, double alpha, const Frame &frame, HostTensor &result) {
  unsigned bits = 8 * elementSize(frame.operand(0).type);
  bool isPredicate = ElementwiseOp::isPredicate(kind);
  // Truth values are stored as numbers that are 0 or 1.
  std::vector<Number> a = load<Number>(frame.operand(0)), values;
  values.reserve(result.numElements());
  if (frame.operands.size() == 1) {
    for (Number x : a) {
      if constexpr (std::is_same_v<Number, double>)
        values.push_back(isPredicate ? testOne(kind, x, alpha) : applyToOne(kind, x, alpha));
      else
        values.push_back(applyToOne(kind, x, alpha));
    }
  } else {
    std::vector<Number> b = load<Number>(frame.operand(1));
    Strides left = broadcastStrides(frame.operand(0).dims, result.dims);
    Strides right = broadcastStrides(frame.operand(1).dims, result.dims);
    forEachPosition(result.dims, {left, right}, [&](llvm::ArrayRef<int64_t> offsets) {
      Number x = a[offsets[0]], y = b[offsets[1]];
      values.push_back(isPredicate ? compareTwo(kind, x, y) : applyToTwo(kind, x, y, bits));
    });
  }
  store<Number>(values, result);
}

static llvm::Expected<HostTensor> runElementwise(ElementwiseOp op, const Frame &frame) {
  Kind kind = op.getKind();
  if (kind == Kind::select)
    return runSelect(frame);
  if (frame.operand(0).type == ElementType::String)
    return compareStrings(frame);
  double alpha = op.getAlpha() ? op.getAlpha()->convertToDouble() : 0;
  HostTensor result = frame.makeResult();
  withNumbers(frame.operand(0).type, [&](auto zero) { runOnNumbers<decltype(zero)>(kind, alpha, frame, result); });
  return result;
}

//===----------------------------------------------------------------------===//
// cast
//===----------------------------------------------------------------------===//

/// Toward zero; what is beyond `Integer`'s part of `bits` bits becomes its end.
template <typename Integer> static Integer truncateAndSaturate(double x, unsigned bits) {
  if (std::isnan(x))
    return 0;
  unsigned digits = bits - std::is_signed_v<Integer>;
  Integer greatest = std::numeric_limits<Integer>::max() >> (64 - bits);
  Integer least = std::is_signed_v<Integer> ? -greatest - 1 : 0;
  if (x >= std::ldexp(1.0, digits))
    return greatest;
  if (x <= static_cast<double>(least))
    return least;
  return static_cast<Integer>(x);
}

static llvm::Expected<HostTensor> runCast(CastOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  if (input.type == ElementType::String || frame.resultType == ElementType::String)
    return castStrings(frame);
  HostTensor result = frame.makeResult();
  if (!isFloatType(input.type) || isFloatType(result.type) || result.type == ElementType::Bool) {
    NarrowRules rules;
    rules.saturate = !op.getUnsaturated();
    rules.rounding = op.getRoundMode() == RoundMode::up     ? PowerRounding::Up
                     : op.getRoundMode() == RoundMode::down ? PowerRounding::Down
                                                            : PowerRounding::Nearest;
    withNumbers(input.type, [&](auto zero) { store<decltype(zero)>(load<decltype(zero)>(input), result, rules); });
    return result;
  }
  // Fewer than 8 bits are the low ones of an i32.
  unsigned bits = elementBits(result.type) < 8 ? 32 : elementBits(result.type);
  withNumbers(result.type, [&](auto zero) {
    using Integer = decltype(zero);
    std::vector<Integer> values;
    if constexpr (!std::is_same_v<Integer, double>)
      for (double x : load<double>(input))
        values.push_back(elementBits(result.type) < 8 ? static_cast<Integer>(truncateAndSaturate<int64_t>(x, bits))
                                                      : truncateAndSaturate<Integer>(x, bits));
    store<Integer>(values, result);
  });
  return result;
}

void sinter::addElementwiseKernels(KernelTable &table) {
  table.add(runElementwise);
  table.add(runCast);
}
