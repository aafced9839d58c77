//===- LowerAttention.h - Attention as tasks of a streaming chip -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An array of weights multiplies rows by its columns, lane by lane, so that rows of
// queries as columns and rows of keys as activations give the scores transposed:
// keys as rows, and in the lanes the queries of several heads. There the greatest
// score and the sum are functions of vectors, row by row. Products of the identity's
// rows by an array of rows of fp16 turn these around, exactly: so weights become rows
// again that can be columns of an array, and the values rows of activations, whose
// products have the queries in the lanes, as the sums have by which they are divided.
// These are turned around last.
//
// Heads lie in halves of a vector, whole, and each begins with a superlane, so that
// a read can leave all others out.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_LOWERING_LOWERATTENTION_H
#define SINTER_TARGETS_STREAM_LOWERING_LOWERATTENTION_H

#include "targets/stream/Lowering/ConstantTensors.h"

namespace sinter::stream {

struct AttentionSizes {
  int64_t batches, queries, keys;
  unsigned heads, groups, size, valueSize;
  bool hasState = false; // of keys and values
};

/// How many of `heads` heads of `size` lie in each half of a vector: as many in each half as in the others, if that is
/// possible. 0 where a head is longer than a half.
unsigned countHeadsPerHalf(unsigned heads, unsigned size, const TargetModel &model);

/// How many keys of heads of `size` are summed up at once: `tile` of attention's numerics.
int64_t getKeyTile(int64_t keys, int64_t size, const TargetModel &model);

/// Rows that become columns are dealt out to strips in runs (TensorShape) as long as what begins within the rows
/// allows: batches, chunks of queries, tiles of keys. Those of a state take turns, so that their numbers need no
/// division.
struct AttentionRuns {
  AttentionRuns(const AttentionSizes &sizes, const TargetModel &model);
  /// How many queries, and how many keys, go together.
  int64_t chunk, keyTile;
  /// The runs of queries, of keys, and of a value's elements.
  unsigned queries, keys = 1, elements;
};

/// Where heads of `size` lie. With `repeats`, head h is where head h / repeats of heads / repeats would be, in the
/// (h % repeats)th of as many such rounds of vectors: the queries of a group have the lanes of its key.
/// None where a head is longer than half a vector.
std::optional<std::vector<LanePart>> layOutHeads(unsigned heads, unsigned size, unsigned repeats,
                                                 const TargetModel &model);

/// What attention reads, all of fp16: queries (scaled) and values dealt out for LOADs, keys not, one for each
/// hemisphere.
struct AttentionTensors {
  unsigned query[2], key[2], value[2];
};

/// Adds the tasks. `bias`, if any, follows from constants or is an argument, called `biasName`, and broadcasts to
/// [batches, heads, queries, keys]. The results are written by `finish`: for a vector of the result and rows from `row`
/// on, it turns tiles, whose sums are of fp16 already, into a task.
void lowerAttention(
    StreamProgram &program, ConstantTensors &constants, const TargetModel &model, const AttentionSizes &sizes,
    const AttentionTensors &tensors, mlir::Value bias, llvm::StringRef biasName, const std::string &node,
    llvm::function_ref<void(unsigned vector, int64_t row, int64_t rows, std::vector<ProductTile>)> finish);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_LOWERATTENTION_H
