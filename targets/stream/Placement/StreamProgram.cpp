//===- StreamProgram.cpp - What a streaming chip is to compute ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Placement/StreamProgram.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace sinter::stream;

void sinter::stream::forEachAccess(const StreamProgram &program, const Task &task,
                                   llvm::function_ref<void(const RowsOf &, int64_t, bool)> call) {
  for (const ProductTile &tile : task.tiles) {
    call(tile.activations, task.rows, false);
    for (const ColumnLoad &load : tile.loads) {
      // The last LOAD takes as many rows as the others, if there are so many.
      const TensorShape &shape = program.tensors[load.rows.tensor].shape;
      call(load.rows, std::min<int64_t>(llvm::alignTo(load.columns, shape.interleave), shape.rows - load.rows.row),
           false);
    }
  }
  for (size_t i = task.tiles.empty() ? 0 : 1; i < task.inputs.size(); ++i) {
    auto lookup = task.lookups.find(i);
    call(task.inputs[i], lookup == task.lookups.end() ? task.rows : 1, false);
    if (lookup != task.lookups.end())
      call(lookup->second.indices, task.rows, false);
  }
  for (const RowsOf &rows : task.results)
    call(rows, task.rows, true);
  for (auto &[result, numbers] : task.scatters)
    call(numbers, task.rows, false);
}
