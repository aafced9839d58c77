//===- StateOps.cpp - What lasts from run to run --------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/PlainNumbers.h"
#include "dialects/sinter/IR/Sinter.h"

using namespace mlir;
using namespace sinter;

LogicalResult StateOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  int64_t axis = getAxis();
  // state C1
  if (!type.hasStaticShape() || axis < 0 || axis >= type.getRank())
    return emitOpError() << "C1: axis " << axis << " of " << type;
  return success();
}

LogicalResult UpdateStateOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // update_state C1
  auto state = symbols.lookupNearestSymbolFrom<StateOp>(*this, getStateAttr());
  if (!state)
    return emitOpError() << "C1: no state is named '" << getState() << "'";
  if (state.getType() != getResult().getType())
    return emitOpError() << "C1: the state's type is " << state.getType();
  // update_state C2
  Sizes sizes = getSizes(state.getType()), rows = getSizes(getRows());
  int64_t axis = state.getAxis();
  bool isAlike =
      sizes.size() == rows.size() && sinter::getElementType(getRows()) == sinter::getElementType(getResult());
  for (int64_t i = 0; isAlike && i < static_cast<int64_t>(sizes.size()); ++i)
    isAlike = i == axis || sizes[i] == rows[i];
  if (!isAlike)
    return emitOpError() << "C2: rows " << getRows().getType() << " of a state " << state.getType() << " along axis "
                         << axis;
  // update_state C3
  if (getRank(getPositions()) != 1 || getSize(getPositions(), 0) != rows[axis])
    return emitOpError() << "C3: positions " << getPositions().getType() << " for rows " << getRows().getType();
  return success();
}
