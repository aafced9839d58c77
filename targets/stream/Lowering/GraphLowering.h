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
#include "targets/stream/Lowering/LowerAttention.h"
#include "targets/stream/Lowering/LowerGraph.h"

#include <map>

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
};

/// A value on the chip.
struct ChipValue {
  Matrix matrix;
  std::vector<LanePart> parts;

  /// Tensors that hold it; none: not yet.
  std::optional<unsigned> f32, f16[2], heads[2], codes[2];
  std::optional<Product> product;
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

  /// Whether an op reads the value as an operand of a product.
  static bool isMultiplied(mlir::Value value);
  static bool isReadInF32(mlir::Value value);

  /// The attention that reads the value, if there is one, and as what.
  static std::optional<HeadForm> findHeadForm(mlir::Value value);
  static AttentionSizes sizesOf(AttentionOp op);
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
  };

  VectorOperand addInput(Chain &chain, const RowsOf &rows);

  /// Where the chain begins, if one of the values that it is made of is a product that is not in memory.
  mlir::Value findProduct(mlir::Value value) const;

  /// Adds what vector `vector` of a value is to a chain.
  VectorOperand addValue(Chain &chain, mlir::Value value, unsigned vector, const Matrix &matrix,
                         llvm::ArrayRef<LanePart> parts);
  static std::optional<float> getSplat(mlir::Value value);

  /// A chain that begins with vector `vector` of a product, if there is one.
  Chain beginChain(mlir::Value product, unsigned vector, llvm::ArrayRef<LanePart> columns);
  static bool isSame(llvm::ArrayRef<LanePart> a, llvm::ArrayRef<LanePart> b);
  static void forEachQuantize(mlir::Value value, llvm::function_ref<void(QuantizeOp)> call);

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

  /// Writes forms of a value that is in memory in f32.
  void addForms(const ChipValue &chip, llvm::ArrayRef<Written> results, const std::string &node);

  /// What of a chain goes to memory first where the chain is too long: the product, before anything else.
  mlir::Value findCut(mlir::Value value) const;

  /// Whether the chain of the value, and of all that is written of it, has ALUs enough.
  bool fits(mlir::Value value, const ChipValue &chip, bool onlyF32);

  /// A function that is part of the value's chain, not in memory yet.
  mlir::Value findPart(mlir::Value value) const;
  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  /// The tasks of a chain: for a product, one for each hemisphere that has rows of it.
  void addTasks(const Chain &chain, const Matrix &matrix, unsigned vector, llvm::ArrayRef<LanePart> columns,
                llvm::ArrayRef<RowsOf> targets, const std::string &node);
  static std::vector<RowsOf> moveRows(llvm::ArrayRef<RowsOf> rows, int64_t by);
  std::vector<ProductTile> makeTiles(const Product &product, llvm::ArrayRef<LanePart> columns, int64_t row,
                                     Hemisphere half);
  void lower(mlir::Operation &op);
  void finish(mlir::Value value);
  void lowerMatmul(MatmulOp op);

  /// Codes are written with the value that they are codes of; here, those of inputs.
  void lowerQuantize(QuantizeOp op);
  void lowerQuantizedMatmul(QuantizedMatmulOp op);
  void lowerElementwise(ElementwiseOp op);

  /// Rows stay rows: some of the last dimensions are, together, a row.
  void lowerReshape(ReshapeOp op);

  /// A value that is in memory in f32 only, as inputs are, is rounded when a product wants it.
  void ensureForms(mlir::Value value);

  /// A table lies in pieces of a bank's words, in both hemispheres, and every row is looked up in each piece: zeros
  /// where it is not, so that bits of all pieces are the row.
  void lowerGather(GatherOp op);

  /// Numbers of rows as an input, in all lanes, once in each hemisphere.
  unsigned addIndices(mlir::BlockArgument argument, int64_t rows, Hemisphere half);
  void lowerOp(AttentionOp op);
  void lowerNorm(mlir::Operation *op, mlir::Value input, mlir::Value scale, mlir::Value bias, int64_t axis,
                 llvm::APFloat epsilon, bool isCentered);

  /// Tasks that take as many vectors of a row at once as there are ALUs for: what is made of the sum is then made once.
  void addByVectors(mlir::Operation *op, const ChipValue &x, const ChipValue *product, const std::string &node,
                    llvm::function_ref<void(Chain &, unsigned, unsigned, std::vector<RowsOf> &)> build);
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

  std::map<mlir::Value, ChipValue, Order> values;
  std::map<std::pair<unsigned, Hemisphere>, unsigned> indices;
  std::vector<UnsupportedNode> refused;
  Hemisphere side = Hemisphere::West;
  bool isMixed = false;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_GRAPHLOWERING_H
