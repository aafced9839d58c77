//===- ProgramKernels.cpp - Constants, weights and sizes -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"

#include <algorithm>
#include <cstring>

using namespace mlir;
using namespace sinter;

static llvm::Expected<HostTensor> runConstant(ConstantOp op, const Frame &frame) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements)
    return frame.fail("a constant is not a list of its elements");
  HostTensor result = frame.makeResult();
  size_t size = elementSize(result.type), count = elements.isSplat() ? 1 : result.numElements();
  bool isSigned = isSignedType(result.type);
  auto put = [&](size_t i, llvm::APInt bits) {
    uint64_t value = isSigned ? static_cast<uint64_t>(bits.getSExtValue()) : bits.getZExtValue();
    std::memcpy(&result.data[i * size], &value, size);
  };
  if (result.data.empty())
    return result;
  if (isa<FloatType>(elements.getElementType()))
    for (auto [i, value] :
         llvm::enumerate(llvm::make_range(elements.value_begin<APFloat>(), elements.value_begin<APFloat>() + count)))
      put(i, value.bitcastToAPInt());
  else
    for (auto [i, value] :
         llvm::enumerate(llvm::make_range(elements.value_begin<APInt>(), elements.value_begin<APInt>() + count)))
      put(i, value);
  if (elements.isSplat())
    for (size_t offset = size; offset < result.data.size(); offset += size)
      std::memcpy(&result.data[offset], result.data.data(), size);
  return result;
}

static llvm::Expected<HostTensor> runParameter(ParameterOp op, const Frame &frame) {
  auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(op, op.getWeightAttr());
  if (!weight || !frame.options.readWeight)
    return frame.fail("nothing reads the weight '" + op.getWeight() + "'");
  llvm::Expected<HostTensor> value = frame.options.readWeight(weight);
  if (value && (value->type != frame.resultType || value->dims != frame.resultDims))
    return frame.fail("the weight '" + op.getWeight() + "' is read with another type or sizes than it declares");
  return value;
}

static llvm::Expected<HostTensor> runSizes(SizesOp op, const Frame &frame) {
  llvm::Expected<std::vector<int64_t>> values = frame.evaluate(op.getSizes().getSizes());
  if (!values)
    return values.takeError();
  HostTensor result = frame.makeResult();
  store<int64_t>(*values, result);
  return result;
}

static llvm::Expected<HostTensor> runUpdateState(UpdateStateOp op, const Frame &frame) {
  auto state = SymbolTable::lookupNearestSymbolFrom<StateOp>(op, op.getStateAttr());
  if (!state || !frame.options.states)
    return frame.fail("nothing keeps the state '" + op.getState() + "'");
  HostTensor &kept = frame.options.states->try_emplace(op.getState().str(), frame.makeResult()).first->second;
  if (kept.type != frame.resultType || kept.dims != frame.resultDims)
    return frame.fail("the state '" + op.getState() + "' is kept with another type or sizes than it declares");
  const HostTensor &positions = frame.operand(0), &rows = frame.operand(1);
  int64_t axis = state.getAxis(), capacity = kept.dims[axis], count = rows.dims[axis];
  size_t outer = 1, inner = elementSize(kept.type);
  for (int64_t size : llvm::ArrayRef(kept.dims).take_front(axis))
    outer *= size;
  for (int64_t size : llvm::ArrayRef(kept.dims).drop_front(axis + 1))
    inner *= size;
  for (int64_t i = 0; i < count; ++i) {
    int64_t position = positions.getInt(i);
    if (position < 0 || position >= capacity)
      continue;
    for (size_t a = 0; a < outer; ++a)
      std::copy_n(rows.data.begin() + (a * count + i) * inner, inner,
                  kept.data.begin() + (a * capacity + position) * inner);
  }
  return kept;
}

void sinter::addProgramKernels(KernelTable &table) {
  table.add(runConstant);
  table.add(runParameter);
  table.add(runSizes);
  table.add(runUpdateState);
}
