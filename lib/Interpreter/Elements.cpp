//===- Elements.cpp - Elements as the interpreter computes with them -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Elements.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <thread>

using namespace sinter;

/// Calls `function` with a value of the type that stores an element, of one that
/// is neither bool nor a float of 16 bits or fewer.
template <typename Function> static void withStorage(ElementType type, Function function) {
  switch (type) {
  case ElementType::F32:
    return function(float());
  case ElementType::F64:
    return function(double());
  case ElementType::I8:
  case ElementType::I4:
  case ElementType::I2:
    return function(int8_t());
  case ElementType::I16:
    return function(int16_t());
  case ElementType::I32:
    return function(int32_t());
  case ElementType::I64:
    return function(int64_t());
  case ElementType::U8:
  case ElementType::U4:
  case ElementType::U2:
    return function(uint8_t());
  case ElementType::U16:
    return function(uint16_t());
  case ElementType::U32:
    return function(uint32_t());
  case ElementType::U64:
    return function(uint64_t());
  default:
    break;
  }
  llvm_unreachable("an element type with special storage");
}

/// A double that rounds to any narrower float as `value` itself does: where 53 bits
/// do not hold an integer, its lowest bit says whether anything was cut off.
static double toDouble(double value) { return value; }
static double toDouble(uint64_t value) {
  if (value >> 53 == 0)
    return static_cast<double>(value);
  return static_cast<double>(value >> 11 | ((value & 0x7ff) != 0)) * 0x1p11;
}
static double toDouble(int64_t value) {
  return value < 0 ? -toDouble(0 - static_cast<uint64_t>(value)) : toDouble(static_cast<uint64_t>(value));
}

template <typename Number> std::vector<Number> sinter::load(const HostTensor &tensor) {
  std::vector<Number> values(tensor.numElements());
  if (tensor.type == ElementType::F16)
    std::transform(tensor.as<uint16_t>().begin(), tensor.as<uint16_t>().end(), values.begin(), halfToFloat);
  else if (tensor.type == ElementType::BF16)
    std::transform(tensor.as<uint16_t>().begin(), tensor.as<uint16_t>().end(), values.begin(), bfloat16ToFloat);
  else if (tensor.type == ElementType::Bool)
    std::transform(tensor.as<uint8_t>().begin(), tensor.as<uint8_t>().end(), values.begin(),
                   [](uint8_t byte) { return byte != 0; });
  else if (isNarrowFloat(tensor.type))
    std::transform(tensor.as<uint8_t>().begin(), tensor.as<uint8_t>().end(), values.begin(),
                   [&](uint8_t byte) { return narrowToDouble(byte, tensor.type); });
  else
    withStorage(tensor.type, [&](auto zero) {
      llvm::ArrayRef<decltype(zero)> elements = tensor.as<decltype(zero)>();
      std::copy(elements.begin(), elements.end(), values.begin());
    });
  return values;
}

template <typename Number>
void sinter::store(llvm::ArrayRef<Number> values, HostTensor &tensor, const NarrowRules &rules) {
  if (tensor.type == ElementType::F16)
    std::transform(values.begin(), values.end(), tensor.as<uint16_t>().begin(),
                   [](Number value) { return doubleToHalf(toDouble(value)); });
  else if (tensor.type == ElementType::BF16)
    std::transform(values.begin(), values.end(), tensor.as<uint16_t>().begin(),
                   [](Number value) { return doubleToBfloat16(toDouble(value)); });
  else if (tensor.type == ElementType::Bool)
    std::transform(values.begin(), values.end(), tensor.as<uint8_t>().begin(), [](Number value) { return value != 0; });
  else if (isNarrowFloat(tensor.type))
    std::transform(values.begin(), values.end(), tensor.as<uint8_t>().begin(),
                   [&](Number value) { return doubleToNarrow(toDouble(value), tensor.type, rules); });
  else if (elementBits(tensor.type) < 8)
    std::transform(values.begin(), values.end(), tensor.as<uint8_t>().begin(),
                   [&](Number value) { return wrapToNarrow(static_cast<int64_t>(value), tensor.type); });
  else
    withStorage(tensor.type, [&](auto zero) {
      std::transform(values.begin(), values.end(), tensor.as<decltype(zero)>().begin(),
                     [](Number value) { return static_cast<decltype(zero)>(value); });
    });
}

template std::vector<double> sinter::load(const HostTensor &);
template std::vector<int64_t> sinter::load(const HostTensor &);
template std::vector<uint64_t> sinter::load(const HostTensor &);
template void sinter::store(llvm::ArrayRef<double>, HostTensor &, const NarrowRules &);
template void sinter::store(llvm::ArrayRef<int64_t>, HostTensor &, const NarrowRules &);
template void sinter::store(llvm::ArrayRef<uint64_t>, HostTensor &, const NarrowRules &);

Strides sinter::rowMajorStrides(llvm::ArrayRef<int64_t> dims) {
  Strides strides(dims.size());
  int64_t stride = 1;
  for (size_t axis = dims.size(); axis-- > 0; stride *= dims[axis])
    strides[axis] = stride;
  return strides;
}

Strides sinter::broadcastStrides(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to) {
  Strides own = rowMajorStrides(from), strides(to.size(), 0);
  size_t leading = to.size() - from.size();
  for (size_t axis = 0; axis < from.size(); ++axis)
    strides[leading + axis] = from[axis] == 1 ? 0 : own[axis];
  return strides;
}

void sinter::forEachPosition(llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<Strides> strides,
                             llvm::function_ref<void(llvm::ArrayRef<int64_t>)> visit) {
  if (llvm::is_contained(dims, 0))
    return;
  llvm::SmallVector<int64_t, 6> position(dims.size(), 0);
  llvm::SmallVector<int64_t, 4> offsets(strides.size(), 0);
  for (;;) {
    visit(offsets);
    // The next position, as a counter with one digit for each dimension.
    size_t axis = dims.size();
    for (;;) {
      if (axis-- == 0)
        return;
      for (auto [offset, stride] : llvm::zip_equal(offsets, strides))
        offset += stride[axis];
      if (++position[axis] < dims[axis])
        break;
      for (auto [offset, stride] : llvm::zip_equal(offsets, strides))
        offset -= stride[axis] * dims[axis];
      position[axis] = 0;
    }
  }
}

AxisView::AxisView(llvm::ArrayRef<int64_t> dims, int64_t axis) : size(dims[axis]) {
  for (int64_t dim : dims.take_front(axis))
    outer *= dim;
  for (int64_t dim : dims.drop_front(axis + 1))
    inner *= dim;
}

void sinter::runInParallel(int64_t count, unsigned numThreads, llvm::function_ref<void(int64_t, int64_t)> run) {
  int64_t parts = std::max<int64_t>(1, std::min<int64_t>(count, numThreads));
  std::vector<std::thread> threads;
  for (int64_t part = 1; part < parts; ++part)
    threads.emplace_back([=] { run(count * part / parts, count * (part + 1) / parts); });
  run(0, count / parts);
  for (std::thread &thread : threads)
    thread.join();
}
