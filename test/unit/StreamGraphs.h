//===- StreamGraphs.h - Graphs for the streaming chip ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STREAMGRAPHS_H
#define SINTER_TEST_UNIT_STREAMGRAPHS_H

#include "targets/stream/Lowering/LowerGraph.h"
#include "test/unit/InterpreterHarness.h"
#include "test/unit/StreamTesting.h"

namespace sinter::stream {

std::string numerics(int64_t tile);

/// A module of these weights ("a: 4x8") and inputs, all of f32, whose body computes `%y`; "NUM" stands for the
/// numerics, and "DOT" for those of products of tensors that a run computes.
struct Graph {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<HostTensor> inputs;
  InterpretOptions options;

  Graph(const std::vector<std::pair<std::string, std::vector<int64_t>>> &weights,
        const std::vector<std::pair<std::string, std::vector<int64_t>>> &arguments, std::string body,
        const std::vector<int64_t> &result, bool hasIndices = false);

  llvm::Expected<StreamProgram> lower(const TargetModel &model) const;
  /// What the host makes of `inputs` for an input of the chip.
  static std::vector<uint8_t> bytesOf(const StreamTensor &tensor, const std::vector<HostTensor> &inputs,
                                      const TargetModel &model);
};

/// The cycles that the simulator takes for a graph, after the comparison of its output's bits with the interpreter's.
int64_t compare(const Graph &graph);

/// Two products of codes, the second behind a function: [rows][k] by [k][m] and [m][n]; `storage` and `zero` are those
/// of the activations.
Graph makeCodes(int64_t rows, int64_t k, int64_t m, int64_t n, const std::string &storage, int zero);

/// Queries, keys and values are products; the heads of keys and values are `groups`.
struct AttentionGraph {
  int64_t batch, queries, keys, heads, groups, size, valueSize;
  bool hasBias = false, isMask = false; // a mask is an input, for all heads and queries
};
Graph makeAttention(const AttentionGraph &sizes);

/// A layer of an encoder like MiniLM's: norms behind the sums; with `hasCodes`, products by weights are those of codes.
struct LayerGraph {
  int64_t rows;
  bool hasCodes = false;
  int64_t width = 384, heads = 12, hidden = 1536;
  std::string epsilon = "1.0e-12";
};
Graph makeLayer(const LayerGraph &sizes);

} // namespace sinter::stream

#endif // SINTER_TEST_UNIT_STREAMGRAPHS_H
