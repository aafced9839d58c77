//===- Padding.cpp - Tensors of other sizes ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Padding.h"

#include <algorithm>
#include <cstring>

using namespace sinter;
using namespace sinter::tool;

/// A tensor as [outer, size along the axis, inner bytes].
static std::pair<int64_t, int64_t> splitAt(const HostTensor &tensor, unsigned axis) {
  int64_t outer = 1, inner = int64_t(elementSize(tensor.type));
  for (unsigned i = 0; i < tensor.dims.size(); ++i)
    if (i != axis)
      (i < axis ? outer : inner) *= tensor.dims[i];
  return {outer, inner};
}

HostTensor tool::takePositions(const HostTensor &tensor, unsigned axis, int64_t first, int64_t count) {
  std::vector<int64_t> dims = tensor.dims;
  dims[axis] = count;
  HostTensor result(tensor.type, dims);
  auto [outer, inner] = splitAt(tensor, axis);
  for (int64_t i = 0; i < outer; ++i)
    std::memcpy(result.data.data() + i * count * inner, tensor.data.data() + (i * tensor.dims[axis] + first) * inner,
                size_t(count * inner));
  return result;
}

HostTensor tool::joinPositions(llvm::ArrayRef<HostTensor> tensors, unsigned axis) {
  std::vector<int64_t> dims = tensors.front().dims;
  dims[axis] = 0;
  for (const HostTensor &tensor : tensors)
    dims[axis] += tensor.dims[axis];
  HostTensor result(tensors.front().type, dims);
  auto [outer, inner] = splitAt(result, axis);
  int64_t first = 0;
  for (const HostTensor &tensor : tensors) {
    for (int64_t i = 0; i < outer; ++i)
      std::memcpy(result.data.data() + (i * dims[axis] + first) * inner,
                  tensor.data.data() + i * tensor.dims[axis] * inner, size_t(tensor.dims[axis] * inner));
    first += tensor.dims[axis];
  }
  return result;
}

HostTensor tool::resizeTensor(const HostTensor &tensor, llvm::ArrayRef<int64_t> dims) {
  HostTensor result = tensor;
  for (unsigned axis = 0; axis < dims.size(); ++axis) {
    int64_t given = result.dims[axis], missing = dims[axis] - given;
    if (missing <= 0) {
      result = takePositions(result, axis, 0, dims[axis]);
      continue;
    }
    HostTensor last = takePositions(result, axis, given - 1, 1);
    if (!isFloatType(tensor.type))
      std::fill(last.data.begin(), last.data.end(), 0);
    std::vector<HostTensor> parts = {std::move(result)};
    parts.insert(parts.end(), size_t(missing), last);
    result = joinPositions(parts, axis);
  }
  return result;
}
