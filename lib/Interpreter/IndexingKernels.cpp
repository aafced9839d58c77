//===- IndexingKernels.cpp - Elements at positions that are data -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"

#include <cstring>

using namespace mlir;
using namespace sinter;

/// An index of a dimension of `size`; a negative one counts from the end.
/// `element` is its place among the indices.
static llvm::Expected<int64_t> wrapIndex(int64_t index, int64_t size, int64_t element, const Frame &frame) {
  if (index < -size || index >= size)
    return frame.fail("element " + llvm::Twine(element) + " of the indices is " + llvm::Twine(index) +
                      ", outside a dimension of size " + llvm::Twine(size));
  return index < 0 ? index + size : index;
}

/// For each element of the indices, in row-major order, the offset of the element
/// of `dims` that has the same position, but along `axis` the index for it.
static llvm::Expected<std::vector<int64_t>> getElementOffsets(const HostTensor &indices, llvm::ArrayRef<int64_t> dims,
                                                              int64_t axis, const Frame &frame) {
  for (auto [i, size] : llvm::enumerate(indices.dims))
    if (static_cast<int64_t>(i) != axis && size > dims[i] && !indices.data.empty())
      return frame.fail("indices of sizes " + formatDims(indices.dims) + " reach beyond data of sizes " +
                        formatDims(dims));
  Strides strides = rowMajorStrides(dims), others = strides;
  others[axis] = 0;
  std::vector<int64_t> offsets, values = load<int64_t>(indices);
  forEachPosition(indices.dims, {others}, [&](llvm::ArrayRef<int64_t> place) { offsets.push_back(place[0]); });
  for (size_t i = 0; i < offsets.size(); ++i) {
    llvm::Expected<int64_t> index = wrapIndex(values[i], dims[axis], i, frame);
    if (!index)
      return index.takeError();
    offsets[i] += *index * strides[axis];
  }
  return offsets;
}

/// For each tuple of indices (their last dimension), the offset in `dims` of the
/// slice that it names.
static llvm::Expected<std::vector<int64_t>> getSliceOffsets(const HostTensor &indices, llvm::ArrayRef<int64_t> dims,
                                                            const Frame &frame) {
  Strides strides = rowMajorStrides(dims);
  int64_t length = indices.dims.back(), count = *countElements(llvm::ArrayRef(indices.dims).drop_back());
  std::vector<int64_t> offsets(count, 0), values = load<int64_t>(indices);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < length; ++j) {
      llvm::Expected<int64_t> index = wrapIndex(values[i * length + j], dims[j], i * length + j, frame);
      if (!index)
        return index.takeError();
      offsets[i] += *index * strides[j];
    }
  return offsets;
}

static llvm::Expected<HostTensor> runGather(GatherOp op, const Frame &frame) {
  const HostTensor &data = frame.operand(0), &indices = frame.operand(1);
  AxisView view(data.dims, op.getAxis());
  size_t blockBytes = view.inner * elementSize(data.type);
  std::vector<int64_t> places = load<int64_t>(indices);
  for (size_t i = 0; i < places.size(); ++i) {
    llvm::Expected<int64_t> index = wrapIndex(places[i], view.size, i, frame);
    if (!index)
      return index.takeError();
    places[i] = *index;
  }
  HostTensor result = frame.makeResult();
  if (result.data.empty())
    return result;
  char *to = result.data.data();
  for (int64_t outer = 0; outer < view.outer; ++outer)
    for (int64_t place : places) {
      std::memcpy(to, &data.data[(outer * view.size + place) * blockBytes], blockBytes);
      to += blockBytes;
    }
  return result;
}

static llvm::Expected<HostTensor> runGatherElements(GatherElementsOp op, const Frame &frame) {
  const HostTensor &data = frame.operand(0);
  llvm::Expected<std::vector<int64_t>> offsets = getElementOffsets(frame.operand(1), data.dims, op.getAxis(), frame);
  if (!offsets)
    return offsets.takeError();
  HostTensor result = frame.makeResult();
  size_t size = elementSize(data.type);
  for (size_t i = 0; i < offsets->size(); ++i)
    std::memcpy(&result.data[i * size], &data.data[(*offsets)[i] * size], size);
  return result;
}

static llvm::Expected<HostTensor> runGatherNd(GatherNdOp op, const Frame &frame) {
  const HostTensor &data = frame.operand(0);
  int64_t shared = op.getBatchDims();
  llvm::ArrayRef<int64_t> dims = data.dims;
  llvm::Expected<std::vector<int64_t>> offsets = getSliceOffsets(frame.operand(1), dims.drop_front(shared), frame);
  if (!offsets)
    return offsets.takeError();
  int64_t numBatches = *countElements(dims.take_front(shared)), batchSize = *countElements(dims.drop_front(shared));
  int64_t perBatch = numBatches ? offsets->size() / numBatches : 0;
  HostTensor result = frame.makeResult();
  size_t size = elementSize(data.type), sliceBytes = offsets->empty() ? 0 : result.data.size() / offsets->size();
  for (size_t i = 0; i < offsets->size() && sliceBytes; ++i)
    std::memcpy(&result.data[i * sliceBytes], &data.data[(i / perBatch * batchSize + (*offsets)[i]) * size],
                sliceBytes);
  return result;
}

/// Slices of `length` elements of the updates, one after the other, combined with
/// those at the offsets.
static HostTensor scatter(ScatterKind kind, const HostTensor &data, const HostTensor &updates,
                          llvm::ArrayRef<int64_t> offsets, int64_t length) {
  HostTensor result = data;
  if (kind == ScatterKind::replace) {
    size_t bytes = length * elementSize(data.type);
    for (size_t i = 0; i < offsets.size() && bytes; ++i)
      std::memcpy(&result.data[offsets[i] * elementSize(data.type)], &updates.data[i * bytes], bytes);
    return result;
  }
  withNumbers(data.type, [&](auto zero) {
    using Number = decltype(zero);
    std::vector<Number> values = load<Number>(data), news = load<Number>(updates);
    for (size_t i = 0; i < offsets.size(); ++i)
      for (int64_t j = 0; j < length; ++j) {
        Number &old = values[offsets[i] + j], update = news[i * length + j];
        old = kind == ScatterKind::add   ? add(old, update)
              : kind == ScatterKind::mul ? multiply(old, update)
              : kind == ScatterKind::max ? greater(old, update)
                                         : lesser(old, update);
      }
    store<Number>(values, result);
  });
  return result;
}

static llvm::Expected<HostTensor> runScatterElements(ScatterElementsOp op, const Frame &frame) {
  const HostTensor &data = frame.operand(0), &indices = frame.operand(1);
  llvm::Expected<std::vector<int64_t>> offsets = getElementOffsets(indices, data.dims, op.getAxis(), frame);
  if (!offsets)
    return offsets.takeError();
  return scatter(op.getKind(), data, frame.operand(2), *offsets, 1);
}

static llvm::Expected<HostTensor> runScatterNd(ScatterNdOp op, const Frame &frame) {
  const HostTensor &data = frame.operand(0), &indices = frame.operand(1);
  llvm::Expected<std::vector<int64_t>> offsets = getSliceOffsets(indices, data.dims, frame);
  if (!offsets)
    return offsets.takeError();
  int64_t length = *countElements(llvm::ArrayRef(data.dims).drop_front(indices.dims.back()));
  return scatter(op.getKind(), data, frame.operand(2), *offsets, length);
}

void sinter::addIndexingKernels(KernelTable &table) {
  table.add(runGather);
  table.add(runGatherElements);
  table.add(runGatherNd);
  table.add(runScatterElements);
  table.add(runScatterNd);
}
