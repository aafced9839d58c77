//===- TransformerOps.cpp - Constructs of the literature -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/PlainNumbers.h"
#include "dialects/sinter/IR/Sinter.h"

using namespace mlir;
using namespace sinter;

/// Whether `value` can be repeated to `sizes` without changing them.
static bool broadcastsTo(Value value, ArrayRef<SizeExpr> sizes) {
  std::optional<Sizes> both = broadcastSizes(getSizes(value), sizes);
  return both && ArrayRef<SizeExpr>(*both) == sizes;
}

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Sizes lhs = getSizes(adaptor.getLhs()), rhs = getSizes(adaptor.getRhs());
  // matmul C1
  if (lhs.size() < 2 || rhs.size() < 2 || getElementType(adaptor.getLhs()) != getElementType(adaptor.getRhs()))
    return emitOptionalError(loc, "C1: operands ", adaptor.getLhs().getType(), " and ", adaptor.getRhs().getType());
  // matmul C2
  if (lhs.back() != rhs[rhs.size() - 2])
    return emitOptionalError(loc, "C2: ", lhs.back().str(), " columns times ", rhs[rhs.size() - 2].str(), " rows");
  // matmul C3
  std::optional<Sizes> sizes = broadcastSizes(ArrayRef(lhs).drop_back(2), ArrayRef(rhs).drop_back(2));
  if (!sizes)
    return emitOptionalError(loc, "C3: leading sizes of ", printSizes(lhs), " and ", printSizes(rhs),
                             " do not broadcast");
  sizes->push_back(lhs[lhs.size() - 2]);
  sizes->push_back(rhs.back());
  types.push_back(getTensorType(*sizes, getElementType(adaptor.getLhs())));
  return success();
}

LogicalResult ConvOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  Sizes input = getSizes(adaptor.getInput()), filter = getSizes(adaptor.getFilter());
  Type elementType = getElementType(adaptor.getInput());
  size_t rank = input.size();
  // conv C1
  bool fits = rank >= 3 && filter.size() == rank && getElementType(adaptor.getFilter()) == elementType;
  for (ArrayRef<int64_t> numbers : {adaptor.getStrides(), adaptor.getDilations(), adaptor.getLow(), adaptor.getHigh()})
    fits = fits && numbers.size() == rank - 2;
  if (!fits || llvm::any_of(adaptor.getStrides(), [](int64_t n) { return n < 1; }) ||
      llvm::any_of(adaptor.getDilations(), [](int64_t n) { return n < 1; }))
    return emitOptionalError(loc, "C1: ranks, types or numbers for each spatial dimension do not fit");
  // conv C2
  int64_t groups = adaptor.getGroups();
  if (groups < 1 || input[1] != filter[1] * SizeExpr(groups) || !SizeExpr::exactDiv(filter[0], groups))
    return emitOptionalError(loc, "C2: ", input[1].str(), " channels, filters ", printSizes(filter), " in ", groups,
                             " groups");
  // conv C3
  if (Value bias = adaptor.getBias())
    if (getRank(bias) != 1 || getSize(bias, 0) != filter[0] || getElementType(bias) != elementType)
      return emitOptionalError(loc, "C3: a bias of type ", bias.getType(), " for ", filter[0].str(), " filters");
  // conv C4
  Sizes result = {input[0], filter[0]};
  for (size_t i = 0; i + 2 < rank; ++i) {
    SizeExpr room = input[i + 2] + SizeExpr(adaptor.getLow()[i] + adaptor.getHigh()[i]) -
                    SizeExpr(adaptor.getDilations()[i]) * (filter[i + 2] - SizeExpr(1)) - SizeExpr(1);
    if (room.constant() && *room.constant() < 0)
      return emitOptionalError(loc, "C4: the window of dimension ", i + 2, " is larger than the padded input");
    result.push_back(SizeExpr::floorDiv(room, adaptor.getStrides()[i]) + SizeExpr(1));
  }
  types.push_back(getTensorType(result, elementType));
  return success();
}

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  Sizes sizes = getSizes(adaptor.getInput());
  int64_t axis = adaptor.getAxis();
  // layer_norm C1
  if (axis < 0 || axis >= static_cast<int64_t>(sizes.size()))
    return emitOptionalError(loc, "C1: axis ", axis, " of a tensor of rank ", sizes.size());
  // layer_norm C2
  for (Value operand : {adaptor.getScale(), adaptor.getBias()})
    if (operand && (getElementType(operand) != getElementType(adaptor.getInput()) ||
                    !broadcastsTo(operand, ArrayRef(sizes).drop_front(axis))))
      return emitOptionalError(loc, "C2: scale or bias ", operand.getType(), " for ", adaptor.getInput().getType(),
                               " from axis ", axis);
  types.push_back(adaptor.getInput().getType());
  return success();
}

LogicalResult RmsNormOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  Sizes sizes = getSizes(adaptor.getInput());
  int64_t axis = adaptor.getAxis();
  // rms_norm C1
  if (axis < 0 || axis >= static_cast<int64_t>(sizes.size()))
    return emitOptionalError(loc, "C1: axis ", axis, " of a tensor of rank ", sizes.size());
  // rms_norm C2
  if (getElementType(adaptor.getScale()) != getElementType(adaptor.getInput()) ||
      !broadcastsTo(adaptor.getScale(), ArrayRef(sizes).drop_front(axis)))
    return emitOptionalError(loc, "C2: scale ", adaptor.getScale().getType(), " for ", adaptor.getInput().getType(),
                             " from axis ", axis);
  types.push_back(adaptor.getInput().getType());
  return success();
}

LogicalResult RotaryOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Sizes sizes = getSizes(adaptor.getInput()), angles = getSizes(adaptor.getCos());
  // rotary C1
  std::optional<int64_t> half = angles.empty() ? std::nullopt : angles.back().constant();
  if (!half || adaptor.getCos().getType() != adaptor.getSin().getType() ||
      getElementType(adaptor.getCos()) != getElementType(adaptor.getInput()))
    return emitOptionalError(loc, "C1: input ", adaptor.getInput().getType(), ", cos ", adaptor.getCos().getType(),
                             ", sin ", adaptor.getSin().getType());
  // rotary C2
  std::optional<int64_t> last = sizes.empty() ? std::nullopt : sizes.back().constant();
  std::optional<Sizes> leading =
      sizes.empty() ? std::nullopt : broadcastSizes(ArrayRef(angles).drop_back(), ArrayRef(sizes).drop_back());
  if (!last || 2 * *half > *last || !leading || ArrayRef<SizeExpr>(*leading) != ArrayRef(sizes).drop_back())
    return emitOptionalError(loc, "C2: angles of sizes ", printSizes(angles), " for input of sizes ",
                             printSizes(sizes));
  types.push_back(adaptor.getInput().getType());
  return success();
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  Sizes query = getSizes(adaptor.getQuery()), key = getSizes(adaptor.getKey()), value = getSizes(adaptor.getValue());
  Type type = getElementType(adaptor.getQuery());
  // attention C1
  for (Value operand : {adaptor.getQuery(), adaptor.getKey(), adaptor.getValue()})
    if (getRank(operand) != 4 || getElementType(operand) != type)
      return emitOptionalError(loc, "C1: an operand of type ", operand.getType());
  // attention C2
  if (query[0] != key[0] || key[0] != value[0] || key[1] != value[1] || key[2] != value[2] || query[3] != key[3] ||
      !SizeExpr::exactDiv(query[2], key[2]))
    return emitOptionalError(loc, "C2: query ", printSizes(query), ", key ", printSizes(key), ", value ",
                             printSizes(value));
  // attention C3
  if (Value bias = adaptor.getBias())
    if (getRank(bias) != 4 || getElementType(bias) != type ||
        !broadcastsTo(bias, {query[0], query[2], query[1], key[1]}))
      return emitOptionalError(loc, "C3: bias ", bias.getType(), " for query ", printSizes(query), " and key ",
                               printSizes(key));
  // attention C4
  if (Value past = adaptor.getPast())
    if (getRank(past) != 0 || !getElementType(past).isInteger(64))
      return emitOptionalError(loc, "C4: past ", past.getType());
  types.push_back(getTensorType({query[0], query[1], query[2], value[3]}, type));
  return success();
}
