//===- Placer.h - Gives the work of a streaming chip its time and place ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The placer is given tasks in an order in which each finds its inputs, and places
// one after the other, at the earliest cycle at which all that it needs is free: a
// list scheduler over a Timetable. The pieces of a task stand at fixed distances in
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
#include "targets/stream/Placement/SlicePlan.h"

#include "llvm/Support/Error.h"

#include <map>
#include <memory>
#include <set>

namespace sinter::stream {

class Placer {
public:
  /// Places a whole program, several times with one plan of slices after the other; the shortest schedule is returned.
  /// `model` must outlive it.
  static llvm::Expected<std::unique_ptr<Placer>> place(const StreamProgram &program, const TargetModel &model);

  const std::vector<ChipTensor> &tensors() const { return chipTensors; }
  const std::vector<Issue> &issues() const { return placed; }
  /// The first and last cycle in which something is issued for a task, by task.
  struct Span {
    int64_t first, last;
  };
  const std::vector<Span> &spans() const { return taskSpans; }
  /// By when all that was placed is complete, in all superlanes.
  int64_t cycles() const { return end + model.superlanes; }

private:
  /// Without a plan, slices are never busy, and their words no one's.
  Placer(const TargetModel &model, std::optional<SlicePlan> plan);
  /// First what is there before cycle 0, then one task after the other.
  llvm::Error placeAll(const StreamProgram &program, llvm::ArrayRef<size_t> order);

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

  /// Notes which vectors one task reads and writes: their words must be in different slices, or the task would have no
  /// cycle.
  void findPartners(const StreamProgram &program);
  /// A slice for a strip: none where another strip of the vector, or a vector that goes with it, lies, or where
  /// `isFree` says no. The planned one if that is free, else the one that is the least busy.
  std::optional<WordRange> findSlice(unsigned tensor, unsigned strip, int64_t cycle,
                                     llvm::function_ref<bool(const WordRange &)> isFree);
  void take(const WordRange &range);
  void giveBack(const WordRange &range, int64_t cycle);
  llvm::Error placeConstant(unsigned tensor);
  llvm::Error placeTask(const Task &task);
  /// What one stream of a LOAD carries: words of a strip from `word` on.
  struct LoadSource {
    unsigned stream, strip, word;
  };

  llvm::Error placeProduct(const Task &task, const VectorTiming &timing);
  llvm::Error placeVectors(const Task &task, const VectorTiming &timing);
  /// Calls `attempt` with cycles from `earliest` on until it succeeds; it returns by how much to wait, 0 for success.
  /// What a failed attempt claimed is taken back. Returns the cycle.
  llvm::Expected<int64_t> search(int64_t earliest, llvm::function_ref<int64_t(int64_t)> attempt);

  int64_t inTheWay(const char *what, int64_t delay) {
    obstacle = what;
    return delay;
  }

  /// Accesses of words of a strip. Those that no instruction can have in common with another access (a gather has both
  /// banks, and addresses of one instruction have one step) have the slice alone.
  struct SliceAccess {
    unsigned tensor, strip;
    WordRange words; // the strip's
    bool isWrite;
    schedule::Cycles cycles;
    int step = 1;
    bool isIndirect = false;

    bool isAlone() const { return isIndirect || cycles.interval != 1 || (cycles.count > 1 && step != 1); }
  };
  /// The slots of the timetable that an access takes: its port, and its bank.
  llvm::SmallVector<unsigned, 4> slotsOf(const SliceAccess &access) const;
  int64_t delayUntilFree(const SliceAccess &access) const;
  void claim(const SliceAccess &access);

  // Pieces of an attempt: each returns 0, or by how many cycles a next attempt should wait.
  int64_t loadPacked(unsigned tensor, bool isFloat16, Hemisphere side, unsigned plane, int64_t at);
  int64_t loadColumns(const ColumnLoad &columns, bool isFloat16, Hemisphere side, unsigned plane, int64_t at);
  int64_t load(unsigned tensor, llvm::ArrayRef<LoadSource> sources, LoadInstruction instruction, unsigned step,
               uint32_t superlanes, Hemisphere side, unsigned plane, const schedule::Cycles &loads);
  int64_t multiply(const Task &task, unsigned tile, Hemisphere side, unsigned plane, const VectorTiming &timing,
                   int64_t at);
  int64_t compute(const Task &task, const VectorTiming &timing, int64_t at, std::optional<StreamGroup> product);
  int64_t read(const RowsOf &rows, int64_t count, int64_t arrival, int position, StreamGroup &group);
  int getMoveLatency(unsigned laneMap) const;
  int64_t readMoved(const RowsOf &rows, int64_t count, int64_t arrival, unsigned laneMap, StreamGroup &group);
  int64_t lookUp(const RowsOf &table, const Lookup &lookup, int64_t count, int64_t arrival, StreamGroup &group,
                 std::map<std::pair<unsigned, int64_t>, StreamGroup> &underWay);
  int64_t write(const RowsOf &rows, int64_t count, int64_t start, StreamGroup &group);
  int64_t giveWords(unsigned tensor, unsigned vector, const std::vector<StripRows> &strips, int64_t start);
  int64_t claimStreams(Hemisphere direction, unsigned width, llvm::ArrayRef<Way> ways, unsigned &first);

  std::vector<StripRows> cutIntoStrips(const RowsOf &rows, int64_t count) const;
  /// From when on the first of `count` rows can arrive at a position, one in each cycle, or as LOADs take them.
  int64_t earliestArrival(const RowsOf &rows, int64_t count, int position, bool isLoad = false) const;
  Hemisphere directionTo(Hemisphere side, unsigned slice, int position) const;
  void issue(unsigned queue, schedule::Cycles cycles, int step, decltype(Issue::instruction) instruction, int latency);
  Plane &planeState(Hemisphere side, unsigned plane) {
    return planes[static_cast<unsigned>(side) * model.planesPerHemisphere + plane];
  }

  const TargetModel &model;
  std::optional<SlicePlan> plan;
  schedule::Timetable table;
  ChipMemory chipMemory;
  std::vector<std::vector<uint16_t>> laneMaps; // the program's
  std::vector<ChipTensor> chipTensors;
  std::vector<unsigned> firstStrips; // by tensor, of all strips
  std::vector<Issue> placed;
  std::vector<Plane> planes;
  std::map<VectorKey, std::set<VectorKey>> partners;
  /// What an attempt took of the memory: the strip's number, and from when its words were free.
  struct Given {
    unsigned tensor, strip;
    int64_t from;
  };
  std::vector<Given> given;
  std::vector<StripAccess> accesses;
  unsigned nextSlice[2] = {0, 0};
  int64_t end = 0;
  std::vector<Span> taskSpans;
  std::vector<int64_t> begins; // of tasks: the first row
  const char *obstacle = "";   // of the last attempt that failed
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_PLACER_H
