//===- ConstantTensors.h - Weights as a streaming chip reads them ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_LOWERING_CONSTANTTENSORS_H
#define SINTER_TARGETS_STREAM_LOWERING_CONSTANTTENSORS_H

#include "targets/stream/Lowering/LowerGraph.h"

#include "llvm/ADT/DenseSet.h"

#include <map>

namespace sinter::stream {

/// Which column row `row` of a tensor becomes by LOADs (ColumnLoad), whose rows are dealt out to `strips` strips in
/// runs of `run`.
unsigned getColumn(unsigned row, unsigned strips, unsigned run);

/// Adds constants to a program, each once. Their values are read when the program is emitted, one weight at a time.
class ConstantTensors {
public:
  ConstantTensors(StreamProgram &program, const TargetModel &model, ConstantReader read);

  /// A matrix of floats, rounded to fp16, as one packed array: of its rows those that `rows` names, in lanes of one
  /// half of a vector; of its columns those that `columns` names, as columns of the plane. Zeros elsewhere.
  unsigned packHalves(mlir::Value matrix, llvm::ArrayRef<LanePart> rows, llvm::ArrayRef<LanePart> columns,
                      Hemisphere side);
  /// The same of a matrix of signed codes of 8 bits; rows in lanes of a whole vector.
  unsigned packBytes(mlir::Value matrix, llvm::ArrayRef<LanePart> rows, llvm::ArrayRef<LanePart> columns,
                     Hemisphere side);
  /// An array whose columns all add up the lanes that `rows` names.
  unsigned packOnes(llvm::ArrayRef<LanePart> rows, Hemisphere side);
  /// A tensor of f32 whose elements broadcast to [rows][columns], as a matrix of these sizes.
  unsigned addRows(mlir::Value value, int64_t rows, llvm::ArrayRef<LanePart> columns);
  /// A row of int32: for each column of a matrix of signed codes, `factor` times the sum of its rows.
  unsigned addColumnSums(mlir::Value matrix, int32_t factor, llvm::ArrayRef<LanePart> columns);
  /// The one element of a tensor.
  llvm::Expected<double> readNumber(mlir::Value value);
  /// Rows [row, row + rows) of a matrix of f32, a table to look them up in.
  unsigned addTable(mlir::Value matrix, int64_t row, int64_t rows, llvm::ArrayRef<LanePart> columns, Hemisphere side);
  /// A tensor of f32 made of a constant: element [row][lane] of vector `vector` is `element(values, vector, row,
  /// lane)`.
  unsigned addMade(mlir::Value value, uint64_t key, int64_t rows, unsigned numVectors, Hemisphere side,
                   std::function<float(const HostTensor &, unsigned, int64_t, unsigned)> element);
  /// A tensor of f32: element [row][column] is element `chosen(row, column)` of the constant.
  unsigned addElements(mlir::Value value, uint64_t key, int64_t rows, llvm::ArrayRef<LanePart> columns,
                       std::function<int64_t(int64_t, int64_t)> chosen);
  /// One row of f32, by vector and lane.
  unsigned addRow(std::vector<float> elements);
  /// A tensor of f32 of one vector, made by the host of an argument called `name`: element [row][lane] is element
  /// `chosen(row, lane)` of it, 0 where that is negative.
  unsigned addChosen(mlir::BlockArgument argument, llvm::StringRef name, uint64_t key, int64_t rows, Hemisphere side,
                     llvm::function_ref<int64_t(int64_t, unsigned)> chosen);
  /// Of fp16: row i has a one in that lane of both halves, and zeros elsewhere, which is the column that row i of a
  /// tensor in runs of `run` becomes by LOADs: i, with runs of one. Products of it by an array are the array's
  /// transposition, row by row.
  unsigned addIdentity(Hemisphere side, unsigned run);

private:
  /// The last tensor that was read: tiles of one weight are filled one after the other.
  struct Cache {
    mlir::Value value;
    HostTensor tensor;
  };
  static llvm::Error readInto(const ConstantReader &read, mlir::Value value, Cache &cache);
  /// Whether packed weights are only counted from here on: far more than the chip holds is there. Which tensor stands
  /// for them says nothing.
  bool isCounted(llvm::ArrayRef<uint64_t> key, llvm::ArrayRef<LanePart> columns, unsigned perLoad);
  unsigned addPacked(std::string name, llvm::ArrayRef<LanePart> rows, llvm::ArrayRef<LanePart> columns, Hemisphere side,
                     std::function<llvm::Error()> prepare, std::function<uint16_t(unsigned, unsigned)> element);

  StreamProgram &program;
  const TargetModel &model;
  ConstantReader read;
  std::shared_ptr<Cache> cache = std::make_shared<Cache>();
  std::map<std::vector<uint64_t>, unsigned> known;
  uint64_t keptBytes = 0;
  llvm::DenseSet<uint64_t> counted; // their hashes
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_CONSTANTTENSORS_H
