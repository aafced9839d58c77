//===- Embedding.h - Kernels that gather and add rows ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// y[b][s] = norm(sum of the sources' rows at (b, s)). Indices may count from the
// end (-1 is the last row). One that is out of range makes the kernel return 1 + its
// position b * batchStride + s * rowStride in the indices; nothing outside the table
// is read, and the row is left as it was.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_EMBEDDING_H
#define SINTER_TARGETS_CPU_KERNELS_EMBEDDING_H

#include "lib/Support/SizeExpr.h"
#include "targets/cpu/Kernels/KernelBuilder.h"

namespace sinter::cpu {

struct EmbeddingSpec {
  enum class Source {
    TableByI32, // rows of a table, chosen by 32-bit indices
    TableByI64,
    Rows // rows of a tensor, by batch and row
  };
  int64_t hiddenSize = 0;
  llvm::SmallVector<Source, 4> sources; // 1 to 4
  bool hasNorm = false, hasGamma = true, hasBeta = true;
  float epsilon = 1e-12f;

  enum Word : unsigned {
    Y, // pointer, f32 [batch][rows][hiddenSize]
    Gamma,
    Beta, // pointers
    Batch,
    NumRows, // integers: sizes of the two axes
    Source0, // per source five words, as below
  };
  enum SourceWord : unsigned {
    Data,        // pointer, f32: the table [TableRows][hiddenSize], or the tensor
    Indices,     // pointer; tables only
    TableRows,   // integer; tables only
    BatchStride, // in elements: of the indices, or of the tensor
    RowStride,
    WordsPerSource
  };
  unsigned numWords() const { return Source0 + WordsPerSource * sources.size(); }
  SizeExpr numTasks(const SizeExpr &batch, const SizeExpr &rows) const;
  int64_t scratchBytes() const { return 0; }
};

void buildEmbedding(KernelBuilder &k, llvm::StringRef name, const EmbeddingSpec &spec);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_EMBEDDING_H
