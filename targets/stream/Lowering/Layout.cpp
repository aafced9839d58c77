//===- Layout.cpp - Where the elements of a value lie ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/Layout.h"

#include "llvm/ADT/STLExtras.h"

using namespace sinter::stream;
using llvm::ArrayRef;
using llvm::SmallVector;

Layout Layout::make(ArrayRef<int64_t> sizes, ArrayRef<bool> areColumns) {
  Layout layout;
  layout.dims.resize(sizes.size());
  int64_t rows = 1, columns = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    int64_t &next = areColumns[i] ? columns : rows;
    layout.dims[i] = {sizes[i], next, areColumns[i]};
    next *= sizes[i];
  }
  return layout;
}

Layout Layout::natural(ArrayRef<int64_t> sizes, int64_t columns) {
  SmallVector<bool> areColumns(sizes.size(), false);
  int64_t count = 1;
  for (size_t i = sizes.size(); i-- > 0 && count < columns;) {
    count *= sizes[i];
    areColumns[i] = true;
  }
  return make(sizes, areColumns);
}

SmallVector<int64_t> Layout::sizes() const {
  SmallVector<int64_t> all;
  for (const Dimension &dim : dims)
    all.push_back(dim.size);
  return all;
}

SmallVector<bool> Layout::columnDims() const {
  SmallVector<bool> all;
  for (const Dimension &dim : dims)
    all.push_back(dim.isColumns);
  return all;
}

int64_t Layout::numColumns() const {
  int64_t count = 1;
  for (const Dimension &dim : dims)
    count *= dim.isColumns ? dim.size : 1;
  return count;
}

int64_t Layout::numRows() const {
  int64_t count = 1;
  for (const Dimension &dim : dims)
    count *= dim.isColumns ? 1 : dim.size;
  return count;
}

bool Layout::isSame(const Layout &other) const {
  return row == other.row && column == other.column &&
         llvm::equal(dims, other.dims, [](const Dimension &a, const Dimension &b) {
           return a.size == b.size && (a.size == 1 || (a.stride == b.stride && a.isColumns == b.isColumns));
         });
}

Layout Layout::transpose(ArrayRef<int64_t> permutation) const {
  Layout layout = *this;
  for (auto [i, axis] : llvm::enumerate(permutation))
    layout.dims[i] = dims[axis];
  return layout;
}

Layout Layout::slice(ArrayRef<int64_t> starts, ArrayRef<int64_t> steps, ArrayRef<int64_t> sizes) const {
  Layout layout = *this;
  for (auto [i, dim] : llvm::enumerate(layout.dims)) {
    (dim.isColumns ? layout.column : layout.row) += starts[i] * dim.stride;
    dim = {sizes[i], dim.stride * steps[i], dim.isColumns};
  }
  return layout;
}

Layout Layout::broadcast(ArrayRef<int64_t> sizes) const {
  Layout layout = *this;
  layout.dims.assign(sizes.size(), {});
  size_t front = sizes.size() - dims.size();
  for (auto [i, size] : llvm::enumerate(sizes)) {
    layout.dims[i].size = size;
    if (i >= front && dims[i - front].size == size)
      layout.dims[i] = dims[i - front];
  }
  return layout;
}

std::optional<Layout> Layout::reshape(ArrayRef<int64_t> sizes) const {
  Layout layout;
  layout.row = row;
  layout.column = column;
  layout.dims.assign(sizes.size(), {});
  SmallVector<Dimension> from;
  for (const Dimension &dim : dims)
    if (dim.size != 1)
      from.push_back(dim);
  size_t i = from.size(), k = sizes.size();
  while (k > 0) {
    if (sizes[k - 1] == 1) {
      --k;
      continue;
    }
    if (i == 0)
      return std::nullopt;
    // A group of dimensions becomes another one.
    Dimension group = from[--i];
    size_t end = k;
    int64_t made = sizes[--k];
    while (made != group.size) {
      if (made < group.size) {
        if (k == 0)
          return std::nullopt;
        made *= sizes[--k];
        continue;
      }
      if (i == 0 || from[i - 1].isColumns != group.isColumns || from[i - 1].stride != group.stride * group.size)
        return std::nullopt;
      group.size *= from[--i].size;
    }
    int64_t stride = group.stride;
    for (size_t at = end; at-- > k;) {
      layout.dims[at] = {sizes[at], stride, group.isColumns};
      stride *= sizes[at];
    }
  }
  return i == 0 ? std::optional<Layout>(layout) : std::nullopt;
}

std::optional<SmallVector<int64_t>> sinter::stream::findCommonSizes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  SmallVector<int64_t> common;
  size_t i = 0, k = 0;
  int64_t x = 1, y = 1; // what is left of the dimensions before i and k
  while (true) {
    while (x == 1 && i < a.size())
      x = a[i++];
    while (y == 1 && k < b.size())
      y = b[k++];
    if (x == 1 && y == 1)
      return common;
    // The first of several that a dimension is cut into is the outermost: what is left lies inside of it.
    int64_t least = std::min(x, y);
    if (x == 1 || y == 1)
      return std::nullopt;
    if (x % least != 0 || y % least != 0)
      return std::nullopt;
    common.push_back(least);
    x /= least;
    y /= least;
  }
}

void RowWalk::addDimension(int64_t size, ArrayRef<int64_t> strides, bool isFixed) {
  bool descends = llvm::any_of(strides, [](int64_t stride) { return stride < 0; });
  dims.push_back({size, SmallVector<int64_t>(strides), isFixed || descends});
}

void RowWalk::forEachRun(ArrayRef<int64_t> firstRows, llvm::function_ref<void(const Run &)> call) const {
  // Neighbours along which all matrices go on evenly are one; the longest such group is what runs cover.
  size_t bestBegin = 0, bestEnd = 0;
  int64_t bestCount = 1;
  for (size_t begin = 0; begin < dims.size(); ++begin) {
    if (dims[begin].isFixed)
      continue;
    int64_t count = 1;
    size_t last = dims.size(); // the innermost so far that is longer than 1
    for (size_t end = begin; end < dims.size() && !dims[end].isFixed; ++end) {
      if (dims[end].size != 1) {
        bool goesOn = last == dims.size();
        if (!goesOn) {
          goesOn = true;
          for (size_t k = 0; k < firstRows.size(); ++k)
            goesOn &= dims[last].strides[k] == dims[end].strides[k] * dims[end].size;
        }
        if (!goesOn)
          break;
        count *= dims[end].size;
        last = end;
      }
      if (count > bestCount) {
        bestCount = count;
        bestBegin = begin;
        bestEnd = end + 1;
      }
    }
  }
  size_t inner = bestEnd;
  for (size_t i = bestBegin; i < bestEnd; ++i)
    if (dims[i].size != 1)
      inner = i;
  SmallVector<int64_t> position(dims.size(), 0);
  Run run;
  run.count = bestCount;
  for (size_t k = 0; k < firstRows.size(); ++k)
    run.steps.push_back(bestCount > 1 ? dims[inner].strides[k] : 1);
  while (true) {
    run.rows.assign(firstRows.begin(), firstRows.end());
    for (auto [i, dim] : llvm::enumerate(dims))
      for (auto [k, row] : llvm::enumerate(run.rows))
        row += position[i] * dim.strides[k];
    run.position = position;
    call(run);
    size_t i = dims.size();
    while (i-- > 0) {
      if (i >= bestBegin && i < bestEnd)
        continue;
      if (++position[i] < dims[i].size)
        break;
      position[i] = 0;
    }
    if (i == size_t(-1))
      return;
  }
}
