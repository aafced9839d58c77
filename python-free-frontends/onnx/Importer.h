//===- Importer.h - From an ONNX model to the transformer graph -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model is imported node by node. Each version of an operator that Sinter
// supports is one row of a table, which names a function; the row with the
// greatest `since` that is not above the model's opset version is taken:
//
//   static const OpRow rows[] = {
//       {"Softmax", 1, importSoftmaxOfMatrix, 1, 1},
//       {"Softmax", 13, importSoftmax, 1, 1},
//   };
//
//   static LogicalResult importSoftmax(NodeContext &node) {
//     Value input = node.operand(0);
//     FailureOr<int64_t> axis = node.normalizeAxis(node.getInt("axis", -1), getRank(input));
//     if (failed(axis))
//       return failure();
//     return node.setResult(0, node.create<SoftmaxOp>(input, *axis, /*log=*/false));
//   }
//
// A function that fails has said why, by `fail`, `malformed` or `unify`, or
// through a function below that does so. Values are null after a failure, and
// every function that takes values accepts null then and returns null: only
// before asking for the type of a value (`getSizes`, `getRank`) must it be
// tested. An attribute that the function never asks for is refused by name, so
// an importer asks for all that its operator has, or calls `ignoreAttribute`.
//
// Sizes. A graph computes shapes by tensors of integers. Where the elements of
// such a tensor are known as expressions (Importer keeps them beside the value),
// `getKnownIntegers` has them. Two sizes that must be equal are given to
// `unify`: where they are not yet equal, it solves the equation for a symbol and
// starts the import again with the symbol replaced, so that afterwards every
// type agrees with every other.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PYTHON_FREE_FRONTENDS_ONNX_IMPORTER_H
#define SINTER_PYTHON_FREE_FRONTENDS_ONNX_IMPORTER_H

#include "dialects/sinter/IR/Sinter.h"
#include "include/sinter/Frontend.h"
#include "lib/Support/SizeExpr.h"
#include "python-free-frontends/onnx/Model.h"

#include "mlir/IR/Builders.h"

#include <optional>
#include <string>

namespace sinter::onnx {

/// Reads the model at `path` and imports it. All that is unsupported is one
/// failure that lists it (status 4); a damaged model is one sentence (status 3).
llvm::Expected<ImportedModel> importOnnx(llvm::StringRef path, const ImportOptions &options,
                                         mlir::MLIRContext &context);
/// The same for a model that was read already. `folder` holds the data files;
/// `fileName` is the model's name in it.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> importModel(const Model &model, llvm::StringRef fileName,
                                                              llvm::StringRef folder, const ImportOptions &options,
                                                              mlir::MLIRContext &context,
                                                              std::vector<std::string> &warnings);

/// The opset versions of ONNX's own domain that are supported. Of versions before
/// 7 only operators that have not changed since: the table says which.
inline constexpr int64_t oldestOpset = 1, newestOpset = 28;

class GraphImporter;
class NodeContext;
using ImportFunction = llvm::LogicalResult (*)(NodeContext &node);

/// One version of one operator. An operator's inputs from number `minInputs` on
/// may be left out; the driver has checked the number before it calls `import`.
struct OpRow {
  static constexpr unsigned unlimited = ~0u;
  llvm::StringLiteral name;
  int64_t since;
  ImportFunction import;
  unsigned minInputs;
  unsigned maxInputs;
  llvm::StringLiteral domain = "";
};

/// Known integers of a value: its elements in row-major order.
using KnownIntegers = llvm::SmallVector<SizeExpr, 8>;

/// What an importer sees of its node, and how it says what the node means.
class NodeContext {
public:
  NodeContext(GraphImporter &importer, const Node &node, int64_t version, mlir::Location loc);

  //===--- The node ---------------------------------------------------------===//

  llvm::StringRef getOpType() const { return node.opType; }
  /// Of the node's domain, as the model imports it.
  int64_t getVersion() const { return version; }
  unsigned getNumOperands() const { return node.inputs.size(); }
  /// Null where it is left out.
  mlir::Value operand(unsigned i) const;
  /// The element type only: an input of the graph of which nothing else is asked for may have any shape.
  mlir::Type operandElementType(unsigned i) const;
  /// All that are not left out.
  llvm::SmallVector<mlir::Value> operands() const;
  unsigned getNumResults() const { return node.outputs.size(); }
  /// Whether the node names result `i`; only these need to be set.
  bool hasResult(unsigned i) const { return i < node.outputs.size() && !node.outputs[i].empty(); }
  /// Fails where `value` is null, so that an importer can return it.
  llvm::LogicalResult setResult(unsigned i, mlir::Value value);

  mlir::OpBuilder &getBuilder();
  mlir::MLIRContext *getContext();
  mlir::Location getLoc() const { return loc; }

  //===--- Attributes -------------------------------------------------------===//
  // Of another kind than the one asked for: the node has failed as malformed.

  bool hasAttribute(llvm::StringRef name);
  int64_t getInt(llvm::StringRef name, int64_t defaultValue);
  double getFloat(llvm::StringRef name, double defaultValue);
  std::string getString(llvm::StringRef name, llvm::StringRef defaultValue);
  std::optional<llvm::SmallVector<int64_t>> getInts(llvm::StringRef name);
  std::optional<llvm::SmallVector<double>> getFloats(llvm::StringRef name);
  /// Null where there is none.
  const Tensor *getTensor(llvm::StringRef name);
  const Graph *getGraph(llvm::StringRef name);
  /// TensorProto.DataType in attribute `name` as an element type; null and failed
  /// where it has none here.
  mlir::Type getElementTypeAttribute(llvm::StringRef name, DataType defaultType);
  /// For an attribute that does not change what is computed.
  void ignoreAttribute(llvm::StringRef name);

  //===--- Failures ---------------------------------------------------------===//

  /// This is not supported: a reason without subject ("axis is not a constant").
  llvm::LogicalResult fail(const llvm::Twine &reason, const llvm::Twine &hint = "");
  /// The model contradicts ONNX or itself.
  llvm::LogicalResult malformed(const llvm::Twine &reason);
  bool hasFailed() const { return hasFailedAlready; }

  //===--- Sizes ------------------------------------------------------------===//

  /// Succeeds where the sizes are equal. Else the equation is solved and the
  /// import starts again (which is a failure of this node here), or the model is
  /// refused: "`what`: sizes seq and 7 differ".
  llvm::LogicalResult unify(const SizeExpr &a, const SizeExpr &b, const llvm::Twine &what);
  /// The same for each dimension; ranks must be equal.
  llvm::LogicalResult unify(llvm::ArrayRef<SizeExpr> a, llvm::ArrayRef<SizeExpr> b, const llvm::Twine &what);
  /// NumPy's broadcasting, where two sizes that are neither equal nor 1 are unified.
  mlir::FailureOr<Sizes> broadcast(llvm::ArrayRef<SizeExpr> a, llvm::ArrayRef<SizeExpr> b);
  mlir::FailureOr<Sizes> broadcast(mlir::ValueRange values);
  /// Records that `size` is at most `high` at every run, where it is a symbol
  /// plus a number: a longer run is refused. False where it is another expression.
  bool bound(const SizeExpr &size, int64_t high);
  /// `size` is at least `low`, likewise.
  bool boundBelow(const SizeExpr &size, int64_t low);
  /// A difference or quotient as a size: 0 where it is negative.
  SizeExpr makeSize(const SizeExpr &size) const;
  /// An axis that may count from the end, as 0..rank-1, else malformed.
  mlir::FailureOr<int64_t> normalizeAxis(int64_t axis, int64_t rank);
  /// The same for each, sorted; a repeated axis is malformed.
  mlir::FailureOr<llvm::SmallVector<int64_t>> normalizeAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);

  //===--- Integers that are known ------------------------------------------===//

  /// The elements of a small integer or bool tensor as expressions: numbers,
  /// sizes, and what is computed from them; for a small integer input of the
  /// graph (rank 0, or rank 1 with at most 16 elements) its value symbols. None
  /// where they are not known.
  std::optional<KnownIntegers> getKnownIntegers(mlir::Value value);
  /// The same for floats too, without their fractions.
  std::optional<KnownIntegers> getKnownTruncated(mlir::Value value);
  /// As getKnownIntegers, where all are numbers.
  std::optional<llvm::SmallVector<int64_t>> getConstantIntegers(mlir::Value value);
  /// The number of elements of a Range on floats, whose start, limit and delta are constants or inputs of the graph of
  /// one element. None where they are computed; malformed where it is known not to be finite.
  std::optional<SizeExpr> getRangeLength(mlir::Value start, mlir::Value limit, mlir::Value delta);
  /// A tensor of known integers of an integer or bool type, as a constant or as
  /// sizes. `dims`: its static shape.
  mlir::Value createIntegers(llvm::ArrayRef<SizeExpr> elements, llvm::ArrayRef<int64_t> dims, mlir::Type elementType);
  /// Says what the elements of `value` are, which has a static shape. Where they
  /// do not depend on value symbols, the result is a new value made of them.
  mlir::Value setKnownIntegers(mlir::Value value, llvm::ArrayRef<SizeExpr> elements);
  /// A number that every element of an integer tensor is below, where one is
  /// known (a range's limit). Used to bound positions in tables.
  std::optional<SizeExpr> getElementLimit(mlir::Value value);
  /// The same for the elements at `column` of the last dimension.
  std::optional<SizeExpr> getElementLimit(mlir::Value value, int64_t column);
  void setElementLimit(mlir::Value value, const SizeExpr &limit);

  //===--- Making ops -------------------------------------------------------===//

  /// Creates an op whose result type is inferred from `args` (operands and
  /// attributes in the order of the op's builder). Null and failed where its
  /// constraints do not hold: the model is malformed then.
  template <typename Op, typename... Args> mlir::Value create(Args &&...args) {
    return build<true, Op>(mlir::RankedTensorType::get({}, getBuilder().getF32Type()), std::forward<Args>(args)...);
  }
  /// The same for an op whose result type says the sizes.
  template <typename Op, typename... Args> mlir::Value createSized(mlir::Type type, Args &&...args) {
    return build<false, Op>(type, std::forward<Args>(args)...);
  }

  /// `kind` of operands of one element type; broadcasts with `unify`, and keeps
  /// integers known. The way to make every elementwise op.
  mlir::Value elementwise(ElementwiseKind kind, mlir::ValueRange operands, std::optional<double> alpha = {});
  /// The same function of an operand and a number.
  mlir::Value elementwise(ElementwiseKind kind, mlir::Value operand, double number);
  /// `value` itself where it has the type already; keeps integers known.
  mlir::Value cast(mlir::Value value, mlir::Type elementType, bool saturate = true,
                   RoundMode roundMode = RoundMode::up);
  /// Unifies the numbers of elements; keeps integers known.
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<SizeExpr> sizes);
  /// To exactly these sizes, which the value's must broadcast to.
  mlir::Value broadcastTo(mlir::Value value, llvm::ArrayRef<SizeExpr> sizes);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation);
  mlir::Value concat(mlir::ValueRange values, int64_t axis);
  /// result[i] = value[start + i * step] along one axis, `size` elements.
  mlir::Value slice(mlir::Value value, int64_t axis, const SizeExpr &start, const SizeExpr &size,
                    const SizeExpr &step = 1);
  /// `axes` increasing.
  mlir::Value reduce(ReduceKind kind, mlir::Value value, llvm::ArrayRef<int64_t> axes, bool keepDims);
  /// A number as a tensor of rank 0, rounded or truncated to the element type.
  mlir::Value scalar(double number, mlir::Type elementType);
  mlir::Value integerScalar(int64_t number, mlir::Type elementType);
  /// A tensor of the model: a constant, or a weight where it is large.
  mlir::Value tensor(const Tensor &tensor);
  /// The element type in the IR; null and failed where ONNX's type has none.
  mlir::Type elementType(DataType type);

  /// Imports the nodes of a graph inside this node, which sees the names around
  /// it; returns the values of its outputs. The graph has no inputs.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> inlineGraph(const Graph &graph);

private:
  friend class GraphImporter;
  template <bool infer, typename Op, typename... Args> mlir::Value build(mlir::Type type, Args &&...args) {
    if (hasFailedAlready)
      return {};
    mlir::OperationState state(loc, Op::getOperationName());
    Op::build(getBuilder(), state, type, std::forward<Args>(args)...);
    if constexpr (infer)
      if (!inferTypes(state, Op::inferReturnTypes))
        return {};
    return createChecked(state);
  }
  using InferFunction = llvm::LogicalResult (*)(mlir::MLIRContext *, std::optional<mlir::Location>, mlir::ValueRange,
                                                mlir::DictionaryAttr, mlir::OpaqueProperties, mlir::RegionRange,
                                                llvm::SmallVectorImpl<mlir::Type> &);
  bool inferTypes(mlir::OperationState &state, InferFunction infer);
  mlir::Value createChecked(mlir::OperationState &state);
  /// Malformed where one is a negative number.
  llvm::LogicalResult checkSizes(llvm::ArrayRef<SizeExpr> sizes);
  const Attribute *findAttribute(llvm::StringRef name, Attribute::Kind kind);
  /// Refuses the attributes that nobody asked for.
  llvm::LogicalResult checkAttributesUsed();

  GraphImporter &importer;
  const Node &node;
  int64_t version;
  mlir::Location loc;
  bool hasFailedAlready = false;
  llvm::SmallVector<mlir::Value> operandValues;
  llvm::SmallVector<mlir::Value> resultValues;
  llvm::SmallVector<bool> attributeUsed;
};

// The families of operators, one file of Ops/ each: a function that returns its
// rows. Listed once more in Importer.cpp.
llvm::ArrayRef<OpRow> getCastRows();
llvm::ArrayRef<OpRow> getConstantRows();
llvm::ArrayRef<OpRow> getShapeRows();
llvm::ArrayRef<OpRow> getReshapeRows();
llvm::ArrayRef<OpRow> getSliceRows();
llvm::ArrayRef<OpRow> getGatherRows();
llvm::ArrayRef<OpRow> getMatmulRows();
llvm::ArrayRef<OpRow> getElementwiseRows();
llvm::ArrayRef<OpRow> getActivationRows();
llvm::ArrayRef<OpRow> getReductionRows();
llvm::ArrayRef<OpRow> getSoftmaxRows();
llvm::ArrayRef<OpRow> getNormalizationRows();
llvm::ArrayRef<OpRow> getConvolutionRows();
llvm::ArrayRef<OpRow> getEinsumRows();
llvm::ArrayRef<OpRow> getPositionRows();
llvm::ArrayRef<OpRow> getQuantizationRows();
llvm::ArrayRef<OpRow> getScatterRows();
llvm::ArrayRef<OpRow> getAttentionRows();

} // namespace sinter::onnx

#endif // SINTER_PYTHON_FREE_FRONTENDS_ONNX_IMPORTER_H
