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
#include "targets/stream/Lowering/LowerAttention.h"

#include "llvm/Support/MathExtras.h"

#include <limits>
#include <map>

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
  GraphLowering(func::FuncOp function, const TargetModel &model, ConstantReader read)
      : function(function), model(model), constants(program, model, std::move(read)) {}

  llvm::Expected<StreamProgram> run() {
    for (auto [i, argument] : llvm::enumerate(function.getArguments()))
      if (isRead(argument))
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

  unsigned addTensor(StreamTensor::Kind kind, std::string name, Element type, int64_t rows, std::vector<LanePart> parts,
                     Hemisphere side) {
    StreamTensor tensor;
    tensor.kind = kind;
    tensor.name = std::move(name);
    tensor.side = side;
    tensor.shape = {type, rows, std::move(parts), 1};
    return program.add(std::move(tensor));
  }
  unsigned addTemporary(const std::string &name, Element type, const ChipValue &chip, Hemisphere side) {
    return addTensor(StreamTensor::Temporary, name, type, chip.matrix.rows, chip.parts, side);
  }

  /// The parts of one vector.
  static std::vector<LanePart> partsOf(ArrayRef<LanePart> parts, unsigned vector) {
    std::vector<LanePart> chosen;
    llvm::copy_if(parts, std::back_inserter(chosen), [&](const LanePart &part) { return part.vector == vector; });
    return chosen;
  }

  /// Hemispheres take turns.
  Hemisphere nextSide() { return side = opposite(side); }

  /// Whether the chip reads the elements of an argument as they are: others are made for what reads them.
  static bool isRead(BlockArgument argument) {
    return cast<RankedTensorType>(argument.getType()).getElementType().isF32() &&
           llvm::any_of(argument.getUses(), [](OpOperand &use) {
             return !isa<AttentionOp>(use.getOwner()) || use.getOperandNumber() != 3;
           });
  }

  void addInput(Value value, StringRef name) {
    Matrix matrix = getMatrix(value);
    std::vector<LanePart> parts = TensorShape::denseParts(matrix.columns, model);
    ChipValue &chip = values[value];
    chip.matrix = matrix;
    chip.parts = parts;
    chip.f32 = addTensor(StreamTensor::Input, name.str(), Element::Float32, matrix.rows, parts, nextSide());
    program.tensors[*chip.f32].host = {cast<BlockArgument>(value).getArgNumber(), StreamTensor::Elements};
  }

  void addOutput(Value value, StringRef name) {
    auto found = values.find(value);
    if (found == values.end() && !refused.empty())
      return; // perhaps of a node that was refused
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
    unsigned copy =
        addTensor(StreamTensor::Output, name.str(), Element::Float32, chip.matrix.rows, chip.parts, nextSide());
    for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector) {
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
      return !isa<MatmulOp, AttentionOp, QuantizeOp>(user);
    });
  }
  /// The attention that reads the value, if there is one, and as what.
  static std::optional<HeadForm> findHeadForm(Value value) {
    for (OpOperand &use : value.getUses()) {
      if (auto attention = dyn_cast<AttentionOp>(use.getOwner()); attention && use.getOperandNumber() < 3)
        return HeadForm{attention, use.getOperandNumber()};
      if (isa<ReshapeOp>(use.getOwner()))
        if (std::optional<HeadForm> form = findHeadForm(use.getOwner()->getResult(0)))
          return form;
    }
    return std::nullopt;
  }
  static AttentionSizes sizesOf(AttentionOp op) {
    auto dims = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
    ArrayRef<int64_t> query = dims(op.getQuery()), value = dims(op.getValue());
    return {query[0],
            query[1],
            value[1],
            static_cast<unsigned>(query[2]),
            static_cast<unsigned>(value[2]),
            static_cast<unsigned>(query[3]),
            static_cast<unsigned>(value[3])};
  }
  std::vector<LanePart> layOutFor(const HeadForm &form) const {
    AttentionSizes sizes = sizesOf(form.op);
    std::optional<std::vector<LanePart>> parts;
    if (form.operand == 0)
      parts = layOutHeads(sizes.heads, sizes.size, sizes.heads / sizes.groups, model);
    else
      parts = layOutHeads(sizes.groups, form.operand == 1 ? sizes.size : sizes.valueSize, 1, model);
    return parts.value_or(std::vector<LanePart>());
  }

  /// Where the columns of a value that is about to be computed go: as an attention wants them, or as those of what is
  /// in memory that it is made of, or one after the other.
  std::vector<LanePart> chooseParts(Value value) const {
    if (std::optional<HeadForm> form = findHeadForm(value))
      return layOutFor(*form);
    if (const ChipValue *other = findInMemory(value))
      return other->parts;
    return TensorShape::denseParts(values.find(value)->second.matrix.columns, model);
  }
  const ChipValue *findInMemory(Value value) const {
    Operation *op = value.getDefiningOp();
    if (!isa_and_nonnull<ElementwiseOp>(op))
      return nullptr;
    for (Value operand : op->getOperands()) {
      auto found = values.find(operand);
      if (found == values.end())
        continue;
      if (found->second.f32)
        return &found->second;
      if (const ChipValue *other = findInMemory(operand))
        return other;
    }
    return nullptr;
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
    VectorOperand value;
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
  VectorOperand addValue(Chain &chain, Value value, unsigned vector, const Matrix &matrix, ArrayRef<LanePart> parts) {
    if (auto known = chain.known.find(value); known != chain.known.end())
      return known->second;
    if (std::optional<float> number = getSplat(value))
      return VectorOperand::constant(*number);
    if (isFromWeights(value)) {
      bool isRow = cast<RankedTensorType>(value.getType()).getNumElements() == matrix.columns;
      return addInput(chain, {constants.addRows(value, isRow ? 1 : matrix.rows, parts), vector, 0, isRow ? 0 : 1});
    }
    const ChipValue &chip = values.find(value)->second;
    VectorOperand operand;
    if (chip.f32) {
      if (!isSame(chip.parts, parts))
        isMixed = true;
      operand = addInput(chain, {*chip.f32, vector, 0, chip.matrix.rows == 1 ? 0 : 1});
    } else {
      auto op = cast<ElementwiseOp>(value.getDefiningOp());
      SmallVector<VectorOperand, 3> operands;
      for (Value from : op.getOperands())
        operands.push_back(addValue(chain, from, vector, matrix, parts));
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

  /// A chain that begins with vector `vector` of a product, if there is one.
  Chain beginChain(Value product, unsigned vector, ArrayRef<LanePart> columns) {
    Chain chain;
    if (!product)
      return chain;
    chain.product = &values.find(product)->second;
    QuantizedMatmulOp codes = chain.product->product->codes;
    chain.program.takesProduct = true;
    chain.program.addInput(codes ? Element::Int32 : Element::Float32);
    chain.inputs.push_back({});
    VectorOperand sum = VectorOperand::input(0);
    if (codes) {
      // The steps of sinter.quantized_matmul.
      if (int32_t zeroPoint = chain.product->product->zeroPoint) {
        chain.inputs.push_back({constants.addColumnSums(codes.getRhs(), -zeroPoint, columns), vector, 0, 0});
        VectorOperand sums = VectorOperand::input(chain.program.addInput(Element::Int32));
        sum = chain.program.add(AluOp::Add, Element::Int32, sum, sums);
      }
      sum = chain.program.convert(Element::Int32, Element::Float32, sum);
      Value scales = codes.getRhsScale();
      VectorOperand scale = addInput(chain, {constants.addRows(scales, 1, columns), vector, 0, 0});
      sum = chain.program.add(AluOp::Mul, Element::Float32, sum, scale);
      sum =
          chain.program.add(AluOp::Mul, Element::Float32, sum, VectorOperand::constant(chain.product->product->scale));
    }
    chain.known[product] = sum;
    return chain;
  }

  static bool isSame(ArrayRef<LanePart> a, ArrayRef<LanePart> b) {
    return llvm::equal(a, b, [](const LanePart &x, const LanePart &y) {
      return x.column == y.column && x.columns == y.columns && x.vector == y.vector && x.lane == y.lane;
    });
  }

  static void forEachQuantize(Value value, llvm::function_ref<void(QuantizeOp)> call) {
    for (Operation *user : value.getUsers())
      if (auto quantize = dyn_cast<QuantizeOp>(user))
        call(quantize);
      else if (isa<ReshapeOp>(user))
        forEachQuantize(user->getResult(0), call);
  }

  /// A number that follows from constants; 0, and the node is refused, where it cannot be read.
  double readNumber(Operation *op, Value value) {
    llvm::Expected<double> number = constants.readNumber(value);
    if (number)
      return *number;
    refuse(op, llvm::toString(number.takeError()));
    return 0;
  }
  /// Codes without a sign are kept with one: 128 less, and so is their zero point.
  int32_t getZeroPoint(Operation *op, Value zeroPoint, Type type) {
    int32_t zero = zeroPoint ? static_cast<int32_t>(readNumber(op, zeroPoint)) : 0;
    return cast<QuantizedType>(cast<RankedTensorType>(type).getElementType()).getStorage().isUnsignedInteger()
               ? zero - 128
               : zero;
  }

  /// Writes the codes of a value, unless they are there.
  void addCodes(QuantizeOp op, const ChipValue &chip, std::vector<Written> &results) {
    ChipValue &codes = values[op.getResult()];
    if (codes.codes[0])
      return;
    codes.matrix = chip.matrix;
    codes.parts = chip.parts;
    float scale = static_cast<float>(readNumber(op, op.getScale()));
    int32_t zeroPoint = getZeroPoint(op, op.getZeroPoint(), op.getResult().getType());
    for (Hemisphere half : bothSides) {
      codes.codes[static_cast<unsigned>(half)] = addTemporary(getNodeName(op), Element::Int8, codes, half);
      results.push_back({*codes.codes[static_cast<unsigned>(half)], Element::Int8, 1.0f / scale, zeroPoint});
    }
  }

  /// Gives the value the tensors that its users read.
  std::vector<Written> addResults(Value value, ChipValue &chip) {
    std::vector<Written> results;
    std::string name = value.getDefiningOp() ? getNodeName(value.getDefiningOp()) : "input";
    if (isReadInF32(value) && !chip.f32) {
      chip.f32 = addTemporary(name, Element::Float32, chip, nextSide());
      results.push_back({*chip.f32, Element::Float32});
    }
    forEachQuantize(value, [&](QuantizeOp quantize) { addCodes(quantize, chip, results); });
    for (Hemisphere half : bothSides) {
      unsigned index = static_cast<unsigned>(half);
      if (isMultiplied(value) && !chip.f16[index]) {
        chip.f16[index] = addTemporary(name, Element::Float16, chip, half);
        results.push_back({*chip.f16[index], Element::Float16});
      }
      std::optional<HeadForm> form = findHeadForm(value);
      if (!form || chip.heads[index])
        continue;
      chip.heads[index] = addTemporary(name, Element::Float16, chip, half);
      StreamTensor &tensor = program.tensors[*chip.heads[index]];
      if (form->operand != 1) { // what becomes columns
        tensor.shape.interleave = model.rowsPerLoad(/*isFloat16=*/true);
        tensor.isPadded = true;
      }
      results.push_back({*chip.heads[index], Element::Float16});
      if (form->operand == 0)
        results.back().scale = static_cast<float>(form->op.getScale().convertToDouble());
    }
    return results;
  }

  /// Ends a chain with what is written of one vector of the value: operand `x`.
  static void addWrites(Chain &chain, VectorOperand x, unsigned vector, ArrayRef<Written> results,
                        std::vector<RowsOf> &targets) {
    bool isWritten = false;
    // What two hemispheres get is the same but for its last step.
    const Written *last = nullptr;
    VectorOperand prepared;
    for (const Written &result : results) {
      if (!last || last->type != result.type || last->scale != result.scale || last->zeroPoint != result.zeroPoint)
        prepared = prepare(chain, x, result);
      last = &result;
      VectorOperand written = prepared;
      // An operation's result goes one way; an input or a result that goes another way already is passed on.
      if (result.type != Element::Float32)
        written = chain.program.convert(result.zeroPoint ? Element::Int32 : Element::Float32, result.type, prepared);
      else if (x.kind != VectorOperand::Operation || isWritten)
        written = chain.program.add(AluOp::Copy, Element::Float32, x);
      isWritten |= result.type == Element::Float32;
      chain.program.results.push_back(written.index);
      targets.push_back({result.tensor, vector, 0, 1});
    }
  }

  /// All steps but the last conversion.
  static VectorOperand prepare(Chain &chain, VectorOperand x, const Written &result) {
    if (result.scale)
      x = chain.program.add(AluOp::Mul, Element::Float32, x, VectorOperand::constant(*result.scale));
    if (!result.zeroPoint)
      return x;
    x = chain.program.convert(Element::Float32, Element::Int32, x);
    return chain.program.add(AluOp::Add, Element::Int32, x,
                             VectorOperand::constant(static_cast<uint32_t>(result.zeroPoint)));
  }

  static unsigned countVectors(ArrayRef<LanePart> parts) {
    unsigned count = 0;
    for (const LanePart &part : parts)
      count = std::max(count, part.vector + 1);
    return count;
  }

  /// Computes a value into memory.
  void materialize(Value value) {
    ChipValue &chip = values.find(value)->second;
    Operation *op = value.getDefiningOp();
    chip.parts = chooseParts(value);
    if (chip.parts.empty())
      return refuse(op, "a head of more than " + std::to_string(model.halfLanes()) + " elements");
    // Too long a chain is cut: what it is made of goes to memory first, the product before anything else.
    bool isWhole = fits(value, chip, /*onlyF32=*/false);
    for (Value part; !isWhole && (part = findCut(value)); isWhole = fits(value, chip, /*onlyF32=*/false)) {
      materialize(part);
      chip.parts = chooseParts(value);
    }
    if (!isWhole && !fits(value, chip, /*onlyF32=*/true))
      return refuse(op, "the function takes more than the " + std::to_string(model.alus) + " ALUs that there are");
    Value product = findProduct(value);
    std::vector<Chain> chains;
    for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector) {
      chains.push_back(beginChain(product, vector, chip.parts));
      chains.back().value = addValue(chains.back(), value, vector, chip.matrix, chip.parts);
    }
    std::string node = getNodeName(op);
    std::vector<Written> results, others;
    if (!isWhole) // what is written besides f32 is made of what is written in f32
      chip.f32 = addTemporary(node, Element::Float32, chip, nextSide());
    (isWhole ? results : others) = addResults(value, chip);
    if (!isWhole)
      results = {{*chip.f32, Element::Float32}};
    for (auto [vector, chain] : llvm::enumerate(chains)) {
      std::vector<RowsOf> targets;
      addWrites(chain, chain.value, vector, results, targets);
      addTasks(chain, chip.matrix, vector, chip.parts, targets, node);
    }
    chip.product = std::nullopt;
    if (!others.empty())
      addForms(chip, others, node);
    if (std::exchange(isMixed, false))
      refuse(op, "a function of tensors whose heads lie differently");
  }

  /// Writes forms of a value that is in memory in f32.
  void addForms(const ChipValue &chip, ArrayRef<Written> results, const std::string &node) {
    for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector) {
      Chain chain;
      std::vector<RowsOf> targets;
      addWrites(chain, addInput(chain, {*chip.f32, vector, 0, 1}), vector, results, targets);
      addTasks(chain, chip.matrix, vector, chip.parts, targets, node);
    }
  }

  /// What of a chain goes to memory first where the chain is too long: the product, before anything else.
  Value findCut(Value value) const {
    Value product = findProduct(value);
    return product && product != value ? product : findPart(value);
  }

  /// Whether the chain of the value, and of all that is written of it, has ALUs enough.
  bool fits(Value value, const ChipValue &chip, bool onlyF32) {
    Chain chain = beginChain(findProduct(value), 0, chip.parts);
    VectorOperand x = addValue(chain, value, 0, chip.matrix, chip.parts);
    // As many results as there can be: their tensors are not there yet.
    std::vector<Written> results;
    if (isReadInF32(value) || onlyF32)
      results.push_back({0, Element::Float32});
    if (!onlyF32) {
      forEachQuantize(value, [&](QuantizeOp op) {
        bool hasZero = getZeroPoint(op, op.getZeroPoint(), op.getResult().getType()) != 0;
        results.insert(results.end(), 2, Written{0, Element::Int8, 1.0f, hasZero});
      });
      std::optional<HeadForm> form = findHeadForm(value);
      for (unsigned i = 0; i < (isMultiplied(value) ? 2 : 0) + (form ? 2 : 0); ++i)
        results.push_back({0, Element::Float16, form && form->operand == 0 ? std::optional<float>(1) : std::nullopt});
    }
    std::vector<RowsOf> targets;
    addWrites(chain, x, 0, results, targets);
    return layOut(chain.program, model).has_value();
  }

  /// A function that is part of the value's chain, not in memory yet.
  Value findPart(Value value) const {
    for (Value operand : value.getDefiningOp()->getOperands())
      if (auto found = values.find(operand); found != values.end() && !found->second.f32)
        return operand;
    return {};
  }

  /// The tasks of a chain: for a product, one for each hemisphere that has rows of it.
  void addTasks(const Chain &chain, const Matrix &matrix, unsigned vector, ArrayRef<LanePart> columns,
                ArrayRef<RowsOf> targets, const std::string &node) {
    auto function = std::make_shared<VectorProgram>(chain.program);
    if (!chain.product) {
      program.tasks.push_back({false, {}, matrix.rows, function, chain.inputs, targets.vec(), node});
      return;
    }
    const Product &product = *chain.product->product;
    // A vector's columns are a plane's, so that vectors can take turns between hemispheres; a single one is shared by
    // rows.
    unsigned numVectors = countVectors(columns);
    bool isShared = matrix.rows >= 2 * int64_t(model.planeLoadCycles) &&
                    (numVectors == 1 || !product.weights || (numVectors % 2 && vector + 1 == numVectors));
    int64_t parts = isShared ? 2 : 1;
    for (int64_t part = 0; part < parts; ++part) {
      int64_t begin = matrix.rows * part / parts, end = matrix.rows * (part + 1) / parts;
      Hemisphere half = bothSides[(vector + part) % 2];
      for (int64_t row = begin; row < end; row += model.accumulatorRows) {
        Task task;
        task.isFloat16 = !product.codes;
        task.rows = std::min<int64_t>(end - row, model.accumulatorRows);
        task.tiles = makeTiles(product, partsOf(columns, vector), row, half);
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

  std::vector<ProductTile> makeTiles(const Product &product, ArrayRef<LanePart> columns, int64_t row, Hemisphere half) {
    std::vector<ProductTile> tiles;
    for (unsigned vector = 0; product.codes && vector < countVectors(product.parts); ++vector) {
      ProductTile tile;
      tile.activations = {product.activations[static_cast<unsigned>(half)], vector, row, 1};
      tile.weights = constants.packBytes(product.weights, partsOf(product.parts, vector), columns, half);
      tiles.push_back(tile);
    }
    if (product.codes)
      return tiles;
    for (unsigned i = 0; i < 2 * countVectors(product.parts); ++i) {
      // What of the activations lies in this half of this vector.
      std::vector<LanePart> rows;
      unsigned begin = i % 2 * model.halfLanes();
      for (const LanePart &part : partsOf(product.parts, i / 2)) {
        unsigned first = std::max(part.lane, begin),
                 last = std::min(part.lane + part.columns, begin + model.halfLanes());
        if (first < last)
          rows.push_back({part.column + first - part.lane, last - first, 0, first - begin});
      }
      if (rows.empty())
        continue;
      ProductTile tile;
      tile.activations = {product.activations[static_cast<unsigned>(half)], i / 2, row, 1};
      tile.half = i % 2 ? Half::High : Half::Low;
      tile.weights =
          product.weights ? constants.packHalves(product.weights, rows, columns, half) : constants.packOnes(rows, half);
      tiles.push_back(tile);
    }
    return tiles;
  }

  //===--------------------------------------------------------------------===//
  // Ops
  //===--------------------------------------------------------------------===//

  void lower(Operation &op) {
    if (NumericsAttr numerics = NumericsAttr::of(&op);
        numerics && numerics.getTile() != getProductTile(&op, model)) // then there would be other bits than promised
      return refuse(&op, "tiles of " + std::to_string(numerics.getTile()) + ", where the chip has " +
                             std::to_string(getProductTile(&op, model)));
    if (llvm::any_of(op.getOperands(), [&](Value value) {
          return !values.count(value) && !isFromWeights(value) && !isa<BlockArgument>(value);
        }))
      return; // of a node that was refused
    if (auto matmul = dyn_cast<MatmulOp>(op))
      return lowerMatmul(matmul);
    if (auto function = dyn_cast<ElementwiseOp>(op))
      return lowerElementwise(function);
    if (auto norm = dyn_cast<LayerNormOp>(op))
      return lowerNorm(norm, norm.getInput(), norm.getScale(), norm.getBias(), norm.getAxis(), norm.getEpsilon(), true);
    if (auto norm = dyn_cast<RmsNormOp>(op))
      return lowerNorm(norm, norm.getInput(), norm.getScale(), {}, norm.getAxis(), norm.getEpsilon(), false);
    if (auto attention = dyn_cast<AttentionOp>(op))
      return lowerOp(attention);
    if (auto quantize = dyn_cast<QuantizeOp>(op))
      return lowerQuantize(quantize);
    if (auto matmul = dyn_cast<QuantizedMatmulOp>(op))
      return lowerQuantizedMatmul(matmul);
    if (auto gather = dyn_cast<GatherOp>(op))
      return lowerGather(gather);
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
    ensureForms(op.getLhs());
    const ChipValue &lhs = values.find(op.getLhs())->second;
    Product product = {op.getRhs(), {*lhs.f16[0], *lhs.f16[1]}, lhs.parts};
    ChipValue value;
    value.matrix = getMatrix(op.getResult());
    value.product = product;
    values[op.getResult()] = value;
    finish(op.getResult());
  }

  /// Codes are written with the value that they are codes of; here, those of inputs.
  void lowerQuantize(QuantizeOp op) {
    if (auto found = values.find(op.getResult()); found != values.end() && found->second.codes[0])
      return;
    const ChipValue input = values.find(op.getInput())->second;
    std::vector<Written> results;
    addCodes(op, input, results);
    addForms(input, results, getNodeName(op));
  }

  void lowerQuantizedMatmul(QuantizedMatmulOp op) {
    auto lhs = values.find(op.getLhs());
    auto typeOf = [](Value value) {
      return cast<QuantizedType>(cast<RankedTensorType>(value.getType()).getElementType());
    };
    QuantizedType rhsType = typeOf(op.getRhs());
    if (lhs == values.end() || !lhs->second.codes[0] || !typeOf(op.getLhs()).getBlocks().empty())
      return refuse(op, "codes with a scale for each row; --quantize=w8a8s gives them one scale");
    if (rhsType.getBits() != 8 || rhsType.getStorage().isUnsignedInteger() || op.getRhsZeroPoint() ||
        !isFromWeights(op.getRhs()) || (!rhsType.getBlocks().empty() && rhsType.getBlocks().front() != 0))
      return refuse(op, "weights other than signed codes of 8 bits with a scale for each column");
    Product product = {op.getRhs(), {*lhs->second.codes[0], *lhs->second.codes[1]}, lhs->second.parts};
    product.codes = op;
    product.scale = static_cast<float>(readNumber(op, op.getLhsScale()));
    product.zeroPoint = getZeroPoint(op, op.getLhsZeroPoint(), op.getLhs().getType());
    ChipValue value;
    value.matrix = getMatrix(op.getResult());
    value.product = product;
    values[op.getResult()] = value;
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
    ChipValue value;
    value.matrix = matrix;
    values[op.getResult()] = value;
    finish(op.getResult());
  }

  /// Rows stay rows: some of the last dimensions are, together, a row.
  void lowerReshape(ReshapeOp op) {
    ChipValue value = values.find(op.getInput())->second;
    int64_t columns = 1;
    for (int64_t size : llvm::reverse(cast<RankedTensorType>(op.getResult().getType()).getShape())) {
      if (columns >= value.matrix.columns)
        break;
      columns *= size;
    }
    if (columns != value.matrix.columns)
      return refuse(op, "a reshape that cuts or joins rows");
    values[op.getResult()] = value;
  }

  /// A value that is in memory in f32 only, as inputs are, is rounded when a product wants it.
  void ensureForms(Value value) {
    ChipValue &chip = values.find(value)->second;
    if (chip.f16[0])
      return;
    std::vector<Written> results;
    for (Hemisphere half : bothSides) {
      unsigned index = static_cast<unsigned>(half);
      chip.f16[index] = addTemporary("input", Element::Float16, chip, half);
      results.push_back({*chip.f16[index], Element::Float16});
    }
    addForms(chip, results, "input");
  }

  /// A table lies in pieces of a bank's words, in both hemispheres, and every row is looked up in each piece: zeros
  /// where it is not, so that bits of all pieces are the row.
  void lowerGather(GatherOp op) {
    if (!isFromWeights(op.getData()) || op.getAxis() != 0 || getRank(op.getData()) != 2)
      return refuse(op, "a gather that is not rows of a table of weights");
    auto argument = dyn_cast<BlockArgument>(op.getIndices());
    if (!argument)
      return refuse(op, "a gather whose indices are computed");
    int64_t tableRows = cast<RankedTensorType>(op.getData().getType()).getDimSize(0);
    if (tableRows > std::numeric_limits<uint16_t>::max() + 1)
      return refuse(op, "a table of " + std::to_string(tableRows) + " rows; there are 16 bits for their numbers");
    std::string node = getNodeName(op);
    ChipValue &chip = values[op.getResult()];
    chip.matrix = getMatrix(op.getResult());
    chip.parts = TensorShape::denseParts(chip.matrix.columns, model);
    std::vector<Written> results = addResults(op.getResult(), chip);
    int64_t pieces = llvm::divideCeil(tableRows, model.wordsPerBank());
    for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector) {
      Chain chain;
      Task task;
      std::vector<VectorOperand> rows;
      for (int64_t piece = 0; piece < pieces; ++piece) {
        Hemisphere half = bothSides[piece % 2];
        int64_t first = piece * model.wordsPerBank();
        unsigned table = constants.addTable(
            op.getData(), first, std::min<int64_t>(tableRows - first, model.wordsPerBank()), chip.parts, half);
        task.lookups[chain.inputs.size()] = {{addIndices(argument, chip.matrix.rows, half), 0, 0, 1},
                                             static_cast<unsigned>(first)};
        rows.push_back(VectorOperand::input(chain.program.addInput(Element::Float32)));
        chain.inputs.push_back({table, vector, 0, 1});
      }
      while (rows.size() > 1) {
        std::vector<VectorOperand> pairs;
        for (size_t i = 0; i + 1 < rows.size(); i += 2)
          pairs.push_back(chain.program.add(AluOp::Or, Element::Int32, rows[i], rows[i + 1]));
        if (rows.size() % 2) // one that came later would have to be looked up by numbers of its own
          pairs.push_back(chain.program.add(AluOp::Copy, Element::Int32, rows.back()));
        rows = std::move(pairs);
      }
      addWrites(chain, rows.front(), vector, results, task.results);
      task.rows = chip.matrix.rows;
      task.program = std::make_shared<VectorProgram>(chain.program);
      task.inputs = chain.inputs;
      task.node = node;
      program.tasks.push_back(std::move(task));
    }
  }

  /// Numbers of rows as an input, in all lanes, once in each hemisphere.
  unsigned addIndices(BlockArgument argument, int64_t rows, Hemisphere half) {
    auto [known, isNew] = indices.try_emplace({argument.getArgNumber(), half});
    if (!isNew)
      return known->second;
    StringRef name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "sinter.name").getValue();
    known->second = addTensor(StreamTensor::Input, (name + (half == Hemisphere::East ? ".east" : ".west")).str(),
                              Element::Int16, rows, TensorShape::denseParts(model.lanes(), model), half);
    program.tensors[known->second].isOutermost = true;
    program.tensors[known->second].host = {argument.getArgNumber(), StreamTensor::Indices};
    return known->second;
  }

  void lowerOp(AttentionOp op) {
    auto mask = dyn_cast_if_present<BlockArgument>(op.getBias());
    if (op.getCausal() || (op.getBias() && !mask && !isFromWeights(op.getBias())))
      return refuse(op, "attention with a mask that the chip computes");
    StringRef maskName;
    if (mask)
      maskName = function.getArgAttrOfType<StringAttr>(mask.getArgNumber(), "sinter.name").getValue();
    AttentionSizes sizes = sizesOf(op);
    AttentionTensors tensors;
    unsigned (*forms[])[2] = {&tensors.query, &tensors.key, &tensors.value};
    for (auto [i, operand] : llvm::enumerate(op.getOperands().take_front(3))) {
      const ChipValue &chip = values.find(operand)->second;
      if (!chip.heads[0])
        return refuse(op, "attention of an input, or of a value that another attention reads");
      for (unsigned side = 0; side < 2; ++side)
        (*forms[i])[side] = *chip.heads[side];
    }
    std::optional<std::vector<LanePart>> parts = layOutHeads(sizes.heads, sizes.valueSize, 1, model);
    if (!parts)
      return refuse(op, "a head of more than " + std::to_string(model.halfLanes()) + " elements");
    ChipValue &chip = values[op.getResult()];
    chip.matrix = {sizes.batches * sizes.queries, sizes.heads * sizes.valueSize};
    chip.parts = *parts;
    std::vector<Written> results = addResults(op.getResult(), chip);
    std::string node = getNodeName(op);
    lowerAttention(program, constants, model, sizes, tensors, op.getBias(), maskName, node,
                   [&](unsigned vector, int64_t row, int64_t rows, std::vector<ProductTile> tiles) {
                     Chain chain;
                     chain.program.takesProduct = true;
                     chain.inputs.push_back({});
                     VectorOperand x = VectorOperand::input(chain.program.addInput(Element::Float32));
                     std::vector<RowsOf> targets;
                     addWrites(chain, x, vector, results, targets);
                     program.tasks.push_back({true, std::move(tiles), rows,
                                              std::make_shared<VectorProgram>(chain.program), chain.inputs,
                                              moveRows(targets, row), node});
                   });
  }

  void lowerNorm(Operation *op, Value input, Value scale, Value bias, int64_t axis, APFloat epsilon, bool isCentered) {
    if (axis + 1 != getRank(input))
      return refuse(op, "a norm over more than the last dimension");
    if (!isFromWeights(scale) || (bias && !isFromWeights(bias)))
      return refuse(op, "a norm whose scale or bias a run computes");
    ensureForms(input);
    const ChipValue x = values.find(input)->second;
    std::string node = getNodeName(op);
    unsigned deviations = *x.f32;
    unsigned squares[2];
    for (Hemisphere half : bothSides)
      squares[static_cast<unsigned>(half)] = addTemporary(node, Element::Float16, x, half);
    std::vector<Written> squareResults = {{squares[0], Element::Float16}, {squares[1], Element::Float16}};
    auto addSquares = [&](Chain &chain, VectorOperand d, unsigned vector, std::vector<RowsOf> &targets) {
      VectorOperand e = chain.program.add(AluOp::Mul, Element::Float32, d, VectorOperand::constant(0.0625f));
      addWrites(chain, chain.program.add(AluOp::Mul, Element::Float32, e, e), vector, squareResults, targets);
    };
    ChipValue sums, squareSums;
    sums.product = Product{{}, {*x.f16[0], *x.f16[1]}, x.parts};
    squareSums.product = Product{{}, {squares[0], squares[1]}, x.parts};
    if (isCentered)
      deviations = addTemporary(node, Element::Float32, x, nextSide());
    addByVectors(op, x, isCentered ? &sums : nullptr, node,
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
    ChipValue &y = values[result];
    y.matrix = x.matrix;
    y.parts = x.parts;
    std::vector<Written> results = addResults(result, y);
    addByVectors(
        op, x, &squareSums, node, [&](Chain &chain, unsigned first, unsigned last, std::vector<RowsOf> &targets) {
          VectorOperand v = chain.program.add(AluOp::Mul, Element::Float32, VectorOperand::input(0),
                                              VectorOperand::constant(static_cast<float>(256.0 / x.matrix.columns)));
          v = chain.program.add(AluOp::Add, Element::Float32, v,
                                VectorOperand::constant(static_cast<float>(epsilon.convertToDouble())));
          VectorOperand factor = chain.program.add(AluOp::Rsqrt, Element::Float32, v);
          for (unsigned vector = first; vector < last; ++vector) {
            VectorOperand d = addInput(chain, {deviations, vector, 0, 1});
            d = chain.program.add(AluOp::Mul, Element::Float32, d, factor);
            d = chain.program.add(AluOp::Mul, Element::Float32, d, addValue(chain, scale, vector, x.matrix, x.parts));
            if (bias)
              d = chain.program.add(AluOp::Add, Element::Float32, d, addValue(chain, bias, vector, x.matrix, x.parts));
            addWrites(chain, d, vector, results, targets);
          }
        });
  }

  /// Tasks that take as many vectors of a row at once as there are ALUs for: what is made of the sum is then made once.
  void addByVectors(Operation *op, const ChipValue &x, const ChipValue *product, const std::string &node,
                    llvm::function_ref<void(Chain &, unsigned, unsigned, std::vector<RowsOf> &)> build) {
    unsigned numVectors = countVectors(x.parts);
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
        addTasks(chain, x.matrix, first, x.parts, targets, node);
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
  /// Never walked through: the order says nothing. References to values hold out.
  struct Order {
    bool operator()(Value a, Value b) const { return a.getAsOpaquePointer() < b.getAsOpaquePointer(); }
  };
  std::map<Value, ChipValue, Order> values;
  std::map<std::pair<unsigned, Hemisphere>, unsigned> indices;
  std::vector<UnsupportedNode> refused;
  Hemisphere side = Hemisphere::West;
  bool isMixed = false;
};

} // namespace

/// The attention whose heads are the columns of a value.
static AttentionOp findAttention(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto attention = dyn_cast_or_null<AttentionOp>(op))
    return attention;
  if (isa_and_nonnull<ReshapeOp, ElementwiseOp>(op))
    for (Value operand : op->getOperands())
      if (AttentionOp attention = findAttention(operand))
        return attention;
  return {};
}

int64_t sinter::stream::getProductTile(Operation *op, const TargetModel &model) {
  bool isProduct = isa<MatmulOp, LayerNormOp, RmsNormOp>(op);
  AttentionOp attention = isProduct ? findAttention(op->getOperand(0)) : AttentionOp();
  if (!attention)
    return model.halfLanes();
  int64_t size = cast<RankedTensorType>(attention.getResult().getType()).getShape().back();
  int64_t perHalf = model.halfLanes() / llvm::alignTo(size, model.lanesPerSuperlane);
  return std::max<int64_t>(perHalf, 1) * size;
}

llvm::Expected<StreamProgram> sinter::stream::lowerGraph(func::FuncOp function, const TargetModel &model,
                                                         ConstantReader read) {
  return GraphLowering(function, model, std::move(read)).run();
}
