//===- RegionEmitter.cpp - Tensor expressions, computed one element at a time -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/RegionEmitter.h"

#include "runtime/format/program.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Coordinates = RegionEmitter::Coordinates;

std::optional<unsigned> RegionEmitter::findIndexArgument(Value indices) {
  while (Operation *op = indices.getDefiningOp()) {
    if (op->getNumOperands() == 0)
      return std::nullopt;
    indices = op->getOperand(0);
  }
  return cast<BlockArgument>(indices).getArgNumber();
}

RegionEmitter::RegionEmitter(KernelBuilder &k, Block &body, ArrayRef<std::string> names, unsigned firstSymbolWord,
                             ArrayRef<unsigned> indexArguments)
    : k(k), elementwise(k), memos(1) {
  for (auto [i, name] : llvm::enumerate(names))
    symbols.try_emplace(name, k.integerWord(firstSymbolWord + i));
  for (auto [i, argument] : llvm::enumerate(indexArguments))
    indexWords.try_emplace(argument, k.integerWord(firstSymbolWord + names.size() + i));
  body.getParentOp()->walk([&](Operation *op) {
    checksIndices |= isa<GatherOp, GatherElementsOp, GatherNdOp, ScatterElementsOp, ScatterNdOp>(op);
  });
  if (checksIndices)
    k.storeScalar(k.materialize(0), k.scratch());
  // Any op will do as the mark before which sizes are computed.
  head = LLVM::UndefOp::create(k.builder(), k.loc(), k.builder().getI64Type());
}

Int RegionEmitter::result() {
  return checksIndices ? Int(k.loadScalar(k.scratch(), 0, k.builder().getI64Type())) : Int(0);
}

//===----------------------------------------------------------------------===//
// Sizes and coordinates
//===----------------------------------------------------------------------===//

Int RegionEmitter::size(const SizeExpr &expression) {
  if (std::optional<int64_t> number = expression.constant())
    return *number;
  auto [it, isNew] = sizes.try_emplace(expression.str(), 0);
  if (isNew) {
    OpBuilder::InsertionGuard guard(k.builder());
    k.builder().setInsertionPoint(head);
    Int value = evaluate(expression);
    sizes.find(expression.str())->second = value;
    return value;
  }
  return it->second;
}

Int RegionEmitter::evaluate(const SizeExpr &expression) {
  Int sum = 0;
  for (const auto &[monomial, coefficient] : expression.getTerms()) {
    Int product = coefficient;
    for (const SizeExpr::Atom &atom : monomial)
      product = k.mul(product, fromAtom(atom));
    sum = k.add(sum, product);
  }
  return sum;
}

Int RegionEmitter::fromAtom(const SizeExpr::Atom &atom) {
  if (!atom.function)
    return symbols.find(atom.text)->second;
  SmallVector<Int> x;
  for (const SizeExpr &arg : atom.args)
    x.push_back(evaluate(arg));
  OpBuilder &b = k.builder();
  // Rounded down whatever the signs are; a divisor of 0 has been refused by the runtime, which evaluates the same
  // sizes.
  auto floorDiv = [&](Int a, Int d) -> Int {
    Value safe = k.materialize(k.select(k.equal(d, 0), 1, d));
    return Int(Value(arith::FloorDivSIOp::create(b, k.loc(), k.materialize(a), safe)));
  };
  using Function = SizeExpr::Function;
  switch (*atom.function) {
  case Function::FloorDiv:
    return floorDiv(x[0], x[1]);
  case Function::CeilDiv:
    return k.sub(0, floorDiv(k.sub(0, x[0]), x[1]));
  case Function::Mod:
    return k.sub(x[0], k.mul(floorDiv(x[0], x[1]), x[1]));
  case Function::Min:
    return k.min(x[0], x[1]);
  case Function::Max:
    return k.max(x[0], x[1]);
  case Function::Eq:
    return k.select(k.equal(x[0], x[1]), 1, 0);
  case Function::Lt:
    return k.select(k.less(x[0], x[1]), 1, 0);
  case Function::Select:
    return k.select(k.equal(x[0], 0), x[2], x[1]);
  }
  llvm_unreachable("a function of sizes");
}

Int RegionEmitter::linearize(ArrayRef<Int> coordinates, ArrayRef<SizeExpr> extents) {
  Int index = 0;
  for (auto [coordinate, extent] : llvm::zip_equal(coordinates, extents))
    index = k.add(k.mul(index, size(extent)), coordinate);
  return index;
}

Coordinates RegionEmitter::delinearize(Int index, ArrayRef<SizeExpr> extents) {
  Coordinates coordinates(extents.size(), 0);
  for (size_t i = extents.size(); i-- > 0;) {
    if (extents[i].isConstant(1))
      continue;
    // What is left in front of the first dimension that counts is its coordinate.
    bool isFirst = llvm::all_of(extents.take_front(i), [](const SizeExpr &e) { return e.isConstant(1); });
    if (isFirst) {
      coordinates[i] = index;
      break;
    }
    Int extent = size(extents[i]);
    coordinates[i] = k.rem(index, extent);
    index = k.div(index, extent);
  }
  return coordinates;
}

Type RegionEmitter::resultType(Value value, bool vector) {
  Type type = getComputeType(sinter::getElementType(value));
  return vector ? Type(k.vectorOf(type)) : type;
}

//===----------------------------------------------------------------------===//
// Where values lie along the lane axis
//===----------------------------------------------------------------------===//

namespace {

/// Dimensions of a reshape that hold the same elements: [fromBegin, fromEnd) of the operand and [toBegin, toEnd) of the
/// result. Dimensions of size 1 belong to no group.
struct ReshapeGroup {
  SmallVector<int64_t, 4> from, to;
};

} // namespace

static SmallVector<ReshapeGroup> getReshapeGroups(ArrayRef<SizeExpr> from, ArrayRef<SizeExpr> to) {
  SmallVector<ReshapeGroup> groups;
  size_t i = 0, j = 0;
  auto skipOnes = [&] {
    while (i < from.size() && from[i].isConstant(1))
      ++i;
    while (j < to.size() && to[j].isConstant(1))
      ++j;
  };
  for (skipOnes(); i < from.size() && j < to.size(); skipOnes()) {
    ReshapeGroup group;
    SizeExpr left = from[i], right = to[j];
    group.from.push_back(i++);
    group.to.push_back(j++);
    while (left != right) {
      skipOnes();
      if (i == from.size() && j == to.size())
        break;
      bool extendLeft = j == to.size() || (i < from.size() && SizeExpr::exactDiv(right, left).has_value());
      if (extendLeft) {
        left = left * from[i];
        group.from.push_back(i++);
      } else {
        right = right * to[j];
        group.to.push_back(j++);
      }
    }
    groups.push_back(std::move(group));
  }
  // What is left over (sizes that only a run can prove equal) joins the last group.
  for (; i < from.size(); ++i)
    if (!from[i].isConstant(1))
      (groups.empty() ? groups.emplace_back() : groups.back()).from.push_back(i);
  for (; j < to.size(); ++j)
    if (!to[j].isConstant(1))
      (groups.empty() ? groups.emplace_back() : groups.back()).to.push_back(j);
  return groups;
}

/// The operand's axis that the lane axis of a broadcasting op falls on, or noLanes where the operand is repeated.
static int64_t alignLaneAxis(Value operand, size_t resultRank, int64_t laneAxis) {
  if (laneAxis == RegionEmitter::noLanes)
    return RegionEmitter::noLanes;
  int64_t axis = laneAxis - static_cast<int64_t>(resultRank - sinter::getRank(operand));
  return axis < 0 || getSize(operand, axis).isConstant(1) ? RegionEmitter::noLanes : axis;
}

/// The lane axis of a reshape's operand; none where neighbours of the result are no neighbours there.
static std::optional<int64_t> getReshapeLaneAxis(ReshapeOp op, int64_t laneAxis) {
  if (laneAxis == RegionEmitter::noLanes)
    return RegionEmitter::noLanes;
  for (const ReshapeGroup &group : getReshapeGroups(getSizes(op.getInput()), getSizes(op.getResult())))
    if (llvm::is_contained(group.to, laneAxis))
      return group.from.size() == 1 && group.to.back() == laneAxis ? std::optional<int64_t>(group.from[0])
                                                                   : std::nullopt;
  return RegionEmitter::noLanes; // of size 1
}

bool RegionEmitter::canVectorize(Value value, int64_t laneAxis) {
  if (laneAxis == noLanes)
    return true;
  if (isa<StringType>(sinter::getElementType(value)))
    return false;
  if (isa<BlockArgument>(value))
    return laneAxis == sinter::getRank(value) - 1;
  Operation *op = value.getDefiningOp();
  auto aligned = [&](Value operand) {
    return canVectorize(operand, alignLaneAxis(operand, sinter::getRank(value), laneAxis));
  };
  return TypeSwitch<Operation *, bool>(op)
      .Case<ElementwiseOp, CastOp, BroadcastOp>([&](Operation *) { return llvm::all_of(op->getOperands(), aligned); })
      .Case<StorageCastOp>([&](StorageCastOp cast) { return canVectorize(cast.getInput(), laneAxis); })
      .Case<ConstantOp>([](ConstantOp) { return true; })
      .Case<RangeOp>([](RangeOp) { return true; })
      .Case<TransposeOp>([&](TransposeOp t) { return canVectorize(t.getInput(), t.getPermutation()[laneAxis]); })
      .Case<ReshapeOp>([&](ReshapeOp reshape) {
        std::optional<int64_t> axis = getReshapeLaneAxis(reshape, laneAxis);
        return axis && canVectorize(reshape.getInput(), *axis);
      })
      .Case<SliceOp>([&](SliceOp slice) {
        return slice.getSteps().getSizes()[laneAxis].isConstant(1) && canVectorize(slice.getInput(), laneAxis);
      })
      .Case<ConcatOp>([&](ConcatOp concat) {
        return static_cast<int64_t>(concat.getAxis()) != laneAxis &&
               llvm::all_of(concat.getInputs(), [&](Value v) { return canVectorize(v, laneAxis); });
      })
      .Case<GatherOp>([&](GatherOp gather) {
        int64_t axis = gather.getAxis(), indexRank = sinter::getRank(gather.getIndices());
        if (laneAxis < axis)
          return canVectorize(gather.getData(), laneAxis);
        return laneAxis >= axis + indexRank && canVectorize(gather.getData(), laneAxis - indexRank + 1);
      })
      .Case<GatherNdOp>([&](GatherNdOp gather) {
        int64_t indexRank = sinter::getRank(gather.getIndices()) - 1;
        int64_t sliceRank = sinter::getRank(value) - indexRank;
        return laneAxis >= indexRank &&
               canVectorize(gather.getData(), sinter::getRank(gather.getData()) - sliceRank + laneAxis - indexRank);
      })
      .Case<ReduceOp>([&](ReduceOp reduce) {
        if (reduce.getKeepDims())
          return !llvm::is_contained(reduce.getAxes(), laneAxis) && canVectorize(reduce.getInput(), laneAxis);
        int64_t axis = laneAxis;
        for (int64_t reduced : reduce.getAxes())
          axis += reduced <= axis;
        return canVectorize(reduce.getInput(), axis);
      })
      .Case<MatmulOp>([&](MatmulOp matmul) {
        return laneAxis == sinter::getRank(value) - 1 &&
               canVectorize(matmul.getRhs(), sinter::getRank(matmul.getRhs()) - 1);
      })
      .Default([](Operation *) { return false; });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value RegionEmitter::emit(Value value, ArrayRef<Int> coordinates, int64_t laneAxis) {
  Key key = {value.getAsOpaquePointer(), reinterpret_cast<const void *>(laneAxis)};
  for (const Int &coordinate : coordinates) {
    key.push_back(coordinate.constant() ? nullptr : coordinate.getValue().getAsOpaquePointer());
    key.push_back(reinterpret_cast<const void *>(coordinate.constant().value_or(0)));
  }
  for (const auto &memo : llvm::reverse(memos))
    if (auto it = memo.find(key); it != memo.end())
      return it->second;
  Value result = compute(value, coordinates, laneAxis);
  memos.back()[key] = result;
  return result;
}

Value RegionEmitter::load(BlockArgument argument, ArrayRef<Int> coordinates, int64_t laneAxis) {
  Type type = sinter::getElementType(argument), storage = getStorageType(type);
  Value pointer = k.pointerWord(argument.getArgNumber());
  Int index = linearize(coordinates, getSizes(argument));
  if (laneAxis == noLanes)
    return elementwise.fromStorage(k.loadScalar(pointer, index, storage), type);
  Value address = k.offset(pointer, index, storage);
  unsigned alignment = std::max(1u, storage.getIntOrFloatBitWidth() / 8);
  Value raw = LLVM::LoadOp::create(k.builder(), k.loc(), k.vectorOf(storage), address, alignment);
  return elementwise.fromStorage(raw, type);
}

Value RegionEmitter::emitAligned(Value operand, ArrayRef<SizeExpr> extents, ArrayRef<Int> coordinates,
                                 int64_t laneAxis) {
  size_t skip = extents.size() - sinter::getRank(operand);
  Coordinates own(coordinates.begin() + skip, coordinates.end());
  Sizes ownSizes = getSizes(operand);
  for (size_t i = 0; i < own.size(); ++i)
    if (ownSizes[i].isConstant(1))
      own[i] = 0;
  return emit(operand, own, alignLaneAxis(operand, extents.size(), laneAxis));
}

Value RegionEmitter::compute(Value value, ArrayRef<Int> at, int64_t laneAxis) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return load(argument, at, laneAxis);
  Operation *op = value.getDefiningOp();
  Sizes extents = getSizes(value);
  return TypeSwitch<Operation *, Value>(op)
      .Case<StorageCastOp>([&](StorageCastOp cast) { return emit(cast.getInput(), at, laneAxis); })
      .Case<ElementwiseOp>([&](ElementwiseOp e) {
        SmallVector<Value> operands;
        Value vector;
        for (Value operand : e.getOperands_()) {
          operands.push_back(emitAligned(operand, extents, at, laneAxis));
          if (isa<VectorType>(operands.back().getType()))
            vector = operands.back();
        }
        if (vector)
          for (Value &operand : operands)
            operand = elementwise.splatLike(operand, vector);
        return elementwise.emit(e, operands);
      })
      .Case<CastOp>([&](CastOp cast) {
        return elementwise.convert(emit(cast.getInput(), at, laneAxis), sinter::getElementType(cast.getInput()),
                                   sinter::getElementType(value), {!cast.getUnsaturated(), cast.getRoundMode()});
      })
      .Case<BroadcastOp>([&](BroadcastOp b) { return emitAligned(b.getInput(), extents, at, laneAxis); })
      .Case<ConstantOp>([&](ConstantOp constant) {
        auto elements = cast<DenseElementsAttr>(constant.getValue());
        return elementwise.constant(elements.getSplatValue<Attribute>(), elements.getElementType());
      })
      .Case<SizesOp>([&](SizesOp s) { return emitSizes(s, at); })
      .Case<TransposeOp>([&](TransposeOp t) {
        Coordinates from(at.size(), 0);
        for (auto [i, axis] : llvm::enumerate(t.getPermutation()))
          from[axis] = at[i];
        return emit(t.getInput(), from, laneAxis == noLanes ? noLanes : t.getPermutation()[laneAxis]);
      })
      .Case<ReshapeOp>([&](ReshapeOp r) { return emitReshape(r, at, laneAxis); })
      .Case<SliceOp>([&](SliceOp s) {
        Coordinates from;
        for (auto [coordinate, start, step] : llvm::zip_equal(at, s.getStarts().getSizes(), s.getSteps().getSizes()))
          from.push_back(k.add(size(start), k.mul(coordinate, size(step))));
        return emit(s.getInput(), from, laneAxis);
      })
      .Case<ConcatOp>([&](ConcatOp c) { return emitConcat(c, at, laneAxis); })
      .Case<PadOp>([&](PadOp p) { return emitPad(p, at, laneAxis); })
      .Case<RangeOp>([&](RangeOp r) { return emitRange(r, at, laneAxis); })
      .Case<GatherOp>([&](GatherOp g) {
        int64_t axis = g.getAxis(), indexRank = sinter::getRank(g.getIndices());
        Int index = position(g.getIndices(), at.slice(axis, indexRank), getSize(g.getData(), axis));
        Coordinates from(at.begin(), at.begin() + axis);
        from.push_back(index);
        from.append(at.begin() + axis + indexRank, at.end());
        return emit(g.getData(), from, laneAxis < axis + indexRank ? laneAxis : laneAxis - indexRank + 1);
      })
      .Case<GatherElementsOp>([&](GatherElementsOp g) {
        Coordinates from(at);
        from[g.getAxis()] = position(g.getIndices(), at, getSize(g.getData(), g.getAxis()));
        return emit(g.getData(), from, noLanes);
      })
      .Case<GatherNdOp>([&](GatherNdOp g) { return emitGatherNd(g, at, laneAxis); })
      .Case<ReduceOp>([&](ReduceOp r) { return emitReduce(r, at, laneAxis); })
      .Case<ArgReduceOp>([&](ArgReduceOp r) { return emitArgReduce(r, at); })
      .Case<MatmulOp>([&](MatmulOp m) { return emitMatmul(m, at, laneAxis); })
      .Case<ConvOp>([&](ConvOp c) { return emitConv(c, at); })
      .Case<RotaryOp>([&](RotaryOp r) { return emitRotary(r, at); })
      .Default([](Operation *) -> Value { llvm_unreachable("phase fused leaves no such op in a loop kernel"); });
}

Value RegionEmitter::emitSizes(SizesOp op, ArrayRef<Int> at) {
  SmallVector<SizeExpr> numbers = op.getSizes().getSizes();
  if (op.getScalar())
    return k.materialize(size(numbers[0]));
  Int chosen = size(numbers[0]);
  for (size_t i = 1; i < numbers.size(); ++i)
    chosen = k.select(k.equal(at[0], i), size(numbers[i]), chosen);
  return k.materialize(chosen);
}

Value RegionEmitter::emitReshape(ReshapeOp op, ArrayRef<Int> at, int64_t laneAxis) {
  Sizes from = getSizes(op.getInput()), to = getSizes(op.getResult());
  Coordinates own(from.size(), 0);
  for (const ReshapeGroup &group : getReshapeGroups(from, to)) {
    Coordinates coordinates;
    Sizes fromSizes, toSizes;
    for (int64_t axis : group.to) {
      coordinates.push_back(at[axis]);
      toSizes.push_back(to[axis]);
    }
    for (int64_t axis : group.from)
      fromSizes.push_back(from[axis]);
    Coordinates mapped = delinearize(linearize(coordinates, toSizes), fromSizes);
    for (auto [axis, coordinate] : llvm::zip_equal(group.from, mapped))
      own[axis] = coordinate;
  }
  return emit(op.getInput(), own, *getReshapeLaneAxis(op, laneAxis));
}

Value RegionEmitter::emitConcat(ConcatOp op, ArrayRef<Int> at, int64_t laneAxis) {
  int64_t axis = op.getAxis();
  OperandRange inputs = op.getInputs();
  std::function<Value(unsigned, Int)> choose = [&](unsigned i, Int coordinate) -> Value {
    Coordinates from(at.begin(), at.end());
    from[axis] = coordinate;
    auto here = [&] {
      // Lanes or not, all branches give the same type.
      Value result = emit(inputs[i], from, laneAxis);
      if (laneAxis != noLanes && !isa<VectorType>(result.getType()))
        result = k.broadcast(result);
      return KernelBuilder::Values{result};
    };
    if (i + 1 == inputs.size())
      return here()[0];
    Int extent = size(getSize(inputs[i], axis));
    return k.ifThenElse(
        k.less(coordinate, extent), resultType(op.getResult(), laneAxis != noLanes), [&] { return scoped(here); },
        [&] { return scoped([&] { return KernelBuilder::Values{choose(i + 1, k.sub(coordinate, extent))}; }); })[0];
  };
  return choose(0, at[axis]);
}

Value RegionEmitter::emitPad(PadOp op, ArrayRef<Int> at, int64_t) {
  Sizes extents = getSizes(op.getInput());
  SmallVector<SizeExpr> low = op.getLow().getSizes();
  OpBuilder &b = k.builder();
  Coordinates from;
  Value inside = k.equal(0, k.materialize(0));
  for (size_t i = 0; i < at.size(); ++i) {
    Int extent = size(extents[i]), c = k.sub(at[i], size(low[i]));
    auto modulo = [&](Int period) -> Int {
      Value divisor = k.materialize(k.max(period, 1));
      Value rest = arith::RemSIOp::create(b, k.loc(), k.materialize(c), divisor);
      return k.select(k.less(rest, 0), k.add(rest, divisor), rest);
    };
    switch (op.getMode()) {
    case PadMode::constant:
      inside = arith::AndIOp::create(b, k.loc(), inside, k.less(-1, c));
      inside = arith::AndIOp::create(b, k.loc(), inside, k.less(c, extent));
      break;
    case PadMode::edge:
      c = k.max(0, k.min(c, k.sub(extent, 1)));
      break;
    case PadMode::reflect: {
      Int period = k.mul(2, k.sub(extent, 1)), r = modulo(period);
      c = k.select(k.less(r, extent), r, k.sub(period, r));
      break;
    }
    case PadMode::wrap:
      c = modulo(extent);
      break;
    }
    from.push_back(c);
  }
  if (op.getMode() != PadMode::constant)
    return emit(op.getInput(), from, noLanes);
  Type type = sinter::getElementType(op.getInput());
  Value filling = op.getValue() ? emit(op.getValue(), {}, noLanes) : elementwise.constant(0.0, type);
  return k.ifThenElse(
      inside, resultType(op.getResult(), false),
      [&] { return scoped([&] { return KernelBuilder::Values{emit(op.getInput(), from, noLanes)}; }); },
      [&] { return KernelBuilder::Values{filling}; })[0];
}

Value RegionEmitter::emitRange(RangeOp op, ArrayRef<Int> at, int64_t laneAxis) {
  OpBuilder &b = k.builder();
  Type type = sinter::getElementType(op.getResult()), i64 = b.getI64Type();
  Value start = emit(op.getStart(), {}, noLanes), delta = emit(op.getDelta(), {}, noLanes);
  Value index = k.materialize(at[0]);
  if (laneAxis != noLanes) {
    Value lanes = arith::ExtSIOp::create(b, k.loc(), k.vectorOf(i64), k.laneNumbers());
    index = arith::AddIOp::create(b, k.loc(), elementwise.splatLike(index, lanes), lanes);
  }
  // Floats in f64, rounded once.
  Type wide = isa<FloatType>(type) ? Type(b.getF64Type()) : type;
  Value step = elementwise.splatLike(elementwise.convert(delta, type, wide), index);
  Value first = elementwise.splatLike(elementwise.convert(start, type, wide), index);
  Value sum = elementwise.add(first, elementwise.multiply(elementwise.convert(index, i64, wide), step, wide), wide);
  return elementwise.convert(sum, wide, type);
}

Int RegionEmitter::position(Value indices, ArrayRef<Int> at, const SizeExpr &limit) {
  Type i64 = k.builder().getI64Type();
  Int index = elementwise.convert(emit(indices, at, noLanes), sinter::getElementType(indices), i64);
  Int extent = size(limit);
  index = k.select(k.less(index, 0), k.add(index, extent), index);
  Value inside = arith::AndIOp::create(k.builder(), k.loc(), k.less(-1, index), k.less(index, extent));
  Int place = k.add(1, linearize(at, getSizes(indices)));
  if (std::optional<unsigned> argument = findIndexArgument(indices))
    if (auto word = indexWords.find(*argument); word != indexWords.end())
      place = k.add(place, k.mul(word->second, int64_t(1) << SINTER_INDEX_INPUT_SHIFT));
  k.ifThenElse(inside, [] {}, [&] { k.storeScalar(k.materialize(place), k.scratch()); });
  return k.select(inside, index, 0);
}

Value RegionEmitter::emitGatherNd(GatherNdOp op, ArrayRef<Int> at, int64_t laneAxis) {
  int64_t indexRank = sinter::getRank(op.getIndices()) - 1, shared = op.getBatchDims();
  int64_t length = *getSize(op.getIndices(), indexRank).constant();
  Coordinates from(at.begin(), at.begin() + shared);
  for (int64_t j = 0; j < length; ++j) {
    Coordinates place(at.begin(), at.begin() + indexRank);
    place.push_back(j);
    from.push_back(position(op.getIndices(), place, getSize(op.getData(), shared + j)));
  }
  from.append(at.begin() + indexRank, at.end());
  return emit(op.getData(), from, laneAxis == noLanes ? noLanes : shared + length + laneAxis - indexRank);
}
