//===- OnnxMutationTest.cpp - Damaged ONNX models are refused or read -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What libFuzzer does without end (test/fuzz), in a few seconds and the same
// each time.
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Failure.h"
#include "python-free-frontends/onnx/Model.h"

#include <gtest/gtest.h>
#include <onnx/onnx-ml.pb.h>
#include <random>

using namespace sinter;
using namespace sinter::onnx;

namespace {

/// A model that has something of everything.
std::string richModel() {
  ::onnx::ModelProto model;
  model.set_ir_version(10);
  model.set_producer_name("test");
  model.add_opset_import()->set_version(18);
  auto *metadata = model.add_metadata_props();
  metadata->set_key("key");
  metadata->set_value("value");
  auto *graph = model.mutable_graph();
  graph->set_name("graph");
  const int types[] = {1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 16, 22};
  for (int type : types) {
    auto *tensor = graph->add_initializer();
    tensor->set_name("w" + std::to_string(type));
    tensor->set_data_type(type);
    tensor->add_dims(2);
    tensor->add_dims(3);
    if (type == 1)
      for (int i = 0; i < 6; ++i)
        tensor->add_float_data(i);
    else if (type == 11)
      for (int i = 0; i < 6; ++i)
        tensor->add_double_data(i);
    else if (type == 7)
      for (int i = 0; i < 6; ++i)
        tensor->add_int64_data(-i);
    else if (type == 13)
      for (int i = 0; i < 6; ++i)
        tensor->add_uint64_data(i);
    else if (type == 22)
      for (int i = 0; i < 3; ++i)
        tensor->add_int32_data(i);
    else
      for (int i = 0; i < 6; ++i)
        tensor->add_int32_data(i % 2);
  }
  auto *raw = graph->add_initializer();
  raw->set_name("raw");
  raw->set_data_type(1);
  raw->add_dims(10);
  raw->set_raw_data(std::string(40, 'r'));
  auto *strings = graph->add_initializer();
  strings->set_data_type(8);
  strings->add_dims(1);
  strings->add_string_data("text");
  auto *external = graph->add_initializer();
  external->set_data_type(1);
  external->add_dims(4);
  external->set_data_location(::onnx::TensorProto::EXTERNAL);
  for (auto [key, value] : {std::pair("location", "w.bin"), {"offset", "64"}, {"length", "16"}}) {
    auto *entry = external->add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
  for (int i = 0; i < 20; ++i) {
    auto *node = graph->add_node();
    node->set_op_type(i % 2 ? "Add" : "MatMul");
    node->set_name("node" + std::to_string(i));
    node->add_input("x" + std::to_string(i));
    node->add_input("w1");
    node->add_output("x" + std::to_string(i + 1));
    auto *attribute = node->add_attribute();
    attribute->set_name("a");
    if (i == 3) {
      attribute->set_type(::onnx::AttributeProto::GRAPH);
      attribute->mutable_g()->add_node()->set_op_type("Identity");
    } else if (i == 4) {
      attribute->set_type(::onnx::AttributeProto::TENSOR);
      attribute->mutable_t()->set_data_type(7);
      attribute->mutable_t()->add_int64_data(5);
    } else if (i == 5) {
      attribute->set_type(::onnx::AttributeProto::FLOATS);
      attribute->add_floats(1);
    } else {
      attribute->set_type(::onnx::AttributeProto::INTS);
      attribute->add_ints(i);
      attribute->add_ints(-1);
    }
  }
  auto *input = graph->add_input();
  input->set_name("x0");
  auto *type = input->mutable_type()->mutable_tensor_type();
  type->set_elem_type(1);
  type->mutable_shape()->add_dim()->set_dim_param("batch");
  type->mutable_shape()->add_dim()->set_dim_value(2);
  graph->add_output()->mutable_type()->mutable_sequence_type()->mutable_elem_type()->mutable_tensor_type();
  graph->add_sparse_initializer()->mutable_values()->set_name("sparse");
  auto *function = model.add_functions();
  function->set_name("f");
  function->add_node()->set_op_type("Exp");
  return model.SerializeAsString();
}

int numRead = 0;

void useGraph(const Graph &graph);

void useTensor(const Tensor &tensor) {
  if (tensor.elementType == DataType::String) {
    if (llvm::Expected<std::vector<std::string>> strings = tensor.readStrings(); !strings)
      llvm::consumeError(strings.takeError());
    return;
  }
  if (std::optional<llvm::ArrayRef<char>> bytes = tensor.bytes())
    EXPECT_EQ(bytes->size(), tensor.numBytes());
  if (tensor.storage == Tensor::Storage::Absent)
    return;
  ASSERT_LT(tensor.numBytes(), 1u << 20); // no more than the file can hold
  std::vector<char> values(tensor.numBytes());
  if (llvm::Error error = tensor.read(values))
    EXPECT_EQ(takeFailure(std::move(error)).status, ExitStatus::Unusable);
}

void useNodes(const std::vector<Node> &nodes) {
  for (const Node &node : nodes) {
    EXPECT_NE(node.label(), "");
    for (const Attribute &attribute : node.attributes) {
      for (const Tensor &tensor : attribute.tensors)
        useTensor(tensor);
      for (const Graph &graph : attribute.graphs)
        useGraph(graph);
    }
  }
}

void useGraph(const Graph &graph) {
  for (const Tensor &tensor : graph.initializers)
    useTensor(tensor);
  for (const ValueInfo &info : graph.inputs)
    EXPECT_NE(info.type.str(), "");
  useNodes(graph.nodes);
}

void tryModel(llvm::ArrayRef<char> bytes) {
  ReadOptions options;
  options.allowAbsentData = true;
  // The file's copy is exactly as long as the bytes, so that a sanitizer sees what is read beyond them.
  llvm::Expected<Model> model = readModel(MappedFile::fromMemory(bytes, "m.onnx"), "/", options);
  if (!model) {
    Failure failure = takeFailure(model.takeError());
    EXPECT_EQ(failure.status, ExitStatus::Unusable);
    EXPECT_NE(failure.message, "");
    return;
  }
  ++numRead;
  useGraph(model->graph);
  for (const Function &function : model->functions)
    useNodes(function.nodes);
}

// Tests that the model that is damaged below is read as it is.
TEST(OnnxMutation, undamaged) {
  numRead = 0;
  std::string model = richModel();
  tryModel({model.data(), model.size()});
  EXPECT_EQ(numRead, 1);
}

// Tests that a model cut off anywhere is refused, unless what is left is a smaller model.
TEST(OnnxMutation, cut) {
  numRead = 0;
  std::string model = richModel();
  size_t step = std::max<size_t>(1, model.size() / 300);
  for (size_t size = 0; size < model.size(); size += step)
    tryModel({model.data(), size});
  for (size_t size = model.size() - 60; size < model.size(); ++size)
    tryModel({model.data(), size});
  EXPECT_LE(numRead, 3); // only the functions and the metadata come after the graph
}

// Tests that flipped bits, changed, repeated, removed and inserted bytes do nothing worse.
TEST(OnnxMutation, damaged) {
  numRead = 0;
  std::string model = richModel();
  std::mt19937 random(11);
  for (int i = 0; i < 6000; ++i) {
    std::string bytes = model;
    for (int changes = 1 + i % 4; changes > 0; --changes) {
      size_t position = random() % bytes.size();
      switch (random() % 5) {
      case 0:
        bytes[position] = static_cast<char>(bytes[position] ^ 1 << random() % 8);
        break;
      case 1:
        bytes[position] = static_cast<char>(random());
        break;
      case 2:
        bytes[position] = static_cast<char>(0xff);
        break;
      case 3:
        bytes.erase(position, 1 + random() % 4);
        break;
      case 4:
        bytes.insert(position, bytes.substr(random() % bytes.size(), random() % 40));
        break;
      }
    }
    tryModel({bytes.data(), bytes.size()});
  }
  // Neither all refused nor all read: the damage reaches both.
  EXPECT_GT(numRead, 50);
  EXPECT_LT(numRead, 5500);
}

// Tests that every single bit of the model may flip.
TEST(OnnxMutation, everyBit) {
  std::string model = richModel();
  for (size_t bit = 0; bit < model.size() * 8; ++bit) {
    model[bit / 8] = static_cast<char>(model[bit / 8] ^ 1 << bit % 8);
    tryModel({model.data(), model.size()});
    model[bit / 8] = static_cast<char>(model[bit / 8] ^ 1 << bit % 8);
  }
}

// Tests that random bytes are refused.
TEST(OnnxMutation, noise) {
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char &byte : bytes)
      byte = static_cast<char>(random());
    tryModel({bytes.data(), bytes.size()});
    std::shared_ptr<const MappedFile> file = MappedFile::fromMemory({bytes.data(), bytes.size()}, "t.pb");
    if (llvm::Expected<Tensor> tensor = readTensorFile(file))
      useTensor(*tensor);
    else
      EXPECT_NE(takeFailure(tensor.takeError()).message, "");
  }
}

} // namespace
