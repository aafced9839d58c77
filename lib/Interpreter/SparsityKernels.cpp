//===- SparsityKernels.cpp - Weights with patterns of zeros ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"
#include "lib/Interpreter/Kernel.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cstring>
#include <numeric>

using namespace mlir;
using namespace sinter;

/// The number of the block that each element lies in, blocks counted in row-major order.
static std::vector<int64_t> findBlocks(llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<int64_t> block) {
  std::vector<int64_t> blocks{0};
  for (auto [size, length] : llvm::zip_equal(dims, block)) {
    std::vector<int64_t> finer;
    finer.reserve(blocks.size() * size);
    int64_t count = llvm::divideCeil(size, length);
    for (int64_t outer : blocks)
      for (int64_t i = 0; i < size; ++i)
        finer.push_back(outer * count + i / length);
    blocks = std::move(finer);
  }
  return blocks;
}

static int64_t countBlocks(llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<int64_t> block) {
  int64_t count = 1;
  for (auto [size, length] : llvm::zip_equal(dims, block))
    count *= llvm::divideCeil(size, length);
  return count;
}

static llvm::Expected<HostTensor> runPrune(PruneOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  std::vector<double> values = load<double>(input), magnitudes;
  if (op.getMagnitudes())
    magnitudes = load<double>(frame.operand(1));
  std::vector<int64_t> blocks = findBlocks(input.dims, op.getBlock());
  int64_t count = countBlocks(input.dims, op.getBlock());
  std::vector<double> scores(count);
  int64_t rowElements = input.dims[0] ? values.size() / input.dims[0] : 0;
  for (size_t i = 0; i < values.size(); ++i) {
    double x = values[i] * (magnitudes.empty() ? 1.0 : magnitudes[i / rowElements]);
    scores[blocks[i]] += x * x;
  }

  // Blocks that compete with each other: all, or `of` that follow one another along dimension 0.
  int64_t blockRows = llvm::divideCeil(input.dims[0], op.getBlock()[0]), perRow = blockRows ? count / blockRows : 0;
  int64_t of = op.getOf(), columns = of ? perRow : 1;
  std::vector<bool> isKept(count);
  for (int64_t column = 0; column < columns; ++column)
    for (int64_t first = 0; first < blockRows; first += of ? of : blockRows) {
      std::vector<int64_t> rivals;
      for (int64_t row = first; row < (of ? std::min(first + of, blockRows) : blockRows); ++row)
        for (int64_t other = 0; other < (of ? 1 : perRow); ++other)
          rivals.push_back(row * perRow + column + other);
      std::sort(rivals.begin(), rivals.end(),
                [&](int64_t a, int64_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
      for (int64_t i = 0; i < std::min<int64_t>(op.getKeep(), rivals.size()); ++i)
        isKept[rivals[i]] = true;
    }
  for (size_t i = 0; i < values.size(); ++i)
    if (!isKept[blocks[i]])
      values[i] = 0;
  HostTensor result = frame.makeResult();
  store<double>(values, result);
  return result;
}

static llvm::Expected<HostTensor> runCompress(CompressOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0), &mask = frame.operand(1);
  HostTensor result = frame.makeResult();
  std::vector<uint64_t> selected = load<uint64_t>(mask);
  auto axis = static_cast<size_t>(op.getAxis());
  int64_t kept = std::count_if(selected.begin(), selected.end(), [](uint64_t x) { return x != 0; });
  if (kept != result.dims[axis])
    return frame.fail("the mask selects " + llvm::Twine(kept) + " slices, and the program was made for " +
                      llvm::Twine(result.dims[axis]));
  auto product = [](llvm::ArrayRef<int64_t> dims) {
    return std::accumulate(dims.begin(), dims.end(), int64_t(1), std::multiplies<int64_t>());
  };
  llvm::ArrayRef<int64_t> dims = input.dims;
  int64_t outer = product(dims.take_front(axis)), sliceBytes = product(dims.drop_front(axis + 1));
  sliceBytes *= static_cast<int64_t>(elementSize(input.type));
  char *to = result.data.data();
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t j = 0; j < dims[axis]; ++j)
      if (selected[j] && sliceBytes) {
        std::memcpy(to, &input.data[(i * dims[axis] + j) * sliceBytes], sliceBytes);
        to += sliceBytes;
      }
  return result;
}

static llvm::Expected<HostTensor> runEncode(EncodeOp op, const Frame &frame) {
  HostTensor result = frame.operand(0);
  auto encoding = cast<SparseAttr>(cast<RankedTensorType>(op.getResult().getType()).getEncoding());
  std::vector<int64_t> blocks = findBlocks(result.dims, encoding.getBlock());
  std::vector<bool> isStored(countBlocks(result.dims, encoding.getBlock()));
  withNumbers(result.type, [&](auto zero) {
    std::vector<decltype(zero)> values = load<decltype(zero)>(result);
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] != zero)
        isStored[blocks[i]] = true;
  });
  int64_t stored = std::count(isStored.begin(), isStored.end(), true);
  if (stored > static_cast<int64_t>(op.getStored()))
    return frame.fail("the weight has " + llvm::Twine(stored) +
                      " blocks that are not zero, and the program was made for " + llvm::Twine(op.getStored()));
  return result;
}

void sinter::addSparsityKernels(KernelTable &table) {
  table.add(runPrune);
  table.add(runCompress);
  table.add(runEncode);
}
