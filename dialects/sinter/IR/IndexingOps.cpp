//===- IndexingOps.cpp - Elements at positions that are data -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/PlainNumbers.h"
#include "dialects/sinter/IR/Sinter.h"

using namespace mlir;
using namespace sinter;

LogicalResult GatherOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Sizes data = getSizes(adaptor.getData()), indices = getSizes(adaptor.getIndices());
  int64_t axis = adaptor.getAxis();
  // gather C1
  if (axis < 0 || axis >= static_cast<int64_t>(data.size()))
    return emitOptionalError(loc, "C1: axis ", axis, " of data of rank ", data.size());
  Sizes result(data.begin(), data.begin() + axis);
  result.append(indices.begin(), indices.end());
  result.append(data.begin() + axis + 1, data.end());
  types.push_back(getTensorType(result, getElementType(adaptor.getData())));
  return success();
}

LogicalResult GatherElementsOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                                 SmallVectorImpl<Type> &types) {
  int64_t rank = getRank(adaptor.getData()), axis = adaptor.getAxis();
  // gather_elements C1
  if (rank != getRank(adaptor.getIndices()) || axis < 0 || axis >= rank)
    return emitOptionalError(loc, "C1: axis ", axis, " of data of rank ", rank, " and indices of rank ",
                             getRank(adaptor.getIndices()));
  types.push_back(getTensorType(getSizes(adaptor.getIndices()), getElementType(adaptor.getData())));
  return success();
}

LogicalResult GatherNdOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  Sizes data = getSizes(adaptor.getData()), indices = getSizes(adaptor.getIndices());
  int64_t shared = adaptor.getBatchDims(), rank = data.size();
  // gather_nd C2
  if (shared < 0 || shared >= rank || shared >= static_cast<int64_t>(indices.size()) ||
      !std::equal(data.begin(), data.begin() + shared, indices.begin()))
    return emitOptionalError(loc, "C2: ", shared, " shared dimensions of sizes ", printSizes(data), " and ",
                             printSizes(indices));
  // gather_nd C1
  std::optional<int64_t> length = indices.back().constant();
  if (!length || *length > rank - shared)
    return emitOptionalError(loc, "C1: indices of length ", indices.back().str(), " into ", rank - shared,
                             " dimensions");
  Sizes result(indices.begin(), indices.end() - 1);
  result.append(data.begin() + shared + *length, data.end());
  types.push_back(getTensorType(result, getElementType(adaptor.getData())));
  return success();
}

LogicalResult ScatterElementsOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                                  SmallVectorImpl<Type> &types) {
  int64_t rank = getRank(adaptor.getData()), axis = adaptor.getAxis();
  // scatter_elements C1
  if (rank != getRank(adaptor.getIndices()) || rank != getRank(adaptor.getUpdates()) || axis < 0 || axis >= rank)
    return emitOptionalError(loc, "C1: axis ", axis, " of data of rank ", rank, ", indices of rank ",
                             getRank(adaptor.getIndices()), " and updates of rank ", getRank(adaptor.getUpdates()));
  // scatter_elements C3
  if (adaptor.getKind() != ScatterKind::replace && isa<StringType>(getElementType(adaptor.getData())))
    return emitOptionalError(loc, "C3: strings are replaced only");
  // scatter_elements C2
  if (getSizes(adaptor.getIndices()) != getSizes(adaptor.getUpdates()) ||
      getElementType(adaptor.getData()) != getElementType(adaptor.getUpdates()))
    return emitOptionalError(loc, "C2: updates ", adaptor.getUpdates().getType(), " for indices of sizes ",
                             printSizes(getSizes(adaptor.getIndices())), " and data of type ",
                             getElementType(adaptor.getData()));
  // scatter_elements C3
  if (adaptor.getKind() != ScatterKind::replace && isNarrow(getElementType(adaptor.getData())))
    return emitOptionalError(loc, "C3: ", stringifyScatterKind(adaptor.getKind()), " of elements of type ",
                             getElementType(adaptor.getData()));
  types.push_back(adaptor.getData().getType());
  return success();
}

LogicalResult ScatterNdOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  Sizes data = getSizes(adaptor.getData()), indices = getSizes(adaptor.getIndices());
  // scatter_nd C1
  std::optional<int64_t> length = indices.empty() ? std::nullopt : indices.back().constant();
  if (!length || *length > static_cast<int64_t>(data.size()))
    return emitOptionalError(loc, "C1: indices of sizes ", printSizes(indices), " into ", data.size(), " dimensions");
  // scatter_nd C3
  if (adaptor.getKind() != ScatterKind::replace && isa<StringType>(getElementType(adaptor.getData())))
    return emitOptionalError(loc, "C3: strings are replaced only");
  // scatter_nd C2
  Sizes expected(indices.begin(), indices.end() - 1);
  expected.append(data.begin() + *length, data.end());
  if (getSizes(adaptor.getUpdates()) != expected ||
      getElementType(adaptor.getData()) != getElementType(adaptor.getUpdates()))
    return emitOptionalError(loc, "C2: updates are ", adaptor.getUpdates().getType(), ", required sizes ",
                             printSizes(expected), " and element type ", getElementType(adaptor.getData()));
  // scatter_nd C3
  if (adaptor.getKind() != ScatterKind::replace && isNarrow(getElementType(adaptor.getData())))
    return emitOptionalError(loc, "C3: ", stringifyScatterKind(adaptor.getKind()), " of elements of type ",
                             getElementType(adaptor.getData()));
  types.push_back(adaptor.getData().getType());
  return success();
}
