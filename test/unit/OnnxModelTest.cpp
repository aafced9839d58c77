//===- OnnxModelTest.cpp - Tests of reading ONNX models -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The models are made by the classes that protoc generates from ONNX's schema.
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Failure.h"
#include "python-free-frontends/onnx/Model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx-ml.pb.h>

using namespace sinter;
using namespace sinter::onnx;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

llvm::Expected<Model> readBytes(const std::string &bytes, const ReadOptions &options = {}) {
  return readModel(MappedFile::fromMemory({bytes.data(), bytes.size()}, "m.onnx"), "", options);
}

llvm::Expected<Model> readProto(const ::onnx::ModelProto &proto) { return readBytes(proto.SerializeAsString()); }

Model mustRead(llvm::Expected<Model> model) {
  if (!model)
    throw std::runtime_error(llvm::toString(model.takeError()));
  return std::move(*model);
}

std::string refusal(llvm::Error error, ExitStatus status = ExitStatus::Unusable) {
  if (!error)
    return "(it was read)";
  Failure failure = takeFailure(std::move(error));
  EXPECT_EQ(failure.status, status);
  return failure.message;
}

std::string refusal(llvm::Expected<Model> model) { return refusal(model.takeError()); }

/// y = Relu(x), which is what each test begins with.
::onnx::ModelProto smallModel() {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  auto *opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(17);
  auto *graph = model.mutable_graph();
  graph->set_name("g");
  auto *node = graph->add_node();
  node->set_op_type("Relu");
  node->set_name("relu");
  node->add_input("x");
  node->add_output("y");
  for (auto *value : {graph->add_input(), graph->add_output()}) {
    value->set_name(value == &graph->input(0) ? "x" : "y");
    auto *type = value->mutable_type()->mutable_tensor_type();
    type->set_elem_type(::onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_value(2);
  }
  return model;
}

/// The protobuf text of a tensor in a file of its own.
llvm::Expected<Tensor> readTensor(const ::onnx::TensorProto &proto) {
  std::string bytes = proto.SerializeAsString();
  return readTensorFile(MappedFile::fromMemory({bytes.data(), bytes.size()}, "t.pb"));
}

::onnx::TensorProto tensorProto(int type, std::vector<int64_t> dims) {
  ::onnx::TensorProto proto;
  proto.set_data_type(type);
  proto.set_name("w");
  for (int64_t size : dims)
    proto.add_dims(size);
  return proto;
}

std::vector<char> mustReadValues(llvm::Expected<Tensor> tensor) {
  if (!tensor)
    throw std::runtime_error(llvm::toString(tensor.takeError()));
  std::vector<char> values(tensor->numBytes());
  if (llvm::Error error = tensor->read(values))
    throw std::runtime_error(llvm::toString(std::move(error)));
  return values;
}

std::string hex(llvm::ArrayRef<char> bytes) {
  std::string text;
  for (char byte : bytes)
    for (int half : {byte >> 4 & 15, byte & 15})
      text += "0123456789abcdef"[half];
  return text;
}

// Tests that a model's head, its graph, nodes and values are as the file has them.
TEST(OnnxModel, headAndGraph) {
  ::onnx::ModelProto proto = smallModel();
  proto.set_producer_name("pytorch");
  proto.set_producer_version("2.4");
  proto.set_domain("org.example");
  proto.set_model_version(-3);
  auto *other = proto.add_opset_import();
  other->set_domain("com.microsoft");
  other->set_version(1);
  auto *metadata = proto.add_metadata_props();
  metadata->set_key("k");
  metadata->set_value("v");
  auto *node = proto.mutable_graph()->add_node();
  node->set_op_type("Split");
  node->set_domain("ai.onnx");
  node->set_overload("o");
  node->add_input("y");
  node->add_input("");
  node->add_output("");
  node->add_output("b");
  node->set_doc_string("not read");
  proto.mutable_graph()->add_node()->set_op_type("Nothing");

  Model model = mustRead(readProto(proto));
  EXPECT_EQ(model.irVersion, 8);
  EXPECT_EQ(model.producerName, "pytorch");
  EXPECT_EQ(model.producerVersion, "2.4");
  EXPECT_EQ(model.domain, "org.example");
  EXPECT_EQ(model.modelVersion, -3);
  EXPECT_EQ(model.opsetVersion(""), 17);
  EXPECT_EQ(model.opsetVersion("ai.onnx"), 17);
  EXPECT_EQ(model.opsetVersion("com.microsoft"), 1);
  EXPECT_EQ(model.opsetVersion("ai.onnx.ml"), std::nullopt);
  ASSERT_EQ(model.metadata.size(), 1u);
  EXPECT_EQ(model.metadata[0].key + model.metadata[0].value, "kv");
  EXPECT_TRUE(model.warnings.empty());
  EXPECT_TRUE(model.unsupported.empty());
  ASSERT_EQ(model.files.size(), 1u);

  const Graph &graph = model.graph;
  EXPECT_EQ(graph.name, "g");
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_EQ(graph.nodes[0].opType, "Relu");
  EXPECT_EQ(graph.nodes[0].label(), "relu");
  const Node &split = graph.nodes[1];
  EXPECT_EQ(split.index, 1u);
  EXPECT_EQ(split.domain, "");
  EXPECT_EQ(split.overload, "o");
  EXPECT_THAT(split.inputs, ElementsAre("y", ""));
  EXPECT_THAT(split.outputs, ElementsAre("", "b"));
  EXPECT_EQ(split.label(), "b");
  EXPECT_EQ(graph.nodes[2].label(), "Nothing#2");
  EXPECT_EQ(graph.inputs[0].name, "x");
  EXPECT_EQ(graph.outputs[0].name, "y");
}

// Tests that an attribute of each kind is read.
TEST(OnnxModel, attributes) {
  ::onnx::ModelProto proto = smallModel();
  auto *node = proto.mutable_graph()->mutable_node(0);
  auto add = [&](const char *name, ::onnx::AttributeProto::AttributeType type) {
    auto *attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(type);
    return attribute;
  };
  add("f", ::onnx::AttributeProto::FLOAT)->set_f(-0.5f);
  add("i", ::onnx::AttributeProto::INT)->set_i(INT64_MIN);
  add("s", ::onnx::AttributeProto::STRING)->set_s(std::string("\xff\x00z", 3));
  auto *tensor = add("t", ::onnx::AttributeProto::TENSOR)->mutable_t();
  *tensor = tensorProto(::onnx::TensorProto::INT64, {});
  tensor->add_int64_data(-7);
  auto *graph = add("g", ::onnx::AttributeProto::GRAPH)->mutable_g();
  graph->add_node()->set_op_type("Inner");
  auto *floats = add("fs", ::onnx::AttributeProto::FLOATS);
  floats->add_floats(1);
  floats->add_floats(2.5f);
  auto *ints = add("is", ::onnx::AttributeProto::INTS);
  ints->add_ints(3);
  ints->add_ints(-4);
  auto *strings = add("ss", ::onnx::AttributeProto::STRINGS);
  strings->add_strings("one");
  strings->add_strings("");
  add("ts", ::onnx::AttributeProto::TENSORS);
  auto *graphs = add("gs", ::onnx::AttributeProto::GRAPHS);
  graphs->add_graphs();
  graphs->add_graphs()->set_name("second");
  add("tp", ::onnx::AttributeProto::TYPE_PROTO)->mutable_tp()->mutable_tensor_type()->set_elem_type(7);
  add("st", ::onnx::AttributeProto::SPARSE_TENSOR)->mutable_sparse_tensor();
  auto *untyped = node->add_attribute(); // IR version 1
  untyped->set_name("old");
  untyped->set_i(9);

  Model model = mustRead(readProto(proto));
  const Node &read = model.graph.nodes[0];
  ASSERT_EQ(read.attributes.size(), 13u);
  EXPECT_EQ(read.attribute("none"), nullptr);
  EXPECT_EQ(read.attribute("f")->floatValue, -0.5f);
  EXPECT_EQ(read.attribute("i")->intValue, INT64_MIN);
  EXPECT_EQ(read.attribute("s")->stringValue, std::string("\xff\x00z", 3));
  ASSERT_EQ(read.attribute("t")->tensors.size(), 1u);
  EXPECT_EQ(read.attribute("t")->tensors[0].toHostTensor()->getInt(0), -7);
  ASSERT_EQ(read.attribute("g")->graphs.size(), 1u);
  EXPECT_EQ(read.attribute("g")->graphs[0].nodes[0].opType, "Inner");
  EXPECT_THAT(read.attribute("fs")->floats, ElementsAre(1, 2.5f));
  EXPECT_THAT(read.attribute("is")->ints, ElementsAre(3, -4));
  EXPECT_THAT(read.attribute("ss")->strings, ElementsAre("one", ""));
  EXPECT_EQ(read.attribute("ts")->kind, Attribute::Kind::Tensors);
  EXPECT_EQ(read.attribute("gs")->graphs[1].name, "second");
  EXPECT_EQ(read.attribute("tp")->types[0].str(), "tensor(int64)");
  EXPECT_EQ(read.attribute("st")->kind, Attribute::Kind::SparseTensor);
  EXPECT_EQ(read.attribute("old")->kind, Attribute::Kind::Int);
  EXPECT_EQ(read.attribute("old")->intValue, 9);
}

// Tests the types of values: fixed, named and unknown sizes, no shape, and types that are no tensors.
TEST(OnnxModel, valueTypes) {
  ::onnx::ModelProto proto = smallModel();
  auto *graph = proto.mutable_graph();
  auto *type = graph->mutable_input(0)->mutable_type()->mutable_tensor_type();
  type->set_elem_type(::onnx::TensorProto::BFLOAT16);
  auto *shape = type->mutable_shape();
  shape->add_dim()->set_dim_param("batch");
  shape->add_dim();
  shape->add_dim()->set_dim_value(-1);
  shape->add_dim()->set_dim_param("");
  shape->add_dim()->set_dim_value(0);
  graph->add_value_info()->set_name("untyped");
  graph->add_value_info()->mutable_type()->mutable_tensor_type()->set_elem_type(77);
  graph->add_value_info()
      ->mutable_type()
      ->mutable_optional_type()
      ->mutable_elem_type()
      ->mutable_sequence_type()
      ->mutable_elem_type()
      ->mutable_tensor_type()
      ->set_elem_type(1);
  auto *map = graph->add_value_info()->mutable_type()->mutable_map_type();
  map->set_key_type(8);
  map->mutable_value_type()->mutable_tensor_type()->set_elem_type(1);
  graph->add_value_info()->mutable_type()->mutable_sparse_tensor_type()->set_elem_type(1);
  graph->add_value_info()->mutable_type()->mutable_opaque_type()->set_name("x");

  Model model = mustRead(readProto(proto));
  const Type &read = model.graph.inputs[0].type;
  EXPECT_EQ(read.str(), "tensor(bfloat16)");
  ASSERT_EQ(read.shape->size(), 6u);
  EXPECT_EQ((*read.shape)[0].value, 2);
  EXPECT_EQ((*read.shape)[1].kind, Dimension::Kind::Symbol);
  EXPECT_EQ((*read.shape)[1].symbol, "batch");
  for (int unknown : {2, 3, 4})
    EXPECT_EQ((*read.shape)[unknown].kind, Dimension::Kind::Unknown);
  EXPECT_EQ((*read.shape)[5].kind, Dimension::Kind::Value);
  EXPECT_EQ((*read.shape)[5].value, 0);
  std::vector<std::string> others;
  for (const ValueInfo &info : model.graph.valueInfos)
    others.push_back(info.type.str());
  EXPECT_THAT(others, ElementsAre("?", "tensor(type 77)", "optional(seq(tensor(float)))", "map(string,tensor(float))",
                                  "sparse_tensor(float)", "opaque"));
  EXPECT_FALSE(model.graph.valueInfos[1].type.shape);
}

// Tests that functions of the model are kept, with their defaults and references.
TEST(OnnxModel, functions) {
  ::onnx::ModelProto proto = smallModel();
  auto *function = proto.add_functions();
  function->set_name("Gelu");
  function->set_domain("local");
  function->set_overload("o");
  function->add_input("a");
  function->add_output("b");
  function->add_attribute("alpha");
  auto *withDefault = function->add_attribute_proto();
  withDefault->set_name("beta");
  withDefault->set_type(::onnx::AttributeProto::FLOAT);
  withDefault->set_f(2);
  auto *opset = function->add_opset_import();
  opset->set_version(13);
  auto *node = function->add_node();
  node->set_op_type("LeakyRelu");
  auto *reference = node->add_attribute();
  reference->set_name("alpha");
  reference->set_type(::onnx::AttributeProto::FLOAT);
  reference->set_ref_attr_name("alpha");
  function->add_value_info()->set_name("v");

  Model model = mustRead(readProto(proto));
  EXPECT_EQ(model.findFunction("local", "Gelu", ""), nullptr);
  const Function *read = model.findFunction("local", "Gelu", "o");
  ASSERT_NE(read, nullptr);
  EXPECT_THAT(read->inputs, ElementsAre("a"));
  EXPECT_THAT(read->outputs, ElementsAre("b"));
  EXPECT_THAT(read->attributes, ElementsAre("alpha"));
  EXPECT_EQ(read->attributeDefaults[0].floatValue, 2);
  EXPECT_EQ(read->nodes[0].attributes[0].reference, "alpha");
  EXPECT_EQ(read->nodes[0].attributes[0].kind, Attribute::Kind::Float);
  EXPECT_EQ(read->opsetImports[0].version, 13);
  EXPECT_EQ(read->valueInfos[0].name, "v");
}

// Tests what protobuf promises of any file: unknown fields, the last single value, merged messages, packed numbers.
TEST(OnnxModel, wireFormsOfTheSameModel) {
  ::onnx::ModelProto proto = smallModel();
  std::string bytes = proto.SerializeAsString();

  // A field that no schema has, of each wire type.
  std::string unknown = std::string("\xa0\x06\x05", 3) + std::string("\xa2\x06\x03zzz", 6) +
                        std::string("\xa5\x06\x01\x02\x03\x04", 6) + std::string("\xa1\x06\1\2\3\4\5\6\7\x08", 10);
  EXPECT_EQ(mustRead(readBytes(unknown + bytes)).graph.nodes.size(), 1u);

  // Two files in a row are one model: single values from the second, the graphs merged.
  ::onnx::ModelProto second;
  second.set_ir_version(9);
  second.mutable_graph()->set_name("h");
  second.mutable_graph()->add_node()->set_op_type("Exp");
  Model merged = mustRead(readBytes(bytes + second.SerializeAsString()));
  EXPECT_EQ(merged.irVersion, 9);
  EXPECT_EQ(merged.graph.name, "h");
  ASSERT_EQ(merged.graph.nodes.size(), 2u);
  EXPECT_EQ(merged.graph.nodes[1].index, 1u);

  // Sizes, which protobuf 2 writes unpacked, packed; and packed floats unpacked.
  auto file = [](const std::string &text) {
    return readTensorFile(MappedFile::fromMemory({text.data(), text.size()}, "t.pb"));
  };
  std::string head = std::string("\x0a\x02\x02\x01\x10\x01", 6); // dims [2, 1], float
  std::string one = std::string("\x00\x00\x80\x3f", 4), two = std::string("\x00\x00\x00\x40", 4);
  EXPECT_EQ(hex(mustReadValues(file(head + "\x22\x08" + one + two))), "0000803f00000040");
  EXPECT_EQ(hex(mustReadValues(file("\x25" + one + head + "\x25" + two))), "0000803f00000040");
  EXPECT_EQ(hex(mustReadValues(file("\x22\x04" + one + "\x22" + std::string(1, '\0') + "\x25" + two + head))),
            "0000803f00000040");
  EXPECT_EQ(file(head + "\x22\x08" + one + two)->storage, Tensor::Storage::Raw);
  EXPECT_EQ(file(head + "\x25" + one + "\x25" + two)->storage, Tensor::Storage::Field);
  // raw_data is no list: the last one holds.
  EXPECT_EQ(hex(mustReadValues(file(head + "\x4a\x01z\x4a\x08" + one + two))), "0000803f00000040");
}

// Tests that initializers are found wherever they are, that their bytes are those of the file, and that none is copied.
TEST(OnnxModel, initializersInPlace) {
  ::onnx::ModelProto proto = smallModel();
  auto *initializer = proto.mutable_graph()->add_initializer();
  *initializer = tensorProto(::onnx::TensorProto::FLOAT, {2, 3});
  initializer->set_raw_data("abcdefghijklmnopqrstuvwx");
  std::string bytes = proto.SerializeAsString();
  Model model = mustRead(readBytes(bytes));
  ASSERT_EQ(model.graph.initializers.size(), 1u);
  const Tensor &tensor = model.graph.initializers[0];
  EXPECT_EQ(tensor.name, "w");
  EXPECT_THAT(tensor.dims, ElementsAre(2, 3));
  EXPECT_EQ(tensor.storage, Tensor::Storage::Raw);
  EXPECT_EQ(tensor.offset, bytes.find("abcdef"));
  EXPECT_EQ(tensor.length, 24u);
  EXPECT_EQ(tensor.bytes()->data(), model.files[0]->bytes().data() + tensor.offset);
}

// Tests that a sparse initializer is listed by name, for the list of what is unsupported.
TEST(OnnxModel, sparseInitializers) {
  ::onnx::ModelProto proto = smallModel();
  proto.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("pruned");
  Model model = mustRead(readProto(proto));
  ASSERT_EQ(model.unsupported.size(), 1u);
  EXPECT_EQ(model.unsupported[0].what, "sparse initializer 'pruned'");
}

struct TypedCase {
  int type;
  std::vector<int64_t> dims;
  std::function<void(::onnx::TensorProto &)> fill;
  const char *expected; // the bytes as raw_data would have them
};

// Tests that values in typed fields become the bytes that raw_data has for the same values.
TEST(OnnxModel, typedFields) {
  using T = ::onnx::TensorProto;
  auto int32s = [](std::vector<int32_t> values) {
    return [values](T &tensor) { tensor.mutable_int32_data()->Assign(values.begin(), values.end()); };
  };
  auto uint64s = [](std::vector<uint64_t> values) {
    return [values](T &tensor) { tensor.mutable_uint64_data()->Assign(values.begin(), values.end()); };
  };
  const TypedCase table[] = {
      {T::FLOAT, {2}, [](T &t) { t.add_float_data(1), t.add_float_data(-2); }, "0000803f000000c0"},
      {T::DOUBLE, {1}, [](T &t) { t.add_double_data(1); }, "000000000000f03f"},
      {T::COMPLEX64, {1}, [](T &t) { t.add_float_data(1), t.add_float_data(-2); }, "0000803f000000c0"},
      {T::COMPLEX128,
       {1},
       [](T &t) { t.add_double_data(1), t.add_double_data(0); },
       "000000000000f03f0000000000000000"},
      {T::INT64, {2}, [](T &t) { t.add_int64_data(-2), t.add_int64_data(300); }, "feffffffffffffff2c01000000000000"},
      {T::INT32, {2}, int32s({-2, 300}), "feffffff2c010000"},
      {T::INT16, {2}, int32s({-2, 300}), "feff2c01"},
      {T::UINT16, {2}, int32s({65535, 300}), "ffff2c01"},
      {T::INT8, {3}, int32s({-128, 127, -1}), "807fff"},
      {T::UINT8, {2}, int32s({255, 7}), "ff07"},
      {T::BOOL, {3}, int32s({0, 1, 1}), "000101"},
      {T::FLOAT16, {1}, int32s({0xc000}), "00c0"},
      {T::BFLOAT16, {1}, int32s({0x3f80}), "803f"},
      {T::FLOAT8E4M3FN, {2}, int32s({0xff, 1}), "ff01"},
      {T::FLOAT8E8M0, {1}, int32s({0x7f}), "7f"},
      {T::UINT32, {2}, uint64s({UINT32_MAX, 5}), "ffffffff05000000"},
      {T::UINT64, {1}, uint64s({UINT64_MAX}), "ffffffffffffffff"},
      {T::INT4, {3}, int32s({0x21, 0x0f}), "210f"},
      {T::UINT4, {2}, int32s({0xfe}), "fe"},
      {T::FLOAT4E2M1, {1}, int32s({0x07}), "07"},
      {T::INT2, {5}, int32s({0xe4, 0x03}), "e403"},
      // The four values 1, 2, 3, 63 as a stream of 24 bits, then one more.
      {T::FLOAT6E2M3, {5}, int32s({1, 2, 3, 63, 32}), "8130fc20"},
  };
  for (const TypedCase &one : table) {
    T proto = tensorProto(one.type, one.dims);
    one.fill(proto);
    EXPECT_EQ(hex(mustReadValues(readTensor(proto))), one.expected) << one.type;
    // The same by raw_data.
    T raw = tensorProto(one.type, one.dims);
    std::vector<char> bytes = mustReadValues(readTensor(proto));
    raw.set_raw_data(std::string(bytes.begin(), bytes.end()));
    EXPECT_EQ(mustReadValues(readTensor(raw)), bytes) << one.type;
  }
}

// Tests strings, scalars, tensors without elements, and bools that are stored as other numbers than 0 and 1.
TEST(OnnxModel, otherTensors) {
  ::onnx::TensorProto strings = tensorProto(::onnx::TensorProto::STRING, {2});
  strings.add_string_data("a");
  strings.add_string_data(std::string("\0\xff", 2));
  llvm::Expected<Tensor> tensor = readTensor(strings);
  ASSERT_TRUE(bool(tensor));
  EXPECT_THAT(*tensor->readStrings(), ElementsAre("a", std::string("\0\xff", 2)));
  llvm::Expected<HostTensor> texts = tensor->toHostTensor();
  ASSERT_TRUE(bool(texts));
  EXPECT_EQ(texts->type, ElementType::String);
  EXPECT_EQ(texts->getString(1), llvm::StringRef("\0\xff", 2));

  ::onnx::TensorProto empty = tensorProto(::onnx::TensorProto::FLOAT, {3, 0, INT64_MAX});
  tensor = readTensor(empty);
  ASSERT_TRUE(bool(tensor));
  EXPECT_EQ(tensor->storage, Tensor::Storage::Empty);
  EXPECT_EQ(tensor->toHostTensor()->data.size(), 0u);

  ::onnx::TensorProto bools = tensorProto(::onnx::TensorProto::BOOL, {3});
  bools.set_raw_data(std::string("\0\2\xff", 3));
  EXPECT_EQ(hex(mustReadValues(readTensor(bools))), "000101");

  ::onnx::TensorProto scalar = tensorProto(::onnx::TensorProto::FLOAT16, {});
  scalar.set_raw_data(std::string("\x00\x3c", 2));
  llvm::Expected<HostTensor> host = readTensor(scalar)->toHostTensor();
  ASSERT_TRUE(bool(host));
  EXPECT_EQ(host->type, ElementType::F16);
  EXPECT_EQ(host->getDouble(0), 1);
}

struct BadTensor {
  std::function<void(::onnx::TensorProto &)> change; // of 2 floats in raw_data
  const char *reason;
};

// Tests that tensors that contradict themselves are refused, with both numbers.
TEST(OnnxModel, refusedTensors) {
  using T = ::onnx::TensorProto;
  const BadTensor table[] = {
      {[](T &t) { t.clear_data_type(); }, "tensor 'w' has no element type"},
      {[](T &t) { t.set_data_type(0); }, "tensor 'w' has no element type"},
      {[](T &t) { t.set_data_type(29); }, "has element type 29, which is not known here"},
      {[](T &t) { t.set_data_type(-1); }, "has element type -1"},
      {[](T &t) { t.add_dims(-1); }, "has the size -1"},
      {[](T &t) { t.add_dims(2); }, "has 8 bytes of raw_data; float of shape 2x2 needs 16"},
      {[](T &t) { t.set_data_type(T::DOUBLE); }, "has 8 bytes of raw_data; double of shape 2 needs 16"},
      {[](T &t) { t.clear_raw_data(); }, "has the shape 2 and no values"},
      {[](T &t) { t.set_dims(0, 0); }, "has 8 bytes of raw_data; float of shape 0 needs 0"},
      {[](T &t) { t.add_float_data(1); }, "has values in float_data and in raw_data"},
      {[](T &t) { t.clear_raw_data(), t.add_int64_data(1), t.add_int64_data(1); },
       "of type float has its values in int64_data"},
      {[](T &t) { t.clear_raw_data(), t.add_float_data(1); }, "has 1 values in float_data; float of shape 2 needs 2"},
      {[](T &t) { t.set_data_type(T::STRING); }, "of type string has its values in raw_data"},
      {[](T &t) { t.mutable_segment(); }, "stored in segments"},
      {[](T &t) { t.set_name("\xff"); }, "name is not UTF-8"},
      {[](T &t) { t.set_dims(0, INT64_MAX), t.add_dims(3); }, "does not fit 64 bits"},
      {[](T &t) { t.set_dims(0, int64_t(1) << 32), t.add_dims(int64_t(1) << 32); }, "does not fit 64 bits"},
      {[](T &t) { t.set_dims(0, INT64_MAX); }, "does not fit 64 bits"},
      {[](T &t) {
         for (int i = 0; i < 40; ++i)
           t.add_dims(1);
       },
       "more than 32 dimensions"},
      {[](T &t) { t.set_data_location(T::EXTERNAL); }, "has external data and values in raw_data"},
      {[](T &t) { t.clear_raw_data(), t.set_data_location(T::EXTERNAL); }, "external data without a location"},
  };
  for (const BadTensor &bad : table) {
    T proto = tensorProto(T::FLOAT, {2});
    proto.set_raw_data("12345678");
    bad.change(proto);
    EXPECT_THAT(refusal(readTensor(proto).takeError()), HasSubstr(bad.reason));
    ::onnx::ModelProto model = smallModel();
    *model.mutable_graph()->add_initializer() = proto;
    EXPECT_THAT(refusal(readProto(model)), HasSubstr(bad.reason));
  }
}

// Tests that integers that the element type cannot hold are refused when the values are read.
TEST(OnnxModel, valuesOutOfRange) {
  using T = ::onnx::TensorProto;
  const std::pair<int, int64_t> table[] = {{T::INT8, 128},      {T::INT8, -129},     {T::UINT8, -1},
                                           {T::UINT8, 256},     {T::INT16, 32768},   {T::UINT16, -1},
                                           {T::FLOAT16, 65536}, {T::INT4, 256},      {T::UINT32, 1l << 32},
                                           {T::FLOAT6E3M2, 64}, {T::FLOAT8E5M2, 256}};
  for (auto [type, value] : table) {
    T proto = tensorProto(type, {1});
    if (type == T::UINT32)
      proto.add_uint64_data(value);
    else
      proto.add_int32_data(value);
    llvm::Expected<Tensor> tensor = readTensor(proto);
    ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
    std::vector<char> bytes(tensor->numBytes());
    EXPECT_THAT(refusal(tensor->read(bytes)), HasSubstr("holds the value " + std::to_string(value)));
  }
}

struct BadModel {
  std::function<void(::onnx::ModelProto &)> change;
  const char *reason;
};

// Tests that what is no usable model is refused, with the reason.
TEST(OnnxModel, refusedModels) {
  using M = ::onnx::ModelProto;
  const BadModel table[] = {
      {[](M &m) { m.clear_ir_version(); }, "it has no IR version"},
      {[](M &m) { m.clear_graph(); }, "has no graph"},
      {[](M &m) { m.clear_opset_import(); }, "which operator set"},
      {[](M &m) { m.mutable_graph()->mutable_node(0)->clear_op_type(); }, "node 'relu' names no operator"},
      {[](M &m) { m.mutable_graph()->mutable_node(0)->set_name("\xc0\x80"); }, "a node's name is not UTF-8"},
      {[](M &m) {
         auto *attribute = m.mutable_graph()->mutable_node(0)->add_attribute();
         attribute->set_name("value");
         attribute->set_type(::onnx::AttributeProto::TENSOR);
       },
       "attribute 'value' has type tensor and no value"},
      {[](M &m) {
         auto *attribute = m.mutable_graph()->mutable_node(0)->add_attribute();
         attribute->set_name("old");
         attribute->set_i(1);
         attribute->set_f(1);
       },
       "attribute 'old' has no type and values of several types"},
      {[](M &m) {
         auto *shape = m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
         for (int i = 0; i < 40; ++i)
           shape->add_dim();
       },
       "a shape has more than 32 dimensions"},
  };
  for (const BadModel &bad : table) {
    M proto = smallModel();
    bad.change(proto);
    EXPECT_THAT(refusal(readProto(proto)), HasSubstr(bad.reason));
  }
  EXPECT_THAT(refusal(readBytes("")), HasSubstr("'m.onnx' is empty"));
  EXPECT_THAT(refusal(readBytes("hello, this is no model")), HasSubstr("m.onnx"));
  EXPECT_THAT(refusal(readBytes(std::string(64, '\0'))), HasSubstr("field number 0"));
  std::string cut = smallModel().SerializeAsString();
  EXPECT_THAT(refusal(readBytes(cut.substr(0, cut.size() - 3))), HasSubstr("cut off"));
  // A single tensor twice, and an attribute type that is not in the schema: only bytes can say that.
  std::string node = std::string("\x22\x01"
                                 "A") +
                     std::string("\x2a\x0c\x2a\x04\x10\x01\x08\x00\x2a\x04\x10\x01\x08\x00", 14);
  std::string graph = "\x0a" + std::string(1, char(node.size())) + node;
  EXPECT_THAT(refusal(readBytes("\x08\x08\x3a" + std::string(1, char(graph.size())) + graph)),
              HasSubstr("has a single value twice"));
  node = std::string("\x22\x01"
                     "A") +
         std::string("\x2a\x03\xa0\x01\x63", 5);
  graph = "\x0a" + std::string(1, char(node.size())) + node;
  EXPECT_THAT(refusal(readBytes("\x08\x08\x3a" + std::string(1, char(graph.size())) + graph)),
              HasSubstr("has type 99, which ONNX does not have"));
}

// Tests that graphs within graphs are read as deep as protobuf would, and no deeper.
TEST(OnnxModel, nesting) {
  auto nested = [](int depth) {
    ::onnx::ModelProto proto = smallModel();
    auto *graph = proto.mutable_graph();
    for (int i = 0; i < depth; ++i) {
      auto *node = graph->add_node();
      node->set_op_type("If");
      auto *attribute = node->add_attribute();
      attribute->set_type(::onnx::AttributeProto::GRAPH);
      graph = attribute->mutable_g();
    }
    return proto;
  };
  EXPECT_EQ(mustRead(readProto(nested(30))).graph.nodes.size(), 2u);
  EXPECT_THAT(refusal(readProto(nested(40))), HasSubstr("nested deeper than 100"));
  EXPECT_THAT(refusal(readProto(nested(5000))), HasSubstr("nested deeper than 100"));
}

// Tests that a file cannot ask for far more memory than its own size.
TEST(OnnxModel, structuresAreBounded) {
  // A node takes 5 bytes of the file: "Relu" is not even needed to fill a list of inputs.
  std::string node = "\x22\x01X";
  for (int i = 0; i < 1000; ++i)
    node += std::string("\x0a\x00", 2);
  std::string graph = "\x0a" + std::string("\xd3\x0f") + node;
  std::string bytes = "\x08\x08\x3a" + std::string("\xd6\x0f") + graph;
  ReadOptions options;
  options.structureBytes = 4096;
  EXPECT_THAT(refusal(readBytes(bytes, options)), HasSubstr("which is the limit"));
  options.structureBytes = 1 << 20;
  EXPECT_THAT(refusal(readBytes(bytes, options)), HasSubstr("which operator set"));
}

// Tests that IR versions before operator sets, newer ones, and training information are read, with a warning.
TEST(OnnxModel, versions) {
  ::onnx::ModelProto proto = smallModel();
  proto.clear_opset_import();
  proto.set_ir_version(2);
  EXPECT_EQ(mustRead(readProto(proto)).opsetVersion(""), 1);
  proto = smallModel();
  proto.set_ir_version(99);
  proto.add_training_info();
  EXPECT_THAT(mustRead(readProto(proto)).warnings,
              ElementsAre(HasSubstr("training information"), HasSubstr("IR version 99 is newer than 14")));
}

// Tests that a sequence and an optional are refused by name and not as damaged tensors.
TEST(OnnxModel, sequencesInTensorFiles) {
  // SequenceProto and OptionalProto (onnx-data.proto): name, elem_type, then tensor_values of field 3.
  for (const std::string &bytes : {std::string("\x10\x01\x1a\x02\x10\x01", 6), std::string("\x0a\x03seq\x10\x01", 7)}) {
    llvm::Expected<Tensor> tensor = readTensorFile(MappedFile::fromMemory({bytes.data(), bytes.size()}, "s.pb"));
    EXPECT_THAT(refusal(tensor.takeError(), ExitStatus::Unsupported), HasSubstr("a sequence, an optional or a map"));
  }
}

// Tests that names of types and attributes are ONNX's.
TEST(OnnxModel, names) {
  EXPECT_EQ(dataTypeName(DataType::Float), "float");
  EXPECT_EQ(dataTypeName(DataType::Float6E3M2), "float6e3m2");
  EXPECT_EQ(dataTypeName(static_cast<DataType>(-5)), "type -5");
  EXPECT_EQ(dataTypeBits(DataType::Complex128), 128u);
  EXPECT_EQ(dataTypeBits(DataType::Int2), 2u);
  EXPECT_EQ(hostElementType(DataType::Bool), ElementType::Bool);
  EXPECT_EQ(hostElementType(DataType::String), ElementType::String);
  EXPECT_EQ(hostElementType(DataType::Float6E2M3), std::nullopt);
  EXPECT_EQ(attributeKindName(Attribute::Kind::Ints), "ints");
  // The numbers are the schema's.
  EXPECT_EQ(static_cast<int>(DataType::Float8E8M0), ::onnx::TensorProto::FLOAT8E8M0);
  EXPECT_EQ(static_cast<int>(DataType::Float6E3M2), ::onnx::TensorProto::FLOAT6E3M2);
  EXPECT_EQ(static_cast<int>(Attribute::Kind::TypeProtos), ::onnx::AttributeProto::TYPE_PROTOS);
}

} // namespace
