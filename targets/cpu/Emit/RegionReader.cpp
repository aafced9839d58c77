//===- RegionReader.cpp - What a fused region has, for its template ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/RegionReader.h"

#include "targets/cpu/Emit/ElementwiseEmitter.h"
#include "targets/cpu/Transforms/Passes.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

Value cpu::getYielded(Block &body) { return cast<YieldOp>(body.back()).getValues()[0]; }

std::optional<unsigned> cpu::findYielded(Block &body, Value value) {
  for (auto [i, yielded] : llvm::enumerate(cast<YieldOp>(body.back()).getValues())) {
    Value source = yielded;
    while (auto reshape = source.getDefiningOp<ReshapeOp>())
      source = reshape.getInput();
    if (source == value)
      return i;
  }
  return std::nullopt;
}

std::optional<StridedView> cpu::viewOf(Value value) {
  std::optional<StridedView> view = getStridedView(value, [](Value) { return false; });
  return view && isa<BlockArgument>(view->base) ? view : std::nullopt;
}

BlockArgument cpu::getWholeArgument(Value value) {
  std::optional<StridedView> view = viewOf(value);
  return view && view->isContiguous() ? cast<BlockArgument>(view->base) : BlockArgument();
}

int64_t cpu::elementBytes(Value value) { return elementSize(toElementType(sinter::getElementType(value))); }

bool cpu::isColumnVector(Value value, const SizeExpr &columns) {
  Sizes sizes = getSizes(value);
  if (sizes.empty() || sizes.back() != columns)
    return false;
  return llvm::all_of(ArrayRef(sizes).drop_back(), [](const SizeExpr &size) { return size.isConstant(1); });
}

bool cpu::isScalarTensor(Value value) { return value && sinter::getRank(value) == 0; }

FailureOr<TileEpilogue> cpu::readEpilogue(Value product, Value yielded, bool isBatched) {
  TileEpilogue epilogue;
  Value value = product;
  while (value != yielded) {
    if (value.use_empty() || !llvm::all_equal(value.getUsers()))
      return failure();
    Operation *user = *value.getUsers().begin();
    if (auto reshape = dyn_cast<ReshapeOp>(user)) {
      // Rows may be regrouped; columns stay.
      value = reshape.getResult();
      continue;
    }
    if (isByteQuantize(user) && user->getOperand(0) == value && user->getResult(0) == yielded && !isBatched) {
      epilogue.quantize = cast<QuantizeOp>(user);
      break;
    }
    if (!isTileEpilogue(user, value))
      return failure();
    auto op = cast<ElementwiseOp>(user);
    SmallVector<Value> others;
    for (Value operand : op.getOperands_())
      if (operand != value && !isSplatConstant(operand))
        others.push_back(operand);
    bool isSum = op.getKind() == ElementwiseKind::add && others.size() == 1 && op.getOperands_().size() == 2;
    value = op.getResult();
    if (isSum && epilogue.ops.empty()) {
      BlockArgument argument = getWholeArgument(others[0]);
      if (!argument)
        return failure();
      bool isColumns = isColumnVector(others[0], getSizes(value).back());
      if (isColumns && !epilogue.bias && !epilogue.residual) {
        epilogue.bias = argument;
        continue;
      }
      if (!isColumns && !isBatched && !epilogue.residual) {
        epilogue.residual = argument;
        continue;
      }
    }
    for (Value other : others) {
      BlockArgument argument = getWholeArgument(other);
      if (!argument || isBatched)
        return failure();
      epilogue.extras.push_back(argument);
    }
    epilogue.ops.push_back(op);
  }
  if (epilogue.extras.size() > 4)
    return failure();
  return epilogue;
}

Epilogue cpu::emitEpilogue(const TileEpilogue &epilogue) {
  if (epilogue.ops.empty())
    return {};
  return [epilogue](KernelBuilder &k, Value x, ArrayRef<Value> extras) {
    ElementwiseEmitter emitter(k);
    unsigned nextExtra = 0;
    for (ElementwiseOp op : epilogue.ops) {
      // The chain's own value is the operand that is neither a number nor an argument.
      SmallVector<Value> operands;
      for (Value operand : op.getOperands_()) {
        if (isSplatConstant(operand)) {
          while (!operand.getDefiningOp<ConstantOp>())
            operand = operand.getDefiningOp()->getOperand(0);
          auto elements = cast<DenseElementsAttr>(operand.getDefiningOp<ConstantOp>().getValue());
          Value number = emitter.constant(elements.getSplatValue<Attribute>(), elements.getElementType());
          operands.push_back(emitter.splatLike(number, x));
        } else if (getWholeArgument(operand)) {
          operands.push_back(extras[nextExtra++]);
        } else {
          operands.push_back(x);
        }
      }
      x = emitter.emit(op, operands);
    }
    return x;
  };
}
