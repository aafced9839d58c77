//===- StreamStatesTest.cpp - States on the streaming chip ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decoder of two layers, whose keys and values are states: several runs of the
// simulator, one after the other, give every bit of what the interpreter gives, which
// keeps states of its own, and take the same cycles however much the states hold.
//
//===----------------------------------------------------------------------===//

#include "test/unit/InterpreterHarness.h"
#include "test/unit/StreamGraphs.h"
#include "test/unit/StreamTesting.h"

#include <cstring>
#include <limits>

using namespace sinter;
using namespace sinter::stream;
using namespace sinter::testing;

namespace {

struct Sizes {
  int64_t queries = 1, capacity = 64, heads = 8, groups = 2, size = 64, width = 96, inner = 160, layers = 2;
  bool isRotated = false; // by rows of tables of cosines and sines
};

std::string typeOf(const std::vector<int64_t> &dims, const std::string &element = "f32") {
  std::string text = "tensor<";
  for (int64_t size : dims)
    text += std::to_string(size) + "x";
  return text + element + ">";
}

/// The chip's part of a decoder: x [1, Q, width], the positions of its rows, what attention adds to scores [1, 1, Q,
/// capacity], all from the host.
class Decoder {
public:
  explicit Decoder(const Sizes &sizes) : s(sizes), model(must(TargetModel::find("tsp1"))) {
    std::string x = typeOf({1, s.queries, s.width}), from = "x";
    for (std::string name : {"cos", "sin"})
      if (s.isRotated)
        addAngles(name);
    for (int64_t layer = 0; layer < s.layers; ++layer)
      from = addLayer(std::to_string(layer), from);
    std::string text = "module attributes {sinter.files = [\"w\"]} {\n" + declarations + "  func.func @main(%x: " + x +
                       " {sinter.name = \"x\"}, %at: " + typeOf({s.queries}, "i64") +
                       " {sinter.name = \"at\"}, %mask: " + typeOf({1, 1, s.queries, s.capacity}) +
                       " {sinter.name = \"mask\"}) -> (" + x + " {sinter.name = \"y\"}) {\n" + parameters + body +
                       "    return %" + from + " : " + x + "\n  }\n}\n";
    module = parse(text);
    options.readWeight = [](WeightOp weight) -> llvm::Expected<HostTensor> {
      std::vector<int64_t> dims = mlir::cast<mlir::RankedTensorType>(weight.getType()).getShape().vec();
      std::vector<float> values = makeNoise(*countElements(dims), llvm::hash_value(weight.getSymName()) & 0xffff);
      for (float &value : values)
        value = dims.size() == 1 ? value + 1 : value * 2 / std::sqrt(static_cast<float>(dims[0]));
      return f32(dims, values);
    };
    program = must(lowerGraph(module->lookupSymbol<mlir::func::FuncOp>("main"), model,
                              [this](mlir::Value value) { return interpretRecipe(value, options); }));
    simulated.emplace(program, model);
    options.states = &states;
  }

  /// One run with so many positions before it; a causal mask. Returns the cycles.
  uint64_t run(int64_t past) {
    std::vector<int64_t> at;
    std::vector<float> mask;
    for (int64_t query = 0; query < s.queries; ++query) {
      at.push_back(std::min(past + query, s.capacity));
      for (int64_t key = 0; key < s.capacity; ++key)
        mask.push_back(key <= past + query ? 0 : -std::numeric_limits<float>::infinity());
    }
    std::vector<HostTensor> inputs = {
        f32({1, s.queries, s.width}, makeNoise(s.queries * s.width, static_cast<uint32_t>(past) + 7)),
        i64({s.queries}, at), f32({1, 1, s.queries, s.capacity}, mask)};
    std::string error;
    for (const StreamTensor &tensor : program.tensors)
      if (tensor.kind == StreamTensor::Input) {
        std::vector<uint8_t> bytes = Graph::bytesOf(tensor, inputs, model);
        EXPECT_TRUE(simulated->simulator->setInput(tensor.name, bytes.data(), bytes.size(), error)) << error;
      }
    std::optional<sim::StreamStop> stop = simulated->simulator->run();
    EXPECT_FALSE(stop) << stop->text();
    if (stop)
      return 0;
    EXPECT_EQ(simulated->simulator->cycles(), simulated->schedule.cycles());
    HostTensor expected = must(interpret(*module, inputs, options)).front();
    const std::vector<uint8_t> &got = *simulated->simulator->output("y");
    EXPECT_EQ(got.size(), expected.data.size());
    size_t different = 0;
    for (size_t i = 0; i < got.size() && i < expected.data.size(); i += 4)
      different += std::memcmp(&got[i], &expected.data[i], 4) != 0;
    EXPECT_EQ(different, 0u) << "of " << got.size() / 4 << ", with " << past << " positions before";
    for (float value : expected.as<float>())
      EXPECT_TRUE(std::isfinite(value));
    return simulated->simulator->cycles();
  }

  /// Where the states lie.
  std::string placements() const {
    std::string text;
    for (const format::Placement &state : simulated->schedule.states())
      text += state.SerializeAsString();
    return text;
  }
  void reset() {
    simulated->simulator->resetStates();
    states.clear();
  }

private:
  void addWeight(const std::string &name, const std::vector<int64_t> &dims) {
    declarations += "  sinter.weight @" + name + " raw 0 at 0 length " + std::to_string(*countElements(dims) * 4) +
                    " : " + typeOf(dims) + "\n";
    parameters += "    %" + name + " = sinter.parameter @" + name + " : " + typeOf(dims) + "\n";
  }
  /// As many keys in each tile as in the others, whole LOADs, if one of 160 does not take all.
  int64_t tileOfKeys() const {
    int64_t tiles = (s.capacity + 159) / 160;
    return tiles == 1 ? 160 : ((s.capacity + tiles - 1) / tiles + 7) / 8 * 8;
  }
  /// Of products by what attention gives: whole heads that lie in half of the lanes, as many in each half.
  int64_t tileOfHeads() const {
    int64_t room = (s.size + 15) / 16 * 16, halves = (s.heads + 160 / room - 1) / (160 / room);
    return (s.heads + halves - 1) / halves * s.size;
  }
  std::string numerics(int64_t tile = 160) const {
    return "{sinter.numerics = #sinter.numerics<operands f16, tile " + std::to_string(tile) + ", chains 4>}";
  }
  void addMatmul(const std::string &to, const std::string &from, int64_t k, int64_t n, int64_t tile = 160) {
    addWeight("w" + to, {k, n});
    std::string in = typeOf({1, s.queries, k}), out = typeOf({1, s.queries, n});
    body += "    %" + to + " = sinter.matmul %" + from + ", %w" + to + " " + numerics(tile) + " : (" + in + ", " +
            typeOf({k, n}) + ") -> " + out + "\n";
  }
  void addFunction(const std::string &to, const std::string &kind, const std::vector<std::string> &from, int64_t n) {
    std::string type = typeOf({1, s.queries, n}), operands, types;
    for (const std::string &operand : from) {
      operands += (operands.empty() ? "%" : ", %") + operand;
      types += (types.empty() ? "" : ", ") + type;
    }
    body += "    %" + to + " = sinter.elementwise " + kind + "(" + operands + ") " + numerics() + " : (" + types +
            ") -> " + type + "\n";
  }
  void addNorm(const std::string &to, const std::string &from) {
    addWeight("s" + to, {s.width});
    std::string type = typeOf({1, s.queries, s.width});
    body += "    %" + to + " = sinter.rms_norm %" + from + " scale %s" + to + " axis 2 epsilon 1.0e-5 " + numerics() +
            " : (" + type + ", " + typeOf({s.width}) + ") -> " + type + "\n";
  }

  void addAngles(const std::string &name) {
    int64_t half = s.size / 2;
    addWeight("t" + name, {s.capacity, half});
    body += "    %g" + name + " = sinter.gather %t" + name + "[%at] axis 0 : (" + typeOf({s.capacity, half}) + ", " +
            typeOf({s.queries}, "i64") + ") -> " + typeOf({s.queries, half}) + "\n    %" + name +
            " = sinter.reshape %g" + name + " : " + typeOf({s.queries, half}) + " -> " +
            typeOf({1, s.queries, 1, half}) + "\n";
  }
  /// The name of the heads, rotated or not.
  std::string rotate(const std::string &heads, int64_t count) {
    if (!s.isRotated)
      return heads;
    std::string type = typeOf({1, s.queries, count, s.size}), angles = typeOf({1, s.queries, 1, s.size / 2});
    body += "    %r" + heads + " = sinter.rotary %" + heads + " cos %cos sin %sin " + numerics() + " : (" + type +
            ", " + angles + ", " + angles + ") -> " + type + "\n";
    return "r" + heads;
  }

  std::string addLayer(const std::string &l, const std::string &from) {
    std::string all = typeOf({1, s.capacity, s.groups, s.size}), q = typeOf({1, s.queries, s.heads, s.size});
    addNorm("n" + l, from);
    addMatmul("q" + l, "n" + l, s.width, s.heads * s.size);
    body += "    %qh" + l + " = sinter.reshape %q" + l + " : " + typeOf({1, s.queries, s.heads * s.size}) + " -> " + q +
            "\n";
    std::string query = rotate("qh" + l, s.heads);
    for (std::string name : {"k" + l, "v" + l}) {
      std::string rows = typeOf({1, s.queries, s.groups, s.size});
      declarations += "  sinter.state @" + name + " axis 1 : " + all + "\n";
      addMatmul(name, "n" + l, s.width, s.groups * s.size);
      body += "    %h" + name + " = sinter.reshape %" + name + " : " + typeOf({1, s.queries, s.groups * s.size}) +
              " -> " + rows + "\n";
      std::string heads = name[0] == 'k' ? rotate("h" + name, s.groups) : "h" + name;
      body += "    %a" + name + " = sinter.update_state @" + name + "[%at], %" + heads + " : (" +
              typeOf({s.queries}, "i64") + ", " + rows + ") -> " + all + "\n";
    }
    body += "    %o" + l + " = sinter.attention %" + query + ", %ak" + l + ", %av" + l + " bias %mask scale 0.125 " +
            numerics(tileOfKeys()) + " : (" + q + ", " + all + ", " + all + ", " +
            typeOf({1, 1, s.queries, s.capacity}) + ") -> " + q + "\n    %of" + l + " = sinter.reshape %o" + l + " : " +
            q + " -> " + typeOf({1, s.queries, s.heads * s.size}) + "\n";
    addMatmul("p" + l, "of" + l, s.heads * s.size, s.width, tileOfHeads());
    addFunction("r" + l, "add", {from, "p" + l}, s.width);
    addNorm("m" + l, "r" + l);
    addMatmul("g" + l, "m" + l, s.width, s.inner);
    addMatmul("u" + l, "m" + l, s.width, s.inner);
    addFunction("sg" + l, "silu", {"g" + l}, s.inner);
    addFunction("e" + l, "mul", {"sg" + l, "u" + l}, s.inner);
    addMatmul("d" + l, "e" + l, s.inner, s.width);
    addFunction("y" + l, "add", {"r" + l, "d" + l}, s.width);
    return "y" + l;
  }

  Sizes s;
  TargetModel model;
  std::string declarations, parameters, body;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  InterpretOptions options;
  StateValues states;
  StreamProgram program;
  std::optional<SimulatedProgram> simulated;
};

TEST(StreamStates, OnePositionAfterTheOther) {
  Decoder decoder({});
  uint64_t cycles = decoder.run(0);
  for (int64_t past = 1; past < 20; ++past)
    EXPECT_EQ(decoder.run(past), cycles);
  decoder.run(63);
}

TEST(StreamStates, ManyPositionsAtOnce) {
  Sizes sizes;
  sizes.queries = 16;
  Decoder decoder(sizes);
  for (int64_t past : {0, 16, 19, 48})
    decoder.run(past);
}

TEST(StreamStates, PositionsBehindTheLastAreNotWritten) {
  // 5 of 9 fit; the number of words of a strip is no multiple of anything.
  Sizes sizes;
  sizes.queries = 9;
  sizes.capacity = 21;
  sizes.heads = sizes.groups = 3;
  sizes.size = 20;
  Decoder decoder(sizes);
  for (int64_t past : {0, 9, 16, 12})
    decoder.run(past);
}

TEST(StreamStates, MoreKeysThanATile) {
  Sizes sizes;
  sizes.queries = 2;
  sizes.capacity = 330;
  sizes.layers = 1;
  Decoder decoder(sizes);
  for (int64_t past : {0, 2, 158, 320, 328})
    decoder.run(past);
}

TEST(StreamStates, LongRunsInBothHemispheres) {
  // So many rows are computed in parts, one of which follows the other into the states.
  Sizes sizes;
  sizes.queries = 48;
  sizes.capacity = 100;
  sizes.layers = 1;
  Decoder decoder(sizes);
  for (int64_t past : {0, 48})
    decoder.run(past);
}

TEST(StreamStates, RotatedKeys) {
  Sizes sizes;
  sizes.isRotated = true;
  for (int64_t queries : {1, 7}) {
    sizes.queries = queries;
    Decoder decoder(sizes);
    for (int64_t past : {0, 7, 14})
      decoder.run(past);
  }
}

TEST(StreamStates, AreEmptyAgainAfterAReset) {
  Decoder decoder({});
  for (int64_t past : {0, 1, 2})
    decoder.run(past);
  decoder.reset();
  decoder.run(0);
}

TEST(StreamStates, LieInTheSamePlacesWhateverIsComputed) {
  Sizes sizes;
  std::string placements = Decoder(sizes).placements();
  for (int64_t queries : {3, 16}) {
    sizes.queries = queries;
    EXPECT_EQ(Decoder(sizes).placements(), placements);
  }
}

} // namespace
