//===- Attention.h - Kernels of attention ---------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// out = softmax(Q K^T * scale + bias) V per batch element and head, the scores
// never in memory but for a block in the scratch memory.
//
// A task is one batch element, one head and 48 queries. Queries stand in the
// lanes: Q is transposed once, a tile of scores is K's elements broadcast times
// rows of Q^T, running maximum and sum need no shuffles, and the output is summed
// as O^T = V^T P. Q, K and V are read in place through strides, from the rows of
// a fused matmul as well.
//
// Semantics are those of softmax(scores * scale + bias) in f32: a row whose keys
// are all masked with one finite number (-1e4, the lowest f32) is an average of V,
// one masked with -infinity is NaN. Under `causal`, query i sees key j where
// j <= i + offset; a query that sees none is NaN.
//
// A query's bits depend on its own row, on the keys, and on nothing else: not on
// the batch, the other queries, tasks or threads.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_ATTENTION_H
#define SINTER_TARGETS_CPU_KERNELS_ATTENTION_H

#include "lib/Support/SizeExpr.h"
#include "targets/cpu/Kernels/KernelBuilder.h"

namespace sinter::cpu {

struct AttentionSpec {
  enum class Bias {
    None,
    PerKey,  // the same for all queries: BiasQueryStride is 0
    PerQuery // any strides
  };

  int64_t numHeads = 0, numKvHeads = 0; // the first a multiple of the second
  int64_t headSize = 0, valueHeadSize = 0;
  float scale = 1.0f;
  bool causal = false;
  Bias bias = Bias::None;
  /// Known distances between rows, in elements; 0: read from the words.
  int64_t qRowStride = 0, kRowStride = 0, vRowStride = 0, outRowStride = 0;

  /// The kernel's words. Strides are in elements; the head's own elements are
  /// contiguous. Biases are f32 and added to the scaled scores.
  enum Word : unsigned {
    Q,
    K,
    V,
    Out,
    BiasData, // pointers
    QueryLength,
    KeyLength, // integers, at least 1
    CausalOffset,
    QBatchStride,
    QHeadStride,
    QRowStride,
    KBatchStride,
    KHeadStride,
    KRowStride,
    VBatchStride,
    VHeadStride,
    VRowStride,
    OutBatchStride,
    OutHeadStride,
    OutRowStride,
    BiasBatchStride,
    BiasHeadStride,
    BiasQueryStride,
    BiasKeyStride,
    NumWords
  };
  static constexpr int64_t queriesPerTask = 48;
  SizeExpr numTasks(const SizeExpr &batch, const SizeExpr &queryLength) const;
  int64_t scratchBytes() const;
};

void buildAttention(KernelBuilder &k, llvm::StringRef name, const AttentionSpec &spec);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_ATTENTION_H
