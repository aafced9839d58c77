//===- StreamProgram.h - What a streaming chip is to compute ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors, and tasks that make tensors of tensors: all that is computed, and
// nothing of when and where. The placer gives it cycles, slices, streams and ALUs;
// the schedule's own statement of what it computes is made from it, too.
//
// A task is what cannot be torn apart in time: a number of vectors, one a cycle,
// that come from memory or an array of weights, go through a chain of ALUs and into
// memory.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_PLACEMENT_STREAMPROGRAM_H
#define SINTER_TARGETS_STREAM_PLACEMENT_STREAMPROGRAM_H

#include "targets/stream/Placement/VectorProgram.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sinter::stream {

/// Columns [column, column + columns) of a matrix are in lanes [lane, lane + columns) of vector `vector`.
struct LanePart {
  unsigned column, columns, vector, lane;
};

/// How a tensor is cut into vectors, and its rows are dealt out.
struct TensorShape {
  Element type = Element::Float32;
  int64_t rows = 0;
  std::vector<LanePart> parts;
  /// Rows are dealt out to so many strips, `run` neighbours to each before it is the next one's turn.
  unsigned interleave = 1, run = 1;

  /// Columns in their order, as many to a vector as there are lanes.
  static std::vector<LanePart> denseParts(unsigned columns, const TargetModel &model);
  static TensorShape dense(Element type, int64_t rows, unsigned columns, const TargetModel &model);
  unsigned numVectors() const { return parts.empty() ? 0 : parts.back().vector + 1; }
  unsigned numColumns() const { return parts.empty() ? 0 : parts.back().column + parts.back().columns; }
  unsigned wordsPerStrip() const { return (rows + interleave * run - 1) / (interleave * run) * run; }
  /// The strip of a row, and which word of it the row is.
  unsigned stripOf(int64_t row) const { return row / run % interleave; }
  unsigned wordOf(int64_t row) const { return row / (int64_t(interleave) * run) * run + row % run; }
  /// How many rows of runs of one a strip has.
  unsigned rowsInStrip(unsigned strip) const { return (rows - strip + interleave - 1) / interleave; }
  /// By which number a scatter finds the first row of a strip: its words follow those of the strips before it. A row
  /// behind the last one has a number, too, by which nothing is written.
  unsigned firstNumber(unsigned strip) const { return strip * (wordsPerStrip() + 1); }
  unsigned numStrips() const { return numVectors() * getBytes(type) * interleave; }
};

struct StreamTensor {
  /// A state keeps its words from run to run: it lies where its like lies in each program that has the same states.
  enum Kind { Temporary, Input, Output, Constant, State } kind = Temporary;
  std::string name;
  TensorShape shape;
  Hemisphere side = Hemisphere::East;
  /// Of an input: what the host makes of an argument of the function. Its elements in their order; or, of whole
  /// numbers, each one in all columns of a row; or for each element of the matrix the one that `chosen` says, 0 where
  /// that is negative.
  enum HostForm { Elements, Indices, Chosen };
  struct HostSource {
    unsigned argument = 0;
    HostForm form = Elements;
    std::vector<int32_t> chosen = {};
  } host = {};
  /// Farther from the VXM than any table, so that numbers of rows reach all slices of tables on their way inward, each
  /// at the cycle that lets all results arrive together.
  bool isOutermost = false;
  /// Rows behind the last that is written are read, too, and must be zeros: its words hold nothing before.
  bool isPadded = false;
  /// Constant: writes the words of the tensor's strips, strip after strip, `lanes` bytes each.
  std::function<llvm::Error(llvm::MutableArrayRef<uint8_t>)> fill;
};

/// Rows of one vector of a tensor: row, row + step, ...; step 0 is the same row each time. Of a tensor that is dealt
/// out, the step is 0 or 1.
struct RowsOf {
  unsigned tensor = 0, vector = 0;
  int64_t row = 0;
  int step = 1;
};

enum class Half : uint8_t { Low, High, Both };

/// Rows of one vector of a table, looked up: row i is row `indices`[i] - first of the table, or zeros where it has
/// none. The indices are numbers of 16 bits, in all lanes, in the table's hemisphere.
struct Lookup {
  RowsOf indices;
  unsigned first = 0;
};

/// Rows of a tensor, dealt out to as many strips as a LOAD takes rows, that become columns of an array: `superlanes` of
/// them, zeros elsewhere. Each LOAD takes a word of each of the S strips, so that with runs of n column S j + s is row
/// s n + j, for each S n rows, with which such rows begin.
struct ColumnLoad {
  RowsOf rows;
  Half half = Half::Low; // fp16: which lanes of the rows
  unsigned column = 0, columns = 0;
  uint32_t superlanes = ~0u;
};

/// An array of weights, and the activations that it multiplies.
struct ProductTile {
  RowsOf activations;
  Half half = Half::Low; // fp16: which lanes of the activations
  /// A constant of int8 whose vector i is what stream i of LOADs carries, and whose rows are LOADs; or, if there are
  /// `loads`, these.
  unsigned weights = 0;
  std::vector<ColumnLoad> loads;
};

/// Products of rows by a column of tiles, summed in their order, then a function of the sums; or only a function of
/// rows.
struct Task {
  bool isFloat16 = false;
  std::vector<ProductTile> tiles;
  int64_t rows = 0;
  std::shared_ptr<const VectorProgram> program;
  std::vector<RowsOf> inputs; // of the program; that of the product is ignored
  /// Of a running result: the rows of its last values, one for each chain.
  std::vector<RowsOf> results;
  /// Of the source model's node, for reports.
  std::string node;
  /// By input: where it is not rows of the tensor but rows that are looked up in it.
  std::map<unsigned, Lookup> lookups = {};
  /// By input: by which of the program's tables the lanes of its rows are moved. Of tasks without products.
  std::map<unsigned, unsigned> moves = {};
  /// By result: where it is not rows of the tensor but rows of a state that numbers say (TensorShape::firstNumber),
  /// of 16 bits, in all lanes, in the other hemisphere: they move outward with what is written. Rows that are not
  /// written stay.
  std::map<unsigned, RowsOf> scatters = {};
};

struct StreamProgram {
  std::vector<StreamTensor> tensors;
  std::vector<Task> tasks;
  /// Lane i gets lane table[i], or zero where that is the number of lanes.
  std::vector<std::vector<uint16_t>> laneMaps;

  /// Of constants that are not among the tensors, the program being too large by far.
  uint64_t omittedBytes = 0;

  unsigned addLaneMap(std::vector<uint16_t> map) {
    for (unsigned i = 0; i < laneMaps.size(); ++i)
      if (laneMaps[i] == map)
        return i;
    return laneMaps.push_back(std::move(map)), laneMaps.size() - 1;
  }
  unsigned add(StreamTensor tensor) { return tensors.push_back(std::move(tensor)), tensors.size() - 1; }
};

/// Calls with the rows that a task reads and writes, and how many of them. Of a table in which it looks rows up the
/// first row stands for all.
void forEachAccess(const StreamProgram &program, const Task &task,
                   llvm::function_ref<void(const RowsOf &rows, int64_t count, bool isWrite)> call);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_STREAMPROGRAM_H
