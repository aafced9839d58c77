//===- GraphImporter.h - One import of a model's graph --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What one pass over the nodes has found. It ends in one of three ways: a
// module; a restart, because an equation between sizes was solved (Symbols
// keeps it); or a failure. A node that is not supported does not end it: its
// results are marked as unavailable, nodes that need them are passed over, and
// the import goes on, so that all that is unsupported is found at once.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PYTHON_FREE_FRONTENDS_ONNX_GRAPHIMPORTER_H
#define SINTER_PYTHON_FREE_FRONTENDS_ONNX_GRAPHIMPORTER_H

#include "lib/Support/Failure.h"
#include "python-free-frontends/onnx/Importer.h"
#include "python-free-frontends/onnx/Symbols.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace sinter::onnx {

class GraphImporter {
public:
  GraphImporter(const Model &model, llvm::StringRef fileName, llvm::StringRef folder, const ImportOptions &options,
                mlir::MLIRContext &context, Symbols &symbols);

  /// The module, or none: import again with what `symbols` has learnt.
  llvm::Expected<std::optional<mlir::OwningOpRef<mlir::ModuleOp>>> run();

private:
  friend class NodeContext;

  /// The names that a graph or function defines. A graph inside a node sees the
  /// names around it, a function does not.
  struct Scope {
    Scope *outer = nullptr;
    /// Null: unavailable, because its node is not supported.
    llvm::StringMap<mlir::Value> values;
    llvm::StringMap<const Tensor *> initializers;
    /// In front of the names of nodes, for nodes of functions.
    std::string prefix;
    /// The function that the nodes belong to; null: the model's graph.
    const Function *function = nullptr;
  };

  llvm::Error importInputs();
  llvm::Error importOutputs();
  llvm::LogicalResult importNodes(llvm::ArrayRef<Node> nodes, Scope &scope);
  llvm::LogicalResult importNode(const Node &node, Scope &scope);
  /// Imports the body of a function in place of its call.
  llvm::LogicalResult importCall(const Function &function, const Node &node, Scope &scope);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> importInnerGraph(const Graph &graph, NodeContext &node);
  std::optional<int64_t> opsetVersion(llvm::StringRef domain, const Scope &scope) const;
  /// The value of a name, made on first use where it is an initializer. None
  /// where the name is not defined.
  std::optional<mlir::Value> lookUp(llvm::StringRef name, Scope &scope, mlir::Location loc);
  llvm::LogicalResult define(llvm::StringRef name, mlir::Value value, Scope &scope, const Node &node);

  void addUnsupported(const Node &node, int64_t version, const llvm::Twine &reason, const llvm::Twine &hint);
  llvm::LogicalResult setMalformed(const llvm::Twine &message, const llvm::Twine &nodeName = "");
  /// The text of the latest diagnostic of MLIR, in the user's terms.
  std::string takeDiagnostic();

  /// A constant or a parameter; null and malformed or unsupported (`reason`).
  mlir::Value importTensor(const Tensor &tensor, mlir::Location loc, std::string &reason);
  mlir::Value importWeight(const Tensor &tensor, mlir::RankedTensorType type, mlir::Location loc, std::string &reason);
  /// The number of a file in `sinter.files`.
  int64_t fileNumber(llvm::StringRef relativeName);
  std::string relativeName(llvm::StringRef path) const;
  void eraseDeadOps();
  /// Marks the inputs whose elements and sizes nothing has asked for, which a run may give in any shape.
  void freeUnreadInputs();
  /// The value symbols of a small input of the graph.
  std::optional<KnownIntegers> getInputElements(mlir::Value value) const;

  const Model &model;
  std::string fileName, folder;
  const ImportOptions &options;
  mlir::MLIRContext &context;
  Symbols &symbols;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OpBuilder builder;
  mlir::func::FuncOp main;
  Scope global;
  Scope *current = nullptr;
  llvm::SmallVector<mlir::Value> outputs;

  llvm::DenseMap<mlir::Value, KnownIntegers> known;
  /// The values that an importer has asked for.
  llvm::DenseSet<mlir::Value> readValues;
  /// Of integer tensors: what all elements are below; where there are several,
  /// those of each position of the last dimension.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<std::optional<SizeExpr>>> limits;

  std::vector<std::string> files;
  llvm::StringSet<> symbolNames; // of weights
  llvm::DenseMap<const Tensor *, mlir::Value> parameters;
  /// Bodies of functions with their attributes bound, which tensors lie in.
  std::vector<std::unique_ptr<std::vector<Node>>> boundBodies;

  std::vector<UnsupportedNode> unsupportedNodes;
  std::optional<Failure> failure;
  bool restart = false;
  unsigned depth = 0;
  uint64_t numImported = 0;
  std::string diagnostic;
  mlir::ScopedDiagnosticHandler diagnostics;
};

/// The element type in the IR; null where ONNX's type has none.
mlir::Type convertType(DataType type, mlir::MLIRContext *context);
/// A type in the terms of ONNX, for messages: float, int64 [batch, 7].
std::string describeType(mlir::Type type);
/// What `kind` makes of known elements; none where it is not an expression of
/// them.
std::optional<SizeExpr> evaluateElement(ElementwiseKind kind, llvm::ArrayRef<SizeExpr> elements);
/// Whether the expression holds a symbol that is an element of an input.
bool hasValueSymbol(const SizeExpr &size);

} // namespace sinter::onnx

#endif // SINTER_PYTHON_FREE_FRONTENDS_ONNX_GRAPHIMPORTER_H
