//===- SparsityOps.cpp - Weights with patterns of zeros ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sinter;

//===----------------------------------------------------------------------===//
// #sinter.sparse
//===----------------------------------------------------------------------===//

int64_t SparseAttr::getNumBlocks(ArrayRef<int64_t> shape) const {
  int64_t count = 1;
  for (auto [size, length] : llvm::zip_equal(shape, getBlock()))
    count *= llvm::divideCeil(size, length);
  return count;
}

LogicalResult SparseAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                         function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != getBlock().size())
    return emitError() << "#sinter.sparse has a block of rank " << getBlock().size() << " for a tensor of rank "
                       << shape.size();
  if (ShapedType::isDynamicShape(shape))
    return emitError() << "a tensor with an encoding #sinter.sparse has static sizes";
  if (llvm::any_of(getBlock(), [](int64_t length) { return length < 1; }))
    return emitError() << "the length of a block is positive";
  return success();
}

//===----------------------------------------------------------------------===//
// prune, compress, encode
//===----------------------------------------------------------------------===//

LogicalResult PruneOp::verify() {
  auto type = cast<RankedTensorType>(getInput().getType());
  ArrayRef<int64_t> block = getBlock();
  // prune C1
  if (static_cast<int64_t>(block.size()) != type.getRank() || type.getRank() == 0 || !type.hasStaticShape() ||
      llvm::any_of(block, [](int64_t length) { return length < 1; }))
    return emitOpError() << "C1: a block of [" << block << "] for " << type;
  // prune C2
  int64_t most = getOf();
  if (!most)
    most = SparseAttr::get(getContext(), block).getNumBlocks(type.getShape());
  int64_t keep = getKeep();
  if (keep < 0 || getOf() < 0 || keep > most)
    return emitOpError() << "C2: " << keep << " of " << most << " blocks are kept";
  // prune C3
  if (Value magnitudes = getMagnitudes(); magnitudes && getSizes(magnitudes) != Sizes{getSize(getInput(), 0)})
    return emitOpError() << "C3: magnitudes " << magnitudes.getType() << " for " << type;
  return success();
}

LogicalResult CompressOp::verify() {
  int64_t axis = getAxis();
  Sizes input = getSizes(getInput()), result = getSizes(getResult());
  // compress C1
  if (axis < 0 || axis >= static_cast<int64_t>(input.size()) || getSizes(getMask()) != Sizes{input[axis]})
    return emitOpError() << "C1: mask " << getMask().getType() << " for axis " << axis << " of "
                         << getInput().getType();
  // compress C2
  bool same =
      result.size() == input.size() && sinter::getElementType(getInput()) == sinter::getElementType(getResult());
  for (size_t i = 0; same && i < input.size(); ++i) {
    std::optional<int64_t> before = input[i].constant(), after = result[i].constant();
    same = static_cast<int64_t>(i) == axis ? before && after && *after <= *before : input[i] == result[i];
  }
  if (!same)
    return emitOpError() << "C2: from " << getInput().getType() << " to " << getResult().getType();
  return success();
}

LogicalResult EncodeOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType()), result = cast<RankedTensorType>(getResult().getType());
  auto encoding = dyn_cast_or_null<SparseAttr>(result.getEncoding());
  // encode C1
  if (!encoding || input.getEncoding() || input != result.cloneWithEncoding(Attribute()))
    return emitOpError() << "C1: from " << input << " to " << result;
  // encode C2
  int64_t stored = getStored(), blocks = encoding.getNumBlocks(result.getShape());
  if (stored < 0 || stored > blocks)
    return emitOpError() << "C2: " << stored << " of " << blocks << " blocks are stored";
  return success();
}
