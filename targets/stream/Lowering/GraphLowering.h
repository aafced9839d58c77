//===- GraphLowering.h - The state of lowering a graph --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What LowerGraph.h says, op by op: each family of ops has a file of its own, and
// Values.cpp what all of them do with values.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_LOWERING_GRAPHLOWERING_H
#define SINTER_TARGETS_STREAM_LOWERING_GRAPHLOWERING_H

#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"
#include "targets/stream/Lowering/ConstantTensors.h"
#include "targets/stream/Lowering/Layout.h"
#include "targets/stream/Lowering/LowerAttention.h"
#include "targets/stream/Lowering/LowerGraph.h"

#include <array>
#include <map>
#include <tuple>

namespace sinter::stream {

inline constexpr Hemisphere bothSides[] = {Hemisphere::East, Hemisphere::West};

/// A value as a matrix: how many rows and columns its elements make.
struct Matrix {
  int64_t rows = 0;
  unsigned columns = 0;

  bool operator==(const Matrix &other) const { return rows == other.rows && columns == other.columns; }
};

/// Sums of products, before any function of them: what a chain of ALUs may begin with.
struct Product {
  /// The value's columns are those of a matrix of weights; else all columns of a row are the row's sum.
  mlir::Value weights;

  /// Of f16, one for each hemisphere.
  unsigned activations[2];
  std::vector<LanePart> parts; // of the activations
  /// Products of codes: the sums of these, less the zero point's, times both scales.
  QuantizedMatmulOp codes = nullptr;
  float scale = 0;
  int32_t zeroPoint = 0; // of the activations, as signed codes
};

/// What an attention wants of a value: its queries, keys or values, of fp16.
struct HeadForm {
  AttentionOp op;
  unsigned operand = 0; // 0: queries, 1: keys, 2: values
};

/// One tensor that is written of a value.
struct Written {
  unsigned tensor;
  Element type;

  /// Factor, before it is rounded.
  std::optional<float> scale = std::nullopt;

  /// Added to codes.
  int32_t zeroPoint = 0;

  /// Of a state: the tensor of numbers of the rows that are written.
  std::optional<unsigned> numbers = std::nullopt;
};

/// A value on the chip.
struct ChipValue {
  /// Of the tensors that hold it.
  Matrix matrix;
  std::vector<LanePart> parts;

  /// Tensors that hold it; none: not yet.
  std::optional<unsigned> f32, f16[2], heads[2], codes[2];
  std::optional<HeadForm> headForm; // of `heads`
  std::optional<Product> product;
  /// Where its elements lie in the matrix of f32; none: in row-major order.
  std::optional<Layout> layout;
};

class GraphLowering {
public:
  GraphLowering(mlir::func::FuncOp function, const TargetModel &model, ConstantReader read)
      : function(function), model(model), constants(program, model, std::move(read)) {}
  llvm::Expected<StreamProgram> run();

private:
  //===--------------------------------------------------------------------===//
  // The graph
  //===--------------------------------------------------------------------===//

  void refuse(mlir::Operation *op, const llvm::Twine &reason);
  //===--------------------------------------------------------------------===//
  // Values
  //===--------------------------------------------------------------------===//

  static Matrix getMatrix(mlir::Value value);
  unsigned addTensor(StreamTensor::Kind kind, std::string name, Element type, int64_t rows, std::vector<LanePart> parts,
                     Hemisphere side);
  unsigned addTemporary(const std::string &name, Element type, const ChipValue &chip, Hemisphere side);

  /// The parts of one vector.
  static std::vector<LanePart> partsOf(llvm::ArrayRef<LanePart> parts, unsigned vector);

  /// Hemispheres take turns.
  Hemisphere nextSide() { return side = opposite(side); }
  /// Whether the chip reads the elements of an argument as they are: others are made for what reads them.
  static bool isRead(mlir::BlockArgument argument);
  void addInput(mlir::Value value, llvm::StringRef name);
  void addOutput(mlir::Value value, llvm::StringRef name);

  /// A copy, perhaps in another type.
  void addConversion(unsigned from, unsigned to, const ChipValue &chip, llvm::StringRef node);
  void lowerCast(CastOp op);

  /// Calls with the uses of the value, and of reshapes of it whose rows are its rows, until one call says yes.
  bool anyUse(mlir::Value value, llvm::function_ref<bool(mlir::OpOperand &)> call) const;

  /// Whether an op reads the value as an operand of a product.
  static bool isProductOf(mlir::OpOperand &use);
  bool isMultiplied(mlir::Value value) const;

  /// Whether each half of a vector has so many columns, one half after the other.
  bool hasTiles(llvm::ArrayRef<LanePart> parts, unsigned tile) const;
  bool isReadInF32(mlir::Value value) const;

  /// The attention that reads the value, or the state that it becomes a part of, if there is one, and as what.
  std::optional<HeadForm> findHeadForm(mlir::Value value) const;

  /// The same, of what is rotated before the attention reads it, too.
  std::optional<HeadForm> findHeadLayout(mlir::Value value) const;
  bool isSameForm(const HeadForm &a, const HeadForm &b) const;
  static AttentionSizes sizesOf(AttentionOp op);
  static bool isState(mlir::Value value);
  std::vector<LanePart> layOutFor(const HeadForm &form) const;

  /// Where the columns of a value that is about to be computed go: as an attention wants them, or as those of what is
  /// in memory that it is made of, or one after the other.
  std::vector<LanePart> chooseParts(mlir::Value value) const;
  const ChipValue *findInMemory(mlir::Value value) const;

  /// Whether one function, and nothing else, reads the value: then it is made where it is read.
  static bool isPartOfFunction(mlir::Value value);
  //===--------------------------------------------------------------------===//
  // Chains of functions
  //===--------------------------------------------------------------------===//

  /// The chain for one vector of a value, from what is in memory and perhaps from a product on.
  struct Chain {
    VectorProgram program;
    std::vector<RowsOf> inputs;
    const ChipValue *product = nullptr;
    VectorOperand value;
    llvm::DenseMap<mlir::Value, VectorOperand> known;
    std::map<unsigned, RowsOf> scatters; // Task::scatters
  };

  VectorOperand addInput(Chain &chain, const RowsOf &rows);

  /// Where the chain begins, if one of the values that it is made of is a product that is not in memory.
  mlir::Value findProduct(mlir::Value value) const;
  mlir::Value findSecondProduct(mlir::Value value, mlir::Value first) const;

  /// Adds what vector `vector` of a value is to a chain.
  VectorOperand addValue(Chain &chain, mlir::Value value, unsigned vector, const Matrix &matrix,
                         llvm::ArrayRef<LanePart> parts);
  static std::optional<float> getSplat(mlir::Value value);

  /// A chain that begins with vector `vector` of a product, if there is one.
  Chain beginChain(mlir::Value product, unsigned vector, llvm::ArrayRef<LanePart> columns);
  static bool isSame(llvm::ArrayRef<LanePart> a, llvm::ArrayRef<LanePart> b);
  void forEachQuantize(mlir::Value value, llvm::function_ref<void(QuantizeOp)> call) const;

  /// A number that follows from constants; 0, and the node is refused, where it cannot be read.
  double readNumber(mlir::Operation *op, mlir::Value value);

  /// Codes without a sign are kept with one: 128 less, and so is their zero point.
  int32_t getZeroPoint(mlir::Operation *op, mlir::Value zeroPoint, mlir::Type type);

  /// Writes the codes of a value, unless they are there.
  void addCodes(QuantizeOp op, const ChipValue &chip, std::vector<Written> &results);

  /// Gives the value the tensors that its users read.
  std::vector<Written> addResults(mlir::Value value, ChipValue &chip);

  /// Ends a chain with what is written of one vector of the value: operand `x`.
  static void addWrites(Chain &chain, VectorOperand x, unsigned vector, llvm::ArrayRef<Written> results,
                        std::vector<RowsOf> &targets);

  /// All steps but the last conversion.
  static VectorOperand prepare(Chain &chain, VectorOperand x, const Written &result);
  static unsigned countVectors(llvm::ArrayRef<LanePart> parts);

  /// Computes a value into memory.
  void materialize(mlir::Value value);

  /// Cuts tasks of functions, from `first` on, into bursts that are no longer than those of products, all of the first
  /// rows before others: so what takes them can begin early.
  void cutRows(size_t first);

  /// Writes forms of a value that is in memory in f32.
  void addForms(const ChipValue &chip, llvm::ArrayRef<Written> results, const std::string &node);

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  /// The tasks of a chain, whose pieces hand over by way of memory if it is cut.
  void addTasks(const Chain &chain, const Matrix &matrix, unsigned vector, llvm::ArrayRef<LanePart> columns,
                llvm::ArrayRef<RowsOf> targets, const std::string &node);

  /// Those of a chain that begins with a product: one for each hemisphere that has rows of it.
  void addProductTasks(const Product &product, const Task &whole, unsigned vector, llvm::ArrayRef<LanePart> columns);
  /// Into how many parts along the summed dimension a vector of a product of codes is cut, so that all planes have
  /// work.
  unsigned countParts(const Product &product, int64_t rows, unsigned vector, unsigned numVectors) const;

  /// Tasks that sum up a part of the tiles each, and one that adds up what they made and goes on with it.
  void addPartialSums(const Product &product, const Task &whole, llvm::ArrayRef<LanePart> columns, unsigned parts);
  static std::vector<RowsOf> moveRows(llvm::ArrayRef<RowsOf> rows, int64_t by);
  static std::map<unsigned, RowsOf> moveScatters(const std::map<unsigned, RowsOf> &scatters, int64_t by);
  std::vector<ProductTile> makeTiles(const Product &product, llvm::ArrayRef<LanePart> columns, int64_t row,
                                     Hemisphere half);
  void lower(mlir::Operation &op);
  void finish(mlir::Value value);
  void lowerMatmul(MatmulOp op);

  /// Codes are written with the value that they are codes of; here, those of inputs.
  void lowerQuantize(QuantizeOp op);
  void lowerQuantizedMatmul(QuantizedMatmulOp op);
  void lowerElementwise(ElementwiseOp op);

  /// A value that is in memory in f32 only, as inputs are, is rounded when a product wants it.
  void ensureForms(mlir::Value value, mlir::Operation *op);

  /// A table lies in pieces of a bank's words, in both hemispheres, and every row is looked up in each piece: zeros
  /// where it is not, so that bits of all pieces are the row.
  void lowerGather(GatherOp op);

  /// Numbers of rows as an input, in all lanes, once in each hemisphere.
  unsigned addIndices(mlir::BlockArgument argument, int64_t rows, Hemisphere half);
  void lowerOp(AttentionOp op);

  /// What an attention wants of a value that it was not written for: of fp16, made of f32.
  std::array<unsigned, 2> makeHeads(mlir::Value value, const HeadForm &form);

  /// The value in memory, in f32, with its heads where the form wants them.
  ChipValue layOutHeadsOf(mlir::Value value, const HeadForm &form);

  /// Tensors for it.
  std::vector<Written> addHeads(ChipValue &chip, const HeadForm &form, const std::string &name);

  //===--------------------------------------------------------------------===//
  // States
  //===--------------------------------------------------------------------===//

  /// Adds the states of the module, in its order, each as the attention wants it that reads it.
  void addStates();
  void addState(StateOp state, UpdateStateOp update);
  /// Adds to `results` what an op writes into its state.
  void addUpdates(UpdateStateOp op, std::vector<Written> &results);
  /// The numbers of the rows that an op writes, for the state's tensor in one hemisphere.
  unsigned addNumbers(UpdateStateOp op, const StreamTensor &state);
  void lowerUpdateState(UpdateStateOp op);

  void lowerNorm(mlir::Operation *op, mlir::Value input, mlir::Value scale, mlir::Value bias, int64_t axis,
                 llvm::APFloat epsilon, bool isCentered);

  /// Tasks that take as many vectors of a row at once as there are ALUs for: what is made of the sum is then made once.
  void addByVectors(mlir::Operation *op, const ChipValue &x, const ChipValue *product, const std::string &node,
                    llvm::function_ref<void(Chain &, unsigned, unsigned, std::vector<RowsOf> &)> build);
  //===--------------------------------------------------------------------===//
  // Elements that change their places
  //===--------------------------------------------------------------------===//

  /// A value's elements: where they are, and where they go.
  struct CopiedElements {
    const ChipValue *value;
    Layout from, to; // of the same sizes
  };

  /// Rows of a tensor of f32 and where their elements lie, as a layout of the result's sizes.
  struct RowAccess {
    unsigned tensor;
    Layout layout;
  };

  /// Lane i gets lane [i], none where that is the number of lanes.
  using LaneTable = std::vector<uint16_t>;

  /// Rows from which lanes are taken.
  struct RowsOrder {
    unsigned tensor, vector;
    int64_t row, step;
    bool operator<(const RowsOrder &other) const {
      return std::tie(tensor, vector, row, step) < std::tie(other.tensor, other.vector, other.row, other.step);
    }
  };

  Layout layoutOf(mlir::Value value) const;
  void setLayout(ChipValue &chip, mlir::Value value, const Layout &layout);

  /// A value that is about to be computed in f32.
  ChipValue makeValue(const Layout &layout, std::vector<LanePart> parts, const std::string &node);

  /// Adds the tasks of a copy. Sources whose elements come to one row are copied together.
  void copyElements(llvm::ArrayRef<CopiedElements> sources, const ChipValue &target, const std::string &node);
  void joinRows(const std::map<RowsOrder, LaneTable> &tables, int64_t count, RowsOf target, const std::string &node);

  /// The value in f32.
  ChipValue &inMemory(mlir::Value value);

  /// In row-major order; with `hasOwnRows`, its last dimension being the columns.
  void makeNatural(mlir::Value value, bool hasOwnRows);

  /// Rows whose columns are the dimensions that are marked, row-major, in lanes as `parts` says: where the value lies
  /// already (`from`), or copied.
  RowAccess accessRows(mlir::Value value, Layout from, llvm::ArrayRef<bool> areColumns, llvm::ArrayRef<LanePart> parts,
                       bool mustCopy);

  /// The same of a constant; a layout of one column says which elements it has.
  RowAccess accessConstant(mlir::Value value, const Layout &elements, llvm::ArrayRef<bool> areColumns,
                           llvm::ArrayRef<LanePart> parts);

  /// Either, aligned with the result, for a task that reads `others` as well.
  RowAccess accessOperand(mlir::Value value, llvm::function_ref<Layout(Layout)> align, llvm::ArrayRef<bool> areColumns,
                          llvm::ArrayRef<LanePart> parts, llvm::ArrayRef<RowAccess> others);

  /// Tasks that compute the rows of a result of the rows of operands.
  void addRowTasks(const VectorProgram &steps, llvm::ArrayRef<RowAccess> operands, const RowAccess &result,
                   unsigned numVectors, const std::string &node);

  /// Which of the dimensions of a result are best its columns.
  llvm::SmallVector<bool> chooseColumns(llvm::ArrayRef<int64_t> sizes, mlir::ValueRange operands) const;

  /// Whether an op only moves elements.
  static bool isMovement(mlir::Operation *op);

  /// Whether some of a result's last dimensions are, together, the columns of its operand.
  static bool keepsRows(ReshapeOp op, unsigned columns);

  /// What the host does, of an argument, rather than the chip.
  static bool isHostsMovement(mlir::Operation *op);
  bool arrange(mlir::Operation *op);
  void lowerMovement(mlir::Operation *op);
  void lowerConcat(ConcatOp op);
  void lowerPad(PadOp op);

  /// Gives the rows of a vector of the target the constant's row.
  void fillRows(const Layout &layout, unsigned row, RowsOf target, const std::string &node);

  /// Whether a function's operands are repeated, or lie otherwise than its result.
  bool wantsRows(ElementwiseOp op);
  void lowerByRows(ElementwiseOp op);

  /// A product of tensors that a run computes, by multiplications and additions.
  void lowerDot(MatmulOp op);

  void lowerReduce(ReduceOp op);

  /// One row of all along a dimension of rows: halves are joined until it is of size 1.
  RowAccess joinHalves(RowAccess x, unsigned dim, AluOp join, llvm::ArrayRef<bool> areColumns,
                       llvm::ArrayRef<LanePart> parts, const std::string &node);
  void lowerRotary(RotaryOp op);
  RowAccess accessAngles(RotaryOp op, mlir::Value angles, const Layout &layout, llvm::ArrayRef<LanePart> parts,
                         bool areSines);
  RowAccess computeAngles(RotaryOp op, mlir::Value angles, const Layout &layout, llvm::ArrayRef<LanePart> parts,
                          bool areSines);
  //===--------------------------------------------------------------------===//
  // State
  //===--------------------------------------------------------------------===//

  mlir::func::FuncOp function;
  const TargetModel &model;
  StreamProgram program;
  ConstantTensors constants;

  /// Never walked through: the order says nothing. References to values hold out.
  struct Order {
    bool operator()(mlir::Value a, mlir::Value b) const { return a.getAsOpaquePointer() < b.getAsOpaquePointer(); }
  };

  /// Elements of an argument, in the order of a value's.
  struct ArrangedElements {
    unsigned argument;
    std::vector<int32_t> elements;
  };

  std::map<mlir::Value, ChipValue, Order> values;
  std::map<mlir::Value, ArrangedElements, Order> arranged;
  std::map<std::pair<unsigned, Hemisphere>, unsigned> indices;
  /// By argument, hemisphere and how far the numbers of two strips are apart.
  std::map<std::tuple<unsigned, Hemisphere, unsigned>, unsigned> numbers;
  llvm::DenseSet<mlir::Operation *> updated; // whose rows are written
  std::vector<UnsupportedNode> refused;
  Hemisphere side = Hemisphere::West;
  bool isMixed = false;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_GRAPHLOWERING_H
