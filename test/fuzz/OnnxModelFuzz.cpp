//===- OnnxModelFuzz.cpp - Any bytes as an ONNX model ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Model.h"

#include <cstdlib>

using namespace sinter;
using namespace sinter::onnx;

static void use(const Graph &graph);

static void use(const Tensor &tensor) {
  if (tensor.elementType == DataType::String) {
    llvm::consumeError(tensor.readStrings().takeError());
    return;
  }
  if (tensor.storage == Tensor::Storage::Absent)
    return;
  std::vector<char> values(tensor.numBytes());
  llvm::consumeError(tensor.read(values));
  std::optional<llvm::ArrayRef<char>> bytes = tensor.bytes();
  if (bytes && bytes->size() != values.size())
    std::abort();
}

static void use(const std::vector<Node> &nodes) {
  for (const Node &node : nodes) {
    if (node.opType.empty() || node.label().empty())
      std::abort();
    for (const Attribute &attribute : node.attributes) {
      for (const Tensor &tensor : attribute.tensors)
        use(tensor);
      for (const Graph &graph : attribute.graphs)
        use(graph);
    }
  }
}

static void use(const Graph &graph) {
  for (const Tensor &tensor : graph.initializers)
    use(tensor);
  for (const ValueInfo &info : graph.inputs)
    (void)info.type.str();
  use(graph.nodes);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ReadOptions options;
  options.structureBytes = 256 << 20;
  auto file = MappedFile::fromMemory({reinterpret_cast<const char *>(data), size}, "fuzz");
  llvm::Expected<Model> model = readModel(file, "", options);
  if (!model) {
    llvm::consumeError(model.takeError());
    return 0;
  }
  use(model->graph);
  for (const Function &function : model->functions)
    use(function.nodes);
  return 0;
}
