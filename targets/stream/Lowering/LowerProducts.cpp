//===- LowerProducts.cpp - Products by weights as arrays of a streaming chip ===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/stream/Lowering/CutProgram.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

void GraphLowering::addTasks(const Chain &chain, const Matrix &matrix, unsigned vector, ArrayRef<LanePart> columns,
                             ArrayRef<RowsOf> targets, const std::string &node) {
  // Where the results of operations are written.
  std::map<unsigned, RowsOf> places;
  for (auto [operation, target] : llvm::zip_equal(chain.program.results, targets))
    places[operation] = target;
  std::map<unsigned, RowsOf> scatters;
  for (const auto &[result, numbers] : chain.scatters)
    scatters[chain.program.results[result]] = numbers;
  std::vector<ProgramPiece> pieces = cutProgram(chain.program, model);
  assert(!pieces.empty() && "there are ALUs for each operation");
  for (ProgramPiece &piece : pieces) {
    Task task;
    task.rows = matrix.rows;
    task.node = node;
    for (const ProgramPiece::Source &source : piece.sources)
      task.inputs.push_back(source.isOperation ? places.at(source.index) : chain.inputs[source.index]);
    for (unsigned operation : piece.written) {
      auto [place, isHandedOver] = places.try_emplace(operation);
      if (isHandedOver)
        place->second.tensor = addTensor(StreamTensor::Temporary, node, chain.program.operations[operation].to,
                                         matrix.rows, {{0, model.lanes(), 0, 0}}, nextSide());
      if (auto numbers = scatters.find(operation); numbers != scatters.end())
        task.scatters[task.results.size()] = numbers->second;
      task.results.push_back(place->second);
    }
    bool takesProduct = piece.program.takesProduct;
    task.program = std::make_shared<VectorProgram>(std::move(piece.program));
    if (takesProduct)
      addProductTasks(*chain.product->product, task, vector, columns);
    else
      program.tasks.push_back(std::move(task));
  }
}

void GraphLowering::addProductTasks(const Product &product, const Task &whole, unsigned vector,
                                    ArrayRef<LanePart> columns) {
  // A vector's columns are a plane's, so that vectors can take turns between hemispheres; a single one is shared by
  // rows.
  unsigned numVectors = countVectors(columns);
  if (unsigned parts = countParts(product, whole.rows, vector, numVectors); parts > 1)
    return addPartialSums(product, whole, partsOf(columns, vector), parts);
  bool isShared = whole.rows >= 2 * int64_t(model.planeLoadCycles) &&
                  (numVectors == 1 || !product.weights || (numVectors % 2 && vector + 1 == numVectors));
  int64_t parts = isShared ? 2 : 1;
  for (int64_t part = 0; part < parts; ++part) {
    int64_t begin = whole.rows * part / parts, end = whole.rows * (part + 1) / parts;
    Hemisphere half = bothSides[(vector + part) % 2];
    for (int64_t row = begin; row < end; row += model.accumulatorRows) {
      Task task = whole;
      task.isFloat16 = !product.codes;
      task.rows = std::min<int64_t>(end - row, model.accumulatorRows);
      task.tiles = makeTiles(product, partsOf(columns, vector), row, half);
      task.inputs = moveRows(whole.inputs, row);
      task.results = moveRows(whole.results, row);
      task.scatters = moveScatters(whole.scatters, row);
      program.tasks.push_back(std::move(task));
    }
  }
}

unsigned GraphLowering::countParts(const Product &product, int64_t rows, unsigned vector, unsigned numVectors) const {
  // Of few rows loading takes all of the time, and vectors that do not make a whole turn of the planes would leave some
  // of them without work: the first ones, so that adding up is not what comes last. Sums of whole numbers are the same
  // in any order.
  unsigned numPlanes = 2 * model.planesPerHemisphere, rest = numVectors % numPlanes;
  if (!product.codes || rows >= int64_t(model.planeLoadCycles) || rest == 0 || vector >= rest)
    return 1;
  return std::min(numPlanes / rest, countVectors(product.parts));
}

void GraphLowering::addPartialSums(const Product &product, const Task &whole, ArrayRef<LanePart> columns,
                                   unsigned parts) {
  Task last = whole;
  VectorProgram function;
  last.inputs.erase(last.inputs.begin());
  function.inputs.assign(whole.program->inputs.begin() + 1, whole.program->inputs.end());
  std::optional<VectorOperand> sum;
  for (unsigned part = 0; part < parts; ++part) {
    Hemisphere half = bothSides[part % 2];
    std::vector<ProductTile> tiles = makeTiles(product, columns, 0, half);
    size_t begin = tiles.size() * part / parts, end = tiles.size() * (part + 1) / parts;
    Task task = {false, {tiles.begin() + begin, tiles.begin() + end}, whole.rows, nullptr, {{}}, {}, whole.node};
    VectorProgram copy;
    copy.takesProduct = true;
    VectorOperand x = VectorOperand::input(copy.addInput(Element::Int32));
    copy.results = {copy.add(AluOp::Copy, Element::Int32, x).index};
    task.program = std::make_shared<VectorProgram>(std::move(copy));
    RowsOf rows = {
        addTensor(StreamTensor::Temporary, whole.node, Element::Int32, whole.rows, {{0, model.lanes(), 0, 0}}, half), 0,
        0, 1};
    task.results = {rows};
    program.tasks.push_back(std::move(task));
    last.inputs.push_back(rows);
    VectorOperand partial = VectorOperand::input(function.addInput(Element::Int32));
    sum = sum ? function.add(AluOp::Add, Element::Int32, *sum, partial) : partial;
  }
  // The whole sum takes the place of the product.
  unsigned numAdded = function.operations.size();
  for (VectorOperation operation : whole.program->operations) {
    for (VectorOperand &operand : operation.operands)
      if (operand.kind == VectorOperand::Input)
        operand = operand.index == 0 ? *sum : VectorOperand::input(operand.index - 1);
      else if (operand.kind == VectorOperand::Operation)
        operand.index += numAdded;
    function.operations.push_back(operation);
  }
  for (unsigned result : whole.program->results)
    function.results.push_back(result + numAdded);
  last.program = std::make_shared<VectorProgram>(std::move(function));
  program.tasks.push_back(std::move(last));
}

std::vector<ProductTile> GraphLowering::makeTiles(const Product &product, ArrayRef<LanePart> columns, int64_t row,
                                                  Hemisphere half) {
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
      unsigned first = std::max(part.lane, begin), last = std::min(part.lane + part.columns, begin + model.halfLanes());
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

void GraphLowering::lowerMatmul(MatmulOp op) {
  if (isDot(op))
    return lowerDot(op);
  ensureForms(op.getLhs(), op);
  const ChipValue &lhs = values.find(op.getLhs())->second;
  Product product = {op.getRhs(), {*lhs.f16[0], *lhs.f16[1]}, lhs.parts};
  ChipValue value;
  value.matrix = getMatrix(op.getResult());
  value.product = product;
  values[op.getResult()] = value;
  finish(op.getResult());
}

void GraphLowering::lowerQuantize(QuantizeOp op) {
  if (auto found = values.find(op.getResult()); found != values.end() && found->second.codes[0])
    return;
  const ChipValue input = values.find(op.getInput())->second;
  std::vector<Written> results;
  addCodes(op, input, results);
  addForms(input, results, getNodeName(op));
}

void GraphLowering::lowerQuantizedMatmul(QuantizedMatmulOp op) {
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
