//===- ConstantTensors.h - Weights as a streaming chip reads them ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_LOWERING_CONSTANTTENSORS_H
#define SINTER_TARGETS_STREAM_LOWERING_CONSTANTTENSORS_H

#include "targets/stream/Lowering/LowerGraph.h"

#include <map>

namespace sinter::stream {

/// Adds constants to a program, each once. Their values are read when the program is emitted, one weight at a time.
class ConstantTensors {
public:
  ConstantTensors(StreamProgram &program, const TargetModel &model, ConstantReader read);

  /// Rows [row, row + rows) and columns [column, column + columns) of a matrix of floats, rounded to fp16, as one packed
  /// array: at most K rows and as many columns as a plane has.
  unsigned packHalves(mlir::Value matrix, unsigned row, unsigned rows, unsigned column, unsigned columns,
                      Hemisphere side);
  /// An array whose columns all add up `rows` elements.
  unsigned packOnes(unsigned rows, Hemisphere side);
  /// A tensor of f32 whose elements broadcast to [rows][columns], as a matrix of these sizes.
  unsigned addRows(mlir::Value value, int64_t rows, unsigned columns);

private:
  /// The last tensor that was read: tiles of one weight are filled one after the other.
  struct Cache {
    mlir::Value value;
    std::vector<float> elements;
    std::vector<int64_t> dims;
  };
  static llvm::Error readFloats(const ConstantReader &read, mlir::Value value, Cache &cache);
  unsigned addPacked(std::string name, unsigned rows, unsigned columns, Hemisphere side,
                     std::function<llvm::Error()> prepare, std::function<uint16_t(unsigned, unsigned)> element);

  StreamProgram &program;
  const TargetModel &model;
  ConstantReader read;
  std::shared_ptr<Cache> cache = std::make_shared<Cache>();
  std::map<std::vector<uint64_t>, unsigned> known;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_CONSTANTTENSORS_H
