//===- StreamDecoderTest.cpp - A decoder step by step on the streaming chip ===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decoder of two layers, with 8 heads that share 2 of keys and values, is given 16
// positions at once and then one by one, in one session that keeps keys and values. Its
// outputs are held against the interpreter with states, bit for bit, and against the
// same layers without a cache, which target cpu computes for all positions at once.
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"

#include "dialects/sinter/IR/Sinter.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Npy.h"
#include "lib/Weights/WeightFiles.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/JSON.h"
#include "gtest/gtest.h"

#include <cmath>
#include <onnx/onnx-ml.pb.h>

using namespace sinter;
using namespace sinter::e2e;

namespace {

constexpr int64_t width = 512, heads = 8, groups = 2, headSize = 64, inner = 768, capacity = 64;
constexpr unsigned numLayers = 2, numPositions = 32, prefill = 16;

/// Numbers that are the same on every machine, between -1 and 1.
class Noise {
public:
  float next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(state >> 32)) / 2147483648.0f;
  }

private:
  uint64_t state = 42;
};

class DecoderWriter {
public:
  explicit DecoderWriter(bool hasCache) : hasCache(hasCache) {}

  std::string write() {
    model.set_ir_version(10);
    model.add_opset_import()->set_version(23);
    graph().set_name("decoder");
    addValue(graph().add_input(), "x", {"1", "seq", std::to_string(width)});
    std::string x = "x";
    for (unsigned layer = 0; layer < numLayers; ++layer)
      x = addLayer(x, "/layer." + std::to_string(layer), std::to_string(layer));
    addNode("Identity", "/out", {x}, {"y"});
    addValue(graph().add_output(), "y", {"1", "seq", std::to_string(width)});
    return model.SerializeAsString();
  }

private:
  onnx::GraphProto &graph() { return *model.mutable_graph(); }

  static void addValue(onnx::ValueInfoProto *value, const std::string &name, const std::vector<std::string> &dims) {
    value->set_name(name);
    onnx::TypeProto::Tensor *type = value->mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    for (const std::string &dim : dims) {
      onnx::TensorShapeProto::Dimension *made = type->mutable_shape()->add_dim();
      if (std::isdigit(static_cast<unsigned char>(dim[0])))
        made->set_dim_value(std::stoll(dim));
      else
        made->set_dim_param(dim);
    }
  }

  onnx::NodeProto &addNode(const std::string &type, const std::string &name, const std::vector<std::string> &inputs,
                           const std::vector<std::string> &outputs) {
    onnx::NodeProto &node = *graph().add_node();
    node.set_op_type(type);
    node.set_name(name);
    for (const std::string &input : inputs)
      node.add_input(input);
    for (const std::string &output : outputs)
      node.add_output(output);
    return node;
  }

  static void setInt(onnx::NodeProto &node, const std::string &name, int64_t value) {
    onnx::AttributeProto &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }

  std::string addWeight(const std::string &name, const std::vector<int64_t> &dims, float scale, float offset = 0) {
    onnx::TensorProto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    int64_t count = 1;
    for (int64_t size : dims) {
      tensor.add_dims(size);
      count *= size;
    }
    std::vector<float> elements(count);
    for (float &element : elements)
      element = noise.next() * scale + offset;
    tensor.set_raw_data(elements.data(), elements.size() * sizeof(float));
    return name;
  }

  std::string addProduct(const std::string &x, const std::string &name, int64_t rows, int64_t columns) {
    addNode("MatMul", name, {x, addWeight(name + ".weight", {rows, columns}, 2 / std::sqrt(static_cast<float>(rows)))},
            {name});
    return name;
  }

  std::string addNorm(const std::string &x, const std::string &name) {
    addNode("RMSNormalization", name, {x, addWeight(name + ".weight", {width}, 0.25f, 1)}, {name});
    return name;
  }

  std::string addLayer(const std::string &x, const std::string &name, const std::string &number) {
    std::string n = addNorm(x, name + "/norm");
    std::string q = addProduct(n, name + "/query", width, heads * headSize);
    std::string k = addProduct(n, name + "/key", width, groups * headSize);
    std::string v = addProduct(n, name + "/value", width, groups * headSize);
    std::vector<std::string> inputs = {q, k, v}, outputs = {name + "/attention"};
    if (hasCache)
      for (const char *what : {"key", "value"}) {
        std::string past = "past_" + std::string(what) + "." + number,
                    present = "present_" + std::string(what) + "." + number;
        if (inputs.size() == 3)
          inputs.push_back("");
        inputs.push_back(past);
        outputs.push_back(present);
        addValue(graph().add_input(), past, {"1", std::to_string(groups), "past", std::to_string(headSize)});
        addValue(graph().add_output(), present, {"1", std::to_string(groups), "total", std::to_string(headSize)});
      }
    onnx::NodeProto &attention = addNode("Attention", name + "/attention", inputs, outputs);
    setInt(attention, "is_causal", 1);
    setInt(attention, "q_num_heads", heads);
    setInt(attention, "kv_num_heads", groups);
    std::string mixed = addProduct(name + "/attention", name + "/output", heads * headSize, width);
    addNode("Add", name + "/add", {x, mixed}, {name + "/add"});
    std::string up = addProduct(addNorm(name + "/add", name + "/norm2"), name + "/up", width, inner);
    onnx::AttributeProto &tanh = *addNode("Gelu", name + "/gelu", {up}, {name + "/gelu"}).add_attribute();
    tanh.set_name("approximate");
    tanh.set_type(onnx::AttributeProto::STRING);
    tanh.set_s("tanh");
    std::string down = addProduct(name + "/gelu", name + "/down", inner, width);
    addNode("Add", name + "/add2", {name + "/add", down}, {name + "/add2"});
    return name + "/add2";
  }

  onnx::ModelProto model;
  bool hasCache;
  Noise noise;
};

std::vector<float> readFloats(const std::string &path) {
  llvm::Expected<HostTensor> read = readNpy(path);
  if (!read) {
    ADD_FAILURE() << llvm::toString(read.takeError());
    return {};
  }
  llvm::ArrayRef<float> elements = read->as<float>();
  return {elements.begin(), elements.end()};
}

/// The program of an entry, which is interpreted.
class EntryReference {
public:
  EntryReference(mlir::MLIRContext &context, const std::string &folder, const std::string &entry)
      : module(mlir::parseSourceFile<mlir::ModuleOp>(folder + "/decoder/reference-" + entry + ".mlir", &context)) {
    llvm::Expected<WeightFiles> opened = WeightFiles::open(*module, folder);
    if (opened)
      weights = std::make_unique<WeightFiles>(std::move(*opened));
    else
      ADD_FAILURE() << llvm::toString(opened.takeError());
  }

  std::vector<float> run(const HostTensor &x, int64_t past, StateValues &states) {
    auto main = module->lookupSymbol<mlir::func::FuncOp>("main");
    std::vector<HostTensor> inputs;
    for (unsigned i = 0; i < main.getNumArguments(); ++i) {
      auto session = main.getArgAttrOfType<mlir::StringAttr>(i, "sinter.session");
      if (!session) {
        inputs.push_back(x);
        continue;
      }
      inputs.emplace_back(ElementType::I64, std::vector<int64_t>());
      inputs.back().as<int64_t>()[0] = session.getValue() == "past" ? past : x.dims[1];
    }
    InterpretOptions options;
    options.readWeight = [&](WeightOp weight) { return weights->read(weight); };
    options.states = &states;
    llvm::Expected<std::vector<HostTensor>> results = interpret(*module, inputs, options);
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      return {};
    }
    llvm::ArrayRef<float> elements = results->front().as<float>();
    return {elements.begin(), elements.end()};
  }

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<WeightFiles> weights;
};

int64_t cyclesOf(const Ended &ended) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(ended.output);
  if (!value) {
    ADD_FAILURE() << llvm::toString(value.takeError()) << ended.output << ended.errors;
    return -1;
  }
  return value->getAsObject()->getInteger("cycles").value_or(-1);
}

TEST(StreamDecoder, PrefillAndSteps) {
  std::string folder = freshFolder("stream-decoder");
  writeFile(folder + "/decoder.onnx", DecoderWriter(/*hasCache=*/true).write());
  writeFile(folder + "/whole.onnx", DecoderWriter(/*hasCache=*/false).write());
  HostTensor x(ElementType::F32, {1, numPositions, width});
  Noise noise;
  for (float &element : x.as<float>())
    element = noise.next();
  ASSERT_FALSE(bool(writeNpy(folder + "/x.npy", x)));

  Ended compiled = runSinter({"compile", folder + "/decoder.onnx", "--target=stream", "--dim=seq=1|16",
                              "--dim=past=0.." + std::to_string(capacity), "-q", "-o", folder + "/decoder"});
  ASSERT_EQ(compiled.status, 0) << compiled.errors;
  Ended ran = runSinter({"run", folder + "/decoder", "--entry=seq=16", "--entry=seq=1", "--steps=17", "--input",
                         "x=@" + folder + "/x.npy", "--output", "y=@" + folder + "/y.npy", "--format=json", "-q"});
  ASSERT_EQ(ran.status, 0) << ran.errors;
  std::vector<float> y = readFloats(folder + "/y.npy");
  ASSERT_EQ(y.size(), size_t(numPositions * width));

  // The interpreter's bits.
  mlir::MLIRContext context;
  context.loadDialect<SinterDialect, mlir::func::FuncDialect>();
  EntryReference first(context, folder, "seq=16"), step(context, folder, "seq=1");
  StateValues states;
  for (unsigned past = 0; past < numPositions;) {
    unsigned count = past ? 1 : prefill;
    HostTensor part(ElementType::F32, {1, count, width});
    std::copy_n(x.as<float>().begin() + past * width, count * width, part.as<float>().begin());
    std::vector<float> expected = (past ? step : first).run(part, past, states);
    ASSERT_EQ(expected.size(), size_t(count * width));
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(y[past * width + i], expected[i]) << "element " << i << " after " << past << " positions";
    past += count;
  }

  // The layers without a cache.
  Ended whole = runSinter({"compile", folder + "/whole.onnx", "-q", "-o", folder + "/whole"});
  ASSERT_EQ(whole.status, 0) << whole.errors;
  whole = runSinter({"run", folder + "/whole", "--input", "x=@" + folder + "/x.npy", "--output",
                     "y=@" + folder + "/whole.npy", "-q"});
  ASSERT_EQ(whole.status, 0) << whole.errors;
  std::vector<float> expected = readFloats(folder + "/whole.npy");
  ASSERT_EQ(expected.size(), y.size());
  for (unsigned position = 0; position < numPositions; ++position) {
    double product = 0, a = 0, b = 0;
    for (int64_t i = position * width; i < (position + 1) * width; ++i) {
      product += double(y[i]) * expected[i];
      a += double(y[i]) * y[i];
      b += double(expected[i]) * expected[i];
    }
    EXPECT_GT(product / std::sqrt(a * b), 0.999) << "position " << position;
  }

  // The cycles are those that were planned.
  int64_t planned = cyclesOf(runSinter({"bench", folder + "/decoder", "--entry=seq=16", "--format=json"})) +
                    16 * cyclesOf(runSinter({"bench", folder + "/decoder", "--entry=seq=1", "--format=json"}));
  EXPECT_EQ(cyclesOf(ran), planned);
  Ended verified = runSinter({"verify", folder + "/decoder", "--schedule"});
  EXPECT_EQ(verified.status, 0) << verified.output << verified.errors;
  Ended compared = runSinter({"verify", folder + "/decoder", "--model=" + folder + "/decoder.onnx"});
  EXPECT_EQ(compared.status, 0) << compared.output << compared.errors;

  // Steps of any size are padded; more than there is room for is refused, with the state and both numbers.
  Ended other = runSinter({"run", folder + "/decoder", "--entry=seq=16", "--steps=2", "--input",
                           "x=@" + folder + "/x.npy", "--output", "y=@" + folder + "/other.npy", "-q"});
  ASSERT_EQ(other.status, 0) << other.errors;
  std::vector<float> two = readFloats(folder + "/other.npy");
  ASSERT_EQ(two.size(), y.size());
  EXPECT_TRUE(std::equal(two.begin(), two.begin() + prefill * width, y.begin()));
  Ended fed = runSinter({"run", folder + "/decoder", "--entry=seq=16", "--entry=seq=1", "--steps=60", "--feed", "y=x",
                         "--input", "x=@" + folder + "/x.npy", "-q"});
  EXPECT_EQ(fed.status, 3);
  EXPECT_NE(fed.errors.find("has room for 64 positions; it holds 64, and the run adds 1"), std::string::npos)
      << fed.errors;
}

} // namespace
