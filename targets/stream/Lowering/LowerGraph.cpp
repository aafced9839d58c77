//===- LowerGraph.cpp - A graph of named ops as tasks of a streaming chip --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/LowerGraph.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"
#include "targets/stream/Lowering/ConstantTensors.h"
#include "targets/stream/Lowering/Functions.h"

#include <limits>

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

namespace {

constexpr Hemisphere bothSides[] = {Hemisphere::East, Hemisphere::West};

/// A value as a matrix: how many rows and columns its elements make.
struct Matrix {
  int64_t rows = 0;
  unsigned columns = 0;

  bool operator==(const Matrix &other) const { return rows == other.rows && columns == other.columns; }
};

/// Sums of products, before any function of them: what a chain of ALUs may begin with.
struct Product {
  /// The value's columns are those of a matrix of weights; else all columns of a row are the row's sum.
  Value weights;
  /// Of f16, one for each hemisphere.
  unsigned activations[2];
  unsigned depth = 0; // the length of the sums
};

/// A value on the chip.
struct ChipValue {
  Matrix matrix;
  /// Tensors that hold it; none: not yet.
  std::optional<unsigned> f32, f16[2];
  std::optional<Product> product;
};

class GraphLowering {
public:
  GraphLowering(func::FuncOp function, const TargetModel &model, ConstantReader read)
      : function(function), model(model), constants(program, model, std::move(read)) {}

  llvm::Expected<StreamProgram> run() {
    for (auto [i, argument] : llvm::enumerate(function.getArguments()))
      addInput(argument, function.getArgAttrOfType<StringAttr>(i, "sinter.name").getValue());
    for (Operation &op : function.getBody().front().without_terminator())
      if (!llvm::all_of(op.getResults(), [](Value result) { return isFromWeights(result); }))
        lower(op);
    Operation *end = function.getBody().front().getTerminator();
    for (auto [i, value] : llvm::enumerate(end->getOperands()))
      addOutput(value, function.getResultAttrOfType<StringAttr>(i, "sinter.name").getValue());
    if (!refused.empty())
      return unsupported(std::move(refused));
    return std::move(program);
  }

private:
  //===--------------------------------------------------------------------===//
  // Values
  //===--------------------------------------------------------------------===//

  void refuse(Operation *op, const llvm::Twine &reason) {
    UnsupportedNode node;
    node.node = getNodeName(op);
    node.op = op->getName().getStringRef().str();
    node.reason = reason.str();
    refused.push_back(std::move(node));
  }

  static Matrix getMatrix(Value value) {
    llvm::ArrayRef<int64_t> shape = cast<RankedTensorType>(value.getType()).getShape();
    Matrix matrix = {1, shape.empty() ? 1u : static_cast<unsigned>(shape.back())};
    for (int64_t size : shape.drop_back(shape.empty() ? 0 : 1))
      matrix.rows *= size;
    return matrix;
  }

  unsigned addTensor(StreamTensor::Kind kind, std::string name, Element type, Matrix matrix, Hemisphere side) {
    StreamTensor tensor;
    tensor.kind = kind;
    tensor.name = std::move(name);
    tensor.side = side;
    tensor.shape = TensorShape::dense(type, matrix.rows, matrix.columns, model);
    return program.add(std::move(tensor));
  }

  /// Hemispheres take turns.
  Hemisphere nextSide() { return side = opposite(side); }

  void addInput(Value value, StringRef name) {
    Matrix matrix = getMatrix(value);
    values[value] = {matrix, addTensor(StreamTensor::Input, name.str(), Element::Float32, matrix, nextSide()), {}, {}};
  }

  void addOutput(Value value, StringRef name) {
    auto found = values.find(value);
    if (found == values.end())
      return refuse(value.getDefiningOp() ? value.getDefiningOp() : function.getOperation(),
                    "an output that follows from constants or inputs alone");
    ChipValue &chip = found->second;
    if (chip.f32 && program.tensors[*chip.f32].kind == StreamTensor::Temporary) {
      program.tensors[*chip.f32].kind = StreamTensor::Output;
      program.tensors[*chip.f32].name = name.str();
      return;
    }
    // An input, or an output for the second time: a copy.
    unsigned copy = addTensor(StreamTensor::Output, name.str(), Element::Float32, chip.matrix, nextSide());
    for (unsigned vector = 0; vector < program.tensors[copy].shape.numVectors(); ++vector) {
      auto function = std::make_shared<VectorProgram>();
      VectorOperand x = VectorOperand::input(function->addInput(Element::Float32));
      function->results = {function->add(AluOp::Copy, Element::Float32, x).index};
      program.tasks.push_back(
          {false, {}, chip.matrix.rows, function, {{*chip.f32, vector, 0, 1}}, {{copy, vector, 0, 1}}, name.str()});
    }
  }

  /// Whether an op reads the value as an operand of a product.
  static bool isMultiplied(Value value) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      if (isa<ReshapeOp>(user))
        return isMultiplied(user->getResult(0));
      return isa<MatmulOp, LayerNormOp, RmsNormOp>(user) && user->getOperand(0) == value;
    });
  }
  static bool isReadInF32(Value value) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      if (isa<ReshapeOp>(user))
        return isReadInF32(user->getResult(0));
      return !isa<MatmulOp>(user);
    });
  }
  /// Whether one function, and nothing else, reads the value: then it is made where it is read.
  static bool isPartOfFunction(Value value) {
    return value.hasOneUse() && isa<ElementwiseOp>(*value.user_begin()) &&
           getMatrix(value) == getMatrix(value.user_begin()->getResult(0));
  }

  //===--------------------------------------------------------------------===//
  // Chains of functions
  //===--------------------------------------------------------------------===//

  /// The chain for one vector of a value, from what is in memory and perhaps from a product on.
  struct Chain {
    VectorProgram program;
    std::vector<RowsOf> inputs;
    const ChipValue *product = nullptr;
    Value productOf;
    llvm::DenseMap<Value, VectorOperand> known;
  };

  VectorOperand addInput(Chain &chain, const RowsOf &rows) {
    for (auto [i, input] : llvm::enumerate(chain.inputs))
      if (!(chain.program.takesProduct && i == 0) && input.tensor == rows.tensor && input.vector == rows.vector)
        return VectorOperand::input(i);
    chain.inputs.push_back(rows);
    return VectorOperand::input(chain.program.addInput(Element::Float32));
  }

  /// Where the chain begins, if one of the values that it is made of is a product that is not in memory.
  Value findProduct(Value value) const {
    auto found = values.find(value);
    if (found == values.end() || found->second.f32)
      return {};
    if (found->second.product)
      return value;
    for (Value operand : value.getDefiningOp()->getOperands())
      if (Value product = findProduct(operand))
        return product;
    return {};
  }

  /// Adds what vector `vector` of a value is to a chain.
  VectorOperand addValue(Chain &chain, Value value, unsigned vector, const Matrix &matrix) {
    if (auto known = chain.known.find(value); known != chain.known.end())
      return known->second;
    if (std::optional<float> number = getSplat(value))
      return VectorOperand::constant(*number);
    if (isFromWeights(value)) {
      bool isRow = cast<RankedTensorType>(value.getType()).getNumElements() == matrix.columns;
      return addInput(chain, {constants.addRows(value, isRow ? 1 : matrix.rows, matrix.columns), vector, 0, isRow ? 0 : 1});
    }
    const ChipValue &chip = values.find(value)->second;
    VectorOperand operand;
    if (chip.f32) {
      operand = addInput(chain, {*chip.f32, vector, 0, chip.matrix.rows == 1 ? 0 : 1});
    } else {
      auto op = cast<ElementwiseOp>(value.getDefiningOp());
      SmallVector<VectorOperand, 3> operands;
      for (Value from : op.getOperands())
        operands.push_back(addValue(chain, from, vector, matrix));
      operand = *addFunction(chain.program, op.getKind(), operands);
    }
    chain.known[value] = operand;
    return operand;
  }

  static std::optional<float> getSplat(Value value) {
    auto constant = value.getDefiningOp<ConstantOp>();
    auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
    if (!elements || !elements.isSplat() || !elements.getElementType().isF32())
      return std::nullopt;
    return elements.getSplatValue<float>();
  }

  Chain beginChain(Value product) {
    Chain chain;
    if (product) {
      chain.program.takesProduct = true;
      chain.program.addInput(Element::Float32);
      chain.inputs.push_back({});
      chain.productOf = product;
      chain.product = &values.find(product)->second;
      chain.known[product] = VectorOperand::input(0);
    }
    return chain;
  }

  /// Gives the value the tensors that its users read.
  std::vector<std::pair<unsigned, Element>> addResults(Value value, ChipValue &chip) {
    std::vector<std::pair<unsigned, Element>> results;
    std::string name = getNodeName(value.getDefiningOp());
    if (isReadInF32(value)) {
      chip.f32 = addTensor(StreamTensor::Temporary, name, Element::Float32, chip.matrix, nextSide());
      results.push_back({*chip.f32, Element::Float32});
    }
    if (isMultiplied(value))
      for (Hemisphere half : bothSides) {
        unsigned index = static_cast<unsigned>(half);
        chip.f16[index] = addTensor(StreamTensor::Temporary, name, Element::Float16, chip.matrix, half);
        results.push_back({*chip.f16[index], Element::Float16});
      }
    return results;
  }

  /// Ends a chain with what is written of one vector of the value: operand `x`.
  static void addWrites(Chain &chain, VectorOperand x, unsigned vector,
                        ArrayRef<std::pair<unsigned, Element>> results, std::vector<RowsOf> &targets) {
    bool isWritten = false;
    for (auto [tensor, type] : results) {
      VectorOperand written = x;
      // An operation's result goes one way; an input or a result that goes another way already is passed on.
      if (type == Element::Float16)
        written = chain.program.convert(Element::Float32, Element::Float16, x);
      else if (x.kind != VectorOperand::Operation || isWritten)
        written = chain.program.add(AluOp::Copy, Element::Float32, x);
      isWritten |= type == Element::Float32;
      chain.program.results.push_back(written.index);
      targets.push_back({tensor, vector, 0, 1});
    }
  }

  /// Computes a value into memory.
  void materialize(Value value) {
    ChipValue &chip = values.find(value)->second;
    Value product = findProduct(value);
    std::vector<std::pair<unsigned, Element>> results = addResults(value, chip);
    unsigned numVectors = TensorShape::dense(Element::Float32, 1, chip.matrix.columns, model).numVectors();
    std::optional<unsigned> self = std::exchange(chip.f32, std::nullopt); // it is not there yet
    for (unsigned vector = 0; vector < numVectors; ++vector) {
      Chain chain = beginChain(product);
      std::vector<RowsOf> targets;
      addWrites(chain, addValue(chain, value, vector, chip.matrix), vector, results, targets);
      if (!layOut(chain.program, model)) {
        // Too long: what it is made of goes to memory first, the product before anything else.
        Value part = product && product != value ? product : findPart(value);
        if (!part)
          return refuse(value.getDefiningOp(), "the function takes more than the " + std::to_string(model.alus) +
                                                   " ALUs that there are");
        chip.f32 = self;
        materializeForFunction(part);
        chip.f32 = std::nullopt;
        product = findProduct(value);
        vector = std::numeric_limits<unsigned>::max(); // begin again
        continue;
      }
      addTasks(chain, chip.matrix, vector, targets, getNodeName(value.getDefiningOp()));
    }
    chip.f32 = self;
    chip.product = std::nullopt;
  }

  /// A function that is part of the value's chain, not in memory yet.
  Value findPart(Value value) const {
    for (Value operand : value.getDefiningOp()->getOperands())
      if (auto found = values.find(operand); found != values.end() && !found->second.f32)
        return operand;
    return {};
  }

  void materializeForFunction(Value value) { materialize(value); }

  /// The tasks of a chain: for a product, one for each hemisphere that has rows of it.
  void addTasks(const Chain &chain, const Matrix &matrix, unsigned vector, ArrayRef<RowsOf> targets,
                const std::string &node) {
    auto function = std::make_shared<VectorProgram>(chain.program);
    if (!chain.product) {
      program.tasks.push_back({false, {}, matrix.rows, function, chain.inputs, targets.vec(), node});
      return;
    }
    const Product &product = *chain.product->product;
    // A vector's columns are a plane's, so that vectors can take turns between hemispheres; a single one is shared by rows.
    unsigned numVectors = TensorShape::dense(Element::Float32, 1, matrix.columns, model).numVectors();
    bool isShared = matrix.rows >= 2 * int64_t(model.planeLoadCycles) && (numVectors == 1 || !product.weights ||
                                                                           (numVectors % 2 && vector + 1 == numVectors));
    int64_t parts = isShared ? 2 : 1;
    for (int64_t part = 0; part < parts; ++part) {
      int64_t begin = matrix.rows * part / parts, end = matrix.rows * (part + 1) / parts;
      Hemisphere half = bothSides[(vector + part) % 2];
      for (int64_t row = begin; row < end; row += model.accumulatorRows) {
        Task task;
        task.isFloat16 = true;
        task.rows = std::min<int64_t>(end - row, model.accumulatorRows);
        task.tiles = makeTiles(product, matrix, vector, row, half);
        task.program = function;
        task.inputs = moveRows(chain.inputs, row);
        task.results = moveRows(targets, row);
        task.node = node;
        program.tasks.push_back(std::move(task));
      }
    }
  }

  static std::vector<RowsOf> moveRows(ArrayRef<RowsOf> rows, int64_t by) {
    std::vector<RowsOf> moved = rows.vec();
    for (RowsOf &row : moved)
      row.row += by * row.step;
    return moved;
  }

  std::vector<ProductTile> makeTiles(const Product &product, const Matrix &matrix, unsigned vector, int64_t row,
                                     Hemisphere half) {
    std::vector<ProductTile> tiles;
    unsigned perTile = model.halfLanes(), lanes = model.lanes();
    for (unsigned k = 0; k < product.depth; k += perTile) {
      unsigned depth = std::min(product.depth - k, perTile);
      ProductTile tile;
      tile.activations = {product.activations[static_cast<unsigned>(half)], k / lanes, row, 1};
      tile.half = k % lanes ? Half::High : Half::Low;
      tile.weights = product.weights ? constants.packHalves(product.weights, k, depth, vector * lanes,
                                                            std::min(matrix.columns - vector * lanes, lanes), half)
                                     : constants.packOnes(depth, half);
      tiles.push_back(tile);
    }
    return tiles;
  }

  //===--------------------------------------------------------------------===//
  // Ops
  //===--------------------------------------------------------------------===//

  void lower(Operation &op) {
    if (llvm::any_of(op.getOperands(), [&](Value value) { return !values.count(value) && !isFromWeights(value); }))
      return; // of a node that was refused
    if (auto matmul = dyn_cast<MatmulOp>(op))
      return lowerMatmul(matmul);
    if (auto function = dyn_cast<ElementwiseOp>(op))
      return lowerElementwise(function);
    if (auto norm = dyn_cast<LayerNormOp>(op))
      return lowerNorm(norm, norm.getInput(), norm.getScale(), norm.getBias(), norm.getAxis(), norm.getEpsilon(), true);
    if (auto norm = dyn_cast<RmsNormOp>(op))
      return lowerNorm(norm, norm.getInput(), norm.getScale(), {}, norm.getAxis(), norm.getEpsilon(), false);
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      return lowerReshape(reshape);
    refuse(&op, "target stream does not have it");
  }

  void finish(Value value) {
    if (!isPartOfFunction(value))
      materialize(value);
  }

  void lowerMatmul(MatmulOp op) {
    if (isFromWeights(op.getLhs()) || !isFromWeights(op.getRhs()))
      return refuse(op, "a product of two tensors that a run computes");
    if (getRank(op.getRhs()) != 2)
      return refuse(op, "weights of more than two dimensions");
    const ChipValue &lhs = values.find(op.getLhs())->second;
    ensureHalves(op.getLhs());
    Product product;
    product.weights = op.getRhs();
    for (Hemisphere half : bothSides)
      product.activations[static_cast<unsigned>(half)] = *lhs.f16[static_cast<unsigned>(half)];
    product.depth = lhs.matrix.columns;
    values[op.getResult()] = {getMatrix(op.getResult()), {}, {}, product};
    finish(op.getResult());
  }

  void lowerElementwise(ElementwiseOp op) {
    Matrix matrix = getMatrix(op.getResult());
    SmallVector<VectorOperand, 3> operands(op.getNumOperands());
    VectorProgram scratch;
    if (!addFunction(scratch, op.getKind(), operands))
      return refuse(op, "function '" + stringifyElementwiseKind(op.getKind()) + "' is not among the chip's");
    for (Value operand : op.getOperands()) {
      if (getSplat(operand))
        continue;
      Matrix other = getMatrix(operand);
      bool isRow = other.rows == 1 && other.columns == matrix.columns;
      if (!(other == matrix) && !isRow)
        return refuse(op, "an operand that is repeated along its last dimension");
    }
    values[op.getResult()] = {matrix, {}, {}, {}};
    finish(op.getResult());
  }

  void lowerReshape(ReshapeOp op) {
    Matrix from = values.find(op.getInput())->second.matrix;
    if (!(from == getMatrix(op.getResult())))
      return refuse(op, "a reshape that changes the last dimension");
    ChipValue value = values.find(op.getInput())->second;
    values[op.getResult()] = value;
  }

  /// Inputs come in f32: they are rounded for products when one wants it.
  void ensureHalves(Value value) {
    ChipValue &chip = values.find(value)->second;
    if (chip.f16[0])
      return;
    std::string name = "input";
    for (Hemisphere half : bothSides)
      chip.f16[static_cast<unsigned>(half)] =
          addTensor(StreamTensor::Temporary, name, Element::Float16, chip.matrix, half);
    std::vector<std::pair<unsigned, Element>> results = {{*chip.f16[0], Element::Float16},
                                                         {*chip.f16[1], Element::Float16}};
    unsigned numVectors = program.tensors[*chip.f16[0]].shape.numVectors();
    for (unsigned vector = 0; vector < numVectors; ++vector) {
      Chain chain = beginChain({});
      std::vector<RowsOf> targets;
      VectorOperand x = addInput(chain, {*chip.f32, vector, 0, 1});
      addWrites(chain, x, vector, results, targets);
      addTasks(chain, chip.matrix, vector, targets, name);
    }
  }

  void lowerNorm(Operation *op, Value input, Value scale, Value bias, int64_t axis, APFloat epsilon, bool isCentered) {
    if (axis + 1 != getRank(input))
      return refuse(op, "a norm over more than the last dimension");
    if (!isFromWeights(scale) || (bias && !isFromWeights(bias)))
      return refuse(op, "a norm whose scale or bias a run computes");
    // As the interpreter has the numbers: rounded once from double.
    ensureHalves(input);
    const ChipValue x = values.find(input)->second;
    std::string node = getNodeName(op);
    unsigned numVectors = program.tensors[*x.f32].shape.numVectors();
    unsigned deviations = *x.f32;
    unsigned squares[2];
    for (Hemisphere half : bothSides)
      squares[static_cast<unsigned>(half)] =
          addTensor(StreamTensor::Temporary, node, Element::Float16, x.matrix, half);
    std::vector<std::pair<unsigned, Element>> squareResults = {{squares[0], Element::Float16},
                                                               {squares[1], Element::Float16}};
    auto addSquares = [&](Chain &chain, VectorOperand d, unsigned vector, std::vector<RowsOf> &targets) {
      VectorOperand e = chain.program.add(AluOp::Mul, Element::Float32, d, VectorOperand::constant(0.0625f));
      addWrites(chain, chain.program.add(AluOp::Mul, Element::Float32, e, e), vector, squareResults, targets);
    };
    ChipValue sums = {x.matrix, {}, {}, Product{{}, {*x.f16[0], *x.f16[1]}, x.matrix.columns}};
    if (isCentered)
      deviations = addTensor(StreamTensor::Temporary, node, Element::Float32, x.matrix, nextSide());
    addByVectors(op, numVectors, isCentered ? &sums : nullptr, x.matrix, node,
                 [&](Chain &chain, unsigned first, unsigned last, std::vector<RowsOf> &targets) {
                   VectorOperand mean;
                   if (isCentered)
                     mean = chain.program.add(AluOp::Mul, Element::Float32, VectorOperand::input(0),
                                              VectorOperand::constant(static_cast<float>(1.0 / x.matrix.columns)));
                   for (unsigned vector = first; vector < last; ++vector) {
                     VectorOperand d = addInput(chain, {*x.f32, vector, 0, 1});
                     if (isCentered) {
                       d = chain.program.add(AluOp::Sub, Element::Float32, d, mean);
                       chain.program.results.push_back(d.index);
                       targets.push_back({deviations, vector, 0, 1});
                     }
                     addSquares(chain, d, vector, targets);
                   }
                 });
    Value result = op->getResult(0);
    ChipValue &y = values[result] = {x.matrix, {}, {}, {}};
    std::vector<std::pair<unsigned, Element>> results = addResults(result, y);
    ChipValue squareSums = {x.matrix, {}, {}, Product{{}, {squares[0], squares[1]}, x.matrix.columns}};
    addByVectors(op, numVectors, &squareSums, x.matrix, node,
                 [&](Chain &chain, unsigned first, unsigned last, std::vector<RowsOf> &targets) {
                   VectorOperand v =
                       chain.program.add(AluOp::Mul, Element::Float32, VectorOperand::input(0),
                                         VectorOperand::constant(static_cast<float>(256.0 / x.matrix.columns)));
                   v = chain.program.add(AluOp::Add, Element::Float32, v,
                                         VectorOperand::constant(static_cast<float>(epsilon.convertToDouble())));
                   VectorOperand factor = chain.program.add(AluOp::Rsqrt, Element::Float32, v);
                   for (unsigned vector = first; vector < last; ++vector) {
                     VectorOperand d = addInput(chain, {deviations, vector, 0, 1});
                     d = chain.program.add(AluOp::Mul, Element::Float32, d, factor);
                     d = chain.program.add(AluOp::Mul, Element::Float32, d, addValue(chain, scale, vector, x.matrix));
                     if (bias)
                       d = chain.program.add(AluOp::Add, Element::Float32, d, addValue(chain, bias, vector, x.matrix));
                     addWrites(chain, d, vector, results, targets);
                   }
                 });
  }

  /// Tasks that take as many vectors of a row at once as there are ALUs for: what is made of the sum is then made once.
  void addByVectors(Operation *op, unsigned numVectors, const ChipValue *product, const Matrix &matrix,
                    const std::string &node,
                    llvm::function_ref<void(Chain &, unsigned, unsigned, std::vector<RowsOf> &)> build) {
    for (unsigned first = 0; first < numVectors;) {
      unsigned last = numVectors;
      for (; last > first; --last) {
        Chain chain;
        if (product) {
          chain.program.takesProduct = true;
          chain.program.addInput(Element::Float32);
          chain.inputs.push_back({});
          chain.product = product;
        }
        std::vector<RowsOf> targets;
        build(chain, first, last, targets);
        if (!layOut(chain.program, model))
          continue;
        addTasks(chain, matrix, first, targets, node);
        break;
      }
      if (last == first)
        return refuse(op, "it takes more than the " + std::to_string(model.alus) + " ALUs that there are");
      first = last;
    }
  }

  func::FuncOp function;
  const TargetModel &model;
  StreamProgram program;
  ConstantTensors constants;
  llvm::DenseMap<Value, ChipValue> values;
  std::vector<UnsupportedNode> refused;
  Hemisphere side = Hemisphere::West;
};

} // namespace

llvm::Expected<StreamProgram> sinter::stream::lowerGraph(func::FuncOp function, const TargetModel &model,
                                                         ConstantReader read) {
  return GraphLowering(function, model, std::move(read)).run();
}
