//===- Formula.h - ONNX operators as several sinter ops ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Most operators of ONNX are one sinter op; the rarer ones are composed of a few.
// A Formula is a node's context with the functions that such compositions need,
// so that they read like the operator's definition:
//
//   Formula f(node);
//   Value x = node.operand(0);
//   return f.finish(f.mul(x, f.unary(Kind::tanh, f.unary(Kind::softplus, x))));
//
// Every function takes a null value, which is one that could not be built, and
// returns null for it; the context has recorded why by then.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PYTHON_FREE_FRONTENDS_ONNX_OPS_FORMULA_H
#define SINTER_PYTHON_FREE_FRONTENDS_ONNX_OPS_FORMULA_H

#include "python-free-frontends/onnx/Importer.h"

namespace sinter::onnx {

class Formula {
public:
  using Value = mlir::Value;
  using Type = mlir::Type;
  using Kind = ElementwiseKind;

  explicit Formula(NodeContext &node) : node(node) {}

  llvm::LogicalResult finish(Value value) { return node.setResult(0, value); }

  Value unary(Kind kind, Value x) { return node.elementwise(kind, mlir::ValueRange(x)); }
  Value unary(Kind kind, Value x, double alpha) { return node.elementwise(kind, mlir::ValueRange(x), alpha); }
  Value binary(Kind kind, Value a, Value b) { return node.elementwise(kind, mlir::ValueRange({a, b})); }
  Value binary(Kind kind, Value a, double b) { return node.elementwise(kind, a, b); }
  template <typename T> Value add(Value a, T b) { return binary(Kind::add, a, b); }
  template <typename T> Value sub(Value a, T b) { return binary(Kind::sub, a, b); }
  template <typename T> Value mul(Value a, T b) { return binary(Kind::mul, a, b); }
  template <typename T> Value div(Value a, T b) { return binary(Kind::div, a, b); }
  template <typename T> Value min(Value a, T b) { return binary(Kind::min, a, b); }
  template <typename T> Value max(Value a, T b) { return binary(Kind::max, a, b); }
  Value select(Value condition, Value a, Value b) {
    return node.elementwise(Kind::select, mlir::ValueRange({condition, a, b}));
  }

  /// A size as a scalar of that type.
  Value size(const SizeExpr &value, Type elementType) {
    return node.cast(node.createIntegers(value, {}, i64()), elementType);
  }
  /// 0, 1, ..., length - 1 as i64 along dimension `axis` of a tensor of rank
  /// `rank` whose other sizes are 1.
  Value positions(const SizeExpr &length, int64_t axis, int64_t rank);
  /// A tensor of one element as a scalar; malformed if it has more.
  Value asScalar(Value x, llvm::StringRef what);

  Type f32() { return node.getBuilder().getF32Type(); }
  Type f64() { return node.getBuilder().getF64Type(); }
  Type i1() { return node.getBuilder().getI1Type(); }
  Type i64() { return node.getBuilder().getI64Type(); }
  Type unsignedInteger(unsigned bits) { return node.getBuilder().getIntegerType(bits, /*isSigned=*/false); }
  /// The type in which to compute a formula whose intermediate values a float of
  /// 16 bits cannot hold as well as it holds the result: f32 for those.
  Type widened(Type type) { return type.isF16() || type.isBF16() ? f32() : type; }

  NodeContext &node;
};

} // namespace sinter::onnx

#endif // SINTER_PYTHON_FREE_FRONTENDS_ONNX_OPS_FORMULA_H
