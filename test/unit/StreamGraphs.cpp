//===- StreamGraphs.cpp - Graphs for the streaming chip -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamGraphs.h"

#include <cstring>
#include <set>

using namespace sinter;
using namespace sinter::stream;
using namespace sinter::testing;

std::string stream::numerics(int64_t tile) {
  return "{sinter.numerics = #sinter.numerics<operands f16, tile " + std::to_string(tile) + ", chains 4>}";
}

static std::string typeOf(const std::vector<int64_t> &dims, const std::string &element = "f32") {
  std::string made = "tensor<";
  for (int64_t size : dims)
    made += std::to_string(size) + "x";
  return made + element + ">";
}

Graph::Graph(const std::vector<std::pair<std::string, std::vector<int64_t>>> &weights,
             const std::vector<std::pair<std::string, std::vector<int64_t>>> &arguments, std::string body,
             const std::vector<int64_t> &result, bool hasIndices) {
  std::string text = "module attributes {sinter.files = [\"w\"]} {\n", signature, parameters;
  for (auto &[name, dims] : weights) {
    text += "  sinter.weight @" + name + " raw 0 at 0 length " + std::to_string(*countElements(dims) * 4) + " : " +
            typeOf(dims) + "\n";
    parameters += "    %" + name + " = sinter.parameter @" + name + " : " + typeOf(dims) + "\n";
  }
  for (auto &[name, dims] : arguments) {
    signature += (signature.empty() ? "%" : ", %") + name + ": " + typeOf(dims, hasIndices ? "i64" : "f32") +
                 " {sinter.name = \"" + name + "\"}";
    inputs.push_back(f32(dims, makeNoise(*countElements(dims), inputs.size() + 1)));
  }
  for (size_t at; (at = body.find("NUM")) != std::string::npos;)
    body.replace(at, 3, numerics(160));
  for (size_t at; (at = body.find("DOT")) != std::string::npos;)
    body.replace(at, 3, "{sinter.numerics = #sinter.numerics<operands f32, tile 1, chains 4>}");
  text += "  func.func @main(" + signature + ") -> (" + typeOf(result) + " {sinter.name = \"y\"}) {\n" + parameters +
          body + "\n    return %y : " + typeOf(result) + "\n  }\n}\n";
  module = parse(text);
  options.readWeight = [](WeightOp weight) -> llvm::Expected<HostTensor> {
    std::vector<int64_t> dims = mlir::cast<mlir::RankedTensorType>(weight.getType()).getShape().vec();
    return f32(dims, makeNoise(*countElements(dims), weight.getSymName().size() + dims[0]));
  };
}

llvm::Expected<StreamProgram> Graph::lower(const TargetModel &model) const {
  auto function = mlir::cast<mlir::func::FuncOp>(module.get().lookupSymbol("main"));
  return lowerGraph(function, model,
                    [options = options](mlir::Value value) { return interpretRecipe(value, options); });
}

std::vector<uint8_t> Graph::bytesOf(const StreamTensor &tensor, const std::vector<HostTensor> &inputs,
                                    const TargetModel &model) {
  const HostTensor &input = inputs[tensor.host.argument];
  std::vector<uint8_t> bytes;
  switch (tensor.host.form) {
  case StreamTensor::Elements:
    bytes.assign(input.data.begin(), input.data.end());
    break;
  case StreamTensor::Indices:
    for (int64_t index : input.as<int64_t>())
      for (unsigned lane = 0; lane < model.lanes(); ++lane) {
        bytes.push_back(index & 255);
        bytes.push_back(index >> 8);
      }
    break;
  case StreamTensor::Chosen:
    for (int32_t chosen : tensor.host.chosen) {
      float value = chosen < 0 ? 0 : input.as<float>()[chosen];
      bytes.insert(bytes.end(), reinterpret_cast<char *>(&value), reinterpret_cast<char *>(&value) + 4);
    }
    break;
  }
  return bytes;
}

int64_t stream::compare(const Graph &graph) {
  TargetModel model = must(TargetModel::find("tsp1"));
  llvm::Expected<StreamProgram> program = graph.lower(model);
  if (!program) {
    ADD_FAILURE() << llvm::toString(program.takeError());
    return 0;
  }
  SimulatedProgram simulated(*program, model);
  sim::StreamSimulator *simulator = simulated.simulator.get();
  std::string error;
  if (!simulator)
    return 0;
  for (const StreamTensor &tensor : program->tensors) {
    if (tensor.kind != StreamTensor::Input)
      continue;
    std::vector<uint8_t> bytes = Graph::bytesOf(tensor, graph.inputs, model);
    EXPECT_TRUE(simulator->setInput(tensor.name, bytes.data(), bytes.size(), error)) << error;
  }
  std::optional<sim::StreamStop> stop = simulator->run();
  EXPECT_FALSE(stop) << stop->text();
  if (stop)
    return 0;
  EXPECT_EQ(simulator->cycles(), simulated.schedule.cycles());
  std::vector<HostTensor> expected = must(interpret(*graph.module, graph.inputs, graph.options));
  const std::vector<uint8_t> &got = *simulator->output("y");
  EXPECT_EQ(got.size(), expected.front().data.size());
  size_t different = 0;
  for (size_t i = 0; i + 4 <= got.size(); i += 4)
    different += std::memcmp(&got[i], &expected.front().data[i], 4) != 0;
  EXPECT_EQ(different, 0u) << "of " << got.size() / 4;
  return simulator->cycles();
}

Graph stream::makeCodes(int64_t rows, int64_t k, int64_t m, int64_t n, const std::string &storage, int zero) {
  std::string type = "!sinter.quantized<" + storage + ":f32" + (zero ? ", zero_points" : "") + ">",
              w = "!sinter.quantized<i8:f32, blocks [0, 1]>", z = zero ? " zero_point %z" : "",
              zt = zero ? ", tensor<" + storage + ">" : "", h = typeOf({rows, m});
  auto product = [&](const std::string &to, const std::string &from, const std::string &weights, int64_t k, int64_t n) {
    std::string a = typeOf({rows, k}), q = typeOf({rows, k}, type), b = typeOf({k, n}, w), s = typeOf({1, n});
    return "    %" + to + "q = sinter.quantize %" + from + " scale %s" + z + " {reciprocal} : (" + a + ", tensor<f32>" +
           zt + ") -> " + q + "\n    %" + to + "s = sinter.choose_scale %" + weights + " for " + w + " : " +
           typeOf({k, n}) + " -> " + s + "\n    %" + to + "w = sinter.quantize %" + weights + " scale %" + to +
           "s : (" + typeOf({k, n}) + ", " + s + ") -> " + b + "\n    %" + to + " = sinter.quantized_matmul %" + to +
           "q scale %s" + z + ", %" + to + "w scale %" + to + "s : (" + q + ", tensor<f32>" + zt + ", " + b + ", " + s +
           ") -> " + typeOf({rows, n}) + "\n";
  };
  std::string zeroPoint =
      zero ? "    %z = sinter.constant dense<" + std::to_string(zero) + "> : tensor<" + storage + ">\n" : "";
  return Graph({{"w1", {k, m}}, {"w2", {m, n}}, {"b", {m}}}, {{"x", {rows, k}}},
               "    %s = sinter.constant dense<0.011> : tensor<f32>\n" + zeroPoint + product("p", "x", "w1", k, m) +
                   "    %h = sinter.elementwise add(%p, %b) NUM : (" + h + ", " + typeOf({m}) + ") -> " + h +
                   "\n    %g = sinter.elementwise gelu(%h) NUM : (" + h + ") -> " + h + "\n" +
                   product("y", "g", "w2", m, n),
               {rows, n});
}

/// How many columns of `heads` heads of `size` a tile of a product takes: those of the heads of half a vector, which
/// has 160 lanes. A head begins with a superlane, and the halves have as many heads each as is possible.
static int64_t tileOfHeads(int64_t heads, int64_t size) {
  int64_t most = 160 / ((size + 15) / 16 * 16), halves = (heads + most - 1) / most;
  return (heads + halves - 1) / halves * size;
}

/// How many keys a tile of attention's products takes: 160 if that is all, else as many as the other tiles, whole
/// LOADs.
static int64_t tileOfKeys(int64_t keys) {
  int64_t tiles = (keys + 159) / 160;
  return tiles == 1 ? 160 : ((keys + tiles - 1) / tiles + 7) / 8 * 8;
}

Graph stream::makeAttention(const AttentionGraph &sizes) {
  auto [batch, queries, keys, heads, groups, size, valueSize, hasBias, isMask] = sizes;
  auto head = [batch = batch](const std::string &name, const std::string &from, int64_t rows, int64_t count,
                              int64_t length) {
    std::string flat = typeOf({batch, rows, count * length}), cut = typeOf({batch, rows, count, length});
    return "    %" + name + "0 = sinter.matmul %" + from + ", %w" + name + " NUM : (" + typeOf({batch, rows, 40}) +
           ", " + typeOf({40, count * length}) + ") -> " + flat + "\n    %" + name + "1 = sinter.elementwise add(%" +
           name + "0, %b" + name + ") NUM : (" + flat + ", " + typeOf({count * length}) + ") -> " + flat + "\n    %" +
           name + " = sinter.reshape %" + name + "1 : " + flat + " -> " + cut + "\n";
  };
  std::vector<std::pair<std::string, std::vector<int64_t>>> weights = {
      {"wq", {40, heads * size}},     {"bq", {heads * size}},           {"wk", {40, groups * size}},
      {"bk", {groups * size}},        {"wv", {40, groups * valueSize}}, {"bv", {groups * valueSize}},
      {"wo", {heads * valueSize, 24}}};
  std::vector<std::pair<std::string, std::vector<int64_t>>> arguments = {{"x", {batch, queries, 40}},
                                                                         {"z", {batch, keys, 40}}};
  std::vector<int64_t> bias =
      isMask ? std::vector<int64_t>{batch, 1, 1, keys} : std::vector<int64_t>{1, heads, queries, keys};
  if (hasBias)
    (isMask ? arguments : weights).push_back({"m", bias});
  std::string o = typeOf({batch, queries, heads, valueSize}), flat = typeOf({batch, queries, heads * valueSize});
  return Graph(weights, arguments,
               head("q", "x", queries, heads, size) + head("k", "z", keys, groups, size) +
                   head("v", "z", keys, groups, valueSize) + "    %o = sinter.attention %q, %k, %v" +
                   (hasBias ? " bias %m" : "") + " scale 0.3 " + numerics(tileOfKeys(keys)) + " : (" +
                   typeOf({batch, queries, heads, size}) + ", " + typeOf({batch, keys, groups, size}) + ", " +
                   typeOf({batch, keys, groups, valueSize}) + (hasBias ? ", " + typeOf(bias) : "") + ") -> " + o +
                   "\n    %f = sinter.reshape %o : " + o + " -> " + flat + "\n    %y = sinter.matmul %f, %wo " +
                   numerics(tileOfHeads(heads, valueSize)) + " : (" + flat + ", " + typeOf({heads * valueSize, 24}) +
                   ") -> " + typeOf({batch, queries, 24}),
               {batch, queries, 24});
}

Graph stream::makeLayer(const LayerGraph &sizes) {
  auto [rows, hasCodes, width, heads, hidden, epsilon] = sizes;
  std::string x = typeOf({1, rows, width}), h = typeOf({1, rows, hidden}), a = typeOf({1, rows, heads, width / heads}),
              v = typeOf({width}), body, act = "!sinter.quantized<i8:f32>",
              column = "!sinter.quantized<i8:f32, blocks [0, 1]>";
  std::set<std::string> quantized;
  auto dense = [&, rows = rows, hasCodes = hasCodes, heads = heads, width = width](
                   const std::string &to, const std::string &from, const std::string &name, int64_t k, int64_t n) {
    std::string in = typeOf({1, rows, k}), out = typeOf({1, rows, n}), w = typeOf({k, n}), s = typeOf({1, n}),
                qa = typeOf({1, rows, k}, act), qw = typeOf({k, n}, column);
    if (!hasCodes) {
      body += "    %" + to + "p = sinter.matmul %" + from + ", %w" + name + " " +
              (from == "of" ? numerics(tileOfHeads(heads, width / heads)) : "NUM") + " : (" + in + ", " + w + ") -> " +
              out + "\n";
    } else {
      if (quantized.insert(from).second)
        body += "    %" + from + "c = sinter.quantize %" + from + " scale %scale {reciprocal} : (" + in +
                ", tensor<f32>) -> " + qa + "\n";
      body += "    %" + to + "s = sinter.choose_scale %w" + name + " for " + column + " : " + w + " -> " + s +
              "\n    %" + to + "w = sinter.quantize %w" + name + " scale %" + to + "s : (" + w + ", " + s + ") -> " +
              qw + "\n    %" + to + "p = sinter.quantized_matmul %" + from + "c scale %scale, %" + to + "w scale %" +
              to + "s : (" + qa + ", tensor<f32>, " + qw + ", " + s + ") -> " + out + "\n";
    }
    body += "    %" + to + " = sinter.elementwise add(%" + to + "p, %b" + name + ") NUM : (" + out + ", " +
            typeOf({n}) + ") -> " + out + "\n";
  };
  auto norm = [&](const std::string &to, const std::string &from, const std::string &name) {
    body += "    %" + to + " = sinter.layer_norm %" + from + " scale %s" + name + " bias %t" + name +
            " axis 2 epsilon " + sizes.epsilon + " NUM : (" + x + ", " + v + ", " + v + ") -> " + x + "\n";
  };
  if (hasCodes)
    body += "    %scale = sinter.constant dense<0.03> : tensor<f32>\n";
  for (std::string name : {"q", "k", "v"}) {
    dense(name + "0", "x", name, width, width);
    body += "    %" + name + " = sinter.reshape %" + name + "0 : " + x + " -> " + a + "\n";
  }
  body += "    %o = sinter.attention %q, %k, %v scale 0.17677669 NUM : (" + a + ", " + a + ", " + a + ") -> " + a +
          "\n    %of = sinter.reshape %o : " + a + " -> " + x + "\n";
  dense("d", "of", "o", width, width);
  body += "    %r = sinter.elementwise add(%d, %x) NUM : (" + x + ", " + x + ") -> " + x + "\n";
  norm("m", "r", "1");
  dense("h1", "m", "1", width, hidden);
  body += "    %h2 = sinter.elementwise gelu(%h1) NUM : (" + h + ") -> " + h + "\n";
  dense("e1", "h2", "2", hidden, width);
  body += "    %e2 = sinter.elementwise add(%e1, %m) NUM : (" + x + ", " + x + ") -> " + x + "\n";
  norm("y", "e2", "2");
  std::vector<std::pair<std::string, std::vector<int64_t>>> weights = {
      {"w1", {width, hidden}}, {"b1", {hidden}}, {"w2", {hidden, width}}, {"b2", {width}}};
  for (std::string name : {"q", "k", "v", "o"}) {
    weights.push_back({"w" + name, {width, width}});
    weights.push_back({"b" + name, {width}});
  }
  for (std::string name : {"1", "2"}) {
    weights.push_back({"s" + name, {width}});
    weights.push_back({"t" + name, {width}});
  }
  return Graph(weights, {{"x", {1, rows, width}}}, body, {1, rows, width});
}
