//===- LowerGraph.cpp - A graph of named ops as tasks of a streaming chip -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/GraphLowering.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

llvm::Expected<StreamProgram> GraphLowering::run() {
  addStates();
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

void GraphLowering::refuse(Operation *op, const llvm::Twine &reason) {
  UnsupportedNode node;
  node.node = getNodeName(op);
  node.op = op->getName().getStringRef().str();
  node.reason = reason.str();
  refused.push_back(std::move(node));
}

bool GraphLowering::isRead(BlockArgument argument) {
  return (getElementType(argument).isF32() || getElementType(argument).isF16()) &&
         llvm::any_of(argument.getUses(), [](OpOperand &use) {
           bool isBias = isa<AttentionOp>(use.getOwner()) && use.getOperandNumber() == 3;
           return !isBias && !isHostsMovement(use.getOwner());
         });
}

void GraphLowering::addInput(Value value, StringRef name) {
  Matrix matrix = getMatrix(value);
  std::vector<LanePart> parts = TensorShape::denseParts(matrix.columns, model);
  ChipValue &chip = values[value];
  chip.matrix = matrix;
  chip.parts = parts;
  bool isNarrow = getElementType(value).isF16();
  unsigned tensor = addTensor(StreamTensor::Input, name.str(), isNarrow ? Element::Float16 : Element::Float32,
                              matrix.rows, parts, nextSide());
  program.tensors[tensor].host = {cast<BlockArgument>(value).getArgNumber(), StreamTensor::Elements};
  chip.f32 = tensor;
  if (!isNarrow)
    return;
  chip.f32 = addTensor(StreamTensor::Temporary, name.str(), Element::Float32, matrix.rows, parts, nextSide());
  addConversion(tensor, *chip.f32, chip, name);
}

void GraphLowering::addConversion(unsigned from, unsigned to, const ChipValue &chip, StringRef node) {
  Element source = program.tensors[from].shape.type, result = program.tensors[to].shape.type;
  for (unsigned vector = 0; vector < countVectors(chip.parts); ++vector) {
    auto function = std::make_shared<VectorProgram>();
    VectorOperand x = VectorOperand::input(function->addInput(source));
    x = source == result ? function->add(AluOp::Copy, source, x) : function->convert(source, result, x);
    function->results = {x.index};
    program.tasks.push_back(
        {false, {}, chip.matrix.rows, function, {{from, vector, 0, 1}}, {{to, vector, 0, 1}}, node.str()});
  }
}

void GraphLowering::lowerCast(CastOp op) {
  // Values are of f32 on the chip: what is of f16 is converted where it comes in or goes out.
  inMemory(op.getInput());
  ChipValue same = values.find(op.getInput())->second;
  values[op.getResult()] = same;
}

void GraphLowering::addOutput(Value value, StringRef name) {
  makeNatural(value, /*hasOwnRows=*/false);
  auto found = values.find(value);
  if (found == values.end() && !refused.empty())
    return; // perhaps of a node that was refused
  if (found == values.end())
    return refuse(value.getDefiningOp() ? value.getDefiningOp() : function.getOperation(),
                  "an output that follows from constants or inputs alone");
  ChipValue &chip = found->second;
  bool isNarrow = getElementType(value).isF16();
  if (chip.f32 && program.tensors[*chip.f32].kind == StreamTensor::Temporary && !isNarrow) {
    program.tensors[*chip.f32].kind = StreamTensor::Output;
    program.tensors[*chip.f32].name = name.str();
    return;
  }
  // An input, or an output for the second time: a copy.
  unsigned copy = addTensor(StreamTensor::Output, name.str(), isNarrow ? Element::Float16 : Element::Float32,
                            chip.matrix.rows, chip.parts, nextSide());
  addConversion(*chip.f32, copy, chip, name);
}

void GraphLowering::lower(Operation &op) {
  if (NumericsAttr numerics = NumericsAttr::of(&op);
      numerics && numerics.getTile() != getProductTile(&op, model)) // then there would be other bits than promised
    return refuse(&op, "tiles of " + std::to_string(numerics.getTile()) + ", where the chip has " +
                           std::to_string(getProductTile(&op, model)));
  if (llvm::any_of(op.getOperands(), [&](Value value) {
        return !values.count(value) && !arranged.count(value) && !isFromWeights(value) && !isa<BlockArgument>(value);
      }))
    return; // of a node that was refused
  if (isMovement(&op))
    return lowerMovement(&op);
  // These take what they read as it lies.
  bool isByRows = isa<ElementwiseOp, RotaryOp, ReduceOp>(op) || (isa<MatmulOp>(op) && isDot(cast<MatmulOp>(op)));
  for (Value operand : op.getOperands())
    if (!isByRows)
      makeNatural(operand, /*hasOwnRows=*/!isa<AttentionOp, UpdateStateOp>(op));
  if (auto rotary = dyn_cast<RotaryOp>(op))
    return lowerRotary(rotary);
  if (auto cast = dyn_cast<CastOp>(op))
    return lowerCast(cast);
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return lowerReduce(reduce);
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
  if (auto update = dyn_cast<UpdateStateOp>(op))
    return lowerUpdateState(update);
  refuse(&op, "target stream does not have it");
}

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

bool sinter::stream::isDot(MatmulOp op) {
  return isFromWeights(op.getLhs()) || !isFromWeights(op.getRhs()) || getRank(op.getRhs()) != 2;
}

int64_t sinter::stream::getProductTile(Operation *op, const TargetModel &model) {
  if (auto matmul = dyn_cast<MatmulOp>(op); matmul && isDot(matmul))
    return 1;
  if (auto attention = dyn_cast<AttentionOp>(op)) {
    ArrayRef<int64_t> key = cast<RankedTensorType>(attention.getKey().getType()).getShape();
    return getKeyTile(key[1], key[3], model);
  }
  bool isProduct = isa<MatmulOp, LayerNormOp, RmsNormOp>(op);
  AttentionOp attention = isProduct ? findAttention(op->getOperand(0)) : AttentionOp();
  if (!attention)
    return model.halfLanes();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(attention.getResult().getType()).getShape();
  return std::max<int64_t>(countHeadsPerHalf(shape[2], shape[3], model), 1) * shape[3];
}

llvm::Expected<StreamProgram> sinter::stream::lowerGraph(func::FuncOp function, const TargetModel &model,
                                                         ConstantReader read) {
  return GraphLowering(function, model, std::move(read)).run();
}
