//===- Placer.h - Gives the work of a streaming chip its time and place ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The placer is given tasks in an order in which each finds its inputs, and places
// one after the other, at the earliest cycle at which all that it needs is free: a
// list scheduler over a Timetable. A task is what cannot be torn apart in time: a
// number of vectors, one a cycle, that come from memory or an array of weights, go
// through a chain of ALUs and into memory. Its pieces stand at fixed distances in
// time, which follow from the ways between units, so that a single number, the cycle
// of its first piece, decides all.
//
// Rows are the unit of dependence: a task that reads rows that another writes may
// follow it row by row.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_PLACEMENT_PLACER_H
#define SINTER_TARGETS_STREAM_PLACEMENT_PLACER_H

#include "targets/stream/Placement/ChipMemory.h"
#include "targets/stream/Placement/Instructions.h"

#include "llvm/Support/Error.h"

namespace sinter::stream {

/// Rows of one vector of a tensor: row, row + step, ...; step 0 is the same row each time.
struct RowsOf {
  unsigned tensor = 0, vector = 0;
  int64_t row = 0;
  int step = 1;
};

/// An array of weights, and the activations that it multiplies.
struct ProductTile {
  RowsOf activations;
  Half half = Half::Low; // fp16: which lanes of the activations
  /// Weights: `columns` columns. Packed: a tensor of `loadStreams` strips, whose words are LOADs one after the other.
  /// Else rows of a tensor, each a column, of which only `superlanes` are read.
  unsigned weights = 0;
  bool isPacked = true;
  unsigned vector = 0;
  int64_t row = 0;
  unsigned column = 0, columns = 0;
  uint32_t superlanes = ~0u;
};

/// Products of rows by a column of tiles, summed in their order, then a function of the sums.
struct Task {
  bool isFloat16 = false;
  std::vector<ProductTile> tiles; // none: no product
  int64_t rows = 0;
  const VectorProgram *program = nullptr;
  std::vector<RowsOf> inputs; // of the program; that of the product is ignored
  std::vector<RowsOf> results;
};

class Placer {
public:
  explicit Placer(const TargetModel &model);

  /// A tensor that lies in memory before cycle 0, or is to be written by tasks, in the slices of one hemisphere.
  unsigned addTensor(std::string name, TensorShape shape, Hemisphere side);
  /// Gives a tensor that is there before cycle 0 its words. A Failure (DoesNotFit) where there are none.
  llvm::Error placeConstant(unsigned tensor);
  ChipTensor &tensor(unsigned index) { return tensors[index]; }
  const std::vector<ChipTensor> &allTensors() const { return tensors; }

  llvm::Error place(const Task &task);
  /// No later task reads the tensor: its words can be used again.
  void release(unsigned tensor);

  const std::vector<Issue> &issues() const { return placed; }
  /// By when all that was placed is complete, in all superlanes.
  int64_t cycles() const { return end + model.superlanes; }
  const ChipMemory &memory() const { return chipMemory; }

private:
  struct Plane {
    int64_t lastSwap = -1, lastRow = -1;
    bool isFloat16 = false;
  };
  /// Values of one byte on their way: put on in these cycles at `from`, last sampled at `to`.
  struct Way {
    unsigned byte;
    schedule::Cycles cycles;
    int from, to;
  };
  /// The rows of one strip that a burst of rows takes.
  struct StripRows {
    unsigned residue;
    schedule::Cycles offsets; // of the rows, in the burst
    unsigned word;            // of the first, in the strip
    int step;
  };

  llvm::Error placeProduct(const Task &task, const VectorTiming &timing);
  llvm::Error placeVectors(const Task &task, const VectorTiming &timing);
  /// Calls `attempt` with cycles from `earliest` on until it succeeds; it returns by how much to wait, 0 for success.
  /// What a failed attempt claimed is taken back. Returns the cycle.
  llvm::Expected<int64_t> search(int64_t earliest, llvm::function_ref<int64_t(int64_t)> attempt);

  // Pieces of an attempt: each returns 0, or by how many cycles a next attempt should wait.
  int64_t load(const ProductTile &tile, bool isFloat16, Hemisphere side, unsigned plane, int64_t at);
  int64_t multiply(const Task &task, unsigned tile, Hemisphere side, unsigned plane, const VectorTiming &timing,
                   int64_t at);
  int64_t compute(const Task &task, const VectorTiming &timing, int64_t at, std::optional<StreamGroup> product);
  int64_t read(const RowsOf &rows, int64_t count, int64_t arrival, int position, StreamGroup &group);
  int64_t write(const RowsOf &rows, int64_t count, int64_t start, StreamGroup &group);
  int64_t giveWords(unsigned tensor, unsigned vector, const std::vector<StripRows> &strips, int64_t start);
  int64_t claimStreams(Hemisphere direction, unsigned width, llvm::ArrayRef<Way> ways, unsigned &first);

  std::vector<StripRows> cutIntoStrips(const RowsOf &rows, int64_t count) const;
  /// From when on the first of `count` rows can arrive at a position, so many in each cycle.
  int64_t earliestArrival(const RowsOf &rows, int64_t count, int position, unsigned rowsPerCycle = 1) const;
  Hemisphere directionTo(Hemisphere side, unsigned slice, int position) const;
  void issue(unsigned queue, schedule::Cycles cycles, int step, decltype(Issue::instruction) instruction, int latency);
  /// Rows of a tensor that one LOAD makes columns of.
  unsigned rowsPerLoad(bool isFloat16) const { return model.loadStreams() / (isFloat16 ? 2 : 1); }
  Plane &planeState(Hemisphere side, unsigned plane) {
    return planes[static_cast<unsigned>(side) * model.planesPerHemisphere + plane];
  }

  const TargetModel &model;
  schedule::Timetable table;
  ChipMemory chipMemory;
  std::vector<ChipTensor> tensors;
  std::vector<Issue> placed;
  std::vector<Plane> planes;
  /// What an attempt took of the memory: the strip's number, and from when its words were free.
  struct Given {
    unsigned tensor, strip;
    int64_t from;
  };
  std::vector<Given> given;
  unsigned nextSlice[2] = {0, 0};
  int64_t end = 0;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_PLACER_H
