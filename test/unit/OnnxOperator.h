//===- OnnxOperator.h - Models of one node, imported and interpreted -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For tests of the ONNX frontend's operators:
//
//   Operator op("Softmax", 11);
//   op.input(tensor<float>({2, 2}, {1, 2, 3, 4})).attribute("axis", 0);
//   EXPECT_THAT(op.run(), ElementsAre(near({2, 2}, {...})));
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_ONNXOPERATOR_H
#define SINTER_TEST_UNIT_ONNXOPERATOR_H

#include "lib/Support/HostTensor.h"

#include <gmock/gmock.h>
#include <onnx/onnx-ml.pb.h>

#include <string>
#include <vector>

namespace sinter::test {

template <typename T> struct ElementTypeOf;
template <> struct ElementTypeOf<float> {
  static constexpr ElementType value = ElementType::F32;
};
template <> struct ElementTypeOf<double> {
  static constexpr ElementType value = ElementType::F64;
};
template <> struct ElementTypeOf<int8_t> {
  static constexpr ElementType value = ElementType::I8;
};
template <> struct ElementTypeOf<int32_t> {
  static constexpr ElementType value = ElementType::I32;
};
template <> struct ElementTypeOf<int64_t> {
  static constexpr ElementType value = ElementType::I64;
};
template <> struct ElementTypeOf<uint8_t> {
  static constexpr ElementType value = ElementType::U8;
};
template <> struct ElementTypeOf<bool> {
  static constexpr ElementType value = ElementType::Bool;
};

template <typename T> HostTensor tensor(std::vector<int64_t> dims, std::vector<T> values) {
  HostTensor result(ElementTypeOf<T>::value, dims);
  using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;
  EXPECT_EQ(static_cast<int64_t>(values.size()), result.numElements());
  for (size_t i = 0; i < values.size(); ++i)
    result.template as<Stored>()[i] = static_cast<Stored>(values[i]);
  return result;
}
/// Half precision.
HostTensor halves(std::vector<int64_t> dims, std::vector<float> values);

/// A model of one node, whose inputs a run gives unless they are initializers.
class Operator {
public:
  Operator(std::string name, int64_t version, unsigned numResults = 1);

  Operator &input(HostTensor tensor);
  Operator &initializer(HostTensor tensor);
  /// An input that is left out.
  Operator &noInput();
  Operator &attribute(const std::string &name, int value);
  Operator &attribute(const std::string &name, double value);
  Operator &attribute(const std::string &name, const char *value);
  Operator &attribute(const std::string &name, std::vector<int64_t> values);

  /// Imported, and interpreted on the inputs. Throws where that fails.
  std::vector<HostTensor> run();
  /// The first result.
  HostTensor result() { return run().front(); }
  /// What the import says against the model, with all its nodes; empty where it takes it.
  std::string refusal();

private:
  ::onnx::AttributeProto *addAttribute(const std::string &name);
  ::onnx::ModelProto model;
  std::vector<HostTensor> inputs;
};

/// Whether a tensor has this type, these sizes and, within 1e-6 relative and absolute, these elements.
testing::Matcher<const HostTensor &> is(HostTensor expected);
template <typename T> testing::Matcher<const HostTensor &> is(std::vector<int64_t> dims, std::vector<T> values) {
  return is(tensor<T>(std::move(dims), std::move(values)));
}

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_ONNXOPERATOR_H
