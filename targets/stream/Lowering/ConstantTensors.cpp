//===- ConstantTensors.cpp - Weights as a streaming chip reads them --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/ConstantTensors.h"

#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

ConstantTensors::ConstantTensors(StreamProgram &program, const TargetModel &model, ConstantReader read)
    : program(program), model(model), read(std::move(read)) {}

/// Rounded to fp16, half to even; what is beyond its range becomes its greatest number.
static uint16_t toHalf(float value) {
  uint16_t bits = floatToHalf(value);
  return !std::isnan(value) && (bits & 0x7fff) == 0x7c00 ? bits - 1 : bits;
}

static uint64_t keyOf(Value value) { return reinterpret_cast<uintptr_t>(value.getAsOpaquePointer()); }

llvm::Error ConstantTensors::readFloats(const ConstantReader &read, Value value, Cache &cache) {
  if (cache.value == value)
    return llvm::Error::success();
  llvm::Expected<HostTensor> tensor = read(value);
  if (!tensor)
    return tensor.takeError();
  if (tensor->type != ElementType::F32)
    return internalError("a constant of a streaming chip is of f32");
  cache = {value, std::vector<float>(tensor->as<float>().begin(), tensor->as<float>().end()), tensor->dims};
  return llvm::Error::success();
}

unsigned ConstantTensors::addPacked(std::string name, unsigned rows, unsigned columns, Hemisphere side,
                                    std::function<llvm::Error()> prepare,
                                    std::function<uint16_t(unsigned, unsigned)> element) {
  StreamTensor tensor;
  tensor.kind = StreamTensor::Constant;
  tensor.name = std::move(name);
  tensor.side = side;
  unsigned perLoad = model.columnsPerLoad(), streams = model.loadStreams(), lanes = model.lanes(),
           halfLanes = model.halfLanes(), loads = (columns + perLoad - 1) / perLoad;
  tensor.shape = TensorShape::dense(Element::Int8, loads, streams * lanes, model);
  // Streams 2 i and 2 i + 1 carry columns 2 i and 2 i + 1 of a LOAD, one in each half of the lanes.
  tensor.fill = [=](llvm::MutableArrayRef<uint8_t> words) -> llvm::Error {
    if (llvm::Error error = prepare())
      return error;
    size_t next = 0;
    for (unsigned stream = 0; stream < streams; ++stream)
      for (unsigned load = 0; load < loads; ++load)
        for (unsigned lane = 0; lane < lanes; ++lane) {
          unsigned column = load * perLoad + stream / 2 * 2 + lane / halfLanes, row = lane % halfLanes;
          uint16_t bits = column < columns && row < rows ? element(row, column) : 0;
          words[next++] = stream % 2 ? bits >> 8 : bits & 255;
        }
    return llvm::Error::success();
  };
  return program.add(std::move(tensor));
}

unsigned ConstantTensors::packHalves(Value matrix, unsigned row, unsigned rows, unsigned column, unsigned columns,
                                     Hemisphere side) {
  auto [found, isNew] = known.try_emplace({keyOf(matrix), row, rows, column, columns, uint64_t(side)});
  if (isNew)
    found->second = addPacked(
        getNodeName(matrix.getDefiningOp()), rows, columns, side,
        [=, read = read, cache = cache] { return readFloats(read, matrix, *cache); },
        [=, cache = cache](unsigned r, unsigned c) {
          return toHalf(cache->elements[(row + r) * cache->dims.back() + column + c]);
        });
  return found->second;
}

unsigned ConstantTensors::packOnes(unsigned rows, Hemisphere side) {
  auto [found, isNew] = known.try_emplace({rows, uint64_t(side)});
  if (isNew)
    found->second = addPacked(
        "ones", rows, model.planeColumns, side, [] { return llvm::Error::success(); },
        [](unsigned, unsigned) { return uint16_t(0x3c00); });
  return found->second;
}

unsigned ConstantTensors::addRows(Value value, int64_t rows, unsigned columns) {
  auto [found, isNew] = known.try_emplace({keyOf(value), uint64_t(rows), columns});
  if (!isNew)
    return found->second;
  StreamTensor tensor;
  tensor.kind = StreamTensor::Constant;
  tensor.name = getNodeName(value.getDefiningOp());
  tensor.side = program.tensors.size() % 2 ? Hemisphere::West : Hemisphere::East;
  tensor.shape = TensorShape::dense(Element::Float32, rows, columns, model);
  tensor.fill = [=, read = read, cache = cache, shape = tensor.shape,
                 lanes = model.lanes()](llvm::MutableArrayRef<uint8_t> words) -> llvm::Error {
    if (llvm::Error error = readFloats(read, value, *cache))
      return error;
    // Fewer elements than the matrix has are repeated: a row for each row, or one number for all.
    size_t count = cache->elements.size();
    size_t next = 0;
    for (unsigned vector = 0; vector < shape.numVectors(); ++vector)
      for (unsigned byte = 0; byte < 4; ++byte)
        for (int64_t row = 0; row < shape.rows; ++row)
          for (unsigned lane = 0; lane < lanes; ++lane) {
            size_t column = size_t(vector) * lanes + lane;
            uint32_t bits = 0;
            if (column < columns)
              std::memcpy(&bits, &cache->elements[(row * columns + column) % count], 4);
            words[next++] = bits >> (8 * byte);
          }
    return llvm::Error::success();
  };
  return found->second = program.add(std::move(tensor));
}
