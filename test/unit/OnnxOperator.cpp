//===- OnnxOperator.cpp - Models of one node, imported and interpreted -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/OnnxOperator.h"

#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"
#include "python-free-frontends/onnx/Importer.h"

#include "mlir/IR/Verifier.h"

using namespace sinter;
using namespace sinter::test;

static int dataType(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return ::onnx::TensorProto::FLOAT16;
  case ElementType::F32:
    return ::onnx::TensorProto::FLOAT;
  case ElementType::F64:
    return ::onnx::TensorProto::DOUBLE;
  case ElementType::I8:
    return ::onnx::TensorProto::INT8;
  case ElementType::I32:
    return ::onnx::TensorProto::INT32;
  case ElementType::I64:
    return ::onnx::TensorProto::INT64;
  case ElementType::U8:
    return ::onnx::TensorProto::UINT8;
  case ElementType::Bool:
    return ::onnx::TensorProto::BOOL;
  default:
    throw std::runtime_error("an element type that no test has used yet");
  }
}

HostTensor test::halves(std::vector<int64_t> dims, std::vector<float> values) {
  HostTensor result(ElementType::F16, dims);
  for (size_t i = 0; i < values.size(); ++i)
    result.as<uint16_t>()[i] = floatToHalf(values[i]);
  return result;
}

Operator::Operator(std::string name, int64_t version, unsigned numResults) {
  model.set_ir_version(10);
  auto *opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(version);
  auto *graph = model.mutable_graph();
  graph->set_name("one_node");
  auto *node = graph->add_node();
  node->set_op_type(name);
  node->set_name("node");
  for (unsigned i = 0; i < numResults; ++i) {
    node->add_output("result_" + std::to_string(i));
    graph->add_output()->set_name(node->output(i));
  }
}

Operator &Operator::input(HostTensor tensor) {
  auto *graph = model.mutable_graph();
  auto *value = graph->add_input();
  value->set_name("input_" + std::to_string(graph->node(0).input_size()));
  graph->mutable_node(0)->add_input(value->name());
  auto *type = value->mutable_type()->mutable_tensor_type();
  type->set_elem_type(dataType(tensor.type));
  type->mutable_shape();
  for (int64_t size : tensor.dims)
    type->mutable_shape()->add_dim()->set_dim_value(size);
  inputs.push_back(std::move(tensor));
  return *this;
}

Operator &Operator::initializer(HostTensor tensor) {
  auto *graph = model.mutable_graph();
  auto *value = graph->add_initializer();
  value->set_name("constant_" + std::to_string(graph->node(0).input_size()));
  graph->mutable_node(0)->add_input(value->name());
  value->set_data_type(dataType(tensor.type));
  for (int64_t size : tensor.dims)
    value->add_dims(size);
  value->set_raw_data(tensor.data.data(), tensor.data.size());
  return *this;
}

Operator &Operator::noInput() {
  model.mutable_graph()->mutable_node(0)->add_input("");
  return *this;
}

::onnx::AttributeProto *Operator::addAttribute(const std::string &name) {
  auto *attribute = model.mutable_graph()->mutable_node(0)->add_attribute();
  attribute->set_name(name);
  return attribute;
}

Operator &Operator::attribute(const std::string &name, int value) {
  auto *attribute = addAttribute(name);
  attribute->set_type(::onnx::AttributeProto::INT);
  attribute->set_i(value);
  return *this;
}

Operator &Operator::attribute(const std::string &name, double value) {
  auto *attribute = addAttribute(name);
  attribute->set_type(::onnx::AttributeProto::FLOAT);
  attribute->set_f(static_cast<float>(value));
  return *this;
}

Operator &Operator::attribute(const std::string &name, const char *value) {
  auto *attribute = addAttribute(name);
  attribute->set_type(::onnx::AttributeProto::STRING);
  attribute->set_s(value);
  return *this;
}

Operator &Operator::attribute(const std::string &name, std::vector<int64_t> values) {
  auto *attribute = addAttribute(name);
  attribute->set_type(::onnx::AttributeProto::INTS);
  for (int64_t value : values)
    attribute->add_ints(value);
  return *this;
}

static llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> import(const ::onnx::ModelProto &proto,
                                                                mlir::MLIRContext &context) {
  std::string bytes = proto.SerializeAsString();
  llvm::Expected<sinter::onnx::Model> model =
      sinter::onnx::readModel(MappedFile::fromMemory({bytes.data(), bytes.size()}, "m.onnx"), "");
  if (!model)
    return model.takeError();
  std::vector<std::string> warnings;
  return sinter::onnx::importModel(*model, "m.onnx", ".", {}, context, warnings);
}

std::vector<HostTensor> Operator::run() {
  mlir::MLIRContext context;
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module = import(model, context);
  if (!module)
    throw std::runtime_error(llvm::toString(module.takeError()));
  if (failed(mlir::verify(**module)))
    throw std::runtime_error("the imported module does not verify");
  llvm::Expected<std::vector<HostTensor>> results = interpret(**module, inputs);
  if (!results)
    throw std::runtime_error(llvm::toString(results.takeError()));
  return std::move(*results);
}

std::string Operator::refusal() {
  mlir::MLIRContext context;
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module = import(model, context);
  return module ? "" : llvm::toString(module.takeError());
}

namespace {

class TensorMatcher {
public:
  using is_gtest_matcher = void;
  explicit TensorMatcher(HostTensor expected) : expected(std::move(expected)) {}
  bool MatchAndExplain(const HostTensor &actual, std::ostream *os) const {
    Comparison comparison = compare(actual, expected, 1e-6, 1e-6);
    if (os && !comparison.matches)
      *os << comparison.reason;
    return comparison.matches;
  }
  void DescribeTo(std::ostream *os) const { *os << "is the tensor of size " << formatDims(expected.dims); }
  void DescribeNegationTo(std::ostream *os) const { *os << "is another tensor"; }

private:
  HostTensor expected;
};

} // namespace

testing::Matcher<const HostTensor &> test::is(HostTensor expected) { return TensorMatcher(std::move(expected)); }
