//===- Activation.cpp - Activation functions -----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

using Kind = ElementwiseKind;

template <Kind kind> static LogicalResult importPlain(NodeContext &node) {
  Formula f(node);
  return f.finish(f.unary(kind, node.operand(0)));
}

static LogicalResult importElu(NodeContext &node) {
  Formula f(node);
  return f.finish(f.unary(Kind::elu, node.operand(0), node.getFloat("alpha", 1)));
}

static LogicalResult importLeakyRelu(NodeContext &node) {
  Formula f(node);
  return f.finish(f.unary(Kind::leaky_relu, node.operand(0), node.getFloat("alpha", 0.01f)));
}

static LogicalResult importGelu(NodeContext &node) {
  std::string approximate = node.getString("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return node.malformed("approximate is '" + approximate + "', required none or tanh");
  Formula f(node);
  return f.finish(f.unary(approximate == "tanh" ? Kind::gelu_tanh : Kind::gelu, node.operand(0)));
}

/// alpha elu(x / alpha), as the operator's function body says.
static LogicalResult importCelu(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  double alpha = node.getFloat("alpha", 1);
  if (alpha == 1)
    return f.finish(f.unary(Kind::elu, x, 1));
  return f.finish(f.mul(f.unary(Kind::elu, f.div(x, alpha), 1), alpha));
}

static LogicalResult importSelu(NodeContext &node, double defaultAlpha, double defaultGamma) {
  Formula f(node);
  Value elu = f.unary(Kind::elu, node.operand(0), node.getFloat("alpha", defaultAlpha));
  return f.finish(f.mul(elu, node.getFloat("gamma", defaultGamma)));
}

static LogicalResult importSelu1(NodeContext &node) { return importSelu(node, 1.6732f, 1.0507f); }

static LogicalResult importSelu6(NodeContext &node) {
  return importSelu(node, 1.67326319217681884765625f, 1.05070102214813232421875f);
}

static Value hardSigmoid(Formula &f, Value x, double alpha, double beta) {
  return f.max(f.min(f.add(f.mul(x, alpha), beta), 1), 0);
}

static LogicalResult importHardSigmoid(NodeContext &node) {
  Formula f(node);
  return f.finish(hardSigmoid(f, node.operand(0), node.getFloat("alpha", 0.2f), node.getFloat("beta", 0.5f)));
}

static LogicalResult importHardSwish(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  return f.finish(f.mul(x, hardSigmoid(f, x, 1.0 / 6, 0.5)));
}

static LogicalResult importThresholdedRelu(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  Value passes = f.binary(Kind::greater, x, node.getFloat("alpha", 1));
  return f.finish(f.select(passes, x, node.scalar(0, getElementType(x))));
}

static LogicalResult importSoftsign(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  return f.finish(f.div(x, f.add(f.unary(Kind::abs, x), 1)));
}

/// x + bias below -lambd, x - bias above lambd, else 0. The numbers are floats
/// for integer inputs too: those are computed in 64 bits and cut.
static LogicalResult importShrink(NodeContext &node) {
  Formula f(node);
  mlir::Type type = getElementType(node.operand(0)), wide = isa<FloatType>(type) ? type : f.f64();
  Value x = node.cast(node.operand(0), wide);
  double lambd = node.getFloat("lambd", 0.5), bias = node.getFloat("bias", 0);
  Value above = f.select(f.binary(Kind::greater, x, lambd), f.sub(x, bias), node.scalar(0, wide));
  Value result = f.select(f.binary(Kind::less, x, -lambd), f.add(x, bias), above);
  return f.finish(node.cast(result, type));
}

static LogicalResult importMish(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0);
  return f.finish(f.mul(x, f.unary(Kind::tanh, f.unary(Kind::softplus, x))));
}

static Value swish(Formula &f, Value x) {
  double alpha = f.node.getFloat("alpha", 1);
  if (alpha == 1)
    return f.unary(Kind::silu, x);
  return f.mul(x, f.unary(Kind::sigmoid, f.mul(x, alpha)));
}

static LogicalResult importSwish(NodeContext &node) {
  Formula f(node);
  return f.finish(swish(f, node.operand(0)));
}

static LogicalResult importSwiGlu(NodeContext &node) {
  Formula f(node);
  Value gate = node.operand(0), x = node.operand(1);
  if (failed(node.unify(getSizes(gate), getSizes(x), "gate and input")))
    return failure();
  return f.finish(f.mul(swish(f, gate), x));
}

static LogicalResult importPRelu(NodeContext &node, Value slope) {
  Formula f(node);
  Value x = node.operand(0);
  return f.finish(f.select(f.binary(Kind::less, x, 0), f.mul(slope, x), x));
}

static LogicalResult importPRelu7(NodeContext &node) { return importPRelu(node, node.operand(1)); }

/// The slopes are one for all, or one for each channel.
static LogicalResult importPRelu1(NodeContext &node) {
  Formula f(node);
  Value x = node.operand(0), slope = node.operand(1);
  if (getNumElements(slope.getType()).isConstant(1) || getRank(x) < 2)
    return importPRelu(node, f.asScalar(slope, "slopes"));
  if (failed(node.unify(getSizes(slope), getSize(x, 1), "slopes and channels")))
    return failure();
  Sizes sizes(getRank(x) - 1, SizeExpr(1));
  sizes[0] = getSize(x, 1);
  return importPRelu(node, node.reshape(slope, sizes));
}

static const OpRow rows[] = {
    {"Celu", 12, importCelu, 1, 1},
    {"Elu", 1, importElu, 1, 1},
    {"Gelu", 20, importGelu, 1, 1},
    {"HardSigmoid", 1, importHardSigmoid, 1, 1},
    {"HardSwish", 14, importHardSwish, 1, 1},
    {"LeakyRelu", 1, importLeakyRelu, 1, 1},
    {"Mish", 18, importMish, 1, 1},
    {"PRelu", 1, importPRelu1, 2, 2},
    {"PRelu", 7, importPRelu7, 2, 2},
    {"Relu", 1, importPlain<Kind::relu>, 1, 1},
    {"Selu", 1, importSelu1, 1, 1},
    {"Selu", 6, importSelu6, 1, 1},
    {"Shrink", 9, importShrink, 1, 1},
    {"Sigmoid", 1, importPlain<Kind::sigmoid>, 1, 1},
    {"Softplus", 1, importPlain<Kind::softplus>, 1, 1},
    {"Softsign", 1, importSoftsign, 1, 1},
    {"SwiGLU", 28, importSwiGlu, 2, 2},
    {"Swish", 24, importSwish, 1, 1},
    {"Tanh", 1, importPlain<Kind::tanh>, 1, 1},
    {"ThresholdedRelu", 10, importThresholdedRelu, 1, 1},
};

ArrayRef<OpRow> sinter::onnx::getActivationRows() { return rows; }
