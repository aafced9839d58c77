//===- ShapeKernels.cpp - Rearrangements of elements -----------------------===//
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

template <typename Element>
static void copyElements(const HostTensor &input, int64_t start, const Strides &strides, HostTensor &result) {
  const Element *from = input.as<Element>().data() + start;
  Element *to = result.as<Element>().data();
  // The last dimension is a loop of its own: transposed weights are large.
  int64_t size = result.dims.empty() ? 1 : result.dims.back(), step = strides.empty() ? 0 : strides.back();
  llvm::ArrayRef<int64_t> outerDims = llvm::ArrayRef(result.dims).drop_back(!result.dims.empty());
  Strides outerStrides(strides.begin(), strides.begin() + outerDims.size());
  forEachPosition(outerDims, {outerStrides}, [&](llvm::ArrayRef<int64_t> offsets) {
    for (int64_t i = 0; i < size; ++i)
      *to++ = from[offsets[0] + i * step];
  });
}

/// The result whose element at each position, in row-major order, is the one of
/// `input` at an offset that moves by `strides` from `start`.
static HostTensor copyStrided(const HostTensor &input, int64_t start, const Strides &strides, const Frame &frame) {
  HostTensor result = frame.makeResult();
  switch (elementSize(input.type)) {
  case 1:
    copyElements<uint8_t>(input, start, strides, result);
    break;
  case 2:
    copyElements<uint16_t>(input, start, strides, result);
    break;
  case 4:
    copyElements<uint32_t>(input, start, strides, result);
    break;
  case sizeof(StringElement):
    copyElements<StringElement>(input, start, strides, result);
    break;
  default:
    copyElements<uint64_t>(input, start, strides, result);
  }
  return result;
}

static llvm::Expected<HostTensor> runReshape(ReshapeOp, const Frame &frame) {
  HostTensor result = frame.operand(0);
  if (result.numElements() != countElements(frame.resultDims))
    return frame.fail("a tensor of sizes " + formatDims(result.dims) + " cannot become " +
                      formatDims(frame.resultDims));
  result.dims = frame.resultDims;
  return result;
}

static llvm::Expected<HostTensor> runBroadcast(BroadcastOp, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  for (size_t i = 0; i < input.dims.size(); ++i) {
    int64_t to = frame.resultDims[frame.resultDims.size() - input.dims.size() + i];
    if (input.dims[i] != 1 && input.dims[i] != to)
      return frame.fail("a tensor of sizes " + formatDims(input.dims) + " does not broadcast to " +
                        formatDims(frame.resultDims));
  }
  return copyStrided(input, 0, broadcastStrides(input.dims, frame.resultDims), frame);
}

static llvm::Expected<HostTensor> runTranspose(TransposeOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  Strides own = rowMajorStrides(input.dims), strides;
  for (int64_t axis : op.getPermutation())
    strides.push_back(own[axis]);
  return copyStrided(input, 0, strides, frame);
}

static llvm::Expected<HostTensor> runConcat(ConcatOp op, const Frame &frame) {
  HostTensor result = frame.makeResult();
  AxisView whole(result.dims, op.getAxis());
  size_t size = elementSize(result.type), rowBytes = whole.size * whole.inner * size, before = 0;
  for (const HostTensor *input : frame.operands) {
    AxisView part(input->dims, op.getAxis());
    size_t partBytes = part.size * part.inner * size;
    for (int64_t row = 0; row < part.outer && partBytes; ++row)
      std::memcpy(&result.data[row * rowBytes + before], &input->data[row * partBytes], partBytes);
    before += partBytes;
  }
  return result;
}

static llvm::Expected<HostTensor> runSlice(SliceOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  llvm::Expected<std::vector<int64_t>> starts = frame.evaluate(op.getStarts().getSizes());
  if (!starts)
    return starts.takeError();
  llvm::Expected<std::vector<int64_t>> steps = frame.evaluate(op.getSteps().getSizes());
  if (!steps)
    return steps.takeError();
  if (countElements(frame.resultDims) == 0)
    return frame.makeResult();

  Strides own = rowMajorStrides(input.dims), strides;
  int64_t first = 0;
  for (size_t i = 0; i < input.dims.size(); ++i) {
    int64_t start = (*starts)[i], step = (*steps)[i], last = 0;
    if (__builtin_mul_overflow(frame.resultDims[i] - 1, step, &last) || __builtin_add_overflow(start, last, &last) ||
        start < 0 || start >= input.dims[i] || last < 0 || last >= input.dims[i] || step == 0)
      return frame.fail("axis " + llvm::Twine(i) + " has size " + llvm::Twine(input.dims[i]) + ", and " +
                        llvm::Twine(frame.resultDims[i]) + " elements from " + llvm::Twine(start) + " by " +
                        llvm::Twine(step) + " leave it");
    first += start * own[i];
    strides.push_back(step * own[i]);
  }
  return copyStrided(input, first, strides, frame);
}

/// Which element of a dimension of `size` a pad shows at `position`, counted from
/// the dimension's first element; -1 for the value of mode `constant`.
static int64_t getPadSource(PadMode mode, int64_t position, int64_t size) {
  if (position >= 0 && position < size)
    return position;
  switch (mode) {
  case PadMode::constant:
    return -1;
  case PadMode::edge:
    return position < 0 ? 0 : size - 1;
  case PadMode::wrap:
    return (position % size + size) % size;
  case PadMode::reflect: {
    // 0 1 2 3 2 1 0 1 ...: a period goes there and back without repeating the ends.
    int64_t period = size == 1 ? 1 : 2 * (size - 1);
    int64_t phase = (position % period + period) % period;
    return phase < size ? phase : period - phase;
  }
  }
  llvm_unreachable("a mode of pad");
}

static llvm::Expected<HostTensor> runPad(PadOp op, const Frame &frame) {
  const HostTensor &input = frame.operand(0);
  llvm::Expected<std::vector<int64_t>> low = frame.evaluate(op.getLow().getSizes());
  if (!low)
    return low.takeError();
  HostTensor result = frame.makeResult();
  size_t size = elementSize(input.type), rank = input.dims.size();
  if (op.getMode() != PadMode::constant && input.data.empty() && !result.data.empty())
    return frame.fail("there is no element to pad with");

  // Of each dimension, the offsets of the elements that it shows.
  Strides own = rowMajorStrides(input.dims);
  std::vector<std::vector<int64_t>> sources(rank);
  for (size_t i = 0; i < rank; ++i)
    for (int64_t position = 0; position < result.dims[i]; ++position) {
      int64_t source = getPadSource(op.getMode(), position - (*low)[i], input.dims[i]);
      sources[i].push_back(source < 0 ? -1 : source * own[i]);
    }

  Strides strides = rowMajorStrides(result.dims);
  const char *filling = op.getValue() ? frame.operand(1).data.data() : nullptr;
  for (int64_t linear = 0, count = result.numElements(); linear < count; ++linear) {
    int64_t offset = 0;
    bool inside = true;
    for (size_t i = 0; i < rank; ++i) {
      int64_t source = sources[i][linear / strides[i] % result.dims[i]];
      inside = inside && source >= 0;
      offset += source;
    }
    if (inside)
      std::memcpy(&result.data[linear * size], &input.data[offset * size], size);
    else if (filling)
      std::memcpy(&result.data[linear * size], filling, size);
  }
  return result;
}

static llvm::Expected<HostTensor> runRange(RangeOp, const Frame &frame) {
  HostTensor result = frame.makeResult();
  withNumbers(result.type, [&](auto zero) {
    using Number = decltype(zero);
    Number start = load<Number>(frame.operand(0))[0], delta = load<Number>(frame.operand(1))[0];
    std::vector<Number> values;
    for (int64_t i = 0; i < result.dims[0]; ++i)
      values.push_back(add(start, multiply(static_cast<Number>(i), delta)));
    store<Number>(values, result);
  });
  return result;
}

void sinter::addShapeKernels(KernelTable &table) {
  table.add(runReshape);
  table.add(runBroadcast);
  table.add(runTranspose);
  table.add(runConcat);
  table.add(runSlice);
  table.add(runPad);
  table.add(runRange);
}
