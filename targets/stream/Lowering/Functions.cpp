//===- Functions.cpp - Functions as steps of the ALUs ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/Functions.h"

#include <limits>

using namespace sinter;
using namespace sinter::stream;

namespace {

/// Writes steps like formulas.
class Steps {
public:
  explicit Steps(VectorProgram &program) : program(program) {}
  using X = VectorOperand;

  X number(float value) const { return X::constant(value); }
  X add(X a, X b) { return step(AluOp::Add, a, b); }
  X mul(X a, X b) { return step(AluOp::Mul, a, b); }
  X max(X a, X b) { return step(AluOp::Max, a, b); }
  X step(AluOp op, X a, X b = {}, X c = {}) { return program.add(op, Element::Float32, a, b, c); }

  X abs(X x) { return max(x, mul(x, number(-1))); }
  X reciprocal(X x) {
    X r = step(AluOp::Rsqrt, abs(x));
    X q = mul(r, r);
    X isNegative = step(AluOp::Less, x, number(0));
    return step(AluOp::Select, mul(q, number(-1)), q, isNegative);
  }
  X gelu(X x, float cubic, float linear) {
    X u = mul(x, x);
    X z = mul(add(mul(u, number(cubic)), number(linear)), x);
    X t = step(AluOp::Tanh, z);
    X h = mul(x, number(0.5f));
    return add(mul(t, h), h);
  }

private:
  VectorProgram &program;
};

} // namespace

std::optional<VectorOperand> sinter::stream::addFunction(VectorProgram &program, ElementwiseKind kind,
                                                         llvm::ArrayRef<VectorOperand> operands) {
  Steps steps(program);
  VectorOperand x = operands[0], y = operands.size() > 1 ? operands[1] : VectorOperand();
  switch (kind) {
  case ElementwiseKind::neg:
    return steps.mul(x, steps.number(-1));
  case ElementwiseKind::abs:
    return steps.abs(x);
  case ElementwiseKind::relu:
    return steps.step(AluOp::Relu, x);
  case ElementwiseKind::exp:
    return steps.step(AluOp::Exp, x);
  case ElementwiseKind::tanh:
    return steps.step(AluOp::Tanh, x);
  case ElementwiseKind::rsqrt:
    return steps.step(AluOp::Rsqrt, x);
  case ElementwiseKind::sqrt:
    return steps.mul(x, steps.step(AluOp::Rsqrt, steps.max(x, steps.number(std::numeric_limits<float>::min()))));
  case ElementwiseKind::reciprocal:
    return steps.reciprocal(x);
  case ElementwiseKind::sigmoid:
    return steps.add(steps.mul(steps.step(AluOp::Tanh, steps.mul(x, steps.number(0.5f))), steps.number(0.5f)),
                     steps.number(0.5f));
  case ElementwiseKind::silu: {
    VectorOperand h = steps.mul(x, steps.number(0.5f));
    return steps.add(steps.mul(h, steps.step(AluOp::Tanh, h)), h);
  }
  case ElementwiseKind::gelu:
    return steps.gelu(x, 0.034700561f, 0.80015737f);
  case ElementwiseKind::gelu_tanh:
    return steps.gelu(x, 0.035677407f, 0.79788458f);
  case ElementwiseKind::add:
    return steps.add(x, y);
  case ElementwiseKind::sub:
    return steps.step(AluOp::Sub, x, y);
  case ElementwiseKind::mul:
    return steps.mul(x, y);
  case ElementwiseKind::div:
    return steps.mul(x, steps.reciprocal(y));
  case ElementwiseKind::max:
    return steps.max(x, y);
  case ElementwiseKind::min:
    return steps.step(AluOp::Min, x, y);
  default:
    return std::nullopt;
  }
}
