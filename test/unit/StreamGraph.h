//===- StreamGraph.h - Graphs that the streaming chip and the interpreter compute ===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STREAMGRAPH_H
#define SINTER_TEST_UNIT_STREAMGRAPH_H

#include "targets/stream/Lowering/LowerGraph.h"
#include "test/unit/InterpreterHarness.h"
#include "test/unit/StreamTesting.h"

#include <cstring>

namespace sinter::stream {

using namespace sinter::testing;

inline std::string numerics(int64_t tile) {
  return "{sinter.numerics = #sinter.numerics<operands f16, tile " + std::to_string(tile) + ", chains 4>}";
}

/// A module of these weights ("a: 4x8") and inputs, all of f32, whose body computes `%y`; "NUM" stands for the
/// numerics, and "DOT" for those of products of tensors that a run computes.
struct Graph {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<HostTensor> inputs;
  InterpretOptions options;

  Graph(const std::vector<std::pair<std::string, std::vector<int64_t>>> &weights,
        const std::vector<std::pair<std::string, std::vector<int64_t>>> &arguments, std::string body,
        const std::vector<int64_t> &result, bool hasIndices = false) {
    std::string text = "module attributes {sinter.files = [\"w\"]} {\n", signature, parameters;
    auto type = [](const std::vector<int64_t> &dims) {
      std::string made = "tensor<";
      for (int64_t size : dims)
        made += std::to_string(size) + "x";
      return made + "f32>";
    };
    for (auto &[name, dims] : weights) {
      text += "  sinter.weight @" + name + " raw 0 at 0 length " + std::to_string(*countElements(dims) * 4) + " : " +
              type(dims) + "\n";
      parameters += "    %" + name + " = sinter.parameter @" + name + " : " + type(dims) + "\n";
    }
    for (auto &[name, dims] : arguments) {
      std::string given = type(dims);
      if (hasIndices)
        given.replace(given.size() - 4, 3, "i64");
      signature += (signature.empty() ? "%" : ", %") + name + ": " + given + " {sinter.name = \"" + name + "\"}";
      inputs.push_back(f32(dims, makeNoise(*countElements(dims), inputs.size() + 1)));
    }
    for (size_t at; (at = body.find("NUM")) != std::string::npos;)
      body.replace(at, 3, numerics(160));
    for (size_t at; (at = body.find("DOT")) != std::string::npos;)
      body.replace(at, 3, "{sinter.numerics = #sinter.numerics<operands f32, tile 1, chains 4>}");
    text += "  func.func @main(" + signature + ") -> (" + type(result) + " {sinter.name = \"y\"}) {\n" + parameters +
            body + "\n    return %y : " + type(result) + "\n  }\n}\n";
    module = parse(text);
    options.readWeight = [](WeightOp weight) -> llvm::Expected<HostTensor> {
      std::vector<int64_t> dims = mlir::cast<mlir::RankedTensorType>(weight.getType()).getShape().vec();
      return f32(dims, makeNoise(*countElements(dims), weight.getSymName().size() + dims[0]));
    };
  }

  /// Cycles, after the comparison.
  int64_t compare() {
    TargetModel model = must(TargetModel::find("tsp1"));
    auto function = module->lookupSymbol<mlir::func::FuncOp>("main");
    llvm::Expected<StreamProgram> program =
        lowerGraph(function, model, [&](mlir::Value value) { return interpretRecipe(value, options); });
    if (!program) {
      ADD_FAILURE() << llvm::toString(program.takeError());
      return 0;
    }
    SimulatedProgram simulated(*program, model);
    auto &[schedule, weights, simulator] = simulated;
    std::string error;
    if (!simulator)
      return 0;
    for (const StreamTensor &tensor : program->tensors) {
      if (tensor.kind != StreamTensor::Input)
        continue;
      const HostTensor &input = inputs[tensor.host.argument];
      std::vector<uint8_t> bytes(input.data.begin(), input.data.end());
      if (tensor.host.form == StreamTensor::Indices) {
        bytes.clear();
        for (int64_t index : input.as<int64_t>())
          for (unsigned lane = 0; lane < model.lanes(); ++lane) {
            bytes.push_back(index & 255);
            bytes.push_back(index >> 8);
          }
      }
      if (tensor.host.form == StreamTensor::Chosen) {
        bytes.clear();
        for (int32_t chosen : tensor.host.chosen) {
          float value = chosen < 0 ? 0 : input.as<float>()[chosen];
          bytes.insert(bytes.end(), reinterpret_cast<char *>(&value), reinterpret_cast<char *>(&value) + 4);
        }
      }
      EXPECT_TRUE(simulator->setInput(tensor.name, bytes.data(), bytes.size(), error)) << error;
    }
    std::optional<sim::StreamStop> stop = simulator->run();
    EXPECT_FALSE(stop) << stop->text();
    if (stop)
      return 0;
    EXPECT_EQ(simulator->cycles(), schedule.cycles());
    std::vector<HostTensor> expected = must(interpret(*module, inputs, options));
    const std::vector<uint8_t> &got = *simulator->output("y");
    EXPECT_EQ(got.size(), expected.front().data.size());
    size_t different = 0;
    for (size_t i = 0; i + 4 <= got.size(); i += 4)
      different += std::memcmp(&got[i], &expected.front().data[i], 4) != 0;
    EXPECT_EQ(different, 0u) << "of " << got.size() / 4;
    return simulator->cycles();
  }
};

} // namespace sinter::stream

#endif // SINTER_TEST_UNIT_STREAMGRAPH_H
