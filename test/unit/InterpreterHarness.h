//===- InterpreterHarness.h - Runs one op on given elements ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_INTERPRETERHARNESS_H
#define SINTER_TEST_UNIT_INTERPRETERHARNESS_H

#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

#include <numeric>

namespace sinter::testing {

inline mlir::MLIRContext &getContext() {
  static mlir::MLIRContext *context = [] {
    auto *made = new mlir::MLIRContext();
    made->loadDialect<SinterDialect, mlir::func::FuncDialect>();
    return made;
  }();
  return *context;
}

inline mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &getContext());
  EXPECT_TRUE(module) << text;
  return module;
}

/// T is what stores an element of `type`.
template <typename T>
HostTensor makeTensor(ElementType type, std::vector<int64_t> dims, const std::vector<T> &elements) {
  HostTensor tensor(type, std::move(dims));
  EXPECT_EQ(tensor.as<T>().size(), elements.size());
  std::copy(elements.begin(), elements.end(), tensor.as<T>().begin());
  return tensor;
}
inline HostTensor f32(std::vector<int64_t> dims, const std::vector<float> &elements) {
  return makeTensor<float>(ElementType::F32, std::move(dims), elements);
}
inline HostTensor f64(std::vector<int64_t> dims, const std::vector<double> &elements) {
  return makeTensor<double>(ElementType::F64, std::move(dims), elements);
}
inline HostTensor i64(std::vector<int64_t> dims, const std::vector<int64_t> &elements) {
  return makeTensor<int64_t>(ElementType::I64, std::move(dims), elements);
}
inline HostTensor i32(std::vector<int64_t> dims, const std::vector<int32_t> &elements) {
  return makeTensor<int32_t>(ElementType::I32, std::move(dims), elements);
}
inline HostTensor bools(std::vector<int64_t> dims, const std::vector<uint8_t> &elements) {
  return makeTensor<uint8_t>(ElementType::Bool, std::move(dims), elements);
}

/// The type as IR has it: tensor<2x3xui8>.
inline std::string typeText(const HostTensor &tensor) {
  std::string text = "tensor<";
  for (int64_t size : tensor.dims)
    text += std::to_string(size) + "x";
  if (tensor.type == ElementType::Bool)
    return text + "i1>";
  if (tensor.type == ElementType::String)
    return text + "!sinter.string>";
  return text +
         (isUnsignedType(tensor.type) ? "ui" + elementTypeName(tensor.type).drop_front().str()
                                      : elementTypeName(tensor.type).str()) +
         ">";
}

/// Runs one op, in which the inputs are %0, %1, ...; `signature` follows its colon
/// where it is not (the inputs' types) -> the result's.
inline llvm::Expected<HostTensor> tryEvaluate(const std::string &op, const std::vector<HostTensor> &inputs,
                                              const std::string &resultType, std::string signature = "") {
  std::string arguments, types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    arguments += (i ? ", %" : "%") + std::to_string(i) + ": " + typeText(inputs[i]);
    types += (i ? ", " : "") + typeText(inputs[i]);
  }
  if (signature.empty())
    signature = "(" + types + ") -> " + resultType;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      parse("func.func @main(" + arguments + ") -> " + resultType + " {\n  %r = sinter." + op + " : " + signature +
            " loc(\"tested\")\n  return %r : " + resultType + "\n}\n");
  if (!module)
    return internalError("the test's module is wrong");
  llvm::Expected<std::vector<HostTensor>> results = interpret(*module, inputs);
  if (!results)
    return results.takeError();
  EXPECT_EQ(typeText(results->front()), resultType);
  return std::move(results->front());
}

inline HostTensor evaluate(const std::string &op, const std::vector<HostTensor> &inputs, const std::string &resultType,
                           const std::string &signature = "") {
  llvm::Expected<HostTensor> result = tryEvaluate(op, inputs, resultType, signature);
  if (result)
    return std::move(*result);
  ADD_FAILURE() << llvm::toString(result.takeError());
  return HostTensor();
}

inline std::string messageOf(llvm::Error error) { return error ? takeFailure(std::move(error)).message : "no error"; }
template <typename T> std::string messageOf(llvm::Expected<T> value) { return messageOf(value.takeError()); }

template <typename T> void expectElements(const HostTensor &tensor, const std::vector<T> &expected) {
  EXPECT_EQ(tensor.as<T>().vec(), expected);
}
inline void expectNear(const HostTensor &tensor, const std::vector<double> &expected, double tolerance = 1e-6) {
  ASSERT_EQ(tensor.numElements(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    double actual = tensor.getDouble(i);
    if (std::isfinite(expected[i]))
      EXPECT_NEAR(actual, expected[i], tolerance * std::max(1.0, std::fabs(expected[i]))) << "element " << i;
    else
      EXPECT_TRUE(actual == expected[i] || (std::isnan(actual) && std::isnan(expected[i])))
          << "element " << i << " is " << actual << ", expected " << expected[i];
  }
}

/// Numbers without a pattern, in [-1, 1).
inline std::vector<float> makeNoise(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float &value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

} // namespace sinter::testing

#endif // SINTER_TEST_UNIT_INTERPRETERHARNESS_H
