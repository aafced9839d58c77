//===- ConstantTensors.cpp - Weights as a streaming chip reads them --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/ConstantTensors.h"

#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

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

static void addKey(std::vector<uint64_t> &key, llvm::ArrayRef<LanePart> parts) {
  for (const LanePart &part : parts)
    key.insert(key.end(), {part.column, part.columns, part.vector, part.lane});
}

/// The column in each lane; -1: none.
static std::vector<int64_t> columnsByLane(llvm::ArrayRef<LanePart> parts, unsigned lanes) {
  std::vector<int64_t> columns(lanes, -1);
  for (const LanePart &part : parts)
    for (unsigned i = 0; i < part.columns; ++i)
      columns[part.lane + i] = part.column + i;
  return columns;
}

llvm::Error ConstantTensors::readInto(const ConstantReader &read, Value value, Cache &cache) {
  if (cache.value == value)
    return llvm::Error::success();
  llvm::Expected<HostTensor> tensor = read(value);
  if (!tensor)
    return tensor.takeError();
  if (tensor->type != ElementType::F32 && tensor->type != ElementType::I8)
    return internalError("a constant of a streaming chip is of f32 or i8");
  cache = {value, std::move(*tensor)};
  return llvm::Error::success();
}

bool ConstantTensors::isCounted(llvm::ArrayRef<uint64_t> key, llvm::ArrayRef<LanePart> columns, unsigned perLoad) {
  uint64_t width = columns.back().lane + columns.back().columns;
  uint64_t bytes = llvm::divideCeil(width, perLoad) * model.loadStreams() * model.lanes();
  if (keptBytes <= 2 * model.memoryBytes()) {
    keptBytes += known.count(key.vec()) ? 0 : bytes;
    return false;
  }
  if (!known.count(key.vec()) && counted.insert(llvm::hash_combine_range(key)).second)
    program.omittedBytes += bytes;
  return true;
}

unsigned ConstantTensors::addPacked(std::string name, llvm::ArrayRef<LanePart> rows, llvm::ArrayRef<LanePart> columns,
                                    Hemisphere side, std::function<llvm::Error()> prepare,
                                    std::function<uint16_t(unsigned, unsigned)> element) {
  StreamTensor tensor;
  tensor.kind = StreamTensor::Constant;
  tensor.name = std::move(name);
  tensor.side = side;
  unsigned perLoad = model.columnsPerLoad(), streams = model.loadStreams(), lanes = model.lanes(),
           halfLanes = model.halfLanes(), width = columns.back().lane + columns.back().columns,
           loads = (width + perLoad - 1) / perLoad;
  tensor.shape = TensorShape::dense(Element::Int8, loads, streams * lanes, model);
  // Streams 2 i and 2 i + 1 carry columns 2 i and 2 i + 1 of a LOAD, one in each half of the lanes.
  tensor.fill = [=, rows = rows.vec(), columns = columns.vec()](llvm::MutableArrayRef<uint8_t> words) -> llvm::Error {
    if (llvm::Error error = prepare())
      return error;
    std::vector<int64_t> rowOf = columnsByLane(rows, halfLanes), columnOf = columnsByLane(columns, loads * perLoad);
    size_t next = 0;
    for (unsigned stream = 0; stream < streams; ++stream)
      for (unsigned load = 0; load < loads; ++load)
        for (unsigned lane = 0; lane < lanes; ++lane) {
          int64_t column = columnOf[load * perLoad + stream / 2 * 2 + lane / halfLanes], row = rowOf[lane % halfLanes];
          uint16_t bits = column >= 0 && row >= 0 ? element(row, column) : 0;
          words[next++] = stream % 2 ? bits >> 8 : bits & 255;
        }
    return llvm::Error::success();
  };
  return program.add(std::move(tensor));
}

unsigned ConstantTensors::packHalves(Value matrix, llvm::ArrayRef<LanePart> rows, llvm::ArrayRef<LanePart> columns,
                                     Hemisphere side) {
  std::vector<uint64_t> key = {1, keyOf(matrix), uint64_t(side), rows.size()};
  addKey(key, rows);
  addKey(key, columns);
  if (isCounted(key, columns, model.columnsPerLoad()))
    return 0;
  auto [found, isNew] = known.try_emplace(key);
  if (isNew)
    found->second = addPacked(
        getNodeName(matrix.getDefiningOp()), rows, columns, side,
        [=, read = read, cache = cache] { return readInto(read, matrix, *cache); },
        [cache = cache](unsigned row, unsigned column) {
          return toHalf(cache->tensor.as<float>()[row * cache->tensor.dims.back() + column]);
        });
  return found->second;
}

unsigned ConstantTensors::packBytes(Value matrix, llvm::ArrayRef<LanePart> rows, llvm::ArrayRef<LanePart> columns,
                                    Hemisphere side) {
  std::vector<uint64_t> key = {8, keyOf(matrix), uint64_t(side), rows.size()};
  addKey(key, rows);
  addKey(key, columns);
  if (isCounted(key, columns, model.loadStreams()))
    return 0;
  auto [found, isNew] = known.try_emplace(key);
  if (!isNew)
    return found->second;
  StreamTensor tensor;
  tensor.kind = StreamTensor::Constant;
  tensor.name = getNodeName(matrix.getDefiningOp());
  tensor.side = side;
  unsigned streams = model.loadStreams(), lanes = model.lanes(),
           loads = (columns.back().lane + columns.back().columns + streams - 1) / streams;
  tensor.shape = TensorShape::dense(Element::Int8, loads, streams * lanes, model);
  tensor.fill = [=, read = read, cache = cache, rows = rows.vec(),
                 columns = columns.vec()](llvm::MutableArrayRef<uint8_t> words) -> llvm::Error {
    if (llvm::Error error = readInto(read, matrix, *cache))
      return error;
    std::vector<int64_t> rowOf = columnsByLane(rows, lanes), columnOf = columnsByLane(columns, loads * streams);
    llvm::ArrayRef<int8_t> codes = cache->tensor.as<int8_t>();
    int64_t width = cache->tensor.dims.back();
    size_t next = 0;
    for (unsigned stream = 0; stream < streams; ++stream)
      for (unsigned load = 0; load < loads; ++load)
        for (unsigned lane = 0; lane < lanes; ++lane) {
          int64_t column = columnOf[load * streams + stream], row = rowOf[lane];
          words[next++] = column >= 0 && row >= 0 ? codes[row * width + column] : 0;
        }
    return llvm::Error::success();
  };
  return found->second = program.add(std::move(tensor));
}

llvm::Expected<double> ConstantTensors::readNumber(Value value) {
  llvm::Expected<HostTensor> tensor = read(value);
  if (!tensor)
    return tensor.takeError();
  if (tensor->numElements() != 1)
    return internalError("a scale of activations is one number");
  switch (tensor->type) {
  case ElementType::F32:
    return tensor->as<float>()[0];
  case ElementType::I8:
    return tensor->as<int8_t>()[0];
  case ElementType::U8:
    return tensor->as<uint8_t>()[0];
  default:
    return internalError("a scale is of f32, and a zero point of 8 bits");
  }
}

unsigned ConstantTensors::packOnes(llvm::ArrayRef<LanePart> rows, Hemisphere side) {
  // Which lanes they are is all that matters.
  std::vector<LanePart> lanes(rows);
  for (LanePart &part : lanes)
    part.column = 0;
  std::vector<uint64_t> key = {2, uint64_t(side)};
  addKey(key, lanes);
  auto [found, isNew] = known.try_emplace(key);
  if (isNew)
    found->second = addPacked(
        "ones", lanes, LanePart{0, model.planeColumns, 0, 0}, side, [] { return llvm::Error::success(); },
        [](unsigned, unsigned) { return uint16_t(0x3c00); });
  return found->second;
}

/// The column in each lane of each vector; -1: none.
static std::vector<std::vector<int64_t>> columnsByVector(llvm::ArrayRef<LanePart> columns, unsigned lanes) {
  std::vector<std::vector<int64_t>> columnOf;
  for (unsigned vector = 0; vector <= columns.back().vector; ++vector) {
    std::vector<LanePart> parts;
    llvm::copy_if(columns, std::back_inserter(parts), [&](const LanePart &part) { return part.vector == vector; });
    columnOf.push_back(columnsByLane(parts, lanes));
  }
  return columnOf;
}

unsigned ConstantTensors::addRows(Value value, int64_t rows, llvm::ArrayRef<LanePart> columns) {
  std::vector<uint64_t> key = {5, uint64_t(rows)};
  addKey(key, columns);
  unsigned count = columns.back().column + columns.back().columns;
  Hemisphere side = program.tensors.size() % 2 ? Hemisphere::West : Hemisphere::East;
  // Fewer elements than the matrix has are repeated: a row for each row, or one number for all.
  return addMade(value, llvm::hash_combine_range(key), rows, columns.back().vector + 1, side,
                 [=, columnOf = columnsByVector(columns, model.lanes())](const HostTensor &tensor, unsigned vector,
                                                                         int64_t row, unsigned lane) {
                   int64_t column = columnOf[vector][lane];
                   llvm::ArrayRef<float> elements = tensor.as<float>();
                   return column < 0 ? 0.0f : elements[(row * count + column) % elements.size()];
                 });
}

unsigned ConstantTensors::addColumnSums(Value matrix, int32_t factor, llvm::ArrayRef<LanePart> columns) {
  std::vector<uint64_t> key = {9, uint64_t(factor)};
  addKey(key, columns);
  Hemisphere side = program.tensors.size() % 2 ? Hemisphere::West : Hemisphere::East;
  unsigned tensor = addMade(matrix, llvm::hash_combine_range(key), 1, columns.back().vector + 1, side,
                            [=, columnOf = columnsByVector(columns, model.lanes())](
                                const HostTensor &codes, unsigned vector, int64_t, unsigned lane) {
                              int32_t sum = 0;
                              int64_t column = columnOf[vector][lane], width = codes.dims.back();
                              for (int64_t row = 0; column >= 0 && row < codes.dims.front(); ++row)
                                sum += codes.as<int8_t>()[row * width + column];
                              return llvm::bit_cast<float>(sum * factor); // the bits of a whole number
                            });
  program.tensors[tensor].shape.type = Element::Int32;
  return tensor;
}

unsigned ConstantTensors::addTable(Value matrix, int64_t first, int64_t rows, llvm::ArrayRef<LanePart> columns,
                                   Hemisphere side) {
  std::vector<uint64_t> key = {6, uint64_t(first), uint64_t(rows), uint64_t(side)};
  addKey(key, columns);
  return addMade(matrix, llvm::hash_combine_range(key), rows, columns.back().vector + 1, side,
                 [=, columnOf = columnsByVector(columns, model.lanes())](const HostTensor &tensor, unsigned vector,
                                                                         int64_t row, unsigned lane) {
                   int64_t column = columnOf[vector][lane];
                   return column < 0 ? 0.0f : tensor.as<float>()[(first + row) * tensor.dims.back() + column];
                 });
}

unsigned ConstantTensors::addMade(Value value, uint64_t key, int64_t rows, unsigned numVectors, Hemisphere side,
                                  std::function<float(const HostTensor &, unsigned, int64_t, unsigned)> element) {
  auto [found, isNew] = known.try_emplace({3, keyOf(value), key});
  if (!isNew)
    return found->second;
  StreamTensor tensor;
  tensor.kind = StreamTensor::Constant;
  tensor.name = getNodeName(value.getDefiningOp());
  tensor.side = side;
  tensor.shape = TensorShape::dense(Element::Float32, rows, numVectors * model.lanes(), model);
  tensor.fill = [=, read = read, cache = cache,
                 lanes = model.lanes()](llvm::MutableArrayRef<uint8_t> words) -> llvm::Error {
    if (llvm::Error error = readInto(read, value, *cache))
      return error;
    size_t next = 0;
    for (unsigned vector = 0; vector < numVectors; ++vector)
      for (unsigned byte = 0; byte < 4; ++byte)
        for (int64_t row = 0; row < rows; ++row)
          for (unsigned lane = 0; lane < lanes; ++lane)
            words[next++] = llvm::bit_cast<uint32_t>(element(cache->tensor, vector, row, lane)) >> (8 * byte);
    return llvm::Error::success();
  };
  return found->second = program.add(std::move(tensor));
}

unsigned ConstantTensors::addElements(Value value, uint64_t key, int64_t rows, llvm::ArrayRef<LanePart> columns,
                                      std::function<int64_t(int64_t, int64_t)> chosen) {
  std::vector<uint64_t> all = {11, key, uint64_t(rows)};
  addKey(all, columns);
  Hemisphere side = program.tensors.size() % 2 ? Hemisphere::West : Hemisphere::East;
  return addMade(value, llvm::hash_combine_range(all), rows, columns.back().vector + 1, side,
                 [chosen = std::move(chosen), columnOf = columnsByVector(columns, model.lanes())](
                     const HostTensor &tensor, unsigned vector, int64_t row, unsigned lane) {
                   int64_t column = columnOf[vector][lane];
                   return column < 0 ? 0.0f : tensor.as<float>()[chosen(row, column)];
                 });
}

unsigned ConstantTensors::addRow(std::vector<float> elements) {
  std::vector<uint64_t> key = {10};
  for (float element : elements)
    key.push_back(llvm::bit_cast<uint32_t>(element));
  auto [found, isNew] = known.try_emplace(key);
  if (!isNew)
    return found->second;
  StreamTensor tensor;
  tensor.kind = StreamTensor::Constant;
  tensor.name = "row";
  tensor.side = program.tensors.size() % 2 ? Hemisphere::West : Hemisphere::East;
  tensor.shape = TensorShape::dense(Element::Float32, 1, elements.size(), model);
  tensor.fill = [elements = std::move(elements), lanes = model.lanes()](llvm::MutableArrayRef<uint8_t> words) {
    for (size_t i = 0; i < elements.size(); ++i)
      for (unsigned byte = 0; byte < 4; ++byte)
        words[(i / lanes * 4 + byte) * lanes + i % lanes] = llvm::bit_cast<uint32_t>(elements[i]) >> (8 * byte);
    return llvm::Error::success();
  };
  return found->second = program.add(std::move(tensor));
}

unsigned ConstantTensors::addChosen(BlockArgument argument, llvm::StringRef name, uint64_t key, int64_t rows,
                                    Hemisphere side, llvm::function_ref<int64_t(int64_t, unsigned)> chosen) {
  auto [found, isNew] = known.try_emplace({7, argument.getArgNumber(), uint64_t(side), key});
  if (!isNew)
    return found->second;
  StreamTensor tensor;
  tensor.kind = StreamTensor::Input;
  tensor.name = (name + "." + llvm::Twine(program.tensors.size())).str();
  tensor.side = side;
  tensor.shape = TensorShape::dense(Element::Float32, rows, model.lanes(), model);
  tensor.host = {argument.getArgNumber(), StreamTensor::Chosen, {}};
  for (int64_t row = 0; row < rows; ++row)
    for (unsigned lane = 0; lane < model.lanes(); ++lane)
      tensor.host.chosen.push_back(chosen(row, lane));
  return found->second = program.add(std::move(tensor));
}

unsigned sinter::stream::getColumn(unsigned row, unsigned strips, unsigned run) {
  unsigned inRuns = row % (strips * run);
  return row - inRuns + inRuns % run * strips + inRuns / run;
}

unsigned ConstantTensors::addIdentity(Hemisphere side, unsigned run) {
  auto [found, isNew] = known.try_emplace({4, uint64_t(side), run});
  if (!isNew)
    return found->second;
  StreamTensor tensor;
  tensor.kind = StreamTensor::Constant;
  tensor.name = "identity";
  tensor.side = side;
  unsigned rows = model.halfLanes(), lanes = model.lanes(), strips = model.rowsPerLoad(/*isFloat16=*/true);
  tensor.shape = TensorShape::dense(Element::Float16, rows, lanes, model);
  tensor.fill = [=](llvm::MutableArrayRef<uint8_t> words) {
    size_t next = 0;
    for (unsigned byte = 0; byte < 2; ++byte)
      for (unsigned row = 0; row < rows; ++row)
        for (unsigned lane = 0; lane < lanes; ++lane)
          words[next++] = byte == 1 && lane % rows == getColumn(row, strips, run) ? 0x3c : 0;
    return llvm::Error::success();
  };
  return found->second = program.add(std::move(tensor));
}
