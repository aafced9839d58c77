//===- RegionReductions.cpp - Loops within tensor expressions ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/RegionEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Coordinates = RegionEmitter::Coordinates;
using Values = KernelBuilder::Values;

/// Loops over [0, extents[0]) x [0, extents[1]) ..., the last innermost, with carried values.
static Values loopNest(KernelBuilder &k, ArrayRef<Int> extents, Coordinates &place, Values carried,
                       llvm::function_ref<Values(ArrayRef<Int>, ArrayRef<Value>)> body) {
  if (place.size() == extents.size())
    return body(place, carried);
  return k.loop(0, extents[place.size()], 1, carried, [&](Int index, ArrayRef<Value> inside) {
    place.push_back(index);
    Values next = loopNest(k, extents, place, Values(inside.begin(), inside.end()), body);
    place.pop_back();
    return next;
  });
}

/// What a maximum or minimum of no elements is.
static Attribute getExtreme(Type type, bool least) {
  if (auto floating = dyn_cast<FloatType>(type))
    return FloatAttr::get(type, APFloat::getInf(floating.getFloatSemantics(), least));
  unsigned width = type.getIntOrFloatBitWidth();
  bool isUnsigned = type.isUnsignedInteger() || width == 1;
  APInt number = least ? (isUnsigned ? APInt::getZero(width) : APInt::getSignedMinValue(width))
                       : (isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width));
  return IntegerAttr::get(IntegerType::get(type.getContext(), width), number);
}

Value RegionEmitter::emitReduce(ReduceOp op, ArrayRef<Int> at, int64_t laneAxis) {
  Value input = op.getInput();
  Type type = sinter::getElementType(input);
  // Sums of 16-bit floats are taken in f32 and rounded at the end.
  Type sumType = getComputeType(type);
  if (type.isUnsignedInteger())
    sumType = type;
  ReduceKind kind = op.getKind();
  Sizes inputSizes = getSizes(input);
  SmallVector<Int> extents;
  SizeExpr count = 1;
  for (int64_t axis : op.getAxes()) {
    extents.push_back(size(inputSizes[axis]));
    count = count * inputSizes[axis];
  }
  Coordinates from;
  int64_t inputLaneAxis = noLanes;
  for (int64_t axis = 0, kept = 0; axis < static_cast<int64_t>(inputSizes.size()); ++axis) {
    bool reduced = llvm::is_contained(op.getAxes(), axis);
    if (!reduced && kept == laneAxis)
      inputLaneAxis = axis;
    from.push_back(reduced ? Int(0) : at[kept]);
    kept += !reduced || op.getKeepDims();
  }

  Value start;
  switch (kind) {
  case ReduceKind::max:
  case ReduceKind::min:
    start = elementwise.constant(getExtreme(type, kind == ReduceKind::max), type);
    break;
  case ReduceKind::prod:
    start = elementwise.constant(1.0, type);
    break;
  default:
    start = elementwise.constant(0.0, type);
  }
  if (inputLaneAxis != noLanes)
    start = k.broadcast(start);
  Coordinates place;
  Value total = loopNest(k, extents, place, {start}, [&](ArrayRef<Int> where, ArrayRef<Value> carried) {
    return scoped([&] {
      for (auto [axis, coordinate] : llvm::zip_equal(op.getAxes(), where))
        from[axis] = coordinate;
      Value x = elementwise.splatLike(emit(input, from, inputLaneAxis), carried[0]);
      switch (kind) {
      case ReduceKind::max:
      case ReduceKind::min:
        return Values{elementwise.minimumOrMaximum(kind == ReduceKind::max, carried[0], x, type)};
      case ReduceKind::prod:
        return Values{elementwise.multiply(carried[0], x, sumType)};
      case ReduceKind::sum_squares:
        return Values{elementwise.add(carried[0], elementwise.multiply(x, x, sumType), sumType)};
      case ReduceKind::sum_abs: {
        Value negative = elementwise.compare(ElementwiseKind::less, x,
                                             elementwise.splatLike(elementwise.constant(0.0, type), x), type);
        Value minus = elementwise.multiply(x, elementwise.splatLike(elementwise.constant(-1.0, type), x), sumType);
        Value magnitude = arith::SelectOp::create(k.builder(), k.loc(), negative, minus, x);
        return Values{elementwise.add(carried[0], magnitude, sumType)};
      }
      default:
        return Values{elementwise.add(carried[0], x, sumType)};
      }
    });
  })[0];
  if (kind == ReduceKind::mean) {
    Type i64 = k.builder().getI64Type();
    Value number = elementwise.splatLike(elementwise.convert(k.materialize(size(count)), i64, sumType), total);
    if (isa<FloatType>(sumType))
      total = arith::DivFOp::create(k.builder(), k.loc(), total, number);
    else
      total = arith::DivSIOp::create(k.builder(), k.loc(), total, number);
  }
  return elementwise.round(total, type);
}

Value RegionEmitter::emitArgReduce(ArgReduceOp op, ArrayRef<Int> at) {
  Value input = op.getInput();
  Type type = sinter::getElementType(input);
  int64_t axis = op.getAxis();
  Coordinates from(at.begin(), at.begin() + axis);
  from.push_back(0);
  from.append(at.begin() + axis + (op.getKeepDims() ? 1 : 0), at.end());
  Value first = emit(input, from, noLanes);
  auto kind = op.getKind() == ArgReduceKind::max
                  ? (op.getLast() ? ElementwiseKind::greater_equal : ElementwiseKind::greater)
                  : (op.getLast() ? ElementwiseKind::less_equal : ElementwiseKind::less);
  Values best =
      k.loop(1, size(getSize(input, axis)), 1, {first, k.materialize(0)}, [&](Int i, ArrayRef<Value> carried) {
        return scoped([&] {
          Coordinates place(from);
          place[axis] = i;
          Value x = emit(input, place, noLanes);
          Value better = elementwise.compare(kind, x, carried[0], type);
          OpBuilder &b = k.builder();
          if (isa<FloatType>(type)) {
            // The first NaN is the extreme, as in NumPy.
            Value isNan = arith::CmpFOp::create(b, k.loc(), arith::CmpFPredicate::UNO, x, x);
            Value wasNan = arith::CmpFOp::create(b, k.loc(), arith::CmpFPredicate::UNO, carried[0], carried[0]);
            Value one = arith::ConstantOp::create(b, k.loc(), b.getBoolAttr(true));
            better = arith::AndIOp::create(b, k.loc(), arith::OrIOp::create(b, k.loc(), better, isNan),
                                           arith::XOrIOp::create(b, k.loc(), wasNan, one));
          }
          return Values{arith::SelectOp::create(b, k.loc(), better, x, carried[0]),
                        arith::SelectOp::create(b, k.loc(), better, k.materialize(i), carried[1])};
        });
      });
  return best[1];
}

Value RegionEmitter::emitMatmul(MatmulOp op, ArrayRef<Int> at, int64_t laneAxis) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  Type type = sinter::getElementType(lhs), sumType = getComputeType(type);
  size_t rank = at.size();
  auto leading = [&](Value operand) {
    size_t own = sinter::getRank(operand) - 2;
    Coordinates coordinates(at.begin() + (rank - 2 - own), at.begin() + (rank - 2));
    Sizes extents = getSizes(operand);
    for (size_t i = 0; i < own; ++i)
      if (extents[i].isConstant(1))
        coordinates[i] = 0;
    return coordinates;
  };
  Coordinates left = leading(lhs), right = leading(rhs);
  left.append({at[rank - 2], 0});
  right.append({0, at[rank - 1]});
  int64_t rhsLaneAxis = laneAxis == noLanes ? noLanes : static_cast<int64_t>(right.size()) - 1;
  Value start = elementwise.constant(0.0, type);
  if (laneAxis != noLanes)
    start = k.broadcast(start);
  Value sum = k.loop(0, size(getSizes(lhs).back()), 1, {start}, [&](Int i, ArrayRef<Value> carried) {
    return scoped([&] {
      left[left.size() - 1] = i;
      right[right.size() - 2] = i;
      Value y = elementwise.splatLike(emit(rhs, right, rhsLaneAxis), carried[0]);
      Value x = elementwise.splatLike(emit(lhs, left, noLanes), carried[0]);
      return Values{elementwise.add(carried[0], elementwise.multiply(x, y, sumType), sumType)};
    });
  })[0];
  return elementwise.round(sum, type);
}

Value RegionEmitter::emitConv(ConvOp op, ArrayRef<Int> at) {
  Value input = op.getInput(), filter = op.getFilter();
  Type type = sinter::getElementType(input), sumType = getComputeType(type);
  Sizes inputSizes = getSizes(input), filterSizes = getSizes(filter);
  size_t rank = at.size();
  SmallVector<Int> extents;
  for (size_t i = 1; i < rank; ++i)
    extents.push_back(size(filterSizes[i]));
  // The first channel of the output channel's group.
  Int group = k.div(at[1], size(SizeExpr::floorDiv(filterSizes[0], op.getGroups())));
  Int firstChannel = k.mul(group, size(filterSizes[1]));
  Value start = op.getBias() ? emit(op.getBias(), {at[1]}, noLanes) : elementwise.constant(0.0, type);
  OpBuilder &b = k.builder();
  Coordinates place;
  Value sum = loopNest(k, extents, place, {start}, [&](ArrayRef<Int> where, ArrayRef<Value> carried) {
    Coordinates from = {at[0], k.add(firstChannel, where[0])}, weight = {at[1], where[0]};
    Value inside = k.equal(0, k.materialize(0));
    for (size_t i = 2; i < rank; ++i) {
      Int c = k.sub(k.add(k.mul(at[i], op.getStrides()[i - 2]), k.mul(where[i - 1], op.getDilations()[i - 2])),
                    op.getLow()[i - 2]);
      inside = arith::AndIOp::create(b, k.loc(), inside, k.less(-1, c));
      inside = arith::AndIOp::create(b, k.loc(), inside, k.less(c, size(inputSizes[i])));
      from.push_back(c);
      weight.push_back(where[i - 1]);
    }
    return k.ifThenElse(
        inside, carried[0].getType(),
        [&] {
          return scoped([&] {
            Value product = elementwise.multiply(emit(input, from, noLanes), emit(filter, weight, noLanes), sumType);
            return Values{elementwise.add(carried[0], product, sumType)};
          });
        },
        [&] { return Values{carried[0]}; });
  })[0];
  return elementwise.round(sum, type);
}

Value RegionEmitter::emitRotary(RotaryOp op, ArrayRef<Int> at) {
  Value input = op.getInput();
  Type type = sinter::getElementType(input);
  int64_t half = *getSizes(op.getCos()).back().constant(), length = *getSizes(input).back().constant();
  Int d = at.back();
  auto rotated = [&]() -> Value {
    Int pair = op.getInterleaved() ? k.div(d, 2) : k.rem(d, half);
    Value isSecond = op.getInterleaved() ? k.equal(k.rem(d, 2), 1) : k.less(half - 1, d);
    int64_t distance = op.getInterleaved() ? 1 : half;
    Coordinates partner(at.begin(), at.end());
    partner.back() = k.select(isSecond, k.sub(d, distance), k.add(d, distance));
    size_t skip = at.size() - sinter::getRank(op.getCos());
    Coordinates angle(at.begin() + skip, at.end());
    Sizes angleSizes = getSizes(op.getCos());
    for (size_t i = 0; i + 1 < angle.size(); ++i)
      if (angleSizes[i].isConstant(1))
        angle[i] = 0;
    angle.back() = pair;
    Value x = emit(input, at, noLanes), other = emit(input, partner, noLanes);
    Value cos = emit(op.getCos(), angle, noLanes), sin = emit(op.getSin(), angle, noLanes);
    OpBuilder &b = k.builder();
    Value turned = arith::MulFOp::create(b, k.loc(), other, sin);
    Value sign = arith::SelectOp::create(b, k.loc(), isSecond, turned, arith::NegFOp::create(b, k.loc(), turned));
    return elementwise.round(arith::AddFOp::create(b, k.loc(), arith::MulFOp::create(b, k.loc(), x, cos), sign), type);
  };
  if (2 * half == length)
    return rotated();
  return k.ifThenElse(
      k.less(d, 2 * half), resultType(op.getResult(), false), [&] { return scoped([&] { return Values{rotated()}; }); },
      [&] { return scoped([&] { return Values{emit(input, at, noLanes)}; }); })[0];
}
